//! What became of payouts: the bank was given their file, made them, sent one back, or says nothing.
//!
//! | what | from | books |
//! | --- | --- | --- |
//! | sent | instructed | nothing |
//! | unknown | instructed, sent | nothing: the money stays on 2100, and the bank is asked |
//! | confirmed | instructed, sent, unknown | 2100 → 1010 |
//! | returned | instructed, sent, unknown | 2100 → 2110 → 2020 |
//! | returned | confirmed | 1010 → 2110 → 2020 |
//!
//! What came back is the merchant's again by the same entry, once. Where settings give its fee back, so is that (4050 and 2300 →
//! 2020).
//! Nothing leads back to approved: what is unknown, or came back, is never instructed again. Its money goes to another cut-off.
//! What the bank says is booked whether or not somebody said that the file was sent.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::{Payout, PayoutError, entry, lock, read_payout};
use crate::ids::BookId;
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::Money;
use crate::payout::returned::{ReturnReason, Returned, blocks};
use crate::settings::{ReturnedFee, Settings};
use crate::store::books::LockedBooks;
use crate::store::settings::Deployment;
use crate::store::source::source_of_run;
use crate::store::{Store, StoreError, Tx};

/// A bank file that the bank was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its name.
    pub name: String,
    /// The cut-off of its payouts.
    pub cutoff: NaiveDate,
    /// How many payouts are sent by this.
    pub payouts: u64,
}

/// A payout that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedPayout {
    /// As it is now.
    pub payout: Payout,
    /// What the merchant has again, fee and VAT included where they are given back.
    pub credited: Money,
    /// Whether it came back by this request; else it did before, and nothing was done.
    pub new: bool,
}

/// A return as the bank tells it.
#[derive(Debug, Clone)]
pub struct Return<'a> {
    /// The end-to-end id of the payout.
    pub id: &'a str,
    /// Why.
    pub reason: &'a ReturnReason,
    /// Who says so.
    pub by: &'a str,
    /// The booking date.
    pub day: NaiveDate,
}

impl Store {
    /// Writes down that the bank was given a file of this content; again changes nothing.
    ///
    /// Errors: no bank file has this content.
    pub async fn send_payouts(&self, digest: &[u8], by: &str, day: NaiveDate) -> Result<Sent, PayoutError> {
        self.transact(async |tx: &mut Tx| {
            lock(tx).await?;
            let rows = tx
                .query(
                    include_str!("../../../schema/queries/payout_file_by_digest.sql"),
                    &[&digest],
                )
                .await?;
            let row = rows.first().ok_or(PayoutError::NoBankFile)?;
            let source: i64 = row.try_get("source_id").map_err(StoreError::from)?;
            tx.execute(
                include_str!("../../../schema/queries/payout_file_sent.sql"),
                &[&source, &day, &by],
            )
            .await?;
            let payouts = tx
                .execute(include_str!("../../../schema/queries/payouts_sent.sql"), &[&source])
                .await?;
            Ok(Sent {
                name: row.try_get("name").map_err(StoreError::from)?,
                cutoff: row.try_get("cutoff").map_err(StoreError::from)?,
                payouts,
            })
        })
        .await
    }

    /// Writes down that nobody knows what became of these payouts; one that is unknown stays as it is. Says how many are new.
    pub async fn lose_payouts(&self, ids: &[String], by: &str, note: &str, day: NaiveDate) -> Result<u64, PayoutError> {
        self.transact(async |tx: &mut Tx| {
            lock(tx).await?;
            let mut lost = Vec::new();
            for payout in known(tx, ids).await? {
                match payout.state.as_str() {
                    "instructed" | "sent" => lost.push(payout.id),
                    "unknown" => {}
                    _ => return Err(payout.not_on_its_way()),
                }
            }
            let sql = include_str!("../../../schema/queries/payouts_unknown.sql");
            Ok(tx.execute(sql, &[&lost, &day, &by, &note]).await?)
        })
        .await
    }

    /// Books that the bank made these payouts (2100 → 1010); one that is confirmed stays as it is. Says how many are new.
    pub async fn confirm_payouts(
        &self,
        deployment: &Deployment,
        ids: &[String],
        day: NaiveDate,
    ) -> Result<u64, PayoutError> {
        self.transact(async |tx: &mut Tx| {
            lock(tx).await?;
            not_before(tx, ids, day, true).await?;
            confirm_known(tx, deployment, ids, day).await
        })
        .await
    }

    /// Shows what [`Store::return_payout`] would do, and does nothing.
    pub async fn plan_return(&self, deployment: &Deployment, of: &Return<'_>) -> Result<ReturnedPayout, PayoutError> {
        self.rehearse(async |tx: &mut Tx| come_back_by_hand(tx, deployment, of).await)
            .await
    }

