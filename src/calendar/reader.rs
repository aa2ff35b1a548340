//! Calendar files: a strict CSV of three columns, `kind,value,name`.
//!
//! | kind | value | name |
//! | --- | --- | --- |
//! | `calendar` | the calendar's name, one row | what it is and where its days are from; may be empty |
//! | `weekend` | `Monday` to `Sunday`, one row each, or `none` | |
//! | `from`, `until` | the first and the last day covered, one row each | |
//! | `holiday` | a day | its name |
//!
//! Rows may come in any order. A file is read whole and taken whole: either nothing is wrong with it, or every finding comes
//! back with its line and column, up to [`FINDING_LIMIT`].

use std::collections::BTreeMap;
use std::fmt;

use chrono::{NaiveDate, Weekday};

use super::Calendar;
use crate::card_number::shorten;
use crate::dates::parse_day;
use crate::delimited::{FileError, Record, Records};
use crate::ids::check_reference;

/// The largest calendar file, in bytes: 200 years of holidays take less than half.
pub const CONTENT_LIMIT: usize = 1_000_000;
/// After so many findings a file is not read on.
pub const FINDING_LIMIT: usize = 100;

const HEADER: [&str; 3] = ["kind", "value", "name"];
const KIND: usize = 0;
const VALUE: usize = 1;
const NAME: usize = 2;

const WEEK: [(&str, Weekday); 7] = [
    ("Monday", Weekday::Mon),
    ("Tuesday", Weekday::Tue),
    ("Wednesday", Weekday::Wed),
    ("Thursday", Weekday::Thu),
    ("Friday", Weekday::Fri),
    ("Saturday", Weekday::Sat),
    ("Sunday", Weekday::Sun),
];
/// In place of a day of the week: there is no weekend.
const NO_WEEKEND: &str = "none";

/// One thing that is wrong in a calendar file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line, the first being 1.
    pub line: u64,
    /// The column by its name, where it is one cell.
    pub column: Option<&'static str>,
    /// What is wrong, and what to write instead; card numbers masked.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "line {}, column {column}: {}", self.line, self.message),
            None => write!(f, "line {}: {}", self.line, self.message),
        }
    }
}

/// Everything that is wrong in a calendar file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.findings))]
pub struct CalendarError {
    /// At least one.
    pub findings: Vec<Finding>,
}

fn lines(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    lines.join("\n")
}

impl Calendar {
    /// Reads a calendar file. Either all of it is right, or every finding comes back.
    pub fn parse(content: &[u8]) -> Result<Self, CalendarError> {
        let mut reader = Reader::default();
        if content.len() > CONTENT_LIMIT {
            reader.found(
                1,
                None,
                format!("the file is larger than {CONTENT_LIMIT} bytes; is it a calendar?"),
            );
        } else if let Err(error) = reader.read(content) {
            let (line, message) = match error {
                FileError::Malformed { line, reason } | FileError::Damaged { record: line, reason } => (line, reason),
                FileError::Io(error) => (1, error.to_string()),
            };
            reader.found(line, None, message);
        } else {
            reader.judge();
        }
        reader.into_calendar()
    }
}

/// What is read so far, each with the line it stands on.
#[derive(Default)]
struct Reader {
    findings: Vec<Finding>,
    /// How far the file was read.
    lines: u64,
    calendar: Option<(u64, (String, String))>,
    first: Option<(u64, NaiveDate)>,
    last: Option<(u64, NaiveDate)>,
    /// Days of the week by their place in [`WEEK`]; the line of `none`.
    weekend: BTreeMap<usize, u64>,
    no_weekend: Option<u64>,
    /// Rows that were meant to say something, right or wrong, so that none is found missing because it is wrong.
    seen: Vec<&'static str>,
    holidays: BTreeMap<NaiveDate, (u64, String)>,
}

impl Reader {
    fn found(&mut self, line: u64, column: Option<usize>, message: String) {
        let column = column.and_then(|place| HEADER.get(place)).copied();
        self.findings.push(Finding { line, column, message });
    }

