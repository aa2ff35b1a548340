//! Keeping an acquirer's open items as they are read.
//!
//! A reconciliation reads the open items of its acquirer for as long as it runs, and locks books only at its end. So whoever takes
//! an open item away or changes it locks the acquirer's row first, before any book: a reconciliation keeps it for itself, these
//! share it. Adding open items needs no such lock.

use super::{StoreError, Tx};
use crate::ids::AcquirerId;

/// Waits for reconciliations of these acquirers, of all where none are named, and lets none begin until the transaction ends. Comes
/// before the locks of books.
pub(super) async fn share(tx: &mut Tx, acquirers: Option<&[AcquirerId]>) -> Result<(), StoreError> {
    let ids: Option<Vec<i16>> = acquirers.map(|acquirers| acquirers.iter().map(|id| id.0).collect());
    if ids.as_ref().is_some_and(Vec::is_empty) {
        return Ok(());
    }
    tx.query(include_str!("../../schema/queries/acquirers_share.sql"), &[&ids])
        .await
        .map(|_| ())
}
