//! The hostile corpus: settlement files with one thing wrong, or strange and right all the same, through every reader and into the
//! books.
//!
//! A file ends in one of three ways: it is booked and books what the right file does; it cannot be read, and the whole database
//! stays as it was; or it is quarantined, and what is booked stays as it was. The file is named, and where there is a line it is
//! told, and the column. Here are files of Adyen, through the database; `forms` has those of every reader.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

mod forms;
pub mod messages;
mod table;

use std::error::Error;
use std::io::{Cursor, Read, Write};

use acquit::acquirer::format::{Format, Reading};
use acquit::packed::{Packing, gunzip, unzip};
use acquit::store::reconcile::{FileOutcome, Request, SettlementFile};
use acquit::store::settings::Deployment;
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::desk::Desk;
use crate::hostile::{booked, good_file, two_sales};
use crate::reconcile::{HEADER, SETTINGS};
use crate::support;
use crate::support::events::apply;
use crate::support::readers::READERS;

/// How a file ends.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// Booked, as the right file is.
    Booked,
    /// It cannot be read: part of the reason.
    Unread(&'static str),
    /// Read and quarantined whole: line and column of the first reject (`-` where it is of the whole row, nothing where no row is
    /// at fault), part of the reason.
    Quarantined(&'static str, &'static str),
}

use Ends::{Booked, Quarantined, Unread};

/// What is strange, the file, how it ends.
type Entry = (&'static str, Vec<u8>, Ends);

/// The first row of the right file.
const FIRST: &str = "psp,p1,2026-03-03 10:00:00,CET,Settled,A1,EUR,,100.00,,EUR,,98.90,,1.10,,,1,";

/// The right file with a text in its first row replaced.
fn row(from: &str, to: &str) -> Vec<u8> {
    assert!(FIRST.contains(from), "{from}");
    file(FIRST, &FIRST.replacen(from, to, 1))
}

/// The right file with a text in it replaced.
fn file(from: &str, to: &str) -> Vec<u8> {
    let good = good_file();
    assert!(good.contains(from), "{from}");
    good.replacen(from, to, 1).into_bytes()
}

/// The same with bytes that are no text.
fn bytes(from: &str, to: &[u8]) -> Vec<u8> {
    let good = good_file();
    let place = good.find(from).expect("a place");
    [&good.as_bytes()[..place], to, &good.as_bytes()[place + from.len()..]].concat()
}

fn utf16(big_endian: bool) -> Vec<u8> {
    let units = std::iter::once('\u{feff}').chain(good_file().chars().collect::<Vec<_>>());
    let units: Vec<u16> = units.map(|c| u16::try_from(u32::from(c)).expect("one unit")).collect();
    let bytes = |unit: u16| {
        if big_endian {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        }
    };
    units.into_iter().flat_map(bytes).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("packed");
    encoder.finish().expect("packed")
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .expect("a member");
        writer.write_all(content).expect("packed");
    }
    writer.finish().expect("packed").into_inner()
}

fn symlink() -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer
        .add_symlink("settlement.csv", "/etc/passwd", options)
        .expect("a link");
    writer.finish().expect("packed").into_inner()
}

/// The columns of every line in another order: the last one first.
fn reordered() -> Vec<u8> {
    let lines = good_file();
    let turned = lines
        .lines()
        .map(|line| line.split(',').rev().collect::<Vec<_>>().join(",") + "\n");
    turned.collect::<String>().into_bytes()
}

fn with_column(name: &str, cell: &str) -> Vec<u8> {
    let lines = good_file();
    let wide = lines.lines().enumerate().map(|(number, line)| {
        let cell = if number == 0 { name } else { cell };
        format!("{line},{cell}\n")
    });
    wide.collect::<String>().into_bytes()
}

