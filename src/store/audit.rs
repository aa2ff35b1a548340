//! Reads the books for their proof: four cursors in one snapshot, walked side by side in the order of books and numbers.
//!
//! Memory is bounded by the rows of one FETCH of each cursor, the transfers of one entry and the accounts of one book.
//! The audits of `schema/audits` are statements that return whatever breaks their invariant.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::TryStreamExt;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSqlOwned, Type};

use super::snapshot::Snapshot;
use super::{Store, StoreError, period};
use crate::audit::verify::{
    Accounts, BookCheck, Finding, Findings, Rule, StoredBalance, StoredBook, StoredEntry, StoredTransfer,
};
use crate::ids::{AccountId, BookId, EntryNumber, SourceId};
use crate::ledger::account::{Account, AccountCode, Side};
use crate::ledger::entry::{Entry, EntryHash, EntryKind};
use crate::money::Currency;

/// What a proof of the books came to.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// Whatever differs.
    pub findings: Findings,
    /// Books proven.
    pub books: u64,
    /// Entries proven.
    pub entries: u64,
    /// Transfers proven.
    pub transfers: u64,
}

/// The book of a merchant.
pub async fn book_of(snapshot: &mut Snapshot, merchant: &str) -> Result<Option<BookId>, StoreError> {
    let rows = snapshot
        .query(include_str!("../../schema/queries/book_of_merchant.sql"), &[&merchant])
        .await?;
    rows.first().map(|row| Ok(BookId(row.try_get(0)?))).transpose()
}

/// Recomputes every hash and balance of one book, or of all. `progress` is told how many entries are done.
pub async fn verify(
    snapshot: &mut Snapshot,
    book: Option<BookId>,
    mut progress: impl FnMut(u64),
) -> Result<Proof, StoreError> {
    let mut proof = Proof::default();
    check_chart(snapshot, &mut proof.findings).await?;
    let accounts = read_accounts(snapshot, &mut proof.findings).await?;
    let mut cursors = Cursors::open(snapshot, book).await?;
    while let Some(book) = cursors.next_book(snapshot).await? {
        let row = cursors.books.next_if(snapshot, |row| row.book == book).await?;
        let mut check = BookCheck::new(book, row.as_ref(), &accounts, &mut proof.findings);
        while let Some(number) = cursors.next_number(snapshot, book).await? {
            let mut transfers = Vec::new();
            while let Some(transfer) = cursors
                .transfers
                .next_if(snapshot, |transfer| (transfer.book, transfer.entry) == (book, number))
                .await?
            {
                transfers.push(transfer);
            }
            proof.transfers = proof
                .transfers
                .saturating_add(u64::try_from(transfers.len()).unwrap_or(u64::MAX));
            let entry = cursors
                .entries
                .next_if(snapshot, |entry| (entry.book, entry.number) == (book, number))
                .await?;
            match entry {
                Some(entry) => {
                    check.entry(entry, &transfers);
                    proof.entries = proof.entries.saturating_add(1);
                    if proof.entries.is_multiple_of(1000) {
                        progress(proof.entries);
                    }
                }
                None => check.orphans(number, &transfers),
            }
        }
        let mut balances = Vec::new();
        while let Some(balance) = cursors
            .balances
            .next_if(snapshot, |balance| balance.book == book)
            .await?
        {
            balances.push(balance);
        }
        check.finish(row.as_ref(), &balances);
        proof.books = proof.books.saturating_add(1);
    }
    if book.is_none() {
        check_periods(snapshot, &mut proof.findings).await?;
    }
    progress(proof.entries);
    Ok(proof)
}

async fn check_periods(snapshot: &mut Snapshot, findings: &mut Findings) -> Result<(), StoreError> {
    for (period, now) in period::changed(snapshot).await? {
        findings.add(without_place(
            Rule::Periods,
            format!(
                "the trial balance of {} had the digest {} when it was closed and has {now} now",
                period.through, period.trial_balance
            ),
        ));
    }
    Ok(())
}

struct Cursors {
    books: Cursor<StoredBook>,
    entries: Cursor<StoredEntry>,
    transfers: Cursor<StoredTransfer>,
    balances: Cursor<StoredBalance>,
}

impl Cursors {
    async fn open(snapshot: &mut Snapshot, book: Option<BookId>) -> Result<Self, StoreError> {
        let book = book.map(|book| book.0);
        for declare in [
            include_str!("../../schema/queries/verify_books.sql"),
            include_str!("../../schema/queries/verify_entries.sql"),
            include_str!("../../schema/queries/verify_transfers.sql"),
            include_str!("../../schema/queries/verify_balances.sql"),
        ] {
            snapshot.declare(declare, &[&book]).await?;
        }
        Ok(Self {
            books: Cursor::new(include_str!("../../schema/queries/verify_books_next.sql"), book_from),
            entries: Cursor::new(include_str!("../../schema/queries/verify_entries_next.sql"), entry_from),
            transfers: Cursor::new(
                include_str!("../../schema/queries/verify_transfers_next.sql"),
                transfer_from,
            ),
            balances: Cursor::new(
                include_str!("../../schema/queries/verify_balances_next.sql"),
                balance_from,
            ),
        })
    }

