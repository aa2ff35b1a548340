//! Fees of worked examples, and of random schedules against the second implementation.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::recompute::{PARTS, Posting, parts, posting, recompute, returned, returned_parts};
use super::*;
use crate::money::Rounding;
use crate::settings::{
    ComponentVat, EventFees, FeeSchedule, Filter, Percentage, Price, Rates, ReturnPolicy, Scope, Settings, Tier,
    VatClass, VatRate, VatVersion,
};

const CODES: [&str; 5] = ["JPY", "KRW", "EUR", "KWD", "CLF"];

fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a currency")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a decimal")
}

/// The schedule of these lines, with the VAT classes that the tests use.
#[track_caller]
fn schedule(lines: &str) -> FeeSchedule {
    let rounding = if lines.contains("rounding") {
        ""
    } else {
        "rounding = \"half_even\""
    };
    let text = format!(
        "effective_from = \"2026-01-01\"\n[[fee_schedule]]\nname = \"s\"\n{rounding}\n{lines}\n\
         [[vat_class]]\nname = \"added\"\nkind = \"added\"\nrate = \"10\"\n\
         [[vat_class]]\nname = \"floor\"\nkind = \"included_floor\"\nrate = \"10\"\n\
         [[vat_class]]\nname = \"difference\"\nkind = \"included_difference\"\nrate = \"10\"\n\
         [[vat_class]]\nname = \"rising\"\nkind = \"added\"\nrate = \"10\"\n\
         [[vat_class]]\nname = \"rising\"\neffective_from = \"2026-07-15\"\nkind = \"added\"\nrate = \"12\"\n\
         [house]\nname = \"Example\"\ntime_zone = \"Asia/Seoul\"\nbank_account = \"main\"\n"
    );
    let settings = Settings::parse(&text).expect("no finding");
    settings.fee_schedule("s", day("2026-07-01")).expect("in force").clone()
}

fn inputs(gross: Money, on: &str) -> Inputs<'static> {
    Inputs {
        gross,
        day: day(on),
        method: None,
        scheme: None,
        card_country: None,
    }
}

/// The accruals of one book.
#[derive(Default)]
struct Accruals(HashMap<AccrualKey, Accrual>);

impl Accruals {
    fn capture(&mut self, schedule: &FeeSchedule, inputs: &Inputs<'_>) -> CaptureFee {
        let fee = capture_fee(schedule, inputs, &mut |key| self.of(key)).expect("a fee");
        self.keep(fee.accrued());
        fee
    }

    fn of(&self, key: &AccrualKey) -> Accrual {
        self.0.get(key).copied().unwrap_or_default()
    }

    fn keep<'a>(&mut self, accrued: impl Iterator<Item = &'a (AccrualKey, Accrual)>) {
        for (key, accrual) in accrued {
            let apart = (Decimal::from(accrual.posted) - accrual.exact).abs();
            assert!(apart < Decimal::ONE, "{accrual:?}");
            self.0.insert(key.clone(), *accrual);
        }
    }
}

/// What a capture of this much is charged: account, revenue, VAT.
#[track_caller]
fn check(lines: &str, gross: &str, expected: &[(i16, i64, i64)]) {
    let (amount, code) = gross.split_once(' ').expect("an amount and a currency");
    let gross = Money::parse(amount, currency(code)).expect("an amount");
    let fee = Accruals::default().capture(&schedule(lines), &inputs(gross, "2026-07-01"));
    let charges: Vec<_> = fee
        .charges()
        .map(|charge| (charge.account.number(), charge.amount, charge.vat))
        .collect();
    assert_eq!(charges, expected, "{lines}: {gross}");
}

const STANDARD: &str = "percentage = \"2.9\"\nfixed = { EUR = \"0.30\", KRW = \"0\" }";

#[test]
fn a_blended_price_is_a_percentage_and_a_fixed_part() {
    check(STANDARD, "80.00 EUR", &[(4010, 232, 0), (4020, 30, 0)]);
    check(STANDARD, "0.01 EUR", &[(4020, 30, 0)]);
    check(STANDARD, "10 KRW", &[]);
    // 0.5 minor units each, rounded as named.
    for (rounding, expected) in [("half_even", 2), ("half_up", 3), ("down", 2), ("up", 3)] {
        let lines = format!("percentage = \"2.5\"\nfixed = {{ EUR = \"0\" }}\nrounding = \"{rounding}\"");
        check(&lines, "1.00 EUR", &[(4010, expected, 0)]);
    }
    for (code, gross, expected) in [
        ("JPY", "1234", 36),
        ("EUR", "12.34", 36),
        ("KWD", "12.345", 358),
        ("CLF", "1.2345", 358),
    ] {
        let lines = format!("percentage = \"2.9\"\nfixed = {{ {code} = \"0\" }}");
        check(&lines, &format!("{gross} {code}"), &[(4010, expected, 0)]);
    }
}

