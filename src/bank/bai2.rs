//! BAI2, the cash management balance reporting of US banks (Cash Management Balance Reporting Specifications, version 2).
//!
//! Records of comma-separated fields: a file 01 … 99 of groups 02 … 98 of accounts 03 … 49 with their transactions 16; a record 88
//! goes on with the one above. `/` ends a record and may be missing; the text of a transaction is all that follows its last
//! comma, commas and slashes included. Each account of a group is a [`Statement`] of the group's as-of date.
//!
//! Invariants of what is read:
//! - amounts are whole minor units, as many decimals as the currency has in ISO 4217; the currency is the account's, else the
//!   group's, else USD;
//! - the type code says where money goes: 100 to 399, 720 and 920 to 959 to us, 400 to 699, 760 and 960 to 999 from us; an
//!   amount of a transaction has no sign of its own;
//! - 890 tells something and moves nothing: it is counted, and becomes no entry.
//!
//! Proven: of an account, that opening ledger balance (010) and transactions make the closing ledger balance (015), that total
//! credits (100) and debits (400) are those of its transactions, where they are stated, its control total and how many records
//! it has (49); of group and file likewise totals, and how many accounts, groups and records (98, 99).

use std::collections::VecDeque;
use std::io::Read;

use chrono::NaiveDate;

use super::lines::Lines;
use super::proof::{Chain, Proof, Sum};
use super::text::{Wrong, account, kept, prose, raw, short};
use super::{Balance, Code, Entry, FileClaims, Item, Kind, Statement, StatementReader, Status};
use crate::delimited::FileError;
use crate::money::{Currency, Money};

/// The longest record, in bytes, with the lines that go on with it.
const RECORD_LIMIT: usize = 1_000_000;

/// Type codes of items that came back: checks (255, 555), ACH (257, 557), any (266).
const RETURNS: [&str; 5] = ["255", "257", "266", "555", "557"];
/// Type codes of corrections and reversals of the bank's own: ACH (258, 558), corrections of errors (254, 554).
const REVERSALS: [&str; 4] = ["254", "258", "554", "558"];

/// Whether a file that begins so is BAI2.
pub(super) fn begins(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.trim_ascii_start().starts_with(b"01,")
}

/// Reads a BAI2 file.
pub struct Bai2Reader<R> {
    lines: Lines<R>,
    /// A line that was read and begins the next record.
    next: Option<(u64, String)>,
    claims: FileClaims,
    chain: Chain,
    file: Option<Part>,
    group: Option<Group>,
    account: Option<Account>,
    ready: VecDeque<Item>,
    ended: bool,
}

/// What a file or group comes to.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    total: i128,
    parts: u64,
    records: u64,
}

/// A group that is being read.
struct Group {
    part: Part,
    as_of: Option<NaiveDate>,
    currency: Option<Currency>,
    kind: Kind,
    originator: Option<String>,
    /// Why nothing of it counts: it is a test, or takes something back.
    unusable: Option<Wrong>,
}

/// An account that is being read.
struct Account {
    line: u64,
    total: i128,
    records: u64,
    currency: Currency,
    proof: Proof,
    closing: Option<Balance>,
    balances: Vec<Balance>,
    /// Total credits and debits as they are stated: amount and number.
    stated: [(Option<i128>, Option<i128>); 2],
}

/// A record with the lines that go on with it.
struct Record {
    line: u64,
    code: String,
    /// What follows the code, of each line, without the slash at its end.
    pieces: Vec<String>,
}

impl Record {
    fn wrong(&self, what: &str, reason: impl Into<String>) -> Wrong {
        Wrong::at(self.line, format!("{} {what}", self.code), reason)
    }

    fn count(&self) -> u64 {
        u64::try_from(self.pieces.len()).unwrap_or(u64::MAX)
    }

    /// All fields, where none of them is free text.
    fn fields(&self) -> Vec<&str> {
        self.pieces
            .iter()
            .flat_map(|piece| piece.split(','))
            .map(str::trim)
            .collect()
    }

