//! Instants and days: an instant is UTC with microseconds; a day belongs to a named time zone.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use chrono_tz::Tz;

/// Why a text is not an instant or a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// Not RFC 3339, or without an offset.
    #[error("`{0}` is not an instant: write RFC 3339 with an offset, like 2026-07-01T09:30:00+02:00")]
    NotAnInstant(String),
    /// Not a calendar day.
    #[error("`{0}` is not a day: write YYYY-MM-DD")]
    NotADay(String),
    /// Not a calendar month.
    #[error("`{0}` is not a month: write YYYY-MM")]
    NotAMonth(String),
    /// Beyond the years that are accepted.
    #[error("`{0}` lies outside the years 2000 to 2199")]
    OutOfRange(String),
}

/// Reads an RFC 3339 instant; the offset is required. Anything finer than a microsecond is cut off.
pub fn parse_instant(text: &str) -> Result<DateTime<Utc>, DateError> {
    let short = || crate::card_number::shorten(text, 40);
    let instant = DateTime::parse_from_rfc3339(text)
        .map_err(|_| DateError::NotAnInstant(short()))?
        .with_timezone(&Utc)
        .trunc_subsecs(6);
    in_range(instant.date_naive())
        .then_some(instant)
        .ok_or_else(|| DateError::OutOfRange(short()))
}

/// Reads a day, `YYYY-MM-DD`.
pub fn parse_day(text: &str) -> Result<NaiveDate, DateError> {
    let short = || crate::card_number::shorten(text, 40);
    let well_formed = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .filter(|_| well_formed)
        .ok_or_else(|| DateError::NotADay(short()))?;
    in_range(day)
        .then_some(day)
        .ok_or_else(|| DateError::OutOfRange(short()))
}

/// Reads a month, `YYYY-MM`: its first day.
pub fn parse_month(text: &str) -> Result<NaiveDate, DateError> {
    parse_day(&format!("{text}-01")).map_err(|error| match error {
        DateError::OutOfRange(_) => DateError::OutOfRange(crate::card_number::shorten(text, 40)),
        DateError::NotAnInstant(_) | DateError::NotADay(_) | DateError::NotAMonth(_) => {
            DateError::NotAMonth(crate::card_number::shorten(text, 40))
        }
    })
}

/// The day of an instant in a time zone.
pub fn day_in(instant: DateTime<Utc>, zone: Tz) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

fn in_range(day: NaiveDate) -> bool {
    use chrono::Datelike;
    (2000..2200).contains(&day.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_need_an_offset() {
        let read = |text: &str| parse_instant(text).map(|instant| instant.to_rfc3339());
        assert_eq!(
            read("2026-07-01T09:30:00+02:00").as_deref(),
            Ok("2026-07-01T07:30:00+00:00")
        );
        assert_eq!(
            read("2026-07-01T09:30:00.1234567Z").as_deref(),
            Ok("2026-07-01T09:30:00.123456+00:00")
        );
        for text in [
            "2026-07-01T09:30:00",
            "2026-07-01",
            "",
            "0000-00-00T00:00:00Z",
            "1026-07-01T00:00:00Z",
            "２026-07-01T09:30:00Z",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_strict() {
        assert!(parse_day("2028-02-29").is_ok());
        for text in [
            "2026-02-29",
            "26-01-01",
            "2026-1-1",
            "0000-00-00",
            "2026-01-01 ",
            "+026-01-01",
        ] {
            assert!(parse_day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn months_are_strict() {
        let month = |text| parse_month(text).map(|first| first.to_string());
        assert_eq!(month("2026-02").as_deref(), Ok("2026-02-01"));
        for text in ["2026-13", "2026-2", "2026", "2026-02-01", "26-02", "2026-02 ", ""] {
            let error = month(text).expect_err("no month").to_string();
            assert_eq!(error, format!("`{text}` is not a month: write YYYY-MM"));
        }
        assert!(month("1999-12").is_err());
    }

    #[test]
    fn a_day_belongs_to_a_zone() {
        let instant = parse_instant("2026-07-01T22:30:00Z").expect("an instant");
        assert_eq!(day_in(instant, chrono_tz::Europe::Berlin).to_string(), "2026-07-02");
        assert_eq!(day_in(instant, chrono_tz::Asia::Seoul).to_string(), "2026-07-02");
        assert_eq!(day_in(instant, chrono_tz::America::New_York).to_string(), "2026-07-01");
    }
}
