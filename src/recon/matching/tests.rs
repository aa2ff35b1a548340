use chrono::NaiveDate;

use super::*;
use crate::acquirer::RecordType;
use crate::ids::{BookId, EntryNumber};
use crate::money::{Currency, Money};
use crate::recon::booking::{Costs, PricedBy};
use crate::recon::group::{divided, merged, shared};
use crate::settings::VatRate;

fn euro(minor: i64) -> Money {
    Money::from_minor(minor, Currency::parse("EUR").expect("a currency"))
}

fn line(ordinal: i32, gross: i64) -> Line {
    Line {
        ordinal,
        record: RecordType::Capture,
        gross: euro(gross),
        net: euro(gross),
        costs: Costs::default(),
        tax: 0,
        reserve: 0,
        occurred_on: NaiveDate::default(),
    }
}

fn item(number: i64, gross: i64) -> Item {
    Item {
        book: BookId(2),
        number: EntryNumber(number),
        gross: euro(gross),
        merchant_fee: 0,
        reserve: 0,
        cost: 0,
        matures: false,
        passes_costs: None,
        occurred_on: NaiveDate::default(),
        reserve_until: None,
        expected_on: NaiveDate::default(),
        advanced: None,
        priced_by: PricedBy::default(),
    }
}

/// Gross amounts of lines (each of batch 0) and items, and what they come to: ordinals, entry numbers, ordinals of duplicates.
#[track_caller]
fn check(pass: Pass, lines: &[i64], items: &[i64], expected: (&[usize], &[usize], &[usize])) {
    let lines: Vec<Line> = (1..).zip(lines).map(|(ordinal, gross)| line(ordinal, *gross)).collect();
    let items: Vec<Item> = (1..).zip(items).map(|(number, gross)| item(number, *gross)).collect();
    let Verdict {
        lines: of_lines,
        items: of_items,
        duplicates,
    } = decide(pass, &lines, &vec![0; lines.len()], &items);
    assert_eq!((&of_lines[..], &of_items[..], &duplicates[..]), expected);
}

#[test]
fn one_line_and_one_item() {
    check(Pass::AcquirerReference, &[100], &[100], (&[0], &[0], &[]));
    // The reference says so, whatever the amounts: the difference is a break.
    check(Pass::Arn, &[90], &[100], (&[0], &[0], &[]));
    for pass in [Pass::Rrn, Pass::MerchantReference, Pass::Card] {
        check(pass, &[100], &[100], (&[0], &[0], &[]));
        check(pass, &[100], &[100, 100], (&[], &[], &[]));
    }
    check(Pass::AcquirerReference, &[100], &[], (&[], &[], &[]));
    // Alike by our reference, but too far apart for the pass before: no sum proves it.
    check(Pass::Group, &[100], &[100], (&[], &[], &[]));
    check(Pass::Group, &[90], &[100], (&[], &[], &[]));
}

#[test]
fn several_lines_of_one_item() {
    // One of them is the item; the other reports it again.
    check(Pass::AcquirerReference, &[100, 100], &[100], (&[0], &[0], &[1]));
    check(Pass::AcquirerReference, &[-40, 100], &[100], (&[1], &[0], &[0]));
    // A capture and what was reversed of it; a settlement in parts.
    check(Pass::AcquirerReference, &[100, -40], &[60], (&[0, 1], &[0], &[]));
    check(Pass::Arn, &[30, 30, 40], &[100], (&[0, 1, 2], &[0], &[]));
    check(Pass::Group, &[30, 70], &[100], (&[0, 1], &[0], &[]));
    // A sum that is a cent off is no sum.
    check(Pass::Group, &[30, 69], &[100], (&[], &[], &[]));
    check(Pass::AcquirerReference, &[30, 69], &[100], (&[1], &[0], &[0]));
    // By our reference and one amount, nobody knows which.
    check(Pass::MerchantReference, &[100, 100], &[100], (&[], &[], &[]));
}

#[test]
fn several_items_of_one_line() {
    check(Pass::Group, &[100], &[30, 70], (&[0], &[0, 1], &[]));
    check(Pass::AcquirerReference, &[100], &[30, 70], (&[0], &[0, 1], &[]));
    check(Pass::Group, &[100], &[30, 69], (&[], &[], &[]));
    // Refunds have no sign of their own.
    check(Pass::Group, &[-100], &[-30, -70], (&[0], &[0, 1], &[]));
    // Which of two is the line's? Both together are not.
    check(Pass::Group, &[100], &[100, 100], (&[], &[], &[]));
    check(Pass::AcquirerReference, &[100], &[100, 0], (&[], &[], &[]));
    check(Pass::MerchantReference, &[100], &[30, 70], (&[], &[], &[]));
    check(Pass::Group, &[30, 70], &[60, 40], (&[], &[], &[]));
}

