//! How a profile's numbers are written, and how many decimals they have.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::card_number::shorten;
use crate::money::{Currency, decimal_text};

/// The most digits of a number: what fits a decimal of 96 bits, and sums of them.
const DIGITS: usize = 20;
/// The most decimals of an amount.
pub const DECIMALS_LIMIT: u8 = 12;

/// What stands in numbers beside their digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Before the decimals.
    pub decimal: char,
    /// Between groups of three digits, where they are grouped.
    pub thousands: Option<char>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            decimal: '.',
            thousands: None,
        }
    }
}

impl Numbers {
    /// Reads a number: digits, in groups of three or not at all, with at most one separator of decimals and a minus before them.
    pub fn read(&self, text: &str) -> Option<Decimal> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, text),
        };
        let (whole, part) = match unsigned.split_once(self.decimal) {
            Some((_, "")) => return None,
            Some((whole, part)) => (whole, part),
            None => (unsigned, ""),
        };
        let whole = self.ungrouped(whole)?;
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let count = whole.len().saturating_add(part.len());
        if !is_digits(&whole) || !is_digits(part) || count == 0 || count > DIGITS {
            return None;
        }
        let scale = u32::try_from(part.len()).ok()?;
        let digits: i128 = format!("{whole}{part}").parse().ok()?;
        let signed = if negative { digits.checked_neg()? } else { digits };
        Decimal::try_from_i128_with_scale(signed, scale).ok()
    }

    /// The digits before the decimals without what separates their groups, which are of three but for the first.
    fn ungrouped(&self, whole: &str) -> Option<String> {
        let Some(separator) = self.thousands.filter(|separator| whole.contains(*separator)) else {
            return Some(whole.to_owned());
        };
        let mut groups = whole.split(separator);
        let first = groups.next()?;
        let fine = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
        fine.then(|| whole.replace(separator, ""))
    }
}

/// How many decimals the amounts of a currency have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scale {
    /// Major units with at most the decimals of ISO 4217; zeros may follow.
    #[default]
    Iso,
    /// Major units with at most so many decimals, more than the currency may have.
    Decimals(u8),
    /// Whole numbers of a unit that is so many decimals below the major one.
    Units(u8),
}

impl Scale {
    /// Reads `iso`, `decimals:6` or `units:2`.
    pub fn parse(text: &str) -> Option<Self> {
        let places = |text: &str| {
            let places: u8 = text.parse().ok()?;
            let written = text.len() == 1 || !text.starts_with('0');
            (places <= DECIMALS_LIMIT && written && !text.starts_with('+')).then_some(places)
        };
        match text.split_once(':') {
            None => (text == "iso").then_some(Self::Iso),
            Some(("decimals", text)) => places(text).map(Self::Decimals),
            Some(("units", text)) => places(text).map(Self::Units),
            Some(_) => None,
        }
    }

    /// The amount in major units that a number means.
    ///
    /// Errors: more decimals than there may be.
    pub fn major(self, number: Decimal, currency: Currency) -> Result<Decimal, String> {
        let exponent = currency.exponent();
        let decimals = number.normalize().scale();
        let at_most = |limit: u8| {
            if decimals <= u32::from(limit) {
                return Ok(number);
            }
            let text = shorten(&number.to_string(), 40);
            Err(format!("`{text}` has more decimals than there are ({limit})"))
        };
        match self {
            Self::Iso => at_most(exponent),
            Self::Decimals(limit) => at_most(limit),
            Self::Units(places) => {
                at_most(0)?;
                let unit = Decimal::try_new(1, places.into()).ok();
                let major = unit.and_then(|unit| number.checked_mul(unit));
                let whole = major.filter(|major| major.normalize().scale() <= u32::from(exponent));
                whole.ok_or_else(|| {
                    let text = shorten(&number.to_string(), 40);
                    format!("`{text}` units are no whole minor units of {currency}")
                })
            }
        }
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Iso => f.write_str("decimals of ISO 4217"),
            Self::Decimals(places) => write!(f, "up to {places} decimals"),
            Self::Units(places) => write!(f, "units of {places} decimals"),
        }
    }
}

/// The minor units nearest to an amount in major units.
pub(super) fn minor(major: Decimal, currency: Currency) -> Option<i64> {
    let factor = 10_u64.checked_pow(currency.exponent().into())?;
    let exact = major.checked_mul(Decimal::from(factor))?;
    i64::try_from(exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)).ok()
}

