//! Payment events: what happened to a payment, as a caller states it.

use chrono::{DateTime, NaiveDate, Utc};

use super::fees::Accrued;
use crate::ledger::account::{Account, DimensionKind};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Fingerprint};
use crate::money::{Currency, Money};
use crate::settings::ReturnPolicy;
pub use crate::settings::{AuthType, Initiator};

/// A payment event whose fields are all well-formed. Whether it may happen is the lifecycle's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentEvent {
    /// One of [`PaymentEvent::KINDS`].
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
    /// What only some kinds of event state.
    pub details: Details,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.name() == name)
            }
        }
    };
}

words! {
    /// By which way a refund leaves.
    RefundWay {
        /// Back the way the payment came.
        Rail = "rail",
        /// By bank transfer, where the rail is closed.
        Transfer = "transfer",
    }
}

/// What only some kinds of event state; amounts are minor units of the event's currency. Its JSON text, fields in this order and
/// absent ones left out, is part of the event's fingerprint and kept with the entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Details {
    /// Authorization: how the shopper pays (`card`, `carrier` ...), as settings name methods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Authorization: the card scheme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Authorization: the country of the card, ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_country: Option<String>,
    /// Authorization: a token of who pays (a card's, a phone line's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// Authorization: what is bought, as velocity rules name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Authorization: the card, as its last four digits or the acquirer's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// Authorization: final or pre-authorization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_type: Option<AuthType>,
    /// Authorization: who started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiator: Option<Initiator>,
    /// Authorization and increment: until when the acquirer lets it be captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture_before: Option<DateTime<Utc>>,
    /// Authorization: what was asked of the issuer, where it approved less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<i64>,
    /// Capture: which one of the payment, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u32>,
    /// Capture: the last one; what it leaves open is released.
    #[serde(rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// Capture: the transaction at the acquirer that it is part of. Aggregate: its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<String>,
    /// Aggregate: how many captures it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u32>,
    /// The reference of the event that this one undoes or answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// Capture and refund: what was captured or refunded of the payment before; the event is refused where it was not so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<i64>,
    /// Refund: by which way, where it is not the rail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<RefundWay>,
    /// Request for information, chargeback, second chargeback and reversal: the acquirer's case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The same: the round of the case, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle: Option<u32>,
    /// Chargeback and second chargeback: what the acquirer charges for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<i64>,
    /// Request for information, chargeback and second chargeback: until when it can be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond_by: Option<DateTime<Utc>>,
}

impl Details {
    /// Its JSON text; empty where nothing is stated.
    pub fn to_text(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        // A struct of texts, integers and instants has no value that JSON cannot hold.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What a refund used of one tranche of the reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Applied {
    /// The day of the sales that it was withheld of.
    pub source_on: NaiveDate,
    /// The day on which it would have been released.
    pub release_on: NaiveDate,
    /// Minor units.
    pub amount: i64,
}

/// What an entry keeps of its event beside its columns and transfers, as JSON text.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// The amount in minor units, where the first transfer does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The currency of `amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The acquirer, where `amount` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquirer: Option<String>,
    /// The day on which a capture's money becomes available, where a date decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_on: Option<NaiveDate>,
    /// What of a capture's fee refunds give back, where that is not nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_on_refund: Option<ReturnPolicy>,
    /// What is withheld of a capture, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<i64>,
    /// The day on which that is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve_until: Option<NaiveDate>,
    /// What the entry added to the exact sums of its fees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accrued: Vec<Accrued>,
    /// What of the reserve covered a refund.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<Applied>,
    /// The event's own details.
    #[serde(flatten)]
    pub details: Details,
}

impl Kept {
    /// Reads it back; none where the text is not what an event's entry keeps.
    pub fn of_text(text: Option<&str>) -> Option<Self> {
        text.map_or_else(|| Some(Self::default()), |text| serde_json::from_str(text).ok())
    }

    /// Its text; none where there is nothing to keep.
    pub fn to_text(&self) -> Option<String> {
        // Texts, integers, decimals and dates all have a form in JSON.
        (*self != Self::default()).then(|| serde_json::to_string(self).unwrap_or_default())
    }
}

