//! Closed periods: nothing is booked in them any more, and what is told later of them is governed by its own day.

use acquit::audit::export::hex;
use acquit::ledger::entry::EntryKind;
use acquit::store::audit::prove;
use acquit::store::books::LockedBooks;
use acquit::store::fees::{FeeRow, audit_fees};
use acquit::store::period::{Closing, PeriodError, Request, periods};
use acquit::store::record::Verdict;
use acquit::store::report::Span;
use acquit::store::snapshot::Snapshot;
use acquit::store::{StoreError, Tx};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::stage::{Stage, day};
use crate::support::day::another;
use crate::support::events::{event, record};

/// From March on a payment costs 5 %, before it 2 %.
fn settings(from: &str, percentage: &str) -> String {
    format!(
        r#"
effective_from = "{from}"
[house]
name = "House"
time_zone = "Europe/Berlin"
bank_account = "main"
[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3
[[fee_schedule]]
name = "standard"
percentage = "{percentage}"
fixed = {{ USD = "0" }}
rounding = "half_even"
[[merchant]]
name = "m"
state = "active"
fee_schedule = "standard"
"#
    )
}

const FEBRUARY: Request<'static> = Request {
    through: match chrono::NaiveDate::from_ymd_opt(2026, 2, 28) {
        Some(day) => day,
        None => chrono::NaiveDate::MIN,
    },
    by: "ann",
    note: "February is complete",
};

async fn stage() -> Stage {
    let mut stage = Stage::of(&settings("2026-01-01", "2")).await;
    stage.apply(&settings("2026-03-01", "5")).await;
    stage
}

/// Books an event at an instant.
async fn told(stage: &Stage, kind: EntryKind, payment: &str, reference: &str, minor: i64, at: &str) {
    let mut event = event(kind, "m", payment, reference, minor, "USD");
    event.occurred_at = at.parse().expect("an instant");
    event.acquirer_reference = Some(format!("A-{payment}"));
    let verdicts = record(&stage.test.store, &stage.deployment, stage.source, &[event])
        .await
        .expect("recorded");
    assert_eq!(verdicts, [Verdict::Recorded], "{reference}");
}

async fn close(stage: &Stage, request: &Request<'_>) -> Result<Closing, String> {
    let said = |error: PeriodError| error.to_string();
    let plan = stage.test.store.plan_period(request).await.map_err(said)?;
    let closed = stage.test.store.close_period(request).await.map_err(said)?;
    assert_eq!(plan, closed, "a plan says what will be done");
    Ok(closed)
}

