//! A private PostgreSQL for people who have none.
//!
//! [`Cluster::locate`] finds server binaries and the data directory; [`Cluster::start`] makes the cluster if there is none,
//! starts the server if it is down, and hands out a [`Lease`]. The server listens on a unix socket in a closed directory
//! and nowhere else, and never runs as root.
//!
//! Several processes share one cluster. Whoever starts or stops holds `control.lock` exclusively; every user of the cluster
//! holds `users.lock` shared for as long as its lease lives. A lease that is dropped stops the server if `users.lock` can
//! then be had exclusively, unless the marker `keep` is there ([`Cluster::keep`]). Locks die with their process, so a
//! killed user leaves at most a running server behind, which the next start finds and uses; a killed server is started
//! again and recovers.
//!
//! Data directory: `cluster/` (PostgreSQL's), `socket/`, `log/`, `control.lock`, `users.lock`, `keep`.

mod account;
mod binaries;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use account::Account;
pub use binaries::{Binaries, OLDEST};

/// The superuser and the database of a private cluster.
pub const NAME: &str = "acquit";

/// Only names the socket: nothing listens on TCP.
const PORT: u16 = 5432;

/// A socket's path ends with a NUL within 104 bytes on macOS, 108 on Linux.
const LONGEST_SOCKET_PATH: usize = 100;

/// How long a server may take to recover before starting it counts as failed, in seconds.
const START_SECONDS: &str = "600";

/// A log larger than this is set aside at the next start.
const LARGEST_LOG: u64 = 16 << 20;

/// What the server is told beside its defaults. The log holds no row, statement or parameter: they can hold card numbers.
const CONFIGURATION: &str = "\
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 512MB
max_wal_size = 4GB
fsync = on
synchronous_commit = on
full_page_writes = on
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
";

/// Why there is no private PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Nothing to run.
    #[error("no PostgreSQL server binaries of version {OLDEST} or newer are on this machine{tried}")]
    NoBinaries {
        /// Directories that were looked into and why they would not do.
        tried: String,
    },
    /// Root, and nobody to drop to.
    #[error(
        "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor `nobody` to run it as"
    )]
    NoAccount,
    /// The platform has no data directory for us.
    #[error("this user has no home directory to keep data in")]
    NoHome,
    /// The data directory was made by another major version.
    #[error("{data} was made by PostgreSQL {made_by}, and no server binaries of that version are on this machine")]
    OtherVersion {
        /// The data directory.
        data: String,
        /// The major version that made it.
        made_by: u32,
    },
    /// The account that runs the server cannot get at the data directory.
    #[error("the user `{account}`, who runs PostgreSQL because root may not, cannot enter {directory}")]
    Unreachable {
        /// Who.
        account: String,
        /// Where.
        directory: String,
    },
    /// A file or directory of ours.
    #[error("cannot {doing} {path}")]
    File {
        /// What we were doing.
        doing: &'static str,
        /// To what.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A data directory that `pg_ctl` would hand to a shell and have misread.
    #[error("PostgreSQL's programs cannot work in {path}: quotes, commas, dollar signs and backslashes confuse them")]
    Name {
        /// The directory.
        path: String,
    },
    /// The directory for the socket belongs to somebody else.
    #[error("{path} is not a directory closed to other users, so PostgreSQL's socket cannot be there")]
    OpenSocket {
        /// The directory.
        path: String,
    },
    /// `initdb`, `pg_ctl` or `postgres` failed.
    #[error("{program} failed: {reason}")]
    Program {
        /// Which.
        program: &'static str,
        /// The last it said.
        reason: String,
    },
}

impl EmbeddedError {
    fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { doing, path, source }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoBinaries { .. } => {
                "run scripts/postgres.sh, install the package `postgresql` (macOS: `brew install postgresql`), or set \
                 DATABASE_URL to a database you have"
                    .to_owned()
            }
            Self::NoAccount => "create the user `postgres`, or set DATABASE_URL to a database you have".to_owned(),
            Self::NoHome | Self::Unreachable { .. } | Self::OpenSocket { .. } | Self::Name { .. } => {
                "set ACQUIT_DATA to a directory that this user can reach, or DATABASE_URL to a database you have"
                    .to_owned()
            }
            Self::OtherVersion { made_by, .. } => format!(
                "install PostgreSQL {made_by}, upgrade the directory with pg_upgrade, or set ACQUIT_DATA to another directory"
            ),
            Self::File { .. } => "set ACQUIT_DATA to a directory that this user may write to".to_owned(),
            Self::Program { .. } => {
                "the server's log is in the data directory, `acquit db status` says where".to_owned()
            }
        }
    }
}

