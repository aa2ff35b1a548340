//! Mastercard IPM clearing files, as an acquirer's side reads them.
//!
//! Three layers: `container` cuts the file into records, `message` finds the data elements (DE) and private data subelements
//! (PDS) of each, and this one says what they mean. Facts are those that are public: ISO 8583:1993, and what programs that write
//! and read these files agree on.
//!
//! A file holds one logical file or several, each from a header (1644, function code 697) to a trailer (1644/695) of the same file
//! id (PDS 0105), with messages that are numbered from 1 without a gap (DE 71). The trailer says how many messages there are,
//! itself and the header included (PDS 0306), and what their amounts add up to, whatever their currencies and directions (PDS
//! 0301): both are control claims. A logical file is a settlement batch; nothing in it says what is paid for it.
//!
//! Where the money goes follows from type, processing code and function code, and PDS 0025 turns it around:
//!
//! | message | | a purchase (00, 01, 09, 12, 17, 18) | a credit (20, 28) |
//! | --- | --- | --- | --- |
//! | 1240/200 | first presentment | capture | refund |
//! | 1240/205, 282 | second presentment | chargeback reversal | unsupported |
//! | 1442/450, 451, 453, 454 | chargeback | chargeback | unsupported |
//! | reversed 1240/200 | | unsupported | refund failure |
//! | reversed 1442 | | chargeback reversal | unsupported |
//!
//! A fee collection (1740) comes from somebody else: one that credits its originator (19) takes from us, one that debits it (29)
//! gives to us. Other messages of type 1644 move no money; they are counted, and become no lines.
//!
//! Invariants of every line:
//! - amounts are in the exponents that the message itself states (PDS 0148), and stored in those of ISO 4217;
//! - gross is DE 4 and DE 49; net is DE 5 and DE 50, or the gross without them, less the fees of PDS 0146;
//! - DE 9, where it is there, leads from DE 4 to DE 5 as exactly as its digits allow;
//! - all elements and subelements are kept as text, read or not, but of the card number no more than six and four digits; of its
//!   expiry and of what the chip said, where the number stands in binary form, only how long they are.

mod container;
mod message;

use std::io::{Cursor, Read};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use self::container::{Encoding, Records};
use self::message::{Message, PDS_CARRIERS, Pds};
use super::format::HEAD;
use super::sheet::Wrong;
use super::{Claim, ControlClaims, RecordType, Row, SettlementLine, SettlementReader};
use crate::card_number;
use crate::delimited::FileError;
use crate::ids::check_reference;
use crate::money::{Currency, Money};

/// Whether a file that begins so is of this format.
pub(super) fn begins(head: &[u8]) -> bool {
    container::begins(head)
}

/// What the head of a file and its rest are read from.
type Chained<R> = std::io::Chain<Cursor<Vec<u8>>, R>;

/// Reads an IPM file: lines and rejects, in the order of the file. Lines are numbered by records.
#[derive(Debug)]
pub struct IpmReader<R> {
    records: Records<Chained<R>>,
    encoding: Encoding,
    /// The logical file that is being read.
    logical: Option<Logical>,
    claims: ControlClaims,
    ordinal: u32,
}

/// A logical file, from its header on.
#[derive(Debug)]
struct Logical {
    id: String,
    messages: u64,
    /// Σ DE 4, whatever currency it is in.
    amounts: i128,
}

impl<R: Read> IpmReader<R> {
    /// Begins a file: finds out how it is laid out and encoded.
    ///
    /// Errors: it does not begin with a message, a failing read.
    pub fn open(mut input: R) -> Result<Self, FileError> {
        let mut head = Vec::new();
        let limit = u64::try_from(HEAD).unwrap_or(u64::MAX);
        input.by_ref().take(limit).read_to_end(&mut head)?;
        let encoding = head.get(4..8).and_then(Encoding::of).filter(|_| begins(&head));
        let encoding = encoding.ok_or_else(|| FileError::Damaged {
            record: 1,
            reason: "not an IPM file: it does not begin with a length and the type of a message".to_owned(),
        })?;
        let layout = container::layout_of(&head, head.len() < HEAD);
        Ok(Self {
            records: Records::new(Cursor::new(head).chain(input), layout),
            encoding,
            logical: None,
            claims: ControlClaims::default(),
            ordinal: 0,
        })
    }
}

