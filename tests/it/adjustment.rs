//! Adjustments of a merchant's balance: proposed by one, approved by another, exactly as proposed. Figures are worked out by hand.

use acquit::money::Money;
use acquit::store::adjustment::{Adjustment, AdjustmentError, Decision, Outcome, Reason, Request};
use acquit::store::audit::prove;
use acquit::store::period;
use futures_util::future::join_all;

use crate::availability::SETTINGS;
use crate::desk::Desk;
use crate::stage::{Stage, currency, day, money};
use crate::support::day::another;

/// A merchant to whom 77.38 is available.
async fn stage() -> Stage {
    Stage::told(
        SETTINGS,
        "sale p1 80.00 USD ref=A1
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         is plain USD 2020=77.38 5080=0.00",
    )
    .await
}

fn request(amount: &str, reason: Reason) -> Request<'static> {
    let (sign, text) = amount.split_at(1);
    let size = money(text, "USD").minor();
    let minor = if sign == "-" { size.saturating_neg() } else { size };
    Request {
        merchant: "plain",
        money: Money::from_minor(minor, currency("USD")),
        reason,
        evidence: "https://desk.example/4711",
        note: "charged twice in February",
        by: "ann",
        day: day("2026-03-10"),
        reference: Some("ticket-4711"),
    }
}

