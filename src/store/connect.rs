//! Connections: which database, by which way, and a pool whose sessions recycle clean and run as the run-time role.
//!
//! - A database is `DATABASE_URL`, or a private cluster ([`crate::embedded`]) that is held while the [`Target`] lives.
//! - Off loopback TLS is required and the host name verified, always: a URL that asks for less is refused before any packet
//!   is sent. On loopback TLS is used, and verified, where the URL requires it. `sslmode=verify-full` means the same as
//!   `require` here, for there is no mode that does not verify.
//! - Roots are the operating system's, or those of the file that `sslrootcert` or PGSSLROOTCERT names.
//! - Every session is `acquit_runtime` in UTC, or `acquit_auditor` and read-only where the login is a member of that role
//!   alone. One that was handed out is cleaned before the next borrower has it:
//!   transaction, cursors, settings, role, temporary tables and advisory locks.
//!
//! Nothing here prints a URL: it holds a password.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Connect, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::{ClientConfig, RootCertStore};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{StoreError, migrate};
use crate::embedded::{Cluster, EmbeddedError, Lease, OLDEST};

/// How many sessions a pool opens, unless told otherwise.
pub const SESSIONS: usize = 8;

/// How long a server may take to answer a connection attempt, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that is silent for this long is asked whether it lives, this often, and given up after three times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// What makes a session ours. Nothing is compiled: where a plan forbids a join, or a table is too new to have statistics, its
/// estimated cost is far above what starts the compiler, which then takes seconds for a query of milliseconds.
const SESSION: &str = "SET ROLE acquit_runtime; SET TimeZone = 'UTC'; SET jit = off; \
    SET idle_in_transaction_session_timeout = '15min'";

/// What makes a session an auditor's: whatever would write is refused, whatever the role may do.
const AUDITOR_SESSION: &str = "SET ROLE acquit_auditor; SET default_transaction_read_only = on; SET TimeZone = 'UTC'; SET jit = off; \
    SET idle_in_transaction_session_timeout = '15min'";

/// Makes a used session a new one, whose statements follow and are followed by the end. BEGIN before ROLLBACK, because a
/// ROLLBACK without a transaction is a warning in the server's log each time; in an aborted transaction BEGIN fails and the
/// session is closed, which is as clean.
fn recycle(session: &str) -> String {
    format!(
        "BEGIN; ROLLBACK; CLOSE ALL; UNLISTEN *; RESET ALL; {session}; DISCARD TEMP; SELECT pg_advisory_unlock_all()"
    )
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read. What it says is not repeated.
    #[error("DATABASE_URL is not a PostgreSQL connection URL")]
    Url,
    /// The URL names no host.
    #[error("DATABASE_URL names no host")]
    NoHost,
    /// A URL that would send everything in the clear.
    #[error("{host} is not this machine, and sslmode={mode} would talk to it without proven encryption")]
    Plaintext {
        /// The host.
        host: String,
        /// What the URL asks for.
        mode: String,
    },
    /// No certificates to trust.
    #[error("cannot read the root certificates of {place}: {reason}")]
    Roots {
        /// A file, or the operating system.
        place: String,
        /// Why not.
        reason: String,
    },
    /// No answer, or not one that TLS could trust.
    #[error("cannot connect to PostgreSQL at {place}: {reason}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// What was wrong.
        reason: String,
        /// What a person can do about it.
        hint: &'static str,
    },
    /// Too old a server.
    #[error("PostgreSQL at {place} is version {version}, acquit needs {OLDEST} or newer")]
    TooOld {
        /// Host and port.
        place: String,
        /// What it says it is.
        version: String,
    },
    /// The login may not do our work.
    #[error("the login of DATABASE_URL cannot act as acquit_runtime: {reason}")]
    Role {
        /// What the server said.
        reason: String,
    },
    /// A database that a newer version of this program has changed.
    #[error("the database has schema version {found}, this acquit knows versions up to {known}")]
    Newer {
        /// Its version.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// A database that was not yet brought up to date.
    #[error("the database has schema version {found}, this acquit needs {known}")]
    Older {
        /// Its version.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// A database without our tables.
    #[error("the database has no acquit schema")]
    NoSchema,
    /// The schema could not be read or brought up to date.
    #[error("the schema cannot be brought up to date: {reason}")]
    Schema {
        /// What the server said.
        reason: String,
    },
    /// No private cluster.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

impl ConnectError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Url | Self::NoHost => {
                "it looks like postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters percent-encoded; unset \
                 it to use a private PostgreSQL"
            }
            Self::Plaintext { .. } => {
                "use sslmode=verify-full, and sslrootcert for a certificate authority of your own"
            }
            Self::Roots { .. } => "PGSSLROOTCERT or sslrootcert names a file of certificates in PEM form",
            Self::Unreachable { hint, .. } => hint,
            Self::TooOld { .. } => "upgrade the server, or unset DATABASE_URL to use a private PostgreSQL",
            Self::Role { .. } => {
                "as the schema's owner: grant acquit_runtime to that login, or acquit_auditor if it only reads"
            }
            Self::Newer { .. } => "install the newest acquit",
            Self::Older { .. } | Self::NoSchema => {
                "run any command once with a login that owns the database: it brings the schema up to date"
            }
            Self::Schema { .. } => {
                "the login of DATABASE_URL must own the database and its schema to bring it up to date"
            }
            Self::Embedded(error) => return Some(error.hint()),
        };
        Some(hint.to_owned())
    }
}

