//! International bank account numbers (ISO 13616), bank identifiers (ISO 9362) and US routing numbers.

/// Whether a text is an IBAN as machines write it: country, check digits, 11 to 30 characters, no blanks, and the check of
/// ISO 7064 MOD 97-10 holds.
pub fn is_iban(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shaped = (15..=34).contains(&bytes.len())
        && bytes.iter().take(2).all(u8::is_ascii_uppercase)
        && bytes.iter().skip(2).take(2).all(u8::is_ascii_digit)
        && bytes
            .iter()
            .skip(4)
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    shaped && remainder(bytes) == Some(1)
}

/// The number that the text is, its first four characters moved to the end and letters counted from 10, modulo 97.
fn remainder(bytes: &[u8]) -> Option<u32> {
    let moved = bytes.iter().skip(4).chain(bytes.iter().take(4));
    moved
        .map(|byte| char::from(*byte).to_digit(36))
        .try_fold(0_u32, |rest, digit| {
            let digit = digit?;
            let shift = if digit > 9 { 100_u32 } else { 10 };
            rest.checked_mul(shift)?.checked_add(digit)?.checked_rem(97)
        })
}

/// Whether a text has the shape of a BIC: four characters of the party, two letters of the country, two characters of the place,
/// and three of the branch or none.
pub fn is_bic(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    matches!(bytes.len(), 8 | 11)
        && bytes.iter().all(alphanumeric)
        && bytes.iter().skip(4).take(2).all(u8::is_ascii_uppercase)
}

/// Whether a text is a US routing number: nine digits, of which the last checks the others by weights 3, 7 and 1.
pub fn is_routing_number(text: &str) -> bool {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == 9) else {
        return false;
    };
    let sum = digits
        .iter()
        .zip([3, 7, 1].iter().cycle())
        .fold(0_u32, |sum, (digit, weight)| {
            sum.saturating_add(digit.saturating_mul(*weight))
        });
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibans_are_proven_by_their_check_digits() {
        for (text, expected) in [
            ("NL91ABNA0417164300", true),
            ("DE89370400440532013000", true),
            ("BE59539007547034", false),
            ("GB82WEST12345698765432", true),
            ("NO9386011117947", true),
            ("MT84MALT011000012345MTLCAST001S", true),
            ("NL91ABNA0417164301", false),
            ("NL19ABNA0417164300", false),
            ("nl91abna0417164300", false),
            ("NL91 ABNA 0417 1643 00", false),
            ("NL91", false),
            ("", false),
            ("４２11111111111111", false),
        ] {
            assert_eq!(is_iban(text), expected, "{text}");
        }
    }

    #[test]
    fn bics_have_a_shape() {
        for (text, expected) in [
            ("ABNANL2A", true),
            ("ABNANL2AXXX", true),
            ("COBADEFFXXX", true),
            ("ABNA1L2A", false),
            ("ABNANL2AX", false),
            ("abnanl2a", false),
            ("", false),
        ] {
            assert_eq!(is_bic(text), expected, "{text}");
        }
    }

    #[test]
    fn routing_numbers_have_a_check_digit() {
        for (text, expected) in [
            ("231380104", true),
            ("031300012", true),
            ("121042882", true),
            ("231380105", false),
            ("000000000", false),
            ("23138010", false),
            ("23138010x", false),
        ] {
            assert_eq!(is_routing_number(text), expected, "{text}");
        }
    }
}
