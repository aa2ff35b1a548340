//! Who makes stories up, and the steps that every story is made of.

use std::collections::{BTreeMap, VecDeque};

use super::{After, Details, Event, EventKind, Fate, Payment, Refused, Report, Stage, Story};
use crate::simulate::dice::Dice;
use crate::simulate::fees::Instrument;
use crate::simulate::settlement::{CARD_METHODS, Costs, Line, METHODS, Reported};
use crate::simulate::truth::{Booked, BreakItem, Owner};
use crate::simulate::world::{
    CARDS, CARRIER_GROSS, CURRENCIES, Conversion, Day, Moment, OVER_CAPTURE_PERCENT, SHORT_SCHEME, SHORT_VALIDITY_DAYS,
    Standing, WON, World, capture_cost, merchant_name,
};
use crate::simulate::{BreakKind, Plan};

/// For how many seconds of the day payments begin.
const BUSY: u64 = 9 * 3600 - 600;

/// The last second of a day.
const LAST_SECOND: u32 = 86_399;
/// From how many events on a story goes faster.
const LONG_STORY: usize = 6;
/// Where cards come from.
const CARD_COUNTRIES: [&str; 8] = ["DE", "FR", "GB", "US", "KR", "JP", "KW", "BR"];
/// What is bought with a phone bill.
const CATEGORIES: [&str; 3] = ["game", "music", "voucher"];

/// From which number on lines have ARNs that have nothing else: beyond any payment's.
const ARNS_ALONE: u64 = 50_000_000_000;

/// What is planted on a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// Sources that do not agree.
    Break(BreakKind),
    /// An event that breaks a rule.
    Refused(Refused),
    /// An event that is told twice.
    Replayed,
    /// An outcome that only the settlement file tells.
    Answered,
    /// Something happens once the day is settled and paid out.
    After(After),
}

/// How the file leads to a capture.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
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
    /// By the acquirer's reference alone.
    pub(super) const PLAIN: Self = Self::Reference { arn: false };

    fn pass(self) -> u8 {
        match self {
            Self::Reference { .. } | Self::Off(_) => 1,
            Self::Arn => 2,
            Self::Echo => 4,
        }
    }
}

/// Who makes stories up.
pub struct Author<'w> {
    pub(super) world: &'w World,
    pub(super) dice: Dice,
    /// Currencies in which there is a large plain sale already: every batch has one, so that it nets to a payout.
    anchored: [bool; CURRENCIES.len()],
    /// How many breaks of each kind there are already: of those that have several shapes, each gets its turn.
    planted: BTreeMap<BreakKind, u64>,
    /// Of the plan.
    payments: u64,
    /// How many lines have an ARN because nothing else leads from them.
    arns: u64,
}

impl<'w> Author<'w> {
    /// An author for a plan, with a stream of chance of its own.
    pub fn new(plan: &Plan, world: &'w World, stream: u64) -> Self {
        Self {
            world,
            dice: Dice::new(plan.seed, stream),
            anchored: [false; CURRENCIES.len()],
            planted: BTreeMap::new(),
            payments: plan.payments,
            arns: 0,
        }
    }

    /// The second of the day at which a story begins: payments come one after the other from five in the morning for nine hours
    /// in all, each up to ten minutes late.
    fn beginning(&mut self, index: u64) -> u32 {
        let passed = index.saturating_mul(BUSY).checked_div(self.payments).unwrap_or(0);
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        let late = self.dice.below(600);
        passed.saturating_add(late).saturating_add(5 * 3600)
    }

    /// Makes up the story of payment number `index`, with what is planted on it. `room` is how many payments it may be, from 1.
    pub fn tell(&mut self, index: u64, planted: Option<Planted>, room: u64) -> (Story, Option<BreakItem>) {
        match planted {
            None => {
                let mut story = self.begin(index);
                self.ordinary(&mut story, room);
                (story, None)
            }
            Some(Planted::Break(class)) => self.broken(index, class),
            Some(Planted::Refused(refused)) => (self.refused(index, refused), None),
            Some(Planted::Replayed) => (self.replayed(index), None),
            Some(Planted::Answered) => (self.answered(index), None),
            Some(Planted::After(after)) => (self.afterwards(index, after), None),
        }
    }

