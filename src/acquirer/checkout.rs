//! Checkout.com's settlement breakdown, and the payouts that prove it.
//!
//! Two CSV files in UTF-8, each with a header: a row of the breakdown is a capture, refund, dispute or fee, a row of the other file
//! what was paid out. Checkout.com's public documentation describes both. Amounts are signed decimals in major units with up to
//! eight decimals; fees are negative.
//!
//! Phases: the payouts are read first and kept ([`BATCH_LIMIT`] of them at most); the breakdown is streamed;
//! then each payout becomes a row of its batch, and what rounding leaves becomes another.
//!
//! Invariants of every row, exactly and before anything is rounded: net = gross + deduction, and deduction = processing fee +
//! scheme fee + interchange + tax + reserve. Each amount is then rounded to the minor unit, half to even; what that leaves
//! within a row is part of its processing fee. Invariant of every payout: it is its rows, but for half a minor unit a row at
//! most. Rows without a payout are the batch [`NO_PAYOUT`], which nobody claims anything of: they
//! are in the balance.

use std::collections::BTreeMap;
use std::io::Read;

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use super::sheet::{self, Cells, Sheet, Wrong, columns};
use super::{BATCH_LIMIT, ControlClaims, RecordType, Reject, Row, SettlementLine, SettlementReader};
use crate::dates::parse_day;
use crate::delimited::FileError;
use crate::money::{Currency, Money};

/// The batch of rows that no payout holds.
pub const NO_PAYOUT: &str = "no payout";
/// The most decimals of an amount.
const DECIMALS: usize = 8;

columns! {
    Column, "a Checkout.com settlement breakdown", is_evidence;
    required {
        Type = "Type",
        Payment = "Payment ID",
        Reference = "Reference",
        Processed = "Processed On",
        Holding = "Holding Currency",
        Payout = "Payout ID",
        Gross = "Gross In Holding Currency",
        Deduction = "Deduction In Holding Currency",
        Net = "Net In Holding Currency",
        ProcessingFee = "Processing Fee In Holding Currency",
        SchemeFee = "Scheme Fee In Holding Currency",
        Interchange = "Interchange In Holding Currency",
        Tax = "Tax In Holding Currency",
        Reserve = "Reserve In Holding Currency",
        Processing = "Processing Currency",
        ProcessingGross = "Gross In Processing Currency",
    }
    optional {
        Action = "Action ID",
        Arn = "ARN",
        Reason = "Reason Code",
    }
}

fn is_evidence(name: &str) -> bool {
    [
        "Client Entity ID",
        "Client Entity Name",
        "Processing Channel ID",
        "Processing Channel Name",
        "Available On",
        "FX Rate Applied",
        "Payment Method",
    ]
    .contains(&name)
}

columns! {
    PaidColumn, "Checkout.com's file of payouts", is_sum;
    required {
        Id = "Payout ID",
        Date = "Payout Date",
        Amount = "Payout Amount",
    }
    optional {
        Currency = "Holding Currency",
    }
}

/// The other columns of the file of payouts are sums of the breakdown.
fn is_sum(_: &str) -> bool {
    true
}

/// How many columns a header lacks to be of this format.
pub(super) fn missing(header: &[&str]) -> usize {
    sheet::missing::<Column>(header)
}

/// Whether a header is that of the file of payouts, which comes with a breakdown and after it.
pub(super) fn is_of_payouts(header: &[&str]) -> bool {
    sheet::missing::<PaidColumn>(header) == 0
}

/// A payout, before its rows are read.
#[derive(Debug, Clone)]
struct Paid {
    line: u64,
    day: NaiveDate,
    amount: Decimal,
    currency: Option<Currency>,
    raw: String,
}

/// Reads a breakdown with its payouts: lines and rejects.
pub struct CheckoutReader<'r> {
    sheet: Sheet<Box<dyn Read + 'r>, Column>,
    claims: ControlClaims,
    payouts: BTreeMap<String, Paid>,
    /// Rejects of the payouts' file, then, when the breakdown has ended, the rows of payouts; the next one last.
    waiting: Vec<Result<SettlementLine, Reject>>,
    closed: bool,
}

