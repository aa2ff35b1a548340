//! Who has to approve payouts, and what exactly they approve.
//!
//! Payouts of a cut-off that are approved together are a *run*. An approval names the digest of everything that the bank and the
//! books will be told of them; where one of them comes to be another, or one more is planned, the digest is another, and what
//! was approved so far counts for nothing. The digest is that of `schema/audits/payout_approved_content.sql`, which works it out
//! from the rows.
//!
//! How many approve goes by two ladders: by the amount of each payout, and by the sum of all payouts of the cut-off in its
//! currency, those that were approved before counted in. Whoever asks for more decides. Where one of them goes to a bank account
//! that changed not long ago, one more approves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::money::{AmountError, Currency, Money};
use crate::settings::{Approval, PayoutRules};

/// A payout as it is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approvable<'a> {
    /// Its id at the bank, by which payouts of a run are ordered.
    pub end_to_end_id: &'a str,
    /// Who is paid.
    pub merchant: &'a str,
    /// What.
    pub money: Money,
    /// What it is charged for that, beside it.
    pub fee: Money,
    /// The VAT of the fee.
    pub vat: Money,
    /// Its cut-off.
    pub cutoff: NaiveDate,
    /// Holder, account and bank.
    pub destination: [&'a str; 3],
}

/// The digest of a run's payouts, in whatever order they come.
pub fn plan<'a>(payouts: impl IntoIterator<Item = Approvable<'a>>) -> [u8; 32] {
    let mut payouts: Vec<Approvable<'a>> = payouts.into_iter().collect();
    payouts.sort_unstable_by_key(|payout| payout.end_to_end_id);
    let mut digest = Sha256::new_with_prefix("payout run 1");
    let mut text = String::new();
    for payout in payouts {
        text.clear();
        let [holder, account, bank] = payout.destination;
        let [amount, fee, vat] = [payout.money, payout.fee, payout.vat].map(|money| money.minor().to_string());
        let cutoff = payout.cutoff.to_string();
        for field in [
            payout.end_to_end_id,
            payout.merchant,
            payout.money.currency().code(),
            &amount,
            &fee,
            &vat,
            &cutoff,
            holder,
            account,
            bank,
        ] {
            // Its length in bytes before it: no two lists of fields are one text. Writing into a text cannot fail.
            let _ = write!(text, "{}:{field}", field.len());
        }
        digest.update(&text);
    }
    digest.finalize().into()
}

/// How many have to approve payouts of these amounts, where those of the cut-off come to `total` together.
pub fn needed(
    rules: &PayoutRules,
    amounts: impl IntoIterator<Item = Money>,
    total: &BTreeMap<Currency, i64>,
) -> Approval {
    if rules.each.is_none() && rules.total.is_none() {
        return Approval {
            approvers: 1,
            by_head: false,
        };
    }
    let together = rules
        .total
        .as_ref()
        .map(|ladder| ladder.of_sums(total))
        .unwrap_or_default();
    let each = rules.each.as_ref().and_then(|ladder| {
        let each = amounts
            .into_iter()
            .map(|money| ladder.of(money.currency(), money.minor()));
        each.max()
    });
    together.max(each.unwrap_or_default())
}

/// Sums by currency.
pub fn sums(amounts: impl IntoIterator<Item = Money>) -> Result<BTreeMap<Currency, i64>, AmountError> {
    let mut sums = BTreeMap::new();
    for money in amounts {
        let sum: &mut i64 = sums.entry(money.currency()).or_default();
        *sum = sum.checked_add(money.minor()).ok_or(AmountError::TooLarge)?;
    }
    Ok(sums)
}

/// Why somebody may not approve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// The same person on both sides.
    #[error("{0} planned these payouts; somebody else has to approve them")]
    ByPlanner(String),
    /// The last approval, and none of them is a finance head's.
    #[error("one who approves has to be a finance head: {0}")]
    NeedsFinanceHead(String),
    /// There is none to ask.
    #[error("a finance head has to approve, and settings name none but who planned")]
    NoFinanceHead,
}

/// What is asked of those who approve a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Who planned its payouts.
    pub planners: BTreeSet<String>,
    /// How many others.
    pub approvers: i16,
    /// Of whom one has to be one, where there are any.
    pub finance_heads: Vec<String>,
}

impl Terms {
    /// What a ladder asks for.
    ///
    /// Errors: a finance head has to approve, and there is none who did not plan.
    pub fn of(needed: Approval, planners: BTreeSet<String>, heads: &BTreeSet<String>) -> Result<Self, NotApproved> {
        if needed.by_head && heads.is_subset(&planners) {
            return Err(NotApproved::NoFinanceHead);
        }
        Ok(Self {
            planners,
            approvers: needed.approvers,
            finance_heads: heads.iter().filter(|_| needed.by_head).cloned().collect(),
        })
    }

    /// Whether so many people who approved are enough.
    ///
    /// Errors: one of them planned; they would be enough, and none of them is a finance head where one has to be.
    pub fn are_met_by(&self, approved_by: &[String]) -> Result<bool, NotApproved> {
        if let Some(planner) = approved_by.iter().find(|name| self.planners.contains(*name)) {
            return Err(NotApproved::ByPlanner(planner.clone()));
        }
        if self.missing(approved_by) > 0 {
            return Ok(false);
        }
        let heads = &self.finance_heads;
        if heads.is_empty() || approved_by.iter().any(|name| heads.contains(name)) {
            return Ok(true);
        }
        Err(NotApproved::NeedsFinanceHead(heads.join(", ")))
    }

