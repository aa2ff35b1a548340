//! Opening resolved breaks again: what was booked is reversed by entries that name it, and everything is as it was before.
//!
//! Here too is what manual matches need: a break is resolved by a match, and open again when the match is undone. Who matches
//! books it; nothing of it is booked here.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::cases::{self, LockedBreak};
use super::resolve::{Proposal, of_plan, proposals, withdraw};
use super::{DeskError, Said, write_step};
use crate::ids::{BookId, EntryNumber, SourceId};
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::recon::availability::TrancheDays;
use crate::store::books::LockedBooks;
use crate::store::reserve::{Tranches, put_back};
use crate::store::source::source_of_run;
use crate::store::{Store, StoreError, Tx, currency};

/// What opening breaks again came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopened {
    /// The breaks, by number.
    pub ids: Vec<i64>,
    /// How many entries were reversed.
    pub reversals: usize,
    /// Whether it is so by this request; else it was before, and nothing was done.
    pub new: bool,
}

impl Store {
    /// Shows what [`Store::reopen_breaks`] would do, and does nothing.
    pub async fn plan_reopening(&self, ids: &[i64], said: Said<'_>, day: NaiveDate) -> Result<Reopened, DeskError> {
        self.rehearse(async |tx: &mut Tx| reopen(tx, ids, said, day).await)
            .await
    }

    /// Opens resolved breaks again and reverses what was booked for them. The same request again does nothing.
    pub async fn reopen_breaks(&self, ids: &[i64], said: Said<'_>, day: NaiveDate) -> Result<Reopened, DeskError> {
        self.transact(async |tx: &mut Tx| reopen(tx, ids, said, day).await)
            .await
    }
}

/// Resolves breaks whose line and item somebody matches in this transaction, which holds their acquirers' lock and no book's;
/// what waited for approval is withdrawn. Breaks that are resolved already are an error.
pub async fn resolved_by_match(tx: &mut Tx, ids: &[i64], said: Said<'_>) -> Result<(), DeskError> {
    let locked = cases::lock_rows(tx, ids).await?;
    cases::unresolved(&locked)?;
    withdraw(tx, ids, said).await?;
    tx.query(include_str!("../../../schema/queries/breaks_match.sql"), &[&ids])
        .await?;
    Ok(write_step(tx, "resolved", ids, None, None, said).await?)
}

/// Opens breaks again whose match is undone in this transaction, which holds their acquirers' lock. Breaks that no match resolved
/// stay as they are; what a file missed that is undone itself is closed with it.
pub async fn reopened_by_undo(tx: &mut Tx, ids: &[i64], said: Said<'_>) -> Result<(), DeskError> {
    let locked = cases::lock_rows(tx, ids).await?;
    let matched: Vec<i64> = locked
        .iter()
        .filter(|row| row.resolution.as_deref() == Some("match"))
        .map(|row| row.id)
        .collect();
    open(tx, &matched).await?;
    write_step(tx, "reopened", &matched, None, None, said).await?;
    let closed = include_str!("../../../schema/queries/breaks_of_undone_files_close.sql");
    tx.execute(closed, &[&matched, &said.by]).await?;
    Ok(())
}

async fn open(tx: &mut Tx, ids: &[i64]) -> Result<(), StoreError> {
    tx.execute(include_str!("../../../schema/queries/breaks_reopen.sql"), &[&ids])
        .await
        .map(|_| ())
}

async fn reopen(tx: &mut Tx, ids: &[i64], said: Said<'_>, day: NaiveDate) -> Result<Reopened, DeskError> {
    let ids: Vec<i64> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let locked = cases::lock(tx, &ids, &[]).await?;
    if reopened_before(tx, &locked, said).await? {
        return Ok(Reopened {
            ids,
            reversals: 0,
            new: false,
        });
    }
    let undone = proposals(tx, include_str!("../../../schema/queries/break_proposals_of.sql"), &ids).await?;
    refuse(tx, &locked, &undone).await?;
    let numbers: Vec<i64> = undone.iter().map(|proposal| proposal.id).collect();
    let at = (day, source_of_day(tx, day).await?);
    let reversals = reverse(tx, &undone, said, at, Tranches::default()).await?;
    for proposal in &undone {
        if let Some(item) = &proposal.item {
            let restore = include_str!("../../../schema/queries/open_item_restore.sql");
            tx.execute(restore, &[item]).await?;
        }
    }
    open(tx, &ids).await?;
    let sql = include_str!("../../../schema/queries/break_proposals_reopen.sql");
    tx.execute(sql, &[&numbers]).await?;
    write_step(tx, "reopened", &ids, None, None, said).await?;
    Ok(Reopened {
        ids,
        reversals,
        new: true,
    })
}

