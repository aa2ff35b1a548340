//! An acquirer's settlement file: one batch per currency, in the form that the plan asks for.
//!
//! Lines leave in an order of chance within a window of bounded size, so the file has not the order of the ledger and memory
//! does not grow with it. At the end each batch gets its fee row, where the form has one, and the row of what is paid out.
//!
//! A form is a file of its own: its columns, and what each row of it says. What a form cannot say it leaves out, and the truth
//! knows: [`FileFormat`] tells whether costs come apart, which references there are, whether disputes are told, and so on.

mod adyen;
mod checkout;
mod form;
mod ipm;
mod paypal;
mod profile;
mod stripe;
mod toss;

use std::io::{self, Write};

use super::dice::Dice;
use super::fees::{Rounding, round};
use super::world::{CARDS, CURRENCIES, Conversion, Day, Moment, WITHHELD_OFF_PERCENT, WITHHELD_PERCENT, World};
use super::{SimulateError, minus, plus};
use form::Form;
pub use form::{FileFormat, UnknownFileFormat};
pub(super) use profile::SETTINGS as PROFILE;

/// How many lines are held back to be mixed, of the acquirer of cards and of a carrier.
const WINDOW: usize = 4096;
const SMALL_WINDOW: usize = 256;
/// Where the batches of the day's file are numbered from.
pub const FIRST_BATCH: usize = 1;
/// The second of the day on which the acquirer closes a batch.
const CLOSING: u32 = 2 * 3600;

/// A payment method: its names, and whether its costs come as one blended commission.
pub struct Method {
    /// As events name it.
    pub kind: &'static str,
    /// The card scheme, as events name it.
    pub scheme: Option<&'static str>,
    /// As the file names it.
    pub name: &'static str,
    /// Its variant.
    pub variant: &'static str,
    /// Commission alone, or interchange, scheme fees and markup.
    pub blended: bool,
}

/// The payment methods.
pub const METHODS: [Method; 5] = [
    card("visa", "visa", "visaclassic"),
    card("mastercard", "mc", "mcstandardcredit"),
    card("visa", "visa", "visadebit"),
    blended("wallet", "paypal"),
    blended("carrier", "directcarrier"),
];
/// How many of them the acquirer of cards settles: the first ones.
pub const CARD_METHODS: usize = 4;
/// The place of the one that carriers settle.
pub const BY_CARRIER: usize = 4;

const fn card(scheme: &'static str, name: &'static str, variant: &'static str) -> Method {
    Method {
        kind: "card",
        scheme: Some(scheme),
        name,
        variant,
        blended: false,
    }
}

const fn blended(kind: &'static str, name: &'static str) -> Method {
    Method {
        kind,
        scheme: None,
        name,
        variant: name,
        blended: true,
    }
}

/// What a line costs, in minor units.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Costs {
    /// Blended.
    pub commission: i64,
    /// The acquirer's part.
    pub markup: i64,
    /// The schemes' part.
    pub scheme_fee: i64,
    /// The issuer's part.
    pub interchange: i64,
    /// VAT on all of it, where a form tells it.
    pub tax: i64,
}

impl Costs {
    /// A cost of a capture, divided as its payment method has it; the parts add up to it exactly.
    pub fn of_capture(cost: i64, method: &Method) -> Self {
        if method.blended {
            return Self {
                commission: cost,
                ..Self::default()
            };
        }
        let interchange = cost.saturating_mul(3).div_euclid(5);
        let scheme_fee = cost.div_euclid(7);
        let markup = cost.saturating_sub(interchange).saturating_sub(scheme_fee);
        Self {
            commission: 0,
            markup,
            scheme_fee,
            interchange,
            tax: 0,
        }
    }

    /// The same in one sum, where the form of a file does not tell parts.
    pub fn blended(self) -> Self {
        Self {
            commission: self.fees(),
            ..Self::default()
        }
    }

    /// The sum of the parts, with their VAT.
    pub fn total(self) -> i64 {
        self.fees().saturating_add(self.tax)
    }