    /// The lowest book that any cursor stands at.
    async fn next_book(&mut self, snapshot: &mut Snapshot) -> Result<Option<BookId>, StoreError> {
        let heads = [
            self.books.peek(snapshot).await?.map(|row| row.book),
            self.entries.peek(snapshot).await?.map(|row| row.book),
            self.transfers.peek(snapshot).await?.map(|row| row.book),
            self.balances.peek(snapshot).await?.map(|row| row.book),
        ];
        Ok(heads.into_iter().flatten().min())
    }

    /// The lowest number in a book at which there is an entry or a transfer.
    async fn next_number(&mut self, snapshot: &mut Snapshot, book: BookId) -> Result<Option<EntryNumber>, StoreError> {
        let entry = self
            .entries
            .peek(snapshot)
            .await?
            .filter(|row| row.book == book)
            .map(|row| row.number);
        let transfer = self
            .transfers
            .peek(snapshot)
            .await?
            .filter(|row| row.book == book)
            .map(|row| row.entry);
        Ok([entry, transfer].into_iter().flatten().min())
    }
}

/// Rows of a cursor, fetched some thousands at a time.
struct Cursor<T> {
    fetch: &'static str,
    read: fn(&Row) -> Result<T, StoreError>,
    rows: VecDeque<T>,
    ended: bool,
}

impl<T> Cursor<T> {
    fn new(fetch: &'static str, read: fn(&Row) -> Result<T, StoreError>) -> Self {
        Self {
            fetch,
            read,
            rows: VecDeque::new(),
            ended: false,
        }
    }

    async fn peek(&mut self, snapshot: &mut Snapshot) -> Result<Option<&T>, StoreError> {
        if self.rows.is_empty() && !self.ended {
            let rows = snapshot.query(self.fetch, &[]).await?;
            self.ended = rows.is_empty();
            for row in &rows {
                self.rows.push_back((self.read)(row)?);
            }
        }
        Ok(self.rows.front())
    }

    async fn next_if(
        &mut self,
        snapshot: &mut Snapshot,
        wanted: impl FnOnce(&T) -> bool,
    ) -> Result<Option<T>, StoreError> {
        match self.peek(snapshot).await? {
            Some(row) if wanted(row) => Ok(self.rows.pop_front()),
            _ => Ok(None),
        }
    }
}

fn book_from(row: &Row) -> Result<StoredBook, StoreError> {
    Ok(StoredBook {
        book: BookId(row.try_get("id")?),
        merchant: row.try_get("merchant")?,
        number: EntryNumber(row.try_get("number")?),
        hash: hash_from(row.try_get("hash")?),
    })
}

/// A hash of another length than 32 bytes is no hash: it compares unequal to every one.
fn hash_from(bytes: &[u8]) -> EntryHash {
    bytes.try_into().unwrap_or([0xff; 32])
}

fn transfer_from(row: &Row) -> Result<StoredTransfer, StoreError> {
    Ok(StoredTransfer {
        book: BookId(row.try_get("book_id")?),
        entry: EntryNumber(row.try_get("entry_number")?),
        ordinal: row.try_get("ordinal")?,
        debit: AccountId(row.try_get("debit_account")?),
        credit: AccountId(row.try_get("credit_account")?),
        amount: row.try_get("amount")?,
    })
}

fn balance_from(row: &Row) -> Result<StoredBalance, StoreError> {
    Ok(StoredBalance {
        book: BookId(row.try_get("book_id")?),
        account: AccountId(row.try_get("account_id")?),
        debits: row.try_get("debits")?,
        credits: row.try_get("credits")?,
    })
}

fn entry_from(row: &Row) -> Result<StoredEntry, StoreError> {
    let kind: i16 = row.try_get("kind")?;
    let reference: String = row.try_get("reference")?;
    let content = content_from(row, kind, &reference);
    Ok(StoredEntry {
        book: BookId(row.try_get("book_id")?),
        number: EntryNumber(row.try_get("number")?),
        kind: EntryKind::from_id(kind).map_or_else(|| format!("kind {kind}"), |kind| kind.name().to_owned()),
        reference,
        hash: hash_from(row.try_get("hash")?),
        content,
    })
}

