//! Posting: each part of an entry becomes an entry of the house's book, unless the books have it on 1010 already.
//!
//! 1010 stands for what the account of the statement is in the books: 1030 where somebody else keeps merchants' money, of which
//! only what the bank takes or pays, and sweeps, are known. With a for the amount of a part (a credit; a debit the other way
//! round), and s for what of a batch is awaited no more by it:
//!
//! | the part | debit ← credit |
//! | --- | --- |
//! | pays batches of an acquirer | 1010 ← 1110 a, batch by batch |
//! | pays one with less, or more | in addition 1900 ← 1110 s - a, or 1110 ← 2900 a - s: `FUNDING_MISMATCH` |
//! | charges of the bank | 5050 ← 1010, given back 1010 ← 5050 |
//! | interest | 1010 ← 4080; where it is we who pay it, 5050 ← 1010 |
//! | comes from our own money, or from what somebody else keeps | 1010 ← 1020, 1010 ← 1030; one entry for both statements |
//! | confirms or returns a payout, or a batch of them, or is on 1010 already | nothing more |
//! | nobody knows it | 1010 ← 2900, or 1900 ← 1010: `UNIDENTIFIED_RECEIPT` |
//!
//! What is unknown is kept by the acquirer that it names, else by the name of the bank account. Nothing that is in suspense is
//! anybody's until people resolve its break.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use tokio_postgres::Row;

use super::intake::{Part, Taken};
use super::payouts::{Booked, Payouts, Place};
use super::{BankError, Run};
use crate::bank::Code;
use crate::bank::receipts::{self, Decided, Left, Payment, Receipt, Target, words};
use crate::bank::sweeps::{self, Side};
use crate::ids::{AcquirerId, BookId, EntryNumber, OWN};
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::{AmountError, Currency, Money};
use crate::recon::breaks::BreakClass;
use crate::store::books::LockedBooks;
use crate::store::settings::Deployment;
use crate::store::{StoreError, Tx, breaks};

/// For how many days before a statement the books are looked through for what it tells of.
const LOOK_BACK: u64 = 60;

