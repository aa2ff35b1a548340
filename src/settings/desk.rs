//! The break desk: who may write off how much, and by whose business days breaks grow old.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::{Reader, Table};
use super::{Amounts, CalendarName};
use crate::money::{Currency, Money};

/// What settings say of the break desk. The ladder goes by the amount that is resolved together, per currency.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeskRules {
    /// Up to this one person resolves alone. Currencies not listed: nothing.
    pub tolerance: Amounts,
    /// Up to this one other person approves. Currencies not listed: nothing.
    pub limit_a: Amounts,
    /// Up to this two others approve, any two; above it one of them is a finance head. Currencies not listed: nothing.
    pub limit_b: Amounts,
    /// Who heads finance.
    pub finance_heads: BTreeSet<String>,
    /// Up to this one person matches a line by hand; above it one other approves. Currencies not listed: nothing.
    pub match_alone: Amounts,
    /// Whose business days count for the age of breaks, where the command does not say.
    pub calendar: Option<CalendarName>,
}

/// Who has to approve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Approval {
    /// How many others.
    pub approvers: i16,
    /// Whether one of them heads finance.
    pub by_head: bool,
}

impl DeskRules {
    /// Who has to approve what resolves these sums, in minor units above zero, together.
    pub fn approval(&self, sums: &BTreeMap<Currency, i64>) -> Approval {
        sums.iter()
            .map(|(currency, sum)| self.of(*currency, *sum))
            .max()
            .unwrap_or_default()
    }

    /// Who has to approve that a line of these amounts is matched by hand.
    pub fn approval_of_match(&self, sums: &BTreeMap<Currency, i64>) -> Approval {
        let alone = sums
            .iter()
            .all(|(currency, sum)| *sum <= self.match_alone.get(currency).map_or(0, |limit| limit.minor()));
        Approval {
            approvers: i16::from(!alone),
            by_head: false,
        }
    }

    fn of(&self, currency: Currency, sum: i64) -> Approval {
        let within = |limits: &Amounts| sum <= limits.get(&currency).map_or(0, |limit| limit.minor());
        let (approvers, by_head) = if within(&self.tolerance) {
            (0, false)
        } else if within(&self.limit_a) {
            (1, false)
        } else {
            (2, !within(&self.limit_b))
        };
        Approval { approvers, by_head }
    }
}

impl<'t> Reader<'t> {
    pub(super) fn desk(&mut self, table: Table<'t>) -> Option<DeskRules> {
        self.only(
            table,
            &[
                "tolerance",
                "limit_a",
                "limit_b",
                "finance_heads",
                "match_alone",
                "calendar",
            ],
        );
        let rules = DeskRules {
            tolerance: self.amounts(table, "tolerance"),
            limit_a: self.amounts(table, "limit_a"),
            limit_b: self.amounts(table, "limit_b"),
            finance_heads: self.people(table, "finance_heads"),
            match_alone: self.amounts(table, "match_alone"),
            calendar: self.optional_calendar(table)?,
        };
        for (low, high, lower, upper) in [
            (&rules.tolerance, &rules.limit_a, "tolerance", "limit_a"),
            (&rules.limit_a, &rules.limit_b, "limit_a", "limit_b"),
        ] {
            self.ascends(table, (lower, low), (upper, high));
        }
        Some(rules)
    }

    fn people(&mut self, table: Table<'t>, field: &str) -> BTreeSet<String> {
        let mut people = BTreeSet::new();
        for text in self.texts(table, field) {
            if let Some(name) = self.checked(field, text, |_| true) {
                people.insert(name.to_owned());
            }
        }
        people
    }

    fn optional_calendar(&mut self, table: Table<'t>) -> Option<Option<CalendarName>> {
        if table.get("calendar").is_none() {
            return Some(None);
        }
        let text = self.text(table, "calendar")?;
        let name = self.checked("calendar", text, |_| true)?;
        Some(Some(CalendarName {
            name: name.to_owned(),
            at: super::Place(text.at),
        }))
    }

    /// A step of the ladder is no lower than the one before it.
    fn ascends(&mut self, table: Table<'t>, (lower, low): (&str, &Amounts), (upper, high): (&str, &Amounts)) {
        let at = table
            .get(upper)
            .or_else(|| table.get(lower))
            .map_or(table.at, |(at, _)| at);
        for (currency, below) in low {
            let above = high.get(currency).copied().unwrap_or_else(|| Money::zero(*currency));
            if above.minor() < below.minor() {
                self.found(at, format!("`{upper}` of {above} is below `{lower}` of {below}"));
            }
        }
    }
}
