//! What reports are made of: rows of the books, read in one [`Snapshot`].
//!
//! Days are booking dates and inclusive. Sums over books are 128-bit. The journal and the items of statements are streams;
//! everything else is as long as the chart, the merchants, the batches of a file, or the payouts.

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::{Stream, TryStreamExt};
use tokio_postgres::Row;

use super::StoreError;
use super::snapshot::Snapshot;
use crate::audit::trial_balance::TrialBalanceRow;

/// The turnover of every account, over all books or in one merchant's: of everything booked, from the balances, or of what
/// was booked up to a day, from the transfers.
pub async fn trial_balance(
    snapshot: &mut Snapshot,
    merchant: Option<&str>,
    as_of: Option<NaiveDate>,
) -> Result<Vec<TrialBalanceRow>, StoreError> {
    let rows = match as_of {
        None => {
            let sql = include_str!("../../schema/queries/report_trial_balance.sql");
            snapshot.query(sql, &[&merchant]).await?
        }
        Some(day) => {
            let sql = include_str!("../../schema/queries/report_trial_balance_as_of.sql");
            snapshot.query(sql, &[&merchant, &day]).await?
        }
    };
    trial_balance_rows(&rows)
}

pub(super) fn trial_balance_rows(rows: &[Row]) -> Result<Vec<TrialBalanceRow>, StoreError> {
    rows.iter()
        .map(|row| {
            Ok(TrialBalanceRow {
                code: row.try_get("code")?,
                name: row.try_get("name")?,
                memo: row.try_get("memo")?,
                currency: row.try_get("currency")?,
                exponent: exponent(row.try_get("exponent")?)?,
                dimension: row.try_get("dimension")?,
                debits: wide(row.try_get("debits")?)?,
                credits: wide(row.try_get("credits")?)?,
            })
        })
        .collect()
}

/// Which entries a journal or statement covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// One merchant; none: all books.
    pub merchant: Option<String>,
    /// The first booking date.
    pub from: Option<NaiveDate>,
    /// The last booking date.
    pub to: Option<NaiveDate>,
}

/// One side of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalAccount {
    /// Its number in the chart.
    pub code: i16,
    /// Its name.
    pub name: String,
    /// Its currency.
    pub currency: String,
    /// Acquirer or bank account; may be empty.
    pub dimension: String,
}

/// What a transfer moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalTransfer {
    /// Its place in the entry.
    pub ordinal: i16,
    /// The account debited.
    pub debit: JournalAccount,
    /// The account credited.
    pub credit: JournalAccount,
    /// Minor units.
    pub amount: i64,
    /// Decimals of the minor unit of the account debited.
    pub exponent: u8,
}

/// An entry with one of its transfers, or with none where it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// The book.
    pub book: i64,
    /// Its merchant; none for the house.
    pub merchant: Option<String>,
    /// The entry's number.
    pub number: i64,
    /// Its kind.
    pub kind: String,
    /// The number of its kind.
    pub kind_id: i16,
    /// The caller's own id of it.
    pub reference: String,
    /// What tells its request from another with the same reference.
    pub fingerprint: Vec<u8>,
    /// The payment it belongs to.
    pub payment: Option<String>,
    /// The acquirer's id of it.
    pub acquirer_reference: Option<String>,
    /// Our id as the acquirer echoes it.
    pub merchant_reference: Option<String>,
    /// The acquirer reference number.
    pub arn: Option<String>,
    /// The retrieval reference number.
    pub rrn: Option<String>,
    /// The authorization code.
    pub auth_code: Option<String>,
    /// What was stated beside these fields and the transfers, as JSON.
    pub details: Option<String>,
    /// What it is known by beside its reference.
    pub natural_key: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it was written.
    pub recorded_at: DateTime<Utc>,
    /// The day it is on the books.
    pub booking_date: NaiveDate,
    /// The day that governs it, where that was closed already.
    pub happened_on: Option<NaiveDate>,
    /// The file or run it came from.
    pub source_id: i64,
    /// Its name.
    pub source: Option<String>,
    /// The line there.
    pub source_line: Option<i32>,
    /// What it moved.
    pub transfer: Option<JournalTransfer>,
    /// The entry it undoes.
    pub reverses: Option<i64>,
    /// Its hash.
    pub hash: Vec<u8>,
}

