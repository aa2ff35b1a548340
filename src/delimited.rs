//! Comma-separated text, byte by byte: what every CSV format is read through, with commas or another separator.
//!
//! [`Records`] cuts an `impl Read` into records and cells by RFC 4180, strictly: what that grammar has no meaning for is a
//! [`Fault`] of its record, never guessed at and never repaired. Limits are counted on the bytes as they come, before
//! anything is kept of them, so a quote that is never closed costs [`RECORD_LIMIT`] bytes of memory and no more.
//!
//! Phases: a byte order mark is judged once ([`Records::open`]); then each [`Records::advance`] reads one record into
//! buffers that are used again for the next. A broken limit or a failing read is a [`FileError`] and ends the file; a fault
//! spoils its record only. CR, LF and CRLF end a record, a missing one at the end of the file is no fault; a record without
//! any byte is handed on as one empty cell, for the format to judge.
//!
//! Invariants: cells of a record without a fault are UTF-8 without control characters, byte order marks or halves of a quote;
//! the one exception is a line break inside a quoted cell, which RFC 4180 allows.

use std::io::Read;
use std::ops::Range;

/// The longest record, in bytes, its line breaks included.
pub const RECORD_LIMIT: usize = 1_000_000;
/// The most cells of a record.
pub const CELL_LIMIT: usize = 1_000;
/// The most records of a file below its header.
pub const ROW_LIMIT: u64 = 10_000_000;
/// The most lines of a file: more than its records where cells hold line breaks.
pub const LINE_LIMIT: u64 = 100_000_000;
/// The largest file, in bytes.
pub const FILE_LIMIT: u64 = 4_000_000_000;

/// The limits of one reading; tests set smaller ones.
#[derive(Debug, Clone, Copy)]
struct Limits {
    record: usize,
    cells: usize,
    rows: u64,
    lines: u64,
    file: u64,
}

const LIMITS: Limits = Limits {
    record: RECORD_LIMIT,
    cells: CELL_LIMIT,
    rows: ROW_LIMIT,
    lines: LINE_LIMIT,
    file: FILE_LIMIT,
};

/// How the text of a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1: every byte is a character.
    #[serde(rename = "latin-1")]
    Latin1,
}

/// What separates cells, and how text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// One ASCII character, neither a quote nor a line break.
    pub separator: u8,
    /// The encoding of the whole file.
    pub encoding: Encoding,
}

impl Default for Dialect {
    /// RFC 4180: commas and UTF-8.
    fn default() -> Self {
        Self {
            separator: b',',
            encoding: Encoding::Utf8,
        }
    }
}

/// Why a file is not read at all: it is not what it should be, or breaks a limit. Nothing of it is used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file system failed.
    #[error("reading the file failed")]
    Io(#[from] std::io::Error),
    /// Not of this format: a column missing or twice, an unknown encoding, no header.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line of the file.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// The same of a file that is cut into records and not into lines.
    #[error("record {record}: {reason}")]
    Damaged {
        /// The record of the file, the first being 1.
        record: u64,
        /// What is wrong.
        reason: String,
    },
}

const CHUNK: usize = 64 * 1024;

/// What spoils a record: the cell it is in, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The cell, counted from 0.
    pub cell: usize,
    /// What is wrong, to stand after the name of the cell.
    pub reason: &'static str,
}

/// Where in the grammar the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first byte of a cell.
    Start,
    /// In a cell without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote that closes the cell, or is the first of a doubled one.
    Closed,
}

/// A record while it is cut: its bytes as they came, its cells without quotes, and where it stands.
struct Cut {
    raw: Vec<u8>,
    content: Vec<u8>,
    /// From here on, bytes of the buffer are its own that `raw` does not have yet.
    from: usize,
    place: Place,
}

/// One record: its cells, and the bytes they came from.
#[derive(Debug)]
pub struct Record {
    line: u64,
    /// The bytes as they came, without the line break that ends them; empty where they are not UTF-8.
    raw: String,
    /// The cells one after the other, quotes resolved; empty where they are not UTF-8.
    content: String,
    ends: Vec<usize>,
    fault: Option<Fault>,
}

