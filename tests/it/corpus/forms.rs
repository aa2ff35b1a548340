//! The hostile corpus of every other reader: right files with one thing spoiled, and the place that must be named for it.
//!
//! Where something is wrong is known here because it was put there: line and column are counted in the file that is spoiled
//! ([`Table`], [`Clearing`]), and never taken from what a reader says. Rows are read without a database; a file of each ending goes
//! through the program.

use std::io::Read;
use std::sync::Arc;

use acquit::acquirer::format::{Format, Reading};
use acquit::acquirer::mapping::Profile;
use acquit::acquirer::{RecordType, Row, SettlementLine};
use acquit::recon::proof::untrue;
use acquit::settings::Settings;
use serde_json::{Value, json};

use super::messages::Clearing;
use super::table::Table;
use crate::desk::Desk;
use crate::hostile::{booked, good_file};

/// The text or the bytes of a fixture.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/formats/", $name)).as_slice()
    };
}

const HOUSE: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "UTC"
bank_account = "main"
[[acquirer]]
name = "psp"
contract = "net"
settles_within_days = 3
"#;

const PROFILES: &str = include_str!("../../../fixtures/formats/profiles/profiles.toml");

/// The payouts of the breakdown.
const PAYOUTS: &[u8] = fixture!("quirks/checkout-payouts.csv");

/// How a spoiled file ends.
#[derive(Debug, Clone, PartialEq)]
enum Ends {
    /// It comes to the lines of the right file.
    Right,
    /// These rows are rejected: line, column (none where it is the whole row), part of the reason. All others are read.
    Rejected(Vec<(u64, Option<String>, String)>),
    /// Reading ends: where, and all that must be said.
    Ended(String, Vec<String>),
    /// What the file says of itself is not so: all that must be said, once each.
    Untrue(Vec<String>),
}

/// A spoiled file.
struct Spoiled {
    what: String,
    content: Vec<u8>,
    beside: Vec<Vec<u8>>,
    ends: Ends,
    /// Lines of the right file that it has no more, beside those that are rejected.
    lost: Vec<u64>,
    /// After which line of the right file lines stand lower, and by how many.
    moved: (u64, i64),
}

/// A form of settlement files, and a right file of it.
struct Form {
    name: &'static str,
    reading: Reading,
    right: Vec<u8>,
    beside: Vec<Vec<u8>>,
    spoiled: Vec<Spoiled>,
}

impl Form {
    fn of(name: &'static str, reading: Reading, right: Vec<u8>) -> Self {
        Self {
            name,
            reading,
            right,
            beside: Vec::new(),
            spoiled: Vec::new(),
        }
    }

    fn add(&mut self, what: impl Into<String>, content: Vec<u8>, ends: Ends) -> &mut Spoiled {
        self.spoiled.push(Spoiled {
            what: what.into(),
            content,
            beside: self.beside.clone(),
            ends,
            lost: Vec::new(),
            moved: (u64::MAX, 0),
        });
        self.spoiled.last_mut().expect("the latest")
    }

    /// A cell, or an element, or a field, at fault.
    fn reject(&mut self, what: &str, content: Vec<u8>, line: usize, column: &str, reason: &str) -> &mut Spoiled {
        self.add(what, content, rejected(line, Some(column), reason))
    }

    /// A whole row at fault.
    fn reject_row(&mut self, what: &str, content: Vec<u8>, line: usize, reason: &str) -> &mut Spoiled {
        self.add(what, content, rejected(line, None, reason))
    }

    /// Nothing after a line is used.
    fn end(&mut self, what: &str, content: Vec<u8>, line: usize, says: &[&str]) {
        let says = says.iter().map(|text| (*text).to_owned()).collect();
        self.add(what, content, Ends::Ended(format!("line {line}: "), says));
    }

    /// The same of a record.
    fn end_record(&mut self, what: &str, content: Vec<u8>, record: usize, says: &[&str]) {
        let says = says.iter().map(|text| (*text).to_owned()).collect();
        self.add(what, content, Ends::Ended(format!("record {record}: "), says));
    }

    fn contradict(&mut self, what: &str, content: Vec<u8>, says: &[&str]) {
        let says = says.iter().map(|text| (*text).to_owned()).collect();
        self.add(what, content, Ends::Untrue(says));
    }
}

fn number(line: usize) -> u64 {
    u64::try_from(line).expect("a line")
}

fn rejected(line: usize, column: Option<&str>, reason: &str) -> Ends {
    Ends::Rejected(vec![(number(line), column.map(str::to_owned), reason.to_owned())])
}

// Files of rows and cells ----------------------------------------------------------------------------------------------

/// What a file of cells holds that can be spoiled, and how its reader takes it.
struct Cells {
    table: Table,
    names: usize,
    /// The lines of two sales: both are spoiled in turn, so that no place is right by chance.
    sales: [usize; 2],
    amount: &'static str,
    day: &'static str,
    currency: &'static str,
    reference: &'static str,
    /// A day in the form's own writing: year, month, day, the time.
    write_day: fn(&str, &str, &str, &str) -> String,
    /// Another way of writing numbers than the form's.
    strange_amount: &'static str,
    /// Whether a form of an own kind for each row ends the file where the kind is none.
    has_kinds: bool,
    /// What is said of a file that a quote swallows the rest of, where more than that its row is none.
    swallowed: Option<&'static str>,
    is_latin1: bool,
}

/// Every way in which cells and rows can be spoiled, whatever they mean.
fn spoil_cells(form: &mut Form, cells: &Cells) {
    spoil_texts(form, cells);
    spoil_rows(form, cells);
    spoil_whole(form, cells);
}

