//! Event files: JSON Lines or CSV with the same fields, bytes in, events and rejects out.
//!
//! A reader never stops at a bad line: it says which line, which field and why, and goes on with the next. Limits are
//! counted before anything is parsed, so that a hostile line costs no memory.

use std::borrow::Cow;
use std::io::{BufRead, Read};

use serde::Deserialize;

use super::event::PaymentEvent;
use crate::dates::{DateError, parse_instant};
use crate::ids::{ReferenceError, check_reference};
use crate::ledger::entry::EntryKind;
use crate::money::{AmountError, Currency, Money, UnknownCurrency};

/// The longest line that is read, in bytes.
pub const LINE_LIMIT: usize = 1_000_000;

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
    #[serde(borrow)]
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
        let money = Money::parse(&self.amount, currency).map_err(|error: AmountError| ("amount", error.to_string()))?;
        let occurred_at =
            parse_instant(&self.occurred_at).map_err(|error: DateError| ("occurred_at", error.to_string()))?;
        Ok(PaymentEvent {
            kind,
            merchant: required("merchant", self.merchant)?,
            payment: required("payment", self.payment)?,
            reference: required("reference", self.reference)?,
            money,
            occurred_at,
            acquirer: required("acquirer", self.acquirer)?,
            acquirer_reference: optional("acquirer_reference", self.acquirer_reference)?,
            merchant_reference: optional("merchant_reference", self.merchant_reference)?,
            arn: optional("arn", self.arn)?,
            rrn: optional("rrn", self.rrn)?,
            auth_code: optional("auth_code", self.auth_code)?,
        })
    }
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
}

impl<R: Read> JsonLines<R> {
    /// A reader of JSON Lines.
    pub fn new(input: R) -> Self {
        Self {
            input: std::io::BufReader::with_capacity(1 << 16, input),
            buffer: Vec::new(),
            line: 0,
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
            if !bytes.is_empty() {
                return Some(Ok((self.line, parse_json(bytes))));
            }
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
