//! The VAT of a fee.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Charge, FeeError, minus, plus};
use crate::ledger::account::AccountCode;
use crate::money::AmountError;
use crate::settings::{VatClass, VatRate};

/// The rate of a component on a day; exempt without a class.
pub(super) fn rate_on(class: Option<&Arc<VatClass>>, day: NaiveDate) -> Result<VatRate, FeeError> {
    let Some(class) = class else {
        return Ok(VatRate::Exempt);
    };
    class.on(day).ok_or_else(|| FeeError::NoVatRate {
        class: Arc::clone(&class.name),
        day,
    })
}

/// The tax of a price, minor units. A price below zero has the tax of the price above, turned.
pub(super) fn tax(price: i64, rate: VatRate) -> Result<i64, AmountError> {
    match rate {
        VatRate::Exempt | VatRate::Zero => Ok(0),
        VatRate::Added { rate, rounding } => {
            let exact = Decimal::from(price).checked_mul(rate).ok_or(AmountError::TooLarge)?;
            rounding.round(exact)
        }
        VatRate::IncludedFloor { rate } => contained(price, rate, true),
        VatRate::IncludedDifference { rate } => minus(price, contained(price, rate, false)?),
    }
}

/// Of a price that contains its tax, the tax, or the rest, each cut off to whole minor units. In integers: dividing by 1.1
/// has no end.
fn contained(price: i64, rate: Decimal, tax: bool) -> Result<i64, AmountError> {
    let of_tax = rate.mantissa();
    let share = || {
        let of_rest = 10_i128.checked_pow(rate.scale())?;
        let whole = of_rest.checked_add(of_tax)?;
        let part = if tax { of_tax } else { of_rest };
        i128::from(price).checked_mul(part)?.checked_div(whole)
    };
    let share = share().ok_or(AmountError::TooLarge)?;
    i64::try_from(share).map_err(|_| AmountError::TooLarge)
}

/// A price as revenue and VAT.
pub(super) fn charge(account: AccountCode, price: i64, rate: VatRate) -> Result<Charge, AmountError> {
    split(account, price, tax(price, rate)?, rate)
}

/// The same, of a tax that is known.
pub(super) fn split(account: AccountCode, price: i64, vat: i64, rate: VatRate) -> Result<Charge, AmountError> {
    let amount = if rate.is_included() { minus(price, vat)? } else { price };
    plus(amount, vat)?;
    Ok(Charge { account, amount, vat })
}
