//! Instants and days: an instant is UTC with microseconds; a day belongs to a named time zone.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, SubsecRound, TimeDelta, TimeZone, Utc, Weekday};
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
    /// Not a month, a quarter or a year.
    #[error("`{0}` is not a period: write a month (2026-03), a quarter (2026-Q1) or a year (2026)")]
    NotAPeriod(String),
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
        DateError::NotAnInstant(_) | DateError::NotADay(_) | DateError::NotAMonth(_) | DateError::NotAPeriod(_) => {
            DateError::NotAMonth(crate::card_number::shorten(text, 40))
        }
    })
}

/// Reads a month (`YYYY-MM`), a quarter (`YYYY-Qn`) or a year (`YYYY`): its first and last day.
pub fn parse_period(text: &str) -> Result<(NaiveDate, NaiveDate), DateError> {
    let (first, months) = match text.split_once("-Q") {
        Some((year, "1")) => (format!("{year}-01"), 3),
        Some((year, "2")) => (format!("{year}-04"), 3),
        Some((year, "3")) => (format!("{year}-07"), 3),
        Some((year, "4")) => (format!("{year}-10"), 3),
        _ if text.len() == 4 => (format!("{text}-01"), 12),
        _ => (text.to_owned(), 1),
    };
    let not = || DateError::NotAPeriod(crate::card_number::shorten(text, 40));
    let first = parse_month(&first).map_err(|error| match error {
        DateError::OutOfRange(_) => DateError::OutOfRange(crate::card_number::shorten(text, 40)),
        DateError::NotAnInstant(_) | DateError::NotADay(_) | DateError::NotAMonth(_) | DateError::NotAPeriod(_) => {
            not()
        }
    })?;
    let next = first.checked_add_months(Months::new(months)).ok_or_else(not)?;
    Ok((first, next.pred_opt().ok_or_else(not)?))
}

/// The day of an instant in a time zone.
pub fn day_in(instant: DateTime<Utc>, zone: Tz) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

/// The first day of a day's month.
pub fn month_of(day: NaiveDate) -> NaiveDate {
    use chrono::Datelike;
    // Every month has a first day.
    day.with_day(1).unwrap_or(day)
}

/// The instant at which a day begins in a time zone; where its midnight is skipped, that of its first hour that is not.
pub fn start_of_day(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    (0..24)
        .filter_map(|hour| day.and_hms_opt(hour, 0, 0))
        .find_map(|local| zone.from_local_datetime(&local).earliest())
        .map_or_else(|| day.and_time(NaiveTime::MIN).and_utc(), |start| start.to_utc())
}

/// The instant of a time of a day in a time zone: the first one where there are two; where the clock skips it, the next one that it
/// shows.
pub fn instant_of(day: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    use chrono::Timelike;
    let local = day.and_time(time);
    // In steps of a quarter, which every gap is made of, from the full quarter before.
    let quarter_before = local.checked_sub_signed(TimeDelta::minutes(i64::from(time.minute() % 15)));
    let next = |quarter: i64| {
        let local = quarter_before?.checked_add_signed(TimeDelta::minutes(15_i64.checked_mul(quarter)?))?;
        zone.from_local_datetime(&local).earliest()
    };
    let shown = zone.from_local_datetime(&local).earliest();
    let shown = shown.or_else(|| (1..96).find_map(next));
    shown.map_or_else(|| local.and_utc(), |shown| shown.to_utc())
}

/// The last microsecond of a day in a time zone; none at the end of time.
pub fn end_of_day(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let midnight = day.succ_opt()?.and_time(NaiveTime::MIN);
    // Where clocks go forward at midnight, the next day begins later: in steps of a quarter, which every gap is made of.
    let next = (0..96).find_map(|quarter| {
        let local = midnight.checked_add_signed(TimeDelta::minutes(15_i64.checked_mul(quarter)?))?;
        zone.from_local_datetime(&local).earliest()
    })?;
    next.with_timezone(&Utc).checked_sub_signed(TimeDelta::microseconds(1))
}