/// Books a file whose statements are kept.
pub(super) async fn post(tx: &mut Tx, run: &Run<'_>, taken: &Taken) -> Result<(), BankError> {
    let stated = taken.statements.iter().filter(|stated| stated.state == "booked");
    let parts: Vec<&Part> = stated.clone().flat_map(|stated| &stated.parts).collect();
    let (settlement, external): (Vec<&Part>, Vec<&Part>) = parts
        .into_iter()
        .partition(|part| part.account == AccountCode::BankSettlement);
    let mut payouts = Payouts::of(tx, taken).await?;
    let mut concerned = payouts.books();
    concerned.push(BookId::HOUSE);
    // All of them at once, by id: confirmations and returns lock theirs again.
    LockedBooks::lock(tx, &concerned).await?;
    let booked = payouts.book(tx, run, &settlement).await?;
    let mut posting = Posting {
        run,
        books: LockedBooks::lock(tx, &[BookId::HOUSE]).await?,
        matches: Vec::new(),
        breaks: Vec::new(),
        sweeps: Vec::new(),
        suspended: Vec::new(),
    };
    let mut by_currency: BTreeMap<Currency, Vec<&Part>> = BTreeMap::new();
    for part in settlement {
        by_currency.entry(part.money.currency()).or_default().push(part);
    }
    for (currency, parts) in by_currency {
        posting.post(tx, currency, &parts, &booked, &payouts).await?;
    }
    posting.post_external(tx, &external).await?;
    posting.write(tx).await?;
    let paid = include_str!("../../../schema/queries/bank_receipts_came.sql");
    let paid = tx
        .query(paid, &[&run.source.0])
        .await?
        .iter()
        .map(|row| Ok((AcquirerId(row.try_get("acquirer_id")?), row.try_get("words")?)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    breaks::came(tx, run.source, BreakClass::MissingReceipt, &paid).await?;
    let mut latest: BTreeMap<Currency, NaiveDate> = BTreeMap::new();
    for stated in stated.filter(|stated| stated.code == AccountCode::BankSettlement) {
        if let Some(currency) = stated.currency() {
            let day = latest.entry(currency).or_insert(stated.days.1);
            *day = stated.days.1.max(*day);
        }
    }
    for (currency, until) in latest {
        let missing = include_str!("../../../schema/queries/bank_missing_receipts.sql");
        let since = last_in_time(until, &banks(run.deployment, currency));
        tx.execute(missing, &[&run.source.0, &currency.code(), &since]).await?;
    }
    Ok(())
}

/// On which days the banks of a currency are open, as far as a calendar is named for it and covers them.
pub(super) fn banks(deployment: &Deployment, currency: Currency) -> impl Fn(NaiveDate) -> bool + use<> {
    let named = deployment
        .latest()
        .and_then(|settings| settings.payout.calendars.get(&currency));
    deployment.business_days(named.map(|named| &*named.name))
}

/// What was awaited before this day, and is not there, is missing.
fn last_in_time(until: NaiveDate, is_open: receipts::Open<'_>) -> NaiveDate {
    let mut day = until;
    while let Some(before) = day
        .pred_opt()
        .filter(|before| receipts::is_near(*before, until, is_open))
    {
        day = before;
    }
    day
}

/// A batch, or an entry of the books, that parts may pay.
pub(super) enum Awaited {
    Batch {
        acquirer_id: AcquirerId,
        acquirer: Arc<str>,
        batch: String,
        /// The latest day of the files that promise it.
        booked_on: Option<NaiveDate>,
    },
    Recorded(BookId, EntryNumber),
}

/// A row of `bank_match`.
struct Match {
    place: Place,
    kind: &'static str,
    money: Money,
    of: Option<(AcquirerId, String, i64)>,
    book: BookId,
    number: EntryNumber,
}

/// A break to be opened.
struct Found {
    class: BreakClass,
    acquirer: AcquirerId,
    expected: Option<i64>,
    actual: Money,
    suspense: EntryNumber,
    on: NaiveDate,
    detail: String,
}

struct Posting<'a> {
    run: &'a Run<'a>,
    books: LockedBooks,
    matches: Vec<Match>,
    breaks: Vec<Found>,
    /// What is in suspense, and may pay what becomes known later.
    suspended: Vec<(EntryNumber, Part)>,
    /// The sweeps that are new in this file.
    sweeps: Vec<(Between, Side, EntryNumber)>,
}

/// An account of the house of which a statement tells, and another of its currency.
type Between = (AccountCode, Currency, AccountCode);

fn side(part: &Part) -> Side {
    Side {
        amount: part.money.minor(),
        on: part.value_on,
    }
}

impl Posting<'_> {
    /// Posts the parts of one currency.
    async fn post(
        &mut self,
        tx: &mut Tx,
        currency: Currency,
        parts: &[&Part],
        booked: &Booked,
        payouts: &Payouts,
    ) -> Result<(), BankError> {
        let mut open: Vec<&Part> = Vec::new();
        let mut sweeps = Vec::new();
        for part in parts {
            let place = (part.ordinal, part.part);
            if let Some(told) = booked.told.get(&place) {
                for one in told {
                    self.matched(part, one.kind, one.money, None, (one.book, one.number));
                }
            } else if let Some(why) = booked.left.get(&place) {
                let bank = Arc::clone(&self.run.bank);
                self.keep(part, (self.run.bank_id, &bank), why)?;
            } else if let Some(why) = payouts.named(part) {
                // It names a payout, and is not what becomes of it: whatever else has its amount, it is not that.
                let bank = Arc::clone(&self.run.bank);
                self.keep(part, (self.run.bank_id, &bank), &why)?;
            } else if let Some(kind) = of_bank(&part.code) {
                self.bank(part, kind)?;
            } else if let Some(other) = part.swept {
                sweeps.push((*part, other));
            } else {
                open.push(part);
            }
        }
        self.sweep(tx, &sweeps).await?;
        let told: BTreeSet<(BookId, EntryNumber)> = booked
            .told
            .values()
            .flatten()
            .map(|told| (told.book, told.number))
            .collect();
        let words: BTreeSet<&str> = open.iter().flat_map(|part| &part.words).map(String::as_str).collect();
        let days = open.iter().flat_map(|part| [part.value_on, part.booked_on]);
        let (Some(first), Some(last)) = (days.clone().min(), days.max()) else {
            return Ok(());
        };
        let span = Span {
            currency,
            days: (first, last),
            words: words.into_iter().collect(),
        };
        // What this file told of, and its confirmations, are not in `bank_match` yet.
        let (awaited, targets) = awaited(tx, &self.run.bank, &span, &told).await?;
        let receipts: Vec<Receipt> = open.iter().map(|part| receipt(part)).collect();
        let Decided { payments, left } = receipts::decide(&receipts, &targets, &banks(self.run.deployment, currency));
        for payment in &payments {
            self.pay(payment, &open, &awaited, &targets)?;
        }
        for (place, why) in left {
            if let Some(part) = open.get(place) {
                let number = self.suspend(part, why, &awaited)?;
                self.suspended.push((number, (*part).clone()));
            }
        }
        Ok(())
    }

    /// Posts the parts of accounts that somebody else keeps: nothing is awaited there but sweeps.
    async fn post_external(&mut self, tx: &mut Tx, parts: &[&Part]) -> Result<(), BankError> {
        let mut sweeps = Vec::new();
        for part in parts {
            if let Some(kind) = of_bank(&part.code) {
                self.bank(part, kind)?;
            } else if let Some(other) = part.swept {
                sweeps.push((*part, other));
            } else {
                self.suspend(part, Left::Unknown, &[])?;
            }
        }
        self.sweep(tx, &sweeps).await
    }

    /// Books the sweeps that parts tell of, each unless the statement of the other account did.
    async fn sweep(&mut self, tx: &mut Tx, sweeps: &[(&Part, AccountCode)]) -> Result<(), BankError> {
        let mut by_accounts: BTreeMap<Between, Vec<&Part>> = BTreeMap::new();
        for (part, other) in sweeps {
            let accounts = (part.account, part.money.currency(), *other);
            by_accounts.entry(accounts).or_default().push(part);
        }
        for ((account, currency, other), parts) in by_accounts {
            let (numbers, booked) = self.untold_sweeps(tx, (account, currency, other)).await?;
            let entries: Vec<Side> = parts.iter().map(|part| side(part)).collect();
            for (part, told) in parts.into_iter().zip(sweeps::pair(&entries, &booked)) {
                let number = if let Some(number) = told.and_then(|place| numbers.get(place)) {
                    *number
                } else {
                    let bank = Arc::clone(&self.run.bank);
                    let number = self.book(part, &bank, &[((account, other), part.money.minor())])?;
                    self.sweeps.push(((account, currency, other), side(part), number));
                    number
                };
                self.matched(part, "sweep", part.money, None, (BookId::HOUSE, number));
            }
        }
        Ok(())
    }

    /// Sweeps between two accounts of which only the statement of the other one has told, as they are on the first.
    async fn untold_sweeps(
        &self,
        tx: &mut Tx,
        (account, currency, other): Between,
    ) -> Result<(Vec<EntryNumber>, Vec<Side>), BankError> {
        let sql = include_str!("../../../schema/queries/bank_sweeps.sql");
        let mut sweeps = Vec::new();
        for row in &tx
            .query(sql, &[&account.number(), &other.number(), &currency.code()])
            .await?
        {
            let number = EntryNumber(row.try_get("number").map_err(StoreError::from)?);
            let amount: i64 = row.try_get("amount").map_err(StoreError::from)?;
            sweeps.push((number, amount, row.try_get("value_on").map_err(StoreError::from)?));
        }
        // Those of this file are not in the database yet.
        let of_file = self
            .sweeps
            .iter()
            .filter(|(between, ..)| *between == (other, currency, account));
        sweeps.extend(of_file.map(|(_, side, number)| (*number, side.amount, side.on)));
        let sides = sweeps.iter().map(|(_, amount, on)| {
            let amount = amount.checked_neg().ok_or(AmountError::TooLarge)?;
            Ok(Side { amount, on: *on })
        });
        let sides = sides.collect::<Result<_, AmountError>>()?;
        Ok((sweeps.into_iter().map(|(number, ..)| number).collect(), sides))
    }

    /// What pays what: one entry of the house a part.
    fn pay(
        &mut self,
        payment: &Payment,
        open: &[&Part],
        awaited: &[Awaited],
        targets: &[Target],
    ) -> Result<(), BankError> {
        let mut parts: Vec<&Part> = payment
            .receipts
            .iter()
            .filter_map(|place| open.get(*place))
            .copied()
            .collect();
        // The last of them has the difference, if there is one: by what they are, not by their order in the file.
        parts.sort_by_key(|part| (part.value_on, part.money.minor(), part.line, part.ordinal, part.part));
        let paid: Vec<(&Awaited, &Target)> = payment
            .targets
            .iter()
            .filter_map(|place| awaited.get(*place).zip(targets.get(*place)))
            .collect();
        match (&parts[..], &paid[..]) {
            (parts, [(Awaited::Recorded(book, number), _)]) => {
                for part in parts {
                    self.matched(part, "recorded", part.money, None, (*book, *number));
                }
            }
            (
                parts,
                [
                    (
                        Awaited::Batch {
                            acquirer_id,
                            acquirer,
                            batch,
                            ..
                        },
                        target,
                    ),
                ],
            ) => self.pay_batch(parts, (*acquirer_id, acquirer, batch), target.amount)?,
            ([part], several) => self.pay_several(part, several)?,
            _ => {
                let what = "parts that pay several targets together".to_owned();
                return Err(StoreError::Unreadable(what).into());
            }
        }
        Ok(())
    }

    /// Parts that pay one batch: all of it, or what they come to, the difference in suspense.
    fn pay_batch(
        &mut self,
        parts: &[&Part],
        (acquirer_id, acquirer, batch): (AcquirerId, &Arc<str>, &str),
        open: i64,
    ) -> Result<(), BankError> {
        let sum = parts
            .iter()
            .try_fold(0_i64, |sum, part| sum.checked_add(part.money.minor()));
        let sum = sum.ok_or(AmountError::TooLarge)?;
        let amounts: Vec<i64> = parts.iter().map(|part| part.money.minor()).collect();
        let all = receipts::settled(&amounts, open).ok_or(AmountError::TooLarge)?;
        for (part, settled) in parts.iter().zip(all) {
            let difference = part.money.minor().checked_sub(settled).ok_or(AmountError::TooLarge)?;
            let mut legs = vec![((part.account, AccountCode::AcquirerInTransit), part.money.minor())];
            match difference.signum() {
                1 => legs.push((
                    (AccountCode::AcquirerInTransit, AccountCode::SuspenseCredit),
                    difference,
                )),
                -1 => legs.push((
                    (AccountCode::SuspenseDebit, AccountCode::AcquirerInTransit),
                    difference.saturating_neg(),
                )),
                _ => {}
            }
            let number = self.book(part, acquirer, &legs)?;
            let of = Some((acquirer_id, batch.to_owned(), settled));
            self.matched(part, "receipt", part.money, of, (BookId::HOUSE, number));
            if difference != 0 {
                let currency = part.money.currency();
                let (came, awaited) = (Money::from_minor(sum, currency), Money::from_minor(open, currency));
                self.breaks.push(Found {
                    class: BreakClass::FundingMismatch,
                    acquirer: acquirer_id,
                    expected: Some(open),
                    actual: came,
                    suspense: number,
                    on: part.value_on,
                    detail: differs(batch, came, awaited, &told_by(part)),
                });
            }
        }
        Ok(())
    }

    /// A part that pays several batches, or is made of several entries that are on the books, exactly.
    fn pay_several(&mut self, part: &Part, several: &[(&Awaited, &Target)]) -> Result<(), BankError> {
        let leg = (part.account, AccountCode::AcquirerInTransit);
        let transfers: Vec<Transfer> = several
            .iter()
            .filter_map(|(awaited, target)| match awaited {
                Awaited::Batch { acquirer, .. } => {
                    Some(self.transfer(part.money.currency(), acquirer, leg, target.amount))
                }
                Awaited::Recorded(..) => None,
            })
            .collect();
        let number = if transfers.is_empty() {
            None
        } else {
            Some(self.append(part, transfers)?)
        };
        for (awaited, target) in several {
            let money = Money::from_minor(target.amount, part.money.currency());
            let (kind, of, entry) = match awaited {
                Awaited::Recorded(book, number) => ("recorded", None, (*book, *number)),
                Awaited::Batch { acquirer_id, batch, .. } => {
                    let number =
                        number.ok_or_else(|| StoreError::Unreadable("a batch without its entry".to_owned()))?;
                    let of = Some((*acquirer_id, batch.clone(), target.amount));
                    ("receipt", of, (BookId::HOUSE, number))
                }
            };
            self.matched(part, kind, money, of, entry);
        }
        Ok(())
    }

    /// What the bank takes or pays for itself.
    fn bank(&mut self, part: &Part, kind: &'static str) -> Result<(), BankError> {
        let other = if kind == "interest" && part.money.minor() > 0 {
            AccountCode::IncomeInterest
        } else {
            AccountCode::CostBank
        };
        let bank = Arc::clone(&self.run.bank);
        let legs = [((part.account, other), part.money.minor())];
        let number = self.book(part, &bank, &legs)?;
        self.matched(part, kind, part.money, None, (BookId::HOUSE, number));
        Ok(())
    }

    /// Money that nobody can explain.
    fn suspend(&mut self, part: &Part, why: Left, awaited: &[Awaited]) -> Result<EntryNumber, BankError> {
        let named = match why {
            Left::Named(place) => awaited.get(place),
            Left::Ambiguous | Left::Unknown => None,
        };
        let (acquirer_id, acquirer, why) = match named {
            Some(Awaited::Batch {
                acquirer_id,
                acquirer,
                batch,
                ..
            }) => {
                let why = format!("it names batch {batch} of {acquirer}, of which no such payment is awaited");
                (*acquirer_id, Arc::clone(acquirer), why)
            }
            Some(Awaited::Recorded(..)) | None => {
                let why = match why {
                    Left::Ambiguous => "more than one thing fits",
                    Left::Named(_) => "it names an entry of another amount",
                    Left::Unknown if part.end_to_end_id.is_some() => {
                        "nothing that is awaited fits, and no payout on its way"
                    }
                    Left::Unknown => "nothing that is awaited fits",
                };
                (self.run.bank_id, Arc::clone(&self.run.bank), why.to_owned())
            }
        };
        self.keep(part, (acquirer_id, &acquirer), &why)
    }

    /// Keeps a part in suspense, and opens its break.
    fn keep(
        &mut self,
        part: &Part,
        (acquirer_id, acquirer): (AcquirerId, &Arc<str>),
        why: &str,
    ) -> Result<EntryNumber, BankError> {
        let suspense = if part.money.minor() > 0 {
            AccountCode::SuspenseCredit
        } else {
            AccountCode::SuspenseDebit
        };
        let number = self.book(part, acquirer, &[((part.account, suspense), part.money.minor())])?;
        self.matched(part, "suspense", part.money, None, (BookId::HOUSE, number));
        self.breaks.push(Found {
            class: BreakClass::UnidentifiedReceipt,
            acquirer: acquirer_id,
            expected: None,
            actual: part.money,
            suspense: number,
            on: part.booked_on,
            detail: format!("{} ({}): {why}", part.money, told_by(part)),
        });
        Ok(number)
    }

    /// One entry of the house for a part; where an amount is below zero, the other way round.
    fn book(
        &mut self,
        part: &Part,
        acquirer: &Arc<str>,
        legs: &[((AccountCode, AccountCode), i64)],
    ) -> Result<EntryNumber, StoreError> {
        let transfers = legs
            .iter()
            .map(|(leg, amount)| self.transfer(part.money.currency(), acquirer, *leg, *amount))
            .collect();
        self.append(part, transfers)
    }

    fn append(&mut self, part: &Part, transfers: Vec<Transfer>) -> Result<EntryNumber, StoreError> {
        let reference = format!("{OWN}bank {} {}.{}", self.run.tag, part.ordinal, part.part);
        let print = fingerprint(&["bank entry 1", &reference]);
        let entry = Entry {
            source_line: i32::try_from(part.line).ok(),
            transfers,
            ..Entry::of_day(EntryKind::BankEntry, reference, print, part.booked_on, self.run.source)
        };
        self.books.append(BookId::HOUSE, entry)
    }

    fn transfer(
        &self,
        currency: Currency,
        acquirer: &Arc<str>,
        (debit, credit): (AccountCode, AccountCode),
        amount: i64,
    ) -> Transfer {
        use crate::ledger::account::DimensionKind;
        let account = |code: AccountCode| Account {
            code,
            currency,
            dimension: match code.dimension() {
                DimensionKind::Bank => Arc::clone(&self.run.bank),
                DimensionKind::Acquirer => Arc::clone(acquirer),
                DimensionKind::None => Arc::from(""),
            },
        };
        let (debit, credit) = if amount < 0 { (credit, debit) } else { (debit, credit) };
        Transfer {
            debit: account(debit),
            credit: account(credit),
            amount: amount.saturating_abs(),
        }
    }

    fn matched(
        &mut self,
        part: &Part,
        kind: &'static str,
        money: Money,
        of: Option<(AcquirerId, String, i64)>,
        (book, number): (BookId, EntryNumber),
    ) {
        self.matches.push(Match {
            place: (part.ordinal, part.part),
            kind,
            money,
            of,
            book,
            number,
        });
    }

    async fn write(mut self, tx: &mut Tx) -> Result<(), StoreError> {
        self.books.write(tx).await?;
        self.matches
            .sort_by(|left, right| (left.place, &left.of).cmp(&(right.place, &right.of)));
        let rows = &self.matches;
        let ordinals: Vec<i32> = rows.iter().map(|row| row.place.0).collect();
        let alike = rows.chunk_by(|left, right| left.place.0 == right.place.0);
        let parts: Vec<i32> = alike.flat_map(|alike| (1_i32..).take(alike.len())).collect();
        let currencies: Vec<Currency> = rows.iter().map(|row| row.money.currency()).collect();
        let of = |row: &Match| row.of.as_ref().map(|(acquirer, ..)| acquirer.0);
        tx.execute(
            include_str!("../../../schema/queries/bank_matches_insert.sql"),
            &[
                &self.run.source.0,
                &ordinals,
                &parts,
                &rows.iter().map(|row| row.kind).collect::<Vec<&str>>(),
                &rows.iter().map(|row| row.money.minor()).collect::<Vec<i64>>(),
                &rows.iter().map(of).collect::<Vec<Option<i16>>>(),
                &rows
                    .iter()
                    .map(|row| row.of.as_ref().map(|(_, batch, _)| batch.as_str()))
                    .collect::<Vec<Option<&str>>>(),
                &currencies.iter().map(Currency::code).collect::<Vec<&str>>(),
                &rows
                    .iter()
                    .map(|row| row.of.as_ref().map(|(.., settled)| *settled))
                    .collect::<Vec<Option<i64>>>(),
                &rows.iter().map(|row| row.book.0).collect::<Vec<i64>>(),
                &rows.iter().map(|row| row.number.0).collect::<Vec<i64>>(),
            ],
        )
        .await?;
        let breaks = &self.breaks;
        let currencies: Vec<Currency> = breaks.iter().map(|found| found.actual.currency()).collect();
        tx.execute(
            include_str!("../../../schema/queries/bank_breaks_insert.sql"),
            &[
                &self.run.source.0,
                &breaks.iter().map(|found| found.class.name()).collect::<Vec<&str>>(),
                &breaks.iter().map(|found| found.acquirer.0).collect::<Vec<i16>>(),
                &breaks.iter().map(|found| found.expected).collect::<Vec<Option<i64>>>(),
                &breaks.iter().map(|found| found.actual.minor()).collect::<Vec<i64>>(),
                &currencies.iter().map(Currency::code).collect::<Vec<&str>>(),
                &breaks.iter().map(|found| found.suspense.0).collect::<Vec<i64>>(),
                &breaks.iter().map(|found| found.on).collect::<Vec<NaiveDate>>(),
                &breaks.iter().map(|found| found.detail.as_str()).collect::<Vec<&str>>(),
            ],
        )
        .await?;
        keep_suspended(tx, self.run, &self.suspended).await
    }
}

