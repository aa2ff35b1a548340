//! Mapping profiles: CSV formats that no reader was written for, described in settings.
//!
//! A [`Profile`] says which column is which field, how amounts are written and signed, what the file's words for types mean, how
//! days are written, what stands before and after the rows, and what the file claims of itself there.
//! [`MappingReader`](reader::MappingReader) reads a file by it. A profile decides nothing about money that a row does not say:
//! words that it does not know are unsupported lines, and what does not fit it is a reject.
//!
//! Here are the terms of a profile and their grammars, none of which needs a file: numbers ([`Numbers`], [`Scale`]) and days
//! ([`DatePattern`], [`Days`]). `settings` reads them from TOML.

mod dates;
mod numbers;
pub mod reader;

use std::collections::BTreeMap;

pub use self::dates::{DatePattern, Days};
pub use self::numbers::{Numbers, Scale};
use super::RecordType;
use crate::delimited::{Dialect, FileError, Record, Records};
use crate::money::Currency;

/// The most rows before the names of the columns, and the most rows after the lines.
pub const MARGIN_LIMIT: u16 = 1_000;

/// How the files of one kind are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its name, as `--file-format` takes it.
    pub name: String,
    /// What separates cells, and the encoding.
    pub dialect: Dialect,
    /// How many rows stand before the names of the columns, or before the lines of a file without them.
    pub preamble: u16,
    /// The names of the columns, in their order, of files that do not say them; none: a row of the file does.
    pub header: Option<Vec<String>>,
    /// The first cells of rows that stand after the lines.
    pub trailer: Vec<String>,
    /// How numbers are written.
    pub numbers: Numbers,
    /// How many decimals amounts have.
    pub scale: ScaleTable,
    /// How days are written, and whose days they are.
    pub days: Days,
    /// The columns of texts.
    pub texts: BTreeMap<Text, String>,
    /// The columns of amounts.
    pub amounts: BTreeMap<Amount, Columns>,
    /// Whether the file writes what is taken from us as a negative amount.
    pub costs_are_negative: bool,
    /// What the cells of flags say; empty where no amount has one.
    pub flags: Flags,
    /// What the file's types mean, compared exactly. Others are unsupported.
    pub types: BTreeMap<String, RecordType>,
    /// Columns that are known and not read.
    pub unread: Vec<String>,
    /// What the file says of itself before and after its lines.
    pub claims: Vec<ClaimRule>,
}

/// A text of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    /// The file's word for what the row reports.
    Type,
    /// The settlement batch; the name of the profile where there is none.
    Batch,
    /// The acquirer's id of this capture, refund or dispute.
    AcquirerReference,
    /// The acquirer's id of the original authorization.
    OriginalReference,
    /// Our id.
    MerchantReference,
    /// The scheme's acquirer reference number.
    Arn,
    /// The retrieval reference number.
    Rrn,
    /// The issuer's authorization code.
    AuthCode,
    /// The card: last four digits or a token, never its number.
    Card,
    /// The case of a dispute.
    Dispute,
    /// Why, in the acquirer's own word.
    Reason,
    /// The day it happened.
    OccurredOn,
    /// The day on which the money moves.
    PaidOutOn,
    /// The currency of the net amount, and of the gross amount where it has none of its own.
    Currency,
    /// The currency of the gross amount.
    GrossCurrency,
    /// From the gross to the net currency.
    ExchangeRate,
}

impl Text {
    /// Every text.
    pub const ALL: [Self; 16] = [
        Self::Type,
        Self::Batch,
        Self::AcquirerReference,
        Self::OriginalReference,
        Self::MerchantReference,
        Self::Arn,
        Self::Rrn,
        Self::AuthCode,
        Self::Card,
        Self::Dispute,
        Self::Reason,
        Self::OccurredOn,
        Self::PaidOutOn,
        Self::Currency,
        Self::GrossCurrency,
        Self::ExchangeRate,
    ];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Batch => "batch",
            Self::AcquirerReference => "acquirer_reference",
            Self::OriginalReference => "original_reference",
            Self::MerchantReference => "merchant_reference",
            Self::Arn => "arn",
            Self::Rrn => "rrn",
            Self::AuthCode => "auth_code",
            Self::Card => "card",
            Self::Dispute => "dispute",
            Self::Reason => "reason",
            Self::OccurredOn => "occurred_on",
            Self::PaidOutOn => "paid_out_on",
            Self::Currency => "currency",
            Self::GrossCurrency => "gross_currency",
            Self::ExchangeRate => "exchange_rate",
        }
    }

    /// Whether a profile must have it.
    pub fn is_required(self) -> bool {
        matches!(self, Self::Type | Self::OccurredOn | Self::Currency)
    }
}

/// An amount of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Amount {
    /// What the shopper paid or got back.
    Gross,
    /// What the acquirer adds to the batch.
    Net,
    /// Blended commission.
    Commission,
    /// The acquirer's markup.
    Markup,
    /// Scheme fees.
    SchemeFee,
    /// Interchange.
    Interchange,
    /// VAT on these costs.
    Tax,
    /// What is withheld of the row; negative where it is released.
    Reserve,
}

