//! Bad input through the binary: an exit code, a position, a reason, and nothing half-booked.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::desk::{Desk, Ran, State};
use crate::reconcile::{HEADER, SETTINGS, events, settlement_file};
use crate::support;

/// A desk with settings in force.
async fn desk() -> Desk {
    let desk = Desk::new().await;
    desk.write("settings.toml", SETTINGS);
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    desk
}

/// The tables that hold what is booked.
pub fn booked(state: &State) -> State {
    let tables = [
        "book",
        "entry",
        "transfer",
        "balance",
        "payment",
        "open_item",
        "settlement_match",
        "payout",
    ];
    state
        .iter()
        .filter(|(table, _)| tables.contains(&table.as_str()))
        .map(|(table, rows)| (table.clone(), rows.clone()))
        .collect()
}

/// Rejects by line: rule, field, reason.
fn rejects(content: &str) -> BTreeMap<usize, (String, String, String)> {
    let mut reader = csv::Reader::from_reader(content.as_bytes());
    let rows = reader
        .deserialize::<BTreeMap<String, String>>()
        .map(|row| row.expect("a row"));
    rows.map(|row| {
        let cell = |name: &str| row.get(name).cloned().unwrap_or_default();
        (
            cell("line").parse().expect("a line"),
            (cell("rule"), cell("field") + &cell("column"), cell("reason")),
        )
    })
    .collect()
}

// Recording ----------------------------------------------------------------------------------------------------------

/// A good event, with one text in it replaced by another.
fn event(from: &str, to: &str) -> Vec<u8> {
    let line = r#"{"kind":"authorization","merchant":"m-1","payment":"pay","reference":"ref","amount":"10.00","currency":"EUR","occurred_at":"2026-03-02T10:00:00+01:00","acquirer":"adyen"}"#;
    assert!(line.contains(from), "{from}");
    line.replacen(from, to, 1).into_bytes()
}

fn amount(text: &str) -> Vec<u8> {
    event("10.00", text)
}

