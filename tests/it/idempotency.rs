//! The same request twice is done once, under every kind of bad luck; and a key that has expired moves no money either.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::cell::Cell;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use acquit::idempotency::{Answer, BODY_LIMIT, Canonical, FINGERPRINT_VERSION, Key, request_fingerprint};
use acquit::ids::SourceId;
use acquit::ledger::entry::{EntryKind, Fingerprint};
use acquit::payment::event::PaymentEvent;
use acquit::store::idempotency::Outcome;
use acquit::store::record::{Verdict, record_batch};
use acquit::store::settings::Deployment;
use acquit::store::{Store, StoreError, Tx};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::oneshot;
use tokio_postgres::error::SqlState;

use crate::support::proxy::{Fault, Proxy, When};
use crate::support::{self, TestStore, day, dump, events};

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
[[merchant]]
name = "ann"
fee_schedule = "standard"
negative_limit = { EUR = "1000.00" }
[[merchant]]
name = "bob"
fee_schedule = "standard"
negative_limit = { EUR = "1000.00" }
"#;

/// What a handler of requests would have at hand.
struct Desk {
    deployment: Deployment,
    source: SourceId,
}

/// A request, as a caller would send it.
struct Request {
    key: Key,
    event: PaymentEvent,
}

impl Request {
    /// A capture of payment `p` in cents, under a key.
    fn capture(key: &str, reference: &str, cents: i64) -> Self {
        Self::of(
            "ann",
            key,
            events::event(EntryKind::Capture, "ann", "p", reference, cents, "EUR"),
        )
    }

    fn of(merchant: &str, key: &str, event: PaymentEvent) -> Self {
        Self {
            key: Key::new(merchant, "live", "capture", key).expect("a key"),
            event,
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        let body = json!({"reference": self.event.reference, "amount": self.event.money.minor()}).to_string();
        let body = Canonical::parse(&body).expect("a body");
        let route = "/payments/{payment}/captures";
        request_fingerprint(
            FINGERPRINT_VERSION,
            "POST",
            route,
            &[("payment", &self.event.payment)],
            &body,
        )
    }

    async fn send(&self, store: &Store, desk: &Desk) -> Result<Outcome, StoreError> {
        self.send_as_of(None, store, desk).await
    }

    async fn send_as_of(&self, now: Option<&str>, store: &Store, desk: &Desk) -> Result<Outcome, StoreError> {
        let now = now.map(instant);
        store
            .once_as_of(now, &self.key, &self.fingerprint(), async |tx: &mut Tx| {
                book(tx, desk, &self.event).await
            })
            .await
    }
}

/// The work of a request: records its event, and says what became of it.
async fn book(tx: &mut Tx, desk: &Desk, event: &PaymentEvent) -> Result<Answer, StoreError> {
    let verdicts = record_batch(tx, &desk.deployment, desk.source, &[(1, event.clone())]).await?;
    let (status, became) = match &verdicts[..] {
        [Verdict::Recorded] => (201, "recorded"),
        [Verdict::Replayed] => (200, "replayed"),
        [Verdict::Rejected(refusal)] => (402, refusal.rule()),
        _ => panic!("{verdicts:?}"),
    };
    Ok(answer(status, &format!("{} {became}", event.reference)))
}

fn answer(status: u16, text: &str) -> Answer {
    Answer::new(status, &json!({"became": text})).expect("an answer")
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// A database in which `ann` and `bob` each have a payment `p` of 10.00 euros authorized.
async fn opened() -> (TestStore, Desk) {
    let test = support::store().await;
    let deployment = events::apply(&test.store, SETTINGS).await;
    let source = events::source(&test.store, "requests").await;
    let authorized = ["ann", "bob"]
        .map(|merchant| events::event(EntryKind::Authorization, merchant, "p", "authorized", 1000, "EUR"));
    let verdicts = events::record(&test.store, &deployment, source, &authorized).await;
    assert_eq!(verdicts.expect("a batch"), [Verdict::Recorded, Verdict::Recorded]);
    (test, Desk { deployment, source })
}

/// How many captures there are in all books, of how much.
async fn captured(test: &TestStore) -> (i64, i64) {
    let sql = "select (select count(*) from entry where kind = 3), (select sum(captured)::bigint from payment)";
    let row = test.admin.query_one(sql, &[]).await.expect("a row");
    support::books::prove(&test.admin, None).await.expect("books in order");
    (row.get(0), row.get(1))
}

async fn keys(test: &TestStore) -> i64 {
    let row = test.admin.query_one("select count(*) from idempotency_key", &[]).await;
    row.expect("a count").get(0)
}

/// Makes all keys as old as if they were first seen at this time.
async fn first_seen(test: &TestStore, at: &str) {
    let sql = format!(
        "alter table idempotency_key disable trigger idempotency_key_kept;
         set timezone = 'Europe/Vienna';
         update idempotency_key set first_seen = '{at}';
         reset timezone;
         alter table idempotency_key enable always trigger idempotency_key_kept;"
    );
    test.admin.batch_execute(&sql).await.expect("older keys");
}

/// Fails if something does not happen within a time that no healthy run needs.
async fn promptly<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work)
        .await
        .expect("an answer in time")
}

