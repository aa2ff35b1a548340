//! Money that must not reach a merchant early: of captures that are withdrawn after it became available, and of captures that a
//! velocity rule holds.

use acquit::payout::amount::Cancellation;
use acquit::store::advance::Request as Advance;
use acquit::store::payout::Instruct;

use crate::availability;
use crate::stage::{Stage, currency, day, minor};
use crate::support;

// Withdrawn ------------------------------------------------------------------------------------------------------------

const PAID: &str = r#"
[payout]
minimum = {}
[[merchant]]
name = "shop"
state = "active"
fee_schedule = "standard"
advance_limit = { USD = "1000.00" }
destination = { holder = "Shop", account = "0012345", bank = "", verified_on = "2026-01-01" }
[[merchant]]
name = "daily"
state = "active"
fee_schedule = "standard"
availability = { sales_day = 2, calendar = "TARGET2" }
destination = { holder = "Daily", account = "0012346", bank = "", verified_on = "2026-01-01" }
"#;

async fn paid_stage(story: &str) -> Stage {
    let settings = availability::SETTINGS.replacen(
        "bank_account = \"main\"\n",
        "bank_account = \"main\"\nadvance_limit = { USD = \"1000.00\" }\n",
        1,
    );
    let mut stage = Stage::of(&format!("{settings}{PAID}")).await;
    stage.tell(story).await;
    stage
}

async fn advance(stage: &Stage, amount: &str) {
    let request = Advance {
        merchant: "shop",
        up_to: acquit::money::Money::from_minor(minor(amount, "USD"), currency("USD")),
        day: day("2026-03-03"),
    };
    let store = &stage.test.store;
    let advanced = store.advance(&stage.deployment, &request).await.expect("an advance");
    assert_eq!(advanced.items, 1);
}

/// Plans and approves what can be paid; says what.
async fn approve(stage: &Stage, cutoff: &str) -> Vec<String> {
    let store = &stage.test.store;
    let planned = store.plan_payouts(&stage.deployment, day(cutoff), "ann").await;
    let planned = planned.expect("a plan").payouts;
    if !planned.is_empty() {
        store
            .approve_payouts(&stage.deployment, day(cutoff), None, "bob")
            .await
            .expect("approved");
    }
    planned
        .iter()
        .map(|payout| format!("{} {}", payout.merchant, payout.money))
        .collect()
}

/// Pays what is approved; says how many payouts were posted, and why others were cancelled.
async fn instruct(stage: &Stage, cutoff: &str) -> (usize, Vec<Cancellation>) {
    let out = support::directory();
    let store = &stage.test.store;
    let done = store
        .instruct_payouts(&stage.deployment, Instruct::all(day(cutoff), day(cutoff)), out.path())
        .await
        .expect("instructed");
    let reasons = done.cancelled.into_iter().map(|cancelled| cancelled.reason);
    (done.posted.len(), reasons.collect())
}

#[tokio::test]
async fn an_advanced_capture_that_is_withdrawn_is_not_paid() {
    // Other pending money does not make up for it: it is not available.
    let sales = "sale p1 100.00 USD m=shop ref=A1
        sale p2 500.00 USD m=shop ref=A2";
    let void = "capture_void p1 100.00 USD m=shop original=p1-capture at=2026-03-03
        is shop USD 2010=388.40 2020=96.80";
    let mut stage = paid_stage(sales).await;
    advance(&stage, "200.00").await;
    stage.tell(void).await;
    assert_eq!(approve(&stage, "2026-03-03").await, Vec::<String>::new());
    stage
        .tell("release 2026-03-03\nis shop USD 2010=485.20 2020=0.00")
        .await;

    // Withdrawn after the payout was approved.
    let mut stage = paid_stage(sales).await;
    advance(&stage, "200.00").await;
    assert_eq!(approve(&stage, "2026-03-03").await, ["shop 96.80 USD"]);
    stage.tell(void).await;
    assert_eq!(
        instruct(&stage, "2026-03-03").await,
        (0, vec![Cancellation::NotCovered])
    );
    stage
        .tell("release 2026-03-03\nis shop USD 2010=485.20 2020=0.00 2100=0.00")
        .await;
}

#[tokio::test]
async fn a_capture_withdrawn_after_its_day_is_not_paid() {
    let mut stage = paid_stage(
        "sale p1 80.00 USD m=daily ref=A1 at=2026-03-02
         sale p2 40.00 USD m=daily ref=A2 at=2026-03-02
         release 2026-03-04
         is daily USD 2010=0.00 2020=115.92
         capture_void p1 80.00 USD m=daily original=p1-capture at=2026-03-04
         is daily USD 2010=-77.38 2020=115.92",
    )
    .await;
    assert_eq!(approve(&stage, "2026-03-04").await, ["daily 38.54 USD"]);
    assert_eq!(instruct(&stage, "2026-03-04").await, (1, vec![]));
    stage
        .tell(
            "is daily USD 2010=-77.38 2020=77.38 2100=38.54
             release 2026-03-05
             is daily USD 2010=0.00 2020=0.00 2100=38.54",
        )
        .await;
}

// Held -----------------------------------------------------------------------------------------------------------------

const HOLD: &str = r#"
[[velocity_rule]]
name = "large"
action = "hold"
per = ["merchant"]
window = "month"
max_sum = { USD = "50.00" }
"#;
const FILE: &str = "file north 2026-03-03\nSettled +80.00 USD ref=A1";

