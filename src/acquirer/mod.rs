//! Acquirers' settlement files: bytes in, settlement lines and rejects out.
//!
//! One file a format; a reader takes [`Row`] after [`Row`] from `impl Read` and keeps the file's [`ControlClaims`] as it goes;
//! [`Rows`] hands them out. It never stops at the first bad row, never guesses, and never looks at the ledger. Identities that
//! hold within a row are proven here; those of the file are claims that `recon` proves. Formats of comma-separated text stand on
//! `delimited`, which counts limits before it keeps anything.

pub mod adyen;
pub mod checkout;
pub mod format;
pub mod ipm;
pub mod mapping;
pub mod paypal;
mod sheet;
pub mod stripe;
pub mod toss;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use crate::delimited::FileError;
use crate::money::{Currency, Money};

/// The most batches, counted once a currency, that a file may hold.
pub const BATCH_LIMIT: usize = 10_000;

/// So many characters of a row that cannot be read are kept.
pub const REJECT_LENGTH: usize = 1_000;

/// What a settlement line reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    /// A sale that the acquirer settles: money to us.
    Capture,
    /// Money back to the shopper.
    Refund,
    /// Money taken by the scheme.
    Chargeback,
    /// A chargeback won back.
    ChargebackReversal,
    /// A cost of the batch that belongs to no payment.
    BatchFee,
    /// The sum that the acquirer sends to the bank: it proves the batch and moves nothing by itself.
    Payout,
    /// What a carrier deducts because a phone bill was not paid.
    Unpaid,
    /// An unpaid phone bill paid late: money to us.
    UnpaidRecovery,
    /// A refund that came back: money to us.
    RefundFailure,
    /// Readable, but nothing that we book by itself: its money goes to suspense, never dropped.
    Unsupported,
    /// What the acquirer withholds of our money against what may be charged back, or releases.
    Reserve,
    /// Money of another batch: a negative balance carried over, a payout that came back. 1110 has it already.
    Carried,
    /// Settled by another party and told for information: it moves no money.
    External,
    /// One side of an exchange between two of our balances at the acquirer.
    Conversion,
    /// What rounding leaves between the rows of a batch and what is paid for it.
    Rounding,
}

impl RecordType {
    /// Every record type, in the order of [`RecordType::id`].
    pub const ALL: [Self; 15] = [
        Self::Capture,
        Self::Refund,
        Self::Chargeback,
        Self::ChargebackReversal,
        Self::BatchFee,
        Self::Payout,
        Self::Unsupported,
        Self::Unpaid,
        Self::UnpaidRecovery,
        Self::RefundFailure,
        Self::Reserve,
        Self::Carried,
        Self::External,
        Self::Conversion,
        Self::Rounding,
    ];

    /// The number it is stored as.
    pub fn id(self) -> i16 {
        match self {
            Self::Capture => 1,
            Self::Refund => 2,
            Self::Chargeback => 3,
            Self::ChargebackReversal => 4,
            Self::BatchFee => 5,
            Self::Payout => 6,
            Self::Unsupported => 7,
            Self::Unpaid => 8,
            Self::UnpaidRecovery => 9,
            Self::RefundFailure => 10,
            Self::Reserve => 11,
            Self::Carried => 12,
            Self::External => 13,
            Self::Conversion => 14,
            Self::Rounding => 15,
        }
    }

