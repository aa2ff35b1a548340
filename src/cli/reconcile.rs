//! `acquit reconcile`: an acquirer's settlement file against the books.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;

use super::output::{Format, Kind, Listing};
use super::{Failure, Globals, Outcome, counted, progress_bar};
use crate::acquirer::format::Format as FileFormat;
use crate::money::decimal_text;
use crate::store::reconcile::{FileOutcome, ReconcileError, Reconciliation, Request, SettlementFile};

/// Reconcile an acquirer's settlement file: prove it, match it line by line, book it, and name every break once.
///
/// Reads the Adyen Settlement Details Report, Stripe's itemized reports of balance changes and payouts, PayPal's settlement
/// report, Checkout.com's breakdown with its payouts, and settlement rows of Toss Payments in JSON or CSV, plain or packed
/// (gzip, or zip with one file in it); the format is told by how the file begins. Without --execute nothing is written: the
/// same work is done and rolled back, and what it would do is shown. A file that has unreadable rows or does not add up is
/// quarantined whole and posts nothing; its rejects go to a CSV file. Reconciling a file again changes nothing.
///
/// Exit code: 0 booked without breaks, 2 booked and breaks found, 1 nothing booked.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The settlement file.
    file: PathBuf,
    /// The acquirer it came from, as settings name it.
    #[arg(long)]
    acquirer: String,
    /// The day the file is about, for what should have been reported by then. Default: the latest day on its lines.
    #[arg(long, value_name = "DATE")]
    as_of: Option<NaiveDate>,
    /// A further file of the same report, in order: the next one of a PayPal report, the payouts of a Checkout.com breakdown.
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// Its format, where its header fits more than one: adyen, stripe, paypal, checkout, toss-csv or toss-json.
    #[arg(long, value_name = "FORMAT", value_parser = file_format)]
    file_format: Option<FileFormat>,
    /// Book it. Without this, only the plan is shown.
    #[arg(long)]
    execute: bool,
    /// Where rows that cannot be read are written as CSV, if there are any.
    #[arg(long, value_name = "FILE", default_value = "rejects.csv")]
    rejects: PathBuf,
}

fn file_format(name: &str) -> Result<FileFormat, String> {
    FileFormat::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = FileFormat::ALL.iter().map(|format| format.name()).collect();
        format!("it must be one of {}", names.join(", "))
    })
}

/// Runs it.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    let name = args.file.display().to_string();
    let file = SettlementFile::open(&args.file)
        .and_then(|file| file.with(&args.with))
        .map_err(|error| Failure::because(format!("{name} cannot be read"), error))?
        .in_format(args.file_format);
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let request = Request {
        file: &file,
        acquirer: &args.acquirer,
        as_of: args.as_of,
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

fn failed(error: ReconcileError) -> Failure {
    let hint = match &error {
        ReconcileError::Store(error) => error.hint(),
        ReconcileError::UnknownAcquirer(_) => {
            Some("name an acquirer of the settings: `acquit settings show --on DATE` prints them")
        }
        ReconcileError::NoSettings(_) => Some("apply settings that begin on or before that day"),
        ReconcileError::Changed(_) => Some("wait until it is complete, then run the command again"),
        ReconcileError::File { .. } | ReconcileError::Amount(_) | ReconcileError::Limit { .. } => None,
    };
    Failure::new(error).maybe_hint(hint)
}

fn headline(found: &Reconciliation, file: &SettlementFile, args: &Args) -> String {
    let name = file.name();
    match &found.outcome {
        FileOutcome::Booked if args.execute => format!("{name}: booked"),
        FileOutcome::Booked => format!("{name}: plan, nothing was booked; run again with --execute to book it"),
        FileOutcome::AlreadyBooked => format!("{name}: booked by an earlier run, nothing was done"),
        FileOutcome::Duplicate { first_name } => {
            format!("{name}: DUPLICATE_FILE, its content came before as {first_name}; nothing was posted")
        }
        FileOutcome::Quarantined { reason } => format!("{name}: quarantined, nothing was posted: {reason}"),
    }
}

fn print(found: &Reconciliation, file: &SettlementFile, args: &Args, format: Format) -> Result<(), Failure> {
    if format == Format::Table {
        let as_of = found
            .as_of
            .map_or_else(|| "an unknown day".to_owned(), |day| day.to_string());
        println!("{}", headline(found, file, args));
        println!(
            "acquirer {}, as of {as_of}, {}, {}",
            args.acquirer,
            counted(found.lines, "line"),
            counted(found.rejects, "reject")
        );
        for column in &found.unknown_columns {
            eprintln!("warning: column `{column}` is not known; it is kept with each line and not read");
        }
        batches(found).print(format)?;
        return Ok(outcomes(found).print(format)?);
    }
    Ok(outcomes(found).print(format)?)
}

fn batches(found: &Reconciliation) -> Listing {
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

/// Matches by pass and breaks by class, in one list.
fn outcomes(found: &Reconciliation) -> Listing {
    let mut listing = Listing::new(
        "Found",
        &[("finding", Kind::Text), ("detail", Kind::Text), ("count", Kind::Figure)],
    );
    for (pass, count) in &found.matches {
        listing.row(vec![
            "matched".to_owned(),
            format!("pass {}: {}", pass.number(), pass.name()),
            count.to_string(),
        ]);
    }
    for (class, count) in &found.breaks {
        listing.row(vec!["break".to_owned(), class.to_string(), count.to_string()]);
    }
    listing
}

fn write_rejects(found: &Reconciliation, file: &SettlementFile, args: &Args) -> Result<(), Failure> {
    if found.rejected.is_empty() {
        return Ok(());
    }
    let columns = [
        ("file", Kind::Text),
        ("line", Kind::Figure),
        ("column", Kind::Text),
        ("reason", Kind::Text),
    ];
    let mut listing = Listing::new("", &columns);
    for reject in &found.rejected {
        let column = reject.column.clone().unwrap_or_default();
        listing.row(vec![
            file.name().to_owned(),
            reject.line.to_string(),
            column,
            reject.reason.clone(),
        ]);
    }
    crate::whole_file::write(&args.rejects, &mut |out| listing.write(Format::Csv, out))?;
    let path = super::shown(&args.rejects);
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
