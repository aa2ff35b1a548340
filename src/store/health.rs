//! What `acquit doctor` looks at: a server's settings, a database's schema, a login's rights.

use tokio_postgres::Client;

use super::connect::{ConnectError, Target, said};
use super::migrate;

/// What a server, a database and a login are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// As the server names it.
    pub server_version: String,
    /// Whether a commit is forced to disk: `on` or `off`.
    pub fsync: String,
    /// Whether a torn page can be repaired: `on` or `off`.
    pub full_page_writes: String,
    /// What a commit waits for.
    pub synchronous_commit: String,
    /// How the database stores text.
    pub server_encoding: String,
    /// Whether pages carry checksums: `on` or `off`.
    pub data_checksums: String,
    /// The server's default time zone.
    pub time_zone: String,
    /// Whether it follows another server.
    pub is_replica: bool,
    /// The login.
    pub login: String,
    /// Whether it may do anything.
    pub is_superuser: bool,
    /// Whether it may change the tables.
    pub is_owner: bool,
    /// Whether it may act as the run-time role.
    pub is_runtime: bool,
    /// Whether it may act as the auditor's role.
    pub is_auditor: bool,
    /// The schema version, none without a schema.
    pub schema: Option<i32>,
    /// The schema version this program needs.
    pub known_schema: i32,
}

/// Looks at the database of a target; changes nothing.
pub async fn examine(target: &Target) -> Result<Health, ConnectError> {
    let client = target.connect().await?;
    read(&client).await
}

async fn read(client: &Client) -> Result<Health, ConnectError> {
    let unreadable = |error: tokio_postgres::Error| ConnectError::Schema { reason: said(&error) };
    let row = client
        .query_one(include_str!("../../schema/queries/server_settings.sql"), &[])
        .await
        .map_err(unreadable)?;
    let schema = migrate::version(client).await?;
    let read = || -> Result<Health, tokio_postgres::Error> {
        Ok(Health {
            server_version: row.try_get("server_version")?,
            fsync: row.try_get("fsync")?,
            full_page_writes: row.try_get("full_page_writes")?,
            synchronous_commit: row.try_get("synchronous_commit")?,
            server_encoding: row.try_get("server_encoding")?,
            data_checksums: row.try_get("data_checksums")?,
            time_zone: row.try_get("time_zone")?,
            is_replica: row.try_get("is_replica")?,
            login: row.try_get("login")?,
            is_superuser: row.try_get("is_superuser")?,
            is_owner: row.try_get("is_owner")?,
            is_runtime: row.try_get("is_runtime")?,
            is_auditor: row.try_get("is_auditor")?,
            schema,
            known_schema: migrate::KNOWN,
        })
    };
    read().map_err(unreadable)
}
