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
//! An entry that names a batch of orders instead (its PmtInfId, or MsgId of the file) is the sum of all payouts of this batch that
//! the first two rows of the table are about, each with its amount: exactly this sum, or nothing of it. Which ones are missing in
//! another sum is not guessed, not even where those that nobody has confirmed would fit: two payouts of one amount look the same.
//!
//! What takes money comes before what brings it back, and single payouts before batches. Books are locked by whoever calls, all of
//! them at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::intake::{Part, Taken};
use super::posting::of_bank;
use super::{BankError, Run};
use crate::ids::{BookId, EntryNumber};
use crate::money::{AmountError, Currency, Money};
use crate::payout::file::OrdersId;
use crate::payout::order::{payout_id, payout_number};
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

/// A part of an entry that is a payout's, or what a payout has of it.
pub(super) struct Told {
    /// payout or return.
    pub(super) kind: &'static str,
    pub(super) money: Money,
    pub(super) book: BookId,
    pub(super) number: EntryNumber,
}

impl Told {
    fn of(kind: &'static str, money: Money, book: BookId, number: EntryNumber) -> Self {
        Self {
            kind,
            money,
            book,
            number,
        }
    }
}

/// What became of the payouts that a file names.
#[derive(Default)]
pub(super) struct Booked {
    /// What is theirs, by part; what a batch was debited for is of several.
    pub(super) told: BTreeMap<Place, Vec<Told>>,
    /// Why a part that names a batch is left to people.
    pub(super) left: BTreeMap<Place, String>,
}

impl Booked {
    fn tell(&mut self, part: &Part, kind: &'static str, money: Money, (book, number): (BookId, EntryNumber)) {
        let of = self.told.entry((part.ordinal, part.part)).or_default();
        of.push(Told::of(kind, money, book, number));
    }
}

/// The end-to-end ids of the payouts of a bank file, by currency: a batch each.
type Batches = BTreeMap<Currency, Vec<String>>;

/// The payouts that a file names; those whose id two merchants have are left out.
pub(super) struct Payouts {
    known: BTreeMap<String, Known>,
    /// The end-to-end ids of those that are named by the numbers that banks have of them.
    numbered: BTreeMap<String, String>,
    /// By cut-off and ordinal.
    files: BTreeMap<(NaiveDate, i32), Batches>,
}

impl Payouts {
    /// Loads them.
    pub(super) async fn of(tx: &mut Tx, taken: &Taken) -> Result<Self, StoreError> {
        let parts = taken.statements.iter().flat_map(|stated| &stated.parts);
        let named = parts.clone().flat_map(|part| &part.orders);
        let named: BTreeSet<(NaiveDate, i32)> = named.map(|id| (id.cutoff, id.ordinal)).collect();
        let files = Self::files(tx, named).await?;
        let of_files = files.values().flat_map(BTreeMap::values).flatten();
        let ids: BTreeSet<&str> = parts
            .filter_map(|part| part.end_to_end_id.as_deref())
            .chain(of_files.map(String::as_str))
            .collect();
        let (known, numbered) = Self::load(tx, &ids.into_iter().collect::<Vec<_>>()).await?;
        Ok(Self { known, numbered, files })
    }

    async fn files(
        tx: &mut Tx,
        named: BTreeSet<(NaiveDate, i32)>,
    ) -> Result<BTreeMap<(NaiveDate, i32), Batches>, StoreError> {
        let mut files: BTreeMap<(NaiveDate, i32), Batches> = BTreeMap::new();
        if named.is_empty() {
            return Ok(files);
        }
        let (cutoffs, ordinals): (Vec<NaiveDate>, Vec<i32>) = named.into_iter().unzip();
        let sql = include_str!("../../../schema/queries/bank_payouts_of_files.sql");
        for row in &tx.query(sql, &[&cutoffs, &ordinals]).await? {
            let file = files
                .entry((row.try_get("cutoff")?, row.try_get("ordinal")?))
                .or_default();
            let of_currency = file.entry(currency(row.try_get("currency")?)?).or_default();
            of_currency.push(row.try_get("end_to_end_id")?);
        }
        Ok(files)
    }

