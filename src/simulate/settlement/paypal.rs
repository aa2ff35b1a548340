//! Rows of a PayPal settlement report: one file, one section, footers of each currency.
//!
//! A cost is one fee, there are no ARNs, and nothing is converted. Amounts are hundredths of every currency, so there are none
//! of those with three decimals. What is withdrawn to the bank is a row like others: footers prove the file.

use std::io::{self, Write};

use super::{BatchSums, FIRST_BATCH, Line, Reported, payout_text};
use crate::simulate::world::{CURRENCIES, Day, Moment, World};

/// The columns by their exact names; the first is that of the rows' kind.
const HEADER: [&str; 16] = [
    "CH",
    "Transaction ID",
    "Invoice ID",
    "PayPal Reference ID",
    "PayPal Reference ID Type",
    "Transaction Event Code",
    "Transaction Initiation Date",
    "Transaction Completion Date",
    "Transaction Debit or Credit",
    "Gross Transaction Amount",
    "Gross Transaction Currency",
    "Fee Debit or Credit",
    "Fee Amount",
    "Fee Currency",
    "Custom Field",
    "Store ID",
];

/// The end of the period, as the section says it.
const END: Moment = Moment {
    day: Day::Settlement,
    second: 2 * 3600,
};

/// What the balance of each currency begins with, minor units. What follows the first two balances is said to be nothing.
const OPENING: i64 = 12_500;

/// By what it is less than it was before a report that never came.
const EARNED_BETWEEN: i64 = 2_500;

/// The account of a file, by the number of its first batch.
fn account(batch: usize) -> String {
    format!("EXAMPLE{:05}", batch / 100)
}

/// Rows of one section are a batch.
pub(super) fn batch_name(world: &World, batch: usize) -> String {
    format!("{} {}", account(batch), world.day(Day::Settlement).date)
}

/// A withdrawal is known by its account and its transaction.
pub(super) fn payout_name(world: &World, acquirer: usize, batch: usize) -> String {
    format!("{} {}", account(batch), payout_text(world, acquirer, batch))
}

/// Like `2026/01/06 00:00:30 -0800`.
fn time(world: &World, moment: Moment) -> String {
    let (local, offset) = (world.local_time(moment), &world.day(moment.day).offset);
    format!("{} {}", local.replace('-', "/"), offset.replace(':', ""))
}

/// Writes what stands before the rows.
pub(super) fn begin<W: Write>(world: &World, cells: &mut csv::Writer<W>, first_batch: usize) -> io::Result<()> {
    let start = Moment {
        day: Day::Simulated,
        second: END.second,
    };
    begin_period(world, cells, first_batch, [start, END])
}

fn begin_period<W: Write>(
    world: &World,
    cells: &mut csv::Writer<W>,
    first_batch: usize,
    [start, end]: [Moment; 2],
) -> io::Result<()> {
    let account = account(first_batch);
    let made = Moment {
        second: end.second.saturating_add(3600),
        ..end
    };
    let [made, start, end] = [made, start, end].map(|moment| time(world, moment));
    cells.write_record(["RH", &made, "A", &account, "009"])?;
    cells.write_record(["FH", "01"])?;
    cells.write_record(["SH", &start, &end, &account, ""])?;
    cells.write_record(HEADER)?;
    Ok(())
}

/// The event code of what a row reports.
fn code(reported: Reported) -> &'static str {
    match reported {
        Reported::Sale => "T0006",
        Reported::Refund => "T1107",
        Reported::Chargeback | Reported::SecondChargeback => "T1201",
        Reported::ChargebackReversal => "T1202",
        Reported::BatchFee => "T0106",
        Reported::Reserve => "T1110",
        Reported::Payout => "T0400",
        Reported::Correction | Reported::Deduction | Reported::Unpaid => "T1900",
        Reported::Oddity => "T0800",
    }
}

/// Minor units as hundredths.
fn hundredths(minor: i64, currency: usize) -> i64 {
    match CURRENCIES[currency].code {
        "KRW" | "JPY" => minor.saturating_mul(100),
        _ => minor,
    }
}

fn side(amount: i64) -> String {
    (if amount < 0 { "DR" } else { "CR" }).to_owned()
}

/// What moves before the fee, and the fee: signed, positive is money to us.
fn amounts(line: &Line) -> [i64; 2] {
    let fee = line.costs.total();
    [line.net.saturating_add(fee), fee.saturating_neg()]
}

