//! Records of an IPM file: "VBS", with or without 1014-byte blocks.
//!
//! Every record has its length before it, four bytes big-endian; a length of zero ends the file. Where the file is blocked, this
//! stream is cut into pieces of 1012 bytes, each followed by two bytes 0x40, and the last piece is filled up with 0x40. Nothing in
//! a file says which of the two it is, but only one of them can be walked from record to record.
//!
//! Limits: [`RECORD_LIMIT`] bytes a record, and those of `delimited` for rows and bytes. What breaks one ends the file.

use std::io::{ErrorKind, Read};

use crate::delimited::{FILE_LIMIT, FileError, ROW_LIMIT};

/// The longest record, in bytes.
pub(super) const RECORD_LIMIT: usize = 20_000;
/// The shortest one: a type and a bitmap.
const RECORD_LEAST: usize = 20;

const BLOCK: usize = 1014;
const PAYLOAD: usize = 1012;
const FILLER: u8 = 0x40;

/// How the stream of records is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One record after the other.
    Plain,
    /// The same in blocks.
    Blocked,
}

/// How the text of a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// ASCII, or ISO 8859-1 where it goes beyond.
    Ascii,
    /// EBCDIC, code page 500.
    Ebcdic,
}

impl Encoding {
    /// By the type of a message, which is four digits.
    pub(super) fn of(message_type: &[u8]) -> Option<Self> {
        match message_type {
            [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] => Some(Self::Ascii),
            [0xf0..=0xf9, 0xf0..=0xf9, 0xf0..=0xf9, 0xf0..=0xf9] => Some(Self::Ebcdic),
            _ => None,
        }
    }
}

/// Why there is no next record.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes end before the record does.
    Cut(String),
    /// They are none of a file of this layout.
    Wrong(String),
    /// The file system failed.
    Io(std::io::Error),
}

impl Fault {
    /// As what ends a file, at a record.
    pub(super) fn at(self, record: u64) -> FileError {
        match self {
            Self::Cut(reason) | Self::Wrong(reason) => FileError::Damaged { record, reason },
            Self::Io(error) => FileError::Io(error),
        }
    }
}

/// The records of a file, one at a time.
#[derive(Debug)]
pub(super) struct Records<R> {
    input: R,
    layout: Layout,
    block: Vec<u8>,
    at: usize,
    record: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R, layout: Layout) -> Self {
        Self {
            input,
            layout,
            block: Vec::with_capacity(BLOCK),
            at: 0,
            record: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    /// The number of the record that is read, or of the one that could not be: the first is 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The record that the last [`Records::advance`] read.
    pub(super) fn record(&self) -> &[u8] {
        &self.record
    }

    /// Reads the next record; false at the end of the file, which is proven to be its end.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        self.number = self.number.saturating_add(1);
        let mut length = [0; 4];
        match self.take(4)? {
            4 => length.copy_from_slice(&self.record),
            0 => return Err(Fault::Cut("the file ends without the mark of its end".to_owned())),
            _ => return Err(Fault::Cut("the file ends in the length of a record".to_owned())),
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length == 0 {
            return self.end().map(|()| false);
        }
        if !(RECORD_LEAST..=RECORD_LIMIT).contains(&length) {
            return Err(Fault::Wrong(format!(
                "its length is {length} bytes; a message has from {RECORD_LEAST} to {RECORD_LIMIT}"
            )));
        }
        if self.number > ROW_LIMIT {
            return Err(Fault::Wrong(format!("the file has more than {ROW_LIMIT} records")));
        }
        let taken = self.take(length)?;
        if taken < length {
            return Err(Fault::Cut(format!(
                "the file ends after {taken} of the {length} bytes of the record"
            )));
        }
        Ok(true)
    }

    /// Puts so many bytes of the stream into `record`, or as many as there are.
    fn take(&mut self, wanted: usize) -> Result<usize, Fault> {
        self.record.clear();
        while self.record.len() < wanted {
            if self.at == self.payload() && !self.refill()? {
                break;
            }
            let missing = wanted.saturating_sub(self.record.len());
            let end = self.at.saturating_add(missing).min(self.payload());
            self.record
                .extend_from_slice(self.block.get(self.at..end).unwrap_or_default());
            self.at = end;
        }
        Ok(self.record.len())
    }

    /// How many bytes of the block belong to the stream.
    fn payload(&self) -> usize {
        match self.layout {
            Layout::Plain => self.block.len(),
            Layout::Blocked => self.block.len().min(PAYLOAD),
        }
    }

    /// Reads the next block, whole where the file is blocked; false at the end of the file.
    fn refill(&mut self) -> Result<bool, Fault> {
        self.at = 0;
        self.block.clear();
        let wanted = u64::try_from(BLOCK).unwrap_or(u64::MAX);
        loop {
            // An interrupted read keeps what came before it.
            let missing = wanted.saturating_sub(u64::try_from(self.block.len()).unwrap_or(u64::MAX));
            match self.input.by_ref().take(missing).read_to_end(&mut self.block) {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Io(error)),
            }
        }
        let count = self.block.len();
        self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if self.bytes > FILE_LIMIT {
            return Err(Fault::Wrong(format!("the file is larger than {FILE_LIMIT} bytes")));
        }
        if self.layout == Layout::Blocked && count > 0 {
            if count < BLOCK {
                return Err(Fault::Cut(format!("its last block has {count} of {BLOCK} bytes")));
            }
            if self.block.get(PAYLOAD..) != Some(&[FILLER, FILLER]) {
                return Err(Fault::Wrong("a block does not end in two bytes 0x40".to_owned()));
            }
        }
        Ok(count > 0)
    }

    /// Proves that nothing follows the mark of the end but what fills up the last block.
    fn end(&mut self) -> Result<(), Fault> {
        let rest = self.block.get(self.at..self.payload()).unwrap_or_default();
        let filled = match self.layout {
            Layout::Plain => rest.is_empty(),
            Layout::Blocked => rest.iter().all(|byte| *byte == FILLER),
        };
        if !filled || self.refill()? {
            return Err(Fault::Wrong("the file goes on after the mark of its end".to_owned()));
        }
        Ok(())
    }
}

/// Whether a file begins like one of these: a length, and the type of a message.
pub(super) fn begins(head: &[u8]) -> bool {
    let Some(([a, b, c, d, message_type @ ..], _)) = head.split_first_chunk::<8>() else {
        return false;
    };
    let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
    (RECORD_LEAST..=RECORD_LIMIT).contains(&length) && Encoding::of(message_type).is_some()
}

/// The layout of a file that begins so; `whole` where that is all of it. Where it can be walked in neither, the one in which one
/// comes further: reading it then says where it ends.
pub(super) fn layout_of(head: &[u8], whole: bool) -> Layout {
    let (plain, plain_fits) = walk(head, whole, Layout::Plain);
    let (blocked, blocked_fits) = walk(head, whole, Layout::Blocked);
    if blocked_fits || (!plain_fits && blocked > plain) {
        Layout::Blocked
    } else {
        Layout::Plain
    }
}

/// How many messages can be read, and whether nothing speaks against the layout.
fn walk(head: &[u8], whole: bool, layout: Layout) -> (u64, bool) {
    let mut records = Records::new(head, layout);
    let mut count = 0_u64;
    loop {
        match records.advance() {
            Ok(true) if records.record().get(..4).and_then(Encoding::of).is_some() => {
                count = count.saturating_add(1);
            }
            Ok(true) | Err(Fault::Wrong(_) | Fault::Io(_)) => return (count, false),
            Ok(false) => return (count, true),
            Err(Fault::Cut(_)) => return (count, !whole),
        }
    }
}