type Case = (Vec<u8>, &'static str, &'static str, &'static str);

/// Lines that are no events: rule, field, and part of the reason.
fn bad_events() -> Vec<Case> {
    let malformed = |line: Vec<u8>, field, reason| (line, "malformed", field, reason);
    let mut not_utf8 = event("ref", "r?f");
    let place = not_utf8.iter().position(|byte| *byte == b'?').expect("the mark");
    not_utf8[place] = 0xff;
    let mut nul = event("ref", "r?f");
    nul[place] = 0;
    let whole = event("ref", "ref");
    vec![
        malformed(whole[..40].to_vec(), "", "not an event at column 40"),
        malformed(whole[..whole.len() - 1].to_vec(), "", "not an event at column"),
        malformed(b"not json".to_vec(), "", "not an event at column"),
        malformed(b"[1]".to_vec(), "", "not an event at column"),
        malformed(b"{}".to_vec(), "", "missing field `kind`"),
        malformed([b"\xef\xbb\xbf", &whole[..]].concat(), "", "not an event at column 1"),
        malformed(not_utf8, "", "not UTF-8 at byte"),
        malformed(nul, "", "control character"),
        malformed(event("ref\"", "r\\u0000f\""), "reference", "control or invisible"),
        malformed(event("ref\"", "r\\u202ef\""), "reference", "control or invisible"),
        malformed(event("ref\"", "\""), "reference", "is empty"),
        malformed(event("ref\"", " ref\""), "reference", "begins or ends with a blank"),
        malformed(
            event("ref\"", &format!("{}\"", "x".repeat(129))),
            "reference",
            "longer than 128 bytes",
        ),
        malformed(
            event("ref\"", &format!("{}\"", "x".repeat(10_000_000))),
            "",
            "longer than 1000000 bytes",
        ),
        malformed(event("acquirer", "acquierer"), "", "unknown field `acquierer`"),
        malformed(
            event("\"kind\"", "\"amount\":\"1.00\",\"kind\""),
            "",
            "duplicate field `amount`",
        ),
        malformed(event("\"10.00\"", "10.00"), "", "invalid type"),
        malformed(event("authorization", "authorisation"), "kind", "no kind of event"),
        malformed(event("authorization", "settlement"), "kind", "no kind of event"),
        malformed(amount("1e3"), "amount", "`1e3` is not an amount"),
        malformed(amount("1_000"), "amount", "`1_000` is not an amount"),
        malformed(amount("NaN"), "amount", "`NaN` is not an amount"),
        malformed(amount("Infinity"), "amount", "is not an amount"),
        malformed(amount("-1.00"), "amount", "is not an amount"),
        malformed(amount("+1.00"), "amount", "is not an amount"),
        malformed(amount(" 1.00"), "amount", "is not an amount"),
        malformed(amount("1,000.00"), "amount", "is not an amount"),
        malformed(amount("1.000,00"), "amount", "is not an amount"),
        malformed(amount("１０"), "amount", "is not an amount"),
        malformed(amount("0x10"), "amount", "is not an amount"),
        malformed(amount(""), "amount", "is not an amount"),
        malformed(amount("10.001"), "amount", "more decimals than EUR allows (2)"),
        malformed(amount("92233720368547758.08"), "amount", "too large"),
        malformed(
            event("10.00\",\"currency\":\"EUR", "10.5\",\"currency\":\"JPY"),
            "amount",
            "more decimals than JPY allows (0)",
        ),
        malformed(event("EUR", "eur"), "currency", "is not an ISO 4217 currency code"),
        malformed(event("EUR", "EURO"), "currency", "is not an ISO 4217 currency code"),
        malformed(
            event("EUR", "XYZ"),
            "currency",
            "`XYZ` is not an ISO 4217 currency code",
        ),
        malformed(event("+01:00", ""), "occurred_at", "write RFC 3339 with an offset"),
        malformed(event("2026-03-02T", "2026-02-30T"), "occurred_at", "is not an instant"),
        malformed(event("2026-03-02T", "0000-00-00T"), "occurred_at", "is not an instant"),
        (
            event("m-1", "m-9"),
            "unknown_merchant",
            "merchant",
            "`m-9` is not in the settings",
        ),
        (
            event("m-1", "M-1"),
            "unknown_merchant",
            "merchant",
            "`M-1` is not in the settings",
        ),
        (
            event("adyen", "nobody"),
            "unknown_acquirer",
            "acquirer",
            "`nobody` is not in the settings",
        ),
        (
            event("2026-03", "2025-03"),
            "no_settings_in_force",
            "occurred_at",
            "no settings are in force on 2025-03-02",
        ),
        (
            event("authorization", "capture"),
            "unknown_payment",
            "payment",
            "has no authorization",
        ),
        (
            event("authorization", "refund"),
            "unknown_payment",
            "payment",
            "has no authorization",
        ),
    ]
}

#[tokio::test]
async fn lines_that_are_no_events_are_told_one_by_one() {
    let desk = desk().await;
    let cases = bad_events();
    let mut file = event("\"ref\"", "\"good-0\"");
    file = String::from_utf8(file)
        .expect("UTF-8")
        .replace("\"pay\"", "\"good-0\"")
        .into_bytes();
    for (number, (line, ..)) in cases.iter().enumerate() {
        file.push(b'\n');
        file.extend_from_slice(line);
        file.push(b'\n');
        file.extend_from_slice(&event(
            "\"pay\",\"reference\":\"ref\"",
            &format!("\"good-{0}\",\"reference\":\"good-{0}\"", number + 1),
        ));
    }
    desk.write("events.jsonl", &file);
    let before = desk.state().await;
    desk.run(&["record", "events.jsonl", "--atomic", "--rejects", "atomic.csv"])
        .exits(1)
        .says(&["nothing was recorded"]);
    assert_eq!(desk.state().await, before, "all or nothing");

    let ran = desk.run(&["record", "events.jsonl", "--format", "json"]).exits(2);
    assert_eq!(ran.rows()[0]["recorded"], (cases.len() + 1).to_string());
    assert_eq!(ran.rows()[0]["rejected"], cases.len().to_string());
    let told = rejects(&desk.read("rejects.csv"));
    assert_eq!(told, rejects(&desk.read("atomic.csv")), "an atomic run tells the same");
    assert_eq!(told.len(), cases.len());
    for (number, (line, rule, field, reason)) in cases.iter().enumerate() {
        let shown = String::from_utf8_lossy(&line[..line.len().min(300)]);
        let (told_rule, told_field, told_reason) = &told[&(2 * number + 2)];
        assert_eq!(
            (told_rule.as_str(), told_field.as_str()),
            (*rule, *field),
            "{shown}: {told_reason}"
        );
        assert!(told_reason.contains(reason), "{shown}: {told_reason}");
        assert!(told_reason.len() < 400, "{shown}: {told_reason}");
    }
    let count = desk.state().await["entry"].0;
    assert_eq!(
        count,
        i64::try_from(cases.len() + 1).expect("a count"),
        "only what is right is booked"
    );
    desk.is_sound().await;

    // The same again: the good are replayed, the bad are as bad as before.
    let state = desk.state().await;
    let ran = desk.run(&["record", "events.jsonl", "--format", "json"]).exits(2);
    assert_eq!(ran.rows()[0]["replayed"], (cases.len() + 1).to_string());
    assert_eq!(desk.state().await, state);
}

#[tokio::test]
async fn a_run_says_by_its_exit_code_what_it_did() {
    let desk = desk().await;
    let good = events("sale p1 10.00 EUR ref=A1");
    let bad = String::from_utf8(amount("1e3")).expect("UTF-8") + "\n";
    desk.write("good.jsonl", &good);
    desk.write("bad.jsonl", &bad);
    desk.write("both.jsonl", good.replace("p1", "p2") + &bad);
    desk.write("conflict.jsonl", good.replace("10.00", "11.00"));
    let before = booked(&desk.state().await);
    desk.run(&["record", "bad.jsonl"]).exits(1);
    desk.run(&["record", "good.jsonl", "bad.jsonl", "--atomic"]).exits(1);
    desk.run(&["record", "good.jsonl", "gone.jsonl"])
        .exits(1)
        .says(&["gone.jsonl", "nothing was recorded"]);
    assert_eq!(booked(&desk.state().await), before);
    desk.run(&["record", "good.jsonl"]).exits(0);
    desk.run(&["record", "good.jsonl"]).exits(0);
    desk.run(&["record", "both.jsonl"]).exits(2);
    desk.run(&["record", "good.jsonl", "bad.jsonl"]).exits(2);
    // A currency that the merchant's schedule has no price for: what is authorized is never captured.
    desk.write("unpriced.jsonl", events("sale p9 10.00 USD"));
    desk.run(&["record", "unpriced.jsonl"]).exits(2);
    let told = rejects(&desk.read("rejects.csv"));
    let (rule, field, reason) = &told[&2];
    assert_eq!((rule.as_str(), field.as_str()), ("currency_not_priced", "currency"));
    assert!(reason.contains("no price in USD"), "{reason}");
    let before = booked(&desk.state().await);
    // A reference that was used for something else.
    desk.run(&["record", "conflict.jsonl"]).exits(1);
    let told = rejects(&desk.read("rejects.csv"));
    assert_eq!(told.len(), 2);
    assert_eq!(told[&1].0, "reference_conflict");
    assert!(told[&1].2.contains("amount differs"), "{told:?}");
    assert_eq!(booked(&desk.state().await), before);
}

const COLUMNS: &str = "kind,merchant,payment,reference,amount,currency,occurred_at,acquirer";
const ROW: &str = "authorization,m-1,pay,ref,10.00,EUR,2026-03-02T10:00:00+01:00,adyen";

/// The same text as UTF-16 with its mark.
fn utf16(text: &str, big: bool) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units
        .flat_map(|unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
        .collect()
}

#[tokio::test]
async fn files_that_are_no_event_files_are_refused_whole() {
    let desk = desk().await;
    let file = |header: &str, rows: &[&str]| [&[header], rows].concat().join("\n").into_bytes();
    let long = format!(
        "authorization,m-1,pay,{},10.00,EUR,2026-03-02T10:00:00+01:00,adyen",
        "x".repeat(10_000_000)
    );
    let open = format!("authorization,m-1,pay,\"{}", "open\n".repeat(300_000));
    let cases: Vec<(Vec<u8>, &[&str])> = vec![
        (Vec::new(), &["line 1", "empty"]),
        (b"\n".to_vec(), &["line 1"]),
        (
            file(&format!("{COLUMNS},colour"), &[&format!("{ROW},red")]),
            &["line 1", "unknown column `colour`"],
        ),
        (
            file(&format!("{COLUMNS},amount"), &[&format!("{ROW},1.00")]),
            &["line 1", "column `amount` is there twice"],
        ),
        (
            file("kind,merchant", &["authorization,m-1"]),
            &[
                "line 1",
                "payment, reference, amount, currency, occurred_at, acquirer is missing",
            ],
        ),
        (
            file(&COLUMNS.replace(',', ";"), &[&ROW.replace(',', ";")]),
            &["line 1", "unknown column"],
        ),
        (
            file(&COLUMNS.to_uppercase(), &[ROW]),
            &["line 1", "unknown column `KIND`"],
        ),
        (utf16(&format!("{COLUMNS}\n{ROW}\n"), false), &["line 1", "UTF-16"]),
        (utf16(&format!("{COLUMNS}\n{ROW}\n"), true), &["line 1", "UTF-16"]),
        (b"\x1f\x8b\x08\x00".to_vec(), &["line 1", "gzip"]),
        (file(COLUMNS, &[ROW, &long]), &["line 3", "longer than 1000000 bytes"]),
        (
            file(COLUMNS, &[ROW, &open]),
            &["line 3", "is a quote opened and never closed?"],
        ),
        (
            file(COLUMNS, &[ROW, &",".repeat(5000)]),
            &["line 3", "more than 1000 cells"],
        ),
    ];
    let before = desk.state().await;
    for (content, said) in cases {
        desk.write("events.csv", &content);
        for atomic in [&[][..], &["--atomic"]] {
            desk.run(&[&["record", "events.csv"], atomic].concat())
                .exits(1)
                .says(said)
                .says(&["events.csv"]);
        }
    }
    assert_eq!(desk.state().await, before);
    assert!(
        !desk.path().join("rejects.csv").exists(),
        "there were no rows to reject"
    );
}

#[tokio::test]
async fn rows_that_are_no_events_are_told_one_by_one() {
    let desk = desk().await;
    let cases: [(&[u8], &str, &str); 12] = [
        (
            b"authorization,m-1,pay,ref,10.00,EUR",
            "",
            "the row has 6 cells, the header has 8",
        ),
        (
            b"authorization,m-1,pay,ref,10.00,EUR,2026-03-02T10:00:00+01:00,adyen,",
            "",
            "the row has 9 cells",
        ),
        (
            b"authorization,m-1,pay,r\0f,10.00,EUR,2026-03-02T10:00:00+01:00,adyen",
            "reference",
            "NUL",
        ),
        (
            b"authorization,m-1,pay,r\xfff,10.00,EUR,2026-03-02T10:00:00+01:00,adyen",
            "reference",
            "UTF-8",
        ),
        (
            b"authorization,m-1,pay,\xc0\xaf,10.00,EUR,2026-03-02T10:00:00+01:00,adyen",
            "reference",
            "UTF-8",
        ),
        (
            b"authorization,m-1,pay,r\"f,10.00,EUR,2026-03-02T10:00:00+01:00,adyen",
            "reference",
            "quote inside",
        ),
        (
            b"authorization,m-1,pay,\"r\"f,10.00,EUR,2026-03-02T10:00:00+01:00,adyen",
            "reference",
            "after its closing quote",
        ),
        (
            b"authorization,m-1,pay,ref,1e3,EUR,2026-03-02T10:00:00+01:00,adyen",
            "amount",
            "is not an amount",
        ),
        (
            b"authorization,m-1,pay,ref,\"1,000.00\",EUR,2026-03-02T10:00:00+01:00,adyen",
            "amount",
            "is not an amount",
        ),
        (
            b"authorization,m-1,pay,ref,10.001,EUR,2026-03-02T10:00:00+01:00,adyen",
            "amount",
            "more decimals",
        ),
        (b"\\.", "", "the row has 1 cells"),
        (b"authorization,m-1,pay,\"re", "", "never closed"),
    ];
    let mut file = [COLUMNS.as_bytes(), b"\n"].concat();
    for (number, (row, ..)) in cases.iter().enumerate() {
        file.extend_from_slice(
            ROW.replace("pay,ref", &format!("good-{number},good-{number}"))
                .as_bytes(),
        );
        file.extend_from_slice(b"\r\n");
        file.extend_from_slice(row);
        // The last one is the end of a truncated file.
        if number + 1 < cases.len() {
            file.push(b'\n');
        }
    }
    // A byte order mark of UTF-8 is no part of the first name.
    desk.write("events.csv", [b"\xef\xbb\xbf", &file[..]].concat());
    let before = desk.state().await;
    desk.run(&["record", "events.csv", "--atomic"]).exits(1);
    assert_eq!(desk.state().await, before, "all or nothing");
    desk.run(&["record", "events.csv"]).exits(2);
    let told = rejects(&desk.read("rejects.csv"));
    assert_eq!(told.len(), cases.len(), "{told:#?}");
    for (number, (_, field, reason)) in cases.iter().enumerate() {
        let (rule, told_field, told_reason) = &told[&(2 * number + 3)];
        assert_eq!(rule, "malformed");
        assert!(told_reason.contains(reason), "{number}: {told_reason}");
        if *reason != "never closed" {
            assert_eq!(told_field, field, "{number}: {told_reason}");
        }
    }
    assert_eq!(desk.state().await["entry"].0, 12);
}

#[tokio::test]
async fn a_byte_order_mark_of_utf_8_is_accepted() {
    let desk = desk().await;
    let line = events("sale p1 10.00 EUR ref=A1");
    desk.write("events.jsonl", [b"\xef\xbb\xbf", line.as_bytes()].concat());
    desk.run(&["record", "events.jsonl"]).exits(0);
    desk.write("wide.jsonl", utf16(&line, false));
    desk.run(&["record", "wide.jsonl"]).exits(1).says(&["UTF-16"]);
    let file = settlement_file(&["Settled +10.00 EUR ref=A1 cost=0.20"]);
    desk.write("one.csv", [b"\xef\xbb\xbf", file.as_bytes()].concat());
    desk.run(&["reconcile", "one.csv", "--acquirer", "adyen", "--execute"])
        .exits(0);
}

// Reconciling --------------------------------------------------------------------------------------------------------

/// A settlement file of two sales that would be booked.
pub fn good_file() -> String {
    settlement_file(&[
        "Settled +100.00 EUR ref=A1 mref=p1 cost=1.10",
        "Settled +50.00 EUR ref=A2 mref=p2 cost=0.60",
    ])
}

/// A desk on which the sales of [`good_file`] are recorded.
pub async fn two_sales() -> Desk {
    let desk = desk().await;
    desk.write(
        "events.jsonl",
        events("sale p1 100.00 EUR ref=A1") + &events("sale p2 50.00 EUR ref=A2"),
    );
    desk.run(&["record", "events.jsonl"]).exits(0);
    desk
}

fn reconcile(desk: &Desk, file: &str) -> Ran {
    desk.run(&["reconcile", file, "--acquirer", "adyen", "--execute"])
}

#[tokio::test]
async fn settlement_files_that_cannot_be_trusted_post_nothing() {
    let desk = two_sales().await;
    let good = good_file();
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1).into_bytes()
    };
    let first = "psp,p1,2026-03-03 10:00:00,CET,Settled,A1,EUR,,100.00,,EUR,,98.90,,1.10,,,1,";
    let row = |from: &str, to: &str| swap(first, &first.replacen(from, to, 1));
    let bytes = |from: &str, to: &[u8]| {
        let place = good.find(from).expect("a place");
        [&good.as_bytes()[..place], to, &good.as_bytes()[place + from.len()..]].concat()
    };
    let long = "x".repeat(10_000_000);
    // Files of which no row is read: what is wrong with them, and on which line.
    let unreadable: Vec<(Vec<u8>, &[&str])> = vec![
        (
            swap("Psp Reference", "Merchant Reference"),
            &[
                "line 1",
                "more than one column `Merchant Reference`",
                "no column `Psp Reference`",
            ],
        ),
        (
            swap("Net Credit (NC)", "Net Credit (N)"),
            &[
                "line 1",
                "no column `Net Credit (NC)`",
                "`Net Credit (N)` looks like it",
            ],
        ),
        (good.replace(',', ";").into_bytes(), &["line 1", "semicolons"]),
        (utf16(&good, false), &["line 1", "UTF-16"]),
        (utf16(&good, true), &["line 1", "UTF-16"]),
        (b"PK\x03\x04".to_vec(), &["line 1", "zip"]),
        (row("p1", &long), &["line 2", "longer than 1000000 bytes"]),
        (
            row("p1", &format!("\"{long}")),
            &["line 2", "is a quote opened and never closed?"],
        ),
    ];
    let before = desk.state().await;
    for (content, said) in unreadable {
        desk.write("bad.csv", &content);
        reconcile(&desk, "bad.csv").exits(1).says(said);
        assert_eq!(desk.state().await, before, "{said:?}");
    }

    // Files with a row that cannot be read, or that do not add up.
    let quarantined: Vec<(Vec<u8>, &[&str])> = vec![
        (row("p1", "p\u{0}1"), &["line 2, column Merchant Reference", "NUL"]),
        (bytes("p1", b"p\xff1"), &["line 2, column Merchant Reference", "UTF-8"]),
        (
            row("p1", "\u{202e}p1"),
            &["line 2, column Merchant Reference", "control or invisible"],
        ),
        (
            row("p1", "p\"1"),
            &["line 2, column Merchant Reference", "quote inside"],
        ),
        (
            row("100.00", "1e2"),
            &["line 2, column Gross Credit (GC)", "`1e2` is not an amount"],
        ),
        (
            row("100.00", "1_00"),
            &["line 2, column Gross Credit (GC)", "is not an amount"],
        ),
        (
            row("100.00", "NaN"),
            &["line 2, column Gross Credit (GC)", "is not an amount"],
        ),
        (
            row("100.00", "-100.00"),
            &["line 2, column Gross Credit (GC)", "is not an amount"],
        ),
        (
            row("100.00", "100.001"),
            &["line 2, column Gross Credit (GC)", "more decimals than EUR allows"],
        ),
        (
            row("100.00", "92233720368547758.08"),
            &["line 2, column Gross Credit (GC)", "too large"],
        ),
        (
            row(",EUR,,100.00", ",eur,,100.00"),
            &["line 2, column Gross Currency", "`eur`"],
        ),
        (
            row(",EUR,,98.90", ",XYZ,,98.90"),
            &["line 2, column Net Currency", "`XYZ`"],
        ),
        (row("2026-03-03", "2026-02-30"), &["line 2, column Creation Date"]),
        (row("CET", "Berlin"), &["line 2, column TimeZone"]),
        (
            row("98.90", "98.91"),
            &["line 2: gross 100.00 EUR less costs of 1.10 EUR is 98.90 EUR, but net is 98.91 EUR"],
        ),
        (row("p1,", ""), &["line 2: has 18 cells, but the header has 19"]),
        (row("p1", "p1,p1"), &["line 2: has 20 cells, but the header has 19"]),
        (swap(first, ""), &["line 2: a blank line"]),
        (
            swap(&format!("{first}\n"), ""),
            &["batch 1 pays 148.30 EUR, its lines add up to 49.40 EUR"],
        ),
        (
            swap("148.30", "148.31"),
            &["batch 1 pays 148.31 EUR, its lines add up to 148.30 EUR"],
        ),
    ];
    let before = booked(&before);
    for (content, said) in quarantined {
        desk.write("bad.csv", &content);
        let shown = String::from_utf8_lossy(&content[..content.len().min(700)]).into_owned();
        let ran = reconcile(&desk, "bad.csv")
            .exits(1)
            .says(said)
            .says(&["quarantined, nothing was posted"]);
        assert_eq!(booked(&desk.state().await), before, "{shown}");
        let column = said[0].split_once("column ").map(|(_, column)| column);
        if said[0].starts_with("line ") {
            let told = rejects(&desk.read("rejects.csv"));
            assert_eq!(told.len(), 1, "{}", ran.err);
            assert_eq!(told[&2].1, column.unwrap_or(""), "{told:?}");
        }
    }
    let found = desk.run(&["breaks", "list", "--format", "json"]).exits(0).rows();
    let classes: Vec<&str> = found.iter().filter_map(|row| row["class"].as_str()).collect();
    assert!(classes.iter().all(|class| *class == "TOTAL_MISMATCH"), "{classes:?}");

    // A column that nobody knows is worth a word and kept with its row; the rest is booked.
    let widened: Vec<String> = good
        .lines()
        .enumerate()
        .map(|(number, line)| format!("{line},{}", if number == 0 { "Colour" } else { "red" }))
        .collect();
    desk.write("wide.csv", widened.join("\n"));
    reconcile(&desk, "wide.csv")
        .exits(0)
        .says(&["column `Colour` is not known"]);
    assert_ne!(booked(&desk.state().await), before);
    desk.is_sound().await;
}

