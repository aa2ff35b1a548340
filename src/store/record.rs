//! Recording payment events: one transaction a batch.
//!
//! 1. Lock the books of the batch's merchants, in id order.
//! 2. Load, in later statements, the entries that have the batch's references and where its payments stand.
//! 3. Decide every event in file order, in pure code (`payment::lifecycle`), each seeing what the one before it did.
//! 4. Write entries, transfers, payments, open items, balances; heads last.
//!
//! A large batch is cut in two lanes by merchant, each a transaction of its own beside the other: no book is in both, so neither
//! waits for the other, and the order within a book stays that of the file.
//!
//! A reference that is known with the same fingerprint is a replay and writes nothing; with another it is a conflict. A batch
//! is booked whole or not at all; its size bounds memory and how long its books are locked.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use tokio_postgres::types::Type;

use super::books::LockedBooks;
use super::settings::Deployment;
use super::source::{Digesting, SourceKind, source_of};
use super::{Retriable, Store, StoreError, Tx};
use crate::acquirer::RecordType;
use crate::dates::day_in;
use crate::delimited::{FileError, Records};
use crate::ids::{AcquirerId, BookId, EntryNumber, SourceId};
use crate::ledger::entry::{Entry, Fingerprint};
use crate::money::Currency;
use crate::payment::event::PaymentEvent;
use crate::payment::lifecycle::{Decision, Payment, Refusal, Reportable, decide};
use crate::payment::reader::Events;
use crate::recon::reported_as;
use crate::settings::{Acquirer, FeeSchedule};

/// How many events a batch holds: enough to make its fixed costs small, little enough to keep locks short.
pub const BATCH: usize = 50_000;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is an entry now.
    Recorded,
    /// It was an entry already; nothing was written.
    Replayed,
    /// It breaks a rule; nothing was written.
    Rejected(Refusal),
}

/// An event and the line it came from.
pub type Numbered = (u64, PaymentEvent);

/// Records a batch in this transaction: as many verdicts as events, in their order.
pub async fn record_batch(
    tx: &mut Tx,
    deployment: &Deployment,
    source: SourceId,
    events: &[Numbered],
) -> Result<Vec<Verdict>, StoreError> {
    let mut merchants: Vec<&str> = events.iter().map(|(_, event)| event.merchant.as_str()).collect();
    merchants.sort_unstable();
    merchants.dedup();
    let (books, owners) = LockedBooks::lock_of_merchants(tx, &merchants).await?;
    let loaded = Loaded::of(tx, deployment, &owners, events).await?;
    let mut batch = Batch {
        deployment,
        source,
        owners,
        books,
        loaded,
        payments: HashMap::new(),
        items: Vec::new(),
    };
    let mut verdicts = Vec::with_capacity(events.len());
    for (place, (line, event)) in events.iter().enumerate() {
        let verdict = match batch.consider(place, *line, event)? {
            Considered::Done(verdict) => verdict,
            Considered::Conflict(number) => {
                let book = batch
                    .owners
                    .get(event.merchant.as_str())
                    .copied()
                    .unwrap_or(BookId::HOUSE);
                let field = match number {
                    Known::Stored(number) => stored_difference(tx, book, number, event).await?,
                    Known::InBatch(_, place) => difference(&events[place].1, event),
                }
                .unwrap_or("amount");
                Verdict::Rejected(Refusal::ReferenceConflict {
                    field,
                    number: number.number(),
                })
            }
        };
        verdicts.push(verdict);
    }
    batch.write(tx).await?;
    Ok(verdicts)
}

/// Where the entry with a reference is.
#[derive(Debug, Clone, Copy)]
enum Known {
    Stored(EntryNumber),
    InBatch(EntryNumber, usize),
}

impl Known {
    fn number(self) -> EntryNumber {
        match self {
            Self::Stored(number) | Self::InBatch(number, _) => number,
        }
    }
}

/// By book and reference: the fingerprint of what has it, and where.
type References<'a> = HashMap<(BookId, Cow<'a, str>), (Fingerprint, Known)>;

enum Considered {
    Done(Verdict),
    Conflict(Known),
}

/// What the database knew before the batch.
struct Loaded<'a> {
    references: References<'a>,
    payments: HashMap<(BookId, Cow<'a, str>), Payment>,
}

