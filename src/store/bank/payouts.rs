//! Payouts that a statement names by their end-to-end ids, or, in a format without these, by the reference of whoever ordered them:
//! made, or come back.
//!
//! | the entry | the payout | what is done |
//! | --- | --- | --- |
//! | takes its amount | instructed, sent, unknown | confirmed |
//! | takes its amount | confirmed, or returned after that, and no statement told of it | that entry is told of |
//! | brings its amount | instructed, sent, unknown | confirmed, and come back: what comes back had left |
//! | brings its amount | confirmed | come back |
//! | brings its amount | returned by hand after it had left, and no statement told of it | that entry is told of |
//! | anything else | | left to people: never confirmed, never given back |
//!
//! What takes money comes before what brings it back. Books are locked by whoever calls, all of them at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::intake::{Part, Taken};
use super::{BankError, Run};
use crate::ids::{BookId, EntryNumber};
use crate::money::Money;
use crate::payout::returned::ReturnReason;
use crate::store::payout::{Return, come_back, confirm_known};
use crate::store::{StoreError, Tx, currency};

/// The reason of a return of which the bank does not say why: not specified (ISO 20022 external return reasons).
const NO_REASON: &str = "MS03";

/// A payout as far as statements see it.
#[derive(Debug, Clone)]
struct Known {
    book: BookId,
    state: String,
    money: Money,
    confirmation: Option<(EntryNumber, bool)>,
    returned: Option<(EntryNumber, bool)>,
}

/// The place of an entry in its file, and of a part in its entry.
pub(super) type Place = (i32, i32);

/// A part of an entry that is a payout's.
pub(super) struct Told {
    /// payout or return.
    pub(super) kind: &'static str,
    pub(super) book: BookId,
    pub(super) number: EntryNumber,
}

impl Told {
    fn of(kind: &'static str, book: BookId, number: EntryNumber) -> Self {
        Self { kind, book, number }
    }
}

/// The payouts that a file names; those whose id two merchants have are left out.
pub(super) struct Payouts {
    known: BTreeMap<String, Known>,
}

impl Payouts {
    /// Loads them.
    pub(super) async fn of(tx: &mut Tx, taken: &Taken) -> Result<Self, StoreError> {
        let parts = taken.statements.iter().flat_map(|stated| &stated.parts);
        let ids: BTreeSet<&str> = parts.filter_map(|part| part.end_to_end_id.as_deref()).collect();
        Self::load(tx, &ids.into_iter().collect::<Vec<_>>()).await
    }

    async fn load(tx: &mut Tx, ids: &[&str]) -> Result<Self, StoreError> {
        let rows = tx
            .query(include_str!("../../../schema/queries/bank_payouts.sql"), &[&ids])
            .await?;
        let mut known = BTreeMap::new();
        let mut twice = BTreeSet::new();
        for row in &rows {
            let id: String = row.try_get("end_to_end_id")?;
            let entry = |number: &str, told: &str| -> Result<Option<(EntryNumber, bool)>, StoreError> {
                let told: bool = row.try_get(told)?;
                Ok(row
                    .try_get::<_, Option<i64>>(number)?
                    .map(|number| (EntryNumber(number), told)))
            };
            let one = Known {
                book: BookId(row.try_get("book_id")?),
                state: row.try_get("state")?,
                money: Money::from_minor(row.try_get("amount")?, currency(row.try_get("currency")?)?),
                confirmation: entry("confirmation", "confirmation_told")?,
                returned: entry("return_entry", "return_told")?,
            };
            if known.insert(id.clone(), one).is_some() {
                twice.insert(id);
            }
        }
        known.retain(|id, _| !twice.contains(id));
        Ok(Self { known })
    }

    /// Their books.
    pub(super) fn books(&self) -> Vec<BookId> {
        self.known.values().map(|payout| payout.book).collect()
    }

    /// Whether a part names one of them.
    pub(super) fn names(&self, part: &Part) -> bool {
        let id = part.end_to_end_id.as_ref();
        id.is_some_and(|id| self.known.contains_key(id))
    }

