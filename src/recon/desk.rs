//! What resolving a break books.
//!
//! A break holds money in one of three ways: in suspense (2900 what nobody can claim yet, 1900 what nobody can be charged yet),
//! on what the acquirer owes us (R: 1100, for a carrier 1130) as an item that no file reports, or not at all. With s for what
//! is in suspense and g for the gross of an item, both without sign, B for the book that holds it, and T for whom it goes to:
//!
//! | reason | suspense, credit | suspense, debit | item towards us | item away from us |
//! | --- | --- | --- | --- | --- |
//! | a write-off's | 2900 ← 4070 s | 5070 ← 1900 s | 5070 ← R g | R ← 4070 g; R ← 5040 its cost |
//! | `belongs_to_merchant`, T = B | 2900 ← 2020 s | 2020 ← 1900 s | see below | R ← 2020 g; R ← 5040 its cost |
//! | the same, T another book | B 2900 ← 1110 s; T 1110 ← 2020 s | B 1110 ← 1900 s; T 2020 ← 1110 s | | |
//! | `offsets` | 2900 ← 1110 s | 1110 ← 1900 s | 1110 ← R g | R ← 1110 g |
//! | `paid_later`, T's loss | as T another book, 5070 for 2020 | the same, 4070 for 2020 | | |
//! | of timing | | | nothing, it stays open | the same |
//!
//! Money goes from book to book through 1110, which is a sum over books: what the acquirer pays stays what it was. What offsets
//! comes to nothing together, by acquirer and currency, so nothing stays there either.
//!
//! A written-off capture is our loss and stays the merchant's money: the merchant delivered, and whether an acquirer pays is the
//! risk that its fee is for. So its payable becomes available as its match would have made it (2010 ← 2030 what is withheld,
//! 2010 ← 2020 the rest). Where the contract puts that risk on the merchant, the reason is `belongs_to_merchant`: 2010 ← R its
//! payable and 2020 ← R its fee, which stays charged; where a day makes it available, 2020 ← R all of it. What a mismatch kept
//! pending follows the same rule: ours to pay, but for `belongs_to_merchant` with a shortage, which takes it first.
//!
//! All amounts are checked; every entry is in one book and of one currency.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::availability::{TrancheDays, share};
use super::booking::{Leg, Legs};
use crate::acquirer::RecordType;
use crate::ids::{BookId, BreakId};
use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Currency, Money};

/// How a break is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// A line and an item belong together after all.
    Match,
    /// The money goes to whom it belongs.
    Adjustment,
    /// Nobody will pay, or claim, it: our loss or income.
    WriteOff,
    /// It came after all, with another break.
    Recovery,
    /// Nothing is booked.
    Timing,
}

impl Resolution {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::Match,
        Self::Adjustment,
        Self::WriteOff,
        Self::Recovery,
        Self::Timing,
    ];

    /// Its name in the database and in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Adjustment => "adjustment",
            Self::WriteOff => "write_off",
            Self::Recovery => "recovery",
            Self::Timing => "timing",
        }
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $resolution:ident;)*) => {
        /// Why a break is closed; each reason is one of a resolution.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in the database and in commands.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it closes a break as.
            pub fn resolution(self) -> Resolution {
                match self { $(Self::$variant => Resolution::$resolution,)* }
            }
        }
    };
}

reasons! {
    /// Somebody matched line and item.
    MatchedByHand = "matched_by_hand", Match;
    /// A receipt in suspense pays batches of acquirers.
    PaysBatches = "pays_batches", Match;
    /// It is proven to be a merchant's, to get or to bear.
    BelongsToMerchant = "belongs_to_merchant", Adjustment;
    /// Breaks that come to nothing together.
    Offsets = "offsets", Adjustment;
    /// Pursuing it costs more than it is worth.
    Uneconomic = "uneconomic", WriteOff;
    /// The acquirer refused the claim.
    ClaimRefused = "claim_refused", WriteOff;
    /// It is too late for a claim.
    ClaimExpired = "claim_expired", WriteOff;
    /// Nobody found out whose it is.
    Unidentified = "unidentified", WriteOff;
    /// The money of a break that was written off.
    PaidLater = "paid_later", Recovery;
    /// A later file reported it.
    ReportedLater = "reported_later", Timing;
    /// The acquirer named the day by which it will be reported.
    Promised = "promised", Timing;
    /// It is understood, and there is nothing to book.
    Explained = "explained", Timing;
}

