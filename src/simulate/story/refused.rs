//! Events that break a rule: a plain sale each, and one event that must be refused, whenever and how often it is told.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "each step breaks the rules that can be broken there, and passes the others on"
)]

use super::author::{Author, Route};
use super::{Event, EventKind, Fate, Nobody, Story};
use crate::simulate::fees::standard_fee;
use crate::simulate::world::{CARRIER_BY_MERCHANT, Day, GAMES, LEAST_PART, MONTHLY_LIMIT, MOST_PARTS};

macro_rules! refused {
    ($($(#[$doc:meta])* $variant:ident = $rule:literal, $field:literal;)*) => {
        /// An event that must be refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Refused { $($(#[$doc])* $variant,)* }

        impl Refused {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The rule that it breaks, and the field that breaks it.
            fn fate(self) -> Fate {
                let (rule, field) = match self { $(Self::$variant => ($rule, $field),)* };
                Fate::Refused { rule, field }
            }
        }
    };
}

refused! {
    /// More refunded than captured.
    OverRefund = "exceeds_captured", "amount";
    /// Refunded after the window.
    RefundTooLate = "refund_too_late", "occurred_at";
    /// Refunded by the rail after that was closed.
    RailClosed = "rail_closed", "by";
    /// Refunded while a chargeback is open.
    RefundOfChargeback = "charged_back", "payment";
    /// A part refunded, without a reference and without what was refunded before.
    RefundWithoutReference = "reference_needed", "reference";
    /// Refunded with a total that is not the total.
    RefundRetried = "total_differs", "expected_total";
    /// A part refunded where the acquirer refunds whole captures only.
    PartOfPhoneBill = "partial_refund", "amount";
    /// One more part refunded than the method takes.
    TooManyParts = "too_many_partial_refunds", "amount";
    /// A part refunded that is too small for the method.
    PartTooSmall = "refund_below_minimum", "amount";
    /// Refunded with money that is not there.
    NotCovered = "insufficient_balance", "amount";
    /// Voided twice.
    VoidedTwice = "nothing_open", "payment";
    /// A part of what is open voided.
    PartVoided = "void_amount_differs", "amount";
    /// Captured beyond authorization and contract.
    OverCapture = "exceeds_authorized", "amount";
    /// Captured with a total that is not the total.
    CaptureRetried = "total_differs", "expected_total";
    /// Another event under a reference that is taken.
    ReferenceTaken = "reference_conflict", "amount";
    /// The same capture sequence under another reference.
    SequenceTaken = "known_otherwise", "sequence";
    /// Captured without an authorization.
    NeverAuthorized = "unknown_payment", "payment";
    /// Captured after a decline.
    Declined = "payment_declined", "payment";
    /// Captured before anybody knows whether it was authorized.
    OutcomeUnknown = "outcome_unknown", "payment";
    /// Authorized twice.
    AuthorizedTwice = "already_authorized", "payment";
    /// More approved than asked for.
    ApprovedAbove = "approved_above_requested", "requested_amount";
    /// Captured in another currency.
    OtherCurrency = "currency_differs", "currency";
    /// Captured by another acquirer.
    OtherAcquirer = "acquirer_differs", "acquirer";
    /// Nothing captured.
    Nothing = "amount_is_zero", "amount";
    /// A refund that failed, and failed once more with another amount.
    FailedTwice = "known_otherwise", "amount";
    /// A refund that failed in part.
    FailedInPart = "original_amount_differs", "amount";
    /// The failure of a refund that nobody has heard of.
    FailureOfNothing = "unknown_original", "original";
    /// The failure of a capture.
    FailureOfCapture = "original_is_another", "original";
    /// Paid by transfer what left by the rail.
    PaidTwice = "not_payable", "original";
    /// A capture withdrawn of which something is refunded.
    WithdrawnInUse = "capture_in_use", "original";
    /// More games in a month than a rule lets pass.
    TooManyGames = "velocity", "payer";
    /// More on a phone bill than the month has left.
    OverMonthlyLimit = "monthly_limit", "amount";
    /// Handed in with another count.
    ItemsDiffer = "aggregate_items_differ", "items";
    /// Handed in with another sum.
    SumDiffers = "aggregate_amount_differs", "amount";
    /// Captured into what was handed in.
    HandedIn = "aggregate_closed", "aggregate";
    /// Handed in what nothing was captured into.
    EmptyAggregate = "unknown_aggregate", "aggregate";
    /// A merchant that settings do not have.
    NoMerchant = "unknown_merchant", "merchant";
    /// An acquirer that settings do not have.
    NoAcquirer = "unknown_acquirer", "acquirer";
    /// Before any settings.
    Lawless = "no_settings_in_force", "occurred_at";
    /// Not even an event.
    Malformed = "malformed", "card_country";
}

impl Author<'_> {
    /// Makes up a story with an event in it that must be refused.
    pub(super) fn refused(&mut self, index: u64, refused: Refused) -> Story {
        let (mut story, refused) = self.stage(index, refused);
        self.act(&mut story, refused);
        // The event that breaks the rule is the last one, and changes nothing.
        if let Some((event, reports)) = story.events.back_mut() {
            event.fate = refused.fate();
            event.hold = 0;
            event.if_covered = false;
            reports.clear();
        }
        match refused {
            Refused::TooManyGames => Self::decide(&mut story, "refuse", Some("games")),
            Refused::OverMonthlyLimit => Self::decide(&mut story, "refuse", None),
            _ => {}
        }
        story
    }

    /// Where it can happen; something else where the world has no such place.
    fn stage(&mut self, index: u64, refused: Refused) -> (Story, Refused) {
        let story = match refused {
            Refused::RefundTooLate
            | Refused::RailClosed
            | Refused::PartOfPhoneBill
            | Refused::TooManyGames
            | Refused::OverMonthlyLimit => self.begin_in_won(index),
            Refused::NotCovered => self.begin_poor(index),
            _ => Some(self.begin_covered(index)),
        };
        match story {
            Some(story) => (story, refused),
            None => (self.begin_covered(index), Refused::OverRefund),
        }
    }

    /// At the merchant that has no money.
    fn begin_poor(&mut self, index: u64) -> Option<Story> {
        let poor = self.world.merchants.iter().position(|merchant| merchant.poor)?;
        let mut story = self.begin_at(index, poor, 0);
        story.at_once = true;
        Some(story)
    }

    fn act(&mut self, story: &mut Story, refused: Refused) {
        match refused {
            Refused::RefundTooLate | Refused::RailClosed | Refused::PartOfPhoneBill => {
                return self.refund_of_phone_bill(story, refused);
            }
            Refused::NotCovered => return self.all_given_back(story),
            Refused::TooManyGames | Refused::OverMonthlyLimit => return self.too_much_by_phone(story, refused),
            Refused::ItemsDiffer | Refused::SumDiffers | Refused::HandedIn | Refused::EmptyAggregate => {
                return self.badly_handed_in(story, refused);
            }
            _ => {}
        }
        let payment = self.after_anchor(story);
        let amount = self.price(story, 500, 2000);
        let mut details = self.instrument(story, payment);
        match refused {
            Refused::Declined => {
                self.push(story, payment, EventKind::Decline, amount);
                self.push(story, payment, EventKind::Capture, amount);
            }
            Refused::OutcomeUnknown => {
                details.capture_before_days = None;
                self.push(story, payment, EventKind::Unknown, amount).details = details;
                story.payments[payment].outcome_unknown = true;
                self.push(story, payment, EventKind::Capture, amount);
            }
            Refused::NeverAuthorized => {
                self.push(story, payment, EventKind::Capture, amount);
            }
            Refused::ApprovedAbove => {
                details.requested = Some(amount.saturating_sub(1));
                self.push(story, payment, EventKind::Authorization, amount).details = details;
            }
            Refused::Malformed | Refused::NoMerchant | Refused::NoAcquirer | Refused::Lawless => {
                if refused == Refused::Lawless {
                    story.day = Day::Lawless;
                }
                let event = self.push(story, payment, EventKind::Authorization, amount);
                event.details = details;
                event.nobody = match refused {
                    Refused::Malformed => Some(Nobody::Country),
                    Refused::NoMerchant => Some(Nobody::Merchant),
                    Refused::NoAcquirer => Some(Nobody::Acquirer),
                    _ => None,
                };
            }
            _ => {
                self.authorize(story, payment, amount);
                self.on_authorization(story, payment, refused, amount);
            }
        }
    }

    /// What breaks a rule once there is an authorization.
    fn on_authorization(&mut self, story: &mut Story, payment: usize, refused: Refused, amount: i64) {
        match refused {
            Refused::VoidedTwice => {
                self.void(story, payment);
                // Another amount: the same one would be the same void told again.
                self.push(story, payment, EventKind::Void, amount.saturating_sub(1));
            }
            Refused::PartVoided => {
                self.push(story, payment, EventKind::Void, amount.saturating_sub(1));
            }
            Refused::OverCapture => {
                let most = self.capturable(story, payment);
                self.push(story, payment, EventKind::Capture, most.saturating_add(1));
            }
            Refused::AuthorizedTwice => {
                self.push(story, payment, EventKind::Authorization, amount);
            }
            Refused::Nothing => {
                self.push(story, payment, EventKind::Capture, 0);
            }
            Refused::OtherCurrency => {
                let other = usize::from(story.owner.currency == 0);
                self.push(story, payment, EventKind::Capture, amount).currency = other;
            }
            Refused::OtherAcquirer => {
                self.push(story, payment, EventKind::Capture, amount).acquirer = CARRIER_BY_MERCHANT;
            }
            _ => {
                let half = amount.div_euclid(2).max(1);
                let capture = self.capture(story, payment, half, Route::PLAIN, false);
                if refused == Refused::SequenceTaken {
                    capture.details.sequence = Some(1);
                }
                let capture = capture.clone();
                self.on_capture(story, refused, &capture);
            }
        }
    }

    /// What breaks a rule once half of it is captured.
    fn on_capture(&mut self, story: &mut Story, refused: Refused, capture: &Event) {
        let (payment, amount) = (capture.payment, capture.amount);
        let one_less = amount.saturating_sub(1);
        match refused {
            Refused::RefundOfChargeback => {
                self.dispute(story, payment, EventKind::Chargeback, amount, 1);
                self.push(story, payment, EventKind::Refund, amount);
            }
            Refused::RefundWithoutReference => {
                self.push(story, payment, EventKind::Refund, one_less).reference.clear();
            }
            Refused::CaptureRetried => {
                let event = self.push(story, payment, EventKind::Capture, amount);
                event.details.expected_total = Some(one_less);
            }
            Refused::ReferenceTaken => {
                let event = self.push(story, payment, EventKind::Capture, one_less);
                event.reference.clone_from(&capture.reference);
            }
            Refused::SequenceTaken => {
                self.push(story, payment, EventKind::Capture, amount).details.sequence = Some(1);
            }
            Refused::FailureOfNothing => {
                let event = self.push(story, payment, EventKind::RefundFailure, amount);
                event.details.original = Some(format!("{}-none", capture.reference));
            }
            Refused::TooManyParts => {
                // Of different amounts: lines without a reference are matched by them.
                for part in 0..MOST_PARTS {
                    let place = self.refund(story, payment, LEAST_PART.saturating_add(part), false);
                    story.events[place].0.if_covered = false;
                }
                self.push(story, payment, EventKind::Refund, LEAST_PART);
            }
            Refused::PartTooSmall => {
                self.push(story, payment, EventKind::Refund, LEAST_PART.saturating_sub(1));
            }
            Refused::FailureOfCapture => {
                let event = self.push(story, payment, EventKind::RefundFailure, amount);
                event.details.original = Some(capture.reference.clone());
            }
            _ => {
                let place = self.refund(story, payment, one_less, false);
                story.events[place].0.if_covered = false;
                self.on_refund(story, refused, capture, place);
            }
        }
    }

    /// What breaks a rule once all of the capture but one minor unit is refunded.
    fn on_refund(&mut self, story: &mut Story, refused: Refused, capture: &Event, refund: usize) {
        let (payment, amount) = (capture.payment, capture.amount);
        let refunded = story.events[refund].0.clone();
        match refused {
            Refused::FailedTwice => {
                self.refund_fails(story, refund);
                let other = refunded.amount.saturating_sub(1);
                let event = self.push(story, payment, EventKind::RefundFailure, other);
                event.details.original = Some(refunded.reference);
            }
            Refused::FailedInPart => {
                let event = self.push(story, payment, EventKind::RefundFailure, 1);
                event.details.original = Some(refunded.reference);
            }
            Refused::PaidTwice => {
                let event = self.push(story, payment, EventKind::RefundPaid, refunded.amount);
                event.details.original = Some(refunded.reference);
            }
            Refused::WithdrawnInUse => {
                let event = self.push(story, payment, EventKind::CaptureVoid, amount);
                event.details.original = Some(capture.reference.clone());
            }
            Refused::RefundRetried => {
                let event = self.push(story, payment, EventKind::Refund, 1);
                event.details.expected_total = Some(0);
                event.reference.clear();
            }
            _ => {
                self.push(story, payment, EventKind::Refund, amount);
            }
        }
    }

    fn refund_of_phone_bill(&mut self, story: &mut Story, refused: Refused) {
        self.bill_by_phone(story);
        story.day = match refused {
            Refused::RefundTooLate => Day::Old,
            Refused::RailClosed => Day::Earlier,
            _ => Day::Simulated,
        };
        let amount = self.price(story, 500, 3000);
        self.authorize(story, 0, amount);
        self.capture(story, 0, amount, Route::PLAIN, false);
        story.day = Day::Simulated;
        let part = if refused == Refused::PartOfPhoneBill {
            amount.div_euclid(2)
        } else {
            amount
        };
        self.push(story, 0, EventKind::Refund, part);
    }

    /// One payer of phone bills, once too often or too much. A carrier that has given its promise is not refused, so the last
    /// authorization has no reference of the carrier's.
    fn too_much_by_phone(&mut self, story: &mut Story, refused: Refused) {
        let index = story.index;
        story.step = 60;
        self.bill_by_phone(story);
        let (acquirer, method) = (story.payments[0].acquirer, story.payments[0].method);
        let (times, category) = match refused {
            Refused::TooManyGames => (GAMES, "game"),
            _ => (1, "music"),
        };
        for number in 0..=times {
            let payment = match number {
                0 => 0,
                _ => self.add_payment(story, index, format!("{}-{number}x", self.world.name("pay", index))),
            };
            let of = &mut story.payments[payment];
            (of.acquirer, of.method) = (acquirer, method);
            let amount = match refused {
                Refused::TooManyGames => self.price(story, 100, 1000),
                _ => MONTHLY_LIMIT.saturating_sub(100_000),
            };
            let mut details = self.instrument(story, payment);
            details.payer = Some(self.world.name("line", index));
            details.category = Some(category);
            if number < times {
                self.authorize_by(story, payment, amount, details);
                self.capture(story, payment, amount, Route::PLAIN, false);
            } else {
                self.push(story, payment, EventKind::Authorization, amount).details = details;
            }
        }
    }

    /// What the merchant has of a sale goes back; what it paid for the sale is not there to go back too.
    fn all_given_back(&mut self, story: &mut Story) {
        let amount = self.price(story, 2000, 5000);
        self.authorize(story, 0, amount);
        self.capture(story, 0, amount, Route::PLAIN, false);
        let fee = standard_fee(story.owner.currency, amount);
        let place = self.refund(story, 0, amount.saturating_sub(fee), false);
        story.events[place].0.if_covered = false;
        self.push(story, 0, EventKind::Refund, fee);
    }

    /// Two captures of an aggregate, handed in wrongly.
    fn badly_handed_in(&mut self, story: &mut Story, refused: Refused) {
        let name = self.world.name("basket", story.index);
        if refused == Refused::EmptyAggregate {
            let amount = self.price(story, 50, 100);
            self.hand_in(story, &name, &[]);
            if let Some((event, _)) = story.events.back_mut() {
                event.amount = amount;
                event.details.items = Some(1);
            }
            return;
        }
        let second = self.world.name("pay", story.index) + "-2";
        let second = self.add_payment(story, story.index, second);
        let mut captures = Vec::new();
        for payment in [0, second] {
            let amount = self.price(story, 50, 100);
            self.authorize(story, payment, amount);
            captures.push(self.claim_part(story, payment, &name));
        }
        if refused == Refused::HandedIn {
            self.hand_in(story, &name, &captures);
            let third = self.world.name("pay", story.index) + "-3";
            let third = self.add_payment(story, story.index, third);
            let amount = self.price(story, 50, 100);
            self.authorize(story, third, amount);
            let event = self.push(story, third, EventKind::Capture, amount);
            event.details.aggregate = Some(name);
            return;
        }
        self.hand_in(story, &name, &captures);
        if let Some((event, _)) = story.events.back_mut() {
            match refused {
                Refused::ItemsDiffer => event.details.items = Some(3),
                _ => event.amount = event.amount.saturating_add(1),
            }
        }
    }
}
