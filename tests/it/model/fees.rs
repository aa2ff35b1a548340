//! What the model charges and gives back, in integers: exact sums count in units of 1e-10 of a minor unit.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

use super::world::{Amounts, amounts, decimal, percentage, places};

/// Units of a minor unit.
pub const MINOR: i128 = 10_000_000_000;
/// The version of a schedule that has no first day.
const SINCE_EVER: &str = "2000-01-01";

/// A fee schedule.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    pub name: &'static str,
    pub rounding: &'static str,
    /// `item`, `batch`, `invoice` or `contract`.
    pub scope: &'static str,
    /// What refunds give back: `nothing`, `percentage` or `all`.
    pub returned: &'static str,
    /// Of the percentage, of the fixed part, of fees for events.
    pub vat: [Option<Vat>; 3],
    /// In order: the first that fits is the price.
    pub prices: Vec<Price>,
    /// Fees for authorizations, refunds, disputes and payouts.
    pub events: [Amounts; 4],
    /// Of what is advanced, in parts per million.
    pub advance: i64,
    /// What the fees of a month must come to.
    pub monthly_minimum: Amounts,
    pub won_returns_dispute_fee: bool,
}

/// What a capture costs. Amounts are millionths of a minor unit.
#[derive(Debug, Clone, Default)]
pub struct Price {
    /// None fits any.
    pub method: Option<&'static str>,
    pub rate: Rate,
    /// Currencies that are not listed are not priced.
    pub fixed: Amounts,
    pub minimum: Amounts,
    pub cap: Amounts,
    pub passes_costs: bool,
}

/// Parts per million of the gross; tiers with the minor units from which they are.
#[derive(Debug, Clone)]
pub enum Rate {
    Flat(i64),
    /// The rate of the tier that the gross reaches.
    Tiered(Vec<(i64, i64)>),
    /// Each slice at its own.
    Interval(Vec<(i64, i64)>),
}

impl Default for Rate {
    fn default() -> Self {
        Self::Flat(0)
    }
}

/// A VAT class of one rate, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vat {
    pub name: &'static str,
    /// `added`, `included_floor` or `included_difference`.
    pub kind: &'static str,
    pub per_million: i64,
    pub rounding: &'static str,
}

/// One thing that is charged: account, minor units, VAT. What is negative is given back.
pub type Charge = (i16, i64, i64);

/// What tells the exact sums of a book apart: schedule, version, component, currency, period, VAT.
pub type Key = (String, String, &'static str, String, NaiveDate, String);

/// An exact sum, and what is posted of it and as its VAT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accrual {
    pub exact: i128,
    pub posted: i64,
    pub vat_posted: i64,
}

pub type Accruals = BTreeMap<Key, Accrual>;

/// What an entry did to an exact sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accrued {
    pub key: Key,
    pub rounding: &'static str,
    vat: Option<Vat>,
    pub exact: i128,
    pub posted: i64,
    pub vat_posted: i64,
}

/// The fee of a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fee {
    pub charges: Vec<Charge>,
    pub accrued: Vec<Accrued>,
    /// Fee and VAT that were rounded by themselves and may be given back.
    pub returnable: (i64, i64),
    /// Which of `accrued` may be given back.
    returnable_accrued: Vec<Accrued>,
    pub passes_costs: bool,
    /// What refunds give back of it: `nothing`, `percentage` or `all`.
    pub returned: &'static str,
}

/// What refunds may give back of a payment's fees, and gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returns {
    pub fee: i64,
    pub vat: i64,
    pub fee_returned: i64,
    pub vat_returned: i64,
    /// What went into an exact sum, and what came out of it again.
    pub accrued: Vec<(Accrued, i128)>,
}