    fn raw(&self) -> String {
        let lines: Vec<String> = self
            .pieces
            .iter()
            .enumerate()
            .map(|(place, piece)| format!("{},{piece}", if place == 0 { self.code.as_str() } else { "88" }))
            .collect();
        lines.join("\n")
    }
}

impl<R: Read> Bai2Reader<R> {
    /// Begins a file.
    pub fn open(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            next: None,
            claims: FileClaims::default(),
            chain: Chain::default(),
            file: None,
            group: None,
            account: None,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    fn line(&mut self) -> Result<Option<(u64, String)>, FileError> {
        if let Some(line) = self.next.take() {
            return Ok(Some(line));
        }
        while let Some(line) = self.lines.next()? {
            if !line.trim().is_empty() {
                return Ok(Some((self.lines.number(), line)));
            }
        }
        Ok(None)
    }

    /// The next record, and the lines that go on with it.
    fn record(&mut self) -> Result<Option<Record>, FileError> {
        let Some((line, text)) = self.line()? else {
            return Ok(None);
        };
        let (code, rest) = cut(&text).ok_or_else(|| FileError::Malformed {
            line,
            reason: format!("`{}` does not begin with the code of a record", short(&text)),
        })?;
        let mut record = Record {
            line,
            code: code.to_owned(),
            pieces: vec![rest.to_owned()],
        };
        let mut bytes = text.len();
        while let Some((line, text)) = self.line()? {
            let Some(("88", rest)) = cut(&text) else {
                self.next = Some((line, text));
                break;
            };
            bytes = bytes.saturating_add(text.len()).saturating_add(1);
            if bytes > RECORD_LIMIT {
                return Err(self
                    .lines
                    .malformed(format!("a record of more than {RECORD_LIMIT} bytes")));
            }
            record.pieces.push(rest.to_owned());
        }
        if code != "16" && record.pieces.iter().any(|piece| piece.contains('/')) {
            return Err(FileError::Malformed {
                line,
                reason: "something follows the `/` that ends the record".to_owned(),
            });
        }
        Ok(Some(record))
    }

    fn reject(&mut self, wrong: Wrong) {
        self.claims.rejects = self.claims.rejects.saturating_add(1);
        if let Some(account) = &mut self.account {
            account.proof.rejects = account.proof.rejects.saturating_add(1);
        }
        self.ready.push_back(Item::Reject(wrong.into_reject()));
    }

    /// Takes a record in: what may follow what, and what it says.
    fn take(&mut self, record: &Record) -> Result<(), FileError> {
        let open = (self.file.is_some(), self.group.is_some(), self.account.is_some());
        for part in [self.file.as_mut(), self.group.as_mut().map(|group| &mut group.part)]
            .into_iter()
            .flatten()
        {
            part.records = part.records.saturating_add(record.count());
        }
        if let Some(account) = &mut self.account {
            account.records = account.records.saturating_add(record.count());
        }
        match (record.code.as_str(), open) {
            ("01", (false, ..)) => self.begin_file(record),
            ("02", (true, false, _)) => {
                self.begin_group(record);
                Ok(())
            }
            ("03", (true, true, false)) => {
                self.begin_account(record);
                Ok(())
            }
            ("16", (_, _, true)) => {
                self.transaction(record);
                Ok(())
            }
            ("49", (_, _, true)) => self.end_account(record),
            ("98", (_, true, false)) => self.end_group(record),
            ("99", (true, false, false)) => self.end_file(record),
            (code, _) => Err(FileError::Malformed {
                line: record.line,
                reason: format!("a record {} is out of place here", short(code)),
            }),
        }
    }

    fn begin_file(&mut self, record: &Record) -> Result<(), FileError> {
        let fields = record.fields();
        let version = fields.get(7).copied().unwrap_or_default();
        if version != "2" {
            return Err(FileError::Malformed {
                line: record.line,
                reason: format!("the file is of version `{}`; version 2 is read", short(version)),
            });
        }
        self.file = Some(Part {
            records: record.count(),
            ..Part::default()
        });
        Ok(())
    }

    fn begin_group(&mut self, record: &Record) {
        let fields = record.fields();
        let field = |place: usize| fields.get(place).copied().unwrap_or_default();
        if let Some(file) = &mut self.file {
            file.parts = file.parts.saturating_add(1);
        }
        let mut wrongs = Vec::new();
        let mut or_wrong = |read: Result<(), Wrong>| wrongs.extend(read.err());
        let as_of = day(field(3)).map_err(|reason| record.wrong("as-of date", reason));
        let as_of = as_of.map_err(|wrong| or_wrong(Err(wrong))).ok();
        let currency = match field(5) {
            "" => None,
            code => Currency::parse(code)
                .map_err(|error| or_wrong(Err(record.wrong("currency", error.to_string()))))
                .ok(),
        };
        let unusable = match field(2) {
            "1" | "3" => None,
            "2" => Some("is 2: what it holds is taken back"),
            "4" => Some("is 4: it is a test"),
            _ => Some("is none of 1, 2, 3 and 4"),
        };
        self.group = Some(Group {
            part: Part {
                records: record.count(),
                ..Part::default()
            },
            as_of,
            currency,
            kind: if matches!(field(6), "1" | "3") {
                Kind::Report
            } else {
                Kind::Statement
            },
            originator: kept(field(1)).ok().flatten(),
            unusable: unusable
                .map(|reason| record.wrong("group status", reason))
                .or(wrongs.pop()),
        });
    }

    fn begin_account(&mut self, record: &Record) {
        let Some(group) = &mut self.group else {
            return;
        };
        group.part.parts = group.part.parts.saturating_add(1);
        self.claims.statements = self.claims.statements.saturating_add(1);
        let fields = record.fields();
        let mut wrongs = Vec::new();
        wrongs.extend(group.unusable.clone().map(|wrong| Wrong {
            line: record.line,
            ..wrong
        }));
        let number = account(fields.first().copied().unwrap_or_default());
        let number = number.and_then(|number| number.ok_or_else(|| "is missing".to_owned()));
        let number = number
            .map_err(|reason| wrongs.push(record.wrong("account", reason)))
            .unwrap_or_default();
        let stated = fields
            .get(1)
            .copied()
            .filter(|code| !code.is_empty())
            .map(Currency::parse)
            .transpose();
        let stated = stated
            .map_err(|error| wrongs.push(record.wrong("currency", error.to_string())))
            .ok()
            .flatten();
        let usd = Currency::parse("USD").ok();
        let Some(currency) = stated.or(group.currency).or(usd) else {
            return;
        };
        let mut open = Account {
            line: record.line,
            total: 0,
            records: record.count(),
            currency,
            proof: Proof::of(self.claims.statements),
            closing: None,
            balances: Vec::new(),
            stated: [(None, None); 2],
        };
        open.proof.account.clone_from(&number);
        open.proof.currency = Some(currency);
        let (kind, as_of) = (group.kind, group.as_of);
        if let Err(wrong) = summaries(record, fields.get(2..).unwrap_or_default(), &mut open, as_of) {
            wrongs.push(wrong);
        }
        if kind == Kind::Statement {
            self.chain.check(&mut open.proof);
        }
        self.ready.push_back(Item::Statement(Statement {
            ordinal: open.proof.statement,
            line: record.line,
            kind,
            id: String::new(),
            account: number,
            bank: group.originator.clone(),
            currency: Some(currency),
            sequence: None,
            legal_sequence: None,
            page: None,
            duplicate: false,
            from: as_of,
            until: as_of,
            opening: open.proof.opening.clone(),
        }));
        self.account = Some(open);
        for wrong in wrongs {
            self.reject(wrong);
        }
    }

    fn transaction(&mut self, record: &Record) {
        let Some(account) = &mut self.account else {
            return;
        };
        let as_of = self.group.as_ref().and_then(|group| group.as_of);
        match transaction(record, account, as_of) {
            Ok(None) => {}
            Ok(Some(entry)) => {
                self.claims.entries = self.claims.entries.saturating_add(1);
                let entry = Entry {
                    ordinal: self.claims.entries,
                    ..entry
                };
                account.proof.add(&entry);
                self.ready.push_back(Item::Entry(entry));
            }
            Err(wrong) => {
                self.claims.entries = self.claims.entries.saturating_add(1);
                self.reject(wrong);
            }
        }
    }

    /// A number of a trailer.
    fn stated(&mut self, record: &Record, place: usize, what: &str) -> Option<i128> {
        let fields = record.fields();
        let field = fields.get(place).copied().unwrap_or_default();
        match whole(field) {
            Ok(number) => Some(number),
            Err(reason) => {
                self.reject(record.wrong(what, reason));
                None
            }
        }
    }

    fn end_account(&mut self, record: &Record) -> Result<(), FileError> {
        let (total, records) = (
            self.stated(record, 0, "control total"),
            self.stated(record, 1, "records"),
        );
        let Some(mut account) = self.account.take() else {
            return Ok(());
        };
        let proof = &mut account.proof;
        if let Some(closing) = &account.closing {
            proof.check_closing(closing);
        }
        let sums: [(Sum, &str); 2] = [(proof.credits, "100 total credits"), (proof.debits, "400 total debits")];
        for ((sum, what), (amount, count)) in sums.into_iter().zip(account.stated) {
            if let Some(amount) = amount {
                proof.check(what, Some(account.currency), amount, sum.minor);
            }
            if let Some(count) = count {
                proof.check(format!("{what}: how many"), None, count, i128::from(sum.count));
            }
        }
        if let Some(stated) = total {
            proof.check("49 control total", Some(account.currency), stated, account.total);
        }
        if let Some(stated) = records {
            proof.check("49 records", None, stated, i128::from(account.records));
        }
        if let Some(group) = &mut self.group {
            group.part.total = group.part.total.saturating_add(account.total);
        }
        let kind = self.group.as_ref().map(|group| group.kind);
        if kind == Some(Kind::Statement) {
            self.chain.end(proof, account.closing.as_ref(), account.line)?;
        }
        let closing = account.proof.into_closing(account.closing, account.balances);
        self.ready.push_back(Item::Closing(closing));
        Ok(())
    }

    fn end_group(&mut self, record: &Record) -> Result<(), FileError> {
        if let Some(group) = self.group.take() {
            self.end_part(record, group.part, "accounts");
            if let Some(file) = &mut self.file {
                file.total = file.total.saturating_add(group.part.total);
            }
        }
        Ok(())
    }

    fn end_file(&mut self, record: &Record) -> Result<(), FileError> {
        if let Some(file) = self.file.take() {
            self.end_part(record, file, "groups");
        }
        Ok(())
    }

    /// Compares what a trailer 98 or 99 states.
    fn end_part(&mut self, record: &Record, part: Part, parts: &str) {
        for (place, what, read) in [
            (0, "control total", part.total),
            (1, parts, i128::from(part.parts)),
            (2, "records", i128::from(part.records)),
        ] {
            if let Some(stated) = self.stated(record, place, what) {
                let what = format!("{} {what}, line {}", record.code, record.line);
                self.claims.check(what, None, stated, read);
            }
        }
    }
}

impl<R: Read> StatementReader for Bai2Reader<R> {
    fn item(&mut self) -> Result<Option<Item>, FileError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            match self.record()? {
                Some(record) => self.take(&record)?,
                None if self.file.is_some() => {
                    return Err(self.lines.malformed("the file ends without its trailer 99"));
                }
                None if self.lines.number() <= 1 => return Err(self.lines.malformed("the file holds no records")),
                None => self.ended = true,
            }
        }
    }

    fn claims(&self) -> &FileClaims {
        &self.claims
    }
}

