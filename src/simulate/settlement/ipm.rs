//! A Mastercard IPM clearing file: ISO 8583 messages with their lengths, in EBCDIC and blocks of 1014 bytes or in ASCII without.
//!
//! A line is told by its ARN alone. Interchange and scheme fees come apart, and whatever else costs is a scheme fee. Nothing says
//! what is paid; the trailer counts the messages and adds their amounts up.

use std::io::{self, Write};

use super::{Line, Reported};
use crate::simulate::world::{CURRENCIES, Day, World};

const BLOCK: usize = 1012;

/// The id of the file, which is its one batch.
pub(super) fn batch_name(world: &World, batch: usize) -> String {
    let day = world.day(Day::Settlement).date.format("%y%m%d");
    format!("002{day}00000012345{:05}", batch / 100)
}

/// A currency by its number, and its decimals.
fn number(currency: usize) -> (&'static str, char) {
    match CURRENCIES[currency].code {
        "USD" => ("840", '2'),
        "GBP" => ("826", '2'),
        "KRW" => ("410", '0'),
        "JPY" => ("392", '0'),
        "KWD" => ("414", '3'),
        _ => ("978", '2'),
    }
}

/// Type, function code, processing code, and whether it is reversed: what tells where the money goes.
fn kind(line: &Line) -> (&'static str, &'static str, &'static str, bool) {
    match line.reported {
        Reported::Sale => ("1240", "200", "000000", false),
        Reported::Refund => ("1240", "200", "200000", false),
        Reported::Chargeback => ("1442", "450", "000000", false),
        Reported::SecondChargeback => ("1442", "451", "000000", false),
        Reported::ChargebackReversal => ("1240", "205", "000000", false),
        Reported::BatchFee => ("1740", "700", "190000", false),
        // A sale taken back, and a credit charged back: the one takes from us, the other gives.
        Reported::Correction | Reported::Deduction | Reported::Unpaid | Reported::Reserve | Reported::Payout => {
            ("1240", "200", "000000", true)
        }
        Reported::Oddity => ("1442", "450", "200000", false),
    }
}

/// A file while it is written.
pub(super) struct Clearing<W> {
    out: W,
    is_ebcdic: bool,
    id: String,
    /// What of the stream does not fill a block yet.
    block: Vec<u8>,
    messages: u64,
    amounts: u64,
}

impl<W: Write> Clearing<W> {
    /// Begins a file with its header.
    pub(super) fn begin(out: W, is_ebcdic: bool, id: String) -> io::Result<Self> {
        let mut clearing = Self {
            out,
            is_ebcdic,
            id,
            block: Vec::new(),
            messages: 0,
            amounts: 0,
        };
        let header = [pds("0105", &clearing.id), pds("0122", "P")];
        clearing.message("1644", vec![(24, "697".to_owned())], &header.concat())?;
        Ok(clearing)
    }

    /// Writes a message for a line; none for what is paid, which these files do not say.
    pub(super) fn write(&mut self, world: &World, line: &Line) -> io::Result<()> {
        if line.reported == Reported::Payout {
            return Ok(());
        }
        let (message, function, processing, is_reversed) = kind(line);
        let gross = line.gross.unwrap_or(line.net);
        let came = line.net.saturating_add(line.costs.total());
        let ((from, decimals), (to, to_decimals)) = (number(line.currency), number(line.net_currency));
        let digits = |amount: i64| format!("{:012}", amount.unsigned_abs());
        let at = world.local_time(line.created);
        let mut elements = vec![
            (3, processing.to_owned()),
            (4, digits(gross)),
            (12, at.chars().filter(char::is_ascii_digit).skip(2).collect()),
            (24, function.to_owned()),
            (49, from.to_owned()),
        ];
        let mut exponents = format!("{from}{decimals}");
        if line.currency != line.net_currency {
            elements.push((5, digits(came)));
            elements.push((50, to.to_owned()));
            exponents.push_str(&format!("{to}{to_decimals}"));
        }
        if !line.arn.is_empty() {
            elements.push((31, line.arn.clone()));
        }
        if line.reported == Reported::ChargebackReversal || message == "1442" {
            elements.push((25, "4837".to_owned()));
        }
        let mut subelements = Vec::new();
        if is_reversed {
            subelements.push(pds("0025", "R"));
        }
        if line.reported == Reported::BatchFee {
            subelements.push(pds("0137", &format!("FEE{:010}", self.messages)));
        }
        // A fee of who sends the message debits its sender; a chargeback is sent by the other side.
        let direction = if message == "1442" { "19" } else { "29" };
        let fees: String = [("00", line.costs.interchange), ("01", line.costs.scheme_fee)]
            .into_iter()
            .filter(|(_, cost)| *cost != 0)
            .map(|(kind, cost)| {
                let amount = format!("{to}{}", digits(cost));
                format!("{kind}{direction}01{amount}{amount}")
            })
            .collect();
        if !fees.is_empty() {
            subelements.push(pds("0146", &fees));
        }
        subelements.push(pds("0148", &exponents));
        self.amounts = self.amounts.saturating_add(gross.unsigned_abs());
        self.message(message, elements, &subelements.concat())
    }

