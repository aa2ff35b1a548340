//! Undoing a settlement file: whole, in one transaction, as if it had not come.
//!
//! 1. Lock the acquirer, as for reconciling: nobody takes or changes open items meanwhile.
//! 2. Refuse where somebody has worked on a break of the file, or a later file was understood in its light.
//! 3. Undo what the system matched of its lines since (`breaks::late`), which takes the locks of 5 first. What people matched
//!    stands in the way.
//! 4. Give the items back that it had matched, as they were; resolve its breaks as `undone`; what it had brought late is missing
//!    again.
//! 5. Lock the books that are concerned, the house first.
//! 6. Reverse every entry that it booked, and take out of tranches of reserves what it had put there. What of that has been
//!    released since goes back into its tranche first, from what is available; refused where it has been applied to refunds.
//!
//! Lines and matches stay with the undone file. Payments that it made known (`unknown`) stay too: that they happened is not taken
//! back by how they are settled, and their items are open again. The reversals are booked on the day of the file unless another is
//! asked for: no day then has the file twice when it comes again. A later file finds anew what is missing then.
//!
//! Memory holds a chunk of entries at a time.

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::files::{KnownFile, decide, find};
use crate::ids::{BookId, EntryNumber, OWN, SYSTEM, SourceId};
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::store::books::LockedBooks;
use crate::store::breaks::late::{has_late, undo_late};
use crate::store::breaks::{DeskError, Said};
use crate::store::reserve::{AppliedReserve, PutBackError, Tranches, put_back};
use crate::store::source::{source_of_run, tag};
use crate::store::{Retriable, Store, StoreError, Tx, currency};

/// How many entries are read and reversed at once.
const CHUNK: i64 = 5_000;

/// How many breaks or files a refusal names.
const NAMED: usize = 10;

/// What undoing a file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// The file, as it stood before.
    pub file: KnownFile,
    /// Whether it was undone just now; else by an earlier run, and nothing was done.
    pub new: bool,
    /// Entries that were reversed.
    pub entries: i64,
    /// Items that are open again.
    pub items: i64,
    /// Breaks that were resolved as undone.
    pub breaks: i64,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The file: its name, or the beginning of its digest.
    pub file: &'a str,
    /// Who asks.
    pub by: &'a str,
    /// Why, where that is said.
    pub reason: Option<&'a str>,
    /// The booking date of the reversals; the day of the file where none is given.
    pub on: Option<NaiveDate>,
}

/// Why a file was not undone. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such file.
    #[error("no settlement file has the name {0}, or a digest that begins so")]
    Unknown(String),
    /// Several.
    #[error("{count} settlement files fit {file}: {digests}")]
    Ambiguous {
        /// What was asked for.
        file: String,
        /// How many.
        count: usize,
        /// The beginnings of their digests.
        digests: String,
    },
    /// Nothing of it is on the books.
    #[error("{name} is {state}: nothing of it is booked")]
    NotBooked {
        /// The file.
        name: String,
        /// How it stands.
        state: String,
    },
    /// The day is before the file's.
    #[error("{name} is about {as_of}: it cannot be undone on {day}")]
    Before {
        /// The file.
        name: String,
        /// Its day.
        as_of: NaiveDate,
        /// The day asked for.
        day: NaiveDate,
    },
    /// Somebody has worked on its breaks.
    #[error("{name}: somebody has worked on {breaks}")]
    Worked {
        /// The file.
        name: String,
        /// Which breaks.
        breaks: String,
    },
    /// Later files were understood in its light.
    #[error("{name}: lines of {files} were booked as repeating lines of it")]
    DependedOn {
        /// The file.
        name: String,
        /// The later files.
        files: String,
    },
    /// An entry of it is reversed.
    #[error("{name}: entry {entry} was reversed before, by {reversal}")]
    ReversedBefore {
        /// The file.
        name: String,
        /// The entry.
        entry: String,
        /// What reversed it.
        reversal: String,
    },
    /// What was matched after it was booked stands.
    #[error("what was matched of its lines after it was booked cannot be undone")]
    Late(#[source] Box<DeskError>),
    /// A reserve that it withheld is gone.
    #[error(transparent)]
    Applied(#[from] AppliedReserve),
}

impl Retriable for UndoError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::Late(error) => error.is_retriable(),
            Self::Unknown(_)
            | Self::Ambiguous { .. }
            | Self::NotBooked { .. }
            | Self::Before { .. }
            | Self::Worked { .. }
            | Self::DependedOn { .. }
            | Self::ReversedBefore { .. }
            | Self::Applied(_) => false,
        }
    }
}

impl From<PutBackError> for UndoError {
    fn from(error: PutBackError) -> Self {
        match error {
            PutBackError::Store(error) => error.into(),
            PutBackError::Applied(applied) => applied.into(),
        }
    }
}

