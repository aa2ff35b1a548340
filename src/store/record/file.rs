//! Recording files of payment events: batch by batch, or all at once.

use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::velocity::{AcrossBooks, close_payers};
use super::{BATCH, Numbered, Verdict, ids, record_batch, withdraws_from};
use crate::delimited::{FileError, Records};
use crate::payment::event::PaymentEvent;
use crate::payment::reader::{ClaimError, Events, prove};
use crate::store::acquirers;
use crate::store::books::LockedBooks;
use crate::store::settings::Deployment;
use crate::store::source::{Digesting, SourceKind, source_of};
use crate::store::{Retriable, Store, StoreError, Tx};

/// How many rejects an atomic run collects before it gives up: it books nothing then anyway.
pub const ATOMIC_REJECT_LIMIT: usize = 10_000;

/// An event file, digested and found readable to its end.
#[derive(Debug, Clone)]
pub struct EventFile {
    path: PathBuf,
    name: String,
    digest: [u8; 32],
    bytes: u64,
}

impl EventFile {
    /// Reads a file once from end to end, before anything of it is recorded: its digest, whether it can be read at all, and
    /// whether its captures are what it claims that they are.
    pub fn open(path: &Path) -> Result<Self, ClaimError> {
        let opened = File::open(path).map_err(FileError::from)?;
        let mut input = BufReader::with_capacity(1 << 16, Digesting::new(opened));
        let mut events = Events::open(&mut input)?;
        prove(&mut events)?;
        if let Events::Csv(_) = events {
            // A file that breaks a limit half-way must not be half recorded; JSON Lines have faulty lines only.
            let again = File::open(path).map_err(FileError::from)?;
            let mut again = Records::open(BufReader::with_capacity(1 << 16, again))?;
            while again.advance()? {}
        }
        std::io::copy(&mut input, &mut std::io::sink()).map_err(FileError::from)?;
        let input = input.into_inner();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            path: path.to_owned(),
            name: crate::card_number::mask(&name).into_owned(),
            digest: input.digest(),
            bytes: input.bytes(),
        })
    }

    /// Its name without folders, card numbers masked.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn events(&self) -> Result<EventsOfFile, FileError> {
        let file = Digesting::new(File::open(&self.path)?);
        Events::open(BufReader::with_capacity(1 << 16, file))
    }

    /// Refuses a file that, read to its end, is not the one that was digested.
    fn unchanged(&self, read: &EventsOfFile) -> Result<(), RecordError> {
        if read.input().get_ref().digest() == self.digest {
            Ok(())
        } else {
            Err(RecordError::Changed(self.name.clone()))
        }
    }

    fn error(&self, error: FileError) -> RecordError {
        RecordError::File {
            name: self.name.clone(),
            error,
        }
    }

    /// Adds what recording its events locks.
    fn add_concerned(&self, concerned: &mut Concerned) -> Result<(), FileError> {
        for line in self.events()? {
            let (_, Ok(event)) = line? else {
                continue;
            };
            if let Some(acquirer) = withdraws_from(&event)
                && !concerned.acquirers.contains(acquirer)
            {
                concerned.acquirers.insert(acquirer.to_owned());
            }
            if !concerned.merchants.contains(&event.merchant) {
                concerned.merchants.insert(event.merchant);
            }
        }
        Ok(())
    }
}

/// Whose books, and the open items of which acquirers, a run writes.
#[derive(Default)]
struct Concerned {
    acquirers: BTreeSet<String>,
    merchants: BTreeSet<String>,
}

/// The events of a file, digested as they are read.
type EventsOfFile = Events<BufReader<Digesting<File>>>;

/// An event that was not recorded: which rule it breaks, in which field of which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The line of the file.
    pub line: u64,
    /// The rule: `malformed`, or the name of the rule that it breaks.
    pub rule: &'static str,
    /// The field at fault, or empty.
    pub field: String,
    /// The event's reference, card numbers masked, or empty.
    pub reference: String,
    /// What is wrong.
    pub reason: String,
}

/// What became of the events of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// New entries.
    pub recorded: u64,
    /// Known ones.
    pub replayed: u64,
    /// Refused ones.
    pub rejected: u64,
}

