//! What of a fee goes back to the merchant with a refund.
//!
//! In proportion, and cumulatively: after each refund what was returned is `round(returnable x refunded / captured)`, so the
//! returns of any sequence of partial refunds add up to the whole. The rounding is half-even.
//!
//! A fee that was added up before it was rounded goes back the same way, exactly: out of the accrual that it went into. What
//! the merchant gets is what the rounded sum shrinks by.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::accrual::DECIMALS;
use super::price::Pricing;
use super::{Accrual, AccrualKey, Component, FeeError, Part, minus, plus};
use crate::money::{AmountError, Currency};
use crate::settings::FeeSchedule;

/// What refunds may give back of a capture, by the policy of its schedule. A payment keeps the sum over its captures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returnable {
    /// Revenue that was rounded by itself, minor units.
    pub fee: i64,
    /// Its VAT.
    pub vat: i64,
    /// Exact percentages that went into an accrual.
    pub exact_percentage: Decimal,
    /// Exact fixed parts that went into an accrual.
    pub exact_fixed: Decimal,
    /// The schedule and the booking date by which that accrual is found again. Of several captures, those of the last.
    pub accrued_by: Option<(Arc<str>, NaiveDate)>,
}

/// What refunds have given back of a payment's [`Returnable`] so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Returned {
    /// Of [`Returnable::fee`].
    pub fee: i64,
    /// Of [`Returnable::vat`].
    pub vat: i64,
    /// Of [`Returnable::exact_percentage`].
    pub exact_percentage: Decimal,
    /// Of [`Returnable::exact_fixed`].
    pub exact_fixed: Decimal,
}

/// What one refund gives back.
#[derive(Debug, Clone, PartialEq)]
pub struct FeeReturn {
    /// Revenue for account 4090, whole minor units: positive where the merchant gets it.
    pub fee: i64,
    /// VAT out of account 2300, likewise.
    pub vat: i64,
    /// What the payment keeps.
    pub returned: Returned,
    accrued: [Option<(AccrualKey, Accrual)>; 2],
}

impl FeeReturn {
    /// The accruals that moved, as they are now.
    pub fn accrued(&self) -> impl Iterator<Item = &(AccrualKey, Accrual)> {
        self.accrued.iter().flatten()
    }
}

impl Returnable {
    /// Whether no refund gives anything back.
    pub fn is_nothing(&self) -> bool {
        self.fee == 0 && self.vat == 0 && self.exact_percentage.is_zero() && self.exact_fixed.is_zero()
    }

    /// The sum with a later capture's.
    pub fn plus(&self, later: &Self) -> Result<Self, AmountError> {
        let exact = |one: Decimal, other: Decimal| one.checked_add(other).ok_or(AmountError::TooLarge);
        Ok(Self {
            fee: plus(self.fee, later.fee)?,
            vat: plus(self.vat, later.vat)?,
            exact_percentage: exact(self.exact_percentage, later.exact_percentage)?,
            exact_fixed: exact(self.exact_fixed, later.exact_fixed)?,
            accrued_by: later.accrued_by.clone().or_else(|| self.accrued_by.clone()),
        })
    }

    /// With a component of a fee.
    pub(super) fn with(
        mut self,
        pricing: &Pricing<'_>,
        component: Component,
        part: &Part,
    ) -> Result<Self, AmountError> {
        if part.accrued.is_none() {
            self.fee = plus(self.fee, part.charge.amount)?;
            self.vat = plus(self.vat, part.charge.vat)?;
            return Ok(self);
        }
        match component {
            Component::Percentage => self.exact_percentage = part.exact,
            Component::Fixed => self.exact_fixed = part.exact,
        }
        self.accrued_by = Some((Arc::clone(&pricing.schedule.name), pricing.inputs.day));
        Ok(self)
    }
}

/// A payment whose refunds have changed, in minor units of its currency.
#[derive(Debug, Clone, Copy)]
pub struct Refunded {
    /// The currency of the payment.
    pub currency: Currency,
    /// Σ captured.
    pub captured: i64,
    /// Σ refunded, the refund in question included, or no longer included if it failed.
    pub refunded: i64,
}

/// What a refund gives back. `schedule` is what [`Returnable::accrued_by`] names, as it was on that day; it is needed only
/// where there is one. Nothing is ever taken from the merchant: if less is returnable than was returned already, nothing is.
pub fn return_fee(
    returnable: &Returnable,
    already: Returned,
    now: Refunded,
    schedule: Option<&FeeSchedule>,
    accrual_of: &mut dyn FnMut(&AccrualKey) -> Accrual,
) -> Result<FeeReturn, FeeError> {
    let target = returnable.after(now)?;
    let target = Returned {
        fee: target.fee.max(already.fee),
        vat: target.vat.max(already.vat),
        exact_percentage: target.exact_percentage.max(already.exact_percentage),
        exact_fixed: target.exact_fixed.max(already.exact_fixed),
    };
    change(returnable, already, target, now.currency, schedule, accrual_of)
}

