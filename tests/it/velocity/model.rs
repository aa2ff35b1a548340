//! Random events against plain counting: rules by looking at every authorization again, limits by looking at every payment again.
//!
//! The models share nothing with the engine: an hour is a difference of seconds, a month in Seoul is that of the clock nine hours
//! ahead, and nothing is ever summed up or kept but lists of what was booked.

use std::collections::BTreeMap;

use acquit::ledger::entry::EntryKind;
use acquit::payment::event::{Details, PaymentEvent};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{World, event};
use crate::model::velocity::Rule;
use crate::model::world::{Amounts, Zone};

fn month(at: DateTime<Utc>) -> (i32, u32) {
    let in_seoul = at + TimeDelta::hours(9);
    (in_seoul.year(), in_seoul.month())
}

// Rules ---------------------------------------------------------------------------------------------------------------

/// A rule as it is made up here: sums are of won, months those of Seoul.
fn random_rule(dice: &mut ChaCha8Rng, place: usize) -> Rule {
    let mut pick = |all: &[&'static str]| all[dice.random_range(0..all.len())];
    let per: &[&'static str] = match pick(&["p", "m", "pm", "pc", "mx", "pmxc"]) {
        "p" => &["payer"],
        "m" => &["merchant"],
        "pm" => &["payer", "merchant"],
        "pc" => &["category", "payer"],
        "mx" => &["merchant", "method"],
        _ => &["payer", "merchant", "method", "category"],
    };
    let window = pick(&["1 hour", "24 hours", "month"]);
    let action = pick(&["flag", "hold", "refuse"]);
    let method = Some(pick(&["", "", "carrier"])).filter(|text| !text.is_empty());
    let category = Some(pick(&["", "", "voucher"])).filter(|text| !text.is_empty());
    let limit = pick(&["count", "sum", "both"]);
    Rule {
        name: format!("rule-{place}"),
        per: per.to_vec(),
        method,
        category,
        window,
        zone: Zone::Seoul,
        max_count: (limit != "sum").then(|| dice.random_range(1..5)),
        max_sum: match limit {
            "count" => Amounts::new(),
            _ => [("KRW", dice.random_range(50..400))].into(),
        },
        action,
    }
}

fn random_authorization(dice: &mut ChaCha8Rng, number: usize, at: DateTime<Utc>) -> PaymentEvent {
    let mut pick = |all: &[&'static str]| all[dice.random_range(0..all.len())];
    let (merchant, payer) = (
        pick(&["m0", "m1", "m2"]),
        pick(&["payer=L0", "payer=L1", "payer=L2", ""]),
    );
    let method = pick(&["method=carrier", "method=card", ""]);
    let category = pick(&["category=voucher", "category=music", ""]);
    let currency = pick(&["KRW", "KRW", "KRW", "EUR"]);
    let amount = dice.random_range(0..100);
    let mut event = event(&format!(
        "12:00 authorization {merchant} p{number} {amount} cur={currency} {payer} {method} {category}"
    ));
    event.occurred_at = at;
    event
}

/// Two versions of the settings, and events around the month's end that falls between them; in batches of random sizes, mostly in
/// order.
async fn rules_count_like_lists(seed: u64) {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let versions: Vec<Vec<Rule>> = (0..2)
        .map(|_| {
            (0..dice.random_range(1..6))
                .map(|place| random_rule(&mut dice, place))
                .collect()
        })
        .collect();
    let toml = |rules: &[Rule]| rules.iter().map(Rule::toml).collect::<String>();
    let mut world = World::new(&toml(&versions[0])).await;
    world.apply("2026-03-01", &toml(&versions[1])).await;
    let mut clock: DateTime<Utc> = "2026-02-27T00:00:00Z".parse().expect("an instant");
    let mut booked: Vec<PaymentEvent> = Vec::new();
    let (mut decisions, mut number) = (Vec::new(), 0);
    // Authorizations whose attempts are told, and what they come to with what those state.
    let mut waiting: Vec<PaymentEvent> = Vec::new();
    while number < 160 {
        // What is told, and of an authorization what it comes to.
        let mut batch: Vec<(PaymentEvent, Option<PaymentEvent>)> = Vec::new();
        for _ in 0..dice.random_range(1..25) {
            // Whole quarters of an hour, so that windows end on the dot.
            clock += TimeDelta::minutes(15 * dice.random_range(0..6));
            let late = TimeDelta::minutes(15 * dice.random_range(0..40));
            let at = if dice.random_ratio(1, 6) { clock - late } else { clock };
            if dice.random_ratio(1, 3)
                && let Some(mut known) = waiting.pop()
            {
                known.occurred_at = at;
                let mut told = known.clone();
                told.details = Details::default();
                batch.push((told, Some(known)));
            }
            let mut event = random_authorization(&mut dice, number, at);
            if dice.random_ratio(1, 8) {
                event.acquirer_reference = Some(format!("A{number}"));
            }
            if dice.random_ratio(1, 5) {
                let reference = format!("attempt {number}");
                let kind = EntryKind::Unknown;
                let attempt = PaymentEvent {
                    kind,
                    reference,
                    ..event.clone()
                };
                batch.push((attempt, None));
                waiting.push(event);
            } else {
                batch.push((event.clone(), Some(event)));
            }
            number += 1;
        }
        let mut expected = Vec::new();
        for (_, event) in &batch {
            let Some(event) = event else {
                expected.push(true);
                continue;
            };
            let rules = &versions[usize::from(month(event.occurred_at) >= (2026, 3))];
            let judged: Vec<_> = rules
                .iter()
                .filter_map(|rule| Some((rule, rule.judge(&booked, event)?)))
                .collect();
            let is_given = event.acquirer_reference.is_some();
            let refused = !is_given && judged.iter().any(|(rule, _)| rule.action == "refuse");
            for (rule, (count, sum)) in judged {
                let outcome = if refused { "refused" } else { "booked" };
                let (reference, name) = (&event.reference, &rule.name);
                let action = if is_given && rule.action == "refuse" {
                    "flag"
                } else {
                    rule.action
                };
                decisions.push(format!("{reference} {name} {action} {count} {sum} {outcome}"));
            }
            expected.push(!refused);
            if !refused && rules.iter().any(|rule| rule.looks_at(event)) {
                booked.push(event.clone());
            }
        }
        let batch: Vec<PaymentEvent> = batch.into_iter().map(|(told, _)| told).collect();
        let told = world.record(&batch).await;
        let found: Vec<bool> = told.iter().map(|told| told == "recorded").collect();
        assert_eq!(found, expected, "seed {seed}: {told:?}\n{versions:#?}");
        assert!(
            told.iter()
                .all(|told| told == "recorded" || told.starts_with("velocity rule")),
            "seed {seed}: {told:?}"
        );
    }
    let found = world.rows(
        "select concat_ws(' ', reference, rule, action, count, sum, case when number is null then 'refused' else 'booked' end)
        from velocity_decision",
    );
    let mut found = found.await;
    found.sort();
    decisions.sort();
    assert_eq!(found, decisions, "seed {seed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rules_count_like_lists_of_authorizations() {
    for seed in 0..10 {
        rules_count_like_lists(seed).await;
    }
}

// Limits --------------------------------------------------------------------------------------------------------------

/// A payment of the carrier as the model has it: lists of what was booked.
#[derive(Debug, Default, Clone)]
struct Sold {
    merchant: String,
    payer: String,
    month: (i32, u32),
    promised: i64,
    /// What was released of the promise without being captured.
    released: i64,
    /// What ran out of it, and was not captured all the same; and when it does.
    expired: i64,
    expires_at: DateTime<Utc>,
    /// Captures that were not withdrawn.
    captures: Vec<Captured>,
    /// Refunds that did not fail: reference, amount, month.
    refunds: Vec<(String, i64, (i32, u32))>,
}

#[derive(Debug, Default, Clone)]
struct Captured {
    reference: String,
    amount: i64,
    /// What of it had expired, was beyond the promise, and what was released with it.
    late: i64,
    beyond: i64,
    rest: i64,
}

impl Sold {
    fn captured(&self) -> i64 {
        self.captures.iter().map(|capture| capture.amount).sum()
    }

    fn open(&self) -> i64 {
        let beyond: i64 = self.captures.iter().map(|capture| capture.beyond).sum();
        self.promised - self.released - self.expired - (self.captured() - beyond)
    }

    fn kept(&self) -> i64 {
        let same_month = self.refunds.iter().filter(|refund| refund.2 == self.month);
        self.captured() - same_month.map(|refund| refund.1).sum::<i64>()
    }
}

type Books = BTreeMap<String, Sold>;

fn used(books: &Books) -> BTreeMap<(String, (i32, u32)), (i64, i64)> {
    let mut used = BTreeMap::new();
    for sold in books.values() {
        let of_line: &mut (i64, i64) = used.entry((sold.payer.clone(), sold.month)).or_default();
        of_line.0 += sold.open();
        of_line.1 += sold.kept();
    }
    used
}

/// The next event, and whether the limit must refuse it.
fn next(dice: &mut ChaCha8Rng, books: &Books, number: usize, at: DateTime<Utc>) -> (PaymentEvent, bool) {
    let reference = format!("e{number}");
    let line = |kind: &str, merchant: &str, payment: &str, amount: i64, more: &str| {
        let mut event = event(&format!(
            "12:00 {kind} {merchant} {payment} {amount} acq=north ref={reference} {more}"
        ));
        event.occurred_at = at;
        event
    };
    let answered = if dice.random_ratio(1, 4) { "aref=A" } else { "" };
    let beyond = |payer: &str, month: (i32, u32), amount: i64| {
        let (held, kept) = used(books).get(&(payer.to_owned(), month)).copied().unwrap_or_default();
        answered.is_empty() && amount > 0 && held + kept + amount > 1_000
    };
    let names: Vec<&String> = books.keys().collect();
    if names.is_empty() || dice.random_ratio(1, 3) {
        let (merchant, payer) = (dice.random_range(0..3), format!("L{}", dice.random_range(0..3)));
        let amount = dice.random_range(0..350);
        let more = format!("payer={payer} {answered}");
        let refused = beyond(&payer, month(at), amount);
        let (merchant, payment) = (format!("m{merchant}"), format!("p{number}"));
        let mut authorization = line("authorization", &merchant, &payment, amount, &more);
        authorization.details.capture_before = Some(at + TimeDelta::hours(dice.random_range(1..300)));
        return (authorization, refused);
    }
    let name = names[dice.random_range(0..names.len())];
    let sold = &books[name];
    let merchant = &sold.merchant;
    let some = |dice: &mut ChaCha8Rng, most: i64| dice.random_range(1..=most.max(1));
    match dice.random_range(0..11) {
        0 => {
            let amount = some(dice, 120);
            let refused = beyond(&sold.payer, sold.month, amount) && sold.open() > 0;
            (
                line("authorization_increment", merchant, name, amount, answered),
                refused,
            )
        }
        1 => (
            line("authorization_reversal", merchant, name, some(dice, sold.open()), ""),
            false,
        ),
        2 => (line("void", merchant, name, sold.open().max(1), ""), false),
        3..=6 => {
            let most = sold.open() + sold.promised / 10;
            let mut capture = line("capture", merchant, name, some(dice, most), "");
            capture.details.is_final = dice.random_ratio(1, 4);
            (capture, false)
        }
        7 => match sold.captures.last() {
            Some(capture) => {
                let original = format!("original={}", capture.reference);
                (line("capture_void", merchant, name, capture.amount, &original), false)
            }
            None => (line("void", merchant, name, 1, ""), false),
        },
        8 | 9 => {
            let back: i64 = sold.refunds.iter().map(|refund| refund.1).sum();
            let amount = some(dice, sold.captured() - back);
            (line("refund", merchant, name, amount, ""), false)
        }
        _ => match sold.refunds.last() {
            Some((refund, amount, _)) => {
                let original = format!("original={refund}");
                (line("refund_failure", merchant, name, *amount, &original), false)
            }
            None => (line("refund", merchant, name, 1, ""), false),
        },
    }
}

/// Writes down what the engine has booked.
#[allow(clippy::wildcard_enum_match_arm, reason = "only what is made up above")]
fn book(books: &mut Books, event: &PaymentEvent) {
    let amount = event.money.minor();
    let sold = books.entry(event.payment.clone()).or_default();
    let original = event.details.original.as_deref();
    match event.kind {
        EntryKind::Authorization => {
            sold.merchant = event.merchant.clone();
            sold.payer = event.details.payer.clone().expect("a payer");
            sold.month = month(event.occurred_at);
            sold.promised = amount;
            sold.expires_at = event.details.capture_before.expect("an end");
        }
        EntryKind::AuthorizationIncrement => sold.promised += amount,
        EntryKind::AuthorizationReversal | EntryKind::Void => sold.released += amount,
        EntryKind::Capture => {
            let open = sold.open();
            let rest = (open - amount).max(0) * i64::from(event.details.is_final);
            let late = (amount - open).max(0).min(sold.expired);
            sold.captures.push(Captured {
                reference: event.reference.clone(),
                amount,
                late,
                beyond: (amount - open).max(0) - late,
                rest,
            });
            sold.released += rest;
            sold.expired -= late;
        }
        EntryKind::CaptureVoid => {
            let named = |capture: &Captured| Some(capture.reference.as_str()) == original;
            let place = sold.captures.iter().position(named);
            let capture = sold.captures.remove(place.expect("a capture"));
            sold.released -= capture.rest;
            sold.expired += capture.late;
        }
        EntryKind::Refund => {
            let made = (event.reference.clone(), amount, month(event.occurred_at));
            sold.refunds.push(made);
        }
        EntryKind::RefundFailure => sold.refunds.retain(|refund| Some(refund.0.as_str()) != original),
        other => panic!("no {other} is made up here"),
    }
}

async fn limits_are_what_payments_use(seed: u64) {
    let mut dice = ChaCha8Rng::seed_from_u64(1_000 + seed);
    let world = World::new("").await;
    let mut clock: DateTime<Utc> = "2026-03-20T00:00:00Z".parse().expect("an instant");
    let mut books = Books::new();
    let (mut number, mut refusals, mut expiries, mut recorded) = (0, 0, 0, Vec::new());
    while number < 300 {
        let mut batch = Vec::new();
        // The next events are made up from what the model expects of those before, so a batch is told in one go.
        let mut expected = books.clone();
        let mut refused = Vec::new();
        for _ in 0..dice.random_range(1..4) {
            clock += TimeDelta::minutes(dice.random_range(0..400));
            let (event, by_limit) = next(&mut dice, &expected, number, clock);
            if event.kind == EntryKind::Authorization && !by_limit {
                book(&mut expected, &event);
            }
            refused.push(by_limit);
            batch.push(event);
            number += 1;
            if batch.last().is_some_and(|event| event.kind != EntryKind::Authorization) {
                break;
            }
        }
        let told = world.record(&batch).await;
        for ((event, told), by_limit) in batch.iter().zip(&told).zip(refused) {
            assert_eq!(
                told.contains("monthly limit"),
                by_limit,
                "seed {seed}: {event:?}: {told}"
            );
            refusals += usize::from(by_limit);
            if told == "recorded" {
                book(&mut books, event);
                recorded.push(event.clone());
            }
        }
        if dice.random_ratio(1, 8) {
            let done = world.test.store.expire(&world.deployment, clock, &|_| {}).await;
            for sum in done.expect("an expiry").values() {
                expiries += sum.payments;
            }
            for sold in books.values_mut().filter(|sold| sold.expires_at <= clock) {
                sold.expired += sold.open();
            }
        }
        check(&world, &books, seed).await;
    }
    assert!(expiries > 3, "seed {seed}: {expiries}");
    assert!(
        refusals > 10 && recorded.len() > 100,
        "seed {seed}: {refusals}, {}",
        recorded.len()
    );
    // All of it again moves nothing.
    let told = world.record(&recorded).await;
    assert!(told.iter().all(|told| told == "replayed"), "seed {seed}");
    check(&world, &books, seed).await;
    world.prove().await;
}

async fn check(world: &World, books: &Books, seed: u64) {
    let expected: Vec<String> = used(books)
        .into_iter()
        .filter(|(_, (held, kept))| held + kept > 0)
        .map(|((payer, (year, month)), (held, kept))| format!("{payer} {year}-{month:02}-01 {held} {kept}"))
        .collect();
    let found = world
        .rows(
            "select concat_ws(' ', payer, month, held, kept) from monthly_limit where held + kept > 0
            order by payer, month",
        )
        .await;
    assert_eq!(found, expected, "seed {seed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn limits_are_what_payments_use_of_them() {
    for seed in 0..4 {
        limits_are_what_payments_use(seed).await;
    }
}
