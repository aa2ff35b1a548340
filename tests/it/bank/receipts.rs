//! Receipts that came before the file of what they pay, and those that people give to batches. What must come of the first is what
//! comes of them when the file is there before the statement.

use acquit::cli::output::Format;
use acquit::cli::report::{Report, print};
use acquit::ids::SYSTEM;
use acquit::store::bank::Request;
use futures_util::future::join_all;

use super::{Bank, statement};
use crate::support::{day, dump};

const SALES: &str = "
    sale p1 100.00 EUR m=plain ref=A1 at=2026-03-02
    sale p2 50.00 EUR m=plain ref=A2 at=2026-03-02
    sale p3 50.00 EUR m=plain ref=A3 at=2026-03-02
    refund p3 30.00 EUR m=plain ref=R3 at=2026-03-02";

const FILE: &str = "
    file north 2026-03-03
    Settled +100.00 EUR ref=A1 cost=1.00 batch=20260303001
    Settled +50.00 EUR ref=A2 cost=0.50 batch=20260303002
    Settled +50.00 EUR ref=A3 batch=20260303003
    Refunded -30.00 EUR ref=R3 batch=20260303004";

/// What each batch of the file awaits, less what these have got.
fn awaited(paid: &[(&str, i64)]) -> Vec<String> {
    let all = [("001", 9_900), ("002", 4_950), ("003", 5_000), ("004", -3_000)];
    let left = |(batch, net): (&str, i64)| {
        let got: i64 = paid.iter().filter(|(of, _)| *of == batch).map(|(_, got)| got).sum();
        (net != got).then(|| format!("20260303{batch} {}", net - got))
    };
    all.into_iter().filter_map(left).collect()
}

/// The proof of a day without the numbers of breaks, which count every break that ever was.
async fn proof(bank: &Bank, on: &str) -> Vec<String> {
    let report = Report::Proof {
        date: crate::stage::day(on),
        acquirer: None,
    };
    let mut out = Vec::new();
    let printed = print(&bank.stage.test.store, &report, Format::Csv, &mut out).await;
    printed.map_err(|failure| format!("{failure}")).expect("a proof");
    let text = String::from_utf8(out).expect("text");
    text.lines()
        .map(|row| {
            let words = row.split("break ").collect::<Vec<_>>();
            let unnumbered = words
                .iter()
                .map(|word| word.trim_start_matches(|c: char| c.is_ascii_digit()));
            unnumbered.collect::<Vec<_>>().join("break ")
        })
        .collect()
}

const AWAITED: &str = "select batch || ' ' || open from awaited where open <> 0 order by 1";
const RESOLVED: &str =
    "select class || ' ' || proposed_by || ': ' || note from break_proposal join break on break.id = break_id
    where break_proposal.state = 'executed' order by break.id";

/// Statements of these entries, one a day from 2026-03-03, before and after the file: in the end everything is the same. Says what
/// is awaited then, and which breaks are open.
async fn check(days: &[&[&str]], balances: &str, awaited: &[String], breaks: &[&str]) {
    let mut ends = Vec::new();
    for file_first in [true, false] {
        let mut bank = Bank::told(SALES).await;
        if file_first {
            bank.stage.tell(FILE).await;
        }
        let mut opening = 0;
        for (place, entries) in days.iter().enumerate() {
            let day = format!("2026-03-0{}", place + 3);
            bank.load(&statement(&day, opening, entries)).await;
            let closing = "select closing from bank_statement order by source_id desc limit 1";
            opening = bank.number(closing).await;
        }
        if !file_first {
            bank.stage.tell(FILE).await;
        }
        let last = format!("2026-03-0{}", days.len() + 2);
        let proven = proof(&bank, &last).await;
        // Where an acquirer is short of what it reported, cash is too: that alone may be said to differ.
        let differs = |row: &&String| row.contains("differs") && !row.starts_with("identity,5");
        assert_eq!(proven.iter().find(differs), None, "{proven:#?}");
        let end = (
            proven,
            bank.all_balances().await,
            bank.balances().await,
            bank.texts(AWAITED).await,
            bank.breaks().await,
        );
        let content = dump::content(&bank.stage.test.admin).await;
        let again = bank.stage.test.store.match_receipts(&bank.stage.deployment).await;
        assert_eq!(again.expect("nothing to match"), 0, "{days:?}");
        assert_eq!(dump::content(&bank.stage.test.admin).await, content, "a second time");
        ends.push(end);
    }
    assert_eq!(ends[0], ends[1], "{days:?}");
    let (_, _, found, open, left) = &ends[1];
    assert_eq!((found.as_str(), &open[..]), (balances, awaited), "{days:?}");
    assert_eq!(left, breaks, "{days:?}");
}

