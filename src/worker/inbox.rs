//! Inboxes: directories whose files are taken in once, each moved to `done` or `refused` beside it.
//!
//! A file is taken when it is whole: names that begin with a dot or end in `.tmp` or `.part` are not looked at, and neither is what
//! was written to a moment ago. A directory in an inbox of settlement files is one report of several files, in the order of
//! their names. Events come first, then settlement files, then bank statements, each by name: so a line finds its payment.
//!
//! What became of a file is committed before it is moved. A crash in between is harmless: next time its content is known, and it is
//! only moved. A file that cannot be taken in is moved to `refused`, with a text beside it that says why, and stands in nobody's
//! way. One that the file system or the database could not serve stays where it is, and the task fails when it has seen all others.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Figures, Run, TaskError, said, stops};
use crate::acquirer::Reject;
use crate::acquirer::format::Reading;
use crate::card_number::mask;
use crate::delimited::FileError;
use crate::payment::reader::ClaimError;
use crate::settings::{Inbox, InboxKind, WorkerRules};
use crate::store::StoreError;
use crate::store::bank::{self, BankError, StatementFile};
use crate::store::breaks::DeskError;
use crate::store::payout::PayoutError;
use crate::store::reconcile::undo::UndoError;
use crate::store::reconcile::{FileOutcome, ReconcileError, Request, SettlementFile};
use crate::store::record::{EventFile, RecordError, Rejected, Tally};

/// Where files go that were taken in.
const DONE: &str = "done";
/// Where files go that cannot be.
const REFUSED: &str = "refused";
/// How many rejects of a file are written down beside it.
const SHOWN: usize = 1_000;

/// A file that is whole, or the files of a report.
struct Waiting {
    /// The file, or the directory of a report.
    path: PathBuf,
    /// Its name, card numbers masked.
    name: String,
    /// What it was like when it was found.
    seen: Seen,
    /// The files of a report, in order; of a file itself alone.
    files: Vec<PathBuf>,
}

/// What tells a file from another one of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Seen {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }
}

/// What becomes of a file.
enum Became {
    /// It was taken in; with what is left to say of it.
    Done(Option<String>),
    /// It cannot be, and why.
    Refused(String),
    /// Somebody writes to it: it stays.
    Unfinished,
    /// Something else failed: it stays, and why.
    Failed(String),
}

/// What was found in it.
#[derive(Default)]
struct Found {
    became: Option<Became>,
    lines: u64,
    breaks: i64,
}

impl From<Became> for Found {
    fn from(became: Became) -> Self {
        Self {
            became: Some(became),
            ..Self::default()
        }
    }
}

/// Takes in all that lies in the inboxes.
pub(super) async fn take_all(run: &Run<'_>, rules: &WorkerRules) -> Result<(), TaskError> {
    let place = |inbox: &&Inbox| match inbox.kind {
        InboxKind::Events => 0,
        InboxKind::Settlement { .. } => 1,
        InboxKind::Bank { .. } => 2,
    };
    let mut inboxes: Vec<&Inbox> = rules.inboxes.iter().collect();
    inboxes.sort_by_key(place);
    let settled = (run.clock)().checked_sub_signed(TimeDelta::seconds(rules.settled.into()));
    let settled = settled.unwrap_or(DateTime::<Utc>::MIN_UTC);
    let mut failures = Vec::new();
    for inbox in inboxes {
        let waiting = match waiting(inbox, settled) {
            Ok(waiting) => waiting,
            Err(error) => {
                failures.push(format!("inbox {}: {error}", inbox.path.display()));
                continue;
            }
        };
        for file in waiting {
            if run.is_stopping() {
                return TaskError::of(failures);
            }
            let Found { became, lines, breaks } = take(run, inbox, &file).await?;
            let word = kind(inbox);
            run.figures.lines(word, lines);
            let outcome = match became.unwrap_or(Became::Done(None)) {
                Became::Done(note) => put(inbox, &file, DONE, note.as_deref()).map(|()| "done"),
                Became::Refused(why) => {
                    tracing::warn!(task = "inbox", kind = word, file = file.name, why, "file refused");
                    put(inbox, &file, REFUSED, Some(&why)).map(|()| "refused")
                }
                Became::Unfinished => Ok("unfinished"),
                Became::Failed(why) => {
                    failures.push(format!("{}: {why}", file.name));
                    Ok("failed")
                }
            };
            match outcome {
                Ok(outcome) => told(run.figures, (word, outcome), &file, lines, breaks),
                Err(error) => failures.push(format!("{} was taken in and cannot be moved: {error}", file.name)),
            }
        }
    }
    TaskError::of(failures)
}

