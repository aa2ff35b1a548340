//! What a settings file says, and every finding of one that is wrong.

use rust_decimal::Decimal;

use super::*;

const COMPLETE: &str = r#"effective_from = "2026-01-01"

[house]
name = "Example Payments"
time_zone = "Europe/Berlin"
bank_account = "main"

[[acquirer]]
name = "adyen"
contract = "net"
settles_within_days = 3
tolerance = { EUR = "0.01" }
cost = { percentage = "1.4", fixed = { EUR = "0.10" }, rounding = "half_even", tolerance = { EUR = "0.02" } }

[[acquirer]]
name = "invoiced"
contract = "gross"
settles_within_days = 0

[[fee_schedule]]
name = "standard"
percentage = "2.9"
fixed = { EUR = "0.30", KRW = "100" }
rounding = "half_even"

[payout]
minimum = { EUR = "10.00" }

[[merchant]]
name = "m-0001"
fee_schedule = "standard"
destination = { holder = "Shop One", account = "DE89370400440532013000", bank = "" }

[[merchant]]
name = "m-0002"
fee_schedule = "standard"
"#;

/// The complete file with one thing in it changed.
#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(COMPLETE.contains(from), "{from} is not in the file");
    let text = COMPLETE.replacen(from, to, 1);
    let error = Settings::parse(&text).expect_err("a finding");
    assert_eq!(
        error.to_string().lines().collect::<Vec<_>>(),
        expected,
        "{from} -> {to}"
    );
}

#[test]
fn a_right_file_is_read_whole() {
    let settings = Settings::parse(COMPLETE).expect("no finding");
    assert_eq!(settings.effective_from.to_string(), "2026-01-01");
    assert_eq!(settings.house.time_zone, chrono_tz::Europe::Berlin);
    let adyen = &settings.acquirers["adyen"];
    assert_eq!((adyen.contract, adyen.settles_within_days), (Contract::Net, 3));
    let [cost] = &adyen.costs[..] else {
        panic!("one cost contract")
    };
    assert_eq!(cost.terms[0].percentage.to_string(), "0.014");
    assert_eq!(format!("{:?}", cost.tolerance), "{EUR: 0.02 EUR}");
    assert_eq!(settings.acquirers["invoiced"].contract, Contract::Gross);
    let price = &settings.fee_schedules["standard"][0].prices[0];
    let percentage = Percentage::Flat(Decimal::from_str_exact("0.029").expect("a rate"));
    let fixed: Vec<_> = price
        .rates
        .iter()
        .map(|(currency, rates)| (currency.code(), rates.fixed))
        .collect();
    assert_eq!(fixed, [("EUR", Decimal::from(30)), ("KRW", Decimal::from(100))]);
    assert!(price.rates.values().all(|rates| rates.percentage == percentage));
    assert_eq!(format!("{:?}", settings.payout.minimum), "{EUR: 10.00 EUR}");
    assert_eq!(settings.merchants["m-0002"].destination, None);
    let destination = settings.merchants["m-0001"]
        .destination
        .as_ref()
        .expect("a destination");
    assert_eq!(
        (destination.holder.as_str(), destination.bank.as_str()),
        ("Shop One", "")
    );
}

