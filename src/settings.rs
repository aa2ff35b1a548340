//! Settings: the one TOML that a deployment is described by.
//!
//! A version of it is in force from its `effective_from` day until a later one begins; every version is kept whole in the
//! database. Reading refuses anything it does not know, and says where: line, column, and what to write instead.
//!
//! The text is parsed into a document with positions, which is then walked field by field: a derived reader would stop at the
//! first field that it does not like, and here every finding of the file comes back at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::de::value::StrDeserializer;
use toml::de::{DeTable, DeValue};

use crate::card_number::{mask, shorten};
use crate::dates::parse_day;
use crate::ids::{ReferenceError, check_reference};
use crate::money::{Currency, Money, Rounding};

/// Amounts by currency.
pub type Amounts = BTreeMap<Currency, Money>;

/// A settings file, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The first booking date it governs.
    pub effective_from: NaiveDate,
    /// Ourselves.
    pub house: House,
    /// Acquirers by name.
    pub acquirers: BTreeMap<String, Acquirer>,
    /// Merchant fee schedules by name.
    pub fee_schedules: BTreeMap<String, FeeSchedule>,
    /// What a payout must be worth.
    pub payout: PayoutRules,
    /// Merchants by name.
    pub merchants: BTreeMap<String, Merchant>,
}

/// The payment company.
#[derive(Debug, Clone, PartialEq)]
pub struct House {
    /// Its name, as a payout's debtor.
    pub name: String,
    /// The zone whose midnight divides booking dates.
    pub time_zone: Tz,
    /// The bank account that receives settlements and pays merchants: the dimension of account 1010.
    pub bank_account: Arc<str>,
}

/// Whether an acquirer takes its fees out of each settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// Fees are taken out of each line; costs are booked from the file.
    Net,
    /// Lines settle in full; fees are invoiced later.
    Gross,
}

/// An acquirer and our contract with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Acquirer {
    /// Its name: the dimension of its accounts.
    pub name: Arc<str>,
    /// Net or gross settlement.
    pub contract: Contract,
    /// How many days after its booking date an item is expected in a settlement file, at the latest.
    pub settles_within_days: u16,
    /// The largest difference of gross amounts, per line, that is booked as rounding instead of as a break. None for currencies
    /// not listed.
    pub tolerance: Amounts,
    /// What a captured item should cost by contract; none where costs are not known beforehand.
    pub cost: Option<CostContract>,
}

/// What an acquirer should charge for a capture under a blended contract.
#[derive(Debug, Clone, PartialEq)]
pub struct CostContract {
    /// Fraction of the gross: 0.014 for 1.4 %.
    pub percentage: Decimal,
    /// Per item; currencies not listed are not checked.
    pub fixed: Amounts,
    /// How the percentage is rounded to a minor unit.
    pub rounding: Rounding,
    /// The largest difference that is not a break. Currencies not listed: none.
    pub tolerance: Amounts,
}

/// A blended merchant fee: a percentage of the capture plus a fixed amount.
#[derive(Debug, Clone, PartialEq)]
pub struct FeeSchedule {
    /// Its name.
    pub name: String,
    /// Fraction of the gross: 0.029 for 2.9 %.
    pub percentage: Decimal,
    /// Per capture, for each currency that the schedule prices; a capture in any other is refused.
    pub fixed: Amounts,
    /// How the percentage is rounded to a minor unit.
    pub rounding: Rounding,
}

/// What a payout must be worth.
#[derive(Debug, Clone, PartialEq)]
pub struct PayoutRules {
    /// The smallest payout; less is carried forward. Currencies not listed: any amount above zero.
    pub minimum: Amounts,
}

/// A merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The name that events use.
    pub name: String,
    /// The name of its fee schedule.
    pub fee_schedule: String,
    /// Where its payouts go; without one, nothing is paid out.
    pub destination: Option<Destination>,
}

