//! Money: whole minor units with a currency attached, and the decimal text it is read from and written as.
//!
//! The exponent is always that of ISO 4217 (JPY 0, EUR 2, KWD 3, CLF 4). All arithmetic is checked. Rates are
//! [`Decimal`]; an amount leaves this type only as an integer of minor units or as decimal text with the currency's
//! full scale.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};

mod split;

pub use self::split::{SplitError, split};

/// An ISO 4217 currency: three letters and the number of decimals of its minor unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

/// Why a text is not a currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO 4217 currency code (three capital letters, like EUR)")]
pub struct UnknownCurrency(pub String);

impl Currency {
    /// Reads a three-letter code, exactly as ISO 4217 writes it. Codes without a minor unit (XXX, XAU) are refused.
    pub fn parse(text: &str) -> Result<Self, UnknownCurrency> {
        let unknown = || UnknownCurrency(crate::card_number::shorten(text, 12));
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| unknown())?;
        if !code.iter().all(u8::is_ascii_uppercase) {
            return Err(unknown());
        }
        let exponent = iso_currency::Currency::from_code(text)
            .and_then(|currency| currency.exponent())
            .and_then(|exponent| u8::try_from(exponent).ok())
            .ok_or_else(unknown)?;
        Ok(Self { code, exponent })
    }

    /// The currency of a three-digit number of ISO 4217, like 978. None where there is none, or it has no minor unit.
    pub fn from_digits(text: &str) -> Option<Self> {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits)?;
        Self::parse(iso_currency::Currency::from_numeric(number)?.code()).ok()
    }

    /// The three letters.
    pub fn code(&self) -> &str {
        // The constructor admits ASCII capitals only, so this never falls back.
        std::str::from_utf8(&self.code).unwrap_or("???")
    }

    /// How many decimals the minor unit has: 0, 2, 3 or 4.
    pub fn exponent(self) -> u8 {
        self.exponent
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a text is not an amount, or a sum is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Something other than digits with at most one point.
    #[error("`{0}` is not an amount: write digits with a decimal point, like 12.34")]
    NotADecimal(String),
    /// More decimals than the currency has.
    #[error("`{text}` has more decimals than {currency} allows ({exponent})")]
    TooManyDecimals {
        /// What was read.
        text: String,
        /// Its currency.
        currency: Currency,
        /// The decimals that the currency has.
        exponent: u8,
    },
    /// Beyond 64-bit minor units.
    #[error("the amount is too large: it does not fit 64-bit minor units")]
    TooLarge,
    /// Two currencies in one sum.
    #[error("{0} and {1} cannot be added: amounts of different currencies are never mixed")]
    CurrenciesDiffer(Currency, Currency),
}

/// An amount of money: signed minor units of one currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// So many minor units (cents, won, fils) of a currency.
    pub fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in a currency.
    pub fn zero(currency: Currency) -> Self {
        Self::from_minor(0, currency)
    }

    /// Reads an unsigned decimal text in major units: ASCII digits, at most one point, no more decimals than the
    /// currency has (fewer are fine: `5` and `5.0` are `5.00`). No sign, exponent, separator or blank.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, AmountError> {
        parse_decimal(text, currency, currency.exponent, false).map(|minor| Self::from_minor(minor, currency))
    }

    /// As [`Money::parse`], for sources that write more decimals than ISO 4217 has: zeros beyond the exponent are read
    /// (`1200.00` JPY), anything else there is refused, and the digits before the point may be missing (`.11`).
    pub fn parse_scaled(text: &str, currency: Currency) -> Result<Self, AmountError> {
        parse_decimal(text, currency, currency.exponent, true).map(|minor| Self::from_minor(minor, currency))
    }

    /// Minor units, signed.
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The sum, of one currency, in range.
    pub fn plus(self, other: Self) -> Result<Self, AmountError> {
        if self.currency != other.currency {
            return Err(AmountError::CurrenciesDiffer(self.currency, other.currency));
        }
        let minor = self.minor.checked_add(other.minor).ok_or(AmountError::TooLarge)?;
        Ok(Self::from_minor(minor, self.currency))
    }

    /// The decimal text with all of the currency's decimals, like `-12.30`, `1200` (JPY) or `0.005` (KWD).
    pub fn to_decimal_text(self) -> String {
        decimal_text(self.minor, self.currency)
    }

    /// What it is in another currency at a rate, exactly, in minor units of that; none beyond what a decimal holds.
    pub fn at_rate(self, rate: Decimal, to: Currency) -> Option<Decimal> {
        let (from, to) = (self.currency.exponent(), to.exponent());
        let shift = Decimal::from(10_u64.checked_pow(u32::from(from.abs_diff(to)))?);
        let product = Decimal::from(self.minor).checked_mul(rate)?;
        if to >= from {
            product.checked_mul(shift)
        } else {
            product.checked_div(shift)
        }
    }

    /// A share of the amount, like a fee: `amount × rate`, rounded once to a minor unit as named.
    pub fn share(self, rate: Decimal, rounding: Rounding) -> Result<Self, AmountError> {
        let exact = Decimal::from(self.minor)
            .checked_mul(rate)
            .ok_or(AmountError::TooLarge)?;
        Ok(Self::from_minor(rounding.round(exact)?, self.currency))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal_text(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The decimal text of minor units at the currency's full scale.
pub fn decimal_text(minor: i64, currency: Currency) -> String {
    wide_decimal_text(i128::from(minor), currency.exponent)
}

/// The most decimals that a price may have beyond its currency's own: a millionth of a minor unit.
pub const SUB_UNIT_DECIMALS: u8 = 6;

/// As [`Money::parse`], for prices below a minor unit: up to [`SUB_UNIT_DECIMALS`] more decimals than the currency has. In
/// minor units: `0.003` EUR is 0.3.
pub fn parse_sub_unit(text: &str, currency: Currency) -> Result<Decimal, AmountError> {
    let places = currency.exponent.saturating_add(SUB_UNIT_DECIMALS);
    let parts = parse_decimal(text, currency, places, false)?;
    Ok(Decimal::new(parts, SUB_UNIT_DECIMALS.into()).normalize())
}

/// The same of a sum beyond 64 bits.
pub fn wide_decimal_text(minor: i128, exponent: u8) -> String {
    let places = usize::from(exponent);
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places.saturating_add(1));
    let (whole, part) = digits.split_at(digits.len().saturating_sub(places));
    if part.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part}")
    }
}