/// The source of what reverses resolutions on a day.
pub(super) async fn source_of_day(tx: &mut Tx, day: NaiveDate) -> Result<SourceId, StoreError> {
    Ok(source_of_run(tx, &format!("breaks reopen {day}")).await?.id)
}

/// Whether all of them are open by this very step.
pub(super) async fn reopened_before(tx: &mut Tx, locked: &[LockedBreak], said: Said<'_>) -> Result<bool, DeskError> {
    if locked.is_empty() || locked.iter().any(|row| row.state == "resolved") {
        return Ok(false);
    }
    let ids: Vec<i64> = locked.iter().map(|row| row.id).collect();
    let last = cases::last_steps(tx, &ids).await?;
    Ok(last.len() == ids.len() && last.iter().all(|step| step.is("reopened", said)))
}

/// What cannot be opened again, or not so.
async fn refuse(tx: &mut Tx, locked: &[LockedBreak], undone: &[Proposal]) -> Result<(), DeskError> {
    let ids: Vec<i64> = locked.iter().map(|row| row.id).collect();
    for row in locked {
        let id = row.id;
        match (row.state.as_str(), row.resolution.as_deref(), row.proposal) {
            ("resolved", Some("match"), _) => return Err(DeskError::Matched(id)),
            ("resolved", Some("timing"), None) => return Err(DeskError::Reported(id)),
            ("resolved", Some(resolution), None) => {
                return Err(DeskError::Closed {
                    id,
                    resolution: resolution.to_owned(),
                });
            }
            ("resolved", ..) => {}
            _ => return Err(DeskError::NotResolved(id)),
        }
    }
    let again = include_str!("../../../schema/queries/breaks_unresolved_of_items.sql");
    if let Some(row) = tx.query(again, &[&ids]).await?.first() {
        return Err(missing_again(row)?);
    }
    let recovered = include_str!("../../../schema/queries/break_recovered_by.sql");
    for row in tx.query(recovered, &[&ids]).await? {
        let (by, id): (i64, i64) = pair(&row)?;
        if !ids.contains(&by) {
            return Err(DeskError::RecoveredBy { id, by });
        }
    }
    for proposal in undone.iter().filter(|proposal| proposal.offsets()) {
        let others: Vec<String> = of_plan(tx, &proposal.plan)
            .await?
            .iter()
            .filter(|other| other.state == "executed" && !ids.contains(&other.id_of_break))
            .map(|other| other.id_of_break.to_string())
            .collect();
        if !others.is_empty() {
            return Err(DeskError::OffsetTogether {
                id: proposal.id_of_break,
                others: others.join(", "),
            });
        }
    }
    Ok(())
}

fn missing_again(row: &Row) -> Result<DeskError, StoreError> {
    let (id, other) = pair(row)?;
    Ok(DeskError::MissingAgain { id, other })
}

fn pair(row: &Row) -> Result<(i64, i64), StoreError> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// An entry to be reversed, and its mirrored transfers.
struct Mirror {
    break_id: i64,
    proposal: i64,
    book: BookId,
    number: EntryNumber,
    transfers: Vec<Transfer>,
}

impl Mirror {
    /// Whose entry it is, among these.
    fn of<'p>(&self, proposals: &'p [Proposal]) -> Result<&'p Proposal, StoreError> {
        let own = proposals.iter().find(|proposal| proposal.id == self.proposal);
        own.ok_or_else(|| StoreError::Unreadable(format!("proposal {}", self.proposal)))
    }
}

