//! Settings: the one TOML that a deployment is described by.
//!
//! A version of it is in force from its `effective_from` day until a later one begins; every version is kept whole in the
//! database. Reading refuses anything it does not know, and says where: line, column, and what to write instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rust_decimal::Decimal;

use crate::money::{Currency, Money, Rounding};

/// Amounts by currency.
pub type Amounts = BTreeMap<Currency, Money>;

/// A settings file, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The first booking date it governs.
    pub effective_from: NaiveDate,
    /// Ourselves.
    pub house: House,
    /// Acquirers by name.
    pub acquirers: BTreeMap<String, Acquirer>,
    /// Merchant fee schedules by name.
    pub fee_schedules: BTreeMap<String, FeeSchedule>,
    /// What a payout must be worth.
    pub payout: PayoutRules,
    /// Merchants by name.
    pub merchants: BTreeMap<String, Merchant>,
}

/// The payment company.
#[derive(Debug, Clone, PartialEq)]
pub struct House {
    /// Its name, as a payout's debtor.
    pub name: String,
    /// The zone whose midnight divides booking dates.
    pub time_zone: Tz,
    /// The bank account that receives settlements and pays merchants: the dimension of account 1010.
    pub bank_account: Arc<str>,
}

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
    /// The largest difference of gross amounts, per line, that is booked as rounding instead of as a break. Currencies not listed: none.
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

/// What a payout must be worth.
#[derive(Debug, Clone, PartialEq)]
pub struct PayoutRules {
    /// The smallest payout; less is carried forward. Currencies not listed: any amount above zero.
    pub minimum: Amounts,
}

/// A merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The name that events use.
    pub name: String,
    /// The name of its fee schedule.
    pub fee_schedule: String,
    /// Where its payouts go; without one, nothing is paid out.
    pub destination: Option<Destination>,
}

/// A bank account that payouts are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Whose account it is.
    pub holder: String,
    /// IBAN or account number.
    pub account: String,
    /// BIC or bank code; may be empty for an IBAN.
    pub bank: String,
}
