//! Closed periods: what is booked up to a day stays as it is, for ever.
//!
//! A writer of books keeps periods from being closed while it writes (`share`), and books what belongs to a closed day on the
//! first day after it (`LockedBooks::append`). Whoever closes a period waits for the writers, and keeps the digest of the trial
//! balance of its last day: the books are proven against it ever after.
//!
//! What a merchant owes us on that day is a receivable, and no negative liability: its available balance, where it is below zero,
//! is booked to account 1200 on the last day, and back on the day after. So the trial balance of the period shows what is owed to
//! merchants and what they owe apart, and on every other day the debt is on 2020, where what becomes available sets it off.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;

use super::books::LockedBooks;
use super::report::trial_balance_rows;
use super::reserve::transfer;
use super::snapshot::Snapshot;
use super::source::source_of_run;
use super::{Retriable, Store, StoreError, Tx, currency};
use crate::audit::trial_balance;
use crate::ids::{BookId, OWN};
use crate::ledger::account::AccountCode;
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind};

/// A closed period: everything up to and including a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its last day.
    pub through: NaiveDate,
    /// What was said of it.
    pub note: String,
    /// SHA-256, in hex, of the trial balance of its last day as CSV.
    pub trial_balance: String,
    /// Who closed it.
    pub closed_by: String,
    /// When.
    pub closed_at: DateTime<Utc>,
}

/// What a period that is to be closed holds, and what it leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The day after the period before it; none where it is the first.
    pub from: Option<NaiveDate>,
    /// Its last day.
    pub through: NaiveDate,
    /// Entries booked in it, those of this closing included.
    pub entries: i64,
    /// Of these: balances of merchants below zero that its last day has as receivables.
    pub reclassified: i64,
    /// What happened in it and no acquirer has reported.
    pub open_items: i64,
    /// Breaks that were expected or found by its last day and are not resolved.
    pub breaks: i64,
    /// Payouts of its cut-offs that are not sent and confirmed.
    pub payouts: i64,
    /// SHA-256, in hex, of the trial balance of its last day as CSV.
    pub trial_balance: String,
    /// Whether it was closed now, and not before by the same request.
    pub new: bool,
}

/// A request to close a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Its last day; the caller holds it against today's.
    pub through: NaiveDate,
    /// Who closes it.
    pub by: &'a str,
    /// What there is to say of it.
    pub note: &'a str,
}

/// Why a period is not closed.
#[derive(Debug, thiserror::Error)]
pub enum PeriodError {
    /// A later day is closed.
    #[error("everything up to {closed} is closed already, {through} is before it")]
    Closed {
        /// The last closed day.
        closed: NaiveDate,
        /// The day asked for.
        through: NaiveDate,
    },
    /// The same day was closed with another name or note.
    #[error("{through} was closed already, by {by}")]
    ClosedOtherwise {
        /// The day.
        through: NaiveDate,
        /// Who closed it.
        by: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Retriable for PeriodError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::Closed { .. } | Self::ClosedOtherwise { .. } => false,
        }
    }
}

/// Keeps every period from being closed until the transaction ends.
pub(super) async fn share(tx: &mut Tx) -> Result<(), StoreError> {
    tx.query(include_str!("../../schema/queries/periods_share.sql"), &[])
        .await?;
    Ok(())
}

/// The closed periods, oldest first.
pub async fn periods(snapshot: &mut Snapshot) -> Result<Vec<Period>, StoreError> {
    let rows = snapshot
        .query(include_str!("../../schema/queries/periods.sql"), &[])
        .await?;
    rows.iter().map(read).collect()
}

impl Store {
    /// What closing a period would come to: the same work, rolled back.
    pub async fn plan_period(&self, request: &Request<'_>) -> Result<Closing, PeriodError> {
        self.rehearse(async |tx: &mut Tx| close(tx, request).await).await
    }

    /// Closes a period. The same request again changes nothing.
    pub async fn close_period(&self, request: &Request<'_>) -> Result<Closing, PeriodError> {
        self.transact(async |tx: &mut Tx| close(tx, request).await).await
    }
}

