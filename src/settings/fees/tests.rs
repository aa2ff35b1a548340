//! What fee schedules and VAT classes say, and every finding of those that are wrong.

use super::*;
use crate::money::Currency;
use crate::settings::Settings;

/// A settings file whose fees begin on line 2.
fn file(fees: &str) -> String {
    format!(
        "effective_from = \"2026-01-01\"{fees}\n[house]\nname = \"Example\"\ntime_zone = \"Europe/Berlin\"\nbank_account = \"main\"\n"
    )
}

#[track_caller]
fn read(fees: &str) -> Settings {
    Settings::parse(&file(fees)).expect("no finding")
}

/// Every finding of a schedule that is right but for these lines, which begin on line 5.
#[track_caller]
fn check(lines: &str, expected: &[&str]) {
    check_file(
        &format!("\n[[fee_schedule]]\nname = \"s\"\nrounding = \"half_even\"\n{lines}"),
        expected,
    );
}

/// Every finding of fees that begin on line 2.
#[track_caller]
fn check_file(fees: &str, expected: &[&str]) {
    let error = Settings::parse(&file(fees)).expect_err(fees);
    assert_eq!(error.to_string().lines().collect::<Vec<_>>(), expected, "{fees}");
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a decimal")
}

fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a currency")
}

const FULL: &str = r#"
[[vat_class]]
name = "kr"
kind = "added"
rate = "10"

[[vat_class]]
name = "kr"
effective_from = "2027-01-01"
kind = "included_floor"
rate = "12.5"

[[vat_class]]
name = "none"
kind = "zero"

[[fee_schedule]]
name = "standard"
effective_from = "2026-07-01"
rounding = "half_up"
scope = "invoice"
returned_on_refund = "all"
vat = { percentage = "kr", event = "none", costs = "kr" }
monthly_minimum = { EUR = "25.00" }
event = { authorization = { EUR = "0.02" }, dispute = { EUR = "15.00" }, advance_percentage = "2" }
dispute_fee_returned_when_won = true

[[fee_schedule.price]]
method = "card"
scheme = ["visa", "mastercard"]
currency = "EUR"
card_country = ["DE", "FR"]
percentage = "0.3"
fixed = { EUR = "0.003" }
minimum = { EUR = "0.05" }
cap = { EUR = "5.00" }
passes_costs = true

[[fee_schedule.price]]
tiers = { kind = "interval", EUR = [ { from = "0", to = "100.00", percentage = "2.9" }, { from = "100.00", percentage = "1.9" } ], KRW = [ { from = "0", percentage = "3" } ] }
fixed = { EUR = "0.30", KRW = "0.3" }

[[fee_schedule]]
name = "standard"
until = "2026-07-01"
rounding = "down"
percentage = "2.9"
fixed = { EUR = "0.30" }
vat = "kr"
"#;

#[test]
fn a_full_schedule_is_read_whole() {
    let settings = read(FULL);
    let schedule = settings.fee_schedule("standard", day("2026-07-01")).expect("in force");
    assert_eq!((schedule.rounding, schedule.scope), (Rounding::HalfUp, Scope::Invoice));
    assert_eq!(schedule.returned_on_refund, ReturnPolicy::All);
    assert!(schedule.dispute_fee_returned_when_won);
    assert_eq!(format!("{:?}", schedule.monthly_minimum), "{EUR: 25.00 EUR}");
    assert_eq!(format!("{:?}", schedule.event.authorization), "{EUR: 0.02 EUR}");
    assert_eq!(format!("{:?}", schedule.event.dispute), "{EUR: 15.00 EUR}");
    assert_eq!(schedule.event.advance_percentage, decimal("0.02"));
    let vat = &schedule.vat;
    let classes = [&vat.percentage, &vat.fixed, &vat.event, &vat.costs];
    let names = classes.map(|class| class.as_ref().map_or("", |class| &class.name));
    assert_eq!(names, ["kr", "", "none", "kr"]);

    let [visa, rest] = schedule.prices.as_slice() else {
        panic!("two prices");
    };
    assert!(visa.passes_costs && !rest.passes_costs && rest.fits.is_open());
    assert_eq!(visa.fits.schemes, ["visa", "mastercard"]);
    let eur = Rates {
        percentage: Percentage::Flat(decimal("0.003")),
        fixed: decimal("0.3"),
        minimum: Some(decimal("5")),
        cap: Some(decimal("500")),
    };
    assert_eq!(visa.rates, BTreeMap::from([(currency("EUR"), eur)]));
    let tiers = [("0", "0.029"), ("10000", "0.019")].map(|(from, rate)| Tier {
        from: from.parse().expect("minor units"),
        rate: decimal(rate),
    });
    assert_eq!(
        rest.rates[&currency("EUR")].percentage,
        Percentage::Interval(tiers.to_vec())
    );
    assert_eq!(rest.rates[&currency("KRW")].fixed, decimal("0.3"));
}