impl Amount {
    /// Every amount.
    pub const ALL: [Self; 8] = [
        Self::Gross,
        Self::Net,
        Self::Commission,
        Self::Markup,
        Self::SchemeFee,
        Self::Interchange,
        Self::Tax,
        Self::Reserve,
    ];
    /// The acquirer's own costs.
    pub const COSTS: [Self; 4] = [Self::Commission, Self::Markup, Self::SchemeFee, Self::Interchange];
    /// What is taken from the gross.
    pub const TAKEN: [Self; 6] = [
        Self::Commission,
        Self::Markup,
        Self::SchemeFee,
        Self::Interchange,
        Self::Tax,
        Self::Reserve,
    ];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gross => "gross",
            Self::Net => "net",
            Self::Commission => "commission",
            Self::Markup => "markup",
            Self::SchemeFee => "scheme_fee",
            Self::Interchange => "interchange",
            Self::Tax => "tax",
            Self::Reserve => "reserve",
        }
    }
}

/// Where an amount stands, and how it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    /// In one column, with a minus where it is negative.
    Signed(String),
    /// Without a sign, in one of two columns: credit less debit.
    Two {
        /// What is taken from us.
        debit: String,
        /// What is given to us.
        credit: String,
    },
    /// Without a sign, beside a column that says which of the two it is.
    Flagged {
        /// The amount.
        amount: String,
        /// The flag.
        flag: String,
    },
}

impl Columns {
    /// The names of its columns.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Signed(amount) => vec![amount],
            Self::Two { debit, credit } => vec![debit, credit],
            Self::Flagged { amount, flag } => vec![amount, flag],
        }
    }
}

/// What the cells of a column of flags say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// Taken from us.
    pub debit: Vec<String>,
    /// Given to us.
    pub credit: Vec<String>,
}

/// How many decimals amounts have: of every currency, and of some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScaleTable {
    /// Of currencies that are not listed.
    pub default: Scale,
    /// By currency.
    pub of: BTreeMap<Currency, Scale>,
}

impl ScaleTable {
    /// The scale of a currency.
    pub fn of(&self, currency: Currency) -> Scale {
        self.of.get(&currency).copied().unwrap_or(self.default)
    }
}

/// Something that the file says of itself, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRule {
    /// What it says.
    pub states: Stated,
    /// In which row.
    pub row: Margin,
    /// In which cell, the first being 1.
    pub column: u16,
    /// How many it counts beside the lines, like header and trailer; of a count.
    pub beside: u16,
}

/// What a claim states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stated {
    /// How many rows there are.
    Count,
    /// What an amount of all rows adds up to, whatever they report.
    Sum(Amount, SumOf),
    /// What the balance that the rows move is at one end of the file's period.
    Balance(BalanceRule),
}

/// Of which rows a sum is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SumOf {
    /// Those in a currency.
    One(CurrencyOf),
    /// All of them, whatever their currencies.
    Any,
}

/// Which currency a claim is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurrencyOf {
    /// This one.
    Named(Currency),
    /// That which another cell of the row names, the first being 1.
    Cell(u16),
}

/// How a file states one end of a balance that the acquirer keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceRule {
    /// Which end it is.
    pub end: End,
    /// The currency.
    pub currency: CurrencyOf,
    /// The cell with the first day of the period, or the last one; with the moment where they are written with a time.
    pub date: u16,
    /// How that is written.
    pub days: Days,
    /// The cell that names the account; the name of the profile where there is none.
    pub account: Option<u16>,
}

/// An end of a balance's period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What the balance is before the first row.
    Opening,
    /// What it is after the last one.
    Closing,
}

/// A row before or after the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Margin {
    /// A row of the preamble, the first being 1.
    Before(u16),
    /// Every row after the lines with this first cell; there must be one.
    After(String),
}

impl Profile {
    /// The columns that it reads, all of which a file must have.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        let texts = self.texts.values().map(String::as_str);
        texts.chain(self.amounts.values().flat_map(Columns::names))
    }

    /// Whether its files state a balance that the acquirer keeps: what they pay is taken of it, and is not what a batch comes to.
    pub fn is_of_balance(&self) -> bool {
        let is_balance = |rule: &ClaimRule| matches!(rule.states, Stated::Balance(_));
        self.claims.iter().any(is_balance)
    }

    /// Whether a file that begins so shows that it is read by it: every column that it reads is there. A file that does not name
    /// its columns shows nothing: such a profile is used where it is named.
    pub fn fits(&self, head: &[u8]) -> bool {
        if self.header.is_some() {
            return false;
        }
        let names = || -> Result<Vec<String>, FileError> {
            let mut records = Records::open_as(head, self.dialect)?;
            for _ in 0..=self.preamble {
                if !records.advance()? {
                    return Ok(Vec::new());
                }
            }
            Ok(cells(records.record()))
        };
        let names = names().unwrap_or_default();
        self.required().all(|name| names.iter().any(|found| found == name))
    }
}

/// The cells of a record.
fn cells(record: &Record) -> Vec<String> {
    (0..record.cells()).map(|place| record.cell(place).to_owned()).collect()
}
