//! What becomes available when: reserves and their tranches, days, releases, costs passed on and of disputes. Stories, with every
//! balance worked out by hand.
//!
//! Merchants pay 2.9 % + 0.30. `roll` has a rolling reserve of 10 % for 30 days, `fixed` one of 100.00 for 30 days, `day` is
//! paid two business days after the sale, `both` is and has the reserve, `plus` pays 0.5 % and the costs; `plain` has none of
//! it.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use acquit::store::release::Released;
use futures_util::future::join_all;

use crate::stage::{Stage, currency, day};
use crate::support::day::another;

/// As the header says.
pub const SETTINGS: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "UTC"
bank_account = "main"
[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3
[[acquirer]]
name = "phone"
kind = "carrier"
contract = "net"
settles_within_days = 60
unpaid_borne_by = "house"
[[fee_schedule]]
name = "standard"
percentage = "2.9"
fixed = { USD = "0.30", EUR = "0.30", GBP = "0.30", JPY = "30", KWD = "0.300", CLF = "0.3000" }
rounding = "half_even"
[[fee_schedule]]
name = "plus"
rounding = "half_even"
[[fee_schedule.price]]
percentage = "0.5"
fixed = { USD = "0", GBP = "0" }
passes_costs = true
[[merchant]]
name = "plain"
state = "active"
fee_schedule = "standard"
negative_limit = { USD = "1000.00" }
[[merchant]]
name = "roll"
state = "active"
fee_schedule = "standard"
reserve = { percentage = "10", release_after_days = 30 }
refunds_from_reserve = true
[[merchant]]
name = "fixed"
state = "active"
fee_schedule = "standard"
reserve = { fixed = { USD = "100.00" }, release_after_days = 30 }
[[merchant]]
name = "day"
state = "active"
fee_schedule = "standard"
availability = { sales_day = 2, calendar = "TARGET2" }
[[merchant]]
name = "both"
state = "active"
fee_schedule = "standard"
availability = { sales_day = 2, calendar = "TARGET2" }
reserve = { percentage = "10", release_after_days = 30 }
refunds_from_reserve = true
[[merchant]]
name = "plus"
state = "active"
fee_schedule = "plus"
"#;

#[tokio::test]
async fn a_rolling_reserve_of_ten_percent() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=roll ref=A1
         is roll USD 1100=80.00 2010=77.38 2020=0.00 2030=0.00 4010=2.32 4020=0.30
         file north 2026-03-03
         Settled +80.00 USD ref=A1 interchange=1.44 scheme=0.11 cost=0.21
         is roll USD 1100=0.00 1110=78.24 2010=0.00 2020=69.38 2030=8.00 5010=1.44 5020=0.11 5030=0.21
         release 2026-03-31
         is roll USD 2020=69.38 2030=8.00
         release 2026-04-01
         is roll USD 2020=77.38 2030=0.00",
    )
    .await;
    assert_eq!(
        stage.tranches("roll", "USD").await,
        ["2026-03-02 2026-04-01 8.00 8.00 0.00"]
    );
}

#[tokio::test]
async fn currencies_of_0_2_3_and_4_decimals() {
    Stage::told(
        SETTINGS,
        "sale a 80.00 USD m=roll ref=A1
         sale b 8000 JPY m=roll ref=B1
         sale c 80.000 KWD m=roll ref=C1
         sale d 80.0000 CLF m=roll ref=D1
         file north 2026-03-03
         Settled +80.00 USD ref=A1 batch=1
         Settled +8000 JPY ref=B1 batch=2
         Settled +80.000 KWD ref=C1 batch=3
         Settled +80.0000 CLF ref=D1 batch=4
         is roll USD 2010=0.00 2020=69.38 2030=8.00
         is roll JPY 2010=0 2020=6938 2030=800
         is roll KWD 2010=0.000 2020=69.380 2030=8.000
         is roll CLF 2010=0.0000 2020=69.3800 2030=8.0000
         release 2026-04-01
         is roll JPY 2020=7738 2030=0
         is roll CLF 2020=77.3800 2030=0.0000",
    )
    .await;
    // Ten per cent with a half: to the even neighbour. Fees: 29.145 → 29, 0.358005 → 0.358, 0.0358005 → 0.0358.
    Stage::told(
        SETTINGS,
        "sale b 1005 JPY m=roll ref=B1
         sale c 12.345 KWD m=roll ref=C1
         sale d 1.2345 CLF m=roll ref=D1
         sale e 0.31 USD m=roll ref=E1
         sale f 0.10 USD m=roll ref=F1
         file north 2026-03-03
         Settled +1005 JPY ref=B1 batch=2
         Settled +12.345 KWD ref=C1 batch=3
         Settled +1.2345 CLF ref=D1 batch=4
         Settled +0.31 USD ref=E1 batch=1
         Settled +0.10 USD ref=F1 batch=1
         is roll JPY 2020=846 2030=100
         is roll KWD 2020=10.453 2030=1.234
         is roll CLF 2020=0.7753 2030=0.1234
         is roll USD 2010=0.00 2020=-0.20 2030=0.00",
    )
    .await;
}

