//! Random sequences of payment events through the real recording path, against a model of the books.
//!
//! The model is written from the rules alone: it shares no arithmetic, no fee and no lifecycle with the engine. Each sequence
//! has merchants of its own in one database. After each: every verdict, entry, balance, payment and open item is the
//! model's; the books prove themselves ([`support::books`]); recording again what was accepted writes nothing; and recording
//! the whole sequence again ends as the model says.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the model names the kinds it has a rule for"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use acquit::ids::SourceId;
use acquit::ledger::entry::EntryKind;
use acquit::money::{Currency, Money};
use acquit::payment::event::PaymentEvent;
use acquit::payment::lifecycle::Refusal;
use acquit::store::record::Verdict;
use acquit::store::settings::Deployment;
use acquit::store::{Store, Target};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio_postgres::Client;

use crate::support;

const SEQUENCES: u32 = 256;
const OPERATIONS: usize = 50;
const WORKERS: u32 = 4;
/// Merchants are kept ready for so many sequences: those of the test, and those of shrinking a failure.
const SLOTS: usize = 512;
const SEED: &str = "ACQUIT_TEST_SEED";

// The world -----------------------------------------------------------------------------------------------------------

/// A price by settings version and schedule: parts per million, rounding, fixed amounts in minor units of EUR, JPY, KWD.
struct Price {
    version: usize,
    schedule: &'static str,
    per_million: i128,
    rounding: &'static str,
    fixed: [Option<i64>; 3],
}

const fn price(
    version: usize,
    schedule: &'static str,
    per_million: i128,
    rounding: &'static str,
    fixed: [Option<i64>; 3],
) -> Price {
    Price {
        version,
        schedule,
        per_million,
        rounding,
        fixed,
    }
}

const PRICES: [Price; 6] = [
    price(0, "standard", 29_000, "half_even", [Some(30), Some(30), Some(100)]),
    price(0, "micro", 50_000, "up", [Some(5), Some(5), Some(10)]),
    price(0, "free", 0, "down", [Some(0), Some(0), None]),
    price(1, "standard", 31_415, "half_up", [Some(25), Some(0), Some(99)]),
    price(1, "micro", 12_345, "down", [Some(1), Some(1), Some(0)]),
    price(1, "free", 5_000, "half_even", [Some(0), Some(0), Some(0)]),
];
const CURRENCIES: [(&str, usize); 4] = [("EUR", 2), ("JPY", 0), ("KWD", 3), ("USD", 2)];
const ACQUIRERS: [(&str, u64); 2] = [("north", 2), ("south", 5)];
/// The last letter of a merchant's name, its schedule, and the first version that knows it.
const MERCHANTS: [(&str, &str, usize); 4] = [
    ("a", "standard", 0),
    ("b", "micro", 0),
    ("c", "free", 0),
    ("d", "micro", 1),
];
/// Far below any balance that the sequences come to: what refunds may do is bounded by captures alone.
const NEGATIVE: &str =
    "EUR = \"99999999999.00\", USD = \"99999999999.00\", JPY = \"9999999999999\", KWD = \"9999999999.000\"";
const VERSIONS: [&str; 2] = ["2026-01-01", "2026-03-01"];
/// Instants around the midnights in Berlin (UTC+1 in winter) at which versions begin.
const INSTANTS: [&str; 6] = [
    "2025-12-31T22:59:59.999999Z",
    "2025-12-31T23:00:00Z",
    "2026-02-10T12:00:00Z",
    "2026-02-28T22:59:59.999999Z",
    "2026-02-28T23:00:00Z",
    "2026-03-02T12:00:00.5Z",
];

