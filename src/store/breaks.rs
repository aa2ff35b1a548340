//! Breaks in the database: lists, and the desk where people work on them.
//!
//! A break is open, investigating or resolved. Somebody proposes a resolution; where the ladder of the settings asks for it,
//! others approve it; then it is booked (`resolve`). A resolved break may be opened again, which reverses what was booked
//! (`reopen`). Every step is a row that nobody changes: who, when by the database's clock, what, why, and the digest of the
//! evidence.
//!
//! Locks, in this order: the acquirers of the breaks, shared, so that no reconciliation closes them meanwhile; the breaks by
//! number; the books. What is decided is read after all of them.

pub mod by_hand;
mod cases;
mod error;
pub(in crate::store) mod late;
pub mod receipt;
mod reopen;
mod resolve;
pub mod told;

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;

pub use self::error::DeskError;
pub use self::reopen::{Reopened, reopened_by_undo, resolved_by_match};
pub use self::resolve::{Approved, Move, Request, Resolved, ResolvedBreak};
use super::{Store, StoreError, Tx, currency};
use crate::ids::{AcquirerId, SourceId};
use crate::money::Money;
use crate::recon::breaks::BreakClass;

/// How many breaks are worked on at a time.
pub const LIMIT: usize = 10_000;

/// Which breaks; every field that is set narrows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this class.
    pub class: Option<BreakClass>,
    /// In one of these states; all where none is named.
    pub states: Option<Vec<String>>,
    /// Of this acquirer.
    pub acquirer: Option<String>,
    /// Given to this person.
    pub owner: Option<String>,
    /// Expected before this day.
    pub expected_before: Option<NaiveDate>,
    /// With at least so much at stake, in this currency.
    pub at_least: Option<Money>,
    /// Only those with money in suspense.
    pub in_suspense: bool,
    /// Only these.
    pub ids: Option<Vec<i64>>,
}

impl Filter {
    /// Those that are not resolved.
    pub fn unresolved() -> Self {
        Self {
            states: Some(vec!["open".to_owned(), "investigating".to_owned()]),
            ..Self::default()
        }
    }

    /// These, in whatever state.
    pub fn of(ids: &[i64]) -> Self {
        Self {
            ids: Some(ids.to_vec()),
            ..Self::default()
        }
    }
}

/// What was proposed about a break: what waits for approval, or what resolved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// SHA-256 of everything that was proposed together.
    pub plan: Vec<u8>,
    /// As what.
    pub resolution: String,
    /// Why.
    pub reason: String,
    /// Who proposed it.
    pub by: String,
    /// How many others have to approve.
    pub approvers: i16,
    /// Of whom one has to be one of these.
    pub finance_heads: Vec<String>,
    /// Who approved.
    pub approved_by: Vec<String>,
}

/// A break with what it concerns, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// Its number.
    pub id: i64,
    /// Its class.
    pub class: String,
    /// The acquirer.
    pub acquirer: String,
    /// open, investigating or resolved.
    pub state: String,
    /// How it was resolved.
    pub resolution: Option<String>,
    /// Who works on it.
    pub owner: Option<String>,
    /// The settlement file of its line.
    pub file: Option<String>,
    /// Its line of that file.
    pub line: Option<i32>,
    /// The merchant of its item.
    pub merchant: Option<String>,
    /// The payment of its item.
    pub payment: Option<String>,
    /// The reference of its item's entry.
    pub reference: Option<String>,
    /// By the ledger or the contract.
    pub expected: Option<Money>,
    /// By the file.
    pub actual: Option<Money>,
    /// The entry of the house's book that holds its money.
    pub suspense: Option<i64>,
    /// What it holds in suspense, or held until it was resolved: credit above zero.
    pub held: Option<Money>,
    /// What is at stake: that, or by how much both sides differ.
    pub stake: Option<Money>,
    /// When its item should have been reported.
    pub expected_on: Option<NaiveDate>,
    /// The file that showed it.
    pub found_in: String,
    /// The day that file is about.
    pub found_on: Option<NaiveDate>,
    /// The day from which it grows old: when it was expected, else the day of what showed it.
    pub awaited_on: NaiveDate,
    /// Until when its item is not missing again.
    pub quiet_until: Option<NaiveDate>,
    /// What differs, in words.
    pub detail: String,
    /// What waits for approval, or resolved it.
    pub proposed: Option<Proposed>,
}

/// A step of a break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// assigned, noted, proposed, approved, withdrawn, resolved, recovered or reopened.
    pub what: String,
    /// Who.
    pub by: String,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
    /// To whom it was given.
    pub owner: Option<String>,
    /// In their words.
    pub note: Option<String>,
    /// SHA-256 of the evidence.
    pub evidence: Option<Vec<u8>>,
    /// Resolution, reason and plan that the step is about.
    pub proposal: Option<(String, String, Vec<u8>)>,
}

