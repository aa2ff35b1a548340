//! What is tolerated of the gross amounts of lines, added up by batch: a minor unit on every line is no rounding.
//!
//! What is tolerated is booked as rounding all the same (5900); more of it than the settings allow a batch is a break. Where they
//! name no such limit, nothing is read.

use super::matching::write_batch_break;
use super::{ReconcileError, Run, currency};
use crate::money::{Currency, Money};
use crate::recon::breaks::BreakClass;
use crate::store::{StoreError, Tx};

/// Names the batches of a file in which more is tolerated than may be.
pub(super) async fn check(tx: &mut Tx, run: &Run<'_>) -> Result<(), ReconcileError> {
    let limits = &run.acquirer.batch_tolerance;
    if limits.is_empty() {
        return Ok(());
    }
    let currencies: Vec<Currency> = limits.keys().copied().collect();
    let of_line = |currency: &Currency| run.acquirer.tolerance.get(currency).map_or(0, |money| money.minor());
    let rows = tx
        .query(
            include_str!("../../../schema/queries/tolerated_of_batches.sql"),
            &[
                &run.source.0,
                &currencies.iter().map(Currency::code).collect::<Vec<&str>>(),
                &currencies.iter().map(of_line).collect::<Vec<i64>>(),
                &limits.values().map(|money| money.minor()).collect::<Vec<i64>>(),
            ],
        )
        .await?;
    for row in &rows {
        let currency = currency(row.try_get("currency").map_err(StoreError::from)?)?;
        let money =
            |column: &str| -> Result<Money, StoreError> { Ok(Money::from_minor(row.try_get(column)?, currency)) };
        let lines: i64 = row.try_get("lines").map_err(StoreError::from)?;
        let batch: &str = row.try_get("batch").map_err(StoreError::from)?;
        let (used, allowed) = (money("used")?, money("allowed")?);
        let detail = format!(
            "gross of {lines} lines of batch {batch}, each within the tolerance, differs by {used} together, more than {allowed}"
        );
        let (of, sides) = ((run.acquirer_id, run.source), (money("expected")?, money("stated")?));
        write_batch_break(tx, of, BreakClass::AmountMismatch, sides, &detail).await?;
    }
    Ok(())
}
