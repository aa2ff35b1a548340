//! Matching by hand: the line of a break is matched with open items that people name, or such a match is undone.
//!
//! A match is proposed, approved and booked like any other resolution of a break (`resolve`), by the same locks, digests and
//! steps. What is its own: the money leaves suspense whole, by the mirror image of the entry that put it there, and the items are
//! booked in their book as a reconciliation would have booked them; `settlement_match` has it as pass 7; the breaks of items that
//! were missing are resolved with it, and how both sides differ is a break of its own. There are two entries for a match, one in
//! the house's book and one in the merchant's, so that undoing it reverses exactly its own part.
//!
//! Two people who match one item meet at its book's lock: items are read after it, so the second finds it open no more. No
//! reconciliation runs meanwhile, since the acquirer's row is shared before.
//!
//! Only matches by hand are undone here. What a file matched is booked by one entry for each batch and book, with the reserve
//! that the sum of it asked for: no part of it is a line's alone, and an entry is reversed once and whole. It goes with its file
//! (`reconcile undo`).

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::reopen::{reopened_before, reverse, source_of_day};
use super::resolve::{Proposal, Resolved, Terms, proposals, withdraw};
use super::{DeskError, Filter, Request, Said, cases, reopened_by_undo, resolved_by_match, write_step};
use crate::ids::{AcquirerId, BookId, EntryNumber, SourceId};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::Transfer;
use crate::money::Money;
use crate::payment::lifecycle::receivable;
use crate::recon::booking::{Counterparty, Item, Leg, Line};
use crate::recon::by_hand::{self, Matched};
use crate::recon::conversion::converted;
use crate::recon::desk::{Booked, Reason};
use crate::recon::group::{costs_differ, priced_by};
use crate::recon::matching::{Pass, RULES};
use crate::settings::Settings;
use crate::store::reconcile::line::{self, ItemName, KnownLine, LineError, LineName, OpenItem};
use crate::store::reconcile::{BreakRow, costs, differences, misconversion, read_line, write_breaks};
use crate::store::reserve::{FixedReserves, Tranches};
use crate::store::settings::Deployment;
use crate::store::{Retriable, Store, StoreError, Tx, currency};

/// An entry that reports an item: a book and a number.
pub type ItemKey = (BookId, EntryNumber);

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Confirmation<'a> {
    /// The line.
    pub line: &'a LineName,
    /// The items, by the references of their entries, or `MERCHANT:REFERENCE`.
    pub items: &'a [String],
    /// Who, why in words, and the digest of what shows it.
    pub said: Said<'a>,
    /// The booking date.
    pub day: NaiveDate,
}

/// What undoing a match came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The line, named.
    pub line: LineName,
    /// Its break, which is open again.
    pub break_id: i64,
    /// The items that are open again.
    pub items: Vec<ItemName>,
    /// How many entries were reversed.
    pub reversals: usize,
    /// Whether it is so by this request; else it was before, and nothing was done.
    pub new: bool,
}

/// Why nothing was matched, or undone.
#[derive(Debug, thiserror::Error)]
pub enum MatchError {
    /// Of the desk.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// Of the line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// It holds nothing in suspense.
    #[error("{0} has no money in suspense: {1}")]
    NotSuspended(LineName, String),
    /// No entry has this name.
    #[error("no entry has the reference {0}")]
    UnknownItem(String),
    /// Several have.
    #[error("several merchants have an entry {name}: {found}")]
    SeveralItems {
        /// The name.
        name: String,
        /// How each is named.
        found: String,
    },
    /// Nobody matched it by hand.
    #[error("{0} is not matched by hand: {1}")]
    NotByHand(LineName, String),
    /// What the match left was worked on.
    #[error("the match left break {id} ({class}), which was resolved since, as {resolution}")]
    Worked {
        /// Which.
        id: i64,
        /// Its class.
        class: String,
        /// As what.
        resolution: String,
    },
}

impl Retriable for MatchError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Desk(error) => error.is_retriable(),
            Self::Line(error) => error.is_retriable(),
            Self::NotSuspended(..)
            | Self::UnknownItem(_)
            | Self::SeveralItems { .. }
            | Self::NotByHand(..)
            | Self::Worked { .. } => false,
        }
    }
}

impl From<StoreError> for MatchError {
    fn from(error: StoreError) -> Self {
        Self::Desk(error.into())
    }
}

