//! Event files: JSON Lines or CSV with the same fields, bytes in, events and rejects out.
//!
//! A file may begin with control claims: what its captures come to ([`prove`]).
//!
//! A reader never stops at a bad line: it says which line, which field and why, and goes on with the next. Limits are
//! counted before anything is parsed, so that a hostile line costs no memory.

mod claims;

use std::borrow::Cow;
use std::io::{BufRead, Read};

use chrono::{DateTime, Utc};
use serde::Deserialize;

pub use self::claims::{CaptureTotal, ClaimError, Difference, prove};
use self::claims::{ClaimLine, KIND, TOO_LATE};
use super::event::{AuthType, Details, Initiator, PaymentEvent, RefundWay};
use crate::dates::{DateError, parse_instant};
use crate::delimited::{FileError, Records};
use crate::ids::{OWN, ReferenceError, check_reference};
use crate::ledger::entry::EntryKind;
use crate::money::{AmountError, Currency, Money, UnknownCurrency};

/// The longest line that is read, in bytes.
pub const LINE_LIMIT: usize = 1_000_000;

/// The largest amount of an event, in minor units: ten trillion euros. One that is larger is a mistake, and would use up the
/// 64-bit turnover of an account for ever; of these it takes more than nine thousand.
pub const AMOUNT_LIMIT: i64 = 1_000_000_000_000_000;

/// A line that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The field at fault, where it is one.
    pub field: Option<&'static str>,
    /// What is wrong, card numbers masked.
    pub reason: String,
    /// The event's reference, where it can be told, masked.
    pub reference: Option<String>,
}

/// One line of an event file: its number (the first is 1) and what it holds.
pub type Line = (u64, Result<PaymentEvent, Malformed>);

/// The fields of an event as text. Unknown fields are refused: a misspelt one must not be taken as absent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    merchant: Cow<'a, str>,
    #[serde(borrow)]
    payment: Cow<'a, str>,
    #[serde(borrow, default)]
    reference: Cow<'a, str>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow)]
    occurred_at: Cow<'a, str>,
    #[serde(borrow)]
    acquirer: Cow<'a, str>,
    #[serde(borrow, default)]
    acquirer_reference: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    merchant_reference: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arn: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    rrn: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    auth_code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    scheme: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    card_country: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payer: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    category: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    card: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    auth_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    initiator: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    capture_before: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    requested_amount: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sequence: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "final")]
    is_final: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    aggregate: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    items: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    original: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    expected_total: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    by: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    case: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    cycle: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    cost: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    respond_by: Option<Cow<'a, str>>,
}

impl Fields<'_> {
    fn into_event(self) -> Result<PaymentEvent, Malformed> {
        let reference = crate::card_number::shorten(&self.reference, 64);
        self.checked().map_err(|(field, reason)| Malformed {
            field: Some(field),
            reason,
            reference: Some(reference),
        })
    }

    fn checked(self) -> Result<PaymentEvent, (&'static str, String)> {
        let kind = EntryKind::from_name(&self.kind)
            .filter(|kind| PaymentEvent::KINDS.contains(kind))
            .ok_or_else(|| ("kind", unknown_kind(&self.kind)))?;
        let currency =
            Currency::parse(&self.currency).map_err(|error: UnknownCurrency| ("currency", error.to_string()))?;
        let money = amount("amount", &self.amount, currency)?;
        let occurred_at =
            parse_instant(&self.occurred_at).map_err(|error: DateError| ("occurred_at", error.to_string()))?;
        let payment = required("payment", self.payment)?;
        let details = Details {
            method: optional("method", self.method)?,
            scheme: optional("scheme", self.scheme)?,
            card_country: country(self.card_country)?,
            payer: optional("payer", self.payer)?,
            category: optional("category", self.category)?,
            card: optional("card", self.card)?,
            auth_type: word("auth_type", self.auth_type, AuthType::from_name)?,
            initiator: word("initiator", self.initiator, Initiator::from_name)?,
            capture_before: instant("capture_before", self.capture_before)?,
            requested: optional_amount("requested_amount", self.requested_amount, currency)?,
            sequence: number("sequence", self.sequence)?,
            is_final: word("final", self.is_final, yes_or_no)?.unwrap_or(false),
            aggregate: optional("aggregate", self.aggregate)?,
            items: number("items", self.items)?,
            original: optional("original", self.original)?,
            expected_total: optional_amount("expected_total", self.expected_total, currency)?,
            by: word("by", self.by, RefundWay::from_name)?,
            case: optional("case", self.case)?,
            cycle: number("cycle", self.cycle)?,
            cost: optional_amount("cost", self.cost, currency)?,
            respond_by: instant("respond_by", self.respond_by)?,
        };
        misplaced(kind, &details)?;
        let reference = if kind == EntryKind::Refund && self.reference.is_empty() {
            // Later events name it, so it has to be one that they can.
            required("reference", PaymentEvent::derived_reference(&payment, &details).into())?
        } else {
            callers_own(required("reference", self.reference)?)?
        };
        Ok(PaymentEvent {
            kind,
            merchant: required("merchant", self.merchant)?,
            payment,
            reference,
            money,
            occurred_at,
            acquirer: required("acquirer", self.acquirer)?,
            acquirer_reference: optional("acquirer_reference", self.acquirer_reference)?,
            merchant_reference: optional("merchant_reference", self.merchant_reference)?,
            arn: optional("arn", self.arn)?,
            rrn: optional("rrn", self.rrn)?,
            auth_code: optional("auth_code", self.auth_code)?,
            details,
        })
    }
}

