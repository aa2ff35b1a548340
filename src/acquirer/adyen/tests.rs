//! A valid file, field by field, and a corpus of hostile ones.

use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::acquirer::Rows;
use crate::acquirer::{BATCH_LIMIT, BatchTotal, Reject};

const HEADER: &str = "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,\
    TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,\
    Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Payment Method Variant,\
    Modification Merchant Reference,Batch Number,Reserved4,Reserved5,Reserved6,Reserved7,Reserved8,Reserved9,Reserved10";

/// Batch 7 of a made-up merchant: it nets to zero with its payout.
const BATCH_7: [&str; 11] = [
    "SynthCo,SynthMerchant,8816178914079701,order-1001,visa,2026-11-20 10:00:00,CET,Settled,8826178914079801,EUR,,100.00,1,EUR,,98.76,,0.12,0.22,0.90,visaclassic,,7,,,,,,,",
    "SynthCo,SynthMerchant,8816178914079702,order-1002,visa,2026-11-20 10:00:00,CET,Settled,8826178914079802,GBP,,25.00,1.1634,EUR,,28.94,,0.05,0.04,0.06,visaclassic,,7,,,,,,,",
    "SynthCo,SynthMerchant,8816178914079703,order-1003,visa,2026-11-20 10:00:00,CET,Settled,8826178914079803,JPY,,1200,0.00573,EUR,,6.83,,0.02,0.01,0.02,visaclassic,,7,,,,,,,",
    "SynthCo,SynthMerchant,8816178914079704,00001004,ideal,2026-11-20 10:00:00,CET,Settled,8826178914079804,EUR,,9.99,1,EUR,,9.64,0.35,,,,idealclassic,,7,,,,,,,",
    "SynthCo,SynthMerchant,8816178914079701,order-1001,visa,2026-11-20 10:00:00,CET,Refunded,8836178914079901,EUR,40.00,,1,EUR,40.00,,,,,,visaclassic,,7,,,,,,,",
    "SynthCo,SynthMerchant,8816178914070001,order-0900,visa,2026-11-20 10:00:00,CET,Chargeback,8846178914079901,EUR,59.00,,1,EUR,66.50,,,7.50,,,visaclassic,,7,,,,,,,",
    "SynthCo,SynthMerchant,8816178914070002,order-0901,visa,2026-11-20 10:00:00,CET,ChargebackReversed,8856178914079901,EUR,,30.00,1,EUR,,30.00,,,,,visaclassic,,7,,,,,,,",
    "SynthCo,SynthMerchant,,,,2026-11-21 02:00:00,CET,Fee,Transaction Fees November 2026,,,,,EUR,1.80,,,,,,,,7,,,,,,,",
    "SynthCo,SynthMerchant,,,,2026-11-21 02:00:00,CET,InvoiceDeduction,Invoice 202611000001,,,,,EUR,2.00,,,,,,,,7,,,,,,,",
    "SynthCo,SynthMerchant,,,,2026-11-21 02:00:00,CET,DepositCorrection,DepositCorrection,,,,,EUR,5.00,,,,,,,,7,,,,,,,",
    "SynthCo,SynthMerchant,,,,2026-11-21 02:00:00,CET,MerchantPayout,\"TX123456789XT batch 7, SynthMerchant\",,,,,EUR,58.87,,,,,,,,7,,,,,,,",
];