#[test]
fn the_house_has_one_account_a_currency() {
    const FIRST: &str =
        "bank_account = \"main\"\n[[house.account]]\nnumber = \"DE89370400440532013000\"\ncurrency = \"EUR\"\n";
    let with = |more: &str| format!("{FIRST}{more}");
    let settings = Settings::parse(&COMPLETE.replacen(
        "bank_account = \"main\"\n",
        &with("bic = \"COBADEFFXXX\"\n[[house.account]]\nnumber = \"4111111111111111\"\ncurrency = \"JPY\"\n"),
        1,
    ))
    .expect("no finding");
    let accounts = &settings.house.accounts;
    let told: Vec<_> = accounts
        .iter()
        .map(|account| (account.number.as_str(), account.currency.code(), account.bic.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("DE89370400440532013000", "EUR", "COBADEFFXXX"),
            ("4111111111111111", "JPY", "")
        ]
    );
    let numbered = with("numbered_statements = true\nreversals = \"as_reversed\"\n");
    for (text, expected) in [(with(""), (false, false)), (numbered, (true, true))] {
        let settings = Settings::parse(&COMPLETE.replacen("bank_account = \"main\"\n", &text, 1)).expect("no finding");
        let account = &settings.house.accounts[0];
        assert_eq!((account.numbered_statements, account.reversals_as_reversed), expected);
    }
    check(
        "bank_account = \"main\"\n",
        &with("reversals = \"always\"\n"),
        &["line 10, column 13: `always` is neither as_booked nor as_reversed"],
    );
    check(
        "bank_account = \"main\"\n",
        &with("[[house.account]]\nnumber = \"2\"\ncurrency = \"EUR\"\n"),
        &["line 10, column 1: there is another account of the house in EUR"],
    );
    check(
        "bank_account = \"main\"\n",
        &with("operating = \"DE89 3704 0044 0532 0130 00\"\n"),
        &["line 7, column 1: `number`, `operating` and `external` are different accounts"],
    );
    check(
        "bank_account = \"main\"\n",
        &with("iban = \"x\"\n"),
        &[
            "line 10, column 1: `iban` is not a field of account of the house: known are number, currency, bic, nacha, operating, external, numbered_statements, reversals",
        ],
    );
    check(
        "bank_account = \"main\"\n",
        "bank_account = \"adyen\"\n",
        &["line 6, column 16: `bank_account`: an acquirer has this name"],
    );
}

#[test]
fn an_optional_part_may_be_left_out() {
    let text = COMPLETE
        .replacen("[payout]\nminimum = { EUR = \"10.00\" }\n", "", 1)
        .replacen(", bank = \"\"", "", 1);
    let settings = Settings::parse(&text).expect("no finding");
    assert!(settings.payout.minimum.is_empty());
}

#[test]
fn what_is_not_toml_has_one_finding() {
    check(
        "name = \"m-0001\"",
        "name = \"m-0001",
        &["line 30, column 15: this is not TOML: invalid basic string, expected `\"`"],
    );
    check(
        "name = \"adyen\"",
        "name = \"adyen\"\nname = \"x\"",
        &["line 10, column 1: this is not TOML: duplicate key"],
    );
    check(
        "[house]",
        "[house",
        &["line 3, column 7: this is not TOML: unclosed table, expected `]`"],
    );
}

