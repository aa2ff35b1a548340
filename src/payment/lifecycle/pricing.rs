//! What an event costs the merchant, and what it gives back, as transfers.

use super::{Aggregate, Maturing, Original, Payment, Refusal, Reportable, Returns, Step, minus, plus};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::Transfer;
use crate::payment::event::Accrued;
use crate::payment::fees::{CaptureFee, Charge, EventFee, MerchantFee};
use crate::settings::FeeSchedule;

impl Step<'_> {
    /// Charges the merchant; a negative charge goes the other way.
    pub(super) fn charge(
        &self,
        transfers: &mut Vec<Transfer>,
        from: AccountCode,
        charges: &[Charge],
    ) -> Result<(), Refusal> {
        for charge in charges {
            for (account, amount) in [(charge.account, charge.amount), (AccountCode::VatOutput, charge.vat)] {
                self.push(transfers, from, account, amount);
                self.push(transfers, account, from, minus(0, amount)?);
            }
        }
        Ok(())
    }

    pub(super) fn capture_fee(&self, _before: &Payment) -> Result<CaptureFee, Refusal> {
        let fee = MerchantFee::of(self.event.money, self.terms.schedule)?;
        Ok(fee.into())
    }

    /// What the schedule charges for an event beside captures, out of available money: fee and VAT.
    pub(super) fn event_fee(&self, transfers: &mut Vec<Transfer>, event: EventFee) -> Result<(i64, i64), Refusal> {
        let Some(charge) = crate::payment::fees::event_fee(self.terms.schedule, event, self.currency)? else {
            return Ok((0, 0));
        };
        self.charge(transfers, AccountCode::MerchantAvailable, std::slice::from_ref(&charge))?;
        Ok((charge.amount, charge.vat))
    }

    /// Whether a dispute's fee is given back when it is won.
    pub(super) fn returns_dispute_fee(&self) -> bool {
        false
    }

    /// Gives back, by the schedule's policy, the fees of what is refunded.
    pub(super) fn give_back(
        &self,
        _payment: &mut Payment,
        _transfers: &mut Vec<Transfer>,
    ) -> Result<Vec<Accrued>, Refusal> {
        Ok(Vec::new())
    }

    /// Takes back what a failed refund gave back of exact fees.
    pub(super) fn take_back(
        &self,
        _payment: &mut Payment,
        _original: &Original,
        _transfers: &mut Vec<Transfer>,
    ) -> Result<Vec<Accrued>, Refusal> {
        Ok(Vec::new())
    }
}

impl CaptureFee {
    /// Fees and VAT together.
    pub(super) fn total(&self) -> Result<i64, Refusal> {
        let mut total = 0;
        for charge in &self.charges {
            total = plus(total, plus(charge.amount, charge.vat)?)?;
        }
        Ok(total)
    }

    /// Adds what may be given back of it.
    pub(super) fn add_to(&self, returns: &mut Returns) -> Result<(), Refusal> {
        returns.fee = plus(returns.fee, self.returnable.0)?;
        returns.vat = plus(returns.vat, self.returnable.1)?;
        Ok(())
    }

    /// Takes out what might have been given back of it.
    pub(super) fn take_from(&self, returns: &mut Returns) -> Result<(), Refusal> {
        returns.fee = minus(returns.fee, self.returnable.0)?;
        returns.vat = minus(returns.vat, self.returnable.1)?;
        Ok(())
    }

    /// What undoing a capture's entry leaves to be charged: its own transfers are mirrored, exact sums lose its part.
    pub(super) fn undone(_original: &Original, _schedule: &FeeSchedule) -> Result<Self, Refusal> {
        Ok(Self::default())
    }
}

impl Aggregate {
    /// With so many captures more.
    pub(super) fn with(mut self, item: &Reportable, items: i64) -> Result<Self, Refusal> {
        self.items = plus(self.items, items)?;
        self.gross = plus(self.gross, item.gross)?;
        self.merchant_fee = plus(self.merchant_fee, item.merchant_fee)?;
        self.reserve = plus(self.reserve, item.reserve)?;
        Ok(self)
    }

    /// Without a capture that is withdrawn.
    pub(super) fn without(mut self, original: &Original, gross: i64) -> Result<Self, Refusal> {
        let fee: i64 = original
            .transfers
            .iter()
            .filter(|transfer| transfer.debit.code == AccountCode::MerchantPending)
            .try_fold(0, |fee, transfer| plus(fee, transfer.amount))?;
        self.items = minus(self.items, 1)?;
        self.gross = minus(self.gross, gross)?;
        self.merchant_fee = minus(self.merchant_fee, fee)?;
        self.reserve = minus(self.reserve, original.reserve)?;
        Ok(self)
    }
}

impl Maturing {
    /// The same, taken away again.
    pub(super) fn withdrawn(self) -> Self {
        Self {
            payable: self.payable.saturating_neg(),
            reserve: self.reserve.saturating_neg(),
            ..self
        }
    }
}
