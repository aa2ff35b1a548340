//! One transaction, the only way to write.
//!
//! PostgreSQL answers COMMIT on an aborted transaction with a ROLLBACK, and the driver reports that as success. [`Tx`]
//! remembers every error, refuses to commit after one, and proves with a statement before COMMIT that the transaction is
//! alive. A `Tx` that is dropped half-way closes its connection, so no later borrower inherits it.

use std::fmt;

use bytes::Bytes;
use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{CopyInSink, Row, RowStream};

use super::Retriable;
use super::connect::Tls;
use super::copy::Copy;

/// Why the database did not do what was asked. Holds SQLSTATE and constraint, never the row: a DETAIL can hold card numbers.
#[derive(Debug)]
pub enum StoreError {
    /// The server refused a statement.
    Refused {
        /// SQLSTATE.
        code: String,
        /// The constraint that was broken.
        constraint: Option<String>,
        /// The server's message, without detail.
        message: String,
    },
    /// A statement that writes, in a session that only reads: an auditor's, or any on a replica.
    ReadOnly,
    /// The connection was lost. If it was lost at COMMIT, whether the work was booked is not known.
    Lost {
        /// Whether COMMIT had been sent.
        at_commit: bool,
        /// What the driver said.
        message: String,
    },
    /// COMMIT was asked of a transaction in which a statement had failed.
    Aborted,
    /// The task of this transaction was granted to another worker, or its lease has run out; nothing was committed.
    LeaseLost,
    /// A stored value that this version cannot read.
    Unreadable(String),
    /// A value too large to be stored.
    TooLarge(String),
}

impl StoreError {
    /// An error of the pool.
    pub fn pool(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => Self::from(error),
            other @ (deadpool_postgres::PoolError::Timeout(_)
            | deadpool_postgres::PoolError::Closed
            | deadpool_postgres::PoolError::NoRuntimeSpecified
            | deadpool_postgres::PoolError::PostCreateHook(_)) => Self::Lost {
                at_commit: false,
                message: other.to_string(),
            },
        }
    }

    /// The constraint that was broken, if one was.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Refused { constraint, .. } => constraint.as_deref(),
            Self::ReadOnly
            | Self::Lost { .. }
            | Self::Aborted
            | Self::LeaseLost
            | Self::Unreadable(_)
            | Self::TooLarge(_) => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Lost { .. } => Some("run the same command again: what was booked is recognised and not booked twice"),
            Self::ReadOnly => Some(
                "a login that is only a member of acquit_auditor reads, proves and reports; use one that is a member of acquit_runtime, on the primary server",
            ),
            Self::Refused { code, .. } if code == SqlState::UNDEFINED_TABLE.code() => {
                Some("the database has no schema yet: run `acquit settings apply FILE` or `acquit doctor`")
            }
            Self::Refused { .. } | Self::Aborted | Self::LeaseLost | Self::Unreadable(_) | Self::TooLarge(_) => None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused {
                code,
                constraint: Some(constraint),
                message,
            } => {
                let rule = super::constraints::rule(constraint).unwrap_or(message);
                write!(
                    f,
                    "the database refused: {rule} (SQLSTATE {code}, constraint {constraint})"
                )
            }
            Self::Refused {
                code,
                constraint: None,
                message,
            } => write!(f, "the database refused: {message} (SQLSTATE {code})"),
            Self::ReadOnly => write!(
                f,
                "this command writes, and the login of DATABASE_URL may only read; nothing was changed"
            ),
            Self::Lost {
                at_commit: true,
                message,
            } => {
                write!(
                    f,
                    "the connection was lost at COMMIT, whether the work was booked is not known: {message}"
                )
            }
            Self::Lost {
                at_commit: false,
                message,
            } => write!(f, "no connection to the database: {message}"),
            Self::Aborted => write!(f, "a statement had failed in the transaction; nothing was committed"),
            Self::LeaseLost => write!(
                f,
                "the lease of the task is lost: it has run out, or another worker has the task; nothing was committed"
            ),
            Self::Unreadable(what) => write!(f, "the database holds {what}, which this version cannot read"),
            Self::TooLarge(what) => write!(f, "{what} is too large to be stored"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refused) = error.as_db_error() {
            if *refused.code() == SqlState::READ_ONLY_SQL_TRANSACTION {
                return Self::ReadOnly;
            }
            if refused.code().code() == LEASE_LOST {
                return Self::LeaseLost;
            }
            let message = crate::card_number::mask(refused.message()).into_owned();
            return Self::Refused {
                code: refused.code().code().to_owned(),
                constraint: refused.constraint().map(str::to_owned),
                message,
            };
        }
        let cause = std::error::Error::source(&error)
            .map(|source| format!(": {source}"))
            .unwrap_or_default();
        Self::Lost {
            at_commit: false,
            message: format!("{error}{cause}"),
        }
    }
}

impl Retriable for StoreError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Refused { code, .. } => {
                code == SqlState::T_R_DEADLOCK_DETECTED.code() || code == SqlState::T_R_SERIALIZATION_FAILURE.code()
            }
            Self::ReadOnly
            | Self::Lost { .. }
            | Self::Aborted
            | Self::LeaseLost
            | Self::Unreadable(_)
            | Self::TooLarge(_) => false,
        }
    }
}

/// The SQLSTATE of `worker_fence`.
const LEASE_LOST: &str = "WL001";

/// The grant of a task, which every transaction of its run proves with its COMMIT to be the one that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fence {
    /// Lower case letters and `_`: it stands in a statement.
    pub(super) task: &'static str,
    pub(super) token: i64,
}

