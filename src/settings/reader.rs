//! Walks a settings document field by field and keeps every finding with its place.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::de::value::StrDeserializer;
use toml::de::{DeTable, DeValue};

use super::{Amounts, Finding};
use crate::card_number::shorten;
use crate::dates::parse_day;
use crate::ids::{ReferenceError, check_reference};
use crate::money::{Currency, Money};

/// The most decimals of a percentage: a millionth of a percent is finer than any contract.
const PERCENT_DECIMALS: usize = 6;
/// The longest time that an acquirer may take; longer is a slip of the pen.
const SETTLES_WITHIN_LIMIT: u16 = 366;

/// A text and where it begins.
#[derive(Clone, Copy)]
pub(super) struct Text<'t> {
    pub(super) at: usize,
    pub(super) text: &'t str,
}

/// A table, what to call it, and where it begins.
#[derive(Clone, Copy)]
pub(super) struct Table<'t> {
    pub(super) name: &'static str,
    pub(super) at: usize,
    pub(super) fields: &'t DeTable<'t>,
}

impl<'t> Table<'t> {
    pub(super) fn get(&self, field: &str) -> Option<(usize, &'t DeValue<'t>)> {
        let value = self.fields.get(field)?;
        Some((value.span().start, value.get_ref()))
    }
}