#[test]
fn minimum_and_cap_bound_both_parts_together() {
    let lines =
        "percentage = \"2.9\"\nfixed = { EUR = \"0.30\" }\nminimum = { EUR = \"0.50\" }\ncap = { EUR = \"5.00\" }";
    check(lines, "1.00 EUR", &[(4010, 20, 0), (4020, 30, 0)]);
    check(lines, "6.90 EUR", &[(4010, 20, 0), (4020, 30, 0)]);
    check(lines, "7.00 EUR", &[(4010, 20, 0), (4020, 30, 0)]);
    check(lines, "8.00 EUR", &[(4010, 23, 0), (4020, 30, 0)]);
    check(lines, "162.06 EUR", &[(4010, 470, 0), (4020, 30, 0)]);
    check(lines, "10000.00 EUR", &[(4010, 470, 0), (4020, 30, 0)]);
    // Where the cap leaves nothing beside the fixed part, there is no percentage.
    let lines = "percentage = \"2.9\"\nfixed = { EUR = \"0.30\" }\ncap = { EUR = \"0.30\" }";
    check(lines, "80.00 EUR", &[(4020, 30, 0)]);
}

#[test]
fn tiers_are_for_all_of_the_gross_or_for_slices_of_it() {
    let tiers = |kind: &str| {
        format!(
            "fixed = {{ EUR = \"0\" }}\ntiers = {{ kind = \"{kind}\", EUR = [ {{ from = \"0\", percentage = \"3\" }}, \
             {{ from = \"100.00\", percentage = \"2\" }}, {{ from = \"1000.00\", percentage = \"1\" }} ] }}"
        )
    };
    for (gross, tiered, interval) in [
        ("50.00", 150, 150),
        ("99.99", 300, 300),
        // 2 % of 100.00; 3 % of 100.00 and nothing of the second slice.
        ("100.00", 200, 300),
        ("200.00", 400, 500),
        // 1 % of 1,500.00; 3.00 + 18.00 + 5.00.
        ("1500.00", 1500, 2600),
    ] {
        check(&tiers("tiered"), &format!("{gross} EUR"), &[(4010, tiered, 0)]);
        check(&tiers("interval"), &format!("{gross} EUR"), &[(4010, interval, 0)]);
    }
}

#[test]
fn the_first_price_that_fits_is_the_price() {
    let schedule = schedule(
        "[[fee_schedule.price]]\nmethod = \"card\"\nscheme = [\"visa\", \"mastercard\"]\ncard_country = [\"DE\", \"FR\"]\n\
         percentage = \"1\"\nfixed = { EUR = \"0\" }\npasses_costs = true\n\
         [[fee_schedule.price]]\nmethod = \"card\"\ncurrency = [\"EUR\", \"KRW\"]\npercentage = \"2\"\n\
         fixed = { EUR = \"0\", KRW = \"0\" }\n\
         [[fee_schedule.price]]\nmethod = \"wallet\"\npercentage = \"3\"\nfixed = { EUR = \"0\", USD = \"0\" }",
    );
    let price = |code: &str, method, scheme, card_country| {
        let inputs = Inputs {
            method,
            scheme,
            card_country,
            ..inputs(Money::from_minor(10_000, currency(code)), "2026-07-01")
        };
        capture_fee(&schedule, &inputs, &mut |_| Accrual::default())
            .map(|fee| (fee.total().expect("in range"), fee.passes_costs))
            .map_err(|error| error.to_string())
    };
    let (card, visa) = (Some("card"), Some("visa"));
    assert_eq!(price("EUR", card, visa, Some("DE")), Ok((100, true)));
    assert_eq!(price("EUR", card, Some("mastercard"), Some("FR")), Ok((100, true)));
    assert_eq!(price("EUR", card, visa, Some("US")), Ok((200, false)));
    assert_eq!(price("EUR", card, visa, None), Ok((200, false)));
    assert_eq!(price("KRW", card, None, None), Ok((200, false)));
    assert_eq!(price("USD", Some("wallet"), None, None), Ok((300, false)));
    // The price that fits does not price the currency, and no other is tried.
    let not_priced = "fee schedule `s` has no price in KRW";
    assert_eq!(price("KRW", card, visa, Some("DE")), Err(not_priced.to_owned()));
    let fits = "no price of fee schedule `s` fits a capture in USD by its method, scheme and card country";
    assert_eq!(price("USD", card, visa, Some("US")), Err(fits.to_owned()));
    assert_eq!(price("EUR", None, visa, Some("DE")), Err(fits.replace("USD", "EUR")));
}

#[test]
fn vat_is_added_to_a_fee_or_contained_in_it() {
    let fixed = |won: &str, vat: &str| format!("percentage = \"0\"\nfixed = {{ KRW = \"{won}\" }}\nvat = \"{vat}\"");
    check(&fixed("350", "added"), "10000 KRW", &[(4020, 350, 35)]);
    check(&fixed("355", "added"), "10000 KRW", &[(4020, 355, 35)]);
    check(&fixed("385", "floor"), "10000 KRW", &[(4020, 350, 35)]);
    check(&fixed("385", "difference"), "10000 KRW", &[(4020, 350, 35)]);
    // 386 / 11 = 35.09; 386 / 1.1 = 350.9.
    check(&fixed("386", "floor"), "10000 KRW", &[(4020, 351, 35)]);
    check(&fixed("386", "difference"), "10000 KRW", &[(4020, 350, 36)]);
    // By component.
    let lines = "percentage = \"3.5\"\nfixed = { KRW = \"100\" }\nvat = { percentage = \"added\" }";
    check(lines, "10000 KRW", &[(4010, 350, 35), (4020, 100, 0)]);
}