#[test]
fn a_version_is_in_force_on_its_days() {
    let settings = read(FULL);
    let rounding = |on: &str| {
        settings
            .fee_schedule("standard", day(on))
            .map(|schedule| schedule.rounding)
    };
    assert_eq!(rounding("2020-01-01"), Some(Rounding::Down));
    assert_eq!(rounding("2026-06-30"), Some(Rounding::Down));
    assert_eq!(rounding("2026-07-01"), Some(Rounding::HalfUp));
    assert_eq!(rounding("2099-12-31"), Some(Rounding::HalfUp));
    assert_eq!(settings.fee_schedule("other", day("2026-07-01")), None);
    let [first, second] = settings.fee_schedules["standard"].as_slice() else {
        panic!("two versions");
    };
    assert_eq!(
        (first.version(), second.version()),
        (day("2000-01-01"), day("2026-07-01"))
    );

    // Before the first version and after the last there is none.
    let once = read(
        "\n[[fee_schedule]]\nname = \"s\"\neffective_from = \"2026-02-01\"\nuntil = \"2026-03-01\"\nrounding = \"up\"\n\
         percentage = \"1\"\nfixed = {}",
    );
    for (on, there) in [
        ("2026-01-31", false),
        ("2026-02-01", true),
        ("2026-02-28", true),
        ("2026-03-01", false),
    ] {
        assert_eq!(once.fee_schedule("s", day(on)).is_some(), there, "{on}");
    }
}

#[test]
fn a_vat_class_has_the_rate_of_the_day() {
    let settings = read(FULL);
    let schedule = settings.fee_schedule("standard", day("2026-07-01")).expect("in force");
    let class = schedule.vat.percentage.as_ref().expect("a class");
    let rate = |on| class.on(day(on)).map(|rate| rate.to_string());
    assert_eq!(rate("2026-12-31").as_deref(), Some("added 10 down"));
    assert_eq!(rate("2027-01-01").as_deref(), Some("included_floor 12.5"));
}

#[test]
fn a_vat_rate_is_read_back_from_its_text() {
    let rate = decimal("0.125");
    let rounding = Rounding::HalfEven;
    for (text, expected) in [
        ("exempt", VatRate::Exempt),
        ("zero", VatRate::Zero),
        ("added 12.5 half_even", VatRate::Added { rate, rounding }),
        ("included_floor 12.5", VatRate::IncludedFloor { rate }),
        ("included_difference 12.5", VatRate::IncludedDifference { rate }),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
        assert_eq!(expected.to_string(), text);
    }
    for text in [
        "",
        "exempt 10",
        "added 10",
        "added x down",
        "added 10 sideways",
        "included_floor",
        "included_floor -1",
        "included_floor 100.1",
        "zero  ",
    ] {
        assert!(text.parse::<VatRate>().is_err(), "{text}");
    }
}

#[test]
fn versions_of_a_name_neither_overlap_nor_leave_a_gap() {
    let schedule = |days: &str| {
        format!("\n[[fee_schedule]]\nname = \"s\"\n{days}\nrounding = \"up\"\npercentage = \"1\"\nfixed = {{}}")
    };
    let from = |day: &str| schedule(&format!("effective_from = \"{day}\""));
    check_file(
        &[from("2026-02-01"), from("2026-01-01"), from("2026-02-01")].concat(),
        &[
            "line 16, column 18: there is another fee_schedule of the name `s` with `effective_from` 2026-02-01, on line 2",
        ],
    );
    check_file(
        &[schedule(""), schedule("")].concat(),
        &["line 9, column 8: there is another fee_schedule of the name `s` without `effective_from`, on line 2"],
    );
    check_file(
        &[from("2026-02-01"), schedule("until = \"2026-02-02\"")].concat(),
        &[
            "line 10, column 9: `until` 2026-02-02 overlaps the version of `s` on line 2, which is in force from 2026-02-01",
        ],
    );
    // A day without a price between two versions is a slip of the pen, in whatever order they stand.
    check_file(
        &[from("2026-03-01"), schedule("until = \"2026-02-28\"")].concat(),
        &[
            "line 10, column 9: `until` 2026-02-28 leaves a gap before the version of `s` on line 2, which is in force from 2026-03-01",
        ],
    );
    read(&[schedule("until = \"2026-03-01\""), from("2026-03-01")].concat());
    check_file(
        &schedule("effective_from = \"2026-02-01\"\nuntil = \"2026-02-01\""),
        &["line 5, column 9: `until` must be after 2026-02-01, its `effective_from`"],
    );
    check_file(
        &schedule("effective_from = \"2026-02-31\""),
        &["line 4, column 18: `2026-02-31` is not a day: write YYYY-MM-DD"],
    );
    let vat = "\n[[vat_class]]\nname = \"kr\"\nkind = \"exempt\"";
    check_file(
        &[vat, vat].concat(),
        &["line 6, column 8: there is another vat_class of the name `kr` without `effective_from`, on line 2"],
    );
}

