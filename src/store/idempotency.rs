//! The same request twice is done once: answers by idempotency key, for 24 hours.
//!
//! [`Store::once`] is one transaction:
//!
//! 1. Hold the key, without waiting: who finds it held is told so ([`Outcome::InProgress`]).
//! 2. In a later statement, which sees what the holder before has committed, look for an answer. A request with the same
//!    fingerprint gets it; one with another is refused.
//! 3. Run the work. An answer that is not kept (`Answer::is_kept`) ends the transaction with a rollback.
//! 4. Store the answer, in the place of one that has expired. COMMIT.
//!
//! Work and answer are there together or not at all, whenever the process, the connection or the server goes. So there is
//! no half-done row, and nothing that others need for it: no state of running, no lease that runs out, no point from which
//! to resume. What holds the key is a lock of the transaction, which the server takes back when the session is gone.
//!
//! The answer comes last, and not first as a claim: the lock keeps others out meanwhile, the primary key would refuse an
//! answer that somebody stored without it (and undo the work), and so every row is an answer that nobody has a right to
//! change.
//!
//! A key is a convenience that expires; what keeps money from moving twice are references, for ever. After 24 hours the
//! same request is new, is run, and finds its reference taken. All times are the database's.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Retriable, Store, StoreError, Tx};
use crate::idempotency::{Answer, Key};
use crate::ledger::entry::Fingerprint;

/// How long a caller who finds its key in use should wait before it asks again.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done now, and this is kept.
    New(Answer),
    /// It was done before, and this was the answer. Nothing was written.
    Replayed(Answer),
    /// Its key was used for another request (HTTP 422). Nothing was written.
    Mismatch,
    /// Its key is held by another transaction at this moment (HTTP 409, with [`RETRY_AFTER`]). Nothing was written. Two
    /// keys that share their 64 bits ([`Key::lock_number`]) see this of each other: needless, and harmless.
    InProgress,
    /// The work came to an answer that is not kept: whatever it wrote is undone, and the next request runs again.
    NotKept(Answer),
}

/// Why the transaction is rolled back.
enum Undone<E> {
    NotKept(Answer),
    Failed(E),
}

impl<E: From<StoreError>> From<StoreError> for Undone<E> {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl<E: Retriable> Retriable for Undone<E> {
    fn is_retriable(&self) -> bool {
        match self {
            Self::NotKept(_) => false,
            Self::Failed(error) => error.is_retriable(),
        }
    }
}

/// What is known of a key that this transaction holds.
enum Found {
    Nothing,
    Expired,
    Answered(Fingerprint, Answer),
}

impl Store {
    /// Does the work of a request, unless its key has an answer: work and answer in one transaction.
    ///
    /// The work may run more than once (see [`Store::transact`]) and keeps nothing outside the transaction. A refusal that
    /// is kept, like one of more than was authorized, is committed too: who refuses has written nothing. An error of the
    /// work, and an answer of 5xx, leave nothing behind. Of an error at COMMIT nothing is known, until the same request is
    /// sent again.
    pub async fn once<E>(
        &self,
        key: &Key,
        fingerprint: &Fingerprint,
        work: impl AsyncFn(&mut Tx) -> Result<Answer, E>,
    ) -> Result<Outcome, E>
    where
        E: From<StoreError> + Retriable,
    {
        self.once_as_of(None, key, fingerprint, work).await
    }