#[tokio::test]
async fn a_settlement_file_that_is_cut_off_posts_nothing() {
    let desk = two_sales().await;
    let good = good_file();
    let before = booked(&desk.state().await);
    // Somewhere in the header, and at many places of the rows: a cut number must not pass for a smaller one.
    let length = good.len() - 1;
    let cuts =
        (1..length)
            .rev()
            .step_by(11)
            .take(30)
            .chain([length - 1, HEADER.len() / 2, HEADER.len() - 1, HEADER.len()]);
    for end in cuts {
        desk.write("cut.csv", &good[..end]);
        let ran = reconcile(&desk, "cut.csv").exits(1);
        assert_eq!(
            booked(&desk.state().await),
            before,
            "cut after {end} bytes: {}",
            ran.out
        );
    }
    // Only the last line break is missing: nothing of its content is.
    desk.write("cut.csv", good.trim_end());
    reconcile(&desk, "cut.csv").exits(0);
}

// Settings -----------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn settings_are_refused_with_line_and_column() {
    let desk = Desk::new().await;
    let before = desk.state().await;
    let cases: [(&str, &str, &str); 9] = [
        (
            "effective_from = \"2026-01-01\"",
            "effective_from = \"2026-01-32\"",
            "line 2, column 18: `2026-01-32` is not a day",
        ),
        (
            "name = \"House\"",
            "nome = \"House\"",
            "line 4, column 1: `nome` is not a field of house",
        ),
        (
            "Europe/Berlin",
            "Europe/Bern",
            "line 5, column 13: `Europe/Bern` is not a time zone",
        ),
        ("contract = \"net\"", "contract = \"nett\"", "line 9, column 12"),
        (
            "percentage = \"1\"",
            "percentage = \"1e1\"",
            "line 12, column 23: `1e1` is not a percentage",
        ),
        ("EUR = \"0.10\"", "EUR = \"0.105\"", "line 12, column 44"),
        ("EUR = \"0.10\"", "XYZ = \"0.10\"", "line 12, column 38"),
        (
            "fee_schedule = \"micro\"",
            "fee_schedule = \"tiny\"",
            "`tiny` is not a fee schedule",
        ),
        ("[house]", "[house", "line 3, column 7: this is not TOML"),
    ];
    for (from, to, said) in cases {
        assert!(SETTINGS.contains(from), "{from}");
        desk.write("bad.toml", SETTINGS.replacen(from, to, 1));
        for command in ["check", "apply"] {
            desk.run(&["settings", command, "bad.toml"])
                .exits(1)
                .says(&["bad.toml", said]);
        }
    }
    desk.write("bad.toml", b"\xff\xfe");
    desk.run(&["settings", "apply", "bad.toml"])
        .exits(1)
        .says(&["bad.toml"]);
    desk.run(&["settings", "apply", "gone.toml"])
        .exits(1)
        .says(&["gone.toml"]);
    assert_eq!(desk.state().await, before);
    desk.write("events.jsonl", events("sale p1 10.00 EUR"));
    desk.run(&["record", "events.jsonl"])
        .exits(1)
        .says(&["no settings were applied yet", "acquit settings apply"]);
    assert_eq!(desk.state().await, before);
}