async fn close(tx: &mut Tx, request: &Request<'_>) -> Result<Closing, PeriodError> {
    let through = request.through;
    tx.query(include_str!("../../schema/queries/periods_lock.sql"), &[])
        .await?;
    let rows = tx.query(include_str!("../../schema/queries/periods.sql"), &[]).await?;
    let mut before = rows.iter().map(read).collect::<Result<Vec<Period>, StoreError>>()?;
    let known = before.pop_if(|last| last.through == through);
    if let Some(known) = &known
        && (known.closed_by != request.by || known.note != request.note)
    {
        let by = known.closed_by.clone();
        return Err(PeriodError::ClosedOtherwise { through, by });
    }
    let last = before.last().map(|period| period.through);
    if let Some(closed) = last.filter(|closed| *closed > through) {
        return Err(PeriodError::Closed { closed, through });
    }
    if known.is_none() {
        reclassify(tx, through).await?;
    }
    let of_day = include_str!("../../schema/queries/report_trial_balance_as_of.sql");
    let digest = digest(&tx.query(of_day, &[&None::<&str>, &through]).await?)?;
    if known.is_none() {
        tx.execute(
            include_str!("../../schema/queries/period_insert.sql"),
            &[&through, &request.note, &digest, &request.by],
        )
        .await?;
    }
    let open_ends = include_str!("../../schema/queries/period_open_ends.sql");
    let rows = tx.query(open_ends, &[&last, &through]).await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Unreadable("no counts".to_owned()))?;
    let count = |column: &str| row.try_get(column).map_err(StoreError::from);
    Ok(Closing {
        from: last.and_then(|last| last.succ_opt()),
        through,
        entries: count("entries")?,
        reclassified: count("reclassified")?,
        open_items: count("open_items")?,
        breaks: count("breaks")?,
        payouts: count("payouts")?,
        trial_balance: digest,
        new: known.is_none(),
    })
}

/// Books what merchants' available balances are below zero at the end of a day to 1200, and back on the day after.
async fn reclassify(tx: &mut Tx, through: NaiveDate) -> Result<(), StoreError> {
    let after = through.succ_opt();
    let after = after.ok_or_else(|| StoreError::TooLarge("the day after the period".to_owned()))?;
    let (available, receivable) = (AccountCode::MerchantAvailable, AccountCode::MerchantReceivable);
    let below_zero = include_str!("../../schema/queries/period_below_zero.sql");
    // Who closes a period is alone with the books: nothing moves between this and their locks.
    let rows = tx.query(below_zero, &[&through, &available.number()]).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let books = rows.iter().map(|row| Ok(BookId(row.try_get("book_id")?)));
    let books = books.collect::<Result<Vec<BookId>, StoreError>>()?;
    let mut locked = LockedBooks::lock(tx, &books).await?;
    let source = source_of_run(tx, &format!("period close {through}")).await?.id;
    for (row, book) in rows.iter().zip(books) {
        let (currency, amount) = (currency(row.try_get("currency")?)?, row.try_get::<_, i64>("amount")?);
        let reference = format!("{OWN}reclassification {through} {currency}");
        let print = fingerprint(&["reclassification 1", &reference, &amount.to_string()]);
        let owed = Entry {
            transfers: transfer(receivable, available, currency, amount).into_iter().collect(),
            ..Entry::of_day(EntryKind::Reclassification, reference.clone(), print, through, source)
        };
        let number = locked.append(book, owed)?;
        let reference = format!("{reference} back");
        let print = fingerprint(&["reclassification 1", &reference, &amount.to_string()]);
        let back = Entry {
            reverses: Some(number),
            transfers: transfer(available, receivable, currency, amount).into_iter().collect(),
            ..Entry::of_day(EntryKind::Reversal, reference, print, after, source)
        };
        locked.append(book, back)?;
    }
    locked.write(tx).await
}

/// The periods whose last day has another trial balance by now, with its digest.
pub(super) async fn changed(snapshot: &mut Snapshot) -> Result<Vec<(Period, String)>, StoreError> {
    let mut changed = Vec::new();
    for period in periods(snapshot).await? {
        let of_day = include_str!("../../schema/queries/report_trial_balance_as_of.sql");
        let now = digest(&snapshot.query(of_day, &[&None::<&str>, &period.through]).await?)?;
        if now != period.trial_balance {
            changed.push((period, now));
        }
    }
    Ok(changed)
}

fn digest(rows: &[Row]) -> Result<String, StoreError> {
    trial_balance::digest(&trial_balance_rows(rows)?).map_err(|error| StoreError::Unreadable(error.to_string()))
}

fn read(row: &Row) -> Result<Period, StoreError> {
    Ok(Period {
        through: row.try_get("through")?,
        note: row.try_get("note")?,
        trial_balance: row.try_get("trial_balance")?,
        closed_by: row.try_get("closed_by")?,
        closed_at: row.try_get("closed_at")?,
    })
}
