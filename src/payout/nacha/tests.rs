//! NACHA, read again by another way: cut into columns and added up here.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use chrono::NaiveDate;

use super::super::instruction::Instruction;
use super::super::order::Debtor;
use super::*;
use crate::money::{Currency, Money};

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::parse("USD").expect("USD"))
}

fn head() -> Head {
    let day = NaiveDate::from_ymd_opt(2026, 3, 4).expect("a day");
    Head {
        destination: "031300012".to_owned(),
        destination_name: "FIRST BANK".to_owned(),
        origin: "1231380104".to_owned(),
        origin_name: "HOUSE OF PAYMENTS".to_owned(),
        company_id: "1231380104".to_owned(),
        description: "PAYOUT".to_owned(),
        created: day.and_hms_opt(9, 30, 0).expect("a time"),
        modifier: 'A',
        receivers: Receivers::Companies,
    }
}

fn batch(name: &str, count: u64, total: i64) -> Batch {
    Batch {
        debtor: Debtor {
            name: name.to_owned(),
            account: "0004417".to_owned(),
            bank: String::new(),
        },
        execute_on: NaiveDate::from_ymd_opt(2026, 3, 5).expect("a day"),
        count,
        total: usd(total),
    }
}

fn instruction(id: &str, minor: i64, account: &str, bank: &str) -> Instruction {
    Instruction {
        end_to_end_id: id.to_owned(),
        money: usd(minor),
        holder: "MERCHANT ONE LLC".to_owned(),
        account: account.to_owned(),
        bank: bank.to_owned(),
    }
}

fn orders() -> (Vec<Batch>, Vec<Instruction>) {
    let instructions = vec![
        instruction("ACQ-2-USD-20260304", 500_000, "744-5678-99", "231380104"),
        instruction("ACQ-3-USD-20260304", 1_234, "123456789", "031300012"),
        instruction("ACQ-2-USD-20260304", 5, "1", "121042882"),
    ];
    (vec![batch("HOUSE", 2, 501_234), batch("HOUSE TWO", 1, 5)], instructions)
}

fn write(head: &Head, batches: &[Batch], instructions: &[Instruction]) -> Result<String, OrderError> {
    let mut file = Nacha::begin(Vec::new(), head, batches)?;
    for (payout, instruction) in (1_i64..).zip(instructions) {
        file.order(&Order {
            payout,
            instruction,
            text: "until 2026-03-03",
            account_kind: if payout == 2 {
                AccountKind::Savings
            } else {
                AccountKind::Checking
            },
        })?;
    }
    Ok(String::from_utf8(file.finish()?).expect("ASCII"))
}

/// A column by its places as the rules count them, from 1.
fn column(line: &str, from: usize, to: usize) -> &str {
    &line[from - 1..to]
}

fn number(line: &str, from: usize, to: usize) -> u64 {
    column(line, from, to).parse().expect("a number")
}

#[test]
fn a_file_adds_up_when_it_is_read_again() {
    let (batches, instructions) = orders();
    let file = write(&head(), &batches, &instructions).expect("a file");
    let lines: Vec<&str> = file.lines().collect();
    assert!(lines.iter().all(|line| line.len() == 94), "{file}");
    assert_eq!(lines.len() % 10, 0);
    let (mut hash, mut cents, mut records, mut batches) = (0, 0, 0, 0);
    let (mut file_hash, mut file_cents, mut file_records) = (0, 0, 0);
    let mut traces = Vec::new();
    for line in &lines {
        match column(line, 1, 1) {
            "5" => {
                (hash, cents, records) = (0, 0, 0);
                batches += 1;
                assert_eq!(column(line, 2, 4), "220");
                assert_eq!((column(line, 51, 53), column(line, 54, 63).trim()), ("CCD", "PAYOUT"));
                assert_eq!((column(line, 70, 75), number(line, 88, 94)), ("260305", batches));
            }
            "6" => {
                hash += number(line, 4, 11);
                cents += number(line, 30, 39);
                records += 1;
                assert!(is_routing_number(column(line, 4, 12)));
                assert_eq!(column(line, 79, 79), "1");
                traces.push(column(line, 80, 94).to_owned());
            }
            "7" => {
                records += 1;
                assert_eq!((column(line, 2, 3), column(line, 84, 87)), ("05", "0001"));
                assert_eq!(Some(column(line, 88, 94)), traces.last().map(|trace| &trace[8..]));
            }
            "8" => {
                assert_eq!(number(line, 5, 10), records);
                assert_eq!(number(line, 11, 20), hash % 10_000_000_000);
                assert_eq!((number(line, 21, 32), number(line, 33, 44)), (0, cents));
                assert_eq!(number(line, 88, 94), batches);
                file_hash += hash % 10_000_000_000;
                file_cents += cents;
                file_records += records;
            }
            "9" if column(line, 2, 94) != "9".repeat(93) => {
                assert_eq!((number(line, 2, 7), number(line, 8, 13)), (batches, 2));
                assert_eq!(
                    (number(line, 14, 21), number(line, 22, 31)),
                    (file_records, file_hash % 10_000_000_000)
                );
                assert_eq!((number(line, 32, 43), number(line, 44, 55)), (0, file_cents));
            }
            _ => {}
        }
    }
    assert_eq!((batches, file_cents), (2, 501_239));
    assert_eq!(traces, ["031300010000001", "031300010000002", "031300010000003"]);
    assert_eq!(lines.len(), 20);
}

