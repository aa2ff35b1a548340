//! CSV that a spreadsheet shows as it is.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A text cell that no spreadsheet runs as a formula: one that begins with `= + - @`, a tab, a line break or NUL gets a
/// leading apostrophe (OWASP ASVS 5.0, 1.2.10); card numbers are masked.
pub fn neutralised(text: &str) -> Cow<'_, str> {
    let masked = crate::card_number::mask(text);
    if masked.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '\'']) {
        Cow::Owned(format!("'{masked}"))
    } else {
        masked
    }
}

/// Writes a file whole or not at all: into a temporary one beside it, synced, renamed over it, and the directory synced. A
/// reader sees the old content or the new, never a part; after a crash likewise.
pub fn write_atomically(path: &Path, write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the path of a file"))?;
    let temporary = directory.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let result = (|| {
        let mut out = BufWriter::new(File::create(&temporary)?);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(directory)?.sync_all()
    })();
    if result.is_err() {
        // The first error is the one to tell; a temporary file that stays behind is in nobody's way.
        std::fs::remove_file(&temporary).ok();
    }
    result
}