    /// The sum of the parts; far below 64 bits.
    pub fn fees(self) -> i64 {
        [self.commission, self.markup, self.scheme_fee, self.interchange]
            .into_iter()
            .fold(0, i64::saturating_add)
    }
}

/// What a row reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// A sale.
    Sale,
    /// Money back to the shopper.
    Refund,
    /// Money taken by the scheme.
    Chargeback,
    /// Taken again.
    SecondChargeback,
    /// Won back.
    ChargebackReversal,
    /// A cost of the batch.
    BatchFee,
    /// What the acquirer withholds of the batch.
    Reserve,
    /// What the batch pays.
    Payout,
    /// The batch is corrected, for no payment's sake.
    Correction,
    /// Something else is deducted from the batch.
    Deduction,
    /// A phone bill that was not paid is deducted.
    Unpaid,
    /// Something of a payment that no book has a place for.
    Oddity,
}

/// A row of the file. Amounts are signed minor units: positive is money to us.
#[derive(Clone)]
pub struct Line {
    /// What it reports.
    pub reported: Reported,
    /// The acquirer's id of the authorization.
    pub psp_reference: String,
    /// Our id of the payment.
    pub merchant_reference: String,
    /// The acquirer's id of the capture, refund or dispute; on rows of the batch, a text.
    pub modification: String,
    /// A place in [`METHODS`]; none for rows of the batch.
    pub method: Option<usize>,
    /// When.
    pub created: Moment,
    /// A place in [`CURRENCIES`]: that of the gross.
    pub currency: usize,
    /// That of the net, the costs and the batch: another one where the acquirer converts.
    pub net_currency: usize,
    /// What the shopper paid or got back; rows of the batch have none.
    pub gross: Option<i64>,
    /// What the acquirer adds to the batch for it.
    pub net: i64,
    /// What it costs.
    pub costs: Costs,
    /// By which rate it comes from the one to the other.
    pub conversion: Conversion,
    /// The scheme's acquirer reference number, or nothing.
    pub arn: String,
}

/// The sums of a batch.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchSums {
    /// Its number, once it has rows.
    pub number: usize,
    /// Rows, those of the batch included.
    pub lines: u64,
    /// Σ gross, as it came into the currency of the batch.
    pub gross: i64,
    /// Σ costs of lines.
    pub costs: i64,
    /// The fee row: what it takes.
    pub fee: i64,
    /// The row of what is withheld: what it takes.
    pub reserve: i64,
    /// What that must be, where the contract says.
    pub due: Option<i64>,
    /// How many sales that give money.
    pub captures: i64,
    /// Σ of them as they came into the currency of the batch.
    pub captured: i64,
    /// Σ net of all rows but the payout row, which is its contrary.
    pub net: i64,
}

impl BatchSums {
    /// Adds a row that is not the payout row.
    fn add(&mut self, line: &Line) -> Result<(), SimulateError> {
        self.lines = self.lines.saturating_add(1);
        let gross = plus(line.net, line.costs.total())?;
        self.gross = plus(self.gross, if line.gross.is_some() { gross } else { 0 })?;
        // A sale that takes money is none.
        if line.reported == Reported::Sale && line.gross.is_some_and(|gross| gross > 0) {
            (self.captures, self.captured) = (plus(self.captures, 1)?, plus(self.captured, gross)?);
        }
        self.costs = plus(self.costs, line.costs.total())?;
        self.net = plus(self.net, line.net)?;
        Ok(())
    }

    /// Whether another sum is withheld than the contract says.
    pub fn is_misheld(&self) -> bool {
        self.due.is_some_and(|due| due != self.reserve)
    }
}

/// A file that is written.
pub struct Closed<W> {
    /// What it was written to.
    pub file: W,
    /// The content of the file that proves it, where the form has one.
    pub beside: Option<Vec<u8>>,
    /// The sums of each batch, by currency.
    pub sums: [BatchSums; CURRENCIES.len()],
}

