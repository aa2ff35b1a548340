//! `acquit files`: settlement files that were taken in, and what is decided about those in quarantine.

use std::process::ExitCode;

use chrono::{Days, NaiveDate, SecondsFormat};

use super::output::{Format, Kind, Listing};
use super::reconcile::not_undone;
use super::{Failure, Globals, Outcome, counted, kept_text, person, progress_bar, stored};
use crate::card_number::shorten;
use crate::dates::parse_day;
use crate::store::reconcile::files::{FilesError, Filter, KnownFile, Release, Request};
use crate::store::reconcile::sequence::{Completeness, DayOfFiles, ExpectedError};

/// How a file may stand.
const STATES: [&str; 5] = ["booked", "quarantined", "rejected", "undone", "superseded"];

/// What to do with settlement files.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List settlement files as they stand, in the order in which they were taken in.
    List {
        /// List only those of this acquirer.
        #[arg(long)]
        acquirer: Option<String>,
        /// List only those that stand so: booked, quarantined, rejected, undone or superseded.
        #[arg(long, value_parser = STATES)]
        state: Option<String>,
    },
    /// List what is expected of each business day, and came: one row an acquirer and day.
    ///
    /// Settings say of which acquirer a file is expected for every business day (`expects`), and until when. A day is `complete`
    /// when all files about it are booked, `not booked` when one is in quarantine, `awaited` until it is due, then `missing`.
    /// Exit code: 0 nothing is missing or not booked, 2 something is.
    Expected {
        /// List only what is expected of this acquirer.
        #[arg(long)]
        acquirer: Option<String>,
        /// The first day. Default: two weeks before the last.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        from: Option<NaiveDate>,
        /// The last day, as of which days are due. Default: today.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        to: Option<NaiveDate>,
    },
    /// Show one settlement file: how it stands and why, who decided what.
    Show {
        /// Its name, or the beginning of its digest.
        file: String,
    },
    /// Book a quarantined file in spite of what is wrong with its totals, or in the place of a file that it supersedes.
    ///
    /// The file that it supersedes is undone and the new one booked, both or neither; with --beside the other one stays, where
    /// both have money of one batch. It takes two people: who presented the file (`reconcile --by`), and somebody else. Where
    /// nobody did, whoever asks first has presented it. A file with rows that cannot be read is never booked. Without --execute
    /// only the plan is shown.
    Release {
        /// Its name, or the beginning of its digest.
        file: String,
        /// Who releases it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Leave booked files that hold a batch of it as they are: it is no new version of them.
        #[arg(long)]
        beside: bool,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// Close a quarantined file and its breaks: it is not booked.
    ///
    /// It stays known: when the same content comes again nothing is done. `acquit files release` books it after all.
    Reject {
        /// Its name, or the beginning of its digest.
        file: String,
        /// Who rejects it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::List { acquirer, state } => {
            let filter = Filter {
                acquirer: acquirer.as_deref(),
                state: state.as_deref(),
                file: None,
            };
            let store = globals.store().await?;
            let files = store.settlement_files(filter).await.map_err(stored)?;
            listing(counted(files.len(), "settlement file"), &files).print(globals.format)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Expected { acquirer, from, to } => expected(acquirer.as_deref(), (from, to), globals).await,
        Command::Show { file } => {
            let store = globals.store().await?;
            let file = store.settlement_file(&file).await.map_err(not_undone)?;
            shown(&file).print(globals.format)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Release {
            file,
            by,
            reason,
            beside,
            execute,
        } => {
            let (by, reason) = (person(by)?, kept_text("--reason", reason)?);
            let request = Request {
                file: &file,
                by: &by,
                reason: &reason,
                beside,
            };
            release(&request, execute, globals).await
        }
        Command::Reject { file, by, reason } => {
            let (by, reason) = (person(by)?, kept_text("--reason", reason)?);
            let request = Request {
                file: &file,
                by: &by,
                reason: &reason,
                beside: false,
            };
            let store = globals.store().await?;
            let file = store.reject_file(&request).await.map_err(failed)?;
            match file.state.as_str() {
                "rejected" => eprintln!("{}: rejected before, nothing was done", file.name),
                _ => eprintln!("{}: rejected", file.name),
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn release(request: &Request<'_>, execute: bool, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let by = request.by;
    let bar = progress_bar("{spinner} {msg}: {human_pos} lines, {per_sec}, {elapsed}", request.file);
    let progress = |lines| bar.set_position(lines);
    let released = if execute {
        store.release_file(&deployment, request, &progress).await
    } else {
        store.plan_file_release(&deployment, request, &progress).await
    };
    bar.finish_and_clear();
    let table = globals.format == Format::Table;
    let (headline, superseded, found) = match released.map_err(failed)? {
        Release::Presented(file) => {
            let name = &file.name;
            if execute {
                eprintln!("{name}: presented by {by}; somebody else has to release it now");
            } else {
                eprintln!(
                    "{name}: nobody has presented it: with --execute {by} does, and somebody else has to release it then"
                );
            }
            return Ok(ExitCode::FAILURE);
        }
        Release::Booked {
            file,
            superseded,
            found,
        } => {
            let verb = if execute {
                "booked"
            } else {
                "plan, nothing was booked; run again with --execute to book it"
            };
            (format!("{}: {verb}", file.name), superseded, found)
        }
        Release::Before { file, found } => (
            format!("{}: released before, nothing was done", file.name),
            Vec::new(),
            found,
        ),
    };
    if table {
        println!("{headline}");
        for earlier in superseded {
            println!("in the place of {}, which is undone", earlier.name);
        }
        super::reconcile::batches(&found).print(globals.format)?;
    }
    super::reconcile::outcomes(&found, globals.format).print(globals.format)?;
    Ok(if found.breaks.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    })
}

fn failed(error: FilesError) -> Failure {
    match error {
        FilesError::Undo(error) => not_undone(error),
        FilesError::Reconcile(error) => super::reconcile::failed(error),
        FilesError::Store(error) => stored(error),
        FilesError::NotQuarantined { .. }
        | FilesError::HasRejects { .. }
        | FilesError::Empty(_)
        | FilesError::OnePerson { .. } => Failure::new(error),
    }
}

async fn expected(
    acquirer: Option<&str>,
    (from, to): (Option<NaiveDate>, Option<NaiveDate>),
    globals: &Globals,
) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let to = to.unwrap_or_else(|| super::today(&deployment));
    let from = from.or_else(|| to.checked_sub_days(Days::new(14))).unwrap_or(to);
    super::in_order(Some(from), Some(to))?;
    // No later settings leave one out.
    let names = deployment
        .latest()
        .into_iter()
        .flat_map(|latest| latest.acquirers.keys());
    let known: Vec<&str> = names.map(String::as_str).collect();
    if let Some(name) = acquirer.filter(|name| !known.contains(name)) {
        let failure = Failure::new(format!("there is no acquirer `{}`", shorten(name, 60)));
        return Err(failure.maybe_hint((!known.is_empty()).then(|| format!("known are {}", known.join(", ")))));
    }
    let days = store
        .expected_files(&deployment, acquirer, (from, to))
        .await
        .map_err(|error| {
            let hint = match &error {
                ExpectedError::Store(error) => error.hint().map(str::to_owned),
                ExpectedError::NotCovered(error) => Some(error.hint()),
                ExpectedError::NoCalendar(_) => None,
            };
            let failure = Failure::new(error);
            match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })?;
    let columns = [
        ("acquirer", Kind::Text),
        ("day", Kind::Text),
        ("due_on", Kind::Text),
        ("received", Kind::Figure),
        ("booked", Kind::Figure),
        ("files", Kind::Text),
    ];
    let stands = |day: &DayOfFiles| day.stands(to);
    let open = |day: &&DayOfFiles| matches!(stands(day), Completeness::NotBooked | Completeness::Missing);
    let incomplete = days.iter().filter(open).count();
    let what = if incomplete == 0 { "complete" } else { "INCOMPLETE" };
    let mut listing = Listing::new(format!("Expected files from {from} to {to}: {what}"), &columns);
    for day in &days {
        listing.row(vec![
            day.acquirer.clone(),
            day.day.to_string(),
            day.due_on.to_string(),
            day.received.to_string(),
            day.booked.to_string(),
            stands(day).name().to_owned(),
        ]);
    }
    listing.print(globals.format)?;
    Ok(match incomplete {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    })
}

fn listing(title: String, files: &[KnownFile]) -> Listing {
    let columns = [
        ("file", Kind::Text),
        ("acquirer", Kind::Text),
        ("state", Kind::Text),
        ("format", Kind::Text),
        ("as_of", Kind::Text),
        ("lines", Kind::Figure),
        ("rejects", Kind::Figure),
        ("batches", Kind::Figure),
        ("breaks", Kind::Figure),
        ("unresolved", Kind::Figure),
        ("digest", Kind::Whole),
        ("presented_by", Kind::Text),
        ("decided_by", Kind::Text),
    ];
    let mut listing = Listing::new(title, &columns);
    for file in files {
        listing.row(vec![
            file.name.clone(),
            file.acquirer.clone(),
            file.state.clone(),
            file.format.clone().unwrap_or_default(),
            file.as_of.map_or_else(String::new, |day| day.to_string()),
            file.lines.to_string(),
            file.rejects.to_string(),
            file.batches.to_string(),
            file.breaks.to_string(),
            file.unresolved.to_string(),
            file.tag(),
            file.presented_by.clone().unwrap_or_default(),
            file.decided
                .as_ref()
                .map_or_else(String::new, |decided| decided.by.clone()),
        ]);
    }
    listing
}

fn shown(file: &KnownFile) -> Listing {
    let mut listing = Listing::new(&file.name, &[("field", Kind::Text), ("value", Kind::Text)]);
    let decided = |of: &dyn Fn(&crate::store::reconcile::files::Decided) -> String| {
        file.decided.as_ref().map(of).unwrap_or_default()
    };
    let fields = [
        ("acquirer", file.acquirer.clone()),
        ("state", file.state.clone()),
        ("quarantined because", file.reason.clone().unwrap_or_default()),
        ("format", file.format.clone().unwrap_or_default()),
        ("as of", file.as_of.map_or_else(String::new, |day| day.to_string())),
        ("lines", file.lines.to_string()),
        ("rejects", file.rejects.to_string()),
        ("batches", file.batches.to_string()),
        ("breaks", file.breaks.to_string()),
        ("unresolved breaks", file.unresolved.to_string()),
        ("digest", file.digest.iter().map(|byte| format!("{byte:02x}")).collect()),
        ("run", file.run.to_string()),
        ("taken in at", file.taken_in.to_rfc3339_opts(SecondsFormat::Secs, true)),
        ("presented by", file.presented_by.clone().unwrap_or_default()),
        ("decided", decided(&|decided| decided.what.clone())),
        ("decided by", decided(&|decided| decided.by.clone())),
        (
            "decided because",
            decided(&|decided| decided.reason.clone().unwrap_or_default()),
        ),
        (
            "decided at",
            decided(&|decided| decided.at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        ),
        ("superseded by", file.superseded_by.clone().unwrap_or_default()),
    ];
    for (field, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        listing.row(vec![field.to_owned(), value]);
    }
    listing
}
