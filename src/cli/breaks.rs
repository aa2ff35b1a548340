//! `acquit breaks`: what reconciliation found, and the desk where people resolve it.

pub(super) mod lists;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::NaiveDate;

pub(super) use self::lists::waits;
use self::lists::{Told, approved, resolved};
use super::report::calendar_of;
use super::{Failure, Globals, Outcome, counted, day_to_act, kept_text, person, stored};
use crate::calendar::BusinessDays;
use crate::ids::is_invisible;
use crate::money::{Currency, Money};
use crate::recon::breaks::BreakClass;
use crate::recon::desk::Reason;
use crate::store::Store;
use crate::store::breaks::{DeskError, Filter, Request, Said};
use crate::store::settings::Deployment;
use crate::store::source::Digesting;

/// The longest note, in bytes.
const NOTE_LIMIT: usize = 2_000;
/// The fewest digits by which a plan is named.
const PLAN_DIGITS: usize = 12;

/// What to do with breaks.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List breaks that are not resolved, oldest first.
    List {
        /// Which.
        #[command(flatten)]
        which: Which,
        /// List resolved ones as well.
        #[arg(long, conflicts_with = "state")]
        all: bool,
    },
    /// Show one break: both sides, its money, its line as it came, every step, what was booked.
    Show {
        /// The number that `list` gives.
        id: i64,
    },
    /// Give breaks to somebody, who investigates them.
    Assign {
        /// The numbers that `list` gives.
        #[arg(required = true)]
        ids: Vec<i64>,
        /// To whom.
        #[arg(long, value_name = "NAME")]
        to: String,
        /// Who, why, and what shows it.
        #[command(flatten)]
        word: Word,
    },
    /// Write a note about breaks; an open one is investigated from then on.
    Note {
        /// The numbers that `list` gives.
        #[arg(required = true)]
        ids: Vec<i64>,
        /// Who, what, and what shows it.
        #[command(flatten)]
        word: Word,
    },
    #[allow(
        missing_docs,
        reason = "a comment here would take the place of the help on the arguments"
    )]
    Resolve(Box<ResolveArgs>),
    /// Approve what somebody else proposed; the last approval that is needed books it.
    ///
    /// What is approved is what was shown, to the minor unit: where it would book anything else by now, it is void and has to be
    /// proposed again. Without --execute only the plan is shown.
    Approve {
        /// The digest that `resolve` gives, or its beginning.
        #[arg(value_name = "DIGEST")]
        plan: String,
        /// Who, why, and what shows it.
        #[command(flatten)]
        word: Word,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Approve it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// Open resolved breaks again: every entry that resolved them is reversed.
    ///
    /// An item that was closed is open again, and what was withheld of it leaves the reserve. Breaks that were set off against
    /// each other are opened together; a match is undone as a match. Without --execute only the plan is shown.
    Reopen {
        /// The numbers that `list` gives.
        #[arg(required = true)]
        ids: Vec<i64>,
        /// Who, why, and what shows it.
        #[command(flatten)]
        word: Word,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
}

/// Resolve breaks: say why, see what it books, book it or wait for approval.
///
/// By number, or all that fit: `--class FEE_MISMATCH --acquirer adyen --older-than 90`. The reason says what is booked. Of money
/// that is decided about, the sum per currency goes by the ladder of the settings: up to the tolerance it is booked at once, above
/// it one or two others approve it. Without --execute or --plan only the plan is shown, with its digest. Breaks that were chosen by
/// what fits are resolved with --plan DIGEST: where the set, or what a break holds, is another by then, nothing is done.
///
/// Reasons, by resolution:
///
/// - adjustment: belongs_to_merchant (proven to be a merchant's, to get or to bear), offsets (breaks that come to nothing together)
///
/// - write_off: uneconomic, claim_refused, claim_expired, unidentified
///
/// - recovery: paid_later (the money of a break that was written off, named by --recovers)
///
/// - timing: promised (a missing item that is awaited until --until), explained (understood, and nothing to book)
#[derive(Debug, clap::Args)]
pub struct ResolveArgs {
    /// The numbers that `list` gives.
    ids: Vec<i64>,
    #[command(flatten)]
    which: Which,
    /// Why.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: Reason,
    /// Whose money it is. Default: the merchant's of the break.
    #[arg(long, value_name = "MERCHANT")]
    merchant: Option<String>,
    /// The break that was written off, where its money came.
    #[arg(long, value_name = "ID")]
    recovers: Option<i64>,
    /// Until when a missing item is awaited; it is missing again after this day.
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,
    #[command(flatten)]
    word: Word,
    /// The booking date. Default: today.
    #[arg(long, value_name = "DATE")]
    on: Option<NaiveDate>,
    /// Resolve them. Without this, only the plan is shown.
    #[arg(long)]
    execute: bool,
    /// Resolve them, if the plan is still that of this digest, or of one that begins so.
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
}

/// Which breaks; every option narrows it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// Take only those of this class, like MISSING_IN_FILE.
    #[arg(long)]
    class: Option<String>,
    /// Take only those in this state: open, investigating or resolved.
    #[arg(long, value_parser = ["open", "investigating", "resolved"])]
    state: Option<String>,
    /// Take only those of this acquirer.
    #[arg(long)]
    acquirer: Option<String>,
    /// Take only those given to this person.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Take only those that were expected more than so many business days ago, as the report of their age counts.
    #[arg(long, value_name = "DAYS")]
    older_than: Option<u16>,
    /// Whose business days count. Default: the calendar of `[desk]` in the settings.
    #[arg(long, requires = "older_than")]
    calendar: Option<String>,
    /// Take only those with no less than this at stake, like 12.34.
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    minimum: Option<String>,
    /// In which currency.
    #[arg(long, requires = "minimum")]
    currency: Option<Currency>,
    /// Take only those with money in suspense.
    #[arg(long)]
    suspense: bool,
}