fn settings(version: usize) -> String {
    let mut text = format!(
        "effective_from = \"{}\"\n[house]\nname = \"House\"\ntime_zone = \"Europe/Berlin\"\nbank_account = \"main\"\n[payout]\nminimum = {{}}\n",
        VERSIONS[version]
    );
    for (name, days) in ACQUIRERS {
        writeln!(
            text,
            "[[acquirer]]\nname = \"{name}\"\ncontract = \"gross\"\nsettles_within_days = {days}"
        )
        .expect("text");
    }
    for price in PRICES.iter().filter(|price| price.version == version) {
        let fixed: Vec<String> = CURRENCIES
            .iter()
            .zip(price.fixed)
            .filter_map(|((code, places), minor)| Some(format!("{code} = \"{}\"", decimal(minor?, *places))))
            .collect();
        writeln!(
            text,
            "[[fee_schedule]]\nname = \"{}\"\npercentage = \"{}.{:04}\"\nfixed = {{ {} }}\nrounding = \"{}\"",
            price.schedule,
            price.per_million / 10_000,
            price.per_million % 10_000,
            fixed.join(", "),
            price.rounding
        )
        .expect("text");
    }
    for slot in 0..SLOTS {
        for (letter, schedule, since) in MERCHANTS {
            if since <= version {
                writeln!(
                    text,
                    "[[merchant]]\nname = \"{slot}-{letter}\"\nfee_schedule = \"{schedule}\"\nnegative_limit = {{ {NEGATIVE} }}"
                )
                .expect("text");
            }
        }
    }
    text
}

fn decimal(minor: i64, places: usize) -> String {
    let digits = format!("{minor:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    if part.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{part}")
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

// Sequences -----------------------------------------------------------------------------------------------------------

/// One operation, in terms of what came before it.
#[derive(Debug, Clone)]
struct Step {
    kind: EntryKind,
    merchant: usize,
    payment: usize,
    amount: Amount,
    oddity: Oddity,
    when: usize,
    details: u8,
    /// Authorize the payment instead, if nobody did.
    eager: bool,
    /// The batch ends after it.
    cut: bool,
}

#[derive(Debug, Clone, Copy)]
enum Amount {
    Zero,
    One,
    /// Sixteenths of what may be taken.
    Share(i64),
    /// A minor unit more than that.
    Over,
    Free(i64),
}

#[derive(Debug, Clone, Copy)]
enum Oddity {
    None,
    Currency,
    Acquirer,
    UnknownAcquirer,
    UnknownMerchant,
    /// An earlier event again.
    Again(usize),
    /// An earlier event with something in it changed.
    Twisted(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        4 => Just(EntryKind::Authorization),
        2 => Just(EntryKind::Decline),
        8 => Just(EntryKind::Capture),
        2 => Just(EntryKind::Void),
        6 => Just(EntryKind::Refund),
        3 => Just(EntryKind::Chargeback),
        3 => Just(EntryKind::ChargebackReversal),
    ];
    let merchant = prop_oneof![6 => Just(0_usize), 4 => Just(1), 2 => Just(2), 1 => Just(3)];
    let amount = prop_oneof![
        1 => Just(Amount::Zero),
        1 => Just(Amount::One),
        9 => (1..=16_i64).prop_map(Amount::Share),
        2 => Just(Amount::Share(16)),
        2 => Just(Amount::Over),
        1 => (1..1_000_000_000_i64).prop_map(Amount::Free),
    ];
    let oddity = prop_oneof![
        40 => Just(Oddity::None),
        1 => Just(Oddity::Currency),
        1 => Just(Oddity::Acquirer),
        1 => Just(Oddity::UnknownAcquirer),
        1 => Just(Oddity::UnknownMerchant),
        5 => (0..OPERATIONS).prop_map(Oddity::Again),
        3 => (0..OPERATIONS, 0..FIELDS.len()).prop_map(|(earlier, field)| Oddity::Twisted(earlier, field)),
    ];
    let when = prop_oneof![1 => 0..1_usize, 12 => 1..INSTANTS.len()];
    let parts = (
        kind,
        merchant,
        0..4_usize,
        amount,
        oddity,
        when,
        any::<u8>(),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.15),
    );
    parts.prop_map(
        |(kind, merchant, payment, amount, oddity, when, details, eager, cut)| Step {
            kind,
            merchant,
            payment,
            amount,
            oddity,
            when,
            details,
            eager,
            cut,
        },
    )
}

