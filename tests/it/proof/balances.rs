//! Acquirers that keep a balance for us: what files report moves it, and payouts take of it what they like.

use acquit::store::reconcile::{FileOutcome, Request, files};

use super::*;
use crate::breaks;

/// A report of one section in EUR, of a day; its rows `EVENT ID +100.00 fee=3.00 invoice=p1`.
fn report(on: &str, rows: &[&str]) -> String {
    let mut body = String::new();
    let mut sums = [0_i64; 4];
    for row in rows {
        let words = crate::stage::Words::of(row);
        let [event, id, amount] = words.placed[..] else {
            panic!("{row}")
        };
        let gross = crate::stage::minor(amount, "EUR");
        let fee = words.get("fee").map_or(0, |fee| crate::stage::minor(fee, "EUR"));
        sums[usize::from(gross < 0)] += gross.abs();
        sums[3] += fee;
        let side = if gross < 0 { "DR" } else { "CR" };
        let fee = match fee {
            0 => ",,".to_owned(),
            fee => format!("DR,{fee},EUR"),
        };
        let (invoice, at) = (words.get("invoice").unwrap_or_default(), on.replace('-', "/"));
        body += &format!(
            "SB,{id},{invoice},,{event},{at} 10:00:00 +0000,{side},{},EUR,{fee}\n",
            gross.abs()
        );
    }
    let sums = sums.map(|sum| sum.to_string()).join(",");
    let (at, count) = (on.replace('-', "/"), rows.len());
    format!(
        "RH,{at} 12:00:00 +0000,A,ACCOUNT,011\nFH,1\nSH,{at} 00:00:00 +0000,{at} 23:59:59 +0000,ACCOUNT,\n\
         CH,Transaction ID,Invoice ID,PayPal Reference ID,Transaction Event Code,Transaction Completion Date,\
         Transaction Debit or Credit,Gross Transaction Amount,Gross Transaction Currency,Fee Debit or Credit,Fee Amount,Fee Currency\n\
         {body}SF,EUR,{sums}\nSC,{count}\nRF,EUR,{sums}\nRC,{count}\nFF,{count}\n"
    )
}

/// A Stripe report of rows `ID CATEGORY +100.00 fee=3.00 of=ch_1 payout=po_1`.
fn stripe(on: &str, rows: &[&str]) -> String {
    let mut text =
        "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,automatic_payout_id\n"
            .to_owned();
    for row in rows {
        let words = crate::stage::Words::of(row);
        let [id, category, amount] = words.placed[..] else {
            panic!("{row}")
        };
        let decimal = |minor: i64| {
            format!(
                "{}{}.{:02}",
                if minor < 0 { "-" } else { "" },
                minor.abs() / 100,
                minor.abs() % 100
            )
        };
        let gross = crate::stage::minor(amount, "EUR");
        let fee = words.get("fee").map_or(0, |fee| crate::stage::minor(fee, "EUR"));
        let of = |name: &str| words.get(name).unwrap_or_default();
        text += &format!(
            "{id},{on} 10:00:00,eur,{},{},{},{category},{},{}\n",
            decimal(gross),
            decimal(fee),
            decimal(gross - fee),
            of("of"),
            of("payout")
        );
    }
    text
}

impl World {
    async fn settle(&self, name: &str, text: &str, on: &str) -> FileOutcome {
        let file = self.stage.write_text(name, text);
        let request = Request {
            file: &file,
            acquirer: "north",
            as_of: Some(day(on)),
            today: chrono::NaiveDate::MAX,
        };
        let found = self
            .stage
            .test
            .store
            .reconcile(&self.stage.deployment, &request, &|_| {})
            .await;
        let found = found.expect("a reconciliation");
        self.stage.holds().await;
        found.outcome
    }

    /// Books a file.
    async fn books(&self, name: &str, text: &str, on: &str) {
        assert_eq!(self.settle(name, text, on).await, FileOutcome::Booked, "{name}");
    }

