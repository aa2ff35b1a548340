//! Settlement files after they were taken in: lists, release, rejection.
//!
//! A file stands as its decisions say (`settlement_file_state`): booked, quarantined, rejected, undone, or superseded by another
//! one.
//!
//! Releasing a quarantined file books it in spite of what is wrong with its totals, or in the place of booked files that hold a
//! batch of it; those are undone in the same transaction (`undo`), unless it is released beside them. It takes two people: who
//! presented the file, by running its reconciliation under their name or by asking for its release first, and somebody else. A
//! file with rows that cannot be read is never released: nobody knows what is not booked then.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;

use super::undo::{self, UndoError, Undone};
use super::{FileOutcome, ReconcileError, Reconciliation, Run, book, intake, report, report_of, returned};
use crate::acquirer::{checkout, stripe};
use crate::ids::{AcquirerId, SYSTEM, SourceId};
use crate::store::settings::Deployment;
use crate::store::source::tag;
use crate::store::{Retriable, Store, StoreError, Tx};

/// A settlement file as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Its source.
    pub source: SourceId,
    /// Which time its content was taken in.
    pub run: i16,
    /// Its name.
    pub name: String,
    /// The SHA-256 of its content.
    pub digest: Vec<u8>,
    /// The acquirer's row.
    pub acquirer_id: AcquirerId,
    /// The acquirer.
    pub acquirer: String,
    /// Its format, where it is known.
    pub format: Option<String>,
    /// booked, quarantined, rejected, undone or superseded.
    pub state: String,
    /// Why it was quarantined.
    pub reason: Option<String>,
    /// The day it is about.
    pub as_of: Option<NaiveDate>,
    /// Lines read.
    pub lines: i64,
    /// Rows that could not be read.
    pub rejects: i64,
    /// Its batches.
    pub batches: i64,
    /// Breaks that it showed.
    pub breaks: i64,
    /// Those of them that are not resolved.
    pub unresolved: i64,
    /// When it was taken in.
    pub taken_in: DateTime<Utc>,
    /// Who presented it.
    pub presented_by: Option<String>,
    /// The last decision about it: what, by whom, why, when.
    pub decided: Option<Decided>,
    /// The file that took its place.
    pub superseded_by: Option<String>,
    /// The source of the entries that reverse it.
    pub undone_in: Option<SourceId>,
}

/// What somebody decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// rejected, released or undone.
    pub what: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Which files are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Those of this acquirer.
    pub acquirer: Option<&'a str>,
    /// Those that stand so.
    pub state: Option<&'a str>,
    /// Those of this name, or whose digest begins so.
    pub file: Option<&'a str>,
}

/// What is asked of a quarantined file.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The file: its name, or the beginning of its digest.
    pub file: &'a str,
    /// Who asks.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Whether a release leaves booked files that hold a batch of it as they are: what it has is not what they have.
    pub beside: bool,
}

/// What a release came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Nobody is known to have presented the file: whoever asked is now, and somebody else has to release it.
    Presented(KnownFile),
    /// Booked (or, in a plan, would be).
    Booked {
        /// The file, as it stood before.
        file: KnownFile,
        /// The files that were undone for it.
        superseded: Vec<KnownFile>,
        /// What its booking came to.
        found: Reconciliation,
    },
    /// Released before; nothing was done.
    Before {
        /// The file.
        file: KnownFile,
        /// What its booking came to.
        found: Reconciliation,
    },
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not known, or what it takes the place of cannot be undone.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// It cannot be booked.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// Nothing to decide.
    #[error("{name} is {state}, not quarantined")]
    NotQuarantined {
        /// The file.
        name: String,
        /// How it stands.
        state: String,
    },
    /// Rows are missing.
    #[error("{name} has rows that cannot be read ({rejects}): it is never booked")]
    HasRejects {
        /// The file.
        name: String,
        /// How many.
        rejects: i64,
    },
    /// Nothing in it.
    #[error("{0} has no lines and no day: there is nothing to book")]
    Empty(String),
    /// The same person on both sides.
    #[error("{by} presented {name}; somebody else has to release it")]
    OnePerson {
        /// The file.
        name: String,
        /// Who.
        by: String,
    },
}

