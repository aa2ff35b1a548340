//! The worker: tasks that take no input, each run by one worker at a time, by any number of workers.
//!
//! 1. Look how every task stands, and what time it is in the database.
//! 2. Take the first task in the order of [`Task::ALL`] that is due and that nobody has; none while somebody is at one before
//!    it, whose work it builds on.
//! 3. Be granted it (`store::worker`), unless somebody else was meanwhile; end the sessions that an earlier grant left open.
//! 4. Run it, through a store whose every COMMIT proves that the grant stands, and renew the grant meanwhile.
//! 5. Write down what became of it. A task that failed waits, longer each time, and runs again; it never ends the worker.
//!
//! What a task does is what its command does, by the same call. Each looks at what is there: the inbox, the settings of today, the
//! days it was not done for. So a run that was killed half-way, or ran twice, comes to what one run comes to.
//!
//! There is no clock here: instants are the database's, but for the age of files, which is the file system's.

pub mod due;
pub mod figures;
mod inbox;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;

pub use self::due::Task;
use self::due::{Due, Rhythm, due, due_once};
pub use self::figures::Figures;
use crate::card_number::mask;
use crate::dates::day_in;
use crate::money::Currency;
use crate::settings::{InstructRule, ReportRule, Settings, WorkerRules};
use crate::store::payout::{Instruct, Instructed, PayoutError};
use crate::store::release::ReleaseError;
use crate::store::report::breaks_aging;
use crate::store::settings::Deployment;
use crate::store::snapshot::Snapshot;
use crate::store::worker::{Grant, Known, TaskRow};
use crate::store::{Store, StoreError};

/// How long a task is granted for, unless it is renewed.
pub const LEASE: Duration = Duration::from_secs(60);
/// How long a run may take: renewed no longer, it is given up.
const LONGEST_RUN: Duration = Duration::from_secs(4 * 60 * 60);
/// How long a worker with nothing to do sleeps at most: settings may change meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// The shortest, so that nothing is asked again and again.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);
/// How long it waits at first when the database is not there; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How much is kept of what was wrong with a run.
const ERROR_LIMIT: usize = 2_000;
/// For so many days a report that did not prove its day is written again: what was missing then may come.
const WRITTEN_AGAIN: u64 = 14;

/// Writes a report of a day into a directory, and says how what it proves stands: what it prints is the command line's business.
pub type WriteReport = for<'a> fn(
    &'a Store,
    &'a str,
    NaiveDate,
    &'a Path,
) -> LocalBoxFuture<'a, Result<Vec<Standing>, Box<dyn Error + Send + Sync>>>;

/// Whether the report of this name that was written into a directory did not prove its day.
pub type IsUnproven = fn(&str, &Path) -> bool;

/// How something stands that a report of a day proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it is: an identity, a file, a statement.
    pub what: String,
    /// The acquirer or bank account; empty where it is of none.
    pub of: String,
    /// The currency; empty where it has none.
    pub currency: String,
    /// How it stands, in a word.
    pub state: &'static str,
    /// Whether nobody has to act.
    pub is_proven: bool,
    /// Why somebody has.
    pub why: String,
}

/// A worker.
pub struct Worker {
    /// Where it works.
    pub store: Store,
    /// What it is called: which process on which machine.
    pub holder: String,
    /// For how long it is granted a task.
    pub lease: Duration,
    /// Whether it ends when all that is due has run.
    pub once: bool,
    /// The clock of the file system.
    pub clock: fn() -> DateTime<Utc>,
    /// Writes reports.
    pub write_report: WriteReport,
    /// Knows which of them are to be written again.
    pub is_unproven: IsUnproven,
    /// What it counts.
    pub figures: Arc<Figures>,
    /// Becomes true when it is to stop; then the task that runs is finished, and no other one begun.
    pub stop: watch::Receiver<bool>,
}

/// Why a worker ended, or what a look at the tasks came to nothing for.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Settings say nothing of a worker.
    #[error("the settings in force today have no [worker]")]
    NoRules,
}

/// Why a run of a task failed.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Payout(#[from] PayoutError),
    #[error("no settings are in force today")]
    NoSettings,
    /// What it could not do; all else is done.
    #[error("{}", .0.join("; "))]
    Some(Vec<String>),
    #[error("it ran for more than {} seconds and was given up", LONGEST_RUN.as_secs())]
    TooLong,
    #[error("it panicked: a fault of the program")]
    Panicked,
}

impl TaskError {
    fn of(failures: Vec<String>) -> Result<(), Self> {
        if failures.is_empty() {
            Ok(())
        } else {
            Err(Self::Some(failures))
        }
    }
}