/// A database to open, and the way there.
#[derive(Clone)]
pub struct Target {
    url: String,
    roots: Option<PathBuf>,
    sessions: usize,
    lease: Option<Arc<Lease>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("embedded", &self.lease.is_some())
            .finish_non_exhaustive()
    }
}

impl Target {
    /// The database of a URL.
    pub fn url(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            roots: std::env::var_os("PGSSLROOTCERT").map(PathBuf::from),
            sessions: SESSIONS,
            lease: None,
        }
    }

    /// The database of DATABASE_URL; without one a private cluster in a data directory, which is started.
    pub async fn from_environment(database_url: Option<String>, data: Option<PathBuf>) -> Result<Self, ConnectError> {
        if let Some(url) = database_url.filter(|url| !url.is_empty()) {
            return Ok(Self::url(url));
        }
        let lease = tokio::task::spawn_blocking(move || Cluster::locate(data.as_deref())?.start())
            .await
            .map_err(|error| ConnectError::Schema {
                reason: error.to_string(),
            })??;
        Ok(Self::embedded(lease))
    }

    /// The database of a private cluster that runs.
    pub fn embedded(lease: Lease) -> Self {
        let url = lease.cluster().url();
        Self {
            lease: Some(Arc::new(lease)),
            ..Self::url(url)
        }
    }

    /// The same with another number of sessions.
    #[must_use]
    pub fn sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions;
        self
    }

    /// The same with a file of root certificates to trust, and no others.
    #[must_use]
    pub fn roots(mut self, roots: Option<PathBuf>) -> Self {
        self.roots = roots;
        self
    }

    /// The private cluster, if it is one.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.lease.as_deref().map(Lease::cluster)
    }

    /// What keeps the private cluster running.
    pub(super) fn lease(&self) -> Option<Arc<Lease>> {
        self.lease.clone()
    }

    /// The URL; it can hold a password.
    pub fn secret_url(&self) -> &str {
        &self.url
    }

    /// A session of the login itself, not of the run-time role.
    pub async fn connect(&self) -> Result<Client, ConnectError> {
        let (config, tls) = self.prepare()?;
        tls.connect(&config).await
    }

    /// Brings the schema up to date, if the login may; a schema that is up to date is only read.
    pub async fn migrate(&self) -> Result<(), ConnectError> {
        let (config, tls) = self.prepare()?;
        migrate::run(&config, &tls).await
    }

    /// A pool on the database as it is: the schema must be this binary's.
    pub async fn pool(&self) -> Result<Pool, ConnectError> {
        let (config, tls) = self.prepare()?;
        let client = tls.connect(&config).await?;
        migrate::prove(&client).await?;
        let session = session_of(&client).await?;
        drop(client);
        let recycling_method = RecyclingMethod::Custom(recycle(session));
        let manager = Manager::from_connect(config, tls, ManagerConfig { recycling_method });
        Pool::builder(manager)
            .max_size(self.sessions)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(CONNECT_TIMEOUT.saturating_mul(3)))
            .recycle_timeout(Some(CONNECT_TIMEOUT))
            .post_create(Hook::async_fn(move |client, _| {
                Box::pin(async move { client.batch_execute(session).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| ConnectError::Schema {
                reason: error.to_string(),
            })
    }

    /// How the way there is protected, in words.
    pub fn protection(&self) -> Result<&'static str, ConnectError> {
        let (config, _) = configure(&self.url)?;
        Ok(if config.get_ssl_mode() == SslMode::Require {
            "TLS, host name verified"
        } else if config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) {
            "unix socket"
        } else {
            "loopback, not encrypted"
        })
    }

    /// Host and port, without secrets.
    pub fn place(&self) -> Result<String, ConnectError> {
        configure(&self.url).map(|(config, _)| place(&config))
    }

    /// What PostgreSQL's own programs need in their environment to go the same way. Holds a password: it never belongs in
    /// arguments, which other users can see.
    pub fn libpq_environment(&self) -> Result<Vec<(&'static str, OsString)>, ConnectError> {
        let (config, roots) = configure(&self.url)?;
        let hosts: Vec<String> = config.get_hosts().iter().map(host_text).collect();
        let addresses: Vec<String> = config.get_hostaddrs().iter().map(IpAddr::to_string).collect();
        let ports: Vec<String> = config.get_ports().iter().map(u16::to_string).collect();
        let mut variables: Vec<(&'static str, OsString)> = [
            ("PGHOST", hosts.join(",")),
            ("PGHOSTADDR", addresses.join(",")),
            ("PGPORT", ports.join(",")),
            ("PGUSER", config.get_user().unwrap_or_default().to_owned()),
            ("PGDATABASE", config.get_dbname().unwrap_or_default().to_owned()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, value.into()))
        .collect();
        if let Some(password) = config.get_password() {
            variables.push(("PGPASSWORD", OsString::from_vec(password.to_vec())));
        }
        if config.get_ssl_mode() == SslMode::Require {
            let roots = roots.or_else(|| self.roots.clone()).unwrap_or_else(|| "system".into());
            variables.push(("PGSSLMODE", "verify-full".into()));
            variables.push(("PGSSLROOTCERT", roots.into()));
        } else {
            variables.push(("PGSSLMODE", "disable".into()));
        }
        Ok(variables)
    }

    /// What protects further connections of a session, like the one that cancels its statement.
    pub(super) fn tls(&self) -> Result<Tls, ConnectError> {
        self.prepare().map(|(_, tls)| tls)
    }

    fn prepare(&self) -> Result<(Config, Tls), ConnectError> {
        let (config, roots) = configure(&self.url)?;
        let tls = if config.get_ssl_mode() == SslMode::Disable {
            Tls::None
        } else {
            Tls::Verified(tls_config(roots.as_deref().or(self.roots.as_deref()))?)
        };
        Ok((config, tls))
    }
}