impl PaymentEvent {
    /// The event that an entry of a merchant's book was recorded from. `acquirer` is used where the entry does not say it; without
    /// one, or where the entry is no event's, there is none.
    pub fn of_entry(merchant: &str, entry: &Entry, acquirer: Option<&str>) -> Option<Self> {
        if !Self::KINDS.contains(&entry.kind) {
            return None;
        }
        let kept = Kept::of_text(entry.details.as_deref())?;
        let first = entry.transfers.first();
        let money = match (kept.amount, kept.currency) {
            (Some(amount), Some(currency)) => Money::from_minor(amount, Currency::parse(&currency).ok()?),
            (None, None) => first.map(|first| Money::from_minor(first.amount, first.debit.currency))?,
            (Some(_), None) | (None, Some(_)) => return None,
        };
        let of_acquirer = |account: &Account| {
            let is_acquirers = account.code.dimension() == DimensionKind::Acquirer;
            is_acquirers.then(|| account.dimension.to_string())
        };
        let stated = entry
            .transfers
            .iter()
            .find_map(|transfer| of_acquirer(&transfer.debit).or_else(|| of_acquirer(&transfer.credit)));
        Some(Self {
            kind: entry.kind,
            merchant: merchant.to_owned(),
            payment: entry.payment.clone()?,
            reference: entry.reference.clone(),
            money,
            occurred_at: entry.occurred_at,
            acquirer: kept.acquirer.or(stated).or_else(|| acquirer.map(str::to_owned))?,
            acquirer_reference: entry.acquirer_reference.clone(),
            merchant_reference: entry.merchant_reference.clone(),
            arn: entry.arn.clone(),
            rrn: entry.rrn.clone(),
            auth_code: entry.auth_code.clone(),
            details: kept.details,
        })
    }

