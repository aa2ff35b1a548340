//! The lifecycle as the rules have it, by events one after the other; plain and slow.

#![allow(
    clippy::type_complexity,
    dead_code,
    reason = "plain values rather than types: the model is read beside the rules"
)]

use std::collections::BTreeMap;

use acquit::ledger::entry::EntryKind;
use acquit::payment::event::{AuthType, Initiator, PaymentEvent, RefundWay};
use chrono::{DateTime, Days, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fees::{Accruals, Accrued, Charge, Fee, Returns, rounded, undone};
use super::world::{Acquirer, BANK, Merchant, Version, World};

/// What an event comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Recorded,
    Replayed,
    /// By this rule; of what is known already also the entry that it is, and the field that makes or shows it.
    Rejected(&'static str, Option<(usize, &'static str)>),
}

/// Code, currency, dimension.
pub type Name = (i16, String, String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub debit: Name,
    pub credit: Name,
    pub amount: i64,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub kind: EntryKind,
    pub reference: String,
    /// None of what a person or a file asked for.
    pub event: Option<PaymentEvent>,
    pub payment: Option<String>,
    pub natural_key: Option<String>,
    pub reverses: Option<usize>,
    pub occurred_at: DateTime<Utc>,
    /// The day on which it is booked, and its own where that was closed.
    pub day: NaiveDate,
    pub happened_on: Option<NaiveDate>,
    /// The name of the file or run, and the line there.
    pub source: (String, Option<i32>),
    pub details: Option<Value>,
    pub transfers: Vec<Transfer>,
    /// What tells its request from another one.
    pub fingerprint: [u8; 32],
    /// What a capture cost.
    fee: Fee,
    /// What it did to exact sums of fees.
    accrued: Vec<Accrued>,
    /// Days of sale and release, and what a refund took of that tranche.
    applied: Vec<(NaiveDate, NaiveDate, i64)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payment {
    pub acquirer: String,
    pub currency: String,
    pub requested: Option<i64>,
    pub authorized: Option<i64>,
    pub captured: i64,
    pub over_captured: i64,
    pub voided: i64,
    pub expired: i64,
    pub refunded: i64,
    pub charged_back: i64,
    pub returns: Returns,
    /// Fees for disputes, and their VAT, that are given back when they are won.
    pub dispute_fee: Option<(i64, i64)>,
    pub unpaid: Option<i64>,
    pub expires_at: Option<DateTime<Utc>>,
    pub captured_at: Option<DateTime<Utc>>,
    /// What the merchant calls it, where that is not its name.
    pub order: Option<String>,
    /// Method, scheme, country of the card, payer, category, RRN, authorization code, card.
    pub instrument: [Option<String>; 8],
}

impl Payment {
    pub fn open(&self) -> i64 {
        self.authorized.unwrap_or(0) - (self.captured - self.over_captured) - self.voided - self.expired
    }

    fn is_live(&self) -> bool {
        self.open() > 0 || self.captured > self.refunded
    }

    fn within_caps(&self) -> bool {
        self.open() >= 0
            && (0..=self.captured).contains(&self.refunded)
            && (0..=self.captured).contains(&self.over_captured)
            && self.voided >= 0
            && self.expired >= 0
            && self.charged_back >= 0
            && self.unpaid.unwrap_or(0) >= 0
            && self.returns.is_within_caps()
    }
}

/// What the acquirer has still to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub acquirer: String,
    pub record: &'static str,
    pub acquirer_reference: Option<String>,
    pub merchant_reference: String,
    pub arn: Option<String>,
    pub rrn: Option<String>,
    pub auth_code: Option<String>,
    pub card: Option<String>,
    pub currency: String,
    pub gross: i64,
    pub merchant_fee: i64,
    pub cost: i64,
    pub reserve: i64,
    pub reserve_until: Option<NaiveDate>,
    /// Its money becomes available by date.
    pub matures: bool,
    pub passes_costs: bool,
    /// Its money was made available before its day.
    pub advanced: bool,
    pub day: NaiveDate,
    pub expected_on: NaiveDate,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aggregate {
    pub acquirer: String,
    pub currency: String,
    pub items: i64,
    pub gross: i64,
    pub merchant_fee: i64,
    pub reserve: i64,
    pub matures: bool,
    pub passes_costs: bool,
    /// The number of the entry that handed it in.
    pub closed: Option<usize>,
}

/// What needs a person's eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    pub class: &'static str,
    pub acquirer: String,
    pub merchant: Option<String>,
    pub number: Option<usize>,
    pub is_open: bool,
    /// The currency and the difference, where there are two sides.
    pub difference: Option<(String, i64)>,
    /// The file that showed it.
    pub found_in: String,
    /// The line of that file.
    pub ordinal: Option<usize>,
}

/// The books of a merchant.
#[derive(Debug, Clone, Default)]
pub struct Book {
    pub entries: Vec<Entry>,
    pub payments: BTreeMap<String, Payment>,
    pub items: BTreeMap<usize, Item>,
    pub aggregates: BTreeMap<String, Aggregate>,
    pub accruals: Accruals,
    /// Payable and reserve by currency, day of sale, day on which it becomes available, day on which the reserve is released.
    pub maturing: BTreeMap<(String, NaiveDate, NaiveDate, Option<NaiveDate>), (i64, i64)>,
    /// By currency, day of sale, day of release.
    pub tranches: BTreeMap<(String, NaiveDate, NaiveDate), Tranche>,
    pub holds: Vec<Hold>,
}

/// Money set aside: available money by a person, or a capture's by a velocity rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The entry that set it aside: a hold, or the capture.
    pub number: usize,
    pub currency: String,
    pub amount: i64,
    pub reason: String,
    pub owner: &'static str,
    pub placed_on: NaiveDate,
    pub expires_on: Option<NaiveDate>,
    /// The entry that ended it, and by whom.
    pub released: Option<(usize, String)>,
}

impl Hold {
    pub fn is_open(&self) -> bool {
        self.released.is_none()
    }
}

/// What a velocity rule said of an authorization above its limits.
#[derive(Debug, Clone)]
pub struct Said {
    pub event: PaymentEvent,
    pub rule: String,
    /// The first day of the settings that have it.
    pub version: &'static str,
    pub action: &'static str,
    pub count: usize,
    pub max_count: Option<usize>,
    pub sum: i64,
    pub max_sum: Option<i64>,
    /// None where the authorization was refused.
    pub number: Option<usize>,
}

/// A part of a reserve: withheld, released, applied to refunds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tranche {
    pub withheld: i64,
    pub released: i64,
    pub applied: i64,
}

impl Tranche {
    pub fn held(&self) -> i64 {
        self.withheld - self.released - self.applied
    }
}

impl Book {
    /// Debits and credits of every account that anything moved.
    pub fn balances(&self) -> BTreeMap<Name, (i64, i64)> {
        let mut balances: BTreeMap<Name, (i64, i64)> = BTreeMap::new();
        for transfer in self.entries.iter().flat_map(|entry| &entry.transfers) {
            balances.entry(transfer.debit.clone()).or_default().0 += transfer.amount;
            balances.entry(transfer.credit.clone()).or_default().1 += transfer.amount;
        }
        balances
    }

    /// Credits less debits.
    pub fn owed(&self, code: i16, currency: &str, dimension: &str) -> i64 {
        let name = (code, currency.to_owned(), dimension.to_owned());
        let (debits, credits) = self.balances().get(&name).copied().unwrap_or_default();
        credits - debits
    }

