//! A breakdown of two payouts, worked out by hand.

use super::*;
use crate::acquirer::Rows;

const HEADER: &str = "Client Entity ID,Type,Payment ID,Reference,Processed On,Available On,Holding Currency,Payout ID,\
    Gross In Holding Currency,Deduction In Holding Currency,Net In Holding Currency,Processing Fee In Holding Currency,\
    Scheme Fee In Holding Currency,Interchange In Holding Currency,Tax In Holding Currency,Reserve In Holding Currency,\
    Processing Currency,Gross In Processing Currency,FX Rate Applied,Payment Method";

/// A row: type, payment, currency, payout, gross, deduction, net, fee, scheme, interchange, tax, reserve, sold.
fn row(words: &str) -> String {
    let w: Vec<String> = words
        .split(' ')
        .map(|word| {
            if word == "-" {
                String::new()
            } else {
                word.replace('_', " ")
            }
        })
        .collect();
    let (code, amount) = w[12].split_once(':').unwrap_or((&w[2], &w[4]));
    format!(
        "ent,{},{},order-{},2026-01-05T10:00:00,2026-01-07T00:00:00,{},{},{},{},{},{},{},{},{},{},{code},{amount},1,VISA",
        w[0], w[1], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11]
    )
}

/// P1 in EUR is paid 146.24: 96.8877 + 49.7962 - 0.45 + 0.01004 rounded to 96.89 + 49.80 - 0.45 + 0.01 is 146.25. P2 in USD is
/// -30.00 - 0.20.
const ROWS: [&str; 6] = [
    "Capture pay_1 EUR P1 100.00 -3.1123 96.8877 -0.50123456 -0.11106544 -0.50 -1.00 -1.00 -",
    "Capture pay_2 EUR P1 50 -0.2038 49.7962 -0.2038 - - - - GBP:43.00",
    "Merchant_Payout - EUR P1 0 -0.45 -0.45 -0.45 - - - - -",
    "Card_Verification pay_3 EUR P1 - 0.01004 0.01004 0.01004 - - - - -",
    "Refund pay_4 USD P2 -30.00 -0.20 -30.20 -0.20 - - - - -",
    "Chargeback pay_5 USD - -5.00 0 -5.00 - - - - - -",
];
const PAYOUTS: &str = "Payout ID,Payout Date,Payout Amount,Anything\nP1,2026-01-07,146.24,x\nP2,2026-01-08,-30.20,y\n";

