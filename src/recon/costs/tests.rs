//! Costs of lines against contracts, worked out by hand. A line is `ordinal record gross currency`, then what else is known of it
//! by name.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;

use super::*;
use crate::ids::{BookId, EntryNumber};
use crate::recon::booking::Costs;
use crate::settings::Settings;

fn acquirer(contract: &str, costs: &str) -> Acquirer {
    let text = format!(
        "effective_from = \"2026-01-01\"\n[house]\nname = \"House\"\ntime_zone = \"Europe/Berlin\"\nbank_account = \"main\"\n\
         [[acquirer]]\nname = \"north\"\ncontract = \"{contract}\"\nsettles_within_days = 3\n{costs}\n"
    );
    let mut settings = Settings::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    settings.acquirers.remove("north").expect("an acquirer")
}

fn minor(text: &str, currency: Currency) -> i64 {
    let unsigned = Money::parse(text.trim_start_matches('-'), currency)
        .expect("an amount")
        .minor();
    if text.starts_with('-') { -unsigned } else { unsigned }
}

/// Of which batch, the line, and the item that it settles.
fn line(text: &str) -> (Arc<str>, Line, Item) {
    let (named, placed): (Vec<&str>, Vec<&str>) = text.split_whitespace().partition(|word| word.contains('='));
    let named: BTreeMap<&str, &str> = named.iter().filter_map(|word| word.split_once('=')).collect();
    let [ordinal, record, gross, code] = placed[..] else {
        panic!("{text}")
    };
    let currency = Currency::parse(code).expect("a currency");
    let net_currency = named
        .get("net")
        .map_or(currency, |code| Currency::parse(code).expect("a currency"));
    let cost = |name| named.get(name).map_or(0, |amount| minor(amount, net_currency));
    let word = |name| named.get(name).map(|word| (*word).to_owned());
    let gross = Money::from_minor(minor(gross, currency), currency);
    let occurred_on = named.get("day").unwrap_or(&"2026-03-02").parse().expect("a day");
    let line = Line {
        ordinal: ordinal.parse().expect("an ordinal"),
        record: RecordType::ALL
            .into_iter()
            .find(|known| known.name() == record)
            .expect("a record"),
        gross,
        net: Money::zero(net_currency),
        costs: Costs {
            interchange: cost("interchange"),
            scheme: cost("scheme_fee"),
            acquirer: cost("markup"),
        },
        tax: 0,
        reserve: 0,
        occurred_on,
    };
    let item = Item {
        book: BookId(2),
        number: EntryNumber(1),
        gross,
        merchant_fee: 0,
        reserve: 0,
        cost: i64::from(named.contains_key("booked")),
        matures: false,
        passes_costs: None,
        occurred_on,
        reserve_until: None,
        expected_on: occurred_on,
        advanced: None,
        priced_by: PricedBy {
            method: word("method"),
            scheme: word("scheme"),
            card_country: word("country"),
        },
    };
    (Arc::from(*named.get("batch").unwrap_or(&"B1")), line, item)
}

/// Claims line by line, then of batches; then the sums.
#[track_caller]
fn check(contract: (&str, &str), lines: &[&str], claims: &[&str], sums: &[&str]) {
    let acquirer = acquirer(contract.0, contract.1);
    let mut review = Review::of(&acquirer).expect("a contract");
    let mut found = Vec::new();
    for text in lines {
        let (batch, line, item) = line(text);
        found.extend(review.line(&batch, &line, &item).expect("a price"));
    }
    let (added, of_batches) = review.finish();
    found.extend(of_batches);
    let told: Vec<String> = found
        .iter()
        .map(|claim| {
            let place = claim
                .ordinal
                .map_or_else(|| format!("{} {}", claim.batch, claim.lines), |line| line.to_string());
            format!(
                "{place}: {} {} {} / {} since {}",
                claim.component.name(),
                claim.term,
                claim.expected,
                claim.stated,
                claim.since
            )
        })
        .collect();
    assert_eq!(told, claims, "claims of {lines:?}");
    let told: Vec<String> = added
        .iter()
        .map(|(key, sum)| {
            format!(
                "{} {} {} {} {}: {} lines {} / {}{}",
                key.batch,
                key.month,
                key.currency,
                key.component.name(),
                key.term,
                sum.lines,
                sum.expected,
                sum.stated,
                if key.invoiced { " invoiced" } else { "" }
            )
        })
        .collect();
    assert_eq!(told, sums, "sums of {lines:?}");
}

