//! Disputes: what the scheme takes and gives back. The acquirer imposes it, so nothing here is refused.

use super::{Decision, Flag, Payment, Refusal, Step, minus, plus};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::Transfer;
use crate::money::Money;
use crate::payment::fees::EventFee;

impl Step<'_> {
    /// An issuer asks what a payment was: a state of the case, and no money. A refund is still a way to answer it.
    pub(super) fn information_request(&self) -> Decision {
        let flags = match self.disputable() {
            Some(_) => Vec::new(),
            None => vec![Flag::ChargebackUnknown(
                "information is asked for a payment that was never captured here".to_owned(),
            )],
        };
        Decision {
            payment: self.known.payment.cloned(),
            flags,
            ..Decision::default()
        }
    }

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
                    flags: self.doubts(before, payment.charged_back, "charged back"),
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

    /// The payment that an acquirer takes money for: captured, in the event's currency, at its acquirer.
    pub(super) fn disputable(&self) -> Option<&Payment> {
        self.known.payment.filter(|payment| {
            payment.captured > 0 && payment.currency == self.currency && payment.acquirer == self.acquirer
        })
    }

    /// What does not add up once an acquirer has taken so much for a payment.
    pub(super) fn doubts(&self, before: &Payment, taken: i64, how: &str) -> Vec<Flag> {
        if before.refunded > 0 && plus(taken, before.refunded).is_ok_and(|back| back > before.captured) {
            vec![Flag::DoubleRecovery(format!(
                "{} of the captured {} is refunded, {} {how}",
                before.money(before.refunded),
                before.money(before.captured),
                before.money(taken)
            ))]
        } else if taken > before.captured {
            vec![Flag::Amount(format!(
                "{} {how}, only {} was captured",
                before.money(taken),
                before.money(before.captured)
            ))]
        } else {
            Vec::new()
        }
    }

    /// Given back to the merchant as far as it was taken from the merchant. What is more is in suspense until a person says
    /// whose it is, like money taken for an unknown payment: neither suspense account is ever cleared by chance.
    pub(super) fn chargeback_reversal(&self) -> Result<Decision, Refusal> {
        let before = self.disputable();
        let merchants = self.amount.min(before.map_or(0, |before| before.charged_back));
        let (mut transfers, mut flags) = self.given_back(AccountCode::MerchantAvailable, merchants)?;
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
            None => {
                flags = vec![Flag::ChargebackUnknown(format!(
                    "{} given back for a payment that was never captured here",
                    self.event.money
                ))];
                self.known.payment.cloned()
            }
        };
        Ok(Decision {
            payment,
            transfers,
            reportable: Some(self.reported(self.amount)),
            flags,
            ..Decision::default()
        })
    }

    /// Money that the acquirer gives back: so much to whom it was taken from, the rest to nobody yet.
    pub(super) fn given_back(&self, to: AccountCode, known: i64) -> Result<(Vec<Transfer>, Vec<Flag>), Refusal> {
        let unknown = minus(self.amount, known)?;
        let receivable = self.receivable();
        let mut transfers = Vec::with_capacity(2);
        self.push(&mut transfers, receivable, to, known);
        self.push(&mut transfers, receivable, AccountCode::SuspenseCredit, unknown);
        let flags = match unknown {
            0 => Vec::new(),
            unknown => vec![Flag::Amount(format!(
                "{} given back beyond what was taken",
                Money::from_minor(unknown, self.currency)
            ))],
        };
        Ok((transfers, flags))
    }
}
