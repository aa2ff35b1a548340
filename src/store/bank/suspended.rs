//! Receipts that came before the file of what they pay: they are in suspense, and found again when the file has come.
//!
//! Whatever a statement brings that nothing fits is kept with the words and days by which it may be known (`bank_suspended`). When
//! a settlement file is booked, and before a statement is, what is in suspense still is decided anew by
//! [`crate::bank::receipts`], the rules by which it would have been matched had the file come first; all of it together, so two
//! that fit are none. What it pays is booked, and its break resolved, by `breaks::receipt`, on the later of both days. What the
//! books have on the bank account by another way is looked at too: a receipt that is exactly that is taken out of suspense, for the
//! books have it twice (`breaks::told`).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::posting::{Awaited, Span, awaited, banks};
use crate::bank::receipts::{self, Payment, Receipt, Target};
use crate::ids::SYSTEM;
use crate::money::{AmountError, Currency, Money};
use crate::store::breaks::receipt::{Asked, Differs, Given, Rule, give_as};
use crate::store::breaks::told::{self, Recorded};
use crate::store::breaks::{DeskError, Said};
use crate::store::settings::Deployment;
use crate::store::{Store, StoreError, Tx, acquirers, currency};

/// A receipt in suspense.
struct Waiting {
    break_id: i64,
    booked_on: NaiveDate,
    told_by: String,
    receipt: Receipt,
}

impl Store {
    /// Matches receipts in suspense with batches of which files have come since, and says how many. Doing so again does nothing.
    pub async fn match_receipts(&self, deployment: &Deployment) -> Result<usize, DeskError> {
        let waiting: Result<_, DeskError> = self.rehearse(async |tx: &mut Tx| Ok(open(tx).await?)).await;
        if waiting?.is_empty() {
            return Ok(0);
        }
        self.transact(async |tx: &mut Tx| {
            let lock = include_str!("../../../schema/queries/bank_lock.sql");
            tx.query(lock, &[]).await?;
            settle(tx, deployment).await
        })
        .await
    }
}

async fn open(tx: &mut Tx) -> Result<BTreeMap<Currency, Vec<Waiting>>, StoreError> {
    let rows = tx
        .query(include_str!("../../../schema/queries/bank_suspended_open.sql"), &[])
        .await?;
    let mut waiting: BTreeMap<Currency, Vec<Waiting>> = BTreeMap::new();
    for row in &rows {
        let of = waiting.entry(currency(row.try_get("currency")?)?).or_default();
        of.push(read(row)?);
    }
    Ok(waiting)
}

fn read(row: &Row) -> Result<Waiting, StoreError> {
    let words: Vec<String> = row.try_get("words")?;
    Ok(Waiting {
        break_id: row.try_get("break_id")?,
        booked_on: row.try_get("booked_on")?,
        told_by: super::posting::place(row.try_get("line")?, row.try_get("part")?),
        receipt: Receipt {
            amount: row.try_get("amount")?,
            on: row.try_get("value_on")?,
            words: words.into_iter().collect(),
            payer: row.try_get("payer")?,
        },
    })
}

/// Matches what is in suspense, and says how many receipts. All acquirers are locked, and no book has to be.
pub(super) async fn settle(tx: &mut Tx, deployment: &Deployment) -> Result<usize, DeskError> {
    let Some(latest) = deployment.latest() else {
        return Ok(0);
    };
    let mut count = 0_usize;
    for (currency, waiting) in open(tx).await? {
        let receipts: Vec<Receipt> = waiting.iter().map(|waiting| waiting.receipt.clone()).collect();
        let words: BTreeSet<&str> = receipts.iter().flat_map(|one| &one.words).map(String::as_str).collect();
        let days = waiting.iter().flat_map(|one| [one.receipt.on, one.booked_on]);
        let (Some(first), Some(last)) = (days.clone().min(), days.max()) else {
            continue;
        };
        let span = Span {
            currency,
            days: (first, last),
            words: words.into_iter().collect(),
        };
        let (known, targets) = awaited(tx, &latest.house.bank_account, &span, &BTreeSet::new()).await?;
        for payment in receipts::decide(&receipts, &targets, &banks(deployment, currency)).payments {
            if let Some((one, recorded, day)) = recorded(&payment, &waiting, (&known, &targets)) {
                let said = Said {
                    by: SYSTEM,
                    note: Some("the books have it already"),
                    evidence: None,
                };
                acquirers::share(tx, None).await?;
                told::tell(tx, (one.break_id, day), &recorded, 0, said).await?;
                count = count.saturating_add(1);
                continue;
            }
            for (one, given, day) in given(&payment, currency, &waiting, (&known, &targets))? {
                let note = given.batches.iter().map(Asked::name).collect::<Vec<_>>().join(", ");
                let said = Said {
                    by: SYSTEM,
                    note: Some(&note),
                    evidence: None,
                };
                give_as(tx, deployment, (one.break_id, day), &given, said).await?;
                count = count.saturating_add(1);
            }
        }
    }
    Ok(count)
}

