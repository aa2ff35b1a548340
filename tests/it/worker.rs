//! What runs by itself: the same as the commands, once, whoever else is at it, and whatever becomes of a worker.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use acquit::simulate::{FileFormat, Plan, Profile};
use acquit::store::source::source_of_run;
use acquit::store::{StoreError, Tx};
use acquit::worker::{Figures, Worker};
use chrono::{Days, NaiveDate, Utc};
use futures_util::future::{LocalBoxFuture, join_all};
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::support::proxy::{Fault, Proxy, When, run as run_with};
use crate::support::{self, TestStore, day, dump};

/// A database with the settings of a simulated day and a worker, and inboxes with nothing in them.
struct Site {
    test: TestStore,
    /// What may be put into the inboxes.
    day: TempDir,
    /// The inboxes, and what the worker writes.
    root: TempDir,
}

/// A task's share of the `[worker]` table; `ROOT` stands for the directory of the site.
const INBOXES: &str = r#"
[[worker.inbox]]
path = "ROOT/bank"
kind = "bank"
[[worker.inbox]]
path = "ROOT/adyen"
acquirer = "adyen"
[[worker.inbox]]
path = "ROOT/events"
kind = "events"
"#;
const DAILY: &str = "release_at = \"00:00\"\npayouts_at = \"00:00\"\nexpire_every_seconds = 3600\n";
const INSTRUCT: &str = "instruct = { directory = \"ROOT/out\" }\n";
const REPORTS: &str = r#"
[[worker.report]]
name = "trial_balance"
directory = "ROOT/reports"
[[worker.report]]
name = "payouts"
directory = "ROOT/reports"
"#;
const PROOFS: &str = r#"
[[worker.report]]
name = "proof"
directory = "ROOT/reports"
[[worker.report]]
name = "safeguarding"
directory = "ROOT/reports"
"#;

impl Site {
    /// With so many payments, and these fields and tables of the worker.
    async fn new(payments: u64, fields: &str, tables: &str) -> Self {
        Self::of(day::simulated(payments), fields, tables).await
    }

    async fn of(day: TempDir, fields: &str, tables: &str) -> Self {
        let (test, root) = (support::store().await, support::directory());
        for name in ["events", "adyen", "bank", "out", "reports"] {
            fs::create_dir(root.path().join(name)).expect("a directory");
        }
        let site = Self { test, day, root };
        site.apply(fields, tables).await;
        site
    }