/// Encodings, line ends, structure.
fn of_text() -> Vec<Entry> {
    let good = good_file();
    let lines: Vec<&str> = good.lines().collect();
    vec![
        ("empty", Vec::new(), Unread("line 1: the file is empty")),
        (
            "header only",
            format!("{HEADER}\n").into_bytes(),
            Unread("has no lines, and nothing in it says of which day it is"),
        ),
        ("no newline at the end", good.trim_end().into(), Booked),
        ("CR", good.replace('\n', "\r").into_bytes(), Booked),
        ("LF", good.clone().into_bytes(), Booked),
        ("CRLF", good.replace('\n', "\r\n").into_bytes(), Booked),
        ("mixed line ends", good.replacen('\n', "\r\n", 1).into_bytes(), Booked),
        ("a BOM", format!("\u{feff}{good}").into_bytes(), Booked),
        ("UTF-16LE", utf16(false), Unread("line 1: the file is in UTF-16")),
        ("UTF-16BE", utf16(true), Unread("line 1: the file is in UTF-16")),
        (
            "Latin-1",
            bytes("p1", b"p\xe91"),
            Quarantined("2 Merchant Reference", "UTF-8"),
        ),
        (
            "overlong",
            bytes("p1", b"p\xc0\xaf1"),
            Quarantined("2 Merchant Reference", "UTF-8"),
        ),
        (
            "surrogate",
            bytes("p1", b"p\xed\xa0\x801"),
            Quarantined("2 Merchant Reference", "UTF-8"),
        ),
        (
            "NUL at the start",
            [b"\0", good.as_bytes()].concat(),
            Unread("line 1: the name of column 1"),
        ),
        (
            "NUL in the middle",
            row("p1", "p\u{0}1"),
            Quarantined("2 Merchant Reference", "NUL"),
        ),
        (
            "NUL at the end",
            [good.as_bytes(), b"\0"].concat(),
            Quarantined("5 Psp Reference", "NUL"),
        ),
        (
            "a header twice",
            file("Psp Reference", "Merchant Reference"),
            Unread("more than one column `Merchant Reference`"),
        ),
        (
            "a header missing",
            file("Batch Number", "Batch"),
            Unread("no column `Batch Number`"),
        ),
        ("headers reordered", reordered(), Booked),
        ("an unknown header", with_column("Colour", "red"), Booked),
        (
            "trailing delimiters",
            row(FIRST, &format!("{FIRST},")),
            Quarantined("2 -", "has 20 cells"),
        ),
        ("\\.", file("psp,p1", "\\.\npsp,p1"), Quarantined("2 -", "has 1 cells")),
        (
            "a quote at the end",
            [good.as_bytes(), b"\""].concat(),
            Quarantined("5 Psp Reference", "opens a quote"),
        ),
        (
            "\"2\"x",
            row("A1", "\"A1\"x"),
            Quarantined("2 Modification Reference", "quote"),
        ),
        (
            "a newline in a cell",
            row("p1", "\"p\n1\""),
            Quarantined("2 Merchant Reference", "control"),
        ),
        (
            "a megabyte in a cell",
            row("p1", &"x".repeat(1 << 20)),
            Unread("line 2: "),
        ),
        (
            "100,000 columns",
            file(HEADER, &format!("{HEADER}{}", ",x".repeat(100_000))),
            Unread("line 1: "),
        ),
        (
            "a blank line",
            file("psp,p2", "\npsp,p2"),
            Quarantined("3 -", "a blank line"),
        ),
        (
            "a line twice",
            file(lines[1], &format!("{0}\n{0}", lines[1])),
            Quarantined("", "batch 1 pays 148.30 EUR"),
        ),
        (
            "a line less",
            file(&format!("{}\n", lines[1]), ""),
            Quarantined("", "batch 1 pays 148.30 EUR"),
        ),
        (
            "a total a unit more",
            file("148.30", "148.31"),
            Quarantined("", "pays 148.31 EUR, its lines add up to 148.30"),
        ),
        (
            "a total a unit less",
            file("148.30", "148.29"),
            Quarantined("", "pays 148.29 EUR, its lines add up to 148.30"),
        ),
        (
            "two trailers",
            file(lines[3], &format!("{0}\n{0}", lines[3])),
            Quarantined("", "pays 296.60 EUR"),
        ),
    ]
}

/// gzip and zip.
fn of_packing() -> Vec<Entry> {
    let good = good_file();
    let (head, tail) = good.split_at(good.len() / 2);
    let packed = gzip(good.as_bytes());
    let csv = ("settlement.csv", good.as_bytes());
    vec![
        (
            "gzip of two members",
            [gzip(head.as_bytes()), gzip(tail.as_bytes())].concat(),
            Booked,
        ),
        ("gzip cut off", packed[..packed.len() - 9].to_vec(), Unread("")),
        ("gzip with more behind it", [&packed[..], b"more"].concat(), Unread("")),
        ("a gzip bomb", gzip(&vec![b'0'; 64 << 20]), Unread("")),
        ("gzip in gzip", gzip(&packed), Unread("")),
        ("zip", zip(&[csv]), Booked),
        ("zip of two files", zip(&[csv, ("more.csv", b"more")]), Unread("zip")),
        (
            "zip out of its folder",
            zip(&[("../../settlement.csv", good.as_bytes())]),
            Unread("without a path"),
        ),
        ("zip of a link", symlink(), Unread("")),
    ]
}

