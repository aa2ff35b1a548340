//! What pays what, case by case, and in any order.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use super::*;
use crate::dates::is_weekday;

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, day).expect("a day")
}

/// `amount day payer text`.
fn receipt(text: &str) -> Receipt {
    let mut fields = text.splitn(4, ' ');
    let mut next = || fields.next().unwrap_or_default();
    Receipt {
        amount: next().parse().expect("an amount"),
        on: day(next().parse().expect("a day")),
        payer: next().trim_matches('-').to_owned(),
        words: words(next()),
    }
}

/// `amount day group name`, or several names with `|` between; a group in capitals is of entries that are on the books.
fn target(text: &str) -> Target {
    let mut fields = text.splitn(4, ' ');
    let mut next = || fields.next().unwrap_or_default();
    let (amount, on, group) = (next(), next(), next());
    Target {
        amount: amount.parse().expect("an amount"),
        on: day(on.parse().expect("a day")),
        group: group.to_owned(),
        names: next().split('|').map(words).collect(),
        by_amount: true,
        may_differ: group.chars().all(char::is_lowercase),
    }
}

/// Receipts, targets, and what is decided, in words: `receipts=targets`, then what is left and why.
#[track_caller]
fn check(receipts: &[&str], targets: &[&str], expected: &str) {
    let receipts: Vec<Receipt> = receipts.iter().map(|text| receipt(text)).collect();
    let targets: Vec<Target> = targets.iter().map(|text| target(text)).collect();
    let tell = |receipts: &[Receipt], targets: &[Target], at: &dyn Fn(usize) -> usize, to: &dyn Fn(usize) -> usize| {
        let decided = decide(receipts, targets, &is_weekday);
        let mut told: Vec<String> = decided
            .payments
            .iter()
            .map(|payment| {
                let mut from: Vec<usize> = payment.receipts.iter().map(|place| at(*place)).collect();
                let mut for_: Vec<usize> = payment.targets.iter().map(|place| to(*place)).collect();
                from.sort_unstable();
                for_.sort_unstable();
                format!("{from:?}={for_:?}")
            })
            .chain(decided.left.iter().map(|(place, why)| match why {
                Left::Unknown => format!("{} unknown", at(*place)),
                Left::Named(target) => format!("{} names {}", at(*place), to(*target)),
                Left::Ambiguous => format!("{} ambiguous", at(*place)),
            }))
            .collect();
        told.sort();
        told.join(", ")
    };
    let own = |place: usize| place;
    assert_eq!(tell(&receipts, &targets, &own, &own), expected);
    // The same the other way round.
    let turned: (Vec<_>, Vec<_>) = (
        receipts.iter().rev().cloned().collect(),
        targets.iter().rev().cloned().collect(),
    );
    let at = |place: usize| receipts.len() - 1 - place;
    let to = |place: usize| targets.len() - 1 - place;
    assert_eq!(tell(&turned.0, &turned.1, &at, &to), expected, "the other way round");
}

#[test]
fn a_name_is_a_long_word_with_a_digit() {
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found = words(text);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
    }
    check("TX20260303B0001XT batch 1, ExampleMerchant", &["TX20260303B0001XT"]);
    check("Settlement 20260303 of 2026-03-03, 03.03.2026", &[]);
    check("batch 20260302001", &["20260302001"]);
    check("payout po_1a2b3c.", &["1A2B3C", "PO_1A2B3C"]);
    check("no 12 ABC1", &[]);
}

#[test]
fn weekends_do_not_count_as_days() {
    // 2026-03-06 is a Friday.
    assert!(is_near(day(6), day(10), &is_weekday));
    assert!(!is_near(day(6), day(11), &is_weekday));
    assert!(is_near(day(10), day(6), &is_weekday));
    assert!(is_near(day(8), day(8), &is_weekday));
    // Closed from Friday to Monday.
    let is_open = |on| is_weekday(on) && on != day(6) && on != day(9);
    assert!(is_near(day(5), day(11), &is_open));
    assert!(!is_near(day(5), day(12), &is_open));
}

