//! Writing into books: lock, append, write.
//!
//! [`LockedBooks`] holds the row locks of the books that a transaction writes, taken in id order at READ COMMITTED, so that
//! writers queue and never deadlock. While it writes no period is closed, and what belongs to a closed one is booked on the first
//! day after it, with the day that governs it beside. Entries are appended in memory (numbers assigned there), chained, and written
//! with one COPY of entries, one of transfers, an update and an insert of balances, and the heads last.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::{StoreError, Tx};
use crate::ids::{AccountId, BookId, EntryNumber};
use crate::ledger::account::{Account, AccountCode, Side};
use crate::ledger::balance::{Movements, TurnoverTooLarge};
use crate::ledger::book::{BookFull, BookHead, entry_hash};
use crate::ledger::entry::{Entry, EntryHash};
use crate::money::Currency;

struct Numbered {
    book: BookId,
    number: EntryNumber,
    entry: Entry,
    hash: EntryHash,
}

/// Books whose locks this transaction holds, and what it appends to them.
pub struct LockedBooks {
    heads: HashMap<BookId, BookHead>,
    recorded_at: DateTime<Utc>,
    /// The last closed day.
    closed: Option<NaiveDate>,
    appended: Vec<Numbered>,
}

impl From<BookFull> for StoreError {
    fn from(error: BookFull) -> Self {
        Self::TooLarge(error.to_string())
    }
}

impl LockedBooks {
    /// Locks books by id. A transaction locks once, or first locks all that it will lock again: else it could be out of order.
    pub async fn lock(tx: &mut Tx, books: &[BookId]) -> Result<Self, StoreError> {
        let ids: Vec<i64> = books.iter().map(|book| book.0).collect();
        super::period::share(tx).await?;
        let rows = tx
            .query(include_str!("../../schema/queries/books_lock.sql"), &[&ids])
            .await?;
        Self::from_rows(&rows)
    }

    /// Locks the books of merchants, and says which book is whose. Merchants without a book are left out.
    pub async fn lock_of_merchants(
        tx: &mut Tx,
        merchants: &[&str],
    ) -> Result<(Self, HashMap<String, BookId>), StoreError> {
        super::period::share(tx).await?;
        let rows = tx
            .query(
                include_str!("../../schema/queries/books_lock_of_merchants.sql"),
                &[&merchants],
            )
            .await?;
        let owners = rows
            .iter()
            .map(|row| Ok((row.try_get("merchant")?, BookId(row.try_get("id")?))))
            .collect::<Result<_, tokio_postgres::Error>>()?;
        Ok((Self::from_rows(&rows)?, owners))
    }

    fn from_rows(rows: &[Row]) -> Result<Self, StoreError> {
        let mut heads = HashMap::with_capacity(rows.len());
        let mut recorded_at = DateTime::<Utc>::default();
        let mut closed = None;
        for row in rows {
            let book = BookId(row.try_get("id")?);
            recorded_at = row.try_get("recorded_at")?;
            closed = row.try_get("closed")?;
            let number = EntryNumber(row.try_get("number")?);
            let head = if number == EntryNumber(0) {
                BookHead::empty(book, row.try_get("merchant")?)
            } else {
                let hash: &[u8] = row.try_get("hash")?;
                let hash = EntryHash::try_from(hash)
                    .map_err(|_| StoreError::Unreadable(format!("a head hash of book {book}")))?;
                BookHead { book, number, hash }
            };
            heads.insert(book, head);
        }
        Ok(Self {
            heads,
            recorded_at,
            closed,
            appended: Vec::new(),
        })
    }

    /// The number that the next entry of a locked book will have.
    pub fn next(&self, book: BookId) -> Result<EntryNumber, StoreError> {
        let head = self.heads.get(&book);
        head.and_then(|head| head.number.0.checked_add(1))
            .map(EntryNumber)
            .ok_or_else(|| StoreError::Unreadable(format!("the next entry of book {book}, which is not locked")))
    }

    /// How many entries wait to be written.
    pub fn waiting(&self) -> usize {
        self.appended.len()
    }

    /// Appends an entry to a locked book and says its number. Where its day is closed, it is booked on the first open one.
    pub fn append(&mut self, book: BookId, mut entry: Entry) -> Result<EntryNumber, StoreError> {
        if let Some(closed) = self.closed.filter(|closed| entry.booking_date <= *closed) {
            let open = closed
                .succ_opt()
                .ok_or_else(|| StoreError::TooLarge("the first open day".to_owned()))?;
            entry.happened_on = Some(entry.booking_date);
            entry.booking_date = open;
        }
        let head = self
            .heads
            .get_mut(&book)
            .ok_or_else(|| StoreError::Unreadable(format!("an entry for book {book}, which is not locked")))?;
        let number = head.number_next()?;
        self.appended.push(Numbered {
            book,
            number,
            entry,
            hash: head.hash,
        });
        Ok(number)
    }

