//! What merchants pay: the contracts of the world, and what they come to, in integers.
//!
//! Rates are millionths of the gross, amounts of a price are millionths of a minor unit, so every exact fee is a whole number of
//! them. A fee that is added up before it is rounded is kept in finer parts ([`PARTS`] of a minor unit), because a part of it may
//! go back.

use chrono::{Datelike, NaiveDate};

use super::world::{CURRENCIES, Terms};
use super::{SimulateError, minus, plus};

/// Millionths.
pub const MILLION: i64 = 1_000_000;
/// Parts of a minor unit in which fees are added up.
pub const PARTS: i128 = 10_000_000_000;

/// How a fraction of a minor unit becomes a whole one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, a half to the even one.
    HalfEven,
    /// To the nearest, a half up.
    HalfUp,
    /// It is dropped.
    Down,
}

impl Rounding {
    /// As settings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HalfEven => "half_even",
            Self::HalfUp => "half_up",
            Self::Down => "down",
        }
    }
}

/// Over what fees are added up before they are rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Each by itself.
    Item,
    /// Those of a day.
    Batch,
    /// Those of a month.
    Invoice,
    /// All.
    Contract,
}

impl Scope {
    /// As settings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Batch => "batch",
            Self::Invoice => "invoice",
            Self::Contract => "contract",
        }
    }

    /// What tells the sums of one day from those of another; none where each fee is rounded by itself.
    pub fn period(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Item => None,
            Self::Batch => Some(day),
            Self::Invoice => Some(day.with_day(1).unwrap_or(day)),
            Self::Contract => Some(NaiveDate::default()),
        }
    }
}

/// What of a fee goes back with a refund.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// Nothing.
    Nothing,
    /// The percentage.
    Percentage,
    /// The fixed part too.
    All,
}

impl Returned {
    /// As settings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Percentage => "percentage",
            Self::All => "all",
        }
    }

    /// Whether it is so of the percentage (0) or the fixed part (1).
    pub fn includes(self, component: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::Percentage => component == 0,
            Self::All => true,
        }
    }
}

/// The VAT of a fee.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Vat {
    /// There is none.
    Exempt,
    /// 10 % on top, rounded down.
    Added,
    /// A tenth of what is without it, contained in the fee: an eleventh of it, rounded down.
    Included,
}

impl Vat {
    /// The class of settings, where there is one.
    pub fn class(self) -> Option<&'static str> {
        match self {
            Self::Exempt => None,
            Self::Added => Some("kr"),
            Self::Included => Some("kr-inside"),
        }
    }

    /// The tax of a price.
    pub fn of(self, price: i64) -> i64 {
        match self {
            Self::Exempt => 0,
            Self::Added => price.checked_div(10).unwrap_or(0),
            Self::Included => price.checked_div(11).unwrap_or(0),
        }
    }

    /// What of a price is revenue, once its tax is known.
    pub fn revenue(self, price: i64, tax: i64) -> i64 {
        match self {
            Self::Exempt | Self::Added => price,
            Self::Included => price.saturating_sub(tax),
        }
    }
}

