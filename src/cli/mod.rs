//! The command line: one file a command, the only user of clap and of standard output.
//!
//! A command returns an exit code or a [`Failure`], which `main` prints once: what, where, and a hint.

pub mod adjust;
pub mod advance;
pub mod audit;
mod bank;
pub mod breaks;
pub mod calendar;
pub mod db;
pub mod dispute;
pub mod doctor;
pub mod expire;
pub mod fees;
pub mod files;
pub mod hold;
pub mod invoice;
pub mod loss;
pub mod matches;
pub mod merchant;
pub mod output;
pub mod payout;
pub mod period;
pub mod reconcile;
pub mod record;
pub mod release;
pub mod report;
pub mod settings;
pub mod simulate;
pub mod velocity;
pub mod worker;

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::dates::day_in;
use crate::ids::SYSTEM;
use crate::store::settings::Deployment;
use crate::store::{ConnectError, Store, Target};
use output::Format;

/// A ledger-first settlement engine: record payments, reconcile acquirer files, pay merchants, prove all of it.
///
/// Without DATABASE_URL a private PostgreSQL is started from the server binaries on this machine. `reconcile`, `reconcile undo`,
/// `bank load`, `bank match`, `bank unmatch`, `files release`, `release`, `expire`, `advance`, `hold place`, `hold release`,
/// `invoice book`, `invoice pay`, `loss approve`, `adjust approve`, `breaks resolve`, `breaks approve`, `breaks reopen`,
/// `match confirm`, `match undo`, `payout instruct`, `payout return`, `fees close` and `period close` show a plan and write
/// nothing, unless they are run with --execute.
#[derive(Debug, Parser)]
#[command(name = "acquit", version, max_term_width = 100)]
pub struct Cli {
    /// How lists are printed.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    /// Where the private PostgreSQL keeps its data [default: the platform's data directory].
    #[arg(long, global = true, env = "ACQUIT_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// What all commands share. Not `Debug`: a database URL holds a password.
pub struct Globals {
    /// How lists are printed.
    pub format: Format,
    /// DATABASE_URL. Never an argument: other users see arguments.
    pub database_url: Option<String>,
    /// The data directory of the private PostgreSQL, where one was named.
    pub data: Option<PathBuf>,
}

// A variant of arguments has no comment here: it would take the place of the long help that stands on the arguments.
#[derive(Debug, Subcommand)]
enum Command {
    /// Check, apply and show the settings: merchants, acquirers, fees, payouts.
    #[command(subcommand)]
    Settings(settings::Command),
    /// Import, list and show calendars: on which days banks are open.
    #[command(subcommand)]
    Calendar(calendar::Command),
    /// List and show merchants: their state, whether they are paid, what they are owed.
    #[command(subcommand)]
    Merchant(merchant::Command),
    Record(record::Args),
    Reconcile(Box<reconcile::Args>),
    /// Load bank statements: prove them, match what acquirers pay and what became of payouts, book them; list and show them.
    #[command(subcommand)]
    Bank(bank::Command),
    /// List and show settlement files; release or reject those in quarantine.
    #[command(subcommand)]
    Files(files::Command),
    Release(release::Args),
    Expire(expire::Args),
    Advance(advance::Args),
    /// Set available money of merchants aside with a reason, and make it available again.
    #[command(subcommand)]
    Hold(hold::Command),
    /// Book and list invoices of acquirers that settle in full, hold them to the contract, book that they are paid.
    #[command(subcommand)]
    Invoice(invoice::Command),
    /// Give up what merchants owe and cannot pay, by two people; book what comes back of it.
    #[command(subcommand)]
    Loss(loss::Command),
    /// Credit merchants or charge them, by two people, for a reason that nothing else books.
    #[command(subcommand)]
    Adjust(adjust::Command),
    /// List disputes: where each case stands, and until when it can be answered.
    #[command(subcommand)]
    Dispute(dispute::Command),
    /// Work on breaks, sources that should agree and do not: list, assign, resolve, approve, open again.
    #[command(subcommand)]
    Breaks(breaks::Command),
    /// Explain what a settlement line was matched with; match by hand what no pass matched.
    #[command(subcommand)]
    Match(matches::Command),
    /// List what velocity rules and monthly limits decided.
    #[command(subcommand)]
    Velocity(velocity::Command),
    /// Pay merchants: plan, approve, instruct, confirm.
    #[command(subcommand)]
    Payout(payout::Command),
    /// Explain what a payment was charged; top merchants up to their monthly minimum.
    #[command(subcommand)]
    Fees(fees::Command),
    Report(report::Args),
    /// Close periods: what is booked up to a day stays as it is.
    #[command(subcommand)]
    Period(period::Command),
    Audit(audit::Args),
    Worker(worker::Args),
    Simulate(simulate::SimulateArgs),
    Db(db::Args),
    Doctor(doctor::Args),
}

/// Runs the program: reads the arguments, runs the command, prints a failure once.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return shown_usage(&usage),
    };
    log(if let Command::Worker(args) = &cli.command {
        args.log()
    } else {
        None
    });
    let outcome = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(Failure::new(error)),
    };
    outcome.unwrap_or_else(|failure| {
        if failure.is_broken_pipe() {
            // The reader of our output has seen enough; that is no failure of ours to tell.
            return ExitCode::FAILURE;
        }
        eprintln!("{failure}");
        ExitCode::FAILURE
    })
}