    /// Books that a payout came back: the merchant has its money again, once, and its bank account is not paid until it is
    /// corrected. One that came back before stays as it is.
    pub async fn return_payout(&self, deployment: &Deployment, of: &Return<'_>) -> Result<ReturnedPayout, PayoutError> {
        self.transact(async |tx: &mut Tx| come_back_by_hand(tx, deployment, of).await)
            .await
    }

    /// The last payout that came back from each bank account, by merchant.
    pub async fn returned_payouts(&self) -> Result<HashMap<String, Vec<Returned>>, StoreError> {
        self.rehearse(async |tx: &mut Tx| returned(tx).await).await
    }

    /// The merchants that are not paid on a day because a payout came back from their bank account, by name, each with that payout.
    pub async fn unpaid_merchants(
        &self,
        deployment: &Deployment,
        day: NaiveDate,
    ) -> Result<BTreeMap<String, Returned>, StoreError> {
        let Some(settings) = deployment.in_force(day) else {
            return Ok(BTreeMap::new());
        };
        let returned = self.returned_payouts().await?;
        let unpaid = returned.into_iter().filter_map(|(merchant, returned)| {
            let destination = settings.merchants.get(&merchant)?.destination.as_ref()?;
            let last = blocks(destination, day, &returned)?.clone();
            Some((merchant, last))
        });
        Ok(unpaid.collect())
    }
}

/// See [`Store::returned_payouts`].
pub(super) async fn returned(tx: &mut Tx) -> Result<HashMap<String, Vec<Returned>>, StoreError> {
    let rows = tx
        .query(include_str!("../../../schema/queries/payouts_returned.sql"), &[])
        .await?;
    let mut returned: HashMap<String, Vec<Returned>> = HashMap::new();
    for row in &rows {
        let merchant: Option<String> = row.try_get("merchant")?;
        returned
            .entry(merchant.unwrap_or_default())
            .or_default()
            .push(Returned {
                account: row.try_get("destination")?,
                bank: row.try_get("bank")?,
                on: row.try_get("returned_on")?,
                reason: row.try_get("return_reason")?,
            });
    }
    Ok(returned)
}

/// The payouts of these end-to-end ids; one that nobody knows is an error.
async fn known(tx: &mut Tx, ids: &[String]) -> Result<Vec<Payout>, PayoutError> {
    let rows = tx
        .query(
            include_str!("../../../schema/queries/payouts_by_end_to_end_id.sql"),
            &[&ids],
        )
        .await?;
    let payouts = rows.iter().map(read_payout).collect::<Result<Vec<_>, _>>()?;
    let known: HashSet<&str> = payouts.iter().map(|payout| payout.end_to_end_id.as_str()).collect();
    match ids.iter().find(|id| !known.contains(id.as_str())) {
        Some(unknown) => Err(PayoutError::Unknown(unknown.clone())),
        None => Ok(payouts),
    }
}

impl Payout {
    fn not_on_its_way(self) -> PayoutError {
        PayoutError::NotOnItsWay {
            end_to_end_id: self.end_to_end_id,
            state: self.state,
        }
    }

    fn transfer(&self, debit: (AccountCode, &Arc<str>), credit: (AccountCode, &Arc<str>), money: Money) -> Transfer {
        let account = |(code, dimension): (AccountCode, &Arc<str>)| Account {
            code,
            currency: money.currency(),
            dimension: dimension.clone(),
        };
        Transfer {
            debit: account(debit),
            credit: account(credit),
            amount: money.minor(),
        }
    }
}

/// See [`Store::confirm_payouts`]; the payouts are locked.
pub(in crate::store) async fn confirm_known(
    tx: &mut Tx,
    deployment: &Deployment,
    ids: &[String],
    day: NaiveDate,
) -> Result<u64, PayoutError> {
    let settings = deployment.in_force(day).ok_or(PayoutError::NoSettings(day))?;
    let mut waiting = Vec::new();
    for payout in known(tx, ids).await? {
        match payout.state.as_str() {
            "instructed" | "sent" | "unknown" => waiting.push(payout),
            "confirmed" => {}
            _ => return Err(payout.not_on_its_way()),
        }
    }
    confirm(tx, settings, waiting, day).await
}

async fn confirm(
    tx: &mut Tx,
    settings: &Arc<Settings>,
    payouts: Vec<Payout>,
    day: NaiveDate,
) -> Result<u64, PayoutError> {
    let books: Vec<BookId> = payouts.iter().map(|payout| payout.book).collect();
    let mut locked = LockedBooks::lock(tx, &books).await?;
    let mut numbers = Vec::with_capacity(payouts.len());
    let none: Arc<str> = Arc::from("");
    for payout in &payouts {
        let source = payout
            .file
            .ok_or_else(|| StoreError::Unreadable(format!("payout {} without its file", payout.id)))?;
        let transfers = vec![payout.transfer(
            (AccountCode::PayoutInTransit, &none),
            (AccountCode::BankSettlement, &settings.house.bank_account),
            payout.money,
        )];
        let kind = EntryKind::PayoutConfirmation;
        let entry = entry(payout, kind, "confirmation", source, day, transfers);
        numbers.push(locked.append(payout.book, entry)?.0);
    }
    locked.write(tx).await?;
    let ids: Vec<i64> = payouts.iter().map(|payout| payout.id).collect();
    Ok(tx
        .execute(
            include_str!("../../../schema/queries/payouts_confirm.sql"),
            &[&ids, &numbers],
        )
        .await?)
}

