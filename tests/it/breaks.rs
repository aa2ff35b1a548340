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
        items: &[],
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
pub async fn ids(stage: &Stage, class: &str) -> Vec<i64> {
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
pub async fn balances(stage: &Stage) -> BTreeMap<(String, i16, String), i64> {
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
pub async fn moved(stage: &Stage, before: &BTreeMap<(String, i16, String), i64>) -> Vec<String> {
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
pub async fn undone(stage: &Stage) -> String {
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

const UNKNOWN: &str = "file north 2026-03-03 breaks=MISSING_IN_LEDGER
    Settled +20.00 USD ref=X9 cost=0.50";
const TAKEN: &str = "file north 2026-03-03 breaks=MISSING_IN_LEDGER
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

/// The item of `MISSING` with another gross amount.
async fn missing(desk: &str, gross: &str) -> (Stage, i64) {
    let mut stage = stage(desk).await;
    stage.tell(&MISSING.replace("80.00", gross)).await;
    let id = id(&stage, "MISSING_IN_FILE").await;
    (stage, id)
}

async fn approve(stage: &Stage, plan: &[u8], by: &str) -> Result<(bool, bool), String> {
    let (store, deployment) = (&stage.test.store, &stage.deployment);
    let word = Said {
        by,
        note: None,
        evidence: None,
    };
    let done = store.approve_breaks(deployment, plan, word, TODAY).await;
    done.map(|done| (done.booked, done.new))
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_ladder_on_both_sides_of_every_limit() {
    for (gross, approvers, head) in [
        ("1.00", 0, false),
        ("1.01", 1, false),
        ("50.00", 1, false),
        ("50.01", 2, false),
        ("500.00", 2, false),
        ("500.01", 2, true),
    ] {
        let (stage, id) = missing(LADDER, gross).await;
        let before = balances(&stage).await;
        let done = resolve(&stage, &request(&[id], Reason::Uneconomic, "ann"))
            .await
            .expect(gross);
        assert_eq!((done.approvers, done.booked), (approvers, approvers == 0), "{gross}");
        let heads: &[&str] = if head { &["carla", "dora"] } else { &[] };
        assert_eq!(done.finance_heads, heads, "{gross}");
        assert_eq!(moved(&stage, &before).await.is_empty(), approvers > 0, "{gross}");
        let names = ["bob", if head { "carla" } else { "eve" }];
        for (place, name) in (1..=approvers).zip(names) {
            let booked = approve(&stage, &done.plan, name).await;
            assert_eq!(booked, Ok((place == approvers, true)), "{gross} {name}");
            assert_eq!(
                approve(&stage, &done.plan, name).await,
                Ok((place == approvers, false)),
                "{gross} {name}"
            );
        }
        let written_off = stage.balances("plain", "USD").await.get(&5070).copied();
        assert_eq!(written_off, Some(crate::stage::minor(gross, "USD")), "{gross}");
        let again = resolve(&stage, &request(&[id], Reason::Uneconomic, "ann"))
            .await
            .expect("the same");
        assert_eq!((again.new, again.booked), (false, true), "{gross}");
        stage.holds().await;
    }
}

#[tokio::test]
async fn nobody_approves_what_they_proposed_or_approved() {
    let (stage, id) = missing(LADDER, "600.00").await;
    let plan = resolve(&stage, &request(&[id], Reason::Uneconomic, "ann"))
        .await
        .expect("proposed")
        .plan;
    assert_eq!(
        approve(&stage, &plan, "ann").await,
        Err("ann proposed this; somebody else has to approve it".to_owned())
    );
    assert_eq!(approve(&stage, &plan, "bob").await, Ok((false, true)));
    assert_eq!(approve(&stage, &plan, "bob").await, Ok((false, false)));
    assert_eq!(
        approve(&stage, &plan, "eve").await,
        Err("above this amount one of the approvers heads finance: carla, dora".to_owned())
    );
    // The database refuses it as well, whoever asks.
    let session = stage.test.store.session().await.expect("a session");
    for (statement, constraint) in [
        (
            "update break_proposal set first_approver = 'ann'",
            "break_proposal_two_people",
        ),
        (
            "update break_proposal set second_approver = 'ann'",
            "break_proposal_two_people",
        ),
        (
            "update break_proposal set second_approver = 'bob'",
            "break_proposal_two_people",
        ),
        (
            "update break_proposal set state = 'executed'",
            "break_proposal_approved",
        ),
        (
            "update break_proposal set state = 'executed', second_approver = 'eve'",
            "break_proposal_by_head",
        ),
        (
            "update break set state = 'resolved', resolution = 'write_off'",
            "break_decided",
        ),
    ] {
        let error = session.batch_execute(statement).await.expect_err(statement);
        let refused = error.as_db_error().expect("a refusal");
        assert_eq!(refused.constraint(), Some(constraint), "{statement}: {refused}");
    }
    for statement in [
        "update break_proposal set amount = 1",
        "update break_proposal set approvers = 0",
        "update break_proposal set finance_heads = null",
        "update break_proposal set proposed_by = 'bob'",
        "update break_step set by = 'eve'",
        "delete from break",
        "delete from break_proposal",
    ] {
        let error = session.batch_execute(statement).await.expect_err(statement);
        let code = error.code().expect("a code");
        assert_eq!(
            code,
            &tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE,
            "{statement}"
        );
    }
    let gone = stage.test.admin.batch_execute("delete from break").await;
    assert!(
        gone.expect_err("never")
            .as_db_error()
            .is_some_and(|error| error.message().contains("delete is refused"))
    );
    assert_eq!(approve(&stage, &plan, "carla").await, Ok((true, true)));
    stage.holds().await;
}

#[tokio::test]
async fn a_finance_head_is_somebody_else() {
    let (stage, id) = missing(&LADDER.replace(", \"dora\"", ""), "600.00").await;
    let refused = resolve(&stage, &request(&[id], Reason::Uneconomic, "carla")).await;
    assert_eq!(
        refused.expect_err("nobody could approve").to_string(),
        "above 500.00 USD a finance head has to approve, and the settings name none who could"
    );
}

#[tokio::test]
async fn the_ladder_goes_by_the_sum_of_what_is_resolved_together() {
    let mut stage = stage(LADDER).await;
    stage
        .tell(
            "sale p1 0.60 USD ref=A1
             sale p2 0.60 USD ref=A2
             sale p3 10.00 USD ref=A3
             file north 2026-03-09 breaks=MISSING_IN_FILE:2
             Settled +10.00 USD ref=A3",
        )
        .await;
    let both = ids(&stage, "MISSING_IN_FILE").await;
    let plan = stage
        .test
        .store
        .plan_resolution(&stage.deployment, &request(&both, Reason::Uneconomic, "ann"))
        .await;
    assert_eq!(plan.expect("a plan").approvers, 1);
    let one = resolve(&stage, &request(&both[..1], Reason::Uneconomic, "ann")).await;
    assert!(one.expect("a resolution").booked);
}

#[tokio::test]
async fn a_proposal_is_void_when_what_it_would_book_is_another() {
    let (mut stage, id) = missing(LADDER, "40.00").await;
    let plan = resolve(&stage, &request(&[id], Reason::Uneconomic, "ann"))
        .await
        .expect("proposed")
        .plan;
    // The file that brings the item closes the break, and withdraws the proposal.
    stage.tell("file north 2026-03-10\nSettled +40.00 USD ref=A1").await;
    let short: String = plan.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        approve(&stage, &plan, "bob").await,
        Err(format!("nothing of {short} waits for approval"))
    );
    let refused = resolve(&stage, &request(&[id], Reason::Uneconomic, "eve")).await;
    assert_eq!(
        refused.expect_err("closed").to_string(),
        format!("break {id} is resolved already, as timing")
    );
    let steps = stage.test.store.break_steps(id).await.expect("steps");
    let what: Vec<String> = steps.iter().map(|step| format!("{} {}", step.by, step.what)).collect();
    assert_eq!(what, ["ann proposed", "acquit resolved"]);
    let refused = stage.test.store.reopen_breaks(&[id], said("bob", "no"), TODAY).await;
    assert_eq!(
        refused.expect_err("it has come").to_string(),
        format!("break {id} was resolved by a file that reported its item")
    );
    // An amount that is another by the time of the approval.
    let (stage, id) = missing(LADDER, "40.00").await;
    let plan = resolve(&stage, &request(&[id], Reason::Uneconomic, "ann"))
        .await
        .expect("proposed")
        .plan;
    let admin = &stage.test.admin;
    admin
        .batch_execute("update open_item set merchant_fee = merchant_fee + 1")
        .await
        .expect("another fee");
    assert_eq!(
        approve(&stage, &plan, "bob").await,
        Err(format!(
            "the proposal is void: break {id} is not what it was when it was proposed"
        ))
    );
    // What is proposed anew takes its place.
    let anew = resolve(&stage, &request(&[id], Reason::ClaimRefused, "bob"))
        .await
        .expect("proposed");
    let withdrawn = approve(&stage, &plan, "eve").await.expect_err("withdrawn");
    assert!(withdrawn.contains("waits for approval"), "{withdrawn}");
    assert_eq!(
        approve(&stage, &anew.plan[..6], "eve").await.map(|done| done.0),
        Ok(true)
    );
}

#[tokio::test]
async fn what_fits_is_resolved_by_its_plan_and_by_no_other() {
    let mut stage = stage(FREE).await;
    stage
        .tell(
            "file north 2026-03-03 breaks=MISSING_IN_LEDGER:2
             Settled +80.00 USD ref=X1
             Settled +30.00 EUR ref=X2 batch=2",
        )
        .await;
    let which = Filter {
        class: Some(BreakClass::MissingInLedger),
        acquirer: Some("north".to_owned()),
        ..Filter::unresolved()
    };
    let mut request = Request {
        breaks: which,
        ..request(&[], Reason::Unidentified, "ann")
    };
    let plan = stage
        .test
        .store
        .plan_resolution(&stage.deployment, &request)
        .await
        .expect("a plan");
    let sums: Vec<String> = plan.sums.iter().map(|(of, sum)| format!("{sum} {of}")).collect();
    assert_eq!(
        (plan.ids.len(), sums),
        (2, vec!["3000 EUR".to_owned(), "8000 USD".to_owned()])
    );
    // One more fits.
    stage
        .tell("file north 2026-03-04 breaks=MISSING_IN_LEDGER\nSettled +5.00 USD ref=X3")
        .await;
    let before = balances(&stage).await;
    request.plan = Some(&plan.plan);
    let refused = stage.test.store.resolve_breaks(&stage.deployment, &request).await;
    assert!(
        refused.expect_err("void").to_string().starts_with("the plan is void"),
        "one more fits"
    );
    assert_eq!(moved(&stage, &before).await, Vec::<String>::new());
    request.plan = None;
    let now = stage
        .test
        .store
        .plan_resolution(&stage.deployment, &request)
        .await
        .expect("a plan");
    assert_ne!(now.plan, plan.plan);
    request.plan = now.plan.get(..8);
    let done = stage
        .test
        .store
        .resolve_breaks(&stage.deployment, &request)
        .await
        .expect("resolved");
    assert!(done.new && done.booked);
    assert_eq!(
        moved(&stage, &before).await,
        [
            "house 2900 -30.00 EUR",
            "house 2900 -85.00",
            "house 4070 +30.00 EUR",
            "house 4070 +85.00"
        ]
    );
    let again = stage
        .test
        .store
        .resolve_breaks(&stage.deployment, &request)
        .await
        .expect("the same");
    assert_eq!((again.new, again.ids), (false, done.ids));
    stage.holds().await;
}

#[tokio::test]
async fn money_that_comes_after_a_write_off_is_recovered() {
    let (mut stage, lost) = missing(FREE, "80.00").await;
    let none = resolve(
        &stage,
        &Request {
            recovers: Some(lost),
            ..request(&[lost], Reason::PaidLater, "ann")
        },
    )
    .await;
    assert_eq!(
        none.expect_err("nothing is lost").to_string(),
        format!("nothing of break {lost} is written off and not recovered")
    );
    resolve(&stage, &request(&[lost], Reason::ClaimRefused, "ann"))
        .await
        .expect("written off");
    stage
        .tell(
            "file north 2026-03-10 breaks=MISSING_IN_LEDGER:2
             Settled +50.00 USD ref=A1 cost=1.00
             Settled +31.00 USD ref=A1-rest",
        )
        .await;
    let came = ids(&stage, "MISSING_IN_LEDGER").await;
    let before = balances(&stage).await;
    let recover = |id: i64| Request {
        recovers: Some(lost),
        ..request(&[id], Reason::PaidLater, "bob")
    };
    resolve(&stage, &recover(came[0])).await.expect("a recovery");
    assert_eq!(
        moved(&stage, &before).await,
        [
            "house 1110 -50.00",
            "house 2900 -50.00",
            "plain 1110 +50.00",
            "plain 5070 -50.00"
        ]
    );
    let more = resolve(&stage, &recover(came[1])).await;
    assert_eq!(
        more.expect_err("31.00 of 30.00").to_string(),
        format!(
            "break {} cannot be resolved so: only 30.00 USD of it was written off and is not recovered yet",
            came[1]
        )
    );
    let refused = stage.test.store.reopen_breaks(&[lost], said("bob", "no"), TODAY).await;
    assert_eq!(
        refused.expect_err("recovered").to_string(),
        format!(
            "what was written off of break {lost} was recovered by break {}: open that one again first",
            came[0]
        )
    );
    stage.holds().await;
    let word = said("bob", "not that one");
    stage
        .test
        .store
        .reopen_breaks(&came[..1], word, TODAY)
        .await
        .expect("opened");
    stage
        .test
        .store
        .reopen_breaks(&[lost], word, TODAY)
        .await
        .expect("opened");
    stage.holds().await;
}

#[tokio::test]
async fn a_promised_item_is_not_missing_again_before_its_day() {
    let (mut stage, id) = missing(FREE, "80.00").await;
    let mut promised = request(&[id], Reason::Promised, "ann");
    promised.quiet_until = Some(day("2026-03-12"));
    resolve(&stage, &promised).await.expect("promised");
    stage
        .tell("sale p3 5.00 USD ref=A3\nfile north 2026-03-12\nSettled +5.00 USD ref=A3")
        .await;
    stage
        .tell(
            "sale p4 5.00 USD ref=A4
             file north 2026-03-13 breaks=MISSING_IN_FILE
             Settled +5.00 USD ref=A4",
        )
        .await;
    let refused = stage.test.store.reopen_breaks(&[id], said("bob", "late"), TODAY).await;
    let other = self::id(&stage, "MISSING_IN_FILE").await;
    assert_eq!(
        refused.expect_err("another break has it").to_string(),
        format!("the item of break {id} is missing by break {other} now")
    );
}

#[tokio::test]
async fn what_was_set_off_together_is_opened_together() {
    let mut stage = stage(FREE).await;
    stage
        .tell("chargeback p9 40.00 USD ref=C9\nchargeback_reversal p9 40.00 USD ref=C9b")
        .await;
    let both = ids(&stage, "CHARGEBACK_UNKNOWN").await;
    resolve(&stage, &request(&both, Reason::Offsets, "ann"))
        .await
        .expect("set off");
    let refused = stage
        .test
        .store
        .reopen_breaks(&both[..1], said("bob", "no"), TODAY)
        .await;
    assert_eq!(
        refused.expect_err("one of two").to_string(),
        format!(
            "break {} was set off against others: open {} again with it",
            both[0], both[1]
        )
    );
}

#[tokio::test]
async fn a_reserve_that_was_released_is_taken_back_and_one_that_was_used_is_not() {
    let mut stage = stage(FREE).await;
    stage.tell(&MISSING.replace("ref=A1", "ref=A1 m=roll")).await;
    let id = id(&stage, "MISSING_IN_FILE").await;
    resolve(&stage, &request(&[id], Reason::Uneconomic, "ann"))
        .await
        .expect("written off");
    stage.release("2026-04-01").await;
    stage.tell("is roll USD 2010=0.00 2020=77.38 2030=0.00").await;
    let reopen = async |stage: &Stage, on| {
        let store = &stage.test.store;
        store.reopen_breaks(&[id], said("bob", "no"), day(on)).await
    };
    assert_eq!(reopen(&stage, "2026-04-02").await.expect("open again").reversals, 1);
    stage.tell("is roll USD 2010=77.38 2020=0.00 2030=0.00").await;
    resolve(&stage, &request(&[id], Reason::Uneconomic, "ann"))
        .await
        .expect("written off");
    stage
        .tell(
            "is roll USD 2010=0.00 2020=69.38 2030=8.00
             refund p1 75.00 USD m=roll at=2026-04-03",
        )
        .await;
    let refused = reopen(&stage, "2026-04-04").await.expect_err("used").to_string();
    assert!(
        refused.starts_with("of what was withheld of roll's sales of ")
            && refused.ends_with("5.62 USD was used for refunds since"),
        "{refused}"
    );
    stage.holds().await;
}

#[tokio::test]
async fn of_two_people_one_resolves_a_break() {
    let (stage, id) = missing(FREE, "80.00").await;
    let stores = [another(&stage.test.url, 2).await, another(&stage.test.url, 2).await];
    let names = ["ann", "bob", "ann", "eve", "bob", "ann"];
    let tries = names.iter().zip(stores.iter().cycle()).map(|(by, store)| {
        let deployment = &stage.deployment;
        async move {
            store
                .resolve_breaks(deployment, &request(&[id], Reason::Uneconomic, by))
                .await
        }
    });
    let done: Vec<Result<Resolved, DeskError>> = join_all(tries).await;
    let new = done
        .iter()
        .filter(|done| done.as_ref().is_ok_and(|done| done.new))
        .count();
    assert_eq!(new, 1, "{done:?}");
    let winner = done
        .iter()
        .position(|done| done.as_ref().is_ok_and(|done| done.new))
        .expect("one");
    for (by, done) in names.iter().zip(&done) {
        match done {
            Ok(_) => assert_eq!(*by, names[winner]),
            Err(error) => assert_eq!(
                error.to_string(),
                format!("break {id} is resolved already, as write_off")
            ),
        }
    }
    assert_eq!(stage.balances("plain", "USD").await.get(&5070), Some(&8000));
    stage.holds().await;
}

#[tokio::test]
async fn a_break_is_resolved_by_the_desk_or_by_its_file() {
    for round in 0..4 {
        let (mut stage, id) = missing(FREE, "80.00").await;
        let file = stage.write_file(&["Settled +80.00 USD ref=A1"], "2026-03-10");
        let asked = acquit::store::reconcile::Request {
            file: &file,
            acquirer: "north",
            as_of: Some(day("2026-03-10")),
            today: chrono::NaiveDate::MAX,
        };
        let desk = another(&stage.test.url, 2).await;
        let by_desk = request(&[id], Reason::Uneconomic, "ann");
        let (by_file, by_desk) = tokio::join!(
            stage.test.store.reconcile(&stage.deployment, &asked, &|_| {}),
            desk.resolve_breaks(&stage.deployment, &by_desk)
        );
        let found = by_file.expect("a reconciliation");
        let unknown = found
            .breaks
            .iter()
            .any(|(class, _)| *class == BreakClass::MissingInLedger);
        // Either the file brought the item, or it had been written off and its line is in suspense.
        assert_eq!(by_desk.is_ok(), unknown, "round {round}: {by_desk:?}");
        stage.holds().await;
    }
}

#[tokio::test]
async fn every_step_is_told() {
    let (stage, id) = missing(LADDER, "40.00").await;
    let store = &stage.test.store;
    let evidence = [7_u8; 32];
    let word = Said {
        by: "ann",
        note: Some("asked the acquirer"),
        evidence: Some(&evidence),
    };
    assert_eq!(
        store
            .assign_breaks(&[id], "bob", said("ann", "yours"))
            .await
            .expect("assigned"),
        1
    );
    assert_eq!(
        store
            .assign_breaks(&[id], "bob", said("ann", "yours"))
            .await
            .expect("the same"),
        0
    );
    assert_eq!(store.note_breaks(&[id], word).await.expect("noted"), 1);
    assert_eq!(store.note_breaks(&[id], word).await.expect("the same"), 0);
    let mine = Filter {
        owner: Some("bob".to_owned()),
        ..Filter::unresolved()
    };
    let listed = listed(&stage, &mine).await;
    assert_eq!((listed.len(), listed[0].state.as_str()), (1, "investigating"));
    let plan = resolve(&stage, &request(&[id], Reason::Uneconomic, "bob"))
        .await
        .expect("proposed")
        .plan;
    approve(&stage, &plan, "ann").await.expect("approved");
    store
        .reopen_breaks(&[id], said("carla", "paid after all"), TODAY)
        .await
        .expect("opened");
    let steps = store.break_steps(id).await.expect("steps");
    let told: Vec<String> = steps
        .iter()
        .map(|step| {
            let note = step.note.clone().unwrap_or_default();
            let shown = if step.evidence.is_some() { " with evidence" } else { "" };
            format!("{} {} {note}{shown}", step.by, step.what)
        })
        .collect();
    assert_eq!(
        told,
        [
            "ann assigned yours",
            "ann noted asked the acquirer with evidence",
            "bob proposed looked into it",
            "ann approved ",
            "ann resolved ",
            "carla reopened paid after all"
        ]
    );
    let unknown = store.note_breaks(&[id, 999_999], word).await;
    assert_eq!(unknown.expect_err("unknown").to_string(), "there is no break 999999");
}

#[tokio::test]
async fn reasons_in_sql_are_those_in_rust() {
    let stage = stage(FREE).await;
    let rows = stage
        .test
        .admin
        .query("select name, resolution from break_reason order by name", &[])
        .await;
    let in_sql: Vec<String> = rows
        .expect("reasons")
        .iter()
        .map(|row| format!("{} {}", row.get::<_, &str>(0), row.get::<_, &str>(1)))
        .collect();
    let mut in_rust: Vec<String> = Reason::ALL
        .iter()
        .map(|reason| format!("{reason} {}", reason.resolution()))
        .collect();
    in_rust.sort();
    assert_eq!(in_sql, in_rust);
}

/// What the binary says, on standard output and standard error together, and its exit code.
pub fn told(stage: &Stage, arguments: &[&str]) -> (i32, String) {
    let output = stage.test.acquit().args(arguments).output().expect("the binary runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    (output.status.code().unwrap_or(-1), text.concat())
}

/// What is gone through every month: an item that is missing is no money in suspense, and what came lately may still be explained.
#[tokio::test]
async fn suspense_older_than_ninety_business_days_is_a_list_of_its_own() {
    let today = chrono::Utc::now().date_naive();
    // Of 150 days no fewer than 91 are business days, of 120 no more than 90.
    let [old, young] = [150, 120].map(|days| today - chrono::Days::new(days));
    let story = format!(
        "sale p1 20.00 USD at={old}
         file north {old} breaks=MISSING_IN_LEDGER:2
         Settled +7.00 USD ref=X1 mref=nobody
         Settled +9.00 USD ref=X3 mref=nobody-else
         file north {young} breaks=MISSING_IN_FILE,MISSING_IN_LEDGER
         Settled +8.00 USD ref=X2 mref=somebody"
    );
    let desk = LADDER.replace("[desk]", "[desk]\ncalendar = \"TARGET2\"");
    let stage = Stage::told(&format!("{}{desk}", availability::SETTINGS), &story).await;
    let list = ["breaks", "list", "--suspense", "--older-than", "90", "--format", "json"];
    let listed = || {
        let (code, text) = told(&stage, &list);
        assert_eq!(code, 0, "{text}");
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Vec<serde_json::Value>>();
        let rows = values.next().expect("a list").expect("JSON");
        let mut listed: Vec<String> = rows
            .iter()
            .map(|row| format!("{} {}", row["class"], row["actual"]))
            .collect();
        listed.sort();
        listed
    };
    assert_eq!(
        listed(),
        ["\"MISSING_IN_LEDGER\" \"7.00\"", "\"MISSING_IN_LEDGER\" \"9.00\""]
    );
    let first = ids(&stage, "MISSING_IN_LEDGER").await[0].to_string();
    let resolve = [
        "breaks",
        "resolve",
        &first,
        "--reason",
        "unidentified",
        "--by",
        "bob",
        "--note",
        "of nobody",
        "--execute",
    ];
    let (code, text) = told(&stage, &resolve);
    assert_eq!(code, 0, "{text}");
    let approve = text
        .split("acquit breaks approve ")
        .nth(1)
        .and_then(|rest| rest.get(..16));
    if let Some(plan) = approve {
        let (code, text) = told(&stage, &["breaks", "approve", plan, "--by", "ann", "--execute"]);
        assert_eq!(code, 0, "{text}");
    }
    assert_eq!(listed(), ["\"MISSING_IN_LEDGER\" \"9.00\""]);
}

#[tokio::test]
async fn a_finance_person_works_a_break_to_its_end() {
    let (stage, id) = missing(&LADDER.replace("[desk]", "[desk]\ncalendar = \"TARGET2\""), "40.00").await;
    let number = id.to_string();
    let directory = crate::support::directory();
    let paper = directory.path().join("letter.txt");
    std::fs::write(&paper, "we will not pay").expect("a letter");
    let says = |arguments: &[&str], code: i32, texts: &[&str]| {
        let (ended, text) = told(&stage, arguments);
        assert_eq!(ended, code, "{arguments:?}\n{text}");
        for expected in texts {
            assert!(
                text.contains(expected),
                "{arguments:?} does not say `{expected}`\n{text}"
            );
        }
        text
    };
    says(
        &["breaks", "list", "--class", "MISSING_IN_FILE"],
        0,
        &["Open: 1 break", "40.00"],
    );
    says(
        &["breaks", "list", "--minimum", "40.01", "--currency", "USD"],
        0,
        &["Open: 0 breaks"],
    );
    says(&["breaks", "list", "--older-than", "3"], 0, &["Open: 1 break"]);
    says(&["breaks", "list", "--suspense"], 0, &["Open: 0 breaks"]);
    // Expected on Thursday 5 March 2026; the 6th and the 9th are business days.
    let aging = ["report", "breaks-aging", "--on", "2026-03-09", "--format", "csv"];
    says(&aging, 0, &["MISSING_IN_FILE,north,2-3,USD,2,1,4000,0,40.00,0.00"]);
    says(&["report", "breaks-aging", "--on", "2026-03-06"], 0, &["0-1"]);
    says(
        &["breaks", "assign", &number, "--to", "bob", "--by", "ann"],
        0,
        &["gave 1 break to bob"],
    );
    let resolve = [
        "breaks",
        "resolve",
        &number,
        "--reason",
        "uneconomic",
        "--by",
        "bob",
        "--on",
        "2026-03-20",
    ];
    says(&resolve, 1, &["--note is missing"]);
    let evidence = paper.to_str().expect("UTF-8").to_owned();
    let noted = [&resolve[..], &["--note", "asked twice", "--evidence", &evidence]].concat();
    let plan = says(
        &noted,
        0,
        &[
            "write_off (uneconomic): plan",
            "5070 ← 1100 40.00, 2010 ← 2020 38.54",
            "will wait for 1 approval",
        ],
    );
    let digest = plan
        .split("\nplan ")
        .last()
        .and_then(|rest| rest.get(..16))
        .expect("a digest")
        .to_owned();
    says(
        &[&noted[..], &["--execute"]].concat(),
        0,
        &["proposed", "waits for 1 approval", &digest],
    );
    says(
        &[&noted[..], &["--execute"]].concat(),
        0,
        &["proposed before, nothing was done"],
    );
    let approve = ["breaks", "approve", &digest, "--on", "2026-03-20", "--by"];
    says(
        &[&approve[..], &["bob"]].concat(),
        1,
        &["bob proposed this; somebody else has to approve it"],
    );
    says(
        &[&approve[..], &["eve"]].concat(),
        0,
        &["Approval: plan, nothing was done"],
    );
    says(
        &[&approve[..], &["eve", "--execute"]].concat(),
        0,
        &["Approved, booked"],
    );
    let evidence = acquit::audit::export::hex(&sha256(&std::fs::read(&paper).expect("the letter")));
    says(
        &["breaks", "show", &number],
        0,
        &[
            "write_off, uneconomic, by bob",
            "eve",
            "asked twice",
            &evidence,
            "5070",
            "resolution",
        ],
    );
    says(
        &[
            "breaks",
            "reopen",
            &number,
            "--by",
            "ann",
            "--note",
            "paid",
            "--on",
            "2026-03-21",
            "--execute",
        ],
        0,
        &["1 break opened again, 1 entry reversed"],
    );
    says(&["breaks", "show", &number], 0, &["reversal", "ann"]);
    // By what fits.
    let fits = [
        "breaks",
        "resolve",
        "--class",
        "MISSING_IN_FILE",
        "--reason",
        "claim_refused",
        "--by",
        "bob",
        "--note",
        "no",
    ];
    says(
        &[&fits[..], &["--execute"]].concat(),
        1,
        &["resolved with --plan DIGEST"],
    );
    says(
        &[&fits[..], &["--plan", "0123456789abcdef"]].concat(),
        1,
        &["the plan is void"],
    );
    says(
        &[
            "breaks",
            "resolve",
            "--reason",
            "uneconomic",
            "--by",
            "bob",
            "--note",
            "no",
        ],
        1,
        &["say which breaks"],
    );
    says(
        &["breaks", "resolve", "1", "--reason", "because", "--by", "bob"],
        1,
        &["one of belongs_to_merchant"],
    );
    says(
        &["breaks", "approve", "xyz", "--by", "bob"],
        1,
        &["`xyz` is not a digest"],
    );
    let card = "card 4111 1111 1111 1111";
    says(
        &["breaks", "note", &number, "--by", "bob", "--note", card],
        1,
        &["holds a card number"],
    );
    stage.holds().await;
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).to_vec()
}
