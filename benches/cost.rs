//! What recording and reconciling cost, beside what the raw database needs for the same rows in the same run.
//!
//! - **record**: a file of payment events. Yardstick: binary COPY of the rows it resulted in, in the order in which they were
//!   written, into empty tables with the same columns, constraints and indexes. Once with plain card payments under one rule
//!   for fees, once with everything that can happen to a payment under all rules: contracts of every kind, reserves, limits,
//!   velocity.
//! - **reconcile**: a settlement file, in each form that is CSV. Yardstick: binary COPY of its lines into an empty table like
//!   theirs, and one hash join of them with the open items.
//!
//! - **payouts**: a cut-off of 100,000 merchants, planned, approved and instructed. Yardstick: one scan of the balances.
//! - **growth**: the same day with ten times as much history before it, which should cost the same.
//! - **proof**: the proof of a day, early and after ten times as many. Yardstick: one scan of the transfers.
//!
//! Prints seconds, rows per second, the ratio, and the peak memory of this process while it records and reconciles (the
//! simulator and the yardstick are measured apart). `cargo bench -- 100000` runs one size; the default is 100000 and 1000000.
//! `cargo bench -- reconcile`, `cargo bench -- record`, `cargo bench -- payouts`, `cargo bench -- growth` and
//! `cargo bench -- proof` run one kind, `cargo bench -- stripe` one form.
#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "ratios and rates for people, no money"
)]

#[path = "cost/growth.rs"]
mod growth;
#[path = "cost/payouts.rs"]
mod payouts;
#[path = "cost/proof.rs"]
mod proof;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use acquit::calendar::Calendar;
use acquit::embedded::Cluster;
use acquit::settings::Settings;
use acquit::simulate::{BreakKind, FileFormat, Plan, Profile};
use acquit::store::reconcile::{FileOutcome, Request, SettlementFile};
use acquit::store::record::EventFile;
use acquit::store::{Store, Target};
use chrono::NaiveDate;
use futures_util::{SinkExt, StreamExt};
use tokio_postgres::Client;

// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Events that a simulated payment has, about; lines it has: one.
fn events_of_a_payment(profile: Profile) -> f64 {
    match profile {
        Profile::Card => 2.161,
        Profile::Full => 2.5,
    }
}

/// The forms of settlement files that are CSV.
const FORMS: [FileFormat; 6] = [
    FileFormat::Adyen,
    FileFormat::Stripe,
    FileFormat::Paypal,
    FileFormat::Checkout,
    FileFormat::TossCsv,
    FileFormat::Profile,
];

/// What recording writes, and the order in which it did where another one would be easier to write.
const RECORDED: [(&str, &str); 12] = [
    ("entry", "order by recorded_at, book_id, number"),
    (
        "transfer",
        "order by (select recorded_at from entry where entry.book_id = transfer.book_id and entry.number = entry_number), book_id, entry_number, ordinal",
    ),
    ("payment", ""),
    ("open_item", ""),
    ("balance", ""),
    ("accrual", ""),
    ("aggregate", ""),
    ("maturing", ""),
    ("monthly_limit", ""),
    ("velocity_activity", ""),
    ("velocity_decision", ""),
    ("break", ""),
];

#[tokio::main]
async fn main() -> Result<()> {
    if payouts::writes_a_file().await? {
        return Ok(());
    }
    let sizes: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() {
        vec![100_000, 1_000_000]
    } else {
        sizes
    };
    // Beside other temporary files, not below the checkout: the private PostgreSQL of root runs as another user.
    let directory = tempfile::Builder::new().prefix("acquit-bench-").tempdir()?;
    let cluster = Cluster::locate(Some(&directory.path().join("data")))?;
    let _lease = cluster.start()?;
    // `--bench` is cargo's.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-') && word.parse::<u64>().is_err())
        .collect();
    let forms = FORMS.iter().map(|form| form.name());
    let names: Vec<&str> = ["record", "reconcile", "payouts", "growth", "proof"]
        .into_iter()
        .chain(forms)
        .collect();
    if let Some(word) = words.iter().find(|word| !names.contains(&word.as_str())) {
        return Err(format!("`{word}` is none of {}", names.join(", ")).into());
    }
    let wanted = |names: &[&str]| words.is_empty() || names.iter().any(|name| words.iter().any(|word| word == name));
    for size in sizes {
        for profile in Profile::ALL.into_iter().filter(|_| wanted(&["record"])) {
            record(&cluster, directory.path(), profile, size).await?;
        }
        for form in FORMS.into_iter().filter(|form| wanted(&["reconcile", form.name()])) {
            reconcile(&cluster, directory.path(), form, size).await?;
        }
    }
    if wanted(&["payouts"]) {
        payouts::payouts(&cluster, directory.path()).await?;
    }
    if wanted(&["growth"]) {
        growth::growth(&cluster, directory.path()).await?;
    }
    if wanted(&["proof"]) {
        proof::proof(&cluster, directory.path()).await?;
    }
    Ok(())
}