/// What [`Oddity::Twisted`] changes, in the order in which differences are looked for.
const FIELDS: [&str; 8] = [
    "kind",
    "payment",
    "amount",
    "currency",
    "occurred_at",
    "acquirer",
    "acquirer_reference",
    "auth_code",
];

fn twisted(mut event: PaymentEvent, field: usize) -> PaymentEvent {
    let other = |text: &str| Some(format!("{text}'"));
    match FIELDS[field] {
        "kind" if event.kind == EntryKind::Capture => event.kind = EntryKind::Refund,
        "kind" => event.kind = EntryKind::Capture,
        "payment" => event.payment.push('\''),
        "amount" => event.money = Money::from_minor(event.money.minor() + 1, event.money.currency()),
        "currency" => {
            let code = if event.money.currency().code() == "EUR" {
                "JPY"
            } else {
                "EUR"
            };
            event.money = Money::from_minor(event.money.minor(), currency(code));
        }
        "occurred_at" => event.occurred_at += TimeDelta::microseconds(1),
        "acquirer" => event.acquirer = if event.acquirer == "north" { "south" } else { "north" }.to_owned(),
        "acquirer_reference" => event.acquirer_reference = other(event.acquirer_reference.as_deref().unwrap_or("x")),
        _ => event.auth_code = other(event.auth_code.as_deref().unwrap_or("x")),
    }
    event
}

fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a currency")
}

/// The events of a sequence for the merchants of a slot, and what the model says to each the first time.
fn resolved(steps: &[Step], slot: usize) -> Vec<(PaymentEvent, Expected)> {
    let mut model = Model::default();
    let mut told: Vec<(PaymentEvent, Expected)> = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let earlier = |at: usize| told.get(at % told.len().max(1)).map(|(event, _)| event.clone());
        let event = match step.oddity {
            Oddity::Again(at) => earlier(at),
            Oddity::Twisted(at, field) => earlier(at).map(|event| twisted(event, field)),
            Oddity::None | Oddity::Currency | Oddity::Acquirer | Oddity::UnknownAcquirer | Oddity::UnknownMerchant => {
                None
            }
        };
        let event = event.unwrap_or_else(|| made(step, slot, place, &model));
        let expected = model.take(&event);
        told.push((event, expected));
    }
    told
}

fn made(step: &Step, slot: usize, place: usize, model: &Model) -> PaymentEvent {
    let merchant = format!("{slot}-{}", MERCHANTS[step.merchant].0);
    let payment = format!("p{}", step.payment);
    let standing = model.books.get(&merchant).and_then(|book| book.payments.get(&payment));
    let authorized = standing.is_some_and(|standing| standing.authorized.is_some());
    let kind = match step.kind {
        EntryKind::Decline => EntryKind::Decline,
        _ if step.eager && !authorized => EntryKind::Authorization,
        kind => kind,
    };
    let most = standing.map_or(0, |standing| match kind {
        EntryKind::Capture | EntryKind::Void => standing.open(),
        EntryKind::Refund => standing.captured - standing.refunded,
        EntryKind::ChargebackReversal => standing.charged_back,
        _ => standing.captured,
    });
    let most = if kind == EntryKind::Authorization { 20_011 } else { most };
    let whole = kind == EntryKind::Void && step.eager;
    let minor = match step.amount {
        Amount::Zero => 0,
        Amount::Share(_) if whole => most,
        Amount::One => 1,
        Amount::Share(sixteenths) => most * sixteenths / 16,
        Amount::Over => most + 1,
        Amount::Free(minor) => minor,
    };
    let currencies = usize::from(matches!(step.oddity, Oddity::Currency));
    let acquirers = usize::from(matches!(step.oddity, Oddity::Acquirer));
    let code = CURRENCIES[(step.payment + currencies) % CURRENCIES.len()].0;
    let mut event = support::events::event(kind, &merchant, &payment, &format!("e{place}"), minor, code);
    ACQUIRERS[(step.payment + acquirers) % ACQUIRERS.len()]
        .0
        .clone_into(&mut event.acquirer);
    match step.oddity {
        Oddity::UnknownAcquirer => "west".clone_into(&mut event.acquirer),
        Oddity::UnknownMerchant => event.merchant = format!("{slot}-nobody"),
        _ => {}
    }
    event.occurred_at = instant(INSTANTS[step.when]);
    let detail = |bit: u8, text: &str| (step.details & (1 << bit) != 0).then(|| format!("{text}{place}"));
    event.acquirer_reference = detail(0, "acquirer-");
    event.merchant_reference = detail(1, "order-");
    event.arn = detail(2, "arn-");
    event.rrn = detail(3, "rrn-");
    event.auth_code = detail(4, "code-");
    event
}

