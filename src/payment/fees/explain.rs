//! The steps of a price in words, taken down by the code that prices.

use rust_decimal::Decimal;

use super::price::Pricing;
use super::{Accrual, AccrualKey, CaptureFee, Charge, Component, FeeError, Inputs};
use crate::money::{Currency, Money, Rounding};
use crate::settings::{FeeSchedule, Filter, Percentage, Price, Rates, Scope, Tier, VatRate};

/// One step from a capture to its fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is about: schedule, price, percentage, fixed, minimum, cap, accrual, vat.
    pub about: &'static str,
    /// The arithmetic, amounts in major units.
    pub text: String,
}

/// As [`super::capture_fee`], with the steps.
pub fn explain(
    schedule: &FeeSchedule,
    inputs: &Inputs<'_>,
    accrual_of: &mut dyn FnMut(&AccrualKey) -> Accrual,
) -> Result<(CaptureFee, Vec<Step>), FeeError> {
    let mut steps = Vec::new();
    let fee = Pricing { schedule, inputs }.fee(accrual_of, &mut Notes(Some(&mut steps)))?;
    Ok((fee, steps))
}

/// Where steps are taken down, if anybody wants them.
pub(super) struct Notes<'n>(Option<&'n mut Vec<Step>>);

impl Notes<'_> {
    pub(super) fn none() -> Self {
        Self(None)
    }

    fn note(&mut self, about: &'static str, text: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.0 {
            let text = text();
            steps.push(Step { about, text });
        }
    }

    pub(super) fn chosen(&mut self, pricing: &Pricing<'_>, place: usize, price: &Price) {
        let schedule = pricing.schedule;
        self.note("schedule", || {
            let name = &schedule.name;
            let since = schedule
                .effective_from
                .map_or_else(String::new, |day| format!(", in force from {day}"));
            let until = schedule
                .until
                .map_or_else(String::new, |day| format!(" until before {day}"));
            let scope = scope_words(schedule.scope);
            format!("`{name}`{since}{until}; rounding {}, {scope}", schedule.rounding.name())
        });
        self.note("price", || {
            let (number, count) = (place.saturating_add(1), schedule.prices.len());
            let filter = filter_words(&price.fits);
            let costs = if price.passes_costs {
                "; interchange and scheme fee are passed on"
            } else {
                ""
            };
            format!("{number} of {count}: {filter}{costs}")
        });
    }

    pub(super) fn rate(&mut self, pricing: &Pricing<'_>, rate: Decimal) {
        self.note("percentage", || {
            let gross = pricing.inputs.gross;
            format!("{} % of {gross}", percent(rate))
        });
    }

    pub(super) fn tier(&mut self, pricing: &Pricing<'_>, tier: &Tier) {
        self.note("percentage", || {
            let gross = pricing.inputs.gross;
            let from = Money::from_minor(tier.from, gross.currency());
            format!(
                "{} % of all of {gross}, which reaches the tier from {from}",
                percent(tier.rate)
            )
        });
    }

    pub(super) fn slice(&mut self, pricing: &Pricing<'_>, tier: &Tier, slice: i64, part: Decimal) {
        self.note("percentage", || {
            let currency = pricing.inputs.gross.currency();
            let money = |minor| Money::from_minor(minor, currency);
            let (slice, from) = (money(slice), money(tier.from));
            let part = text(part, currency);
            format!("{} % of {slice}, the slice from {from}: {part}", percent(tier.rate))
        });
    }

    pub(super) fn priced(&mut self, pricing: &Pricing<'_>, exact: Decimal, rounded: Decimal, rates: &Rates) {
        let currency = pricing.inputs.gross.currency();
        self.note("percentage", || {
            let sum = match rates.percentage {
                Percentage::Interval(_) => "the slices together are ",
                Percentage::Flat(_) | Percentage::Tiered(_) => "is ",
            };
            let exact_text = text(exact, currency);
            if exact == rounded {
                return format!("{sum}{exact_text}");
            }
            let (rounded, rounding) = (text(rounded, currency), pricing.schedule.rounding.name());
            format!("{sum}{exact_text}, rounded {rounding} to {rounded}")
        });
        self.note("fixed", || text(rates.fixed, currency));
    }

    pub(super) fn clamped(&mut self, pricing: &Pricing<'_>, before: Decimal, after: Decimal, rates: &Rates) {
        let currency = pricing.inputs.gross.currency();
        let (about, bound, how) = if after > before {
            ("minimum", rates.minimum, "below the minimum")
        } else {
            ("cap", rates.cap, "above the cap")
        };
        let Some(bound) = bound.filter(|_| before != after) else {
            return;
        };
        self.note(about, || {
            let total = before.checked_add(rates.fixed).unwrap_or(before);
            let (total, bound, after) = (text(total, currency), text(bound, currency), text(after, currency));
            format!("{total} is {how} {bound}: the percentage becomes {after}")
        });
    }

    pub(super) fn accrued(&mut self, pricing: &Pricing<'_>, component: Component, before: Accrual, after: Accrual) {
        let currency = pricing.inputs.gross.currency();
        self.note("accrual", || {
            let exact = |accrual: Accrual| text(accrual.exact, currency);
            let posted = |accrual: Accrual| Money::from_minor(accrual.posted, currency);
            format!(
                "{}: the exact sum grows from {} to {}, what is posted from {} to {}",
                component.name(),
                exact(before),
                exact(after),
                posted(before),
                posted(after)
            )
        });
    }

    pub(super) fn taxed(&mut self, pricing: &Pricing<'_>, component: Component, charge: Charge, rate: VatRate) {
        let money = |minor| Money::from_minor(minor, pricing.inputs.gross.currency());
        self.note("vat", || {
            let (name, amount, vat) = (component.name(), money(charge.amount), money(charge.vat));
            format!("{name}: {amount} and VAT {vat} ({})", vat_words(rate))
        });
    }
}

