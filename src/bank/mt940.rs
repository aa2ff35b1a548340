//! SWIFT MT940, customer statement message, as banks write it into files.
//!
//! A message begins with `:20:` and has the account `:25:`, its number `:28C:`, an opening balance `:60F:` (`:60M:` on a page
//! that goes on), entries `:61:` each with a text `:86:`, a closing balance `:62F:` (`:62M:` where another page follows), and may
//! have balances `:64:` and `:65:` and a text `:86:` about itself. Blocks `{1:}{2:}{4:` around it and `-}` after it, an older
//! frame of plain lines, or none at all are all in use; so are lines between messages, which are passed over. Every page is a
//! [`Statement`] of its own: its balances lead from one to the next.
//!
//! A line that begins with a tag begins a field; all others go on with the one before. In the text `:86:` a line that looks like
//! a tag but is none that MT940 has is text, and so is one that begins with `-` before the closing balance.
//!
//! Invariants of what is read:
//! - amounts have a decimal comma, after which there may be nothing; C and RD are credits, D and RC debits, and R marks a reversal;
//! - the year of the booking date, which is not written, is the one that brings it nearest to the value date;
//! - a value date of 29 or 30 February where there is none is the last day of that month: some banks count months of 30 days;
//! - an amount is of the currency of the opening balance.
//!
//! Proven: opening balance and entries make the closing balance, page by page, and each page begins with what the one before it
//! ended with.

mod narrative;

use std::collections::VecDeque;
use std::io::Read;

use chrono::{Datelike, Months, NaiveDate};

use super::lines::Lines;
use super::proof::{Chain, Proof};
use super::text::{Wrong, account, kept, prose, raw, short};
use super::{Balance, Code, Entry, FileClaims, Item, Kind, Statement, StatementReader, Status};
use crate::delimited::FileError;
use crate::money::{Currency, Money};

/// The most lines between two messages that are passed over.
const BETWEEN_LIMIT: usize = 100;
/// The most lines of one field.
const FIELD_LIMIT: usize = 1_000;

/// The most bytes about one entry after which there may be another `:86:`.
const TEXT_LIMIT: usize = 100_000;
/// The most balances beside those that open and close a statement.
const BALANCE_LIMIT: usize = 1_000;
/// The most that is told of what is wrong before an opening balance.
const EARLY_LIMIT: usize = 100;

/// Tags that a message has.
const TAGS: [&str; 17] = [
    "20", "21", "25", "25P", "28", "28C", "60F", "60M", "61", "86", "62F", "62M", "64", "65", "13", "13D", "NS",
];

/// Whether a file that begins so holds messages: a line with `:20:`, and below it one with `:25`.
pub(super) fn begins(head: &[u8]) -> bool {
    let mut lines = head
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .map(|line| line.strip_prefix(b"\x01").unwrap_or(line));
    let framed = |line: &[u8]| line.windows(8).any(|window| window == b"{4::20:");
    lines.any(|line| line.starts_with(b":20:") || framed(line)) && lines.any(|line| line.starts_with(b":25"))
}

/// Reads a file of MT940 messages.
pub struct Mt940Reader<R> {
    lines: Lines<R>,
    /// A line that was read and begins something else.
    next: Option<String>,
    next_line: u64,
    claims: FileClaims,
    chain: Chain,
    message: Option<Message>,
    ready: VecDeque<Item>,
    ended: bool,
}

/// A message that is being read.
struct Message {
    line: u64,
    id: String,
    account: Option<String>,
    bank: Option<String>,
    sequence: Option<String>,
    page: Option<u32>,
    proof: Proof,
    /// The opening balance has come, well or not.
    opened: bool,
    /// So has the closing balance.
    closed: bool,
    closing: Option<Balance>,
    balances: Vec<Balance>,
    /// An entry that waits for its text.
    entry: Option<Waiting>,
    /// What is wrong before the opening balance.
    early: Vec<Wrong>,
}

/// An entry without its text, or why it is none.
struct Waiting {
    line: u64,
    read: Result<Entry, Wrong>,
    raw: String,
}

/// A field: its tag, where it is, its lines.
struct Field {
    tag: String,
    line: u64,
    lines: Vec<String>,
}

