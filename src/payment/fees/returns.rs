//! What of a payment's fees goes back to the merchant with refunds.
//!
//! In proportion, and cumulatively: after each refund what was returned is `round(returnable x refunded / captured)`, so the
//! returns of any sequence of partial refunds add up to the whole. The rounding is half-even.
//!
//! A fee that was added up before it was rounded goes back the same way, exactly: out of the accrual that it went into. What
//! the merchant gets is what the rounded sum shrinks by.
//!
//! Only a refund gives anything back, and never takes: what was returned stays so if the payment's captures change.

use rust_decimal::Decimal;

use super::accrual::{Accrued, Change, DECIMALS};
use super::{Accrual, AccrualKey, CaptureFee, Charge, FeeError, minus, plus};
use crate::ledger::account::AccountCode;
use crate::money::AmountError;

/// What refunds may give back of a payment's fees, by the policies of the schedules of its captures, and what they gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returns {
    /// Revenue that was rounded by itself and may be given back, minor units.
    pub fee: i64,
    /// Its VAT.
    pub vat: i64,
    /// What was given back of `fee`.
    pub fee_returned: i64,
    /// What was given back of `vat`.
    pub vat_returned: i64,
    /// Exact fees that went into accruals, one for each accrual.
    pub accrued: Vec<Returnable>,
}

/// An exact fee that may be given back, and what of it was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Returnable {
    /// The fee, and the accrual that it went into. What was posted for it does not matter, and is zero.
    pub fee: Accrued,
    /// Minor units.
    pub returned: Decimal,
}

impl Returns {
    /// With the fee of a capture.
    pub fn add(&mut self, fee: &CaptureFee) -> Result<(), AmountError> {
        for part in fee.returnable() {
            match &part.accrued {
                None => {
                    self.fee = plus(self.fee, part.charge.amount)?;
                    self.vat = plus(self.vat, part.charge.vat)?;
                }
                Some((accrued, _)) => self.add_accrued(accrued)?,
            }
        }
        Ok(())
    }

    fn add_accrued(&mut self, accrued: &Accrued) -> Result<(), AmountError> {
        let known = self.accrued.iter_mut().find(|known| known.fee.key == accrued.key);
        if let Some(known) = known {
            known.fee.exact = known
                .fee
                .exact
                .checked_add(accrued.exact)
                .ok_or(AmountError::TooLarge)?;
            return Ok(());
        }
        self.accrued.push(Returnable {
            fee: Accrued {
                posted: 0,
                vat_posted: 0,
                ..accrued.clone()
            },
            returned: Decimal::ZERO,
        });
        Ok(())
    }

    /// Without the fee of a capture that is withdrawn: what could be given back of fees that were rounded by themselves, and
    /// what the capture did to accruals. Never less than was returned already.
    pub fn remove(&mut self, fee: i64, vat: i64, accrued: &[Accrued]) -> Result<(), AmountError> {
        self.fee = minus(self.fee, fee)?.max(self.fee_returned);
        self.vat = minus(self.vat, vat)?.max(self.vat_returned);
        for accrued in accrued {
            let known = self.accrued.iter_mut().find(|known| known.fee.key == accrued.key);
            if let Some(known) = known {
                let exact = known
                    .fee
                    .exact
                    .checked_sub(accrued.exact)
                    .ok_or(AmountError::TooLarge)?;
                known.fee.exact = exact.max(known.returned);
            }
        }
        self.accrued.retain(|known| !known.fee.exact.is_zero());
        Ok(())
    }

