//! Random settlement files: what an acquirer reports of its open items, mostly right, and what nobody knows.

use acquit::payment::event::PaymentEvent;
use chrono::{Days, NaiveDate};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::settle::Line;
use crate::model::fees::rounded;
use crate::model::rules::{Item, Model};
use crate::model::world::{Acquirer, Zone, places};

/// Exchange rates as the file has them, and what they are in millionths.
const RATES: [(&str, i128); 4] = [
    ("1.0875", 1_087_500),
    ("0.0062", 6_200),
    ("0.5", 500_000),
    ("150", 150_000_000),
];

/// Lines of an acquirer at a moment, without its payout rows.
pub fn drawn(dice: &mut ChaCha8Rng, model: &Model<'_>, acquirer: &str, file: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for book in model.books.values() {
        for item in book.items.values().filter(|item| item.acquirer == acquirer) {
            let terms = model
                .world
                .on(item.day)
                .and_then(|version| version.acquirer(acquirer))
                .expect("terms");
            if let Some(line) = of_item(dice, item, terms) {
                if dice.random_bool(0.07) {
                    lines.push(again(dice, &line));
                }
                lines.push(line);
            }
        }
    }
    for attempt in model.unanswered(acquirer) {
        lines.extend(of_attempt(dice, &attempt));
    }
    for place in 0..dice.random_range(1..4) {
        lines.push(of_nobody(dice, file, place));
    }
    lines
}

/// The text of its type; none where files of this format report no such items.
fn type_of(dice: &mut ChaCha8Rng, record: &str) -> Option<&'static str> {
    Some(match record {
        "capture" => "Settled",
        "refund" => "Refunded",
        "chargeback" if dice.random_bool(0.3) => "SecondChargeback",
        "chargeback" => "Chargeback",
        "chargeback_reversal" => "ChargebackReversed",
        _ => return None,
    })
}

fn of_item(dice: &mut ChaCha8Rng, item: &Item, terms: &Acquirer) -> Option<Line> {
    let type_text = type_of(dice, item.record)?;
    if dice.random_bool(0.25) {
        return None;
    }
    let with_cost = item.cost > 0 && dice.random_bool(0.3);
    let off = match dice.random_range(0..20) {
        0 | 1 => dice.random_range(-3..4),
        2 => dice.random_range(-900..900),
        _ => 0,
    };
    let gross = item.gross - if with_cost { item.cost } else { 0 } + off;
    let known = |dice: &mut ChaCha8Rng, text: &Option<String>| match dice.random_range(0..12) {
        0 => None,
        1 => Some("another".to_owned()),
        _ => text.clone(),
    };
    let merchant_reference = Some(item.merchant_reference.clone());
    let code = match dice.random_range(0..30) {
        0 => "USD".to_owned(),
        _ => item.currency.clone(),
    };
    let mut line = Line {
        type_text,
        batch: dice.random_range(1..3).to_string(),
        reference: known(dice, &item.acquirer_reference),
        merchant_reference: known(dice, &merchant_reference),
        arn: known(dice, &item.arn),
        day: item.day + Days::new(dice.random_range(0..6)),
        gross: Some((code.clone(), gross)),
        net: (code, gross),
        costs: [0; 4],
        rate: "",
    };
    if item.cost == 0 && dice.random_bool(0.15) {
        converted(dice, &mut line);
    }
    let contract = match &terms.cost {
        Some(cost) if item.record == "capture" && line.net.0 == item.currency => {
            let exact = i128::from(gross) * i128::from(cost.per_million);
            rounded(exact, 1_000_000, "half_even") + cost.fixed.get(item.currency.as_str()).copied().unwrap_or(0)
        }
        _ if item.cost > 0 && !with_cost => item.cost,
        _ => dice.random_range(0..3) * dice.random_range(0..20),
    };
    let total = match dice.random_range(0..8) {
        0 => contract + dice.random_range(-4..5),
        1 => 0,
        _ => contract,
    };
    charge(dice, &mut line, total);
    Some(line)
}

