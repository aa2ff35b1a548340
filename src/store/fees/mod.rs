//! Merchant fees in the database: worked out again for an audit, explained for one payment, topped up to a monthly minimum.
//!
//! The audit reads one snapshot in passes, each a stream: entries payment by payment (what each should have cost, and added
//! exactly), entries that belong to no payment, entries that moved exact sums in the order of the books, with the table of those
//! sums, and settlement lines with the costs that they pass on. Memory holds the entries of one payment and the exact sums of one
//! book.

mod close;
mod costs;
mod explain;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Datelike, Months, NaiveDate};
use futures_util::{Stream, TryStreamExt};
use tokio_postgres::Row;

pub use self::close::{CloseError, Closed, State, TopUp};
pub use self::explain::{Explained, FeesOfPayment, fees_of_payment};
use super::record::{read_accrual, read_transfer};
use super::report::Span;
use super::settings::Deployment;
use super::snapshot::Snapshot;
use super::{StoreError, currency};
use crate::audit::fees::{
    Accruals, Beside, FEE_ACCOUNTS, FeeEntry, Line, MINIMUM_ACCOUNTS, PaymentFees, Sum, of_other_entry, whole,
};
use crate::ids::{BookId, EntryNumber};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::EntryKind;
use crate::money::Currency;
use crate::payment::event::Kept;
use crate::payment::fees::{Accrual, AccrualKey};
use crate::payment::lifecycle::Instrument;

/// The entry that a figure belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeePlace {
    /// Its number.
    pub number: EntryNumber,
    /// Its kind.
    pub kind: EntryKind,
    /// Its booking date.
    pub booking_date: NaiveDate,
    /// The payment it belongs to.
    pub payment: Option<String>,
}

/// A figure of an entry, or of an accrual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeRow {
    /// The merchant.
    pub merchant: String,
    /// The entry; none where the table of accruals is compared.
    pub place: Option<FeePlace>,
    /// The accrual, where the table is compared.
    pub accrual: Option<AccrualKey>,
    /// Expected and posted.
    pub line: Line,
}

/// An accrual at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccrualRow {
    /// The merchant.
    pub merchant: String,
    /// Which.
    pub key: AccrualKey,
    /// Where it stands.
    pub sum: Sum,
}

/// What an audit of fees came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeeSummary {
    /// Entries of the span.
    pub entries: u64,
    /// Figures that differ.
    pub differences: u64,
    /// Of the span, by component and currency: expected and posted, parts of a minor unit.
    pub totals: BTreeMap<(&'static str, Currency), (i128, i128)>,
    /// Every accrual, whatever the span.
    pub accruals: Vec<AccrualRow>,
}

/// Who reads what an audit finds.
struct Finds<'f, E> {
    span: &'f Span,
    summary: FeeSummary,
    each: &'f mut dyn FnMut(FeeRow) -> Result<(), E>,
}

impl<E> Finds<'_, E> {
    fn covers(&self, day: NaiveDate) -> bool {
        self.span.from.is_none_or(|from| from <= day) && self.span.to.is_none_or(|to| day <= to)
    }

    /// The figures of an entry; outside the span they are looked at and not told.
    fn entry(&mut self, merchant: &str, entry: &FeeEntry, lines: Vec<Line>) -> Result<(), E> {
        if !self.covers(entry.booking_date) {
            return Ok(());
        }
        for line in lines {
            let is_posting = FEE_ACCOUNTS.iter().any(|(_, component)| *component == line.component);
            if let Some(currency) = line.currency.filter(|_| is_posting) {
                let total = self.summary.totals.entry((line.component, currency)).or_default();
                total.0 = total.0.saturating_add(line.expected.unwrap_or(0));
                total.1 = total.1.saturating_add(line.posted.unwrap_or(0));
            }
            let place = FeePlace {
                number: entry.number,
                kind: entry.kind,
                booking_date: entry.booking_date,
                payment: entry.payment.clone(),
            };
            self.tell(merchant, Some(place), None, line)?;
        }
        Ok(())
    }

    fn tell(
        &mut self,
        merchant: &str,
        place: Option<FeePlace>,
        accrual: Option<AccrualKey>,
        line: Line,
    ) -> Result<(), E> {
        if !line.agrees() {
            self.summary.differences = self.summary.differences.saturating_add(1);
        }
        let merchant = merchant.to_owned();
        (self.each)(FeeRow {
            merchant,
            place,
            accrual,
            line,
        })
    }
}