#[test]
fn the_two_formulas_differ_by_one_for_every_price_that_11_does_not_divide() {
    let rate = decimal("0.1");
    for price in 1..=100_000_i64 {
        let floor = vat::tax(price, VatRate::IncludedFloor { rate }).expect("in range");
        let difference = vat::tax(price, VatRate::IncludedDifference { rate }).expect("in range");
        assert_eq!(floor, price / 11, "{price}");
        assert_eq!(difference - floor, i64::from(price % 11 != 0), "{price}");
        let turned = vat::tax(-price, VatRate::IncludedFloor { rate }).expect("in range");
        assert_eq!(turned, -floor, "{price}");
    }
}

/// So many captures of the same gross on one day: what is posted in the end, and the accruals.
fn captures(lines: &str, count: usize, won: i64) -> (i64, i64, Accruals) {
    let schedule = schedule(lines);
    let mut accruals = Accruals::default();
    let (mut amount, mut vat) = (0, 0);
    for _ in 0..count {
        let inputs = inputs(Money::from_minor(won, currency("KRW")), "2026-07-01");
        for charge in accruals.capture(&schedule, &inputs).charges() {
            amount += charge.amount;
            vat += charge.vat;
        }
    }
    (amount, vat, accruals)
}

#[test]
fn fees_below_a_minor_unit_are_added_up_first() {
    for scope in ["batch", "invoice", "contract"] {
        let lines = format!("scope = \"{scope}\"\npercentage = \"0\"\nfixed = {{ KRW = \"0.3\" }}\nvat = \"added\"");
        let (amount, vat, accruals) = captures(&lines, 10_000, 10);
        assert_eq!((amount, vat), (3_000, 300), "{scope}");
        let period = match scope {
            "contract" => "2000-01-01",
            _ => "2026-07-01",
        };
        let keys: Vec<_> = accruals.0.keys().map(|key| (key.period, key.component)).collect();
        assert_eq!(keys, [(day(period), Component::Fixed)], "{scope}");
    }
    let lines = |scope, rounding| {
        format!("scope = \"{scope}\"\nrounding = \"{rounding}\"\npercentage = \"2.5\"\nfixed = {{ KRW = \"0\" }}")
    };
    assert_eq!(captures(&lines("item", "half_up"), 10_000, 100).0, 30_000);
    assert_eq!(captures(&lines("item", "half_even"), 10_000, 100).0, 20_000);
    for rounding in ["half_even", "half_up", "down", "up"] {
        assert_eq!(captures(&lines("batch", rounding), 10_000, 100).0, 25_000, "{rounding}");
        assert_eq!(captures(&lines("invoice", rounding), 10_000, 10).0, 2_500, "{rounding}");
    }
}

#[test]
fn a_period_ends_and_a_vat_rate_changes() {
    let schedule = schedule(
        "scope = \"invoice\"\npercentage = \"0\"\nfixed = { KRW = \"9.5\" }\nvat = \"rising\"\nrounding = \"down\"",
    );
    let mut accruals = Accruals::default();
    let mut charges = Vec::new();
    for on in ["2026-07-14", "2026-07-14", "2026-07-15", "2026-07-31", "2026-08-01"] {
        let fee = accruals.capture(&schedule, &inputs(Money::from_minor(100, currency("KRW")), on));
        charges.extend(fee.charges().map(|charge| (charge.amount, charge.vat)));
    }
    // 9.5, 19 at 10 %: 0.9, 1.9; then from 0 again at 12 %: 9.5, 19: 1.08, 2.28; then the next month.
    assert_eq!(charges, [(9, 0), (10, 1), (9, 1), (10, 1), (9, 1)]);
    let mut keys: Vec<_> = accruals.0.keys().map(|key| (key.period, key.vat.to_string())).collect();
    keys.sort();
    let expected = [
        ("2026-07-01", "added 10 down"),
        ("2026-07-01", "added 12 down"),
        ("2026-08-01", "added 12 down"),
    ];
    assert_eq!(keys, expected.map(|(period, vat)| (day(period), vat.to_owned())));
}