/// A header and rows, without a line break at the end.
fn file(header: &str, rows: &[&str]) -> String {
    std::iter::once(header)
        .chain(rows.iter().copied())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A row of the batch with some cells written otherwise, exactly as given.
#[track_caller]
fn changed(row: &str, cells: &[(&str, &str)]) -> String {
    let mut texts: Vec<&str> = row.split(',').collect();
    for (name, text) in cells {
        let place = HEADER.split(',').position(|column| column == *name).expect(name);
        texts[place] = text;
    }
    texts.join(",")
}

/// Header and row with further columns at their end.
fn widened(row: &str, columns: &[(&str, &str)]) -> String {
    let (mut header, mut row) = (HEADER.to_owned(), row.to_owned());
    for (name, text) in columns {
        header.push_str(&format!(",{name}"));
        row.push_str(&format!(",{text}"));
    }
    file(&header, &[&row])
}

/// What a file comes to: its lines, its rejects, its claims; or what ended it.
struct Outcome {
    lines: Vec<SettlementLine>,
    rejects: Vec<Reject>,
    claims: ControlClaims,
    error: Option<String>,
}

fn read(bytes: &[u8]) -> Outcome {
    let mut outcome = Outcome {
        lines: vec![],
        rejects: vec![],
        claims: ControlClaims::default(),
        error: None,
    };
    let mut reader = match AdyenReader::open(bytes).map(Rows::of) {
        Ok(reader) => reader,
        Err(error) => {
            return Outcome {
                error: Some(error.to_string()),
                ..outcome
            };
        }
    };
    for row in &mut reader {
        match row {
            Ok(Row::Line(line)) => outcome.lines.push(line),
            Ok(Row::Reject(reject)) => outcome.rejects.push(reject),
            Err(error) => outcome.error = Some(error.to_string()),
        }
    }
    outcome.claims = reader.claims().clone();
    outcome
}

/// The only line of a good file.
#[track_caller]
fn one(text: &str) -> SettlementLine {
    let mut outcome = read(text.as_bytes());
    assert_eq!((&outcome.rejects[..], &outcome.error), (&[][..], &None), "{text}");
    assert_eq!(outcome.lines.len(), 1, "{text}");
    outcome.lines.remove(0)
}

/// A file is not read at all, for a reason.
#[track_caller]
fn refused(bytes: &[u8], reason: &str) {
    let error = read(bytes).error.expect("an error");
    assert!(error.contains(reason), "{error}");
}

/// The only reject of a file.
#[track_caller]
fn reject(bytes: &[u8], line: u64, column: Option<&str>, reason: &str) {
    let outcome = read(bytes);
    assert_eq!(outcome.error, None);
    let [reject] = &outcome.rejects[..] else {
        panic!("{:?}", outcome.rejects);
    };
    assert_eq!(
        (reject.line, reject.column.as_deref()),
        (line, column),
        "{}",
        reject.reason
    );
    assert!(reject.reason.contains(reason), "{}", reject.reason);
    assert_eq!(outcome.claims.rejects, 1);
}

/// The first row of the batch, cells written otherwise, is rejected for one column.
#[track_caller]
fn reject_cell(column: &str, text: &str, reason: &str) {
    let row = changed(BATCH_7[0], &[(column, text)]);
    reject(file(HEADER, &[&row]).as_bytes(), 2, Some(column), reason);
}

/// A row with cells written otherwise is rejected as a whole.
#[track_caller]
fn reject_row(row: &str, cells: &[(&str, &str)], reason: &str) {
    reject(file(HEADER, &[&changed(row, cells)]).as_bytes(), 2, None, reason);
}

fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a currency")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

#[test]
fn a_whole_batch_is_read_field_by_field() {
    let outcome = read(file(HEADER, &BATCH_7).as_bytes());
    assert_eq!((outcome.rejects.len(), outcome.error), (0, None));
    // ordinal, record, acquirer reference, original, merchant, gross, net, commission, markup, scheme, interchange, rate
    let told: Vec<String> = outcome
        .lines
        .iter()
        .map(|line| {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            format!(
                "{} {} | {} {} {} | {} -> {} | {} {} {} {} | {}",
                line.ordinal,
                line.record.name(),
                text(&line.acquirer_reference),
                text(&line.original_reference),
                text(&line.merchant_reference),
                line.gross.map_or_else(|| "-".to_owned(), |gross| gross.to_string()),
                line.net,
                line.commission,
                line.markup,
                line.scheme_fee,
                line.interchange,
                line.exchange_rate
                    .map_or_else(|| "-".to_owned(), |rate| rate.to_string()),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 capture | 8826178914079801 8816178914079701 order-1001 | 100.00 EUR -> 98.76 EUR | 0 12 22 90 | -",
            "2 capture | 8826178914079802 8816178914079702 order-1002 | 25.00 GBP -> 28.94 EUR | 0 5 4 6 | 1.1634",
            "3 capture | 8826178914079803 8816178914079703 order-1003 | 1200 JPY -> 6.83 EUR | 0 2 1 2 | 0.00573",
            "4 capture | 8826178914079804 8816178914079704 00001004 | 9.99 EUR -> 9.64 EUR | 35 0 0 0 | -",
            "5 refund | 8836178914079901 8816178914079701 order-1001 | -40.00 EUR -> -40.00 EUR | 0 0 0 0 | -",
            "6 chargeback | 8846178914079901 8816178914070001 order-0900 | -59.00 EUR -> -66.50 EUR | 0 750 0 0 | -",
            "7 chargeback_reversal | 8856178914079901 8816178914070002 order-0901 | 30.00 EUR -> 30.00 EUR | 0 0 0 0 | -",
            "8 batch_fee | Transaction Fees November 2026 - - | - -> -1.80 EUR | 0 0 0 0 | -",
            "9 unsupported | Invoice 202611000001 - - | - -> -2.00 EUR | 0 0 0 0 | -",
            "10 reserve | DepositCorrection - - | - -> -5.00 EUR | 0 0 0 0 | -",
            "11 payout | TX123456789XT batch 7, SynthMerchant - - | - -> -58.87 EUR | 0 0 0 0 | -",
        ]
    );
    for (line, row) in outcome.lines.iter().zip(BATCH_7) {
        assert_eq!(
            (line.raw.as_str(), line.line, line.batch.as_str()),
            (row, u64::from(line.ordinal) + 1, "SynthMerchant 7")
        );
        assert_eq!(line.arn, None);
        assert_eq!(
            line.occurred_on,
            day(if line.ordinal < 8 { "2026-11-20" } else { "2026-11-21" })
        );
    }
    let types: Vec<&str> = outcome.lines.iter().map(|line| line.type_text.as_str()).collect();
    assert_eq!(
        types[5..9],
        ["Chargeback", "ChargebackReversed", "Fee", "InvoiceDeduction"]
    );
    let total = BatchTotal {
        lines: 11,
        net_minor: 5887,
        payout_minor: -5887,
        payouts: 1,
    };
    let claims = ControlClaims {
        totals: [(("SynthMerchant 7".to_owned(), currency("EUR")), total)].into(),
        lines: 11,
        rejects: 0,
        latest_day: Some(day("2026-11-21")),
        claims: vec![],
        balances: vec![],
    };
    assert_eq!(outcome.claims, claims);
}

#[test]
fn line_breaks_and_byte_order_mark_change_nothing() {
    let plain = file(HEADER, &BATCH_7);
    let lines = read(plain.as_bytes()).lines;
    let mixed = plain.replacen('\n', "\r\n", 3).replace(
        ",7,,,,,,,\nSynthCo,SynthMerchant,,",
        ",7,,,,,,,\rSynthCo,SynthMerchant,,",
    );
    assert_ne!(mixed, plain.replacen('\n', "\r\n", 3));
    for same in [
        format!("{plain}\n"),
        plain.replace('\n', "\r"),
        plain.replace('\n', "\r\n"),
        format!("{}\r\n", plain.replace('\n', "\r\n")),
        mixed,
        format!("\u{feff}{plain}"),
    ] {
        let outcome = read(same.as_bytes());
        assert_eq!((outcome.rejects.len(), outcome.error), (0, None));
        assert_eq!(outcome.lines, lines);
    }
}

#[test]
fn totals_are_kept_by_batch_and_net_currency() {
    let gbp = changed(BATCH_7[0], &[("Gross Currency", "GBP"), ("Net Currency", "GBP")]);
    let batch_8 = changed(
        BATCH_7[4],
        &[("Batch Number", "8"), ("Creation Date", "2026-12-01 00:00:00")],
    );
    let bad = changed(BATCH_7[0], &[("Net Credit (NC)", "x")]);
    let claims = read(file(HEADER, &[BATCH_7[0], &gbp, &bad, &batch_8, BATCH_7[10]]).as_bytes()).claims;
    let total = |lines, net_minor, payout_minor, payouts| BatchTotal {
        lines,
        net_minor,
        payout_minor,
        payouts,
    };
    let expected = [
        (
            ("SynthMerchant 7".to_owned(), currency("EUR")),
            total(2, 9876, -5887, 1),
        ),
        (("SynthMerchant 7".to_owned(), currency("GBP")), total(1, 9876, 0, 0)),
        (("SynthMerchant 8".to_owned(), currency("EUR")), total(1, -4000, 0, 0)),
    ];
    assert_eq!(claims.totals, expected.into());
    assert_eq!(
        (claims.lines, claims.rejects, claims.latest_day),
        (4, 1, Some(day("2026-12-01")))
    );
}

#[test]
fn a_file_cut_short_never_passes() {
    // The same with an amount as the last cell of the file, which is still an amount when it is cut.
    let swapped = |row: &str| {
        let mut cells: Vec<&str> = row.split(',').collect();
        cells.swap(15, 29);
        cells.join(",")
    };
    let fee = changed(BATCH_7[7], &[("Net Debit (NC)", "117.74")]);
    let credit = [
        ("Type", "MerchantPayout"),
        ("Net Debit (NC)", ""),
        ("Net Credit (NC)", "58.87"),
    ];
    let mut rows: Vec<String> = BATCH_7[..10].iter().map(|row| swapped(row)).collect();
    rows.extend([swapped(&fee), swapped(&changed(BATCH_7[7], &credit))]);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    for whole in [file(HEADER, &BATCH_7), file(&swapped(HEADER), &rows)] {
        let balances = |outcome: &Outcome| {
            outcome.error.is_none()
                && outcome.rejects.is_empty()
                && outcome
                    .claims
                    .totals
                    .values()
                    .all(|total| total.net_minor + total.payout_minor == 0)
        };
        assert!(
            balances(&read(whole.as_bytes())),
            "{:?}",
            read(whole.as_bytes()).rejects
        );
        for cut in 1..=200 {
            let left = &whole.as_bytes()[..whole.len() - cut];
            assert!(
                !balances(&read(left)),
                "{cut} bytes cut: {}",
                String::from_utf8_lossy(left)
            );
        }
    }
}

#[test]
fn files_that_are_not_of_this_format_are_refused() {
    let row = BATCH_7[0];
    refused(b"", "line 1: the file is empty");
    refused("\u{feff}".as_bytes(), "line 1: the file is empty");
    refused(b"\n", "line 1: the first line is blank");
    refused(
        file("a,b,c", &["1,2,3"]).as_bytes(),
        "no column `Psp Reference`, no column `Merchant Reference`",
    );
    refused(
        file(&HEADER.replace(',', ";"), &[]).as_bytes(),
        "line 1: cells are separated by semicolons",
    );
    let misspelt = HEADER
        .replace("Net Currency", "Net Curency")
        .replace("Batch Number", "batch number");
    refused(
        file(&misspelt, &[row]).as_bytes(),
        "no column `Net Currency` (`Net Curency` looks like it)",
    );
    refused(
        file(&misspelt, &[row]).as_bytes(),
        "no column `Batch Number` (`batch number` looks like it)",
    );
    let twice = HEADER
        .replace("Reserved4", "Type")
        .replace("Reserved5", "Note")
        .replace("Reserved6", "Note");
    refused(
        file(&twice, &[row]).as_bytes(),
        "more than one column `Note`, more than one column `Type`",
    );
    refused(
        file(&HEADER.replace("Type", "Ty\0pe"), &[row]).as_bytes(),
        "line 1: the name of column 8 holds a NUL",
    );
    refused(
        format!("\"{HEADER}\n{row}").as_bytes(),
        "the name of column 1 opens a quote that is never closed",
    );
    refused(
        &[HEADER.as_bytes(), b",\xe9\n"].concat(),
        "the name of column 31 is not valid UTF-8",
    );
    let utf_16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(HEADER.bytes().flat_map(|byte| [byte, 0]))
        .collect();
    refused(&utf_16, "line 1: the file is in UTF-16");
    refused(&utf_16[2..], "line 1: the name of column 1 holds a NUL character");
    refused(
        format!("{HEADER}\n{}", ",".repeat(1_000)).as_bytes(),
        "line 2: the row has more than 1000 cells",
    );
    let huge = changed(row, &[("Payment Method", &format!("\"{}\"", "x".repeat(10_000_000)))]);
    refused(
        file(HEADER, &[&huge]).as_bytes(),
        "line 2: the row is longer than 1000000 bytes",
    );
    let header_with_card = HEADER.replace("Reserved4", "4111111111111111").replace("Type", "Tipe");
    let error = read(header_with_card.as_bytes()).error.expect("an error");
    assert!(!error.contains("4111111111111111"), "{error}");
}

#[test]
fn nothing_is_used_after_an_error() {
    let text = format!("{}\n{}\n{}", file(HEADER, &BATCH_7[..1]), ",".repeat(1_000), BATCH_7[1]);
    let mut reader = AdyenReader::open(text.as_bytes()).map(Rows::of).expect("opened");
    assert!(matches!(reader.next(), Some(Ok(Row::Line(_)))));
    assert!(matches!(reader.next(), Some(Err(FileError::Malformed { line: 3, .. }))));
    assert!(reader.next().is_none());
}

#[test]
fn a_file_may_have_no_rows() {
    let outcome = read(HEADER.as_bytes());
    assert_eq!(
        (outcome.lines.len(), outcome.rejects.len(), outcome.error),
        (0, 0, None)
    );
    assert_eq!(outcome.claims, ControlClaims::default());
}

#[test]
fn columns_are_found_by_name_and_unknown_ones_are_told() {
    let wide = widened(
        BATCH_7[0],
        &[
            ("Booking Date", "2026-11-21 00:00:00"),
            ("Metadata", "\"{\"\"a\"\": \"\"b\n\"\"}\""),
            ("Reserved20", ""),
            ("ARN", "74027500000000000000001"),
            ("Payment Fees (NC)", "1.24"),
            ("Authorisation Code", "00A1B2"),
            ("Card Number Summary", "0012"),
            ("Dispute Reference", "7700000000000001234"),
            ("Chargeback Reason Code", "10.4"),
            ("Shop Floor", "3"),
            ("Type of 4111111111111111", ""),
        ],
    );
    let line = one(&wide);
    assert_eq!(line.arn.as_deref(), Some("74027500000000000000001"));
    assert_eq!(line.auth_code.as_deref(), Some("00A1B2"));
    assert_eq!(line.card.as_deref(), Some("0012"));
    assert_eq!(line.dispute.as_deref(), Some("7700000000000001234"));
    assert_eq!(line.reason.as_deref(), Some("10.4"));
    assert_eq!(line.net.minor(), 9876);
    assert!(line.raw.contains("\"{\"\"a\"\": \"\"b\n\"\"}\",,7402"), "{}", line.raw);
    let reader = AdyenReader::open(wide.as_bytes()).map(Rows::of).expect("opened");
    assert_eq!(reader.unknown_columns(), ["Shop Floor", "Type of 411111******1111"]);

    let mut columns: Vec<&str> = HEADER.split(',').collect();
    let mut cells: Vec<&str> = BATCH_7[1].split(',').collect();
    columns.reverse();
    cells.reverse();
    let reversed = one(&file(&columns.join(","), &[&cells.join(",")]));
    assert_eq!(
        SettlementLine {
            raw: BATCH_7[1].to_owned(),
            ..reversed
        },
        one(&file(HEADER, &[BATCH_7[1]]))
    );
    assert!(
        AdyenReader::open(HEADER.as_bytes())
            .map(Rows::of)
            .expect("opened")
            .unknown_columns()
            .is_empty()
    );
}

#[test]
fn rows_out_of_shape_are_rejected() {
    let row = BATCH_7[0];
    let with = |other: &str| file(HEADER, &[row, other, row]);
    reject(with("").as_bytes(), 3, None, "a blank line");
    reject(
        format!("{}\n\n", file(HEADER, &[row])).as_bytes(),
        3,
        None,
        "a blank line",
    );
    reject(with("\\.").as_bytes(), 3, None, "has 1 cells, but the header has 30");
    reject(
        with(&row[..row.len() - 1]).as_bytes(),
        3,
        None,
        "has 29 cells, but the header has 30",
    );
    reject(
        with(&format!("{row},")).as_bytes(),
        3,
        None,
        "has 31 cells, but the header has 30",
    );
    reject(
        with(HEADER).as_bytes(),
        3,
        Some("Creation Date"),
        "`Creation` is not a day",
    );
    let cell = |text| changed(row, &[("Payment Method", text)]);
    reject(
        with(&cell("\"2\"x")).as_bytes(),
        3,
        Some("Payment Method"),
        "has text after its closing quote",
    );
    reject(
        with(&cell("5\" screen")).as_bytes(),
        3,
        Some("Payment Method"),
        "has a quote inside",
    );
    reject(
        with(&cell("a\tb")).as_bytes(),
        3,
        Some("Payment Method"),
        "holds a control character",
    );
    reject(
        with(&cell("a\u{feff}b")).as_bytes(),
        3,
        Some("Payment Method"),
        "holds a byte order mark",
    );
    let open = file(HEADER, &[row, &cell("\"visa"), row, row]);
    reject(
        open.as_bytes(),
        3,
        Some("Payment Method"),
        "opens a quote that is never closed",
    );
    for place in [0, row.len() / 2, row.len()] {
        let mut bytes = row.as_bytes().to_vec();
        bytes.insert(place, 0);
        let outcome = read(&[HEADER.as_bytes(), b"\n", &bytes].concat());
        assert_eq!(outcome.rejects[0].reason, "holds a NUL character");
    }
    let latin_1 = [HEADER.as_bytes(), b"\n", &cell("?").replace('?', "\u{1}").into_bytes()].concat();
    let latin_1: Vec<u8> = latin_1
        .into_iter()
        .map(|byte| if byte == 1 { 0xe9 } else { byte })
        .collect();
    reject(&latin_1, 2, Some("Payment Method"), "is not valid UTF-8");
    reject(
        format!("{}{}", with(row), &"\n\"").as_bytes(),
        5,
        Some("Company Account"),
        "never closed",
    );
}

#[test]
fn amounts_that_are_not_plain_decimals_are_rejected() {
    for text in [
        "1e3",
        "1_000",
        "NaN",
        "Infinity",
        "+5",
        "-5",
        "-0",
        " 5",
        "5 ",
        "１２",
        "\"1,234.50\"",
        "1.234.50",
        "0x10",
        "5.",
        ".",
        "98,76.0",
        "=5",
        "'5",
        "1 000",
        "\u{2212}5",
    ] {
        let text = if text.contains(',') && !text.starts_with('"') {
            &format!("\"{text}\"")
        } else {
            text
        };
        reject_cell("Net Credit (NC)", text, "is not an amount");
        reject_cell("Gross Debit (GC)", text, "is not an amount");
    }
    reject_cell("Net Credit (NC)", "98.765", "more decimals than EUR allows (2)");
    reject_cell("Net Debit (NC)", "9223372036854775808", "too large");
    reject_cell("Gross Credit (GC)", "92233720368547758.08", "too large");
    for text in ["--1", "+1", "-", "- 1", "1-", "(1)", "1e3", "-1_0"] {
        for column in ["Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)"] {
            reject_cell(column, text, "is not an amount");
        }
    }
    reject_cell("Markup (NC)", "0.001", "more decimals");
    reject_cell("Markup (NC)", "-0.001", "not an amount");
    reject_cell(
        "Net Credit (NC)",
        "4111111111111111.x",
        "`411111******1111.x` is not an amount",
    );
    let unquoted = changed(BATCH_7[0], &[("Net Credit (NC)", "1,234.50")]);
    reject(file(HEADER, &[&unquoted]).as_bytes(), 2, None, "has 31 cells");
}

#[test]
fn amounts_are_read_as_the_source_writes_them() {
    let read = |cells: &[(&str, &str)]| one(&file(HEADER, &[&changed(BATCH_7[0], cells)]));
    let same = read(&[]);
    for cells in [
        [("Net Debit (NC)", "\"\""), ("Gross Debit (GC)", "0")],
        [("Net Debit (NC)", "0.00"), ("Exchange Rate", "")],
        [("Net Credit (NC)", "98.760000"), ("Exchange Rate", "1.000000000000000")],
        [("Net Credit (NC)", "\"98.76\""), ("Markup (NC)", ".12")],
        [("Net Credit (NC)", "100.00"), ("Net Debit (NC)", "1.24")],
        [("Gross Credit (GC)", "150"), ("Gross Debit (GC)", "50")],
        [("Markup (NC)", "0.22"), ("Scheme Fees (NC)", "0.12")],
    ] {
        let line = read(&cells);
        assert_eq!(
            (line.gross, line.net, line.exchange_rate),
            (same.gross, same.net, None),
            "{cells:?}"
        );
        assert_eq!(
            line.commission + line.markup + line.scheme_fee + line.interchange,
            124,
            "{cells:?}"
        );
    }
    // Costs given back with a refund, and costs beyond the gross amount.
    let refund = [("Commission (NC)", "-0.35"), ("Net Debit (NC)", "39.65")];
    assert_eq!(one(&file(HEADER, &[&changed(BATCH_7[4], &refund)])).commission, -35);
    let dear = [
        ("Commission (NC)", "100.00"),
        ("Net Debit (NC)", "1.24"),
        ("Net Credit (NC)", ""),
    ];
    let line = read(&dear);
    assert_eq!((line.record, line.net.minor()), (RecordType::Capture, -124));
    // ISK and CLP have no minor unit, whatever the source writes; KWD has three decimals.
    let isk = read(&[
        ("Gross Currency", "ISK"),
        ("Net Currency", "ISK"),
        ("Net Credit (NC)", "100.00"),
        ("Markup (NC)", ""),
        ("Scheme Fees (NC)", "0.00"),
        ("Interchange (NC)", ""),
    ]);
    assert_eq!(isk.net.to_string(), "100 ISK");
    let kwd = [
        ("Gross Currency", "KWD"),
        ("Exchange Rate", "3"),
        ("Gross Credit (GC)", "33.335"),
        ("Net Credit (NC)", "98.77"),
    ];
    assert_eq!(read(&kwd).gross.map(Money::minor), Some(33335));
}

#[test]
fn a_row_must_add_up() {
    reject_row(
        BATCH_7[0],
        &[("Net Credit (NC)", "98.77")],
        "gross 100.00 EUR less costs of 1.24 EUR is 98.76 EUR, but net is 98.77 EUR",
    );
    reject_row(
        BATCH_7[0],
        &[("Net Credit (NC)", ""), ("Net Debit (NC)", "98.76")],
        "but net is -98.76 EUR",
    );
    reject_row(
        BATCH_7[4],
        &[("Net Debit (NC)", "4000")],
        "gross -40.00 EUR less costs of 0.00 EUR is -40.00 EUR",
    );
    let fx = |net| file(HEADER, &[&changed(BATCH_7[1], &[("Net Credit (NC)", net)])]);
    // 25.00 GBP × 1.1634 − 0.15 = 28.935 EUR
    for net in ["28.93", "28.94", "28.95"] {
        one(&fx(net));
    }
    for net in ["28.92", "28.96"] {
        reject(
            fx(net).as_bytes(),
            2,
            None,
            "gross 25.00 GBP × 1.1634 less costs of 0.15 EUR is 28.94 EUR, but net is",
        );
    }
    // −25.00 GBP × 1.1634 = −29.085 EUR
    let back = [
        ("Gross Debit (GC)", "25.00"),
        ("Gross Currency", "GBP"),
        ("Exchange Rate", "1.1634"),
    ];
    let back = changed(BATCH_7[4], &back);
    for net in ["29.08", "29.09", "29.10"] {
        one(&file(HEADER, &[&changed(&back, &[("Net Debit (NC)", net)])]));
    }
    reject_row(
        &back,
        &[("Net Debit (NC)", "29.07")],
        "is -29.09 EUR, but net is -29.07 EUR",
    );
    // Yen have no minor unit: forgetting so would be wrong a hundredfold.
    reject_row(
        BATCH_7[2],
        &[("Net Credit (NC)", "683.00")],
        "is 6.83 EUR, but net is 683.00 EUR",
    );
    let huge = [
        ("Gross Credit (GC)", "92233720368547758.07"),
        ("Exchange Rate", "79228162514264337593"),
        ("Gross Currency", "GBP"),
    ];
    reject_row(BATCH_7[0], &huge, "too large to be proven");
    let costly = [
        ("Commission (NC)", "92233720368547758.07"),
        ("Markup (NC)", "92233720368547758.07"),
    ];
    reject_row(BATCH_7[0], &costly, "minor units of EUR, but net is 98.76 EUR");
    // A row settled by another party, or without a gross amount, has nothing to add up.
    let external = changed(
        BATCH_7[0],
        &[
            ("Type", "SettledExternally"),
            ("Net Credit (NC)", ""),
            ("Net Debit (NC)", "1.24"),
        ],
    );
    let line = one(&file(HEADER, &[&external]));
    assert_eq!((line.record, line.net.minor()), (RecordType::BatchFee, -124));
    let other = external.replace(",1.24,", ",1.23,");
    assert_ne!(other, external);
    assert_eq!(one(&file(HEADER, &[&other])).record, RecordType::Unsupported);
    let zeros = [
        ("Gross Currency", "EUR"),
        ("Gross Debit (GC)", "0.00"),
        ("Gross Credit (GC)", "0"),
        ("Exchange Rate", "0"),
    ];
    assert_eq!(one(&file(HEADER, &[&changed(BATCH_7[7], &zeros)])).gross, None);
    assert_eq!(one(&file(HEADER, &[&changed(BATCH_7[7], &zeros[1..])])).gross, None);
}

#[test]
fn payment_fees_are_the_four_costs_or_wrong() {
    for text in ["", "1.24", "1.240"] {
        assert_eq!(
            one(&widened(BATCH_7[0], &[("Payment Fees (NC)", text)])).net.minor(),
            9876
        );
    }
    let column = Some("Payment Fees (NC)");
    let wrong = |text| widened(BATCH_7[0], &[("Payment Fees (NC)", text)]);
    reject(
        wrong("1.25").as_bytes(),
        2,
        column,
        "is 1.25 EUR, but the four costs are 1.24 EUR",
    );
    reject(
        wrong("0").as_bytes(),
        2,
        column,
        "is 0.00 EUR, but the four costs are 1.24 EUR",
    );
    reject(wrong("x").as_bytes(), 2, column, "is not an amount");
}

#[test]
fn currencies_and_rates_are_exact() {
    for text in ["eur", "EUR ", "ZZZ", "XXX", "978", "€"] {
        reject_cell("Net Currency", text, "is not an ISO 4217 currency code");
    }
    reject_cell("Net Currency", "", "is empty");
    reject_cell("Gross Currency", "eur", "is not an ISO 4217 currency code");
    reject_cell("Gross Currency", "", "is empty beside a gross amount");
    let bare = changed(BATCH_7[0], &[("Gross Currency", ""), ("Gross Credit (GC)", "")]);
    reject(
        file(HEADER, &[&bare]).as_bytes(),
        2,
        Some("Gross Currency"),
        "a row of this type has one",
    );
    for text in [
        "1e0",
        "-1",
        "+1",
        "1_0",
        "NaN",
        " 1",
        "1,0",
        ".",
        "1.",
        "0.00000000000000000000000000001",
    ] {
        let text = if text.contains(',') { "\"1,0\"" } else { text };
        reject_cell("Exchange Rate", text, "is not a rate, like 1.0875");
    }
    reject_cell(
        "Exchange Rate",
        "1.1",
        "`1.1` is not 1, though gross and net are in EUR",
    );
    reject_cell("Exchange Rate", "0", "`0` is not 1");
    for text in ["", "0", "0.000"] {
        let row = changed(BATCH_7[1], &[("Exchange Rate", text)]);
        reject(
            file(HEADER, &[&row]).as_bytes(),
            2,
            Some("Exchange Rate"),
            "no rate from GBP to EUR",
        );
    }
}

#[test]
fn days_zones_and_texts_are_exact() {
    for text in [
        "",
        "2026-11-20",
        "2026-11-20T10:00:00",
        "2026-11-20 24:00:00",
        "2026-11-20 10:60:00",
        "2026-11-20 10:00:60",
        "2026-11-20 10:00",
        "2026-11-20  10:00:00",
        "2026-11-20 1o:00:00",
        "2026-11-20 10:00:00 ",
    ] {
        reject_cell("Creation Date", text, "is not a time");
    }
    for text in [
        "0000-00-00",
        "2026-02-30",
        "2025-02-29",
        "26-11-20",
        "20-11-2026",
        "2026/11/20",
        "２026-11-20",
    ] {
        reject_cell("Creation Date", &format!("{text} 10:00:00"), "is not a day");
    }
    reject_cell("Creation Date", "0026-11-20 10:00:00", "outside the years");
    for text in ["", "C", "cet", "+01:00", "Europe/Amsterdam", "CET "] {
        reject_cell("TimeZone", text, "is not a time zone");
    }
    for text in ["CET", "CEST", "PDT", "BST", "AEST", "UTC"] {
        let row = changed(
            BATCH_7[0],
            &[("TimeZone", text), ("Creation Date", "2024-02-29 23:59:59")],
        );
        assert_eq!(one(&file(HEADER, &[&row])).occurred_on, day("2024-02-29"));
    }
    reject_cell("Batch Number", "", "is empty");
    reject_cell("Type", "", "is empty");
    reject_cell("Batch Number", "7 ", "begins or ends with a blank");
    reject_cell("Type", &"x".repeat(129), "is longer than 128 bytes");
}

#[test]
fn references_are_checked_and_card_numbers_never_kept() {
    for column in ["Psp Reference", "Merchant Reference", "Modification Reference"] {
        reject_cell(column, "\"a\nb\"", "holds a control or invisible character");
        reject_cell(column, "a\u{202e}b", "holds a control or invisible character");
        reject_cell(column, "a\u{200b}b", "holds a control or invisible character");
        reject_cell(column, " a", "begins or ends with a blank");
        reject_cell(
            column,
            "order 4111 1111 1111 1111",
            "holds a card number; card numbers are never stored",
        );
        let row = changed(BATCH_7[0], &[(column, "4111111111111111")]);
        // Masked in the row as it came, and not told at all in the reason.
        for reject in read(file(HEADER, &[&row]).as_bytes()).rejects {
            assert!(!reject.reason.contains("1111"), "{reject:?}");
            assert!(
                reject.raw.contains("411111******1111") && !reject.raw.contains("4111111111111111"),
                "{reject:?}"
            );
        }
    }
    let arn = |text| widened(BATCH_7[0], &[("ARN", text)]);
    reject(
        arn("4111111111111111").as_bytes(),
        2,
        Some("ARN"),
        "holds a card number",
    );
    // In a column that is only kept, it is masked.
    let line = one(&file(
        HEADER,
        &[&changed(BATCH_7[0], &[("Reserved4", "pan 4111111111111111")])],
    ));
    assert!(
        line.raw.contains("pan 411111******1111") && !line.raw.contains("4111111111111111"),
        "{}",
        line.raw
    );
    // Without a modification the payment itself is what the acquirer refers to.
    let line = one(&file(
        HEADER,
        &[&changed(BATCH_7[0], &[("Modification Reference", "")])],
    ));
    assert_eq!(line.acquirer_reference.as_deref(), Some("8816178914079701"));
}

#[test]
fn what_no_column_says_is_told_by_the_type() {
    let told = |type_text: &str| {
        let line = one(&file(HEADER, &[&changed(BATCH_7[7], &[("Type", type_text)])]));
        (line.net.minor(), line.scheme_fee, line.reserve)
    };
    assert_eq!(told("Fee"), (-180, 0, 0));
    assert_eq!(told("AuthorisationSchemeFee"), (-180, 180, 0));
    assert_eq!(told("ReserveAdjustment"), (-180, 0, 180));
    assert_eq!(told("Balancetransfer"), (-180, 0, 0));
    let released = [
        ("Type", "ReserveAdjustment"),
        ("Net Debit (NC)", ""),
        ("Net Credit (NC)", "2.50"),
    ];
    let line = one(&file(HEADER, &[&changed(BATCH_7[7], &released)]));
    assert_eq!((line.net.minor(), line.reserve), (250, -250));
    // A gross amount beside it is no other money.
    for type_text in ["ReserveAdjustment", "AuthorisationSchemeFee"] {
        let stated = [
            ("Type", type_text),
            ("Gross Currency", "EUR"),
            ("Gross Debit (GC)", "1.80"),
            ("Exchange Rate", "1"),
        ];
        let line = one(&file(HEADER, &[&changed(BATCH_7[7], &stated)]));
        assert_eq!((line.gross, line.net.minor()), (None, -180), "{type_text}");
    }
}

#[test]
fn types_and_signs_decide_the_record_together() {
    let check = |row: &str, type_text: &str, record| {
        let line = one(&file(HEADER, &[&changed(row, &[("Type", type_text)])]));
        assert_eq!((line.record, line.type_text.as_str()), (record, type_text));
    };
    let (credit, debit, batch) = (BATCH_7[0], BATCH_7[4], BATCH_7[7]);
    check(credit, "SETTLED", RecordType::Capture);
    check(debit, "Settled", RecordType::Unsupported);
    check(debit, "refunded", RecordType::Refund);
    check(credit, "Refunded", RecordType::Unsupported);
    check(debit, "SecondChargeback", RecordType::Chargeback);
    check(credit, "Chargeback", RecordType::Unsupported);
    check(credit, "ChargebackReversed", RecordType::ChargebackReversal);
    check(debit, "ChargebackReversed", RecordType::Unsupported);
    check(credit, "RefundedReversed", RecordType::RefundFailure);
    check(debit, "RefundedReversed", RecordType::Unsupported);
    check(batch, "DepositCorrection", RecordType::Reserve);
    check(batch, "ReserveAdjustment", RecordType::Reserve);
    check(batch, "MiscCosts", RecordType::BatchFee);
    check(batch, "merchantpayout", RecordType::Payout);
    for known in [
        "PaidOut",
        "PaidOutReversed",
        "InvoiceDeduction",
        "MatchedStatement",
        "ManualCorrected",
        "InternalCompanyPayout",
        "EpaPaid",
        "NewInventedType",
    ] {
        check(credit, known, RecordType::Unsupported);
        check(batch, known, RecordType::Unsupported);
    }
    for cost in ["SettleCost", "PaymentCost", "AuthorisationSchemeFee"] {
        check(batch, cost, RecordType::BatchFee);
    }
    check(credit, "PaymentCost", RecordType::Unsupported);
    for external in ["SettledExternally", "RefundedExternally", "ChargebackExternally"] {
        // Adyen pays what it should not, or pays nothing at all.
        check(credit, external, RecordType::Unsupported);
        check(batch, external, RecordType::Unsupported);
        let told = changed(
            credit,
            &[
                ("Type", external),
                ("Net Credit (NC)", ""),
                ("Markup (NC)", ""),
                ("Scheme Fees (NC)", ""),
                ("Interchange (NC)", ""),
            ],
        );
        assert_eq!(one(&file(HEADER, &[&told])).record, RecordType::External);
    }
    for carried in ["Balancetransfer", "BankInstructionReturned"] {
        check(batch, carried, RecordType::Carried);
    }
    check(batch, "ReserveAdjustment", RecordType::Reserve);
    let nothing = changed(
        credit,
        &[
            ("Gross Credit (GC)", "0"),
            ("Net Credit (NC)", ""),
            ("Net Debit (NC)", "1.24"),
        ],
    );
    let line = one(&file(HEADER, &[&nothing]));
    assert_eq!(
        (line.record, line.gross.map(Money::minor)),
        (RecordType::Unsupported, Some(0))
    );
}

#[test]
fn too_many_batches_end_the_file() {
    let rows: Vec<String> = (0..=BATCH_LIMIT)
        .map(|batch| changed(BATCH_7[7], &[("Batch Number", &batch.to_string())]))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(read(file(HEADER, &rows[..BATCH_LIMIT]).as_bytes()).error, None);
    refused(
        file(HEADER, &rows).as_bytes(),
        "line 10002: the file has more than 10000 batches",
    );
}

proptest! {
    /// Whatever follows the header: no panic, and every row is a line or a reject.
    #[test]
    fn any_bytes_are_lines_or_rejects(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let outcome = read(&[HEADER.as_bytes(), b"\n", &bytes].concat());
        prop_assert_eq!(outcome.error, None);
        prop_assert_eq!(u64::try_from(outcome.rejects.len()), Ok(outcome.claims.rejects));
        prop_assert_eq!(u64::try_from(outcome.lines.len()), Ok(outcome.claims.lines));
        if !bytes.contains(&b'"') {
            let text: Vec<u8> = bytes.iter().map(|byte| if *byte == b'\r' || *byte == b'\n' { *byte } else { b'x' }).collect();
            let text = String::from_utf8(text).expect("ASCII").replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(u64::try_from(text.lines().count()), Ok(outcome.claims.rejects));
        }
    }

    /// Cells that are nearly right: what is read still adds up, and each row is told once.
    #[test]
    fn near_misses_never_pass_unproven(
        changes in prop::collection::vec((0..30_usize, "[0-9]{0,3}[.]?[0-9]{0,3}|[A-Z]{3}|[-+ \"e,\n]{1,2}"), 0..3),
        base in 0..BATCH_7.len(),
    ) {
        let mut cells: Vec<String> = BATCH_7[base].split(',').map(str::to_owned).collect();
        for (place, text) in changes {
            cells[place] = text;
        }
        let outcome = read(file(HEADER, &[&cells.join(",")]).as_bytes());
        prop_assert_eq!(outcome.error, None);
        for line in &outcome.lines {
            let costs = [line.commission, line.markup, line.scheme_fee, line.interchange];
            let left = costs.iter().try_fold(line.gross.map_or(0, Money::minor), |left, cost| left.checked_sub(*cost));
            match line.gross {
                Some(gross) if gross.currency() == line.net.currency() => prop_assert_eq!(left, Some(line.net.minor())),
                _ => prop_assert!(line.record != RecordType::Capture || line.exchange_rate.is_some()),
            }
        }
        prop_assert!(!outcome.lines.is_empty() || !outcome.rejects.is_empty());
    }
}