impl<'r> CheckoutReader<'r> {
    /// Begins a breakdown and reads its payouts.
    ///
    /// Errors: no file of payouts, or more than one; an empty file, another encoding, required columns missing, a column twice;
    /// more payouts than a file may hold batches.
    pub fn open(input: Box<dyn Read + 'r>, rest: Vec<Box<dyn Read + 'r>>) -> Result<Self, FileError> {
        let sheet = Sheet::open(input)?;
        let malformed = |reason: &str| FileError::Malformed {
            line: 1,
            reason: reason.to_owned(),
        };
        let mut rest = rest.into_iter();
        let Some(payouts) = rest.next() else {
            return Err(malformed(
                "a breakdown is proven by its payouts: give their file by --with",
            ));
        };
        if rest.next().is_some() {
            return Err(malformed(
                "a breakdown has one file of payouts, but more are given with it",
            ));
        }
        let mut reader = Self {
            sheet,
            claims: ControlClaims::default(),
            payouts: BTreeMap::new(),
            waiting: Vec::new(),
            closed: false,
        };
        reader.read_payouts(payouts)?;
        Ok(reader)
    }

    fn read_payouts(&mut self, input: Box<dyn Read + 'r>) -> Result<(), FileError> {
        let mut sheet: Sheet<_, PaidColumn> = Sheet::open(input).map_err(of_payouts)?;
        let mut rejects = Vec::new();
        while let Some(read) = sheet.read(paid_row).map_err(of_payouts)? {
            match read {
                Ok((id, _)) if self.payouts.contains_key(&id) => {
                    let wrong = Wrong::in_column("Payout ID", format!("payout {id} is there twice"));
                    rejects.push(wrong.in_file("of payouts").at(sheet.line(), sheet.raw()));
                }
                Ok((id, paid)) => {
                    self.payouts.insert(id, paid);
                }
                Err(wrong) => rejects.push(wrong.in_file("of payouts").at(sheet.line(), sheet.raw())),
            }
            if self.payouts.len().max(rejects.len()) > BATCH_LIMIT {
                let reason = format!("file of payouts: it has more than {BATCH_LIMIT} payouts");
                return Err(FileError::Malformed {
                    line: sheet.line(),
                    reason,
                });
            }
        }
        rejects.reverse();
        self.waiting = rejects.into_iter().map(Err).collect();
        Ok(())
    }

    /// Turns payouts into rows of their batches, and what rounding leaves of them, when all rows are read.
    fn close(&mut self) {
        self.closed = true;
        self.claims.totals.retain(|(batch, _), _| batch != NO_PAYOUT);
        let mut rows = Vec::new();
        let mut ordinal = self.sheet.ordinal();
        let mut next = || {
            ordinal = ordinal.saturating_add(1);
            ordinal
        };
        for (id, paid) in std::mem::take(&mut self.payouts) {
            match paid.close(&id, &self.claims) {
                Ok((payout, residue)) => {
                    for line in [Some(payout), residue].into_iter().flatten() {
                        rows.push(Ok(SettlementLine {
                            ordinal: next(),
                            ..line
                        }));
                    }
                }
                Err(reject) => rows.push(Err(reject)),
            }
        }
        rows.reverse();
        self.waiting = rows;
    }
}

fn of_payouts(error: FileError) -> FileError {
    match error {
        FileError::Malformed { line, reason } => FileError::Malformed {
            line,
            reason: format!("file of payouts: {reason}"),
        },
        FileError::Io(_) | FileError::Damaged { .. } => error,
    }
}