/// What an entry that resolved a break, or reversed that, moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The merchant of the book, none for the house.
    pub merchant: Option<String>,
    /// The entry.
    pub number: i64,
    /// Its kind.
    pub kind: String,
    /// Its day.
    pub booking_date: NaiveDate,
    /// The account debited.
    pub debit: i16,
    /// The account credited.
    pub credit: i16,
    /// How much.
    pub money: Money,
}

/// Who does something about breaks, and what they say.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Who.
    pub by: &'a str,
    /// In their words.
    pub note: Option<&'a str>,
    /// SHA-256 of the evidence.
    pub evidence: Option<&'a [u8]>,
}

/// Resolves the breaks of what was missing and has come with a file: of each acquirer those whose detail begins with these words.
/// What was proposed about them is withdrawn.
pub(super) async fn came(
    tx: &mut Tx,
    source: SourceId,
    class: BreakClass,
    missing: &[(AcquirerId, String)],
) -> Result<(), StoreError> {
    if missing.is_empty() {
        return Ok(());
    }
    let acquirers: Vec<i16> = missing.iter().map(|(acquirer, _)| acquirer.0).collect();
    let words: Vec<&str> = missing.iter().map(|(_, words)| words.as_str()).collect();
    let sql = include_str!("../../schema/queries/breaks_came.sql");
    tx.execute(sql, &[&source.0, &class.name(), &acquirers, &words]).await?;
    Ok(())
}

impl Store {
    /// Breaks, oldest first.
    pub async fn breaks(&self, filter: &Filter) -> Result<Vec<Break>, StoreError> {
        self.rehearse(async |tx: &mut Tx| list(tx, filter).await).await
    }

    /// The settlement line of a break as it came, card numbers masked.
    pub async fn break_line(&self, id: i64) -> Result<Option<String>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let rows = tx
                .query(include_str!("../../schema/queries/break_lines.sql"), &[&id])
                .await?;
            rows.first()
                .map(|row| row.try_get("raw").map_err(StoreError::from))
                .transpose()
        })
        .await
    }

    /// Every step of a break, in order.
    pub async fn break_steps(&self, id: i64) -> Result<Vec<Step>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let rows = tx
                .query(include_str!("../../schema/queries/break_steps.sql"), &[&id])
                .await?;
            rows.iter().map(read_step).collect()
        })
        .await
    }

    /// What the resolutions of a break moved, and their reversals.
    pub async fn break_postings(&self, id: i64) -> Result<Vec<Posted>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let rows = tx
                .query(include_str!("../../schema/queries/break_entries_of.sql"), &[&id])
                .await?;
            rows.iter().map(read_posted).collect()
        })
        .await
    }

    /// Gives breaks to somebody, who investigates them. What is so already stays as it is.
    pub async fn assign_breaks(&self, ids: &[i64], owner: &str, said: Said<'_>) -> Result<u64, DeskError> {
        self.transact(async |tx: &mut Tx| {
            let locked = cases::lock(tx, ids, &[]).await?;
            cases::unresolved(&locked)?;
            let given: Vec<i64> = list(tx, &Filter::of(ids))
                .await?
                .iter()
                .filter(|row| row.owner.as_deref() != Some(owner))
                .map(|row| row.id)
                .collect();
            let assign = include_str!("../../schema/queries/breaks_assign.sql");
            let assigned = tx.execute(assign, &[&given, &owner]).await?;
            write_step(tx, "assigned", &given, None, Some(owner), said).await?;
            Ok(assigned)
        })
        .await
    }

    /// Writes a note about breaks, whatever their state; an open one is investigated from then on. The same note as the last
    /// step is there already. Says how many are new.
    pub async fn note_breaks(&self, ids: &[i64], said: Said<'_>) -> Result<usize, DeskError> {
        self.transact(async |tx: &mut Tx| {
            cases::lock(tx, ids, &[]).await?;
            let last = cases::last_steps(tx, ids).await?;
            let new: Vec<i64> = ids
                .iter()
                .copied()
                .filter(|id| {
                    let known = last.iter().find(|step| step.id == *id);
                    !known.is_some_and(|step| step.is("noted", said))
                })
                .collect();
            investigate(tx, &new).await?;
            write_step(tx, "noted", &new, None, None, said).await?;
            Ok(new.len())
        })
        .await
    }
}

