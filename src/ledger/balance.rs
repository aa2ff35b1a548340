//! Balances: per book and account, the sum of debits and the sum of credits.

use std::collections::HashMap;

use crate::ids::{AccountId, BookId};

/// The two sums of one account in one book, in minor units. They only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Σ of the transfers that debit it.
    pub debits: i64,
    /// Σ of the transfers that credit it.
    pub credits: i64,
}

/// The turnover of an account that does not fit 64-bit minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnoverTooLarge(pub AccountId);

/// What a batch of transfers adds to the balances: one row per (book, account), however many transfers there were.
#[derive(Debug, Default)]
pub struct Movements(HashMap<(BookId, AccountId), Balance>);

impl Movements {
    /// Adds a transfer of minor units from one account of a book to another.
    pub fn add(
        &mut self,
        book: BookId,
        (debit, credit): (AccountId, AccountId),
        amount: i64,
    ) -> Result<(), TurnoverTooLarge> {
        let debited = self.0.entry((book, debit)).or_default();
        debited.debits = debited.debits.checked_add(amount).ok_or(TurnoverTooLarge(debit))?;
        let credited = self.0.entry((book, credit)).or_default();
        credited.credits = credited.credits.checked_add(amount).ok_or(TurnoverTooLarge(credit))?;
        Ok(())
    }

    /// The movements, by book and account.
    pub fn into_sorted(self) -> Vec<((BookId, AccountId), Balance)> {
        let mut rows: Vec<_> = self.0.into_iter().collect();
        rows.sort_unstable_by_key(|(place, _)| *place);
        rows
    }
}