#[tokio::test]
async fn a_receipt_may_come_before_its_file() {
    let first = awaited(&[("001", 9_900)]);
    // Known by its name, and by its amount.
    for entry in ["+99.00 text=batch/20260303001", "+99.00 text=thanks"] {
        check(&[&[entry]], "1010=9900 1110=6950", &first, &[]).await;
    }
    // One credit for two batches, two for one, on two days; and what the acquirer takes.
    let days: [&[&str]; 2] = [
        &[
            "+148.50 text=20260303001,20260303002",
            "+20.00 text=20260303003 on=2026-03-03",
        ],
        &["-30.00 text=20260303004"],
    ];
    let short = "FUNDING_MISMATCH north: batch 20260303003: 20.00 EUR came, 50.00 EUR is awaited (line 6)";
    check(&days, "1010=13850 1900=3000", &[], &[short]).await;
    let days: [&[&str]; 1] = [&["+20.00 text=20260303003", "+30.00 text=20260303003"]];
    check(&days, "1010=5000 1110=11850", &awaited(&[("003", 5_000)]), &[]).await;
}

#[tokio::test]
async fn what_comes_of_a_batch_may_be_more_or_less_than_is_awaited() {
    let second = awaited(&[("002", 4_950)]);
    let over = "FUNDING_MISMATCH north: batch 20260303002: 49.60 EUR came, 49.50 EUR is awaited (line 5)";
    check(
        &[&["+49.60 text=20260303002"]],
        "1010=4960 1110=11900 2900=-10",
        &second,
        &[over],
    )
    .await;
    let under = "FUNDING_MISMATCH north: batch 20260303002: 49.40 EUR came, 49.50 EUR is awaited (line 5)";
    check(
        &[&["+40.00 text=20260303002", "+9.40 text=20260303002"]],
        "1010=4940 1110=11900 1900=10",
        &second,
        &[under],
    )
    .await;
}

#[tokio::test]
async fn where_two_things_fit_a_receipt_stays_in_suspense() {
    // Two receipts of one amount.
    let mut bank = Bank::told(SALES).await;
    bank.load(&statement("2026-03-03", 0, &["+99.00 text=one", "+99.00 text=two"]))
        .await;
    bank.stage.tell(FILE).await;
    assert_eq!(bank.balances().await, "1010=19800 1110=16850 2900=-19800");
    assert_eq!(bank.breaks().await.len(), 2);
    // Two batches of one amount; the file of the second one is undone, and so the next statement finds the first.
    let mut bank = Bank::told(SALES).await;
    bank.stage.tell("sale p4 99.00 EUR m=plain ref=A4 at=2026-03-02").await;
    bank.load(&statement("2026-03-03", 0, &["+99.00 text=one"])).await;
    bank.stage
        .tell("file north 2026-03-03\nSettled +99.00 EUR ref=A4 batch=20260303009")
        .await;
    assert_eq!(bank.breaks().await, [""; 0], "the only one of its amount");
}

#[tokio::test]
async fn what_names_a_payout_or_comes_too_late_is_matched_with_nothing() {
    let mut bank = Bank::told(SALES).await;
    // Of the amount of a batch, and more than two weekdays before it is awaited.
    bank.load(&statement("2026-02-26", 0, &["+99.00 text=early"])).await;
    bank.stage.tell(FILE).await;
    assert_eq!(bank.balances().await, "1010=9900 1110=16850 2900=-9900");
}

#[tokio::test]
async fn a_missing_receipt_that_was_there_is_found() {
    let mut bank = Bank::told(SALES).await;
    bank.load(&statement("2026-03-03", 0, &["+99.00 text=20260303001"]))
        .await;
    bank.load(&statement("2026-03-04", 9_900, &[])).await;
    bank.stage.tell(FILE).await;
    assert_eq!(
        bank.texts(RESOLVED).await,
        [format!("UNIDENTIFIED_RECEIPT {SYSTEM}: north:20260303001")]
    );
    let step = "select what || ' ' || by from break_step order by id";
    assert_eq!(bank.texts(step).await, ["proposed acquit", "resolved acquit"]);
    // It is on the later of both days.
    let on = "select booking_date::text from entry where kind = 31";
    assert_eq!(bank.texts(on).await, ["2026-03-03"]);
}

