//! The lives of payments: what happens to each, and what the settlement file will say about it.
//!
//! A payment is made up whole, then told event by event. Most of what is not planted is ordinary: it is in the file, with
//! the right amount, the right cost and one line. A planted payment is a plain sale with exactly one thing wrong.

use std::collections::{BTreeMap, VecDeque};

use chrono::Datelike;

use super::dice::Dice;
use super::settlement::{Costs, Line, METHODS, batch_row};
use super::truth::{BreakItem, Owner};
use super::world::{CURRENCIES, Day, Moment, World, capture_cost, merchant_fee, merchant_name};
use super::{BreakKind, Plan};

/// What happens to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// An issuer's promise.
    Authorization,
    /// A refused authorization.
    Decline,
    /// Money claimed.
    Capture,
    /// What is open of the promise, withdrawn.
    Void,
    /// Money back to the shopper.
    Refund,
    /// Money taken by the scheme.
    Chargeback,
    /// Money won back.
    ChargebackReversal,
}

impl EventKind {
    /// Its name in event files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Decline => "decline",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
            Self::ChargebackReversal => "chargeback_reversal",
        }
    }

    /// The end of its references.
    fn suffix(self) -> &'static str {
        match self {
            Self::Authorization => "a",
            Self::Decline => "d",
            Self::Capture => "c",
            Self::Void => "v",
            Self::Refund => "r",
            Self::Chargeback => "cb",
            Self::ChargebackReversal => "cr",
        }
    }
}

/// A line of the settlement file about an event.
pub enum Report {
    /// It proves the event; by this pass.
    Match(u8, Line),
    /// It proves nothing.
    Stray(Line),
}

/// An event, and what the file says about it.
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Unique for the merchant.
    pub reference: String,
    /// Unsigned minor units.
    pub amount: i64,
    /// When.
    pub at: Moment,
    /// The acquirer's id of it.
    pub acquirer_reference: Option<String>,
    /// The scheme's acquirer reference number.
    pub arn: Option<String>,
    /// The retrieval reference number.
    pub rrn: Option<String>,
    /// The issuer's authorization code.
    pub auth_code: Option<String>,
    /// Of a capture: the percentage and the fixed part of the merchant fee.
    pub merchant_fee: (i64, i64),
    /// What the settlement file says.
    pub reports: Vec<Report>,
}

/// A payment, as far as it is not told yet.
pub struct Story {
    /// Whose, and in which currency.
    pub owner: Owner,
    /// The merchant's name.
    pub merchant: String,
    /// Its id, unique for all merchants.
    pub payment: String,
    /// Our id as the acquirer echoes it, where it is not the payment's.
    pub merchant_reference: Option<String>,
    /// What is still to be told.
    pub events: VecDeque<Event>,
    /// Lines of the settlement file that belong to no payment and come along with this one.
    pub strays: Vec<Line>,
    psp_reference: String,
    method: usize,
    index: u64,
    day: Day,
    second: u32,
}

/// How the file leads to a capture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    /// By the acquirer's reference; an ARN is there too or not.
    Reference { arn: bool },
    /// Only by the ARN.
    Arn,
    /// Only by the merchant reference and the amount.
    Echo,
    /// By the acquirer's reference, with a gross amount off by so many minor units.
    Off(i64),
}

impl Route {
    fn pass(self) -> u8 {
        match self {
            Self::Reference { .. } | Self::Off(_) => 1,
            Self::Arn => 2,
            Self::Echo => 4,
        }
    }
}

/// Who makes payments up.
pub struct Author<'w> {
    world: &'w World,
    dice: Dice,
    merchants: u32,
    /// Currencies in which there is a large plain sale already: every batch has one, so that it nets to a payout.
    anchored: [bool; CURRENCIES.len()],
    /// How many breaks of each kind there are already: of those that have several shapes, each gets its turn.
    planted: BTreeMap<BreakKind, u64>,
}

impl<'w> Author<'w> {
    /// An author for a plan, with a stream of chance of its own.
    pub fn new(plan: &Plan, world: &'w World, stream: u64) -> Self {
        Self {
            world,
            dice: Dice::new(plan.seed, stream),
            merchants: plan.merchants,
            anchored: [false; CURRENCIES.len()],
            planted: BTreeMap::new(),
        }
    }

