//! Identifiers: small newtypes for rows, and the caller's own references as validated text.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A book: a merchant's, or the house's, which is [`BookId::HOUSE`].
    BookId(i64)
);
id!(
    /// The number of an entry in its book: 1, 2, 3 ... without a gap.
    EntryNumber(i64)
);
id!(
    /// A row of the table of accounts.
    AccountId(i32)
);
id!(
    /// A row of the table of acquirers.
    AcquirerId(i16)
);
id!(
    /// Where entries came from: an event file, a settlement file, a payout run.
    SourceId(i64)
);
id!(
    /// A break.
    BreakId(i64)
);

impl BookId {
    /// The book of facts that belong to no merchant.
    pub const HOUSE: Self = Self(1);
}

/// The longest reference that is accepted, in bytes.
pub const REFERENCE_LIMIT: usize = 128;

/// Why a text is not accepted as a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Longer than [`REFERENCE_LIMIT`].
    #[error("is longer than {REFERENCE_LIMIT} bytes")]
    TooLong,
    /// A blank at either end: two references would look the same.
    #[error("begins or ends with a blank")]
    Blank,
    /// A control, formatting or bidirectional character, or a byte order mark.
    #[error("holds a control or invisible character")]
    Control,
    /// A card number.
    #[error("holds a card number; card numbers are never stored")]
    CardNumber,
}

/// What the references of the ledger's own entries begin with, like `acquit:expiry of P-1`; an event's may not, so that no event
/// stands in the way of an expiry, a settlement or a payout.
pub const OWN: &str = "acquit:";

/// Who is said to have done what nobody did: a rule.
pub const SYSTEM: &str = "acquit";

/// Checks a caller's or acquirer's own id of a thing. It is opaque text: nothing is trimmed, folded or read as a number.
pub fn check_reference(text: &str) -> Result<(), ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::Empty);
    }
    if text.len() > REFERENCE_LIMIT {
        return Err(ReferenceError::TooLong);
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(ReferenceError::Blank);
    }
    if text.chars().any(is_invisible) {
        return Err(ReferenceError::Control);
    }
    if crate::card_number::is_in(text) {
        return Err(ReferenceError::CardNumber);
    }
    Ok(())
}

/// Control characters, zero-width and bidirectional formatting (Unicode UAX #9), soft hyphen and byte order mark.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), ReferenceError>) {
        assert_eq!(check_reference(text), expected, "{text:?}");
    }

    #[test]
    fn references_are_opaque_but_visible() {
        check("order-1001", Ok(()));
        check("주문 1001", Ok(()));
        check("00001004", Ok(()));
        check("=1+1", Ok(()));
        check("", Err(ReferenceError::Empty));
        check(&"x".repeat(129), Err(ReferenceError::TooLong));
        check("order ", Err(ReferenceError::Blank));
        check("a\0b", Err(ReferenceError::Control));
        check("a\u{202e}b", Err(ReferenceError::Control));
        check("\u{feff}a", Err(ReferenceError::Control));
        check("card 4111 1111 1111 1111", Err(ReferenceError::CardNumber));
    }
}
