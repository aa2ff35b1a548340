//! Books: gapless numbers and a chain of hashes.
//!
//! The hash of an entry is SHA-256 over a version byte, the book, the number, the hash of the entry before it (for the
//! first the book's genesis: SHA-256 over whose book it is), every column of the entry and every transfer with its
//! accounts spelled out. Every field is length-prefixed, an absent one is told apart from an empty one, and nothing is
//! hashed through a rendering that could change (JSON, local time, numeric text). ARCHITECTURE.md gives the layout byte
//! by byte, for auditors who write a verifier of their own.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::account::Account;
use super::entry::{Entry, EntryHash};
use crate::ids::{BookId, EntryNumber};

const HASH_VERSION: u8 = 1;

/// The end of a book: where the next entry goes. Entries are numbered as they come and chained in that order, which may be later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookHead {
    /// The book.
    pub book: BookId,
    /// The number of its last entry, 0 when it is empty.
    pub number: EntryNumber,
    /// The hash of the last entry that is chained, the book's [`genesis`] when it is empty.
    pub hash: EntryHash,
}

/// The books are full: numbers are 64-bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("book {0} has no number left for another entry")]
pub struct BookFull(BookId);

impl BookHead {
    /// The head of a book without entries: a merchant's, or the house's.
    pub fn empty(book: BookId, merchant: Option<&str>) -> Self {
        Self {
            book,
            number: EntryNumber(0),
            hash: genesis(book, merchant),
        }
    }

    /// Gives the next entry its number. The caller holds the book's lock.
    pub fn number_next(&mut self) -> Result<EntryNumber, BookFull> {
        self.number = EntryNumber(self.number.0.checked_add(1).ok_or(BookFull(self.book))?);
        Ok(self.number)
    }
}

/// Where the chain of a book begins: ties the book to its merchant, none for the house.
pub fn genesis(book: BookId, merchant: Option<&str>) -> EntryHash {
    let mut input = Canonical(Vec::with_capacity(64));
    input.0.push(HASH_VERSION);
    input.text("book");
    input.integer(book.0);
    input.text(merchant.unwrap_or(""));
    Sha256::digest(&input.0).into()
}

/// The hash of an entry at its place in the chain.
pub fn entry_hash(
    book: BookId,
    number: EntryNumber,
    previous: &EntryHash,
    entry: &Entry,
    recorded_at: DateTime<Utc>,
) -> EntryHash {
    let mut input = Canonical(Vec::with_capacity(512));
    input.0.push(HASH_VERSION);
    input.integer(book.0);
    input.integer(number.0);
    input.0.extend_from_slice(previous);
    input.integer(i64::from(entry.kind.id()));
    input.text(&entry.reference);
    input.0.extend_from_slice(&entry.fingerprint);
    for field in [
        &entry.payment,
        &entry.acquirer_reference,
        &entry.merchant_reference,
        &entry.arn,
        &entry.rrn,
        &entry.auth_code,
        &entry.details,
        &entry.natural_key,
    ] {
        input.optional_text(field.as_deref());
    }
    input.optional_integer(entry.reverses.map(|reversed| reversed.0));
    input.integer(entry.occurred_at.timestamp_micros());
    input.integer(days_since_epoch(entry.booking_date));
    input.optional_integer(entry.happened_on.map(days_since_epoch));
    input.integer(recorded_at.timestamp_micros());
    input.integer(entry.source.0);
    input.optional_integer(entry.source_line.map(i64::from));
    input.length(entry.transfers.len());
    for transfer in &entry.transfers {
        input.account(&transfer.debit);
        input.account(&transfer.credit);
        input.integer(transfer.amount);
    }
    Sha256::digest(&input.0).into()
}

fn days_since_epoch(day: chrono::NaiveDate) -> i64 {
    day.signed_duration_since(chrono::NaiveDate::default()).num_days()
}

struct Canonical(Vec<u8>);

impl Canonical {
    fn integer(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn optional_integer(&mut self, value: Option<i64>) {
        self.0.push(u8::from(value.is_some()));
        self.integer(value.unwrap_or(0));
    }

    fn length(&mut self, length: usize) {
        // usize is at most 64 bits on every platform that Rust supports.
        self.0
            .extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        self.text(text.unwrap_or(""));
    }

    fn account(&mut self, account: &Account) {
        self.integer(i64::from(account.code.number()));
        self.text(account.currency.code());
        self.text(&account.dimension);
    }
}

/// SHA-256 of the fields of a request, each length-prefixed: equal exactly when every field is.
pub fn fingerprint(fields: &[&str]) -> [u8; 32] {
    let mut input = Canonical(Vec::with_capacity(256));
    for field in fields {
        input.text(field);
    }
    Sha256::digest(&input.0).into()
}
