//! MT940, by what each field means; truths are worked out by hand.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use super::super::tests::{day, money, read_true, untrue};
use super::*;

/// A message in EUR that begins with 100,00.
fn message(closing: &str, entries: &str) -> String {
    format!(":20:M\n:25:0001\n:28C:7/1\n:60F:C260228EUR100,00\n{entries}\n:62F:{closing}\n-\n")
}

/// Reads one entry; the closing balance goes by it.
#[track_caller]
fn entry_of(minor: i64, lines: &str) -> Entry {
    let closing = 10_000 + minor;
    let sign = if closing < 0 { 'D' } else { 'C' };
    let text = money(closing.abs(), "EUR").to_decimal_text().replace('.', ",");
    let mut read = read_true(message(&format!("{sign}260301EUR{text}"), lines).as_bytes());
    assert_eq!(read.entries.len(), 1, "{lines}");
    read.entries.remove(0)
}

#[test]
fn an_entry_has_dates_a_mark_an_amount_and_references() {
    let entry = entry_of(5_887, ":61:2603010303C58,87NTRFPAYOUT-7//BANK-1\nmore of it");
    assert_eq!(
        (entry.value_date, entry.booking_date),
        (Some(day("2026-03-01")), Some(day("2026-03-03")))
    );
    assert_eq!(
        (entry.money, entry.reversal, entry.returned),
        (money(5_887, "EUR"), false, false)
    );
    assert_eq!(entry.customer_reference.as_deref(), Some("PAYOUT-7"));
    assert_eq!(entry.bank_reference.as_deref(), Some("BANK-1"));
    assert_eq!(
        (entry.code.own.as_deref(), entry.text.as_deref()),
        (Some("NTRF"), Some("more of it"))
    );
    assert_eq!(entry.raw, ":61:2603010303C58,87NTRFPAYOUT-7//BANK-1\nmore of it");
}

#[test]
fn marks_say_where_money_goes() {
    for (mark, minor, reversal) in [
        ("C", 1, false),
        ("D", -1, false),
        ("RC", -1, true),
        ("RD", 1, true),
        // The third letter of the currency, which is no mark.
        ("CR", 1, false),
        ("DR", -1, false),
        ("RCR", -1, true),
    ] {
        let entry = entry_of(minor, &format!(":61:260301{mark}0,01NTRFNONREF"));
        assert_eq!((entry.money.minor(), entry.reversal), (minor, reversal), "{mark}");
        assert_eq!(entry.customer_reference, None);
    }
}

#[test]
fn amounts_have_a_decimal_comma_and_maybe_nothing_after_it() {
    for (text, minor) in [
        ("107,", 10_700),
        ("0,5", 50),
        ("000000000025,00", 2_500),
        ("1,230", 123),
    ] {
        let entry = entry_of(minor, &format!(":61:260301C{text}NTRFNONREF"));
        assert_eq!(entry.money.minor(), minor, "{text}");
    }
}

#[test]
fn the_year_of_the_booking_date_is_the_nearest() {
    for (dates, booking) in [
        ("2512310102", "2026-01-02"),
        ("2601021231", "2025-12-31"),
        ("2603010301", "2026-03-01"),
        ("2402280229", "2024-02-29"),
    ] {
        let entry = entry_of(1, &format!(":61:{dates}C0,01NTRFNONREF"));
        assert_eq!(entry.booking_date, Some(day(booking)), "{dates}");
    }
}

#[test]
fn the_30_february_is_the_last_day_of_the_month() {
    for (date, expected) in [
        ("260230", "2026-02-28"),
        ("240230", "2024-02-29"),
        ("260229", "2026-02-28"),
    ] {
        let entry = entry_of(1, &format!(":61:{date}C0,01NTRFNONREF"));
        assert_eq!(entry.value_date, Some(day(expected)), "{date}");
    }
}

#[test]
fn a_german_text_has_fields_by_number() {
    let entry = entry_of(
        5_887,
        ":61:260301C58,87NTRFNONREF\n:86:166?00GUTSCHRIFT?109249?20EREF+PO-8?21SVWZ+PAYOUT-7 ba\ntch 7, wor?22king?30ABNANL2A?31NL91ABNA041\n7164300?32ACQUI?33RER",
    );
    let detail = &entry.details[0];
    assert_eq!(detail.end_to_end_id.as_deref(), Some("PO-8"));
    assert_eq!(detail.text.as_deref(), Some("PAYOUT-7 batch 7, working"));
    assert_eq!(detail.counterparty.name.as_deref(), Some("ACQUIRER"));
    assert_eq!(detail.counterparty.account.as_deref(), Some("NL91ABNA0417164300"));
    assert_eq!(detail.counterparty.bank.as_deref(), Some("ABNANL2A"));
    assert_eq!(
        (detail.money, entry.code.own.as_deref()),
        (Some(money(5_887, "EUR")), Some("NTRF/166"))
    );
    assert!(!entry.returned);
}