    /// Writes what was appended; the locks stay until the transaction ends, and more may be appended.
    pub async fn write(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut entries = std::mem::take(&mut self.appended);
        if entries.is_empty() {
            return Ok(());
        }
        // By primary key: neighbours in the file are neighbours in the table and its index.
        entries.sort_by_cached_key(|numbered| (numbered.book, numbered.number));
        self.chain(&mut entries)?;
        let accounts = Accounts::of(tx, &entries).await?;
        self.copy_entries(tx, &entries).await?;
        let movements = copy_transfers(tx, &entries, &accounts).await?;
        add_to_balances(tx, movements, &accounts).await?;
        let touched: BTreeSet<BookId> = entries.iter().map(|numbered| numbered.book).collect();
        self.advance(tx, touched).await
    }

    /// Chains entries, which are in the order of books and numbers: each book by itself, half of them on another core.
    fn chain(&mut self, entries: &mut [Numbered]) -> Result<(), StoreError> {
        let (recorded_at, middle) = (self.recorded_at, entries.len() / 2);
        let mut halves = [Vec::new(), Vec::new()];
        let mut before = 0_usize;
        for of_book in entries.chunk_by_mut(|left, right| left.book == right.book) {
            let head = of_book.first().and_then(|first| self.heads.get(&first.book));
            let head =
                head.ok_or_else(|| StoreError::Unreadable("an entry of a book that is not locked".to_owned()))?;
            let [first, second] = &mut halves;
            let half = if before < middle { first } else { second };
            before = before.saturating_add(of_book.len());
            half.push((head.hash, of_book));
        }
        let chain = |half: &mut Vec<(EntryHash, &mut [Numbered])>| {
            for (hash, of_book) in half {
                for numbered in of_book.iter_mut() {
                    *hash = entry_hash(numbered.book, numbered.number, hash, &numbered.entry, recorded_at);
                    numbered.hash = *hash;
                }
            }
        };
        let [first, second] = &mut halves;
        std::thread::scope(|scope| {
            if !second.is_empty() {
                scope.spawn(|| chain(second));
            }
            chain(first);
        });
        for (hash, of_book) in halves.iter().flatten() {
            let head = of_book.first().and_then(|first| self.heads.get_mut(&first.book));
            if let Some(head) = head {
                head.hash = *hash;
            }
        }
        Ok(())
    }

    async fn copy_entries(&self, tx: &mut Tx, entries: &[Numbered]) -> Result<(), StoreError> {
        const TYPES: [Type; 21] = [
            Type::INT8,
            Type::INT8,
            Type::INT2,
            Type::TEXT,
            Type::BYTEA,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::INT8,
            Type::TIMESTAMPTZ,
            Type::DATE,
            Type::DATE,
            Type::TIMESTAMPTZ,
            Type::INT8,
            Type::INT4,
            Type::BYTEA,
        ];
        let mut copy = tx
            .copy(include_str!("../../schema/queries/entries_copy.sql"), &TYPES)
            .await?;
        for Numbered {
            book,
            number,
            entry,
            hash,
        } in entries
        {
            let row: [&(dyn ToSql + Sync); 21] = [
                &book.0,
                &number.0,
                &entry.kind.id(),
                &entry.reference,
                &entry.fingerprint.as_slice(),
                &entry.payment,
                &entry.acquirer_reference,
                &entry.merchant_reference,
                &entry.arn,
                &entry.rrn,
                &entry.auth_code,
                &entry.details,
                &entry.natural_key,
                &entry.reverses.map(|reversed| reversed.0),
                &entry.occurred_at,
                &entry.booking_date,
                &entry.happened_on,
                &self.recorded_at,
                &entry.source.0,
                &entry.source_line,
                &hash.as_slice(),
            ];
            copy.row(&row).await?;
        }
        tx.end_copy(copy).await
    }

    async fn advance(&self, tx: &mut Tx, touched: BTreeSet<BookId>) -> Result<(), StoreError> {
        let heads: Vec<&BookHead> = touched.iter().filter_map(|book| self.heads.get(book)).collect();
        let ids: Vec<i64> = heads.iter().map(|head| head.book.0).collect();
        let numbers: Vec<i64> = heads.iter().map(|head| head.number.0).collect();
        let hashes: Vec<&[u8]> = heads.iter().map(|head| head.hash.as_slice()).collect();
        tx.execute(
            include_str!("../../schema/queries/books_advance.sql"),
            &[&ids, &numbers, &hashes],
        )
        .await?;
        Ok(())
    }
}

