//! How long an authorization may be captured, and a capture refunded. What the spans mean in days is for `payment` to say.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::DeValue;

use super::Amounts;
use super::reader::{Reader, Table, Text};
use crate::card_number::shorten;

/// The longest time that an authorization can be valid; longer is a slip of the pen.
const VALID_HOURS_LIMIT: u32 = 366 * 24;
/// The longest refund window in months; likewise.
const MONTHS_LIMIT: u16 = 60;
/// The longest refund window in days: as long.
const DAYS_LIMIT: u16 = 1830;
/// The most partial refunds of a payment that a rule may name; more is no limit.
const PARTIAL_REFUNDS_LIMIT: u16 = 10_000;

/// Whether an authorization is for the final amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthType {
    /// For the amount that will be captured.
    Final,
    /// An estimate, which may be increased.
    Pre,
}

impl AuthType {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Final, Self::Pre];

    /// The name in settings and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Pre => "pre",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// Who asked for an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initiator {
    /// The shopper, who is there.
    Customer,
    /// The merchant, by an agreement with the shopper.
    Merchant,
}

impl Initiator {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Customer, Self::Merchant];

    /// The name in settings and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Merchant => "merchant",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// A row of the validity table: how long an authorization of a kind may be captured. A field that is left out fits any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validity {
    /// The card scheme, as events name it.
    pub scheme: Option<String>,
    /// Final or an estimate.
    pub auth_type: Option<AuthType>,
    /// Who asked for it.
    pub initiator: Option<Initiator>,
    /// From the authorization on, in hours of clocks that do not change: a day is 24.
    pub hours: u32,
}

/// How long after a capture something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// To the same day so many months later, or the last of that month where it is shorter.
    Months(u16),
    /// So many days.
    Days(u16),
    /// To the end of the month of the capture.
    CalendarMonthEnd,
}

impl Window {
    /// Reads `3 months`, `90 days` or `calendar_month_end`.
    ///
    /// Errors: any other text, and spans that are empty or too long, each with what to write instead.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        if text == "calendar_month_end" {
            return Ok(Self::CalendarMonthEnd);
        }
        let not_a_window = || SpanError::NotAWindow(shorten(text, 40));
        let (count, unit) = span(text).ok_or_else(not_a_window)?;
        let within = |limit: u16, unit| {
            let count = u16::try_from(count).ok().filter(|count| (1..=limit).contains(count));
            count.ok_or(SpanError::OutOfRange(shorten(text, 40), u32::from(limit), unit))
        };
        match unit {
            "month" | "months" => within(MONTHS_LIMIT, "months").map(Self::Months),
            "day" | "days" => within(DAYS_LIMIT, "days").map(Self::Days),
            _ => Err(not_a_window()),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Months(1) => f.write_str("1 month"),
            Self::Months(count) => write!(f, "{count} months"),
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(count) => write!(f, "{count} days"),
            Self::CalendarMonthEnd => f.write_str("calendar_month_end"),
        }
    }
}

/// Why a text is no span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Not a window.
    #[error("`{0}` is not a window: write one like \"3 months\" or \"90 days\", or \"calendar_month_end\"")]
    NotAWindow(String),
    /// Not hours or days.
    #[error("`{0}` is not a time: write one like \"7 days\" or \"114 hours\"")]
    NotATime(String),
    /// Nothing, or more than anybody means: the text, the most that is accepted, its unit.
    #[error("`{0}` must be from 1 to {1} {2}")]
    OutOfRange(String, u32, &'static str),
}

/// A count and a unit with one blank between them; the count may be any number of digits long.
fn span(text: &str) -> Option<(u32, &str)> {
    let (count, unit) = text.split_once(' ')?;
    let digits = !count.is_empty() && count.len() <= 40 && count.bytes().all(|byte| byte.is_ascii_digit());
    // More than fits is too long for any limit.
    digits.then(|| (count.parse().unwrap_or(u32::MAX), unit))
}

/// Reads `7 days` or `114 hours`, as hours.
fn hours(text: &str) -> Result<u32, SpanError> {
    let not_a_time = || SpanError::NotATime(shorten(text, 40));
    let (count, unit) = span(text).ok_or_else(not_a_time)?;
    let (each, unit) = match unit {
        "hour" | "hours" => (1, "hours"),
        "day" | "days" => (24, "days"),
        _ => return Err(not_a_time()),
    };
    let hours = count
        .checked_mul(each)
        .filter(|hours| (1..=VALID_HOURS_LIMIT).contains(hours));
    let limit = VALID_HOURS_LIMIT.checked_div(each).unwrap_or_default();
    hours.ok_or_else(|| SpanError::OutOfRange(shorten(text, 40), limit, unit))
}

/// How long a capture may be refunded, and in which parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRule {
    /// How long it may be refunded at all.
    pub window: Window,
    /// How long the way it came can take it back; afterwards a refund goes by bank transfer.
    pub rail: Window,
    /// How many refunds of a payment may leave something of it; without it, any number.
    pub max_partial_refunds: Option<u16>,
    /// The least that is refunded where something is left; currencies not listed: anything.
    pub minimum: Amounts,
}