#[tokio::test]
async fn less_than_was_captured_shrinks_the_reserve_and_keeps_the_rest_pending() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=roll ref=A1
         sale p2 80.00 USD m=roll ref=A2
         sale p3 80.00 USD m=roll ref=A3
         sale p4 80.00 USD m=roll ref=A4
         file north 2026-03-03 breaks=AMOUNT_MISMATCH:4
         Settled +70.00 USD ref=A1
         Settled +5.00 USD ref=A2
         Settled +2.00 USD ref=A3
         Settled +81.00 USD ref=A4
         is roll USD 2010=163.00 2020=128.14 2030=18.38 1900=163.00 2900=1.00
         release 2026-04-01
         is roll USD 2010=163.00 2020=146.52 2030=0.00",
    )
    .await;
    assert_eq!(
        stage.tranches("roll", "USD").await,
        ["2026-03-02 2026-04-01 18.38 18.38 0.00"]
    );
}

#[tokio::test]
async fn a_changed_rate_is_for_sales_from_then_on() {
    let mut stage = Stage::of(SETTINGS).await;
    let twenty = SETTINGS
        .replace("effective_from = \"2026-01-01\"", "effective_from = \"2026-03-10\"")
        .replacen(
            "{ percentage = \"10\", release_after_days = 30 }",
            "{ percentage = \"20\", release_after_days = 10 }",
            1,
        );
    stage.apply(&twenty).await;
    stage
        .tell(
            "sale p1 80.00 USD m=roll ref=A1 at=2026-03-02
             sale p2 80.00 USD m=roll ref=A2 at=2026-03-09
             sale p3 80.00 USD m=roll ref=A3 at=2026-03-10
             file north 2026-03-11
             Settled +80.00 USD ref=A1
             Settled +80.00 USD ref=A2
             Settled +80.00 USD ref=A3
             is roll USD 2020=200.14 2030=32.00
             release 2026-03-20
             is roll USD 2020=216.14 2030=16.00
             release 2026-04-01
             is roll USD 2020=224.14 2030=8.00",
        )
        .await;
    assert_eq!(
        stage.tranches("roll", "USD").await,
        [
            "2026-03-02 2026-04-01 8.00 8.00 0.00",
            "2026-03-09 2026-04-08 8.00 0.00 0.00",
            "2026-03-10 2026-03-20 16.00 16.00 0.00",
        ]
    );
}

#[tokio::test]
async fn tranches_of_one_day_are_one() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=roll ref=A1
         sale p2 40.00 USD m=roll ref=A2
         file north 2026-03-03
         Settled +80.00 USD ref=A1 batch=1
         is roll USD 2030=8.00
         file north 2026-03-04
         Settled +40.00 USD ref=A2 batch=2
         is roll USD 2030=12.00",
    )
    .await;
    assert_eq!(
        stage.tranches("roll", "USD").await,
        ["2026-03-02 2026-04-01 12.00 0.00 0.00"]
    );
}

