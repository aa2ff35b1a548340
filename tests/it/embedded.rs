//! The private cluster: shared, stopped by the last, recovered after a crash.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use acquit::embedded::{Cluster, EmbeddedError, Stopped};
use acquit::store::{ConnectError, Store, Target};

use crate::support;

/// The binary on a private cluster of a directory.
fn acquit(data: &Path) -> Command {
    let mut command = support::acquit();
    command.env("ACQUIT_DATA", data);
    command
}

#[track_caller]
fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[track_caller]
fn sql(data: &Path, statement: &str) -> String {
    let output = acquit(data)
        .args(["db", "psql", "--", "-X", "-q", "-At", "-c", statement])
        .output();
    text(&output.expect("the binary"))
}

/// The server's process, as long as it runs.
fn server(data: &Path) -> Option<u32> {
    Cluster::locate(Some(data)).expect("binaries").status().running
}

/// A process that uses a cluster until its input ends.
struct User(Child);

impl User {
    fn start(data: &Path) -> Self {
        let mut child = acquit(data)
            .args(["db", "psql", "--", "-X", "-q", "-At"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary");
        let input = child.stdin.as_mut().expect("its input");
        writeln!(input, "select 'here';").expect("a statement");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("a line");
        assert_eq!(line, "here\n");
        Self(child)
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("its end").success());
    }

    fn kill(mut self) {
        self.0.kill().expect("a kill");
        self.0.wait().expect("its end");
    }
}

fn kill(pid: u32) {
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(killed.expect("kill").success());
}

#[tokio::test]
async fn a_store_opens_on_a_clone_of_the_template() {
    let test = support::store().await;
    let session = test.store.session().await.expect("a session");
    let query = "select current_user || ' ' || session_user || ' ' || current_setting('TimeZone') || ' ' \
                 || current_setting('application_name') || (select ', jit ' || setting || ' by ' || source from pg_settings where name = 'jit')";
    let row = session.query_one(query, &[]).await.expect("a row");
    assert_eq!(
        row.get::<_, String>(0),
        "acquit_runtime acquit UTC acquit, jit off by session"
    );
}

#[tokio::test]
async fn an_empty_database_is_migrated_by_whoever_opens_it() {
    let url = support::empty_database().await;
    let target = Target::url(url.as_str());
    let refused = target.pool().await.expect_err("no schema yet");
    assert_eq!(refused.to_string(), "the database has no acquit schema");
    let (first, second) = tokio::join!(Store::open(&target), Store::open(&target));
    first.expect("a store");
    second.expect("a store");
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_a_hint() {
    let test = support::store().await;
    test.admin
        .batch_execute("insert into refinery_schema_history values (9001, 'future', '2030-01-01T00:00:00Z', '1')")
        .await
        .expect("a migration of the future");
    let error = Store::open(&Target::url(test.url.as_str()))
        .await
        .err()
        .expect("a refusal");
    assert!(matches!(error, ConnectError::Newer { found: 9001, .. }), "{error}");
    assert_eq!(error.hint().as_deref(), Some("install the newest acquit"));
}

#[tokio::test]
async fn a_login_with_the_run_time_role_and_nothing_else_suffices() {
    let test = support::store().await;
    let login = format!("clerk_{}", std::process::id());
    test.admin
        .batch_execute(&format!("create role {login} login in role acquit_runtime"))
        .await
        .expect("a login");
    let target = Target::url(test.url.replace("user=acquit", &format!("user={login}")));
    let store = Store::open(&target).await.expect("a store");
    let session = store.session().await.expect("a session");
    let error = session
        .batch_execute("reset role; delete from entry")
        .await
        .expect_err("no right");
    assert_eq!(error.code().map(|code| code.code()), Some("42501"));
    let output = support::acquit()
        .args(["--format", "csv", "doctor"])
        .env("DATABASE_URL", target.secret_url())
        .output();
    assert!(text(&output.expect("the binary")).contains(&format!("role,{login},fine,")));
}

#[tokio::test]
async fn a_login_with_the_auditors_role_reads_everything_and_writes_nothing() {
    let test = support::store().await;
    crate::facts::settle_in(&test).await;
    crate::facts::payments(&test, &mut crate::facts::rng(41), 1, 10).await;
    let login = format!("auditor_{}", std::process::id());
    test.admin
        .batch_execute(&format!("create role {login} login in role acquit_auditor"))
        .await
        .expect("a login");
    let url = test.url.replace("user=acquit", &format!("user={login}"));
    let directory = support::directory();
    let settings = directory.path().join("settings.toml");
    let events = directory.path().join("events.jsonl");
    let content: String = test
        .admin
        .query_one("select content from settings_version", &[])
        .await
        .expect("settings")
        .get(0);
    let first = "effective_from = \"20";
    std::fs::write(&settings, content.replacen(first, "effective_from = \"21", 1)).expect("settings");
    let event = r#"{"kind":"authorization","merchant":"alpha","payment":"p","reference":"r","amount":"1.00","currency":"EUR","occurred_at":"2026-03-02T12:00:00Z","acquirer":"adyen"}"#;
    std::fs::write(&events, event).expect("events");
    std::fs::copy("fixtures/calendars/KR.csv", directory.path().join("KR.csv")).expect("a calendar");
    let run = |line: &str| {
        let mut command = support::acquit();
        command.env("DATABASE_URL", &url).current_dir(directory.path());
        command.args(line.split(' ')).output().expect("the binary")
    };
    for line in [
        "report trial-balance",
        "report journal --format csv",
        "report statement",
        "report reconciliation",
        "report payouts --out reports",
        "audit verify",
        "audit verify --merchant alpha",
        "breaks list",
        "payout list",
        "settings show",
        "calendar list --all",
        "doctor",
    ] {
        let output = run(line);
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let before = crate::support::dump::content(&test.admin).await;
    for line in [
        "settings apply settings.toml",
        "calendar import KR.csv",
        "record events.jsonl",
        "record --atomic events.jsonl",
        "payout plan --cutoff 2026-03-02 --by ann",
        "payout cancel --cutoff 2026-03-02",
    ] {
        let output = run(line);
        assert!(!output.status.success(), "{line}");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "error: this command writes, and the login of DATABASE_URL may only read; nothing was changed\n\
             hint: a login that is only a member of acquit_auditor reads, proves and reports; use one that is a member of \
             acquit_runtime, on the primary server\n",
            "{line}"
        );
    }
    assert_eq!(crate::support::dump::content(&test.admin).await, before);
}

#[tokio::test]
async fn a_superuser_of_a_shared_server_is_a_warning() {
    let test = support::store().await;
    let output = test
        .acquit()
        .args(["--format", "csv", "doctor"])
        .output()
        .expect("the binary");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        found.contains("role,acquit is superuser,warning,give acquit a login of its own"),
        "{found}"
    );
}

#[test]
fn the_last_of_several_processes_stops_the_server() {
    let directory = support::directory();
    let data = directory.path().join("data");
    let first = User::start(&data);
    let pid = server(&data).expect("a running server");
    let second = User::start(&data);
    assert_eq!(sql(&data, "select 1"), "1");
    assert_eq!(server(&data), Some(pid), "one server for all");
    first.end();
    assert_eq!(server(&data), Some(pid), "somebody uses it");
    second.end();
    assert_eq!(server(&data), None, "nobody uses it");

    // Killed users leave the server running; the next one uses it, and stops it as the last.
    let user = User::start(&data);
    let pid = server(&data).expect("a running server");
    user.kill();
    assert_eq!(server(&data), Some(pid));
    assert_eq!(sql(&data, "select 2"), "2");
    assert_eq!(server(&data), None);
}

#[test]
fn many_processes_start_and_stop_it_at_once() {
    let directory = support::directory();
    let data = directory.path().join("data");
    let children: Vec<Child> = (0..8)
        .map(|number| {
            let statement = format!("select {number}");
            acquit(&data)
                .args(["db", "psql", "--", "-X", "-At", "-c", &statement])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the binary")
        })
        .collect();
    for (number, child) in children.into_iter().enumerate() {
        assert_eq!(text(&child.wait_with_output().expect("its end")), number.to_string());
    }
    assert_eq!(server(&data), None);
}

#[test]
fn a_killed_server_is_started_again() {
    let directory = support::directory();
    let data = directory.path().join("data");
    text(&acquit(&data).args(["db", "start"]).output().expect("the binary"));
    sql(&data, "create table kept as select 42 as answer");
    let pid = server(&data).expect("it is kept running");
    kill(pid);
    assert_eq!(sql(&data, "select answer from kept"), "42");
    let again = server(&data).expect("it is kept running");
    assert_ne!(again, pid);

    // The dead server's number now belongs to another process of the same account: the server of the other tests.
    kill(again);
    let recorded = data.join("cluster/postmaster.pid");
    let other = server(support::cluster().data()).expect("the tests' own server");
    let lines = std::fs::read_to_string(&recorded).expect("what the dead server left");
    let rest = lines.split_once('\n').expect("lines").1;
    std::fs::write(&recorded, format!("{other}\n{rest}")).expect("a file");
    assert_eq!(server(&data), None);
    assert_eq!(sql(&data, "select answer from kept"), "42");
    assert_eq!(server(support::cluster().data()), Some(other), "left alone");

    assert_eq!(
        text(&acquit(&data).args(["db", "stop"]).output().expect("the binary")),
        "stopped"
    );
    assert_eq!(server(&data), None);
    assert_eq!(
        text(&acquit(&data).args(["db", "stop"]).output().expect("the binary")),
        "not running"
    );
}

#[test]
fn keeping_and_stopping() {
    let directory = support::directory();
    let cluster = Cluster::locate(Some(&directory.path().join("data"))).expect("binaries");
    assert_eq!(cluster.stop(false).expect("nothing to stop"), Stopped::Already);
    assert!(!cluster.status().made);
    // What an interrupted start left behind is no cluster.
    std::fs::create_dir_all(cluster.data().join("cluster.new/base")).expect("a directory");
    cluster.keep().expect("a running server");
    let status = cluster.status();
    assert!(status.made && status.kept && status.running.is_some(), "{status:?}");
    let lease = cluster.start().expect("a lease");
    assert_eq!(cluster.stop(false).expect("an answer"), Stopped::InUse);
    assert!(cluster.status().running.is_some());
    drop(lease);
    assert!(cluster.status().running.is_none(), "the last one stopped it");
    let _lease = cluster.start().expect("a lease");
    assert_eq!(cluster.stop(true).expect("an answer"), Stopped::Now);
}

#[test]
fn a_long_path_and_a_strange_one_will_do() {
    let directory = support::directory();
    let long = directory.path().join("x".repeat(90));
    let url = Cluster::locate(Some(&long)).expect("binaries").url();
    assert!(!url.contains("xxx"), "{url}");
    let strange = directory.path().join("it's 100% & yours: été");
    for data in [long, strange] {
        assert_eq!(sql(&data, "select 1"), "1");
    }
    let error = Cluster::locate(Some(&directory.path().join("$HOME"))).expect_err("a shell would read it");
    assert!(matches!(error, EmbeddedError::Name { .. }), "{error}");
}

#[test]
fn another_version_and_a_closed_directory_are_refused_with_a_hint() {
    let directory = support::directory();
    let data = directory.path().join("data");
    std::fs::create_dir_all(data.join("cluster")).expect("a directory");
    std::fs::write(data.join("cluster/PG_VERSION"), "9\n").expect("a file");
    let error = Cluster::locate(Some(&data)).expect_err("another version");
    assert!(
        matches!(error, EmbeddedError::OtherVersion { made_by: 9, .. }),
        "{error}"
    );
    assert!(error.hint().contains("install PostgreSQL 9"), "{}", error.hint());

    let closed = directory.path().join("closed");
    std::fs::create_dir(&closed).expect("a directory");
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o500)).expect("a mode");
    let output = acquit(&closed.join("data"))
        .args(["db", "start"])
        .output()
        .expect("the binary");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.starts_with("error: ") && said.contains("closed"), "{said}");
    assert!(
        said.contains("\nhint: set ACQUIT_DATA to a directory that this user"),
        "{said}"
    );
    assert!(!closed.join("data").exists());
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("a mode");
}

#[test]
fn the_doctor_finds_what_would_lose_money() {
    let directory = support::directory();
    let data = directory.path().join("data");
    let doctor = || {
        acquit(&data)
            .args(["--format", "csv", "doctor"])
            .output()
            .expect("the binary")
    };
    let healthy = doctor();
    let found = text(&healthy);
    assert!(found.lines().skip(1).all(|line| line.contains(",fine,")), "{found}");
    // Each start of a server that nobody keeps reads the settings again.
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        sql(&data, &format!("alter system set {setting} = off"));
    }
    let ill = doctor();
    assert_eq!(ill.status.code(), Some(1), "{ill:?}");
    let found = String::from_utf8_lossy(&ill.stdout).into_owned();
    let problems: Vec<&str> = found
        .lines()
        .filter(|line| line.contains(",problem,"))
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(problems, ["fsync", "full_page_writes", "synchronous_commit"]);
}