/// The code that a line begins with, and what follows its comma, without the slash that ends the record.
fn cut(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_suffix('/').unwrap_or(line);
    let (code, rest) = line.split_once(',')?;
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_digit())).then_some((code, rest))
}

/// A day as YYMMDD, of this century.
fn day(text: &str) -> Result<NaiveDate, String> {
    let wrong = || format!("`{}` is not a date as YYMMDD", short(text));
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    crate::dates::parse_day(&format!(
        "20{}-{}-{}",
        text.get(..2).unwrap_or_default(),
        text.get(2..4).unwrap_or_default(),
        text.get(4..).unwrap_or_default()
    ))
    .map_err(|_| wrong())
}

/// A whole number with its sign, if it has one.
fn whole(text: &str) -> Result<i128, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let shaped = (1..=30).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<i128> = digits.parse().ok().filter(|_| shaped);
    let number = number.ok_or_else(|| format!("`{}` is not a whole number", short(text)))?;
    Ok(if negative { number.saturating_neg() } else { number })
}

/// Minor units with their sign.
fn minor(text: &str) -> Result<i64, String> {
    i64::try_from(whole(text)?).map_err(|_| "is too large: it does not fit 64-bit minor units".to_owned())
}

/// What a record 03 says after account and currency: balances and totals, by type codes.
fn summaries(record: &Record, fields: &[&str], open: &mut Account, as_of: Option<NaiveDate>) -> Result<(), Wrong> {
    let mut fields = fields.iter().copied();
    while let Some(code) = fields.next() {
        let amount = fields.next().unwrap_or_default();
        let count = fields.next().unwrap_or_default();
        pass_funds(&mut fields).map_err(|reason| record.wrong("funds type", reason))?;
        if code.is_empty() && amount.is_empty() {
            continue;
        }
        let what = format!("amount of {}", short(code));
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(record.wrong("type code", format!("`{}` is not three digits", short(code))));
        }
        let count = match count {
            "" => None,
            count => Some(whole(count).map_err(|reason| record.wrong("item count", reason))?),
        };
        let total = match code {
            "100" => open.stated.first_mut(),
            "400" => open.stated.last_mut(),
            _ => None,
        };
        let amount = match amount {
            "" => None,
            amount => Some(minor(amount).map_err(|reason| record.wrong(&what, reason))?),
        };
        if let Some(amount) = amount {
            open.total = open.total.saturating_add(i128::from(amount));
        }
        if let Some(total) = total {
            *total = (amount.map(i128::from), count);
        }
        let Some(amount) = amount.filter(|_| code.starts_with('0')) else {
            continue;
        };
        let balance = Balance {
            kind: code.to_owned(),
            money: Money::from_minor(amount, open.currency),
            on: as_of,
        };
        let place = match code {
            "010" => &mut open.proof.opening,
            "015" => &mut open.closing,
            _ => {
                open.balances.push(balance);
                continue;
            }
        };
        if place.is_some() {
            return Err(record.wrong(&what, "is there twice"));
        }
        *place = Some(balance);
    }
    Ok(())
}

