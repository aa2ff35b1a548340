//! Authorizations past their time: what expires, when, and that it does not matter who books it or how often.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use acquit::ledger::entry::EntryKind;
use acquit::payment::event::PaymentEvent;
use acquit::store::record::{EventFile, LANES_FROM, Rejected, Tally};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::availability::SETTINGS;
use crate::stage::{Stage, currency};
use crate::support::day::another;
use crate::support::events::{event, json_line, record};
use crate::support::{self, dump};

/// The expiries in the books: reference, time, booking date, amount.
async fn expiries(stage: &Stage) -> Vec<String> {
    let rows = stage
        .test
        .admin
        .query(
            "select format('%s | %s | %s | %s', reference, to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), booking_date, amount)
             from entry join transfer on transfer.book_id = entry.book_id and entry_number = number
             where kind = 13 order by entry.book_id, number",
            &[],
        )
        .await
        .expect("expiries");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn what_is_open_expires_at_its_time() {
    let stage = Stage::told(
        SETTINGS,
        "authorization p1 100.00 USD before=2026-03-09T12:00:00Z
         authorization p2 100.00 USD
         authorization p3 100.00 USD before=2026-03-09T12:00:00Z
         capture p3 80.00 USD
         authorization p4 100.00 USD before=2026-03-09T12:00:00Z
         capture p4 80.00 USD final=yes
         expire 2026-03-09T11:59:59.999999Z
         is plain USD 9010=220.00
         expire 2026-03-09T12:00:00Z
         is plain USD 9010=100.00 9020=100.00
         capture p3 20.00 USD name=late at=2026-03-10
         is plain USD 9010=100.00 1100=180.00
         void p1 100.00 USD refused=nothing_open",
    )
    .await;
    assert_eq!(
        expiries(&stage).await,
        [
            "acquit:expiry of p1 | 2026-03-09 12:00 | 2026-03-09 | 10000",
            "acquit:expiry of p3 | 2026-03-09 12:00 | 2026-03-09 | 2000",
        ]
    );
    // The acquirer took what had expired here: booked, and somebody is to look at it.
    let flagged = "select class, reference from break join entry using (book_id, number)";
    let rows = stage.test.admin.query(flagged, &[]).await.expect("breaks");
    let flags: Vec<(&str, &str)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(flags, [("STATUS_MISMATCH", "late")]);
}

#[tokio::test]
async fn what_is_opened_again_expires_again() {
    let stage = Stage::told(
        SETTINGS,
        "authorization p1 100.00 USD before=2026-03-09T12:00:00Z
         capture p1 80.00 USD
         expire 2026-03-10T00:00:00Z
         is plain USD 9010=0.00
         capture_void p1 80.00 USD original=p1-capture at=2026-03-10
         is plain USD 9010=80.00
         expire 2026-03-11T00:00:00Z
         is plain USD 9010=0.00",
    )
    .await;
    assert_eq!(
        expiries(&stage).await,
        [
            "acquit:expiry of p1 | 2026-03-09 12:00 | 2026-03-09 | 2000",
            "acquit:expiry of p1, 2 | 2026-03-09 12:00 | 2026-03-09 | 8000",
        ]
    );
    // An increment may give it more time.
    let stage = Stage::told(
        SETTINGS,
        "authorization p1 100.00 USD before=2026-03-09T12:00:00Z
         authorization_increment p1 20.00 USD before=2026-03-12T12:00:00Z at=2026-03-05
         expire 2026-03-10T00:00:00Z
         is plain USD 9010=120.00
         expire 2026-03-13T00:00:00Z
         is plain USD 9010=0.00",
    )
    .await;
    assert_eq!(
        expiries(&stage).await,
        ["acquit:expiry of p1 | 2026-03-12 12:00 | 2026-03-12 | 12000"]
    );
}

#[tokio::test]
async fn the_booking_date_is_the_houses_and_never_before_its_settings() {
    let mut stage = Stage::of(&SETTINGS.replace("\"UTC\"", "\"Asia/Seoul\"")).await;
    stage
        .tell(
            "authorization p1 100.00 USD before=2026-03-09T20:00:00Z
             authorization p2 50.00 USD at=2026-01-01 before=2025-12-30T00:00:00Z
             expire 2026-04-01T00:00:00Z",
        )
        .await;
    assert_eq!(
        expiries(&stage).await,
        [
            "acquit:expiry of p2 | 2025-12-30 00:00 | 2026-01-01 | 5000",
            "acquit:expiry of p1 | 2026-03-09 20:00 | 2026-03-10 | 10000",
        ]
    );
}

const VALIDITY: &str = r#"
[[validity]]
scheme = "visa"
valid_for = "7 days"
[[validity]]
scheme = "visa"
initiator = "merchant"
valid_for = "114 hours"
[[validity]]
scheme = "mastercard"
auth_type = "pre"
valid_for = "30 days"
"#;

#[tokio::test]
async fn the_validity_table_says_when() {
    let mut stage = Stage::of(&format!("{SETTINGS}{VALIDITY}")).await;
    stage
        .tell(
            "authorization customer 1.00 USD scheme=visa type=final initiator=customer
             authorization merchant 2.00 USD scheme=visa type=final initiator=merchant
             authorization pre 4.00 USD scheme=mastercard type=pre initiator=customer
             authorization final 8.00 USD scheme=mastercard type=final
             authorization later 16.00 USD scheme=visa before=2026-03-20T00:00:00Z
             authorization sooner 32.00 USD scheme=mastercard type=pre before=2026-03-02T12:30:00Z
             authorization other 64.00 USD before=2026-03-03T00:00:00Z
             expire 2026-03-02T12:29:59.999999Z
             is plain USD 9010=127.00
             expire 2026-03-02T12:30:00Z
             is plain USD 9010=95.00
             expire 2026-03-07T05:59:59Z
             is plain USD 9010=31.00
             expire 2026-03-07T06:00:00Z
             is plain USD 9010=29.00
             expire 2026-03-09T12:00:00Z
             is plain USD 9010=28.00
             expire 2026-04-01T11:59:59Z
             is plain USD 9010=12.00
             expire 2027-01-01T00:00:00Z
             is plain USD 9010=8.00",
        )
        .await;
    // What another version of the table says is for authorizations of its days.
    let sooner = format!("{SETTINGS}{VALIDITY}")
        .replace("2026-01-01", "2026-04-10")
        .replace("7 days", "1 day");
    stage.apply(&sooner).await;
    stage
        .tell(
            "authorization old 1.00 USD scheme=visa at=2026-04-09
             authorization new 2.00 USD scheme=visa at=2026-04-10
             expire 2026-04-15T00:00:00Z
             is plain USD 9010=9.00
             expire 2026-04-16T12:00:00Z
             is plain USD 9010=8.00",
        )
        .await;
}

fn start() -> DateTime<Utc> {
    "2026-03-05T00:00:00Z".parse().expect("an instant")
}

/// Authorizations of four merchants in two currencies, captured in part, that expire within 14 days after [`start`].
fn authorizations(seed: u64, count: usize) -> Vec<PaymentEvent> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut events = Vec::new();
    for number in 0..count {
        let merchant = ["plain", "roll", "both", "plus"][rng.random_range(0..4)];
        let code = ["USD", "GBP"][rng.random_range(0..2)];
        let amount = rng.random_range(100..100_000);
        let of = |kind: EntryKind, minor: i64| {
            let name = format!("p{number}-{}", kind.name());
            event(kind, merchant, &format!("p{number}"), &name, minor, code)
        };
        let mut authorization = of(EntryKind::Authorization, amount);
        // Many at the same moment, and some never.
        authorization.details.capture_before =
            (rng.random_range(0..10) > 0).then(|| start() + TimeDelta::hours(rng.random_range(0..336)));
        events.push(authorization);
        if rng.random_bool(0.3) {
            events.push(of(EntryKind::Capture, rng.random_range(1..=amount)));
        }
    }
    events
}