#[test]
fn a_million_items_do_not_drift() {
    let schedule = schedule(
        "scope = \"contract\"\npercentage = \"2.345678\"\nfixed = { EUR = \"0.00123456\" }\nvat = \"added\"\n\
         minimum = { EUR = \"0.0123\" }",
    );
    let eur = currency("EUR");
    let mut accruals: [Option<(AccrualKey, Accrual)>; 2] = [None, None];
    // Parts of 10^-8 of a cent, and of what was posted.
    let (mut exact, mut posted, mut vat) = ([0_i128; 2], [0_i64; 2], [0_i64; 2]);
    for item in 0..1_000_000_i64 {
        let gross = item * 7919 % 5_000;
        let fee = capture_fee(
            &schedule,
            &inputs(Money::from_minor(gross, eur), "2026-07-01"),
            &mut |key| {
                let known = accruals.iter().flatten().find(|(known, _)| known == key);
                known.map_or_else(Accrual::default, |(_, accrual)| *accrual)
            },
        )
        .expect("a fee");
        for (key, accrual) in fee.accrued() {
            accruals[usize::from(key.component == Component::Fixed)] = Some((key.clone(), *accrual));
        }
        for charge in fee.charges() {
            let slot = usize::from(charge.account == AccountCode::FeeFixed);
            posted[slot] += charge.amount;
            vat[slot] += charge.vat;
        }
        // 2.345678 % is 2,345,678 of 10^8; the fixed part 0.123456 cent, the minimum 1.23 cent.
        let percentage = (i128::from(gross) * 2_345_678).max(123_000_000 - 12_345_600);
        exact[0] += percentage;
        exact[1] += 12_345_600;
        for slot in 0..2 {
            let apart = i128::from(posted[slot]) * 100_000_000 - exact[slot];
            assert!(apart.abs() < 100_000_000, "item {item}");
        }
    }
    for (slot, accrual) in accruals.iter().enumerate() {
        let (_, accrual) = accrual.as_ref().expect("an accrual");
        assert_eq!(parts(accrual.exact), Some(exact[slot] * 100));
        assert_eq!((accrual.posted, accrual.vat_posted), (posted[slot], vat[slot]));
        assert_eq!(vat[slot], posted[slot] / 10);
    }
    assert_eq!(posted[1], 123_456);
}

// Refunds -------------------------------------------------------------------------------------------------------------

fn refunded(captured: i64, refunded: i64) -> Refunded {
    Refunded {
        currency: currency("EUR"),
        captured,
        refunded,
    }
}

#[test]
fn returns_are_proportional_and_add_up() {
    let returns = |policy: &str, vat: &str| {
        let schedule = schedule(&format!("{STANDARD}\nreturned_on_refund = \"{policy}\"\n{vat}"));
        let gross = Money::from_minor(8_000, currency("EUR"));
        let fee = Accruals::default().capture(&schedule, &inputs(gross, "2026-07-01"));
        let mut returned = Returned::default();
        [3_000, 5_500, 8_000].map(|sum| {
            let back = return_fee(&fee.returnable, returned, refunded(8_000, sum), None, &mut |_| {
                Accrual::default()
            })
            .expect("a return");
            returned = back.returned;
            (back.fee, back.vat)
        })
    };
    assert_eq!(returns("percentage", ""), [(87, 0), (73, 0), (72, 0)]);
    assert_eq!(returns("nothing", ""), [(0, 0); 3]);
    // Of 262: 98.25, 180.125, 262.
    assert_eq!(returns("all", ""), [(98, 0), (82, 0), (82, 0)]);
    // Of 23 VAT: 8.625, 15.8125, 23.
    assert_eq!(returns("percentage", "vat = \"added\""), [(87, 9), (73, 7), (72, 7)]);
}

#[test]
fn a_fee_that_was_added_up_goes_back_exactly() {
    let lines = "scope = \"batch\"\npercentage = \"2.5\"\nfixed = { EUR = \"0.003\" }\nreturned_on_refund = \"all\"\nvat = \"added\"";
    let schedule = schedule(lines);
    let mut accruals = Accruals::default();
    let gross = Money::from_minor(110, currency("EUR"));
    let (mut charged, mut vat_charged) = (0, 0);
    let fees: Vec<_> = (0..10)
        .map(|_| {
            let fee = accruals.capture(&schedule, &inputs(gross, "2026-07-01"));
            for charge in fee.charges() {
                charged += charge.amount;
                vat_charged += charge.vat;
            }
            fee
        })
        .collect();
    // 27.5 and 3.
    assert_eq!((charged, vat_charged), (28 + 3, 2));
    assert_eq!(fees[0].returnable.exact_percentage, decimal("2.75"));
    assert_eq!(fees[0].returnable.accrued_by, Some(("s".into(), day("2026-07-01"))));
    let (mut back, mut vat_back) = (0, 0);
    for fee in &fees {
        let mut returned = Returned::default();
        for sum in [37, 74, 110] {
            let now = refunded(110, sum);
            let change = return_fee(&fee.returnable, returned, now, Some(&schedule), &mut |key| {
                accruals.of(key)
            })
            .expect("a return");
            assert!(change.fee >= 0 && change.vat >= 0, "{change:?}");
            accruals.keep(change.accrued());
            returned = change.returned;
            back += change.fee;
            vat_back += change.vat;
        }
    }
    assert_eq!((back, vat_back), (charged, vat_charged));
    for accrual in accruals.0.values() {
        assert_eq!(
            (accrual.exact, accrual.posted, accrual.vat_posted),
            (Decimal::ZERO, 0, 0)
        );
    }
}

#[test]
fn a_return_needs_the_schedule_that_the_fee_was_added_up_by() {
    let schedule =
        schedule("scope = \"batch\"\nreturned_on_refund = \"all\"\npercentage = \"2.5\"\nfixed = { EUR = \"0\" }");
    let gross = Money::from_minor(110, currency("EUR"));
    let fee = Accruals::default().capture(&schedule, &inputs(gross, "2026-07-01"));
    let error = return_fee(
        &fee.returnable,
        Returned::default(),
        refunded(110, 110),
        None,
        &mut |_| Accrual::default(),
    );
    let error = error.expect_err("no schedule").to_string();
    assert_eq!(
        error,
        "there is no fee schedule `s` on 2026-07-01, by which the fee was charged"
    );
}

