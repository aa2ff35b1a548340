//! What all readers of bank statements have in common, and the files that mean them harm.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::fmt::Write;

use proptest::prelude::*;

use super::format::Format;
use super::*;

/// A whole file, read.
#[derive(Debug)]
pub(super) struct Read {
    pub statements: Vec<Statement>,
    pub entries: Vec<Entry>,
    pub rejects: Vec<Reject>,
    pub closings: Vec<Closing>,
    pub claims: FileClaims,
}

/// Reads a file as it is detected; the error as text.
pub(super) fn read(bytes: &[u8]) -> Result<Read, String> {
    read_as(bytes, Reversals::AsBooked)
}

pub(super) fn read_as(bytes: &[u8], reversals: Reversals) -> Result<Read, String> {
    let format = Format::detect(bytes).map_err(|error| error.to_string())?;
    let mut items = format.open(bytes, reversals).map_err(|error| error.to_string())?;
    let mut read = Read {
        statements: Vec::new(),
        entries: Vec::new(),
        rejects: Vec::new(),
        closings: Vec::new(),
        claims: FileClaims::default(),
    };
    for item in items.by_ref() {
        match item.map_err(|error| error.to_string())? {
            Item::Statement(statement) => read.statements.push(statement),
            Item::Entry(entry) => read.entries.push(entry),
            Item::Reject(reject) => read.rejects.push(reject),
            Item::Closing(closing) => read.closings.push(closing),
        }
    }
    read.claims = items.claims().clone();
    assert!(items.next().is_none(), "nothing follows the end");
    Ok(read)
}

/// Reads a file that is what it says.
#[track_caller]
pub(super) fn read_true(bytes: &[u8]) -> Read {
    let read = read(bytes).expect("a file that can be read");
    assert_eq!(read.rejects, []);
    for closing in &read.closings {
        assert!(closing.is_true(), "{closing:?}");
    }
    assert_eq!(read.claims.untrue, []);
    read
}

/// What is untrue of a file, by what is claimed.
#[track_caller]
pub(super) fn untrue(bytes: &[u8]) -> Vec<String> {
    let read = read(bytes).expect("a file that can be read");
    assert_eq!(read.rejects, []);
    let claims = read
        .closings
        .iter()
        .flat_map(|closing| &closing.untrue)
        .chain(&read.claims.untrue);
    claims
        .map(|claim| format!("{}: {} is {}", claim.what, claim.stated, claim.read))
        .collect()
}

pub(super) fn money(minor: i64, code: &str) -> Money {
    Money::from_minor(minor, Currency::parse(code).expect("a currency"))
}

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// How a hostile file ends.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// It cannot be read at all: part of the message.
    Unread(&'static str),
    /// Something of it is rejected: the line, the place, part of the reason of the first.
    Rejected(u64, &'static str, &'static str),
    /// It is read, and claims something that is not so: part of what.
    Untrue(&'static str),
    /// Strange, and right all the same.
    True,
}

use Ends::{Rejected, True, Unread, Untrue};

/// A right camt.053 of one entry, of which a text is replaced.
fn camt(from: &str, to: &str) -> Vec<u8> {
    const GOOD: &str = include_str!("../../fuzz/seeds/camt/good.xml");
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1).into_bytes()
}

/// The same of an MT940.
fn mt940(from: &str, to: &str) -> Vec<u8> {
    const GOOD: &str = include_str!("../../fuzz/seeds/mt940/good.sta");
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1).into_bytes()
}

/// The same of a BAI2.
fn bai2(from: &str, to: &str) -> Vec<u8> {
    const GOOD: &str = include_str!("../../fuzz/seeds/bai2/good.bai");
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1).into_bytes()
}

fn bytes(good: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = good
        .windows(from.len())
        .position(|window| window == from)
        .expect("a place");
    [&good[..at], to, &good[at + from.len()..]].concat()
}

fn nested(depth: usize) -> String {
    format!("{}{}", "<X>".repeat(depth), "</X>".repeat(depth))
}

