//! Dice: the only source of chance. Equal seeds throw equal dice, on every machine and with every later version of the
//! random number crates, since only the raw output of the generator is used.

use chrono::{Datelike, NaiveDate};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// References look like those of a payment service: capital letters and digits, none that could be mistaken for another.
const ALPHABET: &[u8; 32] = b"BCDFGHJKLMNPQRSTVWXZ223456789246";
const LETTERS: u32 = 20;

/// Four letters for a day; those of no other day within four centuries.
pub fn mark(day: NaiveDate) -> [u8; 4] {
    let mut rest = usize::try_from(day.num_days_from_ce()).unwrap_or(0);
    let letters = usize::try_from(LETTERS).unwrap_or(1);
    std::array::from_fn(|_| {
        let letter = rest.checked_rem(letters).unwrap_or(0);
        rest = rest.checked_div(letters).unwrap_or(0);
        ALPHABET[letter]
    })
}

/// A stream of chance.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of a seed; streams of one seed are independent of each other.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut bytes = [0_u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(bytes);
        generator.set_stream(stream);
        Self(generator)
    }

    /// A number from 0 to below a bound; 0 where the bound is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        let scaled = u64::from(self.0.next_u32()).saturating_mul(u64::from(bound)) >> 32;
        u32::try_from(scaled).unwrap_or(0)
    }

    /// A place in a list of so many.
    pub fn place(&mut self, length: usize) -> usize {
        let bound = u32::try_from(length).unwrap_or(u32::MAX);
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    /// A number from low to high, both included, for ranges within 32 bits.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = high.saturating_sub(low).saturating_add(1);
        low.saturating_add(i64::from(self.below(u32::try_from(width).unwrap_or(0))))
    }

    /// True so many times of so many.
    pub fn chance(&mut self, times: u32, of: u32) -> bool {
        self.below(of) < times
    }

    /// A reference of 16 characters, of which the last four give way to the mark of a day. Every fourth is a letter, so that it
    /// never holds a run of digits like a card number's.
    pub fn reference(&mut self, mark: [u8; 4]) -> String {
        let mut reference: String = (0..16_u32)
            .map(|place| {
                let choice = if place % 4 == 0 {
                    self.below(LETTERS)
                } else {
                    self.below(32)
                };
                char::from(ALPHABET[usize::try_from(choice).unwrap_or(0)])
            })
            .collect();
        reference.truncate(12);
        reference.extend(mark.map(char::from));
        reference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut dice = Dice::new(7, 0);
        let thrown: Vec<i64> = (0..1000).map(|_| dice.between(-2, 2)).collect();
        assert_eq!((thrown.iter().min(), thrown.iter().max()), (Some(&-2), Some(&2)));
        assert_eq!((dice.below(0), dice.below(1), dice.place(1)), (0, 0, 0));
    }

    #[test]
    fn streams_differ_and_seeds_repeat() {
        let reference = |seed, stream| Dice::new(seed, stream).reference(*b"BCDF");
        assert_eq!(reference(1, 0), reference(1, 0));
        assert_ne!(reference(1, 0), reference(1, 1));
        assert_ne!(reference(1, 0), reference(2, 0));
    }

    #[test]
    fn every_day_has_a_mark_of_its_own() {
        let days: Vec<NaiveDate> = NaiveDate::from_ymd_opt(2002, 1, 1)
            .expect("a day")
            .iter_days()
            .take(72_000)
            .collect();
        let marks: std::collections::BTreeSet<[u8; 4]> = days.iter().map(|day| mark(*day)).collect();
        assert_eq!(marks.len(), days.len());
    }

    #[test]
    fn references_are_accepted_as_such() {
        let mut dice = Dice::new(3, 0);
        for _ in 0..1000 {
            let reference = dice.reference(*b"BCDF");
            assert_eq!(crate::ids::check_reference(&reference), Ok(()), "{reference}");
        }
    }
}