fn parse_decimal(text: &str, currency: Currency, exponent: u8, source_scale: bool) -> Result<i64, AmountError> {
    let not_a_decimal = || AmountError::NotADecimal(crate::card_number::shorten(text, 40));
    let (whole, part) = match text.split_once('.') {
        Some((_, "")) => return Err(not_a_decimal()),
        Some((whole, part)) => (whole, part),
        None => (text, ""),
    };
    let whole_missing = whole.is_empty() && (part.is_empty() || !source_scale);
    if whole_missing || !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(not_a_decimal());
    }
    let places = usize::from(exponent);
    let (kept, beyond) = part.split_at(part.len().min(places));
    let exact = beyond.is_empty() || (source_scale && beyond.bytes().all(|byte| byte == b'0'));
    if !exact {
        return Err(AmountError::TooManyDecimals {
            text: crate::card_number::shorten(text, 40),
            currency,
            exponent,
        });
    }
    let padding = places.saturating_sub(kept.len());
    whole
        .bytes()
        .chain(kept.bytes())
        .chain(std::iter::repeat_n(b'0', padding))
        .try_fold(0_i64, |minor, digit| {
            minor.checked_mul(10)?.checked_add(i64::from(digit.checked_sub(b'0')?))
        })
        .ok_or(AmountError::TooLarge)
}

/// How a fraction of a minor unit becomes a whole one. A schedule names its rounding; nothing rounds by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the nearest, a half to the even neighbour (banker's rounding).
    HalfEven,
    /// To the nearest, a half away from zero.
    HalfUp,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

