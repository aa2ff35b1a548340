//! Reserves in the database: tranches, and what fixed reserves still lack.
//!
//! Both belong to books: whoever reads or writes them holds the book's lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::books::LockedBooks;
use super::{StoreError, Tx, currency};
use crate::ids::BookId;
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::entry::{Entry, Transfer};
use crate::money::{Currency, Money};
use crate::recon::availability::{TrancheDays, fixed_reserve};
use crate::settings::{ReserveRule, Settings};

/// A tranche: whose, in which currency, of which days.
pub(super) type TrancheKey = (BookId, Currency, TrancheDays);

/// The tranche that a row is of.
pub(super) fn tranche_key(row: &Row) -> Result<TrancheKey, StoreError> {
    let days = TrancheDays {
        source_on: row.try_get("source_on")?,
        release_on: row.try_get("release_on")?,
    };
    Ok((
        BookId(row.try_get("book_id")?),
        currency(row.try_get("currency")?)?,
        days,
    ))
}

/// Tranches and amounts as columns of a statement: books, currencies, days of sale, days of release, amounts.
pub(super) struct TrancheColumns<'t> {
    books: Vec<i64>,
    currencies: Vec<&'t str>,
    sources: Vec<NaiveDate>,
    releases: Vec<NaiveDate>,
    amounts: Vec<i64>,
}

impl<'t> TrancheColumns<'t> {
    fn of(rows: impl IntoIterator<Item = (&'t TrancheKey, i64)>) -> Self {
        let mut columns = Self {
            books: Vec::new(),
            currencies: Vec::new(),
            sources: Vec::new(),
            releases: Vec::new(),
            amounts: Vec::new(),
        };
        for ((book, currency, days), amount) in rows {
            columns.books.push(book.0);
            columns.currencies.push(currency.code());
            columns.sources.push(days.source_on);
            columns.releases.push(days.release_on);
            columns.amounts.push(amount);
        }
        columns
    }

    pub(super) fn is_empty(&self) -> bool {
        self.books.is_empty()
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.books,
            &self.currencies,
            &self.sources,
            &self.releases,
            &self.amounts,
        ]
    }
}

/// By how much tranches grow, or shrink, in a transaction.
#[derive(Default)]
pub(super) struct Tranches(BTreeMap<TrancheKey, i64>);

fn too_large() -> StoreError {
    StoreError::TooLarge("a reserve".to_owned())
}

impl Tranches {
    /// Adds to a tranche; takes from it what is below zero.
    pub(super) fn add(&mut self, key: TrancheKey, amount: i64) -> Result<(), StoreError> {
        if amount != 0 {
            let sum = self.0.entry(key).or_default();
            *sum = sum.checked_add(amount).ok_or_else(too_large)?;
        }
        Ok(())
    }

    /// Adds what other tranches grow or shrink by.
    pub(super) fn merge(&mut self, other: Self) -> Result<(), StoreError> {
        other.0.into_iter().try_for_each(|(key, amount)| self.add(key, amount))
    }

    /// By how much each grows, or shrinks.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&TrancheKey, i64)> {
        self.0
            .iter()
            .map(|(key, amount)| (key, *amount))
            .filter(|(_, amount)| *amount != 0)
    }

    /// Takes away again what rows say was withheld.
    pub(super) fn take_back(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            let withheld: i64 = row.try_get("withheld")?;
            self.add(tranche_key(row)?, withheld.saturating_neg())?;
        }
        Ok(())
    }

    /// By how much each grows, or shrinks, as columns.
    pub(super) fn columns(&self) -> TrancheColumns<'_> {
        TrancheColumns::of(self.iter())
    }

    /// Writes them, new tranches included.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        let (more, less): (Vec<_>, Vec<_>) = self.iter().partition(|(_, amount)| *amount > 0);
        // Apart, because an upsert checks the row that it would insert: nothing below zero may be withheld.
        for (sql, rows) in [
            (include_str!("../../schema/queries/reserve_withhold.sql"), more),
            (include_str!("../../schema/queries/reserve_take_back.sql"), less),
        ] {
            if rows.is_empty() {
                continue;
            }
            let count = rows.len();
            let written = tx.execute(sql, &TrancheColumns::of(rows).parameters()).await?;
            if usize::try_from(written) != Ok(count) {
                return Err(StoreError::Unreadable(format!(
                    "{written} of {count} tranches of a reserve"
                )));
            }
        }
        Ok(())
    }
}

