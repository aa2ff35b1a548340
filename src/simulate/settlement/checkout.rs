//! Rows of a Checkout.com settlement breakdown, and its payouts.
//!
//! Fees are negative and have eight decimals, of which only the currency's own are used: nothing is left by rounding. What is paid
//! out stands in the file beside it; the breakdown has what the payout costs.

use super::{Line, METHODS, Reported};
use crate::simulate::world::{CURRENCIES, Day, World};

/// The columns by their exact names.
pub(super) const HEADER: [&str; 25] = [
    "Client Entity ID",
    "Client Entity Name",
    "Processing Channel ID",
    "Processing Channel Name",
    "Type",
    "Payment ID",
    "Action ID",
    "Reference",
    "Processed On",
    "Available On",
    "Holding Currency",
    "Payout ID",
    "Gross In Holding Currency",
    "Deduction In Holding Currency",
    "Net In Holding Currency",
    "Processing Fee In Holding Currency",
    "Scheme Fee In Holding Currency",
    "Interchange In Holding Currency",
    "Tax In Holding Currency",
    "Reserve In Holding Currency",
    "Processing Currency",
    "Gross In Processing Currency",
    "FX Rate Applied",
    "Payment Method",
    "ARN",
];

/// The header of the payouts.
pub(super) const PAYOUTS: &str = "Payout ID,Payout Date,Payout Amount,Holding Currency\n";

/// The id of the payout that a batch is.
pub(super) fn batch_name(world: &World, batch: usize) -> String {
    format!("PAY{}", world.batch_number(batch))
}

/// The acquirer's word for what a row reports.
fn type_text(reported: Reported) -> &'static str {
    match reported {
        Reported::Sale => "Capture",
        Reported::Refund => "Refund",
        Reported::Chargeback | Reported::SecondChargeback => "Chargeback",
        Reported::ChargebackReversal => "Chargeback Reversal",
        Reported::BatchFee => "Merchant Payout",
        Reported::Reserve => "Rolling Reserve",
        Reported::Payout => "Payout",
        Reported::Correction => "Adjustment",
        Reported::Deduction | Reported::Unpaid => "Invoice",
        Reported::Oddity => "Refund Reversal",
    }
}

fn signed(world: &World, amount: i64, currency: usize) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}", world.amount(amount.saturating_abs(), currency))
}

/// With eight decimals.
fn fine(world: &World, amount: i64, currency: usize) -> String {
    let text = signed(world, amount, currency);
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}.{decimals:0<8}")
}

/// The cells of a row of the breakdown.
pub(super) fn record(world: &World, line: &Line, batch: usize) -> [String; HEADER.len()] {
    let to = line.net_currency;
    let costs = line.costs;
    let taken = |cost: i64| fine(world, cost.saturating_neg(), to);
    // What a payout costs is a fee and nothing else, what is withheld a reserve.
    let all = line.net.saturating_neg();
    let (fee, processing_fee, reserve) = match line.reported {
        Reported::BatchFee => (all, all, 0),
        Reported::Reserve => (all, 0, all),
        Reported::Sale
        | Reported::Refund
        | Reported::Chargeback
        | Reported::SecondChargeback
        | Reported::ChargebackReversal
        | Reported::Payout
        | Reported::Correction
        | Reported::Deduction
        | Reported::Unpaid
        | Reported::Oddity => (costs.total(), costs.commission, 0),
    };
    let gross = line.net.saturating_add(fee);
    let rate = world.rate_text(line.currency, to, line.conversion);
    let is_converted = line.currency != to;
    let empty = String::new;
    [
        "ent_example".to_owned(),
        "Example".to_owned(),
        "pc_example".to_owned(),
        "Example".to_owned(),
        type_text(line.reported).to_owned(),
        line.psp_reference.clone(),
        line.modification.clone(),
        line.merchant_reference.clone(),
        world.local_time(line.created).replace(' ', "T"),
        empty(),
        CURRENCIES[to].code.to_owned(),
        batch_name(world, batch),
        signed(world, gross, to),
        taken(fee),
        fine(world, line.net, to),
        taken(processing_fee),
        taken(costs.scheme_fee),
        taken(costs.interchange),
        empty(),
        taken(reserve),
        CURRENCIES[line.currency].code.to_owned(),
        signed(world, line.gross.unwrap_or(gross), line.currency),
        (if is_converted { rate } else { "" }).to_owned(),
        line.method.map_or("", |place| METHODS[place].kind).to_owned(),
        line.arn.clone(),
    ]
}

/// A row of the payouts.
pub(super) fn payout(world: &World, line: &Line, batch: usize) -> String {
    let day = world.day(Day::Settlement).date;
    let amount = world.amount(line.net.saturating_neg(), line.net_currency);
    format!(
        "{},{day},{amount},{}\n",
        batch_name(world, batch),
        CURRENCIES[line.net_currency].code
    )
}