impl<R: Read> SettlementReader for IpmReader<R> {
    fn row(&mut self) -> Result<Option<Row>, FileError> {
        loop {
            let more = self
                .records
                .advance()
                .map_err(|fault| fault.at(self.records.number()))?;
            let record = self.records.number();
            let damaged = |reason: &str| FileError::Damaged {
                record,
                reason: reason.to_owned(),
            };
            if !more {
                if self.logical.is_some() {
                    return Err(damaged("the file ends without a trailer (1644/695)"));
                }
                // Nothing in these files says what is paid for a batch.
                self.claims.totals.clear();
                return Ok(None);
            }
            let bytes = self.records.record();
            let read = match Message::parse(bytes, self.encoding) {
                Ok(message) => match message.pds() {
                    Ok(pds) => Ok((message, pds)),
                    Err(wrong) => Err((wrong, raw(&message, &Pds::default()))),
                },
                // Where its card number stands nobody knows.
                Err(wrong) => Err((wrong, format!("{} bytes", bytes.len()))),
            };
            let line = match read {
                Ok((message, pds)) => {
                    if let Some(logical) = &mut self.logical {
                        logical.count(&message);
                    }
                    if is_control(&message) {
                        control(&mut self.logical, &mut self.claims, &message, &pds, record)?;
                        continue;
                    }
                    let Some(logical) = &self.logical else {
                        return Err(damaged("a message outside of header and trailer"));
                    };
                    check_number(&message, logical.messages).map_err(|wrong| wrong_in(record, wrong))?;
                    if message.message_type() == "1644" {
                        continue;
                    }
                    self.ordinal = self.ordinal.saturating_add(1);
                    LineReader {
                        message: &message,
                        pds: &pds,
                        logical,
                    }
                    .read(self.ordinal, record)
                    .map_err(|wrong| wrong.at(record, &raw(&message, &pds)))
                }
                Err((wrong, raw)) => {
                    let Some(logical) = &mut self.logical else {
                        return Err(wrong_in(record, wrong));
                    };
                    logical.messages = logical.messages.saturating_add(1);
                    self.ordinal = self.ordinal.saturating_add(1);
                    Err(wrong.at(record, &raw))
                }
            };
            return self.claims.take(line).map(Some);
        }
    }

    fn unknown_columns(&self) -> &[String] {
        &[]
    }

    fn claims(&self) -> &ControlClaims {
        &self.claims
    }
}

/// What ends a file, from what is wrong in a record that the rest depends on.
fn wrong_in(record: u64, wrong: Wrong) -> FileError {
    let reject = wrong.at(record, "");
    let element = reject.column.map(|column| format!("{column} ")).unwrap_or_default();
    FileError::Damaged {
        record,
        reason: format!("{element}{}", reject.reason),
    }
}

/// Whether a message is a header or a trailer.
fn is_control(message: &Message<'_>) -> bool {
    let function = message.text(24);
    message.message_type() == "1644" && matches!(function.as_deref(), Some("697" | "695"))
}

/// Begins a logical file with its header, or ends it with its trailer and keeps what that claims.
fn control(
    logical: &mut Option<Logical>,
    claims: &mut ControlClaims,
    message: &Message<'_>,
    pds: &Pds,
    record: u64,
) -> Result<(), FileError> {
    let damaged = |reason: String| FileError::Damaged { record, reason };
    let wrong = |wrong| wrong_in(record, wrong);
    let id = pds.get("0105").unwrap_or_default();
    check_reference(id).map_err(|error| damaged(format!("PDS0105 {error}")))?;
    if message.text(24).as_deref() == Some("697") {
        if logical.is_some() {
            return Err(damaged("a header before the trailer of the one before".to_owned()));
        }
        if pds.get("0122") == Some("T") {
            return Err(damaged("PDS0122 says that the file is a test".to_owned()));
        }
        check_number(message, 1).map_err(wrong)?;
        *logical = Some(Logical {
            id: id.to_owned(),
            messages: 1,
            amounts: 0,
        });
        return Ok(());
    }
    let Some(ended) = logical.take() else {
        return Err(damaged("a trailer without a header".to_owned()));
    };
    check_number(message, ended.messages).map_err(wrong)?;
    if ended.id != id {
        let reason = format!("PDS0105 is `{id}`, but the header's is `{}`", ended.id);
        return Err(damaged(reason));
    }
    let count = i128::from(pds.number("0306").map_err(wrong)?);
    let amounts = i128::from(pds.number("0301").map_err(wrong)?);
    let claim = |what: &str, stated, read| Claim {
        batch: None,
        what: format!("the trailer in record {record} says {what}"),
        currency: None,
        stated,
        read,
    };
    claims.claims.extend([
        claim("messages (PDS0306)", count, ended.messages.into()),
        claim("amounts without currency (PDS0301)", amounts, ended.amounts),
    ]);
    Ok(())
}

