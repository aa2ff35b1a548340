//! Advances: pending captures made available before an acquirer has proven them, for a fee and within limits.
//!
//! One at a time in the whole deployment, because a limit holds for all of it: that lock comes first, then all acquirers', so that
//! no file is proving what is advanced, then the merchant's book.
//! What is advanced and not proven yet is what its open items say; a match ends it, and moves nothing more. Captures go whole,
//! oldest first.
//!
//! An amount is asked for by day: what earlier runs of the same day advanced is part of it, so the same request twice is once.

use chrono::NaiveDate;

use super::acquirers;
use super::books::LockedBooks;
use super::reserve::{FixedReserves, Tranches, transfer};
use super::settings::Deployment;
use super::source::source_of_run;
use super::{Retriable, Store, StoreError, Tx};
use crate::ids::{BookId, EntryNumber, OWN};
use crate::ledger::account::AccountCode;
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::{AmountError, Currency, Money};
use crate::payment::fees::{Charge, EventFee, FeeError, event_fee};
use crate::recon::availability::{Advance, Pending, TrancheDays, advance};
use crate::settings::{Merchant, MerchantState, Settings};

/// How many captures one run advances at the most; the next run of the day goes on.
pub const ITEMS: i64 = 10_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The merchant.
    pub merchant: &'a str,
    /// The most that is advanced on the day, with what was advanced on it before.
    pub up_to: Money,
    /// The booking date.
    pub day: NaiveDate,
}

/// What stood in the way of advancing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The amount asked for.
    UpTo,
    /// The merchant's limit.
    MerchantLimit,
    /// The limit of all merchants together.
    HouseLimit,
}

/// What was advanced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advanced {
    /// Captures.
    pub items: usize,
    /// Σ of their payable.
    pub payable: Money,
    /// What of it is withheld, by fixed reserves too.
    pub withheld: Money,
    /// The fee.
    pub fee: Money,
    /// Its VAT.
    pub vat: Money,
    /// What is advanced to the merchant and not proven now.
    pub outstanding: Money,
    /// What could have been advanced, if there was so much pending; and what bounded it.
    pub room: (Money, Bound),
}

/// Why nothing was advanced.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No settings govern the day.
    #[error("no settings are in force on {0}")]
    NoSettings(NaiveDate),
    /// Settings have no such merchant.
    #[error("merchant `{0}` is not in the settings")]
    UnknownMerchant(String),
    /// Only who is paid is advanced.
    #[error("merchant `{0}` is not active")]
    NotActive(String),
    /// No version of the schedule prices the day.
    #[error("fee schedule `{0}` has no price on that day")]
    NotPriced(String),
    /// The schedule cannot price it.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// Beyond 64-bit minor units.
    #[error("what would be advanced cannot be added up")]
    Amount(#[from] AmountError),
}

impl Retriable for AdvanceError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::NoSettings(_)
            | Self::UnknownMerchant(_)
            | Self::NotActive(_)
            | Self::NotPriced(_)
            | Self::Fee(_)
            | Self::Amount(_) => false,
        }
    }
}

impl Store {
    /// Shows what [`Store::advance`] would do, and does nothing.
    pub async fn plan_advance(&self, deployment: &Deployment, request: &Request<'_>) -> Result<Advanced, AdvanceError> {
        self.rehearse(async |tx: &mut Tx| run(tx, deployment, request).await)
            .await
    }

    /// Makes whole pending captures available (2010 → 2020, and 2010 → 2030 what is withheld of them) for the schedule's fee.
    pub async fn advance(&self, deployment: &Deployment, request: &Request<'_>) -> Result<Advanced, AdvanceError> {
        self.transact(async |tx: &mut Tx| run(tx, deployment, request).await)
            .await
    }
}

async fn run(tx: &mut Tx, deployment: &Deployment, request: &Request<'_>) -> Result<Advanced, AdvanceError> {
    let (day, currency) = (request.day, request.up_to.currency());
    let settings = deployment.in_force(day).ok_or(AdvanceError::NoSettings(day))?;
    let unknown = || AdvanceError::UnknownMerchant(request.merchant.to_owned());
    let merchant = settings.merchants.get(request.merchant).ok_or_else(unknown)?;
    if merchant.state != MerchantState::Active {
        return Err(AdvanceError::NotActive(merchant.name.clone()));
    }
    tx.query(include_str!("../../schema/queries/advance_lock.sql"), &[])
        .await?;
    acquirers::share(tx, None).await?;
    let (mut books, owners) = LockedBooks::lock_of_merchants(tx, &[request.merchant]).await?;
    let book = owners.get(request.merchant).copied().ok_or_else(unknown)?;
    let known = outstanding(tx, book, currency, day).await?;
    let (room, bound) = known.room(request, merchant, settings)?;
    let pending = pending(tx, book, currency).await?;
    let chosen = advance(&pending, room)?;
    let money = |minor: i64| Money::from_minor(minor, currency);
    let mut advanced = Advanced {
        items: chosen.items.len(),
        payable: money(chosen.payable),
        withheld: money(0),
        fee: money(0),
        vat: money(0),
        outstanding: money(known.of_merchant).plus(money(chosen.payable))?,
        room: (money(room), bound),
    };
    if chosen.items.is_empty() {
        return Ok(advanced);
    }
    let schedule = settings.fee_schedule(&merchant.fee_schedule, day);
    let schedule = schedule.ok_or_else(|| AdvanceError::NotPriced(merchant.fee_schedule.clone()))?;
    let charge = event_fee(schedule, EventFee::Advance(chosen.payable), currency, day)?;
    let mut transfers = transfers(&chosen, charge.as_ref(), currency)?;
    let mut tranches = Tranches::default();
    for (days, amount) in &chosen.tranches {
        tranches.add((book, currency, *days), *amount)?;
    }
    let mut fixed = FixedReserves::of(tx, settings, day, &[book]).await?;
    fixed.top_up(book, &mut transfers, &mut tranches)?;
    for transfer in &transfers {
        if transfer.credit.code == AccountCode::MerchantReserve {
            advanced.withheld = advanced.withheld.plus(money(transfer.amount))?;
        }
    }
    if let Some(charge) = &charge {
        (advanced.fee, advanced.vat) = (money(charge.amount), money(charge.vat));
    }
    let source = source_of_run(tx, &format!("advance {day}")).await?.id;
    let number = books.next(book)?;
    let reference = format!("{OWN}advance {currency} {day} at {number}");
    let items: Vec<i64> = chosen.items.iter().map(|number| number.0).collect();
    let fingerprint = fingerprint(&["advance 1", &reference, &advanced.payable.to_string()]);
    let entry = Entry {
        details: Some(serde_json::json!({ "captures": items }).to_string()),
        transfers,
        ..Entry::of_day(EntryKind::Advance, reference, fingerprint, day, source)
    };
    books.append(book, entry)?;
    books.write(tx).await?;
    tranches.write(tx).await?;
    mark(tx, book, &items, number).await?;
    Ok(advanced)
}

