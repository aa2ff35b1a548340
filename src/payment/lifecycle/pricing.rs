//! What an event costs the merchant, and what it gives back, as transfers.

use super::{Aggregate, Maturing, Original, Payment, Refusal, Reportable, Returns, Step, minus, plus};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::Transfer;
use crate::payment::fees::{self, Accrual, Accrued, CaptureFee, Charge, Component, EventFee, Inputs};
use crate::settings::ReturnPolicy;

impl Step<'_> {
    /// Charges the merchant; a negative charge goes the other way.
    pub(super) fn charge(
        &self,
        transfers: &mut Vec<Transfer>,
        from: AccountCode,
        charges: impl IntoIterator<Item = Charge>,
    ) -> Result<(), Refusal> {
        for charge in charges {
            for (account, amount) in [(charge.account, charge.amount), (AccountCode::VatOutput, charge.vat)] {
                self.push(transfers, from, account, amount);
                self.push(transfers, account, from, minus(0, amount)?);
            }
        }
        Ok(())
    }

    pub(super) fn capture_fee(&self, before: &Payment) -> Result<CaptureFee, Refusal> {
        let schedule = self.terms.schedule;
        let inputs = Inputs {
            gross: self.event.money,
            day: self.terms.day,
            method: before.instrument.method.as_deref(),
            scheme: before.instrument.scheme.as_deref(),
            card_country: before.instrument.card_country.as_deref(),
        };
        let fee = fees::capture_fee(schedule, &inputs, &mut |_| Accrual::default())?;
        if fee.accrued().next().is_some() {
            return Err(Refusal::NotPriced {
                schedule: schedule.name.as_ref().to_owned(),
                currency: self.currency,
            });
        }
        Ok(fee)
    }

    /// What the schedule charges for an event beside captures, out of available money: fee and VAT.
    pub(super) fn event_fee(&self, transfers: &mut Vec<Transfer>, event: EventFee) -> Result<(i64, i64), Refusal> {
        let Some(charge) = fees::event_fee(self.terms.schedule, event, self.currency, self.terms.day)? else {
            return Ok((0, 0));
        };
        self.charge(transfers, AccountCode::MerchantAvailable, [charge])?;
        Ok((charge.amount, charge.vat))
    }

    /// Whether a dispute's fee is given back when it is won.
    pub(super) fn returns_dispute_fee(&self) -> bool {
        self.terms.schedule.dispute_fee_returned_when_won
    }

    /// Gives back, by the schedule's policy, the fees of what is refunded.
    pub(super) fn give_back(
        &self,
        payment: &mut Payment,
        transfers: &mut Vec<Transfer>,
    ) -> Result<Vec<Accrued>, Refusal> {
        let mut returns = payment.returns.whole();
        let change = returns.give_back(payment.captured, payment.refunded, &mut |_| Accrual::default())?;
        payment.returns.set(&returns);
        self.charge(transfers, AccountCode::MerchantAvailable, change.charges)?;
        Ok(change.accrued.into_iter().map(|(accrued, _)| accrued).collect())
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

    /// A capture is withdrawn, and its transfers are mirrored: its fee can no longer be given back.
    pub(super) fn undo_fee(&self, original: &Original, returns: &mut Returns) -> Result<Vec<Accrued>, Refusal> {
        let name = &self.terms.merchant.fee_schedule;
        let schedule = self.terms.settings.fee_schedule(name, original.day);
        let policy = schedule.unwrap_or(self.terms.schedule).returned_on_refund;
        let (mut fee, mut vat) = (0, 0);
        for (place, transfer) in original.transfers.iter().enumerate() {
            let component = Component::ALL
                .into_iter()
                .find(|component| component.account() == transfer.credit.code);
            let returned = match policy {
                ReturnPolicy::Nothing => false,
                ReturnPolicy::Percentage => component == Some(Component::Percentage),
                ReturnPolicy::All => component.is_some(),
            };
            if !returned {
                continue;
            }
            fee = plus(fee, transfer.amount)?;
            // The VAT of a component follows it.
            let next = original.transfers.get(place.saturating_add(1));
            let tax = next.filter(|next| next.credit.code == AccountCode::VatOutput);
            vat = plus(vat, tax.map_or(0, |tax| tax.amount))?;
        }
        let mut whole = returns.whole();
        whole.remove(fee, vat, &original.accrued)?;
        returns.set(&whole);
        Ok(Vec::new())
    }
}

impl Returns {
    /// What of a fee a refund can give back, added to what other captures can.
    pub(super) fn add(&mut self, fee: &CaptureFee) -> Result<(), Refusal> {
        let mut whole = self.whole();
        whole.add(fee)?;
        self.set(&whole);
        Ok(())
    }

    fn whole(&self) -> fees::Returns {
        fees::Returns {
            fee: self.fee,
            vat: self.vat,
            fee_returned: self.fee_returned,
            vat_returned: self.vat_returned,
            accrued: Vec::new(),
        }
    }

    fn set(&mut self, whole: &fees::Returns) {
        self.fee = whole.fee;
        self.vat = whole.vat;
        self.fee_returned = whole.fee_returned;
        self.vat_returned = whole.vat_returned;
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
