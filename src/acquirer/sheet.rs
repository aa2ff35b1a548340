//! Rows under a header of column names: what readers of comma-separated files have in common.
//!
//! [`Header::bind`] finds a format's columns by their exact names and refuses a file without those that are required, or with one
//! of them twice; [`Sheet`] reads row by row, counts ordinals, and turns what is wrong with a row into a [`Reject`] that names
//! line and column. [`Cells`] reads the cells of one row: texts, references, currencies, amounts, days.
//!
//! A row is rejected for the first thing wrong with it, and no text of a file is told without masking card numbers.

use std::io::Read;
use std::marker::PhantomData;

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use super::{ControlClaims, REJECT_LENGTH, Reject, Row, SettlementLine};
use crate::card_number;
use crate::dates::parse_day;
use crate::delimited::{FileError, Record, Records};
use crate::ids::check_reference;
use crate::money::{Currency, Money, decimal_text};

/// A column that a format reads.
pub(super) trait Column: Copy + 'static {
    /// Every column of the format.
    const ALL: &'static [Self];
    /// What a message calls a file of the format, article included.
    const FORMAT: &'static str;

    /// Its name in the header.
    fn name(self) -> &'static str;

    /// Its place in [`Column::ALL`].
    fn index(self) -> usize;

    /// Whether a file without it is not of the format.
    fn is_required(self) -> bool;

    /// Whether the format is known to write a column that is kept in the raw row and not read.
    fn is_evidence(name: &str) -> bool;
}

/// Declares the columns of a format: `required` ones, and those that may be missing.
macro_rules! columns {
    ($name:ident, $format:literal, $is_evidence:expr; required { $($variant:ident = $text:literal,)* } optional { $($optional:ident = $optional_text:literal,)* }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum $name { $($variant,)* $($optional,)* }

        impl $crate::acquirer::sheet::Column for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)* $(Self::$optional,)*];
            const FORMAT: &'static str = $format;

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* $(Self::$optional => $optional_text,)* }
            }

            #[allow(clippy::as_conversions, reason = "an enum without fields is its own place")]
            fn index(self) -> usize {
                self as usize
            }

            fn is_required(self) -> bool {
                match self { $(Self::$variant => true,)* $(Self::$optional => false,)* }
            }

            fn is_evidence(name: &str) -> bool {
                $is_evidence(name)
            }
        }
    };
}
pub(super) use columns;

/// Where each column stands in the header, and how many there are.
#[derive(Debug, Clone)]
pub(super) struct Header {
    places: Vec<Option<usize>>,
    names: Vec<String>,
    unknown: Vec<String>,
}

impl Header {
    /// The names of columns that are neither read nor known to be the format's.
    pub(super) fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Finds the columns of a format in the first record of a file.
    pub(super) fn bind<C: Column>(record: &Record) -> Result<Self, FileError> {
        let malformed = |reason| FileError::Malformed {
            line: record.line(),
            reason,
        };
        if record.is_blank() {
            return Err(malformed(
                "the first line is blank; it must hold the column names".to_owned(),
            ));
        }
        if let Some(fault) = record.fault() {
            let column = fault.cell.saturating_add(1);
            return Err(malformed(format!("the name of column {column} {}", fault.reason)));
        }
        let cells: Vec<&str> = (0..record.cells()).map(|place| record.cell(place)).collect();
        if let [only] = cells[..]
            && only.contains(';')
        {
            return Err(malformed(
                "cells are separated by semicolons; they must be by commas".to_owned(),
            ));
        }
        let position = |column: &C| cells.iter().position(|cell| *cell == column.name());
        let places = C::ALL.iter().map(position).collect();
        let is_known = |cell: &str| C::is_evidence(cell) || C::ALL.iter().any(|column| column.name() == cell);
        let unknown: Vec<&str> = cells.iter().copied().filter(|cell| !is_known(cell)).collect();
        let problems = problems::<C>(&cells, &unknown);
        if !problems.is_empty() {
            return Err(malformed(format!("not {}: {}", C::FORMAT, problems.join(", "))));
        }
        Ok(Self {
            places,
            names: cells.iter().map(|name| short(name)).collect(),
            unknown: unknown.into_iter().map(short).collect(),
        })
    }