    /// The record type stored as this number.
    pub fn from_id(id: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|record| record.id() == id)
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
            Self::ChargebackReversal => "chargeback_reversal",
            Self::BatchFee => "batch_fee",
            Self::Payout => "payout",
            Self::Unsupported => "unsupported",
            Self::Unpaid => "unpaid",
            Self::UnpaidRecovery => "unpaid_recovery",
            Self::RefundFailure => "refund_failure",
            Self::Reserve => "reserve",
            Self::Carried => "carried",
            Self::External => "external",
            Self::Conversion => "conversion",
            Self::Rounding => "rounding",
        }
    }

    /// Whether a line of it settles an open item, so that passes look for one.
    pub fn is_of_item(self) -> bool {
        match self {
            Self::Capture
            | Self::Refund
            | Self::Chargeback
            | Self::ChargebackReversal
            | Self::Unpaid
            | Self::UnpaidRecovery
            | Self::RefundFailure => true,
            Self::BatchFee
            | Self::Payout
            | Self::Unsupported
            | Self::Reserve
            | Self::Carried
            | Self::External
            | Self::Conversion
            | Self::Rounding => false,
        }
    }

    /// Where the money of an item's line goes: 1 to us, -1 from us; none where it is of no item.
    fn direction(self) -> Option<i64> {
        match self {
            Self::Capture | Self::ChargebackReversal | Self::UnpaidRecovery | Self::RefundFailure => Some(1),
            Self::Refund | Self::Chargeback | Self::Unpaid => Some(-1),
            Self::BatchFee
            | Self::Payout
            | Self::Unsupported
            | Self::Reserve
            | Self::Carried
            | Self::External
            | Self::Conversion
            | Self::Rounding => None,
        }
    }

    /// What a row of a type that stands for this record reports, given its gross; and this record, where the money goes the other
    /// way. A type alone does not say what is booked.
    fn directed(self, gross: i64) -> (Self, Option<Self>) {
        match self.direction() {
            Some(direction) if gross.signum() != direction => (Self::Unsupported, (gross != 0).then_some(self)),
            _ => (self, None),
        }
    }

    /// Whether a line of it books something.
    pub fn is_booked(self) -> bool {
        match self {
            Self::Payout | Self::Carried | Self::External => false,
            Self::BatchFee | Self::Unsupported | Self::Reserve | Self::Conversion | Self::Rounding => true,
            Self::Capture
            | Self::Refund
            | Self::Chargeback
            | Self::ChargebackReversal
            | Self::Unpaid
            | Self::UnpaidRecovery
            | Self::RefundFailure => true,
        }
    }
}

/// One row of a settlement file, in our terms. Amounts are signed: positive is money to us. Where there is a gross, it is,
/// converted where currencies differ, net + commission + markup + scheme fee + interchange + tax + reserve.
#[derive(Debug, Clone, PartialEq)]
pub struct SettlementLine {
    /// Its place among the rows of the file: 1, 2, 3 ... The line's identity is (file, ordinal).
    pub ordinal: u32,
    /// The line of the file on which it begins, the header being 1; of a file of records, the record.
    pub line: u64,
    /// What it reports.
    pub record: RecordType,
    /// What its type stands for, where its money goes the other way; its record is unsupported then.
    pub contrary: Option<RecordType>,
    /// The acquirer's own word for it, like `SecondChargeback`.
    pub type_text: String,
    /// The settlement batch: what the acquirer pays as one sum.
    pub batch: String,
    /// Whether it moves a balance that the acquirer keeps for us, or is a payout that takes of one what it likes: its batch is then
    /// not what is paid.
    pub of_balance: bool,
    /// The acquirer's id of this capture, refund or dispute.
    pub acquirer_reference: Option<String>,
    /// The acquirer's id of the original authorization.
    pub original_reference: Option<String>,
    /// Our id as the acquirer echoes it.
    pub merchant_reference: Option<String>,
    /// The scheme's acquirer reference number.
    pub arn: Option<String>,
    /// The retrieval reference number.
    pub rrn: Option<String>,
    /// The issuer's authorization code.
    pub auth_code: Option<String>,
    /// The card: its last four digits or the acquirer's token, never its number.
    pub card: Option<String>,
    /// The case of a dispute.
    pub dispute: Option<String>,
    /// Why, in the acquirer's own word, like the reason code of a chargeback.
    pub reason: Option<String>,
    /// The day it happened, as the file says it.
    pub occurred_on: NaiveDate,
    /// The day on which the money moves, where the file says it.
    pub paid_out_on: Option<NaiveDate>,
    /// What the shopper paid or got back; rows of the batch have none.
    pub gross: Option<Money>,
    /// What the acquirer adds to (or takes from) the batch for it.
    pub net: Money,
    /// Blended commission, in minor units of the net currency; positive is a cost.
    pub commission: i64,
    /// The acquirer's markup, likewise.
    pub markup: i64,
    /// Scheme fees, likewise.
    pub scheme_fee: i64,
    /// Interchange, likewise.
    pub interchange: i64,
    /// VAT on these costs, likewise.
    pub tax: i64,
    /// What the acquirer withholds of the row, likewise; negative is what it releases.
    pub reserve: i64,
    /// From the gross to the net currency; none where both are one.
    pub exchange_rate: Option<Decimal>,
    /// The row as it came, card numbers masked.
    pub raw: String,
}

impl SettlementLine {
    /// A line of which no more is known.
    fn blank(ordinal: u32, line: u64, record: RecordType, occurred_on: NaiveDate, net: Money) -> Self {
        Self {
            ordinal,
            line,
            record,
            contrary: None,
            type_text: String::new(),
            batch: String::new(),
            of_balance: false,
            acquirer_reference: None,
            original_reference: None,
            merchant_reference: None,
            arn: None,
            rrn: None,
            auth_code: None,
            card: None,
            dispute: None,
            reason: None,
            occurred_on,
            paid_out_on: None,
            gross: None,
            net,
            commission: 0,
            markup: 0,
            scheme_fee: 0,
            interchange: 0,
            tax: 0,
            reserve: 0,
            exchange_rate: None,
            raw: String::new(),
        }
    }