#[test]
fn a_payment_keeps_the_sum_over_its_captures() {
    let item = schedule(&format!("{STANDARD}\nreturned_on_refund = \"percentage\""));
    let batch = schedule(&format!("{STANDARD}\nreturned_on_refund = \"all\"\nscope = \"batch\""));
    let mut accruals = Accruals::default();
    let mut sum = Returnable::default();
    assert!(sum.is_nothing());
    for (schedule, gross, on) in [
        (&item, 8_000, "2026-07-01"),
        (&batch, 50, "2026-07-02"),
        (&item, 100, "2026-07-03"),
    ] {
        let fee = accruals.capture(schedule, &inputs(Money::from_minor(gross, currency("EUR")), on));
        sum = sum.plus(&fee.returnable).expect("in range");
    }
    assert_eq!(
        sum,
        Returnable {
            fee: 235,
            vat: 0,
            exact_percentage: decimal("1.45"),
            exact_fixed: decimal("30"),
            accrued_by: Some(("s".into(), day("2026-07-02"))),
        }
    );
}

// Events --------------------------------------------------------------------------------------------------------------

#[test]
fn events_have_fees_of_their_own() {
    let schedule = schedule(&format!(
        "{STANDARD}\nvat = {{ event = \"added\" }}\nmonthly_minimum = {{ EUR = \"25.00\" }}\n\
         event = {{ authorization = {{ EUR = \"0.02\" }}, refund = {{ EUR = \"0.10\" }}, dispute = {{ EUR = \"15.00\" }}, \
         payout = {{ EUR = \"0.25\" }}, advance_percentage = \"2\" }}"
    ));
    let fee = |event, code: &str| {
        let charge = event_fee(&schedule, event, currency(code), day("2026-07-01")).expect("in range");
        charge.map(|charge| (charge.account.number(), charge.amount, charge.vat))
    };
    assert_eq!(fee(EventFee::Authorization, "EUR"), Some((4020, 2, 0)));
    assert_eq!(fee(EventFee::Refund, "EUR"), Some((4020, 10, 1)));
    assert_eq!(fee(EventFee::Dispute, "EUR"), Some((4030, 1_500, 150)));
    assert_eq!(fee(EventFee::Payout, "EUR"), Some((4050, 25, 2)));
    assert_eq!(fee(EventFee::Advance(9_100), "KRW"), Some((4050, 182, 18)));
    assert_eq!(fee(EventFee::Dispute, "KRW"), None);
    assert_eq!(fee(EventFee::Advance(0), "EUR"), None);

    let top_up = |charged| {
        let charged = Money::from_minor(charged, currency("EUR"));
        let charge = monthly_minimum_fee(&schedule, charged, day("2026-07-31")).expect("in range");
        charge.map(|charge| (charge.account.number(), charge.amount, charge.vat))
    };
    assert_eq!(top_up(262), Some((4040, 2_238, 223)));
    assert_eq!(top_up(2_500), None);
    assert_eq!(top_up(3_000), None);
    assert_eq!((minimum_top_up(2_500, 262), minimum_top_up(2_500, 2_501)), (2_238, 0));
}

// Explanation ---------------------------------------------------------------------------------------------------------

#[track_caller]
fn explained(lines: &str, minor: i64, expected: &[&str]) {
    let schedule = schedule(lines);
    let inputs = Inputs {
        method: Some("card"),
        scheme: Some("visa"),
        ..inputs(Money::from_minor(minor, currency("EUR")), "2026-07-01")
    };
    let before = Accrual {
        exact: decimal("0.4"),
        ..Accrual::default()
    };
    let (fee, steps) = explain(&schedule, &inputs, &mut |_| before).expect("a fee");
    assert_eq!(Ok(fee), capture_fee(&schedule, &inputs, &mut |_| before));
    let steps: Vec<_> = steps
        .iter()
        .map(|step| format!("{}: {}", step.about, step.text))
        .collect();
    assert_eq!(steps, expected);
}

