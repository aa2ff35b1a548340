//! Quirks of the formats: a small file for each, and the lines that it must come to.
//!
//! `fixtures/formats/quirks/lines.txt` has them as they are read. It was checked by hand against what each file says;
//! `UPDATE_LINES=1 cargo test --test it quirks` writes it again, and what changed must be checked again.

use std::fmt::Write;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use acquit::acquirer::format::Reading;
use acquit::acquirer::{Row, SettlementLine};
use acquit::recon::proof::untrue;
use acquit::settings::Settings;

/// A file, those given with it, and what it shows.
const QUIRKS: [(&str, &[&str], &str); 19] = [
    (
        "quirks/adyen-rows.csv",
        &[],
        "types in any case and against their direction, fees above the gross, amounts like .11, zeros, rates, scales that are not \
         ISO's, digits that are names, two rows alike, rows of the batch, no line end",
    ),
    (
        "quirks/adyen-wide.csv",
        &[],
        "forty columns the other way round, JSON in a cell, quoted nothing, a spreadsheet's ARN, the total of four costs",
    ),
    (
        "quirks/adyen-batch-rows.csv",
        &[],
        "rows of the batch of every other kind: a payout that came back, a reserve, costs, payouts elsewhere, corrections",
    ),
    (
        "quirks/stripe-commas.csv",
        &[],
        "decimal commas or none, currencies in both cases, a partial capture, a fee alone, a payout signed the other way, a row \
         of no payout",
    ),
    (
        "quirks/stripe-points.csv",
        &[],
        "two currencies in one row, yen, disputes, a refund that failed, something else",
    ),
    (
        "quirks/stripe-payouts.csv",
        &[],
        "payouts at will, of which no row is, and what payouts cost",
    ),
    (
        "quirks/paypal-rows.csv",
        &[],
        "a byte order mark, hundredths of yen, directions of gross and fee apart, the fee of a dispute, a conversion, a hold and \
         its release",
    ),
    ("quirks/paypal-cell-missing.csv", &[], "a row that is never filled up"),
    (
        "quirks/checkout-rows.csv",
        &["quirks/checkout-payouts.csv"],
        "eight decimals, two currencies, an authorization that costs, a reserve, the fee of a payout, a row of no payout, what \
         rounding leaves",
    ),
    (
        "quirks/toss-rows.csv",
        &[],
        "phone bills of a long cycle, fees signed the other way, a cancellation, no fee, dollars",
    ),
    (
        "quirks/toss-rows.json",
        &[],
        "a fee as text and in parts, no fee, a cancellation",
    ),
    ("ipm/ebcdic-blocked.ipm", &[], "EBCDIC in blocks"),
    ("ipm/ebcdic.ipm", &[], "EBCDIC"),
    ("ipm/ascii-blocked.ipm", &[], "ASCII in blocks"),
    ("ipm/ascii.ipm", &[], "ASCII"),
    (
        "profiles/header-totals.csv",
        &[],
        "six decimals, fees negative, totals before the columns",
    ),
    ("profiles/count-and-sum.csv", &[], "Latin-1, commas, flags, trailers"),
    ("profiles/no-header.csv", &[], "no names of columns"),
    (
        "profiles/balances.csv",
        &[],
        "balances before and after the lines, a payout",
    ),
];

const HOUSE: &str =
    "effective_from = \"2026-01-01\"\n[house]\nname = \"House\"\ntime_zone = \"UTC\"\nbank_account = \"main\"\n";

fn formats() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats")
}

/// A line in our terms: what it is, its references, days, gross and net, costs (commission, markup, scheme fee, interchange, tax),
/// what is withheld, rate.
fn told(line: &SettlementLine) -> String {
    let references = [
        ("ref", &line.acquirer_reference),
        ("of", &line.original_reference),
        ("ours", &line.merchant_reference),
        ("arn", &line.arn),
        ("rrn", &line.rrn),
        ("code", &line.auth_code),
        ("card", &line.card),
        ("case", &line.dispute),
        ("why", &line.reason),
    ];
    let references = references
        .iter()
        .filter_map(|(name, text)| text.as_ref().map(|text| format!(" {name}={text}")));
    let paid = line.paid_out_on.map_or_else(String::new, |day| format!(" paid {day}"));
    let gross = line.gross.map_or_else(|| "-".to_owned(), |gross| gross.to_string());
    let costs = [
        line.commission,
        line.markup,
        line.scheme_fee,
        line.interchange,
        line.tax,
    ];
    let rate = line.exchange_rate.map_or_else(String::new, |rate| format!(" × {rate}"));
    format!(
        "{} line {} {} [{}] batch {}{}; {}{paid}; {gross}{rate} -> {}; costs {}, withheld {}",
        line.ordinal,
        line.line,
        line.record.name(),
        line.type_text,
        line.batch,
        references.collect::<String>(),
        line.occurred_on,
        line.net,
        costs.map(|cost| cost.to_string()).join(" "),
        line.reserve
    )
}

/// What all files come to.
fn all() -> String {
    let settings = std::fs::read_to_string(formats().join("profiles/profiles.toml")).expect("profiles");
    let profiles = Settings::parse(&format!("{HOUSE}{settings}"))
        .expect("settings")
        .profiles;
    let mut text = String::new();
    for (name, with, shows) in QUIRKS {
        let read = |name: &str| std::fs::read(formats().join(name)).expect("a file");
        let content = read(name);
        let others: Vec<Vec<u8>> = with.iter().map(|name| read(name)).collect();
        let named = profiles
            .iter()
            .find(|profile| profile.header.is_some() && *name == format!("profiles/{}.csv", profile.name));
        let reading = named.map_or_else(
            || Reading::detect(&content, &profiles).expect("a format"),
            |profile| Reading::Profile(Arc::clone(profile)),
        );
        writeln!(text, "== {name}, read as {}: {shows}", reading.name()).expect("written");
        let mut rest: Vec<Box<dyn Read + '_>> = Vec::new();
        for file in &others {
            rest.push(Box::new(&file[..]));
        }
        let mut rows = reading.open(Box::new(&content[..]), rest).expect("opened");
        for row in rows.by_ref() {
            match row {
                Ok(Row::Line(line)) => writeln!(text, "{}", told(&line)),
                Ok(Row::Reject(reject)) => writeln!(text, "rejected: {reject:?}"),
                Err(error) => writeln!(text, "ended: {error}"),
            }
            .expect("written");
        }
        for claim in untrue(&rows.claims()) {
            writeln!(text, "not so: {claim:?}").expect("written");
        }
    }
    text
}

#[test]
fn every_quirk_comes_to_the_lines_that_it_must() {
    let path = formats().join("quirks/lines.txt");
    let all = all();
    if std::env::var_os("UPDATE_LINES").is_some() {
        std::fs::write(&path, &all).expect("written");
    }
    let kept = std::fs::read_to_string(&path).expect("the lines");
    for (all, kept) in all.lines().zip(kept.lines()) {
        assert_eq!(all, kept, "UPDATE_LINES=1 writes it again");
    }
    assert_eq!(all.lines().count(), kept.lines().count());
}