/// The part of a price that grows with the gross, in millionths of it.
pub enum Rate {
    /// One rate.
    Flat(i64),
    /// The rate of the tier that the gross reaches: by the euros from which on it is reached.
    Tiered(&'static [(i64, i64)]),
    /// Each slice at its own rate.
    Interval(&'static [(i64, i64)]),
}

/// The part of a price that does not, in millionths of a minor unit.
#[derive(Clone, Copy)]
pub enum Fixed {
    /// As the currency has it for most merchants.
    Standard,
    /// As it has it for small payments.
    Micro,
    /// The same fraction of a minor unit, whatever the currency.
    Fine(i64),
}

impl Fixed {
    /// In a currency.
    pub fn of(self, terms: &Terms) -> i64 {
        match self {
            Self::Standard => terms.standard_fixed.saturating_mul(MILLION),
            Self::Micro => terms.micro_fixed.saturating_mul(MILLION),
            Self::Fine(parts) => parts,
        }
    }
}

/// What captures of some kind are charged.
pub struct Price {
    /// The method that they are paid by; any, where there is none.
    pub method: Option<&'static str>,
    /// The countries of their cards; any, where there are none.
    pub countries: &'static [&'static str],
    /// What grows with the gross.
    pub rate: Rate,
    /// What does not.
    pub fixed: Fixed,
    /// The least and the most that both may be together: so many times the fixed part.
    pub bounds: Option<(i64, i64)>,
}

/// What is charged for what happens beside captures: thousandths of the standard fixed part.
pub struct EventPrices {
    /// An authorization.
    pub authorization: i64,
    /// A refund.
    pub refund: i64,
    /// A chargeback.
    pub dispute: i64,
    /// A payout.
    pub payout: i64,
}

/// A contract with merchants.
pub struct Schedule {
    /// As settings name it.
    pub name: &'static str,
    /// How fractions are rounded.
    pub rounding: Rounding,
    /// Over what.
    pub scope: Scope,
    /// What refunds give back.
    pub returned: Returned,
    /// The tax of all of it.
    pub vat: Vat,
    /// Fees for other events.
    pub events: Option<EventPrices>,
    /// What an advance costs, in millionths of it.
    pub advance: i64,
    /// What the fees of a month must come to, in euros, in each currency of [`MINIMUM_IN`].
    pub minimum: Option<i64>,
    /// Whether the fee of a dispute goes back when it is won.
    pub won_back: bool,
    /// Whether interchange and scheme fees are the merchant's too.
    pub passes_costs: bool,
    /// The first that fits is the price.
    pub prices: &'static [Price],
    /// What it was before the simulated day, where it was another.
    pub earlier: Option<&'static [Price]>,
}

const fn flat(rate: i64, fixed: Fixed) -> Price {
    Price {
        method: None,
        countries: &[],
        rate: Rate::Flat(rate),
        fixed,
        bounds: None,
    }
}

const fn blended(name: &'static str, prices: &'static [Price]) -> Schedule {
    Schedule {
        name,
        rounding: Rounding::HalfEven,
        scope: Scope::Item,
        returned: Returned::Nothing,
        vat: Vat::Exempt,
        events: None,
        advance: 0,
        minimum: None,
        won_back: false,
        passes_costs: false,
        prices,
        earlier: None,
    }
}

/// The currencies that monthly minimums are promised in, places in [`CURRENCIES`].
pub const MINIMUM_IN: [usize; 2] = [0, 5];

/// The place of the contract of most merchants in [`SCHEDULES`].
pub const STANDARD: usize = 0;
/// The place of that of merchants that sell for cents.
pub const MICRO: usize = 1;
/// The place of theirs where fees are parts of minor units.
pub const FINE: usize = 2;
/// The place of the one that is over on the settlement file's day: the last one.
pub const ENDED: usize = 10;
/// The contracts that a world of plain cards has: the first ones.
pub const PLAIN_SCHEDULES: usize = 2;

/// The contracts.
pub const SCHEDULES: [Schedule; 11] = [
    blended("standard", &[flat(29_000, Fixed::Standard)]),
    blended("micro", &[flat(50_000, Fixed::Micro)]),
    Schedule {
        scope: Scope::Contract,
        returned: Returned::All,
        ..blended("fine", &[flat(9000, Fixed::Fine(300_000))])
    },
    Schedule {
        rounding: Rounding::HalfUp,
        advance: 7500,
        earlier: Some(&[flat(21_000, Fixed::Standard)]),
        ..blended(
            "capped",
            &[Price {
                bounds: Some((3, 12)),
                ..flat(19_000, Fixed::Standard)
            }],
        )
    },
    blended(
        "tiered",
        &[Price {
            rate: Rate::Tiered(&[(0, 34_000), (50, 27_500), (150, 21_000)]),
            ..flat(0, Fixed::Micro)
        }],
    ),
    Schedule {
        rounding: Rounding::Down,
        returned: Returned::All,
        vat: Vat::Added,
        ..blended(
            "interval",
            &[Price {
                rate: Rate::Interval(&[(0, 29_000), (20, 24_000), (100, 12_300)]),
                ..flat(0, Fixed::Standard)
            }],
        )
    },
    Schedule {
        returned: Returned::Percentage,
        vat: Vat::Added,
        events: Some(EventPrices {
            authorization: 100,
            refund: 500,
            dispute: 50_000,
            payout: 2000,
        }),
        won_back: true,
        ..blended("taxed", &[flat(25_000, Fixed::Standard)])
    },
    Schedule {
        scope: Scope::Invoice,
        returned: Returned::All,
        vat: Vat::Added,
        minimum: Some(15),
        ..blended("monthly", &[flat(12_345, Fixed::Fine(7_400_000))])
    },
    Schedule {
        vat: Vat::Included,
        scope: Scope::Batch,
        returned: Returned::Percentage,
        events: Some(EventPrices {
            authorization: 0,
            refund: 0,
            dispute: 30_000,
            payout: 1000,
        }),
        ..blended(
            "methods",
            &[
                Price {
                    method: Some("card"),
                    countries: &["DE", "FR", "KR"],
                    bounds: Some((2, 30)),
                    ..flat(8500, Fixed::Micro)
                },
                Price {
                    method: Some("wallet"),
                    ..flat(31_000, Fixed::Fine(4_250_000))
                },
                flat(27_000, Fixed::Standard),
            ],
        )
    },
    Schedule {
        passes_costs: true,
        advance: 12_345,
        ..blended("passed-on", &[flat(4000, Fixed::Micro)])
    },
    Schedule {
        vat: Vat::Added,
        events: Some(EventPrices {
            authorization: 0,
            refund: 0,
            dispute: 40_000,
            payout: 0,
        }),
        ..blended("ended", &[flat(15_000, Fixed::Standard)])
    },
];

/// How a payment is paid, as far as prices go by it.
#[derive(Clone, Copy, Default)]
pub struct Instrument {
    /// Card, wallet, carrier.
    pub method: Option<&'static str>,
    /// Where the card comes from.
    pub country: Option<&'static str>,
}

impl Price {
    fn fits(&self, instrument: Instrument) -> bool {
        let method = self.method.is_none_or(|method| instrument.method == Some(method));
        let country = instrument
            .country
            .is_some_and(|country| self.countries.contains(&country));
        method && (self.countries.is_empty() || country)
    }