/// An amount in major units as text, with no fewer decimals than its currency has.
pub(super) fn text(major: Decimal, currency: Currency) -> String {
    let whole = minor(major, currency).filter(|_| major.normalize().scale() <= u32::from(currency.exponent()));
    match whole {
        Some(minor) => format!("{} {currency}", decimal_text(minor, currency)),
        None => format!("{} {currency}", major.normalize()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(decimal: char, thousands: Option<char>, text: &str, expected: Option<&str>) {
        let numbers = Numbers { decimal, thousands };
        let read = numbers.read(text).map(|number| number.to_string());
        assert_eq!(read.as_deref(), expected, "{text}");
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        check('.', None, "12.50", Some("12.50"));
        check('.', None, "-12.50", Some("-12.50"));
        check('.', None, ".5", Some("0.5"));
        check('.', None, "007", Some("7"));
        check('.', Some(','), "1,234,567.89", Some("1234567.89"));
        check('.', Some(','), "1234.5", Some("1234.5"));
        check(',', Some('.'), "1.234,50", Some("1234.50"));
        check(',', Some(' '), "-12 345,000001", Some("-12345.000001"));
        check(',', Some('\''), "1'000", Some("1000"));
        for wrong in [
            "",
            "-",
            ".",
            "1.",
            "--1",
            "+1",
            "1e3",
            "1_0",
            " 1",
            "1 ",
            "NaN",
            "1,5",
            "0x1",
            "１",
            "1.2.3",
            "123456789012345678901",
        ] {
            check('.', None, wrong, None);
        }
        for wrong in ["1,23", "1,2345", ",123", "1,,234", "1.234,5", "1,234,", "1234,567"] {
            check('.', Some(','), wrong, None);
        }
    }

    #[track_caller]
    fn scaled(scale: &str, number: &str, currency: &str, expected: Result<&str, &str>) {
        let currency = Currency::parse(currency).expect("a currency");
        let number = Numbers::default().read(number).expect("a number");
        let major = Scale::parse(scale).expect("a scale").major(number, currency);
        let told = major.map(|major| text(major, currency));
        assert_eq!(told.as_deref().map_err(String::as_str), expected, "{scale} {number}");
    }

    #[test]
    fn the_scale_is_that_of_the_source() {
        scaled("iso", "12.5", "EUR", Ok("12.50 EUR"));
        scaled("iso", "12.5000", "EUR", Ok("12.50 EUR"));
        scaled("iso", "1200.00", "JPY", Ok("1200 JPY"));
        scaled("iso", "12.345", "KWD", Ok("12.345 KWD"));
        scaled(
            "iso",
            "12.345",
            "EUR",
            Err("`12.345` has more decimals than there are (2)"),
        );
        scaled("decimals:6", "12.345678", "EUR", Ok("12.345678 EUR"));
        scaled(
            "decimals:6",
            "12.3456789",
            "EUR",
            Err("`12.3456789` has more decimals than there are (6)"),
        );
        scaled("decimals:2", "12.00", "CLP", Ok("12 CLP"));
        scaled("units:2", "1250", "EUR", Ok("12.50 EUR"));
        scaled("units:2", "125000", "JPY", Ok("1250 JPY"));
        scaled(
            "units:2",
            "125",
            "JPY",
            Err("`125` units are no whole minor units of JPY"),
        );
        scaled("units:0", "125", "EUR", Ok("125.00 EUR"));
        scaled(
            "units:2",
            "12.5",
            "EUR",
            Err("`12.5` has more decimals than there are (0)"),
        );
        for wrong in [
            "",
            "ISO",
            "decimals",
            "decimals:",
            "decimals:13",
            "units:-1",
            "units:+1",
            "units:01",
            "minor:2",
        ] {
            assert_eq!(Scale::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amounts_are_rounded_half_away_from_zero() {
        let euro = Currency::parse("EUR").expect("a currency");
        for (text, expected) in [("1.005", 101), ("-1.005", -101), ("1.004999", 100), ("0", 0)] {
            let number = Numbers::default().read(text).expect("a number");
            assert_eq!(minor(number, euro), Some(expected), "{text}");
        }
    }
}