type Faulty<T> = Result<T, (&'static str, String)>;

/// Refuses details that say nothing about this kind of event: a field in the wrong place is a mistake, not a comment.
fn misplaced(kind: EntryKind, details: &Details) -> Faulty<()> {
    use EntryKind::{
        Aggregate, Authorization, AuthorizationIncrement, Capture, CaptureVoid, Chargeback, ChargebackReversal,
        InformationRequest, Refund, RefundFailure, RefundPaid, SecondChargeback, Unknown, UnpaidRecovery,
    };
    let fields: [(&'static str, bool, &[EntryKind]); 21] = [
        ("method", details.method.is_some(), &[Authorization, Unknown]),
        ("scheme", details.scheme.is_some(), &[Authorization, Unknown]),
        (
            "card_country",
            details.card_country.is_some(),
            &[Authorization, Unknown],
        ),
        ("payer", details.payer.is_some(), &[Authorization, Unknown]),
        ("category", details.category.is_some(), &[Authorization, Unknown]),
        ("card", details.card.is_some(), &[Authorization, Unknown]),
        ("auth_type", details.auth_type.is_some(), &[Authorization, Unknown]),
        ("initiator", details.initiator.is_some(), &[Authorization, Unknown]),
        (
            "capture_before",
            details.capture_before.is_some(),
            &[Authorization, AuthorizationIncrement],
        ),
        ("requested_amount", details.requested.is_some(), &[Authorization]),
        ("sequence", details.sequence.is_some(), &[Capture]),
        ("final", details.is_final, &[Capture]),
        ("aggregate", details.aggregate.is_some(), &[Capture, Aggregate]),
        ("items", details.items.is_some(), &[Aggregate]),
        (
            "original",
            details.original.is_some(),
            &[CaptureVoid, RefundFailure, RefundPaid, UnpaidRecovery],
        ),
        ("expected_total", details.expected_total.is_some(), &[Capture, Refund]),
        ("by", details.by.is_some(), &[Refund]),
        (
            "case",
            details.case.is_some(),
            &[InformationRequest, Chargeback, SecondChargeback, ChargebackReversal],
        ),
        (
            "cycle",
            details.cycle.is_some(),
            &[InformationRequest, Chargeback, SecondChargeback, ChargebackReversal],
        ),
        ("cost", details.cost.is_some(), &[Chargeback, SecondChargeback]),
        (
            "respond_by",
            details.respond_by.is_some(),
            &[InformationRequest, Chargeback, SecondChargeback],
        ),
    ];
    for (field, there, kinds) in fields {
        if there && !kinds.contains(&kind) {
            return Err((field, format!("{field} says nothing about events of kind {kind}")));
        }
    }
    let required: [(&'static str, bool, &[EntryKind]); 4] = [
        (
            "original",
            details.original.is_some(),
            &[CaptureVoid, RefundFailure, RefundPaid, UnpaidRecovery],
        ),
        ("aggregate", details.aggregate.is_some(), &[Aggregate]),
        ("items", details.items.is_some(), &[Aggregate]),
        ("case", details.case.is_some(), &[InformationRequest]),
    ];
    for (field, there, kinds) in required {
        if !there && kinds.contains(&kind) {
            return Err((field, format!("events of kind {kind} need {field}")));
        }
    }
    Ok(())
}

fn given(text: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    text.filter(|text| !text.is_empty())
}

fn amount_text(field: &'static str, text: &str, currency: Currency) -> Faulty<Money> {
    Money::parse(text, currency).map_err(|error: AmountError| (field, error.to_string()))
}

fn amount(field: &'static str, text: &str, currency: Currency) -> Faulty<Money> {
    let money = amount_text(field, text, currency)?;
    if money.minor() > AMOUNT_LIMIT {
        return Err((field, format!("the amount is above {AMOUNT_LIMIT} minor units")));
    }
    Ok(money)
}

fn optional_amount(field: &'static str, text: Option<Cow<'_, str>>, currency: Currency) -> Faulty<Option<i64>> {
    given(text)
        .map(|text| amount(field, &text, currency).map(Money::minor))
        .transpose()
}

fn instant(field: &'static str, text: Option<Cow<'_, str>>) -> Faulty<Option<DateTime<Utc>>> {
    given(text)
        .map(|text| parse_instant(&text).map_err(|error: DateError| (field, error.to_string())))
        .transpose()
}

fn country(text: Option<Cow<'_, str>>) -> Faulty<Option<String>> {
    match given(text) {
        Some(text) if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_uppercase()) => Err((
            "card_country",
            "card_country must be two capital letters (ISO 3166-1), like DE".to_owned(),
        )),
        text => Ok(text.map(Cow::into_owned)),
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// One of the words that a field knows.
fn word<T>(field: &'static str, text: Option<Cow<'_, str>>, read: impl Fn(&str) -> Option<T>) -> Faulty<Option<T>> {
    given(text)
        .map(|text| {
            let shown = crate::card_number::shorten(&text, 32);
            read(&text).ok_or_else(|| (field, format!("`{shown}` is nothing that {field} can be")))
        })
        .transpose()
}

/// A whole number from 1.
fn number(field: &'static str, text: Option<Cow<'_, str>>) -> Faulty<Option<u32>> {
    given(text)
        .map(|text| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| digits && *number > 0);
            number.ok_or_else(|| (field, format!("{field} must be a whole number from 1")))
        })
        .transpose()
}

fn unknown_kind(kind: &str) -> String {
    let names: Vec<&str> = PaymentEvent::KINDS.iter().map(|kind| kind.name()).collect();
    format!(
        "`{}` is no kind of event: one of {}",
        crate::card_number::shorten(kind, 32),
        names.join(", ")
    )
}

fn required(field: &'static str, text: Cow<'_, str>) -> Result<String, (&'static str, String)> {
    check_reference(&text).map_err(|error: ReferenceError| (field, format!("{field} {error}")))?;
    Ok(text.into_owned())
}

/// A reference that no entry of the ledger's own can have.
fn callers_own(reference: String) -> Result<String, (&'static str, String)> {
    if reference.starts_with(OWN) {
        let reason = format!("reference begins with `{OWN}`, as those of the ledger's own entries do");
        return Err(("reference", reason));
    }
    Ok(reference)
}

fn optional(field: &'static str, text: Option<Cow<'_, str>>) -> Result<Option<String>, (&'static str, String)> {
    text.filter(|text| !text.is_empty())
        .map(|text| required(field, text))
        .transpose()
}

/// Reads events as JSON Lines: one object a line, every value text. Blank lines are passed over.
pub struct JsonLines<R> {
    input: std::io::BufReader<R>,
    buffer: Vec<u8>,
    line: u64,
    heading: Heading,
}

/// What stands before the events of a file: control claims, until the first line that is none.
#[derive(Default)]
struct Heading {
    claims: Vec<ClaimLine>,
    over: bool,
}

impl<R: Read> JsonLines<R> {
    /// A reader of JSON Lines.
    pub fn new(input: R) -> Self {
        Self {
            input: std::io::BufReader::with_capacity(1 << 16, input),
            buffer: Vec::new(),
            line: 0,
            heading: Heading::default(),
        }
    }

    /// Reads the next line into the buffer; false at the end. A line beyond the limit is passed over, its start kept.
    fn next_line(&mut self) -> std::io::Result<Option<bool>> {
        self.buffer.clear();
        let mut within = true;
        let mut any = false;
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(any.then_some(within));
            }
            any = true;
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let taken = end.unwrap_or(chunk.len());
            within &= self.buffer.len().saturating_add(taken) <= LINE_LIMIT;
            if within {
                self.buffer.extend_from_slice(&chunk[..taken]);
            }
            self.input.consume(taken.saturating_add(usize::from(end.is_some())));
            if end.is_some() {
                return Ok(Some(within));
            }
        }
    }
}

