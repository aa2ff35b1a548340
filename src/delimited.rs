//! Comma-separated text, byte by byte: what every CSV format is read through.
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

    /// The record as it came, without the line break at its end.
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
    fn settle(&mut self, raw: Vec<u8>, content: Vec<u8>) {
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
    limits: Limits,
}

impl<R: Read> Records<R> {
    /// Begins a file: skips a UTF-8 byte order mark.
    ///
    /// Errors: a byte order mark of another encoding, a failing read.
    pub fn open(input: R) -> Result<Self, FileError> {
        Self::open_within(input, LIMITS)
    }

    fn open_within(input: R, limits: Limits) -> Result<Self, FileError> {
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
            limits,
        };
        while records.filled < 4 && records.read_more()? {}
        match records.buffer.get(..records.filled).unwrap_or_default() {
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
        let mut raw = std::mem::take(&mut self.record.raw).into_bytes();
        let mut content = std::mem::take(&mut self.record.content).into_bytes();
        raw.clear();
        content.clear();
        let mut place = Place::Start;
        loop {
            if self.at == self.filled && !self.refill()? {
                if place == Place::Quoted {
                    self.record.blame("opens a quote that is never closed");
                }
                break;
            }
            // A run of bytes that mean only themselves is taken at once.
            let rest = self.buffer.get(self.at..self.filled).unwrap_or_default();
            let run = rest
                .iter()
                .position(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
                .unwrap_or(rest.len());
            let limit = self.limits.record;
            if raw.len().saturating_add(run) > limit {
                let reason = format!("the row is longer than {limit} bytes; is a quote opened and never closed?");
                return Err(malformed(self.record.line, reason));
            }
            let (plain, special) = rest.split_at(run);
            raw.extend_from_slice(plain);
            content.extend_from_slice(plain);
            let special = special.first().copied();
            if run > 0 {
                self.after_cr = false;
                place = match place {
                    Place::Closed => {
                        self.record.blame("has text after its closing quote");
                        Place::Plain
                    }
                    Place::Quoted => Place::Quoted,
                    Place::Start | Place::Plain => Place::Plain,
                };
            }
            let Some(byte) = special else {
                self.at = self.filled;
                continue;
            };
            self.at = self.at.saturating_add(run).saturating_add(1);
            raw.push(byte);
            self.count_line(byte);
            match (place, byte) {
                (Place::Quoted, b'"') => place = Place::Closed,
                (Place::Quoted, byte) => content.push(byte),
                (Place::Closed, b'"') => {
                    content.push(b'"');
                    place = Place::Quoted;
                }
                (Place::Start, b'"') => place = Place::Quoted,
                (Place::Plain, b'"') => {
                    self.record.blame("has a quote inside, but does not begin with one");
                    content.push(b'"');
                }
                (Place::Start | Place::Plain | Place::Closed, b',') => {
                    self.end_cell(content.len())?;
                    place = Place::Start;
                }
                (Place::Start | Place::Plain | Place::Closed, _) => {
                    raw.pop();
                    break;
                }
            }
        }
        self.end_cell(content.len())?;
        self.record.settle(raw, content);
        Ok(true)
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