impl Record {
    /// The line of the file on which it begins, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The record as it came, without the line break at its end; in UTF-8, whatever the file is in.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// How many cells it has: at least one.
    pub fn cells(&self) -> usize {
        self.ends.len()
    }

    /// A cell by its place from 0, quotes resolved; empty where there is none, or the record is not UTF-8.
    pub fn cell(&self, place: usize) -> &str {
        self.content.get(self.range(place)).unwrap_or_default()
    }

    /// Why it must not be used: the first fault in it.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether there is nothing on its line at all.
    pub fn is_blank(&self) -> bool {
        self.fault.is_none() && self.raw.is_empty()
    }

    fn range(&self, place: usize) -> Range<usize> {
        let start = place
            .checked_sub(1)
            .and_then(|before| self.ends.get(before).copied())
            .unwrap_or(0);
        start..self.ends.get(place).copied().unwrap_or(start)
    }

    fn blame(&mut self, reason: &'static str) {
        let cell = self.ends.len();
        self.fault.get_or_insert(Fault { cell, reason });
    }

    /// Takes over the bytes of a whole record: encoding and characters are judged here, once for all cells.
    fn settle(&mut self, raw: Vec<u8>, content: Vec<u8>, encoding: Encoding) {
        let (raw, content) = match encoding {
            Encoding::Latin1 if !raw.is_ascii() => {
                let content = self.widen(&content);
                (latin1(&raw).into_bytes(), content)
            }
            Encoding::Latin1 | Encoding::Utf8 => (raw, content),
        };
        let clean = raw.iter().all(|byte| (b' '..0x7f).contains(byte));
        // Cells are judged alone: two invalid halves could otherwise meet at a border and look valid.
        let bad = (0..self.cells()).find_map(|place| {
            let cell = content.get(self.range(place)).unwrap_or_default();
            let reason = if clean { None } else { bad_characters(cell) };
            reason.map(|reason| Fault { cell: place, reason })
        });
        if self.fault.is_none() {
            self.fault = bad;
        }
        self.raw = String::from_utf8(raw).unwrap_or_default();
        self.content = String::from_utf8(content).unwrap_or_default();
    }
}

impl Record {
    /// The cells of ISO 8859-1 in UTF-8; where they end moves.
    fn widen(&mut self, content: &[u8]) -> Vec<u8> {
        let mut wide = String::with_capacity(content.len());
        let mut from = 0;
        for end in &mut self.ends {
            wide.push_str(&latin1(content.get(from..*end).unwrap_or_default()));
            from = *end;
            *end = wide.len();
        }
        wide.into_bytes()
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn bad_characters(cell: &[u8]) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(cell) else {
        return Some("is not valid UTF-8");
    };
    text.chars().find_map(|c| match c {
        '\n' | '\r' => None,
        '\0' => Some("holds a NUL character"),
        '\u{feff}' => Some("holds a byte order mark"),
        c if c.is_control() => Some("holds a control character"),
        _ => None,
    })
}

/// The records of a file, one at a time.
#[derive(Debug)]
pub struct Records<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    bytes: u64,
    records: u64,
    /// The line of the next byte.
    line: u64,
    /// The last byte was the CR that ended a line: an LF now belongs to it.
    after_cr: bool,
    record: Record,
    dialect: Dialect,
    limits: Limits,
}

impl<R: Read> Records<R> {
    /// Begins a file: skips a UTF-8 byte order mark.
    ///
    /// Errors: a byte order mark of another encoding, a failing read.
    pub fn open(input: R) -> Result<Self, FileError> {
        Self::open_as(input, Dialect::default())
    }

    /// As [`Records::open`], of a file with another separator or encoding.
    pub fn open_as(input: R, dialect: Dialect) -> Result<Self, FileError> {
        Self::open_within(input, dialect, LIMITS)
    }

