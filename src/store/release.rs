//! Releasing what is due: pending money whose day has come, tranches of reserves, holds that expire.
//!
//! The books that have something due are found first, then taken in chunks, each in one transaction:
//!
//! 1. Lock the books of the chunk, in id order.
//! 2. Take the pending money that is due out of `maturing`, book it (2010 → 2020, and 2010 → 2030 what is withheld), add what is
//!    withheld to tranches. Fixed reserves take their part of it.
//! 3. Release the tranches that are due, those of step 2 included (2030 → 2020).
//! 4. Release the holds that expire (2040 → 2020).
//!
//! There is one entry for each book, currency and step. Whatever is due is decided under the book's lock and gone afterwards, so
//! a run can be repeated, killed, and run beside others: everything is released once. A plan does the same, chunk by chunk, and
//! rolls it back. Memory holds the ids of the books that have something due, and one chunk.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::books::LockedBooks;
use super::reserve::{FixedReserves, TrancheKey, Tranches, tranche_key, transfer};
use super::settings::Deployment;
use super::source::source_of_run;
use super::{Retriable, Store, StoreError, Tx, currency};
use crate::ids::{BookId, OWN, SourceId};
use crate::ledger::account::AccountCode;
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::{AmountError, Currency};
use crate::recon::availability::{Due, mature};
use crate::settings::Settings;

/// How many books are released in one transaction.
pub const CHUNK: usize = 500;

/// What kind of money was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Released {
    /// Pending money whose day has come.
    Pending,
    /// Tranches of reserves.
    Reserve,
    /// Holds that expire.
    Hold,
}

impl Released {
    /// Its name in lists and references.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Reserve => "reserve",
            Self::Hold => "hold",
        }
    }

    fn kind(self) -> EntryKind {
        match self {
            Self::Pending | Self::Reserve => EntryKind::Release,
            Self::Hold => EntryKind::HoldRelease,
        }
    }
}

/// Sums over books, minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Entries, one a book.
    pub entries: u64,
    /// What became available; below zero where withdrawn captures went back.
    pub available: i64,
    /// What was withheld of it; below zero likewise.
    pub withheld: i64,
}

/// What a run released, by kind of money and currency.
pub type Releases = BTreeMap<(Released, Currency), Sum>;

/// Why nothing more was released. Chunks before it are booked, unless it was a plan.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No settings govern the day.
    #[error("no settings are in force on {0}")]
    NoSettings(NaiveDate),
    /// Beyond 64-bit minor units.
    #[error("what is due cannot be added up")]
    Amount(#[from] AmountError),
}

impl Retriable for ReleaseError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::NoSettings(_) | Self::Amount(_) => false,
        }
    }
}