/// What makes a session of this login ours, proven on one: the run-time role's where the login may, else the auditor's.
async fn session_of(client: &Client) -> Result<&'static str, ConnectError> {
    let refused = |error: tokio_postgres::Error| ConnectError::Role { reason: said(&error) };
    let row = client
        .query_one(include_str!("../../schema/queries/session_role.sql"), &[])
        .await
        .map_err(refused)?;
    let may = |column| row.try_get::<_, bool>(column).map_err(refused);
    let session = if !may("is_runtime")? && may("is_auditor")? {
        AUDITOR_SESSION
    } else {
        SESSION
    };
    client.batch_execute(session).await.map_err(refused)?;
    Ok(session)
}

/// Opens a pool on a database URL whose schema is up to date.
pub async fn open(url: &str) -> Result<Pool, ConnectError> {
    Target::url(url).pool().await
}

/// Reads a URL, decides about TLS, fills in timeouts. Pure: nothing is sent or read.
fn configure(url: &str) -> Result<(Config, Option<PathBuf>), ConnectError> {
    let asked = Asked::read(url);
    let mut config: Config = asked.url.parse().map_err(|_| ConnectError::Url)?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(ConnectError::NoHost);
    }
    let remote = remote_host(&config);
    let mode = match (asked.mode.as_deref(), remote) {
        (Some("require" | "verify-ca" | "verify-full"), _) => SslMode::Require,
        (None, Some(_)) => SslMode::Require,
        (Some(mode), Some(host)) => {
            return Err(ConnectError::Plaintext {
                host,
                mode: mode.to_owned(),
            });
        }
        (_, None) => SslMode::Disable,
    };
    // No host name to verify, nobody to listen in.
    let only_sockets = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    let mode = if only_sockets && config.get_hostaddrs().is_empty() {
        SslMode::Disable
    } else {
        mode
    };
    config.ssl_mode(mode);
    if config.get_application_name().is_none() {
        config.application_name("acquit");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    config
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(3)
        .tcp_user_timeout(KEEPALIVE_IDLE.saturating_add(KEEPALIVE_INTERVAL.saturating_mul(3)));
    Ok((config, asked.roots))
}

