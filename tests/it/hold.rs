//! Holds: placed once, of what is available, released once.

use acquit::store::hold::{HoldError, Outcome, Request};
use futures_util::future::join_all;

use crate::availability::SETTINGS;
use crate::stage::{Stage, day, money};
use crate::support::day::another;

/// 77.38 USD available to `plain`.
async fn stage() -> Stage {
    let mut stage = Stage::of(SETTINGS).await;
    stage
        .tell("sale p1 80.00 USD ref=A1\nfile north 2026-03-03\nSettled +80.00 USD ref=A1")
        .await;
    stage
}

fn request(amount: &str) -> Request<'static> {
    Request {
        merchant: "plain",
        money: money(amount, "USD"),
        reason: "a complaint",
        owner: "ann",
        expires_on: None,
        day: day("2026-03-04"),
        reference: None,
    }
}

async fn place(stage: &Stage, request: &Request<'_>) -> Result<Outcome, HoldError> {
    let plan = stage.test.store.plan_hold(request).await;
    let placed = stage.test.store.place_hold(request).await;
    let told = |outcome: &Result<Outcome, HoldError>| match outcome {
        Ok(outcome) => format!("{} {} {:?}", outcome.new, outcome.hold.money, outcome.hold.number),
        Err(error) => error.to_string(),
    };
    assert_eq!(told(&plan), told(&placed));
    placed
}

#[tokio::test]
async fn a_hold_sets_available_money_aside_until_it_is_released() {
    let mut stage = stage().await;
    let hold = place(&stage, &request("50.00")).await.expect("a hold");
    assert!(hold.new);
    assert_eq!(
        (
            hold.hold.reason.as_str(),
            hold.hold.owner.as_str(),
            hold.hold.expires_on
        ),
        ("a complaint", "ann", None)
    );
    let details = "select details from entry where kind = 25";
    let row = stage.test.admin.query_one(details, &[]).await.expect("the entry");
    assert_eq!(
        row.get::<_, &str>(0),
        r#"{"expires_on":null,"owner":"ann","reason":"a complaint"}"#
    );
    stage.tell("is plain USD 2020=27.38 2040=50.00").await;
    // The same again is the same.
    let again = place(&stage, &request("50.00")).await.expect("the hold");
    assert_eq!((again.new, again.hold.id), (false, hold.hold.id));
    // An equal one has a reference.
    let mut other = request("20.00");
    other.reference = Some("case-7");
    let other = place(&stage, &other).await.expect("a hold");
    stage.tell("is plain USD 2020=7.38 2040=70.00").await;
    assert_eq!(stage.test.store.holds(None, false).await.expect("holds").len(), 2);

    let on = day("2026-03-05");
    let plan = stage.test.store.plan_hold_release(hold.hold.id, "bob", on).await;
    let released = stage
        .test
        .store
        .release_hold(hold.hold.id, "bob", on)
        .await
        .expect("released");
    assert_eq!(plan.expect("a plan"), released);
    assert!(released.new && released.hold.released.as_ref().is_some_and(|(_, by)| by == "bob"));
    stage.tell("is plain USD 2020=57.38 2040=20.00").await;
    let again = stage
        .test
        .store
        .release_hold(hold.hold.id, "eve", on)
        .await
        .expect("released");
    assert!(!again.new && again.hold.released == released.hold.released);
    // A hold that was released is not placed again by the same request.
    let replay = place(&stage, &request("50.00")).await.expect("the hold");
    assert!(!replay.new && replay.hold.released.is_some());
    stage.tell("is plain USD 2020=57.38 2040=20.00").await;
    let open = stage.test.store.holds(Some("plain"), false).await.expect("holds");
    assert_eq!(open.iter().map(|hold| hold.id).collect::<Vec<_>>(), [other.hold.id]);
    assert_eq!(stage.test.store.holds(None, true).await.expect("holds").len(), 2);
    assert_eq!(
        stage.test.store.holds(Some("roll"), true).await.expect("holds").len(),
        0
    );
}