impl<R: Read> Iterator for JsonLines<R> {
    type Item = std::io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let within = match self.next_line() {
                Ok(Some(within)) => within,
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            };
            self.line = self.line.saturating_add(1);
            if !within {
                return Some(Ok((
                    self.line,
                    Err(malformed(format!("the line is longer than {LINE_LIMIT} bytes"))),
                )));
            }
            let bytes = if self.line == 1 {
                self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer)
            } else {
                &self.buffer
            };
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            if bytes.is_empty() {
                continue;
            }
            if !self.heading.over && claims::is_claim(bytes) {
                self.heading.claims.push((self.line, claims::of_json(bytes)));
                continue;
            }
            self.heading.over = true;
            return Some(Ok((self.line, parse_json(bytes))));
        }
    }
}

fn malformed(reason: String) -> Malformed {
    Malformed {
        field: None,
        reason,
        reference: None,
    }
}

fn parse_json(bytes: &[u8]) -> Result<PaymentEvent, Malformed> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| malformed(format!("not UTF-8 at byte {}", error.valid_up_to().saturating_add(1))))?;
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| {
        if claims::is_claim(bytes) {
            return malformed(TOO_LATE.to_owned());
        }
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        malformed(format!(
            "not an event at column {}: {}",
            error.column(),
            crate::card_number::shorten(reason, 200)
        ))
    })?;
    fields.into_event()
}