#[test]
fn a_vat_class_is_whole_and_begins_in_time() {
    let vat = |lines: &str| format!("\n[[vat_class]]\nname = \"kr\"\n{lines}");
    check_file(
        &vat("kind = \"reduced\""),
        &[
            "line 4, column 8: `kind`: unknown variant `reduced`, expected one of `exempt`, `zero`, `added`, `included_floor`, `included_difference`",
        ],
    );
    check_file(&vat("kind = \"added\""), &["line 2, column 1: vat_class needs `rate`"]);
    check_file(
        &vat("kind = \"added\"\nrate = \"101\""),
        &["line 5, column 8: `101` is not a percentage: write \"0\" to \"100\" with at most 6 decimals, like \"2.9\""],
    );
    check_file(
        &vat("kind = \"zero\"\nrate = \"0\"\nrounding = \"up\""),
        &[
            "line 5, column 8: `rate` has no meaning for this kind of VAT class: remove it",
            "line 6, column 12: `rounding` has no meaning for this kind of VAT class: remove it",
        ],
    );
    check_file(
        &vat("kind = \"zero\"\nuntil = \"2027-01-01\""),
        &[
            "line 5, column 1: `until` is not a field of vat_class: known are name, effective_from, kind, rate, rounding",
        ],
    );
    check(
        "percentage = \"1\"\nfixed = {}\nvat = \"kr\"",
        &["line 7, column 7: `kr` is not a VAT class: there is no [[vat_class]] of that name"],
    );
    check(
        "percentage = \"1\"\nfixed = {}\nvat = { percentage = \"kr\", fixed = 10, refund = \"kr\" }",
        &[
            "line 7, column 22: `kr` is not a VAT class: there is no [[vat_class]] of that name",
            "line 7, column 36: `fixed` must be a text in quotes, not integer",
            "line 7, column 40: `refund` is not a field of vat: known are percentage, fixed, event, costs",
        ],
    );
    check(
        "percentage = \"1\"\nfixed = {}\nvat = { costs = \"kr\" }\n[[vat_class]]\nname = \"kr\"\nkind = \"zero\"",
        &["line 7, column 17: the VAT of `costs` is never used: no price has `passes_costs`"],
    );
    let late = "percentage = \"1\"\nfixed = {}\nvat = \"kr\"\n[[vat_class]]\nname = \"kr\"\nkind = \"zero\"\neffective_from = ";
    check(
        &format!("{late}\"2026-01-02\""),
        &["line 7, column 7: `kr` has no rate before 2026-01-02, and the schedule is in force from 2026-01-01"],
    );
    let fees = |days: &str| format!("\n[[fee_schedule]]\nname = \"s\"\nrounding = \"up\"\n{days}{late}\"2026-03-01\"");
    read(&fees("effective_from = \"2026-03-01\"\n"));
    check_file(
        &fees("effective_from = \"2026-02-28\"\n"),
        &["line 8, column 7: `kr` has no rate before 2026-03-01, and the schedule is in force from 2026-02-28"],
    );
}

