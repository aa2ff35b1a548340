//! The files of a day, each with the place that errors name. Nothing else of the simulator touches the file system.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::SimulateError;
use crate::whole_file::WholeFile;

/// Makes a directory, where it is not there.
pub fn make_directory(path: &Path) -> Result<(), SimulateError> {
    fs::create_dir_all(path).map_err(SimulateError::io(path))
}

/// The text of a small file.
pub fn read(path: &Path) -> Result<String, SimulateError> {
    fs::read_to_string(path).map_err(SimulateError::io(path))
}

/// Removes a file, where there is one.
pub fn remove(path: &Path) -> Result<(), SimulateError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SimulateError::io(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

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

    /// Takes the content of a file.
    pub fn take(&mut self, original: &Path) -> Result<(), SimulateError> {
        let mut original = File::open(original).map_err(SimulateError::io(original))?;
        io::copy(&mut original, self).map(|_| ()).map_err(self.failed())
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
