//! Texts of statements: what is kept of them, and how dates and rates are read.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::RAW_LIMIT;
use crate::card_number;
use crate::dates::parse_day;
use crate::iban::is_iban;
use crate::ids::is_invisible;

/// The longest text that is kept of one field, in characters.
const TEXT_LIMIT: usize = 10_000;

/// Something wrong in one place of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub line: u64,
    pub place: String,
    pub reason: String,
}

impl Wrong {
    /// Wrong at a line and a place.
    pub fn at(line: u64, place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            line,
            place: place.into(),
            reason: reason.into(),
        }
    }

    /// The same, its place seen from further out.
    pub fn within(mut self, outer: &str) -> Self {
        self.place = match self.place.as_str() {
            "" => outer.to_owned(),
            place => format!("{outer}/{place}"),
        };
        self
    }

    /// For somebody to read.
    pub fn into_reject(self) -> super::Reject {
        super::Reject {
            line: self.line,
            place: self.place,
            reason: self.reason,
        }
    }
}

/// A text cut short, for a message.
pub(super) fn short(text: &str) -> String {
    card_number::shorten(text, 40)
}

/// A text fit to be kept: blanks at its ends cut off, card numbers masked; none where nothing is left.
///
/// Errors: longer than a field can be, or with characters that nobody sees.
pub(super) fn kept(text: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    if text
        .chars()
        .any(|c| is_invisible(c) && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err("holds a control or invisible character".to_owned());
    }
    if text.chars().count() > TEXT_LIMIT {
        return Err(format!("is longer than {TEXT_LIMIT} characters"));
    }
    Ok((!text.is_empty()).then(|| card_number::mask(text).into_owned()))
}

/// A text that is written for people: as [`kept`], but for characters that nobody sees, in whose place there is U+FFFD. Real
/// files hold leftovers of other encodings there.
pub(super) fn prose(text: &str) -> Result<Option<String>, String> {
    kept(&visible(text))
}

fn visible(text: &str) -> String {
    let unseen = |c: char| is_invisible(c) && !matches!(c, '\n' | '\r' | '\t');
    text.chars().map(|c| if unseen(c) { '\u{fffd}' } else { c }).collect()
}

/// What is kept of an entry as it came: its beginning, card numbers masked, as [`prose`].
pub(super) fn raw(text: &str) -> String {
    // A number that is cut in two is not recognised as one: it is masked first.
    let head = visible(beginning(text, RAW_LIMIT.saturating_add(64)));
    beginning(&card_number::mask(&head), RAW_LIMIT).to_owned()
}

/// The characters that fit so many bytes.
fn beginning(text: &str, limit: usize) -> &str {
    let mut ends = (0..=limit.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// An account number: as [`kept`], and left whole where it is an IBAN; the blanks that people write in it, and the currency that
/// some banks put after it, are left out.
pub(super) fn account(text: &str) -> Result<Option<String>, String> {
    let joined: String = text.chars().filter(|c| *c != ' ').collect();
    let bare = joined.len().checked_sub(3).and_then(|end| joined.get(..end));
    if is_iban(&joined) {
        return Ok(Some(joined));
    }
    if let Some(bare) = bare.filter(|bare| is_iban(bare)) {
        return Ok(Some(bare.to_owned()));
    }
    kept(text)
}

/// The day of an xs:date or xs:dateTime: `2026-03-02`, with a time and an offset or without. It is the day that stands there.
pub(super) fn day(text: &str) -> Result<NaiveDate, String> {
    let wrong = || format!("`{}` is not a date of ISO 8601", short(text));
    let (date, rest) = text.split_at_checked(10).ok_or_else(wrong)?;
    let offset = match rest.strip_prefix('T') {
        Some(time) => {
            let (clock, rest) = time.split_at_checked(8).ok_or_else(wrong)?;
            let of_day = clock.parse::<chrono::NaiveTime>();
            let colons = clock.bytes().filter(|byte| *byte == b':').count();
            if of_day.is_err() || colons != 2 {
                return Err(wrong());
            }
            let fraction = rest.strip_prefix('.').map(|rest| {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                (digits, rest.get(digits..).unwrap_or_default())
            });
            match fraction {
                Some((0, _)) => return Err(wrong()),
                Some((_, rest)) => rest,
                None => rest,
            }
        }
        None => rest,
    };
    let shaped = matches!(
        offset.as_bytes(),
        [] | [b'Z'] | [b'+' | b'-', b'0'..=b'1', b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9']
    );
    if !shaped {
        return Err(wrong());
    }
    parse_day(date).map_err(|error| error.to_string())
}

/// An exchange rate: a decimal above zero, with no more digits than it can hold exactly.
pub(super) fn rate(text: &str) -> Result<Decimal, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    Decimal::from_str_exact(text)
        .ok()
        .filter(|rate| digits && !rate.is_zero())
        .ok_or_else(|| format!("`{}` is not a rate", short(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_the_one_that_stands_there() {
        let expected = NaiveDate::from_ymd_opt(2026, 3, 2);
        for text in [
            "2026-03-02",
            "2026-03-02Z",
            "2026-03-02+01:00",
            "2026-03-02T00:30:00+09:00",
            "2026-03-02T23:59:59.123Z",
            "2026-03-02T10:00:00",
        ] {
            assert_eq!(day(text).ok(), expected, "{text}");
        }
        for text in [
            "",
            "2026-03-2",
            "2026-02-30",
            "20260302",
            "2026-03-02T",
            "2026-03-02T25:00:00",
            "2026-03-02T10:00",
            "2026-03-02T10:00:00.",
            "2026-03-02 10:00:00",
            "2026-03-02+1",
            "0000-00-00",
            "２０26-03-02",
        ] {
            assert!(day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_exact_and_above_zero() {
        assert_eq!(rate("1.0825").map(|rate| rate.to_string()).as_deref(), Ok("1.0825"));
        for text in ["", "0", "-1", "1e3", "1_0", "1,5", "99999999999999999999999999999999"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_kept_as_it_came_is_masked_before_it_is_cut() {
        assert_eq!(raw("4111111111111111"), "411111******1111");
        assert_eq!(raw("a\0b\n"), "a\u{fffd}b\n");
        assert_eq!(prose("22\u{96}07"), Ok(Some("22\u{fffd}07".to_owned())));
        let long = format!("{}4111111111111111", "x".repeat(RAW_LIMIT - 10));
        assert!(raw(&long).ends_with("x411111****"), "{}", raw(&long).len());
        let wide = "é".repeat(RAW_LIMIT);
        assert_eq!(raw(&wide).len(), RAW_LIMIT);
        assert_eq!(raw(&format!("a{wide}")).len(), RAW_LIMIT - 1);
    }

    #[test]
    fn an_iban_is_no_card_number() {
        assert_eq!(
            account("NL91ABNA0417164300EUR"),
            Ok(Some("NL91ABNA0417164300".to_owned()))
        );
        assert_eq!(
            account("12345678/1020304050"),
            Ok(Some("12345678/1020304050".to_owned()))
        );
        assert_eq!(account("BE68 5390 0754 7034"), Ok(Some("BE68539007547034".to_owned())));
        assert_eq!(account("4111111111111111"), Ok(Some("411111******1111".to_owned())));
        assert_eq!(kept("  "), Ok(None));
        assert!(kept("a\u{202e}b").is_err());
        assert!(kept(&"x".repeat(10_001)).is_err());
    }
}