/// What the chain covers; a value that this version cannot read (an infinite time, an unknown kind) is a finding, no failure.
fn content_from(row: &Row, kind: i16, reference: &str) -> Result<(Entry, chrono::DateTime<chrono::Utc>), String> {
    fn column<T: FromSqlOwned>(row: &Row, name: &str) -> Result<T, String> {
        row.try_get(name)
            .map_err(|_| format!("column {name} holds a value out of range"))
    }
    let fingerprint: Vec<u8> = column(row, "fingerprint")?;
    let entry = Entry {
        kind: EntryKind::from_id(kind).ok_or_else(|| format!("there is no kind {kind}"))?,
        reference: reference.to_owned(),
        fingerprint: fingerprint
            .try_into()
            .map_err(|_| "the fingerprint is not 32 bytes long".to_owned())?,
        payment: column(row, "payment")?,
        acquirer_reference: column(row, "acquirer_reference")?,
        merchant_reference: column(row, "merchant_reference")?,
        arn: column(row, "arn")?,
        rrn: column(row, "rrn")?,
        auth_code: column(row, "auth_code")?,
        details: column(row, "details")?,
        natural_key: column(row, "natural_key")?,
        reverses: column::<Option<i64>>(row, "reverses")?.map(EntryNumber),
        occurred_at: column(row, "occurred_at")?,
        booking_date: column(row, "booking_date")?,
        happened_on: column(row, "happened_on")?,
        source: SourceId(column(row, "source_id")?),
        source_line: column(row, "source_line")?,
        transfers: Vec::new(),
    };
    Ok((entry, column(row, "recorded_at")?))
}

async fn read_accounts(snapshot: &mut Snapshot, findings: &mut Findings) -> Result<Accounts, StoreError> {
    let mut accounts = Accounts::new();
    for row in snapshot
        .query(include_str!("../../schema/queries/verify_accounts.sql"), &[])
        .await?
    {
        let id = AccountId(row.try_get("id")?);
        let code: i16 = row.try_get("code")?;
        let currency: &str = row.try_get("currency")?;
        let exponent: i16 = row.try_get("exponent")?;
        let dimension: &str = row.try_get("dimension")?;
        let problem = match (AccountCode::from_number(code), Currency::parse(currency)) {
            (None, _) => Some(format!("account {id} has code {code}, which is not in the chart")),
            (_, Err(error)) => Some(format!("account {id}: {error}")),
            (Some(code), Ok(currency)) => {
                accounts.insert(
                    id,
                    Account {
                        code,
                        currency,
                        dimension: Arc::from(dimension),
                    },
                );
                (exponent != i16::from(currency.exponent())).then(|| {
                    format!(
                        "account {id} has exponent {exponent}; {currency} has {}",
                        currency.exponent()
                    )
                })
            }
        };
        if let Some(detail) = problem {
            findings.add(without_place(Rule::Accounts, detail));
        }
    }
    Ok(accounts)
}

async fn check_chart(snapshot: &mut Snapshot, findings: &mut Findings) -> Result<(), StoreError> {
    let stored: Vec<(i16, String, String, bool, bool)> = snapshot
        .query(include_str!("../../schema/queries/chart.sql"), &[])
        .await?
        .iter()
        .map(|row| {
            Ok((
                row.try_get(0)?,
                row.try_get(1)?,
                row.try_get(2)?,
                row.try_get(3)?,
                row.try_get(4)?,
            ))
        })
        .collect::<Result<_, StoreError>>()?;
    let known: Vec<(i16, String, String, bool, bool)> = AccountCode::ALL
        .iter()
        .map(|code| {
            let side = match code.side() {
                Side::Debit => "debit",
                Side::Credit => "credit",
            };
            (
                code.number(),
                code.name().to_owned(),
                side.to_owned(),
                code.may_cross_zero(),
                code.is_memo(),
            )
        })
        .collect();
    for row in stored.iter().filter(|row| !known.contains(row)) {
        findings.add(without_place(
            Rule::Chart,
            format!("account code {} {} is not as this version knows it", row.0, row.1),
        ));
    }
    for row in known.iter().filter(|row| !stored.iter().any(|other| other.0 == row.0)) {
        findings.add(without_place(
            Rule::Chart,
            format!("account code {} {} is missing", row.0, row.1),
        ));
    }
    Ok(())
}

fn without_place(rule: Rule, detail: String) -> Finding {
    Finding {
        rule,
        book: None,
        merchant: None,
        entry: None,
        detail,
    }
}

/// An invariant as a statement that returns whatever breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// The name of its file.
    pub name: &'static str,
    /// The statement; its first line says the invariant.
    pub sql: &'static str,
}

macro_rules! audits {
    ($($name:literal),* $(,)?) => {
        /// Every file of `schema/audits`.
        pub const AUDITS: &[Audit] = &[
            $(Audit { name: $name, sql: include_str!(concat!("../../schema/audits/", $name, ".sql")) },)*
        ];
    };
}