/// Who does something, why, and what shows it.
#[derive(Debug, Clone, clap::Args)]
pub struct Word {
    /// Who does it.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// In your words.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// A file that shows it. Its SHA-256 is kept, the file is not.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
}

/// The same, checked.
struct Checked {
    by: String,
    note: Option<String>,
    evidence: Option<[u8; 32]>,
}

impl Checked {
    fn said(&self) -> Said<'_> {
        Said {
            by: &self.by,
            note: self.note.as_deref(),
            evidence: self.evidence.as_ref().map(<[u8; 32]>::as_slice),
        }
    }
}

impl Word {
    fn checked(self) -> Result<Checked, Failure> {
        let by = person(self.by)?;
        let note = self.note.map(|text| note("--note", text)).transpose()?;
        let evidence = self.evidence.as_deref().map(digest_of).transpose()?;
        Ok(Checked { by, note, evidence })
    }

    /// The same, with a note.
    fn with_note(self) -> Result<Checked, Failure> {
        if self.note.is_none() {
            return Err(Failure::new("--note is missing").hint("say why: an auditor will ask"));
        }
        self.checked()
    }
}

/// A text that says why, and is kept.
pub(super) fn note(field: &str, text: String) -> Result<String, Failure> {
    let wrong = if text.trim().is_empty() {
        Some("is empty")
    } else if text.len() > NOTE_LIMIT {
        Some("is longer than 2000 bytes")
    } else if text.chars().any(is_invisible) {
        Some("holds a control or invisible character")
    } else if crate::card_number::is_in(&text) {
        Some("holds a card number; card numbers are never stored")
    } else {
        None
    };
    match wrong {
        Some(wrong) => Err(Failure::new(format!("{field} {wrong}"))),
        None => Ok(text),
    }
}

/// The SHA-256 of a file that shows something.
pub(super) fn digest_of(path: &Path) -> Result<[u8; 32], Failure> {
    let unread = |error: std::io::Error| Failure::because(format!("cannot read {}", super::shown(path)), error);
    let mut input = Digesting::new(File::open(path).map_err(unread)?);
    std::io::copy(&mut input, &mut std::io::sink()).map_err(unread)?;
    Ok(input.digest())
}

/// A reason by its name.
fn reason(name: &str) -> Result<Reason, String> {
    let by_hand = |reason: &Reason| {
        !matches!(
            reason,
            Reason::MatchedByHand | Reason::PaysBatches | Reason::ReportedLater
        )
    };
    Reason::from_name(name).filter(by_hand).ok_or_else(|| {
        let names: Vec<&str> = Reason::ALL
            .iter()
            .filter(|reason| by_hand(reason))
            .map(|reason| reason.name())
            .collect();
        format!("one of {}", names.join(", "))
    })
}

