//! Lines and items that settle each other only together: one sum against the other, to the last minor unit.
//!
//! Several lines of one item (a capture and what was reversed of it, a settlement in parts) book as one line, in each batch that
//! they are of: the item is divided among batches by their gross amounts, and priced once. One line of several items is divided
//! among them by their gross amounts, largest remainder, so that each item books what it would have booked with a line of its own,
//! and the parts add up to the line.

use std::sync::Arc;

use super::booking::{Costs, Difference, Item, Line, Settled, converted_gross};
use crate::money::{AmountError, Money, SplitError, split};

/// Lines of one item as one line, in the place and of the day of the first; none where there are none. All are of one record type
/// and currency.
pub fn merged(lines: &[&Line]) -> Result<Option<Line>, AmountError> {
    let Some((first, rest)) = lines.split_first() else {
        return Ok(None);
    };
    let mut whole = (*first).clone();
    for line in rest {
        let plus = |left: i64, right: i64| left.checked_add(right).ok_or(AmountError::TooLarge);
        whole.ordinal = whole.ordinal.min(line.ordinal);
        whole.occurred_on = whole.occurred_on.min(line.occurred_on);
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

/// The parts of a line that settle its items, in their order; their gross amounts add up to the line's. Costs are divided by what
/// of them is booked already, where something is.
pub fn divided(line: &Line, items: &[Item]) -> Result<Vec<Line>, SplitError> {
    let weights = |of: fn(&Item) -> u64| -> Vec<_> {
        let weigh = |item: &Item| ((item.book, item.number), of(item));
        items.iter().map(weigh).collect()
    };
    let by_gross = weights(|item| item.gross.minor().unsigned_abs());
    let booked = weights(|item| item.cost.unsigned_abs());
    let by_cost = match booked.iter().any(|(_, cost)| *cost > 0) {
        true => &booked,
        false => &by_gross,
    };
    let converted = converted_gross(line)?;
    let converted = split(converted.minor(), &by_gross)?;
    let interchange = split(line.costs.interchange, by_cost)?;
    let scheme = split(line.costs.scheme, by_cost)?;
    let acquirer = split(line.costs.acquirer, by_cost)?;
    let tax = split(line.tax, by_cost)?;
    let reserve = split(line.reserve, &by_gross)?;
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
    items
        .iter()
        .zip(converted)
        .zip(costs.zip(withheld))
        .map(|((item, converted), (costs, (tax, reserve)))| {
            let taken = [costs.total(), tax, reserve];
            let net = taken.into_iter().try_fold(converted, |left, taken| {
                left.checked_sub(taken).ok_or(AmountError::TooLarge)
            })?;
            Ok(Line {
                ordinal: line.ordinal,
                record: line.record,
                gross: item.gross,
                net: Money::from_minor(net, line.net.currency()),
                costs,
                tax,
                reserve,
                occurred_on: line.occurred_on,
            })
        })
        .collect()
}

/// The item that a line of several is priced by: one of which the ledger has the cost, since that is no price of a contract; else
/// the first.
pub fn priced_by(items: &[Item]) -> Option<&Item> {
    items.iter().find(|item| item.cost != 0).or(items.first())
}

/// How the costs of a line differ from those that the ledger has of its items already, of all together; nothing where no item's do.
pub fn costs_differ<'a>(
    line: &Line,
    parts: impl IntoIterator<Item = (&'a Item, &'a Settled)>,
) -> Result<Option<Difference>, AmountError> {
    let (mut expected, mut is_off) = (0_i64, false);
    for (item, settled) in parts {
        expected = expected.checked_add(item.cost).ok_or(AmountError::TooLarge)?;
        is_off = is_off || settled.fee.is_some();
    }
    let actual = line.costs.total();
    Ok((is_off && expected != actual).then_some(Difference { expected, actual }))
}

/// The parts of an item that lines of different batches settle, in their order: each has the gross of its line, and odd units go by
/// the names of batches. They are priced as one item, so what it comes to is divided among them: what the ledger has of its costs,
/// by the lines' costs, where they have some; what is withheld, by what is payable of each, so that no part withholds more than it
/// has.
pub fn shared(item: &Item, lines: &[(Arc<str>, Line)]) -> Result<Vec<Item>, SplitError> {
    if let [_] = lines {
        return Ok(vec![item.clone()]);
    }
    let weights = |of: fn(&Line) -> i64| -> Vec<_> {
        let weigh = |(batch, line): &(Arc<str>, Line)| (Arc::clone(batch), of(line).unsigned_abs());
        lines.iter().map(weigh).collect()
    };
    let by_gross = weights(|line| line.gross.minor());
    let stated = weights(|line| line.costs.total());
    let by_cost = match stated.iter().any(|(_, cost)| *cost > 0) {
        true => &stated,
        false => &by_gross,
    };
    let fees = split(item.merchant_fee, &by_gross)?;
    let costs = split(item.cost, by_cost)?;
    let payable: Vec<_> = lines
        .iter()
        .zip(&fees)
        .map(|((batch, line), fee)| {
            let payable = line.gross.minor().saturating_sub(*fee).max(0);
            (Arc::clone(batch), payable.unsigned_abs())
        })
        .collect();
    let reserves = match payable.iter().any(|(_, payable)| *payable > 0) {
        true => split(item.reserve, &payable)?,
        false => vec![0; lines.len()],
    };
    let parts = lines.iter().zip(fees).zip(costs.into_iter().zip(reserves));
    Ok(parts
        .map(|(((_, line), merchant_fee), (cost, reserve))| Item {
            gross: line.gross,
            merchant_fee,
            cost,
            reserve,
            ..item.clone()
        })
        .collect())
}
