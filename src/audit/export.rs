//! Exports: CSV that a spreadsheet shows as it is and an importer reads back, JSON, and the manifest that goes with them.
//!
//! Both writers stream: a row goes out as it comes in, so a journal of any length is written in flat memory. Text is
//! neutralised ([`neutralised`], undone by [`restored`]); figures are written as they are, and a figure cell that does not
//! hold a number is treated as text. Card numbers are masked in every text but what must arrive whole: bank accounts, and the
//! references that hashes cover, in which no card number was ever let.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use sha2::{Digest, Sha256};

const DANGEROUS: [char; 9] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '\''];

/// A text cell that no spreadsheet runs as a formula: one that begins with `= + - @`, a tab, a line break or NUL gets a
/// leading apostrophe (OWASP ASVS 5.0, 1.2.10); card numbers are masked. So does one that begins with an apostrophe: the
/// first apostrophe of a cell is always ours.
pub fn neutralised(text: &str) -> Cow<'_, str> {
    harmless(crate::card_number::mask(text))
}

/// As [`neutralised`], but whole: for what must arrive as it is. A bank account may have the digits of a card number.
pub fn neutralised_whole(text: &str) -> Cow<'_, str> {
    harmless(Cow::Borrowed(text))
}

fn harmless(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(DANGEROUS) {
        Cow::Owned(format!("'{text}"))
    } else {
        text
    }
}

