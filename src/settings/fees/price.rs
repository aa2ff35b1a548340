//! Prices: which captures one fits, and what it charges in each currency.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use toml::de::DeValue;

use super::super::reader::{Reader, Table, Text};
use super::Scope;
use crate::card_number::shorten;
use crate::money::{AmountError, Currency, Money, SUB_UNIT_DECIMALS, parse_sub_unit};

/// What captures of some kind are charged.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// The captures that it is for.
    pub fits: Filter,
    /// Interchange and scheme fees are the merchant's at cost; the price is what we add to them.
    pub passes_costs: bool,
    /// The currencies that it prices; a capture in any other is refused.
    pub rates: BTreeMap<Currency, Rates>,
}

/// The captures that a price is for. A list that is empty leaves its field open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Payment methods.
    pub methods: Vec<String>,
    /// Card schemes.
    pub schemes: Vec<String>,
    /// Currencies of the capture.
    pub currencies: Vec<Currency>,
    /// Countries of the cards' issuers, by their two letters.
    pub card_countries: Vec<String>,
}

/// A price in one currency. Amounts are minor units; fractions of them only where the scope is wider than an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// The part that grows with the gross.
    pub percentage: Percentage,
    /// The part that does not.
    pub fixed: Decimal,
    /// The least that both together may be.
    pub minimum: Option<Decimal>,
    /// The most; not below the minimum, nor below the fixed part.
    pub cap: Option<Decimal>,
}

/// The part of a price that grows with the gross. Rates are fractions: 0.029 for 2.9 %.
#[derive(Debug, Clone, PartialEq)]
pub enum Percentage {
    /// One rate.
    Flat(Decimal),
    /// The rate of the tier that the gross reaches, for all of it.
    Tiered(Vec<Tier>),
    /// Each slice of the gross at the rate of its own tier.
    Interval(Vec<Tier>),
}

/// A tier. The first begins at 0, and each ends where the next begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tier {
    /// The smallest gross that reaches it, minor units.
    pub from: i64,
    /// Fraction.
    pub rate: Decimal,
}

impl Filter {
    /// Whether it leaves everything open.
    pub fn is_open(&self) -> bool {
        self.methods.is_empty()
            && self.schemes.is_empty()
            && self.currencies.is_empty()
            && self.card_countries.is_empty()
    }

    /// Whether a capture is meant. What is not known of a capture meets no list.
    pub fn fits(
        &self,
        currency: Currency,
        method: Option<&str>,
        scheme: Option<&str>,
        card_country: Option<&str>,
    ) -> bool {
        let meets = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|listed| listed == value))
        };
        (self.currencies.is_empty() || self.currencies.contains(&currency))
            && meets(&self.methods, method)
            && meets(&self.schemes, scheme)
            && meets(&self.card_countries, card_country)
    }
}

/// The fields of a price that a schedule may have itself, instead of a list of prices.
pub(super) const INLINE_FIELDS: &[&str] = &["percentage", "tiers", "fixed", "minimum", "cap", "passes_costs"];
const FILTER_FIELDS: &[&str] = &["method", "scheme", "currency", "card_country"];

/// An amount of a price, and where it stands.
struct Exact<'t> {
    text: Text<'t>,
    minor: Decimal,
}

type ByCurrency<'t> = BTreeMap<Currency, Exact<'t>>;

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum TierKind {
    Tiered,
    Interval,
}

/// The percentage of a price as it is read, before it is known which currencies are priced.
enum ReadPercentage {
    Flat(Decimal),
    Tiers(TierKind, BTreeMap<Currency, (usize, Option<Vec<Tier>>)>),
}

