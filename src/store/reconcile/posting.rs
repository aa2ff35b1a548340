//! Posting: lines that nobody knows into the house's book, then one entry for each (batch, book).

use std::sync::Arc;

use tokio_postgres::Row;

use super::matching::{BreakRow, Matched, read_line, record_type, write_breaks};
use super::{ReconcileError, Run, costs, currency, files, undo};
use crate::acquirer::RecordType;
use crate::ids::{BookId, EntryNumber, OWN};
use crate::ledger::account::{Account, AccountCode, DimensionKind};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::Money;
use crate::recon::booking::{Leg, by_itself, suspended};
use crate::recon::breaks::BreakClass;
use crate::recon::costs::Claim;
use crate::store::books::LockedBooks;
use crate::store::reserve::{FixedReserves, Tranches};
use crate::store::{StoreError, Tx};

/// How many entries are gathered before they are written.
const CHUNK: usize = 5_000;

/// Posts what matching came to.
pub(super) async fn post(tx: &mut Tx, run: &Run<'_>, matched: Matched) -> Result<(), ReconcileError> {
    let mut concerned = matched.postings.books();
    concerned.push(BookId::HOUSE);
    concerned.extend(run.taking_place_of.iter().flat_map(|undone| &undone.books));
    let mut books = LockedBooks::lock(tx, &concerned).await?;
    let mut taken_back = Tranches::default();
    for undone in &run.taking_place_of {
        undo::reverse(tx, undone, &mut books, &mut taken_back).await?;
    }
    post_undecided(tx, run, &mut books, &matched).await?;
    let mut fixed = FixedReserves::of(tx, run.settings, run.as_of, &concerned).await?;
    let (postings, mut tranches) = matched.postings.into_sorted();
    for (batch, book, sums) in postings {
        let mut transfers = sums
            .into_iter()
            .map(|(leg, amount)| run.transfer(leg, amount))
            .collect();
        fixed.top_up(book, &mut transfers, &mut tranches)?;
        let reference = format!("{OWN}settlement {} {} {batch}", run.acquirer.name, run.tag);
        books.append(book, run.entry(EntryKind::Settlement, reference, None, transfers))?;
        if books.waiting() >= CHUNK {
            books.write(tx).await?;
        }
    }
    books.write(tx).await?;
    undo::keep_tranches(tx, run.source, &tranches).await?;
    tranches.merge(taken_back)?;
    tranches.write(tx).await?;
    Ok(())
}

async fn post_undecided(
    tx: &mut Tx,
    run: &Run<'_>,
    books: &mut LockedBooks,
    matched: &Matched,
) -> Result<(), ReconcileError> {
    if matched.undecided.is_empty() {
        return Ok(());
    }
    tx.query(include_str!("../../../schema/queries/undecided_session.sql"), &[])
        .await?;
    let declare = include_str!("../../../schema/queries/undecided.sql");
    let made_up = files::made_up(run.format.as_deref());
    tx.execute(
        declare,
        &[&run.source.0, &run.acquirer_id.0, &matched.undecided, &made_up],
    )
    .await?;
    let mut unpriced = costs::Unpriced::default();
    loop {
        let rows = tx
            .query(include_str!("../../../schema/queries/undecided_next.sql"), &[])
            .await?;
        if rows.is_empty() {
            break;
        }
        let (mut breaks, mut claims) = (Vec::new(), Vec::new());
        for row in &rows {
            let (found, claim) = post_line(run, books, row, matched, &mut unpriced)?;
            breaks.extend(found);
            claims.extend(claim);
        }
        books.write(tx).await?;
        write_breaks(tx, run.acquirer_id, run.source, breaks).await?;
        costs::write_more_claims(tx, run, claims).await?;
    }
    tx.run(include_str!("../../../schema/queries/undecided_close.sql"))
        .await?;
    Ok(unpriced.write(tx, run).await?)
}

/// Books one line without a match in the house's book, and says what is wrong with it, and what of it may be claimed; a fee that no
/// contract prices goes to `unpriced`.
fn post_line(
    run: &Run<'_>,
    books: &mut LockedBooks,
    row: &Row,
    matched: &Matched,
    unpriced: &mut costs::Unpriced,
) -> Result<(Option<BreakRow>, Option<Claim>), ReconcileError> {
    let line = read_line(row)?;
    let source_line: i32 = row.try_get(22).map_err(StoreError::from)?;
    let repeats: Option<&str> = row.try_get(19).map_err(StoreError::from)?;
    // A fee that was booked before is taken twice.
    let own = by_itself(&line)?.filter(|_| repeats.is_none());
    let booked_itself = own.is_some();
    let (kind, word, legs) = match (line.record, own) {
        (RecordType::BatchFee, Some(legs)) => (EntryKind::BatchFee, "fee", legs),
        (record, Some(legs)) => (EntryKind::Settlement, record.name(), legs),
        (_, None) => (EntryKind::Suspense, "suspense", suspended(&line)?),
    };
    let transfers: Vec<Transfer> = legs
        .into_iter()
        .map(|(leg, amount)| run.transfer(leg, amount))
        .collect();
    let reference = format!("{OWN}{word} {} {} {}", run.acquirer.name, run.tag, line.ordinal);
    let number = books.append(BookId::HOUSE, run.entry(kind, reference, Some(source_line), transfers))?;
    if booked_itself {
        let batch: &str = row.try_get(2).map_err(StoreError::from)?;
        unpriced.add(run, batch, &line)?;
        return Ok(costs::deducted(run, batch, &line)?.unzip());
    }
    Ok((Some(explain(row, &line, number, matched)?), None))
}

