use super::super::Settings;
use super::*;

const HOUSE: &str = "effective_from = \"2026-01-01\"
[house]
name = \"House\"
time_zone = \"UTC\"
bank_account = \"main\"
";

const PROFILE: &str = r#"
[[profile]]
name = "plain"
date = "YYYY-MM-DD"
[profile.columns]
type = "Type"
occurred_on = "Date"
currency = "Currency"
gross = "Gross"
[profile.types]
Sale = "capture"
"#;

fn read(text: &str) -> Result<Settings, String> {
    Settings::parse(&format!("{HOUSE}{text}")).map_err(|error| error.to_string())
}

/// The profile with a text replaced is refused for a reason, at a line counted from the profile's own first.
#[track_caller]
fn refused(from: &str, to: &str, line: usize, reason: &str) {
    assert!(PROFILE.contains(from), "{from}");
    let error = read(&PROFILE.replacen(from, to, 1)).expect_err("a refusal");
    // The profile's text begins with a line break, which ends the line after the house.
    let line = HOUSE.lines().count().saturating_add(line).saturating_add(1);
    let told = error
        .lines()
        .any(|told| told.starts_with(&format!("line {line}, ")) && told.contains(reason));
    assert!(told, "line {line}: {reason}\n{error}");
}

#[test]
fn profiles_are_read_from_settings() {
    let text = include_str!("../../../fixtures/formats/profiles/profiles.toml");
    let settings = read(text).expect("settings");
    let [balances, counted, totals, plain] = &settings.profiles[..] else {
        panic!("{} profiles", settings.profiles.len());
    };
    assert_eq!(
        (counted.name.as_str(), totals.name.as_str()),
        ("count-and-sum", "header-totals")
    );
    assert_eq!(counted.dialect.separator, b';');
    assert_eq!(counted.types["Rückbelastung"], RecordType::Chargeback);
    assert_eq!(counted.claims.len(), 3);
    assert_eq!(totals.preamble, 3);
    assert!(totals.costs_are_negative);
    assert_eq!(totals.scale.default, Scale::Decimals(6));
    assert!(balances.is_of_balance() && !counted.is_of_balance());
    assert_eq!((plain.name.as_str(), totals.header.as_ref()), ("no-header", None));
    let names = "kind id order day currency gross fee net country";
    assert_eq!(
        plain.header.as_deref().map(|names| names.join(" ")).as_deref(),
        Some(names)
    );
    assert!(read(PROFILE).expect("settings").profiles[0].claims.is_empty());
}

#[test]
fn a_profile_that_says_what_cannot_be_is_refused() {
    refused("name = \"plain\"", "", 1, "needs `name`");
    refused("\"plain\"", "\"adyen\"", 2, "is the name of a format");
    refused("date =", "dates =", 3, "`dates` is not a field of profile");
    refused("date = \"YYYY-MM-DD\"\n", "", 1, "needs `date`");
    refused("YYYY-MM-DD", "YYYY-DD", 3, "`date` needs `MM`");
    refused("gross =", "grossly =", 8, "`grossly` is not a field of columns");
    refused("gross = \"Gross\"\n", "", 4, "columns needs `gross` or `net`");
    refused("type = \"Type\"\n", "", 4, "columns needs `type`");
    refused("\"Currency\"", "\"Date\"", 7, "column `Date` is read for another field");
    refused("\"Gross\"", "\"\"", 8, "`gross` is empty");
    refused("\"Gross\"", "5", 8, "`gross` must be a text in quotes");
    refused("\"Gross\"", "{ debit = \"D\" }", 8, "needs `credit`");
    refused(
        "\"Gross\"",
        "{ debit = \"D\", flag = \"F\" }",
        8,
        "must be the name of a column",
    );
    refused("\"Gross\"", "{ amount = \"G\", flag = \"F\" }", 1, "needs `flags`");
    refused(
        "\"capture\"",
        "\"sale\"",
        10,
        "`sale` is not a record type: known are capture, refund",
    );
    refused("Sale = \"capture\"\n", "", 9, "types is empty");
    let with = |line: &str| format!("date = \"YYYY-MM-DD\"\n{line}");
    let added = |line: &str, reason: &str| refused("date = \"YYYY-MM-DD\"", &with(line), 4, reason);
    added("separator = \"x\"", "`separator` must be one of");
    added("separator = \",,\"", "`separator` must be one of");
    added("encoding = \"ebcdic\"", "`encoding`");
    added("preamble = 1001", "`preamble` must be from 0 to 1000");
    added("preamble = -1", "`preamble` must be from 0 to 1000");
    added("thousands = \".\"", "`thousands` is what stands before decimals too");
    added("decimal = \";\"", "`decimal` must be one of");
    added("scale = \"minor\"", "`minor` is not a scale");
    added(
        "scale_of = { JPY = \"iso\", XXX = \"iso\" }",
        "`XXX` is not an ISO 4217 currency",
    );
    added("scale_of = { JPY = \"2\" }", "`2` is not a scale");
    added("time_zone = \"UTC\"", "`time_zone` needs `day_zone`");
    added("day_zone = \"UTC\"", "`day_zone` needs a `date` with hh and mm");
    added("day_zone = \"Mars\"", "`Mars` is not a time zone");
    added("costs = \"none\"", "`costs`");
    added("trailer = [\"T \"]", "`trailer` begins or ends with a blank");
    added("header = []", "`header` must name from 1 to 1000 columns");
    added("header = false", "`header` must be a text in quotes");
    added("header = [\"Type\", 2]", "`header` must be a text in quotes");
    added(
        "header = [\"Type\", \"Date\", \"Currency\", \"Gross\", \"Date\"]",
        "`header` has the column `Date` twice",
    );
    added(
        "header = [\"Type\", \"Date\", \"Currency\"]",
        "`header` has no column `Gross`, which is read",
    );
    refused(
        "[profile.types]",
        "[profile.flags]\ndebit = [\"D\"]\ncredit = [\"C\"]\n[profile.types]",
        9,
        "no amount has a `flag`",
    );
    let twice = format!("{PROFILE}{PROFILE}");
    let error = read(&twice).expect_err("a refusal");
    assert!(
        error.contains("there is another profile of the name `plain`"),
        "{error}"
    );
}

