//! Packed files: gzip and zip, told by their first bytes and read as they unpack.
//!
//! A gzip file may have several members, all of which count; what follows the last one is damage, not padding. A zip file must
//! hold exactly one file, not encrypted, without a path. Neither may unpack to more than [`RATIO_LIMIT`] times its size: such a
//! file is an attack, whatever it holds.

use std::io::{self, Read, Seek};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use crate::delimited::FileError;

/// How many bytes one packed byte may become.
pub const RATIO_LIMIT: u64 = 100;
/// So many bytes may come whatever the ratio: a small file of one long line is no attack.
const FREE: u64 = 1 << 20;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// RFC 1952.
    Gzip,
    /// PKWARE's APPNOTE.
    Zip,
}

impl Packing {
    /// By the first bytes of a file.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            _ => Self::Plain,
        }
    }
}

/// Unpacks gzip as it is read. `packed` is the size of the file.
pub fn gunzip(input: impl Read, packed: u64) -> impl Read {
    Limited::new(MultiGzDecoder::new(input), packed)
}

/// Hands the only file in a zip archive to `read`.
///
/// Errors: no archive, more than one file in it, a folder or a path, encryption, what `read` says.
pub fn unzip<T>(
    input: impl Read + Seek,
    packed: u64,
    read: impl FnOnce(&mut dyn Read) -> Result<T, FileError>,
) -> Result<T, FileError> {
    let refused = |reason: String| FileError::Malformed { line: 1, reason };
    let damaged = |error| refused(format!("the zip archive cannot be read: {error}"));
    let mut archive = ZipArchive::new(input).map_err(damaged)?;
    if archive.len() != 1 {
        return Err(refused(format!(
            "the zip archive holds {} files; it must hold one",
            archive.len()
        )));
    }
    let member = archive.by_index(0).map_err(damaged)?;
    let name = member.name().map_err(damaged)?.into_owned();
    if member.is_dir() || name.contains(['/', '\\']) {
        let name = crate::card_number::shorten(&name, 60);
        return Err(refused(format!(
            "the zip archive holds `{name}`; it must hold a file without a path"
        )));
    }
    read(&mut Limited::new(member, packed))
}

/// Counts what comes out, and stops what is too much.
struct Limited<R> {
    input: R,
    left: u64,
}

impl<R> Limited<R> {
    fn new(input: R, packed: u64) -> Self {
        let left = packed.saturating_mul(RATIO_LIMIT).max(FREE);
        Self { input, left }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.left = self
            .left
            .checked_sub(u64::try_from(count).unwrap_or(u64::MAX))
            .ok_or_else(|| io::Error::other(format!("it unpacks to more than {RATIO_LIMIT} times its size")))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("packed");
        encoder.finish().expect("packed")
    }

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .expect("a member");
            writer.write_all(bytes).expect("packed");
        }
        writer.finish().expect("packed").into_inner()
    }

    /// Unpacks; the error as text.
    fn unpacked(bytes: &[u8]) -> Result<String, String> {
        let size = u64::try_from(bytes.len()).expect("a size");
        let mut text = String::new();
        match Packing::of(bytes) {
            Packing::Plain => bytes
                .to_vec()
                .as_slice()
                .read_to_string(&mut text)
                .map_err(|error| error.to_string())?,
            Packing::Gzip => gunzip(bytes, size)
                .read_to_string(&mut text)
                .map_err(|error| error.to_string())?,
            Packing::Zip => {
                unzip(Cursor::new(bytes), size, |input| Ok(input.read_to_string(&mut text)?)).map_err(|error| {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    source.unwrap_or_else(|| error.to_string())
                })?
            }
        };
        Ok(text)
    }

    #[track_caller]
    fn refused(bytes: &[u8], reason: &str) {
        let error = unpacked(bytes).expect_err("a refusal");
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn every_member_of_a_gzip_file_counts() {
        assert_eq!(unpacked(b"plain"), Ok("plain".to_owned()));
        assert_eq!(unpacked(&gzip(b"one")), Ok("one".to_owned()));
        let two = [gzip(b"one,"), gzip(b""), gzip(b"two")].concat();
        assert_eq!(unpacked(&two), Ok("one,two".to_owned()));
    }

    #[test]
    fn a_damaged_gzip_file_is_refused() {
        let whole = gzip(b"some text that is packed");
        for end in 2..whole.len() {
            assert!(unpacked(&whole[..end]).is_err(), "cut at {end}");
        }
        refused(&[&whole[..], b"garbage"].concat(), "");
        let mut flipped = whole;
        let last = flipped.len() - 6;
        flipped[last] ^= 1;
        refused(&flipped, "");
    }

    #[test]
    fn a_zip_archive_holds_one_file() {
        assert_eq!(unpacked(&zip(&[("a.csv", b"one")])), Ok("one".to_owned()));
        refused(&zip(&[]), "holds 0 files");
        refused(&zip(&[("a.csv", b"one"), ("b.csv", b"two")]), "holds 2 files");
        refused(&zip(&[("../a.csv", b"one")]), "a file without a path");
        let whole = zip(&[("a.csv", b"one")]);
        refused(&whole[..whole.len() - 5], "cannot be read");
        let mut flipped = zip(&[("a.csv", &[b'x'; 100])]);
        flipped[38] ^= 0xff;
        refused(&flipped, "");
    }

    #[test]
    fn a_bomb_is_stopped() {
        let zeros = vec![b'0'; 4 << 20];
        refused(&gzip(&zeros), "more than 100 times its size");
        refused(&zip(&[("a.csv", &zeros)]), "more than 100 times its size");
    }
}