/// What the acquirer took by an attempt whose outcome nobody knew, or something near it; sometimes twice.
fn of_attempt(dice: &mut ChaCha8Rng, attempt: &PaymentEvent) -> Vec<Line> {
    let asked = attempt.money.minor();
    let gross = match dice.random_range(0..6) {
        0 => asked + 1,
        1 => asked / 2,
        _ => asked,
    };
    if gross < 1 || dice.random_bool(0.4) {
        return Vec::new();
    }
    let code = attempt.money.currency().code().to_owned();
    let ours = attempt.merchant_reference.as_ref().unwrap_or(&attempt.payment);
    let known = |dice: &mut ChaCha8Rng, text: Option<String>| text.filter(|_| dice.random_bool(0.7));
    let day = Zone::Berlin.day(attempt.occurred_at);
    let line = Line {
        type_text: "Settled",
        batch: dice.random_range(1..3).to_string(),
        reference: known(dice, attempt.acquirer_reference.clone()),
        merchant_reference: known(dice, Some(ours.clone())),
        arn: dice.random_bool(0.3).then(|| format!("arn of {}", attempt.reference)),
        day: day + Days::new(dice.random_range(0..6)),
        gross: Some((code.clone(), gross)),
        net: (code, gross),
        costs: [0; 4],
        rate: "",
    };
    let times = if dice.random_bool(0.1) { 2 } else { 1 };
    vec![line; times]
}

/// In another net currency, by a rate.
fn converted(dice: &mut ChaCha8Rng, line: &mut Line) {
    let (code, gross) = line.gross.clone().expect("a gross amount");
    let to = if code == "EUR" { "USD" } else { "EUR" };
    let (rate, millionths) = RATES[dice.random_range(0..RATES.len())];
    let power = |places: usize| 10_i128.pow(u32::try_from(places).expect("decimals"));
    let net = rounded(
        i128::from(gross) * millionths * power(places(to)),
        1_000_000 * power(places(&code)),
        "half_even",
    );
    line.net = (to.to_owned(), net);
    line.rate = rate;
}

/// Takes costs out of what is paid: one blended commission, or its parts.
fn charge(dice: &mut ChaCha8Rng, line: &mut Line, total: i64) {
    line.costs = if dice.random_bool(0.4) {
        [total, 0, 0, 0]
    } else {
        let scheme = dice.random_range(0..3) * total / 5;
        let interchange = dice.random_range(0..3) * total / 5;
        [0, total - scheme - interchange, scheme, interchange]
    };
    line.net.1 -= total;
}

/// The same once more, perhaps of another amount.
fn again(dice: &mut ChaCha8Rng, line: &Line) -> Line {
    let mut again = line.clone();
    if let Some((code, gross)) = again
        .gross
        .as_mut()
        .filter(|(code, _)| *code == line.net.0 && dice.random_bool(0.5))
    {
        let more = if *gross < 0 { -1 } else { 1 };
        *gross += more;
        again.net = (code.clone(), line.net.1 + more);
    }
    again
}

/// A line that belongs to no item: a payment that is not known, a fee of the batch, a type that is not booked by itself.
fn of_nobody(dice: &mut ChaCha8Rng, file: usize, place: usize) -> Line {
    let (type_text, sign) = [
        ("Settled", 1),
        ("Refunded", -1),
        ("Chargeback", -1),
        ("ChargebackReversed", 1),
        ("Fee", -1),
        ("MiscCosts", 1),
        ("ManualCorrected", -1),
        ("EpaPaid", 1),
    ][dice.random_range(0..8)];
    let (code, amount) = (
        ["EUR", "JPY", "KWD"][dice.random_range(0..3)],
        dice.random_range(1..5_000) * sign,
    );
    let is_of_payment = matches!(type_text, "Settled" | "Refunded" | "Chargeback" | "ChargebackReversed");
    let mut line = Line {
        type_text,
        batch: dice.random_range(1..3).to_string(),
        reference: Some(format!("nobody-{file}-{place}")),
        merchant_reference: dice.random_bool(0.5).then(|| "nothing".to_owned()),
        arn: None,
        day: "2026-02-20".parse::<NaiveDate>().expect("a day") + Days::new(dice.random_range(0..90)),
        gross: is_of_payment.then(|| (code.to_owned(), amount)),
        net: (code.to_owned(), amount),
        costs: [0; 4],
        rate: "",
    };
    if is_of_payment && dice.random_bool(0.5) {
        let total = dice.random_range(0..30);
        charge(dice, &mut line, total);
    }
    line
}
