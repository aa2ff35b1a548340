//! Lines and items that settle each other only together: one sum against the other, to the last minor unit.
//!
//! Several lines of one item (a capture and what was reversed of it, a settlement in parts) book as one line. One line of several
//! items is divided among them by their gross amounts, largest remainder, so that each item books what it would have booked with
//! a line of its own, and the parts add up to the line.

use super::booking::{Costs, Item, Line};
use crate::money::{AmountError, Money, SplitError, split};

/// Lines of one item as one line, in the place of the first; none where there are none. All are of one batch, record type and
/// currency.
pub fn merged(lines: &[&Line]) -> Result<Option<Line>, AmountError> {
    let Some((first, rest)) = lines.split_first() else {
        return Ok(None);
    };
    let mut whole = (*first).clone();
    for line in rest {
        let plus = |left: i64, right: i64| left.checked_add(right).ok_or(AmountError::TooLarge);
        whole.ordinal = whole.ordinal.min(line.ordinal);
        whole.gross = whole.gross.plus(line.gross)?;
        whole.net = whole.net.plus(line.net)?;
        whole.costs = Costs {
            interchange: plus(whole.costs.interchange, line.costs.interchange)?,
            scheme: plus(whole.costs.scheme, line.costs.scheme)?,
            acquirer: plus(whole.costs.acquirer, line.costs.acquirer)?,
        };
        whole.tax = plus(whole.tax, line.tax)?;
        whole.reserve = plus(whole.reserve, line.reserve)?;
    }
    Ok(Some(whole))
}

/// The parts of a line that settle its items, in their order; their gross amounts add up to the line's.
pub fn divided(line: &Line, items: &[Item]) -> Result<Vec<Line>, SplitError> {
    let weights: Vec<_> = items
        .iter()
        .map(|item| ((item.book, item.number), item.gross.minor().unsigned_abs()))
        .collect();
    let parts = |whole: i64| split(whole, &weights);
    let net = parts(line.net.minor())?;
    let interchange = parts(line.costs.interchange)?;
    let scheme = parts(line.costs.scheme)?;
    let acquirer = parts(line.costs.acquirer)?;
    let tax = parts(line.tax)?;
    let reserve = parts(line.reserve)?;
    let costs = interchange
        .into_iter()
        .zip(scheme)
        .zip(acquirer)
        .map(|((interchange, scheme), acquirer)| Costs {
            interchange,
            scheme,
            acquirer,
        });
    let withheld = tax.into_iter().zip(reserve);
    Ok(items
        .iter()
        .zip(net)
        .zip(costs.zip(withheld))
        .map(|((item, net), (costs, (tax, reserve)))| Line {
            ordinal: line.ordinal,
            record: line.record,
            gross: item.gross,
            net: Money::from_minor(net, line.net.currency()),
            costs,
            tax,
            reserve,
            occurred_on: line.occurred_on,
        })
        .collect())
}