    /// Makes up payment number `index`, with what is planted on it.
    pub fn tell(&mut self, index: u64, planted: Option<BreakKind>) -> (Story, Option<BreakItem>) {
        let mut story = self.begin(index);
        let Some(class) = planted else {
            self.ordinary(&mut story);
            return (story, None);
        };
        let turn = self.turn(class);
        let item = match class {
            BreakKind::MissingInLedger => {
                self.ordinary(&mut story);
                let (line, item) = self.unknown_line(&mut story);
                story.strays.push(line);
                item
            }
            BreakKind::UnsupportedRecord => {
                self.ordinary(&mut story);
                self.unsupported_line(&mut story, turn)
            }
            BreakKind::MissingInFile
            | BreakKind::AmountMismatch
            | BreakKind::CurrencyMismatch
            | BreakKind::FeeMismatch
            | BreakKind::DuplicateInFile => self.spoilt_sale(&mut story, class, turn),
            // These concern files, not payments.
            BreakKind::DuplicateFile | BreakKind::TotalMismatch => {
                self.ordinary(&mut story);
                return (story, None);
            }
        };
        (story, Some(item))
    }

    /// How many breaks of a kind came before.
    fn turn(&mut self, class: BreakKind) -> u64 {
        let count = self.planted.entry(class).or_default();
        let turn = *count;
        *count = count.saturating_add(1);
        turn
    }

    fn begin(&mut self, index: u64) -> Story {
        // The smaller of two throws: merchants are not equally busy.
        let number = self.dice.below(self.merchants).min(self.dice.below(self.merchants));
        let merchant = usize::try_from(number).unwrap_or(0);
        let currencies = self.world.merchants[merchant].currencies;
        let slot = usize::from(currencies[0] != currencies[1] && self.dice.chance(1, 3));
        Story {
            owner: Owner {
                merchant,
                slot,
                currency: currencies[slot],
            },
            merchant: merchant_name(merchant),
            payment: format!("pay-{index:09}"),
            merchant_reference: self.dice.chance(1, 10).then(|| format!("order-{index:09}")),
            events: VecDeque::new(),
            strays: Vec::new(),
            psp_reference: self.dice.reference(),
            method: self.dice.place(METHODS.len()),
            index,
            day: Day::Simulated,
            second: self.dice.below(9 * 3600).saturating_add(5 * 3600),
        }
    }

    /// Minor units for a price in euro cents.
    fn price(&mut self, story: &Story, low: i64, high: i64) -> i64 {
        let cents = self.dice.between(low, high);
        let euro = CURRENCIES[story.owner.currency].euro;
        cents.saturating_mul(euro).div_euclid(100).max(1)
    }

    fn ordinary(&mut self, story: &mut Story) {
        let currency = story.owner.currency;
        if !std::mem::replace(&mut self.anchored[currency], true) {
            let amount = self.price(story, 8000, 20_000);
            self.push(story, EventKind::Authorization, amount);
            self.capture(story, amount, Route::Reference { arn: true });
            return;
        }
        let micro = match self.world.merchants[story.owner.merchant].micro {
            true => self.dice.chance(19, 20),
            false => self.dice.chance(1, 50),
        };
        let amount = if micro {
            self.price(story, 5, 100)
        } else {
            let high = self.dice.between(1000, 25_000);
            self.price(story, 500, high)
        };
        if self.dice.chance(8, 100) {
            self.push(story, EventKind::Decline, amount);
            if self.dice.chance(3, 5) {
                return;
            }
        }
        if self.dice.chance(1, 200) {
            // The card is verified, nothing is sold.
            self.push(story, EventKind::Authorization, 0);
            return;
        }
        self.push(story, EventKind::Authorization, amount);
        let captured = self.captures(story, amount, micro);
        if captured > 0 {
            self.aftermath(story, captured);
        }
    }

