//! The files of a day, each with the place that errors name.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::SimulateError;
use crate::whole_file::WholeFile;

/// A file of a day that is being written. Dropped before [`DayFile::finish`], it leaves nothing behind.
pub struct DayFile {
    path: PathBuf,
    file: WholeFile,
}

impl DayFile {
    /// Begins a file of a directory.
    pub fn create(directory: &Path, name: &str) -> Result<Self, SimulateError> {
        let path = directory.join(name);
        let file = WholeFile::create(&path).map_err(SimulateError::io(&path))?;
        Ok(Self { path, file })
    }

    /// Moves the complete file to its place.
    pub fn finish(self) -> Result<PathBuf, SimulateError> {
        self.file.commit().map_err(SimulateError::io(&self.path))?;
        Ok(self.path)
    }

    /// What went wrong with it, with its name.
    pub fn failed(&self) -> impl FnOnce(io::Error) -> SimulateError + use<> {
        SimulateError::io(&self.path)
    }
}

impl Write for DayFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