    /// The place of a column among the cells, where the file has it.
    fn place<C: Column>(&self, column: C) -> Option<usize> {
        self.places.get(column.index()).copied().flatten()
    }
}

/// How many columns that a format requires a header does not have.
pub(super) fn missing<C: Column>(header: &[&str]) -> usize {
    let is_missing = |column: &&C| column.is_required() && !header.contains(&column.name());
    C::ALL.iter().filter(is_missing).count()
}

/// What is wrong with a header: required columns that are missing, columns that are there twice.
fn problems<C: Column>(cells: &[&str], unknown: &[&str]) -> Vec<String> {
    let missing = C::ALL
        .iter()
        .filter(|column| column.is_required())
        .map(|column| column.name())
        .filter(|name| !cells.contains(name))
        .map(|name| match nearest(name, unknown) {
            Some(found) => format!("no column `{name}` (`{}` looks like it)", short(found)),
            None => format!("no column `{name}`"),
        });
    let mut sorted = cells.to_vec();
    sorted.sort_unstable();
    let mut twice: Vec<&str> = sorted
        .windows(2)
        .filter(|pair| pair.first() == pair.last())
        .filter_map(|pair| pair.first().copied())
        .collect();
    twice.dedup();
    let twice = twice
        .into_iter()
        .map(|name| format!("more than one column `{}`", short(name)));
    missing.chain(twice).collect()
}

/// Text of a file for a message: not long, card numbers masked.
pub(super) fn short(text: &str) -> String {
    card_number::shorten(text, 60)
}

/// The name that a misspelt one was meant to be: alike but for at most three letters, blanks and case not counted.
fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let folded = |text: &str| -> Vec<char> {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .take(64)
            .collect()
    };
    let wanted = folded(name);
    candidates
        .iter()
        .map(|candidate| (edits(&wanted, &folded(candidate)), *candidate))
        .filter(|(edits, _)| *edits <= 3 && edits.saturating_mul(2) < wanted.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out or changed to make one text the other (Levenshtein).
fn edits(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i.saturating_add(1));
        for (j, b) in to.iter().enumerate() {
            let changed = diagonal.saturating_add(usize::from(a != b));
            diagonal = row[j.saturating_add(1)];
            row[j.saturating_add(1)] = changed.min(diagonal.saturating_add(1)).min(row[j].saturating_add(1));
        }
    }
    row[to.len()]
}

/// The rows of a file under their header.
#[derive(Debug)]
pub(super) struct Sheet<R, C> {
    records: Records<R>,
    header: Header,
    ordinal: u32,
    columns: PhantomData<C>,
}

impl<R: Read, C: Column> Sheet<R, C> {
    /// Begins a file: reads its header and binds the columns.
    ///
    /// Errors: an empty file, another encoding, required columns missing, a column twice.
    pub(super) fn open(input: R) -> Result<Self, FileError> {
        let mut records = Records::open(input)?;
        if !records.advance()? {
            return Err(FileError::Malformed {
                line: 1,
                reason: "the file is empty".to_owned(),
            });
        }
        let header = Header::bind::<C>(records.record())?;
        Ok(Self {
            records,
            header,
            ordinal: 0,
            columns: PhantomData,
        })
    }

    /// The names of columns that are neither read nor known to be the format's.
    pub(super) fn unknown_columns(&self) -> &[String] {
        &self.header.unknown
    }

    /// The ordinal of the row that was read last.
    pub(super) fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// Whether the file has a column.
    pub(super) fn has(&self, column: C) -> bool {
        self.header.place(column).is_some()
    }