/// The journal in the order of books, numbers and ordinals, as it arrives.
pub async fn journal(
    snapshot: &mut Snapshot,
    span: &Span,
) -> Result<impl Stream<Item = Result<JournalRow, StoreError>> + use<>, StoreError> {
    let sql = include_str!("../../schema/queries/report_journal.sql");
    let rows = snapshot
        .query_stream(sql, &[&span.merchant, &span.from, &span.to])
        .await?;
    Ok(rows.map_err(StoreError::from).and_then(async |row| journal_row(&row)))
}

fn journal_row(row: &Row) -> Result<JournalRow, StoreError> {
    let account = |[code, name, currency, dimension]: [&str; 4]| -> Result<JournalAccount, StoreError> {
        let text = |column| row.try_get::<_, Option<String>>(column).map(Option::unwrap_or_default);
        Ok(JournalAccount {
            code: row.try_get::<_, Option<i16>>(code)?.unwrap_or_default(),
            name: text(name)?,
            currency: text(currency)?,
            dimension: text(dimension)?,
        })
    };
    let transfer = match row.try_get::<_, Option<i16>>("ordinal")? {
        None => None,
        Some(ordinal) => Some(JournalTransfer {
            ordinal,
            debit: account(["debit_code", "debit_name", "debit_currency", "debit_dimension"])?,
            credit: account(["credit_code", "credit_name", "credit_currency", "credit_dimension"])?,
            amount: row.try_get("amount")?,
            exponent: exponent(row.try_get::<_, Option<i16>>("exponent")?.unwrap_or_default())?,
        }),
    };
    Ok(JournalRow {
        book: row.try_get("book_id")?,
        merchant: row.try_get("merchant")?,
        number: row.try_get("number")?,
        kind: row.try_get("kind")?,
        kind_id: row.try_get("kind_id")?,
        reference: row.try_get("reference")?,
        fingerprint: row.try_get("fingerprint")?,
        payment: row.try_get("payment")?,
        acquirer_reference: row.try_get("acquirer_reference")?,
        merchant_reference: row.try_get("merchant_reference")?,
        arn: row.try_get("arn")?,
        rrn: row.try_get("rrn")?,
        auth_code: row.try_get("auth_code")?,
        details: row.try_get("details")?,
        natural_key: row.try_get("natural_key")?,
        occurred_at: row.try_get("occurred_at")?,
        recorded_at: row.try_get("recorded_at")?,
        booking_date: row.try_get("booking_date")?,
        happened_on: row.try_get("happened_on")?,
        source_id: row.try_get("source_id")?,
        source: row.try_get("source")?,
        source_line: row.try_get("source_line")?,
        transfer,
        reverses: row.try_get("reverses")?,
        hash: row.try_get("hash")?,
    })
}

/// The names of all acquirers; that of our own bank account stands among them where it keeps money in suspense.
pub async fn acquirers(snapshot: &mut Snapshot) -> Result<Vec<String>, StoreError> {
    let rows = snapshot
        .query(include_str!("../../schema/queries/acquirers.sql"), &[])
        .await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

/// What changed a merchant's balance (pending, available and in transit together) in one way, summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// The merchant.
    pub merchant: String,
    /// The currency.
    pub currency: String,
    /// Decimals of its minor unit.
    pub exponent: u8,
    /// `opening` for all before the span, else the kind of movement.
    pub movement: String,
    /// How many entries.
    pub entries: i64,
    /// What is owed less, in minor units.
    pub debits: i128,
    /// What is owed more, in minor units.
    pub credits: i128,
}