/// Somebody works on them now.
async fn investigate(tx: &mut Tx, ids: &[i64]) -> Result<(), StoreError> {
    let investigate = include_str!("../../schema/queries/breaks_investigate.sql");
    tx.execute(investigate, &[&ids]).await.map(|_| ())
}

/// Writes a step of breaks down; `proposals` are as many as breaks.
async fn write_step(
    tx: &mut Tx,
    what: &str,
    ids: &[i64],
    proposals: Option<&[i64]>,
    owner: Option<&str>,
    said: Said<'_>,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let of: Vec<Option<i64>> = match proposals {
        Some(proposals) => proposals.iter().copied().map(Some).collect(),
        None => vec![None; ids.len()],
    };
    let insert = include_str!("../../schema/queries/break_steps_insert.sql");
    tx.execute(
        insert,
        &[&ids, &of, &what, &said.by, &owner, &said.note, &said.evidence],
    )
    .await
    .map(|_| ())
}

pub(super) async fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<Break>, StoreError> {
    let class = filter.class.map(BreakClass::name);
    let rows = tx
        .query(
            include_str!("../../schema/queries/breaks_list.sql"),
            &[
                &class,
                &filter.states,
                &filter.acquirer,
                &filter.owner,
                &filter.expected_before,
                &filter.at_least.map(Money::minor),
                &filter.at_least.map(|money| money.currency().code().to_owned()),
                &filter.in_suspense,
                &filter.ids,
            ],
        )
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Break, StoreError> {
    Ok(Break {
        id: row.try_get("id")?,
        class: row.try_get("class")?,
        acquirer: row.try_get("acquirer")?,
        state: row.try_get("state")?,
        resolution: row.try_get("resolution")?,
        owner: row.try_get("owner")?,
        file: row.try_get("file")?,
        line: row.try_get("line")?,
        merchant: row.try_get("merchant")?,
        payment: row.try_get("payment")?,
        reference: row.try_get("reference")?,
        expected: money(row, "expected", "expected_in")?,
        actual: money(row, "actual", "actual_in")?,
        suspense: row.try_get("suspense_number")?,
        held: money(row, "suspense", "suspense_in")?,
        stake: money(row, "stake", "stake_in")?,
        expected_on: row.try_get("expected_on")?,
        found_in: row.try_get("found_in")?,
        found_on: row.try_get("found_on")?,
        awaited_on: row.try_get("awaited_on")?,
        quiet_until: row.try_get("quiet_until")?,
        detail: row.try_get("detail")?,
        proposed: read_proposed(row)?,
    })
}

fn read_proposed(row: &Row) -> Result<Option<Proposed>, StoreError> {
    let Some(plan) = row.try_get::<_, Option<Vec<u8>>>("plan")? else {
        return Ok(None);
    };
    let approvers = ["first_approver", "second_approver"].map(|column| row.try_get::<_, Option<String>>(column));
    Ok(Some(Proposed {
        plan,
        resolution: row.try_get("proposed")?,
        reason: row.try_get("reason")?,
        by: row.try_get("proposed_by")?,
        approvers: row.try_get("approvers")?,
        finance_heads: row
            .try_get::<_, Option<Vec<String>>>("finance_heads")?
            .unwrap_or_default(),
        approved_by: approvers
            .into_iter()
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?,
    }))
}

fn read_step(row: &Row) -> Result<Step, StoreError> {
    let resolution: Option<String> = row.try_get("resolution")?;
    Ok(Step {
        what: row.try_get("what")?,
        by: row.try_get("by")?,
        at: row.try_get("at")?,
        owner: row.try_get("owner")?,
        note: row.try_get("note")?,
        evidence: row.try_get("evidence")?,
        proposal: match resolution {
            Some(resolution) => Some((resolution, row.try_get("reason")?, row.try_get("plan")?)),
            None => None,
        },
    })
}

fn read_posted(row: &Row) -> Result<Posted, StoreError> {
    Ok(Posted {
        merchant: row.try_get("merchant")?,
        number: row.try_get("number")?,
        kind: row.try_get("kind")?,
        booking_date: row.try_get("booking_date")?,
        debit: row.try_get("debit")?,
        credit: row.try_get("credit")?,
        money: Money::from_minor(row.try_get("amount")?, currency(row.try_get("currency")?)?),
    })
}

/// An amount and its currency, where there is both.
fn money(row: &Row, minor: &str, code: &str) -> Result<Option<Money>, StoreError> {
    let minor: Option<i64> = row.try_get(minor)?;
    let code: Option<&str> = row.try_get(code)?;
    minor
        .zip(code)
        .map(|(minor, code)| Ok(Money::from_minor(minor, currency(code)?)))
        .transpose()
}