/// The same for a refund that failed: what had been returned for it is taken back, so the amounts are zero or negative.
pub fn take_back_fee(
    returnable: &Returnable,
    already: Returned,
    now: Refunded,
    schedule: Option<&FeeSchedule>,
    accrual_of: &mut dyn FnMut(&AccrualKey) -> Accrual,
) -> Result<FeeReturn, FeeError> {
    let target = returnable.after(now)?;
    let target = Returned {
        fee: target.fee.min(already.fee),
        vat: target.vat.min(already.vat),
        exact_percentage: target.exact_percentage.min(already.exact_percentage),
        exact_fixed: target.exact_fixed.min(already.exact_fixed),
    };
    change(returnable, already, target, now.currency, schedule, accrual_of)
}

impl Returnable {
    /// What is returned of it in all, after the refunds so far.
    fn after(&self, now: Refunded) -> Result<Returned, AmountError> {
        Ok(Returned {
            fee: proportion(self.fee, now)?,
            vat: proportion(self.vat, now)?,
            exact_percentage: exact_proportion(self.exact_percentage, now)?,
            exact_fixed: exact_proportion(self.exact_fixed, now)?,
        })
    }
}

fn change(
    returnable: &Returnable,
    already: Returned,
    target: Returned,
    currency: Currency,
    schedule: Option<&FeeSchedule>,
    accrual_of: &mut dyn FnMut(&AccrualKey) -> Accrual,
) -> Result<FeeReturn, FeeError> {
    let mut change = FeeReturn {
        fee: minus(target.fee, already.fee)?,
        vat: minus(target.vat, already.vat)?,
        returned: target,
        accrued: [None, None],
    };
    let deltas = [
        (Component::Percentage, already.exact_percentage, target.exact_percentage),
        (Component::Fixed, already.exact_fixed, target.exact_fixed),
    ];
    for (slot, (component, before, after)) in change.accrued.iter_mut().zip(deltas) {
        let delta = before.checked_sub(after).ok_or(AmountError::TooLarge)?;
        if delta.is_zero() {
            continue;
        }
        let Some((name, day)) = &returnable.accrued_by else {
            continue;
        };
        let gone = || FeeError::ScheduleGone {
            schedule: Arc::clone(name),
            day: *day,
        };
        let schedule = schedule.ok_or_else(gone)?;
        let period = schedule.period(*day).ok_or_else(gone)?;
        let rate = component.vat_rate(schedule, *day)?;
        let key = AccrualKey::new(schedule, component, currency, period, rate);
        let before = accrual_of(&key);
        let after = before.plus(delta, schedule.rounding, rate)?;
        // Turned: what the accrual loses is what the merchant gets.
        let back = before.charge_since(after, component.account(), rate)?;
        change.fee = plus(change.fee, back.amount)?;
        change.vat = plus(change.vat, back.vat)?;
        *slot = Some((key, after));
    }
    Ok(change)
}

/// `whole x refunded / captured`, to the nearest minor unit, a half to the even one.
fn proportion(whole: i64, now: Refunded) -> Result<i64, AmountError> {
    let (refunded, captured) = part_of(now);
    let share = || {
        let product = i128::from(whole).checked_mul(refunded)?;
        let down = product.checked_div_euclid(captured)?;
        let twice = product.checked_rem_euclid(captured)?.checked_mul(2)?;
        let odd = down.checked_rem_euclid(2)? == 1;
        let up = twice > captured || (twice == captured && odd);
        down.checked_add(i128::from(up))
    };
    let share = share().ok_or(AmountError::TooLarge)?;
    i64::try_from(share).map_err(|_| AmountError::TooLarge)
}

/// The same exactly, cut off after ten decimals; all of it, once all is refunded.
fn exact_proportion(whole: Decimal, now: Refunded) -> Result<Decimal, AmountError> {
    if whole.is_zero() {
        return Ok(whole);
    }
    let (refunded, captured) = part_of(now);
    let share = || {
        let scale = 10_i128.checked_pow(DECIMALS.checked_sub(whole.scale())?)?;
        let parts = whole.mantissa().checked_mul(scale)?;
        // Quotient and remainder apart: the product of both numbers would not fit.
        let (per, rest) = (parts.checked_div(captured)?, parts.checked_rem(captured)?);
        let of_rest = rest.checked_mul(refunded)?.checked_div(captured)?;
        let share = per.checked_mul(refunded)?.checked_add(of_rest)?;
        Decimal::try_from_i128_with_scale(share, DECIMALS).ok()
    };
    Ok(share().ok_or(AmountError::TooLarge)?.normalize())
}

/// Refunds never pass captures; a payment without captures has nothing to give back.
fn part_of(now: Refunded) -> (i128, i128) {
    let captured = i128::from(now.captured.max(1));
    (i128::from(now.refunded).clamp(0, captured), captured)
}
