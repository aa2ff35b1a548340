//! `acquit worker`: what runs by itself.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::output::{Kind, Listing};
use super::report::{Report, SpanArgs, is_unproven, write_proof};
use super::{Failure, Globals, Outcome, counted, stored};
use crate::dates::day_in;
use crate::settings::WorkerRules;
use crate::store::worker::TaskRow;
use crate::store::{ConnectError, Store, StoreError};
use crate::worker::due::{Due, due, is_overdue};
use crate::worker::figures::serve;
use crate::worker::{Figures, LEASE, Standing, Task, Worker, WorkerError};

/// Do by itself what the settings say under `worker`: take files in, expire, release, plan payouts, instruct, write reports.
///
/// Tasks: `inbox` (event files, settlement files and bank statements of the inboxes, each moved to `done` or `refused` beside it),
/// `expire`, `release`, `payouts` (plan the cut-off of the day; it never approves), `instruct` (what is approved; only where the
/// settings say so) and `reports` (of the day before). None takes any input, and each does what its command does. A daily
/// task that was missed is made up for.
///
/// There may be any number of workers. Each task has one at a time, by a lease in the database; a worker that was stopped for
/// longer than its lease finds when it goes on that nothing of it is committed any more. A task that fails is told in the log
/// and by `acquit worker status`, waits, and runs again; other tasks go on. SIGTERM and SIGINT let the task that runs come to
/// an end (of the inbox: its file), and no other one begin; a second one ends the worker at once, which loses nothing.
///
/// Exit code: 0 when it was told to stop, or with --once when everything that was due is done; 2 with --once when a task failed or
/// a file was refused; 1 when it could not work.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    run: RunArgs,
}

/// What can be done beside working.
#[derive(Debug, clap::Subcommand)]
enum Other {
    /// Show every task: who has it, when it ran last and what became of that, when it is due.
    ///
    /// Exit code: 0, or 2 where a task failed the last time, or is overdue by an hour.
    Status,
}

/// How it works.
#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Run everything that is due, wait for what other workers are at, and end.
    #[arg(long)]
    once: bool,
    /// For how long a task is this worker's unless it is renewed, like 60s or 500ms.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    lease: Option<Duration>,
    /// Tell figures at http://ADDRESS/metrics, in Prometheus' text form; a loopback address like 127.0.0.1:9187.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// How the log on standard error is written: as text, or as JSON, one object a line.
    #[arg(long, value_enum, default_value_t)]
    log: LogForm,
}

/// How a log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogForm {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl Args {
    /// How the log is written, where this is a worker that runs.
    pub fn log(&self) -> Option<LogForm> {
        self.other.is_none().then_some(self.run.log)
    }
}

/// The shortest and the longest lease.
const LEASES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3600));

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let (number, unit) = text.split_at(digits.len());
    let number: u64 = number.parse().map_err(|_| "write it like 60s or 500ms".to_owned())?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err("write it like 60s or 500ms".to_owned()),
    };
    match (LEASES.0..=LEASES.1).contains(&duration) {
        true => Ok(duration),
        false => Err("it must be from 100ms to 60m".to_owned()),
    }
}

/// Runs it.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    match args.other {
        Some(Other::Status) => status(globals).await,
        None => work(args.run, globals).await,
    }
}

async fn work(args: RunArgs, globals: &Globals) -> Outcome {
    let figures = Arc::new(Figures::default());
    if let Some(address) = args.metrics {
        let bound = serve(address, figures.clone()).await?;
        tracing::info!(address = %bound, "figures at /metrics");
    }
    let (told, stop) = watch::channel(false);
    listen(told)?;
    let Some(store) = open(globals, args.once, stop.clone()).await? else {
        return Ok(ExitCode::SUCCESS);
    };
    let holder = format!("{}:{}", host(), std::process::id());
    tracing::info!(holder, "worker began");
    let mut worker = Worker {
        store,
        holder,
        lease: args.lease.unwrap_or(LEASE),
        once: args.once,
        clock: super::now,
        write_report,
        is_unproven,
        figures: figures.clone(),
        stop,
    };
    worker.run().await.map_err(failed)?;
    Ok(match args.once && (figures.failed() || figures.refused()) {
        true => ExitCode::from(2),
        false => ExitCode::SUCCESS,
    })
}

