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
use rust_decimal::Decimal;

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

    fn keep<'a>(&mut self, accrued: impl IntoIterator<Item = &'a (Accrued, Accrual)>) {
        for (accrued, after) in accrued {
            let apart = (Decimal::from(after.posted) - after.exact).abs();
            assert!(apart < Decimal::ONE, "{after:?}");
            let before = self.0.insert(accrued.key.clone(), *after).unwrap_or_default();
            assert_eq!(after.exact - before.exact, accrued.exact);
            assert_eq!(after.posted - before.posted, accrued.posted);
            assert_eq!(after.vat_posted - before.vat_posted, accrued.vat_posted);
        }
    }

    /// A refund that brings what is refunded to this much: what the merchant gets of the fee and of its VAT.
    fn refund(&mut self, returns: &mut Returns, captured: i64, refunded: i64) -> (i64, i64, Change) {
        let change = returns
            .give_back(captured, refunded, &mut |key| self.of(key))
            .expect("a return");
        self.keep(&change.accrued);
        let (mut fee, mut vat) = (0, 0);
        for charge in &change.charges {
            assert_eq!(charge.account, AccountCode::FeeReturned);
            assert!(charge.amount <= 0 && charge.vat <= 0, "{charge:?}");
            fee -= charge.amount;
            vat -= charge.vat;
        }
        (fee, vat, change)
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
            .map(|fee| (fee.total().expect("in range"), fee.passes_costs.is_some()))
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
        let floor = VatRate::IncludedFloor { rate }.tax(price).expect("in range");
        let difference = VatRate::IncludedDifference { rate }.tax(price).expect("in range");
        assert_eq!(floor, price / 11, "{price}");
        assert_eq!(difference - floor, i64::from(price % 11 != 0), "{price}");
        let turned = VatRate::IncludedFloor { rate }.tax(-price).expect("in range");
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
    let mut accruals: [Option<(Accrued, Accrual)>; 2] = [None, None];
    // Parts of 10^-8 of a cent, and of what was posted.
    let (mut exact, mut posted, mut vat) = ([0_i128; 2], [0_i64; 2], [0_i64; 2]);
    for item in 0..1_000_000_i64 {
        let gross = item * 7919 % 5_000;
        let fee = capture_fee(
            &schedule,
            &inputs(Money::from_minor(gross, eur), "2026-07-01"),
            &mut |key| {
                let known = accruals.iter().flatten().find(|(known, _)| known.key == *key);
                known.map_or_else(Accrual::default, |(_, accrual)| *accrual)
            },
        )
        .expect("a fee");
        for (accrued, accrual) in fee.accrued() {
            accruals[usize::from(accrued.key.component == Component::Fixed)] = Some((accrued.clone(), *accrual));
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

fn returns_of(fees: &[CaptureFee]) -> Returns {
    let mut returns = Returns::default();
    for fee in fees {
        returns.add(fee).expect("in range");
    }
    returns
}

#[test]
fn returns_are_proportional_and_add_up() {
    let returns = |policy: &str, vat: &str| {
        let schedule = schedule(&format!("{STANDARD}\nreturned_on_refund = \"{policy}\"\n{vat}"));
        let gross = Money::from_minor(8_000, currency("EUR"));
        let mut accruals = Accruals::default();
        let mut returns = returns_of(&[accruals.capture(&schedule, &inputs(gross, "2026-07-01"))]);
        [3_000, 5_500, 8_000].map(|sum| {
            let (fee, vat, _) = accruals.refund(&mut returns, 8_000, sum);
            (fee, vat)
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
    let (mut back, mut vat_back) = (0, 0);
    for fee in fees {
        let mut returns = returns_of(&[fee]);
        let exact: Vec<_> = returns.accrued.iter().map(|known| known.fee.exact).collect();
        assert_eq!(exact, [decimal("2.75"), decimal("0.3")]);
        for sum in [37, 74, 110] {
            let (fee, vat, _) = accruals.refund(&mut returns, 110, sum);
            back += fee;
            vat_back += vat;
        }
        assert!(returns.accrued.iter().all(|known| known.returned == known.fee.exact));
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
fn a_payment_keeps_the_sum_over_its_captures() {
    let item = schedule(&format!("{STANDARD}\nreturned_on_refund = \"percentage\""));
    let batch = schedule(&format!("{STANDARD}\nreturned_on_refund = \"all\"\nscope = \"batch\""));
    let mut accruals = Accruals::default();
    let fees = [
        (&item, 8_000, "2026-07-01"),
        (&batch, 50, "2026-07-02"),
        (&item, 100, "2026-07-03"),
        (&batch, 10, "2026-07-02"),
        (&batch, 10, "2026-07-03"),
    ]
    .map(|(schedule, gross, on)| accruals.capture(schedule, &inputs(Money::from_minor(gross, currency("EUR")), on)));
    let mut returns = returns_of(&fees);
    let exact = |returns: &Returns| {
        let accrued = returns.accrued.iter();
        accrued
            .map(|known| (known.fee.key.period.to_string(), known.fee.exact.to_string()))
            .collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!((returns.fee, returns.vat), (235, 0));
    let expected = pairs(&[
        ("2026-07-02", "1.740"),
        ("2026-07-02", "60"),
        ("2026-07-03", "0.290"),
        ("2026-07-03", "30"),
    ]);
    assert_eq!(exact(&returns), expected);

    // The capture of the third is withdrawn.
    let accrued: Vec<_> = fees[4].accrued().map(|(accrued, _)| accrued.clone()).collect();
    returns.remove(3, 0, &accrued).expect("in range");
    assert_eq!(returns.fee, 232);
    assert_eq!(exact(&returns), expected[..2]);
    // What was returned stays.
    returns.fee_returned = 100;
    returns.remove(232, 0, &[]).expect("in range");
    assert_eq!(returns.fee, 100);
}

#[test]
fn what_is_undone_leaves_nothing_but_what_others_posted() {
    let schedule = schedule("scope = \"batch\"\npercentage = \"0\"\nfixed = { KRW = \"0.4\" }");
    let mut accruals = Accruals::default();
    let won = Money::from_minor(10, currency("KRW"));
    // 0.4, 0.8, 1.2, 1.6: the second and the fourth are charged 1 each.
    let fees: Vec<_> = (0..4)
        .map(|_| accruals.capture(&schedule, &inputs(won, "2026-07-01")))
        .collect();
    let charged: Vec<_> = fees.iter().map(|fee| fee.total().expect("in range")).collect();
    assert_eq!(charged, [0, 1, 0, 1]);
    let undone = |accruals: &mut Accruals, place: usize| {
        let accrued: Vec<_> = fees[place].accrued().map(|(accrued, _)| accrued.clone()).collect();
        let change = undo(&accrued, &mut |key| accruals.of(key)).expect("in range");
        accruals.keep(&change.accrued);
        let charges = change.charges.iter();
        charges
            .map(|charge| (charge.account.number(), charge.amount))
            .collect::<Vec<_>>()
    };
    // 1.2 is posted as 1, and the mirror of nothing leaves 2: one goes back beside it.
    assert_eq!(undone(&mut accruals, 0), [(4090, -1)]);
    // 0.8 is posted as 1, and the mirror of 1 leaves 0: one is charged beside it.
    assert_eq!(undone(&mut accruals, 1), [(4020, 1)]);
    assert_eq!(undone(&mut accruals, 3), []);
    assert_eq!(undone(&mut accruals, 2), []);
    for accrual in accruals.0.values() {
        assert_eq!((accrual.exact, accrual.posted), (Decimal::ZERO, 0));
    }
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
            vat: ComponentVat { percentage: class(vat[0], vat[1]), fixed: class(vat[2], vat[3]), event: None, costs: None },
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
    let gross = prop_oneof![4 => 1..30_000_i64, 1 => 1..1_000_000_000_000_000_i64];
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

    /// Refunds a capture in these parts of it, and then the rest.
    fn refund(&mut self, schedule: &FeeSchedule, fee: &CaptureFee, gross: Money, sixteenths: &[i64]) {
        let captured = gross.minor();
        let mut returns = returns_of(std::slice::from_ref(fee));
        let (mut sum, mut back, mut vat_back) = (0_i64, 0_i64, 0_i64);
        let parts_of_it = sixteenths.iter().map(|part| captured / 16 * part).chain([captured]);
        for part in parts_of_it {
            sum = (sum + part).min(captured);
            let before = returns.clone();
            let (fee, vat, _) = self.accruals.refund(&mut returns, captured, sum);
            self.returned(schedule, (fee, vat), &before, (captured, sum));
            back += fee;
            vat_back += vat;
        }
        // Everything is refunded: everything returnable is returned, and never more than was charged.
        assert_eq!((returns.fee_returned, returns.vat_returned), (returns.fee, returns.vat));
        assert!(returns.accrued.iter().all(|known| known.returned == known.fee.exact));
        if schedule.scope == Scope::Item {
            let charged = fee
                .charges()
                .fold((0, 0), |sum, charge| (sum.0 + charge.amount, sum.1 + charge.vat));
            assert!(back <= charged.0 && vat_back <= charged.1);
        }
    }

    fn returned(
        &mut self,
        schedule: &FeeSchedule,
        back: (i64, i64),
        before: &Returns,
        (captured, refunded): (i64, i64),
    ) {
        let share = |whole, already| returned(whole, captured, refunded).expect("in range") - already;
        let mut expected = (
            share(before.fee, before.fee_returned),
            share(before.vat, before.vat_returned),
        );
        for known in &before.accrued {
            let key = &known.fee.key;
            let target = returned_parts(parts(known.fee.exact).expect("parts"), captured, refunded);
            let exact = self.exact.get_mut(key).expect("an accrual");
            *exact -= target.expect("in range") - parts(known.returned).expect("parts");
            let Posting { amount, vat, .. } = posting(*exact, schedule.rounding, key.vat).expect("in range");
            let sum = self.posted.get_mut(key).expect("an accrual");
            expected = (expected.0 + sum.0 - amount, expected.1 + sum.1 - vat);
            *sum = (amount, vat);
        }
        assert_eq!(back, expected);
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
        for ((gross, _, refunds), fee) in captures.iter().zip(&fees) {
            book.refund(&schedule, fee, Money::from_minor(*gross, currency), refunds);
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
        others in prop::collection::vec(1..1_000_000_i64, 0..3),
        first in 0..=16_i64,
        second in 0..=16_i64,
    ) {
        let currency = *schedule.prices[0].rates.keys().next().expect("a currency");
        let mut accruals = Accruals::default();
        let capture = |accruals: &mut Accruals, gross| {
            accruals.capture(&schedule, &inputs(Money::from_minor(gross, currency), DAYS[0]))
        };
        let mut returns = returns_of(&[capture(&mut accruals, gross)]);
        let first = gross / 16 * first;
        let both = (first + gross / 16 * second).min(gross);
        accruals.refund(&mut returns, gross, first);
        let before = returns.clone();
        let (_, _, change) = accruals.refund(&mut returns, gross, both);
        let between: Vec<_> = others.iter().map(|gross| capture(&mut accruals, *gross)).collect();
        // The accruals as they are without the refund, and what is booked in all to get there.
        let accrued: Vec<_> = change.accrued.iter().map(|(accrued, _)| accrued.clone()).collect();
        let undone = undo(&accrued, &mut |key| accruals.of(key)).expect("in range");
        let mirrored: i64 = accrued.iter().map(|accrued| accrued.posted + taxes(accrued)).sum();
        let rest: i64 = undone.charges.iter().map(|charge| charge.total()).sum();
        let moved: i64 = undone.accrued.iter().map(|(accrued, _)| accrued.posted + taxes(accrued)).sum();
        prop_assert_eq!(rest - mirrored, moved);
        prop_assert!(!between.is_empty() || undone.charges.is_empty());
        accruals.keep(&undone.accrued);
        let item = (returns.fee_returned - before.fee_returned, returns.vat_returned - before.vat_returned);
        returns.take_back(item.0, item.1, &accrued).expect("in range");
        prop_assert_eq!(returns, before);
    }

    #[test]
    fn returns_of_a_fee_agree(fee in 0..=i64::MAX, captured in 1..=i64::MAX, part in any::<u64>()) {
        let refunded = i128::from(part) * i128::from(captured) / i128::from(u64::MAX);
        let refunded = i64::try_from(refunded).expect("a part");
        let mut returns = Returns { fee, ..Returns::default() };
        let (back, _, _) = Accruals::default().refund(&mut returns, captured, refunded);
        prop_assert_eq!(Some(back), returned(fee, captured, refunded));
    }
}

/// The VAT of an increment that is paid on top of it.
fn taxes(accrued: &Accrued) -> i64 {
    if accrued.key.vat.is_included() {
        0
    } else {
        accrued.vat_posted
    }
}