/// Cells.
fn of_cells() -> Vec<Entry> {
    const GROSS: &str = "2 Gross Credit (GC)";
    let amount = |what: &'static str, text: &str, reason: &'static str| -> Entry {
        (what, row("100.00", text), Quarantined(GROSS, reason))
    };
    let day = |what: &'static str, text: &str, reason: &'static str| -> Entry {
        (
            what,
            row("2026-03-03 10:00:00", text),
            Quarantined("2 Creation Date", reason),
        )
    };
    let currency = |what: &'static str, text: &str| -> Entry {
        (
            what,
            row(",EUR,,100", &format!(",{text},,100")),
            Quarantined("2 Gross Currency", "is not an ISO 4217"),
        )
    };
    let reference =
        |what: &'static str, text: &str| -> Entry { (what, row("p1", text), Quarantined("2 Merchant Reference", "")) };
    vec![
        amount("-0", "-0", "is not an amount"),
        amount("+5", "+5", "is not an amount"),
        amount("1e3", "1e3", "is not an amount"),
        amount(" 5", " 5", "is not an amount"),
        amount("1,234.50", "\"1,234.50\"", "is not an amount"),
        amount("1.234,50", "\"1.234,50\"", "is not an amount"),
        amount("full-width digits", "１００", "is not an amount"),
        amount("2^63", "9223372036854775808", "too large"),
        amount("three decimals", "100.001", "more decimals than EUR allows"),
        amount("NaN", "NaN", "is not an amount"),
        amount("Infinity", "Infinity", "is not an amount"),
        ("an empty amount", row("100.00", ""), Quarantined("2 -", "")),
        currency("a currency and a blank", "EUR "),
        currency("a currency in small letters", "eur"),
        (
            "XXX",
            row(",EUR,,100", ",XXX,,100"),
            Quarantined("2 Gross Currency", "XXX"),
        ),
        day("0000-00-00", "0000-00-00 10:00:00", ""),
        day("29 February", "2026-02-29 10:00:00", ""),
        // The hour that a clock skips or repeats has its day all the same.
        (
            "the hour of a clock that is changed",
            row("2026-03-03 10:00:00", "2026-03-03 02:30:00"),
            Booked,
        ),
        day("a year of two digits", "26-03-03 10:00:00", ""),
        // Found by the acquirer's reference; ours is evidence.
        ("an id in another case", row("p1", "P1"), Booked),
        ("an id in NFC", row("p1", "p\u{e9}"), Booked),
        ("an id in NFD", row("p1", "pe\u{301}"), Booked),
        reference("an id with a blank behind it", "p1 "),
        ("=", row("p1", "=1+1"), Booked),
        ("+", row("p1", "+1"), Booked),
        ("-", row("p1", "-1"), Booked),
        ("@", row("p1", "@x"), Booked),
        reference("TAB", "\tp1"),
        reference("CR in a cell", "\"\rp1\""),
        reference("LF in a cell", "\"\np1\""),
    ]
}

fn corpus() -> Vec<Entry> {
    [of_text(), of_packing(), of_cells()].concat()
}

/// Every reader reads what it likes of it, and keeps what it promises.
fn read_by_all(content: &[u8]) {
    for (_, read) in READERS {
        read(content);
    }
    let _ = Reading::detect(content, &[]);
}

/// The reasons of an error, down to its cause.
fn reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A database on which both sales are recorded.
async fn recorded() -> String {
    let desk = two_sales().await;
    apply(&desk.database.store, SETTINGS).await;
    desk.database.url
}

/// A desk on a copy of such a database, and its settings.
async fn begun(recorded: &str) -> (Desk, Deployment) {
    let desk = Desk::on(support::store_on(support::copy_of(recorded).await).await);
    let deployment = desk.database.store.deployment().await.expect("a deployment");
    (desk, deployment)
}

async fn reconcile(
    desk: &Desk,
    deployment: &Deployment,
    name: &str,
    content: &[u8],
) -> Result<(FileOutcome, String), String> {
    let path = desk.write(name, content);
    // Who opens a file by its name tells it.
    let file = SettlementFile::open(&path).map_err(|error| format!("{name}: {}", reasons(&error)))?;
    let request = Request {
        file: &file,
        acquirer: "adyen",
        as_of: None,
        today: chrono::NaiveDate::MAX,
    };
    let done = desk.database.store.reconcile(deployment, &request, &|_| {}).await;
    let done = done.map_err(|error| reasons(&error))?;
    let first = done.rejected.first().map_or_else(String::new, |reject| {
        format!(
            "{} {}: {}",
            reject.line,
            reject.column.as_deref().unwrap_or("-"),
            reject.reason
        )
    });
    Ok((done.outcome, first))
}