    async fn apply(&self, fields: &str, tables: &str) {
        let settings = fs::read_to_string(self.day.path().join("settings.toml")).expect("settings");
        let worker = format!("[worker]\nsettled_seconds = 0\nlook_every_seconds = 1\n{fields}{tables}");
        let worker = worker.replace("ROOT", self.root.path().to_str().expect("UTF-8"));
        support::events::apply(&self.test.store, &format!("{settings}\n{worker}")).await;
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Puts a file of the day into an inbox, whole.
    fn put(&self, name: &str, place: &str) {
        let content = fs::read(self.day.path().join(name)).expect("a file of the day");
        let place = self.at(place);
        let part = place.with_extension("part");
        fs::write(&part, content).expect("a file");
        fs::rename(part, place).expect("a file in its place");
    }

    /// The day's events, its settlement file and its bank statement.
    fn put_day(&self) {
        self.put("statement.xml", "bank/statement.xml");
        self.put("settlement.csv", "adyen/settlement.csv");
        self.put("events.jsonl", "events/events.jsonl");
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = self.test.acquit();
        command.args(arguments.split_whitespace());
        command
    }

    #[track_caller]
    fn run(&self, arguments: &str, code: i32) -> Output {
        let output = self.command(arguments).output().expect("the binary");
        assert_eq!(output.status.code(), Some(code), "{arguments}: {}", text(&output));
        output
    }

    /// What is in an inbox, by its path from there.
    fn listed(&self, inbox: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for folder in ["", "done", "refused"] {
            let Ok(entries) = fs::read_dir(self.at(inbox).join(folder)) else {
                continue;
            };
            for entry in entries {
                let entry = entry.expect("an entry");
                let name = entry.file_name().to_string_lossy().into_owned();
                if !["done", "refused"].contains(&&*name) {
                    found.insert(Path::new(folder).join(name).to_str().expect("UTF-8").to_owned());
                }
            }
        }
        found
    }

    /// The books, whole and in order, without what is known of tasks and the digest of settings; `ROOT` for the site's directory.
    async fn books(&self) -> String {
        support::books::prove(&self.test.admin, None)
            .await
            .expect("books in order");
        let content = dump::content(&self.test.admin).await;
        let of_books = content.lines();
        let of_books =
            of_books.filter(|line| !line.starts_with("worker_task") && !line.starts_with("settings_version"));
        let of_books: String = of_books.map(|line| format!("{line}\n")).collect();
        of_books.replace(self.root.path().to_str().expect("UTF-8"), "ROOT")
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn count(admin: &Client, what: &str) -> i64 {
    let sql = format!("select count(*) from {what}");
    admin.query_one(&sql, &[]).await.expect("a count").get(0)
}

/// What the commands make of a day, one after the other, with what is due today where that is asked for.
async fn golden(payments: u64, fields: &str) -> String {
    let site = Site::new(payments, fields, INBOXES).await;
    let run = |arguments: &str| {
        let output = site.command(arguments).current_dir(site.day.path()).output();
        let output = output.expect("the binary");
        assert!(
            matches!(output.status.code(), Some(0 | 2)),
            "{arguments}: {}",
            text(&output)
        );
    };
    run("record events.jsonl");
    run("reconcile settlement.csv --acquirer adyen --execute");
    run("bank load statement.xml --execute");
    if !fields.is_empty() {
        run("expire --execute");
        run("release --execute");
        run(&format!("payout plan --cutoff {} --by worker", site.today().await));
    }
    site.books().await
}

impl Site {
    /// The house's day.
    async fn today(&self) -> NaiveDate {
        let deployment = self.test.store.deployment().await.expect("a deployment");
        acquit::dates::day_in(Utc::now(), deployment.time_zone())
    }

    /// A worker of this process, with sessions of its own.
    async fn worker(&self) -> Worker {
        Worker {
            store: day::another(&self.test.url, 3).await,
            holder: "a test".to_owned(),
            lease: Duration::from_secs(60),
            once: true,
            clock: Utc::now,
            write_report: |_, _, _, _| -> LocalBoxFuture<'_, _> { Box::pin(async { Ok(Vec::new()) }) },
            is_unproven: |_, _| false,
            figures: Arc::new(Figures::default()),
            stop: tokio::sync::watch::channel(false).1,
        }
    }
}

#[track_caller]
fn same(expected: &str, found: &str) {
    assert!(expected == found, "{}", dump::difference(expected, found));
}

/// A worker that runs on its own; its log comes line by line.
struct Running {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    read: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary");
        let log = BufReader::new(child.stderr.take().expect("a pipe"));
        Self {
            child,
            log,
            read: String::new(),
        }
    }

    /// Reads the log up to a line that holds these words, and gives that line.
    #[track_caller]
    fn until(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            let count = self.log.read_line(&mut line).expect("the log");
            self.read.push_str(&line);
            assert!(count > 0, "the log ended without `{words}`:\n{}", self.read);
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let status = kill.arg(name).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill").success());
    }

    /// Its exit code and all that it logged.
    fn end(mut self) -> (Option<i32>, String) {
        self.log.read_to_string(&mut self.read).expect("the log");
        let status = self.child.wait().expect("its end");
        (status.code(), std::mem::take(&mut self.read))
    }
}

/// Waits for something that comes about soon.
async fn comes(what: &str, is_there: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if is_there() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come about");
}

#[tokio::test]
async fn files_are_taken_once_and_come_to_what_the_commands_make_of_them() {
    let site = Site::new(40, "", INBOXES).await;
    let golden = golden(40, "").await;
    site.put_day();
    site.run("worker --once", 0);
    same(&golden, &site.books().await);
    for (inbox, file) in [
        ("events", "done/events.jsonl"),
        ("adyen", "done/settlement.csv"),
        ("bank", "done/statement.xml"),
    ] {
        assert_eq!(site.listed(inbox), names(&[file]));
    }
    let entries = count(&site.test.admin, "entry").await;
    // Nothing; then the same content again, under its own name and another one.
    site.run("worker --once", 0);
    site.put_day();
    site.run("worker --once", 0);
    same(&golden, &site.books().await);
    assert_eq!(
        site.listed("adyen"),
        names(&["done/settlement.csv", "done/settlement.csv.2"])
    );
    site.put("events.jsonl", "events/other.jsonl");
    site.put("statement.xml", "bank/other.xml");
    site.run("worker --once", 0);
    same(&golden, &site.books().await);
    site.put("settlement.csv", "adyen/other.csv");
    site.run("worker --once", 2);
    assert_eq!(count(&site.test.admin, "entry").await, entries);
    let why = fs::read_to_string(site.at("adyen/refused/other.csv.txt")).expect("a reason");
    assert_eq!(
        why,
        "DUPLICATE_FILE: its content came before as settlement.csv of adyen; nothing was posted\n"
    );
}

#[tokio::test]
async fn a_directory_is_one_report_of_several_files() {
    let plan = Plan {
        payments: 20,
        merchants: 4,
        seed: 7,
        breaks: BTreeMap::new(),
        day: Plan::usual_day(),
        profile: Profile::Card,
        file_format: FileFormat::Checkout,
    };
    let day = support::directory();
    acquit::simulate::run(&plan, day.path(), &mut |_| {}).expect("a day");
    let inboxes = INBOXES.replace("\"adyen\"", "\"checkout\"");
    let worked = Site::of(day, "", &inboxes).await;
    fs::create_dir(worked.at("adyen/.coming")).expect("a directory");
    worked.put("settlement.csv", "adyen/.coming/1-lines.csv");
    worked.put("settlement-payouts.csv", "adyen/.coming/2-payouts.csv");
    worked.put("events.jsonl", "events/events.jsonl");
    worked.run("worker --once", 0);
    assert_eq!(worked.listed("adyen"), names(&[".coming"]));
    fs::rename(worked.at("adyen/.coming"), worked.at("adyen/2026-03-03")).expect("it is whole");
    worked.run("worker --once", 0);
    assert_eq!(worked.listed("adyen"), names(&["done/2026-03-03"]));
    worked.books().await;
    let admin = &worked.test.admin;
    assert_eq!(count(admin, "settlement_file_state where state = 'booked'").await, 1);
    // The payouts of the second file prove the lines of the first one.
    let lines = fs::read_to_string(worked.at("adyen/done/2026-03-03/1-lines.csv")).expect("lines");
    assert!(lines.lines().count() > 20, "{lines}");
    assert_eq!(count(admin, "break").await, 0);
}

#[tokio::test]
async fn what_is_not_whole_is_left_and_what_is_poison_stands_in_nobodys_way() {
    let site = Site::new(40, "", INBOXES).await;
    let golden = golden(40, "").await;
    site.put_day();
    let half = "kind,merchant\n";
    for name in [
        "events/.hidden",
        "events/a.tmp",
        "events/b.jsonl.part",
        "events/just-now.jsonl",
    ] {
        fs::write(site.at(name), half).expect("a file");
    }
    // Written to later than it is: whoever writes has not ended.
    let writing = fs::File::options()
        .append(true)
        .open(site.at("events/just-now.jsonl"))
        .expect("a file");
    let later = std::time::SystemTime::now() + Duration::from_secs(3600);
    writing.set_modified(later).expect("a time");
    fs::create_dir(site.at("events/not-a-report")).expect("a directory");
    std::os::unix::fs::symlink(site.day.path().join("events.jsonl"), site.at("events/link.jsonl")).expect("a link");
    // Each by its name before the files that are right.
    let card = "4242424242424242";
    fs::write(site.at(&format!("adyen/a-{card}.csv")), "neither,this\nnor,that\n").expect("a file");
    fs::write(site.at("adyen/b.zip"), b"PK\x03\x04 cut off").expect("a file");
    fs::write(site.at("bank/a.xml"), "<Document>").expect("a file");
    fs::write(
        site.at("events/a.jsonl"),
        format!("{{\"kind\":\"capture\",\"reference\":\"{card}\"}}\n"),
    )
    .expect("a file");
    let spoiled = fs::read_to_string(site.day.path().join("settlement.csv")).expect("lines");
    let spoiled = spoiled.replacen(",Settled,", ",Settled,,,,", 1);
    fs::write(site.at("adyen/c.csv"), spoiled).expect("a file");
    let output = site.run("worker --once --log json", 2);
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert!(!text(&output).contains(card), "{}", text(&output));
    let left = [
        "a.tmp",
        ".hidden",
        "b.jsonl.part",
        "just-now.jsonl",
        "link.jsonl",
        "not-a-report",
    ];
    let mut expected = names(&left);
    expected.extend(names(&["done/events.jsonl", "refused/a.jsonl", "refused/a.jsonl.txt"]));
    assert_eq!(site.listed("events"), expected);
    assert_eq!(
        site.listed("bank"),
        names(&["done/statement.xml", "refused/a.xml", "refused/a.xml.txt"])
    );
    assert_eq!(site.listed("adyen").len(), 7, "{:?}", site.listed("adyen"));
    for file in [
        "events/refused/a.jsonl.txt",
        "adyen/refused/b.zip.txt",
        "bank/refused/a.xml.txt",
    ] {
        let why = fs::read_to_string(site.at(file)).expect("a reason");
        assert!(!why.contains(card) && why.len() > 10, "{file}: {why}");
    }
    let quarantined = fs::read_to_string(site.at("adyen/refused/c.csv.txt")).expect("a reason");
    assert!(
        quarantined.starts_with("quarantined, nothing was posted: "),
        "{quarantined}"
    );
    assert!(quarantined.contains("\nline "), "{quarantined}");
    // What is right is booked as if it had come alone, but for what quarantines keep.
    let entries = |books: &str| -> BTreeSet<String> {
        let lines = books
            .lines()
            .filter(|line| line.starts_with("entry") || line.starts_with("transfer"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(entries(&golden), entries(&site.books().await));
}

#[tokio::test]
async fn twenty_workers_at_once_do_everything_once() {
    let site = Site::new(20, &format!("{DAILY}{INSTRUCT}"), INBOXES).await;
    let golden = golden(20, &format!("{DAILY}{INSTRUCT}")).await;
    site.put_day();
    let mut workers = Vec::new();
    for _ in 0..20 {
        workers.push(site.worker().await);
    }
    let all = async |workers: &mut Vec<Worker>| {
        for done in join_all(workers.iter_mut().map(Worker::run)).await {
            done.expect("no error");
        }
    };
    all(&mut workers).await;
    same(&golden, &site.books().await);
    let admin = &site.test.admin;
    let planned = count(admin, "payout").await;
    assert!(planned > 0, "nothing was planned");
    assert_eq!(count(admin, "payout_file").await, 0, "nobody has approved yet");
    let today = site.today().await;
    site.run(&format!("payout approve --cutoff {today} --by bob"), 0);
    assert_eq!(count(admin, "payout where state = 'approved'").await, planned);
    all(&mut workers).await;
    assert_eq!(count(admin, "payout where state = 'instructed'").await, planned);
    assert_eq!(count(admin, "payout_file").await, 1);
    assert_eq!(site.listed("out"), names(&[&format!("payouts-{today}-1.csv")]));
    site.books().await;
    // Another time nobody is paid again.
    workers.truncate(2);
    all(&mut workers).await;
    assert_eq!(count(admin, "payout_file").await, 1);
    for worker in &workers {
        assert!(!worker.figures.failed() && !worker.figures.refused());
    }
}

/// Starts so many processes at once, waits for the last one, and says that none failed.
fn all_of(site: &Site, processes: usize) {
    let running: Vec<Running> = (0..processes)
        .map(|_| Running::start(site.command("worker --once")))
        .collect();
    for running in running {
        let (code, log) = running.end();
        assert_eq!(code, Some(0), "{log}");
    }
}

/// So many processes, each on its own, plan a cut-off; a person approves it, and as many instruct it. What left account 2020,
/// what is in transit and what the bank is told are the same sum, once.
async fn processes_pay_once(processes: usize) {
    let site = Site::new(20, &format!("{DAILY}{INSTRUCT}"), INBOXES).await;
    site.put_day();
    all_of(&site, processes);
    let (today, admin) = (site.today().await, &site.test.admin);
    let on_account = async |code: i16| -> i64 {
        let sql = "select coalesce(sum(credits - debits), 0)::bigint from balance join account on account.id = account_id where code = $1";
        admin.query_one(sql, &[&code]).await.expect("a sum").get(0)
    };
    let planned = count(admin, "payout").await;
    let merchants = count(admin, "(select distinct book_id, currency, cutoff from payout) paid").await;
    assert!(
        planned > 0 && planned == merchants,
        "{planned} payouts, {merchants} once"
    );
    let available = on_account(2020).await;
    site.run(&format!("payout approve --cutoff {today} --by bob"), 0);
    all_of(&site, processes);
    assert_eq!(count(admin, "payout where state = 'instructed'").await, planned);
    assert_eq!(count(admin, "entry where kind = 20").await, planned);
    assert_eq!(count(admin, "payout_file where written").await, 1);
    assert_eq!(count(admin, "payout_file").await, 1);
    let name = format!("payouts-{today}-1.csv");
    assert_eq!(site.listed("out"), names(&[&name]));
    let file = fs::read_to_string(site.at("out").join(name)).expect("the bank file");
    let ids = admin.query("select end_to_end_id from payout", &[]).await.expect("ids");
    for id in ids.iter().map(|row| row.get::<_, &str>(0)) {
        assert_eq!(file.matches(id).count(), 1, "{id}:\n{file}");
    }
    let sql = "select sum(amount)::bigint from payout";
    let paid: i64 = admin.query_one(sql, &[]).await.expect("a sum").get(0);
    assert_eq!(
        (available - on_account(2020).await, on_account(2100).await),
        (paid, paid)
    );
    site.books().await;
}

#[tokio::test]
async fn processes_that_race_for_a_cutoff_pay_it_once() {
    processes_pay_once(4).await;
}

#[tokio::test]
#[ignore = "forty processes, half of them at once: make soak"]
async fn twenty_processes_that_race_for_a_cutoff_pay_it_once() {
    processes_pay_once(20).await;
}

async fn write(tx: &mut Tx, what: &str) -> Result<(), StoreError> {
    source_of_run(tx, what).await.map(|_| ())
}

#[tokio::test]
async fn a_grant_that_is_over_commits_nothing() {
    let test = support::store().await;
    let (store, other) = (&test.store, day::another(&test.url, 2).await);
    store.create_tasks(&["inbox"]).await.expect("a task");
    store.create_tasks(&["inbox"]).await.expect("the same");
    let first = store
        .grant("inbox", 0, "one", 60_000)
        .await
        .expect("an answer")
        .expect("a grant");
    assert_eq!(first.token, 1);
    for read in [0, 1] {
        assert_eq!(
            other.grant("inbox", read, "two", 60_000).await.expect("an answer"),
            None,
            "{read}"
        );
    }
    let fenced = store.fenced(&first);
    fenced
        .transact(async |tx: &mut Tx| write(tx, "while it stands").await)
        .await
        .expect("a commit");
    assert!(store.renew(&first, 1).await.expect("an answer"));
    tokio::time::sleep(Duration::from_millis(20)).await;
    // It has run out, and nobody has the task yet.
    let late = fenced
        .transact(async |tx: &mut Tx| write(tx, "after it ran out").await)
        .await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    assert!(!store.renew(&first, 60_000).await.expect("an answer"));
    let second = other
        .grant("inbox", 1, "two", 60_000)
        .await
        .expect("an answer")
        .expect("a grant");
    assert_eq!(second.token, 2);
    let stale = fenced
        .transact(async |tx: &mut Tx| write(tx, "after another has it").await)
        .await;
    assert!(matches!(stale, Err(StoreError::LeaseLost)), "{stale:?}");
    assert_eq!(store.end_run(&first, None, None).await.expect("an answer"), None);
    let fenced = other.fenced(&second);
    fenced
        .transact(async |tx: &mut Tx| write(tx, "by the other one").await)
        .await
        .expect("a commit");
    // What holds the lease keeps it from being granted, for as long as its transaction.
    fenced
        .transact(async |tx: &mut Tx| {
            tx.hold_lease().await?;
            let renewing = tokio::time::timeout(Duration::from_millis(50), store.renew(&second, 1)).await;
            assert!(renewing.is_err(), "the row is shared");
            Ok::<_, StoreError>(())
        })
        .await
        .expect("a commit");
    let ended = other.end_run(&second, Some("it was no good"), None).await;
    assert!(ended.expect("an answer").is_some());
    let rows = test
        .admin
        .query("select name from source order by name", &[])
        .await
        .expect("sources");
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, ["by the other one", "while it stands"]);
    let tasks = store.tasks().await.expect("tasks");
    let [row] = tasks.rows.as_slice() else {
        panic!("{tasks:?}")
    };
    assert_eq!((row.token, row.failures, row.lost, row.runs), (2, 1, 1, 1));
    assert_eq!(row.error.as_deref(), Some("it was no good"));
    assert_eq!(row.expires_at, None);
}

#[tokio::test]
async fn twenty_that_ask_for_a_task_are_granted_it_one_after_the_other() {
    let test = support::store().await;
    test.store.create_tasks(&["inbox"]).await.expect("a task");
    for round in 0..10 {
        let asked = (0..20).map(|_| test.store.grant("inbox", round, "one of twenty", 60_000));
        let granted: Vec<_> = join_all(asked)
            .await
            .into_iter()
            .filter_map(|grant| grant.expect("an answer"))
            .collect();
        assert_eq!(granted.len(), 1, "round {round}");
        assert_eq!(granted[0].token, round + 1);
        test.store
            .end_run(&granted[0], None, None)
            .await
            .expect("an answer")
            .expect("its end");
    }
}

/// A worker that is stopped at a query of its own for longer than its lease, while another one does all the work, and then goes on.
async fn stopped_at(words: &'static str, nth: usize) -> String {
    let site = Site::new(20, DAILY, INBOXES).await;
    let golden = golden(20, DAILY).await;
    site.put_day();
    let proxy = Proxy::start(&site.test.url, Some(Fault::Hold { words, nth }));
    let mut command = site.command("worker --once --lease 300ms --log json");
    command.env("DATABASE_URL", proxy.url());
    let stopped = Running::start(command);
    comes("the query", || proxy.fired()).await;
    stopped.signal("-STOP");
    let other = site.run("worker --once --lease 300ms", 0);
    assert!(text(&other).contains("takes the task over"), "{}", text(&other));
    same(&golden, &site.books().await);
    stopped.signal("-CONT");
    proxy.go();
    let (code, log) = stopped.end();
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("lease lost: another worker has the task"), "{log}");
    same(&golden, &site.books().await);
    assert_eq!(site.listed("adyen"), names(&["done/settlement.csv"]));
    assert_eq!(site.listed("events"), names(&["done/events.jsonl"]));
    log
}

#[tokio::test]
async fn a_worker_that_wakes_after_its_lease_writes_nothing() {
    // Before its first transaction: it holds no lock, does the work again when it wakes, and is stopped at its COMMIT.
    let log = stopped_at(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL application_name = 'acquit worker inbox",
        1,
    )
    .await;
    assert!(log.contains("the lease of the task is lost"), "{log}");
}

#[tokio::test]
async fn a_worker_that_is_stopped_at_its_commit_keeps_nothing_locked() {
    // With the locks of the books and of the acquirer: whoever takes over ends its session.
    let log = stopped_at("SELECT worker_fence('inbox'", 2).await;
    assert!(!log.contains("the lease of the task is lost"), "{log}");
}

/// A worker that is killed at one of its requests, and another one after it.
async fn killed_at(golden: &str, request: usize, when: When) -> bool {
    let site = Site::new(20, &format!("{DAILY}{INSTRUCT}"), INBOXES).await;
    site.put_day();
    let ran = run_with(
        &site.test.url,
        Some(Fault::Kill { request, when }),
        site.command("worker --once --lease 300ms"),
    );
    if !ran.fired {
        return false;
    }
    site.run("worker --once --lease 300ms", 0);
    same(golden, &site.books().await);
    for (inbox, file) in [
        ("events", "done/events.jsonl"),
        ("adyen", "done/settlement.csv"),
        ("bank", "done/statement.xml"),
    ] {
        assert_eq!(site.listed(inbox), names(&[file]), "{request} {when:?}");
    }
    true
}

#[tokio::test]
async fn what_a_killed_worker_left_is_done_by_the_next_one() {
    let golden = golden(20, &format!("{DAILY}{INSTRUCT}")).await;
    assert!(
        killed_at(&golden, 90, When::After).await,
        "it has fewer than 90 requests"
    );
}

#[tokio::test]
#[ignore = "long: every request of a worker, run by `make soak`"]
async fn a_worker_may_be_killed_at_every_request() {
    let golden = golden(20, &format!("{DAILY}{INSTRUCT}")).await;
    for request in 1.. {
        for when in [When::Before, When::After] {
            if !killed_at(&golden, request, when).await {
                assert!(request > 100, "{request}");
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_signal_lets_the_file_be_finished_and_begins_no_other() {
    let site = Site::new(20, "", INBOXES).await;
    site.put_day();
    let words = "SELECT worker_fence('inbox'";
    let proxy = Proxy::start(&site.test.url, Some(Fault::Hold { words, nth: 1 }));
    let mut command = site.command("worker");
    command.env("DATABASE_URL", proxy.url());
    let mut running = Running::start(command);
    comes("the query", || proxy.fired()).await;
    running.signal("-TERM");
    running.until("told to stop: finishes the task that runs");
    proxy.go();
    let (code, log) = running.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stops: it was told to"), "{log}");
    assert_eq!(site.listed("events"), names(&["done/events.jsonl"]));
    assert_eq!(site.listed("adyen"), names(&["settlement.csv"]));
    site.books().await;
    // Without a database it stops as well.
    let mut command = site.command("worker");
    command.env("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none");
    let mut running = Running::start(command);
    running.until("there is no database; tries again");
    running.signal("-INT");
    assert_eq!(running.end().0, Some(0));
}

#[tokio::test]
async fn the_status_says_what_became_of_every_task() {
    let site = Site::new(20, DAILY, INBOXES).await;
    let rows = |output: &Output| -> Vec<serde_json::Value> {
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(output)))
    };
    let of = |rows: &[serde_json::Value], task: &str, field: &str| -> String {
        let row = rows.iter().find(|row| row["task"] == task).expect("the task");
        row[field]
            .as_str()
            .map_or_else(|| row[field].to_string(), str::to_owned)
    };
    let before = rows(&site.run("worker status --format json", 0));
    for (task, state) in [
        ("inbox", "new"),
        ("payouts", "new"),
        ("instruct", "off"),
        ("reports", "off"),
    ] {
        assert_eq!(of(&before, task, "state"), state, "{task}");
    }
    fs::remove_dir(site.at("adyen")).expect("no directory");
    site.put("events.jsonl", "events/events.jsonl");
    // The other inboxes are looked at, and the other tasks run.
    let output = site.run("worker --once", 2);
    assert!(text(&output).contains("failed"), "{}", text(&output));
    assert_eq!(site.listed("events"), names(&["done/events.jsonl"]));
    let after = rows(&site.run("worker status --format json", 2));
    assert_eq!(of(&after, "inbox", "state"), "failed");
    assert!(
        of(&after, "inbox", "error").contains("No such file or directory"),
        "{after:?}"
    );
    assert_eq!(of(&after, "payouts", "state"), "done");
    assert_eq!(of(&after, "payouts", "through"), site.today().await.to_string());
    assert!(of(&after, "payouts", "holder").contains(':'), "{after:?}");
    // It is mended.
    fs::create_dir(site.at("adyen")).expect("a directory");
    site.run("worker --once", 0);
    let mended = rows(&site.run("worker status --format json", 0));
    assert_eq!(of(&mended, "inbox", "state"), "done");
    assert_eq!(of(&mended, "inbox", "error"), "");
}

#[tokio::test]
async fn reports_of_the_day_before_are_written() {
    let site = Site::new(20, "reports_at = \"00:00\"\n", REPORTS).await;
    site.run("worker --once", 0);
    let yesterday = site.today().await.pred_opt().expect("a day before").to_string();
    let directory = site.at("reports").join(&yesterday);
    let manifest = fs::read_to_string(directory.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["reports"]["trial_balance"]["as_of"], yesterday.as_str());
    for file in ["trial_balance.csv", "payouts.csv"] {
        assert!(directory.join(file).exists(), "{file}");
    }
}

/// Asks for a page, and gives all of the answer.
fn ask(address: &str, request: &str) -> String {
    let mut client = TcpStream::connect(address).expect("a connection");
    client.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    answer
}

#[tokio::test]
async fn figures_are_told_to_this_machine_alone() {
    let site = Site::new(20, DAILY, INBOXES).await;
    site.put_day();
    let mut running = Running::start(site.command("worker --metrics 127.0.0.1:0 --log json"));
    let line = running.until("figures at /metrics");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let address = line["address"].as_str().expect("an address").to_owned();
    while !running.until("\"done\"").contains("payouts") {}
    // Another task is looked for only after breaks were counted.
    comes("the figures", || {
        ask(&address, "GET /metrics HTTP/1.0\r\n\r\n").contains("runs_total{task=\"payouts\"} 1")
    })
    .await;
    comes("breaks", || {
        ask(&address, "GET /metrics HTTP/1.0\r\n\r\n").contains("acquit_open_breaks{")
    })
    .await;
    let answer = ask(&address, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    let (head, page) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(head.contains(&format!("Content-Length: {}", page.len())), "{head}");
    let mut families = BTreeSet::new();
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            let (word, family) = (words.next().expect("a word"), words.next().expect("a name"));
            assert!(["HELP", "TYPE"].contains(&word), "{line}");
            families.insert(family.to_owned());
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series
            .strip_suffix('}')
            .and_then(|series| series.split_once('{'))
            .expect("labels");
        assert!(families.contains(name), "{line}");
        assert!(
            value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'),
            "{line}"
        );
        for label in labels.split(',') {
            let (key, text) = label.split_once('=').expect("a label");
            assert!(key.bytes().all(|byte| byte.is_ascii_lowercase()), "{line}");
            assert!(text.starts_with('"') && text.ends_with('"') && text.len() > 2, "{line}");
        }
    }
    let resolved = "break where state <> 'resolved'";
    let mut told = 0;
    for line in page.lines().filter(|line| line.starts_with("acquit_open_breaks{")) {
        told += line
            .rsplit_once(' ')
            .expect("a value")
            .1
            .parse::<i64>()
            .expect("a count");
    }
    assert_eq!(told, count(&site.test.admin, resolved).await);
    assert!(
        page.contains("acquit_worker_files_total{kind=\"events\",outcome=\"done\"} 1\n"),
        "{page}"
    );
    let lines = count(&site.test.admin, "settlement_line").await;
    assert!(
        page.contains(&format!("acquit_worker_lines_total{{kind=\"settlement\"}} {lines}\n")),
        "{page}"
    );
    assert!(ask(&address, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(ask(&address, "GET /etc/passwd HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    running.signal("-TERM");
    assert_eq!(running.end().0, Some(0));
    let refused = site.run("worker --metrics 0.0.0.0:9187", 1);
    assert!(
        text(&refused).contains("0.0.0.0:9187 is not a loopback address"),
        "{}",
        text(&refused)
    );
}

#[tokio::test]
async fn a_merchant_whose_payout_came_back_is_told_of() {
    let site = Site::new(20, &format!("{DAILY}{INSTRUCT}"), INBOXES).await;
    site.put_day();
    site.run("worker --once", 0);
    let (today, admin) = (site.today().await, &site.test.admin);
    site.run(&format!("payout approve --cutoff {today} --by bob"), 0);
    site.run("worker --once", 0);
    let sql = "select end_to_end_id, merchant from payout join book on book.id = book_id order by 1 limit 1";
    let row = admin.query_one(sql, &[]).await.expect("a payout");
    let (id, merchant): (&str, &str) = (row.get(0), row.get(1));
    let again = "update worker_task set done_through = done_through - 1 where name = 'payouts'";
    let told = async |words: &str| {
        admin.batch_execute(again).await.expect("a day before");
        let mut running = Running::start(site.command("worker --metrics 127.0.0.1:0 --log json"));
        let line: serde_json::Value = serde_json::from_str(&running.until("figures at /metrics")).expect("JSON");
        let address = line["address"].as_str().expect("an address").to_owned();
        let log = loop {
            let line = running.until("\"task\":\"payouts\"");
            if line.contains("\"done\"") {
                break running.read.clone();
            }
        };
        comes("the figure", || {
            let page = ask(&address, "GET /metrics HTTP/1.0\r\n\r\n");
            page.contains("runs_total{task=\"payouts\"} 1") && page.contains(words)
        })
        .await;
        running.signal("-TERM");
        running.end();
        log
    };
    assert!(!told("acquit_open_breaks{").await.contains("came back"));
    site.run(
        &format!("payout return {id} --reason R\"3 --by ann --on {today} --execute"),
        0,
    );
    let log = told("acquit_unpaid_merchants{reason=\"R\\\"3\"} 1\n").await;
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("came back")).collect();
    assert!(
        matches!(warned[..], [line] if line.contains("WARN") && line.contains(&format!("\"merchant\":\"{merchant}\""))),
        "{log}"
    );
}

#[tokio::test]
async fn a_bank_file_that_is_gone_is_told_of_and_not_written_again() {
    let site = Site::new(40, &format!("{DAILY}{INSTRUCT}"), INBOXES).await;
    site.put_day();
    site.run("worker --once", 0);
    let (today, admin) = (site.today().await, &site.test.admin);
    site.run(&format!("payout approve --cutoff {today} --by bob"), 0);
    let sql = "select currency::text from payout order by id limit 1";
    let currency: String = admin.query_one(sql, &[]).await.expect("a payout").get(0);
    let others = count(admin, &format!("payout where currency <> '{currency}'")).await;
    assert!(others > 0, "{currency} alone is paid");
    let out = site.at("out");
    let by_hand = format!(
        "payout instruct --cutoff {today} --on {today} --currency {currency} --out {} --execute",
        out.display()
    );
    site.run(&by_hand, 0);
    let [first, second] = [1, 2].map(|ordinal| format!("payouts-{today}-{ordinal}.csv"));
    fs::remove_file(out.join(&first)).expect("moved away for the bank");
    let log = text(&site.run("worker --once", 0));
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("was not said to be sent"))
        .collect();
    assert!(
        matches!(told[..], [line] if line.contains("WARN") && line.contains(&first)),
        "{log}"
    );
    assert_eq!(site.listed("out"), names(&[&second]));
    let said = text(&site.run(&by_hand, 0));
    assert!(said.contains("bank file written again: "), "{said}");
    assert_eq!(site.listed("out"), names(&[&first, &second]));
}

#[tokio::test]
async fn a_payout_that_is_cancelled_is_told_of() {
    let site = Site::new(20, &format!("{DAILY}{INSTRUCT}"), INBOXES).await;
    site.put_day();
    site.run("worker --once", 0);
    let (today, admin) = (site.today().await, &site.test.admin);
    site.run(&format!("payout approve --cutoff {today} --by bob"), 0);
    let sql =
        "select merchant, payout.currency from payout join book on book.id = book_id order by end_to_end_id limit 1";
    let row = admin.query_one(sql, &[]).await.expect("a payout");
    let (merchant, currency): (&str, &str) = (row.get(0), row.get(1));
    // Its money is set aside after it was approved.
    site.run(
        &format!("hold place --merchant {merchant} --amount 1 --currency {currency} --owner ann --reason x --execute"),
        0,
    );
    let log = text(&site.run("worker --once --log json", 0));
    let told: Vec<&str> = log.lines().filter(|line| line.contains("payout cancelled")).collect();
    let [line] = told.as_slice() else { panic!("{log}") };
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["merchant"], merchant);
    assert_eq!(line["reason"], "the money is no longer available");
    let amount = line["amount"].as_str().expect("an amount");
    assert!(amount.ends_with(currency), "{amount}");
}

#[tokio::test]
async fn a_day_that_is_not_proven_is_told_of_and_its_reports_are_written_again() {
    let site = Site::new(20, "reports_at = \"00:00\"\n", &format!("{INBOXES}{PROOFS}")).await;
    site.put_day();
    // The only statement ended long before yesterday.
    let mut running = Running::start(site.command("worker --metrics 127.0.0.1:0 --log json"));
    let line: serde_json::Value = serde_json::from_str(&running.until("figures at /metrics")).expect("JSON");
    let address = line["address"].as_str().expect("an address").to_owned();
    while !running.until("\"task\":\"reports\"").contains("\"done\"") {}
    let warned: Vec<serde_json::Value> = running
        .read
        .lines()
        .filter(|line| line.contains("\"not proven\""))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for (report, what, state) in [
        ("proof", "identity 4", "incomplete"),
        ("proof", "statement", "missing"),
        ("safeguarding", "identity 5", ""),
    ] {
        let is_it = |line: &&serde_json::Value| {
            line["report"] == report && line["what"] == what && (state.is_empty() || line["state"] == state)
        };
        let line = warned.iter().find(is_it);
        let line = line.unwrap_or_else(|| panic!("{report} {what}: {warned:#?}"));
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["currency"].as_str().map(str::len), Some(3), "{line}");
        assert_ne!(line["why"], "");
    }
    comes("the figures", || {
        let page = ask(&address, "GET /metrics HTTP/1.0\r\n\r\n");
        let incomplete = page.contains("\nacquit_proof_unproven{state=\"incomplete\"} ");
        incomplete
            && !page.contains("\nacquit_proof_unproven{state=\"incomplete\"} 0\n")
            && page.contains("\nacquit_safeguarding_short{currency=\"")
    })
    .await;
    running.signal("-TERM");
    running.end();

    let (today, admin) = (site.today().await, &site.test.admin);
    let proof = |back: u64| {
        let day = today - Days::new(back);
        site.at("reports").join(day.to_string()).join("proof.csv")
    };
    let again = async |days: i32| {
        let sql = format!("update worker_task set done_through = done_through - {days} where name = 'reports'");
        admin.batch_execute(&sql).await.expect("days before");
        site.run("worker --once", 0);
    };
    again(3).await;
    for back in [3, 2] {
        fs::remove_file(proof(back)).expect("a proof");
    }
    // As if that day had been proven.
    let place = proof(2).with_file_name("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&place).expect("a manifest")).expect("JSON");
    assert_ne!(manifest["reports"]["proof"]["unproven"], 0);
    manifest["reports"]["proof"]["unproven"] = 0.into();
    fs::write(&place, manifest.to_string()).expect("a manifest");
    again(1).await;
    assert!(proof(3).exists() && proof(1).exists());
    assert!(!proof(2).exists(), "what is proven is written once");
}

#[tokio::test]
async fn whoever_may_only_read_is_no_worker() {
    let site = Site::new(20, "", INBOXES).await;
    site.put_day();
    let login = format!("reader_{}", std::process::id());
    let sql = format!("create role {login} login in role acquit_auditor");
    site.test.admin.batch_execute(&sql).await.expect("a login");
    let url = site.test.url.replace("user=acquit", &format!("user={login}"));
    for arguments in ["worker", "worker --once"] {
        let output = site
            .command(arguments)
            .env("DATABASE_URL", &url)
            .output()
            .expect("the binary");
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        assert!(
            text(&output).contains("the login of DATABASE_URL may only read"),
            "{}",
            text(&output)
        );
    }
    assert_eq!(site.listed("events"), names(&["events.jsonl"]));
    let output = site
        .command("worker status")
        .env("DATABASE_URL", &url)
        .output()
        .expect("the binary");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}