#[test]
fn records_are_as_the_rules_lay_them_out() {
    let (batches, instructions) = orders();
    let file = write(&head(), &batches, &instructions).expect("a file");
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "101 03130001212313801042603040930A094101FIRST BANK             HOUSE OF PAYMENTS              ",
            "5220HOUSE                               1231380104CCDPAYOUT          260305   1031300010000001",
            "622231380104744-5678-99      0000500000PO-1           MERCHANT ONE LLC        1031300010000001",
            "705ACQ-2-USD-20260304 until 2026-03-03                                             00010000001",
        ]
    );
    assert!(
        lines[4].starts_with("632031300012123456789        0000001234PO-2"),
        "{}",
        lines[4]
    );
    assert_eq!(file, write(&head(), &batches, &instructions).expect("the same file"));
}

#[track_caller]
fn refused(change: impl Fn(&mut Head, &mut Vec<Batch>, &mut Vec<Instruction>), reason: &str) {
    let (mut batches, mut instructions) = orders();
    let mut head = head();
    change(&mut head, &mut batches, &mut instructions);
    let error = write(&head, &batches, &instructions).expect_err(reason).to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn what_a_bank_would_refuse_is_refused() {
    refused(
        |_, _, all| all[0].bank = "231380105".to_owned(),
        "bank is not a routing number",
    );
    refused(|_, _, all| all[0].account = "1".repeat(18), "account has 18 characters");
    refused(|_, _, all| all[0].account = "12 34".to_owned(), "account holds ` `");
    refused(|_, _, all| all[0].holder = "x".repeat(23), "name has 23 characters");
    refused(|_, _, all| all[0].holder = "Café".to_owned(), "name holds `é`");
    refused(
        |_, _, all| all[0].money = usd(10_000_000_000),
        "amount has more than 10 digits",
    );
    refused(|_, _, all| all[0].money = usd(0), "amount is not above zero");
    refused(
        |_, _, all| all[0].end_to_end_id = "A".repeat(80),
        "id and text has 97 characters",
    );
    refused(|_, _, all| drop(all.pop()), "the number of orders of batch 2");
    refused(|_, batches, _| batches[0].total = usd(501_235), "the sum of batch 1");
    refused(
        |_, batches, _| batches[0].total = Money::from_minor(1, Currency::parse("EUR").expect("EUR")),
        "NACHA pays USD",
    );
    refused(
        |_, batches, _| batches[0].debtor.name = "x".repeat(17),
        "name has 17 characters",
    );
    refused(|_, batches, _| batches[0].count = 10_000_000, "count is above 9999999");
    let sunday = NaiveDate::from_ymd_opt(2026, 3, 8).expect("a day");
    refused(|_, batches, _| batches[0].execute_on = sunday, "is a Sunday");
    refused(
        |head, _, _| head.destination = "031300013".to_owned(),
        "destination is not a routing number",
    );
    refused(|head, _, _| head.modifier = 'a', "modifier is neither");
    refused(
        |head, _, _| head.description = "TOO LONG FOR IT".to_owned(),
        "description has 15 characters",
    );
}