    /// How many breaks of a kind came before.
    pub(super) fn turn(&mut self, class: BreakKind) -> u64 {
        let count = self.planted.entry(class).or_default();
        let turn = *count;
        *count = count.saturating_add(1);
        turn
    }

    /// A story of one payment of which nothing has happened, at any merchant.
    pub(super) fn begin(&mut self, index: u64) -> Story {
        self.begin_where(index, |_, _| true)
    }

    /// The same at a merchant whose refunds are always covered.
    pub(super) fn begin_covered(&mut self, index: u64) -> Story {
        self.begin_where(index, |world, number| world.merchants[number].may_owe)
    }

    /// The same at a merchant of whose sales the acquirer converts some, and in their currency.
    pub(super) fn begin_convertible(&mut self, index: u64) -> Story {
        let merchant = self.merchant_where(|world, number| world.convertible(number).is_some());
        self.begin_at(index, merchant, self.world.convertible(merchant).unwrap_or(0))
    }

    /// At the first merchant that fits, counted from any; the first of all where none does.
    fn begin_where(&mut self, index: u64, fits: impl Fn(&World, usize) -> bool) -> Story {
        let merchant = self.merchant_where(fits);
        let currencies = self.world.merchants[merchant].currencies;
        let slot = usize::from(currencies[0] != currencies[1] && self.dice.chance(1, 3));
        self.begin_at(index, merchant, slot)
    }

    fn merchant_where(&mut self, fits: impl Fn(&World, usize) -> bool) -> usize {
        // The smaller of two throws: merchants are not equally busy.
        let busy = self.world.busy;
        let number = self.dice.below(busy).min(self.dice.below(busy));
        let merchants = (number..busy).chain(0..number);
        merchants
            .filter_map(|number| usize::try_from(number).ok())
            .find(|number| fits(self.world, *number))
            .unwrap_or(0)
    }

    /// The same at a merchant of whose sales a share is withheld; none where there is no such merchant.
    pub(super) fn begin_reserved(&mut self, index: u64) -> Option<Story> {
        let fits = |world: &World, number: usize| {
            let merchant = &world.merchants[number];
            merchant.standing == Standing::Paid && merchant.withholds_a_share()
        };
        let has_one = (0..self.world.merchants.len()).any(|number| fits(self.world, number));
        has_one.then(|| self.begin_where(index, fits))
    }

    /// The same at a merchant that sells in won, and in won; none where there is no such merchant.
    pub(super) fn begin_in_won(&mut self, index: u64) -> Option<Story> {
        let place = self.dice.place(self.world.in_won.len());
        let merchant = *self.world.in_won.get(place)?;
        let first = self.world.merchants[merchant].currencies[0];
        Some(self.begin_at(index, merchant, usize::from(first != WON)))
    }

    /// The same at a merchant, and in one of its two currencies.
    pub(super) fn begin_at(&mut self, index: u64, merchant: usize, slot: usize) -> Story {
        let mut story = Story {
            owner: Owner {
                merchant,
                slot,
                currency: self.world.merchants[merchant].currencies[slot],
            },
            merchant: merchant_name(merchant),
            payments: Vec::with_capacity(1),
            events: VecDeque::new(),
            strays: Vec::new(),
            at_once: false,
            booked: Booked::default(),
            length: 1,
            index,
            day: Day::Simulated,
            second: self.beginning(index),
            step: 3600,
        };
        let name = self.world.name("pay", index);
        self.add_payment(&mut story, index, name);
        story
    }

