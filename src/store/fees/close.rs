//! The top-up to a monthly minimum: what a month's fees fall short of what the contract promises.
//!
//! 1. Who is asked: merchants that were active on every day of the month, by the version of their schedule that is in force on its
//!    last day. Whether they sold anything does not matter.
//! 2. Lock their books, in id order; what waits there is booked before or after, never beside.
//! 3. Sum what was charged on booking dates of the month, fees given back taken off, never less than nothing.
//! 4. Book the difference, 2020 to 4040 and 2300, on the last day of the month, under a reference of month and currency.
//!
//! The reference is unique in its book, so a month is topped up once, whatever is booked into it later. A month that reached its
//! minimum leaves nothing behind: if fees are given back later with its booking dates, closing it again tops it up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;

use super::{month_of, wide};
use crate::audit::fees::MINIMUM_ACCOUNTS;
use crate::ids::{BookId, EntryNumber, OWN};
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Fingerprint, Transfer};
use crate::money::{Currency, Money};
use crate::payment::fees::{Charge, FeeError, monthly_minimum_fee};
use crate::settings::{FeeSchedule, MerchantState};
use crate::store::books::LockedBooks;
use crate::store::settings::Deployment;
use crate::store::source::source_of_run;
use crate::store::{Retriable, Store, StoreError, Tx, currency};

/// What became of a merchant's minimum in a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The month's fees reach it.
    Reached,
    /// It is topped up by this entry, which a plan would write.
    Due(EntryNumber),
    /// It was topped up before, by this entry.
    Booked(EntryNumber),
}

/// A merchant's minimum in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUp {
    /// The merchant.
    pub merchant: String,
    /// What the month's fees must come to.
    pub minimum: Money,
    /// What they come to, without VAT, the top-up left out.
    pub charged: Money,
    /// What is charged to reach it; of one that was booked before, nothing.
    pub fee: Money,
    /// The VAT of that.
    pub vat: Money,
    /// What became of it.
    pub state: State,
}

/// A month, closed or planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Its last day.
    pub last: NaiveDate,
    /// By merchant and currency.
    pub top_ups: Vec<TopUp>,
    /// Merchants with a minimum that are not asked for it, and why.
    pub passed_over: Vec<(String, String)>,
}

/// Why a month was not closed.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No settings govern the month.
    #[error("no settings are in force on {0}")]
    NoSettings(NaiveDate),
    /// Fees of the month may still come.
    #[error("the month ends on {last}, and today is {today}")]
    NotOver {
        /// Its last day.
        last: NaiveDate,
        /// Today.
        today: NaiveDate,
    },
    /// The fee cannot be worked out.
    #[error("the minimum of merchant `{merchant}`: {error}")]
    Fee {
        /// The merchant.
        merchant: String,
        /// Why.
        error: FeeError,
    },
    /// Something else has the reference of the top-up.
    #[error("entry {number} of merchant `{merchant}` has the reference `{reference}` and is no top-up of ours")]
    ReferenceTaken {
        /// The merchant.
        merchant: String,
        /// The reference.
        reference: String,
        /// The entry.
        number: EntryNumber,
    },
}

impl Retriable for CloseError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::NoSettings(_) | Self::NotOver { .. } | Self::Fee { .. } | Self::ReferenceTaken { .. } => false,
        }
    }
}

impl Store {
    /// Shows what [`Store::close_month`] would book as things stand, also of a month that is not over, and does nothing.
    pub async fn plan_month(&self, deployment: &Deployment, month: NaiveDate) -> Result<Closed, CloseError> {
        self.rehearse(async |tx: &mut Tx| close(tx, deployment, month, None).await)
            .await
    }

    /// Books the top-ups of a month that is over. Closing it again books nothing again.
    pub async fn close_month(
        &self,
        deployment: &Deployment,
        month: NaiveDate,
        today: NaiveDate,
    ) -> Result<Closed, CloseError> {
        self.transact(async |tx: &mut Tx| close(tx, deployment, month, Some(today)).await)
            .await
    }
}

/// Merchants, and why they are not asked.
type PassedOver = Vec<(String, String)>;

/// Who promised a minimum, and by which schedule.
struct Asked<'d> {
    merchant: &'d str,
    schedule: &'d FeeSchedule,
}