#[tokio::test]
async fn a_fixed_reserve_takes_what_becomes_available_until_it_is_full() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=fixed ref=A1
         sale p2 80.00 USD m=fixed ref=A2
         sale p3 80.00 USD m=fixed ref=A3
         sale e1 80.00 EUR m=fixed ref=E1
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         Settled +80.00 EUR ref=E1 batch=2
         is fixed USD 2010=154.76 2020=0.00 2030=77.38
         is fixed EUR 2010=0.00 2020=77.38 2030=0.00
         file north 2026-03-04
         Settled +80.00 USD ref=A2
         is fixed USD 2010=77.38 2020=54.76 2030=100.00
         release 2026-04-01
         is fixed USD 2030=100.00
         release 2026-04-02
         is fixed USD 2020=132.14 2030=22.62
         file north 2026-04-02
         Settled +80.00 USD ref=A3
         is fixed USD 2010=0.00 2020=132.14 2030=100.00",
    )
    .await;
    assert_eq!(
        stage.tranches("fixed", "USD").await,
        [
            "2026-03-03 2026-04-02 77.38 77.38 0.00",
            "2026-03-04 2026-04-03 22.62 0.00 0.00",
            "2026-04-02 2026-05-02 77.38 0.00 0.00",
        ]
    );
}

#[tokio::test]
async fn a_sale_is_of_the_day_of_its_merchants_zone() {
    let in_zone = |settings: &str, name: &str, zone: &str| {
        let merchant = format!("name = \"{name}\"\n");
        assert!(settings.contains(&merchant), "{name}");
        settings.replace(&merchant, &format!("{merchant}time_zone = \"{zone}\"\n"))
    };
    let mut stage = Stage::of(&in_zone(SETTINGS, "both", "Asia/Seoul")).await;
    stage
        .tell(
            // A Thursday in the house's zone, and Friday in Seoul: two business days later it is Tuesday.
            "sale p1 80.00 USD m=both ref=A1 at=2026-03-05T16:00:00Z
             release 2026-03-09
             is both USD 2010=77.38 2020=0.00
             release 2026-03-10
             is both USD 2010=0.00 2020=69.38 2030=8.00
             release 2026-04-04
             is both USD 2020=69.38 2030=8.00
             release 2026-04-05
             is both USD 2020=77.38 2030=0.00",
        )
        .await;
    // Booked on the day of the house.
    assert_eq!(
        stage.tranches("both", "USD").await,
        ["2026-03-05 2026-04-05 8.00 8.00 0.00"]
    );
    // In New York it is the day before still.
    let mut stage = Stage::of(&in_zone(SETTINGS, "roll", "America/New_York")).await;
    stage
        .tell(
            "sale p2 80.00 USD m=roll ref=A2 at=2026-05-05T03:00:00Z
             file north 2026-05-06
             Settled +80.00 USD ref=A2
             is roll USD 2020=69.38 2030=8.00
             release 2026-06-02
             is roll USD 2030=8.00
             release 2026-06-03
             is roll USD 2020=77.38 2030=0.00",
        )
        .await;
}

#[tokio::test]
async fn a_fixed_reserve_waits_until_a_debt_is_paid() {
    Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=fixed ref=A1
         sale p2 80.00 USD m=fixed ref=A2
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         chargeback p1 80.00 USD m=fixed ref=C1 at=2026-03-04
         is fixed USD 2020=-80.00 2030=77.38
         file north 2026-03-05
         Settled +80.00 USD ref=A2
         Chargeback -80.00 USD ref=C1
         is fixed USD 2010=0.00 2020=-2.62 2030=77.38",
    )
    .await;
}

#[tokio::test]
async fn money_that_a_day_makes_available() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=day ref=A1 at=2026-03-05
         sale p2 80.00 USD m=both ref=A2 at=2026-03-05
         is day USD 2010=77.38
         release 2026-03-08
         is day USD 2010=77.38
         release 2026-03-09
         is day USD 2010=0.00 2020=77.38
         is both USD 2010=0.00 2020=69.38 2030=8.00
         file north 2026-03-10
         Settled +80.00 USD ref=A1 cost=1.00
         Settled +80.00 USD ref=A2
         is day USD 1100=0.00 2010=0.00 2020=77.38
         is both USD 1100=0.00 2010=0.00 2020=69.38 2030=8.00
         release 2026-04-04
         is both USD 2020=77.38 2030=0.00",
    )
    .await;
    assert_eq!(
        stage.tranches("both", "USD").await,
        ["2026-03-05 2026-04-04 8.00 8.00 0.00"]
    );
    // The file comes first; and a release that was forgotten for long releases the reserve with it.
    Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=both ref=A1 at=2026-03-05
         file north 2026-03-06
         Settled +80.00 USD ref=A1
         is both USD 2010=77.38 2020=0.00 2030=0.00
         release 2026-06-01
         is both USD 2010=0.00 2020=77.38 2030=0.00",
    )
    .await;
}

