//! The lifecycle of a payment: which event may follow, and what it books.
//!
//! [`decide`] is a pure function of what the ledger knows ([`Known`]), the event and the terms in force. It refuses with the
//! rule that the event breaks, or answers with where the payment stands afterwards and the transfers of one entry. With R for
//! what the acquirer owes us (1100, for a carrier 1130):
//!
//! | event | debit ← credit |
//! | --- | --- |
//! | authorization, increment | 9010 ← 9020 amount |
//! | authorization reversal, void, expiry | 9020 ← 9010 amount, or all that is open |
//! | decline, unknown, aggregate | nothing |
//! | capture | 9020 ← 9010 what it uses of the promise, when final the rest too; R ← 2010 amount; 2010 ← 40x0, 2300 fee, VAT |
//! | capture that a velocity rule holds | in addition 2010 ← 2040 what would become payable, until its release |
//! | capture void | its capture, mirrored; 2010 ← 2040 what was held of it and released since |
//! | refund | 2020 ← R (by transfer: 2200) amount; 2030 ← 2020 what the reserve has to cover; 4090, 2300 ← 2020 given back |
//! | refund failure | its refund, mirrored; where the transfer had left, 1010 ← 2200 amount |
//! | refund paid | 2200 ← 1010 amount |
//! | information request | nothing |
//! | chargeback, second chargeback | 2020 ← R amount; 2020 ← 4030, 2300 dispute fee and VAT; 5040 ← R the acquirer's cost |
//! | chargeback reversal | R ← 2020 amount; 4090, 2300 ← 2020 dispute fee and VAT, where the schedule gives them back |
//! | unpaid | 2020 or 5060 ← R amount |
//! | unpaid recovery | R ← 2020 or 5060 amount |
//! | imposed on an unknown payment | 1900 ← R what is taken; R ← 2900 what is given back, or beyond what was taken |
//!
//! Events also cost what the schedule charges for them: 2020 ← 4020, 2300.
//!
//! What an acquirer imposes is never refused: a chargeback of a payment that is not there goes to suspense (1900), money won
//! back that was never taken too (2900), and the entry is flagged; one is not set off against the other, since only a person can
//! say that they belong together. What an acquirer takes comes out of account 2020, below zero if need be; a refund does so only as
//! far as pending money, reserve and the merchant's negative limit cover it. A payout never does. What is imposed on a day on which
//! no fee schedule of the merchant is in force costs the merchant nothing and is flagged; a capture of that day is refused.
//!
//! Invariants: captured (less what a contract lets exceed) + voided + expired ≤ authorized, refunded ≤ captured, fees returned ≤
//! fees charged, each also a named constraint of the payment table.

mod authorization;
mod capture;
mod carrier;
mod dispute;
mod pricing;
mod refund;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

pub use self::authorization::expire;
pub use self::refusal::Refusal;
use super::event::{Applied, PaymentEvent};
use super::fees::{Accrual, AccrualKey, Accrued, Returns};
use crate::ids::EntryNumber;
use crate::ledger::account::{Account, AccountCode, DimensionKind};
use crate::ledger::entry::{EntryKind, Transfer};
use crate::money::{Currency, Money};
use crate::settings::{Acquirer, AcquirerKind, FeeSchedule, Merchant, MerchantState, ReturnPolicy, Settings, VatRate};

/// Where a payment stands, in minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The acquirer that authorized it.
    pub acquirer: Arc<str>,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// What was asked of the issuer, while its answer is unknown or where it approved less.
    pub requested: Option<i64>,
    /// What the issuer promised, increments and reversals included; none while every attempt was declined or is unknown.
    pub authorized: Option<i64>,
    /// Σ captures.
    pub captured: i64,
    /// What captures took beyond the promise.
    pub over_captured: i64,
    /// What was withdrawn of the promise.
    pub voided: i64,
    /// What of the promise ran out.
    pub expired: i64,
    /// Σ refunds that did not fail.
    pub refunded: i64,
    /// How many these are.
    pub refunds: i64,
    /// Σ chargebacks less reversals.
    pub charged_back: i64,
    /// What of its fees and their VAT may be given back, and what was.
    pub returns: Returns,
    /// Fees and VAT of its disputes that could be given back.
    pub dispute_fee: Option<(i64, i64)>,
    /// What a carrier deducted as unpaid and has not recovered.
    pub unpaid: Option<i64>,
    /// When what is open of the promise runs out.
    pub expires_at: Option<DateTime<Utc>>,
    /// The time of the latest capture.
    pub captured_at: Option<DateTime<Utc>>,
    /// The times of the others, in order.
    pub earlier_captures: Vec<DateTime<Utc>>,
    /// How many captures said that they were the last.
    pub final_captures: i64,
    /// The month whose limit it uses.
    pub limit_month: Option<NaiveDate>,
    /// How it is paid.
    pub instrument: Instrument,
    /// The merchant's own id of what is paid for, where one is stated that is not the payment's.
    pub merchant_reference: Option<Arc<str>>,
}

