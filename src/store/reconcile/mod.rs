//! Reconciling an acquirer's settlement file: one transaction a file, booked whole or not at all.
//!
//! 1. Lock the acquirer: it has one reconciliation at a time, so no two files match one item, and nobody takes away or changes an
//!    open item that matching has read (`store::acquirers`).
//! 2. Intake (`intake`): stream the file into `settlement_line`; a file that is known, has rejects or does not add up ends here.
//! 3. Match (`matching`): for each pass, SQL streams candidates ordered by key, `recon::matching` decides each group,
//!    matches and breaks go back with COPY, chunk by chunk. What matched lines book is summed by (batch, book) meanwhile, and
//!    their costs are held to the contract (`costs`).
//! 4. Where authorizations of the acquirer have an unknown outcome, undecided lines that report such a payment are the answer
//!    (`unknown`): authorization and capture are recorded, after locking all books that are concerned, and matching runs again
//!    within those books.
//! 5. Hold what is tolerated of the gross of lines to what a batch and a month may differ by (`tolerance`), and what batches
//!    withhold as reserve to the contract (`withheld`). Lock the books that are concerned,
//!    the house first.
//! 6. Post (`posting`): every line nobody knows becomes an entry of the house's book; then one entry for each (batch, book), and
//!    what it withholds goes into tranches of reserves.
//! 7. Look for payouts of earlier batches that came back with this file (`returned`), and for items that should have been reported
//!    by now.
//!
//! Receipts that came before their batch was known are matched with it in a transaction of their own (`store::bank`).
//!
//! A plan is the same transaction, rolled back: it shows exactly what executing will do. Memory holds a bit for each line and the
//! sums of each (batch, book), whatever the size of the file.

pub(in crate::store) mod costs;
pub mod explain;
pub mod files;
pub(in crate::store) mod intake;
mod keys;
pub mod line;
mod matching;
mod posting;
mod returned;
pub mod sequence;
mod tolerance;
pub mod undo;
mod unknown;
mod withheld;

use matching::Tally;
pub(in crate::store) use matching::{
    BreakRow, differences, misconversion, read_line, record_type, write_batch_break, write_breaks,
};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use sha2::{Digest, Sha256};

use super::breaks::DeskError;
use super::settings::Deployment;
use super::source::{Source, SourceKind, source_again, source_of, tag};
use super::{Retriable, Store, StoreError, Tx, currency};
use crate::acquirer::Reject;
use crate::acquirer::format::Reading;
use crate::acquirer::mapping::Profile;
use crate::delimited::FileError;
use crate::ids::{AcquirerId, SourceId};
use crate::money::{AmountError, Currency};
use crate::payment::lifecycle::receivable;
use crate::recon::booking::Counterparty;
use crate::recon::breaks::BreakClass;
use crate::recon::matching::{Pass, Timing};
use crate::settings::{self, Unproven};

/// How many rejects of a file are kept; all are counted.
pub const REJECT_LIMIT: usize = 10_000;

/// A settlement file and its digest.
#[derive(Debug, Clone)]
pub struct SettlementFile {
    paths: Vec<PathBuf>,
    name: String,
    digest: [u8; 32],
    format: Option<Reading>,
    profiles: Vec<Arc<Profile>>,
    presented_by: Option<String>,
}

impl SettlementFile {
    /// Reads a file once, for its digest.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            paths: vec![path.to_owned()],
            name: crate::card_number::mask(&name).into_owned(),
            digest: intake::digest_of(path)?,
            format: None,
            profiles: Vec::new(),
            presented_by: None,
        })
    }

    /// The same together with further files that make one report: its next ones, or those that prove it. They are taken in as one
    /// file, by the name of the first and a digest of all.
    pub fn with(self, paths: &[PathBuf]) -> Result<Self, FileError> {
        let mut digests = vec![self.digest];
        for path in paths {
            digests.push(intake::digest_of(path)?);
        }
        Ok(Self {
            paths: self.paths.into_iter().chain(paths.iter().cloned()).collect(),
            digest: together(&digests),
            ..self
        })
    }

    /// The same, to be read in this format whatever it looks like.
    #[must_use]
    pub fn in_format(self, format: Option<Reading>) -> Self {
        Self { format, ..self }
    }

    /// The same, presented by somebody: if it is quarantined, somebody else may release it.
    #[must_use]
    pub fn presented_by(self, name: Option<String>) -> Self {
        Self {
            presented_by: name,
            ..self
        }
    }

    /// The same, to be read by one of these profiles where it fits one and no format.
    #[must_use]
    pub fn with_profiles(self, profiles: &[Arc<Profile>]) -> Self {
        let profiles = profiles.to_vec();
        Self { profiles, ..self }
    }

    /// Its name without folders, card numbers masked.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first 16 hexadecimal digits of its SHA-256.
    pub fn short_digest(&self) -> String {
        tag(&self.digest, 1)
    }
}

