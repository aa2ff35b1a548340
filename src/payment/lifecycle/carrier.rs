//! Phone bills that shoppers do not pay: what a carrier deducts, and what it collects late. The carrier imposes it, so nothing
//! here is refused.

use super::{Decision, Flag, Original, Payment, Refusal, Step, minus, plus};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::EntryKind;
use crate::settings::Bearer;

impl Step<'_> {
    /// The contract says who bears it; of a payment that was never captured here, nobody knows yet.
    pub(super) fn unpaid(&self) -> Result<Decision, Refusal> {
        let before = self.disputable();
        let borne_by = match (before, self.terms.acquirer.unpaid_borne_by) {
            (None, _) => AccountCode::SuspenseDebit,
            (Some(_), Bearer::Merchant) => AccountCode::MerchantAvailable,
            (Some(_), Bearer::House) => AccountCode::LossMerchantCredit,
        };
        let mut transfers = Vec::with_capacity(1);
        self.push(&mut transfers, borne_by, self.receivable(), self.amount);
        let (payment, flags) = match before {
            Some(before) => {
                let unpaid = plus(before.unpaid.unwrap_or(0), self.amount)?;
                let payment = Payment {
                    unpaid: Some(unpaid),
                    ..before.clone()
                };
                (Some(payment), self.doubts(before, unpaid, "deducted as unpaid"))
            }
            None => {
                let flag = Flag::ChargebackUnknown(format!(
                    "{} deducted as unpaid for a payment that was never captured here",
                    self.event.money
                ));
                (self.known.payment.cloned(), vec![flag])
            }
        };
        Ok(Decision {
            payment,
            transfers,
            reportable: Some(self.reported(minus(0, self.amount)?)),
            flags,
            ..Decision::default()
        })
    }

    /// Goes to whoever bore it, as far as it was deducted and has not come back; what is more belongs to nobody yet.
    pub(super) fn unpaid_recovery(&self) -> Result<Decision, Refusal> {
        let deducted = self.disputable().zip(self.deducted());
        let (bearer, recovered) = match deducted {
            Some((before, (bearer, amount))) => (bearer, self.amount.min(amount).min(before.unpaid.unwrap_or(0))),
            None => (AccountCode::SuspenseCredit, 0),
        };
        let (transfers, mut flags) = self.given_back(bearer, recovered)?;
        let payment = match deducted {
            Some((before, _)) => Some(Payment {
                unpaid: before.unpaid.map(|unpaid| minus(unpaid, recovered)).transpose()?,
                ..before.clone()
            }),
            None => {
                flags = vec![Flag::ChargebackUnknown(format!(
                    "{} recovered that nobody here bore",
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

    /// Who bore the deduction that the event names, and how much it was; none where it was of another payment, currency or carrier,
    /// or is in suspense.
    fn deducted(&self) -> Option<(AccountCode, i64)> {
        let of_payment = |original: &&Original| original.payment.as_ref() == Some(&self.event.payment);
        let original = self.known.original.filter(of_payment)?;
        let transfer = original.transfers.first()?;
        let same = original.kind == EntryKind::Unpaid
            && transfer.credit == self.account(self.receivable())
            && transfer.debit.code != AccountCode::SuspenseDebit;
        same.then_some((transfer.debit.code, transfer.amount))
    }
}
