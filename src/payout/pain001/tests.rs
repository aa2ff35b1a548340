//! pain.001, read again by another way: events of the XML, added up here.

use chrono::{NaiveDate, TimeZone};
use quick_xml::Reader;
use quick_xml::events::Event;
use rust_decimal::Decimal;

use super::super::instruction::Instruction;
use super::super::order::AccountKind;
use super::*;
use crate::money::Money;

fn money(minor: i64, code: &str) -> Money {
    Money::from_minor(minor, Currency::parse(code).expect("a currency"))
}

fn debtor(account: &str, bank: &str) -> Debtor {
    Debtor {
        name: "House of Payments".to_owned(),
        account: account.to_owned(),
        bank: bank.to_owned(),
    }
}

fn batch(debtor: Debtor, count: u64, total: Money) -> Batch {
    Batch {
        debtor,
        execute_on: NaiveDate::from_ymd_opt(2026, 3, 5).expect("a day"),
        count,
        total,
    }
}

fn instruction(id: &str, money: Money, account: &str, bank: &str) -> Instruction {
    Instruction {
        end_to_end_id: id.to_owned(),
        money,
        holder: "Shop (one) + sons".to_owned(),
        account: account.to_owned(),
        bank: bank.to_owned(),
    }
}

fn head(version: Version) -> Head {
    Head {
        message_id: "ACQ-RUN-20260304-1".to_owned(),
        created: Utc.with_ymd_and_hms(2026, 3, 4, 9, 30, 0).single().expect("an instant"),
        initiator: "House of Payments".to_owned(),
        batch_booking: true,
        version,
    }
}

const HOUSE: &str = "NL91ABNA0417164300";
const SHOP: &str = "DE89370400440532013000";

/// Two batches: of three orders in EUR, and of one in JPY to a number that is no IBAN.
fn orders() -> (Vec<Batch>, Vec<Instruction>) {
    let batches = vec![
        batch(debtor(HOUSE, "ABNANL2A"), 3, money(134_701, "EUR")),
        batch(debtor("0004417", "BOTKJPJT"), 1, money(1_200, "JPY")),
    ];
    let instructions = vec![
        instruction("ACQ-2-EUR-20260304", money(9_700, "EUR"), SHOP, "COBADEFFXXX"),
        instruction("ACQ-3-EUR-20260304", money(125_000, "EUR"), SHOP, ""),
        instruction("ACQ-4-EUR-20260304", money(1, "EUR"), "GB82WEST12345698765432", ""),
        instruction("ACQ-5-JPY-20260304", money(1_200, "JPY"), "1234567", "BOTKJPJT"),
    ];
    (batches, instructions)
}

fn order<'a>(payout: i64, instruction: &'a Instruction, text: &'a str) -> Order<'a> {
    Order {
        payout,
        instruction,
        text,
        account_kind: AccountKind::Checking,
    }
}

fn write(head: &Head, batches: &[Batch], instructions: &[Instruction]) -> Result<String, OrderError> {
    let mut file = Pain001::begin(Vec::new(), head, batches)?;
    for (payout, instruction) in (101_i64..).zip(instructions) {
        file.order(&order(payout, instruction, "Payout until 2026-03-03"))?;
    }
    Ok(String::from_utf8(file.finish()?).expect("UTF-8"))
}

/// The texts of a document by the names of their elements, from below the message on.
fn texts(file: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(file);
    let (mut path, mut texts) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(start) => path.push(start.name().0.to_owned()),
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) if !text.trim().is_empty() => {
                let place = path.get(2..).unwrap_or_default().join("/");
                texts.push((place, text.to_string()));
            }
            Event::Eof => return texts,
            Event::Empty(_) => panic!("an element without content"),
            Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::Decl(_) => {}
            Event::PI(_) | Event::DocType(_) | Event::GeneralRef(_) => panic!("more than elements and texts"),
        }
    }
}