    /// Confirms and returns what the parts say, and tells which entries have them. What is left out is left to people.
    pub(super) async fn book(
        &mut self,
        tx: &mut Tx,
        run: &Run<'_>,
        parts: &[&Part],
    ) -> Result<BTreeMap<Place, Told>, BankError> {
        let mut told = BTreeMap::new();
        let mut left: Vec<&&Part> = parts.iter().filter(|part| part.money.minor() < 0).collect();
        left.sort_by_key(|part| (part.booked_on, part.ordinal, part.part));
        let mut confirm: BTreeMap<NaiveDate, Vec<(String, Place)>> = BTreeMap::new();
        for part in left {
            let Some((id, payout)) = self.of_part(part) else {
                continue;
            };
            if part.money.minor().checked_neg() != Some(payout.money.minor()) || part.reversal {
                continue;
            }
            match (payout.state.as_str(), &mut payout.confirmation) {
                ("instructed" | "sent" | "unknown", None) => {
                    payout.state = "confirming".to_owned();
                    confirm
                        .entry(part.booked_on)
                        .or_default()
                        .push((id, (part.ordinal, part.part)));
                }
                (_, Some((number, is_told @ false))) => {
                    *is_told = true;
                    told.insert((part.ordinal, part.part), Told::of("payout", payout.book, *number));
                }
                _ => {}
            }
        }
        self.confirm(tx, run, confirm, &mut told).await?;
        let mut came: Vec<&&Part> = parts.iter().filter(|part| part.money.minor() > 0).collect();
        came.sort_by_key(|part| (part.booked_on, part.ordinal, part.part));
        for part in came {
            self.give_back(tx, run, part, &mut told).await?;
        }
        Ok(told)
    }

    fn of_part(&mut self, part: &Part) -> Option<(String, &mut Known)> {
        let id = part.end_to_end_id.clone()?;
        let payout = self.known.get_mut(&id)?;
        (payout.money.currency() == part.money.currency()).then_some((id, payout))
    }

    async fn confirm(
        &mut self,
        tx: &mut Tx,
        run: &Run<'_>,
        confirm: BTreeMap<NaiveDate, Vec<(String, Place)>>,
        told: &mut BTreeMap<Place, Told>,
    ) -> Result<(), BankError> {
        for (day, made) in confirm {
            let ids: Vec<String> = made.iter().map(|(id, _)| id.clone()).collect();
            confirm_known(tx, run.deployment, &ids, day).await?;
            self.again(tx, &ids).await?;
            for (id, place) in made {
                if let Some(payout) = self.known.get_mut(&id)
                    && let Some((number, is_told)) = &mut payout.confirmation
                {
                    *is_told = true;
                    told.insert(place, Told::of("payout", payout.book, *number));
                }
            }
        }
        Ok(())
    }

    /// Reads payouts again after they were booked; what was told of in this file stays so.
    async fn again(&mut self, tx: &mut Tx, ids: &[String]) -> Result<(), StoreError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for (id, mut payout) in Self::load(tx, &ids).await?.known {
            if let Some(before) = self.known.get(&id) {
                let was_told = |entry: Option<(EntryNumber, bool)>| entry.is_some_and(|(_, is_told)| is_told);
                let (confirmed, returned) = (was_told(before.confirmation), was_told(before.returned));
                payout.confirmation = payout.confirmation.map(|(number, told)| (number, told || confirmed));
                payout.returned = payout.returned.map(|(number, told)| (number, told || returned));
            }
            self.known.insert(id, payout);
        }
        Ok(())
    }

    async fn give_back(
        &mut self,
        tx: &mut Tx,
        run: &Run<'_>,
        part: &Part,
        told: &mut BTreeMap<Place, Told>,
    ) -> Result<(), BankError> {
        let Some((id, payout)) = self.of_part(part) else {
            return Ok(());
        };
        if part.money != payout.money {
            return Ok(());
        }
        let new = match (payout.state.as_str(), payout.confirmation, payout.returned) {
            ("instructed" | "sent" | "unknown" | "confirmed", ..) => true,
            // Returned by hand after it had left: the entry that gave it back is on 1010 too.
            ("returned", Some(_), Some((_, false))) => false,
            _ => return Ok(()),
        };
        let is_on_its_way = new && payout.state != "confirmed";
        if new {
            let said = part.returned.as_ref().and_then(Option::as_deref);
            // Where what the bank says is no reason for a return, whether it is one is for people to say.
            let Ok(reason) = ReturnReason::parse(said.unwrap_or(NO_REASON)) else {
                return Ok(());
            };
            let ids = [id.clone()];
            if is_on_its_way {
                confirm_known(tx, run.deployment, &ids, part.booked_on).await?;
            }
            let by = format!("bank statement {}", run.name);
            let of = Return {
                id: &id,
                reason: &reason,
                by: &by,
                day: part.booked_on,
            };
            come_back(tx, run.deployment, &of).await?;
            self.again(tx, &ids).await?;
        }
        if let Some(payout) = self.known.get_mut(&id)
            && let Some((number, is_told)) = &mut payout.returned
        {
            *is_told = true;
            told.insert((part.ordinal, part.part), Told::of("return", payout.book, *number));
        }
        Ok(())
    }
}
