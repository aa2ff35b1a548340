//! One ISO 8583 message of an IPM file: type, bitmap, data elements, and the private data subelements (PDS) in them.
//!
//! [`Message::parse`] finds where each element begins and ends, whatever it holds, by a table of lengths; elements that are not in
//! the table cannot be skipped, so a message that has one is refused. [`Pds::parse`] does the same with the tag, length and value
//! of subelements. Texts are decoded when they are asked for.

use super::super::sheet::Wrong;
use super::container::Encoding;

/// How long an element is.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// So many bytes.
    Fixed(usize),
    /// As many as the digits before it say: how many digits.
    Variable(usize),
}

/// The elements of ISO 8583:1993 that IPM messages carry.
const FORMS: [(usize, Form); 52] = {
    use Form::{Fixed, Variable};
    [
        (2, Variable(2)),
        (3, Fixed(6)),
        (4, Fixed(12)),
        (5, Fixed(12)),
        (6, Fixed(12)),
        (7, Fixed(10)),
        (9, Fixed(8)),
        (10, Fixed(8)),
        (12, Fixed(12)),
        (13, Fixed(4)),
        (14, Fixed(4)),
        (16, Fixed(4)),
        (22, Fixed(12)),
        (23, Fixed(3)),
        (24, Fixed(3)),
        (25, Fixed(4)),
        (26, Fixed(4)),
        (30, Fixed(24)),
        (31, Variable(2)),
        (32, Variable(2)),
        (33, Variable(2)),
        (37, Fixed(12)),
        (38, Fixed(6)),
        (40, Fixed(3)),
        (41, Fixed(8)),
        (42, Fixed(15)),
        (43, Variable(2)),
        (48, Variable(3)),
        (49, Fixed(3)),
        (50, Fixed(3)),
        (51, Fixed(3)),
        (54, Variable(3)),
        (55, Variable(3)),
        (62, Variable(3)),
        (63, Variable(3)),
        (71, Fixed(8)),
        (72, Variable(3)),
        (73, Fixed(6)),
        (93, Variable(2)),
        (94, Variable(2)),
        (95, Variable(2)),
        (97, Fixed(17)),
        (100, Variable(2)),
        (104, Variable(3)),
        (105, Variable(3)),
        (108, Variable(3)),
        (111, Variable(3)),
        (123, Variable(3)),
        (124, Variable(3)),
        (125, Variable(3)),
        (126, Variable(3)),
        (127, Variable(3)),
    ]
};

/// The elements that hold private data subelements.
pub(super) const PDS_CARRIERS: [usize; 5] = [48, 62, 123, 124, 125];

/// A message, its elements found.
#[derive(Debug)]
pub(super) struct Message<'a> {
    encoding: Encoding,
    message_type: String,
    elements: Vec<(usize, &'a [u8])>,
}

impl<'a> Message<'a> {
    /// Finds the elements of a message in a record.
    ///
    /// Errors: another encoding than the file's, an element without a known length, one that is longer than what is left, bytes
    /// after the last one.
    pub(super) fn parse(record: &'a [u8], encoding: Encoding) -> Result<Self, Wrong> {
        let cut = || Wrong::of_row("is shorter than a type and a bitmap");
        let (message_type, rest) = record.split_first_chunk::<4>().ok_or_else(cut)?;
        let (bitmap, mut rest) = rest.split_first_chunk::<16>().ok_or_else(cut)?;
        if Encoding::of(message_type) != Some(encoding) {
            return Err(Wrong::of_row(
                "does not begin with a type of four digits, as those before it do",
            ));
        }
        let is_set = |number: &usize| {
            let place = number.saturating_sub(1);
            let byte = bitmap.get(place / 8).copied().unwrap_or(0);
            byte & (0x80 >> (place % 8)) != 0
        };
        let mut elements = Vec::new();
        // The first bit tells of the second half of the bitmap, which is always there.
        for number in (2..=128).filter(is_set) {
            let wrong = |reason: String| Wrong::in_column(&format!("DE{number}"), reason);
            let form = FORMS.iter().find(|(known, _)| *known == number);
            let Some((_, form)) = form else {
                return Err(wrong("is not an element that these messages carry".to_owned()));
            };
            let (digits, length) = match form {
                Form::Fixed(length) => (0, *length),
                Form::Variable(digits) => {
                    let length = rest.get(..*digits).and_then(|digits| number_of(digits, encoding));
                    (*digits, length.ok_or_else(|| wrong("has no length".to_owned()))?)
                }
            };
            let value = rest.get(digits..digits.saturating_add(length)).ok_or_else(|| {
                let left = rest.len().saturating_sub(digits);
                wrong(format!("has {length} bytes, but the record has {left} left"))
            })?;
            elements.push((number, value));
            rest = rest.get(digits.saturating_add(length)..).unwrap_or_default();
        }
        if !rest.is_empty() {
            let reason = format!("has {} bytes after its last data element", rest.len());
            return Err(Wrong::of_row(reason));
        }
        let message_type = decode(message_type, encoding);
        Ok(Self {
            encoding,
            message_type,
            elements,
        })
    }