impl Tally {
    /// Adds another's counts.
    pub fn add(&mut self, other: Self) {
        self.recorded = self.recorded.saturating_add(other.recorded);
        self.replayed = self.replayed.saturating_add(other.replayed);
        self.rejected = self.rejected.saturating_add(other.rejected);
    }
}

/// Why recording stopped. Batches before it are booked, unless the run was atomic.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file failed.
    #[error("{name}")]
    File {
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        error: FileError,
    },
    /// It was written to between its digest and its end. What was recorded of it stays, unless the run was atomic.
    #[error("{0} changed while it was read")]
    Changed(String),
    /// An atomic run met a reject.
    #[error("{} of the events were rejected; nothing was recorded", rejected.len())]
    Rejected {
        /// By file name, at most [`ATOMIC_REJECT_LIMIT`].
        rejected: Vec<(String, Rejected)>,
    },
}

impl Retriable for RecordError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::File { .. } | Self::Changed(_) | Self::Rejected { .. } => false,
        }
    }
}

/// One batch of a file as it was read.
struct Chunk {
    events: Vec<Numbered>,
    rejected: Vec<Rejected>,
}

impl Store {
    /// Records a file batch by batch, each in a transaction of its own; `each` hears of every batch: its tally and rejects.
    pub async fn record(
        &self,
        deployment: &Deployment,
        file: &EventFile,
        each: &mut dyn FnMut(Tally, Vec<Rejected>) -> std::io::Result<()>,
    ) -> Result<Tally, RecordError> {
        let in_file = |error: FileError| file.error(error);
        // Reading runs ahead of the database by one batch: the next one is begun when the database has taken the one before it.
        let (sender, mut chunks) = tokio::sync::mpsc::channel(1);
        let events = file.events().map_err(in_file)?;
        let runtime = tokio::runtime::Handle::current();
        let reading = tokio::task::spawn_blocking(move || read_chunks(events, BATCH, &sender, &runtime));
        let mut total = Tally::default();
        while let Some(chunk) = chunks.recv().await {
            let Chunk { events, mut rejected } = chunk.map_err(in_file)?;
            let (left, right) = lanes(deployment, events);
            let (left_done, right_done) = tokio::join!(
                self.record_lane(deployment, file, &left),
                self.record_lane(deployment, file, &right)
            );
            let mut tally = Tally {
                rejected: count(rejected.len()),
                ..Tally::default()
            };
            for (lane, done) in [(&left, left_done), (&right, right_done)] {
                tally.add(judge(lane, done?, &mut rejected));
            }
            rejected.sort_unstable_by_key(|rejected| rejected.line);
            total.add(tally);
            each(tally, rejected).map_err(|error| in_file(error.into()))?;
        }
        let read = reading
            .await
            .map_err(|error| in_file(std::io::Error::other(error).into()))?;
        file.unchanged(&read)?;
        Ok(total)
    }

    async fn record_lane(
        &self,
        deployment: &Deployment,
        file: &EventFile,
        lane: &[Numbered],
    ) -> Result<Vec<Verdict>, RecordError> {
        if lane.is_empty() {
            return Ok(Vec::new());
        }
        self.transact(async |tx: &mut Tx| record_chunk(tx, deployment, file, lane).await)
            .await
    }

    /// Records files in one transaction, so many events at a time ([`BATCH`]): every event, or nothing at all.
    pub async fn record_atomically(
        &self,
        deployment: &Deployment,
        files: &[EventFile],
        batch: usize,
    ) -> Result<Vec<Tally>, RecordError> {
        let mut concerned = Concerned::default();
        for file in files {
            file.add_concerned(&mut concerned).map_err(|error| file.error(error))?;
        }
        let acquirers = ids(deployment, concerned.acquirers.iter().map(String::as_str));
        let merchants: Vec<&str> = concerned.merchants.iter().map(String::as_str).collect();
        self.transact(async |tx: &mut Tx| {
            // All at once and in order: the locks of the batches, each in an order of its own, find them held already.
            acquirers::share(tx, Some(&acquirers)).await?;
            LockedBooks::lock_of_merchants(tx, &merchants).await?;
            close_payers(tx, deployment).await?;
            let mut tallies = Vec::with_capacity(files.len());
            let mut all_rejected = Vec::new();
            for file in files {
                let in_file = |error: FileError| file.error(error);
                let mut total = Tally::default();
                let mut events = file.events().map_err(in_file)?;
                while let Some(Chunk {
                    events: chunk,
                    mut rejected,
                }) = next_chunk(&mut events, batch).map_err(in_file)?
                {
                    let verdicts = record_chunk(tx, deployment, file, &chunk).await?;
                    total.add(Tally {
                        rejected: count(rejected.len()),
                        ..Tally::default()
                    });
                    total.add(judge(&chunk, verdicts, &mut rejected));
                    rejected.sort_unstable_by_key(|rejected| rejected.line);
                    all_rejected.extend(rejected.into_iter().map(|rejected| (file.name.clone(), rejected)));
                    if all_rejected.len() >= ATOMIC_REJECT_LIMIT {
                        all_rejected.truncate(ATOMIC_REJECT_LIMIT);
                        return Err(RecordError::Rejected { rejected: all_rejected });
                    }
                }
                file.unchanged(&events)?;
                tallies.push(total);
            }
            if all_rejected.is_empty() {
                Ok(tallies)
            } else {
                Err(RecordError::Rejected { rejected: all_rejected })
            }
        })
        .await
    }
}