#[track_caller]
fn check(found: Result<Outcome, StoreError>, expected: &Outcome) {
    assert_eq!(found.expect("no error"), *expected);
}

fn recorded(reference: &str) -> Answer {
    answer(201, &format!("{reference} recorded"))
}

#[tokio::test]
async fn twenty_at_once_have_one_effect() {
    const SENDERS: usize = 20;
    const ROUNDS: i64 = 5;
    let (test, desk) = opened().await;
    let (barrier, url) = (Barrier::new(SENDERS), &test.url);
    let request = |round: i64| Request::capture(&format!("k{round}"), &format!("c{round}"), 100);
    // No sender fails before the last round, or the others would wait for it for ever.
    let send = || -> Vec<Result<Outcome, StoreError>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let store = day::another(url, 1).await;
            let mut outcomes = Vec::new();
            for round in 1..=ROUNDS {
                barrier.wait();
                outcomes.push(request(round).send(&store, &desk).await);
            }
            outcomes
        })
    };
    let told: Vec<Vec<Outcome>> = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
        let told = senders.into_iter().map(|sender| sender.join().expect("a sender"));
        told.map(|outcomes| outcomes.into_iter().collect::<Result<_, _>>().expect("no error"))
            .collect()
    });
    for round in 1..=ROUNDS {
        let place = usize::try_from(round - 1).expect("a place");
        let answer = recorded(&format!("c{round}"));
        let times = |outcome: &Outcome| told.iter().filter(|outcomes| outcomes[place] == *outcome).count();
        let (new, replayed) = (Outcome::New(answer.clone()), Outcome::Replayed(answer));
        let [news, replays, waits] = [&new, &replayed, &Outcome::InProgress].map(times);
        println!("round {round}: {news} new, {replays} replayed, {waits} in progress");
        assert_eq!((news, news + replays + waits), (1, SENDERS), "{told:?}");
        check(request(round).send(&test.store, &desk).await, &replayed);
    }
    assert_eq!(captured(&test).await, (ROUNDS, ROUNDS * 100));
    assert_eq!(keys(&test).await, ROUNDS);
}