/// What a URL asks of TLS, and the URL without what the driver does not know.
struct Asked {
    url: String,
    mode: Option<String>,
    roots: Option<PathBuf>,
}

impl Asked {
    fn read(url: &str) -> Self {
        let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let (head, query, separator) = match url.split_once('?') {
            Some((head, query)) if is_url => (Some(head), query, "&"),
            None if is_url => (Some(url), "", "&"),
            Some(_) | None => (None, url, " "),
        };
        let mut asked = Self {
            url: String::new(),
            mode: None,
            roots: None,
        };
        let mut kept = Vec::new();
        for parameter in query.split(separator) {
            match parameter.split_once('=') {
                Some(("sslmode", mode)) => asked.mode = Some(mode.to_owned()),
                Some(("sslrootcert", file)) => asked.roots = Some(PathBuf::from(percent_decoded(file))),
                _ if parameter.is_empty() => {}
                _ => kept.push(parameter),
            }
        }
        let kept = kept.join(separator);
        asked.url = match head {
            Some(head) if kept.is_empty() => head.to_owned(),
            Some(head) => format!("{head}?{kept}"),
            None => kept,
        };
        asked
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The first host that is not this machine. An address given beside a host is where the packets go, so it decides.
fn remote_host(config: &Config) -> Option<String> {
    if let Some(address) = config.get_hostaddrs().iter().find(|address| !address.is_loopback()) {
        return Some(address.to_string());
    }
    if !config.get_hostaddrs().is_empty() {
        return None;
    }
    config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) => {
            let local = name.eq_ignore_ascii_case("localhost")
                || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            (!local).then(|| name.clone())
        }
        Host::Unix(_) => None,
    })
}

/// Where a configuration leads, without secrets.
fn place(config: &Config) -> String {
    let mut places: Vec<String> = config.get_hosts().iter().map(host_text).collect();
    if places.is_empty() {
        places = config.get_hostaddrs().iter().map(IpAddr::to_string).collect();
    }
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{} port {port}", places.join(","))
}