fn told(figures: &Figures, (kind, outcome): (&'static str, &'static str), file: &Waiting, lines: u64, breaks: i64) {
    figures.file(kind, outcome);
    tracing::info!(
        task = "inbox",
        kind,
        file = file.name,
        outcome,
        lines,
        breaks,
        "file looked at"
    );
}

fn kind(inbox: &Inbox) -> &'static str {
    match inbox.kind {
        InboxKind::Events => "events",
        InboxKind::Settlement { .. } => "settlement",
        InboxKind::Bank { .. } => "bank",
    }
}

/// What lies in an inbox and is whole, by name.
fn waiting(inbox: &Inbox, settled: DateTime<Utc>) -> io::Result<Vec<Waiting>> {
    let mut found = Vec::new();
    for path in listed(&inbox.path)? {
        let Some(name) = path.file_name() else { continue };
        let shown = name.to_string_lossy();
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            // Somebody took it away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let is_report = metadata.is_dir() && matches!(inbox.kind, InboxKind::Settlement { .. });
        let files = if metadata.is_file() {
            vec![path.clone()]
        } else if is_report && shown != DONE && shown != REFUSED {
            listed(&path)?
        } else {
            continue;
        };
        if files.is_empty() || !is_settled(&metadata, settled)? || !all_settled(&files, settled)? {
            continue;
        }
        found.push(Waiting {
            name: mask(&shown).into_owned(),
            seen: Seen::of(&metadata),
            files,
            path,
        });
    }
    Ok(found)
}

