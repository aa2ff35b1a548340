//! The stories of payments: what happens to each, what a right engine makes of it, and what the settlement file will say.
//!
//! A story is made up whole, then told event by event. It is one payment, or a few that are handed in together. Most of what is
//! not planted is ordinary: it may happen, it is in the file, with the right amount, the right cost and one line. A planted
//! story has exactly one thing wrong.

mod author;
mod ordinary;
mod planted;
mod refused;

use std::collections::VecDeque;

pub use self::author::{Author, Planted};
pub use self::planted::After;
pub use self::refused::Refused;
use super::fees::Instrument;
use super::settlement::Line;
use super::truth::{Booked, Owner};
use super::world::{Conversion, Day, Moment};

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $suffix:literal;)*) => {
        /// What happens to a payment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum EventKind { $($(#[$doc])* $variant,)* }

        impl EventKind {
            /// Every kind.
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in event files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The end of its references.
            fn suffix(self) -> &'static str {
                match self { $(Self::$variant => $suffix,)* }
            }
        }
    };
}

event_kinds! {
    /// An issuer's promise.
    Authorization = "authorization", "a";
    /// More of it.
    Increment = "authorization_increment", "ai";
    /// Less of it.
    AuthorizationReversal = "authorization_reversal", "ar";
    /// A refused authorization.
    Decline = "decline", "d";
    /// An authorization without an answer.
    Unknown = "unknown", "u";
    /// Money claimed.
    Capture = "capture", "c";
    /// A capture withdrawn before it was presented.
    CaptureVoid = "capture_void", "cv";
    /// Captures handed in together.
    Aggregate = "aggregate", "ag";
    /// What is open of the promise, withdrawn.
    Void = "void", "v";
    /// Money back to the shopper.
    Refund = "refund", "r";
    /// It did not arrive.
    RefundFailure = "refund_failure", "rf";
    /// It left by bank transfer.
    RefundPaid = "refund_paid", "rp";
    /// The issuer asks, and takes nothing.
    InformationRequest = "information_request", "ir";
    /// Money taken by the scheme.
    Chargeback = "chargeback", "cb";
    /// Taken again.
    SecondChargeback = "second_chargeback", "sc";
    /// Money won back.
    ChargebackReversal = "chargeback_reversal", "cr";
    /// A phone bill that was not paid.
    Unpaid = "unpaid", "up";
    /// And was paid late.
    UnpaidRecovery = "unpaid_recovery", "ur";
}

/// A line of the settlement file about an event.
pub enum Report {
    /// It proves the event; by this pass.
    Match(u8, Line),
    /// It proves nothing.
    Stray(Line),
}

/// What a right engine does with an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is booked.
    Booked,
    /// It was booked before; nothing happens.
    Replayed,
    /// It is refused.
    Refused {
        /// By this rule; `malformed` where it is no event.
        rule: &'static str,
        /// For this field.
        field: &'static str,
    },
}

/// When an event is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// With the day's events.
    Day,
    /// After what ran out was booked.
    Late,
    /// Not at all: the settlement file says it.
    File,
    /// After the payouts.
    After,
}

/// What only some kinds of event state, as event files name it.
#[derive(Clone, Default)]
pub struct Details {
    /// Authorization.
    pub method: Option<&'static str>,
    /// Authorization.
    pub scheme: Option<&'static str>,
    /// Authorization.
    pub card_country: Option<&'static str>,
    /// Authorization.
    pub payer: Option<String>,
    /// Authorization.
    pub category: Option<&'static str>,
    /// Authorization.
    pub auth_type: Option<&'static str>,
    /// Authorization.
    pub initiator: Option<&'static str>,
    /// Authorization: so many days after it.
    pub capture_before_days: Option<u64>,
    /// Authorization, minor units.
    pub requested: Option<i64>,
    /// Capture.
    pub sequence: Option<u32>,
    /// Capture.
    pub is_final: bool,
    /// Capture and aggregate.
    pub aggregate: Option<String>,
    /// Aggregate.
    pub items: Option<u32>,
    /// What undoes or answers another event: its reference.
    pub original: Option<String>,
    /// Capture and refund, minor units.
    pub expected_total: Option<i64>,
    /// Refund.
    pub by: Option<&'static str>,
    /// Disputes.
    pub case: Option<String>,
    /// Disputes.
    pub cycle: Option<u32>,
    /// Chargebacks, minor units.
    pub cost: Option<i64>,
}

