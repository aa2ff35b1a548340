//! Expiring authorizations: what is open of a promise past its time is released, as a fact in the books.
//!
//! Payments whose time was up at a cut-off are taken in the order in which it was, chunk by chunk, each in one transaction: lock
//! the books, read the payments again, let `payment::lifecycle` decide, write an entry and where the payment stands. What an
//! entry says depends on the payment alone: it occurred when the payment's time was up, is booked on that day (the first day of
//! the settings, where that was before them), comes from the run of that day, and its reference counts the payment's expiries. So
//! any number of runs, with cut-offs however they are, side by side or one after the other, come to the same entries as one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};

use super::books::LockedBooks;
use super::record::{Limits, read_payment, update_payments};
use super::settings::Deployment;
use super::source::source_of_run;
use super::{Store, StoreError, Tx};
use crate::dates::day_in;
use crate::ids::{AcquirerId, BookId, OWN, SourceId};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind};
use crate::money::Currency;
use crate::payment::lifecycle::{Decision, Payment, expire};
use crate::payment::limits::{LimitKey, taken};

/// How many payments expire in one transaction.
pub const CHUNK: i64 = 5_000;

/// Sums over payments, by currency.
pub type Expiries = BTreeMap<Currency, Sum>;

/// What expired in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Payments.
    pub payments: u64,
    /// What was open of them, minor units.
    pub amount: i64,
}

/// Where a run stands in the order of times, books and payments.
#[derive(Debug, Clone)]
struct Place {
    expires_at: DateTime<Utc>,
    book: i64,
    payment: String,
}

/// One chunk of payments in their order, and what came of it.
struct Done {
    /// The last of the chunk; none where it was empty.
    last: Option<Place>,
    expired: Expiries,
}

impl Store {
    /// Shows what [`Store::expire`] would book, and books nothing.
    pub async fn plan_expiry(
        &self,
        deployment: &Deployment,
        cutoff: DateTime<Utc>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Expiries, StoreError> {
        each_chunk(progress, async |from| {
            self.rehearse(async |tx: &mut Tx| chunk(tx, deployment, cutoff, from).await)
                .await
        })
        .await
    }

    /// Books the expiry of every payment whose time was up at a cut-off and that has something open; `progress` hears how many.
    /// What it booked, not what others did beside it.
    pub async fn expire(
        &self,
        deployment: &Deployment,
        cutoff: DateTime<Utc>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Expiries, StoreError> {
        each_chunk(progress, async |from| {
            self.transact(async |tx: &mut Tx| chunk(tx, deployment, cutoff, from).await)
                .await
        })
        .await
    }
}

async fn each_chunk(
    progress: &(dyn Fn(u64) + Sync),
    work: impl AsyncFn(Option<&Place>) -> Result<Done, StoreError>,
) -> Result<Expiries, StoreError> {
    let mut all = Expiries::new();
    let mut place = None;
    loop {
        let Done { last, expired } = work(place.as_ref()).await?;
        for (currency, sum) in expired {
            add(&mut all, currency, sum)?;
        }
        let count = all
            .values()
            .fold(0_u64, |count, sum| count.saturating_add(sum.payments));
        progress(count);
        if last.is_none() {
            return Ok(all);
        }
        place = last;
    }
}

fn add(expired: &mut Expiries, currency: Currency, more: Sum) -> Result<(), StoreError> {
    let sum = expired.entry(currency).or_default();
    sum.payments = sum.payments.saturating_add(more.payments);
    sum.amount = sum
        .amount
        .checked_add(more.amount)
        .ok_or_else(|| StoreError::TooLarge("the sum of what expired".to_owned()))?;
    Ok(())
}

/// A payment whose time was up, as it stands under the lock of its book.
struct Expiring {
    book: BookId,
    name: String,
    acquirer: AcquirerId,
    currency: Currency,
    occurred_at: DateTime<Utc>,
    day: NaiveDate,
    before: Payment,
    amount: i64,
    decision: Decision,
}

async fn chunk(
    tx: &mut Tx,
    deployment: &Deployment,
    cutoff: DateTime<Utc>,
    from: Option<&Place>,
) -> Result<Done, StoreError> {
    let candidates = candidates(tx, cutoff, from).await?;
    let last = candidates.last().cloned();
    let mut expired = Expiries::new();
    if last.is_none() {
        return Ok(Done { last, expired });
    }
    let days = candidates
        .iter()
        .map(|place| booking_date(deployment, place.expires_at))
        .collect();
    let sources = sources(tx, days).await?;
    let books: BTreeSet<BookId> = candidates.iter().map(|place| BookId(place.book)).collect();
    let books: Vec<BookId> = books.into_iter().collect();
    let mut books = LockedBooks::lock(tx, &books).await?;
    let expiring = read(tx, deployment, cutoff, &candidates).await?;
    let earlier = earlier(tx, &expiring).await?;
    for payment in &expiring {
        let before = earlier.get(&(payment.book, payment.name.as_str())).copied();
        let source = sources.get(&payment.day).copied();
        let source = source.ok_or_else(|| StoreError::Unreadable(format!("no run of {}", payment.day)))?;
        books.append(payment.book, entry(payment, before.unwrap_or(0), source))?;
        let sum = Sum {
            payments: 1,
            amount: payment.amount,
        };
        add(&mut expired, payment.currency, sum)?;
    }
    books.write(tx).await?;
    write(tx, &expiring).await?;
    free_limits(tx, deployment, &expiring).await?;
    Ok(Done { last, expired })
}

/// The payments whose time was up, with something open, in order.
async fn candidates(tx: &mut Tx, cutoff: DateTime<Utc>, from: Option<&Place>) -> Result<Vec<Place>, StoreError> {
    let (expires_at, book, payment) = from.map_or((None, 0, ""), |from| {
        (Some(from.expires_at), from.book, from.payment.as_str())
    });
    let rows = tx
        .query(
            include_str!("../../schema/queries/expiry_candidates.sql"),
            &[&cutoff, &expires_at, &book, &payment, &CHUNK],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Place {
                expires_at: row.try_get("expires_at")?,
                book: row.try_get("book_id")?,
                payment: row.try_get("payment")?,
            })
        })
        .collect()
}

