//! The break desk: what each class and reason books, who has to approve it, what opening again undoes, who wins of two.
//!
//! Movements are worked out by hand: 80.00 cost the merchant 2.32 + 0.30, so 77.38 of them wait for their settlement line.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;

use acquit::money::decimal_text;
use acquit::recon::breaks::BreakClass;
use acquit::recon::desk::Reason;
use acquit::store::breaks::{Break, DeskError, Filter, Request, Resolved, Said};
use chrono::NaiveDate;
use futures_util::future::join_all;

use crate::availability;
use crate::stage::{Stage, Words, currency, day};
use crate::support::day::another;
use crate::support::dump;

/// Everybody resolves alone.
const FREE: &str = r#"
[[acquirer]]
name = "whole"
contract = "gross"
settles_within_days = 3
[desk]
tolerance = { USD = "10000.00", EUR = "10000.00" }
limit_a = { USD = "10000.00", EUR = "10000.00" }
limit_b = { USD = "10000.00", EUR = "10000.00" }
"#;

/// 1.00 alone, 50.00 with one other, 500.00 with two, above with Carla or Dora.
const LADDER: &str = r#"
[desk]
tolerance = { USD = "1.00" }
limit_a = { USD = "50.00" }
limit_b = { USD = "500.00" }
finance_heads = ["carla", "dora"]
"#;

async fn stage(desk: &str) -> Stage {
    Stage::of(&format!("{}{desk}", availability::SETTINGS)).await
}

fn said<'a>(by: &'a str, note: &'a str) -> Said<'a> {
    Said {
        by,
        note: Some(note),
        evidence: None,
    }
}

fn request<'a>(ids: &[i64], reason: Reason, by: &'a str) -> Request<'a> {
    Request {
        breaks: Filter::of(ids),
        reason,
        merchant: None,
        recovers: None,
        quiet_until: None,
        said: said(by, "looked into it"),
        day: TODAY,
        plan: None,
    }
}

const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 3, 20).expect("a day");

fn reason(name: &str) -> Reason {
    Reason::from_name(name).unwrap_or_else(|| panic!("a reason: {name}"))
}

async fn listed(stage: &Stage, filter: &Filter) -> Vec<Break> {
    stage.test.store.breaks(filter).await.expect("breaks")
}

/// The numbers of the breaks of a class that are not resolved.
async fn ids(stage: &Stage, class: &str) -> Vec<i64> {
    let filter = Filter {
        class: Some(BreakClass::from_name(class).unwrap_or_else(|| panic!("a class: {class}"))),
        ..Filter::unresolved()
    };
    listed(stage, &filter).await.iter().map(|row| row.id).collect()
}

async fn id(stage: &Stage, class: &str) -> i64 {
    let found = ids(stage, class).await;
    assert_eq!(found.len(), 1, "{class}");
    found[0]
}

async fn resolve(stage: &Stage, request: &Request<'_>) -> Result<Resolved, DeskError> {
    let plan = stage.test.store.plan_resolution(&stage.deployment, request).await;
    let done = stage.test.store.resolve_breaks(&stage.deployment, request).await;
    match (&plan, &done) {
        (Ok(plan), Ok(done)) => assert_eq!(plan, done),
        (Err(plan), Err(done)) => assert_eq!(plan.to_string(), done.to_string()),
        _ => panic!("{plan:?}\n{done:?}"),
    }
    done
}

/// Balances of every book by code and currency; the side on which the account grows is above zero.
async fn balances(stage: &Stage) -> BTreeMap<(String, i16, String), i64> {
    let rows = stage
        .test
        .admin
        .query(
            "select coalesce(merchant, 'house'), account.code, account.currency,
                 sum(case account_code.side when 'debit' then debits - credits else credits - debits end)::bigint
             from balance join account on account.id = account_id join account_code on number = account.code
             join book on book.id = book_id group by 1, 2, 3",
            &[],
        )
        .await
        .expect("balances");
    rows.iter()
        .map(|row| ((row.get(0), row.get(1), row.get(2)), row.get(3)))
        .collect()
}