/// A private cluster, running or not, made or not.
#[derive(Debug, Clone)]
pub struct Cluster {
    data: PathBuf,
    account: Account,
    binaries: Binaries,
}

/// Where a private cluster stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whether it was ever made.
    pub made: bool,
    /// The server's process id, while it runs.
    pub running: Option<u32>,
    /// Whether it stays up when nobody uses it.
    pub kept: bool,
}

/// What became of a request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It ran and was stopped.
    Now,
    /// It was not running.
    Already,
    /// Other processes use it: the last of them stops it.
    InUse,
}

/// The right to use a running cluster; the last one dropped stops the server.
#[derive(Debug)]
pub struct Lease {
    cluster: Cluster,
    users: Option<File>,
}

impl Lease {
    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let outcome = self.cluster.control().and_then(|control| {
            drop(self.users.take());
            let outcome = self.cluster.stop_if_unused();
            drop(control);
            outcome
        });
        if let Err(error) = outcome {
            tracing::warn!(%error, "the private PostgreSQL was left running");
        }
    }
}

impl Cluster {
    /// Finds the cluster of a data directory: the given one (ACQUIT_DATA), else the platform's, else for root a directory
    /// that other accounts can reach. Finds the binaries to run it with, and writes nothing.
    pub fn locate(data: Option<&Path>) -> Result<Self, EmbeddedError> {
        let account = Account::find()?;
        let data = match data.filter(|data| !data.as_os_str().is_empty()) {
            Some(data) => std::path::absolute(data).map_err(EmbeddedError::file("find", data))?,
            None if account.is_dropped() => PathBuf::from("/var/lib/acquit"),
            None => directories::ProjectDirs::from("", "", NAME)
                .ok_or(EmbeddedError::NoHome)?
                .data_dir()
                .to_owned(),
        };
        if data.display().to_string().contains(['"', ',', '$', '`', '\\', '\n']) {
            let path = data.display().to_string();
            return Err(EmbeddedError::Name { path });
        }
        let made_by = made_by(&data);
        let binaries = match (binaries::find(&account, made_by)?, made_by) {
            (Some(binaries), _) => binaries,
            (None, made_by) => {
                return Err(EmbeddedError::OtherVersion {
                    data: data.display().to_string(),
                    made_by: made_by.unwrap_or_default(),
                });
            }
        };
        Ok(Self {
            data,
            account,
            binaries,
        })
    }

