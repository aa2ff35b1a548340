//! Which settlement lines settle which open items.
//!
//! A pass groups lines and open items by a key; [`decide`] sees one group at a time, so matching does not depend on the order
//! of lines or on how the stream was cut. A line settles one item and an item is settled by one line, unless only several of them
//! together are the same money as the other side, to the last minor unit ([`super::group`]). Two candidates are never decided by a
//! program.
//!
//! | pass | key |
//! | --- | --- |
//! | 1 | acquirer reference, record type, currency |
//! | 2 | ARN, record type, currency |
//! | 3 | retrieval reference number, authorization code, record type, currency, gross amount, a business day |
//! | 4 | merchant reference, record type, currency, gross amount, three business days |
//! | 5 | authorization code, card, record type, currency, gross amount, three business days |
//! | 6 | merchant reference, record type, currency, and only sums that agree |
//! | 7 | none: people say so, one line of one item or of several whose sum agrees |
//!
//! Days are at most so many business days apart ([`BusinessDays`]). Neither a retrieval reference number nor an authorization code
//! is unique, so none of them decides alone. The gross amount of a dispute may have the acquirer's cost of it in it.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::booking::{Item, Line};

/// A matching rule. Its number is stored with every match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// By the acquirer's own reference.
    AcquirerReference,
    /// By the scheme's acquirer reference number.
    Arn,
    /// By the number and code of the authorization, and the amount.
    Rrn,
    /// By our reference as the acquirer echoes it, and the amount.
    MerchantReference,
    /// By the code of the authorization, the card and the amount.
    Card,
    /// By our reference, several together.
    Group,
    /// By people, after all others.
    ByHand,
}

/// The version of these rules. It is stored with every match, and counts up when a pass matches by anything else.
pub const RULES: i16 = 3;

/// The business days around those of a file's lines, by which days are apart: Friday and Monday are one apart, and so are Saturday
/// and Monday.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusinessDays(Vec<NaiveDate>);

impl BusinessDays {
    /// How many calendar days may lie between two days that are a few business days apart.
    pub const LONGEST: u64 = 31;
    /// So many years of lines are told apart; before them, days are near by [`Self::LONGEST`] alone.
    const YEARS: u64 = 30;

    /// Those around days from the first to the last of some lines.
    pub fn around(first: NaiveDate, last: NaiveDate, is_open: &dyn Fn(NaiveDate) -> bool) -> Self {
        let less = |day: NaiveDate, days| day.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN);
        let until = last
            .checked_add_days(Days::new(Self::LONGEST))
            .unwrap_or(NaiveDate::MAX);
        let from = less(first, Self::LONGEST).max(less(until, Self::YEARS.saturating_mul(366)));
        let days = from.iter_days().take_while(|day| *day <= until);
        Self(days.filter(|day| is_open(*day)).collect())
    }

    /// Those of the time in which they are, in order.
    pub fn days(&self) -> &[NaiveDate] {
        &self.0
    }

    /// Whether two days are at most so many business days apart.
    pub fn are_within(&self, one: NaiveDate, other: NaiveDate, days: i32) -> bool {
        let number = |day: NaiveDate| self.0.partition_point(|open| *open <= day);
        let calendar = one.signed_duration_since(other).num_days().unsigned_abs();
        calendar <= Self::LONGEST && i32::try_from(number(one).abs_diff(number(other))).is_ok_and(|apart| apart <= days)
    }
}

impl Pass {
    /// The passes in the order in which they run; people come after them.
    pub const ALL: [Self; 6] = [
        Self::AcquirerReference,
        Self::Arn,
        Self::Rrn,
        Self::MerchantReference,
        Self::Card,
        Self::Group,
    ];

    /// Its number.
    pub fn number(self) -> i16 {
        match self {
            Self::AcquirerReference => 1,
            Self::Arn => 2,
            Self::Rrn => 3,
            Self::MerchantReference => 4,
            Self::Card => 5,
            Self::Group => 6,
            Self::ByHand => 7,
        }
    }

