//! PayPal's Settlement Report (STL).
//!
//! A CSV file in UTF-8 whose rows say in their first cell what they are: report header `RH`, file header `FH`, and for each
//! account a section of header `SH`, column names `CH`, rows `SB`, a footer `SF` a currency and the count `SC`; then the
//! report's footers `RF` and count `RC`, and the file's count `FF`. PayPal's public specification of the report describes
//! them. A report of many rows is a sequence of files, which are read as one; a section may go on in the next of them.
//!
//! Amounts are unsigned hundredths of the currency, whatever its own decimals; the columns of debit and credit say where
//! money goes, of the fee apart. A balance is no batch: rows of one section are one, and nobody claims what they come to but
//! the footers; a withdrawal takes of the balance what it likes, and is a batch of its own. What a dispute costs is a row of its
//! own, and a cost of the dispute's line (`disputes`).
//!
//! Phases: records in their order, each of which says what may follow; rows as in every format; at the end of the report what its
//! footers say is compared with what was read. What is out of order, or missing, ends the file.
//!
//! Invariants: gross less fee is net, by what the format is; footers of a section and of the report are proven, currency by
//! currency, credits and debits of gross and fee, and where balances are stated (their first pair is what the section begins with
//! and what it ends with), that what it begins with and all of these are what it ends with; counts of section, report and file
//! are proven; every conversion has as many sides sold as bought.

mod disputes;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use chrono::{DateTime, NaiveDate, Utc};

use self::disputes::Disputes;
use super::sheet::{self, Cells, Header, Wrong, columns};
use super::{BATCH_LIMIT, Balance, Claim, ControlClaims, RecordType, Row, SettlementLine, SettlementReader};
use crate::dates::parse_day;
use crate::delimited::{FileError, Records};
use crate::money::{Currency, Money};

/// The most conversions that may wait for their other side, and the most false claims that are told.
const OPEN_LIMIT: usize = 10_000;

columns! {
    Column, "the section of a PayPal settlement report", is_evidence;
    required {
        Id = "Transaction ID",
        Invoice = "Invoice ID",
        Reference = "PayPal Reference ID",
        Event = "Transaction Event Code",
        Completed = "Transaction Completion Date",
        Direction = "Transaction Debit or Credit",
        Gross = "Gross Transaction Amount",
        GrossCurrency = "Gross Transaction Currency",
        FeeDirection = "Fee Debit or Credit",
        Fee = "Fee Amount",
        FeeCurrency = "Fee Currency",
    }
    optional {}
}

/// Columns that PayPal is known to write and that are kept in the raw row only; the first is that of the rows' own kind.
const EVIDENCE: [&str; 12] = [
    "CH",
    "PayPal Reference ID Type",
    "Transaction Initiation Date",
    "Custom Field",
    "Consumer ID",
    "Payment Tracking ID",
    "Store ID",
    "Bank Reference ID",
    "Credit Transactional Fee",
    "Credit Promotional Fee",
    "Credit Term",
    "Payment Source",
];

fn is_evidence(name: &str) -> bool {
    EVIDENCE.contains(&name)
}

/// How many columns a header lacks to be of this format: its first row names none.
pub(super) fn missing(header: &[&str]) -> usize {
    if header.first() == Some(&"RH") { 0 } else { 1_000 }
}

/// Credits and debits of gross and fee, and how many rows they are of.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    amounts: [i128; 4],
    rows: i128,
}

