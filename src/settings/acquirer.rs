//! Acquirers and our contracts with them.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::Amounts;
use super::reader::{Reader, Table};
use crate::money::Rounding;

/// Whether an acquirer takes its fees out of each settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// Fees are taken out of each line; costs are booked from the file.
    Net,
    /// Lines settle in full; fees are invoiced later.
    Gross,
}

/// An acquirer and our contract with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Acquirer {
    /// Its name: the dimension of its accounts.
    pub name: Arc<str>,
    /// Net or gross settlement.
    pub contract: Contract,
    /// How many days after its booking date an item is expected in a settlement file, at the latest.
    pub settles_within_days: u16,
    /// The largest difference of gross amounts, per line, that is booked as rounding instead of as a break. None for currencies
    /// not listed.
    pub tolerance: Amounts,
    /// What a captured item should cost by contract; none where costs are not known beforehand.
    pub cost: Option<CostContract>,
}

/// What an acquirer should charge for a capture under a blended contract.
#[derive(Debug, Clone, PartialEq)]
pub struct CostContract {
    /// Fraction of the gross: 0.014 for 1.4 %.
    pub percentage: Decimal,
    /// Per item; currencies not listed are not checked.
    pub fixed: Amounts,
    /// How the percentage is rounded to a minor unit.
    pub rounding: Rounding,
    /// The largest difference that is not a break. Currencies not listed: none.
    pub tolerance: Amounts,
}

impl<'t> Reader<'t> {
    pub(super) fn acquirer(&mut self, table: Table<'t>, name: &str) -> Option<Acquirer> {
        self.only(table, &["name", "contract", "settles_within_days", "tolerance", "cost"]);
        let contract = self.word(table, "contract");
        let settles_within_days = self.days(table, "settles_within_days");
        let tolerance = self.amounts(table, "tolerance");
        let cost = self.optional(table, "cost", Self::cost);
        Some(Acquirer {
            name: name.into(),
            contract: contract?,
            settles_within_days: settles_within_days?,
            tolerance,
            cost: cost?,
        })
    }

    pub(super) fn cost(&mut self, table: Table<'t>) -> Option<CostContract> {
        self.only(table, &["percentage", "fixed", "rounding", "tolerance"]);
        let percentage = self.percentage(table);
        let fixed = self.required_amounts(table, "fixed");
        let rounding = self.word(table, "rounding");
        let tolerance = self.amounts(table, "tolerance");
        Some(CostContract {
            percentage: percentage?,
            fixed: fixed?,
            rounding: rounding?,
            tolerance,
        })
    }
}
