//! Stripe's itemized reports of balance changes and of payouts.
//!
//! A CSV file in UTF-8 with a header and no trailer, one row a balance transaction; the user chooses the columns. Stripe's public
//! documentation of its reports describes them. Amounts are signed decimals in major units, with a point or a comma before the
//! decimals as the user chose: one of the two in a file.
//!
//! Invariants of every line:
//! - gross − fee = net, exactly;
//! - the money of a row is in the currency of its balance; what the customer paid may have been in another one, and is then the
//!   gross of the line;
//! - rows of one automatic payout are one batch, and add up to the payout, in this file and those before it: a report of days cuts
//!   payouts. Its sign is not told, since reports differ in it. Rows that no automatic payout holds are in the balance: the batch
//!   [`NO_PAYOUT`], which nobody claims anything of; a payout at will is a batch of its own.
//!
//! A fee that belongs to no payment is a row with a negative gross and no fee.

use std::collections::BTreeSet;
use std::io::Read;

use rust_decimal::Decimal;

use super::sheet::{self, Cells, Sheet, Wrong, columns};
use super::{Claim, ControlClaims, RecordType, Row, SettlementLine, SettlementReader};
use crate::delimited::FileError;
use crate::money::{Currency, Money};

/// The batch of rows that no automatic payout holds.
pub const NO_PAYOUT: &str = "no payout";

columns! {
    Column, "a Stripe report of balance changes", is_evidence;
    required {
        Id = "balance_transaction_id",
        Currency = "currency",
        Gross = "gross",
        Fee = "fee",
        Net = "net",
        Category = "reporting_category",
    }
    optional {
        CreatedUtc = "created_utc",
        Created = "created",
        Source = "source_id",
        Charge = "charge_id",
        PaymentIntent = "payment_intent_id",
        Payout = "automatic_payout_id",
        CustomerAmount = "customer_facing_amount",
        CustomerCurrency = "customer_facing_currency",
        Order = "payment_metadata[order_id]",
        Reason = "dispute_reason",
    }
}

/// Columns that Stripe is known to write and that are kept in the raw row only.
const EVIDENCE: [&str; 32] = [
    "available_on",
    "available_on_utc",
    "automatic_payout_effective_at",
    "automatic_payout_effective_at_utc",
    "description",
    "regulatory_tag",
    "invoice_id",
    "invoice_number",
    "subscription_id",
    "customer_id",
    "customer_email",
    "customer_name",
    "customer_description",
    "payment_method_id",
    "payment_method_type",
    "is_link",
    "card_brand",
    "card_funding",
    "card_country",
    "statement_descriptor",
    "connected_account_id",
    "connected_account_name",
    "connected_account_country",
    "connected_account_direct_charge_id",
    "destination_payment_id",
    "transfer_id",
    "trace_id",
    "trace_id_status",
    "charge_created",
    "charge_created_utc",
    "installment_plan",
    "payout_status",
];