/// A bank account that payouts are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Whose account it is.
    pub holder: String,
    /// IBAN or account number.
    pub account: String,
    /// BIC or bank code; may be empty for an IBAN.
    pub bank: String,
}

/// One thing that is wrong in a settings file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line, the first being 1.
    pub line: usize,
    /// The column in characters, the first being 1.
    pub column: usize,
    /// What is wrong, and what to write instead; card numbers masked.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// Everything that is wrong in a settings file, in the order of the file. A text that is not TOML has one finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.findings))]
pub struct SettingsError {
    /// At least one.
    pub findings: Vec<Finding>,
}

fn lines(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    lines.join("\n")
}

/// The most decimals of a percentage: a millionth of a percent is finer than any contract.
const PERCENT_DECIMALS: usize = 6;
/// The longest time that an acquirer may take; longer is a slip of the pen.
const SETTLES_WITHIN_LIMIT: u16 = 366;

impl Settings {
    /// Reads a settings file. Either all of it is right, or every finding comes back.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let document = DeTable::parse(text);
        let mut reader = Reader::new(text);
        let read = match &document {
            Ok(document) => reader.settings(document.get_ref()),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                reader.found(at, format!("this is not TOML: {}", mask(error.message().trim())));
                None
            }
        };
        reader.comments();
        let findings = reader.into_findings();
        match read {
            Some(settings) if findings.is_empty() => Ok(settings),
            _ => Err(SettingsError { findings }),
        }
    }
}

/// A text and where it begins.
#[derive(Clone, Copy)]
struct Text<'t> {
    at: usize,
    text: &'t str,
}

/// A table, what to call it, and where it begins.
#[derive(Clone, Copy)]
struct Table<'t> {
    name: &'static str,
    at: usize,
    fields: &'t DeTable<'t>,
}

impl<'t> Table<'t> {
    fn get(&self, field: &str) -> Option<(usize, &'t DeValue<'t>)> {
        let value = self.fields.get(field)?;
        Some((value.span().start, value.get_ref()))
    }
}

/// Reads a document and keeps what is wrong as it goes. A method that gives `None` has said why.
struct Reader<'t> {
    source: &'t str,
    found: Vec<(usize, String)>,
}

impl<'t> Reader<'t> {
    fn new(source: &'t str) -> Self {
        let found = Vec::new();
        Self { source, found }
    }

    fn found(&mut self, at: usize, message: String) {
        self.found.push((at, message));
    }

    /// Refuses card numbers in comments: the file is kept whole, and nothing else looks at them.
    fn comments(&mut self) {
        let mut start = 0_usize;
        for line in self.source.split_inclusive('\n') {
            if let Some(place) = line.find('#')
                && crate::card_number::is_in(line.get(place..).unwrap_or_default())
            {
                let message = "the comment holds a card number; card numbers are never stored";
                self.found(start.saturating_add(place), message.to_owned());
            }
            start = start.saturating_add(line.len());
        }
    }

    /// The findings with lines and columns, found in one walk over the text.
    fn into_findings(mut self) -> Vec<Finding> {
        self.found.sort();
        let (mut line, mut line_start, mut walked) = (1_usize, 0_usize, 0_usize);
        let mut findings = Vec::with_capacity(self.found.len());
        for (at, message) in self.found {
            for (offset, _) in self.source.get(walked..at).unwrap_or("").match_indices('\n') {
                line = line.saturating_add(1);
                line_start = walked.saturating_add(offset).saturating_add(1);
            }
            walked = walked.max(at);
            let before = self.source.get(line_start..at).unwrap_or("");
            let column = before.chars().count().saturating_add(1);
            findings.push(Finding { line, column, message });
        }
        findings
    }