    /// The pass of this number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .chain([Self::ByHand])
            .find(|pass| pass.number() == number)
    }

    /// What it matches by, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::AcquirerReference => "acquirer reference",
            Self::Arn => "ARN",
            Self::Rrn => "RRN, authorization code and amount",
            Self::MerchantReference => "merchant reference and amount",
            Self::Card => "authorization code, card and amount",
            Self::Group => "merchant reference, together",
            Self::ByHand => "by hand",
        }
    }

    /// How many business days a line and an item may be apart, where an amount decides.
    pub fn days_apart(self) -> i32 {
        match self {
            Self::Rrn => 1,
            Self::AcquirerReference | Self::Arn | Self::MerchantReference | Self::Card | Self::Group | Self::ByHand => {
                3
            }
        }
    }

    /// Whether a line and an item of one key are each other's whatever their amounts, and two lines report one item twice. The
    /// acquirer's own references say so; our reference and an amount do not.
    fn identifies(self) -> bool {
        match self {
            Self::AcquirerReference | Self::Arn => true,
            Self::Rrn | Self::MerchantReference | Self::Card | Self::Group | Self::ByHand => false,
        }
    }

    /// Whether the amounts of lines and items of one key may be added up.
    fn adds_up(self) -> bool {
        match self {
            Self::AcquirerReference | Self::Arn | Self::Group => true,
            Self::Rrn | Self::MerchantReference | Self::Card | Self::ByHand => false,
        }
    }
}

/// How the days of a line and the item that it settles differ, though they are matched: it moves no money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timing {
    /// The file is about a day after that by which the item was expected.
    Late,
    /// The line is of another day than the item: of a cut-off, a time zone, a weekend.
    Cutoff,
}

impl Timing {
    /// How they differ in a file about a day; none where they do not.
    pub fn of(line: &Line, item: &Item, as_of: NaiveDate) -> Option<Self> {
        if as_of > item.expected_on {
            return Some(Self::Late);
        }
        (line.occurred_on != item.occurred_on).then_some(Self::Cutoff)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Cutoff => "cutoff",
        }
    }

    /// That of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Late, Self::Cutoff]
            .into_iter()
            .find(|timing| timing.name() == name)
    }
}

/// What a group comes to: places in the group's lines and items. Lines in neither list are undecided and go to the next pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The lines that settle the items: one, or those of one item.
    pub lines: Vec<usize>,
    /// The items: one, or those of one line.
    pub items: Vec<usize>,
    /// Lines that report the item again.
    pub duplicates: Vec<usize>,
}

/// Decides one group: the lines and the open items that share a key, items without repetition; `batches` says of each line which
/// batch it is of.
pub fn decide(pass: Pass, lines: &[Line], batches: &[usize], items: &[Item]) -> Verdict {
    if let Some(together) = together(pass, lines, batches, items) {
        return together;
    }
    let [item] = items else {
        return Verdict::default();
    };
    if pass == Pass::Group || (lines.len() > 1 && !pass.identifies()) {
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
    let best = best.map(|(place, _)| place);
    Verdict {
        lines: best.into_iter().collect(),
        items: vec![0],
        duplicates: (0..lines.len()).filter(|place| Some(*place) != best).collect(),
    }
}

/// Several lines of one item, or several items of one line, where they are the same money together and none of them alone is.
fn together(pass: Pass, lines: &[Line], batches: &[usize], items: &[Item]) -> Option<Verdict> {
    if !pass.adds_up() || (lines.len() > 1) == (items.len() > 1) {
        return None;
    }
    let of_lines = lines
        .iter()
        .try_fold(0_i64, |sum, line| sum.checked_add(line.gross.minor()))?;
    let of_items = items
        .iter()
        .try_fold(0_i64, |sum, item| sum.checked_add(item.gross.minor()))?;
    let alone = lines
        .iter()
        .any(|line| items.iter().any(|item| item.distance(line) == 0));
    let one_book = items
        .windows(2)
        .all(|pair| pair.first().map(|item| item.book) == pair.last().map(|item| item.book));
    let one_currency = lines
        .windows(2)
        .all(|pair| pair.first().map(|line| line.net.currency()) == pair.last().map(|line| line.net.currency()));
    // What a merchant pays of the costs is worked out on a line of its own.
    let no_costs_of_merchants = items.iter().all(|item| item.passes_costs.is_none());
    (of_lines == of_items
        && !alone
        && no_costs_of_merchants
        && are_parts(lines, batches, of_items)
        && one_book
        && one_currency)
        .then(|| Verdict {
            lines: (0..lines.len()).collect(),
            items: (0..items.len()).collect(),
            duplicates: Vec::new(),
        })
}

/// Whether the lines of each batch are a part of the sum by themselves, as they book by themselves: what one batch takes back of
/// another is none.
fn are_parts(lines: &[Line], batches: &[usize], sum: i64) -> bool {
    let mut parts: BTreeMap<usize, i64> = BTreeMap::new();
    for (line, batch) in lines.iter().zip(batches) {
        let part = parts.entry(*batch).or_default();
        *part = part.saturating_add(line.gross.minor());
    }
    parts.len() == 1 || parts.values().all(|part| *part != 0 && part.signum() == sum.signum())
}

#[cfg(test)]
mod tests;