/// The file while it is written.
pub struct SettlementFile<'w, W: Write> {
    world: &'w World,
    form: Form<W>,
    waiting: Vec<Line>,
    dice: Dice,
    acquirer: usize,
    first_batch: usize,
    sums: [BatchSums; CURRENCIES.len()],
}

impl<'w, W: Write> SettlementFile<'w, W> {
    /// Begins a file of an acquirer. Its batches are numbered from `first_batch`, a number for each currency.
    pub fn new(world: &'w World, out: W, dice: Dice, acquirer: usize, first_batch: usize) -> io::Result<Self> {
        Ok(Self {
            world,
            form: Form::begin(world, world.format(acquirer), out, first_batch)?,
            waiting: Vec::new(),
            dice,
            acquirer,
            first_batch,
            sums: Default::default(),
        })
    }

    /// Takes a line; some line is written in its stead once enough are waiting.
    pub fn add(&mut self, line: Line) -> Result<(), SimulateError> {
        if self.sums[line.net_currency].lines == 0 {
            self.sums[line.net_currency].number = self.next_number(line.net_currency);
        }
        self.sums[line.net_currency].add(&line)?;
        let window = if self.acquirer == CARDS { WINDOW } else { SMALL_WINDOW };
        if self.waiting.len() < window {
            self.waiting.push(line);
            return Ok(());
        }
        let place = self.dice.place(window);
        let leaving = std::mem::replace(&mut self.waiting[place], line);
        self.write(&leaving)
    }

    /// The number of the batch of a currency whose first row has come. Each currency has its own, by its place; where numbers tell
    /// what is missing they go by the order in which batches begin, and as many as planned are left out after the first.
    fn next_number(&self, currency: usize) -> usize {
        let missing = self.world.missing_numbers();
        if missing == 0 || self.acquirer != CARDS {
            return self.first_batch.saturating_add(currency);
        }
        let begun = self.sums.iter().filter(|batch| batch.lines > 0).count();
        let is_after = begun > 0 && self.first_batch == FIRST_BATCH;
        let left_out = if is_after { missing } else { 0 };
        self.first_batch.saturating_add(begun).saturating_add(left_out)
    }

    /// Writes what is waiting and closes every batch. `off_by` is what the payouts, or what else proves the file, get wrong:
    /// nothing, in a right file.
    pub fn close(mut self, off_by: i64) -> Result<Closed<W>, SimulateError> {
        let proves_payouts = self.world.format(self.acquirer).proves_payouts();
        let (of_payouts, of_file) = if proves_payouts { (off_by, 0) } else { (0, off_by) };
        while !self.waiting.is_empty() {
            let place = self.dice.place(self.waiting.len());
            let line = self.waiting.swap_remove(place);
            self.write(&line)?;
        }
        for currency in 0..CURRENCIES.len() {
            if self.sums[currency].lines > 0 {
                self.close_batch(currency, of_payouts)?;
            }
        }
        let (file, beside) = self.form.end(of_file).map_err(SimulateError::Settlement)?;
        Ok(Closed {
            file,
            beside,
            sums: self.sums,
        })
    }

    fn close_batch(&mut self, currency: usize, payout_off_by: i64) -> Result<(), SimulateError> {
        let format = self.world.format(self.acquirer);
        if self.acquirer == CARDS && format.has_batch_fees() {
            let fee = CURRENCIES[currency].batch_fee;
            let text = format!("Transaction fees {}", self.world.day(Day::Simulated).date);
            let fee_row = batch_row(Reported::BatchFee, text, currency, fee.saturating_neg());
            self.sums[currency].add(&fee_row)?;
            self.sums[currency].fee = fee;
            self.write(&fee_row)?;
        }
        if self.acquirer == CARDS && format.has_reserves() && self.world.is_full() {
            let (due, withheld) = self.reserve(currency)?;
            let text = format!("Deposit {}", self.world.day(Day::Simulated).date);
            let row = batch_row(Reported::Reserve, text, currency, withheld.saturating_neg());
            self.sums[currency].add(&row)?;
            (self.sums[currency].due, self.sums[currency].reserve) = (due, withheld);
            self.write(&row)?;
        }
        let net = self.sums[currency].net;
        if net <= 0 {
            return Err(SimulateError::NothingToPay(CURRENCIES[currency].code));
        }
        if !format.has_payouts() {
            return Ok(());
        }
        let text = payout_text(self.world, self.acquirer, self.sums[currency].number);
        let taken = plus(net, payout_off_by)?.saturating_neg();
        self.sums[currency].lines = self.sums[currency].lines.saturating_add(1);
        let payout_row = batch_row(Reported::Payout, text, currency, taken);
        self.write(&payout_row)
    }

