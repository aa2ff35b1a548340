//! Advances: whole captures before they are proven, for a fee, within limits.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use acquit::store::advance::{AdvanceError, Advanced, Bound, Request};
use futures_util::future::join_all;

use crate::stage::{Stage, day, money};
use crate::support::day::another;

/// Free captures, so that figures can be read; an advance costs 2 % and 10 % VAT on it.
const SETTINGS: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "UTC"
bank_account = "main"
advance_limit = { USD = "1000.00", KRW = "1000000" }
[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3
[[acquirer]]
name = "phone"
kind = "carrier"
contract = "net"
settles_within_days = 60
[[fee_schedule]]
name = "standard"
percentage = "0"
fixed = { USD = "0", KRW = "0" }
rounding = "half_even"
event = { advance_percentage = "2" }
vat = { event = "kr" }
[[vat_class]]
name = "kr"
kind = "added"
rate = "10"
"#;

const MERCHANTS: &str = r#"
[[merchant]]
name = "shop"
state = "active"
fee_schedule = "standard"
advance_limit = { USD = "600.00", KRW = "1000000" }
[[merchant]]
name = "roll"
state = "active"
fee_schedule = "standard"
advance_limit = { USD = "600.00" }
reserve = { percentage = "10", release_after_days = 30 }
refunds_from_reserve = true
[[merchant]]
name = "fixed"
state = "active"
fee_schedule = "standard"
advance_limit = { USD = "600.00" }
reserve = { fixed = { USD = "150.00" }, release_after_days = 30 }
[[merchant]]
name = "none"
state = "active"
fee_schedule = "standard"
[[merchant]]
name = "idle"
fee_schedule = "standard"
"#;

async fn stage(story: &str) -> Stage {
    let mut stage = Stage::of(&format!("{SETTINGS}{MERCHANTS}")).await;
    stage.tell(story).await;
    stage
}

async fn advance(stage: &Stage, merchant: &str, amount: &str, code: &str, on: &str) -> Advanced {
    let request = Request {
        merchant,
        up_to: money(amount, code),
        day: day(on),
    };
    let plan = stage
        .test
        .store
        .plan_advance(&stage.deployment, &request)
        .await
        .expect("a plan");
    let advanced = stage
        .test
        .store
        .advance(&stage.deployment, &request)
        .await
        .expect("an advance");
    assert_eq!(plan, advanced);
    advanced
}

/// Captures, payable, withheld, fee, VAT, outstanding; room and what bounds it.
fn told(advanced: &Advanced) -> (usize, String, Bound) {
    let figures = [
        advanced.payable,
        advanced.withheld,
        advanced.fee,
        advanced.vat,
        advanced.outstanding,
        advanced.room.0,
    ];
    (
        advanced.items,
        figures.map(|money| money.to_decimal_text()).join(" "),
        advanced.room.1,
    )
}

const SALES: &str = "sale p1 100.00 USD m=shop ref=A1 at=2026-03-01
    sale p2 200.00 USD m=shop ref=A2 at=2026-03-02
    sale p3 400.00 USD m=shop ref=A3 at=2026-03-03
    sale p4 50.00 USD m=shop ref=A4 at=2026-03-04";

#[tokio::test]
async fn whole_captures_oldest_first() {
    let mut stage = stage(SALES).await;
    let first = advance(&stage, "shop", "350.00", "USD", "2026-03-05").await;
    assert_eq!(
        told(&first),
        (2, "300.00 0.00 6.00 0.60 300.00 350.00".to_owned(), Bound::UpTo)
    );
    stage
        .tell("is shop USD 2010=450.00 2020=293.40 4050=6.00 2300=0.60")
        .await;
    // The same request on the same day is done once; more may be asked for.
    let again = advance(&stage, "shop", "350.00", "USD", "2026-03-05").await;
    assert_eq!(
        told(&again),
        (0, "0.00 0.00 0.00 0.00 300.00 50.00".to_owned(), Bound::UpTo)
    );
    // On another day it is another request; of the merchant's limit 300.00 are left.
    let next = advance(&stage, "shop", "350.00", "USD", "2026-03-06").await;
    assert_eq!(
        told(&next),
        (0, "0.00 0.00 0.00 0.00 300.00 300.00".to_owned(), Bound::MerchantLimit)
    );
    // The file proves them: nothing more is moved, and the limit is free again.
    stage
        .tell(
            "file north 2026-03-06
             Settled +100.00 USD ref=A1
             Settled +200.00 USD ref=A2
             is shop USD 1100=450.00 2010=450.00 2020=293.40",
        )
        .await;
    let next = advance(&stage, "shop", "500.00", "USD", "2026-03-06").await;
    assert_eq!(
        told(&next),
        (2, "450.00 0.00 9.00 0.90 450.00 500.00".to_owned(), Bound::UpTo)
    );
    stage
        .tell(
            "is shop USD 2010=0.00 2020=733.50
             file north 2026-03-07
             Settled +400.00 USD ref=A3
             Settled +50.00 USD ref=A4
             is shop USD 1100=0.00 2010=0.00 2020=733.50",
        )
        .await;
    // What was proven since counts for the day on which it was advanced.
    stage.tell("sale p5 50.01 USD m=shop ref=A5 at=2026-03-06").await;
    let same_day = advance(&stage, "shop", "500.00", "USD", "2026-03-06").await;
    assert_eq!(
        told(&same_day),
        (0, "0.00 0.00 0.00 0.00 0.00 50.00".to_owned(), Bound::UpTo)
    );
}

#[tokio::test]
async fn reserves_are_withheld_of_advances_too() {
    let mut stage = stage(
        "sale p1 100.00 USD m=roll ref=A1
         sale p2 100.00 USD m=fixed ref=A2
         sale p3 100.00 USD m=fixed ref=A3",
    )
    .await;
    let rolling = advance(&stage, "roll", "600.00", "USD", "2026-03-05").await;
    assert_eq!(told(&rolling).1, "100.00 10.00 2.00 0.20 100.00 600.00");
    // The fee comes first: 200.00 less 4.40 become available, 150.00 of them are withheld.
    let fixed = advance(&stage, "fixed", "600.00", "USD", "2026-03-05").await;
    assert_eq!(told(&fixed).1, "200.00 150.00 4.00 0.40 200.00 600.00");
    stage
        .tell(
            "is roll USD 2010=0.00 2020=87.80 2030=10.00
             is fixed USD 2010=0.00 2020=45.60 2030=150.00
             file north 2026-03-06
             Settled +100.00 USD ref=A1
             Settled +100.00 USD ref=A2
             Settled +100.00 USD ref=A3
             is roll USD 2020=87.80 2030=10.00
             is fixed USD 2020=45.60 2030=150.00",
        )
        .await;
    assert_eq!(
        stage.tranches("roll", "USD").await,
        ["2026-03-02 2026-04-01 10.00 0.00 0.00"]
    );
    assert_eq!(
        stage.tranches("fixed", "USD").await,
        ["2026-03-05 2026-04-04 150.00 0.00 0.00"]
    );
}

#[tokio::test]
async fn a_capture_withdrawn_after_its_advance_goes_back() {
    let mut stage = stage("sale p1 100.00 USD m=roll ref=A1").await;
    advance(&stage, "roll", "600.00", "USD", "2026-03-05").await;
    stage
        .tell(
            "capture_void p1 100.00 USD m=roll original=p1-capture at=2026-03-06
             is roll USD 1100=0.00 2010=-100.00 2020=87.80 2030=10.00
             release 2026-03-06
             is roll USD 2010=0.00 2020=-2.20 2030=0.00",
        )
        .await;
}

#[tokio::test]
async fn the_advance_of_a_phone_bill() {
    let mut stage = stage("sale p1 9100 KRW m=shop ref=A1 acq=phone").await;
    let advanced = advance(&stage, "shop", "10000", "KRW", "2026-03-10").await;
    assert_eq!(told(&advanced).1, "9100 0 182 18 9100 10000");
    stage
        .tell(
            "is shop KRW 1130=9100 2010=0 2020=8900 4050=182 2300=18
             file phone 2026-04-30
             Settled +9100 KRW ref=A1
             is shop KRW 1130=0 2010=0 2020=8900",
        )
        .await;
}

#[tokio::test]
async fn less_than_what_was_advanced_stays_a_break() {
    let mut stage = stage("sale p1 100.00 USD m=shop ref=A1").await;
    advance(&stage, "shop", "600.00", "USD", "2026-03-05").await;
    stage
        .tell(
            "file north 2026-03-06 breaks=AMOUNT_MISMATCH
             Settled +90.00 USD ref=A1
             is shop USD 1100=0.00 1900=10.00 2010=0.00 2020=97.80",
        )
        .await;
}

#[tokio::test]
async fn who_may_not_is_refused() {
    let stage = stage("sale p1 100.00 USD m=none ref=A1\nsale p2 100.00 USD m=idle ref=A2").await;
    let none = advance(&stage, "none", "600.00", "USD", "2026-03-05").await;
    assert_eq!(
        told(&none),
        (0, "0.00 0.00 0.00 0.00 0.00 0.00".to_owned(), Bound::MerchantLimit)
    );
    let refused = async |merchant: &str, on: &str| {
        let request = Request {
            merchant,
            up_to: money("1.00", "USD"),
            day: day(on),
        };
        let refused: AdvanceError = stage
            .test
            .store
            .advance(&stage.deployment, &request)
            .await
            .expect_err("a refusal");
        refused.to_string()
    };
    assert_eq!(refused("idle", "2026-03-05").await, "merchant `idle` is not active");
    assert_eq!(
        refused("nobody", "2026-03-05").await,
        "merchant `nobody` is not in the settings"
    );
    assert_eq!(
        refused("shop", "2025-03-05").await,
        "no settings are in force on 2025-03-05"
    );
}

#[tokio::test]
async fn many_at_once_stay_within_the_limits() {
    let mut story = String::new();
    for number in 0..60 {
        let merchant = ["shop", "roll", "fixed"][number % 3];
        story += &format!("sale p{number} 60.00 USD m={merchant} ref=A{number}\n");
    }
    let stage = stage(&story).await;
    // Every merchant on seven days at once: 600.00 a merchant, and 1000.00 for all of them, which is 16 captures.
    let runs = (0..21).map(|number| {
        let stage = &stage;
        async move {
            let store = another(&stage.test.url, 1).await;
            let request = Request {
                merchant: ["shop", "roll", "fixed"][number % 3],
                up_to: money("300.00", "USD"),
                day: day(&format!("2026-03-{:02}", 10 + number / 3)),
            };
            store
                .advance(&stage.deployment, &request)
                .await
                .expect("an advance")
                .items
        }
    });
    let items: usize = join_all(runs).await.into_iter().sum();
    assert_eq!(items, 16);
    let outstanding = "select merchant, count(*) from open_item join book on book.id = book_id
        where advanced is not null and matures group by merchant";
    let rows = stage.test.admin.query(outstanding, &[]).await.expect("advanced items");
    let each: Vec<i64> = rows.iter().map(|row| row.get(1)).collect();
    assert!(each.iter().all(|count| *count <= 10), "{each:?}");
    assert_eq!(each.iter().sum::<i64>(), 16);
    stage.holds().await;
}
