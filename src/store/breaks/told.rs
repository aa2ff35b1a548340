//! Receipts in suspense that the books have on the bank account already: a payout was confirmed, or came back, by hand, or
//! something else was recorded, after the statement that told of it was booked.
//!
//! The receipt is on 1010 twice then. Its entry is reversed, so that suspense is as if it had never come, and `bank_match` says
//! that the statement told of what the books have: the part in suspense is taken back by another part of its amount, and the
//! entries are told of by parts of their own. What the bank kept of it for itself is booked as its charge. Together they are the
//! amount of the bank's entry, as ever. The break is resolved as matched, without a proposal: nobody decides here where money goes.

use std::sync::Arc;

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::{DeskError, Said, cases, resolved_by_match};
use crate::ids::{BookId, EntryNumber, OWN, SourceId};
use crate::ledger::account::{Account, AccountCode, DimensionKind};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::{AmountError, Money};
use crate::store::books::LockedBooks;
use crate::store::source::source_of_run;
use crate::store::{Store, StoreError, Tx, acquirers, currency};

/// An entry of the books that a receipt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Recorded {
    pub(in crate::store) book: BookId,
    pub(in crate::store) number: EntryNumber,
    /// What it has on the bank account, minor units: positive is money to us.
    pub(in crate::store) amount: i64,
    pub(in crate::store) on: NaiveDate,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// The break of the receipt.
    pub id: i64,
    /// The payouts that it is, by their end-to-end ids: made, or, where it is money to us, come back.
    pub payouts: &'a [String],
    /// What the bank took for itself beside them, minor units of the receipt's currency, not below zero.
    pub charge: i64,
    /// Who, and why in words.
    pub said: Said<'a>,
    /// The booking date.
    pub day: NaiveDate,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldOf {
    /// What the receipt is.
    pub receipt: Money,
    /// How many entries of the books it is.
    pub entries: usize,
    /// What the bank took for itself.
    pub charge: Money,
    /// Whether it is so by this request; else it was before, and nothing was done.
    pub new: bool,
}

impl Store {
    /// Shows what [`Store::tell_of_payouts`] would do, and does nothing.
    pub async fn plan_telling(&self, asked: &Telling<'_>) -> Result<ToldOf, DeskError> {
        self.rehearse(async |tx: &mut Tx| of_payouts(tx, asked).await).await
    }

    /// Takes a receipt out of suspense that is payouts of which the books know by now. The same request again does nothing.
    pub async fn tell_of_payouts(&self, asked: &Telling<'_>) -> Result<ToldOf, DeskError> {
        self.transact(async |tx: &mut Tx| of_payouts(tx, asked).await).await
    }
}

/// A receipt in suspense.
struct Suspended {
    source: SourceId,
    ordinal: i32,
    last_part: i32,
    line: i64,
    money: Money,
    number: EntryNumber,
    on: NaiveDate,
    debit: Account,
    credit: Account,
}

async fn suspended(tx: &mut Tx, id: i64) -> Result<Suspended, DeskError> {
    let sql = include_str!("../../../schema/queries/receipt_suspended.sql");
    let rows = tx.query(sql, &[&id]).await?;
    let row = rows.first().ok_or(DeskError::NoReceipt(id))?;
    Ok(read(row)?)
}

fn read(row: &Row) -> Result<Suspended, StoreError> {
    let currency = currency(row.try_get("currency")?)?;
    Ok(Suspended {
        source: SourceId(row.try_get("source_id")?),
        ordinal: row.try_get("ordinal")?,
        last_part: row.try_get("last_part")?,
        line: row.try_get("line")?,
        money: Money::from_minor(row.try_get("amount")?, currency),
        number: EntryNumber(row.try_get("number")?),
        on: row.try_get("booking_date")?,
        debit: super::reopen::account(row, "debit_code", "debit_dimension")?,
        credit: super::reopen::account(row, "credit_code", "credit_dimension")?,
    })
}

