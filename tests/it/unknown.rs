//! Authorizations whose outcome nobody knew, and settlement lines that answer.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use acquit::store::reconcile::Request;

use crate::availability::SETTINGS;
use crate::stage::{Stage, day, events};
use crate::support::events::record;

/// Payments of `plain` that are unknown, or known with these amounts.
async fn standing(stage: &Stage) -> Vec<String> {
    let rows = stage
        .test
        .admin
        .query(
            "select format('%s %s %s %s', payment, requested, authorized, captured) from payment
             join book on book.id = book_id where merchant = 'plain' order by payment",
            &[],
        )
        .await
        .expect("payments");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_acquirers_reference_answers() {
    let stage = Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD ref=U1 method=card
         is plain USD 1100=0.00 2010=0.00
         sale p2 10.00 USD ref=A2
         file north 2026-03-20
         Settled +80.00 USD ref=U1 cost=1.76
         Settled +10.00 USD ref=A2
         is plain USD 1100=0.00 1110=88.24 2010=0.00 2020=86.79 2900=0.00 9010=0.00",
    )
    .await;
    assert_eq!(standing(&stage).await, ["p1  8000 8000", "p2  1000 1000"]);
    let entries =
        "select reference, entry.kind::integer, source.kind, source_line, booking_date::text, details from entry
        join source on source.id = source_id where payment = 'p1' order by number";
    let rows = stage.test.admin.query(entries, &[]).await.expect("entries");
    let found: Vec<(&str, i32, &str)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(
        found,
        [
            ("p1-unknown", 14, "events"),
            ("acquit:settled authorization p1", 1, "settlement"),
            ("acquit:settled capture p1", 3, "settlement"),
        ]
    );
    assert_eq!(rows[1].get::<_, i32>(3), 2);
    assert_eq!(rows[2].get::<_, &str>(4), "2026-03-02");
    assert!(rows[1].get::<_, &str>(5).contains("\"method\":\"card\""));
}

#[tokio::test]
async fn our_own_reference_answers() {
    // Named by the caller, or the payment's; with no reference of the acquirer's the days must lie close.
    for (unknown, line) in [
        (
            "unknown p1 80.00 USD mref=order-1",
            "Settled +80.00 USD mref=order-1 day=2026-03-05",
        ),
        ("unknown p1 80.00 USD", "Settled +80.00 USD mref=p1 day=2026-03-05"),
        (
            "unknown p1 80.00 USD",
            "Settled +80.00 USD mref=p1 ref=X1 day=2026-03-20",
        ),
        (
            "unknown p1 80.00 USD",
            "Settled +80.00 USD mref=p1 arn=74000 day=2026-03-05",
        ),
    ] {
        let stage = Stage::told(
            SETTINGS,
            &format!("{unknown}\nfile north 2026-03-20\n{line}\nis plain USD 1100=0.00 2010=0.00 2020=77.38"),
        )
        .await;
        assert_eq!(standing(&stage).await, ["p1  8000 8000"], "{unknown} {line}");
    }
    let stage = Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD
         file north 2026-03-20 breaks=MISSING_IN_LEDGER
         Settled +80.00 USD mref=p1 day=2026-03-06
         is all USD 1100=0.00 2900=80.00",
    )
    .await;
    assert_eq!(standing(&stage).await, ["p1 8000  0"]);
}

#[tokio::test]
async fn less_than_was_asked_for_is_a_partial_approval_and_more_is_no_answer() {
    let stage = Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD ref=U1
         unknown p2 80.00 USD ref=U2
         file north 2026-03-03 breaks=MISSING_IN_LEDGER
         Settled +50.00 USD ref=U1
         Settled +80.01 USD ref=U2
         is all USD 1100=0.00 2020=48.25 2900=80.01",
    )
    .await;
    assert_eq!(standing(&stage).await, ["p1 8000 5000 5000", "p2 8000  0"]);
}

