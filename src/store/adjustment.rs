//! Adjustments of a merchant's balance: what two people credit to it or charge it, for a reason that nothing else books.
//!
//! 1. Somebody proposes one, with a reason and where the evidence is. That moves no money.
//! 2. Somebody else approves exactly that, by the digest of its content: the house bears it (5080 ← 2020), or gets it
//!    (2020 ← 5080). Or anybody rejects it.
//!
//! A proposal is known by its reference, which its content makes where the caller brings none: the same twice is once. It is never
//! changed; another one takes the place of a rejected one, under another reference. Booked on a closed day it goes to the first
//! open one, as every entry does. A charge may take the merchant below zero: what it owes is carried forward.
//!
//! VAT is not worked out: an adjustment moves the amount that people agreed on, and nothing else.

use std::str::FromStr;

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::books::LockedBooks;
use super::reserve::transfer;
use super::source::source_of_run;
use super::{Retriable, Store, StoreError, Tx, currency};
use crate::audit::export::hex;
use crate::ids::{BookId, EntryNumber, OWN};
use crate::ledger::account::AccountCode;
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Fingerprint};
use crate::money::Money;

/// Why a balance is adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// We give it, and owe it to nobody.
    Goodwill,
    /// For harm that we did.
    Compensation,
    /// A fee was charged wrongly.
    FeeCorrection,
    /// We agreed on it with the merchant.
    Agreement,
    /// Something was booked wrongly that nothing reverses.
    Mistake,
    /// A fine of a scheme, or of the contract.
    Penalty,
}

/// A word that is no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reason is one of goodwill, compensation, fee_correction, agreement, mistake, penalty")]
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
    pub const ALL: [Self; 6] = [
        Self::Goodwill,
        Self::Compensation,
        Self::FeeCorrection,
        Self::Agreement,
        Self::Mistake,
        Self::Penalty,
    ];

    /// The name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Goodwill => "goodwill",
            Self::Compensation => "compensation",
            Self::FeeCorrection => "fee_correction",
            Self::Agreement => "agreement",
            Self::Mistake => "mistake",
            Self::Penalty => "penalty",
        }
    }

    /// Whether it may be why an amount is credited, or, below zero, charged.
    fn allows(self, minor: i64) -> bool {
        match self {
            Self::Goodwill | Self::Compensation => minor > 0,
            Self::Penalty => minor < 0,
            Self::FeeCorrection | Self::Agreement | Self::Mistake => minor != 0,
        }
    }
}

/// An adjustment to be proposed. Texts are checked by who brings them.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The merchant.
    pub merchant: &'a str,
    /// What it is credited; below zero, what it is charged.
    pub money: Money,
    /// Why.
    pub reason: Reason,
    /// Where it is shown that this is right: a ticket, a letter, a contract.
    pub evidence: &'a str,
    /// What there is to say of it.
    pub note: &'a str,
    /// Who proposes it.
    pub by: &'a str,
    /// The day.
    pub day: NaiveDate,
    /// The caller's id of it.
    pub reference: Option<&'a str>,
}

/// An adjustment as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// Its row.
    pub id: i64,
    /// The merchant.
    pub merchant: String,
    /// The caller's id of it, or the one that its content made.
    pub reference: String,
    /// What the merchant is credited; below zero, what it is charged.
    pub money: Money,
    /// Why.
    pub reason: String,
    /// Where that is shown.
    pub evidence: String,
    /// The note.
    pub note: String,
    /// The day on which it was proposed.
    pub proposed_on: NaiveDate,
    /// Who proposed it.
    pub proposed_by: String,
    /// The digest of all that.
    pub content: Fingerprint,
    /// proposed, booked or rejected.
    pub state: String,
    /// When, and by whom, it was approved or rejected.
    pub decided: Option<(NaiveDate, String)>,
    /// Why it was rejected.
    pub rejection: Option<String>,
    /// The entry that booked it.
    pub number: Option<EntryNumber>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The adjustment as it is now.
    pub adjustment: Adjustment,
    /// Whether it is so by this request; else it was before, and nothing was done.
    pub new: bool,
}