impl Sums {
    /// What a footer says of each amount.
    const NAMES: [&'static str; 4] = ["gross credits", "gross debits", "fee credits", "fee debits"];

    /// What the balance moves by.
    fn net(&self) -> i128 {
        let [credits, debits, fee_credits, fee_debits] = self.amounts;
        let taken = debits.saturating_add(fee_debits);
        credits.saturating_add(fee_credits).saturating_sub(taken)
    }

    fn add(&mut self, gross: i64, fee: i64) {
        // 2^63 rows of 64 bits fit 128 bits.
        let place = |amount: i64, credit: usize| if amount >= 0 { credit } else { credit.saturating_add(1) };
        for (amount, credit) in [(gross, 0), (fee, 2)] {
            if let Some(sum) = self.amounts.get_mut(place(amount, credit)) {
                *sum = sum.saturating_add(i128::from(amount.unsigned_abs()));
            }
        }
        self.rows = self.rows.saturating_add(1);
    }
}

/// What a section or the report comes to, and which currencies a footer has spoken of.
#[derive(Debug, Clone, Default)]
struct Part {
    sums: BTreeMap<Currency, Sums>,
    rows: i128,
    footers: Vec<Currency>,
}

impl Part {
    fn add(&mut self, currency: Currency, gross: i64, fee: i64) {
        self.sums.entry(currency).or_default().add(gross, fee);
        self.rows = self.rows.saturating_add(1);
    }

    /// The first currency that has rows and no footer.
    fn unspoken(&self) -> Option<Currency> {
        self.sums
            .keys()
            .copied()
            .find(|currency| !self.footers.contains(currency))
    }
}

/// A section that has begun.
#[derive(Debug, Clone)]
struct Section {
    batch: String,
    account: String,
    period: [DateTime<Utc>; 2],
    header: Option<Header>,
    part: Part,
    disputes: Disputes,
}

/// Reads a PayPal settlement report: lines and rejects, in the order of its files.
pub struct PaypalReader<'r> {
    waiting: Vec<Box<dyn Read + 'r>>,
    records: Records<Box<dyn Read + 'r>>,
    claims: ControlClaims,
    unknown: Vec<String>,
    /// Which file of the sequence is read.
    number: i128,
    ordinal: u32,
    /// Lines that were held back, the last one first.
    held: Vec<SettlementLine>,
    in_file: i128,
    opened: [bool; 2],
    section: Option<Section>,
    report: Part,
    /// The last day of its sections.
    ends_on: Option<NaiveDate>,
    /// The report's own count has come.
    counted: bool,
    /// `FF` has come.
    closed: bool,
    /// By the reference of a conversion: sides sold less sides bought.
    conversions: BTreeMap<String, i64>,
    /// Of which accounts, currencies and periods balances were stated.
    stated: BTreeSet<(String, Currency, DateTime<Utc>)>,
}

impl<'r> PaypalReader<'r> {
    /// Begins a report: its first file, and those that follow in their order.
    ///
    /// Errors: an empty file, another encoding.
    pub fn open(input: Box<dyn Read + 'r>, rest: Vec<Box<dyn Read + 'r>>) -> Result<Self, FileError> {
        let mut waiting = rest;
        waiting.reverse();
        Ok(Self {
            waiting,
            records: Records::open(input)?,
            claims: ControlClaims::default(),
            unknown: Vec::new(),
            number: 1,
            ordinal: 0,
            held: Vec::new(),
            in_file: 0,
            opened: [false; 2],
            section: None,
            report: Part::default(),
            ends_on: None,
            counted: false,
            closed: false,
            conversions: BTreeMap::new(),
            stated: BTreeSet::new(),
        })
    }

    fn malformed(&self, reason: impl Into<String>) -> FileError {
        let reason = reason.into();
        FileError::Malformed {
            line: self.records.record().line(),
            reason: match self.number {
                1 => reason,
                number => format!("file {number}: {reason}"),
            },
        }
    }