fn by(id: i64, by: &'static str, on: &str) -> Decision<'static> {
    Decision {
        id,
        content: None,
        by,
        day: day(on),
    }
}

/// Whether something new was done and the state it left, or what is said instead.
fn told(outcome: &Result<Outcome, AdjustmentError>) -> String {
    match outcome {
        Ok(Outcome { adjustment, new }) => format!("{new} {} {}", adjustment.money, adjustment.state),
        Err(error) => error.to_string(),
    }
}

async fn propose(stage: &Stage, request: &Request<'_>, expected: &str) -> Option<Adjustment> {
    let proposed = stage.test.store.propose_adjustment(request).await;
    assert_eq!(told(&proposed), expected);
    proposed.ok().map(|outcome| outcome.adjustment)
}

/// Shows and does; both say the same.
async fn approve(stage: &Stage, decision: Decision<'_>, expected: &str) {
    let plan = stage.test.store.plan_adjustment(decision).await;
    let approved = stage.test.store.approve_adjustment(decision).await;
    assert_eq!((told(&plan).as_str(), told(&approved).as_str()), (expected, expected));
}

#[tokio::test]
async fn two_people_adjust_a_balance_once() {
    let mut stage = stage().await;
    let credit = request("+5.00", Reason::FeeCorrection);
    let proposed = propose(&stage, &credit, "true 5.00 USD proposed").await.expect("one");
    propose(&stage, &credit, "false 5.00 USD proposed").await;
    let id = proposed.id;
    let conflict = format!("reference `ticket-4711` was used before for something else (adjustment {id})");
    for other in [
        request("+5.01", Reason::FeeCorrection),
        request("+5.00", Reason::Goodwill),
        Request {
            note: "other",
            ..credit.clone()
        },
        Request {
            evidence: "other",
            ..credit.clone()
        },
        Request {
            by: "eve",
            ..credit.clone()
        },
        Request {
            day: day("2026-03-11"),
            ..credit.clone()
        },
    ] {
        propose(&stage, &other, &conflict).await;
    }
    stage.tell("is plain USD 2020=77.38 5080=0.00").await;
    let proposer = "ann proposed it; somebody else has to approve it";
    approve(&stage, by(id, "ann", "2026-03-11"), proposer).await;
    let before = "what was proposed on 2026-03-10 cannot be decided on 2026-03-09";
    approve(&stage, by(id, "bob", "2026-03-09"), before).await;
    approve(&stage, by(99, "bob", "2026-03-11"), "there is no adjustment 99").await;
    let other = Decision {
        content: Some(&[0; 8]),
        ..by(id, "bob", "2026-03-11")
    };
    let digest = acquit::audit::export::hex(&proposed.content);
    approve(
        &stage,
        other,
        &format!("adjustment {id} is another one: its digest is {digest}"),
    )
    .await;
    stage.tell("is plain USD 2020=77.38 5080=0.00").await;

    // Whoever approves it at once with others books it once.
    let content = &proposed.content[..8];
    let approvals = ["bob", "eve", "joe", "sue"].map(|name| {
        let url = stage.test.url.clone();
        async move {
            let store = another(&url, 1).await;
            let decision = Decision {
                content: Some(content),
                ..by(id, name, "2026-03-11")
            };
            store.approve_adjustment(decision).await.expect("booked").new
        }
    });
    let new = join_all(approvals).await.into_iter().filter(|new| *new).count();
    assert_eq!(new, 1);
    stage.tell("is plain USD 2020=82.38 5080=5.00").await;
    propose(&stage, &credit, "false 5.00 USD booked").await;

    // A charge takes what is there, and more.
    let charge = Request {
        reference: None,
        ..request("-90.00", Reason::Penalty)
    };
    let id = propose(&stage, &charge, "true -90.00 USD proposed")
        .await
        .expect("one")
        .id;
    assert_eq!(
        propose(&stage, &charge, "false -90.00 USD proposed")
            .await
            .expect("one")
            .id,
        id
    );
    approve(&stage, by(id, "bob", "2026-03-12"), "true -90.00 USD booked").await;
    approve(&stage, by(id, "eve", "2026-03-12"), "false -90.00 USD booked").await;
    stage.tell("is plain USD 2020=-7.62 5080=-85.00").await;
    stage.holds().await;
}

#[tokio::test]
async fn a_reason_is_one_for_its_direction() {
    let stage = stage().await;
    for (reason, credits, charges) in [
        (Reason::Goodwill, true, false),
        (Reason::Compensation, true, false),
        (Reason::FeeCorrection, true, true),
        (Reason::Agreement, true, true),
        (Reason::Mistake, true, true),
        (Reason::Penalty, false, true),
    ] {
        for (amount, allowed, word) in [("+1.00", credits, "credit"), ("-1.00", charges, "charge")] {
            let request = Request {
                reference: None,
                ..request(amount, reason)
            };
            let expected = if allowed {
                format!("true {} proposed", request.money)
            } else {
                format!("{} is no reason to {word} a merchant 1.00 USD", reason.name())
            };
            propose(&stage, &request, &expected).await;
        }
        assert_eq!(reason.name().parse(), Ok(reason));
    }
    let nothing = "agreement is no reason to credit a merchant 0.00 USD";
    propose(&stage, &request("+0.00", Reason::Agreement), nothing).await;
    let nobody = Request {
        merchant: "nobody",
        ..request("+1.00", Reason::Agreement)
    };
    propose(&stage, &nobody, "merchant `nobody` has no book").await;
}

#[tokio::test]
async fn what_is_rejected_is_never_booked() {
    let mut stage = stage().await;
    let credit = request("+5.00", Reason::Goodwill);
    let id = propose(&stage, &credit, "true 5.00 USD proposed")
        .await
        .expect("one")
        .id;
    let store = &stage.test.store;
    // Who proposed it may, too.
    for expected in ["true 5.00 USD rejected", "false 5.00 USD rejected"] {
        let rejected = store
            .reject_adjustment(by(id, "ann", "2026-03-11"), "wrong merchant")
            .await;
        assert_eq!(told(&rejected), expected);
        assert_eq!(
            rejected.expect("one").adjustment.rejection.as_deref(),
            Some("wrong merchant")
        );
    }
    approve(
        &stage,
        by(id, "bob", "2026-03-12"),
        &format!("adjustment {id} is rejected"),
    )
    .await;
    propose(&stage, &credit, "false 5.00 USD rejected").await;
    let again = Request {
        reference: Some("ticket-4711 again"),
        ..credit
    };
    let id = propose(&stage, &again, "true 5.00 USD proposed").await.expect("one").id;
    approve(&stage, by(id, "bob", "2026-03-12"), "true 5.00 USD booked").await;
    let late = stage
        .test
        .store
        .reject_adjustment(by(id, "eve", "2026-03-12"), "too late")
        .await;
    assert_eq!(told(&late), format!("adjustment {id} is booked"));
    stage.tell("is plain USD 2020=82.38 5080=5.00").await;
    let store = &stage.test.store;
    assert_eq!(store.adjustments(None, false).await.expect("a list"), []);
    assert_eq!(store.adjustments(Some("plain"), true).await.expect("a list").len(), 2);
    stage.holds().await;
}

#[tokio::test]
async fn what_was_decided_on_a_closed_day_is_booked_on_the_first_open_one() {
    let mut stage = stage().await;
    let id = propose(&stage, &request("+5.00", Reason::Agreement), "true 5.00 USD proposed")
        .await
        .expect("one")
        .id;
    let closed = period::Request {
        through: day("2026-03-15"),
        by: "clara",
        note: "complete",
    };
    stage.test.store.close_period(&closed).await.expect("closed");
    approve(&stage, by(id, "bob", "2026-03-12"), "true 5.00 USD booked").await;
    let booked = "select format('%s %s %s', kind, booking_date, happened_on) from entry order by book_id desc, number desc limit 1";
    let row = stage.test.admin.query_one(booked, &[]).await.expect("the entry");
    assert_eq!(row.get::<_, &str>(0), "40 2026-03-16 2026-03-12");
    stage.tell("is plain USD 2020=82.38 5080=5.00").await;
    stage.holds().await;
}

#[tokio::test]
async fn the_database_holds_what_two_people_are() {
    let stage = stage().await;
    let id = propose(&stage, &request("+5.00", Reason::Mistake), "true 5.00 USD proposed")
        .await
        .expect("one")
        .id;
    let refused = async |change: &str, constraint: &str| {
        let sql = format!("update adjustment set {change} where id = {id}");
        let error = stage.test.admin.batch_execute(&sql).await.expect_err("a refusal");
        let named = error
            .as_db_error()
            .and_then(|error| error.constraint().map(str::to_owned));
        assert_eq!(named.as_deref(), Some(constraint), "{change}");
    };
    let approved = "state = 'booked', number = 1, decided_on = '2026-03-11', decided_by";
    refused(
        &format!("{approved} = 'ann', decided = content"),
        "adjustment_two_people",
    )
    .await;
    refused(&format!("{approved} = 'bob'"), "adjustment_decided").await;
    let other = format!("{approved} = 'bob', decided = sha256('other')");
    refused(&other, "adjustment_as_proposed").await;
    let early = format!("{} = 'bob', decided = content", approved.replace("03-11", "03-09"));
    refused(&early, "adjustment_decided").await;
    let without = format!("{} = 'bob', decided = content", approved.replace("number = 1, ", ""));
    refused(&without, "adjustment_booked").await;
    let silent = format!(
        "{} = 'bob', decided = content",
        approved.replace("booked', number = 1", "rejected'")
    );
    refused(&silent, "adjustment_rejected").await;
    refused("reason = 'bored'", "adjustment_reason").await;
    refused("reason = 'penalty'", "adjustment_reason").await;
    refused("amount = 0", "adjustment_amount").await;

    // What is not as it was proposed is not booked, and the audit sees it.
    let damage = async |sql: &str| stage.test.admin.batch_execute(sql).await.expect("damage");
    damage("update adjustment set amount = amount + 1").await;
    let changed = format!("adjustment {id} is not what was proposed any more: its digest is that of something else");
    approve(&stage, by(id, "bob", "2026-03-11"), &changed).await;
    damage("update adjustment set amount = amount - 1").await;
    approve(&stage, by(id, "bob", "2026-03-11"), "true 5.00 USD booked").await;
    for field in [
        "amount = amount + 1",
        "evidence = 'other'",
        "proposed_by = 'eve'",
        "number = 1",
    ] {
        let before = "create temp table kept as select * from adjustment";
        damage(&format!("{before}; update adjustment set {field} where id = {id}")).await;
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
        assert_eq!(seen, ["adjustments"], "{field}");
        damage(
            "update adjustment set amount = kept.amount, evidence = kept.evidence, proposed_by = kept.proposed_by, number = kept.number
             from kept where kept.id = adjustment.id; drop table kept",
        )
        .await;
    }
    stage.holds().await;
}

#[tokio::test]
async fn the_command_proposes_approves_and_lists() {
    let stage = stage().await;
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
    let propose =
        "adjust propose --merchant plain --currency USD --evidence ticket-1 --note n --by ann --on 2026-03-10";
    run(
        &format!("{propose} --reason bored --credit 1.00"),
        1,
        "one of goodwill, compensation",
    );
    run(
        &format!("{propose} --reason goodwill --charge 1.00"),
        1,
        "goodwill is no reason to charge",
    );
    run(
        &format!("{propose} --reason goodwill --credit 1.001"),
        1,
        "--credit is refused",
    );
    run(
        &format!("{propose} --reason goodwill --credit 1.00"),
        0,
        "Adjustment: proposed, nothing was booked",
    );
    run(
        &format!("{propose} --reason goodwill --credit 1.00"),
        0,
        "proposed before, nothing was done",
    );
    let listed = run("--format json adjust list", 0, "proposed").rows();
    assert_eq!((listed.len(), &listed[0]["amount"]), (1, &"1.00".into()));
    let text = |column: &str| listed[0][column].as_str().expect("a text").to_owned();
    let (id, content) = (text("id"), text("content"));
    run(
        &format!("adjust approve {id} --by ann --execute"),
        1,
        "somebody else has to approve it",
    );
    run(
        &format!("adjust approve {id} --by bob --content 0011223344556677"),
        1,
        "is another one",
    );
    run(
        &format!("adjust approve {id} --by bob --content {}", &content[..16]),
        0,
        "plan, nothing was booked",
    );
    run(
        &format!("adjust approve {id} --by bob --execute"),
        0,
        "Adjustment: booked",
    );
    run(
        &format!("adjust approve {id} --by bob --execute"),
        0,
        "booked before, nothing was done",
    );
    run(&format!("adjust reject {id} --by bob --note late"), 1, "is booked");
    let statement = run("--format json report statement --merchant plain", 0, "adjustment").rows();
    let row = statement
        .iter()
        .find(|row| row["movement"] == "adjustment")
        .expect("a line of its own");
    assert_eq!(row["credit"], "1.00", "{row}");
}
