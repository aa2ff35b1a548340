//! Every reader, driven by any bytes: what `fuzz/` runs for long, and the suite over seeds and some mutations of them.
//!
//! A reader may refuse whatever it likes. What it is held to, whatever the bytes are:
//!
//! - it does not panic, go on after its end, or count rows that it did not hand out;
//! - the same bytes are the same rows, however they come: as a whole, or one at a time;
//! - lines have the ordinals 1, 2, 3 ... but for rejects, which use one up too; days, sums and counts are those of the lines;
//! - a line whose gross and net are in one currency is exact: gross = net + costs + tax + reserve;
//! - references are visible text, and nothing that is handed out holds a card number;
//! - cells of a record without a fault are those that another reader of RFC 4180 finds.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use acquit::acquirer::format::{Format, Reading};
use acquit::acquirer::mapping::Profile;
use acquit::acquirer::{ControlClaims, Row, SettlementLine};
use acquit::bank::format::Format as StatementFormat;
use acquit::bank::{Item, Reversals};
use acquit::card_number;
use acquit::delimited::{Dialect, Encoding, FileError, Records};
use acquit::ids::check_reference;
use acquit::packed::{Packing, gunzip, unzip};
use acquit::payment::reader::Events;
use acquit::settings::Settings;

/// Hands its bytes out one at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match (self.0.split_first(), buffer.first_mut()) {
            (Some((byte, rest)), Some(place)) => {
                *place = *byte;
                self.0 = rest;
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

/// A file of the settlement's, as a whole or byte by byte.
fn input(bytes: &[u8], trickles: bool) -> Box<dyn Read + '_> {
    match trickles {
        true => Box::new(Trickle(bytes)),
        false => Box::new(bytes),
    }
}

/// No text does; an amount may look like one.
#[track_caller]
fn holds_no_card_number(text: impl Display) {
    let text = text.to_string();
    assert!(!card_number::is_in(&text), "a card number in {text}");
}

/// What reads any bytes.
pub type Reads = fn(&[u8]);

/// The readers by the names of their seeds' folders.
#[allow(dead_code, reason = "each fuzz target runs one of them")]
pub const READERS: &[(&str, Reads)] = &[
    ("adyen", adyen),
    ("stripe", stripe),
    ("paypal", paypal),
    ("checkout", checkout),
    ("toss", toss),
    ("ipm", ipm),
    ("mapping", mapping),
    ("delimited", delimited),
    ("events", events),
    ("packed", packed),
    ("settings", settings),
    ("camt", camt),
    ("mt940", mt940),
    ("bai2", bai2),
];

/// The Adyen report.
pub fn adyen(bytes: &[u8]) {
    settlement(&Reading::Format(Format::Adyen), bytes);
}

/// Stripe's reports.
pub fn stripe(bytes: &[u8]) {
    settlement(&Reading::Format(Format::Stripe), bytes);
}

/// PayPal's report: in one file, and cut into two.
pub fn paypal(bytes: &[u8]) {
    let format = Reading::Format(Format::Paypal);
    settlement(&format, bytes);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    settlement_with(&format, first, &[second]);
}

/// Checkout.com's breakdown beside a file of payouts, as a file of payouts, and alone.
pub fn checkout(bytes: &[u8]) {
    const PAYOUTS: &[u8] = b"Payout ID,Payout Date,Payout Amount\nout_1,2026-03-04,96.80\n";
    let format = Reading::Format(Format::Checkout);
    settlement_with(&format, bytes, &[PAYOUTS]);
    settlement_with(&format, bytes, &[bytes]);
    settlement(&format, bytes);
}

/// Rows of Toss Payments, JSON and CSV.
pub fn toss(bytes: &[u8]) {
    settlement(&Reading::Format(Format::TossJson), bytes);
    settlement(&Reading::Format(Format::TossCsv), bytes);
}

