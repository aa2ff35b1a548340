//! Every reader, driven by any bytes: what `fuzz/` runs for long, and the suite over seeds and some mutations of them.
//!
//! A reader may refuse whatever it likes. It must not panic, go on after its end, count rows that it did not hand out, or let a
//! card number through.

use std::io::{Cursor, Read};
use std::sync::Arc;

use acquit::acquirer::Row;
use acquit::acquirer::format::{Format, Reading};
use acquit::acquirer::mapping::Profile;
use acquit::bank::format::Format as StatementFormat;
use acquit::bank::{Item, Reversals};
use acquit::card_number;
use acquit::delimited::{Dialect, Encoding, FileError, Records};
use acquit::packed::{Packing, gunzip, unzip};
use acquit::payment::reader::Events;
use acquit::settings::Settings;

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
    let mut others: Vec<Box<dyn Read + '_>> = Vec::new();
    for other in rest {
        others.push(Box::new(*other));
    }
    let Ok(mut reader) = reading.open(Box::new(bytes), others) else {
        return;
    };
    reader.explain();
    let (mut lines, mut rejects) = (0_u64, 0_u64);
    let mut ordinal = 0;
    let mut failed = false;
    while let Some(row) = reader.next() {
        assert!(!failed, "a row after an error");
        match row {
            Ok(Row::Line(line)) => {
                lines = lines.saturating_add(1);
                assert!(line.ordinal > ordinal, "an ordinal comes twice");
                ordinal = line.ordinal;
                assert!(!card_number::is_in(&line.raw), "a card number in {}", line.raw);
            }
            Ok(Row::Reject(reject)) => {
                rejects = rejects.saturating_add(1);
                assert!(
                    !card_number::is_in(&reject.reason),
                    "a card number in {}",
                    reject.reason
                );
            }
            Err(error) => {
                failed = true;
                assert!(!card_number::is_in(&error.to_string()), "a card number in {error}");
            }
        }
        for step in reader.steps() {
            assert!(!card_number::is_in(&step.raw), "a card number in {step:?}");
        }
    }
    let claims = reader.claims();
    assert_eq!((claims.lines, claims.rejects), (lines, rejects), "rows are counted");
    assert!(reader.next().is_none(), "a row after the end");
}

/// Cells, with every separator and encoding.
pub fn delimited(bytes: &[u8]) {
    for encoding in [Encoding::Utf8, Encoding::Latin1] {
        for separator in [b',', b';'] {
            let Ok(mut records) = Records::open_as(bytes, Dialect { separator, encoding }) else {
                continue;
            };
            while let Ok(true) = records.advance() {
                let record = records.record();
                for place in 0..record.cells() {
                    let cell = record.cell(place);
                    let fine = record.fault().is_some() || !cell.contains('\0');
                    assert!(fine, "a NUL in a record without a fault");
                }
            }
        }
    }
}

/// Events, JSON Lines and CSV.
pub fn events(bytes: &[u8]) {
    if let Ok(events) = Events::open(bytes) {
        // A line that fails ends the file.
        for event in events.map_while(Result::ok) {
            assert!(event.0 > 0, "lines are counted from 1");
        }
    }
}

/// gzip and zip, and whatever is in them.
pub fn packed(bytes: &[u8]) {
    let size = u64::try_from(bytes.len()).expect("a size");
    let mut content = Vec::new();
    let read = |input: &mut dyn Read, content: &mut Vec<u8>| -> Result<(), FileError> {
        input.take(1 << 20).read_to_end(content)?;
        Ok(())
    };
    let whole = match Packing::of(bytes) {
        Packing::Plain => read(&mut Cursor::new(bytes), &mut content),
        Packing::Gzip => read(&mut gunzip(bytes, size), &mut content),
        Packing::Zip => unzip(Cursor::new(bytes), size, |input| read(input, &mut content)),
    };
    if whole.is_ok()
        && let Ok(reading) = Reading::detect(&content, &[])
    {
        settlement(&reading, &content);
    }
}

/// Settings.
pub fn settings(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Err(error) = Settings::parse(text)
    {
        assert!(!card_number::is_in(&error.to_string()), "a card number in {error}");
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