    /// Gives back what a refund gives; `refunded` includes it. The charges are on account 4090, and negative: the merchant gets
    /// them.
    pub fn give_back(
        &mut self,
        captured: i64,
        refunded: i64,
        accrual_of: &mut dyn FnMut(&AccrualKey) -> Accrual,
    ) -> Result<Change, FeeError> {
        let mut change = Change::default();
        let fee = proportion(self.fee, captured, refunded)?.max(self.fee_returned);
        let vat = proportion(self.vat, captured, refunded)?.max(self.vat_returned);
        let charge = Charge {
            account: AccountCode::FeeReturned,
            amount: minus(self.fee_returned, fee)?,
            vat: minus(self.vat_returned, vat)?,
        };
        change.charges.extend((!charge.is_nothing()).then_some(charge));
        (self.fee_returned, self.vat_returned) = (fee, vat);
        for known in &mut self.accrued {
            let target = exact_proportion(known.fee.exact, captured, refunded)?.max(known.returned);
            let delta = known.returned.checked_sub(target).ok_or(AmountError::TooLarge)?;
            if delta.is_zero() {
                continue;
            }
            known.returned = target;
            let before = accrual_of(&known.fee.key);
            let (accrued, after) = known.fee.key.clone().moved(before, delta, known.fee.rounding)?;
            let charge = accrued.charge(AccountCode::FeeReturned)?;
            change.charges.extend((!charge.is_nothing()).then_some(charge));
            change.accrued.push((accrued, after));
        }
        Ok(change)
    }

    /// Takes back what a refund gave back that failed: `fee` and `vat` of what was rounded by itself, and what the refund did
    /// to accruals. What is to be booked is the mirror of the refund's entry, and what [`super::undo`] says.
    pub fn take_back(&mut self, fee: i64, vat: i64, accrued: &[Accrued]) -> Result<(), AmountError> {
        self.fee_returned = minus(self.fee_returned, fee)?;
        self.vat_returned = minus(self.vat_returned, vat)?;
        for accrued in accrued {
            let known = self.accrued.iter_mut().find(|known| known.fee.key == accrued.key);
            if let Some(known) = known {
                // What a refund did to an accrual is negative.
                known.returned = known.returned.checked_add(accrued.exact).ok_or(AmountError::TooLarge)?;
            }
        }
        Ok(())
    }
}

/// `whole x refunded / captured`, to the nearest minor unit, a half to the even one.
fn proportion(whole: i64, captured: i64, refunded: i64) -> Result<i64, AmountError> {
    let (captured, refunded) = part_of(captured, refunded);
    let share = || {
        let product = i128::from(whole).checked_mul(refunded)?;
        let down = product.checked_div_euclid(captured)?;
        let twice = product.checked_rem_euclid(captured)?.checked_mul(2)?;
        let odd = down.checked_rem_euclid(2)? == 1;
        let up = twice > captured || (twice == captured && odd);
        down.checked_add(i128::from(up))
    };
    let share = share().ok_or(AmountError::TooLarge)?;
    i64::try_from(share).map_err(|_| AmountError::TooLarge)
}

/// The same exactly, cut off after ten decimals; all of it, once all is refunded.
fn exact_proportion(whole: Decimal, captured: i64, refunded: i64) -> Result<Decimal, AmountError> {
    let (captured, refunded) = part_of(captured, refunded);
    let share = || {
        let scale = 10_i128.checked_pow(DECIMALS.checked_sub(whole.scale())?)?;
        let parts = whole.mantissa().checked_mul(scale)?;
        // Quotient and remainder apart: the product of both numbers would not fit.
        let (per, rest) = (parts.checked_div(captured)?, parts.checked_rem(captured)?);
        let of_rest = rest.checked_mul(refunded)?.checked_div(captured)?;
        let share = per.checked_mul(refunded)?.checked_add(of_rest)?;
        Decimal::try_from_i128_with_scale(share, DECIMALS).ok()
    };
    Ok(share().ok_or(AmountError::TooLarge)?.normalize())
}

/// Refunds never pass captures; a payment without captures has nothing to give back.
fn part_of(captured: i64, refunded: i64) -> (i128, i128) {
    let captured = i128::from(captured.max(1));
    (captured, i128::from(refunded).clamp(0, captured))
}