    /// What merchants' money has to be there for, in cents of a day.
    async fn required(&self, on: &str) -> String {
        let (_, rows) = self
            .printed(&Report::Safeguarding {
                date: day(on),
                merchants: false,
            })
            .await;
        rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test]
async fn a_withdrawal_is_awaited_and_not_the_net_of_its_day() {
    let mut world = World::told(
        "sale p1 100.00 EUR ref=A1 at=2026-03-02
         sale p2 60.00 EUR ref=A2 at=2026-03-03",
    )
    .await;
    // The balance earns 97.00 on the first day and 58.00 on the second; 50.00 of it leave, then 105.00.
    let first = report(
        "2026-03-02",
        &["T0006 A1 +100.00 fee=3.00 invoice=p1", "T0400 8AB000W1 -50.00"],
    );
    world.books("1.csv", &first, "2026-03-02").await;
    world
        .load(&statement("2026-03-03", 0, &["+50.00 text=PAYPAL-8AB000W1"]))
        .await;
    let second = report(
        "2026-03-03",
        &["T0006 A2 +60.00 fee=2.00 invoice=p2", "T0400 8AB000W2 -105.00"],
    );
    world.books("2.csv", &second, "2026-03-03").await;
    World::is(&world.open("2026-03-03").await, "");
    assert!(breaks::ids(&world.stage, "FUNDING_MISMATCH").await.is_empty());
    // Neither sale is received whole: nothing of it has to be there yet.
    let before = world.required("2026-03-03").await;
    // What does not come is the withdrawal, no day.
    world.load(&statement("2026-03-10", 5_000, &[])).await;
    assert_eq!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.len(), 1);
    World::is(
        &world.open("2026-03-10").await,
        "3 north EUR explained 105.00 0.00 105.00 0.00
         open 3 MISSING_RECEIPT 2026-03-03 105.00",
    );
    world
        .load(&statement("2026-03-11", 5_000, &["+105.00 text=PAYPAL-8AB000W2"]))
        .await;
    assert!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.is_empty());
    World::is(&world.open("2026-03-11").await, "");
    let after = world.required("2026-03-11").await;
    assert_ne!(before, after, "{before}");
    assert!(
        after.contains("154.76"),
        "100.00 and 60.00 less 2.9 % and 0.30 each:\n{after}"
    );
}

#[tokio::test]
async fn a_payout_is_of_the_rows_in_all_files() {
    let mut world = World::told(
        "sale p1 100.00 EUR ref=ch_1 at=2026-03-02
         sale p2 60.00 EUR ref=ch_2 at=2026-03-03
         sale p3 10.00 EUR ref=ch_3 at=2026-03-03",
    )
    .await;
    let first = stripe("2026-03-02", &["txn_1 charge +100.00 fee=3.00 of=ch_1 payout=po_10001"]);
    world.books("1.csv", &first, "2026-03-02").await;
    // A report of days cuts the payout.
    let second = stripe(
        "2026-03-03",
        &[
            "txn_2 charge +60.00 fee=2.00 of=ch_2 payout=po_10001",
            "txn_3 payout -155.00 of=po_10001 payout=po_10001",
        ],
    );
    world.books("2.csv", &second, "2026-03-03").await;
    // What no automatic payout holds is in the balance, of which payouts take what they like.
    let third = stripe(
        "2026-03-04",
        &["txn_4 charge +10.00 fee=1.00 of=ch_3", "txn_5 payout -4.00 of=po_20002"],
    );
    world.books("3.csv", &third, "2026-03-04").await;
    world
        .load(&statement(
            "2026-03-05",
            0,
            &["+155.00 text=STRIPE-PO_10001", "+4.00 text=STRIPE-PO_20002"],
        ))
        .await;
    World::is(&world.open("2026-03-05").await, "");
    assert!(breaks::ids(&world.stage, "FUNDING_MISMATCH").await.is_empty());
    world.load(&statement("2026-03-12", 15_900, &[])).await;
    assert!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.is_empty());
}

