//! Settlement rows of Toss Payments: CSV, or a JSON array of objects.
//!
//! There are sales and what is cancelled of them, and nothing else that we book: no disputes, no fees of the batch, no ARNs, no
//! row of what is paid out. A cost is a fee with its VAT, an eleventh of both together.

use serde_json::{Value, json};

use super::{Costs, Line, METHODS, Reported};
use crate::simulate::world::{CURRENCIES, Day, World};

/// The columns by their exact names.
pub(super) const HEADER: [&str; 16] = [
    "paymentKey",
    "transactionKey",
    "orderId",
    "currency",
    "method",
    "amount",
    "interestFee",
    "fee",
    "supplyAmount",
    "vat",
    "payOutAmount",
    "approvedAt",
    "soldDate",
    "paidOutDate",
    "cancel.transactionKey",
    "cancel.cancelReason",
];

/// What is paid out on one day is a batch.
pub(super) fn batch_name(world: &World) -> String {
    format!("paid out {}", world.day(Day::Settlement).date)
}

/// Costs as one fee before VAT, and the VAT that is an eleventh of both, half up.
pub(super) fn told(costs: Costs) -> Costs {
    let fee = costs.fees();
    // The VAT is about a tenth of the fee before it; the right one is at most one away.
    let tenth = fee.div_euclid(10);
    let is_right = |vat: &i64| {
        let whole = fee.saturating_add(*vat);
        whole.saturating_mul(2).saturating_add(11).div_euclid(22) == *vat
    };
    let tax = [tenth, tenth.saturating_add(1)].into_iter().find(is_right);
    Costs {
        commission: fee,
        tax: tax.unwrap_or(0),
        ..Costs::default()
    }
}

/// The texts of a row.
struct Texts {
    payment: String,
    order: String,
    method: &'static str,
    cancels: bool,
    amounts: [String; 5],
    approved: String,
    sold: String,
    paid_out: String,
}

fn texts(world: &World, line: &Line) -> Texts {
    let signed = |amount: i64| {
        let sign = if amount < 0 { "-" } else { "" };
        format!("{sign}{}", world.amount(amount.saturating_abs(), line.net_currency))
    };
    let costs = line.costs;
    let fee = costs.total();
    let or_own = |text: &String| if text.is_empty() { &line.modification } else { text }.clone();
    Texts {
        payment: or_own(&line.psp_reference),
        order: or_own(&line.merchant_reference),
        method: match line.method.map(|place| METHODS[place].kind) {
            Some("card") => "카드",
            Some(_) => "간편결제",
            None => "조정",
        },
        // What is cancelled without a sale is an oddity.
        cancels: matches!(line.reported, Reported::Refund | Reported::Oddity),
        amounts: [line.net.saturating_add(fee), fee, costs.fees(), costs.tax, line.net].map(signed),
        approved: world.instant(line.created),
        sold: world.day(line.created.day).date.to_string(),
        paid_out: world.day(Day::Settlement).date.to_string(),
    }
}

/// The cells of a row.
pub(super) fn record(world: &World, line: &Line) -> [String; HEADER.len()] {
    let texts = texts(world, line);
    let [amount, fee, supply, vat, paid] = texts.amounts;
    let cancel = |text: &str| (if texts.cancels { text } else { "" }).to_owned();
    [
        texts.payment,
        line.modification.clone(),
        texts.order,
        CURRENCIES[line.net_currency].code.to_owned(),
        texts.method.to_owned(),
        amount,
        "0".to_owned(),
        fee,
        supply,
        vat,
        paid,
        texts.approved,
        texts.sold,
        texts.paid_out,
        cancel(&line.modification),
        cancel("고객 변심"),
    ]
}

/// The object of a row: whole numbers as numbers, others as texts.
pub(super) fn object(world: &World, line: &Line) -> Value {
    let texts = texts(world, line);
    let number = |text: String| text.parse::<i64>().map_or_else(|_| json!(text), |whole| json!(whole));
    let [amount, fee, supply, vat, paid] = texts.amounts.map(number);
    let mut object = json!({
        "mId": "example",
        "paymentKey": texts.payment,
        "transactionKey": line.modification,
        "orderId": texts.order,
        "currency": CURRENCIES[line.net_currency].code,
        "method": texts.method,
        "amount": amount,
        "interestFee": 0,
        "fees": [{ "type": "BASE", "fee": fee }],
        "fee": fee,
        "supplyAmount": supply,
        "vat": vat,
        "payOutAmount": paid,
        "approvedAt": texts.approved,
        "soldDate": texts.sold,
        "paidOutDate": texts.paid_out,
        "cancel": null,
    });
    if texts.cancels {
        object["cancel"] = json!({ "transactionKey": line.modification, "cancelReason": "고객 변심" });
    }
    object
}