/// IPM clearing files.
pub fn ipm(bytes: &[u8]) {
    settlement(&Reading::Format(Format::Ipm), bytes);
}

/// The profiles of the fixtures, by name and as they are detected.
pub fn mapping(bytes: &[u8]) {
    let profiles = profiles();
    for profile in &profiles {
        settlement(&Reading::Profile(Arc::clone(profile)), bytes);
    }
    if let Ok(reading) = Reading::detect(bytes, &profiles) {
        settlement(&reading, bytes);
    }
}

fn profiles() -> Vec<Arc<Profile>> {
    let house =
        "effective_from = \"2026-01-01\"\n[house]\nname = \"House\"\ntime_zone = \"UTC\"\nbank_account = \"main\"\n";
    let profiles = include_str!("../../../fixtures/formats/profiles/profiles.toml");
    Settings::parse(&format!("{house}{profiles}"))
        .expect("the fixture's settings")
        .profiles
}

/// Reads a settlement file to its end and holds the reader to what it promises.
fn settlement(reading: &Reading, bytes: &[u8]) {
    settlement_with(reading, bytes, &[]);
}

/// The same of a file and others that are given with it.
fn settlement_with(reading: &Reading, bytes: &[u8], rest: &[&[u8]]) {
    let whole = read(reading, bytes, rest, false);
    let trickled = read(reading, bytes, rest, true);
    assert_eq!(whole, trickled, "read whole, and byte by byte");
}

/// What came of a file.
#[derive(Debug, PartialEq)]
struct Came {
    rows: Vec<Row>,
    /// What ended it, where that is not its end.
    error: Option<String>,
    unknown: Vec<String>,
    claims: ControlClaims,
}

/// Reads once, by a reader that explains, or one byte by byte that does not.
fn read(reading: &Reading, bytes: &[u8], rest: &[&[u8]], trickles: bool) -> Result<Came, String> {
    let others = rest.iter().map(|bytes| input(bytes, trickles)).collect();
    let mut reader = match reading.open(input(bytes, trickles), others) {
        Ok(reader) => reader,
        Err(error) => {
            holds_no_card_number(&error);
            return Err(error.to_string());
        }
    };
    if !trickles {
        reader.explain();
    }
    let mut came = Came {
        rows: Vec::new(),
        error: None,
        unknown: reader.unknown_columns().to_vec(),
        claims: ControlClaims::default(),
    };
    came.unknown.iter().for_each(holds_no_card_number);
    let mut so_far = ControlClaims::default();
    while let Some(row) = reader.next() {
        assert!(came.error.is_none(), "a row after an error");
        match row {
            Ok(row) => {
                match &row {
                    Row::Line(line) => {
                        so_far.lines = so_far.lines.saturating_add(1);
                        so_far.latest_day = so_far.latest_day.max(Some(line.occurred_on));
                        hold(line);
                    }
                    Row::Reject(reject) => {
                        so_far.rejects = so_far.rejects.saturating_add(1);
                        holds_no_card_number(&reject.reason);
                        holds_no_card_number(reject.column.as_deref().unwrap_or_default());
                    }
                }
                came.rows.push(row);
            }
            Err(error) => {
                holds_no_card_number(&error);
                came.error = Some(error.to_string());
            }
        }
        for step in reader.steps() {
            holds_no_card_number(&step.raw);
            holds_no_card_number(&step.column);
        }
    }
    assert!(reader.next().is_none(), "a row after the end");
    came.claims = reader.claims().clone();
    for claim in &came.claims.claims {
        holds_no_card_number(&claim.what);
    }
    let said = (came.claims.lines, came.claims.rejects, came.claims.latest_day);
    assert_eq!(
        said,
        (so_far.lines, so_far.rejects, so_far.latest_day),
        "rows are counted"
    );
    ordinals(&came.rows);
    totals(&came);
    Ok(came)
}

