//! Control claims of event files: what whoever hands in captures says that they come to.
//!
//! A file may begin with one claim a currency, of kind `capture_total`: how many captures there are, and their sum. They stand
//! before all events, so that a file which is cut off keeps them. Where there is one, the file is read to its end before
//! anything of it is recorded, and every currency of its captures needs one; a file that is not what it claims is refused whole.
//!
//! Limits: as many claims as there are currencies; sums of 64 bits.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;

use serde::Deserialize;

use super::{Events, Malformed, amount_text, number};
use crate::delimited::FileError;
use crate::ledger::entry::EntryKind;
use crate::money::{Currency, Money, UnknownCurrency};

/// The kind of a line that is a claim.
pub(super) const KIND: &str = "capture_total";

/// What is said about a line of kind [`KIND`] that stands elsewhere.
pub(super) const TOO_LATE: &str = "a capture_total stands before all events";

/// What a file says that its captures in one currency come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureTotal {
    /// How many.
    pub items: u64,
    /// Their sum.
    pub sum: Money,
}

/// A claim, or why its line is none, with the number of the line.
pub(super) type ClaimLine = (u64, Result<CaptureTotal, Malformed>);

/// The fields of a claim as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow, rename = "kind")]
    _kind: Cow<'a, str>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow)]
    items: Cow<'a, str>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
}

/// Of a line, what tells a claim from an event.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// Whether a line of JSON is a claim, well-formed or not: one that is cut off must not be taken for no claim.
pub(super) fn is_claim(bytes: &[u8]) -> bool {
    match serde_json::from_slice::<Kind<'_>>(bytes) {
        Ok(line) => line.kind == KIND,
        Err(_) => bytes.windows(KIND.len()).any(|text| text == KIND.as_bytes()),
    }
}

/// Reads a claim from a line of JSON.
pub(super) fn of_json(bytes: &[u8]) -> Result<CaptureTotal, Malformed> {
    let fields: Fields<'_> = serde_json::from_slice(bytes).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        super::malformed(crate::card_number::shorten(reason, 200))
    })?;
    of_texts(&fields.currency, &fields.items, &fields.amount)
}

/// Reads a claim from its three texts.
pub(super) fn of_texts(currency: &str, items: &str, amount: &str) -> Result<CaptureTotal, Malformed> {
    let read = || {
        let currency = Currency::parse(currency).map_err(|error: UnknownCurrency| ("currency", error.to_string()))?;
        let items = number("items", Some(Cow::Borrowed(items)))?;
        let items = items.ok_or_else(|| ("items", "items is missing".to_owned()))?;
        let sum = amount_text("amount", amount, currency)?;
        let items = u64::from(items);
        Ok(CaptureTotal { items, sum })
    };
    read().map_err(|(field, reason)| Malformed {
        field: Some(field),
        reason,
        reference: None,
    })
}

/// Why a file is not what it claims: nothing of it is recorded.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A claim cannot be read.
    #[error("line {line}: {}{}", .malformed.field.map_or_else(String::new, |field| format!("{field}: ")), .malformed.reason)]
    Malformed {
        /// Its line.
        line: u64,
        /// What is wrong.
        malformed: Malformed,
    },
    /// Two claims for one currency.
    #[error("line {line}: there is another capture_total in {currency}")]
    Twice {
        /// The line of the second.
        line: u64,
        /// The currency.
        currency: Currency,
    },
    /// The captures are others than is claimed.
    #[error("{}", shown(.differences, *.unreadable))]
    Differs {
        /// By currency.
        differences: Vec<Difference>,
        /// How many lines cannot be read; what they are is not known.
        unreadable: u64,
    },
}

/// Captures of a currency that are not what is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The currency.
    pub currency: Currency,
    /// The claim, where there is one.
    pub stated: Option<CaptureTotal>,
    /// What there is; none where the sum does not fit 64-bit minor units.
    pub found: Option<CaptureTotal>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let currency = self.currency;
        match self.stated {
            Some(stated) => write!(f, "the file states {stated}, and holds ")?,
            None => write!(f, "the file states no capture_total in {currency}, and holds ")?,
        }
        match self.found {
            Some(found) => write!(f, "{found}"),
            None => write!(f, "more in {currency} than fits 64-bit minor units"),
        }
    }
}

impl fmt::Display for CaptureTotal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.items == 1 { "capture" } else { "captures" };
        write!(f, "{} {noun} of {}", self.items, self.sum)
    }
}