/// The movements of merchants' balances, by merchant, currency and movement.
pub async fn statement(snapshot: &mut Snapshot, span: &Span) -> Result<Vec<StatementRow>, StoreError> {
    let sql = include_str!("../../schema/queries/report_statement.sql");
    snapshot
        .query(sql, &[&span.merchant, &span.from, &span.to])
        .await?
        .iter()
        .map(|row| {
            Ok(StatementRow {
                merchant: row.try_get("merchant")?,
                currency: row.try_get("currency")?,
                exponent: exponent(row.try_get("exponent")?)?,
                movement: row.try_get("what")?,
                entries: row.try_get("entries")?,
                debits: wide(row.try_get("debits")?)?,
                credits: wide(row.try_get("credits")?)?,
            })
        })
        .collect()
}

/// One transfer that changed what a merchant is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementItem {
    /// The merchant.
    pub merchant: String,
    /// The currency.
    pub currency: String,
    /// Decimals of its minor unit.
    pub exponent: u8,
    /// The entry's number.
    pub number: i64,
    /// The day it is on the books.
    pub booking_date: NaiveDate,
    /// The kind of movement.
    pub movement: String,
    /// The caller's own id of the entry.
    pub reference: String,
    /// The payment.
    pub payment: Option<String>,
    /// Whether less is owed.
    pub is_debit: bool,
    /// Minor units.
    pub amount: i64,
}

/// The items of statements, by merchant, currency and number, as they arrive.
pub async fn statement_items(
    snapshot: &mut Snapshot,
    span: &Span,
) -> Result<impl Stream<Item = Result<StatementItem, StoreError>> + use<>, StoreError> {
    let sql = include_str!("../../schema/queries/report_statement_items.sql");
    let rows = snapshot
        .query_stream(sql, &[&span.merchant, &span.from, &span.to])
        .await?;
    Ok(rows.map_err(StoreError::from).and_then(async |row| {
        Ok(StatementItem {
            merchant: row.try_get("merchant")?,
            currency: row.try_get("currency")?,
            exponent: exponent(row.try_get("exponent")?)?,
            number: row.try_get("number")?,
            booking_date: row.try_get("booking_date")?,
            movement: row.try_get("movement")?,
            reference: row.try_get("reference")?,
            payment: row.try_get("payment")?,
            is_debit: row.try_get("is_debit")?,
            amount: row.try_get("amount")?,
        })
    }))
}

/// What a merchant's balances in a currency are at the end of a day, in minor units; positive is owed to the merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementBalances {
    /// The currency.
    pub currency: String,
    /// What waits for its settlement or its day.
    pub pending: i128,
    /// What can be paid; below zero, what the merchant owes.
    pub available: i128,
    /// What was instructed and is not confirmed.
    pub in_transit: i128,
    /// What is withheld as reserve.
    pub reserve: i128,
    /// What is on hold.
    pub held: i128,
}

/// The balances of a merchant on a day, or now, by currency.
pub async fn statement_balances(
    snapshot: &mut Snapshot,
    merchant: &str,
    on: Option<NaiveDate>,
) -> Result<Vec<StatementBalances>, StoreError> {
    let sql = include_str!("../../schema/queries/report_statement_balances.sql");
    let rows = snapshot.query(sql, &[&merchant, &on]).await?;
    rows.iter()
        .map(|row| {
            let sum = |column: &str| row.try_get::<_, Option<&str>>(column)?.map_or(Ok(0), wide);
            Ok(StatementBalances {
                currency: row.try_get("currency")?,
                pending: sum("pending")?,
                available: sum("available")?,
                in_transit: sum("in_transit")?,
                reserve: sum("reserve")?,
                held: sum("held")?,
            })
        })
        .collect()
}

/// A settlement file that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Its source.
    pub source: i64,
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes, in hex.
    pub digest: String,
    /// Whose it is.
    pub acquirer: String,
    /// Booked or quarantined.
    pub state: String,
    /// Lines in it.
    pub lines: i64,
    /// Rows that could not be read.
    pub rejects: i64,
    /// The latest day on any line, or as it was told.
    pub as_of: Option<NaiveDate>,
}

