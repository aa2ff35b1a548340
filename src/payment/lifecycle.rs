//! The lifecycle of a payment: which event may follow, and what it books.
//!
//! [`decide`] is a pure function of where the payment stands, the event and the terms in force. It refuses with the rule
//! that the event breaks, or answers with where the payment stands afterwards and the transfers of one entry:
//!
//! | event | debit ← credit |
//! | --- | --- |
//! | authorization | 9010 ← 9020 amount |
//! | decline | nothing |
//! | capture | 9020 ← 9010 amount; 1100 ← 2010 amount; 2010 ← 4010 percentage fee; 2010 ← 4020 fixed fee |
//! | void | 9020 ← 9010 all that is open |
//! | refund, chargeback | 2020 ← 1100 amount |
//! | chargeback reversal | 1100 ← 2020 amount |
//!
//! Invariants: captured + voided ≤ authorized, refunded ≤ captured, charged back ≥ 0, each also a named constraint of the
//! payment table. A refund may take 2020 below zero, a payout never does.

use std::sync::Arc;

use super::event::PaymentEvent;
use super::fees::{Accrual, FeeError, Inputs, capture_fee};
use crate::ids::EntryNumber;
use crate::ledger::account::{Account, AccountCode, DimensionKind};
use crate::ledger::entry::{EntryKind, Transfer};
use crate::money::{AmountError, Currency, Money};
use crate::settings::FeeSchedule;

/// Where a payment stands, in minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The acquirer that authorized it.
    pub acquirer: Arc<str>,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// What the issuer promised; none while every attempt was declined.
    pub authorized: Option<i64>,
    /// Σ captures.
    pub captured: i64,
    /// What was withdrawn of the promise.
    pub voided: i64,
    /// Σ refunds.
    pub refunded: i64,
    /// Σ chargebacks less reversals.
    pub charged_back: i64,
}

/// What an acquirer will report one day: the open item of a capture, refund, chargeback or its reversal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reportable {
    /// Signed minor units, positive is money to us.
    pub gross: i64,
    /// What we charge the merchant for it, minor units.
    pub merchant_fee: i64,
}

