//! Stories with one thing wrong in them, and what is told twice.

use super::author::{Author, Route};
use super::{Decided, EventKind, Report, Stage, Story};
use crate::simulate::BreakKind;
use crate::simulate::settlement::{CARD_METHODS, Costs, Line, METHODS, Reported, batch_row};
use crate::simulate::truth::BreakItem;
use crate::simulate::world::{CARDS, CURRENCIES, Conversion, Day, MONTHLY_LIMIT, OFTEN, VOUCHERS, WON, capture_cost};

/// The second of the settlement file's day from which on the payouts are over.
const EVENING: u32 = 19 * 3600;

/// What happens once the day is settled and paid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// A part of a sale goes back, and there is only what is withheld to pay for it.
    Refunded,
    /// A sale is charged back; the merchant owes it.
    ChargedBack,
    /// A phone bill is not paid, and a part of it late.
    Unpaid,
}

impl After {
    /// All of it.
    pub const ALL: &'static [Self] = &[Self::Refunded, Self::ChargedBack, Self::Unpaid];
}

impl Author<'_> {
    /// Makes up a story that goes on after the payouts.
    pub(super) fn afterwards(&mut self, index: u64, after: After) -> Story {
        let begun = match after {
            After::Refunded => self.begin_reserved(index),
            After::ChargedBack => None,
            After::Unpaid => self.begin_in_won(index),
        };
        let by_phone = after == After::Unpaid && begun.is_some();
        let mut story = begun.unwrap_or_else(|| self.begin_covered(index));
        if by_phone {
            self.bill_by_phone(&mut story);
            story.day = Day::Earlier;
        }
        let amount = self.price(&story, 500, 3000);
        let payment = if by_phone { 0 } else { self.after_anchor(&mut story) };
        self.authorize(&mut story, payment, amount);
        self.capture(&mut story, payment, amount, Route::PLAIN, false);
        let told = story.events.len();
        (story.day, story.second) = (Day::Settlement, EVENING);
        match after {
            After::Refunded => {
                // Less than is withheld of the sale.
                let part = amount.saturating_mul(8).div_euclid(100).max(1);
                self.refund(&mut story, payment, part, false);
            }
            After::Unpaid if by_phone => {
                self.push(&mut story, payment, EventKind::Unpaid, amount);
                let original = story.events[told].0.reference.clone();
                let part = self.part(amount);
                let recovery = self.push(&mut story, payment, EventKind::UnpaidRecovery, part);
                recovery.details.original = Some(original);
            }
            After::Unpaid | After::ChargedBack => {
                self.dispute(&mut story, payment, EventKind::Chargeback, amount, 1);
            }
        }
        for (event, reports) in story.events.iter_mut().skip(told) {
            event.stage = Stage::After;
            reports.clear();
        }
        story
    }

    /// Makes up a story with a break in it.
    pub(super) fn broken(&mut self, index: u64, class: BreakKind) -> (Story, Option<BreakItem>) {
        let turn = self.turn(class);
        let by_phone = class == BreakKind::Velocity && !turn.is_multiple_of(3);
        let mut story = match (class, self.world.unpriced) {
            (BreakKind::DoubleRecovery | BreakKind::TypeMismatch | BreakKind::SignMismatch, _) => {
                self.begin_covered(index)
            }
            (BreakKind::NotPriced, Some(merchant)) => self.begin_at(index, merchant, 0),
            (BreakKind::FxMismatch, _) => self.begin_convertible(index),
            _ => {
                let in_won = if by_phone { self.begin_in_won(index) } else { None };
                in_won.unwrap_or_else(|| self.begin(index))
            }
        };
        let item = match class {
            BreakKind::Late => {
                story.day = Day::Overdue;
                let amount = self.price(&story, 2000, 20_000);
                self.authorize(&mut story, 0, amount);
                self.capture(&mut story, 0, amount, Route::PLAIN, false);
                return (story, None);
            }
            BreakKind::MissingInLedger => {
                self.ordinary(&mut story, 1);
                let (line, item) = self.unknown_line(&mut story);
                story.strays.push(line);
                item
            }
            BreakKind::UnsupportedRecord => {
                self.ordinary(&mut story, 1);
                self.unsupported_line(&mut story, turn)
            }
            BreakKind::CarrierShort => self.taken_line(&mut story, class, Reported::Unpaid),
            BreakKind::RefundWithoutCapture => self.taken_line(&mut story, class, Reported::Refund),
            // Every third as a line alone, where the form has such lines.
            BreakKind::ChargebackUnknown if turn % 3 == 2 && self.world.format(CARDS).has_disputes() => {
                self.taken_line(&mut story, class, Reported::Chargeback)
            }
            BreakKind::TypeMismatch | BreakKind::SignMismatch => self.contrary_line(&mut story, class, turn),
            BreakKind::DuplicateInLedger => self.ordered_twice(&mut story, turn),
            BreakKind::NotPriced => self.unpriced_dispute(&mut story),
            BreakKind::DoubleRecovery => self.recovered_twice(&mut story),
            BreakKind::ChargebackUnknown => self.unknown_chargeback(&mut story),
            BreakKind::StatusMismatch => self.captured_late(&mut story),
            BreakKind::Velocity if story.owner.currency != WON || turn.is_multiple_of(3) => self.too_often(&mut story),
            BreakKind::Velocity => self.too_much(&mut story, turn % 3 == 1),
            BreakKind::MissingInFile
            | BreakKind::AmountMismatch
            | BreakKind::CurrencyMismatch
            | BreakKind::FeeMismatch
            | BreakKind::FxMismatch
            | BreakKind::DuplicateInFile => self.spoilt_sale(&mut story, class, turn),
            // These concern files, batches and the bank, not payments.
            BreakKind::DuplicateFile
            | BreakKind::TotalMismatch
            | BreakKind::ReserveMismatch
            | BreakKind::MissingFile
            | BreakKind::FundingMismatch
            | BreakKind::MissingReceipt
            | BreakKind::UnidentifiedReceipt => {
                self.ordinary(&mut story, 1);
                return (story, None);
            }
        };
        (story, Some(item))
    }

    /// A story of which one event is told twice: by the same line, or a chargeback under another reference.
    pub(super) fn replayed(&mut self, index: u64) -> Story {
        let mut story = self.begin(index);
        let payment = self.after_anchor(&mut story);
        let amount = self.price(&story, 500, 2000);
        self.authorize(&mut story, payment, amount);
        self.capture(&mut story, payment, amount, Route::PLAIN, false);
        if self.world.is_full() && self.dice.chance(1, 3) {
            self.dispute(&mut story, payment, EventKind::Chargeback, amount, 1);
            let place = story.events.len().saturating_sub(1);
            let again = Self::again(&mut story, place);
            again.reference.push_str("-again");
        } else {
            let place = self.dice.place(story.events.len());
            Self::again(&mut story, place);
        }
        story
    }

    /// A payment of the story that need not pay for what it takes out of the batch: the first, unless the currency has no large
    /// sale yet. Then that is the first.
    pub(super) fn after_anchor(&mut self, story: &mut Story) -> usize {
        if !self.anchor(story) {
            return 0;
        }
        let index = story.index;
        let second = self.world.name("pay", index) + "-2";
        self.add_payment(story, index, second)
    }

    /// The shopper gets money back from the merchant, and from the issuer too.
    fn recovered_twice(&mut self, story: &mut Story) -> BreakItem {
        let payment = self.after_anchor(story);
        let amount = self.price(story, 500, 2000);
        self.authorize(story, payment, amount);
        self.capture(story, payment, amount, Route::PLAIN, false);
        let refunded = amount.saturating_sub(amount.div_euclid(3));
        let place = self.refund(story, payment, refunded, false);
        story.events[place].0.if_covered = false;
        let taken = amount.saturating_sub(amount.div_euclid(2));
        self.dispute(story, payment, EventKind::Chargeback, taken, 1);
        Self::of_latest(story, BreakKind::DoubleRecovery)
    }

    /// A shopper who saw an error and ordered again: by the number of the order, or by the name of the first payment.
    fn ordered_twice(&mut self, story: &mut Story, turn: u64) -> BreakItem {
        let first = self.after_anchor(story);
        let index = story.index;
        let second = self.world.name("pay", index) + "-2x";
        let second = self.add_payment(story, index, second);
        let order = self.world.name("order", index) + "-2x";
        let is_numbered = turn.is_multiple_of(2);
        story.payments[first].merchant_reference = is_numbered.then(|| order.clone());
        let name = story.payments[first].name.clone();
        story.payments[second].merchant_reference = Some(if is_numbered { order } else { name });
        let mut item = BreakItem::new(BreakKind::DuplicateInLedger);
        for payment in [first, second] {
            let amount = self.price(story, 500, 2000);
            self.authorize(story, payment, amount);
            item = Self::of_latest(story, BreakKind::DuplicateInLedger);
            self.capture(story, payment, amount, Route::PLAIN, false);
        }
        item
    }

    /// Charged back once the merchant's contract is over.
    fn unpriced_dispute(&mut self, story: &mut Story) -> BreakItem {
        let payment = self.after_anchor(story);
        let amount = self.price(story, 500, 2000);
        self.authorize(story, payment, amount);
        self.capture(story, payment, amount, Route::PLAIN, false);
        story.day = Day::Settlement;
        story.second = 5 * 3600;
        self.dispute(story, payment, EventKind::Chargeback, amount, 1);
        if let Some((event, _)) = story.events.back_mut() {
            event.stage = Stage::Late;
            event.unpriced = true;
        }
        Self::of_latest(story, BreakKind::NotPriced)
    }

    /// A chargeback of a payment that nobody has heard of.
    fn unknown_chargeback(&mut self, story: &mut Story) -> BreakItem {
        let payment = self.after_anchor(story);
        let name = self.world.name("lost", story.index);
        story.payments[payment].name.clone_from(&name);
        story.payments[payment].merchant_reference = None;
        let amount = self.price(story, 500, 2000);
        self.dispute(story, payment, EventKind::Chargeback, amount, 1);
        if let Some((event, _)) = story.events.back_mut() {
            event.unknown = true;
        }
        Self::of_latest(story, BreakKind::ChargebackUnknown)
    }

    /// Captured after it had run out here: the acquirer took it all the same.
    fn captured_late(&mut self, story: &mut Story) -> BreakItem {
        let payment = self.after_anchor(story);
        story.day = Day::Overdue;
        let amount = self.price(story, 500, 2000);
        let mut details = self.instrument(story, payment);
        details.capture_before_days = Some(5);
        self.authorize_by(story, payment, amount, details);
        // What is open runs out, and is open no more when the capture comes.
        let open = std::mem::take(&mut story.payments[payment].open);
        story.day = Day::Settlement;
        story.second = 5 * 3600;
        let part = self.part(amount);
        let event = self.capture(story, payment, part, Route::PLAIN, false);
        event.stage = Stage::Late;
        event.hold = 0;
        story.payments[payment].open = open;
        Self::of_latest(story, BreakKind::StatusMismatch)
    }

    /// One payer, once more than a rule likes to see in an hour.
    fn too_often(&mut self, story: &mut Story) -> BreakItem {
        let index = story.index;
        let payer = self.world.name("hasty", index);
        let first = self.after_anchor(story);
        story.step = 60;
        let mut item = BreakItem::new(BreakKind::Velocity);
        for number in 0..=OFTEN {
            let payment = match number {
                0 => first,
                _ => self.add_payment(story, index, format!("{}-{number}x", self.world.name("pay", index))),
            };
            let amount = self.price(story, 500, 2000);
            let mut details = self.instrument(story, payment);
            details.payer = Some(payer.clone());
            self.authorize_by(story, payment, amount, details);
            item = Self::of_latest(story, BreakKind::Velocity);
            if number == OFTEN {
                Self::decide(story, "flag", Some("often"));
            }
            self.capture(story, payment, amount, Route::PLAIN, false);
        }
        item
    }

    /// Says what becomes of the latest event by a rule, or by a monthly limit.
    pub(super) fn decide(story: &mut Story, action: &'static str, rule: Option<&'static str>) {
        if let Some((event, _)) = story.events.back_mut() {
            event.decided = Some(Decided { action, rule });
        }
    }

    /// One payer, who spends more by phone than a rule lets pass (and what is captured of it is held), or than the carrier
    /// usually allows.
    fn too_much(&mut self, story: &mut Story, is_held: bool) -> BreakItem {
        let index = story.index;
        let payer = self.world.name("line", index);
        let (parts, category) = match is_held {
            true => ([VOUCHERS.div_euclid(2), VOUCHERS], "voucher"),
            false => ([MONTHLY_LIMIT.div_euclid(2), MONTHLY_LIMIT], "music"),
        };
        story.step = 60;
        self.bill_by_phone(story);
        let second = self.world.name("pay", index) + "-2x";
        let second = self.add_payment(story, index, second);
        let (acquirer, method) = (story.payments[0].acquirer, story.payments[0].method);
        (story.payments[second].acquirer, story.payments[second].method) = (acquirer, method);
        let mut item = BreakItem::new(BreakKind::Velocity);
        for (payment, amount) in [0, second].into_iter().zip(parts) {
            let mut details = self.instrument(story, payment);
            details.payer = Some(payer.clone());
            details.category = Some(category);
            self.authorize_by(story, payment, amount, details);
            item = Self::of_latest(story, BreakKind::Velocity);
            match (payment == second, is_held) {
                (false, _) => {}
                (true, true) => Self::decide(story, "hold", Some("vouchers")),
                (true, false) => Self::decide(story, "flag", None),
            }
            let event = self.capture(story, payment, amount, Route::PLAIN, false);
            event.held = is_held && payment == second;
        }
        item
    }

    /// An authorization without an answer, until the settlement file has its capture.
    pub(super) fn answered(&mut self, index: u64) -> Story {
        let mut story = self.begin(index);
        let payment = self.after_anchor(&mut story);
        let asked = self.price(&story, 500, 5000);
        let mut details = self.instrument(&story, payment);
        details.capture_before_days = None;
        self.push(&mut story, payment, EventKind::Unknown, asked).details = details.clone();
        let amount = if self.dice.chance(1, 2) {
            asked
        } else {
            self.part(asked)
        };
        self.authorize_by(&mut story, payment, amount, details).stage = Stage::File;
        self.capture(&mut story, payment, amount, Route::PLAIN, false).stage = Stage::File;
        // Once the day's events are told, nobody knows.
        story.payments[payment].outcome_unknown = true;
        story
    }

    /// A break that the latest event shows by itself.
    fn of_latest(story: &Story, class: BreakKind) -> BreakItem {
        let mut item = BreakItem::new(class);
        if let Some((event, _)) = story.events.back() {
            item.merchant = Some(story.merchant.clone());
            item.payment = Some(story.payments[event.payment].name.clone());
            item.reference = Some(event.reference.clone());
            item.acquirer_reference.clone_from(&event.acquirer_reference);
        }
        item
    }

    /// A plain sale with one thing wrong.
    fn spoilt_sale(&mut self, story: &mut Story, class: BreakKind, turn: u64) -> BreakItem {
        let currency = story.owner.currency;
        let amount = self.price(story, 2000, 20_000);
        if class == BreakKind::MissingInFile {
            story.day = Day::Overdue;
        }
        if class == BreakKind::FxMismatch {
            let payment = &mut story.payments[0];
            payment.settled_in = self.world.converts_to(currency).unwrap_or(currency);
            payment.conversion = if turn.is_multiple_of(2) {
                Conversion::Below
            } else {
                Conversion::Above
            };
        }
        self.authorize(story, 0, amount);
        let off = match (class == BreakKind::AmountMismatch, turn.is_multiple_of(2)) {
            (false, _) => 0,
            (true, true) => self.dice.between(5, 200),
            (true, false) => self.dice.between(5, 200).saturating_neg(),
        };
        self.capture(story, 0, amount, Route::Off(off), false);
        let mut item = Self::of_latest(story, class);
        item.currency = Some(CURRENCIES[currency].code);
        item.expected = Some(amount);
        let method = story.payments[0].method;
        let Some((_, reports)) = story.events.back_mut() else {
            return item;
        };
        let Some(Report::Match(_, line)) = reports.first_mut() else {
            return item;
        };
        item.actual = line.gross;
        match class {
            BreakKind::MissingInFile => {
                item.actual = None;
                reports.clear();
            }
            BreakKind::FeeMismatch => {
                item.expected = Some(line.costs.fees());
                let before = line.costs.total();
                let more = self.dice.between(3, 40);
                let is_one = line.costs.commission > 0 || METHODS[method].blended;
                let part = if is_one {
                    &mut line.costs.commission
                } else {
                    &mut line.costs.markup
                };
                *part = part.saturating_add(more);
                line.costs = self.world.format(CARDS).told(line.costs);
                line.net = line.net.saturating_add(before).saturating_sub(line.costs.total());
                item.actual = Some(line.costs.fees());
            }
            BreakKind::FxMismatch => {
                let pair = (currency, line.net_currency);
                item.currency = Some(CURRENCIES[line.net_currency].code);
                item.expected = self.world.converted(amount, pair, Conversion::Agreed).ok();
                item.actual = Some(line.net.saturating_add(line.costs.total()));
            }
            BreakKind::DuplicateInFile => {
                let copy = line.clone();
                reports.push(Report::Stray(copy));
            }
            BreakKind::CurrencyMismatch => {
                let other = elsewhere(currency);
                item.expected_currency = Some(CURRENCIES[currency].code);
                item.currency = Some(CURRENCIES[other].code);
                let mut line = line.clone();
                (line.currency, line.net_currency) = (other, other);
                let costs = Costs::of_capture(capture_cost(other, amount), &METHODS[method]);
                line.costs = self.world.format(CARDS).told(costs);
                line.net = amount.saturating_sub(line.costs.total());
                *reports = vec![Report::Stray(line)];
            }
            BreakKind::AmountMismatch
            | BreakKind::Late
            | BreakKind::MissingInLedger
            | BreakKind::UnsupportedRecord
            | BreakKind::CarrierShort
            | BreakKind::TypeMismatch
            | BreakKind::SignMismatch
            | BreakKind::RefundWithoutCapture
            | BreakKind::DoubleRecovery
            | BreakKind::ChargebackUnknown
            | BreakKind::StatusMismatch
            | BreakKind::Velocity
            | BreakKind::DuplicateInLedger
            | BreakKind::NotPriced
            | BreakKind::ReserveMismatch
            | BreakKind::DuplicateFile
            | BreakKind::TotalMismatch
            | BreakKind::MissingFile
            | BreakKind::FundingMismatch
            | BreakKind::MissingReceipt
            | BreakKind::UnidentifiedReceipt => {}
        }
        item
    }

    /// The line of a sale that the ledger has never heard of, at the first merchant and in its first currency.
    pub fn unknown(&mut self, index: u64) -> Line {
        let mut story = self.begin_at(index, 0, 0);
        self.unknown_line(&mut story).0
    }

    /// A sale that the ledger has never heard of.
    fn unknown_line(&mut self, story: &mut Story) -> (Line, BreakItem) {
        let amount = self.price(story, 2000, 20_000);
        let line = self.stray_line(story, amount);
        let item = self.of_stray(BreakKind::MissingInLedger, &line);
        (line, item)
    }

    /// A break of a line that is no payment's of ours.
    fn of_stray(&self, class: BreakKind, line: &Line) -> BreakItem {
        let format = self.world.format(CARDS);
        let told = |text: &String, is_told: bool| is_told.then(|| text.clone());
        let mut item = BreakItem::new(class);
        item.payment = told(&line.merchant_reference, format.has_merchant_references());
        item.acquirer_reference = told(&line.modification, format.has_references());
        item.currency = Some(CURRENCIES[line.currency].code);
        item.actual = line.gross;
        item
    }

    /// The line of a sale that is no payment of ours. It is in the file of the acquirer of cards, and in that file's terms, whoever
    /// took the story's own payment.
    fn stray_line(&mut self, story: &mut Story, amount: i64) -> Line {
        let at = self.later(story);
        let mut payment = story.payments[0].clone();
        if payment.acquirer != CARDS {
            (payment.acquirer, payment.method) = (CARDS, self.dice.place(CARD_METHODS));
        }
        let mut line = self.line_of(story, &payment, EventKind::Capture, amount, at);
        line.psp_reference = self.reference();
        line.modification = self.reference();
        line.merchant_reference = self.world.name("unknown", story.index);
        line
    }

    /// What the acquirer takes for a payment that nobody has told of: an unpaid phone bill, a refund, a chargeback.
    fn taken_line(&mut self, story: &mut Story, class: BreakKind, reported: Reported) -> BreakItem {
        if !self.anchor(story) {
            self.ordinary(story, 1);
        }
        // Nobody converts it.
        story.payments[0].settled_in = story.owner.currency;
        let amount = self.price(story, 50, 200).saturating_neg();
        let mut line = self.stray_line(story, amount);
        line.reported = reported;
        line.gross = Some(amount);
        line.costs = Costs::default();
        line.net = amount;
        let item = self.of_stray(class, &line);
        story.strays.push(line);
        item
    }

    /// The line of a sale or of its refund as the other one; or with its money the other way.
    fn contrary_line(&mut self, story: &mut Story, class: BreakKind, turn: u64) -> BreakItem {
        let payment = self.after_anchor(story);
        let amount = self.price(story, 100, 400);
        self.authorize(story, payment, amount);
        self.capture(story, payment, amount, Route::PLAIN, false);
        if turn.is_multiple_of(2) {
            let refunded = amount.div_euclid(2);
            let place = self.refund(story, payment, refunded, false);
            story.events[place].0.if_covered = false;
        }
        let mut item = Self::of_latest(story, class);
        if let Some((_, reports)) = story.events.back_mut()
            && let Some(Report::Match(_, line)) = reports.pop()
        {
            let expected = line.gross.unwrap_or(0);
            let actual = expected.saturating_neg();
            let reported = match (class, line.reported) {
                (BreakKind::TypeMismatch, Reported::Sale) => Reported::Refund,
                (BreakKind::TypeMismatch, _) => Reported::Sale,
                (_, reported) => reported,
            };
            item.currency = Some(CURRENCIES[line.currency].code);
            (item.expected, item.actual) = (Some(expected), Some(actual));
            reports.push(Report::Stray(Line {
                reported,
                gross: Some(actual),
                net: actual,
                costs: Costs::default(),
                ..line
            }));
        }
        item
    }

    /// Something that no book has a place for: a correction, a refund that came back, an invoice.
    fn unsupported_line(&mut self, story: &mut Story, turn: u64) -> BreakItem {
        let amount = self.price(story, 50, 200);
        let currency = story.owner.currency;
        story.payments[0].settled_in = currency;
        let taken = amount.saturating_neg();
        let line = match turn % 3 {
            0 => batch_row(
                Reported::Correction,
                self.world.name("Correction", story.index),
                currency,
                taken,
            ),
            2 => batch_row(
                Reported::Deduction,
                self.world.name("Invoice", story.index),
                currency,
                taken,
            ),
            _ => {
                let mut line = self.stray_line(story, amount);
                line.reported = Reported::Oddity;
                line.costs = Costs::default();
                line.net = amount;
                line
            }
        };
        let mut item = BreakItem::new(BreakKind::UnsupportedRecord);
        let has_references = self.world.format(CARDS).has_references();
        item.acquirer_reference = has_references.then(|| line.modification.clone());
        item.currency = Some(CURRENCIES[currency].code);
        item.actual = line.gross.or(Some(line.net));
        story.strays.push(line);
        item
    }
}

/// The currency in which a line is wrong: one with amounts of like size, so that it stays a plausible line.
fn elsewhere(currency: usize) -> usize {
    match currency {
        0 => 1,
        3 => 4,
        4 => 3,
        _ => 0,
    }
}
