//! Calendars: which days banks are open, as data, and days counted with them.
//!
//! A calendar knows the years it covers and nothing beyond them. A question about a day outside is an error that names the
//! calendar and its range, never a guess: a holiday that nobody has announced yet is not a business day by default.
//!
//! Where several calendars count (an acquirer's country and the currency of a payout), a business day is one on which all of
//! them are open: [`BusinessDays`] counts over any number, a calendar alone is the case of one.
//!
//! Invariants: a day that is counted or rolled to is a business day of every calendar; [`BusinessDays::plus`] and
//! [`BusinessDays::following`] never go back; the later of two days never gives an earlier one.

mod reader;

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};

pub use self::reader::{CONTENT_LIMIT, CalendarError, Finding};

/// The days on which banks of one place, or one payment system, are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Its name, as settings use it.
    pub name: String,
    /// What it is, for people: the place, and the source of the days. May be empty.
    pub title: String,
    /// The days of the week that are never business days, Monday first.
    pub weekend: Vec<Weekday>,
    /// Closed days by date, with their names. Some may fall on a weekend.
    pub holidays: BTreeMap<NaiveDate, String>,
    /// The first day it covers.
    pub first: NaiveDate,
    /// The last day it covers.
    pub last: NaiveDate,
}

/// A day that a calendar does not cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{day} lies outside of calendar {name}, which covers {first} to {last}")]
pub struct NotCovered {
    /// The day that was asked for.
    pub day: NaiveDate,
    /// The calendar.
    pub name: String,
    /// The first day it covers.
    pub first: NaiveDate,
    /// The last day it covers.
    pub last: NaiveDate,
}

impl NotCovered {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        format!(
            "import a file of calendar {} that covers the day: `acquit calendar import FILE`",
            self.name
        )
    }
}

/// Where a day goes that is no business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Roll {
    /// To the next business day.
    #[default]
    Following,
    /// To the next business day of the same month; where there is none, to the one before.
    ModifiedFollowing,
}

/// A difference between two versions of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A holiday that was none before.
    Added(NaiveDate, String),
    /// A holiday that is none any more, with the name that it had.
    Removed(NaiveDate, String),
    /// A holiday under another name: before, after.
    Renamed(NaiveDate, String, String),
    /// Other days of the week are the weekend: before, after.
    Weekend(Vec<Weekday>, Vec<Weekday>),
    /// Other days are covered: first and last before, first and last after.
    Covered((NaiveDate, NaiveDate), (NaiveDate, NaiveDate)),
}

impl Calendar {
    /// Whether banks are open.
    pub fn is_business_day(&self, day: NaiveDate) -> Result<bool, NotCovered> {
        self.cover(day)?;
        Ok(!self.weekend.contains(&day.weekday()) && !self.holidays.contains_key(&day))
    }

    /// See [`BusinessDays::following`].
    pub fn following(&self, day: NaiveDate) -> Result<NaiveDate, NotCovered> {
        BusinessDays(&[self]).following(day)
    }

    /// See [`BusinessDays::modified_following`].
    pub fn modified_following(&self, day: NaiveDate) -> Result<NaiveDate, NotCovered> {
        BusinessDays(&[self]).modified_following(day)
    }

    /// What differs from an earlier version, in the order of days; the weekend and what is covered come first.
    pub fn changes_since(&self, before: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        let (covered, now) = ((before.first, before.last), (self.first, self.last));
        if covered != now {
            changes.push(Change::Covered(covered, now));
        }
        if before.weekend != self.weekend {
            changes.push(Change::Weekend(before.weekend.clone(), self.weekend.clone()));
        }
        let mut days: BTreeMap<NaiveDate, Change> = BTreeMap::new();
        for (&day, name) in &self.holidays {
            let change = match before.holidays.get(&day) {
                None => Change::Added(day, name.clone()),
                Some(old) if old != name => Change::Renamed(day, old.clone(), name.clone()),
                Some(_) => continue,
            };
            days.insert(day, change);
        }
        for (&day, name) in &before.holidays {
            if !self.holidays.contains_key(&day) {
                days.insert(day, Change::Removed(day, name.clone()));
            }
        }
        changes.extend(days.into_values());
        changes
    }

