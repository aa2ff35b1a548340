//! One private PostgreSQL for all tests, one database for each.
//!
//! The cluster is started by the first test that asks, in a directory in memory or of the system's temporary one that is
//! derived from the target directory, so several test processes of one checkout share it. Each test's database is cloned from a
//! migrated template, and dropped when the thread that asked for it ends. A guard process outlives the test process, however
//! that ends: its standard input is a pipe from it, and at its end the guard that finds itself the last one stops the server
//! and removes the directory. Where the guard was killed too, the next run's first test does that.

pub mod books;
pub mod day;
pub mod dump;
pub mod events;
pub mod proxy;
pub mod readers;

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Duration;

use acquit::embedded::{Cluster, Lease};
use acquit::store::{Store, Target};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

const TEMPLATE: &str = "acquit_template";

/// Where a file system is that is memory.
const MEMORY: &str = "/dev/shm";
/// How many kilobytes of it must be free.
const ROOM: u64 = 4 << 20;

/// A migrated database of one test.
pub struct TestStore {
    /// The store, as the program opens it.
    pub store: Store,
    /// How to reach the database as superuser.
    pub url: String,
    /// A session of the superuser.
    pub admin: Client,
}

impl TestStore {
    /// The binary, told to use this database.
    pub fn acquit(&self) -> Command {
        let mut command = acquit();
        command.env("DATABASE_URL", &self.url);
        command
    }
}

/// The binary, with an environment of its own.
pub fn acquit() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_acquit"));
    for name in ["DATABASE_URL", "ACQUIT_DATA", "PGSSLROOTCERT", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A migrated database with a store on it.
pub async fn store() -> TestStore {
    store_on(database().await).await
}

/// A store on a database that is there.
pub async fn store_on(url: String) -> TestStore {
    let store = Store::open(&Target::url(url.as_str())).await.expect("a store");
    let admin = client(&url).await;
    TestStore { store, url, admin }
}

/// The URL of a migrated database of its own.
pub async fn database() -> String {
    clone_of(&format!("template {TEMPLATE}")).await
}

/// The URL of an empty database of its own.
pub async fn empty_database() -> String {
    clone_of("template template0").await
}

/// The URL of a copy of another test database, to which nobody may be connected.
pub async fn copy_of(url: &str) -> String {
    clone_of(&format!("template {}", name_of(url))).await
}

/// Removes a test database before its thread ends, because there would be hundreds.
pub async fn drop_database(url: &str) {
    let admin = client(&cluster().url_of("postgres")).await;
    let drop = format!("drop database {} with (force)", name_of(url));
    admin.batch_execute(&drop).await.expect("a dropped database");
}

/// The databases that a thread has asked for; its end is theirs.
#[derive(Default)]
struct Made(Vec<String>);

thread_local! {
    static MADE: RefCell<Made> = RefCell::default();
}

impl Drop for Made {
    fn drop(&mut self) {
        static REMOVER: OnceLock<mpsc::Sender<Vec<String>>> = OnceLock::new();
        let remover = REMOVER.get_or_init(|| {
            let (sender, names) = mpsc::channel();
            std::thread::spawn(move || remove_databases(&names));
            sender
        });
        // Without a remover they go with the server.
        remover.send(std::mem::take(&mut self.0)).ok();
    }
}

/// Removes what is not needed any more, beside the tests: a server of all their databases would fill the memory that it is in.
fn remove_databases(names: &mpsc::Receiver<Vec<String>>) {
    block_on(async {
        let admin = client(&cluster().url_of("postgres")).await;
        for name in names.iter().flatten() {
            let drop = format!("drop database if exists {name} with (force)");
            admin.batch_execute(&drop).await.expect("a dropped database");
        }
    });
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

fn name_of(url: &str) -> String {
    let config: tokio_postgres::Config = url.parse().expect("a URL");
    config.get_dbname().expect("a database").to_owned()
}

async fn clone_of(template: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let cluster = cluster();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    let admin = client(&cluster.url_of("postgres")).await;
    // Files are copied for less than half of what it costs to log each of their pages.
    let create = format!("create database {name} {template} strategy file_copy");
    for attempt in 0_u32.. {
        match admin.batch_execute(&create).await {
            Ok(()) => break,
            // A background worker looked into the template just then.
            Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) && attempt < 100 => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("cannot clone {template}: {error:?}"),
        }
    }
    MADE.with_borrow_mut(|made| made.0.push(name.clone()));
    // A disk that still writes what the compiler made keeps the first sessions waiting.
    format!("{}&connect_timeout=120", cluster.url_of(&name))
}

/// A plain session.
pub async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// A directory that the account which runs PostgreSQL can reach, removed when it is dropped.
pub fn directory() -> tempfile::TempDir {
    let directory = tempfile::Builder::new()
        .prefix("acquit-")
        .tempdir()
        .expect("a directory");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(directory.path(), mode).expect("a mode");
    directory
}

/// The cluster of all tests, running.
pub fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(Shared::start).lease.cluster()
}

struct Shared {
    lease: Lease,
    // The write end of its standard input is closed when this process ends.
    _guard: Mutex<Child>,
}

