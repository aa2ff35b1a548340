//! Finds card numbers where none belong, so that they are refused at the door and masked in every output.
//!
//! A card number (PAN) here is a run of 13 to 19 digits, spaces or hyphens between them allowed, that begins like an
//! issued one (ISO/IEC 7812 major industry digits 2 to 6 as the schemes use them) and passes the Luhn check. A longer run,
//! like the 23 digits of an acquirer reference number, is none.

use std::borrow::Cow;
use std::ops::Range;

/// Whether a text holds a card number.
pub fn is_in(text: &str) -> bool {
    has_enough_digits(text) && find(text, &digit_groups(text)).is_some()
}

/// The text with every card number cut down to its first six and last four digits.
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    // What is left of a number may be one together with the digits before it, which were too many with all of it.
    while let Some(further) = mask_once(&masked) {
        masked = Cow::Owned(further);
    }
    masked
}

/// The text with the card numbers masked that are in it as it stands; none where there is none.
fn mask_once(text: &str) -> Option<String> {
    if !has_enough_digits(text) {
        return None;
    }
    let groups = digit_groups(text);
    let mut rest = &groups[..];
    let mut masked: Option<String> = None;
    while let Some(range) = find(text, rest) {
        let after = rest.partition_point(|group| group.start < range.end);
        rest = &rest[after..];
        let hidden = hide(&text[range.clone()]);
        masked
            .get_or_insert_with(|| text.to_owned())
            .replace_range(range, &hidden);
    }
    masked
}

/// A card number with the digits hidden between its first six and its last four.
fn hide(number: &str) -> String {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let mut seen = 0_usize;
    let hide = |c: char| {
        if !c.is_ascii_digit() {
            return c;
        }
        seen = seen.saturating_add(1);
        if seen <= 6 || seen.saturating_add(4) > digits {
            c
        } else {
            '*'
        }
    };
    number.chars().map(hide).collect()
}

/// A text made fit for an error message: masked, control characters escaped, cut to so many characters.
pub fn shorten(text: &str, limit: usize) -> String {
    // Masking first: a cut number would no longer be recognised as one. Only so much is looked at, since a field may be huge.
    let head: String = text.chars().take(limit.saturating_add(64)).collect();
    let masked: String = mask(&head).chars().take(limit).collect();
    // A longer run of digits is no card number, and what is cut off it may look like one.
    let mut short: String = mask(&masked).chars().flat_map(char::escape_debug).collect();
    if text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short
}

/// Whether a text has digits enough for a card number: nearly none has.
fn has_enough_digits(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() >= 13
}

/// The first card number of these groups of digits. Groups (`4111 1111 1111 1111`) are tried in every window of whole ones, so
/// that a date or another number beside a card number does not hide it.
fn find(text: &str, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut digits: Vec<u8> = Vec::with_capacity(20);
    for (first, group) in groups.iter().enumerate() {
        if !matches!(bytes.get(group.start), Some(b'2'..=b'6')) {
            continue;
        }
        digits.clear();
        let mut end = group.start;
        for next in &groups[first..] {
            let joined = match bytes.get(end..next.start) {
                Some([]) => next.start == group.start,
                Some([b' ' | b'-']) => true,
                _ => false,
            };
            if !joined || digits.len().saturating_add(next.len()) > 19 {
                break;
            }
            digits.extend(bytes[next.clone()].iter().map(|byte| byte.wrapping_sub(b'0')));
            end = next.end;
            if looks_issued(&digits) && passes_luhn(&digits) {
                return Some(group.start..end);
            }
        }
    }
    None
}

fn digit_groups(text: &str) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match groups.last_mut() {
            Some(last) if last.end == at => last.end = at.saturating_add(1),
            _ => groups.push(at..at.saturating_add(1)),
        }
    }
    groups
}

fn looks_issued(digits: &[u8]) -> bool {
    (13..=19).contains(&digits.len())
        && matches!(
            digits,
            [2, 2..=7, ..] | [3, 0 | 4 | 5..=9, ..] | [4 | 6, ..] | [5, 0..=9, ..]
        )
}

/// The check of ISO/IEC 7812-1, annex B.
fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let digit = u32::from(digit);
            match place % 2 {
                1 if digit > 4 => digit.saturating_mul(2).saturating_sub(9),
                1 => digit.saturating_mul(2),
                _ => digit,
            }
        })
        .fold(0, u32::saturating_add);
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, masked: &str) {
        assert_eq!(mask(text), masked);
        assert_eq!(is_in(text), text != masked);
    }

    #[test]
    fn card_numbers_are_masked_and_nothing_else_is() {
        check("4111111111111111", "411111******1111");
        check("order 4111 1111 1111 1111!", "order 4111 11** **** 1111!");
        check(
            "x5555-5555-5555-4444 378282246310005",
            "x5555-55**-****-4444 378282*****0005",
        );
        check("4111111111111112", "4111111111111112");
        check("8816178914079701", "8816178914079701");
        check("74027500000000000000001", "74027500000000000000001");
        check("2026-11-20 4111111111111111 7", "2026-11-20 411111******1111 7");
        // Nine digits and seventeen are too many for one number; what is left of the seventeen makes one with the nine.
        check("230444444-44444444444444444", "230444***-**4444*******4444");
        check("", "");
        check("Grüße 12", "Grüße 12");
    }

    #[test]
    fn an_error_message_never_holds_a_card_number() {
        assert_eq!(shorten("4111111111111111", 8), "411111**…");
        // Twenty digits are no card number, and what is left of them must not look like one.
        assert_eq!(shorten("41111111111111112222", 16), "411111******1111…");
        assert_eq!(shorten("a\0b", 8), "a\\0b");
    }
}
