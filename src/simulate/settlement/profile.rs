//! Rows of a form that no reader was written for, and the mapping profile that describes it.
//!
//! Unsigned amounts with a flag, decimal commas, semicolons, days the other way round; after the rows their count and a sum over
//! them, whatever their currencies.

use std::io::{self, Write};

use super::{Line, Reported};
use crate::money::wide_decimal_text;
use crate::simulate::world::{CURRENCIES, World};

/// What the settings say of it.
pub(crate) const SETTINGS: &str = r#"[[profile]]
name = "profile"
separator = ";"
decimal = ","
trailer = ["COUNT", "CHECKSUM"]
date = "DD.MM.YYYY"

[profile.columns]
type = "Kind"
batch = "Statement"
acquirer_reference = "Our id"
original_reference = "Authorization"
merchant_reference = "Your id"
arn = "ARN"
occurred_on = "Day"
gross_currency = "Currency"
currency = "Settled in"
exchange_rate = "Rate"
gross = { amount = "Amount", flag = "D/C" }
commission = "Commission"
markup = "Markup"
scheme_fee = "Scheme"
interchange = "Interchange"
net = { amount = "Settled", flag = "Settled D/C" }

[profile.flags]
debit = ["D"]
credit = ["C"]

[profile.types]
SALE = "capture"
BACK = "refund"
DISPUTED = "chargeback"
WON = "chargeback_reversal"
FEE = "batch_fee"
KEPT = "reserve"
UNPAID = "unpaid"
PAID = "payout"

[[profile.claim]]
trailer = "COUNT"
states = "rows"
cell = 2

[[profile.claim]]
trailer = "CHECKSUM"
states = "net"
cell = 2
any_currency = true
"#;

/// The columns by their names.
pub(super) const HEADER: [&str; 18] = [
    "Kind",
    "Statement",
    "Our id",
    "Authorization",
    "Your id",
    "ARN",
    "Day",
    "Currency",
    "Amount",
    "D/C",
    "Rate",
    "Settled in",
    "Commission",
    "Markup",
    "Scheme",
    "Interchange",
    "Settled",
    "Settled D/C",
];

/// The acquirer's word for what a row reports.
fn kind(reported: Reported) -> &'static str {
    match reported {
        Reported::Sale => "SALE",
        Reported::Refund => "BACK",
        Reported::Chargeback | Reported::SecondChargeback => "DISPUTED",
        Reported::ChargebackReversal => "WON",
        Reported::BatchFee => "FEE",
        Reported::Reserve => "KEPT",
        Reported::Payout => "PAID",
        Reported::Correction => "CORRECTED",
        Reported::Deduction => "DEDUCTED",
        Reported::Unpaid => "UNPAID",
        Reported::Oddity => "UNDONE",
    }
}

/// The cells of a row.
pub(super) fn record(world: &World, line: &Line, batch: usize) -> [String; HEADER.len()] {
    let to = line.net_currency;
    let comma = |text: String| text.replace('.', ",");
    let amount = |amount: i64, currency: usize| comma(world.amount(amount.saturating_abs(), currency));
    let flag = |amount: i64| (if amount < 0 { "D" } else { "C" }).to_owned();
    let costs = line.costs;
    let gross = line.gross.unwrap_or(line.net);
    let is_converted = line.currency != to;
    let rate = world.rate_text(line.currency, to, line.conversion).to_owned();
    let day = world.day(line.created.day).date.format("%d.%m.%Y");
    [
        kind(line.reported).to_owned(),
        world.batch_number(batch),
        line.modification.clone(),
        line.psp_reference.clone(),
        line.merchant_reference.clone(),
        line.arn.clone(),
        day.to_string(),
        CURRENCIES[line.currency].code.to_owned(),
        amount(gross, line.currency),
        flag(gross),
        if is_converted { comma(rate) } else { String::new() },
        CURRENCIES[to].code.to_owned(),
        amount(costs.commission, to),
        amount(costs.markup, to),
        amount(costs.scheme_fee, to),
        amount(costs.interchange, to),
        amount(line.net, to),
        flag(line.net),
    ]
}

/// The most decimals of a currency of the world.
const DECIMALS: u8 = 3;

/// What stands after the rows.
#[derive(Default)]
pub(super) struct Sums {
    rows: u64,
    /// Thousandths of whatever currency.
    net: i128,
}

impl Sums {
    /// Adds a row.
    pub(super) fn add(&mut self, world: &World, line: &Line) {
        let decimals = world.amount(0, line.net_currency);
        let missing = decimals
            .split_once('.')
            .map_or(3, |(_, decimals)| match decimals.len() {
                2 => 1,
                _ => 0,
            });
        let thousandths = i128::from(line.net).saturating_mul(10_i128.saturating_pow(missing));
        self.rows = self.rows.saturating_add(1);
        self.net = self.net.saturating_add(thousandths);
    }

    /// Writes what stands after the rows.
    pub(super) fn end<W: Write>(&self, cells: &mut csv::Writer<W>) -> io::Result<()> {
        let sign = if self.net < 0 { "-" } else { "" };
        let net = wide_decimal_text(self.net.saturating_abs(), DECIMALS).replace('.', ",");
        cells.write_record(["COUNT", &self.rows.to_string()])?;
        cells.write_record(["CHECKSUM", &format!("{sign}{net}")])?;
        Ok(())
    }
}