/// Reverses the entries of proposals on a day, by entries of a source; takes back what they withheld (`tranches` with it), be it
/// released since, and says how many entries there were.
pub(super) async fn reverse(
    tx: &mut Tx,
    undone: &[Proposal],
    said: Said<'_>,
    (day, source): (NaiveDate, SourceId),
    mut tranches: Tranches,
) -> Result<usize, DeskError> {
    let numbers: Vec<i64> = undone.iter().map(|proposal| proposal.id).collect();
    let mirrors = mirrors(tx, &numbers).await?;
    if mirrors.is_empty() {
        return Ok(0);
    }
    let concerned: BTreeSet<BookId> = mirrors.iter().map(|mirror| mirror.book).collect();
    let concerned: Vec<BookId> = concerned.into_iter().collect();
    let mut books = LockedBooks::lock(tx, &concerned).await?;
    let count = mirrors.len();
    for mirror in &mirrors {
        let proposal = mirror.of(undone)?;
        if proposal.withheld > 0 {
            let (currency, days) = tranche(proposal)?;
            tranches.add((mirror.book, currency, days), proposal.withheld.saturating_neg())?;
        }
    }
    if let Some(first) = undone.first() {
        let entry = |days: &str| {
            let reference = format!("{} {days}", first.named("undo of release of resolution"));
            let print = fingerprint(&["undo of release 1", &reference]);
            Entry::of_day(EntryKind::Release, reference, print, day, source)
        };
        put_back(tx, &mut books, &tranches, entry).await?;
    }
    let mut of: BTreeSet<(i64, BookId)> = BTreeSet::new();
    for mirror in mirrors {
        let proposal = mirror.of(undone)?;
        // The second one of a book is that of a difference.
        let reference = proposal.named(if of.insert((mirror.proposal, mirror.book)) {
            "reversal of resolution"
        } else {
            "reversal of difference of resolution"
        });
        let details = serde_json::json!({ "break": mirror.break_id, "by": said.by, "note": said.note });
        let entry = Entry {
            details: Some(details.to_string()),
            reverses: Some(mirror.number),
            transfers: mirror.transfers,
            ..Entry::of_day(
                EntryKind::Reversal,
                reference.clone(),
                fingerprint(&["reversal of resolution 1", &reference]),
                day,
                source,
            )
        };
        books.append(mirror.book, entry)?;
    }
    books.write(tx).await?;
    tranches.write(tx).await?;
    Ok(count)
}

/// The tranche that what was withheld of an item went to.
fn tranche(proposal: &Proposal) -> Result<(crate::money::Currency, TrancheDays), StoreError> {
    let unreadable = || StoreError::Unreadable(format!("the item of proposal {}", proposal.id));
    let item = proposal.item.as_deref().ok_or_else(unreadable)?;
    let item: serde_json::Value = serde_json::from_str(item).map_err(|_| unreadable())?;
    let text = |field: &str| {
        item.get(field)
            .and_then(serde_json::Value::as_str)
            .ok_or_else(unreadable)
    };
    let day = |field: &str| text(field)?.parse::<NaiveDate>().map_err(|_| unreadable());
    let days = TrancheDays {
        source_on: day("occurred_on")?,
        release_on: day("reserve_until")?,
    };
    Ok((currency(text("currency")?)?, days))
}

async fn mirrors(tx: &mut Tx, proposals: &[i64]) -> Result<Vec<Mirror>, StoreError> {
    let sql = include_str!("../../../schema/queries/break_entries.sql");
    let rows = tx.query(sql, &[&proposals]).await?;
    let mut mirrors: Vec<Mirror> = Vec::new();
    for row in &rows {
        let (book, number) = (BookId(row.try_get("book_id")?), EntryNumber(row.try_get("number")?));
        let transfer = Transfer {
            debit: account(row, "credit_code", "credit_dimension")?,
            credit: account(row, "debit_code", "debit_dimension")?,
            amount: row.try_get("amount")?,
        };
        match mirrors.last_mut() {
            Some(last) if (last.book, last.number) == (book, number) => last.transfers.push(transfer),
            _ => mirrors.push(Mirror {
                break_id: row.try_get("break_id")?,
                proposal: row.try_get("proposal_id")?,
                book,
                number,
                transfers: vec![transfer],
            }),
        }
    }
    Ok(mirrors)
}

pub(super) fn account(row: &Row, code: &str, dimension: &str) -> Result<Account, StoreError> {
    let number: i16 = row.try_get(code)?;
    let code = AccountCode::from_number(number);
    Ok(Account {
        code: code.ok_or_else(|| StoreError::Unreadable(format!("account code {number}")))?,
        currency: currency(row.try_get("currency")?)?,
        dimension: Arc::from(row.try_get::<_, &str>(dimension)?),
    })
}