/// Keeps what is in suspense with all that it may be known by later.
async fn keep_suspended(tx: &mut Tx, run: &Run<'_>, kept: &[(EntryNumber, Part)]) -> Result<(), StoreError> {
    if kept.is_empty() {
        return Ok(());
    }
    let parts = || kept.iter().map(|(_, part)| part);
    let currencies: Vec<Currency> = parts().map(|part| part.money.currency()).collect();
    let words = |part: &Part| part.words.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let line = |part: &Part| i64::try_from(part.line).unwrap_or(i64::MAX);
    tx.execute(
        include_str!("../../../schema/queries/bank_suspended_insert.sql"),
        &[
            &run.source.0,
            &kept.iter().map(|(number, _)| number.0).collect::<Vec<i64>>(),
            &parts().map(|part| part.ordinal).collect::<Vec<i32>>(),
            &parts().map(|part| part.part).collect::<Vec<i32>>(),
            &parts().map(line).collect::<Vec<i64>>(),
            &currencies.iter().map(Currency::code).collect::<Vec<&str>>(),
            &parts().map(|part| part.money.minor()).collect::<Vec<i64>>(),
            &parts().map(|part| part.booked_on).collect::<Vec<NaiveDate>>(),
            &parts().map(|part| part.value_on).collect::<Vec<NaiveDate>>(),
            &parts().map(words).collect::<Vec<String>>(),
            &parts().map(|part| part.payer.as_str()).collect::<Vec<&str>>(),
        ],
    )
    .await
    .map(|_| ())
}

