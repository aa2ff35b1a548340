//! The bank file as NACHA (ACH) credits, CCD for companies and PPD for people.
//!
//! Records of 94 characters, in blocks of ten that are filled up with nines: a file header (1), then a company batch a [`Batch`]
//! of header (5), entries (6) each with an addenda (7), and control (8), and a file control (9). Amounts are cents; control totals
//! and hash totals are added up as entries are written, so nothing is kept of them (Nacha Operating Rules, appendix one and
//! three; public guides agree on all of it).
//!
//! Fifteen characters of an entry are ours, and come back with a return: the number of the payout. The end-to-end id and the text
//! for the receiver stand in the addenda.

use std::io::Write;

use chrono::NaiveDateTime;

use super::order::{AccountKind, Batch, Checker, Order, OrderError, Progress, Step, payout_id};
use crate::iban::is_routing_number;
use crate::settings::Receivers;

/// The most entries of a file: traces have seven digits.
const ENTRY_LIMIT: u64 = 9_999_999;
/// The largest sum of a batch or file in cents, exclusive.
const TOTAL_LIMIT: i64 = 1_000_000_000_000;

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The routing number of the bank that receives the file.
    pub destination: String,
    /// Its name, at most 23 characters.
    pub destination_name: String,
    /// Who sends it: ten characters, agreed with the bank.
    pub origin: String,
    /// Its name, at most 23 characters.
    pub origin_name: String,
    /// Our company's number at the bank: at most ten characters.
    pub company_id: String,
    /// What the entries are for, as their receivers read it: at most ten characters, like `PAYOUT`.
    pub description: String,
    /// When the file was made, by the bank's clock; whoever writes it again says the same.
    pub created: NaiveDateTime,
    /// Which file of the day it is: A to Z, 0 to 9.
    pub modifier: char,
    /// Whom it pays.
    pub receivers: Receivers,
}

/// Count, hash and sum of a batch or file.
#[derive(Debug, Clone, Copy, Default)]
struct Control {
    records: u64,
    /// Σ of the first eight digits of routing numbers.
    hash: u64,
    credits: i64,
}

impl Control {
    /// The last ten digits of the hash.
    fn hash(&self) -> u64 {
        self.hash.checked_rem(10_000_000_000).unwrap_or(0)
    }
}

/// Writes a file: its head, then orders batch by batch, then its end.
pub struct Nacha<W> {
    out: W,
    head: Head,
    progress: Progress,
    lines: u64,
    entries: u64,
    batch: Control,
    file: Control,
}

impl<W: Write> Nacha<W> {
    /// Begins a file of batches of which count and total are known. The account of a batch is not written: the bank knows it by the
    /// company's number.
    ///
    /// Errors: a field of head or batches that banks do not take, another currency than USD, too many orders.
    pub fn begin(out: W, head: &Head, batches: &[Batch]) -> Result<Self, OrderError> {
        let file = Checker::of_file();
        if !is_routing_number(&head.destination) {
            return Err(file.wrong("destination", "is not a routing number"));
        }
        file.text("destination name", &head.destination_name, 23, is_printable)?;
        file.text("origin", &head.origin, 10, is_printable)?;
        file.text("origin name", &head.origin_name, 23, is_printable)?;
        file.text("company id", &head.company_id, 10, is_printable)?;
        file.text("description", &head.description, 10, is_printable)?;
        if !head.modifier.is_ascii_uppercase() && !head.modifier.is_ascii_digit() {
            return Err(file.wrong("modifier", "is neither A to Z nor 0 to 9"));
        }
        let mut count = 0_u64;
        for (number, batch) in (1_usize..).zip(batches) {
            let of_batch = Checker::of_batch(number);
            of_batch.execution(batch.execute_on)?;
            of_batch.text("name", &batch.debtor.name, 16, is_printable)?;
            let currency = batch.total.currency();
            if currency.code() != "USD" {
                return Err(of_batch.wrong("currency", format!("is {currency}; NACHA pays USD")));
            }
            count = count.saturating_add(batch.count);
        }
        if count > ENTRY_LIMIT {
            return Err(file.wrong("count", format!("is above {ENTRY_LIMIT}")));
        }
        let progress = Progress::begin(batches)?;
        let mut file = Self {
            out,
            head: head.clone(),
            progress,
            lines: 0,
            entries: 0,
            batch: Control::default(),
            file: Control::default(),
        };
        let created = head.created.format("%y%m%d%H%M");
        file.line(&format!(
            "101 {}{:>10}{created}{}094101{:<23}{:<23}{:8}",
            head.destination, head.origin, head.modifier, head.destination_name, head.origin_name, ""
        ))?;
        Ok(file)
    }

    fn line(&mut self, line: &str) -> Result<(), OrderError> {
        if line.len() != 94 {
            let reason = format!("has {} characters instead of 94", line.len());
            return Err(Checker::of_file().wrong("a record", reason));
        }
        self.lines = self.lines.saturating_add(1);
        writeln!(self.out, "{line}")?;
        Ok(())
    }

