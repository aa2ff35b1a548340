//! Phone bills that shoppers do not pay: what a carrier deducts, and what it collects late.

use super::{Decision, Flag, Payment, Refusal, Step, minus, plus};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::EntryKind;
use crate::money::Money;
use crate::settings::Bearer;

impl Step<'_> {
    /// The contract says who bears it; of a payment that was never captured here, nobody knows yet.
    pub(super) fn unpaid(&self) -> Result<Decision, Refusal> {
        let before = self.known.payment.filter(|payment| {
            payment.captured > 0 && payment.currency == self.currency && payment.acquirer == self.acquirer
        });
        let borne_by = match (before, self.terms.acquirer.unpaid_borne_by) {
            (None, _) => AccountCode::SuspenseDebit,
            (Some(_), Bearer::Merchant) => AccountCode::MerchantAvailable,
            (Some(_), Bearer::House) => AccountCode::LossMerchantCredit,
        };
        let mut transfers = Vec::with_capacity(1);
        self.push(&mut transfers, borne_by, self.receivable(), self.amount);
        let mut flags = Vec::new();
        let payment = match before {
            Some(before) => {
                let unpaid = plus(before.unpaid.unwrap_or(0), self.amount)?;
                if unpaid > before.captured {
                    flags.push(Flag::Amount(format!(
                        "{} deducted as unpaid, only {} was captured",
                        before.money(unpaid),
                        before.money(before.captured)
                    )));
                }
                Some(Payment {
                    unpaid: Some(unpaid),
                    ..before.clone()
                })
            }
            None => {
                flags.push(Flag::ChargebackUnknown(format!(
                    "{} deducted as unpaid for a payment that was never captured here",
                    self.event.money
                )));
                self.known.payment.cloned()
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

    /// Goes to whoever bore it, as far as it was deducted; what is more belongs to nobody yet.
    pub(super) fn unpaid_recovery(&self) -> Result<Decision, Refusal> {
        let original = self.original(&[EntryKind::Unpaid])?;
        let bearer = original.transfers.first().ok_or(Refusal::UnknownOriginal)?;
        let outstanding = match self.known.payment {
            Some(payment) => payment.unpaid.unwrap_or(bearer.amount),
            None => bearer.amount,
        };
        let recovered = self.amount.min(outstanding).min(bearer.amount);
        let more = minus(self.amount, recovered)?;
        let mut transfers = Vec::with_capacity(2);
        self.push(&mut transfers, self.receivable(), bearer.debit.code, recovered);
        self.push(&mut transfers, self.receivable(), AccountCode::SuspenseCredit, more);
        let flags = if more > 0 {
            vec![Flag::Amount(format!(
                "{} recovered beyond what was deducted",
                Money::from_minor(more, self.currency)
            ))]
        } else {
            Vec::new()
        };
        let payment = self
            .known
            .payment
            .map(|payment| {
                let unpaid = payment.unpaid.map(|unpaid| minus(unpaid, recovered)).transpose()?;
                Ok::<_, Refusal>(Payment {
                    unpaid,
                    ..payment.clone()
                })
            })
            .transpose()?;
        Ok(Decision {
            payment,
            transfers,
            reportable: Some(self.reported(self.amount)),
            flags,
            ..Decision::default()
        })
    }
}