    /// The next row, read by `read` from its cells and its ordinal, and added to what the file claims; none at the end of the file.
    pub(super) fn row(
        &mut self,
        claims: &mut ControlClaims,
        read: impl FnOnce(&Cells<'_, C>, u32) -> Result<SettlementLine, Wrong>,
    ) -> Result<Option<Row>, FileError> {
        let read = self.read(read)?;
        let read = read.map(|read| read.map_err(|wrong| wrong.at(self.line(), self.raw())));
        read.map(|read| claims.take(read)).transpose()
    }

    /// Reads the next row as something else than a line; none at the end of the file.
    pub(super) fn read<T>(
        &mut self,
        read: impl FnOnce(&Cells<'_, C>, u32) -> Result<T, Wrong>,
    ) -> Result<Option<Result<T, Wrong>>, FileError> {
        if !self.records.advance()? {
            return Ok(None);
        }
        self.ordinal = self.ordinal.saturating_add(1);
        let cells = Cells::of(self.records.record(), &self.header);
        Ok(Some(cells.check_shape().and_then(|()| read(&cells, self.ordinal))))
    }

    /// The line of the file on which the row that was read last begins.
    pub(super) fn line(&self) -> u64 {
        self.records.record().line()
    }

    /// That row as it came.
    pub(super) fn raw(&self) -> &str {
        self.records.record().raw()
    }
}

/// Why a row is rejected.
#[derive(Debug)]
pub(super) struct Wrong {
    column: Option<String>,
    reason: String,
}

impl Wrong {
    pub(super) fn of_row(reason: impl Into<String>) -> Self {
        Self {
            column: None,
            reason: reason.into(),
        }
    }

    pub(super) fn in_column(column: &str, reason: impl ToString) -> Self {
        Self {
            column: Some(column.to_owned()),
            reason: reason.to_string(),
        }
    }

    /// The same, of another file than the first of those that are read as one.
    pub(super) fn in_file(self, file: impl std::fmt::Display) -> Self {
        Self {
            reason: format!("file {file}: {}", self.reason),
            ..self
        }
    }

    /// The reject of a row that begins on a line. Its reason tells amounts, and a card number in the wrong column may be read as
    /// one: it is masked.
    pub(super) fn at(self, line: u64, raw: &str) -> Reject {
        Reject {
            line,
            column: self.column,
            reason: card_number::mask(&self.reason).into_owned(),
            raw: card_number::shorten(raw, REJECT_LENGTH),
        }
    }
}

/// The cells of one row by their columns.
pub(super) struct Cells<'a, C> {
    record: &'a Record,
    header: &'a Header,
    columns: PhantomData<C>,
}

impl<'a, C: Column> Cells<'a, C> {
    /// The cells of a record under a header.
    pub(super) fn of(record: &'a Record, header: &'a Header) -> Self {
        Self {
            record,
            header,
            columns: PhantomData,
        }
    }

    pub(super) fn check_shape(&self) -> Result<(), Wrong> {
        let (cells, columns) = (self.record.cells(), self.header.names.len());
        if let Some(fault) = self.record.fault() {
            return Err(Wrong {
                column: self.header.names.get(fault.cell).cloned(),
                reason: fault.reason.to_owned(),
            });
        }
        if self.record.is_blank() {
            return Err(Wrong::of_row("a blank line"));
        }
        if cells != columns {
            return Err(Wrong::of_row(format!(
                "has {cells} cells, but the header has {columns}"
            )));
        }
        Ok(())
    }

    /// The line of the file on which the row begins.
    pub(super) fn line(&self) -> u64 {
        self.record.line()
    }

    /// The row as it came, card numbers masked.
    pub(super) fn raw(&self) -> String {
        card_number::mask(self.record.raw()).into_owned()
    }

    /// Whether the file has a column.
    pub(super) fn has(&self, column: C) -> bool {
        self.header.place(column).is_some()
    }

    /// A cell; empty where the file has no such column.
    pub(super) fn cell(&self, column: C) -> &'a str {
        self.header.place(column).map_or("", |place| self.record.cell(place))
    }