impl From<tokio_postgres::Error> for UndoError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Shows what [`Store::undo_file`] would do, and does nothing.
    pub async fn plan_undo(&self, request: &Request<'_>) -> Result<Undo, UndoError> {
        self.rehearse(async |tx: &mut Tx| undo(tx, request).await).await
    }

    /// Reverses what a settlement file booked, whole. Undoing it again changes nothing; when it comes again, it is another run.
    pub async fn undo_file(&self, request: &Request<'_>) -> Result<Undo, UndoError> {
        self.transact(async |tx: &mut Tx| undo(tx, request).await).await
    }
}

async fn undo(tx: &mut Tx, request: &Request<'_>) -> Result<Undo, UndoError> {
    let file = find(tx, request.file).await?;
    let (name, state) = (file.name.clone(), file.state.clone());
    let undone_in = match (state.as_str(), file.undone_in) {
        ("booked", _) => None,
        ("undone" | "superseded", Some(run)) => Some(run),
        _ => return Err(UndoError::NotBooked { name, state }),
    };
    let run = match undone_in {
        Some(run) => run,
        None => {
            let undone = take_apart(tx, &file, request, None).await?;
            let mut books = LockedBooks::lock(tx, &undone.books).await?;
            let mut tranches = Tranches::default();
            reverse(tx, &undone, &mut books, &mut tranches).await?;
            tranches.write(tx).await?;
            undone.run
        }
    };
    let figures = include_str!("../../../schema/queries/undone_figures.sql");
    let rows = tx.query(figures, &[&file.source.0, &run.0]).await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Unreadable("no figures of an undone file".to_owned()))?;
    Ok(Undo {
        new: undone_in.is_none(),
        entries: row.try_get("entries")?,
        items: row.try_get("items")?,
        breaks: row.try_get("breaks")?,
        file,
    })
}

/// A file whose items and breaks are undone, and whose entries are to be reversed.
pub(super) struct Undone {
    file: KnownFile,
    /// The source of the reversals.
    run: SourceId,
    day: NaiveDate,
    /// The books that are concerned, the house among them.
    pub(super) books: Vec<BookId>,
}

/// Everything but the entries of the file: refuses, gives items back, closes breaks, keeps who decided. The acquirer is locked.
pub(super) async fn take_apart(
    tx: &mut Tx,
    file: &KnownFile,
    request: &Request<'_>,
    superseded_by: Option<SourceId>,
) -> Result<Undone, UndoError> {
    let source = &file.source.0;
    let as_of = file
        .as_of
        .ok_or_else(|| StoreError::Unreadable(format!("{} is booked and of no day", file.name)))?;
    let day = request.on.unwrap_or(as_of);
    if day < as_of {
        return Err(UndoError::Before {
            name: file.name.clone(),
            as_of,
            day,
        });
    }
    refuse(tx, file).await?;
    let what = format!("undo of {} {}", file.acquirer, tag(&file.digest, file.run));
    let run = source_of_run(tx, &what).await?.id;
    let books = tx
        .query(include_str!("../../../schema/queries/undo_books.sql"), &[source])
        .await?;
    let mut books: Vec<BookId> = books
        .iter()
        .map(|row| Ok(BookId(row.try_get(0)?)))
        .collect::<Result<_, StoreError>>()?;
    books.push(BookId::HOUSE);
    if has_late(tx, file.source).await? {
        LockedBooks::lock(tx, &books).await?;
        let said = Said {
            by: request.by,
            note: Some("its file is undone"),
            evidence: None,
        };
        let late = undo_late(tx, file.source, said, (day, run)).await;
        late.map_err(|error| UndoError::Late(Box::new(error)))?;
    }
    let give_back = include_str!("../../../schema/queries/open_items_give_back.sql");
    tx.execute(give_back, &[source]).await?;
    tx.execute(
        include_str!("../../../schema/queries/undo_missing.sql"),
        &[source, &request.by],
    )
    .await?;
    tx.execute(
        include_str!("../../../schema/queries/undo_breaks.sql"),
        &[source, &request.by],
    )
    .await?;
    decide(
        tx,
        file.source,
        "undone",
        request.by,
        request.reason,
        (superseded_by, Some(run)),
    )
    .await?;
    Ok(Undone {
        file: file.clone(),
        run,
        day,
        books,
    })
}