fn paid_row(cells: &Cells<'_, PaidColumn>, _: u32) -> Result<(String, Paid), Wrong> {
    let currency = match cells.cell(PaidColumn::Currency) {
        "" => None,
        _ => Some(cells.currency(PaidColumn::Currency)?),
    };
    let paid = Paid {
        line: cells.line(),
        day: day(cells, PaidColumn::Date)?,
        amount: amount(cells, PaidColumn::Amount)?,
        currency,
        raw: cells.raw(),
    };
    Ok((cells.text(PaidColumn::Id)?.to_owned(), paid))
}

impl Paid {
    /// The row of a payout, and what rounding leaves of its rows, where that is what rounding can leave.
    fn close(self, id: &str, claims: &ControlClaims) -> Result<(SettlementLine, Option<SettlementLine>), Reject> {
        let wrong = |column: &str, reason: String| {
            Wrong::in_column(column, reason)
                .in_file("of payouts")
                .at(self.line, &self.raw)
        };
        let totals: Vec<_> = claims.totals.iter().filter(|((batch, _), _)| batch == id).collect();
        let (currency, total) = match totals[..] {
            [((_, currency), total)] => (*currency, *total),
            [] => return Err(wrong("Payout ID", format!("payout {id} has no rows in the breakdown"))),
            [..] => {
                return Err(wrong(
                    "Payout ID",
                    format!("payout {id} has rows of more than one holding currency"),
                ));
            }
        };
        if let Some(stated) = self.currency.filter(|stated| *stated != currency) {
            return Err(wrong(
                "Holding Currency",
                format!("is {stated}, but the rows of payout {id} are in {currency}"),
            ));
        }
        let exact = minor_units(self.amount, currency).filter(|exact| exact.fract().is_zero());
        let minor = exact.and_then(|exact| i64::try_from(exact).ok());
        let minor =
            minor.ok_or_else(|| wrong("Payout Amount", format!("{} is no amount of {currency}", self.amount)))?;
        let residue = i128::from(minor).saturating_sub(total.net_minor);
        // Half a minor unit a row.
        let legal = residue.unsigned_abs().saturating_mul(2) <= u128::from(total.lines);
        let line = |record, type_text: &str, minor: i64, raw| SettlementLine {
            type_text: type_text.to_owned(),
            batch: id.to_owned(),
            paid_out_on: Some(self.day),
            raw,
            ..SettlementLine::blank(0, self.line, record, self.day, Money::from_minor(minor, currency))
        };
        let rounding = i64::try_from(residue).ok().filter(|residue| legal && *residue != 0);
        let rounding = rounding.map(|residue| line(RecordType::Rounding, "rounding residue", residue, String::new()));
        let payout = line(RecordType::Payout, "payout", minor.saturating_neg(), self.raw.clone());
        Ok((payout, rounding))
    }
}

impl SettlementReader for CheckoutReader<'_> {
    fn row(&mut self) -> Result<Option<Row>, FileError> {
        loop {
            if let Some(read) = self.waiting.pop() {
                return self.claims.take(read).map(Some);
            }
            if self.closed {
                return Ok(None);
            }
            let payouts = &self.payouts;
            let row = self.sheet.row(&mut self.claims, |cells, ordinal| {
                RowReader { cells, payouts }.read(ordinal)
            });
            match row? {
                Some(row) => return Ok(Some(row)),
                None => self.close(),
            }
        }
    }

    fn unknown_columns(&self) -> &[String] {
        self.sheet.unknown_columns()
    }

    fn claims(&self) -> &ControlClaims {
        &self.claims
    }
}

/// What a type means to us, given its gross; compared without regard to case.
fn record(type_text: &str, gross: i64, reserve: i64) -> (RecordType, Option<RecordType>) {
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(type_text));
    let record = if gross == 0 && reserve != 0 {
        RecordType::Reserve
    } else if gross == 0 {
        // Authorizations, verifications, voids, and the fee of a payout: all of them cost and nothing else.
        RecordType::BatchFee
    } else if is(&["Capture", "Charge"]) {
        RecordType::Capture
    } else if is(&["Refund"]) {
        RecordType::Refund
    } else if is(&["Chargeback"]) {
        RecordType::Chargeback
    } else if is(&["Chargeback Reversal"]) {
        RecordType::ChargebackReversal
    } else {
        RecordType::Unsupported
    };
    record.directed(gross)
}