impl Store {
    /// Shows what [`Store::release`] would release, and releases nothing.
    pub async fn plan_release(
        &self,
        deployment: &Deployment,
        day: NaiveDate,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Releases, ReleaseError> {
        self.each_chunk(deployment, day, progress, async |settings, books| {
            self.rehearse(async |tx: &mut Tx| chunk(tx, settings, day, books).await)
                .await
        })
        .await
    }

    /// Releases what is due on a day or before; `progress` hears how many books are done. What it released, not what others did
    /// beside it.
    pub async fn release(
        &self,
        deployment: &Deployment,
        day: NaiveDate,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Releases, ReleaseError> {
        self.each_chunk(deployment, day, progress, async |settings, books| {
            self.transact(async |tx: &mut Tx| chunk(tx, settings, day, books).await)
                .await
        })
        .await
    }

    async fn each_chunk(
        &self,
        deployment: &Deployment,
        day: NaiveDate,
        progress: &(dyn Fn(u64) + Sync),
        work: impl AsyncFn(&Settings, &[i64]) -> Result<Releases, ReleaseError>,
    ) -> Result<Releases, ReleaseError> {
        let settings = deployment.in_force(day).ok_or(ReleaseError::NoSettings(day))?;
        let books: Vec<i64> = self
            .rehearse(async |tx: &mut Tx| {
                let rows = tx
                    .query(include_str!("../../schema/queries/release_books.sql"), &[&day])
                    .await?;
                rows.iter()
                    .map(|row| Ok(row.try_get(0)?))
                    .collect::<Result<_, StoreError>>()
            })
            .await?;
        let mut released = Releases::new();
        let mut done = 0_u64;
        for books in books.chunks(CHUNK) {
            for (key, sum) in work(settings, books).await? {
                add(&mut released, key, sum)?;
            }
            done = done.saturating_add(u64::try_from(books.len()).unwrap_or(u64::MAX));
            progress(done);
        }
        Ok(released)
    }
}

fn add(released: &mut Releases, key: (Released, Currency), more: Sum) -> Result<(), AmountError> {
    let plus = |left: i64, right: i64| left.checked_add(right).ok_or(AmountError::TooLarge);
    let sum = released.entry(key).or_default();
    sum.entries = sum.entries.saturating_add(more.entries);
    sum.available = plus(sum.available, more.available)?;
    sum.withheld = plus(sum.withheld, more.withheld)?;
    Ok(())
}

/// One chunk of books while it is released.
struct Release<'a> {
    day: NaiveDate,
    source: SourceId,
    ids: &'a [i64],
    books: LockedBooks,
    released: Releases,
}

async fn chunk(tx: &mut Tx, settings: &Settings, day: NaiveDate, ids: &[i64]) -> Result<Releases, ReleaseError> {
    let source = source_of_run(tx, &format!("release {day}")).await?.id;
    let concerned: Vec<BookId> = ids.iter().copied().map(BookId).collect();
    let mut release = Release {
        day,
        source,
        ids,
        books: LockedBooks::lock(tx, &concerned).await?,
        released: Releases::new(),
    };
    let mut fixed = FixedReserves::of(tx, settings, day, &concerned).await?;
    release.pending(tx, &mut fixed).await?;
    release.tranches(tx).await?;
    release.holds(tx).await?;
    release.books.write(tx).await?;
    Ok(release.released)
}

impl Release<'_> {
    /// Pending money whose day has come.
    async fn pending(&mut self, tx: &mut Tx, fixed: &mut FixedReserves) -> Result<(), ReleaseError> {
        let rows = tx
            .query(
                include_str!("../../schema/queries/release_maturing.sql"),
                &[&self.ids, &self.day],
            )
            .await?;
        let mut due: BTreeMap<(BookId, Currency), Vec<Due>> = BTreeMap::new();
        for row in &rows {
            let (key, row) = read_due(row)?;
            due.entry(key).or_default().push(row);
        }
        let back = due.values().flatten().any(|due| due.reserve < 0);
        let held = if back { self.held(tx).await? } else { BTreeMap::new() };
        let mut tranches = Tranches::default();
        for ((book, currency), due) in due {
            let look = |days| held.get(&(book, currency, days)).copied().unwrap_or(0);
            let matured = mature(&due, look)?;
            let mut transfers: Vec<Transfer> = [
                (
                    AccountCode::MerchantPending,
                    AccountCode::MerchantReserve,
                    matured.withheld,
                ),
                (
                    AccountCode::MerchantReserve,
                    AccountCode::MerchantPending,
                    matured.taken_back,
                ),
                (
                    AccountCode::MerchantPending,
                    AccountCode::MerchantAvailable,
                    matured.available,
                ),
            ]
            .into_iter()
            .filter_map(|(debit, credit, amount)| transfer(debit, credit, currency, amount))
            .collect();
            for (days, amount) in matured.tranches {
                tranches.add((book, currency, days), amount)?;
            }
            fixed.top_up(book, &mut transfers, &mut tranches)?;
            self.append(Released::Pending, book, currency, transfers)?;
        }
        Ok(tranches.write(tx).await?)
    }

    /// What tranches of these books hold.
    async fn held(&self, tx: &mut Tx) -> Result<BTreeMap<TrancheKey, i64>, StoreError> {
        let rows = tx
            .query(include_str!("../../schema/queries/reserve_held.sql"), &[&self.ids])
            .await?;
        rows.iter()
            .map(|row| Ok((tranche_key(row)?, row.try_get("held")?)))
            .collect()
    }

