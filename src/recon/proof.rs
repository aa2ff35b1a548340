//! Whether a file proves itself: its batches add up to what the acquirer pays for them, and what it says of itself is so.

use crate::acquirer::{Claim, ControlClaims};

/// What a file says of itself and is not so: first of its batches, then of the rest in its order. All rows of a batch, payouts
/// included, add up to nothing.
pub fn untrue(claims: &ControlClaims) -> Vec<Claim> {
    let batches = claims.totals.iter().map(|((batch, currency), total)| Claim {
        batch: None,
        what: format!("batch {batch} pays"),
        currency: Some(*currency),
        stated: total.payout_minor.saturating_neg(),
        read: total.net_minor,
    });
    let said = claims.claims.iter().cloned();
    batches.chain(said).filter(|claim| claim.stated != claim.read).collect()
}