    /// The least and the most of both parts, in millionths of a minor unit.
    pub fn bounds(&self, terms: &Terms) -> Option<(i64, i64)> {
        let fixed = self.fixed.of(terms);
        let times = |times: i64| fixed.saturating_mul(times);
        self.bounds.map(|(least, most)| (times(least), times(most)))
    }
}

/// From how many minor units on a tier that begins at so many euros is reached.
pub fn tier_begins(euros: i64, terms: &Terms) -> i64 {
    euros.saturating_mul(terms.euro)
}

impl Schedule {
    /// The prices of a day, the simulated one being `today`.
    fn prices_on(&self, day: NaiveDate, today: NaiveDate) -> &'static [Price] {
        match self.earlier {
            Some(earlier) if day < today => earlier,
            Some(_) | None => self.prices,
        }
    }

    /// The percentage and the fixed part of a capture, in millionths of a minor unit; whole ones of those that are rounded each
    /// by itself.
    pub fn exact(
        &self,
        (day, today): (NaiveDate, NaiveDate),
        instrument: Instrument,
        currency: usize,
        gross: i64,
    ) -> Result<[i64; 2], SimulateError> {
        let terms = &CURRENCIES[currency];
        let prices = self.prices_on(day, today);
        // The last price fits every capture.
        let price = prices.iter().find(|price| price.fits(instrument)).unwrap_or(&prices[0]);
        let share = |amount: i64, rate: i64| amount.checked_mul(rate).ok_or(SimulateError::TooLarge);
        let mut percentage = match price.rate {
            Rate::Flat(rate) => share(gross, rate)?,
            Rate::Tiered(tiers) => {
                let reached = tiers.iter().rev().find(|(from, _)| tier_begins(*from, terms) <= gross);
                share(gross, reached.map_or(0, |(_, rate)| *rate))?
            }
            Rate::Interval(tiers) => {
                let mut sum = 0;
                for (place, &(from, rate)) in tiers.iter().enumerate() {
                    let from = tier_begins(from, terms);
                    let next = tiers.get(place.saturating_add(1));
                    let to = next.map_or(gross, |(next, _)| tier_begins(*next, terms).min(gross));
                    sum = plus(sum, share(to.saturating_sub(from).max(0), rate)?)?;
                }
                sum
            }
        };
        if self.scope == Scope::Item {
            let whole = round(i128::from(percentage), i128::from(MILLION), self.rounding)?;
            percentage = whole.checked_mul(MILLION).ok_or(SimulateError::TooLarge)?;
        }
        let fixed = price.fixed.of(terms);
        if let Some((least, most)) = price.bounds(terms) {
            let both = plus(percentage, fixed)?.clamp(least, most);
            percentage = minus(both, fixed)?;
        }
        Ok([percentage, fixed])
    }
}