fn host_text(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

/// How a connection is protected.
#[derive(Clone)]
pub enum Tls {
    /// Not at all: a unix socket or loopback.
    None,
    /// TLS with the host name proven.
    Verified(MakeRustlsConnect),
}

impl Tls {
    /// Opens one session and proves that the server is new enough.
    pub async fn connect(&self, config: &Config) -> Result<Client, ConnectError> {
        let unreachable = |error: tokio_postgres::Error| ConnectError::Unreachable {
            place: place(config),
            hint: hint_of(&error, config),
            reason: said(&error),
        };
        let (client, _) = self.establish(config.clone()).await.map_err(unreachable)?;
        let version = client
            .query_one("SHOW server_version_num", &[])
            .await
            .and_then(|row| row.try_get::<_, String>(0))
            .map_err(unreachable)?;
        let major = version.parse::<u32>().unwrap_or_default().wrapping_div(10_000);
        if major < OLDEST {
            return Err(ConnectError::TooOld {
                place: place(config),
                version: major.to_string(),
            });
        }
        Ok(client)
    }

    /// Asks the server to cancel what a session is doing.
    pub(super) async fn cancel(&self, token: &CancelToken) -> Result<(), tokio_postgres::Error> {
        match self {
            Self::None => token.cancel_query(NoTls).await,
            Self::Verified(tls) => token.cancel_query(tls.clone()).await,
        }
    }

    async fn establish(&self, config: Config) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        // Not the pool's own connector: it warns of every server that is stopped, and callers learn that from their statement.
        match self {
            Self::None => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, tokio::spawn(connection.map(closed))))
            }
            Self::Verified(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                Ok((client, tokio::spawn(connection.map(closed))))
            }
        }
    }
}

fn closed(outcome: Result<(), tokio_postgres::Error>) {
    if let Err(error) = outcome {
        tracing::debug!(error = said(&error), "a database connection was lost");
    }
}

impl Connect for Tls {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        self.establish(config.clone()).boxed()
    }
}

fn tls_config(roots: Option<&Path>) -> Result<MakeRustlsConnect, ConnectError> {
    let (place, found) = match roots {
        Some(file) if file != Path::new("system") => (
            file.display().to_string(),
            rustls_native_certs::load_certs_from_paths(Some(file), None),
        ),
        _ => (
            "the operating system".to_owned(),
            rustls_native_certs::load_native_certs(),
        ),
    };
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(ConnectError::Roots {
            place,
            reason: found
                .errors
                .first()
                .map_or_else(|| "there are none".to_owned(), ToString::to_string),
        });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Roots {
            place,
            reason: error.to_string(),
        })?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// What a driver's error says, with its causes, without DETAIL: that can hold a row.