fn asked<'d>(
    deployment: &'d Deployment,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<(Vec<Asked<'d>>, PassedOver), CloseError> {
    let settings = deployment.in_force(last).ok_or(CloseError::NoSettings(last))?;
    let mut asked = Vec::new();
    let mut passed_over = Vec::new();
    for merchant in settings.merchants.values() {
        let schedule = settings.fee_schedule(&merchant.fee_schedule, last);
        let Some(schedule) = schedule.filter(|schedule| !schedule.monthly_minimum.is_empty()) else {
            continue;
        };
        let name = merchant.name.as_str();
        let mut states = deployment.in_force_between(first, last).map(|version| {
            let known = version.merchants.get(name);
            (version.effective_from, known.map(|merchant| merchant.state))
        });
        let begun = deployment.in_force(first).is_some();
        let other = states.find(|(_, state)| *state != Some(MerchantState::Active));
        match other {
            _ if !begun => passed_over.push((name.to_owned(), format!("no settings were in force on {first}"))),
            Some((from, _)) => {
                let day = from.max(first);
                passed_over.push((name.to_owned(), format!("not active on {day}")));
            }
            None => asked.push(Asked {
                merchant: name,
                schedule,
            }),
        }
    }
    Ok((asked, passed_over))
}

fn reference(last: NaiveDate, currency: Currency) -> String {
    format!("{OWN}minimum top-up {} {currency}", last.format("%Y-%m"))
}

/// The amount is no part of it: a month is topped up once.
fn fingerprint_of(merchant: &str, reference: &str) -> Fingerprint {
    fingerprint(&["minimum top-up 1", merchant, reference])
}

async fn close(
    tx: &mut Tx,
    deployment: &Deployment,
    month: NaiveDate,
    today: Option<NaiveDate>,
) -> Result<Closed, CloseError> {
    let (first, last) = month_of(month).ok_or(CloseError::NoSettings(month))?;
    if let Some(today) = today.filter(|today| last >= *today) {
        return Err(CloseError::NotOver { last, today });
    }
    let (asked, passed_over) = asked(deployment, first, last)?;
    let merchants: Vec<&str> = asked.iter().map(|asked| asked.merchant).collect();
    let (mut books, owners) = LockedBooks::lock_of_merchants(tx, &merchants).await?;
    let charged = charged(tx, &owners, first, last).await?;
    let known = known(tx, &asked, &owners, last).await?;
    let mut top_ups = Vec::new();
    for Asked { merchant, schedule } in asked {
        let Some(book) = owners.get(merchant).copied() else {
            continue;
        };
        for minimum in schedule.monthly_minimum.values().copied() {
            let currency = minimum.currency();
            // What is given back of another month's fees does not raise what this month must come to.
            let sum = charged.get(&(book, currency)).copied().unwrap_or(0).max(0);
            let sum = i64::try_from(sum).map_err(|_| StoreError::TooLarge("the fees of a month".to_owned()))?;
            let mut top_up = TopUp {
                merchant: merchant.to_owned(),
                minimum,
                charged: Money::from_minor(sum, currency),
                fee: Money::zero(currency),
                vat: Money::zero(currency),
                state: State::Reached,
            };
            let charge = match known.get(&(book, reference(last, currency))) {
                Some(earlier) => {
                    top_up.state = State::Booked(earlier_of(&top_up, last, *earlier)?);
                    None
                }
                None => due(&mut top_up, schedule, last)?,
            };
            top_ups.push((book, top_up, charge));
        }
    }
    Ok(Closed {
        last,
        top_ups: book(tx, &mut books, last, top_ups).await?,
        passed_over,
    })
}

/// The entry that has the reference of a top-up, which must be it.
fn earlier_of(
    top_up: &TopUp,
    last: NaiveDate,
    (number, fingerprint): (EntryNumber, Fingerprint),
) -> Result<EntryNumber, CloseError> {
    let merchant = top_up.merchant.clone();
    let reference = reference(last, top_up.minimum.currency());
    if fingerprint == fingerprint_of(&merchant, &reference) {
        return Ok(number);
    }
    Err(CloseError::ReferenceTaken {
        merchant,
        reference,
        number,
    })
}