    /// How many more have to approve.
    pub fn missing(&self, approved_by: &[String]) -> i16 {
        let there = i16::try_from(approved_by.len()).unwrap_or(i16::MAX);
        self.approvers.saturating_sub(there).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Ladder;

    fn eur(minor: i64) -> Money {
        Money::from_minor(minor, Currency::parse("EUR").expect("EUR"))
    }

    fn payout(id: &'static str) -> Approvable<'static> {
        Approvable {
            end_to_end_id: id,
            merchant: "shop",
            money: eur(5_000),
            fee: eur(25),
            vat: eur(5),
            cutoff: "2026-03-03".parse().expect("a day"),
            destination: ["Shop", "DE1", ""],
        }
    }

    #[test]
    fn a_plan_is_of_its_content_and_of_nothing_else() {
        let one = payout("a");
        let other = payout("b");
        assert_eq!(plan([one, other]), plan([other, one]));
        // Worked out by hand over `payout run 1`, then length and text of every field.
        let text = "payout run 11:a4:shop3:EUR4:50002:251:510:2026-03-034:Shop3:DE10:";
        assert_eq!(plan([one]), <[u8; 32]>::from(Sha256::digest(text)));
        let changed = [
            Approvable {
                merchant: "shop2",
                ..one
            },
            Approvable {
                money: eur(5_001),
                ..one
            },
            Approvable { fee: eur(26), ..one },
            Approvable { vat: eur(6), ..one },
            Approvable {
                cutoff: "2026-03-04".parse().expect("a day"),
                ..one
            },
            Approvable {
                destination: ["Shop", "DE2", ""],
                ..one
            },
            Approvable {
                destination: ["ShopD", "E1", ""],
                ..one
            },
            Approvable {
                destination: ["Shop", "DE1", "B"],
                ..one
            },
            payout("b"),
        ];
        let mut plans: Vec<[u8; 32]> = changed.iter().map(|payout| plan([*payout])).collect();
        plans.extend([plan([one]), plan([]), plan([one, other])]);
        let distinct: BTreeSet<[u8; 32]> = plans.iter().copied().collect();
        assert_eq!(distinct.len(), plans.len());
    }

    fn ladder([alone, limit_a, limit_b]: [i64; 3]) -> Ladder {
        let limit = |minor| BTreeMap::from([(eur(0).currency(), eur(minor))]);
        Ladder {
            alone: limit(alone),
            limit_a: limit(limit_a),
            limit_b: limit(limit_b),
        }
    }

    #[track_caller]
    fn check(each: Option<[i64; 3]>, total: Option<[i64; 3]>, amounts: &[i64], expected: (i16, bool)) {
        let rules = PayoutRules {
            each: each.map(ladder),
            total: total.map(ladder),
            ..PayoutRules::default()
        };
        let sums = sums(amounts.iter().copied().map(eur)).expect("sums");
        let found = needed(&rules, amounts.iter().copied().map(eur), &sums);
        assert_eq!(
            (found.approvers, found.by_head),
            expected,
            "{each:?} {total:?} {amounts:?}"
        );
    }

    #[test]
    fn each_payout_and_their_total_ask_for_approvals() {
        let steps = Some([10, 100, 1_000]);
        check(None, None, &[1], (1, false));
        for (amount, expected) in [
            (10, (0, false)),
            (11, (1, false)),
            (100, (1, false)),
            (101, (2, false)),
            (1_000, (2, false)),
            (1_001, (2, true)),
        ] {
            check(steps, None, &[amount], expected);
            check(None, steps, &[amount], expected);
            check(steps, None, &[1, amount, 1], expected);
            // A ladder that never asks leaves it to the other one.
            check(steps, Some([5_000; 3]), &[amount], expected);
        }
        // Small ones are many together.
        check(steps, steps, &[6, 6], (1, false));
        check(steps, None, &[6, 6], (0, false));
        check(None, steps, &[600, 600], (2, true));
        check(None, steps, &[], (0, false));
    }

    #[test]
    fn sums_are_checked() {
        assert_eq!(sums([eur(i64::MAX), eur(1)]), Err(AmountError::TooLarge));
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[track_caller]
    fn check_terms(approvers: i16, by_head: bool, approved_by: &[&str], expected: Result<bool, &str>) {
        let heads = names(&["carla"]).into_iter().collect();
        let planners = names(&["ann"]).into_iter().collect();
        let terms = Terms::of(Approval { approvers, by_head }, planners, &heads).expect("terms");
        let found = terms.are_met_by(&names(approved_by)).map_err(|error| error.to_string());
        assert_eq!(
            found,
            expected.map_err(str::to_owned),
            "{approvers} {by_head} {approved_by:?}"
        );
    }

    #[test]
    fn enough_have_approved() {
        check_terms(0, false, &[], Ok(true));
        check_terms(1, false, &[], Ok(false));
        check_terms(1, false, &["bob"], Ok(true));
        check_terms(2, false, &["bob"], Ok(false));
        check_terms(2, false, &["bob", "eve"], Ok(true));
        check_terms(2, true, &["bob"], Ok(false));
        check_terms(2, true, &["bob", "carla"], Ok(true));
        check_terms(2, true, &["carla", "bob"], Ok(true));
        check_terms(
            2,
            true,
            &["bob", "eve"],
            Err("one who approves has to be a finance head: carla"),
        );
        let planner = "ann planned these payouts; somebody else has to approve them";
        check_terms(1, false, &["ann"], Err(planner));
        check_terms(2, false, &["bob", "ann"], Err(planner));
        let by_head = Approval {
            approvers: 2,
            by_head: true,
        };
        let one: BTreeSet<String> = names(&["ann"]).into_iter().collect();
        assert_eq!(Terms::of(by_head, one.clone(), &one), Err(NotApproved::NoFinanceHead));
        assert_eq!(
            Terms::of(by_head, one, &BTreeSet::new()),
            Err(NotApproved::NoFinanceHead)
        );
    }
}