#[tokio::test]
async fn a_payout_that_is_not_of_its_rows_in_all_files_is_told() {
    let world = World::told("sale p1 100.00 EUR ref=ch_1 at=2026-03-02").await;
    let first = stripe("2026-03-02", &["txn_1 charge +100.00 fee=3.00 of=ch_1 payout=po_10001"]);
    world.books("1.csv", &first, "2026-03-02").await;
    let rows = [
        "txn_2 fee -2.00 payout=po_10001",
        "txn_3 payout -90.00 of=po_10001 payout=po_10001",
    ];
    let FileOutcome::Quarantined { reason } = world.settle("2.csv", &stripe("2026-03-03", &rows), "2026-03-03").await
    else {
        panic!("booked")
    };
    assert!(
        reason.contains("payout po_10001 is of 90.00 EUR, its lines add up to 95.00 EUR"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_report_of_a_payout_takes_the_place_of_those_that_did_not_know_it_yet() {
    let mut world = World::told(
        "sale p1 100.00 EUR ref=ch_1 at=2026-03-02
         sale p2 60.00 EUR ref=ch_2 at=2026-03-03
         sale p3 40.00 EUR ref=ch_3 at=2026-03-03
         sale p4 20.00 EUR ref=ch_4 at=2026-03-03",
    )
    .await;
    let first = stripe("2026-03-02", &["txn_1 charge +100.00 fee=3.00 of=ch_1"]);
    world.books("1.csv", &first, "2026-03-02").await;
    let rows = [
        "txn_2 charge +60.00 fee=2.00 of=ch_2",
        "txn_3 charge +40.00 fee=1.00 of=ch_3",
        "txn_4 charge +20.00 fee=1.00 of=ch_4",
    ];
    world.books("2.csv", &stripe("2026-03-03", &rows), "2026-03-03").await;
    // All rows of the first report are paid, and most of the second.
    let paid = stripe("2026-03-02", &["txn_1 charge +100.00 fee=3.00 of=ch_1 payout=po_10001"])
        + stripe(
            "2026-03-03",
            &[
                "txn_2 charge +60.00 fee=2.00 of=ch_2 payout=po_10001",
                "txn_4 charge +20.00 fee=1.00 of=ch_4 payout=po_10001",
                "txn_9 payout -174.00 of=po_10001 payout=po_10001",
            ],
        )
        .split_once('\n')
        .expect("a header")
        .1;
    let FileOutcome::Quarantined { reason } = world.settle("paid.csv", &paid, "2026-03-04").await else {
        panic!("booked")
    };
    assert!(reason.contains("came before with other content"), "{reason}");
    assert_eq!(breaks::ids(&world.stage, "SUPERSEDED_FILE").await.len(), 2);
    assert!(breaks::ids(&world.stage, "DUPLICATE_IN_FILE").await.is_empty());
    for by in ["ada", "ben"] {
        let ask = files::Request {
            file: "paid.csv",
            by,
            reason: "the payout is known now",
            beside: false,
        };
        let store = &world.stage.test.store;
        let released = store.release_file(&world.stage.deployment, &ask, &|_| {}).await;
        released.expect("released");
    }
    world.stage.holds().await;
    // What was not paid yet comes with the next payout.
    let next = stripe(
        "2026-03-05",
        &[
            "txn_3 charge +40.00 fee=1.00 of=ch_3 payout=po_10002",
            "txn_10 payout -39.00 of=po_10002 payout=po_10002",
        ],
    );
    world.books("next.csv", &next, "2026-03-05").await;
    world
        .load(&statement(
            "2026-03-06",
            0,
            &["+174.00 text=STRIPE-PO_10001", "+39.00 text=STRIPE-PO_10002"],
        ))
        .await;
    World::is(&world.open("2026-03-06").await, "");
    world.load(&statement("2026-03-13", 21_300, &[])).await;
    for class in [
        "FUNDING_MISMATCH",
        "MISSING_RECEIPT",
        "DUPLICATE_IN_FILE",
        "MISSING_IN_FILE",
    ] {
        assert!(breaks::ids(&world.stage, class).await.is_empty(), "{class}");
    }
}

/// What a payout row without lines books where its lines come later, or never.
#[tokio::test]
async fn a_payout_may_come_before_its_rows() {
    let mut world = World::told(
        "sale p1 100.00 EUR ref=ch_1 at=2026-03-02
         sale p2 60.00 EUR ref=ch_2 at=2026-03-03",
    )
    .await;
    let alone = stripe("2026-03-04", &["txn_3 payout -155.00 of=po_10001 payout=po_10001"]);
    world.books("3.csv", &alone, "2026-03-04").await;
    world
        .load(&statement("2026-03-05", 0, &["+155.00 text=STRIPE-PO_10001"]))
        .await;
    // None of what it is of is there.
    World::is(
        &world.open("2026-03-05").await,
        "2 north EUR explained 0.00 155.00 -155.00 0.00
         open 2 incomplete -155.00",
    );
    let first = stripe("2026-03-02", &["txn_1 charge +100.00 fee=3.00 of=ch_1 payout=po_10001"]);
    world.books("1.csv", &first, "2026-03-02").await;
    World::is(
        &world.open("2026-03-05").await,
        "2 north EUR explained 97.00 155.00 -58.00 0.00
         open 2 incomplete -58.00",
    );
    let second = stripe("2026-03-03", &["txn_2 charge +60.00 fee=2.00 of=ch_2 payout=po_10001"]);
    world.books("2.csv", &second, "2026-03-03").await;
    World::is(&world.open("2026-03-05").await, "");
    world.load(&statement("2026-03-12", 15_500, &[])).await;
    for class in ["MISSING_RECEIPT", "FUNDING_MISMATCH", "UNIDENTIFIED_RECEIPT"] {
        assert!(breaks::ids(&world.stage, class).await.is_empty(), "{class}");
    }
    World::is(&world.open("2026-03-12").await, "");
}

/// What is cut over files may also be a payout that takes money from the bank: all of it by refunds of one day, or of two.
#[tokio::test]
async fn a_payout_that_takes_money_may_be_cut() {
    let mut world = World::told(
        "sale p1 100.00 EUR ref=ch_1 at=2026-03-02
         sale p2 60.00 EUR ref=ch_2 at=2026-03-02",
    )
    .await;
    let paid = stripe(
        "2026-03-02",
        &[
            "txn_1 charge +100.00 of=ch_1 payout=po_10001",
            "txn_2 charge +60.00 of=ch_2 payout=po_10001",
            "txn_3 payout -160.00 of=po_10001 payout=po_10001",
        ],
    );
    world.books("1.csv", &paid, "2026-03-02").await;
    world
        .load(&statement("2026-03-03", 0, &["+160.00 text=STRIPE-PO_10001"]))
        .await;
    world
        .stage
        .tell(
            "refund p1 100.00 EUR ref=re_1 at=2026-03-03
             refund p2 35.00 EUR ref=re_2 at=2026-03-03
             refund p2 25.00 EUR name=r3 ref=re_3 at=2026-03-03",
        )
        .await;
    let first = stripe("2026-03-03", &["txn_4 refund -100.00 of=re_1 payout=po_20002"]);
    world.books("2.csv", &first, "2026-03-03").await;
    let second = stripe("2026-03-04", &["txn_5 payout 100.00 of=po_20002 payout=po_20002"]);
    world.books("3.csv", &second, "2026-03-04").await;
    let first = stripe("2026-03-04", &["txn_6 refund -35.00 of=re_2 payout=po_30003"]);
    world.books("4.csv", &first, "2026-03-04").await;
    let second = stripe(
        "2026-03-05",
        &[
            "txn_7 refund -25.00 of=re_3 payout=po_30003",
            "txn_8 payout -60.00 of=po_30003 payout=po_30003",
        ],
    );
    world.books("5.csv", &second, "2026-03-05").await;
    world
        .load(&statement(
            "2026-03-06",
            16_000,
            &["-100.00 text=STRIPE-PO_20002", "-60.00 text=STRIPE-PO_30003"],
        ))
        .await;
    World::is(&world.open("2026-03-06").await, "");
}

#[tokio::test]
async fn a_corrected_part_of_a_payout_takes_the_place_of_the_part_alone() {
    let mut world = World::told(
        "sale p1 100.00 EUR ref=ch_1 at=2026-03-02
         sale p2 60.00 EUR ref=ch_2 at=2026-03-03",
    )
    .await;
    let first = stripe("2026-03-02", &["txn_1 charge +100.00 fee=1.00 of=ch_1 payout=po_10001"]);
    world.books("1.csv", &first, "2026-03-02").await;
    let part = |fee: &str, rest: &str| {
        let charge = format!("txn_2 charge +60.00 fee={fee} of=ch_2 payout=po_10001");
        let rest = format!("txn_9 fee -{rest} payout=po_10001");
        let rows = [
            &charge[..],
            &rest[..],
            "txn_3 payout -156.00 of=po_10001 payout=po_10001",
        ];
        stripe("2026-03-03", &rows)
    };
    world.books("2.csv", &part("2.00", "1.00"), "2026-03-03").await;
    let corrected = part("1.00", "2.00");
    let FileOutcome::Quarantined { reason } = world.settle("3.csv", &corrected, "2026-03-03").await else {
        panic!("booked")
    };
    assert!(
        reason.contains("batch po_10001 came before with other content, in 2.csv"),
        "{reason}"
    );
    assert!(breaks::ids(&world.stage, "TOTAL_MISMATCH").await.is_empty());
    for by in ["ada", "ben"] {
        let ask = files::Request {
            file: "3.csv",
            by,
            reason: "corrected",
            beside: false,
        };
        let store = &world.stage.test.store;
        let released = store.release_file(&world.stage.deployment, &ask, &|_| {}).await;
        released.expect("released");
    }
    world.stage.holds().await;
    world
        .load(&statement("2026-03-05", 0, &["+156.00 text=STRIPE-PO_10001"]))
        .await;
    World::is(&world.open("2026-03-05").await, "");
}

/// What a batch paid and the bank sent back is paid with a later batch, and nobody waits for it by its first name.
#[tokio::test]
async fn a_payout_that_came_back_is_paid_with_the_batch_that_brings_it() {
    let mut world = World::told(
        "sale p1 80.00 EUR ref=A1 at=2026-03-02
         sale p2 10.00 EUR ref=A2 at=2026-03-09",
    )
    .await;
    let file = |rows: &[&str], on: &str, payout: &str| {
        let text = crate::stage::settlement_file(rows, on);
        text.replace("MerchantPayout,TX,", &format!("MerchantPayout,{payout},"))
    };
    let first = file(
        &["Settled +80.00 EUR ref=A1 cost=1.00 batch=7"],
        "2026-03-03",
        "TX1000007XT batch 7",
    );
    world.books("7.csv", &first, "2026-03-03").await;
    world.load(&statement("2026-03-10", 0, &[])).await;
    assert_eq!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.len(), 1);
    let rows = [
        "Settled +10.00 EUR ref=A2 batch=8",
        "BankInstructionReturned +79.00 EUR ref=TX1000007XT batch=8",
    ];
    let second = file(&rows, "2026-03-10", "TX1000008XT batch 8");
    world.books("8.csv", &second, "2026-03-10").await;
    assert!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.is_empty());
    // Until the second one is paid nothing of the first has come.
    World::is(
        &world.open("2026-03-10").await,
        "3 north EUR explained 89.00 89.00 0.00 0.00
         open 3 MISSING_RECEIPT 2026-03-03 79.00
         open 3 carried -79.00",
    );
    // Undone, the first is missing again; it comes again and is not.
    let undo = acquit::store::reconcile::undo::Request {
        file: "8.csv",
        by: "ada",
        reason: None,
        on: None,
    };
    world.stage.test.store.undo_file(&undo).await.expect("undone");
    world.load(&statement("2026-03-11", 0, &[])).await;
    assert_eq!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.len(), 1);
    world.books("8.csv", &second, "2026-03-10").await;
    assert!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.is_empty());
    world
        .load(&statement("2026-03-12", 0, &["+89.00 text=TX1000008XT"]))
        .await;
    World::is(&world.open("2026-03-12").await, "");
    for class in ["MISSING_RECEIPT", "FUNDING_MISMATCH", "UNIDENTIFIED_RECEIPT"] {
        assert!(breaks::ids(&world.stage, class).await.is_empty(), "{class}");
    }
    // One that names nothing that is awaited stays with people.
    let third = file(
        &["BankInstructionReturned +5.00 EUR ref=TX9999999XT batch=9"],
        "2026-03-12",
        "TX1000009XT batch 9",
    );
    world.books("9.csv", &third, "2026-03-12").await;
    let sql = "select count(*) from settlement_return";
    let kept: i64 = world
        .stage
        .test
        .admin
        .query_one(sql, &[])
        .await
        .expect("a count")
        .get(0);
    assert_eq!(kept, 2, "one of each run of the second file");
}