    /// The same, where another time than the database's decides what has expired. For tests: a key that lives by the
    /// database's clock is not replaced whatever the time here.
    pub async fn once_as_of<E>(
        &self,
        now: Option<DateTime<Utc>>,
        key: &Key,
        fingerprint: &Fingerprint,
        work: impl AsyncFn(&mut Tx) -> Result<Answer, E>,
    ) -> Result<Outcome, E>
    where
        E: From<StoreError> + Retriable,
    {
        let result = self
            .transact(async |tx: &mut Tx| {
                if !hold(tx, key).await? {
                    return Ok(Outcome::InProgress);
                }
                let found = find(tx, now, key).await?;
                if let Found::Answered(known, answer) = found {
                    return Ok(if known == *fingerprint {
                        Outcome::Replayed(answer)
                    } else {
                        Outcome::Mismatch
                    });
                }
                let answer = work(tx).await.map_err(Undone::Failed)?;
                if !answer.is_kept() {
                    return Err(Undone::NotKept(answer));
                }
                // Only now, so that nothing else is waited for while the row is locked: the pruner may want it.
                if matches!(found, Found::Expired) {
                    expire(tx, now, key).await?;
                }
                keep(tx, key, fingerprint, &answer).await?;
                Ok(Outcome::New(answer))
            })
            .await;
        match result {
            Ok(outcome) => Ok(outcome),
            Err(Undone::NotKept(answer)) => Ok(Outcome::NotKept(answer)),
            Err(Undone::Failed(error)) => Err(error),
        }
    }

    /// Removes keys that have expired, the oldest first and so many at most, and says how many: a piece of work to be
    /// repeated while it returns as many. None where another session prunes just then. `now` is for tests, as above.
    pub async fn prune_idempotency_keys(&self, at_most: u32, now: Option<DateTime<Utc>>) -> Result<u64, StoreError> {
        self.transact(async |tx: &mut Tx| {
            let lock = include_str!("../../schema/queries/idempotency_prune_lock.sql");
            if !is_held(tx, lock, &[]).await? {
                return Ok(0);
            }
            let prune = include_str!("../../schema/queries/idempotency_prune.sql");
            tx.execute(prune, &[&i64::from(at_most), &now]).await
        })
        .await
    }
}

async fn hold(tx: &mut Tx, key: &Key) -> Result<bool, StoreError> {
    let lock = include_str!("../../schema/queries/idempotency_lock.sql");
    is_held(tx, lock, &[&key.lock_number()]).await
}

async fn is_held(
    tx: &mut Tx,
    lock: &'static str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<bool, StoreError> {
    let rows = tx.query(lock, parameters).await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Unreadable("a lock without a row".to_owned()))?;
    Ok(row.try_get("held")?)
}

async fn find(tx: &mut Tx, now: Option<DateTime<Utc>>, key: &Key) -> Result<Found, StoreError> {
    let rows = tx
        .query(
            include_str!("../../schema/queries/idempotency_answer.sql"),
            &[&key.merchant(), &key.environment(), &key.operation(), &key.text(), &now],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Ok(Found::Nothing);
    };
    if row.try_get("expired")? {
        return Ok(Found::Expired);
    }
    let fingerprint: &[u8] = row.try_get("fingerprint")?;
    let status: i16 = row.try_get("status")?;
    let unreadable = |what: &str| StoreError::Unreadable(format!("{what} of an answer"));
    Ok(Found::Answered(
        Fingerprint::try_from(fingerprint).map_err(|_| unreadable("a fingerprint"))?,
        Answer::kept(
            u16::try_from(status).map_err(|_| unreadable("a status"))?,
            row.try_get("body")?,
        ),
    ))
}

async fn expire(tx: &mut Tx, now: Option<DateTime<Utc>>, key: &Key) -> Result<(), StoreError> {
    // None is removed where the pruner came first.
    tx.execute(
        include_str!("../../schema/queries/idempotency_expire.sql"),
        &[&key.merchant(), &key.environment(), &key.operation(), &key.text(), &now],
    )
    .await
    .map(|_| ())
}

async fn keep(tx: &mut Tx, key: &Key, fingerprint: &Fingerprint, answer: &Answer) -> Result<(), StoreError> {
    let status = i16::try_from(answer.status()).map_err(|_| StoreError::TooLarge("a status".to_owned()))?;
    tx.execute(
        include_str!("../../schema/queries/idempotency_insert.sql"),
        &[
            &key.merchant(),
            &key.environment(),
            &key.operation(),
            &key.text(),
            &fingerprint.as_slice(),
            &status,
            &answer.body(),
        ],
    )
    .await
    .map(|_| ())
}