#[tokio::test]
async fn settings_govern_the_booking_dates_from_theirs_on() {
    let desk = desk().await;
    let merchant = SETTINGS.rfind("[[merchant]]").expect("the second merchant");
    let second = SETTINGS[..merchant].replace("2026-01-01", "2026-03-03").replacen(
        "percentage = \"2\"",
        "percentage = \"3\"",
        1,
    );
    desk.write("second.toml", &second);
    desk.run(&["settings", "apply", "second.toml"])
        .exits(1)
        .says(&["merchant `m-2` is missing: it is applied, and one that leaves stays as closed"]);
    let closed = SETTINGS[merchant..].replace("name = \"m-2\"", "name = \"m-2\"\nstate = \"closed\"");
    desk.write(
        "closing.toml",
        SETTINGS[..merchant].replace("2026-01-01", "2026-03-02") + &closed,
    );
    desk.run(&["settings", "apply", "closing.toml"]).exits(0);
    desk.run(&["settings", "apply", "second.toml"])
        .exits(1)
        .says(&["merchant `m-2` is missing: it is closed, and stays as that"]);
    let second = second + &closed;
    desk.write("second.toml", &second);
    desk.run(&["settings", "apply", "second.toml"])
        .exits(0)
        .says(&["applied settings from 2026-03-03 for 2 merchants,"]);
    let state = desk.state().await;
    for file in ["second.toml", "closing.toml", "settings.toml"] {
        desk.run(&["settings", "apply", file])
            .exits(0)
            .says(&["in force already"]);
    }
    // Older than the latest, or of the same day: refused, whatever it says.
    for day in ["2025-12-31", "2026-02-01", "2026-03-03"] {
        desk.write(
            "older.toml",
            SETTINGS.replace("2026-01-01", day).replace("House", "Home"),
        );
        desk.run(&["settings", "apply", "older.toml"]).exits(1).says(&[
            &format!("begin on {day}"),
            "2026-03-03",
            "hint: ",
        ]);
    }
    assert_eq!(desk.state().await, state);

    // Midnight is Berlin's: an hour before that of UTC the new price applies.
    let price_of = async |at: &str, payment: &str, merchant: &str| {
        let told = events(&format!("sale {payment} 100.00 EUR m={merchant}")).replace("2026-03-02T12:00:00+01:00", at);
        desk.write("events.jsonl", told);
        let before = desk.balances().await;
        let ran = desk.run(&["record", "events.jsonl"]);
        let account = (4010, "EUR".to_owned(), String::new());
        let balance = |balances: &crate::desk::Balances| balances.get(&account).copied().unwrap_or(0);
        (ran.code, balance(&before) - balance(&desk.balances().await))
    };
    assert_eq!(price_of("2026-03-02T22:59:59Z", "p1", "m-1").await, (0, 200));
    assert_eq!(price_of("2026-03-02T23:00:00Z", "p2", "m-1").await, (0, 300));
    // A merchant that left: sold to its last day, nothing from then on.
    assert_eq!(price_of("2026-03-01T12:00:00Z", "p3", "m-2").await, (0, 500));
    assert_eq!(price_of("2026-03-02T12:00:00Z", "p4", "m-2").await, (1, 0));
    assert!(desk.read("rejects.csv").contains("the merchant is closed"));
    // What it sold can still be charged back.
    desk.write(
        "events.jsonl",
        events("chargeback p3 100.00 EUR m=m-2").replace("2026-03-02T", "2026-03-20T"),
    );
    desk.run(&["record", "events.jsonl"]).exits(0);

    assert_eq!(
        desk.run(&["settings", "show", "--on", "2026-03-01"]).exits(0).out,
        SETTINGS
    );
    assert_eq!(
        desk.run(&["settings", "show", "--on", "2026-03-03"]).exits(0).out,
        second
    );
    desk.run(&["settings", "show", "--on", "2025-12-31"])
        .exits(1)
        .says(&["no settings are in force on 2025-12-31"]);
    let versions = desk.run(&["settings", "show", "--format", "json"]).exits(0).rows();
    let days: Vec<&str> = versions
        .iter()
        .filter_map(|row| row["effective_from"].as_str())
        .collect();
    assert_eq!(days, ["2026-01-01", "2026-03-02", "2026-03-03"]);
}

