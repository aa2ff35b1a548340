//! The lines of statements that are not XML.
//!
//! CR, LF and CRLF end a line, mixed as real files mix them. Such files are ASCII by their standards; what is beyond it is
//! UTF-8 where a line is valid UTF-8, and ISO 8859-1 where it is not: that is how banks write it, and amounts, dates and codes
//! are ASCII either way.

use std::io::Read;

use crate::delimited::{FILE_LIMIT, FileError};

/// The longest line, in bytes.
const LINE_LIMIT: usize = 64 * 1024;

const CHUNK: usize = 64 * 1024;

/// The lines of a file, one at a time.
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    bytes: u64,
    line: u64,
    /// The last line ended with CR: an LF now belongs to it.
    after_cr: bool,
    ended: bool,
}

impl<R: Read> Lines<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; CHUNK],
            at: 0,
            filled: 0,
            bytes: 0,
            line: 0,
            after_cr: false,
            ended: false,
        }
    }

    /// The number of the line that was read last.
    pub fn number(&self) -> u64 {
        self.line
    }

    pub fn malformed(&self, reason: impl Into<String>) -> FileError {
        FileError::Malformed {
            line: self.line.max(1),
            reason: reason.into(),
        }
    }

    /// The next line, without what ends it; none at the end of the file.
    ///
    /// Errors: too long a line or file, another encoding, a failing read.
    pub fn next(&mut self) -> Result<Option<String>, FileError> {
        if self.ended {
            return Ok(None);
        }
        self.line = self.line.saturating_add(1);
        let mut line = Vec::new();
        loop {
            let Some(byte) = self.byte()? else {
                self.ended = true;
                break;
            };
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => continue,
                b'\n' => break,
                b'\r' => {
                    self.after_cr = true;
                    break;
                }
                _ if line.len() >= LINE_LIMIT => {
                    return Err(self.malformed(format!("is longer than {LINE_LIMIT} bytes")));
                }
                byte => line.push(byte),
            }
        }
        if self.ended && line.is_empty() {
            return Ok(None);
        }
        if self.line == 1 {
            if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") {
                return Err(self.malformed("the file is in UTF-16; write it in ASCII or UTF-8"));
            }
            if line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
        }
        let text =
            String::from_utf8(line).unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
        Ok(Some(text))
    }

    fn byte(&mut self) -> Result<Option<u8>, FileError> {
        while self.at >= self.filled {
            self.filled = match self.input.read(&mut self.buffer) {
                Ok(filled) => filled,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.at = 0;
            if self.filled == 0 {
                return Ok(None);
            }
            self.bytes = self
                .bytes
                .saturating_add(u64::try_from(self.filled).unwrap_or(u64::MAX));
            if self.bytes > FILE_LIMIT {
                return Err(self.malformed(format!("the file has more than {FILE_LIMIT} bytes")));
            }
        }
        let byte = self.buffer.get(self.at).copied();
        self.at = self.at.saturating_add(1);
        Ok(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &[&str]) {
        let mut lines = Lines::new(bytes);
        let mut read = Vec::new();
        while let Some(line) = lines.next().expect("a line") {
            read.push(line);
        }
        assert_eq!(read, expected, "{bytes:?}");
    }

    #[test]
    fn lines_end_as_real_files_end_them() {
        check(b"", &[]);
        check(b"a", &["a"]);
        check(b"a\nb\r\nc\rd\n", &["a", "b", "c", "d"]);
        check(b"a\n\r\nb", &["a", "", "b"]);
        check(b"a\r\r\nb", &["a", "", "b"]);
        check(b"\xef\xbb\xbfa", &["a"]);
        check("Grüße\n".as_bytes(), &["Grüße"]);
        check(b"Gr\xfc\xdfe\n", &["Grüße"]);
    }

    #[test]
    fn a_line_has_a_limit() {
        let long = vec![b'x'; LINE_LIMIT + 1];
        let error = Lines::new(&long[..]).next().expect_err("a limit").to_string();
        assert!(error.starts_with("line 1: is longer than"), "{error}");
        assert!(Lines::new(&b"\xff\xfe:\0"[..]).next().is_err());
    }
}
