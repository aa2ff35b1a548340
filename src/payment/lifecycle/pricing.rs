//! What an event costs the merchant, and what it gives back, as transfers.

use super::{Aggregate, Decision, Flag, Maturing, Original, Payment, Refusal, Reportable, Step, minus, plus};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::Transfer;
use crate::payment::fees::{
    self, Accrual, AccrualKey, Accrued, CaptureFee, Charge, Component, EventFee, Inputs, Returns,
};
use crate::settings::{FeeSchedule, ReturnPolicy};

/// What an entry does to exact sums of fees, and where each stands afterwards.
type Accrueds = Vec<(Accrued, Accrual)>;

impl Step<'_> {
    /// What we charge; refused where nothing says it, since a price is never assumed to be zero.
    pub(super) fn schedule(&self) -> Result<&FeeSchedule, Refusal> {
        self.terms.schedule.ok_or_else(|| Refusal::NotPriced {
            schedule: self.terms.merchant.fee_schedule.clone(),
            currency: self.currency,
        })
    }

    /// Flags a dispute that a merchant bears and nothing prices: the acquirer's fact is booked, without a fee.
    pub(super) fn unpriced(&self, mut decision: Decision) -> Decision {
        if self.terms.schedule.is_none() && self.disputable().is_some() {
            decision.flags.push(Flag::NotPriced(format!(
                "fee schedule `{}` has no version in force on {}: no fee is charged for the dispute",
                self.terms.merchant.fee_schedule, self.terms.day
            )));
        }
        decision
    }

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
        let schedule = self.schedule()?;
        let inputs = Inputs {
            gross: self.event.money,
            day: self.terms.day,
            method: before.instrument.method.as_deref(),
            scheme: before.instrument.scheme.as_deref(),
            card_country: before.instrument.card_country.as_deref(),
        };
        Ok(fees::capture_fee(schedule, &inputs, &mut |key| self.accrual(key))?)
    }

    /// Where an exact sum of fees stands; a new one is of nothing.
    fn accrual(&self, key: &AccrualKey) -> Accrual {
        self.known.accruals.get(key).copied().unwrap_or_default()
    }

    /// What the schedule charges for an event beside captures, out of available money: fee and VAT. A dispute comes whether it is
    /// priced or not.
    pub(super) fn event_fee(&self, transfers: &mut Vec<Transfer>, event: EventFee) -> Result<(i64, i64), Refusal> {
        if self.terms.schedule.is_none() && event == EventFee::Dispute {
            return Ok((0, 0));
        }
        let Some(charge) = fees::event_fee(self.schedule()?, event, self.currency, self.terms.day)? else {
            return Ok((0, 0));
        };
        self.charge(transfers, AccountCode::MerchantAvailable, [charge])?;
        Ok((charge.amount, charge.vat))
    }

    /// Whether a dispute's fee is given back when it is won.
    pub(super) fn returns_dispute_fee(&self) -> bool {
        let schedule = self.terms.schedule;
        schedule.is_some_and(|schedule| schedule.dispute_fee_returned_when_won)
    }

    /// Gives back, by the schedules' policies, the fees of what is refunded.
    pub(super) fn give_back(&self, payment: &mut Payment, transfers: &mut Vec<Transfer>) -> Result<Accrueds, Refusal> {
        let (captured, refunded) = (payment.captured, payment.refunded);
        let change = payment
            .returns
            .give_back(captured, refunded, &mut |key| self.accrual(key))?;
        self.charge(transfers, AccountCode::MerchantAvailable, change.charges)?;
        Ok(change.accrued)
    }

    /// Takes back what a failed refund gave back, its transfers being mirrored.
    pub(super) fn take_back(
        &self,
        payment: &mut Payment,
        original: &Original,
        transfers: &mut Vec<Transfer>,
    ) -> Result<Accrueds, Refusal> {
        let moved = |debit: AccountCode| {
            let moved = original
                .transfers
                .iter()
                .filter(|transfer| transfer.debit.code == debit);
            moved.map(|transfer| transfer.amount).try_fold(0, plus)
        };
        let (mut fee, mut vat) = (moved(AccountCode::FeeReturned)?, moved(AccountCode::VatOutput)?);
        // What came out of exact sums goes back into them.
        for accrued in &original.accrued {
            let charge = accrued.charge(AccountCode::FeeReturned)?;
            (fee, vat) = (plus(fee, charge.amount)?, plus(vat, charge.vat)?);
        }
        payment.returns.take_back(fee, vat, &original.accrued)?;
        self.undo_accrued(original, transfers)
    }

    /// Takes out of exact sums what an entry did to them, its transfers being mirrored.
    fn undo_accrued(&self, original: &Original, transfers: &mut Vec<Transfer>) -> Result<Accrueds, Refusal> {
        let change = fees::undo(&original.accrued, &mut |key| self.accrual(key))?;
        self.charge(transfers, AccountCode::MerchantAvailable, change.charges)?;
        Ok(change.accrued)
    }

    /// A capture is withdrawn, and its transfers are mirrored: its fee can no longer be given back.
    pub(super) fn undo_fee(
        &self,
        original: &Original,
        returns: &mut Returns,
        transfers: &mut Vec<Transfer>,
    ) -> Result<Accrueds, Refusal> {
        // As the schedule was when it was captured: another may be in force by now.
        let returned = |component: Component| match original.returned_on_refund {
            ReturnPolicy::Nothing => false,
            ReturnPolicy::Percentage => component == Component::Percentage,
            ReturnPolicy::All => true,
        };
        let (mut fee, mut vat) = (0, 0);
        for (place, transfer) in original.transfers.iter().enumerate() {
            let component = Component::ALL
                .into_iter()
                .find(|component| component.account() == transfer.credit.code);
            if !component.is_some_and(returned) || !original.accrued.is_empty() {
                continue;
            }
            fee = plus(fee, transfer.amount)?;
            // The VAT of a component follows it.
            let next = original.transfers.get(place.saturating_add(1));
            let tax = next.filter(|next| next.credit.code == AccountCode::VatOutput);
            vat = plus(vat, tax.map_or(0, |tax| tax.amount))?;
        }
        let accrued = original
            .accrued
            .iter()
            .filter(|accrued| returned(accrued.key.component));
        let accrued: Vec<Accrued> = accrued.cloned().collect();
        returns.remove(fee, vat, &accrued)?;
        self.undo_accrued(original, transfers)
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
        // To a match, what is set aside is as good as a fee. A date knows of none of it.
        let aside = original.is_held() && original.maturing.is_none();
        // What did not stay pending of the gross; a fee may also give something back.
        let mut fee = gross;
        for transfer in &original.transfers {
            if transfer.credit.code == AccountCode::MerchantHold && !aside {
                continue;
            }
            if transfer.debit.code == AccountCode::MerchantPending {
                fee = plus(fee, transfer.amount)?;
            } else if transfer.credit.code == AccountCode::MerchantPending {
                fee = minus(fee, transfer.amount)?;
            }
        }
        self.items = minus(self.items, 1)?;
        self.gross = minus(self.gross, gross)?;
        self.merchant_fee = minus(self.merchant_fee, fee)?;
        self.reserve = minus(self.reserve, if aside { 0 } else { original.reserve })?;
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