/// The digest of one file is its own, that of several the digest of theirs.
fn together(digests: &[[u8; 32]]) -> [u8; 32] {
    match digests {
        [digest] => *digest,
        _ => Sha256::digest(digests.concat()).into(),
    }
}

/// What a reconciliation is asked to do.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The file.
    pub file: &'a SettlementFile,
    /// The acquirer, as settings name it.
    pub acquirer: &'a str,
    /// The day the file is about; the latest day on its lines where none is given.
    pub as_of: Option<NaiveDate>,
    /// The day on which it is: a file that is about what has not come is quarantined, for nothing may be booked on such a day.
    pub today: NaiveDate,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOutcome {
    /// Booked (or, in a plan, would be).
    Booked,
    /// Booked by an earlier run; nothing was done.
    AlreadyBooked,
    /// The same content was taken in under another name or for another acquirer; nothing was posted.
    Duplicate {
        /// The name under which it came first.
        first_name: String,
        /// The acquirer for which it came first.
        acquirer: String,
    },
    /// Nothing was posted: it cannot be read, or does not add up.
    Quarantined {
        /// Why.
        reason: String,
    },
}

/// The sums of one batch of a file, in minor units of its net currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSummary {
    /// The settlement batch.
    pub batch: String,
    /// The net currency.
    pub currency: Currency,
    /// Lines without the payout's.
    pub lines: i64,
    /// Σ gross of captures, refunds and chargebacks, converted where they were in another currency.
    pub gross: i64,
    /// Σ costs and their tax.
    pub costs: i64,
    /// Σ of lines that belong to no payment, before their costs; less what is withheld as reserve of those that do.
    pub other: i64,
    /// Σ net: what the acquirer owes us for the batch.
    pub net: i64,
    /// What the payout rows say.
    pub payout: i64,
}

impl BatchSummary {
    fn empty(batch: &str, currency: Currency) -> Self {
        Self {
            batch: batch.to_owned(),
            currency,
            lines: 0,
            gross: 0,
            costs: 0,
            other: 0,
            net: 0,
            payout: 0,
        }
    }
}

/// What a reconciliation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// What became of the file.
    pub outcome: FileOutcome,
    /// The name of its format, or of the profile that it was read by.
    pub format: Option<String>,
    /// The day the file is about.
    pub as_of: Option<NaiveDate>,
    /// Lines read.
    pub lines: i64,
    /// Rows that could not be read.
    pub rejects: i64,
    /// The first [`REJECT_LIMIT`] of them.
    pub rejected: Vec<Reject>,
    /// Columns of the file that nothing reads, when it was read just now.
    pub unknown_columns: Vec<String>,
    /// It states nothing that its lines could be held to, when it was read just now.
    pub is_unproven: bool,
    /// Lines matched, by pass.
    pub matches: Vec<(Pass, i64)>,
    /// Matched lines whose days differ from their items', by how.
    pub timing: Vec<(Timing, i64)>,
    /// Breaks that this file showed, by class.
    pub breaks: Vec<(BreakClass, i64)>,
    /// Its batches.
    pub batches: Vec<BatchSummary>,
}

