//! Files that appear whole or not at all: written beside their place under another name, then moved there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::SimulateError;

/// A file that is being written. Dropped before [`WholeFile::finish`], it leaves nothing behind.
pub struct WholeFile {
    path: PathBuf,
    partial: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Begins a file of a directory.
    pub fn create(directory: &Path, name: &str) -> Result<Self, SimulateError> {
        let path = directory.join(name);
        let partial = directory.join(format!(".{name}.partial"));
        let file = File::create(&partial).map_err(SimulateError::io(&partial))?;
        let writer = Some(BufWriter::with_capacity(1 << 16, file));
        Ok(Self { path, partial, writer })
    }

    /// Moves the complete file to its place.
    pub fn finish(mut self) -> Result<PathBuf, SimulateError> {
        if let Some(writer) = self.writer.take() {
            writer
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|file| file.sync_all())
                .and_then(|()| fs::rename(&self.partial, &self.path))
                .inspect_err(|_| drop(fs::remove_file(&self.partial)))
                .map_err(SimulateError::io(&self.path))?;
        }
        Ok(self.path.clone())
    }

    /// What went wrong with it, with its name.
    pub fn failed(&self) -> impl FnOnce(io::Error) -> SimulateError + use<> {
        SimulateError::io(&self.path)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // Nothing can be done about a leftover that cannot be removed; its name says what it is.
            drop(fs::remove_file(&self.partial));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_file_leaves_what_was_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.txt");
        for (content, finished, expected) in [("one", true, "one"), ("two", false, "one"), ("three", true, "three")] {
            let mut file = WholeFile::create(directory.path(), "a.txt").expect("created");
            file.write_all(content.as_bytes()).expect("written");
            if finished {
                file.finish().expect("finished");
            } else {
                drop(file);
            }
            assert_eq!(fs::read_to_string(&path).expect("read"), expected);
            assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
        }
    }
}