impl Reason {
    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An open item that no file reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingItem {
    /// What a line would report it as.
    pub record: RecordType,
    /// Signed, positive is money to us.
    pub gross: Money,
    /// What the acquirer takes with it that is booked already, minor units.
    pub cost: i64,
    /// What we charged the merchant for it, minor units.
    pub merchant_fee: i64,
    /// What is withheld of it when it becomes available, minor units.
    pub reserve: i64,
    /// The tranche that this goes to.
    pub tranche: Option<TrancheDays>,
    /// A day makes it available, or an advance did.
    pub matures: bool,
    /// 1100, for a carrier 1130.
    pub receivable: AccountCode,
    /// Its other side is in suspense, or was borne by us: it is not the merchant's to get or to bear.
    pub not_merchants: bool,
}

/// Where the money of a break is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Nowhere that a resolution could move it; how far both sides are apart, where they are of one currency.
    Nowhere(Option<Money>),
    /// In suspense: on 2900 above zero, on 1900 below.
    Suspense {
        /// In which book.
        book: BookId,
        /// How much.
        money: Money,
        /// What of the merchant's pending money waits for the break in that book, minor units.
        kept_pending: i64,
    },
    /// On what the acquirer owes us, in the merchant's book.
    Item(BookId, Box<MissingItem>),
}

/// A break to be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Which.
    pub id: BreakId,
    /// The acquirer.
    pub acquirer: String,
    /// Its money.
    pub held: Held,
}

/// To whom the money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// To whom the break says.
    Nobody,
    /// To, or from, the available money of a merchant.
    Merchant(BookId),
    /// What was written off in a book comes back: so much of it is not recovered yet, a loss below zero.
    WrittenOff(BookId, Money),
}

/// What a resolution comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Booked {
    /// Its entries, by book; none of nothing.
    pub entries: Vec<(BookId, Legs)>,
    /// What of the item is withheld, minor units.
    pub withheld: i64,
    /// The item is open no more.
    pub closes_item: bool,
    /// What counts on the ladder of approvals; none where nothing is decided about money.
    pub stake: Option<Money>,
}

/// Why a break cannot be resolved so. The name is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Money is left in suspense.
    #[error("{0} is in suspense, so something has to be booked: choose an adjustment, a write-off or a recovery")]
    InSuspense(Money),
    /// There is nothing to book.
    #[error("it holds no money that could be booked: what is understood is `explained`")]
    NoMoney,
    /// The item is open: the next file would find it missing again.
    #[error("its item is open still: say until when it is awaited (promised), or resolve it with a booking")]
    StillOpen,
    /// A day without an item, or an item without a day.
    #[error("only an item that is missing can be promised, with the day until which it is awaited")]
    NotPromised,
    /// Nobody said whose.
    #[error("say which merchant's it is")]
    NoMerchant,
    /// The other side is not the merchant's.
    #[error(
        "neither side of its item is the merchant's money: write it off, or set it off against the break that holds it"
    )]
    NotMerchants,
    /// Not the same sign.
    #[error("{0} does not bring back what was written off")]
    NotRecovered(Money),
    /// Not so much was written off.
    #[error("only {0} of it was written off and is not recovered yet")]
    MoreThanWrittenOff(Money),
    /// The cost of a dispute would stay.
    #[error("its item has a cost of its own, which nothing sets off")]
    HasCost,
    /// Matches are made elsewhere.
    #[error("a match is made of a line and an item, not of a break")]
    MatchElsewhere,
    /// Too large.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

use AccountCode::{
    AcquirerInTransit, CostDispute, IncomeReconciliation, LossWriteOff, MerchantAvailable, MerchantPending,
    MerchantReserve, SuspenseCredit, SuspenseDebit,
};

/// Legs of one book and currency; below zero the other way round, of nothing none.
struct Draft {
    currency: Currency,
    legs: Legs,
}

impl Draft {
    fn new(currency: Currency) -> Self {
        Self {
            currency,
            legs: Legs::new(),
        }
    }

    fn add(&mut self, debit: AccountCode, credit: AccountCode, minor: i64) -> Result<(), AmountError> {
        let (debit, credit) = if minor < 0 { (credit, debit) } else { (debit, credit) };
        let amount = minor.checked_abs().ok_or(AmountError::TooLarge)?;
        if amount > 0 {
            let currency = self.currency;
            self.legs.push((
                Leg {
                    debit,
                    credit,
                    currency,
                },
                amount,
            ));
        }
        Ok(())
    }
}

/// What resolving a break books. `quiet` says that a day was named until which its item is awaited.
pub fn resolve(case: &Case, reason: Reason, to: To, quiet: bool) -> Result<Booked, Refusal> {
    if quiet != (reason == Reason::Promised) {
        return Err(Refusal::NotPromised);
    }
    if reason.resolution() == Resolution::Match {
        return Err(Refusal::MatchElsewhere);
    }
    match &case.held {
        Held::Nowhere(difference) => nowhere(*difference, reason),
        Held::Suspense {
            book,
            money,
            kept_pending,
        } => suspense(*book, *money, *kept_pending, reason, to),
        Held::Item(book, item) => missing(*book, item, reason),
    }
}

