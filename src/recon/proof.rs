//! Whether a file proves itself: every batch adds up to what the acquirer pays for it.

use crate::acquirer::ControlClaims;
use crate::money::Currency;

/// A batch that does not add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotalMismatch {
    /// The settlement batch.
    pub batch: String,
    /// The net currency.
    pub currency: Currency,
    /// Σ of the payout rows, as money we should get: what the file claims.
    pub claimed: i128,
    /// Σ net of all other rows.
    pub added: i128,
}

/// The batches whose rows do not add up to their payout: Σ net over all rows, payout included, must be zero.
pub fn mismatches(claims: &ControlClaims) -> Vec<TotalMismatch> {
    claims
        .totals
        .iter()
        .filter(|(_, total)| total.net_minor.checked_add(total.payout_minor) != Some(0))
        .map(|((batch, currency), total)| TotalMismatch {
            batch: batch.clone(),
            currency: *currency,
            claimed: total.payout_minor.saturating_neg(),
            added: total.net_minor,
        })
        .collect()
}
