//! Fees worked out a second time, another way: for audits, which compare both.
//!
//! Everything is an integer of ten-billionths of a minor unit, sliced tiers are sums of differences of rates, and no
//! arithmetic is shared with what priced the capture in the first place.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::Inputs;
use crate::money::Rounding;
use crate::settings::{FeeSchedule, Percentage, Rates, VatClass, VatRate};

/// How many parts a minor unit has.
pub const PARTS: i128 = 10_000_000_000;

/// The fee of a capture in parts of a minor unit. Under scope `item` both are whole minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recomputed {
    /// The percentage.
    pub percentage: RecomputedPart,
    /// The fixed part.
    pub fixed: RecomputedPart,
    /// Where its accrual begins; none where the fee was rounded by itself.
    pub period: Option<NaiveDate>,
    /// The VAT of interchange and scheme fee, where they are passed on.
    pub costs: Option<VatRate>,
}

/// One component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecomputedPart {
    /// Parts of a minor unit.
    pub exact: i128,
    /// Its VAT on the day of the capture.
    pub vat: VatRate,
}

/// What a component, or the sum of an accrual, should have been posted as, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The rounded price. Where VAT is included, so is it here.
    pub price: i64,
    /// Revenue without VAT.
    pub amount: i64,
    /// VAT.
    pub vat: i64,
}

/// The fee of a capture; none where the schedule has no price for it, or numbers are out of range.
pub fn recompute(schedule: &FeeSchedule, inputs: &Inputs<'_>) -> Option<Recomputed> {
    let currency = inputs.gross.currency();
    let mut prices = schedule.prices.iter();
    let price = prices.find(|price| {
        let listed = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|one| one == value))
        };
        listed(&price.fits.methods, inputs.method)
            && listed(&price.fits.schemes, inputs.scheme)
            && listed(&price.fits.card_countries, inputs.card_country)
            && (price.fits.currencies.is_empty() || price.fits.currencies.contains(&currency))
    })?;
    let rates = price.rates.get(&currency)?;
    let period = schedule.period(inputs.day);
    let mut percentage = percentage(rates, i128::from(inputs.gross.minor()))?;
    if period.is_none() {
        percentage = whole(percentage, schedule.rounding)?.checked_mul(PARTS)?;
    }
    let fixed = parts(rates.fixed)?;
    let least = rates.minimum.map_or(Some(i128::MIN), parts)?;
    let most = rates.cap.map_or(Some(i128::MAX), parts)?;
    let total = percentage.checked_add(fixed)?;
    let bounded = if total < least { least } else { total };
    let bounded = if bounded > most { most } else { bounded };
    let vat = |class: &Option<std::sync::Arc<VatClass>>| match class {
        None => Some(VatRate::Exempt),
        Some(class) => class.on(inputs.day),
    };
    let part = |exact, class| {
        let vat = vat(class)?;
        Some(RecomputedPart { exact, vat })
    };
    let costs = if price.passes_costs {
        Some(vat(&schedule.vat.costs)?)
    } else {
        None
    };
    Some(Recomputed {
        percentage: part(bounded.checked_sub(fixed)?, &schedule.vat.percentage)?,
        fixed: part(fixed, &schedule.vat.fixed)?,
        period,
        costs,
    })
}

/// What a sum should have been posted as, all of it: a fee that was rounded by itself, or an accrual.
pub fn posting(exact: i128, rounding: Rounding, vat: VatRate) -> Option<Posting> {
    let price = whole(exact, rounding)?;
    let (tax, included) = match vat {
        VatRate::Exempt | VatRate::Zero => (0, false),
        VatRate::Added { rate, rounding } => (whole(price.checked_mul(parts(rate)?)?, rounding)?, false),
        VatRate::IncludedFloor { rate } => {
            let rate = parts(rate)?;
            (toward_zero(price.checked_mul(rate)?, PARTS.checked_add(rate)?)?, true)
        }
        VatRate::IncludedDifference { rate } => {
            let rest = toward_zero(price.checked_mul(PARTS)?, PARTS.checked_add(parts(rate)?)?)?;
            (price.checked_sub(rest)?, true)
        }
    };
    let amount = if included { price.checked_sub(tax)? } else { price };
    Some(Posting {
        price: i64::try_from(price).ok()?,
        amount: i64::try_from(amount).ok()?,
        vat: i64::try_from(tax).ok()?,
    })
}

