//! Which settlement line settles which open item.
//!
//! A pass groups lines and open items by a key; [`decide`] sees one group at a time, so matching does not depend on the order
//! of lines or on how the stream was cut. A line settles one item and an item is settled by one line; two candidates are
//! never decided by a program.
//!
//! | pass | key |
//! | --- | --- |
//! | 1 | acquirer reference, record type, currency |
//! | 2 | ARN, record type, currency |
//! | 4 | merchant reference, record type, currency, gross amount, days at most [`DAYS_APART`] apart |
//!
//! The gross amount of a dispute may have the acquirer's cost of it in it.

use super::booking::{Item, Line};

/// A matching rule. Its number is stored with every match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// By the acquirer's own reference.
    AcquirerReference,
    /// By the scheme's acquirer reference number.
    Arn,
    /// By our reference as the acquirer echoes it, and the amount.
    MerchantReference,
}

/// How far apart the days of a line and an item may be in pass 4.
pub const DAYS_APART: i32 = 3;

impl Pass {
    /// The passes in the order in which they run.
    pub const ALL: [Self; 3] = [Self::AcquirerReference, Self::Arn, Self::MerchantReference];

    /// Its number.
    pub fn number(self) -> i16 {
        match self {
            Self::AcquirerReference => 1,
            Self::Arn => 2,
            Self::MerchantReference => 4,
        }
    }

    /// The pass of this number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|pass| pass.number() == number)
    }

    /// What it matches by, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::AcquirerReference => "acquirer reference",
            Self::Arn => "ARN",
            Self::MerchantReference => "merchant reference and amount",
        }
    }

    /// Whether two lines of one key report one item twice. Its own references say so; our reference and an amount do not.
    fn repeats(self) -> bool {
        match self {
            Self::AcquirerReference | Self::Arn => true,
            Self::MerchantReference => false,
        }
    }
}

/// What a group comes to: places in the group's lines. Lines in neither list are undecided and go to the next pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The line that settles the group's only item.
    pub matched: Option<usize>,
    /// Lines that report it again.
    pub duplicates: Vec<usize>,
}

/// Decides one group: the lines and the open items that share a key, items without repetition.
pub fn decide(pass: Pass, lines: &[Line], items: &[Item]) -> Verdict {
    let [item] = items else {
        return Verdict::default();
    };
    if lines.len() > 1 && !pass.repeats() {
        return Verdict::default();
    }
    // Of several lines the one that agrees best settles the item; what decides is their content, their place only when they
    // are alike to the last amount.
    let best = lines.iter().enumerate().min_by_key(|(_, line)| {
        (
            item.distance(line),
            line.gross.minor(),
            line.net.minor(),
            line.costs.total(),
            line.ordinal,
        )
    });
    Verdict {
        matched: best.map(|(place, _)| place),
        duplicates: (0..lines.len())
            .filter(|place| Some(*place) != best.map(|(place, _)| place))
            .collect(),
    }
}