/// Why a file was not reconciled. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file is not what it should be.
    #[error("{name} cannot be read as a settlement file")]
    File {
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        error: FileError,
    },
    /// Settings have no such acquirer.
    #[error("acquirer `{0}` is not in the settings")]
    UnknownAcquirer(String),
    /// No settings govern the day.
    #[error("no settings are in force on {0}")]
    NoSettings(NaiveDate),
    /// A file without lines, of any day.
    #[error("{0} has no lines, and nothing in it says of which day it is")]
    NoDay(String),
    /// It is another acquirer's.
    #[error(
        "no line of the file is of {acquirer}, and {lines} of them name payments of {other}: it is a file of {other}"
    )]
    OfAnother {
        /// The acquirer that was named.
        acquirer: String,
        /// The acquirer whose payments it reports.
        other: String,
        /// How many lines, of the first thousand.
        lines: i64,
    },
    /// It was written to while it was read.
    #[error("{0} changed while it was read")]
    Changed(String),
    /// What it takes the place of cannot be undone.
    #[error(transparent)]
    Undo(#[from] undo::UndoError),
    /// It is booked, and receipts in suspense are not matched with it.
    #[error("the file is booked, and receipts in suspense could not be matched with its batches")]
    Receipts(#[from] DeskError),
    /// An amount beyond 64-bit minor units.
    #[error("the file's amounts cannot be booked")]
    Amount(#[from] AmountError),
    /// A hostile or broken file.
    #[error("more than {limit} {what}; this is no settlement file that can be matched")]
    Limit {
        /// Of what.
        what: String,
        /// The limit.
        limit: usize,
    },
}

impl Retriable for ReconcileError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::Undo(error) => error.is_retriable(),
            Self::Receipts(error) => error.is_retriable(),
            Self::File { .. }
            | Self::Changed(_)
            | Self::UnknownAcquirer(_)
            | Self::NoSettings(_)
            | Self::NoDay(_)
            | Self::OfAnother { .. }
            | Self::Amount(_)
            | Self::Limit { .. } => false,
        }
    }
}

/// One reconciliation while it runs.
struct Run<'a> {
    /// What its entries name it by.
    tag: String,
    source: SourceId,
    /// Its format, or profile.
    format: Option<String>,
    acquirer_id: AcquirerId,
    settings: &'a settings::Settings,
    acquirer: &'a settings::Acquirer,
    /// On which days it does business.
    is_open: Box<dyn Fn(NaiveDate) -> bool + Send + Sync>,
    as_of: NaiveDate,
    /// The files whose place it takes: their entries are reversed with its own.
    taking_place_of: Vec<undo::Undone>,
}

impl<'a> Run<'a> {
    fn counterparty(&self) -> Counterparty<'a> {
        Counterparty {
            acquirer: self.acquirer,
            receivable: receivable(self.acquirer.kind),
        }
    }
}