/// An open transaction at READ COMMITTED.
pub struct Tx {
    session: Option<Object>,
    tls: Tls,
    failed: bool,
    fence: Option<Fence>,
}

impl Tx {
    pub(super) async fn begin(session: Object, tls: Tls, fence: Option<Fence>) -> Result<Self, StoreError> {
        match &fence {
            None => session.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await?,
            Some(Fence { task, token }) => {
                // By this name whoever is granted the task next finds the transaction and ends it, with the locks that it holds.
                let begin = format!(
                    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL application_name = 'acquit worker {task} {token}'"
                );
                session.batch_execute(&begin).await?;
            }
        }
        Ok(Self {
            session: Some(session),
            tls,
            failed: false,
            fence,
        })
    }

    /// Where this is a transaction of a task: proves that its grant is not over, and keeps the task from being granted to anybody
    /// else until the end of the transaction. For what is done outside of the database and cannot be rolled back.
    pub async fn hold_lease(&mut self) -> Result<(), StoreError> {
        let Some(Fence { task, token }) = self.fence.clone() else {
            return Ok(());
        };
        let sql = include_str!("../../schema/queries/worker_holds.sql");
        self.query(sql, &[&task, &token]).await.map(|_| ())
    }

    fn session(&self) -> Result<&Object, StoreError> {
        match &self.session {
            Some(session) if !self.failed => Ok(session),
            _ => Err(StoreError::Aborted),
        }
    }

    fn note<T>(&mut self, result: Result<T, tokio_postgres::Error>) -> Result<T, StoreError> {
        self.failed |= result.is_err();
        result.map_err(StoreError::from)
    }

    /// All rows of a statement of `schema/queries`. Prepared once a session.
    pub async fn query(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let session = self.session()?;
        let result = async {
            let statement = session.prepare_cached(sql).await?;
            session.query(&statement, parameters).await
        }
        .await;
        self.note(result)
    }

    /// The rows of a statement, as they arrive.
    pub async fn query_stream(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<RowStream, StoreError> {
        let session = self.session()?;
        let result = async {
            let statement = session.prepare_cached(sql).await?;
            session.query_raw(&statement, parameters.iter().copied()).await
        }
        .await;
        self.note(result)
    }

    /// Runs a statement and says how many rows it touched.
    pub async fn execute(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let session = self.session()?;
        let result = async {
            let statement = session.prepare_cached(sql).await?;
            session.execute(&statement, parameters).await
        }
        .await;
        self.note(result)
    }

    /// Runs statements without parameters, like a cursor's.
    pub async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        let session = self.session()?;
        let result = session.batch_execute(sql).await;
        self.note(result)
    }

    /// Starts a binary COPY; [`Tx::end_copy`] ends it.
    pub async fn copy(&mut self, sql: &'static str, types: &'static [Type]) -> Result<Copy, StoreError> {
        let session = self.session()?;
        let result: Result<CopyInSink<Bytes>, _> = session.copy_in(sql).await;
        // Where a login may only read, COPY looks at rights first, and any other statement at whether it may write at all.
        let is_denied = |error: &tokio_postgres::Error| error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
        if result.as_ref().is_err_and(is_denied) {
            self.failed = true;
            return Err(StoreError::ReadOnly);
        }
        let sink = self.note(result)?;
        Ok(Copy::new(sink, types))
    }

    /// Ends a COPY and proves that it took every row.
    pub async fn end_copy(&mut self, copy: Copy) -> Result<(), StoreError> {
        let result = copy.finish().await;
        let (given, stored) = self.note(result)?;
        if given == stored {
            Ok(())
        } else {
            self.failed = true;
            Err(StoreError::Unreadable(format!("{stored} rows of a COPY of {given}")))
        }
    }

    /// Commits, unless anything failed.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        // The canary: an aborted transaction answers it with 25P02, where COMMIT would answer with a silent ROLLBACK.
        self.run("SELECT 1").await?;
        let fenced = self.fence.as_ref().map(|Fence { task, token }| {
            // In one message: the server goes from one to the other, whatever becomes of us.
            format!("SELECT worker_fence('{task}', {token}); COMMIT")
        });
        let session = self.session.take().ok_or(StoreError::Aborted)?;
        let commit = fenced.as_deref().unwrap_or("COMMIT");
        let result = session.batch_execute(commit).await.map_err(StoreError::from);
        if matches!(result, Err(StoreError::LeaseLost)) {
            // The server stopped at the fence, and the transaction is still there, failed.
            drop(Object::take(session));
            return result;
        }
        if let Err(StoreError::Lost { message, .. }) = result {
            return Err(StoreError::Lost {
                at_commit: true,
                message,
            });
        }
        result
    }

    /// Rolls back; the session goes back to the pool only if that succeeded.
    pub(super) async fn roll_back(mut self) {
        if let Some(session) = self.session.take()
            && let Err(error) = session.batch_execute("ROLLBACK").await
        {
            tracing::debug!(%error, "rollback failed, the session is closed");
            drop(Object::take(session));
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // A statement may still run and COPY may be half done: the connection is closed, not pooled. The driver closes
            // it after the server has answered, so the statement is cancelled, lest it keep its locks until then.
            let cancel = session.cancel_token();
            drop(Object::take(session));
            if let Ok(runtime) = Handle::try_current() {
                let tls = self.tls.clone();
                runtime.spawn(async move {
                    if let Err(error) = tls.cancel(&cancel).await {
                        tracing::debug!(%error, "the statement of a dropped transaction was not cancelled");
                    }
                });
            }
        }
    }
}
