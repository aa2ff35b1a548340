//! What decides beside money and settings whether a merchant is paid: what came back, open breaks, banks, how old its money is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;

use super::outcome;
use crate::calendar::Calendar;
use crate::ids::BookId;
use crate::ledger::account::AccountCode;
use crate::money::Currency;
use crate::payout::amount::{Beside, Payable};
use crate::payout::returned::Returned;
use crate::settings::Settings;
use crate::store::settings::Deployment;
use crate::store::{StoreError, Tx};

/// What is known of every merchant.
pub(super) struct Circumstances {
    returned: HashMap<String, Vec<Returned>>,
    breaks: HashMap<String, Vec<(String, i64)>>,
    banks: BTreeMap<Currency, Arc<Calendar>>,
    since: HashMap<(BookId, Currency), NaiveDate>,
    on_demand: bool,
}

impl Circumstances {
    /// Reads what is known by settings that are in force.
    pub(super) async fn of(
        tx: &mut Tx,
        deployment: &Deployment,
        settings: &Settings,
        on_demand: bool,
    ) -> Result<Self, StoreError> {
        let calendars = settings.payout.calendars.iter();
        let banks = calendars.filter_map(|(currency, named)| {
            let calendar = deployment.calendar(&named.name)?;
            Some((*currency, calendar.clone()))
        });
        Ok(Self {
            returned: outcome::returned(tx).await?,
            breaks: breaks(tx, settings).await?,
            banks: banks.collect(),
            since: HashMap::new(),
            on_demand,
        })
    }

    /// Reads since when money is there that is less than a payout must be worth.
    pub(super) async fn since(&mut self, tx: &mut Tx, small: &[&Payable]) -> Result<(), StoreError> {
        if small.is_empty() {
            return Ok(());
        }
        let books: Vec<i64> = small.iter().map(|payable| payable.book.0).collect();
        let currencies: Vec<String> = small
            .iter()
            .map(|payable| payable.money.currency().to_string())
            .collect();
        let amounts: Vec<i64> = small.iter().map(|payable| payable.money.minor()).collect();
        let account = AccountCode::MerchantAvailable.number();
        let sql = include_str!("../../../schema/queries/payouts_since.sql");
        for row in tx.query(sql, &[&books, &currencies, &amounts, &account]).await? {
            let currency = crate::store::currency(row.try_get("currency")?)?;
            if let Some(since) = row.try_get("since")? {
                self.since.insert((BookId(row.try_get("book_id")?), currency), since);
            }
        }
        Ok(())
    }

    /// What is known of whom something is payable to.
    pub(super) fn of_payable<'c>(&'c self, payable: &Payable) -> Beside<'c> {
        let currency = payable.money.currency();
        Beside {
            banks: self.banks.get(&currency),
            since: self.since.get(&(payable.book, currency)).copied(),
            on_demand: self.on_demand,
            ..self.of_merchant(&payable.merchant)
        }
    }

    /// What is known of a merchant whatever it is paid.
    pub(super) fn of_merchant<'c>(&'c self, merchant: &str) -> Beside<'c> {
        Beside {
            returned: self.returned.get(merchant).map(Vec::as_slice).unwrap_or_default(),
            breaks: self.breaks.get(merchant).map(Vec::as_slice).unwrap_or_default(),
            ..Beside::default()
        }
    }
}

async fn breaks(tx: &mut Tx, settings: &Settings) -> Result<HashMap<String, Vec<(String, i64)>>, StoreError> {
    let classes: Vec<&str> = settings
        .payout
        .blocked_by
        .iter()
        .map(|class| class.name.as_str())
        .collect();
    let mut breaks: HashMap<String, Vec<(String, i64)>> = HashMap::new();
    if classes.is_empty() {
        return Ok(breaks);
    }
    let sql = include_str!("../../../schema/queries/payouts_blocking_breaks.sql");
    for row in tx.query(sql, &[&classes]).await? {
        let of_merchant = breaks.entry(row.try_get("merchant")?).or_default();
        of_merchant.push((row.try_get("class")?, row.try_get("breaks")?));
    }
    Ok(breaks)
}
