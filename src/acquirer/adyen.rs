//! The Adyen Settlement Details Report.
//!
//! A CSV file in UTF-8 with a header and no trailer: one row a capture, refund, dispute, cost or correction, and a row for
//! what is paid to the bank. Adyen's public documentation of the report describes its columns.
//!
//! Phases: [`AdyenReader::open`] binds columns by their exact names; each `next` reads one row, proves what can be proven
//! within it and adds it to the [`ControlClaims`]. Rows that cannot be read are rejects with line and column; an `Err` ends
//! the file, and nothing of it may be used.
//!
//! Invariants of every line:
//! - gross × exchange rate − (commission + markup + scheme fees + interchange) = net, exactly where both are in one currency,
//!   within one minor unit of the net currency where they are not. Rows without a gross amount, and those that another party
//!   settles, have no such identity.
//! - the direction of money is that of the debit and credit columns, never that of the type;
//! - references are visible text without card numbers, and `raw` holds none.
//!
//! A row is rejected for the first thing wrong with it. Limits: those of `text`, and [`BATCH_LIMIT`].

use std::io::Read;

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use super::{ControlClaims, RecordType, Reject, Row, SettlementLine};
use crate::card_number;
use crate::dates::parse_day;
use crate::delimited::{FileError, Record, Records};
use crate::ids::check_reference;
use crate::money::{Currency, Money, decimal_text};

/// The most batches, counted once a currency, that a file may hold.
pub const BATCH_LIMIT: usize = 10_000;

/// A column that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    PspReference,
    MerchantReference,
    CreationDate,
    TimeZone,
    Type,
    ModificationReference,
    GrossCurrency,
    GrossDebit,
    GrossCredit,
    ExchangeRate,
    NetCurrency,
    NetDebit,
    NetCredit,
    Commission,
    Markup,
    SchemeFees,
    Interchange,
    BatchNumber,
    PaymentFees,
    Arn,
}

impl Column {
    /// Every column, in the order of declaration.
    const ALL: [Self; 20] = [
        Self::PspReference,
        Self::MerchantReference,
        Self::CreationDate,
        Self::TimeZone,
        Self::Type,
        Self::ModificationReference,
        Self::GrossCurrency,
        Self::GrossDebit,
        Self::GrossCredit,
        Self::ExchangeRate,
        Self::NetCurrency,
        Self::NetDebit,
        Self::NetCredit,
        Self::Commission,
        Self::Markup,
        Self::SchemeFees,
        Self::Interchange,
        Self::BatchNumber,
        Self::PaymentFees,
        Self::Arn,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::PspReference => "Psp Reference",
            Self::MerchantReference => "Merchant Reference",
            Self::CreationDate => "Creation Date",
            Self::TimeZone => "TimeZone",
            Self::Type => "Type",
            Self::ModificationReference => "Modification Reference",
            Self::GrossCurrency => "Gross Currency",
            Self::GrossDebit => "Gross Debit (GC)",
            Self::GrossCredit => "Gross Credit (GC)",
            Self::ExchangeRate => "Exchange Rate",
            Self::NetCurrency => "Net Currency",
            Self::NetDebit => "Net Debit (NC)",
            Self::NetCredit => "Net Credit (NC)",
            Self::Commission => "Commission (NC)",
            Self::Markup => "Markup (NC)",
            Self::SchemeFees => "Scheme Fees (NC)",
            Self::Interchange => "Interchange (NC)",
            Self::BatchNumber => "Batch Number",
            Self::PaymentFees => "Payment Fees (NC)",
            Self::Arn => "ARN",
        }
    }

    /// Its place in [`Column::ALL`].
    #[allow(clippy::as_conversions, reason = "an enum without fields is its own place")]
    fn index(self) -> usize {
        self as usize
    }

    fn is_required(self) -> bool {
        !matches!(self, Self::PaymentFees | Self::Arn)
    }
}

