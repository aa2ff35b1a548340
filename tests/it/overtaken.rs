//! What others do while a reconciliation has looked at the open items and has not taken them: nothing moves twice, nobody is
//! kept waiting without need.

use acquit::store::advance::Request as AdvanceRequest;
use acquit::store::reconcile::{FileOutcome, Request};
use acquit::store::record::Verdict;
use tokio_postgres::Client;

use crate::stage::{Stage, day, events, money};
use crate::support::day::another;
use crate::support::{self, events::record};

/// How many sessions of this database wait for a lock.
async fn waiting(admin: &Client) -> i64 {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    admin.query_one(sql, &[]).await.expect("sessions").get(0)
}

/// Reconciles a file of these lines, and keeps it from writing its matches until the other work has ended or waits too. Says what
/// the other work came to, and whether it had to wait.
async fn beside<T>(stage: &mut Stage, rows: &[&str], other: impl AsyncFnOnce(&Stage) -> T) -> (T, bool) {
    let file = stage.write_file(rows, "2026-03-03");
    let request = Request {
        file: &file,
        acquirer: "north",
        as_of: Some(day("2026-03-03")),
    };
    let (stage, store) = (&*stage, another(&stage.test.url, 1).await);
    let (holder, watcher) = (
        support::client(&stage.test.url).await,
        support::client(&stage.test.url).await,
    );
    holder
        .batch_execute("begin; lock table settlement_match in share mode")
        .await
        .expect("a lock");
    let reconciled = store.reconcile(&stage.deployment, &request, &|_| {});
    let others = async {
        while waiting(&watcher).await < 1 {}
        let both_wait = async { while waiting(&watcher).await < 2 {} };
        let other = other(stage);
        tokio::pin!(other);
        let ended = tokio::select! {
            ended = &mut other => Some(ended),
            () = both_wait => None,
        };
        holder.batch_execute("commit").await.expect("no lock");
        match ended {
            Some(ended) => (ended, false),
            None => (other.await, true),
        }
    };
    let (reconciled, told) = tokio::join!(reconciled, others);
    assert_eq!(reconciled.expect("a reconciliation").outcome, FileOutcome::Booked);
    told
}

#[tokio::test]
async fn what_a_file_is_being_matched_with_is_not_advanced() {
    let settings = crate::due::with_advances(crate::availability::SETTINGS);
    let mut stage = Stage::of(&settings).await;
    stage.tell("sale p1 80.00 USD ref=A1\nsale p2 50.00 USD ref=A2").await;
    let advance = async |stage: &Stage| {
        let request = AdvanceRequest {
            merchant: "plain",
            up_to: money("600.00", "USD"),
            day: day("2026-03-03"),
        };
        let advanced = stage.test.store.advance(&stage.deployment, &request).await;
        advanced.expect("an advance").payable.to_string()
    };
    // 48.25 of the capture that the file does not report.
    let (advanced, waited) = beside(&mut stage, &["Settled +80.00 USD ref=A1"], advance).await;
    assert_eq!((advanced.as_str(), waited), ("48.25 USD", true));
    // 77.38 + 48.25 less 2 % of it.
    stage.tell("is plain USD 1100=50.00 2010=0.00 2020=124.67").await;
}

#[tokio::test]
async fn a_capture_that_is_withdrawn_meanwhile_is_not_settled() {
    let mut stage = Stage::of(crate::availability::SETTINGS).await;
    stage.tell("sale p1 80.00 USD ref=A1\nsale p2 50.00 USD ref=A2").await;
    let withdraw = async |stage: &Stage| {
        let events = events("capture_void p1 80.00 USD original=p1-capture at=2026-03-03");
        record(&stage.test.store, &stage.deployment, stage.source, &events)
            .await
            .expect("verdicts")
    };
    let rows = ["Settled +80.00 USD ref=A1", "Settled +50.00 USD ref=A2"];
    let (verdicts, _) = beside(&mut stage, &rows, withdraw).await;
    assert_eq!(verdicts, [Verdict::Recorded]);
    stage
        .tell("is all USD 1100=0.00 1110=130.00 2010=0.00 2020=48.25 2900=80.00")
        .await;
}

#[tokio::test]
async fn payments_are_recorded_meanwhile() {
    let mut stage = Stage::of(crate::availability::SETTINGS).await;
    stage.tell("sale p1 80.00 USD ref=A1").await;
    let sell = async |stage: &Stage| {
        let events = events("sale p2 50.00 USD ref=A2");
        record(&stage.test.store, &stage.deployment, stage.source, &events)
            .await
            .expect("verdicts")
    };
    let (verdicts, waited) = beside(&mut stage, &["Settled +80.00 USD ref=A1"], sell).await;
    assert_eq!((verdicts, waited), (vec![Verdict::Recorded, Verdict::Recorded], false));
    stage.tell("is plain USD 1100=50.00 2010=48.25 2020=77.38").await;
}