    fn open_within(input: R, dialect: Dialect, limits: Limits) -> Result<Self, FileError> {
        let mut records = Self {
            input,
            buffer: vec![0; CHUNK],
            at: 0,
            filled: 0,
            bytes: 0,
            records: 0,
            line: 1,
            after_cr: false,
            record: Record {
                line: 1,
                raw: String::new(),
                content: String::new(),
                ends: Vec::new(),
                fault: None,
            },
            dialect,
            limits,
        };
        while records.filled < 4 && records.read_more()? {}
        match records.buffer.get(..records.filled).unwrap_or_default() {
            [0xef, 0xbb, 0xbf, ..] if dialect.encoding != Encoding::Utf8 => {
                return Err(malformed(
                    1,
                    "the file is in UTF-8; it must be in ISO 8859-1".to_owned(),
                ));
            }
            [0xef, 0xbb, 0xbf, ..] => records.at = 3,
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(other_encoding("UTF-32")),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(other_encoding("UTF-16")),
            [0x1f, 0x8b, ..] => return Err(malformed(1, "it is compressed (gzip); unpack it first".to_owned())),
            [b'P', b'K', 3, 4, ..] => {
                return Err(malformed(1, "it is compressed (zip); unpack it first".to_owned()));
            }
            _ => {}
        }
        Ok(records)
    }

    /// What it reads from.
    pub fn input(&self) -> &R {
        &self.input
    }

    /// The record that the last [`Records::advance`] read.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Reads the next record; false at the end of the file.
    ///
    /// Errors: a broken limit, a failing read. Nothing more is to be read after one.
    pub fn advance(&mut self) -> Result<bool, FileError> {
        if !self.begin()? {
            return Ok(false);
        }
        let mut cut = Cut {
            raw: std::mem::take(&mut self.record.raw).into_bytes(),
            content: std::mem::take(&mut self.record.content).into_bytes(),
            from: self.at,
            place: Place::Start,
        };
        cut.raw.clear();
        cut.content.clear();
        loop {
            if self.at == self.filled {
                cut.raw
                    .extend_from_slice(self.buffer.get(cut.from..self.at).unwrap_or_default());
                cut.from = 0;
                if !self.refill()? {
                    break;
                }
            }
            self.take_run(&mut cut)?;
            if self.at < self.filled && self.take_special(&mut cut)? {
                break;
            }
        }
        if cut.place == Place::Quoted {
            self.record.blame("opens a quote that is never closed");
        }
        self.end_cell(cut.content.len())?;
        self.record.settle(cut.raw, cut.content, self.dialect.encoding);
        Ok(true)
    }

    /// Takes the bytes that mean only themselves, as far as they are read.
    fn take_run(&mut self, cut: &mut Cut) -> Result<(), FileError> {
        let rest = self.buffer.get(self.at..self.filled).unwrap_or_default();
        let separator = self.dialect.separator;
        let length = rest
            .iter()
            .position(|byte| *byte == separator || matches!(byte, b'"' | b'\n' | b'\r'))
            .unwrap_or(rest.len());
        // The special byte that may follow counts too: what is kept never exceeds the limit.
        let limit = self.limits.record;
        let taken = cut.raw.len().saturating_add(self.at.saturating_sub(cut.from));
        if taken.saturating_add(length) >= limit {
            let reason = format!("the row is longer than {limit} bytes; is a quote opened and never closed?");
            return Err(malformed(self.record.line, reason));
        }
        if length == 0 {
            return Ok(());
        }
        cut.content.extend_from_slice(rest.get(..length).unwrap_or_default());
        self.at = self.at.saturating_add(length);
        self.after_cr = false;
        if cut.place == Place::Closed {
            self.record.blame("has text after its closing quote");
        }
        if cut.place != Place::Quoted {
            cut.place = Place::Plain;
        }
        Ok(())
    }

    /// Takes one separator, quote, CR or LF; true where it ends the record.
    fn take_special(&mut self, cut: &mut Cut) -> Result<bool, FileError> {
        let Some(&byte) = self.buffer.get(self.at) else {
            return Ok(false);
        };
        if cut.place != Place::Quoted && matches!(byte, b'\n' | b'\r') {
            cut.raw
                .extend_from_slice(self.buffer.get(cut.from..self.at).unwrap_or_default());
        }
        self.at = self.at.saturating_add(1);
        self.count_line(byte);
        match (cut.place, byte) {
            (Place::Start | Place::Plain | Place::Closed, b'\n' | b'\r') => return Ok(true),
            (Place::Quoted, b'"') => cut.place = Place::Closed,
            (Place::Start, b'"') => cut.place = Place::Quoted,
            (Place::Closed, b'"') => {
                cut.content.push(byte);
                cut.place = Place::Quoted;
            }
            (Place::Plain, b'"') => {
                cut.content.push(byte);
                self.record.blame("has a quote inside, but does not begin with one");
            }
            (Place::Quoted, _) => cut.content.push(byte),
            (Place::Start | Place::Plain | Place::Closed, _) => {
                self.end_cell(cut.content.len())?;
                cut.place = Place::Start;
            }
        }
        Ok(false)
    }

