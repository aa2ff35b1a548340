//! Many writers at once: no error, no deadlock, nothing lost, nothing twice.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;
use std::path::Path;

use acquit::ledger::entry::EntryKind;
use acquit::payment::event::PaymentEvent;
use acquit::store::payout::{Instruct, PayoutError};
use acquit::store::reconcile::FileOutcome;
use acquit::store::record::{EventFile, RecordError, Verdict};
use chrono::NaiveDate;
use futures_util::future::join_all;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tokio_postgres::Client;

use crate::support::{self, day, dump};

const SETTINGS: &str = r#"effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "UTC"
bank_account = "main"
[[acquirer]]
name = "north"
contract = "gross"
settles_within_days = 2
[[fee_schedule]]
name = "standard"
percentage = "2.9"
fixed = { EUR = "0.30" }
rounding = "half_even"
[payout]
minimum = {}
"#;
const WRITERS: usize = 8;
const MERCHANTS: usize = 6;
const PAYMENTS: usize = 8;

fn settings() -> String {
    let merchant = |number: usize| {
        format!(
            "[[merchant]]\nname = \"m{number}\"\nfee_schedule = \"standard\"\nnegative_limit = {{ EUR = \"1000000.00\" }}\n"
        )
    };
    SETTINGS.to_owned() + &(0..MERCHANTS).map(merchant).collect::<String>()
}

/// By reference: what became of each event, each time it was sent.
type Told = BTreeMap<String, Vec<&'static str>>;

/// Sends every event through two of the writers, each in an order of its own, all writers at once.
fn write(url: &str, phase: u64, events: &[PaymentEvent]) -> Told {
    let send = |writer: usize| -> Vec<(String, &'static str)> {
        let mut mine: Vec<PaymentEvent> = (0..)
            .zip(events)
            .filter(|(place, _)| [place % WRITERS, (place + 1 + place / WRITERS % 7) % WRITERS].contains(&writer))
            .map(|(_, event)| event.clone())
            .collect();
        let mut dice = ChaCha8Rng::seed_from_u64(phase * 100 + u64::try_from(writer).expect("a seed"));
        mine.shuffle(&mut dice);
        runtime().block_on(async {
            let store = day::another(url, 1).await;
            let deployment = store.deployment().await.expect("a deployment");
            let source = support::events::source(&store, &format!("writer {writer}")).await;
            let mut told = Vec::new();
            for batch in mine.chunks(9) {
                let verdicts = support::events::record(&store, &deployment, source, batch)
                    .await
                    .expect("no error");
                told.extend(
                    batch
                        .iter()
                        .zip(verdicts)
                        .map(|(event, verdict)| (event.reference.clone(), word(&verdict))),
                );
            }
            told
        })
    };
    let told: Vec<(String, &'static str)> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || send(writer))).collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().expect("a writer"))
            .collect()
    });
    let mut by_reference = Told::new();
    for (reference, word) in told {
        by_reference.entry(reference).or_default().push(word);
    }
    by_reference.values_mut().for_each(|words| words.sort_unstable());
    by_reference
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Recorded => "recorded",
        Verdict::Replayed => "replayed",
        Verdict::Rejected(refusal) => refusal.rule(),
    }
}

/// Events of one kind for every payment, with these amounts.
fn of_all_payments(kind: EntryKind, amounts: &[i64]) -> Vec<PaymentEvent> {
    let mut events = Vec::new();
    for (place, amount) in amounts.iter().enumerate() {
        for number in 0..MERCHANTS * PAYMENTS {
            let (merchant, payment) = (format!("m{}", number % MERCHANTS), format!("p{}", number / MERCHANTS));
            let reference = format!("{payment}-{kind}-{place}");
            // References are unique in a book: the merchant goes into the name for this test's own books.
            let reference = format!("{merchant}-{reference}");
            events.push(support::events::event(
                kind, &merchant, &payment, &reference, *amount, "EUR",
            ));
        }
    }
    events
}

/// Every event is one entry or none, and nothing that was refused would have fitted.
fn check_phase(told: &Told, events: &[PaymentEvent], cap: i64, rule: &str) {
    let mut taken: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for event in events {
        let words = &told[&event.reference];
        if words == &["recorded", "replayed"] {
            *taken.entry((&event.merchant, &event.payment)).or_default() += event.money.minor();
        } else {
            assert_eq!(words, &[rule, rule], "{}", event.reference);
        }
    }
    assert_eq!(taken.len(), MERCHANTS * PAYMENTS, "every payment had something taken");
    for event in events {
        let taken = taken[&(event.merchant.as_str(), event.payment.as_str())];
        assert!(taken <= cap, "{}: {taken} is beyond {cap}", event.payment);
        let refused = told[&event.reference][0] == rule;
        assert!(
            !refused || taken + event.money.minor() > cap,
            "{} would have fitted",
            event.reference
        );
    }
}

