//! The VAT of a fee.

use std::sync::Arc;

use chrono::NaiveDate;

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

/// A price as revenue and VAT.
pub(super) fn charge(account: AccountCode, price: i64, rate: VatRate) -> Result<Charge, AmountError> {
    split(account, price, rate.tax(price)?, rate)
}

/// The same, of a tax that is known.
pub(super) fn split(account: AccountCode, price: i64, vat: i64, rate: VatRate) -> Result<Charge, AmountError> {
    let amount = if rate.is_included() { minus(price, vat)? } else { price };
    plus(amount, vat)?;
    Ok(Charge { account, amount, vat })
}
