//! What one line could settle: pass by pass, why or why not, and as a whole, the likeliest item first.
//!
//! For people, after matching. [`tried`] says what each pass finds for a line among what is open now; [`suggested`] scores items
//! by all that line and item state, field by field, so that the score explains itself. Neither decides: two items of one score stay
//! two. Both depend on nothing but their arguments, and their order does not depend on that of the candidates.
//!
//! A score is the sum of its signs. References that the acquirer or the scheme gave count most, then the amount, then what shoppers
//! and merchants repeat; a day of distance takes a point. An item of another record type or currency has no score: no match of it
//! could be booked.

use super::booking::{Item, Line};
use super::matching::{BusinessDays, Pass};
use crate::acquirer::RecordType;
use crate::money::Money;

/// How many characters of two references are compared.
const COMPARED: usize = 64;

/// What names a line, or an item, beside its amount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The acquirer's.
    pub acquirer: Option<String>,
    /// Ours, as the acquirer echoes it; of an item, or the payment's name.
    pub merchant: Option<String>,
    /// The scheme's acquirer reference number.
    pub arn: Option<String>,
    /// The retrieval reference number.
    pub rrn: Option<String>,
    /// The code of the authorization.
    pub auth_code: Option<String>,
    /// The last four digits, or a token.
    pub card: Option<String>,
}

/// A field by which a line and an item are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The acquirer's reference.
    AcquirerReference,
    /// Ours.
    MerchantReference,
    /// The scheme's.
    Arn,
    /// The retrieval reference number.
    Rrn,
    /// The code of the authorization.
    AuthCode,
    /// The card.
    Card,
    /// The gross amount.
    Amount,
    /// The day of the sale.
    Day,
    /// What is reported.
    Record,
    /// The currency of the gross.
    Currency,
}

impl Field {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::AcquirerReference => "acquirer reference",
            Self::MerchantReference => "merchant reference",
            Self::Arn => "ARN",
            Self::Rrn => "RRN",
            Self::AuthCode => "authorization code",
            Self::Card => "card",
            Self::Amount => "amount",
            Self::Day => "day",
            Self::Record => "record type",
            Self::Currency => "currency",
        }
    }
}

impl References {
    /// Those that there are, with their fields.
    pub fn of(&self, field: Field) -> Option<&str> {
        match field {
            Field::AcquirerReference => self.acquirer.as_deref(),
            Field::MerchantReference => self.merchant.as_deref(),
            Field::Arn => self.arn.as_deref(),
            Field::Rrn => self.rrn.as_deref(),
            Field::AuthCode => self.auth_code.as_deref(),
            Field::Card => self.card.as_deref(),
            Field::Amount | Field::Day | Field::Record | Field::Currency => None,
        }
    }
}

/// The fields that hold references.
pub const REFERENCES: [Field; 6] = [
    Field::AcquirerReference,
    Field::MerchantReference,
    Field::Arn,
    Field::Rrn,
    Field::AuthCode,
    Field::Card,
];

/// A line with what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The line.
    pub line: Line,
    /// What names it.
    pub references: References,
}

/// An open item with what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The item.
    pub item: Item,
    /// What a line reports it as.
    pub record: RecordType,
    /// What names it.
    pub references: References,
}

/// What a pass finds for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The line does not state these.
    NotStated(Vec<Field>),
    /// No open item has what it states.
    Nothing,
    /// Items have it, by place, and differ in these.
    Differ(Vec<(usize, Vec<Field>)>),
    /// These fit, by place: one would be matched now, several are never decided between.
    Fit(Vec<usize>),
}

/// The references that a pass goes by, and whether amount and days have to agree too.
fn key(pass: Pass) -> (&'static [Field], bool) {
    match pass {
        Pass::AcquirerReference => (&[Field::AcquirerReference], false),
        Pass::Arn => (&[Field::Arn], false),
        Pass::Rrn => (&[Field::Rrn, Field::AuthCode], true),
        Pass::MerchantReference => (&[Field::MerchantReference], true),
        Pass::Card => (&[Field::AuthCode, Field::Card], true),
        Pass::Group => (&[Field::MerchantReference], false),
        Pass::ByHand => (&[], false),
    }
}