impl Shared {
    fn start() -> Self {
        let gate = lock_file("gate");
        gate.lock().expect("the gate");
        let held = lock_file("held");
        let places = shared_directories();
        let directory = if held.try_lock().is_ok() {
            // Nobody uses it: what is there was left by a run that was killed together with its guard, an old schema in it.
            places.iter().for_each(|place| remove(place));
            None
        } else {
            places.iter().find(|place| place.exists())
        };
        let [in_memory, on_disk] = &places;
        let directory = directory.unwrap_or(if has_room_in_memory() { in_memory } else { on_disk });
        held.lock_shared().expect("a shared lock");
        let guard = spawn_guard(directory, held);
        let cluster = Cluster::locate(Some(directory)).expect("PostgreSQL's binaries");
        let lease = cluster.start().expect("a running PostgreSQL");
        hurry(&cluster);
        make_template(&cluster);
        drop(gate);
        Self {
            lease,
            _guard: Mutex::new(guard),
        }
    }
}

/// Where the cluster may be, the same for all processes of one target directory and short enough for a socket: in memory, where
/// there is enough of it, for a database is a thousand files, and each test makes and removes one; or on disk.
fn shared_directories() -> [PathBuf; 2] {
    [Path::new(MEMORY), &std::env::temp_dir()].map(|place| place.join(shared_name()))
}

fn shared_name() -> String {
    format!("acquit-tests-{:016x}", hash(env!("CARGO_TARGET_TMPDIR")))
}

/// Whether so much is free there, by the program that says so everywhere.
fn has_room_in_memory() -> bool {
    let output = Command::new("df").args(["-Pk", MEMORY]).output();
    let text = output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    let free = text.lines().nth(1).and_then(|row| row.split_whitespace().nth(3));
    free.and_then(|free| free.parse::<u64>().ok())
        .is_some_and(|kilobytes| kilobytes >= ROOM)
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Lock files outlive the directory they guard.
fn lock_file(name: &str) -> File {
    let name = format!("{}.{name}", shared_name());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .expect("a lock file")
}

/// What the server need not do: databases are gone before statistics of them would be worth anything, and a log of gigabytes would
/// be in memory. All else is as the program has it; on memory nothing waits for a disk.
fn hurry(cluster: &Cluster) {
    const SETTINGS: [&str; 3] = ["autovacuum = off", "min_wal_size = '64MB'", "max_wal_size = '256MB'"];
    let url = cluster.url_of("postgres");
    let work = async move {
        let admin = client(&url).await;
        for setting in SETTINGS {
            let set = format!("alter system set {setting}");
            admin.batch_execute(&set).await.expect("a setting");
        }
        admin.batch_execute("select pg_reload_conf()").await.expect("a reload");
    };
    std::thread::spawn(move || block_on(work)).join().expect("settings");
}

/// The template is finished under another name and renamed: whoever finds it finds it whole.
fn make_template(cluster: &Cluster) {
    let url = cluster.url_of("postgres");
    let new = format!("{TEMPLATE}_new");
    let new_url = cluster.url_of(&new);
    let work = async move {
        let admin = client(&url).await;
        let found = admin
            .query_opt("select 1 from pg_database where datname = $1", &[&TEMPLATE])
            .await;
        if found.expect("the databases").is_some() {
            return;
        }
        let statements = [
            format!("drop database if exists {new} with (force)"),
            format!("create database {new} template template0"),
        ];
        for statement in statements {
            admin.batch_execute(&statement).await.expect("a new template");
        }
        Target::url(new_url.as_str()).migrate().await.expect("migrations");
        // Nobody connects to it: a session there would stop others from cloning it.
        let statements = [
            format!("alter database {new} allow_connections false"),
            format!(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{new}' and pid <> pg_backend_pid()"
            ),
            format!("alter database {new} rename to {TEMPLATE}"),
        ];
        for statement in statements {
            admin.batch_execute(&statement).await.expect("a template");
        }
    };
    std::thread::spawn(move || block_on(work)).join().expect("a template");
}

const GUARDED: &str = "ACQUIT_TEST_GUARDED";

/// This test program again, as the guard: see [`guard`]. The shared lock is handed over as its standard error, so it lives as
/// long as the guard does, and the guard outlives us.
fn spawn_guard(directory: &Path, held: File) -> Child {
    use std::os::unix::process::CommandExt;
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "support::guard", "--ignored"])
        .env(GUARDED, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::from(held))
        // A Ctrl-C at the terminal is for the tests.
        .process_group(0)
        .spawn()
        .expect("a guard")
}

/// Not a test: waits for the end of the process that spawned it, then stops the shared server and removes its directory,
/// unless another test process uses them.
#[test]
#[ignore = "the guard of the shared PostgreSQL, run by the tests themselves"]
fn guard() {
    let Some(directory) = std::env::var_os(GUARDED).map(PathBuf::from) else {
        return;
    };
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("the end of input");
    let gate = lock_file("gate");
    gate.lock().expect("the gate");
    let held = File::from(std::io::stderr().as_fd().try_clone_to_owned().expect("the shared lock"));
    if held.try_lock().is_ok() {
        remove(&directory);
    }
}

/// Stops the server of a directory that nobody uses and removes the directory.
fn remove(directory: &Path) {
    if !directory.exists() {
        return;
    }
    if let Ok(cluster) = Cluster::locate(Some(directory)) {
        cluster.stop(true).expect("a stopped server");
    }
    fs::remove_dir_all(directory).expect("a removed directory");
}