    /// Captures all, some or nothing of an authorization, voids what is left or leaves it open; gives what was captured.
    fn captures(&mut self, story: &mut Story, amount: i64, micro: bool) -> i64 {
        let part =
            |dice: &mut Dice, of: i64| dice.between(of.div_euclid(4).max(1), of.div_euclid(4).saturating_mul(3).max(1));
        let shape = if micro { 99 } else { self.dice.below(100) };
        match shape {
            0..=1 => 0,
            2..=5 => {
                self.push(story, EventKind::Void, amount);
                0
            }
            6..=15 => {
                let first = part(&mut self.dice, amount);
                let route = self.route();
                self.capture(story, first, route);
                self.push(story, EventKind::Void, amount.saturating_sub(first));
                first
            }
            16..=19 => {
                let first = part(&mut self.dice, amount);
                let second = if self.dice.chance(2, 3) {
                    amount.saturating_sub(first)
                } else {
                    part(&mut self.dice, amount.saturating_sub(first))
                };
                for capture in [first, second] {
                    self.capture(story, capture, Route::Reference { arn: false });
                }
                let captured = first.saturating_add(second);
                if captured < amount {
                    self.push(story, EventKind::Void, amount.saturating_sub(captured));
                }
                captured
            }
            _ => {
                let route = self.route();
                self.capture(story, amount, route);
                amount
            }
        }
    }

    fn route(&mut self) -> Route {
        match self.dice.below(1000) {
            0..=29 => Route::Arn,
            30..=49 => Route::Echo,
            50..=54 => Route::Off(if self.dice.chance(1, 2) { 1 } else { -1 }),
            55..=299 => Route::Reference { arn: true },
            _ => Route::Reference { arn: false },
        }
    }

    /// Refunds and chargebacks: a refund excludes a chargeback.
    fn aftermath(&mut self, story: &mut Story, captured: i64) {
        match self.dice.below(100) {
            0..=2 => self.settled(story, EventKind::Refund, captured),
            3..=5 => {
                let first = self.dice.between(1, captured);
                self.settled(story, EventKind::Refund, first);
                let rest = captured.saturating_sub(first);
                if rest > 0 && self.dice.chance(1, 3) {
                    let second = self.dice.between(1, rest);
                    self.settled(story, EventKind::Refund, second);
                }
            }
            6 => {
                self.settled(story, EventKind::Chargeback, captured);
                if self.dice.chance(1, 3) {
                    self.settled(story, EventKind::ChargebackReversal, captured);
                }
            }
            _ => {}
        }
    }

    /// A plain sale with one thing wrong.
    fn spoilt_sale(&mut self, story: &mut Story, class: BreakKind, turn: u64) -> BreakItem {
        let currency = story.owner.currency;
        let amount = self.price(story, 2000, 20_000);
        if class == BreakKind::MissingInFile {
            story.day = Day::Overdue;
        }
        self.push(story, EventKind::Authorization, amount);
        let off = match (class == BreakKind::AmountMismatch, turn.is_multiple_of(2)) {
            (false, _) => 0,
            (true, true) => self.dice.between(5, 200),
            (true, false) => self.dice.between(5, 200).saturating_neg(),
        };
        self.capture(story, amount, Route::Off(off));
        let mut item = BreakItem::new(class);
        item.merchant = Some(story.merchant.clone());
        item.payment = Some(story.payment.clone());
        item.currency = Some(CURRENCIES[currency].code);
        item.expected = Some(amount);
        let Some(sale) = story.events.back_mut() else {
            return item;
        };
        item.reference = Some(sale.reference.clone());
        item.acquirer_reference = sale.acquirer_reference.clone();
        let Some(Report::Match(_, line)) = sale.reports.first_mut() else {
            return item;
        };
        item.actual = line.gross;
        match class {
            BreakKind::MissingInFile => {
                item.actual = None;
                sale.reports.clear();
            }
            BreakKind::FeeMismatch => {
                item.expected = Some(line.costs.total());
                let more = self.dice.between(3, 40);
                let part = if METHODS[story.method].blended {
                    &mut line.costs.commission
                } else {
                    &mut line.costs.markup
                };
                *part = part.saturating_add(more);
                line.net = line.net.saturating_sub(more);
                item.actual = Some(line.costs.total());
            }
            BreakKind::DuplicateInFile => {
                let copy = line.clone();
                sale.reports.push(Report::Stray(copy));
            }
            BreakKind::CurrencyMismatch => {
                let other = elsewhere(currency);
                item.expected_currency = Some(CURRENCIES[currency].code);
                item.currency = Some(CURRENCIES[other].code);
                let mut line = line.clone();
                line.currency = other;
                line.costs = Costs::of_capture(capture_cost(other, amount), &METHODS[story.method]);
                line.net = amount.saturating_sub(line.costs.total());
                sale.reports = vec![Report::Stray(line)];
            }
            BreakKind::AmountMismatch
            | BreakKind::MissingInLedger
            | BreakKind::UnsupportedRecord
            | BreakKind::DuplicateFile
            | BreakKind::TotalMismatch => {}
        }
        item
    }