fn nowhere(difference: Option<Money>, reason: Reason) -> Result<Booked, Refusal> {
    match (reason.resolution(), difference) {
        (Resolution::Timing, None) if reason != Reason::Promised => Ok(Booked::default()),
        // Whoever says that a difference is explained gives it up as well.
        (Resolution::Timing, Some(difference)) if reason != Reason::Promised => Ok(Booked {
            stake: Some(absolute(difference)?),
            ..Booked::default()
        }),
        // The costs are booked as the file has them: what is decided is that nobody claims them.
        (Resolution::WriteOff, Some(difference)) => Ok(Booked {
            stake: Some(absolute(difference)?),
            ..Booked::default()
        }),
        (Resolution::Timing, _) => Err(Refusal::NotPromised),
        (Resolution::Match | Resolution::Adjustment | Resolution::WriteOff | Resolution::Recovery, _) => {
            Err(Refusal::NoMoney)
        }
    }
}

fn absolute(money: Money) -> Result<Money, AmountError> {
    let minor = money.minor().checked_abs().ok_or(AmountError::TooLarge)?;
    Ok(Money::from_minor(minor, money.currency()))
}

fn suspense(book: BookId, money: Money, kept: i64, reason: Reason, to: To) -> Result<Booked, Refusal> {
    let (currency, minor) = (money.currency(), money.minor());
    // Clears what is held: `account` is credited with a credit, debited with a debit.
    let clear = |draft: &mut Draft, account: AccountCode| match minor < 0 {
        true => draft.add(SuspenseDebit, account, minor),
        false => draft.add(SuspenseCredit, account, minor),
    };
    let mut own = Draft::new(currency);
    let mut other = None;
    let mut kept_back = 0;
    match (reason, to) {
        (Reason::Uneconomic | Reason::ClaimRefused | Reason::ClaimExpired | Reason::Unidentified, _) => {
            clear(&mut own, if minor < 0 { LossWriteOff } else { IncomeReconciliation })?;
        }
        (Reason::Offsets, _) => clear(&mut own, AcquirerInTransit)?,
        (Reason::BelongsToMerchant, To::Merchant(merchant)) if merchant == book => {
            // Of a shortage, what is pending for it is taken first.
            kept_back = kept.min(minor.checked_neg().ok_or(AmountError::TooLarge)?).max(0);
            own.add(MerchantPending, SuspenseDebit, kept_back)?;
            let rest = minor.checked_add(kept_back).ok_or(AmountError::TooLarge)?;
            let account = if minor < 0 { SuspenseDebit } else { SuspenseCredit };
            own.add(account, MerchantAvailable, rest)?;
        }
        (Reason::BelongsToMerchant, To::Merchant(merchant)) => {
            clear(&mut own, AcquirerInTransit)?;
            let mut theirs = Draft::new(currency);
            theirs.add(AcquirerInTransit, MerchantAvailable, minor)?;
            other = Some((merchant, theirs.legs));
        }
        (Reason::BelongsToMerchant, To::Nobody | To::WrittenOff(..)) => return Err(Refusal::NoMerchant),
        (Reason::PaidLater, To::WrittenOff(loser, lost)) => {
            let (account, legs) = recovered(money, lost)?;
            if loser == book {
                clear(&mut own, account)?;
            } else {
                clear(&mut own, AcquirerInTransit)?;
                other = Some((loser, legs));
            }
        }
        (Reason::PaidLater, To::Nobody | To::Merchant(_)) => return Err(Refusal::NotRecovered(money)),
        (
            Reason::ReportedLater | Reason::Promised | Reason::Explained | Reason::MatchedByHand | Reason::PaysBatches,
            _,
        ) => {
            return Err(Refusal::InSuspense(money));
        }
    }
    let free = kept.checked_sub(kept_back).ok_or(AmountError::TooLarge)?;
    own.add(MerchantPending, MerchantAvailable, free)?;
    let entries = [Some((book, own.legs)), other];
    Ok(Booked {
        entries: entries
            .into_iter()
            .flatten()
            .filter(|(_, legs)| !legs.is_empty())
            .collect(),
        stake: Some(absolute(money)?),
        ..Booked::default()
    })
}

/// Which account gets back what was lost, or gives back what was taken as income, and the entry of its book.
fn recovered(money: Money, lost: Money) -> Result<(AccountCode, Legs), Refusal> {
    let account = match (money.minor() > 0, lost.minor() < 0) {
        (true, true) => LossWriteOff,
        (false, false) => IncomeReconciliation,
        (true, false) | (false, true) => return Err(Refusal::NotRecovered(money)),
    };
    if money.currency() != lost.currency() {
        return Err(Refusal::NotRecovered(money));
    }
    if money.minor().unsigned_abs() > lost.minor().unsigned_abs() {
        return Err(Refusal::MoreThanWrittenOff(absolute(lost)?));
    }
    let mut draft = Draft::new(money.currency());
    draft.add(AcquirerInTransit, account, money.minor())?;
    Ok((account, draft.legs))
}