async fn deadlocks(admin: &Client) -> i64 {
    let sql = "select deadlocks from pg_stat_database where datname = current_database()";
    admin.query_one(sql, &[]).await.expect("statistics").get(0)
}

#[test]
fn eight_writers_on_the_same_merchants_neither_lose_nor_double() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let test = runtime.block_on(support::store());
    runtime.block_on(support::events::apply(&test.store, &settings()));
    let authorizations = of_all_payments(EntryKind::Authorization, &[10_000]);
    let told = write(&test.url, 1, &authorizations);
    assert!(
        told.values().all(|words| words == &["recorded", "replayed"]),
        "{told:?}"
    );
    let captures = of_all_payments(
        EntryKind::Capture,
        &[1_700, 2_900, 1_300, 3_100, 700, 2_300, 1_900, 4_700],
    );
    let told = write(&test.url, 2, &captures);
    check_phase(&told, &captures, 10_000, "exceeds_authorized");
    let captured: BTreeMap<(String, String), i64> = runtime.block_on(async {
        let sql = "select merchant, payment, captured from payment join book on book.id = book_id";
        let rows = test.admin.query(sql, &[]).await.expect("payments");
        rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()
    });
    for ((merchant, payment), captured) in &captured {
        let recorded = captures.iter().filter(|event| {
            (&event.merchant, &event.payment) == (merchant, payment) && told[&event.reference][0] == "recorded"
        });
        assert_eq!(
            recorded
                .map(|event| event.money.minor())
                .try_fold(0, i64::checked_add)
                .expect("a sum"),
            *captured
        );
    }
    let refunds = of_all_payments(EntryKind::Refund, &[2_100, 3_700, 1_100, 900, 2_700]);
    let told = write(&test.url, 3, &refunds);
    runtime.block_on(async {
        support::books::prove(&test.admin, None).await.expect("books in order");
        let sql = "select merchant, payment, refunded from payment join book on book.id = book_id";
        for row in test.admin.query(sql, &[]).await.expect("payments") {
            let (merchant, payment): (String, String) = (row.get(0), row.get(1));
            let cap = captured[&(merchant.clone(), payment.clone())];
            let of_payment: Vec<&PaymentEvent> = refunds
                .iter()
                .filter(|event| (&event.merchant, &event.payment) == (&merchant, &payment))
                .collect();
            let mut taken = 0;
            for event in &of_payment {
                match told[&event.reference].as_slice() {
                    ["recorded", "replayed"] => taken += event.money.minor(),
                    words => assert_eq!(words, ["exceeds_captured", "exceeds_captured"]),
                }
            }
            assert_eq!(row.get::<_, i64>(2), taken);
            assert!(taken <= cap, "{merchant} {payment}: {taken} refunded of {cap}");
            let refused = of_payment
                .iter()
                .filter(|event| told[&event.reference][0] == "exceeds_captured");
            assert!(
                refused.into_iter().all(|event| taken + event.money.minor() > cap),
                "{merchant} {payment}"
            );
        }
        assert_eq!(deadlocks(&test.admin).await, 0);
    });
}

/// A file of authorizations, by turns of two merchants.
fn authorizations_file(directory: &Path, name: &str, merchants: [&str; 2]) -> EventFile {
    let line = |number: usize| {
        let merchant = merchants[usize::from(number >= 20)];
        format!(
            r#"{{"kind":"authorization","merchant":"{merchant}","payment":"{name}{number}","reference":"{name}{number}","amount":"1.00","currency":"EUR","occurred_at":"2026-03-02T12:00:00Z","acquirer":"north"}}"#
        ) + "\n"
    };
    let path = directory.join(name);
    std::fs::write(&path, (0..40).map(line).collect::<String>()).expect("events");
    EventFile::open(&path).expect("an event file")
}

#[tokio::test]
async fn atomic_runs_in_opposite_order_queue() {
    let test = support::store().await;
    let deployment = support::events::apply(&test.store, &settings()).await;
    let files = support::directory();
    for round in 0..10 {
        let one = authorizations_file(files.path(), &format!("one{round}-"), ["m1", "m2"]);
        let other = authorizations_file(files.path(), &format!("other{round}-"), ["m2", "m1"]);
        let (store, another) = (&test.store, day::another(&test.url, 1).await);
        let (one, other) = ([one], [other]);
        let done = tokio::join!(
            store.record_atomically(&deployment, &one, 5),
            another.record_atomically(&deployment, &other, 5)
        );
        for tallies in [done.0, done.1] {
            assert_eq!(tallies.expect("no error")[0].recorded, 40);
        }
    }
    support::books::prove(&test.admin, None).await.expect("books in order");
    assert_eq!(deadlocks(&test.admin).await, 0);
}

