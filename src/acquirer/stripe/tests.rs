//! A report row by row, and what it must not be.

use proptest::prelude::*;

use super::*;
use crate::acquirer::Rows;

const HEADER: &str = "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,charge_id,\
    automatic_payout_id,customer_facing_amount,customer_facing_currency,payment_metadata[order_id]";

/// A payout of 100.00 − 3.20 − 25.00 − 15.00 − 10.00 − 0.30 + 55.41 (GBP 50.00 less 1.09 of fees) EUR.
const PAYOUT: [&str; 7] = [
    "txn_1,2026-03-02 09:00:00,eur,100.00,3.20,96.80,charge,ch_1,ch_1,po_1,100.00,eur,order-1",
    "txn_2,2026-03-02 09:00:01,EUR,-25,0,-25,refund,re_1,ch_1,po_1,-25,eur,order-1",
    "txn_3,2026-03-02 10:00:00,eur,-10.00,15.00,-25.00,dispute,dp_1,ch_0,po_1,,,",
    "txn_4,2026-03-02 10:00:00,eur,-0.30,0.00,-0.30,fee,,,po_1,,,",
    "txn_5,2026-03-02 11:00:00,eur,56.50,1.09,55.41,charge,ch_2,ch_2,po_1,50.00,gbp,order-2",
    "txn_6,2026-03-03 00:00:00,eur,-101.91,0,-101.91,payout,po_1,,po_1,,,",
    "txn_7,2026-03-03 00:00:00,eur,7.00,0,7.00,connect_reserved_funds,,,,,,",
];

#[derive(Default)]
struct Outcome {
    lines: Vec<SettlementLine>,
    /// `line column: reason`.
    rejects: Vec<String>,
    claims: ControlClaims,
    error: Option<String>,
}

