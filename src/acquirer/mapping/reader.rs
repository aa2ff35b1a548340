//! Reads a file by a mapping profile.
//!
//! Phases: [`MappingReader::open`] passes over the preamble, keeps the rows that the profile claims something of, and binds columns
//! by their exact names, which are the profile's where the file has none; each `next` reads one row; a row whose first cell is one
//! of the trailer's ends them. At the end the claims of preamble and trailer stand beside what the rows come to.
//!
//! Invariants of every line:
//! - gross less costs, tax and reserve is net, exactly, in as many decimals as the file has; of gross and net one may be missing
//!   and then follows, and where the file has none of the others the commission is what is missing between the two;
//! - each amount is rounded to minor units by itself; what that leaves between them is in the first cost that the profile reads,
//!   and what it leaves of the net of a batch is a line of its own at the end;
//! - the direction of money is that of the amounts, never that of the type.
//!
//! Where a file states balances, its rows lead from the one to the other, payouts included, and no payout proves a batch.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::numbers::{minor, text as amount_text};
use super::{
    Amount, BalanceRule, ClaimRule, Columns, CurrencyOf, End, MARGIN_LIMIT, Margin, Profile, Stated, SumOf, Text, cells,
};
use crate::acquirer::sheet::{Wrong, convert, parse_rate, short};
use crate::acquirer::{Balance, Claim, ControlClaims, RecordType, Row, SettlementLine, SettlementReader, Step};
use crate::card_number;
use crate::delimited::{FileError, Record, Records};
use crate::ids::check_reference;
use crate::money::{Currency, Money};

/// Reads a file by a profile: lines and rejects, in the order of the file.
#[derive(Debug)]
pub struct MappingReader<R> {
    profile: Arc<Profile>,
    records: Records<R>,
    header: Header,
    sums: Sums,
    stated: Vec<Claimed>,
    ends: Vec<BalanceEnd>,
    claims: ControlClaims,
    /// How many rows stand after the lines, once one does.
    margin: Option<u16>,
    ordinal: u32,
    /// Once the rows have ended: what rounding leaves of batches.
    residues: Option<std::vec::IntoIter<SettlementLine>>,
    explains: bool,
    steps: Vec<Step>,
}

/// The columns of a file.
#[derive(Debug)]
struct Header {
    names: Vec<String>,
    /// Where the columns stand that are read.
    places: BTreeMap<String, usize>,
    unknown: Vec<String>,
}

impl Header {
    /// Finds the columns of a profile.
    ///
    /// Errors: one that it reads is missing, one is there twice.
    fn bind(record: &Record, profile: &Profile) -> Result<Self, FileError> {
        let malformed = |reason: String| FileError::Malformed {
            line: record.line(),
            reason,
        };
        if let Some(fault) = record.fault() {
            let column = fault.cell.saturating_add(1);
            return Err(malformed(format!("the name of column {column} {}", fault.reason)));
        }
        let names = cells(record);
        let read: Vec<&str> = profile.required().collect();
        let is_missing = |name: &&&str| !names.iter().any(|found| found == **name);
        let missing = read
            .iter()
            .filter(is_missing)
            .map(|name| format!("no column `{}`", short(name)));
        let is_read = |name: &str| read.contains(&name);
        let is_known = |name: &String| is_read(name) || profile.unread.contains(name);
        let twice = names.iter().enumerate().filter(|(place, name)| {
            let before = names.get(..*place).unwrap_or_default();
            is_read(name) && before.contains(name)
        });
        let twice = twice.map(|(_, name)| format!("more than one column `{}`", short(name)));
        let mut problems: Vec<String> = missing.chain(twice).collect();
        problems.dedup();
        if !problems.is_empty() {
            let problems = problems.join(", ");
            return Err(malformed(format!("not a file of profile {}: {problems}", profile.name)));
        }
        let place = |name: &str| Some((name.to_owned(), names.iter().position(|found| found == name)?));
        Ok(Self {
            places: read.iter().filter_map(|name| place(name)).collect(),
            unknown: names
                .iter()
                .filter(|name| !is_known(name))
                .map(|name| short(name))
                .collect(),
            names,
        })
    }

