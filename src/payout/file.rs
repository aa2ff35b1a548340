//! The bank file of payouts, in whatever format a bank takes: CSV, pain.001 or NACHA.
//!
//! A file is written as its payouts come, and nothing is kept of them; what formats say ahead (how many, how much) is counted
//! before. Everything in it follows from the payouts, the settings and what is kept of the file itself, without a clock or chance:
//! a file that was lost is written again byte for byte. In pain.001 and NACHA the payouts of a currency are a batch, from the
//! house's account in it, and come by currency and end-to-end id.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime};

use super::instruction::{CsvFile, Instruction, InstructionError};
use super::nacha::{self, Nacha};
use super::order::{AccountKind, Batch, Debtor, Order};
use super::pain001::{self, Pain001, Version};
use crate::money::{AmountError, Currency, Money};
use crate::settings::House;

/// How the ids of pain.001 files begin, and those of their batches, which banks name in statements.
const MESSAGE: &str = "ACQ-PAYOUTS-";
/// What the entries of a NACHA file are for, as their receivers read it.
const DESCRIPTION: &str = "PAYOUT";
/// The longest names of a NACHA batch and file.
const NACHA_NAMES: [usize; 2] = [16, 23];

/// A format of bank files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BankFormat {
    /// One row a payout, and totals.
    #[default]
    Csv,
    /// ISO 20022, pain.001.001.09 or .03.
    Pain001(Version),
    /// ACH credits in US dollars.
    Nacha,
}

/// A word that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a format is one of csv, pain.001, pain.001.03, nacha")]
pub struct UnknownFormat;

impl FromStr for BankFormat {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let mut known = Self::ALL.into_iter();
        known.find(|format| format.name() == text).ok_or(UnknownFormat)
    }
}

impl BankFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [
        Self::Csv,
        Self::Pain001(Version::V09),
        Self::Pain001(Version::V03),
        Self::Nacha,
    ];

    /// The name in the database, and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Pain001(Version::V09) => "pain.001",
            Self::Pain001(Version::V03) => "pain.001.03",
            Self::Nacha => "nacha",
        }
    }

    /// How the names of its files end.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Pain001(_) => "xml",
            Self::Nacha => "ach",
        }
    }

    /// Whether its payouts come in batches, by currency and end-to-end id.
    pub fn is_batched(self) -> bool {
        match self {
            Self::Csv => false,
            Self::Pain001(_) | Self::Nacha => true,
        }
    }
}

/// What is kept of a file, and makes it the same whenever it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The cut-off of its payouts.
    pub cutoff: NaiveDate,
    /// Which file of the cut-off it is, from 1.
    pub ordinal: i32,
    /// In which format.
    pub format: BankFormat,
    /// The day on which the bank is to pay.
    pub execute_on: NaiveDate,
    /// How many files of its format for that day came before it.
    pub before: i64,
}

impl Facts {
    /// What the file is called.
    pub fn name(&self) -> String {
        format!("payouts-{}-{}.{}", self.cutoff, self.ordinal, self.format.suffix())
    }
}

/// What an id of ours in a pain.001 file names: the file (MsgId), or one of its batches (PmtInfId).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrdersId {
    /// The cut-off of the file.
    pub cutoff: NaiveDate,
    /// Which file of the cut-off it is, from 1.
    pub ordinal: i32,
    /// Which batch of it, from 1; none is the whole file.
    pub batch: Option<usize>,
}

impl OrdersId {
    /// Reads an id exactly as it was written; none where it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix(MESSAGE)?.split('-');
        let id = Self {
            cutoff: NaiveDate::parse_from_str(words.next()?, "%Y%m%d").ok()?,
            ordinal: words.next()?.parse().ok()?,
            batch: words.next().map(str::parse).transpose().ok()?,
        };
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for OrdersId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MESSAGE}{}-{}", self.cutoff.format("%Y%m%d"), self.ordinal)?;
        self.batch.map_or(Ok(()), |batch| write!(f, "-{batch}"))
    }
}

/// How many payouts of a currency there are, and their sum.
pub type Totals = BTreeMap<Currency, (Money, u64)>;

/// Adds a payout to totals.
pub fn add(totals: &mut Totals, money: Money) -> Result<(), AmountError> {
    let currency = money.currency();
    let (sum, count) = totals.entry(currency).or_insert((Money::zero(currency), 0));
    *sum = sum.plus(money)?;
    *count = count.saturating_add(1);
    Ok(())
}

