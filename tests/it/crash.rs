//! The binary killed at its requests to the database, and cut off at its COMMITs: the same command again ends as if nothing
//! had happened, in the database and on disk.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use acquit::ledger::entry::EntryKind;
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::due;
use crate::support::proxy::{self, Fault, Ran, When};
use crate::support::{self, day, dump};

const WORKERS: usize = 3;
const SIGKILL: i32 = 9;
/// At how many requests of a command the suite kills it; `make soak` does at all of them.
const POINTS: usize = 5;

/// What a run leaves: the database's content, files by name.
type Left = (String, BTreeMap<String, Vec<u8>>);

/// A command, and the state from which it starts.
struct Scene {
    _day: TempDir,
    base: String,
    arguments: Vec<String>,
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// Runs the binary as it is, in a directory, and says how it ended.
fn run(url: &str, directory: &Path, arguments: &[String]) -> i32 {
    let mut command = support::acquit();
    command.args(arguments).env("DATABASE_URL", url).current_dir(directory);
    let output = command.stdout(Stdio::null()).output().expect("the binary");
    output
        .status
        .code()
        .unwrap_or_else(|| panic!("{arguments:?}: {output:?}"))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

impl Scene {
    /// A simulated day, after some commands; `DAY` stands for its directory.
    fn after(commands: &[&str], arguments: &str) -> Self {
        let day = day::simulated(60);
        split_events(day.path());
        spoil_settlement(day.path());
        rewrite_settlement(day.path());
        Self::of(day, commands, arguments)
    }

    /// What is in a directory, after some commands; `DAY` stands for the directory.
    fn of(day: TempDir, commands: &[&str], arguments: &str) -> Self {
        let base = block_on(support::database());
        let place = |command: &str| words(&command.replace("DAY", &day.path().display().to_string()));
        for command in commands {
            let code = run(&base, day.path(), &place(command));
            // What takes the place of a booked file is quarantined first.
            assert!(code == 0 || code == 2 || *command == AGAIN, "{command}: {code}");
        }
        let arguments = place(arguments);
        Self {
            _day: day,
            base,
            arguments,
        }
    }

    fn command(&self, out: &Path) -> Command {
        let mut command = support::acquit();
        command.args(&self.arguments).current_dir(out);
        command
    }

    /// What is left on a copy of the base after the command ran without a fault.
    fn golden(&self) -> (Ran, Left) {
        let (url, out) = (block_on(support::copy_of(&self.base)), support::directory());
        let ran = proxy::run(&url, None, self.command(out.path()));
        let left = left(&url, out.path());
        let expected = self.arguments.iter().any(|word| word.ends_with("unreadable.csv"));
        assert_eq!(ran.status.code() == Some(1), expected, "{ran:?}");
        assert_eq!(
            left.1.contains_key("rejects.csv"),
            expected || self.arguments[0] == "record",
            "{ran:?}"
        );
        block_on(support::drop_database(&url));
        (ran, left)
    }

    /// Runs the command with a fault and again without, and says how the result differs from the golden one.
    fn suffer(&self, url: &str, fault: Fault, golden: &(Ran, Left)) -> Result<Ran, String> {
        let out = support::directory();
        block_on(restore(url));
        let ran = proxy::run(url, Some(fault), self.command(out.path()));
        if !ran.fired {
            return Err(format!("{fault:?} did not come about: {ran:?}"));
        }
        let code = run(url, out.path(), &self.arguments);
        let (content, files) = left(url, out.path());
        let (golden, (golden_content, golden_files)) = golden;
        if Some(code) != golden.status.code() {
            return Err(format!(
                "{fault:?}: the second run ended with {code}, the first with {}",
                ran.stderr
            ));
        }
        if content != *golden_content {
            return Err(format!("{fault:?}:\n{}", dump::difference(golden_content, &content)));
        }
        if files != *golden_files {
            let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
            return Err(format!(
                "{fault:?}: files {:?} are not {:?}, byte for byte",
                names(&files),
                names(golden_files)
            ));
        }
        Ok(ran)
    }

    /// Suffers every fault, and hands each run to a check.
    fn suffer_all(&self, faults: &[Fault], golden: &(Ran, Left), check: impl Fn(&Fault, &Ran) + Sync) {
        let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    let url = block_on(support::copy_of(&self.base));
                    block_on(keep(&url));
                    while let Some(fault) = faults.get(next.fetch_add(1, Ordering::SeqCst)) {
                        match self.suffer(&url, *fault, golden) {
                            Ok(ran) => check(fault, &ran),
                            Err(failure) => failures.lock().expect("failures").push(failure),
                        }
                    }
                    block_on(support::drop_database(&url));
                });
            }
        });
        let failures = failures.into_inner().expect("failures");
        assert!(
            failures.is_empty(),
            "{} of {} faults:\n{}",
            failures.len(),
            faults.len(),
            failures.join("\n")
        );
    }

    /// Survives kills at some of its requests, and a cut at each of so many COMMITs.
    fn survives(&self, commits: usize) {
        let golden = self.golden();
        self.survives_kills(POINTS, &golden);
        self.survives_cuts(commits, &golden);
    }

    /// Kills the command at about so many of its requests, evenly spread, before and after.
    fn survives_kills(&self, points: usize, golden: &(Ran, Left)) {
        let kill = |request| [When::Before, When::After].map(|when| Fault::Kill { request, when });
        // The last one is the last COMMIT.
        let last = golden.0.requests;
        let step = (last / points).max(1);
        let faults: Vec<Fault> = (1..last).step_by(step).chain([last]).flat_map(kill).collect();
        assert!(faults.len() > 2 * POINTS, "{golden:?}");
        self.suffer_all(&faults, golden, |fault, ran| {
            assert_eq!(ran.status.signal(), Some(SIGKILL), "{fault:?}: {ran:?}")
        });
        println!(
            "{}: {} kills at {} requests",
            self.arguments[0],
            faults.len(),
            golden.0.requests
        );
    }

    /// Cuts the connection at every COMMIT, before and after.
    fn survives_cuts(&self, commits: usize, golden: &(Ran, Left)) {
        assert_eq!(golden.0.commits, commits);
        let cut = |commit| [When::Before, When::After].map(|when| Fault::Cut { commit, when });
        let faults: Vec<Fault> = (1..=commits).flat_map(cut).collect();
        self.suffer_all(&faults, golden, |fault, ran| {
            assert_eq!(ran.status.code(), Some(1), "{fault:?}: {ran:?}");
            assert!(
                ran.stderr.contains("whether the work was booked is not known"),
                "{fault:?}: {}",
                ran.stderr
            );
            assert!(
                ran.stderr.contains("hint: run the same command again"),
                "{fault:?}: {}",
                ran.stderr
            );
        });
    }
}