/// It may come back again, with the batch that brought it, and is paid once the last one is; one file may tell of all of it.
#[tokio::test]
async fn a_payout_that_came_back_may_do_so_again() {
    let mut world = World::told(
        "sale p1 80.00 EUR ref=A1 at=2026-03-02
         sale p2 10.00 EUR ref=A2 at=2026-03-03
         sale p3 20.00 EUR ref=A3 at=2026-03-04",
    )
    .await;
    let rows = [
        "Settled +80.00 EUR ref=A1 cost=1.00 batch=7",
        "Settled +10.00 EUR ref=A2 batch=8",
        "BankInstructionReturned +79.00 EUR ref=TX1000007XT batch=8",
    ];
    let mut file = crate::stage::settlement_file(&rows, "2026-03-04");
    for payout in ["TX1000007XT batch 7", "TX1000008XT batch 8"] {
        file = file.replacen("MerchantPayout,TX,", &format!("MerchantPayout,{payout},"), 1);
    }
    world.books("7.csv", &file, "2026-03-04").await;
    let rows = [
        "Settled +20.00 EUR ref=A3 batch=9",
        "BankInstructionReturned +89.00 EUR ref=TX1000008XT batch=9",
    ];
    let last = crate::stage::settlement_file(&rows, "2026-03-05");
    let last = last.replace("MerchantPayout,TX,", "MerchantPayout,TX1000009XT batch 9,");
    world.books("9.csv", &last, "2026-03-05").await;
    world.load(&statement("2026-03-16", 0, &[])).await;
    assert_eq!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.len(), 1);
    world
        .load(&statement("2026-03-17", 0, &["+109.00 text=TX1000009XT"]))
        .await;
    assert!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.is_empty());
    World::is(&world.open("2026-03-17").await, "");
}

