//! What the fees of the simulated day's month fall short of what contracts promise.
//!
//! Merchants that are asked have no price for payouts and are charged no costs of the acquirer's, so all that they are charged in
//! the month comes with events.

use chrono::Datelike;

use super::Transfer;
use super::charges::Contract;
use crate::simulate::fees::{MINIMUM_IN, SCHEDULES, tier_begins};
use crate::simulate::world::{CURRENCIES, Day, Standing, World};
use crate::simulate::{SimulateError, minus, plus};

/// What a merchant is charged at the end of the month.
pub struct TopUp {
    /// The merchant's number.
    pub merchant: usize,
    /// The place of the currency.
    pub currency: usize,
    /// What was promised.
    pub minimum: i64,
    /// What was charged, without VAT and less what was given back.
    pub charged: i64,
    /// What is missing, and the VAT of that.
    pub transfers: [Transfer; 2],
}

/// What merchants are charged in the month: by number, and the place of the currency among their two.
pub struct Month(Vec<[i64; 2]>);

impl Month {
    /// Nothing has happened.
    pub fn new(merchants: usize) -> Self {
        Self(vec![[0; 2]; merchants])
    }

    /// Something was booked.
    pub fn moved(&mut self, contract: &Contract, (debit, credit, amount): Transfer) -> Result<(), SimulateError> {
        let month = |day: chrono::NaiveDate| (day.year(), day.month());
        if month(contract.day) != month(contract.today) {
            return Ok(());
        }
        let is_fee = |code: i16| [4010, 4020, 4030, 4090].contains(&code);
        let sum = &mut self.0[contract.owner.merchant][contract.owner.slot];
        if is_fee(credit) {
            *sum = plus(*sum, amount)?;
        }
        if is_fee(debit) {
            *sum = minus(*sum, amount)?;
        }
        Ok(())
    }

    /// What every merchant with a minimum is charged that was active all month long, nothing where its fees reach it.
    pub fn top_ups(&self, world: &World) -> Result<Vec<TopUp>, SimulateError> {
        let days = [Day::Simulated, Day::Settlement].map(|day| world.day(day).date.month());
        let mut top_ups = Vec::new();
        for (number, merchant) in world.merchants.iter().enumerate() {
            let schedule = &SCHEDULES[merchant.schedule];
            let is_active = match merchant.standing {
                Standing::Paid | Standing::Unverified | Standing::Moved => true,
                Standing::Suspended | Standing::Closed => days[0] != days[1],
                Standing::Applied | Standing::New => false,
            };
            let Some(euros) = schedule.minimum.filter(|_| is_active) else {
                continue;
            };
            for currency in MINIMUM_IN {
                let slot = merchant.currencies.iter().position(|sold| *sold == currency);
                let charged = slot.map_or(0, |slot| self.0[number][slot]).max(0);
                let minimum = tier_begins(euros, &CURRENCIES[currency]);
                let price = minus(minimum, charged)?.max(0);
                let tax = schedule.vat.of(price);
                top_ups.push(TopUp {
                    merchant: number,
                    currency,
                    minimum,
                    charged,
                    transfers: [(2020, 4040, schedule.vat.revenue(price, tax)), (2020, 2300, tax)],
                });
            }
        }
        Ok(top_ups)
    }
}