/// The text that was neutralised: what an importer makes of a text cell.
pub fn restored(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

/// Whether a text is a plain decimal number, like `-12.30`: digits, at most one point between them, a minus sign.
pub fn is_figure(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match unsigned.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(unsigned),
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Text: neutralised.
    Text,
    /// Text that must arrive as it is, like a bank account: neutralised, but digits are left even where they look like a card
    /// number's.
    Whole,
    /// Numbers, or nothing: never touched.
    Figure,
    /// A digest of ours in hex: never touched, even where some of its digits look like a card number.
    Digest,
}

impl CellKind {
    /// What a cell shows, with card numbers masked where they could be.
    pub fn shown(self, cell: &str) -> Cow<'_, str> {
        match self {
            Self::Whole => Cow::Borrowed(cell),
            Self::Figure if is_figure(cell) => Cow::Borrowed(cell),
            Self::Digest if is_hex(cell) => Cow::Borrowed(cell),
            Self::Text | Self::Figure | Self::Digest => crate::card_number::mask(cell),
        }
    }

    /// What a cell is in CSV.
    pub fn safe(self, cell: &str) -> Cow<'_, str> {
        match self {
            Self::Whole => neutralised_whole(cell),
            Self::Figure if is_figure(cell) => Cow::Borrowed(cell),
            Self::Digest if is_hex(cell) => Cow::Borrowed(cell),
            Self::Text | Self::Figure | Self::Digest => neutralised(cell),
        }
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

/// A column: its name (lower case, underscores) and kind.
pub type Column = (&'static str, CellKind);

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Rows, the header not counted.
    pub rows: u64,
    /// SHA-256 of every byte, in hex.
    pub sha256: String,
}

/// A CSV export: UTF-8, RFC 4180 quoting, line feeds, a header row.
pub struct CsvExport<W: Write> {
    csv: csv::Writer<Hashing<W>>,
    columns: Vec<Column>,
    rows: u64,
}

impl<W: Write> CsvExport<W> {
    /// Writes the header.
    pub fn new(out: W, columns: &[Column]) -> io::Result<Self> {
        let mut csv = csv::WriterBuilder::new().from_writer(Hashing {
            inner: out,
            digest: Sha256::new(),
        });
        csv.write_record(columns.iter().map(|(name, _)| name))?;
        Ok(Self {
            csv,
            columns: columns.to_vec(),
            rows: 0,
        })
    }

    /// Writes a row: as many cells as there are columns.
    pub fn row(&mut self, cells: &[String]) -> io::Result<()> {
        for (cell, (_, kind)) in cells.iter().zip(&self.columns) {
            self.csv.write_field(kind.safe(cell).as_bytes())?;
        }
        self.csv.write_record(None::<&[u8]>)?;
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    /// Flushes, and gives back the writer beneath with what was written.
    pub fn finish(self) -> io::Result<(W, Written)> {
        let mut hashing = self.csv.into_inner().map_err(csv::IntoInnerError::into_error)?;
        hashing.inner.flush()?;
        let written = Written {
            rows: self.rows,
            sha256: hex(&hashing.digest.finalize()),
        };
        Ok((hashing.inner, written))
    }
}

struct Hashing<W> {
    inner: W,
    digest: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A JSON export: an array of objects, every value a text.
pub struct JsonExport<W: Write> {
    out: W,
    columns: Vec<Column>,
    rows: u64,
}

impl<W: Write> JsonExport<W> {
    /// Opens the array.
    pub fn new(mut out: W, columns: &[Column]) -> io::Result<Self> {
        out.write_all(b"[")?;
        Ok(Self {
            out,
            columns: columns.to_vec(),
            rows: 0,
        })
    }

    /// Writes an object: as many cells as there are columns.
    pub fn row(&mut self, cells: &[String]) -> io::Result<()> {
        self.out.write_all(if self.rows == 0 { b"\n  {" } else { b",\n  {" })?;
        for (place, (cell, (name, kind))) in cells.iter().zip(&self.columns).enumerate() {
            if place > 0 {
                self.out.write_all(b", ")?;
            }
            serde_json::to_writer(&mut self.out, name)?;
            self.out.write_all(b": ")?;
            serde_json::to_writer(&mut self.out, &*kind.shown(cell))?;
        }
        self.out.write_all(b"}")?;
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    /// Closes the array.
    pub fn finish(mut self) -> io::Result<u64> {
        self.out.write_all(if self.rows == 0 { b"]\n" } else { b"\n]\n" })?;
        self.out.flush()?;
        Ok(self.rows)
    }
}

/// The sums of a report in one currency, in minor units. Texts, since a sum over books may pass 64 bits.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Total {
    /// Σ of the debit columns.
    pub debits_minor: String,
    /// Σ of the credit columns.
    pub credits_minor: String,
}

/// What a report file says about itself, for somebody who adds it up again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manifest {
    /// The report.
    pub report: String,
    /// Its file, beside the manifest.
    pub file: String,
    /// What it was asked for: merchant, days, file, cut-off; those that were given.
    pub filters: BTreeMap<String, String>,
    /// The last booking date it covers; none: everything booked.
    pub as_of: Option<String>,
    /// SHA-256 over the heads of all books, in the snapshot that the report was read from.
    pub books: String,
    /// Rows, the header not counted.
    pub rows: u64,
    /// By currency.
    pub totals: BTreeMap<String, Total>,
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    /// How much of what it proves is not proven; none of a report that proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<u64>,
}

/// The manifests of all reports in a directory: the content of `manifest.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manifests {
    /// By report.
    pub reports: BTreeMap<String, Manifest>,
}

/// Running sums by currency. They are 128-bit: books of 64-bit turnovers are added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<String, (i128, i128)>);

impl Totals {
    /// Adds a row's debit and credit.
    pub fn add(&mut self, currency: &str, debits: i128, credits: i128) {
        let total = self.0.entry(currency.to_owned()).or_default();
        // 64-bit amounts: 2^63 rows of the largest of them still fit.
        total.0 = total.0.saturating_add(debits);
        total.1 = total.1.saturating_add(credits);
    }

    /// By currency: debits and credits.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i128, i128)> {
        self.0
            .iter()
            .map(|(currency, (debits, credits))| (currency.as_str(), *debits, *credits))
    }

    /// As a manifest has them.
    pub fn stated(&self) -> BTreeMap<String, Total> {
        self.iter()
            .map(|(currency, debits, credits)| {
                let total = Total {
                    debits_minor: debits.to_string(),
                    credits_minor: credits.to_string(),
                };
                (currency.to_owned(), total)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn export(columns: &[Column], rows: &[Vec<String>]) -> (Vec<u8>, Written) {
        let mut out = CsvExport::new(Vec::new(), columns).expect("a header");
        for row in rows {
            out.row(row).expect("a row");
        }
        out.finish().expect("an end")
    }

    fn import(bytes: &[u8], columns: &[Column]) -> Vec<Vec<String>> {
        let mut reader = csv::Reader::from_reader(bytes);
        assert_eq!(
            reader.headers().expect("a header").iter().collect::<Vec<_>>(),
            columns.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        );
        reader
            .records()
            .map(|record| {
                let record = record.expect("a record");
                record
                    .iter()
                    .zip(columns)
                    .map(|(cell, (_, kind))| match kind {
                        CellKind::Figure if is_figure(cell) => cell.to_owned(),
                        CellKind::Figure | CellKind::Text | CellKind::Whole | CellKind::Digest => {
                            restored(cell).to_owned()
                        }
                    })
                    .collect()
            })
            .collect()
    }

    const COLUMNS: &[Column] = &[
        ("name", CellKind::Text),
        ("amount", CellKind::Figure),
        ("note", CellKind::Text),
    ];

    fn hostile_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[=+@\t\r\n\0'\",; -]{0,3}[a-z0-9,\"'\r\n]{0,6}",
            "[0-9]{1,18}",
        ]
    }

    proptest! {
        #[test]
        fn what_is_exported_is_imported_again(
            rows in prop::collection::vec((hostile_text(), any::<i64>(), hostile_text()), 0..8)
        ) {
            let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, amount, note)| vec![name, amount.to_string(), note]).collect();
            let (bytes, written) = export(COLUMNS, &rows);
            let expected: Vec<Vec<String>> = rows
                .iter()
                .map(|row| vec![
                    crate::card_number::mask(&row[0]).into_owned(),
                    row[1].clone(),
                    crate::card_number::mask(&row[2]).into_owned(),
                ])
                .collect();
            prop_assert_eq!(import(&bytes, COLUMNS), expected);
            prop_assert_eq!(written.rows, u64::try_from(rows.len()).expect("a count"));
            prop_assert_eq!(written.sha256, hex(&Sha256::digest(&bytes)));
        }

        #[test]
        fn no_text_cell_begins_like_a_formula(text in hostile_text()) {
            let cell = neutralised(&text);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']));
            let masked = crate::card_number::mask(&text);
            prop_assert_eq!(restored(&cell), &*masked);
        }
    }

    #[test]
    fn figures_are_never_touched_and_nothing_else_passes_as_one() {
        for figure in ["-12.34", "0", "1200", "-0.005", "00001004"] {
            assert!(is_figure(figure), "{figure}");
        }
        for text in [
            "", "-", "+1", "1e3", "1.", ".5", "=1+1", "1,000", "-1-1", "--1", "1.2.3", "１２",
        ] {
            assert!(!is_figure(text), "{text}");
        }
        let rows = vec![vec![
            "-1".to_owned(),
            "-12.34".to_owned(),
            "4111111111111111".to_owned(),
        ]];
        let (bytes, _) = export(COLUMNS, &rows);
        assert_eq!(
            String::from_utf8(bytes).expect("text"),
            "name,amount,note\n'-1,-12.34,411111******1111\n"
        );
        let rows = vec![vec![
            String::new(),
            "=cmd|'/c calc'!A1".to_owned(),
            "\"x\",\r\n".to_owned(),
        ]];
        let (bytes, _) = export(COLUMNS, &rows);
        assert_eq!(
            String::from_utf8(bytes).expect("text"),
            "name,amount,note\n,'=cmd|'/c calc'!A1,\"\"\"x\"\",\r\n\"\n"
        );
    }

    #[test]
    fn a_digest_or_amount_is_never_taken_for_a_card_number() {
        let digits = "4111111111111111";
        for kind in [CellKind::Figure, CellKind::Digest] {
            assert_eq!((kind.shown(digits), kind.safe(digits)), (digits.into(), digits.into()));
            assert_eq!(kind.shown("x 4111111111111111"), "x 411111******1111");
            assert_eq!(kind.safe("=x"), "'=x");
        }
        assert_eq!(CellKind::Text.shown(digits), "411111******1111");
        assert_eq!(CellKind::Whole.shown(digits), digits);
        assert_eq!(CellKind::Whole.safe(digits), digits);
        assert_eq!(CellKind::Whole.safe("=x"), "'=x");
    }

    #[test]
    fn json_is_an_array_of_texts() {
        let json = |rows: &[Vec<String>]| {
            let mut bytes = Vec::new();
            let mut out = JsonExport::new(&mut bytes, COLUMNS).expect("a start");
            for row in rows {
                out.row(row).expect("a row");
            }
            out.finish().expect("an end");
            serde_json::from_slice::<serde_json::Value>(&bytes).expect("JSON")
        };
        assert_eq!(json(&[]), serde_json::json!([]));
        let row = vec!["=\"\n".to_owned(), "-1.00".to_owned(), "4111111111111111".to_owned()];
        assert_eq!(
            json(&[row.clone(), row]),
            serde_json::json!([
                {"name": "=\"\n", "amount": "-1.00", "note": "411111******1111"},
                {"name": "=\"\n", "amount": "-1.00", "note": "411111******1111"},
            ])
        );
    }

    #[test]
    fn sums_pass_64_bits() {
        let mut totals = Totals::default();
        totals.add("EUR", i128::from(i64::MAX), 0);
        totals.add("EUR", i128::from(i64::MAX), 5);
        assert_eq!(totals.stated()["EUR"].debits_minor, "18446744073709551614");
    }
}
