//! Velocity rules: how often, and for how much, a payer or a merchant may be authorized in a time.

use std::collections::BTreeSet;

use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};
use toml::de::DeValue;

use super::Amounts;
use super::reader::{Reader, Table};
use crate::card_number::shorten;

/// What authorizations have in common that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// The token of who pays, whatever the merchant.
    Payer,
    /// The merchant.
    Merchant,
    /// How it is paid.
    Method,
    /// What is bought.
    Category,
}

/// The time before an authorization that a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum VelocityWindow {
    /// 60 minutes.
    #[serde(rename = "1 hour")]
    Hour,
    /// 24 hours.
    #[serde(rename = "24 hours")]
    Day,
    /// The calendar month, in the house's zone.
    #[serde(rename = "month")]
    Month,
}

impl VelocityWindow {
    /// As settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "1 hour",
            Self::Day => "24 hours",
            Self::Month => "month",
        }
    }
}

/// What becomes of an authorization above a limit, the strictest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is booked, and a break is opened.
    Flag,
    /// As flag, and what is captured of it is set aside until a person releases it.
    Hold,
    /// It is not booked.
    Refuse,
}

impl Action {
    /// Every one, the strictest last.
    pub const ALL: [Self; 3] = [Self::Flag, Self::Hold, Self::Refuse];

    /// As settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Hold => "hold",
            Self::Refuse => "refuse",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// A velocity rule. Its version is that of the settings that hold it.
#[derive(Debug, Clone, PartialEq)]
pub struct VelocityRule {
    /// Its name.
    pub name: String,
    /// What is counted together; holds payer or merchant.
    pub per: BTreeSet<Per>,
    /// It looks at this method only.
    pub method: Option<String>,
    /// It looks at this category only.
    pub category: Option<String>,
    /// How far back it looks.
    pub window: VelocityWindow,
    /// The most authorizations in a window, this one included.
    pub max_count: Option<i64>,
    /// The most that they may come to, this one included; currencies not listed have no limit.
    pub max_sum: Amounts,
    /// What becomes of one that is above either.
    pub action: Action,
}

impl<'t> Reader<'t> {
    pub(super) fn velocity_rule(&mut self, table: Table<'t>, name: &str) -> Option<VelocityRule> {
        self.only(
            table,
            &[
                "name",
                "per",
                "method",
                "category",
                "window",
                "max_count",
                "max_sum",
                "action",
            ],
        );
        let per = self.per(table);
        let method = self.optional_reference(table, "method");
        let category = self.optional_reference(table, "category");
        let window = self.word(table, "window");
        let max_count = self.max_count(table);
        let max_sum = self.amounts(table, "max_sum");
        let action = self.word(table, "action");
        let sums = match table.get("max_sum") {
            Some((_, DeValue::Table(sums))) => !sums.is_empty(),
            sums => sums.is_some(),
        };
        if table.get("max_count").is_none() && !sums {
            self.found(
                table.at,
                format!("{} needs `max_count`, `max_sum`, or both", table.name),
            );
        }
        Some(VelocityRule {
            name: name.to_owned(),
            per: per?,
            method: method?.map(str::to_owned),
            category: category?.map(str::to_owned),
            window: window?,
            max_count: max_count?,
            max_sum,
            action: action?,
        })
    }

    fn per(&mut self, table: Table<'t>) -> Option<BTreeSet<Per>> {
        const FIELD: &str = "per";
        const WANTED: &str = "a list, like [\"payer\", \"merchant\"]";
        let (at, items) = match table.get(FIELD) {
            None => {
                self.missing(table, FIELD);
                return None;
            }
            Some((at, DeValue::Array(items))) => (at, items),
            Some((at, value)) => return self.wrong_type(at, FIELD, value, WANTED),
        };
        let mut per = Some(BTreeSet::new());
        for item in items.iter() {
            let at = item.span().start;
            let word = match item.get_ref() {
                DeValue::String(word) => Per::deserialize(StrDeserializer::<serde::de::value::Error>::new(word))
                    .map_err(|error| self.found(at, format!("`{FIELD}`: {}", shorten(&error.to_string(), 200))))
                    .ok(),
                value => self.wrong_type(at, FIELD, value, WANTED),
            };
            match (&mut per, word) {
                (Some(all), Some(word)) => {
                    if !all.insert(word) {
                        self.found(at, format!("`{FIELD}` names the same twice"));
                    }
                }
                (_, None) => per = None,
                (None, Some(_)) => {}
            }
        }
        let per = per?;
        if !per.contains(&Per::Payer) && !per.contains(&Per::Merchant) {
            self.found(at, format!("`{FIELD}` must name payer, merchant, or both"));
            return None;
        }
        Some(per)
    }

    /// A whole number above zero that may be absent. `None` where it is there and wrong.
    fn max_count(&mut self, table: Table<'t>) -> Option<Option<i64>> {
        const FIELD: &str = "max_count";
        let (at, integer) = match table.get(FIELD) {
            None => return Some(None),
            Some((at, DeValue::Integer(integer))) => (at, integer),
            Some((at, value)) => return self.wrong_type(at, FIELD, value, "a whole number"),
        };
        let count = i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|count| *count > 0);
        if count.is_none() {
            self.found(at, format!("`{FIELD}` must be a whole number above 0"));
        }
        count.map(Some)
    }
}