    /// The columns that a profile names of files that do not; settings hold them to those that it reads.
    fn of_profile(names: &[String], profile: &Profile) -> Self {
        let place = |name: &str| Some((name.to_owned(), names.iter().position(|found| found == name)?));
        Self {
            places: profile.required().filter_map(place).collect(),
            // Whoever numbers off the columns knows them.
            unknown: Vec::new(),
            names: names.to_vec(),
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

/// Something that a row before or after the lines says.
#[derive(Debug)]
struct Claimed {
    row: Margin,
    what: String,
    sum_of: Option<(Amount, SumOf)>,
    currency: Option<Currency>,
    stated: Decimal,
    beside: u16,
}

/// One end of a balance, as a row before or after the lines says it.
#[derive(Debug)]
struct BalanceEnd {
    row: Margin,
    /// Where it stands, like `row 1 of the preamble, cell 3`.
    place: String,
    line: u64,
    end: End,
    account: String,
    at: DateTime<Utc>,
    currency: Currency,
    stated: Decimal,
}

/// What the rows come to, in major units with all their decimals.
#[derive(Debug, Default)]
struct Sums {
    amounts: BTreeMap<(Amount, Currency), Decimal>,
    /// By (batch, currency): what all rows but payouts add up to, what payouts do, and how many there are.
    batches: BTreeMap<(String, Currency), (Decimal, Decimal, u64)>,
    /// What all rows together do to a balance of the acquirer's.
    moved: BTreeMap<Currency, Decimal>,
}

impl<R: Read> MappingReader<R> {
    /// Begins a file: passes over its preamble, reads its header and binds the columns.
    ///
    /// Errors: it ends before its header, another encoding, columns missing or twice, a claim of the preamble that cannot be read.
    pub fn open(input: R, profile: Arc<Profile>) -> Result<Self, FileError> {
        let mut records = Records::open_as(input, profile.dialect)?;
        let (mut stated, mut ends) = (Vec::new(), Vec::new());
        for row in 1..=profile.preamble {
            advance(&mut records, "its preamble")?;
            let here = |rule: &&ClaimRule| rule.row == Margin::Before(row);
            for rule in profile.claims.iter().filter(here) {
                let row = MarginRow::of(&profile, rule, records.record())?;
                row.read(&mut stated, &mut ends)?;
            }
        }
        let header = match &profile.header {
            Some(names) => Header::of_profile(names, &profile),
            None => {
                advance(&mut records, "the names of its columns")?;
                Header::bind(records.record(), &profile)?
            }
        };
        Ok(Self {
            profile,
            records,
            header,
            sums: Sums::default(),
            stated,
            ends,
            claims: ControlClaims::default(),
            margin: None,
            ordinal: 0,
            residues: None,
            explains: false,
            steps: Vec::new(),
        })
    }

    /// Whether the row stands after the lines; what it claims is kept.
    fn is_margin(&mut self) -> Result<bool, FileError> {
        let record = self.records.record();
        let malformed = |reason: String| FileError::Malformed {
            line: record.line(),
            reason,
        };
        if self.profile.trailer.is_empty() {
            return Ok(false);
        }
        let is_trailer = record.fault().is_none() && self.profile.trailer.iter().any(|cell| cell == record.cell(0));
        if !is_trailer && !record.is_blank() {
            return match self.margin {
                None => Ok(false),
                Some(_) => Err(malformed("a row after the trailer".to_owned())),
            };
        }
        let rows = self.margin.unwrap_or(0).saturating_add(1);
        if rows > MARGIN_LIMIT {
            return Err(malformed(format!("more than {MARGIN_LIMIT} rows after the lines")));
        }
        self.margin = Some(rows);
        let here = |rule: &&ClaimRule| matches!(&rule.row, Margin::After(cell) if is_trailer && cell == record.cell(0));
        for rule in self.profile.claims.iter().filter(here) {
            let row = MarginRow::of(&self.profile, rule, record)?;
            row.read(&mut self.stated, &mut self.ends)?;
        }
        Ok(true)
    }

    /// The end of the file: what it claims, and what its rows come to; gives what rounding leaves of its batches.
    fn end(&mut self) -> Result<Vec<SettlementLine>, FileError> {
        let mut said = self.stated.iter().map(|claimed| &claimed.row).collect::<Vec<&Margin>>();
        said.extend(self.ends.iter().map(|end| &end.row));
        let is_said = |rule: &&ClaimRule| said.contains(&&rule.row);
        let silent = self.profile.claims.iter().find(|rule| !is_said(rule));
        if let Some(Margin::After(cell)) = silent.map(|rule| &rule.row) {
            return Err(FileError::Malformed {
                line: self.records.record().line(),
                reason: format!("the file ends without its trailer row {}", quoted(cell)),
            });
        }
        let rows = self.claims.lines.saturating_add(self.claims.rejects);
        let stated = std::mem::take(&mut self.stated);
        for claimed in stated {
            let read = match &claimed.sum_of {
                None => Decimal::from(rows.saturating_add(claimed.beside.into())),
                Some((amount, SumOf::Any)) => self.sums.total(*amount)?,
                Some((amount, SumOf::One(_))) => {
                    let key = claimed.currency.map(|currency| (*amount, currency));
                    key.and_then(|key| self.sums.amounts.get(&key).copied())
                        .unwrap_or_default()
                }
            };
            self.claims
                .claims
                .push(claim(claimed.what, claimed.currency, claimed.stated, read)?);
        }
        self.balances()?;
        // A batch without its payout claims nothing, nor does one whose payout is taken of a balance. Any other is proven in the
        // decimals of what is paid.
        let totals = std::mem::take(&mut self.claims.totals);
        let mut residues = Vec::new();
        for ((batch, currency), (net, payout, payouts)) in std::mem::take(&mut self.sums.batches) {
            let paid = payout.checked_mul(Decimal::NEGATIVE_ONE).unwrap_or_default();
            let [stated, read] = [paid, net].map(|sum| minor(sum, currency).map(i128::from));
            let (stated, read) = stated.zip(read).ok_or_else(too_large)?;
            if payouts > 0 && !self.profile.is_of_balance() {
                self.claims.claims.push(Claim {
                    batch: None,
                    what: format!("batch {batch} pays"),
                    currency: Some(currency),
                    stated,
                    read,
                });
            }
            let key = (batch, currency);
            let booked = totals.get(&key).map_or(0, |total| total.net_minor);
            let residue = i64::try_from(read.saturating_sub(booked)).map_err(|_| too_large())?;
            if residue != 0 {
                residues.push(self.residue(key, residue));
            }
        }
        Ok(residues)
    }

    /// The balances that the file states: of each, what it ends with is what it begins with and what the rows do to it.
    ///
    /// Errors: one end without the other, a second one of a currency, rows of a currency without a balance.
    fn balances(&mut self) -> Result<(), FileError> {
        if !self.profile.is_of_balance() {
            return Ok(());
        }
        let malformed = |line, reason| FileError::Malformed { line, reason };
        let (mut openings, mut closings) = (BTreeMap::new(), BTreeMap::new());
        for end in std::mem::take(&mut self.ends) {
            let (ends, name) = match end.end {
                End::Opening => (&mut openings, "opening"),
                End::Closing => (&mut closings, "closing"),
            };
            if ends.contains_key(&end.currency) {
                let reason = format!("{} is a second {name} balance of {}", end.place, end.currency);
                return Err(malformed(end.line, reason));
            }
            ends.insert(end.currency, end);
        }
        for (currency, opening) in openings {
            let Some(closing) = closings.remove(&currency) else {
                let reason = format!(
                    "{} is an opening balance of {currency}; no closing one is there",
                    opening.place
                );
                return Err(malformed(opening.line, reason));
            };
            self.balance(&opening, &closing)?;
        }
        if let Some((currency, closing)) = closings.first_key_value() {
            let reason = format!(
                "{} is a closing balance of {currency}; no opening one is there",
                closing.place
            );
            return Err(malformed(closing.line, reason));
        }
        let is_stated = |currency: &&Currency| {
            let mut stated = self.claims.balances.iter();
            stated.any(|balance| balance.opening.currency() == **currency)
        };
        match self.sums.moved.keys().find(|currency| !is_stated(currency)) {
            None => Ok(()),
            Some(currency) => {
                let reason = format!("the file has lines of {currency} and no balance of it");
                Err(malformed(self.records.record().line(), reason))
            }
        }
    }

    /// A balance from both its ends.
    fn balance(&mut self, opening: &BalanceEnd, closing: &BalanceEnd) -> Result<(), FileError> {
        let malformed = |reason| FileError::Malformed {
            line: closing.line,
            reason,
        };
        if opening.account != closing.account {
            let (here, there) = (quoted(&closing.account), quoted(&opening.account));
            let reason = format!(
                "{} is of account {here}, but {} is of {there}",
                closing.place, opening.place
            );
            return Err(malformed(reason));
        }
        if closing.at < opening.at {
            let reason = format!("{} is of a time before that of {}", closing.place, opening.place);
            return Err(malformed(reason));
        }
        let currency = closing.currency;
        let moved = closing.stated.checked_sub(opening.stated).ok_or_else(too_large)?;
        let read = self.sums.moved.get(&currency).copied().unwrap_or_default();
        let what = format!(
            "{} says that the balance since {} moved by",
            closing.place, opening.place
        );
        self.claims.claims.push(claim(what, Some(currency), moved, read)?);
        let money = |stated| minor(stated, currency).map(|minor| Money::from_minor(minor, currency));
        let (begins, ends) = money(opening.stated).zip(money(closing.stated)).ok_or_else(too_large)?;
        self.claims.balances.push(Balance {
            account: closing.account.clone(),
            from: opening.at,
            until: closing.at,
            opening: begins,
            closing: ends,
        });
        Ok(())
    }

    /// What rounding leaves of a batch.
    fn residue(&mut self, (batch, currency): (String, Currency), minor: i64) -> SettlementLine {
        self.ordinal = self.ordinal.saturating_add(1);
        let (line, day) = (self.records.record().line(), self.claims.latest_day.unwrap_or_default());
        SettlementLine {
            batch,
            type_text: "rounding residue".to_owned(),
            ..SettlementLine::blank(
                self.ordinal,
                line,
                RecordType::Rounding,
                day,
                Money::from_minor(minor, currency),
            )
        }
    }

    /// The next line that no row has; it is part of no claim.
    fn next_residue(&mut self) -> Result<Option<Row>, FileError> {
        let line = self.residues.as_mut().and_then(Iterator::next);
        let row = line.map(|line| self.claims.take(Ok(line))).transpose();
        self.claims.totals.clear();
        row
    }
}

impl<R: Read> SettlementReader for MappingReader<R> {
    fn row(&mut self) -> Result<Option<Row>, FileError> {
        if self.residues.is_some() {
            return self.next_residue();
        }
        while self.records.advance()? {
            if self.is_margin()? {
                continue;
            }
            self.ordinal = self.ordinal.saturating_add(1);
            self.steps.clear();
            let mut reader = RowReader {
                profile: &self.profile,
                header: &self.header,
                record: self.records.record(),
                steps: self.explains.then_some(&mut self.steps),
            };
            let read = reader.read(self.ordinal);
            if let Ok((line, exact)) = &read {
                self.sums.add(line, exact)?;
            }
            let record = self.records.record();
            let read = read
                .map(|(line, _)| line)
                .map_err(|wrong| wrong.at(record.line(), record.raw()));
            return self.claims.take(read).map(Some);
        }
        // A file that was cut off before its first byte is no file of a day without lines.
        if self.ordinal == 0 && self.margin.is_none() && self.profile.header.is_some() && self.profile.preamble == 0 {
            return Err(FileError::Malformed {
                line: 1,
                reason: "the file is empty".to_owned(),
            });
        }
        self.residues = Some(self.end()?.into_iter());
        self.next_residue()
    }

    fn unknown_columns(&self) -> &[String] {
        &self.header.unknown
    }

    fn claims(&self) -> &ControlClaims {
        &self.claims
    }

    fn explain(&mut self) {
        self.explains = true;
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }
}

fn advance<R: Read>(records: &mut Records<R>, wanted: &str) -> Result<(), FileError> {
    if records.advance()? {
        return Ok(());
    }
    Err(FileError::Malformed {
        line: records.record().line(),
        reason: format!("the file ends before {wanted}"),
    })
}

fn too_large() -> FileError {
    FileError::Malformed {
        line: 1,
        reason: "the amounts of the file are too large to be added".to_owned(),
    }
}

fn quoted(cell: &str) -> String {
    format!("`{}`", short(cell))
}

/// A row before or after the lines of which a rule tells what it claims.
struct MarginRow<'a> {
    profile: &'a Profile,
    rule: &'a ClaimRule,
    record: &'a Record,
}

impl<'a> MarginRow<'a> {
    /// Errors: the row cannot be cut into cells.
    fn of(profile: &'a Profile, rule: &'a ClaimRule, record: &'a Record) -> Result<Self, FileError> {
        let row = Self { profile, rule, record };
        match record.fault() {
            None => Ok(row),
            Some(fault) => {
                let column = fault.cell.saturating_add(1);
                Err(row.malformed(format!("cell {column} {}", fault.reason)))
            }
        }
    }

    /// Adds what the row claims to the figures, or to the ends of balances.
    fn read(&self, figures: &mut Vec<Claimed>, ends: &mut Vec<BalanceEnd>) -> Result<(), FileError> {
        match &self.rule.states {
            Stated::Count => figures.push(self.figure("rows", None, None, self.count()?)),
            Stated::Sum(amount, of) => {
                let currency = match of {
                    SumOf::Any => None,
                    SumOf::One(currency) => Some(self.currency(currency)?),
                };
                let stated = self.amount(currency)?;
                figures.push(self.figure(amount.name(), Some((*amount, of.clone())), currency, stated));
            }
            Stated::Balance(balance) => ends.push(self.balance_end(balance)?),
        }
        Ok(())
    }

    fn figure(
        &self,
        name: &str,
        sum_of: Option<(Amount, SumOf)>,
        currency: Option<Currency>,
        stated: Decimal,
    ) -> Claimed {
        Claimed {
            row: self.rule.row.clone(),
            what: format!("{} says {name}", self.name()),
            sum_of,
            currency,
            stated,
            beside: self.rule.beside,
        }
    }

    fn balance_end(&self, rule: &BalanceRule) -> Result<BalanceEnd, FileError> {
        let currency = self.currency(&rule.currency)?;
        let at = rule.days.bound(self.cell(rule.date)?, rule.end == End::Closing);
        let account = match rule.account {
            None => self.profile.name.as_str(),
            Some(column) => {
                let account = self.cell(column)?;
                check_reference(account).map_err(|error| self.wrong(column, &error.to_string()))?;
                account
            }
        };
        Ok(BalanceEnd {
            row: self.rule.row.clone(),
            place: format!("{}, cell {},", self.name().trim_end_matches(','), self.rule.column),
            line: self.record.line(),
            end: rule.end,
            account: account.to_owned(),
            at: at.map_err(|reason| self.wrong(rule.date, &reason))?,
            currency,
            stated: self.amount(Some(currency))?,
        })
    }

    /// The row in words.
    fn name(&self) -> String {
        match &self.rule.row {
            Margin::Before(row) => format!("row {row} of the preamble"),
            Margin::After(cell) => format!("trailer row {}, line {},", quoted(cell), self.record.line()),
        }
    }

    fn malformed(&self, reason: String) -> FileError {
        FileError::Malformed {
            line: self.record.line(),
            reason,
        }
    }

    fn wrong(&self, column: u16, reason: &str) -> FileError {
        self.malformed(format!("cell {column}: {reason}"))
    }

    /// A cell by its number.
    fn cell(&self, column: u16) -> Result<&'a str, FileError> {
        let place = usize::from(column).checked_sub(1);
        let place = place.filter(|place| *place < self.record.cells());
        place.map(|place| self.record.cell(place)).ok_or_else(|| {
            self.malformed(format!(
                "the row has no cell {column}, which the profile claims something of"
            ))
        })
    }

    fn currency(&self, of: &CurrencyOf) -> Result<Currency, FileError> {
        match of {
            CurrencyOf::Named(currency) => Ok(*currency),
            CurrencyOf::Cell(column) => {
                let currency = Currency::parse(self.cell(*column)?);
                currency.map_err(|error| self.wrong(*column, &error.to_string()))
            }
        }
    }

    /// The rule's cell, which is not what it should be.
    fn is_not(&self, what: &str, text: &str) -> FileError {
        self.wrong(self.rule.column, &format!("`{}` is not {what}", short(text)))
    }

    fn count(&self) -> Result<Decimal, FileError> {
        let text = self.cell(self.rule.column)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let count = text.parse::<u64>().ok().filter(|_| digits);
        count.map(Decimal::from).ok_or_else(|| self.is_not("a count", text))
    }

    /// The amount of the rule's cell, in major units of a currency; as it stands there where it is of none.
    fn amount(&self, currency: Option<Currency>) -> Result<Decimal, FileError> {
        let text = self.cell(self.rule.column)?;
        let number = self.profile.numbers.read(text);
        let number = number.ok_or_else(|| self.is_not("an amount", text))?;
        match currency {
            None => Ok(number),
            Some(currency) => {
                let major = self.profile.scale.of(currency).major(number, currency);
                major.map_err(|reason| self.wrong(self.rule.column, &reason))
            }
        }
    }
}

/// A claim in minor units where both sides are whole ones, else in units of as many decimals as they have.
fn claim(what: String, currency: Option<Currency>, stated: Decimal, read: Decimal) -> Result<Claim, FileError> {
    let (stated, read) = (stated.normalize(), read.normalize());
    let exponent = currency.map_or(0, |currency| u32::from(currency.exponent()));
    let decimals = stated.scale().max(read.scale()).max(exponent);
    let units = |sum: Decimal| {
        let missing = decimals.checked_sub(sum.scale())?;
        sum.mantissa().checked_mul(10_i128.checked_pow(missing)?)
    };
    let (stated, read) = units(stated).zip(units(read)).ok_or_else(too_large)?;
    let in_minor = currency.filter(|_| decimals == exponent);
    let what = match currency {
        Some(currency) if in_minor.is_none() => format!("{what} in {currency}, in units of {decimals} decimals:"),
        None if decimals > 0 => format!("{what}, in units of {decimals} decimals:"),
        Some(_) | None => what,
    };
    Ok(Claim {
        batch: None,
        what,
        currency: in_minor,
        stated,
        read,
    })
}

impl Sums {
    fn add(&mut self, line: &SettlementLine, exact: &Exact) -> Result<(), FileError> {
        for (amount, (major, currency)) in &exact.stated {
            let sum = self.amounts.entry((*amount, *currency)).or_default();
            *sum = sum.checked_add(*major).ok_or_else(too_large)?;
        }
        let currency = line.net.currency();
        let away = exact.away().ok_or_else(too_large)?;
        // What another party settles moves no balance of this one.
        if line.record != RecordType::External {
            let moves = if line.record == RecordType::Payout {
                away
            } else {
                exact.net
            };
            let moved = self.moved.entry(currency).or_default();
            *moved = moved.checked_add(moves).ok_or_else(too_large)?;
        }
        let key = (line.batch.clone(), currency);
        let (net, payout, payouts) = self.batches.entry(key).or_default();
        if line.record == RecordType::Payout {
            *payout = payout.checked_add(away).ok_or_else(too_large)?;
            *payouts = payouts.saturating_add(1);
        } else {
            *net = net.checked_add(exact.net).ok_or_else(too_large)?;
        }
        Ok(())
    }