/// Adds all amounts of transactions up, from one place in the texts to another.
fn sum(texts: &[(String, String)]) -> (usize, Decimal) {
    let amounts: Vec<Decimal> = texts
        .iter()
        .filter(|(place, _)| place.ends_with("InstdAmt"))
        .map(|(_, text)| Decimal::from_str_exact(text).expect("an amount"))
        .collect();
    (amounts.len(), amounts.iter().sum())
}

fn find<'t>(texts: &'t [(String, String)], place: &str) -> Vec<&'t str> {
    let found = texts.iter().filter(|(own, _)| own == place);
    found.map(|(_, text)| text.as_str()).collect()
}

#[test]
fn a_file_adds_up_when_it_is_read_again() {
    let (batches, instructions) = orders();
    for version in [Version::V09, Version::V03] {
        let file = write(&head(version), &batches, &instructions).expect("a file");
        let all = texts(&file);
        let (count, total) = sum(&all);
        assert_eq!((count, total), (4, Decimal::new(254_701, 2)));
        assert_eq!(find(&all, "GrpHdr/NbOfTxs"), ["4"]);
        assert_eq!(find(&all, "GrpHdr/CtrlSum"), ["2547.01"]);
        let begins: Vec<usize> = (0..all.len())
            .filter(|place| all[*place].0 == "PmtInf/PmtInfId")
            .collect();
        let [first, second] = begins[..] else {
            panic!("two batches: {file}");
        };
        for (part, id, count, total) in [
            (&all[first..second], "ACQ-RUN-20260304-1-1", "3", "1347.01"),
            (&all[second..], "ACQ-RUN-20260304-1-2", "1", "1200"),
        ] {
            assert_eq!(find(part, "PmtInf/PmtInfId"), [id]);
            assert_eq!(find(part, "PmtInf/NbOfTxs"), [count]);
            assert_eq!(find(part, "PmtInf/CtrlSum"), [total]);
            let (read, sum) = sum(part);
            assert_eq!(
                (read.to_string(), sum),
                (count.to_owned(), Decimal::from_str_exact(total).expect("a sum"))
            );
        }
        let ids = find(&all, "PmtInf/CdtTrfTxInf/PmtId/EndToEndId");
        let expected: Vec<&str> = instructions.iter().map(|one| one.end_to_end_id.as_str()).collect();
        assert_eq!(ids, expected);
        assert_eq!(find(&all, "PmtInf/CdtTrfTxInf/PmtId/InstrId")[0], "PO-101");
        assert_eq!(find(&all, "PmtInf/PmtTpInf/SvcLvl/Cd"), ["SEPA"]);
        assert_eq!(find(&all, "PmtInf/ChrgBr"), ["SLEV", "SHAR"]);
    }
}

#[test]
fn versions_name_days_and_banks_otherwise() {
    let (batches, instructions) = orders();
    for (version, day, bic) in [
        (Version::V09, "PmtInf/ReqdExctnDt/Dt", "PmtInf/DbtrAgt/FinInstnId/BICFI"),
        (Version::V03, "PmtInf/ReqdExctnDt", "PmtInf/DbtrAgt/FinInstnId/BIC"),
    ] {
        let all = texts(&write(&head(version), &batches, &instructions).expect("a file"));
        assert_eq!(find(&all, day), ["2026-03-05", "2026-03-05"]);
        assert_eq!(find(&all, bic), ["ABNANL2A", "BOTKJPJT"]);
    }
}

#[test]
fn the_same_payouts_are_the_same_bytes() {
    let (batches, instructions) = orders();
    let one = write(&head(Version::V09), &batches, &instructions).expect("a file");
    assert_eq!(
        one,
        write(&head(Version::V09), &batches, &instructions).expect("a file")
    );
    assert!(one.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\">"));
}