    /// The first field in which another event differs from this one.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let (details, others) = (&self.details, &other.details);
        let fields = [
            ("kind", self.kind == other.kind),
            ("payment", self.payment == other.payment),
            ("amount", self.money.minor() == other.money.minor()),
            ("currency", self.money.currency() == other.money.currency()),
            ("occurred_at", self.occurred_at == other.occurred_at),
            ("acquirer", self.acquirer == other.acquirer),
            (
                "acquirer_reference",
                self.acquirer_reference == other.acquirer_reference,
            ),
            (
                "merchant_reference",
                self.merchant_reference == other.merchant_reference,
            ),
            ("arn", self.arn == other.arn),
            ("rrn", self.rrn == other.rrn),
            ("auth_code", self.auth_code == other.auth_code),
            ("method", details.method == others.method),
            ("scheme", details.scheme == others.scheme),
            ("card_country", details.card_country == others.card_country),
            ("payer", details.payer == others.payer),
            ("category", details.category == others.category),
            ("card", details.card == others.card),
            ("auth_type", details.auth_type == others.auth_type),
            ("initiator", details.initiator == others.initiator),
            ("capture_before", details.capture_before == others.capture_before),
            ("requested_amount", details.requested == others.requested),
            ("sequence", details.sequence == others.sequence),
            ("final", details.is_final == others.is_final),
            ("aggregate", details.aggregate == others.aggregate),
            ("items", details.items == others.items),
            ("original", details.original == others.original),
            ("expected_total", details.expected_total == others.expected_total),
            ("by", details.by == others.by),
            ("case", details.case == others.case),
            ("cycle", details.cycle == others.cycle),
            ("cost", details.cost == others.cost),
            ("respond_by", details.respond_by == others.respond_by),
        ];
        fields.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
    }

    /// The first field beside the time in which an event under another reference, known by the same natural key, differs from this
    /// one: whoever tells again of a dispute often says when they told it.
    pub fn difference_beside_time(&self, other: &Self) -> Option<&'static str> {
        self.difference(&Self {
            occurred_at: self.occurred_at,
            ..other.clone()
        })
    }

    /// The kinds of entry that an event can ask for.
    pub const KINDS: [EntryKind; 18] = [
        EntryKind::Authorization,
        EntryKind::AuthorizationIncrement,
        EntryKind::AuthorizationReversal,
        EntryKind::Decline,
        EntryKind::Unknown,
        EntryKind::Capture,
        EntryKind::CaptureVoid,
        EntryKind::Aggregate,
        EntryKind::Void,
        EntryKind::Refund,
        EntryKind::RefundFailure,
        EntryKind::RefundPaid,
        EntryKind::InformationRequest,
        EntryKind::Chargeback,
        EntryKind::SecondChargeback,
        EntryKind::ChargebackReversal,
        EntryKind::Unpaid,
        EntryKind::UnpaidRecovery,
    ];

    /// Our id as the acquirer echoes it.
    pub fn echoed_reference(&self) -> &str {
        self.merchant_reference.as_deref().unwrap_or(&self.payment)
    }

    /// The reference of a refund that was given none: what was refunded of the payment before makes it the same refund when it is
    /// sent again.
    pub fn derived_reference(payment: &str, details: &Details) -> String {
        match details.expected_total {
            Some(total) => format!("refund of {payment} after {total}"),
            None => format!("refund of {payment} in full"),
        }
    }

    /// Whether the caller gave no reference.
    pub fn has_derived_reference(&self) -> bool {
        self.kind == EntryKind::Refund && self.reference == Self::derived_reference(&self.payment, &self.details)
    }

    /// What tells a replay of this event from another one under its reference: every field.
    pub fn fingerprint(&self) -> Fingerprint {
        let present = |field: &Option<String>| field.as_ref().map_or_else(String::new, |text| format!("={text}"));
        fingerprint(&[
            "payment event 2",
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
            &self.details.to_text(),
        ])
    }

    /// The round of a dispute, by its acquirer's case; none where the event names none.
    pub fn chargeback_key(&self, round: u32) -> Option<String> {
        self.round_key("chargeback", round)
    }

    /// The reversal of a round of a dispute, likewise.
    pub fn reversal_key(&self, round: u32) -> Option<String> {
        self.round_key("chargeback reversal", round)
    }

    fn round_key(&self, word: &str, round: u32) -> Option<String> {
        let case = self.details.case.as_ref()?;
        Some(format!("{word}\t{}\t{case}\t{round}", self.acquirer))
    }

    /// What an acquirer imposes without a case is known by the acquirer's reference of it.
    fn imposed_key(&self, word: &str) -> Option<String> {
        let reference = self.acquirer_reference.as_ref()?;
        Some(format!("{word}\t{}\t\t{reference}", self.acquirer))
    }

    /// What the event is known by beside its reference: a capture's sequence, a dispute's case and cycle, the acquirer's reference
    /// of a deduction, the refund that failed. Its parts are separated by tabs, which no reference holds: two events never share a
    /// key by chance. A reversal that names no cycle is of the first; where that is given back already, the recorder asks for the
    /// next.
    pub fn natural_key(&self) -> Option<String> {
        let details = &self.details;
        let dispute = |usual: u32| {
            let by_case = self.chargeback_key(details.cycle.unwrap_or(usual));
            by_case.or_else(|| self.imposed_key(&self.kind.name().replace('_', " ")))
        };
        match self.kind {
            EntryKind::Capture => details
                .sequence
                .map(|sequence| format!("capture\t{}\t{sequence}", self.payment)),
            EntryKind::InformationRequest => self.round_key("information request", details.cycle.unwrap_or(1)),
            EntryKind::Chargeback => dispute(1),
            EntryKind::SecondChargeback => dispute(2),
            EntryKind::ChargebackReversal => self
                .reversal_key(details.cycle.unwrap_or(1))
                .or_else(|| self.imposed_key("chargeback reversal")),
            EntryKind::Unpaid => self.imposed_key("unpaid"),
            EntryKind::UnpaidRecovery => self.imposed_key("unpaid recovery"),
            EntryKind::RefundFailure => details
                .original
                .as_ref()
                .map(|refund| format!("refund failure\t{refund}")),
            EntryKind::RefundPaid => details.original.as_ref().map(|refund| format!("refund paid\t{refund}")),
            EntryKind::Authorization
            | EntryKind::AuthorizationIncrement
            | EntryKind::AuthorizationReversal
            | EntryKind::Decline
            | EntryKind::Unknown
            | EntryKind::CaptureVoid
            | EntryKind::Aggregate
            | EntryKind::Void
            | EntryKind::Expiry
            | EntryKind::Refund
            | EntryKind::Advance
            | EntryKind::Settlement
            | EntryKind::Suspense
            | EntryKind::BatchFee
            | EntryKind::PayoutInstruction
            | EntryKind::PayoutConfirmation
            | EntryKind::PayoutReturn
            | EntryKind::MinimumTopUp
            | EntryKind::Release
            | EntryKind::Hold
            | EntryKind::HoldRelease
            | EntryKind::Loss
            | EntryKind::AcquirerInvoice
            | EntryKind::InvoicePayment
            | EntryKind::LossRecovery
            | EntryKind::BankEntry
            | EntryKind::Reclassification
            | EntryKind::Adjustment
            | EntryKind::Reversal
            | EntryKind::Resolution => None,
        }
    }
}
