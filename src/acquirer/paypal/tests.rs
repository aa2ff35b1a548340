//! A report of two sections and three currencies, worked out by hand, and what is wrong with it when a byte changes.

use super::*;
use crate::acquirer::Reject;
use crate::acquirer::Rows;

const CH: &str = "CH,Transaction ID,Invoice ID,PayPal Reference ID,PayPal Reference ID Type,Transaction Event Code,\
    Transaction Initiation Date,Transaction Completion Date,Transaction Debit or Credit,Gross Transaction Amount,\
    Gross Transaction Currency,Fee Debit or Credit,Fee Amount,Fee Currency,Custom Field";

/// A row: id, invoice, reference, event, direction, gross, currency, direction of the fee, fee.
fn row(words: &str) -> String {
    let w: Vec<&str> = words
        .split(' ')
        .map(|word| if word == "-" { "" } else { word })
        .collect();
    let at = "2026/01/06 00:00:30 -0800";
    format!(
        "\"SB\",{},{},{},TXN,{},{at},{at},{},{},{},{},{},{},",
        w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[6]
    )
}

fn section(account: &str, rows: &[&str], footers: &[&str]) -> Vec<String> {
    let mut lines = vec![
        format!("\"SH\",2026/01/06 00:00:00 -0800,2026/01/06 23:59:59 -0800,\"{account}\",\"\""),
        CH.to_owned(),
    ];
    lines.extend(rows.iter().map(|words| row(words)));
    lines.extend(footers.iter().map(|footer| format!("SF,{footer}")));
    lines.push(format!("SC,{}", rows.len()));
    lines
}

/// Account A sells 100.00 EUR and 10,000 JPY, gives 20.00 EUR back, and turns 50.00 EUR into 56.50 USD; B sells 1.00 EUR.
fn report() -> Vec<String> {
    let mut lines = vec![
        "\"RH\",2026/01/07 03:00:00 -0800,\"A\",\"ACC\",9".to_owned(),
        "\"FH\",01".to_owned(),
    ];
    lines.extend(section(
        "ACC-A",
        &[
            "T1 order-1 - T0006 CR 10000 EUR DR 390",
            "T2 order-1 T1 T1107 DR 2000 EUR CR 78",
            "T3 order-2 - T0006 CR 1000000 JPY DR 40000",
            "T4 - C1 T0200 DR 5000 EUR - -",
            "T5 - C1 T0200 CR 5650 USD - -",
        ],
        &["EUR,10000,7000,78,390", "JPY,1000000,0,0,40000", "USD,5650,0,0,0"],
    ));
    lines.extend(section(
        "ACC-B",
        &["T6 order-3 - T0003 CR 100 EUR DR 34"],
        &["EUR,100,0,0,34,CR,0,CR,66,CR,0,CR,0,CR,0,CR,0,1"],
    ));
    lines.extend(
        [
            "RF,EUR,10100,7000,78,424",
            "RF,JPY,1000000,0,0,40000",
            "RF,USD,5650,0,0,0",
            "RC,6",
            "FF,6",
        ]
        .map(str::to_owned),
    );
    lines
}

#[derive(Debug, Default)]
struct Outcome {
    lines: Vec<SettlementLine>,
    rejects: Vec<Reject>,
    claims: Vec<String>,
    error: Option<String>,
}

fn read(files: &[String]) -> Outcome {
    let mut outcome = Outcome::default();
    let input = |text: &String| -> Box<dyn Read> { Box::new(std::io::Cursor::new(text.clone().into_bytes())) };
    let rest = files.iter().skip(1).map(input).collect();
    let mut reader = match PaypalReader::open(input(&files[0]), rest).map(Rows::of) {
        Ok(reader) => reader,
        Err(error) => {
            outcome.error = Some(error.to_string());
            return outcome;
        }
    };
    for row in &mut reader {
        match row {
            Ok(Row::Line(line)) => outcome.lines.push(line),
            Ok(Row::Reject(reject)) => outcome.rejects.push(reject),
            Err(error) => outcome.error = Some(error.to_string()),
        }
    }
    assert!(reader.next().is_none());
    if outcome.error.is_none() {
        assert!(reader.claims().totals.is_empty());
        outcome.claims = crate::recon::proof::untrue(&reader.claims())
            .into_iter()
            .map(|claim| format!("{}: {} / {}", claim.what, claim.stated, claim.read))
            .collect();
    }
    outcome
}

