//! Calendars in the database: every file that was imported, whole, numbered by the calendar's name.
//!
//! The latest version of a name is in force. A due date that is computed again is computed with the version that was in force
//! when it was computed first: [`Calendars::in_force`] takes the moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Store, StoreError, Tx};
use crate::calendar::{Calendar, Change};

/// One import of a calendar.
#[derive(Debug, Clone)]
pub struct CalendarVersion {
    /// Its number among those of the name: 1, 2, 3 ...
    pub number: i32,
    /// SHA-256 of the file.
    pub digest: Vec<u8>,
    /// When it was imported: the moment from which it is in force.
    pub imported_at: DateTime<Utc>,
    /// What the file says.
    pub calendar: Arc<Calendar>,
}

/// What importing a calendar came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// The first calendar of its name.
    First,
    /// A new version, and what differs from the one before.
    New {
        /// Its number.
        number: i32,
        /// Nothing where only the spelling of the file is another.
        changes: Vec<Change>,
    },
    /// The same file is in force: nothing was written.
    Already {
        /// Its number.
        number: i32,
    },
}

/// Every version of every calendar.
#[derive(Debug, Clone, Default)]
pub struct Calendars {
    /// By name, oldest first; none is empty.
    versions: BTreeMap<String, Vec<CalendarVersion>>,
}

impl Calendars {
    /// The version of a name that is in force.
    pub fn latest(&self, name: &str) -> Option<&CalendarVersion> {
        self.versions.get(name)?.last()
    }

    /// The version of a name that was in force at a moment; none before its first import.
    pub fn in_force(&self, name: &str, at: DateTime<Utc>) -> Option<&CalendarVersion> {
        let versions = self.versions.get(name)?;
        versions.iter().rev().find(|version| version.imported_at <= at)
    }

    /// One version of a name.
    pub fn version(&self, name: &str, number: i32) -> Option<&CalendarVersion> {
        let versions = self.versions.get(name)?;
        versions.iter().find(|version| version.number == number)
    }

    /// All names, in alphabetical order, and their versions, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[CalendarVersion])> {
        self.versions
            .iter()
            .map(|(name, versions)| (name.as_str(), versions.as_slice()))
    }
}

impl Store {
    /// Keeps a calendar file as a version, unless it is the one in force. A file that was in force once and was replaced may
    /// come back: it is a version of its own then.
    pub async fn import_calendar(&self, calendar: &Calendar, content: &str) -> Result<Imported, StoreError> {
        let digest = Sha256::digest(content.as_bytes());
        self.transact(async |tx: &mut Tx| {
            tx.query(include_str!("../../schema/queries/calendar_lock.sql"), &[])
                .await?;
            let known = calendars(tx).await?;
            let before = known.latest(&calendar.name);
            let number = match before {
                Some(before) if before.digest == digest.as_slice() => {
                    return Ok(Imported::Already { number: before.number });
                }
                Some(before) => before.number.saturating_add(1),
                None => 1,
            };
            let insert = include_str!("../../schema/queries/calendar_insert.sql");
            tx.execute(insert, &[&calendar.name, &number, &digest.as_slice(), &content])
                .await?;
            Ok(match before {
                Some(before) => Imported::New {
                    number,
                    changes: calendar.changes_since(&before.calendar),
                },
                None => Imported::First,
            })
        })
        .await
    }

    /// Every calendar.
    pub async fn calendars(&self) -> Result<Calendars, StoreError> {
        self.rehearse(async |tx: &mut Tx| calendars(tx).await).await
    }
}

/// Reads every calendar.
pub(super) async fn calendars(tx: &mut Tx) -> Result<Calendars, StoreError> {
    let rows = tx
        .query(include_str!("../../schema/queries/calendar_versions.sql"), &[])
        .await?;
    let mut versions: BTreeMap<String, Vec<CalendarVersion>> = BTreeMap::new();
    for row in rows {
        let (name, number): (String, i32) = (row.try_get("name")?, row.try_get("number")?);
        let content: String = row.try_get("content")?;
        let calendar = Calendar::parse(content.as_bytes())
            .map_err(|error| StoreError::Unreadable(format!("version {number} of calendar {name} with {error}")))?;
        versions.entry(name).or_default().push(CalendarVersion {
            number,
            digest: row.try_get("digest")?,
            imported_at: row.try_get("imported_at")?,
            calendar: Arc::new(calendar),
        });
    }
    Ok(Calendars { versions })
}