#[track_caller]
fn refused(change: impl Fn(&mut Head, &mut Vec<Batch>, &mut Vec<Instruction>), reason: &str) {
    let (mut batches, mut instructions) = orders();
    let mut head = head(Version::V09);
    change(&mut head, &mut batches, &mut instructions);
    let error = write(&head, &batches, &instructions).expect_err(reason).to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn what_a_schema_does_not_see_is_refused() {
    refused(|_, _, all| all[0].holder = "Müller".to_owned(), "name holds `ü`");
    refused(|_, _, all| all[0].holder = "Smith & Son".to_owned(), "name holds `&`");
    refused(
        |_, _, all| all[0].holder = "x".repeat(71),
        "name has 71 characters; 70 are allowed",
    );
    refused(
        |_, _, all| all[0].holder = "Shop ".to_owned(),
        "begins or ends with a blank",
    );
    refused(|_, _, all| all[0].holder = String::new(), "name is empty");
    refused(
        |_, _, all| all[0].end_to_end_id = "A".repeat(36),
        "id has 36 characters",
    );
    refused(|_, _, all| all[0].end_to_end_id = "ACQ//1".to_owned(), "two together");
    refused(
        |_, _, all| all[0].end_to_end_id = "/ACQ".to_owned(),
        "begins or ends with a slash",
    );
    refused(|_, _, all| all[0].end_to_end_id = "A CQ".to_owned(), "holds a blank");
    refused(
        |_, _, all| all[1].end_to_end_id = all[0].end_to_end_id.clone(),
        "does not come after the one before",
    );
    refused(
        |_, _, all| all[0].account = "DE89370400440532013001".to_owned(),
        "check digits are wrong",
    );
    refused(
        |_, _, all| all[0].account = "1234567".to_owned(),
        "account is not an IBAN",
    );
    refused(|_, _, all| all[0].bank = "COBADE".to_owned(), "is not a BIC");
    refused(|_, _, all| all[3].bank = String::new(), "bank is missing");
    refused(|_, _, all| all[0].money = money(0, "EUR"), "amount is not above zero");
    refused(|_, _, all| all[0].money = money(-1, "EUR"), "amount is not above zero");
    refused(|_, _, all| all[0].money = money(9_700, "USD"), "amount is in USD");
    refused(
        |_, _, all| all[0].money = money(100_000_000_000, "EUR"),
        "amount has more than 11 digits",
    );
    refused(
        |_, _, all| all[0].money = money(9_701, "EUR"),
        "the sum of batch 1 is said to be 1347.01 EUR and is 1347.02 EUR",
    );
    refused(
        |_, _, all| drop(all.pop()),
        "the number of orders of batch 2 is said to be 1 and is 0",
    );
    refused(|_, _, all| all.push(all[3].clone()), "beyond the last batch");
    refused(|_, batches, _| batches.clear(), "batches are none");
    refused(|_, batches, _| batches[1].count = 0, "batch 2: count is zero");
    refused(
        |_, batches, _| batches[0].debtor.account = "NL90ABNA0417164300".to_owned(),
        "batch 1: account looks like an IBAN",
    );
    let saturday = NaiveDate::from_ymd_opt(2026, 3, 7).expect("a day");
    refused(
        |_, batches, _| batches[0].execute_on = saturday,
        "2026-03-07 is a Saturday",
    );
    refused(
        |head, _, _| head.message_id = "M".repeat(31),
        "message id has 31 characters",
    );
    refused(|head, _, _| head.initiator = "A\nB".to_owned(), "initiator holds `\\n`");
    let instruction = instruction("A", money(1, "EUR"), SHOP, "");
    let batches = [batch(debtor(HOUSE, ""), 1, money(1, "EUR"))];
    let mut file = Pain001::begin(Vec::new(), &head(Version::V09), &batches).expect("a file");
    let text = "x".repeat(141);
    let error = file.order(&order(1, &instruction, &text)).expect_err("a long text");
    assert_eq!(error.to_string(), "payout A: text has 141 characters; 140 are allowed");
}