/// The settlement files of a name, or whose digest begins so; none: all that are not undone.
pub async fn files(snapshot: &mut Snapshot, file: Option<&str>) -> Result<Vec<FileRow>, StoreError> {
    let sql = include_str!("../../schema/queries/report_files.sql");
    snapshot
        .query(sql, &[&file])
        .await?
        .iter()
        .map(|row| {
            Ok(FileRow {
                source: row.try_get("id")?,
                name: row.try_get("name")?,
                digest: row.try_get("digest")?,
                acquirer: row.try_get("acquirer")?,
                state: row.try_get("state")?,
                lines: row.try_get("lines")?,
                rejects: row.try_get("rejects")?,
                as_of: row.try_get("as_of")?,
            })
        })
        .collect()
}

/// The lines of a file that share batch, record type, outcome and currencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconciliationRow {
    /// The settlement batch.
    pub batch: String,
    /// The record type.
    pub record_type: String,
    /// Whether they belong to the batch and to no payment: batch fees and payouts.
    pub is_batch_row: bool,
    /// The pass that matched them.
    pub pass: Option<i16>,
    /// The classes of their breaks.
    pub breaks: Option<String>,
    /// The currency of gross; none where the lines have no gross.
    pub gross_currency: Option<String>,
    /// The currency of costs and net.
    pub net_currency: String,
    /// How many.
    pub lines: i64,
    /// Σ gross, signed minor units, positive is money to us.
    pub gross: i128,
    /// Σ costs.
    pub costs: i128,
    /// Σ of what the acquirer withholds as reserve, less what it releases.
    pub reserve: i128,
    /// Σ net.
    pub net: i128,
    /// Σ of the positive nets.
    pub received: i128,
    /// Σ of the negative nets, without sign.
    pub deducted: i128,
}

/// The lines of a file by batch, record type, outcome and currencies.
pub async fn reconciliation(snapshot: &mut Snapshot, source: i64) -> Result<Vec<ReconciliationRow>, StoreError> {
    let sql = include_str!("../../schema/queries/report_reconciliation.sql");
    snapshot
        .query(sql, &[&source])
        .await?
        .iter()
        .map(|row| {
            Ok(ReconciliationRow {
                batch: row.try_get("batch")?,
                record_type: row.try_get("record_type")?,
                is_batch_row: row.try_get("is_batch_row")?,
                pass: row.try_get("pass")?,
                breaks: row.try_get("class")?,
                gross_currency: row.try_get("gross_currency")?,
                net_currency: row.try_get("net_currency")?,
                lines: row.try_get("lines")?,
                gross: wide(row.try_get("gross")?)?,
                costs: wide(row.try_get("costs")?)?,
                reserve: wide(row.try_get("reserve")?)?,
                net: wide(row.try_get("net")?)?,
                received: wide(row.try_get("received")?)?,
                deducted: wide(row.try_get("deducted")?)?,
            })
        })
        .collect()
}

/// Breaks of a class, state and currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakRow {
    /// The class.
    pub class: String,
    /// Open or resolved.
    pub state: String,
    /// The currency, where they have one.
    pub currency: Option<String>,
    /// How many.
    pub breaks: i64,
    /// Σ (actual - expected), minor units.
    pub difference: i128,
}

/// The breaks that a file showed.
pub async fn breaks(snapshot: &mut Snapshot, source: i64) -> Result<Vec<BreakRow>, StoreError> {
    let sql = include_str!("../../schema/queries/report_breaks.sql");
    snapshot
        .query(sql, &[&source])
        .await?
        .iter()
        .map(|row| {
            Ok(BreakRow {
                class: row.try_get("class")?,
                state: row.try_get("state")?,
                currency: row.try_get("currency")?,
                breaks: row.try_get("breaks")?,
                difference: wide(row.try_get("difference")?)?,
            })
        })
        .collect()
}

/// Breaks that are not resolved, of one class, acquirer, day and currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgingRow {
    /// Their class.
    pub class: String,
    /// Their acquirer.
    pub acquirer: String,
    /// The day from which they grow old.
    pub awaited_on: NaiveDate,
    /// The currency; none where nothing is at stake.
    pub currency: Option<String>,
    /// How many.
    pub breaks: i64,
    /// Σ what is at stake, minor units.
    pub stake: i128,
    /// Σ what of it is in suspense, without sign, minor units.
    pub suspense: i128,
}