/// Who decides about an adjustment.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// Which.
    pub id: i64,
    /// The digest of what is decided, or how it begins; whatever it is now where it is left out.
    pub content: Option<&'a [u8]>,
    /// Who decides.
    pub by: &'a str,
    /// The day.
    pub day: NaiveDate,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum AdjustmentError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No book of that name.
    #[error("merchant `{0}` has no book")]
    UnknownMerchant(String),
    /// Nobody knows it.
    #[error("there is no adjustment {0}")]
    Unknown(i64),
    /// The reason is one for the other direction, or the amount is nothing.
    #[error("{reason} is no reason to {direction} a merchant {amount}")]
    NotAReason {
        /// The reason.
        reason: &'static str,
        /// credit or charge.
        direction: &'static str,
        /// What.
        amount: String,
    },
    /// The reference is that of something else.
    #[error("reference `{reference}` was used before for something else (adjustment {id})")]
    Conflict {
        /// The reference.
        reference: String,
        /// The adjustment that has it.
        id: i64,
    },
    /// The same person on both sides.
    #[error("{0} proposed it; somebody else has to approve it")]
    ApproverIsProposer(String),
    /// Somebody saw another content.
    #[error("adjustment {id} is another one: its digest is {content}")]
    OtherContent {
        /// Which.
        id: i64,
        /// Its digest, in hex.
        content: String,
    },
    /// Its row is not what was proposed.
    #[error("adjustment {0} is not what was proposed any more: its digest is that of something else")]
    NotAsProposed(i64),
    /// It is decided.
    #[error("adjustment {id} is {state}")]
    Decided {
        /// Which.
        id: i64,
        /// booked or rejected.
        state: String,
    },
    /// It was not proposed yet.
    #[error("what was proposed on {proposed_on} cannot be decided on {day}")]
    DecidedBefore {
        /// When it was proposed.
        proposed_on: NaiveDate,
        /// The day of the decision.
        day: NaiveDate,
    },
}

impl Retriable for AdjustmentError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::UnknownMerchant(_)
            | Self::Unknown(_)
            | Self::NotAReason { .. }
            | Self::Conflict { .. }
            | Self::ApproverIsProposer(_)
            | Self::OtherContent { .. }
            | Self::NotAsProposed(_)
            | Self::Decided { .. }
            | Self::DecidedBefore { .. } => false,
        }
    }
}

impl Store {
    /// Proposes an adjustment; moves no money.
    pub async fn propose_adjustment(&self, request: &Request<'_>) -> Result<Outcome, AdjustmentError> {
        self.transact(async |tx: &mut Tx| propose(tx, request).await).await
    }

    /// Shows what [`Store::approve_adjustment`] would do, and does nothing.
    pub async fn plan_adjustment(&self, decision: Decision<'_>) -> Result<Outcome, AdjustmentError> {
        self.rehearse(async |tx: &mut Tx| approve(tx, decision).await).await
    }

    /// Books a proposed adjustment: 5080 ← 2020 where the merchant is credited, 2020 ← 5080 where it is charged. Who approves it
    /// has not proposed it.
    pub async fn approve_adjustment(&self, decision: Decision<'_>) -> Result<Outcome, AdjustmentError> {
        self.transact(async |tx: &mut Tx| approve(tx, decision).await).await
    }

    /// Rejects a proposed adjustment, for ever; who proposed it may.
    pub async fn reject_adjustment(&self, decision: Decision<'_>, why: &str) -> Result<Outcome, AdjustmentError> {
        self.transact(async |tx: &mut Tx| reject(tx, decision, why).await).await
    }

    /// Adjustments by merchant and id: those that wait to be approved, or all.
    pub async fn adjustments(&self, merchant: Option<&str>, all: bool) -> Result<Vec<Adjustment>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let list = include_str!("../../schema/queries/adjustments_list.sql");
            let rows = tx.query(list, &[&merchant, &all]).await?;
            rows.iter().map(read).collect()
        })
        .await
    }
}