async fn copy_transfers(tx: &mut Tx, entries: &[Numbered], accounts: &Accounts) -> Result<Movements, StoreError> {
    const TYPES: [Type; 6] = [Type::INT8, Type::INT8, Type::INT2, Type::INT4, Type::INT4, Type::INT8];
    let mut movements = Movements::default();
    let mut copy = tx
        .copy(include_str!("../../schema/queries/transfers_copy.sql"), &TYPES)
        .await?;
    for Numbered {
        book, number, entry, ..
    } in entries
    {
        for (ordinal, transfer) in (1_i16..).zip(&entry.transfers) {
            let sides = (accounts.id(&transfer.debit)?, accounts.id(&transfer.credit)?);
            copy.row(&[&book.0, &number.0, &ordinal, &sides.0.0, &sides.1.0, &transfer.amount])
                .await?;
            let moved = movements.add(*book, sides, transfer.amount);
            moved.map_err(|TurnoverTooLarge(account)| accounts.too_large(account))?;
        }
    }
    tx.end_copy(copy).await?;
    Ok(movements)
}

async fn add_to_balances(tx: &mut Tx, movements: Movements, accounts: &Accounts) -> Result<(), StoreError> {
    let kept: HashMap<AccountId, Option<&str>> = accounts
        .ids
        .iter()
        .map(|(account, id)| (*id, side_kept(account.code)))
        .collect();
    let rows = movements.into_sorted();
    let mut books: Vec<i64> = Vec::with_capacity(rows.len());
    let mut ids: Vec<i32> = Vec::with_capacity(rows.len());
    let mut debits: Vec<i64> = Vec::with_capacity(rows.len());
    let mut credits: Vec<i64> = Vec::with_capacity(rows.len());
    let mut sides: Vec<Option<&str>> = Vec::with_capacity(rows.len());
    for ((book, account), moved) in &rows {
        books.push(book.0);
        ids.push(account.0);
        debits.push(moved.debits);
        credits.push(moved.credits);
        sides.push(kept.get(account).copied().flatten());
    }
    tx.execute(
        include_str!("../../schema/queries/balances_add.sql"),
        &[&books, &ids, &debits, &credits, &sides],
    )
    .await?;
    Ok(())
}

fn side_kept(code: AccountCode) -> Option<&'static str> {
    match (code.may_cross_zero(), code.side()) {
        (true, _) => None,
        (false, Side::Debit) => Some("debit"),
        (false, Side::Credit) => Some("credit"),
    }
}

/// The accounts that there are, as many as acquirers, banks and currencies make of the chart.
struct Accounts {
    ids: HashMap<Account, AccountId>,
}

impl Accounts {
    /// Those of entries among them, opened where they are new.
    async fn of(tx: &mut Tx, entries: &[Numbered]) -> Result<Self, StoreError> {
        let known = Self::load(tx).await?;
        let missing: BTreeSet<&Account> = entries
            .iter()
            .flat_map(|numbered| &numbered.entry.transfers)
            .flat_map(|transfer| [&transfer.debit, &transfer.credit])
            .filter(|account| !known.ids.contains_key(account))
            .collect();
        if missing.is_empty() {
            return Ok(known);
        }
        let codes: Vec<i16> = missing.iter().map(|account| account.code.number()).collect();
        let currencies: Vec<&str> = missing.iter().map(|account| account.currency.code()).collect();
        let exponents: Vec<i16> = missing
            .iter()
            .map(|account| i16::from(account.currency.exponent()))
            .collect();
        let dimensions: Vec<&str> = missing.iter().map(|account| &*account.dimension).collect();
        tx.execute(
            include_str!("../../schema/queries/accounts_create.sql"),
            &[&codes, &currencies, &exponents, &dimensions],
        )
        .await?;
        Self::load(tx).await
    }

    async fn load(tx: &mut Tx) -> Result<Self, StoreError> {
        let rows = tx.query(include_str!("../../schema/queries/accounts.sql"), &[]).await?;
        let account = |row: &Row| {
            let code: i16 = row.try_get("code")?;
            let code =
                AccountCode::from_number(code).ok_or_else(|| StoreError::Unreadable(format!("account code {code}")))?;
            let currency: &str = row.try_get("currency")?;
            let currency = Currency::parse(currency).map_err(|error| StoreError::Unreadable(error.to_string()))?;
            let dimension: &str = row.try_get("dimension")?;
            let account = Account {
                code,
                currency,
                dimension: dimension.into(),
            };
            Ok((account, AccountId(row.try_get("id")?)))
        };
        let ids = rows.iter().map(account).collect::<Result<_, StoreError>>()?;
        Ok(Self { ids })
    }

    fn id(&self, account: &Account) -> Result<AccountId, StoreError> {
        let id = self.ids.get(account).copied();
        id.ok_or_else(|| StoreError::Unreadable(format!("no account {account}")))
    }

    fn too_large(&self, id: AccountId) -> StoreError {
        let account = self.ids.iter().find(|(_, known)| **known == id);
        let account = account.map_or_else(|| id.to_string(), |(account, _)| account.to_string());
        StoreError::TooLarge(format!("the turnover of account {account}"))
    }
}