async fn staged(events: &[PaymentEvent]) -> Stage {
    let stage = Stage::of(SETTINGS).await;
    record(&stage.test.store, &stage.deployment, stage.source, events)
        .await
        .expect("recorded");
    stage
}

#[tokio::test]
async fn one_run_is_as_good_as_many() {
    let events = authorizations(1, 400);
    let end = start() + TimeDelta::days(14);
    let once = staged(&events).await;
    once.test
        .store
        .expire(&once.deployment, end, &|_| {})
        .await
        .expect("an expiry");
    once.holds().await;
    let expected = dump::content(&once.test.admin).await;
    assert!(expected.matches("acquit:expiry of p").count() > 200);

    for seed in 2..5 {
        println!("seed {seed}");
        let many = staged(&events).await;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut cutoff = start();
        while cutoff < end {
            // Forwards, and sometimes again or back.
            let back = TimeDelta::minutes(rng.random_range(0..600));
            many.test
                .store
                .expire(&many.deployment, cutoff - back, &|_| {})
                .await
                .expect("an expiry");
            many.test
                .store
                .plan_expiry(&many.deployment, end, &|_| {})
                .await
                .expect("a plan");
            cutoff += TimeDelta::minutes(rng.random_range(1..5000));
        }
        many.test
            .store
            .expire(&many.deployment, end, &|_| {})
            .await
            .expect("an expiry");
        let found = dump::content(&many.test.admin).await;
        assert_eq!(expected, found, "{}", dump::difference(&expected, &found));
    }
}

