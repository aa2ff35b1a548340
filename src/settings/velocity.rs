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
                value @ (DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_)
                | DeValue::Table(_)) => self.wrong_type(at, FIELD, value, WANTED),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    const COMPLETE: &str = r#"effective_from = "2026-01-01"

[house]
name = "Example Payments"
time_zone = "Asia/Seoul"
bank_account = "main"

[[velocity_rule]]
name = "many-per-hour"
per = ["payer", "merchant", "method", "category"]
method = "carrier"
category = "voucher"
window = "1 hour"
max_count = 5
max_sum = { KRW = "100000", EUR = "80.00" }
action = "hold"

[[velocity_rule]]
name = "all-of-a-merchant"
per = ["merchant"]
window = "month"
max_count = 1_000
action = "flag"
"#;

    /// The complete file with one thing in it changed.
    #[track_caller]
    fn check(from: &str, to: &str, expected: &[&str]) {
        assert!(COMPLETE.contains(from), "{from} is not in the file");
        let text = COMPLETE.replacen(from, to, 1);
        let error = Settings::parse(&text).expect_err("a finding");
        let found = error.to_string();
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{from} -> {to}");
    }

    #[test]
    fn right_rules_are_read_whole() {
        let settings = Settings::parse(COMPLETE).expect("no finding");
        let [all, many] = settings.velocity_rules.as_slice() else {
            panic!("two rules");
        };
        assert_eq!(
            (all.name.as_str(), many.name.as_str()),
            ("all-of-a-merchant", "many-per-hour")
        );
        assert_eq!(
            many.per,
            BTreeSet::from([Per::Payer, Per::Merchant, Per::Method, Per::Category])
        );
        assert_eq!(
            (many.method.as_deref(), many.category.as_deref()),
            (Some("carrier"), Some("voucher"))
        );
        assert_eq!((many.window, many.action), (VelocityWindow::Hour, Action::Hold));
        assert_eq!(many.max_count, Some(5));
        assert_eq!(format!("{:?}", many.max_sum), "{EUR: 80.00 EUR, KRW: 100000 KRW}");
        assert_eq!(all.per, BTreeSet::from([Per::Merchant]));
        assert_eq!((all.method.as_deref(), all.category.as_deref()), (None, None));
        assert_eq!((all.window, all.action), (VelocityWindow::Month, Action::Flag));
        assert_eq!((all.max_count, all.max_sum.len()), (Some(1000), 0));
    }

    #[test]
    fn no_rule_is_needed() {
        let text = COMPLETE.split("[[velocity_rule]]").next().expect("a beginning");
        assert_eq!(Settings::parse(text).expect("no finding").velocity_rules, []);
    }

    #[test]
    fn a_rule_counts_by_payer_or_merchant() {
        check(
            "per = [\"merchant\"]",
            "per = [\"category\", \"method\"]",
            &["line 20, column 7: `per` must name payer, merchant, or both"],
        );
        check(
            "per = [\"merchant\"]",
            "per = []",
            &["line 20, column 7: `per` must name payer, merchant, or both"],
        );
        check(
            "per = [\"merchant\"]",
            "per = [\"merchant\", \"line\"]",
            &[
                "line 20, column 20: `per`: unknown variant `line`, expected one of `payer`, `merchant`, `method`, `category`",
            ],
        );
        check(
            "per = [\"merchant\"]",
            "per = [\"merchant\", \"merchant\"]",
            &["line 20, column 20: `per` names the same twice"],
        );
        check(
            "per = [\"merchant\"]",
            "per = \"merchant\"",
            &["line 20, column 7: `per` must be a list, like [\"payer\", \"merchant\"], not string"],
        );
        check(
            "per = [\"merchant\"]",
            "per = [1]",
            &["line 20, column 8: `per` must be a list, like [\"payer\", \"merchant\"], not integer"],
        );
        check(
            "per = [\"merchant\"]\n",
            "",
            &["line 18, column 1: velocity_rule needs `per`"],
        );
    }

    #[test]
    fn a_rule_has_a_limit_above_nothing() {
        let none = "line 18, column 1: velocity_rule needs `max_count`, `max_sum`, or both";
        check("max_count = 1_000\n", "", &[none]);
        check("max_count = 1_000\n", "max_sum = {}\n", &[none]);
        for (count, column) in [("0", 13), ("-1", 13), ("99999999999999999999", 13)] {
            check(
                "max_count = 1_000",
                &format!("max_count = {count}"),
                &[&format!(
                    "line 22, column {column}: `max_count` must be a whole number above 0"
                )],
            );
        }
        check(
            "max_count = 1_000",
            "max_count = \"5\"",
            &["line 22, column 13: `max_count` must be a whole number, not string"],
        );
        check(
            "KRW = \"100000\"",
            "KRW = \"0.5\"",
            &["line 15, column 19: `0.5` has more decimals than KRW allows (0)"],
        );
        check(
            "max_count = 1_000\n",
            "max_sum = \"5\"\n",
            &["line 22, column 11: `max_sum` must be a table, like { EUR = \"0.30\" }, not string"],
        );
    }

    #[test]
    fn windows_actions_names_and_fields_are_known() {
        check(
            "window = \"month\"",
            "window = \"1 week\"",
            &["line 21, column 10: `window`: unknown variant `1 week`, expected one of `1 hour`, `24 hours`, `month`"],
        );
        check(
            "action = \"flag\"",
            "action = \"accept\"",
            &["line 23, column 10: `action`: unknown variant `accept`, expected one of `flag`, `hold`, `refuse`"],
        );
        check(
            "\"all-of-a-merchant\"",
            "\"many-per-hour\"",
            &["line 19, column 8: there is another velocity_rule of the name `many-per-hour`"],
        );
        check(
            "method = \"carrier\"",
            "method = \"\"",
            &["line 11, column 10: `method` is empty"],
        );
        check(
            "category = \"voucher\"",
            "categories = \"voucher\"",
            &[
                "line 12, column 1: `categories` is not a field of velocity_rule: known are name, per, method, category, window, max_count, max_sum, action",
            ],
        );
    }
}