    /// Tranches whose day has come.
    async fn tranches(&mut self, tx: &mut Tx) -> Result<(), ReleaseError> {
        let rows = tx
            .query(
                include_str!("../../schema/queries/release_tranches.sql"),
                &[&self.ids, &self.day],
            )
            .await?;
        let sums = sums(&rows)?;
        for ((book, currency), amount) in sums {
            let transfers = transfer(
                AccountCode::MerchantReserve,
                AccountCode::MerchantAvailable,
                currency,
                amount,
            );
            self.append(Released::Reserve, book, currency, transfers.into_iter().collect())?;
        }
        Ok(())
    }

    /// Holds that expire.
    async fn holds(&mut self, tx: &mut Tx) -> Result<(), ReleaseError> {
        let rows = tx
            .query(
                include_str!("../../schema/queries/release_holds_due.sql"),
                &[&self.ids, &self.day],
            )
            .await?;
        let mut entries: BTreeMap<(BookId, Currency), i64> = BTreeMap::new();
        for ((book, currency), amount) in sums(&rows)? {
            let transfers = transfer(
                AccountCode::MerchantHold,
                AccountCode::MerchantAvailable,
                currency,
                amount,
            );
            let number = self.append(Released::Hold, book, currency, transfers.into_iter().collect())?;
            entries.insert((book, currency), number);
        }
        if entries.is_empty() {
            return Ok(());
        }
        let mut ids: Vec<i64> = Vec::with_capacity(rows.len());
        let mut numbers: Vec<i64> = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(number) = entries.get(&key(row)?) {
                ids.push(row.try_get("id").map_err(StoreError::from)?);
                numbers.push(*number);
            }
        }
        tx.execute(
            include_str!("../../schema/queries/holds_release.sql"),
            &[&ids, &numbers, &"its expiry"],
        )
        .await?;
        Ok(())
    }

    /// Appends one entry, counts it, and says its number; nothing, where nothing moves.
    fn append(
        &mut self,
        what: Released,
        book: BookId,
        currency: Currency,
        transfers: Vec<Transfer>,
    ) -> Result<i64, ReleaseError> {
        let mut sum = Sum {
            entries: 1,
            ..Sum::default()
        };
        for transfer in &transfers {
            for (code, amount) in [
                (transfer.credit.code, transfer.amount),
                (transfer.debit.code, transfer.amount.saturating_neg()),
            ] {
                let part = match (code, what) {
                    (AccountCode::MerchantAvailable, _) => &mut sum.available,
                    (AccountCode::MerchantReserve, Released::Pending) => &mut sum.withheld,
                    _ => continue,
                };
                *part = part.checked_add(amount).ok_or(AmountError::TooLarge)?;
            }
        }
        let number = self.books.next(book)?.0;
        if transfers.is_empty() {
            // Sales and their withdrawal: together nothing.
            return Ok(number);
        }
        // Its own number tells it from what an earlier run released on the same day.
        let reference = format!("{OWN}release {} {currency} {} at {number}", what.name(), self.day);
        let fingerprint = fingerprint(&["release 1", &reference]);
        let entry = Entry {
            transfers,
            ..Entry::of_day(what.kind(), reference, fingerprint, self.day, self.source)
        };
        self.books.append(book, entry)?;
        add(&mut self.released, (what, currency), sum)?;
        Ok(number)
    }
}

fn key(row: &Row) -> Result<(BookId, Currency), StoreError> {
    Ok((BookId(row.try_get("book_id")?), currency(row.try_get("currency")?)?))
}

fn read_due(row: &Row) -> Result<((BookId, Currency), Due), StoreError> {
    let due = Due {
        source_on: row.try_get("source_on")?,
        reserve_until: row.try_get("reserve_until")?,
        payable: row.try_get("payable")?,
        reserve: row.try_get("reserve")?,
    };
    Ok((key(row)?, due))
}

/// Σ `amount` by book and currency.
fn sums(rows: &[Row]) -> Result<BTreeMap<(BookId, Currency), i64>, ReleaseError> {
    let mut sums = BTreeMap::new();
    for row in rows {
        let amount: i64 = row.try_get("amount").map_err(StoreError::from)?;
        let sum: &mut i64 = sums.entry(key(row)?).or_default();
        *sum = sum.checked_add(amount).ok_or(AmountError::TooLarge)?;
    }
    Ok(sums)
}