/// Tells a story up to the release of its hold, and what follows.
async fn held(before: &str, on: &str, after: &str) -> Stage {
    let mut stage = Stage::of(&format!("{}{HOLD}", availability::SETTINGS)).await;
    stage.tell(before).await;
    let released = stage.test.store.release_hold(1, "ann", day(on)).await;
    assert!(released.expect("a release").new);
    stage.tell(after).await;
    let again = stage.test.store.release_hold(1, "ann", day(on)).await;
    assert!(!again.expect("a release").new);
    stage
}

#[tokio::test]
async fn a_held_capture_waits_for_its_line_and_keeps_its_reserve() {
    let sale = "sale p1 80.00 USD m=roll ref=A1\nis roll USD 1100=80.00 2010=0.00 2020=0.00 2040=77.38";
    let settled = "is roll USD 1100=0.00 2010=0.00 2020=69.38 2030=8.00 2040=0.00";
    let before = held(
        sale,
        "2026-03-03",
        &format!("is roll USD 2010=77.38 2020=0.00 2040=0.00\n{FILE}\n{settled}"),
    )
    .await;
    let after = held(
        &format!("{sale}\n{FILE}\nis roll USD 2010=0.00 2020=0.00 2030=0.00 2040=77.38"),
        "2026-03-04",
        settled,
    )
    .await;
    for stage in [before, after] {
        assert_eq!(
            stage.tranches("roll", "USD").await,
            ["2026-03-02 2026-04-01 8.00 0.00 0.00"]
        );
    }
}

#[tokio::test]
async fn a_held_capture_waits_for_its_day() {
    let sale = "sale p1 80.00 USD m=both ref=A1\nis both USD 2010=0.00 2020=0.00 2040=77.38";
    let due = "release 2026-03-04\nis both USD 2010=0.00 2020=69.38 2030=8.00 2040=0.00";
    let pending = "is both USD 2010=77.38 2020=0.00 2030=0.00 2040=0.00";
    for stage in [
        held(
            sale,
            "2026-03-03",
            &format!("{pending}\nrelease 2026-03-03\n{pending}\n{due}"),
        )
        .await,
        // Its line makes nothing available; and its day was over when it was released.
        held(&format!("{sale}\n{FILE}"), "2026-03-03", &format!("{pending}\n{due}")).await,
        held(
            &format!("{sale}\nrelease 2026-03-04\n{FILE}"),
            "2026-03-04",
            &format!("{pending}\n{due}"),
        )
        .await,
    ] {
        assert_eq!(
            stage.tranches("both", "USD").await,
            ["2026-03-02 2026-04-01 8.00 0.00 0.00"]
        );
    }
}

#[tokio::test]
async fn a_fixed_reserve_takes_its_part_of_what_was_held() {
    let sale = "sale p1 80.00 USD m=fixed ref=A1";
    let filled = "is fixed USD 2010=0.00 2020=0.00 2030=77.38 2040=0.00";
    held(sale, "2026-03-03", &format!("{FILE}\n{filled}")).await;
    held(&format!("{sale}\n{FILE}"), "2026-03-03", filled).await;
}

#[tokio::test]
async fn a_held_capture_of_an_aggregate() {
    let sale = "sale p1 80.00 USD m=roll aggregate=monday";
    let hand_in = "aggregate p1 80.00 USD m=roll aggregate=monday items=1 ref=A1";
    let settled = "is roll USD 1100=0.00 2010=0.00 2020=69.38 2030=8.00 2040=0.00";
    held(sale, "2026-03-03", &format!("{hand_in}\n{FILE}\n{settled}")).await;
    held(
        &format!("{sale}\n{hand_in}"),
        "2026-03-03",
        &format!("is roll USD 2010=77.38 2040=0.00\n{FILE}\n{settled}"),
    )
    .await;
    held(&format!("{sale}\n{hand_in}\n{FILE}"), "2026-03-03", settled).await;
    // Withdrawn again, the aggregate is as if it had never joined.
    held(
        &format!("{sale}\nsale p2 10.00 USD m=roll aggregate=monday"),
        "2026-03-03",
        "capture_void p1 80.00 USD m=roll original=p1-capture at=2026-03-03
         is roll USD 1100=10.00 2010=0.00 2040=9.41
         aggregate p1 10.00 USD m=roll aggregate=monday items=1 ref=A1",
    )
    .await;
}

#[tokio::test]
async fn a_held_capture_is_withdrawn_after_its_release() {
    for merchant in ["plain", "roll", "both"] {
        let nothing = format!("is {merchant} USD 1100=0.00 2010=0.00 2020=0.00 2030=0.00 2040=0.00 4010=0.00");
        let sale = format!("sale p1 80.00 USD m={merchant} ref=A1");
        let void = format!("capture_void p1 80.00 USD m={merchant} original=p1-capture at=2026-03-04");
        held(&sale, "2026-03-03", &format!("{void}\n{nothing}\nrelease 2026-06-01")).await;
        let mut stage = Stage::of(&format!("{}{HOLD}", availability::SETTINGS)).await;
        stage
            .tell(&format!("{sale}\n{void}\n{nothing}\nrelease 2026-06-01\n{nothing}"))
            .await;
    }
    // After its day, it comes out of what became available and the reserve.
    held(
        "sale p1 80.00 USD m=both ref=A1",
        "2026-03-03",
        "release 2026-03-04
         is both USD 2010=0.00 2020=69.38 2030=8.00
         capture_void p1 80.00 USD m=both original=p1-capture at=2026-03-04
         is both USD 2010=-77.38
         release 2026-03-05
         is both USD 2010=0.00 2020=0.00 2030=0.00 2040=0.00",
    )
    .await;
}