    /// Ends a file and begins the next; false where none is left and the report is whole.
    fn next_file(&mut self) -> Result<bool, FileError> {
        if !self.closed {
            return Err(self.malformed("the file ends without its footer `FF`"));
        }
        if let Some(input) = self.waiting.pop() {
            if self.counted {
                return Err(self.malformed("the report ends here, but another file is given with it"));
            }
            self.records = Records::open(input)?;
            self.number = self.number.saturating_add(1);
            // The next file names the columns of a section that goes on again.
            if let Some(section) = &mut self.section {
                section.header = None;
            }
            (self.opened, self.closed, self.in_file) = ([false; 2], false, 0);
            return Ok(true);
        }
        if !self.counted {
            return Err(self.malformed("the report goes on in another file: give it by --with"));
        }
        let open = std::mem::take(&mut self.conversions);
        for (reference, sides) in open.into_iter().filter(|(_, sides)| *sides != 0) {
            let what = format!("conversion {reference} has of its two sides one too many or too few, sold less bought");
            self.claim(what, None, 0, i128::from(sides))?;
        }
        // Of a day without sales there are sections alone.
        if self.claims.lines == 0 && self.claims.rejects == 0 {
            self.claims.latest_day = self.ends_on;
        }
        // A balance goes on: no batch of this format adds up to nothing.
        self.claims.totals.clear();
        Ok(false)
    }

    /// Keeps what is said and is not so.
    fn claim(&mut self, what: String, currency: Option<Currency>, stated: i128, read: i128) -> Result<(), FileError> {
        if stated == read {
            return Ok(());
        }
        if self.claims.claims.len() >= OPEN_LIMIT {
            return Err(self.malformed(format!("more than {OPEN_LIMIT} totals do not add up")));
        }
        self.claims.claims.push(Claim {
            batch: None,
            what,
            currency,
            stated,
            read,
        });
        Ok(())
    }

    /// A number of hundredths, or of rows, in a cell of a footer.
    fn number_at(&self, place: usize) -> Result<i128, FileError> {
        let cell = self.records.record().cell(place);
        digits(cell).ok_or_else(|| {
            let cells = place.saturating_add(1);
            self.malformed(format!("cell {cells} is `{}`; it must be digits", sheet::short(cell)))
        })
    }

    fn file_header(&mut self) -> Result<(), FileError> {
        let number = self.number_at(1)?;
        if number != self.number {
            let reason = format!(
                "is file {number} of its report where file {} is due: give all, in order, by --with",
                self.number
            );
            return Err(FileError::Malformed {
                line: self.records.record().line(),
                reason,
            });
        }
        self.opened[1] = true;
        Ok(())
    }

    fn section_header(&mut self) -> Result<(), FileError> {
        if self.opened != [true; 2] || self.counted {
            return Err(self.malformed("a section outside report and file"));
        }
        let record = self.records.record();
        let (end, account) = (record.cell(2), record.cell(3));
        let no_time = |text: &str| self.malformed(format!("`{}` is not a time", sheet::short(text)));
        let day = day_of(end).ok_or_else(|| no_time(end))?;
        let instant = |text: &str| instant_of(text).ok_or_else(|| no_time(text));
        let period = [instant(record.cell(1))?, instant(end)?];
        if period[0] > period[1] {
            return Err(self.malformed("the section's period ends before it begins"));
        }
        crate::ids::check_reference(account).map_err(|error| self.malformed(format!("the account {error}")))?;
        let batch = format!("{account} {day}");
        self.ends_on = self.ends_on.max(Some(day));
        match &self.section {
            // The next file says again whose section goes on.
            Some(section) if section.batch == batch && section.header.is_none() => {}
            Some(_) => return Err(self.malformed("a section begins before the one above has its count `SC`")),
            None => {
                self.section = Some(Section {
                    batch,
                    account: account.to_owned(),
                    period,
                    header: None,
                    part: Part::default(),
                    disputes: Disputes::default(),
                });
            }
        }
        Ok(())
    }

    fn columns(&mut self) -> Result<(), FileError> {
        let header = Header::bind::<Column>(self.records.record())?;
        for name in header.unknown() {
            if !self.unknown.contains(name) && self.unknown.len() < 100 {
                self.unknown.push(name.clone());
            }
        }
        let malformed = self.malformed("column names outside a section");
        let section = self.section.as_mut().ok_or(malformed)?;
        section.header = Some(header);
        Ok(())
    }