fn is_evidence(name: &str) -> bool {
    let is_metadata = || {
        ["payment_metadata[", "refund_metadata[", "transfer_metadata["]
            .iter()
            .any(|prefix| name.starts_with(prefix) && name.ends_with(']'))
    };
    let is_address = || {
        ["shipping_address_", "card_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    EVIDENCE.contains(&name) || is_metadata() || is_address()
}

/// How many columns a header lacks to be of this format.
pub(super) fn missing(header: &[&str]) -> usize {
    sheet::missing::<Column>(header)
}

/// Reads a Stripe report: lines and rejects, in the order of the file.
#[derive(Debug)]
pub struct StripeReader<R> {
    sheet: Sheet<R, Column>,
    claims: ControlClaims,
    /// What stands before the decimals, once an amount has shown it.
    separator: Option<char>,
    /// Payouts that are not automatic.
    at_will: BTreeSet<String>,
}

impl<R: Read> StripeReader<R> {
    /// Begins a file: reads its header and binds the columns.
    ///
    /// Errors: an empty file, another encoding, required columns missing, a column twice, no column that says when.
    pub fn open(input: R) -> Result<Self, FileError> {
        let sheet: Sheet<R, Column> = Sheet::open(input)?;
        if !sheet.has(Column::CreatedUtc) && !sheet.has(Column::Created) {
            return Err(FileError::Malformed {
                line: 1,
                reason: "no column `created_utc` or `created`: choose one of them for the report".to_owned(),
            });
        }
        Ok(Self {
            sheet,
            claims: ControlClaims::default(),
            separator: None,
            at_will: BTreeSet::new(),
        })
    }
}

impl<R: Read> SettlementReader for StripeReader<R> {
    fn row(&mut self) -> Result<Option<Row>, FileError> {
        let separator = &mut self.separator;
        let row = self.sheet.row(&mut self.claims, |cells, ordinal| {
            RowReader { cells, separator }.read(ordinal)
        })?;
        if let Some(Row::Line(line)) = &row
            && line.record == RecordType::Payout
            && line.of_balance
        {
            self.at_will.insert(line.batch.clone());
        }
        if row.is_none() {
            // A batch without its payout claims nothing, nor does a payout that nobody but its row speaks of.
            let totals = std::mem::take(&mut self.claims.totals).into_iter();
            let paid = totals.filter(|((batch, _), total)| total.payouts > 0 && !self.at_will.contains(batch));
            let claimed = paid.map(|((batch, currency), total)| Claim {
                what: format!("payout {batch} is of"),
                currency: Some(currency),
                stated: total.payout_minor.saturating_neg(),
                read: total.net_minor,
                batch: Some((batch, total.lines.saturating_sub(total.payouts))),
            });
            self.claims.claims.extend(claimed.map(Claim::without_sign));
        }
        Ok(row)
    }

    fn unknown_columns(&self) -> &[String] {
        self.sheet.unknown_columns()
    }

    fn claims(&self) -> &ControlClaims {
        &self.claims
    }
}

/// What a reporting category means to us.
fn record(category: &str, gross: i64) -> (RecordType, Option<RecordType>) {
    let record = match category {
        "charge" => RecordType::Capture,
        // What was authorized and not captured of the charge of the same id: only together they are what was captured.
        "partial_capture_reversal" if gross < 0 => return (RecordType::Capture, None),
        "refund" => RecordType::Refund,
        "refund_failure" => RecordType::RefundFailure,
        "dispute" => RecordType::Chargeback,
        "dispute_reversal" => RecordType::ChargebackReversal,
        "fee" | "network_cost" => RecordType::BatchFee,
        "payout" => RecordType::Payout,
        _ => RecordType::Unsupported,
    };
    record.directed(gross)
}

/// One row on its way to become a line.
struct RowReader<'a> {
    cells: &'a Cells<'a, Column>,
    separator: &'a mut Option<char>,
}

impl RowReader<'_> {
    fn read(mut self, ordinal: u32) -> Result<SettlementLine, Wrong> {
        let cells = self.cells;
        let id = cells.text(Column::Id)?;
        let category = cells.text(Column::Category)?;
        let when = match cells.cell(Column::CreatedUtc) {
            "" if cells.has(Column::Created) => Column::Created,
            _ => Column::CreatedUtc,
        };
        let occurred_on = cells.day_of_time(when)?;
        let currency = self.currency(Column::Currency)?;
        let [balance, fee, net] = [Column::Gross, Column::Fee, Column::Net].map(|column| self.amount(column, currency));
        let (balance, fee, mut net) = (balance?, fee?, net?);
        if i128::from(balance).checked_sub(fee.into()) != Some(net.into()) {
            let text = |minor| Money::from_minor(minor, currency);
            let reason = format!(
                "gross {} less fee {} is not net {}",
                text(balance),
                text(fee),
                text(net)
            );
            return Err(Wrong::of_row(reason));
        }
        let (record, contrary) = record(category, balance);
        if record == RecordType::Payout {
            // Reports differ in the sign; a payout is money away from the balance, and so is what it costs.
            net = balance.saturating_abs().saturating_neg().saturating_sub(fee);
        }
        let of_payment = record.is_of_item() || contrary.is_some();
        let source = cells.reference(Column::Source)?;
        let charge = cells.reference(Column::Charge)?;
        let paid = if of_payment {
            self.customer_facing(balance, currency)?
        } else {
            None
        };
        let reference = source.unwrap_or_else(|| id.to_owned());
        let automatic = cells.reference(Column::Payout)?;
        Ok(SettlementLine {
            ordinal,
            line: cells.line(),
            record,
            contrary,
            type_text: category.to_owned(),
            of_balance: automatic.is_none(),
            batch: match automatic {
                Some(payout) => payout,
                None if record == RecordType::Payout => reference.clone(),
                None => NO_PAYOUT.to_owned(),
            },
            acquirer_reference: Some(reference),
            original_reference: charge.or(cells.reference(Column::PaymentIntent)?),
            merchant_reference: cells.reference(Column::Order)?,
            arn: None,
            rrn: None,
            auth_code: None,
            card: None,
            dispute: None,
            reason: cells.reference(Column::Reason)?,
            occurred_on,
            paid_out_on: None,
            gross: match &paid {
                Some((gross, _)) => Some(*gross),
                None => of_payment.then_some(Money::from_minor(balance, currency)),
            },
            net: Money::from_minor(net, currency),
            commission: fee,
            markup: 0,
            scheme_fee: 0,
            interchange: 0,
            tax: 0,
            reserve: 0,
            exchange_rate: paid.map(|(_, rate)| rate),
            raw: cells.raw(),
        })
    }

    /// A currency, in capitals or not.
    fn currency(&self, column: Column) -> Result<Currency, Wrong> {
        let code = self.cells.cell(column).to_ascii_uppercase();
        Currency::parse(&code).map_err(|error| self.cells.wrong(column, error))
    }

    /// A signed amount that must be there, with a point or a comma: the same throughout the file.
    fn amount(&mut self, column: Column, currency: Currency) -> Result<i64, Wrong> {
        let cell = self.cells.cell(column);
        let found = cell.chars().find(|c| matches!(c, '.' | ','));
        if let Some((found, separator)) = found.zip(*self.separator).filter(|(found, known)| found != known) {
            let text = sheet::short(cell);
            let reason = format!("`{text}` has `{found}` before its decimals, amounts above have `{separator}`");
            return Err(self.cells.wrong(column, reason));
        }
        if cell.is_empty() {
            return Err(self.cells.wrong(column, "is empty"));
        }
        let (sign, digits) = match cell.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, cell),
        };
        let digits = match found {
            Some(',') => digits.replacen(',', ".", 1),
            _ => digits.to_owned(),
        };
        let money = Money::parse_scaled(&digits, currency).map_err(|error| self.cells.wrong(column, error))?;
        // What is no amount shows nothing: the amounts below it are not held to it.
        *self.separator = self.separator.or(found);
        Ok(money.minor().saturating_mul(sign))
    }

    /// What the customer paid and the rate from it, where that was in another currency.
    fn customer_facing(&mut self, balance: i64, to: Currency) -> Result<Option<(Money, Decimal)>, Wrong> {
        if self.cells.cell(Column::CustomerCurrency).is_empty() {
            return Ok(None);
        }
        let currency = self.currency(Column::CustomerCurrency)?;
        if currency == to {
            return Ok(None);
        }
        let column = Column::CustomerAmount;
        let minor = self.amount(column, currency)?;
        // Its sign is that of the balance, however the report writes it.
        let minor = minor.saturating_abs().saturating_mul(balance.signum());
        let major = |minor: i64, currency: Currency| Decimal::try_new(minor, currency.exponent().into()).ok();
        let rate = major(balance, to)
            .zip(major(minor, currency))
            .and_then(|(to, from)| to.checked_div(from))
            .filter(|rate| !rate.is_zero());
        let rate = rate.ok_or_else(|| {
            self.cells
                .wrong(column, "is nothing beside an amount in another currency")
        })?;
        Ok(Some((Money::from_minor(minor, currency), rate)))
    }
}

#[cfg(test)]
mod tests;