#[test]
fn a_price_can_be_explained() {
    explained(
        &format!("{STANDARD}\ncap = {{ EUR = \"2.00\" }}\nvat = {{ percentage = \"floor\" }}"),
        8_010,
        &[
            "schedule: `s`; rounding half_even, each capture by itself",
            "price: 1 of 1: for every capture",
            "percentage: 2.9 % of 80.10 EUR",
            "percentage: is 2.3229 EUR, rounded half_even to 2.32 EUR",
            "fixed: 0.30 EUR",
            "cap: 2.62 EUR is above the cap 2.00 EUR: the percentage becomes 1.70 EUR",
            "vat: percentage: 1.55 EUR and VAT 0.15 EUR (10 % included, the tax rounded down)",
            "vat: fixed: 0.30 EUR and VAT 0.00 EUR (exempt)",
        ],
    );
    explained(
        "scope = \"invoice\"\neffective_from = \"2026-01-01\"\n[[fee_schedule.price]]\nmethod = \"wallet\"\npercentage = \"1\"\n\
         fixed = {}\n[[fee_schedule.price]]\nmethod = \"card\"\nscheme = [\"visa\", \"amex\"]\ncurrency = \"EUR\"\n\
         passes_costs = true\nfixed = { EUR = \"0.003\" }\nminimum = { EUR = \"0.05\" }\n\
         tiers = { kind = \"interval\", EUR = [ { from = \"0\", percentage = \"3\" }, { from = \"1.00\", percentage = \"1\" } ] }",
        150,
        &[
            "schedule: `s`, in force from 2026-01-01; rounding half_even, the sum of a calendar month",
            "price: 2 of 2: for method card, scheme visa or amex, currency EUR; interchange and scheme fee are passed on",
            "percentage: 3 % of 1.00 EUR, the slice from 0.00 EUR: 0.03 EUR",
            "percentage: 1 % of 0.50 EUR, the slice from 1.00 EUR: 0.005 EUR",
            "percentage: the slices together are 0.035 EUR",
            "fixed: 0.003 EUR",
            "minimum: 0.038 EUR is below the minimum 0.05 EUR: the percentage becomes 0.047 EUR",
            "accrual: percentage: the exact sum grows from 0.004 EUR to 0.051 EUR, what is posted from 0.00 EUR to 0.05 EUR",
            "vat: percentage: 0.05 EUR and VAT 0.00 EUR (exempt)",
            "accrual: fixed: the exact sum grows from 0.004 EUR to 0.007 EUR, what is posted from 0.00 EUR to 0.01 EUR",
            "vat: fixed: 0.01 EUR and VAT 0.00 EUR (exempt)",
        ],
    );
}

// The second implementation -------------------------------------------------------------------------------------------

fn vat_rate() -> impl Strategy<Value = VatRate> {
    let rate = (0..=2_500_i64).prop_map(|rate| Decimal::new(rate, 4));
    (0..5_u8, rate, rounding()).prop_map(|(kind, rate, rounding)| match kind {
        0 => VatRate::Exempt,
        1 => VatRate::Zero,
        2 => VatRate::Added { rate, rounding },
        3 => VatRate::IncludedFloor { rate },
        _ => VatRate::IncludedDifference { rate },
    })
}

fn rounding() -> impl Strategy<Value = Rounding> {
    prop::sample::select(Rounding::ALL.to_vec())
}

fn rate() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (0..=1_000_i64).prop_map(|rate| Decimal::new(rate, 4)),
        (0..=100_000_000_i64).prop_map(|rate| Decimal::new(rate, 8)),
    ]
}

fn percentage() -> impl Strategy<Value = Percentage> {
    let tiers = prop::collection::btree_map(1..20_000_i64, rate(), 0..4);
    (0..3_u8, rate(), tiers).prop_map(|(kind, first, tiers)| {
        let first_tier = Tier { from: 0, rate: first };
        let rest = tiers.into_iter().map(|(from, rate)| Tier { from, rate });
        let tiers: Vec<_> = std::iter::once(first_tier).chain(rest).collect();
        match kind {
            0 => Percentage::Flat(first),
            1 => Percentage::Tiered(tiers),
            _ => Percentage::Interval(tiers),
        }
    })
}

/// Amounts in millionths of a minor unit; whole ones under scope `item`.
fn amounts() -> impl Strategy<Value = (i64, Option<i64>, Option<i64>)> {
    let amount = || prop_oneof![1 => Just(0_i64), 3 => 0..2_000_000_i64, 2 => 0..500_000_000_i64];
    (amount(), prop::option::of(amount()), prop::option::of(amount())).prop_map(|(fixed, minimum, above)| {
        let cap = above.map(|above| fixed.max(minimum.unwrap_or(0)) + above);
        (fixed, minimum, cap)
    })
}

prop_compose! {
    fn a_schedule()(
        code in prop::sample::select(CODES.to_vec()),
        scope in prop::sample::select(vec![Scope::Item, Scope::Batch, Scope::Invoice, Scope::Contract]),
        rounding in rounding(),
        policy in prop::sample::select(vec![ReturnPolicy::Nothing, ReturnPolicy::Percentage, ReturnPolicy::All]),
        percentage in percentage(),
        amounts in amounts(),
        vat in prop::collection::vec(prop::option::of(vat_rate()), 4),
    ) -> FeeSchedule {
        let exact = |millionths: i64| match scope {
            Scope::Item => Decimal::from(millionths / 1_000_000),
            Scope::Batch | Scope::Invoice | Scope::Contract => Decimal::new(millionths, 6),
        };
        let (fixed, minimum, cap) = amounts;
        let rates = Rates {
            percentage: percentage.clone(),
            fixed: exact(fixed),
            minimum: minimum.map(exact),
            cap: cap.map(exact),
        };
        let class = |first: Option<VatRate>, second: Option<VatRate>| {
            let version = |effective_from, rate| VatVersion { effective_from, rate };
            let versions = [
                first.map(|rate| version(None, rate)),
                second.map(|rate| version(Some(day("2026-07-02")), rate)),
            ];
            let versions: Vec<_> = versions.into_iter().flatten().collect();
            first.map(|_| Arc::new(VatClass { name: "v".into(), versions }))
        };
        FeeSchedule {
            name: "s".into(),
            effective_from: Some(day("2026-01-01")),
            until: None,
            rounding,
            scope,
            returned_on_refund: policy,
            vat: ComponentVat { percentage: class(vat[0], vat[1]), fixed: class(vat[2], vat[3]), event: None },
            monthly_minimum: BTreeMap::new(),
            event: EventFees::default(),
            dispute_fee_returned_when_won: false,
            prices: vec![Price {
                fits: Filter::default(),
                passes_costs: false,
                rates: BTreeMap::from([(currency(code), rates)]),
            }],
        }
    }
}