/// Where the file of one that came back is undone, what brought it is of nothing, and that is told.
#[tokio::test]
async fn what_brings_a_payout_of_no_file_is_told() {
    let mut world = World::told(
        "sale p1 80.00 EUR ref=A1 at=2026-03-02
         sale p2 10.00 EUR ref=A2 at=2026-03-03",
    )
    .await;
    let file = |rows: &[&str], on: &str, payout: &str| {
        let text = crate::stage::settlement_file(rows, on);
        text.replace("MerchantPayout,TX,", &format!("MerchantPayout,{payout},"))
    };
    let first = file(
        &["Settled +80.00 EUR ref=A1 cost=1.00 batch=7"],
        "2026-03-03",
        "TX1000007XT batch 7",
    );
    world.books("7.csv", &first, "2026-03-03").await;
    let rows = [
        "Settled +10.00 EUR ref=A2 batch=8",
        "BankInstructionReturned +79.00 EUR ref=TX1000007XT batch=8",
    ];
    let second = file(&rows, "2026-03-04", "TX1000008XT batch 8");
    world.books("8.csv", &second, "2026-03-04").await;
    world
        .load(&statement("2026-03-05", 0, &["+89.00 text=TX1000008XT"]))
        .await;
    World::is(&world.open("2026-03-05").await, "");
    let undo = acquit::store::reconcile::undo::Request {
        file: "7.csv",
        by: "ada",
        reason: None,
        on: None,
    };
    world.stage.test.store.undo_file(&undo).await.expect("undone");
    World::is(
        &world.open("2026-03-05").await,
        "3 north EUR explained -79.00 0.00 -79.00 0.00
         open 3 receipt of no file -79.00",
    );
}

