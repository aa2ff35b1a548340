//! One line of a settlement file: what it was matched with and why not, what it could be, and what people match by hand.
//!
//! Movements are worked out by hand: 80.00 cost the merchant 2.32 + 0.30, so 77.38 of them wait for their settlement line.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use acquit::recon::candidates::{Field, Tried};
use acquit::recon::matching::Pass;
use acquit::store::breaks::by_hand::{Confirmation, MatchError, Unmatched};
use acquit::store::breaks::{DeskError, Filter, Resolved, Said};
use acquit::store::reconcile::line::{Explained, LineError, LineName};
use acquit::store::reconcile::undo;
use chrono::NaiveDate;
use futures_util::future::join_all;

use crate::availability;
use crate::breaks::{balances, ids, moved, undone};
use crate::desk::Desk;
use crate::stage::Stage;

fn name(text: &str) -> LineName {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn explained(stage: &Stage, line: &str) -> Explained {
    let found = stage.test.store.explain_line(&stage.deployment, &name(line)).await;
    found.unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// What each pass found, as `4 p1-capture differs Amount`.
fn tried(explained: &Explained) -> Vec<String> {
    let name = |place: &usize| explained.items[*place].name.reference.clone();
    explained
        .tried
        .iter()
        .map(|(pass, tried)| {
            let found = match tried {
                Tried::NotStated(fields) => format!("not stated {fields:?}"),
                Tried::Nothing => "nothing".to_owned(),
                Tried::Differ(items) => items
                    .iter()
                    .map(|(place, fields)| format!("{} differs {fields:?}", name(place)))
                    .collect::<Vec<_>>()
                    .join(", "),
                Tried::Fit(places) => format!("fit {}", places.iter().map(name).collect::<Vec<_>>().join(" ")),
            };
            format!("{} {found}", pass.number())
        })
        .collect()
}

/// Of a file: a match, a difference, two that fit one line, a line nobody knows, another currency.
const STORY: &str = "sale p1 80.00 USD ref=A1
    sale p2 50.00 USD ref=A2
    sale p3 20.00 USD mref=twice
    sale p4 20.00 USD mref=twice
    sale p5 30.00 EUR ref=A5
    file north 2026-03-03 breaks=AMOUNT_MISMATCH,CURRENCY_MISMATCH,MISSING_IN_LEDGER:2
    Settled +80.00 USD ref=A1 scheme=0.20
    Settled +49.00 USD ref=A2
    Settled +20.00 USD mref=twice
    Settled +7.00 USD ref=A9 mref=p3
    Settled +30.00 USD ref=A5";

#[tokio::test]
async fn a_line_says_what_it_was_matched_with_or_why_it_was_not() {
    let stage = Stage::told(availability::SETTINGS, STORY).await;
    let first = explained(&stage, "file-1.csv:2").await;
    let matched = &first.matches[..];
    assert_eq!((matched.len(), first.breaks.len(), first.tried.len()), (1, 0, 0));
    assert_eq!(
        (matched[0].pass, matched[0].rules, matched[0].stands),
        (Pass::AcquirerReference, 3, true)
    );
    assert_eq!(matched[0].name.to_string(), "plain:p1-capture");
    assert_eq!(matched[0].gross.0, matched[0].gross.1);
    assert!(matched[0].by_hand.is_none());

    let second = explained(&stage, "file-1.csv:#2").await;
    let (of_item, of_line) = second.matches[0].gross;
    assert_eq!(
        (of_item.to_string(), of_line.to_string()),
        ("50.00 USD".to_owned(), "49.00 USD".to_owned())
    );
    assert_eq!(second.breaks[0].class, "AMOUNT_MISMATCH");

    // Two items fit by our reference: neither pass decides, and they are not the money of the line together.
    let third = explained(&stage, "file-1.csv:4").await;
    assert_eq!(third.breaks[0].class, "MISSING_IN_LEDGER");
    assert_eq!(
        tried(&third),
        [
            "1 not stated [AcquirerReference]",
            "2 not stated [Arn]",
            "3 not stated [Rrn, AuthCode]",
            "4 fit p3-capture p4-capture",
            "5 not stated [AuthCode, Card]",
            "6 p3-capture differs [Amount], p4-capture differs [Amount]",
        ]
    );
    let fourth = explained(&stage, "file-1.csv:5").await;
    assert_eq!(tried(&fourth)[0], "1 nothing");
    assert_eq!(tried(&fourth)[3], "4 nothing");
    let fifth = explained(&stage, "file-1.csv:6").await;
    assert_eq!(
        tried(&fifth)[0],
        format!("1 p5-capture differs {:?}", [Field::Currency])
    );
    // A row of the batch settles no item.
    let payout = explained(&stage, "file-1.csv:7").await;
    assert!(payout.tried.is_empty() && payout.matches.is_empty() && payout.breaks.is_empty());

    for (line, said) in [
        ("file-1.csv:99", "there is no line file-1.csv:99"),
        (
            "file-9.csv:2",
            "no settlement file has the name file-9.csv, or a digest that begins so",
        ),
    ] {
        let refused = stage
            .test
            .store
            .explain_line(&stage.deployment, &name(line))
            .await
            .expect_err("a refusal");
        assert_eq!(refused.to_string(), said);
        assert!(matches!(refused, LineError::Unknown(_) | LineError::File(_)));
    }
}

#[tokio::test]
async fn the_likeliest_items_are_suggested_first() {
    let mut stage = Stage::told(availability::SETTINGS, STORY).await;
    // 30 ours and equal, 30 the amount, 9 the next day: of both, the earlier entry first.
    let suggested = async |stage: &Stage, line: &str| -> Vec<String> {
        let (_, found) = stage
            .test
            .store
            .suggest_items(&name(line), 10)
            .await
            .expect("suggestions");
        found
            .iter()
            .map(|(item, suggestion)| format!("{} {}", item.name, suggestion.score))
            .collect()
    };
    let found = suggested(&stage, "file-1.csv:4").await;
    assert_eq!(found, ["plain:p3-capture 69", "plain:p4-capture 69"]);
    // What it is in another currency could not be booked.
    assert_eq!(suggested(&stage, "file-1.csv:6").await, Vec::<String>::new());
    stage
        .go_on("sale q1 7.00 USD mref=p33 m=roll at=2026-03-01\n sale q2 7.05 USD m=roll at=2026-03-03")
        .await;
    // 15 alike and the amount, two days: 15 + 30 + 8; a hundredth off, the same day: 20 + 10.
    let found = suggested(&stage, "file-1.csv:5").await;
    assert_eq!(found, ["roll:q1-capture 38", "roll:q2-capture 30"]);
}

#[test]
fn a_line_is_explained_on_the_command_line() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stage = runtime.block_on(Stage::told(availability::SETTINGS, STORY));
    let told = |args: &[&str]| {
        let output = stage.test.acquit().args(args).output().expect("acquit");
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        (output.status.success(), text)
    };
    let (fine, text) = told(&["match", "explain", "file-1.csv:2"]);
    assert!(fine, "{text}");
    for part in [
        "file-1.csv:2: matched by pass 1 (acquirer reference), rules 3",
        "plain:p1-capture",
        "payment p1",
        "1 day later; expected by",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let (fine, text) = told(&["match", "explain", "file-1.csv:3"]);
    assert!(fine && text.contains("differ by -1.00 USD: break"), "{text}");
    let (fine, text) = told(&["match", "explain", "file-1.csv:4", "--format", "json"]);
    assert!(fine, "{text}");
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let fourth = rows
        .iter()
        .find(|row| row["field"].as_str().is_some_and(|field| field.starts_with("pass 4")))
        .expect("pass 4");
    assert_eq!(
        fourth["finding"],
        "2 open items fit, nobody decides between them: plain:p3-capture, plain:p4-capture"
    );
    let (fine, text) = told(&["match", "suggest", "file-1.csv:4"]);
    assert!(
        fine && text.contains("merchant reference equal (+30), amount equal (+30), day 1 day apart (+9)"),
        "{text}"
    );
    let (fine, text) = told(&["match", "explain", "file-1.csv"]);
    assert!(!fine && text.contains("FILE:ROW"), "{text}");
}

/// Up to 1000.00 one person matches alone; `near` lets five cents pass.
const DESK: &str = r#"
[[acquirer]]
name = "near"
contract = "net"
settles_within_days = 3
tolerance = { USD = "0.05" }
[desk]
match_alone = { USD = "1000.00" }
"#;

const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 3, 20).expect("a day");

pub async fn stage() -> Stage {
    Stage::of(&format!("{}{DESK}", availability::SETTINGS)).await
}

fn said<'a>(by: &'a str, note: &'a str) -> Said<'a> {
    Said {
        by,
        note: Some(note),
        evidence: Some(&[7; 32]),
    }
}

pub async fn confirmed(stage: &Stage, line: &str, items: &[&str], by: &str) -> Result<Resolved, MatchError> {
    let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
    let line = name(line);
    let asked = Confirmation {
        line: &line,
        items: &items,
        said: said(by, "their mail says so"),
        day: TODAY,
    };
    let plan = stage.test.store.plan_match(&stage.deployment, &asked).await;
    let done = stage.test.store.confirm_match(&stage.deployment, &asked).await;
    match (&plan, &done) {
        (Ok(plan), Ok(done)) => assert_eq!(plan, done),
        (Err(plan), Err(done)) => assert_eq!(plan.to_string(), done.to_string()),
        _ => panic!("{plan:?}\n{done:?}"),
    }
    done
}

pub async fn unmatched(stage: &Stage, line: &str) -> Result<Unmatched, MatchError> {
    let undo = said("eve", "wrong");
    let plan = stage.test.store.plan_match_undo(&name(line), undo, TODAY).await;
    let done = stage.test.store.undo_match(&name(line), undo, TODAY).await;
    match (&plan, &done) {
        (Ok(plan), Ok(done)) => assert_eq!(plan, done),
        (Err(plan), Err(done)) => assert_eq!(plan.to_string(), done.to_string()),
        _ => panic!("{plan:?}\n{done:?}"),
    }
    done
}

/// The unresolved breaks, by class.
async fn open_breaks(stage: &Stage) -> Vec<String> {
    let breaks = stage.test.store.breaks(&Filter::unresolved()).await.expect("breaks");
    let mut classes: Vec<String> = breaks.into_iter().map(|found| found.class).collect();
    classes.sort_unstable();
    classes
}

/// Tells a story whose file is `file-1.csv`, matches a line by hand and finds these movements and breaks; the same again does
/// nothing; undoing it, twice, leaves what was there before; and it can be matched again.
async fn check(story: &str, line: &str, items: &[&str], expected: &[&str], left: &[&str]) -> Stage {
    let mut stage = stage().await;
    stage.tell(story).await;
    let (before, open) = (balances(&stage).await, undone(&stage).await);
    let breaks = open_breaks(&stage).await;
    for round in 0..2 {
        let done = confirmed(&stage, line, items, "ann").await.expect("a match");
        assert!(done.booked && done.new, "{story}");
        assert_eq!(moved(&stage, &before).await, expected, "{round}: {story}");
        assert_eq!(open_breaks(&stage).await, left, "{story}");
        stage.holds().await;
        let again = confirmed(&stage, line, items, "ann").await.expect("the same");
        assert_eq!((again.new, again.plan), (false, done.plan));
        let explained = explained(&stage, line).await;
        let standing: Vec<_> = explained.matches.iter().filter(|matched| matched.stands).collect();
        assert_eq!(standing.len(), items.len());
        assert!(standing.iter().all(|matched| matched.pass == Pass::ByHand));
        assert_eq!(explained.matches.len(), items.len() * (round + 1));
        let undo = unmatched(&stage, line).await.expect("undone");
        assert_eq!((undo.new, undo.items.len()), (true, items.len()));
        assert_eq!(moved(&stage, &before).await, Vec::<String>::new(), "undone: {story}");
        assert_eq!(undone(&stage).await, open, "undone: {story}");
        assert_eq!(open_breaks(&stage).await, breaks, "undone: {story}");
        stage.holds().await;
        assert!(!unmatched(&stage, line).await.expect("the same").new);
    }
    stage
}

#[tokio::test]
async fn a_line_is_matched_by_hand_as_its_file_would_have_been() {
    let story = "sale p1 80.00 USD
        file north 2026-03-03 breaks=MISSING_IN_LEDGER
        Settled +80.00 USD ref=A9 scheme=0.20";
    let house = ["house 1110 -79.80", "house 2900 -80.00", "house 5020 -0.20"];
    let of = |rest: &[&'static str]| {
        let mut all = [&house[..], rest].concat();
        all.sort_unstable();
        all
    };
    check(
        story,
        "file-1.csv:2",
        &["p1-capture"],
        &of(&[
            "plain 1100 -80.00",
            "plain 1110 +79.80",
            "plain 2010 -77.38",
            "plain 2020 +77.38",
            "plain 5020 +0.20",
        ]),
        &[],
    )
    .await;
    // What is withheld is withheld; what matures is not moved by its match.
    check(
        &story.replace("USD\n", "USD m=roll\n"),
        "file-1.csv:#1",
        &["roll:p1-capture"],
        &of(&[
            "roll 1100 -80.00",
            "roll 1110 +79.80",
            "roll 2010 -77.38",
            "roll 2020 +69.38",
            "roll 2030 +8.00",
            "roll 5020 +0.20",
        ]),
        &[],
    )
    .await;
    check(
        &story.replace("USD\n", "USD m=day\n"),
        "file-1.csv:2",
        &["p1-capture"],
        &of(&["day 1100 -80.00", "day 1110 +79.80", "day 5020 +0.20"]),
        &[],
    )
    .await;
    // A fixed reserve takes its part of what becomes available.
    check(
        &story.replace("USD\n", "USD m=fixed\n"),
        "file-1.csv:2",
        &["p1-capture"],
        &[
            "fixed 1100 -80.00",
            "fixed 1110 +79.80",
            "fixed 2010 -77.38",
            "fixed 2030 +77.38",
            "fixed 5020 +0.20",
            "house 1110 -79.80",
            "house 2900 -80.00",
            "house 5020 -0.20",
        ],
        &[],
    )
    .await;
}

#[tokio::test]
async fn costs_are_passed_on_and_every_fee_is_worked_out_again() {
    let stage = check(
        "sale p1 80.00 USD m=plus
        file north 2026-03-03 breaks=MISSING_IN_LEDGER
        Settled +80.00 USD ref=A9 scheme=0.20",
        "file-1.csv:2",
        &["p1-capture"],
        &[
            "house 1110 -79.80",
            "house 2900 -80.00",
            "house 5020 -0.20",
            "plus 1100 -80.00",
            "plus 1110 +79.80",
            "plus 2010 -79.60",
            "plus 2020 +79.40",
            "plus 4060 +0.20",
            "plus 5020 +0.20",
        ],
        &[],
    )
    .await;
    let report = || {
        let output = stage.test.acquit().args(["report", "fees", "--format", "csv"]).output();
        let output = output.expect("a report");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, text) = report();
    assert_eq!(code, Some(0), "{text}");
    confirmed(&stage, "file-1.csv:2", &["p1-capture"], "ann")
        .await
        .expect("a match");
    let (code, text) = report();
    assert_eq!(code, Some(0), "{text}");
}

#[tokio::test]
async fn a_difference_is_rounding_or_a_break_of_its_own() {
    // 79.00 of 80.00: 1.00 is missing and stays pending.
    check(
        "sale p1 80.00 USD
        file north 2026-03-03 breaks=MISSING_IN_LEDGER
        Settled +79.00 USD ref=A9",
        "file-1.csv:2",
        &["p1-capture"],
        &[
            "house 1110 -79.00",
            "house 2900 -79.00",
            "plain 1100 -80.00",
            "plain 1110 +79.00",
            "plain 1900 +1.00",
            "plain 2010 -76.38",
            "plain 2020 +76.38",
        ],
        &["AMOUNT_MISMATCH"],
    )
    .await;
    check(
        "sale p1 80.00 USD acq=near
        file near 2026-03-03 breaks=MISSING_IN_LEDGER
        Settled +79.97 USD ref=A9",
        "file-1.csv:2",
        &["p1-capture"],
        &[
            "house 1110 -79.97",
            "house 2900 -79.97",
            "plain 1100 -80.00",
            "plain 1110 +79.97",
            "plain 2010 -77.38",
            "plain 2020 +77.38",
            "plain 5900 +0.03",
        ],
        &[],
    )
    .await;
}

#[tokio::test]
async fn several_items_are_the_line_together() {
    // 60.00 costs 2.04, 40.00 costs 1.46; 10.00 of costs are divided by their amounts.
    check(
        "sale p1 60.00 USD
        sale p2 40.00 USD
        file north 2026-03-03 breaks=MISSING_IN_LEDGER
        Settled +100.00 USD ref=A9 cost=10.00",
        "file-1.csv:2",
        &["p2-capture", "p1-capture"],
        &[
            "house 1110 -90.00",
            "house 2900 -100.00",
            "house 5030 -10.00",
            "plain 1100 -100.00",
            "plain 1110 +90.00",
            "plain 2010 -96.50",
            "plain 2020 +96.50",
            "plain 5030 +10.00",
        ],
        &[],
    )
    .await;
}

#[tokio::test]
async fn the_audit_sees_a_match_that_nobody_proposed() {
    let mut stage = stage().await;
    stage
        .tell(
            "sale p1 80.00 USD
            file north 2026-03-03 breaks=MISSING_IN_LEDGER
            Settled +80.00 USD ref=A9",
        )
        .await;
    confirmed(&stage, "file-1.csv:2", &["p1-capture"], "ann")
        .await
        .expect("a match");
    for (tamper, restore) in [
        (
            "update break_match set number = number + 5",
            "update break_match set number = number - 5",
        ),
        (
            "update break_match set item = null",
            "update break_match set item = '{}'",
        ),
        (
            "update break set ordinal = ordinal + 7",
            "update break set ordinal = ordinal - 7",
        ),
        (
            "update break_proposal set state = 'withdrawn'",
            "update break_proposal set state = 'executed'",
        ),
    ] {
        stage.test.admin.execute(tamper, &[]).await.expect(tamper);
        let proven = acquit::store::audit::prove(&stage.test.store, None, |_| ())
            .await
            .expect("a proof")
            .expect("books");
        let result = proven
            .audits
            .iter()
            .find(|result| result.audit.name == "matches_by_hand");
        assert!(result.expect("the audit").offenders > 0, "{tamper}");
        stage.test.admin.execute(restore, &[]).await.expect(restore);
    }
    stage.holds().await;
}

#[tokio::test]
async fn a_refund_and_what_was_missing() {
    // The first file misses the refund; the line of it is matched by hand, and the break of the item with it.
    let stage = check(
        "sale p1 80.00 USD ref=A1
        refund p1 30.00 USD
        file north 2026-03-09 breaks=MISSING_IN_FILE,MISSING_IN_LEDGER
        Settled +80.00 USD ref=A1
        Refunded -30.00 USD ref=R9",
        "file-1.csv:3",
        &["p1-refund"],
        &[
            "house 1110 +30.00",
            "house 1900 -30.00",
            "plain 1100 +30.00",
            "plain 1110 -30.00",
        ],
        &[],
    )
    .await;
    let missing = ids(&stage, "MISSING_IN_FILE").await;
    assert_eq!(missing.len(), 1);
    confirmed(&stage, "file-1.csv:3", &["p1-refund"], "ann")
        .await
        .expect("a match");
    // A match is undone as one, never by opening its breaks again.
    let reopened = stage.test.store.reopen_breaks(&missing, said("bob", "x"), TODAY).await;
    assert!(matches!(reopened, Err(DeskError::Matched(_))), "{reopened:?}");
    stage.holds().await;
}

#[tokio::test]
async fn what_does_not_belong_together_is_not_matched() {
    let mut stage = stage().await;
    stage
        .tell(
            "sale p1 80.00 USD
            sale p2 80.00 EUR
            sale p3 80.00 USD m=roll
            sale p4 40.00 USD
            sale p5 40.00 USD m=roll
            sale p6 10.00 USD ref=A6
            refund p6 1.00 USD name=r6
            sale p7 80.00 USD acq=phone
            file north 2026-03-03 breaks=MISSING_IN_LEDGER
            Settled +80.00 USD ref=A9
            Settled +10.00 USD ref=A6",
        )
        .await;
    for (line, items, refusal) in [
        (
            "file-1.csv:2",
            &["p2-capture"][..],
            "break 2 cannot be matched so: the line is of 80.00 USD, the item of 80.00 EUR: currencies are never matched",
        ),
        (
            "file-1.csv:2",
            &["r6"],
            "break 2 cannot be matched so: the line is a capture, the item a refund",
        ),
        (
            "file-1.csv:2",
            &["p1-capture", "p4-capture"],
            "break 2 cannot be matched so: the items are 120.00 USD together, the line is 80.00 USD: several are matched only where they are the same",
        ),
        (
            "file-1.csv:2",
            &["p4-capture", "p5-capture"],
            "break 2 cannot be matched so: several items are matched with one line only where they are of one merchant",
        ),
        (
            "file-1.csv:2",
            &["p6-capture"],
            "1 of the items are not open: matched, resolved or withdrawn since, or not reported by this acquirer",
        ),
        (
            "file-1.csv:2",
            &["p7-capture"],
            "1 of the items are not open: matched, resolved or withdrawn since, or not reported by this acquirer",
        ),
        ("file-1.csv:2", &["nothing"], "no entry has the reference nothing"),
        (
            "file-1.csv:3",
            &["p1-capture"],
            "file-1.csv:3 has no money in suspense: it is matched with plain:p6-capture by pass 1",
        ),
        (
            "file-1.csv:4",
            &["p1-capture"],
            "file-1.csv:4 has no money in suspense: a payout settles no item",
        ),
    ] {
        let refused = confirmed(&stage, line, items, "ann").await.expect_err(refusal);
        assert_eq!(refused.to_string(), refusal);
    }
    let refused = unmatched(&stage, "file-1.csv:3")
        .await
        .expect_err("a match of its file");
    assert_eq!(
        refused.to_string(),
        "file-1.csv:3 is not matched by hand: its file matched it with plain:p6-capture by pass 1, which is undone with the file"
    );
    let refused = unmatched(&stage, "file-1.csv:2").await.expect_err("no match");
    assert_eq!(refused.to_string(), "file-1.csv:2 is not matched by hand: nothing is");
    // Once it is matched, other items are a conflict.
    confirmed(&stage, "file-1.csv:2", &["p1-capture"], "ann")
        .await
        .expect("a match");
    let refused = confirmed(&stage, "file-1.csv:2", &["p3-capture"], "ann")
        .await
        .expect_err("a conflict");
    assert_eq!(refused.to_string(), "break 2 is resolved already, as match");
    stage.holds().await;
}

#[tokio::test]
async fn above_the_limit_another_person_approves() {
    let mut stage = Stage::of(&format!(
        "{}{}",
        availability::SETTINGS,
        DESK.replace("1000.00", "79.99")
    ))
    .await;
    stage
        .tell(
            "sale p1 80.00 USD
            sale p2 80.00 USD
            file north 2026-03-03 breaks=MISSING_IN_LEDGER
            Settled +80.00 USD ref=A9",
        )
        .await;
    let before = balances(&stage).await;
    let proposed = confirmed(&stage, "file-1.csv:2", &["p2-capture"], "ann")
        .await
        .expect("a proposal");
    assert!(!proposed.booked && proposed.new && proposed.approvers == 1);
    // Other items take the place of those that wait.
    let proposed = confirmed(&stage, "file-1.csv:2", &["p1-capture"], "ann")
        .await
        .expect("a proposal");
    assert!(proposed.new);
    assert!(
        !confirmed(&stage, "file-1.csv:2", &["p1-capture"], "ann")
            .await
            .expect("the same")
            .new
    );
    assert_eq!(moved(&stage, &before).await, Vec::<String>::new());
    stage.holds().await;
    let (store, deployment) = (&stage.test.store, &stage.deployment);
    let refused = store
        .approve_breaks(deployment, &proposed.plan, said("ann", "me"), TODAY)
        .await;
    assert!(matches!(refused, Err(DeskError::ApproverIsProposer(_))), "{refused:?}");
    for (sql, rule) in [
        (
            "update break_proposal set first_approver = 'ann' where state = 'waiting'",
            "break_proposal_two_people",
        ),
        (
            "update break_proposal set state = 'executed' where state = 'waiting'",
            "break_proposal_approved",
        ),
    ] {
        let refused = stage.test.admin.execute(sql, &[]).await.expect_err("a refusal");
        let rule_of = refused
            .as_db_error()
            .and_then(|error| error.constraint().map(str::to_owned));
        assert_eq!(rule_of.as_deref(), Some(rule));
    }
    let approved = store
        .approve_breaks(deployment, &proposed.plan, said("eve", "seen"), TODAY)
        .await
        .expect("approved");
    assert!(approved.booked && approved.new);
    stage.holds().await;
    let explained = explained(&stage, "file-1.csv:2").await;
    let by_hand = explained.matches[0].by_hand.as_ref().expect("by hand");
    assert_eq!(
        (by_hand.by.as_str(), &by_hand.approved_by[..]),
        ("ann", &["eve".to_owned()][..])
    );
    assert!(unmatched(&stage, "file-1.csv:2").await.expect("undone").new);
    assert_eq!(moved(&stage, &before).await, Vec::<String>::new());
    stage.holds().await;
}

#[tokio::test]
async fn of_two_people_one_matches_an_item() {
    let mut stage = stage().await;
    stage
        .tell(
            "sale p1 80.00 USD
            file north 2026-03-03 breaks=MISSING_IN_LEDGER:2
            Settled +80.00 USD ref=A8
            Settled +80.00 USD ref=A9",
        )
        .await;
    let items = ["p1-capture".to_owned()];
    let lines = [name("file-1.csv:2"), name("file-1.csv:3")];
    let asked = |line| Confirmation {
        line,
        items: &items,
        said: said("ann", "their mail says so"),
        day: TODAY,
    };
    let (first, second) = (asked(&lines[0]), asked(&lines[1]));
    let both = [&first, &second].map(|asked| stage.test.store.confirm_match(&stage.deployment, asked));
    let done = join_all(both).await;
    let won = done
        .iter()
        .filter(|done| done.as_ref().is_ok_and(|done| done.booked && done.new))
        .count();
    let lost = done
        .iter()
        .filter(|done| matches!(done, Err(MatchError::Desk(DeskError::NotOpen(1)))))
        .count();
    assert_eq!((won, lost), (1, 1), "{done:?}");
    stage.holds().await;
    // The same request twice at once is one match.
    let line = if done[0].is_ok() { &lines[1] } else { &lines[0] };
    stage.go_on("sale p2 80.00 USD").await;
    let items = ["p2-capture".to_owned()];
    let asked = Confirmation {
        line,
        items: &items,
        said: said("ann", "their mail says so"),
        day: TODAY,
    };
    let both = join_all([&asked, &asked].map(|asked| stage.test.store.confirm_match(&stage.deployment, asked))).await;
    let new: Vec<bool> = both.iter().map(|done| done.as_ref().expect("a match").new).collect();
    assert_eq!(new.iter().filter(|new| **new).count(), 1);
    stage.holds().await;
}

#[tokio::test]
async fn a_file_is_undone_after_the_matches_that_people_made() {
    let mut stage = stage().await;
    stage
        .tell(
            "sale p1 80.00 USD m=roll
            file north 2026-03-03 breaks=MISSING_IN_LEDGER
            Settled +79.00 USD ref=A9",
        )
        .await;
    let asked = undo::Request {
        file: "file-1.csv",
        by: "ada",
        reason: Some("the wrong file"),
        on: None,
    };
    confirmed(&stage, "file-1.csv:2", &["p1-capture"], "ann")
        .await
        .expect("a match");
    let refused = stage.test.store.undo_file(&asked).await.expect_err("a match stands");
    assert_eq!(
        refused.to_string(),
        "file-1.csv: somebody has worked on break 2 (MISSING_IN_LEDGER, resolved)"
    );
    // What it left is resolved: the match cannot be undone before that is opened again.
    let mismatch = ids(&stage, "AMOUNT_MISMATCH").await;
    stage
        .test
        .admin
        .execute(
            "update break set state = 'resolved', resolution = 'timing' where id = $1",
            &[&mismatch[0]],
        )
        .await
        .expect("resolved");
    let refused = unmatched(&stage, "file-1.csv:2").await.expect_err("a refusal");
    assert!(matches!(refused, MatchError::Worked { .. }), "{refused}");
    let reopen = "update break set state = 'open', resolution = null where id = $1";
    stage
        .test
        .admin
        .execute(reopen, &[&mismatch[0]])
        .await
        .expect("open again");
    assert!(unmatched(&stage, "file-1.csv:2").await.expect("undone").new);
    assert!(stage.test.store.undo_file(&asked).await.expect("undone").new);
    stage.holds().await;
    assert_eq!(open_breaks(&stage).await, Vec::<String>::new());
    // What its file or match closed is not opened by itself.
    let closed = stage.test.store.reopen_breaks(&mismatch, said("bob", "x"), TODAY).await;
    assert!(
        matches!(&closed, Err(DeskError::Closed { resolution, .. }) if resolution == "undone"),
        "{closed:?}"
    );
    let open: i64 = stage
        .test
        .admin
        .query_one("select count(*) from open_item", &[])
        .await
        .expect("a count")
        .get(0);
    assert_eq!(open, 1);
    let refused = confirmed(&stage, "file-1.csv:2", &["p1-capture"], "ann")
        .await
        .expect_err("a refusal");
    assert_eq!(refused.to_string(), "break 2 is resolved already, as undone");
}

#[tokio::test]
async fn a_reserve_that_was_released_goes_back_and_one_that_was_used_stands_in_the_way() {
    let mut stage = stage().await;
    stage
        .tell(
            "sale p1 80.00 USD m=roll
            file north 2026-03-03 breaks=MISSING_IN_LEDGER
            Settled +80.00 USD ref=A9",
        )
        .await;
    confirmed(&stage, "file-1.csv:2", &["p1-capture"], "ann")
        .await
        .expect("a match");
    stage.release("2026-04-02").await;
    stage.tell("is roll USD 2010=0.00 2020=77.38 2030=0.00").await;
    assert!(unmatched(&stage, "file-1.csv:2").await.expect("undone").new);
    stage.tell("is roll USD 2010=77.38 2020=0.00 2030=0.00").await;
    confirmed(&stage, "file-1.csv:2", &["p1-capture"], "bob")
        .await
        .expect("a match");
    stage
        .tell(
            "is roll USD 2010=0.00 2020=69.38 2030=8.00
             refund p1 75.00 USD m=roll at=2026-04-03",
        )
        .await;
    let refused = unmatched(&stage, "file-1.csv:2").await.expect_err("a refusal");
    assert!(matches!(&refused, MatchError::Desk(DeskError::Applied(_))), "{refused}");
    stage.holds().await;
}

#[test]
fn a_line_is_matched_on_the_command_line() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stage = runtime.block_on(async {
        let mut stage = Stage::of(&format!(
            "{}{}",
            availability::SETTINGS,
            DESK.replace("1000.00", "1.00")
        ))
        .await;
        stage
            .tell(
                "sale p1 80.00 USD
                file north 2026-03-03 breaks=MISSING_IN_LEDGER
                Settled +80.00 USD ref=A9",
            )
            .await;
        stage
    });
    let folder = crate::support::directory();
    let paper = folder.path().join("mail.pdf");
    std::fs::write(&paper, "71 is 17").expect("a letter");
    let says = |args: &[&str], fine: bool, parts: &[&str]| {
        let output = stage.test.acquit().args(args).output().expect("acquit");
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(output.status.success(), fine, "{args:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{part}\n{args:?}: {text}");
        }
        text
    };
    let paper = paper.to_str().expect("a path");
    let confirm = [
        "match",
        "confirm",
        "file-1.csv:2",
        "plain:p1-capture",
        "--by",
        "bob",
        "--evidence",
        "their mail",
        "--attachment",
        paper,
        "--on",
        "2026-03-20",
    ];
    says(
        &confirm,
        true,
        &[
            "match (matched_by_hand): plan, nothing was done",
            "1100 80.00",
            "will wait for 1 approval",
        ],
    );
    let executed = [&confirm[..], &["--execute"]].concat();
    let text = says(
        &executed,
        true,
        &["proposed", "waits for 1 approval: acquit breaks approve"],
    );
    let digest = text
        .rsplit("acquit breaks approve ")
        .next()
        .and_then(|rest| rest.get(..16))
        .expect("a digest")
        .to_owned();
    says(&executed, true, &["proposed before, nothing was done"]);
    says(
        &[
            "breaks",
            "approve",
            &digest,
            "--by",
            "eve",
            "--on",
            "2026-03-20",
            "--execute",
        ],
        true,
        &["Approved, booked"],
    );
    says(
        &["match", "explain", "file-1.csv:2"],
        true,
        &[
            "matched by pass 7 (by hand), rules 3",
            "matched by bob: their mail; approved by eve; evidence",
        ],
    );
    says(&["breaks", "show", "2"], true, &["match, matched_by_hand, by bob"]);
    let undo = [
        "match",
        "undo",
        "file-1.csv:2",
        "--by",
        "ann",
        "--reason",
        "wrong",
        "--on",
        "2026-03-21",
    ];
    says(&undo, true, &["plan, nothing was done", "2 entries reversed"]);
    let undo = [&undo[..], &["--execute"]].concat();
    says(
        &undo,
        true,
        &["break 2 open again, and plain:p1-capture; 2 entries reversed"],
    );
    says(&undo, true, &["undone before, nothing was done"]);
    says(
        &["match", "explain", "file-1.csv:2"],
        true,
        &["was matched", "undone since", "not matched, its money is in suspense"],
    );
    runtime.block_on(stage.holds());
}

