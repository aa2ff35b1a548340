//! The proof of a day, held to the model: every identity's books are those of the model, and its items come to the same.
//!
//! Histories have no bank statements, so nothing is received, and what is on the bank account is told by nobody: the fourth and
//! fifth identity are incomplete, and their figures are the model's all the same.

use std::collections::BTreeMap;

use acquit::audit::proof::{Facts, Identity, Verdict};
use acquit::ledger::entry::EntryKind;
use acquit::store::Store;
use acquit::store::proof::facts;
use acquit::store::settings::Deployment;
use acquit::store::snapshot::Snapshot;
use chrono::NaiveDate;

use super::settle::File;
use crate::model::rules::Model;

type Sums = BTreeMap<(String, String), i128>;

/// Proves a day over all books, against the model.
pub async fn prove(
    store: &Store,
    deployment: &Deployment,
    model: &Model<'_>,
    files: &[File],
    day: NaiveDate,
) -> Result<(), String> {
    let mut snapshot = Snapshot::open(store).await.map_err(|error| error.to_string())?;
    let facts = facts(&mut snapshot, deployment, day)
        .await
        .map_err(|error| error.to_string())?;
    snapshot.close().await;
    let identities = facts.identities();
    let at = |reason: String| format!("the proof of {day}: {reason}");
    for identity in identities.iter().filter(|identity| identity.number < 5) {
        if identity.residual() != 0 || !identity.untrue.is_empty() {
            return Err(at(format!("{identity:#?}")));
        }
        if identity.number == 4 && identity.verdict() != Verdict::Incomplete {
            return Err(at(format!("without statements it is {identity:#?}")));
        }
    }
    for (number, codes) in [(1, [1100, 1130]), (3, [1110, 1110]), (4, [1010, 1010])] {
        let found = sums(&identities, number, |identity| identity.books);
        let expected = balances(model, &codes, day);
        if found != expected {
            return Err(at(format!("identity {number} has {found:?}, the model {expected:?}")));
        }
    }
    let last = model
        .books
        .values()
        .flat_map(|book| &book.entries)
        .map(|entry| entry.day)
        .max();
    if last.is_none_or(|last| last <= day) {
        let found = sums(&identities, 1, |identity| identity.items);
        let expected = not_missing(model);
        if found != expected {
            let differ = expected
                .keys()
                .chain(found.keys())
                .find(|key| found.get(*key) != expected.get(*key));
            let (acquirer, currency) = differ.cloned().unwrap_or_default();
            let items: Vec<_> = facts
                .items
                .iter()
                .filter(|items| items.acquirer == acquirer && items.currency == currency)
                .collect();
            let of_model = model
                .books
                .iter()
                .flat_map(|(merchant, book)| book.items.iter().map(move |item| (merchant, item)));
            let of_model: Vec<_> = of_model
                .filter(|(_, (_, item))| item.acquirer == acquirer && item.currency == currency)
                .collect();
            let breaks: Vec<_> = model.breaks.iter().filter(|found| found.acquirer == acquirer).collect();
            return Err(at(format!(
                "items in no file are {items:#?}, by the model {of_model:#?}\n{breaks:#?}"
            )));
        }
        let found = sums(&identities, 3, |identity| identity.items);
        let expected = promised(files);
        if found != expected {
            return Err(at(format!("batches come to {found:?}, by the model {expected:?}")));
        }
    }
    received(&facts, model, files, day).map_err(at)
}

