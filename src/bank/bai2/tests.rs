//! BAI2, by what each record means; truths are worked out by hand.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use super::super::tests::{day, money, read, read_true};
use super::*;

/// A file of one account in USD that goes from nothing to so much; what it controls is worked out from its lines here, not by the
/// reader.
fn file(group: &str, account: &str, lines: &[&str], amounts: i128) -> String {
    let records = lines.len() + 2;
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!(
        "01,BANK,HOUSE,260305,0600,1,80,,2/\n{group}\n{account}\n{body}49,{amounts},{records}/\n98,{amounts},1,{}/\n99,{amounts},1,{}/\n",
        records + 2,
        records + 4
    )
}

const GROUP: &str = "02,HOUSE,021000021,1,260304,2400,USD,2/";

/// Reads one transaction, which the closing balance goes by.
#[track_caller]
fn transaction_of(minor: i64, lines: &[&str]) -> Entry {
    let account = format!("03,0001,,010,0,,,015,{minor},,/");
    let amounts = i128::from(minor) + i128::from(minor.abs());
    let mut read = read_true(file(GROUP, &account, lines, amounts).as_bytes());
    assert_eq!(read.entries.len(), 1, "{lines:?}");
    read.entries.remove(0)
}

#[test]
fn every_field_of_a_file_is_read() {
    let read = read_true(include_bytes!("../../../fuzz/seeds/bai2/good.bai"));
    let statement = &read.statements[0];
    assert_eq!(
        (statement.account.as_str(), statement.kind),
        ("0004417", Kind::Statement)
    );
    assert_eq!(
        (statement.from, statement.until),
        (Some(day("2026-03-04")), Some(day("2026-03-04")))
    );
    assert_eq!(statement.bank.as_deref(), Some("021000021"));
    assert_eq!(
        statement.opening.as_ref().map(|balance| balance.money),
        Some(money(100_000, "USD"))
    );
    let [first, second] = &read.entries[..] else {
        panic!("two entries: {:?}", read.entries);
    };
    assert_eq!((first.money, first.line), (money(5_887, "USD"), 5));
    assert_eq!(
        (first.booking_date, first.value_date),
        (Some(day("2026-03-04")), Some(day("2026-03-04")))
    );
    assert_eq!(first.bank_reference.as_deref(), Some("BANK-1"));
    assert_eq!(first.customer_reference.as_deref(), Some("PAYOUT-7"));
    assert_eq!(first.text.as_deref(), Some("Acquirer"));
    assert_eq!((second.value_date, second.customer_reference.as_deref()), (None, None));
    assert_eq!(
        second.text.as_deref(),
        Some("A wire, with commas/ and a slash\nand another line")
    );
    // Balances, credits and debits with their numbers, control total, records.
    assert_eq!((read.closings[0].proven, read.closings[0].balanced), (7, true));
}

#[test]
fn the_type_code_says_where_money_goes() {
    for (code, minor, returned, reversal) in [
        ("142", 1, false, false),
        ("399", 1, false, false),
        ("451", -1, false, false),
        ("699", -1, false, false),
        ("920", 1, false, false),
        ("999", -1, false, false),
        ("255", 1, true, false),
        ("257", 1, true, false),
        ("557", -1, true, false),
        ("258", 1, false, true),
    ] {
        let entry = transaction_of(minor, &[&format!("16,{code},1,Z,,,text/")]);
        assert_eq!(
            (entry.money.minor(), entry.returned, entry.reversal),
            (minor, returned, reversal),
            "{code}"
        );
        assert_eq!(entry.code.own.as_deref(), Some(code));
    }
}

#[test]
fn funds_types_bring_fields_of_their_own() {
    for (funds, value) in [
        ("", None),
        ("0", None),
        ("V,260306,2400", Some("2026-03-06")),
        ("S,100,200,300", None),
        ("D,3,0,100,1,200,2,300", None),
    ] {
        let entry = transaction_of(600, &[&format!("16,165,600,{funds},BANK-1,MINE,text/")]);
        assert_eq!(entry.value_date, value.map(day), "{funds}");
        assert_eq!(entry.bank_reference.as_deref(), Some("BANK-1"), "{funds}");
        assert_eq!(
            (entry.customer_reference.as_deref(), entry.text.as_deref()),
            (Some("MINE"), Some("text")),
            "{funds}"
        );
    }
}