    /// The place of the entry with a natural key.
    fn known(&self, key: &str) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| entry.natural_key.as_deref() == Some(key))
    }

    /// The place of the entry with a reference.
    fn place(&self, reference: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.reference == reference)
    }

    /// Takes an amount out of the reserve, the oldest tranche first: what of each.
    fn apply(&mut self, currency: &str, amount: i64) -> Vec<(NaiveDate, NaiveDate, i64)> {
        let mut rest = amount;
        let mut parts = Vec::new();
        for ((of, sale, release), tranche) in &mut self.tranches {
            let part = rest.min(tranche.held());
            if of == currency && part > 0 {
                tranche.applied += part;
                rest -= part;
                parts.push((*sale, *release, part));
            }
        }
        parts
    }

    /// Puts back into each tranche what a refund took of it.
    fn put_back(&mut self, currency: &str, refund: usize) {
        for (sale, release, part) in self.entries[refund - 1].applied.clone() {
            let tranche = self.tranches.get_mut(&(currency.to_owned(), sale, release));
            tranche.expect("a tranche").applied -= part;
        }
    }

    /// The captures of a payment that stand, but one.
    fn captures<'b>(&'b self, payment: &'b str, but: Option<usize>) -> impl Iterator<Item = &'b PaymentEvent> {
        let entries = (1..).zip(&self.entries);
        let stands = move |(number, entry): &(usize, &Entry)| {
            entry.kind == EntryKind::Capture
                && entry.payment.as_deref() == Some(payment)
                && Some(*number) != but
                && !self.is_undone(*number)
        };
        entries.filter(stands).filter_map(|(_, entry)| entry.event.as_ref())
    }

    /// Whether an entry has the event's reference, and it has not failed.
    pub fn knows(&self, event: &PaymentEvent) -> bool {
        self.place(&event.reference).is_some() && !self.has_failed(event)
    }

    /// What a refund that was named by what it asks for has come to: whether it has failed.
    pub fn has_failed(&self, event: &PaymentEvent) -> bool {
        let named = event.reference == unnamed(event);
        event.kind == EntryKind::Refund
            && named
            && self
                .place(&event.reference)
                .is_some_and(|place| self.is_undone(place + 1))
    }

    fn is_void_already(&self, event: &PaymentEvent) -> bool {
        let same = |entry: &Entry| {
            let told = entry.event.as_ref().filter(|_| entry.kind == EntryKind::Void);
            told.is_some_and(|void| void.payment == event.payment && void.money == event.money)
        };
        event.kind == EntryKind::Void && self.entries.iter().any(same)
    }

    /// The place of the hold that an entry placed.
    pub fn hold_of(&self, number: usize) -> Option<usize> {
        self.holds.iter().position(|hold| hold.number == number)
    }

    fn is_undone(&self, number: usize) -> bool {
        self.entries.iter().any(|entry| entry.reverses == Some(number))
    }

    /// A payment that is where it must never be.
    pub fn beyond_caps(&self) -> Option<&String> {
        self.payments
            .iter()
            .find(|(_, payment)| !payment.within_caps())
            .map(|(name, _)| name)
    }
}

/// All books, by merchant; the house's has no name.
#[derive(Debug, Clone)]
pub struct Model<'w> {
    pub world: &'w World,
    pub books: BTreeMap<String, Book>,
    pub breaks: Vec<Break>,
    /// What velocity rules count: how an authorization is paid is what its payment says.
    pub counted: Vec<PaymentEvent>,
    pub said: Vec<Said>,
    /// The last closed day.
    pub closed: Option<NaiveDate>,
}

/// What an accepted event does.
#[derive(Default)]
struct Effect {
    payment: Option<Payment>,
    /// Debit and credit by code, and the amount; of nothing there is none.
    transfers: Vec<(i16, i16, i64)>,
    item: Option<Reported>,
    /// What is withheld of a capture, and until when.
    reserve: Option<(i64, NaiveDate)>,
    /// When a capture becomes available, and what of it; less than nothing when it is withdrawn.
    maturing: Option<Maturing>,
    /// The number of the entry that it undoes.
    reverses: Option<usize>,
    aggregate: Option<Aggregate>,
    flags: Vec<&'static str>,
    fee: Fee,
    accrued: Vec<Accrued>,
    /// Where the exact sums of the book stand afterwards.
    accruals: Option<Accruals>,
    /// What it takes out of the reserve, or puts back.
    applied: i64,
    /// The rule that sets a capture's money aside, how much, and when that becomes available once it is released.
    held: Option<(String, i64, Option<Maturing>)>,
    /// The capture whose hold ends with it.
    unheld: Option<usize>,
}

/// What the acquirer will report.
#[derive(Default)]
struct Reported {
    gross: i64,
    merchant_fee: i64,
    cost: i64,
    reserve: Option<(i64, NaiveDate)>,
    matures: bool,
    passes_costs: bool,
}

impl Reported {
    fn of(gross: i64) -> Self {
        Self {
            gross,
            ..Self::default()
        }
    }
}

/// The sale, the day on which it becomes available, the day on which its reserve is released; payable and reserve.
#[derive(Clone, Copy)]
struct Maturing(NaiveDate, NaiveDate, Option<NaiveDate>, i64, i64);

/// What an event is judged by.
struct Scene<'a> {
    event: &'a PaymentEvent,
    book: &'a Book,
    payment: Option<&'a Payment>,
    version: &'a Version,
    acquirer: &'a Acquirer,
    merchant: &'a Merchant,
    day: NaiveDate,
    amount: i64,
    currency: &'a str,
    /// The rule that holds what is captured of the payment.
    held_by: Option<&'a str>,
}

fn rule(holds: bool, name: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(name) }
}

impl<'w> Model<'w> {
    pub fn new(world: &'w World) -> Self {
        Self {
            world,
            books: BTreeMap::new(),
            breaks: Vec::new(),
            counted: Vec::new(),
            said: Vec::new(),
            closed: None,
        }
    }

    /// Records an event, or says what it breaks.
    pub fn take(&mut self, event: &PaymentEvent, source: &str, line: usize) -> Expected {
        let day = super::world::Zone::Berlin.day(event.occurred_at);
        let effect = match self.judged(event, day) {
            Ok(effect) => effect,
            Err(expected) => return expected,
        };
        let said = match effect
            .payment
            .as_ref()
            .filter(|_| event.kind == EntryKind::Authorization)
        {
            Some(payment) => self.asked(event, payment, day),
            None => Vec::new(),
        };
        let refused = said.iter().any(|said| said.action == "refuse");
        self.said.extend(said.iter().cloned());
        if refused {
            return Expected::Rejected("velocity", None);
        }
        let number = self.enter(event, effect, day, (source.to_owned(), i32::try_from(line).ok()));
        let known = self.said.len() - said.len();
        for said in &mut self.said[known..] {
            said.number = Some(number);
        }
        for _ in said {
            self.flag("VELOCITY", event, number, source);
        }
        Expected::Recorded
    }

    /// What velocity rules say of an authorization; unless they refuse it, it is counted. What the acquirer has given is never
    /// refused.
    fn asked(&mut self, event: &PaymentEvent, payment: &Payment, day: NaiveDate) -> Vec<Said> {
        let version = self.world.on(day).expect("settings");
        let mut paid = event.clone();
        let [method, _, _, payer, category, ..] = payment.instrument.clone();
        (paid.details.method, paid.details.payer, paid.details.category) = (method, payer, category);
        let is_given = event.acquirer_reference.is_some() || event.reference.starts_with("acquit:settled");
        let judged = version.velocity.iter().filter_map(|rule| {
            let (count, sum) = rule.judge(&self.counted, &paid)?;
            Some(Said {
                event: event.clone(),
                rule: rule.name.clone(),
                version: version.from,
                action: if is_given && rule.action == "refuse" {
                    "flag"
                } else {
                    rule.action
                },
                count,
                max_count: rule.max_count,
                sum,
                max_sum: rule.most(event),
                number: None,
            })
        });
        let said: Vec<Said> = judged.collect();
        let refused = said.iter().any(|said| said.action == "refuse");
        if !refused && version.velocity.iter().any(|rule| rule.looks_at(&paid)) {
            self.counted.push(paid);
        }
        said
    }

    /// The rule that holds what is captured of a payment, the first by name.
    fn held_by(&self, event: &PaymentEvent) -> Option<&str> {
        let holds = |said: &&Said| {
            said.action == "hold"
                && said.number.is_some()
                && (&said.event.merchant, &said.event.payment) == (&event.merchant, &event.payment)
        };
        self.said.iter().filter(holds).map(|said| said.rule.as_str()).min()
    }

    fn flag(&mut self, class: &'static str, event: &PaymentEvent, number: usize, source: &str) {
        self.breaks.push(Break {
            class,
            acquirer: event.acquirer.clone(),
            merchant: Some(event.merchant.clone()),
            number: Some(number),
            is_open: true,
            difference: None,
            found_in: source.to_owned(),
            ordinal: None,
        });
    }

