//! Two at once on the same open items, in both orders: whoever comes second waits or finds what the first left, nobody fails, and
//! money becomes available once.
//!
//! The first is stopped half-way by a lock of the test's own; then the second begins, and runs until it waits or ends; then the
//! first goes on. Captures are free, so that figures can be read.

use std::cell::Cell;

use acquit::payment::event::PaymentEvent;
use acquit::store::advance::Request as Advance;
use acquit::store::reconcile::{Reconciliation, Request, SettlementFile};
use acquit::store::record::Verdict;
use tokio_postgres::Client;

use crate::stage::{Stage, currency, day, events, minor};
use crate::support;
use crate::support::events::record;

const SETTINGS: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "UTC"
bank_account = "main"
advance_limit = { USD = "1000.00" }
[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3
[[fee_schedule]]
name = "free"
percentage = "0"
fixed = { USD = "0" }
rounding = "half_even"
[[merchant]]
name = "shop"
state = "active"
fee_schedule = "free"
advance_limit = { USD = "1000.00" }
[[merchant]]
name = "other"
state = "active"
fee_schedule = "free"
"#;
const HOLD: &str = r#"
[[velocity_rule]]
name = "large"
action = "hold"
per = ["merchant"]
window = "month"
max_sum = { USD = "50.00" }
"#;
/// Stops a reconciliation when it has matched, before it settles anything.
const AT_MATCHES: &str = "begin; lock table settlement_match in share mode";
/// Stops whatever books an entry of a merchant.
const AT_ENTRIES: &str = "begin; lock table entry in share mode";

/// What the two came to, and whether the second waited for the first.
struct Raced<A, B> {
    first: A,
    second: B,
    waited: bool,
}

async fn waiting(watcher: &Client) -> i64 {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    watcher.query_one(sql, &[]).await.expect("activity").get(0)
}

async fn race<A, B>(
    stage: &Stage,
    stop: &str,
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> Raced<A, B> {
    let watcher = support::client(&stage.test.url).await;
    let (over, begun) = (Cell::new(false), tokio::sync::Notify::new());
    stage.test.admin.batch_execute(stop).await.expect("a lock");
    let (first, second, waited) = tokio::join!(
        async {
            let done = first.await;
            assert!(!over.replace(true) || waiting(&watcher).await == 0);
            done
        },
        async {
            begun.notified().await;
            let done = second.await;
            over.set(true);
            done
        },
        async {
            while waiting(&watcher).await < 1 {
                assert!(!over.get(), "the first was not stopped");
            }
            begun.notify_one();
            let waited = loop {
                if over.get() {
                    break false;
                }
                if waiting(&watcher).await >= 2 {
                    break true;
                }
            };
            stage.test.admin.batch_execute("commit").await.expect("an end");
            waited
        }
    );
    Raced { first, second, waited }
}

async fn stage(settings: &str, story: &str) -> Stage {
    let mut stage = Stage::of(settings).await;
    stage.tell(story).await;
    stage
}

async fn reconcile(stage: &Stage, file: &SettlementFile) -> Reconciliation {
    let request = Request {
        file,
        acquirer: "north",
        as_of: Some(day("2026-03-03")),
        today: chrono::NaiveDate::MAX,
    };
    let store = &stage.test.store;
    store
        .reconcile(&stage.deployment, &request, &|_| {})
        .await
        .expect("a reconciliation")
}

fn breaks(found: &Reconciliation) -> Vec<&str> {
    found.breaks.iter().map(|(class, _)| class.name()).collect()
}

/// How many captures were advanced.
async fn advance(stage: &Stage) -> usize {
    let request = Advance {
        merchant: "shop",
        up_to: acquit::money::Money::from_minor(minor("500.00", "USD"), currency("USD")),
        day: day("2026-03-03"),
    };
    let store = &stage.test.store;
    store
        .advance(&stage.deployment, &request)
        .await
        .expect("an advance")
        .items
}

async fn tell(stage: &Stage, events: &[PaymentEvent]) -> &'static str {
    let verdicts = record(&stage.test.store, &stage.deployment, stage.source, events).await;
    match verdicts.expect("a batch").pop().expect("a verdict") {
        Verdict::Recorded => "recorded",
        Verdict::Replayed => "replayed",
        Verdict::Rejected(refusal) => refusal.rule(),
    }
}

#[tokio::test]
async fn an_advance_beside_a_file_that_proves_its_capture() {
    for reconciled_first in [true, false] {
        let mut stage = stage(SETTINGS, "sale p1 100.00 USD m=shop ref=A1").await;
        let file = stage.write_file(&["Settled +100.00 USD ref=A1"], "2026-03-03");
        let (found, advanced, waited) = if reconciled_first {
            let raced = race(&stage, AT_MATCHES, reconcile(&stage, &file), advance(&stage)).await;
            (raced.first, raced.second, raced.waited)
        } else {
            let raced = race(&stage, AT_ENTRIES, advance(&stage), reconcile(&stage, &file)).await;
            (raced.second, raced.first, raced.waited)
        };
        assert!(waited, "{reconciled_first}");
        assert_eq!(breaks(&found), Vec::<&str>::new());
        assert_eq!(advanced, usize::from(!reconciled_first));
        stage
            .tell("is shop USD 1100=0.00 1110=100.00 2010=0.00 2020=100.00")
            .await;
    }
}

#[tokio::test]
async fn a_capture_that_is_withdrawn_beside_a_file_that_reports_it() {
    for reconciled_first in [true, false] {
        let mut stage = stage(SETTINGS, "sale p1 100.00 USD m=shop ref=A1").await;
        let file = stage.write_file(&["Settled +100.00 USD ref=A1"], "2026-03-03");
        let void = events("capture_void p1 100.00 USD m=shop original=p1-capture at=2026-03-03");
        let (found, told, waited) = if reconciled_first {
            let raced = race(&stage, AT_MATCHES, reconcile(&stage, &file), tell(&stage, &void)).await;
            (raced.first, raced.second, raced.waited)
        } else {
            let raced = race(&stage, AT_ENTRIES, tell(&stage, &void), reconcile(&stage, &file)).await;
            (raced.second, raced.first, raced.waited)
        };
        assert!(waited, "{reconciled_first}");
        if reconciled_first {
            assert_eq!((told, breaks(&found)), ("already_presented", vec![]));
            stage.tell("is shop USD 1100=0.00 2010=0.00 2020=100.00").await;
        } else {
            assert_eq!((told, breaks(&found)), ("recorded", vec!["MISSING_IN_LEDGER"]));
            stage
                .tell(
                    "is shop USD 1100=0.00 2010=0.00 2020=0.00
                     is all USD 1110=100.00 2900=100.00",
                )
                .await;
        }
    }
}

#[tokio::test]
async fn a_refund_that_fails_beside_a_file_that_reports_it() {
    for reconciled_first in [true, false] {
        let mut stage = stage(
            SETTINGS,
            "sale p1 100.00 USD m=shop ref=A1
             refund p1 30.00 USD m=shop ref=A2",
        )
        .await;
        let rows = ["Settled +100.00 USD ref=A1", "Refunded -30.00 USD ref=A2"];
        let file = stage.write_file(&rows, "2026-03-03");
        let failure = events("refund_failure p1 30.00 USD m=shop original=p1-refund ref=A3 at=2026-03-03");
        let (found, told, waited) = if reconciled_first {
            let raced = race(&stage, AT_MATCHES, reconcile(&stage, &file), tell(&stage, &failure)).await;
            (raced.first, raced.second, raced.waited)
        } else {
            let raced = race(&stage, AT_ENTRIES, tell(&stage, &failure), reconcile(&stage, &file)).await;
            (raced.second, raced.first, raced.waited)
        };
        assert!(waited, "{reconciled_first}");
        assert_eq!(told, "recorded");
        if reconciled_first {
            // What the acquirer has taken it gives back with a line of its own.
            assert_eq!(breaks(&found), Vec::<&str>::new());
            stage.tell("is shop USD 1100=30.00 2010=0.00 2020=100.00").await;
        } else {
            assert_eq!(breaks(&found), ["MISSING_IN_LEDGER"]);
            stage.tell("is shop USD 1100=0.00 2010=0.00 2020=100.00").await;
        }
    }
}

#[tokio::test]
async fn a_hold_that_is_released_beside_a_file_that_proves_its_capture() {
    for reconciled_first in [true, false] {
        let mut stage = stage(
            &format!("{SETTINGS}{HOLD}"),
            "sale p1 100.00 USD m=shop ref=A1
             is shop USD 2010=0.00 2040=100.00",
        )
        .await;
        let file = stage.write_file(&["Settled +100.00 USD ref=A1"], "2026-03-03");
        let release = async { stage.test.store.release_hold(1, "ann", day("2026-03-03")).await };
        let (found, released, waited) = if reconciled_first {
            let raced = race(&stage, AT_MATCHES, reconcile(&stage, &file), release).await;
            (raced.first, raced.second, raced.waited)
        } else {
            let raced = race(&stage, AT_ENTRIES, release, reconcile(&stage, &file)).await;
            (raced.second, raced.first, raced.waited)
        };
        assert!(waited, "{reconciled_first}");
        assert_eq!(breaks(&found), Vec::<&str>::new());
        assert!(released.expect("a release").new);
        stage
            .tell("is shop USD 1100=0.00 2010=0.00 2020=100.00 2040=0.00")
            .await;
    }
}

#[tokio::test]
async fn payments_are_recorded_while_their_acquirer_is_reconciled() {
    let mut stage = stage(SETTINGS, "sale p1 100.00 USD m=shop ref=A1").await;
    let file = stage.write_file(&["Settled +100.00 USD ref=A1"], "2026-03-03");
    let sale = events("sale p2 20.00 USD m=shop ref=A2");
    let raced = race(&stage, AT_MATCHES, reconcile(&stage, &file), tell(&stage, &sale)).await;
    assert!(!raced.waited);
    assert_eq!((breaks(&raced.first), raced.second), (vec![], "recorded"));
    stage.tell("is shop USD 1100=20.00 2010=20.00 2020=100.00").await;
}

#[tokio::test]
async fn what_is_recorded_after_books_are_locked_is_not_matched() {
    // The line of p1 is an answer, so books are locked before matching runs again; that of p2 was looked for before p2 was there.
    let mut stage = stage(
        SETTINGS,
        "sale p0 10.00 USD m=other
         unknown p1 100.00 USD m=shop ref=A1",
    )
    .await;
    let rows = ["Settled +100.00 USD ref=A1", "Settled +20.00 USD ref=A2"];
    let file = stage.write_file(&rows, "2026-03-03");
    let sale = events("sale p2 20.00 USD m=other ref=A2");
    let at_answer = "begin; select from payment where payment = 'p1' for update";
    let raced = race(&stage, at_answer, reconcile(&stage, &file), tell(&stage, &sale)).await;
    assert!(!raced.waited);
    assert_eq!(
        (breaks(&raced.first), raced.second),
        (vec!["MISSING_IN_LEDGER"], "recorded")
    );
    stage
        .tell(
            "is shop USD 1100=0.00 2020=100.00
             is other USD 1100=30.00 2010=30.00 2020=0.00",
        )
        .await;
}
