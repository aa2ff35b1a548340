//! Scores are worked out by hand: 40 for the acquirer's reference or the ARN, 30 for ours (15 alike), 30 for the amount (20
//! within a hundredth, 10 within five), 20 RRN, 10 authorization code, 5 card, 10 for the day less one a day.

use chrono::NaiveDate;

use super::*;
use crate::ids::{BookId, EntryNumber};
use crate::money::Currency;
use crate::recon::booking::{Costs, PricedBy};

fn money(minor: i64, code: &str) -> Money {
    Money::from_minor(minor, Currency::parse(code).expect("a currency"))
}

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, day).expect("a day")
}

/// References as `acquirer=A1 merchant=order-1 rrn=9`.
fn references(text: &str) -> References {
    let mut found = References::default();
    for (name, value) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
        let place = match name {
            "acquirer" => &mut found.acquirer,
            "merchant" => &mut found.merchant,
            "arn" => &mut found.arn,
            "rrn" => &mut found.rrn,
            "code" => &mut found.auth_code,
            "card" => &mut found.card,
            other => panic!("{other}"),
        };
        *place = Some(value.to_owned());
    }
    found
}

/// A line of 100.00 EUR on the 10th.
fn reported(text: &str) -> Reported {
    Reported {
        line: Line {
            ordinal: 1,
            record: RecordType::Capture,
            gross: money(10_000, "EUR"),
            net: money(10_000, "EUR"),
            costs: Costs::default(),
            tax: 0,
            reserve: 0,
            occurred_on: day(10),
        },
        references: references(text),
    }
}

fn candidate(number: i64, gross: Money, on: u32, text: &str) -> Candidate {
    Candidate {
        item: Item {
            book: BookId(2),
            number: EntryNumber(number),
            gross,
            merchant_fee: 0,
            reserve: 0,
            cost: 0,
            matures: false,
            passes_costs: None,
            occurred_on: day(on),
            reserve_until: None,
            expected_on: day(on),
            advanced: None,
            priced_by: PricedBy::default(),
        },
        record: RecordType::Capture,
        references: references(text),
    }
}

fn euro(number: i64, minor: i64, on: u32, text: &str) -> Candidate {
    candidate(number, money(minor, "EUR"), on, text)
}

#[track_caller]
fn check_tried(pass: Pass, line: &str, items: &[Candidate], expected: &Tried) {
    let days = BusinessDays::around(day(10), day(10), &crate::dates::is_weekday);
    assert_eq!(&tried(pass, &reported(line), items, &days), expected, "{pass:?} {line}");
}

#[test]
fn a_pass_says_what_it_misses() {
    use Field::{Amount, AuthCode, Currency, Day, MerchantReference};
    let item = |minor, on| euro(7, minor, on, "acquirer=A1 merchant=order-1 rrn=9");
    check_tried(
        Pass::Rrn,
        "rrn=9",
        &[item(10_000, 10)],
        &Tried::NotStated(vec![AuthCode]),
    );
    check_tried(
        Pass::MerchantReference,
        "",
        &[],
        &Tried::NotStated(vec![MerchantReference]),
    );
    check_tried(
        Pass::AcquirerReference,
        "acquirer=A2",
        &[item(10_000, 10)],
        &Tried::Nothing,
    );
    check_tried(
        Pass::AcquirerReference,
        "acquirer=A1",
        &[item(9_000, 1)],
        &Tried::Fit(vec![0]),
    );
    let dollars = candidate(7, money(10_000, "USD"), 10, "acquirer=A1");
    let of_currency = Tried::Differ(vec![(0, vec![Currency])]);
    check_tried(Pass::AcquirerReference, "acquirer=A1", &[dollars], &of_currency);
    let by_ours = "merchant=order-1";
    for (minor, on, differing) in [
        (9_999, 10, vec![Amount]),
        (10_000, 16, vec![Day]),
        (9_999, 4, vec![Amount, Day]),
    ] {
        check_tried(
            Pass::MerchantReference,
            by_ours,
            &[item(minor, on)],
            &Tried::Differ(vec![(0, differing)]),
        );
    }
    // Three business days are near enough, whatever weekend lies between, and two items are one too many to decide: both are named.
    check_tried(
        Pass::MerchantReference,
        by_ours,
        &[item(10_000, 13), item(10_000, 5)],
        &Tried::Fit(vec![0, 1]),
    );
}