async fn of_payouts(tx: &mut Tx, asked: &Telling<'_>) -> Result<ToldOf, DeskError> {
    acquirers::share(tx, None).await?;
    let locked = cases::lock_rows(tx, &[asked.id]).await?;
    let receipt = suspended(tx, asked.id).await?;
    let currency = receipt.money.currency();
    let told = |new| ToldOf {
        receipt: receipt.money,
        entries: asked.payouts.len(),
        charge: Money::from_minor(asked.charge, currency),
        new,
    };
    if locked.iter().all(|row| row.state == "resolved") {
        let last = cases::last_steps(tx, &[asked.id]).await?;
        if last.iter().any(|step| step.is("resolved", asked.said)) {
            return Ok(told(false));
        }
    }
    cases::unresolved(&locked)?;
    let recorded = payouts(tx, asked, receipt.money).await?;
    let charge = asked.charge.checked_neg().ok_or(AmountError::TooLarge)?;
    let all = recorded
        .iter()
        .try_fold(charge, |sum, one| sum.checked_add(one.amount))
        .ok_or(AmountError::TooLarge)?;
    if all != receipt.money.minor() {
        let all = Money::from_minor(all, currency);
        let why = format!("it is {}; they come to {all} with that charge", receipt.money);
        return Err(DeskError::NotThose { id: asked.id, why });
    }
    let as_of = recorded.iter().map(|one| one.on).chain([receipt.on]).max();
    if let Some(as_of) = as_of.filter(|as_of| asked.day < *as_of) {
        return Err(DeskError::Before { day: asked.day, as_of });
    }
    tell(tx, (asked.id, asked.day), &recorded, asked.charge, asked.said).await?;
    Ok(told(true))
}

/// The entries of the payouts that are named.
async fn payouts(tx: &mut Tx, asked: &Telling<'_>, receipt: Money) -> Result<Vec<Recorded>, DeskError> {
    let refused = |why: String| DeskError::NotThose { id: asked.id, why };
    let came_back = receipt.minor() > 0;
    let sql = include_str!("../../../schema/queries/payouts_untold.sql");
    let rows = tx.query(sql, &[&asked.payouts, &came_back]).await?;
    let mut found: Vec<(String, Recorded)> = Vec::with_capacity(rows.len());
    for row in &rows {
        let (id, state): (String, &str) = (of(row, "end_to_end_id")?, of(row, "state")?);
        let money = Money::from_minor(of(row, "amount")?, currency(of(row, "currency")?)?);
        if money.currency() != receipt.currency() {
            return Err(refused(format!("payout {id} is in {}", money.currency())));
        }
        let number: Option<i64> = of(row, "number")?;
        let (Some(number), Some(on)) = (number, of::<Option<NaiveDate>>(row, "booking_date")?) else {
            let first = if came_back { "return" } else { "confirm" };
            return Err(refused(format!("payout {id} is {state}: {first} it first")));
        };
        if of(row, "is_told")? {
            return Err(refused(format!("a statement has told of payout {id} already")));
        }
        if found.iter().any(|(other, _)| *other == id) {
            return Err(refused(format!("two merchants have a payout of the id {id}")));
        }
        let amount = if came_back {
            money.minor()
        } else {
            money.minor().checked_neg().ok_or(AmountError::TooLarge)?
        };
        let recorded = Recorded {
            book: BookId(of(row, "book_id")?),
            number: EntryNumber(number),
            amount,
            on,
        };
        found.push((id, recorded));
    }
    if let Some(id) = asked.payouts.iter().find(|id| !found.iter().any(|(of, _)| of == *id)) {
        return Err(refused(format!("no payout has the end-to-end id {id}")));
    }
    Ok(found.into_iter().map(|(_, recorded)| recorded).collect())
}

fn of<'r, T: tokio_postgres::types::FromSql<'r>>(row: &'r Row, column: &str) -> Result<T, StoreError> {
    Ok(row.try_get(column)?)
}