#[tokio::test]
async fn a_day_counts_on_which_all_calendars_are_open() {
    // Chuseok 2026 is Thursday the 24th to Saturday; the banks of the euro are open on Thursday and Friday.
    // One is paid a business day after the sale, the other on its day, which rolls.
    let (euro, both) = (
        "sales_day = 2, calendar = \"TARGET2\"",
        "calendar = [\"KR\", \"TARGET2\"]",
    );
    let settings = SETTINGS.replacen(euro, &format!("sales_day = 1, {both}"), 1);
    let settings = settings.replacen(euro, &format!("sales_day = 0, {both}"), 1);
    Stage::told(
        &settings,
        "sale p1 80.00 USD m=day ref=A1 at=2026-09-23
         sale p2 80.00 USD m=both ref=A2 at=2026-09-24
         release 2026-09-27
         is day USD 2010=77.38
         is both USD 2010=77.38
         release 2026-09-28
         is day USD 2010=0.00 2020=77.38
         is both USD 2010=0.00 2020=69.38 2030=8.00",
    )
    .await;
}

#[tokio::test]
async fn a_method_may_have_days_of_its_own() {
    // Four sales of Thursday the 5th: on Monday, Tuesday, and by phone on Thursday a week later.
    let settings = SETTINGS.replacen(
        "sales_day = 2, calendar",
        "sales_day = 2, by_method = { wallet = 3, carrier = 5 }, calendar",
        1,
    );
    Stage::told(
        &settings,
        "sale p1 80.00 USD m=day ref=A1 at=2026-03-05
         sale p2 80.00 USD m=day ref=A2 method=card at=2026-03-05
         sale p3 80.00 USD m=day ref=A3 method=wallet at=2026-03-05
         sale p4 80.00 USD m=day ref=A4 method=carrier at=2026-03-05
         release 2026-03-08
         is day USD 2010=309.52 2020=0.00
         release 2026-03-09
         is day USD 2010=154.76 2020=154.76
         release 2026-03-10
         is day USD 2010=77.38 2020=232.14
         release 2026-03-11
         is day USD 2010=77.38 2020=232.14
         capture_void p3 80.00 USD m=day original=p3-capture at=2026-03-11
         release 2026-03-12
         is day USD 2010=0.00 2020=232.14",
    )
    .await;
}

#[tokio::test]
async fn a_capture_withdrawn_after_its_day_goes_back() {
    // Before its day: nothing becomes available.
    Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=both ref=A1 at=2026-03-05
         capture_void p1 80.00 USD m=both original=p1-capture at=2026-03-06
         is both USD 1100=0.00 2010=0.00
         release 2026-03-09
         is both USD 2010=0.00 2020=0.00 2030=0.00",
    )
    .await;
    // After it: out of available money and the reserve, with the next release.
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=both ref=A1 at=2026-03-05
         sale p2 40.00 USD m=both ref=A2 at=2026-03-05
         release 2026-03-09
         is both USD 2010=0.00 2020=103.92 2030=12.00
         capture_void p1 80.00 USD m=both original=p1-capture at=2026-03-09
         is both USD 2010=-77.38 2020=103.92 2030=12.00
         release 2026-03-09
         is both USD 2010=0.00 2020=34.54 2030=4.00",
    )
    .await;
    assert_eq!(
        stage.tranches("both", "USD").await,
        ["2026-03-05 2026-04-04 4.00 0.00 0.00"]
    );
    // After the reserve was released as well: all of it out of available money.
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=both ref=A1 at=2026-03-05
         release 2026-03-09
         release 2026-04-04
         capture_void p1 80.00 USD m=both original=p1-capture at=2026-04-05
         release 2026-04-05
         is both USD 2010=0.00 2020=0.00 2030=0.00",
    )
    .await;
    assert_eq!(
        stage.tranches("both", "USD").await,
        ["2026-03-05 2026-04-04 8.00 8.00 0.00"]
    );
}