impl<'a> Loaded<'a> {
    async fn of(
        tx: &mut Tx,
        deployment: &Deployment,
        owners: &HashMap<String, BookId>,
        events: &'a [Numbered],
    ) -> Result<Self, StoreError> {
        let mut books: Vec<i64> = Vec::with_capacity(events.len());
        let mut references: Vec<&str> = Vec::with_capacity(events.len());
        let mut names: Vec<(i64, &str)> = Vec::with_capacity(events.len());
        for (_, event) in events {
            if let Some(book) = owners.get(event.merchant.as_str()) {
                books.push(book.0);
                references.push(&event.reference);
                names.push((book.0, &event.payment));
            }
        }
        names.sort_unstable();
        names.dedup();
        let (payment_books, payments): (Vec<i64>, Vec<&str>) = names.into_iter().unzip();
        let known = tx
            .query(
                include_str!("../../schema/queries/entries_by_reference.sql"),
                &[&books, &references],
            )
            .await?;
        let stand = tx
            .query(
                include_str!("../../schema/queries/payments_by_name.sql"),
                &[&payment_books, &payments],
            )
            .await?;
        Ok(Self {
            references: read_references(&known)?,
            payments: read_payments(&stand, deployment)?,
        })
    }
}

fn read_references<'a>(rows: &[tokio_postgres::Row]) -> Result<References<'a>, StoreError> {
    rows.iter()
        .map(|row| {
            let reference: String = row.try_get("reference")?;
            let fingerprint: &[u8] = row.try_get("fingerprint")?;
            let fingerprint =
                Fingerprint::try_from(fingerprint).map_err(|_| StoreError::Unreadable("a fingerprint".to_owned()))?;
            let known = Known::Stored(EntryNumber(row.try_get("number")?));
            Ok((
                (BookId(row.try_get("book_id")?), Cow::Owned(reference)),
                (fingerprint, known),
            ))
        })
        .collect()
}

fn read_payments<'a>(
    rows: &[tokio_postgres::Row],
    deployment: &Deployment,
) -> Result<HashMap<(BookId, Cow<'a, str>), Payment>, StoreError> {
    rows.iter()
        .map(|row| {
            let acquirer = AcquirerId(row.try_get("acquirer_id")?);
            let acquirer: Arc<str> = deployment
                .acquirer_name(acquirer)
                .ok_or_else(|| StoreError::Unreadable(format!("acquirer {acquirer}")))?
                .into();
            let currency: &str = row.try_get("currency")?;
            let currency = Currency::parse(currency).map_err(|error| StoreError::Unreadable(error.to_string()))?;
            let payment = Payment {
                acquirer,
                currency,
                authorized: row.try_get("authorized")?,
                captured: row.try_get("captured")?,
                voided: row.try_get("voided")?,
                refunded: row.try_get("refunded")?,
                charged_back: row.try_get("charged_back")?,
            };
            let name: String = row.try_get("payment")?;
            Ok(((BookId(row.try_get("book_id")?), Cow::Owned(name)), payment))
        })
        .collect()
}

struct Item<'a> {
    book: BookId,
    number: EntryNumber,
    acquirer: AcquirerId,
    event: &'a PaymentEvent,
    record: RecordType,
    reportable: Reportable,
    occurred_on: NaiveDate,
    expected_on: NaiveDate,
}

/// A batch while it is decided.
struct Batch<'a> {
    deployment: &'a Deployment,
    source: SourceId,
    owners: HashMap<String, BookId>,
    books: LockedBooks,
    loaded: Loaded<'a>,
    /// Where payments stand after the events so far.
    payments: HashMap<(BookId, &'a str), Payment>,
    items: Vec<Item<'a>>,
}

/// What governs one event.
struct Terms<'a> {
    book: BookId,
    day: NaiveDate,
    acquirer: &'a Acquirer,
    acquirer_id: AcquirerId,
    schedule: &'a FeeSchedule,
}