    /// The sum over all currencies, which is a checksum and no money.
    fn total(&self, amount: Amount) -> Result<Decimal, FileError> {
        let of_amount = self.amounts.iter().filter(|((known, _), _)| *known == amount);
        of_amount
            .map(|(_, sum)| *sum)
            .try_fold(Decimal::ZERO, Decimal::checked_add)
            .ok_or_else(too_large)
    }
}

/// The amounts of a row in major units, with all their decimals.
struct Exact {
    /// As the file states them, with the sign of money to us where they are gross or net.
    stated: BTreeMap<Amount, (Decimal, Currency)>,
    gross: Option<Decimal>,
    net: Decimal,
    costs: BTreeMap<Amount, Decimal>,
}

impl Exact {
    /// What a payout takes of the balance, below zero. Files differ in its sign; where it is positive, what it costs comes on top.
    fn away(&self) -> Option<Decimal> {
        if self.net <= Decimal::ZERO {
            return Some(self.net);
        }
        let costs = self
            .costs
            .values()
            .try_fold(self.net, |sum, cost| sum.checked_add(*cost))?;
        costs.checked_mul(Decimal::NEGATIVE_ONE)
    }
}

/// One row on its way to become a line.
struct RowReader<'a> {
    profile: &'a Profile,
    header: &'a Header,
    record: &'a Record,
    steps: Option<&'a mut Vec<Step>>,
}