/// The bytes that the beginning of a digest stands for.
pub(super) fn plan_bytes(text: &str) -> Result<Vec<u8>, Failure> {
    let refused = || {
        Failure::new(format!(
            "`{}` is not a digest: write an even number of {PLAN_DIGITS} or more hexadecimal digits",
            crate::card_number::shorten(text, 80)
        ))
    };
    let digits = text.as_bytes();
    if digits.len() < PLAN_DIGITS || digits.len() > 64 || !digits.len().is_multiple_of(2) {
        return Err(refused());
    }
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|_| refused())?;
            let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(pair, 16).ok().filter(|_| is_hex).ok_or_else(refused)
        })
        .collect()
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::List { which, all } => list(&which, all, globals).await?,
        Command::Show { id } => lists::show(&globals.store().await?, id, globals.format).await?,
        Command::Assign { ids, to, word } => {
            let (to, word) = (kept_text("--to", to)?, word.checked()?);
            let store = globals.store().await?;
            let assigned = store
                .assign_breaks(&sorted(ids), &to, word.said())
                .await
                .map_err(failed)?;
            eprintln!("gave {} to {to}", counted(assigned, "break"));
        }
        Command::Note { ids, word } => {
            let word = word.with_note()?;
            let store = globals.store().await?;
            let noted = store.note_breaks(&sorted(ids), word.said()).await.map_err(failed)?;
            eprintln!("wrote {}", counted(noted, "note"));
        }
        Command::Resolve(args) => resolve(*args, globals).await?,
        Command::Approve {
            plan,
            word,
            on,
            execute,
        } => {
            let (plan, word) = (plan_bytes(&plan)?, word.checked()?);
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let day = day_to_act(&deployment, on, execute)?;
            let done = match execute {
                true => store.approve_breaks(&deployment, &plan, word.said(), day).await,
                false => store.plan_approval(&deployment, &plan, word.said(), day).await,
            };
            approved(&told(&store, globals), &done.map_err(failed)?, execute).await?;
        }
        Command::Reopen { ids, word, on, execute } => {
            reopen(sorted(ids), word.with_note()?, (on, execute), globals).await?
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn told<'a>(store: &'a Store, globals: &Globals) -> Told<'a> {
    Told {
        store,
        format: globals.format,
    }
}

fn sorted(mut ids: Vec<i64>) -> Vec<i64> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Which {
    fn is_any(&self) -> bool {
        self.class.is_some()
            || self.state.is_some()
            || self.acquirer.is_some()
            || self.owner.is_some()
            || self.older_than.is_some()
            || self.minimum.is_some()
            || self.suspense
    }

    /// The day before which a break that is older than so many business days was awaited.
    fn older_than(&self, days: u16, deployment: &Deployment) -> Result<NaiveDate, Failure> {
        let calendar = calendar_of(deployment, self.calendar.as_deref())?;
        let since = BusinessDays(&[calendar]).since(super::today(deployment), days);
        since.map_err(|error| {
            let hint = error.hint();
            Failure::new(error).hint(hint)
        })
    }

    /// What it asks for; without a state, what is not resolved.
    fn filter(&self, deployment: Option<&Deployment>) -> Result<Filter, Failure> {
        let class = self.class.as_deref().map(class).transpose()?;
        let money = |(amount, currency): (&String, Currency)| {
            Money::parse(amount, currency).map_err(|error| Failure::because("--minimum is refused", error))
        };
        let at_least = self.minimum.as_ref().zip(self.currency).map(money).transpose()?;
        let expected_before = match (self.older_than, deployment) {
            (Some(days), Some(deployment)) => Some(self.older_than(days, deployment)?),
            (Some(_) | None, _) => None,
        };
        let of_state = self.state.clone().map(|state| vec![state]);
        Ok(Filter {
            class,
            states: of_state.or(Filter::unresolved().states),
            acquirer: self.acquirer.clone(),
            owner: self.owner.clone(),
            expected_before,
            at_least,
            in_suspense: self.suspense,
            ids: None,
        })
    }
}

fn class(name: &str) -> Result<BreakClass, Failure> {
    BreakClass::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = BreakClass::ALL.iter().map(|class| class.name()).collect();
        let shown = crate::card_number::shorten(name, 40);
        Failure::new(format!("`{shown}` is no break class")).hint(format!("one of {}", names.join(", ")))
    })
}

/// The deployment, where days are counted.
async fn counting(which: &Which, store: &Store) -> Result<Option<Deployment>, Failure> {
    Ok(match which.older_than {
        Some(_) => Some(super::deployment(store).await?),
        None => None,
    })
}

async fn list(which: &Which, all: bool, globals: &Globals) -> Result<(), Failure> {
    // What can be refused without the database is.
    which.filter(None)?;
    let store = globals.store().await?;
    let deployment = counting(which, &store).await?;
    let mut filter = which.filter(deployment.as_ref())?;
    if all {
        filter.states = None;
    }
    let breaks = store.breaks(&filter).await.map_err(stored)?;
    let what = match (&which.state, all) {
        (_, true) => "All",
        (Some(state), _) if state == "resolved" => "Resolved",
        (Some(state), _) if state == "investigating" => "Investigating",
        _ => "Open",
    };
    let title = format!("{what}: {}", counted(breaks.len(), "break"));
    Ok(lists::breaks(title, &breaks).print(globals.format)?)
}