/// A signed amount in major units; empty is nothing.
fn amount<C: sheet::Column>(cells: &Cells<'_, C>, column: C) -> Result<Decimal, Wrong> {
    let cell = cells.cell(column);
    if cell.is_empty() {
        return Ok(Decimal::ZERO);
    }
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let parsed = sheet::parse_rate(digits).filter(|_| decimals <= DECIMALS && !digits.starts_with('.'));
    let parsed = parsed.ok_or_else(|| {
        let text = sheet::short(cell);
        cells.wrong(
            column,
            format!("`{text}` is not an amount of at most {DECIMALS} decimals"),
        )
    })?;
    Ok(if digits.len() == cell.len() {
        parsed
    } else {
        Decimal::ZERO.saturating_sub(parsed)
    })
}

/// The day of `YYYY-MM-DD`, or of an instant that begins so.
fn day<C: sheet::Column>(cells: &Cells<'_, C>, column: C) -> Result<NaiveDate, Wrong> {
    let cell = cells.cell(column);
    let time = cell.get(10..).unwrap_or_default();
    let clock = time
        .strip_prefix(['T', ' '])
        .map(|time| time.get(..8).unwrap_or_default());
    if !time.is_empty() && !clock.is_some_and(sheet::is_time_of_day) {
        let text = sheet::short(cell);
        return Err(cells.wrong(
            column,
            format!("`{text}` is not a day or a time: write YYYY-MM-DDTHH:MM:SS"),
        ));
    }
    parse_day(cell.get(..10).unwrap_or(cell)).map_err(|error| cells.wrong(column, error))
}

/// Major units in minor ones, exactly.
fn minor_units(amount: Decimal, currency: Currency) -> Option<Decimal> {
    amount.checked_mul(Decimal::from(10_u64.checked_pow(currency.exponent().into())?))
}

/// To the minor unit, half to even.
fn rounded(amount: Decimal, currency: Currency) -> Option<i64> {
    let exact = minor_units(amount, currency)?;
    i64::try_from(exact.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven)).ok()
}

/// One row on its way to become a line.
struct RowReader<'a> {
    cells: &'a Cells<'a, Column>,
    payouts: &'a BTreeMap<String, Paid>,
}

/// The amounts of a row, minor units, costs as costs.
struct Amounts {
    gross: i64,
    net: i64,
    commission: i64,
    scheme_fee: i64,
    interchange: i64,
    tax: i64,
    reserve: i64,
}