/// What an event comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Where the payment stands afterwards.
    pub payment: Payment,
    /// What the entry moves.
    pub transfers: Vec<Transfer>,
    /// What to expect from the acquirer.
    pub reportable: Option<Reportable>,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident $({ $($(#[$field_doc:meta])* $name:ident: $type:ty),* })? => $rule:literal, $field:literal, $text:literal;)*) => {
        /// The rule that an event breaks.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        pub enum Refusal {
            $(#[error($text)] $(#[$doc])* $variant $({ $($(#[$field_doc])* $name: $type),* })?,)*
        }

        impl Refusal {
            /// The rule's name, stable for programs.
            pub fn rule(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $rule,)* }
            }

            /// The field of the event that breaks it.
            pub fn field(&self) -> &str {
                match self {
                    Self::ReferenceConflict { field, .. } => field,
                    $(#[allow(unreachable_patterns, reason = "the conflict names its field itself")] Self::$variant { .. } => $field,)*
                }
            }
        }
    };
}

refusals! {
    /// No settings version governs the booking date.
    NoSettingsInForce {
        /// The booking date.
        day: chrono::NaiveDate
    } => "no_settings_in_force", "occurred_at", "no settings are in force on {day}";
    /// Settings have no such merchant.
    UnknownMerchant {
        /// Its name.
        merchant: String
    } => "unknown_merchant", "merchant", "merchant `{merchant}` is not in the settings";
    /// Settings have no such acquirer.
    UnknownAcquirer {
        /// Its name.
        acquirer: String
    } => "unknown_acquirer", "acquirer", "acquirer `{acquirer}` is not in the settings";
    /// The reference was used for something else.
    ReferenceConflict {
        /// The first field that differs.
        field: &'static str,
        /// The entry that has the reference.
        number: EntryNumber
    } => "reference_conflict", "reference", "the reference was used before for another event (entry {number}): {field} differs";
    /// Only authorizations and declines may be of nothing.
    AmountIsZero => "amount_is_zero", "amount", "the amount is zero";
    /// Beyond 64-bit minor units.
    AmountTooLarge => "amount_too_large", "amount", "the payment's amounts would not fit 64-bit minor units";
    /// The merchant's schedule has no price for the currency.
    NotPriced {
        /// The schedule.
        schedule: String,
        /// The currency.
        currency: Currency
    } => "currency_not_priced", "currency", "fee schedule `{schedule}` has no price in {currency}";
    /// Nothing is known of the payment.
    UnknownPayment => "unknown_payment", "payment", "the payment has no authorization";
    /// Every authorization of it was declined.
    PaymentDeclined => "payment_declined", "payment", "the payment was declined, never authorized";
    /// A payment is authorized once.
    AlreadyAuthorized => "already_authorized", "payment", "the payment is authorized already";
    /// Not the currency of the authorization.
    CurrencyDiffers {
        /// The payment's.
        currency: Currency
    } => "currency_differs", "currency", "the payment is in {currency}";
    /// Not the acquirer of the authorization.
    AcquirerDiffers {
        /// The payment's.
        acquirer: Arc<str>
    } => "acquirer_differs", "acquirer", "the payment was authorized by `{acquirer}`";
    /// Captures would exceed the authorization.
    ExceedsAuthorized {
        /// What may still be captured.
        open: Money
    } => "exceeds_authorized", "amount", "only {open} of the authorization is open";
    /// The authorization is used up.
    NothingOpen => "nothing_open", "payment", "nothing of the authorization is open";
    /// A void withdraws all that is open.
    VoidAmountDiffers {
        /// What is open.
        open: Money
    } => "void_amount_differs", "amount", "a void withdraws all that is open, which is {open}";
    /// Refunds would exceed the captures.
    ExceedsCaptured {
        /// What may still be refunded.
        refundable: Money
    } => "exceeds_captured", "amount", "only {refundable} is captured and not refunded";
    /// Money that the scheme took cannot be given back as well.
    ChargedBack => "charged_back", "payment", "the payment is charged back; a refund would pay the shopper twice";
    /// There was no money to take.
    NothingCaptured => "nothing_captured", "payment", "nothing of the payment was captured";
    /// More won back than was taken.
    ExceedsChargedBack {
        /// What is taken and not won back.
        charged_back: Money
    } => "exceeds_charged_back", "amount", "only {charged_back} is charged back";
}

impl From<AmountError> for Refusal {
    fn from(_: AmountError) -> Self {
        // The currencies of an event's sums are compared before; what remains is size.
        Self::AmountTooLarge
    }
}

impl From<FeeError> for Refusal {
    fn from(error: FeeError) -> Self {
        match error {
            FeeError::NotPriced { schedule, currency } | FeeError::NoPriceFits { schedule, currency } => {
                let schedule = schedule.to_string();
                Self::NotPriced { schedule, currency }
            }
            FeeError::NoVatRate { .. } | FeeError::ScheduleGone { .. } | FeeError::Amount(_) => Self::AmountTooLarge,
        }
    }
}

/// What an event comes to, given where its payment stands and the merchant's fee schedule.
pub fn decide(before: Option<&Payment>, event: &PaymentEvent, schedule: &FeeSchedule) -> Result<Decision, Refusal> {
    let kind = event.kind;
    if event.money.minor() == 0 && !matches!(kind, EntryKind::Authorization | EntryKind::Decline) {
        return Err(Refusal::AmountIsZero);
    }
    let step = Step::new(event);
    match kind {
        EntryKind::Authorization => step.authorization(before),
        EntryKind::Decline => Ok(step.decline(before)),
        EntryKind::Capture => step.capture(authorized(before, event)?, schedule),
        EntryKind::Void => step.void(authorized(before, event)?),
        EntryKind::Refund => step.refund(authorized(before, event)?),
        EntryKind::Chargeback => step.chargeback(authorized(before, event)?),
        EntryKind::ChargebackReversal => step.chargeback_reversal(authorized(before, event)?),
        EntryKind::Settlement
        | EntryKind::Suspense
        | EntryKind::BatchFee
        | EntryKind::PayoutInstruction
        | EntryKind::PayoutConfirmation
        | EntryKind::Reversal => Err(Refusal::UnknownPayment),
    }
}

/// The payment that a later event speaks of, in the event's own currency and with its acquirer.
fn authorized<'a>(before: Option<&'a Payment>, event: &PaymentEvent) -> Result<&'a Payment, Refusal> {
    let payment = before.ok_or(Refusal::UnknownPayment)?;
    if payment.authorized.is_none() {
        return Err(Refusal::PaymentDeclined);
    }
    if payment.currency != event.money.currency() {
        return Err(Refusal::CurrencyDiffers {
            currency: payment.currency,
        });
    }
    if *payment.acquirer != *event.acquirer {
        return Err(Refusal::AcquirerDiffers {
            acquirer: payment.acquirer.clone(),
        });
    }
    Ok(payment)
}