fn one_file(lines: &[String]) -> Outcome {
    read(&[lines.join("\n")])
}

/// The report with one line changed; counted from 1.
fn changed(line: usize, from: &str, to: &str) -> Vec<String> {
    let mut lines = report();
    let text = &mut lines[line.saturating_sub(1)];
    assert!(text.contains(from), "{text}");
    *text = text.replacen(from, to, 1);
    lines
}

#[track_caller]
fn refused(lines: &[String], reason: &str) {
    let error = one_file(lines).error.expect("an error");
    assert!(error.contains(reason), "{error}");
}

#[track_caller]
fn untrue(lines: &[String], claims: &[&str]) {
    let outcome = one_file(lines);
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.claims, claims);
}

#[track_caller]
fn rejected(lines: &[String], line: u64, column: &str, reason: &str) {
    let outcome = one_file(lines);
    assert_eq!(outcome.error, None);
    let reject = outcome.rejects.first().expect("a reject");
    assert_eq!(
        (reject.line, reject.column.as_deref()),
        (line, Some(column).filter(|name| !name.is_empty()))
    );
    assert!(reject.reason.contains(reason), "{}", reject.reason);
}

#[test]
fn a_report_is_read_in_the_scale_of_its_source() {
    let outcome = one_file(&report());
    assert_eq!((outcome.error, outcome.rejects, outcome.claims), (None, vec![], vec![]));
    let told: Vec<String> = outcome
        .lines
        .iter()
        .map(|line| {
            let gross = line.gross.map_or_else(|| "-".to_owned(), |gross| gross.to_string());
            let id = line.acquirer_reference.clone().unwrap_or_default();
            let (record, batch) = (line.record.name(), &line.batch);
            format!(
                "{} {id} {record} {gross} -> {} cost {} of {batch}",
                line.line, line.net, line.commission
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "5 T1 capture 100.00 EUR -> 96.10 EUR cost 390 of ACC-A 2026-01-06",
            "6 T2 refund -20.00 EUR -> -19.22 EUR cost -78 of ACC-A 2026-01-06",
            "7 T3 capture 10000 JPY -> 9600 JPY cost 400 of ACC-A 2026-01-06",
            "8 T4 conversion - -> -50.00 EUR cost 0 of ACC-A 2026-01-06",
            "9 T5 conversion - -> 56.50 USD cost 0 of ACC-A 2026-01-06",
            "16 T6 capture 1.00 EUR -> 0.66 EUR cost 34 of ACC-B 2026-01-06",
        ]
    );
    assert_eq!(outcome.lines[1].original_reference.as_deref(), Some("T1"));
    assert_eq!(outcome.lines[1].merchant_reference.as_deref(), Some("order-1"));
    assert_eq!(outcome.lines[0].raw, row("T1 order-1 - T0006 CR 10000 EUR DR 390"));
    let same = one_file(&changed(1, "\"RH\"", "\u{feff}\"RH\""));
    assert_eq!((same.error, same.lines), (None, outcome.lines));
}

#[test]
fn event_codes_and_directions_decide_the_record_together() {
    let record = |code: &str, gross| super::record(code, gross).0.name();
    let cases = [
        ("T0001", "capture unsupported"),
        ("T0106", "batch_fee batch_fee"),
        ("T0200", "conversion conversion"),
        ("T0300", "unsupported unsupported"),
        ("T0400", "unsupported payout"),
        ("T1106", "unsupported chargeback"),
        ("T1107", "unsupported refund"),
        ("T1108", "batch_fee batch_fee"),
        ("T1110", "reserve reserve"),
        ("T1111", "reserve reserve"),
        ("T1201", "unsupported chargeback"),
        ("T1202", "chargeback_reversal unsupported"),
        ("T1900", "unsupported unsupported"),
    ];
    for (code, expected) in cases {
        assert_eq!(format!("{} {}", record(code, 1), record(code, -1)), expected, "{code}");
    }
}

#[test]
fn a_hold_is_a_reserve() {
    let mut lines = report();
    lines[15] = row("T6 - - T1110 DR 100 EUR - -");
    lines[16] = "SF,EUR,0,100,0,0".to_owned();
    lines[18] = "RF,EUR,10000,7100,78,390".to_owned();
    let outcome = one_file(&lines);
    assert_eq!((outcome.error, outcome.claims), (None, vec![]));
    let hold = &outcome.lines[5];
    assert_eq!(
        (hold.record, hold.net.minor(), hold.reserve),
        (RecordType::Reserve, -100, 100)
    );
}

#[test]
fn every_figure_of_a_footer_is_proven() {
    untrue(
        &changed(10, "10000", "10001"),
        &["the section's footer of EUR on line 10 says gross credits of: 10001 / 10000"],
    );
    untrue(
        &changed(10, "7000", "6999"),
        &["the section's footer of EUR on line 10 says gross debits of: 6999 / 7000"],
    );
    untrue(
        &changed(10, ",78,", ",77,"),
        &["the section's footer of EUR on line 10 says fee credits of: 77 / 78"],
    );
    untrue(
        &changed(11, "40000", "40100"),
        &["the section's footer of JPY on line 11 says fee debits of: 401 / 400"],
    );
    untrue(
        &changed(17, "CR,0,1", "CR,0,2"),
        &["the section's footer of EUR on line 17 counts: 2 / 1"],
    );
    untrue(
        &changed(17, "CR,66", "CR,67"),
        &["the section's footer of EUR on line 17 says that the balance moved by: 67 / 66"],
    );
    untrue(
        &changed(13, "SC,5", "SC,6"),
        &["the count of section ACC-A 2026-01-06 on line 13: 6 / 5"],
    );
    untrue(
        &changed(19, "424", "425"),
        &["the report's footer of EUR on line 19 says fee debits of: 425 / 424"],
    );
    untrue(
        &changed(22, "RC,6", "RC,7"),
        &["the count of the report on line 22: 7 / 6"],
    );
    untrue(
        &changed(23, "FF,6", "FF,5"),
        &["the footer of file 1 on line 23 counts: 5 / 6"],
    );
    untrue(
        &changed(9, ",C1,", ",C2,"),
        &[
            "conversion C1 has of its two sides one too many or too few, sold less bought: 0 / 1",
            "conversion C2 has of its two sides one too many or too few, sold less bought: 0 / -1",
        ],
    );
}

#[test]
fn balances_are_of_an_account_and_a_period() {
    let mut lines = report();
    lines[10] = "SF,JPY,1000000,0,0,40000,DR,1000000,DR,40000,CR,0,CR,0,CR,0,CR,0,1".to_owned();
    let input: Box<dyn Read> = Box::new(std::io::Cursor::new(lines.join("\n").into_bytes()));
    let mut reader = Rows::of(PaypalReader::open(input, Vec::new()).expect("a report"));
    assert!(reader.by_ref().all(|row| row.is_ok()));
    let told: Vec<String> = reader
        .claims()
        .balances
        .iter()
        .map(|balance| {
            let Balance {
                account,
                from,
                until,
                opening,
                closing,
            } = balance;
            format!("{account} {opening} -> {closing}, {from} - {until}")
        })
        .collect();
    // 10,000 yen owed, 9,600 more: 400 are owed.
    assert_eq!(
        told,
        [
            "ACC-A -10000 JPY -> -400 JPY, 2026-01-06 08:00:00 UTC - 2026-01-07 07:59:59 UTC",
            "ACC-B 0.00 EUR -> 0.66 EUR, 2026-01-06 08:00:00 UTC - 2026-01-07 07:59:59 UTC",
        ]
    );
    // The same account and period twice: whose is the balance?
    lines[13] = lines[13].replace("ACC-B", "ACC-A");
    lines[9] = "SF,EUR,10000,7000,78,390,CR,0,CR,2688,CR,0,CR,0,CR,0,CR,0,3".to_owned();
    refused(&lines, "line 17: a second balance of EUR for the same period");
}

#[test]
fn rows_that_cannot_be_read_name_line_and_column() {
    rejected(
        &changed(5, "10000", "100.00"),
        5,
        "Gross Transaction Amount",
        "not an amount in hundredths",
    );
    rejected(
        &changed(5, "10000", "-10000"),
        5,
        "Gross Transaction Amount",
        "not an amount in hundredths",
    );
    rejected(
        &changed(7, "1000000", "1000050"),
        7,
        "Gross Transaction Amount",
        "1000050 hundredths are no amount of JPY",
    );
    rejected(
        &changed(5, ",CR,10000", ",XX,10000"),
        5,
        "Transaction Debit or Credit",
        "`XX` is neither CR nor DR",
    );
    rejected(&changed(5, ",390,EUR", ",390,USD"), 5, "Fee Currency", "is not EUR");
    rejected(
        &changed(5, ",10000,EUR", ",10000,eur"),
        5,
        "Gross Transaction Currency",
        "",
    );
    rejected(
        &changed(5, "T0006", "T06"),
        5,
        "Transaction Event Code",
        "`T06` is not an event code",
    );
    rejected(
        &changed(5, "2026/01/06 00:00:30 -0800,CR", "2026-01-06 00:00:30 -0800,CR"),
        5,
        "Transaction Completion Date",
        "",
    );
    rejected(
        &changed(5, "2026/01/06 00:00:30 -0800,CR", "2026/02/30 00:00:30 -0800,CR"),
        5,
        "Transaction Completion Date",
        "",
    );
    rejected(
        &changed(5, "order-1", "4111111111111111"),
        5,
        "Invoice ID",
        "holds a card number",
    );
    // Never padded.
    rejected(
        &changed(5, ",390,EUR,", ",390,EUR"),
        5,
        "",
        "has 14 cells, but the header has 15",
    );
    rejected(
        &changed(5, ",390,EUR,", ",390,EUR,,"),
        5,
        "",
        "has 16 cells, but the header has 15",
    );
}

#[test]
fn what_is_out_of_order_ends_the_file() {
    let without = |line: usize| {
        let mut lines = report();
        lines.remove(line - 1);
        lines
    };
    refused(&without(1), "line 2: a section outside report and file");
    refused(&without(2), "line 2: a section outside report and file");
    refused(&without(3), "line 3: column names outside a section");
    refused(&without(4), "line 4: a row before the column names of its section");
    refused(&without(10), "the section has rows of EUR and no footer of it");
    refused(
        &without(13),
        "line 13: a section begins before the one above has its count",
    );
    refused(&without(19), "the report has rows of EUR and no footer of it");
    refused(&without(22), "the report goes on in another file");
    refused(&without(23), "the file ends without its footer");
    refused(&changed(10, "SF,EUR", "SF,EUR,"), "the footer has 7 cells");
    refused(
        &changed(10, "10000", "1e4"),
        "line 10: cell 3 is `1e4`; it must be digits",
    );
    refused(&changed(11, "SF,JPY", "SF,EUR"), "a second footer of EUR");
    refused(&changed(17, "CR,66", "XX,66"), "cell 9 is `XX`; it must be CR or DR");
    refused(&changed(17, "CR,66", "CR,"), "cell 10 is ``; it must be digits");
    refused(
        &changed(14, "2026/01/06 00:00:00", "2026/01/07 00:00:00"),
        "the section's period ends before it begins",
    );
    refused(
        &changed(12, "SF,USD", "ZZ,USD"),
        "line 12: `ZZ` is not a kind of record",
    );
    refused(&changed(2, "01", "02"), "is file 2 of its report where file 1 is due");
    refused(&changed(4, "Fee Amount", "Fee"), "no column `Fee Amount`");
    let mut more = report();
    more.push("SC,0".to_owned());
    refused(&more, "a record after the file's footer");
}

#[test]
fn every_cut_is_noticed() {
    let whole = report().join("\n");
    for end in 0..whole.len() - 1 {
        if whole.is_char_boundary(end) {
            let outcome = read(&[whole[..end].to_owned()]);
            assert!(outcome.error.is_some() || !outcome.claims.is_empty(), "cut at {end}");
        }
    }
}

/// The report as a sequence of two files, cut within the first section.
fn sequence() -> [String; 2] {
    let lines = report();
    let mut first: Vec<String> = lines[..7].to_vec();
    first.push("FF,3".to_owned());
    let mut second = vec![lines[0].clone(), "FH,02".to_owned(), lines[2].clone(), lines[3].clone()];
    second.extend_from_slice(&lines[7..]);
    second.pop();
    second.push("FF,3".to_owned());
    [first.join("\n"), second.join("\n")]
}

#[test]
fn files_of_a_sequence_are_one_report() {
    let [first, second] = sequence();
    let outcome = read(&[first.clone(), second.clone()]);
    assert_eq!((outcome.error, outcome.rejects, outcome.claims), (None, vec![], vec![]));
    let whole = one_file(&report());
    let bare = |line: SettlementLine| SettlementLine { line: 0, ..line };
    let lines: Vec<SettlementLine> = outcome.lines.into_iter().map(bare).collect();
    assert_eq!(lines, whole.lines.into_iter().map(bare).collect::<Vec<_>>());
    let error = |files: &[String]| read(files).error.unwrap_or_default();
    assert!(error(std::slice::from_ref(&first)).contains("give it by --with"));
    assert!(error(std::slice::from_ref(&second)).contains("is file 2 of its report where file 1 is due"));
    assert!(error(&[second.clone(), first.clone()]).contains("is file 2"));
    assert!(error(&[report().join("\n"), second.clone()]).contains("another file is given with it"));
    let broken = second.replace(
        "T0200,2026/01/06 00:00:30 -0800,2026/01/06 00:00:30 -0800,DR,5000",
        "T0200,,,DR,5000",
    );
    let rejects = read(&[first, broken]).rejects;
    assert_eq!(rejects[0].line, 5);
    assert!(rejects[0].reason.starts_with("file 2: "), "{}", rejects[0].reason);
}

#[test]
fn noise_never_panics() {
    let whole = report().join("\n").into_bytes();
    for (place, byte) in
        (0..whole.len()).flat_map(|place| [0_u8, b',', b'"', b'\n', b'9', 0xff].map(|byte| (place, byte)))
    {
        let mut bytes = whole.clone();
        bytes[place] = byte;
        let input: Box<dyn Read> = Box::new(std::io::Cursor::new(bytes));
        let Ok(reader) = PaypalReader::open(input, Vec::new()).map(Rows::of) else {
            continue;
        };
        assert!(reader.count() <= 20);
    }
}

#[test]
fn what_a_dispute_costs_is_a_cost_of_its_line() {
    let told = |rows: &[&str], footer: &str| {
        let mut lines = report()[..2].to_vec();
        lines.extend(section("ACC-A", rows, &[footer]));
        lines.push(format!("RF,{footer}"));
        lines.extend([format!("RC,{}", rows.len()), format!("FF,{}", rows.len())]);
        let outcome = one_file(&lines);
        assert_eq!((outcome.error, outcome.rejects, outcome.claims), (None, vec![], vec![]));
        let told = outcome.lines.iter().map(|line| {
            let id = line.acquirer_reference.clone().unwrap_or_default();
            let (ordinal, record) = (line.ordinal, line.record.name());
            let rows = line.raw.lines().count();
            format!(
                "{ordinal} {id} {record} {} cost {} rows {rows}",
                line.net, line.commission
            )
        });
        told.collect::<Vec<String>>()
    };
    // By the dispute's own transaction, or that of its payment; whichever row comes first.
    let rows = [
        "F1 - D1 T0106 DR 2000 EUR - -",
        "D1 order-1 P1 T1201 DR 10000 EUR - -",
        "D2 order-2 P2 T1201 DR 5000 EUR - -",
        "F2 - P2 T0106 DR 2000 EUR - -",
        "T9 order-9 - T0006 CR 100 EUR - -",
        "F3 - P9 T0106 DR 1500 EUR - -",
    ];
    let footer = "EUR,100,20500,0,0";
    let expected = [
        "1 T9 capture 1.00 EUR cost 0 rows 1",
        "2 D1 chargeback -120.00 EUR cost 2000 rows 2",
        "3 D2 chargeback -70.00 EUR cost 2000 rows 2",
        "4 F3 batch_fee -15.00 EUR cost 0 rows 1",
    ];
    assert_eq!(told(&rows, footer), expected);
    // One that may be of either is of neither.
    let rows = [
        "D1 order-1 P1 T1201 DR 10000 EUR - -",
        "D2 order-1 P1 T1201 DR 5000 EUR - -",
        "F1 - P1 T0106 DR 2000 EUR - -",
    ];
    let expected = [
        "1 D1 chargeback -100.00 EUR cost 0 rows 1",
        "2 D2 chargeback -50.00 EUR cost 0 rows 1",
        "3 F1 batch_fee -20.00 EUR cost 0 rows 1",
    ];
    assert_eq!(told(&rows, "EUR,0,17000,0,0"), expected);
}
