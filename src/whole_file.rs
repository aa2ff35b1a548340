//! Files that are there whole or not at all: written beside their place under another name, then moved there.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// How the names of files end that are being written.
const PART: &str = ".part";

/// Writes a file whole or not at all ([`WholeFile`]). A reader sees the old content or the new, never a part; after a crash
/// likewise.
pub fn write(place: &Path, content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = WholeFile::create(place)?;
    content(&mut file)?;
    file.commit()
}

/// A file being written beside the place where it will be. It appears there, replacing what was, when it is committed; dropped
/// before that, it leaves nothing. What a killed writer of the same place left is removed by the next one.
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
        let name = name.to_string_lossy();
        remove_leftovers(directory, &name);
        loop {
            // Drawn, not the process id: two writers of one place can share that (threads, or containers on one volume), and one
            // would rename what the other is still writing.
            let drawn: u64 = rand::random();
            let temporary = directory.join(format!(".{name}.{drawn:016x}{PART}"));
            let file = File::create_new(&temporary)?;
            // Where a file system has no locks, nobody removes it either.
            let _ = file.try_lock();
            if !temporary.try_exists()? {
                // Another writer took it for a leftover, before it was locked.
                continue;
            }
            return Ok(Self {
                out: Some(BufWriter::with_capacity(1 << 16, file)),
                directory: directory.to_owned(),
                temporary,
                place: place.to_owned(),
            });
        }
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

/// Removes what killed writers of a place left beside it: who writes holds the lock. What cannot be removed is only untidy.
fn remove_leftovers(directory: &Path, name: &str) {
    let Ok(beside) = directory.read_dir() else { return };
    for other in beside.flatten() {
        let drawn = other.file_name().to_str().and_then(|other| {
            let rest = other.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.')?;
            rest.strip_suffix(PART).map(str::to_owned)
        });
        let is_leftover =
            drawn.is_some_and(|drawn| drawn.len() == 16 && drawn.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if is_leftover
            && let Ok(file) = File::open(other.path())
            && file.try_lock().is_ok()
        {
            let _ = std::fs::remove_file(other.path());
        }
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

    #[test]
    fn what_a_killed_writer_left_is_removed_and_what_is_being_written_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let others = [
            ".a.txt.0123.part",
            ".b.txt.0123456789abcdef.part",
            ".a.txt.0123456789abcdeg.part",
            "a.txt.part",
        ];
        for name in others.iter().chain(&[".a.txt.0123456789abcdef.part"]) {
            std::fs::write(at(name), "half").expect("written");
        }
        let mut first = WholeFile::create(&at("a.txt")).expect("created");
        let mut second = WholeFile::create(&at("a.txt")).expect("created");
        assert!(!at(".a.txt.0123456789abcdef.part").exists());
        first.write_all(b"first").expect("written");
        second.write_all(b"second").expect("written");
        first.commit().expect("committed");
        assert_eq!(std::fs::read_to_string(at("a.txt")).expect("read"), "first");
        second.commit().expect("committed");
        assert_eq!(std::fs::read_to_string(at("a.txt")).expect("read"), "second");
        assert!(others.iter().all(|name| at(name).exists()));
        assert_eq!(directory.path().read_dir().expect("listed").count(), others.len() + 1);
    }
}
