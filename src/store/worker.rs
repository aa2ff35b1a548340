//! Leases of tasks: which worker may run each, and the fence that keeps every other one from writing.
//!
//! A task is granted for a while, each time with another token. [`Store::fenced`] gives a store whose transactions prove with
//! their COMMIT that their grant is the one that stands: `worker_fence` looks at the row by the database's clock and shares it, so
//! that nobody is granted the task in the middle of a COMMIT. Fence and COMMIT are one message. A worker that is stopped
//! before it has committed nothing and holds no lock of the row; one that is stopped after it has committed.
//!
//! What such a worker does hold are the locks of a transaction that it has begun. Whoever is granted its task ends that session.
//!
//! Granting, renewing and ending are one statement each, outside of any transaction: nothing of ours waits for them, and a worker
//! that stops cannot keep them.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;

use super::tx::Fence;
use super::{Store, StoreError};

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Its name.
    pub name: String,
    /// How often it was granted.
    pub token: i64,
    /// Who has it, or had it last.
    pub holder: Option<String>,
    /// When it was granted last.
    pub granted_at: Option<DateTime<Utc>>,
    /// Until when; none where its run has ended.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the last run ended that did.
    pub ended_at: Option<DateTime<Utc>>,
    /// What was wrong with it; none where nothing was.
    pub error: Option<String>,
    /// When a run was right last.
    pub done_at: Option<DateTime<Utc>>,
    /// The last day that it was done for.
    pub done_through: Option<NaiveDate>,
    /// How many runs ended.
    pub runs: i64,
    /// How many in a row failed.
    pub failures: i64,
    /// How many grants ran out before their run ended.
    pub lost: i64,
}

impl TaskRow {
    /// The row of a task that was never granted.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            token: 0,
            holder: None,
            granted_at: None,
            expires_at: None,
            ended_at: None,
            error: None,
            done_at: None,
            done_through: None,
            runs: 0,
            failures: 0,
            lost: 0,
        }
    }

    /// Whether somebody has it at an instant.
    pub fn is_held(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at > now)
    }
}

/// All tasks, and what time it is in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tasks {
    /// By name; only those that were ever made.
    pub rows: Vec<TaskRow>,
    /// None where there are no rows.
    pub now: Option<DateTime<Utc>>,
}

/// The right to run a task, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The task.
    pub task: &'static str,
    /// What tells this grant from every other one of the task.
    pub token: i64,
    /// When it was granted.
    pub now: DateTime<Utc>,
}

/// What settings and calendars a worker knows: as many as there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    settings: i64,
    calendars: i64,
}

impl Store {
    /// Makes the rows of tasks that have none.
    pub async fn create_tasks(&self, names: &[&str]) -> Result<(), StoreError> {
        let sql = include_str!("../../schema/queries/worker_tasks_create.sql");
        let session = self.session().await?;
        let statement = session.prepare_cached(sql).await?;
        session.execute(&statement, &[&names]).await?;
        Ok(())
    }

    /// How tasks stand.
    pub async fn tasks(&self) -> Result<Tasks, StoreError> {
        let session = self.session().await?;
        let statement = session
            .prepare_cached(include_str!("../../schema/queries/worker_tasks.sql"))
            .await?;
        let rows = session.query(&statement, &[]).await?;
        let now = rows.first().map(|row| row.try_get("now")).transpose()?;
        let rows = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok(Tasks { rows, now })
    }

    /// Grants a task for so many milliseconds, if it is still as it was read and nobody has it.
    pub async fn grant(
        &self,
        task: &'static str,
        read: i64,
        holder: &str,
        milliseconds: i64,
    ) -> Result<Option<Grant>, StoreError> {
        let session = self.session().await?;
        let statement = session
            .prepare_cached(include_str!("../../schema/queries/worker_grant.sql"))
            .await?;
        let rows = session
            .query(&statement, &[&task, &read, &holder, &milliseconds])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(Grant {
            task,
            token: row.try_get("token")?,
            now: row.try_get("now")?,
        }))
    }

    /// Prolongs a grant; false where it is over.
    pub async fn renew(&self, grant: &Grant, milliseconds: i64) -> Result<bool, StoreError> {
        let session = self.session().await?;
        let statement = session
            .prepare_cached(include_str!("../../schema/queries/worker_renew.sql"))
            .await?;
        let renewed = session
            .execute(&statement, &[&grant.task, &grant.token, &milliseconds])
            .await?;
        Ok(renewed == 1)
    }

    /// Ends the run of a grant, with what was wrong and the day that it was done through, and says for how many milliseconds
    /// it ran; none where the task was granted to somebody else meanwhile.
    pub async fn end_run(
        &self,
        grant: &Grant,
        error: Option<&str>,
        through: Option<NaiveDate>,
    ) -> Result<Option<i64>, StoreError> {
        let session = self.session().await?;
        let statement = session
            .prepare_cached(include_str!("../../schema/queries/worker_end.sql"))
            .await?;
        let rows = session
            .query(&statement, &[&grant.task, &grant.token, &error, &through])
            .await?;
        rows.first()
            .map(|row| row.try_get("milliseconds").map_err(StoreError::from))
            .transpose()
    }

    /// Ends what transactions of earlier grants of the task have left open, and says how many there were. They cannot commit, but
    /// may hold locks.
    ///
    /// Errors: the login may not end them, where theirs is another one.
    pub async fn end_stale_sessions(&self, grant: &Grant) -> Result<i64, StoreError> {
        let session = self.session().await?;
        // As the login itself, whose sessions they are; the pool makes the session the run-time role's again.
        session.batch_execute("RESET ROLE").await?;
        let sql = include_str!("../../schema/queries/worker_stale_sessions_end.sql");
        let rows = session.query(sql, &[&grant.task, &grant.token]).await?;
        Ok(rows.first().map(|row| row.try_get("ended")).transpose()?.unwrap_or(0))
    }

    /// The same store, for the run of a grant: nothing is committed through it when the grant is over.
    #[must_use]
    pub fn fenced(&self, grant: &Grant) -> Self {
        let fence = Fence {
            task: grant.task,
            token: grant.token,
        };
        Self {
            fence: Some(fence),
            ..self.clone()
        }
    }

    /// How many versions of settings and calendars there are.
    pub async fn known(&self) -> Result<Known, StoreError> {
        let session = self.session().await?;
        let statement = session
            .prepare_cached(include_str!("../../schema/queries/worker_changes.sql"))
            .await?;
        let row = session.query_one(&statement, &[]).await?;
        Ok(Known {
            settings: row.try_get("settings")?,
            calendars: row.try_get("calendars")?,
        })
    }
}

fn read(row: &Row) -> Result<TaskRow, StoreError> {
    Ok(TaskRow {
        name: row.try_get("name")?,
        token: row.try_get("token")?,
        holder: row.try_get("holder")?,
        granted_at: row.try_get("granted_at")?,
        expires_at: row.try_get("expires_at")?,
        ended_at: row.try_get("ended_at")?,
        error: row.try_get("error")?,
        done_at: row.try_get("done_at")?,
        done_through: row.try_get("done_through")?,
        runs: row.try_get("runs")?,
        failures: row.try_get("failures")?,
        lost: row.try_get("lost")?,
    })
}
