//! Which format a bank statement is in, and how it is opened.

use std::io::Read;

use super::bai2::{self, Bai2Reader};
use super::camt::{self, CamtReader};
use super::mt940::{self, Mt940Reader};
use super::{Items, ReversalsOf};
use crate::delimited::FileError;

/// How much of a file's beginning tells its format.
pub const HEAD: usize = 64 * 1024;

/// A format of bank statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// ISO 20022 camt.052, camt.053 and camt.054.
    Camt,
    /// SWIFT MT940.
    Mt940,
    /// BAI2.
    Bai2,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Camt, Self::Mt940, Self::Bai2];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Camt => "camt",
            Self::Mt940 => "mt940",
            Self::Bai2 => "bai2",
        }
    }

    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// By how a file begins, of which [`HEAD`] bytes are enough.
    ///
    /// Errors: it begins like none of them.
    pub fn detect(head: &[u8]) -> Result<Self, FileError> {
        let begins = [
            (Self::Camt, camt::begins(head)),
            (Self::Bai2, bai2::begins(head)),
            (Self::Mt940, mt940::begins(head)),
        ];
        let found = begins.into_iter().find(|(_, begins)| *begins);
        found.map(|(format, _)| format).ok_or_else(|| FileError::Malformed {
            line: 1,
            reason: "not a bank statement: it begins neither like camt, nor MT940, nor BAI2".to_owned(),
        })
    }

    /// Begins a file, unpacked.
    ///
    /// Errors: it is not of this format.
    pub fn open<'r>(self, input: impl Read + 'r, reversals: impl Into<ReversalsOf>) -> Result<Items<'r>, FileError> {
        match self {
            Self::Camt => CamtReader::open(input, reversals).map(Items::of),
            Self::Mt940 => Ok(Items::of(Mt940Reader::open(input))),
            Self::Bai2 => Ok(Items::of(Bai2Reader::open(input))),
        }
    }
}
