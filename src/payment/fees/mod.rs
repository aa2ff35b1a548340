//! Merchant fees: what we charge for a capture, and for what happens around it.
//!
//! A fee has two components, booked apart: the percentage and the fixed part. Under a schedule of scope `item` each capture's
//! fee is rounded by itself: the percentage once, the fixed part added, then minimum and cap applied to both together, of
//! which the percentage takes the difference. Under a wider scope the exact fees of a period are added up in an [`Accrual`]
//! for each component, and a capture is charged what the rounded sum has grown by. So what is posted is never a minor unit or
//! more away from what is exact, however many captures there are.
//!
//! VAT is worked out on the rounded component, or on the posted sum of its accrual. Interchange and scheme fees that a price passes
//! on are known when the acquirer settles the capture: of them a capture decides only that, and at which VAT.
//!
//! Everything here is a function of its arguments; [`recompute`] is a second implementation that audits compare with.

mod accrual;
mod event;
mod explain;
mod price;
pub mod recompute;
mod returns;
#[cfg(test)]
mod tests;
mod vat;

use std::sync::Arc;

use chrono::NaiveDate;

pub use self::accrual::{Accrual, AccrualKey, Accrued, Change, undo};
pub use self::event::{EventFee, event_fee, minimum_top_up, monthly_minimum_fee};
pub use self::explain::{Step, explain};
pub use self::price::capture_fee;
pub use self::returns::{Returnable, Returns};
use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Currency, Money};
use crate::settings::{ReturnPolicy, VatRate};

/// What a capture is priced by.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What the shopper pays; never negative.
    pub gross: Money,
    /// The booking date.
    pub day: NaiveDate,
    /// The payment method, where it is known.
    pub method: Option<&'a str>,
    /// The card scheme, where it is known.
    pub scheme: Option<&'a str>,
    /// The country of the card's issuer, where it is known.
    pub card_country: Option<&'a str>,
}

/// A part of a merchant fee that is booked, rounded and taxed apart from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// What grows with the gross.
    Percentage,
    /// What does not.
    Fixed,
}

impl Component {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Percentage, Self::Fixed];

    /// Where its revenue is booked.
    pub fn account(self) -> AccountCode {
        match self {
            Self::Percentage => AccountCode::FeePercentage,
            Self::Fixed => AccountCode::FeeFixed,
        }
    }

    /// The component of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|component| component.name() == name)
    }

    /// As a database and a report name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Percentage => "percentage",
            Self::Fixed => "fixed",
        }
    }
}

/// Revenue and its VAT, signed whole minor units: positive where the merchant pays. It pays both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// The revenue account.
    pub account: AccountCode,
    /// Revenue without VAT.
    pub amount: i64,
    /// VAT, to account 2300.
    pub vat: i64,
}

impl Charge {
    fn nothing(account: AccountCode) -> Self {
        let (amount, vat) = (0, 0);
        Self { account, amount, vat }
    }

    /// What the merchant pays.
    pub fn total(self) -> i64 {
        // Whoever makes a charge has added both.
        self.amount.saturating_add(self.vat)
    }

    fn is_nothing(self) -> bool {
        self.amount == 0 && self.vat == 0
    }
}

/// What a capture is charged.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptureFee {
    /// The percentage and the fixed part.
    parts: [Part; 2],
    policy: ReturnPolicy,
    /// The VAT that interchange and scheme fees of the settlement line carry, where they are the merchant's too.
    pub passes_costs: Option<VatRate>,
}

/// One component of a fee, and what becomes of its accrual.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    charge: Charge,
    accrued: Option<(Accrued, Accrual)>,
}

impl CaptureFee {
    /// What is to be booked; components of nothing are left out.
    pub fn charges(&self) -> impl Iterator<Item = Charge> {
        let charges = self.parts.iter().map(|part| part.charge);
        charges.filter(|charge| !charge.is_nothing())
    }

    /// What the capture did to accruals, and where they stand after it.
    pub fn accrued(&self) -> impl Iterator<Item = &(Accrued, Accrual)> {
        self.parts.iter().filter_map(|part| part.accrued.as_ref())
    }

    /// What the merchant pays, VAT included.
    pub fn total(&self) -> Result<i64, AmountError> {
        self.charges().try_fold(0, |sum, charge| plus(sum, charge.total()))
    }

    /// The components that refunds give back.
    fn returnable(&self) -> &[Part] {
        let [percentage, _] = &self.parts;
        match self.policy {
            ReturnPolicy::Nothing => &[],
            ReturnPolicy::Percentage => std::slice::from_ref(percentage),
            ReturnPolicy::All => &self.parts,
        }
    }
}

/// Why there is no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// No price of the schedule is for such captures.
    #[error(
        "no price of fee schedule `{schedule}` fits a capture in {currency} by its method, scheme and card country"
    )]
    NoPriceFits {
        /// The schedule.
        schedule: Arc<str>,
        /// The currency of the capture.
        currency: Currency,
    },
    /// The price has no fixed part for the currency, and a price is never assumed to be zero.
    #[error("fee schedule `{schedule}` has no price in {currency}")]
    NotPriced {
        /// The schedule.
        schedule: Arc<str>,
        /// The currency of the capture.
        currency: Currency,
    },
    /// The VAT class begins later; settings are refused where that could be.
    #[error("VAT class `{class}` has no rate on {day}")]
    NoVatRate {
        /// The class.
        class: Arc<str>,
        /// The booking date.
        day: NaiveDate,
    },
    /// Beyond 64-bit minor units.
    #[error("the fee cannot be computed")]
    Amount(#[from] AmountError),
}

fn plus(one: i64, other: i64) -> Result<i64, AmountError> {
    one.checked_add(other).ok_or(AmountError::TooLarge)
}

fn minus(one: i64, other: i64) -> Result<i64, AmountError> {
    one.checked_sub(other).ok_or(AmountError::TooLarge)
}