impl Store {
    /// Shows what [`Store::reconcile`] would do, and does nothing.
    pub async fn plan_reconciliation(
        &self,
        deployment: &Deployment,
        request: &Request<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Reconciliation, ReconcileError> {
        let late = match deployment.acquirer(request.acquirer) {
            Some(acquirer) => self.plan_late(deployment, acquirer).await?,
            None => Vec::new(),
        };
        let (books, numbers): (Vec<i64>, Vec<i64>) = late.iter().map(|(book, number)| (book.0, number.0)).unzip();
        self.rehearse(async |tx: &mut Tx| {
            if let Some(acquirer) = deployment.acquirer(request.acquirer) {
                lock(tx, acquirer).await?;
                let without = include_str!("../../../schema/queries/open_items_withdraw.sql");
                tx.execute(without, &[&books, &numbers]).await?;
            }
            reconcile(tx, deployment, request, Known::Again, progress).await
        })
        .await
    }

    /// Takes a settlement file in, matches it, books it, and finds what is missing. Running it again changes nothing, unless it is
    /// in quarantine and is read otherwise now: by a mended profile, or for the acquirer that it is of.
    pub async fn reconcile(
        &self,
        deployment: &Deployment,
        request: &Request<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Reconciliation, ReconcileError> {
        // What was recorded since an earlier file is no missing item of this one.
        if let Some(acquirer) = deployment.acquirer(request.acquirer) {
            self.match_late(deployment, acquirer).await?;
        }
        let known = self.quarantined(deployment, request, progress).await?;
        let found = self
            .transact(async |tx: &mut Tx| reconcile(tx, deployment, request, known, progress).await)
            .await?;
        // What is booked may be what a receipt in suspense pays: by a transaction of its own, which a retry makes up for.
        if matches!(found.outcome, FileOutcome::Booked | FileOutcome::AlreadyBooked) {
            self.match_receipts(deployment).await?;
        }
        Ok(found)
    }
}

impl Store {
    /// What is done with a file, if it is in quarantine: it is read again where that books it, or tells something else of it; a
    /// release books what was read last.
    async fn quarantined(
        &self,
        deployment: &Deployment,
        request: &Request<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Known, ReconcileError> {
        let content = Content::of(request).await?;
        self.rehearse(async |tx: &mut Tx| {
            let latest =
                async |tx: &mut Tx| source_of(tx, SourceKind::Settlement, &request.file.name, &content.digest).await;
            let before = latest(tx).await?;
            if before.new {
                return Ok(Known::AsItStands);
            }
            let standing = stands(tx, &before).await?;
            if standing.state != "quarantined" {
                return Ok(Known::AsItStands);
            }
            let found = reconcile(tx, deployment, request, Known::Again, progress).await?;
            // For an acquirer that it cannot be booked for it does not leave the one that it is said to be of.
            let is_of_another = deployment.acquirer(request.acquirer) != Some(standing.acquirer);
            if is_of_another && found.outcome != FileOutcome::Booked {
                return Ok(Known::AsItStands);
            }
            let again = latest(tx).await?;
            let differ = include_str!("../../../schema/queries/readings_differ.sql");
            let differ = tx.query(differ, &[&before.id.0, &again.id.0]).await?;
            Ok(if differ.is_empty() {
                Known::AsItStands
            } else {
                Known::Again
            })
        })
        .await
    }
}

/// What is done with a file that is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It is told how it stands.
    AsItStands,
    /// It is read again.
    Again,
}

/// By what a file is known, and the day that it is said to be about.
struct Content {
    digest: [u8; 32],
    as_of: Option<NaiveDate>,
}

impl Content {
    async fn of(request: &Request<'_>) -> Result<Self, ReconcileError> {
        let (file, as_of) = (request.file, request.as_of);
        let empty = intake::empty(file, request.acquirer, as_of).await?;
        Ok(match empty {
            Some(empty) => Self {
                digest: empty.digest,
                as_of: Some(empty.day),
            },
            None => Self {
                digest: file.digest,
                as_of,
            },
        })
    }
}

/// How many days a file may be ahead: of houses where it is tomorrow already, and of days on which banks will pay.
const AHEAD: Days = Days::new(7);

/// Why a file that is about a day is not booked by another.
fn not_come(day: Option<NaiveDate>, today: NaiveDate) -> Option<String> {
    let last = today.checked_add_days(AHEAD).unwrap_or(NaiveDate::MAX);
    let day = day.filter(|day| *day > last)?;
    Some(format!(
        "a day on its lines, or that it is said to be about, is {day}, which has not come"
    ))
}

/// Why a file that nothing proves is held, where the settings say so.
fn unproven(
    deployment: &Deployment,
    acquirer: &str,
    as_of: Option<NaiveDate>,
    taken: &intake::Taken,
) -> Option<String> {
    let settings = as_of.map_or_else(|| deployment.latest(), |day| deployment.in_force(day))?;
    let held = settings.acquirers.get(acquirer)?.unproven == Unproven::Hold;
    (held && taken.claims.is_silent())
        .then(|| "it has no payout, total, count or balance that its lines could be held to".to_owned())
}

async fn reconcile(
    tx: &mut Tx,
    deployment: &Deployment,
    request: &Request<'_>,
    known: Known,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Reconciliation, ReconcileError> {
    let unknown = || ReconcileError::UnknownAcquirer(request.acquirer.to_owned());
    let acquirer_id = deployment.acquirer(request.acquirer).ok_or_else(unknown)?;
    let file = request.file;
    lock(tx, acquirer_id).await?;
    let content = Content::of(request).await?;
    let mut source = source_of(tx, SourceKind::Settlement, &file.name, &content.digest).await?;
    let mut quarantined = None;
    if !source.new {
        let mut standing = stands(tx, &source).await?;
        if standing.acquirer != acquirer_id {
            // Nobody releases it for the one while it is booked for the other. Out of order: a deadlock is run again.
            lock(tx, standing.acquirer).await?;
            standing = stands(tx, &source).await?;
        }
        if standing.state == "quarantined" && known == Known::Again {
            quarantined = Some(source.id);
        }
        if quarantined.is_some() || matches!(standing.state.as_str(), "undone" | "superseded") {
            source = source_again(tx, &source, SourceKind::Settlement, &file.name, &content.digest).await?;
        }
    }
    if !source.new {
        return taken_in_before(tx, acquirer_id, file, &source).await;
    }
    let mut taken = intake::take_in(tx, file, source.id, progress).await?;
    let gaps = sequence::balances(tx, acquirer_id, source.id, &mut taken).await?;
    let superseded = files::superseded(tx, source.id, acquirer_id, taken.format.as_deref()).await?;
    let earlier: Vec<SourceId> = superseded.iter().map(|(earlier, ..)| *earlier).collect();
    taken.prove(tx, (acquirer_id, source.id), &earlier).await?;
    let as_of = content.as_of.or(taken.claims.latest_day);
    let reason = taken
        .quarantine_reason()
        .or_else(|| intake::supersedes(&superseded))
        .or_else(|| unproven(deployment, request.acquirer, as_of, &taken))
        .or_else(|| not_come(as_of.max(taken.claims.latest_day), request.today));
    let (Some(as_of), None) = (as_of, &reason) else {
        let reason = reason.unwrap_or_else(|| "it does not say of which day it is".to_owned());
        taken.quarantine(tx, acquirer_id, source.id, as_of, &reason).await?;
        files::read_again(tx, quarantined, source.id).await?;
        intake::break_superseded(tx, acquirer_id, source.id, &superseded).await?;
        let settings = deployment.latest().map(|settings| &**settings);
        sequence::check(tx, settings, request.acquirer, acquirer_id, source.id, as_of, &gaps).await?;
        present(tx, file, source.id, quarantined).await?;
        let found = report(tx, FileOutcome::Quarantined { reason }, source.id).await?;
        return Ok(Reconciliation {
            rejected: taken.rejected,
            unknown_columns: taken.unknown_columns,
            is_unproven: taken.claims.is_silent(),
            ..found
        });
    };
    let settings: &Arc<settings::Settings> = deployment.in_force(as_of).ok_or(ReconcileError::NoSettings(as_of))?;
    let acquirer = settings.acquirers.get(request.acquirer).ok_or_else(unknown)?;
    let run = Run {
        tag: tag(&content.digest, source.run),
        source: source.id,
        format: taken.format.clone(),
        acquirer_id,
        settings,
        acquirer,
        is_open: Box::new(deployment.business_days(acquirer.calendar())),
        as_of,
        taking_place_of: Vec::new(),
    };
    let tally = book(tx, deployment, &run, &mut taken, progress).await?;
    intake::keep_file(tx, acquirer_id, source.id, &taken, "booked", None, Some(as_of)).await?;
    returned::settle(tx, &run, &taken.carried).await?;
    files::read_again(tx, quarantined, source.id).await?;
    let name = request.acquirer;
    sequence::check(tx, Some(settings), name, acquirer_id, source.id, Some(as_of), &gaps).await?;
    sequence::days(tx, deployment, name, acquirer_id, source.id, as_of).await?;
    present(tx, file, source.id, quarantined).await?;
    let found = report_of(tx, FileOutcome::Booked, source.id, tally).await?;
    Ok(Reconciliation {
        unknown_columns: taken.unknown_columns,
        is_unproven: taken.claims.is_silent(),
        ..found
    })
}

/// Matches and posts what was taken in, and looks for what is missing; says how many lines were matched.
async fn book(
    tx: &mut Tx,
    deployment: &Deployment,
    run: &Run<'_>,
    taken: &mut intake::Taken,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Tally, ReconcileError> {
    let mut matching = matching::Matching::new(run, taken);
    matching.run(tx, progress).await?;
    if unknown::answer(tx, deployment, run, &mut matching).await? {
        matching.run(tx, progress).await?;
    }
    if !matching.is_there_any() {
        of_another(tx, run, &matching).await?;
    }
    let mut matched = matching.finish(tx).await?;
    let tally = std::mem::take(&mut matched.tally);
    tolerance::check(tx, run, &matched.tolerated).await?;
    tolerance::check_drift(tx, run, &matched.drifts).await?;
    withheld::check(tx, run).await?;
    posting::post(tx, run, matched).await?;
    let missing = include_str!("../../../schema/queries/breaks_missing_in_file.sql");
    tx.execute(missing, &[&run.acquirer_id.0, &run.source.0, &run.as_of])
        .await?;
    Ok(tally)
}

/// Refuses a file of which no line matches, while most of its lines name payments of another acquirer: booked here it would be all
/// breaks, and its content known when it comes for the right one.
async fn of_another(tx: &mut Tx, run: &Run<'_>, matching: &matching::Matching<'_>) -> Result<(), ReconcileError> {
    const LINES: usize = 1_000;
    let undecided: Vec<i32> = matching.undecided().into_iter().take(LINES).collect();
    let sql = include_str!("../../../schema/queries/lines_of_another.sql");
    let rows = tx.query(sql, &[&run.source.0, &run.acquirer_id.0, &undecided]).await?;
    for row in &rows {
        let read = || -> Result<(String, i64), StoreError> { Ok((row.try_get("name")?, row.try_get("lines")?)) };
        let (other, lines) = read()?;
        // Short references may be alike by chance.
        if usize::try_from(lines).is_ok_and(|lines| lines > undecided.len().div_euclid(2)) {
            let acquirer = run.acquirer.name.to_string();
            return Err(ReconcileError::OfAnother { acquirer, other, lines });
        }
    }
    Ok(())
}

/// Keeps who presented a file, where that is said now, or was of the run that is read again.
async fn present(
    tx: &mut Tx,
    file: &SettlementFile,
    source: SourceId,
    quarantined: Option<SourceId>,
) -> Result<(), StoreError> {
    if let Some(by) = &file.presented_by {
        return files::decide(tx, source, "presented", by, None, (None, None)).await;
    }
    let again = include_str!("../../../schema/queries/file_present_again.sql");
    tx.execute(again, &[&source.0, &quarantined.map(|earlier| earlier.0)])
        .await
        .map(drop)
}

/// Waits for other reconciliations of an acquirer, and keeps them away.
async fn lock(tx: &mut Tx, acquirer: AcquirerId) -> Result<(), StoreError> {
    let lock = include_str!("../../../schema/queries/acquirer_lock.sql");
    tx.query(lock, &[&acquirer.0]).await.map(drop)
}

/// How a file that was taken in before stands.
struct Standing {
    acquirer: AcquirerId,
    /// The acquirer's name.
    name: String,
    state: String,
    /// Why it was quarantined, or rejected.
    reason: Option<String>,
}

async fn stands(tx: &mut Tx, source: &Source) -> Result<Standing, StoreError> {
    let rows = tx
        .query(
            include_str!("../../../schema/queries/settlement_file_of.sql"),
            &[&source.id.0],
        )
        .await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Unreadable(format!("source {} without its settlement file", source.id)))?;
    Ok(Standing {
        acquirer: AcquirerId(row.try_get("acquirer_id")?),
        name: row.try_get("acquirer")?,
        state: row.try_get("state")?,
        reason: row.try_get("reason")?,
    })
}

async fn taken_in_before(
    tx: &mut Tx,
    acquirer: AcquirerId,
    file: &SettlementFile,
    source: &Source,
) -> Result<Reconciliation, ReconcileError> {
    let standing = stands(tx, source).await?;
    let same = standing.acquirer == acquirer && source.name == file.name;
    let outcome = match (same, standing.reason.filter(|_| standing.state != "booked")) {
        (true, None) => FileOutcome::AlreadyBooked,
        (true, Some(reason)) => FileOutcome::Quarantined { reason },
        (false, _) => {
            let first = standing.name;
            let detail = format!("{} has the content of {} of {first}", file.name, source.name);
            let insert = include_str!("../../../schema/queries/break_duplicate_file.sql");
            tx.execute(insert, &[&acquirer.0, &source.id.0, &detail]).await?;
            FileOutcome::Duplicate {
                first_name: source.name.clone(),
                acquirer: first,
            }
        }
    };
    let found = report(tx, outcome, source.id).await?;
    // A run that was killed after it had quarantined the file told nobody which rows: the next one does.
    let rejected = match found.outcome {
        FileOutcome::Quarantined { .. } => rejects_of(tx, source.id).await?,
        FileOutcome::Booked | FileOutcome::AlreadyBooked | FileOutcome::Duplicate { .. } => Vec::new(),
    };
    Ok(Reconciliation { rejected, ..found })
}

async fn rejects_of(tx: &mut Tx, source: SourceId) -> Result<Vec<Reject>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../../schema/queries/settlement_rejects_of.sql"),
            &[&source.0],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let line: i64 = row.try_get("line")?;
            Ok(Reject {
                line: u64::try_from(line).map_err(|_| StoreError::Unreadable(format!("a reject of line {line}")))?,
                column: row.try_get("column_name")?,
                reason: row.try_get("reason")?,
                raw: row.try_get("raw")?,
            })
        })
        .collect()
}