#[test]
fn a_blended_contract_is_held_line_by_line() {
    const COST: (&str, &str) = (
        "net",
        r#"cost = { percentage = "1.4", fixed = { EUR = "0.10" }, rounding = "half_up", minimum = { EUR = "0.20" }, cap = { EUR = "5.00" }, tolerance = { EUR = "0.01" } }"#,
    );
    // 1.4 % of 100.00 is 1.40, and 0.10; of 99.99 it is 1.39986, so 1.50 as well; of 2.50 0.035, so 0.14 and up to the minimum; of
    // 1000.00 14.10, down to the cap. A part may be any of the three: their sum counts.
    check(
        COST,
        &[
            "1 capture 100.00 EUR markup=1.50",
            "2 capture 99.99 EUR interchange=0.60 scheme_fee=0.20 markup=0.70",
            "3 capture 2.50 EUR markup=0.20",
            "4 capture 1000.00 EUR markup=5.00",
        ],
        &[],
        &["B1 2026-03-01 EUR total blended: 4 lines 820 / 820"],
    );
    check(
        COST,
        &[
            "1 capture 100.00 EUR markup=1.52",
            "2 capture 100.00 EUR markup=1.51",
            "3 capture 100.00 EUR markup=-1.50",
            "4 capture 2.50 EUR markup=0.14",
            "5 capture 1000.00 EUR markup=14.10 day=2026-04-01",
        ],
        &[
            "1: total blended 1.50 EUR / 1.52 EUR since 2026-03-02",
            "3: total blended 1.50 EUR / -1.50 EUR since 2026-03-02",
            "4: total blended 0.20 EUR / 0.14 EUR since 2026-03-02",
            "5: total blended 5.00 EUR / 14.10 EUR since 2026-04-01",
        ],
        &[
            "B1 2026-03-01 EUR total blended: 4 lines 470 / 167",
            "B1 2026-04-01 EUR total blended: 1 lines 500 / 1410",
        ],
    );
}

#[test]
fn what_no_term_prices_is_added_up_and_not_claimed() {
    const COST: (&str, &str) = (
        "net",
        r#"cost = { percentage = "1", fixed = { EUR = "0.10" }, rounding = "half_even" }"#,
    );
    check(
        COST,
        &[
            "1 capture 100.00 USD markup=9.00",
            "2 capture 100.00 EUR net=USD markup=9.00",
            "3 refund -100.00 EUR markup=0.30",
            "4 refund -100.00 EUR",
            "5 chargeback -100.00 EUR markup=15.00 booked=yes",
        ],
        &[],
        &[
            "B1 2026-03-01 EUR total : 1 lines 0 / 30",
            "B1 2026-03-01 USD total : 2 lines 0 / 1800",
        ],
    );
}

#[test]
fn a_cent_on_every_line_is_a_claim_of_the_batch() {
    const COST: (&str, &str) = (
        "net",
        r#"cost = { percentage = "1", fixed = { EUR = "0.10" }, rounding = "half_even", tolerance = { EUR = "0.01" }, batch_tolerance = { EUR = "0.02" } }"#,
    );
    // Two cents in all are tolerated, three are not; cents up and down set each other off; each batch is looked at by itself.
    let more = "capture 100.00 EUR markup=1.11";
    check(
        COST,
        &[
            &format!("1 {more}"),
            &format!("2 {more}"),
            &format!("3 {more} batch=B2"),
            &format!("4 {more} batch=B2"),
        ],
        &[],
        &[
            "B1 2026-03-01 EUR total blended: 2 lines 220 / 222",
            "B2 2026-03-01 EUR total blended: 2 lines 220 / 222",
        ],
    );
    check(
        COST,
        &[
            "1 capture 100.00 EUR markup=1.10 day=2026-02-28",
            &format!("2 {more}"),
            &format!("3 {more}"),
            &format!("4 {more} day=2026-03-01"),
            "5 capture 100.00 EUR markup=2.00",
        ],
        &[
            "5: total blended 1.10 EUR / 2.00 EUR since 2026-03-02",
            "B1 4: total blended 4.40 EUR / 4.43 EUR since 2026-03-01",
        ],
        &[
            "B1 2026-02-01 EUR total blended: 1 lines 110 / 110",
            "B1 2026-03-01 EUR total blended: 4 lines 440 / 533",
        ],
    );
    check(
        COST,
        &[
            &format!("1 {more}"),
            &format!("2 {more}"),
            &format!("3 {more}"),
            "4 capture 100.00 EUR markup=1.09",
        ],
        &[],
        &["B1 2026-03-01 EUR total blended: 4 lines 440 / 442"],
    );
}

/// Interchange++ with a table of interchange for two schemes, and another price from April.
const PLUS: (&str, &str) = (
    "net",
    r#"
[[acquirer.cost]]
model = "interchange_plus_plus"
rounding = "half_even"
[[acquirer.cost.term]]
name = "interchange visa domestic"
of = "interchange"
scheme = "visa"
card_country = ["DE", "AT"]
percentage = "0.2"
fixed = { EUR = "0" }
[[acquirer.cost.term]]
name = "interchange visa"
of = "interchange"
scheme = "visa"
percentage = "1.15"
fixed = { EUR = "0" }
[[acquirer.cost.term]]
name = "markup"
of = "markup"
record = ["capture", "refund"]
percentage = "0.1"
fixed = { EUR = "0.05" }
[[acquirer.cost]]
effective_from = "2026-04-01"
model = "interchange_plus_plus"
rounding = "half_even"
percentage = "0.3"
fixed = { EUR = "0.05" }
"#,
);

