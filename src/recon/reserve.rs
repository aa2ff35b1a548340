//! What an acquirer withholds of a batch as reserve, held to its contract.
//!
//! A contract says which part of the gross of every capture is withheld, and not when it comes back: what rows release is not
//! held to it. A row withholds for itself or for the batch, so both are compared as sums of the batch, and half a minor unit of
//! each capture is rounding. What is booked is what the file says (1120).

use rust_decimal::Decimal;

use crate::acquirer::RecordType;
use crate::money::{AmountError, Rounding};

/// What rows of a batch come to, minor units of its net currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Withheld {
    /// How many captures.
    pub captures: i64,
    /// Σ of them, before anything is taken of it.
    pub captured: i64,
    /// Σ of what rows withhold.
    pub withheld: i64,
}

impl Withheld {
    /// Adds a row: what it is of before anything is taken of it, and what it withholds.
    pub fn add(&mut self, record: RecordType, before: i64, reserve: i64) -> Result<(), AmountError> {
        let plus = |sum: i64, more: i64| sum.checked_add(more).ok_or(AmountError::TooLarge);
        if record == RecordType::Capture {
            self.captures = plus(self.captures, 1)?;
            self.captured = plus(self.captured, before)?;
        }
        // A row of the batch may have what it withholds in its net alone.
        let of_batch = if record == RecordType::Reserve { before } else { 0 };
        let kept = reserve.checked_sub(of_batch).ok_or(AmountError::TooLarge)?;
        self.withheld = plus(self.withheld, kept.max(0))?;
        Ok(())
    }

    /// What is withheld by contract and by the file, where that differs.
    pub fn differs(self, fraction: Decimal) -> Result<Option<(i64, i64)>, AmountError> {
        let too_large = || AmountError::TooLarge;
        let exact = Decimal::from(self.captured)
            .checked_mul(fraction)
            .ok_or_else(too_large)?;
        let off = Decimal::from(self.withheld)
            .checked_sub(exact)
            .ok_or_else(too_large)?
            .abs();
        let halves = off.checked_mul(Decimal::TWO).ok_or_else(too_large)?;
        let differs = halves > Decimal::from(self.captures.max(1));
        let expected = Rounding::HalfEven.round(exact)?;
        Ok(differs.then_some((expected, self.withheld)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of gross and reserve; a gross of nothing is a row of the batch.
    #[track_caller]
    fn check(rows: &[(i64, i64)], percent: i64, expected: Option<(i64, i64)>) {
        let mut withheld = Withheld::default();
        for (gross, reserve) in rows {
            let record = match gross.signum() {
                0 => RecordType::Reserve,
                1 => RecordType::Capture,
                _ => RecordType::Refund,
            };
            withheld.add(record, *gross, *reserve).expect("an amount");
        }
        assert_eq!(
            withheld.differs(Decimal::new(percent, 2)).expect("an amount"),
            expected,
            "{rows:?}"
        );
    }

    #[test]
    fn a_batch_withholds_what_the_contract_says_of_its_captures() {
        // 5 % of 100.00 and 30.30: 6.515, each row rounded for itself.
        check(&[(10_000, 500), (3_030, 152)], 5, None);
        check(&[(10_000, 500), (3_030, 151)], 5, None);
        check(&[(10_000, 500), (3_030, 150)], 5, Some((652, 650)));
        check(&[(10_000, 501), (3_030, 153)], 5, Some((652, 654)));
        // The same in one row of the batch; what is released, and refunds, are beside it.
        check(&[(10_000, 0), (3_030, 0), (0, 652)], 5, None);
        check(&[(10_000, 0), (3_030, 0), (0, 652), (0, -900), (-2_000, -100)], 5, None);
        check(&[(10_000, 0), (3_030, 0)], 5, Some((652, 0)));
        // A row of the batch that says it by its net.
        let mut by_net = Withheld::default();
        for (record, before) in [
            (RecordType::Capture, 10_000),
            (RecordType::Reserve, -600),
            (RecordType::Reserve, 900),
        ] {
            by_net.add(record, before, 0).expect("an amount");
        }
        let differs = by_net.differs(Decimal::new(5, 2)).expect("an amount");
        assert_eq!(differs, Some((500, 600)));
        // None may be withheld.
        check(&[(10_000, 0)], 0, None);
        check(&[(10_000, 1)], 0, Some((0, 1)));
        check(&[(0, 500)], 0, Some((0, 500)));
    }
}
