//! Payment events: what happened to a payment, as a caller states it.

use chrono::{DateTime, Utc};

use crate::ledger::book::fingerprint;
use crate::ledger::entry::{EntryKind, Fingerprint};
use crate::money::Money;

/// A payment event whose fields are all well-formed. Whether it may happen is the lifecycle's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentEvent {
    /// Authorization, decline, capture, void, refund, chargeback or chargeback reversal.
    pub kind: EntryKind,
    /// The merchant, as settings name it.
    pub merchant: String,
    /// The caller's id of the payment, unique for the merchant.
    pub payment: String,
    /// The caller's id of this event, unique for the merchant, for ever.
    pub reference: String,
    /// How much, unsigned.
    pub money: Money,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The acquirer, as settings name it.
    pub acquirer: String,
    /// The acquirer's id of this authorization, capture, refund or dispute.
    pub acquirer_reference: Option<String>,
    /// Our id as the acquirer will echo it; the payment's where none is given.
    pub merchant_reference: Option<String>,
    /// The scheme's acquirer reference number.
    pub arn: Option<String>,
    /// The retrieval reference number.
    pub rrn: Option<String>,
    /// The issuer's authorization code.
    pub auth_code: Option<String>,
}

impl PaymentEvent {
    /// The kinds of entry that an event can ask for.
    pub const KINDS: [EntryKind; 7] = [
        EntryKind::Authorization,
        EntryKind::Decline,
        EntryKind::Capture,
        EntryKind::Void,
        EntryKind::Refund,
        EntryKind::Chargeback,
        EntryKind::ChargebackReversal,
    ];

    /// Our id as the acquirer echoes it.
    pub fn echoed_reference(&self) -> &str {
        self.merchant_reference.as_deref().unwrap_or(&self.payment)
    }

    /// What tells a replay of this event from another one under its reference: every field.
    pub fn fingerprint(&self) -> Fingerprint {
        let present = |field: &Option<String>| field.as_ref().map_or_else(String::new, |text| format!("={text}"));
        fingerprint(&[
            "payment event 1",
            self.kind.name(),
            &self.merchant,
            &self.payment,
            &self.reference,
            &self.money.minor().to_string(),
            self.money.currency().code(),
            &self.occurred_at.timestamp_micros().to_string(),
            &self.acquirer,
            &present(&self.acquirer_reference),
            &present(&self.merchant_reference),
            &present(&self.arn),
            &present(&self.rrn),
            &present(&self.auth_code),
        ])
    }
}
