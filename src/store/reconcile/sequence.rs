//! Whether all files came: numbers of batches without a gap, balances that begin with what the ones before ended with, and a file
//! for each business day.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, SecondsFormat, TimeDelta, Utc};
use tokio_postgres::Row;

use super::intake::{Taken, Untrue};
use crate::acquirer::Balance;
use crate::calendar::{BusinessDays, NotCovered};
use crate::ids::{AcquirerId, SourceId};
use crate::money::{Currency, Money};
use crate::recon::breaks::BreakClass;
use crate::settings::{Expected, Settings};
use crate::store::settings::Deployment;
use crate::store::{Store, StoreError, Tx, breaks, currency};

/// How many batches of one gap get a break each: more are no gap but other numbers.
const GAP_LIMIT: i64 = 100;

/// So far before a file are days without one looked for.
const DAYS_BACK: Days = Days::new(100);

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
    /// People have resolved the break of its missing file.
    pub resolved: bool,
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
    /// Nothing came, and people have resolved the break of it.
    Resolved,
}

impl Completeness {
    /// Its name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::NotBooked => "not booked",
            Self::Awaited => "awaited",
            Self::Missing => "missing",
            Self::Resolved => "resolved",
        }
    }
}

impl DayOfFiles {
    /// How it stands on a day.
    pub fn stands(&self, today: NaiveDate) -> Completeness {
        match (self.received, self.booked) {
            (0, _) if self.resolved => Completeness::Resolved,
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

/// What the balances of a file say of files that did not come, and of those that did.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// What names each gap, and the rest of what is said of it.
    missing: Vec<(String, String)>,
    /// The names of gaps that the file fills.
    filled: Vec<String>,
}

/// Where two balances of an account meet: what the earlier one ends with, and what the later one begins with.
struct Seam {
    ended_at: DateTime<Utc>,
    closing: Money,
    begins_at: DateTime<Utc>,
    opening: Money,
}

impl Seam {
    /// No other period fits between both: their ends are a second apart where a period ends with its last one.
    fn adjoins(&self) -> bool {
        self.begins_at.signed_duration_since(self.ended_at) <= TimeDelta::minutes(1)
    }

    /// What names it.
    fn name(&self, account: &str) -> String {
        let (currency, at) = (self.opening.currency(), text(self.begins_at));
        format!("balance of {account} in {currency} at {at}: ")
    }

    fn told(&self) -> String {
        let (opening, closing) = (self.opening, self.closing);
        let ended_at = text(self.ended_at);
        format!("it begins with {opening}, the one before ended with {closing} at {ended_at}")
    }
}

/// An instant in words.
fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Keeps the balances that a file states, and holds them to those before and after them: where periods adjoin and amounts differ
/// the file is untrue, and where they do not adjoin a file between them is missing.
pub(super) async fn balances(
    tx: &mut Tx,
    acquirer: AcquirerId,
    source: SourceId,
    taken: &mut Taken,
) -> Result<Gaps, StoreError> {
    let stated = &taken.claims.balances;
    let mut gaps = Gaps::default();
    if stated.is_empty() || taken.claims.rejects > 0 {
        return Ok(gaps);
    }
    let accounts: Vec<&str> = stated.iter().map(|balance| balance.account.as_str()).collect();
    let currencies: Vec<Currency> = stated.iter().map(|balance| balance.opening.currency()).collect();
    let instants = |of: fn(&Balance) -> DateTime<Utc>| stated.iter().map(of).collect::<Vec<_>>();
    let minor = |of: fn(&Balance) -> Money| stated.iter().map(|balance| of(balance).minor()).collect::<Vec<i64>>();
    let insert = include_str!("../../../schema/queries/settlement_balances_insert.sql");
    tx.execute(
        insert,
        &[
            &source.0,
            &acquirer.0,
            &accounts,
            &currencies.iter().map(Currency::code).collect::<Vec<&str>>(),
            &instants(|balance| balance.from),
            &instants(|balance| balance.until),
            &minor(|balance| balance.opening),
            &minor(|balance| balance.closing),
        ],
    )
    .await?;
    let mut untrue = Vec::new();
    let beside = include_str!("../../../schema/queries/settlement_balances_beside.sql");
    for row in &tx.query(beside, &[&source.0, &acquirer.0]).await? {
        let account: &str = row.try_get("account")?;
        for seam in seams(row)? {
            let name = seam.name(account);
            if seam.opening == seam.closing {
                gaps.filled.push(name);
            } else if seam.adjoins() {
                untrue.push(Untrue {
                    currency: Some(seam.opening.currency()),
                    stated: seam.opening.minor().into(),
                    read: seam.closing.minor().into(),
                    words: name + &seam.told(),
                });
            } else {
                let told = format!("{}; a file between them has not come", seam.told());
                gaps.missing.push((name, told));
            }
        }
    }
    taken.dispute(untrue);
    Ok(gaps)
}

/// Where a balance meets the one before it and the one after it, if they are there.
fn seams(row: &Row) -> Result<Vec<Seam>, StoreError> {
    let currency = currency(row.try_get("currency")?)?;
    let money = |minor: i64| Money::from_minor(minor, currency);
    let mut seams = Vec::with_capacity(2);
    if let Some(ended_at) = row.try_get("before_at")? {
        seams.push(Seam {
            ended_at,
            closing: money(row.try_get("before_closing")?),
            begins_at: row.try_get("begins_at")?,
            opening: money(row.try_get("opening")?),
        });
    }
    if let Some(begins_at) = row.try_get("after_at")? {
        seams.push(Seam {
            ended_at: row.try_get("ends_at")?,
            closing: money(row.try_get("closing")?),
            begins_at,
            opening: money(row.try_get("after_opening")?),
        });
    }
    Ok(seams)
}

/// Names what is missing beside a file about a day, by its balances and, where the acquirer numbers its batches without a gap, by
/// their numbers; and resolves the breaks of what came with it.
pub(super) async fn check(
    tx: &mut Tx,
    settings: Option<&Settings>,
    name: &str,
    acquirer: AcquirerId,
    source: SourceId,
    as_of: Option<NaiveDate>,
    gaps: &Gaps,
) -> Result<(), StoreError> {
    let day = as_of.map(file_about);
    let filled = gaps.filled.iter().cloned().chain(day);
    let filled: Vec<_> = filled.map(|words| (acquirer, words)).collect();
    breaks::came(tx, source, BreakClass::MissingFile, &filled).await?;
    for (name, told) in &gaps.missing {
        let insert = include_str!("../../../schema/queries/missing_file_insert.sql");
        tx.execute(insert, &[&acquirer.0, &source.0, name, told]).await?;
    }
    let numbered = settings.and_then(|settings| settings.acquirers.get(name));
    if !numbered.is_some_and(|acquirer| acquirer.numbered_batches) {
        return Ok(());
    }
    let numbers = include_str!("../../../schema/queries/batch_numbers.sql");
    let filled: Vec<(AcquirerId, String)> = tx
        .query(numbers, &[&source.0])
        .await?
        .iter()
        .map(|row| {
            let (account, number): (&str, i64) = (row.try_get("account")?, row.try_get("number")?);
            Ok((acquirer, format!("batch {account}{number} ")))
        })
        .collect::<Result<_, StoreError>>()?;
    breaks::came(tx, source, BreakClass::MissingFile, &filled).await?;
    let missing = include_str!("../../../schema/queries/missing_files.sql");
    tx.execute(missing, &[&source.0, &acquirer.0, &GAP_LIMIT]).await?;
    Ok(())
}

/// What names the file about a day that is missing.
fn file_about(day: NaiveDate) -> String {
    format!("file about {day}: ")
}

/// Names the business days before a booked file's of which a file should have come and none did, after the acquirer's first one.
/// One that people have resolved is not named again.
pub(super) async fn days(
    tx: &mut Tx,
    deployment: &Deployment,
    name: &str,
    acquirer: AcquirerId,
    source: SourceId,
    as_of: NaiveDate,
) -> Result<(), StoreError> {
    let earliest = as_of.checked_sub_days(DAYS_BACK).unwrap_or(NaiveDate::MIN);
    let (mut due, mut words) = (Vec::new(), Vec::new());
    let mut days = Vec::new();
    for day in earliest.iter_days().take_while(|day| *day < as_of) {
        let terms = deployment
            .in_force(day)
            .and_then(|settings| settings.acquirers.get(name));
        let Some(expected) = terms.and_then(|terms| terms.expects.as_ref()) else {
            continue;
        };
        let due_on = due_on(expected, day);
        // Of a day that no calendar covers nothing is known, which `files expected` says.
        if due_on < as_of && is_expected(deployment, expected, day).unwrap_or(false) {
            days.push(day);
            due.push(due_on);
            words.push(file_about(day));
        }
    }
    if !days.is_empty() {
        let missing = include_str!("../../../schema/queries/missing_days.sql");
        tx.execute(missing, &[&acquirer.0, &source.0, &days, &due, &words])
            .await?;
    }
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
        let days = expected_days(deployment, acquirer, (from, to))?;
        let mut found = Vec::with_capacity(days.len());
        let mut came = BTreeMap::new();
        let mut of_acquirer = None;
        for ((acquirer, day), due_on) in days {
            if of_acquirer.as_ref() != Some(&acquirer) {
                came = self.files_of_days(&acquirer, (from, to)).await?;
                of_acquirer = Some(acquirer.clone());
            }
            let (received, booked, resolved) = came.get(&day).copied().unwrap_or_default();
            found.push(DayOfFiles {
                acquirer,
                day,
                due_on,
                received,
                booked,
                resolved,
            });
        }
        Ok(found)
    }

    async fn files_of_days(
        &self,
        acquirer: &str,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<BTreeMap<NaiveDate, FilesOfDay>, StoreError> {
        let sql = include_str!("../../../schema/queries/files_of_days.sql");
        let rows = self
            .rehearse(async |tx: &mut Tx| tx.query(sql, &[&acquirer, &from, &to]).await)
            .await?;
        files_of_days(&rows)
    }
}

/// What came of a day: how many files, how many of them are booked, and whether people have resolved that none came.
pub(in crate::store) type FilesOfDay = (i64, i64, bool);

/// What came of each day, as the database tells it.
pub(in crate::store) fn files_of_days(rows: &[Row]) -> Result<BTreeMap<NaiveDate, FilesOfDay>, StoreError> {
    rows.iter()
        .map(|row| {
            let came = (
                row.try_get("received")?,
                row.try_get("booked")?,
                row.try_get("resolved")?,
            );
            Ok((row.try_get("day")?, came))
        })
        .collect()
}

/// Which days files are expected of, by acquirer, and until when each should have come.
pub(in crate::store) fn expected_days(
    deployment: &Deployment,
    acquirer: Option<&str>,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<BTreeMap<(String, NaiveDate), NaiveDate>, ExpectedError> {
    let mut days = BTreeMap::new();
    for day in from.iter_days().take_while(|day| *day <= to) {
        let Some(settings) = deployment.in_force(day) else {
            continue;
        };
        let wanted = |name: &str| acquirer.is_none_or(|acquirer| acquirer == name);
        for (name, terms) in settings.acquirers.iter().filter(|(name, _)| wanted(name)) {
            let Some(expected) = &terms.expects else { continue };
            if is_expected(deployment, expected, day)? {
                days.insert((name.clone(), day), due_on(expected, day));
            }
        }
    }
    Ok(days)
}

/// Until when the file about a day should have come.
fn due_on(expected: &Expected, day: NaiveDate) -> NaiveDate {
    let due_on = day.checked_add_days(Days::new(expected.within_days.into()));
    due_on.unwrap_or(day)
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
        let check = |(received, booked, resolved), today: &str, expected: &str| {
            let files = DayOfFiles {
                acquirer: "north".to_owned(),
                day: day("2026-03-02"),
                due_on: day("2026-03-04"),
                received,
                booked,
                resolved,
            };
            assert_eq!(files.stands(day(today)).name(), expected, "{received} {booked} {today}");
        };
        check((0, 0, false), "2026-03-02", "awaited");
        check((0, 0, false), "2026-03-04", "awaited");
        check((0, 0, false), "2026-03-05", "missing");
        check((0, 0, true), "2026-03-05", "resolved");
        check((1, 0, false), "2026-03-02", "not booked");
        check((1, 0, true), "2026-03-02", "not booked");
        check((2, 1, false), "2026-03-09", "not booked");
        check((2, 2, false), "2026-03-02", "complete");
    }
}