fn breakdown(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

fn rows() -> Vec<String> {
    ROWS.iter().map(|words| row(words)).collect()
}

fn changed(place: usize, from: &str, to: &str) -> String {
    let mut rows = rows();
    assert!(rows[place].contains(from), "{}", rows[place]);
    rows[place] = rows[place].replacen(from, to, 1);
    breakdown(&rows)
}

#[derive(Debug, Default)]
struct Outcome {
    lines: Vec<SettlementLine>,
    rejects: Vec<String>,
    claims: Vec<String>,
    error: Option<String>,
}

fn read(files: &[&str]) -> Outcome {
    let mut outcome = Outcome::default();
    let input = |text: &&str| -> Box<dyn Read> { Box::new(std::io::Cursor::new((*text).to_owned().into_bytes())) };
    let rest = files.iter().skip(1).map(input).collect();
    let mut reader = match CheckoutReader::open(input(&files[0]), rest).map(Rows::of) {
        Ok(reader) => reader,
        Err(error) => {
            outcome.error = Some(error.to_string());
            return outcome;
        }
    };
    for row in &mut reader {
        match row {
            Ok(Row::Line(line)) => outcome.lines.push(line),
            Ok(Row::Reject(reject)) => {
                let column = reject.column.unwrap_or_default();
                outcome
                    .rejects
                    .push(format!("{} {column}: {}", reject.line, reject.reason));
            }
            Err(error) => outcome.error = Some(error.to_string()),
        }
    }
    assert!(reader.next().is_none());
    outcome.claims = crate::recon::proof::untrue(&reader.claims())
        .into_iter()
        .map(|claim| format!("{} {} / {}", claim.what, claim.stated, claim.read))
        .collect();
    outcome
}

#[track_caller]
fn rejected(breakdown: &str, payouts: &str, reason: &str) {
    let outcome = read(&[breakdown, payouts]);
    assert_eq!(outcome.error, None);
    assert!(
        outcome.rejects.iter().any(|reject| reject.starts_with(reason)),
        "{:?}",
        outcome.rejects
    );
}

#[track_caller]
fn refused(files: &[&str], reason: &str) {
    let error = read(files).error.expect("an error");
    assert!(error.contains(reason), "{error}");
}

#[test]
fn a_breakdown_is_rounded_and_proven_by_its_payouts() {
    let outcome = read(&[&breakdown(&rows()), PAYOUTS]);
    assert_eq!(outcome.error, None);
    assert_eq!(
        (outcome.rejects, outcome.claims),
        (Vec::<String>::new(), Vec::<String>::new())
    );
    let told: Vec<String> = outcome
        .lines
        .iter()
        .map(|line| {
            format!(
                "{} {} {} {} {} -> {} | {} {} {} {} {}",
                line.ordinal,
                line.line,
                line.record.name(),
                line.batch,
                line.gross.map_or_else(|| "-".to_owned(), |gross| gross.to_string()),
                line.net,
                line.commission,
                line.scheme_fee,
                line.interchange,
                line.tax,
                line.reserve
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            // 100.00 - 0.11 - 0.50 - 1.00 - 1.00 - 96.89 leaves 0.50 of a processing fee of 0.50123456.
            "1 2 capture P1 100.00 EUR -> 96.89 EUR | 50 11 50 100 100",
            "2 3 capture P1 43.00 GBP -> 49.80 EUR | 20 0 0 0 0",
            "3 4 batch_fee P1 - -> -0.45 EUR | 45 0 0 0 0",
            "4 5 batch_fee P1 - -> 0.01 EUR | -1 0 0 0 0",
            "5 6 refund P2 -30.00 USD -> -30.20 USD | 20 0 0 0 0",
            "6 7 chargeback no payout -5.00 USD -> -5.00 USD | 0 0 0 0 0",
            "7 2 payout P1 - -> -146.24 EUR | 0 0 0 0 0",
            "8 2 rounding P1 - -> -0.01 EUR | 0 0 0 0 0",
            "9 3 payout P2 - -> 30.20 USD | 0 0 0 0 0",
        ]
    );
    let days: Vec<Option<String>> = outcome
        .lines
        .iter()
        .map(|line| line.paid_out_on.map(|day| day.to_string()))
        .collect();
    let day = |day: &str| Some(day.to_owned());
    assert_eq!(days[..3], [day("2026-01-07"), day("2026-01-07"), day("2026-01-07")]);
    assert_eq!((&days[4], &days[5]), (&day("2026-01-08"), &None));
    // 50.00 EUR for 43.00 GBP.
    assert_eq!(
        outcome.lines[1].exchange_rate.map(|rate| rate.round_dp(6).to_string()),
        day("1.162791")
    );
    assert_eq!(outcome.lines[0].merchant_reference.as_deref(), Some("order-pay 1"));
}

#[test]
fn a_residue_is_legal_up_to_half_a_minor_unit_a_row() {
    let residue = |payout: &str| {
        let outcome = read(&[&breakdown(&rows()), &PAYOUTS.replace("146.24", payout)]);
        assert_eq!(outcome.error, None);
        let rounding = outcome.lines.iter().find(|line| line.record == RecordType::Rounding);
        (rounding.map(|line| line.net.minor()), outcome.claims)
    };
    // Four rows: two cents.
    assert_eq!(residue("146.25"), (None, vec![]));
    assert_eq!(residue("146.27"), (Some(2), vec![]));
    assert_eq!(residue("146.23"), (Some(-2), vec![]));
    assert_eq!(
        residue("146.28"),
        (None, vec!["batch P1 pays 14628 / 14625".to_owned()])
    );
    assert_eq!(
        residue("146.22"),
        (None, vec!["batch P1 pays 14622 / 14625".to_owned()])
    );
}

#[test]
fn rows_that_are_not_what_they_say_are_rejected() {
    rejected(
        &changed(0, ",96.8877,", ",96.8878,"),
        PAYOUTS,
        "2 : gross 100.00 and deduction -3.1123 are not net 96.8878 EUR",
    );
    rejected(
        &changed(0, "-0.50123456", "-0.50123455"),
        PAYOUTS,
        "2 Deduction In Holding Currency: is -3.1123, but fees, tax and reserve come to -3.11229999 EUR",
    );
    rejected(
        &changed(0, "-0.50123456", "-0.501234560"),
        PAYOUTS,
        "2 Processing Fee In Holding Currency: `-0.501234560` is not an amount of at most 8 decimals",
    );
    for wrong in ["+100.00", "1e2", "100,00", "NaN", "--1", ".5", "100.", " 100"] {
        let text = changed(0, ",100.00,-3", &format!(",\"{wrong}\",-3"));
        rejected(&text, PAYOUTS, "2 Gross In Holding Currency: ");
    }
    rejected(
        &changed(1, "43.00", "43.001"),
        PAYOUTS,
        "3 Gross In Processing Currency: 43.001 is no amount of GBP",
    );
    rejected(
        &changed(1, "43.00", "-43.00"),
        PAYOUTS,
        "3 Gross In Processing Currency: -43.00 GBP goes another way",
    );
    rejected(
        &changed(0, "2026-01-05T10:00:00", "2026-01-05T10:60:00"),
        PAYOUTS,
        "2 Processed On: ",
    );
    rejected(
        &changed(0, "2026-01-05T10:00:00", "2026-02-30"),
        PAYOUTS,
        "2 Processed On: ",
    );
    rejected(&changed(0, "EUR,P1", "eur,P1"), PAYOUTS, "2 Holding Currency: ");
}

#[test]
fn payouts_that_are_not_what_they_say_are_rejected() {
    let whole = breakdown(&rows());
    let with = |from: &str, to: &str| PAYOUTS.replace(from, to);
    rejected(
        &whole,
        &with("P2,2026-01-08", "P3,2026-01-08"),
        "3 Payout ID: file of payouts: payout P3 has no rows",
    );
    rejected(
        &whole,
        &with("P2,2026-01-08", "P1,2026-01-08"),
        "3 Payout ID: file of payouts: payout P1 is there twice",
    );
    rejected(
        &whole,
        &with("146.24", "146.245"),
        "2 Payout Amount: file of payouts: 146.245 is no amount of EUR",
    );
    rejected(
        &whole,
        &with("146.24", "x"),
        "2 Payout Amount: file of payouts: `x` is not an amount",
    );
    rejected(
        &changed(0, "EUR,P1", "USD,P1"),
        PAYOUTS,
        "2 Payout ID: file of payouts: payout P1 has rows of more than one",
    );
    let in_dollars = PAYOUTS
        .replace("Anything", "Holding Currency")
        .replace(",x", ",USD")
        .replace(",y", ",USD");
    rejected(
        &whole,
        &in_dollars,
        "2 Holding Currency: file of payouts: is USD, but the rows of payout P1 are in EUR",
    );
    let one = PAYOUTS.replace("P2,2026-01-08,-30.20,y\n", "");
    assert_eq!(read(&[&whole, &one]).claims, ["batch P2 pays 0 / -3020"]);
}

#[test]
fn a_breakdown_needs_its_payouts() {
    let whole = breakdown(&rows());
    refused(
        &[&whole],
        "a breakdown is proven by its payouts: give their file by --with",
    );
    refused(&[&whole, PAYOUTS, PAYOUTS], "more are given with it");
    refused(
        &[&whole, "Payout ID,Payout Date\n"],
        "file of payouts: not Checkout.com's file of payouts: no column `Payout Amount`",
    );
    refused(&[&whole, ""], "file of payouts: the file is empty");
    refused(&[PAYOUTS, PAYOUTS], "no column `Type`");
}

#[test]
fn noise_never_panics() {
    let whole = breakdown(&rows());
    for (place, byte) in (0..whole.len()).flat_map(|place| [0_u8, b',', b'"', b'9', 0xff].map(|byte| (place, byte))) {
        let mut bytes = whole.clone().into_bytes();
        bytes[place] = byte;
        let input: Box<dyn Read> = Box::new(std::io::Cursor::new(bytes));
        let payouts: Box<dyn Read> = Box::new(PAYOUTS.as_bytes());
        let Ok(reader) = CheckoutReader::open(input, vec![payouts]).map(Rows::of) else {
            continue;
        };
        assert!(reader.count() <= 20);
    }
}