/// Records events as a file of JSON Lines, as a person does.
async fn record_file(stage: &Stage, events: &[&PaymentEvent]) {
    let directory = support::directory();
    let path = directory.path().join("events.jsonl");
    let lines: String = events.iter().map(|event| json_line(event)).collect();
    std::fs::write(&path, lines).expect("a file");
    let file = EventFile::open(&path).expect("events");
    let mut each = |_: Tally, rejected: Vec<Rejected>| {
        assert_eq!(rejected, []);
        Ok(())
    };
    let store = &stage.test.store;
    let tally = store.record(&stage.deployment, &file, &mut each).await;
    assert_eq!(usize::try_from(tally.expect("a record").recorded), Ok(events.len()));
}

/// The expiries by book and payment, without their numbers and what they follow in the chain.
async fn by_payment(stage: &Stage) -> Vec<String> {
    let rows = stage
        .test
        .admin
        .query(
            "select format('%s | %s | %s | %s | %s | %s | %s', merchant, reference, encode(fingerprint, 'hex'), occurred_at, booking_date,
                source.name, (select string_agg(amount::text, ' ' order by ordinal) from transfer
                    where transfer.book_id = entry.book_id and entry_number = entry.number))
             from entry join book on book.id = entry.book_id join source on source.id = source_id
             where entry.kind = 13 order by merchant, reference",
            &[],
        )
        .await
        .expect("expiries");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_order_in_which_payments_came_does_not_matter() {
    let end = start() + TimeDelta::days(14);
    // Enough for two lanes beside each other, and for more than one transaction of expiries.
    let mut payments: Vec<Vec<PaymentEvent>> = Vec::new();
    for event in authorizations(11, 8_500) {
        match payments.last_mut().filter(|last| last[0].payment == event.payment) {
            Some(last) => last.push(event),
            None => payments.push(vec![event]),
        }
    }
    let mut expected = Vec::new();
    for seed in [None, Some(1)] {
        if let Some(seed) = seed {
            payments.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        }
        let events: Vec<&PaymentEvent> = payments.iter().flatten().collect();
        assert!(events.len() > LANES_FROM);
        let stage = Stage::of(SETTINGS).await;
        record_file(&stage, &events).await;
        let store = &stage.test.store;
        store.expire(&stage.deployment, end, &|_| {}).await.expect("an expiry");
        let found = by_payment(&stage).await;
        assert!(found.len() > 5_000);
        if seed.is_none() {
            expected = found;
        } else {
            let differs = expected.iter().zip(&found).find(|(left, right)| left != right);
            assert_eq!((expected.len(), None), (found.len(), differs));
        }
        // In the order of their times, whatever came first.
        let order = "select count(*) from (select occurred_at < lag(occurred_at) over (partition by book_id order by number) as back
            from entry where kind = 13) step where back";
        let row = stage.test.admin.query_one(order, &[]).await.expect("the order");
        assert_eq!(row.get::<_, i64>(0), 0);
    }
}

#[tokio::test]
async fn twenty_runs_at_once_are_one() {
    // More than one transaction takes.
    let events = authorizations(7, 6_500);
    let end = start() + TimeDelta::days(14);
    let once = staged(&events).await;
    let plan = once
        .test
        .store
        .plan_expiry(&once.deployment, end, &|_| {})
        .await
        .expect("a plan");
    let expired = once
        .test
        .store
        .expire(&once.deployment, end, &|_| {})
        .await
        .expect("an expiry");
    assert_eq!(plan, expired);
    assert!(expired.values().map(|sum| sum.payments).sum::<u64>() > 5_000);

    let stage = staged(&events).await;
    let runs = (0..20).map(|_| async {
        let store = another(&stage.test.url, 1).await;
        store.expire(&stage.deployment, end, &|_| {}).await.expect("an expiry")
    });
    let mut sums = std::collections::BTreeMap::new();
    for run in join_all(runs).await {
        for (code, sum) in run {
            let entry: &mut (u64, i64) = sums.entry(code).or_default();
            entry.0 += sum.payments;
            entry.1 += sum.amount;
        }
    }
    let all: std::collections::BTreeMap<_, _> = expired
        .iter()
        .map(|(code, sum)| (*code, (sum.payments, sum.amount)))
        .collect();
    assert_eq!(sums, all);
    assert!(sums.contains_key(&currency("GBP")));
    let (expected, found) = (
        dump::content(&once.test.admin).await,
        dump::content(&stage.test.admin).await,
    );
    assert_eq!(expected, found, "{}", dump::difference(&expected, &found));
    stage.holds().await;
}