/// Reads events as CSV: a header with the field names in any order, then one event a row.
pub struct CsvEvents<R> {
    records: Records<R>,
    /// For each cell, which field it is.
    columns: Vec<usize>,
    heading: Heading,
}

/// The columns of an event file: the first eight are required.
pub const COLUMNS: [&str; 34] = [
    "kind",
    "merchant",
    "payment",
    "reference",
    "amount",
    "currency",
    "occurred_at",
    "acquirer",
    "acquirer_reference",
    "merchant_reference",
    "arn",
    "rrn",
    "auth_code",
    "method",
    "scheme",
    "card_country",
    "payer",
    "category",
    "card",
    "auth_type",
    "initiator",
    "capture_before",
    "requested_amount",
    "sequence",
    "final",
    "aggregate",
    "items",
    "original",
    "expected_total",
    "by",
    "case",
    "cycle",
    "cost",
    "respond_by",
];
const REQUIRED: usize = 8;

impl<R: Read> CsvEvents<R> {
    /// Reads the header. Errors: a column unknown, missing or there twice; no header at all.
    pub fn open(input: R) -> Result<Self, FileError> {
        let mut records = Records::open(input)?;
        if !records.advance()? {
            return Err(FileError::Malformed {
                line: 1,
                reason: "the file is empty: it has no header".to_owned(),
            });
        }
        let header = records.record();
        let broken = |reason: String| FileError::Malformed {
            line: header.line(),
            reason,
        };
        if let Some(fault) = header.fault() {
            return Err(broken(format!(
                "column {} of the header {}",
                fault.cell.saturating_add(1),
                fault.reason
            )));
        }
        let mut columns = Vec::with_capacity(header.cells());
        for place in 0..header.cells() {
            let name = header.cell(place);
            let shown = crate::card_number::shorten(name, 40);
            let column = COLUMNS.iter().position(|column| *column == name).ok_or_else(|| {
                broken(format!(
                    "unknown column `{shown}`: the columns are {}",
                    COLUMNS.join(", ")
                ))
            })?;
            if columns.contains(&column) {
                return Err(broken(format!("column `{shown}` is there twice")));
            }
            columns.push(column);
        }
        let missing: Vec<&str> = COLUMNS
            .iter()
            .take(REQUIRED)
            .enumerate()
            .filter(|(place, _)| !columns.contains(place))
            .map(|(_, name)| *name)
            .collect();
        if missing.is_empty() {
            Ok(Self {
                records,
                columns,
                heading: Heading::default(),
            })
        } else {
            Err(broken(format!("column {} is missing", missing.join(", "))))
        }
    }

    /// Refuses a row that has not the form of the header.
    fn whole(&self) -> Result<(), Malformed> {
        let record = self.records.record();
        if let Some(fault) = record.fault() {
            let field = self
                .columns
                .get(fault.cell)
                .and_then(|column| COLUMNS.get(*column))
                .copied();
            return Err(Malformed {
                field,
                reason: format!("the cell {}", fault.reason),
                reference: None,
            });
        }
        if record.cells() != self.columns.len() {
            return Err(malformed(format!(
                "the row has {} cells, the header has {}",
                record.cells(),
                self.columns.len()
            )));
        }
        Ok(())
    }

    fn field(&self, wanted: usize) -> Option<Cow<'_, str>> {
        let place = self.columns.iter().position(|column| *column == wanted);
        place.map(|place| Cow::Borrowed(self.records.record().cell(place)))
    }

    /// Reads a control claim: a row whose cells beside kind, currency, amount and items are empty.
    fn claim(&self) -> Result<CaptureTotal, Malformed> {
        const CLAIMED: [&str; 4] = ["kind", "amount", "currency", "items"];
        self.whole()?;
        let text = |name: &str| {
            let wanted = COLUMNS.iter().position(|column| *column == name);
            wanted.and_then(|wanted| self.field(wanted)).unwrap_or_default()
        };
        let stray = COLUMNS
            .iter()
            .find(|name| !CLAIMED.contains(name) && !text(name).is_empty());
        if let Some(field) = stray {
            return Err(Malformed {
                field: Some(field),
                reason: format!("{field} says nothing about a {KIND}"),
                reference: None,
            });
        }
        claims::of_texts(&text("currency"), &text("items"), &text("amount"))
    }

    fn is_claim(&self) -> bool {
        self.field(0).is_some_and(|kind| kind == KIND)
    }

    fn event(&self) -> Result<PaymentEvent, Malformed> {
        self.whole()?;
        if self.is_claim() {
            return Err(malformed(TOO_LATE.to_owned()));
        }
        let field = |wanted: usize| self.field(wanted);
        let text = |wanted: usize| field(wanted).unwrap_or_default();
        Fields {
            kind: text(0),
            merchant: text(1),
            payment: text(2),
            reference: text(3),
            amount: text(4),
            currency: text(5),
            occurred_at: text(6),
            acquirer: text(7),
            acquirer_reference: field(8),
            merchant_reference: field(9),
            arn: field(10),
            rrn: field(11),
            auth_code: field(12),
            method: field(13),
            scheme: field(14),
            card_country: field(15),
            payer: field(16),
            category: field(17),
            card: field(18),
            auth_type: field(19),
            initiator: field(20),
            capture_before: field(21),
            requested_amount: field(22),
            sequence: field(23),
            is_final: field(24),
            aggregate: field(25),
            items: field(26),
            original: field(27),
            expected_total: field(28),
            by: field(29),
            case: field(30),
            cycle: field(31),
            cost: field(32),
            respond_by: field(33),
        }
        .into_event()
    }
}

