//! The forms that a settlement file can have.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use serde::Serialize;

use super::{Costs, Line, adyen, stripe};
use crate::simulate::BreakKind;
use crate::simulate::world::World;

/// The form of the settlement file of the acquirer of cards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum FileFormat {
    /// The Adyen Settlement Details Report.
    #[default]
    #[serde(rename = "adyen")]
    Adyen,
    /// Stripe's itemized report of balance changes.
    #[serde(rename = "stripe")]
    Stripe,
}

impl FileFormat {
    /// Every form.
    pub const ALL: &'static [Self] = &[Self::Adyen, Self::Stripe];

    /// Its name; the acquirer's, too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adyen => "adyen",
            Self::Stripe => "stripe",
        }
    }

    /// Who pays, on the bank statement.
    pub fn payer(self) -> &'static str {
        match self {
            Self::Adyen => "Adyen N.V.",
            Self::Stripe => "Stripe Payments Europe Limited",
        }
    }

    /// The name of a batch by its number.
    pub fn batch_name(self, batch: usize) -> String {
        match self {
            Self::Adyen => batch.to_string(),
            Self::Stripe => stripe::batch_name(batch),
        }
    }

    /// Whether a line tells the scheme's acquirer reference number.
    pub fn has_arn(self) -> bool {
        match self {
            Self::Adyen => true,
            Self::Stripe => false,
        }
    }

    /// Costs as a line of this form tells them: apart, or as one.
    pub fn told(self, costs: Costs) -> Costs {
        match self {
            Self::Adyen => costs,
            Self::Stripe => costs.blended(),
        }
    }

    /// Why a break of a kind cannot be told in this form, where it cannot.
    pub fn lacks(self, _kind: BreakKind) -> Option<&'static str> {
        match self {
            Self::Adyen | Self::Stripe => None,
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Not a form of settlement files that can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a format that can be simulated: known are {}", known())]
pub struct UnknownFileFormat {
    text: String,
}

fn known() -> String {
    let names: Vec<&str> = FileFormat::ALL.iter().map(|format| format.name()).collect();
    names.join(", ")
}

impl FromStr for FileFormat {
    type Err = UnknownFileFormat;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|format| format.name() == text);
        known.copied().ok_or_else(|| UnknownFileFormat {
            text: crate::card_number::shorten(text, 40),
        })
    }
}

/// A file of a form while it is written, row by row.
pub(super) struct Form<W: Write> {
    format: FileFormat,
    writer: csv::Writer<W>,
    /// Rows so far.
    rows: u64,
}

impl<W: Write> Form<W> {
    /// Begins a file.
    pub(super) fn begin(format: FileFormat, out: W) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::Any(b'\n'))
            .from_writer(out);
        match format {
            FileFormat::Adyen => writer.write_record(adyen::HEADER)?,
            FileFormat::Stripe => writer.write_record(stripe::HEADER)?,
        }
        Ok(Self {
            format,
            writer,
            rows: 0,
        })
    }

    /// Writes a row of a batch.
    pub(super) fn write(&mut self, world: &World, line: &Line, batch: usize) -> io::Result<()> {
        self.rows = self.rows.saturating_add(1);
        match self.format {
            FileFormat::Adyen => self.writer.write_record(adyen::record(world, line, batch))?,
            FileFormat::Stripe => self
                .writer
                .write_record(stripe::record(world, line, batch, self.rows))?,
        }
        Ok(())
    }

    /// Ends the file; gives back what it was written to.
    pub(super) fn end(self) -> io::Result<W> {
        self.writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}