impl Field {
    fn first(&self) -> &str {
        self.lines.first().map_or("", String::as_str)
    }

    fn wrong(&self, reason: impl Into<String>) -> Wrong {
        Wrong::at(self.line, format!(":{}:", self.tag), reason)
    }

    fn raw(&self) -> String {
        format!(":{}:{}", self.tag, self.lines.join("\n"))
    }
}

/// What comes next in a file.
enum Token {
    Field(Field),
    /// The message ends.
    End,
    Eof,
}

impl<R: Read> Mt940Reader<R> {
    /// Begins a file.
    pub fn open(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            next: None,
            next_line: 0,
            claims: FileClaims::default(),
            chain: Chain::default(),
            message: None,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// The next line that is not blank, and its number.
    fn line(&mut self) -> Result<Option<(u64, String)>, FileError> {
        if let Some(line) = self.next.take() {
            return Ok(Some((self.next_line, line)));
        }
        while let Some(line) = self.lines.next()? {
            if !line.trim().is_empty() {
                return Ok(Some((self.lines.number(), line)));
            }
        }
        Ok(None)
    }

    /// Outside of a message: the field that begins the next.
    fn find_message(&mut self) -> Result<Token, FileError> {
        let mut between = 0_usize;
        while let Some((number, line)) = self.line()? {
            let bare = line.trim_start_matches(['\u{1}', '\u{2}', '\u{3}']);
            // Blocks of SWIFT's frame; the text begins after the fourth.
            let bare = match bare.find("{4:") {
                Some(place) if bare.starts_with('{') => bare.get(place.saturating_add(3)..).unwrap_or_default(),
                _ => bare,
            };
            match tag_of(bare) {
                Some(("20", text)) => return self.field("20", text.to_owned(), number).map(Token::Field),
                Some((tag, _)) if TAGS.contains(&tag) => {
                    return Err(self
                        .lines
                        .malformed(format!("`:{tag}:` outside of a message, which begins with `:20:`")));
                }
                _ => between = between.saturating_add(1),
            }
            if between > BETWEEN_LIMIT {
                return Err(self
                    .lines
                    .malformed(format!("more than {BETWEEN_LIMIT} lines outside of a message")));
            }
        }
        Ok(Token::Eof)
    }

    /// Within a message: its next field, or its end.
    fn next_field(&mut self, closed: bool) -> Result<Token, FileError> {
        let Some((number, line)) = self.line()? else {
            return Ok(Token::Eof);
        };
        if closed && line.starts_with('-') {
            return Ok(Token::End);
        }
        match tag_of(&line) {
            Some(("20", _)) if closed => {
                (self.next, self.next_line) = (Some(line), number);
                Ok(Token::End)
            }
            Some((tag, text)) if TAGS.contains(&tag) => {
                let (tag, text) = (tag.to_owned(), text.to_owned());
                self.field(&tag, text, number).map(Token::Field)
            }
            // A frame that is not closed, or the lines of an older one.
            _ if closed => {
                (self.next, self.next_line) = (Some(line), number);
                Ok(Token::End)
            }
            Some((tag, _)) => Err(self.lines.malformed(format!("`:{}:` is no field of MT940", short(tag)))),
            None => Err(self.lines.malformed(format!("`{}` stands in no field", short(&line)))),
        }
    }

    /// The rest of a field: the lines that begin nothing else.
    fn field(&mut self, tag: &str, text: String, line: u64) -> Result<Field, FileError> {
        let mut field = Field {
            tag: tag.to_owned(),
            line,
            lines: vec![text],
        };
        while let Some((number, line)) = self.line()? {
            let begins = match tag_of(&line) {
                Some((next, _)) => TAGS.contains(&next) || tag != "86",
                None => line.starts_with("-}") || (line.starts_with('-') && tag != "86") || line.starts_with('{'),
            };
            // After the closing balance, and in the text about it, a dash ends the message.
            let ends = line.starts_with('-') && self.message.as_ref().is_some_and(|message| message.closed);
            let one_line = tag.starts_with('6') && tag != "61";
            if begins || ends || one_line {
                (self.next, self.next_line) = (Some(line), number);
                break;
            }
            if field.lines.len() >= FIELD_LIMIT {
                return Err(self
                    .lines
                    .malformed(format!("a field of more than {FIELD_LIMIT} lines")));
            }
            field.lines.push(line);
        }
        Ok(field)
    }

    /// What is wrong before the opening balance waits for it: that is when the statement begins.
    fn reject(&mut self, message: &mut Message, wrong: Wrong) {
        if !message.opened {
            if message.early.len() < EARLY_LIMIT {
                message.early.push(wrong);
            }
            return;
        }
        message.proof.rejects = message.proof.rejects.saturating_add(1);
        self.claims.rejects = self.claims.rejects.saturating_add(1);
        self.ready.push_back(Item::Reject(wrong.into_reject()));
    }

    fn begin(&mut self, field: &Field) {
        self.claims.statements = self.claims.statements.saturating_add(1);
        let id = kept(field.first()).unwrap_or_default();
        self.message = Some(Message {
            line: field.line,
            id: id.unwrap_or_default(),
            account: None,
            bank: None,
            sequence: None,
            page: None,
            proof: Proof::of(self.claims.statements),
            opened: false,
            closed: false,
            closing: None,
            balances: Vec::new(),
            entry: None,
            early: Vec::new(),
        });
    }

    /// Takes a field of a message in.
    fn take(&mut self, message: &mut Message, field: &Field) -> Result<(), FileError> {
        let out_of_order = |what: &str| FileError::Malformed {
            line: field.line,
            reason: format!("`:{}:` {what}", field.tag),
        };
        match field.tag.as_str() {
            "20" => return Err(out_of_order("before the message above has its closing balance")),
            "25" | "25P" | "28" | "28C" if message.opened => {
                return Err(out_of_order("after the opening balance"));
            }
            "25" | "25P" => match account(field.first()) {
                Ok(number) if message.account.is_none() => {
                    message.account = number;
                    message.bank = field.lines.get(1).and_then(|bank| kept(bank).ok().flatten());
                }
                Ok(_) => return Err(out_of_order("a second time")),
                Err(reason) => self.reject(message, field.wrong(reason)),
            },
            "28" | "28C" => match number_of(field.first()) {
                Some((number, page)) => (message.sequence, message.page) = (Some(number), page),
                None => {
                    let wrong = field.wrong(format!("`{}` is not the number of a statement", short(field.first())));
                    self.reject(message, wrong);
                }
            },
            "60F" | "60M" if message.opened => return Err(out_of_order("a second time")),
            "60F" | "60M" => self.open_statement(message, field)?,
            "61" if !message.opened => return Err(out_of_order("before the opening balance")),
            "61" | "62F" | "62M" if message.closed => return Err(out_of_order("after the closing balance")),
            "61" => {
                self.flush(message);
                let read = entry(field, message.proof.currency);
                message.entry = Some(Waiting {
                    line: field.line,
                    read,
                    raw: field.raw(),
                });
            }
            "86" => describe(message, field),
            "62F" | "62M" if !message.opened => return Err(out_of_order("before the opening balance")),
            "62F" | "62M" => self.close_statement(message, field),
            "64" | "65" if message.balances.len() >= BALANCE_LIMIT => return Err(out_of_order("once too often")),
            "64" | "65" => match balance(field) {
                Ok(balance) => message.balances.push(balance),
                Err(wrong) => self.reject(message, wrong),
            },
            _ => {}
        }
        Ok(())
    }

    fn open_statement(&mut self, message: &mut Message, field: &Field) -> Result<(), FileError> {
        let Some(account) = message.account.clone() else {
            return Err(FileError::Malformed {
                line: field.line,
                reason: "an opening balance before the account `:25:`".to_owned(),
            });
        };
        message.opened = true;
        let (opening, wrong) = match balance(field) {
            Ok(balance) => (Some(balance), None),
            Err(wrong) => (None, Some(wrong)),
        };
        let proof = &mut message.proof;
        proof.account.clone_from(&account);
        proof.currency = opening.as_ref().map(|opening| opening.money.currency());
        proof.opening.clone_from(&opening);
        self.chain.check(proof);
        self.ready.push_back(Item::Statement(Statement {
            ordinal: proof.statement,
            line: message.line,
            kind: Kind::Statement,
            id: message.id.clone(),
            account,
            bank: message.bank.clone(),
            currency: proof.currency,
            sequence: message.sequence.clone(),
            legal_sequence: None,
            page: message.page,
            duplicate: false,
            from: None,
            until: None,
            opening,
        }));
        for wrong in std::mem::take(&mut message.early).into_iter().chain(wrong) {
            self.reject(message, wrong);
        }
        Ok(())
    }

    fn close_statement(&mut self, message: &mut Message, field: &Field) {
        self.flush(message);
        message.closed = true;
        let agreed = balance(field).and_then(|balance| {
            let agrees = message.proof.agrees(balance.money.currency());
            agrees.map_err(|reason| field.wrong(reason))?;
            Ok(balance)
        });
        match agreed {
            Ok(balance) => {
                message.proof.check_closing(&balance);
                message.closing = Some(balance);
            }
            Err(wrong) => self.reject(message, wrong),
        }
    }

    /// Gives out the entry that waited for its text.
    fn flush(&mut self, message: &mut Message) {
        let Some(waiting) = message.entry.take() else {
            return;
        };
        self.claims.entries = self.claims.entries.saturating_add(1);
        match waiting.read {
            Ok(entry) => {
                let entry = Entry {
                    ordinal: self.claims.entries,
                    statement: message.proof.statement,
                    line: waiting.line,
                    raw: raw(&waiting.raw),
                    ..entry
                };
                message.proof.add(&entry);
                self.ready.push_back(Item::Entry(entry));
            }
            Err(wrong) => self.reject(message, wrong),
        }
    }

    fn end(&mut self, mut message: Message) -> Result<(), FileError> {
        self.flush(&mut message);
        self.chain.end(&message.proof, message.closing.as_ref(), message.line)?;
        let closing = message.proof.into_closing(message.closing, message.balances);
        self.ready.push_back(Item::Closing(closing));
        Ok(())
    }
}

impl<R: Read> StatementReader for Mt940Reader<R> {
    fn item(&mut self) -> Result<Option<Item>, FileError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            // It stays in its place while the next field is read, which depends on how far it has come.
            let closed = self.message.as_ref().map(|message| message.closed);
            let token = match closed {
                None => self.find_message()?,
                Some(closed) => self.next_field(closed)?,
            };
            match (self.message.take(), token) {
                (None, Token::Field(field)) => self.begin(&field),
                (None, Token::End | Token::Eof) if self.claims.statements == 0 => {
                    return Err(self.lines.malformed("the file holds no message of MT940"));
                }
                (None, Token::End | Token::Eof) => self.ended = true,
                (Some(mut message), Token::Field(field)) => {
                    self.take(&mut message, &field)?;
                    self.message = Some(message);
                }
                (Some(message), Token::Eof) if !message.closed => {
                    return Err(self
                        .lines
                        .malformed("the file ends within a message, before its closing balance"));
                }
                (Some(message), Token::End | Token::Eof) => self.end(message)?,
            }
        }
    }

    fn claims(&self) -> &FileClaims {
        &self.claims
    }
}