impl<'a> RowReader<'a> {
    fn read(&mut self, ordinal: u32) -> Result<(SettlementLine, Exact), Wrong> {
        self.check_shape()?;
        let (type_text, meant) = self.record_type()?;
        let occurred_on = self.occurred_on()?;
        let currency = self.currency(Text::Currency)?;
        let gross_currency = match self.cell(Text::GrossCurrency) {
            None | Some("") => currency,
            Some(_) => self.currency(Text::GrossCurrency)?,
        };
        let exact = self.amounts(meant, gross_currency, currency)?;
        let whole = self.whole(&exact, gross_currency, currency)?;
        let (record, contrary) = meant.directed(whole.gross.unwrap_or(0));
        let of_payment = record.is_of_item() || contrary.is_some();
        let mut batch = self
            .reference(Text::Batch)?
            .unwrap_or_else(|| self.profile.name.clone());
        let acquirer_reference = self.reference(Text::AcquirerReference)?;
        let of_balance = self.profile.is_of_balance();
        if of_balance && record == RecordType::Payout {
            // It takes of the balance what it likes: it is a batch of its own, by its own name.
            let missing = || self.wrong(Text::AcquirerReference, "is empty; a payout of a balance has one");
            batch = format!("{batch} {}", acquirer_reference.as_deref().ok_or_else(missing)?);
        }
        let net = if record == RecordType::Payout && whole.net > 0 {
            let costs = whole
                .costs
                .values()
                .fold(whole.net, |sum, cost| sum.saturating_add(*cost));
            costs.saturating_neg()
        } else {
            whole.net
        };
        let cost = |amount| whole.costs.get(&amount).copied().unwrap_or(0);
        let gross = whole.gross.filter(|_| of_payment);
        let line = SettlementLine {
            of_balance,
            ordinal,
            line: self.record.line(),
            record,
            contrary,
            type_text,
            batch,
            acquirer_reference,
            original_reference: self.reference(Text::OriginalReference)?,
            merchant_reference: self.reference(Text::MerchantReference)?,
            arn: self.reference(Text::Arn)?,
            rrn: self.reference(Text::Rrn)?,
            auth_code: self.reference(Text::AuthCode)?,
            card: self.reference(Text::Card)?,
            dispute: self.reference(Text::Dispute)?,
            reason: self.reference(Text::Reason)?,
            occurred_on,
            paid_out_on: self.paid_out_on()?,
            gross: gross.map(|minor| Money::from_minor(minor, gross_currency)),
            net: Money::from_minor(net, currency),
            commission: cost(Amount::Commission),
            markup: cost(Amount::Markup),
            scheme_fee: cost(Amount::SchemeFee),
            interchange: cost(Amount::Interchange),
            tax: cost(Amount::Tax),
            reserve: cost(Amount::Reserve),
            exchange_rate: whole.rate.filter(|_| of_payment),
            raw: card_number::mask(self.record.raw()).into_owned(),
        };
        Ok((line, exact))
    }

