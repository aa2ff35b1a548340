//! Settlement rows as Toss Payments tells them: a JSON array of objects, or CSV with the same names.
//!
//! Toss Payments' public documentation of its settlement API describes the fields. Amounts are whole numbers, or texts of
//! them, in the currency of the row; a row of a `cancel` object is money back to the shopper. Rows that are paid out on one
//! day are one batch; the file has no row for what is paid, so nobody claims what a batch adds up to.
//!
//! Phases of JSON: the array is cut into its objects byte by byte, each within [`RECORD_LIMIT`] bytes and [`DEPTH_LIMIT`] deep, and
//! only one is held at a time. What is no array of objects ends the file; an object that cannot be read is a reject of the line on
//! which it begins.
//!
//! Invariants of every line:
//! - fee = supply amount + VAT, and VAT is an eleventh of the fee, half up, as a whole or part by part;
//! - pay-out = amount − interest fee − fee; where the file signs the fees of a sale negative, with their signs turned;
//! - it is sold before it is paid out.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde_json::Value;

use super::sheet::{self, Column as _, Sheet, Wrong, columns};
use super::{ControlClaims, RecordType, Row, SettlementLine, SettlementReader};
use crate::card_number;
use crate::dates::{parse_day, parse_instant};
use crate::delimited::{FILE_LIMIT, FileError, RECORD_LIMIT, ROW_LIMIT};
use crate::ids::check_reference;
use crate::money::{Currency, Money};

/// How deep objects and arrays may lie in each other, a row being 1.
pub const DEPTH_LIMIT: usize = 16;
const CHUNK: usize = 64 * 1024;

columns! {
    Column, "settlement rows of Toss Payments", is_evidence;
    required {
        PaymentKey = "paymentKey",
        OrderId = "orderId",
        Currency = "currency",
        Amount = "amount",
        Supply = "supplyAmount",
        Vat = "vat",
        PayOut = "payOutAmount",
        ApprovedAt = "approvedAt",
        SoldDate = "soldDate",
        PaidOutDate = "paidOutDate",
    }
    optional {
        TransactionKey = "transactionKey",
        Method = "method",
        InterestFee = "interestFee",
        Fee = "fee",
        CancelKey = "cancel.transactionKey",
        CancelReason = "cancel.cancelReason",
        CancelAmount = "cancel.cancelAmount",
    }
}

fn is_evidence(name: &str) -> bool {
    ["mId", "fees", "mobilePhone"].contains(&name) || name.starts_with("cancel.") || name.starts_with("card.")
}

/// How many columns a header lacks to be of this format.
pub(super) fn missing(header: &[&str]) -> usize {
    sheet::missing::<Column>(header)
}

/// Whether a file begins like a JSON array.
pub(super) fn is_json(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// A whole number, or the text of an amount: nothing passes through a float.
#[derive(Debug)]
struct Number(String);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or a text of an amount")
            }

            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Number, E> {
                Ok(Number(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A row of JSON. What is not read stays in the raw row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(borrow, default)]
    payment_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    transaction_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    order_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    currency: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    amount: Option<Number>,
    interest_fee: Option<Number>,
    fee: Option<Number>,
    fees: Option<Vec<FeePart>>,
    supply_amount: Option<Number>,
    vat: Option<Number>,
    pay_out_amount: Option<Number>,
    #[serde(borrow, default)]
    approved_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sold_date: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    paid_out_date: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    cancel: Option<Cancel<'a>>,
}

#[derive(Debug, Deserialize)]
struct FeePart {
    fee: Number,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cancel<'a> {
    #[serde(borrow, default)]
    transaction_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    cancel_reason: Option<Cow<'a, str>>,
}

/// The texts of a row, whichever form it came in.
struct Texts<'a> {
    line: u64,
    raw: String,
    cells: Vec<Cow<'a, str>>,
    /// The parts of the fee, where they are told.
    parts: Option<Vec<String>>,
    is_cancel: bool,
}

