//! Migrations: the schema as numbered steps, embedded in the binary.
//!
//! A database is brought up to date by whoever opens it first, under an advisory lock, each step in a transaction of its
//! own. A database that is up to date is only read, so a login that owns nothing can open it.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

use super::connect::{ConnectError, Tls, said};

mod embedded {
    refinery::embed_migrations!("schema/migrations");
}

/// Serializes migrators; any constant would do.
const LOCK: &str = "SELECT pg_advisory_lock(4702111234474983745)";

/// The schema version this binary works with: that of the last migration. Told rather than looked up, because looking reads the
/// names of all migrations by a regular expression, which is nearly half of what it takes an unoptimized build to start.
pub const KNOWN: i32 = 21;

/// The schema version of a database, none where it has no schema of ours.
pub async fn version(client: &Client) -> Result<Option<i32>, ConnectError> {
    let query = include_str!("../../schema/queries/schema_version.sql");
    match client.query_one(query, &[]).await {
        Ok(row) => row.try_get(0).map_err(|error| ConnectError::schema(&error)),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(None),
        Err(error) => Err(ConnectError::schema(&error)),
    }
}

/// Brings a database up to date, on a connection of its own that never becomes the run-time role.
pub async fn run(config: &Config, tls: &Tls) -> Result<(), ConnectError> {
    let mut client = tls.connect(config).await?;
    if is_current(&client).await? {
        return Ok(());
    }
    client
        .batch_execute(LOCK)
        .await
        .map_err(|error| ConnectError::schema(&error))?;
    // Somebody else may have done it while we waited.
    if is_current(&client).await? {
        return Ok(());
    }
    let runner = embedded::migrations::runner();
    // The lock goes with the connection.
    runner.run_async(&mut client).await.map(|_| ()).map_err(|error| {
        if let refinery::error::Kind::Connection(_, source) = error.kind()
            && let Some(error) = source.downcast_ref::<tokio_postgres::Error>()
        {
            return ConnectError::schema(error);
        }
        ConnectError::Schema {
            reason: error.to_string(),
        }
    })
}

async fn is_current(client: &Client) -> Result<bool, ConnectError> {
    match version(client).await? {
        Some(found) if found > KNOWN => Err(ConnectError::Newer { found, known: KNOWN }),
        Some(found) => Ok(found == KNOWN),
        None => Ok(false),
    }
}

/// Refuses a database whose schema is not exactly this binary's.
pub async fn prove(client: &Client) -> Result<(), ConnectError> {
    match version(client).await? {
        Some(found) if found > KNOWN => Err(ConnectError::Newer { found, known: KNOWN }),
        Some(found) if found < KNOWN => Err(ConnectError::Older { found, known: KNOWN }),
        Some(_) => Ok(()),
        None => Err(ConnectError::NoSchema),
    }
}

impl ConnectError {
    fn schema(error: &tokio_postgres::Error) -> Self {
        Self::Schema { reason: said(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_version_is_that_of_the_last_migration() {
        let runner = embedded::migrations::runner();
        let versions = runner.get_migrations().iter().map(refinery::Migration::version);
        assert_eq!(versions.max(), Some(KNOWN), "a new migration makes `KNOWN` its number");
    }
}
