//! The injection matrix: for each form of settlement files and each class of break, a small day with so many of that class
//! planted shows so many of that class, the right ones, and no other; and the books are what the truth says. So many matches are
//! late, or of another day than the item, as were planted or made up: they are no breaks.
//!
//! What a form cannot tell [`not_told`] knows with the reason: there the simulator refuses.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use acquit::acquirer::Row;
use acquit::acquirer::format::Reading;
use acquit::calendar::Calendar;
use acquit::money::{Currency, Money};
use acquit::recon::proof::untrue;
use acquit::settings::Settings;
use acquit::simulate::{self, BreakKind, FileFormat, Plan, Profile};
use acquit::store::advance;
use acquit::store::bank::{self, StatementFile};
use acquit::store::reconcile::{FileOutcome, Request, SettlementFile};
use acquit::store::record::{EventFile, Rejected, Tally};
use acquit::store::settings::Deployment;
use serde_json::Value;

use crate::day::{Day, agree, found, planted};
use crate::desk::Desk;
use crate::support::{self, events::apply};

/// Why a form does not tell a class, where it does not.
fn not_told(format: FileFormat, class: BreakKind) -> Option<&'static str> {
    match (format, class) {
        (FileFormat::TossCsv | FileFormat::TossJson, BreakKind::TotalMismatch) => {
            Some("it says nothing of itself that its rows could contradict")
        }
        (FileFormat::IpmEbcdic | FileFormat::IpmAscii, BreakKind::RefundWithoutCapture) => {
            Some("the ARN of a refund is its own: nothing names the sale")
        }
        (FileFormat::IpmEbcdic | FileFormat::IpmAscii, BreakKind::SignMismatch) => {
            Some("the type of a message says where its money goes")
        }
        (FileFormat::Paypal | FileFormat::TossCsv | FileFormat::TossJson, BreakKind::FxMismatch) => {
            Some("it settles every sale in its own currency")
        }
        (
            FileFormat::Adyen | FileFormat::Paypal | FileFormat::Checkout | FileFormat::Profile,
            BreakKind::ReserveMismatch,
        ) => None,
        (_, BreakKind::ReserveMismatch) => Some("it does not say what is withheld of a batch"),
        (
            FileFormat::TossCsv | FileFormat::TossJson | FileFormat::IpmEbcdic | FileFormat::IpmAscii,
            BreakKind::FundingMismatch,
        ) => Some("it names nothing that the bank is told: another amount is nobody's"),
        (FileFormat::Adyen | FileFormat::Profile | FileFormat::Paypal, BreakKind::MissingFile) => None,
        (_, BreakKind::MissingFile) => {
            Some("neither numbers nor balances tell of a file that is not there: a calendar may, whatever the form")
        }
        (FileFormat::Profile, BreakKind::CarrierShort) => None,
        (_, BreakKind::CarrierShort) => Some("it has no kind of row for a phone bill that was not paid"),
        _ => None,
    }
}

/// How many of a class are planted, in the first forms; of files that are at fault as a whole there is one at the most.
const COUNTS: [u32; 2] = [1, 3];
/// The same in the others.
const COUNT: [u32; 1] = [2];
/// How many days are worked on at a time.
const WORKERS: usize = 4;
/// Chances of the days of which the files are only read.
const SEEDS: [u64; 2] = [3, 5];

/// A day of a form with so many breaks of a class.
type Cell = (FileFormat, BreakKind, u32);

/// So many items are reported late where others are missing: one more, so that neither count is taken for the other.
fn late((_, class, count): Cell) -> Option<u32> {
    (class == BreakKind::MissingInFile).then(|| count.saturating_add(1))
}

fn plan(cell: Cell) -> Plan {
    let (file_format, class, count) = cell;
    let late = late(cell).map(|late| (BreakKind::Late, late));
    Plan {
        payments: 24,
        merchants: 4,
        seed: u64::from(count).wrapping_add(7),
        breaks: [(class, count)].into_iter().chain(late).collect(),
        day: Plan::usual_day(),
        profile: if class.is_of_full_days() {
            Profile::Full
        } else {
            Profile::Card
        },
        file_format,
    }
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (place, format) in FileFormat::ALL.iter().enumerate() {
        // What is late is no break, and is planted beside what is missing.
        for class in BreakKind::ALL.iter().filter(|class| !class.is_of_timing()) {
            let counts: &[u32] = match (class.is_of_file(), place) {
                (true, _) => &[1],
                // The third is a line.
                (false, _) if *class == BreakKind::ChargebackUnknown => &[1, 3],
                (false, 0 | 1) => &COUNTS,
                (false, _) => &COUNT,
            };
            cells.extend(counts.iter().map(|count| (*format, *class, *count)));
        }
    }
    cells
}

