//! Which lines of a file share what they are matched by, in as much memory for any file.

use std::hash::{BuildHasher, RandomState};

/// Which keys of the first pass (acquirer's reference, record type, currency) more than one line of a file has. It may say so of
/// one that a single line has, never the other way, and is as large for any file: two places for each key, two bits each.
pub(super) struct Keys {
    hasher: RandomState,
    once: Vec<u64>,
    twice: Vec<u64>,
}

impl Keys {
    /// Twice 8 MB, of which a small file touches few pages. Of a million lines one in a thousand is wrongly said to share its key.
    const BITS: u64 = 1 << 26;

    /// Of no line.
    pub(super) fn new() -> Self {
        let words = usize::try_from(Self::BITS / 64).unwrap_or_default();
        Self {
            hasher: RandomState::new(),
            once: vec![0; words],
            twice: vec![0; words],
        }
    }

    fn places(&self, reference: &str, record: i16, currency: &str) -> [(usize, u64); 2] {
        let hash = self.hasher.hash_one((reference, record, currency));
        [hash, hash >> 32].map(|half| {
            let bit = half % Self::BITS;
            (usize::try_from(bit / 64).unwrap_or_default(), 1 << (bit % 64))
        })
    }

    /// Adds the key of one more line.
    pub(super) fn add(&mut self, reference: &str, record: i16, currency: &str) {
        for (word, bit) in self.places(reference, record, currency) {
            if let (Some(once), Some(twice)) = (self.once.get_mut(word), self.twice.get_mut(word)) {
                // Most are new: the other half of the memory is then not touched.
                if *once & bit != 0 {
                    *twice |= bit;
                }
                *once |= bit;
            }
        }
    }

    /// Whether more than one line has this key.
    pub(super) fn is_shared(&self, reference: &str, record: i16, currency: &str) -> bool {
        self.places(reference, record, currency)
            .iter()
            .all(|(word, bit)| self.twice.get(*word).is_some_and(|bits| bits & bit != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_never_missed_and_seldom_said_wrongly() {
        let mut keys = Keys::new();
        let reference = |number: u32| format!("8815658961{number:06}");
        for number in 0..100_000 {
            keys.add(&reference(number), 1, "EUR");
            if number % 1_000 == 0 {
                keys.add(&reference(number), 1, "EUR");
            }
            // Alike but for the record type, and but for the currency.
            if number % 1_000 == 1 {
                keys.add(&reference(number), 2, "EUR");
                keys.add(&reference(number), 1, "USD");
            }
        }
        let shared = |number: &u32| keys.is_shared(&reference(*number), 1, "EUR");
        assert!((0..100_000).step_by(1_000).all(|number| shared(&number)));
        let wrongly = (0..100_000).filter(|number| number % 1_000 != 0).filter(shared).count();
        assert!(wrongly < 20, "{wrongly}");
    }
}