/// What moved since, as `plain 1100 -80.00`; USD where no currency is named.
async fn moved(stage: &Stage, before: &BTreeMap<(String, i16, String), i64>) -> Vec<String> {
    let now = balances(stage).await;
    let mut moved = Vec::new();
    for ((book, code, in_currency), balance) in &now {
        let was = before
            .get(&(book.clone(), *code, in_currency.clone()))
            .copied()
            .unwrap_or(0);
        if *balance != was {
            let text = decimal_text(balance - was, currency(in_currency));
            let sign = if *balance > was { "+" } else { "" };
            let code_of = if in_currency == "USD" {
                String::new()
            } else {
                format!(" {in_currency}")
            };
            moved.push(format!("{book} {code} {sign}{text}{code_of}"));
        }
    }
    moved
}

/// Tables that opening again leaves as they were before a resolution.
async fn undone(stage: &Stage) -> String {
    let mut text = String::new();
    for table in ["open_item", "reserve_tranche", "maturing"] {
        let rows = stage
            .test
            .admin
            .query(&format!("select to_jsonb(t)::text from {table} t order by 1"), &[])
            .await;
        for row in rows.expect("rows") {
            // A tranche that was emptied stays.
            let row: String = row.get(0);
            if !row.contains("\"withheld\": 0") {
                text += &row;
            }
        }
    }
    text
}

/// Tells a story, resolves what `how` says (`CLASS reason name=value`, several classes with `+`), and finds exactly these
/// movements; a second time nothing is done; opening again undoes all of it.
async fn check(story: &str, how: &str, expected: &[&str]) {
    let mut stage = stage(FREE).await;
    stage.tell(story).await;
    let words = Words::of(how);
    let [classes, why] = words.placed[..] else {
        panic!("{how}")
    };
    let mut breaks = Vec::new();
    for class in classes.split('+') {
        breaks.extend(ids(&stage, class).await);
    }
    breaks.sort_unstable();
    breaks.dedup();
    let mut request = request(&breaks, reason(why), "ann");
    request.merchant = words.get("m");
    request.quiet_until = words.get("until").map(day);
    let (before, items) = (balances(&stage).await, undone(&stage).await);
    let done = match resolve(&stage, &request).await {
        Ok(done) => done,
        Err(DeskError::Refused { refusal, .. }) => {
            assert_eq!(expected, [format!("refused: {refusal}")], "{how}");
            return;
        }
        Err(error) => panic!("{how}: {error}"),
    };
    assert!(done.booked && done.new, "{how}");
    assert_eq!(moved(&stage, &before).await, expected, "{how}\n{story}");
    stage.holds().await;
    let again = resolve(&stage, &request).await.expect("the same");
    assert_eq!((again.new, again.plan), (false, done.plan), "{how}");
    let opened = stage
        .test
        .store
        .reopen_breaks(&breaks, said("bob", "wrong"), TODAY)
        .await;
    assert!(opened.expect("opened again").new);
    assert_eq!(moved(&stage, &before).await, Vec::<String>::new(), "reopened: {how}");
    assert_eq!(undone(&stage).await, items, "reopened: {how}");
    stage.holds().await;
    let opened = stage
        .test
        .store
        .reopen_breaks(&breaks, said("bob", "wrong"), TODAY)
        .await;
    assert!(!opened.expect("the same").new);
    // And the other way again.
    let once_more = resolve(&stage, &request).await.expect("resolved again");
    assert!(once_more.new);
    assert_eq!(moved(&stage, &before).await, expected, "again: {how}");
    stage.holds().await;
}

const MISSING: &str = "sale p1 80.00 USD ref=A1
    sale p2 10.00 USD ref=A2
    file north 2026-03-09 breaks=MISSING_IN_FILE
    Settled +10.00 USD ref=A2";

#[tokio::test]
async fn a_missing_capture_is_written_off_and_stays_the_merchants() {
    check(
        MISSING,
        "MISSING_IN_FILE uneconomic",
        &[
            "plain 1100 -80.00",
            "plain 2010 -77.38",
            "plain 2020 +77.38",
            "plain 5070 +80.00",
        ],
    )
    .await;
    // What is withheld of it is withheld.
    check(
        &MISSING.replace("ref=A1", "ref=A1 m=roll"),
        "MISSING_IN_FILE claim_refused",
        &[
            "roll 1100 -80.00",
            "roll 2010 -77.38",
            "roll 2020 +69.38",
            "roll 2030 +8.00",
            "roll 5070 +80.00",
        ],
    )
    .await;
    // Its day makes it available, whatever the desk does.
    check(
        &MISSING.replace("ref=A1", "ref=A1 m=day"),
        "MISSING_IN_FILE claim_expired",
        &["day 1100 -80.00", "day 5070 +80.00"],
    )
    .await;
}