/// A capture: gross, day, and parts of it that are refunded, in sixteenths.
fn a_capture() -> impl Strategy<Value = (i64, usize, Vec<i64>)> {
    let gross = prop_oneof![4 => 0..30_000_i64, 1 => 0..1_000_000_000_000_000_i64];
    (gross, 0..4_usize, prop::collection::vec(1..=8_i64, 0..3))
}

const DAYS: [&str; 4] = ["2026-07-01", "2026-07-02", "2026-07-31", "2026-08-01"];

/// What was posted, and what should have been, by component and accrual.
#[derive(Default)]
struct Book {
    accruals: Accruals,
    posted: HashMap<AccrualKey, (i64, i64)>,
    exact: HashMap<AccrualKey, i128>,
}

impl Book {
    /// Charges by component: revenue and VAT.
    fn capture(&mut self, schedule: &FeeSchedule, gross: Money, on: &str) -> CaptureFee {
        let inputs = inputs(gross, on);
        let fee = self.accruals.capture(schedule, &inputs);
        let second = recompute(schedule, &inputs).expect("a fee");
        let rates = &schedule.prices[0].rates[&gross.currency()];
        let total = second.percentage.exact + second.fixed.exact;
        assert!(second.percentage.exact >= 0 && second.fixed.exact >= 0);
        assert!(rates.cap.is_none_or(|cap| total <= parts(cap).expect("parts")));
        assert!(
            rates
                .minimum
                .is_none_or(|minimum| total >= parts(minimum).expect("parts"))
        );
        for (component, part) in [
            (Component::Percentage, second.percentage),
            (Component::Fixed, second.fixed),
        ] {
            let charge = fee.charges().find(|charge| charge.account == component.account());
            let (amount, vat) = charge.map_or((0, 0), |charge| (charge.amount, charge.vat));
            assert!(amount >= 0 && vat >= 0);
            let Some(period) = second.period else {
                let expected = posting(part.exact, schedule.rounding, part.vat).expect("in range");
                assert_eq!((amount, vat), (expected.amount, expected.vat));
                continue;
            };
            let key = AccrualKey::new(schedule, component, gross.currency(), period, part.vat);
            *self.exact.entry(key.clone()).or_default() += part.exact;
            let sum = self.posted.entry(key).or_default();
            *sum = (sum.0 + amount, sum.1 + vat);
        }
        self.agrees(schedule);
        fee
    }

    fn agrees(&self, schedule: &FeeSchedule) {
        for (key, exact) in &self.exact {
            let Posting { price, amount, vat } = posting(*exact, schedule.rounding, key.vat).expect("in range");
            assert_eq!(self.posted[key], (amount, vat), "{key:?}");
            assert!((i128::from(price) * PARTS - exact).abs() < PARTS);
            let accrual = self.accruals.of(key);
            assert_eq!((accrual.posted, accrual.vat_posted), (price, vat), "{key:?}");
            assert_eq!(parts(accrual.exact), Some(*exact), "{key:?}");
        }
    }

    fn refund(&mut self, schedule: &FeeSchedule, fee: &CaptureFee, gross: Money, on: &str, sixteenths: &[i64]) {
        let captured = gross.minor();
        let mut already = Returned::default();
        let (mut sum, mut back, mut vat_back) = (0_i64, 0_i64, 0_i64);
        let mut parts_left: Vec<i64> = sixteenths.iter().map(|part| captured / 16 * part).collect();
        parts_left.push(captured);
        for part in parts_left {
            sum = (sum + part).min(captured);
            let now = Refunded {
                currency: gross.currency(),
                captured,
                refunded: sum,
            };
            let change = return_fee(&fee.returnable, already, now, Some(schedule), &mut |key| {
                self.accruals.of(key)
            })
            .expect("a return");
            assert!(change.fee >= 0 && change.vat >= 0, "{change:?}");
            self.accruals.keep(change.accrued());
            self.returned(schedule, &change, fee, now, on, already);
            already = change.returned;
            back += change.fee;
            vat_back += change.vat;
        }
        let Returnable {
            fee: returnable, vat, ..
        } = fee.returnable;
        if schedule.scope == Scope::Item {
            // Everything is refunded: everything returnable is returned, and never more than was charged.
            assert_eq!((back, vat_back), (returnable, vat));
            let charged = fee
                .charges()
                .fold((0, 0), |sum, charge| (sum.0 + charge.amount, sum.1 + charge.vat));
            assert!(back <= charged.0 && vat_back <= charged.1);
        } else {
            assert_eq!(already.exact_percentage, fee.returnable.exact_percentage);
            assert_eq!(already.exact_fixed, fee.returnable.exact_fixed);
        }
    }