/// The cells of a row.
pub(super) fn record(world: &World, line: &Line) -> [String; HEADER.len()] {
    let [gross, fee] = amounts(line);
    let amount = |signed: i64| hundredths(signed, line.net_currency).saturating_abs().to_string();
    let at = time(world, line.created);
    let currency = CURRENCIES[line.net_currency].code.to_owned();
    let of_payment = |text: &str| (if line.psp_reference.is_empty() { "" } else { text }).to_owned();
    [
        "SB".to_owned(),
        line.modification.clone(),
        line.merchant_reference.clone(),
        line.psp_reference.clone(),
        of_payment("TXN"),
        code(line.reported).to_owned(),
        at.clone(),
        at,
        side(gross),
        amount(gross),
        currency.clone(),
        side(fee),
        amount(fee),
        currency,
        String::new(),
        String::new(),
    ]
}

/// What stands behind the report's footers.
fn end<W: Write>(cells: &mut csv::Writer<W>, rows: &str) -> io::Result<()> {
    cells.write_record(["RC", rows])?;
    cells.write_record(["FF", rows])?;
    cells.flush()
}

/// The cells of what a balance begins and ends with, and of what follows those.
fn balances(currency: usize, [opening, closing]: [i64; 2]) -> impl Iterator<Item = String> {
    [opening, closing, 0, 0, 0, 0].into_iter().flat_map(move |balance| {
        let amount = hundredths(balance, currency).saturating_abs();
        [side(balance), amount.to_string()]
    })
}

/// A report of an hour of days before, without rows: its balances are what they were, and in as many currencies as planned not what
/// the day's report begins with.
pub(super) fn write_earlier<W: Write>(
    world: &World,
    cells: &mut csv::Writer<W>,
    sums: &[BatchSums; CURRENCIES.len()],
) -> io::Result<()> {
    let [start, finish] = [2 * 3600, 3 * 3600].map(|second| Moment {
        day: Day::Overdue,
        second,
    });
    begin_period(world, cells, FIRST_BATCH, [start, finish])?;
    for kind in ["SF", "RF"] {
        let reported = sums.iter().enumerate().filter(|(_, batch)| batch.lines > 0);
        for (number, (currency, _)) in (0_u32..).zip(reported) {
            let is_planned = number < world.missing_files;
            let balance = OPENING.saturating_add(if is_planned { EARNED_BETWEEN } else { 0 });
            let nothing = std::iter::repeat_n("0".to_owned(), 4);
            let head = [kind.to_owned(), CURRENCIES[currency].code.to_owned()].into_iter();
            let footer = head.chain(nothing).chain(balances(currency, [balance, balance]));
            cells.write_record(footer.chain(["0".to_owned()]))?;
        }
        if kind == "SF" {
            cells.write_record(["SC", "0"])?;
        }
    }
    end(cells, "0")
}

/// Credits and debits of gross and fee in one currency, and how many rows they are of.
#[derive(Default, Clone, Copy)]
struct Sums {
    amounts: [i64; 4],
    rows: u64,
}

/// What the footers say.
#[derive(Default)]
pub(super) struct Report {
    sums: [Sums; CURRENCIES.len()],
}

impl Report {
    /// Adds a row.
    pub(super) fn add(&mut self, line: &Line) {
        let sums = &mut self.sums[line.net_currency];
        sums.rows = sums.rows.saturating_add(1);
        for (amount, [credit, debit]) in amounts(line).into_iter().zip([[0, 1], [2, 3]]) {
            let place = if amount < 0 { debit } else { credit };
            sums.amounts[place] = sums.amounts[place].saturating_add(amount.saturating_abs());
        }
    }

    /// Writes what stands after the rows. The section's footers say `off_by` minor units of debits more than there are.
    pub(super) fn end<W: Write>(&self, cells: &mut csv::Writer<W>, off_by: i64) -> io::Result<()> {
        let rows = self.sums.iter().map(|sums| sums.rows).fold(0, u64::saturating_add);
        let rows = rows.to_string();
        self.footers(cells, "SF", off_by)?;
        cells.write_record(["SC", &rows])?;
        self.footers(cells, "RF", 0)?;
        end(cells, &rows)
    }

    fn footers<W: Write>(&self, cells: &mut csv::Writer<W>, kind: &str, off_by: i64) -> io::Result<()> {
        for (currency, sums) in self.sums.iter().enumerate().filter(|(_, sums)| sums.rows > 0) {
            let [credits, debits, fee_credits, fee_debits] = sums.amounts;
            let said = [credits, debits.saturating_add(off_by), fee_credits, fee_debits];
            let mut footer = vec![kind.to_owned(), CURRENCIES[currency].code.to_owned()];
            footer.extend(said.map(|amount| hundredths(amount, currency).to_string()));
            let moved = credits
                .saturating_add(fee_credits)
                .saturating_sub(debits.saturating_add(fee_debits));
            footer.extend(balances(currency, [OPENING, OPENING.saturating_add(moved)]));
            footer.push(sums.rows.to_string());
            cells.write_record(footer)?;
        }
        Ok(())
    }
}