impl Rounding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HalfEven, Self::HalfUp, Self::Down, Self::Up];

    /// A whole number of minor units.
    pub fn round(self, exact: Decimal) -> Result<i64, AmountError> {
        let rounded = exact.round_dp_with_strategy(0, self.strategy());
        i64::try_from(rounded).map_err(|_| AmountError::TooLarge)
    }

    /// As settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HalfEven => "half_even",
            Self::HalfUp => "half_up",
            Self::Down => "down",
            Self::Up => "up",
        }
    }

    fn strategy(self) -> RoundingStrategy {
        match self {
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::Down => RoundingStrategy::ToZero,
            Self::Up => RoundingStrategy::AwayFromZero,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn currency(code: &str) -> Currency {
        Currency::parse(code).expect("a currency")
    }

    #[track_caller]
    fn check(code: &str, text: &str, expected: Result<i64, &str>) {
        let read = Money::parse(text, currency(code));
        match expected {
            Ok(minor) => assert_eq!(read.map(Money::minor), Ok(minor), "{text} {code}"),
            Err(reason) => {
                let error = read.expect_err(text).to_string();
                assert!(error.contains(reason), "{text} {code}: {error}");
            }
        }
    }

    #[test]
    fn amounts_are_read_exactly_or_refused() {
        check("EUR", "12.34", Ok(1234));
        check("EUR", "12.3", Ok(1230));
        check("EUR", "12", Ok(1200));
        check("EUR", "0.00", Ok(0));
        check("JPY", "1200", Ok(1200));
        check("KWD", "0.005", Ok(5));
        check("CLF", "1.2345", Ok(12345));
        check("EUR", "92233720368547758.07", Ok(i64::MAX));
        check("EUR", "92233720368547758.08", Err("too large"));
        check("JPY", "9223372036854775808", Err("too large"));
        check("EUR", "1.005", Err("more decimals than EUR allows (2)"));
        check("JPY", "1200.0", Err("more decimals"));
        for text in [
            "", ".", "5.", ".5", "-5", "+5", "1e3", "1_000", " 5", "5 ", "1,234.50", "1.234,50", "NaN", "Infinity",
            "１２", "0x10", "1.2.3", "5\0",
        ] {
            check("EUR", text, Err("is not an amount"));
        }
    }

    #[test]
    fn a_source_may_write_more_zeros_than_iso_has() {
        let read = |text, code| Money::parse_scaled(text, currency(code)).map(Money::minor);
        assert_eq!(read("1200.00", "JPY"), Ok(1200));
        assert_eq!(read(".11", "EUR"), Ok(11));
        assert!(read("1200.50", "JPY").is_err());
        assert!(read(".", "EUR").is_err());
    }

    #[test]
    fn text_has_the_full_scale_of_the_currency() {
        let text = |minor, code| Money::from_minor(minor, currency(code)).to_string();
        assert_eq!(text(1234, "EUR"), "12.34 EUR");
        assert_eq!(text(-5, "EUR"), "-0.05 EUR");
        assert_eq!(text(1200, "KRW"), "1200 KRW");
        assert_eq!(text(5, "KWD"), "0.005 KWD");
        assert_eq!(text(i64::MIN, "JPY"), "-9223372036854775808 JPY");
    }

    #[test]
    fn exponents_are_those_of_iso_4217() {
        for (code, exponent) in [
            ("BIF", 0),
            ("CLP", 0),
            ("ISK", 0),
            ("JPY", 0),
            ("KRW", 0),
            ("UGX", 0),
            ("VND", 0),
            ("XAF", 0),
            ("XPF", 0),
            ("BHD", 3),
            ("IQD", 3),
            ("JOD", 3),
            ("KWD", 3),
            ("LYD", 3),
            ("OMR", 3),
            ("TND", 3),
            ("CLF", 4),
            ("UYW", 4),
            ("EUR", 2),
            ("USD", 2),
            ("HUF", 2),
            ("MGA", 2),
            ("IDR", 2),
            ("AFN", 2),
        ] {
            assert_eq!(currency(code).exponent(), exponent, "{code}");
        }
        for text in ["eur", "EU", "EURO", "XXX", "ZZZ", "", "EUR ", "€"] {
            assert!(Currency::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_rounded_once_as_named() {
        let share = |minor, rate: &str, rounding| {
            let rate = Decimal::from_str_exact(rate).expect("a rate");
            Money::from_minor(minor, currency("EUR"))
                .share(rate, rounding)
                .map(Money::minor)
        };
        assert_eq!(share(8000, "0.029", Rounding::HalfEven), Ok(232));
        assert_eq!(share(100, "0.025", Rounding::HalfEven), Ok(2));
        assert_eq!(share(100, "0.025", Rounding::HalfUp), Ok(3));
        assert_eq!(share(100, "0.025", Rounding::Down), Ok(2));
        assert_eq!(share(100, "0.021", Rounding::Up), Ok(3));
        assert_eq!(
            share(i64::MAX, "79228162514264337593543950335", Rounding::Down),
            Err(AmountError::TooLarge)
        );
    }

    #[test]
    fn a_price_may_be_finer_than_a_minor_unit() {
        let read = |text, code| parse_sub_unit(text, currency(code)).map(|minor| minor.to_string());
        assert_eq!(read("0.3", "KRW").as_deref(), Ok("0.3"));
        assert_eq!(read("0.30", "EUR").as_deref(), Ok("30"));
        assert_eq!(read("0.00300001", "EUR").as_deref(), Ok("0.300001"));
        assert_eq!(read("0.0000000001", "CLF").as_deref(), Ok("0.000001"));
        assert!(read("0.0000003", "KRW").is_err());
        assert!(read("-0.3", "KRW").is_err());
        assert_eq!(read("9223372036855", "KRW"), Err(AmountError::TooLarge));
    }

    #[test]
    fn currencies_are_never_mixed_and_sums_never_wrap() {
        let eur = Money::from_minor(i64::MAX, currency("EUR"));
        assert_eq!(
            eur.plus(Money::from_minor(1, currency("EUR"))),
            Err(AmountError::TooLarge)
        );
        assert!(eur.plus(Money::zero(currency("USD"))).is_err());
    }

    #[test]
    fn decimal_text_passes_64_bits() {
        assert_eq!(
            wide_decimal_text(18_446_744_073_709_551_614, 2),
            "184467440737095516.14"
        );
        assert_eq!(wide_decimal_text(-5, 3), "-0.005");
        assert_eq!(wide_decimal_text(5, 0), "5");
    }
}