#[test]
fn a_claim_that_says_what_cannot_be_is_refused() {
    let added = |claim: &str, reason: &str| {
        let text = PROFILE.replacen("date =", "preamble = 2\ntrailer = \"T\"\ndate =", 1);
        let error = read(&format!("{text}[[profile.claim]]\n{claim}\n")).expect_err("a refusal");
        assert!(error.contains(reason), "{reason}\n{error}");
    };
    added(
        "states = \"rows\"\ncell = 2",
        "a claim needs `preamble`, the number of a row, or `trailer`",
    );
    added(
        "states = \"rows\"\ncell = 2\npreamble = 1\ntrailer = \"T\"",
        "a claim needs `preamble`",
    );
    added("states = \"rows\"\ncell = 2\npreamble = 3", "the preamble has 2 rows");
    added(
        "states = \"rows\"\ncell = 2\ntrailer = \"X\"",
        "`X` is not in the profile's `trailer`",
    );
    added("states = \"rows\"\npreamble = 1", "claim needs `cell`");
    added(
        "states = \"rows\"\ncell = 0\npreamble = 1",
        "`cell` must be from 1 to 1000",
    );
    added(
        "states = \"net\"\ncell = 1\npreamble = 1\nany_currency = true",
        "neither `rows`, `opening`, `closing` nor an amount",
    );
    added("states = \"gross\"\ncell = 1\npreamble = 1", "a sum needs `currency`");
    added(
        "states = \"gross\"\ncell = 1\npreamble = 1\ncurrency = \"EUR\"\nany_currency = true",
        "has one of `currency`",
    );
    added(
        "states = \"gross\"\ncell = 1\npreamble = 1\ncurrency = \"EUR\"\nbeside = 2",
        "`beside` is of a count",
    );
    added(
        "states = \"rows\"\ncell = 1\npreamble = 1\ncurrency = \"EUR\"",
        "`beside` is of a count of rows, a currency of a sum",
    );
    let balance = "states = \"opening\"\ncell = 1\npreamble = 1\n";
    let of = |more: &str| format!("{balance}{more}");
    added(&of("currency = \"EUR\""), "claim needs `date_cell`");
    added(&of("date_cell = 2"), "a balance needs `currency` or `currency_cell`");
    added(
        &of("date_cell = 2\nany_currency = true"),
        "a balance needs `currency` or `currency_cell`",
    );
    added(
        &of("date_cell = 2\ncurrency = \"EUR\"\nbeside = 1"),
        "`beside` is of a count of rows",
    );
    added(
        &of("date_cell = 0\ncurrency = \"EUR\""),
        "`date_cell` must be from 1 to 1000",
    );
    added(
        &of("date_cell = 2\naccount_cell = \"A\"\ncurrency = \"EUR\""),
        "`account_cell` must be a whole number",
    );
    added(
        &of("date_cell = 2\ndate = \"DD\"\ncurrency = \"EUR\""),
        "`date` needs `YYYY`",
    );
    added(
        &of("date_cell = 2\ncurrency = \"EUR\""),
        "a claim that states `opening` needs one that states `closing`",
    );
    added(
        "states = \"rows\"\ncell = 1\npreamble = 1\ndate_cell = 2",
        "`date_cell` is of a claim that states `opening` or `closing`",
    );
    added(
        "states = \"rows\"\ncell = 1\npreamble = 1\nrows = 2",
        "`rows` is not a field of claim",
    );
}

#[test]
fn a_payout_of_a_balance_needs_a_name() {
    let end = |end: &str, column: u8| {
        format!(
            "[[profile.claim]]\nstates = \"{end}\"\ncell = {column}\npreamble = 1\ndate_cell = 1\ncurrency = \"EUR\"\n"
        )
    };
    let both = format!("{}{}", end("opening", 2), end("closing", 3));
    let of = |text: &str| read(&format!("{}{both}", text.replacen("date =", "preamble = 1\ndate =", 1)));
    of(PROFILE).expect("settings");
    let paying = PROFILE.replacen("Sale =", "Paid = \"payout\"\nSale =", 1);
    let error = of(&paying).expect_err("a refusal");
    assert!(
        error.contains("a payout of a balance is known by its `acquirer_reference`"),
        "{error}"
    );
    of(&paying.replacen("type =", "acquirer_reference = \"Id\"\ntype =", 1)).expect("settings");
}