    fn cover(&self, day: NaiveDate) -> Result<(), NotCovered> {
        if (self.first..=self.last).contains(&day) {
            return Ok(());
        }
        Err(NotCovered {
            day,
            name: self.name.clone(),
            first: self.first,
            last: self.last,
        })
    }
}

/// Days counted over calendars that must all be open. Over none, every day is a business day.
#[derive(Debug, Clone, Copy)]
pub struct BusinessDays<'c>(pub &'c [&'c Calendar]);

impl BusinessDays<'_> {
    /// Whether all calendars are open.
    ///
    /// Errors: a day that one of them does not cover, even where another is closed.
    pub fn contains(&self, day: NaiveDate) -> Result<bool, NotCovered> {
        let mut open = true;
        for calendar in self.0 {
            open &= calendar.is_business_day(day)?;
        }
        Ok(open)
    }

    /// The day itself where it is a business day, else the next one that is.
    pub fn following(&self, day: NaiveDate) -> Result<NaiveDate, NotCovered> {
        self.nearest(day, NaiveDate::succ_opt)
    }

    /// As [`BusinessDays::following`], unless that lies in another month: then the last business day before.
    pub fn modified_following(&self, day: NaiveDate) -> Result<NaiveDate, NotCovered> {
        let month = |day: NaiveDate| (day.year(), day.month());
        // Looked for within the month alone: what follows it need not be covered.
        let mut next = Some(day);
        while let Some(candidate) = next.filter(|next| month(*next) == month(day)) {
            if self.contains(candidate)? {
                return Ok(candidate);
            }
            next = candidate.succ_opt();
        }
        self.nearest(day, NaiveDate::pred_opt)
    }

    /// A day rolled to a business day.
    pub fn roll(&self, day: NaiveDate, roll: Roll) -> Result<NaiveDate, NotCovered> {
        match roll {
            Roll::Following => self.following(day),
            Roll::ModifiedFollowing => self.modified_following(day),
        }
    }

    /// How many business days have begun since a day, up to and with another: from Friday to Monday one, backwards none.
    pub fn between(&self, since: NaiveDate, until: NaiveDate) -> Result<u32, NotCovered> {
        let mut count = 0_u32;
        let mut day = since;
        while let Some(next) = day.succ_opt().filter(|next| *next <= until) {
            count = count.saturating_add(u32::from(self.contains(next)?));
            day = next;
        }
        Ok(count)
    }

    /// The first day since which no more than `count` business days have begun, up to and with another: what is awaited since an
    /// earlier day is older than that.
    pub fn since(&self, until: NaiveDate, count: u16) -> Result<NaiveDate, NotCovered> {
        let (mut day, mut begun) = (until, 0_u16);
        while let Some(before) = day.pred_opt() {
            begun = begun.saturating_add(u16::from(self.contains(day)?));
            if begun > count {
                break;
            }
            day = before;
        }
        Ok(day)
    }

    /// T + `count` business days: the `count`-th business day after the day. Friday, Saturday and Sunday plus one are Monday.
    /// Plus nothing is the day itself, or the next business day where it is none.
    pub fn plus(&self, day: NaiveDate, count: u16) -> Result<NaiveDate, NotCovered> {
        if count == 0 {
            return self.following(day);
        }
        // The day itself has to be covered too, though nothing is counted on it.
        self.contains(day)?;
        let mut reached = day;
        for _ in 0..count {
            reached = self.following(reached.succ_opt().unwrap_or(NaiveDate::MAX))?;
        }
        Ok(reached)
    }

    fn nearest(&self, day: NaiveDate, step: impl Fn(&NaiveDate) -> Option<NaiveDate>) -> Result<NaiveDate, NotCovered> {
        let mut candidate = day;
        // Ends at the latest where a calendar does; a calendar that is never open cannot be read.
        while !self.contains(candidate)? {
            let Some(next) = step(&candidate) else {
                return Ok(candidate);
            };
            candidate = next;
        }
        Ok(candidate)
    }
}

#[cfg(test)]
mod tests;
