//! A calendar of the world's own: on which days its banks are open.

use std::io::{self, Write};

use chrono::{Datelike, NaiveDate, Weekday};

/// Its name in settings.
pub const CALENDAR: &str = "example";

/// The days on which nothing is paid.
pub struct Calendar {
    first: NaiveDate,
    last: NaiveDate,
    holidays: Vec<(NaiveDate, &'static str)>,
}

impl Calendar {
    /// From the first day of a year to the last of another, with a holiday of its own.
    pub fn new(first: NaiveDate, last: NaiveDate, holiday: NaiveDate) -> Self {
        let mut holidays = vec![(holiday, "Day of the Example")];
        for year in first.year()..=last.year() {
            for (month, day, name) in [(1, 1, "New Year's Day"), (12, 25, "Christmas Day")] {
                let day = NaiveDate::from_ymd_opt(year, month, day);
                holidays.extend(day.filter(|day| *day != holiday).map(|day| (day, name)));
            }
        }
        holidays.sort_unstable();
        Self { first, last, holidays }
    }

    /// So many business days after a day.
    pub fn after(&self, day: NaiveDate, count: u16) -> NaiveDate {
        let mut day = day;
        let mut left = count;
        while left > 0 {
            let Some(next) = day.succ_opt() else { break };
            day = next;
            left = left.saturating_sub(u16::from(self.is_open(day)));
        }
        day
    }

    fn is_open(&self, day: NaiveDate) -> bool {
        let is_weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        !is_weekend && self.holidays.iter().all(|(holiday, _)| *holiday != day)
    }

    /// Writes it as a file to import.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "kind,value,name")?;
        writeln!(out, "calendar,{CALENDAR},Made up for a simulated day")?;
        writeln!(out, "weekend,Saturday,\nweekend,Sunday,")?;
        writeln!(out, "from,{},\nuntil,{},", self.first, self.last)?;
        for (day, name) in &self.holidays {
            writeln!(out, "holiday,{day},{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_and_holidays_do_not_count() {
        let day = |text: &str| crate::dates::parse_day(text).expect("a day");
        let calendar = Calendar::new(day("2026-01-01"), day("2027-12-31"), day("2026-03-04"));
        for (from, count, expected) in [
            ("2026-03-02", 0, "2026-03-02"),
            ("2026-03-02", 1, "2026-03-03"),
            // The fourth is a holiday.
            ("2026-03-02", 2, "2026-03-05"),
            ("2026-03-06", 1, "2026-03-09"),
            ("2026-12-24", 1, "2026-12-28"),
            ("2026-12-31", 2, "2027-01-05"),
        ] {
            assert_eq!(calendar.after(day(from), count), day(expected), "{from} + {count}");
        }
    }
}