impl Logical {
    /// Counts a message, and what it adds to the checksum.
    fn count(&mut self, message: &Message<'_>) {
        self.messages = self.messages.saturating_add(1);
        let amount = message.digits(4).ok().and_then(|digits| digits.parse::<i128>().ok());
        // Messages of twelve digits, fewer than 64 bits of them: the sum cannot reach its end.
        self.amounts = self.amounts.saturating_add(amount.unwrap_or(0));
    }
}

/// Proves the place of a message in its logical file.
fn check_number(message: &Message<'_>, expected: u64) -> Result<(), Wrong> {
    let digits = message.digits(71)?;
    if digits.parse() == Ok(expected) {
        return Ok(());
    }
    Err(Wrong::in_column(
        "DE71",
        format!("numbers the message {digits}, but it is message {expected} of its file"),
    ))
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    FirstPresentment,
    SecondPresentment,
    Chargeback,
    FeeCollection,
}

/// What a line is and where its money goes: 1 to us, -1 from us. `credit` as [`is_credit`] says it.
fn record(kind: Kind, credit: bool, reversed: bool) -> (RecordType, i64) {
    let (record, sign): (RecordType, i64) = match (kind, credit, reversed) {
        (Kind::FirstPresentment, false, false) => (RecordType::Capture, 1),
        (Kind::FirstPresentment, true, false) => (RecordType::Refund, -1),
        (Kind::FirstPresentment, true, true) => (RecordType::RefundFailure, -1),
        (Kind::SecondPresentment, false, false) => (RecordType::ChargebackReversal, 1),
        (Kind::Chargeback, false, false) => (RecordType::Chargeback, -1),
        (Kind::Chargeback, false, true) => (RecordType::ChargebackReversal, -1),
        (Kind::FirstPresentment, false, true) | (Kind::SecondPresentment, false, true) => (RecordType::Unsupported, 1),
        (Kind::SecondPresentment, true, _) => (RecordType::Unsupported, -1),
        (Kind::Chargeback, true, _) => (RecordType::Unsupported, 1),
        (Kind::FeeCollection, false, _) => (RecordType::BatchFee, -1),
        (Kind::FeeCollection, true, _) => (RecordType::BatchFee, 1),
    };
    (record, if reversed { sign.saturating_neg() } else { sign })
}

/// The money of a message, signed.
struct Amounts {
    gross: Money,
    net: Money,
    interchange: i64,
    scheme_fee: i64,
    exchange_rate: Option<Decimal>,
}

/// One message on its way to become a line.
struct LineReader<'a> {
    message: &'a Message<'a>,
    pds: &'a Pds,
    logical: &'a Logical,
}

