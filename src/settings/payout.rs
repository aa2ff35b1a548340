//! Payouts: what one must be worth, and who approves them.

use super::Amounts;
use super::ladder::Ladder;
use super::reader::{Reader, Table};

/// For how many days nothing is sent to a changed bank account, where settings do not say.
const COOLING_OFF_DAYS: u16 = 3;

/// What becomes of the fee of a payout that came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnedFee {
    /// The merchant gets it back, with its VAT: the payout is as if it had not been.
    #[default]
    GivenBack,
    /// It stays charged.
    Kept,
}

/// What settings say of payouts.
#[derive(Debug, Clone, PartialEq)]
pub struct PayoutRules {
    /// The smallest payout; less is carried forward. Currencies not listed: any amount above zero.
    pub minimum: Amounts,
    /// For how many days after a merchant's bank account changes nothing is sent to it.
    pub cooling_off_days: u16,
    /// What becomes of the fee of one that came back.
    pub returned_fee: ReturnedFee,
    /// Who approves, by the amount of each payout; none where only the total counts.
    pub each: Option<Ladder>,
    /// Who approves, by the sum of all payouts of a cut-off in a currency; none where only each of them counts.
    /// Without any ladder one other person approves everything.
    pub total: Option<Ladder>,
}

impl Default for PayoutRules {
    fn default() -> Self {
        Self {
            minimum: Amounts::new(),
            cooling_off_days: COOLING_OFF_DAYS,
            returned_fee: ReturnedFee::default(),
            each: None,
            total: None,
        }
    }
}

impl<'t> Reader<'t> {
    pub(super) fn payout(&mut self, table: Table<'t>) -> Option<PayoutRules> {
        self.only(table, &["minimum", "cooling_off_days", "returned_fee", "each", "total"]);
        let minimum = self.amounts(table, "minimum");
        let cooling_off_days = match table.get("cooling_off_days") {
            None => Some(COOLING_OFF_DAYS),
            Some(_) => self.days(table, "cooling_off_days"),
        };
        let returned_fee = self.optional_word(table, "returned_fee");
        let each = self.optional(table, "each", Self::payout_ladder);
        let total = self.optional(table, "total", Self::payout_ladder);
        Some(PayoutRules {
            minimum,
            cooling_off_days: cooling_off_days?,
            returned_fee: returned_fee?.unwrap_or_default(),
            each: each?,
            total: total?,
        })
    }

    fn payout_ladder(&mut self, table: Table<'t>) -> Option<Ladder> {
        self.only(table, &["alone", "limit_a", "limit_b"]);
        Some(self.ladder(table, "alone"))
    }
}