    /// Takes what a payout costs out of it, as the line that follows it; none where it costs nothing, or is no payout.
    fn fee_of_payout(&mut self) -> Option<Self> {
        let costs = [
            self.commission,
            self.markup,
            self.scheme_fee,
            self.interchange,
            self.tax,
        ];
        if self.record != RecordType::Payout || costs == [0; 5] {
            return None;
        }
        // Readers have held the amounts of a row to each other: these sums fit.
        let fee = costs.iter().fold(0_i64, |sum, cost| sum.saturating_add(*cost));
        let (net, currency) = (self.net.minor(), self.net.currency());
        let of_fee = Self {
            ordinal: self.ordinal.saturating_add(1),
            record: RecordType::BatchFee,
            net: Money::from_minor(fee.saturating_neg(), currency),
            ..self.clone()
        };
        self.net = Money::from_minor(net.saturating_add(fee), currency);
        [
            self.commission,
            self.markup,
            self.scheme_fee,
            self.interchange,
            self.tax,
        ] = [0; 5];
        Some(of_fee)
    }
}

/// A row that cannot be read: where, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reject {
    /// The line of the file, the header being 1.
    pub line: u64,
    /// The column by its header name, where one is at fault.
    pub column: Option<String>,
    /// What is wrong, card numbers masked.
    pub reason: String,
    /// The row as it came, card numbers masked, cut off after [`REJECT_LENGTH`] characters; empty of files that are not text.
    pub raw: String,
}

/// A line or a reject.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "lines are the rule, rejects the exception")]
pub enum Row {
    /// A row in our terms.
    Line(SettlementLine),
    /// A row that cannot be read.
    Reject(Reject),
}

/// The sums of one (batch, currency), as they were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchTotal {
    /// Lines read.
    pub lines: u64,
    /// Σ net of every row but the payout, in minor units.
    pub net_minor: i128,
    /// Σ of the payout rows as the file signs them (negative: paid out).
    pub payout_minor: i128,
    /// How many payout rows there are.
    pub payouts: u64,
}

/// What a file says about itself, gathered while reading, to be proven before anything is booked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlClaims {
    /// By (batch, net currency).
    pub totals: BTreeMap<(String, Currency), BatchTotal>,
    /// Rows that became lines.
    pub lines: u64,
    /// Rows that became rejects.
    pub rejects: u64,
    /// The latest day on any line: the day the file is about.
    pub latest_day: Option<NaiveDate>,
    /// What it says of itself beside the batches that must add up to nothing.
    pub claims: Vec<Claim>,
    /// With what the balances that it states begin and end.
    pub balances: Vec<Balance>,
}

/// The balance of an account at the acquirer over a period, as a file states it. It begins with what the one before ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The account, as the acquirer names it.
    pub account: String,
    /// Where the period begins.
    pub from: DateTime<Utc>,
    /// Where it ends.
    pub until: DateTime<Utc>,
    /// What it begins with; negative is what we owe.
    pub opening: Money,
    /// What it ends with.
    pub closing: Money,
}

impl ControlClaims {
    /// Whether it has lines, and states nothing that they could be held to: no payout, no total, no count, no balance.
    pub fn is_silent(&self) -> bool {
        self.lines > 0 && self.totals.is_empty() && self.claims.is_empty() && self.balances.is_empty()
    }

    /// Counts what was read of a row, and hands it out.
    ///
    /// Errors: more than [`BATCH_LIMIT`] batches.
    fn take(&mut self, read: Result<SettlementLine, Reject>) -> Result<Row, FileError> {
        match read {
            Ok(line) => self.add(&line).map(|()| Row::Line(line)),
            Err(reject) => {
                self.rejects = self.rejects.saturating_add(1);
                Ok(Row::Reject(reject))
            }
        }
    }