// The model -----------------------------------------------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expected {
    Recorded,
    Replayed,
    /// By this rule; a conflict also with this entry, in this field where the entry keeps all that it was asked.
    Rejected(&'static str, Option<(usize, Option<&'static str>)>),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Standing {
    acquirer: String,
    currency: String,
    authorized: Option<i64>,
    captured: i64,
    voided: i64,
    refunded: i64,
    charged_back: i64,
}

impl Standing {
    fn open(&self) -> i64 {
        self.authorized.unwrap_or(0) - self.captured - self.voided
    }

    fn within_caps(&self) -> bool {
        self.open() >= 0 && (0..=self.captured).contains(&self.refunded) && self.charged_back >= 0
    }
}

/// An open item: record type, signed gross, merchant fee, echoed reference, occurred on, expected on.
type Item = (i16, i64, i64, String, NaiveDate, NaiveDate);
/// Code, currency, dimension.
type Name = (i16, String, String);

#[derive(Debug, Clone, Default)]
struct Book {
    entries: Vec<PaymentEvent>,
    payments: BTreeMap<String, Standing>,
    balances: BTreeMap<Name, (i64, i64)>,
    items: BTreeMap<i64, Item>,
}

#[derive(Debug, Clone, Default)]
struct Model {
    books: BTreeMap<String, Book>,
}

/// What an accepted event does.
#[derive(Default)]
struct Effect {
    standing: Standing,
    transfers: Vec<(i16, i16, i64)>,
    item: Option<(i16, i64, i64)>,
}

impl Model {
    fn take(&mut self, event: &PaymentEvent) -> Expected {
        let letter = event.merchant.rsplit('-').next().unwrap_or_default();
        let known = MERCHANTS.iter().find(|(name, _, _)| *name == letter);
        if known.is_some() {
            let book = self.books.entry(event.merchant.clone()).or_default();
            if let Some(place) = book.entries.iter().position(|entry| entry.reference == event.reference) {
                let entry = &book.entries[place];
                return match entry == event {
                    true => Expected::Replayed,
                    false => {
                        Expected::Rejected("reference_conflict", Some((place + 1, first_difference(entry, event))))
                    }
                };
            }
        }
        let day = (event.occurred_at + TimeDelta::hours(1)).date_naive();
        let begins = |version: usize| VERSIONS[version].parse::<NaiveDate>().expect("a day");
        let Some(version) = (0..VERSIONS.len()).rev().find(|version| begins(*version) <= day) else {
            return Expected::Rejected("no_settings_in_force", None);
        };
        let Some((_, schedule, _)) = known.filter(|(_, _, since)| *since <= version) else {
            return Expected::Rejected("unknown_merchant", None);
        };
        let Some((_, wait)) = ACQUIRERS.iter().find(|(name, _)| *name == event.acquirer) else {
            return Expected::Rejected("unknown_acquirer", None);
        };
        let book = self.books.entry(event.merchant.clone()).or_default();
        let priced = PRICES
            .iter()
            .find(|price| price.version == version && price.schedule == *schedule);
        match effect(book.payments.get(&event.payment), event, priced.expect("a price")) {
            Ok(effect) => {
                book.enter(event, effect, day, day + Days::new(*wait));
                Expected::Recorded
            }
            Err(rule) => Expected::Rejected(rule, None),
        }
    }
}