/// An error and its causes in one line, card numbers masked.
fn said(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    mask(&text).chars().take(ERROR_LIMIT).collect()
}

/// Whether a run cannot go on after this error, or only what met it cannot.
fn stops(error: &StoreError) -> bool {
    match error {
        StoreError::Lost { .. } | StoreError::ReadOnly | StoreError::LeaseLost => true,
        // What was ended by whoever has the task now is told as a refusal, or as a lost connection.
        StoreError::Refused { code, .. } => code.starts_with("57P"),
        StoreError::Aborted | StoreError::Unreadable(_) | StoreError::TooLarge(_) => false,
    }
}

/// One run of a task.
struct Run<'a> {
    /// Fenced by the grant.
    store: Store,
    deployment: &'a Deployment,
    figures: &'a Figures,
    clock: fn() -> DateTime<Utc>,
    stop: &'a watch::Receiver<bool>,
    write_report: WriteReport,
    is_unproven: IsUnproven,
    /// When the task was granted.
    now: DateTime<Utc>,
    /// The days that a daily task is to be done for.
    days: &'a [NaiveDate],
}

impl Run<'_> {
    /// Which day it is where the house is.
    fn today(&self) -> NaiveDate {
        day_in(self.now, self.deployment.time_zone())
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }
}

/// What a look at the tasks came to.
enum Step {
    /// A task ran.
    Ran,
    /// Nothing is due for so long.
    Wait(Duration),
    /// Everything that was due has run, here or elsewhere.
    Finished,
}

/// What a worker remembers from one look to the next.
#[derive(Default)]
struct Memory {
    /// The deployment as of so many versions.
    deployment: Option<(Known, Deployment)>,
    /// When it began, by the database's clock.
    since: Option<DateTime<Utc>>,
    /// What it has run, where it runs everything once.
    ran: BTreeSet<Task>,
    made: bool,
}

impl Worker {
    /// Works until it is told to stop, or until all is done that is due.
    ///
    /// Errors: of a worker that runs once, any of the database; of others only what waiting does not mend.
    pub async fn run(&mut self) -> Result<(), WorkerError> {
        self.figures.tasks(Task::ALL.map(Task::name));
        let mut memory = Memory::default();
        let mut pause = FIRST_PAUSE;
        while !*self.stop.borrow() {
            let wait = match self.step(&mut memory).await {
                Ok(Step::Ran) => {
                    pause = FIRST_PAUSE;
                    continue;
                }
                Ok(Step::Finished) => return Ok(()),
                Ok(Step::Wait(wait)) => {
                    pause = FIRST_PAUSE;
                    wait
                }
                Err(error @ WorkerError::Store(StoreError::ReadOnly)) => return Err(error),
                Err(error) if self.once => return Err(error),
                Err(error) => {
                    let milliseconds = pause.as_millis();
                    tracing::error!(
                        error = said(&error),
                        milliseconds,
                        "nothing can be done now; tries again"
                    );
                    let wait = pause;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                    wait
                }
            };
            self.sleep(wait).await;
        }
        tracing::info!("stops: it was told to");
        Ok(())
    }