    /// What is withheld of a batch: by the contract, where it says, and by the file. As many batches as planned are wrong, the
    /// first ones, in turn by more and by less; files of other batches are right.
    fn reserve(&self, currency: usize) -> Result<(Option<i64>, i64), SimulateError> {
        if self.world.misheld == 0 {
            return Ok((None, CURRENCIES[currency].dispute_cost));
        }
        let BatchSums { captures, captured, .. } = self.sums[currency];
        let percent = |percent: i64| {
            let product = i128::from(captured).saturating_mul(i128::from(percent));
            round(product, 100, Rounding::HalfEven)
        };
        let due = percent(WITHHELD_PERCENT)?;
        let before = self.sums.iter().filter(|batch| batch.is_misheld()).count();
        if self.first_batch != FIRST_BATCH || u32::try_from(before).unwrap_or(u32::MAX) >= self.world.misheld {
            return Ok((Some(due), due));
        }
        // Half a minor unit of each capture may be rounding.
        let off = percent(WITHHELD_OFF_PERCENT)?.max(captures).max(1);
        let is_more = before.is_multiple_of(2) || off > due;
        let withheld = if is_more { plus(due, off)? } else { minus(due, off)? };
        Ok((Some(due), withheld))
    }

    fn write(&mut self, line: &Line) -> Result<(), SimulateError> {
        let batch = self.sums[line.net_currency].number;
        self.form
            .write(self.world, line, batch)
            .map_err(SimulateError::Settlement)
    }
}

/// Writes a report of days before without a row, whose balances end otherwise than those of the day's report begin: in as many
/// currencies as planned, the first ones.
pub fn write_earlier(world: &World, out: &mut impl Write, sums: &[BatchSums; CURRENCIES.len()]) -> io::Result<()> {
    paypal::write_earlier(world, &mut form::cells(out, b','), sums)
}

/// A row that belongs to a batch and to no payment.
pub fn batch_row(reported: Reported, text: String, currency: usize, net: i64) -> Line {
    Line {
        reported,
        psp_reference: String::new(),
        merchant_reference: String::new(),
        modification: text,
        method: None,
        created: Moment {
            day: Day::Settlement,
            second: CLOSING,
        },
        currency,
        net_currency: currency,
        gross: None,
        net,
        costs: Costs::default(),
        conversion: Conversion::Agreed,
        arn: String::new(),
    }
}

/// What the acquirer writes on the payout row of a batch, and its bank on the statement. Checkout.com names the payout.
pub fn payout_text(world: &World, acquirer: usize, batch: usize) -> String {
    let reference = payout_reference(world, acquirer, batch);
    match world.format(acquirer) {
        FileFormat::Checkout => format!("{reference} {}", FileFormat::Checkout.batch_name(world, batch)),
        FileFormat::Adyen
        | FileFormat::Stripe
        | FileFormat::Paypal
        | FileFormat::TossCsv
        | FileFormat::TossJson
        | FileFormat::IpmEbcdic
        | FileFormat::IpmAscii
        | FileFormat::Profile => format!("{reference} batch {batch}, ExampleMerchant"),
    }
}

/// The acquirer's id of the transfer that pays a batch.
pub fn payout_reference(world: &World, acquirer: usize, batch: usize) -> String {
    let day = world.day(Day::Settlement).date.format("%Y%m%d");
    let bank = ["TX", "TA", "TB"][acquirer];
    format!("{bank}{day}B{batch:04}XT")
}
