//! The lifecycle as the rules have it, by events one after the other; plain and slow.

use std::collections::BTreeMap;

use acquit::ledger::entry::EntryKind;
use acquit::payment::event::{AuthType, Initiator, PaymentEvent, RefundWay};
use chrono::{DateTime, Days, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::fees::{Charge, rounded};
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
    pub day: NaiveDate,
    /// The name of the file or run, and the line there.
    pub source: (String, Option<i32>),
    pub details: Option<Value>,
    pub transfers: Vec<Transfer>,
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
    pub unpaid: Option<i64>,
    pub expires_at: Option<DateTime<Utc>>,
    pub captured_at: Option<DateTime<Utc>>,
    /// Method, scheme, country of the card, payer, category.
    pub instrument: [Option<String>; 5],
}

impl Payment {
    pub fn open(&self) -> i64 {
        self.authorized.unwrap_or(0) - (self.captured - self.over_captured) - self.voided - self.expired
    }

    fn within_caps(&self) -> bool {
        self.open() >= 0
            && (0..=self.captured).contains(&self.refunded)
            && (0..=self.captured).contains(&self.over_captured)
            && self.voided >= 0
            && self.expired >= 0
            && self.charged_back >= 0
            && self.unpaid.unwrap_or(0) >= 0
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
    pub currency: String,
    pub gross: i64,
    pub merchant_fee: i64,
    pub cost: i64,
    pub reserve: i64,
    pub reserve_until: Option<NaiveDate>,
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

    /// The place of the entry with a reference.
    fn place(&self, reference: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.reference == reference)
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
}

/// What an accepted event does.
#[derive(Default)]
struct Effect {
    payment: Option<Payment>,
    /// Debit and credit by code, and the amount; of nothing there is none.
    transfers: Vec<(i16, i16, i64)>,
    /// Signed gross, merchant fee, cost.
    item: Option<(i64, i64, i64)>,
    /// What is withheld, and until when.
    reserve: Option<(i64, NaiveDate)>,
    /// The number of the entry that it undoes.
    reverses: Option<usize>,
    aggregate: Option<Aggregate>,
    flags: Vec<&'static str>,
}

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
        }
    }

    /// Records an event, or says what it breaks.
    pub fn take(&mut self, event: &PaymentEvent, source: &str, line: usize) -> Expected {
        let known = self.world.has_book(&event.merchant);
        let book = self.books.get(&event.merchant).cloned().unwrap_or_default();
        if known {
            if let Some(place) = book.place(&event.reference) {
                let differs = book.entries[place]
                    .event
                    .as_ref()
                    .map_or(Some("kind"), |entry| difference(entry, event));
                return match differs {
                    None => Expected::Replayed,
                    Some(field) => Expected::Rejected("reference_conflict", Some((place + 1, field))),
                };
            }
            if let Some(known) = known_otherwise(&book, event) {
                return known;
            }
        }
        let day = super::world::Zone::Berlin.day(event.occurred_at);
        let effect = match self.judged(&book, event, day) {
            Ok(effect) => effect,
            Err(rule) => return Expected::Rejected(rule, None),
        };
        self.enter(event, effect, day, (source.to_owned(), i32::try_from(line).ok()));
        Expected::Recorded
    }

    fn judged(&self, book: &Book, event: &PaymentEvent, day: NaiveDate) -> Result<Effect, &'static str> {
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
        };
        scene.effect()
    }

    fn enter(&mut self, event: &PaymentEvent, effect: Effect, day: NaiveDate, source: (String, Option<i32>)) {
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
        let item = effect.item.and_then(|(gross, merchant_fee, cost)| {
            Some(Item {
                acquirer: event.acquirer.clone(),
                record: reported_as(event.kind)?,
                acquirer_reference: event.acquirer_reference.clone(),
                merchant_reference: event
                    .merchant_reference
                    .clone()
                    .unwrap_or_else(|| event.payment.clone()),
                arn: event.arn.clone(),
                currency: currency.to_owned(),
                gross,
                merchant_fee,
                cost,
                reserve: effect.reserve.map_or(0, |(amount, _)| amount),
                reserve_until: effect.reserve.map(|(_, until)| until),
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
        for class in effect.flags {
            self.breaks.push(Break {
                class,
                acquirer: event.acquirer.clone(),
                merchant: Some(event.merchant.clone()),
                number: Some(number),
                is_open: true,
                difference: None,
                found_in: source.0.clone(),
                ordinal: None,
            });
        }
        let reserve = effect.reserve.filter(|_| event.kind == EntryKind::Capture);
        book.entries.push(Entry {
            kind: event.kind,
            reference: event.reference.clone(),
            details: kept(event, &transfers, reserve),
            event: Some(event.clone()),
            payment: Some(event.payment.clone()),
            natural_key: natural_key(event),
            reverses: effect.reverses,
            occurred_at: event.occurred_at,
            day,
            source,
            transfers,
        });
    }
}

impl Entry {
    fn aggregate(&self) -> Option<String> {
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

// What is the same ------------------------------------------------------------------------------------------------------

/// What an event is known by beside its reference, for ever.
pub fn natural_key(event: &PaymentEvent) -> Option<String> {
    let details = &event.details;
    let round = |word: &str, usual: u32| {
        let case = details.case.as_ref()?;
        Some(format!(
            "{word} {} {case} {}",
            event.acquirer,
            details.cycle.unwrap_or(usual)
        ))
    };
    match event.kind {
        EntryKind::Capture => Some(format!("capture {} {}", event.payment, details.sequence?)),
        EntryKind::Chargeback => round("chargeback", 1),
        EntryKind::SecondChargeback => round("chargeback", 2),
        EntryKind::ChargebackReversal => round("chargeback reversal", 1),
        EntryKind::RefundPaid => Some(format!("refund paid {}", details.original.as_ref()?)),
        _ => None,
    }
}

fn known_otherwise(book: &Book, event: &PaymentEvent) -> Option<Expected> {
    let key = natural_key(event)?;
    let place = book
        .entries
        .iter()
        .position(|entry| entry.natural_key.as_ref() == Some(&key))?;
    let imposed = matches!(
        event.kind,
        EntryKind::Chargeback | EntryKind::SecondChargeback | EntryKind::ChargebackReversal
    );
    let field = match event.kind {
        EntryKind::Capture => Some("sequence"),
        _ if imposed => difference(book.entries[place].event.as_ref().expect("an event"), event),
        _ => Some("original"),
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
fn kept(event: &PaymentEvent, transfers: &[Transfer], reserve: Option<(i64, NaiveDate)>) -> Option<Value> {
    let mut kept = serde_json::Map::new();
    let amount = event.money.minor();
    if transfers.first().is_none_or(|first| first.amount != amount) {
        kept.insert("amount".to_owned(), json!(amount));
        kept.insert("currency".to_owned(), json!(event.money.currency().code()));
    }
    if transfers.is_empty() {
        kept.insert("acquirer".to_owned(), json!(event.acquirer));
    }
    if let Some((amount, until)) = reserve {
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
            EntryKind::Authorization | EntryKind::Decline | EntryKind::Unknown
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
            EntryKind::Chargeback | EntryKind::SecondChargeback => Ok(self.chargeback()),
            EntryKind::ChargebackReversal => Ok(self.chargeback_reversal()),
            EntryKind::Unpaid => Ok(self.unpaid()),
            EntryKind::UnpaidRecovery => self.unpaid_recovery(),
            kind => panic!("{kind} is no event"),
        }
    }

    /// What the acquirer owes us.
    fn receivable(&self) -> i16 {
        if self.acquirer.is_carrier { 1130 } else { 1100 }
    }

    fn fresh(&self) -> Payment {
        let details = &self.event.details;
        Payment {
            acquirer: self.event.acquirer.clone(),
            currency: self.currency.to_owned(),
            instrument: [
                details.method.clone(),
                details.scheme.clone(),
                details.card_country.clone(),
                details.payer.clone(),
                details.category.clone(),
            ],
            ..Payment::default()
        }
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
        let hours = self.version.valid_for(
            details.scheme.as_deref(),
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
            transfers: vec![(9010, 9020, self.amount)],
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
        let allowed = payment.authorized.unwrap_or(0) * self.acquirer.over_capture / 100 - payment.over_captured;
        rule(beyond <= allowed.max(0), "exceeds_authorized")?;
        let rest = if details.is_final { payment.open() - promised } else { 0 };
        let charges = self
            .version
            .schedule(self.merchant.schedule)
            .capture(self.amount, self.currency)?;
        let fee: i64 = charges.iter().map(|(_, amount, vat)| amount + vat).sum();
        let mut transfers = vec![
            (9020, 9010, promised),
            (9020, 9010, rest),
            (self.receivable(), 2010, self.amount),
        ];
        charge(&mut transfers, 2010, &charges);
        payment.captured += self.amount;
        payment.over_captured += beyond;
        payment.expired -= late;
        payment.voided += rest;
        payment.captured_at = payment.captured_at.max(Some(self.event.occurred_at));
        let reserve = self.withheld(self.amount - fee);
        let joined = aggregate.map(|before| Aggregate {
            items: before.items + 1,
            gross: before.gross + self.amount,
            merchant_fee: before.merchant_fee + fee,
            reserve: before.reserve + reserve.map_or(0, |(amount, _)| amount),
            ..before
        });
        Ok(Effect {
            payment: Some(payment),
            transfers,
            item: joined.is_none().then_some((self.amount, fee, 0)),
            reserve,
            aggregate: joined,
            flags: if late > 0 { vec!["STATUS_MISMATCH"] } else { Vec::new() },
            ..Effect::default()
        })
    }

    /// What is withheld of a capture: never more than is left of it.
    fn withheld(&self, payable: i64) -> Option<(i64, NaiveDate)> {
        let reserve = self.merchant.reserve?;
        let share = rounded(i128::from(self.amount) * i128::from(reserve.percent), 100, "half_even");
        let amount = share.min(payable);
        (amount > 0).then(|| (amount, self.day + Days::new(reserve.days)))
    }

    fn joined(&self, name: &str) -> Result<Aggregate, &'static str> {
        let Some(known) = self.book.aggregates.get(name) else {
            return Ok(Aggregate {
                acquirer: self.event.acquirer.clone(),
                currency: self.currency.to_owned(),
                ..Aggregate::default()
            });
        };
        rule(known.closed.is_none(), "aggregate_closed")?;
        let same = known.acquirer == self.event.acquirer && known.currency == self.currency;
        rule(same, "aggregate_differs")?;
        Ok(known.clone())
    }

    fn aggregate(&self) -> Result<Effect, &'static str> {
        let name = self.event.details.aggregate.as_deref().unwrap_or_default();
        rule(self.book.aggregates.contains_key(name), "unknown_aggregate")?;
        let known = self.joined(name)?;
        rule(
            self.event.details.items.map(i64::from) == Some(known.items),
            "aggregate_items_differ",
        )?;
        rule(self.amount == known.gross, "aggregate_amount_differs")?;
        let reserve = self.merchant.reserve.filter(|_| known.reserve > 0);
        Ok(Effect {
            payment: self.payment.cloned(),
            item: Some((known.gross, known.merchant_fee, 0)),
            reserve: reserve.map(|reserve| (known.reserve, self.day + Days::new(reserve.days))),
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
        rule(payment.captured - gross >= payment.refunded, "capture_in_use")?;
        rule(payment.charged_back == 0, "capture_in_use")?;
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
        let aggregate = aggregate.map(|before| {
            let charged: i64 = capture
                .transfers
                .iter()
                .filter(|moved| moved.debit.0 == 2010)
                .map(|moved| moved.amount)
                .sum();
            let reserve = capture.details.as_ref().and_then(|details| details["reserve"].as_i64());
            Aggregate {
                items: before.items - 1,
                gross: before.gross - gross,
                merchant_fee: before.merchant_fee - charged,
                reserve: before.reserve - reserve.unwrap_or(0),
                ..before.clone()
            }
        });
        Ok(Effect {
            payment: Some(payment),
            transfers: capture.mirrored(),
            reverses: Some(number),
            aggregate,
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
        let unnamed = self.event.reference == format!("refund of {} in full", self.event.payment);
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
        let balance = |code| self.book.owed(code, self.currency, "");
        let missing = (self.amount - balance(2020) - balance(2010)).max(0);
        let reserve = if self.merchant.refunds_from_reserve {
            balance(2030)
        } else {
            0
        };
        let applied = missing.min(reserve);
        let limit = self.merchant.negative_limit.get(self.currency).copied().unwrap_or(0);
        rule(missing - applied <= limit, "insufficient_balance")?;
        payment.refunded += self.amount;
        let to = if by_rail { self.receivable() } else { 2200 };
        Ok(Effect {
            payment: Some(payment),
            transfers: vec![(2020, to, self.amount), (2030, 2020, applied)],
            item: by_rail.then_some((-self.amount, 0, 0)),
            ..Effect::default()
        })
    }

    /// A refund by transfer that was paid has arrived; one that was not may fail.
    fn refund_failure(&self) -> Result<Effect, &'static str> {
        let mut payment = self.authorized()?;
        let (number, refund) = self.original(EntryKind::Refund)?;
        let event = refund.event.as_ref().expect("an event");
        rule(self.amount == event.money.minor(), "original_amount_differs")?;
        let by_rail = event.details.by != Some(RefundWay::Transfer);
        rule(by_rail || !self.is_paid(&refund.reference), "not_payable")?;
        payment.refunded -= self.amount;
        let reported = !self.book.items.contains_key(&number);
        Ok(Effect {
            payment: Some(payment),
            transfers: refund.mirrored(),
            item: (by_rail && reported).then_some((self.amount, 0, 0)),
            reverses: Some(number),
            ..Effect::default()
        })
    }

    fn is_paid(&self, refund: &str) -> bool {
        let key = format!("refund paid {refund}");
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

    /// Never refused: it has happened.
    fn chargeback(&self) -> Effect {
        let cost = self.event.details.cost.unwrap_or(0);
        let mut effect = Effect {
            item: Some((-self.amount, 0, cost)),
            ..Effect::default()
        };
        let from = match self.disputable() {
            None => {
                effect.payment = self.payment.cloned();
                effect.flags.push("CHARGEBACK_UNKNOWN");
                1900
            }
            Some(mut payment) => {
                payment.charged_back += self.amount;
                if payment.refunded > 0 && payment.refunded + payment.charged_back > payment.captured {
                    effect.flags.push("DOUBLE_RECOVERY");
                } else if payment.charged_back > payment.captured {
                    effect.flags.push("AMOUNT_MISMATCH");
                }
                effect.payment = Some(payment);
                2020
            }
        };
        effect.transfers = vec![(from, self.receivable(), self.amount), (5040, self.receivable(), cost)];
        effect
    }

    /// The merchant's as far as it was taken from the merchant, then suspense's, the rest nobody's.
    fn chargeback_reversal(&self) -> Effect {
        let mut payment = self.disputable();
        let merchants = self
            .amount
            .min(payment.as_ref().map_or(0, |payment| payment.charged_back));
        if let Some(payment) = &mut payment {
            payment.charged_back -= merchants;
        }
        let suspended = (self.amount - merchants).min(self.suspended());
        let rest = self.amount - merchants - suspended;
        Effect {
            payment: payment.or_else(|| self.payment.cloned()),
            transfers: vec![
                (self.receivable(), 2020, merchants),
                (self.receivable(), 1900, suspended),
                (self.receivable(), 2900, rest),
            ],
            item: Some((self.amount, 0, 0)),
            flags: if rest > 0 { vec!["AMOUNT_MISMATCH"] } else { Vec::new() },
            ..Effect::default()
        }
    }

    /// What was taken in the event's currency by its acquirer and belongs to no payment.
    fn suspended(&self) -> i64 {
        -self.book.owed(1900, self.currency, &self.event.acquirer)
    }

    fn unpaid(&self) -> Effect {
        let mut effect = Effect {
            item: Some((-self.amount, 0, 0)),
            ..Effect::default()
        };
        let from = match self.disputable() {
            None => {
                effect.payment = self.payment.cloned();
                effect.flags.push("CHARGEBACK_UNKNOWN");
                1900
            }
            Some(mut payment) => {
                let unpaid = payment.unpaid.unwrap_or(0) + self.amount;
                if unpaid > payment.captured {
                    effect.flags.push("AMOUNT_MISMATCH");
                }
                payment.unpaid = Some(unpaid);
                effect.payment = Some(payment);
                if self.acquirer.house_bears_unpaid { 5060 } else { 2020 }
            }
        };
        effect.transfers = vec![(from, self.receivable(), self.amount)];
        effect
    }

    /// Goes back to who bore it, as far as it was deducted and is still missing.
    fn unpaid_recovery(&self) -> Result<Effect, &'static str> {
        let (_, unpaid) = self.original(EntryKind::Unpaid)?;
        let deducted = &unpaid.transfers[0];
        let bearer = deducted.debit.0;
        let same = deducted.debit.1 == self.currency && deducted.credit.2 == self.event.acquirer;
        let mut payment = self.payment.cloned();
        let missing = match (same, bearer, &payment) {
            (false, _, _) => 0,
            (true, 1900, _) => self.suspended(),
            (true, _, payment) => payment.as_ref().and_then(|payment| payment.unpaid).unwrap_or(0),
        };
        let recovered = self.amount.min(missing).min(deducted.amount);
        if let Some(unpaid) = payment.as_mut().and_then(|payment| payment.unpaid.as_mut())
            && bearer != 1900
        {
            *unpaid -= recovered;
        }
        let more = self.amount - recovered;
        Ok(Effect {
            payment,
            transfers: vec![(self.receivable(), bearer, recovered), (self.receivable(), 2900, more)],
            item: Some((self.amount, 0, 0)),
            flags: if more > 0 { vec!["AMOUNT_MISMATCH"] } else { Vec::new() },
            ..Effect::default()
        })
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
