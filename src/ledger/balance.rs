//! Balances: per book and account, the sum of debits and the sum of credits.

use std::collections::HashMap;

use super::account::Account;
use super::entry::Transfer;
use crate::ids::BookId;

/// The two sums of one account in one book, in minor units. They only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Σ of the transfers that debit it.
    pub debits: i64,
    /// Σ of the transfers that credit it.
    pub credits: i64,
}

/// A sum beyond 64-bit minor units.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the turnover of account {0} does not fit 64-bit minor units")]
pub struct TurnoverTooLarge(Account);

/// What a batch of transfers adds to the balances: one row per (book, account), however many transfers there were.
#[derive(Debug, Default)]
pub struct Movements(HashMap<(BookId, Account), Balance>);

impl Movements {
    /// Adds a transfer of a book.
    pub fn add(&mut self, book: BookId, transfer: &Transfer) -> Result<(), TurnoverTooLarge> {
        let debited = self.0.entry((book, transfer.debit.clone())).or_default();
        debited.debits = debited
            .debits
            .checked_add(transfer.amount)
            .ok_or_else(|| TurnoverTooLarge(transfer.debit.clone()))?;
        let credited = self.0.entry((book, transfer.credit.clone())).or_default();
        credited.credits = credited
            .credits
            .checked_add(transfer.amount)
            .ok_or_else(|| TurnoverTooLarge(transfer.credit.clone()))?;
        Ok(())
    }

    /// The movements, by book and account.
    pub fn into_sorted(self) -> Vec<((BookId, Account), Balance)> {
        let mut rows: Vec<_> = self.0.into_iter().collect();
        rows.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        rows
    }
}