    /// The four digits of its type.
    pub(super) fn message_type(&self) -> &str {
        &self.message_type
    }

    /// The numbers of the elements that it has, ascending, and how long they are.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (usize, usize)> {
        self.elements.iter().map(|(number, value)| (*number, value.len()))
    }

    /// The bytes of an element, where the message has it.
    fn bytes(&self, number: usize) -> Option<&'a [u8]> {
        let found = self.elements.iter().find(|(known, _)| *known == number);
        found.map(|(_, value)| *value)
    }

    /// An element as text, without blanks at its end; none where it is absent or blank.
    pub(super) fn text(&self, number: usize) -> Option<String> {
        let mut text = decode(self.bytes(number)?, self.encoding);
        text.truncate(text.trim_end_matches(' ').len());
        Some(text).filter(|text| !text.is_empty())
    }

    /// The digits of an element.
    ///
    /// Errors: it is absent, or something else.
    pub(super) fn digits(&self, number: usize) -> Result<String, Wrong> {
        let wrong = |reason| Wrong::in_column(&format!("DE{number}"), reason);
        let bytes = self.bytes(number).ok_or_else(|| wrong("is not there"))?;
        let text = decode(bytes, self.encoding);
        let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        all.then_some(text).ok_or_else(|| wrong("is not made of digits"))
    }

    /// The private data subelements of all elements that hold some.
    pub(super) fn pds(&self) -> Result<Pds, Wrong> {
        let mut all = Vec::new();
        for number in PDS_CARRIERS {
            if let Some(bytes) = self.bytes(number) {
                subelements(number, bytes, self.encoding, &mut all)?;
            }
        }
        Ok(Pds(all))
    }
}

/// The private data subelements of a message: tag and text.
#[derive(Debug, Default)]
pub(super) struct Pds(Vec<(String, String)>);

impl Pds {
    /// A subelement by its four digits; the first one, where it comes again.
    pub(super) fn get(&self, tag: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == tag);
        found.map(|(_, text)| text.as_str())
    }

    /// All of them: tag and text.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(tag, text)| (tag.as_str(), text.as_str()))
    }

    /// What a subelement says in digits.
    ///
    /// Errors: it is absent, something else, or too large for 64 bits.
    pub(super) fn number(&self, tag: &str) -> Result<u64, Wrong> {
        let wrong = |reason: &str| Wrong::in_column(&format!("PDS{tag}"), reason);
        let text = self.get(tag).ok_or_else(|| wrong("is not there"))?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.ok_or_else(|| wrong("is not a number"))
    }
}