    fn returned(
        &mut self,
        schedule: &FeeSchedule,
        change: &FeeReturn,
        fee: &CaptureFee,
        now: Refunded,
        on: &str,
        already: Returned,
    ) {
        if schedule.scope == Scope::Item {
            let expected = returned(fee.returnable.fee, now.captured, now.refunded).expect("in range");
            assert_eq!(already.fee + change.fee, expected);
            return;
        }
        let (mut amounts, mut vats) = (0, 0);
        for (component, returnable, before) in [
            (
                Component::Percentage,
                fee.returnable.exact_percentage,
                already.exact_percentage,
            ),
            (Component::Fixed, fee.returnable.exact_fixed, already.exact_fixed),
        ] {
            if returnable.is_zero() {
                continue;
            }
            let vat = component.vat_rate(schedule, day(on)).expect("a rate");
            let period = schedule.period(day(on)).expect("a period");
            let key = AccrualKey::new(schedule, component, now.currency, period, vat);
            let target = returned_parts(parts(returnable).expect("parts"), now.captured, now.refunded);
            let delta = target.expect("in range") - parts(before).expect("parts");
            let exact = self.exact.get_mut(&key).expect("an accrual");
            *exact -= delta;
            let expected = posting(*exact, schedule.rounding, key.vat).expect("in range");
            let sum = self.posted.get_mut(&key).expect("an accrual");
            amounts += sum.0 - expected.amount;
            vats += sum.1 - expected.vat;
            *sum = (expected.amount, expected.vat);
        }
        assert_eq!((change.fee, change.vat), (amounts, vats));
        self.agrees(schedule);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn both_implementations_agree(schedule in a_schedule(), captures in prop::collection::vec(a_capture(), 1..12)) {
        let currency = *schedule.prices[0].rates.keys().next().expect("a currency");
        let mut book = Book::default();
        let mut fees = Vec::new();
        for (gross, on, _) in &captures {
            let gross = Money::from_minor(*gross, currency);
            fees.push(book.capture(&schedule, gross, DAYS[*on]));
        }
        for ((gross, on, refunds), fee) in captures.iter().zip(&fees) {
            book.refund(&schedule, fee, Money::from_minor(*gross, currency), DAYS[*on], refunds);
        }
        if schedule.scope != Scope::Item && schedule.returned_on_refund == ReturnPolicy::All {
            for (key, accrual) in &book.accruals.0 {
                prop_assert_eq!((accrual.exact, accrual.posted, accrual.vat_posted), (Decimal::ZERO, 0, 0), "{:?}", key);
            }
        }
    }

    #[test]
    fn a_failed_refund_takes_back_what_it_was_given(
        schedule in a_schedule(),
        gross in 1..1_000_000_i64,
        first in 0..=16_i64,
        second in 0..=16_i64,
    ) {
        let currency = *schedule.prices[0].rates.keys().next().expect("a currency");
        let mut accruals = Accruals::default();
        let fee = accruals.capture(&schedule, &inputs(Money::from_minor(gross, currency), DAYS[0]));
        let now = |refunded: i64| Refunded { currency, captured: gross, refunded };
        let first = gross / 16 * first;
        let both = (first + gross / 16 * second).min(gross);
        let returnable = &fee.returnable;
        let one = return_fee(returnable, Returned::default(), now(first), Some(&schedule), &mut |key| accruals.of(key));
        let one = one.expect("a return");
        accruals.keep(one.accrued());
        let before = accruals.0.clone();
        let other = return_fee(returnable, one.returned, now(both), Some(&schedule), &mut |key| accruals.of(key));
        let other = other.expect("a return");
        accruals.keep(other.accrued());
        let back = take_back_fee(returnable, other.returned, now(first), Some(&schedule), &mut |key| accruals.of(key));
        let back = back.expect("a return");
        accruals.keep(back.accrued());
        prop_assert_eq!((back.fee, back.vat), (-other.fee, -other.vat));
        prop_assert_eq!(back.returned, one.returned);
        prop_assert_eq!(accruals.0, before);
    }

    #[test]
    fn returns_of_a_fee_agree(fee in any::<i64>(), captured in 1..=i64::MAX, part in any::<u64>()) {
        let refunded = i64::try_from(i128::from(part) * i128::from(captured) / i128::from(u64::MAX)).expect("a part");
        let now = Refunded { currency: currency("EUR"), captured, refunded };
        let returnable = Returnable { fee, ..Returnable::default() };
        let already = Returned { fee: i64::MIN, ..Returned::default() };
        let back = return_fee(&returnable, already, now, None, &mut |_| Accrual::default());
        let expected = returned(fee, captured, refunded).expect("in range");
        // From the smallest number on, only what is not positive can be said in 64 bits.
        match back {
            Ok(back) => prop_assert_eq!(back.returned.fee, expected),
            Err(error) => prop_assert!(expected >= 0, "{}", error),
        }
    }
}
