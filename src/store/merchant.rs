//! What merchants are owed, for lists.

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

impl Store {
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
