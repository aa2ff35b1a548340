//! Merchant fees through the store: exact sums batch by batch, worked out again, explained, topped up to a minimum.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "figures of tests are small, and overflow panics"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use acquit::cli::output::Format;
use acquit::cli::report::{Report, SpanArgs, print, write_to};
use acquit::ledger::entry::EntryKind;
use acquit::payment::event::PaymentEvent;
use acquit::store::StoreError;
use acquit::store::fees::{CloseError, Closed, FeeRow, FeeSummary, FeesOfPayment, State, audit_fees, fees_of_payment};
use acquit::store::record::{EventFile, Rejected, Tally, Verdict};
use acquit::store::report::Span;
use acquit::store::settings::Deployment;
use acquit::store::snapshot::Snapshot;
use chrono::{Days, NaiveDate, TimeDelta};
use futures_util::future::join_all;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_decimal::Decimal;

use crate::stage::Stage;
use crate::support::events::{self, apply, event};
use crate::support::{self, TestStore, dump};

const HOUSE: &str = r#"effective_from = "2026-01-01"

[house]
name = "House"
time_zone = "UTC"
bank_account = "main"

[[acquirer]]
name = "north"
contract = "gross"
settles_within_days = 2

[[vat_class]]
name = "added"
kind = "added"
rate = "10"
rounding = "down"

[[vat_class]]
name = "added"
effective_from = "2026-03-20"
kind = "added"
rate = "12"
rounding = "half_up"

[[vat_class]]
name = "included"
kind = "included_difference"
rate = "10"

[payout]
"#;

/// Micropayments at 0.3 KRW each, added up over a month.
const MICRO: &str = r#"
[[fee_schedule]]
name = "micro"
rounding = "half_even"
scope = "invoice"
returned_on_refund = "all"
percentage = "0"
fixed = { KRW = "0.3" }
"#;

const VARIED: &str = r#"
[[fee_schedule]]
name = "item"
rounding = "half_even"
vat = "added"
returned_on_refund = "percentage"
dispute_fee_returned_when_won = true
event = { authorization = { EUR = "0.02" }, refund = { EUR = "0.25" }, dispute = { EUR = "15.00", KRW = "9000" } }

[[fee_schedule.price]]
method = "card"
scheme = ["visa"]
percentage = "1.45"
fixed = { EUR = "0.11", KRW = "120" }
minimum = { EUR = "0.40" }
cap = { EUR = "4.00" }

[[fee_schedule.price]]
method = "carrier"
tiers = { kind = "interval", EUR = [ { from = "0", to = "50.00", percentage = "5" }, { from = "50.00", percentage = "3.3" } ], KRW = [ { from = "0", percentage = "4.35" } ] }
fixed = { EUR = "0.30", KRW = "0" }

[[fee_schedule.price]]
percentage = "2.9"
fixed = { EUR = "0.30", KRW = "100" }

[[fee_schedule]]
name = "sum"
until = "2026-03-15"
rounding = "half_up"
scope = "invoice"
vat = { percentage = "included", fixed = "added", event = "included" }
returned_on_refund = "all"
event = { refund = { EUR = "0.10", KRW = "7" } }
percentage = "0.03"
fixed = { EUR = "0.0037", KRW = "0.41" }

[[fee_schedule]]
name = "sum"
effective_from = "2026-03-15"
rounding = "down"
scope = "batch"
vat = "added"
returned_on_refund = "percentage"
percentage = "0.021"
fixed = { EUR = "0.0041", KRW = "0.3" }

[[fee_schedule]]
name = "contract"
rounding = "up"
scope = "contract"
vat = "included"
returned_on_refund = "all"
percentage = "0.0077"
fixed = { EUR = "0.0019", KRW = "0.9" }
"#;