#[test]
fn what_came_back_is_known_by_its_code() {
    let german = entry_of(
        5_450,
        ":61:260301C54,50NTRFNONREF\n:86:159?00RETOURE?20EREF+PO-2?21SVWZ+RETURN/REFUND?34914",
    );
    assert!(german.returned);
    let returned = german.details[0].returned.clone().expect("a return");
    assert_eq!(
        (returned.reason.as_deref(), returned.text.as_deref()),
        (Some("914"), Some("RETURN/REFUND"))
    );
    let slashes = entry_of(5_450, ":61:260301C54,50NTRFNONREF\n:86:/TRTP/SCT/RTRN/AC04/EREF/PO-2/");
    assert!(slashes.returned);
    assert_eq!(slashes.details[0].end_to_end_id.as_deref(), Some("PO-2"));
    let reason = slashes.details[0]
        .returned
        .as_ref()
        .and_then(|returned| returned.reason.as_deref());
    assert_eq!(reason, Some("AC04"));
    assert!(entry_of(5_450, ":61:260301C54,50NRTINONREF").returned);
}

#[test]
fn codes_between_slashes_are_read_across_lines() {
    let entry = entry_of(
        -2_500,
        ":61:260301D25,NTRFEREF\n:86:/EREF/PO-9 0030/BENM//NAME/SHOP ACCOUN\nT HOLDER/REMI/USTD//batch/7/ISDT/2026-03-01",
    );
    let detail = &entry.details[0];
    assert_eq!(detail.end_to_end_id.as_deref(), Some("PO-9 0030"));
    assert_eq!(detail.counterparty.name.as_deref(), Some("SHOP ACCOUNT HOLDER"));
    assert_eq!(detail.text.as_deref(), Some("batch/7"));
    let entry = entry_of(
        -2_500,
        ":61:260301D25,NTRFX\n:86:/CNTP/NL91ABNA0417164300/ABNANL2A/SHOP///REMI/batch 7/",
    );
    let party = &entry.details[0].counterparty;
    assert_eq!(
        [party.account.as_deref(), party.bank.as_deref(), party.name.as_deref()],
        [Some("NL91ABNA0417164300"), Some("ABNANL2A"), Some("SHOP")]
    );
}

#[test]
fn a_text_without_structure_is_a_text() {
    for text in [
        "GIRO 428428 PAYOUT-7\nmore",
        "805 no structure?",
        "/no/code",
        "12?20x",
        "",
    ] {
        let entry = entry_of(1, &format!(":61:260301C0,01NTRFX\n:86:{text}"));
        assert_eq!(
            entry.text.as_deref(),
            Some(text).filter(|text| !text.is_empty()),
            "{text}"
        );
        assert_eq!(entry.details, []);
    }
}

#[test]
fn frames_of_every_kind_are_passed_over() {
    let bare = message("C260301EUR100,01", ":61:260301C0,01NTRFX\n:86:text");
    let text = bare.trim_end_matches("-\n");
    for file in [
        text.to_owned(),
        bare.clone(),
        format!("{{1:F01BANKNL2AXXXX0000000000}}{{2:O9400000}}{{4:\n{text}-}}{{5:{{CHK:0}}}}\n"),
        format!(
            "{{1:F01BANKNL2A}}{{4:{text}-}}\n{{1:F01BANKNL2A}}{{4:\n{}-}}",
            text.replace("0001", "0002")
        ),
        format!("BANKNL2A\n940\nBANKNL2A\n{text}-XXX\n"),
        format!("0000 01BANK\n940 00\n{text}-\u{3}"),
        format!("\u{1}\r\n{}", bare.replace('\n', "\r\n")),
        format!(
            ":940:\n{text}{}",
            text.replace(":20:M", ":20:N").replace("0001", "0002")
        ),
    ] {
        let read = read_true(file.as_bytes());
        assert_eq!(read.statements.len(), read.entries.len(), "{file}");
        assert!(
            read.entries.iter().all(|entry| entry.text.as_deref() == Some("text")),
            "{file}"
        );
    }
}

#[test]
fn pages_lead_from_one_to_the_next() {
    let pages = |intermediate: &str| {
        format!(
            ":20:A\n:25:0001\n:28C:999/1\n:60F:C251130CHF0,\n:61:260301C229,2NMSCX\n:62M:C260301CHF229,2\n-\n\
             :20:B\n:25:0001\n:28C:999/2\n:60M:C260301CHF{intermediate}\n:61:260301D79,9NMSCX\n:62F:C260301CHF149,3\n\
             :64:C260301CHF149,3\n:65:C260302CHF149,3\n:86:about all of it\n-\n"
        )
    };
    let read = read_true(pages("229,2").as_bytes());
    let numbers: Vec<_> = read
        .statements
        .iter()
        .map(|page| (page.sequence.as_deref(), page.page))
        .collect();
    assert_eq!(numbers, [(Some("999"), Some(1)), (Some("999"), Some(2))]);
    assert_eq!(read.closings[1].balances.len(), 2);
    assert_eq!(
        read.closings[1].closing.as_ref().map(|balance| balance.money),
        Some(money(14_930, "CHF"))
    );
    assert_eq!(
        untrue(pages("229,3").as_bytes()),
        [
            "the opening balance 60M is the closing balance of the statement before: 22930 is 22920",
            "the closing balance 62F is the opening balance and the entries: 14930 is 14940"
        ]
    );
}