/// The tag that a line begins with, and what follows it.
fn tag_of(line: &str) -> Option<(&str, &str)> {
    let (tag, text) = line.strip_prefix(':')?.split_once(':')?;
    let shaped = (2..=3).contains(&tag.len())
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    shaped.then_some((tag, text))
}

/// `:28C:` 5n[/5n].
fn number_of(text: &str) -> Option<(String, Option<u32>)> {
    let digits = |text: &str| !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.trim().split_once('/') {
        None => digits(text.trim()).then(|| (text.trim().to_owned(), None)),
        Some((number, page)) => {
            let page = page.parse().ok().filter(|_| digits(page))?;
            digits(number).then(|| (number.to_owned(), Some(page)))
        }
    }
}

/// Puts the text `:86:` to the entry that waits for it; after the closing balance it is about the statement.
fn describe(message: &mut Message, field: &Field) {
    let Some(waiting) = &mut message.entry else {
        return;
    };
    if waiting.raw.len() > TEXT_LIMIT {
        let reason = format!("goes on after more than {TEXT_LIMIT} bytes about one entry");
        waiting.read = Err(field.wrong(reason));
        return;
    }
    waiting.raw = format!("{}\n{}", waiting.raw, field.raw());
    if let Ok(entry) = &mut waiting.read
        && let Err(reason) = narrative::read(&field.lines, entry)
    {
        waiting.read = Err(field.wrong(reason));
    }
}

