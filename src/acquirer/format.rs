//! Which format a settlement file has: told by how it begins, or by its name.

use std::fmt;
use std::io::Read;

use super::SettlementReader;
use super::adyen::{self, AdyenReader};
use crate::delimited::{FileError, Records};

/// How many bytes of a file suffice to tell its format.
pub const HEAD: usize = 1 << 16;

/// A format of settlement files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The Adyen Settlement Details Report.
    Adyen,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] = &[Self::Adyen];

    /// Its name in settings and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adyen => "adyen",
        }
    }

    /// The format of a file that begins so.
    ///
    /// Errors: it begins like none, or like more than one.
    pub fn detect(head: &[u8]) -> Result<Self, FileError> {
        let mut records = Records::open(head)?;
        records.advance()?;
        let record = records.record();
        let cells: Vec<&str> = (0..record.cells()).map(|place| record.cell(place)).collect();
        let missing = |format: &Self| format.missing(&cells);
        let fits: Vec<Self> = Self::ALL
            .iter()
            .copied()
            .filter(|format| missing(format) == 0)
            .collect();
        match fits[..] {
            [format] => Ok(format),
            // What is missing is told by the format that lacks least.
            [] => Ok(Self::ALL.iter().copied().min_by_key(missing).unwrap_or(Self::Adyen)),
            [one, other, ..] => Err(FileError::Malformed {
                line: 1,
                reason: format!("it may be {one} or {other}: say which by --format"),
            }),
        }
    }

    /// How many columns a header lacks to be of this format.
    fn missing(self, header: &[&str]) -> usize {
        match self {
            Self::Adyen => adyen::missing(header),
        }
    }

    /// Begins to read a file.
    ///
    /// Errors: it is not of this format.
    pub fn open<'r>(self, input: impl Read + 'r) -> Result<Box<dyn SettlementReader + 'r>, FileError> {
        Ok(match self {
            Self::Adyen => Box::new(AdyenReader::open(input)?),
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