/// The day that an expiry is booked on: where the house is, and never before its settings.
fn booking_date(deployment: &Deployment, expires_at: DateTime<Utc>) -> NaiveDate {
    let day = day_in(expires_at, deployment.time_zone());
    deployment.first_day().map_or(day, |first| day.max(first))
}

/// The runs of some days: what expires on one day comes from one run, whichever command booked it.
async fn sources(tx: &mut Tx, days: BTreeSet<NaiveDate>) -> Result<HashMap<NaiveDate, SourceId>, StoreError> {
    let mut sources = HashMap::with_capacity(days.len());
    for day in days {
        sources.insert(day, source_of_run(tx, &format!("expire {day}")).await?.id);
    }
    Ok(sources)
}

/// Reads the payments again, now that their books are locked, and decides: in the order of the candidates.
async fn read(
    tx: &mut Tx,
    deployment: &Deployment,
    cutoff: DateTime<Utc>,
    candidates: &[Place],
) -> Result<Vec<Expiring>, StoreError> {
    let books: Vec<i64> = candidates.iter().map(|place| place.book).collect();
    let names: Vec<&str> = candidates.iter().map(|place| place.payment.as_str()).collect();
    let rows = tx
        .query(
            include_str!("../../schema/queries/payments_by_name.sql"),
            &[&books, &names],
        )
        .await?;
    let mut expiring = Vec::with_capacity(rows.len());
    for row in &rows {
        let payment = read_payment(row, deployment)?;
        let (Some(decision), Some(occurred_at)) = (expire(&payment, cutoff), payment.expires_at) else {
            continue;
        };
        expiring.push(Expiring {
            book: BookId(row.try_get("book_id")?),
            name: row.try_get("payment")?,
            acquirer: AcquirerId(row.try_get("acquirer_id")?),
            currency: payment.currency,
            occurred_at,
            day: booking_date(deployment, occurred_at),
            amount: payment.open(),
            before: payment,
            decision,
        });
    }
    expiring.sort_unstable_by(|left, right| {
        (left.occurred_at, left.book, &left.name).cmp(&(right.occurred_at, right.book, &right.name))
    });
    Ok(expiring)
}

/// How often payments expired before: a payment that was opened again expires again.
async fn earlier<'a>(tx: &mut Tx, expiring: &'a [Expiring]) -> Result<HashMap<(BookId, &'a str), i64>, StoreError> {
    let books: Vec<i64> = expiring.iter().map(|payment| payment.book.0).collect();
    let names: Vec<&str> = expiring.iter().map(|payment| payment.name.as_str()).collect();
    let rows = tx
        .query(
            include_str!("../../schema/queries/expiry_earlier.sql"),
            &[&books, &names],
        )
        .await?;
    let found: HashMap<(i64, &str), i64> = rows
        .iter()
        .map(|row| {
            let (book, name): (i64, &str) = (row.try_get("book_id")?, row.try_get("payment")?);
            Ok(((book, name), row.try_get("times")?))
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(expiring
        .iter()
        .filter_map(|payment| {
            let times = found.get(&(payment.book.0, payment.name.as_str()))?;
            Some(((payment.book, payment.name.as_str()), *times))
        })
        .collect())
}

fn entry(payment: &Expiring, before: i64, source: SourceId) -> Entry {
    let reference = match before {
        0 => format!("{OWN}expiry of {}", payment.name),
        before => format!("{OWN}expiry of {}, {}", payment.name, before.saturating_add(1)),
    };
    let at = payment.occurred_at.timestamp_micros().to_string();
    let fingerprint = fingerprint(&["expiry 1", &reference, &payment.amount.to_string(), &at]);
    Entry {
        payment: Some(payment.name.clone()),
        occurred_at: payment.occurred_at,
        transfers: payment.decision.transfers.clone(),
        ..Entry::of_day(EntryKind::Expiry, reference, fingerprint, payment.day, source)
    }
}

/// Writes where the payments stand now.
async fn write(tx: &mut Tx, expiring: &[Expiring]) -> Result<(), StoreError> {
    let rows: Vec<(BookId, &str, AcquirerId, &Payment)> = expiring
        .iter()
        .filter_map(|payment| {
            let after = payment.decision.payment.as_ref()?;
            Some((payment.book, payment.name.as_str(), payment.acquirer, after))
        })
        .collect();
    update_payments(tx, &rows).await
}

/// Frees what the payments held of their payers' monthly limits.
async fn free_limits(tx: &mut Tx, deployment: &Deployment, expiring: &[Expiring]) -> Result<(), StoreError> {
    let mut freed = Vec::new();
    for payment in expiring {
        let after = payment.decision.payment.as_ref();
        if let Some((key, after)) = LimitKey::of(&payment.before).zip(after) {
            let taken = taken(Some(&payment.before), after, None);
            freed.push((key, taken.map_err(|refusal| StoreError::TooLarge(refusal.to_string()))?));
        }
    }
    if freed.is_empty() {
        return Ok(());
    }
    let keys = freed.iter().map(|(key, _)| key.clone()).collect();
    let mut limits = Limits::lock(tx, deployment, keys).await?;
    for (key, used) in freed {
        limits.add(key, used)?;
    }
    limits.write(tx, deployment).await
}