impl Schedule {
    /// What a capture costs, by where the exact sums of its book stand; they move with it.
    pub fn capture(
        &self,
        amount: i64,
        code: &str,
        day: NaiveDate,
        method: Option<&str>,
        accruals: &mut Accruals,
    ) -> Result<Fee, &'static str> {
        let fits = |price: &&Price| price.method.is_none() || price.method == method;
        let price = self.prices.iter().find(fits).ok_or("currency_not_priced")?;
        let in_units = |millionths: &i64| i128::from(*millionths) * (MINOR / 1_000_000);
        let fixed = price.fixed.get(code).map(in_units).ok_or("currency_not_priced")?;
        let mut share = price.rate.of(amount);
        let alone = self.scope == "item";
        if alone {
            share = i128::from(rounded(share, MINOR, self.rounding)) * MINOR;
        }
        let mut total = share + fixed;
        if let Some(minimum) = price.minimum.get(code).map(in_units) {
            total = total.max(minimum);
        }
        if let Some(cap) = price.cap.get(code).map(in_units) {
            total = total.min(cap);
        }
        share = total - fixed;
        let mut fee = Fee {
            passes_costs: price.passes_costs,
            returned: self.returned,
            ..Fee::default()
        };
        for (account, component, exact, vat) in [
            (4010, "percentage", share, self.vat[0]),
            (4020, "fixed", fixed, self.vat[1]),
        ] {
            let returned = self.returned == "all" || (self.returned == "percentage" && component == "percentage");
            if exact == 0 {
                continue;
            }
            if alone {
                let charge = taxed(account, rounded(exact, MINOR, self.rounding), vat);
                fee.charges.push(charge);
                if returned {
                    fee.returnable.0 += charge.1;
                    fee.returnable.1 += charge.2;
                }
                continue;
            }
            let key = self.key(component, code, day, vat);
            let accrued = moved(accruals, key, exact, self.rounding, vat);
            fee.charges.push(accrued.charge(account));
            if returned {
                fee.returnable_accrued.push(accrued.clone());
            }
            fee.accrued.push(accrued);
        }
        Ok(fee)
    }

    fn key(&self, component: &'static str, code: &str, day: NaiveDate, vat: Option<Vat>) -> Key {
        let period = match self.scope {
            "batch" => day,
            "invoice" => day.with_day(1).expect("a day"),
            _ => SINCE_EVER.parse().expect("a day"),
        };
        let vat = vat.map_or_else(|| "exempt".to_owned(), |vat| vat.told());
        let name = self.name.to_owned();
        (name, SINCE_EVER.to_owned(), component, code.to_owned(), period, vat)
    }

    /// What an event costs: the place of it in `events`, and where it is booked.
    pub fn event(&self, place: usize, account: i16, code: &str) -> Option<Charge> {
        let price = self.events[place].get(code).copied().filter(|price| *price != 0)?;
        Some(taxed(account, price, self.vat[2]))
    }

    /// What an advance of so much costs.
    pub fn advanced(&self, amount: i64) -> Option<Charge> {
        let price = rounded(i128::from(amount) * i128::from(self.advance), 1_000_000, self.rounding);
        (price != 0).then(|| taxed(4050, price, self.vat[2]))
    }

    /// What brings the fees of a month to their minimum in a currency.
    pub fn topped_up(&self, charged: i64, code: &str) -> Option<Charge> {
        let short = self.monthly_minimum.get(code)? - charged.max(0);
        (short > 0).then(|| taxed(4040, short, self.vat[2]))
    }

    pub fn write(&self, text: &mut String) {
        writeln!(
            text,
            "[[fee_schedule]]\nname = \"{}\"\nrounding = \"{}\"\nscope = \"{}\"\nreturned_on_refund = \"{}\"\n\
            dispute_fee_returned_when_won = {}\nevent = {{ authorization = {}, refund = {}, dispute = {}, payout = {}, \
            advance_percentage = \"{}\" }}",
            self.name,
            self.rounding,
            self.scope,
            self.returned,
            self.won_returns_dispute_fee,
            amounts(&self.events[0]),
            amounts(&self.events[1]),
            amounts(&self.events[2]),
            amounts(&self.events[3]),
            percentage(self.advance),
        )
        .expect("text");
        writeln!(text, "monthly_minimum = {}", amounts(&self.monthly_minimum)).expect("text");
        let classes = ["percentage", "fixed", "event"].into_iter().zip(self.vat);
        let classes = classes.filter_map(|(what, vat)| Some(format!("{what} = \"{}\"", vat?.name)));
        writeln!(text, "vat = {{ {} }}", classes.collect::<Vec<_>>().join(", ")).expect("text");
        for price in &self.prices {
            price.write(text);
        }
    }
}