impl Book {
    fn enter(&mut self, event: &PaymentEvent, effect: Effect, day: NaiveDate, expected: NaiveDate) {
        self.entries.push(event.clone());
        let number = i64::try_from(self.entries.len()).expect("a number");
        let code = event.money.currency().code().to_owned();
        for (debit, credit, amount) in effect.transfers.into_iter().filter(|(_, _, amount)| *amount != 0) {
            let name = |account: i16| {
                let dimension = if account == 1100 {
                    event.acquirer.clone()
                } else {
                    String::new()
                };
                (account, code.clone(), dimension)
            };
            self.balances.entry(name(debit)).or_default().0 += amount;
            self.balances.entry(name(credit)).or_default().1 += amount;
        }
        if let Some((record, gross, fee)) = effect.item {
            let echoed = event
                .merchant_reference
                .clone()
                .unwrap_or_else(|| event.payment.clone());
            self.items.insert(number, (record, gross, fee, echoed, day, expected));
        }
        self.payments.insert(event.payment.clone(), effect.standing);
    }
}

/// The first field that differs, where the entry moved money and so keeps every field.
fn first_difference(entry: &PaymentEvent, event: &PaymentEvent) -> Option<&'static str> {
    let same = [
        entry.kind == event.kind,
        entry.payment == event.payment,
        entry.money.minor() == event.money.minor(),
        entry.money.currency() == event.money.currency(),
        entry.occurred_at == event.occurred_at,
        entry.acquirer == event.acquirer,
        entry.acquirer_reference == event.acquirer_reference,
        entry.auth_code == event.auth_code,
    ];
    let field = FIELDS.iter().zip(same).find(|(_, same)| !same).map(|(field, _)| *field);
    field.filter(|_| entry.kind != EntryKind::Decline && entry.money.minor() != 0)
}

fn effect(standing: Option<&Standing>, event: &PaymentEvent, price: &Price) -> Result<Effect, &'static str> {
    let amount = event.money.minor();
    let currency = event.money.currency();
    let code = currency.code();
    let fresh = Standing {
        acquirer: event.acquirer.clone(),
        currency: code.to_owned(),
        ..Standing::default()
    };
    let rule = |holds: bool, name: &'static str| if holds { Ok(()) } else { Err(name) };
    match event.kind {
        EntryKind::Decline => {
            return Ok(Effect {
                standing: standing.cloned().unwrap_or(fresh),
                ..Effect::default()
            });
        }
        EntryKind::Authorization => {
            rule(
                standing.is_none_or(|standing| standing.authorized.is_none()),
                "already_authorized",
            )?;
            return Ok(Effect {
                standing: Standing {
                    authorized: Some(amount),
                    ..fresh
                },
                transfers: vec![(9010, 9020, amount)],
                item: None,
            });
        }
        _ => {}
    }
    rule(amount > 0, "amount_is_zero")?;
    let mut after = standing.ok_or("unknown_payment")?.clone();
    rule(after.authorized.is_some(), "payment_declined")?;
    rule(after.currency == code, "currency_differs")?;
    rule(after.acquirer == event.acquirer, "acquirer_differs")?;
    let (transfers, item) = match event.kind {
        EntryKind::Capture => {
            rule(amount <= after.open(), "exceeds_authorized")?;
            let place = CURRENCIES
                .iter()
                .position(|(name, _)| *name == code)
                .expect("a known currency");
            let fixed = price.fixed.get(place).copied().flatten().ok_or("currency_not_priced")?;
            let percentage = fee(amount, price);
            after.captured += amount;
            let transfers = vec![
                (9020, 9010, amount),
                (1100, 2010, amount),
                (2010, 4010, percentage),
                (2010, 4020, fixed),
            ];
            (transfers, Some((1, amount, percentage + fixed)))
        }
        EntryKind::Void => {
            rule(after.open() > 0, "nothing_open")?;
            rule(after.open() == amount, "void_amount_differs")?;
            after.voided += amount;
            (vec![(9020, 9010, amount)], None)
        }
        EntryKind::Refund => {
            rule(after.charged_back == 0, "charged_back")?;
            rule(after.refunded + amount <= after.captured, "exceeds_captured")?;
            after.refunded += amount;
            (vec![(2020, 1100, amount)], Some((2, -amount, 0)))
        }
        EntryKind::Chargeback => {
            rule(after.captured > 0, "nothing_captured")?;
            after.charged_back += amount;
            (vec![(2020, 1100, amount)], Some((3, -amount, 0)))
        }
        _ => {
            rule(amount <= after.charged_back, "exceeds_charged_back")?;
            after.charged_back -= amount;
            (vec![(1100, 2020, amount)], Some((4, amount, 0)))
        }
    };
    Ok(Effect {
        standing: after,
        transfers,
        item,
    })
}

