//! Things of one name that change on given days: the versions of a schedule, the rates of a VAT class.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::super::reader::{Reader, Table, Text};
use crate::card_number::shorten;

/// The days on which a version is in force.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::settings) struct Days {
    /// The first; since ever where there is none.
    pub(super) from: Option<NaiveDate>,
    /// The first on which it is not in force any more.
    pub(super) until: Option<NaiveDate>,
}

/// A version and where it stands.
struct Place<'t> {
    table: Table<'t>,
    name: Text<'t>,
    days: Days,
}

impl Place<'_> {
    fn at(&self, field: &str) -> usize {
        self.table.get(field).map_or(self.name.at, |(at, _)| at)
    }
}

impl<'t> Reader<'t> {
    /// An array of tables of which several may have one name, if each begins where the one before it ends: by name, in the
    /// order of their days. A name whose versions are all wrong is kept, so that what refers to it is not found wrong too.
    pub(super) fn versions<T>(
        &mut self,
        root: Table<'t>,
        name: &'static str,
        read: impl Fn(&mut Self, Table<'t>, &'t str, Days) -> Option<T>,
    ) -> BTreeMap<String, Vec<T>> {
        let mut places: BTreeMap<&str, Vec<Place<'t>>> = BTreeMap::new();
        let mut all: BTreeMap<String, Vec<(Days, T)>> = BTreeMap::new();
        for table in self.listed_tables(root, name, name, &format!("[[{name}]]")) {
            let key = self.name(table);
            let days = self.days_in_force(table);
            let value = read(self, table, key.map_or("", |key| key.text), days.unwrap_or_default());
            let Some(key) = key else { continue };
            let versions = all.entry(key.text.to_owned()).or_default();
            versions.extend(value.map(|value| (days.unwrap_or_default(), value)));
            if let Some(days) = days {
                let name = key;
                places.entry(key.text).or_default().push(Place { table, name, days });
            }
        }
        for versions in places.values_mut() {
            self.in_a_row(versions);
        }
        all.into_iter()
            .map(|(name, mut versions)| {
                versions.sort_by_key(|(days, _)| days.from);
                (name, versions.into_iter().map(|(_, value)| value).collect())
            })
            .collect()
    }

    fn days_in_force(&mut self, table: Table<'t>) -> Option<Days> {
        let from = self.optional_day(table, "effective_from");
        let until = self.optional_day(table, "until");
        let (from, until) = (from?, until?);
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            let at = table.get("until").map_or(table.at, |(at, _)| at);
            self.found(at, format!("`until` must be after {from}, its `effective_from`"));
            return None;
        }
        Some(Days { from, until })
    }

    fn in_a_row(&mut self, versions: &mut [Place<'t>]) {
        // Stable, so that of two from one day the later in the file comes second.
        versions.sort_by_key(|version| version.days.from);
        for pair in versions.windows(2) {
            let [earlier, later] = pair else { continue };
            let (what, name) = (later.table.name, shorten(later.name.text, 40));
            if earlier.days.from == later.days.from {
                let line = self.line(earlier.table.at);
                let when = later.days.from.map_or_else(
                    || "without `effective_from`".to_owned(),
                    |day| format!("with `effective_from` {day}"),
                );
                self.found(
                    later.at("effective_from"),
                    format!("there is another {what} of the name `{name}` {when}, on line {line}"),
                );
            } else if let (Some(until), Some(from)) = (earlier.days.until, later.days.from)
                && until != from
            {
                let line = self.line(later.table.at);
                let what = if until > from {
                    "overlaps"
                } else {
                    "leaves a gap before"
                };
                self.found(
                    earlier.at("until"),
                    format!(
                        "`until` {until} {what} the version of `{name}` on line {line}, which is in force from {from}"
                    ),
                );
            }
        }
    }
}