#[tokio::test]
async fn a_key_is_in_progress_while_its_transaction_lasts() {
    let (test, desk) = opened().await;
    let request = Request::capture("k", "c", 100);
    let (begun, has_begun) = oneshot::channel();
    let (finish, may_finish) = oneshot::channel();
    let (begun, may_finish) = (Cell::new(Some(begun)), Cell::new(Some(may_finish)));
    let fingerprint = request.fingerprint();
    let first = test.store.once(&request.key, &fingerprint, async |tx: &mut Tx| {
        let done = book(tx, &desk, &request.event).await?;
        begun.take().expect("once").send(()).expect("somebody");
        may_finish.take().expect("once").await.expect("a word");
        Ok::<_, StoreError>(done)
    });
    let meanwhile = async {
        has_begun.await.expect("a beginning");
        check(request.send(&test.store, &desk).await, &Outcome::InProgress);
        // Which request it is cannot be known yet.
        let other = Request::capture("k", "d", 1);
        check(other.send(&test.store, &desk).await, &Outcome::InProgress);
        // Another merchant's key of the same text is another key.
        let theirs = Key::new("bob", "live", "capture", "k").expect("a key");
        let outcome = test
            .store
            .once(&theirs, &fingerprint, async |_: &mut Tx| {
                Ok::<_, StoreError>(answer(200, "bob's"))
            })
            .await;
        check(outcome, &Outcome::New(answer(200, "bob's")));
        finish.send(()).expect("somebody");
    };
    let (first, ()) = promptly(async { tokio::join!(first, meanwhile) }).await;
    check(first, &Outcome::New(recorded("c")));
    check(
        request.send(&test.store, &desk).await,
        &Outcome::Replayed(recorded("c")),
    );
    assert_eq!(captured(&test).await, (1, 100));
}

#[tokio::test]
async fn keys_that_share_a_number_only_hold_up_each_other() {
    let (test, desk) = opened().await;
    let request = Request::capture("k", "c", 100);
    let hold = format!("begin; select pg_advisory_xact_lock({})", request.key.lock_number());
    test.admin.batch_execute(&hold).await.expect("a lock");
    check(request.send(&test.store, &desk).await, &Outcome::InProgress);
    test.admin.batch_execute("commit").await.expect("an end");
    check(request.send(&test.store, &desk).await, &Outcome::New(recorded("c")));
}

#[tokio::test]
async fn a_used_key_refuses_another_request() {
    let (test, desk) = opened().await;
    check(
        Request::capture("k", "c", 100).send(&test.store, &desk).await,
        &Outcome::New(recorded("c")),
    );
    let before = dump::content(&test.admin).await;
    let mut of_another_payment = Request::capture("k", "c", 100);
    of_another_payment.event.payment = "q".to_owned();
    for other in [
        Request::capture("k", "c", 101),
        Request::capture("k", "d", 100),
        of_another_payment,
    ] {
        check(other.send(&test.store, &desk).await, &Outcome::Mismatch);
    }
    assert_eq!(dump::content(&test.admin).await, before);
}

