//! Merchant fees: what we charge for a capture.

use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Currency, Money};
use crate::payment::event::Accrued;
use crate::settings::FeeSchedule;

/// A merchant fee, its two parts apart because they are booked apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MerchantFee {
    /// The rounded percentage of the gross, minor units.
    pub percentage: i64,
    /// The fixed part, minor units.
    pub fixed: i64,
}

/// One thing that a merchant is charged, minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Our revenue.
    pub account: AccountCode,
    /// The fee.
    pub amount: i64,
    /// Its VAT.
    pub vat: i64,
}

/// What a capture costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaptureFee {
    /// By component.
    pub charges: Vec<Charge>,
    /// Fee and VAT that refunds may give back.
    pub returnable: (i64, i64),
    /// Interchange and scheme fee are passed on.
    pub passes_costs: bool,
    /// What it adds to exact sums.
    pub accrued: Vec<Accrued>,
}

/// What a schedule charges for beside captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFee {
    /// An authorization.
    Authorization,
    /// A refund.
    Refund,
    /// A chargeback.
    Dispute,
    /// A payout.
    Payout,
}

/// The fee of an event.
pub fn event_fee(_: &FeeSchedule, _: EventFee, _: Currency) -> Result<Option<Charge>, FeeError> {
    Ok(None)
}

impl From<MerchantFee> for CaptureFee {
    fn from(fee: MerchantFee) -> Self {
        let charge = |account, amount| Charge {
            account,
            amount,
            vat: 0,
        };
        Self {
            charges: vec![
                charge(AccountCode::FeePercentage, fee.percentage),
                charge(AccountCode::FeeFixed, fee.fixed),
            ],
            ..Self::default()
        }
    }
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
}