/// What of a directory has a name that is for us, by name.
fn listed(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !name.ends_with(".tmp") && !name.ends_with(".part") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_settled(found: &Metadata, settled: DateTime<Utc>) -> io::Result<bool> {
    Ok(DateTime::<Utc>::from(found.modified()?) <= settled)
}

fn all_settled(files: &[PathBuf], settled: DateTime<Utc>) -> io::Result<bool> {
    for file in files {
        let found = fs::symlink_metadata(file)?;
        if !found.is_file() || !is_settled(&found, settled)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Moves a file to a folder of its inbox, for good; before it, what there is to say of it.
fn put(inbox: &Inbox, file: &Waiting, folder: &str, note: Option<&str>) -> io::Result<()> {
    let unchanged = match fs::symlink_metadata(&file.path) {
        Ok(found) => Seen::of(&found) == file.seen,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if !unchanged {
        // Another worker has moved it, or another file of its name has come: that one is looked at next time.
        return Ok(());
    }
    let folder = inbox.path.join(folder);
    match fs::create_dir(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    let free = (1_u32..).find_map(|number| {
        let name = match number {
            1 => name.clone().into_owned(),
            number => format!("{name}.{number}"),
        };
        let place = folder.join(&name);
        (!place.exists()).then_some((place, folder.join(format!("{name}.txt"))))
    });
    let Some((place, beside)) = free else {
        return Err(io::ErrorKind::AlreadyExists.into());
    };
    if let Some(note) = note {
        crate::whole_file::write(&beside, &mut |out| writeln!(out, "{}", mask(note)))?;
    }
    fs::rename(&file.path, &place)?;
    File::open(&folder)?.sync_all()?;
    File::open(&inbox.path)?.sync_all()
}

async fn take(run: &Run<'_>, inbox: &Inbox, file: &Waiting) -> Result<Found, TaskError> {
    match &inbox.kind {
        InboxKind::Events => take_events(run, file).await,
        InboxKind::Settlement { acquirer, format } => take_settlement(run, file, acquirer, format.as_deref()).await,
        InboxKind::Bank { account, format } => take_statements(run, file, account.as_deref(), format.as_deref()).await,
    }
}

async fn take_events(run: &Run<'_>, file: &Waiting) -> Result<Found, TaskError> {
    let events = match EventFile::open(&file.path) {
        Ok(events) => events,
        Err(ClaimError::File(error)) => return Ok(unread(error).into()),
        Err(error @ (ClaimError::Malformed { .. } | ClaimError::Twice { .. } | ClaimError::Differs { .. })) => {
            return Ok(Became::Refused(said(&error)).into());
        }
    };
    let mut rejects = Vec::new();
    let mut each = |_: Tally, rejected: Vec<Rejected>| {
        let room = SHOWN.saturating_sub(rejects.len());
        rejects.extend(rejected.into_iter().take(room));
        Ok(())
    };
    let tally = match run.store.record(run.deployment, &events, &mut each).await {
        Ok(tally) => tally,
        Err(RecordError::Store(error)) => return Ok(failed(error)?.into()),
        Err(RecordError::File { error, .. }) => return Ok(unread(error).into()),
        Err(RecordError::Changed(_)) => return Ok(Became::Unfinished.into()),
        Err(error @ RecordError::Rejected { .. }) => return Ok(Became::Failed(said(&error)).into()),
    };
    let note = (tally.rejected > 0).then(|| {
        let mut note = format!(
            "{} of its events were rejected; all others are recorded",
            tally.rejected
        );
        for reject in &rejects {
            let Rejected {
                line,
                rule,
                field,
                reference,
                reason,
            } = reject;
            note.push_str(&format!("\nline {line}: {rule} {field} {reference}: {reason}"));
        }
        note
    });
    let taken = tally.recorded.saturating_add(tally.replayed);
    let became = match note {
        Some(note) if taken == 0 => Became::Refused(note),
        note => Became::Done(note),
    };
    Ok(Found {
        became: Some(became),
        lines: taken.saturating_add(tally.rejected),
        breaks: 0,
    })
}

async fn take_settlement(
    run: &Run<'_>,
    file: &Waiting,
    acquirer: &str,
    format: Option<&str>,
) -> Result<Found, TaskError> {
    let profiles = run.deployment.profiles(None);
    let format = match format.map(|name| (name, Reading::from_name(name, &profiles))) {
        None => None,
        Some((_, Some(reading))) => Some(reading),
        Some((name, None)) => return Ok(Became::Failed(format!("`{name}` is no format and no profile")).into()),
    };
    let (first, others) = file.files.split_first().unwrap_or((&file.path, &[]));
    let opened = SettlementFile::open(first).and_then(|first| first.with(others));
    let settlement = match opened {
        Ok(settlement) => settlement.in_format(format).with_profiles(&profiles),
        Err(error) => return Ok(unread(error).into()),
    };
    let request = Request {
        file: &settlement,
        acquirer,
        as_of: None,
        today: run.today(),
    };
    let found = match run.store.reconcile(run.deployment, &request, &|_| {}).await {
        Ok(found) => found,
        Err(
            ReconcileError::Store(error)
            | ReconcileError::Undo(UndoError::Store(error))
            | ReconcileError::Receipts(DeskError::Store(error)),
        ) => {
            return Ok(failed(error)?.into());
        }
        Err(ReconcileError::File { error, .. }) => return Ok(unread(error).into()),
        Err(ReconcileError::Changed(_)) => return Ok(Became::Unfinished.into()),
        Err(error @ (ReconcileError::UnknownAcquirer(_) | ReconcileError::Receipts(_))) => {
            return Ok(Became::Failed(said(&error)).into());
        }
        Err(
            error @ (ReconcileError::NoSettings(_)
            | ReconcileError::OfAnother { .. }
            | ReconcileError::Undo(_)
            | ReconcileError::Amount(_)
            | ReconcileError::Limit { .. }),
        ) => return Ok(Became::Refused(said(&error)).into()),
        Err(error @ ReconcileError::NoDay(_)) => {
            let why = format!("{}: reconcile it by hand, with --as-of DATE", said(&error));
            return Ok(Became::Refused(why).into());
        }
    };
    let became = match &found.outcome {
        FileOutcome::Booked | FileOutcome::AlreadyBooked => Became::Done(None),
        FileOutcome::Duplicate { first_name, acquirer } => Became::Refused(format!(
            "DUPLICATE_FILE: its content came before as {first_name} of {acquirer}; nothing was posted"
        )),
        FileOutcome::Quarantined { reason } => {
            let mut why = format!("quarantined, nothing was posted: {reason}");
            for Reject {
                line, column, reason, ..
            } in found.rejected.iter().take(SHOWN)
            {
                let column = column.as_deref().map(|column| format!(", {column}"));
                why.push_str(&format!("\nline {line}{}: {reason}", column.unwrap_or_default()));
            }
            Became::Refused(why)
        }
    };
    let breaks = found.breaks.iter().map(|(_, count)| *count);
    Ok(Found {
        became: Some(became),
        lines: u64::try_from(found.lines).unwrap_or(0),
        breaks: breaks.fold(0, i64::saturating_add),
    })
}

async fn take_statements(
    run: &Run<'_>,
    file: &Waiting,
    account: Option<&str>,
    format: Option<&str>,
) -> Result<Found, TaskError> {
    let statements = match StatementFile::open(&file.path) {
        Ok(statements) => statements.in_format(format.and_then(crate::bank::format::Format::parse)),
        Err(error) => return Ok(unread(error).into()),
    };
    let request = bank::Request {
        file: &statements,
        account,
        today: run.today(),
    };
    let loaded = match run.store.load_statements(run.deployment, &request).await {
        Ok(loaded) => loaded,
        Err(
            BankError::Store(error)
            | BankError::Payout(PayoutError::Store(error))
            | BankError::Suspended(DeskError::Store(error)),
        ) => {
            return Ok(failed(error)?.into());
        }
        Err(BankError::File { error, .. }) => return Ok(unread(error).into()),
        Err(error @ BankError::Suspended(_)) => return Ok(Became::Failed(said(&error)).into()),
        Err(BankError::Changed(_)) => return Ok(Became::Unfinished.into()),
        Err(
            error @ (BankError::NoSettings
            | BankError::OtherAccount { .. }
            | BankError::Overlaps { .. }
            | BankError::Amount(_)
            | BankError::Payout(_)
            | BankError::Unknown(_)),
        ) => return Ok(Became::Refused(said(&error)).into()),
    };
    let became = match &loaded.outcome {
        bank::Outcome::Booked | bank::Outcome::AlreadyBooked(_) => Became::Done(None),
        bank::Outcome::Quarantined(reason) => {
            let mut why = format!("quarantined, nothing was posted: {reason}");
            for reject in loaded.rejected.iter().take(SHOWN) {
                why.push_str(&format!("\nline {}, {}: {}", reject.line, reject.place, reject.reason));
            }
            Became::Refused(why)
        }
    };
    let breaks = loaded.breaks.iter().map(|(_, count)| *count);
    Ok(Found {
        became: Some(became),
        lines: u64::try_from(loaded.entries).unwrap_or(0),
        breaks: breaks.fold(0, i64::saturating_add),
    })
}

/// A file that cannot be read: by what is in it, or because the file system failed.
fn unread(error: FileError) -> Became {
    let why = said(&error);
    match error {
        FileError::Io(error) if !is_of_content(&error) => Became::Failed(why),
        FileError::Io(_) | FileError::Malformed { .. } | FileError::Damaged { .. } => Became::Refused(why),
    }
}

/// What a packed file that is cut off or spoiled is told as.
fn is_of_content(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
    )
}

/// A failure of the database: the run ends with it, or this file alone stays.
fn failed(error: StoreError) -> Result<Became, TaskError> {
    if stops(&error) {
        return Err(TaskError::Store(error));
    }
    Ok(Became::Failed(said(&error)))
}