/// How a payment is paid: what fees, limits, velocity rules and matching go by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instrument {
    /// Card, carrier, wallet ...
    pub method: Option<Arc<str>>,
    /// The card scheme.
    pub scheme: Option<Arc<str>>,
    /// The country of the card.
    pub card_country: Option<Arc<str>>,
    /// A token of who pays.
    pub payer: Option<Arc<str>>,
    /// What is bought.
    pub category: Option<Arc<str>>,
    /// The retrieval reference number of the authorization.
    pub rrn: Option<Arc<str>>,
    /// Its authorization code.
    pub auth_code: Option<Arc<str>>,
    /// The card: its last four digits or a token, as the acquirer tells it.
    pub card: Option<Arc<str>>,
}

/// The contracts that govern an event.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// Whose payment it is.
    pub merchant: &'a Merchant,
    /// Who settles it.
    pub acquirer: &'a Acquirer,
    /// What we charge; none where no version of the merchant's schedule is in force: then only what costs nothing can follow.
    pub schedule: Option<&'a FeeSchedule>,
    /// The booking date.
    pub day: NaiveDate,
    /// The merchant's zone.
    pub zone: Tz,
    /// The day in that zone: a sale is of the day that the merchant's clock shows, and what counts from the sale counts from it.
    pub sales_day: NaiveDate,
    /// When a capture of that day becomes available by date; none where a settlement file decides.
    pub available_on: Option<NaiveDate>,
}

/// What the ledger knows when an event arrives.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The payment.
    pub payment: Option<&'a Payment>,
    /// The merchant's money in the event's currency.
    pub funds: Funds,
    /// The event that this one undoes or answers.
    pub original: Option<&'a Original>,
    /// The aggregate that it names, or that its original joined.
    pub aggregate: Option<&'a Aggregate>,
    /// The exact sums of the merchant's fees.
    pub accruals: &'a HashMap<AccrualKey, Accrual>,
    /// The velocity rule that holds what is captured of the payment.
    pub held_by: Option<&'a str>,
    /// Another payment of the same merchant reference that is open or captured.
    pub same_order: Option<&'a str>,
}

/// A merchant's balances in one currency, minor units; positive is the merchant's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Funds {
    /// Account 2020.
    pub available: i64,
    /// Account 2010.
    pub pending: i64,
    /// Account 2030.
    pub reserve: i64,
}

/// The entry of an earlier event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Its number.
    pub number: EntryNumber,
    /// What it is.
    pub kind: EntryKind,
    /// The payment it belongs to.
    pub payment: Option<String>,
    /// What it moved.
    pub transfers: Vec<Transfer>,
    /// Whether an entry undoes it.
    pub undone: bool,
    /// Whether the acquirer has still to report it.
    pub open: bool,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Of a refund by transfer: whether it has left our account.
    pub paid: bool,
    /// The booking date.
    pub day: NaiveDate,
    /// What it added to exact sums of fees.
    pub accrued: Vec<Accrued>,
    /// What of its fee refunds give back.
    pub returned_on_refund: ReturnPolicy,
    /// What is withheld of it, minor units.
    pub reserve: i64,
    /// Of a refund: what of the reserve covered it.
    pub applied: Vec<Applied>,
    /// The aggregate it joined.
    pub aggregate: Option<String>,
    /// Of a capture: whether it said that it was the last.
    pub is_final: bool,
    /// When its money becomes available by date, and the reserve withheld then.
    pub maturing: Option<Maturing>,
    /// Whether what it set aside was released since.
    pub hold_released: bool,
}