/// An amount of minor units with a fraction, in major units with all decimals of the currency.
fn text(minor: Decimal, currency: Currency) -> String {
    let exponent = u32::from(currency.exponent());
    let normal = minor.normalize();
    let places = normal.scale().saturating_add(exponent);
    let major = Decimal::try_from_i128_with_scale(normal.mantissa(), places).unwrap_or(normal);
    format!("{major} {currency}")
}

fn percent(rate: Decimal) -> Decimal {
    rate.checked_mul(Decimal::ONE_HUNDRED).unwrap_or(rate).normalize()
}

fn scope_words(scope: Scope) -> &'static str {
    match scope {
        Scope::Item => "each capture by itself",
        Scope::Batch => "the sum of a booking day",
        Scope::Invoice => "the sum of a calendar month",
        Scope::Contract => "the sum of the whole contract",
    }
}

fn filter_words(filter: &Filter) -> String {
    let currencies: Vec<String> = filter.currencies.iter().map(Currency::to_string).collect();
    let lists = [
        ("method", &filter.methods),
        ("scheme", &filter.schemes),
        ("currency", &currencies),
        ("card country", &filter.card_countries),
    ];
    let words: Vec<String> = lists
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| format!("{name} {}", list.join(" or ")))
        .collect();
    if words.is_empty() {
        "for every capture".to_owned()
    } else {
        format!("for {}", words.join(", "))
    }
}

fn vat_words(rate: VatRate) -> String {
    let rounded = |rounding: Rounding| match rounding {
        Rounding::Down => "rounded down".to_owned(),
        Rounding::Up => "rounded up".to_owned(),
        Rounding::HalfEven | Rounding::HalfUp => format!("rounded {}", rounding.name()),
    };
    match rate {
        VatRate::Exempt => "exempt".to_owned(),
        VatRate::Zero => "zero rate".to_owned(),
        VatRate::Added { rate, rounding } => format!("{} % added, {}", percent(rate), rounded(rounding)),
        VatRate::IncludedFloor { rate } => format!("{} % included, the tax rounded down", percent(rate)),
        VatRate::IncludedDifference { rate } => format!("{} % included, the rest rounded down", percent(rate)),
    }
}