impl<'a> Batch<'a> {
    fn consider(&mut self, place: usize, line: u64, event: &'a PaymentEvent) -> Result<Considered, StoreError> {
        let fingerprint = event.fingerprint();
        let owner = self.owners.get(event.merchant.as_str()).copied();
        if let Some(book) = owner
            && let Some((known, at)) = self
                .loaded
                .references
                .get(&(book, Cow::Borrowed(event.reference.as_str())))
        {
            return Ok(if *known == fingerprint {
                Considered::Done(Verdict::Replayed)
            } else {
                Considered::Conflict(*at)
            });
        }
        let terms = match self.terms(owner, event) {
            Ok(terms) => terms,
            Err(refusal) => return Ok(Considered::Done(Verdict::Rejected(refusal))),
        };
        let before = self.payments.get(&(terms.book, event.payment.as_str())).or_else(|| {
            self.loaded
                .payments
                .get(&(terms.book, Cow::Borrowed(event.payment.as_str())))
        });
        let decision = match decide(before, event, terms.schedule) {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Considered::Done(Verdict::Rejected(refusal))),
        };
        let number = self.book(&terms, line, event, fingerprint, decision)?;
        let known = (fingerprint, Known::InBatch(number, place));
        self.loaded
            .references
            .insert((terms.book, Cow::Borrowed(event.reference.as_str())), known);
        Ok(Considered::Done(Verdict::Recorded))
    }

    fn terms(&self, owner: Option<BookId>, event: &PaymentEvent) -> Result<Terms<'a>, Refusal> {
        let day = day_in(event.occurred_at, self.deployment.time_zone());
        let settings = self
            .deployment
            .in_force(day)
            .ok_or(Refusal::NoSettingsInForce { day })?;
        let unknown_merchant = || Refusal::UnknownMerchant {
            merchant: event.merchant.clone(),
        };
        let merchant = settings.merchants.get(&event.merchant).ok_or_else(unknown_merchant)?;
        let book = owner.ok_or_else(unknown_merchant)?;
        let unknown_acquirer = || Refusal::UnknownAcquirer {
            acquirer: event.acquirer.clone(),
        };
        let acquirer = settings.acquirers.get(&event.acquirer).ok_or_else(unknown_acquirer)?;
        let acquirer_id = self.deployment.acquirer(&event.acquirer).ok_or_else(unknown_acquirer)?;
        let schedule = settings
            .fee_schedule(&merchant.fee_schedule, day)
            .ok_or_else(|| Refusal::NotPriced {
                schedule: merchant.fee_schedule.clone(),
                currency: event.money.currency(),
            })?;
        Ok(Terms {
            book,
            day,
            acquirer,
            acquirer_id,
            schedule,
        })
    }

    fn book(
        &mut self,
        terms: &Terms<'_>,
        line: u64,
        event: &'a PaymentEvent,
        fingerprint: Fingerprint,
        decision: Decision,
    ) -> Result<EntryNumber, StoreError> {
        let number = self.books.append(
            terms.book,
            Entry {
                kind: event.kind,
                reference: event.reference.clone(),
                fingerprint,
                payment: Some(event.payment.clone()),
                acquirer_reference: event.acquirer_reference.clone(),
                merchant_reference: event.merchant_reference.clone(),
                arn: event.arn.clone(),
                rrn: event.rrn.clone(),
                auth_code: event.auth_code.clone(),
                reverses: None,
                occurred_at: event.occurred_at,
                booking_date: terms.day,
                source: self.source,
                source_line: Some(i32::try_from(line).map_err(|_| StoreError::TooLarge("the line number".to_owned()))?),
                transfers: decision.transfers,
            },
        )?;
        if let Some((reportable, record)) = decision.reportable.zip(reported_as(event.kind)) {
            let wait = Days::new(u64::from(terms.acquirer.settles_within_days));
            let too_late = || StoreError::TooLarge("the expected date".to_owned());
            self.items.push(Item {
                book: terms.book,
                number,
                acquirer: terms.acquirer_id,
                event,
                record,
                reportable,
                occurred_on: terms.day,
                expected_on: terms.day.checked_add_days(wait).ok_or_else(too_late)?,
            });
        }
        self.payments.insert((terms.book, &event.payment), decision.payment);
        Ok(number)
    }

    async fn write(mut self, tx: &mut Tx) -> Result<(), StoreError> {
        self.books.write(tx).await?;
        self.write_payments(tx).await?;
        self.write_items(tx).await
    }

    async fn write_payments(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut rows: Vec<(&(BookId, &str), &Payment)> = self.payments.iter().collect();
        rows.sort_unstable_by_key(|(key, _)| **key);
        let (known, new): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|((book, name), _)| self.loaded.payments.contains_key(&(*book, Cow::Borrowed(*name))));
        const TYPES: [Type; 9] = [
            Type::INT8,
            Type::TEXT,
            Type::INT2,
            Type::TEXT,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
        ];
        let mut copy = tx
            .copy(include_str!("../../schema/queries/payments_copy.sql"), &TYPES)
            .await?;
        for ((book, name), payment) in &new {
            let acquirer = self.acquirer_id(payment)?;
            copy.row(&[
                &book.0,
                name,
                &acquirer.0,
                &payment.currency.code(),
                &payment.authorized,
                &payment.captured,
                &payment.voided,
                &payment.refunded,
                &payment.charged_back,
            ])
            .await?;
        }
        tx.end_copy(copy).await?;
        self.update_payments(tx, &known).await
    }

    async fn update_payments(&self, tx: &mut Tx, known: &[(&(BookId, &str), &Payment)]) -> Result<(), StoreError> {
        if known.is_empty() {
            return Ok(());
        }
        let column = |of: fn(&Payment) -> i64| known.iter().map(|(_, payment)| of(payment)).collect::<Vec<i64>>();
        let books: Vec<i64> = known.iter().map(|((book, _), _)| book.0).collect();
        let names: Vec<&str> = known.iter().map(|((_, name), _)| *name).collect();
        let acquirers = known
            .iter()
            .map(|(_, payment)| self.acquirer_id(payment).map(|id| id.0))
            .collect::<Result<Vec<i16>, _>>()?;
        let currencies: Vec<&str> = known.iter().map(|(_, payment)| payment.currency.code()).collect();
        let authorized: Vec<Option<i64>> = known.iter().map(|(_, payment)| payment.authorized).collect();
        let updated = tx
            .execute(
                include_str!("../../schema/queries/payments_update.sql"),
                &[
                    &books,
                    &names,
                    &acquirers,
                    &currencies,
                    &authorized,
                    &column(|payment| payment.captured),
                    &column(|payment| payment.voided),
                    &column(|payment| payment.refunded),
                    &column(|payment| payment.charged_back),
                ],
            )
            .await?;
        if usize::try_from(updated) == Ok(known.len()) {
            Ok(())
        } else {
            Err(StoreError::Unreadable(format!(
                "{updated} of {} payments that were just read",
                known.len()
            )))
        }
    }

    fn acquirer_id(&self, payment: &Payment) -> Result<AcquirerId, StoreError> {
        self.deployment
            .acquirer(&payment.acquirer)
            .ok_or_else(|| StoreError::Unreadable(format!("a payment of acquirer `{}`", payment.acquirer)))
    }

    async fn write_items(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        self.items.sort_unstable_by_key(|item| (item.book, item.number));
        const TYPES: [Type; 12] = [
            Type::INT8,
            Type::INT8,
            Type::INT2,
            Type::INT2,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::INT8,
            Type::TEXT,
            Type::INT8,
            Type::DATE,
            Type::DATE,
        ];
        let mut copy = tx
            .copy(include_str!("../../schema/queries/open_items_copy.sql"), &TYPES)
            .await?;
        for item in &self.items {
            copy.row(&[
                &item.book.0,
                &item.number.0,
                &item.acquirer.0,
                &item.record.id(),
                &item.event.acquirer_reference,
                &item.event.echoed_reference(),
                &item.event.arn,
                &item.reportable.gross,
                &item.event.money.currency().code(),
                &item.reportable.merchant_fee,
                &item.occurred_on,
                &item.expected_on,
            ])
            .await?;
        }
        tx.end_copy(copy).await
    }
}

