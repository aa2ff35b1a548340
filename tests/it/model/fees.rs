//! What the model charges, in integers.

use std::fmt::Write;

use super::world::{Amounts, amounts, percentage};

/// A fee schedule.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    pub name: &'static str,
    /// Parts per million of the gross.
    pub per_million: i64,
    pub rounding: &'static str,
    /// Currencies that are not listed are not priced.
    pub fixed: Amounts,
}

/// One thing that is charged: account, minor units, VAT.
pub type Charge = (i16, i64, i64);

impl Schedule {
    pub fn write(&self, text: &mut String) {
        writeln!(
            text,
            "[[fee_schedule]]\nname = \"{}\"\npercentage = \"{}\"\nfixed = {}\nrounding = \"{}\"",
            self.name,
            percentage(self.per_million),
            amounts(&self.fixed),
            self.rounding
        )
        .expect("text");
    }

    /// What a capture costs.
    pub fn capture(&self, amount: i64, code: &str) -> Result<Vec<Charge>, &'static str> {
        let fixed = self.fixed.get(code).ok_or("currency_not_priced")?;
        let share = rounded(
            i128::from(amount) * i128::from(self.per_million),
            1_000_000,
            self.rounding,
        );
        Ok(vec![(4010, share, 0), (4020, *fixed, 0)])
    }
}

/// A fraction of integers, neither negative, as a whole number.
pub fn rounded(numerator: i128, denominator: i128, rounding: &str) -> i64 {
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    let up = match rounding {
        "down" => false,
        "up" => rest > 0,
        "half_up" => rest * 2 >= denominator,
        _ => rest * 2 > denominator || (rest * 2 == denominator && whole % 2 == 1),
    };
    i64::try_from(whole + i128::from(up)).expect("a fee")
}