    fn check_shape(&self) -> Result<(), Wrong> {
        let (cells, columns) = (self.record.cells(), self.header.names.len());
        if let Some(fault) = self.record.fault() {
            return Err(match self.header.names.get(fault.cell) {
                Some(name) => Wrong::in_column(&short(name), fault.reason),
                None => Wrong::of_row(fault.reason),
            });
        }
        if self.record.is_blank() {
            return Err(Wrong::of_row("a blank line"));
        }
        if cells != columns {
            return Err(Wrong::of_row(format!(
                "has {cells} cells, but the header has {columns}"
            )));
        }
        Ok(())
    }

    /// Keeps how a field was read, where that is asked for.
    fn note(&mut self, field: &'static str, column: &str, raw: &str, rule: impl Fn() -> String, value: impl ToString) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step {
                field,
                column: short(column),
                raw: short(raw),
                rule: rule(),
                value: card_number::mask(&value.to_string()).into_owned(),
            });
        }
    }

    fn cell_of(&self, column: &str) -> &'a str {
        self.header.place(column).map_or("", |place| self.record.cell(place))
    }

    /// The cell of a text; none where the profile does not read it.
    fn cell(&self, text: Text) -> Option<&'a str> {
        let column = self.profile.texts.get(&text)?;
        Some(self.cell_of(column))
    }

    fn wrong(&self, text: Text, reason: impl ToString) -> Wrong {
        let column = self.profile.texts.get(&text).map_or(text.name(), String::as_str);
        Wrong::in_column(column, reason)
    }

    fn record_type(&mut self) -> Result<(String, RecordType), Wrong> {
        let cell = self.cell(Text::Type).unwrap_or_default();
        check_reference(cell).map_err(|error| self.wrong(Text::Type, error))?;
        let meant = self.profile.types.get(cell).copied();
        let column = self.profile.texts.get(&Text::Type).map_or("", String::as_str);
        let rule = || match meant {
            Some(_) => "the table of types".to_owned(),
            None => "not in the table of types".to_owned(),
        };
        let meant = meant.unwrap_or(RecordType::Unsupported);
        self.note("type", column, cell, rule, meant.name());
        Ok((cell.to_owned(), meant))
    }

    fn occurred_on(&mut self) -> Result<NaiveDate, Wrong> {
        let cell = self.cell(Text::OccurredOn).unwrap_or_default();
        self.day(Text::OccurredOn, cell)
    }

    /// The day on which the money moves, where there is one.
    fn paid_out_on(&mut self) -> Result<Option<NaiveDate>, Wrong> {
        match self.cell(Text::PaidOutOn) {
            None | Some("") => Ok(None),
            Some(cell) => self.day(Text::PaidOutOn, cell).map(Some),
        }
    }

    fn day(&mut self, text: Text, cell: &str) -> Result<NaiveDate, Wrong> {
        let profile = self.profile;
        let day = profile.days.read(cell).map_err(|reason| self.wrong(text, reason))?;
        let column = profile.texts.get(&text).map_or("", String::as_str);
        self.note(text.name(), column, cell, || profile.days.rule(), day);
        Ok(day)
    }

    fn currency(&mut self, text: Text) -> Result<Currency, Wrong> {
        let cell = self.cell(text).unwrap_or_default();
        if cell.is_empty() {
            return Err(self.wrong(text, "is empty"));
        }
        let currency = Currency::parse(cell).map_err(|error| self.wrong(text, error))?;
        let column = self.profile.texts.get(&text).map_or("", String::as_str);
        self.note(text.name(), column, cell, || "ISO 4217".to_owned(), currency);
        Ok(currency)
    }

    fn reference(&mut self, text: Text) -> Result<Option<String>, Wrong> {
        let Some(cell) = self.cell(text).filter(|cell| !cell.is_empty()) else {
            return Ok(None);
        };
        check_reference(cell).map_err(|error| self.wrong(text, error))?;
        let column = self.profile.texts.get(&text).map_or("", String::as_str);
        self.note(text.name(), column, cell, || "text".to_owned(), cell);
        Ok(Some(cell.to_owned()))
    }

    /// The amounts of the row, and what of gross and net follows from the others.
    fn amounts(&mut self, meant: RecordType, gross_currency: Currency, currency: Currency) -> Result<Exact, Wrong> {
        let profile = self.profile;
        let mut stated = BTreeMap::new();
        for (amount, columns) in &profile.amounts {
            let of = if *amount == Amount::Gross {
                gross_currency
            } else {
                currency
            };
            if let Some(major) = self.amount(*amount, columns, of)? {
                stated.insert(*amount, (major, of));
            }
        }
        let costs: BTreeMap<Amount, Decimal> = Amount::TAKEN
            .into_iter()
            .filter_map(|amount| {
                let (major, _) = stated.get(&amount)?;
                let sign = if profile.costs_are_negative {
                    Decimal::NEGATIVE_ONE
                } else {
                    Decimal::ONE
                };
                Some((amount, major.checked_mul(sign)?))
            })
            .collect();
        let too_large = || Wrong::of_row("the amounts are too large to be added");
        let taken = costs
            .values()
            .copied()
            .try_fold(Decimal::ZERO, Decimal::checked_add)
            .ok_or_else(too_large)?;
        let major = |amount| stated.get(&amount).map(|(major, _)| *major);
        let (mut gross, mut net) = (major(Amount::Gross), major(Amount::Net));
        if gross.is_none() && profile.amounts.contains_key(&Amount::Gross) && meant.is_of_item() {
            return Err(self.wrong_amount(Amount::Gross, "is empty; a row of this type has one"));
        }
        if gross_currency != currency && (gross.is_none() || net.is_none()) {
            return Err(Wrong::of_row("is in two currencies, but has not both gross and net"));
        }
        let mut costs = costs;
        if gross_currency == currency {
            match (gross, net) {
                (Some(before), Some(after)) if self.has_costs() => self.prove(before, taken, after, currency)?,
                // A payout is of no gross: what is missing to it is no cost.
                (Some(_), Some(_)) if meant == RecordType::Payout => gross = None,
                (Some(before), Some(after)) => {
                    costs.insert(Amount::Commission, before.checked_sub(after).ok_or_else(too_large)?);
                }
                (Some(before), None) => net = Some(before.checked_sub(taken).ok_or_else(too_large)?),
                (None, Some(after)) => gross = Some(after.checked_add(taken).ok_or_else(too_large)?),
                (None, None) => {}
            }
        }
        let net = net.ok_or_else(|| Wrong::of_row("has neither gross nor net"))?;
        Ok(Exact {
            stated,
            gross,
            net,
            costs,
        })
    }

    fn has_costs(&self) -> bool {
        Amount::TAKEN.iter().any(|cost| self.profile.amounts.contains_key(cost))
    }

    fn prove(&self, gross: Decimal, taken: Decimal, net: Decimal, currency: Currency) -> Result<(), Wrong> {
        let expected = gross.checked_sub(taken);
        if expected == Some(net) {
            return Ok(());
        }
        let text = |major| amount_text(major, currency);
        let expected = expected.map_or_else(|| "too large".to_owned(), text);
        Err(Wrong::of_row(format!(
            "gross {} less costs of {} is {expected}, but net is {}",
            text(gross),
            text(taken),
            text(net)
        )))
    }

    fn wrong_amount(&self, amount: Amount, reason: impl ToString) -> Wrong {
        let columns = self.profile.amounts.get(&amount).map(Columns::names);
        let column = columns
            .and_then(|names| names.first().copied())
            .unwrap_or(amount.name());
        Wrong::in_column(column, reason)
    }

    /// An amount as the file signs it; none where its cells are empty.
    fn amount(&mut self, amount: Amount, columns: &Columns, currency: Currency) -> Result<Option<Decimal>, Wrong> {
        let signed = |major: Decimal, negative: bool| {
            let sign = if negative { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
            major.checked_mul(sign).unwrap_or_default()
        };
        let (major, how) = match columns {
            Columns::Signed(column) => (self.number(column, self.cell_of(column), currency)?, "signed"),
            Columns::Two { debit, credit } => {
                let taken = self.unsigned(debit, self.cell_of(debit), currency)?;
                let given = self.unsigned(credit, self.cell_of(credit), currency)?;
                let major = match (given, taken) {
                    (None, None) => None,
                    (given, taken) => given.unwrap_or_default().checked_sub(taken.unwrap_or_default()),
                };
                (major, "credit less debit")
            }
            Columns::Flagged { amount, flag } => {
                let major = match self.unsigned(amount, self.cell_of(amount), currency)? {
                    None => None,
                    Some(major) => Some(signed(major, self.is_debit(flag)?)),
                };
                (major, "signed by its flag")
            }
        };
        if let Some(major) = major.filter(|_| self.steps.is_some()) {
            let names = columns.names();
            let cells: Vec<&str> = names.iter().map(|name| self.cell_of(name)).collect();
            let (column, raw, scale) = (names.join(", "), cells.join(", "), self.profile.scale.of(currency));
            let value = amount_text(major, currency);
            self.note(amount.name(), &column, &raw, || format!("{how}, {scale}"), value);
        }
        Ok(major)
    }

    /// Whether a flag says that an amount is taken from us.
    fn is_debit(&self, flag: &str) -> Result<bool, Wrong> {
        let cell = self.cell_of(flag);
        let says = |words: &[String]| words.iter().any(|word| word == cell);
        match (says(&self.profile.flags.debit), says(&self.profile.flags.credit)) {
            (true, false) => Ok(true),
            (false, true) => Ok(false),
            _ => Err(Wrong::in_column(
                flag,
                format!("`{}` is neither a debit nor a credit", short(cell)),
            )),
        }
    }

    fn unsigned(&self, column: &str, cell: &str, currency: Currency) -> Result<Option<Decimal>, Wrong> {
        if cell.starts_with('-') {
            let reason = format!("`{}` has a sign; its direction is told elsewhere", short(cell));
            return Err(Wrong::in_column(column, reason));
        }
        self.number(column, cell, currency)
    }

    fn number(&self, column: &str, cell: &str, currency: Currency) -> Result<Option<Decimal>, Wrong> {
        if cell.is_empty() {
            return Ok(None);
        }
        let wrong = |reason: String| Wrong::in_column(column, reason);
        let number = self.profile.numbers.read(cell);
        let number = number.ok_or_else(|| wrong(format!("`{}` is not an amount", short(cell))))?;
        self.profile
            .scale
            .of(currency)
            .major(number, currency)
            .map(Some)
            .map_err(wrong)
    }

    /// The amounts in whole minor units.
    fn whole(&mut self, exact: &Exact, gross_currency: Currency, currency: Currency) -> Result<Whole, Wrong> {
        let too_large = || Wrong::of_row("the amounts are too large");
        let round = |major: Decimal, currency| minor(major, currency).ok_or_else(too_large);
        let gross = exact.gross.map(|gross| round(gross, gross_currency)).transpose()?;
        let net = round(exact.net, currency)?;
        let mut costs = BTreeMap::new();
        let mut taken = 0_i64;
        for (amount, major) in &exact.costs {
            let cost = round(*major, currency)?;
            taken = taken.checked_add(cost).ok_or_else(too_large)?;
            costs.insert(*amount, cost);
        }
        let rate = match exact.gross {
            Some(before) if gross_currency != currency => {
                let before = (before, gross_currency);
                Some(self.exchange_rate(before, net.checked_add(taken).ok_or_else(too_large)?, currency)?)
            }
            _ => None,
        };
        if let Some(gross) = gross.filter(|_| rate.is_none()) {
            let left = gross
                .checked_sub(taken)
                .and_then(|left| left.checked_sub(net))
                .ok_or_else(too_large)?;
            if left != 0 {
                let first = Amount::COSTS
                    .into_iter()
                    .find(|cost| self.profile.amounts.contains_key(cost));
                let cost = costs.entry(first.unwrap_or(Amount::Commission)).or_insert(0);
                *cost = cost.checked_add(left).ok_or_else(too_large)?;
                let value = Money::from_minor(left, currency);
                let rule = || "what rounding each amount leaves, put into the first cost".to_owned();
                self.note("rounding", "", "", rule, value);
            }
        }
        Ok(Whole {
            gross,
            net,
            costs,
            rate,
        })
    }

    /// What one unit of the gross currency is in the other: as the file says, proven within a minor unit, or as the amounts do.
    fn exchange_rate(&mut self, gross: (Decimal, Currency), before_costs: i64, to: Currency) -> Result<Decimal, Wrong> {
        let (major, from) = gross;
        let cell = self.cell(Text::ExchangeRate).unwrap_or_default();
        if cell.is_empty() {
            let converted = Decimal::try_new(before_costs, to.exponent().into()).ok();
            let rate = converted
                .and_then(|converted| converted.checked_div(major))
                .filter(|rate| *rate > Decimal::ZERO);
            return rate.ok_or_else(|| Wrong::of_row("its amounts in two currencies give no rate"));
        }
        let wrong = |reason: String| self.wrong(Text::ExchangeRate, reason);
        let written = cell.replacen(self.profile.numbers.decimal, ".", 1);
        let rate = parse_rate(&written).filter(|rate| !rate.is_zero());
        let rate = rate.ok_or_else(|| wrong(format!("`{}` is not a rate", short(cell))))?;
        let money = minor(major, from).map(|minor| Money::from_minor(minor, from));
        let converted = money.and_then(|money| convert(money, rate, to));
        let off = converted.and_then(|converted| converted.checked_sub(before_costs.into()));
        if off.is_none_or(|off| off.unsigned_abs() > 1) {
            let (gross, after) = (amount_text(major, from), Money::from_minor(before_costs, to));
            return Err(wrong(format!("{rate} does not lead from {gross} to {after}")));
        }
        let column = self.profile.texts.get(&Text::ExchangeRate).map_or("", String::as_str);
        self.note(
            "exchange_rate",
            column,
            cell,
            || "rate, within a minor unit".to_owned(),
            rate,
        );
        Ok(rate)
    }
}

/// The amounts of a row in whole minor units.
struct Whole {
    gross: Option<i64>,
    net: i64,
    costs: BTreeMap<Amount, i64>,
    rate: Option<Decimal>,
}

#[cfg(test)]
mod tests;
