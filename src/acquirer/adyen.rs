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
//! - batches are those of a merchant account: each counts its own;
//! - the direction of money is that of the debit and credit columns, never that of the type;
//! - references are visible text without card numbers, and `raw` holds none.
//!
//! A row is rejected for the first thing wrong with it. Limits: those of `delimited`, and [`super::BATCH_LIMIT`].

use std::io::Read;

use rust_decimal::Decimal;

use super::sheet::{self, Cells, Sheet, Wrong, columns, convert, parse_rate, text_of};
use super::{ControlClaims, RecordType, Row, SettlementLine, SettlementReader};
use crate::card_number;
use crate::delimited::FileError;
use crate::money::{Currency, Money};

columns! {
    Column, "an Adyen settlement details report", is_evidence;
    required {
        PspReference = "Psp Reference",
        MerchantReference = "Merchant Reference",
        CreationDate = "Creation Date",
        TimeZone = "TimeZone",
        Type = "Type",
        ModificationReference = "Modification Reference",
        GrossCurrency = "Gross Currency",
        GrossDebit = "Gross Debit (GC)",
        GrossCredit = "Gross Credit (GC)",
        ExchangeRate = "Exchange Rate",
        NetCurrency = "Net Currency",
        NetDebit = "Net Debit (NC)",
        NetCredit = "Net Credit (NC)",
        Commission = "Commission (NC)",
        Markup = "Markup (NC)",
        SchemeFees = "Scheme Fees (NC)",
        Interchange = "Interchange (NC)",
        BatchNumber = "Batch Number",
    }
    optional {
        Account = "Merchant Account",
        PaymentFees = "Payment Fees (NC)",
        Arn = "ARN",
        AuthCode = "Authorisation Code",
        Card = "Card Number Summary",
        Dispute = "Dispute Reference",
        Reason = "Chargeback Reason Code",
    }
}

/// Columns that Adyen is known to write and that are kept in the raw row only.
const EVIDENCE: [&str; 26] = [
    "Company Account",
    "Payment Method",
    "Payment Method Variant",
    "Modification Merchant Reference",
    "Booking Date",
    "Booking Date TimeZone",
    "Booking Type",
    "Metadata",
    "Balance Currency",
    "Settlement Flow",
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
    "Card BIN",
    "Global Card Brand",
    "Chargeback Scheme Code",
];