#[tokio::test]
async fn a_key_is_of_its_scope_alone() {
    let (test, _) = opened().await;
    let fingerprint = Request::capture("k", "c", 100).fingerprint();
    let scopes = [
        ("ann", "live", "capture", "k"),
        ("bob", "live", "capture", "k"),
        ("ann", "test", "capture", "k"),
        ("ann", "live", "refund", "k"),
        ("ann", "live", "capture", "K"),
        ("ann", "live", "capture", "\"k2\""),
    ];
    for replayed in [false, true] {
        for (merchant, environment, operation, text) in scopes {
            let key = Key::new(merchant, environment, operation, text).expect("a key");
            let own = answer(200, &format!("{merchant} {environment} {operation} {text}"));
            let outcome: Result<Outcome, StoreError> = test
                .store
                .once(&key, &fingerprint, async |_: &mut Tx| {
                    assert!(!replayed, "{key:?} ran twice");
                    Ok(own.clone())
                })
                .await;
            let expected = if replayed { Outcome::Replayed } else { Outcome::New };
            check(outcome, &expected(own.clone()));
        }
    }
    let stored = test
        .admin
        .query("select key from idempotency_key order by key", &[])
        .await;
    let stored: Vec<String> = stored.expect("keys").iter().map(|row| row.get(0)).collect();
    assert_eq!(stored, ["K", "k", "k", "k", "k", "k2"], "without quotes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_lost_on_its_way_is_told_again() {
    for (when, expected) in [
        // COMMIT came through and its answer did not: the work is done.
        (When::After, Outcome::Replayed(recorded("c"))),
        // COMMIT never came: nothing is done.
        (When::Before, Outcome::New(recorded("c"))),
    ] {
        let (test, desk) = opened().await;
        let proxy = Proxy::start(&test.url, Some(Fault::Cut { commit: 1, when }));
        let store = day::another(proxy.url(), 2).await;
        let request = Request::capture("k", "c", 100);
        let lost = request.send(&store, &desk).await;
        assert!(
            matches!(lost, Err(StoreError::Lost { at_commit: true, .. })),
            "{lost:?}"
        );
        assert!(proxy.fired());
        assert_eq!(keys(&test).await, i64::from(when == When::After));
        check(request.send(&store, &desk).await, &expected);
        check(
            request.send(&test.store, &desk).await,
            &Outcome::Replayed(recorded("c")),
        );
        assert_eq!(captured(&test).await, (1, 100));
    }
}

#[tokio::test]
async fn a_caller_that_leaves_at_any_moment_finds_it_done_once() {
    let (test, desk) = opened().await;
    for polls in 0_i64.. {
        let (key, reference) = (format!("k{polls}"), format!("c{polls}"));
        let request = Request::capture(&key, &reference, 1);
        let ended = {
            let mut sent = Box::pin(request.send(&test.store, &desk));
            let mut left = polls;
            promptly(std::future::poll_fn(|context| {
                if left == 0 {
                    return std::task::Poll::Ready(false);
                }
                left -= 1;
                sent.as_mut().poll(context).map(|_| true)
            }))
            .await
        };
        // The transaction that was left may be under way still.
        let outcome = promptly(async {
            loop {
                let outcome = request.send(&test.store, &desk).await.expect("no error");
                if outcome != Outcome::InProgress {
                    break outcome;
                }
            }
        })
        .await;
        let told = recorded(&reference);
        assert!(
            [Outcome::Replayed(told.clone()), Outcome::New(told)].contains(&outcome),
            "{polls} polls: {outcome:?}"
        );
        assert_eq!(captured(&test).await, (polls + 1, polls + 1), "{polls} polls");
        assert_eq!(keys(&test).await, polls + 1, "{polls} polls");
        if ended {
            assert!(polls > 10, "{polls} polls are too few to have hit anything");
            assert!(matches!(outcome, Outcome::Replayed(_)));
            break;
        }
    }
}

#[tokio::test]
async fn work_that_fails_leaves_no_key() {
    let (test, desk) = opened().await;
    let request = Request::capture("k", "c", 100);
    let before = dump::content(&test.admin).await;
    let failed: Result<Outcome, StoreError> = test
        .store
        .once(&request.key, &request.fingerprint(), async |tx: &mut Tx| {
            book(tx, &desk, &request.event).await?;
            Err(StoreError::TooLarge("the work".to_owned()))
        })
        .await;
    assert!(matches!(failed, Err(StoreError::TooLarge(_))), "{failed:?}");
    let swallowed: Result<Outcome, StoreError> = test
        .store
        .once(&request.key, &request.fingerprint(), async |tx: &mut Tx| {
            book(tx, &desk, &request.event).await?;
            tx.query("select 1/0", &[]).await.expect_err("a division by zero");
            Ok(answer(200, "fine"))
        })
        .await;
    assert!(matches!(swallowed, Err(StoreError::Aborted)), "{swallowed:?}");
    assert_eq!(dump::content(&test.admin).await, before);
    check(request.send(&test.store, &desk).await, &Outcome::New(recorded("c")));
}

#[tokio::test]
async fn what_is_not_kept_leaves_nothing() {
    let (test, desk) = opened().await;
    let request = Request::capture("k", "c", 100);
    let before = dump::content(&test.admin).await;
    for status in [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504] {
        let outcome: Result<Outcome, StoreError> = test
            .store
            .once(&request.key, &request.fingerprint(), async |tx: &mut Tx| {
                book(tx, &desk, &request.event).await?;
                Ok(answer(status, "not now"))
            })
            .await;
        check(outcome, &Outcome::NotKept(answer(status, "not now")));
        assert_eq!(dump::content(&test.admin).await, before, "{status}");
    }
    check(request.send(&test.store, &desk).await, &Outcome::New(recorded("c")));
}

#[tokio::test]
async fn a_refusal_that_the_work_decided_is_told_again() {
    let (test, desk) = opened().await;
    let refund = events::event(EntryKind::Refund, "ann", "p", "r", 100, "EUR");
    let request = Request::of("ann", "k", refund.clone());
    let refused = request.send(&test.store, &desk).await.expect("no error");
    let Outcome::New(told) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(told.status(), 402);
    // Now it would be possible, but this request has its answer.
    check(
        Request::capture("c", "c", 100).send(&test.store, &desk).await,
        &Outcome::New(recorded("c")),
    );
    check(request.send(&test.store, &desk).await, &Outcome::Replayed(told));
    check(
        Request::of("ann", "k2", refund).send(&test.store, &desk).await,
        &Outcome::New(recorded("r")),
    );
}

#[tokio::test]
async fn a_transaction_that_lost_a_conflict_runs_again() {
    let (test, desk) = opened().await;
    let request = Request::capture("k", "c", 100);
    let attempts = Cell::new(0);
    let outcome: Result<Outcome, StoreError> = test
        .store
        .once(&request.key, &request.fingerprint(), async |tx: &mut Tx| {
            let done = book(tx, &desk, &request.event).await?;
            attempts.set(attempts.get() + 1);
            if attempts.get() < 3 {
                tx.run("do $$ begin raise exception using errcode = '40P01'; end $$")
                    .await?;
            }
            Ok(done)
        })
        .await;
    check(outcome, &Outcome::New(recorded("c")));
    assert_eq!((attempts.get(), captured(&test).await), (3, (1, 100)));
}

#[tokio::test]
async fn an_answer_lives_for_24_hours_of_the_database() {
    // The night in which Vienna, where a session may be, has a day of 23 hours.
    const SEEN: &str = "2026-03-28T12:00:00Z";
    let (test, desk) = opened().await;
    for (place, now, lives) in [
        (0, "2026-03-28T12:00:00Z", true),
        (1, "2026-03-29T11:00:00Z", true),
        (2, "2026-03-29T11:59:59.999Z", true),
        (3, "2026-03-29T11:59:59.999999Z", true),
        (4, "2026-03-29T12:00:00Z", false),
        (5, "2026-03-29T12:00:00.000001Z", false),
    ] {
        let reference = format!("c{place}");
        let request = Request::capture(&format!("k{place}"), &reference, 100);
        check(
            request.send(&test.store, &desk).await,
            &Outcome::New(recorded(&reference)),
        );
        first_seen(&test, SEEN).await;
        let expected = if lives {
            Outcome::Replayed(recorded(&reference))
        } else {
            // Its reference is taken for ever: it is new, and moves nothing.
            Outcome::New(answer(200, &format!("{reference} replayed")))
        };
        check(request.send_as_of(Some(now), &test.store, &desk).await, &expected);
        assert_eq!(captured(&test).await, (place + 1, (place + 1) * 100), "{now}");
        assert_eq!(keys(&test).await, place + 1, "{now}");
    }
    let sql = "select bool_and(expires_at - first_seen = interval '24 hours') and bool_and(expires_at = $1 or expires_at > now())
        from idempotency_key";
    let row = test.admin.query_one(sql, &[&instant("2026-03-29T12:00:00Z")]).await;
    assert!(row.expect("a row").get::<_, bool>(0));
}

#[tokio::test]
async fn an_expired_key_moves_no_money_a_second_time() {
    let (test, desk) = opened().await;
    let request = Request::capture("k", "c", 100);
    check(request.send(&test.store, &desk).await, &Outcome::New(recorded("c")));
    let books = async || -> String {
        let content = dump::content(&test.admin).await;
        content
            .lines()
            .filter(|line| !line.starts_with("idempotency_key"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let before = books().await;
    first_seen(&test, "2026-03-01T00:00:00Z").await;
    let replayed = answer(200, "c replayed");
    check(request.send(&test.store, &desk).await, &Outcome::New(replayed.clone()));
    check(request.send(&test.store, &desk).await, &Outcome::Replayed(replayed));
    first_seen(&test, "2026-03-01T00:00:00Z").await;
    // Another request may have the key now; what it asks of the reference is a conflict.
    let other = Request::capture("k", "c", 101);
    let conflict = answer(402, "c reference_conflict");
    check(other.send(&test.store, &desk).await, &Outcome::New(conflict));
    assert_eq!(books().await, before);
}

#[tokio::test]
async fn the_clock_of_a_caller_ends_no_life() {
    let (test, desk) = opened().await;
    let request = Request::capture("k", "c", 100);
    check(request.send(&test.store, &desk).await, &Outcome::New(recorded("c")));
    let before = dump::content(&test.admin).await;
    let ahead = Some("2999-01-01T00:00:00Z");
    let refusals = [
        request.send_as_of(ahead, &test.store, &desk).await.map(|_| ()),
        test.store
            .prune_idempotency_keys(10, ahead.map(instant))
            .await
            .map(|_| ()),
    ];
    for refusal in refusals {
        let Err(StoreError::Refused { code, .. }) = &refusal else {
            panic!("{refusal:?}");
        };
        assert_eq!(code, SqlState::RESTRICT_VIOLATION.code());
    }
    assert_eq!(dump::content(&test.admin).await, before);
}

#[tokio::test]
async fn the_pruner_takes_what_has_expired_in_pieces() {
    let (test, desk) = opened().await;
    let row = "insert into idempotency_key (merchant, environment, operation, key, fingerprint, status, body, first_seen)
        select 'ann', 'live', 'capture', 'k' || n, sha256('x'), 200, '{}', timestamptz '2026-03-01T00:00:00Z' + n * interval '1 hour'
        from generate_series(1, 25) as n";
    test.admin.batch_execute(row).await.expect("keys");
    check(
        Request::capture("live", "c", 100).send(&test.store, &desk).await,
        &Outcome::New(recorded("c")),
    );
    let prune = async |at_most: u32, now: Option<&str>| -> u64 {
        let pruned = test.store.prune_idempotency_keys(at_most, now.map(instant)).await;
        pruned.expect("a piece")
    };
    // The first expires at one o'clock of the next day.
    assert_eq!(prune(100, Some("2026-03-02T00:59:59.999Z")).await, 0);
    assert_eq!(prune(100, Some("2026-03-02T01:00:00Z")).await, 1);
    assert_eq!(prune(0, None).await, 0);
    assert_eq!(prune(10, None).await, 10);
    let oldest = test
        .admin
        .query_one("select min(first_seen) from idempotency_key", &[])
        .await;
    let oldest: DateTime<Utc> = oldest.expect("a row").get(0);
    assert_eq!(oldest, instant("2026-03-01T12:00:00Z"), "the oldest go first");
    // One pruner at a time; the other goes its way.
    test.admin
        .batch_execute("begin; select pg_advisory_xact_lock(4202, 1)")
        .await
        .expect("a lock");
    assert_eq!(prune(10, None).await, 0);
    test.admin.batch_execute("commit").await.expect("an end");
    assert_eq!(
        [prune(10, None).await, prune(10, None).await, prune(10, None).await],
        [10, 4, 0]
    );
    check(
        Request::capture("live", "c", 100).send(&test.store, &desk).await,
        &Outcome::Replayed(recorded("c")),
    );
    assert_eq!(keys(&test).await, 1);
}

#[tokio::test]
async fn expired_keys_are_used_again_while_they_are_pruned() {
    const KEYS: i64 = 60;
    let (test, desk) = opened().await;
    let store = day::another(&test.url, 8).await;
    let requests: Vec<Request> = (0..KEYS)
        .map(|number| Request::capture(&format!("k{number}"), &format!("c{number}"), 1))
        .collect();
    for request in &requests {
        request.send(&store, &desk).await.expect("no error");
    }
    first_seen(&test, "2026-03-01T00:00:00Z").await;
    let pruning = async {
        loop {
            if store.prune_idempotency_keys(7, None).await.expect("no deadlock") < 7 {
                break;
            }
        }
    };
    let senders = requests.chunks(10).map(|requests| {
        let (store, desk) = (&store, &desk);
        async move {
            for request in requests.iter().rev() {
                let expected = Outcome::New(answer(200, &format!("{} replayed", request.event.reference)));
                check(request.send(store, desk).await, &expected);
            }
        }
    });
    promptly(async { tokio::join!(join_all(senders), pruning) }).await;
    assert_eq!(keys(&test).await, KEYS);
    assert_eq!(captured(&test).await, (KEYS, KEYS));
}

#[tokio::test]
async fn an_answer_is_kept_as_it_is() {
    let (test, desk) = opened().await;
    check(
        Request::capture("k", "c", 100).send(&test.store, &desk).await,
        &Outcome::New(recorded("c")),
    );
    let session = test.store.session().await.expect("a session");
    let refused = async |client: &tokio_postgres::Client, sql: &str, code: &SqlState| {
        let error = client.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.code(), Some(code), "{sql}: {error}");
    };
    let (delete, update) = ("delete from idempotency_key", "update idempotency_key set body = '{}'");
    refused(&session, delete, &SqlState::RESTRICT_VIOLATION).await;
    refused(&session, update, &SqlState::INSUFFICIENT_PRIVILEGE).await;
    for mode in ["origin", "replica"] {
        for sql in [delete, update] {
            let sql = format!("set session_replication_role = {mode}; {sql}");
            refused(&test.admin, &sql, &SqlState::RESTRICT_VIOLATION).await;
        }
    }
    let chosen =
        "insert into idempotency_key (merchant, environment, operation, key, fingerprint, status, body, first_seen)
        values ('ann', 'live', 'capture', 'x', sha256('x'), 200, '{}', '2001-01-01')";
    refused(&session, chosen, &SqlState::INSUFFICIENT_PRIVILEGE).await;
    test.admin
        .batch_execute("reset session_replication_role")
        .await
        .expect("a reset");
    first_seen(&test, "2026-03-01T00:00:00Z").await;
    refused(&test.admin, update, &SqlState::RESTRICT_VIOLATION).await;
    session.batch_execute(delete).await.expect("it has expired");
}

#[tokio::test]
async fn an_answer_that_came_past_the_lock_undoes_the_work() {
    let (test, desk) = opened().await;
    let request = Request::capture("k", "c", 100);
    let outcome: Result<Outcome, StoreError> = test
        .store
        .once(&request.key, &request.fingerprint(), async |tx: &mut Tx| {
            let sql = "insert into idempotency_key (merchant, environment, operation, key, fingerprint, status, body)
                values ('ann', 'live', 'capture', 'k', $1, 200, '{\"became\":\"theirs\"}')";
            let fingerprint = request.fingerprint();
            test.admin
                .execute(sql, &[&fingerprint.as_slice()])
                .await
                .expect("a row");
            book(tx, &desk, &request.event).await
        })
        .await;
    assert_eq!(
        outcome.expect_err("a second answer").constraint(),
        Some("idempotency_key_identity")
    );
    assert_eq!(captured(&test).await, (0, 0));
    check(
        request.send(&test.store, &desk).await,
        &Outcome::Replayed(answer(200, "theirs")),
    );
}

/// The name of the constraint that a row breaks in SQL.
async fn broken(
    test: &TestStore,
    scope: [&str; 3],
    key: &str,
    fingerprint: &[u8],
    status: i16,
    body: &str,
) -> Option<String> {
    let sql = "insert into idempotency_key (merchant, environment, operation, key, fingerprint, status, body)
        values ($1, $2, $3, $4, $5, $6, $7)";
    let [merchant, environment, operation] = scope;
    test.admin.batch_execute("begin").await.expect("a beginning");
    let inserted = test
        .admin
        .execute(
            sql,
            &[&merchant, &environment, &operation, &key, &fingerprint, &status, &body],
        )
        .await;
    test.admin.batch_execute("rollback").await.expect("an end");
    let refusal = inserted.err()?;
    let refusal = refusal.as_db_error().expect("a refusal");
    Some(refusal.constraint().expect("a constraint").to_owned())
}

#[tokio::test]
async fn the_format_in_sql_is_the_format_in_rust() {
    let test = support::store().await;
    let scope = ["ann", "live", "capture"];
    let mut texts: Vec<String> = (1..=0x17f_u32).filter_map(char::from_u32).map(String::from).collect();
    texts.extend(
        [
            "",
            "8e03978e-40d5-43dd-bc93-6894a57f9324",
            "a b",
            "a\n",
            "\na",
            "a\r\n",
            "ab]",
            "^$",
            "키",
            "e\u{301}",
            "\u{feff}a",
        ]
        .map(str::to_owned),
    );
    texts.extend([254, 255, 256, 1000].map(|length| "k".repeat(length)));
    texts.push("é".repeat(128));
    let mut fine = 0;
    for text in &texts {
        // Quotes are the header's; what is inside them is the key.
        let quoted = format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""));
        let in_rust = Key::new("ann", "live", "capture", &quoted).is_ok();
        let in_sql = broken(&test, scope, text, &[0; 32], 200, "{}").await;
        assert_eq!(
            in_sql,
            (!in_rust).then(|| "idempotency_key_format".to_owned()),
            "{text:?}"
        );
        fine += usize::from(in_rust);
    }
    assert_eq!(fine, 0x7e - 0x21 + 1 + 5, "visible characters, and a few longer keys");
}

#[tokio::test]
async fn every_rule_in_sql_is_one_in_rust() {
    let test = support::store().await;
    let scope = ["ann", "live", "capture"];
    let long = "x".repeat(129);
    for wrong in ["", &long] {
        assert!(Key::new(wrong, "live", "capture", "k").is_err());
        for place in 0..3 {
            let mut scope = scope;
            scope[place] = wrong;
            let found = broken(&test, scope, "k", &[0; 32], 200, "{}").await;
            assert_eq!(found.as_deref(), Some("idempotency_key_scope"), "{scope:?}");
        }
    }
    let longest = &long[1..];
    assert!(Key::new(longest, longest, longest, "k").is_ok());
    assert_eq!(broken(&test, [longest; 3], "k", &[0; 32], 200, "{}").await, None);
    for length in [0, 31, 33] {
        let found = broken(&test, scope, "k", &vec![0; length], 200, "{}").await;
        assert_eq!(found.as_deref(), Some("idempotency_key_fingerprint"), "{length}");
    }
    for (length, constraint) in [(BODY_LIMIT, None), (BODY_LIMIT + 1, Some("idempotency_key_body"))] {
        let found = broken(&test, scope, "k", &[0; 32], 200, &"x".repeat(length)).await;
        assert_eq!(found.as_deref(), constraint, "{length}");
    }
    for status in 0..=700 {
        let kept = Answer::new(status, &()).is_ok_and(|answer| answer.is_kept());
        let found = broken(&test, scope, "k", &[0; 32], i16::try_from(status).expect("small"), "{}").await;
        assert_eq!(
            found.as_deref(),
            (!kept).then_some("idempotency_key_status"),
            "{status}"
        );
    }
}