#[tokio::test]
async fn a_missing_capture_may_be_the_merchants_to_bear() {
    check(
        MISSING,
        "MISSING_IN_FILE belongs_to_merchant",
        &["plain 1100 -80.00", "plain 2010 -77.38", "plain 2020 -2.62"],
    )
    .await;
    check(
        &MISSING.replace("ref=A1", "ref=A1 m=day"),
        "MISSING_IN_FILE belongs_to_merchant",
        &["day 1100 -80.00", "day 2020 -80.00"],
    )
    .await;
}

#[tokio::test]
async fn a_missing_item_is_promised_or_booked() {
    check(MISSING, "MISSING_IN_FILE promised until=2026-04-01", &[]).await;
    for (how, refused) in [
        (
            "MISSING_IN_FILE explained",
            "refused: its item is open still: say until when it is awaited (promised), or resolve it with a booking",
        ),
        (
            "MISSING_IN_FILE promised",
            "refused: only an item that is missing can be promised, with the day until which it is awaited",
        ),
        (
            "MISSING_IN_FILE uneconomic until=2026-04-01",
            "refused: only an item that is missing can be promised, with the day until which it is awaited",
        ),
        (
            "MISSING_IN_FILE paid_later",
            "refused: 80.00 USD does not bring back what was written off",
        ),
        (
            "MISSING_IN_FILE matched_by_hand",
            "refused: a match is made of a line and an item, not of a break",
        ),
    ] {
        check(MISSING, how, &[refused]).await;
    }
}

#[tokio::test]
async fn a_missing_refund_and_a_missing_chargeback() {
    let refund = "sale p1 80.00 USD ref=A1
        refund p1 30.00 USD ref=R1
        file north 2026-03-09 breaks=MISSING_IN_FILE
        Settled +80.00 USD ref=A1";
    check(
        refund,
        "MISSING_IN_FILE unidentified",
        &["plain 1100 +30.00", "plain 4070 +30.00"],
    )
    .await;
    check(
        refund,
        "MISSING_IN_FILE belongs_to_merchant",
        &["plain 1100 +30.00", "plain 2020 +30.00"],
    )
    .await;
    let chargeback = "sale p1 80.00 USD ref=A1
        chargeback p1 80.00 USD ref=C1 cost=10.00
        file north 2026-03-09 breaks=MISSING_IN_FILE
        Settled +80.00 USD ref=A1";
    check(
        chargeback,
        "MISSING_IN_FILE unidentified",
        &["plain 1100 +90.00", "plain 4070 +80.00", "plain 5040 -10.00"],
    )
    .await;
    check(
        chargeback,
        "MISSING_IN_FILE belongs_to_merchant",
        &["plain 1100 +90.00", "plain 2020 +80.00", "plain 5040 -10.00"],
    )
    .await;
}

const UNKNOWN: &str = "file north 2026-03-09 breaks=MISSING_IN_LEDGER
    Settled +20.00 USD ref=X9 cost=0.50";
const TAKEN: &str = "file north 2026-03-09 breaks=MISSING_IN_LEDGER
    Refunded -15.00 USD ref=X8";
/// So that the merchant has a book.
const PAID: &str = "sale p2 10.00 USD ref=A2\n";

#[tokio::test]
async fn a_line_that_nobody_knows() {
    check(
        UNKNOWN,
        "MISSING_IN_LEDGER unidentified",
        &["house 2900 -20.00", "house 4070 +20.00"],
    )
    .await;
    check(
        TAKEN,
        "MISSING_IN_LEDGER uneconomic",
        &["house 1900 -15.00", "house 5070 +15.00"],
    )
    .await;
    check(
        &format!("{PAID}{UNKNOWN}"),
        "MISSING_IN_LEDGER belongs_to_merchant m=plain",
        &[
            "house 1110 -20.00",
            "house 2900 -20.00",
            "plain 1110 +20.00",
            "plain 2020 +20.00",
        ],
    )
    .await;
    check(
        &format!("{PAID}{TAKEN}"),
        "MISSING_IN_LEDGER belongs_to_merchant m=plain",
        &[
            "house 1110 +15.00",
            "house 1900 -15.00",
            "plain 1110 -15.00",
            "plain 2020 -15.00",
        ],
    )
    .await;
    for (how, refused) in [
        (
            "MISSING_IN_LEDGER belongs_to_merchant",
            "refused: say which merchant's it is",
        ),
        (
            "MISSING_IN_LEDGER explained",
            "refused: 20.00 USD is in suspense, so something has to be booked: choose an adjustment, a write-off or a recovery",
        ),
        (
            "MISSING_IN_LEDGER paid_later",
            "refused: 20.00 USD does not bring back what was written off",
        ),
    ] {
        check(UNKNOWN, how, &[refused]).await;
    }
}

