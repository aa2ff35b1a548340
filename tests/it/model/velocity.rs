//! Velocity rules by looking at every authorization again: nothing is ever summed up or kept but a list of what was booked.

use acquit::payment::event::PaymentEvent;
use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::world::{Amounts, Zone, amounts};

/// A rule as the model has it.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub per: Vec<&'static str>,
    pub method: Option<&'static str>,
    pub category: Option<&'static str>,
    pub window: &'static str,
    /// Whose months.
    pub zone: Zone,
    pub max_count: Option<usize>,
    pub max_sum: Amounts,
    pub action: &'static str,
}

impl Rule {
    pub fn toml(&self) -> String {
        let mut text = format!(
            "[[velocity_rule]]\nname = \"{}\"\naction = \"{}\"\nper = {:?}\nwindow = \"{}\"\n",
            self.name, self.action, self.per, self.window
        );
        for (name, filter) in [("method", self.method), ("category", self.category)] {
            if let Some(word) = filter {
                text += &format!("{name} = \"{word}\"\n");
            }
        }
        if let Some(most) = self.max_count {
            text += &format!("max_count = {most}\n");
        }
        if !self.max_sum.is_empty() {
            text += &format!("max_sum = {}\n", amounts(&self.max_sum));
        }
        text
    }

    /// What an authorization may come to in its currency, beside others.
    pub fn most(&self, event: &PaymentEvent) -> Option<i64> {
        self.max_sum.get(event.money.currency().code()).copied()
    }

    pub fn looks_at(&self, event: &PaymentEvent) -> bool {
        let details = &event.details;
        (self.method.is_none() || details.method.as_deref() == self.method)
            && (self.category.is_none() || details.category.as_deref() == self.category)
            && (!self.per.contains(&"payer") || details.payer.is_some())
            && (self.max_count.is_some() || self.most(event).is_some())
    }

    fn is_alike(&self, one: &PaymentEvent, other: &PaymentEvent) -> bool {
        self.per.iter().all(|per| match *per {
            "payer" => one.details.payer == other.details.payer,
            "merchant" => one.merchant == other.merchant,
            "method" => one.details.method == other.details.method,
            _ => one.details.category == other.details.category,
        })
    }

    fn is_in_window(&self, known: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let month = |at: DateTime<Utc>| {
            let day = self.zone.day(at);
            (day.year(), day.month())
        };
        let ago = now - known;
        ago >= TimeDelta::zero()
            && match self.window {
                "1 hour" => ago < TimeDelta::seconds(3_600),
                "24 hours" => ago < TimeDelta::seconds(86_400),
                _ => month(known) == month(now),
            }
    }

    /// What it says of an event beside those booked: count and sum, where either is too much.
    pub fn judge(&self, booked: &[PaymentEvent], event: &PaymentEvent) -> Option<(usize, i64)> {
        if !self.looks_at(event) {
            return None;
        }
        let together: Vec<&PaymentEvent> = booked
            .iter()
            .filter(|known| {
                self.looks_at(known)
                    && self.is_alike(known, event)
                    && self.is_in_window(known.occurred_at, event.occurred_at)
            })
            .chain([event])
            .collect();
        let same = together
            .iter()
            .filter(|known| known.money.currency() == event.money.currency());
        let (count, sum) = (together.len(), same.map(|known| known.money.minor()).sum());
        let passed = self.max_count.is_some_and(|most| count > most) || self.most(event).is_some_and(|most| sum > most);
        passed.then_some((count, sum))
    }
}