#[test]
fn a_group_fits_where_its_sum_does() {
    let item = |number, minor| euro(number, minor, 10, "merchant=order-1");
    let ours = "merchant=order-1";
    check_tried(
        Pass::Group,
        ours,
        &[item(1, 4_000), item(2, 6_000)],
        &Tried::Fit(vec![0, 1]),
    );
    let apart = Tried::Differ(vec![(0, vec![Field::Amount]), (1, vec![Field::Amount])]);
    check_tried(Pass::Group, ours, &[item(1, 4_000), item(2, 6_001)], &apart);
    check_tried(
        Pass::Group,
        ours,
        &[euro(1, 10_000, 1, ours)],
        &Tried::Differ(vec![(0, vec![Field::Day])]),
    );
    check_tried(Pass::Group, ours, &[], &Tried::Nothing);
}

/// What is suggested, as `number score`.
#[track_caller]
fn check(line: &str, items: &[Candidate], expected: &[(i64, i32)]) {
    let expect = |items: &[Candidate]| {
        let found: Vec<(i64, i32)> = suggested(&reported(line), items, 10)
            .iter()
            .map(|found| {
                let sum: i32 = found.signs.iter().map(|sign| sign.points).sum();
                assert_eq!(sum, found.score);
                (items[found.place].item.number.0, found.score)
            })
            .collect();
        assert_eq!(found, expected, "{line}");
    };
    expect(items);
    // Whatever order they come in.
    let backwards: Vec<Candidate> = items.iter().rev().cloned().collect();
    expect(&backwards);
}

#[test]
fn the_likeliest_item_comes_first() {
    check(
        "acquirer=A1 merchant=order-17 code=123456 card=4242",
        &[
            // 40 + 30 + 30 + 10
            euro(1, 10_000, 10, "acquirer=A1 merchant=order-17"),
            // The amount and two days: 30 + 8.
            euro(2, 10_000, 12, ""),
            // 15 alike + 10 + 5 + 30 + 10.
            euro(3, 10_000, 10, "merchant=order-71x code=123456 card=4242"),
            // -20 + 30 + 10.
            euro(4, 10_000, 10, "acquirer=B9"),
            // A cent less: 20 + 10; a twentieth less: 10 + 10 less nothing.
            euro(5, 9_999, 10, ""),
            euro(6, 9_700, 10, ""),
            // Twice as much, two weeks apart: nothing for it.
            euro(8, 20_000, 24, "card=4242"),
        ],
        &[(1, 110), (3, 70), (2, 38), (5, 30), (4, 20), (6, 20)],
    );
}

#[test]
fn of_one_score_the_nearer_day_then_the_earlier_entry() {
    check(
        "",
        &[
            euro(9, 10_000, 10, ""),
            euro(4, 10_000, 10, ""),
            euro(5, 10_000, 30, ""),
        ],
        &[(4, 40), (9, 40), (5, 30)],
    );
    let many: Vec<Candidate> = (0..50).map(|number| euro(number, 10_000, 10, "")).collect();
    assert_eq!(suggested(&reported(""), &many, 3).len(), 3);
}

#[test]
fn what_could_not_be_booked_is_not_suggested() {
    let mut refund = euro(1, 10_000, 10, "acquirer=A1");
    refund.record = RecordType::Refund;
    check(
        "acquirer=A1",
        &[refund, candidate(2, money(10_000, "USD"), 10, "acquirer=A1")],
        &[],
    );
}

#[test]
fn alike_is_cut_off_or_a_quarter_apart() {
    for (left, right, expected) in [
        ("order-2026-17", "order-2026", true),
        ("2026-17", "order-2026-17", true),
        ("order-17", "order-71", true),
        ("ORDER-17", "order-17-a", true),
        ("order-17", "basket-9", false),
        ("abc", "abcd", false),
        ("", "", false),
    ] {
        assert_eq!(are_alike(left, right), expected, "{left} {right}");
        assert_eq!(are_alike(right, left), expected, "{right} {left}");
    }
}