fn merchant(name: &str, schedule: &str) -> String {
    format!(
        "\n[[merchant]]\nname = \"{name}\"\nfee_schedule = \"{schedule}\"\nstate = \"active\"\n\
         negative_limit = {{ EUR = \"1000000.00\", KRW = \"100000000\" }}\n"
    )
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// What the audit tells, and what it sums.
async fn audited(test: &TestStore, deployment: &Deployment, span: &Span) -> (Vec<FeeRow>, FeeSummary) {
    let mut rows = Vec::new();
    let mut snapshot = Snapshot::open(&test.store).await.expect("a snapshot");
    let mut each = |row: FeeRow| -> Result<(), StoreError> {
        rows.push(row);
        Ok(())
    };
    let summary = audit_fees(&mut snapshot, deployment, span, &mut each).await;
    snapshot.close().await;
    (rows, summary.expect("an audit"))
}

/// What differs, one text a figure: merchant, entry, payment, component, expected and posted minor units.
async fn differences(test: &TestStore, deployment: &Deployment) -> Vec<String> {
    let (rows, summary) = audited(test, deployment, &Span::default()).await;
    let differ: Vec<&FeeRow> = rows.iter().filter(|row| !row.line.agrees()).collect();
    assert_eq!(u64::try_from(differ.len()).expect("a count"), summary.differences);
    let minor = |parts: Option<i128>| {
        let decimal = parts.map(|parts| Decimal::try_from_i128_with_scale(parts, 10).expect("a decimal"));
        decimal.map_or(String::new(), |decimal| decimal.normalize().to_string())
    };
    let tell = |row: &&FeeRow| {
        let place = row.place.as_ref();
        let number = place.map_or("table".to_owned(), |place| format!("entry {}", place.number));
        let payment = place.and_then(|place| place.payment.clone()).unwrap_or_default();
        let (expected, posted) = (minor(row.line.expected), minor(row.line.posted));
        format!(
            "{} {number} {payment} {}: {expected} {posted}{}",
            row.merchant, row.line.component, row.line.detail
        )
    };
    differ.iter().map(tell).collect()
}

/// Σ of an account over all books.
async fn balance(test: &TestStore, code: i16, currency: &str) -> i64 {
    let row = test
        .admin
        .query_one(
            "select coalesce(sum(credits - debits), 0)::bigint from balance join account on account.id = account_id
             where code = $1 and currency = $2",
            &[&code, &currency],
        )
        .await;
    row.expect("a sum").get(0)
}

/// Exact and posted of the only accrual of a merchant.
async fn accrual(test: &TestStore, merchant: &str) -> (Decimal, i64) {
    let rows = test
        .admin
        .query(
            "select exact, posted from accrual join book on book.id = book_id where merchant = $1",
            &[&merchant],
        )
        .await
        .expect("accruals");
    assert_eq!(rows.len(), 1, "{merchant}");
    let (exact, posted): (Decimal, i64) = (rows[0].get(0), rows[0].get(1));
    assert!((exact - Decimal::from(posted)).abs() < Decimal::ONE, "{exact} {posted}");
    (exact.normalize(), posted)
}

/// Authorization and capture of 10 KRW.
fn micropayments(merchant: &str, places: std::ops::Range<u32>) -> Vec<PaymentEvent> {
    let mut all = Vec::new();
    for place in places {
        let payment = format!("p-{place}");
        for (kind, word) in [(EntryKind::Authorization, "a"), (EntryKind::Capture, "c")] {
            all.push(event(kind, merchant, &payment, &format!("{word}-{place}"), 10, "KRW"));
        }
    }
    all
}

fn answering(kind: EntryKind, to: &PaymentEvent, reference: &str) -> PaymentEvent {
    let mut answer = PaymentEvent {
        kind,
        reference: reference.to_owned(),
        ..to.clone()
    };
    answer.details.original = Some(to.reference.clone());
    answer
}

async fn recorded(test: &TestStore, deployment: &Deployment, events: &[PaymentEvent], expected: &Verdict) {
    let source = events::source(&test.store, "events").await;
    let verdicts = events::record(&test.store, deployment, source, events)
        .await
        .expect("verdicts");
    for (event, verdict) in events.iter().zip(&verdicts) {
        assert_eq!(verdict, expected, "{} {}", event.merchant, event.reference);
    }
}

/// An event file of these events, without details.
fn file(directory: &std::path::Path, name: &str, events: &[PaymentEvent]) -> EventFile {
    let path = directory.join(name);
    let mut out = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
    for event in events {
        let line = serde_json::json!({
            "kind": event.kind.name(), "merchant": event.merchant, "payment": event.payment, "reference": event.reference,
            "amount": event.money.to_decimal_text(), "currency": event.money.currency().code(),
            "occurred_at": event.occurred_at.to_rfc3339(), "acquirer": event.acquirer,
        });
        writeln!(out, "{line}").expect("a line");
    }
    out.flush().expect("a file");
    EventFile::open(&path).expect("an event file")
}

#[tokio::test]
async fn ten_thousand_times_three_tenths_are_three_thousand() {
    let test = support::store().await;
    let text = [HOUSE, MICRO, &merchant("m", "micro")].concat();
    let deployment = apply(&test.store, &text).await;
    // Batches of all sizes, in the store's own call and as files.
    let directory = support::directory();
    let mut done = 0_u32;
    for (place, size) in [1_u32, 2, 3, 94, 900, 2000, 3000, 4000].into_iter().enumerate() {
        let events = micropayments("m", done..done + size);
        if place % 2 == 0 {
            recorded(&test, &deployment, &events, &Verdict::Recorded).await;
        } else {
            let file = file(directory.path(), &format!("{place}.jsonl"), &events);
            let mut each = |_: Tally, rejected: Vec<Rejected>| {
                assert_eq!(rejected, []);
                Ok(())
            };
            test.store
                .record(&deployment, &file, &mut each)
                .await
                .expect("a record");
        }
        done += size;
        let (exact, posted) = accrual(&test, "m").await;
        assert_eq!(exact, Decimal::new(i64::from(done) * 3, 1).normalize());
        assert_eq!(balance(&test, 4020, "KRW").await, posted);
    }
    assert_eq!(done, 10_000);
    assert_eq!(accrual(&test, "m").await, (Decimal::from(3000), 3000));
    assert_eq!(balance(&test, 4020, "KRW").await, 3000);
    assert_eq!(balance(&test, 2010, "KRW").await, 100_000 - 3000);
    assert_eq!(balance(&test, 5900, "KRW").await, 0);
    // Again, as one file this time: nothing moves.
    let before = dump::content(&test.admin).await;
    let again = micropayments("m", 0..10_000);
    recorded(&test, &deployment, &again, &Verdict::Replayed).await;
    assert!(dump::content(&test.admin).await == before);
    assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_undoes_a_capture_takes_its_exact_fee_away() {
    let test = support::store().await;
    let text = [HOUSE, MICRO, &merchant("m", "micro")].concat();
    let deployment = apply(&test.store, &text).await;
    let made = micropayments("m", 0..1000);
    recorded(&test, &deployment, &made, &Verdict::Recorded).await;
    assert_eq!(accrual(&test, "m").await, (Decimal::from(300), 300));
    let captures: Vec<&PaymentEvent> = made.iter().filter(|event| event.kind == EntryKind::Capture).collect();
    let of = |kind: EntryKind, word: &str, captures: &[&PaymentEvent]| -> Vec<PaymentEvent> {
        let answers = captures.iter().zip(0_u32..);
        answers
            .map(|(capture, place)| answering(kind, capture, &format!("{word}-{place}")))
            .collect()
    };
    // 7 withdrawn: 2.1 less.
    let voids = of(EntryKind::CaptureVoid, "v", &captures[..7]);
    recorded(&test, &deployment, &voids, &Verdict::Recorded).await;
    assert_eq!(accrual(&test, "m").await.0, Decimal::new(2979, 1));
    // 100 refunded whole, each in three parts: 30 less.
    let parts: Vec<PaymentEvent> = captures[100..200]
        .iter()
        .flat_map(|capture| {
            [(1_i64, 3_i64), (2, 3), (3, 4)].map(|(place, minor)| PaymentEvent {
                kind: EntryKind::Refund,
                reference: format!("r-{}-{place}", capture.payment),
                money: acquit::money::Money::from_minor(minor, capture.money.currency()),
                ..(*capture).clone()
            })
        })
        .collect();
    for batch in parts.chunks(37) {
        recorded(&test, &deployment, batch, &Verdict::Recorded).await;
        accrual(&test, "m").await;
    }
    assert_eq!(accrual(&test, "m").await.0, Decimal::new(2679, 1));
    // All of those refunds fail: as if they had never been.
    let failures: Vec<PaymentEvent> = parts
        .iter()
        .map(|refund| answering(EntryKind::RefundFailure, refund, &format!("f-{}", refund.reference)))
        .collect();
    for batch in failures.chunks(41) {
        recorded(&test, &deployment, batch, &Verdict::Recorded).await;
        accrual(&test, "m").await;
    }
    let (exact, posted) = accrual(&test, "m").await;
    assert_eq!(exact, Decimal::new(2979, 1));
    let charged = balance(&test, 4020, "KRW").await + balance(&test, 4090, "KRW").await;
    assert_eq!(charged, posted);
    // Everything again: nothing moves.
    let before = dump::content(&test.admin).await;
    for events in [&voids, &parts, &failures, &made] {
        recorded(&test, &deployment, events, &Verdict::Replayed).await;
    }
    assert!(dump::content(&test.admin).await == before);
    assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
}

#[tokio::test]
async fn two_lanes_keep_two_sums() {
    let test = support::store().await;
    // Enough merchants that both lanes have some.
    let names: Vec<String> = (0..6).map(|number| format!("m{number}")).collect();
    let merchants: String = names.iter().map(|name| merchant(name, "micro")).collect();
    let deployment = apply(&test.store, &[HOUSE, MICRO, &merchants].concat()).await;
    let of: Vec<Vec<PaymentEvent>> = names.iter().map(|name| micropayments(name, 0..1001)).collect();
    let mut mixed = Vec::new();
    for place in 0..of[0].len() {
        mixed.extend(of.iter().map(|events| events[place].clone()));
    }
    assert!(mixed.len() >= acquit::store::record::LANES_FROM);
    let directory = support::directory();
    let file = file(directory.path(), "mixed.jsonl", &mixed);
    for replayed in [false, true] {
        let mut tally = Tally::default();
        let mut each = |told: Tally, rejected: Vec<Rejected>| {
            assert_eq!(rejected, []);
            tally.add(told);
            Ok(())
        };
        test.store
            .record(&deployment, &file, &mut each)
            .await
            .expect("a record");
        let told = if replayed { tally.replayed } else { tally.recorded };
        assert_eq!(told, u64::try_from(mixed.len()).expect("a count"));
        for name in &names {
            assert_eq!(accrual(&test, name).await.0, Decimal::new(3003, 1), "{name}");
        }
    }
    assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
}

/// A payment's life, much of which may be refused.
fn life(rng: &mut ChaCha8Rng, merchant: &str, place: u32) -> Vec<PaymentEvent> {
    let currency = ["EUR", "KRW"][rng.random_range(0..2)];
    let payment = format!("p-{place}");
    let amount = rng.random_range(100..40_000);
    let start = TimeDelta::minutes(rng.random_range(0..58 * 24 * 60));
    let mut first = event(
        EntryKind::Authorization,
        merchant,
        &payment,
        &format!("{payment}-a"),
        amount,
        currency,
    );
    first.occurred_at = day("2026-02-01").and_hms_opt(0, 0, 0).expect("midnight").and_utc() + start;
    let word = |rng: &mut ChaCha8Rng, words: &[&str]| {
        let chosen = words[rng.random_range(0..words.len())];
        (!chosen.is_empty()).then(|| chosen.to_owned())
    };
    first.details.method = word(rng, &["card", "carrier", "wallet", ""]);
    first.details.scheme = word(rng, &["visa", "mastercard", ""]);
    first.details.card_country = word(rng, &["DE", "KR", ""]);
    let bare = PaymentEvent {
        details: acquit::payment::event::Details::default(),
        ..first.clone()
    };
    let mut all = vec![first];
    for step in 0..rng.random_range(1..14_u32) {
        let kind = [
            EntryKind::Capture,
            EntryKind::Capture,
            EntryKind::Capture,
            EntryKind::CaptureVoid,
            EntryKind::Refund,
            EntryKind::Refund,
            EntryKind::Refund,
            EntryKind::RefundFailure,
            EntryKind::RefundFailure,
            EntryKind::Chargeback,
            EntryKind::ChargebackReversal,
        ][rng.random_range(0..11)];
        let minor = rng.random_range(1..=amount);
        let mut next = PaymentEvent {
            kind,
            reference: format!("{payment}-{step}"),
            money: acquit::money::Money::from_minor(minor, bare.money.currency()),
            occurred_at: bare.occurred_at + TimeDelta::hours(i64::from(step) * 9),
            ..bare.clone()
        };
        let undoes = [
            (EntryKind::CaptureVoid, EntryKind::Capture),
            (EntryKind::RefundFailure, EntryKind::Refund),
        ];
        let undoes = undoes.into_iter().find(|(undoing, _)| *undoing == kind);
        if let Some((_, undone)) = undoes {
            let known: Vec<&PaymentEvent> = all.iter().filter(|event| event.kind == undone).collect();
            if known.is_empty() {
                continue;
            }
            let original = known[rng.random_range(0..known.len())];
            next.money = original.money;
            next.details.original = Some(original.reference.clone());
        }
        if matches!(kind, EntryKind::Chargeback | EntryKind::ChargebackReversal) {
            next.details.case = Some(format!("{payment}-case-{step}"));
        }
        all.push(next);
    }
    all
}

/// Payments of all merchants, their events mixed and recorded in batches.
async fn lives(test: &TestStore, deployment: &Deployment, seed: u64, payments: u32) -> BTreeMap<EntryKind, u32> {
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut waiting: Vec<std::collections::VecDeque<PaymentEvent>> = (0..payments)
        .map(|place| {
            let merchant = ["item", "sum", "contract"][rng.random_range(0..3)];
            life(&mut rng, merchant, place).into()
        })
        .collect();
    let mut mixed = Vec::new();
    while !waiting.is_empty() {
        let place = rng.random_range(0..waiting.len());
        match waiting[place].pop_front() {
            Some(event) => mixed.push(event),
            None => drop(waiting.swap_remove(place)),
        }
    }
    let source = events::source(&test.store, &format!("lives {seed}")).await;
    let mut kinds = BTreeMap::new();
    let mut rest = mixed.as_slice();
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(rng.random_range(1..=200).min(rest.len()));
        let verdicts = events::record(&test.store, deployment, source, batch)
            .await
            .expect("verdicts");
        for (event, verdict) in batch.iter().zip(verdicts) {
            if verdict == Verdict::Recorded {
                *kinds.entry(event.kind).or_default() += 1;
            }
        }
        rest = after;
    }
    kinds
}

fn varied() -> String {
    let merchants = ["item", "sum", "contract"].map(|name| merchant(name, name));
    [HOUSE, VARIED, &merchants.concat()].concat()
}

#[tokio::test]
async fn every_fee_of_random_lives_is_worked_out_again() {
    for seed in [1, 2, 3] {
        let test = support::store().await;
        let deployment = apply(&test.store, &varied()).await;
        let kinds = lives(&test, &deployment, seed, 150).await;
        for kind in [
            EntryKind::Capture,
            EntryKind::CaptureVoid,
            EntryKind::Refund,
            EntryKind::RefundFailure,
            EntryKind::Chargeback,
            EntryKind::ChargebackReversal,
        ] {
            assert!(kinds.get(&kind).is_some_and(|count| *count > 3), "{kinds:?}");
        }
        assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
        let (rows, summary) = audited(&test, &deployment, &Span::default()).await;
        let components: BTreeSet<&str> = rows.iter().map(|row| row.line.component).collect();
        for component in [
            "percentage",
            "fixed",
            "dispute",
            "returned",
            "vat",
            "fixed_exact",
            "percentage_posted",
        ] {
            assert!(components.contains(component), "{component}: {components:?}");
        }
        // The sums are those of the accounts.
        for (component, code) in [
            ("percentage", 4010),
            ("fixed", 4020),
            ("dispute", 4030),
            ("returned", 4090),
            ("vat", 2300),
        ] {
            for currency in ["EUR", "KRW"] {
                let key = (component, acquit::money::Currency::parse(currency).expect("a currency"));
                let (expected, posted) = summary.totals.get(&key).copied().unwrap_or_default();
                let booked = i128::from(balance(&test, code, currency).await) * 10_000_000_000;
                assert_eq!((expected, posted), (booked, booked), "{component} {currency}");
            }
        }
        assert_eq!(summary.entries, u64::from(kinds.values().sum::<u32>()));
        assert!(summary.accruals.len() > 10);
        for accrual in &summary.accruals {
            assert!(accrual.remainder().abs() < 10_000_000_000, "{accrual:?}");
        }
    }
}

/// From a day on every merchant has another schedule, and the schedules other prices and policies.
#[tokio::test]
async fn settings_may_change_between_a_capture_and_what_becomes_of_it() {
    for seed in [6, 7, 8] {
        let test = support::store().await;
        apply(&test.store, &varied()).await;
        let later = varied()
            .replace("effective_from = \"2026-01-01\"", "effective_from = \"2026-03-02\"")
            .replace(
                "returned_on_refund = \"percentage\"",
                "returned_on_refund = \"nothing\"",
            )
            .replace("percentage = \"2.9\"", "percentage = \"3.1\"")
            .replace("percentage = \"0.0077\"", "percentage = \"0.0071\"")
            .replace(
                "dispute_fee_returned_when_won = true",
                "dispute_fee_returned_when_won = false",
            )
            .replace("fee_schedule = \"item\"", "fee_schedule = \"-\"")
            .replace("fee_schedule = \"sum\"", "fee_schedule = \"item\"")
            .replace("fee_schedule = \"-\"", "fee_schedule = \"sum\"");
        let deployment = apply(&test.store, &later).await;
        let kinds = lives(&test, &deployment, seed, 150).await;
        assert!(
            kinds.get(&EntryKind::CaptureVoid).is_some_and(|count| *count > 3),
            "{kinds:?}"
        );
        assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn days_and_merchants_choose_what_is_told() {
    let test = support::store().await;
    let deployment = apply(&test.store, &varied()).await;
    lives(&test, &deployment, 4, 60).await;
    let (all, whole) = audited(&test, &deployment, &Span::default()).await;
    let cut = day("2026-03-01");
    let mut entries = 0;
    let mut rows = 0;
    for merchant in ["item", "sum", "contract"] {
        for (from, to) in [(None, cut.pred_opt()), (Some(cut), None)] {
            let merchant = Some(merchant.to_owned());
            let (told, summary) = audited(&test, &deployment, &Span { merchant, from, to }).await;
            assert_eq!(summary.differences, 0);
            entries += summary.entries;
            rows += told.iter().filter(|row| row.place.is_some()).count();
            assert!(told.iter().filter_map(|row| row.place.as_ref()).all(|place| {
                from.is_none_or(|from| place.booking_date >= from) && to.is_none_or(|to| place.booking_date <= to)
            }));
        }
    }
    assert_eq!(entries, whole.entries);
    assert_eq!(rows, all.iter().filter(|row| row.place.is_some()).count());
}

#[tokio::test]
async fn whatever_is_changed_is_named() {
    let test = support::store().await;
    let deployment = apply(&test.store, &varied()).await;
    let mut first = event(EntryKind::Authorization, "item", "p-1", "a-1", 10_000, "EUR");
    first.details.method = Some("card".to_owned());
    first.details.scheme = Some("visa".to_owned());
    let capture = |merchant: &str, reference: &str, payment: &str, minor| {
        event(EntryKind::Capture, merchant, payment, reference, minor, "EUR")
    };
    let events = [
        first,
        capture("item", "c-1", "p-1", 10_000),
        event(EntryKind::Refund, "item", "p-1", "r-1", 5_000, "EUR"),
        event(EntryKind::Authorization, "sum", "q-1", "a-1", 10_000, "EUR"),
        capture("sum", "c-1", "q-1", 10_000),
    ];
    recorded(&test, &deployment, &events, &Verdict::Recorded).await;
    assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
    // 1.45 % of 100.00 EUR and 0.11 EUR; VAT 10 %, cut off, each.
    let of_book = |merchant: &str| format!("book_id = (select id from book where merchant = '{merchant}')");
    let (item, sum) = (of_book("item"), of_book("sum"));
    let to = |code: i16| format!("credit_account in (select id from account where code = {code})");
    let cases = [
        (
            format!(
                "update transfer set amount = 144 where {item} and entry_number = 2 and {}",
                to(4010)
            ),
            format!(
                "update transfer set amount = 145 where {item} and entry_number = 2 and {}",
                to(4010)
            ),
            vec!["item entry 2 p-1 percentage: 145 144"],
        ),
        (
            format!(
                "update transfer set amount = 3 where {item} and entry_number = 1 and {}",
                to(4020)
            ),
            format!(
                "update transfer set amount = 2 where {item} and entry_number = 1 and {}",
                to(4020)
            ),
            vec!["item entry 1 p-1 fixed: 2 3"],
        ),
        // The carrier price: 5 % of 50.00, 3.3 % of 50.00, and 0.30 EUR.
        (
            format!("update payment set method = 'carrier' where {item}"),
            format!("update payment set method = 'card' where {item}"),
            vec![
                "item entry 1 p-1 method:  the authorization says `card`, the table of payments `carrier`",
                "item entry 2 p-1 percentage: 415 145",
                "item entry 2 p-1 fixed: 30 11",
                "item entry 2 p-1 vat: 44 15",
                "item entry 3 p-1 returned: -208 -72",
                "item entry 3 p-1 vat: -18 -5",
            ],
        ),
        // 0.03 % of 100.00 EUR are 3.00 minor units, 0.0037 EUR are 0.37.
        (
            format!("update accrual set exact = exact + 0.1 where {sum} and component = 'fixed'"),
            format!("update accrual set exact = exact - 0.1 where {sum} and component = 'fixed'"),
            vec!["sum table  fixed_exact: 0.37 0.47"],
        ),
        (
            format!("update accrual set posted = 2, exact = 2.5 where {sum} and component = 'percentage'"),
            format!("update accrual set posted = 3, exact = 3 where {sum} and component = 'percentage'"),
            vec![
                "sum table  percentage_exact: 3 2.5",
                "sum table  percentage_posted: 3 2",
            ],
        ),
        (
            format!(
                "update entry set details = replace(details, '\"exact\":\"0.37\"', '\"exact\":\"0.36\"') where {sum}"
            ),
            format!(
                "update entry set details = replace(details, '\"exact\":\"0.36\"', '\"exact\":\"0.37\"') where {sum}"
            ),
            vec![
                "sum entry 2 q-1 fixed_exact: 0.37 0.36",
                "sum table  fixed_exact: 0.36 0.37",
            ],
        ),
        (
            format!("update entry set booking_date = '2026-03-16' where {sum} and number = 2"),
            format!("update entry set booking_date = '2026-03-02' where {sum} and number = 2"),
            // Another version of the schedule: other exact fees, of other accruals.
            vec![
                "sum entry 2 q-1 percentage_exact: 2.1 0",
                "sum entry 2 q-1 fixed_exact: 0.41 0",
                "sum entry 2 q-1 percentage_exact: 0 3",
                "sum entry 2 q-1 fixed_exact: 0 0.37",
            ],
        ),
    ];
    for table in ["transfer", "entry"] {
        let sql = format!("alter table {table} disable trigger all");
        test.admin.batch_execute(&sql).await.expect("no triggers");
    }
    for (tamper, mend, expected) in cases {
        test.admin.batch_execute(&tamper).await.expect("a change");
        assert_eq!(differences(&test, &deployment).await, expected, "{tamper}");
        test.admin.batch_execute(&mend).await.expect("a change");
        assert_eq!(differences(&test, &deployment).await, Vec::<String>::new(), "{mend}");
    }
}

fn fees_report(all: bool) -> Report {
    let span = SpanArgs::default();
    Report::Fees { span, all }
}

async fn printed(test: &TestStore, report: &Report, format: Format) -> (String, u64) {
    let mut out = Vec::new();
    match print(&test.store, report, format, &mut out).await {
        Ok(differences) => (String::from_utf8(out).expect("UTF-8"), differences),
        Err(failure) => panic!("{failure}"),
    }
}

#[tokio::test]
async fn the_report_says_what_differs_and_its_exit_code_too() {
    let test = support::store().await;
    let deployment = apply(&test.store, &varied()).await;
    lives(&test, &deployment, 5, 40).await;
    let (table, differences) = printed(&test, &fees_report(false), Format::Table).await;
    assert_eq!(differences, 0);
    assert!(
        table.starts_with("Merchant fees, worked out again from the entries; everything so far; ")
            && table
                .lines()
                .next()
                .is_some_and(|title| title.contains(" looked at, all agree; books ")),
        "{table}"
    );
    let rows = |json: &str| -> Vec<BTreeMap<String, String>> { serde_json::from_str(json).expect("JSON") };
    let few = rows(&printed(&test, &fees_report(false), Format::Json).await.0);
    let sections: BTreeSet<&str> = few.iter().map(|row| row["section"].as_str()).collect();
    assert_eq!(sections, BTreeSet::from(["accrual", "total"]));
    let all = rows(&printed(&test, &fees_report(true), Format::Json).await.0);
    assert!(all.iter().any(|row| row["section"] == "agrees") && all.len() > few.len());
    // The manifest's totals are those of the totals.
    let directory = support::directory();
    let manifest = match write_to(&test.store, &fees_report(false), directory.path()).await {
        Ok(manifest) => manifest,
        Err(failure) => panic!("{failure}"),
    };
    assert_eq!(manifest.rows, u64::try_from(few.len()).expect("a count"));
    let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for row in few.iter().filter(|row| row["section"] == "total") {
        let posted: i64 = row["posted_minor"].parse().expect("a figure");
        let sum = sums.entry(row["currency"].clone()).or_default();
        *sum = (sum.0 + posted.max(0), sum.1 - posted.min(0));
    }
    for (currency, (debits, credits)) in sums {
        let total = &manifest.totals[&currency];
        assert_eq!(
            (total.debits_minor.clone(), total.credits_minor.clone()),
            (debits.to_string(), credits.to_string())
        );
    }
    let code = |test: &TestStore, arguments: &[&str]| test.acquit().args(arguments).output().expect("the binary");
    assert_eq!(code(&test, &["report", "fees"]).status.code(), Some(0));
    let sql = "alter table transfer disable trigger all;
        update transfer set amount = amount + 1 where (book_id, entry_number, ordinal) = (
            select book_id, entry_number, ordinal from transfer join account on account.id = credit_account
            where code = 4010 order by 1, 2, 3 limit 1)";
    test.admin.batch_execute(sql).await.expect("a change");
    let told = code(&test, &["report", "fees", "--format", "csv"]);
    assert_eq!(told.status.code(), Some(2), "{told:?}");
    let told = String::from_utf8(told.stdout).expect("UTF-8");
    assert_eq!(
        told.lines().filter(|line| line.starts_with("differs,")).count(),
        1,
        "{told}"
    );
    assert!(told.contains(",percentage,"), "{told}");
    let out = directory.path().to_str().expect("UTF-8");
    assert_eq!(code(&test, &["report", "fees", "--out", out]).status.code(), Some(2));
}

#[tokio::test]
async fn a_payment_is_explained_step_by_step() {
    let test = support::store().await;
    let deployment = apply(&test.store, &varied()).await;
    let mut first = event(EntryKind::Authorization, "item", "p-1", "a-1", 10_000, "EUR");
    first.details.method = Some("card".to_owned());
    first.details.scheme = Some("visa".to_owned());
    let events = [
        first,
        event(EntryKind::Capture, "item", "p-1", "c-1", 10_000, "EUR"),
        event(EntryKind::Refund, "item", "p-1", "r-1", 5_000, "EUR"),
        event(EntryKind::Authorization, "sum", "q-0", "a-0", 10_000, "EUR"),
        event(EntryKind::Capture, "sum", "q-0", "c-0", 10_000, "EUR"),
        event(EntryKind::Authorization, "sum", "q-1", "a-1", 20_000, "EUR"),
        event(EntryKind::Capture, "sum", "q-1", "c-1", 20_000, "EUR"),
        event(EntryKind::Refund, "sum", "q-1", "r-1", 5_000, "EUR"),
    ];
    recorded(&test, &deployment, &events, &Verdict::Recorded).await;
    let explained = async |merchant: &str, payment: &str| -> Vec<String> {
        let mut snapshot = Snapshot::open(&test.store).await.expect("a snapshot");
        let found = fees_of_payment(&mut snapshot, &deployment, merchant, payment).await;
        snapshot.close().await;
        let FeesOfPayment::Entries(entries) = found.expect("an explanation") else {
            return vec!["unknown merchant".to_owned()];
        };
        entries
            .iter()
            .flat_map(|entry| {
                let steps = entry
                    .steps
                    .iter()
                    .map(|step| format!("{} {}: {}", entry.number, step.about, step.text));
                let posted = entry.transfers.iter().map(|transfer| {
                    let codes = [transfer.debit.code.number(), transfer.credit.code.number()];
                    format!("{} {} <- {} {}", entry.number, codes[0], codes[1], transfer.amount)
                });
                steps.chain(posted).collect::<Vec<_>>()
            })
            .collect()
    };
    let item = explained("item", "p-1").await;
    assert_eq!(
        item,
        [
            "1 settings: in force from 2026-01-01, fee schedule `item` of version 2000-01-01",
            "1 event: authorization fee of `item`: 0.02 EUR and VAT 0.00 EUR (added 10 down)",
            "1 2020 <- 4020 2",
            "2 inputs: gross 100.00 EUR, booked 2026-03-02, method card, scheme visa, card country unknown",
            "2 settings: in force from 2026-01-01, fee schedule `item` of version 2000-01-01",
            "2 schedule: `item`; rounding half_even, each capture by itself",
            "2 price: 1 of 3: for method card, scheme visa",
            "2 percentage: 1.45 % of 100.00 EUR",
            "2 percentage: is 1.45 EUR",
            "2 fixed: 0.11 EUR",
            "2 vat: percentage: 1.45 EUR and VAT 0.14 EUR (10 % added, rounded down)",
            "2 vat: fixed: 0.11 EUR and VAT 0.01 EUR (10 % added, rounded down)",
            "2 1100 <- 2010 10000",
            "2 2010 <- 4010 145",
            "2 2010 <- 2300 14",
            "2 2010 <- 4020 11",
            "2 2010 <- 2300 1",
            "3 settings: in force from 2026-01-01, fee schedule `item` of version 2000-01-01",
            "3 returned: 50.00 EUR of the captured 100.00 EUR are refunded: 0.72 EUR of the fee 1.45 EUR and 0.07 EUR of its VAT \
             0.14 EUR go back in all, of which 0.00 EUR and 0.00 EUR went back before",
            "3 event: refund fee of `item`: 0.25 EUR and VAT 0.02 EUR (added 10 down)",
            "3 2020 <- 1100 5000",
            "3 4090 <- 2020 72",
            "3 2300 <- 2020 7",
            "3 2020 <- 4020 25",
            "3 2020 <- 2300 2",
        ]
    );
    // 0.37 of the payment before and 0.74 ... of this one: what is posted follows the exact sum.
    let sum = explained("sum", "q-1").await;
    for step in [
        "4 accrual: percentage: the exact sum grows from 0.03 EUR to 0.09 EUR, what is posted from 0.03 EUR to 0.09 EUR",
        "4 accrual: fixed: the exact sum grows from 0.0037 EUR to 0.0074 EUR, what is posted from 0.00 EUR to 0.01 EUR",
        "5 accrual: percentage: the exact sum goes from 9 to 7.5 minor units of EUR, what is posted from 0.09 EUR to 0.08 EUR",
        "5 accrual: fixed: the exact sum goes from 0.74 to 0.6475 minor units of EUR, what is posted from 0.01 EUR to 0.01 EUR",
    ] {
        assert!(sum.iter().any(|line| line == step), "{step}\n{}", sum.join("\n"));
    }
    assert_eq!(explained("item", "p-9").await, Vec::<String>::new());
    assert_eq!(explained("nobody", "p-1").await, ["unknown merchant"]);
    // The command: stable JSON; what is not there is a failure.
    let run = |arguments: &[&str]| {
        test.acquit()
            .args(["fees", "explain"])
            .args(arguments)
            .output()
            .expect("the binary")
    };
    let told = run(&["p-1", "--merchant", "item", "--format", "json"]);
    let json: Vec<BTreeMap<String, String>> = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(json.len(), item.len());
    let keys: Vec<&str> = json[0].keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "about",
            "amount",
            "booking_date",
            "credit",
            "currency",
            "debit",
            "kind",
            "number",
            "text"
        ]
    );
    assert_eq!(
        (json[2]["about"].as_str(), json[2]["credit"].as_str()),
        ("posting", "4020 fee:fixed")
    );
    for wrong in [["p-9", "--merchant", "item"], ["p-1", "--merchant", "nobody"]] {
        assert_eq!(run(&wrong).status.code(), Some(1));
    }
}

const MINIMUM: &str = r#"
[[fee_schedule]]
name = "minimum"
rounding = "half_even"
vat = "added"
returned_on_refund = "all"
percentage = "2.5"
fixed = { EUR = "0.12", KRW = "0" }
monthly_minimum = { EUR = "25.00", KRW = "1000" }
"#;

fn told(closed: &Closed) -> Vec<String> {
    let tell = |top_up: &acquit::store::fees::TopUp| {
        let state = match top_up.state {
            State::Reached => "reached".to_owned(),
            State::Due(_) => "due".to_owned(),
            State::Booked(_) => "booked before".to_owned(),
        };
        format!(
            "{} {} + {} + {} {state}",
            top_up.merchant, top_up.charged, top_up.fee, top_up.vat
        )
    };
    closed.top_ups.iter().map(tell).collect()
}

#[tokio::test]
async fn a_month_is_topped_up_to_its_minimum_once() {
    let test = support::store().await;
    let other = |name: &str, state: &str| {
        let text = merchant(name, "minimum");
        text.replace("\"active\"", &format!("\"{state}\""))
    };
    let text = [
        HOUSE,
        MINIMUM,
        MICRO,
        &merchant("busy", "minimum"),
        &merchant("idle", "minimum"),
        &merchant("free", "micro"),
        &other("new", "applied"),
    ]
    .concat();
    apply(&test.store, &format!("{text}{}", other("gone", "active"))).await;
    // One of them is stopped in the middle of the month.
    let later = format!("{text}{}", other("gone", "suspended"));
    let later = later.replace("effective_from = \"2026-01-01\"", "effective_from = \"2026-03-15\"");
    let deployment = apply(&test.store, &later).await;
    let (month, today) = (day("2026-03-01"), day("2026-04-01"));
    let mut events = Vec::new();
    for (place, occurred) in [
        "2026-02-28T23:59:59Z",
        "2026-03-01T00:00:00Z",
        "2026-03-31T23:59:59Z",
        "2026-04-01T00:00:00Z",
    ]
    .iter()
    .enumerate()
    {
        for kind in [EntryKind::Authorization, EntryKind::Capture] {
            let mut event = event(
                kind,
                "busy",
                &format!("p-{place}"),
                &format!("{kind}-{place}"),
                5_000,
                "EUR",
            );
            event.occurred_at = occurred.parse().expect("an instant");
            events.push(event);
        }
    }
    recorded(&test, &deployment, &events, &Verdict::Recorded).await;
    // Two captures of the month, each 1.25 + 0.12 EUR: 2.74; 22.26 are missing, and 10 %, later 12 %, of them.
    let expected = |state: &str| {
        vec![
            format!("busy 2.74 EUR + 22.26 EUR + 2.67 EUR {state}"),
            format!("busy 0 KRW + 1000 KRW + 120 KRW {state}"),
            format!("idle 0.00 EUR + 25.00 EUR + 3.00 EUR {state}"),
            format!("idle 0 KRW + 1000 KRW + 120 KRW {state}"),
        ]
    };
    let before = dump::content(&test.admin).await;
    let planned = test.store.plan_month(&deployment, month).await.expect("a plan");
    assert_eq!(told(&planned), expected("due"));
    let passed_over: Vec<String> = planned
        .passed_over
        .iter()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    assert_eq!(
        passed_over,
        ["gone: not active on 2026-03-15", "new: not active on 2026-03-01"]
    );
    assert!(dump::content(&test.admin).await == before);
    let early = test.store.close_month(&deployment, month, day("2026-03-31")).await;
    assert!(matches!(early, Err(CloseError::NotOver { .. })));
    let before_all = test.store.close_month(&deployment, day("2025-12-01"), today).await;
    assert!(matches!(before_all, Err(CloseError::NoSettings(_))));

    // Twenty at once: one books, and everybody is told what is there.
    let all = join_all((0..20).map(|_| test.store.close_month(&deployment, month, today))).await;
    let mut due = 0;
    for closed in all {
        let closed = closed.expect("a closed month");
        due += closed
            .top_ups
            .iter()
            .filter(|top_up| matches!(top_up.state, State::Due(_)))
            .count();
        assert_eq!(closed.top_ups.len(), 4);
    }
    assert_eq!(due, 4);
    assert_eq!(balance(&test, 4040, "EUR").await, 2226 + 2500);
    assert_eq!(balance(&test, 4040, "KRW").await, 2000);
    let rows = test
        .admin
        .query(
            "select reference, booking_date, source.kind from entry join source on source.id = source_id
             join book on book.id = book_id where entry.kind = 23 and merchant = 'idle' order by 1",
            &[],
        )
        .await
        .expect("entries");
    let found: Vec<(String, NaiveDate, String)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let last = day("2026-03-31");
    assert_eq!(
        found,
        ["EUR", "KRW"].map(|currency| (
            format!("acquit:minimum top-up 2026-03 {currency}"),
            last,
            "run".to_owned()
        ))
    );
    assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
    support::books::prove(&test.admin, None).await.expect("proven books");

    // A late capture of the month changes nothing of it; the next month is topped up by itself.
    let mut late: Vec<PaymentEvent> = events[2..4].to_vec();
    for event in &mut late {
        event.payment = "p-late".to_owned();
        event.reference = format!("late {}", event.kind);
    }
    recorded(&test, &deployment, &late, &Verdict::Recorded).await;
    let again = test
        .store
        .close_month(&deployment, month, today)
        .await
        .expect("a closed month");
    assert!(
        again
            .top_ups
            .iter()
            .all(|top_up| matches!(top_up.state, State::Booked(_)))
    );
    assert_eq!(balance(&test, 4040, "EUR").await, 2226 + 2500);
    assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
    let april = test
        .store
        .close_month(&deployment, today, today + Days::new(30))
        .await
        .expect("a closed month");
    assert_eq!(told(&april)[0], "busy 1.37 EUR + 23.63 EUR + 2.84 EUR due");

    // A top-up of another amount than the month was short of is named.
    let sql = "alter table transfer disable trigger all;
        update transfer set amount = 2400 where amount = 2500";
    test.admin.batch_execute(sql).await.expect("a change");
    let found = differences(&test, &deployment).await;
    assert!(
        found.contains(&"idle entry 1  minimum_top_up: 2500 2400".to_owned()),
        "{found:?}"
    );
}

#[tokio::test]
async fn fees_given_back_never_raise_a_minimum_and_a_taken_reference_is_named() {
    let test = support::store().await;
    let text = [HOUSE, MINIMUM, &merchant("m", "minimum"), &merchant("n", "minimum")].concat();
    let deployment = apply(&test.store, &text).await;
    let at = |mut event: PaymentEvent, occurred: &str| {
        event.occurred_at = occurred.parse().expect("an instant");
        event
    };
    let (early, late) = ("2026-02-10T12:00:00Z", "2026-03-10T12:00:00Z");
    let events = [
        at(event(EntryKind::Authorization, "m", "p", "a", 200_000, "EUR"), early),
        at(event(EntryKind::Capture, "m", "p", "c", 200_000, "EUR"), early),
        at(event(EntryKind::Refund, "m", "p", "r", 200_000, "EUR"), late),
    ];
    recorded(&test, &deployment, &events, &Verdict::Recorded).await;
    let today = day("2026-05-01");
    let february = test
        .store
        .plan_month(&deployment, day("2026-02-01"))
        .await
        .expect("a plan");
    assert_eq!(told(&february)[0], "m 50.12 EUR + 0.00 EUR + 0.00 EUR reached");
    let march = test
        .store
        .close_month(&deployment, day("2026-03-01"), today)
        .await
        .expect("a month");
    assert_eq!(told(&march)[0], "m 0.00 EUR + 25.00 EUR + 3.00 EUR due");
    assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
    // Somebody called a payment's event so.
    let taken = event(
        EntryKind::Authorization,
        "n",
        "p",
        "acquit:minimum top-up 2026-04 EUR",
        100,
        "EUR",
    );
    recorded(&test, &deployment, &[taken], &Verdict::Recorded).await;
    let error = test
        .store
        .close_month(&deployment, day("2026-04-01"), today)
        .await
        .expect_err("a taken reference");
    assert!(
        error.to_string().contains("`acquit:minimum top-up 2026-04 EUR`"),
        "{error}"
    );
    // Nothing was booked for anybody.
    assert_eq!(balance(&test, 4040, "EUR").await, 2500 * 2);
    let told = test
        .acquit()
        .args(["fees", "close", "--month", "2026-04", "--execute"])
        .output()
        .expect("the binary");
    assert_eq!(told.status.code(), Some(1));
    let told = test
        .acquit()
        .args(["fees", "close", "--month", "2026-03"])
        .output()
        .expect("the binary");
    let out = String::from_utf8_lossy(&told.stdout);
    assert!(
        told.status.success() && out.contains("plan, nothing was booked") && out.contains("booked before"),
        "{out}"
    );
}

// Scopes --------------------------------------------------------------------------------------------------------------

/// Fifteen captures of 1.00 EUR at 0.3 %, five a day, told in any order and in batches: what was posted in all, the exact sums by
/// period with what is posted of each, and what one refund later takes away.
async fn scope(scope: &str, posted: i64, sums: &[&str], returned: &str) {
    let test = support::store().await;
    let schedule = format!(
        "\n[[fee_schedule]]\nname = \"s\"\nrounding = \"half_even\"\nscope = \"{scope}\"\nreturned_on_refund = \"all\"\n\
         percentage = \"0.3\"\nfixed = {{ EUR = \"0\" }}\n"
    );
    let deployment = apply(&test.store, &[HOUSE, &schedule, &merchant("m", "s")].concat()).await;
    let (mut promises, mut captures) = (Vec::new(), Vec::new());
    for (place, on) in ["2026-03-30", "2026-03-31", "2026-04-01"].iter().enumerate() {
        for item in 0..5 {
            let payment = format!("p-{place}-{item}");
            let at = |kind: EntryKind, word: &str| PaymentEvent {
                occurred_at: format!("{on}T{:02}:30:00Z", item * 5).parse().expect("an instant"),
                ..event(kind, "m", &payment, &format!("{payment}-{word}"), 100, "EUR")
            };
            promises.push(at(EntryKind::Authorization, "a"));
            captures.push(at(EntryKind::Capture, "c"));
        }
    }
    recorded(&test, &deployment, &promises, &Verdict::Recorded).await;
    // Days mixed: every fourth capture of the rest.
    let mixed: Vec<PaymentEvent> = (0..15).map(|place| captures[place * 4 % 15].clone()).collect();
    for batch in mixed.chunks(4) {
        recorded(&test, &deployment, batch, &Verdict::Recorded).await;
    }
    assert_eq!(balance(&test, 4010, "EUR").await, posted, "{scope}");
    let rows = async || -> Vec<String> {
        let sql = "select period || ': ' || trim_scale(exact) || ' ' || posted from accrual order by period";
        let rows = test.admin.query(sql, &[]).await.expect("accruals");
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(rows().await, sums, "{scope}");
    assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
    // Months later the first capture goes back: out of the sum that it went into.
    let refund = PaymentEvent {
        occurred_at: "2026-05-20T12:00:00Z".parse().expect("an instant"),
        ..event(EntryKind::Refund, "m", "p-0-0", "refund", 100, "EUR")
    };
    recorded(&test, &deployment, &[refund], &Verdict::Recorded).await;
    let told = [vec![balance(&test, 4090, "EUR").await.to_string()], rows().await].concat();
    assert_eq!(told.join("; "), returned, "{scope}");
    assert_eq!(differences(&test, &deployment).await, Vec::<String>::new());
    support::books::prove(&test.admin, None).await.expect("proven books");
}

#[tokio::test]
async fn each_item_is_rounded_by_itself() {
    scope("item", 0, &[], "0").await;
}

#[tokio::test]
async fn the_items_of_a_booking_day_are_rounded_together() {
    let sums = ["2026-03-30: 1.5 2", "2026-03-31: 1.5 2", "2026-04-01: 1.5 2"];
    let returned = "-1; 2026-03-30: 1.2 1; 2026-03-31: 1.5 2; 2026-04-01: 1.5 2";
    scope("batch", 6, &sums, returned).await;
}

#[tokio::test]
async fn the_items_of_a_month_are_rounded_together() {
    let sums = ["2026-03-01: 3 3", "2026-04-01: 1.5 2"];
    scope("invoice", 5, &sums, "0; 2026-03-01: 2.7 3; 2026-04-01: 1.5 2").await;
}

#[tokio::test]
async fn the_items_of_a_contract_are_rounded_together() {
    scope("contract", 4, &["2000-01-01: 4.5 4"], "0; 2000-01-01: 4.2 4").await;
}

// Costs passed on -----------------------------------------------------------------------------------------------------

const PLUS: &str = r#"
[[fee_schedule]]
name = "plus"
rounding = "half_even"
vat = { percentage = "added", costs = "added" }

[[fee_schedule.price]]
method = "card"
percentage = "0.5"
fixed = { USD = "0", GBP = "0" }
passes_costs = true

[[fee_schedule.price]]
percentage = "1"
fixed = { USD = "0", GBP = "0" }
"#;

/// A cost of a line is the merchant's where its price says so, and taxed at the rate of the day of the capture: 10 %, cut off; from
/// 20 March 12 %, half up.
async fn stage_of_costs() -> Stage {
    let text = [
        HOUSE.replace("\"gross\"", "\"net\""),
        PLUS.to_owned(),
        merchant("plus", "plus"),
        merchant("other", "plus"),
    ];
    let mut stage = Stage::of(&text.concat().replace("EUR", "USD")).await;
    stage
        .tell(
            "sale p1 80.00 USD m=plus method=card ref=A1
             sale p2 25.00 GBP m=plus method=card ref=A2
             sale p3 80.00 USD m=plus ref=A3
             sale p4 10.00 USD m=other method=card ref=A4
             file north 2026-03-03
             Settled +80.00 USD ref=A1 interchange=1.44 scheme=0.11 cost=0.21
             Settled +25.00 GBP ref=A2 rate=1.1636 net=28.14:EUR interchange=0.60 scheme=0.20 cost=0.15
             Settled +80.00 USD ref=A3 interchange=1.00 scheme=0.30
             Settled +10.00 USD ref=A4 interchange=0.10
             is plus USD 2010=0.00 4010=1.20 4060=1.55 2300=0.27 2020=156.98
             is plus GBP 2010=0.00 4010=0.12 4060=0.69 2300=0.07 2020=24.12
             is other USD 2010=0.00 4010=0.05 4060=0.10 2300=0.01 2020=9.84
             sale p5 10.00 USD m=plus method=card ref=A5 at=2026-03-19
             sale p6 10.00 USD m=plus method=card ref=A6 at=2026-03-20
             sale p7 10.00 USD m=plus method=card ref=A7 at=2026-03-20
             file north 2026-03-23
             Settled +10.00 USD ref=A5 interchange=0.49
             Settled +10.00 USD ref=A6 interchange=0.49
             Settled +10.00 USD ref=A7 interchange=-0.38 scheme=0.03
             is plus USD 2010=0.00 4010=1.35 4060=2.18 2300=0.35",
        )
        .await;
    stage
}

#[tokio::test]
async fn costs_passed_on_are_taxed_worked_out_again_and_explained() {
    let stage = stage_of_costs().await;
    let (test, deployment) = (&stage.test, &stage.deployment);
    assert_eq!(differences(test, deployment).await, Vec::<String>::new());
    let (rows, summary) = audited(test, deployment, &Span::default()).await;
    let lines = rows.iter().filter(|row| row.line.component == "cost_of_line");
    let payments: Vec<&str> = lines.filter_map(|row| row.place.as_ref()?.payment.as_deref()).collect();
    assert_eq!(payments, ["p4", "p1", "p2", "p5", "p6", "p7"]);
    for (component, code) in [("costs_passed_on", 4060), ("vat", 2300), ("percentage", 4010)] {
        for currency in ["USD", "GBP"] {
            let key = (component, acquit::money::Currency::parse(currency).expect("a currency"));
            let booked = i128::from(balance(test, code, currency).await) * 10_000_000_000;
            assert_eq!(summary.totals[&key], (booked, booked), "{component} {currency}");
        }
    }
    // By the day of the settlement, not by that of the sale.
    let span = |from: &str, to: &str| Span {
        merchant: Some("plus".to_owned()),
        from: Some(day(from)),
        to: Some(day(to)),
    };
    let usd = acquit::money::Currency::parse("USD").expect("a currency");
    let of_days = async |from: &str, to: &str| {
        let (_, summary) = audited(test, deployment, &span(from, to)).await;
        summary
            .totals
            .get(&("costs_passed_on", usd))
            .map(|(expected, _)| expected / 10_000_000_000)
    };
    assert_eq!(of_days("2026-03-01", "2026-03-02").await, None);
    assert_eq!(of_days("2026-03-03", "2026-03-03").await, Some(155));
    assert_eq!(of_days("2026-03-19", "2026-03-20").await, None);
    assert_eq!(of_days("2026-03-23", "2026-03-23").await, Some(63));
    let explained = async |payment: &str| -> Vec<String> {
        let mut snapshot = Snapshot::open(&test.store).await.expect("a snapshot");
        let found = fees_of_payment(&mut snapshot, deployment, "plus", payment).await;
        snapshot.close().await;
        let FeesOfPayment::Entries(entries) = found.expect("an explanation") else {
            panic!("the merchant is known");
        };
        let steps = entries.iter().flat_map(|entry| entry.steps.iter());
        let costs = steps.filter(|step| step.about == "costs");
        costs.map(|step| step.text.clone()).collect()
    };
    let of_line = "of its settlement file, booked by entry";
    let passed = "interchange and scheme fee of";
    assert_eq!(
        explained("p1").await,
        [format!(
            "line 2 {of_line} 7: {passed} 1.55 USD are passed on: 1.55 USD and VAT 0.15 USD (added 10 down)"
        )]
    );
    assert_eq!(
        explained("p2").await,
        [format!(
            "line 3 {of_line} 7: {passed} 0.80 EUR are passed on: 0.69 GBP and VAT 0.06 GBP (added 10 down)"
        )]
    );
    assert_eq!(explained("p3").await, Vec::<String>::new());
    assert_eq!(
        explained("p7").await,
        [format!(
            "line 4 {of_line} 14: {passed} -0.35 USD are passed on: -0.35 USD and VAT -0.04 USD (added 12 half_up)"
        )]
    );
}

#[tokio::test]
async fn whatever_is_changed_of_a_cost_is_named() {
    let stage = stage_of_costs().await;
    let (test, deployment) = (&stage.test, &stage.deployment);
    for table in ["transfer", "settlement_match", "settlement_line", "entry"] {
        let sql = format!("alter table {table} disable trigger all");
        test.admin.batch_execute(&sql).await.expect("no triggers");
    }
    let of_account = |merchant: &str, code: i16| {
        format!(
            "book_id = (select id from book where merchant = '{merchant}')
             and (select kind from entry where entry.book_id = transfer.book_id and number = entry_number) = 10
             and credit_account in (select id from account where code = {code})"
        )
    };
    let line = |set: &str, reference: &str| {
        format!("update settlement_line set {set} where acquirer_reference = '{reference}'")
    };
    let matched = |set: &str, reference: &str| {
        format!(
            "update settlement_match set {set} from settlement_line line
             where line.source_id = settlement_match.source_id and line.ordinal = settlement_match.ordinal
             and acquirer_reference = '{reference}'"
        )
    };
    let cases = [
        // A transfer of the settlement: of one payment's cost, and of more than one.
        (
            format!(
                "update transfer set amount = 9 where amount = 10 and {}",
                of_account("other", 4060)
            ),
            format!(
                "update transfer set amount = 10 where amount = 9 and {}",
                of_account("other", 4060)
            ),
            vec!["other entry 3 p4 costs_passed_on: 10 9"],
        ),
        (
            format!(
                "update transfer set amount = amount + 5 where entry_number = 14 and {}",
                of_account("plus", 2300)
            ),
            format!(
                "update transfer set amount = amount - 5 where entry_number = 14 and {}",
                of_account("plus", 2300)
            ),
            vec!["plus entry 14  vat: 6 11the sum of 3 captures"],
        ),
        // What the acquirer says: more interchange than was passed on.
        (
            line("interchange = interchange + 7", "A1"),
            line("interchange = interchange - 7", "A1"),
            vec![
                "plus entry 7 p1 cost_of_line: 162 155",
                "plus entry 7 p1 cost_of_line_vat: 16 15",
            ],
        ),
        // What the match says.
        (
            matched("passed_on = passed_on - 1", "A6"),
            matched("passed_on = passed_on + 1", "A6"),
            vec![
                "plus entry 14 p6 cost_of_line: 49 48",
                "plus entry 14  costs_passed_on: 62 63the sum of 3 captures",
            ],
        ),
        (
            matched("passed_on = null, passed_on_vat = null", "A4"),
            matched("passed_on = 10, passed_on_vat = 1", "A4"),
            vec![
                "other entry 3 p4 cost_of_line: 10 ",
                "other entry 3 p4 cost_of_line_vat: 1 ",
                "other entry 3  costs_passed_on: 0 10",
                "other entry 3  vat: 0 1",
            ],
        ),
        (
            matched("passed_on = 130, passed_on_vat = 13", "A3"),
            matched("passed_on = null, passed_on_vat = null", "A3"),
            vec![
                "plus entry 7 p3 cost_of_line:  130",
                "plus entry 7 p3 cost_of_line_vat:  13",
                "plus entry 7  costs_passed_on: 285 155the sum of 2 captures",
                "plus entry 7  vat: 28 15the sum of 2 captures",
            ],
        ),
        // A settlement that nobody finds.
        (
            "update entry set reference = 'x' || reference where kind = 10 and book_id = (select id from book where merchant = 'other')"
                .to_owned(),
            "update entry set reference = substr(reference, 2) where reference like 'xacquit:%'".to_owned(),
            vec![
                "other entry 0 p4 costs_passed_on: 10 0",
                "other entry 0 p4 vat: 1 0",
                "other entry 3  costs_passed_on: 0 10",
                "other entry 3  vat: 0 1",
            ],
        ),
    ];
    for (tamper, mend, expected) in cases {
        test.admin.batch_execute(&tamper).await.expect("a change");
        assert_eq!(differences(test, deployment).await, expected, "{tamper}");
        test.admin.batch_execute(&mend).await.expect("a change");
        assert_eq!(differences(test, deployment).await, Vec::<String>::new(), "{mend}");
    }
    let sql = matched("passed_on = passed_on + 1", "A1");
    test.admin.batch_execute(&sql).await.expect("a change");
    let told = test
        .acquit()
        .args(["report", "fees", "--format", "csv"])
        .output()
        .expect("the binary");
    let out = String::from_utf8_lossy(&told.stdout);
    assert_eq!(told.status.code(), Some(2), "{out}");
    assert!(
        out.lines()
            .any(|line| line.starts_with("differs,plus,7,settlement,2026-03-03,p1,cost_of_line,")),
        "{out}"
    );
}

#[tokio::test]
async fn an_aggregate_passes_its_costs_on() {
    let text = [
        HOUSE.replace("\"gross\"", "\"net\""),
        PLUS.to_owned(),
        merchant("plus", "plus"),
    ];
    let mut stage = Stage::of(&text.concat().replace("EUR", "USD")).await;
    stage
        .tell(
            "authorization p1 30.00 USD m=plus method=card
             authorization p2 30.00 USD m=plus
             capture p1 10.00 USD m=plus aggregate=g name=c1
             capture p2 10.00 USD m=plus aggregate=g refused=aggregate_differs
             capture p1 20.00 USD m=plus aggregate=g name=c2
             aggregate p1 30.00 USD m=plus aggregate=g items=2 ref=G
             is plus USD 2010=29.84 4010=0.15 2300=0.01
             file north 2026-03-03
             Settled +30.00 USD ref=G interchange=0.49 scheme=0.02
             is plus USD 2010=0.00 4060=0.51 2300=0.06 2020=29.28",
        )
        .await;
    assert_eq!(differences(&stage.test, &stage.deployment).await, Vec::<String>::new());
}
