//! An acquirer's settlement file, in the form of an Adyen Settlement Details Report: one batch per currency.
//!
//! Lines leave in an order of chance within a window of bounded size, so the file has not the order of the ledger and memory
//! does not grow with it. At the end each batch gets its fee row and the payout row that brings its sum to zero.

use std::io::{self, Write};

use super::dice::Dice;
use super::world::{CARDS, CURRENCIES, Day, Moment, World};
use super::{SimulateError, plus};

/// How many lines are held back to be mixed, of the acquirer of cards and of a carrier.
const WINDOW: usize = 4096;
const SMALL_WINDOW: usize = 256;
/// The second of the day on which the acquirer closes a batch.
const CLOSING: u32 = 2 * 3600;

/// The columns by their exact names: the 30 of the form, and the ARN that newer files have.
const HEADER: [&str; 31] = [
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Exchange Rate",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Commission (NC)",
    "Markup (NC)",
    "Scheme Fees (NC)",
    "Interchange (NC)",
    "Payment Method Variant",
    "Modification Merchant Reference",
    "Batch Number",
    "Reserved4",
    "Reserved5",
    "Reserved6",
    "Reserved7",
    "Reserved8",
    "Reserved9",
    "Reserved10",
    "ARN",
];

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
        }
    }

    /// The sum of the parts; far below 64 bits.
    pub fn total(self) -> i64 {
        [self.commission, self.markup, self.scheme_fee, self.interchange]
            .into_iter()
            .fold(0, i64::saturating_add)
    }
}

/// A row of the file. Amounts are signed minor units: positive is money to us.
#[derive(Clone)]
pub struct Line {
    /// The acquirer's word for what it reports.
    pub type_text: &'static str,
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
    /// A place in [`CURRENCIES`]: of the gross, of the net, and the batch.
    pub currency: usize,
    /// What the shopper paid or got back; rows of the batch have none.
    pub gross: Option<i64>,
    /// What the acquirer adds to the batch for it.
    pub net: i64,
    /// What it costs.
    pub costs: Costs,
    /// The scheme's acquirer reference number, or nothing.
    pub arn: String,
}

/// The sums of a batch.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchSums {
    /// Rows, those of the batch included.
    pub lines: u64,
    /// Σ gross.
    pub gross: i64,
    /// Σ costs of lines.
    pub costs: i64,
    /// The fee row: what it takes.
    pub fee: i64,
    /// Σ net of all rows but the payout row, which is its contrary.
    pub net: i64,
}

impl BatchSums {
    /// Adds a row that is not the payout row.
    fn add(&mut self, line: &Line) -> Result<(), SimulateError> {
        self.lines = self.lines.saturating_add(1);
        self.gross = plus(self.gross, line.gross.unwrap_or(0))?;
        self.costs = plus(self.costs, line.costs.total())?;
        self.net = plus(self.net, line.net)?;
        Ok(())
    }
}

/// The file while it is written.
pub struct SettlementFile<'w, W: Write> {
    world: &'w World,
    writer: csv::Writer<W>,
    waiting: Vec<Line>,
    dice: Dice,
    acquirer: usize,
    first_batch: usize,
    sums: [BatchSums; CURRENCIES.len()],
}

impl<'w, W: Write> SettlementFile<'w, W> {
    /// Begins a file of an acquirer. Its batches are numbered from `first_batch`, a number for each currency.
    pub fn new(world: &'w World, out: W, dice: Dice, acquirer: usize, first_batch: usize) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::Any(b'\n'))
            .from_writer(out);
        writer.write_record(HEADER)?;
        Ok(Self {
            world,
            writer,
            waiting: Vec::new(),
            dice,
            acquirer,
            first_batch,
            sums: Default::default(),
        })
    }

    /// Takes a line; some line is written in its stead once enough are waiting.
    pub fn add(&mut self, line: Line) -> Result<(), SimulateError> {
        self.sums[line.currency].add(&line)?;
        let window = if self.acquirer == CARDS { WINDOW } else { SMALL_WINDOW };
        if self.waiting.len() < window {
            self.waiting.push(line);
            return Ok(());
        }
        let place = self.dice.place(window);
        let leaving = std::mem::replace(&mut self.waiting[place], line);
        self.write(&leaving)
    }