#[test]
fn a_group_is_of_parts_in_each_batch_of_one_book_and_has_no_costs_of_merchants() {
    let (lines, items) = ([line(1, 30), line(2, 70)], [item(1, 100)]);
    assert_eq!(decide(Pass::Group, &lines, &[0, 0], &items).lines, [0, 1]);
    assert_eq!(decide(Pass::Group, &lines, &[0, 1], &items).lines, [0, 1]);
    // What one batch takes back of another is no part, nor is what comes to nothing.
    for (lines, batches) in [([140, -40, 0], [0, 1, 0]), ([100, 30, -30], [0, 1, 1])] {
        let lines: Vec<Line> = (1..).zip(lines).map(|(ordinal, gross)| line(ordinal, gross)).collect();
        assert_eq!(
            decide(Pass::Group, &lines, &[0; 3], &items).lines.len(),
            usize::from(lines[0].gross.minor() != 100) * 3
        );
        assert_eq!(decide(Pass::Group, &lines, &batches, &items), Verdict::default());
    }
    let mut foreign = lines.clone();
    foreign[1].net = Money::from_minor(80, Currency::parse("USD").expect("a currency"));
    assert_eq!(decide(Pass::Group, &foreign, &[0, 0], &items), Verdict::default());
    let (whole, mut parts) = ([line(1, 100)], [item(1, 30), item(2, 70)]);
    assert_eq!(decide(Pass::Group, &whole, &[0], &parts).items, [0, 1]);
    parts[1].book = BookId(3);
    assert_eq!(decide(Pass::Group, &whole, &[0], &parts), Verdict::default());
    parts[1].book = BookId(2);
    parts[1].passes_costs = Some(VatRate::Exempt);
    assert_eq!(decide(Pass::Group, &whole, &[0], &parts), Verdict::default());
}

#[test]
fn lines_of_a_group_book_as_one() {
    let costs = |interchange, scheme, acquirer| Costs {
        interchange,
        scheme,
        acquirer,
    };
    let parts = [
        Line {
            net: euro(9_700),
            costs: costs(100, 50, 150),
            ..line(7, 10_000)
        },
        Line {
            net: euro(-3_940),
            costs: costs(-40, 0, -20),
            ..line(5, -4_000)
        },
    ];
    let whole = merged(&[&parts[0], &parts[1]]).expect("no overflow").expect("a line");
    assert_eq!(
        whole,
        Line {
            net: euro(5_760),
            costs: costs(60, 50, 130),
            ..line(5, 6_000)
        }
    );
    assert_eq!(merged(&[]), Ok(None));
    assert!(merged(&[&line(1, i64::MAX), &line(2, 1)]).is_err());
}

#[test]
fn a_line_is_divided_by_largest_remainder() {
    // 100 of costs among thirds: 33.33 each, the unit that is left goes to the first by entry number.
    let whole = Line {
        net: euro(2_895),
        tax: 7,
        reserve: -2,
        costs: Costs {
            acquirer: 100,
            ..Costs::default()
        },
        ..line(1, 3_000)
    };
    let parts = divided(&whole, &[item(9, 1_000), item(4, 1_000), item(6, 1_000)]).expect("weights");
    let of = |part: &Line| (part.gross.minor(), part.net.minor(), part.costs.acquirer);
    let nets: i64 = parts.iter().map(|part| part.net.minor()).sum();
    let costs: i64 = parts.iter().map(|part| part.costs.acquirer).sum();
    assert_eq!((nets, costs), (2_895, 100));
    let taxes: Vec<i64> = parts.iter().map(|part| part.tax).collect();
    let reserves: Vec<i64> = parts.iter().map(|part| part.reserve).collect();
    // 7 = 2 + 2 + 3 and -2 = -1 - 1 + 0: odd units by entry number, 4 before 6 before 9.
    assert_eq!((taxes, reserves), (vec![2, 3, 2], vec![0, -1, -1]));
    // Of each there is left what is not taken of it.
    assert_eq!(
        parts.iter().map(of).collect::<Vec<_>>(),
        [(1_000, 965, 33), (1_000, 964, 34), (1_000, 966, 33)]
    );
    assert!(divided(&whole, &[]).is_err());
}

#[test]
fn an_item_is_shared_among_batches_and_withholds_what_it_has() {
    // A reserve of all that is payable: no part withholds more than it has, nor leaves a unit of it.
    let whole = Item {
        merchant_fee: 32,
        reserve: 968,
        ..item(1, 1_000)
    };
    // Odd units go by the names of batches, not by the places of lines.
    let lines = [("1", line(3, 333)), ("2", line(1, 333)), ("3", line(2, 334))];
    let lines = lines.map(|(batch, line)| (batch.into(), line));
    let parts = shared(&whole, &lines).expect("weights");
    let of = |part: &Item| (part.gross.minor(), part.merchant_fee, part.reserve);
    assert_eq!(
        parts.iter().map(of).collect::<Vec<_>>(),
        [(333, 11, 322), (333, 10, 323), (334, 11, 323)]
    );
    // A fee of all of it leaves nothing to withhold.
    let dear = Item {
        merchant_fee: 1_000,
        ..whole.clone()
    };
    let fees: Vec<_> = shared(&dear, &lines).expect("weights").iter().map(of).collect();
    assert_eq!(fees, [(333, 333, 0), (333, 333, 0), (334, 334, 0)]);
    assert_eq!(shared(&whole, &lines[..1]), Ok(vec![whole]));
}
