//! Disputes and what they cost, which are rows of their own: one line of both, as other acquirers report them.
//!
//! Rows of a section may come in any order, so both are held back until it ends. A fee is of the one dispute of the section that it
//! names, by the transaction of the dispute or that of the payment; one that names none, or several, stays a fee by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::acquirer::{RecordType, SettlementLine};
use crate::money::{Currency, Money};

/// The event code of a dispute's fee.
const FEE: &str = "T0106";

/// The disputes of a section, and fees that may be of them, until it ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Disputes {
    disputes: Vec<SettlementLine>,
    fees: Vec<SettlementLine>,
}

impl Disputes {
    /// Holds a line back that may be one side; gives any other back.
    pub(super) fn hold(&mut self, line: SettlementLine) -> Option<SettlementLine> {
        if line.record == RecordType::Chargeback {
            self.disputes.push(line);
        } else if line.record == RecordType::BatchFee && line.type_text == FEE {
            self.fees.push(line);
        } else {
            return Some(line);
        }
        None
    }

    /// How many are held back.
    pub(super) fn held(&self) -> usize {
        self.disputes.len().saturating_add(self.fees.len())
    }

    /// All of them, each dispute with its fees.
    pub(super) fn take(&mut self) -> Vec<SettlementLine> {
        let mut lines = std::mem::take(&mut self.disputes);
        let mut by_name: BTreeMap<(String, Currency), BTreeSet<usize>> = BTreeMap::new();
        for (place, line) in lines.iter().enumerate() {
            for name in [&line.acquirer_reference, &line.original_reference]
                .into_iter()
                .flatten()
            {
                let named = by_name.entry((name.clone(), line.net.currency())).or_default();
                named.insert(place);
            }
        }
        for fee in std::mem::take(&mut self.fees) {
            let name = fee.original_reference.clone().map(|name| (name, fee.net.currency()));
            let named = name.and_then(|name| by_name.get(&name));
            let of = named.filter(|places| places.len() == 1).and_then(BTreeSet::first);
            match of
                .and_then(|place| lines.get_mut(*place))
                .and_then(|line| with_fee(line, &fee))
            {
                Some(()) => {}
                None => lines.push(fee),
            }
        }
        lines
    }
}

/// Adds a fee to what a dispute costs; none where the amounts are too large, and nothing is added.
fn with_fee(line: &mut SettlementLine, fee: &SettlementLine) -> Option<()> {
    let net = line.net.minor().checked_add(fee.net.minor())?;
    let commission = line.commission.checked_sub(fee.net.minor())?;
    line.net = Money::from_minor(net, line.net.currency());
    line.commission = commission;
    line.raw = format!("{}\n{}", line.raw, fee.raw);
    Some(())
}