    /// A row; none where its line is held back.
    fn body(&mut self) -> Result<Option<Row>, FileError> {
        self.in_file = self.in_file.saturating_add(1);
        let record = self.records.record();
        let Some(section) = self.section.as_mut() else {
            return Err(self.malformed("a row outside a section"));
        };
        let Some(header) = &section.header else {
            return Err(self.malformed("a row before the column names of its section"));
        };
        let cells = Cells::of(record, header);
        let read = cells
            .check_shape()
            .and_then(|()| RowReader { cells: &cells }.read(section));
        let read = read.map_err(|wrong| {
            let wrong = match self.number {
                1 => wrong,
                number => wrong.in_file(number),
            };
            wrong.at(record.line(), record.raw())
        });
        if let Ok((line, gross, fee)) = &read {
            section.part.add(line.net.currency(), *gross, *fee);
            self.report.add(line.net.currency(), *gross, *fee);
            self.pair(line, *gross)?;
        }
        match read {
            Ok((line, ..)) => self.line(line),
            Err(reject) => self.claims.take(Err(reject)).map(Some),
        }
    }

    /// Hands a line out, or holds it back.
    fn line(&mut self, line: SettlementLine) -> Result<Option<Row>, FileError> {
        let Some(section) = self.section.as_mut() else {
            return self.next_line(line).map(Some);
        };
        if let Some(line) = section.disputes.hold(line) {
            return self.next_line(line).map(Some);
        }
        if section.disputes.held() > OPEN_LIMIT {
            self.hand_out();
        }
        Ok(None)
    }

    /// Numbers a line, and counts it.
    fn next_line(&mut self, line: SettlementLine) -> Result<Row, FileError> {
        self.ordinal = self.ordinal.saturating_add(1);
        let ordinal = self.ordinal;
        self.claims.take(Ok(SettlementLine { ordinal, ..line }))
    }

    /// Hands out what was held back.
    fn hand_out(&mut self) {
        if let Some(section) = &mut self.section {
            self.held = section.disputes.take();
            self.held.reverse();
        }
    }

    /// Counts a side of a conversion; both have one reference.
    fn pair(&mut self, line: &SettlementLine, gross: i64) -> Result<(), FileError> {
        if line.record != RecordType::Conversion {
            return Ok(());
        }
        let own = || line.acquirer_reference.clone();
        let reference = line.original_reference.clone().or_else(own).unwrap_or_default();
        let sides = self.conversions.entry(reference.clone()).or_default();
        *sides = sides.saturating_sub(gross.signum());
        if *sides == 0 {
            self.conversions.remove(&reference);
        }
        if self.conversions.len() > OPEN_LIMIT {
            return Err(self.malformed(format!("more than {OPEN_LIMIT} conversions wait for their other side")));
        }
        Ok(())
    }