#[tokio::test]
async fn a_refund_uses_the_reserve_and_gives_it_back_when_it_fails() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=roll ref=A1
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         refund p1 75.00 USD m=roll ref=R1 at=2026-03-04
         is roll USD 2020=0.00 2030=2.38
         release 2026-03-31
         is roll USD 2030=2.38
         refund_failure p1 75.00 USD m=roll original=p1-refund at=2026-03-31
         is roll USD 2020=69.38 2030=8.00
         release 2026-04-01
         is roll USD 2020=77.38 2030=0.00",
    )
    .await;
    assert_eq!(
        stage.tranches("roll", "USD").await,
        ["2026-03-02 2026-04-01 8.00 8.00 0.00"]
    );
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=roll ref=A1
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         refund p1 75.00 USD m=roll ref=R1 at=2026-03-04
         release 2026-04-01
         is roll USD 2020=2.38 2030=0.00
         refund_failure p1 75.00 USD m=roll original=p1-refund at=2026-04-02
         is roll USD 2020=71.76 2030=5.62
         release 2026-04-02
         is roll USD 2020=77.38 2030=0.00",
    )
    .await;
    assert_eq!(
        stage.tranches("roll", "USD").await,
        ["2026-03-02 2026-04-01 8.00 8.00 0.00"]
    );
}

#[tokio::test]
async fn a_released_tranche_covers_what_is_below_zero() {
    Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=roll ref=A1
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         chargeback p1 80.00 USD m=roll ref=C1 at=2026-03-20
         is roll USD 2020=-10.62 2030=8.00
         release 2026-04-01
         is roll USD 2020=-2.62 2030=0.00",
    )
    .await;
}

#[tokio::test]
async fn costs_that_are_passed_on() {
    Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=plus ref=A1
         sale p2 25.00 GBP m=plus ref=A2
         file north 2026-03-03
         Settled +80.00 USD ref=A1 interchange=1.44 scheme=0.11 cost=0.21
         Settled +25.00 GBP ref=A2 rate=1.1636 net=28.14:EUR interchange=0.60 scheme=0.20 cost=0.15
         is plus USD 2010=0.00 2020=78.05 4010=0.40 4060=1.55 5010=1.44 5020=0.11 5030=0.21
         is plus GBP 2010=0.00 2020=24.19 4010=0.12 4060=0.69
         is plus EUR 1110=28.14 5010=0.60 5020=0.20 5030=0.15",
    )
    .await;
}

#[tokio::test]
async fn a_line_for_several_disputes_has_the_costs_of_all() {
    // By gross each would have another cost than the ledger has of it.
    for (file, after) in [
        (
            "file north 2026-03-05\nChargeback -80.00 USD ref=C9 mref=order cost=30.00",
            "5040=30.00 5030=0.00 1110=-30.00",
        ),
        (
            "file north 2026-03-05 breaks=FEE_MISMATCH\nChargeback -80.00 USD ref=C9 mref=order cost=31.00",
            "5040=30.00 5030=1.00 1110=-31.00",
        ),
        (
            "file north 2026-03-05 breaks=FEE_MISMATCH\nChargeback -80.00 USD ref=C9 mref=order cost=28.00",
            "5040=28.00 5030=0.00 1110=-28.00",
        ),
    ] {
        Stage::told(
            SETTINGS,
            &format!(
                "sale p1 80.00 USD ref=A1
                 file north 2026-03-03
                 Settled +80.00 USD ref=A1
                 chargeback p1 60.00 USD name=d1 ref=C1 cost=15.00 mref=order at=2026-03-04
                 chargeback p1 20.00 USD name=d2 ref=C2 cost=15.00 mref=order at=2026-03-04
                 {file}
                 is plain USD 1100=0.00 {after}"
            ),
        )
        .await;
    }
}

