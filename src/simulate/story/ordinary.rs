//! Stories in which nothing is planted.

use super::author::{Author, Route};
use super::{EventKind, Story};
use crate::simulate::settlement::BY_CARRIER;
use crate::simulate::world::{CARRIER_BY_MERCHANT, Day, LEAST_PART, WON};

/// The most captures of an aggregate.
const BASKET: u64 = 12;

impl Author<'_> {
    /// Makes a story up, of at most `room` payments.
    pub(super) fn ordinary(&mut self, story: &mut Story, room: u64) {
        if self.anchor(story) {
            return;
        }
        let full = self.world.is_full();
        let micro = match self.world.merchants[story.owner.merchant].micro {
            true => self.dice.chance(19, 20),
            false => self.dice.chance(1, 50),
        };
        if full && micro && room > 2 && self.dice.chance(1, 10) {
            return self.basket(story, room);
        }
        if full && story.owner.currency == WON && self.dice.chance(1, 4) {
            return self.phone_bill(story);
        }
        let amount = if micro {
            self.price(story, 5, 100)
        } else {
            let high = self.dice.between(1000, 25_000);
            self.price(story, 500, high)
        };
        if full && self.dice.chance(1, 20) {
            self.convert(story);
        }
        if self.dice.chance(8, 100) {
            self.push(story, 0, EventKind::Decline, amount);
            if self.dice.chance(3, 5) {
                return;
            }
        }
        if full && self.dice.chance(1, 60) && !self.unanswered(story, amount) {
            return;
        }
        if self.dice.chance(1, 200) {
            // The card is verified, nothing is sold.
            self.authorize(story, 0, 0);
            return;
        }
        if full && self.dice.chance(1, 40) {
            return self.left_open(story, amount);
        }
        let asked = match full && !micro && self.dice.chance(1, 50) {
            true => Some(amount.saturating_add(self.part(amount))),
            false => None,
        };
        self.authorize(story, 0, amount).details.requested = asked;
        if micro {
            self.capture_all(story);
        } else {
            self.captures(story, amount);
        }
        self.aftermath(story);
    }

    /// Asks for an authorization and gets no answer; whether an authorization follows.
    fn unanswered(&mut self, story: &mut Story, amount: i64) -> bool {
        let mut details = self.instrument(story, 0);
        details.capture_before_days = None;
        self.push(story, 0, EventKind::Unknown, amount).details = details;
        story.payments[0].outcome_unknown = true;
        match self.dice.below(20) {
            0..=11 => true,
            12..=16 => {
                self.push(story, 0, EventKind::Decline, amount);
                story.payments[0].outcome_unknown = false;
                false
            }
            _ => false,
        }
    }

    /// An authorization of which nothing or a part is captured, and the rest neither withdrawn nor released.
    fn left_open(&mut self, story: &mut Story, amount: i64) {
        if self.dice.chance(3, 4) {
            story.day = Day::Overdue;
        }
        let mut details = self.instrument(story, 0);
        details.capture_before_days = match self.dice.below(4) {
            0 => Some(5),
            1 => Some(9),
            _ => None,
        };
        self.authorize_by(story, 0, amount, details);
        if self.dice.chance(1, 3) {
            let part = self.part(amount);
            self.capture(story, 0, part, Route::PLAIN, false);
        }
    }

    fn capture_all(&mut self, story: &mut Story) {
        let (route, open) = (self.route(), story.payments[0].open);
        self.capture(story, 0, open, route, false);
    }

    /// Captures all, some or nothing of an authorization, voids what is left or leaves it open.
    fn captures(&mut self, story: &mut Story, amount: i64) {
        let shapes = if self.world.is_full() { 132 } else { 100 };
        match self.dice.below(shapes) {
            0..=1 => {}
            2..=5 => self.void(story, 0),
            6..=15 => {
                let first = self.part(amount);
                let route = self.route();
                self.capture(story, 0, first, route, false);
                self.void(story, 0);
            }
            16..=19 => {
                let first = self.part(amount);
                let rest = amount.saturating_sub(first);
                let second = if self.dice.chance(2, 3) { rest } else { self.part(rest) };
                for capture in [first, second] {
                    self.capture(story, 0, capture, Route::PLAIN, false);
                }
                self.void(story, 0);
            }
            100..=105 => {
                for _ in 0..self.dice.between(1, 2) {
                    let more = self.part(amount);
                    self.change(story, 0, EventKind::Increment, more);
                }
                if self.dice.chance(1, 4) {
                    self.give_up_a_part(story, amount);
                }
                self.capture_all(story);
            }
            106..=110 => {
                self.give_up_a_part(story, amount);
                self.capture_all(story);
            }
            111..=118 => self.in_parts(story, amount),
            119..=123 => self.beyond(story),
            124..=129 => self.withdrawn(story),
            130..=131 => {
                let part = self.part(amount);
                self.capture(story, 0, part, Route::PLAIN, true);
            }
            _ => self.capture_all(story),
        }
    }

    fn give_up_a_part(&mut self, story: &mut Story, amount: i64) {
        // Of an authorization of one minor unit nothing would be left.
        let part = self.part(amount).min(story.payments[0].open.saturating_sub(1));
        if part > 0 {
            self.change(story, 0, EventKind::AuthorizationReversal, part);
        }
    }

    /// Two or three captures by their sequence, the last of which releases what is left.
    fn in_parts(&mut self, story: &mut Story, amount: i64) {
        let parts = if self.dice.chance(1, 3) { 3 } else { 2 };
        let mut total = 0_i64;
        for sequence in 1..=parts {
            let is_last = sequence == parts;
            let open = story.payments[0].open;
            if open == 0 {
                break;
            }
            let part = self
                .dice
                .between(1, amount.div_euclid(i64::from(parts)).max(1))
                .min(open);
            let event = self.capture(story, 0, part, Route::PLAIN, is_last);
            event.details.sequence = Some(sequence);
            event.details.expected_total = Some(total);
            total = total.saturating_add(part);
        }
    }

    /// A tip: more than was authorized, as far as the contract allows.
    fn beyond(&mut self, story: &mut Story) {
        let (open, most) = (story.payments[0].open, self.capturable(story, 0));
        let amount = self.dice.between(open, most);
        self.capture(story, 0, amount, Route::PLAIN, true);
    }

    /// A capture that is withdrawn, and another one or nothing in its place.
    fn withdrawn(&mut self, story: &mut Story) {
        let open = story.payments[0].open;
        let (first, is_final) = (self.part(open), self.dice.chance(1, 2));
        let place = self.capture(story, 0, first, Route::PLAIN, is_final).place;
        self.withdraw(story, place);
        match self.dice.below(3) {
            0 => self.void(story, 0),
            _ => self.capture_all(story),
        }
    }

    /// Refunds and disputes: a refund excludes a dispute.
    fn aftermath(&mut self, story: &mut Story) {
        let captured = story.payments[0].captured;
        if captured == 0 {
            return;
        }
        let full = self.world.is_full();
        match self.dice.below(100) {
            0..=2 => {
                let place = self.refund(story, 0, captured, false);
                if full && self.dice.chance(1, 3) {
                    story.events[place].0.reference.clear();
                }
            }
            3..=5 => {
                let first = self.refundable(captured);
                self.partial_refund(story, first);
                let rest = captured.saturating_sub(first);
                if rest > 0 && self.dice.chance(1, 3) {
                    let second = self.refundable(rest);
                    self.partial_refund(story, second);
                }
            }
            6 => self.dispute_rounds(story, captured),
            7 if full => {
                let amount = self.refundable(captured);
                let place = self.refund(story, 0, amount, false);
                self.refund_fails(story, place);
                if self.dice.chance(1, 2) {
                    self.refund_by_transfer(story, 0, amount);
                }
            }
            8 if full => {
                let amount = self.refundable(captured);
                self.refund_by_transfer(story, 0, amount);
            }
            _ => {}
        }
    }

    /// So much of what is left as may be refunded: the least part, or all of it.
    fn refundable(&mut self, left: i64) -> i64 {
        self.dice.between(1, left).max(LEAST_PART.min(left))
    }

    /// By its own reference, or by what was refunded before.
    fn partial_refund(&mut self, story: &mut Story, amount: i64) {
        let before = story.payments[0].refunded;
        let place = self.refund(story, 0, amount, false);
        if self.world.is_full() && self.dice.chance(1, 3) {
            let event = &mut story.events[place].0;
            event.reference.clear();
            event.details.expected_total = Some(before);
        }
    }

    /// Waits, leaves, or comes back.
    fn refund_by_transfer(&mut self, story: &mut Story, payment: usize, amount: i64) {
        let place = self.refund(story, payment, amount, true);
        match self.dice.below(6) {
            0 => self.refund_fails(story, place),
            1 => {}
            _ => self.refund_is_paid(story, place),
        }
    }

    fn dispute_rounds(&mut self, story: &mut Story, captured: i64) {
        if self.world.is_full() && self.dice.chance(1, 3) {
            self.ask_about(story, 0, captured);
        }
        self.dispute(story, 0, EventKind::Chargeback, captured, 1);
        if self.dice.chance(2, 3) {
            return;
        }
        self.dispute(story, 0, EventKind::ChargebackReversal, captured, 1);
        if !self.world.is_full() || self.dice.chance(1, 2) {
            return;
        }
        self.dispute(story, 0, EventKind::SecondChargeback, captured, 2);
        if self.dice.chance(1, 3) {
            self.dispute(story, 0, EventKind::ChargebackReversal, captured, 2);
        }
    }

    /// Small captures that are handed in as one.
    fn basket(&mut self, story: &mut Story, room: u64) {
        let (first, name) = (story.index, self.world.name("basket", story.index));
        let most = i64::try_from(room.min(BASKET)).unwrap_or(2);
        let items = u64::try_from(self.dice.between(2, most)).unwrap_or(2);
        story.length = items;
        let mut captures = Vec::new();
        for number in 0..items {
            let index = first.saturating_add(number);
            let payment = match number {
                0 => 0,
                _ => self.add_payment(story, index, self.world.name("pay", index)),
            };
            let amount = self.price(story, 5, 100);
            self.authorize(story, payment, amount);
            captures.push(self.claim_part(story, payment, &name));
        }
        if captures.len() > 2 && self.dice.chance(1, 4) {
            let place = captures.swap_remove(self.dice.place(captures.len()));
            self.withdraw(story, place);
            let payment = story.events[place].0.payment;
            self.void(story, payment);
        }
        self.hand_in(story, &name, &captures);
        if self.dice.chance(1, 6) {
            let capture = story.events[captures[0]].0.clone();
            self.refund(story, capture.payment, capture.amount, false);
        }
    }

    /// Captures all of a payment as a part of an aggregate; the capture's place.
    pub(super) fn claim_part(&mut self, story: &mut Story, payment: usize, aggregate: &str) -> usize {
        let open = story.payments[payment].open;
        self.capture(story, payment, open, Route::PLAIN, false);
        let place = story.events.len().saturating_sub(1);
        let (event, reports) = &mut story.events[place];
        reports.clear();
        (event.acquirer_reference, event.arn) = (None, None);
        event.details.aggregate = Some(aggregate.to_owned());
        place
    }

    /// Hands in captures, by their places: one event, one line.
    pub(super) fn hand_in(&mut self, story: &mut Story, name: &str, captures: &[usize]) {
        let gross = captures.iter().map(|place| story.events[*place].0.amount);
        let gross = gross.fold(0, i64::saturating_add);
        let index = story.index;
        let payment = self.add_payment(story, index, name.to_owned());
        let at = self.push(story, payment, EventKind::Aggregate, gross).at;
        let line = self.line(story, payment, EventKind::Aggregate, gross, at);
        if let Some((event, _)) = story.events.back_mut() {
            event.details.aggregate = Some(name.to_owned());
            event.details.items = u32::try_from(captures.len()).ok();
        }
        Self::proven(story, line, true);
    }

    /// A sale on a phone bill: of today, or of a month whose bills are paid by now, or not.
    fn phone_bill(&mut self, story: &mut Story) {
        self.bill_by_phone(story);
        let is_earlier = self.dice.chance(2, 5);
        if is_earlier {
            story.day = Day::Earlier;
        }
        let amount = self.price(story, 100, 3000);
        self.authorize(story, 0, amount);
        if self.dice.chance(1, 10) {
            return self.void(story, 0);
        }
        self.capture(story, 0, amount, Route::PLAIN, false);
        if !is_earlier {
            if self.dice.chance(1, 20) {
                self.refund(story, 0, amount, false);
            }
            return;
        }
        story.day = Day::Simulated;
        match self.dice.below(10) {
            0..=1 => self.refund_by_transfer(story, 0, amount),
            2..=4 => self.unpaid(story, amount),
            _ => {}
        }
    }

    /// Has the story's payment authorized by one of the carriers.
    pub(super) fn bill_by_phone(&mut self, story: &mut Story) {
        let carrier = usize::from(self.dice.chance(1, 2)).saturating_add(CARRIER_BY_MERCHANT);
        let payment = &mut story.payments[0];
        payment.acquirer = carrier;
        payment.method = BY_CARRIER;
    }

    /// A phone bill that is not paid, or late, or a part of it.
    fn unpaid(&mut self, story: &mut Story, amount: i64) {
        self.push(story, 0, EventKind::Unpaid, amount);
        let place = story.events.len().saturating_sub(1);
        if self.dice.chance(1, 2) {
            return;
        }
        let recovered = if self.dice.chance(1, 2) {
            amount
        } else {
            self.part(amount)
        };
        let original = story.events[place].0.reference.clone();
        self.push(story, 0, EventKind::UnpaidRecovery, recovered)
            .details
            .original = Some(original);
    }
}
