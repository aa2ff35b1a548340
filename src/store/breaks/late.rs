//! Lines in suspense of which the items were recorded since: a capture whose event came after its file.
//!
//! Before a file of the acquirer is reconciled, its lines that are in suspense and that nobody works on are looked through. One
//! that is by the acquirer's reference, or the ARN, exactly one open item, to the minor unit, is matched as people would match it
//! (`by_hand`), in a transaction of its own; the break of the line and that of the missing item are resolved with it. What people
//! would have to judge, another amount or two that fit, is left to them, and so is a line of which somebody has undone a match.
//!
//! Where the file is undone, these matches are undone before it (`undo_late`): nobody has worked on them.

use chrono::NaiveDate;

use super::by_hand::{ItemKey, take_apart};
use super::cases;
use super::receipt::{Given, Rule};
use super::resolve::resolve_as;
use super::{DeskError, Filter, Request, Said};
use crate::ids::{AcquirerId, BookId, EntryNumber, SYSTEM, SourceId};
use crate::recon::desk::Reason;
use crate::store::settings::Deployment;
use crate::store::{Store, StoreError, Tx};

/// How many are matched before one file, each on its own: where a whole file came before its events it is to be undone, and
/// reconciled again.
const LIMIT: i64 = 2_000;

/// A line's break, the item that it is, and the day on which both are known.
struct Late {
    id: i64,
    item: ItemKey,
    day: NaiveDate,
}

impl Store {
    /// Matches lines of an acquirer in suspense with items that were recorded since, and says how many; nothing when done again.
    pub(in crate::store) async fn match_late(
        &self,
        deployment: &Deployment,
        acquirer: AcquirerId,
    ) -> Result<usize, StoreError> {
        let found = self.rehearse(async |tx: &mut Tx| late(tx, acquirer).await).await?;
        let mut count = 0_usize;
        for late in found {
            let matched: Result<_, DeskError> = self
                .transact(async |tx: &mut Tx| late.resolve(tx, deployment).await)
                .await;
            count = count.saturating_add(usize::from(is_matched(matched)?));
        }
        Ok(count)
    }

    /// The items that the same would match now; nothing is done. Each is tried in a transaction of its own, as it would be matched:
    /// together they would lock books out of order, and for long.
    pub(in crate::store) async fn plan_late(
        &self,
        deployment: &Deployment,
        acquirer: AcquirerId,
    ) -> Result<Vec<ItemKey>, StoreError> {
        let found = self.rehearse(async |tx: &mut Tx| late(tx, acquirer).await).await?;
        let mut items = Vec::with_capacity(found.len());
        for late in found {
            let matched: Result<_, DeskError> = self
                .rehearse(async |tx: &mut Tx| late.resolve(tx, deployment).await)
                .await;
            if is_matched(matched)? {
                items.push(late.item);
            }
        }
        Ok(items)
    }
}

/// Whether lines of a file were matched late.
pub(in crate::store) async fn has_late(tx: &mut Tx, source: SourceId) -> Result<bool, StoreError> {
    let sql = include_str!("../../../schema/queries/matches_late.sql");
    Ok(!tx.query(sql, &[&source.0, &SYSTEM]).await?.is_empty())
}

/// Undoes what was matched late of a file, by entries of a source on a day, or on the day of the match where that is later. The
/// acquirer is locked, and the books of the file.
pub(in crate::store) async fn undo_late(
    tx: &mut Tx,
    file: SourceId,
    said: Said<'_>,
    (day, source): (NaiveDate, SourceId),
) -> Result<(), DeskError> {
    let sql = include_str!("../../../schema/queries/matches_late.sql");
    for row in &tx.query(sql, &[&file.0, &SYSTEM]).await? {
        let read = || -> Result<(i64, i64, NaiveDate), StoreError> {
            Ok((row.try_get("break_id")?, row.try_get("id")?, row.try_get("day")?))
        };
        let (break_id, proposal, matched_on) = read()?;
        cases::lock_rows(tx, &[break_id]).await?;
        take_apart(tx, (break_id, proposal), said, (day.max(matched_on), source)).await?;
    }
    Ok(())
}

/// Whether it is; where somebody was first, or the day is closed, it stays with people.
fn is_matched(matched: Result<(), DeskError>) -> Result<bool, StoreError> {
    match matched {
        Ok(()) => Ok(true),
        Err(DeskError::Store(error)) => Err(error),
        Err(_) => Ok(false),
    }
}

impl Late {
    async fn resolve(&self, tx: &mut Tx, deployment: &Deployment) -> Result<(), DeskError> {
        let request = Request {
            breaks: Filter::of(&[self.id]),
            reason: Reason::MatchedByHand,
            items: &[self.item],
            merchant: None,
            recovers: None,
            quiet_until: None,
            said: Said {
                by: SYSTEM,
                note: Some("recorded after its file"),
                evidence: None,
            },
            day: self.day,
            plan: None,
        };
        let by_rule = Given {
            batches: Vec::new(),
            by_rule: Some(Rule {
                settled: 0,
                differs: None,
            }),
        };
        resolve_as(tx, deployment, &request, &by_rule).await.map(drop)
    }
}

async fn late(tx: &mut Tx, acquirer: AcquirerId) -> Result<Vec<Late>, StoreError> {
    let waiting = include_str!("../../../schema/queries/lines_waiting.sql");
    if tx.query(waiting, &[&acquirer.0]).await?.is_empty() {
        return Ok(Vec::new());
    }
    let sql = include_str!("../../../schema/queries/lines_late.sql");
    let rows = tx.query(sql, &[&acquirer.0, &LIMIT]).await?;
    rows.iter()
        .map(|row| {
            Ok(Late {
                id: row.try_get("id")?,
                item: (BookId(row.try_get("book_id")?), EntryNumber(row.try_get("number")?)),
                day: row.try_get("day")?,
            })
        })
        .collect()
}
