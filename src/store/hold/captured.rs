//! Releasing what a velocity rule set aside of a capture: the money goes on as if nobody had held it.
//!
//! What was set aside was pending and is proven by nothing. So it is pending again (2040 → 2010) and waits for its day, or for the
//! match of its capture or aggregate, with its reserve. Where the match has come meanwhile, it is what that would have made it:
//! withheld (2040 → 2030) and available (2040 → 2020), fixed reserves taking their part.
//!
//! The book is locked, and before it all acquirers (`store::acquirers`): a file that is being matched reads the open items.

use chrono::NaiveDate;

use crate::ids::{BookId, EntryNumber};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::Transfer;
use crate::money::Money;
use crate::payment::event::Kept;
use crate::recon::availability::{TrancheDays, share};
use crate::store::reserve::{FixedReserves, Tranches, transfer};
use crate::store::{StoreError, Tx};

/// A capture whose money is set aside.
pub(super) struct Captured {
    /// The booking date.
    day: NaiveDate,
    /// When its money becomes available by date.
    available_on: Option<NaiveDate>,
    /// What is withheld of it, minor units, and until when.
    reserve: i64,
    reserve_until: Option<NaiveDate>,
    /// The open item by which the acquirer will report it.
    item: Option<EntryNumber>,
    /// The aggregate that it has joined and that is not handed in.
    aggregate: Option<String>,
}

impl Captured {
    /// The capture of a hold; none where a person placed it.
    pub(super) async fn of(tx: &mut Tx, hold: i64) -> Result<Option<Self>, StoreError> {
        let rows = tx
            .query(include_str!("../../../schema/queries/hold_captured.sql"), &[&hold])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let kept = Kept::of_text(row.try_get("details")?)
            .ok_or_else(|| StoreError::Unreadable(format!("the details of the capture of hold {hold}")))?;
        Ok(Some(Self {
            day: row.try_get("booking_date")?,
            available_on: kept.available_on,
            reserve: kept.reserve.unwrap_or(0),
            reserve_until: kept.reserve_until,
            item: row.try_get::<_, Option<i64>>("item")?.map(EntryNumber),
            aggregate: row.try_get("aggregate")?,
        }))
    }

    /// Lets its money go on, and says what moves.
    pub(super) async fn release(
        &self,
        tx: &mut Tx,
        book: BookId,
        money: Money,
        fixed: Option<FixedReserves>,
    ) -> Result<Vec<Transfer>, StoreError> {
        if !self.waits(tx, book, money).await? {
            return self.available(tx, book, money, fixed).await;
        }
        let pending = AccountCode::MerchantPending;
        let back = transfer(AccountCode::MerchantHold, pending, money.currency(), money.minor());
        Ok(back.into_iter().collect())
    }

    /// Adds it to what its day, its aggregate or its match will move; says whether any of them will.
    async fn waits(&self, tx: &mut Tx, book: BookId, money: Money) -> Result<bool, StoreError> {
        let (book, amount, reserve, until) = (book.0, money.minor(), self.reserve, self.reserve_until);
        let moved = if let Some(available_on) = self.available_on {
            let sql = include_str!("../../../schema/queries/maturing_add.sql");
            let currency = money.currency();
            let (books, currencies, sources) = (vec![book], vec![currency.code()], vec![self.day]);
            let (days, until, amounts, reserves) = (vec![available_on], vec![until], vec![amount], vec![reserve]);
            tx.execute(
                sql,
                &[&books, &currencies, &sources, &days, &until, &amounts, &reserves],
            )
            .await?
        } else if let Some(name) = &self.aggregate {
            let sql = include_str!("../../../schema/queries/aggregate_unhold.sql");
            tx.execute(sql, &[&book, name, &amount, &reserve]).await?
        } else if let Some(number) = self.item {
            let sql = include_str!("../../../schema/queries/open_item_unhold.sql");
            tx.execute(sql, &[&book, &number.0, &amount, &reserve, &until]).await?
        } else {
            return Ok(false);
        };
        if moved == 1 {
            Ok(true)
        } else {
            Err(StoreError::Unreadable(format!(
                "{moved} places where a capture waits that was just read"
            )))
        }
    }

    /// Makes it available, less what is withheld of it.
    async fn available(
        &self,
        tx: &mut Tx,
        book: BookId,
        money: Money,
        fixed: Option<FixedReserves>,
    ) -> Result<Vec<Transfer>, StoreError> {
        let currency = money.currency();
        let too_large = |_| StoreError::TooLarge("what is released of a hold".to_owned());
        let share = share(money.minor(), self.reserve).map_err(too_large)?;
        let mut transfers: Vec<Transfer> = [
            (AccountCode::MerchantReserve, share.reserve),
            (AccountCode::MerchantAvailable, share.available),
        ]
        .into_iter()
        .filter_map(|(credit, amount)| transfer(AccountCode::MerchantHold, credit, currency, amount))
        .collect();
        let mut tranches = Tranches::default();
        if let Some(release_on) = self.reserve_until {
            let source_on = self.day;
            let days = TrancheDays { source_on, release_on };
            tranches.add((book, currency, days), share.reserve)?;
        }
        if let Some(mut fixed) = fixed {
            fixed.top_up(book, &mut transfers, &mut tranches)?;
        }
        tranches.write(tx).await?;
        Ok(transfers)
    }
}
