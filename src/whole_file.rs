//! Files that are there whole or not at all: written beside their place under another name, then moved there.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// How the names of files end that are being written.
const PART: &str = ".part";

/// Writes a file whole or not at all ([`WholeFile`]). A reader sees the old content or the new, never a part; after a crash
/// likewise.
///
/// A device or a pipe is written to as it is: nothing else can be done with it.
pub fn write(place: &Path, content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if is_special(place) {
        let mut out = File::options().write(true).open(place)?;
        content(&mut out)?;
        return out.flush();
    }
    let mut file = WholeFile::create(place)?;
    content(&mut file)?;
    file.commit()
}

/// Whether two paths lead to one file that is there.
pub fn is_one(path: &Path, other: &Path) -> bool {
    let (path, other) = (path.canonicalize(), other.canonicalize());
    path.is_ok_and(|path| other.is_ok_and(|other| path == other))
}

/// Whether something is there that is no file, so that no file can take its place.
fn is_special(place: &Path) -> bool {
    place.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// A file being written beside the place where it will be. It appears there when it is committed, in place of what was
/// ([`WholeFile::commit`]) or of nothing ([`WholeFile::commit_new`]); dropped before that, it leaves nothing. What a killed writer
/// of the same place left is removed by the next one.
pub struct WholeFile {
    out: Option<BufWriter<File>>,
    directory: PathBuf,
    temporary: PathBuf,
    place: PathBuf,
}

impl WholeFile {
    /// Begins a file in a directory that exists. Where a link is in its place, it will be where that leads.
    ///
    /// Errors: a device or a pipe is there, or a directory.
    pub fn create(place: &Path) -> io::Result<Self> {
        let linked;
        let mut place = place;
        if place.is_symlink() && place.exists() {
            linked = place.canonicalize()?;
            place = &linked;
        }
        if is_special(place) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
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

    /// Makes it durable under its name, in place of what was there: flush, fsync, rename, fsync of the directory. A failed fsync
    /// is final: the file is given up, never synced again.
    pub fn commit(self) -> io::Result<()> {
        self.put(put_over)
    }

    /// The same, but nothing is ever replaced. Where a file of the same content is there already, that is as good.
    ///
    /// Errors: [`io::ErrorKind::AlreadyExists`] where one of other content is there, which stays as it is.
    pub fn commit_new(self) -> io::Result<()> {
        self.put(put_new)
    }

    fn put(mut self, put: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
        let out = self.out.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let result = out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| {
                file.sync_all()?;
                // The file is open until then, and locked: nobody takes it for a leftover.
                put(&self.temporary, &self.place)
            });
        if let Err(error) = result {
            // What matters is the first error; a leftover is only untidy.
            let _ = std::fs::remove_file(&self.temporary);
            return Err(error);
        }
        File::open(&self.directory)?.sync_all()
    }
}

/// Puts a file in a place, whatever is there.
fn put_over(temporary: &Path, place: &Path) -> io::Result<()> {
    std::fs::rename(temporary, place)
}

/// Puts a file in a place where no other one is.
fn put_new(temporary: &Path, place: &Path) -> io::Result<()> {
    // Unlike a rename, a link is refused where something is.
    if std::fs::hard_link(temporary, place).is_err() {
        match place.symlink_metadata() {
            Ok(_) => {
                let there = File::open(place)?;
                if !are_same(File::open(temporary)?, &there)? {
                    let error = "a file of other content is there, and is not written over";
                    return Err(io::Error::new(io::ErrorKind::AlreadyExists, error));
                }
                // Whoever put it there need not have done so.
                there.sync_all()?;
            }
            // A file system without links: only what comes there in this very instant is replaced.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return std::fs::rename(temporary, place),
            Err(error) => return Err(error),
        }
    }
    // A second name that stays is only untidy.
    let _ = std::fs::remove_file(temporary);
    Ok(())
}

/// Whether two files hold the same bytes.
fn are_same(one: File, other: &File) -> io::Result<bool> {
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let count = left.len().min(right.len());
        if count == 0 {
            return Ok(left.len() == right.len());
        }
        if left.get(..count) != right.get(..count) {
            return Ok(false);
        }
        one.consume(count);
        other.consume(count);
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
    #[cfg(unix)]
    fn a_device_is_written_to_and_a_link_stays_one() {
        let mut hello = |out: &mut dyn Write| out.write_all(b"hello");
        write(Path::new("/dev/null"), &mut hello).expect("written");
        assert!(is_special(Path::new("/dev/null")), "it is what it was");
        assert!(WholeFile::create(Path::new("/dev/null")).is_err());
        let directory = tempfile::tempdir().expect("a directory");
        let (place, link) = (directory.path().join("a.txt"), directory.path().join("link"));
        std::fs::write(&place, "before").expect("written");
        std::os::unix::fs::symlink(&place, &link).expect("a link");
        assert!(is_one(&place, &link));
        assert!(!is_one(&place, &directory.path().join("b.txt")));
        write(&link, &mut hello).expect("written");
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&place).expect("the file"), "hello");
    }

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
    fn a_new_file_replaces_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().join("a.txt");
        // Beyond what is read at once.
        let long = "x".repeat(100_000);
        let changed = format!("{}y", &long[1..]);
        let longer = format!("{long}x");
        for (content, expected) in [
            (&long, None),
            (&long, None),
            (&changed, Some(io::ErrorKind::AlreadyExists)),
            (&longer, Some(io::ErrorKind::AlreadyExists)),
            (&String::new(), Some(io::ErrorKind::AlreadyExists)),
            (&long, None),
        ] {
            let mut file = WholeFile::create(&place).expect("created");
            file.write_all(content.as_bytes()).expect("written");
            assert_eq!(file.commit_new().err().map(|error| error.kind()), expected);
            assert_eq!(std::fs::read_to_string(&place).expect("read"), long);
            assert_eq!(directory.path().read_dir().expect("listed").count(), 1);
        }
    }

    #[test]
    fn of_two_writers_of_other_content_the_first_has_the_place() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().join("a.txt");
        let mut first = WholeFile::create(&place).expect("created");
        let mut second = WholeFile::create(&place).expect("created");
        first.write_all(b"first").expect("written");
        second.write_all(b"second").expect("written");
        first.commit_new().expect("committed");
        let refused = second.commit_new().expect_err("a refusal");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&place).expect("read"), "first");
        // Killed between the link and the end: the second name goes with the next writer, the file stays.
        let second_name = directory.path().join(".a.txt.0123456789abcdef.part");
        std::fs::hard_link(&place, &second_name).expect("linked");
        drop(WholeFile::create(&place).expect("created"));
        assert_eq!(std::fs::read_to_string(&place).expect("read"), "first");
        assert_eq!(directory.path().read_dir().expect("listed").count(), 1);
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