/// Passes over a funds type and what belongs to it; of V, the value date.
fn pass_funds<'f>(fields: &mut impl Iterator<Item = &'f str>) -> Result<Option<NaiveDate>, String> {
    match fields.next().unwrap_or_default() {
        "" | "0" | "1" | "2" | "Z" => Ok(None),
        "V" => {
            let date = fields.next().unwrap_or_default();
            // The time of that day.
            fields.next();
            day(date).map(Some)
        }
        "S" => {
            for _ in 0..3 {
                let amount = fields.next().unwrap_or_default();
                if !amount.is_empty() {
                    whole(amount)?;
                }
            }
            Ok(None)
        }
        "D" => {
            let number = whole(fields.next().unwrap_or_default())?;
            if !(0..=100).contains(&number) {
                return Err(format!("`{number}` distributions are too many"));
            }
            for _ in 0..number.saturating_mul(2) {
                whole(fields.next().unwrap_or_default())?;
            }
            Ok(None)
        }
        other => Err(format!("`{}` is none of 0, 1, 2, D, S, V and Z", short(other))),
    }
}

/// The fields of a transaction one after the other, over the lines that go on with it; then its text.
struct Fields<'r> {
    pieces: std::slice::Iter<'r, String>,
    rest: Option<&'r str>,
}