impl Retriable for FilesError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::Undo(error) => error.is_retriable(),
            Self::Reconcile(error) => error.is_retriable(),
            Self::NotQuarantined { .. } | Self::HasRejects { .. } | Self::Empty(_) | Self::OnePerson { .. } => false,
        }
    }
}

impl Store {
    /// Settlement files as they stand, in the order in which they were taken in.
    pub async fn settlement_files(&self, filter: Filter<'_>) -> Result<Vec<KnownFile>, StoreError> {
        self.rehearse(async |tx: &mut Tx| list(tx, filter, None).await).await
    }

    /// The latest settlement file of a name, or whose digest begins so.
    pub async fn settlement_file(&self, file: &str) -> Result<KnownFile, UndoError> {
        self.rehearse(async |tx: &mut Tx| latest(tx, file).await).await
    }

    /// Shows what [`Store::release_file`] would do, and does nothing.
    pub async fn plan_file_release(
        &self,
        deployment: &Deployment,
        request: &Request<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Release, FilesError> {
        self.rehearse(async |tx: &mut Tx| release(tx, deployment, request, progress).await)
            .await
    }

    /// Books a quarantined file in spite of its totals, and in the place of the booked files that hold a batch of it, or beside
    /// them; all of it in one transaction. Releasing it again changes nothing.
    pub async fn release_file(
        &self,
        deployment: &Deployment,
        request: &Request<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Release, FilesError> {
        let released = self
            .transact(async |tx: &mut Tx| release(tx, deployment, request, progress).await)
            .await?;
        if !matches!(released, Release::Presented(_)) {
            self.match_receipts(deployment).await.map_err(ReconcileError::from)?;
        }
        Ok(released)
    }

    /// Closes a quarantined file and its breaks: it is not booked, unless somebody releases it after all. Says how it stood; a
    /// file that was rejected before stays as it is.
    pub async fn reject_file(&self, request: &Request<'_>) -> Result<KnownFile, FilesError> {
        self.transact(async |tx: &mut Tx| {
            let file = find(tx, request.file).await?;
            match file.state.as_str() {
                "rejected" => {}
                "quarantined" => {
                    decide(
                        tx,
                        file.source,
                        "rejected",
                        request.by,
                        Some(request.reason),
                        (None, None),
                    )
                    .await?;
                    close_breaks(tx, file.source, "rejected", request.by).await?;
                }
                _ => {
                    return Err(FilesError::NotQuarantined {
                        name: file.name,
                        state: file.state,
                    });
                }
            }
            Ok(file)
        })
        .await
    }
}

async fn list(tx: &mut Tx, filter: Filter<'_>, source: Option<i64>) -> Result<Vec<KnownFile>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../../schema/queries/files_list.sql"),
            &[&filter.acquirer, &filter.state, &filter.file, &source],
        )
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<KnownFile, StoreError> {
    let digest: Vec<u8> = row.try_get("digest")?;
    let decision: Option<String> = row.try_get("decision")?;
    let decided = decision
        .map(|what| {
            Ok::<_, StoreError>(Decided {
                what,
                by: row.try_get("decided_by")?,
                reason: row.try_get("decided_for")?,
                at: row.try_get("decided_at")?,
            })
        })
        .transpose()?;
    Ok(KnownFile {
        source: SourceId(row.try_get("source_id")?),
        run: row.try_get("run")?,
        name: row.try_get("name")?,
        digest,
        acquirer_id: AcquirerId(row.try_get("acquirer_id")?),
        acquirer: row.try_get("acquirer")?,
        format: row.try_get("format")?,
        state: row.try_get("state")?,
        reason: row.try_get("reason")?,
        as_of: row.try_get("as_of")?,
        lines: row.try_get("lines")?,
        rejects: row.try_get("rejects")?,
        batches: row.try_get("batches")?,
        breaks: row.try_get("breaks")?,
        unresolved: row.try_get("unresolved")?,
        taken_in: row.try_get("recorded_at")?,
        presented_by: row.try_get("presented_by")?,
        decided,
        superseded_by: row.try_get("superseded_by")?,
        undone_in: row.try_get::<_, Option<i64>>("run_id")?.map(SourceId),
    })
}

impl KnownFile {
    /// The beginning of its digest, and its run where that is not the first: what entries name it by.
    pub fn tag(&self) -> String {
        tag(&self.digest, self.run)
    }
}

/// The latest run of the one content that a name or digest tells.
pub(super) async fn latest(tx: &mut Tx, file: &str) -> Result<KnownFile, UndoError> {
    let filter = Filter {
        file: Some(file),
        ..Filter::default()
    };
    let found = list(tx, filter, None).await?;
    let digests: BTreeSet<String> = found.iter().map(|file| tag(&file.digest, 1)).collect();
    if digests.len() > 1 {
        return Err(UndoError::Ambiguous {
            file: file.to_owned(),
            count: digests.len(),
            digests: digests.into_iter().collect::<Vec<_>>().join(", "),
        });
    }
    found
        .into_iter()
        .next_back()
        .ok_or_else(|| UndoError::Unknown(file.to_owned()))
}

/// The same, as it stands when its acquirer is locked.
pub(super) async fn find(tx: &mut Tx, file: &str) -> Result<KnownFile, UndoError> {
    let acquirer = latest(tx, file).await?.acquirer_id;
    let lock = include_str!("../../../schema/queries/acquirer_lock.sql");
    tx.query(lock, &[&acquirer.0]).await?;
    latest(tx, file).await
}

/// Keeps what somebody decided; once a file. `of_undoing` is what takes its place, and the source of the reversals.
pub(super) async fn decide(
    tx: &mut Tx,
    source: SourceId,
    decision: &str,
    by: &str,
    reason: Option<&str>,
    of_undoing: (Option<SourceId>, Option<SourceId>),
) -> Result<(), StoreError> {
    let (superseded_by, run) = of_undoing;
    let presented_by: Option<String> = None;
    let insert = include_str!("../../../schema/queries/file_decide.sql");
    tx.execute(
        insert,
        &[
            &source.0,
            &decision,
            &by,
            &reason,
            &presented_by,
            &superseded_by.map(|source| source.0),
            &run.map(|source| source.0),
        ],
    )
    .await?;
    Ok(())
}

/// Closes the run of a file in quarantine that was read again: the other one stands for both.
pub(super) async fn read_again(tx: &mut Tx, quarantined: Option<SourceId>, again: SourceId) -> Result<(), StoreError> {
    let Some(earlier) = quarantined else {
        return Ok(());
    };
    let why = Some("it came again, and was read again");
    decide(tx, earlier, "undone", SYSTEM, why, (Some(again), Some(again))).await?;
    close_breaks(tx, earlier, "undone", SYSTEM).await
}

async fn close_breaks(tx: &mut Tx, source: SourceId, resolution: &str, by: &str) -> Result<(), StoreError> {
    let close = include_str!("../../../schema/queries/breaks_of_file_close.sql");
    tx.execute(close, &[&source.0, &resolution, &by]).await?;
    Ok(())
}

/// What has no batch is in one of a reader's making: of the same name in every file, and another one in each.
pub(super) fn made_up(format: Option<&str>) -> Vec<&str> {
    let mut names = vec![stripe::NO_PAYOUT, checkout::NO_PAYOUT];
    names.extend(format);
    names
}

/// Booked files that hold a batch of this one, of which both say what is paid, or half of its lines, or state the same balances:
/// source, name, what both have.
pub(super) async fn superseded(
    tx: &mut Tx,
    source: SourceId,
    acquirer: AcquirerId,
    format: Option<&str>,
) -> Result<Vec<(SourceId, String, String)>, StoreError> {
    const SAMPLE: i32 = 2_000;
    let sql = include_str!("../../../schema/queries/superseded_files.sql");
    let rows = tx
        .query(sql, &[&source.0, &acquirer.0, &made_up(format), &SAMPLE])
        .await?;
    rows.iter()
        .map(|row| Ok((SourceId(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?)))
        .collect()
}

async fn release(
    tx: &mut Tx,
    deployment: &Deployment,
    request: &Request<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Release, FilesError> {
    let file = find(tx, request.file).await?;
    let released = file.decided.as_ref().is_some_and(|decided| decided.what == "released");
    if released {
        let found = report(tx, FileOutcome::AlreadyBooked, file.source).await?;
        return Ok(Release::Before { file, found });
    }
    let as_of = releasable(&file)?;
    match &file.presented_by {
        None => {
            decide(tx, file.source, "presented", request.by, None, (None, None)).await?;
            return Ok(Release::Presented(file));
        }
        Some(by) if by == request.by => {
            return Err(FilesError::OnePerson {
                name: file.name.clone(),
                by: by.clone(),
            });
        }
        Some(presented_by) => keep_release(tx, &file, request, presented_by).await?,
    }
    let (superseded, taking_place_of) = if request.beside {
        (Vec::new(), Vec::new())
    } else {
        undo_earlier(tx, &file, request).await?
    };
    close_breaks(tx, file.source, "released", request.by).await?;
    let unknown = || ReconcileError::UnknownAcquirer(file.acquirer.clone());
    let settings = deployment.in_force(as_of).ok_or(ReconcileError::NoSettings(as_of))?;
    let acquirer = settings.acquirers.get(file.acquirer.as_str()).ok_or_else(unknown)?;
    let run = Run {
        tag: file.tag(),
        source: file.source,
        format: file.format.clone(),
        acquirer_id: file.acquirer_id,
        settings,
        acquirer,
        is_open: Box::new(deployment.business_days(acquirer.calendar())),
        as_of,
        taking_place_of,
    };
    let mut taken = intake::taken_again(tx, file.source).await?;
    let tally = book(tx, deployment, &run, &mut taken, progress).await?;
    returned::settle(tx, &run, &taken.carried).await?;
    let found = report_of(tx, FileOutcome::Booked, file.source, tally).await?;
    Ok(Release::Booked {
        file,
        superseded,
        found,
    })
}

/// The day of a file that may be released.
fn releasable(file: &KnownFile) -> Result<NaiveDate, FilesError> {
    let name = || file.name.clone();
    if !matches!(file.state.as_str(), "quarantined" | "rejected") {
        return Err(FilesError::NotQuarantined {
            name: name(),
            state: file.state.clone(),
        });
    }
    if file.rejects > 0 {
        return Err(FilesError::HasRejects {
            name: name(),
            rejects: file.rejects,
        });
    }
    file.as_of.ok_or_else(|| FilesError::Empty(name()))
}

async fn keep_release(
    tx: &mut Tx,
    file: &KnownFile,
    request: &Request<'_>,
    presented_by: &str,
) -> Result<(), StoreError> {
    let none: Option<i64> = None;
    let insert = include_str!("../../../schema/queries/file_decide.sql");
    tx.execute(
        insert,
        &[
            &file.source.0,
            &"released",
            &request.by,
            &request.reason,
            &presented_by,
            &none,
            &none,
        ],
    )
    .await?;
    Ok(())
}

/// Undoes the booked files whose place a file takes, but for their entries: these follow when all books are locked.
async fn undo_earlier(
    tx: &mut Tx,
    file: &KnownFile,
    request: &Request<'_>,
) -> Result<(Vec<KnownFile>, Vec<Undone>), FilesError> {
    let earlier = superseded(tx, file.source, file.acquirer_id, file.format.as_deref()).await?;
    let sources: BTreeSet<SourceId> = earlier.into_iter().map(|(source, ..)| source).collect();
    let (mut files, mut undone) = (Vec::new(), Vec::new());
    for source in sources {
        for earlier in list(tx, Filter::default(), Some(source.0)).await? {
            let request = undo::Request {
                file: request.file,
                by: request.by,
                reason: Some(request.reason),
                on: None,
            };
            undone.push(undo::take_apart(tx, &earlier, &request, Some(file.source)).await?);
            files.push(earlier);
        }
    }
    Ok((files, undone))
}
