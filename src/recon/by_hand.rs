//! Matching by hand: whether people may match a line with items, and what that books.
//!
//! What a pass leaves undecided, people may know. What they match is booked by the rules of every match ([`settled`]): costs,
//! what is withheld, what becomes available, a difference within the tolerance on 5900 and above it in suspense, as a break. One
//! line may be several items only where it is their sum to the last minor unit ([`divided`]), as in the passes; a difference of
//! several would belong to none of them. Items of another record type, currency, side or book are refused: what the acquirer
//! says happened is not for people to change.

use super::booking::{Counterparty, Item, Leg, Line, Settled, settled};
use super::group::divided;
use crate::acquirer::RecordType;
use crate::ids::BookId;
use crate::money::{AmountError, Money, SplitError};

/// A line's part that settles an item, and what it books in the item's book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The part.
    pub line: Line,
    /// The item.
    pub item: Item,
    /// What it books.
    pub settled: Settled,
}

/// What a match by hand comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The book of its items.
    pub book: BookId,
    /// One part an item, in their order.
    pub parts: Vec<Part>,
}

/// Why a line cannot be matched so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No item.
    #[error("no item is named")]
    NoItem,
    /// It settles nothing.
    #[error("a line of type {} settles no item", .0.name())]
    NotOfItem(RecordType),
    /// They report different things.
    #[error("the line is a {}, the item a {}", line.name(), item.name())]
    Record {
        /// The line's.
        line: RecordType,
        /// The item's.
        item: RecordType,
    },
    /// Their currencies are not one.
    #[error("the line is of {line}, the item of {item}: currencies are never matched")]
    Currency {
        /// The line's gross.
        line: Money,
        /// The item's.
        item: Money,
    },
    /// One is money to us, the other from us.
    #[error("the line is of {line}, the item of {item}: one is towards us, the other away")]
    Side {
        /// The line's gross.
        line: Money,
        /// The item's.
        item: Money,
    },
    /// Several items are not the line.
    #[error("the items are {items} together, the line is {line}: several are matched only where they are the same")]
    Sum {
        /// The line's gross.
        line: Money,
        /// Σ of the items.
        items: Money,
    },
    /// Of several merchants.
    #[error("several items are matched with one line only where they are of one merchant")]
    Books,
    /// Whose costs cannot be divided.
    #[error(
        "what a merchant pays of the costs is worked out on a line of its own: several items whose merchant pays costs are not matched with one line"
    )]
    PassesCosts,
    /// Too large.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// Cannot be divided.
    #[error(transparent)]
    Split(#[from] SplitError),
}

/// What a line and items that people name come to.
pub fn matched(line: &Line, items: &[(RecordType, Item)], with: Counterparty<'_>) -> Result<Matched, Refusal> {
    let [(_, first), others @ ..] = items else {
        return Err(Refusal::NoItem);
    };
    if !line.record.is_of_item() {
        return Err(Refusal::NotOfItem(line.record));
    }
    for (record, item) in items {
        fits(line, *record, item)?;
    }
    let book = first.book;
    if others.is_empty() {
        let settled = settled(line, first, with)?;
        let part = Part {
            line: line.clone(),
            item: first.clone(),
            settled,
        };
        return Ok(Matched {
            book,
            parts: vec![part],
        });
    }
    let items: Vec<Item> = items.iter().map(|(_, item)| item.clone()).collect();
    together(line, &items)?;
    let parts = divided(line, &items)?
        .into_iter()
        .zip(items)
        .map(|(line, item)| {
            let settled = settled(&line, &item, with)?;
            Ok(Part { line, item, settled })
        })
        .collect::<Result<Vec<_>, AmountError>>()?;
    Ok(Matched { book, parts })
}

fn fits(line: &Line, record: RecordType, item: &Item) -> Result<(), Refusal> {
    let (gross, of_item) = (line.gross, item.gross);
    if line.record != record {
        return Err(Refusal::Record {
            line: line.record,
            item: record,
        });
    }
    if gross.currency() != of_item.currency() {
        return Err(Refusal::Currency {
            line: gross,
            item: of_item,
        });
    }
    if gross.minor().signum() != of_item.minor().signum() {
        return Err(Refusal::Side {
            line: gross,
            item: of_item,
        });
    }
    Ok(())
}

/// That several items are a line together, and may be.
fn together(line: &Line, items: &[Item]) -> Result<(), Refusal> {
    let sum = items
        .iter()
        .try_fold(Money::zero(line.gross.currency()), |sum, item| sum.plus(item.gross))?;
    if sum != line.gross {
        return Err(Refusal::Sum {
            line: line.gross,
            items: sum,
        });
    }
    if items
        .windows(2)
        .any(|pair| pair.first().map(|item| item.book) != pair.last().map(|item| item.book))
    {
        return Err(Refusal::Books);
    }
    if items.iter().any(|item| item.passes_costs.is_some()) {
        return Err(Refusal::PassesCosts);
    }
    Ok(())
}

impl Matched {
    /// What it books in the items' book, summed.
    pub fn legs(&self) -> Result<Vec<(Leg, i64)>, AmountError> {
        let mut sums: std::collections::BTreeMap<Leg, i64> = std::collections::BTreeMap::new();
        for (leg, amount) in self.parts.iter().flat_map(|part| &part.settled.legs) {
            let sum = sums.entry(*leg).or_default();
            *sum = sum.checked_add(*amount).ok_or(AmountError::TooLarge)?;
        }
        Ok(sums.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