/// Lines are numbered in their order, each once.
fn ordinals(rows: &[Row]) {
    let mut latest = 0;
    for (place, row) in (1_u64..).zip(rows) {
        if let Row::Line(line) = row {
            assert!(line.ordinal > latest, "ordinal {} after {latest}", line.ordinal);
            assert!(
                u64::from(line.ordinal) <= place,
                "ordinal {} of row {place}",
                line.ordinal
            );
            latest = line.ordinal;
        }
    }
}

/// What is said of batches is what their lines come to.
fn totals(came: &Came) {
    let mut nets: BTreeMap<(&str, _), i128> = BTreeMap::new();
    for row in &came.rows {
        if let Row::Line(line) = row {
            let net = nets.entry((&line.batch, line.net.currency())).or_default();
            *net = net.saturating_add(line.net.minor().into());
        }
    }
    for ((batch, currency), total) in &came.claims.totals {
        let sum = total.net_minor.saturating_add(total.payout_minor);
        assert_eq!(nets.get(&(batch.as_str(), *currency)), Some(&sum), "batch {batch}");
    }
}

/// Holds a line to what every line is.
fn hold(line: &SettlementLine) {
    for text in [&line.raw, &line.type_text, &line.batch] {
        holds_no_card_number(text);
    }
    let references = [
        &line.acquirer_reference,
        &line.original_reference,
        &line.merchant_reference,
        &line.arn,
        &line.rrn,
        &line.auth_code,
        &line.card,
        &line.dispute,
        &line.reason,
    ];
    for reference in references.into_iter().flatten() {
        assert_eq!(check_reference(reference), Ok(()), "{reference}");
    }
    let Some(gross) = line.gross.filter(|gross| gross.currency() == line.net.currency()) else {
        return;
    };
    // What another party settles states a gross that is none of the batch's.
    if line.type_text.to_ascii_lowercase().ends_with("externally") {
        return;
    }
    let parts = [
        line.net.minor(),
        line.commission,
        line.markup,
        line.scheme_fee,
        line.interchange,
        line.tax,
        line.reserve,
    ];
    let sum = parts
        .into_iter()
        .fold(0_i128, |sum, part| sum.saturating_add(part.into()));
    assert_eq!(i128::from(gross.minor()), sum, "gross is net and costs: {line:?}");
}

/// Cells, with every separator and encoding.
pub fn delimited(bytes: &[u8]) {
    for encoding in [Encoding::Utf8, Encoding::Latin1] {
        for separator in [b',', b';'] {
            let dialect = Dialect { separator, encoding };
            let whole = records(bytes, dialect);
            assert_eq!(whole, records(Trickle(bytes), dialect), "read whole, and byte by byte");
        }
    }
}

