//! Fees for what happens beside captures, and the top-up to a monthly minimum.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Charge, FeeError, vat};
use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Currency, Money};
use crate::settings::FeeSchedule;

/// What a fee is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFee {
    /// An authorization.
    Authorization,
    /// A refund.
    Refund,
    /// A chargeback.
    Dispute,
    /// A payout.
    Payout,
    /// Money paid out before it is there, so many minor units.
    Advance(i64),
}

/// The fee for an event; none where the schedule has none in the currency. An included VAT leaves less revenue.
pub fn event_fee(
    schedule: &FeeSchedule,
    event: EventFee,
    currency: Currency,
    day: NaiveDate,
) -> Result<Option<Charge>, FeeError> {
    let fees = &schedule.event;
    let listed = |amounts: &crate::settings::Amounts| amounts.get(&currency).map_or(0, |fee| fee.minor());
    let (account, price) = match event {
        EventFee::Authorization => (AccountCode::FeeFixed, listed(&fees.authorization)),
        EventFee::Refund => (AccountCode::FeeFixed, listed(&fees.refund)),
        EventFee::Dispute => (AccountCode::FeeDispute, listed(&fees.dispute)),
        EventFee::Payout => (AccountCode::FeeOther, listed(&fees.payout)),
        EventFee::Advance(amount) => (AccountCode::FeeOther, advance(schedule, amount)?),
    };
    taxed(schedule, account, price, day)
}

/// The charge that brings a month's fees to the schedule's minimum in a currency; `charged` is their revenue without VAT.
/// None where they reach it, or where there is no minimum.
pub fn monthly_minimum_fee(schedule: &FeeSchedule, charged: Money, day: NaiveDate) -> Result<Option<Charge>, FeeError> {
    let minimum = schedule.monthly_minimum.get(&charged.currency());
    let price = minimum.map_or(0, |minimum| minimum_top_up(minimum.minor(), charged.minor()));
    taxed(schedule, AccountCode::FeeMinimumTopUp, price, day)
}

/// What fees fall short of their minimum, minor units.
pub fn minimum_top_up(minimum: i64, charged: i64) -> i64 {
    minimum.saturating_sub(charged).max(0)
}

fn advance(schedule: &FeeSchedule, amount: i64) -> Result<i64, AmountError> {
    let exact = Decimal::from(amount).checked_mul(schedule.event.advance_percentage);
    schedule.rounding.round(exact.ok_or(AmountError::TooLarge)?)
}

fn taxed(schedule: &FeeSchedule, account: AccountCode, price: i64, day: NaiveDate) -> Result<Option<Charge>, FeeError> {
    if price == 0 {
        return Ok(None);
    }
    let rate = vat::rate_on(schedule.vat.event.as_ref(), day)?;
    Ok(Some(vat::charge(account, price, rate)?))
}