impl<'a> Texts<'a> {
    fn of_item(item: Item<'a>, line: u64, raw: &str) -> Self {
        let number = |number: Option<Number>| Cow::Owned(number.map_or_else(String::new, |number| number.0));
        let is_cancel = item.cancel.is_some();
        let (cancel_key, cancel_reason) = item
            .cancel
            .map_or((None, None), |cancel| (cancel.transaction_key, cancel.cancel_reason));
        // In the order of the columns.
        let cells = vec![
            item.payment_key.unwrap_or_default(),
            item.order_id.unwrap_or_default(),
            item.currency.unwrap_or_default(),
            number(item.amount),
            number(item.supply_amount),
            number(item.vat),
            number(item.pay_out_amount),
            item.approved_at.unwrap_or_default(),
            item.sold_date.unwrap_or_default(),
            item.paid_out_date.unwrap_or_default(),
            item.transaction_key.unwrap_or_default(),
            item.method.unwrap_or_default(),
            number(item.interest_fee),
            number(item.fee),
            cancel_key.unwrap_or_default(),
            cancel_reason.unwrap_or_default(),
            Cow::Borrowed(""),
        ];
        let parts = item
            .fees
            .map(|parts| parts.into_iter().map(|part| part.fee.0).collect());
        Self {
            line,
            raw: card_number::mask(raw).into_owned(),
            cells,
            parts,
            is_cancel,
        }
    }

    fn of_cells(cells: &sheet::Cells<'a, Column>) -> Self {
        let texts: Vec<Cow<'a, str>> = Column::ALL
            .iter()
            .map(|column| Cow::Borrowed(cells.cell(*column)))
            .collect();
        let cancels = [Column::CancelKey, Column::CancelReason, Column::CancelAmount];
        Self {
            line: cells.line(),
            raw: cells.raw(),
            is_cancel: cancels.into_iter().any(|column| !cells.cell(column).is_empty()),
            cells: texts,
            parts: None,
        }
    }

    fn cell(&self, column: Column) -> &str {
        self.cells.get(column.index()).map_or("", AsRef::as_ref)
    }

    fn wrong(column: Column, reason: impl ToString) -> Wrong {
        Wrong::in_column(column.name(), reason)
    }

    fn text(&self, column: Column) -> Result<&str, Wrong> {
        let cell = self.cell(column);
        check_reference(cell).map_err(|error| Self::wrong(column, error))?;
        Ok(cell)
    }

    fn reference(&self, column: Column) -> Result<Option<String>, Wrong> {
        match self.cell(column) {
            "" => Ok(None),
            _ => self.text(column).map(|text| Some(text.to_owned())),
        }
    }

    fn amount(&self, column: Column, currency: Currency) -> Result<i64, Wrong> {
        match self.cell(column) {
            "" => Err(Self::wrong(column, "is empty")),
            cell => signed(cell, currency).ok_or_else(|| Self::wrong(column, not_an_amount(cell))),
        }
    }

    /// The fee as it is signed, and its parts; none where only supply amount and VAT tell it.
    fn fee(&self, currency: Currency) -> Result<Option<(i64, Vec<i64>)>, Wrong> {
        let parts = self.parts.iter().flatten();
        let parts: Vec<i64> = parts
            .map(|part| signed(part, currency).ok_or_else(|| Wrong::in_column("fees", not_an_amount(part))))
            .collect::<Result<_, _>>()?;
        let sum = parts.iter().try_fold(0_i64, |sum, part| sum.checked_add(*part));
        let sum = sum.ok_or_else(|| Wrong::in_column("fees", "are too large"))?;
        if self.cell(Column::Fee).is_empty() {
            return Ok((!parts.is_empty()).then_some((sum, parts)));
        }
        let fee = self.amount(Column::Fee, currency)?;
        if !parts.is_empty() && sum != fee {
            let text = |minor| Money::from_minor(minor, currency);
            return Err(Self::wrong(
                Column::Fee,
                format!("is {}, but its parts are {}", text(fee), text(sum)),
            ));
        }
        Ok(Some((fee, parts)))
    }