#[tokio::test]
async fn what_an_acquirer_imposes_is_booked_though_no_price_is_in_force() {
    let desk = Desk::new().await;
    let fees = "rounding = \"half_even\"\n[[fee_schedule]]";
    let ends =
        "rounding = \"half_even\"\nuntil = \"2026-03-10\"\nevent = { dispute = { EUR = \"15.00\" } }\n[[fee_schedule]]";
    assert!(SETTINGS.contains(fees));
    desk.write("settings.toml", SETTINGS.replacen(fees, ends, 1));
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    let told = [
        "sale p1 100.00 EUR ref=A1",
        "sale p2 50.00 EUR ref=A2",
        "chargeback p1 100.00 EUR ref=C1 at=2026-03-09",
        "chargeback p2 50.00 EUR ref=C2 at=2026-03-10",
    ];
    desk.write("events.jsonl", told.map(events).concat());
    desk.run(&["record", "events.jsonl"]).exits(0);
    let fees = (4030, "EUR".to_owned(), String::new());
    assert_eq!(desk.balances().await.get(&fees), Some(&-1_500));
    let breaks = desk.run(&["breaks", "list", "--format", "json"]).exits(0).rows();
    let told: Vec<[&str; 3]> = breaks
        .iter()
        .map(|row| ["class", "payment", "detail"].map(|field| row[field].as_str().expect("a text")))
        .collect();
    let detail = "fee schedule `standard` has no version in force on 2026-03-10: no fee is charged for the dispute";
    assert_eq!(told, [["NOT_PRICED", "p2", detail]]);
    // What nobody imposes is refused.
    desk.write("events.jsonl", events("sale p3 50.00 EUR at=2026-03-10"));
    desk.run(&["record", "events.jsonl"])
        .exits(1)
        .says(&["fee schedule `standard` has no price in EUR"]);
    let lines = [
        "Settled +100.00 EUR ref=A1 cost=1.10",
        "Settled +50.00 EUR ref=A2 cost=0.60",
        "Chargeback -100.00 EUR ref=C1",
        "Chargeback -50.00 EUR ref=C2",
    ];
    desk.write("one.csv", settlement_file(&lines));
    desk.run(&[
        "reconcile",
        "one.csv",
        "--acquirer",
        "adyen",
        "--as-of",
        "2026-03-11",
        "--execute",
    ])
    .exits(0);
    desk.is_sound().await;
}