/// Columns that Adyen is known to write and that are kept in the raw row only.
const EVIDENCE: [&str; 31] = [
    "Company Account",
    "Merchant Account",
    "Payment Method",
    "Payment Method Variant",
    "Modification Merchant Reference",
    "Booking Date",
    "Booking Date TimeZone",
    "Booking Type",
    "Metadata",
    "Balance Currency",
    "Dispute Reference",
    "Settlement Flow",
    "Authorisation Code",
    "Advanced (NC)",
    "Additional Type",
    "Installments",
    "Issuer Country",
    "Shopper Country",
    "Clearing Network",
    "Terminal ID",
    "Tender Reference",
    "POS Transaction Date",
    "POS Transaction Date TimeZone",
    "Store",
    "Acquirer",
    "Submerchant Identifier",
    "Card Number Summary",
    "Card BIN",
    "Global Card Brand",
    "Chargeback Reason Code",
    "Chargeback Scheme Code",
];

fn is_evidence(name: &str) -> bool {
    let is_reserved = || {
        name.strip_prefix("Reserved")
            .is_some_and(|number| (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    EVIDENCE.contains(&name) || is_reserved()
}

/// Where each column stands in the header, and how many there are.
#[derive(Debug, Clone)]
struct Header {
    places: [Option<usize>; Column::ALL.len()],
    names: Vec<String>,
    unknown: Vec<String>,
}

impl Header {
    fn bind(record: &Record) -> Result<Self, FileError> {
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
        let places = Column::ALL.map(|column| cells.iter().position(|cell| *cell == column.name()));
        let unknown: Vec<&str> = cells
            .iter()
            .copied()
            .filter(|cell| !is_evidence(cell) && Column::ALL.iter().all(|column| column.name() != *cell))
            .collect();
        let problems = problems(&cells, &unknown);
        if !problems.is_empty() {
            return Err(malformed(format!(
                "not an Adyen settlement details report: {}",
                problems.join(", ")
            )));
        }
        Ok(Self {
            places,
            names: cells.iter().map(|name| short(name)).collect(),
            unknown: unknown.into_iter().map(short).collect(),
        })
    }
}

/// What is wrong with a header: required columns that are missing, columns that are there twice.
fn problems(cells: &[&str], unknown: &[&str]) -> Vec<String> {
    let missing = Column::ALL
        .into_iter()
        .filter(|column| column.is_required())
        .map(Column::name)
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

fn short(text: &str) -> String {
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

/// Reads an Adyen Settlement Details Report: an iterator of lines and rejects, in the order of the file.
#[derive(Debug)]
pub struct AdyenReader<R> {
    records: Records<R>,
    header: Header,
    claims: ControlClaims,
    ordinal: u32,
    ended: bool,
}

impl<R: Read> AdyenReader<R> {
    /// Begins a file: reads its header and binds the columns.
    ///
    /// Errors: an empty file, another encoding, required columns missing, a column twice.
    pub fn open(input: R) -> Result<Self, FileError> {
        let mut records = Records::open(input)?;
        if !records.advance()? {
            return Err(FileError::Malformed {
                line: 1,
                reason: "the file is empty".to_owned(),
            });
        }
        let header = Header::bind(records.record())?;
        Ok(Self {
            records,
            header,
            claims: ControlClaims::default(),
            ordinal: 0,
            ended: false,
        })
    }

    /// The names of columns that are not known to be Adyen's: kept in the raw rows, not read, and worth a warning.
    pub fn unknown_columns(&self) -> &[String] {
        &self.header.unknown
    }

    /// What the rows read so far claim; of the whole file once the iterator has ended without an error.
    pub fn claims(&self) -> &ControlClaims {
        &self.claims
    }

    /// What it reads from.
    pub fn input(&self) -> &R {
        self.records.input()
    }

    /// As [`AdyenReader::claims`], and ends the reading.
    pub fn into_claims(self) -> ControlClaims {
        self.claims
    }

    fn read(&mut self) -> Result<Option<Row>, FileError> {
        if !self.records.advance()? {
            return Ok(None);
        }
        self.ordinal = self.ordinal.saturating_add(1);
        let record = self.records.record();
        let read = RowReader {
            record,
            header: &self.header,
        }
        .read(self.ordinal);
        match read {
            Ok(line) => {
                claim(&mut self.claims, &line)?;
                Ok(Some(Row::Line(line)))
            }
            Err(Wrong { column, reason }) => {
                self.claims.rejects = self.claims.rejects.saturating_add(1);
                Ok(Some(Row::Reject(Reject {
                    line: record.line(),
                    column,
                    reason,
                })))
            }
        }
    }
}

impl<R: Read> Iterator for AdyenReader<R> {
    type Item = Result<Row, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

/// Adds a line to what the file claims.
fn claim(claims: &mut ControlClaims, line: &SettlementLine) -> Result<(), FileError> {
    let total = claims
        .totals
        .entry((line.batch.clone(), line.net.currency()))
        .or_default();
    total.lines = total.lines.saturating_add(1);
    // 2^64 amounts of 64 bits fit 128 bits: neither sum can reach its end.
    let net = i128::from(line.net.minor());
    if line.record == RecordType::Payout {
        total.payouts = total.payouts.saturating_add(1);
        total.payout_minor = total.payout_minor.saturating_add(net);
    } else {
        total.net_minor = total.net_minor.saturating_add(net);
    }
    claims.lines = claims.lines.saturating_add(1);
    claims.latest_day = claims.latest_day.max(Some(line.occurred_on));
    if claims.totals.len() > BATCH_LIMIT {
        let reason = format!("the file has more than {BATCH_LIMIT} batches");
        return Err(FileError::Malformed {
            line: line.line,
            reason,
        });
    }
    Ok(())
}

/// Why a row is rejected.
#[derive(Debug)]
struct Wrong {
    column: Option<String>,
    reason: String,
}

/// What the types mean to us; compared without regard to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Settled,
    Refunded,
    Chargeback,
    ChargebackReversed,
    BatchFee,
    Payout,
    /// Settled by another party: the row has a gross amount that Adyen does not pay.
    External,
    Other,
}

impl Kind {
    fn of(type_text: &str) -> Self {
        const KINDS: [(&str, Kind); 11] = [
            ("Settled", Kind::Settled),
            ("Refunded", Kind::Refunded),
            ("Chargeback", Kind::Chargeback),
            ("SecondChargeback", Kind::Chargeback),
            ("ChargebackReversed", Kind::ChargebackReversed),
            ("Fee", Kind::BatchFee),
            ("MiscCosts", Kind::BatchFee),
            ("MerchantPayout", Kind::Payout),
            ("SettledExternally", Kind::External),
            ("RefundedExternally", Kind::External),
            ("ChargebackExternally", Kind::External),
        ];
        KINDS
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(type_text))
            .map_or(Self::Other, |(_, kind)| kind)
    }

    /// Whether it is about one payment, so that it must have a gross amount.
    fn is_of_payment(self) -> bool {
        matches!(
            self,
            Self::Settled | Self::Refunded | Self::Chargeback | Self::ChargebackReversed
        )
    }

    /// The record that it is, given where the money goes: a type alone does not say so.
    fn record(self, gross: Option<Money>) -> RecordType {
        let gross = gross.map_or(0, Money::minor);
        match self {
            Self::Settled if gross > 0 => RecordType::Capture,
            Self::Refunded if gross < 0 => RecordType::Refund,
            Self::Chargeback if gross < 0 => RecordType::Chargeback,
            Self::ChargebackReversed if gross > 0 => RecordType::ChargebackReversal,
            Self::BatchFee => RecordType::BatchFee,
            Self::Payout => RecordType::Payout,
            Self::Settled | Self::Refunded | Self::Chargeback | Self::ChargebackReversed => RecordType::Unsupported,
            Self::External | Self::Other => RecordType::Unsupported,
        }
    }
}

/// The money of a row.
struct Amounts {
    gross: Option<Money>,
    net: Money,
    commission: i64,
    markup: i64,
    scheme_fee: i64,
    interchange: i64,
    exchange_rate: Option<Decimal>,
}

impl Amounts {
    /// The four costs together; they cannot leave 128 bits.
    fn costs(&self) -> i128 {
        [self.commission, self.markup, self.scheme_fee, self.interchange]
            .into_iter()
            .fold(0, |sum, cost| sum.saturating_add(i128::from(cost)))
    }
}

/// One row on its way to become a line.
struct RowReader<'a> {
    record: &'a Record,
    header: &'a Header,
}

impl<'a> RowReader<'a> {
    fn read(&self, ordinal: u32) -> Result<SettlementLine, Wrong> {
        self.check_shape()?;
        let type_text = self.text(Column::Type)?;
        let batch = self.text(Column::BatchNumber)?;
        let occurred_on = self.day()?;
        self.check_time_zone()?;
        let kind = Kind::of(type_text);
        let amounts = self.amounts(kind)?;
        self.check_payment_fees(&amounts)?;
        if kind != Kind::External {
            check_identity(&amounts)?;
        }
        let original_reference = self.reference(Column::PspReference)?;
        let modification = self.reference(Column::ModificationReference)?;
        Ok(SettlementLine {
            ordinal,
            line: self.record.line(),
            record: kind.record(amounts.gross),
            type_text: type_text.to_owned(),
            batch: batch.to_owned(),
            acquirer_reference: modification.or_else(|| original_reference.clone()),
            original_reference,
            merchant_reference: self.reference(Column::MerchantReference)?,
            arn: self.reference(Column::Arn)?,
            occurred_on,
            gross: amounts.gross,
            net: amounts.net,
            commission: amounts.commission,
            markup: amounts.markup,
            scheme_fee: amounts.scheme_fee,
            interchange: amounts.interchange,
            exchange_rate: amounts.exchange_rate,
            raw: card_number::mask(self.record.raw()).into_owned(),
        })
    }

    fn check_shape(&self) -> Result<(), Wrong> {
        let (cells, columns) = (self.record.cells(), self.header.names.len());
        if let Some(fault) = self.record.fault() {
            return Err(Wrong {
                column: self.header.names.get(fault.cell).cloned(),
                reason: fault.reason.to_owned(),
            });
        }
        if self.record.is_blank() {
            return Err(Wrong::of_row("a blank line".to_owned()));
        }
        if cells != columns {
            return Err(Wrong::of_row(format!(
                "has {cells} cells, but the header has {columns}"
            )));
        }
        Ok(())
    }

    /// A cell; empty where the file has no such column.
    fn cell(&self, column: Column) -> &'a str {
        let place = self.header.places.get(column.index()).copied().flatten();
        place.map_or("", |place| self.record.cell(place))
    }

    /// A text that must be there.
    fn text(&self, column: Column) -> Result<&'a str, Wrong> {
        let cell = self.cell(column);
        check_reference(cell).map_err(|error| Wrong::in_column(column, error))?;
        Ok(cell)
    }

    /// A reference, where there is one.
    fn reference(&self, column: Column) -> Result<Option<String>, Wrong> {
        match self.cell(column) {
            "" => Ok(None),
            _ => self.text(column).map(|text| Some(text.to_owned())),
        }
    }

    /// The day of `YYYY-MM-DD HH:MM:SS`. The zone beside it is only a label, often the wrong one for daylight saving time;
    /// nothing is converted.
    fn day(&self) -> Result<NaiveDate, Wrong> {
        let cell = self.cell(Column::CreationDate);
        let not_a_time = || {
            let text = card_number::shorten(cell, 40);
            Wrong::in_column(
                Column::CreationDate,
                format!("`{text}` is not a time: write YYYY-MM-DD HH:MM:SS"),
            )
        };
        let (day, time) = cell.split_once(' ').ok_or_else(not_a_time)?;
        let day = parse_day(day).map_err(|error| Wrong::in_column(Column::CreationDate, error))?;
        is_time_of_day(time).then_some(day).ok_or_else(not_a_time)
    }

    fn check_time_zone(&self) -> Result<(), Wrong> {
        let cell = self.cell(Column::TimeZone);
        if (2..=5).contains(&cell.len()) && cell.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Ok(());
        }
        let text = card_number::shorten(cell, 40);
        Err(Wrong::in_column(
            Column::TimeZone,
            format!("`{text}` is not a time zone, like CET"),
        ))
    }

    fn amounts(&self, kind: Kind) -> Result<Amounts, Wrong> {
        let net_currency = self.currency(Column::NetCurrency)?;
        let gross = self.gross(kind, net_currency)?;
        Ok(Amounts {
            gross,
            net: self.balance(Column::NetDebit, Column::NetCredit, net_currency)?,
            commission: self.cost(Column::Commission, net_currency)?,
            markup: self.cost(Column::Markup, net_currency)?,
            scheme_fee: self.cost(Column::SchemeFees, net_currency)?,
            interchange: self.cost(Column::Interchange, net_currency)?,
            exchange_rate: self.exchange_rate(gross.filter(|_| kind != Kind::External), net_currency)?,
        })
    }

    fn currency(&self, column: Column) -> Result<Currency, Wrong> {
        match self.cell(column) {
            "" => Err(Wrong::in_column(column, "is empty")),
            cell => Currency::parse(cell).map_err(|error| Wrong::in_column(column, error)),
        }
    }

    /// The gross amount. Rows of the batch have none, or zeros that mean none.
    fn gross(&self, kind: Kind, net_currency: Currency) -> Result<Option<Money>, Wrong> {
        if self.cell(Column::GrossCurrency).is_empty() {
            // Without a currency only nothing can be read; any currency will do for its grammar.
            let nothing = |column| matches!(self.amount(column, net_currency), Ok(0));
            let empty = nothing(Column::GrossDebit) && nothing(Column::GrossCredit);
            if empty && !kind.is_of_payment() {
                return Ok(None);
            }
            let reason = if empty {
                "is empty; a row of this type has one"
            } else {
                "is empty beside a gross amount"
            };
            return Err(Wrong::in_column(Column::GrossCurrency, reason));
        }
        let currency = self.currency(Column::GrossCurrency)?;
        let gross = self.balance(Column::GrossDebit, Column::GrossCredit, currency)?;
        Ok(Some(gross).filter(|gross| gross.minor() != 0 || kind.is_of_payment()))
    }

    /// Credit less debit: positive is money to us.
    fn balance(&self, debit: Column, credit: Column, currency: Currency) -> Result<Money, Wrong> {
        // Both are unsigned, so the difference cannot leave 64 bits.
        let debit = self.amount(debit, currency)?;
        let credit = self.amount(credit, currency)?;
        Ok(Money::from_minor(credit.saturating_sub(debit), currency))
    }

    /// An unsigned amount; empty is nothing.
    fn amount(&self, column: Column, currency: Currency) -> Result<i64, Wrong> {
        match self.cell(column) {
            "" => Ok(0),
            cell => Money::parse_scaled(cell, currency)
                .map(Money::minor)
                .map_err(|error| Wrong::in_column(column, error)),
        }
    }

    /// A cost: an amount that may have a minus before it, where it is given back.
    fn cost(&self, column: Column, currency: Currency) -> Result<i64, Wrong> {
        match self.cell(column).strip_prefix('-') {
            None => self.amount(column, currency),
            Some(cell) => Money::parse_scaled(cell, currency)
                .map(|cost| cost.minor().saturating_neg())
                .map_err(|_| {
                    let text = card_number::shorten(self.cell(column), 40);
                    Wrong::in_column(column, format!("`{text}` is not an amount"))
                }),
        }
    }

    /// The rate from the gross to the net currency; none where they are one, or there is no gross amount to convert.
    fn exchange_rate(&self, gross: Option<Money>, net_currency: Currency) -> Result<Option<Decimal>, Wrong> {
        let wrong = |reason: String| Wrong::in_column(Column::ExchangeRate, reason);
        let cell = self.cell(Column::ExchangeRate);
        let text = || card_number::shorten(cell, 40);
        let rate = match cell {
            "" => None,
            _ => Some(parse_rate(cell).ok_or_else(|| wrong(format!("`{}` is not a rate, like 1.0875", text())))?),
        };
        let Some(gross) = gross else {
            return Ok(None);
        };
        match rate {
            _ if gross.currency() == net_currency && rate.is_none_or(|rate| rate == Decimal::ONE) => Ok(None),
            Some(_) if gross.currency() == net_currency => Err(wrong(format!(
                "`{}` is not 1, though gross and net are in {net_currency}",
                text()
            ))),
            Some(rate) if !rate.is_zero() => Ok(Some(rate)),
            _ => Err(wrong(format!("no rate from {} to {net_currency}", gross.currency()))),
        }
    }

    /// The total of the four costs, where the file has it: a claim about them, never a fifth cost.
    fn check_payment_fees(&self, amounts: &Amounts) -> Result<(), Wrong> {
        if self.cell(Column::PaymentFees).is_empty() {
            return Ok(());
        }
        let currency = amounts.net.currency();
        let claimed = self.cost(Column::PaymentFees, currency)?;
        if i128::from(claimed) == amounts.costs() {
            return Ok(());
        }
        let reason = format!(
            "is {}, but the four costs are {}",
            Money::from_minor(claimed, currency),
            text_of(amounts.costs(), currency)
        );
        Err(Wrong::in_column(Column::PaymentFees, reason))
    }
}

