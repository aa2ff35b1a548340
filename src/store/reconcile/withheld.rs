//! What batches of a file withhold as reserve, held to the contract. Where it says nothing of reserves, nothing is read.

use super::matching::write_batch_break;
use super::{ReconcileError, Run, currency};
use crate::money::Money;
use crate::recon::breaks::BreakClass;
use crate::recon::reserve::Withheld;
use crate::store::{StoreError, Tx};

/// Names the batches of a file that withhold more or less than the contract says.
pub(super) async fn check(tx: &mut Tx, run: &Run<'_>) -> Result<(), ReconcileError> {
    let Some(fraction) = run.acquirer.reserve else {
        return Ok(());
    };
    let sql = include_str!("../../../schema/queries/withheld_of_batches.sql");
    for row in tx.query(sql, &[&run.source.0]).await? {
        let column = |name: &str| -> Result<i64, StoreError> { Ok(row.try_get(name)?) };
        let withheld = Withheld {
            captures: column("captures")?,
            captured: column("captured")?,
            withheld: column("withheld")?,
        };
        let Some((expected, actual)) = withheld.differs(fraction)? else {
            continue;
        };
        let (batch, code): (&str, &str) = (
            row.try_get("batch").map_err(StoreError::from)?,
            row.try_get("currency").map_err(StoreError::from)?,
        );
        let currency = currency(code)?;
        let [expected, actual, captured] =
            [expected, actual, withheld.captured].map(|minor| Money::from_minor(minor, currency));
        let detail = format!(
            "reserve of batch {batch} on {captured} by contract and by the file differs: {expected} and {actual}"
        );
        let of = (run.acquirer_id, run.source);
        write_batch_break(tx, of, BreakClass::ReserveMismatch, (expected, actual), &detail).await?;
    }
    Ok(())
}