// Card numbers -------------------------------------------------------------------------------------------------------

/// Made-up card numbers: prefixes and lengths as the schemes use them, the check digit by Luhn, every one different.
fn card_numbers(count: usize) -> Vec<String> {
    let kinds = [
        ("4", 16),
        ("51", 16),
        ("2221", 16),
        ("34", 15),
        ("6011", 16),
        ("3530", 16),
        ("36", 14),
        ("4", 13),
        ("6", 19),
        ("55", 16),
    ];
    (0..count)
        .map(|number| {
            let (prefix, length) = kinds[number % kinds.len()];
            let mut digits = format!(
                "{prefix}{:0width$}",
                (number + 1) * 7_919 % 1_000_000_007,
                width = length - 1 - prefix.len()
            );
            let sum: u32 = digits
                .bytes()
                .rev()
                .enumerate()
                .map(|(place, digit)| {
                    let digit = u32::from(digit - b'0');
                    if place % 2 == 1 {
                        digit
                    } else {
                        digit * 2 / 10 + digit * 2 % 10
                    }
                })
                .sum();
            write!(digits, "{}", (10 - sum % 10) % 10).expect("a text");
            digits
        })
        .collect()
}

/// As people write it: in one piece, in groups, with words around it.
fn written(card: &str, way: usize) -> String {
    let groups = |between: &str| {
        card.as_bytes()
            .chunks(4)
            .map(String::from_utf8_lossy)
            .collect::<Vec<_>>()
            .join(between)
    };
    match way % 4 {
        0 => card.to_owned(),
        1 => groups(" "),
        2 => groups("-"),
        _ => format!("card {card} x"),
    }
}

