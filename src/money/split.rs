//! Splits of a whole number of minor units by weights.
//!
//! Largest remainder: everyone gets the whole part of an exact share, and what is left goes, one unit each, to those with the
//! largest remainders. Equal remainders are told apart by the beneficiaries' keys, so the order of the list does not matter.
//! The parts always add up to the whole.

use super::AmountError;

/// Why a whole cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Nobody to give it to: no weights, or all of them zero.
    #[error("there is no weight to split by")]
    NoWeight,
    /// What is to be split, or a part of it, is too large.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// One beneficiary while the remainders are compared.
struct Share {
    place: usize,
    whole: u128,
    remainder: u128,
}

/// The parts of a whole, in the order of `weights`; each weight has a stable key, like an account's. A negative whole is split
/// as the positive one is, with the signs turned.
pub fn split<K: Ord>(whole: i64, weights: &[(K, u64)]) -> Result<Vec<i64>, SplitError> {
    let total = weights
        .iter()
        .try_fold(0_u128, |sum, (_, weight)| sum.checked_add(u128::from(*weight)));
    // 2^64 weights of 64 bits would be needed to pass 128 bits.
    let total = total.filter(|total| *total > 0).ok_or(SplitError::NoWeight)?;
    let magnitude = u128::from(whole.unsigned_abs());
    let mut shares = Vec::with_capacity(weights.len());
    let mut left = magnitude;
    for (place, (_, weight)) in weights.iter().enumerate() {
        // 2^63 times 2^64 still fits, and the total is not zero.
        let exact = magnitude.saturating_mul(u128::from(*weight));
        let share = Share {
            place,
            whole: exact.checked_div(total).unwrap_or(0),
            remainder: exact.checked_rem(total).unwrap_or(0),
        };
        left = left.saturating_sub(share.whole);
        shares.push(share);
    }
    shares.sort_by(|one, other| {
        let by_key = || weights.get(one.place).cmp(&weights.get(other.place));
        other.remainder.cmp(&one.remainder).then_with(by_key)
    });
    let mut parts = vec![0_i64; weights.len()];
    for share in shares {
        let extra = u128::from(left > 0);
        left = left.saturating_sub(extra);
        if let Some(part) = parts.get_mut(share.place) {
            *part = signed(share.whole.saturating_add(extra), whole < 0);
        }
    }
    Ok(parts)
}

/// A part is never larger than the whole, so it fits.
fn signed(magnitude: u128, negative: bool) -> i64 {
    let part = i128::try_from(magnitude).unwrap_or(i128::MAX);
    let part = if negative { part.saturating_neg() } else { part };
    i64::try_from(part).unwrap_or(if negative { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test that overflows fails, as it should"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::{Currency, Money};

    #[track_caller]
    fn check(whole: i64, weights: &[(&str, u64)], expected: &[i64]) {
        assert_eq!(split(whole, weights).as_deref(), Ok(expected), "{whole} by {weights:?}");
        let turned: Vec<_> = weights.iter().rev().copied().collect();
        let mut parts = split(whole, &turned).expect("parts");
        parts.reverse();
        assert_eq!(parts, expected, "{whole} by {turned:?}");
    }

    #[test]
    fn the_largest_remainders_get_what_is_left() {
        // 5 by 70 : 30 is 3.5 and 1.5: the tie goes to the smaller key, wherever it stands.
        check(5, &[("a", 70), ("b", 30)], &[4, 1]);
        check(5, &[("b", 70), ("a", 30)], &[3, 2]);
        check(100, &[("a", 1), ("b", 1), ("c", 1)], &[34, 33, 33]);
        check(-100, &[("a", 1), ("b", 1), ("c", 1)], &[-34, -33, -33]);
        check(10, &[("a", 0), ("b", 3), ("c", 0)], &[0, 10, 0]);
        check(0, &[("a", 1), ("b", 2)], &[0, 0]);
        check(1, &[("a", 1), ("b", 2)], &[0, 1]);
        check(i64::MAX, &[("a", u64::MAX)], &[i64::MAX]);
        check(i64::MIN, &[("a", u64::MAX), ("b", 0)], &[i64::MIN, 0]);
        let third = i64::MAX / 3;
        check(
            i64::MAX,
            &[("a", u64::MAX), ("b", u64::MAX), ("c", u64::MAX)],
            &[third + 1, third, third],
        );
    }

    #[test]
    fn without_weight_there_is_no_split() {
        assert_eq!(split::<u8>(5, &[]), Err(SplitError::NoWeight));
        assert_eq!(split(5, &[("a", 0)]), Err(SplitError::NoWeight));
    }

    proptest! {
        #[test]
        fn parts_add_up_and_do_not_know_their_order(
            whole in any::<i64>(),
            weights in prop::collection::vec((0..6_u8, prop_oneof![0..10_u64, any::<u64>()]), 1..12),
            seed in any::<u64>(),
        ) {
            prop_assume!(weights.iter().any(|(_, weight)| *weight > 0));
            let parts = split(whole, &weights).expect("parts");
            let sum: i128 = parts.iter().map(|part| i128::from(*part)).sum();
            prop_assert_eq!(sum, i128::from(whole));
            let total: i128 = weights.iter().map(|(_, weight)| i128::from(*weight)).sum();
            for (part, (_, weight)) in parts.iter().zip(&weights) {
                // Less than one unit from the exact share: |part x total - whole x weight| < total.
                let bound = i128::from(*part).checked_mul(total);
                let exact = i128::from(whole).checked_mul(i128::from(*weight));
                if let (Some(bound), Some(exact)) = (bound, exact) {
                    prop_assert!((bound - exact).abs() < total);
                }
            }
            let mut shuffled: Vec<usize> = (0..weights.len()).collect();
            shuffled.sort_by_key(|place| (*place as u64 + 1).wrapping_mul(seed | 1));
            let moved: Vec<_> = shuffled.iter().map(|place| weights[*place]).collect();
            let again = split(whole, &moved).expect("parts");
            let keyed = |weights: &[(u8, u64)], parts: &[i64]| {
                let mut keyed: Vec<_> = weights.iter().copied().zip(parts.iter().copied()).collect();
                keyed.sort();
                keyed
            };
            prop_assert_eq!(keyed(&weights, &parts), keyed(&moved, &again));
        }

        #[test]
        fn a_split_is_whole_in_every_exponent(major in 0..1_000_000_u32, weights in prop::collection::vec(1..100_u64, 1..9)) {
            for code in ["JPY", "EUR", "KWD", "CLF"] {
                let currency = Currency::parse(code).expect("a currency");
                let whole = Money::parse(&major.to_string(), currency).expect("an amount");
                let keyed: Vec<_> = weights.iter().copied().enumerate().collect();
                let parts = split(whole.minor(), &keyed).expect("parts");
                let back = parts.iter().try_fold(Money::zero(currency), |sum, part| {
                    sum.plus(Money::from_minor(*part, currency))
                });
                prop_assert_eq!(back, Ok(whole));
            }
        }
    }
}
