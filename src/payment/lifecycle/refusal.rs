//! The rules that an event can break.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::ids::EntryNumber;
use crate::money::{AmountError, Currency, Money};
use crate::payment::fees::FeeError;

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
                    Self::ReferenceConflict { field, .. } | Self::KnownOtherwise { field, .. } => field,
                    $(#[allow(unreachable_patterns, reason = "a conflict names its field itself")] Self::$variant { .. } => $field,)*
                }
            }
        }
    };
}

refusals! {
    /// No settings version governs the booking date.
    NoSettingsInForce {
        /// The booking date.
        day: NaiveDate
    } => "no_settings_in_force", "occurred_at", "no settings are in force on {day}";
    /// Settings have no such merchant.
    UnknownMerchant {
        /// Its name.
        merchant: String
    } => "unknown_merchant", "merchant", "merchant `{merchant}` is not in the settings";
    /// The merchant has left: what it sold goes on, and it sells nothing new.
    MerchantClosed => "merchant_closed", "merchant", "the merchant is closed: it sells nothing new";
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
    /// The same capture sequence or dispute round was recorded under another reference.
    KnownOtherwise {
        /// The field that makes it the same.
        field: &'static str,
        /// What it is known as.
        key: String,
        /// The entry that has it.
        number: EntryNumber
    } => "known_otherwise", "reference", "`{key}` is entry {number} already, under another reference";
    /// Only authorizations and declines may be of nothing.
    AmountIsZero => "amount_is_zero", "amount", "the amount is zero";
    /// Beyond 64-bit minor units.
    AmountTooLarge => "amount_too_large", "amount", "the payment's amounts would not fit 64-bit minor units";
    /// More approved than asked for.
    ApprovedAboveRequested => "approved_above_requested", "requested_amount", "more is approved than was requested";
    /// The merchant's schedule has no price for the currency.
    NotPriced {
        /// The schedule.
        schedule: String,
        /// The currency.
        currency: Currency
    } => "currency_not_priced", "currency", "fee schedule `{schedule}` has no price in {currency}";
    /// The calendar that says when the money becomes available does not reach so far.
    CalendarEnds {
        /// The calendar.
        calendar: String,
        /// The day that it was asked for.
        day: NaiveDate
    } => "calendar_ends", "occurred_at", "calendar `{calendar}` does not cover {day}: import a newer one";
    /// Nothing is known of the payment.
    UnknownPayment => "unknown_payment", "payment", "the payment has no authorization";
    /// Every authorization of it was declined.
    PaymentDeclined => "payment_declined", "payment", "the payment was declined, never authorized";
    /// Nobody knows yet whether it was authorized.
    OutcomeUnknown => "outcome_unknown", "payment",
        "the outcome of the authorization is unknown: record it as authorized or declined first";
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
    /// Something was captured or refunded in between.
    TotalDiffers {
        /// What the total is.
        total: Money
    } => "total_differs", "expected_total", "the total so far is {total}, not what the event expects";
    /// The aggregate was handed in.
    AggregateClosed {
        /// The entry that handed it in.
        number: EntryNumber
    } => "aggregate_closed", "aggregate", "the aggregate was handed in with entry {number}: nothing joins it any more";
    /// Of another acquirer, currency or kind of price, or available by another rule.
    AggregateDiffers => "aggregate_differs", "aggregate",
        "the aggregate is of another acquirer or currency, passes other costs on, or becomes available by another rule";
    /// No captures of that name.
    UnknownAggregate => "unknown_aggregate", "aggregate", "no capture names this aggregate";
    /// The count is not that of its captures.
    AggregateItemsDiffer {
        /// How many there are.
        items: i64
    } => "aggregate_items_differ", "items", "the aggregate holds {items} captures";
    /// The sum is not that of its captures.
    AggregateAmountDiffers {
        /// Their sum.
        gross: Money
    } => "aggregate_amount_differs", "amount", "the captures of the aggregate come to {gross}";
    /// No event of that reference.
    UnknownOriginal => "unknown_original", "original", "no event of the payment has this reference";
    /// Not the kind of event that this one can undo or answer.
    OriginalIsAnother {
        /// What it is.
        kind: crate::ledger::entry::EntryKind
    } => "original_is_another", "original", "the event of that reference is of kind {kind}";
    /// It was undone before.
    AlreadyUndone => "already_undone", "original", "it was undone before";
    /// The acquirer has it in a settlement file.
    AlreadyPresented => "already_presented", "original", "the acquirer has settled it already: refund it instead";
    /// Undoing is of the whole.
    OriginalAmountDiffers {
        /// The original's.
        amount: Money
    } => "original_amount_differs", "amount", "the original is of {amount}, and is undone whole";
    /// What was captured is refunded, charged back or unpaid.
    CaptureInUse => "capture_in_use", "original",
        "the payment is refunded, charged back or unpaid: the capture cannot be withdrawn";
    /// Refunds would exceed the captures.
    ExceedsCaptured {
        /// What may still be refunded.
        refundable: Money
    } => "exceeds_captured", "amount", "only {refundable} is captured and not refunded";
    /// A partial refund without a reference could be a retry.
    ReferenceNeeded => "reference_needed", "reference",
        "a partial refund needs a reference, or expected_total: what was refunded of the payment before";
    /// The acquirer refunds captures whole.
    PartialRefund {
        /// What was captured.
        captured: Money
    } => "partial_refund", "amount", "this acquirer refunds whole captures only: {captured}";
    /// Less than the method gives back at a time.
    RefundBelowMinimum {
        /// The least.
        minimum: Money,
        /// What may be refunded all the same: the rest.
        left: Money
    } => "refund_below_minimum", "amount", "the method refunds {minimum} at least, or all that is left, which is {left}";
    /// As many parts as the method takes were refunded.
    TooManyPartialRefunds {
        /// How many it takes.
        most: u16,
        /// What may be refunded all the same: the rest.
        left: Money
    } => "too_many_partial_refunds", "amount",
        "the method takes at most {most} partial refunds of a payment: only all that is left can be refunded, which is {left}";
    /// Too late.
    RefundTooLate {
        /// The first day on which it was.
        first_late: NaiveDate
    } => "refund_too_late", "occurred_at", "the refund window is over: {first_late} was the first day too late";
    /// Too late for the rail.
    RailClosed {
        /// The first day on which it was.
        first_late: NaiveDate
    } => "rail_closed", "by",
        "the acquirer takes no refund of it any more ({first_late} was the first day too late): refund it by transfer";
    /// Money that the scheme took cannot be given back as well.
    ChargedBack => "charged_back", "payment", "the payment is charged back; a refund would pay the shopper twice";
    /// What the shopper did not pay cannot be given back.
    NotCollected {
        /// What the carrier deducted.
        unpaid: Money,
        /// What of the rest may still be refunded.
        refundable: Money
    } => "not_collected", "amount",
        "{unpaid} of the payment was deducted as unpaid: only {refundable} of the rest is not refunded";
    /// What the same words asked for before did not arrive.
    RefundFailed {
        /// The entry of that refund.
        number: EntryNumber
    } => "refund_failed", "reference",
        "the refund that these words stand for (entry {number}) has failed: another one needs a reference";
    /// The merchant's money does not cover it.
    InsufficientBalance {
        /// Available, pending, and reserve where it may be used.
        cover: Money,
        /// How far below zero it may go.
        limit: Money
    } => "insufficient_balance", "amount", "the merchant's balance of {cover} and its negative limit of {limit} do not cover it";
    /// It goes back by the rail, or has left our account.
    NotPayable => "not_payable", "original", "it is no refund by transfer that waits to be paid";
    /// A velocity rule says no.
    Velocity {
        /// The rule.
        rule: String,
        /// What it found.
        reason: String
    } => "velocity", "payer", "velocity rule `{rule}` refuses it: {reason}";
    /// The payer's monthly limit is used up.
    MonthlyLimit {
        /// What is left of it.
        left: Money
    } => "monthly_limit", "amount", "only {left} of the payer's monthly limit is left";
    /// A kind that no event asks for.
    NotAnEvent => "not_an_event", "kind", "no event asks for an entry of this kind";
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
                let schedule = schedule.as_ref().to_owned();
                Self::NotPriced { schedule, currency }
            }
            FeeError::NoVatRate { .. } | FeeError::Amount(_) => Self::AmountTooLarge,
        }
    }
}