fn spoil_texts(form: &mut Form, cells: &Cells) {
    const AMOUNTS: [&str; 12] = [
        "1e3", "NaN", "Infinity", " 5", "5 ", "+5", "--5", "5-", "0x10", "1_000", "1'000", "5.",
    ];
    const CURRENCIES: [&str; 6] = ["XYZ", "XXX", "EURO", "EU", "978", ""];
    let table = &cells.table;
    let mut turn = 0;
    let mut sale = || {
        turn += 1;
        cells.sales[turn % 2]
    };
    for text in AMOUNTS.into_iter().chain([cells.strange_amount]) {
        let line = sale();
        let content = table.with(line, cells.amount, text.as_bytes()).bytes();
        form.reject(&format!("the amount {text}"), content, line, cells.amount, "");
    }
    let clock = "10:00:00";
    let days = [
        ("0000", "00", "00", clock),
        ("2026", "02", "29", clock),
        ("2026", "13", "01", clock),
        ("26", "03", "01", clock),
        ("2026", "03", "01", "24:00:00"),
        ("2026", "03", "1", clock),
        ("1026", "03", "01", clock),
    ];
    for (year, month, day, time) in days {
        let text = (cells.write_day)(year, month, day, time);
        // A form of days without a clock has no hour that could be wrong.
        if time != clock && !text.contains("24") {
            continue;
        }
        let line = sale();
        let content = table.with(line, cells.day, text.as_bytes()).bytes();
        form.reject(&format!("the day {text}"), content, line, cells.day, "");
    }
    let line = sale();
    let content = table.with(line, cells.day, b"").bytes();
    form.reject("no day", content, line, cells.day, "");
    for text in CURRENCIES {
        let line = sale();
        let content = table.with(line, cells.currency, text.as_bytes()).bytes();
        form.reject(&format!("the currency {text}"), content, line, cells.currency, "");
    }
    let line = sale();
    let content = table.with(line, cells.currency, b"EUR ").bytes();
    form.reject("the currency and a blank", content, line, cells.currency, "");
    let long = "x".repeat(200);
    let mut texts: Vec<(&str, &[u8], &str)> = vec![
        ("a blank before a reference", b" x", "blank"),
        ("a blank after a reference", b"x ", "blank"),
        ("TAB", b"\tx", "control"),
        ("NUL", b"x\0y", "NUL"),
        ("a reference of 200 bytes", long.as_bytes(), "longer"),
        ("a card number", b"4111111111111111", "card number"),
        ("a quote inside", b"x\"y", "quote inside"),
        ("text after a quote", b"\"x\"y", "closing quote"),
    ];
    match cells.is_latin1 {
        true => texts.push(("a control of ISO 8859-1", b"x\x85y", "control")),
        false => texts.extend([
            ("Latin-1", &b"x\xe9"[..], "UTF-8"),
            ("overlong", b"x\xc0\xafy", "UTF-8"),
            ("surrogate", b"x\xed\xa0\x80y", "UTF-8"),
            ("a text from right to left", "x\u{202e}y".as_bytes(), "invisible"),
            ("no width", "x\u{200b}y".as_bytes(), "invisible"),
            ("a byte order mark inside", "x\u{feff}y".as_bytes(), "byte order mark"),
        ]),
    }
    for (what, text, reason) in texts {
        let line = sale();
        let content = table.with(line, cells.reference, text).bytes();
        // Where rows have kinds, nobody knows the kind of one that is no text.
        match cells.has_kinds && reason == "UTF-8" {
            true => {
                let said = format!(
                    "cell {} of the record is not valid UTF-8",
                    table.place(cells.reference) + 1
                );
                form.end(what, content, line, &[&said]);
            }
            false => drop(form.reject(what, content, line, cells.reference, reason)),
        }
    }
    for text in [&b"\"x\ny\""[..], b"\"x\ry\"", b"\"x\r\ny\""] {
        let line = sale();
        let content = table.with(line, cells.reference, text).bytes();
        // What stands below is a line further down.
        form.reject("a line break in a cell", content, line, cells.reference, "control")
            .moved = (number(line), 1);
    }
    // One wrong cell hides no other.
    let [first, second] = cells.sales;
    let content = table
        .with(first, cells.amount, b"1e3")
        .with(second, cells.currency, b"XYZ")
        .bytes();
    let both = [(first, cells.amount), (second, cells.currency)];
    let both = both.map(|(line, column)| (number(line), Some(column.to_owned()), String::new()));
    form.add("two rows", content, Ends::Rejected(both.to_vec()));
}

fn spoil_rows(form: &mut Form, cells: &Cells) {
    let table = &cells.table;
    let [first, second] = cells.sales;
    form.reject_row(
        "a cell more",
        table.with_more(first).bytes(),
        first,
        "cells, but the header has",
    );
    form.reject_row(
        "a cell less",
        table.with_less(second).bytes(),
        second,
        "cells, but the header has",
    );
    for (what, text) in [("\\.", "\\."), ("a row of words", "nothing of this is a row")] {
        let content = table.with_line(second, text).bytes();
        match cells.has_kinds {
            true => form.end(what, content, second, &["is not a kind of record"]),
            false => {
                let row = form.reject_row(what, content, second, "has 1 cells");
                row.moved = (number(second - 1), 1);
                row.lost = vec![u64::MAX];
            }
        }
    }
    // A quote that is never closed takes all that follows it.
    for line in cells.sales {
        // Of a breakdown without any row of its payout, that is told too.
        if line == first && !form.beside.is_empty() {
            continue;
        }
        let place = table.place(cells.reference);
        let cell = [b"\"", table.cell(line, place).as_bytes()].concat();
        let content = table.with(line, cells.reference, &cell).bytes();
        match cells.swallowed {
            Some(said) => form.end("a quote that is never closed", content, line, &[said]),
            None => {
                let row = form.reject(
                    "a quote that is never closed",
                    content,
                    line,
                    cells.reference,
                    "never closed",
                );
                row.lost = (number(line)..=number(table.lines())).collect();
            }
        }
    }
    for line in [first, second] {
        let content = table.with(line, cells.reference, &vec![b'x'; 1 << 20]).bytes();
        form.end("a megabyte in a cell", content, line, &["longer than"]);
        let many = ",;".repeat(2_000);
        let content = table.with(line, cells.reference, many.as_bytes()).bytes();
        form.end("2,000 cells", content, line, &["cells"]);
    }
}