/// Twice in one file it is none of them, as far as anybody can tell: the batch stays awaited.
#[tokio::test]
async fn a_payout_does_not_come_back_twice() {
    let mut world = World::told("sale p1 80.00 EUR ref=A1 at=2026-03-02").await;
    let file = |rows: &[&str], on: &str, payout: &str| {
        let text = crate::stage::settlement_file(rows, on);
        text.replace("MerchantPayout,TX,", &format!("MerchantPayout,{payout},"))
    };
    let first = file(
        &["Settled +80.00 EUR ref=A1 cost=1.00 batch=7"],
        "2026-03-03",
        "TX1000007XT batch 7",
    );
    world.books("7.csv", &first, "2026-03-03").await;
    world.load(&statement("2026-03-10", 0, &[])).await;
    let back = "BankInstructionReturned +79.00 EUR ref=TX1000007XT batch=8";
    let second = file(&[back, back], "2026-03-10", "TX1000008XT batch 8");
    world.books("8.csv", &second, "2026-03-10").await;
    assert_eq!(breaks::ids(&world.stage, "MISSING_RECEIPT").await.len(), 1);
    world.stage.holds().await;
}

/// The bank receives what is paid; what the payout costs is a cost, as every fee is.
#[tokio::test]
async fn what_a_payout_costs_is_booked_and_not_awaited() {
    let mut world = World::told("sale p1 200.00 EUR ref=ch_1 at=2026-03-02").await;
    let at_will = stripe(
        "2026-03-03",
        &[
            "txn_1 charge +200.00 fee=3.00 of=ch_1",
            "txn_2 payout -100.00 fee=1.00 of=po_10001",
        ],
    );
    world.books("1.csv", &at_will, "2026-03-03").await;
    world
        .load(&statement("2026-03-04", 0, &["+100.00 text=STRIPE-PO_10001"]))
        .await;
    World::is(&world.open("2026-03-04").await, "");
    world.stage.tell("is all EUR 5030=4.00 1110=96.00 1900=0.00").await;
    // The same of a payout that says what it is of.
    world.stage.tell("sale p2 60.00 EUR ref=ch_2 at=2026-03-04").await;
    let automatic = stripe(
        "2026-03-05",
        &[
            "txn_3 charge +60.00 fee=2.00 of=ch_2 payout=po_20002",
            "txn_4 payout -57.50 fee=0.50 of=po_20002 payout=po_20002",
        ],
    );
    world.books("2.csv", &automatic, "2026-03-05").await;
    world
        .load(&statement("2026-03-06", 10_000, &["+57.50 text=STRIPE-PO_20002"]))
        .await;
    world.stage.tell("is all EUR 5030=6.50 1110=96.00 1900=0.00").await;
    for class in ["MISSING_RECEIPT", "FUNDING_MISMATCH", "UNIDENTIFIED_RECEIPT"] {
        assert!(breaks::ids(&world.stage, class).await.is_empty(), "{class}");
    }
}