/// Every table of ours, its columns that are not computed, and whether a trigger keeps it from being changed.
async fn tables(admin: &Client) -> Vec<(String, String, Option<String>)> {
    let sql = "select relname::text, (select string_agg(quote_ident(attname), ', ') from pg_attribute
            where attrelid = pg_class.oid and attnum > 0 and not attisdropped and attgenerated = ''), tgname::text
        from pg_class left join pg_trigger on tgrelid = pg_class.oid and tgenabled = 'A'
        where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'refinery_schema_history'";
    let rows = admin.query(sql, &[]).await.expect("tables");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// Keeps a copy of every row beside the tables: restoring them is much cheaper than a database for each fault.
async fn keep(url: &str) {
    let admin = support::client(url).await;
    let mut sql = "create schema kept;".to_owned();
    for (table, ..) in tables(&admin).await {
        write!(sql, "create table kept.{table} as table public.{table};").expect("text");
    }
    admin.batch_execute(&sql).await.expect("kept rows");
}

/// Makes the tables what they were. Whoever was killed is gone: the proxy has seen the end of its sessions.
async fn restore(url: &str) {
    let admin = support::client(url).await;
    let mut sql = "begin; set local session_replication_role = replica;".to_owned();
    for (table, columns, trigger) in tables(&admin).await {
        let (off, on) = trigger.map_or_else(Default::default, |trigger| {
            let change = |how: &str| format!("alter table {table} {how} trigger {trigger};");
            (change("disable"), change("enable always"))
        });
        let copy =
            format!("insert into {table} ({columns}) overriding system value select {columns} from kept.{table};");
        write!(sql, "{off} delete from {table}; {copy} {on}").expect("text");
    }
    sql.push_str("commit");
    admin.batch_execute(&sql).await.expect("restored rows");
}

fn left(url: &str, directory: &Path) -> Left {
    let content = block_on(async {
        let admin = support::client(url).await;
        support::books::prove(&admin, None).await.expect("books in order");
        dump::content(&admin).await
    });
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let files = fs::read_dir(directory)
        .expect("a directory")
        .map(|file| file.expect("a file").path());
    (
        content,
        files
            .map(|path| (name(&path), fs::read(&path).expect("a file")))
            .collect(),
    )
}

/// The day's events in three files, so that there are three batches; with two that are refused, now and later.
fn split_events(day: &Path) {
    let text = fs::read_to_string(day.join("events.jsonl")).expect("events");
    let lines: Vec<&str> = text.lines().collect();
    for (number, part) in (1..).zip(lines.chunks(lines.len().div_ceil(3))) {
        let mut part = part.join("\n");
        if number == 2 {
            part.push_str("\n{\"kind\":\"capture\"}\n");
            part.push_str(&lines[0].replace("\"merchant\":\"m-", "\"merchant\":\"nobody-"));
        }
        fs::write(day.join(format!("events-{number}.jsonl")), part + "\n").expect("a file");
    }
}