fn read(row: &Row) -> Result<Adjustment, StoreError> {
    let content: &[u8] = row.try_get("content")?;
    let decided_on: Option<NaiveDate> = row.try_get("decided_on")?;
    Ok(Adjustment {
        id: row.try_get("id")?,
        merchant: row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default(),
        reference: row.try_get("reference")?,
        money: Money::from_minor(row.try_get("amount")?, currency(row.try_get("currency")?)?),
        reason: row.try_get("reason")?,
        evidence: row.try_get("evidence")?,
        note: row.try_get("note")?,
        proposed_on: row.try_get("proposed_on")?,
        proposed_by: row.try_get("proposed_by")?,
        content: Fingerprint::try_from(content).map_err(|_| StoreError::Unreadable("a digest".to_owned()))?,
        state: row.try_get("state")?,
        decided: decided_on.zip(row.try_get("decided_by")?),
        rejection: row.try_get("rejection")?,
        number: row.try_get::<_, Option<i64>>("number")?.map(EntryNumber),
    })
}

/// An adjustment and its book.
async fn by_id(tx: &mut Tx, id: i64) -> Result<(BookId, Adjustment), AdjustmentError> {
    let rows = tx
        .query(include_str!("../../schema/queries/adjustment_by_id.sql"), &[&id])
        .await?;
    let row = rows.first().ok_or(AdjustmentError::Unknown(id))?;
    Ok((BookId(row.try_get("book_id").map_err(StoreError::from)?), read(row)?))
}

/// The digest of a proposal, as schema/audits/adjustments.sql works it out from its row. `of` is merchant, reference, reason,
/// evidence, note and who proposes.
fn content_of(of: [&str; 6], money: Money, day: NaiveDate) -> Fingerprint {
    let [merchant, reference, reason, evidence, note, by] = of;
    let (code, amount, day) = (money.currency().to_string(), money.minor().to_string(), day.to_string());
    fingerprint(&[
        "adjustment 1",
        merchant,
        reference,
        &code,
        &amount,
        reason,
        evidence,
        note,
        &day,
        by,
    ])
}

async fn propose(tx: &mut Tx, request: &Request<'_>) -> Result<Outcome, AdjustmentError> {
    let (money, day) = (request.money, request.day);
    if !request.reason.allows(money.minor()) {
        let size = Money::from_minor(money.minor().saturating_abs(), money.currency());
        return Err(AdjustmentError::NotAReason {
            reason: request.reason.name(),
            direction: if money.minor() < 0 { "charge" } else { "credit" },
            amount: size.to_string(),
        });
    }
    let (_books, owners) = LockedBooks::lock_of_merchants(tx, &[request.merchant]).await?;
    let book = owners.get(request.merchant).copied();
    let book = book.ok_or_else(|| AdjustmentError::UnknownMerchant(request.merchant.to_owned()))?;
    let (reason, by) = (request.reason.name(), request.by);
    let of = |reference| {
        let of = [request.merchant, reference, reason, request.evidence, request.note, by];
        content_of(of, money, day)
    };
    let derived = || hex(of("").get(..8).unwrap_or_default());
    let reference = request.reference.map_or_else(derived, str::to_owned);
    let content = of(&reference);
    let known = include_str!("../../schema/queries/adjustment_by_reference.sql");
    if let Some(row) = tx.query(known, &[&book.0, &reference]).await?.first() {
        let id = row.try_get("id").map_err(StoreError::from)?;
        let (_, adjustment) = by_id(tx, id).await?;
        return match adjustment.content == content {
            true => Ok(Outcome { adjustment, new: false }),
            false => Err(AdjustmentError::Conflict { reference, id }),
        };
    }
    let (code, exponent) = (money.currency().to_string(), i16::from(money.currency().exponent()));
    let insert = include_str!("../../schema/queries/adjustment_insert.sql");
    let rows = tx
        .query(
            insert,
            &[
                &book.0,
                &reference,
                &code,
                &exponent,
                &money.minor(),
                &reason,
                &request.evidence,
                &request.note,
                &day,
                &by,
                &content.as_slice(),
            ],
        )
        .await?;
    let row = rows.first();
    let row = row.ok_or_else(|| StoreError::Unreadable("no id of a proposed adjustment".to_owned()))?;
    let (_, adjustment) = by_id(tx, row.try_get("id").map_err(StoreError::from)?).await?;
    Ok(Outcome { adjustment, new: true })
}