#[tokio::test]
async fn what_comes_after_its_period_is_matched_after_it() {
    let mut bank = Bank::told(SALES).await;
    let close = [
        "period",
        "close",
        "--through",
        "2026-03-04",
        "--note",
        "spring",
        "--by",
        "ann",
        "--execute",
    ];
    let (done, said) = acquit(&bank, &close);
    assert!(done, "{said}");
    bank.load(&statement("2026-03-03", 0, &["+99.00 text=20260303001"]))
        .await;
    bank.stage.tell(FILE).await;
    assert_eq!(bank.balances().await, "1010=9900 1110=6950");
    let on = "select distinct booking_date::text from entry where kind in (31, 41)";
    assert_eq!(bank.texts(on).await, ["2026-03-05"]);
}

#[tokio::test]
async fn files_and_statements_at_once_come_to_the_same() {
    let mut bank = Bank::told(SALES).await;
    let file = bank.write(&statement(
        "2026-03-03",
        0,
        &["+99.00 text=20260303001", "+49.50 ref=B2"],
    ));
    let settlement = {
        let rows = crate::stage::lines(FILE);
        bank.stage.write_file(&rows[1..], "2026-03-03")
    };
    let store = day::another(&bank.stage.test.url, 8).await;
    let (store, deployment) = (&store, &bank.stage.deployment);
    let reconciled = acquit::store::reconcile::Request {
        file: &settlement,
        acquirer: "north",
        as_of: Some(crate::stage::day("2026-03-03")),
        today: chrono::NaiveDate::MAX,
    };
    let both = (0..6).map(|place| {
        let (file, reconciled) = (&file, &reconciled);
        async move {
            if place % 2 == 0 {
                let request = Request {
                    file,
                    account: None,
                    today: chrono::NaiveDate::MAX,
                };
                store.load_statements(deployment, &request).await.expect("loaded");
            } else {
                store
                    .reconcile(deployment, reconciled, &|_| {})
                    .await
                    .expect("reconciled");
            }
        }
    });
    join_all(both).await;
    assert_eq!(bank.balances().await, "1010=14850 1110=2000");
    assert_eq!(bank.breaks().await, [""; 0]);
    bank.stage.holds().await;
}

/// What the program says, and whether it did it.
fn acquit(bank: &Bank, args: &[&str]) -> (bool, String) {
    let out = bank.stage.test.acquit().args(args).output().expect("the binary");
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    (out.status.success(), said)
}

const BY_BOB: [&str; 6] = ["--by", "bob", "--evidence", "their mail", "--on", "2026-03-06"];

async fn id_of(bank: &Bank) -> String {
    let sql = "select id::text from break where class = 'UNIDENTIFIED_RECEIPT' order by id limit 1";
    bank.texts(sql).await.remove(0)
}

#[tokio::test]
async fn people_give_a_receipt_to_batches_and_take_it_back() {
    let mut bank = Bank::told(SALES).await;
    bank.stage.tell(FILE).await;
    bank.load(&statement("2026-03-06", 0, &["+119.00 text=what", "+12.00 text=x"]))
        .await;
    let missing = bank
        .number("select count(*) from break where class = 'MISSING_RECEIPT' and state <> 'resolved'")
        .await;
    assert_eq!(missing, 4);
    let id = id_of(&bank).await;
    let before = stands(&bank).await;
    let refused = |batches: &[&str], why: &str| {
        let args = [&["bank", "match", &id], batches, &BY_BOB[..], &["--execute"]].concat();
        let (done, said) = acquit(&bank, &args);
        assert!(!done && said.contains(why), "{batches:?}: {said}");
    };
    refused(
        &["north:20260303001"],
        "it is 119.00 EUR, and the batches take 99.00 EUR of it together",
    );
    refused(
        &["north:20260303001=119.00"],
        "119.00 EUR of it is not a part of the 99.00 EUR",
    );
    refused(
        &["north:nothing"],
        "no file that is booked has batch north:nothing in EUR",
    );
    refused(&["20260303001"], "names no acquirer");
    refused(
        &["north:20260303001", "north:20260303002=20.00", "--on", "2026-03-05"],
        "cannot be",
    );
    assert_eq!(stands(&bank).await, before);
    let give = [
        &["bank", "match", &id, "north:20260303001", "north:20260303002=20.00"],
        &BY_BOB[..],
    ]
    .concat();
    let (planned, said) = acquit(&bank, &give);
    assert!(planned && said.contains("plan, nothing was done"), "{said}");
    assert_eq!(stands(&bank).await, before, "a plan");
    let execute = [&give[..], &["--execute"]].concat();
    for _ in 0..2 {
        let (_, said) = acquit(&bank, &execute);
        assert!(
            said.contains("waits for"),
            "above what one person matches alone: {said}"
        );
    }
    let digest = bank.texts("select encode(plan, 'hex') from break_proposal").await;
    let approve = [
        "breaks",
        "approve",
        &digest[0],
        "--by",
        "ann",
        "--on",
        "2026-03-06",
        "--execute",
    ];
    let (done, said) = acquit(&bank, &approve);
    assert!(done, "{said}");
    bank.stage.holds().await;
    let (done, said) = acquit(&bank, &execute);
    assert!(done && said.contains("resolved before, nothing was done"), "{said}");
    // 119.00 of what north owes is there; 29.50 of the second batch is awaited still, so its receipt is missing.
    assert_eq!(bank.balances().await, "1010=13100 1110=4950 2900=-1200");
    assert_eq!(bank.texts(AWAITED).await, awaited(&[("001", 9_900), ("002", 2_000)]));
    let missing = "select detail from break where class = 'MISSING_RECEIPT' and state <> 'resolved' order by 1";
    assert_eq!(bank.texts(missing).await.len(), 3);
    let back = [
        "bank",
        "unmatch",
        &id,
        "--by",
        "ann",
        "--reason",
        "another credit",
        "--on",
        "2026-03-06",
    ];
    let (planned, said) = acquit(&bank, &back);
    assert!(planned && said.contains("plan, nothing was done"), "{said}");
    let back = [&back[..], &["--execute"]].concat();
    let (done, said) = acquit(&bank, &back);
    assert!(
        done && said.contains("north:20260303001, north:20260303002 awaited"),
        "{said}"
    );
    let (done, said) = acquit(&bank, &back);
    assert!(done && said.contains("undone before, nothing was done"), "{said}");
    bank.stage.holds().await;
    assert_eq!(stands(&bank).await, before, "as if nobody had matched it");
}