impl Rate {
    /// What it comes to exactly.
    fn of(&self, amount: i64) -> i128 {
        let share = |amount: i64, per_million: i64| i128::from(amount) * i128::from(per_million) * (MINOR / 1_000_000);
        match self {
            Self::Flat(per_million) => share(amount, *per_million),
            Self::Tiered(tiers) => {
                let reached = tiers.iter().rfind(|(from, _)| *from <= amount);
                share(amount, reached.expect("a tier").1)
            }
            Self::Interval(tiers) => {
                let ends = tiers.iter().skip(1).map(|(from, _)| *from).chain([i64::MAX]);
                let slices = tiers.iter().zip(ends).map(|((from, per_million), end)| {
                    let slice = amount.min(end) - from;
                    share(slice.max(0), *per_million)
                });
                slices.sum()
            }
        }
    }
}

impl Price {
    fn write(&self, text: &mut String) {
        text.push_str("[[fee_schedule.price]]\n");
        if let Some(method) = self.method {
            writeln!(text, "method = [ \"{method}\" ]").expect("text");
        }
        for (field, amounts) in [("fixed", &self.fixed), ("minimum", &self.minimum), ("cap", &self.cap)] {
            let each = amounts.iter().map(|(code, millionths)| {
                let whole = millionths % 1_000_000 == 0;
                let places = places(code);
                let text = match whole {
                    true => decimal(millionths / 1_000_000, places),
                    false => decimal(*millionths, places + 6),
                };
                format!("{code} = \"{text}\"")
            });
            writeln!(text, "{field} = {{ {} }}", each.collect::<Vec<_>>().join(", ")).expect("text");
        }
        writeln!(text, "passes_costs = {}", self.passes_costs).expect("text");
        let (kind, tiers) = match &self.rate {
            Rate::Flat(per_million) => {
                writeln!(text, "percentage = \"{}\"", percentage(*per_million)).expect("text");
                return;
            }
            Rate::Tiered(tiers) => ("tiered", tiers),
            Rate::Interval(tiers) => ("interval", tiers),
        };
        let of = |code: &str| {
            let each = tiers.iter().map(|(from, per_million)| {
                let from = decimal(*from, places(code));
                format!("{{ from = \"{from}\", percentage = \"{}\" }}", percentage(*per_million))
            });
            format!("{code} = [ {} ]", each.collect::<Vec<_>>().join(", "))
        };
        let all: Vec<String> = self.fixed.keys().map(|code| of(code)).collect();
        writeln!(text, "tiers = {{ kind = \"{kind}\", {} }}", all.join(", ")).expect("text");
    }
}

impl Vat {
    /// The tax of a price: on top of it, or contained in it. A price below zero has the tax of the price above, turned.
    fn tax(self, price: i64) -> i64 {
        if price < 0 {
            return -self.tax(-price);
        }
        let (price, rate) = (i128::from(price), i128::from(self.per_million));
        match self.kind {
            "added" => rounded(price * rate, 1_000_000, self.rounding),
            "included_floor" => rounded(price * rate, 1_000_000 + rate, "down"),
            _ => {
                let rest = rounded(price * 1_000_000, 1_000_000 + rate, "down");
                i64::try_from(price).expect("a price") - rest
            }
        }
    }

    /// As the books keep it: kind, percent, rounding.
    fn told(self) -> String {
        let percent = trimmed(i128::from(self.per_million), 4);
        match self.kind {
            "added" => format!("added {percent} {}", self.rounding),
            kind => format!("{kind} {percent}"),
        }
    }

    pub fn write(self, text: &mut String) {
        writeln!(
            text,
            "[[vat_class]]\nname = \"{}\"\nkind = \"{}\"\nrate = \"{}\"",
            self.name,
            self.kind,
            percentage(self.per_million)
        )
        .expect("text");
        if self.kind == "added" {
            writeln!(text, "rounding = \"{}\"", self.rounding).expect("text");
        }
    }
}

/// A price as fee and VAT.
fn taxed(account: i16, price: i64, vat: Option<Vat>) -> Charge {
    split(account, price, vat.map_or(0, |vat| vat.tax(price)), vat)
}

