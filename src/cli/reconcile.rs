//! `acquit reconcile`: an acquirer's settlement file against the books.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::NaiveDate;

use super::output::{Format, Kind, Listing};
use super::{Failure, Globals, Outcome, counted, is_not_input, kept_text, person, progress_bar};
use crate::acquirer::Row;
use crate::acquirer::format::{Format as FileFormat, Reading};
use crate::acquirer::mapping::Profile;
use crate::card_number;
use crate::money::decimal_text;
use crate::recon::matching::Timing;
use crate::store::breaks::DeskError;
use crate::store::reconcile::undo::{Undo, UndoError};
use crate::store::reconcile::{FileOutcome, ReconcileError, Reconciliation, Request, SettlementFile, undo};

/// Reconcile an acquirer's settlement file: prove it, match it line by line, book it, and name every break once.
///
/// Reads the Adyen Settlement Details Report, Stripe's itemized reports of balance changes and payouts, PayPal's settlement report,
/// Checkout.com's breakdown with its payouts, settlement rows of Toss Payments in JSON or CSV, and Mastercard IPM clearing files,
/// plain or packed (gzip, or zip with one file in it); the format is told by how the file begins. Without --execute nothing is
/// written: the same work is done and rolled back, and what it would do is shown. A file that has unreadable rows or does not
/// add up is quarantined whole and posts nothing; its rejects go to a CSV file. Reconciling a file again changes nothing. In JSON
/// and CSV the first findings say what becomes of the file and by what it was read; without --execute, what would.
///
/// Files of other kinds are read by mapping profiles, `[[profile]]` in the settings: those of the version in force on --as-of, else
/// of the latest. A file that has all columns of one is read by it. With --explain nothing is matched or planned: the first rows,
/// or that of --line, are shown with each field, the column and text that it was read from, the rule, and what it came to.
///
/// Exit code: 0 booked without breaks, 2 booked and breaks found, 1 nothing booked.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    file: Option<FileArgs>,
}

/// What can be done beside reconciling a file.
#[derive(Debug, clap::Subcommand)]
enum Other {
    /// Reverse what a booked settlement file booked, whole: as if it had not come.
    ///
    /// Every entry of it is reversed, the items that it had matched are open again, its breaks are resolved as undone, and what
    /// it put into reserves is taken back, from what is available where it was released since. Payments that it made known stay.
    /// Refused where somebody has worked on one of its breaks, where a line of a later file was booked as repeating one of it, or
    /// where a reserve was used for refunds since. The file may come again: reconciling it books it anew. Undoing it twice is
    /// undoing it once. Without --execute only the plan is shown.
    Undo {
        /// The file: its name, or the beginning of its digest, as `acquit files list` shows them.
        file: String,
        /// Who undoes it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// The booking date of the reversals. Default: the day that the file is about.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
}

/// The file that is reconciled.
#[derive(Debug, clap::Args)]
struct FileArgs {
    /// The settlement file.
    file: PathBuf,
    /// The acquirer it came from, as settings name it.
    #[arg(long, required_unless_present = "explain")]
    acquirer: Option<String>,
    /// The day the file is about, for what should have been reported by then. Default: the latest day on its lines; a file without
    /// lines needs it, unless it says so itself.
    #[arg(long, value_name = "DATE")]
    as_of: Option<NaiveDate>,
    /// A further file of the same report, in order: the next one of a PayPal report, the payouts of a Checkout.com breakdown.
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// Its format, where its header fits more than one: adyen, stripe, ipm, paypal, checkout, toss-csv or toss-json, or the name of
    /// a profile.
    #[arg(long, value_name = "FORMAT")]
    file_format: Option<String>,
    /// Show how the first rows are read, and do nothing else.
    #[arg(long, conflicts_with = "execute")]
    explain: bool,
    /// With --explain: the row that begins on this line of the file.
    #[arg(long, requires = "explain")]
    line: Option<u64>,
    /// With --explain: how many rows.
    #[arg(long, requires = "explain", default_value_t = 5, conflicts_with = "line")]
    rows: usize,
    /// With --explain: the profiles of this settings file, applied or not; no database is needed.
    #[arg(long, requires = "explain", value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Who presents it: if it is quarantined, somebody else may release it.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Book it. Without this, only the plan is shown.
    #[arg(long)]
    execute: bool,
    /// Where rows that cannot be read are written as CSV, if there are any.
    #[arg(long, value_name = "FILE", default_value = "rejects.csv")]
    rejects: PathBuf,
}

/// How the file is to be read, by the name that was given.
fn reading(name: &str, profiles: &[Arc<Profile>]) -> Result<Reading, Failure> {
    Reading::from_name(name, profiles).ok_or_else(|| {
        let formats = FileFormat::ALL.iter().map(|format| format.name());
        let names: Vec<&str> = formats
            .chain(profiles.iter().map(|profile| profile.name.as_str()))
            .collect();
        let name = card_number::shorten(name, 40);
        Failure::new(format!("`{name}` is no format: it must be one of {}", names.join(", ")))
    })
}

/// The file and its digest.
fn opened(args: &FileArgs) -> Result<SettlementFile, Failure> {
    let name = args.file.display().to_string();
    SettlementFile::open(&args.file)
        .and_then(|file| file.with(&args.with))
        .map_err(|error| Failure::because(format!("{name} cannot be read"), error))
}

/// The file, to be read by its format or a profile.
fn read_by(file: SettlementFile, args: &FileArgs, profiles: &[Arc<Profile>]) -> Result<SettlementFile, Failure> {
    let format = args
        .file_format
        .as_deref()
        .map(|name| reading(name, profiles))
        .transpose()?;
    Ok(file.in_format(format).with_profiles(profiles))
}

/// Runs it.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    match (args.other, args.file) {
        (Some(other), _) => undo_file(other, globals).await,
        (None, Some(file)) => reconcile(file, globals).await,
        (None, None) => Err(Failure::new("no settlement file is named")),
    }
}