const PHONE: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "Asia/Seoul"
bank_account = "main"
[desk]
match_alone = { KRW = "100000" }
[[fee_schedule]]
name = "free"
percentage = "0"
fixed = { KRW = "0" }
rounding = "down"
[[merchant]]
name = "m-1"
fee_schedule = "free"
[[acquirer]]
name = "phone"
kind = "carrier"
contract = "net"
settles_within_days = 60
unpaid_borne_by = "BEARER"
[[profile]]
name = "bills"
date = "YYYY-MM-DD"
[profile.columns]
type = "Kind"
acquirer_reference = "Id"
merchant_reference = "Ours"
occurred_on = "Day"
currency = "Currency"
gross = "Amount"
net = "Paid"
[profile.types]
SALE = "capture"
UNPAID = "unpaid"
"#;

/// A phone bill that a carrier deducts before anybody tells of it: who bears it by contract, once it is recorded and matched.
#[test]
fn an_unpaid_bill_that_nobody_told_of_ends_with_who_bears_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    // 20,000 sold, 5,000 deducted: of the merchant's available money, or our loss.
    for (bearer, borne) in [
        ("merchant", [(2020, -15_000)].as_slice()),
        ("house", &[(2020, -20_000), (5060, 5_000)]),
    ] {
        runtime.block_on(async {
            let desk = Desk::new().await;
            desk.write("settings.toml", PHONE.replace("BEARER", bearer));
            desk.run(&["settings", "apply", "settings.toml"]).exits(0);
            let event = |kind: &str, amount: &str, id: &str| {
                let event = serde_json::json!({
                    "kind": kind, "merchant": "m-1", "payment": "p1", "reference": kind, "amount": amount, "currency": "KRW",
                    "occurred_at": "2026-03-02T12:00:00+09:00", "acquirer": "phone", "acquirer_reference": id,
                });
                format!("{event}\n")
            };
            desk.write("sale.jsonl", event("authorization", "20000", "") + &event("capture", "20000", "S1"));
            desk.write("unpaid.jsonl", event("unpaid", "5000", "U1"));
            desk.run(&["record", "sale.jsonl"]).exits(0);
            let head = "Kind,Id,Ours,Day,Currency,Amount,Paid";
            desk.write("march.csv", format!("{head}\nSALE,S1,p1,2026-03-31,KRW,20000,20000\n"));
            desk.write("april.csv", format!("{head}\nUNPAID,U1,p1,2026-04-30,KRW,-5000,-5000\n"));
            desk.run(&["reconcile", "march.csv", "--acquirer", "phone", "--execute"]).exits(0);
            let april = ["reconcile", "april.csv", "--acquirer", "phone", "--execute"];
            desk.run(&april).exits(2).says(&["CARRIER_SHORT"]);
            let balances = async || -> Vec<(i16, i64)> {
                let found = desk.balances().await.into_iter();
                found.map(|((code, ..), balance)| (code, balance)).collect()
            };
            assert_eq!(balances().await, [(1110, 15_000), (1900, 5_000), (2020, -20_000)]);
            desk.run(&["record", "unpaid.jsonl"]).exits(0);
            let confirm = [
                "match", "confirm", "april.csv:2", "m-1:unpaid", "--by", "ann", "--evidence", "their list of bills", "--execute",
            ];
            desk.run(&confirm).exits(0);
            assert_eq!(balances().await, [&[(1110, 15_000)], borne].concat(), "{bearer}");
            desk.run(&["breaks", "list"]).exits(0).says(&["Open: 0 breaks"]);
            desk.is_sound().await;
        });
    }
}