    fn read(&mut self, content: &[u8]) -> Result<(), FileError> {
        let mut records = Records::open(content)?;
        if !records.advance()? {
            self.found(
                1,
                None,
                format!("the file is empty: its first line must be `{}`", HEADER.join(",")),
            );
            return Ok(());
        }
        if !self.header(records.record()) {
            return Ok(());
        }
        self.lines = records.record().line();
        while records.advance()? {
            self.lines = records.record().line();
            self.row(records.record());
            if self.findings.len() >= FINDING_LIMIT {
                self.found(
                    self.lines,
                    None,
                    "more is wrong below: the file was not read on".to_owned(),
                );
                break;
            }
        }
        Ok(())
    }

    fn header(&mut self, record: &Record) -> bool {
        let cells: Vec<&str> = (0..record.cells()).map(|place| record.cell(place)).collect();
        if record.fault().is_none() && cells == HEADER {
            return true;
        }
        let separated = cells.len() == 1 && record.cell(0).contains([';', '\t']);
        let message = if separated {
            "cells are separated by something else; they must be by commas".to_owned()
        } else {
            format!("the first line must be `{}`", HEADER.join(","))
        };
        self.found(record.line(), None, message);
        false
    }

    fn row(&mut self, record: &Record) {
        let line = record.line();
        if record.is_blank() {
            self.found(line, None, "the line is blank".to_owned());
        } else if let Some(fault) = record.fault() {
            self.found(line, Some(fault.cell), format!("the cell {}", fault.reason));
        } else if record.cells() != HEADER.len() {
            let count = record.cells();
            self.found(
                line,
                None,
                format!("the row has {count} cells; it must have {}", HEADER.len()),
            );
        } else {
            self.cells(line, record.cell(KIND), record.cell(VALUE), record.cell(NAME));
        }
    }

    fn cells(&mut self, line: u64, kind: &str, value: &str, name: &str) {
        match kind {
            "calendar" => self.name(line, value, name),
            "weekend" => {
                self.no_name(line, name);
                self.weekend(line, value);
            }
            "from" | "until" => {
                self.no_name(line, name);
                self.bound(line, kind == "from", value);
            }
            "holiday" => self.holiday(line, value, name),
            _ => {
                let kind = shorten(kind, 40);
                let known = "one of calendar, weekend, from, until, holiday";
                self.found(line, Some(KIND), format!("`{kind}` is no kind of row: write {known}"));
            }
        }
    }

    fn name(&mut self, line: u64, value: &str, title: &str) {
        let again = self.again(line, "calendar", self.calendar.as_ref().map(|(line, _)| *line));
        if let Err(error) = check_reference(value) {
            self.found(line, Some(VALUE), format!("the name of the calendar {error}"));
        } else if !title.is_empty()
            && let Err(error) = check_reference(title)
        {
            self.found(line, Some(NAME), format!("the cell {error}"));
        } else if !again {
            self.calendar = Some((line, (value.to_owned(), title.to_owned())));
        }
    }

    fn weekend(&mut self, line: u64, value: &str) {
        self.seen.push("weekend");
        if value == NO_WEEKEND {
            self.no_weekend.get_or_insert(line);
            return;
        }
        let Some(place) = WEEK.iter().position(|(name, _)| *name == value) else {
            let value = shorten(value, 40);
            let known = WEEK.map(|(name, _)| name).join(", ");
            self.found(
                line,
                Some(VALUE),
                format!("`{value}` is no day of the week: write one of {known}, or {NO_WEEKEND}"),
            );
            return;
        };
        let before = *self.weekend.entry(place).or_insert(line);
        if before != line {
            self.found(
                line,
                Some(VALUE),
                format!("{value} is there twice, first on line {before}"),
            );
        }
    }

    fn bound(&mut self, line: u64, is_first: bool, value: &str) {
        let (kind, before) = if is_first {
            ("from", self.first)
        } else {
            ("until", self.last)
        };
        let again = self.again(line, kind, before.map(|(line, _)| line));
        if let Some(day) = self.day(line, value)
            && !again
        {
            let bound = if is_first { &mut self.first } else { &mut self.last };
            *bound = Some((line, day));
        }
    }