/// What is missing to the minimum; none where it is reached.
fn due(top_up: &mut TopUp, schedule: &FeeSchedule, last: NaiveDate) -> Result<Option<Charge>, CloseError> {
    let charge = monthly_minimum_fee(schedule, top_up.charged, last).map_err(|error| CloseError::Fee {
        merchant: top_up.merchant.clone(),
        error,
    })?;
    if let Some(charge) = charge {
        let currency = top_up.minimum.currency();
        top_up.fee = Money::from_minor(charge.amount, currency);
        top_up.vat = Money::from_minor(charge.vat, currency);
    }
    Ok(charge)
}

/// Books the charges, in the order of merchants and currencies.
async fn book(
    tx: &mut Tx,
    books: &mut LockedBooks,
    last: NaiveDate,
    top_ups: Vec<(BookId, TopUp, Option<Charge>)>,
) -> Result<Vec<TopUp>, CloseError> {
    if top_ups.iter().all(|(.., charge)| charge.is_none()) {
        return Ok(top_ups.into_iter().map(|(_, top_up, _)| top_up).collect());
    }
    let source = source_of_run(tx, &format!("fees close {}", last.format("%Y-%m")))
        .await?
        .id;
    let mut done = Vec::with_capacity(top_ups.len());
    for (book, mut top_up, charge) in top_ups {
        let currency = top_up.minimum.currency();
        if let Some(charge) = charge {
            let reference = reference(last, currency);
            let fingerprint = fingerprint_of(&top_up.merchant, &reference);
            let entry = Entry {
                transfers: transfers(charge, currency),
                ..Entry::of_day(EntryKind::MinimumTopUp, reference, fingerprint, last, source)
            };
            top_up.state = State::Due(books.append(book, entry)?);
        }
        done.push(top_up);
    }
    books.write(tx).await?;
    Ok(done)
}

fn transfers(charge: Charge, currency: Currency) -> Vec<Transfer> {
    let account = |code| Account {
        code,
        currency,
        dimension: Arc::from(""),
    };
    [(charge.account, charge.amount), (AccountCode::VatOutput, charge.vat)]
        .into_iter()
        .filter(|(_, amount)| *amount > 0)
        .map(|(code, amount)| Transfer {
            debit: account(AccountCode::MerchantAvailable),
            credit: account(code),
            amount,
        })
        .collect()
}

/// What was charged on days, by book and currency.
async fn charged(
    tx: &mut Tx,
    owners: &HashMap<String, BookId>,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<BTreeMap<(BookId, Currency), i128>, StoreError> {
    let books: Vec<i64> = owners.values().map(|book| book.0).collect();
    let accounts = MINIMUM_ACCOUNTS.map(AccountCode::number).to_vec();
    let before: Option<i64> = None;
    let rows = tx
        .query(
            include_str!("../../../schema/queries/fees_of_span.sql"),
            &[&books, &first, &last, &accounts, &before],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let key = (BookId(row.try_get("book_id")?), currency(row.try_get("currency")?)?);
            Ok((key, wide(row.try_get("charged")?)?))
        })
        .collect()
}

/// The entries that have the references of the month's top-ups.
async fn known(
    tx: &mut Tx,
    asked: &[Asked<'_>],
    owners: &HashMap<String, BookId>,
    last: NaiveDate,
) -> Result<BTreeMap<(BookId, String), (EntryNumber, Fingerprint)>, StoreError> {
    let mut books: Vec<i64> = Vec::new();
    let mut references: Vec<String> = Vec::new();
    for asked in asked {
        let Some(book) = owners.get(asked.merchant) else {
            continue;
        };
        for currency in asked.schedule.monthly_minimum.keys().copied() {
            books.push(book.0);
            references.push(reference(last, currency));
        }
    }
    let rows = tx
        .query(
            include_str!("../../../schema/queries/entries_by_reference.sql"),
            &[&books, &references],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let fingerprint = Fingerprint::try_from(row.try_get::<_, &[u8]>("fingerprint")?)
                .map_err(|_| StoreError::Unreadable("a fingerprint".to_owned()))?;
            let key = (BookId(row.try_get("book_id")?), row.try_get("reference")?);
            Ok((key, (EntryNumber(row.try_get("number")?), fingerprint)))
        })
        .collect()
}