#[test]
fn the_components_of_interchange_plus_plus_are_held_apart() {
    // 0.2 % of 100.00 is 0.20, 1.15 % is 1.15, 0.1 % and 0.05 are 0.15. Nothing is agreed for mastercard's interchange, nor for
    // scheme fees. From April on the markup is 0.35.
    check(
        PLUS,
        &[
            "1 capture 100.00 EUR scheme=visa country=DE interchange=0.20 scheme_fee=0.07 markup=0.15",
            "2 capture 100.00 EUR scheme=visa country=US interchange=1.15 scheme_fee=0.30 markup=0.15",
            "3 capture 100.00 EUR scheme=visa interchange=0.20 markup=0.15",
            "4 capture 100.00 EUR scheme=mastercard interchange=0.70 markup=0.16",
            "5 refund -100.00 EUR scheme=visa country=DE markup=0.15",
            "6 capture 100.00 EUR scheme=visa country=AT interchange=0.21 markup=0.14",
            "7 capture 100.00 EUR scheme=visa country=AT interchange=9.99 markup=0.35 day=2026-04-01",
        ],
        &[
            "3: interchange interchange visa 1.15 EUR / 0.20 EUR since 2026-03-02",
            "4: markup markup 0.15 EUR / 0.16 EUR since 2026-03-02",
            "6: interchange interchange visa domestic 0.20 EUR / 0.21 EUR since 2026-03-02",
            "6: markup markup 0.15 EUR / 0.14 EUR since 2026-03-02",
        ],
        &[
            "B1 2026-03-01 EUR interchange : 1 lines 0 / 70",
            "B1 2026-03-01 EUR interchange interchange visa: 2 lines 230 / 135",
            "B1 2026-03-01 EUR interchange interchange visa domestic: 2 lines 40 / 41",
            "B1 2026-03-01 EUR markup markup: 6 lines 90 / 90",
            "B1 2026-04-01 EUR markup markup: 1 lines 35 / 35",
        ],
    );
}

#[test]
fn who_settles_in_full_deducts_nothing_and_invoices_by_the_terms() {
    const COST: &str =
        r#"cost = { percentage = "1", fixed = { KRW = "10" }, rounding = "down", tolerance = { KRW = "500" } }"#;
    check(
        ("gross", COST),
        &[
            "1 capture 5050 KRW",
            "2 capture 5050 KRW day=2026-04-01",
            "3 capture 5050 KRW markup=1",
        ],
        &["3: total settles in full 0 KRW / 1 KRW since 2026-03-02"],
        &[
            "B1 2026-03-01 KRW total blended: 2 lines 120 / 0 invoiced",
            "B1 2026-03-01 KRW total settles in full: 2 lines 0 / 1",
            "B1 2026-04-01 KRW total blended: 1 lines 60 / 0 invoiced",
            "B1 2026-04-01 KRW total settles in full: 1 lines 0 / 0",
        ],
    );
    // Nothing is known of what the invoice will be.
    check(
        ("gross", ""),
        &["1 capture 5050 KRW markup=1"],
        &["1: total settles in full 0 KRW / 1 KRW since 2026-03-02"],
        &["B1 2026-03-01 KRW total settles in full: 1 lines 0 / 1"],
    );
    assert!(Review::of(&acquirer("net", "")).is_none());
}

fn with_fixed(rounding: &str) -> Acquirer {
    let cost = format!("cost = {{ percentage = \"2.5\", fixed = {{ EUR = \"0.01\" }}, rounding = \"{rounding}\" }}");
    acquirer("net", &cost)
}

#[test]
fn every_rounding_and_the_largest_amounts() {
    for (rounding, expected) in [("half_even", 12), ("half_up", 13), ("down", 12), ("up", 13)] {
        let acquirer = acquirer(
            "net",
            &format!("cost = {{ percentage = \"2.5\", fixed = {{ EUR = \"0\" }}, rounding = \"{rounding}\" }}"),
        );
        let contract = &acquirer.costs[0];
        let of = |minor| {
            price(
                &contract.terms[0],
                contract,
                Money::from_minor(minor, Currency::parse("EUR").expect("EUR")),
            )
        };
        // 2.5 % of 5.00 is 12.5 cents.
        assert_eq!(of(500).expect("a price"), Some(expected), "{rounding}");
        assert_eq!(of(-500).expect("a price"), Some(expected), "{rounding}");
        // It is rounded by itself: one cent more does not make it even.
        let with_cent = with_fixed(rounding);
        let contract = &with_cent.costs[0];
        let price_of = price(
            &contract.terms[0],
            contract,
            Money::from_minor(500, Currency::parse("EUR").expect("EUR")),
        );
        assert_eq!(price_of.expect("a price"), Some(expected + 1), "{rounding}");
        // 2.5 % of 2^63 - 1, which no i64 holds 40 times.
        assert!(
            of(i64::MAX)
                .expect("a price")
                .is_some_and(|price| price / 1_000_000 == 230_584_300_921),
            "{rounding}"
        );
    }
}
