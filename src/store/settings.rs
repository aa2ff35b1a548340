//! Settings in the database: every version whole, and the books and acquirers that they name; with the calendars, the deployment.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::calendar::Calendars;
use super::{Retriable, Store, StoreError, Tx};
use crate::acquirer::mapping::Profile;
use crate::calendar::Calendar;
use crate::dates::day_in;
use crate::dates::is_weekday;
use crate::ids::AcquirerId;
use crate::payment::event::PaymentEvent;
use crate::recon::breaks::BreakClass;
use crate::settings::{FeeSchedule, Scope, Settings, SettingsError, SettingsVersion};

/// Every settings version, the ids that the database gave to what they name, and every calendar.
#[derive(Debug, Clone)]
pub struct Deployment {
    versions: Vec<SettingsVersion>,
    acquirers: HashMap<String, AcquirerId>,
    calendars: Calendars,
}

impl Deployment {
    /// The version that governs a booking date: the latest that begins on or before it.
    pub fn in_force(&self, day: NaiveDate) -> Option<&Arc<Settings>> {
        self.begun(day).last().map(|version| &version.settings)
    }

    /// The versions that have begun on a booking date, oldest first: the last one governs it.
    pub fn begun(&self, day: NaiveDate) -> &[SettingsVersion] {
        let has_begun = |version: &SettingsVersion| version.settings.effective_from <= day;
        let begun = self.versions.partition_point(has_begun);
        self.versions.get(..begun).unwrap_or_default()
    }

    /// Every version, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<Settings>> {
        self.versions.iter().map(|version| &version.settings)
    }

    /// The versions that govern any of these days, in their order; the first may begin before them.
    pub fn in_force_between(&self, first: NaiveDate, last: NaiveDate) -> impl Iterator<Item = &Arc<Settings>> {
        let governing = self.in_force(first).map(|version| version.effective_from);
        self.versions()
            .filter(move |version| governing.is_none_or(|from| version.effective_from >= from))
            .filter(move |version| version.effective_from <= last)
    }

    /// What prices a merchant's fees of a day.
    pub fn fee_schedule(&self, merchant: &str, day: NaiveDate) -> Option<&FeeSchedule> {
        let settings = self.in_force(day)?;
        let merchant = settings.merchants.get(merchant)?;
        settings.fee_schedule(&merchant.fee_schedule, day)
    }

    /// The latest version.
    pub fn latest(&self) -> Option<&Arc<Settings>> {
        self.versions.last().map(|version| &version.settings)
    }

    /// The mapping profiles of the settings of a day, or of the latest.
    pub fn profiles(&self, day: Option<NaiveDate>) -> Vec<Arc<Profile>> {
        let in_force = day.map_or_else(|| self.latest(), |day| self.in_force(day));
        in_force.map_or_else(Vec::new, |settings| settings.profiles.clone())
    }

    /// The first day that settings govern.
    pub fn first_day(&self) -> Option<NaiveDate> {
        self.versions().next().map(|settings| settings.effective_from)
    }

    /// The zone whose midnight divides booking dates: no version has another than the first.
    pub fn time_zone(&self) -> Tz {
        self.latest().map_or(Tz::UTC, |settings| settings.house.time_zone)
    }

    /// Whether any fee schedule of any version adds fees up before it rounds them.
    pub fn accrues(&self) -> bool {
        let schedules = self
            .versions()
            .flat_map(|version| version.fee_schedules.values().flatten());
        schedules.into_iter().any(|schedule| schedule.scope != Scope::Item)
    }

    /// The first day of the period in which the fee of a capture is added up; none where it is rounded by itself.
    pub fn accrual_period(&self, event: &PaymentEvent) -> Option<NaiveDate> {
        let day = day_in(event.occurred_at, self.time_zone());
        self.fee_schedule(&event.merchant, day)?.period(day)
    }

    /// The id of an acquirer.
    pub fn acquirer(&self, name: &str) -> Option<AcquirerId> {
        self.acquirers.get(name).copied()
    }

    /// The name of an acquirer.
    pub fn acquirer_name(&self, id: AcquirerId) -> Option<&str> {
        self.acquirers
            .iter()
            .find(|(_, known)| **known == id)
            .map(|(name, _)| name.as_str())
    }

    /// On which days is business by a calendar, as far as one is named, is there and covers them; else from Monday to Friday.
    pub fn business_days(&self, calendar: Option<&str>) -> impl Fn(NaiveDate) -> bool + use<> {
        let calendar = calendar.and_then(|name| self.calendar(name)).cloned();
        move |day| {
            let is_open = calendar
                .as_ref()
                .and_then(|calendar| calendar.is_business_day(day).ok());
            is_open.unwrap_or_else(|| is_weekday(day))
        }
    }

    /// The calendar of a name, in the version that is in force.
    pub fn calendar(&self, name: &str) -> Option<&Arc<Calendar>> {
        self.calendars.latest(name).map(|version| &version.calendar)
    }

    /// The calendar of a name, in the version that was in force at a moment: what a due date of that moment was counted with.
    pub fn calendar_at(&self, name: &str, at: DateTime<Utc>) -> Option<&Arc<Calendar>> {
        self.calendars.in_force(name, at).map(|version| &version.calendar)
    }

    /// Every version of every calendar.
    pub fn calendars(&self) -> &Calendars {
        &self.calendars
    }
}

