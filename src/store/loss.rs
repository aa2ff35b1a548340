//! Losses: what a merchant owes and nobody expects to get back, given up by two people; and what comes back of it.
//!
//! 1. Somebody plans one, with a reason and a note that says where the evidence is. That moves no money.
//! 2. Somebody else approves it: what the merchant owes becomes a loss of the house (5060 ← 2020).
//! 3. Where the merchant comes to money after all, what comes back of a loss is planned and approved likewise (2020 ← 5060).
//!
//! A merchant owes what takes account 2020 below zero, less what is pending, in reserve and on hold. How much that is, and what is
//! available for a recovery, is asked under the book's lock, both when it is planned and when it is approved. A merchant has one
//! plan at a time in a currency.

use std::str::FromStr;

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::books::LockedBooks;
use super::reserve::transfer;
use super::source::source_of_run;
use super::{Retriable, Store, StoreError, Tx, currency};
use crate::ids::{BookId, EntryNumber, OWN};
use crate::ledger::account::AccountCode;
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind};
use crate::money::{Currency, Money};

/// Why a debt is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The merchant cannot pay: it is bankrupt, or has nothing.
    Insolvent,
    /// Nobody can find it.
    Untraceable,
    /// Collecting it would cost more than it is.
    Uneconomic,
    /// We have agreed to let it be.
    Settled,
}

/// A word that is no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reason is one of insolvent, untraceable, uneconomic, settled")]
pub struct UnknownReason;

impl FromStr for Reason {
    type Err = UnknownReason;
    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        let mut known = Self::ALL.into_iter();
        known.find(|reason| reason.name() == text).ok_or(UnknownReason)
    }
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Insolvent, Self::Untraceable, Self::Uneconomic, Self::Settled];

    /// The name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insolvent => "insolvent",
            Self::Untraceable => "untraceable",
            Self::Uneconomic => "uneconomic",
            Self::Settled => "settled",
        }
    }
}

/// The reason of what comes back.
const RECOVERED: &str = "recovered";

/// A loss to be planned. Texts are checked by who brings them.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The merchant.
    pub merchant: &'a str,
    /// In which currency.
    pub currency: Currency,
    /// How much, above zero; all that the merchant owes where it is left out.
    pub amount: Option<Money>,
    /// Why.
    pub reason: Reason,
    /// What was done to get it, and where the evidence is.
    pub note: &'a str,
    /// Who plans it.
    pub by: &'a str,
    /// The day.
    pub day: NaiveDate,
}

/// What comes back of a loss, to be planned.
#[derive(Debug, Clone)]
pub struct Recovery<'a> {
    /// The loss.
    pub id: i64,
    /// How much, as text of the loss's currency; where it is left out, what is available, and of the loss at most.
    pub amount: Option<&'a str>,
    /// Where it comes from.
    pub note: &'a str,
    /// Who plans it.
    pub by: &'a str,
    /// The day.
    pub day: NaiveDate,
}

/// A loss, or what came back of one, as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Its row.
    pub id: i64,
    /// The merchant.
    pub merchant: String,
    /// How much.
    pub money: Money,
    /// The loss that this is a recovery of.
    pub recovers: Option<i64>,
    /// What came back of it.
    pub recovered: Money,
    /// Why; `recovered` of what came back.
    pub reason: String,
    /// The note.
    pub note: String,
    /// The day on which it was planned.
    pub planned_on: NaiveDate,
    /// Who planned it.
    pub planned_by: String,
    /// planned, booked or cancelled.
    pub state: String,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// The entry that booked it.
    pub number: Option<EntryNumber>,
}

