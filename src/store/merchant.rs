//! What merchants are owed, for lists.

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::{Store, StoreError, Tx};
use crate::money::Money;

/// What a merchant is owed in a currency, by account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// Payable at the next cut-off (2020); below zero where the merchant owes.
    pub available: Money,
    /// Captured, not payable yet (2010).
    pub pending: Money,
    /// Withheld (2030).
    pub reserve: Money,
    /// Set aside with a reason (2040).
    pub hold: Money,
    /// Instructed, not confirmed (2100).
    pub in_transit: Money,
}

/// A merchant that has a book, and what it is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerchantBalances {
    /// The merchant.
    pub merchant: String,
    /// By currency; empty where nothing was ever booked.
    pub owed: Vec<Owed>,
}

/// What a merchant owes in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// The merchant.
    pub merchant: String,
    /// What its available balance is below zero.
    pub below_zero: Money,
    /// What it has pending, in reserve and on hold.
    pub beside: Money,
    /// What it owes beyond that; zero where that will set it off.
    pub owed: Money,
    /// The booking date of the oldest of it: what comes in pays the oldest first.
    pub since: NaiveDate,
}

impl Store {
    /// What merchants owe now, the oldest first; `merchant` asks for one.
    pub async fn debts(&self, merchant: Option<&str>) -> Result<Vec<Debt>, StoreError> {
        let sql = include_str!("../../schema/queries/merchant_debts.sql");
        let rows = self
            .rehearse(async |tx: &mut Tx| tx.query(sql, &[&merchant]).await)
            .await?;
        rows.iter().map(read_debt).collect()
    }

    /// What merchants are owed now, by name; `merchant` asks for one.
    pub async fn merchant_balances(&self, merchant: Option<&str>) -> Result<Vec<MerchantBalances>, StoreError> {
        let sql = include_str!("../../schema/queries/merchant_balances.sql");
        let rows = self
            .rehearse(async |tx: &mut Tx| tx.query(sql, &[&merchant]).await)
            .await?;
        let mut all: Vec<MerchantBalances> = Vec::new();
        for row in &rows {
            let merchant: &str = row.try_get("merchant")?;
            if all.last().is_none_or(|last| last.merchant != merchant) {
                all.push(MerchantBalances {
                    merchant: merchant.to_owned(),
                    owed: Vec::new(),
                });
            }
            if let (Some(owed), Some(last)) = (read(row)?, all.last_mut()) {
                last.owed.push(owed);
            }
        }
        Ok(all)
    }
}

fn read_debt(row: &Row) -> Result<Debt, StoreError> {
    let currency = super::currency(row.try_get("currency")?)?;
    let [below_zero, beside] = [row.try_get("below_zero")?, row.try_get::<_, i64>("beside")?];
    let money = |minor| Money::from_minor(minor, currency);
    Ok(Debt {
        merchant: row.try_get("merchant")?,
        below_zero: money(below_zero),
        beside: money(beside),
        owed: money(below_zero.saturating_sub(beside).max(0)),
        since: row.try_get("since")?,
    })
}

fn read(row: &Row) -> Result<Option<Owed>, StoreError> {
    let Some(currency) = row.try_get::<_, Option<&str>>("currency")? else {
        return Ok(None);
    };
    let currency = super::currency(currency)?;
    let money = |column| Ok::<_, StoreError>(Money::from_minor(row.try_get(column)?, currency));
    Ok(Some(Owed {
        available: money("available")?,
        pending: money("pending")?,
        reserve: money("reserve")?,
        hold: money("hold")?,
        in_transit: money("in_transit")?,
    }))
}