/// Hears the signals that ask for an end.
fn listen(told: watch::Sender<bool>) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if told.send_replace(true) {
                tracing::warn!("told to stop a second time: ends at once");
                std::process::exit(1);
            }
            tracing::info!("told to stop: finishes the task that runs");
        }
    });
    Ok(())
}

/// The database; none where it was told to stop before there was one. A worker that runs once does not wait for it.
async fn open(globals: &Globals, once: bool, mut stop: watch::Receiver<bool>) -> Result<Option<Store>, Failure> {
    let mut pause = Duration::from_millis(500);
    loop {
        let error = match globals.target().await {
            Ok(target) => match Store::open(&target).await {
                Ok(store) => return Ok(Some(store)),
                Err(error @ ConnectError::Unreachable { .. }) if !once => error,
                Err(error) => return Err(Failure::connect(error)),
            },
            Err(failure) => return Err(failure),
        };
        let milliseconds = pause.as_millis();
        tracing::error!(error = %error, milliseconds, "there is no database; tries again");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => return Ok(None),
        }
        pause = pause.saturating_mul(2).min(Duration::from_secs(30));
    }
}

/// What this machine is called, as far as it can be told.
fn host() -> String {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let told = told.or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let name = told.unwrap_or_default().trim().to_owned();
    match name.is_empty() {
        true => "localhost".to_owned(),
        false => name,
    }
}

/// Writes a report of a day as `acquit report NAME --out DIRECTORY` does.
fn write_report<'a>(
    store: &'a Store,
    name: &'a str,
    day: NaiveDate,
    directory: &'a Path,
) -> LocalBoxFuture<'a, Result<Vec<Standing>, Box<dyn Error + Send + Sync>>> {
    async move {
        let report = report_of(name, day).ok_or_else(|| format!("there is no report {name}"))?;
        let written = write_proof(store, &report, directory).await;
        written.map_err(|failure| failure.to_string().into())
    }
    .boxed_local()
}

/// A report of a day, by its name in settings.
fn report_of(name: &str, day: NaiveDate) -> Option<Report> {
    let span = SpanArgs {
        merchant: None,
        from: Some(day),
        to: Some(day),
        period: None,
    };
    let items = name.ends_with("_items");
    Some(match name {
        "trial_balance" => Report::TrialBalance {
            as_of: Some(day),
            merchant: None,
        },
        "journal" => Report::Journal(span),
        "statement" | "statement_items" => Report::Statement {
            span,
            items,
            page: None,
        },
        "reconciliation" => Report::Reconciliation { file: None },
        "fees" => Report::Fees { span, all: false },
        "breaks_aging" => Report::BreaksAging {
            on: Some(day),
            calendar: None,
        },
        "fee_claims" => Report::FeeClaims {
            acquirer: None,
            from: Some(day),
            to: Some(day),
            items,
        },
        "proof" => Report::Proof {
            date: day,
            acquirer: None,
        },
        "safeguarding" => Report::Safeguarding {
            date: day,
            merchants: false,
        },
        "payouts" => Report::Payouts {
            cutoff: Some(day),
            merchant: None,
        },
        _ => return None,
    })
}