audits![
    "acquirers",
    "adjustments",
    "advances",
    "balance_sums",
    "bank_entries",
    "exponents",
    "files_undone",
    "holds",
    "invoices",
    "item_amounts",
    "items_once",
    "keeps_side",
    "lines_accounted",
    "losses",
    "matches_booked",
    "matches_by_hand",
    "numbering",
    "open_holds",
    "payment_totals",
    "payout_approved_content",
    "payout_bank",
    "payout_covered",
    "payout_entries",
    "payout_in_transit",
    "payout_of_every_entry",
    "payout_once",
    "pending",
    "receipts_given",
    "receivables",
    "reserve_days",
    "reserve_tranches",
    "resolutions",
    "reversals",
    "sources",
    "suspense",
    "transfer_currency",
    "transfer_ordinals",
    "zero_sum",
];

impl Audit {
    /// The invariant, in a sentence.
    pub fn says(&self) -> &'static str {
        self.sql.lines().next().unwrap_or_default().trim_start_matches("-- ")
    }
}

/// What an audit found.
#[derive(Debug, Clone)]
pub struct AuditResult {
    /// Which.
    pub audit: Audit,
    /// How many rows break it.
    pub offenders: u64,
    /// The first [`OFFENDERS_SHOWN`] of them, as `column=value` texts.
    pub first: Vec<String>,
}

/// How many offenders of an audit are put into words.
pub const OFFENDERS_SHOWN: usize = 20;

/// Runs every audit.
pub async fn audits(snapshot: &mut Snapshot) -> Result<Vec<AuditResult>, StoreError> {
    let mut results = Vec::with_capacity(AUDITS.len());
    for audit in AUDITS {
        let mut rows = std::pin::pin!(snapshot.query_stream(audit.sql, &[]).await?);
        let mut result = AuditResult {
            audit: *audit,
            offenders: 0,
            first: Vec::new(),
        };
        while let Some(row) = rows.try_next().await? {
            result.offenders = result.offenders.saturating_add(1);
            if result.first.len() < OFFENDERS_SHOWN {
                result.first.push(in_words(&row));
            }
        }
        results.push(result);
    }
    Ok(results)
}

fn in_words(row: &Row) -> String {
    let cells = row.columns().iter().enumerate().map(|(place, column)| {
        let value = cell_text(row, place, column.type_()).unwrap_or_else(|| "?".to_owned());
        format!("{}={}", column.name(), crate::card_number::shorten(&value, 80))
    });
    cells.collect::<Vec<_>>().join(" ")
}

fn cell_text(row: &Row, place: usize, kind: &Type) -> Option<String> {
    fn show<T: FromSqlOwned + ToString>(row: &Row, place: usize) -> Option<String> {
        let value: Option<T> = row.try_get(place).ok()?;
        Some(value.map_or_else(|| "none".to_owned(), |value| value.to_string()))
    }
    match *kind {
        Type::INT2 => show::<i16>(row, place),
        Type::INT4 => show::<i32>(row, place),
        Type::INT8 => show::<i64>(row, place),
        Type::BOOL => show::<bool>(row, place),
        Type::TEXT => show::<String>(row, place),
        Type::DATE => show::<chrono::NaiveDate>(row, place),
        Type::NUMERIC => show::<rust_decimal::Decimal>(row, place),
        _ => None,
    }
}

/// What [`prove`] came to.
#[derive(Debug, Clone)]
pub struct Proven {
    /// Hashes, heads, balances.
    pub proof: Proof,
    /// The audits; none when one merchant was asked for.
    pub audits: Vec<AuditResult>,
    /// SHA-256 over the heads of all books.
    pub books_digest: String,
}

impl Proven {
    /// Whether everything is as it should be.
    pub fn holds(&self) -> bool {
        self.proof.findings.is_empty() && self.audits.iter().all(|result| result.offenders == 0)
    }
}

/// Proves one merchant's book, or all books and every audit, in one snapshot. None: there is no book of that merchant.
pub async fn prove(
    store: &Store,
    merchant: Option<&str>,
    progress: impl FnMut(u64),
) -> Result<Option<Proven>, StoreError> {
    let mut snapshot = Snapshot::open(store).await?;
    let book = match merchant {
        None => None,
        Some(merchant) => match book_of(&mut snapshot, merchant).await? {
            Some(book) => Some(book),
            None => {
                snapshot.close().await;
                return Ok(None);
            }
        },
    };
    let books_digest = snapshot.books_digest().await?;
    let proof = verify(&mut snapshot, book, progress).await?;
    // The audits look at all books at once.
    let audits = match book {
        None => audits(&mut snapshot).await?,
        Some(_) => Vec::new(),
    };
    snapshot.close().await;
    Ok(Some(Proven {
        proof,
        audits,
        books_digest,
    }))
}