#[test]
fn fields_are_known_present_and_of_their_type() {
    check(
        "rounding = \"half_even\"\n",
        "rounding = \"half_even\"\nfee = \"1\"\n",
        &[
            "line 25, column 1: `fee` is not a field of fee_schedule: known are name, effective_from, until, rounding, scope, returned_on_refund, vat, monthly_minimum, event, dispute_fee_returned_when_won, price, percentage, tiers, fixed, minimum, cap, passes_costs",
        ],
    );
    check(
        "[payout]\nminimum",
        "[payout]\nmaximum",
        &[
            "line 27, column 1: `maximum` is not a field of payout: known are minimum, forced_after_days, collect_after_days, keep_minimum, schedule, roll, calendars, blocked_by, cooling_off_days, extra_approver_days, returned_fee, each, total",
        ],
    );
    check(
        "[[merchant]]",
        "[[merchants]]",
        &[
            "line 29, column 3: `merchants` is not a field of the file: known are effective_from, house, acquirer, vat_class, fee_schedule, payout, validity, refund, merchant, velocity_rule, profile, desk, worker",
        ],
    );
    check(
        "time_zone = \"Europe/Berlin\"\n",
        "",
        &["line 3, column 1: house needs `time_zone`"],
    );
    check(
        "effective_from = \"2026-01-01\"",
        "effective_from = 2026-01-01",
        &["line 1, column 18: `effective_from` must be a text in quotes, not datetime"],
    );
    check(
        "settles_within_days = 3",
        "settles_within_days = \"3\"",
        &["line 11, column 23: `settles_within_days` must be a whole number, not string"],
    );
    check(
        "settles_within_days = 3",
        "settles_within_days = 400",
        &["line 11, column 23: `settles_within_days` must be from 0 to 366"],
    );
    check(
        "settles_within_days = 3",
        "settles_within_days = -1",
        &["line 11, column 23: `settles_within_days` must be from 0 to 366"],
    );
    check(
        "contract = \"net\"",
        "contract = \"blended\"",
        &["line 10, column 12: `contract`: unknown variant `blended`, expected `net` or `gross`"],
    );
    check(
        "\"half_even\"\n",
        "\"bankers\"\n",
        &[
            "line 24, column 12: `rounding`: unknown variant `bankers`, expected one of `half_even`, `half_up`, `down`, `up`",
        ],
    );
    check(
        "[[acquirer]]\nname = \"adyen\"",
        "[acquirer]\nname = \"adyen\"",
        &["line 15, column 3: this is not TOML: duplicate key"],
    );
    check(
        "[payout]",
        "[[payout]]",
        &["line 26, column 1: `payout` must be a table, not array"],
    );
    check(
        "fixed = { EUR = \"0.10\" }, ",
        "",
        &["line 13, column 8: cost needs `fixed`"],
    );
    check(
        "{ EUR = \"0.01\" }",
        "\"0.01\"",
        &["line 12, column 13: `tolerance` must be a table, like { EUR = \"0.30\" }, not string"],
    );
}

#[test]
fn names_are_visible_and_told_apart() {
    check(
        "\"m-0002\"",
        "\"m-0001\"",
        &["line 35, column 8: there is another merchant of the name `m-0001`"],
    );
    check(
        "\"invoiced\"",
        "\"adyen\"",
        &["line 16, column 8: there is another acquirer of the name `adyen`"],
    );
    check("\"m-0002\"", "\"\"", &["line 35, column 8: `name` is empty"]);
    check(
        "\"m-0002\"",
        "\"m\\u0000\"",
        &["line 35, column 8: `name` holds a control or invisible character"],
    );
    check(
        "\"m-0002\"",
        "\"4111111111111111\"",
        &["line 35, column 8: `name` holds a card number; card numbers are never stored"],
    );
    check(
        "fee_schedule = \"standard\"\n",
        "fee_schedule = \"4111 1111 1111 1111\"\n",
        &["line 31, column 16: `4111 11** **** 1111` is not a fee schedule: there is no [[fee_schedule]] of that name"],
    );
    check(
        "\"Shop One\"",
        "\" Shop One\"",
        &["line 32, column 26: `holder` begins or ends with a blank"],
    );
    check(
        "\"DE89370400440532013000\"",
        "\"\"",
        &["line 32, column 48: `account` is empty"],
    );
}

