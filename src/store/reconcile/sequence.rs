//! Whether all files came: numbers of batches without a gap, and a file for each business day.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use crate::calendar::{BusinessDays, NotCovered};
use crate::ids::{AcquirerId, SourceId};
use crate::settings::{Expected, Settings};
use crate::store::settings::Deployment;
use crate::store::{Store, StoreError, Tx};

/// How many batches of one gap get a break each: more are no gap but other numbers.
const GAP_LIMIT: i64 = 100;

/// What is expected of a day, and came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOfFiles {
    /// The acquirer.
    pub acquirer: String,
    /// The business day that a file should be about.
    pub day: NaiveDate,
    /// Until when it should have come.
    pub due_on: NaiveDate,
    /// How many files of the day came, and are not undone.
    pub received: i64,
    /// How many of them are booked.
    pub booked: i64,
}

/// How the files of a day stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All that came are booked.
    Complete,
    /// Something came that is not booked.
    NotBooked,
    /// Nothing came, and it is not due yet.
    Awaited,
    /// Nothing came.
    Missing,
}

impl Completeness {
    /// Its name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::NotBooked => "not booked",
            Self::Awaited => "awaited",
            Self::Missing => "missing",
        }
    }
}

impl DayOfFiles {
    /// How it stands on a day.
    pub fn stands(&self, today: NaiveDate) -> Completeness {
        match (self.received, self.booked) {
            (0, _) if today <= self.due_on => Completeness::Awaited,
            (0, _) => Completeness::Missing,
            (received, booked) if booked < received => Completeness::NotBooked,
            _ => Completeness::Complete,
        }
    }
}

/// Why nobody knows what is expected.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Business days are not known.
    #[error(transparent)]
    NotCovered(#[from] NotCovered),
    /// Named in the settings, and not there.
    #[error("there is no calendar `{0}`")]
    NoCalendar(String),
}

/// Names the batches that are missing beside those of a file, and resolves the breaks of those that came with it, where the
/// acquirer numbers its batches without a gap.
pub(super) async fn check(
    tx: &mut Tx,
    settings: Option<&Settings>,
    name: &str,
    acquirer: AcquirerId,
    source: SourceId,
) -> Result<(), StoreError> {
    let numbered = settings.and_then(|settings| settings.acquirers.get(name));
    if !numbered.is_some_and(|acquirer| acquirer.numbered_batches) {
        return Ok(());
    }
    let came = include_str!("../../../schema/queries/missing_files_came.sql");
    tx.execute(came, &[&source.0, &acquirer.0]).await?;
    let missing = include_str!("../../../schema/queries/missing_files.sql");
    tx.execute(missing, &[&source.0, &acquirer.0, &GAP_LIMIT]).await?;
    Ok(())
}

impl Store {
    /// What is expected of each business day from one to another, and came, by acquirer and day. What is expected is said by the
    /// settings in force on the day.
    pub async fn expected_files(
        &self,
        deployment: &Deployment,
        acquirer: Option<&str>,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<Vec<DayOfFiles>, ExpectedError> {
        let mut days: BTreeMap<(String, NaiveDate), NaiveDate> = BTreeMap::new();
        for day in from.iter_days().take_while(|day| *day <= to) {
            let Some(settings) = deployment.in_force(day) else {
                continue;
            };
            let wanted = |name: &str| acquirer.is_none_or(|acquirer| acquirer == name);
            for (name, terms) in settings.acquirers.iter().filter(|(name, _)| wanted(name)) {
                let Some(expected) = &terms.expects else { continue };
                if is_expected(deployment, expected, day)? {
                    let due_on = day.checked_add_days(Days::new(expected.within_days.into()));
                    days.insert((name.clone(), day), due_on.unwrap_or(day));
                }
            }
        }
        let mut found = Vec::with_capacity(days.len());
        let mut came = BTreeMap::new();
        let mut of_acquirer = None;
        for ((acquirer, day), due_on) in days {
            if of_acquirer.as_ref() != Some(&acquirer) {
                came = self.files_of_days(&acquirer, (from, to)).await?;
                of_acquirer = Some(acquirer.clone());
            }
            let (received, booked) = came.get(&day).copied().unwrap_or_default();
            found.push(DayOfFiles {
                acquirer,
                day,
                due_on,
                received,
                booked,
            });
        }
        Ok(found)
    }

    async fn files_of_days(
        &self,
        acquirer: &str,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<BTreeMap<NaiveDate, (i64, i64)>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let sql = include_str!("../../../schema/queries/files_of_days.sql");
            let rows = tx.query(sql, &[&acquirer, &from, &to]).await?;
            rows.iter()
                .map(|row| {
                    let counts = (row.try_get("received")?, row.try_get("booked")?);
                    Ok((row.try_get("as_of")?, counts))
                })
                .collect()
        })
        .await
    }
}

fn is_expected(deployment: &Deployment, expected: &Expected, day: NaiveDate) -> Result<bool, ExpectedError> {
    let name = &expected.calendar.name;
    let calendar = deployment.calendar(name);
    let calendar = calendar.ok_or_else(|| ExpectedError::NoCalendar(name.clone()))?;
    Ok(BusinessDays(&[&**calendar]).contains(day)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_complete_when_all_that_came_is_booked() {
        let day = |text: &str| -> NaiveDate { text.parse().expect("a day") };
        let check = |received, booked, today: &str, expected: &str| {
            let files = DayOfFiles {
                acquirer: "north".to_owned(),
                day: day("2026-03-02"),
                due_on: day("2026-03-04"),
                received,
                booked,
            };
            assert_eq!(files.stands(day(today)).name(), expected, "{received} {booked} {today}");
        };
        check(0, 0, "2026-03-02", "awaited");
        check(0, 0, "2026-03-04", "awaited");
        check(0, 0, "2026-03-05", "missing");
        check(1, 0, "2026-03-02", "not booked");
        check(2, 1, "2026-03-09", "not booked");
        check(2, 2, "2026-03-02", "complete");
    }
}
