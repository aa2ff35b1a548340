//! Why nothing was done about breaks.

use chrono::NaiveDate;

use crate::bank::given;
use crate::money::{AmountError, Money};
use crate::recon::by_hand;
use crate::recon::desk::Refusal;
use crate::store::reserve::{AppliedReserve, PutBackError};
use crate::store::{Retriable, StoreError};

/// Why nothing was done about breaks.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No break has this number.
    #[error("there is no break {0}")]
    Unknown(i64),
    /// No break fits.
    #[error("no break fits")]
    Nothing,
    /// Too many at once.
    #[error("more than {0} breaks at a time")]
    TooMany(usize),
    /// No settings govern the day.
    #[error("no settings are in force on {0}")]
    NoSettings(NaiveDate),
    /// It is closed.
    #[error("break {id} is resolved already, as {resolution}")]
    Resolved {
        /// Which.
        id: i64,
        /// As what.
        resolution: String,
    },
    /// It is not closed.
    #[error("break {0} is not resolved")]
    NotResolved(i64),
    /// It cannot be resolved so.
    #[error("break {id} cannot be resolved so: {refusal}")]
    Refused {
        /// Which.
        id: i64,
        /// Why.
        refusal: Refusal,
    },
    /// Breaks that should come to nothing together do not.
    #[error("they do not come to nothing together: {left} of acquirer {acquirer} is left")]
    NoOffset {
        /// Of whom.
        acquirer: String,
        /// What.
        left: Money,
    },
    /// No book of that name.
    #[error("merchant `{0}` has no book")]
    UnknownMerchant(String),
    /// There is nothing to be recovered.
    #[error("nothing of break {0} is written off and not recovered")]
    NotWrittenOff(i64),
    /// The plan is not that of now.
    #[error("the plan is void: the breaks that fit, or what they hold, are not what they were ({0} now)")]
    Changed(String),
    /// No plan has this digest.
    #[error("nothing was proposed under {0}")]
    UnknownPlan(String),
    /// Several have.
    #[error("{0} is the beginning of more than one plan")]
    AmbiguousPlan(String),
    /// What was proposed is not what would be booked now.
    #[error("the proposal is void: break {0} is not what it was when it was proposed")]
    Void(i64),
    /// It is booked, by others.
    #[error("nothing of {0} waits for approval")]
    NothingWaits(String),
    /// The same person on both sides.
    #[error("{0} proposed this; somebody else has to approve it")]
    ApproverIsProposer(String),
    /// Two have approved, and neither heads finance.
    #[error("above this amount one of the approvers heads finance: {0}")]
    NeedsFinanceHead(String),
    /// The settings name nobody.
    #[error("above {0} a finance head has to approve, and the settings name none who could")]
    NoFinanceHead(String),
    /// Made by a match.
    #[error("break {0} was resolved by a match, which is undone as one")]
    Matched(i64),
    /// Its item has come.
    #[error("break {0} was resolved by a file that reported its item")]
    Reported(i64),
    /// A decision about its file, or match, closed it.
    #[error("break {id} was resolved as {resolution}, with its file or match: it is open again when that is")]
    Closed {
        /// Which.
        id: i64,
        /// undone, released or rejected.
        resolution: String,
    },
    /// Only together.
    #[error("break {id} was set off against others: open {others} again with it")]
    OffsetTogether {
        /// Which.
        id: i64,
        /// The others.
        others: String,
    },
    /// What it lost has come back.
    #[error("what was written off of break {id} was recovered by break {by}: open that one again first")]
    RecoveredBy {
        /// Which.
        id: i64,
        /// By which.
        by: i64,
    },
    /// What its resolution put into the reserve is gone.
    #[error(transparent)]
    Applied(#[from] AppliedReserve),
    /// It has no line in suspense.
    #[error("break {0} has no settlement line whose money is in suspense: nothing can be matched with it")]
    NoLine(i64),
    /// The day is before the file's.
    #[error("its file is about {as_of}: it cannot be matched on {day}")]
    Before {
        /// The day asked for.
        day: NaiveDate,
        /// The file's.
        as_of: NaiveDate,
    },
    /// Somebody else has them.
    #[error("{0} of the items are not open: matched, resolved or withdrawn since, or not reported by this acquirer")]
    NotOpen(usize),
    /// It cannot be matched so.
    #[error("break {id} cannot be matched so: {refusal}")]
    NotMatched {
        /// Which.
        id: i64,
        /// Why.
        refusal: by_hand::Refusal,
    },
    /// It is no receipt.
    #[error("break {0} holds no receipt of a bank statement: no batch is paid with it")]
    NoReceipt(i64),
    /// It does not pay what was named.
    #[error("the receipt of break {id} does not pay that: {refusal}")]
    NotGiven {
        /// Which.
        id: i64,
        /// Why.
        refusal: given::Refusal,
    },
    /// It is not what was named.
    #[error("the receipt of break {id} is not those payouts: {why}")]
    NotThose {
        /// Which.
        id: i64,
        /// Why.
        why: String,
    },
    /// It pays nothing.
    #[error("the receipt of break {0} pays no batch: nothing is to be undone")]
    NotPaying(i64),
    /// What the match left was worked on.
    #[error("its match left break {id} (FUNDING_MISMATCH), which was resolved since, as {resolution}")]
    Worked {
        /// Which.
        id: i64,
        /// As what.
        resolution: String,
    },
    /// A later break has taken its place.
    #[error("the item of break {id} is missing by break {other} now")]
    MissingAgain {
        /// Which.
        id: i64,
        /// The later one.
        other: i64,
    },
    /// An amount cannot be computed.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

impl From<PutBackError> for DeskError {
    fn from(error: PutBackError) -> Self {
        match error {
            PutBackError::Store(error) => error.into(),
            PutBackError::Applied(applied) => applied.into(),
        }
    }
}

impl Retriable for DeskError {
    fn is_retriable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retriable())
    }
}