fn fee(amount: i64, price: &Price) -> i64 {
    let exact = i128::from(amount) * price.per_million;
    let (whole, rest) = (exact / 1_000_000, exact % 1_000_000);
    let up = match price.rounding {
        "down" => false,
        "up" => rest > 0,
        "half_up" => rest * 2 >= 1_000_000,
        _ => rest * 2 > 1_000_000 || (rest * 2 == 1_000_000 && whole % 2 == 1),
    };
    i64::try_from(whole + i128::from(up)).expect("a fee")
}

// The comparison ------------------------------------------------------------------------------------------------------

/// How often each verdict came about: a rule that no sequence breaks is not tested.
type Tally = BTreeMap<&'static str, usize>;

struct Bench<'a> {
    store: Store,
    admin: Client,
    deployment: Deployment,
    source: SourceId,
    slots: &'a AtomicUsize,
    tally: &'a Mutex<Tally>,
}

impl<'a> Bench<'a> {
    async fn open(url: &str, slots: &'a AtomicUsize, tally: &'a Mutex<Tally>) -> Self {
        let store = Store::open(&Target::url(url).sessions(1)).await.expect("a store");
        let deployment = store.deployment().await.expect("a deployment");
        Self {
            admin: support::client(url).await,
            source: support::events::source(&store, "events.jsonl").await,
            store,
            deployment,
            slots,
            tally,
        }
    }

    async fn check(&self, steps: &[Step]) -> Result<(), String> {
        let slot = self.slots.fetch_add(1, Ordering::SeqCst);
        if slot >= SLOTS {
            // Shrinking has used up the merchants; what it has is small enough.
            return Ok(());
        }
        let merchants: Vec<String> = MERCHANTS
            .iter()
            .map(|(letter, _, _)| format!("{slot}-{letter}"))
            .collect();
        let told = resolved(steps, slot);
        let mut model = Model::default();
        let mut from = 0;
        for (place, step) in steps.iter().enumerate() {
            if step.cut || place + 1 == steps.len() {
                self.record(&mut model, from, &told[from..=place]).await?;
                from = place + 1;
            }
        }
        self.compare(&merchants, &model).await?;
        let before = self.rows(&merchants).await;
        let accepted: Vec<PaymentEvent> = told
            .iter()
            .filter(|(_, expected)| matches!(expected, Expected::Recorded | Expected::Replayed))
            .map(|(event, _)| event.clone())
            .collect();
        let verdicts = support::events::record(&self.store, &self.deployment, self.source, &accepted).await;
        let verdicts = verdicts.map_err(|error| format!("recording it again: {error}"))?;
        if let Some(place) = verdicts.iter().position(|verdict| *verdict != Verdict::Replayed) {
            return Err(format!(
                "recording again {}: {:?}",
                accepted[place].reference, verdicts[place]
            ));
        }
        if self.rows(&merchants).await != before {
            return Err("recording it again wrote something".to_owned());
        }
        // What was rejected may be right by now: the model knows.
        self.record(&mut model, 0, &told).await?;
        self.compare(&merchants, &model).await
    }

    async fn record(&self, model: &mut Model, from: usize, batch: &[(PaymentEvent, Expected)]) -> Result<(), String> {
        let events: Vec<PaymentEvent> = batch.iter().map(|(event, _)| event.clone()).collect();
        let verdicts = support::events::record(&self.store, &self.deployment, self.source, &events).await;
        let verdicts = verdicts.map_err(|error| format!("the batch of #{from}: {error}"))?;
        for (place, (event, verdict)) in events.iter().zip(&verdicts).enumerate() {
            let expected = model.take(event);
            if !agree(&expected, verdict) {
                return Err(format!(
                    "#{}: the model says {expected:?}, the engine {verdict:?}",
                    from + place
                ));
            }
            let name = match expected {
                Expected::Recorded => event.kind.name(),
                Expected::Replayed => "replayed",
                Expected::Rejected(rule, _) => rule,
            };
            *self.tally.lock().expect("the tally").entry(name).or_default() += 1;
        }
        Ok(())
    }