/// A record: its line, its cells, the text it came from, and what spoils it.
type Cut = (u64, Vec<String>, String, Option<(usize, &'static str)>);

/// Records to the end of the file or to an error, each held to what its grammar says.
fn records(input: impl Read, dialect: Dialect) -> (Vec<Cut>, Option<String>) {
    let mut all: Vec<Cut> = Vec::new();
    let mut records = match Records::open_as(input, dialect) {
        Ok(records) => records,
        Err(error) => return (all, Some(error.to_string())),
    };
    loop {
        match records.advance() {
            Ok(true) => {}
            Ok(false) => return (all, None),
            Err(error) => return (all, Some(error.to_string())),
        }
        let record = records.record();
        let cells: Vec<String> = (0..record.cells()).map(|place| record.cell(place).to_owned()).collect();
        let fault = record.fault().map(|fault| (fault.cell, fault.reason));
        let line = record.line();
        assert!(all.last().is_none_or(|before| before.0 < line), "lines ascend");
        if fault.is_none() {
            let strange = |c: char| c == '\u{feff}' || (c.is_control() && !matches!(c, '\r' | '\n'));
            assert!(
                !cells.iter().any(|cell| cell.contains(strange)),
                "{cells:?} without a fault"
            );
            assert_eq!(cells, cells_of(record.raw(), dialect.separator), "{:?}", record.raw());
        }
        all.push((line, cells, record.raw().to_owned(), fault));
    }
}

/// The cells of one record as another reader finds them.
fn cells_of(raw: &str, separator: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(raw.as_bytes());
    let mut records = reader.records();
    let cells = match records.next() {
        None => vec![String::new()],
        Some(record) => record.expect("cells").iter().map(str::to_owned).collect(),
    };
    assert!(records.next().is_none(), "two records in {raw:?}");
    cells
}

/// Events, JSON Lines and CSV.
pub fn events(bytes: &[u8]) {
    // Which form it is, is told by the first character that is no blank: so much comes at once.
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf);
    let head = bytes.iter().position(|byte| !is_blank(byte));
    let (head, rest) = bytes.split_at(head.map_or(bytes.len(), |place| place.saturating_add(1)));
    let trickle = BufReader::with_capacity(1, Trickle(rest));
    assert_eq!(
        events_of(bytes),
        events_of(head.chain(trickle)),
        "read whole, and byte by byte"
    );
}

fn events_of(input: impl BufRead) -> Result<Vec<Result<acquit::payment::reader::Line, String>>, String> {
    let events = Events::open(input).map_err(|error| {
        holds_no_card_number(&error);
        error.to_string()
    })?;
    let mut all: Vec<Result<acquit::payment::reader::Line, String>> = Vec::new();
    let mut latest = 0;
    for event in events {
        let Ok((line, event)) = event else {
            // A line that fails ends the file.
            all.push(event.map_err(|error| error.to_string()));
            break;
        };
        assert!(line > latest, "line {line} after line {latest}");
        latest = line;
        match &event {
            Ok(event) => {
                let named = [&event.merchant, &event.payment, &event.reference, &event.acquirer].map(Some);
                let told = [
                    &event.acquirer_reference,
                    &event.merchant_reference,
                    &event.arn,
                    &event.rrn,
                ];
                for reference in named.into_iter().chain(told.map(Option::as_ref)).flatten() {
                    assert_eq!(check_reference(reference), Ok(()), "{reference}");
                }
                assert!(event.money.minor() >= 0, "{event:?}");
                assert_eq!(event.difference(event), None, "an event is itself");
            }
            Err(malformed) => {
                holds_no_card_number(&malformed.reason);
                holds_no_card_number(malformed.reference.as_deref().unwrap_or_default());
            }
        }
        all.push(Ok((line, event)));
    }
    Ok(all)
}

/// gzip and zip, and whatever is in them.
pub fn packed(bytes: &[u8]) {
    let whole = unpacked(bytes, false);
    assert_eq!(whole, unpacked(bytes, true), "read whole, and byte by byte");
    if let Ok(content) = whole
        && let Ok(reading) = Reading::detect(&content, &[])
    {
        settlement(&reading, &content);
    }
}

/// The first megabyte of what is packed.
fn unpacked(bytes: &[u8], trickles: bool) -> Result<Vec<u8>, String> {
    let size = u64::try_from(bytes.len()).expect("a size");
    let read = |input: &mut dyn Read| -> Result<Vec<u8>, FileError> {
        let mut content = Vec::new();
        input.take(1 << 20).read_to_end(&mut content)?;
        Ok(content)
    };
    let content = match Packing::of(bytes) {
        Packing::Plain => read(&mut input(bytes, trickles)),
        Packing::Gzip => read(&mut gunzip(input(bytes, trickles), size)),
        Packing::Zip => unzip(Cursor::new(bytes), size, read),
    };
    content.map_err(|error| {
        holds_no_card_number(&error);
        error.to_string()
    })
}

/// Settings.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let read = Settings::parse(text);
    assert_eq!(read, Settings::parse(text), "read twice");
    if let Err(error) = read {
        let lines = text.lines().count().saturating_add(1);
        assert!(!error.findings.is_empty(), "refused without a finding");
        for finding in &error.findings {
            holds_no_card_number(finding);
            assert!((1..=lines).contains(&finding.line), "{finding} of {lines} lines");
        }
    }
}