#[tokio::test]
async fn a_file_that_changes_after_its_digest_is_refused_at_its_end() {
    let test = support::store().await;
    let deployment = support::events::apply(&test.store, &settings()).await;
    let files = support::directory();
    let recorded = async || -> i64 {
        let row = test.admin.query_one("select count(*) from entry", &[]).await;
        row.expect("a count").get(0)
    };
    let file = authorizations_file(files.path(), "first", ["m1", "m2"]);
    authorizations_file(files.path(), "later", ["m1", "m2"]);
    std::fs::rename(files.path().join("later"), files.path().join("first")).expect("another content");
    let error = test
        .store
        .record_atomically(&deployment, std::slice::from_ref(&file), 5)
        .await;
    assert!(matches!(error, Err(RecordError::Changed(_))), "{error:?}");
    assert_eq!(recorded().await, 0);
    let error = test.store.record(&deployment, &file, &mut |_, _| Ok(())).await;
    assert!(matches!(error, Err(RecordError::Changed(_))), "{error:?}");
    assert_eq!(recorded().await, 40, "what was recorded stays");
}

#[tokio::test]
async fn a_hundred_refunds_at_once_stay_within_the_capture() {
    let test = support::store().await;
    let deployment = support::events::apply(&test.store, &settings()).await;
    let source = support::events::source(&test.store, "events").await;
    let sale = [
        support::events::event(EntryKind::Authorization, "m0", "p", "a", 20_000, "EUR"),
        support::events::event(EntryKind::Capture, "m0", "p", "c", 20_000, "EUR"),
    ];
    support::events::record(&test.store, &deployment, source, &sale)
        .await
        .expect("a sale");
    let stores = join_all((0..4).map(|_| day::another(&test.url, 8))).await;
    let refunds = (0..100_usize).map(|number| {
        let (store, deployment) = (&stores[number % stores.len()], &deployment);
        async move {
            let refund = support::events::event(EntryKind::Refund, "m0", "p", &format!("r{number}"), 300, "EUR");
            support::events::record(store, deployment, source, &[refund])
                .await
                .expect("no error")
                .remove(0)
        }
    });
    let mut words: Vec<&str> = join_all(refunds).await.iter().map(word).collect();
    words.sort_unstable();
    let recorded = words.iter().filter(|word| **word == "recorded").count();
    let refused = words.iter().filter(|word| **word == "exceeds_captured").count();
    assert_eq!((recorded, refused), (66, 34));
    let refunded: i64 = test
        .admin
        .query_one("select refunded from payment", &[])
        .await
        .expect("a payment")
        .get(0);
    assert_eq!(refunded, 19_800);
    support::books::prove(&test.admin, None).await.expect("books in order");
}

#[tokio::test]
async fn a_file_reconciled_by_two_at_once_is_booked_once() {
    let files = day::simulated(60);
    let path = |name: &str| files.path().join(name);
    let (first, copy) = (path("settlement.csv"), path("settlement-copy.csv"));
    let test = support::store().await;
    let deployment = day::recorded(&test.store, files.path()).await;
    drop((test.store, test.admin));
    let (alone, same, renamed) = (
        support::copy_of(&test.url).await,
        support::copy_of(&test.url).await,
        support::copy_of(&test.url).await,
    );

    let store = day::another(&alone, 1).await;
    assert_eq!(day::reconcile(&store, &deployment, &first).await, FileOutcome::Booked);
    let content = dump::content(&support::client(&alone).await).await;

    let both = async |url: &str, files: [&Path; 2]| {
        let (one, other) = (day::another(url, 1).await, day::another(url, 1).await);
        tokio::join!(
            day::reconcile(&one, &deployment, files[0]),
            day::reconcile(&other, &deployment, files[1])
        )
    };
    let outcomes = both(&same, [&first, &first]).await;
    let expected = (FileOutcome::Booked, FileOutcome::AlreadyBooked);
    assert!(
        outcomes == expected || (outcomes.1.clone(), outcomes.0.clone()) == expected,
        "{outcomes:?}"
    );
    let admin = support::client(&same).await;
    let found = dump::content(&admin).await;
    assert!(found == content, "{}", dump::difference(&content, &found));
    support::books::prove(&admin, None).await.expect("books in order");

    let outcomes = both(&renamed, [&first, &copy]).await;
    let duplicate = |outcome: &FileOutcome| matches!(outcome, FileOutcome::Duplicate { .. });
    match &outcomes {
        (FileOutcome::Booked, other) | (other, FileOutcome::Booked) => assert!(duplicate(other), "{outcomes:?}"),
        _ => panic!("{outcomes:?}"),
    }
    let admin = support::client(&renamed).await;
    support::books::prove(&admin, None).await.expect("books in order");
    let found = dump::content(&admin).await;
    let without = |content: &str| -> Vec<String> {
        let lines = content.lines().filter(|line| !line.contains("DUPLICATE_FILE"));
        // Whichever name came first is the file's name.
        lines
            .map(|line| line.replace("settlement-copy.csv", "settlement.csv"))
            .collect()
    };
    assert_eq!(without(&content), without(&found));
    assert_eq!(found.lines().filter(|line| line.contains("DUPLICATE_FILE")).count(), 1);
}