async fn record_chunk(
    tx: &mut Tx,
    deployment: &Deployment,
    file: &EventFile,
    events: &[Numbered],
) -> Result<Vec<Verdict>, RecordError> {
    let source = source_of(tx, SourceKind::Events, &file.name, &file.digest).await?;
    Ok(record_batch(tx, deployment, source.id, events).await?)
}

/// From how many events on a batch is recorded in two lanes.
pub const LANES_FROM: usize = 10_000;

/// Cuts a large batch in two by merchant; a small one stays whole, and one with events whose outcome can depend on other books.
fn lanes(deployment: &Deployment, events: Vec<Numbered>) -> (Vec<Numbered>, Vec<Numbered>) {
    let across_books = AcrossBooks::of(deployment);
    if events.len() < LANES_FROM || events.iter().any(|(_, event)| across_books.concerns(event)) {
        return (events, Vec::new());
    }
    let right = |event: &PaymentEvent| {
        let mut hasher = DefaultHasher::new();
        event.merchant.hash(&mut hasher);
        hasher.finish() % 2 == 1
    };
    events.into_iter().partition(|(_, event)| !right(event))
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

fn read_chunks(
    mut events: EventsOfFile,
    batch: usize,
    sender: &tokio::sync::mpsc::Sender<Result<Chunk, FileError>>,
    runtime: &tokio::runtime::Handle,
) -> EventsOfFile {
    // An error: the receiver stopped, since the database failed, and says so itself.
    while let Ok(place) = runtime.block_on(sender.reserve()) {
        match next_chunk(&mut events, batch).transpose() {
            Some(chunk) => place.send(chunk),
            None => break,
        }
    }
    events
}

fn next_chunk(events: &mut EventsOfFile, batch: usize) -> Result<Option<Chunk>, FileError> {
    let mut chunk = Chunk {
        events: Vec::with_capacity(batch),
        rejected: Vec::new(),
    };
    for line in events.by_ref().take(batch) {
        match line? {
            (line, Ok(event)) => chunk.events.push((line, event)),
            (line, Err(malformed)) => chunk.rejected.push(Rejected {
                line,
                rule: "malformed",
                field: malformed.field.unwrap_or_default().to_owned(),
                reference: malformed.reference.unwrap_or_default(),
                reason: malformed.reason,
            }),
        }
    }
    Ok((!chunk.events.is_empty() || !chunk.rejected.is_empty()).then_some(chunk))
}

/// Counts what became of events; those that break a rule join the rejects.
fn judge(events: &[Numbered], verdicts: Vec<Verdict>, rejected: &mut Vec<Rejected>) -> Tally {
    let mut tally = Tally::default();
    for ((line, event), verdict) in events.iter().zip(verdicts) {
        match verdict {
            Verdict::Recorded => tally.recorded = tally.recorded.saturating_add(1),
            Verdict::Replayed => tally.replayed = tally.replayed.saturating_add(1),
            Verdict::Rejected(refusal) => {
                tally.rejected = tally.rejected.saturating_add(1);
                rejected.push(Rejected {
                    line: *line,
                    rule: refusal.rule(),
                    field: refusal.field().to_owned(),
                    reference: event.reference.clone(),
                    reason: refusal.to_string(),
                });
            }
        }
    }
    tally
}