async fn status(globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let tasks = store.tasks().await.map_err(stored)?;
    let now = tasks.now.unwrap_or_else(super::now);
    let zone = deployment.time_zone();
    let settings = deployment.in_force(day_in(now, zone));
    let rules = settings.and_then(|settings| settings.worker.as_ref());
    let rules = rules.ok_or_else(|| failed(WorkerError::NoRules))?;
    let columns = [
        ("task", Kind::Text),
        ("state", Kind::Text),
        ("next", Kind::Text),
        ("began", Kind::Text),
        ("ended", Kind::Text),
        ("done", Kind::Text),
        ("through", Kind::Text),
        ("runs", Kind::Figure),
        ("failures", Kind::Figure),
        ("lost", Kind::Figure),
        ("holder", Kind::Text),
        ("error", Kind::Text),
    ];
    let mut listing = Listing::new(counted(Task::ALL.len(), "task"), &columns);
    let mut all_well = true;
    for task in Task::ALL {
        let known = tasks.rows.iter().find(|row| row.name == task.name());
        let new = TaskRow::new(task.name());
        let row = known.unwrap_or(&new);
        let (state, next, well) = standing(task, row, rules, zone, now);
        all_well &= well;
        listing.row(vec![
            row.name.clone(),
            state.to_owned(),
            next,
            instant(row.granted_at),
            instant(row.ended_at),
            instant(row.done_at),
            row.done_through.map(|day| day.to_string()).unwrap_or_default(),
            row.runs.to_string(),
            row.failures.to_string(),
            row.lost.to_string(),
            row.holder.clone().unwrap_or_default(),
            row.error.clone().unwrap_or_default(),
        ]);
    }
    listing.print(globals.format)?;
    Ok(match all_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    })
}

/// How a task stands in a word, when it is due, and whether that is as it should be.
fn standing(
    task: Task,
    row: &TaskRow,
    rules: &WorkerRules,
    zone: chrono_tz::Tz,
    now: DateTime<Utc>,
) -> (&'static str, String, bool) {
    let Some(rhythm) = task.rhythm(rules) else {
        return ("off", String::new(), true);
    };
    let overdue = is_overdue(row, rhythm, zone, now);
    let well = row.failures == 0 && !overdue;
    if row.is_held(now) {
        return ("running", String::new(), well);
    }
    let next = match due(row, rhythm, zone, now) {
        Due::Now(_) => "now".to_owned(),
        Due::At(next) => instant(Some(next)),
    };
    let state = match (row.expires_at, row.failures, overdue) {
        (_, 1.., _) => "failed",
        (_, _, true) => "overdue",
        (Some(_), _, false) => "given up",
        (None, _, false) if row.token == 0 => "new",
        (None, _, false) => "done",
    };
    (state, next, well)
}

fn instant(at: Option<DateTime<Utc>>) -> String {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
        .unwrap_or_default()
}

fn failed(error: WorkerError) -> Failure {
    let hint = match &error {
        WorkerError::Store(error @ StoreError::ReadOnly) => error.hint(),
        WorkerError::Store(_) => Some("run it again: what was booked is recognised and not booked twice"),
        WorkerError::NoRules => Some("say under [worker] what is to run by itself, and apply those settings"),
    };
    Failure::new(error).maybe_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payout::file::BankFormat;
    use crate::settings::{BANK_FILE_FORMATS, REPORTS, STATEMENT_FORMATS};

    #[test]
    fn what_settings_may_name_is_there() {
        for name in REPORTS {
            let report = report_of(name, NaiveDate::default()).expect(name);
            assert_eq!(report.name(), name);
        }
        assert_eq!(BankFormat::ALL.map(BankFormat::name), BANK_FILE_FORMATS);
        assert_eq!(
            crate::bank::format::Format::ALL.map(|format| format.name()),
            STATEMENT_FORMATS
        );
    }

    #[test]
    fn a_lease_has_a_unit() {
        for (text, milliseconds) in [("60s", Some(60_000)), ("250ms", Some(250)), ("5m", Some(300_000))] {
            assert_eq!(
                duration(text).ok().map(|lease| lease.as_millis()),
                milliseconds,
                "{text}"
            );
        }
        for text in ["", "60", "s", "1.5s", "99ms", "61m", "-1s", "1h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
