//! Disputes: what the scheme takes and gives back. The acquirer imposes it, so nothing here is refused.

use super::{Decision, Flag, Payment, Refusal, Step, minus, plus};
use crate::ledger::account::AccountCode;
use crate::money::Money;
use crate::payment::fees::EventFee;

impl Step<'_> {
    pub(super) fn chargeback(&self) -> Result<Decision, Refusal> {
        let cost = self.event.details.cost.unwrap_or(0);
        let mut reportable = self.reported(minus(0, self.amount)?);
        reportable.cost = cost;
        let mut transfers = Vec::with_capacity(4);
        let mut decision = match self.disputable() {
            Some(before) => {
                self.push(
                    &mut transfers,
                    AccountCode::MerchantAvailable,
                    self.receivable(),
                    self.amount,
                );
                let mut payment = Payment {
                    charged_back: plus(before.charged_back, self.amount)?,
                    ..before.clone()
                };
                let (fee, vat) = self.event_fee(&mut transfers, EventFee::Dispute)?;
                if fee > 0 && self.returns_dispute_fee() {
                    let (known_fee, known_vat) = payment.dispute_fee.unwrap_or((0, 0));
                    payment.dispute_fee = Some((plus(known_fee, fee)?, plus(known_vat, vat)?));
                }
                Decision {
                    flags: self.doubts(before, &payment),
                    payment: Some(payment),
                    ..Decision::default()
                }
            }
            None => {
                self.push(
                    &mut transfers,
                    AccountCode::SuspenseDebit,
                    self.receivable(),
                    self.amount,
                );
                Decision {
                    payment: self.known.payment.cloned(),
                    flags: vec![Flag::ChargebackUnknown(format!(
                        "{} taken for a payment that was never captured here",
                        self.event.money
                    ))],
                    ..Decision::default()
                }
            }
        };
        self.push(&mut transfers, AccountCode::CostDispute, self.receivable(), cost);
        decision.transfers = transfers;
        decision.reportable = Some(reportable);
        Ok(decision)
    }

    /// The payment that a dispute takes money for: captured, in the event's currency, at its acquirer.
    fn disputable(&self) -> Option<&Payment> {
        self.known.payment.filter(|payment| {
            payment.captured > 0 && payment.currency == self.currency && payment.acquirer == self.acquirer
        })
    }

    fn doubts(&self, before: &Payment, after: &Payment) -> Vec<Flag> {
        let mut flags = Vec::new();
        if before.refunded > 0 && plus(after.charged_back, before.refunded).is_ok_and(|back| back > before.captured) {
            flags.push(Flag::DoubleRecovery(format!(
                "{} of the captured {} is refunded, {} charged back",
                before.money(before.refunded),
                before.money(before.captured),
                before.money(after.charged_back)
            )));
        } else if after.charged_back > before.captured {
            flags.push(Flag::Amount(format!(
                "{} charged back, only {} was captured",
                before.money(after.charged_back),
                before.money(before.captured)
            )));
        }
        flags
    }

    pub(super) fn chargeback_reversal(&self) -> Result<Decision, Refusal> {
        let before = self.disputable();
        let taken = before.map_or(0, |before| before.charged_back);
        let merchants = self.amount.min(taken);
        let (mut transfers, flags) = self.given_back(merchants)?;
        let payment = match before {
            Some(before) => {
                let mut payment = Payment {
                    charged_back: minus(before.charged_back, merchants)?,
                    ..before.clone()
                };
                if let Some((fee, vat)) = payment.dispute_fee.filter(|_| payment.charged_back == 0) {
                    self.push(
                        &mut transfers,
                        AccountCode::FeeReturned,
                        AccountCode::MerchantAvailable,
                        fee,
                    );
                    self.push(
                        &mut transfers,
                        AccountCode::VatOutput,
                        AccountCode::MerchantAvailable,
                        vat,
                    );
                    payment.dispute_fee = None;
                }
                Some(payment)
            }
            None => self.known.payment.cloned(),
        };
        Ok(Decision {
            payment,
            transfers,
            reportable: Some(self.reported(self.amount)),
            flags,
            ..Decision::default()
        })
    }

    /// Money that the acquirer gives back: the merchant's as far as it was taken from the merchant, then what suspense holds of
    /// unknown chargebacks; the rest is somebody's, and nobody knows whose.
    fn given_back(&self, merchants: i64) -> Result<(Vec<crate::ledger::entry::Transfer>, Vec<Flag>), Refusal> {
        let rest = minus(self.amount, merchants)?;
        let suspended = rest.min(self.known.funds.suspended).max(0);
        let unknown = minus(rest, suspended)?;
        let receivable = self.receivable();
        let mut transfers = Vec::with_capacity(3);
        self.push(&mut transfers, receivable, AccountCode::MerchantAvailable, merchants);
        self.push(&mut transfers, receivable, AccountCode::SuspenseDebit, suspended);
        self.push(&mut transfers, receivable, AccountCode::SuspenseCredit, unknown);
        let flags = if unknown > 0 {
            vec![Flag::Amount(format!(
                "{} given back beyond what was taken",
                Money::from_minor(unknown, self.currency)
            ))]
        } else {
            Vec::new()
        };
        Ok((transfers, flags))
    }
}