async fn reconcile(args: FileArgs, globals: &Globals) -> Outcome {
    if args.explain {
        return explain(&args, globals).await;
    }
    is_not_input(&args.rejects, &args.file)?;
    let file = opened(&args)?;
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let by = args.by.clone().map(person).transpose()?;
    let file = read_by(file, &args, &deployment.profiles(args.as_of))?.presented_by(by);
    let request = Request {
        file: &file,
        acquirer: args.acquirer.as_deref().unwrap_or_default(),
        as_of: args.as_of,
        today: super::today(&deployment),
    };
    let bar = progress_bar("{spinner} {msg}: {human_pos} lines, {per_sec}, {elapsed}", file.name());
    let progress = |lines| bar.set_position(lines);
    let found = if args.execute {
        store.reconcile(&deployment, &request, &progress).await
    } else {
        store.plan_reconciliation(&deployment, &request, &progress).await
    };
    bar.finish_and_clear();
    let found = found.map_err(failed)?;
    print(&found, &file, &args, globals.format)?;
    write_rejects(&found, &file, &args)?;
    let quiet = found.breaks.is_empty();
    Ok(match found.outcome {
        FileOutcome::Booked | FileOutcome::AlreadyBooked if quiet => ExitCode::SUCCESS,
        FileOutcome::Booked | FileOutcome::AlreadyBooked => ExitCode::from(2),
        FileOutcome::Duplicate { .. } | FileOutcome::Quarantined { .. } => ExitCode::FAILURE,
    })
}

async fn undo_file(other: Other, globals: &Globals) -> Outcome {
    let Other::Undo {
        file,
        by,
        reason,
        on,
        execute,
    } = other;
    let by = person(by)?;
    let reason = reason.map(|text| kept_text("--reason", text)).transpose()?;
    let store = globals.store().await?;
    let request = undo::Request {
        file: &file,
        by: &by,
        reason: reason.as_deref(),
        on,
    };
    let undone = if execute {
        store.undo_file(&request).await
    } else {
        store.plan_undo(&request).await
    };
    let undone = undone.map_err(not_undone)?;
    if globals.format == Format::Table {
        let what = match (undone.new, execute) {
            (false, _) => format!("{} by an earlier run, nothing was done", undone.file.state),
            (true, true) => "undone".to_owned(),
            (true, false) => "plan, nothing was undone; run again with --execute to undo it".to_owned(),
        };
        println!("{}: {what}", undone.file.name);
    }
    figures(&undone).print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}

fn figures(undone: &Undo) -> Listing {
    let mut listing = Listing::new("Undone", &[("what", Kind::Text), ("count", Kind::Figure)]);
    for (what, count) in [
        ("entries reversed", undone.entries),
        ("items open again", undone.items),
        ("breaks resolved as undone", undone.breaks),
    ] {
        listing.row(vec![what.to_owned(), count.to_string()]);
    }
    listing
}