/// Captures that the acquirer takes as one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// Its name.
    pub name: String,
    /// The acquirer that takes it.
    pub acquirer: Arc<str>,
    /// The currency of its captures.
    pub currency: Currency,
    /// How many there are.
    pub items: i64,
    /// Their sum, minor units.
    pub gross: i64,
    /// What we charge the merchant for them.
    pub merchant_fee: i64,
    /// What is withheld of them.
    pub reserve: i64,
    /// Their money becomes available by date.
    pub matures: bool,
    /// The VAT of interchange and scheme fee of its settlement line, where they are the merchant's to pay.
    pub passes_costs: Option<VatRate>,
    /// The entry that handed it in.
    pub closed: Option<EntryNumber>,
}

/// What an acquirer will report one day: the open item of a capture, refund, chargeback or its reversal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reportable {
    /// Signed minor units, positive is money to us.
    pub gross: i64,
    /// What we charge the merchant for it, VAT included, minor units.
    pub merchant_fee: i64,
    /// What is withheld of it when it becomes available, and until when.
    pub reserve: i64,
    /// The day on which the reserve is released; none where there is none.
    pub reserve_until: Option<NaiveDate>,
    /// What the acquirer takes with it that is booked already, minor units.
    pub cost: i64,
    /// Its money becomes available by date, not by the match.
    pub matures: bool,
    /// The VAT of interchange and scheme fee of its settlement line, where they are the merchant's to pay.
    pub passes_costs: Option<VatRate>,
}

/// Pending money that becomes available on a day; negative where it is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maturing {
    /// The booking date of the sale.
    pub source_on: NaiveDate,
    /// The day on which it becomes available.
    pub available_on: NaiveDate,
    /// What becomes available or is withheld, minor units, net of fees.
    pub payable: i64,
    /// What of it is withheld.
    pub reserve: i64,
    /// The day on which that is released; none where there is none.
    pub reserve_until: Option<NaiveDate>,
}

/// Captured money that a velocity rule sets aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The rule.
    pub rule: String,
    /// Minor units.
    pub amount: i64,
    /// When it would become available by date, and the reserve withheld then; none where a settlement file decides.
    pub maturing: Option<Maturing>,
}

/// Something that is booked and needs a person's eyes: it becomes a break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flag {
    /// The acquirer says otherwise than we stood: a capture of an authorization that had expired.
    Status(String),
    /// The shopper has the money twice: by refund and by chargeback.
    DoubleRecovery(String),
    /// A chargeback of a payment that is not there, or was never captured.
    ChargebackUnknown(String),
    /// A chargeback, reversal or recovery of more than there was.
    Amount(String),
    /// A velocity rule or limit was passed, and the event was booked all the same.
    Velocity(String),
    /// The acquirer imposes it on a day on which the merchant has no price: nothing is charged for it.
    NotPriced(String),
    /// Two payments for what the merchant calls one thing.
    Duplicate(String),
}

/// What an event comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Where the payment stands afterwards; none where no payment is concerned.
    pub payment: Option<Payment>,
    /// What the entry moves.
    pub transfers: Vec<Transfer>,
    /// What to expect from the acquirer.
    pub reportable: Option<Reportable>,
    /// The entry that this one undoes.
    pub reverses: Option<EntryNumber>,
    /// The entry whose open item goes: the acquirer will not report it.
    pub withdrawn: Option<EntryNumber>,
    /// What needs a person's eyes.
    pub flags: Vec<Flag>,
    /// What it adds to exact sums of fees, and where each stands afterwards.
    pub accrued: Vec<(Accrued, Accrual)>,
    /// What of a capture's fee refunds give back.
    pub returned_on_refund: ReturnPolicy,
    /// What is withheld of a capture, and until when.
    pub withheld: Option<(i64, NaiveDate)>,
    /// What it adds to, or takes from, money that becomes available by date.
    pub maturing: Option<Maturing>,
    /// What it takes out of the reserve; negative where it puts it back.
    pub reserve_applied: i64,
    /// Where its aggregate stands afterwards.
    pub aggregate: Option<Aggregate>,
    /// What it sets aside.
    pub held: Option<Held>,
    /// The entry whose hold ends with it.
    pub unheld: Option<EntryNumber>,
}