fn read(bytes: &[u8]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut reader = match StripeReader::open(bytes).map(Rows::of) {
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
    outcome.claims = reader.claims().clone();
    outcome
}

fn file(rows: &[&str]) -> String {
    format!("{HEADER}\n{}", rows.join("\n"))
}

#[test]
fn a_payout_is_read_row_by_row() {
    let outcome = read(file(&PAYOUT).as_bytes());
    assert_eq!((&outcome.rejects, &outcome.error), (&vec![], &None));
    let told: Vec<String> = outcome
        .lines
        .iter()
        .map(|line| {
            let gross = line.gross.map_or_else(String::new, |gross| gross.to_string());
            let (batch, reference) = (&line.batch, line.acquirer_reference.as_deref().unwrap_or("-"));
            let (original, order) = (
                line.original_reference.as_deref().unwrap_or("-"),
                line.merchant_reference.as_deref().unwrap_or("-"),
            );
            let rate = line
                .exchange_rate
                .map_or_else(String::new, |rate| format!(" at {rate}"));
            format!(
                "{} {} {reference} {original} {order} {batch}: {gross}{rate} - {} = {}",
                line.ordinal,
                line.record.name(),
                line.commission,
                line.net
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 capture ch_1 ch_1 order-1 po_1: 100.00 EUR - 320 = 96.80 EUR",
            "2 refund re_1 ch_1 order-1 po_1: -25.00 EUR - 0 = -25.00 EUR",
            "3 chargeback dp_1 ch_0 - po_1: -10.00 EUR - 1500 = -25.00 EUR",
            "4 batch_fee txn_4 - - po_1:  - 0 = -0.30 EUR",
            "5 capture ch_2 ch_2 order-2 po_1: 50.00 GBP at 1.13 - 109 = 55.41 EUR",
            "6 payout po_1 - - po_1:  - 0 = -101.91 EUR",
            "7 unsupported txn_7 - - no payout:  - 0 = 7.00 EUR",
        ]
    );
    let claim = Claim {
        what: "payout po_1 is of".to_owned(),
        currency: Some(Currency::parse("EUR").expect("a currency")),
        stated: 10_191,
        read: 10_191,
        batch: Some(("po_1".to_owned(), 5)),
    };
    assert_eq!(outcome.claims.claims, [claim]);
    assert_eq!(outcome.claims.latest_day, "2026-03-03".parse().ok());
}

#[test]
fn a_payout_may_have_either_sign() {
    let turned = PAYOUT[5].replace("-101.91", "101.91");
    let rows = [&PAYOUT[..5], &[&turned]].concat();
    let outcome = read(file(&rows).as_bytes());
    let [claim] = &outcome.claims.claims[..] else {
        panic!("{:?}", outcome.claims);
    };
    assert_eq!((claim.stated, claim.read), (10_191, 10_191));
}

#[test]
fn a_payout_may_take_money_from_the_bank() {
    for amount in ["50.00", "-50.00"] {
        let rows = [
            "txn_2,2026-03-02 10:00:00,eur,-50.00,0,-50.00,refund,re_1,ch_1,po_2,,,order-1".to_owned(),
            format!("txn_6,2026-03-03 00:00:00,eur,{amount},0,{amount},payout,po_2,,po_2,,,"),
        ];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let outcome = read(file(&rows).as_bytes());
        let [claim] = &outcome.claims.claims[..] else {
            panic!("{:?}", outcome.claims);
        };
        assert_eq!((claim.stated, claim.read), (-5_000, -5_000), "{amount}");
    }
}

#[test]
fn a_payout_at_will_is_of_the_balance() {
    let rows = [
        "txn_1,2026-03-02 10:00:00,eur,100.00,3.20,96.80,charge,ch_1,ch_1,,,,order-1",
        "txn_2,2026-03-03 00:00:00,eur,-40.00,0,-40.00,payout,po_7,,,,,",
    ];
    let outcome = read(file(&rows).as_bytes());
    assert_eq!(outcome.claims.claims, []);
    let batches: Vec<(String, bool)> = outcome
        .lines
        .iter()
        .map(|line| (line.batch.clone(), line.of_balance))
        .collect();
    assert_eq!(batches, [("no payout".to_owned(), true), ("po_7".to_owned(), true)]);
}

#[test]
fn a_payout_that_is_not_of_its_rows_is_told() {
    let outcome = read(file(&PAYOUT[1..6]).as_bytes());
    let [claim] = &outcome.claims.claims[..] else {
        panic!("{:?}", outcome.claims);
    };
    assert_eq!((claim.stated, claim.read), (10_191, 511));
}

#[test]
fn commas_are_decimals_where_the_file_has_them() {
    let comma = "txn_1,2026-03-02 09:00:00,eur,\"100,5\",\"3,20\",\"97,30\",charge,ch_1,,po_1,,,";
    let outcome = read(file(&[comma]).as_bytes());
    assert_eq!(outcome.rejects, Vec::<String>::new());
    assert_eq!(outcome.lines[0].net.minor(), 9730);
    let outcome = read(file(&[comma, PAYOUT[0]]).as_bytes());
    assert_eq!(
        outcome.rejects,
        ["3 gross: `100.00` has `.` before its decimals, amounts above have `,`"]
    );
    let thousands = "txn_1,2026-03-02 09:00:00,eur,\"1,000.00\",0,\"1,000.00\",charge,ch_1,,po_1,,,";
    assert_eq!(read(file(&[thousands]).as_bytes()).rejects.len(), 1);
}

#[track_caller]
fn rejected(row: &str, reason: &str) {
    let outcome = read(file(&[row]).as_bytes());
    assert!(outcome.lines.is_empty(), "{row}");
    assert_eq!(outcome.rejects, [reason], "{row}");
}

#[test]
fn rows_that_cannot_be_trusted_are_rejected() {
    let row = PAYOUT[0];
    rejected(
        &row.replace("96.80", "96.81"),
        "2 : gross 100.00 EUR less fee 3.20 EUR is not net 96.81 EUR",
    );
    rejected(
        &row.replace(",eur,100.00,3", ",eux,100.00,3"),
        "2 currency: `EUX` is not an ISO 4217 currency code (three capital letters, like EUR)",
    );
    rejected(
        &row.replace("100.00,3.20", "1e2,3.20"),
        "2 gross: `1e2` is not an amount: write digits with a decimal point, like 12.34",
    );
    rejected(&row.replace("100.00,3.20", ",3.20"), "2 gross: is empty");
    rejected(&row.replace("txn_1", ""), "2 balance_transaction_id: is empty");
    rejected(
        &row.replace("ch_1,ch_1", "4111111111111111,ch_1"),
        "2 source_id: holds a card number; card numbers are never stored",
    );
    rejected(
        &row.replace("2026-03-02 09:00:00", "02/03/2026"),
        "2 created_utc: `02/03/2026` is not a time: write YYYY-MM-DD HH:MM:SS",
    );
    rejected(
        &row.replace(",100.00,eur,", ",,gbp,"),
        "2 customer_facing_amount: is empty",
    );
    rejected(
        &row.replace(",100.00,eur,", ",0,gbp,"),
        "2 customer_facing_amount: is nothing beside an amount in another currency",
    );
}

#[test]
fn a_charge_against_its_sign_is_nothing_that_we_book() {
    let outcome = read(file(&["txn_1,2026-03-02 09:00:00,eur,-5.00,0,-5.00,charge,ch_1,,po_1,,,"]).as_bytes());
    assert_eq!(outcome.lines[0].record, RecordType::Unsupported);
}

#[test]
fn a_report_without_a_time_is_refused() {
    let error = read(b"balance_transaction_id,currency,gross,fee,net,reporting_category\n").error;
    assert!(error.is_some_and(|error| error.contains("no column `created_utc` or `created`")));
}

proptest! {
    /// Whatever the bytes: lines that add up, rejects, or an error.
    #[test]
    fn any_bytes_are_lines_or_rejects(body in "[0-9a-z_,.\"\n\r:-]{0,200}") {
        let outcome = read(format!("{HEADER}\n{body}").as_bytes());
        for line in &outcome.lines {
            prop_assert!(line.gross.is_none_or(|gross| gross.currency() != line.net.currency() || gross.minor().checked_sub(line.commission) == Some(line.net.minor())));
        }
    }
}
