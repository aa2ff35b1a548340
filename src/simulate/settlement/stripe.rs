//! Rows of a Stripe report of balance changes.
//!
//! A cost is one fee, there are no ARNs, and what the shopper paid in another currency stands beside what came of it. A batch is a
//! payout by its id.

use super::{Line, METHODS, Reported};
use crate::simulate::world::{CURRENCIES, World};

/// The columns by their exact names, as somebody chose them.
pub(super) const HEADER: [&str; 14] = [
    "balance_transaction_id",
    "created",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "charge_id",
    "automatic_payout_id",
    "customer_facing_amount",
    "customer_facing_currency",
    "payment_method_type",
    "payment_metadata[order_id]",
];

/// The id of the payout that a batch is.
pub(super) fn batch_name(world: &World, batch: usize) -> String {
    format!("po_{}", world.batch_number(batch))
}

/// The acquirer's word for what a row reports.
fn category(reported: Reported) -> &'static str {
    match reported {
        Reported::Sale => "charge",
        Reported::Refund => "refund",
        Reported::Chargeback | Reported::SecondChargeback => "dispute",
        Reported::ChargebackReversal => "dispute_reversal",
        Reported::BatchFee => "fee",
        Reported::Payout => "payout",
        Reported::Reserve => "risk_reserved_funds",
        Reported::Correction => "other_adjustment",
        Reported::Deduction | Reported::Unpaid => "contribution",
        Reported::Oddity => "transfer",
    }
}

/// The cells of a row, which is the file's `number`th.
pub(super) fn record(world: &World, line: &Line, batch: usize, number: u64) -> [String; HEADER.len()] {
    let signed = |amount: i64, currency: usize| {
        let sign = if amount < 0 { "-" } else { "" };
        format!("{sign}{}", world.amount(amount.saturating_abs(), currency))
    };
    let on_payment = line.gross.is_some();
    let fee = line.costs.total();
    let shopper = |text: String| if on_payment { text } else { String::new() };
    [
        world.name("txn", number).replace('-', "_"),
        world.local_time(line.created),
        CURRENCIES[line.net_currency].code.to_ascii_lowercase(),
        signed(line.net.saturating_add(fee), line.net_currency),
        signed(fee, line.net_currency),
        signed(line.net, line.net_currency),
        category(line.reported).to_owned(),
        line.modification.clone(),
        line.psp_reference.clone(),
        batch_name(world, batch),
        shopper(signed(line.gross.unwrap_or(0), line.currency)),
        shopper(CURRENCIES[line.currency].code.to_ascii_lowercase()),
        line.method.map_or("", |place| METHODS[place].kind).to_owned(),
        line.merchant_reference.clone(),
    ]
}