/// A reserve that is to be taken back and is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "of what was withheld of {merchant}'s sales of {source_on} until {release_on}, {missing} was used for refunds since"
)]
pub struct AppliedReserve {
    /// The merchant.
    pub merchant: String,
    /// The day of the sales.
    pub source_on: NaiveDate,
    /// The day of release.
    pub release_on: NaiveDate,
    /// How much is not there any more.
    pub missing: Money,
}

/// Why a reserve is not put back.
pub(super) enum PutBackError {
    Store(StoreError),
    Applied(AppliedReserve),
}

impl From<StoreError> for PutBackError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<tokio_postgres::Error> for PutBackError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Puts back into tranches, from what is available, what was released of them and is to be taken out again: an entry for each that
/// `entry` makes of its days and currency. Their books are locked.
pub(super) async fn put_back(
    tx: &mut Tx,
    books: &mut LockedBooks,
    tranches: &Tranches,
    entry: impl Fn(&str) -> Entry,
) -> Result<(), PutBackError> {
    let less: Vec<_> = tranches.iter().filter(|(_, amount)| *amount < 0).collect();
    if less.is_empty() {
        return Ok(());
    }
    let gone = include_str!("../../schema/queries/reserve_gone.sql");
    let mut back = Tranches::default();
    for row in &tx.query(gone, &TrancheColumns::of(less).parameters()).await? {
        let key = tranche_key(row)?;
        let (book, currency, days) = key;
        let (missing, released): (i64, i64) = (row.try_get("missing")?, row.try_get("released")?);
        if missing > released {
            return Err(PutBackError::Applied(AppliedReserve {
                merchant: row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default(),
                source_on: days.source_on,
                release_on: days.release_on,
                missing: Money::from_minor(missing.saturating_sub(released), currency),
            }));
        }
        back.add(key, missing)?;
        let (available, reserve) = (AccountCode::MerchantAvailable, AccountCode::MerchantReserve);
        let transfers = transfer(available, reserve, currency, missing).into_iter().collect();
        let named = entry(&format!("{} {} {currency}", days.source_on, days.release_on));
        books.append(book, Entry { transfers, ..named })?;
    }
    let columns = back.columns();
    if !columns.is_empty() {
        books.write(tx).await?;
        let unrelease = include_str!("../../schema/queries/reserve_unrelease.sql");
        tx.execute(unrelease, &columns.parameters()).await?;
    }
    Ok(())
}

/// What of a fixed reserve there is in one currency of a book, and what there should be.
struct Fixed {
    target: i64,
    held: i64,
    available: i64,
    release_on: NaiveDate,
}

/// The fixed reserves of some books on a day. Every entry that makes money available goes through [`FixedReserves::top_up`].
pub(super) struct FixedReserves {
    day: NaiveDate,
    fixed: HashMap<(BookId, Currency), Fixed>,
}