/// The first field in which two events of one reference differ.
fn difference(first: &PaymentEvent, second: &PaymentEvent) -> Option<&'static str> {
    let fields = [
        ("kind", first.kind == second.kind),
        ("payment", first.payment == second.payment),
        ("amount", first.money.minor() == second.money.minor()),
        ("currency", first.money.currency() == second.money.currency()),
        ("occurred_at", first.occurred_at == second.occurred_at),
        ("acquirer", first.acquirer == second.acquirer),
        (
            "acquirer_reference",
            first.acquirer_reference == second.acquirer_reference,
        ),
        (
            "merchant_reference",
            first.merchant_reference == second.merchant_reference,
        ),
        ("arn", first.arn == second.arn),
        ("rrn", first.rrn == second.rrn),
        ("auth_code", first.auth_code == second.auth_code),
    ];
    fields.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
}

/// The first field in which an event differs from the entry that has its reference. An entry without transfers keeps no
/// amount: when nothing else differs, the amount does.
async fn stored_difference(
    tx: &mut Tx,
    book: BookId,
    number: EntryNumber,
    event: &PaymentEvent,
) -> Result<Option<&'static str>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../schema/queries/entry_stated.sql"),
            &[&book.0, &number.0],
        )
        .await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Unreadable(format!("no entry {number} in book {book}")))?;
    let text = |column: &str| row.try_get::<_, Option<String>>(column);
    let kind: i16 = row.try_get("kind")?;
    let occurred_at: chrono::DateTime<chrono::Utc> = row.try_get("occurred_at")?;
    let amount: Option<i64> = row.try_get("amount")?;
    let fields = [
        ("kind", kind == event.kind.id()),
        ("payment", text("payment")?.as_ref() == Some(&event.payment)),
        ("amount", amount.is_none_or(|amount| amount == event.money.minor())),
        (
            "currency",
            text("currency")?.is_none_or(|currency| currency == event.money.currency().code()),
        ),
        ("occurred_at", occurred_at == event.occurred_at),
        (
            "acquirer",
            text("acquirer")?.is_none_or(|acquirer| acquirer == event.acquirer),
        ),
        (
            "acquirer_reference",
            text("acquirer_reference")? == event.acquirer_reference,
        ),
        (
            "merchant_reference",
            text("merchant_reference")? == event.merchant_reference,
        ),
        ("arn", text("arn")? == event.arn),
        ("rrn", text("rrn")? == event.rrn),
        ("auth_code", text("auth_code")? == event.auth_code),
    ];
    Ok(fields.into_iter().find(|(_, same)| !same).map(|(field, _)| field))
}

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
    /// Reads a file once from end to end, before anything of it is recorded: its digest, and whether it can be read at all.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let mut input = BufReader::with_capacity(1 << 16, Digesting::new(File::open(path)?));
        if let Events::Csv(_) = Events::open(&mut input)? {
            // A file that breaks a limit half-way must not be half recorded; JSON Lines have faulty lines only.
            let mut again = Records::open(BufReader::with_capacity(1 << 16, File::open(path)?))?;
            while again.advance()? {}
        }
        std::io::copy(&mut input, &mut std::io::sink())?;
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

    /// Adds the merchants of its events.
    fn add_merchants(&self, merchants: &mut BTreeSet<String>) -> Result<(), FileError> {
        for line in self.events()? {
            if let (_, Ok(event)) = line?
                && !merchants.contains(&event.merchant)
            {
                merchants.insert(event.merchant);
            }
        }
        Ok(())
    }
}