fn reason((format, class, _): Cell) -> Option<&'static str> {
    not_told(format, class)
}

async fn settle_in(desk: &Desk, day: &Day) -> Deployment {
    let store = &desk.database.store;
    if day.has("calendar.csv") {
        let content = std::fs::read_to_string(day.file("calendar.csv")).expect("a calendar");
        let calendar = Calendar::parse(content.as_bytes()).expect("a calendar");
        store.import_calendar(&calendar, &content).await.expect("imported");
    }
    let settings = |name: &str| std::fs::read_to_string(day.file(name)).expect("settings");
    let mut deployment = apply(store, &settings("settings.toml")).await;
    if day.has("settings-next-day.toml") {
        deployment = apply(store, &settings("settings-next-day.toml")).await;
    }
    deployment
}

async fn record(desk: &Desk, deployment: &Deployment, file: &str) {
    let file = EventFile::open(Path::new(file)).expect("events");
    let mut each = |_: Tally, rejected: Vec<Rejected>| {
        assert_eq!(rejected, []);
        Ok(())
    };
    let done = desk.database.store.record(deployment, &file, &mut each).await;
    done.expect("a record");
}

async fn reconcile(desk: &Desk, deployment: &Deployment, day: &Day, like: &str) -> Option<FileOutcome> {
    let (file, proof) = day.settlement(like)?;
    let proof: Vec<PathBuf> = proof.into_iter().map(PathBuf::from).collect();
    let file = SettlementFile::open(Path::new(&file)).and_then(|file| file.with(&proof));
    Some(reconcile_file(desk, deployment, file.expect("a file"), &day.truth["settlement"]).await)
}

/// Reconciles a file that the truth tells of like this.
async fn reconcile_file(desk: &Desk, deployment: &Deployment, file: SettlementFile, settlement: &Value) -> FileOutcome {
    let file = file.with_profiles(&deployment.latest().expect("settings").profiles);
    let request = Request {
        file: &file,
        acquirer: settlement["acquirer"].as_str().expect("an acquirer"),
        as_of: settlement["as_of"].as_str().map(|day| day.parse().expect("a day")),
        today: chrono::NaiveDate::MAX,
    };
    let done = desk.database.store.reconcile(deployment, &request, &|_| {}).await;
    done.expect("a reconciliation").outcome
}

/// Loads the bank's statements of a day, and of the days after it where there are any. They begin with what is on no book: all else
/// on the bank's account is theirs.
async fn load_statements(desk: &Desk, deployment: &Deployment, day: &Day) {
    for name in ["statement.xml", "statement-later.xml"]
        .into_iter()
        .filter(|name| day.has(name))
    {
        let file = StatementFile::open(Path::new(&day.file(name))).expect("statements");
        let request = bank::Request {
            file: &file,
            account: None,
            today: chrono::NaiveDate::MAX,
        };
        let loaded = desk.database.store.load_statements(deployment, &request).await;
        assert_eq!(loaded.expect("loaded").outcome, bank::Outcome::Booked, "{name}");
    }
    let sql = "
        select account.currency, sum(balance.debits - balance.credits)::bigint, min(entries.moved)
        from balance
        join account on account.id = balance.account_id and account.code = 1010
        full join (
            select statement.currency, sum(entry.amount)::bigint as moved
            from bank_entry entry
            join bank_statement statement on statement.source_id = entry.source_id and statement.ordinal = entry.statement
            group by statement.currency
        ) entries on entries.currency = account.currency
        group by account.currency";
    for row in desk.database.admin.query(sql, &[]).await.expect("balances") {
        let [booked, moved] = [1, 2].map(|column| row.get::<_, Option<i64>>(column));
        assert_eq!(booked, moved, "{row:?}");
    }
}

