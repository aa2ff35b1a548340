//! CSV that a spreadsheet shows as it is.

use std::borrow::Cow;

/// A text cell that no spreadsheet runs as a formula: one that begins with `= + - @`, a tab, a line break or NUL gets a
/// leading apostrophe (OWASP ASVS 5.0, 1.2.10); card numbers are masked.
pub fn neutralised(text: &str) -> Cow<'_, str> {
    let masked = crate::card_number::mask(text);
    if masked.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '\'']) {
        Cow::Owned(format!("'{masked}"))
    } else {
        masked
    }
}