/// A bank file being written.
pub enum BankFile<'h, W: Write> {
    /// As CSV.
    Csv(CsvFile<'h, W>),
    /// As pain.001.
    Pain001(Pain001<W>),
    /// As NACHA.
    Nacha(Nacha<W>),
}

impl<'h, W: Write> BankFile<'h, W> {
    /// Begins a file of payouts that come to these totals.
    ///
    /// Errors: the house has no account in a currency, or settings do not say what the format needs; fields that banks do not
    /// take.
    pub fn begin(out: W, house: &'h House, facts: &Facts, totals: &Totals) -> Result<Self, InstructionError> {
        match facts.format {
            BankFormat::Csv => Ok(Self::Csv(CsvFile::begin(out, house)?)),
            BankFormat::Pain001(version) => {
                let id = OrdersId {
                    cutoff: facts.cutoff,
                    ordinal: facts.ordinal,
                    batch: None,
                };
                let head = pain001::Head {
                    message_id: id.to_string(),
                    created: facts.execute_on.and_time(NaiveTime::MIN).and_utc(),
                    initiator: house.name.clone(),
                    batch_booking: true,
                    version,
                };
                let batches = batches(house, facts, totals, &house.name)?;
                Ok(Self::Pain001(Pain001::begin(out, &head, &batches)?))
            }
            BankFormat::Nacha => {
                let [of_batch, of_file] = NACHA_NAMES.map(|limit| shortened(&house.name, limit));
                let head = nacha_head(house, facts, totals, of_file)?;
                let batches = batches(house, facts, totals, &of_batch)?;
                Ok(Self::Nacha(Nacha::begin(out, &head, &batches)?))
            }
        }
    }

    /// Writes the next payout, by its number.
    ///
    /// Errors: a field that banks do not take; a payout that does not come where the format has it.
    pub fn payout(&mut self, number: i64, instruction: &Instruction) -> Result<(), InstructionError> {
        let order = Order {
            payout: number,
            instruction,
            text: "",
            account_kind: AccountKind::default(),
        };
        match self {
            Self::Csv(file) => file.payout(instruction)?,
            Self::Pain001(file) => file.order(&order)?,
            Self::Nacha(file) => file.order(&order)?,
        }
        Ok(())
    }

    /// Ends the file, and gives back where it was written.
    ///
    /// Errors: payouts that were told of have not come.
    pub fn finish(self) -> Result<W, InstructionError> {
        Ok(match self {
            Self::Csv(file) => file.finish()?,
            Self::Pain001(file) => file.finish()?,
            Self::Nacha(file) => file.finish()?,
        })
    }
}

/// A batch a currency, in the order of their codes.
fn batches(house: &House, facts: &Facts, totals: &Totals, name: &str) -> Result<Vec<Batch>, InstructionError> {
    let mut batches = Vec::with_capacity(totals.len());
    for (currency, (total, count)) in totals {
        let account = house
            .account_in(*currency)
            .ok_or(InstructionError::NoAccount(*currency))?;
        batches.push(Batch {
            debtor: Debtor {
                name: name.to_owned(),
                account: account.number.clone(),
                bank: account.bic.clone(),
            },
            execute_on: facts.execute_on,
            count: *count,
            total: *total,
        });
    }
    Ok(batches)
}

fn nacha_head(
    house: &House,
    facts: &Facts,
    totals: &Totals,
    origin_name: String,
) -> Result<nacha::Head, InstructionError> {
    let mut accounts = totals.keys().filter_map(|currency| house.account_in(*currency));
    let terms = accounts.find_map(|account| account.nacha.as_ref());
    let terms = terms.ok_or(InstructionError::NoNacha)?;
    let place = usize::try_from(facts.before).unwrap_or(usize::MAX);
    let modifier = ('A'..='Z').chain('0'..='9').nth(place);
    Ok(nacha::Head {
        destination: terms.routing.clone(),
        destination_name: terms.bank_name.clone(),
        origin: terms.company_id.clone(),
        origin_name,
        company_id: terms.company_id.clone(),
        description: DESCRIPTION.to_owned(),
        created: facts.execute_on.and_time(NaiveTime::MIN),
        modifier: modifier.ok_or(InstructionError::TooManyFiles(facts.execute_on))?,
        receivers: terms.receivers,
    })
}

/// A name as long as a format has room for.
fn shortened(name: &str, limit: usize) -> String {
    let shortened: String = name.chars().take(limit).collect();
    shortened.trim_end().to_owned()
}
