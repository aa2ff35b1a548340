//! Velocity rules: what an authorization comes to, beside what a payer or merchant was authorized before.
//!
//! A rule counts the authorizations that were booked in a window of time before the event, up to and including the event's own
//! instant, and the event itself. A window is open at its beginning: one hour is (t - 1 hour, t]. A month is the calendar month
//! in the house's zone. Sums are of the event's currency, counts of all. Where more than one rule is passed, the strictest action
//! is taken, and every judgement is kept.
//!
//! Invariants: authorizations that were refused or declined do not count; a void gives nothing back. An event that arrives late
//! counts what occurred up to its own time, whatever was recorded meanwhile; what occurred after it was judged without it.
//! Limits: increments of an authorization are not counted.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::dates::{day_in, month_of, start_of_day};
use crate::ids::BookId;
use crate::money::{Currency, Money};
use crate::settings::{Action, Per, Settings, VelocityRule, VelocityWindow};

/// An authorization as rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// The merchant's book.
    pub book: BookId,
    /// A token of who pays.
    pub payer: Option<&'a str>,
    /// How it is paid.
    pub method: Option<&'a str>,
    /// What is bought.
    pub category: Option<&'a str>,
    /// When it occurred.
    pub at: DateTime<Utc>,
    /// How much.
    pub money: Money,
}

/// A stretch of time, open at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning, not of it.
    pub after: DateTime<Utc>,
    /// Its end, of it.
    pub until: DateTime<Utc>,
}

/// What a rule says of an authorization that is above its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The rule.
    pub rule: String,
    /// The first booking date of the settings that hold it.
    pub version: NaiveDate,
    /// What becomes of the authorization.
    pub action: Action,
    /// How many there are in the window, this one included.
    pub count: i64,
    /// How many there may be.
    pub max_count: Option<i64>,
    /// What they come to in its currency, this one included.
    pub sum: Money,
    /// What they may come to.
    pub max_sum: Option<Money>,
    /// Which limit is passed, in words.
    pub reason: String,
}

impl VelocityWindow {
    /// The window that ends at an instant.
    pub fn ending(self, at: DateTime<Utc>, zone: Tz) -> Span {
        let before = |time: TimeDelta| at.checked_sub_signed(time).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let after = match self {
            Self::Hour => before(TimeDelta::hours(1)),
            Self::Day => before(TimeDelta::hours(24)),
            // The first instant of a month is of it, and instants are whole microseconds.
            Self::Month => start_of_day(month_of(day_in(at, zone)), zone)
                .checked_sub_signed(TimeDelta::microseconds(1))
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
        };
        Span { after, until: at }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Hour => "within 1 hour",
            Self::Day => "within 24 hours",
            Self::Month => "within the month",
        }
    }
}

impl VelocityRule {
    /// Whether it counts by payer, and so across books.
    pub fn is_by_payer(&self) -> bool {
        self.per.contains(&Per::Payer)
    }

    /// Whether it counts this authorization: one of its method and category, with a payer where it counts by payer, in a currency
    /// that it limits.
    pub fn looks_at(&self, attempt: &Attempt<'_>) -> bool {
        let of = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        of(&self.method, attempt.method)
            && of(&self.category, attempt.category)
            && (attempt.payer.is_some() || !self.is_by_payer())
            && (self.max_count.is_some() || self.max_sum.contains_key(&attempt.money.currency()))
    }

    /// An authorization without a method or category is counted with the others without one.
    fn key(&self, version: NaiveDate, attempt: &Attempt<'_>) -> Key {
        let part = |per: Per, text: Option<&str>| text.filter(|_| self.per.contains(&per)).map(str::to_owned);
        Key {
            version,
            rule: self.name.clone(),
            book: self.per.contains(&Per::Merchant).then_some(attempt.book),
            payer: part(Per::Payer, attempt.payer),
            method: part(Per::Method, attempt.method),
            category: part(Per::Category, attempt.category),
        }
    }