#[test]
fn a_record_may_go_on_anywhere() {
    // Fields in the next line; a text in the next line; a text that goes on; no slash at any end.
    for lines in [
        &["16,165,600,S,100/", "88,200,300,BANK-1,MINE,a/", "88,b/"][..],
        &["16,165,600,,BANK-1,MINE/", "88,a", "88,b"],
        &["16,165,600,,BANK-1,MINE,a/", "88,b/"],
    ] {
        let entry = transaction_of(600, lines);
        assert_eq!(entry.bank_reference.as_deref(), Some("BANK-1"), "{lines:?}");
        assert_eq!(
            (entry.customer_reference.as_deref(), entry.text.as_deref()),
            (Some("MINE"), Some("a\nb")),
            "{lines:?}"
        );
    }
}

#[test]
fn what_tells_something_moves_nothing() {
    let account = "03,0001,,010,0,,,015,0,,/";
    let read = read_true(file(GROUP, account, &["16,890,,,,,a message/"], 0).as_bytes());
    assert_eq!(read.entries, []);
}

#[test]
fn the_currency_is_the_accounts_or_the_groups_or_dollars() {
    for (group, account, expected) in [
        ("EUR", "JPY", "JPY"),
        ("EUR", "", "EUR"),
        ("", "KWD", "KWD"),
        ("", "", "USD"),
    ] {
        let group = format!("02,HOUSE,021000021,1,260304,,{group},2/");
        let account = format!("03,0001,{account},010,0,,,015,1200,,/");
        let read = read_true(file(&group, &account, &["16,165,1200,Z,,,/"], 2_400).as_bytes());
        assert_eq!(read.entries[0].money, money(1_200, expected));
    }
}

#[test]
fn an_overdraft_has_a_sign() {
    let account = "03,0001,,010,-3500,,,015,-3600,,,040,-3500,,,045,-3600,,/";
    let read = read_true(file(GROUP, account, &["16,451,100,Z,,,/"], -14_100).as_bytes());
    assert_eq!(
        read.closings[0].closing.as_ref().map(|balance| balance.money),
        Some(money(-3_600, "USD"))
    );
    let kinds: Vec<_> = read.closings[0]
        .balances
        .iter()
        .map(|balance| balance.kind.as_str())
        .collect();
    assert_eq!(kinds, ["040", "045"]);
}

#[test]
fn a_bank_may_leave_balances_out() {
    for (account, amounts) in [("03,0001,,015,600,,/", 1_200), ("03,0001,,040,0,,/", 600)] {
        let read = read_true(file(GROUP, account, &["16,165,600,Z,,,/"], amounts).as_bytes());
        assert!(!read.closings[0].balanced, "{account}");
    }
}

#[test]
fn a_day_that_has_not_ended_is_a_report() {
    for (modifier, kind) in [
        ("", Kind::Statement),
        ("1", Kind::Report),
        ("2", Kind::Statement),
        ("3", Kind::Report),
        ("4", Kind::Statement),
    ] {
        let group = format!("02,HOUSE,021000021,1,260304,,USD,{modifier}/");
        let read = read_true(file(&group, "03,0001,,010,0,,,015,0,,/", &[], 0).as_bytes());
        assert_eq!(read.statements[0].kind, kind, "{modifier}");
    }
}

#[test]
fn files_may_follow_each_other() {
    let one = file(GROUP, "03,0001,,010,0,,,015,600,,/", &["16,165,600,Z,,,/"], 1_200);
    let two = file(GROUP, "03,0001,,010,600,,,015,1200,,/", &["16,165,600,Z,,,/"], 2_400);
    assert_eq!(read_true(format!("{one}{two}").as_bytes()).closings.len(), 2);
    let read = read(format!("{one}{one}").as_bytes()).expect("a file");
    assert!(read.closings[0].is_true() && !read.closings[1].is_true());
}