/// The day's settlement file with two rows that cannot be read.
fn spoil_settlement(day: &Path) {
    let text = fs::read_to_string(day.join("settlement.csv")).expect("lines");
    let rows = text.lines().enumerate().map(|(number, row)| match number {
        3 | 5 => row
            .replace(",Settled,", ",Settled,,,,")
            .replace(",Refunded,", ",Refunded,,,,"),
        _ => row.to_owned(),
    });
    fs::write(
        day.join("unreadable.csv"),
        rows.map(|row| row + "\n").collect::<String>(),
    )
    .expect("a file");
}

/// The day's settlement file with other ends of lines: other content, the same batches.
fn rewrite_settlement(day: &Path) {
    let text = fs::read_to_string(day.join("settlement.csv")).expect("lines");
    fs::write(day.join("again.csv"), text.replace('\n', "\r\n")).expect("a file");
}

const APPLY: &str = "settings apply DAY/settings.toml";
const RECORD: &str = "record DAY/events-1.jsonl DAY/events-2.jsonl DAY/events-3.jsonl";
const RECONCILE: &str = "reconcile DAY/settlement.csv --acquirer adyen --execute";
const QUARANTINE: &str = "reconcile DAY/unreadable.csv --acquirer adyen --execute";
const AGAIN: &str = "reconcile DAY/again.csv --acquirer adyen --by ann --execute";
const UNDO: &str = "reconcile undo settlement.csv --by ann --execute";
const RELEASE_FILE: &str = "files release again.csv --by bob --reason corrected --execute";
const PLAN: &str = "payout plan --cutoff 2026-03-03 --by ann";
const APPROVE: &str = "payout approve --cutoff 2026-03-03 --by bob";
const INSTRUCT: &str = "payout instruct --cutoff 2026-03-03 --on 2026-03-04 --execute";
const LOAD_STATEMENT: &str = "bank load DAY/statement.xml --execute";
const PAID: &str = "payout confirm --cutoff 2026-03-03 --on 2026-03-05";
const SENT: &str = "payout sent DAY/payouts-2026-03-03-1.csv --by ann";
const UNKNOWN: &str = "payout unknown ID --by ann --note asked";
const RETURN: &str = "payout return ID --reason R03 --by ann --on 2026-03-06 --execute";

fn record() -> Scene {
    Scene::after(&[APPLY], RECORD)
}

fn reconcile() -> Scene {
    Scene::after(&[APPLY, RECORD], RECONCILE)
}

/// Its receipts came before: they are matched by a transaction of its own.
fn reconcile_late() -> Scene {
    Scene::after(&[APPLY, RECORD, LOAD_STATEMENT], RECONCILE)
}

fn quarantine() -> Scene {
    Scene::after(&[APPLY, RECORD], QUARANTINE)
}

fn plan() -> Scene {
    Scene::after(&[APPLY, RECORD, RECONCILE], PLAN)
}

fn approve() -> Scene {
    Scene::after(&[APPLY, RECORD, RECONCILE, PLAN], APPROVE)
}

fn instruct() -> Scene {
    Scene::after(&[APPLY, RECORD, RECONCILE, PLAN, APPROVE], INSTRUCT)
}

/// What is told of payouts that were instructed.
fn told(outcome: &str) -> Scene {
    Scene::after(&[APPLY, RECORD, RECONCILE, PLAN, APPROVE, INSTRUCT], outcome)
}

/// A confirmed payout before it comes back.
fn come_back() -> Scene {
    named(&[APPLY, RECORD, RECONCILE, PLAN, APPROVE, INSTRUCT, PAID], RETURN)
}

/// An instructed payout of which nobody knows what became.
fn lose_sight() -> Scene {
    named(&[APPLY, RECORD, RECONCILE, PLAN, APPROVE, INSTRUCT], UNKNOWN)
}

/// Something about one payout; `ID` stands for it.
fn named(before: &[&str], arguments: &str) -> Scene {
    let mut scene = Scene::after(before, arguments);
    let url = block_on(support::copy_of(&scene.base));
    let id: String = block_on(async {
        let admin = support::client(&url).await;
        let first = "select end_to_end_id from payout order by id limit 1";
        admin.query_one(first, &[]).await.expect("a payout").get(0)
    });
    block_on(support::drop_database(&url));
    for word in scene.arguments.iter_mut().filter(|word| *word == "ID") {
        word.clone_from(&id);
    }
    scene
}