/// Takes the receipt of a break out of suspense, because these entries and the bank's charge are what it is. The acquirers are
/// locked; their sum was seen to be its amount.
pub(in crate::store) async fn tell(
    tx: &mut Tx,
    (id, day): (i64, NaiveDate),
    recorded: &[Recorded],
    charge: i64,
    said: Said<'_>,
) -> Result<(), DeskError> {
    let receipt = suspended(tx, id).await?;
    resolved_by_match(tx, &[id], said).await?;
    let mut books = LockedBooks::lock(tx, &[BookId::HOUSE]).await?;
    let source = source_of_run(tx, &format!("bank match {day}")).await?.id;
    let details = serde_json::json!({ "break": id, "by": said.by, "note": said.note }).to_string();
    let reference = format!("{OWN}receipt of break {id}");
    let amount = receipt.money.minor().checked_abs().ok_or(AmountError::TooLarge)?;
    let reversal = Entry {
        details: Some(details.clone()),
        reverses: Some(receipt.number),
        transfers: vec![Transfer {
            debit: receipt.credit.clone(),
            credit: receipt.debit.clone(),
            amount,
        }],
        ..Entry::of_day(
            EntryKind::Reversal,
            reference.clone(),
            fingerprint(&["receipt told of 1", &reference]),
            day,
            source,
        )
    };
    let back = receipt.money.minor().checked_neg().ok_or(AmountError::TooLarge)?;
    let mut parts = vec![(
        "suspense",
        back,
        (BookId::HOUSE, books.append(BookId::HOUSE, reversal)?),
    )];
    parts.extend(
        recorded
            .iter()
            .map(|one| ("recorded", one.amount, (one.book, one.number))),
    );
    if charge != 0 {
        let entry = charged(&receipt, charge, (id, day), Some(details))?;
        let taken = charge.checked_neg().ok_or(AmountError::TooLarge)?;
        parts.push(("charge", taken, (BookId::HOUSE, books.append(BookId::HOUSE, entry)?)));
    }
    books.write(tx).await?;
    keep(tx, &receipt, &parts).await?;
    Ok(())
}

/// The entry of what the bank took for itself.
fn charged(
    receipt: &Suspended,
    charge: i64,
    (id, day): (i64, NaiveDate),
    details: Option<String>,
) -> Result<Entry, StoreError> {
    let on_bank = [&receipt.debit, &receipt.credit]
        .into_iter()
        .find(|account| account.code.dimension() == DimensionKind::Bank)
        .ok_or_else(|| StoreError::Unreadable(format!("the bank account of break {id}")))?;
    let cost = Account {
        code: AccountCode::CostBank,
        currency: on_bank.currency,
        dimension: match AccountCode::CostBank.dimension() {
            DimensionKind::Bank => Arc::clone(&on_bank.dimension),
            DimensionKind::Acquirer | DimensionKind::None => Arc::from(""),
        },
    };
    let reference = format!("{OWN}charge of break {id}");
    let print = fingerprint(&["bank charge 1", &reference, &charge.to_string()]);
    Ok(Entry {
        details,
        source_line: i32::try_from(receipt.line).ok(),
        transfers: vec![Transfer {
            debit: cost,
            credit: on_bank.clone(),
            amount: charge,
        }],
        ..Entry::of_day(EntryKind::BankEntry, reference, print, day, receipt.source)
    })
}

/// Says of the bank's entry what it came to, beside what was said when it was put in suspense.
async fn keep(
    tx: &mut Tx,
    receipt: &Suspended,
    parts: &[(&'static str, i64, (BookId, EntryNumber))],
) -> Result<(), StoreError> {
    let count = parts.len();
    let places: Vec<i32> = (receipt.last_part.saturating_add(1)..).take(count).collect();
    let currency = receipt.money.currency();
    tx.execute(
        include_str!("../../../schema/queries/bank_matches_insert.sql"),
        &[
            &receipt.source.0,
            &vec![receipt.ordinal; count],
            &places,
            &parts.iter().map(|(kind, ..)| *kind).collect::<Vec<&str>>(),
            &parts.iter().map(|(_, amount, _)| *amount).collect::<Vec<i64>>(),
            &vec![None::<i16>; count],
            &vec![None::<&str>; count],
            &vec![currency.code(); count],
            &vec![None::<i64>; count],
            &parts.iter().map(|(.., (book, _))| book.0).collect::<Vec<i64>>(),
            &parts.iter().map(|(.., (_, number))| number.0).collect::<Vec<i64>>(),
        ],
    )
    .await
    .map(|_| ())
}