/// A database with settings.
struct Books {
    store: Store,
    raw: Client,
    deployment: acquit::store::settings::Deployment,
}

struct Day {
    store: Store,
    raw: Client,
    deployment: acquit::store::settings::Deployment,
    events: EventFile,
    settlement: SettlementFile,
    acquirer: String,
    as_of: Option<NaiveDate>,
}

/// A database with a simulated day's settings, and the day's files.
async fn day(
    cluster: &Cluster,
    directory: &Path,
    name: &str,
    profile: Profile,
    form: FileFormat,
    payments: u64,
) -> Result<Day> {
    let files = directory.join(name);
    let merchants = u32::try_from(payments / 200).unwrap_or(5_000).clamp(50, 5_000);
    let plan = Plan {
        payments,
        merchants,
        seed: 1,
        breaks: BreakKind::usual(profile, form),
        day: Plan::usual_day(),
        profile,
        file_format: form,
    };
    acquit::simulate::run(&plan, &files, &mut |_| {})?;
    let Books { store, raw, deployment } = open(cluster, &files, name).await?;
    let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(files.join("truth.json"))?)?;
    let told = |field: &str| truth["settlement"][field].as_str();
    let proof: Vec<PathBuf> = told("with").map(|name| files.join(name)).into_iter().collect();
    let settlement = SettlementFile::open(&files.join(told("file").ok_or("a settlement file")?))?.with(&proof)?;
    let profiles = deployment.latest().map_or(&[][..], |settings| &settings.profiles);
    Ok(Day {
        raw,
        events: EventFile::open(&files.join("events.jsonl"))?,
        settlement: settlement.with_profiles(profiles),
        acquirer: told("acquirer").ok_or("an acquirer")?.to_owned(),
        as_of: told("as_of").map(str::parse).transpose()?,
        deployment,
        store,
    })
}

/// A new database with the settings, and the calendar, of a simulated day.
async fn open(cluster: &Cluster, files: &Path, name: &str) -> Result<Books> {
    let admin = connect(&cluster.url_of("postgres")).await?;
    admin.batch_execute(&format!("create database {name}")).await?;
    let url = cluster.url_of(name);
    let store = Store::open(&Target::url(url.as_str())).await?;
    let calendar = files.join("calendar.csv");
    if calendar.exists() {
        let text = std::fs::read_to_string(calendar)?;
        store.import_calendar(&Calendar::parse(text.as_bytes())?, &text).await?;
    }
    let text = std::fs::read_to_string(files.join("settings.toml"))?;
    store.apply_settings(&Settings::parse(&text)?, &text).await?;
    let (deployment, raw) = (store.deployment().await?, connect(&url).await?);
    Ok(Books { store, raw, deployment })
}

async fn record(cluster: &Cluster, directory: &Path, profile: Profile, events: u64) -> Result<()> {
    let name = format!("record_{profile}_{events}");
    let payments = (events as f64 / events_of_a_payment(profile)) as u64;
    let day = day(cluster, directory, &name, profile, FileFormat::Adyen, payments).await?;
    day.raw.batch_execute("checkpoint").await?;
    forget_peak();
    let start = Instant::now();
    let tally = day
        .store
        .record(&day.deployment, &day.events, &mut |_, _| Ok(()))
        .await?;
    let ours = start.elapsed();
    let peak = peak();
    day.raw.batch_execute("create schema yardstick").await?;
    let mut yardstick = Duration::ZERO;
    for (table, order) in RECORDED {
        yardstick += copy(&day.raw, directory, table, order).await?;
    }
    report(
        &format!("record {profile}"),
        tally.recorded,
        "events",
        ours,
        yardstick,
        peak,
    );
    sizes(&day.raw, &RECORDED.map(|(table, _)| table), tally.recorded).await?;
    drop(day);
    drop_database(cluster, &name).await
}

