//! A clearing file taken apart into messages and their elements, and put together again with one of them changed.
//!
//! Written from ISO 8583:1993 and what the fixtures hold; it shares no code with the reader.

/// How long the elements of the fixtures are: so many bytes, or (below zero) so many digits that say it.
const LENGTHS: [(usize, i8); 27] = [
    (2, -2),
    (3, 6),
    (4, 12),
    (5, 12),
    (9, 8),
    (12, 12),
    (24, 3),
    (25, 4),
    (26, 4),
    (31, -2),
    (33, -2),
    (37, 12),
    (38, 6),
    (42, 15),
    (43, -2),
    (48, -3),
    (49, 3),
    (50, 3),
    (71, 8),
    (72, -3),
    (93, -2),
    (94, -2),
    (14, 4),
    (22, 12),
    (30, 24),
    (62, -3),
    (100, -2),
];

/// How many bytes of the stream a block has, before its two bytes 0x40.
const PAYLOAD: usize = 1012;

/// A message: its type, and its elements by their numbers, ascending. All text is as in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Four digits.
    pub kind: Vec<u8>,
    /// The number of each, and its bytes.
    pub elements: Vec<(usize, Vec<u8>)>,
    /// Bytes after the last element: none in a right file.
    pub rest: Vec<u8>,
}

/// A clearing file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clearing {
    /// In their order: the first is record 1.
    pub messages: Vec<Message>,
    is_ebcdic: bool,
    is_blocked: bool,
}

/// A text in the file's encoding: digits, letters, blanks.
fn encode(text: &str, is_ebcdic: bool) -> Vec<u8> {
    let ebcdic = |byte: u8| match byte {
        b'0'..=b'9' => byte + 0xc0,
        b'A'..=b'I' => byte + 0x80,
        b'J'..=b'R' => byte + 0x87,
        b'S'..=b'Z' => byte + 0x8f,
        b' ' => 0x40,
        other => panic!("{other} is not written here"),
    };
    let bytes = text.bytes();
    bytes.map(|byte| if is_ebcdic { ebcdic(byte) } else { byte }).collect()
}

/// The number that digits in the file's encoding say: in both, they end in their values.
fn number(digits: &[u8]) -> usize {
    digits.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit & 0x0f))
}

/// The next so many bytes.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at(count);
    *rest = after;
    taken
}

impl Clearing {
    /// Takes a file apart.
    pub fn of(content: &[u8], is_ebcdic: bool, is_blocked: bool) -> Self {
        let stream: Vec<u8> = match is_blocked {
            true => content
                .chunks(PAYLOAD + 2)
                .flat_map(|block| &block[..PAYLOAD])
                .copied()
                .collect(),
            false => content.to_vec(),
        };
        let mut rest = &stream[..];
        let mut messages = Vec::new();
        loop {
            let length = take(&mut rest, 4)
                .iter()
                .fold(0, |sum, byte| sum * 256 + usize::from(*byte));
            if length == 0 {
                break;
            }
            let mut record = take(&mut rest, length);
            let kind = take(&mut record, 4).to_vec();
            let bitmap = take(&mut record, 16);
            let is_set = |number: &usize| bitmap[(number - 1) / 8] & (0x80 >> ((number - 1) % 8)) != 0;
            let mut elements = Vec::new();
            for element in (2..=128).filter(is_set) {
                let known = LENGTHS.iter().find(|(known, _)| *known == element);
                let (_, length) = known.unwrap_or_else(|| panic!("element {element}"));
                let count = usize::from(length.unsigned_abs());
                let length = match length {
                    ..0 => number(take(&mut record, count)),
                    0.. => count,
                };
                elements.push((element, take(&mut record, length).to_vec()));
            }
            let rest = record.to_vec();
            messages.push(Message { kind, elements, rest });
        }
        Self {
            messages,
            is_ebcdic,
            is_blocked,
        }
    }

    /// A text as the file has it.
    pub fn text(&self, text: &str) -> Vec<u8> {
        encode(text, self.is_ebcdic)
    }

    /// The bytes of a record: length, type, bitmap, elements.
    fn record(&self, message: &Message) -> Vec<u8> {
        let mut bitmap = 1_u128 << 127;
        let mut body = Vec::new();
        for (element, bytes) in &message.elements {
            bitmap |= 1_u128 << (128 - element);
            let length = LENGTHS
                .iter()
                .find(|(known, _)| known == element)
                .map(|(_, length)| *length);
            match length {
                Some(-2) => body.extend(self.text(&format!("{:02}", bytes.len()))),
                Some(-3) => body.extend(self.text(&format!("{:03}", bytes.len()))),
                _ => {}
            }
            body.extend(bytes);
        }
        let record = [&message.kind[..], &bitmap.to_be_bytes(), &body, &message.rest].concat();
        let length = u32::try_from(record.len()).expect("a length");
        [&length.to_be_bytes()[..], &record].concat()
    }

    /// The file without its blocks: each record with its length, and the mark of the end.
    pub fn records(&self) -> Vec<Vec<u8>> {
        let records = self.messages.iter().map(|message| self.record(message));
        records.chain([vec![0; 4]]).collect()
    }

    /// Puts records into a file as it is laid out.
    pub fn laid_out(&self, stream: &[u8]) -> Vec<u8> {
        if !self.is_blocked {
            return stream.to_vec();
        }
        let block = |bytes: &[u8]| {
            let mut block = bytes.to_vec();
            block.resize(PAYLOAD + 2, 0x40);
            block
        };
        stream.chunks(PAYLOAD).flat_map(block).collect()
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        self.laid_out(&self.records().concat())
    }

    /// The same with an element of a record that holds other bytes, or that it has not had; none takes it out.
    pub fn with(&self, record: usize, element: usize, bytes: Option<&[u8]>) -> Self {
        let mut clearing = self.clone();
        let elements = &mut clearing.messages[record - 1].elements;
        elements.retain(|(known, _)| *known != element);
        elements.extend(bytes.map(|bytes| (element, bytes.to_vec())));
        elements.sort();
        clearing
    }

    /// The same with a text for another in the subelements of a record.
    pub fn with_subelement(&self, record: usize, from: &str, to: &str) -> Self {
        let (from, to) = (self.text(from), self.text(to));
        let held = self.element(record, 48);
        let place = held.windows(from.len()).position(|window| window == from);
        let place = place.expect("a subelement");
        let bytes = [&held[..place], &to, &held[place + from.len()..]].concat();
        self.with(record, 48, Some(&bytes))
    }

    /// An element of a record.
    pub fn element(&self, record: usize, element: usize) -> &[u8] {
        let elements = &self.messages[record - 1].elements;
        let found = elements.iter().find(|(known, _)| *known == element);
        found.map(|(_, bytes)| &bytes[..]).expect("an element")
    }
}