    async fn sleep(&mut self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Whoever could tell us to stop is gone: then nobody does.
            changed = self.stop.changed() => if changed.is_err() {
                tokio::time::sleep(wait).await;
            },
        }
    }

    async fn step(&self, memory: &mut Memory) -> Result<Step, WorkerError> {
        if !memory.made {
            self.store.create_tasks(&Task::ALL.map(Task::name)).await?;
            memory.made = true;
        }
        let tasks = self.store.tasks().await?;
        let missing = || StoreError::Unreadable("no tasks".to_owned());
        let now = tasks.now.ok_or_else(missing)?;
        let since = *memory.since.get_or_insert(now);
        let known = self.store.known().await?;
        if memory.deployment.as_ref().is_none_or(|(before, _)| *before != known) {
            memory.deployment = Some((known, self.store.deployment().await?));
        }
        let Some((_, deployment)) = &memory.deployment else {
            return Err(missing().into());
        };
        let zone = deployment.time_zone();
        let settings = deployment.in_force(day_in(now, zone));
        let rules = settings.and_then(|settings| settings.worker.as_ref());
        let rules = rules.ok_or(WorkerError::NoRules)?;
        let mut sleep = LONGEST_SLEEP;
        for task in Task::ALL {
            let row = tasks.rows.iter().find(|row| row.name == task.name());
            let row = row.ok_or_else(missing)?;
            if row.is_held(now) {
                // It is looked at again soon: whoever has it may be done before its lease ends.
                return Ok(Step::Wait(
                    part(self.lease, 4).clamp(SHORTEST_SLEEP, Duration::from_secs(1)),
                ));
            }
            let Some(rhythm) = task.rhythm(rules) else { continue };
            let is_due = match self.once {
                false => due(row, rhythm, zone, now),
                true if memory.ran.contains(&task) => continue,
                true => due_once(row, rhythm, zone, since, now),
            };
            match is_due {
                Due::At(_) if self.once => {}
                Due::At(next) => {
                    let wait = next.signed_duration_since(now).to_std().unwrap_or_default();
                    sleep = sleep.min(wait);
                }
                Due::Now(days) => {
                    let Some(grant) = self.granted(task, row).await? else {
                        // Somebody else was faster.
                        return Ok(Step::Wait(SHORTEST_SLEEP));
                    };
                    self.run_task(task, rhythm, &grant, deployment, &days).await?;
                    memory.ran.insert(task);
                    return Ok(Step::Ran);
                }
            }
        }
        Ok(if self.once {
            Step::Finished
        } else {
            Step::Wait(sleep.max(SHORTEST_SLEEP))
        })
    }

    fn milliseconds(&self) -> i64 {
        i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX)
    }

    async fn granted(&self, task: Task, row: &TaskRow) -> Result<Option<Grant>, StoreError> {
        let milliseconds = self.milliseconds();
        let grant = self
            .store
            .grant(task.name(), row.token, &self.holder, milliseconds)
            .await?;
        let Some(grant) = grant else {
            return Ok(None);
        };
        let (name, token) = (grant.task, grant.token);
        if row.expires_at.is_some() {
            let before = row.holder.as_deref().unwrap_or_default();
            tracing::warn!(task = name, token, before, "takes the task over: its lease had run out");
            match self.store.end_stale_sessions(&grant).await {
                Ok(0) => {}
                Ok(ended) => tracing::warn!(task = name, token, ended, "ended sessions of earlier grants"),
                // They commit nothing; but what they have locked may have to be waited for.
                Err(error) => tracing::warn!(
                    task = name,
                    token,
                    error = said(&error),
                    "sessions of earlier grants cannot be ended"
                ),
            }
        }
        Ok(Some(grant))
    }

    async fn run_task(
        &self,
        task: Task,
        rhythm: Rhythm,
        grant: &Grant,
        deployment: &Deployment,
        days: &[NaiveDate],
    ) -> Result<(), StoreError> {
        let (name, token) = (grant.task, grant.token);
        tracing::info!(task = name, token, "began");
        let renewing = tokio::spawn(renew(self.store.clone(), grant.clone(), self.lease));
        let run = Run {
            store: self.store.fenced(grant),
            deployment,
            figures: &self.figures,
            clock: self.clock,
            stop: &self.stop,
            write_report: self.write_report,
            is_unproven: self.is_unproven,
            now: grant.now,
            days,
        };
        let work = AssertUnwindSafe(perform(task, &run)).catch_unwind();
        let result = match tokio::time::timeout(LONGEST_RUN, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(TaskError::Panicked),
            Err(_) => Err(TaskError::TooLong),
        };
        renewing.abort();
        let error = result.err().map(|error| said(&error));
        let through = match rhythm {
            Rhythm::Daily(_) if error.is_none() => days.last().copied(),
            Rhythm::Daily(_) | Rhythm::Every(_) => None,
        };
        let Some(milliseconds) = self.store.end_run(grant, error.as_deref(), through).await? else {
            self.figures.lost(name);
            let error = error.unwrap_or_else(|| "its work was done".to_owned());
            tracing::warn!(task = name, token, error, "lease lost: another worker has the task");
            return Ok(());
        };
        let done_at = error.is_none().then(|| {
            let ended = grant.now.timestamp_millis();
            ended.saturating_add(milliseconds)
        });
        self.figures.ran(name, milliseconds, done_at);
        match error {
            None => tracing::info!(task = name, token, milliseconds, "done"),
            Some(error) => tracing::error!(task = name, token, milliseconds, error, "failed"),
        }
        if let Err(error) = self.count_open(deployment, grant.now).await {
            tracing::warn!(error = said(&error), "what is open was not counted");
        }
        Ok(())
    }

    /// Counts what waits for people: breaks, bank accounts that payouts came back from.
    async fn count_open(&self, deployment: &Deployment, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut snapshot = Snapshot::open(&self.store).await?;
        let rows = breaks_aging(&mut snapshot).await?;
        snapshot.close().await;
        let mut breaks: BTreeMap<String, i64> = BTreeMap::new();
        for row in rows {
            let count = breaks.entry(row.class).or_default();
            *count = count.saturating_add(row.breaks);
        }
        self.figures.breaks(breaks);
        let today = day_in(now, deployment.time_zone());
        let mut unpaid: BTreeMap<String, u64> = BTreeMap::new();
        for returned in self.store.unpaid_merchants(deployment, today).await?.into_values() {
            let count = unpaid.entry(returned.reason).or_default();
            *count = count.saturating_add(1);
        }
        self.figures.unpaid(unpaid);
        Ok(())
    }
}