impl Default for RefundRule {
    /// Three months, all of them by the way it came.
    fn default() -> Self {
        Self {
            window: Window::Months(3),
            rail: Window::Months(3),
            max_partial_refunds: None,
            minimum: Amounts::new(),
        }
    }
}

/// The refund rules of all methods.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefundRules {
    /// What governs a method without a rule of its own.
    pub default: RefundRule,
    /// Rules by payment method.
    pub by_method: BTreeMap<String, RefundRule>,
}

impl RefundRules {
    /// The rule of a method.
    pub fn of(&self, method: Option<&str>) -> &RefundRule {
        let own = method.and_then(|method| self.by_method.get(method));
        own.unwrap_or(&self.default)
    }
}

impl<'t> Reader<'t> {
    /// `[[validity]]`: the table, no row twice.
    pub(super) fn validity(&mut self, root: Table<'t>) -> Vec<Validity> {
        let mut rows: Vec<Validity> = Vec::new();
        // Rows are told apart by what they are for, also those with a time that cannot be read.
        let mut seen: Vec<(Option<&str>, Option<&str>, Option<&str>)> = Vec::new();
        for table in self.tables(root, "validity") {
            self.only(table, &["scheme", "auth_type", "initiator", "valid_for"]);
            let scheme = self.optional_reference(table, "scheme");
            let auth_type = self.optional_name(
                table,
                "auth_type",
                AuthType::from_name,
                &AuthType::ALL.map(AuthType::name),
            );
            let initiator = self.optional_name(
                table,
                "initiator",
                Initiator::from_name,
                &Initiator::ALL.map(Initiator::name),
            );
            let valid_for = self.text(table, "valid_for").and_then(|text| {
                let hours = hours(text.text);
                hours
                    .map_err(|error| self.found(text.at, format!("`valid_for`: {error}")))
                    .ok()
            });
            let (Some(scheme), Some(auth_type), Some(initiator)) = (scheme, auth_type, initiator) else {
                continue;
            };
            let key = (scheme, auth_type.map(AuthType::name), initiator.map(Initiator::name));
            if seen.contains(&key) {
                self.found(
                    table.at,
                    "there is another validity for the same scheme, auth_type and initiator".to_owned(),
                );
            }
            seen.push(key);
            if let Some(hours) = valid_for {
                rows.push(Validity {
                    scheme: scheme.map(str::to_owned),
                    auth_type,
                    initiator,
                    hours,
                });
            }
        }
        rows
    }

    /// `[[refund]]`: at most one without a method, and one a method.
    pub(super) fn refunds(&mut self, root: Table<'t>) -> RefundRules {
        let mut rules = RefundRules::default();
        let mut seen: Vec<Option<&str>> = Vec::new();
        for table in self.tables(root, "refund") {
            self.only(table, &["method", "window", "rail", "max_partial_refunds", "minimum"]);
            let method = self.optional_reference(table, "method");
            let window = self.window(table, "window", RefundRule::default().window);
            let rail = self.window(table, "rail", window.unwrap_or(RefundRule::default().rail));
            let max_partial_refunds = self.partial_refunds(table);
            let minimum = self.minimum_refund(table);
            let Some(method) = method else { continue };
            if seen.contains(&method) {
                self.found(
                    table.at,
                    match method {
                        Some(method) => format!("there is another refund for the method `{}`", shorten(method, 40)),
                        None => "there is another refund without a method".to_owned(),
                    },
                );
            }
            seen.push(method);
            let (Some(window), Some(rail), Some(max_partial_refunds)) = (window, rail, max_partial_refunds) else {
                continue;
            };
            let rule = RefundRule {
                window,
                rail,
                max_partial_refunds,
                minimum,
            };
            match method {
                Some(method) => {
                    rules.by_method.insert(method.to_owned(), rule);
                }
                None => rules.default = rule,
            }
        }
        rules
    }

    /// How many partial refunds, which may be left out; 0 means that only all that is left is refunded.
    fn partial_refunds(&mut self, table: Table<'t>) -> Option<Option<u16>> {
        const FIELD: &str = "max_partial_refunds";
        let (at, integer) = match table.get(FIELD) {
            None => return Some(None),
            Some((at, DeValue::Integer(integer))) => (at, integer),
            Some((at, value)) => return self.wrong_type(at, FIELD, value, "a whole number"),
        };
        let most = u16::from_str_radix(integer.as_str(), integer.radix()).ok();
        let most = most.filter(|most| *most <= PARTIAL_REFUNDS_LIMIT);
        if most.is_none() {
            self.found(at, format!("`{FIELD}` must be from 0 to {PARTIAL_REFUNDS_LIMIT}"));
        }
        most.map(Some)
    }

    /// The least that is refunded, by currency: nothing is no limit, and a slip of the pen.
    fn minimum_refund(&mut self, table: Table<'t>) -> Amounts {
        let minimum = self.amounts(table, "minimum");
        for (currency, least) in &minimum {
            if least.minor() > 0 {
                continue;
            }
            let at = table.get("minimum").map_or(table.at, |(at, _)| at);
            self.found(
                at,
                format!("`minimum` in {currency} must be above zero: leave it out where there is none"),
            );
        }
        minimum
    }