/// Lives through a day, and compares.
async fn check(cell: Cell) {
    let (_, class, count) = cell;
    let desk = Desk::new().await;
    let folder = support::directory();
    simulate::run(&plan(cell), folder.path(), &mut |_| ()).unwrap_or_else(|error| panic!("{cell:?}: {error}"));
    let day = Day::open(folder.path());
    let deployment = settle_in(&desk, &day).await;
    record(&desk, &deployment, &day.file("events.jsonl")).await;
    if let Some(cutoff) = day.truth["expiry"]["cutoff"].as_str() {
        let cutoff = cutoff.parse().expect("an instant");
        let store = &desk.database.store;
        store.expire(&deployment, cutoff, &|_| {}).await.expect("an expiry");
    }
    if day.has("events-late.jsonl") {
        record(&desk, &deployment, &day.file("events-late.jsonl")).await;
    }
    for row in day.truth["advances"].as_array().expect("advances") {
        let word = |field: &str| row[field].as_str().expect("a text");
        let currency = Currency::parse(word("currency")).expect("a currency");
        let request = advance::Request {
            merchant: word("merchant"),
            up_to: Money::from_minor(row["payable"].as_i64().expect("an amount"), currency),
            day: word("on").parse().expect("a day"),
        };
        let done = desk.database.store.advance(&deployment, &request).await;
        done.expect("an advance");
    }
    for (like, is_booked) in [("-earlier", true), ("", true), ("-copy", false), ("-corrupt", false)] {
        let Some(outcome) = reconcile(&desk, &deployment, &day, like).await else {
            continue;
        };
        assert_eq!(
            outcome == FileOutcome::Booked,
            is_booked,
            "{cell:?}: {like}: {outcome:?}"
        );
    }
    agree(&desk, &day, "reconcile").await;
    for carrier in day.truth["carriers"].as_array().expect("carriers") {
        let file = SettlementFile::open(Path::new(&day.file(carrier["file"].as_str().expect("a name"))));
        let outcome = reconcile_file(&desk, &deployment, file.expect("a file"), carrier).await;
        assert_eq!(outcome, FileOutcome::Booked, "{cell:?}: {carrier}");
    }
    load_statements(&desk, &deployment, &day).await;
    let found = found(&desk).await;
    assert_eq!(found, planted(&day), "{cell:?}");
    let classes: Vec<&str> = found.iter().map(|found| found.class.as_str()).collect();
    assert_eq!(
        classes,
        vec![class.name(); usize::try_from(count).expect("a count")],
        "{cell:?}"
    );
    let timing = timing(&desk).await;
    let told = ["late", "cutoff"].map(|name| day.truth["matches"][name].as_i64().expect("a count"));
    assert_eq!(timing, told, "{cell:?}: late and cut-off");
    // Days of plain cards have no other late ones than those planted, and each has sales that the acquirer has on the next day.
    if !class.is_of_full_days() {
        assert_eq!(timing[0], i64::from(late(cell).unwrap_or(0)), "{cell:?}: late");
    }
    assert!(timing[1] > 0, "{cell:?}: cut-off");
    let url = desk.database.url.clone();
    drop(desk);
    support::drop_database(&url).await;
}

/// How many matches of the file of the acquirer of cards are late, and of another day.
async fn timing(desk: &Desk) -> [i64; 2] {
    let sql = "
        select count(*) filter (where match.timing = 'late'), count(*) filter (where match.timing = 'cutoff')
        from standing_match match
        join source on source.id = match.source_id
        where source.name not like '%carrier%'";
    let row = desk.database.admin.query_one(sql, &[]).await.expect("matches");
    [row.get(0), row.get(1)]
}

#[test]
fn what_a_form_cannot_tell_is_refused_with_the_reason() {
    let folder = support::directory();
    for cell in cells() {
        let Some(reason) = reason(cell) else {
            assert_eq!(cell.0.lacks(cell.1), None, "{cell:?}");
            continue;
        };
        let error = simulate::run(&plan(cell), folder.path(), &mut |_| ()).expect_err("refused");
        assert!(error.to_string().ends_with(reason), "{cell:?}: {error}");
    }
}

/// Every row of a day's settlement file, as its reader takes it.
fn read_whole(day: &Day) {
    let settings = std::fs::read_to_string(day.file("settings.toml")).expect("settings");
    let profiles = Settings::parse(&settings).expect("settings").profiles;
    let (file, proof) = day.settlement("").expect("a settlement file");
    let content = std::fs::read(&file).expect("a file");
    let mut rest: Vec<Box<dyn Read>> = Vec::new();
    if let Some(proof) = proof {
        rest.push(Box::new(std::fs::File::open(proof).expect("a file")));
    }
    let reading = Reading::detect(&content, &profiles).expect("a format");
    let mut rows = reading.open(Box::new(&content[..]), rest).expect("opened");
    let mut lines = 0_u32;
    for row in rows.by_ref() {
        match row.expect("a row") {
            Row::Line(_) => lines = lines.saturating_add(1),
            Row::Reject(reject) => panic!("{file}: {reject:?}"),
        }
    }
    assert!(lines > 0, "{file}");
    assert_eq!(untrue(&rows.claims()), [], "{file}");
}