/// What a pass finds for a line among these items.
pub fn tried(pass: Pass, reported: &Reported, candidates: &[Candidate], days: &BusinessDays) -> Tried {
    let (fields, exactly) = key(pass);
    let within = (days, pass.days_apart());
    let missing: Vec<Field> = fields
        .iter()
        .copied()
        .filter(|field| reported.references.of(*field).is_none())
        .collect();
    if !missing.is_empty() {
        return Tried::NotStated(missing);
    }
    let has_it = |candidate: &&Candidate| {
        fields
            .iter()
            .all(|field| candidate.references.of(*field) == reported.references.of(*field))
    };
    let having: Vec<(usize, Vec<Field>)> = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| has_it(candidate))
        .map(|(place, candidate)| (place, differing(reported, candidate, exactly.then_some(within))))
        .collect();
    let fitting: Vec<usize> = having
        .iter()
        .filter(|(_, differing)| differing.is_empty())
        .map(|(place, _)| *place)
        .collect();
    if pass == Pass::Group && !add_up(reported, candidates, &fitting) {
        // One alone was for the passes before to find.
        let apart = |place: &usize| {
            let exact = candidates
                .get(*place)
                .map(|candidate| differing(reported, candidate, Some(within)));
            let fields = exact.filter(|fields| !fields.is_empty());
            (*place, fields.unwrap_or_else(|| vec![Field::Amount]))
        };
        return match (fitting.is_empty(), having.is_empty()) {
            (false, _) => Tried::Differ(fitting.iter().map(apart).collect()),
            (true, false) => Tried::Differ(having),
            (true, true) => Tried::Nothing,
        };
    }
    match (fitting.is_empty(), having.is_empty()) {
        (false, _) => Tried::Fit(fitting),
        (true, false) => Tried::Differ(having),
        (true, true) => Tried::Nothing,
    }
}

/// Whether items are the money of a line together.
fn add_up(reported: &Reported, candidates: &[Candidate], places: &[usize]) -> bool {
    let sum = places
        .iter()
        .filter_map(|place| candidates.get(*place))
        .try_fold(0_i64, |sum, candidate| sum.checked_add(candidate.item.gross.minor()));
    places.len() > 1 && sum == Some(reported.line.gross.minor())
}

/// In what line and item differ: in amount and day too, where they have to be so many business days apart.
fn differing(reported: &Reported, candidate: &Candidate, within: Option<(&BusinessDays, i32)>) -> Vec<Field> {
    let (ours, theirs) = (candidate.item.occurred_on, reported.line.occurred_on);
    [
        (Field::Record, reported.line.record != candidate.record),
        (
            Field::Currency,
            reported.line.gross.currency() != candidate.item.gross.currency(),
        ),
        (
            Field::Amount,
            within.is_some() && candidate.item.distance(&reported.line) != 0,
        ),
        (
            Field::Day,
            within.is_some_and(|(days, apart)| !days.are_within(ours, theirs, apart)),
        ),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(field, _)| field)
    .collect()
}

/// How many days lie between a line and an item.
pub fn days_apart(reported: &Reported, candidate: &Candidate) -> u64 {
    reported
        .line
        .occurred_on
        .signed_duration_since(candidate.item.occurred_on)
        .num_days()
        .unsigned_abs()
}

/// How far line and item agree in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// To the last sign.
    Equal,
    /// In most of their signs.
    Alike,
    /// So many days apart.
    Apart(u64),
    /// The line is of so much more, or below zero less.
    Off(Money),
    /// Both state it, and not the same.
    Not,
}

/// What a field says for an item, or against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The field.
    pub field: Field,
    /// How far both agree.
    pub agreement: Agreement,
    /// What it counts.
    pub points: i32,
}

/// An item that could be a line's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Its place among the candidates.
    pub place: usize,
    /// Σ points of its signs.
    pub score: i32,
    /// What it is made of.
    pub signs: Vec<Sign>,
}