impl LineReader<'_> {
    fn read(&self, ordinal: u32, record_number: u64) -> Result<SettlementLine, Wrong> {
        let function = self.message.digits(24)?;
        let processing = self.message.digits(3)?;
        let kind = self.kind(&function)?;
        let processing = processing.get(..2).unwrap_or_default();
        let reversed = self.is_reversed()?;
        let (record, sign) = record(kind, is_credit(kind, processing)?, reversed);
        let occurred_on = self.occurred_on()?;
        let amounts = self.amounts(sign, kind)?;
        let type_text = format!(
            "{}/{function}/{processing}{}",
            self.message.message_type(),
            if reversed { " reversed" } else { "" }
        );
        let of_payment = kind != Kind::FeeCollection;
        let fee_reference = self.pds.get("0137").map(|text| text.trim_end_matches(' ').to_owned());
        let fee_reference = fee_reference.filter(|text| !of_payment && !text.is_empty());
        Ok(SettlementLine {
            of_balance: false,
            ordinal,
            line: record_number,
            record,
            // Where the money goes is said by the type alone.
            contrary: None,
            type_text,
            batch: self.logical.id.clone(),
            acquirer_reference: fee_reference.map(|text| checked("PDS0137", text)).transpose()?,
            original_reference: None,
            merchant_reference: None,
            arn: self.reference(31)?,
            rrn: self.reference(37)?,
            auth_code: self.reference(38)?,
            card: self.message.text(2).and_then(|number| last_four(&number)),
            dispute: None,
            reason: self.reference(25)?,
            occurred_on,
            paid_out_on: None,
            gross: of_payment.then_some(amounts.gross),
            net: amounts.net,
            commission: 0,
            markup: 0,
            scheme_fee: amounts.scheme_fee,
            interchange: amounts.interchange,
            tax: 0,
            reserve: 0,
            exchange_rate: amounts.exchange_rate.filter(|_| of_payment),
            raw: raw(self.message, self.pds),
        })
    }

    fn kind(&self, function: &str) -> Result<Kind, Wrong> {
        match (self.message.message_type(), function) {
            ("1240", "200") => Ok(Kind::FirstPresentment),
            ("1240", "205" | "282") => Ok(Kind::SecondPresentment),
            ("1442", "450" | "451" | "453" | "454") => Ok(Kind::Chargeback),
            ("1740", _) if function.starts_with('7') => Ok(Kind::FeeCollection),
            ("1240" | "1442" | "1740", _) => {
                let reason = format!(
                    "`{function}` is not a function code of messages {}",
                    self.message.message_type()
                );
                Err(Wrong::in_column("DE24", reason))
            }
            (other, _) => Err(Wrong::in_column(
                "MTI",
                format!("`{other}` is not a message of clearing files"),
            )),
        }
    }

    fn is_reversed(&self) -> Result<bool, Wrong> {
        match self.pds.get("0025").map(|text| text.chars().next()) {
            None | Some(None | Some(' ')) => Ok(false),
            Some(Some('R')) => Ok(true),
            Some(Some(_)) => Err(Wrong::in_column("PDS0025", "must begin with `R` where it is there")),
        }
    }

    /// The day of `YYMMDDhhmmss`, as it stands there.
    fn occurred_on(&self) -> Result<NaiveDate, Wrong> {
        let digits = self.message.digits(12)?;
        let part = |from: usize| {
            digits
                .get(from..from.saturating_add(2))
                .and_then(|part| part.parse::<u32>().ok())
        };
        let day = part(0).zip(part(2)).zip(part(4)).and_then(|((year, month), day)| {
            let year = i32::try_from(year).ok()?.checked_add(2000)?;
            NaiveDate::from_ymd_opt(year, month, day)
        });
        let of_day = [(6, 24), (8, 60), (10, 60)];
        let is_time = of_day
            .iter()
            .all(|(from, limit)| part(*from).is_some_and(|part| part < *limit));
        day.filter(|_| is_time)
            .ok_or_else(|| Wrong::in_column("DE12", format!("`{digits}` is not a time: YYMMDDhhmmss")))
    }

    fn amounts(&self, sign: i64, kind: Kind) -> Result<Amounts, Wrong> {
        let signed = |money: Money| Money::from_minor(money.minor().saturating_mul(sign), money.currency());
        let gross = signed(self.amount(4, 49)?);
        let settled = match self.message.text(5) {
            Some(_) => signed(self.amount(5, 50)?),
            None => gross,
        };
        let (interchange, scheme_fee) = self.fees(settled.currency(), kind)?;
        let too_large = || Wrong::in_column("PDS0146", "the fees are too large");
        let net = settled
            .minor()
            .checked_sub(interchange)
            .and_then(|net| net.checked_sub(scheme_fee))
            .ok_or_else(too_large)?;
        Ok(Amounts {
            gross,
            net: Money::from_minor(net, settled.currency()),
            interchange,
            scheme_fee,
            exchange_rate: self.exchange_rate(gross, settled)?,
        })
    }

    /// An amount of twelve digits, in the exponent that the message states for its currency.
    fn amount(&self, amount: usize, currency: usize) -> Result<Money, Wrong> {
        let digits = self.message.digits(amount)?;
        let code = self.message.digits(currency)?;
        self.money(&digits, &code, &format!("DE{amount}"), &format!("DE{currency}"))
    }

    /// So many units, in digits, of a currency, in digits.
    fn money(&self, digits: &str, code: &str, element: &str, currency_element: &str) -> Result<Money, Wrong> {
        let unknown = || Wrong::in_column(currency_element, format!("`{code}` is not the number of a currency"));
        let currency = Currency::from_digits(code).ok_or_else(unknown)?;
        let stated = self.exponent(code)?;
        let wrong = |reason: String| Wrong::in_column(element, reason);
        let units: i64 = digits.parse().map_err(|_| wrong("is not made of digits".to_owned()))?;
        let shift = 10_i64.checked_pow(stated.abs_diff(currency.exponent()).into());
        let shift = shift.ok_or_else(|| wrong("is too large".to_owned()))?;
        let minor = if stated <= currency.exponent() {
            units.checked_mul(shift)
        } else {
            units.checked_div(shift).filter(|_| units.checked_rem(shift) == Some(0))
        };
        let minor = minor.ok_or_else(|| {
            let exponent = currency.exponent();
            wrong(format!(
                "`{digits}` with {stated} decimals does not fit {currency}, which has {exponent}"
            ))
        })?;
        Ok(Money::from_minor(minor, currency))
    }

    /// How many decimals the amounts of a currency have in this message: four digits each, the currency and its exponent.
    fn exponent(&self, code: &str) -> Result<u8, Wrong> {
        let wrong = |reason: String| Wrong::in_column("PDS0148", reason);
        let text = self.pds.get("0148").unwrap_or_default();
        if !text.bytes().all(|byte| byte.is_ascii_digit()) || !text.len().is_multiple_of(4) {
            return Err(wrong(
                "must be of three digits of a currency and one of its exponent".to_owned(),
            ));
        }
        let stated = text.as_bytes().chunks_exact(4).find_map(|chunk| match chunk {
            [number @ .., exponent] if number == code.as_bytes() => Some(exponent.wrapping_sub(b'0')),
            _ => None,
        });
        stated.ok_or_else(|| wrong(format!("does not say how many decimals currency {code} has")))
    }

    /// What PDS 0146 takes from us: interchange, and other fees of the scheme. Each is of 36 characters: type (2), processing code
    /// (2), settlement indicator (2), currency and amount (15), and both again in the currency of reconciliation.
    ///
    /// A presentment is sent by us, a chargeback by the other side: a fee that debits its sender (29) costs us in the one, and is
    /// ours in the other.
    fn fees(&self, currency: Currency, kind: Kind) -> Result<(i64, i64), Wrong> {
        let text = self.pds.get("0146").unwrap_or_default();
        let wrong = |reason: String| Wrong::in_column("PDS0146", reason);
        if !text.bytes().all(|byte| byte.is_ascii_digit()) || !text.len().is_multiple_of(36) {
            return Err(wrong("must be of 36 digits for each fee".to_owned()));
        }
        let ours = matches!(kind, Kind::FirstPresentment | Kind::SecondPresentment);
        let (mut interchange, mut scheme_fee) = (0_i64, 0_i64);
        let mut rest = text;
        while let Some((fee, after)) = rest.split_at_checked(36) {
            rest = after;
            let part = |from: usize, to: usize| fee.get(from..to).unwrap_or_default();
            let money = self.money(part(24, 36), part(21, 24), "PDS0146", "PDS0146")?;
            if money.currency() != currency {
                return Err(wrong(format!(
                    "a fee is in {}, but the amount in {currency}",
                    money.currency()
                )));
            }
            if part(4, 6) != "01" {
                return Err(wrong(format!("`{}` is not a known settlement indicator", part(4, 6))));
            }
            let cost = match (part(2, 4), ours) {
                ("29", true) | ("19", false) => money.minor(),
                ("19", true) | ("29", false) => money.minor().saturating_neg(),
                (other, _) => return Err(wrong(format!("`{other}` is not a processing code of fees"))),
            };
            let sum = if part(0, 2) == "00" {
                &mut interchange
            } else {
                &mut scheme_fee
            };
            *sum = sum
                .checked_add(cost)
                .ok_or_else(|| wrong("the fees are too large".to_owned()))?;
        }
        Ok((interchange, scheme_fee))
    }

    /// What one unit of the gross currency is in the other; none where they are one. DE 9 has seven digits, the first of eight says
    /// how many of them are decimals: it is proven to lead from one amount to the other, and the amounts say it exactly.
    fn exchange_rate(&self, gross: Money, settled: Money) -> Result<Option<Decimal>, Wrong> {
        if gross.currency() == settled.currency() {
            if gross.minor() == settled.minor() {
                return Ok(None);
            }
            return Err(Wrong::in_column(
                "DE5",
                format!("is {settled}, but DE4 is {gross}, of the same currency"),
            ));
        }
        let major = |money: Money| Decimal::try_new(money.minor(), money.currency().exponent().into()).ok();
        let amounts = major(gross).zip(major(settled)).filter(|(gross, _)| !gross.is_zero());
        let (from, to) = amounts.ok_or_else(|| Wrong::in_column("DE4", "is nothing beside an amount in DE5"))?;
        let wrong = |reason: String| Wrong::in_column("DE9", reason);
        if self.message.text(9).is_some() {
            let digits = self.message.digits(9)?;
            let scale = digits.get(..1).and_then(|digit| digit.parse().ok());
            let rate = digits.get(1..).and_then(|rest| rest.parse().ok());
            let rate = rate
                .zip(scale)
                .and_then(|(rate, scale)| Decimal::try_new(rate, scale).ok());
            let rate = rate.ok_or_else(|| wrong(format!("`{digits}` is not a rate")))?;
            // Half of the rate's last digit for each unit, and half a minor unit of the result, rounded up to a whole one.
            let last_digit = Decimal::try_new(1, rate.scale()).ok();
            let allowed = last_digit
                .and_then(|digit| digit.checked_mul(from.abs()))
                .zip(Decimal::try_new(1, settled.currency().exponent().into()).ok())
                .and_then(|(rate, unit)| rate.checked_add(unit));
            let off = from.checked_mul(rate).and_then(|converted| converted.checked_sub(to));
            let leads = off.zip(allowed).is_some_and(|(off, allowed)| off.abs() <= allowed);
            if !leads {
                return Err(wrong(format!("{rate} does not lead from {gross} to {settled}")));
            }
        }
        let rate = to.checked_div(from).filter(|rate| !rate.is_zero());
        rate.map(Some)
            .ok_or_else(|| Wrong::in_column("DE5", "is nothing beside an amount in DE4"))
    }

    /// An element that is a reference, where there is one.
    fn reference(&self, number: usize) -> Result<Option<String>, Wrong> {
        let text = self.message.text(number);
        text.map(|text| checked(&format!("DE{number}"), text)).transpose()
    }
}