type Case = (&'static str, Vec<u8>, Ends);

fn hostile_camt() -> Vec<Case> {
    let good = || camt("<Document", "<Document");
    let cut = |at: &str| {
        let good = good();
        let text = String::from_utf8(good).expect("UTF-8");
        text.split(at).next().expect("a head").as_bytes().to_vec()
    };
    let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><Document";
    let amount = "<Amt Ccy=\"EUR\">58.87</Amt>\n<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>";
    let with_amount = |text: &str| camt(amount, &amount.replace("58.87", text));
    let attributes = (0..70).fold(String::from("<Ntry"), |mut tag, number| {
        write!(tag, " a{number}=\"\"").expect("written");
        tag
    });
    vec![
        ("the right file", good(), True),
        ("nothing", Vec::new(), Unread("not a bank statement")),
        ("blanks", b" \n \n".to_vec(), Unread("not a bank statement")),
        (
            "a settlement file",
            b"Company Account,Merchant Account\n".to_vec(),
            Unread("not a bank statement"),
        ),
        ("a byte order mark", [b"\xef\xbb\xbf", &good()[..]].concat(), True),
        ("UTF-16", b"\xff\xfe<\0D\0".to_vec(), Unread("not a bank statement")),
        (
            "another encoding",
            camt("UTF-8", "ISO-8859-1"),
            Unread("the file is in ISO-8859-1"),
        ),
        (
            "bad UTF-8",
            bytes(good(), b"Acquirer", b"Acq\xffirer"),
            Unread("line 28: not well-formed XML"),
        ),
        (
            "an overlong slash",
            bytes(good(), b"Acquirer", b"Acq\xc0\xafirer"),
            Unread("line 28"),
        ),
        (
            "an entity bomb",
            camt("<Document", bomb),
            Unread("line 2: a document type is declared"),
        ),
        (
            "an external entity",
            camt("Acquirer", "&xxe;"),
            Unread("`&xxe;` is not known"),
        ),
        ("a known entity", camt("Acquirer", "A &amp; B &#x41;"), True),
        (
            "the number of no character",
            camt("Acquirer", "&#0;"),
            Unread("is not known"),
        ),
        (
            "cut within a tag",
            cut("</Document"),
            Unread("the file ends within an element"),
        ),
        (
            "cut within an entry",
            cut("<BookgDt"),
            Unread("the file ends within an element"),
        ),
        (
            "cut after a statement",
            cut("</BkToCstmrStmt"),
            Unread("the file ends within an element"),
        ),
        (
            "an element closed by another",
            camt("</Id>", "</Di>"),
            Unread("not well-formed"),
        ),
        (
            "something after the end",
            camt("</Document>", "</Document><Document/>"),
            Unread("something follows the document"),
        ),
        (
            "text between elements",
            camt("<Ntry>", "oops<Ntry>"),
            Unread("`oops` stands between elements"),
        ),
        (
            "deep in each other",
            camt("<Ntry>", &format!("<Ntry>{}", nested(70))),
            Unread("more than 64 deep"),
        ),
        (
            "a text of a megabyte",
            camt("Acquirer", &"x".repeat(1_000_000)),
            Unread("more than 65536 bytes"),
        ),
        (
            "a comment of a megabyte",
            camt("<Ntry>", &format!("<!--{}--><Ntry>", "x".repeat(1_000_000))),
            Unread("65536 bytes"),
        ),
        (
            "a long text",
            camt("Acquirer", &"x".repeat(20_000)),
            Rejected(
                28,
                "Stmt[1]/Ntry[1]/NtryDtls/TxDtls[1]/RltdPties/Dbtr/Pty/Nm",
                "longer than 10000",
            ),
        ),
        (
            "many attributes",
            camt("<Ntry", &attributes),
            Unread("more than 64 attributes"),
        ),
        (
            "an attribute twice",
            camt("<Ntry", "<Ntry a=\"\" a=\"\""),
            Unread("not well-formed"),
        ),
        (
            "a thousand children",
            camt("<Ntry>", &format!("<Ntry>{}", "<X/>".repeat(1_001))),
            Unread("more than 1000 children"),
        ),
        (
            "a NUL",
            camt("Acquirer", "Acq\0uirer"),
            Unread("a character that XML does not have"),
        ),
        ("a bidirectional mark", camt("PAYOUT-7", "PAY\u{202e}OUT"), True),
        (
            "one in an id",
            camt("PAYOUT-8", "PAY\u{202e}OUT"),
            Rejected(
                24,
                "Stmt[1]/Ntry[1]/NtryDtls/TxDtls[1]/Refs/EndToEndId",
                "control or invisible",
            ),
        ),
        (
            "another namespace",
            camt("camt.053.001.08", "pain.001.001.09"),
            Unread("the document is `Document` of the namespace"),
        ),
        (
            "a version to come",
            camt("camt.053.001.08", "camt.053.001.99"),
            Unread("version 02 to 14"),
        ),
        (
            "no namespace",
            camt(" xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"", ""),
            Unread("of the namespace ``"),
        ),
        (
            "another message",
            camt("camt.053", "camt.054"),
            Unread("does not hold `BkToCstmrDbtCdtNtfctn`"),
        ),
        (
            "an entry of another namespace",
            camt("<Ntry>", "<Ntry xmlns=\"urn:other\">"),
            Untrue("closing balance CLBD"),
        ),
        (
            "no statement",
            camt("<Stmt>", "<Tmst>").to_vec(),
            Unread("not well-formed"),
        ),
        (
            "no currency",
            camt(
                "<Amt Ccy=\"EUR\">58.87</Amt>\n<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>",
                "<Amt>58.87</Amt>\n<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>",
            ),
            Rejected(15, "Stmt[1]/Ntry[1]/Amt", "has no currency"),
        ),
        (
            "an unknown currency",
            camt(
                "Ccy=\"EUR\">58.87</Amt>\n<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>",
                "Ccy=\"eur\">58.87</Amt>\n<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>",
            ),
            Rejected(15, "Stmt[1]/Ntry[1]/Amt", "is not an ISO 4217 currency"),
        ),
        (
            "another currency",
            camt(
                "Ccy=\"EUR\">58.87</Amt>\n<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>",
                "Ccy=\"USD\">58.87</Amt>\n<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>",
            ),
            Rejected(13, "Stmt[1]/Ntry[1]/Amt", "the account is in EUR"),
        ),
        (
            "too many decimals",
            with_amount("58.871"),
            Rejected(15, "Stmt[1]/Ntry[1]/Amt", "more decimals"),
        ),
        ("zeros beyond the decimals", with_amount("58.87000"), True),
        ("leading zeros", with_amount("00058.87"), True),
        (
            "too large",
            with_amount("99999999999999999999"),
            Rejected(15, "Stmt[1]/Ntry[1]/Amt", "too large"),
        ),
        (
            "a sign",
            with_amount("-58.87"),
            Rejected(15, "Stmt[1]/Ntry[1]/Amt", "is not an amount"),
        ),
        (
            "a comma",
            with_amount("58,87"),
            Rejected(15, "Stmt[1]/Ntry[1]/Amt", "is not an amount"),
        ),
        (
            "an exponent",
            with_amount("5.887e1"),
            Rejected(15, "Stmt[1]/Ntry[1]/Amt", "is not an amount"),
        ),
        (
            "digits of another script",
            with_amount("５８.８７"),
            Rejected(15, "Stmt[1]/Ntry[1]/Amt", "is not an amount"),
        ),
        (
            "neither credit nor debit",
            camt("<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>", "<CdtDbtInd>C</CdtDbtInd>\n<Sts>"),
            Rejected(16, "Stmt[1]/Ntry[1]/CdtDbtInd", "neither CRDT nor DBIT"),
        ),
        (
            "the other way round",
            camt(
                "<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>",
                "<CdtDbtInd>DBIT</CdtDbtInd>\n<Sts>",
            ),
            Untrue("closing balance CLBD"),
        ),
        (
            "an amount twice",
            camt("<Sts>", "<Amt Ccy=\"EUR\">1.00</Amt><Sts>"),
            Rejected(17, "Stmt[1]/Ntry[1]/Amt", "is there twice"),
        ),
        (
            "a balance twice",
            camt("CLBD", "OPBD"),
            Rejected(11, "Stmt[1]/Bal", "the balance OPBD is there twice"),
        ),
        (
            "one unit off",
            camt("1058.87", "1058.88"),
            Untrue("closing balance CLBD"),
        ),
        (
            "a sum that is off",
            camt("<Sum>58.87", "<Sum>58.86"),
            Untrue("TxsSummry/TtlNtries: sum"),
        ),
        (
            "a number that is off",
            camt("<NbOfNtries>1", "<NbOfNtries>2"),
            Untrue("TxsSummry/TtlNtries: entries"),
        ),
        (
            "no status",
            camt("<Sts><Cd>BOOK</Cd></Sts>", ""),
            Rejected(13, "Stmt[1]/Ntry[1]/Sts", "is missing"),
        ),
        (
            "an unknown status",
            camt("<Cd>BOOK</Cd>", "<Cd>MAYBE</Cd>"),
            Rejected(13, "Stmt[1]/Ntry[1]/Sts", "none of BOOK"),
        ),
        (
            "a day that is none",
            camt("<BookgDt><Dt>2026-03-04", "<BookgDt><Dt>2026-02-30"),
            Rejected(18, "Stmt[1]/Ntry[1]/BookgDt/Dt", "is not a day"),
        ),
        (
            "a balance after an entry",
            camt("</Ntry>", "</Ntry><Bal/>"),
            Rejected(33, "Stmt[1]/Bal", "stands after an entry"),
        ),
        (
            "no account",
            camt("<IBAN>NL91ABNA0417164300</IBAN>", ""),
            Rejected(5, "Stmt[1]/Acct/Id", "is missing"),
        ),
        ("a card number", camt("PAYOUT-7", "4111 1111 1111 1111"), True),
    ]
}

fn hostile_mt940() -> Vec<Case> {
    let good = || mt940(":20:", ":20:");
    vec![
        ("the right file", good(), True),
        (
            "CR alone",
            String::from_utf8(good())
                .expect("UTF-8")
                .replace('\n', "\r")
                .into_bytes(),
            True,
        ),
        (
            "blank lines",
            String::from_utf8(good())
                .expect("UTF-8")
                .replace('\n', "\r\n\r\n")
                .into_bytes(),
            True,
        ),
        ("no frame", mt940("-\n", ""), True),
        ("Latin-1", bytes(good(), b"Acquirer", b"Acq\xfcirer"), True),
        ("a NUL", bytes(good(), b"Acquirer", b"Acq\0irer"), True),
        (
            "a NUL in a reference",
            mt940("NTRFPAYOUT-7", "NTRFPAY\0UT"),
            Rejected(5, ":61: customer reference", "control or invisible"),
        ),
        (
            "no decimal comma",
            mt940("C58,87", "C5887"),
            Rejected(5, ":61: amount", "no decimal comma"),
        ),
        (
            "a decimal point",
            mt940("C58,87", "C58.87"),
            Rejected(5, ":61: amount", "no decimal comma"),
        ),
        (
            "two commas",
            mt940("C58,87", "C5,8,87"),
            Rejected(5, ":61: amount", "is not an amount"),
        ),
        (
            "too many decimals",
            mt940("C58,87", "C58,871"),
            Rejected(5, ":61: amount", "more decimals"),
        ),
        (
            "too large",
            mt940("C58,87", "C99999999999999999999,"),
            Rejected(5, ":61: amount", "too large"),
        ),
        (
            "no mark",
            mt940("C58,87", "X58,87"),
            Rejected(5, ":61: mark", "none of C, D, RC and RD"),
        ),
        (
            "no type",
            mt940("NTRF", ""),
            Rejected(5, ":61: type", "does not begin with one"),
        ),
        (
            "a month 13",
            mt940(":61:260304", ":61:261304"),
            Rejected(5, ":61: value date", "is not a date"),
        ),
        (
            "a 31 February",
            mt940(":61:260304", ":61:260231"),
            Rejected(5, ":61: value date", "is not a date"),
        ),
        ("no entry date", mt940("2603040304C", "260304C"), True),
        (
            "one unit off",
            mt940("1058,87", "1058,88"),
            Untrue("closing balance 62F"),
        ),
        (
            "another currency at the end",
            mt940("EUR1058,87", "USD1058,87"),
            Rejected(7, ":62F:", "the account is in EUR"),
        ),
        (
            "no closing balance",
            mt940(":62F:C260304EUR1058,87\n-\n", ""),
            Unread("before its closing balance"),
        ),
        (
            "no opening balance",
            mt940(":60F:C260303EUR1000,00\n", ""),
            Unread("`:61:` before the opening balance"),
        ),
        (
            "no account",
            mt940(":25:NL91ABNA0417164300\n", ""),
            Unread("not a bank statement"),
        ),
        (
            "two opening balances",
            mt940(":61:", ":60F:C260303EUR1000,00\n:61:"),
            Unread("`:60F:` a second time"),
        ),
        (
            "a message within a message",
            mt940(":61:", ":20:X\n:61:"),
            Unread("before the message above has its closing balance"),
        ),
        (
            "a field of another message",
            mt940(":61:", ":32A:X\n:61:"),
            Unread("`:32A:` is no field of MT940"),
        ),
        (
            "an entry after the end",
            mt940("-\n", ":61:2603040304C58,87NTRFX\n-\n"),
            Unread("after the closing balance"),
        ),
        (
            "a tag in the text",
            mt940("Acquirer", "Acquirer :61: and\n:XYZ: more"),
            True,
        ),
        ("a dash in the text", mt940("Acquirer", "Acquirer\n- more"), True),
        (
            "an opening balance that is none",
            mt940("C260303EUR1000,00", "X"),
            Rejected(4, ":60F:", "neither C nor D"),
        ),
        (
            "something after a balance",
            mt940("EUR1000,00", "EUR1000,00X"),
            Rejected(4, ":60F:", "follows the amount"),
        ),
        (
            "a long line",
            mt940("Acquirer", &"x".repeat(70_000)),
            Unread("is longer than 65536 bytes"),
        ),
        (
            "a long field",
            mt940("Acquirer", &"x\n".repeat(1_100)),
            Unread("a field of more than 1000 lines"),
        ),
        (
            "a number that is none",
            mt940(":28C:23/1", ":28C:A/1"),
            Rejected(3, ":28C:", "is not the number"),
        ),
    ]
}

fn hostile_bai2() -> Vec<Case> {
    let good = || bai2("01,", "01,");
    vec![
        ("the right file", good(), True),
        (
            "no trailer",
            bai2("99,3217661,1,10/\n", ""),
            Unread("without its trailer 99"),
        ),
        (
            "an account without its trailer",
            bai2("49,3217661,6/\n", ""),
            Unread("a record 98 is out of place"),
        ),
        (
            "two trailers",
            bai2("99,3217661,1,10/\n", "99,3217661,1,10/\n99,3217661,1,10/\n"),
            Unread("a record 99 is out of place"),
        ),
        (
            "an unknown record",
            bai2("16,", "17,"),
            Unread("a record 17 is out of place"),
        ),
        (
            "no record",
            bai2("16,", "hello,"),
            Unread("does not begin with the code of a record"),
        ),
        (
            "another version",
            bai2(",,2/", ",,3/"),
            Unread("the file is of version `3`"),
        ),
        (
            "two records on a line",
            bai2(",,2/\n", ",,2/ "),
            Unread("something follows the `/`"),
        ),
        (
            "no slash",
            bai2(
                "16,165,5887,V,260304,,BANK-1,PAYOUT-7,Acquirer/",
                "16,165,5887,V,260304,,BANK-1,PAYOUT-7,Acquirer",
            ),
            True,
        ),
        (
            "an account total that is off",
            bai2("49,3217661", "49,3217662"),
            Untrue("49 control total"),
        ),
        (
            "an account count that is off",
            bai2("49,3217661,6", "49,3217661,7"),
            Untrue("49 records"),
        ),
        (
            "a group total that is off",
            bai2("98,3217661", "98,3217662"),
            Untrue("98 control total"),
        ),
        (
            "a group count that is off",
            bai2("98,3217661,1", "98,3217661,2"),
            Untrue("98 accounts"),
        ),
        (
            "a file count that is off",
            bai2("99,3217661,1,10", "99,3217661,1,11"),
            Untrue("99 records"),
        ),
        (
            "credits that are off",
            bai2("100,1005887", "100,1005886"),
            Untrue("100 total credits"),
        ),
        (
            "a trailer that says nothing",
            bai2("49,3217661,6/", "49,/"),
            Rejected(8, "49 control total", "is not a whole number"),
        ),
        (
            "a decimal point",
            bai2("165,5887", "165,58.87"),
            Rejected(5, "16 amount", "is not a whole number"),
        ),
        (
            "a negative amount",
            bai2("165,5887", "165,-5887"),
            Rejected(5, "16 amount", "is negative"),
        ),
        (
            "too large",
            bai2("165,5887", "165,99999999999999999999"),
            Rejected(5, "16 amount", "too large"),
        ),
        (
            "a total as a transaction",
            bai2("16,165", "16,100"),
            Rejected(5, "16 type code", "is a total"),
        ),
        (
            "a code that moves nothing",
            bai2("16,165", "16,890"),
            Rejected(5, "16 type code", "does not say where money goes"),
        ),
        (
            "an unknown funds type",
            bai2("5887,V", "5887,X"),
            Rejected(5, "16 funds type", "none of 0, 1, 2"),
        ),
        (
            "a value date that is none",
            bai2("5887,V,260304", "5887,V,261304"),
            Rejected(5, "16 funds type", "is not a date"),
        ),
        (
            "an unknown currency",
            bai2("0004417,USD", "0004417,usd"),
            Rejected(3, "03 currency", "is not an ISO 4217"),
        ),
        (
            "no account",
            bai2("03,0004417", "03,"),
            Rejected(3, "03 account", "is missing"),
        ),
        (
            "a balance twice",
            bai2("015,", "010,"),
            Rejected(3, "03 amount of 010", "is there twice"),
        ),
        (
            "a test",
            bai2("02,HOUSE,021000021,1", "02,HOUSE,021000021,4"),
            Rejected(3, "02 group status", "it is a test"),
        ),
        (
            "what follows without 88",
            bai2("88,and", "and"),
            Unread("does not begin with the code"),
        ),
    ]
}

/// What a hostile file did instead of ending as it must.
fn check(file: &[u8], ends: Ends) -> Result<(), String> {
    let read = read(file);
    let told = format!("{read:?}");
    let is = |fine: bool| if fine { Ok(()) } else { Err(told.clone()) };
    is(!told.contains("4111 1111"))?;
    match (ends, read) {
        (Unread(reason), Err(error)) => is(error.contains(reason)),
        (Rejected(line, place, reason), Ok(read)) => {
            let first = read.rejects.first().ok_or_else(|| told.clone())?;
            is((first.line, first.place.as_str()) == (line, place) && first.reason.contains(reason))?;
            // A reject makes its statement untrue.
            is(!read.closings.iter().all(Closing::is_true))
        }
        (Untrue(what), Ok(read)) => {
            is(read.rejects.is_empty())?;
            let of_statements = read.closings.iter().flat_map(|closing| &closing.untrue);
            let mut claims = of_statements.chain(&read.claims.untrue);
            is(claims.any(|claim| claim.what.contains(what)))
        }
        (True, Ok(read)) => {
            is(read.rejects.is_empty() && read.claims.untrue.is_empty() && !read.entries.is_empty())?;
            is(read
                .closings
                .iter()
                .all(|closing| closing.is_true() && closing.balanced))
        }
        (Unread(_) | Rejected(..) | Untrue(_) | True, _) => Err(told),
    }
}

#[test]
fn hostile_files_end_as_they_must() {
    let files: Vec<Case> = [hostile_camt(), hostile_mt940(), hostile_bai2()].concat();
    assert!(files.len() > 100, "{} files", files.len());
    let wrong: Vec<String> = files
        .into_iter()
        .filter_map(|(name, file, ends)| {
            let other = check(&file, ends).err()?;
            Some(format!("{name}: {ends:?} was expected of {other}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_is_cut_anywhere_is_never_true() {
    let (camt, mt940, bai2) = (camt("<", "<"), mt940(":", ":"), bai2("01", "01"));
    for whole in [camt, mt940, bai2] {
        // The last line end may be missing, and so may what ends the last record or message.
        for end in 0..whole.len().saturating_sub(4) {
            let read = read(&whole[..end]);
            let is_true = read.is_ok_and(|read| {
                !read.closings.is_empty()
                    && read.rejects.is_empty()
                    && read.closings.iter().all(Closing::is_true)
                    && read.claims.untrue.is_empty()
            });
            assert!(!is_true, "cut at {end}: {}", String::from_utf8_lossy(&whole[..end]));
        }
    }
}

#[test]
fn a_format_is_found_by_what_a_file_holds() {
    for format in Format::ALL {
        assert_eq!(Format::parse(format.name()), Some(format));
    }
    for (head, expected) in [
        (&b"<?xml version=\"1.0\"?>"[..], Some(Format::Camt)),
        (b"  \n<Document", Some(Format::Camt)),
        (b"{1:F01BANK}{4:\n:20:A\n:25:B\n", Some(Format::Mt940)),
        (b"\r\n\x01:20:A\r\n:25P:B\r\n", Some(Format::Mt940)),
        (b"01,A,B,260304,0829,1,80,1,2/", Some(Format::Bai2)),
        (b":25:B\n:20:A\n", None),
        (b"RH,2026", None),
        (b"", None),
    ] {
        assert_eq!(Format::detect(head).ok(), expected, "{}", String::from_utf8_lossy(head));
    }
}

/// The same day of an account in all formats: amounts in minor units, signed, from an opening to a closing balance.
fn in_every_format(code: &str, opening: i64, amounts: &[i64], closing: i64) -> [String; 3] {
    let currency = Currency::parse(code).expect("a currency");
    let unsigned = |minor: i64| Money::from_minor(minor.abs(), currency).to_decimal_text();
    let comma = |minor: i64| {
        let text = unsigned(minor);
        if text.contains('.') {
            text.replace('.', ",")
        } else {
            format!("{text},")
        }
    };
    let (side, mark) = (
        |minor: i64| if minor < 0 { "DBIT" } else { "CRDT" },
        |minor: i64| if minor < 0 { "D" } else { "C" },
    );
    let mut camt = format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><Stmt><Id>1</Id><Acct><Id><Othr><Id>0001\
         </Id></Othr></Id><Ccy>{code}</Ccy></Acct>"
    );
    for (kind, minor) in [("OPBD", opening), ("CLBD", closing)] {
        let (amount, side) = (unsigned(minor), side(minor));
        write!(
            camt,
            "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy=\"{code}\">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd></Bal>"
        )
        .expect("written");
    }
    let mut mt940 = format!(
        ":20:1\n:25:0001\n:60F:{}260304{code}{}\n",
        mark(opening),
        comma(opening)
    );
    let mut bai2 = format!(
        "01,BANK,HOUSE,260305,0600,1,80,,2/\n02,HOUSE,BANK,1,260304,,{code},2/\n03,0001,,010,{opening},,,015,{closing},,/\n"
    );
    let mut control = i128::from(opening) + i128::from(closing);
    for minor in amounts.iter().copied() {
        write!(
            camt,
            "<Ntry><Amt Ccy=\"{code}\">{}</Amt><CdtDbtInd>{}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts></Ntry>",
            unsigned(minor),
            side(minor)
        )
        .expect("written");
        writeln!(mt940, ":61:260304{}{}NTRFNONREF", mark(minor), comma(minor)).expect("written");
        let kind = if minor < 0 { "451" } else { "142" };
        writeln!(bai2, "16,{kind},{},Z,,,/", minor.abs()).expect("written");
        control += i128::from(minor.abs());
    }
    camt.push_str("</Stmt></BkToCstmrStmt></Document>");
    writeln!(mt940, ":62F:{}260304{code}{}\n-", mark(closing), comma(closing)).expect("written");
    let records = amounts.len() + 2;
    write!(
        bai2,
        "49,{control},{records}/\n98,{control},1,{}/\n99,{control},1,{}/\n",
        records + 2,
        records + 4
    )
    .expect("written");
    [camt, mt940, bai2]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn all_formats_say_the_same(
        code in prop::sample::select(vec!["EUR", "JPY", "KWD", "CLF"]),
        opening in -1_000_000_000_i64..1_000_000_000,
        amounts in prop::collection::vec((1_i64..1_000_000_000, any::<bool>()), 0..8),
        off in prop::sample::select(vec![0_i64, 0, 1, -1]),
    ) {
        let amounts: Vec<i64> = amounts.iter().map(|(minor, debit)| if *debit { -minor } else { *minor }).collect();
        let moved: i64 = amounts.iter().sum();
        let closing = opening + moved + off;
        for file in in_every_format(code, opening, &amounts, closing) {
            let read = read(file.as_bytes()).expect("a file");
            let read_amounts: Vec<i64> = read.entries.iter().map(|entry| entry.money.minor()).collect();
            prop_assert_eq!(&read_amounts, &amounts, "{}", file);
            prop_assert!(read.entries.iter().all(|entry| entry.money.currency().code() == code));
            prop_assert_eq!(&read.rejects, &Vec::new(), "{}", file);
            let end = read.closings[0].closing.as_ref().map(|balance| balance.money.minor());
            prop_assert_eq!(end, Some(closing));
            prop_assert_eq!(read.closings[0].booked_minor, i128::from(moved));
            prop_assert_eq!(read.closings[0].is_true(), off == 0, "{}", file);
        }
    }
}
