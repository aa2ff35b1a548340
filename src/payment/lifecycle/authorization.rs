//! Promises: authorization, more and less of it, decline, an unknown outcome, void, expiry. All in the memo accounts.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::{Decision, Flag, Instrument, Payment, Refusal, Step, minus, plus};
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::entry::Transfer;
use crate::payment::fees::Returns;
use crate::payment::limits::month_at;
use crate::payment::validity;

impl Step<'_> {
    pub(super) fn authorization(&self) -> Result<Decision, Refusal> {
        if self.known.payment.is_some_and(|payment| payment.authorized.is_some()) {
            return Err(Refusal::AlreadyAuthorized);
        }
        let requested = self.event.details.requested;
        if requested.is_some_and(|requested| requested < self.amount) {
            return Err(Refusal::ApprovedAboveRequested);
        }
        let mut transfers = Vec::with_capacity(1);
        self.push(
            &mut transfers,
            AccountCode::AuthHold,
            AccountCode::AuthContra,
            self.amount,
        );
        self.event_fee(&mut transfers, crate::payment::fees::EventFee::Authorization)?;
        let payment = self.fresh();
        // A shop may use an order number again; a shopper who saw an error and ordered again pays twice.
        let duplicate = self.known.same_order.zip(payment.merchant_reference.as_deref());
        let flags = duplicate.map(|(other, order)| {
            Flag::Duplicate(format!(
                "payment `{other}` is for `{order}` too, and open or captured: refund one of them if they are one order"
            ))
        });
        Ok(Decision {
            payment: Some(Payment {
                authorized: Some(self.amount),
                requested: requested.filter(|requested| *requested > self.amount),
                expires_at: self.expires_at(),
                limit_month: self.limit_month(),
                ..payment
            }),
            transfers,
            flags: flags.into_iter().collect(),
            ..Decision::default()
        })
    }

    /// Until when the authorization may be captured: what the acquirer says, else what settings know of its kind.
    fn expires_at(&self) -> Option<DateTime<Utc>> {
        let details = &self.event.details;
        validity::expires_at(
            &self.terms.settings.validity,
            self.instrument().scheme.as_deref(),
            details.auth_type,
            details.initiator,
            self.event.occurred_at,
            details.capture_before,
        )
    }

    /// The month whose limit it uses: the acquirer's, where it limits what a payer may use in this currency.
    fn limit_month(&self) -> Option<NaiveDate> {
        let limit = self.terms.acquirer.monthly_limit.as_ref()?;
        let limited = limit.amounts.contains_key(&self.currency) && self.instrument().payer.is_some();
        limited.then(|| month_at(self.event.occurred_at, limit.time_zone))
    }

    pub(super) fn decline(&self) -> Decision {
        let payment = match self.known.payment {
            // The answer to an attempt whose outcome was unknown.
            Some(payment) => Payment {
                requested: payment.requested.filter(|_| payment.authorized.is_some()),
                ..payment.clone()
            },
            None => self.fresh(),
        };
        Decision {
            payment: Some(payment),
            ..Decision::default()
        }
    }

    /// Nothing is guessed: the payment waits until an inquiry or a settlement file says what became of it.
    pub(super) fn unknown(&self) -> Result<Decision, Refusal> {
        if self.known.payment.is_some_and(|payment| payment.authorized.is_some()) {
            return Err(Refusal::AlreadyAuthorized);
        }
        Ok(Decision {
            payment: Some(Payment {
                requested: Some(self.amount),
                ..self.fresh()
            }),
            ..Decision::default()
        })
    }

    /// The attempt of unknown outcome that the event answers or repeats: what it stated holds where the answer does not say.
    fn attempt(&self) -> Option<&Payment> {
        self.known.payment.filter(|payment| payment.requested.is_some())
    }

    /// How it is paid.
    fn instrument(&self) -> Instrument {
        let details = &self.event.details;
        let shared = |text: &Option<String>, of: fn(&Instrument) -> &Option<Arc<str>>| {
            let stated = text.as_deref().map(Arc::from);
            stated.or_else(|| self.attempt().and_then(|attempt| of(&attempt.instrument).clone()))
        };
        Instrument {
            method: shared(&details.method, |known| &known.method),
            scheme: shared(&details.scheme, |known| &known.scheme),
            card_country: shared(&details.card_country, |known| &known.card_country),
            payer: shared(&details.payer, |known| &known.payer),
            category: shared(&details.category, |known| &known.category),
            rrn: shared(&self.event.rrn, |known| &known.rrn),
            auth_code: shared(&self.event.auth_code, |known| &known.auth_code),
            card: shared(&details.card, |known| &known.card),
        }
    }

    fn fresh(&self) -> Payment {
        let stated = self.event.merchant_reference.as_deref().map(Arc::from);
        let merchant_reference = stated.or_else(|| self.attempt()?.merchant_reference.clone());
        Payment {
            acquirer: self.acquirer.clone(),
            currency: self.currency,
            requested: None,
            authorized: None,
            captured: 0,
            over_captured: 0,
            voided: 0,
            expired: 0,
            refunded: 0,
            refunds: 0,
            charged_back: 0,
            returns: Returns::default(),
            dispute_fee: None,
            unpaid: None,
            expires_at: None,
            captured_at: None,
            earlier_captures: Vec::new(),
            final_captures: 0,
            limit_month: None,
            instrument: self.instrument(),
            merchant_reference: merchant_reference.filter(|order| **order != *self.event.payment),
        }
    }

    pub(super) fn increment(&self) -> Result<Decision, Refusal> {
        let before = self.authorized()?;
        if before.open() == 0 {
            return Err(Refusal::NothingOpen);
        }
        let mut transfers = Vec::with_capacity(1);
        self.push(
            &mut transfers,
            AccountCode::AuthHold,
            AccountCode::AuthContra,
            self.amount,
        );
        Ok(Decision {
            payment: Some(Payment {
                authorized: Some(plus(before.authorized.unwrap_or(0), self.amount)?),
                expires_at: self.event.details.capture_before.or(before.expires_at),
                ..before.clone()
            }),
            transfers,
            ..Decision::default()
        })
    }

    pub(super) fn authorization_reversal(&self) -> Result<Decision, Refusal> {
        let before = self.authorized()?;
        let open = before.open();
        if self.amount > open {
            return Err(match open {
                0 => Refusal::NothingOpen,
                open => Refusal::ExceedsAuthorized {
                    open: before.money(open),
                },
            });
        }
        Ok(Decision {
            payment: Some(Payment {
                authorized: Some(minus(before.authorized.unwrap_or(0), self.amount)?),
                ..before.clone()
            }),
            transfers: self.released(self.amount),
            ..Decision::default()
        })
    }

    pub(super) fn void(&self) -> Result<Decision, Refusal> {
        let before = self.authorized()?;
        match before.open() {
            0 => Err(Refusal::NothingOpen),
            open if open != self.amount => Err(Refusal::VoidAmountDiffers {
                open: before.money(open),
            }),
            open => Ok(Decision {
                payment: Some(Payment {
                    voided: plus(before.voided, open)?,
                    ..before.clone()
                }),
                transfers: self.released(open),
                ..Decision::default()
            }),
        }
    }

    fn released(&self, amount: i64) -> Vec<Transfer> {
        let mut transfers = Vec::with_capacity(1);
        self.push(&mut transfers, AccountCode::AuthContra, AccountCode::AuthHold, amount);
        transfers
    }
}

/// What running out of time comes to: all that is open of the promise is released. None where nothing is open, or not yet.
pub fn expire(payment: &Payment, cutoff: DateTime<Utc>) -> Option<Decision> {
    let open = payment.open();
    let over = payment.expires_at.is_some_and(|expires_at| expires_at <= cutoff);
    if open == 0 || !over {
        return None;
    }
    let account = |code: AccountCode| Account {
        code,
        currency: payment.currency,
        dimension: "".into(),
    };
    Some(Decision {
        payment: Some(Payment {
            expired: payment.expired.saturating_add(open),
            ..payment.clone()
        }),
        transfers: vec![Transfer {
            debit: account(AccountCode::AuthContra),
            credit: account(AccountCode::AuthHold),
            amount: open,
        }],
        ..Decision::default()
    })
}