/// An adjustment whose book is locked, read under the lock; the books are none where it is in the state already that is asked for.
async fn waiting(
    tx: &mut Tx,
    decision: Decision<'_>,
    wanted: &str,
) -> Result<(Option<LockedBooks>, BookId, Adjustment), AdjustmentError> {
    let Decision {
        id,
        by: _,
        day,
        content,
    } = decision;
    let (book, _) = by_id(tx, id).await?;
    let books = LockedBooks::lock(tx, &[book]).await?;
    let (_, adjustment) = by_id(tx, id).await?;
    if content.is_some_and(|content| !adjustment.content.starts_with(content)) {
        let content = hex(&adjustment.content);
        return Err(AdjustmentError::OtherContent { id, content });
    }
    if adjustment.state == wanted {
        return Ok((None, book, adjustment));
    }
    if adjustment.state != "proposed" {
        let state = adjustment.state;
        return Err(AdjustmentError::Decided { id, state });
    }
    let proposed_on = adjustment.proposed_on;
    if day < proposed_on {
        return Err(AdjustmentError::DecidedBefore { proposed_on, day });
    }
    Ok((Some(books), book, adjustment))
}

async fn approve(tx: &mut Tx, decision: Decision<'_>) -> Result<Outcome, AdjustmentError> {
    let Decision { id, by, day, .. } = decision;
    let (books, book, adjustment) = waiting(tx, decision, "booked").await?;
    let Some(mut books) = books else {
        return Ok(Outcome { adjustment, new: false });
    };
    if adjustment.proposed_by == by {
        return Err(AdjustmentError::ApproverIsProposer(by.to_owned()));
    }
    let of = [
        &adjustment.merchant,
        &adjustment.reference,
        &adjustment.reason,
        &adjustment.evidence,
        &adjustment.note,
        &adjustment.proposed_by,
    ];
    if content_of(of.map(String::as_str), adjustment.money, adjustment.proposed_on) != adjustment.content {
        return Err(AdjustmentError::NotAsProposed(id));
    }
    let source = source_of_run(tx, &format!("adjust approve {day}")).await?.id;
    let reference = format!("{OWN}adjustment {}", adjustment.reference);
    let print = fingerprint(&["adjustment approval 1", &hex(&adjustment.content), by, &day.to_string()]);
    let details = serde_json::json!({
        "approved_by": by, "evidence": adjustment.evidence, "note": adjustment.note, "proposed_by": adjustment.proposed_by,
        "reason": adjustment.reason,
    });
    let (cost, available) = (AccountCode::CostAdjustment, AccountCode::MerchantAvailable);
    let moved = transfer(cost, available, adjustment.money.currency(), adjustment.money.minor());
    let entry = Entry {
        details: Some(details.to_string()),
        transfers: moved.into_iter().collect(),
        ..Entry::of_day(EntryKind::Adjustment, reference, print, day, source)
    };
    let number = books.append(book, entry)?;
    books.write(tx).await?;
    decide(tx, decision, &adjustment, "booked", (None, Some(number))).await
}

async fn reject(tx: &mut Tx, decision: Decision<'_>, why: &str) -> Result<Outcome, AdjustmentError> {
    let (books, _, adjustment) = waiting(tx, decision, "rejected").await?;
    match books {
        None => Ok(Outcome { adjustment, new: false }),
        Some(_) => decide(tx, decision, &adjustment, "rejected", (Some(why), None)).await,
    }
}

/// Writes down what was decided: why it is rejected, or the entry that books it.
async fn decide(
    tx: &mut Tx,
    Decision { id, by, day, .. }: Decision<'_>,
    adjustment: &Adjustment,
    state: &str,
    (why, number): (Option<&str>, Option<EntryNumber>),
) -> Result<Outcome, AdjustmentError> {
    tx.execute(
        include_str!("../../schema/queries/adjustment_decide.sql"),
        &[
            &id,
            &state,
            &day,
            &by,
            &adjustment.content.as_slice(),
            &why,
            &number.map(|number| number.0),
        ],
    )
    .await?;
    let (_, adjustment) = by_id(tx, id).await?;
    Ok(Outcome { adjustment, new: true })
}