    /// One more payment of a story; its place.
    pub(super) fn add_payment(&mut self, story: &mut Story, index: u64, name: String) -> usize {
        // No two payments are of one order.
        let order = format!("order-{}", name.trim_start_matches("pay-"));
        story.payments.push(Payment {
            name,
            merchant_reference: self.dice.chance(1, 10).then_some(order),
            acquirer: CARDS,
            open: 0,
            expires: false,
            outcome_unknown: false,
            settled_in: story.owner.currency,
            conversion: Conversion::Agreed,
            instrument: Instrument::default(),
            authorized: 0,
            captured: 0,
            over_captured: 0,
            refunded: 0,
            captures: 0,
            index,
            psp_reference: self.reference(),
            method: self.dice.place(CARD_METHODS),
            counts: [0; EventKind::ALL.len()],
        });
        story.payments.len().saturating_sub(1)
    }

    /// Makes the story's first payment a large plain sale, where its currency has none yet.
    pub(super) fn anchor(&mut self, story: &mut Story) -> bool {
        let currency = story.owner.currency;
        if std::mem::replace(&mut self.anchored[currency], true) {
            return false;
        }
        let amount = self.price(story, 8000, 20_000);
        self.authorize(story, 0, amount);
        self.capture(story, 0, amount, Route::Reference { arn: true }, false);
        true
    }

    /// Has the acquirer settle the story's payment in another currency, where it converts to one that has a batch for sure.
    pub(super) fn convert(&mut self, story: &mut Story) {
        let to = self.world.converts_to(story.owner.currency);
        if let Some(to) = to.filter(|to| self.anchored[*to]) {
            story.payments[0].settled_in = to;
        }
    }

    /// Minor units for a price in euro cents.
    pub(super) fn price(&mut self, story: &Story, low: i64, high: i64) -> i64 {
        let cents = self.dice.between(low, high);
        let euro = CURRENCIES[story.owner.currency].euro;
        cents.saturating_mul(euro).div_euclid(100).max(1)
    }

    /// A part of an amount: a quarter to three quarters, but not nothing.
    pub(super) fn part(&mut self, of: i64) -> i64 {
        let quarter = of.div_euclid(4);
        self.dice.between(quarter.max(1), quarter.saturating_mul(3).max(1))
    }

    pub(super) fn route(&mut self) -> Route {
        let format = self.world.format(CARDS);
        match self.dice.below(1000) {
            // What the file does not tell it cannot lead by.
            0..=29 if !format.has_arn() => Route::PLAIN,
            30..=49 if !format.has_merchant_references() => Route::PLAIN,
            0..=29 => Route::Arn,
            30..=49 => Route::Echo,
            50..=54 => Route::Off(if self.dice.chance(1, 2) { 1 } else { -1 }),
            55..=299 => Route::Reference { arn: true },
            _ => Route::PLAIN,
        }
    }

    pub(super) fn later(&mut self, story: &mut Story) -> Moment {
        let step = if story.events.len() < LONG_STORY {
            story.step
        } else {
            180
        };
        let second = story.second.saturating_add(1).saturating_add(self.dice.below(step));
        story.second = second.min(LAST_SECOND);
        Moment {
            day: story.day,
            second: story.second,
        }
    }

