//! Cost contracts as settings write them, and every finding of one that is wrong.

use super::*;
use crate::settings::{Acquirer, Settings};

/// An acquirer begins on line 6.
const HEAD: &str = "effective_from = \"2026-01-01\"\n[house]\nname = \"House\"\ntime_zone = \"Europe/Berlin\"\n\
    bank_account = \"main\"\n[[acquirer]]\nname = \"north\"\ncontract = \"net\"\nsettles_within_days = 3\n";

/// Two versions; the first table of costs is on line 10.
const PLUS: &str = r#"[[acquirer.cost]]
model = "interchange_plus_plus"
rounding = "half_even"
[[acquirer.cost.term]]
name = "interchange visa"
of = "interchange"
scheme = "visa"
percentage = "0.2"
fixed = { EUR = "0" }
[[acquirer.cost.term]]
name = "markup"
of = "markup"
record = ["capture", "refund"]
percentage = "0.1"
fixed = { EUR = "0.05" }
minimum = { EUR = "0.07" }
cap = { EUR = "2.00" }
[[acquirer.cost]]
effective_from = "2026-04-01"
rounding = "half_up"
percentage = "1.5"
fixed = { EUR = "0.05" }
"#;

#[track_caller]
fn read(costs: &str) -> Acquirer {
    let mut settings = Settings::parse(&format!("{HEAD}{costs}")).unwrap_or_else(|error| panic!("{error}"));
    settings.acquirers.remove("north").expect("an acquirer")
}

/// The two versions with one thing changed.
#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(PLUS.contains(from), "{from} is not there");
    let text = format!("{HEAD}{}", PLUS.replacen(from, to, 1));
    let error = Settings::parse(&text).expect_err("a finding");
    assert_eq!(
        error.to_string().lines().collect::<Vec<_>>(),
        expected,
        "{from} -> {to}"
    );
}

#[test]
fn versions_and_terms_are_read_whole() {
    let acquirer = read(PLUS);
    let day = |text: &str| text.parse().expect("a day");
    let told = |day: NaiveDate| -> Vec<String> {
        let version = acquirer.cost_on(day).expect("a version");
        let term = |term: &CostTerm| {
            let records: Vec<&str> = term.records.iter().map(|record| record.name()).collect();
            let rates: Vec<String> = term
                .rates
                .iter()
                .map(|(currency, rates)| format!("{currency} {rates:?}"))
                .collect();
            let fraction = term.percentage;
            format!(
                "{} {} {} {fraction} {}",
                term.component.name(),
                term.name,
                records.join("+"),
                rates.join(" ")
            )
        };
        version.terms.iter().map(term).collect()
    };
    let early = [
        "interchange interchange visa capture 0.002 EUR CostRates { fixed: 0, minimum: None, cap: None }",
        "markup markup capture+refund 0.001 EUR CostRates { fixed: 5, minimum: Some(7), cap: Some(200) }",
    ];
    assert_eq!(told(day("2020-01-01")), early);
    assert_eq!(told(day("2026-03-31")), early);
    let late = ["total blended capture 0.015 EUR CostRates { fixed: 5, minimum: None, cap: None }"];
    assert_eq!(told(day("2026-04-01")), late);
    // Whether a term asks for what the line of a file does not say: method, scheme or country.
    let asks_for_payment = |contract: &CostContract| {
        contract.terms.iter().any(|CostTerm { fits, .. }| {
            !(fits.methods.is_empty() && fits.schemes.is_empty() && fits.card_countries.is_empty())
        })
    };
    assert!(asks_for_payment(&acquirer.costs[0]) && !asks_for_payment(&acquirer.costs[1]));
    assert!(read("").cost_on(day("2026-04-01")).is_none());
    // Before the first day of the first version nothing is agreed.
    let later = PLUS.replacen("rounding", "effective_from = \"2026-02-01\"\nrounding", 1);
    assert!(read(&later).cost_on(day("2026-01-31")).is_none());
}

#[test]
fn a_contract_that_says_what_cannot_be_is_refused() {
    check(
        "of = \"interchange\"",
        "of = \"interchanges\"",
        &[
            "line 15, column 6: `of`: unknown variant `interchanges`, expected one of `interchange`, `scheme_fee`, `markup`",
        ],
    );
    check("of = \"markup\"\n", "", &["line 19, column 1: term needs `of`"]);
    check(
        "of = \"markup\"",
        "of = \"scheme_fee\"",
        &["line 10, column 1: an interchange++ contract needs a term of \"markup\""],
    );
    check(
        "model = \"interchange_plus_plus\"\n",
        "",
        &[
            "line 14, column 6: a blended contract prices all costs together: leave `of` out, or write model = \"interchange_plus_plus\"",
            "line 20, column 6: a blended contract prices all costs together: leave `of` out, or write model = \"interchange_plus_plus\"",
        ],
    );
    check(
        "model = \"interchange_plus_plus\"",
        "model = \"ic++\"",
        &["line 11, column 9: `model`: unknown variant `ic++`, expected `blended` or `interchange_plus_plus`"],
    );
    check(
        "[\"capture\", \"refund\"]",
        "[\"capture\", \"payout\"]",
        &[
            "line 22, column 22: `payout` is not a record that has costs of its own: those are capture, refund, chargeback, chargeback_reversal, unpaid, unpaid_recovery, refund_failure",
        ],
    );
    check(
        "name = \"markup\"",
        "name = \"interchange visa\"",
        &["line 19, column 1: there is another term of the name `interchange visa`"],
    );
    for taken in [DEDUCTED, OF_BATCH] {
        check(
            "name = \"markup\"",
            &format!("name = \"{taken}\""),
            &[&format!(
                "line 19, column 1: `{taken}` stands for what no term prices: choose another name"
            )],
        );
    }
    check(
        "scheme = \"visa\"\npercentage = \"0.2\"\nfixed = { EUR = \"0\" }\n",
        "percentage = \"0.2\"\nfixed = { EUR = \"0\" }\n[[acquirer.cost.term]]\nname = \"x\"\nof = \"interchange\"\nscheme = \"visa\"\npercentage = \"1\"\nfixed = { EUR = \"0\" }\n",
        &["line 18, column 1: this term is never reached: the one on line 13 fits every line that it fits"],
    );
    check(
        "minimum = { EUR = \"0.07\" }",
        "minimum = { USD = \"0.07\" }",
        &["line 25, column 11: `minimum` is in USD, and `fixed` does not price USD"],
    );
    check(
        "cap = { EUR = \"2.00\" }",
        "cap = { EUR = \"0.06\" }",
        &["line 26, column 7: the cap in EUR is below the minimum or the fixed part"],
    );
    check(
        "effective_from = \"2026-04-01\"\n",
        "",
        &["line 27, column 1: there is another cost contract without `effective_from`, on line 10"],
    );
    check(
        "rounding = \"half_even\"\n",
        "rounding = \"half_even\"\npercentage = \"1\"\n",
        &["line 13, column 14: `percentage` belongs into each [[acquirer.cost.term]] where there are several"],
    );
    check(
        "rounding = \"half_up\"",
        "rounding = \"half_up\"\nuntil = \"2026-05-01\"",
        &[
            "line 30, column 1: `until` is not a field of cost: known are effective_from, model, rounding, tolerance, batch_tolerance, term, percentage, fixed, minimum, cap",
        ],
    );
}