/// What is awaited by some parts of one currency: between which days they are, and by which words they may name it.
pub(super) struct Span<'a> {
    pub(super) currency: Currency,
    pub(super) days: (NaiveDate, NaiveDate),
    pub(super) words: Vec<&'a str>,
}

/// What is awaited in a currency, or named, and what is on the bank account of the books; but for these entries.
pub(super) async fn awaited(
    tx: &mut Tx,
    bank: &str,
    span: &Span<'_>,
    told: &BTreeSet<(BookId, EntryNumber)>,
) -> Result<(Vec<Awaited>, Vec<Target>), StoreError> {
    let mut found = (Vec::new(), Vec::new());
    let code = span.currency.code();
    let (first, last) = span.days;
    let sql = include_str!("../../../schema/queries/bank_awaited.sql");
    for row in &tx.query(sql, &[&code, &span.words]).await? {
        let (awaited, target) = batch(row, first)?;
        found.0.push(awaited);
        found.1.push(target);
    }
    let sql = include_str!("../../../schema/queries/bank_recorded.sql");
    let from = first.checked_sub_days(Days::new(LOOK_BACK)).unwrap_or(first);
    let until = last.checked_add_days(Days::new(LOOK_BACK)).unwrap_or(last);
    for row in &tx.query(sql, &[&bank, &code, &from, &until]).await? {
        let kind: &str = row.try_get("kind")?;
        let entry = (BookId(row.try_get("book_id")?), EntryNumber(row.try_get("number")?));
        if told.contains(&entry) {
            continue;
        }
        found.0.push(Awaited::Recorded(entry.0, entry.1));
        found.1.push(Target {
            amount: row.try_get("amount")?,
            on: row.try_get("booking_date")?,
            names: vec![words(row.try_get("reference")?)],
            group: format!("recorded {kind}"),
            by_amount: true,
            may_differ: false,
        });
    }
    Ok(found)
}