    /// A window that may be left out. `None` where it is there and wrong.
    fn window(&mut self, table: Table<'t>, field: &str, otherwise: Window) -> Option<Window> {
        if table.get(field).is_none() {
            return Some(otherwise);
        }
        let text = self.text(table, field)?;
        let window = Window::parse(text.text);
        window
            .map_err(|error| self.found(text.at, format!("`{field}`: {error}")))
            .ok()
    }

    /// The tables of an array that have no names.
    fn tables(&mut self, root: Table<'t>, name: &'static str) -> Vec<Table<'t>> {
        self.listed_tables(root, name, name, &format!("[[{name}]]"))
    }

    /// A reference that may be left out. `None` where it is there and wrong.
    pub(super) fn optional_reference(&mut self, table: Table<'t>, field: &str) -> Option<Option<&'t str>> {
        match table.get(field) {
            None => Some(None),
            Some(_) => self.reference(table, field).map(Some),
        }
    }

    /// One of a few names, which may be left out. `None` where it is there and wrong.
    fn optional_name<T>(
        &mut self,
        table: Table<'t>,
        field: &str,
        from_name: impl Fn(&str) -> Option<T>,
        names: &[&str],
    ) -> Option<Option<T>> {
        if table.get(field).is_none() {
            return Some(None);
        }
        let Text { at, text } = self.text(table, field)?;
        let known = from_name(text);
        if known.is_none() {
            let shown = shorten(text, 40);
            self.found(
                at,
                format!("`{field}` must be one of {}, not `{shown}`", names.join(", ")),
            );
        }
        known.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let window = Window::parse(text);
        let (shown, expected) = match expected {
            Ok(expected) => (window.map(|window| window.to_string()), Ok(expected.to_owned())),
            Err(reason) => (
                window.map(|window| window.to_string()),
                Err(format!("`{text}` {reason}")),
            ),
        };
        assert_eq!(shown.map_err(|error| error.to_string()), expected);
    }

    #[test]
    fn windows_have_three_forms() {
        let form = "is not a window: write one like \"3 months\" or \"90 days\", or \"calendar_month_end\"";
        check("3 months", Ok("3 months"));
        check("1 month", Ok("1 month"));
        check("1 months", Ok("1 month"));
        check("60 months", Ok("60 months"));
        check("90 days", Ok("90 days"));
        check("1 day", Ok("1 day"));
        check("calendar_month_end", Ok("calendar_month_end"));
        for text in [
            "",
            "3",
            "months",
            "3months",
            "3  months",
            " 3 months",
            "3 months ",
            "3 weeks",
            "3 Months",
            "-3 days",
            "+3 days",
            "3.5 months",
            "three months",
            "３ days",
            "calendar month end",
            "0x3 days",
            "3 years",
        ] {
            check(text, Err(form));
        }
        check("0 days", Err("must be from 1 to 1830 days"));
        check("1831 days", Err("must be from 1 to 1830 days"));
        check("61 months", Err("must be from 1 to 60 months"));
        check("99999999999999999999 months", Err("must be from 1 to 60 months"));
        assert!(
            !Window::parse("4111111111111111 x")
                .expect_err("no window")
                .to_string()
                .contains("4111111111111111")
        );
    }

    #[test]
    fn an_authorization_is_valid_for_hours_or_days() {
        let check = |text: &str, expected: Result<u32, &str>| {
            let read = hours(text).map_err(|error| error.to_string());
            assert_eq!(read, expected.map_err(|reason| format!("`{text}` {reason}")), "{text}");
        };
        check("7 days", Ok(168));
        check("114 hours", Ok(114));
        check("1 day", Ok(24));
        check("1 hour", Ok(1));
        check("366 days", Ok(8784));
        check("8784 hours", Ok(8784));
        check("0 hours", Err("must be from 1 to 8784 hours"));
        check("8785 hours", Err("must be from 1 to 8784 hours"));
        check("367 days", Err("must be from 1 to 366 days"));
        check("4294967295 days", Err("must be from 1 to 366 days"));
        for text in ["", "7", "7 months", "7d", "4 days 18 hours"] {
            check(text, Err("is not a time: write one like \"7 days\" or \"114 hours\""));
        }
    }

    #[test]
    fn names_are_names_both_ways() {
        for auth_type in AuthType::ALL {
            assert_eq!(AuthType::from_name(auth_type.name()), Some(auth_type));
            let json = serde_json::to_string(&auth_type).expect("JSON");
            assert_eq!(json, format!("\"{}\"", auth_type.name()));
        }
        for initiator in Initiator::ALL {
            assert_eq!(Initiator::from_name(initiator.name()), Some(initiator));
            let json = serde_json::to_string(&initiator).expect("JSON");
            assert_eq!(json, format!("\"{}\"", initiator.name()));
        }
        assert_eq!((AuthType::from_name("Final"), Initiator::from_name("")), (None, None));
    }
}