/// What is due, after it was brought into the books.
fn due(arguments: &str) -> Scene {
    let directory = support::directory();
    due::write_files(directory.path());
    Scene::of(directory, &due::COMMANDS, arguments)
}

fn release() -> Scene {
    due("release --on 2025-04-02 --execute")
}

fn expire() -> Scene {
    due("expire --cutoff 2025-04-02 --execute")
}

fn load_statement() -> Scene {
    Scene::after(&[APPLY, RECORD, RECONCILE, PLAN, APPROVE, INSTRUCT], LOAD_STATEMENT)
}

fn undo() -> Scene {
    Scene::after(&[APPLY, RECORD, RECONCILE], UNDO)
}

fn release_file() -> Scene {
    Scene::after(&[APPLY, RECORD, RECONCILE, AGAIN], RELEASE_FILE)
}

/// A line in suspense and the item that it is, before a command.
fn matched(commands: &[&str], arguments: &str) -> Scene {
    let directory = support::directory();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("a file");
    write("settings.toml", MATCH_SETTINGS);
    let event = |kind| support::events::event(kind, "alpha", "p1", &format!("p1-{}", kind.name()), 8_000, "USD");
    let events = [EntryKind::Authorization, EntryKind::Capture].map(|kind| support::events::json_line(&event(kind)));
    write("events.jsonl", &events.concat());
    let lines = ["Settled +80.00 USD ref=A9 scheme=0.20"];
    write("file.csv", &crate::stage::settlement_file(&lines, "2026-03-03"));
    let before = [
        APPLY,
        "record DAY/events.jsonl",
        "reconcile DAY/file.csv --acquirer north --execute",
    ];
    Scene::of(directory, &[&before[..], commands].concat(), arguments)
}

const MATCH_SETTINGS: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "UTC"
bank_account = "main"
[desk]
match_alone = { USD = "100.00" }
[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3
[[fee_schedule]]
name = "standard"
percentage = "2.9"
fixed = { USD = "0.30" }
rounding = "half_even"
[[merchant]]
name = "alpha"
state = "active"
fee_schedule = "standard"
reserve = { percentage = "10", release_after_days = 30 }
"#;

const CONFIRM: &str = "match confirm file.csv:2 p1-capture --by ann --evidence mail --on 2026-03-20 --execute";

fn confirm_match() -> Scene {
    matched(&[], CONFIRM)
}

fn undo_match() -> Scene {
    matched(
        &[CONFIRM],
        "match undo file.csv:2 --by eve --reason wrong --on 2026-03-21 --execute",
    )
}

#[test]
fn matches_by_hand_survive_a_kill_at_any_request() {
    confirm_match().survives(1);
    undo_match().survives(1);
}

#[test]
fn undo_survives_a_kill_at_any_request() {
    undo().survives(1);
}

#[test]
fn the_release_of_a_file_survives_a_kill_at_any_request() {
    release_file().survives(1);
}

#[test]
fn record_survives_a_kill_at_any_request() {
    record().survives(3);
}

#[test]
fn reconcile_survives_a_kill_at_any_request() {
    reconcile().survives(1);
}

#[test]
fn a_file_after_its_receipts_survives_a_kill_at_any_request() {
    reconcile_late().survives(2);
}

#[test]
fn a_quarantine_survives_a_kill_at_any_request() {
    quarantine().survives(1);
}

#[test]
fn instruct_survives_a_kill_at_any_request() {
    instruct().survives(2);
}

#[test]
fn a_plan_survives_a_kill_at_any_request() {
    plan().survives(1);
}

#[test]
fn a_confirmation_survives_a_kill_at_any_request() {
    told(PAID).survives(1);
}

#[test]
fn a_return_survives_a_kill_at_any_request() {
    come_back().survives(1);
}

#[test]
fn a_bank_statement_survives_a_kill_at_any_request() {
    load_statement().survives(1);
}

#[test]
fn release_survives_a_kill_at_any_request() {
    release().survives(1);
}

#[test]
fn expire_survives_a_kill_at_any_request() {
    // The second COMMIT finds that nothing is left.
    expire().survives(2);
}

#[test]
#[ignore = "long: every request of every command, run by `make soak`"]
fn every_command_survives_a_kill_at_every_request() {
    for scene in [
        undo(),
        release_file(),
        confirm_match(),
        undo_match(),
        record(),
        reconcile(),
        reconcile_late(),
        quarantine(),
        plan(),
        approve(),
        instruct(),
        told(SENT),
        lose_sight(),
        told(PAID),
        come_back(),
        load_statement(),
        release(),
        expire(),
    ] {
        let golden = scene.golden();
        scene.survives_kills(usize::MAX, &golden);
    }
}