fn shown(differences: &[Difference], unreadable: u64) -> String {
    let mut text: Vec<String> = differences.iter().map(Difference::to_string).collect();
    match unreadable {
        0 => {}
        1 => text.push("1 line of it cannot be read".to_owned()),
        lines => text.push(format!("{lines} lines of it cannot be read")),
    }
    text.join("; ")
}

/// Holds a file against what it claims. A file without claims is read to its first event and no further.
///
/// Errors: see [`ClaimError`]; all currencies that differ come back at once.
pub fn prove<R: BufRead>(events: &mut Events<R>) -> Result<(), ClaimError> {
    let first = events.next().transpose()?;
    let mut stated = BTreeMap::new();
    for (line, claim) in events.claims() {
        let claim = claim.map_err(|malformed| ClaimError::Malformed { line, malformed })?;
        let currency = claim.sum.currency();
        if stated.insert(currency, claim).is_some() {
            return Err(ClaimError::Twice { line, currency });
        }
    }
    if stated.is_empty() {
        return Ok(());
    }
    let mut found: BTreeMap<Currency, Option<CaptureTotal>> = stated.keys().map(|c| (*c, Some(nothing(*c)))).collect();
    let mut unreadable = 0_u64;
    for line in first.map(Ok).into_iter().chain(events) {
        match line? {
            (_, Ok(event)) if event.kind == EntryKind::Capture => {
                let currency = event.money.currency();
                let total = found.entry(currency).or_insert(Some(nothing(currency)));
                *total = total.and_then(|total| with(total, event.money));
            }
            (_, Ok(_)) => {}
            (_, Err(_)) => unreadable = unreadable.saturating_add(1),
        }
    }
    let differences: Vec<Difference> = found
        .into_iter()
        .map(|(currency, found)| Difference {
            currency,
            stated: stated.get(&currency).copied(),
            found,
        })
        .filter(|difference| difference.stated != difference.found)
        .collect();
    if differences.is_empty() {
        Ok(())
    } else {
        Err(ClaimError::Differs {
            differences,
            unreadable,
        })
    }
}

fn nothing(currency: Currency) -> CaptureTotal {
    CaptureTotal {
        items: 0,
        sum: Money::zero(currency),
    }
}