/// One of so many parts of a time.
fn part(time: Duration, parts: u32) -> Duration {
    time.checked_div(parts).unwrap_or(time)
}

/// Renews a grant until it is over, or the run has ended.
async fn renew(store: Store, grant: Grant, lease: Duration) {
    let milliseconds = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    let (task, token) = (grant.task, grant.token);
    loop {
        tokio::time::sleep(part(lease, 3).max(Duration::from_millis(1))).await;
        match store.renew(&grant, milliseconds).await {
            Ok(true) => {}
            Ok(false) => {
                // The run goes on to its next COMMIT, which is refused.
                tracing::warn!(task, token, "lease lost: it was not renewed in time");
                return;
            }
            Err(error) => tracing::warn!(
                task,
                token,
                error = said(&error),
                "the lease was not renewed; tries again"
            ),
        }
    }
}

async fn perform(task: Task, run: &Run<'_>) -> Result<(), TaskError> {
    let today = day_in(run.now, run.deployment.time_zone());
    let settings: &Settings = run.deployment.in_force(today).ok_or(TaskError::NoSettings)?;
    let Some(rules) = &settings.worker else {
        return Ok(());
    };
    let name = task.name();
    match task {
        Task::Inbox => inbox::take_all(run, rules).await,
        Task::Expire => {
            for (currency, sum) in run.store.expire(run.deployment, run.now, &|_| {}).await? {
                let payments = sum.payments;
                tracing::info!(task = name, %currency, payments, "authorizations expired");
            }
            Ok(())
        }
        Task::Release => {
            let Some(day) = run.days.last() else { return Ok(()) };
            for ((what, currency), sum) in run.store.release(run.deployment, *day, &|_| {}).await? {
                let (what, merchants) = (what.name(), sum.entries);
                tracing::info!(task = name, what, %currency, merchants, "released");
            }
            Ok(())
        }
        Task::Payouts => plan(run, rules).await,
        Task::Instruct => instruct(run, rules, today).await,
        Task::Reports => report(run, rules).await,
    }
}

/// Plans the payouts of the cut-offs that have come. Somebody else approves them.
async fn plan(run: &Run<'_>, rules: &WorkerRules) -> Result<(), TaskError> {
    for cutoff in run.days {
        let planned = run.store.plan_payouts(run.deployment, *cutoff, &rules.planner).await?;
        let (payouts, carried) = (planned.payouts.len(), planned.carried.len());
        let waiting_for = planned.run.map_or(0, |run| run.missing);
        tracing::info!(task = "payouts", %cutoff, payouts, carried, waiting_for, "payouts planned");
    }
    let Some(last) = run.days.last() else { return Ok(()) };
    for (merchant, returned) in run.store.unpaid_merchants(run.deployment, *last).await? {
        tracing::warn!(
            task = "payouts",
            merchant,
            on = %returned.on,
            reason = returned.reason,
            "not paid: a payout came back from its bank account, which is to be corrected in the settings"
        );
    }
    Ok(())
}

/// Instructs what is approved, cut-off by cut-off; one that cannot be is in no other's way.
async fn instruct(run: &Run<'_>, rules: &WorkerRules, today: NaiveDate) -> Result<(), TaskError> {
    let Some(rule) = &rules.instruct else {
        return Ok(());
    };
    let mut failures = Vec::new();
    let Ok(format) = rule.format.parse() else {
        return TaskError::of(vec![format!("`{}` is no format of bank files", rule.format)]);
    };
    if !rule.directory.is_dir() {
        // Else everything would be posted first, and nothing written.
        let directory = rule.directory.display();
        return TaskError::of(vec![format!("bank files go to {directory}, which is no directory")]);
    }
    for cutoff in run.store.cutoffs_to_instruct(today).await? {
        let all = Instruct {
            cutoff,
            day: today,
            today,
            format,
            currency: None,
            // What one payout has wrong is not in the way of the others.
            leave_out: true,
            // Who gives them to the bank moves files away, and may say that they were sent later, or never.
            again: false,
        };
        for what in by_currency(run, rule, all).await? {
            match run.store.instruct_payouts(run.deployment, what, &rule.directory).await {
                Ok(done) => {
                    instructed(cutoff, &done);
                    failures.extend(done.left_out.iter().map(|left_out| {
                        let id = &left_out.payout.end_to_end_id;
                        format!(
                            "cut-off {cutoff}: {id} is left out of the bank file: {}",
                            left_out.reason
                        )
                    }));
                }
                Err(PayoutError::Store(error)) if stops(&error) => return Err(error.into()),
                Err(error) => failures.push(format!("cut-off {cutoff}: {}", said(&error))),
            }
        }
    }
    TaskError::of(failures)
}