    /// The rows of these merchants, counted, and what changes when one of them does.
    async fn rows(&self, merchants: &[String]) -> String {
        let sql = "select format('%s %s %s %s %s %s', sum(number), string_agg(hash::text, ' ' order by id),
                (select count(*) from entry where book_id = any(array_agg(book.id))),
                (select count(*) from transfer where book_id = any(array_agg(book.id))),
                (select string_agg(balance::text, ' ' order by book_id, account_id) from balance where book_id = any(array_agg(book.id))),
                (select string_agg(payment::text, ' ' order by book_id, payment.payment) from payment where book_id = any(array_agg(book.id))))
            || (select count(*) from open_item where book_id = any(array_agg(book.id)))
            from book where merchant = any($1)";
        self.admin.query_one(sql, &[&merchants]).await.expect("rows").get(0)
    }

    async fn compare(&self, merchants: &[String], model: &Model) -> Result<(), String> {
        support::books::prove(&self.admin, Some(merchants)).await?;
        let query = async |sql: &str| self.admin.query(sql, &[&merchants]).await.expect("rows");
        let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in query("select merchant, reference from entry join book on book.id = book_id where merchant = any($1) order by book_id, entry.number").await {
            entries.entry(row.get(0)).or_default().push(row.get(1));
        }
        let mut balances: BTreeMap<String, BTreeMap<Name, (i64, i64)>> = BTreeMap::new();
        for row in query(
            "select merchant, code, currency, dimension, debits, credits from balance
            join book on book.id = book_id join account on account.id = account_id where merchant = any($1)",
        )
        .await
        {
            balances
                .entry(row.get(0))
                .or_default()
                .insert((row.get(1), row.get(2), row.get(3)), (row.get(4), row.get(5)));
        }
        let mut payments: BTreeMap<String, BTreeMap<String, Standing>> = BTreeMap::new();
        for row in query("select merchant, payment, acquirer.name, currency, authorized, captured, voided, refunded, charged_back
            from payment join book on book.id = book_id join acquirer on acquirer.id = acquirer_id where merchant = any($1)").await {
            let standing = Standing {
                acquirer: row.get(2),
                currency: row.get(3),
                authorized: row.get(4),
                captured: row.get(5),
                voided: row.get(6),
                refunded: row.get(7),
                charged_back: row.get(8),
            };
            payments.entry(row.get(0)).or_default().insert(row.get(1), standing);
        }
        let mut items: BTreeMap<String, BTreeMap<i64, Item>> = BTreeMap::new();
        for row in query("select merchant, open_item.number, record_type, gross, merchant_fee, merchant_reference, occurred_on, expected_on
            from open_item join book on book.id = book_id where merchant = any($1)").await {
            let item = (row.get(2), row.get(3), row.get(4), row.get(5), row.get(6), row.get(7));
            items.entry(row.get(0)).or_default().insert(row.get(1), item);
        }
        for merchant in merchants {
            let book = model.books.get(merchant).cloned().unwrap_or_default();
            let references: Vec<String> = book.entries.iter().map(|entry| entry.reference.clone()).collect();
            same("entries", merchant, &references, entries.get(merchant))?;
            same("balances", merchant, &book.balances, balances.get(merchant))?;
            same("payments", merchant, &book.payments, payments.get(merchant))?;
            same("open items", merchant, &book.items, items.get(merchant))?;
            if let Some((name, standing)) = payments
                .get(merchant)
                .into_iter()
                .flatten()
                .find(|(_, standing)| !standing.within_caps())
            {
                return Err(format!("payment {name} of {merchant} is beyond its caps: {standing:?}"));
            }
        }
        Ok(())
    }
}

