//! `acquit report fee-claims`: what acquirers charged against what their contracts say, by term or claim by claim.

use std::io::Write;

use super::{Sink, exponent_of, number};
use crate::audit::export::CellKind::{Figure, Text};
use crate::audit::export::{Column, Totals};
use crate::cli::Failure;
use crate::money::wide_decimal_text;
use crate::store::costs::{ClaimRow, TermRow, Wanted, claims, terms};
use crate::store::snapshot::Snapshot;

/// The columns of claims by term.
pub(super) const BY_TERM: &[Column] = &[
    ("section", Text),
    ("acquirer", Text),
    ("of", Text),
    ("term", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("state", Text),
    ("lines", Figure),
    ("since", Text),
    ("expected_minor", Figure),
    ("stated_minor", Figure),
    ("difference_minor", Figure),
    ("expected", Figure),
    ("stated", Figure),
    ("difference", Figure),
];

/// The columns of claims one by one.
pub(super) const ITEMS: &[Column] = &[
    ("acquirer", Text),
    ("file", Text),
    ("batch", Text),
    ("line", Figure),
    ("acquirer_reference", Text),
    ("merchant_reference", Text),
    ("lines", Figure),
    ("since", Text),
    ("of", Text),
    ("term", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("expected_minor", Figure),
    ("stated_minor", Figure),
    ("difference_minor", Figure),
    ("expected", Figure),
    ("stated", Figure),
    ("difference", Figure),
    ("break", Figure),
    ("state", Text),
];

/// Sends the rows. Only claims count into the totals: debits as they were stated, credits by the contract.
pub(super) async fn fill<W: Write>(
    snapshot: &mut Snapshot,
    wanted: &Wanted,
    items: bool,
    sink: &mut Sink<W>,
    totals: &mut Totals,
) -> Result<(), Failure> {
    if items {
        for row in claims(snapshot, wanted).await? {
            totals.add(&row.currency, row.stated.into(), row.expected.into());
            sink.row(&item(row)?)?;
        }
        return Ok(());
    }
    for row in terms(snapshot, wanted).await? {
        if row.section == "claim" {
            totals.add(&row.currency, row.stated, row.expected);
        }
        sink.row(&by_term(row)?)?;
    }
    Ok(())
}

fn by_term(row: TermRow) -> Result<Vec<String>, Failure> {
    let exponent = exponent_of(&row.currency)?;
    let mut cells = vec![
        row.section,
        row.acquirer,
        row.component,
        row.term,
        row.currency,
        exponent.to_string(),
        row.state,
        row.lines.to_string(),
        number(row.since),
    ];
    cells.extend(figures(row.expected, row.stated, exponent));
    Ok(cells)
}

fn item(row: ClaimRow) -> Result<Vec<String>, Failure> {
    let exponent = exponent_of(&row.currency)?;
    let mut cells = vec![
        row.acquirer,
        row.file,
        row.batch,
        number(row.line),
        row.acquirer_reference.unwrap_or_default(),
        row.merchant_reference.unwrap_or_default(),
        row.lines.to_string(),
        row.since.to_string(),
        row.component,
        row.term,
        row.currency,
        exponent.to_string(),
    ];
    cells.extend(figures(row.expected.into(), row.stated.into(), exponent));
    cells.extend([row.break_id.to_string(), row.state]);
    Ok(cells)
}

/// Both sides and how far the stated one is above the other, in minor units and in decimals.
fn figures(expected: i128, stated: i128, exponent: u8) -> [String; 6] {
    let difference = stated.saturating_sub(expected);
    let decimal = |minor| wide_decimal_text(minor, exponent);
    [
        expected.to_string(),
        stated.to_string(),
        difference.to_string(),
        decimal(expected),
        decimal(stated),
        decimal(difference),
    ]
}