    /// A footer of a section or of the report: what the rows of a currency come to.
    fn footer(&mut self, of_section: bool) -> Result<(), FileError> {
        let record = self.records.record();
        let cells = record.cells();
        if cells != 6 && cells != 19 {
            return Err(self.malformed(format!(
                "the footer has {cells} cells; it must have 19, or 6 without balances"
            )));
        }
        let currency = Currency::parse(record.cell(1))
            .map_err(|error| self.malformed(format!("the footer's currency {error}")))?;
        let mut stated = Sums::default();
        for (place, amount) in (2_usize..).zip(&mut stated.amounts) {
            let hundredths = self.number_at(place)?;
            *amount = of_hundredths(hundredths, currency)
                .ok_or_else(|| self.malformed(format!("{hundredths} hundredths are no amount of {currency}")))?;
        }
        let (stated_rows, balances) = if cells == 19 {
            (
                Some(self.number_at(18)?),
                Some((self.balance_at(6, currency)?, self.balance_at(8, currency)?)),
            )
        } else {
            (None, None)
        };
        let outside = self.malformed("a section's footer outside a section");
        let part = match (of_section, &mut self.section) {
            (true, Some(section)) => &mut section.part,
            (true, None) => return Err(outside),
            (false, _) => &mut self.report,
        };
        if part.footers.contains(&currency) {
            return Err(self.malformed(format!("a second footer of {currency}")));
        }
        part.footers.push(currency);
        let read = part.sums.get(&currency).copied().unwrap_or_default();
        let of = if of_section { "section" } else { "report" };
        let line = self.records.record().line();
        for (name, (stated, read)) in Sums::NAMES
            .into_iter()
            .zip(stated.amounts.into_iter().zip(read.amounts))
        {
            self.claim(
                format!("the {of}'s footer of {currency} on line {line} says {name} of"),
                Some(currency),
                stated,
                read,
            )?;
        }
        if let Some(rows) = stated_rows {
            self.claim(
                format!("the {of}'s footer of {currency} on line {line} counts"),
                None,
                rows,
                read.rows,
            )?;
        }
        if let Some((opening, closing)) = balances {
            self.claim(
                format!("the {of}'s footer of {currency} on line {line} says that the balance moved by"),
                Some(currency),
                i128::from(closing.minor()).saturating_sub(opening.minor().into()),
                read.net(),
            )?;
            if let (true, Some(section)) = (of_section, &self.section) {
                let [from, until] = section.period;
                if !self.stated.insert((section.account.clone(), currency, from)) {
                    return Err(self.malformed(format!("a second balance of {currency} for the same period")));
                }
                if self.stated.len() > BATCH_LIMIT {
                    return Err(self.malformed(format!("the file has more than {BATCH_LIMIT} balances")));
                }
                self.claims.balances.push(Balance {
                    account: section.account.clone(),
                    from,
                    until,
                    opening,
                    closing,
                });
            }
        }
        Ok(())
    }

    /// A balance of a footer: its direction, then hundredths.
    fn balance_at(&self, place: usize, currency: Currency) -> Result<Money, FileError> {
        let amount = place.saturating_add(1);
        let hundredths = self.number_at(amount)?;
        let minor = of_hundredths(hundredths, currency).and_then(|minor| i64::try_from(minor).ok());
        let minor =
            minor.ok_or_else(|| self.malformed(format!("{hundredths} hundredths are no balance of {currency}")))?;
        match self.records.record().cell(place) {
            "DR" => Ok(Money::from_minor(minor.saturating_neg(), currency)),
            "CR" => Ok(Money::from_minor(minor, currency)),
            _ if minor == 0 => Ok(Money::from_minor(0, currency)),
            other => Err(self.malformed(format!(
                "cell {amount} is `{}`; it must be CR or DR",
                sheet::short(other)
            ))),
        }
    }

    fn section_count(&mut self) -> Result<(), FileError> {
        let stated = self.number_at(1)?;
        self.hand_out();
        let Some(section) = self.section.take() else {
            return Err(self.malformed("a section's count outside a section"));
        };
        if let Some(currency) = section.part.unspoken() {
            return Err(self.malformed(format!("the section has rows of {currency} and no footer of it")));
        }
        let line = self.records.record().line();
        self.claim(
            format!("the count of section {} on line {line}", section.batch),
            None,
            stated,
            section.part.rows,
        )
    }

    fn report_count(&mut self) -> Result<(), FileError> {
        let stated = self.number_at(1)?;
        if self.section.is_some() {
            return Err(self.malformed("the report is counted before its section"));
        }
        if let Some(currency) = self.report.unspoken() {
            return Err(self.malformed(format!("the report has rows of {currency} and no footer of it")));
        }
        self.counted = true;
        let line = self.records.record().line();
        self.claim(
            format!("the count of the report on line {line}"),
            None,
            stated,
            self.report.rows,
        )
    }
}