#[test]
fn every_row_that_is_simulated_can_be_read() {
    for file_format in FileFormat::ALL {
        for seed in SEEDS {
            let folder = support::directory();
            let plan = Plan {
                payments: 160,
                merchants: 8,
                seed,
                breaks: BreakKind::usual(Profile::Full, *file_format),
                day: Plan::usual_day(),
                profile: Profile::Full,
                file_format: *file_format,
            };
            simulate::run(&plan, folder.path(), &mut |_| ()).unwrap_or_else(|error| panic!("{plan:?}: {error}"));
            println!("{file_format}, seed {seed}");
            read_whole(&Day::open(folder.path()));
        }
    }
}

#[test]
fn so_many_planted_breaks_of_a_class_are_so_many_found() {
    let cells: Vec<Cell> = cells().into_iter().filter(|cell| reason(*cell).is_none()).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        while let Some(cell) = cells.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
            runtime.block_on(check(*cell));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
}

/// A settlement file as its acquirer writes it again: of the same batches, with another sale corrected; where nothing says what is
/// paid of them, without its last row.
fn write_again(format: FileFormat, first: &Day, corrected: &Day) {
    let path = |day: &Day| day.settlement("").expect("a settlement file").0;
    let text = || std::fs::read_to_string(path(first)).expect("a file");
    let shorter = match format {
        FileFormat::TossCsv => {
            let text = text();
            let rows: Vec<&str> = text.lines().collect();
            rows[..rows.len().saturating_sub(1)].join("\n") + "\n"
        }
        FileFormat::TossJson => {
            let mut rows: Vec<serde_json::Value> = serde_json::from_str(&text()).expect("rows");
            rows.pop();
            serde_json::to_string(&rows).expect("text")
        }
        FileFormat::Adyen
        | FileFormat::Stripe
        | FileFormat::Paypal
        | FileFormat::Checkout
        | FileFormat::Profile
        | FileFormat::IpmEbcdic
        | FileFormat::IpmAscii => return,
    };
    std::fs::write(path(corrected), shorter).expect("a file");
}

/// The same day, as the acquirer reports it first and after it has corrected an amount.
async fn check_corrected(format: FileFormat) {
    let corrected = plan((format, BreakKind::AmountMismatch, 1));
    let first = Plan {
        breaks: BTreeMap::new(),
        ..corrected.clone()
    };
    let desk = Desk::new().await;
    let folders = [support::directory(), support::directory()];
    for (plan, folder) in [&first, &corrected].into_iter().zip(&folders) {
        simulate::run(plan, folder.path(), &mut |_| ()).unwrap_or_else(|error| panic!("{format}: {error}"));
    }
    let [first, corrected] = folders.each_ref().map(|folder| Day::open(folder.path()));
    write_again(format, &first, &corrected);
    let deployment = settle_in(&desk, &first).await;
    record(&desk, &deployment, &first.file("events.jsonl")).await;
    assert_eq!(
        reconcile(&desk, &deployment, &first, "").await,
        Some(FileOutcome::Booked)
    );
    let balances = desk.balances().await;
    for _ in 0..2 {
        let outcome = reconcile(&desk, &deployment, &corrected, "").await;
        let Some(FileOutcome::Quarantined { reason }) = outcome else {
            panic!("{format}: {outcome:?}")
        };
        assert!(reason.contains("came before with other content"), "{format}: {reason}");
    }
    let found = found(&desk).await;
    let classes: Vec<&str> = found.iter().map(|found| found.class.as_str()).collect();
    assert_eq!(classes, ["SUPERSEDED_FILE"], "{format}");
    assert_eq!(desk.balances().await, balances, "{format}");
    let url = desk.database.url.clone();
    drop(desk);
    support::drop_database(&url).await;
}

#[tokio::test]
async fn a_corrected_file_of_every_form_waits_for_its_approval() {
    // Of clearing files `formats` has one in another encoding.
    let is_binary = |format: &FileFormat| matches!(format, FileFormat::IpmEbcdic | FileFormat::IpmAscii);
    for format in FileFormat::ALL.iter().filter(|format| !is_binary(format)) {
        check_corrected(*format).await;
    }
}
