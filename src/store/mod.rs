//! The only module that knows PostgreSQL.
//!
//! [`Store`] is a pool and one way to write: [`Store::transact`]. Statements live in `schema/queries`, one a file. Every
//! writing path is a function over a batch: stage, lock and load, decide (in pure code), write.

mod acquirers;
pub mod adjustment;
pub mod advance;
pub mod audit;
pub mod bank;
pub mod books;
pub mod breaks;
pub mod calendar;
pub mod connect;
pub mod constraints;
pub mod copy;
pub mod costs;
pub mod dispute;
pub mod expire;
pub mod fees;
pub mod health;
pub mod hold;
pub mod idempotency;
pub mod invoice;
pub mod loss;
pub mod merchant;
pub mod migrate;
pub mod payout;
pub mod period;
pub mod proof;
pub mod reconcile;
pub mod record;
pub mod release;
pub mod report;
mod reserve;
mod row_place;
pub mod settings;
pub mod snapshot;
pub mod source;
mod tx;
pub mod velocity;
pub mod worker;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use rand::RngExt;

use crate::embedded::Lease;
use crate::settings::{NotAVatRate, VatRate};
use connect::Tls;
pub use connect::{ConnectError, Target};
pub use reserve::AppliedReserve;
use tx::Fence;
pub use tx::{StoreError, Tx};

/// How often a transaction that lost a deadlock or serialization conflict is run again.
pub const RETRIES: u32 = 5;

/// A database of ours.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    tls: Tls,
    /// Where it is that of a task: the grant by which the task runs.
    fence: Option<Fence>,
    // After the pool: the last lease stops the private server.
    _lease: Option<Arc<Lease>>,
}

impl Store {
    /// Opens a database, after bringing its schema up to date.
    pub async fn open(target: &Target) -> Result<Self, ConnectError> {
        target.migrate().await?;
        Ok(Self {
            pool: target.pool().await?,
            tls: target.tls()?,
            fence: None,
            _lease: target.lease(),
        })
    }

    /// A session for reading outside any transaction, as the run-time role.
    pub async fn session(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(StoreError::pool)
    }

    /// Runs work in one transaction and commits it; a deadlock or serialization conflict runs it again, a bounded number of
    /// times. The work may therefore run more than once: it keeps nothing outside the transaction.
    pub async fn transact<T, E>(&self, work: impl AsyncFn(&mut Tx) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError> + Retriable,
    {
        self.run(&work, true).await
    }

    /// Runs work in one transaction and rolls it back: what it would have done, and nothing done. It may run more than once, as in
    /// [`Store::transact`].
    pub async fn rehearse<T, E>(&self, work: impl AsyncFn(&mut Tx) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError> + Retriable,
    {
        self.run(&work, false).await
    }

    async fn run<T, E>(&self, work: &impl AsyncFn(&mut Tx) -> Result<T, E>, keeps: bool) -> Result<T, E>
    where
        E: From<StoreError> + Retriable,
    {
        let mut attempt = 0_u32;
        loop {
            let result = self.attempt(work, keeps).await;
            match result {
                Err(error) if attempt < RETRIES && error.is_retriable() => {
                    attempt = attempt.saturating_add(1);
                    let longest = 20_u64.saturating_mul(1 << attempt);
                    let pause = rand::rng().random_range(5..=longest);
                    tracing::debug!(attempt, pause, "transaction lost a conflict, running it again");
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                result => return result,
            }
        }
    }

    async fn begin(&self) -> Result<Tx, StoreError> {
        Tx::begin(self.session().await?, self.tls.clone(), self.fence.clone()).await
    }

    async fn attempt<T, E: From<StoreError>>(
        &self,
        work: &impl AsyncFn(&mut Tx) -> Result<T, E>,
        keeps: bool,
    ) -> Result<T, E> {
        let mut tx = self.begin().await?;
        let result = work(&mut tx).await;
        if keeps && result.is_ok() {
            tx.commit().await?;
        } else {
            tx.roll_back().await;
        }
        result
    }
}

/// Errors that know whether the same transaction may succeed when it is run again.
pub trait Retriable {
    /// A deadlock or serialization conflict.
    fn is_retriable(&self) -> bool;
}

/// The VAT of costs that are passed on, as the database has it: none where they are not, exempt without a text.
fn passed_costs(passes: bool, vat: Option<&str>) -> Result<Option<VatRate>, StoreError> {
    let rate = vat.map_or(Ok(VatRate::Exempt), str::parse);
    let rate = rate.map_err(|error: NotAVatRate| StoreError::Unreadable(error.to_string()))?;
    Ok(passes.then_some(rate))
}

/// The same on its way to the database.
fn costs_vat(passed: Option<VatRate>) -> Option<String> {
    let taxed = passed.filter(|rate| *rate != VatRate::Exempt);
    taxed.map(|rate| rate.to_string())
}

/// A currency as the database has it.
fn currency(code: &str) -> Result<crate::money::Currency, StoreError> {
    crate::money::Currency::parse(code).map_err(|error| StoreError::Unreadable(error.to_string()))
}