/// Reads what the database now holds of a file: the same whether it was booked just now or by an earlier run.
async fn report(tx: &mut Tx, outcome: FileOutcome, source: SourceId) -> Result<Reconciliation, ReconcileError> {
    let tally = tally_of(tx, source).await?;
    report_of(tx, outcome, source, tally).await
}

/// Counts the lines of a file that are matched.
async fn tally_of(tx: &mut Tx, source: SourceId) -> Result<Tally, StoreError> {
    let passes = include_str!("../../../schema/queries/reconciled_matches.sql");
    let timing = include_str!("../../../schema/queries/reconciled_timing.sql");
    let mut tally = Tally::default();
    for row in &tx.query(passes, &[&source.0]).await? {
        let number: i16 = row.try_get("pass")?;
        let pass = Pass::from_number(number).ok_or_else(|| StoreError::Unreadable(format!("pass {number}")))?;
        tally.passes.insert(pass, row.try_get("lines")?);
    }
    for row in &tx.query(timing, &[&source.0]).await? {
        let name: &str = row.try_get("timing")?;
        let timing = Timing::from_name(name).ok_or_else(|| StoreError::Unreadable(format!("timing {name}")))?;
        tally.timing.insert(timing, row.try_get("lines")?);
    }
    Ok(tally)
}

