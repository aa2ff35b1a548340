//! How a profile's days are written: a pattern of letters, like `DD/MM/YYYY hh:mm`.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// The longest pattern.
const PATTERN_LIMIT: usize = 64;

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// So many digits of a part of a second.
    Fraction(usize),
    /// `Z`, or an offset like `+01:00` or `-0800`.
    Offset,
    Literal(char),
}

/// The form of days and times: YYYY, MM, DD, hh, mm, ss, f (a digit of a part of a second), Z (an offset); other characters, and
/// `T`, stand for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatePattern {
    pieces: Vec<Piece>,
    text: String,
}

impl DatePattern {
    /// Reads a pattern.
    ///
    /// Errors: an unknown letter, year, month or day missing or twice.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > PATTERN_LIMIT {
            return Err(format!("is longer than {PATTERN_LIMIT} bytes"));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let run = rest.chars().take_while(|c| *c == first).count();
            let (piece, taken) = match (first, run) {
                ('Y', 4) => (Piece::Year, 4),
                ('M', 2) => (Piece::Month, 2),
                ('D', 2) => (Piece::Day, 2),
                ('h', 2) => (Piece::Hour, 2),
                ('m', 2) => (Piece::Minute, 2),
                ('s', 2) => (Piece::Second, 2),
                ('f', 1..=9) => (Piece::Fraction(run), run),
                ('Z', 1) => (Piece::Offset, 1),
                ('T', _) => (Piece::Literal('T'), 1),
                (c, _) if !c.is_alphanumeric() && !c.is_control() => (Piece::Literal(c), c.len_utf8()),
                _ => return Err("is not a date pattern: write one like YYYY-MM-DD hh:mm:ss".to_owned()),
            };
            if !matches!(piece, Piece::Literal(_)) && pieces.contains(&piece) {
                return Err("has a part twice".to_owned());
            }
            pieces.push(piece);
            rest = rest.get(taken..).unwrap_or_default();
        }
        for (piece, name) in [(Piece::Year, "YYYY"), (Piece::Month, "MM"), (Piece::Day, "DD")] {
            if !pieces.contains(&piece) {
                return Err(format!("needs `{name}`"));
            }
        }
        let text = text.to_owned();
        Ok(Self { pieces, text })
    }

    /// Whether it has hours and minutes, so that a time zone means something.
    pub fn has_time(&self) -> bool {
        self.pieces.contains(&Piece::Hour) && self.pieces.contains(&Piece::Minute)
    }

    /// Whether it has an offset.
    pub fn has_offset(&self) -> bool {
        self.pieces.contains(&Piece::Offset)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A time of this form, and its offset where the form has one.
    fn read(&self, text: &str) -> Option<(NaiveDateTime, Option<FixedOffset>)> {
        let (mut year, mut month, mut day) = (0, 0, 0);
        let (mut hour, mut minute, mut second) = (0, 0, 0);
        let mut offset = None;
        let mut rest = text;
        for piece in &self.pieces {
            let mut number = |width: usize| take_number(&mut rest, width);
            match piece {
                Piece::Year => year = number(4)?,
                Piece::Month => month = number(2)?,
                Piece::Day => day = number(2)?,
                Piece::Hour => hour = number(2)?,
                Piece::Minute => minute = number(2)?,
                Piece::Second => second = number(2)?,
                Piece::Fraction(width) => {
                    number(*width)?;
                }
                Piece::Offset => offset = Some(take_offset(&mut rest)?),
                Piece::Literal(c) => rest = rest.strip_prefix(*c)?,
            }
        }
        if !rest.is_empty() || !(2000..2200).contains(&year) {
            return None;
        }
        let day = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        let time = NaiveTime::from_hms_opt(hour, minute, second)?;
        Some((day.and_time(time), offset))
    }
}

/// Takes so many digits.
fn take_number(rest: &mut &str, width: usize) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(width)?;
    let fine = digits.bytes().all(|byte| byte.is_ascii_digit());
    *rest = after;
    digits.parse().ok().filter(|_| fine)
}

/// Takes `Z`, `+hh:mm`, `+hhmm` or `+hh`.
fn take_offset(rest: &mut &str) -> Option<FixedOffset> {
    if let Some(after) = rest.strip_prefix('Z') {
        *rest = after;
        return FixedOffset::east_opt(0);
    }
    let negative = rest.starts_with('-');
    *rest = rest.strip_prefix(['+', '-'])?;
    let hours = take_number(rest, 2)?;
    let minutes = match rest.strip_prefix(':') {
        Some(after) => {
            *rest = after;
            take_number(rest, 2)?
        }
        None if rest.starts_with(|c: char| c.is_ascii_digit()) => take_number(rest, 2)?,
        None => 0,
    };
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(60)?;
    let seconds = i32::try_from(seconds).ok()?;
    FixedOffset::east_opt(if negative { seconds.checked_neg()? } else { seconds })
}

/// How days are written, and whose days they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// The form.
    pub pattern: DatePattern,
    /// The zone of the times in the file; none where they have an offset, or where days are taken as they stand there.
    pub time_zone: Option<Tz>,
    /// The zone whose days are wanted; none: days are taken as they stand there.
    pub day_zone: Option<Tz>,
}

impl Days {
    /// The day of a cell.
    pub fn read(&self, text: &str) -> Result<NaiveDate, String> {
        let (local, offset) = self.local(text)?;
        let Some(zone) = self.day_zone else {
            return Ok(local.date());
        };
        let instant = self.instant(text, local, offset)?;
        Ok(instant.with_timezone(&zone).date_naive())
    }