impl RowReader<'_> {
    fn read(&self, ordinal: u32) -> Result<SettlementLine, Wrong> {
        let cells = self.cells;
        let type_text = cells.text(Column::Type)?;
        let occurred_on = day(cells, Column::Processed)?;
        let currency = cells.currency(Column::Holding)?;
        let amounts = self.amounts(currency)?;
        let (record, contrary) = record(type_text, amounts.gross, amounts.reserve);
        let of_item = record.is_of_item() || contrary.is_some();
        let batch = cells.reference(Column::Payout)?;
        let paid_out_on = batch.as_ref().and_then(|id| self.payouts.get(id)).map(|paid| paid.day);
        let sold = if of_item {
            self.sold(amounts.gross, currency)?
        } else {
            None
        };
        let payment = cells.reference(Column::Payment)?;
        Ok(SettlementLine {
            contrary,
            type_text: type_text.to_owned(),
            of_balance: batch.is_none(),
            batch: batch.unwrap_or_else(|| NO_PAYOUT.to_owned()),
            acquirer_reference: cells.reference(Column::Action)?.or_else(|| payment.clone()),
            original_reference: payment,
            merchant_reference: cells.reference(Column::Reference)?,
            arn: cells.reference(Column::Arn)?,
            reason: cells.reference(Column::Reason)?,
            paid_out_on,
            gross: match sold {
                Some((gross, _)) => Some(gross),
                None => of_item.then_some(Money::from_minor(amounts.gross, currency)),
            },
            exchange_rate: sold.map(|(_, rate)| rate),
            commission: amounts.commission,
            scheme_fee: amounts.scheme_fee,
            interchange: amounts.interchange,
            tax: amounts.tax,
            reserve: amounts.reserve,
            raw: cells.raw(),
            ..SettlementLine::blank(
                ordinal,
                cells.line(),
                record,
                occurred_on,
                Money::from_minor(amounts.net, currency),
            )
        })
    }

    /// Proves the row exactly, then rounds it.
    fn amounts(&self, currency: Currency) -> Result<Amounts, Wrong> {
        let cells = self.cells;
        let (gross, deduction, net) = (
            amount(cells, Column::Gross)?,
            amount(cells, Column::Deduction)?,
            amount(cells, Column::Net)?,
        );
        let too_large = || Wrong::of_row("the amounts are too large to be proven");
        let plus = |left: Decimal, right: Decimal| left.checked_add(right).ok_or_else(too_large);
        if plus(gross, deduction)? != net {
            return Err(Wrong::of_row(format!(
                "gross {gross} and deduction {deduction} are not net {net} {currency}"
            )));
        }
        let mut parts = Decimal::ZERO;
        for column in [
            Column::ProcessingFee,
            Column::SchemeFee,
            Column::Interchange,
            Column::Tax,
            Column::Reserve,
        ] {
            parts = plus(parts, amount(cells, column)?)?;
        }
        if parts != deduction {
            let reason = format!("is {deduction}, but fees, tax and reserve come to {parts} {currency}");
            return Err(cells.wrong(Column::Deduction, reason));
        }
        let minor = |amount: Decimal| rounded(amount, currency).ok_or_else(too_large);
        let cost = |column: Column| -> Result<i64, Wrong> { Ok(minor(amount(cells, column)?)?.saturating_neg()) };
        let (gross, net) = (minor(gross)?, minor(net)?);
        let (scheme_fee, interchange) = (cost(Column::SchemeFee)?, cost(Column::Interchange)?);
        let (tax, reserve) = (cost(Column::Tax)?, cost(Column::Reserve)?);
        let others = [net, scheme_fee, interchange, tax, reserve];
        let commission = others
            .into_iter()
            .try_fold(gross, i64::checked_sub)
            .ok_or_else(too_large)?;
        Ok(Amounts {
            gross,
            net,
            commission,
            scheme_fee,
            interchange,
            tax,
            reserve,
        })
    }

    /// What the customer paid and the rate from it, where that was in another currency.
    fn sold(&self, holding: i64, to: Currency) -> Result<Option<(Money, Decimal)>, Wrong> {
        let cells = self.cells;
        let currency = cells.currency(Column::Processing)?;
        if currency == to {
            return Ok(None);
        }
        let gross = amount(cells, Column::ProcessingGross)?;
        let wrong = |reason: String| cells.wrong(Column::ProcessingGross, reason);
        let minor = minor_units(gross, currency)
            .filter(|exact| exact.fract().is_zero())
            .and_then(|exact| i64::try_from(exact).ok())
            .ok_or_else(|| wrong(format!("{gross} is no amount of {currency}")))?;
        if minor.signum() != holding.signum() {
            return Err(wrong(format!(
                "{gross} {currency} goes another way than the gross in {to}"
            )));
        }
        let rate = Decimal::try_new(holding, to.exponent().into())
            .ok()
            .and_then(|to| to.checked_div(gross));
        let rate = rate
            .filter(|rate| !rate.is_zero())
            .ok_or_else(|| wrong("gives no rate".to_owned()))?;
        Ok(Some((Money::from_minor(minor, currency), rate)))
    }
}

#[cfg(test)]
mod tests;
