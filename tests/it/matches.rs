//! One line of a settlement file: what it was matched with and why not, what it could be, and what people match by hand.
//!
//! Movements are worked out by hand: 80.00 cost the merchant 2.32 + 0.30, so 77.38 of them wait for their settlement line.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use acquit::recon::candidates::{Field, Tried};
use acquit::recon::matching::Pass;
use acquit::store::reconcile::line::{Explained, LineError, LineName};

use crate::availability;
use crate::stage::Stage;

fn name(text: &str) -> LineName {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn explained(stage: &Stage, line: &str) -> Explained {
    let found = stage.test.store.explain_line(&name(line)).await;
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
        (Pass::AcquirerReference, 1, true)
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
        let refused = stage.test.store.explain_line(&name(line)).await.expect_err("a refusal");
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
        "file-1.csv:2: matched by pass 1 (acquirer reference), rules 1",
        "plain:p1-capture",
        "payment p1",
        "1 day later; expected by",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
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
