//! Refunds: money back to the shopper, by the rail or by bank transfer, and refunds that did not arrive.

use super::{Decision, Original, Payment, Refusal, Step, minus, mirrored, plus};
use crate::dates::day_in;
use crate::ledger::account::AccountCode;
use crate::ledger::entry::{EntryKind, Transfer};
use crate::money::Money;
use crate::payment::event::RefundWay;
use crate::payment::fees::EventFee;
use crate::payment::window::{RefundRoute, RefundRule};

impl Step<'_> {
    pub(super) fn refund(&self) -> Result<Decision, Refusal> {
        let before = self.authorized()?;
        if before.charged_back > 0 {
            return Err(Refusal::ChargedBack);
        }
        let by = self.event.details.by.unwrap_or(RefundWay::Rail);
        self.expected(before, before.refunded)?;
        if self.amount > before.refundable() {
            return Err(Refusal::ExceedsCaptured {
                refundable: before.money(before.refundable()),
            });
        }
        self.collected(before)?;
        self.identified(before)?;
        let rule = self.terms.settings.refund_rule(before.instrument.method.as_deref());
        self.in_time(before, by, rule)?;
        self.in_parts(before, rule)?;
        if by == RefundWay::Rail && !self.terms.acquirer.partial_refunds && self.amount != before.captured {
            return Err(Refusal::PartialRefund {
                captured: before.money(before.captured),
            });
        }
        let refunded = plus(before.refunded, self.amount)?;
        let mut payment = Payment {
            refunded,
            refunds: plus(before.refunds, 1)?,
            ..before.clone()
        };
        let to = match by {
            RefundWay::Rail => self.receivable(),
            RefundWay::Transfer => AccountCode::RefundPayable,
        };
        let mut fees = Vec::with_capacity(2);
        let accrued = self.give_back(&mut payment, &mut fees)?;
        self.event_fee(&mut fees, EventFee::Refund)?;
        let reserve_applied = self.covered(&fees)?;
        let mut transfers = Vec::with_capacity(4);
        self.push(&mut transfers, AccountCode::MerchantAvailable, to, self.amount);
        self.push(
            &mut transfers,
            AccountCode::MerchantReserve,
            AccountCode::MerchantAvailable,
            reserve_applied,
        );
        transfers.append(&mut fees);
        Ok(Decision {
            payment: Some(payment),
            transfers,
            reportable: (by == RefundWay::Rail).then(|| self.reported(self.amount.saturating_neg())),
            accrued,
            reserve_applied,
            ..Decision::default()
        })
    }

    /// Refuses to give back what the carrier has deducted because the shopper did not pay it.
    fn collected(&self, before: &Payment) -> Result<(), Refusal> {
        let unpaid = before.unpaid.unwrap_or(0);
        let refundable = minus(before.refundable(), unpaid)?;
        if unpaid > 0 && self.amount > refundable {
            return Err(Refusal::NotCollected {
                unpaid: before.money(unpaid),
                refundable: before.money(refundable.max(0)),
            });
        }
        Ok(())
    }

    /// Two equal refunds with references of their own are two refunds; without one, only what was refunded before tells a second
    /// refund from a retry of the first. A refund of the whole happens once anyway.
    fn identified(&self, before: &Payment) -> Result<(), Refusal> {
        let derived = self.event.has_derived_reference() && self.event.details.expected_total.is_none();
        let whole = before.refunded == 0 && self.amount == before.captured;
        if derived && !whole {
            return Err(Refusal::ReferenceNeeded);
        }
        Ok(())
    }

    /// Refuses what comes after the refund window, and by the rail what comes after the rail closed.
    fn in_time(&self, before: &Payment, by: RefundWay, rule: &RefundRule) -> Result<(), Refusal> {
        let Some(captured_at) = before.captured_at else {
            return Ok(());
        };
        let from = day_in(captured_at, self.terms.zone);
        let day = day_in(self.event.occurred_at, self.terms.zone);
        match rule.route(from, day) {
            RefundRoute::TooLate { first_late } => Err(Refusal::RefundTooLate { first_late }),
            RefundRoute::Transfer if by == RefundWay::Rail => Err(Refusal::RailClosed {
                first_late: rule.rail.first_late_day(from),
            }),
            RefundRoute::Rail | RefundRoute::Transfer => Ok(()),
        }
    }

    /// Refuses a part that is too small, and one more part than the method takes. All that is left may always be refunded: money
    /// that no refund could reach would stay with the merchant.
    fn in_parts(&self, before: &Payment, rule: &RefundRule) -> Result<(), Refusal> {
        let left = minus(before.refundable(), before.unpaid.unwrap_or(0))?;
        if self.amount == left {
            return Ok(());
        }
        if let Some(minimum) = rule.minimum.get(&self.currency)
            && self.amount < minimum.minor()
        {
            return Err(Refusal::RefundBelowMinimum {
                minimum: *minimum,
                left: before.money(left),
            });
        }
        match rule.max_partial_refunds {
            Some(most) if before.refunds >= i64::from(most) => Err(Refusal::TooManyPartialRefunds {
                most,
                left: before.money(left),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// What the reserve has to cover, once available and pending money do not cover the refund and what it costs; refused where it
    /// would take the merchant beyond the negative limit. What the merchant owes already is not the reserve's to pay.
    fn covered(&self, fees: &[Transfer]) -> Result<i64, Refusal> {
        let funds = self.known.funds;
        let merchant = self.terms.merchant;
        let own = plus(funds.available, funds.pending)?;
        let mut needed = self.amount;
        for fee in fees {
            if fee.debit.code == AccountCode::MerchantAvailable {
                needed = plus(needed, fee.amount)?;
            } else if fee.credit.code == AccountCode::MerchantAvailable {
                needed = minus(needed, fee.amount)?;
            }
        }
        let missing = minus(needed, own.max(0))?.max(0);
        let reserve = if merchant.refunds_from_reserve {
            funds.reserve
        } else {
            0
        };
        let applied = missing.min(reserve).max(0);
        let uncovered = minus(missing, applied)?;
        let owed = minus(uncovered, own.min(0))?;
        let limit = merchant
            .negative_limit
            .get(&self.currency)
            .map_or(0, |limit| limit.minor());
        if uncovered > 0 && owed > limit {
            return Err(Refusal::InsufficientBalance {
                cover: Money::from_minor(plus(own, reserve)?, self.currency),
                limit: Money::from_minor(limit, self.currency),
            });
        }
        Ok(applied)
    }

    /// The refund did not reach the shopper: its entry is mirrored, and every account is where it was.
    pub(super) fn refund_failure(&self) -> Result<Decision, Refusal> {
        let before = self.authorized()?;
        let original = self.original(&[EntryKind::Refund])?;
        let refund = self.refund_of(original)?;
        let mut payment = Payment {
            refunded: minus(before.refunded, refund.amount)?,
            refunds: minus(before.refunds, 1)?,
            ..before.clone()
        };
        let mut transfers = mirrored(&original.transfers);
        if original.paid {
            // The bank has sent it back.
            self.push(
                &mut transfers,
                AccountCode::BankSettlement,
                AccountCode::RefundPayable,
                refund.amount,
            );
        }
        let accrued = self.take_back(&mut payment, original, &mut transfers)?;
        Ok(Decision {
            payment: Some(payment),
            transfers,
            // An acquirer that has reported the refund reports that it failed; one that has not reports neither.
            reportable: (refund.by == RefundWay::Rail && !original.open).then(|| self.reported(refund.amount)),
            reverses: Some(original.number),
            withdrawn: original.open.then_some(original.number),
            accrued,
            reserve_applied: refund.reserve.saturating_neg(),
            ..Decision::default()
        })
    }

    /// A refund by bank transfer has left our account.
    pub(super) fn refund_paid(&self) -> Result<Decision, Refusal> {
        let before = self.authorized()?;
        let original = self.original(&[EntryKind::Refund])?;
        let refund = self.refund_of(original)?;
        if refund.by != RefundWay::Transfer || original.paid {
            return Err(Refusal::NotPayable);
        }
        let mut transfers = Vec::with_capacity(1);
        self.push(
            &mut transfers,
            AccountCode::RefundPayable,
            AccountCode::BankSettlement,
            refund.amount,
        );
        Ok(Decision {
            payment: Some(before.clone()),
            transfers,
            ..Decision::default()
        })
    }

    /// What an earlier refund moved; the event that answers it is of the same amount.
    fn refund_of(&self, original: &Original) -> Result<Refund, Refusal> {
        let mut refund = Refund {
            by: RefundWay::Rail,
            amount: 0,
            reserve: 0,
        };
        // The refund itself is the first transfer, what it cost and gave back follows.
        if let Some(first) = original.transfers.first() {
            refund.amount = first.amount;
            if first.credit.code == AccountCode::RefundPayable {
                refund.by = RefundWay::Transfer;
            }
        }
        let mut transfers = original.transfers.iter();
        let reserve = transfers.find(|transfer| transfer.debit.code == AccountCode::MerchantReserve);
        refund.reserve = reserve.map_or(0, |transfer| transfer.amount);
        if refund.amount == self.amount {
            Ok(refund)
        } else {
            Err(Refusal::OriginalAmountDiffers {
                amount: Money::from_minor(refund.amount, self.currency),
            })
        }
    }
}

/// What an earlier refund moved, minor units.
struct Refund {
    by: RefundWay,
    amount: i64,
    reserve: i64,
}