    /// Writes what is waiting and closes every batch. `payout_off_by` is what the payout rows get wrong: nothing, in a right
    /// file. Gives back the writer's target and the sums of each batch, by currency.
    pub fn close(mut self, payout_off_by: i64) -> Result<(W, [BatchSums; CURRENCIES.len()]), SimulateError> {
        while !self.waiting.is_empty() {
            let place = self.dice.place(self.waiting.len());
            let line = self.waiting.swap_remove(place);
            self.write(&line)?;
        }
        for currency in 0..CURRENCIES.len() {
            if self.sums[currency].lines > 0 {
                self.close_batch(currency, payout_off_by)?;
            }
        }
        let out = self.writer.into_inner().map_err(|error| {
            let error = error.into_error();
            SimulateError::Settlement(error)
        })?;
        Ok((out, self.sums))
    }

    fn close_batch(&mut self, currency: usize, payout_off_by: i64) -> Result<(), SimulateError> {
        if self.acquirer == CARDS {
            let fee = CURRENCIES[currency].batch_fee;
            let text = format!("Transaction fees {}", self.world.day(Day::Simulated).date);
            let fee_row = batch_row("Fee", text, currency, fee.saturating_neg());
            self.sums[currency].add(&fee_row)?;
            self.sums[currency].fee = fee;
            self.write(&fee_row)?;
        }
        let net = self.sums[currency].net;
        if net <= 0 {
            return Err(SimulateError::NothingToPay(CURRENCIES[currency].code));
        }
        let text = payout_text(self.world, self.acquirer, self.first_batch.saturating_add(currency));
        let taken = plus(net, payout_off_by)?.saturating_neg();
        self.sums[currency].lines = self.sums[currency].lines.saturating_add(1);
        let payout_row = batch_row("MerchantPayout", text, currency, taken);
        self.write(&payout_row)
    }

    fn write(&mut self, line: &Line) -> Result<(), SimulateError> {
        let world = self.world;
        let currency = line.currency;
        let code = CURRENCIES[currency].code;
        let side = |wanted: bool, amount: i64| match wanted {
            true => world.amount(amount.saturating_abs(), currency),
            false => String::new(),
        };
        let cost = |amount: i64| side(amount != 0, amount);
        let (gross, on_payment) = (line.gross.unwrap_or(0), line.gross.is_some());
        let method = line.method.map(|place| &METHODS[place]);
        let batch = self.first_batch.saturating_add(currency).to_string();
        let record = [
            "ExampleCompany",
            "ExampleMerchant",
            &line.psp_reference,
            &line.merchant_reference,
            method.map_or("", |method| method.name),
            &world.local_time(line.created),
            world.day(line.created.day).label,
            line.type_text,
            &line.modification,
            if on_payment { code } else { "" },
            &side(gross < 0, gross),
            &side(gross > 0, gross),
            if on_payment { "1" } else { "" },
            code,
            &side(line.net < 0, line.net),
            &side(line.net > 0, line.net),
            &cost(line.costs.commission),
            &cost(line.costs.markup),
            &cost(line.costs.scheme_fee),
            &cost(line.costs.interchange),
            method.map_or("", |method| method.variant),
            "",
            &batch,
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            &line.arn,
        ];
        self.writer
            .write_record(record)
            .map_err(|error| SimulateError::Settlement(error.into()))
    }
}

/// A row that belongs to a batch and to no payment.
pub fn batch_row(type_text: &'static str, text: String, currency: usize, net: i64) -> Line {
    Line {
        type_text,
        psp_reference: String::new(),
        merchant_reference: String::new(),
        modification: text,
        method: None,
        created: Moment {
            day: Day::Settlement,
            second: CLOSING,
        },
        currency,
        gross: None,
        net,
        costs: Costs::default(),
        arn: String::new(),
    }
}

/// What the acquirer writes on the payout row of a batch, and its bank on the statement.
pub fn payout_text(world: &World, acquirer: usize, batch: usize) -> String {
    let reference = payout_reference(world, acquirer, batch);
    format!("{reference} batch {batch}, ExampleMerchant")
}

/// The acquirer's id of the transfer that pays a batch.
pub fn payout_reference(world: &World, acquirer: usize, batch: usize) -> String {
    let day = world.day(Day::Settlement).date.format("%Y%m%d");
    let bank = ["TX", "TA", "TB"][acquirer];
    format!("{bank}{day}B{batch:04}XT")
}
