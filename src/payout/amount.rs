//! What a merchant is paid at a cut-off.

use chrono::NaiveDate;

use crate::ids::BookId;
use crate::money::{Currency, Money};
use crate::settings::{Destination, Settings};

/// What may be paid: account 2020 at the cut-off, less everything that was taken from it since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payable {
    /// The merchant's book.
    pub book: BookId,
    /// The merchant.
    pub merchant: String,
    /// How much, above zero.
    pub money: Money,
}

/// Why a merchant is not paid, or that it is and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Paid whole to this account.
    Pay(&'a Destination),
    /// Below the minimum: carried forward to the next cut-off.
    BelowMinimum(Money),
    /// No bank account is known.
    NoDestination,
    /// Not in the settings any more.
    NotAMerchant,
}

/// Whether an amount is paid under these settings.
pub fn choose<'a>(payable: &Payable, settings: &'a Settings) -> Choice<'a> {
    let Some(merchant) = settings.merchants.get(&payable.merchant) else {
        return Choice::NotAMerchant;
    };
    let Some(destination) = &merchant.destination else {
        return Choice::NoDestination;
    };
    match settings.payout.minimum.get(&payable.money.currency()) {
        Some(minimum) if payable.money.minor() < minimum.minor() => Choice::BelowMinimum(*minimum),
        _ => Choice::Pay(destination),
    }
}

/// The id under which a payout is known at every bank, for ever: derived from what it is, never drawn.
pub fn end_to_end_id(book: BookId, currency: Currency, cutoff: NaiveDate) -> String {
    format!("ACQ-{book}-{currency}-{}", cutoff.format("%Y%m%d"))
}