    /// Adds an event that the settlement file says nothing about.
    pub(super) fn push<'s>(
        &mut self,
        story: &'s mut Story,
        payment: usize,
        kind: EventKind,
        amount: i64,
    ) -> &'s mut Event {
        let at = self.later(story);
        let place = story.events.len();
        let of = &mut story.payments[payment];
        let count = &mut of.counts[EventKind::ALL.iter().position(|known| *known == kind).unwrap_or(0)];
        *count = count.saturating_add(1);
        let event = Event {
            kind,
            payment,
            reference: format!("{}-{}{count}", of.name, kind.suffix()),
            amount,
            currency: story.owner.currency,
            acquirer: of.acquirer,
            at,
            acquirer_reference: None,
            arn: None,
            rrn: None,
            auth_code: None,
            nobody: None,
            details: Details::default(),
            fate: Fate::Booked,
            hold: 0,
            place,
            undoes: None,
            decided: None,
            stage: Stage::Day,
            unknown: false,
            unpriced: false,
            held: false,
            undone: false,
            if_covered: false,
        };
        story.events.push_back((event, Vec::new()));
        &mut story.events[place].0
    }

    /// Says what the settlement file says of the latest event.
    fn report(story: &mut Story, report: Report) {
        if let Some((_, reports)) = story.events.back_mut() {
            reports.push(report);
        }
    }

    /// Takes back what the file says of an event, which a later one undoes.
    fn undo(story: &mut Story, place: usize) -> Event {
        let (event, reports) = &mut story.events[place];
        reports.clear();
        event.undone = true;
        event.clone()
    }

    /// An acquirer's reference of something, of this day alone.
    pub(super) fn reference(&mut self) -> String {
        self.dice.reference(self.world.mark)
    }

    /// A retrieval reference number: a digit of the year, the day of it, and what chance says of hour and trace.
    fn rrn(&mut self) -> String {
        let (year, day) = self.world.year_and_day();
        let (hour, trace) = (self.dice.below(24), self.six_digits());
        format!("{year}{day:03}{hour:02}{trace}")
    }

    fn six_digits(&mut self) -> String {
        format!("{:06}", self.dice.below(1_000_000))
    }

    /// What an authorization says of how it is paid; little, in a day of plain cards.
    pub(super) fn instrument(&mut self, story: &Story, payment: usize) -> Details {
        if !self.world.is_full() {
            return Details::default();
        }
        let of = &story.payments[payment];
        let method = &METHODS[of.method];
        if of.acquirer != CARDS {
            return Details {
                method: Some(method.kind),
                payer: Some(self.world.name("line", of.index)),
                category: Some(CATEGORIES[self.dice.place(CATEGORIES.len())]),
                ..Details::default()
            };
        }
        let is_card = method.scheme.is_some();
        let payer = Some(self.world.name("shopper", of.index));
        let is_pre = self.dice.chance(1, 12);
        Details {
            method: Some(method.kind),
            payer,
            scheme: method.scheme,
            card_country: is_card.then(|| CARD_COUNTRIES[self.dice.place(CARD_COUNTRIES.len())]),
            auth_type: is_card.then_some(if is_pre { "pre" } else { "final" }),
            initiator: is_card.then(|| if self.dice.chance(1, 6) { "merchant" } else { "customer" }),
            capture_before_days: self.dice.chance(1, 4).then_some(if is_pre { 28 } else { 7 }),
            ..Details::default()
        }
    }

    /// An issuer's promise.
    pub(super) fn authorize<'s>(&mut self, story: &'s mut Story, payment: usize, amount: i64) -> &'s mut Event {
        let details = self.instrument(story, payment);
        self.authorize_by(story, payment, amount, details)
    }

    pub(super) fn authorize_by<'s>(
        &mut self,
        story: &'s mut Story,
        payment: usize,
        amount: i64,
        details: Details,
    ) -> &'s mut Event {
        let (rrn, auth_code) = (self.rrn(), self.six_digits());
        let day = story.day;
        let of = &mut story.payments[payment];
        of.authorized = amount;
        of.open = amount;
        of.outcome_unknown = false;
        of.instrument = Instrument {
            method: details.method,
            country: details.card_country,
        };
        of.expires = self.world.is_full() && {
            let short = details.scheme == Some(SHORT_SCHEME) && details.initiator == Some("merchant");
            let days = match details.capture_before_days {
                Some(days) => days,
                None if short => SHORT_VALIDITY_DAYS,
                None if details.auth_type == Some("pre") => 30,
                None => 7,
            };
            self.world.is_over(day, days)
        };
        let psp_reference = of.psp_reference.clone();
        let event = self.push(story, payment, EventKind::Authorization, amount);
        event.acquirer_reference = Some(psp_reference);
        event.rrn = Some(rrn);
        event.auth_code = Some(auth_code);
        event.details = details;
        event.hold = amount;
        event
    }

    /// More of the promise, or less of it, or nothing of it any more.
    pub(super) fn change(&mut self, story: &mut Story, payment: usize, kind: EventKind, amount: i64) {
        let of = &mut story.payments[payment];
        let hold = if kind == EventKind::Increment {
            amount
        } else {
            amount.saturating_neg()
        };
        of.open = of.open.saturating_add(hold);
        if kind != EventKind::Void {
            of.authorized = of.authorized.saturating_add(hold);
        }
        self.push(story, payment, kind, amount).hold = hold;
    }

    /// Withdraws what is open, if anything is.
    pub(super) fn void(&mut self, story: &mut Story, payment: usize) {
        let open = story.payments[payment].open;
        if open > 0 {
            self.change(story, payment, EventKind::Void, open);
        }
    }

    /// The most that can still be captured.
    pub(super) fn capturable(&self, story: &Story, payment: usize) -> i64 {
        let of = &story.payments[payment];
        if !self.world.is_full() || of.acquirer != CARDS {
            return of.open;
        }
        let allowance = of.authorized.saturating_mul(OVER_CAPTURE_PERCENT).div_euclid(100);
        of.open
            .saturating_add(allowance.saturating_sub(of.over_captured).max(0))
    }

    /// Claims money; the file reports it, unless the acquirer's file is for another day or the capture is part of an aggregate.
    pub(super) fn capture<'s>(
        &mut self,
        story: &'s mut Story,
        payment: usize,
        amount: i64,
        route: Route,
        is_final: bool,
    ) -> &'s mut Event {
        let off = match route {
            Route::Off(off) => off,
            Route::Reference { .. } | Route::Arn | Route::Echo => 0,
        };
        let of = &mut story.payments[payment];
        let used = amount.min(of.open);
        let released = if is_final { of.open } else { used };
        of.open = of.open.saturating_sub(released);
        of.over_captured = of.over_captured.saturating_add(amount.saturating_sub(used));
        of.captured = of.captured.saturating_add(amount);
        of.captures = of.captures.saturating_add(1);
        // Carriers settle what was sold months ago.
        let (index, reported) = (of.index, of.acquirer == CARDS || story.day != Day::Simulated);
        let event = self.push(story, payment, EventKind::Capture, amount);
        event.hold = released.saturating_neg();
        event.details.is_final = is_final;
        let at = event.at;
        // A line of nothing is none.
        let mut line = self.line(
            story,
            payment,
            EventKind::Capture,
            amount.saturating_add(off).max(1),
            at,
        );
        let arn = match route {
            Route::Reference { arn: true } | Route::Arn => Some(self.arn(index)),
            Route::Reference { arn: false } | Route::Echo | Route::Off(_) => None,
        };
        // Where the line has one already, it leads by nothing else.
        let by_arn_alone = !line.arn.is_empty();
        let arn = if by_arn_alone { Some(line.arn.clone()) } else { arn };
        line.arn = arn.clone().unwrap_or_default();
        let by_reference = route.pass() == 1;
        let reference = by_reference.then(|| line.modification.clone());
        if reported {
            let pass = if by_arn_alone { 2 } else { route.pass() };
            Self::report(story, Report::Match(pass, line));
        }
        let place = story.events.len().saturating_sub(1);
        let event = &mut story.events[place].0;
        event.acquirer_reference = reference;
        event.arn = arn;
        event
    }

    /// Withdraws a capture before the acquirer presents it.
    pub(super) fn withdraw(&mut self, story: &mut Story, place: usize) {
        let capture = Self::undo(story, place);
        let of = &mut story.payments[capture.payment];
        let reopened = capture.hold.saturating_neg();
        of.captured = of.captured.saturating_sub(capture.amount);
        of.over_captured = of
            .over_captured
            .saturating_sub(capture.amount.saturating_sub(reopened).max(0));
        of.open = of.open.saturating_add(reopened);
        let event = self.push(story, capture.payment, EventKind::CaptureVoid, capture.amount);
        event.hold = reopened;
        event.undoes = Some(place);
        event.details.original = Some(capture.reference);
    }

    /// Money back to the shopper, by the rail or by bank transfer; its place.
    pub(super) fn refund(&mut self, story: &mut Story, payment: usize, amount: i64, by_transfer: bool) -> usize {
        if by_transfer {
            self.push(story, payment, EventKind::Refund, amount).details.by = Some("transfer");
        } else {
            self.settled(story, payment, EventKind::Refund, amount);
        }
        let of = &mut story.payments[payment];
        of.refunded = of.refunded.saturating_add(amount);
        let place = story.events.len().saturating_sub(1);
        story.events[place].0.if_covered = true;
        place
    }

    /// A refund that did not arrive.
    pub(super) fn refund_fails(&mut self, story: &mut Story, place: usize) {
        let refund = Self::undo(story, place);
        let of = &mut story.payments[refund.payment];
        of.refunded = of.refunded.saturating_sub(refund.amount);
        let event = self.push(story, refund.payment, EventKind::RefundFailure, refund.amount);
        event.undoes = Some(place);
        event.details.original = Some(refund.reference);
    }

    /// A refund by transfer that has left our account.
    pub(super) fn refund_is_paid(&mut self, story: &mut Story, place: usize) {
        let refund = story.events[place].0.clone();
        let event = self.push(story, refund.payment, EventKind::RefundPaid, refund.amount);
        event.details.original = Some(refund.reference);
    }

    /// What is asked before a dispute, or instead of one.
    pub(super) fn ask_about(&mut self, story: &mut Story, payment: usize, amount: i64) {
        let case = self.world.name("case", story.payments[payment].index);
        let event = self.push(story, payment, EventKind::InformationRequest, amount);
        event.details.case = Some(case);
        event.details.cycle = Some(1);
    }

    /// A round of a dispute.
    pub(super) fn dispute(&mut self, story: &mut Story, payment: usize, kind: EventKind, amount: i64, cycle: u32) {
        self.settled(story, payment, kind, amount);
        let stated = self.world.is_full();
        let of = &story.payments[payment];
        // What it costs is told in the currency of the payment alone.
        let is_converted = of.settled_in != story.owner.currency;
        let costs = stated && !is_converted && kind != EventKind::ChargebackReversal && self.dice.chance(1, 2);
        let cost = CURRENCIES[story.owner.currency].dispute_cost;
        let case = self.world.name("case", story.payments[payment].index);
        if let Some((event, _)) = story.events.back_mut() {
            event.details.case = stated.then_some(case);
            event.details.cycle = stated.then_some(cycle);
            event.details.cost = costs.then_some(cost);
        }
    }

    /// Adds a refund, a chargeback or its reversal, and the line that proves it.
    pub(super) fn settled(&mut self, story: &mut Story, payment: usize, kind: EventKind, amount: i64) {
        let acquirer = story.payments[payment].acquirer;
        let is_told = kind == EventKind::Refund || self.world.format(acquirer).has_disputes();
        let at = self.push(story, payment, kind, amount).at;
        let line = self.line(story, payment, kind, amount, at);
        Self::proven(story, line, acquirer == CARDS && is_told);
    }

    /// The latest event is that of a line, which the file has or not.
    pub(super) fn proven(story: &mut Story, line: Line, reported: bool) {
        if let Some((event, reports)) = story.events.back_mut() {
            event.acquirer_reference = Some(line.modification.clone());
            event.arn = Some(line.arn.clone()).filter(|arn| !arn.is_empty());
            if reported {
                let pass = if line.arn.is_empty() { 1 } else { 2 };
                reports.push(Report::Match(pass, line));
            }
        }
    }

    /// Tells an event a second time.
    pub(super) fn again(story: &mut Story, place: usize) -> &mut Event {
        let mut event = story.events[place].0.clone();
        event.fate = Fate::Replayed;
        event.place = story.events.len();
        story.events.push_back((event, Vec::new()));
        let last = story.events.len().saturating_sub(1);
        &mut story.events[last].0
    }

    /// The right line for so much of a kind.
    pub(super) fn line(&mut self, story: &Story, payment: usize, kind: EventKind, amount: i64, at: Moment) -> Line {
        self.line_of(story, &story.payments[payment], kind, amount, at)
    }

    /// The same of a payment that need not be the story's.
    pub(super) fn line_of(&mut self, story: &Story, of: &Payment, kind: EventKind, amount: i64, at: Moment) -> Line {
        let (owner, method) = (story.owner, &METHODS[of.method]);
        let came = self
            .world
            .converted(amount, (owner.currency, of.settled_in), of.conversion)
            .unwrap_or(amount);
        let terms = &CURRENCIES[of.settled_in];
        let none = Costs::default();
        let markup = terms.dispute_cost;
        let (reported, costs, to_us) = match kind {
            EventKind::Refund => {
                let scheme_fee = if method.blended { 0 } else { terms.refund_cost };
                (Reported::Refund, Costs { scheme_fee, ..none }, false)
            }
            EventKind::Chargeback => (Reported::Chargeback, Costs { markup, ..none }, false),
            EventKind::SecondChargeback => (Reported::SecondChargeback, Costs { markup, ..none }, false),
            EventKind::ChargebackReversal => (Reported::ChargebackReversal, none, true),
            EventKind::Capture
            | EventKind::Aggregate
            | EventKind::Authorization
            | EventKind::Increment
            | EventKind::AuthorizationReversal
            | EventKind::Decline
            | EventKind::Unknown
            | EventKind::CaptureVoid
            | EventKind::Void
            | EventKind::RefundFailure
            | EventKind::RefundPaid
            | EventKind::Unpaid
            | EventKind::InformationRequest
            | EventKind::UnpaidRecovery => {
                let cost = capture_cost(of.settled_in, came);
                (Reported::Sale, Costs::of_capture(cost, method), true)
            }
        };
        let signed = |amount: i64| if to_us { amount } else { amount.saturating_neg() };
        let overnight = story.day == Day::Simulated && self.dice.chance(2, 5);
        let created = if overnight {
            let (day, second) = (Day::Settlement, self.dice.below(2 * 3600));
            Moment { day, second }
        } else {
            at
        };
        let costs = match of.acquirer {
            CARRIER_GROSS => none,
            acquirer => self.world.format(acquirer).told(costs),
        };
        let arn = self.arn_alone(of.acquirer);
        Line {
            reported,
            psp_reference: of.psp_reference.clone(),
            merchant_reference: of.merchant_reference.clone().unwrap_or_else(|| of.name.clone()),
            modification: self.reference(),
            method: Some(of.method),
            created,
            currency: owner.currency,
            net_currency: of.settled_in,
            gross: Some(signed(amount)),
            net: signed(came).saturating_sub(costs.total()),
            costs,
            conversion: of.conversion,
            arn,
        }
    }

    /// An ARN of its own for a line that has no other reference; nothing where it has one.
    fn arn_alone(&mut self, acquirer: usize) -> String {
        if self.world.format(acquirer).has_references() {
            return String::new();
        }
        self.arns = self.arns.saturating_add(1);
        self.arn(ARNS_ALONE.saturating_add(self.arns))
    }

    /// A number of 23 digits: format, acquirer, day, sequence. Longer than any card number.
    fn arn(&self, index: u64) -> String {
        let (year, day) = self.world.year_and_day();
        format!("74111111{year}{day:03}{index:011}")
    }
}
