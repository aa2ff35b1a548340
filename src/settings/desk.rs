//! The break desk: who may write off how much, and by whose business days breaks grow old.

use std::collections::{BTreeMap, BTreeSet};

use super::ladder::{Approval, Ladder};
use super::reader::{Reader, Table};
use super::{Amounts, CalendarName};
use crate::money::Currency;

/// What settings say of the break desk. The ladder goes by the amount that is resolved together, per currency.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeskRules {
    /// Who approves how much; the lowest step is called `tolerance`.
    pub ladder: Ladder,
    /// Who heads finance.
    pub finance_heads: BTreeSet<String>,
    /// Up to this one person matches a line by hand; above it one other approves. Currencies not listed: nothing.
    pub match_alone: Amounts,
    /// Whose business days count for the age of breaks, where the command does not say.
    pub calendar: Option<CalendarName>,
}

impl DeskRules {
    /// Who has to approve what resolves these sums, in minor units above zero, together.
    pub fn approval(&self, sums: &BTreeMap<Currency, i64>) -> Approval {
        self.ladder.of_sums(sums)
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
        Some(DeskRules {
            ladder: self.ladder(table, "tolerance"),
            finance_heads: self.people(table, "finance_heads"),
            match_alone: self.amounts(table, "match_alone"),
            calendar: self.optional_calendar(table)?,
        })
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
}