/// What an event comes to, given what the ledger knows and the terms in force.
pub fn decide(event: &PaymentEvent, known: &Known<'_>, terms: &Terms<'_>) -> Result<Decision, Refusal> {
    let kind = event.kind;
    let may_be_zero = matches!(
        kind,
        EntryKind::Authorization | EntryKind::Decline | EntryKind::Unknown | EntryKind::InformationRequest
    );
    if event.money.minor() == 0 && !may_be_zero {
        return Err(Refusal::AmountIsZero);
    }
    // An attempt whose outcome was unknown began before.
    let begins = matches!(kind, EntryKind::Authorization | EntryKind::Unknown) && known.payment.is_none();
    if begins && terms.merchant.state == MerchantState::Closed {
        return Err(Refusal::MerchantClosed);
    }
    let step = Step::new(event, known, terms);
    match kind {
        EntryKind::Authorization => step.authorization(),
        EntryKind::AuthorizationIncrement => step.increment(),
        EntryKind::AuthorizationReversal => step.authorization_reversal(),
        EntryKind::Decline => Ok(step.decline()),
        EntryKind::Unknown => step.unknown(),
        EntryKind::Void => step.void(),
        EntryKind::Capture => step.capture(),
        EntryKind::CaptureVoid => step.capture_void(),
        EntryKind::Aggregate => step.aggregate(),
        EntryKind::Refund => step.refund(),
        EntryKind::RefundFailure => step.refund_failure(),
        EntryKind::RefundPaid => step.refund_paid(),
        EntryKind::InformationRequest => Ok(step.information_request()),
        EntryKind::Chargeback | EntryKind::SecondChargeback => {
            step.chargeback().map(|decision| step.unpriced(decision))
        }
        EntryKind::ChargebackReversal => step.chargeback_reversal(),
        EntryKind::Unpaid => step.unpaid(),
        EntryKind::UnpaidRecovery => step.unpaid_recovery(),
        EntryKind::Expiry
        | EntryKind::Settlement
        | EntryKind::Suspense
        | EntryKind::BatchFee
        | EntryKind::PayoutInstruction
        | EntryKind::PayoutConfirmation
        | EntryKind::PayoutReturn
        | EntryKind::Advance
        | EntryKind::MinimumTopUp
        | EntryKind::Release
        | EntryKind::Hold
        | EntryKind::HoldRelease
        | EntryKind::Loss
        | EntryKind::AcquirerInvoice
        | EntryKind::InvoicePayment
        | EntryKind::LossRecovery
        | EntryKind::Reclassification
        | EntryKind::Adjustment
        | EntryKind::Reversal
        | EntryKind::BankEntry
        | EntryKind::Resolution => Err(Refusal::NotAnEvent),
    }
}

impl Original {
    /// Whether what it captured is set aside and nobody has released it.
    fn is_held(&self) -> bool {
        !self.hold_released && self.set_aside() > 0
    }

    /// What a velocity rule set aside of it.
    fn set_aside(&self) -> i64 {
        let aside = |transfer: &&Transfer| transfer.credit.code == AccountCode::MerchantHold;
        self.transfers.iter().find(aside).map_or(0, |transfer| transfer.amount)
    }
}

impl Payment {
    /// What may still be captured or voided.
    pub fn open(&self) -> i64 {
        // The invariants keep this between zero and the authorized amount.
        self.authorized
            .unwrap_or(0)
            .saturating_sub(self.captured.saturating_sub(self.over_captured))
            .saturating_sub(self.voided)
            .saturating_sub(self.expired)
    }

    /// Whether it is a promise of money, or money: something is open of it, or captured and not refunded.
    pub fn is_live(&self) -> bool {
        self.open() > 0 || self.refundable() > 0
    }

    /// What may still be refunded.
    pub fn refundable(&self) -> i64 {
        self.captured.saturating_sub(self.refunded)
    }

    fn money(&self, minor: i64) -> Money {
        Money::from_minor(minor, self.currency)
    }
}

