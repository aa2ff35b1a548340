//! Who has to approve how much: nobody, one other, two others, two others of whom one heads finance.

use std::collections::BTreeMap;

use super::Amounts;
use super::reader::{Reader, Table};
use crate::money::{Currency, Money};

/// Up to which amounts how many approve, per currency. Currencies not listed: nothing, so that everything asks for all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ladder {
    /// Up to this nobody else.
    pub alone: Amounts,
    /// Up to this one other person.
    pub limit_a: Amounts,
    /// Up to this two others, any two; above it one of them is a finance head.
    pub limit_b: Amounts,
}

/// Who has to approve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Approval {
    /// How many others.
    pub approvers: i16,
    /// Whether one of them heads finance.
    pub by_head: bool,
}

impl Approval {
    /// One person more, or, where there are two others already, one of them a finance head, if anybody is one.
    #[must_use]
    pub fn one_more(self, is_there_head: bool) -> Self {
        match self.approvers {
            0 | 1 => Self {
                approvers: self.approvers.saturating_add(1),
                ..self
            },
            _ => Self {
                by_head: self.by_head || is_there_head,
                ..self
            },
        }
    }
}

impl Ladder {
    /// Who has to approve an amount in minor units above zero.
    pub fn of(&self, currency: Currency, amount: i64) -> Approval {
        let within = |limits: &Amounts| amount <= limits.get(&currency).map_or(0, |limit| limit.minor());
        let (approvers, by_head) = if within(&self.alone) {
            (0, false)
        } else if within(&self.limit_a) {
            (1, false)
        } else {
            (2, !within(&self.limit_b))
        };
        Approval { approvers, by_head }
    }

    /// Who has to approve sums in minor units above zero, together; nobody where there are none.
    pub fn of_sums(&self, sums: &BTreeMap<Currency, i64>) -> Approval {
        let each = sums.iter().map(|(currency, sum)| self.of(*currency, *sum));
        each.max().unwrap_or_default()
    }
}

impl<'t> Reader<'t> {
    /// The steps of a ladder, the lowest under its own name.
    pub(super) fn ladder(&mut self, table: Table<'t>, lowest: &'static str) -> Ladder {
        let ladder = Ladder {
            alone: self.amounts(table, lowest),
            limit_a: self.amounts(table, "limit_a"),
            limit_b: self.amounts(table, "limit_b"),
        };
        self.ascends(table, (lowest, &ladder.alone), ("limit_a", &ladder.limit_a));
        self.ascends(table, ("limit_a", &ladder.limit_a), ("limit_b", &ladder.limit_b));
        ladder
    }

    /// A step of the ladder is no lower than the one before it.
    fn ascends(&mut self, table: Table<'t>, (lower, low): (&str, &Amounts), (upper, high): (&str, &Amounts)) {
        let at = table
            .get(upper)
            .or_else(|| table.get(lower))
            .map_or(table.at, |(at, _)| at);
        for (currency, below) in low {
            let above = high.get(currency).copied().unwrap_or_else(|| Money::zero(*currency));
            if above.minor() < below.minor() {
                self.found(at, format!("`{upper}` of {above} is below `{lower}` of {below}"));
            }
        }
    }
}