async fn resolve(args: ResolveArgs, globals: &Globals) -> Result<(), Failure> {
    let chosen = !args.ids.is_empty();
    if chosen == args.which.is_any() {
        return Err(
            Failure::new("say which breaks: by number, or by what fits").hint("`acquit breaks list` lists them")
        );
    }
    if args.execute && !chosen {
        return Err(
            Failure::new("breaks that fit are resolved with --plan DIGEST").hint("without it the plan is shown")
        );
    }
    args.which.filter(None)?;
    let word = args.word.with_note()?;
    let plan = args.plan.as_deref().map(plan_bytes).transpose()?;
    let execute = args.execute || plan.is_some();
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let breaks = match chosen {
        true => Filter::of(&sorted(args.ids)),
        false => args.which.filter(Some(&deployment))?,
    };
    let request = Request {
        breaks,
        reason: args.reason,
        items: &[],
        merchant: args.merchant.as_deref(),
        recovers: args.recovers,
        quiet_until: args.until,
        said: word.said(),
        day: day_to_act(&deployment, args.on, execute)?,
        plan: plan.as_deref(),
    };
    let done = match execute {
        true => store.resolve_breaks(&deployment, &request).await,
        false => store.plan_resolution(&deployment, &request).await,
    };
    resolved(&told(&store, globals), &done.map_err(failed)?, args.reason, execute).await
}

async fn reopen(
    ids: Vec<i64>,
    word: Checked,
    (on, execute): (Option<NaiveDate>, bool),
    globals: &Globals,
) -> Result<(), Failure> {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let day = day_to_act(&deployment, on, execute)?;
    let done = match execute {
        true => store.reopen_breaks(&ids, word.said(), day).await,
        false => store.plan_reopening(&ids, word.said(), day).await,
    };
    let done = done.map_err(failed)?;
    let (breaks, entries) = (counted(done.ids.len(), "break"), counted_entries(done.reversals));
    match (done.new, execute) {
        (false, _) => eprintln!("{breaks} opened again before, nothing was done"),
        (true, true) => eprintln!("{breaks} opened again, {entries} reversed"),
        (true, false) => {
            eprintln!(
                "plan, nothing was done: {breaks} to be opened again, {entries} to be reversed; run again with --execute"
            )
        }
    }
    Ok(())
}

pub(super) fn counted_entries(count: usize) -> String {
    match count {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}

pub(super) fn failed(error: DeskError) -> Failure {
    let hint = match &error {
        DeskError::Store(error) => error.hint(),
        DeskError::Unknown(_) | DeskError::Nothing => Some("`acquit breaks list --all` lists them"),
        DeskError::Changed(_) => Some("run it without --plan and look at the plan again"),
        DeskError::Void(_) => Some("propose it again: `acquit breaks resolve`"),
        DeskError::NoFinanceHead(_) => Some("name them in the settings: finance_heads under [desk]"),
        DeskError::UnknownPlan(_) => Some("`acquit breaks show` says which digest a break waits under"),
        DeskError::Matched(_) => Some("`acquit match undo` undoes it, and opens the break again"),
        DeskError::NotOpen(_) | DeskError::NotMatched { .. } => {
            Some("`acquit match suggest` lists open items that could be the line")
        }
        DeskError::NotGiven { .. } => Some("`acquit report proof` lists what batches await"),
        DeskError::NotThose { .. } => Some("`acquit payout list` shows payouts, and what became of them"),
        DeskError::NotPaying(_) | DeskError::NoReceipt(_) => Some("`acquit breaks show` says what became of it"),
        DeskError::Worked { .. } => Some("open that break again first: `acquit breaks reopen`"),
        DeskError::TooMany(_) => Some("narrow it, by class or acquirer for one"),
        DeskError::NoSettings(_)
        | DeskError::Resolved { .. }
        | DeskError::NotResolved(_)
        | DeskError::Refused { .. }
        | DeskError::NoOffset { .. }
        | DeskError::UnknownMerchant(_)
        | DeskError::NotWrittenOff(_)
        | DeskError::AmbiguousPlan(_)
        | DeskError::NothingWaits(_)
        | DeskError::ApproverIsProposer(_)
        | DeskError::NeedsFinanceHead(_)
        | DeskError::Reported(_)
        | DeskError::Closed { .. }
        | DeskError::OffsetTogether { .. }
        | DeskError::RecoveredBy { .. }
        | DeskError::Applied(_)
        | DeskError::NoLine(_)
        | DeskError::Before { .. }
        | DeskError::MissingAgain { .. }
        | DeskError::Amount(_) => None,
    };
    Failure::new(error).maybe_hint(hint)
}