    fn settings(&mut self, fields: &'t DeTable<'t>) -> Option<Settings> {
        let (name, at) = ("the file", 0);
        let root = Table { name, at, fields };
        self.only(
            root,
            &[
                "effective_from",
                "house",
                "acquirer",
                "fee_schedule",
                "payout",
                "merchant",
            ],
        );
        let effective_from = self.day(root, "effective_from");
        let house = self.table(root, "house").and_then(|table| self.house(table));
        let acquirers = self.named(root, "acquirer", Self::acquirer);
        let fee_schedules = self.named(root, "fee_schedule", Self::fee_schedule);
        let payout = self.optional(root, "payout", Self::payout);
        let schedule_known = |name: &str| fee_schedules.contains_key(name);
        let merchants = self.named(root, "merchant", |reader, table, name| {
            reader.merchant(table, name, &schedule_known)
        });
        Some(Settings {
            effective_from: effective_from?,
            house: house?,
            payout: PayoutRules {
                minimum: payout?.unwrap_or_default(),
            },
            acquirers: right(acquirers),
            fee_schedules: right(fee_schedules),
            merchants: right(merchants),
        })
    }

    fn house(&mut self, table: Table<'t>) -> Option<House> {
        self.only(table, &["name", "time_zone", "bank_account"]);
        let name = self.reference(table, "name");
        let time_zone = self.text(table, "time_zone").and_then(|zone| {
            let known = zone.text.parse::<Tz>().ok();
            if known.is_none() {
                let zone_text = shorten(zone.text, 40);
                self.found(
                    zone.at,
                    format!("`{zone_text}` is not a time zone: write one like \"Europe/Berlin\""),
                );
            }
            known
        });
        let bank_account = self.reference(table, "bank_account");
        Some(House {
            name: name?.to_owned(),
            time_zone: time_zone?,
            bank_account: bank_account?.into(),
        })
    }

    fn acquirer(&mut self, table: Table<'t>, name: &str) -> Option<Acquirer> {
        self.only(table, &["name", "contract", "settles_within_days", "tolerance", "cost"]);
        let contract = self.word(table, "contract");
        let settles_within_days = self.days(table, "settles_within_days");
        let tolerance = self.amounts(table, "tolerance");
        let cost = self.optional(table, "cost", Self::cost);
        Some(Acquirer {
            name: name.into(),
            contract: contract?,
            settles_within_days: settles_within_days?,
            tolerance,
            cost: cost?,
        })
    }

    fn cost(&mut self, table: Table<'t>) -> Option<CostContract> {
        self.only(table, &["percentage", "fixed", "rounding", "tolerance"]);
        let percentage = self.percentage(table);
        let fixed = self.required_amounts(table, "fixed");
        let rounding = self.word(table, "rounding");
        let tolerance = self.amounts(table, "tolerance");
        Some(CostContract {
            percentage: percentage?,
            fixed: fixed?,
            rounding: rounding?,
            tolerance,
        })
    }

    fn fee_schedule(&mut self, table: Table<'t>, name: &str) -> Option<FeeSchedule> {
        self.only(table, &["name", "percentage", "fixed", "rounding"]);
        let percentage = self.percentage(table);
        let fixed = self.required_amounts(table, "fixed");
        let rounding = self.word(table, "rounding");
        Some(FeeSchedule {
            name: name.to_owned(),
            percentage: percentage?,
            fixed: fixed?,
            rounding: rounding?,
        })
    }

    fn payout(&mut self, table: Table<'t>) -> Option<Amounts> {
        self.only(table, &["minimum"]);
        Some(self.amounts(table, "minimum"))
    }

    fn merchant(&mut self, table: Table<'t>, name: &str, schedule_known: &dyn Fn(&str) -> bool) -> Option<Merchant> {
        self.only(table, &["name", "fee_schedule", "destination"]);
        let fee_schedule = self.text(table, "fee_schedule");
        if let Some(schedule) = fee_schedule.filter(|schedule| !schedule_known(schedule.text)) {
            let wanted = shorten(schedule.text, 40);
            self.found(
                schedule.at,
                format!("`{wanted}` is not a fee schedule: there is no [[fee_schedule]] of that name"),
            );
        }
        let destination = self.optional(table, "destination", Self::destination);
        Some(Merchant {
            name: name.to_owned(),
            fee_schedule: fee_schedule?.text.to_owned(),
            destination: destination?,
        })
    }