pub(super) fn said(error: &tokio_postgres::Error) -> String {
    if let Some(refused) = error.as_db_error() {
        let message = crate::card_number::mask(refused.message()).into_owned();
        return format!("{message} (SQLSTATE {})", refused.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

fn hint_of(error: &tokio_postgres::Error, config: &Config) -> &'static str {
    let reason = said(error);
    if error.as_db_error().is_some() {
        "check the user, password and database name of DATABASE_URL"
    } else if reason.contains("TLS") || reason.contains("certificate") {
        "the server must offer TLS with a certificate for that host name; sslrootcert or PGSSLROOTCERT names a certificate \
         authority of your own"
    } else if remote_host(config).is_some() {
        "check the host and port of DATABASE_URL, and that the network lets this machine through"
    } else {
        "start that server, or unset DATABASE_URL to use a private PostgreSQL"
    }
}

impl From<ConnectError> for StoreError {
    fn from(error: ConnectError) -> Self {
        Self::Lost {
            at_commit: false,
            message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a URL comes to: `plain`, `tls`, or the refusal.
    #[track_caller]
    fn check(url: &str, expected: &str) {
        let found = match configure(url) {
            Ok((config, _)) if config.get_ssl_mode() == SslMode::Disable => "plain".to_owned(),
            Ok((config, _)) => {
                assert_eq!(config.get_ssl_mode(), SslMode::Require, "{url}");
                "tls".to_owned()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{url}");
    }

    #[test]
    fn encryption_is_required_off_loopback() {
        check("postgresql://u:p@127.0.0.1/x", "plain");
        check("postgresql://u:p@127.8.9.1:5433/x", "plain");
        check("postgresql://u:p@localhost/x", "plain");
        check("postgresql://u:p@[::1]/x", "plain");
        check("postgresql:///x?host=/run/postgresql", "plain");
        check("postgresql:///x?host=/run/postgresql&sslmode=require", "plain");
        check("postgresql://localhost/x?sslmode=disable", "plain");
        check("postgresql://localhost/x?sslmode=prefer", "plain");
        check("postgresql://localhost/x?sslmode=require", "tls");
        check("postgresql://db.example.com/x", "tls");
        check("postgresql://db.example.com/x?sslmode=require", "tls");
        check(
            "postgres://db.example.com/x?sslmode=verify-full&sslrootcert=/ca.pem",
            "tls",
        );
        check("postgresql://localhost,db.example.com/x", "tls");
        check("postgresql://localhost/x?hostaddr=10.0.0.7", "tls");
        check("postgresql://db.example.com/x?hostaddr=127.0.0.1", "plain");
        check("host=db.example.com user=u dbname=x", "tls");
        check("host=localhost user=u dbname=x sslmode=disable", "plain");
    }

    #[test]
    fn less_is_refused_before_anything_is_sent() {
        let refused = |host: &str, mode: &str| {
            format!("{host} is not this machine, and sslmode={mode} would talk to it without proven encryption")
        };
        for mode in ["disable", "allow", "prefer"] {
            check(
                &format!("postgresql://u:p@db.example.com/x?sslmode={mode}"),
                &refused("db.example.com", mode),
            );
        }
        check(
            "postgresql://u:p@10.1.2.3/x?application_name=a&sslmode=disable",
            &refused("10.1.2.3", "disable"),
        );
        check(
            "postgresql://localhost/x?hostaddr=10.0.0.7&sslmode=prefer",
            &refused("10.0.0.7", "prefer"),
        );
        check("host=10.0.0.7 sslmode=disable", &refused("10.0.0.7", "disable"));
        // A name that only looks local is not.
        check(
            "postgresql://localhost.example.com/x?sslmode=disable",
            &refused("localhost.example.com", "disable"),
        );
    }

    #[test]
    fn nothing_repeats_a_url() {
        for url in [
            "postgresql://u:hunter2@host:port/x",
            "postgresql://u:hunter2@/x?hunter2=hunter2",
            "hunter2",
            "postgresql://u:hunter2@10.0.0.1/x?sslmode=disable",
        ] {
            let error = configure(url)
                .err()
                .map(|error| format!("{error} {error:?}"))
                .unwrap_or_default();
            assert!(!error.is_empty(), "{url}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{:?}", Target::url("postgresql://u:hunter2@localhost/x")).contains("hunter2"));
    }

    #[test]
    fn roots_are_read_from_the_url() {
        let (_, roots) = configure("postgresql://db.example.com/x?sslrootcert=/etc/my%20ca.pem&sslmode=verify-full")
            .expect("a configuration");
        assert_eq!(roots, Some(PathBuf::from("/etc/my ca.pem")));
    }

    #[test]
    fn timeouts_are_filled_in_and_kept() {
        let (config, _) = configure("postgresql://localhost/x").expect("a configuration");
        assert_eq!(config.get_connect_timeout(), Some(&CONNECT_TIMEOUT));
        assert_eq!(config.get_application_name(), Some("acquit"));
        let (config, _) =
            configure("postgresql://localhost/x?connect_timeout=3&application_name=mine").expect("a configuration");
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(config.get_application_name(), Some("mine"));
    }
}
