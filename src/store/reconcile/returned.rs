//! Payouts that the bank sent back to the acquirer: a later batch brings what an earlier one had paid.
//!
//! A line that carries money over, and names the payout of one batch of which exactly so much is awaited, is that payout: the
//! batch is paid with the one of the line, and not missing any more. What names nothing stays with people.

use super::Run;
use crate::bank::receipts::words;
use crate::recon::breaks::BreakClass;
use crate::store::{StoreError, Tx, breaks};

/// Finds which of the lines at these places bring a payout that came back, and keeps it.
pub(super) async fn settle(tx: &mut Tx, run: &Run<'_>, carried: &[i32]) -> Result<(), StoreError> {
    if carried.is_empty() {
        return Ok(());
    }
    let lines = include_str!("../../../schema/queries/lines_carried.sql");
    let (mut ordinals, mut names): (Vec<i32>, Vec<String>) = (Vec::new(), Vec::new());
    for row in &tx.query(lines, &[&run.source.0, &carried]).await? {
        let words: Vec<String> = words(row.try_get("names")?).into_iter().collect();
        if !words.is_empty() {
            ordinals.push(row.try_get("ordinal")?);
            names.push(words.join(" "));
        }
    }
    if ordinals.is_empty() {
        return Ok(());
    }
    let insert = include_str!("../../../schema/queries/settlement_returns_insert.sql");
    let rows = tx
        .query(insert, &[&run.source.0, &run.acquirer_id.0, &ordinals, &names])
        .await?;
    let came = rows
        .iter()
        .map(|row| {
            let (batch, currency): (&str, &str) = (row.try_get("batch")?, row.try_get("currency")?);
            Ok((run.acquirer_id, format!("batch {batch} in {currency}: ")))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    breaks::came(tx, run.source, BreakClass::MissingReceipt, &came).await
}