/// What is left of a field while it is read from its beginning.
struct Cursor<'f> {
    rest: &'f str,
}

impl<'f> Cursor<'f> {
    /// The next so many characters, if all of them are of a kind.
    fn exactly(&mut self, count: usize, is: impl Fn(char) -> bool) -> Option<&'f str> {
        let (head, rest) = self.rest.split_at_checked(count)?;
        let fine = head.chars().all(is);
        fine.then(|| {
            self.rest = rest;
            head
        })
    }

    /// Whatever comes of a kind.
    fn every(&mut self, is: impl Fn(char) -> bool) -> &'f str {
        let end = self.rest.find(|c| !is(c)).unwrap_or(self.rest.len());
        let (head, rest) = self.rest.split_at_checked(end).unwrap_or(("", self.rest));
        self.rest = rest;
        head
    }

    fn strip(&mut self, prefix: &str) -> bool {
        let stripped = self.rest.strip_prefix(prefix);
        self.rest = stripped.unwrap_or(self.rest);
        stripped.is_some()
    }

    /// An amount, 15d: digits and a decimal comma.
    fn amount(&mut self, currency: Currency) -> Result<Money, String> {
        let text = self.every(|c| c.is_ascii_digit() || c == ',' || c == '.');
        let (whole, part) = text
            .split_once(',')
            .ok_or_else(|| format!("`{}` is not an amount: it has no decimal comma", short(text)))?;
        if whole.is_empty() {
            return Err(format!(
                "`{}` is not an amount: it has no digits before the comma",
                short(text)
            ));
        }
        let point = if part.is_empty() {
            whole.to_owned()
        } else {
            format!("{whole}.{part}")
        };
        Money::parse_scaled(&point, currency).map_err(|error| error.to_string())
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// A day as YYMMDD, of this century.
fn day(text: &str) -> Result<NaiveDate, String> {
    let wrong = || format!("`{}` is not a date as YYMMDD", short(text));
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number = |from: usize| {
        text.get(from..from.saturating_add(2))
            .and_then(|part| part.parse::<u32>().ok())
    };
    let (Some(year), Some(month), Some(day)) = (number(0), number(2), number(4)) else {
        return Err(wrong());
    };
    let year = i32::try_from(year)
        .ok()
        .and_then(|year| year.checked_add(2000))
        .ok_or_else(wrong)?;
    let date = NaiveDate::from_ymd_opt(year, month, day);
    // Months of 30 days.
    let bank_day = || {
        let first = NaiveDate::from_ymd_opt(year, 2, 1).filter(|_| month == 2 && matches!(day, 29 | 30))?;
        first.checked_add_months(Months::new(1))?.pred_opt()
    };
    date.or_else(bank_day).ok_or_else(wrong)
}

/// The day MMDD nearest to another.
fn day_near(text: &str, near: NaiveDate) -> Result<NaiveDate, String> {
    let wrong = || format!("`{}` is not a date as MMDD", short(text));
    let number = |from: usize| {
        text.get(from..from.saturating_add(2))
            .and_then(|part| part.parse::<u32>().ok())
    };
    let (month, day) = (number(0).ok_or_else(wrong)?, number(2).ok_or_else(wrong)?);
    [-1, 0, 1]
        .into_iter()
        .filter_map(|years| NaiveDate::from_ymd_opt(near.year().checked_add(years)?, month, day))
        .min_by_key(|date| date.signed_duration_since(near).num_days().saturating_abs())
        .ok_or_else(wrong)
}

/// A balance: 1!a6!n3!a15d.
fn balance(field: &Field) -> Result<Balance, Wrong> {
    let wrong = |reason: String| field.wrong(reason);
    let mut cursor = Cursor {
        rest: field.first().trim(),
    };
    let negative = match cursor.exactly(1, |_| true) {
        Some("C") => false,
        Some("D") => true,
        _ => return Err(wrong(format!("`{}` begins with neither C nor D", short(field.first())))),
    };
    let date = cursor
        .exactly(6, is_digit)
        .ok_or_else(|| wrong("has no date as YYMMDD".to_owned()))?;
    let on = day(date).map_err(wrong)?;
    let code = cursor.exactly(3, |_| true).unwrap_or_default();
    let currency = Currency::parse(code).map_err(|error| wrong(error.to_string()))?;
    let money = cursor.amount(currency).map_err(wrong)?;
    if !cursor.rest.trim().is_empty() {
        return Err(wrong(format!("`{}` follows the amount", short(cursor.rest))));
    }
    let minor = if negative {
        money.minor().saturating_neg()
    } else {
        money.minor()
    };
    Ok(Balance {
        kind: field.tag.clone(),
        money: Money::from_minor(minor, currency),
        on: Some(on),
    })
}

/// An entry: 6!n[4!n]2a[1!a]15d1!a3!c16x[//16x][34x].
fn entry(field: &Field, currency: Option<Currency>) -> Result<Entry, Wrong> {
    let at = |what: &str, reason: String| Wrong::at(field.line, format!(":61: {what}"), reason);
    let currency =
        currency.ok_or_else(|| at("amount", "is in no currency: the opening balance has none".to_owned()))?;
    let mut cursor = Cursor { rest: field.first() };
    let date = cursor.exactly(6, is_digit);
    let date = date.ok_or_else(|| at("value date", "is not there as YYMMDD".to_owned()))?;
    let value_date = day(date).map_err(|reason| at("value date", reason))?;
    let booking_date = match cursor.exactly(4, is_digit) {
        Some(date) => Some(day_near(date, value_date).map_err(|reason| at("booking date", reason))?),
        None => None,
    };
    let reversal = cursor.strip("R");
    let debit = match cursor.exactly(1, |_| true) {
        Some("C") => reversal,
        Some("D") => !reversal,
        other => {
            let reason = format!("`{}` is none of C, D, RC and RD", short(other.unwrap_or_default()));
            return Err(at("mark", reason));
        }
    };
    // The third letter of the currency.
    let _funds = cursor.exactly(1, |c| c.is_ascii_uppercase());
    let money = cursor.amount(currency).map_err(|reason| at("amount", reason))?;
    let minor = if debit {
        money.minor().saturating_neg()
    } else {
        money.minor()
    };
    // S, N or F for where the rest of it is from, then three letters or digits.
    let typed = cursor.rest.starts_with(['S', 'N', 'F']);
    let code = cursor.exactly(4, |c| c.is_ascii_alphanumeric()).filter(|_| typed);
    let code = code.ok_or_else(|| {
        let reason = format!("`{}` does not begin with one, like NTRF", short(cursor.rest));
        at("type", reason)
    })?;
    let (customer, bank) = match cursor.rest.split_once("//") {
        Some((customer, bank)) => (customer, Some(bank)),
        None => (cursor.rest, None),
    };
    let reference = |what: &str, text: &str| {
        let read = kept(text).map_err(|reason| at(what, reason))?;
        Ok::<_, Wrong>(read.filter(|reference| reference != "NONREF"))
    };
    let supplementary = field.lines.get(1..).unwrap_or_default().join("\n");
    Ok(Entry {
        ordinal: 0,
        statement: 0,
        line: field.line,
        status: Status::Booked,
        booking_date,
        value_date: Some(value_date),
        money: Money::from_minor(minor, currency),
        reversal,
        // Returned item.
        returned: code.ends_with("RTI"),
        entry_reference: None,
        bank_reference: reference("bank reference", bank.unwrap_or_default())?,
        customer_reference: reference("customer reference", customer)?,
        code: Code {
            iso: None,
            own: Some(code.to_owned()),
        },
        batches: Vec::new(),
        charges: Vec::new(),
        text: prose(&supplementary).map_err(|reason| at("details", reason))?,
        details: Vec::new(),
        raw: String::new(),
    })
}

#[cfg(test)]
mod tests;