    /// The latest attempts of payments of an acquirer of which nobody knows the outcome, by book and number.
    pub fn unanswered(&self, acquirer: &str) -> Vec<PaymentEvent> {
        let mut attempts = Vec::new();
        for book in self.books.values() {
            let waits = |name: &String| {
                let payment = &book.payments[name];
                payment.authorized.is_none() && payment.requested.is_some() && payment.acquirer == acquirer
            };
            let mut latest: Vec<(usize, &PaymentEvent)> = Vec::new();
            for (place, entry) in book.entries.iter().enumerate() {
                let Some(event) = entry.event.as_ref().filter(|event| event.kind == EntryKind::Unknown) else {
                    continue;
                };
                latest.retain(|(_, known)| known.payment != event.payment);
                if waits(&event.payment) {
                    latest.push((place, event));
                }
            }
            attempts.extend(latest.into_iter().map(|(_, event)| event.clone()));
        }
        attempts
    }

    fn judged(&self, event: &PaymentEvent, day: NaiveDate) -> Result<Effect, Expected> {
        let none = Book::default();
        let book = self.books.get(&event.merchant).unwrap_or(&none);
        if let Some(place) = book.place(&event.reference) {
            let known = book.entries[place].event.as_ref();
            return Err(match known.map_or(Some("kind"), |entry| difference(entry, event)) {
                _ if book.has_failed(event) => Expected::Rejected("refund_failed", None),
                None => Expected::Replayed,
                Some(field) => Expected::Rejected("reference_conflict", Some((place + 1, field))),
            });
        }
        if let Some(known) = known_otherwise(book, event) {
            return Err(known);
        }
        // The same content meets the same refusal, whatever was counted since.
        let refused_before = |said: &Said| said.number.is_none() && said.event == *event;
        if self.said.iter().any(refused_before) {
            return Err(Expected::Rejected("velocity", None));
        }
        self.effect(book, event, day).map_err(|rule| match rule {
            "nothing_open" if book.is_void_already(event) => Expected::Replayed,
            rule => Expected::Rejected(rule, None),
        })
    }

    fn effect(&self, book: &Book, event: &PaymentEvent, day: NaiveDate) -> Result<Effect, &'static str> {
        let version = self.world.on(day).ok_or("no_settings_in_force")?;
        let merchant = version.merchants.get(&event.merchant).ok_or("unknown_merchant")?;
        let acquirer = version.acquirer(&event.acquirer).ok_or("unknown_acquirer")?;
        let currency = event.money.currency();
        let scene = Scene {
            event,
            book,
            payment: book.payments.get(&event.payment),
            version,
            acquirer,
            merchant,
            day,
            amount: event.money.minor(),
            currency: currency.code(),
            held_by: self.held_by(event),
        };
        scene.effect()
    }

    fn enter(&mut self, event: &PaymentEvent, effect: Effect, day: NaiveDate, source: (String, Option<i32>)) -> usize {
        let wait = self
            .world
            .on(day)
            .and_then(|version| version.acquirer(&event.acquirer))
            .expect("terms")
            .wait;
        let book = self.books.entry(event.merchant.clone()).or_default();
        let number = book.entries.len() + 1;
        let currency = event.money.currency();
        let currency = currency.code();
        let transfers: Vec<Transfer> = effect
            .transfers
            .iter()
            .filter(|(_, _, amount)| *amount > 0)
            .map(|(debit, credit, amount)| Transfer {
                debit: named(*debit, currency, &event.acquirer),
                credit: named(*credit, currency, &event.acquirer),
                amount: *amount,
            })
            .collect();
        let once_released = effect.held.as_ref().and_then(|(.., maturing)| *maturing);
        let available = effect.maturing.filter(|_| event.kind == EntryKind::Capture);
        let available = available.or(once_released);
        let applied = match effect.reverses {
            Some(refund) if effect.applied < 0 => {
                book.put_back(currency, refund);
                Vec::new()
            }
            _ => book.apply(currency, effect.applied),
        };
        let natural_key = known_as(book, event);
        let details = kept(event, &transfers, &effect, available, &applied);
        let paid_by = book
            .payments
            .get(&event.payment)
            .map(|payment| payment.instrument.clone())
            .unwrap_or_default();
        let is_capture = matches!(event.kind, EntryKind::Capture | EntryKind::Aggregate);
        let promised = |place: usize| paid_by[place].clone().filter(|_| is_capture);
        let item = effect.item.and_then(|item| {
            Some(Item {
                acquirer: event.acquirer.clone(),
                record: reported_as(event.kind)?,
                acquirer_reference: event.acquirer_reference.clone(),
                merchant_reference: event
                    .merchant_reference
                    .clone()
                    .unwrap_or_else(|| event.payment.clone()),
                arn: event.arn.clone(),
                rrn: event.rrn.clone().or_else(|| promised(5)),
                auth_code: event.auth_code.clone().or_else(|| promised(6)),
                card: paid_by[7].clone(),
                currency: currency.to_owned(),
                gross: item.gross,
                merchant_fee: item.merchant_fee,
                cost: item.cost,
                reserve: item.reserve.map_or(0, |(amount, _)| amount),
                reserve_until: item.reserve.map(|(_, until)| until),
                matures: item.matures,
                passes_costs: item.passes_costs,
                advanced: false,
                day,
                expected_on: day + Days::new(wait),
            })
        });
        if let Some(item) = item {
            book.items.insert(number, item);
        }
        if let Some(undone) = effect.reverses {
            book.items.remove(&undone);
        }
        if let Some(mut aggregate) = effect.aggregate {
            let name = match event.kind {
                EntryKind::CaptureVoid => book.entries[effect.reverses.expect("a capture") - 1].aggregate(),
                _ => event.details.aggregate.clone(),
            };
            if event.kind == EntryKind::Aggregate {
                aggregate.closed = Some(number);
            }
            book.aggregates.insert(name.expect("an aggregate"), aggregate);
        }
        if let Some(payment) = effect.payment {
            book.payments.insert(event.payment.clone(), payment);
        }
        let flags = effect.flags.clone();
        if let Some(Maturing(sale, available, until, payable, reserve)) = effect.maturing {
            let sums = book
                .maturing
                .entry((currency.to_owned(), sale, available, until))
                .or_default();
            *sums = (sums.0 + payable, sums.1 + reserve);
        }
        if let Some(accruals) = effect.accruals {
            book.accruals = accruals;
        }
        if let Some((rule, amount, _)) = &effect.held {
            book.holds.push(Hold {
                number,
                currency: currency.to_owned(),
                amount: *amount,
                reason: format!("velocity rule {rule}"),
                owner: "risk",
                placed_on: day,
                expires_on: None,
                released: None,
            });
        }
        if let Some(hold) = effect.unheld.and_then(|capture| book.hold_of(capture)) {
            book.holds[hold].released = Some((number, "capture void".to_owned()));
        }
        let entry = Entry {
            kind: event.kind,
            reference: event.reference.clone(),
            details,
            fingerprint: fingerprint_of(event),
            event: Some(event.clone()),
            payment: Some(event.payment.clone()),
            natural_key,
            reverses: effect.reverses,
            occurred_at: event.occurred_at,
            day,
            happened_on: None,
            source: source.clone(),
            transfers,
            fee: effect.fee,
            accrued: effect.accrued,
            applied,
        };
        book.entries.push(entry.on_open_day(self.closed));
        for class in flags {
            self.flag(class, event, number, &source.0);
        }
        number
    }
}

impl Entry {
    /// What no event asked for, at the beginning of its day. `asked` is what tells its request from another one.
    pub fn of_day(kind: EntryKind, reference: String, asked: &[&str], day: NaiveDate, source: &str) -> Self {
        Self {
            kind,
            fingerprint: fingerprint(asked),
            reference,
            event: None,
            payment: None,
            natural_key: None,
            reverses: None,
            occurred_at: day.and_hms_opt(0, 0, 0).expect("a time").and_utc(),
            day,
            happened_on: None,
            source: (source.to_owned(), None),
            details: None,
            transfers: Vec::new(),
            fee: Fee::default(),
            accrued: Vec::new(),
            applied: Vec::new(),
        }
    }

    /// The same, on the first open day where its own is closed.
    pub fn on_open_day(mut self, closed: Option<NaiveDate>) -> Self {
        if let Some(closed) = closed.filter(|closed| self.day <= *closed) {
            self.happened_on = Some(self.day);
            self.day = closed + Days::new(1);
        }
        self
    }