/// Reads a document and keeps what is wrong as it goes. A method that gives `None` has said why.
pub(super) struct Reader<'t> {
    source: &'t str,
    found: Vec<(usize, String)>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(source: &'t str) -> Self {
        let found = Vec::new();
        Self { source, found }
    }

    pub(super) fn found(&mut self, at: usize, message: String) {
        self.found.push((at, message));
    }

    /// Refuses card numbers in comments: the file is kept whole, and nothing else looks at them.
    pub(super) fn comments(&mut self) {
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

    pub(super) fn into_findings(self) -> Vec<Finding> {
        findings(self.source, self.found)
    }

    /// Refuses every field that is not listed.
    pub(super) fn only(&mut self, table: Table<'t>, known: &[&str]) {
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

    pub(super) fn missing(&mut self, table: Table<'t>, field: &str) {
        self.found(table.at, format!("{} needs `{field}`", table.name));
    }

    /// A required table.
    pub(super) fn table(&mut self, parent: Table<'t>, name: &'static str) -> Option<Table<'t>> {
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
    pub(super) fn optional<T>(
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

    pub(super) fn wrong_type<T>(&mut self, at: usize, field: &str, value: &DeValue<'_>, wanted: &str) -> Option<T> {
        let kind = value.type_str();
        self.found(at, format!("`{field}` must be {wanted}, not {kind}"));
        None
    }

    /// An array of tables that are told apart by their names. One that is wrong keeps its name, so that what refers to it is
    /// not found wrong too.
    pub(super) fn named<T>(
        &mut self,
        root: Table<'t>,
        name: &'static str,
        read: impl Fn(&mut Self, Table<'t>, &'t str) -> Option<T>,
    ) -> BTreeMap<String, Option<T>> {
        let mut all = BTreeMap::new();
        for table in self.listed_tables(root, name, name, &format!("[[{name}]]")) {
            let key = self.name(table);
            let value = read(self, table, key.map_or("", |key| key.text));
            let Some(key) = key else { continue };
            if all.insert(key.text.to_owned(), value).is_some() {
                let text = shorten(key.text, 40);
                self.found(key.at, format!("there is another {name} of the name `{text}`"));
            }
        }
        all
    }

    /// The tables of a list, each called `name` and written like `example`; none where the list is absent.
    pub(super) fn listed_tables(
        &mut self,
        parent: Table<'t>,
        field: &str,
        name: &'static str,
        example: &str,
    ) -> Vec<Table<'t>> {
        let items = match parent.get(field) {
            None => return Vec::new(),
            Some((_, DeValue::Array(items))) => items,
            Some((at, value)) => {
                self.wrong_type::<()>(at, field, value, &format!("a list of tables: write {example}"));
                return Vec::new();
            }
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items.iter() {
            let at = item.span().start;
            let DeValue::Table(fields) = item.get_ref() else {
                self.wrong_type::<()>(at, name, item.get_ref(), "a table");
                continue;
            };
            tables.push(Table { name, at, fields });
        }
        tables
    }

    /// The name that a table of a list is told apart by.
    pub(super) fn name(&mut self, table: Table<'t>) -> Option<Text<'t>> {
        self.text(table, "name")
            .filter(|key| self.checked("name", *key, |_| true).is_some())
    }

    /// The line of a place, the first being 1.
    pub(super) fn line(&self, at: usize) -> usize {
        let before = self.source.get(..at).unwrap_or_default();
        before.matches('\n').count().saturating_add(1)
    }

    /// A required text.
    pub(super) fn text(&mut self, table: Table<'t>, field: &str) -> Option<Text<'t>> {
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
    pub(super) fn reference(&mut self, table: Table<'t>, field: &str) -> Option<&'t str> {
        self.text(table, field)
            .and_then(|text| self.checked(field, text, |_| true))
    }

    pub(super) fn checked(
        &mut self,
        field: &str,
        text: Text<'t>,
        matters: impl Fn(ReferenceError) -> bool,
    ) -> Option<&'t str> {
        match check_reference(text.text) {
            Err(error) if matters(error) => {
                self.found(text.at, format!("`{field}` {error}"));
                None
            }
            Ok(()) | Err(_) => Some(text.text),
        }
    }

    pub(super) fn day(&mut self, table: Table<'t>, field: &str) -> Option<NaiveDate> {
        let text = self.text(table, field)?;
        parse_day(text.text)
            .map_err(|error| self.found(text.at, error.to_string()))
            .ok()
    }

    /// A day that may be absent. `None` where it is there and wrong.
    pub(super) fn optional_day(&mut self, table: Table<'t>, field: &str) -> Option<Option<NaiveDate>> {
        match table.get(field) {
            None => Some(None),
            Some(_) => self.day(table, field).map(Some),
        }
    }

    /// One text, or several in a list; none where the field is absent.
    pub(super) fn texts(&mut self, table: Table<'t>, field: &str) -> Vec<Text<'t>> {
        let items = match table.get(field) {
            None => return Vec::new(),
            Some((_, DeValue::Array(items))) => items,
            Some(_) => return self.text(table, field).into_iter().collect(),
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items.iter() {
            let at = item.span().start;
            let DeValue::String(text) = item.get_ref() else {
                self.wrong_type::<()>(at, field, item.get_ref(), "a text in quotes");
                continue;
            };
            texts.push(Text { at, text });
        }
        texts
    }

    /// One of the words of an enum, as serde names them.
    pub(super) fn word<T: DeserializeOwned>(&mut self, table: Table<'t>, field: &str) -> Option<T> {
        let text = self.text(table, field)?;
        T::deserialize(StrDeserializer::<serde::de::value::Error>::new(text.text))
            .map_err(|error| self.found(text.at, format!("`{field}`: {}", shorten(&error.to_string(), 200))))
            .ok()
    }

    /// As [`Self::word`], for a field that may be absent. `None` where it is there and wrong.
    pub(super) fn optional_word<T: DeserializeOwned>(&mut self, table: Table<'t>, field: &str) -> Option<Option<T>> {
        match table.get(field) {
            None => Some(None),
            Some(_) => self.word(table, field).map(Some),
        }
    }

    /// `true` or `false`, or absent. `None` where it is there and wrong.
    pub(super) fn optional_flag(&mut self, table: Table<'t>, field: &str) -> Option<Option<bool>> {
        match table.get(field) {
            None => Some(None),
            Some((_, DeValue::Boolean(flag))) => Some(Some(*flag)),
            Some((at, value)) => self.wrong_type(at, field, value, "true or false"),
        }
    }

    /// A required time zone.
    pub(super) fn time_zone(&mut self, table: Table<'t>, field: &str) -> Option<Tz> {
        let zone = self.text(table, field)?;
        let known = zone.text.parse::<Tz>().ok();
        if known.is_none() {
            let zone_text = shorten(zone.text, 40);
            self.found(
                zone.at,
                format!("`{zone_text}` is not a time zone: write one like \"Europe/Berlin\""),
            );
        }
        known
    }

    pub(super) fn days(&mut self, table: Table<'t>, field: &str) -> Option<u16> {
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

    /// A percentage that may be absent. `None` where it is there and wrong.
    pub(super) fn optional_percentage(&mut self, table: Table<'t>, field: &str) -> Option<Option<Decimal>> {
        match table.get(field) {
            None => Some(None),
            Some(_) => self.percentage_of(table, field).map(Some),
        }
    }

    /// A percentage as text, as the fraction that it means.
    pub(super) fn percentage(&mut self, table: Table<'t>) -> Option<Decimal> {
        self.percentage_of(table, "percentage")
    }

    /// The same in another field.
    pub(super) fn percentage_of(&mut self, table: Table<'t>, field: &str) -> Option<Decimal> {
        let text = self.text(table, field)?;
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

    pub(super) fn required_amounts(&mut self, table: Table<'t>, field: &'static str) -> Option<Amounts> {
        if table.get(field).is_none() {
            self.missing(table, field);
            return None;
        }
        Some(self.amounts(table, field))
    }

    /// Amounts by currency; none where the field is absent.
    pub(super) fn amounts(&mut self, table: Table<'t>, field: &'static str) -> Amounts {
        let mut amounts = Amounts::new();
        for (currency, text) in self.by_currency(table, field) {
            match Money::parse(text.text, currency) {
                Ok(money) => {
                    amounts.insert(currency, money);
                }
                Err(error) => self.found(text.at, error.to_string()),
            }
        }
        amounts
    }

    /// Texts by currency, like `{ EUR = "0.30" }`; none where the field is absent.
    pub(super) fn by_currency(&mut self, table: Table<'t>, field: &str) -> Vec<(Currency, Text<'t>)> {
        let fields = match table.get(field) {
            None => return Vec::new(),
            Some((_, DeValue::Table(fields))) => fields,
            Some((at, value)) => {
                self.wrong_type::<()>(at, field, value, "a table, like { EUR = \"0.30\" }");
                return Vec::new();
            }
        };
        let mut texts = Vec::with_capacity(fields.len());
        for (key, value) in fields.iter() {
            let Some(currency) = self.currency(key.span().start, key.get_ref()) else {
                continue;
            };
            let at = value.span().start;
            let DeValue::String(text) = value.get_ref() else {
                self.wrong_type::<()>(at, key.get_ref(), value.get_ref(), "a text in quotes");
                continue;
            };
            texts.push((currency, Text { at, text }));
        }
        texts
    }

    pub(super) fn currency(&mut self, at: usize, code: &str) -> Option<Currency> {
        Currency::parse(code)
            .map_err(|error| self.found(at, error.to_string()))
            .ok()
    }
}

/// What was found at places of a text, with lines and columns, in the order of the text. One walk over it.
pub(super) fn findings(source: &str, mut found: Vec<(usize, String)>) -> Vec<Finding> {
    found.sort();
    let (mut line, mut line_start, mut walked) = (1_usize, 0_usize, 0_usize);
    let mut findings = Vec::with_capacity(found.len());
    for (at, message) in found {
        for (offset, _) in source.get(walked..at).unwrap_or("").match_indices('\n') {
            line = line.saturating_add(1);
            line_start = walked.saturating_add(offset).saturating_add(1);
        }
        walked = walked.max(at);
        let before = source.get(line_start..at).unwrap_or("");
        let column = before.chars().count().saturating_add(1);
        findings.push(Finding { line, column, message });
    }
    findings
}

/// Those that nothing was found wrong with: all, where the file is right.
pub(super) fn right<T>(named: BTreeMap<String, Option<T>>) -> BTreeMap<String, T> {
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