impl Payment {
    /// What may still be captured or voided.
    pub fn open(&self) -> i64 {
        // The invariants keep this between zero and the authorized amount.
        self.authorized
            .unwrap_or(0)
            .saturating_sub(self.captured)
            .saturating_sub(self.voided)
    }

    /// What may still be refunded.
    pub fn refundable(&self) -> i64 {
        self.captured.saturating_sub(self.refunded)
    }

    fn money(&self, minor: i64) -> Money {
        Money::from_minor(minor, self.currency)
    }
}

/// One event on its way through the rules, with the accounts it may touch.
struct Step {
    acquirer: Arc<str>,
    none: Arc<str>,
    currency: Currency,
    amount: i64,
}

impl Step {
    fn new(event: &PaymentEvent) -> Self {
        Self {
            acquirer: event.acquirer.as_str().into(),
            none: "".into(),
            currency: event.money.currency(),
            amount: event.money.minor(),
        }
    }

    fn account(&self, code: AccountCode) -> Account {
        let dimension = match code.dimension() {
            DimensionKind::Acquirer => self.acquirer.clone(),
            DimensionKind::None | DimensionKind::Bank => self.none.clone(),
        };
        Account {
            code,
            currency: self.currency,
            dimension,
        }
    }

    fn transfer(&self, debit: AccountCode, credit: AccountCode, amount: i64) -> Transfer {
        Transfer {
            debit: self.account(debit),
            credit: self.account(credit),
            amount,
        }
    }

    fn authorization(&self, before: Option<&Payment>) -> Result<Decision, Refusal> {
        if before.is_some_and(|payment| payment.authorized.is_some()) {
            return Err(Refusal::AlreadyAuthorized);
        }
        let transfers = match self.amount {
            0 => Vec::new(),
            amount => vec![self.transfer(AccountCode::AuthHold, AccountCode::AuthContra, amount)],
        };
        Ok(Decision {
            payment: self.fresh(Some(self.amount)),
            transfers,
            reportable: None,
        })
    }

    fn decline(&self, before: Option<&Payment>) -> Decision {
        let payment = before.cloned().unwrap_or_else(|| self.fresh(None));
        Decision {
            payment,
            transfers: Vec::new(),
            reportable: None,
        }
    }

    fn fresh(&self, authorized: Option<i64>) -> Payment {
        Payment {
            acquirer: self.acquirer.clone(),
            currency: self.currency,
            authorized,
            captured: 0,
            voided: 0,
            refunded: 0,
            charged_back: 0,
        }
    }

