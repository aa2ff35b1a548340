//! Monthly limits: how much a payer has used of a carrier's limit, as payments come and go.
//!
//! A payment counts in the local month of its authorization, for ever. What is open of it is held, what is captured of it and not
//! refunded in that month is kept; both follow from where the payment stood before an event and stands after it, so every event
//! is treated alike: captures keep what was held, voids and expiries free it, refunds made in the same month free it, later ones do
//! not, and a refund that failed takes again what it had freed.
//!
//! A promise that would take the payer above the limit is refused, unless the carrier itself has given it (the event has the
//! acquirer's reference): the carrier's answer always wins, and the payment is flagged. So is everything else that takes more.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::event::PaymentEvent;
use super::lifecycle::{Original, Payment, Refusal};
use crate::dates::{day_in, month_of};
use crate::ledger::entry::EntryKind;
use crate::money::{Currency, Money};

/// Whose limit it is, and which.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitKey {
    /// The carrier.
    pub acquirer: Arc<str>,
    /// A token of who pays.
    pub payer: Arc<str>,
    /// The first day of the month.
    pub month: NaiveDate,
    /// The currency.
    pub currency: Currency,
}

impl LimitKey {
    /// The limit that a payment uses; none where it uses none.
    pub fn of(payment: &Payment) -> Option<Self> {
        Some(Self {
            acquirer: payment.acquirer.clone(),
            payer: payment.instrument.payer.clone()?,
            month: payment.limit_month?,
            currency: payment.currency,
        })
    }
}

/// What is used of a limit, or what an event adds to that; minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// By open authorizations.
    pub held: i64,
    /// By captures less refunds of the same month.
    pub kept: i64,
}

impl Used {
    /// Both together.
    pub fn total(self) -> i64 {
        self.held.saturating_add(self.kept)
    }

    /// With so much more.
    pub fn plus(self, more: Self) -> Result<Self, Refusal> {
        let add = |left: i64, right: i64| left.checked_add(right).ok_or(Refusal::AmountTooLarge);
        Ok(Self {
            held: add(self.held, more.held)?,
            kept: add(self.kept, more.kept)?,
        })
    }
}

/// The month of an instant in a time zone: its first day.
pub fn month_at(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    month_of(day_in(at, zone))
}

/// The month in which the refund was made that an event is, or says has failed; none for other events.
pub fn refunded_in(event: &PaymentEvent, original: Option<&Original>, zone: Tz) -> Option<NaiveDate> {
    let made_at = match (event.kind, original) {
        (EntryKind::Refund, _) => Some(event.occurred_at),
        (EntryKind::RefundFailure, Some(refund)) => Some(refund.occurred_at),
        (_, _) => None,
    };
    made_at.map(|made_at| month_at(made_at, zone))
}

/// What an event adds to what its payment uses of a limit.
pub fn taken(before: Option<&Payment>, after: &Payment, refunded_in: Option<NaiveDate>) -> Result<Used, Refusal> {
    let minus = |left: i64, right: i64| left.checked_sub(right).ok_or(Refusal::AmountTooLarge);
    let was = |of: fn(&Payment) -> i64| before.map_or(0, of);
    let held = minus(after.open(), was(Payment::open))?;
    let captured = minus(after.captured, was(|before| before.captured))?;
    let refunded = match refunded_in {
        Some(month) if Some(month) == after.limit_month => minus(after.refunded, was(|before| before.refunded))?,
        Some(_) | None => 0,
    };
    Ok(Used {
        held,
        kept: minus(captured, refunded)?,
    })
}

/// What taking more of a limit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// It stays within the limit, or takes nothing.
    Within,
    /// It goes beyond, and is booked all the same.
    Beyond,
    /// It would go beyond, and is refused.
    Refused,
}

/// Whether an event may take so much more of a limit.
pub fn take(event: &PaymentEvent, used: Used, more: Used, limit: Money) -> Result<Taking, Refusal> {
    if more.total() <= 0 || used.plus(more)?.total() <= limit.minor() {
        return Ok(Taking::Within);
    }
    let is_promise = matches!(event.kind, EntryKind::Authorization | EntryKind::AuthorizationIncrement);
    Ok(if is_promise && event.acquirer_reference.is_none() {
        Taking::Refused
    } else {
        Taking::Beyond
    })
}

#[cfg(test)]
mod tests;