fn agree(expected: &Expected, verdict: &Verdict) -> bool {
    match (expected, verdict) {
        (Expected::Recorded, Verdict::Recorded) | (Expected::Replayed, Verdict::Replayed) => true,
        (Expected::Rejected(rule, None), Verdict::Rejected(refusal)) => *rule == refusal.rule(),
        (Expected::Rejected(rule, Some((entry, field))), Verdict::Rejected(refusal)) => {
            let Refusal::ReferenceConflict { field: found, number } = refusal else {
                return false;
            };
            *rule == refusal.rule()
                && usize::try_from(number.0) == Ok(*entry)
                && field.is_none_or(|field| field == *found)
        }
        _ => false,
    }
}

fn same<T: PartialEq + std::fmt::Debug + Default>(
    what: &str,
    merchant: &str,
    model: &T,
    found: Option<&T>,
) -> Result<(), String> {
    let nothing = T::default();
    let found = found.unwrap_or(&nothing);
    if model == found {
        return Ok(());
    }
    Err(format!(
        "{what} of {merchant}\n  by the model: {model:?}\n  in the database: {found:?}"
    ))
}

/// A sequence as a person reads it.
fn told(steps: &[Step]) -> String {
    let mut text = String::new();
    for (place, ((event, expected), step)) in resolved(steps, 0).iter().zip(steps).enumerate() {
        let PaymentEvent {
            kind,
            merchant,
            payment,
            reference,
            money,
            occurred_at,
            acquirer,
            ..
        } = event;
        writeln!(
            text,
            "  #{place} {merchant} {payment} {reference}: {kind} {money} by {acquirer} at {occurred_at} -> {expected:?}"
        )
        .expect("text");
        if step.cut {
            text.push_str("  -- batch --\n");
        }
    }
    text
}

#[test]
fn random_sequences_end_as_the_model_says() {
    let seed: u64 = std::env::var(SEED).map_or_else(|_| rand::random(), |seed| seed.parse().expect("a seed"));
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let url = runtime().block_on(async {
        let test = support::store().await;
        for version in 0..VERSIONS.len() {
            support::events::apply(&test.store, &settings(version)).await;
        }
        test.url
    });
    let (slots, tally) = (AtomicUsize::new(0), Mutex::new(Tally::new()));
    let work = |worker: u32| -> Result<(), String> {
        let runtime = runtime();
        let bench = runtime.block_on(Bench::open(&url, &slots, &tally));
        let config = Config {
            cases: SEQUENCES / WORKERS,
            failure_persistence: None,
            max_shrink_iters: 250,
            ..Config::default()
        };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..12].copy_from_slice(&worker.to_le_bytes());
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let sequence = prop::collection::vec(step(), OPERATIONS);
        let run = runner.run(&sequence, |steps| {
            runtime.block_on(bench.check(&steps)).map_err(TestCaseError::fail)
        });
        run.map_err(|error| match error {
            TestError::Fail(reason, steps) => format!("{reason}\n{}", told(&steps)),
            TestError::Abort(reason) => reason.to_string(),
        })
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
        workers
            .into_iter()
            .filter_map(|worker| worker.join().expect("a worker").err())
            .collect()
    });
    assert!(failures.is_empty(), "{SEED}={seed}\n{}", failures.join("\n"));
    let tally = tally.into_inner().expect("the tally");
    for name in [
        "authorization",
        "decline",
        "capture",
        "void",
        "refund",
        "chargeback",
        "chargeback_reversal",
        "replayed",
        "no_settings_in_force",
        "unknown_merchant",
        "unknown_acquirer",
        "reference_conflict",
        "amount_is_zero",
        "currency_not_priced",
        "unknown_payment",
        "payment_declined",
        "already_authorized",
        "currency_differs",
        "acquirer_differs",
        "exceeds_authorized",
        "nothing_open",
        "void_amount_differs",
        "exceeds_captured",
        "charged_back",
        "nothing_captured",
        "exceeds_charged_back",
    ] {
        assert!(
            tally.get(name).is_some_and(|times| *times > 0),
            "{SEED}={seed}: no sequence came to {name}: {tally:?}"
        );
    }
}