/// Everything that a test let out, to be looked through.
#[derive(Default)]
struct Leaks(Vec<(String, String)>);

impl Leaks {
    fn ran(&mut self, ran: &Ran) {
        self.0.push((
            format!("output of {:.60}", ran.command),
            format!("{}\n{}", ran.out, ran.err),
        ));
    }

    /// No card number is in any of it, however its digits are divided.
    #[track_caller]
    fn hold(&self, cards: &[String]) {
        for (place, text) in &self.0 {
            let joined: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
            for card in cards {
                assert!(!joined.contains(card.as_str()), "{card} is in {place}:\n{text:.2000}");
            }
        }
    }
}

/// Every row of every table as text.
async fn dump(desk: &Desk) -> Vec<(String, String)> {
    let admin = &desk.database.admin;
    let tables = admin
        .query("select tablename::text from pg_tables where schemaname = 'public'", &[])
        .await
        .expect("tables");
    let mut all = Vec::new();
    for table in tables.iter().map(|row| row.get::<_, String>(0)) {
        let rows = admin
            .query(&format!("select t::text from \"{table}\" t"), &[])
            .await
            .expect("rows");
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        all.push((format!("table {table}"), lines.join("\n")));
    }
    all
}

#[tokio::test]
async fn card_numbers_are_refused_and_never_shown() {
    let desk = two_sales().await;
    let cards = card_numbers(200);
    let mut leaks = Leaks::default();
    let mut next = (0..)
        .zip(cards.iter().cycle())
        .map(|(number, card)| written(card, number));
    let mut card = || next.next().expect("a card number");

    // In every field of an event, as JSON and as CSV, beside good events.
    let fields = [
        "kind",
        "merchant",
        "payment",
        "reference",
        "amount",
        "currency",
        "occurred_at",
        "acquirer",
        "acquirer_reference",
        "merchant_reference",
        "arn",
        "rrn",
        "auth_code",
        "unknown",
    ];
    let plain: serde_json::Value = serde_json::from_slice(&event("ref", "ref")).expect("JSON");
    let mut lines = String::new();
    for round in 0..5 {
        for field in fields {
            let mut event = plain.clone();
            event["reference"] = format!("{field}-{round}").into();
            // Digits alone are an amount like any other.
            let text = if field == "amount" {
                format!("{} x", card())
            } else {
                card()
            };
            let name = if field == "unknown" && round == 4 {
                card()
            } else {
                field.to_owned()
            };
            event[name] = text.into();
            writeln!(lines, "{event}").expect("a text");
        }
    }
    writeln!(lines, "{}", card()).expect("a text");
    desk.write("cards.jsonl", &lines);
    let before = booked(&desk.state().await);
    for arguments in [
        &["record", "cards.jsonl"][..],
        &["record", "cards.jsonl", "--atomic", "--rejects", "atomic.csv"],
    ] {
        leaks.ran(&desk.run(arguments).exits(1));
    }
    assert_eq!(
        rejects(&desk.read("rejects.csv")).len(),
        fields.len() * 5 + 1,
        "every one is refused"
    );
    for (place, field) in fields[..13].iter().enumerate() {
        // The reason names the field; what cannot be read as its type says so of the masked text.
        assert_eq!(rejects(&desk.read("rejects.csv"))[&(place + 1)].1, *field);
    }
    let columns = fields[..13].join(",");
    let mut rows = format!("{columns}\n");
    for place in 0..13 {
        let mut cells: Vec<String> = ROW
            .split(',')
            .map(str::to_owned)
            .chain((8..13).map(|_| String::new()))
            .collect();
        cells[place] = if place == 4 { format!("{} x", card()) } else { card() };
        writeln!(rows, "{}", cells.join(",")).expect("a text");
    }
    desk.write("cards.csv", &rows);
    leaks.ran(&desk.run(&["record", "cards.csv", "--rejects", "rows.csv"]).exits(1));
    desk.write("header.csv", format!("{columns},{}\n", card()));
    leaks.ran(&desk.run(&["record", "header.csv"]).exits(1));
    assert_eq!(booked(&desk.state().await), before);

    // In the names of files: of good ones, of bad ones, of none.
    let (good, bad, gone) = (
        format!("{}.jsonl", card()),
        format!("{}.jsonl", card()),
        format!("{}.jsonl", card()),
    );
    desk.write(&good, events("sale p7 10.00 EUR ref=A7"));
    desk.write(&bad, "{}\n");
    leaks.ran(&desk.run(&["record", &good]).exits(0));
    leaks.ran(
        &desk
            .run(&["record", &bad, "--rejects", &format!("{}.csv", card())])
            .exits(1),
    );
    leaks.ran(&desk.run(&["record", &gone]).exits(1));
    leaks.ran(&desk.run(&["reconcile", &gone, "--acquirer", "adyen"]).exits(1));
    leaks.ran(&desk.run(&["reconcile", &good, "--acquirer", &card()]).exits(1));
    leaks.ran(&desk.run(&["settings", "apply", &gone]).exits(1));
    leaks.ran(&desk.run(&["settings", "check", &good]).exits(1));

    // In every column of a settlement file that is text, and in those that should not be.
    let before = booked(&desk.state().await);
    let file = good_file();
    for name in HEADER.split(',').map(str::trim) {
        let place = HEADER
            .split(',')
            .position(|column| column.trim() == name)
            .expect("a column");
        let lines: Vec<String> = file
            .lines()
            .enumerate()
            .map(|(number, line)| {
                let mut cells: Vec<&str> = line.split(',').collect();
                let text = card();
                if number == 1 {
                    cells[place] = &text;
                }
                cells.join(",")
            })
            .collect();
        desk.write("cards.csv", lines.join("\n"));
        leaks.ran(&reconcile(&desk, "cards.csv").exits(1));
    }
    desk.write("cards.csv", file.replacen("Psp Reference", &card(), 1));
    leaks.ran(&reconcile(&desk, "cards.csv").exits(1));
    assert_eq!(booked(&desk.state().await), before);
    // In a column that is only kept: the file is booked, the number masked.
    let (name, widened) = (card(), file.lines().enumerate());
    let widened: Vec<String> = widened
        .map(|(number, line)| format!("{line},{}", if number == 0 { name.clone() } else { card() }))
        .collect();
    let named = format!("{}.csv", card());
    desk.write(&named, widened.join("\n"));
    leaks.ran(&reconcile(&desk, &named).exits(0));
    desk.write("again.csv", widened.join("\n"));
    leaks.ran(&reconcile(&desk, "again.csv").exits(1));

    // In settings, wherever a name may stand.
    for (from, to) in [
        ("\"House\"", "\"{}\""),
        ("\"m-2\"", "\"{}\""),
        ("\"nordic\"", "\"{}\""),
        ("bank_account", "bank_account_{}"),
        ("\"micro\"", "\"{}\""),
    ] {
        desk.write(
            "cards.toml",
            SETTINGS
                .replacen(from, &to.replace("{}", &card()), 1)
                .replace("2026-01-01", "2026-05-01"),
        );
        leaks.ran(&desk.run(&["settings", "check", "cards.toml"]).exits(1));
        leaks.ran(&desk.run(&["settings", "apply", "cards.toml"]).exits(1));
    }
    desk.write(
        "cards.toml",
        SETTINGS
            .replacen("[house]", &format!("[house] # {}", card()), 1)
            .replace("2026-01-01", "2026-05-01"),
    );
    leaks.ran(
        &desk
            .run(&["settings", "apply", "cards.toml"])
            .exits(1)
            .says(&["line 3, column 9: the comment holds a card number"]),
    );
    leaks.ran(
        &desk
            .run(&["payout", "plan", "--cutoff", "2026-03-31", "--by", &card()])
            .exits(1),
    );
    leaks.ran(&desk.run(&["payout", "confirm", &card()]).exits(1));

    // What is shown and kept afterwards.
    for arguments in [
        &["breaks", "list", "--all"][..],
        &["breaks", "list", "--all", "--format", "csv"],
        &["breaks", "show", "1"],
        &["breaks", "list", "--all", "--format", "json"],
    ] {
        leaks.ran(&desk.run(arguments));
    }
    leaks.0.extend(dump(&desk).await);
    for name in ["rejects.csv", "atomic.csv", "rows.csv"] {
        leaks.0.push((name.to_owned(), desk.read(name)));
    }
    let log = support::cluster().log();
    leaks.0.push((
        "the server's log".to_owned(),
        std::fs::read_to_string(log).expect("the log"),
    ));
    leaks.hold(&cards);
}

// Memory -------------------------------------------------------------------------------------------------------------

/// The most memory that a command held, in MB, as the kernel counts it while it runs.
#[cfg(target_os = "linux")]
fn peak(desk: &Desk, arguments: &[&str]) -> u64 {
    use std::process::Stdio;
    let mut command = desk.database.acquit();
    command
        .current_dir(desk.path())
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a state").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(high.unwrap_or(0));
        std::thread::yield_now();
    }
    peak / 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_field_without_end_costs_no_memory() {
    let desk = desk().await;
    let endless = "x".repeat(100_000_000);
    desk.write("events.jsonl", format!("{{\"kind\":\"{endless}\"}}\n"));
    desk.write("events.csv", format!("{COLUMNS}\nauthorization,m-1,\"{endless}\n"));
    desk.write("one.csv", format!("{HEADER}\npsp,\"{endless}\n"));
    drop(endless);
    for arguments in [
        &["record", "events.jsonl"][..],
        &["record", "events.csv"],
        &["reconcile", "one.csv", "--acquirer", "adyen"],
    ] {
        let peak = peak(&desk, arguments);
        // The field alone is 100; half of this is the program itself, and a filter of keys.
        assert!((1..96).contains(&peak), "{arguments:?} held {peak} MB");
    }
}