    /// Prepares for a record; false where none begins.
    fn begin(&mut self) -> Result<bool, FileError> {
        if self.at == self.filled && !self.refill()? {
            return Ok(false);
        }
        if self.after_cr && self.buffer.get(self.at) == Some(&b'\n') {
            self.at = self.at.saturating_add(1);
            self.after_cr = false;
            if self.at == self.filled && !self.refill()? {
                return Ok(false);
            }
        }
        self.after_cr = false;
        let Limits { rows, lines, .. } = self.limits;
        if self.records > rows {
            return Err(malformed(self.line, format!("the file has more than {rows} rows")));
        }
        if self.line > lines {
            return Err(malformed(self.line, format!("the file has more than {lines} lines")));
        }
        self.records = self.records.saturating_add(1);
        self.record.line = self.line;
        self.record.ends.clear();
        self.record.fault = None;
        Ok(true)
    }

    fn end_cell(&mut self, end: usize) -> Result<(), FileError> {
        let limit = self.limits.cells;
        if self.record.ends.len() >= limit {
            return Err(malformed(
                self.record.line,
                format!("the row has more than {limit} cells"),
            ));
        }
        self.record.ends.push(end);
        Ok(())
    }

    /// Counts a byte that may break a line: CRLF is one break, and its CR counts.
    fn count_line(&mut self, byte: u8) {
        match byte {
            b'\r' => {
                self.line = self.line.saturating_add(1);
                self.after_cr = true;
            }
            b'\n' if !self.after_cr => self.line = self.line.saturating_add(1),
            _ => self.after_cr = false,
        }
    }

    fn refill(&mut self) -> Result<bool, FileError> {
        self.at = 0;
        self.filled = 0;
        self.read_more()
    }

    /// Reads behind what is there; false at the end of the file.
    fn read_more(&mut self) -> Result<bool, FileError> {
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let count = loop {
            match self.input.read(free) {
                Ok(count) => break count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::Io(error)),
            }
        };
        self.filled = self.filled.saturating_add(count);
        self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        let limit = self.limits.file;
        if self.bytes > limit {
            return Err(malformed(self.line, format!("the file is larger than {limit} bytes")));
        }
        Ok(count > 0)
    }
}

fn other_encoding(name: &str) -> FileError {
    malformed(1, format!("the file is in {name}; it must be in UTF-8"))
}