/// Where a part stands, for people.
pub(super) fn place(line: i64, part: i32) -> String {
    match part {
        1 => format!("line {line}"),
        place => format!("line {line}, payment {place}"),
    }
}

fn told_by(part: &Part) -> String {
    place(i64::try_from(part.line).unwrap_or(i64::MAX), part.part)
}

/// What the break of a receipt says that is not what is awaited.
pub(super) fn differs(batch: &str, came: Money, awaited: Money, told_by: &str) -> String {
    format!("batch {batch}: {came} came, {awaited} is awaited ({told_by})")
}

fn receipt(part: &Part) -> Receipt {
    Receipt {
        amount: part.money.minor(),
        on: part.value_on,
        words: part.words.clone(),
        payer: part.payer.clone(),
    }
}

/// A batch as what parts may pay; where no day is known it is only found by its name.
fn batch(row: &Row, today: NaiveDate) -> Result<(Awaited, Target), StoreError> {
    let acquirer: &str = row.try_get("name")?;
    let batch: String = row.try_get("batch")?;
    let (net, open): (i64, i64) = (row.try_get("net")?, row.try_get("open")?);
    let on: Option<NaiveDate> = row.try_get("expected_on")?;
    let paid_as: Vec<String> = row.try_get("words")?;
    let names = paid_as.iter().chain([&batch]).map(|text| words(text)).collect();
    let target = Target {
        amount: open,
        on: on.unwrap_or(today),
        names,
        group: acquirer.to_owned(),
        by_amount: on.is_some() && net.signum() == open.signum(),
        may_differ: true,
    };
    let awaited = Awaited::Batch {
        acquirer_id: AcquirerId(row.try_get("acquirer_id")?),
        acquirer: acquirer.into(),
        batch,
        booked_on: row.try_get("booked_on")?,
    };
    Ok((awaited, target))
}

/// Whether the bank says that something is its charge or interest: by ISO 20022's sub-families, SWIFT's and BAI's codes.
pub(super) fn of_bank(code: &Code) -> Option<&'static str> {
    let iso = code
        .iso
        .as_deref()
        .and_then(|iso| iso.rsplit('-').next())
        .unwrap_or_default();
    let own = code.own.as_deref().unwrap_or_default();
    match (iso, own) {
        ("INTR", _) | ("", "NINT" | "354" | "654") => Some("interest"),
        ("CHRG" | "FEES" | "COMM", _) | ("", "NCHG" | "NCOM" | "698") => Some("charge"),
        _ => None,
    }
}
