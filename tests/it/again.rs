//! Files that come again: packed, corrected, overlapping, of another account, for the wrong acquirer, or out of quarantine.

use std::io::Write;

use acquit::store::reconcile::files::{Filter, Request as Ask};
use acquit::store::reconcile::{FileOutcome, ReconcileError, Reconciliation, Request, SettlementFile};

use crate::availability::SETTINGS;
use crate::breaks::{balances, ids};
use crate::stage::{Stage, day, settlement_file};
use crate::support::dump;

const STORY: &str = "sale p1 80.00 USD ref=A1
    sale p2 50.00 USD ref=A2
    sale p3 30.00 USD ref=A3";

const ROWS: [&str; 3] = [
    "Settled +80.00 USD ref=A1 cost=1.00 batch=7",
    "Settled +50.00 USD ref=A2 cost=1.00 batch=7",
    "Fee -2.00 USD ref=fees-of-march batch=7",
];

async fn reconciled(
    stage: &Stage,
    file: &SettlementFile,
    acquirer: &str,
    today: &str,
) -> Result<Reconciliation, ReconcileError> {
    let request = Request {
        file,
        acquirer,
        as_of: Some(day("2026-03-03")),
        today: day(today),
    };
    let found = stage.test.store.reconcile(&stage.deployment, &request, &|_| {}).await;
    stage.holds().await;
    found
}

async fn outcome(stage: &Stage, name: &str, text: &str) -> FileOutcome {
    let file = stage.write_text(name, text);
    let found = reconciled(stage, &file, "north", "2026-03-10").await;
    found.expect("a reconciliation").outcome
}

/// What the acquirer took of us, in cents.
async fn costs(stage: &Stage) -> i64 {
    let all = balances(stage).await;
    let of_costs = |code: i16| matches!(code, 5010 | 5020 | 5030);
    all.iter()
        .filter(|((_, code, _), _)| of_costs(*code))
        .map(|(_, sum)| sum)
        .sum()
}

/// Without a payout: what the batch comes to is carried over.
fn open(rows: &[&str]) -> String {
    settlement_file(rows, "2026-03-03").replace("MerchantPayout", "Balancetransfer")
}

#[tokio::test]
async fn a_packed_copy_is_the_same_content() {
    let stage = Stage::told(SETTINGS, STORY).await;
    let text = settlement_file(&ROWS, "2026-03-03");
    assert_eq!(outcome(&stage, "plain.csv", &text).await, FileOutcome::Booked);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(text.as_bytes()).expect("packed");
    let file = stage.write_bytes("plain.csv.gz", &packed.finish().expect("packed"));
    let found = reconciled(&stage, &file, "north", "2026-03-10")
        .await
        .expect("a reconciliation");
    let FileOutcome::Duplicate { first_name, acquirer } = found.outcome else {
        panic!("{found:?}")
    };
    assert_eq!((first_name.as_str(), acquirer.as_str()), ("plain.csv", "north"));
}

#[tokio::test]
async fn a_corrected_batch_supersedes_though_nothing_is_paid_of_it() {
    let stage = Stage::told(SETTINGS, STORY).await;
    assert_eq!(outcome(&stage, "one.csv", &open(&ROWS)).await, FileOutcome::Booked);
    assert_eq!(costs(&stage).await, 400);
    let corrected = [ROWS[0], ROWS[1], ROWS[2], "Settled +30.00 USD ref=A3 cost=1.00 batch=7"];
    let FileOutcome::Quarantined { reason } = outcome(&stage, "two.csv", &open(&corrected)).await else {
        panic!("booked")
    };
    assert!(
        reason.contains("batch 7 came before with other content, in one.csv"),
        "{reason}"
    );
    assert_eq!(costs(&stage).await, 400);
    // What has none of its lines is the rest of the batch.
    let rest = ["Settled +30.00 USD ref=A3 cost=1.00 batch=7"];
    assert_eq!(outcome(&stage, "rest.csv", &open(&rest)).await, FileOutcome::Booked);
    assert_eq!(costs(&stage).await, 500);
}

#[tokio::test]
async fn a_fee_that_an_overlapping_report_has_again_is_booked_once() {
    let stage = Stage::told(SETTINGS, STORY).await;
    let head =
        "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,automatic_payout_id\n";
    let fee = "txn_3,2026-03-02 10:00:00,usd,-2.00,0,-2.00,fee,,\n";
    let sale = |number: u8, amount: &str| {
        format!("txn_{number},2026-03-02 10:00:00,usd,{amount},0,{amount},charge,A{number},\n")
    };
    let first = format!("{head}{}{fee}", sale(1, "80.00"));
    assert_eq!(outcome(&stage, "one.csv", &first).await, FileOutcome::Booked);
    let second = format!("{head}{fee}{}{}", sale(2, "50.00"), sale(3, "30.00"));
    assert_eq!(outcome(&stage, "two.csv", &second).await, FileOutcome::Booked);
    assert_eq!(costs(&stage).await, 200);
    assert_eq!(ids(&stage, "DUPLICATE_IN_FILE").await.len(), 1);
    // The first one cannot go while the second says that it repeats it.
    let undo = acquit::store::reconcile::undo::Request {
        file: "one.csv",
        by: "ada",
        reason: None,
        on: None,
    };
    let refused = stage.test.store.undo_file(&undo).await.expect_err("refused");
    assert!(refused.to_string().contains("two.csv"), "{refused}");
    // Of three that have it each of the later ones can: neither repeats the other.
    let third = format!("{head}{fee}{}{}", sale(4, "31.00"), sale(5, "32.00"));
    assert_eq!(outcome(&stage, "three.csv", &third).await, FileOutcome::Booked);
    for file in ["two.csv", "three.csv", "one.csv"] {
        stage
            .test
            .store
            .undo_file(&acquit::store::reconcile::undo::Request { file, ..undo })
            .await
            .expect("undone");
    }
    stage.holds().await;
}

