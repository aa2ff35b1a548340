//! Fees that are added up exactly, and posted in whole minor units.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Charge, Component, minus, vat};
use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Currency, Rounding};
use crate::settings::{FeeSchedule, VatRate};

/// The largest accrual, minor units: with ten decimals it still has room in a [`Decimal`], so that no sum is ever rounded.
const LIMIT: Decimal = Decimal::from_parts(0x5D8A_0000, 0x0163_4578, 0, false, 0);
/// The most decimals of what is added to an accrual, and of the accrual itself.
pub(super) const DECIMALS: u32 = 10;

/// What tells the accruals of one book apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccrualKey {
    /// The name of the fee schedule.
    pub schedule: Arc<str>,
    /// The day that tells its version from others.
    pub version: NaiveDate,
    /// The component.
    pub component: Component,
    /// The currency.
    pub currency: Currency,
    /// The first day of the period: the booking date, the first of its month, or the version's own day.
    pub period: NaiveDate,
    /// The VAT that its fees carry. A rate that changes within the period begins another accrual, so that what is posted is
    /// taxed at the rate of its own day.
    pub vat: VatRate,
}

/// The fees of one key so far, less what was given back of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accrual {
    /// The exact sum, minor units with up to ten decimals.
    pub exact: Decimal,
    /// What is posted of it: less than one minor unit away.
    pub posted: i64,
    /// The VAT of what is posted.
    pub vat_posted: i64,
}

impl AccrualKey {
    pub(super) fn new(
        schedule: &FeeSchedule,
        component: Component,
        currency: Currency,
        period: NaiveDate,
        vat: VatRate,
    ) -> Self {
        Self {
            schedule: Arc::clone(&schedule.name),
            version: schedule.version(),
            component,
            currency,
            period,
            vat,
        }
    }
}

impl Accrual {
    /// With an exact fee more, or less.
    pub(super) fn plus(self, fee: Decimal, rounding: Rounding, vat: VatRate) -> Result<Self, AmountError> {
        let exact = self
            .exact
            .checked_add(fee)
            .filter(|exact| exact.abs() <= LIMIT && exact.scale() <= DECIMALS)
            .ok_or(AmountError::TooLarge)?;
        let posted = rounding.round(exact)?;
        Ok(Self {
            exact,
            posted,
            vat_posted: vat::tax(posted, vat)?,
        })
    }

    /// What is posted more than before, as revenue and VAT.
    pub(super) fn charge_since(self, before: Self, account: AccountCode, rate: VatRate) -> Result<Charge, AmountError> {
        let price = minus(self.posted, before.posted)?;
        vat::split(account, price, minus(self.vat_posted, before.vat_posted)?, rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accrual_that_has_no_room_for_its_decimals_is_refused() {
        assert_eq!(LIMIT.to_string(), "100000000000000000");
        let plus = |exact, fee| {
            let accrual = Accrual {
                exact,
                ..Accrual::default()
            };
            accrual
                .plus(fee, Rounding::HalfEven, VatRate::Exempt)
                .map(|after| after.exact)
        };
        let least = Decimal::new(1, DECIMALS);
        assert_eq!(plus(LIMIT, Decimal::ZERO), Ok(LIMIT));
        assert_eq!(plus(LIMIT, least), Err(AmountError::TooLarge));
        assert_eq!(plus(LIMIT, -LIMIT), Ok(Decimal::ZERO));
        assert_eq!(plus(Decimal::ZERO, Decimal::new(1, 11)), Err(AmountError::TooLarge));
        let nearly = plus(LIMIT, -least).expect("in range");
        assert_eq!(nearly.to_string(), "99999999999999999.9999999999");
    }
}