    /// What is wrong with a cell.
    pub(super) fn wrong(&self, column: C, reason: impl ToString) -> Wrong {
        Wrong::in_column(column.name(), reason)
    }

    /// A text that must be there.
    pub(super) fn text(&self, column: C) -> Result<&'a str, Wrong> {
        let cell = self.cell(column);
        check_reference(cell).map_err(|error| self.wrong(column, error))?;
        Ok(cell)
    }

    /// A reference, where there is one.
    pub(super) fn reference(&self, column: C) -> Result<Option<String>, Wrong> {
        match self.cell(column) {
            "" => Ok(None),
            _ => self.text(column).map(|text| Some(text.to_owned())),
        }
    }

    /// A currency by its code in capitals.
    pub(super) fn currency(&self, column: C) -> Result<Currency, Wrong> {
        match self.cell(column) {
            "" => Err(self.wrong(column, "is empty")),
            cell => Currency::parse(cell).map_err(|error| self.wrong(column, error)),
        }
    }

    /// An unsigned amount; empty is nothing.
    pub(super) fn amount(&self, column: C, currency: Currency) -> Result<i64, Wrong> {
        match self.cell(column) {
            "" => Ok(0),
            cell => Money::parse_scaled(cell, currency)
                .map(Money::minor)
                .map_err(|error| self.wrong(column, error)),
        }
    }

    /// An amount that may have a minus before it; empty is nothing.
    pub(super) fn signed(&self, column: C, currency: Currency) -> Result<i64, Wrong> {
        match self.cell(column).strip_prefix('-') {
            None => self.amount(column, currency),
            Some(cell) => Money::parse_scaled(cell, currency)
                .map(|cost| cost.minor().saturating_neg())
                .map_err(|_| {
                    let text = card_number::shorten(self.cell(column), 40);
                    self.wrong(column, format!("`{text}` is not an amount"))
                }),
        }
    }

    /// The day of `YYYY-MM-DD HH:MM:SS`, as it stands there.
    pub(super) fn day_of_time(&self, column: C) -> Result<NaiveDate, Wrong> {
        let cell = self.cell(column);
        let not_a_time = || {
            let text = card_number::shorten(cell, 40);
            self.wrong(column, format!("`{text}` is not a time: write YYYY-MM-DD HH:MM:SS"))
        };
        let (day, time) = cell.split_once(' ').ok_or_else(not_a_time)?;
        let day = parse_day(day).map_err(|error| self.wrong(column, error))?;
        is_time_of_day(time).then_some(day).ok_or_else(not_a_time)
    }
}

/// Whether a text is `HH:MM:SS`.
pub(super) fn is_time_of_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = bytes else {
        return false;
    };
    let below = |tens: u8, ones: u8, limit: u8| {
        tens.is_ascii_digit()
            && ones.is_ascii_digit()
            && (tens & 0xf).saturating_mul(10).saturating_add(ones & 0xf) < limit
    };
    below(h1, h2, 24) && below(m1, m2, 60) && below(s1, s2, 60)
}

/// An exchange rate: digits with at most one point, exactly.
pub(super) fn parse_rate(text: &str) -> Option<Decimal> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.len().saturating_add(part.len());
    let well_formed = !part.is_empty() && digits <= 28 && whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit());
    if well_formed {
        Decimal::from_str_exact(text).ok()
    } else {
        None
    }
}

/// The amount in another currency, to the nearest minor unit.
pub(super) fn convert(amount: Money, rate: Decimal, to: Currency) -> Option<i128> {
    i128::try_from(
        amount
            .at_rate(rate, to)?
            .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero),
    )
    .ok()
}

/// Money text of a sum that may be beyond what an amount holds.
pub(super) fn text_of(minor: i128, currency: Currency) -> String {
    i64::try_from(minor).map_or_else(
        |_| format!("{minor} minor units of {currency}"),
        |minor| format!("{} {currency}", decimal_text(minor, currency)),
    )
}