    /// The first eight digits of the bank that sends the entries on.
    fn odfi(&self) -> String {
        self.head.destination.chars().take(8).collect()
    }

    /// Writes the next order, of the batch whose turn it is.
    ///
    /// Errors: a field that banks do not take, an id that does not come after the one before, a batch that is not what was said.
    pub fn order(&mut self, order: &Order<'_>) -> Result<(), OrderError> {
        let batch = self.progress.current(order)?.clone();
        let checker = Checker::of_order(order);
        let instruction = order.instruction;
        checker.amount(instruction.money, batch.total.currency(), 10)?;
        checker.text("account", &instruction.account, 17, is_account)?;
        if !is_routing_number(&instruction.bank) {
            return Err(checker.wrong("bank", "is not a routing number"));
        }
        checker.text("name", &instruction.holder, 22, is_printable)?;
        let number = payout_id(order.payout);
        checker.text("number", &number, 15, is_printable)?;
        let addenda = match order.text {
            "" => instruction.end_to_end_id.clone(),
            text => format!("{} {text}", instruction.end_to_end_id),
        };
        checker.text("id and text", &addenda, 80, is_printable)?;
        let Step {
            batch: place,
            first,
            last,
        } = self.progress.step(order)?;
        if first {
            self.begin_batch(place, &batch)?;
        }
        self.entries = self.entries.saturating_add(1);
        let (odfi, entry) = (self.odfi(), self.entries);
        let code = match order.account_kind {
            AccountKind::Checking => "22",
            AccountKind::Savings => "32",
        };
        self.line(&format!(
            "6{code}{}{:<17}{:010}{number:<15}{:<22}  1{odfi}{entry:07}",
            instruction.bank,
            instruction.account,
            instruction.money.minor(),
            instruction.holder,
        ))?;
        self.line(&format!("705{addenda:<80}0001{entry:07}"))?;
        self.count(order, &checker)?;
        if last {
            self.end_batch(place)?;
        }
        Ok(())
    }

    /// Adds an entry and its addenda to the totals of its batch.
    fn count(&mut self, order: &Order<'_>, checker: &Checker) -> Result<(), OrderError> {
        let routing: String = order.instruction.bank.chars().take(8).collect();
        let routing: u64 = routing
            .parse()
            .map_err(|_| checker.wrong("bank", "is not a routing number"))?;
        let batch = &mut self.batch;
        batch.records = batch.records.saturating_add(2);
        // Ten million numbers of eight digits fit 64 bits.
        batch.hash = batch.hash.saturating_add(routing);
        batch.credits = batch.credits.saturating_add(order.instruction.money.minor());
        let total = self.file.credits.saturating_add(batch.credits);
        if total >= TOTAL_LIMIT {
            return Err(checker.wrong("amount", "makes the sum of the file larger than twelve digits"));
        }
        Ok(())
    }

    fn begin_batch(&mut self, place: usize, batch: &Batch) -> Result<(), OrderError> {
        self.batch = Control::default();
        let line = format!(
            "5220{:<16}{:20}{:<10}{}{:<10}{:6}{}{:3}1{}{:07}",
            batch.debtor.name,
            "",
            self.head.company_id,
            class(self.head.receivers),
            self.head.description,
            "",
            batch.execute_on.format("%y%m%d"),
            "",
            self.odfi(),
            place.saturating_add(1),
        );
        self.line(&line)
    }

    fn end_batch(&mut self, place: usize) -> Result<(), OrderError> {
        let batch = self.batch;
        self.file.records = self.file.records.saturating_add(batch.records);
        self.file.hash = self.file.hash.saturating_add(batch.hash());
        self.file.credits = self.file.credits.saturating_add(batch.credits);
        let line = format!(
            "8220{:06}{:010}{:012}{:012}{:<10}{:25}{}{:07}",
            batch.records,
            batch.hash(),
            0,
            batch.credits,
            self.head.company_id,
            "",
            self.odfi(),
            place.saturating_add(1),
        );
        self.line(&line)
    }

    /// Ends the file: its control, and nines to the end of the block.
    ///
    /// Errors: batches without all of their orders.
    pub fn finish(mut self) -> Result<W, OrderError> {
        self.progress.end()?;
        let blocks = self.lines.saturating_add(1).div_ceil(10);
        let line = format!(
            "9{:06}{blocks:06}{:08}{:010}{:012}{:012}{:39}",
            self.progress.batches().len(),
            self.file.records,
            self.file.hash(),
            0,
            self.file.credits,
            "",
        );
        self.line(&line)?;
        while !self.lines.is_multiple_of(10) {
            self.line(&"9".repeat(94))?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The class of the entries.
fn class(receivers: Receivers) -> &'static str {
    match receivers {
        Receivers::Companies => "CCD",
        Receivers::People => "PPD",
    }
}

/// Printable ASCII.
fn is_printable(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic()
}

/// What an account number is made of.
fn is_account(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

#[cfg(test)]
mod tests;