#[tokio::test]
async fn twenty_of_each_pay_once() {
    let files = day::simulated(60);
    let cutoff: NaiveDate = day::CUTOFF.parse().expect("a day");
    let test = support::store().await;
    let deployment = day::recorded(&test.store, files.path()).await;
    day::reconcile(&test.store, &deployment, &files.path().join("settlement.csv")).await;
    let available = "select coalesce(sum(credits - debits) filter (where code = 2020), 0)::bigint,
        coalesce(sum(credits - debits) filter (where code = 2100), 0)::bigint from balance join account on account.id = account_id";
    let before = test.admin.query_one(available, &[]).await.expect("balances");
    let (before, none): (i64, i64) = (before.get(0), before.get(1));
    assert_eq!(none, 0);
    let out = support::directory();
    // Everybody does everything on a thread of their own, so every step races with every other, the files included.
    let work = async || {
        let store = day::another(&test.url, 1).await;
        let mut posted = 0;
        for _ in 0..2 {
            store.plan_payouts(&deployment, cutoff, "ann").await.expect("a plan");
            match store.approve_payouts(&deployment, cutoff, None, "bob").await {
                Ok(_) | Err(PayoutError::NothingPlanned(_)) => {}
                Err(error) => panic!("{error}"),
            }
            let done = store
                .instruct_payouts(&deployment, Instruct::all(cutoff, cutoff), out.path())
                .await;
            let done = done.expect("instructions");
            assert_eq!(done.cancelled, []);
            posted += done.posted.len();
        }
        posted
    };
    let posted: Vec<usize> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..20).map(|_| scope.spawn(|| runtime().block_on(work()))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker"))
            .collect()
    });
    let payouts = test.store.payouts(Some(cutoff), None).await.expect("payouts");
    assert!(payouts.len() > 1);
    assert!(payouts.iter().all(|payout| payout.state == "instructed"), "{payouts:?}");
    assert_eq!(posted.into_iter().try_fold(0, usize::checked_add), Some(payouts.len()));
    let paid = payouts
        .iter()
        .map(|payout| payout.money.minor())
        .try_fold(0, i64::checked_add)
        .expect("a sum");
    let after = test.admin.query_one(available, &[]).await.expect("balances");
    assert_eq!((after.get::<_, i64>(0), after.get::<_, i64>(1)), (before - paid, paid));
    let entries = "select count(*) from entry where kind = $1";
    let entries = test
        .admin
        .query_one(entries, &[&EntryKind::PayoutInstruction.id()])
        .await
        .expect("a count");
    assert_eq!(usize::try_from(entries.get::<_, i64>(0)), Ok(payouts.len()));
    let mut files: Vec<String> = std::fs::read_dir(out.path())
        .expect("files")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    files.sort_unstable();
    let lines: String = files
        .iter()
        .map(|name| std::fs::read_to_string(out.path().join(name)).expect("a file"))
        .collect();
    assert!(files.iter().all(|name| name.starts_with("payouts-")), "{files:?}");
    for payout in &payouts {
        assert_eq!(
            lines.matches(&format!("payout,{},", payout.end_to_end_id)).count(),
            1,
            "{}",
            payout.end_to_end_id
        );
    }
    support::books::prove(&test.admin, None).await.expect("books in order");
    // All confirm at once, too.
    let ids: Vec<String> = payouts.iter().map(|payout| payout.end_to_end_id.clone()).collect();
    let stores = join_all((0..20).map(|_| day::another(&test.url, 1))).await;
    let confirmed = join_all(
        stores
            .iter()
            .map(|store| store.confirm_payouts(&deployment, &ids, cutoff)),
    )
    .await;
    let confirmed = confirmed
        .into_iter()
        .map(|count| count.expect("no error"))
        .try_fold(0, u64::checked_add)
        .expect("a sum");
    assert_eq!(usize::try_from(confirmed), Ok(payouts.len()));
    support::books::prove(&test.admin, None).await.expect("books in order");
    assert_eq!(deadlocks(&test.admin).await, 0);
}