/// What a message says, element by element and subelement by subelement, card numbers masked.
fn raw(message: &Message<'_>, pds: &Pds) -> String {
    // The expiry of the card, and what its chip said.
    const HIDDEN: [usize; 2] = [14, 55];
    let mut raw = message.message_type().to_owned();
    for (number, length) in message.lengths() {
        let text = message.text(number).unwrap_or_default();
        raw.push_str(&match number {
            2 => format!(" DE2={}", masked(&text)),
            _ if HIDDEN.contains(&number) || PDS_CARRIERS.contains(&number) => format!(" DE{number}({length})"),
            _ => format!(" DE{number}={}", printable(&text)),
        });
    }
    for (tag, text) in pds.all() {
        raw.push_str(&format!(" PDS{tag}={}", printable(text)));
    }
    card_number::mask(&raw).into_owned()
}

/// A text with its control characters as what they are, in hex.
fn printable(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => format!("\\x{:02x}", u32::from(c)),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// The first six and last four characters of what should be a card number; of a short one none.
fn masked(text: &str) -> String {
    let count = text.chars().count();
    let shown = |place: usize| count >= 13 && (place < 6 || place.saturating_add(4) >= count);
    let cleaned = text.chars().enumerate().map(|(place, c)| match c {
        '0'..='9' if shown(place) => c,
        _ => '*',
    });
    cleaned.collect()
}

/// The last four digits of what should be a card number.
fn last_four(number: &str) -> Option<String> {
    let long = number.len() >= 13 && number.bytes().all(|byte| byte.is_ascii_digit());
    let start = number.len().checked_sub(4).filter(|_| long)?;
    number.get(start..).map(str::to_owned)
}

/// A text, where it is fit to be a reference.
fn checked(element: &str, text: String) -> Result<String, Wrong> {
    check_reference(&text).map_err(|error| Wrong::in_column(element, error))?;
    Ok(text)
}

/// Whether the processing code, by its first two digits, is one that pays the cardholder, or takes a fee from who sent the message:
/// the other way round than a purchase, or a fee for who sent it.
fn is_credit(kind: Kind, processing: &str) -> Result<bool, Wrong> {
    match (kind == Kind::FeeCollection, processing) {
        (false, "00" | "01" | "09" | "12" | "17" | "18") | (true, "19") => Ok(false),
        (false, "20" | "28") | (true, "29") => Ok(true),
        _ => Err(Wrong::in_column(
            "DE3",
            format!("`{processing}` does not say where the money of this message goes"),
        )),
    }
}

#[cfg(test)]
mod tests;