    fn capture(&self, before: &Payment, schedule: &FeeSchedule) -> Result<Decision, Refusal> {
        if self.amount > before.open() {
            return Err(Refusal::ExceedsAuthorized {
                open: before.money(before.open()),
            });
        }
        let inputs = Inputs {
            gross: before.money(self.amount),
            day: schedule.version(),
            method: None,
            scheme: None,
            card_country: None,
        };
        let fee = capture_fee(schedule, &inputs, &mut |_| Accrual::default())?;
        if fee.accrued().next().is_some() || fee.charges().any(|charge| charge.vat != 0) {
            return Err(Refusal::NotPriced {
                schedule: schedule.name.to_string(),
                currency: self.currency,
            });
        }
        let mut transfers = vec![
            self.transfer(AccountCode::AuthContra, AccountCode::AuthHold, self.amount),
            self.transfer(
                AccountCode::AcquirerReceivable,
                AccountCode::MerchantPending,
                self.amount,
            ),
        ];
        for charge in fee.charges() {
            transfers.push(self.transfer(AccountCode::MerchantPending, charge.account, charge.amount));
        }
        let captured = plus(before.captured, self.amount)?;
        Ok(Decision {
            payment: Payment {
                captured,
                ..before.clone()
            },
            transfers,
            reportable: Some(Reportable {
                gross: self.amount,
                merchant_fee: fee.total()?,
            }),
        })
    }

    fn void(&self, before: &Payment) -> Result<Decision, Refusal> {
        match before.open() {
            0 => Err(Refusal::NothingOpen),
            open if open != self.amount => Err(Refusal::VoidAmountDiffers {
                open: before.money(open),
            }),
            open => Ok(Decision {
                payment: Payment {
                    voided: plus(before.voided, open)?,
                    ..before.clone()
                },
                transfers: vec![self.transfer(AccountCode::AuthContra, AccountCode::AuthHold, open)],
                reportable: None,
            }),
        }
    }

    fn refund(&self, before: &Payment) -> Result<Decision, Refusal> {
        if before.charged_back > 0 {
            return Err(Refusal::ChargedBack);
        }
        if self.amount > before.refundable() {
            return Err(Refusal::ExceedsCaptured {
                refundable: before.money(before.refundable()),
            });
        }
        let refunded = plus(before.refunded, self.amount)?;
        Ok(self.taken(Payment {
            refunded,
            ..before.clone()
        }))
    }

    /// A chargeback is a fact that the acquirer imposes: it is booked whatever its amount, once there was a capture.
    fn chargeback(&self, before: &Payment) -> Result<Decision, Refusal> {
        if before.captured == 0 {
            return Err(Refusal::NothingCaptured);
        }
        let charged_back = plus(before.charged_back, self.amount)?;
        Ok(self.taken(Payment {
            charged_back,
            ..before.clone()
        }))
    }

    fn taken(&self, payment: Payment) -> Decision {
        Decision {
            payment,
            transfers: vec![self.transfer(
                AccountCode::MerchantAvailable,
                AccountCode::AcquirerReceivable,
                self.amount,
            )],
            reportable: Some(Reportable {
                gross: self.amount.saturating_neg(),
                merchant_fee: 0,
            }),
        }
    }

    fn chargeback_reversal(&self, before: &Payment) -> Result<Decision, Refusal> {
        if self.amount > before.charged_back {
            return Err(Refusal::ExceedsChargedBack {
                charged_back: before.money(before.charged_back),
            });
        }
        Ok(Decision {
            payment: Payment {
                charged_back: before.charged_back.saturating_sub(self.amount),
                ..before.clone()
            },
            transfers: vec![self.transfer(
                AccountCode::AcquirerReceivable,
                AccountCode::MerchantAvailable,
                self.amount,
            )],
            reportable: Some(Reportable {
                gross: self.amount,
                merchant_fee: 0,
            }),
        })
    }
}

fn plus(left: i64, right: i64) -> Result<i64, Refusal> {
    left.checked_add(right).ok_or(Refusal::AmountTooLarge)
}
