use chrono::NaiveDate;

use super::*;
use crate::ids::EntryNumber;
use crate::ledger::account::AccountCode;
use crate::money::Currency;
use crate::recon::booking::{Costs, PricedBy};
use crate::settings::{Settings, VatRate};

const SETTINGS: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "UTC"
bank_account = "main"
[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3
tolerance = { EUR = "0.01" }
"#;

fn money(minor: i64, code: &str) -> Money {
    Money::from_minor(minor, Currency::parse(code).expect("a currency"))
}

fn line(record: RecordType, gross: Money) -> Line {
    Line {
        ordinal: 1,
        record,
        gross,
        net: gross,
        costs: Costs::default(),
        tax: 0,
        reserve: 0,
        occurred_on: NaiveDate::default(),
    }
}

fn item(book: i64, number: i64, gross: Money) -> Item {
    Item {
        book: BookId(book),
        number: EntryNumber(number),
        gross,
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

fn by_hand(line: &Line, items: &[(RecordType, Item)]) -> Result<Matched, Refusal> {
    let settings = Settings::parse(SETTINGS).expect("settings");
    let with = Counterparty {
        acquirer: settings.acquirers.get("north").expect("an acquirer"),
        receivable: AccountCode::AcquirerReceivable,
    };
    matched(line, items, with)
}

/// A capture line of an amount and captures of others, in one currency and book, and what they come to: legs as
/// `1110 ← 1100 100`, or a refusal.
#[track_caller]
fn check(gross: i64, items: &[i64], expected: &str) {
    let items: Vec<_> = (1..)
        .zip(items)
        .map(|(number, gross)| (RecordType::Capture, item(2, number, money(*gross, "EUR"))))
        .collect();
    let found = match by_hand(&line(RecordType::Capture, money(gross, "EUR")), &items) {
        Ok(matched) => {
            let legs = matched.legs().expect("legs");
            let text =
                |(leg, amount): &(Leg, i64)| format!("{} ← {} {amount}", leg.debit.number(), leg.credit.number());
            legs.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        Err(refusal) => refusal.to_string(),
    };
    assert_eq!(found, expected);
}

#[test]
fn one_item_is_booked_as_its_line_would_have_been() {
    check(1_000, &[1_000], "1110 ← 1100 1000, 2010 ← 2020 1000");
    // A cent is rounding, two are in suspense and wait.
    check(999, &[1_000], "1110 ← 1100 999, 2010 ← 2020 1000, 5900 ← 1100 1");
    check(998, &[1_000], "1110 ← 1100 998, 1900 ← 1100 2, 2010 ← 2020 998");
    check(1_002, &[1_000], "1110 ← 1100 1000, 1110 ← 2900 2, 2010 ← 2020 1000");
}

#[test]
fn several_items_are_the_line_to_the_last_cent() {
    check(1_000, &[300, 700], "1110 ← 1100 1000, 2010 ← 2020 1000");
    check(
        1_000,
        &[300, 699],
        "the items are 9.99 EUR together, the line is 10.00 EUR: several are matched only where they are the same",
    );
    check(1_000, &[], "no item is named");
}

#[test]
fn what_the_acquirer_says_happened_is_not_changed() {
    let euro = |minor| money(minor, "EUR");
    let capture = line(RecordType::Capture, euro(1_000));
    let cases = [
        (
            line(RecordType::BatchFee, euro(1_000)),
            vec![(RecordType::Capture, item(2, 1, euro(1_000)))],
            Refusal::NotOfItem(RecordType::BatchFee),
        ),
        (
            capture.clone(),
            vec![(RecordType::RefundFailure, item(2, 1, euro(1_000)))],
            Refusal::Record {
                line: RecordType::Capture,
                item: RecordType::RefundFailure,
            },
        ),
        (
            capture.clone(),
            vec![(RecordType::Capture, item(2, 1, money(1_000, "USD")))],
            Refusal::Currency {
                line: euro(1_000),
                item: money(1_000, "USD"),
            },
        ),
        (
            line(RecordType::Capture, euro(-1_000)),
            vec![(RecordType::Capture, item(2, 1, euro(1_000)))],
            Refusal::Side {
                line: euro(-1_000),
                item: euro(1_000),
            },
        ),
        (
            capture.clone(),
            vec![
                (RecordType::Capture, item(2, 1, euro(400))),
                (RecordType::Capture, item(3, 1, euro(600))),
            ],
            Refusal::Books,
        ),
        (
            capture,
            vec![
                (RecordType::Capture, item(2, 1, euro(400))),
                (
                    RecordType::Capture,
                    Item {
                        passes_costs: Some(VatRate::Exempt),
                        ..item(2, 2, euro(600))
                    },
                ),
            ],
            Refusal::PassesCosts,
        ),
    ];
    for (line, items, refusal) in cases {
        assert_eq!(by_hand(&line, &items), Err(refusal));
    }
}