/// Adds the subelements of one element: four digits of a tag, three of a length, then so many bytes.
fn subelements(number: usize, bytes: &[u8], encoding: Encoding, all: &mut Vec<(String, String)>) -> Result<(), Wrong> {
    let wrong = |reason: &str| Wrong::in_column(&format!("DE{number}"), reason);
    let mut rest = bytes;
    while !rest.is_empty() {
        let head = rest.split_at_checked(4).and_then(|(tag, rest)| {
            let (length, rest) = rest.split_at_checked(3)?;
            number_of(tag, encoding)?;
            Some((tag, number_of(length, encoding)?, rest))
        });
        let (tag, length, after) = head.ok_or_else(|| wrong("holds a subelement without tag and length"))?;
        let (value, after) = after
            .split_at_checked(length)
            .ok_or_else(|| wrong("ends within a subelement"))?;
        all.push((decode(tag, encoding), decode(value, encoding)));
        rest = after;
    }
    Ok(())
}

/// What digits say; none where they are something else, or more than a length has.
fn number_of(bytes: &[u8], encoding: Encoding) -> Option<usize> {
    let text = decode(bytes, encoding);
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Bytes as text: each is one character.
fn decode(bytes: &[u8], encoding: Encoding) -> String {
    bytes
        .iter()
        .map(|byte| match encoding {
            Encoding::Ascii => char::from(*byte),
            Encoding::Ebcdic => char::from(CP500.get(usize::from(*byte)).copied().unwrap_or(b'?')),
        })
        .collect()
}

/// Code page 500 as ISO 8859-1.
#[rustfmt::skip]
const CP500: [u8; 256] = [
    0x00, 0x01, 0x02, 0x03, 0x9c, 0x09, 0x86, 0x7f, 0x97, 0x8d, 0x8e, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x9d, 0x85, 0x08, 0x87, 0x18, 0x19, 0x92, 0x8f, 0x1c, 0x1d, 0x1e, 0x1f,
    0x80, 0x81, 0x82, 0x83, 0x84, 0x0a, 0x17, 0x1b, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x05, 0x06, 0x07,
    0x90, 0x91, 0x16, 0x93, 0x94, 0x95, 0x96, 0x04, 0x98, 0x99, 0x9a, 0x9b, 0x14, 0x15, 0x9e, 0x1a,
    0x20, 0xa0, 0xe2, 0xe4, 0xe0, 0xe1, 0xe3, 0xe5, 0xe7, 0xf1, 0x5b, 0x2e, 0x3c, 0x28, 0x2b, 0x21,
    0x26, 0xe9, 0xea, 0xeb, 0xe8, 0xed, 0xee, 0xef, 0xec, 0xdf, 0x5d, 0x24, 0x2a, 0x29, 0x3b, 0x5e,
    0x2d, 0x2f, 0xc2, 0xc4, 0xc0, 0xc1, 0xc3, 0xc5, 0xc7, 0xd1, 0xa6, 0x2c, 0x25, 0x5f, 0x3e, 0x3f,
    0xf8, 0xc9, 0xca, 0xcb, 0xc8, 0xcd, 0xce, 0xcf, 0xcc, 0x60, 0x3a, 0x23, 0x40, 0x27, 0x3d, 0x22,
    0xd8, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0xab, 0xbb, 0xf0, 0xfd, 0xfe, 0xb1,
    0xb0, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0xaa, 0xba, 0xe6, 0xb8, 0xc6, 0xa4,
    0xb5, 0x7e, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0xa1, 0xbf, 0xd0, 0xdd, 0xde, 0xae,
    0xa2, 0xa3, 0xa5, 0xb7, 0xa9, 0xa7, 0xb6, 0xbc, 0xbd, 0xbe, 0xac, 0x7c, 0xaf, 0xa8, 0xb4, 0xd7,
    0x7b, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0xad, 0xf4, 0xf6, 0xf2, 0xf3, 0xf5,
    0x7d, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0xb9, 0xfb, 0xfc, 0xf9, 0xfa, 0xff,
    0x5c, 0xf7, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0xb2, 0xd4, 0xd6, 0xd2, 0xd3, 0xd5,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0xb3, 0xdb, 0xdc, 0xd9, 0xda, 0x9f,
];