/// Works every fee out again, and tells each figure: those of entries in the span, and those of all accruals.
pub async fn audit_fees<E: From<StoreError>>(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    span: &Span,
    each: &mut dyn FnMut(FeeRow) -> Result<(), E>,
) -> Result<FeeSummary, E> {
    let summary = FeeSummary::default();
    let mut finds = Finds { span, summary, each };
    of_payments(snapshot, deployment, &mut finds).await?;
    of_others(snapshot, deployment, &mut finds).await?;
    of_accruals(snapshot, &mut finds).await?;
    costs::of_costs(snapshot, deployment, &mut finds).await?;
    Ok(finds.summary)
}

/// An entry whose transfers are read, and what its first row says beside.
struct Read {
    book: BookId,
    merchant: String,
    entry: FeeEntry,
    cutoff: Option<NaiveDate>,
}

/// Puts rows of one transfer each together to entries, as they arrive.
struct Entries<S> {
    /// None after its end: a stream of the driver's must not be asked again then.
    rows: Option<S>,
    next: Option<Read>,
    has_cutoff: bool,
}

impl<S: Stream<Item = Result<Row, tokio_postgres::Error>> + Unpin> Entries<S> {
    fn new(rows: S, has_cutoff: bool) -> Self {
        Self {
            rows: Some(rows),
            next: None,
            has_cutoff,
        }
    }

    async fn next(&mut self) -> Result<Option<Read>, StoreError> {
        loop {
            let Some(rows) = &mut self.rows else {
                return Ok(self.next.take());
            };
            let Some(row) = rows.try_next().await? else {
                self.rows = None;
                continue;
            };
            let at = (BookId(row.try_get("book_id")?), EntryNumber(row.try_get("number")?));
            let transfer = read_transfer(&row)?;
            if let Some(open) = self.next.as_mut().filter(|open| (open.book, open.entry.number) == at) {
                open.entry.transfers.extend(transfer);
                continue;
            }
            let mut read = read_entry(&row, self.has_cutoff)?;
            read.entry.transfers.extend(transfer);
            if let Some(done) = self.next.replace(read) {
                return Ok(Some(done));
            }
        }
    }
}

fn read_entry(row: &Row, has_cutoff: bool) -> Result<Read, StoreError> {
    Ok(Read {
        book: BookId(row.try_get("book_id")?),
        merchant: row.try_get("merchant")?,
        entry: FeeEntry {
            number: EntryNumber(row.try_get("number")?),
            kind: kind(row.try_get("kind")?)?,
            booking_date: row.try_get("booking_date")?,
            payment: row.try_get("payment")?,
            details: row.try_get("details")?,
            reverses: row.try_get::<_, Option<i64>>("reverses")?.map(EntryNumber),
            instrument: instrument(row)?,
            currency: row.try_get::<_, Option<&str>>("currency")?.map(currency).transpose()?,
            transfers: Vec::new(),
        },
        cutoff: if has_cutoff { row.try_get("cutoff")? } else { None },
    })
}

/// What a payment is priced by.
fn instrument(row: &Row) -> Result<Instrument, StoreError> {
    let text = |column: &str| -> Result<Option<Arc<str>>, StoreError> {
        Ok(row.try_get::<_, Option<&str>>(column)?.map(Arc::from))
    };
    Ok(Instrument {
        method: text("method")?,
        scheme: text("scheme")?,
        card_country: text("card_country")?,
        ..Instrument::default()
    })
}