#[test]
fn a_schedule_has_one_price_or_a_list() {
    check(
        "",
        &[
            "line 2, column 1: fee_schedule needs `fixed`",
            "line 2, column 1: fee_schedule needs `percentage` or `tiers`",
        ],
    );
    check(
        "fixed = { EUR = \"0.30\" }\n[[fee_schedule.price]]\npercentage = \"1\"\nfixed = { EUR = \"0\" }",
        &["line 5, column 9: `fixed` belongs into each [[fee_schedule.price]] where there are several prices"],
    );
    check("price = []", &["line 2, column 1: fee_schedule needs `price`"]);
    check(
        "price = \"1\"",
        &[
            "line 2, column 1: fee_schedule needs `price`",
            "line 5, column 9: `price` must be a list of tables: write [[fee_schedule.price]], not string",
        ],
    );
    check(
        "[[fee_schedule.price]]\npercentage = \"1\"\nfixed = {}\n[[fee_schedule.price]]\nscheme = \"visa\"\npercentage = \"1\"\nfixed = {}",
        &["line 8, column 1: this price is never reached: the one on line 5 fits every capture"],
    );
    check(
        "[[fee_schedule.price]]\nscheme = \"visa\"\nname = \"x\"\nfixed = {}",
        &[
            "line 5, column 1: price needs `percentage` or `tiers`",
            "line 7, column 1: `name` is not a field of price: known are method, scheme, currency, card_country, percentage, tiers, fixed, minimum, cap, passes_costs",
        ],
    );
    check(
        "scope = \"week\"\nreturned_on_refund = \"half\"\ndispute_fee_returned_when_won = \"no\"\npercentage = \"1\"\nfixed = { KRW = \"0.3\" }",
        &[
            "line 5, column 9: `scope`: unknown variant `week`, expected one of `item`, `batch`, `invoice`, `contract`",
            "line 6, column 22: `returned_on_refund`: unknown variant `half`, expected one of `nothing`, `percentage`, `all`",
            "line 7, column 33: `dispute_fee_returned_when_won` must be true or false, not string",
        ],
    );
    check(
        "percentage = \"1\"\nfixed = {}\nevent = { advance_percentage = \"200\", chargeback = {} }",
        &[
            "line 7, column 32: `200` is not a percentage: write \"0\" to \"100\" with at most 6 decimals, like \"2.9\"",
            "line 7, column 39: `chargeback` is not a field of event: known are authorization, refund, dispute, payout, advance_percentage",
        ],
    );
}

#[test]
fn filters_name_what_there_is() {
    let price =
        |filter: &str| format!("[[fee_schedule.price]]\n{filter}\npercentage = \"1\"\nfixed = {{ EUR = \"0\" }}");
    check(
        &price("card_country = [\"DE\", \"de\", 1]"),
        &[
            "line 6, column 23: `de` is not a country code (two capital letters, like DE)",
            "line 6, column 29: `card_country` must be a text in quotes, not integer",
        ],
    );
    check(
        &price("method = []"),
        &["line 6, column 10: `method` is empty: leave it out where it does not matter"],
    );
    check(&price("scheme = \"\""), &["line 6, column 10: `scheme` is empty"]);
    check(
        &price("currency = \"USD\""),
        &[
            "line 6, column 12: the price is for USD, and `fixed` has none in it",
            "line 8, column 17: `fixed` for EUR is never used: the price is for other currencies",
        ],
    );
    check(
        &price("currency = \"Euro\""),
        &["line 6, column 12: `Euro` is not an ISO 4217 currency code (three capital letters, like EUR)"],
    );
}

#[test]
fn amounts_below_a_minor_unit_need_a_wide_scope() {
    let price = |scope: &str, fixed: &str| format!("scope = \"{scope}\"\npercentage = \"1\"\nfixed = {{ {fixed} }}");
    check(
        &price("item", "KRW = \"0.3\""),
        &[
            "line 7, column 17: `0.3` has more decimals than KRW allows (0): with `scope` \"item\" each fee is a whole minor unit; fractions need \"batch\", \"invoice\" or \"contract\"",
        ],
    );
    check(
        &price("item", "KRW = \"1.0\""),
        &["line 7, column 17: `1.0` has more decimals than KRW allows (0)"],
    );
    check(
        &price("batch", "EUR = \"0.123456789\""),
        &["line 7, column 17: `0.123456789` has more than 8 decimals: 6 more than EUR has are the most"],
    );
    check(
        &price("batch", "EUR = \"-1\""),
        &["line 7, column 17: `-1` is not an amount: write digits with a decimal point, like 12.34"],
    );
    for (scope, text) in [("batch", "0.12345678"), ("invoice", "0.3"), ("contract", "5")] {
        let lines = price(scope, &format!("EUR = \"{text}\""));
        read(&format!("\n[[fee_schedule]]\nname = \"s\"\nrounding = \"up\"\n{lines}"));
    }
}