/// Logs what instructing a cut-off came to.
fn instructed(cutoff: NaiveDate, done: &Instructed) {
    for cancelled in &done.cancelled {
        let (payout, reason) = (&cancelled.payout, cancelled.reason.to_string());
        tracing::warn!(
            task = "instruct",
            %cutoff,
            merchant = payout.merchant,
            amount = %payout.money,
            reason,
            "payout cancelled: its money stays with the merchant"
        );
    }
    let (posted, cancelled, files) = (done.posted.len(), done.cancelled.len(), done.files.len());
    tracing::info!(task = "instruct", %cutoff, posted, cancelled, files, "payouts instructed");
    for file in &done.lost {
        tracing::warn!(
            task = "instruct",
            %cutoff,
            file = %file.display(),
            "a bank file that was written is not there, and was not said to be sent; if it is lost, `acquit payout instruct \
             --cutoff {cutoff} --out DIR --execute` writes it again"
        );
    }
}

/// What is instructed of a cut-off: all in one file, or, where a currency has a format of its own, currency by currency.
async fn by_currency(run: &Run<'_>, rule: &InstructRule, all: Instruct) -> Result<Vec<Instruct>, TaskError> {
    if rule.by_currency.is_empty() {
        return Ok(vec![all]);
    }
    let approved = run.store.payouts(Some(all.cutoff), Some("approved")).await?;
    let mut currencies: BTreeSet<Currency> = approved.iter().map(|payout| payout.money.currency()).collect();
    // What a crash left unwritten is written even where nothing is approved: with any of them.
    currencies.extend(rule.by_currency.keys().take(1));
    let of = |currency| Instruct {
        currency: Some(currency),
        ..all
    };
    let mut parts: Vec<Instruct> = currencies.into_iter().map(of).collect();
    for part in &mut parts {
        let own = part.currency.and_then(|currency| rule.by_currency.get(&currency));
        if let Some(own) = own {
            let Ok(format) = own.parse() else {
                return TaskError::of(vec![format!("`{own}` is no format of bank files")]).map(|()| Vec::new());
            };
            part.format = format;
        }
    }
    Ok(parts)
}

/// Writes the reports of the day before each of the days; and again those of earlier days that did not prove what they should: a
/// weekend is proven by the statement of the Monday.
async fn report(run: &Run<'_>, rules: &WorkerRules) -> Result<(), TaskError> {
    let mut failures = Vec::new();
    let days: Vec<NaiveDate> = run.days.iter().filter_map(NaiveDate::pred_opt).collect();
    let first = days.first().copied();
    let earlier = (1..=WRITTEN_AGAIN).rev();
    for day in earlier.filter_map(|back| first?.checked_sub_days(Days::new(back))) {
        for rule in &rules.reports {
            if (run.is_unproven)(&rule.name, &directory_of(rule, day)) {
                failures.extend(write(run, rule, day).await.err());
            }
        }
    }
    for day in days {
        for rule in &rules.reports {
            failures.extend(write(run, rule, day).await.err());
        }
    }
    TaskError::of(failures)
}

fn directory_of(rule: &ReportRule, day: NaiveDate) -> PathBuf {
    rule.directory.join(day.to_string())
}

/// Writes one report, and warns of what it does not prove.
async fn write(run: &Run<'_>, rule: &ReportRule, day: NaiveDate) -> Result<(), String> {
    let directory = directory_of(rule, day);
    let written = (run.write_report)(&run.store, &rule.name, day, &directory).await;
    let standings = written.map_err(|error| format!("{} of {day}: {}", rule.name, said(&*error)))?;
    tracing::info!(task = "reports", report = rule.name, %day, "report written");
    for unproven in standings.iter().filter(|standing| !standing.is_proven) {
        tracing::warn!(
            task = "reports",
            report = rule.name,
            %day,
            what = unproven.what,
            of = unproven.of,
            currency = unproven.currency,
            state = unproven.state,
            why = unproven.why,
            "not proven"
        );
    }
    run.figures.proven(&rule.name, day, &standings);
    Ok(())
}