#[tokio::test]
async fn a_line_that_is_not_booked_by_itself_and_one_in_another_currency() {
    check(
        "file north 2026-03-09 breaks=UNSUPPORTED_RECORD
         MiscAdjustment +7.00 USD ref=X7",
        "UNSUPPORTED_RECORD unidentified",
        &["house 2900 -7.00", "house 4070 +7.00"],
    )
    .await;
    // It is of the item's merchant, where nobody names another.
    check(
        "sale p1 80.00 USD ref=A1
         file north 2026-03-03 breaks=CURRENCY_MISMATCH
         Settled +70.00 EUR ref=A1",
        "CURRENCY_MISMATCH belongs_to_merchant",
        &[
            "house 1110 -70.00 EUR",
            "house 2900 -70.00 EUR",
            "plain 1110 +70.00 EUR",
            "plain 2020 +70.00 EUR",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_difference_of_a_matched_line() {
    let of = |line: &str| {
        format!(
            "sale p1 80.00 USD ref=A1
             file north 2026-03-03 breaks=AMOUNT_MISMATCH
             Settled +{line} USD ref=A1"
        )
    };
    check(
        &of("75.00"),
        "AMOUNT_MISMATCH uneconomic",
        &[
            "plain 1900 -5.00",
            "plain 2010 -5.00",
            "plain 2020 +5.00",
            "plain 5070 +5.00",
        ],
    )
    .await;
    check(
        &of("75.00"),
        "AMOUNT_MISMATCH belongs_to_merchant",
        &["plain 1900 -5.00", "plain 2010 -5.00"],
    )
    .await;
    check(
        &of("75.00").replace("ref=A1\n", "ref=A1 m=day\n"),
        "AMOUNT_MISMATCH belongs_to_merchant",
        &["day 1900 -5.00", "day 2020 -5.00"],
    )
    .await;
    check(
        &of("90.00"),
        "AMOUNT_MISMATCH unidentified",
        &["plain 2900 -10.00", "plain 4070 +10.00"],
    )
    .await;
    check(
        &of("90.00"),
        "AMOUNT_MISMATCH belongs_to_merchant",
        &["plain 2020 +10.00", "plain 2900 -10.00"],
    )
    .await;
    let refunded = |line: &str| {
        format!(
            "sale p1 80.00 USD ref=A1
             refund p1 30.00 USD ref=R1
             file north 2026-03-03 breaks=AMOUNT_MISMATCH
             Settled +80.00 USD ref=A1
             Refunded -{line} USD ref=R1"
        )
    };
    check(
        &refunded("33.00"),
        "AMOUNT_MISMATCH uneconomic",
        &["plain 1900 -3.00", "plain 5070 +3.00"],
    )
    .await;
    check(
        &refunded("33.00"),
        "AMOUNT_MISMATCH belongs_to_merchant",
        &["plain 1900 -3.00", "plain 2020 -3.00"],
    )
    .await;
    check(
        &refunded("26.00"),
        "AMOUNT_MISMATCH belongs_to_merchant",
        &["plain 2020 +4.00", "plain 2900 -4.00"],
    )
    .await;
}

#[tokio::test]
async fn what_was_taken_or_given_back_for_an_unknown_payment() {
    let taken = "chargeback p9 40.00 USD ref=C9";
    check(
        taken,
        "CHARGEBACK_UNKNOWN uneconomic",
        &["plain 1900 -40.00", "plain 5070 +40.00"],
    )
    .await;
    check(
        taken,
        "CHARGEBACK_UNKNOWN belongs_to_merchant",
        &["plain 1900 -40.00", "plain 2020 -40.00"],
    )
    .await;
    let given = "chargeback_reversal p9 40.00 USD ref=C9";
    check(
        given,
        "CHARGEBACK_UNKNOWN unidentified",
        &["plain 2900 -40.00", "plain 4070 +40.00"],
    )
    .await;
    check(
        given,
        "CHARGEBACK_UNKNOWN belongs_to_merchant",
        &["plain 2020 +40.00", "plain 2900 -40.00"],
    )
    .await;
    // Both belong together, which only a person can say.
    check(
        &format!("{taken}\n{given}"),
        "CHARGEBACK_UNKNOWN offsets",
        &["plain 1900 -40.00", "plain 2900 -40.00"],
    )
    .await;
}

#[tokio::test]
async fn costs_beyond_the_contract_and_breaks_without_money() {
    let costs = "sale p1 80.00 USD ref=A1 acq=whole
        file whole 2026-03-03 breaks=FEE_MISMATCH
        Settled +80.00 USD ref=A1 cost=1.00";
    check(costs, "FEE_MISMATCH claim_refused", &[]).await;
    check(costs, "FEE_MISMATCH explained", &[]).await;
    check(
        costs,
        "FEE_MISMATCH belongs_to_merchant",
        &["refused: it holds no money that could be booked: what is understood is `explained`"],
    )
    .await;
    let double = "sale p1 80.00 USD ref=A1
        refund p1 80.00 USD ref=R1
        chargeback p1 80.00 USD ref=C1";
    check(double, "DOUBLE_RECOVERY explained", &[]).await;
    check(
        double,
        "DOUBLE_RECOVERY uneconomic",
        &["refused: it holds no money that could be booked: what is understood is `explained`"],
    )
    .await;
}

#[tokio::test]
async fn breaks_that_come_to_nothing_together_offset() {
    // Settled twice, and taken back by the next file.
    check(
        "sale p1 80.00 USD ref=A1
         file north 2026-03-03 breaks=DUPLICATE_IN_FILE
         Settled +80.00 USD ref=A1
         Settled +80.00 USD ref=A1
         file north 2026-03-04 breaks=MISSING_IN_LEDGER
         Refunded -80.00 USD ref=A1-back",
        "DUPLICATE_IN_FILE+MISSING_IN_LEDGER offsets",
        &["house 1900 -80.00", "house 2900 -80.00"],
    )
    .await;
    // The acquirer reported it under a reference that nobody knows.
    check(
        "sale p1 80.00 USD ref=A1 m=roll
         file north 2026-03-09 breaks=MISSING_IN_FILE,MISSING_IN_LEDGER
         Settled +80.00 USD ref=X1",
        "MISSING_IN_FILE+MISSING_IN_LEDGER offsets",
        &[
            "house 1110 -80.00",
            "house 2900 -80.00",
            "roll 1100 -80.00",
            "roll 1110 +80.00",
            "roll 2010 -77.38",
            "roll 2020 +69.38",
            "roll 2030 +8.00",
        ],
    )
    .await;
    // What a line was short of comes with the next.
    check(
        "sale p1 80.00 USD ref=A1
         file north 2026-03-03 breaks=AMOUNT_MISMATCH
         Settled +75.00 USD ref=A1
         file north 2026-03-04 breaks=MISSING_IN_LEDGER
         Settled +5.00 USD ref=A1-rest",
        "AMOUNT_MISMATCH+MISSING_IN_LEDGER offsets",
        &[
            "house 1110 -5.00",
            "house 2900 -5.00",
            "plain 1110 +5.00",
            "plain 1900 -5.00",
            "plain 2010 -5.00",
            "plain 2020 +5.00",
        ],
    )
    .await;
    let mut stage = stage(FREE).await;
    stage
        .tell(
            "file north 2026-03-03 breaks=MISSING_IN_LEDGER:2
             Settled +80.00 USD ref=X1
             Refunded -79.99 USD ref=X2",
        )
        .await;
    let both = ids(&stage, "MISSING_IN_LEDGER").await;
    let refused = resolve(&stage, &request(&both, Reason::Offsets, "ann")).await;
    assert_eq!(
        refused.expect_err("a cent is left").to_string(),
        "they do not come to nothing together: 0.01 USD of acquirer north is left"
    );
}