    /// The day that governs it.
    pub fn own_day(&self) -> NaiveDate {
        self.happened_on.unwrap_or(self.day)
    }

    pub fn aggregate(&self) -> Option<String> {
        self.event.as_ref().and_then(|event| event.details.aggregate.clone())
    }
}

/// An account by its code, with the dimension that the chart gives it.
pub fn named(code: i16, currency: &str, acquirer: &str) -> Name {
    let dimension = match code {
        1010 => BANK,
        1100..=1130 | 1900 | 2900 | 5010..=5040 => acquirer,
        _ => "",
    };
    (code, currency.to_owned(), dimension.to_owned())
}

fn reported_as(kind: EntryKind) -> Option<&'static str> {
    Some(match kind {
        EntryKind::Capture | EntryKind::Aggregate => "capture",
        EntryKind::Refund => "refund",
        EntryKind::RefundFailure => "refund_failure",
        EntryKind::Chargeback | EntryKind::SecondChargeback => "chargeback",
        EntryKind::ChargebackReversal => "chargeback_reversal",
        EntryKind::Unpaid => "unpaid",
        EntryKind::UnpaidRecovery => "unpaid_recovery",
        _ => return None,
    })
}

/// SHA-256 over texts, each after its length in eight bytes.
pub fn fingerprint(texts: &[&str]) -> [u8; 32] {
    let mut input = Vec::new();
    for text in texts {
        input.extend(u64::try_from(text.len()).expect("a length").to_be_bytes());
        input.extend(text.as_bytes());
    }
    Sha256::digest(&input).into()
}

/// As ARCHITECTURE.md says it of payment events.
fn fingerprint_of(event: &PaymentEvent) -> [u8; 32] {
    let optional = |text: &Option<String>| text.as_ref().map_or_else(String::new, |text| format!("={text}"));
    let stated: Vec<String> = stated(event)
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    let stated = if stated.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", stated.join(","))
    };
    fingerprint(&[
        "payment event 2",
        event.kind.name(),
        &event.merchant,
        &event.payment,
        &event.reference,
        &event.money.minor().to_string(),
        event.money.currency().code(),
        &event.occurred_at.timestamp_micros().to_string(),
        &event.acquirer,
        &optional(&event.acquirer_reference),
        &optional(&event.merchant_reference),
        &optional(&event.arn),
        &optional(&event.rrn),
        &optional(&event.auth_code),
        &stated,
    ])
}

// What is the same ------------------------------------------------------------------------------------------------------

/// What an event is known by beside its reference, for ever.
pub fn natural_key(event: &PaymentEvent) -> Option<String> {
    let details = &event.details;
    // Without a case, by what the acquirer calls it.
    let named = |word: &str| {
        Some(format!(
            "{word}\t{}\t\t{}",
            event.acquirer,
            event.acquirer_reference.as_ref()?
        ))
    };
    let round = |word: &str, plain: &str, usual: u32| match &details.case {
        Some(case) => Some(format!(
            "{word}\t{}\t{case}\t{}",
            event.acquirer,
            details.cycle.unwrap_or(usual)
        )),
        None => named(plain),
    };
    match event.kind {
        EntryKind::Capture => Some(format!("capture\t{}\t{}", event.payment, details.sequence?)),
        EntryKind::Chargeback => round("chargeback", "chargeback", 1),
        EntryKind::SecondChargeback => round("chargeback", "second chargeback", 2),
        EntryKind::ChargebackReversal => round("chargeback reversal", "chargeback reversal", 1),
        EntryKind::InformationRequest => {
            let case = details.case.as_ref()?;
            let cycle = details.cycle.unwrap_or(1);
            Some(format!("information request\t{}\t{case}\t{cycle}", event.acquirer))
        }
        EntryKind::Unpaid => named("unpaid"),
        EntryKind::UnpaidRecovery => named("unpaid recovery"),
        EntryKind::RefundFailure => Some(format!("refund failure\t{}", details.original.as_ref()?)),
        EntryKind::RefundPaid => Some(format!("refund paid\t{}", details.original.as_ref()?)),
        _ => None,
    }
}

/// The key by which an event is known or will be: a reversal without a cycle is of the second round when the first is given back
/// by another event and money was taken again.
fn known_as(book: &Book, event: &PaymentEvent) -> Option<String> {
    let first = natural_key(event)?;
    let second = |kind: EntryKind| {
        let mut of_second = event.clone();
        of_second.kind = kind;
        of_second.details.cycle = Some(2);
        natural_key(&of_second)
    };
    let of_any =
        event.kind == EntryKind::ChargebackReversal && event.details.case.is_some() && event.details.cycle.is_none();
    let taken_again = second(EntryKind::Chargeback).is_some_and(|key| book.known(&key).is_some());
    match book.known(&first).filter(|_| of_any && taken_again) {
        Some(place) if difference(book.entries[place].event.as_ref().expect("an event"), event).is_some() => {
            second(EntryKind::ChargebackReversal)
        }
        _ => Some(first),
    }
}

fn known_otherwise(book: &Book, event: &PaymentEvent) -> Option<Expected> {
    let key = known_as(book, event)?;
    let place = book.known(&key)?;
    let field = match event.kind {
        EntryKind::Capture => Some("sequence"),
        EntryKind::RefundPaid => Some("original"),
        // When it was told is no difference.
        _ => {
            let mut known = book.entries[place].event.clone().expect("an event");
            known.occurred_at = event.occurred_at;
            difference(&known, event)
        }
    };
    Some(match field {
        None => Expected::Replayed,
        Some(field) => Expected::Rejected("known_otherwise", Some((place + 1, field))),
    })
}

/// Every field of an event but merchant and reference, by its name in event files, in the order in which differences are told.
pub fn fields(event: &PaymentEvent) -> Vec<(&'static str, String)> {
    let details = &event.details;
    vec![
        ("kind", event.kind.name().to_owned()),
        ("payment", event.payment.clone()),
        ("amount", event.money.minor().to_string()),
        ("currency", event.money.currency().code().to_owned()),
        ("occurred_at", event.occurred_at.timestamp_micros().to_string()),
        ("acquirer", event.acquirer.clone()),
        ("acquirer_reference", format!("{:?}", event.acquirer_reference)),
        ("merchant_reference", format!("{:?}", event.merchant_reference)),
        ("arn", format!("{:?}", event.arn)),
        ("rrn", format!("{:?}", event.rrn)),
        ("auth_code", format!("{:?}", event.auth_code)),
        ("method", format!("{:?}", details.method)),
        ("scheme", format!("{:?}", details.scheme)),
        ("card_country", format!("{:?}", details.card_country)),
        ("payer", format!("{:?}", details.payer)),
        ("category", format!("{:?}", details.category)),
        ("card", format!("{:?}", details.card)),
        ("auth_type", format!("{:?}", details.auth_type)),
        ("initiator", format!("{:?}", details.initiator)),
        ("capture_before", format!("{:?}", details.capture_before)),
        ("requested_amount", format!("{:?}", details.requested)),
        ("sequence", format!("{:?}", details.sequence)),
        ("final", format!("{:?}", details.is_final)),
        ("aggregate", format!("{:?}", details.aggregate)),
        ("items", format!("{:?}", details.items)),
        ("original", format!("{:?}", details.original)),
        ("expected_total", format!("{:?}", details.expected_total)),
        ("by", format!("{:?}", details.by)),
        ("case", format!("{:?}", details.case)),
        ("cycle", format!("{:?}", details.cycle)),
        ("cost", format!("{:?}", details.cost)),
        ("respond_by", format!("{:?}", details.respond_by)),
    ]
}

