//! Break classes: how sources that should agree can differ.

use std::fmt;

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// How two sources differ.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum BreakClass { $($(#[$doc])* $variant,)* }

        impl BreakClass {
            /// Every class.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in the database and in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

classes! {
    /// Recorded, and no file reported it by its expected date.
    MissingInFile = "MISSING_IN_FILE";
    /// Reported, and nothing recorded fits: its money is in suspense.
    MissingInLedger = "MISSING_IN_LEDGER";
    /// Matched, and the gross amounts differ by more than the tolerance; or what is tolerated comes to too much together.
    AmountMismatch = "AMOUNT_MISMATCH";
    /// Reported under a known reference in another currency: its money is in suspense, the item stays open.
    CurrencyMismatch = "CURRENCY_MISMATCH";
    /// Reported under a known reference as another record: its money is in suspense, the item stays open.
    TypeMismatch = "TYPE_MISMATCH";
    /// Reported under a known reference, and the money goes the other way: it is in suspense, the item stays open.
    SignMismatch = "SIGN_MISMATCH";
    /// Matched, and the acquirer's costs are not those of the contract.
    FeeMismatch = "FEE_MISMATCH";
    /// Matched, and converted otherwise than by the rate agreed.
    FxMismatch = "FX_MISMATCH";
    /// What is withheld of a batch as reserve is not what the contract says.
    ReserveMismatch = "RESERVE_MISMATCH";
    /// The same item reported again: the second money is in suspense.
    DuplicateInFile = "DUPLICATE_IN_FILE";
    /// The same file came again under another name; nothing was posted.
    DuplicateFile = "DUPLICATE_FILE";
    /// A batch whose number lies between those that came: nothing of it is known.
    MissingFile = "MISSING_FILE";
    /// It holds a batch of a booked file, with other content; nothing of it was posted.
    SupersededFile = "SUPERSEDED_FILE";
    /// The file does not add up; nothing of it was posted.
    TotalMismatch = "TOTAL_MISMATCH";
    /// Recorded against where the payment stood here: booked as the acquirer's fact.
    StatusMismatch = "STATUS_MISMATCH";
    /// Refunded and charged back: the shopper has the money twice.
    DoubleRecovery = "DOUBLE_RECOVERY";
    /// Given back for a payment of which no capture is known: its money is in suspense.
    RefundWithoutCapture = "REFUND_WITHOUT_CAPTURE";
    /// Taken, or won back, for a payment of which no capture is known: its money is in suspense.
    ChargebackUnknown = "CHARGEBACK_UNKNOWN";
    /// A phone carrier deducted a bill that it says was not paid, and nobody told us of: its money is in suspense.
    CarrierShort = "CARRIER_SHORT";
    /// A velocity rule or limit was passed, and the payment booked all the same.
    Velocity = "VELOCITY";
    /// Imposed by the acquirer on a day on which no fee schedule of the merchant is in force: booked without a fee.
    NotPriced = "NOT_PRICED";
    /// Two payments for one merchant reference, both open or captured.
    DuplicateInLedger = "DUPLICATE_IN_LEDGER";
    /// A line that we do not book by itself: its money is in suspense.
    UnsupportedRecord = "UNSUPPORTED_RECORD";
    /// The bank was paid more or less for a batch than its file says: the difference is in suspense.
    FundingMismatch = "FUNDING_MISMATCH";
    /// Something came to our bank account, or left it, that nobody can explain: it is in suspense.
    UnidentifiedReceipt = "UNIDENTIFIED_RECEIPT";
    /// An acquirer's file says what it pays for a batch, and the bank has not received it in time.
    MissingReceipt = "MISSING_RECEIPT";
}

/// How old breaks are, in business days from the day on which they were awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    /// Its place: 0 for the youngest.
    pub place: usize,
    /// Its name.
    pub name: &'static str,
}

/// The buckets but for the oldest: the last day of each, and its name.
const BUCKETS: [(u32, &str); 7] = [
    (1, "0-1"),
    (3, "2-3"),
    (7, "4-7"),
    (14, "8-14"),
    (30, "15-30"),
    (60, "31-60"),
    (90, "61-90"),
];

impl Bucket {
    /// The bucket of an age.
    pub fn of(business_days: u32) -> Self {
        let found = BUCKETS.iter().enumerate().find(|(_, (last, _))| business_days <= *last);
        match found {
            Some((place, (_, name))) => Self { place, name },
            None => Self {
                place: BUCKETS.len(),
                name: "over 90",
            },
        }
    }
}

impl BreakClass {
    /// The class of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.name() == name)
    }
}

impl fmt::Display for BreakClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_age_has_its_bucket() {
        let names: Vec<&str> = [0, 1, 2, 3, 4, 7, 8, 14, 15, 30, 31, 60, 61, 90, 91, 10_000]
            .into_iter()
            .map(|age| Bucket::of(age).name)
            .collect();
        assert_eq!(
            names,
            [
                "0-1", "0-1", "2-3", "2-3", "4-7", "4-7", "8-14", "8-14", "15-30", "15-30", "31-60", "31-60", "61-90",
                "61-90", "over 90", "over 90"
            ]
        );
        let places: Vec<usize> = [0, 2, 4, 8, 15, 31, 61, 91]
            .into_iter()
            .map(|age| Bucket::of(age).place)
            .collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