/// See [`Store::return_payout`].
async fn come_back_by_hand(
    tx: &mut Tx,
    deployment: &Deployment,
    of: &Return<'_>,
) -> Result<ReturnedPayout, PayoutError> {
    lock(tx).await?;
    let ids = [of.id.to_owned()];
    if only(known(tx, &ids).await?, of.id)?.state != "returned" {
        not_before(tx, &ids, of.day, false).await?;
    }
    come_back(tx, deployment, of).await
}

/// Refuses that something became of payouts before they were instructed, or confirmed; where that is asked for, not of those that
/// are confirmed already.
async fn not_before(tx: &mut Tx, ids: &[String], day: NaiveDate, but_confirmed: bool) -> Result<(), PayoutError> {
    let sql = include_str!("../../../schema/queries/payouts_booked_after.sql");
    let rows = tx.query(sql, &[&ids, &day, &but_confirmed]).await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    Err(PayoutError::BeforeItself {
        end_to_end_id: row.try_get("end_to_end_id").map_err(StoreError::from)?,
        since: row.try_get("booked_on").map_err(StoreError::from)?,
        day,
    })
}

/// Books that a payout came back, on whatever day the bank says.
pub(in crate::store) async fn come_back(
    tx: &mut Tx,
    deployment: &Deployment,
    of: &Return<'_>,
) -> Result<ReturnedPayout, PayoutError> {
    let settings = deployment.in_force(of.day).ok_or(PayoutError::NoSettings(of.day))?;
    lock(tx).await?;
    let ids = [of.id.to_owned()];
    let payout = only(known(tx, &ids).await?, of.id)?;
    let from = match payout.state.as_str() {
        "instructed" | "sent" | "unknown" => (AccountCode::PayoutInTransit, Arc::from("")),
        "confirmed" => (AccountCode::BankSettlement, settings.house.bank_account.clone()),
        "returned" => {
            let credited = Money::zero(payout.money.currency());
            let new = false;
            return Ok(ReturnedPayout { payout, credited, new });
        }
        _ => return Err(payout.not_on_its_way()),
    };
    let mut locked = LockedBooks::lock(tx, &[payout.book]).await?;
    let (transfers, credited) = given_back(&payout, (from.0, &from.1), settings.payout.returned_fee)?;
    let source = source_of_run(tx, &format!("payout return {} {}", of.id, of.day)).await?;
    let details = serde_json::json!({ "reason": of.reason.as_str(), "said_by": of.by });
    let entry = Entry {
        details: Some(details.to_string()),
        ..entry(&payout, EntryKind::PayoutReturn, "return", source.id, of.day, transfers)
    };
    let number = locked.append(payout.book, entry)?;
    locked.write(tx).await?;
    tx.execute(
        include_str!("../../../schema/queries/payout_return.sql"),
        &[&payout.id, &of.day, &of.by, &of.reason.as_str(), &number.0],
    )
    .await?;
    let payout = only(known(tx, &ids).await?, of.id)?;
    let new = true;
    Ok(ReturnedPayout { payout, credited, new })
}

fn only(payouts: Vec<Payout>, id: &str) -> Result<Payout, PayoutError> {
    let payout = payouts.into_iter().next();
    payout.ok_or_else(|| PayoutError::Unknown(id.to_owned()))
}

/// What a return moves, and what the merchant has of it.
fn given_back(
    payout: &Payout,
    from: (AccountCode, &Arc<str>),
    fee: ReturnedFee,
) -> Result<(Vec<Transfer>, Money), PayoutError> {
    let none: Arc<str> = Arc::from("");
    let (returned, available) = (
        (AccountCode::PayoutReturned, &none),
        (AccountCode::MerchantAvailable, &none),
    );
    let mut transfers = vec![
        payout.transfer(from, returned, payout.money),
        payout.transfer(returned, available, payout.money),
    ];
    let mut credited = payout.money;
    if fee == ReturnedFee::GivenBack {
        let charged = [
            (AccountCode::FeeOther, payout.fee),
            (AccountCode::VatOutput, payout.vat),
        ];
        for (code, money) in charged.into_iter().filter(|(_, money)| money.minor() != 0) {
            transfers.push(payout.transfer((code, &none), available, money));
            credited = credited.plus(money)?;
        }
    }
    Ok((transfers, credited))
}
