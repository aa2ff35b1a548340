//! Which entries of a statement tell of sweeps between accounts of the house that are on the books already, by the statement of
//! the other account.
//!
//! A sweep is on two statements, and whichever comes first books it. The other one's entry has the same amount, within
//! [`WINDOW`](super::receipts::WINDOW) weekdays. Several of one amount are alike, between the same two accounts: they are paired
//! in the order of their days, and whichever was which, the books are the same.

use chrono::NaiveDate;

use super::receipts::is_near;
use crate::dates::is_weekday;

/// One side of a sweep: what the account of the statement gets, in minor units, and the day from which it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Side {
    /// Negative leaves the account.
    pub amount: i64,
    /// The day.
    pub on: NaiveDate,
}

/// For each entry the place of the sweep that it tells of, if that is on the books.
pub fn pair(entries: &[Side], booked: &[Side]) -> Vec<Option<usize>> {
    let sorted = |sides: &[Side]| {
        let mut sorted: Vec<(Side, usize)> = sides.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        sorted
    };
    let mut pairs = vec![None; entries.len()];
    let mut booked = sorted(booked).into_iter().peekable();
    for (entry, place) in sorted(entries) {
        // What is left behind is too early for this entry, and so for every later one.
        let is_behind = |(side, _): &(Side, usize)| *side < entry && !fits(entry, *side);
        while booked.next_if(is_behind).is_some() {}
        if let Some((_, of)) = booked.next_if(|(side, _)| fits(entry, *side))
            && let Some(pair) = pairs.get_mut(place)
        {
            *pair = Some(of);
        }
    }
    pairs
}

fn fits(entry: Side, booked: Side) -> bool {
    entry.amount == booked.amount && is_near(entry.on, booked.on, &is_weekday)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn side(amount: i64, day: u32) -> Side {
        let on = NaiveDate::from_ymd_opt(2026, 3, day).expect("a day");
        Side { amount, on }
    }

    #[test]
    fn sweeps_of_one_amount_are_paired_in_the_order_of_their_days() {
        let booked = [side(-500, 4), side(-500, 2), side(500, 2), side(-700, 2)];
        let entries = [side(-500, 3), side(-700, 6), side(-500, 2), side(-500, 20)];
        assert_eq!(pair(&entries, &booked), [Some(0), None, Some(1), None]);
        assert_eq!(pair(&[], &booked), []);
        assert_eq!(pair(&entries, &[]), [None; 4]);
    }

    proptest! {
        #[test]
        fn as_many_are_paired_as_can_be(
            entries in prop::collection::vec((0_i64..3, 1_u32..20), 0..7),
            booked in prop::collection::vec((0_i64..3, 1_u32..20), 0..7),
        ) {
            let sides = |of: &[(i64, u32)]| of.iter().map(|(amount, day)| side(*amount, *day)).collect::<Vec<_>>();
            let (entries, booked) = (sides(&entries), sides(&booked));
            let pairs = pair(&entries, &booked);
            let mut used: Vec<usize> = pairs.iter().flatten().copied().collect();
            for (entry, of) in entries.iter().zip(&pairs) {
                if let Some(of) = of {
                    prop_assert!(fits(*entry, booked[*of]));
                }
            }
            let count = used.len();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), count);
            prop_assert_eq!(count, most(&entries, &booked));
        }
    }

    /// How many pairs there can be, by trying all.
    fn most(entries: &[Side], booked: &[Side]) -> usize {
        let Some((first, rest)) = entries.split_first() else {
            return 0;
        };
        let with = (0..booked.len())
            .filter(|place| fits(*first, booked[*place]))
            .map(|place| {
                let mut left = booked.to_vec();
                left.remove(place);
                most(rest, &left).saturating_add(1)
            });
        with.chain([most(rest, booked)]).max().unwrap_or(0)
    }
}
