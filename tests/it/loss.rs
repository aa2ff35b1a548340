//! Losses: what a merchant owes is given up by two people, and comes back where it comes to money. Figures are worked out by hand.

use acquit::money::Money;
use acquit::store::audit::prove;
use acquit::store::loss::{Loss, LossError, Outcome, Reason, Recovery, Request};
use futures_util::future::join_all;

use crate::availability::SETTINGS;
use crate::desk::Desk;
use crate::stage::{Stage, currency, day, money};
use crate::support::day::another;

/// A capture of 80.00 became available, less its fee of 2.62, and was charged back.
async fn owing() -> Stage {
    Stage::told(
        SETTINGS,
        "sale p1 80.00 USD ref=A1
         sale r1 80.00 USD m=roll ref=R1
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         Settled +80.00 USD ref=R1
         chargeback p1 80.00 USD ref=C1
         chargeback r1 80.00 USD m=roll ref=C2
         is plain USD 2020=-2.62 5060=0.00
         is roll USD 2020=-10.62 2030=8.00",
    )
    .await
}

fn request(merchant: &'static str, amount: &str) -> Request<'static> {
    Request {
        merchant,
        currency: currency("USD"),
        amount: (!amount.is_empty()).then(|| money(amount, "USD")),
        reason: Reason::Insolvent,
        note: "letter of the receiver, file 7",
        by: "ann",
        day: day("2026-03-10"),
    }
}

/// The loss as one line, or what is said instead.
fn told(loss: &Result<Loss, LossError>) -> String {
    match loss {
        Ok(loss) => format!("{} {} {}", loss.money, loss.reason, loss.state),
        Err(error) => error.to_string(),
    }
}

async fn plan(stage: &Stage, request: &Request<'_>, expected: &str) -> i64 {
    let planned = stage.test.store.plan_loss(request).await;
    assert_eq!(told(&planned), expected);
    planned.map_or(0, |loss| loss.id)
}

async fn recover(stage: &Stage, id: i64, amount: Option<&str>, expected: &str) -> i64 {
    let recovery = Recovery {
        id,
        amount,
        note: "sold again",
        by: "ann",
        day: day("2026-04-01"),
    };
    let planned = stage.test.store.plan_recovery(&recovery).await;
    assert_eq!(told(&planned), expected);
    planned.map_or(0, |loss| loss.id)
}

/// Shows and does; both say the same.
async fn approve(stage: &Stage, id: i64, by: &str, on: &str, expected: &str) {
    let told = |outcome: &Result<Outcome, LossError>| match outcome {
        Ok(outcome) => format!("{} {}", outcome.new, outcome.loss.state),
        Err(error) => error.to_string(),
    };
    let store = &stage.test.store;
    let plan = store.plan_loss_approval(id, by, day(on)).await;
    let approved = store.approve_loss(id, by, day(on)).await;
    assert_eq!((told(&plan).as_str(), told(&approved).as_str()), (expected, expected));
}

#[tokio::test]
async fn a_debt_is_given_up_by_two_people() {
    let mut stage = owing().await;
    let owes = "the merchant owes 2.62 USD beyond what it has pending, in reserve and on hold";
    plan(&stage, &request("plain", "2.63"), owes).await;
    plan(&stage, &request("nobody", ""), "merchant `nobody` has no book").await;
    plan(
        &stage,
        &request("day", ""),
        "a loss, and what comes back of one, is of more than zero",
    )
    .await;
    let id = plan(&stage, &request("plain", ""), "2.62 USD insolvent planned").await;
    let waiting = format!("{id} is planned for the merchant in USD and waits");
    plan(&stage, &request("plain", "1.00"), &waiting).await;
    stage.tell("is plain USD 2020=-2.62 5060=0.00").await;

    let ann = "ann planned it; somebody else has to approve it";
    approve(&stage, id, "ann", "2026-03-11", ann).await;
    let before = "what was planned on 2026-03-10 cannot be booked on 2026-03-09";
    approve(&stage, id, "bob", "2026-03-09", before).await;
    approve(&stage, 99, "bob", "2026-03-11", "there is no loss 99").await;
    let plan_only = stage.test.store.plan_loss_approval(id, "bob", day("2026-03-11")).await;
    assert!(plan_only.expect("a plan").new);
    stage.tell("is plain USD 2020=-2.62 5060=0.00").await;
    let booked = stage.test.store.approve_loss(id, "bob", day("2026-03-11")).await;
    let booked = booked.expect("booked").loss;
    assert_eq!(
        (booked.approved_by.as_deref(), booked.planned_by.as_str()),
        (Some("bob"), "ann")
    );
    stage.tell("is plain USD 2020=0.00 5060=2.62").await;
    approve(&stage, id, "eve", "2026-03-12", "false booked").await;
    let cancelled = stage.test.store.cancel_loss(id).await;
    assert_eq!(
        cancelled.map_err(|error| error.to_string()).map(|outcome| outcome.new),
        Err(format!("{id} is booked"))
    );
    // The entry says who, why and where the evidence is.
    let details = "select details from entry where kind = 32";
    let row = stage.test.admin.query_one(details, &[]).await.expect("the entry");
    assert_eq!(
        row.get::<_, &str>(0),
        r#"{"approved_by":"bob","note":"letter of the receiver, file 7","planned_by":"ann","reason":"insolvent"}"#
    );
    // What it owes beyond its reserve only: 10.62 - 8.00.
    plan(&stage, &request("roll", "10.62"), owes).await;
    plan(&stage, &request("roll", ""), "2.62 USD insolvent planned").await;
}

#[tokio::test]
async fn what_comes_back_is_taken_of_what_is_available() {
    let mut stage = owing().await;
    let id = plan(&stage, &request("plain", ""), "2.62 USD insolvent planned").await;
    recover(
        &stage,
        id,
        None,
        &format!("{id} is planned: only what is booked as a loss can come back"),
    )
    .await;
    approve(&stage, id, "bob", "2026-03-11", "true booked").await;
    recover(
        &stage,
        id,
        None,
        "a loss, and what comes back of one, is of more than zero",
    )
    .await;
    recover(&stage, id, Some("1.00"), "only 0.00 USD is available to the merchant").await;
    // 10.00 less 0.29 and 0.30.
    stage
        .tell(
            "sale p2 10.00 USD ref=A2 at=2026-03-12
             file north 2026-03-13 breaks=MISSING_IN_FILE:2
             Settled +10.00 USD ref=A2
             is plain USD 2020=9.41 5060=2.62",
        )
        .await;
    recover(
        &stage,
        id,
        Some("2.63"),
        &format!("only 2.62 USD of loss {id} has not come back"),
    )
    .await;
    let first = recover(&stage, id, Some("1.00"), "1.00 USD recovered planned").await;
    approve(
        &stage,
        first,
        "ann",
        "2026-04-02",
        "ann planned it; somebody else has to approve it",
    )
    .await;
    approve(&stage, first, "bob", "2026-04-02", "true booked").await;
    stage.tell("is plain USD 2020=8.41 5060=1.62").await;
    let rest = recover(&stage, id, None, "1.62 USD recovered planned").await;
    let cancelled = stage.test.store.cancel_loss(rest).await.expect("cancelled");
    assert!(cancelled.new && !stage.test.store.cancel_loss(rest).await.expect("cancelled").new);
    approve(&stage, rest, "bob", "2026-04-02", &format!("{rest} is cancelled")).await;
    let rest = recover(&stage, id, None, "1.62 USD recovered planned").await;
    approve(&stage, rest, "bob", "2026-04-02", "true booked").await;
    stage.tell("is plain USD 2020=6.79 5060=0.00").await;
    recover(
        &stage,
        id,
        None,
        "a loss, and what comes back of one, is of more than zero",
    )
    .await;
    let of_a_recovery = format!("{rest} is a recovery: only what is booked as a loss can come back");
    recover(&stage, rest, None, &of_a_recovery).await;
    let all = stage.test.store.losses(Some("plain"), true).await.expect("losses");
    let shown: Vec<(Money, Money, &str)> = all
        .iter()
        .map(|loss| (loss.money, loss.recovered, loss.state.as_str()))
        .collect();
    let usd = |text| money(text, "USD");
    assert_eq!(
        shown,
        [
            (usd("2.62"), usd("2.62"), "booked"),
            (usd("1.00"), usd("0.00"), "booked"),
            (usd("1.62"), usd("0.00"), "cancelled"),
            (usd("1.62"), usd("0.00"), "booked"),
        ]
    );
    assert_eq!(stage.test.store.losses(None, false).await.expect("losses"), []);
}

#[tokio::test]
async fn what_has_changed_since_the_plan_is_asked_again() {
    let mut stage = owing().await;
    let id = plan(&stage, &request("plain", "2.00"), "2.00 USD insolvent planned").await;
    // 2.62 less 1.35 that waits for its settlement.
    stage
        .tell("sale p2 1.70 USD ref=A2 at=2026-03-10\nis plain USD 2010=1.35 2020=-2.62")
        .await;
    let less = "the merchant owes 1.27 USD beyond what it has pending, in reserve and on hold";
    approve(&stage, id, "bob", "2026-03-11", less).await;
    stage.test.store.cancel_loss(id).await.expect("cancelled");
    let id = plan(&stage, &request("plain", ""), "1.27 USD insolvent planned").await;
    // Whoever approves it at once with others books it once.
    let approvals = ["bob", "eve", "joe", "sue"].map(|by| {
        let url = stage.test.url.clone();
        async move {
            let store = another(&url, 1).await;
            store.approve_loss(id, by, day("2026-03-11")).await.expect("booked").new
        }
    });
    let new = join_all(approvals).await.into_iter().filter(|new| *new).count();
    assert_eq!(new, 1);
    stage.tell("is plain USD 2010=1.35 2020=-1.35 5060=1.27").await;
}

#[tokio::test]
async fn the_database_holds_what_two_people_are() {
    let stage = owing().await;
    let id = plan(&stage, &request("plain", ""), "2.62 USD insolvent planned").await;
    let refused = async |change: &str, constraint: &str| {
        let sql = format!("update loss set {change} where id = {id}");
        let error = stage.test.admin.batch_execute(&sql).await.expect_err("a refusal");
        let named = error
            .as_db_error()
            .and_then(|error| error.constraint().map(str::to_owned));
        assert_eq!(named.as_deref(), Some(constraint), "{change}");
    };
    refused("state = 'booked', number = 1, approved_by = 'ann'", "loss_two_people").await;
    refused("state = 'booked', number = 1", "loss_approved").await;
    refused("state = 'booked', approved_by = 'bob'", "loss_booked").await;
    refused("recovered = 1", "loss_recovered").await;
    refused("reason = 'recovered'", "loss_reason").await;
    refused("reason = 'bored'", "loss_reason").await;
    approve(&stage, id, "bob", "2026-03-11", "true booked").await;
    refused("recovered = 263", "loss_recovered").await;
    for damage in ["amount = amount + 1", "recovered = 1", "number = 1"] {
        let undo = format!("update loss set {damage} where id = {id}");
        let before = "create temp table kept as select * from loss";
        let after = "delete from loss; insert into loss overriding system value select * from kept; drop table kept";
        stage
            .test
            .admin
            .batch_execute(&format!("{before}; {undo}"))
            .await
            .expect("damage");
        let proven = prove(&stage.test.store, None, |_| ())
            .await
            .expect("a proof")
            .expect("books");
        let seen: Vec<&str> = proven
            .audits
            .iter()
            .filter(|result| result.offenders > 0)
            .map(|result| result.audit.name)
            .collect();
        assert_eq!(seen, ["losses"], "{damage}");
        stage.test.admin.batch_execute(after).await.expect("undone");
    }
    stage.holds().await;
}

#[tokio::test]
async fn the_command_plans_approves_and_lists() {
    let stage = owing().await;
    let desk = Desk::on(stage.test);
    let run = |arguments: &str, code: i32, said: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let ran = desk.run(&arguments);
        assert_eq!(ran.code, code, "{} {}", ran.out, ran.err);
        assert!(
            ran.out.contains(said) || ran.err.contains(said),
            "{} {}",
            ran.out,
            ran.err
        );
        ran
    };
    let plan = "loss plan --merchant plain --currency USD --note file-7 --by ann --on 2026-03-10 --reason";
    run(
        &format!("{plan} bored"),
        1,
        "one of insolvent, untraceable, uneconomic, settled",
    );
    run(&format!("{plan} insolvent"), 0, "Loss: planned, nothing was booked");
    let listed = run("--format json loss list", 0, "planned").rows();
    assert_eq!((listed.len(), &listed[0]["amount"]), (1, &"2.62".into()));
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    run(
        &format!("loss approve {id} --by ann --execute"),
        1,
        "somebody else has to approve it",
    );
    run(&format!("loss approve {id} --by bob"), 0, "plan, nothing was booked");
    run(&format!("loss approve {id} --by bob --execute"), 0, "Loss: booked");
    run(
        &format!("loss approve {id} --by bob --execute"),
        0,
        "booked before, nothing was done",
    );
    run(
        &format!("loss recover {id} --note x --by ann --amount 1.00"),
        1,
        "only 0.00 USD is available",
    );
    run(&format!("loss cancel {id}"), 1, "is booked");
    let statement = run("--format json report statement --merchant plain", 0, "loss").rows();
    let row = statement
        .iter()
        .find(|row| row["movement"] == "loss")
        .expect("a movement");
    assert_eq!(row["credit"], "2.62", "{row}");
}