/// What refunds should have given back of a fee in all: the nearest whole number, of two the even one.
pub fn returned(fee: i64, captured: i64, refunded: i64) -> Option<i64> {
    let (captured, refunded) = (i128::from(captured.max(1)), i128::from(refunded));
    let exact = i128::from(fee).checked_mul(refunded)?;
    // Half up, then down again from a half if that was odd.
    let doubled = exact.checked_mul(2)?.checked_add(captured)?;
    let up = doubled.div_euclid(captured.checked_mul(2)?);
    let tie = doubled.rem_euclid(captured.checked_mul(2)?) == 0;
    let nearest = if tie && up.rem_euclid(2) == 1 {
        up.checked_sub(1)?
    } else {
        up
    };
    i64::try_from(nearest).ok()
}

/// What refunds should have taken out of an accrual in all, in parts of a minor unit, cut off.
pub fn returned_parts(exact: i128, captured: i64, refunded: i64) -> Option<i128> {
    let (captured, refunded) = (i128::from(captured.max(1)), refunded.max(0));
    // By doubling: exact x refunded / captured, one binary digit of the refund after the other.
    let (once, rest_once) = (exact.checked_div(captured)?, exact.checked_rem(captured)?);
    let (mut quotient, mut rest) = (0_i128, 0_i128);
    for digit in (0..i64::BITS).rev() {
        quotient = quotient.checked_mul(2)?;
        rest = rest.checked_mul(2)?;
        if refunded.checked_shr(digit)? & 1 == 1 {
            quotient = quotient.checked_add(once)?;
            rest = rest.checked_add(rest_once)?;
        }
        quotient = quotient.checked_add(rest.checked_div(captured)?)?;
        rest = rest.checked_rem(captured)?;
    }
    Some(quotient)
}

/// An amount, or a rate, in ten-billionths; none where it has more decimals.
pub fn parts(decimal: Decimal) -> Option<i128> {
    let missing = 10_u32.checked_sub(decimal.scale())?;
    decimal.mantissa().checked_mul(10_i128.checked_pow(missing)?)
}

fn percentage(rates: &Rates, gross: i128) -> Option<i128> {
    let (tiers, sliced) = match &rates.percentage {
        Percentage::Flat(rate) => return gross.checked_mul(parts(*rate)?),
        Percentage::Tiered(tiers) => (tiers, false),
        Percentage::Interval(tiers) => (tiers, true),
    };
    // What lies above a tier's start pays the difference to the rate before; of tiers that are not sliced, all of it does.
    let (mut sum, mut rate_before) = (0_i128, 0_i128);
    for tier in tiers {
        let (from, rate) = (i128::from(tier.from), parts(tier.rate)?);
        if gross >= from {
            let paying = if sliced { gross.checked_sub(from)? } else { gross };
            sum = sum.checked_add(paying.checked_mul(rate.checked_sub(rate_before)?)?)?;
        }
        rate_before = rate;
    }
    Some(sum)
}

/// Whole minor units.
fn whole(exact: i128, rounding: Rounding) -> Option<i128> {
    let (below, over) = (exact.div_euclid(PARTS), exact.rem_euclid(PARTS));
    let half = PARTS.checked_div(2)?;
    let up = match rounding {
        Rounding::Down => exact < 0 && over > 0,
        Rounding::Up => exact > 0 && over > 0,
        Rounding::HalfUp => over > half || (over == half && exact > 0),
        Rounding::HalfEven => over > half || (over == half && below.rem_euclid(2) == 1),
    };
    below.checked_add(i128::from(up))
}

fn toward_zero(product: i128, by: i128) -> Option<i128> {
    let magnitude = product.checked_abs()?.checked_div_euclid(by)?;
    Some(if product < 0 {
        magnitude.checked_neg()?
    } else {
        magnitude
    })
}
