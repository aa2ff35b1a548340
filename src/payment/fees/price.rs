//! The price of a capture.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::explain::Notes;
use super::{Accrual, AccrualKey, CaptureFee, Charge, Component, FeeError, Inputs, Part, minus, vat};
use crate::money::AmountError;
use crate::settings::{FeeSchedule, Percentage, Price, Rates, Tier, VatRate};

/// What a capture is charged by the version of a schedule that is in force on its day. `accrual_of` says where an accrual
/// stands before the capture; it is asked only where the scope is wider than one item, and once for a component that is not
/// nothing. The caller keeps what [`CaptureFee::accrued`] says.
pub fn capture_fee(
    schedule: &FeeSchedule,
    inputs: &Inputs<'_>,
    accrual_of: &mut dyn FnMut(&AccrualKey) -> Accrual,
) -> Result<CaptureFee, FeeError> {
    Pricing { schedule, inputs }.fee(accrual_of, &mut Notes::none())
}

/// One capture on its way to its price. Notes are taken for an explanation only.
pub(super) struct Pricing<'a> {
    pub(super) schedule: &'a FeeSchedule,
    pub(super) inputs: &'a Inputs<'a>,
}

impl Pricing<'_> {
    pub(super) fn fee(
        &self,
        accrual_of: &mut dyn FnMut(&AccrualKey) -> Accrual,
        notes: &mut Notes<'_>,
    ) -> Result<CaptureFee, FeeError> {
        let (price, rates) = self.choose(notes)?;
        let costs_vat = || vat::rate_on(self.schedule.vat.costs.as_ref(), self.inputs.day);
        let passes_costs = price.passes_costs.then(costs_vat).transpose()?;
        let period = self.schedule.period(self.inputs.day);
        let exact = self.percentage(&rates.percentage, notes)?;
        let rounded = match period {
            None => Decimal::from(self.schedule.rounding.round(exact)?),
            Some(_) => exact,
        };
        notes.priced(self, exact, rounded, rates);
        let percentage = clamped(rounded, rates)?;
        notes.clamped(self, rounded, percentage, rates);
        let parts = [
            self.part(Component::Percentage, percentage, period, accrual_of, notes)?,
            self.part(Component::Fixed, rates.fixed, period, accrual_of, notes)?,
        ];
        Ok(CaptureFee {
            parts,
            policy: self.schedule.returned_on_refund,
            passes_costs,
        })
    }

    /// The first price that fits. It may not price the currency; then the capture has no price, and no later one is tried.
    fn choose(&self, notes: &mut Notes<'_>) -> Result<(&Price, &Rates), FeeError> {
        let Inputs {
            gross,
            method,
            scheme,
            card_country,
            ..
        } = *self.inputs;
        let currency = gross.currency();
        let place = self
            .schedule
            .prices
            .iter()
            .position(|price| price.fits.fits(currency, method, scheme, card_country));
        let price = place.and_then(|place| self.schedule.prices.get(place));
        let Some((place, price)) = place.zip(price) else {
            let schedule = Arc::clone(&self.schedule.name);
            return Err(FeeError::NoPriceFits { schedule, currency });
        };
        let Some(rates) = price.rates.get(&currency) else {
            let schedule = Arc::clone(&self.schedule.name);
            return Err(FeeError::NotPriced { schedule, currency });
        };
        notes.chosen(self, place, price);
        Ok((price, rates))
    }

    /// The exact percentage. No product is rounded: a gross has at most 19 digits, and a rate 8 decimals.
    fn percentage(&self, percentage: &Percentage, notes: &mut Notes<'_>) -> Result<Decimal, AmountError> {
        let gross = self.inputs.gross.minor();
        match percentage {
            Percentage::Flat(rate) => {
                notes.rate(self, *rate);
                share(gross, *rate)
            }
            Percentage::Tiered(tiers) => {
                let reached = tiers.iter().rev().find(|tier| tier.from <= gross).or(tiers.first());
                reached.map_or(Ok(Decimal::ZERO), |tier| {
                    notes.tier(self, tier);
                    share(gross, tier.rate)
                })
            }
            Percentage::Interval(tiers) => self.slices(tiers, notes),
        }
    }

    fn slices(&self, tiers: &[Tier], notes: &mut Notes<'_>) -> Result<Decimal, AmountError> {
        let gross = self.inputs.gross.minor();
        let mut sum = Decimal::ZERO;
        for (place, tier) in tiers.iter().enumerate() {
            if tier.from >= gross {
                break;
            }
            let next = tiers.get(place.saturating_add(1));
            let end = next.map_or(gross, |next| next.from.min(gross));
            let slice = minus(end, tier.from)?;
            let part = share(slice, tier.rate)?;
            notes.slice(self, tier, slice, part);
            sum = sum.checked_add(part).ok_or(AmountError::TooLarge)?;
        }
        Ok(sum)
    }

    fn part(
        &self,
        component: Component,
        exact: Decimal,
        period: Option<NaiveDate>,
        accrual_of: &mut dyn FnMut(&AccrualKey) -> Accrual,
        notes: &mut Notes<'_>,
    ) -> Result<Part, FeeError> {
        let (account, rounding) = (component.account(), self.schedule.rounding);
        if exact.is_zero() {
            let charge = Charge::nothing(account);
            let accrued = None;
            return Ok(Part { charge, accrued });
        }
        let rate = component.vat_rate(self.schedule, self.inputs.day)?;
        let Some(period) = period else {
            let charge = vat::charge(account, rounding.round(exact)?, rate)?;
            notes.taxed(self, component, charge, rate);
            let accrued = None;
            return Ok(Part { charge, accrued });
        };
        let key = AccrualKey::new(self.schedule, component, self.inputs.gross.currency(), period, rate);
        let before = accrual_of(&key);
        let (accrued, after) = key.moved(before, exact, rounding)?;
        let charge = accrued.charge(account)?;
        notes.accrued(self, component, before, after);
        notes.taxed(self, component, charge, rate);
        let accrued = Some((accrued, after));
        Ok(Part { charge, accrued })
    }
}

impl Component {
    /// The VAT that it carries on a day.
    pub fn vat_rate(self, schedule: &FeeSchedule, day: NaiveDate) -> Result<VatRate, FeeError> {
        let class = match self {
            Self::Percentage => &schedule.vat.percentage,
            Self::Fixed => &schedule.vat.fixed,
        };
        vat::rate_on(class.as_ref(), day)
    }
}

fn share(amount: i64, rate: Decimal) -> Result<Decimal, AmountError> {
    Decimal::from(amount).checked_mul(rate).ok_or(AmountError::TooLarge)
}

/// The percentage that brings both parts together to what minimum and cap allow. A cap is never below the fixed part, so the
/// percentage is never below zero.
fn clamped(percentage: Decimal, rates: &Rates) -> Result<Decimal, AmountError> {
    let total = percentage.checked_add(rates.fixed).ok_or(AmountError::TooLarge)?;
    let raised = rates.minimum.map_or(total, |minimum| total.max(minimum));
    let bounded = rates.cap.map_or(raised, |cap| raised.min(cap));
    if bounded == total {
        return Ok(percentage);
    }
    bounded.checked_sub(rates.fixed).ok_or(AmountError::TooLarge)
}
