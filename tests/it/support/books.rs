//! Books proven from their rows alone, by code that shares nothing with the ledger's.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Row};

/// Proves the books of these merchants (of everybody, the house included, where none are named): entries are numbered 1 to n
/// and the head is n, every hash is that of its row and transfers, balances are the sums of transfers, and each currency
/// sums to zero.
pub async fn prove(admin: &Client, merchants: Option<&[String]>) -> Result<(), String> {
    let rows = |sql: &'static str| async move {
        admin
            .query(sql, &[&merchants])
            .await
            .map_err(|error| format!("{error:?}"))
    };
    let mut transfers: BTreeMap<(i64, i64), Vec<Row>> = BTreeMap::new();
    for row in rows(TRANSFERS).await? {
        transfers.entry((row.get(0), row.get(1))).or_default().push(row);
    }
    let mut heads: BTreeMap<i64, (i64, Vec<u8>)> = BTreeMap::new();
    for row in rows(ENTRIES).await? {
        let (book, number): (i64, i64) = (row.get("book_id"), row.get("number"));
        let merchant: Option<&str> = row.get("merchant");
        let (last, previous) = heads
            .remove(&book)
            .unwrap_or_else(|| (0, genesis(book, merchant.unwrap_or_default())));
        if number != last + 1 {
            return Err(format!("book {book}: entry {number} follows entry {last}"));
        }
        let moved = transfers.remove(&(book, number)).unwrap_or_default();
        let hash = hash(&row, &previous, &moved);
        if hash != row.get::<_, Vec<u8>>("hash") {
            return Err(format!("book {book}: entry {number} does not have its hash"));
        }
        heads.insert(book, (number, hash));
    }
    for row in rows(HEADS).await? {
        let (book, number, hash): (i64, i64, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
        let last = heads.remove(&book).unwrap_or((0, vec![0; 32]));
        if last != (number, hash) {
            return Err(format!(
                "book {book}: its head is {number}, its last entry {}, or their hashes differ",
                last.0
            ));
        }
    }
    if let Some(((book, number), _)) = transfers.first_key_value() {
        return Err(format!("book {book}: transfers of entry {number}, which is not there"));
    }
    for (sql, what) in [
        (BALANCES, "balance is not the sum of transfers"),
        (SUMS, "currency does not sum to zero"),
        (CURRENCIES, "transfer between currencies"),
    ] {
        if let Some(row) = rows(sql).await?.first() {
            return Err(format!("{what}: {}", row.get::<_, String>(0)));
        }
    }
    Ok(())
}

const HEADS: &str = "select id, number, hash from book where $1::text[] is null or merchant = any($1) order by id";
const ENTRIES: &str =
    "select entry.*, merchant from entry join book on book.id = book_id where $1::text[] is null or merchant = any($1)
    order by book_id, entry.number";
const TRANSFERS: &str =
    "select book_id, entry_number, debit.code, debit.currency, debit.dimension, credit.code, credit.currency,
        credit.dimension, amount, ordinal
    from transfer join book on book.id = book_id
    join account debit on debit.id = debit_account join account credit on credit.id = credit_account
    where $1::text[] is null or merchant = any($1) order by book_id, entry_number, ordinal";
const BALANCES: &str = "with side as (
        select book_id, debit_account as account_id, amount as debits, 0 as credits from transfer
        union all select book_id, credit_account, 0, amount from transfer
    ), moved as (select book_id, account_id, sum(debits) as debits, sum(credits) as credits from side group by book_id, account_id)
    select format('book %s, account %s: %s, %s', book_id, account_id, moved, balance)
    from moved full join balance using (book_id, account_id) join book on book.id = book_id
    where ($1::text[] is null or merchant = any($1))
        and (moved.debits is distinct from balance.debits or moved.credits is distinct from balance.credits)";
const SUMS: &str = "select format('%s: %s', currency, sum(debits - credits))
    from balance join account on account.id = account_id join book on book.id = book_id
    where $1::text[] is null or merchant = any($1) group by currency having sum(debits - credits) <> 0";
const CURRENCIES: &str = "select format('book %s, entry %s', book_id, entry_number)
    from transfer join book on book.id = book_id
    join account debit on debit.id = debit_account join account credit on credit.id = credit_account
    where ($1::text[] is null or merchant = any($1)) and debit.currency <> credit.currency";

/// What the first entry of a book has in the place of the hash before it.
fn genesis(book: i64, merchant: &str) -> Vec<u8> {
    let mut input = vec![1_u8];
    input.extend(4_u64.to_be_bytes());
    input.extend(b"book");
    input.extend(book.to_be_bytes());
    input.extend(u64::try_from(merchant.len()).expect("a length").to_be_bytes());
    input.extend(merchant.as_bytes());
    Sha256::digest(&input).to_vec()
}

/// The hash of an entry, from its row and transfers.
fn hash(entry: &Row, previous: &[u8], transfers: &[Row]) -> Vec<u8> {
    let mut input = vec![1_u8];
    let integer = |input: &mut Vec<u8>, value: i64| input.extend(value.to_be_bytes());
    let text = |input: &mut Vec<u8>, text: &str| {
        input.extend(u64::try_from(text.len()).expect("a length").to_be_bytes());
        input.extend(text.as_bytes());
    };
    let small = |row: &Row, column: usize| i64::from(row.get::<_, i16>(column));
    integer(&mut input, entry.get("book_id"));
    integer(&mut input, entry.get("number"));
    input.extend(previous);
    integer(&mut input, i64::from(entry.get::<_, i16>("kind")));
    text(&mut input, entry.get("reference"));
    input.extend(entry.get::<_, &[u8]>("fingerprint"));
    for column in [
        "payment",
        "acquirer_reference",
        "merchant_reference",
        "arn",
        "rrn",
        "auth_code",
        "details",
        "natural_key",
    ] {
        let value: Option<&str> = entry.get(column);
        input.push(u8::from(value.is_some()));
        text(&mut input, value.unwrap_or_default());
    }
    let reverses: Option<i64> = entry.get("reverses");
    input.push(u8::from(reverses.is_some()));
    integer(&mut input, reverses.unwrap_or_default());
    integer(
        &mut input,
        entry.get::<_, DateTime<Utc>>("occurred_at").timestamp_micros(),
    );
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).expect("a day");
    integer(
        &mut input,
        (entry.get::<_, NaiveDate>("booking_date") - epoch).num_days(),
    );
    let happened_on: Option<NaiveDate> = entry.get("happened_on");
    input.push(u8::from(happened_on.is_some()));
    integer(&mut input, happened_on.map_or(0, |day| (day - epoch).num_days()));
    integer(
        &mut input,
        entry.get::<_, DateTime<Utc>>("recorded_at").timestamp_micros(),
    );
    integer(&mut input, entry.get("source_id"));
    let line: Option<i32> = entry.get("source_line");
    input.push(u8::from(line.is_some()));
    integer(&mut input, line.map_or(0, i64::from));
    integer(&mut input, i64::try_from(transfers.len()).expect("a count"));
    for (row, ordinal) in transfers.iter().zip(1_i16..) {
        assert_eq!(row.get::<_, i16>(9), ordinal, "ordinals count from 1");
        for (code, currency, dimension) in [(2, 3, 4), (5, 6, 7)] {
            integer(&mut input, small(row, code));
            text(&mut input, row.get(currency));
            text(&mut input, row.get(dimension));
        }
        integer(&mut input, row.get(8));
    }
    Sha256::digest(&input).to_vec()
}