    fn holiday(&mut self, line: u64, value: &str, name: &str) {
        let day = self.day(line, value);
        if let Err(error) = check_reference(name) {
            self.found(line, Some(NAME), format!("the name of the holiday {error}"));
        }
        let Some(day) = day else { return };
        match self.holidays.get(&day) {
            Some((before, _)) => {
                let message = format!("{day} is there twice, first on line {before}");
                self.found(line, Some(VALUE), message);
            }
            None => {
                self.holidays.insert(day, (line, name.to_owned()));
            }
        }
    }

    fn day(&mut self, line: u64, value: &str) -> Option<NaiveDate> {
        parse_day(value)
            .map_err(|error| self.found(line, Some(VALUE), error.to_string()))
            .ok()
    }

    /// Notes a row that may be there once; true where one of the kind was read before.
    fn again(&mut self, line: u64, kind: &'static str, before: Option<u64>) -> bool {
        self.seen.push(kind);
        if let Some(before) = before {
            let message = format!("there is another row `{kind}`, on line {before}");
            self.found(line, Some(KIND), message);
        }
        before.is_some()
    }

    fn no_name(&mut self, line: u64, name: &str) {
        if !name.is_empty() {
            self.found(
                line,
                Some(NAME),
                "the cell must be empty: only a calendar and a holiday have a name".to_owned(),
            );
        }
    }

    /// What only the whole file shows: rows that are missing, days outside of what is covered, no day left open.
    fn judge(&mut self) {
        // A header that is wrong, or a file that was not read to its end, says nothing of what is missing.
        if self.lines == 0 || self.findings.len() > FINDING_LIMIT {
            return;
        }
        for (kind, meaning) in [
            ("calendar", "the calendar's name"),
            ("weekend", "a day of the week, or none"),
            ("from", "the first day it covers"),
            ("until", "the last day it covers"),
        ] {
            if !self.seen.contains(&kind) {
                self.found(
                    self.lines,
                    None,
                    format!("the file ends without a row `{kind}`: {meaning}"),
                );
            }
        }
        if let (Some(line), false) = (self.no_weekend, self.weekend.is_empty()) {
            let message = format!("`{NO_WEEKEND}` stands beside days of the week");
            self.found(line, Some(VALUE), message);
        }
        if let (true, Some(line)) = (self.weekend.len() == WEEK.len(), self.weekend.values().max()) {
            let message = "all seven days are the weekend: no business day is left".to_owned();
            self.found(*line, Some(VALUE), message);
        }
        let (Some((_, first)), Some((line, last))) = (self.first, self.last) else {
            return;
        };
        if last < first {
            let message = format!("{last} comes before the first day, {first}");
            self.found(line, Some(VALUE), message);
            return;
        }
        let outside: Vec<(u64, NaiveDate)> = self
            .holidays
            .iter()
            .filter(|(day, _)| !(first..=last).contains(*day))
            .map(|(day, (line, _))| (*line, *day))
            .collect();
        for (line, day) in outside.into_iter().take(FINDING_LIMIT) {
            self.found(
                line,
                Some(VALUE),
                format!("{day} lies outside of what the file covers, {first} to {last}"),
            );
        }
    }

    fn into_calendar(mut self) -> Result<Calendar, CalendarError> {
        self.findings.sort_by_key(|finding| finding.line);
        match (self.calendar, self.first, self.last) {
            (Some((_, (name, title))), Some((_, first)), Some((_, last))) if self.findings.is_empty() => Ok(Calendar {
                name,
                title,
                weekend: self
                    .weekend
                    .keys()
                    .filter_map(|place| WEEK.get(*place))
                    .map(|(_, day)| *day)
                    .collect(),
                holidays: self.holidays.into_iter().map(|(day, (_, name))| (day, name)).collect(),
                first,
                last,
            }),
            _ => Err(CalendarError {
                findings: self.findings,
            }),
        }
    }
}