/// What became of an approval or a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The loss as it is now.
    pub loss: Loss,
    /// Whether it is so by this request; else it was before, and nothing was done.
    pub new: bool,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No book of that name.
    #[error("merchant `{0}` has no book")]
    UnknownMerchant(String),
    /// Nobody knows it.
    #[error("there is no loss {0}")]
    Unknown(i64),
    /// Nothing to give up, or to get back.
    #[error("a loss, and what comes back of one, is of more than zero")]
    NotPositive,
    /// The amount is no amount.
    #[error(transparent)]
    Amount(#[from] crate::money::AmountError),
    /// Less is owed.
    #[error("the merchant owes {owed} beyond what it has pending, in reserve and on hold")]
    NotOwed {
        /// What is.
        owed: Money,
    },
    /// Less is there to be taken.
    #[error("only {available} is available to the merchant")]
    Insufficient {
        /// What is.
        available: Money,
    },
    /// Less was given up, or so much came back already.
    #[error("only {left} of loss {id} has not come back")]
    BeyondLoss {
        /// Which.
        id: i64,
        /// What has not.
        left: Money,
    },
    /// Another plan waits.
    #[error("{id} is planned for the merchant in {currency} and waits")]
    Waiting {
        /// Which.
        id: i64,
        /// In which currency.
        currency: Currency,
    },
    /// It cannot come back.
    #[error("{id} is {state}: only what is booked as a loss can come back")]
    NotALoss {
        /// Which.
        id: i64,
        /// What it is.
        state: String,
    },
    /// The same person on both sides.
    #[error("{0} planned it; somebody else has to approve it")]
    ApproverIsPlanner(String),
    /// It is not planned any more.
    #[error("{id} is {state}")]
    NotPlanned {
        /// Which.
        id: i64,
        /// booked or cancelled.
        state: String,
    },
    /// It was not planned yet.
    #[error("what was planned on {planned_on} cannot be booked on {day}")]
    BookedBefore {
        /// When it was planned.
        planned_on: NaiveDate,
        /// The booking date.
        day: NaiveDate,
    },
}

impl Retriable for LossError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::UnknownMerchant(_)
            | Self::Unknown(_)
            | Self::NotPositive
            | Self::Amount(_)
            | Self::NotOwed { .. }
            | Self::Insufficient { .. }
            | Self::BeyondLoss { .. }
            | Self::Waiting { .. }
            | Self::NotALoss { .. }
            | Self::ApproverIsPlanner(_)
            | Self::NotPlanned { .. }
            | Self::BookedBefore { .. } => false,
        }
    }
}

impl Store {
    /// Plans to give up what a merchant owes; moves no money. Refused where it owes less.
    pub async fn plan_loss(&self, request: &Request<'_>) -> Result<Loss, LossError> {
        self.transact(async |tx: &mut Tx| plan(tx, request).await).await
    }

    /// Plans to take back what a merchant owed, out of what is available to it now; moves no money.
    pub async fn plan_recovery(&self, recovery: &Recovery<'_>) -> Result<Loss, LossError> {
        self.transact(async |tx: &mut Tx| plan_recovery(tx, recovery).await)
            .await
    }

    /// Shows what [`Store::approve_loss`] would do, and does nothing.
    pub async fn plan_loss_approval(&self, id: i64, by: &str, day: NaiveDate) -> Result<Outcome, LossError> {
        self.rehearse(async |tx: &mut Tx| approve(tx, id, by, day).await).await
    }

    /// Books a planned loss (5060 ← 2020) or recovery (2020 ← 5060). Who approves it has not planned it.
    pub async fn approve_loss(&self, id: i64, by: &str, day: NaiveDate) -> Result<Outcome, LossError> {
        self.transact(async |tx: &mut Tx| approve(tx, id, by, day).await).await
    }

    /// Cancels what is planned and not booked.
    pub async fn cancel_loss(&self, id: i64) -> Result<Outcome, LossError> {
        self.transact(async |tx: &mut Tx| cancel(tx, id).await).await
    }

    /// Losses and what came back of them, by merchant and id: those that wait to be approved, or all.
    pub async fn losses(&self, merchant: Option<&str>, all: bool) -> Result<Vec<Loss>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let list = include_str!("../../schema/queries/losses_list.sql");
            let rows = tx.query(list, &[&merchant, &all]).await?;
            rows.iter().map(read).collect()
        })
        .await
    }
}

fn read(row: &Row) -> Result<Loss, StoreError> {
    let currency = currency(row.try_get("currency")?)?;
    Ok(Loss {
        id: row.try_get("id")?,
        merchant: row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default(),
        money: Money::from_minor(row.try_get("amount")?, currency),
        recovers: row.try_get("recovers")?,
        recovered: Money::from_minor(row.try_get("recovered")?, currency),
        reason: row.try_get("reason")?,
        note: row.try_get("note")?,
        planned_on: row.try_get("planned_on")?,
        planned_by: row.try_get("planned_by")?,
        state: row.try_get("state")?,
        approved_by: row.try_get("approved_by")?,
        number: row.try_get::<_, Option<i64>>("number")?.map(EntryNumber),
    })
}