impl<'r> Iterator for Fields<'r> {
    type Item = &'r str;

    fn next(&mut self) -> Option<&'r str> {
        let rest = match self.rest.take() {
            Some(rest) => rest,
            None => self.pieces.next()?,
        };
        let Some((field, rest)) = rest.split_once(',') else {
            return Some(rest.trim());
        };
        self.rest = Some(rest);
        Some(field.trim())
    }
}

impl Fields<'_> {
    /// All that is left, a line each.
    fn text(self) -> String {
        let lines = self.rest.into_iter().chain(self.pieces.map(String::as_str));
        lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}

/// Whether money goes away, by its type code.
fn is_debit(code: &str) -> Result<bool, String> {
    let number = code.parse::<u16>().ok().filter(|_| code.len() == 3);
    match number {
        Some(100 | 400) => Err(format!("`{code}` is a total, not a transaction")),
        Some(101..=399 | 720 | 920..=959) => Ok(false),
        Some(401..=699 | 760 | 960..=999) => Ok(true),
        Some(_) | None => Err(format!("`{}` does not say where money goes", short(code))),
    }
}

/// A transaction: its entry, or none where it moves nothing.
fn transaction(record: &Record, account: &mut Account, as_of: Option<NaiveDate>) -> Result<Option<Entry>, Wrong> {
    let mut fields = Fields {
        pieces: record.pieces.iter(),
        rest: None,
    };
    let code = fields.next().unwrap_or_default();
    let amount = fields.next().unwrap_or_default();
    let wrong = |what: &str, reason: String| record.wrong(what, reason);
    let tells_only = code == "890" && amount.is_empty();
    let amount = if tells_only { Ok(0) } else { minor(amount) };
    let amount = amount.map_err(|reason| wrong("amount", reason))?;
    account.total = account.total.saturating_add(i128::from(amount));
    if tells_only {
        return Ok(None);
    }
    if amount < 0 {
        return Err(wrong(
            "amount",
            "is negative: its type code says where money goes".to_owned(),
        ));
    }
    let debit = is_debit(code).map_err(|reason| wrong("type code", reason))?;
    let value_date = pass_funds(&mut fields).map_err(|reason| wrong("funds type", reason))?;
    let mut reference = |what: &str| {
        let read = kept(fields.next().unwrap_or_default());
        read.map_err(|reason| wrong(what, reason))
    };
    let (bank_reference, customer_reference) = (reference("bank reference")?, reference("customer reference")?);
    let signed = if debit { amount.saturating_neg() } else { amount };
    Ok(Some(Entry {
        ordinal: 0,
        statement: account.proof.statement,
        line: record.line,
        status: Status::Booked,
        booking_date: as_of,
        value_date,
        money: Money::from_minor(signed, account.currency),
        reversal: REVERSALS.contains(&code),
        returned: RETURNS.contains(&code),
        entry_reference: None,
        bank_reference,
        customer_reference,
        code: Code {
            iso: None,
            own: Some(code.to_owned()),
        },
        batches: Vec::new(),
        charges: Vec::new(),
        text: prose(&fields.text()).map_err(|reason| wrong("text", reason))?,
        details: Vec::new(),
        raw: raw(&record.raw()),
    }))
}

#[cfg(test)]
mod tests;