fn transfers(chosen: &Advance, charge: Option<&Charge>, currency: Currency) -> Result<Vec<Transfer>, AmountError> {
    use AccountCode::{MerchantAvailable, MerchantPending, MerchantReserve, VatOutput};
    let available = chosen
        .payable
        .checked_sub(chosen.withheld)
        .ok_or(AmountError::TooLarge)?;
    let mut legs = vec![
        (MerchantPending, MerchantReserve, chosen.withheld),
        (MerchantPending, MerchantAvailable, available),
    ];
    if let Some(charge) = charge {
        legs.push((MerchantAvailable, charge.account, charge.amount));
        legs.push((MerchantAvailable, VatOutput, charge.vat));
    }
    Ok(legs
        .into_iter()
        .filter_map(|(debit, credit, amount)| transfer(debit, credit, currency, amount))
        .collect())
}

/// The captures are available now: their match moves nothing more.
async fn mark(tx: &mut Tx, book: BookId, items: &Vec<i64>, number: EntryNumber) -> Result<(), StoreError> {
    let marked = tx
        .execute(
            include_str!("../../schema/queries/advance_mark.sql"),
            &[&book.0, items, &number.0],
        )
        .await?;
    if usize::try_from(marked) == Ok(items.len()) {
        Ok(())
    } else {
        Err(StoreError::Unreadable(format!(
            "{marked} of {} captures that were just chosen",
            items.len()
        )))
    }
}

/// What is advanced in one currency, minor units.
struct Outstanding {
    of_merchant: i64,
    of_all: i64,
    /// To the merchant on the day, proven since or not.
    on_day: i64,
}

impl Outstanding {
    /// What may be advanced, and what bounds it; the amount asked for, where it is as tight as a limit.
    fn room(
        &self,
        request: &Request<'_>,
        merchant: &Merchant,
        settings: &Settings,
    ) -> Result<(i64, Bound), AmountError> {
        let currency = request.up_to.currency();
        let limit = |limits: &crate::settings::Amounts| limits.get(&currency).map_or(0, |limit| limit.minor());
        let mut room = (i64::MAX, Bound::UpTo);
        for (most, used, bound) in [
            (request.up_to.minor(), self.on_day, Bound::UpTo),
            (limit(&merchant.advance_limit), self.of_merchant, Bound::MerchantLimit),
            (limit(&settings.house.advance_limit), self.of_all, Bound::HouseLimit),
        ] {
            let left = most.checked_sub(used).ok_or(AmountError::TooLarge)?.max(0);
            if left < room.0 {
                room = (left, bound);
            }
        }
        Ok(room)
    }
}

async fn outstanding(tx: &mut Tx, book: BookId, currency: Currency, day: NaiveDate) -> Result<Outstanding, StoreError> {
    let open = tx
        .query(
            include_str!("../../schema/queries/advance_outstanding.sql"),
            &[&book.0, &currency.code()],
        )
        .await?;
    // The references of a day's advances begin alike, and `!` comes after the blank that follows.
    let (from, to) = (
        format!("{OWN}advance {currency} {day} "),
        format!("{OWN}advance {currency} {day}!"),
    );
    let of_day = tx
        .query(
            include_str!("../../schema/queries/advance_of_day.sql"),
            &[
                &book.0,
                &from,
                &to,
                &EntryKind::Advance.id(),
                &AccountCode::MerchantPending.number(),
            ],
        )
        .await?;
    let (Some(open), Some(of_day)) = (open.first(), of_day.first()) else {
        return Err(StoreError::Unreadable("no sum of advances".to_owned()));
    };
    Ok(Outstanding {
        of_merchant: open.try_get("of_merchant")?,
        of_all: open.try_get("of_all")?,
        on_day: of_day.try_get("amount")?,
    })
}

/// Captures that no file has proven and whose money is pending, oldest first.
async fn pending(tx: &mut Tx, book: BookId, currency: Currency) -> Result<Vec<Pending>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../schema/queries/advance_pending.sql"),
            &[&book.0, &currency.code(), &ITEMS],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let source_on = row.try_get("occurred_on")?;
            let release_on: Option<NaiveDate> = row.try_get("reserve_until")?;
            Ok(Pending {
                number: EntryNumber(row.try_get("number")?),
                payable: row.try_get("payable")?,
                reserve: row.try_get("reserve")?,
                tranche: release_on.map(|release_on| TrancheDays { source_on, release_on }),
            })
        })
        .collect()
}