#[test]
fn a_cap_lies_above_what_it_bounds() {
    let price = |bounds: &str| format!("percentage = \"1\"\nfixed = {{ EUR = \"0.30\" }}\n{bounds}");
    check(
        &price("minimum = { EUR = \"0.50\" }\ncap = { EUR = \"0.49\" }"),
        &["line 8, column 15: the cap 0.49 EUR is below the minimum 0.50 EUR"],
    );
    check(
        &price("cap = { EUR = \"0.29\" }"),
        &["line 7, column 15: the cap 0.29 EUR is below the fixed part 0.30 EUR"],
    );
    check(
        &price("minimum = { KRW = \"1\" }\ncap = { USD = \"1\" }"),
        &[
            "line 7, column 19: `minimum` is in KRW, and `fixed` does not price KRW",
            "line 8, column 15: `cap` is in USD, and `fixed` does not price USD",
        ],
    );
    read(&format!(
        "\n[[fee_schedule]]\nname = \"s\"\nrounding = \"up\"\n{}",
        price("minimum = { EUR = \"0.30\" }\ncap = { EUR = \"0.30\" }")
    ));
}

#[test]
fn tiers_begin_at_0_and_rise_without_a_gap() {
    let tiers =
        |tiers: &str| format!("fixed = {{ EUR = \"0.30\" }}\ntiers = {{ kind = \"tiered\", EUR = [ {tiers} ] }}");
    let tier = |from: &str| format!("{{ from = \"{from}\", percentage = \"1\" }}");
    check(&tiers(""), &["line 6, column 34: there is no tier for EUR"]);
    check(
        &tiers(&tier("10.00")),
        &["line 6, column 45: the first tier must begin at 0: below 10.00 EUR there is no rate"],
    );
    check(
        &tiers(&[tier("0"), tier("100"), tier("50")].join(", ")),
        &["line 6, column 115: tiers must rise: 50.00 EUR is not above 100.00 EUR, where the tier before begins"],
    );
    check(
        &tiers(&[tier("0"), tier("0.00")].join(", ")),
        &["line 6, column 79: tiers must rise: 0.00 EUR is not above 0.00 EUR, where the tier before begins"],
    );
    let ending = |to: &str| format!("{{ from = \"0\", to = \"{to}\", percentage = \"1\" }}, {}", tier("100"));
    check(
        &tiers(&ending("90")),
        &["line 6, column 55: there is a gap between `to` 90.00 EUR and the next tier's `from` 100.00 EUR"],
    );
    check(
        &tiers(&ending("110")),
        &["line 6, column 55: there is an overlap between `to` 110.00 EUR and the next tier's `from` 100.00 EUR"],
    );
    check(
        &tiers("{ from = \"0\", to = \"10\", percentage = \"1\" }"),
        &["line 6, column 55: the last tier has no `to`: above 10.00 EUR there would be no rate"],
    );
    check(
        &tiers("{ from = \"0\", percentage = \"100.1\", cap = \"1\" }, 5"),
        &[
            "line 6, column 63: `100.1` is not a percentage: write \"0\" to \"100\" with at most 6 decimals, like \"2.9\"",
            "line 6, column 72: `cap` is not a field of tier: known are from, to, percentage",
            "line 6, column 85: `tier` must be a table, not integer",
        ],
    );
}

#[test]
fn tiers_are_in_the_currencies_of_the_price() {
    check(
        "fixed = { EUR = \"0.30\", KRW = \"100\" }\ntiers = { kind = \"interval\", EUR = [{ from = \"0\", percentage = \"1\" }] }",
        &["line 5, column 31: `fixed` prices KRW, and there are no `tiers` in KRW"],
    );
    check(
        "fixed = {}\ntiers = { kind = \"interval\", EUR = [{ from = \"0\", percentage = \"1\" }] }",
        &["line 6, column 30: `tiers` are in EUR, and `fixed` does not price EUR"],
    );
    check(
        "fixed = {}\ntiers = { kind = \"sliced\", euro = [] }",
        &[
            "line 6, column 18: `kind`: unknown variant `sliced`, expected `tiered` or `interval`",
            "line 6, column 28: `euro` is not an ISO 4217 currency code (three capital letters, like EUR)",
        ],
    );
    check(
        "fixed = { EUR = \"0.30\" }\npercentage = \"1\"\ntiers = { kind = \"tiered\", EUR = [] }",
        &["line 7, column 9: `tiers` take the place of `percentage`: remove one of them"],
    );
    check(
        "fixed = { EUR = \"0.30\" }\ntiers = { kind = \"tiered\", EUR = \"1\" }",
        &[
            "line 6, column 34: `EUR` must be a list of tables: write [ { from = \"0\", percentage = \"2.9\" } ], not string",
        ],
    );
}