fn difference(one: &PaymentEvent, other: &PaymentEvent) -> Option<&'static str> {
    let others = fields(other);
    let differs = |(place, field): &(usize, &(&'static str, String))| others[*place].1 != field.1;
    fields(one).iter().enumerate().find(differs).map(|(_, (name, _))| *name)
}

/// What only some kinds of event state, in the order of the format.
pub fn stated(event: &PaymentEvent) -> Vec<(&'static str, Value)> {
    let details = &event.details;
    let before = details
        .capture_before
        .map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    let respond_by = details
        .respond_by
        .map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    let by = details.by.map(|way| match way {
        RefundWay::Rail => "rail",
        RefundWay::Transfer => "transfer",
    });
    let all = [
        ("method", json!(details.method)),
        ("scheme", json!(details.scheme)),
        ("card_country", json!(details.card_country)),
        ("payer", json!(details.payer)),
        ("category", json!(details.category)),
        ("card", json!(details.card)),
        ("auth_type", json!(details.auth_type.map(auth_type))),
        ("initiator", json!(details.initiator.map(initiator))),
        ("capture_before", json!(before)),
        ("requested", json!(details.requested)),
        ("sequence", json!(details.sequence)),
        ("final", json!(details.is_final.then_some(true))),
        ("aggregate", json!(details.aggregate)),
        ("items", json!(details.items)),
        ("original", json!(details.original)),
        ("expected_total", json!(details.expected_total)),
        ("by", json!(by)),
        ("case", json!(details.case)),
        ("cycle", json!(details.cycle)),
        ("cost", json!(details.cost)),
        ("respond_by", json!(respond_by)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn auth_type(auth_type: AuthType) -> &'static str {
    match auth_type {
        AuthType::Final => "final",
        AuthType::Pre => "pre",
    }
}

fn initiator(initiator: Initiator) -> &'static str {
    match initiator {
        Initiator::Customer => "customer",
        Initiator::Merchant => "merchant",
    }
}

/// What the entry keeps of its event beside its columns and transfers.
fn kept(
    event: &PaymentEvent,
    transfers: &[Transfer],
    effect: &Effect,
    maturing: Option<Maturing>,
    applied: &[(NaiveDate, NaiveDate, i64)],
) -> Option<Value> {
    let mut kept = serde_json::Map::new();
    let amount = event.money.minor();
    if transfers.first().is_none_or(|first| first.amount != amount) {
        kept.insert("amount".to_owned(), json!(amount));
        kept.insert("currency".to_owned(), json!(event.money.currency().code()));
    }
    if transfers.is_empty() {
        kept.insert("acquirer".to_owned(), json!(event.acquirer));
    }
    if let Some(Maturing(_, available, ..)) = maturing {
        kept.insert("available_on".to_owned(), json!(available.to_string()));
    }
    if event.kind == EntryKind::Capture && effect.fee.returned != "nothing" {
        kept.insert("returned_on_refund".to_owned(), json!(effect.fee.returned));
    }
    if !effect.accrued.is_empty() {
        let accrued: Vec<Value> = effect.accrued.iter().map(Accrued::json).collect();
        kept.insert("accrued".to_owned(), json!(accrued));
    }
    if !applied.is_empty() {
        let part = |(sale, release, amount): &(NaiveDate, NaiveDate, i64)| json!({ "source_on": sale.to_string(), "release_on": release.to_string(), "amount": amount });
        kept.insert("applied".to_owned(), applied.iter().map(part).collect());
    }
    if let Some((amount, until)) = effect.reserve.filter(|_| event.kind == EntryKind::Capture) {
        kept.insert("reserve".to_owned(), json!(amount));
        kept.insert("reserve_until".to_owned(), json!(until.to_string()));
    }
    kept.extend(stated(event).into_iter().map(|(name, value)| (name.to_owned(), value)));
    (!kept.is_empty()).then_some(Value::Object(kept))
}

// What may happen -------------------------------------------------------------------------------------------------------

impl<'a> Scene<'a> {
    fn effect(&self) -> Result<Effect, &'static str> {
        let may_be_zero = matches!(
            self.event.kind,
            EntryKind::Authorization | EntryKind::Decline | EntryKind::Unknown | EntryKind::InformationRequest
        );
        rule(may_be_zero || self.amount > 0, "amount_is_zero")?;
        match self.event.kind {
            EntryKind::Authorization => self.authorization(),
            EntryKind::AuthorizationIncrement => self.increment(),
            EntryKind::AuthorizationReversal => self.authorization_reversal(),
            EntryKind::Decline => Ok(self.decline()),
            EntryKind::Unknown => self.unknown(),
            EntryKind::Void => self.void(),
            EntryKind::Capture => self.capture(),
            EntryKind::CaptureVoid => self.capture_void(),
            EntryKind::Aggregate => self.aggregate(),
            EntryKind::Refund => self.refund(),
            EntryKind::RefundFailure => self.refund_failure(),
            EntryKind::RefundPaid => self.refund_paid(),
            EntryKind::InformationRequest => Ok(self.information_request()),
            EntryKind::Chargeback | EntryKind::SecondChargeback => Ok(self.chargeback()),
            EntryKind::ChargebackReversal => Ok(self.chargeback_reversal()),
            EntryKind::Unpaid => Ok(self.unpaid()),
            EntryKind::UnpaidRecovery => Ok(self.unpaid_recovery()),
            kind => panic!("{kind} is no event"),
        }
    }

    /// What the acquirer owes us.
    fn receivable(&self) -> i16 {
        if self.acquirer.is_carrier { 1130 } else { 1100 }
    }

    /// How it is paid; what an attempt of unknown outcome stated holds where its answer does not say.
    fn instrument(&self) -> [Option<String>; 8] {
        let details = &self.event.details;
        let attempt = self.payment.filter(|payment| payment.requested.is_some());
        let earlier = attempt.map(|payment| payment.instrument.clone()).unwrap_or_default();
        let stated = [
            &details.method,
            &details.scheme,
            &details.card_country,
            &details.payer,
            &details.category,
            &self.event.rrn,
            &self.event.auth_code,
            &details.card,
        ];
        let mut instrument = earlier;
        for (known, stated) in instrument.iter_mut().zip(stated) {
            *known = stated.clone().or_else(|| known.take());
        }
        instrument
    }

    /// What the merchant calls it, by the event or an attempt of unknown outcome.
    fn order(&self) -> Option<String> {
        let attempt = self.payment.filter(|payment| payment.requested.is_some());
        let stated = self.event.merchant_reference.clone();
        stated.or_else(|| attempt?.order.clone())
    }

    /// Whether another payment that the event's merchant reference names is open or captured.
    fn is_ordered_twice(&self) -> bool {
        let order = self.event.merchant_reference.as_ref();
        self.book.payments.iter().any(|(name, payment)| {
            let known = payment.order.as_ref().unwrap_or(name);
            *name != self.event.payment && Some(known) == order && payment.is_live()
        })
    }

    fn fresh(&self) -> Payment {
        Payment {
            acquirer: self.event.acquirer.clone(),
            currency: self.currency.to_owned(),
            instrument: self.instrument(),
            order: self.order().filter(|order| *order != self.event.payment),
            ..Payment::default()
        }
    }

    /// What the merchant pays for an event: out of what is available.
    fn event_fee(&self, place: usize, account: i16) -> (Vec<(i16, i16, i64)>, (i64, i64)) {
        let schedule = self.version.schedule(self.merchant.schedule);
        let charged: Vec<Charge> = schedule.event(place, account, self.currency).into_iter().collect();
        let mut transfers = Vec::new();
        charge(&mut transfers, 2020, &charged);
        (transfers, charged.first().map_or((0, 0), |(_, fee, vat)| (*fee, *vat)))
    }

    /// The day of a sale: the merchant's clock says which.
    fn sales_day(&self) -> NaiveDate {
        self.merchant.zone.day(self.event.occurred_at)
    }

    /// When a capture of today becomes available by date.
    fn available_on(&self) -> Option<NaiveDate> {
        self.merchant
            .sales_day
            .map(|days| super::world::business_day(self.sales_day(), days))
    }

    /// The payment that an event goes on with.
    fn authorized(&self) -> Result<Payment, &'static str> {
        let payment = self.payment.ok_or("unknown_payment")?;
        if payment.authorized.is_none() {
            return Err(if payment.requested.is_some() {
                "outcome_unknown"
            } else {
                "payment_declined"
            });
        }
        rule(payment.currency == self.currency, "currency_differs")?;
        rule(payment.acquirer == self.event.acquirer, "acquirer_differs")?;
        Ok(payment.clone())
    }

    /// The entry that the event names: its number and itself.
    fn original(&self, kind: EntryKind) -> Result<(usize, &'a Entry), &'static str> {
        let reference = self.event.details.original.as_ref().ok_or("unknown_original")?;
        let place = self.book.place(reference).ok_or("unknown_original")?;
        let entry = &self.book.entries[place];
        rule(entry.payment.as_ref() == Some(&self.event.payment), "unknown_original")?;
        rule(entry.kind == kind, "original_is_another")?;
        rule(!self.book.is_undone(place + 1), "already_undone")?;
        Ok((place + 1, entry))
    }

    fn authorization(&self) -> Result<Effect, &'static str> {
        rule(
            self.payment.is_none_or(|payment| payment.authorized.is_none()),
            "already_authorized",
        )?;
        let details = &self.event.details;
        rule(
            details.requested.is_none_or(|asked| asked >= self.amount),
            "approved_above_requested",
        )?;
        let instrument = self.instrument();
        let hours = self.version.valid_for(
            instrument[1].as_deref(),
            details.auth_type.map(auth_type),
            details.initiator.map(initiator),
        );
        let expires_at = hours.map(|hours| self.event.occurred_at + TimeDelta::hours(hours));
        Ok(Effect {
            payment: Some(Payment {
                authorized: Some(self.amount),
                requested: details.requested.filter(|asked| *asked > self.amount),
                expires_at: details.capture_before.or(expires_at),
                ..self.fresh()
            }),
            transfers: [vec![(9010, 9020, self.amount)], self.event_fee(0, 4020).0].concat(),
            flags: if self.is_ordered_twice() {
                vec!["DUPLICATE_IN_LEDGER"]
            } else {
                Vec::new()
            },
            ..Effect::default()
        })
    }

    /// Answers an attempt whose outcome was unknown; never takes a promise back.
    fn decline(&self) -> Effect {
        let mut payment = self.payment.cloned().unwrap_or_else(|| self.fresh());
        if payment.authorized.is_none() {
            payment.requested = None;
        }
        Effect {
            payment: Some(payment),
            ..Effect::default()
        }
    }

    fn unknown(&self) -> Result<Effect, &'static str> {
        rule(
            self.payment.is_none_or(|payment| payment.authorized.is_none()),
            "already_authorized",
        )?;
        Ok(Effect {
            payment: Some(Payment {
                requested: Some(self.amount),
                ..self.fresh()
            }),
            ..Effect::default()
        })
    }

    fn increment(&self) -> Result<Effect, &'static str> {
        let mut payment = self.authorized()?;
        rule(payment.open() > 0, "nothing_open")?;
        payment.authorized = payment.authorized.map(|authorized| authorized + self.amount);
        payment.expires_at = self.event.details.capture_before.or(payment.expires_at);
        Ok(Effect {
            payment: Some(payment),
            transfers: vec![(9010, 9020, self.amount)],
            ..Effect::default()
        })
    }

    fn authorization_reversal(&self) -> Result<Effect, &'static str> {
        let mut payment = self.authorized()?;
        rule(payment.open() > 0, "nothing_open")?;
        rule(self.amount <= payment.open(), "exceeds_authorized")?;
        payment.authorized = payment.authorized.map(|authorized| authorized - self.amount);
        Ok(Effect {
            payment: Some(payment),
            transfers: vec![(9020, 9010, self.amount)],
            ..Effect::default()
        })
    }

    fn void(&self) -> Result<Effect, &'static str> {
        let mut payment = self.authorized()?;
        rule(payment.open() > 0, "nothing_open")?;
        rule(payment.open() == self.amount, "void_amount_differs")?;
        payment.voided += self.amount;
        Ok(Effect {
            payment: Some(payment),
            transfers: vec![(9020, 9010, self.amount)],
            ..Effect::default()
        })
    }

    /// The promise is used first, then what had expired of it, then what the contract allows beyond it.
    fn capture(&self) -> Result<Effect, &'static str> {
        let mut payment = self.authorized()?;
        let details = &self.event.details;
        rule(
            details.expected_total.is_none_or(|total| total == payment.captured),
            "total_differs",
        )?;
        let aggregate = details.aggregate.as_ref().map(|name| self.joined(name)).transpose()?;
        let promised = self.amount.min(payment.open());
        let late = (self.amount - promised).min(payment.expired);
        let beyond = self.amount - promised - late;
        let is_final = |capture: &PaymentEvent| capture.details.is_final;
        let allowed = if payment.voided > 0 || self.book.captures(&self.event.payment, None).any(is_final) {
            // Withdrawn by a void, or the last capture is made.
            0
        } else {
            payment.authorized.unwrap_or(0) * self.acquirer.over_capture / 100 - payment.over_captured
        };
        rule(beyond <= allowed.max(0), "exceeds_authorized")?;
        let rest = if details.is_final { payment.open() - promised } else { 0 };
        let schedule = self.version.schedule(self.merchant.schedule);
        let mut accruals = self.book.accruals.clone();
        let method = payment.instrument[0].as_deref();
        let fee = schedule.capture(self.amount, self.currency, self.day, method, &mut accruals)?;
        rule(
            aggregate
                .as_ref()
                .is_none_or(|before| before.items == 0 || before.passes_costs == fee.passes_costs),
            "aggregate_differs",
        )?;
        let charged: i64 = fee.charges.iter().map(|(_, amount, vat)| amount + vat).sum();
        let mut transfers = vec![
            (9020, 9010, promised),
            (9020, 9010, rest),
            (self.receivable(), 2010, self.amount),
        ];
        charge(&mut transfers, 2010, &fee.charges);
        payment.captured += self.amount;
        payment.over_captured += beyond;
        payment.expired -= late;
        payment.voided += rest;
        payment.captured_at = payment.captured_at.max(Some(self.event.occurred_at));
        payment.returns.add(&fee);
        let payable = self.amount - charged;
        let reserve = self.withheld(payable);
        let withheld = reserve.map_or(0, |(amount, _)| amount);
        let until = reserve.map(|(_, until)| until);
        let available = self.available_on();
        let maturing = available.map(|available| Maturing(self.day, available, until, payable, withheld));
        let held = self.held_by.filter(|_| payable > 0);
        let held = held.map(|rule| (rule.to_owned(), payable, maturing));
        let aside = held.as_ref().map_or(0, |(_, amount, _)| *amount);
        transfers.push((2010, 2040, aside));
        // A match leaves alone what is set aside, as if it were a fee.
        let (taken, kept_back) = match aside > 0 && available.is_none() {
            true => (charged + aside, None),
            false => (charged, reserve),
        };
        let joined = aggregate.map(|before| Aggregate {
            items: before.items + 1,
            gross: before.gross + self.amount,
            merchant_fee: before.merchant_fee + taken,
            reserve: before.reserve + kept_back.map_or(0, |(amount, _)| amount),
            passes_costs: fee.passes_costs,
            ..before
        });
        let item = Reported {
            gross: self.amount,
            merchant_fee: taken,
            reserve: kept_back,
            matures: available.is_some(),
            passes_costs: fee.passes_costs,
            ..Reported::default()
        };
        Ok(Effect {
            payment: Some(payment),
            transfers,
            item: joined.is_none().then_some(item),
            reserve,
            maturing: maturing.filter(|_| held.is_none()),
            held,
            aggregate: joined,
            flags: if late > 0 { vec!["STATUS_MISMATCH"] } else { Vec::new() },
            accrued: fee.accrued.clone(),
            accruals: Some(accruals),
            fee,
            ..Effect::default()
        })
    }

    /// What is withheld of a capture: never more than is left of it.
    fn withheld(&self, payable: i64) -> Option<(i64, NaiveDate)> {
        let reserve = self.merchant.reserve?;
        let share = rounded(i128::from(self.amount) * i128::from(reserve.percent), 100, "half_even");
        let amount = share.min(payable);
        (amount > 0).then(|| (amount, self.sales_day() + Days::new(reserve.days)))
    }

    fn joined(&self, name: &str) -> Result<Aggregate, &'static str> {
        let Some(known) = self.book.aggregates.get(name) else {
            return Ok(Aggregate {
                acquirer: self.event.acquirer.clone(),
                currency: self.currency.to_owned(),
                matures: self.merchant.sales_day.is_some(),
                ..Aggregate::default()
            });
        };
        self.waiting(known)?;
        rule(known.matures == self.merchant.sales_day.is_some(), "aggregate_differs")?;
        Ok(known.clone())
    }

    fn waiting(&self, known: &Aggregate) -> Result<(), &'static str> {
        rule(known.closed.is_none(), "aggregate_closed")?;
        let same = known.acquirer == self.event.acquirer && known.currency == self.currency;
        rule(same, "aggregate_differs")
    }

    fn aggregate(&self) -> Result<Effect, &'static str> {
        let name = self.event.details.aggregate.as_deref().unwrap_or_default();
        // Its captures keep what they were agreed to be: terms that changed since do not keep it from being handed in.
        let known = self.book.aggregates.get(name).ok_or("unknown_aggregate")?.clone();
        self.waiting(&known)?;
        rule(
            self.event.details.items.map(i64::from) == Some(known.items),
            "aggregate_items_differ",
        )?;
        rule(self.amount == known.gross, "aggregate_amount_differs")?;
        let reserve = self.merchant.reserve.filter(|_| known.reserve > 0);
        Ok(Effect {
            payment: self.payment.cloned(),
            item: Some(Reported {
                gross: known.gross,
                merchant_fee: known.merchant_fee,
                reserve: reserve.map(|reserve| (known.reserve, self.sales_day() + Days::new(reserve.days))),
                matures: known.matures,
                passes_costs: known.passes_costs,
                ..Reported::default()
            }),
            aggregate: Some(known),
            ..Effect::default()
        })
    }

    /// Before the acquirer has it, a capture can be undone; its aggregate loses it then.
    fn capture_void(&self) -> Result<Effect, &'static str> {
        let mut payment = self.authorized()?;
        let (number, capture) = self.original(EntryKind::Capture)?;
        let aggregate = capture.aggregate().and_then(|name| self.book.aggregates.get(&name));
        let waits =
            self.book.items.contains_key(&number) || aggregate.is_some_and(|aggregate| aggregate.closed.is_none());
        rule(waits, "already_presented")?;
        let event = capture.event.as_ref().expect("an event");
        let gross = event.money.minor();
        rule(self.amount == gross, "original_amount_differs")?;
        let in_use =
            payment.refunded > 0 || payment.charged_back > 0 || payment.unpaid.is_some_and(|unpaid| unpaid > 0);
        rule(!in_use, "capture_in_use")?;
        let released: Vec<i64> = capture.moved(9020, 9010);
        // A capture that used nothing of the promise released nothing either.
        let used = released.first().copied().unwrap_or(0);
        let rest = released.get(1).copied().unwrap_or(0);
        // What went beyond the promise is given back before what had expired.
        let beyond = (gross - used).min(payment.over_captured);
        payment.captured -= gross;
        payment.over_captured -= beyond;
        payment.expired += gross - used - beyond;
        payment.voided -= rest;
        let others = self.book.captures(&self.event.payment, Some(number));
        payment.captured_at = others.map(|capture| capture.occurred_at).max();
        payment.returns.remove(&capture.fee);
        let charged: i64 = capture.fee.charges.iter().map(|(_, amount, vat)| amount + vat).sum();
        let derived = |name: &str| capture.details.as_ref().and_then(|details| details.get(name));
        let reserve = derived("reserve").and_then(Value::as_i64).unwrap_or(0);
        let day = |name: &str| {
            derived(name)
                .and_then(Value::as_str)
                .map(|day| day.parse::<NaiveDate>().expect("a day"))
        };
        let hold = self.book.hold_of(number).map(|place| &self.book.holds[place]);
        let held = hold.filter(|hold| hold.is_open()).map_or(0, |hold| hold.amount);
        let aside = if day("available_on").is_none() { held } else { 0 };
        let aggregate = aggregate.map(|before| Aggregate {
            items: before.items - 1,
            gross: before.gross - gross,
            merchant_fee: before.merchant_fee - charged - aside,
            reserve: before.reserve - if aside > 0 { 0 } else { reserve },
            ..before.clone()
        });
        let mut accruals = self.book.accruals.clone();
        let (charges, accrued) = undone(&capture.accrued, &mut accruals);
        let mut transfers = capture.mirrored();
        if let Some(released) = hold.filter(|hold| !hold.is_open()) {
            transfers.push((2010, 2040, released.amount));
        }
        charge(&mut transfers, 2020, &charges);
        // What was advanced goes back as what became available on its day.
        let advanced = self.book.items.get(&number).is_some_and(|item| item.advanced);
        let available = day("available_on").or(advanced.then_some(capture.own_day()));
        Ok(Effect {
            payment: Some(payment),
            transfers,
            reverses: Some(number),
            maturing: available.filter(|_| held == 0).map(|available| {
                Maturing(
                    capture.own_day(),
                    available,
                    day("reserve_until"),
                    charged - gross,
                    -reserve,
                )
            }),
            unheld: (held > 0).then_some(number),
            aggregate,
            accrued,
            accruals: Some(accruals),
            ..Effect::default()
        })
    }

    fn refund(&self) -> Result<Effect, &'static str> {
        let mut payment = self.authorized()?;
        let details = &self.event.details;
        rule(payment.charged_back == 0, "charged_back")?;
        rule(
            details.expected_total.is_none_or(|total| total == payment.refunded),
            "total_differs",
        )?;
        rule(payment.refunded + self.amount <= payment.captured, "exceeds_captured")?;
        let unpaid = payment.unpaid.unwrap_or(0);
        rule(
            unpaid == 0 || payment.refunded + self.amount + unpaid <= payment.captured,
            "not_collected",
        )?;
        let unnamed = self.event.reference == unnamed(self.event);
        let whole = payment.refunded == 0 && self.amount == payment.captured;
        rule(
            !unnamed || details.expected_total.is_some() || whole,
            "reference_needed",
        )?;
        let by_rail = details.by != Some(RefundWay::Transfer);
        let zone = self.merchant.zone;
        let captured_on = zone.day(payment.captured_at.expect("a capture"));
        let today = zone.day(self.event.occurred_at);
        let (window, rail) = self.version.refunds(payment.instrument[0].as_deref());
        rule(today <= window.last(captured_on), "refund_too_late")?;
        rule(!by_rail || today <= rail.last(captured_on), "rail_closed")?;
        let partial = self.amount != payment.captured;
        rule(
            !(by_rail && self.acquirer.whole_refunds_only && partial),
            "partial_refund",
        )?;
        payment.refunded += self.amount;
        let mut accruals = self.book.accruals.clone();
        let (charges, accrued) = payment
            .returns
            .give_back(payment.captured, payment.refunded, &mut accruals);
        let (fees, (fee, vat)) = self.event_fee(1, 4020);
        let given_back: i64 = charges.iter().map(|(_, amount, vat)| -amount - vat).sum();
        let needed = self.amount + fee + vat - given_back;
        // Own money first. What the merchant owes already stays as it is.
        let balance = |code| self.book.owed(code, self.currency, "");
        let (own, debt) = match balance(2020) + balance(2010) {
            negative @ ..0 => (0, -negative),
            own => (own, 0),
        };
        let missing = (needed - own).max(0);
        let reserve = if self.merchant.refunds_from_reserve {
            balance(2030)
        } else {
            0
        };
        let applied = missing.min(reserve);
        let limit = self.merchant.negative_limit.get(self.currency).copied().unwrap_or(0);
        rule(
            missing == applied || debt + missing - applied <= limit,
            "insufficient_balance",
        )?;
        let to = if by_rail { self.receivable() } else { 2200 };
        let mut transfers = vec![(2020, to, self.amount), (2030, 2020, applied)];
        charge(&mut transfers, 2020, &charges);
        transfers.extend(fees);
        Ok(Effect {
            payment: Some(payment),
            transfers,
            item: by_rail.then(|| Reported::of(-self.amount)),
            accrued,
            accruals: Some(accruals),
            applied,
            ..Effect::default()
        })
    }

    /// Restores every account. What had left our bank account by transfer has come back to it.
    fn refund_failure(&self) -> Result<Effect, &'static str> {
        let mut payment = self.authorized()?;
        let (number, refund) = self.original(EntryKind::Refund)?;
        let event = refund.event.as_ref().expect("an event");
        rule(self.amount == event.money.minor(), "original_amount_differs")?;
        let by_rail = event.details.by != Some(RefundWay::Transfer);
        payment.refunded -= self.amount;
        let debited = |code: i16| -> i64 {
            refund
                .transfers
                .iter()
                .filter(|moved| moved.debit.0 == code)
                .map(|moved| moved.amount)
                .sum()
        };
        payment
            .returns
            .take_back((debited(4090), debited(2300)), &refund.accrued);
        let mut accruals = self.book.accruals.clone();
        let (charges, accrued) = undone(&refund.accrued, &mut accruals);
        let mut transfers = refund.mirrored();
        if self.is_paid(&refund.reference) {
            transfers.push((1010, 2200, self.amount));
        }
        charge(&mut transfers, 2020, &charges);
        let reported = !self.book.items.contains_key(&number);
        Ok(Effect {
            payment: Some(payment),
            transfers,
            item: (by_rail && reported).then(|| Reported::of(self.amount)),
            reverses: Some(number),
            accrued,
            accruals: Some(accruals),
            applied: -debited(2030),
            ..Effect::default()
        })
    }

    fn is_paid(&self, refund: &str) -> bool {
        let key = format!("refund paid\t{refund}");
        self.book
            .entries
            .iter()
            .any(|entry| entry.natural_key.as_ref() == Some(&key))
    }

    fn refund_paid(&self) -> Result<Effect, &'static str> {
        let payment = self.authorized()?;
        let (_, refund) = self.original(EntryKind::Refund)?;
        let event = refund.event.as_ref().expect("an event");
        rule(self.amount == event.money.minor(), "original_amount_differs")?;
        rule(event.details.by == Some(RefundWay::Transfer), "not_payable")?;
        rule(!self.is_paid(&event.reference), "not_payable")?;
        Ok(Effect {
            payment: Some(payment),
            transfers: vec![(2200, 1010, self.amount)],
            ..Effect::default()
        })
    }

    /// The payment that the acquirer takes money for, if it ever was captured here.
    fn disputable(&self) -> Option<Payment> {
        let same = |payment: &&Payment| {
            payment.captured > 0 && payment.currency == self.currency && payment.acquirer == self.event.acquirer
        };
        self.payment.filter(same).cloned()
    }

    /// What does not add up when the acquirer has taken so much for a payment.
    fn doubts(payment: &Payment, taken: i64) -> Vec<&'static str> {
        if payment.refunded > 0 && payment.refunded + taken > payment.captured {
            vec!["DOUBLE_RECOVERY"]
        } else if taken > payment.captured {
            vec!["AMOUNT_MISMATCH"]
        } else {
            Vec::new()
        }
    }

    /// A state, and no money.
    fn information_request(&self) -> Effect {
        let flags = match self.disputable() {
            Some(_) => Vec::new(),
            None => vec!["CHARGEBACK_UNKNOWN"],
        };
        Effect {
            payment: self.payment.cloned(),
            flags,
            ..Effect::default()
        }
    }

    /// Never refused: it has happened.
    fn chargeback(&self) -> Effect {
        let cost = self.event.details.cost.unwrap_or(0);
        let costs = (5040, self.receivable(), cost);
        let item = Some(Reported {
            cost,
            ..Reported::of(-self.amount)
        });
        let Some(mut payment) = self.disputable() else {
            return Effect {
                payment: self.payment.cloned(),
                transfers: vec![(1900, self.receivable(), self.amount), costs],
                item,
                flags: vec!["CHARGEBACK_UNKNOWN"],
                ..Effect::default()
            };
        };
        payment.charged_back += self.amount;
        let (fees, (fee, vat)) = self.event_fee(2, 4030);
        if fee > 0 && self.version.schedule(self.merchant.schedule).won_returns_dispute_fee {
            let before = payment.dispute_fee.unwrap_or((0, 0));
            payment.dispute_fee = Some((before.0 + fee, before.1 + vat));
        }
        let mut transfers = vec![(2020, self.receivable(), self.amount)];
        transfers.extend(fees);
        transfers.push(costs);
        Effect {
            flags: Self::doubts(&payment, payment.charged_back),
            payment: Some(payment),
            transfers,
            item,
            ..Effect::default()
        }
    }

    /// Back to who bore it, so far as it was taken; the rest belongs to nobody yet.
    fn given_back(&self, to: i16, known: i64) -> Effect {
        let rest = self.amount - known;
        Effect {
            transfers: vec![(self.receivable(), to, known), (self.receivable(), 2900, rest)],
            item: Some(Reported::of(self.amount)),
            flags: if rest > 0 { vec!["AMOUNT_MISMATCH"] } else { Vec::new() },
            ..Effect::default()
        }
    }

    fn nobody_knows(&self) -> Effect {
        Effect {
            payment: self.payment.cloned(),
            flags: vec!["CHARGEBACK_UNKNOWN"],
            ..self.given_back(2900, 0)
        }
    }

    fn chargeback_reversal(&self) -> Effect {
        let Some(mut payment) = self.disputable() else {
            return self.nobody_knows();
        };
        let mut effect = self.given_back(2020, self.amount.min(payment.charged_back));
        payment.charged_back -= self.amount.min(payment.charged_back);
        if payment.charged_back == 0
            && let Some((fee, vat)) = payment.dispute_fee.take()
        {
            effect.transfers.extend([(4090, 2020, fee), (2300, 2020, vat)]);
        }
        effect.payment = Some(payment);
        effect
    }

    fn unpaid(&self) -> Effect {
        let item = Some(Reported::of(-self.amount));
        let Some(mut payment) = self.disputable() else {
            return Effect {
                payment: self.payment.cloned(),
                transfers: vec![(1900, self.receivable(), self.amount)],
                item,
                flags: vec!["CHARGEBACK_UNKNOWN"],
                ..Effect::default()
            };
        };
        let unpaid = payment.unpaid.unwrap_or(0) + self.amount;
        payment.unpaid = Some(unpaid);
        let bearer = if self.acquirer.house_bears_unpaid { 5060 } else { 2020 };
        Effect {
            flags: Self::doubts(&payment, unpaid),
            payment: Some(payment),
            transfers: vec![(bearer, self.receivable(), self.amount)],
            item,
            ..Effect::default()
        }
    }

    /// What was deducted in suspense stays there: only a person says what belongs together.
    fn unpaid_recovery(&self) -> Effect {
        let (Some(mut payment), Some((bearer, deducted))) = (self.disputable(), self.deducted()) else {
            return self.nobody_knows();
        };
        let missing = payment.unpaid.unwrap_or(0);
        let recovered = self.amount.min(deducted).min(missing);
        payment.unpaid = payment.unpaid.map(|unpaid| unpaid - recovered);
        Effect {
            payment: Some(payment),
            ..self.given_back(bearer, recovered)
        }
    }

    /// Who bore the deduction that the event names, and how much it was.
    fn deducted(&self) -> Option<(i16, i64)> {
        let place = self.book.place(self.event.details.original.as_ref()?)?;
        let entry = &self.book.entries[place];
        let transfer = entry.transfers.first()?;
        let same = entry.kind == EntryKind::Unpaid
            && entry.payment.as_ref() == Some(&self.event.payment)
            && transfer.credit == named(self.receivable(), self.currency, &self.event.acquirer)
            && transfer.debit.0 != 1900;
        same.then_some((transfer.debit.0, transfer.amount))
    }
}

/// The reference of a refund that was given none.
fn unnamed(event: &PaymentEvent) -> String {
    match event.details.expected_total {
        Some(total) => format!("refund of {} after {total}", event.payment),
        None => format!("refund of {} in full", event.payment),
    }
}

/// Charges out of an account; what is negative is given back.
fn charge(transfers: &mut Vec<(i16, i16, i64)>, from: i16, charges: &[Charge]) {
    for (account, amount, vat) in charges {
        for (to, minor) in [(*account, *amount), (2300, *vat)] {
            transfers.push((from, to, minor));
            transfers.push((to, from, -minor));
        }
    }
}

impl Entry {
    /// The amounts that it moved from one account to another.
    fn moved(&self, debit: i16, credit: i16) -> Vec<i64> {
        let between = |moved: &&Transfer| (moved.debit.0, moved.credit.0) == (debit, credit);
        self.transfers
            .iter()
            .filter(between)
            .map(|moved| moved.amount)
            .collect()
    }

    fn mirrored(&self) -> Vec<(i16, i16, i64)> {
        self.transfers
            .iter()
            .map(|moved| (moved.credit.0, moved.debit.0, moved.amount))
            .collect()
    }
}