#[test]
fn what_is_named_is_paid_whatever_it_comes_to() {
    check(&["7824 3 - for PAYOUT0001"], &["7824 3 north PAYOUT0001"], "[0]=[0]");
    check(&["7800 20 - for PAYOUT0001"], &["7824 3 north PAYOUT0001"], "[0]=[0]");
    // In two credits.
    check(
        &["5000 3 - PAYOUT0001", "2824 4 - PAYOUT0001 2/2"],
        &["7824 3 north PAYOUT0001"],
        "[0, 1]=[0]",
    );
    // Two acquirers number alike: the amount tells which, where it can.
    let alike = ["100 3 north PAYOUT0001", "200 3 south PAYOUT0001"];
    check(&["200 3 - PAYOUT0001"], &alike, "[0]=[1]");
    check(
        &["200 3 - PAYOUT0001", "100 4 - PAYOUT0001"],
        &alike,
        "[0]=[1], [1]=[0]",
    );
    check(&["199 3 - PAYOUT0001"], &alike, "0 ambiguous");
    check(
        &["200 3 - PAYOUT0001", "200 4 - PAYOUT0001"],
        &alike,
        "0 ambiguous, 1 ambiguous",
    );
    check(
        &["100 3 - PAYOUT0001"],
        &["100 3 north PAYOUT0001", "100 3 south PAYOUT0001"],
        "0 ambiguous",
    );
    // The one that is not paid is there for what names nothing.
    check(&["200 3 - PAYOUT0001", "100 3 - thanks"], &alike, "[0]=[1], [1]=[0]");
    // One credit for two batches: exactly, or not at all.
    check(
        &["300 3 - PAYOUT0001 PAYOUT0002"],
        &["100 3 north PAYOUT0001", "200 3 north PAYOUT0002"],
        "[0]=[0, 1]",
    );
    check(
        &["299 3 - PAYOUT0001 PAYOUT0002"],
        &["100 3 north PAYOUT0001", "200 3 north PAYOUT0002"],
        "0 ambiguous",
    );
    // Every word of a name has to be there.
    check(
        &["100 3 - MERCHANT01"],
        &["100 3 north PAYOUT0001 MERCHANT01"],
        "[0]=[0]",
    );
    check(
        &["90 3 - MERCHANT01"],
        &["100 3 north PAYOUT0001 MERCHANT01"],
        "0 unknown",
    );
    // What was paid already is not paid again, nor taken for something else of its amount.
    check(
        &["100 3 - PAYOUT0001"],
        &["0 3 north PAYOUT0001", "100 3 north PAYOUT0002"],
        "0 names 0",
    );
    // The acquirer takes back what it was to pay.
    check(&["-100 3 - PAYOUT0001"], &["100 3 north PAYOUT0001"], "0 names 0");
    // What is on the books is what it is.
    check(&["-99 3 - REFUND0001"], &["-100 3 BOOKS REFUND0001"], "0 names 0");
}

#[test]
fn of_equal_amounts_only_what_fits_nothing_else_is_matched() {
    check(&["100 3 - x"], &["100 3 north y"], "[0]=[0]");
    check(&["100 10 - x"], &["100 3 north y"], "0 unknown");
    check(&["100 3 - x"], &["100 3 north y", "100 4 south z"], "0 ambiguous");
    check(
        &["100 3 - x", "100 4 - y"],
        &["100 3 north z"],
        "0 ambiguous, 1 ambiguous",
    );
    check(
        &["100 3 - x", "200 3 - y"],
        &["200 3 north z", "100 3 south z"],
        "[0]=[1], [1]=[0]",
    );
    // All that an acquirer pays on a day, in one sum.
    check(&["300 3 - x"], &["100 3 north y", "200 3 north z"], "[0]=[0, 1]");
    check(&["300 3 - x"], &["100 3 north y", "200 3 south z"], "0 unknown");
    check(
        &["300 3 - x"],
        &["100 3 north y", "200 3 north z", "300 3 south z"],
        "0 ambiguous",
    );
    // All that one pays on a day, for one batch.
    check(&["100 3 N.V. x", "200 3 N.V. y"], &["300 3 north z"], "[0, 1]=[0]");
    check(
        &["100 3 N.V. x", "200 3 B.V. y"],
        &["300 3 north z"],
        "0 unknown, 1 unknown",
    );
}

#[test]
fn a_name_comes_before_an_amount() {
    check(
        &["100 3 - PAYOUT0002", "100 3 - nothing"],
        &["100 3 north PAYOUT0001", "100 3 north PAYOUT0002"],
        "[0]=[1], [1]=[0]",
    );
}
