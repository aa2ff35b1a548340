//! What merchants are charged and given back, and the exact sums behind it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Owner, Transfer};
use crate::simulate::fees::{EventPrices, Instrument, MILLION, PARTS, Rounding, Schedule, Vat, event_price, round};
use crate::simulate::{SimulateError, minus, plus};

/// Where the revenue of the percentage and of the fixed part goes.
const REVENUE: [i16; 2] = [4010, 4020];

/// A sum of exact fees: the owner's merchant and slot, percentage (0) or fixed part (1), and the period.
type SumKey = (usize, usize, usize, NaiveDate);

/// The exact sums of all merchants, in [`PARTS`] of a minor unit.
#[derive(Default)]
pub struct Sums(BTreeMap<SumKey, i128>);

/// What an entry did to an exact sum.
#[derive(Clone, Copy)]
struct Moved {
    component: usize,
    period: NaiveDate,
    exact: i128,
    /// What of it was posted, and its tax.
    posted: i64,
    tax: i64,
}

/// What is left of an entry, should it be undone.
#[derive(Clone, Default)]
pub struct Done {
    moved: Vec<Moved>,
    /// What of fees that were rounded by themselves it makes returnable, or returns, and the tax of that.
    fee: i64,
    tax: i64,
}

/// What a payment was charged and given back.
#[derive(Clone, Default)]
pub struct Account {
    captured: i64,
    refunded: i64,
    charged_back: i64,
    /// Returnable, and returned.
    fee: [i64; 2],
    tax: [i64; 2],
    /// The same of exact fees, of each component.
    exact: [[i128; 2]; 2],
    period: Option<NaiveDate>,
    /// The fees of its disputes that would go back.
    dispute: (i64, i64),
}

/// A contract, and when and for whom it is applied.
#[derive(Clone, Copy)]
pub struct Contract {
    /// Whose.
    pub owner: Owner,
    /// The prices.
    pub schedule: &'static Schedule,
    /// The booking date.
    pub day: NaiveDate,
    /// The simulated day.
    pub today: NaiveDate,
}

/// What changes hands: transfers, and what is kept in case that they are undone.
#[derive(Default)]
pub struct Charges {
    /// Debit ← credit.
    pub transfers: Vec<Transfer>,
    /// For [`Contract::undo_capture`] and [`Contract::undo_refund`].
    pub done: Done,
}

impl Charges {
    /// The merchant pays out of an account; a negative price goes back to it.
    fn charge(&mut self, from: i16, revenue: i16, vat: Vat, price: i64, tax: i64) {
        self.transfers.push((from, revenue, vat.revenue(price, tax)));
        self.transfers.push((from, 2300, tax));
    }

    /// Σ of what the merchant pays.
    pub fn total(&self) -> Result<i64, SimulateError> {
        self.transfers
            .iter()
            .try_fold(0, |sum, (.., amount)| plus(sum, *amount))
    }
}

impl Sums {
    fn add(
        &mut self,
        contract: &Contract,
        component: usize,
        period: NaiveDate,
        exact: i128,
    ) -> Result<Moved, SimulateError> {
        let (schedule, owner) = (contract.schedule, contract.owner);
        let key = (owner.merchant, owner.slot, component, period);
        let sum = self.0.entry(key).or_default();
        let posted = |sum: i128| round(sum, PARTS, schedule.rounding);
        let before = posted(*sum)?;
        *sum = sum.checked_add(exact).ok_or(SimulateError::TooLarge)?;
        let after = posted(*sum)?;
        Ok(Moved {
            component,
            period,
            exact,
            posted: minus(after, before)?,
            tax: minus(schedule.vat.of(after), schedule.vat.of(before))?,
        })
    }
}

impl Contract {
    /// A capture.
    pub fn capture(
        &self,
        sums: &mut Sums,
        account: &mut Account,
        instrument: Instrument,
        gross: i64,
    ) -> Result<Charges, SimulateError> {
        let (schedule, vat) = (self.schedule, self.schedule.vat);
        let exact = schedule.exact((self.day, self.today), instrument, self.owner.currency, gross)?;
        let period = schedule.scope.period(self.day);
        let mut charges = Charges::default();
        for (component, millionths) in exact.into_iter().enumerate() {
            let returned = schedule.returned.includes(component);
            let Some(period) = period else {
                let price = round(i128::from(millionths), i128::from(MILLION), schedule.rounding)?;
                let tax = vat.of(price);
                charges.charge(2010, REVENUE[component], vat, price, tax);
                if returned {
                    charges.done.fee = plus(charges.done.fee, vat.revenue(price, tax))?;
                    charges.done.tax = plus(charges.done.tax, tax)?;
                }
                continue;
            };
            let parts = PARTS.checked_div(i128::from(MILLION)).unwrap_or(0);
            let exact = i128::from(millionths).saturating_mul(parts);
            let moved = sums.add(self, component, period, exact)?;
            charges.charge(2010, REVENUE[component], vat, moved.posted, moved.tax);
            charges.done.moved.push(moved);
            if returned {
                account.exact[component][0] = account.exact[component][0].saturating_add(exact);
                account.period = Some(period);
            }
        }
        account.captured = plus(account.captured, gross)?;
        account.fee[0] = plus(account.fee[0], charges.done.fee)?;
        account.tax[0] = plus(account.tax[0], charges.done.tax)?;
        Ok(charges)
    }