impl<R: Read> Iterator for CsvEvents<R> {
    type Item = Result<Line, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.records.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            let line = self.records.record().line();
            if !self.heading.over && self.is_claim() {
                let claim = self.claim();
                self.heading.claims.push((line, claim));
                continue;
            }
            self.heading.over = true;
            return Some(Ok((line, self.event())));
        }
    }
}

/// An event file of either form, told apart by its first character: JSON Lines begin with `{`.
pub enum Events<R> {
    /// JSON Lines.
    JsonLines(JsonLines<R>),
    /// CSV.
    Csv(CsvEvents<R>),
}

impl<R: BufRead> Events<R> {
    /// What is read from: of a file that was read to its end, all of it.
    pub fn input(&self) -> &R {
        match self {
            Self::JsonLines(events) => events.input.get_ref(),
            Self::Csv(events) => events.records.input(),
        }
    }

    /// The control claims that were read so far: all of them, once there was an event. None of them is told twice.
    fn claims(&mut self) -> Vec<ClaimLine> {
        let heading = match self {
            Self::JsonLines(events) => &mut events.heading,
            Self::Csv(events) => &mut events.heading,
        };
        std::mem::take(&mut heading.claims)
    }

    /// Looks at the first character and opens the reader for it.
    pub fn open(mut input: R) -> Result<Self, FileError> {
        let start = input.fill_buf()?;
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') {
            Ok(Self::JsonLines(JsonLines::new(input)))
        } else {
            Ok(Self::Csv(CsvEvents::open(input)?))
        }
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = Result<Line, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::JsonLines(events) => events.next().map(|line| line.map_err(FileError::from)),
            Self::Csv(events) => events.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"kind":"capture","merchant":"m","payment":"p","reference":"r","amount":"12.30","currency":"EUR","occurred_at":"2026-03-02T10:00:00+01:00","acquirer":"a"}"#;

    /// Reads a file of one line and expects an event, or the field and part of the reason.
    #[track_caller]
    fn check(line: &[u8], expected: Result<i64, (Option<&str>, &str)>) {
        let mut lines: Vec<Line> = Events::open(line)
            .expect("a file")
            .map(|line| line.expect("readable"))
            .collect();
        assert_eq!(lines.len(), 1, "{}", String::from_utf8_lossy(line));
        let (number, read) = lines.remove(0);
        assert_eq!(number, 1);
        match (read, expected) {
            (Ok(event), Ok(minor)) => assert_eq!(event.money.minor(), minor),
            (Err(malformed), Err((field, reason))) => {
                assert_eq!(malformed.field, field, "{malformed:?}");
                assert!(malformed.reason.contains(reason), "{malformed:?}");
                assert!(!format!("{malformed:?}").contains("4111111111111111"));
            }
            (read, expected) => panic!("{read:?} instead of {expected:?}"),
        }
    }

    #[track_caller]
    fn with(from: &str, to: &str, expected: Result<i64, (Option<&str>, &str)>) {
        assert!(EVENT.contains(from));
        check(EVENT.replace(from, to).as_bytes(), expected);
    }

    #[test]
    fn json_lines_are_read_or_refused_with_field_and_reason() {
        check(EVENT.as_bytes(), Ok(1230));
        with("12.30", "12.3", Ok(1230));
        with("\"12.30\"", "12.30", Err((None, "invalid type: floating point")));
        with("12.30", "10000000000000.00", Ok(AMOUNT_LIMIT));
        with(
            "12.30",
            "10000000000000.01",
            Err((Some("amount"), "is above 1000000000000000 minor units")),
        );
        for amount in ["1e3", "1_000", "NaN", "-1.00", "1.005", " 1", "", "9223372036854775808"] {
            let reason = match amount {
                "1.005" => "more decimals",
                "9223372036854775808" => "too large",
                _ => "is not an amount",
            };
            with("12.30", amount, Err((Some("amount"), reason)));
        }
        with("EUR", "EURO", Err((Some("currency"), "ISO 4217")));
        with("EUR", "eur", Err((Some("currency"), "ISO 4217")));
        with("capture", "captured", Err((Some("kind"), "one of authorization")));
        with("capture", "settlement", Err((Some("kind"), "one of authorization")));
        with("+01:00", "", Err((Some("occurred_at"), "offset")));
        with("\"r\"", "\"4111111111111111\"", Err((Some("reference"), "card number")));
        with(
            "\"p\"",
            "\"x 4111 1111 1111 1111\"",
            Err((Some("payment"), "card number")),
        );
        with("\"r\"", "\"\"", Err((Some("reference"), "is empty")));
        with(
            "\"r\"",
            "\"acquit:expiry of p\"",
            Err((Some("reference"), "begins with `acquit:`")),
        );
        with("\"r\"", "\"a\\u0000b\"", Err((Some("reference"), "invisible")));
        with("\"p\"", "\"p\",\"amuont\":\"1\"", Err((None, "unknown field `amuont`")));
        with("\"p\"", "\"p\",\"payment\":\"q\"", Err((None, "duplicate field")));
        with("}", "", Err((None, "EOF")));
        with("}", "} {}", Err((None, "trailing")));
        check(b"{\"kind\":\"\xff\"}", Err((None, "not UTF-8 at byte 10")));
        let long = EVENT.replace("\"r\"", &format!("\"{}\"", "x".repeat(10_000_000)));
        check(long.as_bytes(), Err((None, "longer than")));
    }

    #[test]
    fn csv_holds_the_same_fields() {
        let csv = "acquirer,kind,merchant,payment,reference,amount,currency,occurred_at,arn\n\
                   a,capture,m,p,r,12.30,EUR,2026-03-02T10:00:00+01:00,\n\
                   a,capture,m,p,r\n\
                   a,capture,m,p,\"r\"x,12.30,EUR,2026-03-02T10:00:00+01:00,\n";
        let lines: Vec<Line> = Events::open(csv.as_bytes())
            .expect("a file")
            .map(|line| line.expect("readable"))
            .collect();
        let json = JsonLines::new(EVENT.as_bytes())
            .next()
            .expect("a line")
            .expect("readable")
            .1
            .expect("an event");
        assert_eq!(lines[0], (2, Ok(json)));
        assert!(
            lines[1]
                .1
                .as_ref()
                .is_err_and(|malformed| malformed.reason.contains("5 cells, the header has 9"))
        );
        assert!(
            lines[2]
                .1
                .as_ref()
                .is_err_and(|malformed| malformed.field == Some("reference"))
        );
        assert_eq!(lines[2].0, 4);
    }

    #[track_caller]
    fn refused(file: &str, reason: &str) {
        match Events::open(file.as_bytes()) {
            Ok(_) => panic!("{file:?} was opened"),
            Err(error) => assert!(error.to_string().contains(reason), "{error}"),
        }
    }

    #[test]
    fn a_csv_header_is_exact() {
        refused("", "empty");
        refused("kind,kind\n", "there twice");
        refused("kind,merchnat\n", "unknown column `merchnat`");
        refused(
            "kind,merchant\n",
            "column payment, reference, amount, currency, occurred_at, acquirer is missing",
        );
    }

    #[test]
    fn lines_keep_their_numbers_over_blank_ones_and_any_line_end() {
        let file = format!("\u{feff}{EVENT}\r\n\n{EVENT}\n{{\n{EVENT}");
        let lines: Vec<(u64, bool)> = Events::open(file.as_bytes())
            .expect("a file")
            .map(|line| line.expect("readable"))
            .map(|(line, read)| (line, read.is_ok()))
            .collect();
        assert_eq!(lines, [(1, true), (3, true), (4, false), (5, true)]);
    }

    /// An event of a kind with the fields that it needs, and these.
    fn of_kind(kind: EntryKind, fields: &[(&str, &str)]) -> String {
        let mut all = std::collections::BTreeMap::from([
            ("kind", kind.name()),
            ("merchant", "m"),
            ("payment", "p"),
            ("reference", "r"),
            ("amount", "12.30"),
            ("currency", "EUR"),
            ("occurred_at", "2026-03-02T10:00:00+01:00"),
            ("acquirer", "a"),
        ]);
        if kind == EntryKind::Aggregate {
            all.extend([("aggregate", "monday"), ("items", "2")]);
        } else if ["capture_void", "refund_failure", "refund_paid", "unpaid_recovery"].contains(&kind.name()) {
            all.insert("original", "o");
        } else if kind == EntryKind::InformationRequest {
            all.insert("case", "D");
        }
        all.extend(fields.iter().copied());
        serde_json::to_string(&all).expect("JSON")
    }

    /// The same event as CSV.
    fn as_csv(json: &str) -> String {
        let fields: std::collections::BTreeMap<String, String> = serde_json::from_str(json).expect("an object");
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        let values: Vec<&str> = fields.values().map(String::as_str).collect();
        format!("{}\n{}\n", names.join(","), values.join(","))
    }

    #[track_caller]
    fn read(file: &str) -> Result<PaymentEvent, Malformed> {
        let mut lines = Events::open(file.as_bytes())
            .expect("a file")
            .map(|line| line.expect("readable"));
        let line = lines.next().expect("a line").1;
        assert!(lines.next().is_none());
        line
    }

    /// The fields that say something about a kind of event, with a value that they can have and one that they cannot.
    const STATED: [(&str, &str, &str, &str); 21] = [
        ("method", "authorization unknown", "carrier", "a "),
        ("scheme", "authorization unknown", "visa", "\u{7}"),
        ("card_country", "authorization unknown", "DE", "de"),
        ("payer", "authorization unknown", "token-1", "4111111111111111"),
        ("category", "authorization unknown", "games", " b"),
        ("card", "authorization unknown", "1111", "4111111111111111"),
        ("auth_type", "authorization unknown", "pre", "estimate"),
        ("initiator", "authorization unknown", "merchant", "shop"),
        (
            "capture_before",
            "authorization authorization_increment",
            "2026-03-09T00:00:00Z",
            "2026-03-09",
        ),
        ("requested_amount", "authorization", "20.00", "20.001"),
        ("sequence", "capture", "1", "0"),
        ("final", "capture", "true", "yes"),
        ("aggregate", "capture aggregate", "monday", "\u{200b}"),
        ("items", "aggregate", "2", "2.0"),
        (
            "original",
            "capture_void refund_failure refund_paid unpaid_recovery",
            "o",
            "4111111111111111",
        ),
        ("expected_total", "capture refund", "0.00", "-1.00"),
        ("by", "refund", "transfer", "bank"),
        (
            "case",
            "information_request chargeback second_chargeback chargeback_reversal",
            "D-1",
            " D-1",
        ),
        (
            "cycle",
            "information_request chargeback second_chargeback chargeback_reversal",
            "2",
            "+2",
        ),
        ("cost", "chargeback second_chargeback", "15.00", "1e1"),
        (
            "respond_by",
            "information_request chargeback second_chargeback",
            "2026-04-01T00:00:00Z",
            "2026-04-01",
        ),
    ];

    #[test]
    fn fields_say_something_about_some_kinds_only() {
        for (field, kinds, value, wrong) in STATED {
            let kinds: Vec<&str> = kinds.split(' ').collect();
            for kind in PaymentEvent::KINDS {
                let json = of_kind(kind, &[(field, value)]);
                let (from_json, from_csv) = (read(&json), read(&as_csv(&json)));
                assert_eq!(from_json, from_csv);
                match (kinds.contains(&kind.name()), from_json) {
                    (true, Ok(event)) => {
                        assert!(
                            event
                                .details
                                .to_text()
                                .contains(&format!("\"{}\"", field.replace("_amount", ""))),
                            "{event:?}"
                        );
                        let broken = read(&of_kind(kind, &[(field, wrong)])).expect_err("a wrong value");
                        assert_eq!(broken.field, Some(field), "{broken:?}");
                        assert!(!broken.reason.contains("4111111111111111"));
                        // An empty field is an absent one.
                        let absent = read(&of_kind(kind, &[(field, "")]));
                        match absent {
                            Ok(event) => assert!(!event.details.to_text().contains(&format!("\"{field}\""))),
                            Err(missing) => {
                                assert_eq!(missing.field, Some(field));
                                assert_eq!(missing.reason, format!("events of kind {kind} need {field}"));
                            }
                        }
                    }
                    (false, Err(refused)) => {
                        assert_eq!(refused.field, Some(field));
                        assert_eq!(
                            refused.reason,
                            format!("{field} says nothing about events of kind {kind}")
                        );
                    }
                    (_, read) => panic!("{json}: {read:?}"),
                }
            }
        }
    }

    #[test]
    fn every_field_is_read_from_both_forms() {
        let json = of_kind(
            EntryKind::Authorization,
            &[
                ("acquirer_reference", "psp-1"),
                ("merchant_reference", "order-1"),
                ("arn", "74000000000000000000001"),
                ("rrn", "000000000001"),
                ("auth_code", "00A1"),
                ("method", "card"),
                ("scheme", "visa"),
                ("card_country", "DE"),
                ("payer", "token-1"),
                ("category", "games"),
                ("card", "1111"),
                ("auth_type", "final"),
                ("initiator", "customer"),
                ("capture_before", "2026-03-09T01:00:00.5+01:00"),
                ("requested_amount", "20.00"),
            ],
        );
        let event = read(&json).expect("an event");
        assert_eq!(read(&as_csv(&json)), Ok(event.clone()));
        assert_eq!(
            event.details.to_text(),
            "{\"method\":\"card\",\"scheme\":\"visa\",\"card_country\":\"DE\",\"payer\":\"token-1\",\"category\":\"games\",\
             \"card\":\"1111\",\"auth_type\":\"final\",\"initiator\":\"customer\",\"capture_before\":\"2026-03-09T00:00:00.500Z\",\"requested\":2000}"
        );
        assert_eq!(event.echoed_reference(), "order-1");
        // The columns are the fields, each one once.
        for column in COLUMNS {
            let known = [&json[..], EVENT]
                .iter()
                .any(|text| text.contains(&format!("\"{column}\"")));
            assert!(known || STATED.iter().any(|(field, ..)| *field == column), "{column}");
        }
    }

    #[test]
    fn a_refund_may_do_without_a_reference() {
        let refund = |fields: &[(&str, &str)]| {
            let mut all = vec![("reference", "")];
            all.extend(fields);
            read(&of_kind(EntryKind::Refund, &all)).map(|refund| refund.reference)
        };
        assert_eq!(refund(&[]), Ok("refund of p in full".to_owned()));
        assert_eq!(
            refund(&[("expected_total", "0.00")]),
            Ok("refund of p after 0".to_owned())
        );
        assert_eq!(
            refund(&[("expected_total", "12.3")]),
            Ok("refund of p after 1230".to_owned())
        );
        let longest = "x".repeat(128);
        let refused = refund(&[("payment", &longest)]).expect_err("too long to be named");
        assert_eq!(
            (refused.field, refused.reason.as_str()),
            (Some("reference"), "reference is longer than 128 bytes")
        );
        assert_eq!(
            read(&of_kind(EntryKind::Capture, &[("reference", "")]))
                .expect_err("no reference")
                .field,
            Some("reference")
        );
    }

    #[test]
    fn natural_keys_are_equal_only_where_their_parts_are() {
        let key =
            |kind: EntryKind, fields: &[(&str, &str)]| read(&of_kind(kind, fields)).expect("an event").natural_key();
        let chargeback =
            |acquirer: &str, case: &str| key(EntryKind::Chargeback, &[("acquirer", acquirer), ("case", case)]);
        assert_eq!(chargeback("a", "c"), Some("chargeback\ta\tc\t1".to_owned()));
        assert_ne!(chargeback("a b", "c"), chargeback("a", "b c"));
        assert_eq!(
            key(EntryKind::SecondChargeback, &[("case", "c")]),
            Some("chargeback\ta\tc\t2".to_owned())
        );
        assert_eq!(
            key(EntryKind::SecondChargeback, &[("case", "c"), ("cycle", "1")]),
            chargeback("a", "c")
        );
        assert_eq!(
            key(EntryKind::ChargebackReversal, &[("case", "c")]),
            Some("chargeback reversal\ta\tc\t1".to_owned())
        );
        assert_eq!(key(EntryKind::Chargeback, &[("cycle", "1")]), None);
        assert_eq!(
            key(EntryKind::Capture, &[("sequence", "3")]),
            Some("capture\tp\t3".to_owned())
        );
        assert_eq!(key(EntryKind::Capture, &[]), None);
        assert_eq!(key(EntryKind::RefundPaid, &[]), Some("refund paid\to".to_owned()));
        assert_eq!(key(EntryKind::RefundFailure, &[]), Some("refund failure\to".to_owned()));
        // Without a case, what an acquirer imposes is what its reference names.
        let named = |kind: EntryKind| key(kind, &[("acquirer_reference", "x")]);
        for (kind, word) in [
            (EntryKind::Chargeback, "chargeback"),
            (EntryKind::SecondChargeback, "second chargeback"),
            (EntryKind::ChargebackReversal, "chargeback reversal"),
            (EntryKind::Unpaid, "unpaid"),
            (EntryKind::UnpaidRecovery, "unpaid recovery"),
        ] {
            assert_eq!(key(kind, &[]), None);
            assert_eq!(named(kind), Some(format!("{word}\ta\t\tx")));
        }
        assert_eq!(named(EntryKind::Capture), None);
        assert_eq!(
            key(EntryKind::Chargeback, &[("acquirer_reference", "x"), ("case", "c")]),
            chargeback("a", "c")
        );
    }

    #[test]
    fn readme_and_help_name_every_kind_and_field() {
        let readme = include_str!("../../README.md");
        let help = include_str!("../../tests/it/help/acquit-record.txt");
        let kinds = PaymentEvent::KINDS.iter().map(|kind| kind.name());
        for name in kinds.chain(COLUMNS) {
            assert!(readme.contains(&format!("`{name}`")), "README: {name}");
            let mut words = help.split(|c: char| !c.is_ascii_lowercase() && c != '_');
            assert!(words.any(|word| word == name), "help: {name}");
        }
    }
}