fn sums(identities: &[Identity], number: u8, of: fn(&Identity) -> i128) -> Sums {
    let mut sums = Sums::new();
    for identity in identities.iter().filter(|identity| identity.number == number) {
        *sums
            .entry((identity.of.clone(), identity.currency.clone()))
            .or_default() += of(identity);
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

/// What accounts hold at the end of a day, by dimension and currency.
fn balances(model: &Model<'_>, codes: &[i16], day: NaiveDate) -> Sums {
    let mut sums = Sums::new();
    let entries = model.books.values().flat_map(|book| &book.entries);
    for moved in entries
        .filter(|entry| entry.day <= day)
        .flat_map(|entry| &entry.transfers)
    {
        for ((code, currency, dimension), amount) in [(&moved.debit, moved.amount), (&moved.credit, -moved.amount)] {
            if codes.contains(code) {
                *sums.entry((dimension.clone(), currency.clone())).or_default() += i128::from(amount);
            }
        }
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

/// Open items, and captures whose aggregate is not handed in, without those that a break says are missing.
fn not_missing(model: &Model<'_>) -> Sums {
    let mut sums = Sums::new();
    for (merchant, book) in &model.books {
        for (number, item) in &book.items {
            let is_missing = model.breaks.iter().any(|found| {
                found.class == "MISSING_IN_FILE"
                    && found.is_open
                    && found.merchant.as_ref() == Some(merchant)
                    && found.number == Some(*number)
            });
            if !is_missing {
                let sum = sums.entry((item.acquirer.clone(), item.currency.clone())).or_default();
                *sum += i128::from(item.gross - item.cost);
            }
        }
        for aggregate in book.aggregates.values().filter(|aggregate| aggregate.closed.is_none()) {
            *sums
                .entry((aggregate.acquirer.clone(), aggregate.currency.clone()))
                .or_default() += i128::from(aggregate.gross);
        }
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

/// What batches of booked files come to.
fn promised(files: &[File]) -> Sums {
    let mut sums = Sums::new();
    for file in files.iter().filter(|file| file.is_booked) {
        for line in file.lines.iter().filter(|line| line.record() != "payout") {
            *sums.entry((file.acquirer.clone(), line.net.0.clone())).or_default() += i128::from(line.net.1);
        }
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

/// Nothing has been received: what each merchant is required for is what moved its accounts beside captures, costs passed on, and
/// what the acquirer brings or takes.
fn received(facts: &Facts, model: &Model<'_>, files: &[File], day: NaiveDate) -> Result<(), String> {
    let mut nets: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_booked) {
        for line in file.lines.iter().filter(|line| line.record() != "payout") {
            *nets.entry((&line.batch, &line.net.0)).or_default() += line.net.1;
        }
    }
    // Of a batch that comes to nothing, nothing is awaited.
    if nets.values().any(|net| *net == 0) {
        return Ok(());
    }
    let is_owed = |code: i16| matches!(code, 1200 | 2010 | 2020 | 2030 | 2040);
    let is_cash = |kind: EntryKind| !matches!(kind, EntryKind::Capture | EntryKind::CaptureVoid);
    let mut expected = Sums::new();
    for (merchant, book) in &model.books {
        let voids = book
            .entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::CaptureVoid && entry.day <= day);
        let voided: Vec<usize> = voids.filter_map(|entry| entry.reverses).collect();
        for (number, entry) in (1..).zip(&book.entries) {
            // A capture that was withdrawn, and what withdrew it, leave what fees are rounded by.
            let counts = if entry.kind == EntryKind::Capture {
                voided.contains(&number)
            } else {
                entry.day <= day
            };
            if !counts {
                continue;
            }
            for moved in &entry.transfers {
                let (debit, credit) = (is_owed(moved.debit.0), is_owed(moved.credit.0));
                let other = if debit { moved.credit.0 } else { moved.debit.0 };
                let is_passed_on = entry.kind == EntryKind::Settlement && matches!(other, 4060 | 2300);
                if debit == credit || is_passed_on || (is_cash(entry.kind) && matches!(other, 1100 | 1130)) {
                    continue;
                }
                let amount = if credit { moved.amount } else { -moved.amount };
                *expected.entry((merchant.clone(), moved.debit.1.clone())).or_default() += i128::from(amount);
            }
        }
    }
    let mut found = Sums::new();
    for client in facts.clients() {
        let key = (client.merchant.unwrap_or_default(), client.currency);
        *found.entry(key).or_default() += client.share - client.debt + client.reserve + client.hold;
    }
    expected.retain(|_, sum| *sum != 0);
    found.retain(|_, sum| *sum != 0);
    match found == expected {
        true => Ok(()),
        false => {
            let differ = expected
                .keys()
                .chain(found.keys())
                .find(|key| found.get(*key) != expected.get(*key));
            let key = differ.cloned().unwrap_or_default();
            let book = facts
                .merchants
                .iter()
                .find(|(_, merchant)| **merchant == key.0)
                .map(|(book, _)| *book);
            let items: Vec<_> = facts.items.iter().filter(|items| Some(items.book) == book).collect();
            let reported: Vec<_> = facts.reported.iter().filter(|((of, _), _)| Some(*of) == book).collect();
            Err(format!(
                "of {key:?} {:?} is required, by the model {:?}\n{items:#?}\n{reported:#?}",
                found.get(&key),
                expected.get(&key)
            ))
        }
    }
}