fn in_range(day: NaiveDate) -> bool {
    use chrono::Datelike;
    (2000..2200).contains(&day.year())
}

/// Whether a day is none of Saturday and Sunday: a business day, where no calendar says more.
pub fn is_weekday(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_where_the_next_one_begins() {
        let end = |day: &str, zone: Tz| {
            let day = parse_day(day).expect("a day");
            end_of_day(day, zone).expect("an end").to_rfc3339()
        };
        assert_eq!(end("2026-03-02", Tz::UTC), "2026-03-02T23:59:59.999999+00:00");
        assert_eq!(end("2026-03-02", Tz::Asia__Seoul), "2026-03-02T14:59:59.999999+00:00");
        // 23 and 25 hours long.
        assert_eq!(
            end("2026-03-29", Tz::Europe__Berlin),
            "2026-03-29T21:59:59.999999+00:00"
        );
        assert_eq!(
            end("2026-10-25", Tz::Europe__Berlin),
            "2026-10-25T22:59:59.999999+00:00"
        );
        // Clocks went from midnight to one.
        assert_eq!(
            end("2018-11-03", Tz::America__Sao_Paulo),
            "2018-11-04T02:59:59.999999+00:00"
        );
        // The first of two midnights.
        assert_eq!(
            end("2019-11-02", Tz::America__Havana),
            "2019-11-03T03:59:59.999999+00:00"
        );
    }

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
    fn a_day_begins_at_its_midnight_or_when_the_clocks_are_past_it() {
        let start = |day: &str, zone: Tz| start_of_day(parse_day(day).expect("a day"), zone).to_rfc3339();
        assert_eq!(start("2026-07-01", chrono_tz::UTC), "2026-07-01T00:00:00+00:00");
        assert_eq!(start("2026-07-01", chrono_tz::Asia::Seoul), "2026-06-30T15:00:00+00:00");
        assert_eq!(
            start("2026-03-29", chrono_tz::Europe::Berlin),
            "2026-03-28T23:00:00+00:00"
        );
        // Clocks went from 24:00 of the day before to 01:00.
        assert_eq!(
            start("2018-11-04", chrono_tz::America::Sao_Paulo),
            "2018-11-04T03:00:00+00:00"
        );
        // Midnight came twice: clocks went back from 01:00 to 00:00.
        assert_eq!(
            start("2026-11-01", chrono_tz::America::Havana),
            "2026-11-01T04:00:00+00:00"
        );
    }

    #[test]
    fn a_month_begins_on_its_first() {
        for (day, first) in [
            ("2026-07-01", "2026-07-01"),
            ("2028-02-29", "2028-02-01"),
            ("2026-12-31", "2026-12-01"),
        ] {
            assert_eq!(month_of(parse_day(day).expect("a day")).to_string(), first);
        }
    }

    #[test]
    fn a_period_has_its_first_and_last_day() {
        for (text, expected) in [
            ("2024-02", "2024-02-01 2024-02-29"),
            ("2026-12", "2026-12-01 2026-12-31"),
            ("2026-Q1", "2026-01-01 2026-03-31"),
            ("2026-Q3", "2026-07-01 2026-09-30"),
            ("2026-Q4", "2026-10-01 2026-12-31"),
            ("2026", "2026-01-01 2026-12-31"),
            (
                "2026-Q5",
                "`2026-Q5` is not a period: write a month (2026-03), a quarter (2026-Q1) or a year (2026)",
            ),
            (
                "26",
                "`26` is not a period: write a month (2026-03), a quarter (2026-Q1) or a year (2026)",
            ),
            (
                "2026-3",
                "`2026-3` is not a period: write a month (2026-03), a quarter (2026-Q1) or a year (2026)",
            ),
            ("1999-Q4", "`1999-Q4` lies outside the years 2000 to 2199"),
        ] {
            let said = match parse_period(text) {
                Ok((first, last)) => format!("{first} {last}"),
                Err(error) => error.to_string(),
            };
            assert_eq!(said, expected);
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