async fn reconcile(cluster: &Cluster, directory: &Path, form: FileFormat, lines: u64) -> Result<()> {
    let name = format!("reconcile_{}_{lines}", form.name().replace('-', "_"));
    let day = day(cluster, directory, &name, Profile::Card, form, lines).await?;
    day.store
        .record(&day.deployment, &day.events, &mut |_, _| Ok(()))
        .await?;
    day.raw
        .batch_execute(
            "create schema yardstick; create table yardstick.open_item (like open_item including all); \
             insert into yardstick.open_item select * from open_item; analyze; checkpoint",
        )
        .await?;
    let request = Request {
        file: &day.settlement,
        acquirer: &day.acquirer,
        as_of: day.as_of,
        today: chrono::NaiveDate::MAX,
    };
    forget_peak();
    let start = Instant::now();
    let found = day.store.reconcile(&day.deployment, &request, &|_| {}).await?;
    let ours = start.elapsed();
    let peak = peak();
    if found.outcome != FileOutcome::Booked {
        return Err(format!("{}: {:?}", form.name(), found.outcome).into());
    }
    let mut yardstick = copy(&day.raw, directory, "settlement_line", "order by ordinal").await?;
    let start = Instant::now();
    day.raw
        .query_one(
            "select count(*), sum(item.gross) from yardstick.settlement_line line join yardstick.open_item item \
             on item.acquirer_reference = line.acquirer_reference and item.record_type = line.record_type \
             and item.currency = line.gross_currency",
            &[],
        )
        .await?;
    yardstick += start.elapsed();
    report(
        &format!("reconcile {}", form.name()),
        u64::try_from(found.lines)?,
        "lines",
        ours,
        yardstick,
        peak,
    );
    drop(day);
    drop_database(cluster, &name).await
}

/// Copies a table out, and into an empty one like it; says how long the latter took.
async fn copy(raw: &Client, directory: &Path, table: &str, order: &str) -> Result<Duration> {
    let path = directory.join("yardstick");
    let stream = raw
        .copy_out(&format!(
            "copy (select * from {table} {order}) to stdout (format binary)"
        ))
        .await?;
    let mut stream = std::pin::pin!(stream);
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    while let Some(chunk) = stream.next().await {
        std::io::Write::write_all(&mut file, &chunk?)?;
    }
    std::io::Write::flush(&mut file)?;
    raw.batch_execute(&format!(
        "create table if not exists yardstick.{table} (like {table} including all); checkpoint"
    ))
    .await?;
    let start = Instant::now();
    let sink = raw
        .copy_in(&format!("copy yardstick.{table} from stdin (format binary)"))
        .await?;
    let mut sink = std::pin::pin!(sink);
    let mut input = std::fs::File::open(&path)?;
    loop {
        let mut chunk = vec![0; 1 << 16];
        let count = std::io::Read::read(&mut input, &mut chunk)?;
        if count == 0 {
            break;
        }
        chunk.truncate(count);
        sink.send(bytes::Bytes::from(chunk)).await?;
    }
    sink.finish().await?;
    Ok(start.elapsed())
}

fn report(what: &str, rows: u64, unit: &str, ours: Duration, yardstick: Duration, peak: Option<u64>) {
    let rate = |time: Duration| rows as f64 / time.as_secs_f64();
    let peak = peak.map_or_else(
        || "not known here".to_owned(),
        |kilobytes| format!("{} MB", kilobytes / 1024),
    );
    println!(
        "{what:<18} {rows:>9} {unit:<6} {:>7.2} s {:>9.0} {unit}/s   yardstick {:>7.2} s   ratio {:.2}   peak memory {peak}",
        ours.as_secs_f64(),
        rate(ours),
        yardstick.as_secs_f64(),
        ours.as_secs_f64() / yardstick.as_secs_f64(),
    );
}

/// Rows and bytes, indexes included, that an event comes to.
async fn sizes(raw: &Client, tables: &[&str], events: u64) -> Result<()> {
    for table in tables {
        let row = raw
            .query_one(
                &format!(
                    "select count(*), pg_table_size('yardstick.{table}'), pg_indexes_size('yardstick.{table}'), \
                     (select count(*) from pg_index where indrelid = 'yardstick.{table}'::regclass) from yardstick.{table}"
                ),
                &[],
            )
            .await?;
        let (rows, table_bytes, index_bytes, indexes): (i64, i64, i64, i64) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        if rows == 0 {
            continue;
        }
        let per = |count: i64| count as f64 / events as f64;
        println!(
            "            {table:<17} {:>5.2} rows, {:>5.0} bytes, {:>4.0} bytes in {indexes} indexes an event",
            per(rows),
            per(table_bytes),
            per(index_bytes)
        );
    }
    Ok(())
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn drop_database(cluster: &Cluster, name: &str) -> Result<()> {
    let admin = connect(&cluster.url_of("postgres")).await?;
    Ok(admin
        .batch_execute(&format!("drop database {name} with (force)"))
        .await?)
}

/// Linux: starts a new peak of resident memory.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

/// Linux: the peak of resident memory since, in kB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