fn missing(book: BookId, item: &MissingItem, reason: Reason) -> Result<Booked, Refusal> {
    let gross = item.gross.minor();
    let mut draft = Draft::new(item.gross.currency());
    let mut withheld = 0;
    let receivable = item.receivable;
    match reason {
        Reason::Uneconomic | Reason::ClaimRefused | Reason::ClaimExpired | Reason::Unidentified => {
            let account = if gross > 0 { LossWriteOff } else { IncomeReconciliation };
            draft.add(account, receivable, gross)?;
            draft.add(receivable, CostDispute, item.cost)?;
            withheld = becomes_available(&mut draft, item)?;
        }
        Reason::Offsets if item.cost != 0 => return Err(Refusal::HasCost),
        Reason::Offsets => {
            draft.add(AcquirerInTransit, receivable, gross)?;
            withheld = becomes_available(&mut draft, item)?;
        }
        Reason::BelongsToMerchant if item.not_merchants => return Err(Refusal::NotMerchants),
        Reason::BelongsToMerchant => {
            let payable = payable(item)?.unwrap_or_default();
            draft.add(MerchantPending, receivable, payable)?;
            let rest = gross.checked_sub(payable).ok_or(AmountError::TooLarge)?;
            draft.add(MerchantAvailable, receivable, rest)?;
            draft.add(receivable, CostDispute, item.cost)?;
        }
        Reason::Promised => return Ok(Booked::default()),
        Reason::ReportedLater | Reason::Explained => return Err(Refusal::StillOpen),
        Reason::PaidLater => return Err(Refusal::NotRecovered(item.gross)),
        Reason::MatchedByHand | Reason::PaysBatches => return Err(Refusal::MatchElsewhere),
    }
    Ok(Booked {
        entries: vec![(book, draft.legs)],
        withheld,
        closes_item: true,
        stake: Some(absolute(item.gross)?),
    })
}

/// What of a capture waits for its line; none where nothing does.
fn payable(item: &MissingItem) -> Result<Option<i64>, AmountError> {
    if item.record != RecordType::Capture || item.matures {
        return Ok(None);
    }
    let payable = item.gross.minor().checked_sub(item.merchant_fee);
    payable.map(Some).ok_or(AmountError::TooLarge)
}

/// Lets the payable of a capture become available, as its match would, and says what is withheld.
fn becomes_available(draft: &mut Draft, item: &MissingItem) -> Result<i64, AmountError> {
    let Some(payable) = payable(item)? else {
        return Ok(0);
    };
    let share = share(payable, item.reserve)?;
    draft.add(MerchantPending, MerchantReserve, share.reserve)?;
    draft.add(MerchantPending, MerchantAvailable, share.available)?;
    Ok(share.reserve)
}

/// What several breaks come to together, by acquirer and currency, minor units: nothing, where one sets off the other.
pub fn left(cases: &[Case]) -> Result<BTreeMap<(&str, Currency), i64>, AmountError> {
    let mut left = BTreeMap::new();
    for case in cases {
        let (currency, minor) = match &case.held {
            Held::Nowhere(_) => continue,
            Held::Suspense { money, .. } => (money.currency(), money.minor()),
            // It is missing where the other is too much.
            Held::Item(_, item) => (
                item.gross.currency(),
                item.gross.minor().checked_neg().ok_or(AmountError::TooLarge)?,
            ),
        };
        let sum: &mut i64 = left.entry((case.acquirer.as_str(), currency)).or_default();
        *sum = sum.checked_add(minor).ok_or(AmountError::TooLarge)?;
    }
    left.retain(|_, sum| *sum != 0);
    Ok(left)
}

/// Σ stakes by currency, minor units.
pub fn stakes<'b>(booked: impl Iterator<Item = &'b Booked>) -> Result<BTreeMap<Currency, i64>, AmountError> {
    let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
    for stake in booked.filter_map(|booked| booked.stake) {
        let sum = sums.entry(stake.currency()).or_default();
        *sum = sum.checked_add(stake.minor()).ok_or(AmountError::TooLarge)?;
    }
    Ok(sums)
}

/// The books that a resolution writes.
pub fn books<'b>(booked: impl Iterator<Item = &'b Booked>) -> BTreeSet<BookId> {
    booked
        .flat_map(|booked| booked.entries.iter().map(|(book, _)| *book))
        .collect()
}

#[cfg(test)]
mod tests;