/// What a receipt is of what the books have, where it is that to the minor unit, and the day on which both have come.
fn recorded<'w>(
    payment: &Payment,
    waiting: &'w [Waiting],
    (known, targets): (&[Awaited], &[Target]),
) -> Option<(&'w Waiting, Vec<Recorded>, NaiveDate)> {
    let [place] = payment.receipts[..] else {
        return None;
    };
    let one = waiting.get(place)?;
    let entries: Option<Vec<Recorded>> = payment
        .targets
        .iter()
        .map(|place| match (known.get(*place)?, targets.get(*place)?) {
            (Awaited::Recorded(book, number), target) => Some(Recorded {
                book: *book,
                number: *number,
                amount: target.amount,
                on: target.on,
            }),
            (Awaited::Batch { .. }, _) => None,
        })
        .collect();
    let entries = entries?;
    let sum = entries
        .iter()
        .try_fold(0_i64, |sum, entry| sum.checked_add(entry.amount))?;
    let day = entries.iter().map(|entry| entry.on).max()?.max(one.booked_on);
    (sum == one.receipt.amount).then_some((one, entries, day))
}

/// What each receipt of a payment is given to, and on which day it is booked; nothing where it is not batches that it pays.
fn given<'w>(
    payment: &Payment,
    currency: Currency,
    waiting: &'w [Waiting],
    (known, targets): (&[Awaited], &[Target]),
) -> Result<Vec<(&'w Waiting, Given, NaiveDate)>, AmountError> {
    let receipts: Vec<&Waiting> = payment
        .receipts
        .iter()
        .filter_map(|place| waiting.get(*place))
        .collect();
    let mut paid: Vec<(Asked, i64, Option<NaiveDate>)> = Vec::new();
    for (awaited, target) in payment
        .targets
        .iter()
        .filter_map(|place| known.get(*place).zip(targets.get(*place)))
    {
        let Awaited::Batch {
            acquirer,
            batch,
            booked_on,
            ..
        } = awaited
        else {
            return Ok(Vec::new());
        };
        let asked = Asked {
            acquirer: acquirer.to_string(),
            batch: batch.clone(),
            amount: Some(target.amount),
        };
        paid.push((asked, target.amount, *booked_on));
    }
    let latest = paid.iter().filter_map(|(.., on)| *on).max();
    let on = |one: &Waiting| latest.map_or(one.booked_on, |on| on.max(one.booked_on));
    if let [(asked, open, _)] = &paid[..] {
        let amounts: Vec<i64> = receipts.iter().map(|one| one.receipt.amount).collect();
        let settled = receipts::settled(&amounts, *open).ok_or(AmountError::TooLarge)?;
        let came = amounts.iter().try_fold(0_i64, |sum, amount| sum.checked_add(*amount));
        let came = came.ok_or(AmountError::TooLarge)?;
        let with = receipts.iter().zip(settled).map(|(one, settled)| {
            let money = |minor| Money::from_minor(minor, currency);
            let differs = (settled != one.receipt.amount).then(|| Differs {
                awaited: *open,
                came,
                on: one.receipt.on,
                detail: super::posting::differs(&asked.batch, money(came), money(*open), &one.told_by),
            });
            let given = Given {
                batches: vec![Asked {
                    amount: Some(one.receipt.amount),
                    ..asked.clone()
                }],
                by_rule: Some(Rule { settled, differs }),
            };
            (*one, given, on(one))
        });
        return Ok(with.collect());
    }
    // One receipt that pays several batches, each whole.
    let given = Given {
        batches: paid.iter().map(|(asked, ..)| asked.clone()).collect(),
        by_rule: Some(Rule {
            settled: 0,
            differs: None,
        }),
    };
    Ok(match &receipts[..] {
        [one] if !paid.is_empty() => vec![(*one, given, on(one))],
        _ => Vec::new(),
    })
}