/// Refuses a file that others have built on.
async fn refuse(tx: &mut Tx, file: &KnownFile) -> Result<(), UndoError> {
    let worked = include_str!("../../../schema/queries/undo_worked.sql");
    let worked = tx.query(worked, &[&file.source.0, &SYSTEM]).await?;
    let named = worked.iter().take(NAMED).map(|row| {
        let (id, class, state): (i64, &str, &str) = (row.try_get("id")?, row.try_get("class")?, row.try_get("state")?);
        Ok(format!("break {id} ({class}, {state})"))
    });
    let named = named.collect::<Result<Vec<_>, StoreError>>()?;
    if !named.is_empty() {
        return Err(UndoError::Worked {
            name: file.name.clone(),
            breaks: listed(&named, worked.len()),
        });
    }
    let dependents = include_str!("../../../schema/queries/undo_dependents.sql");
    let dependents = tx.query(dependents, &[&file.source.0, &file.acquirer_id.0]).await?;
    let named = dependents.iter().take(NAMED).map(|row| Ok(row.try_get(0)?));
    let named = named.collect::<Result<Vec<String>, StoreError>>()?;
    if !named.is_empty() {
        return Err(UndoError::DependedOn {
            name: file.name.clone(),
            files: listed(&named, dependents.len()),
        });
    }
    Ok(())
}

fn listed(named: &[String], count: usize) -> String {
    let more = match count.saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", named.join(", "))
}

/// Reverses the entries of a file, chunk by chunk, and says what tranches lose by it. Its books are locked.
pub(super) async fn reverse(
    tx: &mut Tx,
    undone: &Undone,
    books: &mut LockedBooks,
    tranches: &mut Tranches,
) -> Result<(), UndoError> {
    let entries = include_str!("../../../schema/queries/undo_entries.sql");
    let source = undone.file.source.0;
    let put = include_str!("../../../schema/queries/undo_tranches.sql");
    tranches.take_back(&tx.query(put, &[&source]).await?)?;
    let of_file = tag(&undone.file.digest, undone.file.run);
    let entry = |days: &str| {
        let reference = format!("{OWN}undo release {of_file} {days}");
        let print = fingerprint(&["undo 1", &reference]);
        Entry::of_day(EntryKind::Release, reference, print, undone.day, undone.run)
    };
    put_back(tx, books, tranches, entry).await?;
    let mut after = (BookId(0), EntryNumber(0));
    loop {
        let rows = tx.query(entries, &[&source, &after.0.0, &after.1.0, &CHUNK]).await?;
        let Some(last) = rows.last() else {
            break;
        };
        after = (BookId(last.try_get("book_id")?), EntryNumber(last.try_get("number")?));
        for (book, entry) in reversals(undone, &rows)? {
            books.append(book, entry)?;
        }
        books.write(tx).await?;
    }
    Ok(())
}

/// One entry for each of these, that mirrors it.
fn reversals(undone: &Undone, rows: &[Row]) -> Result<Vec<(BookId, Entry)>, UndoError> {
    let mut found: Vec<(BookId, Entry)> = Vec::new();
    for row in rows {
        let (book, number) = (BookId(row.try_get("book_id")?), EntryNumber(row.try_get("number")?));
        let is_next = found
            .last()
            .is_none_or(|(of, entry)| (*of, entry.reverses) != (book, Some(number)));
        if is_next {
            let stated: &str = row.try_get("reference")?;
            if let Some(reversal) = row.try_get::<_, Option<String>>("reversed_by")? {
                return Err(UndoError::ReversedBefore {
                    name: undone.file.name.clone(),
                    entry: stated.to_owned(),
                    reversal,
                });
            }
            let reference = format!("{OWN}undo {}", stated.strip_prefix(OWN).unwrap_or(stated));
            let print = fingerprint(&["undo 1", &reference]);
            let entry = Entry {
                reverses: Some(number),
                ..Entry::of_day(EntryKind::Reversal, reference, print, undone.day, undone.run)
            };
            found.push((book, entry));
        }
        if let (Some((_, entry)), Some(amount)) = (found.last_mut(), row.try_get("amount")?) {
            entry.transfers.push(Transfer {
                debit: account(row, "credit")?,
                credit: account(row, "debit")?,
                amount,
            });
        }
    }
    Ok(found)
}

fn account(row: &Row, side: &str) -> Result<Account, StoreError> {
    let code: i16 = row.try_get(format!("{side}_code").as_str())?;
    Ok(Account {
        code: AccountCode::from_number(code).ok_or_else(|| StoreError::Unreadable(format!("account code {code}")))?,
        currency: currency(row.try_get(format!("{side}_currency").as_str())?)?,
        dimension: row.try_get::<_, &str>(format!("{side}_dimension").as_str())?.into(),
    })
}

/// Keeps what a file puts into tranches, so that it can be taken back.
pub(super) async fn keep_tranches(tx: &mut Tx, source: SourceId, tranches: &Tranches) -> Result<(), StoreError> {
    let columns = tranches.columns();
    if columns.is_empty() {
        return Ok(());
    }
    let [books, currencies, sources, releases, amounts] = columns.parameters();
    let insert = include_str!("../../../schema/queries/settlement_reserves_insert.sql");
    tx.execute(insert, &[&source.0, books, currencies, sources, releases, amounts])
        .await?;
    Ok(())
}
