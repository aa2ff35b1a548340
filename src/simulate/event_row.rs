//! A line of the event file.

use serde::Serialize;

use super::story::{Event, Nobody, Story};
use super::world::{CURRENCIES, World};

/// An event as its file has it: every field is text.
#[derive(Serialize)]
pub struct EventRow<'a> {
    kind: &'static str,
    merchant: &'a str,
    payment: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reference: &'a str,
    amount: String,
    currency: &'static str,
    occurred_at: String,
    acquirer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    acquirer_reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rrn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card_country: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initiator: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capture_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    is_final: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_total: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<String>,
}

impl<'a> EventRow<'a> {
    /// An event of a story.
    pub fn new(world: &World, story: &'a Story, event: &'a Event) -> Self {
        let payment = &story.payments[event.payment];
        let details = &event.details;
        let amount = |minor: i64| world.amount(minor, event.currency);
        Self {
            kind: event.kind.name(),
            merchant: match event.nobody {
                Some(Nobody::Merchant) => "nobody",
                Some(Nobody::Acquirer | Nobody::Country) | None => &story.merchant,
            },
            payment: &payment.name,
            reference: &event.reference,
            amount: amount(event.amount),
            currency: CURRENCIES[event.currency].code,
            occurred_at: world.instant(event.at),
            acquirer: match event.nobody {
                Some(Nobody::Acquirer) => "nobody",
                Some(Nobody::Merchant | Nobody::Country) | None => world.acquirer(event.acquirer),
            },
            acquirer_reference: event.acquirer_reference.as_deref(),
            merchant_reference: payment.merchant_reference.as_deref(),
            arn: event.arn.as_deref(),
            rrn: event.rrn.as_deref(),
            auth_code: event.auth_code.as_deref(),
            method: details.method,
            scheme: details.scheme,
            card_country: match event.nobody {
                Some(Nobody::Country) => Some("Elsewhere"),
                Some(Nobody::Merchant | Nobody::Acquirer) | None => details.card_country,
            },
            payer: details.payer.as_deref(),
            category: details.category,
            auth_type: details.auth_type,
            initiator: details.initiator,
            capture_before: details
                .capture_before_days
                .map(|days| world.later_in_utc(event.at, days)),
            requested_amount: details.requested.map(amount),
            sequence: details.sequence.map(|sequence| sequence.to_string()),
            is_final: details.is_final.then_some("true"),
            aggregate: details.aggregate.as_deref(),
            items: details.items.map(|items| items.to_string()),
            original: details.original.as_deref(),
            expected_total: details.expected_total.map(amount),
            by: details.by,
            case: details.case.as_deref(),
            cycle: details.cycle.map(|cycle| cycle.to_string()),
            cost: details.cost.map(amount),
        }
    }
}

/// A line that says before all events how many captures of a currency there are, and their sum.
pub fn claim(world: &World, currency: usize, items: u64, sum: i64) -> String {
    let line = serde_json::json!({
        "kind": "capture_total",
        "currency": CURRENCIES[currency].code,
        "items": items.to_string(),
        "amount": world.amount(sum, currency),
    });
    format!("{line}\n")
}
