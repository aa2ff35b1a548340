//! What is tolerated of the gross amounts of lines, added up by batch and by month: a minor unit on every line is no rounding.
//!
//! It is booked as rounding all the same (5900). More of it than the settings allow a batch, or all files of an acquirer in a
//! calendar month, is a break: of the batch, or of the file that takes the month above it. It is added up while lines are
//! matched, and kept by file, so nothing is read again; what people match later is not of it.
//!
//! What conversions by an agreed rate differ by, each within its tolerance, is held to what their rates tolerate together, and to
//! what a batch may differ by where that is more.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Months;
use rust_decimal::Decimal;

use super::matching::write_batch_break;
use super::{ReconcileError, Run};
use crate::dates::month_of;
use crate::money::{AmountError, Currency, Money, Rounding};
use crate::recon::breaks::BreakClass;
use crate::recon::conversion::Converted;
use crate::store::{StoreError, Tx};

/// Lines that differ within the tolerance, minor units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tolerated {
    lines: i64,
    by_item: i64,
    by_line: i64,
    used: i64,
}

impl Tolerated {
    /// Adds a line that differs.
    pub(super) fn add(&mut self, by_item: i64, by_line: i64, rounding: i64) -> Result<(), AmountError> {
        let plus = |sum: i64, more: i64| sum.checked_add(more).ok_or(AmountError::TooLarge);
        self.lines = plus(self.lines, 1)?;
        self.by_item = plus(self.by_item, by_item)?;
        self.by_line = plus(self.by_line, by_line)?;
        self.used = plus(self.used, rounding.checked_abs().ok_or(AmountError::TooLarge)?)?;
        Ok(())
    }
}

/// Names the batches of a file in which more is tolerated than may be, and the month that this file takes above what it may have.
pub(super) async fn check(
    tx: &mut Tx,
    run: &Run<'_>,
    tolerated: &[(Arc<str>, Currency, Tolerated)],
) -> Result<(), ReconcileError> {
    let of = (run.acquirer_id, run.source);
    let mut of_file: BTreeMap<Currency, i64> = BTreeMap::new();
    for (batch, currency, tolerated) in tolerated {
        let money = |minor| Money::from_minor(minor, *currency);
        let sum = of_file.entry(*currency).or_default();
        *sum = sum.checked_add(tolerated.used).ok_or(AmountError::TooLarge)?;
        let Some(allowed) = run.acquirer.batch_tolerance.get(currency) else {
            continue;
        };
        if tolerated.used > allowed.minor() {
            let (lines, used) = (tolerated.lines, money(tolerated.used));
            let detail = format!(
                "gross of {lines} lines of batch {batch}, each within the tolerance, differs by {used} together, more than {allowed}"
            );
            let sides = (money(tolerated.by_item), money(tolerated.by_line));
            write_batch_break(tx, of, BreakClass::AmountMismatch, sides, &detail).await?;
        }
    }
    for (currency, used) in of_file {
        month(tx, run, Money::from_minor(used, currency)).await?;
    }
    Ok(())
}

/// Lines that were converted by an agreed rate, within its tolerance, minor units of the net currency.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Drift {
    lines: i64,
    expected: i64,
    actual: i64,
    allowed: Decimal,
}

impl Drift {
    /// Adds a line.
    pub(super) fn add(&mut self, converted: &Converted) -> Result<(), AmountError> {
        let plus = |sum: i64, more: i64| sum.checked_add(more).ok_or(AmountError::TooLarge);
        self.lines = plus(self.lines, 1)?;
        self.expected = plus(self.expected, converted.expected.minor())?;
        self.actual = plus(self.actual, converted.actual.minor())?;
        let allowed = self.allowed.checked_add(converted.allowed);
        self.allowed = allowed.ok_or(AmountError::TooLarge)?;
        Ok(())
    }
}

/// Names the batches of a file that were converted to another sum than by the rates agreed, by more than a batch may differ.
pub(super) async fn check_drift(
    tx: &mut Tx,
    run: &Run<'_>,
    drifts: &[(Arc<str>, Currency, Drift)],
) -> Result<(), ReconcileError> {
    let of = (run.acquirer_id, run.source);
    for (batch, currency, drift) in drifts {
        let Some(allowed) = run.acquirer.batch_tolerance.get(currency) else {
            continue;
        };
        let money = |minor| Money::from_minor(minor, *currency);
        let off = drift.actual.checked_sub(drift.expected).ok_or(AmountError::TooLarge)?;
        let allowed = money(Rounding::Down.round(drift.allowed)?.max(allowed.minor()));
        if off.unsigned_abs() > allowed.minor().unsigned_abs() {
            let (lines, off) = (drift.lines, money(off));
            let detail = format!(
                "{lines} lines of batch {batch}, each converted by the agreed rate within its tolerance, differ by {off} together, more than {allowed}"
            );
            let sides = (money(drift.expected), money(drift.actual));
            write_batch_break(tx, of, BreakClass::FxMismatch, sides, &detail).await?;
        }
    }
    Ok(())
}

/// Keeps what is tolerated in a file, and names the month that it takes above what it may have.
async fn month(tx: &mut Tx, run: &Run<'_>, used: Money) -> Result<(), ReconcileError> {
    let (source, currency) = (&run.source.0, used.currency());
    let code = currency.code();
    let keep = include_str!("../../../schema/queries/tolerated_insert.sql");
    tx.execute(keep, &[source, &code, &used.minor()]).await?;
    let Some(allowed) = run.acquirer.monthly_tolerance.get(&used.currency()) else {
        return Ok(());
    };
    let first = month_of(run.as_of);
    let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
    let before = include_str!("../../../schema/queries/tolerated_before.sql");
    let rows = tx
        .query(before, &[&run.acquirer_id.0, source, &first, &next, &code])
        .await?;
    let before: i64 = rows
        .first()
        .map_or(Ok(0), |row| row.try_get(0))
        .map_err(StoreError::from)?;
    let together = Money::from_minor(before, used.currency()).plus(used)?;
    if before <= allowed.minor() && together.minor() > allowed.minor() {
        let detail = format!(
            "gross of lines of {}, each within the tolerance, differs by {together} together in files so far, more than {allowed}",
            first.format("%Y-%m")
        );
        let of = (run.acquirer_id, run.source);
        write_batch_break(tx, of, BreakClass::AmountMismatch, (*allowed, together), &detail).await?;
    }
    Ok(())
}