#[tokio::test]
async fn what_a_withdrawal_costs_is_booked_and_not_awaited() {
    let mut world = World::told("sale p1 100.00 EUR ref=A1 at=2026-03-02").await;
    let first = report(
        "2026-03-03",
        &["T0006 A1 +100.00 fee=3.00 invoice=p1", "T0403 8AB000W1 -50.00 fee=0.25"],
    );
    world.books("1.csv", &first, "2026-03-03").await;
    world
        .load(&statement("2026-03-04", 0, &["+50.00 text=PAYPAL-8AB000W1"]))
        .await;
    world.stage.tell("is all EUR 5030=3.25 1110=46.75 1900=0.00").await;
    assert!(breaks::ids(&world.stage, "UNIDENTIFIED_RECEIPT").await.is_empty());
}

/// What two files before it both have is of it once.
#[tokio::test]
async fn rows_that_two_files_before_it_have_are_of_a_payout_once() {
    let world = World::told(
        &(1..=5)
            .map(|sale| format!("sale p{sale} 20.00 EUR ref=ch_{sale} at=2026-03-02\n"))
            .collect::<String>(),
    )
    .await;
    let charges = |which: &[u8]| {
        let rows: Vec<String> = which
            .iter()
            .map(|sale| format!("txn_{sale} charge +20.00 of=ch_{sale} payout=po_10001"))
            .collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        stripe("2026-03-02", &rows)
    };
    world.books("1.csv", &charges(&[1, 2, 3]), "2026-03-02").await;
    world.books("2.csv", &charges(&[3, 4, 5]), "2026-03-02").await;
    assert_eq!(breaks::ids(&world.stage, "DUPLICATE_IN_FILE").await.len(), 1);
    let paid = stripe("2026-03-04", &["txn_9 payout -100.00 of=po_10001 payout=po_10001"]);
    world.books("3.csv", &paid, "2026-03-04").await;
    world.stage.holds().await;
}

