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
    /// Matched, and the gross amounts differ by more than the tolerance.
    AmountMismatch = "AMOUNT_MISMATCH";
    /// Reported under a known reference in another currency: its money is in suspense, the item stays open.
    CurrencyMismatch = "CURRENCY_MISMATCH";
    /// Matched, and the acquirer's costs are not those of the contract.
    FeeMismatch = "FEE_MISMATCH";
    /// The same item reported again: the second money is in suspense.
    DuplicateInFile = "DUPLICATE_IN_FILE";
    /// The same file came again under another name; nothing was posted.
    DuplicateFile = "DUPLICATE_FILE";
    /// It holds a batch of a booked file, with other content; nothing of it was posted.
    SupersededFile = "SUPERSEDED_FILE";
    /// The file does not add up; nothing of it was posted.
    TotalMismatch = "TOTAL_MISMATCH";
    /// Recorded against where the payment stood here: booked as the acquirer's fact.
    StatusMismatch = "STATUS_MISMATCH";
    /// Refunded and charged back: the shopper has the money twice.
    DoubleRecovery = "DOUBLE_RECOVERY";
    /// Taken for a payment that was never captured here: its money is in suspense.
    ChargebackUnknown = "CHARGEBACK_UNKNOWN";
    /// A velocity rule or limit was passed, and the payment booked all the same.
    Velocity = "VELOCITY";
    /// Imposed by the acquirer on a day on which no fee schedule of the merchant is in force: booked without a fee.
    NotPriced = "NOT_PRICED";
    /// Two payments for one merchant reference, both open or captured.
    DuplicateInLedger = "DUPLICATE_IN_LEDGER";
    /// A line that we do not book by itself: its money is in suspense.
    UnsupportedRecord = "UNSUPPORTED_RECORD";
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