    /// Where a period begins or ends of which a cell names the first or the last day; with a time it is that moment.
    pub(super) fn bound(&self, text: &str, is_last: bool) -> Result<DateTime<Utc>, String> {
        let (local, offset) = self.local(text)?;
        let instant = self.instant(text, local, offset)?;
        if self.pattern.has_time() || !is_last {
            return Ok(instant);
        }
        Ok(instant.checked_add_signed(TimeDelta::days(1)).unwrap_or(instant))
    }

    fn local(&self, text: &str) -> Result<(NaiveDateTime, Option<FixedOffset>), String> {
        let shown = || crate::card_number::shorten(text, 40);
        let read = self.pattern.read(text);
        read.ok_or_else(|| format!("`{}` is not of the form {}", shown(), self.pattern.text))
    }

    /// The moment of a time as it is written: by its offset, else in the zone of the file, else in UTC.
    fn instant(&self, text: &str, local: NaiveDateTime, offset: Option<FixedOffset>) -> Result<DateTime<Utc>, String> {
        let instant = match (offset, self.time_zone) {
            (Some(offset), _) => offset.from_local_datetime(&local).earliest().map(|time| time.to_utc()),
            (None, Some(written)) => written.from_local_datetime(&local).earliest().map(|time| time.to_utc()),
            (None, None) => Some(local.and_utc()),
        };
        let shown = || crate::card_number::shorten(text, 40);
        instant.ok_or_else(|| format!("`{}` is a time that its zone skips", shown()))
    }

    /// The rule in words.
    pub(super) fn rule(&self) -> String {
        let written = match self.time_zone {
            Some(zone) => format!("{} in {zone}", self.pattern.text),
            None => self.pattern.text.clone(),
        };
        match self.day_zone {
            Some(zone) => format!("{written}, the day in {zone}"),
            None => written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, zones: Option<(Option<&str>, &str)>, text: &str, expected: Option<&str>) {
        let zone = |name: &str| name.parse().expect("a zone");
        let days = Days {
            pattern: DatePattern::parse(pattern).expect("a pattern"),
            time_zone: zones.and_then(|(written, _)| written).map(zone),
            day_zone: zones.map(|(_, wanted)| zone(wanted)),
        };
        let read = days.read(text).ok().map(|day| day.to_string());
        assert_eq!(read.as_deref(), expected, "{text}");
    }

    #[test]
    fn days_are_read_as_they_are_written() {
        check("YYYY-MM-DD", None, "2026-03-01", Some("2026-03-01"));
        check("DD/MM/YYYY", None, "01/03/2026", Some("2026-03-01"));
        check("MM/DD/YYYY", None, "03/01/2026", Some("2026-03-01"));
        check("YYYYMMDD", None, "20260301", Some("2026-03-01"));
        check("DD.MM.YYYY hh:mm", None, "01.03.2026 23:59", Some("2026-03-01"));
        check(
            "YYYY-MM-DDThh:mm:ss.fffZ",
            None,
            "2026-03-01T23:59:59.123+01:00",
            Some("2026-03-01"),
        );
        for wrong in [
            "2026-02-30",
            "2026-3-1",
            "26-03-01",
            "2026-03-01 ",
            " 2026-03-01",
            "0000-00-00",
            "2026-03-0١",
            "1999-12-31",
        ] {
            check("YYYY-MM-DD", None, wrong, None);
        }
        check("YYYY-MM-DD hh:mm", None, "2026-03-01 24:00", None);
        check("YYYY-MM-DD hh:mm", None, "2026-03-01 +1:00", None);
    }

    #[test]
    fn a_day_may_be_that_of_another_zone() {
        let seoul = Some((Some("UTC"), "Asia/Seoul"));
        check("YYYY-MM-DD hh:mm", seoul, "2026-03-01 14:59", Some("2026-03-01"));
        check("YYYY-MM-DD hh:mm", seoul, "2026-03-01 15:00", Some("2026-03-02"));
        let offset = Some((None, "UTC"));
        check("YYYY-MM-DDThh:mmZ", offset, "2026-03-01T23:30-0800", Some("2026-03-02"));
        check("YYYY-MM-DDThh:mmZ", offset, "2026-03-02T00:30+01", Some("2026-03-01"));
        check("YYYY-MM-DDThh:mmZ", offset, "2026-03-02T00:30Z", Some("2026-03-02"));
        check("YYYY-MM-DDThh:mmZ", offset, "2026-03-02T00:30", None);
        // An hour that is skipped is no time.
        let berlin = Some((Some("Europe/Berlin"), "UTC"));
        check("YYYY-MM-DD hh:mm", berlin, "2026-03-29 02:30", None);
        check("YYYY-MM-DD hh:mm", berlin, "2026-10-25 02:30", Some("2026-10-25"));
    }

    #[test]
    fn a_pattern_says_what_it_means() {
        for (wrong, reason) in [
            ("", "needs `YYYY`"),
            ("YYYY-MM", "needs `DD`"),
            ("YY-MM-DD", "is not a date pattern"),
            ("YYYY-MM-DD HH", "is not a date pattern"),
            ("YYYY-MM-DD MM", "has a part twice"),
            ("YYYY-MM-DD 1", "is not a date pattern"),
        ] {
            let error = DatePattern::parse(wrong).expect_err("no pattern");
            assert!(error.contains(reason), "{wrong}: {error}");
        }
    }
}