/// A tier as it is read.
struct ReadTier<'t> {
    from: (Text<'t>, Money),
    to: Option<(Text<'t>, Money)>,
    rate: Decimal,
}

impl<'t> Reader<'t> {
    /// The price of a schedule, or its list of prices; never both.
    pub(super) fn prices(&mut self, schedule: Table<'t>, scope: Scope) -> Option<Vec<Price>> {
        if schedule.get("price").is_none() {
            return self.price(schedule, scope, Filter::default()).map(|price| vec![price]);
        }
        for field in INLINE_FIELDS {
            if let Some((at, _)) = schedule.get(field) {
                self.found(
                    at,
                    format!("`{field}` belongs into each [[fee_schedule.price]] where there are several prices"),
                );
            }
        }
        let tables = self.listed_tables(schedule, "price", "price", "[[fee_schedule.price]]");
        if tables.is_empty() {
            self.missing(schedule, "price");
        }
        let mut prices = Vec::with_capacity(tables.len());
        let mut open: Option<Table<'t>> = None;
        for table in tables {
            if let Some(open) = open {
                let line = self.line(open.at);
                self.found(
                    table.at,
                    format!("this price is never reached: the one on line {line} fits every capture"),
                );
            }
            self.only(table, &[FILTER_FIELDS, INLINE_FIELDS].concat());
            let fits = self.filter(table);
            if fits.as_ref().is_some_and(Filter::is_open) {
                open = Some(table);
            }
            let price = self.price(table, scope, fits.clone().unwrap_or_default());
            prices.push(fits.and(price));
        }
        prices.into_iter().collect()
    }

    pub(in crate::settings) fn filter(&mut self, table: Table<'t>) -> Option<Filter> {
        let methods = self.listed(table, "method", |_| None);
        let schemes = self.listed(table, "scheme", |_| None);
        let card_countries = self.listed(table, "card_country", |text| {
            let right = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
            (!right).then(|| {
                format!(
                    "`{}` is not a country code (two capital letters, like DE)",
                    shorten(text, 40)
                )
            })
        });
        let mut currencies = Some(Vec::new());
        for text in self.texts(table, "currency") {
            let currency = self.currency(text.at, text.text);
            currencies = currencies.zip(currency).map(|(mut currencies, currency)| {
                currencies.push(currency);
                currencies
            });
        }
        Some(Filter {
            methods: methods?,
            schemes: schemes?,
            currencies: currencies?,
            card_countries: card_countries?,
        })
    }

    /// The values of a filter's field. An empty list would fit nothing, and is refused.
    fn listed(
        &mut self,
        table: Table<'t>,
        field: &'static str,
        wrong: impl Fn(&str) -> Option<String>,
    ) -> Option<Vec<String>> {
        let Some((at, value)) = table.get(field) else {
            return Some(Vec::new());
        };
        let mut values = Vec::new();
        let texts = self.texts(table, field);
        for text in &texts {
            if let Some(message) = wrong(text.text) {
                self.found(text.at, message);
            } else if let Some(value) = self.checked(field, *text, |_| true) {
                values.push(value.to_owned());
            }
        }
        if matches!(value, DeValue::Array(items) if items.is_empty()) {
            self.found(at, format!("`{field}` is empty: leave it out where it does not matter"));
        }
        (!values.is_empty() && values.len() == texts.len()).then_some(values)
    }

    fn price(&mut self, table: Table<'t>, scope: Scope, fits: Filter) -> Option<Price> {
        let percentage = self.percentage_or_tiers(table);
        if table.get("fixed").is_none() {
            self.missing(table, "fixed");
        }
        let fixed = self.exact(table, "fixed", scope);
        let mut minimum = self.exact(table, "minimum", scope);
        let mut cap = self.exact(table, "cap", scope);
        let passes_costs = self.optional_flag(table, "passes_costs");
        self.filtered_currencies(table, &fits, &fixed);
        self.priced("minimum", &minimum, &fixed);
        self.priced("cap", &cap, &fixed);
        if let Some(ReadPercentage::Tiers(_, tiers)) = &percentage {
            self.tiers_match(tiers, &fixed);
        }
        let mut percentage = percentage?;
        let mut rates = BTreeMap::new();
        for (currency, fixed) in fixed {
            let (minimum, cap) = (minimum.remove(&currency), cap.remove(&currency));
            if let Some(cap) = &cap {
                self.cap_is_reachable(cap, &fixed, minimum.as_ref(), currency);
            }
            let Some(percentage) = percentage.take(currency) else {
                continue;
            };
            rates.insert(
                currency,
                Rates {
                    percentage,
                    fixed: fixed.minor,
                    minimum: minimum.map(|minimum| minimum.minor),
                    cap: cap.map(|cap| cap.minor),
                },
            );
        }
        Some(Price {
            fits,
            passes_costs: passes_costs?.unwrap_or(false),
            rates,
        })
    }

    /// Amounts by currency in minor units; with fractions, where fees are added up before they are rounded.
    fn exact(&mut self, table: Table<'t>, field: &str, scope: Scope) -> ByCurrency<'t> {
        let mut amounts = BTreeMap::new();
        for (currency, text) in self.by_currency(table, field) {
            let fine = parse_sub_unit(text.text, currency);
            let read = match scope {
                Scope::Item => Money::parse(text.text, currency).map(|money| Decimal::from(money.minor())),
                Scope::Batch | Scope::Invoice | Scope::Contract => fine.clone(),
            };
            match read {
                Ok(minor) => {
                    amounts.insert(currency, Exact { text, minor });
                }
                Err(error) => {
                    let sub_unit = fine.is_ok_and(|minor| !minor.is_integer());
                    let message = match error {
                        AmountError::TooManyDecimals { .. } if sub_unit => format!(
                            "{error}: with `scope` \"item\" each fee is a whole minor unit; fractions need \"batch\", \
                             \"invoice\" or \"contract\""
                        ),
                        AmountError::TooManyDecimals { text, exponent, .. } if scope != Scope::Item => format!(
                            "`{text}` has more than {exponent} decimals: {SUB_UNIT_DECIMALS} more than {currency} has are \
                             the most"
                        ),
                        AmountError::TooManyDecimals { .. }
                        | AmountError::NotADecimal(_)
                        | AmountError::TooLarge
                        | AmountError::CurrenciesDiffer(..) => error.to_string(),
                    };
                    self.found(text.at, message);
                }
            }
        }
        amounts
    }

    /// The currencies that a price is for are those that it prices.
    fn filtered_currencies(&mut self, table: Table<'t>, fits: &Filter, fixed: &ByCurrency<'t>) {
        if fits.currencies.is_empty() {
            return;
        }
        let wanted: BTreeSet<Currency> = fits.currencies.iter().copied().collect();
        for (currency, exact) in fixed {
            if !wanted.contains(currency) {
                self.found(
                    exact.text.at,
                    format!("`fixed` for {currency} is never used: the price is for other currencies"),
                );
            }
        }
        for currency in &wanted {
            // A `fixed` that is missing, or wrong, has been found.
            if !fixed.contains_key(currency) && !fixed.is_empty() {
                let at = table.get("currency").map_or(table.at, |(at, _)| at);
                self.found(at, format!("the price is for {currency}, and `fixed` has none in it"));
            }
        }
    }

    fn priced(&mut self, field: &str, amounts: &ByCurrency<'t>, fixed: &ByCurrency<'t>) {
        for (currency, exact) in amounts {
            if !fixed.contains_key(currency) {
                self.found(
                    exact.text.at,
                    format!("`{field}` is in {currency}, and `fixed` does not price {currency}"),
                );
            }
        }
    }

    fn cap_is_reachable(
        &mut self,
        cap: &Exact<'t>,
        fixed: &Exact<'t>,
        minimum: Option<&Exact<'t>>,
        currency: Currency,
    ) {
        if let Some(minimum) = minimum.filter(|minimum| minimum.minor > cap.minor) {
            self.found(
                cap.text.at,
                format!(
                    "the cap {} {currency} is below the minimum {} {currency}",
                    cap.text.text, minimum.text.text
                ),
            );
        }
        if fixed.minor > cap.minor {
            self.found(
                cap.text.at,
                format!(
                    "the cap {} {currency} is below the fixed part {} {currency}",
                    cap.text.text, fixed.text.text
                ),
            );
        }
    }

    fn percentage_or_tiers(&mut self, table: Table<'t>) -> Option<ReadPercentage> {
        match (table.get("percentage"), table.get("tiers")) {
            (None, None) => {
                let name = table.name;
                self.found(table.at, format!("{name} needs `percentage` or `tiers`"));
                None
            }
            (Some(_), None) => self.percentage(table).map(ReadPercentage::Flat),
            (Some(_), Some((at, _))) => {
                self.found(
                    at,
                    "`tiers` take the place of `percentage`: remove one of them".to_owned(),
                );
                None
            }
            (None, Some(_)) => {
                let tiers = self.table(table, "tiers")?;
                let kind = self.word(tiers, "kind");
                let mut by_currency = BTreeMap::new();
                for (key, value) in tiers.fields.iter().filter(|(key, _)| key.get_ref() != "kind") {
                    let at = key.span().start;
                    if let Some(currency) = self.currency(at, key.get_ref()) {
                        let read = self.tiers(tiers, key.get_ref(), value.span().start, currency);
                        by_currency.insert(currency, (at, read));
                    }
                }
                kind.map(|kind| ReadPercentage::Tiers(kind, by_currency))
            }
        }
    }

    /// The tiers of a currency: from 0 upwards, without a gap.
    fn tiers(&mut self, table: Table<'t>, field: &str, at: usize, currency: Currency) -> Option<Vec<Tier>> {
        let tables = self.listed_tables(table, field, "tier", "[ { from = \"0\", percentage = \"2.9\" } ]");
        let count = tables.len();
        let mut read = Vec::with_capacity(count);
        for table in tables {
            read.extend(self.tier(table, currency));
        }
        if read.len() != count {
            return None;
        }
        let Some(first) = read.first() else {
            if matches!(table.get(field), Some((_, DeValue::Array(_)))) {
                self.found(at, format!("there is no tier for {currency}"));
            }
            return None;
        };
        let (first_at, first_from) = (first.from.0.at, first.from.1);
        let mut right = true;
        if first_from.minor() != 0 {
            right = false;
            self.found(
                first_at,
                format!("the first tier must begin at 0: below {first_from} there is no rate"),
            );
        }
        for pair in read.windows(2) {
            let [lower, upper] = pair else { continue };
            right &= self.tiers_meet(lower, upper);
        }
        if let Some((at, to)) = read.last().and_then(|last| last.to) {
            right = false;
            self.found(
                at.at,
                format!("the last tier has no `to`: above {to} there would be no rate"),
            );
        }
        right.then(|| {
            let tier = |tier: &ReadTier<'_>| Tier {
                from: tier.from.1.minor(),
                rate: tier.rate,
            };
            read.iter().map(tier).collect()
        })
    }

    fn tiers_meet(&mut self, lower: &ReadTier<'t>, upper: &ReadTier<'t>) -> bool {
        let (at, from) = (upper.from.0.at, upper.from.1);
        if from.minor() <= lower.from.1.minor() {
            let below = lower.from.1;
            self.found(
                at,
                format!("tiers must rise: {from} is not above {below}, where the tier before begins"),
            );
            return false;
        }
        if let Some((text, to)) = lower.to.filter(|(_, to)| *to != from) {
            let what = if to.minor() < from.minor() {
                "a gap"
            } else {
                "an overlap"
            };
            self.found(
                text.at,
                format!("there is {what} between `to` {to} and the next tier's `from` {from}"),
            );
            return false;
        }
        true
    }

    fn tier(&mut self, table: Table<'t>, currency: Currency) -> Option<ReadTier<'t>> {
        self.only(table, &["from", "to", "percentage"]);
        let from = self.money(table, "from", currency);
        let to = match table.get("to") {
            None => Some(None),
            Some(_) => self.money(table, "to", currency).map(Some),
        };
        let rate = self.percentage(table);
        Some(ReadTier {
            from: from?,
            to: to?,
            rate: rate?,
        })
    }

    fn money(&mut self, table: Table<'t>, field: &str, currency: Currency) -> Option<(Text<'t>, Money)> {
        let text = self.text(table, field)?;
        Money::parse(text.text, currency)
            .map_err(|error| self.found(text.at, error.to_string()))
            .ok()
            .map(|money| (text, money))
    }

    fn tiers_match(&mut self, tiers: &BTreeMap<Currency, (usize, Option<Vec<Tier>>)>, fixed: &ByCurrency<'t>) {
        for (currency, (at, _)) in tiers {
            if !fixed.contains_key(currency) {
                self.found(
                    *at,
                    format!("`tiers` are in {currency}, and `fixed` does not price {currency}"),
                );
            }
        }
        for (currency, exact) in fixed {
            if !tiers.contains_key(currency) {
                self.found(
                    exact.text.at,
                    format!("`fixed` prices {currency}, and there are no `tiers` in {currency}"),
                );
            }
        }
    }
}

impl ReadPercentage {
    fn take(&mut self, currency: Currency) -> Option<Percentage> {
        match self {
            Self::Flat(rate) => Some(Percentage::Flat(*rate)),
            Self::Tiers(kind, tiers) => {
                let tiers = tiers.remove(&currency)?.1?;
                Some(match kind {
                    TierKind::Tiered => Percentage::Tiered(tiers),
                    TierKind::Interval => Percentage::Interval(tiers),
                })
            }
        }
    }
}