    /// Adds a line to its batch and to what is counted.
    fn add(&mut self, line: &SettlementLine) -> Result<(), FileError> {
        self.lines = self.lines.saturating_add(1);
        self.latest_day = self.latest_day.max(Some(line.occurred_on));
        let key = (line.batch.clone(), line.net.currency());
        let total = self.totals.entry(key).or_default();
        total.lines = total.lines.saturating_add(1);
        // 2^64 amounts of 64 bits fit 128 bits: neither sum can reach its end.
        let net = i128::from(line.net.minor());
        if line.record == RecordType::Payout {
            total.payouts = total.payouts.saturating_add(1);
            total.payout_minor = total.payout_minor.saturating_add(net);
        } else {
            total.net_minor = total.net_minor.saturating_add(net);
        }
        if self.totals.len() > BATCH_LIMIT {
            return Err(FileError::Malformed {
                line: line.line,
                reason: format!("the file has more than {BATCH_LIMIT} batches"),
            });
        }
        Ok(())
    }
}

/// Something that a file says about itself, and what its rows come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What says it, like `section footer of USD, line 12: gross credits`.
    pub what: String,
    /// The batch that it is about and how many lines of it were read, where others may be in other files: then it is about all.
    pub batch: Option<(String, u64)>,
    /// The currency of both sides; none where rows are counted.
    pub currency: Option<Currency>,
    /// What it says, in minor units or rows.
    pub stated: i128,
    /// What the rows come to.
    pub read: i128,
}

impl Claim {
    /// The same, with so much more read.
    #[must_use]
    pub fn with(self, more: i128) -> Self {
        Self {
            read: self.read.saturating_add(more),
            ..self
        }
    }

    /// The same, where one that may go by other files says the right amount with the other sign: reports of it differ.
    #[must_use]
    pub fn without_sign(self) -> Self {
        match self.batch {
            Some(_) if self.stated.unsigned_abs() == self.read.unsigned_abs() => Self {
                stated: self.read,
                ..self
            },
            _ => self,
        }
    }
}

/// Reads a settlement file, row by row, in the order of the file. [`Rows`] is how it is used.
pub trait SettlementReader {
    /// The next line or reject; none at the end of the file. It is not asked again after the end, nor after an error, which ends
    /// the file too: nothing of it may be used.
    fn row(&mut self) -> Result<Option<Row>, FileError>;

    /// The names of columns that nothing reads and that are not known to be the format's: kept in the raw rows, worth a warning.
    fn unknown_columns(&self) -> &[String];

    /// What the rows read so far claim; of the whole file once it has ended without an error.
    fn claims(&self) -> &ControlClaims;

    /// From now on, keeps how each field of a row was read, where the format can say it.
    fn explain(&mut self) {}

    /// How the fields of the last row were read: as far as it could be read.
    fn steps(&self) -> &[Step] {
        &[]
    }
}

/// The lines and rejects of a settlement file, in the order of the file. An `Err` is the last, and nothing of the file may be used.
///
/// What a payout itself costs is a line of its own, a fee of the batch: the bank receives the payout without it.
pub struct Rows<'r> {
    reader: Box<dyn SettlementReader + 'r>,
    /// The fee of the payout that was handed out last.
    fee: Option<SettlementLine>,
    /// How many fees were handed out, or wait.
    fees: u32,
    ended: bool,
}

impl<'r> Rows<'r> {
    /// Those that a reader reads.
    pub fn of(reader: impl SettlementReader + 'r) -> Self {
        Self {
            reader: Box::new(reader),
            fee: None,
            fees: 0,
            ended: false,
        }
    }

    /// As [`SettlementReader::unknown_columns`].
    pub fn unknown_columns(&self) -> &[String] {
        self.reader.unknown_columns()
    }

    /// As [`SettlementReader::claims`]; fees of payouts are counted with the lines.
    pub fn claims(&self) -> ControlClaims {
        let claims = self.reader.claims().clone();
        ControlClaims {
            lines: claims.lines.saturating_add(self.fees.into()),
            ..claims
        }
    }

    /// As [`SettlementReader::explain`].
    pub fn explain(&mut self) {
        self.reader.explain();
    }

    /// As [`SettlementReader::steps`].
    pub fn steps(&self) -> &[Step] {
        self.reader.steps()
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if let Some(fee) = self.fee.take() {
            return Some(Ok(Row::Line(fee)));
        }
        let mut row = self.reader.row().transpose();
        self.ended = !matches!(row, Some(Ok(_)));
        if let Some(Ok(Row::Line(line))) = &mut row {
            line.ordinal = line.ordinal.saturating_add(self.fees);
            self.fee = line.fee_of_payout();
            self.fees = self.fees.saturating_add(u32::from(self.fee.is_some()));
        }
        row
    }
}

/// How one field of a line was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The field.
    pub field: &'static str,
    /// The column, or columns, that it was read from.
    pub column: String,
    /// What is written there, card numbers masked.
    pub raw: String,
    /// By which rule it was read.
    pub rule: String,
    /// What it came to.
    pub value: String,
}
