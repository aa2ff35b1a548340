//! Rows of an Adyen Settlement Details Report.

use super::{Line, METHODS, Reported};
use crate::simulate::world::{CURRENCIES, World};

/// The columns by their exact names: the 30 of the form, and the ARN that newer files have.
pub(super) const HEADER: [&str; 31] = [
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

/// The acquirer's word for what a row reports.
fn type_text(reported: Reported) -> &'static str {
    match reported {
        Reported::Sale => "Settled",
        Reported::Refund => "Refunded",
        Reported::Chargeback => "Chargeback",
        Reported::SecondChargeback => "SecondChargeback",
        Reported::ChargebackReversal => "ChargebackReversed",
        Reported::BatchFee => "Fee",
        Reported::Payout => "MerchantPayout",
        Reported::Reserve => "DepositCorrection",
        Reported::Correction => "ManualCorrected",
        Reported::Deduction | Reported::Unpaid => "InvoiceDeduction",
        Reported::Oddity => "PaidOutReversed",
    }
}

/// The merchant account that the batches are of.
const ACCOUNT: &str = "ExampleMerchant";

/// Each merchant account counts its own batches.
pub(super) fn batch_name(world: &World, batch: usize) -> String {
    format!("{ACCOUNT} {}", world.batch_number(batch))
}

/// The cells of a row.
pub(super) fn record(world: &World, line: &Line, batch: usize) -> [String; HEADER.len()] {
    let code = |currency: usize| CURRENCIES[currency].code;
    let side = |wanted: bool, amount: i64, currency: usize| match wanted {
        true => world.amount(amount.saturating_abs(), currency),
        false => String::new(),
    };
    let cost = |amount: i64| side(amount != 0, amount, line.net_currency);
    let (gross, on_payment) = (line.gross.unwrap_or(0), line.gross.is_some());
    let method = line.method.map(|place| &METHODS[place]);
    let rate = match on_payment {
        true => world.rate_text(line.currency, line.net_currency, line.conversion),
        false => "",
    };
    let empty = String::new;
    [
        "ExampleCompany".to_owned(),
        ACCOUNT.to_owned(),
        line.psp_reference.clone(),
        line.merchant_reference.clone(),
        method.map_or("", |method| method.name).to_owned(),
        world.local_time(line.created),
        world.day(line.created.day).label.to_owned(),
        type_text(line.reported).to_owned(),
        line.modification.clone(),
        (if on_payment { code(line.currency) } else { "" }).to_owned(),
        side(gross < 0, gross, line.currency),
        side(gross > 0, gross, line.currency),
        rate.to_owned(),
        code(line.net_currency).to_owned(),
        side(line.net < 0, line.net, line.net_currency),
        side(line.net > 0, line.net, line.net_currency),
        cost(line.costs.commission),
        cost(line.costs.markup),
        cost(line.costs.scheme_fee),
        cost(line.costs.interchange),
        method.map_or("", |method| method.variant).to_owned(),
        empty(),
        world.batch_number(batch),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        line.arn.clone(),
    ]
}