    fn destination(&mut self, table: Table<'t>) -> Option<Destination> {
        self.only(table, &["holder", "account", "bank"]);
        let holder = self.reference(table, "holder");
        // Not looked through for card numbers: account numbers of 13 to 16 digits are common, and one in ten passes the check.
        let account = self
            .text(table, "account")
            .and_then(|account| self.checked("account", account, |error| error != ReferenceError::CardNumber));
        let bank = match table.get("bank") {
            Some((_, DeValue::String(bank))) if bank.is_empty() => Some(""),
            Some(_) => self.reference(table, "bank"),
            None => Some(""),
        };
        Some(Destination {
            holder: holder?.to_owned(),
            account: account?.to_owned(),
            bank: bank?.to_owned(),
        })
    }

    /// Refuses every field that is not listed.
    fn only(&mut self, table: Table<'t>, known: &[&str]) {
        for key in table
            .fields
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
        {
            let (field, known, name) = (shorten(key.get_ref(), 40), known.join(", "), table.name);
            self.found(
                key.span().start,
                format!("`{field}` is not a field of {name}: known are {known}"),
            );
        }
    }

    fn missing(&mut self, table: Table<'t>, field: &str) {
        self.found(table.at, format!("{} needs `{field}`", table.name));
    }

    /// A required table.
    fn table(&mut self, parent: Table<'t>, name: &'static str) -> Option<Table<'t>> {
        match parent.get(name) {
            None => {
                self.missing(parent, name);
                None
            }
            Some((at, DeValue::Table(fields))) => Some(Table { name, at, fields }),
            Some((at, value)) => self.wrong_type(at, name, value, "a table"),
        }
    }

    /// A table that may be absent. `None` where it is there and wrong.
    fn optional<T>(
        &mut self,
        parent: Table<'t>,
        name: &'static str,
        read: impl Fn(&mut Self, Table<'t>) -> Option<T>,
    ) -> Option<Option<T>> {
        match parent.get(name) {
            None => Some(None),
            Some(_) => self.table(parent, name).and_then(|table| read(self, table)).map(Some),
        }
    }

    fn wrong_type<T>(&mut self, at: usize, field: &str, value: &DeValue<'_>, wanted: &str) -> Option<T> {
        let kind = value.type_str();
        self.found(at, format!("`{field}` must be {wanted}, not {kind}"));
        None
    }

    /// An array of tables that are told apart by their names. One that is wrong keeps its name, so that what refers to it is
    /// not found wrong too.
    fn named<T>(
        &mut self,
        root: Table<'t>,
        name: &'static str,
        read: impl Fn(&mut Self, Table<'t>, &'t str) -> Option<T>,
    ) -> BTreeMap<String, Option<T>> {
        let mut all = BTreeMap::new();
        let items = match root.get(name) {
            None => return all,
            Some((_, DeValue::Array(items))) => items,
            Some((at, value)) => {
                self.wrong_type::<()>(at, name, value, &format!("a list of tables: write [[{name}]]"));
                return all;
            }
        };
        for item in items.iter() {
            let at = item.span().start;
            let DeValue::Table(fields) = item.get_ref() else {
                self.wrong_type::<()>(at, name, item.get_ref(), "a table");
                continue;
            };
            let table = Table { name, at, fields };
            let key = self
                .text(table, "name")
                .filter(|key| self.checked("name", *key, |_| true).is_some());
            let value = read(self, table, key.map_or("", |key| key.text));
            let Some(key) = key else { continue };
            if all.insert(key.text.to_owned(), value).is_some() {
                let text = shorten(key.text, 40);
                self.found(key.at, format!("there is another {name} of the name `{text}`"));
            }
        }
        all
    }

    /// A required text.
    fn text(&mut self, table: Table<'t>, field: &str) -> Option<Text<'t>> {
        match table.get(field) {
            None => {
                self.missing(table, field);
                None
            }
            Some((at, DeValue::String(text))) => Some(Text {
                at,
                text: text.as_ref(),
            }),
            Some((at, value)) => self.wrong_type(at, field, value, "a text in quotes"),
        }
    }

    /// A required text that is fit to be a reference.
    fn reference(&mut self, table: Table<'t>, field: &str) -> Option<&'t str> {
        self.text(table, field)
            .and_then(|text| self.checked(field, text, |_| true))
    }

    fn checked(&mut self, field: &str, text: Text<'t>, matters: impl Fn(ReferenceError) -> bool) -> Option<&'t str> {
        match check_reference(text.text) {
            Err(error) if matters(error) => {
                self.found(text.at, format!("`{field}` {error}"));
                None
            }
            Ok(()) | Err(_) => Some(text.text),
        }
    }

    fn day(&mut self, table: Table<'t>, field: &str) -> Option<NaiveDate> {
        let text = self.text(table, field)?;
        parse_day(text.text)
            .map_err(|error| self.found(text.at, error.to_string()))
            .ok()
    }

    /// One of the words of an enum, as serde names them.
    fn word<T: DeserializeOwned>(&mut self, table: Table<'t>, field: &str) -> Option<T> {
        let text = self.text(table, field)?;
        T::deserialize(StrDeserializer::<serde::de::value::Error>::new(text.text))
            .map_err(|error| self.found(text.at, format!("`{field}`: {}", shorten(&error.to_string(), 200))))
            .ok()
    }

    fn days(&mut self, table: Table<'t>, field: &str) -> Option<u16> {
        let (at, integer) = match table.get(field) {
            None => {
                self.missing(table, field);
                return None;
            }
            Some((at, DeValue::Integer(integer))) => (at, integer),
            Some((at, value)) => return self.wrong_type(at, field, value, "a whole number"),
        };
        let days = u16::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|days| *days <= SETTLES_WITHIN_LIMIT);
        if days.is_none() {
            self.found(at, format!("`{field}` must be from 0 to {SETTLES_WITHIN_LIMIT}"));
        }
        days
    }

    /// A percentage as text, as the fraction that it means.
    fn percentage(&mut self, table: Table<'t>) -> Option<Decimal> {
        let text = self.text(table, "percentage")?;
        let fraction = fraction(text.text);
        if fraction.is_none() {
            let shown = shorten(text.text, 40);
            self.found(
                text.at,
                format!(
                    "`{shown}` is not a percentage: write \"0\" to \"100\" with at most {PERCENT_DECIMALS} decimals, like \"2.9\""
                ),
            );
        }
        fraction
    }

    fn required_amounts(&mut self, table: Table<'t>, field: &'static str) -> Option<Amounts> {
        if table.get(field).is_none() {
            self.missing(table, field);
            return None;
        }
        Some(self.amounts(table, field))
    }

    /// Amounts by currency; none where the field is absent.
    fn amounts(&mut self, table: Table<'t>, field: &'static str) -> Amounts {
        let mut amounts = Amounts::new();
        let fields = match table.get(field) {
            None => return amounts,
            Some((_, DeValue::Table(fields))) => fields,
            Some((at, value)) => {
                self.wrong_type::<()>(at, field, value, "a table, like { EUR = \"0.30\" }");
                return amounts;
            }
        };
        for (key, value) in fields.iter() {
            let currency = match Currency::parse(key.get_ref()) {
                Ok(currency) => currency,
                Err(error) => {
                    self.found(key.span().start, error.to_string());
                    continue;
                }
            };
            let at = value.span().start;
            let DeValue::String(text) = value.get_ref() else {
                self.wrong_type::<()>(at, key.get_ref(), value.get_ref(), "a text in quotes");
                continue;
            };
            match Money::parse(text, currency) {
                Ok(money) => {
                    amounts.insert(currency, money);
                }
                Err(error) => self.found(at, error.to_string()),
            }
        }
        amounts
    }
}

/// Those that nothing was found wrong with: all, where the file is right.
fn right<T>(named: BTreeMap<String, Option<T>>) -> BTreeMap<String, T> {
    named
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// The fraction that a percentage means: `2.9` is 0.029. None where it is not one from 0 to 100 with few enough decimals.
fn fraction(text: &str) -> Option<Decimal> {
    let (whole, part) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, part)) => (whole, part),
        None => (text, ""),
    };
    let digits = !whole.is_empty() && whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit());
    if !digits || part.len() > PERCENT_DECIMALS {
        return None;
    }
    let percent = Decimal::from_str_exact(text).ok()?;
    (percent <= Decimal::ONE_HUNDRED)
        .then(|| percent.checked_div(Decimal::ONE_HUNDRED))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &str = r#"effective_from = "2026-01-01"