/// Why settings were not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A version must begin after every other one: the past is not priced anew.
    #[error("these settings begin on {begins}, but a version that begins on {latest} is in force already")]
    NotAfterLatest {
        /// The first day of the file.
        begins: NaiveDate,
        /// The first day of the latest version.
        latest: NaiveDate,
    },
    /// What is booked already was governed by other settings.
    #[error("these settings begin on {begins}, but entries are booked up to {booked}, by the settings before")]
    AlreadyBooked {
        /// The first day of the file.
        begins: NaiveDate,
        /// The latest booking date of an entry.
        booked: NaiveDate,
    },
    /// What the file says cannot come after what the versions before it say, or names what was not imported.
    #[error(transparent)]
    Refused(#[from] SettingsError),
}

impl Retriable for ApplyError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::NotAfterLatest { .. } | Self::AlreadyBooked { .. } | Self::Refused(_) => false,
        }
    }
}

/// What applying settings came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// A new version.
    New,
    /// The same file was applied before.
    Already,
}

/// A stored settings version, for showing.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its first booking date.
    pub effective_from: NaiveDate,
    /// SHA-256 of its content.
    pub digest: Vec<u8>,
    /// The file.
    pub content: String,
    /// When it was applied.
    pub applied_at: DateTime<Utc>,
}

impl Version {
    fn read(&self) -> Result<Settings, StoreError> {
        Settings::parse(&self.content).map_err(|error| StoreError::Unreadable(format!("settings with {error}")))
    }
}

impl Store {
    /// Keeps a settings file as a version and opens a book for every new merchant. Refused whole where it cannot follow the
    /// versions before it, names a calendar that was not imported, or begins on a day of which something is booked.
    pub async fn apply_settings(&self, settings: &Settings, content: &str) -> Result<Applied, ApplyError> {
        let digest = Sha256::digest(content.as_bytes());
        let mut merchants: Vec<&str> = settings.merchants.keys().map(String::as_str).collect();
        merchants.sort_unstable();
        let acquirers: Vec<&str> = settings.acquirers.keys().map(String::as_str).collect();
        self.transact(async |tx: &mut Tx| {
            tx.query(include_str!("../../schema/queries/settings_lock.sql"), &[])
                .await?;
            let versions = versions(tx).await?;
            if versions.iter().any(|version| version.digest == digest.as_slice()) {
                return Ok(Applied::Already);
            }
            if let Some(latest) = versions.last().map(|version| version.effective_from)
                && settings.effective_from <= latest
            {
                return Err(ApplyError::NotAfterLatest {
                    begins: settings.effective_from,
                    latest,
                });
            }
            let before = versions.iter().map(Version::read).collect::<Result<Vec<_>, _>>()?;
            let calendars = super::calendar::calendars(tx).await?;
            let is_calendar = |name: &str| calendars.latest(name).is_some();
            let is_break_class = |name: &str| BreakClass::from_name(name).is_some();
            settings.follow(content, &before, &is_calendar, &is_break_class)?;
            let booked = include_str!("../../schema/queries/settings_booked.sql");
            let rows = tx.query(booked, &[&settings.effective_from]).await?;
            let latest = rows.first().map(|row| row.try_get("latest")).transpose();
            if let Some(booked) = latest.map_err(StoreError::from)?.flatten() {
                let begins = settings.effective_from;
                return Err(ApplyError::AlreadyBooked { begins, booked });
            }
            let insert = include_str!("../../schema/queries/settings_insert.sql");
            tx.execute(insert, &[&settings.effective_from, &digest.as_slice(), &content])
                .await?;
            tx.execute(include_str!("../../schema/queries/acquirers_create.sql"), &[&acquirers])
                .await?;
            tx.execute(include_str!("../../schema/queries/books_create.sql"), &[&merchants])
                .await?;
            Ok(Applied::New)
        })
        .await
    }

    /// Every settings version, oldest first.
    pub async fn settings_versions(&self) -> Result<Vec<Version>, StoreError> {
        self.rehearse(async |tx: &mut Tx| versions(tx).await).await
    }

    /// Loads the deployment: all versions of the settings, ids, calendars.
    pub async fn deployment(&self) -> Result<Deployment, StoreError> {
        let (versions, acquirers, calendars): (_, HashMap<String, AcquirerId>, _) = self
            .rehearse(async |tx: &mut Tx| {
                let rows = tx
                    .query(include_str!("../../schema/queries/acquirers.sql"), &[])
                    .await?;
                let acquirers = rows
                    .iter()
                    .map(|row| Ok((row.try_get("name")?, AcquirerId(row.try_get("id")?))))
                    .collect::<Result<_, tokio_postgres::Error>>()?;
                let calendars = super::calendar::calendars(tx).await?;
                Ok::<_, StoreError>((versions(tx).await?, acquirers, calendars))
            })
            .await?;
        let versions = versions
            .iter()
            .map(|version| {
                let settings = version.read().map(Arc::new)?;
                let applied_on = day_in(version.applied_at, settings.house.time_zone);
                Ok(SettingsVersion { settings, applied_on })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        // The row that stands for our bank account among them is no acquirer.
        let named = |name: &String| {
            versions
                .iter()
                .any(|version: &SettingsVersion| version.settings.acquirers.contains_key(name))
        };
        Ok(Deployment {
            acquirers: acquirers.into_iter().filter(|(name, _)| named(name)).collect(),
            versions,
            calendars,
        })
    }
}

async fn versions(tx: &mut Tx) -> Result<Vec<Version>, StoreError> {
    let rows = tx
        .query(include_str!("../../schema/queries/settings_versions.sql"), &[])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Version {
                effective_from: row.try_get("effective_from")?,
                digest: row.try_get("digest")?,
                content: row.try_get("content")?,
                applied_at: row.try_get("applied_at")?,
            })
        })
        .collect()
}