/// A loss and its book.
async fn by_id(tx: &mut Tx, id: i64) -> Result<(BookId, Loss), LossError> {
    let rows = tx
        .query(include_str!("../../schema/queries/loss_by_id.sql"), &[&id])
        .await?;
    let row = rows.first().ok_or(LossError::Unknown(id))?;
    Ok((BookId(row.try_get("book_id").map_err(StoreError::from)?), read(row)?))
}

/// A loss whose book is locked, read under the lock.
async fn locked(tx: &mut Tx, id: i64) -> Result<(LockedBooks, BookId, Loss), LossError> {
    let (book, _) = by_id(tx, id).await?;
    let books = LockedBooks::lock(tx, &[book]).await?;
    let (_, loss) = by_id(tx, id).await?;
    Ok((books, book, loss))
}

/// What a merchant has in a currency.
struct Funds {
    /// Account 2020.
    available: Money,
    /// What it owes beyond all that it has; zero where it owes nothing.
    owed: Money,
}

async fn funds(tx: &mut Tx, book: BookId, currency: Currency) -> Result<Funds, StoreError> {
    let rows = tx
        .query(
            include_str!("../../schema/queries/loss_funds.sql"),
            &[&book.0, &currency.code()],
        )
        .await?;
    let (available, beside) = match rows.first() {
        Some(row) => (row.try_get::<_, i64>("available")?, row.try_get::<_, i64>("beside")?),
        None => (0, 0),
    };
    let owed = available.saturating_add(beside).saturating_neg().max(0);
    Ok(Funds {
        available: Money::from_minor(available, currency),
        owed: Money::from_minor(owed, currency),
    })
}

fn is_owed(funds: &Funds, money: Money) -> Result<(), LossError> {
    let owed = funds.owed;
    match money.minor() <= owed.minor() {
        true => Ok(()),
        false => Err(LossError::NotOwed { owed }),
    }
}

/// Refuses to take back more than is available, or than is left of the loss.
fn is_recoverable(loss: &Loss, funds: &Funds, money: Money) -> Result<(), LossError> {
    let left = left_of(loss)?;
    if money.minor() > left.minor() {
        return Err(LossError::BeyondLoss { id: loss.id, left });
    }
    let available = funds.available;
    match money.minor() <= available.minor() {
        true => Ok(()),
        false => Err(LossError::Insufficient { available }),
    }
}

/// What of a loss that is booked has not come back.
fn left_of(loss: &Loss) -> Result<Money, LossError> {
    if loss.recovers.is_some() || loss.state != "booked" {
        let state = match loss.recovers {
            Some(_) => "a recovery".to_owned(),
            None => loss.state.clone(),
        };
        return Err(LossError::NotALoss { id: loss.id, state });
    }
    let left = loss.money.minor().saturating_sub(loss.recovered.minor());
    Ok(Money::from_minor(left, loss.money.currency()))
}

/// What is to be written down.
struct Plan<'a> {
    book: BookId,
    money: Money,
    recovers: Option<i64>,
    reason: &'a str,
    note: &'a str,
    by: &'a str,
    day: NaiveDate,
}

async fn plan(tx: &mut Tx, request: &Request<'_>) -> Result<Loss, LossError> {
    let (_books, owners) = LockedBooks::lock_of_merchants(tx, &[request.merchant]).await?;
    let book = owners.get(request.merchant).copied();
    let book = book.ok_or_else(|| LossError::UnknownMerchant(request.merchant.to_owned()))?;
    let funds = funds(tx, book, request.currency).await?;
    let money = request.amount.unwrap_or(funds.owed);
    is_owed(&funds, money)?;
    insert(
        tx,
        &Plan {
            book,
            money,
            recovers: None,
            reason: request.reason.name(),
            note: request.note,
            by: request.by,
            day: request.day,
        },
    )
    .await
}

async fn plan_recovery(tx: &mut Tx, recovery: &Recovery<'_>) -> Result<Loss, LossError> {
    let (_books, book, loss) = locked(tx, recovery.id).await?;
    let currency = loss.money.currency();
    let left = left_of(&loss)?;
    let funds = funds(tx, book, currency).await?;
    let money = match recovery.amount {
        Some(text) => Money::parse(text, currency)?,
        None => Money::from_minor(left.minor().min(funds.available.minor()).max(0), currency),
    };
    is_recoverable(&loss, &funds, money)?;
    insert(
        tx,
        &Plan {
            book,
            money,
            recovers: Some(loss.id),
            reason: RECOVERED,
            note: recovery.note,
            by: recovery.by,
            day: recovery.day,
        },
    )
    .await
}