#[tokio::test]
async fn what_a_receipt_is_given_to_is_audited() {
    let mut bank = Bank::told(SALES).await;
    bank.load(&statement("2026-03-03", 0, &["+49.40 text=20260303002"]))
        .await;
    bank.stage.tell(FILE).await;
    let admin = &bank.stage.test.admin;
    for damage in [
        "update break_batch set settled = settled + 1",
        "update break_batch set amount = amount + 1",
        "delete from break_batch",
    ] {
        let script = format!("begin; alter table break_batch disable trigger all; {damage}");
        admin.batch_execute(&script).await.expect("damage");
        let audit = include_str!("../../../schema/audits/receipts_given.sql");
        let offenders = admin.query(audit, &[]).await.expect("an audit");
        admin.batch_execute("rollback").await.expect("as it was");
        assert_eq!(offenders.len(), 1, "{damage}");
    }
}

async fn stands(bank: &Bank) -> Vec<String> {
    [
        bank.all_balances().await,
        bank.texts(AWAITED).await,
        bank.breaks().await,
    ]
    .concat()
}

#[tokio::test]
async fn what_people_take_back_from_a_rule_is_left_to_them() {
    let mut bank = Bank::told(SALES).await;
    bank.load(&statement("2026-03-03", 0, &["+49.40 text=20260303002"]))
        .await;
    bank.stage.tell(FILE).await;
    let id = id_of(&bank).await;
    let back = [
        "bank",
        "unmatch",
        &id,
        "--by",
        "ann",
        "--reason",
        "no",
        "--on",
        "2026-03-06",
        "--execute",
    ];
    let (done, said) = acquit(&bank, &back);
    assert!(done && said.contains("2 entries reversed"), "{said}");
    bank.stage.holds().await;
    assert_eq!(bank.balances().await, "1010=4940 1110=16850 2900=-4940");
    let open = ["UNIDENTIFIED_RECEIPT main: 49.40 EUR (line 5): nothing that is awaited fits"];
    assert_eq!(bank.breaks().await, open, "the difference went with the match");
    bank.load(&statement("2026-03-04", 4_940, &[])).await;
    assert_eq!(bank.breaks().await, open, "no rule matches it again");
    // A break of a difference that somebody resolved stands in the way.
    let mut bank = Bank::told(SALES).await;
    bank.load(&statement("2026-03-03", 0, &["+49.40 text=20260303002"]))
        .await;
    bank.stage.tell(FILE).await;
    let differs = bank
        .texts("select id::text from break where class = 'FUNDING_MISMATCH'")
        .await;
    let write_off = [
        "breaks",
        "resolve",
        &differs[0],
        "--reason",
        "uneconomic",
        "--note",
        "ten cents",
        "--by",
        "ann",
        "--execute",
    ];
    let (done, said) = acquit(&bank, &write_off);
    assert!(done, "{said}");
    let (done, said) = acquit(&bank, &back);
    assert!(
        !done && said.contains("which was resolved since, as write_off"),
        "{said}"
    );
    bank.stage.holds().await;
}