/// A file that was not undone, with what can be done about it.
pub(super) fn not_undone(error: UndoError) -> Failure {
    let hint = match &error {
        UndoError::Store(error) => error.hint(),
        UndoError::Unknown(_) => Some("`acquit files list` shows the files that there are"),
        UndoError::Ambiguous { .. } => Some("name it by the beginning of its digest"),
        UndoError::Worked { .. } => {
            Some("open these breaks again first, `acquit breaks reopen`, or, of a match, `acquit match undo`")
        }
        UndoError::DependedOn { .. } => Some("undo these files first"),
        UndoError::NotBooked { .. }
        | UndoError::Late(_)
        | UndoError::Before { .. }
        | UndoError::ReversedBefore { .. }
        | UndoError::Applied(_) => None,
    };
    Failure::new(error).maybe_hint(hint)
}

/// Shows how rows are read.
async fn explain(args: &FileArgs, globals: &Globals) -> Outcome {
    let file = opened(args)?;
    let profiles = match &args.settings {
        Some(path) => super::settings::read(path)?.0.profiles,
        None => {
            let store = globals.store().await?;
            super::deployment(&store).await?.profiles(args.as_of)
        }
    };
    let file = read_by(file, args, &profiles)?;
    let explanation = file
        .explain(args.line, args.rows)
        .map_err(|error| Failure::because(format!("{} cannot be read as a settlement file", file.name()), error))?;
    if let (Some(line), []) = (args.line, explanation.rows.as_slice()) {
        return Err(Failure::new(format!("{}: no row begins on line {line}", file.name())));
    }
    let title = format!("{}: read as {}", file.name(), explanation.format);
    let columns = ["line", "field", "column", "raw", "rule", "value"].map(|name| (name, Kind::Text));
    let mut listing = Listing::new(title, &columns);
    for explained in &explanation.rows {
        let (line, end) = match &explained.row {
            Row::Line(line) => (line.line, ("becomes", String::new(), line.record.name().to_owned())),
            Row::Reject(reject) => {
                let column = reject.column.clone().unwrap_or_default();
                (reject.line, ("reject", column, reject.reason.clone()))
            }
        };
        for step in &explained.steps {
            listing.row(vec![
                line.to_string(),
                step.field.to_owned(),
                step.column.clone(),
                step.raw.clone(),
                step.rule.clone(),
                step.value.clone(),
            ]);
        }
        let (field, column, value) = end;
        listing.row(vec![
            line.to_string(),
            field.to_owned(),
            column,
            String::new(),
            String::new(),
            value,
        ]);
    }
    listing.print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn failed(error: ReconcileError) -> Failure {
    let hint = match &error {
        ReconcileError::Store(error) => error.hint(),
        ReconcileError::UnknownAcquirer(_) => {
            Some("name an acquirer of the settings: `acquit settings show --on DATE` prints them")
        }
        ReconcileError::NoSettings(_) => Some("apply settings that begin on or before that day"),
        ReconcileError::NoDay(_) => Some("say so with --as-of DATE"),
        ReconcileError::OfAnother { .. } => {
            Some("nothing of it was taken in: name the acquirer that it is of with --acquirer")
        }
        ReconcileError::Undo(_) => None,
        ReconcileError::Receipts(DeskError::Store(error)) => error.hint(),
        ReconcileError::Receipts(_) => Some("run the command again: it books nothing twice"),
        ReconcileError::Changed(_) => Some("wait until it is complete, then run the command again"),
        ReconcileError::File { .. } | ReconcileError::Amount(_) | ReconcileError::Limit { .. } => None,
    };
    Failure::new(error).maybe_hint(hint)
}

fn headline(found: &Reconciliation, file: &SettlementFile, args: &FileArgs) -> String {
    let name = file.name();
    match &found.outcome {
        FileOutcome::Booked if args.execute => format!("{name}: booked"),
        FileOutcome::Booked => format!("{name}: plan, nothing was booked; run again with --execute to book it"),
        FileOutcome::AlreadyBooked => format!("{name}: booked by an earlier run, nothing was done"),
        FileOutcome::Duplicate { first_name, acquirer } => {
            format!("{name}: DUPLICATE_FILE, its content came before as {first_name} of {acquirer}; nothing was posted")
        }
        FileOutcome::Quarantined { reason } if args.execute => {
            format!("{name}: quarantined, nothing was posted: {reason}")
        }
        FileOutcome::Quarantined { reason } => {
            format!("{name}: plan, it would be quarantined, and nothing of it posted: {reason}")
        }
    }
}

fn print(found: &Reconciliation, file: &SettlementFile, args: &FileArgs, format: Format) -> Result<(), Failure> {
    if format == Format::Table {
        let as_of = found
            .as_of
            .map_or_else(|| "an unknown day".to_owned(), |day| day.to_string());
        println!("{}", headline(found, file, args));
        println!(
            "acquirer {}, format {}, as of {as_of}, {}, {}",
            args.acquirer.as_deref().unwrap_or_default(),
            found.format.as_deref().unwrap_or("unknown"),
            counted(found.lines, "line"),
            counted(found.rejects, "reject")
        );
        for column in &found.unknown_columns {
            eprintln!("warning: column `{column}` is not known; it is kept with each line and not read");
        }
        if found.is_unproven {
            eprintln!("warning: the file has no payout, total, count or balance that its lines could be held to");
        }
        batches(found).print(format)?;
    }
    Ok(outcomes(found, format).print(format)?)
}

/// The batches of a file.
pub(super) fn batches(found: &Reconciliation) -> Listing {
    let figures = ["lines", "gross", "costs", "other", "net", "payout"].map(|name| (name, Kind::Figure));
    let columns: Vec<(&'static str, Kind)> = [("batch", Kind::Text), ("currency", Kind::Text)]
        .into_iter()
        .chain(figures)
        .collect();
    let mut listing = Listing::new("Batches: gross - costs + other = net = payout", &columns);
    for batch in &found.batches {
        let text = |minor| decimal_text(minor, batch.currency);
        listing.row(vec![
            batch.batch.clone(),
            batch.currency.to_string(),
            batch.lines.to_string(),
            text(batch.gross),
            text(batch.costs),
            text(batch.other),
            text(batch.net),
            text(batch.payout),
        ]);
    }
    listing
}

/// Matches by pass, those whose days differ, and breaks by class, in one list; for programs, what becomes of the file before them.
pub(super) fn outcomes(found: &Reconciliation, format: Format) -> Listing {
    let mut listing = Listing::new(
        "Found",
        &[("finding", Kind::Text), ("detail", Kind::Text), ("count", Kind::Figure)],
    );
    if format != Format::Table {
        let became = match &found.outcome {
            FileOutcome::Booked | FileOutcome::AlreadyBooked => "booked".to_owned(),
            FileOutcome::Duplicate { first_name, acquirer } => format!("duplicate of {first_name} of {acquirer}"),
            FileOutcome::Quarantined { reason } => format!("quarantined: {reason}"),
        };
        let read_by = found.format.clone().unwrap_or_default();
        for (finding, detail, count) in [
            ("outcome", became, found.lines.saturating_add(found.rejects)),
            ("format", read_by, found.lines),
            ("rejected", "rows that cannot be read".to_owned(), found.rejects),
        ] {
            listing.row(vec![finding.to_owned(), detail, count.to_string()]);
        }
    }
    for (pass, count) in &found.matches {
        listing.row(vec![
            "matched".to_owned(),
            format!("pass {}: {}", pass.number(), pass.name()),
            count.to_string(),
        ]);
    }
    for (timing, count) in &found.timing {
        let what = match timing {
            Timing::Late => "late: after it was expected",
            Timing::Cutoff => "cutoff: of another day than ours",
        };
        listing.row(vec!["timing".to_owned(), what.to_owned(), count.to_string()]);
    }
    for (class, count) in &found.breaks {
        listing.row(vec!["break".to_owned(), class.to_string(), count.to_string()]);
    }
    listing
}

fn write_rejects(found: &Reconciliation, file: &SettlementFile, args: &FileArgs) -> Result<(), Failure> {
    if found.rejected.is_empty() {
        return Ok(());
    }
    let columns = [
        ("file", Kind::Text),
        ("line", Kind::Figure),
        ("column", Kind::Text),
        ("reason", Kind::Text),
        ("raw", Kind::Text),
    ];
    let mut listing = Listing::new("", &columns);
    for reject in &found.rejected {
        let column = reject.column.clone().unwrap_or_default();
        listing.row(vec![
            file.name().to_owned(),
            reject.line.to_string(),
            column,
            reject.reason.clone(),
            reject.raw.clone(),
        ]);
    }
    let path = super::shown(&args.rejects);
    crate::whole_file::write(&args.rejects, &mut |out| listing.write(Format::Csv, out))
        .map_err(|error| Failure::because(format!("the rejects cannot be written to {path}"), error))?;
    eprintln!(
        "rejects written to {path}: {} of {}",
        found.rejected.len(),
        found.rejects
    );
    if let Some(first) = found.rejected.first() {
        let column = first
            .column
            .as_ref()
            .map(|column| format!(", column {column}"))
            .unwrap_or_default();
        eprintln!("the first: line {}{column}: {}", first.line, first.reason);
    }
    Ok(())
}