/// What `acquit report trial-balance` prints of the end of February.
fn trial_balance(stage: &Stage) -> Vec<u8> {
    let output = stage
        .test
        .acquit()
        .args(["report", "trial-balance", "--as-of", "2026-02-28", "--format", "csv"])
        .output()
        .expect("a program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Booking date and the day that governs, of every entry by reference.
async fn days(stage: &Stage) -> Vec<String> {
    let sql = "select format('%s %s %s', reference, booking_date, coalesce(happened_on::text, '-')) from entry order by book_id, number";
    let rows = stage.test.admin.query(sql, &[]).await.expect("entries");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn what_is_told_late_is_booked_on_the_first_open_day_and_priced_as_of_its_own() {
    let mut stage = stage().await;
    told(
        &stage,
        EntryKind::Authorization,
        "p1",
        "p1-a",
        10_000,
        "2026-02-27T12:00:00Z",
    )
    .await;
    told(&stage, EntryKind::Capture, "p1", "p1-c", 10_000, "2026-02-27T13:00:00Z").await;
    told(
        &stage,
        EntryKind::Authorization,
        "p2",
        "p2-a",
        10_000,
        "2026-02-27T14:00:00Z",
    )
    .await;
    let before = trial_balance(&stage);
    let closing = close(&stage, &FEBRUARY).await.expect("closed");
    assert_eq!(
        (
            closing.from,
            closing.entries,
            closing.open_items,
            closing.breaks,
            closing.new
        ),
        (None, 3, 1, 0, true)
    );
    assert_eq!(
        closing.trial_balance,
        hex(&Sha256::digest(&before)),
        "the digest of the file"
    );

    // 22:59 in Berlin on the last day of February, 00:00 in March, and a day in the middle of the closed month.
    told(&stage, EntryKind::Capture, "p2", "p2-c", 10_000, "2026-02-28T21:59:00Z").await;
    told(
        &stage,
        EntryKind::Authorization,
        "p3",
        "p3-a",
        10_000,
        "2026-02-28T23:00:00Z",
    )
    .await;
    told(&stage, EntryKind::Capture, "p3", "p3-c", 10_000, "2026-02-28T23:00:01Z").await;
    told(&stage, EntryKind::Refund, "p1", "p1-r", 1_000, "2026-02-14T10:00:00Z").await;
    assert_eq!(
        days(&stage).await,
        [
            "p1-a 2026-02-27 -",
            "p1-c 2026-02-27 -",
            "p2-a 2026-02-27 -",
            "p2-c 2026-03-01 2026-02-28",
            "p3-a 2026-03-01 -",
            "p3-c 2026-03-01 -",
            "p1-r 2026-03-01 2026-02-14",
        ]
    );
    // 2 % of 100.00 twice, 5 % of it once.
    stage.tell("is m USD 4010=9.00 2010=291.00 2020=-10.00").await;
    assert_eq!(trial_balance(&stage), before, "byte for byte");
    stage
        .tell(
            "file north 2026-03-02
             Settled +100.00 USD ref=A-p1
             Settled +100.00 USD ref=A-p2
             Settled +100.00 USD ref=A-p3
             Refunded -10.00 USD ref=A-p1",
        )
        .await;
    assert_eq!(trial_balance(&stage), before, "byte for byte");
    let proven = prove(&stage.test.store, None, |_| {})
        .await
        .expect("a proof")
        .expect("books");
    assert!(proven.holds(), "{proven:?}");
    let mut snapshot = Snapshot::open(&stage.test.store).await.expect("a snapshot");
    let mut differences = Vec::new();
    let mut each = |row: FeeRow| {
        if !row.line.agrees() {
            differences.push(format!("{row:?}"));
        }
        Ok::<_, StoreError>(())
    };
    let summary = audit_fees(&mut snapshot, &stage.deployment, &Span::default(), &mut each).await;
    summary.expect("fees worked out again");
    assert_eq!(differences, Vec::<String>::new());
    snapshot.close().await;
}

#[tokio::test]
async fn a_file_of_a_closed_month_is_booked_after_it() {
    let mut stage = stage().await;
    told(
        &stage,
        EntryKind::Authorization,
        "p1",
        "p1-a",
        10_000,
        "2026-02-20T12:00:00Z",
    )
    .await;
    told(&stage, EntryKind::Capture, "p1", "p1-c", 10_000, "2026-02-20T13:00:00Z").await;
    close(&stage, &FEBRUARY).await.expect("closed");
    let before = trial_balance(&stage);
    stage
        .tell(
            "file north 2026-02-23
             Settled +100.00 USD ref=A-p1
             is m USD 2010=0.00 2020=98.00 1100=0.00 1110=100.00",
        )
        .await;
    let booked = days(&stage).await;
    assert!(
        booked.iter().any(|entry| entry.ends_with(" 2026-03-01 2026-02-23")),
        "{booked:?}"
    );
    assert_eq!(trial_balance(&stage), before);
}

#[tokio::test]
async fn a_period_is_closed_once_and_in_order() {
    let stage = stage().await;
    let closed = |through: &str, by: &'static str| Request {
        through: day(through),
        by,
        ..FEBRUARY
    };
    assert!(close(&stage, &FEBRUARY).await.expect("closed").new);
    let again = stage
        .test
        .store
        .close_period(&FEBRUARY)
        .await
        .expect("the same request");
    assert!(!again.new, "told again it changes nothing");
    assert_eq!(
        close(&stage, &closed("2026-02-28", "bob")).await,
        Err("2026-02-28 was closed already, by ann".to_owned())
    );
    assert_eq!(
        close(&stage, &closed("2026-01-31", "ann")).await,
        Err("everything up to 2026-02-28 is closed already, 2026-01-31 is before it".to_owned())
    );
    let march = close(&stage, &closed("2026-03-31", "bob")).await.expect("closed");
    assert_eq!(march.from, Some(day("2026-03-01")));
    let mut snapshot = Snapshot::open(&stage.test.store).await.expect("a snapshot");
    let listed = periods(&mut snapshot).await.expect("periods");
    let listed: Vec<_> = listed
        .iter()
        .map(|period| (period.through, period.closed_by.as_str()))
        .collect();
    assert_eq!(listed, [(day("2026-02-28"), "ann"), (day("2026-03-31"), "bob")]);
    snapshot.close().await;
}

#[tokio::test]
async fn closing_waits_for_those_who_write() {
    let stage = stage().await;
    told(
        &stage,
        EntryKind::Authorization,
        "p1",
        "p1-a",
        10_000,
        "2026-02-27T12:00:00Z",
    )
    .await;
    let (locked, has_lock) = oneshot::channel();
    let (go, may_go) = oneshot::channel();
    let (locked, may_go) = (std::cell::Cell::new(Some(locked)), std::cell::Cell::new(Some(may_go)));
    let writer = stage.test.store.transact(async |tx: &mut Tx| {
        let (books, _) = LockedBooks::lock_of_merchants(tx, &["m"]).await?;
        if let (Some(locked), Some(may_go)) = (locked.take(), may_go.take()) {
            locked.send(()).expect("somebody listens");
            may_go.await.expect("somebody says so");
        }
        drop(books);
        Ok::<_, StoreError>(())
    });
    let closer = async {
        has_lock.await.expect("the lock");
        let other = another(&stage.test.url, 1).await;
        let closing = other.close_period(&FEBRUARY);
        let waiting = async {
            let sql = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
            while stage
                .test
                .admin
                .query_one(sql, &[])
                .await
                .expect("locks")
                .get::<_, i64>(0)
                == 0
            {
                tokio::task::yield_now().await;
            }
            go.send(()).expect("the writer listens");
        };
        let (closed, ()) = tokio::join!(closing, waiting);
        closed.expect("closed").new
    };
    let (written, closed) = tokio::join!(writer, closer);
    written.expect("written");
    assert!(closed);
}

#[tokio::test]
async fn what_is_changed_in_a_closed_period_is_found() {
    let stage = stage().await;
    told(
        &stage,
        EntryKind::Authorization,
        "p1",
        "p1-a",
        10_000,
        "2026-02-27T12:00:00Z",
    )
    .await;
    told(&stage, EntryKind::Capture, "p1", "p1-c", 10_000, "2026-03-03T12:00:00Z").await;
    close(&stage, &FEBRUARY).await.expect("closed");
    let moved = "alter table entry disable trigger entry_append_only;
        update entry set booking_date = '2026-02-27' where reference = 'p1-c';
        alter table entry enable always trigger entry_append_only";
    stage.test.admin.batch_execute(moved).await.expect("an insider");
    let proven = prove(&stage.test.store, None, |_| {})
        .await
        .expect("a proof")
        .expect("books");
    let rules: Vec<&str> = proven
        .proof
        .findings
        .kept()
        .iter()
        .map(|finding| finding.rule.name())
        .collect();
    assert_eq!(rules, ["hashes", "periods"]);
}
