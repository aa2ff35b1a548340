//! Breaks under lock, with their money.

use std::collections::BTreeSet;

use tokio_postgres::Row;

use super::{DeskError, LIMIT, Said};
use crate::ids::{AcquirerId, BookId, BreakId, EntryNumber};
use crate::ledger::account::AccountCode;
use crate::money::Money;
use crate::payment::lifecycle::receivable;
use crate::recon::availability::TrancheDays;
use crate::recon::breaks::BreakClass;
use crate::recon::desk::{Case, Held, MissingItem};
use crate::settings::Settings;
use crate::store::acquirers;
use crate::store::reconcile::record_type;
use crate::store::{StoreError, Tx, currency};

/// A break whose row is locked.
pub(super) struct LockedBreak {
    pub(super) id: i64,
    pub(super) state: String,
    pub(super) resolution: Option<String>,
    pub(super) proposal: Option<i64>,
}

/// The last step of a break.
pub(super) struct LastStep {
    pub(super) id: i64,
    what: String,
    by: String,
    note: Option<String>,
}

impl LastStep {
    /// Whether it is this step.
    pub(super) fn is(&self, what: &str, said: Said<'_>) -> bool {
        self.what == what && self.by == said.by && self.note.as_deref() == said.note
    }
}

/// A break and what concerns the store alone.
pub(super) struct CaseRow {
    pub(super) case: Case,
    /// The book of its item, where it has one.
    pub(super) book: Option<BookId>,
    /// The entry of its item.
    pub(super) number: Option<EntryNumber>,
}

impl CaseRow {
    /// The book that holds its money.
    pub(super) fn holder(&self) -> Option<BookId> {
        match &self.case.held {
            Held::Nowhere(_) => None,
            Held::Suspense { book, .. } | Held::Item(book, _) => Some(*book),
        }
    }

    /// The currency of its money.
    pub(super) fn money(&self) -> Option<Money> {
        match &self.case.held {
            Held::Nowhere(difference) => *difference,
            Held::Suspense { money, .. } => Some(*money),
            Held::Item(_, item) => Some(item.gross),
        }
    }
}

/// Keeps reconciliations away from breaks and locks them, `also` with them.
pub(super) async fn lock(tx: &mut Tx, ids: &[i64], also: &[i64]) -> Result<Vec<LockedBreak>, DeskError> {
    let all: BTreeSet<i64> = ids.iter().chain(also).copied().collect();
    let all: Vec<i64> = all.into_iter().collect();
    let rows = tx
        .query(include_str!("../../../schema/queries/breaks_acquirers.sql"), &[&all])
        .await?;
    let concerned = rows
        .iter()
        .map(|row| row.try_get(0).map(AcquirerId))
        .collect::<Result<Vec<_>, _>>()
        .map_err(StoreError::from)?;
    acquirers::share(tx, Some(&concerned)).await?;
    lock_rows(tx, &all).await
}

/// Locks breaks by number; all of them are there.
pub(super) async fn lock_rows(tx: &mut Tx, ids: &[i64]) -> Result<Vec<LockedBreak>, DeskError> {
    if ids.len() > LIMIT {
        return Err(DeskError::TooMany(LIMIT));
    }
    let rows = tx
        .query(include_str!("../../../schema/queries/breaks_lock.sql"), &[&ids])
        .await?;
    let locked = rows
        .iter()
        .map(|row| {
            Ok(LockedBreak {
                id: row.try_get("id")?,
                state: row.try_get("state")?,
                resolution: row.try_get("resolution")?,
                proposal: row.try_get("proposal_id")?,
            })
        })
        .collect::<Result<Vec<_>, tokio_postgres::Error>>()
        .map_err(StoreError::from)?;
    let known: BTreeSet<i64> = locked.iter().map(|row| row.id).collect();
    match ids.iter().find(|id| !known.contains(id)) {
        Some(unknown) => Err(DeskError::Unknown(*unknown)),
        None => Ok(locked),
    }
}

/// That none of them is resolved.
pub(super) fn unresolved(locked: &[LockedBreak]) -> Result<(), DeskError> {
    match locked.iter().find(|row| row.state == "resolved") {
        Some(row) => Err(DeskError::Resolved {
            id: row.id,
            resolution: row.resolution.clone().unwrap_or_default(),
        }),
        None => Ok(()),
    }
}

/// The last step of each.
pub(super) async fn last_steps(tx: &mut Tx, ids: &[i64]) -> Result<Vec<LastStep>, StoreError> {
    let rows = tx
        .query(include_str!("../../../schema/queries/break_last_step.sql"), &[&ids])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(LastStep {
                id: row.try_get("break_id")?,
                what: row.try_get("what")?,
                by: row.try_get("by")?,
                note: row.try_get("note")?,
            })
        })
        .collect()
}

/// Reads breaks with their money, by number.
pub(super) async fn load(tx: &mut Tx, settings: &Settings, ids: &[i64]) -> Result<Vec<CaseRow>, StoreError> {
    let rows = tx
        .query(include_str!("../../../schema/queries/break_cases.sql"), &[&ids])
        .await?;
    rows.iter().map(|row| read(settings, row)).collect()
}

fn read(settings: &Settings, row: &Row) -> Result<CaseRow, StoreError> {
    let acquirer: String = row.try_get("acquirer")?;
    let held = if let Some(record) = row.try_get::<_, Option<i16>>("record_type")? {
        let kind = settings.acquirers.get(&acquirer).map(|acquirer| acquirer.kind);
        let receivable = receivable(kind.unwrap_or_default());
        let item = missing(row, record, receivable)?;
        Held::Item(BookId(row.try_get("book_id")?), Box::new(item))
    } else if let Some(money) = super::money(row, "suspense", "suspense_in")?.filter(|money| money.minor() != 0) {
        Held::Suspense {
            book: BookId(row.try_get("suspense_book")?),
            money,
            kept_pending: row.try_get::<_, Option<i64>>("kept_pending")?.unwrap_or(0),
        }
    } else {
        // Only costs and conversions that are booked as the file has them can be given up without a booking.
        let class: &str = row.try_get("class")?;
        let given_up = [BreakClass::FeeMismatch, BreakClass::FxMismatch]
            .map(BreakClass::name)
            .contains(&class);
        Held::Nowhere(super::money(row, "stake", "stake_in")?.filter(|_| given_up))
    };
    Ok(CaseRow {
        case: Case {
            id: BreakId(row.try_get("id")?),
            acquirer,
            held,
        },
        book: row.try_get::<_, Option<i64>>("book_id")?.map(BookId),
        number: row.try_get::<_, Option<i64>>("number")?.map(EntryNumber),
    })
}

fn missing(row: &Row, record: i16, receivable: AccountCode) -> Result<MissingItem, StoreError> {
    let reserve_until: Option<chrono::NaiveDate> = row.try_get("reserve_until")?;
    let source_on = row.try_get("occurred_on")?;
    Ok(MissingItem {
        record: record_type(record)?,
        gross: Money::from_minor(row.try_get("gross")?, currency(row.try_get("item_in")?)?),
        cost: row.try_get("cost")?,
        merchant_fee: row.try_get("merchant_fee")?,
        reserve: row.try_get("reserve")?,
        tranche: reserve_until.map(|release_on| TrancheDays { source_on, release_on }),
        matures: row.try_get("matures")?,
        receivable,
        not_merchants: row.try_get("not_merchants")?,
    })
}