fn split(account: i16, price: i64, tax: i64, vat: Option<Vat>) -> Charge {
    let included = vat.is_some_and(|vat| vat.kind != "added");
    (account, if included { price - tax } else { price }, tax)
}

/// Moves an exact sum; says what is posted more.
fn moved(accruals: &mut Accruals, key: Key, exact: i128, rounding: &'static str, vat: Option<Vat>) -> Accrued {
    let accrual = accruals.entry(key.clone()).or_default();
    let before = *accrual;
    accrual.exact += exact;
    accrual.posted = rounded(accrual.exact, MINOR, rounding);
    accrual.vat_posted = vat.map_or(0, |vat| vat.tax(accrual.posted));
    Accrued {
        key,
        rounding,
        vat,
        exact,
        posted: accrual.posted - before.posted,
        vat_posted: accrual.vat_posted - before.vat_posted,
    }
}

impl Accrual {
    /// Less than a minor unit is not posted, or too much.
    pub fn is_within_a_unit(&self) -> bool {
        (self.exact - i128::from(self.posted) * MINOR).abs() < MINOR
    }

    pub fn told(&self) -> String {
        format!(
            "{} posted {} vat {}",
            trimmed(self.exact, 10),
            self.posted,
            self.vat_posted
        )
    }
}

impl Accrued {
    fn charge(&self, account: i16) -> Charge {
        split(account, self.posted, self.vat_posted, self.vat)
    }

    /// As an entry keeps it.
    pub fn json(&self) -> Value {
        let (schedule, version, component, currency, period, vat) = &self.key;
        json!({
            "schedule": schedule, "version": version, "component": component, "currency": currency, "period": period.to_string(),
            "vat": vat, "rounding": self.rounding, "exact": trimmed(self.exact, 10), "posted": self.posted,
            "vat_posted": self.vat_posted,
        })
    }

    /// In one line, with what came back of it.
    fn told(&self, returned: i128) -> String {
        let (schedule, version, component, currency, period, vat) = &self.key;
        format!(
            "{schedule} {version} {component} {currency} {period} {vat} {} of {} {}",
            trimmed(returned, 10),
            trimmed(self.exact, 10),
            self.rounding
        )
    }
}

impl Returns {
    pub fn add(&mut self, fee: &Fee) {
        self.fee += fee.returnable.0;
        self.vat += fee.returnable.1;
        for accrued in &fee.returnable_accrued {
            match self.accrued.iter_mut().find(|(known, _)| known.key == accrued.key) {
                Some((known, _)) => known.exact += accrued.exact,
                None => self.accrued.push((accrued.clone(), 0)),
            }
        }
    }

    /// Without the fee of a capture that is withdrawn; nothing is refunded then.
    pub fn remove(&mut self, fee: &Fee) {
        self.fee -= fee.returnable.0;
        self.vat -= fee.returnable.1;
        for accrued in &fee.returnable_accrued {
            let known = self.accrued.iter_mut().find(|(known, _)| known.key == accrued.key);
            known.expect("what was added").0.exact -= accrued.exact;
        }
        self.accrued.retain(|(known, _)| known.exact != 0);
    }

    /// What a refund gives back: so much of the fees as is refunded of what was captured, and never takes any of it back.
    pub fn give_back(&mut self, captured: i64, refunded: i64, accruals: &mut Accruals) -> (Vec<Charge>, Vec<Accrued>) {
        let (captured, refunded) = (i128::from(captured), i128::from(refunded));
        let part = |whole: i64| rounded(i128::from(whole) * refunded, captured, "half_even");
        let fee = part(self.fee).max(self.fee_returned);
        let vat = part(self.vat).max(self.vat_returned);
        let mut charges = vec![(4090, self.fee_returned - fee, self.vat_returned - vat)];
        (self.fee_returned, self.vat_returned) = (fee, vat);
        let mut done = Vec::new();
        for (known, returned) in &mut self.accrued {
            let target = (known.exact * refunded / captured).max(*returned);
            if target == *returned {
                continue;
            }
            let accrued = moved(
                accruals,
                known.key.clone(),
                *returned - target,
                known.rounding,
                known.vat,
            );
            *returned = target;
            charges.push(accrued.charge(4090));
            done.push(accrued);
        }
        (charges, done)
    }

