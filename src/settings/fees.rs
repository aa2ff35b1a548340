//! Merchant fee schedules.

use rust_decimal::Decimal;

use super::Amounts;
use super::reader::{Reader, Table};
use crate::money::Rounding;

/// A blended merchant fee: a percentage of the capture plus a fixed amount.
#[derive(Debug, Clone, PartialEq)]
pub struct FeeSchedule {
    /// Its name.
    pub name: String,
    /// Fraction of the gross: 0.029 for 2.9 %.
    pub percentage: Decimal,
    /// Per capture, for each currency that the schedule prices; a capture in any other is refused.
    pub fixed: Amounts,
    /// How the percentage is rounded to a minor unit.
    pub rounding: Rounding,
}

impl<'t> Reader<'t> {
    pub(super) fn fee_schedule(&mut self, table: Table<'t>, name: &str) -> Option<FeeSchedule> {
        self.only(table, &["name", "percentage", "fixed", "rounding"]);
        let percentage = self.percentage(table);
        let fixed = self.required_amounts(table, "fixed");
        let rounding = self.word(table, "rounding");
        Some(FeeSchedule {
            name: name.to_owned(),
            percentage: percentage?,
            fixed: fixed?,
            rounding: rounding?,
        })
    }
}
