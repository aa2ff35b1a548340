//! `acquit report statement`: what merchants are owed, what changed it, by movement or item by item.

use std::io::{self, Write};

use futures_util::TryStreamExt;

use super::{Sink, number};
use crate::audit::export::CellKind::{Figure, Text};
use crate::audit::export::{Column, Totals};
use crate::cli::Failure;
use crate::money::wide_decimal_text;
use crate::store::report::{self as rows, Span, StatementItem, StatementRow};
use crate::store::snapshot::Snapshot;

/// What was there before the first day.
const OPENING: &str = "opening";

/// The columns of sums by movement.
pub(super) const SUMS: &[Column] = &[
    ("merchant", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("movement", Text),
    ("entries", Figure),
    ("debit_minor", Figure),
    ("credit_minor", Figure),
    ("balance_minor", Figure),
    ("debit", Figure),
    ("credit", Figure),
    ("balance", Figure),
];

/// In the order of a payment's life; any other comes after.
const MOVEMENTS: [&str; 18] = [
    "opening",
    "capture",
    "merchant_fee",
    "costs_passed_on",
    "vat",
    "refund",
    "fee_returned",
    "chargeback",
    "chargeback_reversal",
    "dispute_fee",
    "settlement_difference",
    "reserve",
    "hold",
    "adjustment",
    "minimum_top_up",
    "advance_fee",
    "payout_fee",
    "payout",
];

/// The movements of one merchant and currency, in their order, without what was there before.
pub(super) fn moved(account: &[StatementRow]) -> Vec<&StatementRow> {
    let mut movements: Vec<&StatementRow> = account.iter().filter(|row| row.movement != OPENING).collect();
    let place = |row: &StatementRow| {
        let known = MOVEMENTS.iter().position(|name| *name == row.movement);
        known.unwrap_or(MOVEMENTS.len())
    };
    movements.sort_by_key(|row| place(row));
    movements
}

/// What one merchant was owed in a currency before the first day. Positive is owed to the merchant.
pub(super) fn opening(account: &[StatementRow]) -> i128 {
    let opening = account.iter().find(|row| row.movement == OPENING);
    opening.map_or(0, |row| row.credits.saturating_sub(row.debits))
}

/// The rows of one merchant and currency after the other.
pub(super) fn accounts(rows: &[StatementRow]) -> impl Iterator<Item = &[StatementRow]> {
    rows.chunk_by(|one, other| (&one.merchant, &one.currency) == (&other.merchant, &other.currency))
}

/// Sends a statement: sums by movement, or item by item.
pub(super) async fn fill<W: Write>(
    snapshot: &mut Snapshot,
    span: &Span,
    items: bool,
    sink: &mut Sink<W>,
    totals: &mut Totals,
) -> Result<(), Failure> {
    if !items {
        sums(&rows::statement(snapshot, span).await?, sink, totals)?;
        return Ok(());
    }
    let mut items = std::pin::pin!(rows::statement_items(snapshot, span).await?);
    while let Some(item) = items.try_next().await? {
        let (debit, credit) = sides(&item);
        totals.add(&item.currency, debit, credit);
        sink.row(&item_cells(&item))?;
    }
    Ok(())
}

/// For every merchant and currency: the opening balance, what moved it, the closing balance. Positive is owed to the merchant.
fn sums<W: Write>(rows: &[StatementRow], sink: &mut Sink<W>, totals: &mut Totals) -> io::Result<()> {
    for account in accounts(rows) {
        let Some(first) = account.first() else { continue };
        let mut balance = opening(account);
        sink.row(&statement_cells(first, OPENING, None, None, balance))?;
        let (mut debits, mut credits) = (0_i128, 0_i128);
        for row in moved(account) {
            totals.add(&row.currency, row.debits, row.credits);
            balance = balance.saturating_add(row.credits).saturating_sub(row.debits);
            debits = debits.saturating_add(row.debits);
            credits = credits.saturating_add(row.credits);
            let moved = Some((row.debits, row.credits));
            sink.row(&statement_cells(
                first,
                &row.movement,
                Some(row.entries),
                moved,
                balance,
            ))?;
        }
        sink.row(&statement_cells(
            first,
            "closing",
            None,
            Some((debits, credits)),
            balance,
        ))?;
    }
    Ok(())
}

fn statement_cells(
    of: &StatementRow,
    movement: &str,
    entries: Option<i64>,
    moved: Option<(i128, i128)>,
    balance: i128,
) -> Vec<String> {
    let decimal = |minor: i128| wide_decimal_text(minor, of.exponent);
    vec![
        of.merchant.clone(),
        of.currency.clone(),
        of.exponent.to_string(),
        movement.to_owned(),
        number(entries),
        number(moved.map(|(debit, _)| debit)),
        number(moved.map(|(_, credit)| credit)),
        balance.to_string(),
        number(moved.map(|(debit, _)| decimal(debit))),
        number(moved.map(|(_, credit)| decimal(credit))),
        decimal(balance),
    ]
}

/// The columns of items.
pub(super) const ITEMS: &[Column] = &[
    ("merchant", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("number", Figure),
    ("booking_date", Text),
    ("movement", Text),
    ("reference", Text),
    ("payment", Text),
    ("debit_minor", Figure),
    ("credit_minor", Figure),
    ("debit", Figure),
    ("credit", Figure),
];

/// What an item takes from what is owed, and what it adds.
pub(super) fn sides(item: &StatementItem) -> (i128, i128) {
    let amount = i128::from(item.amount);
    if item.is_debit { (amount, 0) } else { (0, amount) }
}

fn item_cells(item: &StatementItem) -> Vec<String> {
    let (debit, credit) = sides(item);
    vec![
        item.merchant.clone(),
        item.currency.clone(),
        item.exponent.to_string(),
        item.number.to_string(),
        item.booking_date.to_string(),
        item.movement.clone(),
        item.reference.clone(),
        item.payment.clone().unwrap_or_default(),
        debit.to_string(),
        credit.to_string(),
        wide_decimal_text(debit, item.exponent),
        wide_decimal_text(credit, item.exponent),
    ]
}
