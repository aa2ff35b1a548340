//! Reconciliation: settlement lines × open items → matches, breaks, and what they book. All pure.
//!
//! The store streams candidates, this module decides: [`proof`] whether a file proves itself, [`matching`] which line settles
//! which item, [`group`] what of it is only together the same money, [`booking`] what a line books, [`costs`] what it should
//! cost, [`conversion`] what it should have been converted to, [`reserve`] what of a batch should be withheld, [`availability`]
//! what becomes available when, [`breaks`] what is wrong, [`candidates`] what people see of a line, [`by_hand`] what they may
//! match, [`desk`] what resolving a break books.

pub mod availability;
pub mod booking;
pub mod breaks;
pub mod by_hand;
pub mod candidates;
pub mod conversion;
pub mod costs;
pub mod desk;
pub mod group;
pub mod matching;
pub mod proof;
pub mod reserve;

use crate::acquirer::RecordType;
use crate::ledger::entry::EntryKind;

/// How a settlement line will report an entry; none where no acquirer reports it.
pub fn reported_as(kind: EntryKind) -> Option<RecordType> {
    match kind {
        EntryKind::Capture => Some(RecordType::Capture),
        EntryKind::Refund => Some(RecordType::Refund),
        EntryKind::Chargeback | EntryKind::SecondChargeback => Some(RecordType::Chargeback),
        EntryKind::ChargebackReversal => Some(RecordType::ChargebackReversal),
        EntryKind::RefundFailure => Some(RecordType::RefundFailure),
        EntryKind::Unpaid => Some(RecordType::Unpaid),
        EntryKind::UnpaidRecovery => Some(RecordType::UnpaidRecovery),
        EntryKind::Aggregate => Some(RecordType::Capture),
        EntryKind::Authorization
        | EntryKind::AuthorizationIncrement
        | EntryKind::AuthorizationReversal
        | EntryKind::Decline
        | EntryKind::Unknown
        | EntryKind::Expiry
        | EntryKind::Void
        | EntryKind::CaptureVoid
        | EntryKind::RefundPaid
        | EntryKind::Advance
        | EntryKind::MinimumTopUp
        | EntryKind::Release
        | EntryKind::Hold
        | EntryKind::HoldRelease
        | EntryKind::Loss
        | EntryKind::AcquirerInvoice
        | EntryKind::InvoicePayment
        | EntryKind::LossRecovery
        | EntryKind::Reclassification
        | EntryKind::Adjustment
        | EntryKind::InformationRequest
        | EntryKind::Settlement
        | EntryKind::Suspense
        | EntryKind::BatchFee
        | EntryKind::PayoutInstruction
        | EntryKind::PayoutConfirmation
        | EntryKind::PayoutReturn
        | EntryKind::Reversal
        | EntryKind::BankEntry
        | EntryKind::Resolution => None,
    }
}