/// What a capture costs by the contract of most merchants, minor units.
pub fn standard_fee(currency: usize, gross: i64) -> i64 {
    let day = NaiveDate::default();
    let exact = SCHEDULES[STANDARD].exact((day, day), Instrument::default(), currency, gross);
    let [percentage, fixed] = exact.unwrap_or_default();
    percentage.saturating_add(fixed).div_euclid(MILLION)
}

/// The fee of an event that costs so many thousandths of the standard fixed part.
pub fn event_price(thousandths: i64, currency: usize) -> i64 {
    let fixed = CURRENCIES[currency].standard_fixed;
    fixed.saturating_mul(thousandths).div_euclid(1000)
}

/// So many parts of a unit as whole units.
pub fn round(parts: i128, unit: i128, rounding: Rounding) -> Result<i64, SimulateError> {
    let size = parts.checked_abs().ok_or(SimulateError::TooLarge)?;
    let (whole, rest) = (size.checked_div(unit), size.checked_rem(unit));
    let (Some(whole), Some(rest)) = (whole, rest) else {
        return Err(SimulateError::TooLarge);
    };
    let twice = rest.saturating_mul(2);
    let up = match rounding {
        Rounding::HalfEven => twice > unit || (twice == unit && whole.rem_euclid(2) == 1),
        Rounding::HalfUp => twice >= unit,
        Rounding::Down => false,
    };
    let rounded = whole.saturating_add(i128::from(up)).saturating_mul(parts.signum());
    i64::try_from(rounded).map_err(|_| SimulateError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schedule: &str, instrument: Instrument, (currency, gross): (usize, i64), expected: [i64; 2]) {
        let schedule = SCHEDULES
            .iter()
            .find(|known| known.name == schedule)
            .expect("a schedule");
        let today = NaiveDate::from_ymd_opt(2026, 3, 2).expect("a day");
        let exact = schedule
            .exact((today, today), instrument, currency, gross)
            .expect("a fee");
        assert_eq!(exact, expected, "{} of {gross}", schedule.name);
    }

    #[test]
    fn prices_come_to_what_a_person_works_out() {
        let any = Instrument::default();
        // 2.9 % of 80.00 is 2.32; of 12.50 it is 0.3625.
        check("standard", any, (0, 8000), [232_000_000, 30_000_000]);
        check("standard", any, (0, 1250), [36_000_000, 30_000_000]);
        // 1.9 % of 10.00 is 0.19, with 0.30 less than 0.90; of 300.00 it is 5.70, with 0.30 more than 3.60.
        check("capped", any, (0, 1000), [60_000_000, 30_000_000]);
        check("capped", any, (0, 30_000), [330_000_000, 30_000_000]);
        // 49.99 at 3.4 %, 50.00 at 2.75 %.
        check("tiered", any, (0, 4999), [170_000_000, 5_000_000]);
        check("tiered", any, (0, 5000), [138_000_000, 5_000_000]);
        // 20.00 at 2.9 %, 80.00 at 2.4 %, 50.00 at 1.23 %: 0.58 + 1.92 + 0.615, rounded down.
        check("interval", any, (0, 15_000), [311_000_000, 30_000_000]);
        check("interval", any, (0, 2000), [58_000_000, 30_000_000]);
        // Exact: 0.9 % of 55 won, and 0.3 won.
        check("fine", any, (3, 55), [495_000, 300_000]);
        let card = |country| Instrument {
            method: Some("card"),
            country: Some(country),
        };
        check("methods", card("DE"), (0, 2000), [17_000_000, 5_000_000]);
        check("methods", card("US"), (0, 2000), [54_000_000, 30_000_000]);
        let wallet = Instrument {
            method: Some("wallet"),
            country: None,
        };
        check("methods", wallet, (0, 2000), [62_000_000, 4_250_000]);
    }

    #[test]
    fn fractions_are_rounded_as_they_are_told_to() {
        for (parts, half_even, half_up, down) in [
            (5, 0, 1, 0),
            (15, 2, 2, 1),
            (25, 2, 3, 2),
            (26, 3, 3, 2),
            (24, 2, 2, 2),
            (-25, -2, -3, -2),
            (30, 3, 3, 3),
        ] {
            let rounded = [Rounding::HalfEven, Rounding::HalfUp, Rounding::Down]
                .map(|rounding| round(parts, 10, rounding).expect("a number"));
            assert_eq!(rounded, [half_even, half_up, down], "{parts} / 10");
        }
    }
}