/// An event, what becomes of it, and what the file says about it.
#[derive(Clone)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which payment: a place in the story's.
    pub payment: usize,
    /// Unique for the merchant; empty where it states none.
    pub reference: String,
    /// Unsigned minor units.
    pub amount: i64,
    /// A place in the table of currencies.
    pub currency: usize,
    /// A place in the table of acquirers.
    pub acquirer: usize,
    /// When.
    pub at: Moment,
    /// The acquirer's id of it.
    pub acquirer_reference: Option<String>,
    /// The scheme's acquirer reference number.
    pub arn: Option<String>,
    /// The retrieval reference number.
    pub rrn: Option<String>,
    /// The issuer's authorization code.
    pub auth_code: Option<String>,
    /// The merchant or acquirer that it names, where that is nobody's name.
    pub nobody: Option<Nobody>,
    /// What only its kind states.
    pub details: Details,
    /// What a right engine does with it.
    pub fate: Fate,
    /// By how much it changes what is open of the promise, minor units.
    pub hold: i64,
    /// Its place among the events of the story.
    pub place: usize,
    /// The place of the event whose entry it mirrors.
    pub undoes: Option<usize>,
    /// What a velocity rule or a monthly limit says of it, where it passes one.
    pub decided: Option<Decided>,
    /// When it is told.
    pub stage: Stage,
    /// What it takes belongs to no payment that the ledger knows.
    pub unknown: bool,
    /// What it costs the merchant has no price on its day.
    pub unpriced: bool,
    /// Of a capture: what would become payable is set aside.
    pub held: bool,
    /// Whether a later event undoes it.
    pub undone: bool,
    /// A refund that the merchant asks for only where its money covers it.
    pub if_covered: bool,
}

/// What becomes of an authorization beyond a velocity rule, or beyond a monthly limit where no rule is named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// As settings name it.
    pub action: &'static str,
    /// The rule.
    pub rule: Option<&'static str>,
}

/// A name that settings do not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Nobody {
    /// In place of the merchant.
    Merchant,
    /// In place of the acquirer.
    Acquirer,
    /// In place of the country of a card: not even a code.
    Country,
}

/// A payment of a story: where it stands after the events made up so far.
#[derive(Clone)]
pub struct Payment {
    /// Its id, unique for all merchants.
    pub name: String,
    /// Our id as the acquirer echoes it, where it is not the payment's.
    pub merchant_reference: Option<String>,
    /// Who authorizes it.
    pub acquirer: usize,
    /// What is open of the promise.
    pub open: i64,
    /// Whether that runs out before the day's expiry.
    pub expires: bool,
    /// Whether nobody knows if it was authorized.
    pub outcome_unknown: bool,
    /// The currency that its lines are settled in.
    pub settled_in: usize,
    /// By which rate, where that is another one.
    pub conversion: Conversion,
    /// How it is paid.
    pub instrument: Instrument,
    authorized: i64,
    captured: i64,
    over_captured: i64,
    refunded: i64,
    captures: u32,
    index: u64,
    psp_reference: String,
    method: usize,
    counts: [u32; EventKind::ALL.len()],
}

/// A story, as far as it is not told yet.
pub struct Story {
    /// Whose, and in which currency.
    pub owner: Owner,
    /// The merchant's name.
    pub merchant: String,
    /// Its payments.
    pub payments: Vec<Payment>,
    /// What is still to be told, and what the settlement file says of it.
    pub events: VecDeque<(Event, Vec<Report>)>,
    /// Lines of the settlement file that belong to no payment and come along with this one.
    pub strays: Vec<Line>,
    /// Told in one go, with nothing of other stories in between.
    pub at_once: bool,
    /// What the truth keeps of it.
    pub booked: Booked,
    /// How many of the plan's payments it is.
    pub length: u64,
    index: u64,
    day: Day,
    second: u32,
    /// The most seconds from one event to the next.
    step: u32,
}

impl Story {
    /// At which second of its day the next event happens.
    pub fn next_second(&self) -> u32 {
        self.events.front().map_or(0, |(event, _)| event.at.second)
    }
}