/// Begins the log on standard error: of a worker what it does, of any other command what it warns of.
fn log(worker: Option<worker::LogForm>) {
    let usual = match worker {
        Some(_) => "warn,acquit=info",
        None => "warn",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| usual.into());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Masked(std::io::stderr()));
    match worker {
        Some(worker::LogForm::Json) => log.json().flatten_event(true).init(),
        Some(worker::LogForm::Text) | None => log.init(),
    }
}

/// Standard error without card numbers: a line of the log comes in one piece, and may repeat the name of a file.
struct Masked(std::io::Stderr);

impl Write for Masked {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(crate::card_number::mask(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Help and versions are successes. A command that cannot be read did nothing, which is exit code 1 as everywhere; clap's 2
/// would say that something was done and something is left to look at.
fn shown_usage(usage: &clap::Error) -> ExitCode {
    if usage.print().is_err() || usage.use_stderr() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

async fn run(cli: Cli) -> Outcome {
    let globals = &Globals {
        format: cli.format,
        database_url: std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()),
        data: cli.data,
    };
    match cli.command {
        Command::Settings(command) => settings::run(command, globals).await,
        Command::Calendar(command) => calendar::run(command, globals).await,
        Command::Merchant(command) => merchant::run(command, globals).await,
        Command::Record(args) => record::run(args, globals).await,
        Command::Reconcile(args) => reconcile::run(*args, globals).await,
        Command::Bank(command) => bank::run(command, globals).await,
        Command::Files(command) => files::run(command, globals).await,
        Command::Release(args) => release::run(args, globals).await,
        Command::Expire(args) => expire::run(args, globals).await,
        Command::Advance(args) => advance::run(args, globals).await,
        Command::Hold(command) => hold::run(command, globals).await,
        Command::Invoice(command) => invoice::run(command, globals).await,
        Command::Loss(command) => loss::run(command, globals).await,
        Command::Adjust(command) => adjust::run(command, globals).await,
        Command::Dispute(command) => dispute::run(command, globals).await,
        Command::Breaks(command) => breaks::run(command, globals).await,
        Command::Match(command) => matches::run(command, globals).await,
        Command::Velocity(command) => velocity::run(command, globals).await,
        Command::Payout(command) => payout::run(command, globals).await,
        Command::Fees(command) => fees::run(command, globals).await,
        Command::Report(args) => report::run(args, globals).await,
        Command::Period(command) => period::run(command, globals).await,
        Command::Audit(args) => audit::run(args, globals).await,
        Command::Worker(args) => worker::run(args, globals).await,
        Command::Db(args) => db::run(args, globals).await,
        Command::Doctor(args) => doctor::run(args, globals).await,
        Command::Simulate(args) => simulate::run(args).map(|()| ExitCode::SUCCESS).map_err(Failure::new),
    }
}

impl Globals {
    /// The database that the environment names, or the private one, which is started.
    pub async fn target(&self) -> Result<Target, Failure> {
        Target::from_environment(self.database_url.clone(), self.data.clone())
            .await
            .map_err(Failure::connect)
    }

    /// That database, its schema brought up to date.
    pub async fn store(&self) -> Result<Store, Failure> {
        Store::open(&self.target().await?).await.map_err(Failure::connect)
    }
}

/// The deployment, which needs settings.
async fn deployment(store: &Store) -> Result<Deployment, Failure> {
    let deployment = store.deployment().await.map_err(stored)?;
    if deployment.latest().is_none() {
        return Err(Failure::new("no settings were applied yet").hint("run `acquit settings apply FILE`"));
    }
    Ok(deployment)
}

/// The only clock of the program.
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Which day it is where the house is.
fn today(deployment: &Deployment) -> NaiveDate {
    day_in(now(), deployment.time_zone())
}

/// The day that a command is to act on, today's where none is named. What has not come yet can be looked at and not acted on.
fn day_to_act(deployment: &Deployment, on: Option<NaiveDate>, execute: bool) -> Result<NaiveDate, Failure> {
    let today = today(deployment);
    match on {
        Some(day) if execute && day > today => Err(Failure::new(format!(
            "{day} has not come yet: without --execute it shows what will be due then"
        ))),
        Some(day) => Ok(day),
        None => Ok(today),
    }
}

/// A text that is kept: a name, a reference, a reason.
fn kept_text(field: &str, text: String) -> Result<String, Failure> {
    crate::ids::check_reference(&text).map_err(|error| Failure::new(format!("{field} {error}")))?;
    Ok(text)
}

/// Who does something, in `--by`: what is done by rule has a name of its own, which nobody else has.
fn person(by: String) -> Result<String, Failure> {
    if by == SYSTEM {
        return Err(Failure::new(format!(
            "--by {by}: that stands for what acquit does by rule; name a person or a program"
        )));
    }
    kept_text("--by", by)
}

/// Days that are asked for are some: where the first is after the last nothing would be found, and nothing said.
fn in_order(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Result<(), Failure> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(Failure::new(format!(
            "--from {from} is after --to {to}: no day is in between"
        ))),
        _ => Ok(()),
    }
}

/// What a title says of a plan, or of what was done.
fn plan_or(done: &str, execute: bool) -> String {
    if execute {
        done.to_owned()
    } else {
        "plan, nothing was booked; run again with --execute to book it".to_owned()
    }
}

/// A count that grows while a command works.
fn progress_bar(template: &str, message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        .with_message(message.to_owned())
}

/// A failure of the store with its hint.
fn stored(error: crate::store::StoreError) -> Failure {
    let hint = error.hint();
    Failure::new(error).maybe_hint(hint)
}

/// What a command comes to.
pub type Outcome = Result<ExitCode, Failure>;

/// An error on its way to a person, with what they can do about it.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            error: error.into(),
            hint: None,
        }
    }

    /// What could not be done, and why.
    pub fn because(what: impl Into<String>, why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Because {
            what: what.into(),
            why: why.into(),
        })
    }

    fn is_broken_pipe(&self) -> bool {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&*self.error);
        while let Some(error) = cause {
            if error
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
            {
                return true;
            }
            cause = error.source();
        }
        false
    }

    /// A database that could not be opened.
    pub fn connect(error: ConnectError) -> Self {
        let hint = error.hint();
        Self::new(error).maybe_hint(hint)
    }

    /// The same with a hint: what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint, where there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("error: {}", self.error);
        let mut cause = self.error.source();
        while let Some(error) = cause {
            text.push_str(&format!("\n  because: {error}"));
            cause = error.source();
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\nhint: {hint}"));
        }
        // An error repeats what it was given, a path for one: the last place to see that no card number leaves.
        f.write_str(&crate::card_number::mask(&text))
    }
}

/// What could not be done, above its cause.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Because {
    what: String,
    #[source]
    why: Box<dyn Error + Send + Sync>,
}

/// So many of something: `1 payout`, `2 payouts`.
fn counted(count: impl fmt::Display, noun: &str) -> String {
    let count = count.to_string();
    let plural = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Refuses to write rejects in the place of what is read.
fn is_not_input(rejects: &Path, input: &Path) -> Result<(), Failure> {
    if crate::whole_file::is_one(rejects, input) {
        let name = shown(rejects);
        return Err(Failure::new(format!("--rejects {name} is the file that is read")).hint("name another file"));
    }
    Ok(())
}

/// A path as it may be shown: card numbers masked.
fn shown(path: &Path) -> String {
    crate::card_number::mask(&path.display().to_string()).into_owned()
}