fn is_evidence(name: &str) -> bool {
    let is_reserved = || {
        name.strip_prefix("Reserved")
            .is_some_and(|number| (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    EVIDENCE.contains(&name) || is_reserved()
}

/// How many columns a header lacks to be of this format.
pub(super) fn missing(header: &[&str]) -> usize {
    sheet::missing::<Column>(header)
}

/// Reads an Adyen Settlement Details Report: lines and rejects, in the order of the file.
#[derive(Debug)]
pub struct AdyenReader<R> {
    sheet: Sheet<R, Column>,
    claims: ControlClaims,
}

impl<R: Read> AdyenReader<R> {
    /// Begins a file: reads its header and binds the columns.
    ///
    /// Errors: an empty file, another encoding, required columns missing, a column twice.
    pub fn open(input: R) -> Result<Self, FileError> {
        Ok(Self {
            sheet: Sheet::open(input)?,
            claims: ControlClaims::default(),
        })
    }
}

impl<R: Read> SettlementReader for AdyenReader<R> {
    fn row(&mut self) -> Result<Option<Row>, FileError> {
        self.sheet
            .row(&mut self.claims, |cells, ordinal| RowReader { cells }.read(ordinal))
    }

    fn unknown_columns(&self) -> &[String] {
        self.sheet.unknown_columns()
    }

    fn claims(&self) -> &ControlClaims {
        &self.claims
    }
}

/// What the types mean to us; compared without regard to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Settled,
    Refunded,
    Chargeback,
    ChargebackReversed,
    RefundedReversed,
    BatchFee,
    /// What a payment costs beside its own row.
    PaymentCost,
    /// A fee of the batch that is the schemes'.
    SchemeFee,
    Payout,
    /// Money of another batch.
    Carried,
    /// What Adyen withholds against what may be charged back.
    Reserve,
    /// Settled by another party: the row has a gross amount that Adyen does not pay.
    External,
    Other,
}

impl Kind {
    fn of(type_text: &str) -> Self {
        const KINDS: [(&str, Kind); 19] = [
            ("Settled", Kind::Settled),
            ("Refunded", Kind::Refunded),
            ("Chargeback", Kind::Chargeback),
            ("SecondChargeback", Kind::Chargeback),
            ("ChargebackReversed", Kind::ChargebackReversed),
            ("RefundedReversed", Kind::RefundedReversed),
            ("Fee", Kind::BatchFee),
            ("MiscCosts", Kind::BatchFee),
            ("SettleCost", Kind::BatchFee),
            ("PaymentCost", Kind::PaymentCost),
            ("AuthorisationSchemeFee", Kind::SchemeFee),
            ("MerchantPayout", Kind::Payout),
            ("Balancetransfer", Kind::Carried),
            ("BankInstructionReturned", Kind::Carried),
            ("ReserveAdjustment", Kind::Reserve),
            ("DepositCorrection", Kind::Reserve),
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
            Self::Settled | Self::Refunded | Self::Chargeback | Self::ChargebackReversed | Self::RefundedReversed
        )
    }

    /// The record that it is, given where the money goes: a type alone does not say so.
    fn record(self, amounts: &Amounts) -> (RecordType, Option<RecordType>) {
        let gross = amounts.gross.map_or(0, Money::minor);
        let net = i128::from(amounts.net.minor());
        let record = match self {
            Self::Settled => RecordType::Capture,
            Self::Refunded => RecordType::Refund,
            Self::Chargeback => RecordType::Chargeback,
            Self::ChargebackReversed => RecordType::ChargebackReversal,
            Self::RefundedReversed => RecordType::RefundFailure,
            Self::BatchFee | Self::SchemeFee => RecordType::BatchFee,
            Self::PaymentCost if gross == 0 => RecordType::BatchFee,
            Self::Payout => RecordType::Payout,
            Self::Carried => RecordType::Carried,
            Self::Reserve => RecordType::Reserve,
            Self::External if net == 0 && amounts.costs() == 0 => RecordType::External,
            // The other party pays the gross, Adyen takes its costs.
            Self::External if net.checked_add(amounts.costs()) == Some(0) => RecordType::BatchFee,
            Self::PaymentCost | Self::External | Self::Other => RecordType::Unsupported,
        };
        record.directed(gross)
    }

    /// What a row of it withholds, and what of it is the schemes' fee, where no column says so.
    fn derived(self, amounts: &Amounts) -> Option<(i64, i64)> {
        let all = i128::from(amounts.net.minor()).checked_add(amounts.costs())?;
        let taken = i64::try_from(all.checked_neg()?).ok()?;
        match self {
            Self::Reserve => Some((taken, 0)),
            Self::SchemeFee => Some((0, taken)),
            Self::Settled
            | Self::Refunded
            | Self::Chargeback
            | Self::ChargebackReversed
            | Self::RefundedReversed
            | Self::BatchFee
            | Self::PaymentCost
            | Self::Payout
            | Self::Carried
            | Self::External
            | Self::Other => Some((0, 0)),
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
    cells: &'a Cells<'a, Column>,
}

impl RowReader<'_> {
    fn read(&self, ordinal: u32) -> Result<SettlementLine, Wrong> {
        let type_text = self.cells.text(Column::Type)?;
        let batch = self.batch()?;
        let occurred_on = self.cells.day_of_time(Column::CreationDate)?;
        self.check_time_zone()?;
        let kind = Kind::of(type_text);
        let amounts = self.amounts(kind)?;
        self.check_payment_fees(&amounts)?;
        if kind != Kind::External {
            check_identity(&amounts)?;
        }
        let too_large = || Wrong::of_row("the amounts are too large to be proven");
        let (reserve, of_schemes) = kind.derived(&amounts).ok_or_else(too_large)?;
        // All of the row is then a reserve or a fee: a gross amount that it states, and that was proven, is none beside it.
        let has_gross = !matches!(kind, Kind::Reserve | Kind::SchemeFee);
        let scheme_fee = amounts.scheme_fee.checked_add(of_schemes).ok_or_else(too_large)?;
        let original_reference = self.cells.reference(Column::PspReference)?;
        let modification = self.cells.reference(Column::ModificationReference)?;
        let (record, contrary) = kind.record(&amounts);
        Ok(SettlementLine {
            ordinal,
            line: self.cells.line(),
            record,
            contrary,
            type_text: type_text.to_owned(),
            batch,
            of_balance: false,
            acquirer_reference: modification.or_else(|| original_reference.clone()),
            original_reference,
            merchant_reference: self.cells.reference(Column::MerchantReference)?,
            arn: self.cells.reference(Column::Arn)?,
            rrn: None,
            auth_code: self.cells.reference(Column::AuthCode)?,
            card: self.cells.reference(Column::Card)?,
            dispute: self.cells.reference(Column::Dispute)?,
            reason: self.cells.reference(Column::Reason)?,
            occurred_on,
            paid_out_on: None,
            gross: amounts.gross.filter(|_| has_gross),
            net: amounts.net,
            commission: amounts.commission,
            markup: amounts.markup,
            scheme_fee,
            interchange: amounts.interchange,
            tax: 0,
            reserve,
            exchange_rate: amounts.exchange_rate.filter(|_| has_gross),
            raw: self.cells.raw(),
        })
    }

    /// Each merchant account numbers its own batches.
    fn batch(&self) -> Result<String, Wrong> {
        let number = self.cells.text(Column::BatchNumber)?;
        let account = self.cells.reference(Column::Account)?;
        Ok(account.map_or_else(|| number.to_owned(), |account| format!("{account} {number}")))
    }

    fn check_time_zone(&self) -> Result<(), Wrong> {
        let cell = self.cells.cell(Column::TimeZone);
        if (2..=5).contains(&cell.len()) && cell.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Ok(());
        }
        let text = card_number::shorten(cell, 40);
        Err(self
            .cells
            .wrong(Column::TimeZone, format!("`{text}` is not a time zone, like CET")))
    }

    fn amounts(&self, kind: Kind) -> Result<Amounts, Wrong> {
        let net_currency = self.cells.currency(Column::NetCurrency)?;
        let gross = self.gross(kind, net_currency)?;
        Ok(Amounts {
            gross,
            net: self.balance(Column::NetDebit, Column::NetCredit, net_currency)?,
            commission: self.cells.signed(Column::Commission, net_currency)?,
            markup: self.cells.signed(Column::Markup, net_currency)?,
            scheme_fee: self.cells.signed(Column::SchemeFees, net_currency)?,
            interchange: self.cells.signed(Column::Interchange, net_currency)?,
            exchange_rate: self.exchange_rate(gross.filter(|_| kind != Kind::External), net_currency)?,
        })
    }

    /// The gross amount. Rows of the batch have none, or zeros that mean none.
    fn gross(&self, kind: Kind, net_currency: Currency) -> Result<Option<Money>, Wrong> {
        if self.cells.cell(Column::GrossCurrency).is_empty() {
            // Without a currency only nothing can be read; any currency will do for its grammar.
            let nothing = |column| matches!(self.cells.amount(column, net_currency), Ok(0));
            let empty = nothing(Column::GrossDebit) && nothing(Column::GrossCredit);
            if empty && !kind.is_of_payment() {
                return Ok(None);
            }
            let reason = if empty {
                "is empty; a row of this type has one"
            } else {
                "is empty beside a gross amount"
            };
            return Err(self.cells.wrong(Column::GrossCurrency, reason));
        }
        let currency = self.cells.currency(Column::GrossCurrency)?;
        let gross = self.balance(Column::GrossDebit, Column::GrossCredit, currency)?;
        Ok(Some(gross).filter(|gross| gross.minor() != 0 || kind.is_of_payment()))
    }

    /// Credit less debit: positive is money to us.
    fn balance(&self, debit: Column, credit: Column, currency: Currency) -> Result<Money, Wrong> {
        // Both are unsigned, so the difference cannot leave 64 bits.
        let debit = self.cells.amount(debit, currency)?;
        let credit = self.cells.amount(credit, currency)?;
        Ok(Money::from_minor(credit.saturating_sub(debit), currency))
    }

    /// The rate from the gross to the net currency; none where they are one, or there is no gross amount to convert.
    fn exchange_rate(&self, gross: Option<Money>, net_currency: Currency) -> Result<Option<Decimal>, Wrong> {
        let wrong = |reason: String| self.cells.wrong(Column::ExchangeRate, reason);
        let cell = self.cells.cell(Column::ExchangeRate);
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
        if self.cells.cell(Column::PaymentFees).is_empty() {
            return Ok(());
        }
        let currency = amounts.net.currency();
        let claimed = self.cells.signed(Column::PaymentFees, currency)?;
        if i128::from(claimed) == amounts.costs() {
            return Ok(());
        }
        let reason = format!(
            "is {}, but the four costs are {}",
            Money::from_minor(claimed, currency),
            text_of(amounts.costs(), currency)
        );
        Err(self.cells.wrong(Column::PaymentFees, reason))
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

#[cfg(test)]
mod tests;