fn kind(id: i16) -> Result<EntryKind, StoreError> {
    EntryKind::from_id(id).ok_or_else(|| StoreError::Unreadable(format!("kind {id}")))
}

fn wide(text: &str) -> Result<i128, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Unreadable(format!("the sum `{text}`")))
}

async fn of_payments<E: From<StoreError>>(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    finds: &mut Finds<'_, E>,
) -> Result<(), E> {
    let sql = include_str!("../../../schema/queries/fees_of_payments.sql");
    let payment: Option<&str> = None;
    let rows = snapshot.query_stream(sql, &[&finds.span.merchant, &payment]).await?;
    let mut entries = Entries::new(Box::pin(rows), false);
    let mut waiting = entries.next().await?;
    while let Some(first) = waiting {
        let (book, merchant, payment) = (first.book, first.merchant.clone(), first.entry.payment.clone());
        let schedules = |day| deployment.fee_schedule(&merchant, day);
        let mut fees = PaymentFees::new(&schedules, false);
        let mut next = Some(first);
        while let Some(read) = next.take_if(|read| read.book == book && read.entry.payment == payment) {
            let assessed = fees.entry(&read.entry);
            if finds.covers(read.entry.booking_date) {
                finds.summary.entries = finds.summary.entries.saturating_add(1);
            }
            finds.entry(&merchant, &read.entry, assessed.lines)?;
            next = entries.next().await?;
        }
        waiting = next;
    }
    Ok(())
}

async fn of_others<E: From<StoreError>>(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    finds: &mut Finds<'_, E>,
) -> Result<(), E> {
    let sql = include_str!("../../../schema/queries/fees_of_others.sql");
    let accounts: Vec<i16> = FEE_ACCOUNTS.iter().map(|(code, _)| code.number()).collect();
    let rows = snapshot.query_stream(sql, &[&finds.span.merchant, &accounts]).await?;
    let mut entries = Entries::new(Box::pin(rows), true);
    // What was charged before a top-up is asked when the stream has ended: a session answers one thing at a time.
    let mut top_ups = Vec::new();
    while let Some(read) = entries.next().await? {
        if finds.covers(read.entry.booking_date) {
            finds.summary.entries = finds.summary.entries.saturating_add(1);
        }
        if read.entry.kind == EntryKind::MinimumTopUp {
            top_ups.push(read);
            continue;
        }
        let beside = Beside {
            cutoff: read.cutoff,
            ..Beside::default()
        };
        let schedules = |day| deployment.fee_schedule(&read.merchant, day);
        finds.entry(
            &read.merchant,
            &read.entry,
            of_other_entry(&schedules, &read.entry, beside),
        )?;
    }
    for read in top_ups {
        let charged = charged_before(snapshot, &read).await?;
        let beside = Beside {
            charged: Some(charged),
            ..Beside::default()
        };
        let schedules = |day| deployment.fee_schedule(&read.merchant, day);
        finds.entry(
            &read.merchant,
            &read.entry,
            of_other_entry(&schedules, &read.entry, beside),
        )?;
    }
    Ok(())
}

/// The first and the last day of the month of a day.
fn month_of(day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let first = day.with_day(1)?;
    let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
    Some((first, last))
}

async fn charged_before(snapshot: &mut Snapshot, read: &Read) -> Result<i128, StoreError> {
    let day = read.entry.booking_date;
    let (first, last) = month_of(day).ok_or_else(|| StoreError::Unreadable(format!("the month of {day}")))?;
    let accounts = MINIMUM_ACCOUNTS.map(AccountCode::number).to_vec();
    let rows = snapshot
        .query(
            include_str!("../../../schema/queries/fees_of_span.sql"),
            &[&vec![read.book.0], &first, &last, &accounts, &Some(read.entry.number.0)],
        )
        .await?;
    let of = read.entry.transfers.first().map(|first| first.debit.currency);
    for row in &rows {
        if Some(currency(row.try_get("currency")?)?) == of {
            return wide(row.try_get("charged")?);
        }
    }
    Ok(0)
}