impl SettlementReader for PaypalReader<'_> {
    fn row(&mut self) -> Result<Option<Row>, FileError> {
        loop {
            if let Some(line) = self.held.pop() {
                return self.next_line(line).map(Some);
            }
            if !self.records.advance()? {
                if !self.next_file()? {
                    return Ok(None);
                }
                continue;
            }
            let record = self.records.record();
            let code = record.cell(0).to_owned();
            if self.closed {
                return Err(self.malformed("a record after the file's footer `FF`"));
            }
            if code == "SB" {
                match self.body()? {
                    Some(row) => return Ok(Some(row)),
                    None => continue,
                }
            }
            if let Some(fault) = record.fault() {
                // Of what is no text, not even its kind is known.
                let kind = match code.as_str() {
                    "" => "the record".to_owned(),
                    code => format!("the `{}` record", sheet::short(code)),
                };
                let reason = format!("cell {} of {kind} {}", fault.cell.saturating_add(1), fault.reason);
                return Err(self.malformed(reason));
            }
            match code.as_str() {
                "RH" => self.opened[0] = true,
                "FH" => self.file_header()?,
                "SH" => self.section_header()?,
                "CH" => self.columns()?,
                "SF" => self.footer(true)?,
                "SC" => self.section_count()?,
                "RF" => self.footer(false)?,
                "RC" => self.report_count()?,
                "FF" => {
                    let stated = self.number_at(1)?;
                    let line = self.records.record().line();
                    self.claim(
                        format!("the footer of file {} on line {line} counts", self.number),
                        None,
                        stated,
                        self.in_file,
                    )?;
                    self.closed = true;
                }
                _ => return Err(self.malformed(format!("`{}` is not a kind of record", sheet::short(&code)))),
            }
        }
    }

    fn unknown_columns(&self) -> &[String] {
        &self.unknown
    }

    fn claims(&self) -> &ControlClaims {
        &self.claims
    }
}

/// Digits alone, at most 18 of them.
fn digits(text: &str) -> Option<i128> {
    let well_formed = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| text.parse().ok()).flatten()
}

/// Hundredths in minor units; none where the currency has no such part.
fn of_hundredths(hundredths: i128, currency: Currency) -> Option<i128> {
    match currency.exponent() {
        exponent @ 0..2 => {
            let unit = 10_i128.checked_pow(2_u32.checked_sub(exponent.into())?)?;
            (hundredths.checked_rem(unit)? == 0)
                .then(|| hundredths.checked_div(unit))
                .flatten()
        }
        exponent => hundredths.checked_mul(10_i128.checked_pow(u32::from(exponent).checked_sub(2)?)?),
    }
}

/// The instant of `2026/01/06 00:00:30 -0800`.
fn instant_of(text: &str) -> Option<DateTime<Utc>> {
    day_of(text)?;
    let instant = DateTime::parse_from_str(text, "%Y/%m/%d %H:%M:%S %z").ok()?;
    Some(instant.with_timezone(&Utc))
}

/// The day of `2026/01/06 00:00:30 -0800`, as it stands there.
fn day_of(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split(' ');
    let (day, time, offset) = (parts.next()?, parts.next()?, parts.next()?);
    let sign = offset.strip_prefix(['+', '-'])?;
    let well_formed = sign.len() == 4 && sign.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !well_formed || !sheet::is_time_of_day(time) || day.contains('-') {
        return None;
    }
    parse_day(&day.replace('/', "-")).ok()
}

/// What an event code reports, given where its money goes.
fn record(code: &str, gross: i64) -> (RecordType, Option<RecordType>) {
    let record = match code {
        "T1106" | "T1201" => RecordType::Chargeback,
        "T1107" => RecordType::Refund,
        "T1202" => RecordType::ChargebackReversal,
        "T1108" | "T1109" => RecordType::BatchFee,
        "T1110" | "T1111" => RecordType::Reserve,
        _ => match code.get(..3) {
            Some("T00") => RecordType::Capture,
            Some("T01") => RecordType::BatchFee,
            Some("T02") => RecordType::Conversion,
            Some("T04") if gross < 0 => RecordType::Payout,
            _ => RecordType::Unsupported,
        },
    };
    record.directed(gross)
}