#[tokio::test]
async fn a_hold_that_expires_is_released_on_its_day() {
    let mut stage = stage().await;
    for (amount, expires) in [
        ("10.00", "2026-03-10"),
        ("20.00", "2026-03-10"),
        ("30.00", "2026-03-11"),
    ] {
        let mut request = request(amount);
        request.expires_on = Some(day(expires));
        place(&stage, &request).await.expect("a hold");
    }
    stage
        .tell(
            "is plain USD 2020=17.38 2040=60.00
             release 2026-03-09
             is plain USD 2040=60.00
             release 2026-03-10
             is plain USD 2020=47.38 2040=30.00
             release 2026-03-11
             is plain USD 2020=77.38 2040=0.00",
        )
        .await;
    let entries = "select count(*) from entry where kind = 26";
    let row = stage.test.admin.query_one(entries, &[]).await.expect("a count");
    assert_eq!(row.get::<_, i64>(0), 2);
    assert!(stage.test.store.holds(None, false).await.expect("holds").is_empty());
}

#[tokio::test]
async fn what_cannot_be_held_is_refused() {
    let stage = stage().await;
    let refused = async |change: &dyn Fn(&mut Request<'static>)| {
        let mut request = request("10.00");
        change(&mut request);
        let refused = place(&stage, &request).await.expect_err("a refusal");
        refused.to_string()
    };
    assert_eq!(
        refused(&|request| request.money = money("77.39", "USD")).await,
        "only 77.38 USD is available"
    );
    assert_eq!(
        refused(&|request| request.money = money("1.00", "EUR")).await,
        "only 0.00 EUR is available"
    );
    assert_eq!(
        refused(&|request| request.money = money("0.00", "USD")).await,
        "a hold is of more than zero"
    );
    assert_eq!(
        refused(&|request| request.merchant = "nobody").await,
        "merchant `nobody` has no book"
    );
    assert_eq!(
        refused(&|request| request.expires_on = Some(day("2026-03-03"))).await,
        "a hold placed on 2026-03-04 cannot expire on 2026-03-03"
    );
    let (store, on) = (&stage.test.store, day("2026-03-04"));
    let unknown = store.release_hold(99, "bob", on).await;
    assert_eq!(unknown.expect_err("a refusal").to_string(), "there is no hold 99");
    // An event of the same name is something else, another hold is not.
    let mut named = request("10.00");
    named.reference = Some("p1-capture");
    let hold = place(&stage, &named).await.expect("a hold").hold;
    assert_eq!(
        refused(&|request| {
            request.reference = Some("p1-capture");
            request.owner = "bob";
        })
        .await,
        format!(
            "reference `p1-capture` was used before for something else (entry {})",
            hold.number
        )
    );
    let early = store.release_hold(hold.id, "bob", day("2026-03-03")).await;
    assert_eq!(
        early.expect_err("a refusal").to_string(),
        "a hold placed on 2026-03-04 cannot be released on 2026-03-03"
    );
    assert!(store.release_hold(hold.id, "bob", on).await.expect("released").new);
    stage.holds().await;
}

#[tokio::test]
async fn many_holds_at_once_never_take_more_than_there_is() {
    let stage = stage().await;
    let references: Vec<String> = (0..20).map(|number| format!("hold-{}", number % 10)).collect();
    let holds = references.iter().map(|reference| async {
        let store = another(&stage.test.url, 1).await;
        let mut request = request("10.00");
        request.reference = Some(reference);
        store.place_hold(&request).await
    });
    let outcomes = join_all(holds).await;
    // Seven of ten fit, each asked for twice.
    let new = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(outcome) if outcome.new))
        .count();
    assert_eq!(new, 7);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Ok(_) | Err(HoldError::Insufficient { .. })))
    );
    let balances = stage.balances("plain", "USD").await;
    assert_eq!((balances[&2020], balances[&2040]), (738, 7000));
    let open = stage.test.store.holds(None, false).await.expect("holds");
    let releases = open.iter().cycle().take(20).map(|hold| async {
        let store = another(&stage.test.url, 1).await;
        store
            .release_hold(hold.id, "bob", day("2026-03-05"))
            .await
            .expect("released")
    });
    let new = join_all(releases).await.iter().filter(|outcome| outcome.new).count();
    assert_eq!(new, 7);
    stage.holds().await;
}