[house]
name = "Example Payments"
time_zone = "Europe/Berlin"
bank_account = "main"

[[acquirer]]
name = "adyen"
contract = "net"
settles_within_days = 3
tolerance = { EUR = "0.01" }
cost = { percentage = "1.4", fixed = { EUR = "0.10" }, rounding = "half_even", tolerance = { EUR = "0.02" } }

[[acquirer]]
name = "invoiced"
contract = "gross"
settles_within_days = 0

[[fee_schedule]]
name = "standard"
percentage = "2.9"
fixed = { EUR = "0.30", KRW = "100" }
rounding = "half_even"

[payout]
minimum = { EUR = "10.00" }

[[merchant]]
name = "m-0001"
fee_schedule = "standard"
destination = { holder = "Shop One", account = "DE89370400440532013000", bank = "" }

[[merchant]]
name = "m-0002"
fee_schedule = "standard"
"#;

    /// The complete file with one thing in it changed.
    #[track_caller]
    fn check(from: &str, to: &str, expected: &[&str]) {
        assert!(COMPLETE.contains(from), "{from} is not in the file");
        let text = COMPLETE.replacen(from, to, 1);
        let error = Settings::parse(&text).expect_err("a finding");
        assert_eq!(
            error.to_string().lines().collect::<Vec<_>>(),
            expected,
            "{from} -> {to}"
        );
    }

    #[test]
    fn a_right_file_is_read_whole() {
        let settings = Settings::parse(COMPLETE).expect("no finding");
        assert_eq!(settings.effective_from.to_string(), "2026-01-01");
        assert_eq!(settings.house.time_zone, chrono_tz::Europe::Berlin);
        let adyen = &settings.acquirers["adyen"];
        assert_eq!((adyen.contract, adyen.settles_within_days), (Contract::Net, 3));
        let cost = adyen.cost.as_ref().expect("a cost contract");
        assert_eq!(cost.percentage.to_string(), "0.014");
        assert_eq!(format!("{:?}", cost.tolerance), "{EUR: 0.02 EUR}");
        assert_eq!(settings.acquirers["invoiced"].contract, Contract::Gross);
        let schedule = &settings.fee_schedules["standard"];
        assert_eq!(schedule.percentage.to_string(), "0.029");
        assert_eq!(format!("{:?}", schedule.fixed), "{EUR: 0.30 EUR, KRW: 100 KRW}");
        assert_eq!(format!("{:?}", settings.payout.minimum), "{EUR: 10.00 EUR}");
        assert_eq!(settings.merchants["m-0002"].destination, None);
        let destination = settings.merchants["m-0001"]
            .destination
            .as_ref()
            .expect("a destination");
        assert_eq!(
            (destination.holder.as_str(), destination.bank.as_str()),
            ("Shop One", "")
        );
    }

    #[test]
    fn an_optional_part_may_be_left_out() {
        let text = COMPLETE
            .replacen("[payout]\nminimum = { EUR = \"10.00\" }\n", "", 1)
            .replacen(", bank = \"\"", "", 1);
        let settings = Settings::parse(&text).expect("no finding");
        assert!(settings.payout.minimum.is_empty());
    }

    #[test]
    fn what_is_not_toml_has_one_finding() {
        check(
            "name = \"m-0001\"",
            "name = \"m-0001",
            &["line 30, column 15: this is not TOML: invalid basic string, expected `\"`"],
        );
        check(
            "name = \"adyen\"",
            "name = \"adyen\"\nname = \"x\"",
            &["line 10, column 1: this is not TOML: duplicate key"],
        );
        check(
            "[house]",
            "[house",
            &["line 3, column 7: this is not TOML: unclosed table, expected `]`"],
        );
    }

    #[test]
    fn fields_are_known_present_and_of_their_type() {
        check(
            "rounding = \"half_even\"\n",
            "rounding = \"half_even\"\nminimum = \"1\"\n",
            &[
                "line 25, column 1: `minimum` is not a field of fee_schedule: known are name, percentage, fixed, rounding",
            ],
        );
        check(
            "[payout]\nminimum",
            "[payout]\nmaximum",
            &["line 27, column 1: `maximum` is not a field of payout: known are minimum"],
        );
        check(
            "[[merchant]]",
            "[[merchants]]",
            &[
                "line 29, column 3: `merchants` is not a field of the file: known are effective_from, house, acquirer, fee_schedule, payout, merchant",
            ],
        );
        check(
            "time_zone = \"Europe/Berlin\"\n",
            "",
            &["line 3, column 1: house needs `time_zone`"],
        );
        check(
            "effective_from = \"2026-01-01\"",
            "effective_from = 2026-01-01",
            &["line 1, column 18: `effective_from` must be a text in quotes, not datetime"],
        );
        check(
            "settles_within_days = 3",
            "settles_within_days = \"3\"",
            &["line 11, column 23: `settles_within_days` must be a whole number, not string"],
        );
        check(
            "settles_within_days = 3",
            "settles_within_days = 400",
            &["line 11, column 23: `settles_within_days` must be from 0 to 366"],
        );
        check(
            "settles_within_days = 3",
            "settles_within_days = -1",
            &["line 11, column 23: `settles_within_days` must be from 0 to 366"],
        );
        check(
            "contract = \"net\"",
            "contract = \"blended\"",
            &["line 10, column 12: `contract`: unknown variant `blended`, expected `net` or `gross`"],
        );
        check(
            "\"half_even\"\n",
            "\"bankers\"\n",
            &[
                "line 24, column 12: `rounding`: unknown variant `bankers`, expected one of `half_even`, `half_up`, `down`, `up`",
            ],
        );
        check(
            "[[acquirer]]\nname = \"adyen\"",
            "[acquirer]\nname = \"adyen\"",
            &["line 15, column 3: this is not TOML: duplicate key"],
        );
        check(
            "[payout]",
            "[[payout]]",
            &["line 26, column 1: `payout` must be a table, not array"],
        );
        check(
            "fixed = { EUR = \"0.10\" }, ",
            "",
            &["line 13, column 8: cost needs `fixed`"],
        );
        check(
            "{ EUR = \"0.01\" }",
            "\"0.01\"",
            &["line 12, column 13: `tolerance` must be a table, like { EUR = \"0.30\" }, not string"],
        );
    }

    #[test]
    fn names_are_visible_and_told_apart() {
        check(
            "\"m-0002\"",
            "\"m-0001\"",
            &["line 35, column 8: there is another merchant of the name `m-0001`"],
        );
        check(
            "\"invoiced\"",
            "\"adyen\"",
            &["line 16, column 8: there is another acquirer of the name `adyen`"],
        );
        check("\"m-0002\"", "\"\"", &["line 35, column 8: `name` is empty"]);
        check(
            "\"m-0002\"",
            "\"m\\u0000\"",
            &["line 35, column 8: `name` holds a control or invisible character"],
        );
        check(
            "\"m-0002\"",
            "\"4111111111111111\"",
            &["line 35, column 8: `name` holds a card number; card numbers are never stored"],
        );
        check(
            "fee_schedule = \"standard\"\n",
            "fee_schedule = \"4111 1111 1111 1111\"\n",
            &[
                "line 31, column 16: `4111 11** **** 1111` is not a fee schedule: there is no [[fee_schedule]] of that name",
            ],
        );
        check(
            "\"Shop One\"",
            "\" Shop One\"",
            &["line 32, column 26: `holder` begins or ends with a blank"],
        );
        check(
            "\"DE89370400440532013000\"",
            "\"\"",
            &["line 32, column 48: `account` is empty"],
        );
    }

    #[test]
    fn days_zones_percentages_and_amounts_are_exact() {
        check(
            "\"2026-01-01\"",
            "\"2026-02-30\"",
            &["line 1, column 18: `2026-02-30` is not a day: write YYYY-MM-DD"],
        );
        check(
            "Europe/Berlin",
            "Europe/Bonn",
            &["line 5, column 13: `Europe/Bonn` is not a time zone: write one like \"Europe/Berlin\""],
        );
        for percentage in [
            "100.01",
            "-1",
            "2,9",
            "2.",
            ".5",
            "2.9000001",
            "",
            "2.9 %",
            "NaN",
            "1e1",
        ] {
            check(
                "\"2.9\"",
                &format!("\"{percentage}\""),
                &[&format!(
                    "line 22, column 14: `{percentage}` is not a percentage: write \"0\" to \"100\" with at most 6 decimals, like \"2.9\""
                )],
            );
        }
        check(
            "KRW = \"100\"",
            "KRW = \"100.0\"",
            &["line 23, column 31: `100.0` has more decimals than KRW allows (0)"],
        );
        check(
            "KRW = \"100\"",
            "krw = \"100\"",
            &["line 23, column 25: `krw` is not an ISO 4217 currency code (three capital letters, like EUR)"],
        );
        check(
            "KRW = \"100\"",
            "KRW = 100",
            &["line 23, column 31: `KRW` must be a text in quotes, not integer"],
        );
        check(
            "\"10.00\"",
            "\"-10.00\"",
            &["line 27, column 19: `-10.00` is not an amount: write digits with a decimal point, like 12.34"],
        );
    }

    #[test]
    fn all_findings_come_in_the_order_of_the_file() {
        let text = COMPLETE
            .replace("Europe/Berlin", "Mars")
            .replace("\"m-0002\"", "\"m-0001\"")
            .replace("\"2.9\"", "\"290\"")
            .replace("Shop One", "Größe\\t");
        let error = Settings::parse(&text).expect_err("findings");
        assert_eq!(
            error.to_string().lines().collect::<Vec<_>>(),
            &[
                "line 5, column 13: `Mars` is not a time zone: write one like \"Europe/Berlin\"",
                "line 22, column 14: `290` is not a percentage: write \"0\" to \"100\" with at most 6 decimals, like \"2.9\"",
                "line 32, column 26: `holder` begins or ends with a blank",
                "line 35, column 8: there is another merchant of the name `m-0001`"
            ]
        );
    }

    #[test]
    fn a_hundred_thousand_merchants_are_read_in_one_go() {
        use std::fmt::Write;
        let mut text = COMPLETE.to_owned();
        for number in 0..100_000 {
            write!(
                text,
                "[[merchant]]\nname = \"shop-{number}\"\nfee_schedule = \"standard\"\n"
            )
            .expect("written");
        }
        let settings = Settings::parse(&text).expect("no finding");
        assert_eq!(settings.merchants.len(), 100_002);
    }
}