/// One event on its way through the rules.
struct Step<'a> {
    event: &'a PaymentEvent,
    known: &'a Known<'a>,
    terms: &'a Terms<'a>,
    acquirer: Arc<str>,
    none: Arc<str>,
    currency: Currency,
    amount: i64,
}

impl<'a> Step<'a> {
    fn new(event: &'a PaymentEvent, known: &'a Known<'a>, terms: &'a Terms<'a>) -> Self {
        Self {
            event,
            known,
            terms,
            acquirer: terms.acquirer.name.clone(),
            none: "".into(),
            currency: event.money.currency(),
            amount: event.money.minor(),
        }
    }

    /// The payment that a later event speaks of, in the event's own currency and with its acquirer.
    fn authorized(&self) -> Result<&'a Payment, Refusal> {
        let payment = self.known.payment.ok_or(Refusal::UnknownPayment)?;
        if payment.authorized.is_none() {
            return Err(match payment.requested {
                Some(_) => Refusal::OutcomeUnknown,
                None => Refusal::PaymentDeclined,
            });
        }
        if payment.currency != self.currency {
            return Err(Refusal::CurrencyDiffers {
                currency: payment.currency,
            });
        }
        if payment.acquirer != self.acquirer {
            return Err(Refusal::AcquirerDiffers {
                acquirer: payment.acquirer.clone(),
            });
        }
        Ok(payment)
    }

    /// The entry that this event undoes or answers: of this payment, and of one of these kinds.
    fn original(&self, kinds: &[EntryKind]) -> Result<&'a Original, Refusal> {
        let original = self.known.original.ok_or(Refusal::UnknownOriginal)?;
        if original.payment.as_ref() != Some(&self.event.payment) {
            return Err(Refusal::UnknownOriginal);
        }
        if !kinds.contains(&original.kind) {
            return Err(Refusal::OriginalIsAnother { kind: original.kind });
        }
        if original.undone {
            return Err(Refusal::AlreadyUndone);
        }
        Ok(original)
    }

    /// What the acquirer owes us: account 1100, for a carrier 1130.
    fn receivable(&self) -> AccountCode {
        receivable(self.terms.acquirer.kind)
    }

    fn account(&self, code: AccountCode) -> Account {
        let dimension = match code.dimension() {
            DimensionKind::Acquirer => self.acquirer.clone(),
            DimensionKind::Bank => self.terms.settings.house.bank_account.clone(),
            DimensionKind::None => self.none.clone(),
        };
        Account {
            code,
            currency: self.currency,
            dimension,
        }
    }

    /// Adds a transfer; of nothing, none.
    fn push(&self, transfers: &mut Vec<Transfer>, debit: AccountCode, credit: AccountCode, amount: i64) {
        if amount > 0 {
            transfers.push(Transfer {
                debit: self.account(debit),
                credit: self.account(credit),
                amount,
            });
        }
    }

    /// What the acquirer will report without touching the merchant's pending money.
    fn reported(&self, gross: i64) -> Reportable {
        Reportable {
            gross,
            merchant_fee: 0,
            reserve: 0,
            reserve_until: None,
            cost: 0,
            matures: false,
            passes_costs: None,
        }
    }
}

/// The account of what an acquirer of this kind owes us.
pub fn receivable(kind: AcquirerKind) -> AccountCode {
    match kind {
        AcquirerKind::Acquirer => AccountCode::AcquirerReceivable,
        AcquirerKind::Carrier => AccountCode::CarrierReceivable,
    }
}

/// The transfers of an entry with their sides swapped.
fn mirrored(transfers: &[Transfer]) -> Vec<Transfer> {
    let swap = |transfer: &Transfer| Transfer {
        debit: transfer.credit.clone(),
        credit: transfer.debit.clone(),
        amount: transfer.amount,
    };
    transfers.iter().map(swap).collect()
}

fn plus(left: i64, right: i64) -> Result<i64, Refusal> {
    left.checked_add(right).ok_or(Refusal::AmountTooLarge)
}

fn minus(left: i64, right: i64) -> Result<i64, Refusal> {
    left.checked_sub(right).ok_or(Refusal::AmountTooLarge)
}