/// The items that could be a line's, the likeliest first, at most so many; of one score the nearer day, then the earlier entry.
pub fn suggested(reported: &Reported, candidates: &[Candidate], limit: usize) -> Vec<Suggestion> {
    let mut suggestions: Vec<Suggestion> = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| differing(reported, candidate, None).is_empty())
        .map(|(place, candidate)| scored(place, reported, candidate))
        .filter(|suggestion| suggestion.score > 0)
        .collect();
    suggestions.sort_by_key(|suggestion| {
        let candidate = candidates.get(suggestion.place);
        let days = candidate.map(|candidate| days_apart(reported, candidate));
        let entry = candidate.map(|candidate| (candidate.item.book, candidate.item.number));
        (std::cmp::Reverse(suggestion.score), days, entry)
    });
    suggestions.truncate(limit);
    suggestions
}

fn scored(place: usize, reported: &Reported, candidate: &Candidate) -> Suggestion {
    let mut signs: Vec<Sign> = REFERENCES
        .into_iter()
        .filter_map(|field| reference_sign(field, &reported.references, &candidate.references))
        .collect();
    signs.push(amount_sign(reported, candidate));
    let apart = days_apart(reported, candidate);
    signs.push(Sign {
        field: Field::Day,
        agreement: match apart {
            0 => Agreement::Equal,
            days => Agreement::Apart(days),
        },
        points: 10_i32.saturating_sub(i32::try_from(apart).unwrap_or(i32::MAX)).max(0),
    });
    Suggestion {
        place,
        score: signs.iter().fold(0, |sum, sign| sum.saturating_add(sign.points)),
        signs,
    }
}

/// What a reference that is equal counts, and one that both state and is another.
fn weight(field: Field) -> (i32, i32) {
    match field {
        Field::AcquirerReference | Field::Arn => (40, -20),
        Field::MerchantReference => (30, 0),
        Field::Rrn => (20, -5),
        Field::AuthCode => (10, -5),
        Field::Card => (5, -10),
        Field::Amount | Field::Day | Field::Record | Field::Currency => (0, 0),
    }
}

fn reference_sign(field: Field, line: &References, item: &References) -> Option<Sign> {
    let (stated, known) = (line.of(field)?, item.of(field)?);
    let (equal, other) = weight(field);
    let (agreement, points) = if stated == known {
        (Agreement::Equal, equal)
    } else if field == Field::MerchantReference && are_alike(stated, known) {
        (Agreement::Alike, equal.saturating_div(2))
    } else {
        (Agreement::Not, other)
    };
    Some(Sign {
        field,
        agreement,
        points,
    })
}

fn amount_sign(reported: &Reported, candidate: &Candidate) -> Sign {
    let distance = candidate.item.distance(&reported.line);
    let gross = candidate.item.gross;
    // In hundredths of the item's amount.
    let share = u128::from(distance)
        .saturating_mul(100)
        .checked_div(u128::from(gross.minor().unsigned_abs()))
        .unwrap_or(u128::MAX);
    let off = reported.line.gross.minor().saturating_sub(gross.minor());
    let (agreement, points) = match (distance, share) {
        (0, _) => (Agreement::Equal, 30),
        (_, 0) => (Agreement::Off(Money::from_minor(off, gross.currency())), 20),
        (_, 1..=4) => (Agreement::Off(Money::from_minor(off, gross.currency())), 10),
        _ => (Agreement::Off(Money::from_minor(off, gross.currency())), -10),
    };
    Sign {
        field: Field::Amount,
        agreement,
        points,
    }
}

/// Whether one of two references is cut off from the other, or few signs of one differ: no more than a quarter.
fn are_alike(left: &str, right: &str) -> bool {
    let signs = |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).take(COMPARED).collect() };
    let (left, right) = (signs(left), signs(right));
    let (shorter, longer) = if left.len() <= right.len() {
        (&left, &right)
    } else {
        (&right, &left)
    };
    if shorter.len() < 4 {
        return false;
    }
    longer.starts_with(shorter)
        || longer.ends_with(shorter)
        || distance(shorter, longer).saturating_mul(4) <= longer.len()
}

/// How many signs have to be put in, taken out or changed to make one of the other.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, one) in left.iter().enumerate() {
        let mut diagonal = line;
        let mut before = line.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (other, above) in right.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal.saturating_add(usize::from(one != other));
            diagonal = *above;
            before = changed.min(above.saturating_add(1)).min(before.saturating_add(1));
            *above = before;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
