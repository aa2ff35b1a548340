//! Entries: immutable, numbered, balanced facts, made of transfers.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::account::Account;
use crate::ids::{EntryNumber, SourceId};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal;)*) => {
        /// What kind of fact an entry states.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EntryKind { $($(#[$doc])* $variant,)* }

        impl EntryKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The number it is stored and hashed as.
            pub fn id(self) -> i16 {
                match self { $(Self::$variant => $id,)* }
            }

            /// Its name in files and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// An issuer's promise.
    Authorization = 1, "authorization";
    /// A refused authorization: an entry without transfers.
    Decline = 2, "decline";
    /// Money claimed from the acquirer.
    Capture = 3, "capture";
    /// What was open of an authorization, withdrawn.
    Void = 4, "void";
    /// Money back to the shopper.
    Refund = 5, "refund";
    /// Money taken by the scheme.
    Chargeback = 6, "chargeback";
    /// Money won back from the scheme.
    ChargebackReversal = 7, "chargeback_reversal";
    /// More promised for the same authorization.
    AuthorizationIncrement = 8, "authorization_increment";
    /// A part of the promise taken back.
    AuthorizationReversal = 9, "authorization_reversal";
    /// A settlement batch's matched lines of one book.
    Settlement = 10, "settlement";
    /// A settlement line whose owner is not known.
    Suspense = 11, "suspense";
    /// A cost of a settlement batch that belongs to no payment.
    BatchFee = 12, "batch_fee";
    /// What was open of an authorization, past its time.
    Expiry = 13, "expiry";
    /// An attempt whose outcome nobody knows yet: an entry without transfers.
    Unknown = 14, "unknown";
    /// A refund that did not reach the shopper: undone.
    RefundFailure = 15, "refund_failure";
    /// Money taken by the scheme again, after a reversal.
    SecondChargeback = 16, "second_chargeback";
    /// What a carrier deducts because the shopper did not pay the phone bill.
    Unpaid = 17, "unpaid";
    /// An unpaid phone bill paid late.
    UnpaidRecovery = 18, "unpaid_recovery";
    /// A refund by bank transfer has left our account.
    RefundPaid = 19, "refund_paid";
    /// A payout handed to the bank.
    PayoutInstruction = 20, "payout_instruction";
    /// A payout that the bank made.
    PayoutConfirmation = 21, "payout_confirmation";
    /// Pending money made available before it is proven, for a fee.
    Advance = 22, "advance";
    /// What a month's fees fell short of the agreed minimum.
    MinimumTopUp = 23, "minimum_top_up";
    /// Pending or reserved money that its day made available.
    Release = 24, "release";
    /// Available money set aside.
    Hold = 25, "hold";
    /// Money set aside made available again.
    HoldRelease = 26, "hold_release";
    /// Captures handed to the acquirer as one transaction: an entry without transfers.
    Aggregate = 27, "aggregate";
    /// A capture withdrawn before the acquirer presented it.
    CaptureVoid = 28, "capture_void";
    /// An entry undone.
    Reversal = 30, "reversal";
    /// What the resolution of a break moves.
    Resolution = 31, "resolution";
    /// What a merchant owes and nobody expects to get back, given up.
    Loss = 32, "loss";
    /// What came back of what was given up.
    LossRecovery = 33, "loss_recovery";
    /// An issuer asks about a payment before it takes money, or instead: an entry without transfers.
    InformationRequest = 34, "information_request";
    /// What an acquirer that settles in full invoices for a month.
    AcquirerInvoice = 36, "acquirer_invoice";
    /// Such an invoice was paid.
    InvoicePayment = 37, "invoice_payment";
    /// A payout that came back from the bank.
    PayoutReturn = 38, "payout_return";
    /// What a merchant owes on the last day of a period, as a receivable.
    Reclassification = 39, "reclassification";
    /// What two people credit to a merchant's balance, or charge it.
    Adjustment = 40, "adjustment";
    /// What a bank statement says that came or went, and nothing had booked before.
    BankEntry = 41, "bank_entry";
}

impl EntryKind {
    /// The kind stored under this number.
    pub fn from_id(id: i16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One debit account, one credit account of the same currency, and a positive amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The account debited.
    pub debit: Account,
    /// The account credited.
    pub credit: Account,
    /// Minor units, above zero.
    pub amount: i64,
}

/// SHA-256 of what was asked, to tell a replay from a conflict.
pub type Fingerprint = [u8; 32];

/// SHA-256 over an entry and the hash of the one before it.
pub type EntryHash = [u8; 32];

/// A fact to be written into a book: everything but its number and hash, which the book gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What kind of fact.
    pub kind: EntryKind,
    /// The caller's own id of it: unique in its book, for ever.
    pub reference: String,
    /// Of what was asked.
    pub fingerprint: Fingerprint,
    /// The payment it belongs to.
    pub payment: Option<String>,
    /// The acquirer's id of it.
    pub acquirer_reference: Option<String>,
    /// Our id as the acquirer echoes it.
    pub merchant_reference: Option<String>,
    /// The scheme's acquirer reference number.
    pub arn: Option<String>,
    /// The retrieval reference number (ISO 8583 field 37).
    pub rrn: Option<String>,
    /// The issuer's authorization code.
    pub auth_code: Option<String>,
    /// What was stated beside these fields and the transfers, as JSON text.
    pub details: Option<String>,
    /// What the fact is known by beside its reference, unique in its book: a capture's sequence, a dispute's case and cycle.
    pub natural_key: Option<String>,
    /// The entry of the same book that this one undoes.
    pub reverses: Option<EntryNumber>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The day it is on the books.
    pub booking_date: NaiveDate,
    /// The day that governs it, where that was closed already: the booking date is then the first open day.
    pub happened_on: Option<NaiveDate>,
    /// The file or run it came from.
    pub source: SourceId,
    /// The line of that file.
    pub source_line: Option<i32>,
    /// What it moves; nothing, for a decline.
    pub transfers: Vec<Transfer>,
}

impl Entry {
    /// An entry that belongs to no payment, at the beginning of its day.
    pub fn of_day(
        kind: EntryKind,
        reference: String,
        fingerprint: Fingerprint,
        day: NaiveDate,
        source: SourceId,
    ) -> Self {
        Self {
            kind,
            reference,
            fingerprint,
            payment: None,
            acquirer_reference: None,
            merchant_reference: None,
            arn: None,
            rrn: None,
            auth_code: None,
            details: None,
            natural_key: None,
            reverses: None,
            occurred_at: day.and_time(NaiveTime::MIN).and_utc(),
            booking_date: day,
            happened_on: None,
            source,
            source_line: None,
            transfers: Vec::new(),
        }
    }
}