    async fn load(
        tx: &mut Tx,
        ids: &[&str],
    ) -> Result<(BTreeMap<String, Known>, BTreeMap<String, String>), StoreError> {
        let numbers: Vec<i64> = ids.iter().filter_map(|id| payout_number(id)).collect();
        let sql = include_str!("../../../schema/queries/bank_payouts.sql");
        let rows = tx.query(sql, &[&ids, &numbers]).await?;
        let (mut known, mut numbered) = (BTreeMap::new(), BTreeMap::new());
        let mut twice = BTreeSet::new();
        for row in &rows {
            let id: String = row.try_get("end_to_end_id")?;
            let number: i64 = row.try_get("id")?;
            if numbers.contains(&number) {
                numbered.insert(payout_id(number), id.clone());
            }
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
        Ok((known, numbered))
    }

    /// The end-to-end id of the payout that a part names, if it is one of them.
    fn named_by(&self, part: &Part) -> Option<&String> {
        let id = part.end_to_end_id.as_ref()?;
        let id = self.numbered.get(id).unwrap_or(id);
        self.known.get_key_value(id).map(|(id, _)| id)
    }

    /// Their books.
    pub(super) fn books(&self) -> Vec<BookId> {
        self.known.values().map(|payout| payout.book).collect()
    }

    /// Whether a part names one of them.
    pub(super) fn names(&self, part: &Part) -> bool {
        self.named_by(part).is_some()
    }

    /// What a part names that is not what becomes of it: that payout, and how it stands.
    pub(super) fn named(&self, part: &Part) -> Option<String> {
        let id = self.named_by(part)?;
        let Known { money, state, .. } = self.known.get(id)?;
        let what = if part.money.minor() < 0 { "taken" } else { "sent back" };
        let amount = part.money.minor().checked_abs();
        let differs = amount != Some(money.minor()) || part.money.currency() != money.currency();
        let other = if differs {
            format!(", and another amount is {what}")
        } else {
            String::new()
        };
        Some(format!("it names payout {id} of {money}, which is {state}{other}"))
    }

    /// Confirms and returns what the parts say, and tells which entries have them. What is left out is left to people.
    pub(super) async fn book(&mut self, tx: &mut Tx, run: &Run<'_>, parts: &[&Part]) -> Result<Booked, BankError> {
        let mut booked = Booked::default();
        let mut left: Vec<&&Part> = parts.iter().filter(|part| part.money.minor() < 0).collect();
        left.sort_by_key(|part| (part.booked_on, part.ordinal, part.part));
        let mut confirm: BTreeMap<NaiveDate, Vec<(String, &Part)>> = BTreeMap::new();
        for part in &left {
            let Some((id, payout)) = self.of_part(part) else {
                continue;
            };
            if part.money.minor().checked_neg() != Some(payout.money.minor()) || part.reversal {
                continue;
            }
            match (payout.state.as_str(), &mut payout.confirmation) {
                ("instructed" | "sent" | "unknown", None) => {
                    payout.state = "confirming".to_owned();
                    confirm.entry(part.booked_on).or_default().push((id, part));
                }
                (_, Some((number, is_told @ false))) => {
                    *is_told = true;
                    booked.tell(part, "payout", part.money, (payout.book, *number));
                }
                _ => {}
            }
        }
        self.confirm(tx, run, confirm, &mut booked).await?;
        for part in left {
            self.debit_batch(tx, run, part, &mut booked).await?;
        }
        let mut came: Vec<&&Part> = parts.iter().filter(|part| part.money.minor() > 0).collect();
        came.sort_by_key(|part| (part.booked_on, part.ordinal, part.part));
        for part in came {
            self.give_back(tx, run, part, &mut booked).await?;
        }
        Ok(booked)
    }

    /// The batches of a part's currency that it names, and the ids of their payouts.
    fn batches(&self, part: &Part) -> BTreeMap<OrdersId, Vec<String>> {
        let named = part.orders.iter().filter_map(|named| {
            let file = self.files.get(&(named.cutoff, named.ordinal))?;
            let (place, (_, ids)) = (1_usize..)
                .zip(file)
                .find(|(_, (currency, _))| **currency == part.money.currency())?;
            let batch = Some(place);
            named
                .batch
                .is_none_or(|named| named == place)
                .then(|| (OrdersId { batch, ..*named }, ids.clone()))
        });
        named.collect()
    }

    /// Confirms what a batch that was debited as one sum still has of payouts, all or none.
    async fn debit_batch(
        &mut self,
        tx: &mut Tx,
        run: &Run<'_>,
        part: &Part,
        booked: &mut Booked,
    ) -> Result<(), BankError> {
        let batches = self.batches(part);
        let is_debit = !part.reversal && part.returned.is_none() && of_bank(&part.code).is_none();
        if batches.is_empty() || !is_debit || self.names(part) {
            return Ok(());
        }
        let (mut open, mut on_their_way, mut sum, mut unknown) = (Vec::new(), Vec::new(), 0_i64, 0_usize);
        for id in batches.values().flatten() {
            let Some(payout) = self.known.get(id) else {
                unknown = unknown.saturating_add(1);
                continue;
            };
            match (payout.state.as_str(), payout.confirmation) {
                ("instructed" | "sent" | "unknown", None) => on_their_way.push(id.clone()),
                (_, Some((_, false))) => {}
                _ => continue,
            }
            open.push(id.clone());
            let more = sum.checked_add(payout.money.minor());
            sum = more.ok_or(AmountError::TooLarge)?;
        }
        if unknown > 0 || part.money.minor().checked_neg() != Some(sum) {
            let names: Vec<String> = batches.keys().map(ToString::to_string).collect();
            let untold = Money::from_minor(sum, part.money.currency());
            let mut why = format!(
                "it names batch {}, of which no statement has told of {} payouts of {untold}",
                names.join(" and "),
                open.len()
            );
            if unknown > 0 {
                let and = format!("; the end-to-end ids of {unknown} others are those of other merchants' payouts too");
                why.push_str(&and);
            }
            booked.left.insert((part.ordinal, part.part), why);
            return Ok(());
        }
        confirm_known(tx, run.deployment, &on_their_way, part.booked_on).await?;
        self.again(tx, &on_their_way).await?;
        for id in open {
            if let Some(payout) = self.known.get_mut(&id)
                && let Some((number, is_told)) = &mut payout.confirmation
            {
                *is_told = true;
                let taken = payout.money.minor().checked_neg();
                let taken = taken.ok_or(AmountError::TooLarge)?;
                let money = Money::from_minor(taken, part.money.currency());
                booked.tell(part, "payout", money, (payout.book, *number));
            }
        }
        Ok(())
    }

    fn of_part(&mut self, part: &Part) -> Option<(String, &mut Known)> {
        let id = self.named_by(part)?.clone();
        let payout = self.known.get_mut(&id)?;
        (payout.money.currency() == part.money.currency()).then_some((id, payout))
    }

    async fn confirm(
        &mut self,
        tx: &mut Tx,
        run: &Run<'_>,
        confirm: BTreeMap<NaiveDate, Vec<(String, &Part)>>,
        booked: &mut Booked,
    ) -> Result<(), BankError> {
        for (day, made) in confirm {
            let ids: Vec<String> = made.iter().map(|(id, _)| id.clone()).collect();
            confirm_known(tx, run.deployment, &ids, day).await?;
            self.again(tx, &ids).await?;
            for (id, part) in made {
                if let Some(payout) = self.known.get_mut(&id)
                    && let Some((number, is_told)) = &mut payout.confirmation
                {
                    *is_told = true;
                    booked.tell(part, "payout", part.money, (payout.book, *number));
                }
            }
        }
        Ok(())
    }

    /// Reads payouts again after they were booked; what was told of in this file stays so.
    async fn again(&mut self, tx: &mut Tx, ids: &[String]) -> Result<(), StoreError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for (id, mut payout) in Self::load(tx, &ids).await?.0 {
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
        booked: &mut Booked,
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
            booked.tell(part, "return", part.money, (payout.book, *number));
        }
        Ok(())
    }
}