/// The events of a file, digested as they are read.
type EventsOfFile = Events<BufReader<Digesting<File>>>;

/// An event that was not recorded: which rule it breaks, in which field of which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The line of the file.
    pub line: u64,
    /// The rule: `malformed`, or one of [`Refusal::rule`].
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
        // Reading runs ahead of the database by one batch.
        let (sender, mut chunks) = tokio::sync::mpsc::channel(1);
        let events = file.events().map_err(in_file)?;
        let reading = tokio::task::spawn_blocking(move || read_chunks(events, BATCH, &sender));
        let mut total = Tally::default();
        while let Some(chunk) = chunks.recv().await {
            let Chunk { events, mut rejected } = chunk.map_err(in_file)?;
            let (left, right) = lanes(events);
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
        let mut merchants = BTreeSet::new();
        for file in files {
            file.add_merchants(&mut merchants).map_err(|error| file.error(error))?;
        }
        let merchants: Vec<&str> = merchants.iter().map(String::as_str).collect();
        self.transact(async |tx: &mut Tx| {
            // All at once and in order: the locks of the batches, each in an order of its own, find them held already.
            LockedBooks::lock_of_merchants(tx, &merchants).await?;
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

/// Cuts a large batch in two by merchant; a small one stays whole.
fn lanes(events: Vec<Numbered>) -> (Vec<Numbered>, Vec<Numbered>) {
    if events.len() < LANES_FROM {
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
) -> EventsOfFile {
    while let Some(chunk) = next_chunk(&mut events, batch).transpose() {
        if sender.blocking_send(chunk).is_err() {
            // The receiver stopped: the database failed and says so itself.
            break;
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