    /// The line of a sale that the ledger has never heard of, at the first merchant and in its first currency.
    pub fn unknown(&mut self, index: u64) -> Line {
        let mut story = self.begin(index);
        let (merchant, slot) = (0, 0);
        let currency = self.world.merchants[merchant].currencies[slot];
        story.owner = Owner {
            merchant,
            slot,
            currency,
        };
        self.unknown_line(&mut story).0
    }

    /// A sale that the ledger has never heard of.
    fn unknown_line(&mut self, story: &mut Story) -> (Line, BreakItem) {
        let amount = self.price(story, 2000, 20_000);
        let at = self.later(story);
        let mut line = self.line(story, EventKind::Capture, amount, at);
        line.psp_reference = self.dice.reference();
        line.modification = self.dice.reference();
        line.merchant_reference = format!("unknown-{:09}", story.index);
        let mut item = BreakItem::new(BreakKind::MissingInLedger);
        item.payment = Some(line.merchant_reference.clone());
        item.acquirer_reference = Some(line.modification.clone());
        item.currency = Some(CURRENCIES[line.currency].code);
        item.actual = line.gross;
        (line, item)
    }

    /// Something that no book has a place for: a correction, a refund that came back, an invoice.
    fn unsupported_line(&mut self, story: &mut Story, turn: u64) -> BreakItem {
        let amount = self.price(story, 50, 200);
        let currency = story.owner.currency;
        let taken = amount.saturating_neg();
        let line = match turn % 3 {
            0 => batch_row(
                "DepositCorrection",
                format!("Correction {}", story.index),
                currency,
                taken,
            ),
            2 => batch_row("InvoiceDeduction", format!("Invoice {}", story.index), currency, taken),
            _ => {
                let at = self.later(story);
                let mut line = self.line(story, EventKind::Capture, amount, at);
                line.type_text = "RefundedReversed";
                line.psp_reference = self.dice.reference();
                line.modification = self.dice.reference();
                line.merchant_reference = format!("unknown-{:09}", story.index);
                line.costs = Costs::default();
                line.net = amount;
                line
            }
        };
        let mut item = BreakItem::new(BreakKind::UnsupportedRecord);
        item.acquirer_reference = Some(line.modification.clone());
        item.currency = Some(CURRENCIES[currency].code);
        item.actual = line.gross.or(Some(line.net));
        story.strays.push(line);
        item
    }

    fn later(&mut self, story: &mut Story) -> Moment {
        story.second = story.second.saturating_add(1).saturating_add(self.dice.below(3600));
        Moment {
            day: story.day,
            second: story.second,
        }
    }

    /// Adds an event that the settlement file says nothing about.
    fn push(&mut self, story: &mut Story, kind: EventKind, amount: i64) {
        let at = self.later(story);
        let number = story
            .events
            .iter()
            .filter(|event| event.kind == kind)
            .count()
            .saturating_add(1);
        let authorized = kind == EventKind::Authorization;
        story.events.push_back(Event {
            kind,
            reference: format!("{}-{}{number}", story.payment, kind.suffix()),
            amount,
            at,
            acquirer_reference: authorized.then(|| story.psp_reference.clone()),
            arn: None,
            rrn: authorized.then(|| format!("{}{}", self.six_digits(), self.six_digits())),
            auth_code: authorized.then(|| self.six_digits()),
            merchant_fee: (0, 0),
            reports: Vec::new(),
        });
    }