fn spoil_whole(form: &mut Form, cells: &Cells) {
    let table = &cells.table;
    let right = table.bytes();
    form.add("CRLF", table.ended_by("\r\n"), Ends::Right);
    form.add("CR", table.ended_by("\r"), Ends::Right);
    form.add("no line end at the end", right[..right.len() - 1].to_vec(), Ends::Right);
    let marked = [b"\xef\xbb\xbf", &right[..]].concat();
    match cells.is_latin1 {
        true => form.end("a byte order mark", marked, 1, &["UTF-8"]),
        false => drop(form.add("a byte order mark", marked, Ends::Right)),
    }
    for (mark, what) in [
        (&b"\xff\xfe"[..], "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
        (b"\xff\xfe\0\0", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
        (b"\x1f\x8b", "gzip"),
        (b"PK\x03\x04", "zip"),
    ] {
        form.end(what, [mark, &right].concat(), 1, &[what]);
    }
    form.end("nothing", Vec::new(), 1, &[]);
    let names = cells.names;
    let place = table.place(cells.amount);
    let content = table.with_cell(names, place, b"Nothing of the kind").bytes();
    form.end(
        "a column less",
        content,
        names,
        &[&format!("no column `{}`", cells.amount)],
    );
    let twice = table.with_cell(names, table.place(cells.reference), &table.encoded(cells.day));
    let said = format!("more than one column `{}`", cells.day);
    form.end("a column twice", twice.bytes(), names, &[&said]);
    let content = table.with_cell(names, place, b"x\0y").bytes();
    let said = match cells.has_kinds {
        true => format!("cell {} of the `CH` record holds a NUL", place + 1),
        false => format!("the name of column {} holds a NUL", place + 1),
    };
    form.end("NUL in a name", content, names, &[&said]);
    form.end("2,000 columns", table.widened(2_000).bytes(), 1, &["cells"]);
}

fn adyen() -> Form {
    let right = good_file().into_bytes();
    let table = Table::of(&right, b',', 1, false);
    let mut form = Form::of("adyen", Reading::Format(Format::Adyen), right);
    let cells = Cells {
        names: 1,
        sales: [2, 3],
        amount: "Gross Credit (GC)",
        day: "Creation Date",
        currency: "Gross Currency",
        reference: "Merchant Reference",
        write_day: |year, month, day, time| format!("{year}-{month}-{day} {time}"),
        strange_amount: "1.234.50",
        has_kinds: false,
        swallowed: None,
        is_latin1: false,
        table,
    };
    spoil_cells(&mut form, &cells);
    form
}

fn stripe() -> Form {
    let right = fixture!("quirks/stripe-points.csv").to_vec();
    let table = Table::of(&right, b',', 1, false);
    let mut form = Form::of("stripe", Reading::Format(Format::Stripe), right);
    let cells = Cells {
        names: 1,
        sales: [2, 3],
        amount: "gross",
        day: "created_utc",
        currency: "currency",
        reference: "source_id",
        write_day: |year, month, day, time| format!("{year}-{month}-{day} {time}"),
        strange_amount: "\"1,5\"",
        has_kinds: false,
        swallowed: None,
        is_latin1: false,
        table,
    };
    spoil_cells(&mut form, &cells);
    let table = &cells.table;
    form.reject_row("a blank line", table.with_line(3, "").bytes(), 3, "a blank line")
        .moved = (2, 1);
    form.spoiled.last_mut().expect("it").lost = vec![u64::MAX];
    form.reject("no amount", table.with(3, "net", b"").bytes(), 3, "net", "is empty");
    form.reject(
        "2^63",
        table.with(2, "fee", b"9223372036854775808").bytes(),
        2,
        "fee",
        "too large",
    );
    form.reject(
        "three decimals",
        table.with(2, "gross", b"110.001").bytes(),
        2,
        "gross",
        "decimals",
    );
    form.reject_row(
        "a cent more",
        table.with(2, "net", b"106.82").bytes(),
        2,
        "is not net 106.82",
    );
    form.reject(
        "a currency of nothing",
        table.with(2, "customer_facing_amount", b"0.00").bytes(),
        2,
        "customer_facing_amount",
        "nothing",
    );
    form.contradict(
        "a payout of a cent more",
        table.with(8, "gross", b"-96.82").with(8, "net", b"-96.82").bytes(),
        &["payout po_1 is of"],
    );
    form.contradict("a line less", table.without(6).bytes(), &["payout po_1 is of"]);
    form
}

fn paypal() -> Form {
    let right = fixture!("quirks/paypal-rows.csv").to_vec();
    let table = Table::of(&right, b',', 4, false);
    let mut form = Form::of("paypal", Reading::Format(Format::Paypal), right);
    let cells = Cells {
        names: 4,
        sales: [5, 17],
        amount: "Gross Transaction Amount",
        day: "Transaction Completion Date",
        currency: "Gross Transaction Currency",
        reference: "Invoice ID",
        write_day: |year, month, day, time| format!("{year}/{month}/{day} {time} -0800"),
        strange_amount: "100.00",
        has_kinds: true,
        swallowed: Some("the file ends without its footer `FF`"),
        is_latin1: false,
        table,
    };
    spoil_cells(&mut form, &cells);
    let table = &cells.table;
    form.end(
        "a blank line",
        table.with_line(6, "").bytes(),
        6,
        &["`` is not a kind of record"],
    );
    for (what, column, text, reason) in [
        (
            "no debit or credit",
            "Transaction Debit or Credit",
            "XX",
            "neither CR nor DR",
        ),
        ("2^63", "Gross Transaction Amount", "9223372036854775808", "hundredths"),
        ("no event code", "Transaction Event Code", "T06", "event code"),
        (
            "a fee of another currency",
            "Fee Currency",
            "EUR",
            "the currency of the gross",
        ),
        ("a fee without a side", "Fee Debit or Credit", "", ""),
    ] {
        form.reject(what, table.with(5, column, text.as_bytes()).bytes(), 5, column, reason);
    }
    let yen = table.with(17, "Gross Transaction Amount", b"150001").bytes();
    form.reject("a hundredth of a yen", yen, 17, "Gross Transaction Amount", "150001");

    // Footers: of the section on lines 18 to 20, of the report on lines 22 to 24; a currency, four amounts, balances, a count.
    let amounts = ["gross credits", "gross debits", "fee credits", "fee debits"];
    for (of, lines) in [("section", [18, 19, 20]), ("report", [22, 23, 24])] {
        for line in lines {
            let currency = table.cell(line, 1);
            for (place, name) in (2..).zip(amounts) {
                let more = format!("{}", table.cell(line, place).parse::<u64>().expect("digits") + 100);
                let said = format!("the {of}'s footer of {currency} on line {line} says {name} of");
                form.contradict(
                    "a footer",
                    table.with_cell(line, place, more.as_bytes()).bytes(),
                    &[&said],
                );
                let content = table.with_cell(line, place, b"12.5").bytes();
                form.end(
                    "a footer with a point",
                    content,
                    line,
                    &[&format!("cell {} is `12.5`", place + 1)],
                );
            }
            let said = format!("the {of}'s footer of {currency} on line {line} counts");
            form.contradict("a footer's count", table.with_cell(line, 18, b"99").bytes(), &[&said]);
            let said = format!("the {of}'s footer of {currency} on line {line} says that the balance moved by");
            form.contradict("a balance", table.with_cell(line, 7, b"7777700").bytes(), &[&said]);
            form.end(
                "a side of nothing",
                table.with_cell(line, 8, b"XX").with_cell(line, 9, b"100").bytes(),
                line,
                &["cell 9 is `XX`"],
            );
            form.end(
                "a footer cut off",
                table.with_less(line).bytes(),
                line,
                &["the footer has 18 cells"],
            );
            let again = table.cell(lines[0], 1);
            if line != lines[0] {
                let content = table.with_cell(line, 1, again.as_bytes()).bytes();
                form.end(
                    "a second footer",
                    content,
                    line,
                    &[&format!("a second footer of {again}")],
                );
            }
            let content = table.with_cell(line, 1, b"XYZ").bytes();
            form.end("a footer of no currency", content, line, &["the footer's currency"]);
        }
    }
    form.end(
        "a footer less",
        table.without(18).bytes(),
        20,
        &["the section has rows of EUR and no footer"],
    );
    form.end(
        "a footer of the report less",
        table.without(22).bytes(),
        24,
        &["the report has rows of EUR and no footer"],
    );
    let counts = [(21, "section"), (25, "report"), (26, "file 1")];
    for (line, of) in counts {
        let content = table.with_cell(line, 1, b"14").bytes();
        let said = format!("on line {line}");
        form.contradict(&format!("the count of {of}"), content, &[&said]);
        let content = table.with_cell(line, 1, b"").bytes();
        form.end("a count of nothing", content, line, &["cell 2 is ``"]);
    }
    form.end(
        "a file of its report too early",
        table.with_cell(2, 1, b"02").bytes(),
        2,
        &["is file 2 of its report"],
    );
    form.end(
        "a section outside a file",
        table.without(2).bytes(),
        2,
        &["a section outside report and file"],
    );
    form.end(
        "columns outside a section",
        table.without(3).bytes(),
        3,
        &["column names outside a section"],
    );
    form.end(
        "rows without columns",
        table.without(4).bytes(),
        4,
        &["before the column names"],
    );
    form.end(
        "a section without an end",
        table.without(21).bytes(),
        24,
        &["counted before its section"],
    );
    form.end("no end", table.without(26).bytes(), 25, &["without its footer `FF`"]);
    form.end(
        "more behind the end",
        table.with_line(27, "RH,x").bytes(),
        27,
        &["after the file's footer"],
    );
    form.end(
        "no such day",
        table.with_cell(3, 2, b"2026/02/29 00:00:00 -0800").bytes(),
        3,
        &["`2026/02/29 00:00:00 -0800` is not a time"],
    );
    form.end(
        "no such hour",
        table.with_cell(3, 1, b"2026/01/06 25:00:00 -0800").bytes(),
        3,
        &["is not a time"],
    );
    let nul = table.with_cell(20, 2, b"1\x002").bytes();
    form.end("NUL in a footer", nul, 20, &["cell 3 of the `SF` record holds a NUL"]);

    // The report again in two files, the second from its sixth row on: 3 lines, that of the columns and then the rows.
    let line = |line: usize| table.rows_from(line, line);
    let head = |number: &str| [line(1), format!("FH,{number}\n").into_bytes(), line(3), line(4)].concat();
    let first = [head("01"), table.rows_from(5, 9), b"FF,5\n".to_vec()].concat();
    let second = |rows: Vec<u8>| [head("02"), rows, table.rows_from(18, 25), b"FF,8\n".to_vec()].concat();
    let rest = second(table.rows_from(10, 17));
    form.add("in two files", first.clone(), Ends::Right).beside = vec![rest.clone()];
    let spoiled = table.with(17, "Gross Transaction Amount", b"1e3").rows_from(10, 17);
    // Line 17 is the eighth row of the second file, which has four lines before them; each file counts its own lines.
    let row = form.reject(
        "in the second of two files",
        first.clone(),
        12,
        "Gross Transaction Amount",
        "file 2: ",
    );
    row.beside = vec![second(spoiled)];
    (row.lost, row.moved) = (vec![17], (9, -5));
    form.end(
        "only the first of two files",
        first.clone(),
        10,
        &["goes on in another file"],
    );
    let cut = rest[..rest.len() - 5].to_vec();
    form.end(
        "the second of two files cut off",
        first,
        20,
        &["file 2: ", "without its footer `FF`"],
    );
    form.spoiled.last_mut().expect("it").beside = vec![cut];
    form
}

fn checkout() -> Form {
    let right = fixture!("quirks/checkout-rows.csv").to_vec();
    let table = Table::of(&right, b',', 1, false);
    let mut form = Form::of("checkout", Reading::Format(Format::Checkout), right);
    form.beside = vec![PAYOUTS.to_vec()];
    let cells = Cells {
        names: 1,
        sales: [2, 3],
        amount: "Gross In Holding Currency",
        day: "Processed On",
        currency: "Holding Currency",
        reference: "Reference",
        write_day: |year, month, day, time| format!("{year}-{month}-{day}T{time}"),
        strange_amount: "\"1,5\"",
        has_kinds: false,
        swallowed: None,
        is_latin1: false,
        table,
    };
    spoil_cells(&mut form, &cells);
    let table = &cells.table;
    form.reject_row("a blank line", table.with_line(3, "").bytes(), 3, "a blank line")
        .moved = (2, 1);
    form.spoiled.last_mut().expect("it").lost = vec![u64::MAX];
    for (what, column, text, reason) in [
        (
            "nine decimals",
            "Net In Holding Currency",
            "96.795000011",
            "at most 8 decimals",
        ),
        (
            "a deduction that is not its parts",
            "Scheme Fee In Holding Currency",
            "-1",
            "",
        ),
        ("a currency that nobody paid in", "Processing Currency", "euro", ""),
        ("no type", "Type", "", "is empty"),
    ] {
        let at = if column == "Scheme Fee In Holding Currency" {
            "Deduction In Holding Currency"
        } else {
            column
        };
        form.reject(what, table.with(2, column, text.as_bytes()).bytes(), 2, at, reason);
    }
    form.reject(
        "half a penny",
        table.with(3, "Gross In Processing Currency", b"50.005").bytes(),
        3,
        "Gross In Processing Currency",
        "GBP",
    );
    form.reject(
        "the other way",
        table.with(3, "Gross In Processing Currency", b"-50.00").bytes(),
        3,
        "Gross In Processing Currency",
        "another way",
    );
    form.reject_row(
        "a millionth more",
        table.with(2, "Net In Holding Currency", b"96.795002").bytes(),
        2,
        "are not net 96.795002",
    );
    form.contradict("a row less", table.without(5).bytes(), &["batch P1 pays"]);

    // The file of payouts, at fault itself: its lines are told as its own.
    let payouts = Table::of(PAYOUTS, b',', 1, false);
    let right = table.bytes();
    for (what, column, text) in [
        ("a payout of no amount", "Payout Amount", "1e3"),
        ("a payout on no day", "Payout Date", "2026-02-29"),
        ("a payout without a name", "Payout ID", ""),
        ("a payout that nothing is of", "Payout ID", "P9"),
        ("a payout of half a cent", "Payout Amount", "99.855"),
    ] {
        let row = form.reject(what, right.clone(), 2, column, "file of payouts: ");
        row.beside = vec![payouts.with(2, column, text.as_bytes()).bytes()];
        row.lost = vec![u64::MAX];
    }
    let row = form.reject("a payout twice", right.clone(), 3, "Payout ID", "file of payouts: ");
    row.beside = vec![payouts.with_line(3, "P1,2026-03-04,99.85").bytes()];
    row.lost = vec![u64::MAX];
    form.contradict("a payout of a cent too much", right.clone(), &["batch P1 pays"]);
    form.spoiled.last_mut().expect("it").beside = vec![payouts.with(2, "Payout Amount", b"99.90").bytes()];
    for (beside, said) in [
        (vec![], "give their file by --with"),
        (vec![PAYOUTS.to_vec(); 2], "more are given with it"),
        (
            vec![b"Payout ID,Payout Date\n".to_vec()],
            "file of payouts: not Checkout.com's file of payouts: no column `Payout Amount`",
        ),
        (vec![Vec::new()], "file of payouts: the file is empty"),
    ] {
        form.end("payouts", right.clone(), 1, &[said]);
        form.spoiled.last_mut().expect("it").beside = beside;
    }
    form
}

fn toss_csv() -> Form {
    let right = fixture!("quirks/toss-rows.csv").to_vec();
    let table = Table::of(&right, b',', 1, false);
    let mut form = Form::of("toss-csv", Reading::Format(Format::TossCsv), right);
    let cells = Cells {
        names: 1,
        sales: [2, 3],
        amount: "amount",
        day: "soldDate",
        currency: "currency",
        reference: "orderId",
        write_day: |year, month, day, _| format!("{year}-{month}-{day}"),
        strange_amount: "\"10,000\"",
        has_kinds: false,
        swallowed: None,
        is_latin1: false,
        table,
    };
    spoil_cells(&mut form, &cells);
    let table = &cells.table;
    form.reject_row("a blank line", table.with_line(3, "").bytes(), 3, "a blank line")
        .moved = (2, 1);
    form.spoiled.last_mut().expect("it").lost = vec![u64::MAX];
    for (what, column, text, reason) in [
        ("no amount", "amount", "", "is empty"),
        ("nothing", "amount", "0", "is nothing"),
        ("half a won", "amount", "10000.5", "is not an amount"),
        ("2^63", "supplyAmount", "9223372036854775808", "is not an amount"),
        ("a fee that is not its parts", "fee", "331", "supply amount and VAT"),
        ("another eleventh", "vat", "31", ""),
        ("a won more", "payOutAmount", "9671", "is not 9671"),
        (
            "paid before it was sold",
            "paidOutDate",
            "2026-02-28",
            "before it was sold",
        ),
        ("no instant", "approvedAt", "2026-03-01T23:59:59", "is not an instant"),
        ("no key", "paymentKey", "", "is empty"),
    ] {
        // Which of two amounts is wrong nobody knows: the one that both are held to is named.
        let at = if column == "vat" { "fee" } else { column };
        form.reject(what, table.with(2, column, text.as_bytes()).bytes(), 2, at, reason);
    }
    let eleventh = table.with(2, "vat", b"31").with(2, "supplyAmount", b"299").bytes();
    form.reject("another eleventh of the same fee", eleventh, 2, "vat", "an eleventh");
    form
}

fn profile(name: &str) -> Arc<Profile> {
    let settings = Settings::parse(&format!("{HOUSE}{PROFILES}")).expect("settings");
    let found = settings.profiles.iter().find(|profile| profile.name == name);
    Arc::clone(found.expect("a profile"))
}

fn count_and_sum() -> Form {
    let right = fixture!("profiles/count-and-sum.csv").to_vec();
    let table = Table::of(&right, b';', 1, true);
    let mut form = Form::of("count-and-sum", Reading::Profile(profile("count-and-sum")), right);
    let cells = Cells {
        names: 1,
        sales: [2, 4],
        amount: "Betrag",
        day: "Datum",
        currency: "Währung",
        reference: "Referenz",
        write_day: |year, month, day, time| format!("{day}.{month}.{year} {}", &time[..5]),
        strange_amount: "1,234.50",
        has_kinds: false,
        swallowed: Some("the file ends without its trailer row"),
        is_latin1: true,
        table,
    };
    spoil_cells(&mut form, &cells);
    let table = &cells.table;
    // Blank lines stand before trailers: a row after one is a row after them.
    form.end(
        "a blank line",
        table.with_line(4, "").bytes(),
        5,
        &["a row after the trailer"],
    );
    for (what, column, text, reason) in [
        ("neither side", "S/H", "X", "neither a debit nor a credit"),
        ("a sign beside a side", "Betrag", "-100,00", "has a sign"),
        ("groups of two", "Betrag", "1.00,00", "is not an amount"),
        ("three decimals", "Betrag", "100,001", "more decimals"),
        ("a fee of letters", "Gebühr", "drei", "is not an amount"),
        ("no type", "Buchungsart", "", "is empty"),
        ("no amount", "Betrag", "", "is empty"),
    ] {
        let content = table.with(2, column, &table.encoded(text)).bytes();
        form.reject(what, content, 2, column, reason);
    }
    // The trailers: a blank line 6, then a count, two sums and one over all.
    for (line, cell, text, said) in [
        (7, 1, "5", "trailer row `RECORD_COUNT`, line 7, says rows"),
        (8, 2, "74,71", "trailer row `TOTAL`, line 8, says gross"),
        (9, 2, "49,99", "trailer row `TOTAL`, line 9, says gross"),
        (10, 1, "124,71", "trailer row `CHECKSUM`, line 10, says gross"),
    ] {
        form.contradict(
            "a trailer",
            table.with_cell(line, cell, text.as_bytes()).bytes(),
            &[said],
        );
        let content = table.with_cell(line, cell, b"many").bytes();
        form.end(
            "a trailer of letters",
            content,
            line,
            &[&format!("cell {}: `many` is not", cell + 1)],
        );
        let content = table.with_cell(line, cell, b"\"1\"2").bytes();
        form.end("a trailer with a torn quote", content, line, &[]);
    }
    form.end(
        "a trailer of no currency",
        table.with_cell(8, 1, b"EURO").bytes(),
        8,
        &["cell 2: "],
    );
    form.end(
        "a trailer without its cell",
        table.with_less(7).bytes(),
        7,
        &["no cell 2"],
    );
    form.end(
        "a trailer less",
        table.without(10).bytes(),
        9,
        &["without its trailer row `CHECKSUM`"],
    );
    form.end(
        "a row after the trailers",
        table.with_line(11, "A-7;Verkauf").bytes(),
        11,
        &["a row after the trailer"],
    );
    form.contradict(
        "a line less",
        table.without(4).bytes(),
        &["RECORD_COUNT`, line 6", "TOTAL`, line 8", "CHECKSUM`, line 9"],
    );
    form
}

fn header_totals() -> Form {
    let right = fixture!("profiles/header-totals.csv").to_vec();
    let table = Table::of(&right, b',', 4, false);
    let mut form = Form::of("header-totals", Reading::Profile(profile("header-totals")), right);
    let cells = Cells {
        names: 4,
        sales: [5, 7],
        amount: "GROSS_AMOUNT",
        day: "CREATION_DATE",
        currency: "CURRENCY",
        reference: "EXTERNAL_ID",
        write_day: |year, month, day, time| format!("{year}-{month}-{day}T{time}Z"),
        strange_amount: "\"1,5\"",
        has_kinds: false,
        swallowed: None,
        is_latin1: false,
        table,
    };
    spoil_cells(&mut form, &cells);
    let table = &cells.table;
    form.reject_row("a blank line", table.with_line(6, "").bytes(), 6, "a blank line")
        .moved = (5, 1);
    form.spoiled.last_mut().expect("it").lost = vec![u64::MAX];
    form.reject(
        "seven decimals",
        table.with(5, "FEE_AMOUNT", b"-3.2049991").bytes(),
        5,
        "FEE_AMOUNT",
        "more decimals",
    );
    form.reject_row(
        "a millionth more",
        table.with(5, "NET_AMOUNT", b"96.795002").bytes(),
        5,
        "but net is",
    );
    form.reject(
        "no offset",
        table.with(7, "CREATION_DATE", b"2026-03-01T06:04:00").bytes(),
        7,
        "CREATION_DATE",
        "",
    );
    for (line, cell, said) in [
        (2, 4, "row 2 of the preamble says net"),
        (2, 3, "row 2 of the preamble says commission"),
        (3, 4, "row 3 of the preamble says net"),
    ] {
        form.contradict("a total", table.with_cell(line, cell, b"0.000001").bytes(), &[said]);
        let content = table.with_cell(line, cell, b"many").bytes();
        form.end(
            "a total of letters",
            content,
            line,
            &[&format!("cell {}: `many` is not an amount", cell + 1)],
        );
    }
    form.end(
        "a preamble alone",
        table.rows_from(1, 2),
        2,
        &["ends before its preamble"],
    );
    form.end(
        "no names of columns",
        table.rows_from(1, 3),
        3,
        &["ends before the names of its columns"],
    );
    form
}

// Rows of JSON ----------------------------------------------------------------------------------------------------------

/// An array as people write it: a field a line, so that an object begins some lines below the one before.
fn toss_text(rows: &[Value]) -> (Vec<u8>, Vec<usize>) {
    let mut text = "[\n".to_owned();
    let mut begin = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        text += if place > 0 { ",\n\n" } else { "" };
        begin.push(text.matches('\n').count() + 1);
        text += &serde_json::to_string_pretty(row).expect("JSON");
    }
    ((text + "\n]\n").into_bytes(), begin)
}

fn toss_json() -> Form {
    let rows: Vec<Value> = serde_json::from_slice(fixture!("quirks/toss-rows.json")).expect("rows");
    let (right, begin) = toss_text(&rows);
    let mut form = Form::of("toss-json", Reading::Format(Format::TossJson), right.clone());
    let spoiled = |row: usize, field: &str, value: Value| {
        let mut rows = rows.clone();
        rows[row][field] = value;
        toss_text(&rows)
    };
    // A value of several lines moves the row below it.
    let below = |begins: &[usize]| {
        let lines = i64::try_from(begins[1]).expect("a line") - i64::try_from(begin[1]).expect("a line");
        (number(begin[0]), lines)
    };
    let numbers: [(&str, Value, &str); 8] = [
        ("1e3", json!("1e3"), "is not an amount"),
        ("a number with a point", json!(9999.5), "amount"),
        ("true", json!(true), "amount"),
        ("an object", json!({"value": 5}), "amount"),
        ("a list", json!([10000]), "amount"),
        ("nothing", Value::Null, "is empty"),
        ("a blank", json!(" 5"), "is not an amount"),
        ("2^64", json!(u64::MAX), "is not an amount"),
    ];
    for (turn, (what, value, reason)) in numbers.into_iter().enumerate() {
        for field in ["amount", "supplyAmount", "payOutAmount"] {
            let (content, begins) = spoiled(turn % 2, field, value.clone());
            form.reject(&format!("{field}: {what}"), content, begins[turn % 2], field, reason)
                .moved = below(&begins);
        }
    }
    for (turn, (field, value)) in [
        ("currency", json!("krw")),
        ("currency", json!(410)),
        ("currency", Value::Null),
        ("soldDate", json!("2026-02-29")),
        ("soldDate", json!(20_260_301)),
        ("paidOutDate", json!("2025-03-04")),
        ("approvedAt", json!("2026-03-01 10:00")),
        ("orderId", json!(" order")),
        ("orderId", json!(5)),
        ("orderId", json!("or\u{0}der")),
        ("orderId", json!("4111111111111111")),
        ("paymentKey", json!("")),
        ("paymentKey", json!(["pk_1"])),
        ("method", json!({"card": 1})),
        ("cancel", json!("yes")),
        ("fees", json!("330")),
        ("fees", json!([{"type": "BASE"}])),
        ("fees", json!([{"type": "BASE", "fee": 330.5}])),
        ("interestFee", json!("1,5")),
        ("vat", json!("½")),
    ]
    .into_iter()
    .enumerate()
    {
        let (content, begins) = spoiled(turn % 2, field, value.clone());
        form.reject(&format!("{field}: {value}"), content, begins[turn % 2], field, "")
            .moved = below(&begins);
    }
    let (content, begins) = spoiled(1, "cancel", json!({"transactionKey": " tk_9"}));
    form.reject(
        "a blank in an object",
        content,
        begins[1],
        "cancel.transactionKey",
        "blank",
    );
    let text = String::from_utf8(right.clone()).expect("UTF-8");
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    let line_of = |text_of: &str| {
        let (before, _) = text.split_once(text_of).expect("a place");
        before.matches('\n').count() + 1
    };
    let twice = replaced("\"vat\": -15", "\"vat\": -15,\n\"vat\": -15");
    let said = format!("on line {}: duplicate field `vat`", line_of("\"vat\": -15") + 1);
    form.reject_row("a field twice", twice, begin[1], &said);
    let torn = replaced("\"vat\": -15", "\"vat\": -15 -15");
    let line = line_of("\"vat\": -15");
    form.reject_row("no JSON", torn, begin[1], &format!("on line {line}: "));
    let place = text.find("order-2").expect("a place");
    let not_text = [&right[..place], b"\xe9", &right[place..]].concat();
    form.reject_row("Latin-1", not_text, begin[1], "UTF-8");

    let ends = text.matches('\n').count();
    form.end("no array", replaced("[", "{"), 1, &["JSON array"]);
    form.end("UTF-16", [b"\xff\xfe", &right[..]].concat(), 1, &["JSON array"]);
    form.end(
        "half a byte order mark",
        [b"\xef\xbb", &right[..]].concat(),
        1,
        &["JSON array"],
    );
    form.add("a byte order mark", [b"\xef\xbb\xbf", &right[..]].concat(), Ends::Right);
    form.add("CRLF", text.replace('\n', "\r\n").into_bytes(), Ends::Right);
    form.end("no comma", replaced(",\n\n", "\n\n"), begin[1], &["no comma"]);
    form.end(
        "a row that is no object",
        replaced("\n]\n", ",\n5\n]\n"),
        ends,
        &["no object"],
    );
    form.end("two commas", replaced(",\n\n", ",\n,\n"), begin[1] - 1, &["no object"]);
    form.end(
        "text behind it",
        [&right[..], b"more"].concat(),
        ends + 1,
        &["after the end of the array"],
    );
    form.end("never closed", replaced("\n]\n", "\n"), ends, &["never closed"]);
    let cut = right[..place].to_vec();
    let last = text[..place].matches('\n').count() + 1;
    form.end(
        "cut off in a row",
        cut,
        last,
        &[&format!("the row that begins on line {} is cut off", begin[1])],
    );
    let deep = replaced("\"vat\": -15", &format!("\"x\": {}", "[".repeat(40)));
    let line = text.split("\"vat\": -15").next().expect("a head").matches('\n').count() + 1;
    form.end("forty levels", deep, line, &["levels deep"]);
    let long = replaced("order-2", &"x".repeat(1 << 20));
    form.end("a megabyte in a text", long, last, &["longer than"]);
    form
}

// Messages --------------------------------------------------------------------------------------------------------------

fn ipm(name: &'static str, right: &[u8], is_ebcdic: bool, is_blocked: bool) -> Form {
    let file = Clearing::of(right, is_ebcdic, is_blocked);
    assert_eq!(file.bytes(), right, "{name}: taken apart and put together");
    let mut form = Form::of(name, Reading::Format(Format::Ipm), right.to_vec());
    let text = |text: &str| file.text(text);
    // Sales of 100.00 EUR (record 2), of 50.00 GBP settled as 56.50 EUR at a rate and less a fee (4), of 12.345 KWD (6).
    for (record, element, bytes) in [
        (2, 4, "00000001000X"),
        (6, 4, "            "),
        (2, 12, "260230090102"),
        (6, 12, "260301250102"),
        (4, 12, "260301096002"),
        (2, 49, "999"),
        (6, 49, "97X"),
        (4, 50, "000"),
        (4, 9, "61230000"),
        (4, 9, "X1130000"),
        (2, 24, "999"),
        (8, 24, "200"),
        (2, 3, "990000"),
    ] {
        let content = file.with(record, element, Some(&text(bytes))).bytes();
        form.reject(
            &format!("DE{element} {bytes}"),
            content,
            record,
            &format!("DE{element}"),
            "",
        );
    }
    for element in [3, 4, 12, 24, 49] {
        let content = file.with(6, element, None).bytes();
        form.reject(
            &format!("no DE{element}"),
            content,
            6,
            &format!("DE{element}"),
            "is not there",
        );
    }
    let other = file
        .with(2, 5, Some(&text("000000010001")))
        .with(2, 50, Some(&text("978")));
    form.reject("two amounts of one currency", other.bytes(), 2, "DE5", "");
    for (record, from, to, at) in [
        (6, "01480044143", "01480044144", "DE4"),
        (4, "0148008826297820", "0148008826297820", ""),
        (2, "014800497820", "014800482620", "PDS0148"),
        (6, "01480044143", "0148004414X", "PDS0148"),
        (4, "01460360029019780", "01460360029099780", "PDS0146"),
        (4, "01460360029019780", "01460360077019780", "PDS0146"),
        (10, "0025007R260302", "0025007X260302", "PDS0025"),
        (3, "014800497820", "014899997820", "DE48"),
        (3, "014800497820", "0X4800497820", "DE48"),
    ] {
        let content = file.with_subelement(record, from, to).bytes();
        match at {
            "" => drop(form.add("nothing changed", content, Ends::Right)),
            _ => drop(form.reject(&format!("{from} for {to}"), content, record, at, "")),
        }
    }
    let nul = file
        .with(3, 31, Some(&[&text("1234567890")[..], &[0; 13]].concat()))
        .bytes();
    form.reject("NUL", nul, 3, "DE31", "control");
    let unknown = file.with(5, 8, Some(&text("00000000"))).bytes();
    form.reject("an element that nobody knows", unknown, 5, "DE8", "is not an element");
    let mut odd = file.clone();
    odd.messages[4].kind = text("1999");
    form.reject("a message that nobody knows", odd.bytes(), 5, "MTI", "1999");
    let mut odd = file.clone();
    odd.messages[12].kind = b"\x00\x01\x02\x03".to_vec();
    form.reject_row("no message", odd.bytes(), 13, "four digits");
    let mut more = file.clone();
    more.messages[5].rest = text("12345");
    form.reject_row(
        "bytes after the last element",
        more.bytes(),
        6,
        "5 bytes after its last data element",
    );

    let last = file.messages.len();
    let off = file.with(9, 71, Some(&text("00000010"))).bytes();
    form.end_record("a number too far", off, 9, &["DE71", "message 9"]);
    let mut gap = file.clone();
    gap.messages.remove(4);
    form.end_record(
        "a message less",
        gap.bytes(),
        5,
        &["DE71", "numbers the message 00000006"],
    );
    let mut headless = file.clone();
    headless.messages.remove(0);
    form.end_record("no header", headless.bytes(), 1, &["outside of header and trailer"]);
    let mut endless = file.clone();
    endless.messages.pop();
    form.end_record("no trailer", endless.bytes(), last, &["without a trailer"]);
    let mut twice = file.clone();
    twice.messages.insert(1, file.messages[0].clone());
    form.end_record("two headers", twice.bytes(), 2, &["a header before the trailer"]);
    form.end_record(
        "a test",
        file.with_subelement(1, "0122001P", "0122001T").bytes(),
        1,
        &["PDS0122"],
    );
    form.end_record(
        "another file's trailer",
        file.with_subelement(last, "00001234", "00009999").bytes(),
        last,
        &["PDS0105"],
    );
    form.end_record(
        "a sum of letters",
        file.with_subelement(last, "0000000000053235", "000000000005323X")
            .bytes(),
        last,
        &["PDS0301"],
    );
    form.contradict(
        "a sum",
        file.with_subelement(last, "0000000000053235", "0000000000053236")
            .bytes(),
        &["record 15 says amounts"],
    );
    form.contradict(
        "a count",
        file.with_subelement(last, "030600800000015", "030600800000016").bytes(),
        &["record 15 says messages"],
    );
    let records = file.records();
    for (what, length, said) in [
        ("a length of nothing", 5_u32, "is 5 bytes"),
        ("a length of too much", 60_000, "is 60000 bytes"),
    ] {
        let before = records[..4].concat();
        let stream = [&before[..], &length.to_be_bytes(), &records[4..].concat()].concat();
        form.end_record(what, file.laid_out(&stream), 5, &[said]);
    }
    let stream = [&records.concat()[..], b"more"].concat();
    form.end_record(
        "more behind the end",
        file.laid_out(&stream),
        last + 1,
        &["goes on after the mark of its end"],
    );
    // Cut anywhere in its last 200 bytes: the record is that to which the first missing byte belongs.
    for end in right.len() - 200..right.len() {
        let whole = if is_blocked { end / 1014 * 1012 } else { end };
        let mut ends = records.iter().scan(0, |sum, record| {
            *sum += record.len();
            Some(*sum)
        });
        let record = ends.position(|end| end > whole).expect("a record") + 1;
        form.end_record(&format!("cut after {end} bytes"), right[..end].to_vec(), record, &[]);
    }
    form
}

fn forms() -> Vec<Form> {
    vec![
        adyen(),
        stripe(),
        paypal(),
        checkout(),
        toss_csv(),
        toss_json(),
        count_and_sum(),
        header_totals(),
        ipm("ipm-ascii", fixture!("ipm/ascii.ipm"), false, false),
        ipm("ipm-ascii-blocked", fixture!("ipm/ascii-blocked.ipm"), false, true),
        ipm("ipm-ebcdic", fixture!("ipm/ebcdic.ipm"), true, false),
        ipm("ipm-ebcdic-blocked", fixture!("ipm/ebcdic-blocked.ipm"), true, true),
    ]
}

// What comes of them ----------------------------------------------------------------------------------------------------

/// What a reader makes of a file.
struct Came {
    lines: Vec<SettlementLine>,
    rejects: Vec<(u64, Option<String>, String)>,
    error: Option<String>,
    untrue: Vec<String>,
}

fn read(reading: &Reading, content: &[u8], beside: &[Vec<u8>]) -> Came {
    let mut came = Came {
        lines: Vec::new(),
        rejects: Vec::new(),
        error: None,
        untrue: Vec::new(),
    };
    let mut rest: Vec<Box<dyn Read + '_>> = Vec::new();
    for file in beside {
        rest.push(Box::new(&file[..]));
    }
    let mut rows = match reading.open(Box::new(content), rest) {
        Ok(rows) => rows,
        Err(error) => {
            came.error = Some(error.to_string());
            return came;
        }
    };
    for row in rows.by_ref() {
        match row {
            Ok(Row::Line(line)) => came.lines.push(line),
            Ok(Row::Reject(reject)) => came.rejects.push((reject.line, reject.column, reject.reason)),
            Err(error) => came.error = Some(error.to_string()),
        }
    }
    came.untrue = untrue(&rows.claims()).into_iter().map(|claim| claim.what).collect();
    came
}

/// Lines as far as no other row has a part in them: what a batch or a payout leaves is another where a row is missing.
fn of_rows(lines: &[SettlementLine]) -> Vec<SettlementLine> {
    let is_of_row = |line: &&SettlementLine| !matches!(line.record, RecordType::Rounding | RecordType::Payout);
    let mut lines: Vec<SettlementLine> = lines.iter().filter(is_of_row).cloned().collect();
    for line in &mut lines {
        line.ordinal = 0;
        // Of a breakdown, the file of payouts says it.
        line.paid_out_on = None;
    }
    lines.sort_by(|a, b| (a.line, &a.raw).cmp(&(b.line, &b.raw)));
    lines
}

/// The lines of the right file that a spoiled one has still, where they stand in it.
fn still(
    right: &[SettlementLine],
    spoiled: &Spoiled,
    rejects: &[(u64, Option<String>, String)],
) -> Vec<SettlementLine> {
    let is_lost = |line: &u64| match spoiled.lost[..] {
        [] => rejects.iter().any(|(rejected, ..)| rejected == line),
        _ => spoiled.lost.contains(line),
    };
    let mut lines = of_rows(right);
    lines.retain(|line| !is_lost(&line.line));
    let (from, by) = spoiled.moved;
    for line in &mut lines {
        line.line = line.line.saturating_add_signed(if line.line > from { by } else { 0 });
    }
    lines.sort_by(|a, b| (a.line, &a.raw).cmp(&(b.line, &b.raw)));
    lines
}

/// What is wrong with how a spoiled file ended, if anything is.
fn judge(form: &Form, right: &Came, spoiled: &Spoiled) -> Option<String> {
    let came = read(&form.reading, &spoiled.content, &spoiled.beside);
    let is_so = match &spoiled.ends {
        Ends::Right => {
            let lines = |lines: &[SettlementLine]| -> Vec<_> {
                let told = lines.iter().map(|line| {
                    (
                        line.ordinal,
                        line.record,
                        line.gross,
                        line.net,
                        line.raw.replace('\r', ""),
                    )
                });
                told.collect()
            };
            came.rejects.is_empty()
                && came.error.is_none()
                && came.untrue.is_empty()
                && lines(&came.lines) == lines(&right.lines)
        }
        Ends::Rejected(rejects) => {
            let all = rejects
                .iter()
                .zip(&came.rejects)
                .all(|(expected, came)| expected.0 == came.0 && expected.1 == came.1 && came.2.contains(&expected.2));
            all && rejects.len() == came.rejects.len()
                && came.error.is_none()
                && of_rows(&came.lines) == still(&right.lines, spoiled, rejects)
        }
        Ends::Ended(place, says) => came
            .error
            .as_ref()
            .is_some_and(|error| error.starts_with(place) && says.iter().all(|text| error.contains(text))),
        Ends::Untrue(says) => {
            let mut left = came.untrue.clone();
            let said = says.iter().all(|text| {
                let place = left.iter().position(|what| what.contains(text));
                place.map(|place| left.remove(place)).is_some()
            });
            said && left.is_empty() && came.rejects.is_empty() && came.error.is_none()
        }
    };
    let Came {
        lines,
        rejects,
        error,
        untrue,
    } = came;
    let told = format!("{} lines, {rejects:?}, {error:?}, {untrue:?}", lines.len());
    (!is_so).then(|| format!("{}, {}: {told}, not {:?}", form.name, spoiled.what, spoiled.ends))
}

#[test]
fn every_reader_names_line_and_column_of_what_is_wrong() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for form in forms() {
        let right = read(&form.reading, &form.right, &form.beside);
        assert_eq!(
            (&right.rejects, &right.error, &right.untrue),
            (&vec![], &None, &vec![]),
            "{}",
            form.name
        );
        assert!(right.lines.len() > 1, "{}", form.name);
        assert!(form.spoiled.len() >= 60, "{}: {} files", form.name, form.spoiled.len());
        count += form.spoiled.len();
        wrong.extend(form.spoiled.iter().filter_map(|spoiled| judge(&form, &right, spoiled)));
    }
    assert!(count > 1000, "{count} files");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// A file of text that is cut off somewhere in its last 200 bytes: it cannot be read, or is not what it says, or comes to lines of
/// the right file from the first one on, and says nothing of itself that would prove them. None is another line than it was.
#[test]
fn what_a_cut_leaves_is_never_another_line() {
    for form in forms().into_iter().filter(|form| !form.name.starts_with("ipm")) {
        let right = read(&form.reading, &form.right, &form.beside);
        for end in form.right.len() - 200..form.right.len() - 1 {
            let came = read(&form.reading, &form.right[..end], &form.beside);
            if came.error.is_some() || !came.rejects.is_empty() || !came.untrue.is_empty() {
                continue;
            }
            let told = |lines: &[SettlementLine]| -> Vec<_> {
                let told = |line: SettlementLine| (line.record, line.gross, line.net, line.acquirer_reference);
                of_rows(lines).into_iter().map(told).collect()
            };
            assert!(
                told(&right.lines).starts_with(&told(&came.lines)),
                "{}: cut after {end} bytes",
                form.name
            );
        }
    }
}

/// Through the program, which names the file too, and books nothing: the first file of each ending of each form.
#[tokio::test]
async fn the_program_names_the_file_and_books_nothing() {
    let desk = Desk::new().await;
    desk.write("settings.toml", format!("{HOUSE}{PROFILES}"));
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    let before = booked(&desk.state().await);
    for form in forms() {
        let is = |kind: fn(&Ends) -> bool| form.spoiled.iter().position(|spoiled| kind(&spoiled.ends));
        let places = [
            is(|ends| matches!(ends, Ends::Rejected(_))),
            is(|ends| matches!(ends, Ends::Ended(..))),
            is(|ends| matches!(ends, Ends::Untrue(_))),
        ];
        for place in places.into_iter().flatten() {
            let spoiled = &form.spoiled[place];
            let name = format!("{}-{place}.dat", form.name);
            desk.write(&name, &spoiled.content);
            let mut command = vec!["reconcile", &name, "--acquirer", "psp", "--file-format"];
            command.push(form.reading.name());
            let beside: Vec<String> = (0..spoiled.beside.len())
                .map(|place| format!("beside-{place}.csv"))
                .collect();
            for (name, content) in beside.iter().zip(&spoiled.beside) {
                desk.write(name, content);
                command.extend(["--with", name]);
            }
            command.push("--execute");
            let ran = desk.run(&command).exits(1);
            match &spoiled.ends {
                Ends::Right => panic!("{name}"),
                Ends::Rejected(rejects) => {
                    let (line, column, _) = &rejects[0];
                    let column = column.as_ref().expect("a column");
                    ran.says(&[
                        &format!("{name}: quarantined"),
                        &format!("line {line}, column {column}: "),
                    ]);
                }
                Ends::Ended(place, says) => {
                    let ran = ran.says(&[&name, place]);
                    ran.says(&says.iter().map(String::as_str).collect::<Vec<_>>());
                }
                Ends::Untrue(says) => {
                    let ran = ran.says(&[&format!("{name}: quarantined")]);
                    ran.says(&says.iter().map(String::as_str).collect::<Vec<_>>());
                }
            }
        }
    }
    // What cannot even be unpacked is told with its name, too.
    desk.write("cut.csv.gz", &b"\x1f\x8b\x08\0\0\0\0\0\0\0"[..]);
    desk.run(&["reconcile", "cut.csv.gz", "--acquirer", "psp", "--execute"])
        .exits(1)
        .says(&["cut.csv.gz"]);
    assert_eq!(booked(&desk.state().await), before);
    desk.is_sound().await;
}