    /// Where everything of it is.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it runs with.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.data.join("log").join("postgresql.log")
    }

    /// How to connect to it, as its superuser.
    pub fn url(&self) -> String {
        self.url_of(NAME)
    }

    /// How to connect to one of its databases.
    pub fn url_of(&self, database: &str) -> String {
        let socket = percent_encoded(&self.socket_directory().display().to_string());
        format!("postgresql:///{database}?host={socket}&port={PORT}&user={NAME}")
    }

    /// Makes the cluster if there is none, starts it if it is down, and holds it.
    pub fn start(&self) -> Result<Lease, EmbeddedError> {
        self.prepare_data_directory()?;
        let control = self.control()?;
        let users = self.lock_file("users.lock")?;
        users
            .lock_shared()
            .map_err(EmbeddedError::file("lock", &self.data.join("users.lock")))?;
        let lease = Lease {
            cluster: self.clone(),
            users: Some(users),
        };
        let outcome = self.make_and_run();
        drop(control);
        outcome.map(|()| lease)
    }

    /// Starts it and lets it run until [`Cluster::stop`], whoever uses it.
    pub fn keep(&self) -> Result<(), EmbeddedError> {
        let lease = self.start()?;
        let marker = self.data.join("keep");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&marker)
            .map_err(EmbeddedError::file("create", &marker))?;
        drop(lease);
        Ok(())
    }

    /// Takes back [`Cluster::keep`], and stops the server unless others use it; `now` stops it under them too.
    pub fn stop(&self, now: bool) -> Result<Stopped, EmbeddedError> {
        if !self.data.is_dir() {
            return Ok(Stopped::Already);
        }
        let control = self.control()?;
        let marker = self.data.join("keep");
        remove_if_present(&marker)?;
        let outcome = if self.pid().is_none() {
            Ok(Stopped::Already)
        } else if now {
            self.stop_server().map(|()| Stopped::Now)
        } else {
            self.stop_if_unused()
        };
        drop(control);
        outcome
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        Status {
            made: made_by(&self.data).is_some(),
            running: self.pid(),
            kept: self.data.join("keep").exists(),
        }
    }

    fn cluster_directory(&self) -> PathBuf {
        self.data.join("cluster")
    }

    /// Inside the data directory, unless a socket's path would be too long for the operating system there.
    fn socket_directory(&self) -> PathBuf {
        let inside = self.data.join("socket");
        if socket_path(&inside).as_os_str().len() <= LONGEST_SOCKET_PATH {
            return inside;
        }
        let digest = Sha256::digest(self.data.as_os_str().as_encoded_bytes());
        let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("acquit-{}-{short}", self.account.uid);
        let temporary = std::env::temp_dir().join(&name);
        if socket_path(&temporary).as_os_str().len() <= LONGEST_SOCKET_PATH {
            temporary
        } else {
            Path::new("/tmp").join(name)
        }
    }

    fn control(&self) -> Result<File, EmbeddedError> {
        let file = self.lock_file("control.lock")?;
        file.lock()
            .map_err(EmbeddedError::file("lock", &self.data.join("control.lock")))?;
        Ok(file)
    }

    fn lock_file(&self, name: &str) -> Result<File, EmbeddedError> {
        let path = self.data.join(name);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(EmbeddedError::file("open", &path))
    }

    /// It stays ours: the server's account gets only the directories inside that it writes to.
    fn prepare_data_directory(&self) -> Result<(), EmbeddedError> {
        let existing = self.data.ancestors().find(|directory| directory.exists());
        self.prove_reach(existing.unwrap_or(Path::new("/")))?;
        if !self.data.exists() {
            fs::create_dir_all(&self.data).map_err(EmbeddedError::file("create", &self.data))?;
            // Others may pass through root's, not list it. A directory that was there keeps the mode it was given.
            let mode = if self.account.is_dropped() { 0o711 } else { 0o700 };
            fs::set_permissions(&self.data, fs::Permissions::from_mode(mode))
                .map_err(EmbeddedError::file("close to other users", &self.data))?;
        }
        self.prove_reach(&self.data)
    }

    /// Under the control lock.
    fn make_and_run(&self) -> Result<(), EmbeddedError> {
        self.private_directory(&self.data.join("log"))?;
        self.private_directory(&self.socket_directory())?;
        self.make()?;
        self.ensure_running()
    }

    fn prove_reach(&self, directory: &Path) -> Result<(), EmbeddedError> {
        let closed = directory
            .ancestors()
            .filter(|ancestor| !self.account.can_enter(ancestor))
            .last();
        match closed {
            Some(closed) => Err(EmbeddedError::Unreachable {
                account: self.account.name().to_owned(),
                directory: closed.display().to_string(),
            }),
            None => Ok(()),
        }
    }

    /// A directory of the server's account, closed to all others. One that somebody else made (the short socket directory
    /// has a name that can be guessed) is refused.
    fn private_directory(&self, path: &Path) -> Result<(), EmbeddedError> {
        match fs::create_dir(path) {
            Ok(()) => {
                fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                    .map_err(EmbeddedError::file("close to other users", path))?;
                self.account
                    .give(path)
                    .map_err(EmbeddedError::file("give away", path))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Made by root and not yet given away, if we were killed between the two.
                let found = fs::symlink_metadata(path).map_err(EmbeddedError::file("read", path))?;
                if found.is_dir() && found.uid() == 0 && self.account.is_dropped() {
                    self.account
                        .give(path)
                        .map_err(EmbeddedError::file("give away", path))?;
                }
            }
            Err(error) => return Err(EmbeddedError::file("create", path)(error)),
        }
        let found = fs::symlink_metadata(path).map_err(EmbeddedError::file("read", path))?;
        if found.is_dir() && found.uid() == self.account.uid && found.permissions().mode() & 0o077 == 0 {
            Ok(())
        } else {
            Err(EmbeddedError::OpenSocket {
                path: path.display().to_string(),
            })
        }
    }

    /// Makes the cluster beside its place and renames it, so that a half-made one is never taken for a cluster.
    fn make(&self) -> Result<(), EmbeddedError> {
        let place = self.cluster_directory();
        if place.exists() {
            return Ok(());
        }
        let new = self.data.join("cluster.new");
        if new.exists() {
            fs::remove_dir_all(&new).map_err(EmbeddedError::file("remove", &new))?;
        }
        self.private_directory(&new)?;
        // Trust is fine here: the only way in is a socket in a directory that no other user can enter.
        self.run(
            "initdb",
            self.account
                .command(&self.binaries.program("initdb"))
                .args(["--encoding=UTF8", "--locale=C", "--auth=trust", "--data-checksums"])
                .arg(format!("--username={NAME}"))
                .arg("-D")
                .arg(&new),
        )?;
        let main = new.join("postgresql.conf");
        let mut text = fs::read_to_string(&main).map_err(EmbeddedError::file("read", &main))?;
        text.push_str("\ninclude_if_exists = 'acquit.conf'\n");
        fs::write(&main, text).map_err(EmbeddedError::file("write", &main))?;
        self.create_database(&new)?;
        fs::rename(&new, &place).map_err(EmbeddedError::file("rename", &new))
    }

    /// In single-user mode: there is no server yet, and `createdb` is not among the server's binaries everywhere.
    fn create_database(&self, cluster: &Path) -> Result<(), EmbeddedError> {
        let script = cluster.join("acquit.sql");
        fs::write(&script, format!("create database {NAME}\n")).map_err(EmbeddedError::file("write", &script))?;
        let input = File::open(&script).map_err(EmbeddedError::file("read", &script))?;
        self.run(
            "postgres",
            self.account
                .command(&self.binaries.program("postgres"))
                .arg("--single")
                .arg("-D")
                .arg(cluster)
                .arg("postgres")
                .stdin(input),
        )?;
        fs::remove_file(&script).map_err(EmbeddedError::file("remove", &script))
    }

    fn ensure_running(&self) -> Result<(), EmbeddedError> {
        if self.answers() {
            return Ok(());
        }
        self.settle()?;
        // Stopping a server removes a socket directory outside the data directory.
        self.private_directory(&self.socket_directory())?;
        self.write_configuration()?;
        let log = self.log();
        if fs::metadata(&log).is_ok_and(|log| log.len() > LARGEST_LOG) {
            fs::rename(&log, log.with_extension("log.1")).map_err(EmbeddedError::file("rename", &log))?;
        }
        let mut attempts = 0_u32;
        loop {
            let started = self.run(
                "pg_ctl",
                self.account
                    .command(&self.binaries.program("pg_ctl"))
                    .args(["start", "--silent", "-w", "-t", START_SECONDS, "-D"])
                    .arg(self.cluster_directory())
                    .arg("-l")
                    .arg(&log),
            );
            let Err(EmbeddedError::Program { program, .. }) = started else {
                return started;
            };
            let reason = last_lines(&log);
            // Processes of a server that was killed hold its shared memory until they notice; they do within moments.
            if attempts < 100 && reason.contains("shared memory block") {
                attempts = attempts.saturating_add(1);
                thread::sleep(Duration::from_millis(100));
                continue;
            }
            return Err(EmbeddedError::Program { program, reason });
        }
    }

    /// Removes what a dead or dying server left in the way. The control lock is held, so nobody else is starting one.
    fn settle(&self) -> Result<(), EmbeddedError> {
        if self.pid().is_some() {
            // On its way down, or up for a starter that was killed: let it come to rest.
            return self.stop_server();
        }
        // PostgreSQL itself would take any living process of the recorded number for its server, and refuse to start.
        let directory = self.socket_directory();
        let lock = directory.join(format!(".s.PGSQL.{PORT}.lock"));
        let recorded = self.cluster_directory().join("postmaster.pid");
        for path in [recorded, lock, socket_path(&directory)] {
            remove_if_present(&path)?;
        }
        Ok(())
    }

    /// Written anew at each start, so that a newer version's settings hold for an older cluster.
    fn write_configuration(&self) -> Result<(), EmbeddedError> {
        let path = self.cluster_directory().join("acquit.conf");
        let socket = self.socket_directory().display().to_string().replace('\'', "''");
        let text = format!("{CONFIGURATION}port = {PORT}\nunix_socket_directories = '\"{socket}\"'\n");
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            return Ok(());
        }
        let new = self.cluster_directory().join("acquit.conf.new");
        fs::write(&new, text).map_err(EmbeddedError::file("write", &new))?;
        self.account
            .give(&new)
            .map_err(EmbeddedError::file("give away", &new))?;
        fs::rename(&new, &path).map_err(EmbeddedError::file("rename", &new))
    }

    /// Under the control lock.
    fn stop_if_unused(&self) -> Result<Stopped, EmbeddedError> {
        let users = self.lock_file("users.lock")?;
        if users.try_lock().is_err() {
            return Ok(Stopped::InUse);
        }
        if self.data.join("keep").exists() {
            return Ok(Stopped::InUse);
        }
        if self.pid().is_none() {
            return Ok(Stopped::Already);
        }
        self.stop_server().map(|()| Stopped::Now)
    }

    fn stop_server(&self) -> Result<(), EmbeddedError> {
        self.run(
            "pg_ctl",
            self.account
                .command(&self.binaries.program("pg_ctl"))
                .args(["stop", "--silent", "-w", "-t", START_SECONDS, "-m", "fast", "-D"])
                .arg(self.cluster_directory()),
        )?;
        let socket = self.socket_directory();
        if !socket.starts_with(&self.data)
            && let Err(error) = fs::remove_dir(&socket)
        {
            tracing::debug!(%error, "the directory of the socket was left behind");
        }
        Ok(())
    }

    fn run(&self, program: &'static str, command: &mut Command) -> Result<(), EmbeddedError> {
        let output = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| EmbeddedError::Program {
                program,
                reason: error.to_string(),
            })?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        Err(EmbeddedError::Program {
            program,
            reason: lines[lines.len().saturating_sub(3)..].join("; "),
        })
    }

    /// The server's process id, if it runs.
    fn pid(&self) -> Option<u32> {
        self.recorded_pid().filter(|pid| self.is_ours(*pid))
    }

    fn recorded_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.cluster_directory().join("postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    fn answers(&self) -> bool {
        UnixStream::connect(socket_path(&self.socket_directory())).is_ok()
    }

    /// Whether a process is the server of this cluster, and not another one that was given a dead server's number.
    fn is_ours(&self, pid: u32) -> bool {
        let cluster = self.cluster_directory();
        if Path::new("/proc/self").exists() {
            // A server's working directory is its cluster.
            return match (fs::read_link(format!("/proc/{pid}/cwd")), cluster.canonicalize()) {
                (Ok(working), Ok(cluster)) => working == cluster,
                _ => false,
            };
        }
        Command::new("ps")
            .args(["-o", "command=", "-p", &pid.to_string()])
            .output()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&cluster.display().to_string()))
    }
}

fn socket_path(directory: &Path) -> PathBuf {
    directory.join(format!(".s.PGSQL.{PORT}"))
}

fn remove_if_present(path: &Path) -> Result<(), EmbeddedError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(EmbeddedError::file("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The major version that made a data directory's cluster.
fn made_by(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("cluster").join("PG_VERSION")).ok()?;
    text.trim().parse().ok()
}

/// The last of a log, for a message.
fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join("; ")
}

/// Safe inside a URL's query.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_survives_any_directory() {
        assert_eq!(percent_encoded("/home/a b&c/%data-1.2"), "/home/a%20b%26c/%25data-1.2");
        assert_eq!(percent_encoded("/tmp/é"), "/tmp/%C3%A9");
    }
}