    fn read(&self, ordinal: u32) -> Result<SettlementLine, Wrong> {
        let currency = match self.cell(Column::Currency) {
            "" => Err(Self::wrong(Column::Currency, "is empty")),
            cell => Currency::parse(cell).map_err(|error| Self::wrong(Column::Currency, error)),
        }?;
        let day = |column| parse_day(self.cell(column)).map_err(|error| Self::wrong(column, error));
        let (sold, paid_out) = (day(Column::SoldDate)?, day(Column::PaidOutDate)?);
        if paid_out < sold {
            return Err(Self::wrong(
                Column::PaidOutDate,
                format!("is {paid_out}, before it was sold on {sold}"),
            ));
        }
        parse_instant(self.cell(Column::ApprovedAt)).map_err(|error| Self::wrong(Column::ApprovedAt, error))?;
        let amounts = self.amounts(currency)?;
        let meant = if self.is_cancel {
            RecordType::Refund
        } else {
            RecordType::Capture
        };
        let (record, contrary) = meant.directed(amounts.gross);
        let payment = self.text(Column::PaymentKey)?.to_owned();
        let of_cancel = self.reference(Column::CancelKey)?;
        let of_row = self.reference(Column::TransactionKey)?;
        Ok(SettlementLine {
            type_text: match (self.is_cancel, self.reference(Column::Method)?) {
                (true, _) => "cancel".to_owned(),
                (false, Some(method)) => method,
                (false, None) => "sale".to_owned(),
            },
            batch: format!("paid out {paid_out}"),
            acquirer_reference: of_cancel.or(of_row).or_else(|| Some(payment.clone())),
            original_reference: Some(payment),
            merchant_reference: self.reference(Column::OrderId)?,
            reason: self.reference(Column::CancelReason)?,
            paid_out_on: Some(paid_out),
            contrary,
            gross: Some(Money::from_minor(amounts.gross, currency)),
            commission: amounts.supply,
            markup: amounts.interest,
            tax: amounts.vat,
            raw: self.raw.clone(),
            ..SettlementLine::blank(
                ordinal,
                self.line,
                record,
                sold,
                Money::from_minor(amounts.net, currency),
            )
        })
    }

    fn amounts(&self, currency: Currency) -> Result<Amounts, Wrong> {
        let text = |minor| Money::from_minor(minor, currency);
        let gross = self.amount(Column::Amount, currency)?;
        if gross == 0 {
            return Err(Self::wrong(Column::Amount, "is nothing"));
        }
        let (supply, vat) = (
            self.amount(Column::Supply, currency)?,
            self.amount(Column::Vat, currency)?,
        );
        let net = self.amount(Column::PayOut, currency)?;
        let interest = match self.cell(Column::InterestFee) {
            "" => 0,
            _ => self.amount(Column::InterestFee, currency)?,
        };
        let too_large = || Wrong::of_row("the amounts are too large to be proven");
        let told = supply.checked_add(vat).ok_or_else(too_large)?;
        let (fee, parts) = self.fee(currency)?.unwrap_or((told, Vec::new()));
        if fee != told {
            let reason = format!("is {}, but supply amount and VAT are {}", text(fee), text(told));
            return Err(Self::wrong(Column::Fee, reason));
        }
        let whole = eleventh(fee).ok_or_else(too_large)?;
        let by_parts = parts
            .iter()
            .try_fold(0_i64, |sum, part| sum.checked_add(eleventh(*part)?));
        if vat != whole && by_parts != Some(vat) {
            let reason = format!(
                "is {}, but an eleventh of the fee {} is {}",
                text(vat),
                text(fee),
                text(whole)
            );
            return Err(Self::wrong(Column::Vat, reason));
        }
        let all = fee.checked_add(interest).ok_or_else(too_large)?;
        let sign = if gross.checked_sub(all) == Some(net) {
            1
        } else if gross.checked_add(all) == Some(net) && fee.signum() != gross.signum() {
            -1
        } else {
            let reason = format!(
                "amount {} less interest fee {} and fee {} is not {}",
                text(gross),
                text(interest),
                text(fee),
                text(net)
            );
            return Err(Self::wrong(Column::PayOut, reason));
        };
        let turned = |minor: i64| minor.checked_mul(sign).ok_or_else(too_large);
        Ok(Amounts {
            gross,
            net,
            supply: turned(supply)?,
            vat: turned(vat)?,
            interest: turned(interest)?,
        })
    }
}

/// The amounts of a row, minor units, costs as costs.
struct Amounts {
    gross: i64,
    net: i64,
    supply: i64,
    vat: i64,
    interest: i64,
}

/// An eleventh, half up by its size.
fn eleventh(fee: i64) -> Option<i64> {
    let size = i128::from(fee.unsigned_abs());
    let rounded = size.checked_mul(2)?.checked_add(11)?.checked_div(22)?;
    i64::try_from(rounded).ok()?.checked_mul(fee.signum())
}

fn signed(text: &str, currency: Currency) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let minor = Money::parse_scaled(digits, currency).ok()?.minor();
    Some(if digits.len() == text.len() {
        minor
    } else {
        minor.saturating_neg()
    })
}

fn not_an_amount(text: &str) -> String {
    format!("`{}` is not an amount", sheet::short(text))
}

/// Where the bytes of an array stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before its first row.
    First,
    /// After a comma.
    Next,
    /// After a row.
    Between,
    /// After its end.
    End,
}