async fn insert(tx: &mut Tx, plan: &Plan<'_>) -> Result<Loss, LossError> {
    if plan.money.minor() <= 0 {
        return Err(LossError::NotPositive);
    }
    let currency = plan.money.currency();
    let waiting = tx
        .query(
            include_str!("../../schema/queries/loss_planned.sql"),
            &[&plan.book.0, &currency.code()],
        )
        .await?;
    if let Some(row) = waiting.first() {
        let id = row.try_get("id").map_err(StoreError::from)?;
        return Err(LossError::Waiting { id, currency });
    }
    let rows = tx
        .query(
            include_str!("../../schema/queries/loss_insert.sql"),
            &[
                &plan.book.0,
                &currency.code(),
                &i16::from(currency.exponent()),
                &plan.money.minor(),
                &plan.recovers,
                &plan.reason,
                &plan.note,
                &plan.day,
                &plan.by,
            ],
        )
        .await?;
    let row = rows.first();
    let row = row.ok_or_else(|| StoreError::Unreadable("no id of a planned loss".to_owned()))?;
    let (_, loss) = by_id(tx, row.try_get("id").map_err(StoreError::from)?).await?;
    Ok(loss)
}

/// Whether a loss waits to be approved by this person on this day; false where it is booked already.
fn waits(loss: &Loss, by: &str, day: NaiveDate) -> Result<bool, LossError> {
    match loss.state.as_str() {
        "planned" => {}
        "booked" => return Ok(false),
        state => {
            let state = state.to_owned();
            return Err(LossError::NotPlanned { id: loss.id, state });
        }
    }
    if loss.planned_by == by {
        return Err(LossError::ApproverIsPlanner(by.to_owned()));
    }
    let planned_on = loss.planned_on;
    if day < planned_on {
        return Err(LossError::BookedBefore { planned_on, day });
    }
    Ok(true)
}

async fn approve(tx: &mut Tx, id: i64, by: &str, day: NaiveDate) -> Result<Outcome, LossError> {
    let (mut books, book, loss) = locked(tx, id).await?;
    if !waits(&loss, by, day)? {
        return Ok(Outcome { loss, new: false });
    }
    let funds = funds(tx, book, loss.money.currency()).await?;
    let (lost, available) = (AccountCode::LossMerchantCredit, AccountCode::MerchantAvailable);
    let (kind, debit, credit, reference) = match loss.recovers {
        None => {
            is_owed(&funds, loss.money)?;
            (EntryKind::Loss, lost, available, format!("{OWN}loss {id}"))
        }
        Some(of) => {
            let (_, original) = by_id(tx, of).await?;
            is_recoverable(&original, &funds, loss.money)?;
            (
                EntryKind::LossRecovery,
                available,
                lost,
                format!("{OWN}recovery {id} of loss {of}"),
            )
        }
    };
    let source = source_of_run(tx, &format!("loss approve {day}")).await?.id;
    let fingerprint = fingerprint(&["loss 1", &reference, by, &day.to_string()]);
    let details = serde_json::json!({
        "approved_by": by, "note": loss.note, "planned_by": loss.planned_by, "reason": loss.reason,
    });
    let entry = Entry {
        details: Some(details.to_string()),
        transfers: transfer(debit, credit, loss.money.currency(), loss.money.minor())
            .into_iter()
            .collect(),
        ..Entry::of_day(kind, reference, fingerprint, day, source)
    };
    let number = books.append(book, entry)?;
    books.write(tx).await?;
    tx.execute(
        include_str!("../../schema/queries/loss_book.sql"),
        &[&id, &by, &number.0],
    )
    .await?;
    if let Some(of) = loss.recovers {
        tx.execute(
            include_str!("../../schema/queries/loss_recovered.sql"),
            &[&of, &loss.money.minor()],
        )
        .await?;
    }
    let (_, loss) = by_id(tx, id).await?;
    Ok(Outcome { loss, new: true })
}

async fn cancel(tx: &mut Tx, id: i64) -> Result<Outcome, LossError> {
    let (_books, _, loss) = locked(tx, id).await?;
    match loss.state.as_str() {
        "planned" => {}
        "cancelled" => return Ok(Outcome { loss, new: false }),
        state => {
            let state = state.to_owned();
            return Err(LossError::NotPlanned { id, state });
        }
    }
    tx.execute(include_str!("../../schema/queries/loss_cancel.sql"), &[&id])
        .await?;
    let (_, loss) = by_id(tx, id).await?;
    Ok(Outcome { loss, new: true })
}