/// Bank statements, camt: whatever the bank means by a reversal.
pub fn camt(bytes: &[u8]) {
    statements(StatementFormat::Camt, Reversals::AsBooked, bytes);
    statements(StatementFormat::Camt, Reversals::AsReversed, bytes);
}

/// Bank statements, MT940.
pub fn mt940(bytes: &[u8]) {
    statements(StatementFormat::Mt940, Reversals::AsBooked, bytes);
}

/// Bank statements, BAI2.
pub fn bai2(bytes: &[u8]) {
    statements(StatementFormat::Bai2, Reversals::AsBooked, bytes);
}

/// Reads a file of bank statements to its end and holds the reader to what it promises.
fn statements(format: StatementFormat, reversals: Reversals, bytes: &[u8]) {
    // What is found out of it is another matter; it must not fail either.
    let _ = StatementFormat::detect(bytes);
    let mut items = match format.open(bytes, reversals) {
        Ok(items) => items,
        Err(error) => {
            assert!(!card_number::is_in(&error.to_string()), "a card number in {error}");
            return;
        }
    };
    let mut open = None;
    let (mut statements, mut last_entry, mut rejects) = (0_u32, 0, 0_u64);
    // Σ of what is booked, what was read, and what was rejected of the open statement.
    let (mut booked, mut entries, mut of_statement) = (0_i128, 0_u64, 0_u64);
    while let Some(item) = items.next() {
        match item {
            Ok(Item::Statement(statement)) => {
                assert_eq!(open.replace(statement.ordinal), None, "a statement within a statement");
                statements = statements.saturating_add(1);
                assert_eq!(statement.ordinal, statements, "statements are numbered");
                (booked, entries, of_statement) = (0, 0, 0);
            }
            Ok(Item::Entry(entry)) => {
                assert_eq!(open, Some(entry.statement), "an entry outside of its statement");
                assert!(entry.ordinal > last_entry, "an ordinal comes twice");
                last_entry = entry.ordinal;
                entries = entries.saturating_add(1);
                if entry.status == acquit::bank::Status::Booked {
                    booked = booked.saturating_add(entry.money.minor().into());
                }
                let details = entry.details.iter();
                let texts = details.flat_map(|detail| [&detail.text, &detail.end_to_end_id, &detail.counterparty.name]);
                let own = [&entry.text, &entry.bank_reference, &entry.customer_reference];
                for text in texts.chain(own).flatten().chain([&entry.raw]) {
                    assert!(!card_number::is_in(text), "a card number in {text}");
                }
            }
            Ok(Item::Reject(reject)) => {
                rejects = rejects.saturating_add(1);
                of_statement = of_statement.saturating_add(open.is_some().into());
                assert!(reject.line > 0, "a reject is somewhere");
                assert!(
                    !card_number::is_in(&reject.reason),
                    "a card number in {}",
                    reject.reason
                );
            }
            Ok(Item::Closing(closing)) => {
                assert_eq!(
                    open.take(),
                    Some(closing.statement),
                    "a statement ends that has not begun"
                );
                assert_eq!(
                    (closing.entries, closing.rejects),
                    (entries, of_statement),
                    "what is read is counted"
                );
                assert_eq!(closing.booked_minor, booked, "what is booked is added up");
            }
            Err(error) => {
                assert!(!card_number::is_in(&error.to_string()), "a card number in {error}");
                assert!(items.next().is_none(), "an item after an error");
                return;
            }
        }
    }
    assert_eq!(open, None, "a statement does not end");
    let claims = items.claims();
    assert_eq!(
        (claims.statements, claims.rejects),
        (statements, rejects),
        "items are counted"
    );
}