    /// A refund failed: what it gave back is taken again. `charged` is all that it gave back, `accrued` what of it came out of
    /// exact sums.
    pub fn take_back(&mut self, charged: (i64, i64), accrued: &[Accrued]) {
        let exact: Vec<Charge> = accrued.iter().map(|accrued| accrued.charge(4090)).collect();
        self.fee_returned -= charged.0 + exact.iter().map(|charge| charge.1).sum::<i64>();
        self.vat_returned -= charged.1 + exact.iter().map(|charge| charge.2).sum::<i64>();
        for accrued in accrued {
            if let Some((_, returned)) = self.accrued.iter_mut().find(|(known, _)| known.key == accrued.key) {
                *returned += accrued.exact;
            }
        }
    }

    pub fn told(&self) -> String {
        let accrued: Vec<String> = self.accrued.iter().map(|(accrued, back)| accrued.told(*back)).collect();
        format!(
            "fee {} of {} vat {} of {} [{}]",
            self.fee_returned,
            self.fee,
            self.vat_returned,
            self.vat,
            accrued.join(", ")
        )
    }

    /// Never more than there was.
    pub fn is_within_caps(&self) -> bool {
        (0..=self.fee).contains(&self.fee_returned)
            && (0..=self.vat).contains(&self.vat_returned)
            && self
                .accrued
                .iter()
                .all(|(known, returned)| (0..=known.exact).contains(returned))
    }
}

/// Takes out of the exact sums what an entry did to them, while its transfers are mirrored; says what is left to be charged, since
/// other entries moved the sums in between. More is a fee, less is a fee returned.
pub fn undone(done: &[Accrued], accruals: &mut Accruals) -> (Vec<Charge>, Vec<Accrued>) {
    let (mut charges, mut undone) = (Vec::new(), Vec::new());
    for entry in done {
        let back = moved(accruals, entry.key.clone(), -entry.exact, entry.rounding, entry.vat);
        let (posted, vat) = (back.posted + entry.posted, back.vat_posted + entry.vat_posted);
        let account = match entry.key.2 {
            _ if posted < 0 => 4090,
            "percentage" => 4010,
            _ => 4020,
        };
        charges.push(split(account, posted, vat, entry.vat));
        undone.push(back);
    }
    (charges, undone)
}

/// What JSON keeps of exact fees that may be given back, in the words of [`Returns::told`].
pub fn told_of_json(text: Option<&str>) -> String {
    let all: Vec<Value> = text.map_or_else(Vec::new, |text| serde_json::from_str(text).expect("JSON"));
    let line = |entry: &Value| {
        let (fee, word) = (&entry["fee"], |name: &str| {
            entry["fee"][name].as_str().expect("a text").to_owned()
        });
        assert_eq!((&fee["posted"], &fee["vat_posted"]), (&json!(0), &json!(0)));
        let exact = |text: &str| trimmed(units(text), 10);
        format!(
            "{} {} {} {} {} {} {} of {} {}",
            word("schedule"),
            word("version"),
            word("component"),
            word("currency"),
            word("period"),
            word("vat"),
            exact(entry["returned"].as_str().expect("a text")),
            exact(&word("exact")),
            word("rounding"),
        )
    };
    all.iter().map(line).collect::<Vec<_>>().join(", ")
}

/// A fraction of integers as a whole number; one below zero as the one above, turned, for the modes that look at size alone.
pub fn rounded(numerator: i128, denominator: i128, rounding: &str) -> i64 {
    if numerator < 0 {
        return -rounded(-numerator, denominator, rounding);
    }
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    let up = match rounding {
        "down" => false,
        "up" => rest > 0,
        "half_up" => rest * 2 >= denominator,
        _ => rest * 2 > denominator || (rest * 2 == denominator && whole % 2 == 1),
    };
    i64::try_from(whole + i128::from(up)).expect("a fee")
}

/// An integer with so many decimals, without zeros at the end.
pub fn trimmed(value: i128, decimals: usize) -> String {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    let part = part.trim_end_matches('0');
    let sign = if value < 0 { "-" } else { "" };
    if part.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part}")
    }
}

/// A decimal in units of 1e-10.
fn units(text: &str) -> i128 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    sign * format!("{whole}{part:0<10}").parse::<i128>().expect("digits")
}