type Tables = BTreeMap<BookId, (String, BTreeMap<AccrualKey, Accrual>)>;

async fn tables(snapshot: &mut Snapshot, merchant: Option<&str>) -> Result<Tables, StoreError> {
    let rows = snapshot
        .query(include_str!("../../../schema/queries/fees_accruals.sql"), &[&merchant])
        .await?;
    let mut tables = Tables::new();
    for row in &rows {
        let (key, accrual) = read_accrual(row)?;
        let book = BookId(row.try_get("book_id")?);
        let merchant = row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default();
        let (_, table) = tables.entry(book).or_insert_with(|| (merchant, BTreeMap::new()));
        table.insert(key, accrual);
    }
    Ok(tables)
}

async fn of_accruals<E: From<StoreError>>(snapshot: &mut Snapshot, finds: &mut Finds<'_, E>) -> Result<(), E> {
    let mut tables = tables(snapshot, finds.span.merchant.as_deref()).await?;
    let sql = include_str!("../../../schema/queries/fees_accrued.sql");
    let rows = snapshot.query_stream(sql, &[&finds.span.merchant]).await?;
    let mut rows = std::pin::pin!(rows);
    let mut open: Option<(BookId, String, Accruals)> = None;
    while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
        let (book, merchant, entry) = read_accrued(&row)?;
        if open.as_ref().is_none_or(|(known, ..)| *known != book) {
            if let Some((book, merchant, accruals)) = open.take() {
                let table = tables.remove(&book).unwrap_or_default().1;
                compare_table(&merchant, &accruals, &table, finds)?;
            }
            open = Some((book, merchant.clone(), Accruals::default()));
        }
        let Some((_, _, accruals)) = &mut open else { continue };
        // What cannot be read was told when its payment was replayed.
        let kept = Kept::of_text(entry.details.as_deref()).unwrap_or_default();
        let lines = accruals.entry(&kept.accrued);
        finds.entry(&merchant, &entry, lines)?;
    }
    if let Some((book, merchant, accruals)) = open {
        let table = tables.remove(&book).unwrap_or_default().1;
        compare_table(&merchant, &accruals, &table, finds)?;
    }
    for (merchant, table) in tables.into_values() {
        compare_table(&merchant, &Accruals::default(), &table, finds)?;
    }
    Ok(())
}

fn read_accrued(row: &Row) -> Result<(BookId, String, FeeEntry), StoreError> {
    let entry = FeeEntry {
        number: EntryNumber(row.try_get("number")?),
        kind: kind(row.try_get("kind")?)?,
        booking_date: row.try_get("booking_date")?,
        payment: row.try_get("payment")?,
        details: row.try_get("details")?,
        reverses: None,
        instrument: Instrument::default(),
        currency: None,
        transfers: Vec::new(),
    };
    Ok((BookId(row.try_get("book_id")?), row.try_get("merchant")?, entry))
}

fn compare_table<E>(
    merchant: &str,
    accruals: &Accruals,
    table: &BTreeMap<AccrualKey, Accrual>,
    finds: &mut Finds<'_, E>,
) -> Result<(), E> {
    for (key, lines) in accruals.compared(table) {
        for line in lines {
            finds.tell(merchant, None, Some(key.clone()), line)?;
        }
    }
    for (key, sum) in accruals.iter() {
        finds.summary.accruals.push(AccrualRow {
            merchant: merchant.to_owned(),
            key: key.clone(),
            sum,
        });
    }
    Ok(())
}

impl AccrualRow {
    /// What is not posted of the exact sum, parts of a minor unit: less than one.
    pub fn remainder(&self) -> i128 {
        self.sum.exact.saturating_sub(whole(self.sum.posted.into()))
    }
}