/// A total with one capture more; none where the sum does not fit.
fn with(total: CaptureTotal, money: Money) -> Option<CaptureTotal> {
    Some(CaptureTotal {
        items: total.items.checked_add(1)?,
        sum: total.sum.plus(money).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(kind: &str, reference: &str, amount: &str, currency: &str) -> String {
        format!(
            r#"{{"kind":"{kind}","merchant":"m","payment":"p","reference":"{reference}","amount":"{amount}","currency":"{currency}","occurred_at":"2026-03-02T10:00:00Z","acquirer":"a"}}"#
        )
    }

    fn claim(currency: &str, items: &str, amount: &str) -> String {
        format!(r#"{{"kind":"capture_total","currency":"{currency}","items":"{items}","amount":"{amount}"}}"#)
    }

    /// Proves a file of these lines, expecting nothing to be wrong, or this.
    #[track_caller]
    fn check(lines: &[String], expected: &str) {
        let file = lines.join("\n");
        let mut events = Events::open(file.as_bytes()).expect("a file");
        let proven = prove(&mut events).map_err(|error| error.to_string());
        let found = proven.err().unwrap_or_default();
        assert_eq!(found, expected);
        assert!(!found.contains("4111111111111111"), "{found}");
    }

    #[test]
    fn captures_are_counted_and_added_up_by_currency() {
        let events = [
            json("authorization", "a1", "90.00", "EUR"),
            json("capture", "c1", "60.00", "EUR"),
            json("capture", "c2", "20.05", "EUR"),
            json("refund", "r1", "1.00", "EUR"),
            json("capture", "c3", "1500", "KRW"),
        ];
        let of = |claims: &[String]| [claims, &events[..]].concat();
        let (eur, krw) = (claim("EUR", "2", "80.05"), claim("KRW", "1", "1500"));
        check(&events, "");
        check(&of(&[eur.clone(), krw.clone()]), "");
        check(&of(&[krw.clone(), eur.clone()]), "");
        check(
            &[claim("EUR", "1", "1.00")],
            "the file states 1 capture of 1.00 EUR, and holds 0 captures of 0.00 EUR",
        );
        check(
            &of(&[claim("EUR", "3", "80.05"), krw.clone()]),
            "the file states 3 captures of 80.05 EUR, and holds 2 captures of 80.05 EUR",
        );
        check(
            &of(&[claim("EUR", "2", "80.04"), claim("KRW", "2", "1500")]),
            "the file states 2 captures of 80.04 EUR, and holds 2 captures of 80.05 EUR; the file states 2 captures of 1500 KRW, \
             and holds 1 capture of 1500 KRW",
        );
        check(
            &of(std::slice::from_ref(&eur)),
            "the file states no capture_total in KRW, and holds 1 capture of 1500 KRW",
        );
        check(
            &of(&[eur.clone(), krw, claim("KWD", "1", "0.001")]),
            "the file states 1 capture of 0.001 KWD, and holds 0 captures of 0.000 KWD",
        );
        let too_much = vec![json("capture", "c", "10000000000000.00", "EUR"); 9_224];
        check(
            &[vec![claim("EUR", "9224", "1.00")], too_much].concat(),
            "the file states 9224 captures of 1.00 EUR, and holds more in EUR than fits 64-bit minor units",
        );
    }

    #[test]
    fn a_claim_that_cannot_be_read_refuses_the_file() {
        let capture = json("capture", "c1", "60.00", "EUR");
        let check = |claims: &[String], expected| check(&[claims, std::slice::from_ref(&capture)].concat(), expected);
        check(
            &[claim("EUR", "1", "60.001")],
            "line 1: amount: `60.001` has more decimals than EUR allows (2)",
        );
        check(&[claim("EUR", "", "60.00")], "line 1: items: items is missing");
        check(
            &[claim("EUR", "-1", "60.00")],
            "line 1: items: items must be a whole number from 1",
        );
        check(
            &[claim("EUR", "1", "60.00"), claim("EUR", "1", "60.00")],
            "line 2: there is another capture_total in EUR",
        );
        check(
            &[r#"{"kind":"capture_total","currency":"EUR""#.to_owned()],
            "line 1: EOF while parsing an object",
        );
        let other = claim("EUR", "1", "60.00").replace("items", "4111111111111111");
        check(
            &[other],
            "line 1: unknown field `411111******1111`, expected one of `kind`, `currency`, `items`, `amount`",
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_beside_the_figures() {
        let broken = json("capture", "c2", "1.005", "EUR");
        let lines = [
            claim("EUR", "2", "61.00"),
            json("capture", "c1", "60.00", "EUR"),
            broken.clone(),
        ];
        check(
            &lines,
            "the file states 2 captures of 61.00 EUR, and holds 1 capture of 60.00 EUR; 1 line of it cannot be read",
        );
        // What cannot be read and is not claimed is rejected alone, when the file is recorded.
        check(
            &[
                claim("EUR", "1", "60.00"),
                json("capture", "c1", "60.00", "EUR"),
                broken,
            ],
            "",
        );
    }

    #[test]
    fn a_claim_among_events_is_no_event() {
        let lines = [json("capture", "c1", "60.00", "EUR"), claim("EUR", "1", "60.00")].join("\n");
        let read: Vec<_> = Events::open(lines.as_bytes()).expect("a file").collect();
        let late = read[1].as_ref().expect("readable");
        assert_eq!(late.0, 2);
        assert_eq!(late.1.as_ref().map_err(|late| late.reason.as_str()), Err(TOO_LATE));
    }

    #[test]
    fn csv_claims_the_same() {
        let head = "kind,merchant,payment,reference,amount,currency,occurred_at,acquirer,items\n";
        let capture = "capture,m,p,c1,60.00,EUR,2026-03-02T10:00:00Z,a,\n";
        let check = |rows: &[&str], expected: &str| {
            let file = [head, &rows.concat(), capture].concat();
            let proven = prove(&mut Events::open(file.as_bytes()).expect("a file"));
            assert_eq!(
                proven.map_err(|error| error.to_string()).err().unwrap_or_default(),
                expected
            );
        };
        check(&[], "");
        check(&["capture_total,,,,60.00,EUR,,,1\n"], "");
        check(
            &["capture_total,,,,50.00,EUR,,,1\n"],
            "the file states 1 capture of 50.00 EUR, and holds 1 capture of 60.00 EUR",
        );
        check(
            &["capture_total,m,,,60.00,EUR,,,1\n"],
            "line 2: merchant: merchant says nothing about a capture_total",
        );
        check(
            &["capture_total,,,,60.00\n"],
            "line 2: the row has 5 cells, the header has 9",
        );
    }
}