/// A payout may have the amount of its first rows with the other sign, and be of more.
#[tokio::test]
async fn a_payout_may_be_as_much_as_its_first_rows_take() {
    let mut world = World::told("sale p1 100.00 EUR ref=ch_1 at=2026-03-02").await;
    world
        .books(
            "0.csv",
            &stripe(
                "2026-03-02",
                &[
                    "txn_0 charge +100.00 of=ch_1 payout=po_10000",
                    "txn_1 payout -100.00 of=po_10000 payout=po_10000",
                ],
            ),
            "2026-03-02",
        )
        .await;
    world
        .load(&statement("2026-03-03", 0, &["+100.00 text=STRIPE-PO_10000"]))
        .await;
    world
        .stage
        .tell(
            "refund p1 50.00 EUR ref=re_1 at=2026-03-03
             sale p2 100.00 EUR ref=ch_2 at=2026-03-03",
        )
        .await;
    let refund = stripe("2026-03-03", &["txn_2 refund -50.00 of=re_1 payout=po_10001"]);
    world.books("1.csv", &refund, "2026-03-03").await;
    let payout = stripe("2026-03-05", &["txn_3 payout -50.00 of=po_10001 payout=po_10001"]);
    world.books("3.csv", &payout, "2026-03-05").await;
    let sale = stripe("2026-03-04", &["txn_4 charge +100.00 of=ch_2 payout=po_10001"]);
    world.books("2.csv", &sale, "2026-03-05").await;
    world
        .load(&statement("2026-03-06", 10_000, &["+50.00 text=STRIPE-PO_10001"]))
        .await;
    World::is(&world.open("2026-03-06").await, "");
}

/// However the rows of a payout are spread over files, they are what it is of, or the file waits.
#[tokio::test]
async fn a_payout_is_held_to_the_rows_of_every_file() {
    let mut world = World::told(
        "sale p1 100.00 EUR ref=ch_1 at=2026-03-02
         sale p2 60.00 EUR ref=ch_2 at=2026-03-02",
    )
    .await;
    let part = stripe("2026-03-02", &["txn_1 charge +100.00 of=ch_1 payout=po_10001"]);
    world.books("1.csv", &part, "2026-03-02").await;
    // Its own rows are all of the payout: those before are too many.
    let rest = [
        "txn_2 charge +60.00 of=ch_2 payout=po_10001",
        "txn_6 fee -1.00 of=fee_6 payout=po_10001",
        "txn_7 fee -1.00 of=fee_7 payout=po_10001",
        "txn_3 payout -58.00 of=po_10001 payout=po_10001",
    ];
    let rest = stripe("2026-03-03", &rest);
    let FileOutcome::Quarantined { reason } = world.settle("2.csv", &rest, "2026-03-03").await else {
        panic!("booked")
    };
    assert!(
        reason.contains("payout po_10001 is of 58.00 EUR, its lines add up to 158.00 EUR"),
        "{reason}"
    );
    let whole = rest.replace("-58.00,0.00,-58.00", "-158.00,0.00,-158.00");
    world.books("3.csv", &whole, "2026-03-03").await;
    // Nothing more is of it.
    let more = stripe("2026-03-04", &["txn_4 fee -2.00 payout=po_10001"]);
    let FileOutcome::Quarantined { reason } = world.settle("4.csv", &more, "2026-03-04").await else {
        panic!("booked")
    };
    assert!(
        reason.contains("batch po_10001 was paid by 3.csv with 158.00 EUR, its lines add up to 156.00 EUR"),
        "{reason}"
    );
    // A line that is there already is no more of it, but a repetition.
    let again = [
        "txn_2 charge +60.00 of=ch_2 payout=po_10001",
        "txn_8 fee -1.00 of=fee_8 payout=po_20002",
        "txn_9 fee -1.00 of=fee_9 payout=po_20002",
    ];
    let again = stripe("2026-03-03", &again);
    world.books("5.csv", &again, "2026-03-04").await;
    assert_eq!(breaks::ids(&world.stage, "DUPLICATE_IN_FILE").await.len(), 1);
    let undo = acquit::store::reconcile::undo::Request {
        file: "5.csv",
        by: "ada",
        reason: None,
        on: None,
    };
    world.stage.test.store.undo_file(&undo).await.expect("undone");
    for file in ["2.csv", "4.csv"] {
        let ask = files::Request {
            file,
            by: "ada",
            reason: "not so",
            beside: false,
        };
        world.stage.test.store.reject_file(&ask).await.expect("rejected");
    }
    world.load(&statement("2026-03-03", 0, &[])).await;
    World::is(&world.open("2026-03-03").await, "");
    // Where a part of it is undone, that is told.
    let undo = acquit::store::reconcile::undo::Request {
        file: "1.csv",
        by: "ada",
        reason: None,
        on: None,
    };
    world.stage.test.store.undo_file(&undo).await.expect("undone");
    World::is(
        &world.open("2026-03-03").await,
        "2 north EUR explained 58.00 158.00 -100.00 0.00
         open 2 incomplete -100.00",
    );
}