#[test]
fn days_zones_percentages_and_amounts_are_exact() {
    check(
        "\"2026-01-01\"",
        "\"2026-02-30\"",
        &["line 1, column 18: `2026-02-30` is not a day: write YYYY-MM-DD"],
    );
    check(
        "Europe/Berlin",
        "Europe/Bonn",
        &["line 5, column 13: `Europe/Bonn` is not a time zone: write one like \"Europe/Berlin\""],
    );
    for percentage in [
        "100.01",
        "-1",
        "2,9",
        "2.",
        ".5",
        "2.9000001",
        "",
        "2.9 %",
        "NaN",
        "1e1",
    ] {
        check(
            "\"2.9\"",
            &format!("\"{percentage}\""),
            &[&format!(
                "line 22, column 14: `{percentage}` is not a percentage: write \"0\" to \"100\" with at most 6 decimals, like \"2.9\""
            )],
        );
    }
    check(
        "KRW = \"100\"",
        "KRW = \"100.0\"",
        &["line 23, column 31: `100.0` has more decimals than KRW allows (0)"],
    );
    check(
        "KRW = \"100\"",
        "krw = \"100\"",
        &["line 23, column 25: `krw` is not an ISO 4217 currency code (three capital letters, like EUR)"],
    );
    check(
        "KRW = \"100\"",
        "KRW = 100",
        &["line 23, column 31: `KRW` must be a text in quotes, not integer"],
    );
    check(
        "\"10.00\"",
        "\"-10.00\"",
        &["line 27, column 19: `-10.00` is not an amount: write digits with a decimal point, like 12.34"],
    );
}

#[test]
fn days_of_payment_methods_are_days() {
    let last = "name = \"m-0002\"\n";
    let availability = |by_method: &str| {
        format!("{last}availability = {{ sales_day = 2, by_method = {by_method}, calendar = \"KR\" }}\n")
    };
    let text = COMPLETE.replace(last, &availability("{ carrier = 60, wallet = 0 }"));
    let settings = Settings::parse(&text).expect("no finding");
    let Availability::SalesDay { days, by_method, .. } = &settings.merchants["m-0002"].availability else {
        panic!("by date");
    };
    let found: Vec<_> = by_method
        .iter()
        .map(|(method, days)| (method.as_str(), *days))
        .collect();
    assert_eq!((*days, found), (2, vec![("carrier", 60), ("wallet", 0)]));
    check(
        last,
        &availability("5"),
        &["line 36, column 45: `by_method` must be a table, like { carrier = 60 }, not integer"],
    );
    check(
        last,
        &availability("{ carrier = \"60\", wallet = 367 }"),
        &[
            "line 36, column 57: `carrier` must be a whole number, not string",
            "line 36, column 72: `wallet` must be from 0 to 366",
        ],
    );
}

#[test]
fn all_findings_come_in_the_order_of_the_file() {
    let text = COMPLETE
        .replace("Europe/Berlin", "Mars")
        .replace("\"m-0002\"", "\"m-0001\"")
        .replace("\"2.9\"", "\"290\"")
        .replace("Shop One", "Größe\\t");
    let error = Settings::parse(&text).expect_err("findings");
    assert_eq!(
        error.to_string().lines().collect::<Vec<_>>(),
        &[
            "line 5, column 13: `Mars` is not a time zone: write one like \"Europe/Berlin\"",
            "line 22, column 14: `290` is not a percentage: write \"0\" to \"100\" with at most 6 decimals, like \"2.9\"",
            "line 32, column 26: `holder` begins or ends with a blank",
            "line 35, column 8: there is another merchant of the name `m-0001`"
        ]
    );
}

#[test]
fn a_hundred_thousand_merchants_are_read_in_one_go() {
    use std::fmt::Write;
    let mut text = COMPLETE.to_owned();
    for number in 0..100_000 {
        write!(
            text,
            "[[merchant]]\nname = \"shop-{number}\"\nfee_schedule = \"standard\"\n"
        )
        .expect("written");
    }
    let settings = Settings::parse(&text).expect("no finding");
    assert_eq!(settings.merchants.len(), 100_002);
}