/// What is wrong with a line that nobody knows.
fn explain(
    row: &Row,
    line: &crate::recon::booking::Line,
    suspense: EntryNumber,
    matched: &Matched,
) -> Result<BreakRow, StoreError> {
    let key: &str = row.try_get(3)?;
    let type_text: &str = row.try_get(21)?;
    let reported = format!(
        "{type_text} {} of {}",
        line.gross,
        if key.is_empty() { "no reference" } else { key }
    );
    let repeats: Option<&str> = row.try_get(19)?;
    let of_nothing: bool = row.try_get(23)?;
    let mut found = BreakRow {
        class: BreakClass::MissingInLedger,
        ordinal: line.ordinal,
        item: None,
        expected: None,
        actual: Some(line.gross),
        suspense: Some(suspense),
        kept_pending: None,
        detail: format!("{reported}: nothing recorded fits"),
    };
    if matched.duplicates.contains(&line.ordinal) {
        found.class = BreakClass::DuplicateInFile;
        found.detail = format!("{reported}: reported more than once in this file");
    } else if let Some(file) = repeats {
        let earlier: i32 = row.try_get(20)?;
        found.class = BreakClass::DuplicateInFile;
        found.detail = format!("{reported}: reported before by line {earlier} of {file}");
        if line.record == RecordType::BatchFee {
            found.actual = Some(line.net);
            found.detail = format!("{type_text} {}: booked before by line {earlier} of {file}", line.net);
        }
    } else if let Some(item) = row.try_get::<_, Option<i64>>(14)? {
        let recorded = Money::from_minor(row.try_get(17)?, currency(row.try_get(16)?)?);
        let as_record = record_type(row.try_get(18)?)?;
        let contrary: Option<i16> = row.try_get(24)?;
        found.item = Some((BookId(item), EntryNumber(row.try_get(15)?)));
        found.expected = Some(recorded);
        found.detail = format!("{reported}: recorded as {recorded}");
        if as_record != contrary.map_or(Ok(line.record), record_type)? {
            found.class = BreakClass::TypeMismatch;
            found.detail = format!("{reported}: recorded as {} {recorded}", as_record.name());
        } else if recorded.currency() != line.gross.currency() {
            found.class = BreakClass::CurrencyMismatch;
        } else {
            found.class = BreakClass::SignMismatch;
        }
    } else if line.record == RecordType::Unsupported {
        found.class = BreakClass::UnsupportedRecord;
        found.actual = Some(line.net);
        found.detail = format!("{type_text} {}: not booked by itself", line.net);
    } else if line.record == RecordType::Unpaid {
        found.class = BreakClass::CarrierShort;
        found.detail = format!("{reported}: deducted as unpaid, and no unpaid bill is recorded");
    } else if of_nothing {
        found.class = if line.record == RecordType::Refund {
            BreakClass::RefundWithoutCapture
        } else {
            BreakClass::ChargebackUnknown
        };
        found.detail = format!("{reported}: no capture of any of its references is recorded");
    } else if let Some(payment) = row.try_get::<_, Option<&str>>(25)? {
        let stands: &str = row.try_get(26)?;
        if matches!(stands, "declined" | "voided" | "expired") {
            found.class = BreakClass::StatusMismatch;
        }
        found.detail = format!("{reported}: payment {payment} is {stands} here, and nothing of it captured");
    }
    Ok(found)
}

impl Run<'_> {
    fn transfer(&self, leg: Leg, amount: i64) -> Transfer {
        let account = |code: AccountCode| Account {
            code,
            currency: leg.currency,
            dimension: match code.dimension() {
                DimensionKind::Acquirer => self.acquirer.name.clone(),
                DimensionKind::None | DimensionKind::Bank => Arc::from(""),
            },
        };
        Transfer {
            debit: account(leg.debit),
            credit: account(leg.credit),
            amount,
        }
    }

    fn entry(&self, kind: EntryKind, reference: String, line: Option<i32>, transfers: Vec<Transfer>) -> Entry {
        let fingerprint = fingerprint(&["settlement 1", kind.name(), &reference]);
        Entry {
            source_line: line,
            transfers,
            ..Entry::of_day(kind, reference, fingerprint, self.as_of, self.source)
        }
    }
}