#[tokio::test]
async fn a_line_for_disputes_of_which_the_ledger_has_costs_of_one_is_held_to_the_ledger_alone() {
    let terms = "[[acquirer.cost]]\nrounding = \"half_even\"\n[[acquirer.cost.term]]\nname = \"dispute\"\n\
        record = [\"chargeback\"]\npercentage = \"0\"\nfixed = { USD = \"5.00\" }\n[[acquirer]]\nname = \"phone\"";
    let settings = SETTINGS.replacen("[[acquirer]]\nname = \"phone\"", terms, 1);
    for (first, second) in [("", "cost=15.00"), ("cost=15.00", "")] {
        Stage::told(
            &settings,
            &format!(
                "sale p1 80.00 USD ref=A1
                 file north 2026-03-03
                 Settled +80.00 USD ref=A1
                 chargeback p1 60.00 USD name=d1 ref=C1 {first} mref=order at=2026-03-04
                 chargeback p1 20.00 USD name=d2 ref=C2 {second} mref=order at=2026-03-04
                 file north 2026-03-05 breaks=FEE_MISMATCH
                 Chargeback -80.00 USD ref=C9 mref=order cost=13.00
                 is plain USD 1100=0.00 5040=13.00 5030=0.00 1110=-13.00"
            ),
        )
        .await;
    }
}

#[tokio::test]
async fn costs_of_disputes_are_booked_once() {
    let before = "sale p1 80.00 USD ref=A1
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         chargeback p1 80.00 USD ref=C1 cost=10.00 mref=order at=2026-03-04
         is plain USD 1100=-90.00 5040=10.00";
    for (file, after) in [
        (
            "file north 2026-03-05\nChargeback -80.00 USD ref=C1 cost=10.00",
            "5040=10.00 5030=0.00 1110=-10.00",
        ),
        (
            "file north 2026-03-05\nChargeback -90.00 USD ref=C1",
            "5040=10.00 5030=0.00 1110=-10.00",
        ),
        (
            "file north 2026-03-05\nChargeback -90.00 USD ref=C9 mref=order",
            "5040=10.00 5030=0.00 1110=-10.00",
        ),
        (
            "file north 2026-03-05 breaks=FEE_MISMATCH\nChargeback -80.00 USD ref=C1 cost=6.00",
            "5040=6.00 5030=0.00 1110=-6.00",
        ),
        (
            "file north 2026-03-05 breaks=FEE_MISMATCH\nChargeback -80.00 USD ref=C1 cost=13.00",
            "5040=10.00 5030=3.00 1110=-13.00",
        ),
    ] {
        Stage::told(
            SETTINGS,
            &format!("{before}\n{file}\nis plain USD 1100=0.00 2020=-2.62 {after}"),
        )
        .await;
    }
}

#[tokio::test]
async fn carriers_owe_on_an_account_of_their_own() {
    Stage::told(
        SETTINGS,
        "sale p1 10.00 USD ref=A1 acq=phone
         sale p2 10.00 USD ref=A2 acq=phone
         is plain USD 1100=0.00 1130=20.00
         file phone 2026-04-30
         Settled +10.00 USD ref=A1 cost=0.50
         is plain USD 1100=0.00 1130=10.00 1110=9.50 2010=9.41 2020=9.41",
    )
    .await;
}