/// The complete file with more tables at its end, which begin on line 37.
#[track_caller]
fn check_more(more: &str, expected: &[&str]) {
    let error = Settings::parse(&format!("{COMPLETE}{more}")).expect_err("a finding");
    assert_eq!(error.to_string().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn how_long_is_a_table_of_the_settings() {
    let more = r#"
[[validity]]
valid_for = "7 days"

[[validity]]
scheme = "visa"
auth_type = "final"
initiator = "merchant"
valid_for = "114 hours"

[[refund]]
window = "12 months"

[[refund]]
method = "carrier"
rail = "calendar_month_end"

[[refund]]
method = "wallet"
window = "365 days"
max_partial_refunds = 50
minimum = { KRW = "50" }
"#;
    let settings = Settings::parse(&format!("{COMPLETE}{more}")).expect("no finding");
    let shown: Vec<String> = settings
        .validity
        .iter()
        .map(|row| format!("{:?} {:?} {:?} {}", row.scheme, row.auth_type, row.initiator, row.hours))
        .collect();
    assert_eq!(
        shown,
        ["None None None 168", "Some(\"visa\") Some(Final) Some(Merchant) 114"]
    );
    for (method, expected) in [
        (None, "12 months, 12 months"),
        (Some("card"), "12 months, 12 months"),
        (Some("carrier"), "3 months, calendar_month_end"),
        (Some("wallet"), "365 days, 365 days"),
    ] {
        let rule = settings.refund_rule(method);
        assert_eq!(format!("{}, {}", rule.window, rule.rail), expected, "{method:?}");
    }
    let parts = |method| {
        let rule = settings.refund_rule(Some(method));
        let minimum: Vec<String> = rule.minimum.values().map(ToString::to_string).collect();
        (rule.max_partial_refunds, minimum.join(" "))
    };
    assert_eq!(parts("wallet"), (Some(50), "50 KRW".to_owned()));
    assert_eq!(parts("carrier"), (None, String::new()));
    let settings = Settings::parse(COMPLETE).expect("no finding");
    assert_eq!(settings.validity, []);
    let rule = settings.refund_rule(Some("carrier"));
    assert_eq!(format!("{}, {}", rule.window, rule.rail), "3 months, 3 months");
}

#[test]
fn how_long_is_said_once_and_in_known_words() {
    check_more(
        "[[validity]]\nscheme = \"visa\"\nvalid_for = \"7 days\"\n[[validity]]\nscheme = \"visa\"\nvalid_for = \"x\"\n",
        &[
            "line 40, column 1: there is another validity for the same scheme, auth_type and initiator",
            "line 42, column 13: `valid_for`: `x` is not a time: write one like \"7 days\" or \"114 hours\"",
        ],
    );
    check_more(
        "[[validity]]\nauth_type = \"Final\"\ninitiator = 1\ndays = 7\n",
        &[
            "line 37, column 1: validity needs `valid_for`",
            "line 38, column 13: `auth_type` must be one of final, pre, not `Final`",
            "line 39, column 13: `initiator` must be a text in quotes, not integer",
            "line 40, column 1: `days` is not a field of validity: known are scheme, auth_type, initiator, valid_for",
        ],
    );
    check_more(
        "[[refund]]\n[[refund]]\nwindow = \"3 weeks\"\nrail = 3\n[[refund]]\nmethod = \"card\"\n[[refund]]\nmethod = \"card\"\n",
        &[
            "line 38, column 1: there is another refund without a method",
            "line 39, column 10: `window`: `3 weeks` is not a window: write one like \"3 months\" or \"90 days\", or \"calendar_month_end\"",
            "line 40, column 8: `rail` must be a text in quotes, not integer",
            "line 43, column 1: there is another refund for the method `card`",
        ],
    );
    check_more(
        "[[refund]]\nmethod = \"\"\nwindow = \"0 days\"\n",
        &[
            "line 38, column 10: `method` is empty",
            "line 39, column 10: `window`: `0 days` must be from 1 to 1830 days",
        ],
    );
    check_more(
        "[refund]\nwindow = \"3 months\"\n[validity]\n",
        &[
            "line 37, column 1: `refund` must be a list of tables: write [[refund]], not table",
            "line 39, column 1: `validity` must be a list of tables: write [[validity]], not table",
        ],
    );
    check_more(
        "[[refund]]\nmax_partial_refunds = \"two\"\nminimum = { EUR = \"0.00\", KRW = \"0.5\" }\n[[refund]]\nmethod = \"card\"\n\
         max_partial_refunds = 10001\nminimum = \"1\"\nminimal = 1\n",
        &[
            "line 38, column 23: `max_partial_refunds` must be a whole number, not string",
            "line 39, column 11: `minimum` in EUR must be above zero: leave it out where there is none",
            "line 39, column 33: `0.5` has more decimals than KRW allows (0)",
            "line 42, column 23: `max_partial_refunds` must be from 0 to 10000",
            "line 43, column 11: `minimum` must be a table, like { EUR = \"0.30\" }, not string",
            "line 44, column 1: `minimal` is not a field of refund: known are method, window, rail, max_partial_refunds, minimum",
        ],
    );
    // Windows of different kinds cannot be compared, and need not be.
    let more = "[[refund]]\nwindow = \"calendar_month_end\"\nrail = \"12 months\"\n";
    Settings::parse(&format!("{COMPLETE}{more}")).expect("no finding");
}

/// The settings of the README are settings: its blocks, one after the other, are a file.
#[test]
fn what_the_readme_shows_is_read() {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```toml\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    let text = blocks.join("\n");
    let settings = Settings::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let day = "2026-03-02".parse().expect("a day");
    let enterprise = settings.fee_schedule("enterprise", day).expect("a schedule");
    assert_eq!(enterprise.prices.len(), 2);
    assert!(enterprise.vat.costs.is_some() && enterprise.prices.iter().any(|price| price.passes_costs));
    // By component, as the comment beside `vat` says.
    let by_component = text.replace(
        "vat = \"kr\" ",
        "vat = { percentage = \"kr\", event = \"kr\", costs = \"kr\" } ",
    );
    assert_ne!(by_component, text);
    let settings = Settings::parse(&by_component).expect("settings");
    let enterprise = settings.fee_schedule("enterprise", day).expect("a schedule");
    assert!(enterprise.vat.fixed.is_none() && enterprise.vat.costs.is_some());
}

#[test]
fn the_desk_has_a_ladder() {
    let more = r#"
[desk]
tolerance = { EUR = "1.00" }
limit_a = { EUR = "100.00" }
limit_b = { EUR = "1000.00" }
finance_heads = ["carla"]
"#;
    let desk = Settings::parse(&format!("{COMPLETE}{more}")).expect("no finding").desk;
    let of = |sums: &[(&str, i64)]| {
        let sums = sums
            .iter()
            .map(|(code, sum)| (Currency::parse(code).expect("a currency"), *sum))
            .collect();
        let approval = desk.approval(&sums);
        (approval.approvers, approval.by_head)
    };
    assert_eq!(of(&[]), (0, false));
    assert_eq!(of(&[("EUR", 100)]), (0, false));
    assert_eq!(of(&[("EUR", 101)]), (1, false));
    assert_eq!(of(&[("EUR", 10_000)]), (1, false));
    assert_eq!(of(&[("EUR", 10_001)]), (2, false));
    assert_eq!(of(&[("EUR", 100_000)]), (2, false));
    assert_eq!(of(&[("EUR", 100_001)]), (2, true));
    // A currency without limits: everything asks for all.
    assert_eq!(of(&[("KRW", 1)]), (2, true));
    assert_eq!(of(&[("EUR", 1), ("KRW", 1)]), (2, true));
    let none = Settings::parse(COMPLETE).expect("no finding").desk;
    assert_eq!(none, DeskRules::default());
}

#[test]
fn a_ladder_goes_up() {
    check_more(
        "[desk]\ntolerance = { EUR = \"2.00\" }\nlimit_a = { EUR = \"1.00\" }\nlimit_b = { KRW = \"5\" }\nheads = \"x\"\n",
        &[
            "line 39, column 11: `limit_a` of 1.00 EUR is below `tolerance` of 2.00 EUR",
            "line 40, column 11: `limit_b` of 0.00 EUR is below `limit_a` of 1.00 EUR",
            "line 41, column 1: `heads` is not a field of desk: known are tolerance, limit_a, limit_b, finance_heads, match_alone, calendar",
        ],
    );
}

#[test]
fn payouts_have_ladders_and_rules_of_returns() {
    let minimum = "minimum = { EUR = \"10.00\" }\n";
    let of = |more: &str| {
        let text = COMPLETE.replacen(minimum, &format!("{minimum}{more}"), 1);
        Settings::parse(&text).expect("no finding").payout
    };
    let plain = of("");
    assert_eq!(
        (plain.returned_fee, plain.each, plain.total),
        (ReturnedFee::GivenBack, None, None)
    );
    let steps = "alone = { EUR = \"1.00\" }\nlimit_a = { EUR = \"2.00\" }\nlimit_b = { EUR = \"3.00\" }\n";
    let rules = of(&format!("returned_fee = \"kept\"\n[payout.each]\n{steps}"));
    assert_eq!((rules.returned_fee, rules.total), (ReturnedFee::Kept, None));
    let eur = Currency::parse("EUR").expect("EUR");
    let each = rules.each.expect("a ladder");
    let asked = |minor| (each.of(eur, minor).approvers, each.of(eur, minor).by_head);
    assert_eq!(
        [100, 101, 201, 301].map(asked),
        [(0, false), (1, false), (2, false), (2, true)]
    );
    check(
        minimum,
        "returned_fee = \"lost\"\n[payout.total]\nalone = { EUR = \"2.00\" }\nlimit_a = { EUR = \"1.00\" }\nheads = \"x\"\n",
        &[
            "line 27, column 16: `returned_fee`: unknown variant `lost`, expected `given_back` or `kept`",
            "line 30, column 11: `limit_a` of 1.00 EUR is below `alone` of 2.00 EUR",
            "line 30, column 11: `limit_b` of 0.00 EUR is below `limit_a` of 1.00 EUR",
            "line 31, column 1: `heads` is not a field of total: known are alone, limit_a, limit_b",
        ],
    );
}

#[test]
fn rates_are_agreed_from_one_currency_to_another_once_a_day() {
    check(
        "settles_within_days = 3\n",
        "settles_within_days = 3\nrate = [{ from = \"GBP\", to = \"GBP\", rate = \"0\" }]\n",
        &[
            "line 12, column 9: a rate is from one currency to another",
            "line 12, column 44: `0` is not a rate: write how much one unit is, like \"1.0875\"",
        ],
    );
    check(
        "settles_within_days = 3\n",
        "settles_within_days = 3\nrate = [{ from = \"GBP\", to = \"EUR\", rate = \"1.2\" }, { from = \"GBP\", to = \"EUR\", rate = \"1.3\" }]\n",
        &["line 12, column 53: there is another rate from GBP to EUR of the same first day"],
    );
}

#[test]
fn what_the_worker_does_is_said_in_full() {
    let worker = r#"
[worker]
settled_seconds = 0
release_at = "01:30"
payouts_at = "16:00"
instruct = { directory = "/srv/out/", file_format = "pain.001" }
[[worker.inbox]]
path = "/srv//in/adyen"
acquirer = "adyen"
[[worker.inbox]]
path = "/srv/in/bank"
kind = "bank"
file_format = "mt940"
"#;
    let settings = Settings::parse(&format!("{COMPLETE}{worker}")).expect("no finding");
    let rules = settings.worker.expect("a worker");
    assert_eq!((rules.look_every, rules.settled, rules.expire_every), (30, 0, None));
    assert_eq!(
        rules.release_at.map(|time| time.to_string()).as_deref(),
        Some("01:30:00")
    );
    assert_eq!((rules.reports_at, rules.planner.as_str()), (None, "worker"));
    let paths: Vec<_> = rules.inboxes.iter().map(|inbox| inbox.path.to_string_lossy()).collect();
    assert_eq!(paths, ["/srv/in/adyen", "/srv/in/bank"]);
    let instruct = rules.instruct.expect("it instructs");
    assert_eq!(
        (instruct.directory.to_string_lossy().as_ref(), instruct.format.as_str()),
        ("/srv/out", "pain.001")
    );
    assert_eq!(Settings::parse(COMPLETE).expect("no finding").worker, None);
}

#[test]
fn what_is_wrong_with_the_worker_is_found() {
    let lines = COMPLETE.lines().count();
    for (worker, expected) in [
        (
            "release_at = \"24:00\"",
            "`24:00` is not a time of the day: write one like \"16:30\"",
        ),
        (
            "release_at = \"1:30\"",
            "`1:30` is not a time of the day: write one like \"16:30\"",
        ),
        ("settled_seconds = 86401", "`settled_seconds` must be from 0 to 86400"),
        ("look_every_seconds = 0", "`look_every_seconds` must be from 1 to 86400"),
        (
            "[[worker.inbox]]\npath = \"/in\"",
            "an inbox needs `acquirer`, or `kind`: \"events\" or \"bank\"",
        ),
        (
            "[[worker.inbox]]\npath = \"/in\"\nacquirer = \"nobody\"",
            "`nobody` is not an acquirer",
        ),
        (
            "[[worker.inbox]]\npath = \"/in\"\nkind = \"mail\"",
            "`mail` is no kind of inbox: write \"events\", \"settlement\" or \"bank\"",
        ),
        (
            "[[worker.inbox]]\npath = \"in\"\nkind = \"bank\"",
            "`path` must be a whole path, like \"/srv/acquit/inbox\"",
        ),
        (
            "[[worker.inbox]]\npath = \"/in\"\nkind = \"bank\"\n[[worker.inbox]]\npath = \"/in/events\"\nkind = \"events\"",
            "there is another inbox at `path`, in it or around it",
        ),
        (
            "[[worker.inbox]]\npath = \"/in\"\nkind = \"events\"\naccount = \"1\"",
            "`account` is not a field of an inbox of this kind",
        ),
        (
            "instruct = { directory = \"/out\", file_format = \"doc\" }",
            "`file_format` is none of csv, pain.001, pain.001.03, nacha: `doc`",
        ),
        (
            "[[worker.report]]\nname = \"payouts\"\ndirectory = \"/out\"",
            "reports are written at a time of the day: say it as `reports_at`",
        ),
    ] {
        let error = Settings::parse(&format!("{COMPLETE}[worker]\n{worker}\n")).expect_err("a finding");
        let [finding] = error.findings.as_slice() else {
            panic!("{worker}: {error}");
        };
        assert_eq!(finding.message, expected, "{worker}");
        assert!(finding.line > lines, "{finding}");
    }
}

#[test]
fn a_report_that_would_fail_on_every_run_is_found_before_it_is_applied() {
    let worker = "[worker]\nreports_at = \"02:30\"\n[[worker.report]]\nname = \"breaks_aging\"\ndirectory = \"/out\"\n";
    let text = format!("{COMPLETE}{worker}");
    let error = Settings::check(&text).expect_err("a finding");
    let [finding] = error.findings.as_slice() else {
        panic!("{error}");
    };
    assert_eq!(
        finding.message,
        "`breaks_aging` counts business days: say whose, as `calendar` under [desk]"
    );
    let line = finding.line.checked_sub(COMPLETE.lines().count());
    assert_eq!((line, finding.column), (Some(4), 8));
    // What was applied before that was looked for is read as ever.
    Settings::parse(&text).expect("no finding");
    let desk = "[desk]\ncalendar = \"TARGET2\"\n";
    Settings::check(&format!("{COMPLETE}{desk}{worker}")).expect("no finding");
}
