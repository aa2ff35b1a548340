//! Merchant fees: what we charge for a capture.

use crate::money::{AmountError, Currency, Money};
use crate::settings::FeeSchedule;

/// A merchant fee, its two parts apart because they are booked apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MerchantFee {
    /// The rounded percentage of the gross, minor units.
    pub percentage: i64,
    /// The fixed part, minor units.
    pub fixed: i64,
}

/// Why a capture has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// The schedule has no fixed part for the currency, and a price is never assumed to be zero.
    #[error("fee schedule `{schedule}` has no price in {currency}")]
    NotPriced {
        /// The schedule.
        schedule: String,
        /// The currency of the capture.
        currency: Currency,
    },
    /// Beyond 64-bit minor units.
    #[error("the fee cannot be computed")]
    Amount(#[from] AmountError),
}

impl MerchantFee {
    /// The fee of a capture by a blended schedule: the percentage, rounded once as the schedule names, plus the fixed part.
    pub fn of(gross: Money, schedule: &FeeSchedule) -> Result<Self, FeeError> {
        let currency = gross.currency();
        let fixed = schedule.fixed.get(&currency).ok_or_else(|| FeeError::NotPriced {
            schedule: schedule.name.clone(),
            currency,
        })?;
        let percentage = gross.share(schedule.percentage, schedule.rounding)?.minor();
        percentage.checked_add(fixed.minor()).ok_or(AmountError::TooLarge)?;
        Ok(Self {
            percentage,
            fixed: fixed.minor(),
        })
    }

    /// Both parts, minor units.
    pub fn total(self) -> i64 {
        // `of` has proven that the sum fits.
        self.percentage.saturating_add(self.fixed)
    }
}