impl FixedReserves {
    /// Reads them; the books are locked. Costs nothing where no merchant has one.
    pub(super) async fn of(
        tx: &mut Tx,
        settings: &Settings,
        day: NaiveDate,
        books: &[BookId],
    ) -> Result<Self, StoreError> {
        let mut this = Self {
            day,
            fixed: HashMap::new(),
        };
        let rules: HashMap<&str, _> = settings
            .merchants
            .values()
            .filter_map(|merchant| {
                let reserve = merchant.reserve.as_ref()?;
                match &reserve.rule {
                    ReserveRule::Fixed(amounts) => Some((merchant.name.as_str(), (amounts, reserve))),
                    ReserveRule::Rolling(_) => None,
                }
            })
            .collect();
        if rules.is_empty() || books.is_empty() {
            return Ok(this);
        }
        let names: Vec<&str> = rules.keys().copied().collect();
        let ids: Vec<i64> = books.iter().map(|book| book.0).collect();
        let rows = tx
            .query(
                include_str!("../../schema/queries/reserve_balances.sql"),
                &[
                    &ids,
                    &names,
                    &AccountCode::MerchantAvailable.number(),
                    &AccountCode::MerchantReserve.number(),
                ],
            )
            .await?;
        for row in &rows {
            let merchant: &str = row.try_get("merchant")?;
            let Some((amounts, reserve)) = rules.get(merchant) else {
                continue;
            };
            let release_on = day
                .checked_add_days(Days::new(u64::from(reserve.release_after_days)))
                .ok_or_else(too_large)?;
            let book = BookId(row.try_get("book_id")?);
            for (currency, target) in *amounts {
                this.fixed.entry((book, *currency)).or_insert(Fixed {
                    target: target.minor(),
                    held: 0,
                    available: 0,
                    release_on,
                });
            }
            let Some(code) = row.try_get::<_, Option<&str>>("currency")? else {
                continue;
            };
            if let Some(fixed) = this.fixed.get_mut(&(book, currency(code)?)) {
                fixed.available = row.try_get("available")?;
                fixed.held = row.try_get("held")?;
            }
        }
        Ok(this)
    }

    /// Adds to an entry's transfers what fixed reserves take of the money that they make available.
    pub(super) fn top_up(
        &mut self,
        book: BookId,
        transfers: &mut Vec<Transfer>,
        tranches: &mut Tranches,
    ) -> Result<(), StoreError> {
        if self.fixed.is_empty() {
            return Ok(());
        }
        let mut becoming: BTreeMap<Currency, i64> = BTreeMap::new();
        for transfer in transfers.iter() {
            let amount = match (transfer.debit.code, transfer.credit.code) {
                (_, AccountCode::MerchantAvailable) => transfer.amount,
                (AccountCode::MerchantAvailable, _) => transfer.amount.checked_neg().ok_or_else(too_large)?,
                _ => continue,
            };
            let sum = becoming.entry(transfer.debit.currency).or_default();
            *sum = sum.checked_add(amount).ok_or_else(too_large)?;
        }
        for (currency, becoming) in becoming {
            let Some(fixed) = self.fixed.get_mut(&(book, currency)) else {
                continue;
            };
            let available = fixed.available.checked_add(becoming).ok_or_else(too_large)?;
            let taken = fixed_reserve(fixed.target, fixed.held, becoming, available).map_err(|_| too_large())?;
            fixed.available = available.saturating_sub(taken);
            fixed.held = fixed.held.saturating_add(taken);
            transfers.extend(transfer(
                AccountCode::MerchantAvailable,
                AccountCode::MerchantReserve,
                currency,
                taken,
            ));
            let days = TrancheDays {
                source_on: self.day,
                release_on: fixed.release_on,
            };
            tranches.add((book, currency, days), taken)?;
        }
        Ok(())
    }
}

/// A transfer between accounts that have no dimension; below zero the other way round, of nothing none.
pub(super) fn transfer(debit: AccountCode, credit: AccountCode, currency: Currency, amount: i64) -> Option<Transfer> {
    let (debit, credit) = if amount < 0 { (credit, debit) } else { (debit, credit) };
    let account = |code: AccountCode| Account {
        code,
        currency,
        dimension: Arc::from(""),
    };
    (amount != 0).then(|| Transfer {
        debit: account(debit),
        credit: account(credit),
        amount: amount.saturating_abs(),
    })
}