/// The same, of as many matched lines as were counted when they were matched: to count a million again takes a second.
async fn report_of(
    tx: &mut Tx,
    outcome: FileOutcome,
    source: SourceId,
    tally: Tally,
) -> Result<Reconciliation, ReconcileError> {
    let file = tx
        .query(
            include_str!("../../../schema/queries/settlement_file_of.sql"),
            &[&source.0],
        )
        .await?;
    let breaks = tx
        .query(
            include_str!("../../../schema/queries/reconciled_breaks.sql"),
            &[&source.0],
        )
        .await?;
    let batches = tx
        .query(
            include_str!("../../../schema/queries/reconciled_batches.sql"),
            &[&source.0],
        )
        .await?;
    let row = file
        .first()
        .ok_or_else(|| StoreError::Unreadable(format!("source {source} without its settlement file")))?;
    let read = || -> Result<Reconciliation, StoreError> {
        Ok(Reconciliation {
            outcome,
            format: row.try_get("format")?,
            as_of: row.try_get("as_of")?,
            lines: row.try_get("lines")?,
            rejects: row.try_get("rejects")?,
            rejected: Vec::new(),
            unknown_columns: Vec::new(),
            is_unproven: false,
            matches: tally.passes.into_iter().collect(),
            timing: tally.timing.into_iter().collect(),
            breaks: breaks
                .iter()
                .map(|row| {
                    let name: &str = row.try_get("class")?;
                    let class = BreakClass::from_name(name)
                        .ok_or_else(|| StoreError::Unreadable(format!("break class {name}")))?;
                    Ok((class, row.try_get("breaks")?))
                })
                .collect::<Result<_, StoreError>>()?,
            batches: batches.iter().map(batch_summary).collect::<Result<_, StoreError>>()?,
        })
    };
    Ok(read()?)
}

fn batch_summary(row: &tokio_postgres::Row) -> Result<BatchSummary, StoreError> {
    Ok(BatchSummary {
        batch: row.try_get("batch")?,
        currency: currency(row.try_get("currency")?)?,
        lines: row.try_get("lines")?,
        gross: row.try_get("gross")?,
        costs: row.try_get("costs")?,
        other: row.try_get("other")?,
        net: row.try_get("net")?,
        payout: row.try_get("payout")?,
    })
}