impl From<tokio_postgres::Error> for MatchError {
    fn from(error: tokio_postgres::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl Store {
    /// Shows what [`Store::confirm_match`] would do, and does nothing.
    pub async fn plan_match(&self, deployment: &Deployment, asked: &Confirmation<'_>) -> Result<Resolved, MatchError> {
        self.rehearse(async |tx: &mut Tx| confirm(tx, deployment, asked).await)
            .await
    }

    /// Matches a line in suspense with open items, or proposes to where somebody else has to approve it. The same request again
    /// does nothing.
    pub async fn confirm_match(
        &self,
        deployment: &Deployment,
        asked: &Confirmation<'_>,
    ) -> Result<Resolved, MatchError> {
        self.transact(async |tx: &mut Tx| confirm(tx, deployment, asked).await)
            .await
    }

    /// Shows what [`Store::undo_match`] would do, and does nothing.
    pub async fn plan_match_undo(
        &self,
        name: &LineName,
        said: Said<'_>,
        day: NaiveDate,
    ) -> Result<Unmatched, MatchError> {
        self.rehearse(async |tx: &mut Tx| undo(tx, name, said, day).await).await
    }

    /// Undoes a match by hand: its entries are reversed, its items are open again as they were, its break too. Undoing it again
    /// does nothing.
    pub async fn undo_match(&self, name: &LineName, said: Said<'_>, day: NaiveDate) -> Result<Unmatched, MatchError> {
        self.transact(async |tx: &mut Tx| undo(tx, name, said, day).await).await
    }
}

async fn confirm(tx: &mut Tx, deployment: &Deployment, asked: &Confirmation<'_>) -> Result<Resolved, MatchError> {
    let line = line::find(tx, asked.line).await?;
    let suspended = suspended(tx, &line).await?;
    let Some(found) = suspended.first() else {
        let why = why_not_suspended(tx, &line).await?;
        return Err(MatchError::NotSuspended(line.name(), why));
    };
    let items = named(tx, line.file.acquirer_id, asked.items).await?;
    let request = Request {
        breaks: Filter::of(&[found.id]),
        reason: Reason::MatchedByHand,
        items: &items,
        merchant: None,
        recovers: None,
        quiet_until: None,
        said: asked.said,
        day: asked.day,
        plan: None,
    };
    Ok(super::resolve::resolve(tx, deployment, &request).await?)
}

/// A break that held, or holds, a line's money.
struct Suspended {
    id: i64,
    state: String,
    proposal: Option<i64>,
}

async fn suspended(tx: &mut Tx, line: &KnownLine) -> Result<Vec<Suspended>, StoreError> {
    let sql = include_str!("../../../schema/queries/line_suspended.sql");
    let rows = tx
        .query(sql, &[&line.file.source.0, &line.reported.line.ordinal])
        .await?;
    rows.iter()
        .map(|row| {
            let resolution: Option<&str> = row.try_get("resolution")?;
            Ok(Suspended {
                id: row.try_get("id")?,
                state: row.try_get("state")?,
                proposal: row
                    .try_get::<_, Option<i64>>("proposal_id")?
                    .filter(|_| resolution == Some(Reason::MatchedByHand.resolution().name())),
            })
        })
        .collect()
}

async fn why_not_suspended(tx: &mut Tx, line: &KnownLine) -> Result<String, StoreError> {
    let matched = line::matches(tx, line).await?;
    Ok(match matched.iter().find(|matched| matched.stands) {
        Some(matched) => format!("it is matched with {} by pass {}", matched.name, matched.pass.number()),
        None if line.file.state != "booked" => format!("its file is {}", line.file.state),
        None => format!("a {} settles no item", line.reported.line.record.name()),
    })
}

/// The entries of these names: the one that is open, where several have one.
async fn named(tx: &mut Tx, acquirer: AcquirerId, names: &[String]) -> Result<Vec<ItemKey>, MatchError> {
    let sql = include_str!("../../../schema/queries/items_named.sql");
    let rows = tx.query(sql, &[&acquirer.0, &names]).await?;
    let mut keys: BTreeSet<ItemKey> = BTreeSet::new();
    for name in names {
        let mut found: Vec<(ItemKey, bool)> = Vec::new();
        for row in &rows {
            if row.try_get::<_, &str>("name")? == name {
                found.push((key(row)?, row.try_get("is_open")?));
            }
        }
        let open: Vec<ItemKey> = found.iter().filter(|(_, open)| *open).map(|(key, _)| *key).collect();
        match (&open[..], &found[..]) {
            ([one], _) | ([], [(one, _)]) => drop(keys.insert(*one)),
            ([], []) => return Err(MatchError::UnknownItem(name.clone())),
            (several, _) => {
                let found = open_items(tx, Some(acquirer), several).await?;
                let found: Vec<String> = found.iter().map(|item| item.name.to_string()).collect();
                let name = name.clone();
                let found = found.join(", ");
                return Err(MatchError::SeveralItems { name, found });
            }
        }
    }
    Ok(keys.into_iter().collect())
}

fn key(row: &Row) -> Result<ItemKey, StoreError> {
    Ok((BookId(row.try_get("book_id")?), EntryNumber(row.try_get("number")?)))
}

/// Keys as the database takes them.
fn columns(keys: &[ItemKey]) -> (Vec<i64>, Vec<i64>) {
    keys.iter().map(|(book, number)| (book.0, number.0)).unzip()
}

/// The open ones of these items, by key; where an acquirer is named, those that it is to report.
async fn open_items(tx: &mut Tx, acquirer: Option<AcquirerId>, keys: &[ItemKey]) -> Result<Vec<OpenItem>, StoreError> {
    let (books, numbers) = columns(keys);
    let sql = include_str!("../../../schema/queries/open_items_of.sql");
    let rows = tx.query(sql, &[&books, &numbers, &acquirer.map(|id| id.0)]).await?;
    rows.iter().map(line::read_item).collect()
}

/// The breaks of items that are missing, which a match resolves with that of its line.
pub(super) async fn missing(tx: &mut Tx, keys: &[ItemKey]) -> Result<Vec<i64>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (books, numbers) = columns(keys);
    let sql = include_str!("../../../schema/queries/breaks_missing_of.sql");
    let rows = tx.query(sql, &[&books, &numbers]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Which items a proposal matches.
pub(super) async fn items_of(tx: &mut Tx, proposal: i64) -> Result<Vec<ItemKey>, StoreError> {
    let sql = include_str!("../../../schema/queries/break_matches_of.sql");
    tx.query(sql, &[&proposal]).await?.iter().map(key).collect()
}

/// Keeps which items a proposal matches.
pub(super) async fn keep_items(tx: &mut Tx, proposal: i64, keys: &[ItemKey]) -> Result<(), StoreError> {
    let (books, numbers) = columns(keys);
    let sql = include_str!("../../../schema/queries/break_matches_insert.sql");
    tx.execute(sql, &[&proposal, &books, &numbers]).await.map(|_| ())
}

/// A match that is worked out, and not written.
pub(super) struct Matching {
    acquirer: AcquirerId,
    name: String,
    batch: Arc<str>,
    settings: Arc<Settings>,
    day: NaiveDate,
    source: SourceId,
    line: Line,
    matched: Matched,
    missing: Vec<i64>,
}

/// What a match books: the line's money leaves suspense, and the items are settled. Their books are locked.
pub(super) async fn work_out(
    tx: &mut Tx,
    deployment: &Deployment,
    id: i64,
    terms: &Terms,
    day: NaiveDate,
) -> Result<(Matching, Booked), DeskError> {
    let sql = include_str!("../../../schema/queries/break_line_of.sql");
    let rows = tx.query(sql, &[&id]).await?;
    let row = rows.first().ok_or(DeskError::NoLine(id))?;
    let line = read_line(row)?;
    let name: &str = row.try_get("acquirer").map_err(StoreError::from)?;
    let as_of: NaiveDate = row.try_get("as_of").map_err(StoreError::from)?;
    if day < as_of {
        return Err(DeskError::Before { day, as_of });
    }
    // As a reconciliation would have booked it: by the settings of the file's day.
    let settings = deployment.in_force(as_of).ok_or(DeskError::NoSettings(as_of))?;
    let acquirer = settings
        .acquirers
        .get(name)
        .ok_or_else(|| StoreError::Unreadable(format!("acquirer {name} in the settings of {as_of}")))?;
    let with = Counterparty {
        acquirer,
        receivable: receivable(acquirer.kind),
    };
    let acquirer_id = AcquirerId(row.try_get("acquirer_id").map_err(StoreError::from)?);
    let open = open_items(tx, Some(acquirer_id), &terms.items).await?;
    if open.len() != terms.items.len() {
        return Err(DeskError::NotOpen(terms.items.len().saturating_sub(open.len())));
    }
    let items: Vec<_> = open
        .iter()
        .map(|open| (open.candidate.record, open.candidate.item.clone()))
        .collect();
    let refused = |refusal| DeskError::NotMatched { id, refusal };
    let matched = by_hand::matched(&line, &items, with).map_err(refused)?;
    let suspense: i64 = row.try_get("suspense_number").map_err(StoreError::from)?;
    let mut house = mirrored(tx, BookId::HOUSE, EntryNumber(suspense)).await?;
    let legs = matched.legs()?;
    let entries = if matched.book == BookId::HOUSE {
        house.extend(legs);
        vec![(BookId::HOUSE, house)]
    } else {
        vec![(BookId::HOUSE, house), (matched.book, legs)]
    };
    let stake = line
        .gross
        .minor()
        .checked_abs()
        .ok_or(crate::money::AmountError::TooLarge)?;
    let booked = Booked {
        entries,
        stake: Some(Money::from_minor(stake, line.gross.currency())),
        ..Booked::default()
    };
    let matching = Matching {
        acquirer: acquirer_id,
        name: name.to_owned(),
        batch: row.try_get::<_, &str>("batch").map_err(StoreError::from)?.into(),
        settings: settings.clone(),
        day,
        source: SourceId(row.try_get("source_id").map_err(StoreError::from)?),
        missing: missing(tx, &terms.items).await?,
        line,
        matched,
    };
    Ok((matching, booked))
}

/// What an entry moved, the other way round.
async fn mirrored(tx: &mut Tx, book: BookId, number: EntryNumber) -> Result<Vec<(Leg, i64)>, StoreError> {
    let sql = include_str!("../../../schema/queries/entry_stated.sql");
    let rows = tx.query(sql, &[&book.0, &number.0]).await?;
    let code = |row: &Row, side: &str| -> Result<AccountCode, StoreError> {
        let code: i16 = row.try_get(side)?;
        AccountCode::from_number(code).ok_or_else(|| StoreError::Unreadable(format!("account code {code}")))
    };
    rows.iter()
        .map(|row| {
            let leg = Leg {
                debit: code(row, "credit_code")?,
                credit: code(row, "debit_code")?,
                currency: currency(row.try_get("debit_currency")?)?,
            };
            Ok((leg, row.try_get("amount")?))
        })
        .collect()
}

impl Matching {
    /// The book of its items.
    pub(super) fn book(&self) -> BookId {
        self.matched.book
    }

    /// What it withholds, and what fixed reserves take of the money that it makes available.
    pub(super) fn reserve(
        &self,
        transfers: &mut Vec<Transfer>,
        fixed: &mut FixedReserves,
        tranches: &mut Tranches,
    ) -> Result<(), StoreError> {
        for part in &self.matched.parts {
            if let Some(days) = part.item.tranche() {
                let key = (part.item.book, part.item.gross.currency(), days);
                tranches.add(key, part.settled.withheld)?;
            }
        }
        fixed.top_up(self.matched.book, transfers, tranches)
    }

    /// Writes the match down: its items are open no more, how both sides differ is a break, and what was missing is found.
    pub(super) async fn write(
        &self,
        tx: &mut Tx,
        proposal: i64,
        tranches: &Tranches,
        said: Said<'_>,
    ) -> Result<(), DeskError> {
        let parts = &self.matched.parts;
        let keys: Vec<ItemKey> = parts.iter().map(|part| (part.item.book, part.item.number)).collect();
        let (books, numbers) = columns(&keys);
        let gross: Vec<i64> = parts.iter().map(|part| part.line.gross.minor()).collect();
        let passed_on = |vat: bool| -> Vec<Option<i64>> {
            let of = |passed: crate::recon::booking::PassedOn| if vat { passed.vat } else { passed.amount };
            parts.iter().map(|part| part.settled.passed_on.map(of)).collect()
        };
        let sql = include_str!("../../../schema/queries/match_by_hand.sql");
        let written = tx
            .execute(
                sql,
                &[
                    &proposal,
                    &self.source.0,
                    &self.line.ordinal,
                    &Pass::ByHand.number(),
                    &RULES,
                    &books,
                    &numbers,
                    &gross,
                    &passed_on(false),
                    &passed_on(true),
                ],
            )
            .await?;
        if usize::try_from(written) != Ok(parts.len()) {
            return Err(DeskError::NotOpen(parts.len()));
        }
        let mut differ: Vec<BreakRow> = Vec::new();
        let items: Vec<Item> = parts.iter().map(|part| part.item.clone()).collect();
        if let (Some(first), Some(item)) = (parts.first(), priced_by(&items)) {
            let amount = first.settled.amount.filter(|_| parts.len() == 1);
            let fee = costs_differ(&self.line, parts.iter().map(|part| (&part.item, &part.settled)))?;
            let kept = first.settled.kept_pending;
            differ.extend(differences(&self.line, item, amount, fee, kept));
        }
        if let (Some(acquirer), Some(item)) = (self.settings.acquirers.get(&*self.name), priced_by(&items)) {
            let by_hand = costs::ByHand {
                acquirer: (self.acquirer, acquirer),
                source: self.source,
                batch: &self.batch,
                matched: (&self.line, item),
                proposal,
                day: self.day,
            };
            differ.extend(costs::check_by_hand(tx, &by_hand).await?);
            let converted = converted(&self.line, acquirer);
            let converted = converted.map_err(|_| StoreError::TooLarge("the conversion of a line".to_owned()))?;
            let off = converted.filter(|converted| converted.is_off);
            differ.extend(off.map(|off| misconversion(&self.line, item, off)));
        }
        write_breaks(tx, self.acquirer, self.source, differ).await?;
        keep_tranches(tx, proposal, tranches).await?;
        resolved_by_match(tx, &self.missing, said).await
    }
}

async fn keep_tranches(tx: &mut Tx, proposal: i64, tranches: &Tranches) -> Result<(), StoreError> {
    let columns = tranches.columns();
    if columns.is_empty() {
        return Ok(());
    }
    let [books, currencies, sources, releases, amounts] = columns.parameters();
    let sql = include_str!("../../../schema/queries/break_reserves_insert.sql");
    tx.execute(sql, &[&proposal, books, currencies, sources, releases, amounts])
        .await
        .map(|_| ())
}

/// What a match put into tranches, to be taken back.
async fn taken_back(tx: &mut Tx, proposal: i64) -> Result<Tranches, StoreError> {
    let sql = include_str!("../../../schema/queries/break_reserves_of.sql");
    let mut tranches = Tranches::default();
    tranches.take_back(&tx.query(sql, &[&proposal]).await?)?;
    Ok(tranches)
}

/// A break that a match left or resolved.
struct Dependent {
    id: i64,
    class: String,
    state: String,
    resolution: Option<String>,
}

impl Dependent {
    fn was_missing(&self) -> bool {
        self.class == crate::recon::breaks::BreakClass::MissingInFile.name()
    }
}

async fn dependents(tx: &mut Tx, proposal: i64) -> Result<Vec<Dependent>, StoreError> {
    let sql = include_str!("../../../schema/queries/match_dependents.sql");
    tx.query(sql, &[&proposal])
        .await?
        .iter()
        .map(|row| {
            Ok(Dependent {
                id: row.try_get("id")?,
                class: row.try_get("class")?,
                state: row.try_get("state")?,
                resolution: row.try_get("resolution")?,
            })
        })
        .collect()
}

async fn undo(tx: &mut Tx, name: &LineName, said: Said<'_>, day: NaiveDate) -> Result<Unmatched, MatchError> {
    let line = line::find(tx, name).await?;
    let found = suspended(tx, &line).await?;
    let mut ids: Vec<i64> = found.iter().map(|found| found.id).collect();
    for proposal in found.iter().filter_map(|found| found.proposal) {
        ids.extend(dependents(tx, proposal).await?.iter().map(|dependent| dependent.id));
    }
    let locked = cases::lock(tx, &ids, &[]).await?;
    // Again, now that nobody else undoes it.
    let found = suspended(tx, &line).await?;
    let by_hand = found.iter().find_map(|found| Some((found.id, found.proposal?)));
    let Some((break_id, proposal)) = by_hand else {
        let of_line: Vec<_> = locked
            .into_iter()
            .filter(|row| {
                found
                    .iter()
                    .any(|found| found.id == row.id && found.state != "resolved")
            })
            .collect();
        return match of_line.first() {
            Some(first) if reopened_before(tx, &of_line, said).await? => Ok(Unmatched {
                line: line.name(),
                break_id: first.id,
                items: Vec::new(),
                reversals: 0,
                new: false,
            }),
            _ => Err(MatchError::NotByHand(line.name(), why_not_by_hand(tx, &line).await?)),
        };
    };
    let dependents = dependents(tx, proposal).await?;
    if let Some(worked) = dependents
        .iter()
        .find(|one| !one.was_missing() && one.state == "resolved")
    {
        return Err(MatchError::Worked {
            id: worked.id,
            class: worked.class.clone(),
            resolution: worked.resolution.clone().unwrap_or_default(),
        });
    }
    let at = (day, source_of_day(tx, day).await?);
    let (items, reversals) = take_apart(tx, (break_id, proposal), said, at).await?;
    Ok(Unmatched {
        line: line.name(),
        break_id,
        items,
        reversals,
        new: true,
    })
}

/// Undoes a match: reverses its entries, gives its items back, and opens its breaks again; says which items, and how many entries.
/// Their acquirer and breaks are locked, and nobody has worked on what the match left.
pub(super) async fn take_apart(
    tx: &mut Tx,
    (break_id, proposal): (i64, i64),
    said: Said<'_>,
    at: (NaiveDate, SourceId),
) -> Result<(Vec<ItemName>, usize), DeskError> {
    let dependents = dependents(tx, proposal).await?;
    let (differ, missing): (Vec<Dependent>, Vec<Dependent>) =
        dependents.into_iter().partition(|one| !one.was_missing());
    let undone = proposals(
        tx,
        include_str!("../../../schema/queries/break_proposals_of.sql"),
        &[break_id],
    )
    .await?;
    let undone: Vec<Proposal> = undone.into_iter().filter(|one| one.id == proposal).collect();
    let tranches = taken_back(tx, proposal).await?;
    let reversals = reverse(tx, &undone, said, at, tranches).await?;
    let items = give_back(tx, proposal).await?;
    let sql = include_str!("../../../schema/queries/break_proposals_reopen.sql");
    tx.execute(sql, &[&vec![proposal]]).await?;
    let again: Vec<i64> = std::iter::once(break_id)
        .chain(missing.iter().map(|one| one.id))
        .collect();
    reopened_by_undo(tx, &again, said).await?;
    close(tx, &differ, said).await?;
    Ok((items, reversals))
}

/// The breaks of a difference go with the match that left them.
async fn close(tx: &mut Tx, differ: &[Dependent], said: Said<'_>) -> Result<(), StoreError> {
    let ids: Vec<i64> = differ.iter().map(|one| one.id).collect();
    withdraw(tx, &ids, said).await?;
    tx.execute(include_str!("../../../schema/queries/breaks_undo.sql"), &[&ids])
        .await?;
    let told = Said {
        note: Some("its match is undone"),
        evidence: None,
        ..said
    };
    write_step(tx, "resolved", &ids, None, None, told).await
}

/// Opens the items of a match again as they were, and says which.
async fn give_back(tx: &mut Tx, proposal: i64) -> Result<Vec<ItemName>, StoreError> {
    let sql = include_str!("../../../schema/queries/break_matches_of.sql");
    let rows = tx.query(sql, &[&proposal]).await?;
    let mut keys = Vec::new();
    for row in &rows {
        let item: Option<&str> = row.try_get("item")?;
        let item = item.ok_or_else(|| StoreError::Unreadable(format!("an item of proposal {proposal}")))?;
        tx.execute(include_str!("../../../schema/queries/open_item_restore.sql"), &[&item])
            .await?;
        keys.push(key(row)?);
    }
    let open = open_items(tx, None, &keys).await?;
    Ok(open.into_iter().map(|item| item.name).collect())
}

async fn why_not_by_hand(tx: &mut Tx, line: &KnownLine) -> Result<String, StoreError> {
    let matched = line::matches(tx, line).await?;
    Ok(match matched.iter().find(|matched| matched.stands) {
        Some(matched) => format!(
            "its file matched it with {} by pass {}, which is undone with the file",
            matched.name,
            matched.pass.number()
        ),
        None => "nothing is".to_owned(),
    })
}