/// The objects of a JSON array, one at a time.
struct Objects<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    bytes: u64,
    rows: u64,
    line: u64,
    place: Place,
    object: Vec<u8>,
    begins: u64,
}

impl<R: Read> Objects<R> {
    fn open(input: R) -> Result<Self, FileError> {
        let mut objects = Self {
            input,
            buffer: vec![0; CHUNK],
            at: 0,
            filled: 0,
            bytes: 0,
            rows: 0,
            line: 1,
            place: Place::First,
            object: Vec::new(),
            begins: 1,
        };
        let mut first = objects.solid()?;
        if first == Some(0xef) {
            // A byte order mark: what follows it must be its rest.
            let rest = (objects.byte()?, objects.byte()?);
            first = if rest == (Some(0xbb), Some(0xbf)) {
                objects.solid()?
            } else {
                None
            };
        }
        match first {
            Some(b'[') => Ok(objects),
            _ => Err(objects.malformed("it must be a JSON array of objects")),
        }
    }

    fn malformed(&self, reason: impl Into<String>) -> FileError {
        FileError::Malformed {
            line: self.line,
            reason: reason.into(),
        }
    }

    fn byte(&mut self) -> Result<Option<u8>, FileError> {
        if self.at == self.filled {
            self.at = 0;
            self.filled = loop {
                match self.input.read(&mut self.buffer) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    filled => break filled?,
                }
            };
            self.bytes = self
                .bytes
                .saturating_add(u64::try_from(self.filled).unwrap_or(u64::MAX));
            if self.bytes > FILE_LIMIT {
                return Err(self.malformed(format!("the file is larger than {FILE_LIMIT} bytes")));
            }
        }
        let byte = self
            .buffer
            .get(..self.filled)
            .and_then(|filled| filled.get(self.at))
            .copied();
        self.at = self.at.saturating_add(usize::from(byte.is_some()));
        if byte == Some(b'\n') {
            self.line = self.line.saturating_add(1);
        }
        Ok(byte)
    }

    /// The next byte that is no white space.
    fn solid(&mut self) -> Result<Option<u8>, FileError> {
        loop {
            match self.byte()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => {}
                byte => return Ok(byte),
            }
        }
    }

    /// Reads the next object into `object`; false at the end of the array, which must be that of the file.
    fn advance(&mut self) -> Result<bool, FileError> {
        loop {
            match (self.place, self.solid()?) {
                (Place::First | Place::Next, Some(b'{')) => {
                    self.rows = self.rows.saturating_add(1);
                    if self.rows > ROW_LIMIT {
                        return Err(self.malformed(format!("the file has more than {ROW_LIMIT} rows")));
                    }
                    self.object()?;
                    self.place = Place::Between;
                    return Ok(true);
                }
                (Place::Between, Some(b',')) => self.place = Place::Next,
                (Place::First | Place::Between, Some(b']')) => self.place = Place::End,
                (Place::End, None) => return Ok(false),
                (Place::End, Some(_)) => return Err(self.malformed("text after the end of the array")),
                (_, None) => return Err(self.malformed("the array is never closed: the file is cut off")),
                (Place::Between, Some(_)) => return Err(self.malformed("no comma between two rows")),
                (Place::First | Place::Next, Some(_)) => return Err(self.malformed("a row that is no object")),
            }
        }
    }

    /// Takes the bytes of an object after its first brace; they are read as JSON afterwards.
    fn object(&mut self) -> Result<(), FileError> {
        self.begins = self.line;
        self.object.clear();
        self.object.push(b'{');
        let (mut depth, mut in_text, mut escaped) = (1_usize, false, false);
        while depth > 0 {
            let Some(byte) = self.byte()? else {
                return Err(self.malformed(format!("the row that begins on line {} is cut off", self.begins)));
            };
            if self.object.len() >= RECORD_LIMIT {
                return Err(self.malformed(format!("the row is longer than {RECORD_LIMIT} bytes")));
            }
            self.object.push(byte);
            if in_text {
                (in_text, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
                continue;
            }
            match byte {
                b'"' => in_text = true,
                b'{' | b'[' => depth = depth.saturating_add(1),
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEPTH_LIMIT {
                return Err(self.malformed(format!("the row is more than {DEPTH_LIMIT} levels deep")));
            }
        }
        Ok(())
    }
}

/// Where rows come from.
enum Source<R> {
    Json(Objects<R>, u32),
    Csv(Box<Sheet<R, Column>>),
}

/// Reads settlement rows of Toss Payments: lines and rejects, in the order of the file.
pub struct TossReader<R> {
    rows: Source<R>,
    claims: ControlClaims,
}

impl<R: Read> TossReader<R> {
    /// Begins a file, JSON or CSV.
    ///
    /// Errors: no array of objects; of CSV, an empty file, another encoding, required columns missing, a column twice.
    pub fn open(input: R, json: bool) -> Result<Self, FileError> {
        let rows = if json {
            Source::Json(Objects::open(input)?, 0)
        } else {
            Source::Csv(Box::new(Sheet::open(input)?))
        };
        Ok(Self {
            rows,
            claims: ControlClaims::default(),
        })
    }
}

fn item(object: &[u8], line: u64, ordinal: u32) -> Result<SettlementLine, Wrong> {
    let text = std::str::from_utf8(object).map_err(|_| Wrong::of_row("is not valid UTF-8"))?;
    let item: Item<'_> = serde_json::from_str(text).map_err(|error| not_an_item(text, line, &error))?;
    Texts::of_item(item, line, text).read(ordinal)
}

/// What is wrong with an object that begins on a line: the first field that holds something else than it may, in the order of the
/// columns, or that it is no JSON, and on which line of the file.
fn not_an_item(text: &str, line: u64, error: &serde_json::Error) -> Wrong {
    let is_text = |value: &Value| value.is_null() || value.is_string();
    let is_number = |value: &Value| is_text(value) || value.is_i64() || value.is_u64();
    let object: Value = serde_json::from_str(text).unwrap_or_default();
    let at = |name: &str| name.split('.').try_fold(&object, |value, part| value.get(part));
    let numbers = [
        Column::Amount,
        Column::Supply,
        Column::Vat,
        Column::PayOut,
        Column::InterestFee,
        Column::Fee,
    ];
    let unread = Column::CancelAmount;
    let columns = Column::ALL.iter().filter(|column| **column != unread);
    let fields = columns.map(|column| match numbers.contains(column) {
        true => (
            column.name(),
            at(column.name()).is_none_or(is_number),
            "must be a whole number or a text of an amount",
        ),
        false => (column.name(), at(column.name()).is_none_or(is_text), "must be a text"),
    });
    let is_part = |part: &Value| part.get("fee").is_some_and(|fee| !fee.is_null() && is_number(fee));
    let is_list = |value: &Value| value.is_null() || value.as_array().is_some_and(|parts| parts.iter().all(is_part));
    let others = [
        (
            "fees",
            at("fees").is_none_or(is_list),
            "must be a list of objects, each with its fee",
        ),
        (
            "cancel",
            at("cancel").is_none_or(|value| value.is_null() || value.is_object()),
            "must be an object",
        ),
    ];
    let wrong = fields.chain(others).find(|(_, is_fine, _)| !is_fine);
    match wrong {
        Some((name, _, reason)) => Wrong::in_column(name, reason),
        None => {
            let told = error.to_string();
            // Its own place is counted from the object's beginning.
            let reason = told
                .rsplit_once(" at line ")
                .map_or(told.as_str(), |(reason, _)| reason);
            let below = u64::try_from(error.line().saturating_sub(1)).unwrap_or_default();
            let line = line.saturating_add(below);
            Wrong::of_row(format!("on line {line}: {}", sheet::short(reason)))
        }
    }
}

impl<R: Read> SettlementReader for TossReader<R> {
    fn row(&mut self) -> Result<Option<Row>, FileError> {
        let row = match &mut self.rows {
            Source::Csv(sheet) => sheet.row(&mut self.claims, |cells, ordinal| Texts::of_cells(cells).read(ordinal))?,
            Source::Json(objects, ordinal) => {
                let next = objects.advance()?.then(|| {
                    *ordinal = ordinal.saturating_add(1);
                    item(&objects.object, objects.begins, *ordinal)
                        .map_err(|wrong| wrong.at(objects.begins, &String::from_utf8_lossy(&objects.object)))
                });
                next.map(|read| self.claims.take(read)).transpose()?
            }
        };
        if row.is_none() {
            // What is paid out is not in the file: nobody claims what a batch adds up to.
            self.claims.totals.clear();
        }
        Ok(row)
    }

    fn unknown_columns(&self) -> &[String] {
        match &self.rows {
            Source::Csv(sheet) => sheet.unknown_columns(),
            Source::Json(..) => &[],
        }
    }

    fn claims(&self) -> &ControlClaims {
        &self.claims
    }
}

#[cfg(test)]
mod tests;