    fn six_digits(&mut self) -> String {
        format!("{:06}", self.dice.below(1_000_000))
    }

    fn capture(&mut self, story: &mut Story, amount: i64, route: Route) {
        let off = match route {
            Route::Off(off) => off,
            Route::Reference { .. } | Route::Arn | Route::Echo => 0,
        };
        let merchant = &self.world.merchants[story.owner.merchant];
        let fee = merchant_fee(merchant, story.owner.currency, amount);
        // A line of nothing is none.
        let reported = amount.saturating_add(off).max(1);
        self.push(story, EventKind::Capture, amount);
        let at = story.events.back().map_or(
            Moment {
                day: story.day,
                second: story.second,
            },
            |event| event.at,
        );
        let mut line = self.line(story, EventKind::Capture, reported, at);
        let arn = match route {
            Route::Reference { arn: true } | Route::Arn => Some(self.arn(story.index)),
            Route::Reference { arn: false } | Route::Echo | Route::Off(_) => None,
        };
        line.arn = arn.clone().unwrap_or_default();
        if let Some(event) = story.events.back_mut() {
            let by_reference = route.pass() == 1;
            event.acquirer_reference = by_reference.then(|| line.modification.clone());
            event.arn = arn;
            event.merchant_fee = fee;
            event.reports.push(Report::Match(route.pass(), line));
        }
    }

    /// Adds a refund, a chargeback or its reversal, and the line that proves it.
    fn settled(&mut self, story: &mut Story, kind: EventKind, amount: i64) {
        self.push(story, kind, amount);
        let at = Moment {
            day: story.day,
            second: story.second,
        };
        let line = self.line(story, kind, amount, at);
        if let Some(event) = story.events.back_mut() {
            event.acquirer_reference = Some(line.modification.clone());
            event.reports.push(Report::Match(1, line));
        }
    }

    /// The right line for so much of a kind.
    fn line(&mut self, story: &Story, kind: EventKind, amount: i64, at: Moment) -> Line {
        let (owner, method) = (story.owner, &METHODS[story.method]);
        let terms = &CURRENCIES[owner.currency];
        let none = Costs::default();
        let (type_text, costs, to_us) = match kind {
            EventKind::Refund => {
                let scheme_fee = if method.blended { 0 } else { terms.refund_cost };
                ("Refunded", Costs { scheme_fee, ..none }, false)
            }
            EventKind::Chargeback => {
                let markup = terms.dispute_cost;
                ("Chargeback", Costs { markup, ..none }, false)
            }
            EventKind::ChargebackReversal => ("ChargebackReversed", none, true),
            EventKind::Capture | EventKind::Authorization | EventKind::Decline | EventKind::Void => {
                let cost = capture_cost(owner.currency, amount);
                ("Settled", Costs::of_capture(cost, method), true)
            }
        };
        let gross = if to_us { amount } else { amount.saturating_neg() };
        let overnight = story.day == Day::Simulated && self.dice.chance(2, 5);
        let created = if overnight {
            let (day, second) = (Day::Settlement, self.dice.below(2 * 3600));
            Moment { day, second }
        } else {
            at
        };
        Line {
            type_text,
            psp_reference: story.psp_reference.clone(),
            merchant_reference: story
                .merchant_reference
                .clone()
                .unwrap_or_else(|| story.payment.clone()),
            modification: self.dice.reference(),
            method: Some(story.method),
            created,
            currency: owner.currency,
            gross: Some(gross),
            net: gross.saturating_sub(costs.total()),
            costs,
            arn: String::new(),
        }
    }

    /// A number of 23 digits: format, acquirer, day, sequence. Longer than any card number.
    fn arn(&self, index: u64) -> String {
        let day = self.world.day(Day::Simulated).date;
        let (year, day) = (day.year().rem_euclid(10), day.ordinal());
        format!("74111111{year}{day:03}{index:011}")
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