/// One row on its way to become a line.
struct RowReader<'a> {
    cells: &'a Cells<'a, Column>,
}

impl RowReader<'_> {
    /// The line; and gross and fee, signed as they change the balance.
    fn read(&self, section: &Section) -> Result<(SettlementLine, i64, i64), Wrong> {
        let cells = self.cells;
        let code = cells.text(Column::Event)?;
        let well_formed =
            code.len() == 5 && code.starts_with('T') && code.bytes().skip(1).all(|byte| byte.is_ascii_digit());
        if !well_formed {
            return Err(cells.wrong(
                Column::Event,
                format!("`{}` is not an event code, like T0006", sheet::short(code)),
            ));
        }
        let when = cells.cell(Column::Completed);
        let occurred_on = day_of(when).ok_or_else(|| {
            let reason = format!(
                "`{}` is not a time: write YYYY/MM/DD HH:MM:SS and the offset",
                sheet::short(when)
            );
            cells.wrong(Column::Completed, reason)
        })?;
        let currency = cells.currency(Column::GrossCurrency)?;
        let gross = self.amount(Column::Gross, Column::Direction, currency)?;
        let fee = self.amount(Column::Fee, Column::FeeDirection, currency)?;
        if fee != 0 && cells.currency(Column::FeeCurrency)? != currency {
            return Err(cells.wrong(
                Column::FeeCurrency,
                format!("is not {currency}, the currency of the gross"),
            ));
        }
        let too_large = || Wrong::of_row("the amounts are too large");
        let net = gross.checked_add(fee).ok_or_else(too_large)?;
        let (record, contrary) = record(code, gross);
        let of_item = record.is_of_item() || contrary.is_some();
        let withheld = if record == RecordType::Reserve {
            gross.saturating_neg()
        } else {
            0
        };
        let id = cells.text(Column::Id)?;
        let line = SettlementLine {
            type_text: code.to_owned(),
            batch: if record == RecordType::Payout {
                format!("{} {id}", section.account)
            } else {
                section.batch.clone()
            },
            of_balance: true,
            acquirer_reference: Some(id.to_owned()),
            original_reference: cells.reference(Column::Reference)?,
            merchant_reference: cells.reference(Column::Invoice)?,
            contrary,
            gross: of_item.then_some(Money::from_minor(gross, currency)),
            commission: fee.saturating_neg(),
            reserve: withheld,
            raw: cells.raw(),
            ..SettlementLine::blank(0, cells.line(), record, occurred_on, Money::from_minor(net, currency))
        };
        Ok((line, gross, fee))
    }

    /// Hundredths with the direction that another column gives; empty is nothing.
    fn amount(&self, column: Column, direction: Column, currency: Currency) -> Result<i64, Wrong> {
        let cell = self.cells.cell(column);
        if cell.is_empty() {
            return Ok(0);
        }
        let wrong = |reason: String| self.cells.wrong(column, reason);
        let hundredths =
            digits(cell).ok_or_else(|| wrong(format!("`{}` is not an amount in hundredths", sheet::short(cell))))?;
        let minor = of_hundredths(hundredths, currency)
            .and_then(|minor| i64::try_from(minor).ok())
            .ok_or_else(|| wrong(format!("{hundredths} hundredths are no amount of {currency}")))?;
        match self.cells.cell(direction) {
            "CR" => Ok(minor),
            "DR" => Ok(minor.saturating_neg()),
            _ if minor == 0 => Ok(0),
            other => Err(self
                .cells
                .wrong(direction, format!("`{}` is neither CR nor DR", sheet::short(other)))),
        }
    }
}

#[cfg(test)]
mod tests;