impl Wrong {
    fn of_row(reason: String) -> Self {
        Self { column: None, reason }
    }

    fn in_column(column: Column, reason: impl ToString) -> Self {
        Self {
            column: Some(column.name().to_owned()),
            reason: reason.to_string(),
        }
    }
}

fn is_time_of_day(text: &str) -> bool {
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
fn parse_rate(text: &str) -> Option<Decimal> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.len().saturating_add(part.len());
    let well_formed = !part.is_empty() && digits <= 28 && whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit());
    if well_formed {
        Decimal::from_str_exact(text).ok()
    } else {
        None
    }
}

/// gross × rate − costs = net.
fn check_identity(amounts: &Amounts) -> Result<(), Wrong> {
    let Some(gross) = amounts.gross else {
        return Ok(());
    };
    let currency = amounts.net.currency();
    let too_large = || Wrong::of_row("the amounts are too large to be proven".to_owned());
    let (converted, allowed) = match amounts.exchange_rate {
        None => (i128::from(gross.minor()), 0),
        Some(rate) => (convert(gross, rate, currency).ok_or_else(too_large)?, 1),
    };
    let expected = converted.checked_sub(amounts.costs()).ok_or_else(too_large)?;
    let off = expected
        .checked_sub(i128::from(amounts.net.minor()))
        .ok_or_else(too_large)?;
    if off.unsigned_abs() <= allowed {
        return Ok(());
    }
    let rate = amounts
        .exchange_rate
        .map_or_else(String::new, |rate| format!(" × {rate}"));
    Err(Wrong::of_row(format!(
        "gross {gross}{rate} less costs of {} is {}, but net is {}",
        text_of(amounts.costs(), currency),
        text_of(expected, currency),
        amounts.net
    )))
}

/// The amount in another currency, to the nearest minor unit.
fn convert(amount: Money, rate: Decimal, to: Currency) -> Option<i128> {
    let (from, to) = (amount.currency().exponent(), to.exponent());
    let shift = Decimal::from(10_u64.checked_pow(u32::from(from.abs_diff(to)))?);
    let product = Decimal::from(amount.minor()).checked_mul(rate)?;
    let scaled = if to >= from {
        product.checked_mul(shift)?
    } else {
        product.checked_div(shift)?
    };
    i128::try_from(scaled.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)).ok()
}

/// Money text of a sum that may be beyond what an amount holds.
fn text_of(minor: i128, currency: Currency) -> String {
    i64::try_from(minor).map_or_else(
        |_| format!("{minor} minor units of {currency}"),
        |minor| format!("{} {currency}", decimal_text(minor, currency)),
    )
}

#[cfg(test)]
mod tests;