    /// Ends the file with its trailer, whose sum of amounts is wrong by so much. Gives back what it was written to.
    pub(super) fn end(mut self, off_by: i64) -> io::Result<W> {
        let amounts = self.amounts.saturating_add_signed(off_by);
        let count = self.messages.saturating_add(1);
        let trailer = [
            pds("0105", &self.id),
            pds("0301", &format!("{amounts:016}")),
            pds("0306", &format!("{count:08}")),
        ];
        self.message("1644", vec![(24, "695".to_owned())], &trailer.concat())?;
        self.stream(&[0; 4])?;
        if self.is_ebcdic && !self.block.is_empty() {
            self.block.resize(BLOCK, 0x40);
            self.put_block()?;
        }
        Ok(self.out)
    }

    /// Writes a message: type, bitmap, elements in their order, and its number in the file.
    fn message(&mut self, kind: &str, mut elements: Vec<(u32, String)>, subelements: &str) -> io::Result<()> {
        self.messages = self.messages.saturating_add(1);
        elements.push((48, subelements.to_owned()));
        elements.push((71, format!("{:08}", self.messages)));
        elements.sort_by_key(|(element, _)| *element);
        // The first bit tells of the second half.
        let mut bitmap = 1_u128 << 127;
        let mut body = Vec::new();
        for (element, text) in elements {
            bitmap |= 1_u128 << 128_u32.saturating_sub(element);
            match element {
                31 => body.extend(self.text(&format!("{:02}", text.len()))),
                48 => body.extend(self.text(&format!("{:03}", text.len()))),
                _ => {}
            }
            body.extend(self.text(&text));
        }
        let mut record = self.text(kind);
        record.extend(bitmap.to_be_bytes());
        record.extend(body);
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        self.stream(&length.to_be_bytes())?;
        self.stream(&record)
    }

    fn text(&self, text: &str) -> Vec<u8> {
        let ebcdic = |byte: u8| match byte {
            b'0'..=b'9' => byte.wrapping_add(0xf0 - b'0'),
            b'A'..=b'I' => byte.wrapping_add(0xc1 - b'A'),
            b'J'..=b'R' => byte.wrapping_add(0xd1 - b'J'),
            b'S'..=b'Z' => byte.wrapping_add(0xe2 - b'S'),
            _ => 0x40,
        };
        text.bytes()
            .map(|byte| if self.is_ebcdic { ebcdic(byte) } else { byte })
            .collect()
    }

    /// Writes a piece of the stream; where the file is in blocks, block by block.
    fn stream(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.is_ebcdic {
            return self.out.write_all(bytes);
        }
        for byte in bytes {
            self.block.push(*byte);
            if self.block.len() == BLOCK {
                self.put_block()?;
            }
        }
        Ok(())
    }

    fn put_block(&mut self) -> io::Result<()> {
        self.block.extend([0x40; 2]);
        self.out.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }
}

/// A private data subelement: tag, length, text.
fn pds(tag: &str, text: &str) -> String {
    format!("{tag}{:03}{text}", text.len())
}
