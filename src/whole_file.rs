//! Files that are there whole or not at all: written beside their place under another name, then moved there.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes a file whole or not at all ([`WholeFile`]). A reader sees the old content or the new, never a part; after a crash
/// likewise.
pub fn write(place: &Path, content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = WholeFile::create(place)?;
    content(&mut file)?;
    file.commit()
}

/// A file being written beside the place where it will be. It appears there, replacing what was, when it is committed; dropped
/// before that, it leaves nothing.
pub struct WholeFile {
    out: Option<BufWriter<File>>,
    directory: PathBuf,
    temporary: PathBuf,
    place: PathBuf,
}

impl WholeFile {
    /// Begins a file in a directory that exists.
    pub fn create(place: &Path) -> io::Result<Self> {
        let name = place
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the path of a file"))?;
        let directory = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // Drawn, not the process id: two writers of one place can share that (threads, or containers on one volume), and one
        // would rename what the other is still writing.
        let drawn: u64 = rand::random();
        let temporary = directory.join(format!(".{}.{drawn:016x}.part", name.to_string_lossy()));
        let file = File::create_new(&temporary)?;
        Ok(Self {
            out: Some(BufWriter::with_capacity(1 << 16, file)),
            directory: directory.to_owned(),
            temporary,
            place: place.to_owned(),
        })
    }

    /// Makes it durable under its name: flush, fsync, rename, fsync of the directory. A failed fsync is final: the file is
    /// given up, never synced again.
    pub fn commit(mut self) -> io::Result<()> {
        let out = self.out.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let result = out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&self.temporary, &self.place));
        if let Err(error) = result {
            // What matters is the first error; a leftover is only untidy.
            let _ = std::fs::remove_file(&self.temporary);
            return Err(error);
        }
        File::open(&self.directory)?.sync_all()
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncommitted_file_leaves_what_was_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().join("a.txt");
        for (content, committed, expected) in [("one", true, "one"), ("two", false, "one"), ("three", true, "three")] {
            let mut file = WholeFile::create(&place).expect("created");
            file.write_all(content.as_bytes()).expect("written");
            if committed {
                file.commit().expect("committed");
            } else {
                drop(file);
            }
            assert_eq!(std::fs::read_to_string(&place).expect("read"), expected);
            assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 1);
        }
    }
}
