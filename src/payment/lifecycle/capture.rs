//! Captures: claims on the acquirer, several of one payment, withdrawn before they are presented, or handed in together.

use chrono::{DateTime, Days, NaiveDate, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{
    Aggregate, Decision, Flag, Held, Maturing, Original, Payment, Refusal, Reportable, Step, minus, mirrored, plus,
};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::{EntryKind, Transfer};
use crate::money::{Money, Rounding};
use crate::settings::{ReserveRule, VatRate};

/// From where a capture takes its amount: the promise, what had expired of it, and beyond it.
struct Cover {
    promised: i64,
    expired: i64,
    beyond: i64,
}

/// What is withheld of a capture, and until when.
#[derive(Clone, Copy)]
struct Withheld {
    amount: i64,
    until: Option<NaiveDate>,
}

impl Step<'_> {
    pub(super) fn capture(&self) -> Result<Decision, Refusal> {
        let before = self.authorized()?;
        let details = &self.event.details;
        self.expected(before, before.captured)?;
        let aggregate = self.joined()?;
        let cover = self.cover(before)?;
        let rest = match details.is_final {
            true => minus(before.open(), cover.promised)?,
            false => 0,
        };
        let fee = self.capture_fee(before)?;
        let aggregate = self.of_one_price(aggregate, fee.passes_costs)?;
        let mut transfers = Vec::with_capacity(5);
        self.push(
            &mut transfers,
            AccountCode::AuthContra,
            AccountCode::AuthHold,
            cover.promised,
        );
        self.push(&mut transfers, AccountCode::AuthContra, AccountCode::AuthHold, rest);
        let receivable = self.receivable();
        self.push(&mut transfers, receivable, AccountCode::MerchantPending, self.amount);
        self.charge(&mut transfers, AccountCode::MerchantPending, fee.charges())?;
        let merchant_fee = fee.total()?;
        let payable = minus(self.amount, merchant_fee)?;
        let withheld = self.withheld(payable)?;
        let mut payment = self.captured(before, &cover, rest)?;
        payment.returns.add(&fee)?;
        let maturing = self.terms.available_on.map(|available_on| Maturing {
            source_on: self.terms.day,
            available_on,
            payable,
            reserve: withheld.amount,
            reserve_until: withheld.until,
        });
        let held = self.held(payable, maturing);
        let set_aside = held.as_ref().map_or(0, |held| held.amount);
        let (pending, hold) = (AccountCode::MerchantPending, AccountCode::MerchantHold);
        self.push(&mut transfers, pending, hold, set_aside);
        let mut reportable = Reportable {
            gross: self.amount,
            merchant_fee,
            reserve: withheld.amount,
            reserve_until: withheld.until,
            cost: 0,
            matures: maturing.is_some(),
            passes_costs: fee.passes_costs,
        };
        if set_aside > 0 && maturing.is_none() {
            // To a match it is as good as a fee, until it is released.
            reportable.merchant_fee = plus(merchant_fee, set_aside)?;
            (reportable.reserve, reportable.reserve_until) = (0, None);
        }
        let aggregate = aggregate.map(|aggregate| aggregate.with(&reportable, 1)).transpose()?;
        let flags = match cover.expired {
            0 => Vec::new(),
            late => vec![Flag::Status(format!(
                "{} of it had expired here when it was captured",
                before.money(late)
            ))],
        };
        Ok(Decision {
            payment: Some(payment),
            transfers,
            reportable: aggregate.is_none().then_some(reportable),
            flags,
            accrued: fee.accrued().cloned().collect(),
            returned_on_refund: self.schedule()?.returned_on_refund,
            withheld: withheld.until.map(|until| (withheld.amount, until)),
            maturing: maturing.filter(|_| held.is_none()),
            aggregate,
            held,
            ..Decision::default()
        })
    }

    /// What a velocity rule sets aside of a capture: all that would become payable.
    fn held(&self, payable: i64, maturing: Option<Maturing>) -> Option<Held> {
        let rule = self.known.held_by.filter(|_| payable > 0)?;
        Some(Held {
            rule: rule.to_owned(),
            amount: payable,
            maturing,
        })
    }

    /// Refuses an event that expects another total than there is: something happened in between, or it is a retry.
    pub(super) fn expected(&self, before: &Payment, total: i64) -> Result<(), Refusal> {
        match self.event.details.expected_total {
            Some(expected) if expected != total => Err(Refusal::TotalDiffers {
                total: before.money(total),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// The promise first; then what of it had expired, since the acquirer took the capture all the same; then as much beyond it as
    /// the contract allows: nothing, once a void or a final capture has withdrawn what was open.
    fn cover(&self, before: &Payment) -> Result<Cover, Refusal> {
        let open = before.open();
        let promised = self.amount.min(open);
        let missing = minus(self.amount, promised)?;
        let expired = missing.min(before.expired);
        let beyond = minus(missing, expired)?;
        let allowance = match before.voided > 0 || before.final_captures > 0 {
            false => Decimal::from(before.authorized.unwrap_or(0))
                .checked_mul(self.terms.acquirer.over_capture)
                .and_then(|allowance| allowance.floor().to_i64())
                .ok_or(Refusal::AmountTooLarge)?
                .saturating_sub(before.over_captured)
                .max(0),
            true => 0,
        };
        if beyond > allowance {
            return Err(Refusal::ExceedsAuthorized {
                open: before.money(plus(plus(open, before.expired)?, allowance)?),
            });
        }
        Ok(Cover {
            promised,
            expired,
            beyond,
        })
    }

    fn captured(&self, before: &Payment, cover: &Cover, rest: i64) -> Result<Payment, Refusal> {
        let (captured_at, earlier_captures) = before.captured_too(self.event.occurred_at);
        Ok(Payment {
            captured: plus(before.captured, self.amount)?,
            over_captured: plus(before.over_captured, cover.beyond)?,
            voided: plus(before.voided, rest)?,
            expired: minus(before.expired, cover.expired)?,
            captured_at: Some(captured_at),
            earlier_captures,
            final_captures: plus(before.final_captures, i64::from(self.event.details.is_final))?,
            ..before.clone()
        })
    }

    fn withheld(&self, payable: i64) -> Result<Withheld, Refusal> {
        let nothing = Withheld { amount: 0, until: None };
        let Some(reserve) = &self.terms.merchant.reserve else {
            return Ok(nothing);
        };
        let ReserveRule::Rolling(fraction) = reserve.rule else {
            return Ok(nothing);
        };
        let gross = Money::from_minor(self.amount, self.currency);
        let amount = gross.share(fraction, Rounding::HalfEven)?.minor().min(payable).max(0);
        if amount == 0 {
            return Ok(nothing);
        }
        let until = self
            .terms
            .sales_day
            .checked_add_days(Days::new(u64::from(reserve.release_after_days)))
            .ok_or(Refusal::AmountTooLarge)?;
        Ok(Withheld {
            amount,
            until: Some(until),
        })
    }

    /// The aggregate that a capture joins: a new one where nobody has named it before.
    fn joined(&self) -> Result<Option<Aggregate>, Refusal> {
        let Some(name) = &self.event.details.aggregate else {
            return Ok(None);
        };
        let Some(known) = self.known.aggregate else {
            return Ok(Some(Aggregate {
                name: name.clone(),
                acquirer: self.acquirer.clone(),
                currency: self.currency,
                items: 0,
                gross: 0,
                merchant_fee: 0,
                reserve: 0,
                matures: self.terms.available_on.is_some(),
                passes_costs: None,
                closed: None,
            }));
        };
        self.is_open(known)?;
        // One settlement line will report them all: either it makes all of them available, or none.
        if known.matures != self.terms.available_on.is_some() {
            return Err(Refusal::AggregateDiffers);
        }
        Ok(Some(known.clone()))
    }

    /// One settlement line will have the costs of them all: either it passes them on, or none.
    fn of_one_price(
        &self,
        aggregate: Option<Aggregate>,
        passes_costs: Option<VatRate>,
    ) -> Result<Option<Aggregate>, Refusal> {
        match aggregate {
            Some(aggregate) if aggregate.items > 0 && aggregate.passes_costs != passes_costs => {
                Err(Refusal::AggregateDiffers)
            }
            Some(aggregate) => Ok(Some(Aggregate {
                passes_costs,
                ..aggregate
            })),
            None => Ok(None),
        }
    }

    fn is_open(&self, aggregate: &Aggregate) -> Result<(), Refusal> {
        if let Some(number) = aggregate.closed {
            return Err(Refusal::AggregateClosed { number });
        }
        if aggregate.acquirer != self.acquirer || aggregate.currency != self.currency {
            return Err(Refusal::AggregateDiffers);
        }
        Ok(())
    }

    /// Hands an aggregate in, after proving its count and sum: from now on the acquirer owes one sum for all its captures.
    pub(super) fn aggregate(&self) -> Result<Decision, Refusal> {
        let known = self.known.aggregate.ok_or(Refusal::UnknownAggregate)?;
        self.is_open(known)?;
        if self.event.details.items.map(i64::from) != Some(known.items) {
            return Err(Refusal::AggregateItemsDiffer { items: known.items });
        }
        if self.amount != known.gross {
            return Err(Refusal::AggregateAmountDiffers {
                gross: Money::from_minor(known.gross, self.currency),
            });
        }
        let reserve = self.terms.merchant.reserve.as_ref().filter(|_| known.reserve > 0);
        let until = match reserve {
            Some(reserve) => self
                .terms
                .sales_day
                .checked_add_days(Days::new(u64::from(reserve.release_after_days))),
            None => None,
        };
        Ok(Decision {
            payment: self.known.payment.cloned(),
            reportable: Some(Reportable {
                gross: known.gross,
                merchant_fee: known.merchant_fee,
                reserve: until.map_or(0, |_| known.reserve),
                reserve_until: until,
                cost: 0,
                matures: known.matures,
                passes_costs: known.passes_costs,
            }),
            aggregate: Some(known.clone()),
            ..Decision::default()
        })
    }

    /// Withdraws a capture that the acquirer has not presented: its entry is mirrored, fees included, and the promise is open
    /// again.
    pub(super) fn capture_void(&self) -> Result<Decision, Refusal> {
        let before = self.authorized()?;
        let original = self.original(&[EntryKind::Capture])?;
        // A capture of an aggregate has no open item of its own: it is presented when the aggregate is handed in.
        let aggregate = self.known.aggregate.filter(|aggregate| aggregate.closed.is_none());
        if !original.open && (original.aggregate.is_none() || aggregate.is_none()) {
            return Err(Refusal::AlreadyPresented);
        }
        let gross = Self::gross_of(original);
        if gross != self.amount {
            return Err(Refusal::OriginalAmountDiffers {
                amount: before.money(gross),
            });
        }
        let captured = minus(before.captured, gross)?;
        if before.refunded > 0 || before.charged_back > 0 || before.unpaid.is_some_and(|unpaid| unpaid > 0) {
            return Err(Refusal::CaptureInUse);
        }
        let promised: Vec<i64> = original
            .transfers
            .iter()
            .filter(|transfer| transfer.credit.code == AccountCode::AuthHold)
            .map(|transfer| transfer.amount)
            .collect();
        // The first is what the capture used of the promise, the second what a final capture released.
        let mut mirror = mirrored(&original.transfers);
        let held = original.is_held();
        if original.hold_released {
            // The release is mirrored too: what was set aside is pending again, or counts among what became available.
            let (pending, hold) = (AccountCode::MerchantPending, AccountCode::MerchantHold);
            self.push(&mut mirror, pending, hold, original.set_aside());
        }
        let beyond = minus(gross, promised.first().copied().unwrap_or(0).min(gross))?;
        let over_captured = before.over_captured.min(beyond);
        let (captured_at, earlier_captures) = before.captured_without(original.occurred_at);
        let mut payment = Payment {
            captured,
            over_captured: minus(before.over_captured, over_captured)?,
            // What had expired before it was captured is expired again.
            expired: plus(before.expired, minus(beyond, over_captured)?)?,
            voided: minus(before.voided, promised.get(1).copied().unwrap_or(0))?,
            captured_at,
            earlier_captures,
            final_captures: minus(before.final_captures, i64::from(original.is_final))?,
            ..before.clone()
        };
        let accrued = self.undo_fee(original, &mut payment.returns, &mut mirror)?;
        let aggregate = match aggregate.filter(|_| original.aggregate.is_some()) {
            Some(aggregate) => Some(aggregate.clone().without(original, gross)?),
            None => None,
        };
        Ok(Decision {
            payment: Some(payment),
            transfers: mirror,
            reverses: Some(original.number),
            withdrawn: original.open.then_some(original.number),
            accrued,
            maturing: original.maturing.filter(|_| !held).map(Maturing::withdrawn),
            aggregate,
            unheld: held.then_some(original.number),
            ..Decision::default()
        })
    }

    /// What an earlier capture claimed.
    fn gross_of(original: &Original) -> i64 {
        let claim = |transfer: &&Transfer| transfer.credit.code == AccountCode::MerchantPending;
        original.transfers.iter().find(claim).map_or(0, |claim| claim.amount)
    }
}

impl Payment {
    /// The time of the latest capture, and those of the others in order, with one more.
    fn captured_too(&self, at: DateTime<Utc>) -> (DateTime<Utc>, Vec<DateTime<Utc>>) {
        let Some(latest) = self.captured_at else {
            return (at, Vec::new());
        };
        let mut earlier = self.earlier_captures.clone();
        let other = latest.min(at);
        earlier.insert(earlier.partition_point(|known| *known <= other), other);
        (latest.max(at), earlier)
    }

    /// The same with one less.
    fn captured_without(&self, at: DateTime<Utc>) -> (Option<DateTime<Utc>>, Vec<DateTime<Utc>>) {
        let mut times = self.earlier_captures.clone();
        times.extend(self.captured_at);
        if let Ok(place) = times.binary_search(&at) {
            times.remove(place);
        }
        let latest = times.pop();
        (latest, times)
    }
}