#[tokio::test]
async fn every_hostile_file_ends_as_it_must() {
    let corpus = corpus();
    assert!(corpus.len() >= 60, "{} files", corpus.len());
    let recorded = recorded().await;
    let (right, deployment) = begun(&recorded).await;
    let done = reconcile(&right, &deployment, "right.csv", good_file().as_bytes()).await;
    assert_eq!(done.expect("read").0, FileOutcome::Booked);
    let right = right.balances().await;

    let (desk, deployment) = begun(&recorded).await;
    let mut wrong = Vec::new();
    for (number, (what, content, ends)) in corpus.iter().enumerate() {
        read_by_all(content);
        let name = format!("hostile-{number}.csv");
        if matches!(ends, Booked) {
            let (desk, deployment) = begun(&recorded).await;
            match reconcile(&desk, &deployment, &name, content).await {
                Ok((FileOutcome::Booked, _)) if desk.balances().await == right => {}
                other => wrong.push(format!("{what}: {other:?}")),
            }
            let url = desk.database.url.clone();
            drop(desk);
            support::drop_database(&url).await;
            continue;
        }
        let before = desk.state().await;
        let done = reconcile(&desk, &deployment, &name, content).await;
        let after = desk.state().await;
        match (ends, done) {
            (Unread(reason), Err(told)) if told.contains(reason) && told.contains(&name) && after == before => {}
            (Quarantined("", reason), Ok((FileOutcome::Quarantined { reason: told }, first)))
                if first.is_empty() && told.contains(reason) && booked(&after) == booked(&before) => {}
            (Quarantined(place, reason), Ok((FileOutcome::Quarantined { .. }, first)))
                if !place.is_empty()
                    && first.starts_with(&format!("{place}: "))
                    && first.contains(reason)
                    && booked(&after) == booked(&before) => {}
            (_, done) => wrong.push(format!("{what}: {done:?}, not {ends:?}, changed: {}", after != before)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    desk.is_sound().await;
}

/// A file that is cut off somewhere in its last 200 bytes is never booked, but where only its last line end is missing.
#[tokio::test]
async fn a_cut_in_the_last_bytes_is_noticed() {
    let (desk, deployment) = begun(&recorded().await).await;
    let good = good_file();
    let before = booked(&desk.state().await);
    for end in good.len() - 200..good.len() - 1 {
        let content = &good.as_bytes()[..end];
        // Every reader is held to cuts of its own files; of these, some are enough.
        if end % 16 == 0 {
            read_by_all(content);
        }
        let done = reconcile(&desk, &deployment, &format!("cut-{end}.csv"), content).await;
        let is_refused = matches!(done, Err(_) | Ok((FileOutcome::Quarantined { .. }, _)));
        assert!(is_refused, "cut after {end} bytes: {done:?}");
    }
    assert_eq!(booked(&desk.state().await), before);
}

/// A gigabyte without an end is given up at a limit, by whatever reads it.
#[test]
fn a_cell_of_a_gigabyte_is_given_up_early() {
    for format in Format::ALL {
        let mut given = 0_u64;
        let good = good_file();
        let head = match format {
            Format::TossJson => "[{\"paymentKey\":\"",
            Format::Paypal => "RH,x",
            Format::Adyen | Format::Stripe | Format::Ipm | Format::Checkout | Format::TossCsv => good.as_str(),
        };
        let endless = Counted {
            inner: Cursor::new(head.as_bytes().to_vec()).chain(std::io::repeat(b'x').take(1 << 30)),
            given: &mut given,
        };
        if let Ok(rows) = Reading::Format(*format).open(Box::new(endless), Vec::new()) {
            assert!(rows.last().is_none_or(|row| row.is_err()), "{format}");
        }
        assert!(given < 16 << 20, "{format} read {given} bytes");
    }
    // Packed as well: what it comes to is counted, not what it is.
    let bomb = gzip(&vec![b'x'; 64 << 20]);
    assert_eq!(Packing::of(&bomb), Packing::Gzip);
    let size = u64::try_from(bomb.len()).expect("a size");
    let read = gunzip(&bomb[..], size).read_to_end(&mut Vec::new());
    assert!(read.is_err(), "a bomb is let off");
    assert!(unzip(Cursor::new(&b"PK\x03\x04"[..]), 4, |_| Ok(())).is_err());
}

/// Counts what is read of it.
struct Counted<'a, R> {
    inner: R,
    given: &'a mut u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        *self.given += u64::try_from(count).expect("a count");
        Ok(count)
    }
}