#[tokio::test]
async fn nothing_is_decided_between_two() {
    // Two payments, one line; another currency; another acquirer.
    let stage = Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD mref=order
         unknown p2 80.00 USD mref=order
         unknown p3 80.00 EUR mref=order
         unknown p4 80.00 USD mref=order acq=phone
         file north 2026-03-03 breaks=MISSING_IN_LEDGER
         Settled +80.00 USD mref=order ref=X1
         is all USD 1100=0.00 2900=80.00",
    )
    .await;
    assert_eq!(
        standing(&stage).await,
        ["p1 8000  0", "p2 8000  0", "p3 8000  0", "p4 8000  0"]
    );
    // Two lines, one payment: alike they are a repetition, of different amounts nobody knows which.
    let stage = Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD ref=U1
         file north 2026-03-03 breaks=DUPLICATE_IN_FILE
         Settled +80.00 USD ref=U1
         Settled +80.00 USD ref=U1
         is all USD 1100=0.00 2020=77.38 2900=80.00",
    )
    .await;
    assert_eq!(standing(&stage).await, ["p1  8000 8000"]);
    let stage = Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD ref=U1
         file north 2026-03-03 breaks=MISSING_IN_LEDGER:2
         Settled +80.00 USD ref=U1
         Settled +70.00 USD ref=U1
         is all USD 1100=0.00 2020=0.00 2900=150.00",
    )
    .await;
    assert_eq!(standing(&stage).await, ["p1 8000  0"]);
    // A line that an open item explains is no answer.
    let stage = Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD mref=order
         sale p2 80.00 USD ref=A2 mref=order
         file north 2026-03-03
         Settled +80.00 USD ref=A2 mref=order
         is all USD 1100=0.00 2020=77.38 2900=0.00",
    )
    .await;
    assert_eq!(standing(&stage).await, ["p1 8000  0", "p2  8000 8000"]);
}

#[tokio::test]
async fn what_an_inquiry_said_before_stays() {
    let stage = Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD ref=U1
         authorization p1 80.00 USD
         unknown p2 80.00 USD ref=U2
         decline p2 80.00 USD
         file north 2026-03-03 breaks=MISSING_IN_LEDGER:2
         Settled +80.00 USD ref=U1
         Settled +80.00 USD ref=U2
         is all USD 2900=160.00 9010=80.00",
    )
    .await;
    assert_eq!(standing(&stage).await, ["p1  8000 0", "p2   0"]);
    // What the file said before it: the merchant's own capture comes too late.
    Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD ref=U1
         file north 2026-03-03
         Settled +80.00 USD ref=U1
         authorization p1 80.00 USD refused=already_authorized
         capture p1 80.00 USD ref=U1 refused=exceeds_authorized
         refund p1 80.00 USD ref=R1 at=2026-03-04
         file north 2026-03-05
         Refunded -80.00 USD ref=R1
         is all USD 1100=0.00 2020=-2.62",
    )
    .await;
}

#[tokio::test]
async fn merchants_that_withhold_or_mature_do_so() {
    Stage::told(
        SETTINGS,
        "unknown p1 80.00 USD ref=U1 m=roll
         unknown p2 80.00 USD ref=U2 m=both at=2026-03-05
         file north 2026-03-06
         Settled +80.00 USD ref=U1
         Settled +80.00 USD ref=U2
         is roll USD 2010=0.00 2020=69.38 2030=8.00
         is both USD 2010=77.38 2020=0.00
         release 2026-03-09
         is both USD 2010=0.00 2020=69.38 2030=8.00",
    )
    .await;
}

#[tokio::test]
async fn an_inquiry_and_a_file_at_once_capture_once() {
    for turn in 0..8 {
        let mut stage = Stage::of(SETTINGS).await;
        stage
            .tell("unknown p1 80.00 USD ref=U1\nsale p2 10.00 USD m=roll ref=A2")
            .await;
        let file = stage.write_file(
            &["Settled +80.00 USD ref=U1", "Settled +10.00 USD ref=A2"],
            "2026-03-03",
        );
        let request = Request {
            file: &file,
            acquirer: "north",
            as_of: Some(day("2026-03-03")),
            today: chrono::NaiveDate::MAX,
        };
        let events = events("sale p1 80.00 USD ref=U1");
        let recorded = async {
            // Not all turns begin alike.
            for _ in 0..turn {
                tokio::task::yield_now().await;
            }
            record(&stage.test.store, &stage.deployment, stage.source, &events).await
        };
        let reconciled = stage.test.store.reconcile(&stage.deployment, &request, &|_| {});
        let (recorded, reconciled) = tokio::join!(recorded, reconciled);
        recorded.expect("verdicts");
        reconciled.expect("a reconciliation");
        stage.holds().await;
        assert_eq!(standing(&stage).await, ["p1  8000 8000"]);
    }
}