    /// A capture of so much is withdrawn: what it did to exact sums goes back. (Its transfers are mirrored by the caller.)
    pub fn undo_capture(
        &self,
        sums: &mut Sums,
        account: &mut Account,
        done: &Done,
        gross: i64,
    ) -> Result<Charges, SimulateError> {
        account.captured = minus(account.captured, gross)?;
        account.fee[0] = minus(account.fee[0], done.fee)?;
        account.tax[0] = minus(account.tax[0], done.tax)?;
        for moved in &done.moved {
            if self.schedule.returned.includes(moved.component) {
                let exact = &mut account.exact[moved.component][0];
                *exact = exact.saturating_sub(moved.exact);
            }
        }
        self.undo(sums, done)
    }

    /// What an entry did to exact sums goes back. What was posted of it is mirrored; where the sum now rounds otherwise, the rest
    /// is charged, or returned.
    fn undo(&self, sums: &mut Sums, done: &Done) -> Result<Charges, SimulateError> {
        let mut charges = Charges::default();
        for moved in &done.moved {
            let back = sums.add(self, moved.component, moved.period, moved.exact.saturating_neg())?;
            let (price, tax) = (plus(back.posted, moved.posted)?, plus(back.tax, moved.tax)?);
            let account = if price < 0 { 4090 } else { REVENUE[moved.component] };
            charges.charge(2020, account, self.schedule.vat, price, tax);
        }
        Ok(charges)
    }

    /// A refund: what goes back of the fees of its payment, and what the refund costs.
    pub fn refund(&self, sums: &mut Sums, account: &mut Account, amount: i64) -> Result<Charges, SimulateError> {
        account.refunded = plus(account.refunded, amount)?;
        let mut charges = Charges::default();
        let share = |whole: i64| {
            let product = i128::from(whole).saturating_mul(i128::from(account.refunded));
            round(product, i128::from(account.captured), Rounding::HalfEven)
        };
        let (fee, tax) = (share(account.fee[0])?, share(account.tax[0])?);
        charges.done.fee = minus(fee, account.fee[1])?;
        charges.done.tax = minus(tax, account.tax[1])?;
        (account.fee[1], account.tax[1]) = (fee, tax);
        charges.transfers.push((4090, 2020, charges.done.fee));
        charges.transfers.push((2300, 2020, charges.done.tax));
        for component in 0..REVENUE.len() {
            let [whole, returned] = account.exact[component];
            let Some(period) = account.period.filter(|_| whole > 0) else {
                continue;
            };
            let product = whole.saturating_mul(i128::from(account.refunded));
            let target = product.checked_div(i128::from(account.captured)).unwrap_or(0);
            account.exact[component][1] = target;
            let moved = sums.add(self, component, period, returned.saturating_sub(target))?;
            charges.charge(2020, 4090, self.schedule.vat, moved.posted, moved.tax);
            charges.done.moved.push(moved);
        }
        let price = |events: &EventPrices| events.refund;
        charges.transfers.extend(self.event(4020, price).0);
        Ok(charges)
    }

    /// A refund of so much failed: what it gave back is returnable again.
    pub fn undo_refund(
        &self,
        sums: &mut Sums,
        account: &mut Account,
        done: &Done,
        amount: i64,
    ) -> Result<Charges, SimulateError> {
        account.refunded = minus(account.refunded, amount)?;
        account.fee[1] = minus(account.fee[1], done.fee)?;
        account.tax[1] = minus(account.tax[1], done.tax)?;
        for moved in &done.moved {
            let returned = &mut account.exact[moved.component][1];
            *returned = returned.saturating_add(moved.exact);
        }
        self.undo(sums, done)
    }

    /// What an authorization costs.
    pub fn authorization(&self) -> Vec<Transfer> {
        self.event(4020, |events| events.authorization).0
    }

    /// What a chargeback of so much costs.
    pub fn chargeback(&self, account: &mut Account, amount: i64) -> Result<Vec<Transfer>, SimulateError> {
        account.charged_back = plus(account.charged_back, amount)?;
        let (transfers, (fee, tax)) = self.event(4030, |events| events.dispute);
        if self.schedule.won_back {
            account.dispute = (plus(account.dispute.0, fee)?, plus(account.dispute.1, tax)?);
        }
        Ok(transfers)
    }

    /// What goes back when so much is won back.
    pub fn won(&self, account: &mut Account, amount: i64) -> Result<Vec<Transfer>, SimulateError> {
        account.charged_back = minus(account.charged_back, amount)?;
        if account.charged_back > 0 {
            return Ok(Vec::new());
        }
        let (fee, tax) = std::mem::take(&mut account.dispute);
        Ok(vec![(4090, 2020, fee), (2300, 2020, tax)])
    }

    fn event(&self, revenue: i16, price: fn(&EventPrices) -> i64) -> (Vec<Transfer>, (i64, i64)) {
        let thousandths = self.schedule.events.as_ref().map_or(0, price);
        let price = event_price(thousandths, self.owner.currency);
        let vat = self.schedule.vat;
        let tax = vat.of(price);
        let amount = vat.revenue(price, tax);
        (vec![(2020, revenue, amount), (2020, 2300, tax)], (amount, tax))
    }
}