fn malformed(line: u64, reason: String) -> FileError {
    FileError::Malformed { line, reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands on a few bytes at a time, so that every border falls inside something.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(out.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// `line: cell|cell` for each record, `line: !cell reason` for one with a fault, `line! reason` for what ends the file.
    fn read(input: impl Read, limits: Limits) -> Vec<String> {
        let mut told = Vec::new();
        let mut records = match Records::open_within(input, Dialect::default(), limits) {
            Ok(records) => records,
            Err(FileError::Malformed { line, reason }) => return vec![format!("{line}! {reason}")],
            Err(FileError::Io(error)) => return vec![error.to_string()],
            Err(error @ FileError::Damaged { .. }) => return vec![error.to_string()],
        };
        loop {
            match records.advance() {
                Ok(false) => return told,
                Ok(true) => {
                    let record = records.record();
                    let cells: Vec<&str> = (0..record.cells()).map(|place| record.cell(place)).collect();
                    told.push(match record.fault() {
                        None => format!("{}: {}", record.line(), cells.join("|")),
                        Some(fault) => format!("{}: !{} {}", record.line(), fault.cell, fault.reason),
                    });
                }
                Err(FileError::Malformed { line, reason }) => told.push(format!("{line}! {reason}")),
                Err(FileError::Io(error)) => told.push(error.to_string()),
                Err(error @ FileError::Damaged { .. }) => told.push(error.to_string()),
            }
            if told.last().is_some_and(|last| !last.contains(": ")) {
                return told;
            }
        }
    }

    #[track_caller]
    fn check(input: &[u8], expected: &[&str]) {
        for size in [1, 2, 3, 7, CHUNK] {
            assert_eq!(read(Drip(input, size), LIMITS), expected, "read by {size}");
        }
    }

    #[test]
    fn records_are_cut_as_rfc_4180_says() {
        check(b"", &[]);
        check(b"a", &["1: a"]);
        check(b"a,b,", &["1: a|b|"]);
        check(b"a,b\nc,d\n", &["1: a|b", "2: c|d"]);
        check(b"a\r\nb\rc\nd", &["1: a", "2: b", "3: c", "4: d"]);
        check(b"a\n\nb\r\r\nc", &["1: a", "2: ", "3: b", "4: ", "5: c"]);
        check(b"\"a\",\"\",\"b,c\"", &["1: a||b,c"]);
        check(b"\"say \"\"so\"\"\",1", &["1: say \"so\"|1"]);
        check(b"\"\"\"\"", &["1: \""]);
        check(b"\"a\nb\r\nc\rd\",1\nx", &["1: a\nb\r\nc\rd|1", "5: x"]);
        check("\u{feff}a,\u{20ac}\n".as_bytes(), &["1: a|\u{20ac}"]);
        check(b"\\.\nb", &["1: \\.", "2: b"]);
    }

    #[test]
    fn what_the_grammar_does_not_know_is_a_fault() {
        check(b"\"2\"x,1\nb", &["1: !0 has text after its closing quote", "2: b"]);
        check(b"1,\"2\" \nb", &["1: !1 has text after its closing quote", "2: b"]);
        check(
            b"1,5\" screen\nb",
            &["1: !1 has a quote inside, but does not begin with one", "2: b"],
        );
        check(b"1,2,\"3\nb\nc", &["1: !2 opens a quote that is never closed"]);
        check(b"1,\"", &["1: !1 opens a quote that is never closed"]);
        check(b"1,\0", &["1: !1 holds a NUL character"]);
        check(b"1,2\t3,4\nb", &["1: !1 holds a control character", "2: b"]);
        check(b"\x7f", &["1: !0 holds a control character"]);
        check(b"1,\x1a", &["1: !1 holds a control character"]);
        check("1,\u{85}".as_bytes(), &["1: !1 holds a control character"]);
        check("1,\u{feff}2".as_bytes(), &["1: !1 holds a byte order mark"]);
        check(b"1,\xe9\nb", &["1: !1 is not valid UTF-8", "2: b"]);
        check(b"\xc0\xaf", &["1: !0 is not valid UTF-8"]);
        check(b"\xed\xa0\x80", &["1: !0 is not valid UTF-8"]);
        // Two halves of one character, which would be valid if the comma, or the quotes, were not there.
        check(b"\xe2\x82,\xac", &["1: !0 is not valid UTF-8"]);
        check(b"\"\xe2\x82\"\"\xac\"", &["1: !0 is not valid UTF-8"]);
        check(b"\"\xe2\x82\",\"\xac\"", &["1: !0 is not valid UTF-8"]);
    }

    #[test]
    fn other_encodings_are_named() {
        check(b"\xff\xfea\0", &["1! the file is in UTF-16; it must be in UTF-8"]);
        check(b"\xfe\xff\0a", &["1! the file is in UTF-16; it must be in UTF-8"]);
        check(
            b"\xff\xfe\0\0a\0\0\0",
            &["1! the file is in UTF-32; it must be in UTF-8"],
        );
        check(b"\x1f\x8b\x08\0", &["1! it is compressed (gzip); unpack it first"]);
        check(b"PK\x03\x04", &["1! it is compressed (zip); unpack it first"]);
        check(b"\xef\xbb", &["1: !0 is not valid UTF-8"]);
    }

    #[test]
    fn limits_hold_at_the_byte() {
        const SMALL: Limits = Limits {
            record: 8,
            cells: 3,
            rows: 2,
            lines: 4,
            file: 20,
        };
        let check = |input: &[u8], expected: &[&str]| assert_eq!(read(Drip(input, 1), SMALL), expected);
        let too_long = "the row is longer than 8 bytes; is a quote opened and never closed?";
        check(b"a\n1234567\n", &["1: a", "2: 1234567"]);
        check(b"a\n12345678", &["1: a", &format!("2! {too_long}")]);
        check(b"a\n\"\n\n\n\n\n\n\n\n", &["1: a", &format!("2! {too_long}")]);
        check(b"a\n\"\"\"\"\"\"\"\"\"\"", &["1: a", &format!("2! {too_long}")]);
        check(b",,", &["1: ||"]);
        check(b"a\n,,,", &["1: a", "2! the row has more than 3 cells"]);
        check(b"a\nb\nc\n", &["1: a", "2: b", "3: c"]);
        check(
            b"a\nb\nc\nd",
            &["1: a", "2: b", "3: c", "4! the file has more than 2 rows"],
        );
        check(
            b"a\n\"\n\n\n\"\nd",
            &["1: a", "2: \n\n\n", "6! the file has more than 4 lines"],
        );
        check(
            b"123456\n123456\n123456\n",
            &["1: 123456", "2: 123456", "3! the file is larger than 20 bytes"],
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_record_of_memory() {
        struct Counted<R>(R, std::rc::Rc<std::cell::Cell<usize>>);
        impl<R: Read> Read for Counted<R> {
            fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
                let count = self.0.read(out)?;
                self.1.set(self.1.get() + count);
                Ok(count)
            }
        }
        for filling in [b'x', b'\n', b','] {
            let taken = std::rc::Rc::default();
            let input = b"a,b\n1,\"".chain(std::io::repeat(filling).take(10_000_000));
            let told = read(Counted(input, std::rc::Rc::clone(&taken)), LIMITS);
            assert_eq!(told[0], "1: a|b");
            assert!(
                told[1].starts_with("2! the row is longer than 1000000 bytes"),
                "{told:?}"
            );
            assert!(taken.get() <= RECORD_LIMIT + 2 * CHUNK, "{}", taken.get());
        }
    }

    #[test]
    fn a_failing_read_ends_the_file_and_an_interrupted_one_does_not() {
        struct Failing(Vec<std::io::Result<&'static [u8]>>);
        impl Read for Failing {
            fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
                let bytes = self.0.pop().unwrap_or(Ok(b""))?;
                out[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
        }
        let interrupted = || Err(std::io::Error::from(std::io::ErrorKind::Interrupted));
        let steps = vec![
            Err(std::io::Error::other("disk gone")),
            Ok(b"\nc".as_slice()),
            interrupted(),
            Ok(b"a,b"),
        ];
        assert_eq!(read(Failing(steps), LIMITS), ["1: a|b", "disk gone"]);
    }

    proptest! {
        /// What another writer quotes, we read: the cells come back, however the bytes arrive.
        #[test]
        fn what_the_csv_crate_writes_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a-c,\"\n\r \u{20ac}]{0,6}", 1..5), 0..6),
            size in 1..9_usize,
            crlf: bool,
            always: bool,
        ) {
            let mut writer = csv::WriterBuilder::new()
                .flexible(true)
                .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
                .quote_style(if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
                .from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).expect("written");
            }
            let bytes = writer.into_inner().expect("written");
            let mut records = Records::open(Drip(&bytes, size)).expect("opened");
            for row in &rows {
                prop_assert!(records.advance().expect("read"));
                let record = records.record();
                prop_assert_eq!(record.fault(), None);
                let cells: Vec<&str> = (0..record.cells()).map(|place| record.cell(place)).collect();
                prop_assert_eq!(&cells, row);
            }
            prop_assert!(!records.advance().expect("read"));
        }

        /// Nothing is lost: raw records hold every byte but the line breaks between them.
        #[test]
        fn every_byte_is_in_a_record(bytes in "[a,\"\n\r]{0,40}", size in 1..9_usize) {
            let mut records = Records::open(Drip(bytes.as_bytes(), size)).expect("opened");
            let mut kept = String::new();
            while records.advance().expect("read") {
                kept.push_str(records.record().raw());
            }
            let visible = |text: &str| text.replace(['\n', '\r'], "");
            prop_assert_eq!(visible(&kept), visible(&bytes));
        }
    }
}