/// Breaks that are not resolved, by class, acquirer, day and currency.
pub async fn breaks_aging(snapshot: &mut Snapshot) -> Result<Vec<AgingRow>, StoreError> {
    let sql = include_str!("../../schema/queries/report_breaks_aging.sql");
    let rows = snapshot.query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(AgingRow {
                class: row.try_get("class")?,
                acquirer: row.try_get("acquirer")?,
                awaited_on: row.try_get("awaited_on")?,
                currency: row.try_get("currency")?,
                breaks: row.try_get("breaks")?,
                stake: wide(row.try_get("stake")?)?,
                suspense: wide(row.try_get("suspense")?)?,
            })
        })
        .collect()
}

/// A payout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutRow {
    /// The merchant.
    pub merchant: Option<String>,
    /// The currency.
    pub currency: String,
    /// Decimals of its minor unit.
    pub exponent: u8,
    /// The last booking date that it pays.
    pub cutoff: NaiveDate,
    /// What the merchant receives, minor units.
    pub amount: i64,
    /// What it is charged for that, minor units.
    pub fee: i64,
    /// The VAT of the fee, minor units.
    pub vat: i64,
    /// Planned, approved, instructed, sent, unknown, confirmed, returned or cancelled.
    pub state: String,
    /// Who planned it.
    pub planned_by: String,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Who else did, where two had to.
    pub second_approver: Option<String>,
    /// The digest of what they approved.
    pub plan: Option<Vec<u8>>,
    /// Its id at the bank.
    pub end_to_end_id: String,
    /// Whose account it goes to.
    pub holder: String,
    /// That account.
    pub destination: String,
    /// Its bank.
    pub bank: String,
    /// The entry that instructed it.
    pub instruction: Option<i64>,
    /// The entry that confirmed it.
    pub confirmation: Option<i64>,
    /// When it came back.
    pub returned_on: Option<NaiveDate>,
    /// Why, in the bank's code.
    pub return_reason: Option<String>,
    /// The entry that gave it to the merchant again.
    pub return_entry: Option<i64>,
}

/// The payout register, by cut-off, merchant and currency.
pub async fn payouts(
    snapshot: &mut Snapshot,
    merchant: Option<&str>,
    cutoff: Option<NaiveDate>,
) -> Result<Vec<PayoutRow>, StoreError> {
    let sql = include_str!("../../schema/queries/report_payouts.sql");
    snapshot
        .query(sql, &[&merchant, &cutoff])
        .await?
        .iter()
        .map(|row| {
            Ok(PayoutRow {
                merchant: row.try_get("merchant")?,
                currency: row.try_get("currency")?,
                exponent: exponent(row.try_get("exponent")?)?,
                cutoff: row.try_get("cutoff")?,
                amount: row.try_get("amount")?,
                fee: row.try_get("fee")?,
                vat: row.try_get("vat")?,
                state: row.try_get("state")?,
                planned_by: row.try_get("planned_by")?,
                approved_by: row.try_get("first_approver")?,
                second_approver: row.try_get("second_approver")?,
                plan: row.try_get("plan")?,
                end_to_end_id: row.try_get("end_to_end_id")?,
                holder: row.try_get("holder")?,
                destination: row.try_get("destination")?,
                bank: row.try_get("bank")?,
                instruction: row.try_get("instruction")?,
                confirmation: row.try_get("confirmation")?,
                returned_on: row.try_get("returned_on")?,
                return_reason: row.try_get("return_reason")?,
                return_entry: row.try_get("return_entry")?,
            })
        })
        .collect()
}

pub(super) fn wide(text: &str) -> Result<i128, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Unreadable(format!("the sum `{text}`")))
}

fn exponent(stored: i16) -> Result<u8, StoreError> {
    u8::try_from(stored).map_err(|_| StoreError::Unreadable(format!("the exponent {stored}")))
}