#[tokio::test]
async fn a_file_with_new_lines_is_no_version_of_one_of_which_it_repeats_a_line() {
    let stage = Stage::told(SETTINGS, STORY).await;
    assert_eq!(outcome(&stage, "one.csv", &open(&ROWS[..2])).await, FileOutcome::Booked);
    let more = [
        ROWS[0],
        "Settled +30.00 USD ref=A3 cost=1.00 batch=8",
        "Settled +31.00 USD ref=A4 cost=1.00 batch=8",
        "Settled +32.00 USD ref=A5 cost=1.00 batch=8",
    ];
    // Of two lines of the first file it has one: no more than half, and a quarter of its own.
    assert_eq!(outcome(&stage, "two.csv", &open(&more)).await, FileOutcome::Booked);
    assert_eq!(ids(&stage, "DUPLICATE_IN_FILE").await.len(), 1);
}

#[tokio::test]
async fn merchant_accounts_count_their_own_batches() {
    let stage = Stage::told(SETTINGS, STORY).await;
    let of = |account: &str, rows: &[&str]| {
        let text = settlement_file(rows, "2026-03-03");
        let (head, rows) = text.split_once('\n').expect("a header");
        let rows: String = rows.lines().map(|row| format!("{row},{account}\n")).collect();
        format!("{head},Merchant Account\n{rows}")
    };
    assert_eq!(
        outcome(&stage, "eu.csv", &of("ShopEU", &ROWS[..1])).await,
        FileOutcome::Booked
    );
    assert_eq!(
        outcome(&stage, "us.csv", &of("ShopUS", &ROWS[1..2])).await,
        FileOutcome::Booked
    );
    let batches = stage
        .test
        .admin
        .query("select batch from settlement_batch order by batch", &[])
        .await
        .expect("batches");
    let batches: Vec<&str> = batches.iter().map(|row| row.get(0)).collect();
    assert_eq!(batches, ["ShopEU 7", "ShopUS 7"]);
}

#[tokio::test]
async fn a_file_of_another_acquirer_is_refused_and_booked_for_its_own() {
    let stage = Stage::told(SETTINGS, STORY).await;
    let file = stage.write_text("one.csv", &settlement_file(&ROWS, "2026-03-03"));
    let before = dump::content(&stage.test.admin).await;
    let refused = reconciled(&stage, &file, "phone", "2026-03-10")
        .await
        .expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "no line of the file is of phone, and 2 of them name payments of north: it is a file of north"
    );
    assert_eq!(dump::content(&stage.test.admin).await, before);
    let found = reconciled(&stage, &file, "north", "2026-03-10").await.expect("booked");
    assert_eq!(found.outcome, FileOutcome::Booked);
}

#[tokio::test]
async fn what_is_in_quarantine_is_read_again_when_it_comes_again() {
    let stage = Stage::told(SETTINGS, STORY).await;
    let file = stage.write_text("one.csv", &settlement_file(&ROWS, "2026-03-03"));
    let early = |name: &'static str| {
        let stage = &stage;
        async move {
            let file = stage.write_text(name, &settlement_file(&ROWS[..1], "2026-03-04"));
            reconciled(stage, &file, "north", "2026-01-01")
                .await
                .expect("taken in")
                .outcome
        }
    };
    for _ in 0..2 {
        let found = reconciled(&stage, &file, "north", "2026-01-01")
            .await
            .expect("taken in");
        assert!(
            matches!(&found.outcome, FileOutcome::Quarantined { reason } if reason.contains("has not come")),
            "{found:?}"
        );
    }
    for again in [FileOutcome::Booked, FileOutcome::AlreadyBooked] {
        let found = reconciled(&stage, &file, "north", "2026-03-10")
            .await
            .expect("taken in");
        assert_eq!(found.outcome, again);
    }
    let known = stage
        .test
        .store
        .settlement_files(Filter::default())
        .await
        .expect("files");
    let states: Vec<&str> = known.iter().map(|file| file.state.as_str()).collect();
    assert_eq!(states, ["superseded", "booked"]);
    // What somebody rejected stays rejected.
    assert!(matches!(early("two.csv").await, FileOutcome::Quarantined { .. }));
    let ask = Ask {
        file: "two.csv",
        by: "ada",
        reason: "not ours",
        beside: false,
    };
    stage.test.store.reject_file(&ask).await.expect("rejected");
    let file = stage.write_text("two.csv", &settlement_file(&ROWS[..1], "2026-03-04"));
    let found = reconciled(&stage, &file, "north", "2026-03-10")
        .await
        .expect("taken in");
    assert!(
        matches!(&found.outcome, FileOutcome::Quarantined { reason } if reason.contains("rejected by ada")),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_was_settled_is_known_again_by_its_arn_alone() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD ref=A1 arn=74537604221431003881865
         file north 2026-03-03
         Settled +80.00 USD arn=74537604221431003881865
         file north 2026-03-04 breaks=DUPLICATE_IN_FILE
         Settled +80.00 USD arn=74537604221431003881865",
    )
    .await;
    let undo = acquit::store::reconcile::undo::Request {
        file: "file-1.csv",
        by: "ada",
        reason: None,
        on: None,
    };
    let refused = stage.test.store.undo_file(&undo).await.expect_err("refused");
    assert!(refused.to_string().contains("file-2.csv"), "{refused}");
}