    fn judge(&self, version: NaiveDate, attempt: &Attempt<'_>, count: i128, sum: i128) -> Option<Judgement> {
        let currency = attempt.money.currency();
        // A sum beyond 64 bits is above every limit.
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let sum = Money::from_minor(i64::try_from(sum).unwrap_or(i64::MAX), currency);
        let max_sum = self.max_sum.get(&currency).copied();
        let mut reasons = Vec::new();
        if let Some(most) = self.max_count.filter(|most| count > *most) {
            reasons.push(format!(
                "{count} authorizations {}, at most {most}",
                self.window.words()
            ));
        }
        if let Some(most) = max_sum.filter(|most| sum.minor() > most.minor()) {
            reasons.push(format!("{sum} {}, at most {most}", self.window.words()));
        }
        (!reasons.is_empty()).then(|| Judgement {
            rule: self.name.clone(),
            version,
            action: self.action,
            count,
            max_count: self.max_count,
            sum,
            max_sum,
            reason: reasons.join("; "),
        })
    }
}

/// What is counted together: a rule of a settings version, and what authorizations have in common by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    version: NaiveDate,
    rule: String,
    book: Option<BookId>,
    payer: Option<String>,
    method: Option<String>,
    category: Option<String>,
}

/// What rules have counted, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    by_key: HashMap<Key, Counter>,
}

#[derive(Debug, Clone, Default)]
struct Counter {
    count: Timeline,
    sums: BTreeMap<Currency, Timeline>,
}

impl Counters {
    /// Adds authorizations that a rule looks at: so many, at one instant, which come to the attempt's amount.
    pub fn add(&mut self, version: NaiveDate, rule: &VelocityRule, attempt: &Attempt<'_>, count: i64) {
        let counter = self.by_key.entry(rule.key(version, attempt)).or_default();
        counter.count.add(attempt.at, i128::from(count));
        let sum = counter.sums.entry(attempt.money.currency()).or_default();
        sum.add(attempt.at, i128::from(attempt.money.minor()));
    }

    /// Adds an authorization to every rule that looks at it.
    pub fn add_to_all(&mut self, settings: &Settings, attempt: &Attempt<'_>) {
        for rule in settings.velocity_rules.iter().filter(|rule| rule.looks_at(attempt)) {
            self.add(settings.effective_from, rule, attempt, 1);
        }
    }

    /// What the rules say of an authorization that is not among those counted, by name of rule; those it does not pass say nothing.
    pub fn judge(&self, settings: &Settings, attempt: &Attempt<'_>) -> Vec<Judgement> {
        let version = settings.effective_from;
        let rules = settings.velocity_rules.iter().filter(|rule| rule.looks_at(attempt));
        rules
            .filter_map(|rule| {
                let span = rule.window.ending(attempt.at, settings.house.time_zone);
                let (mut count, mut sum) = (1, i128::from(attempt.money.minor()));
                if let Some(counter) = self.by_key.get(&rule.key(version, attempt)) {
                    count = counter.count.within(span).saturating_add(count);
                    let known = counter.sums.get(&attempt.money.currency());
                    sum = known.map_or(0, |known| known.within(span)).saturating_add(sum);
                }
                rule.judge(version, attempt, count, sum)
            })
            .collect()
    }
}

/// The judgement whose action is taken: the strictest, the first of several.
pub fn strictest(judgements: &[Judgement]) -> Option<&Judgement> {
    let action = judgements.iter().map(|judgement| judgement.action).max()?;
    judgements.iter().find(|judgement| judgement.action == action)
}

/// Instants in order, and the total up to and including each: what fell into a span is the difference of two.
#[derive(Debug, Clone, Default)]
struct Timeline {
    totals: Vec<(DateTime<Utc>, i128)>,
}

impl Timeline {
    fn add(&mut self, at: DateTime<Utc>, amount: i128) {
        let place = self.totals.partition_point(|(known, _)| *known < at);
        if self.totals.get(place).is_none_or(|(known, _)| *known != at) {
            let before = self.up_to(at);
            self.totals.insert(place, (at, before));
        }
        // Events mostly come in order: then this is the last one alone.
        for (_, total) in self.totals.iter_mut().skip(place) {
            *total = total.saturating_add(amount);
        }
    }

    fn up_to(&self, at: DateTime<Utc>) -> i128 {
        let later = self.totals.partition_point(|(known, _)| *known <= at);
        let last = later.checked_sub(1).and_then(|last| self.totals.get(last));
        last.map_or(0, |(_, total)| *total)
    }

    fn within(&self, span: Span) -> i128 {
        self.up_to(span.until).saturating_sub(self.up_to(span.after))
    }
}

#[cfg(test)]
mod tests;