#[tokio::test]
async fn aggregates_become_available_by_one_rule() {
    Stage::told(
        SETTINGS,
        "authorization p1 80.00 USD m=both
         authorization p2 40.00 USD m=both
         capture p1 80.00 USD m=both aggregate=sum at=2026-03-02
         capture p2 40.00 USD m=both aggregate=sum at=2026-03-03
         is both USD 2010=115.92
         release 2026-03-04
         is both USD 2010=38.54 2020=69.38 2030=8.00
         aggregate sum 120.00 USD m=both aggregate=sum items=2 ref=S1 at=2026-03-04
         release 2026-03-05
         is both USD 2010=0.00 2020=103.92 2030=12.00
         file north 2026-03-06
         Settled +120.00 USD ref=S1
         is both USD 1100=0.00 2010=0.00 2020=103.92 2030=12.00",
    )
    .await;
    Stage::told(
        SETTINGS,
        "authorization p1 80.00 USD m=roll
         authorization p2 40.00 USD m=roll
         capture p1 80.00 USD m=roll aggregate=sum
         capture p2 40.00 USD m=roll aggregate=sum
         aggregate sum 120.00 USD m=roll aggregate=sum items=2 ref=S1 at=2026-03-04
         is roll USD 2010=115.92
         file north 2026-03-06
         Settled +120.00 USD ref=S1
         is roll USD 1100=0.00 2010=0.00 2020=103.92 2030=12.00
         release 2026-04-03
         is roll USD 2020=115.92 2030=0.00",
    )
    .await;
    // Other settings come into force between two captures of one aggregate.
    let mut stage = Stage::of(SETTINGS).await;
    let later = SETTINGS
        .replace("effective_from = \"2026-01-01\"", "effective_from = \"2026-03-03\"")
        .replace("availability = { sales_day = 2, calendar = \"TARGET2\" }\n", "");
    stage.apply(&later).await;
    stage
        .tell(
            "authorization p1 80.00 USD m=both
             authorization p2 40.00 USD m=both
             capture p1 80.00 USD m=both aggregate=sum at=2026-03-02
             capture p2 40.00 USD m=both aggregate=sum at=2026-03-03 refused=aggregate_differs",
        )
        .await;
}

#[tokio::test]
async fn a_day_releases_what_became_due_since() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=both ref=A1 at=2026-03-05
         release 2026-03-09
         sale p2 80.00 USD m=both ref=A2 at=2026-03-05
         release 2026-03-09
         is both USD 2010=0.00 2020=138.76 2030=16.00",
    )
    .await;
    let releases = "select count(distinct reference), count(*) from entry where kind = 24";
    let row = stage.test.admin.query_one(releases, &[]).await.expect("releases");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (2, 2));
}

#[tokio::test]
async fn twenty_releases_at_once_are_one() {
    let mut stage = Stage::of(SETTINGS).await;
    let mut story = String::new();
    for number in 0..40 {
        let merchant = ["both", "roll", "day", "fixed"][number % 4];
        story += &format!("sale p{number} 80.00 USD m={merchant} ref=A{number} at=2026-03-05\n");
    }
    story += "file north 2026-03-06\n";
    for number in 0..40 {
        story += &format!("Settled +80.00 USD ref=A{number}\n");
    }
    stage.tell(&story).await;
    // `fixed` withholds what becomes available: nothing is released of it before its day.
    let on = day("2026-04-04");
    let runs = (0..20).map(|_| async {
        let store = another(&stage.test.url, 1).await;
        store.release(&stage.deployment, on, &|_| {}).await.expect("a release")
    });
    let mut entries = 0;
    let mut available = 0;
    for released in join_all(runs).await {
        for ((_, code), sum) in released {
            assert_eq!(code, currency("USD"));
            entries += sum.entries;
            available += sum.available;
        }
    }
    // Pending of `both` and `day`, reserves of `both` and `roll`.
    assert_eq!((entries, available), (4, 10 * (6938 + 7738 + 800 + 800)));
    stage
        .tell(
            "is both USD 2010=0.00 2020=773.80 2030=0.00
             is day USD 2010=0.00 2020=773.80
             is roll USD 2010=0.00 2020=773.80 2030=0.00
             is fixed USD 2020=673.80 2030=100.00",
        )
        .await;
    let rows = stage
        .test
        .admin
        .query("select count(*) from entry where kind = 24", &[])
        .await;
    assert_eq!(rows.expect("a count")[0].get::<_, i64>(0), 4);
}

#[tokio::test]
async fn a_release_says_what_it_released() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD m=both ref=A1 at=2026-03-05
         sale p2 80.00 USD m=roll ref=A2 at=2026-03-05
         file north 2026-03-06
         Settled +80.00 USD ref=A2",
    )
    .await;
    let released = stage.release("2026-04-04").await;
    let told: Vec<_> = released
        .iter()
        .map(|((what, currency), sum)| (*what, currency.code(), sum.entries, sum.available, sum.withheld))
        .collect();
    assert_eq!(
        told,
        [
            (Released::Pending, "USD", 1, 6938, 800),
            (Released::Reserve, "USD", 2, 1600, 0)
        ]
    );
}
