//! Which entries of bank statements pay what is awaited: acquirers' batches, and what the books have on the bank account already.
//!
//! Two ways, in this order. **By name**: a text of the entry holds all words that name a target. What shares names is decided
//! together: entries that name one target pay it, whatever they come to (the difference is told); of targets of one name each entry
//! pays the one that has its amount; one entry that names several pays them where their sum is its amount; anything else is left to
//! people. **By amount**: of what is named by nothing, an entry and a target of the same amount within [`WINDOW`] days on which
//! banks are open; one entry and all targets of a group and day; all entries of a payer and day and one target. Such a pair stands
//! only where neither side fits anywhere else.
//!
//! Nothing depends on the order in which entries or targets come: every rule is about sets. A name is a word of six letters and
//! digits or more with a digit in it, and one of digits alone has nine or more: shorter ones are dates, counts, amounts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

/// How many days on which banks are open may lie between the day on which money is awaited and the day on which it came.
pub const WINDOW: usize = 2;

/// The words of a text that can name something, in capitals.
pub fn words(text: &str) -> BTreeSet<String> {
    let runs = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/')));
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric());
    runs.map(|run| run.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        .chain(parts)
        .filter(|word| names(word))
        .map(str::to_ascii_uppercase)
        .collect()
}

fn names(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    if letters == 0 {
        digits >= 9
    } else {
        digits > 0 && digits.saturating_add(letters) >= 6
    }
}

/// On which days banks are open.
pub type Open<'a> = &'a dyn Fn(NaiveDate) -> bool;

/// Whether two days are within [`WINDOW`] days on which banks are open of one another.
pub fn is_near(one: NaiveDate, other: NaiveDate, is_open: Open<'_>) -> bool {
    let (first, last) = (one.min(other), one.max(other));
    if last.signed_duration_since(first).num_days() > 14 {
        return false;
    }
    let days = first.iter_days().skip(1).take_while(|day| *day <= last);
    days.filter(|day| is_open(*day)).count() <= WINDOW
}

/// An entry, or a part of one, that may pay something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Minor units; positive is money to us.
    pub amount: i64,
    /// The day from which the money counts.
    pub on: NaiveDate,
    /// The words of its texts and references.
    pub words: BTreeSet<String>,
    /// Who pays, as far as the bank tells; empty where it does not.
    pub payer: String,
}

/// Something that is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Minor units, signed likewise; zero of what was paid already, which is here for its names.
    pub amount: i64,
    /// The day on which it is awaited.
    pub on: NaiveDate,
    /// What names it: all words of any of these.
    pub names: Vec<BTreeSet<String>>,
    /// What may be paid together with it, on the same day.
    pub group: String,
    /// Whether an entry of the same amount may be taken for it.
    pub by_amount: bool,
    /// Whether an entry that names it pays it when its amount is another.
    pub may_differ: bool,
}

/// What receipts of one target settle of it: what they are, the last of them with the difference to all that is awaited. None
/// where a sum is too large.
pub fn settled(amounts: &[i64], awaited: i64) -> Option<Vec<i64>> {
    let mut left = awaited;
    let last = amounts.len().checked_sub(1)?;
    let parts = amounts.iter().enumerate().map(|(place, amount)| {
        if place == last {
            return Some(left);
        }
        left = left.checked_sub(*amount)?;
        Some(*amount)
    });
    parts.collect()
}

/// Receipts and targets that belong together, by their places, ascending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payment {
    /// One, or all that pay one target.
    pub receipts: Vec<usize>,
    /// One, or all that one receipt pays.
    pub targets: Vec<usize>,
}

/// Why a receipt was left to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing fits.
    Unknown,
    /// It names this target, and does not pay it.
    Named(usize),
    /// More than one thing fits.
    Ambiguous,
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// What belongs together, in order.
    pub payments: Vec<Payment>,
    /// Every other receipt, by its place.
    pub left: BTreeMap<usize, Left>,
}

/// Decides which receipts pay which targets.
pub fn decide(receipts: &[Receipt], targets: &[Target], is_open: Open<'_>) -> Decided {
    let mut decided = Decided::default();
    let parts = by_name(receipts, targets);
    let mut named_targets = BTreeSet::new();
    for part in &parts {
        if let Some(payments) = of_one_name(receipts, targets, part) {
            named_targets.extend(payments.iter().flat_map(|payment| payment.targets.iter().copied()));
            decided.payments.extend(payments);
            continue;
        }
        named_targets.extend(part.targets.iter().copied());
        match named(receipts, targets, part) {
            Ok(payment) => decided.payments.push(payment),
            Err(left) => decided
                .left
                .extend(part.receipts.iter().map(|receipt| (*receipt, left))),
        }
    }
    let named_receipts: BTreeSet<usize> = parts.iter().flat_map(|part| part.receipts.iter().copied()).collect();
    let free: Vec<usize> = (0..receipts.len())
        .filter(|place| !named_receipts.contains(place))
        .collect();
    let open: Vec<usize> = (0..targets.len())
        .filter(|place| !named_targets.contains(place))
        .filter(|place| {
            targets
                .get(*place)
                .is_some_and(|target| target.amount != 0 && target.by_amount)
        })
        .collect();
    by_amount((receipts, targets), &free, &open, is_open, &mut decided);
    decided.payments.sort();
    decided
}

/// Receipts and targets that share names, part by part.
fn by_name(receipts: &[Receipt], targets: &[Target]) -> Vec<Payment> {
    let mut with_word: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, receipt) in receipts.iter().enumerate() {
        for word in &receipt.words {
            with_word.entry(word).or_default().push(place);
        }
    }
    // The part that each receipt is in, by the first of its receipts.
    let mut part_of: BTreeMap<usize, usize> = BTreeMap::new();
    let mut parts: BTreeMap<usize, (BTreeSet<usize>, BTreeSet<usize>)> = BTreeMap::new();
    for (target, stated) in targets.iter().enumerate() {
        let mut naming = BTreeSet::new();
        for name in stated.names.iter().filter(|name| !name.is_empty()) {
            let first = name.first().and_then(|word| with_word.get(word.as_str()));
            let all = |place: &&usize| {
                receipts
                    .get(**place)
                    .is_some_and(|receipt| name.is_subset(&receipt.words))
            };
            naming.extend(first.into_iter().flatten().filter(all).copied());
        }
        let Some(first) = naming.first().copied() else { continue };
        let mut part = (naming, BTreeSet::from([target]));
        let joined: BTreeSet<usize> = part.0.iter().filter_map(|place| part_of.get(place).copied()).collect();
        for other in joined {
            if let Some((receipts, targets)) = parts.remove(&other) {
                part.0.extend(receipts);
                part.1.extend(targets);
            }
        }
        for place in &part.0 {
            part_of.insert(*place, first);
        }
        parts.insert(first, part);
    }
    parts
        .into_values()
        .map(|(receipts, targets)| Payment {
            receipts: receipts.into_iter().collect(),
            targets: targets.into_iter().collect(),
        })
        .collect()
}

/// What pays what where several targets have one name, as two acquirers may number their batches alike: each receipt the only
/// one of its amount, or nothing.
fn of_one_name(receipts: &[Receipt], targets: &[Target], part: &Payment) -> Option<Vec<Payment>> {
    let alike: Vec<(usize, &Target)> = part
        .targets
        .iter()
        .filter_map(|place| Some((*place, targets.get(*place)?)))
        .collect();
    let ((_, first), others) = alike.split_first()?;
    let is_of_all =
        |name: &&BTreeSet<String>| !name.is_empty() && others.iter().all(|(_, other)| other.names.contains(name));
    if others.is_empty() || !first.names.iter().any(|name| is_of_all(&name)) {
        return None;
    }
    let mut paid = BTreeSet::new();
    let mut payments = Vec::new();
    for place in &part.receipts {
        let amount = receipts.get(*place)?.amount;
        let mut fitting = alike
            .iter()
            .filter(|(_, target)| target.amount == amount && amount != 0);
        let ((target, _), None) = (fitting.next()?, fitting.next()) else {
            return None;
        };
        if !paid.insert(*target) {
            return None;
        }
        payments.push(Payment {
            receipts: vec![*place],
            targets: vec![*target],
        });
    }
    Some(payments)
}

/// Whether what shares names belongs together.
fn named(receipts: &[Receipt], targets: &[Target], part: &Payment) -> Result<Payment, Left> {
    let of = |places: &[usize]| -> i128 {
        let amounts = places.iter().filter_map(|place| receipts.get(*place));
        amounts.fold(0, |sum, receipt| sum.saturating_add(i128::from(receipt.amount)))
    };
    let awaited: Vec<&Target> = part.targets.iter().filter_map(|place| targets.get(*place)).collect();
    match (&part.receipts[..], &part.targets[..], &awaited[..]) {
        (_, [place], [target]) => {
            let same_way = |place: &usize| {
                let amount = receipts.get(*place).map_or(0, |receipt| receipt.amount);
                amount.signum() == target.amount.signum()
            };
            let agrees = target.may_differ || of(&part.receipts) == i128::from(target.amount);
            if target.amount != 0 && agrees && part.receipts.iter().all(same_way) {
                Ok(part.clone())
            } else {
                Err(Left::Named(*place))
            }
        }
        ([_], _, _) if awaited.iter().all(|target| target.amount != 0) => {
            let sum = awaited
                .iter()
                .fold(0_i128, |sum, target| sum.saturating_add(i128::from(target.amount)));
            if of(&part.receipts) == sum {
                Ok(part.clone())
            } else {
                Err(Left::Ambiguous)
            }
        }
        _ => Err(Left::Ambiguous),
    }
}

/// Pairs and sets of one amount; those stand of which no part fits anywhere else.
fn by_amount(
    (receipts, targets): (&[Receipt], &[Target]),
    free: &[usize],
    open: &[usize],
    is_open: Open<'_>,
    decided: &mut Decided,
) {
    let mut by_sum: BTreeMap<i128, Vec<(NaiveDate, Vec<usize>)>> = BTreeMap::new();
    let mut groups: BTreeMap<(&str, NaiveDate), (i128, Vec<usize>)> = BTreeMap::new();
    for place in open {
        let Some(target) = targets.get(*place) else { continue };
        let amount = i128::from(target.amount);
        by_sum.entry(amount).or_default().push((target.on, vec![*place]));
        let group = groups.entry((&target.group, target.on)).or_default();
        group.0 = group.0.saturating_add(amount);
        group.1.push(*place);
    }
    for ((_, on), (sum, places)) in groups {
        if places.len() > 1 {
            by_sum.entry(sum).or_default().push((on, places));
        }
    }
    let mut pairs = Vec::new();
    let mut payers: BTreeMap<(&str, NaiveDate), (i128, Vec<usize>)> = BTreeMap::new();
    for place in free {
        let Some(receipt) = receipts.get(*place) else { continue };
        let amount = i128::from(receipt.amount);
        for (on, places) in by_sum.get(&amount).into_iter().flatten() {
            if is_near(*on, receipt.on, is_open) {
                pairs.push((vec![*place], places.clone()));
            }
        }
        if !receipt.payer.is_empty() {
            let payer = payers.entry((&receipt.payer, receipt.on)).or_default();
            payer.0 = payer.0.saturating_add(amount);
            payer.1.push(*place);
        }
    }
    for ((_, came), (sum, together)) in payers {
        for (on, places) in by_sum.get(&sum).into_iter().flatten() {
            if together.len() > 1 && places.len() == 1 && is_near(*on, came, is_open) {
                pairs.push((together.clone(), places.clone()));
            }
        }
    }
    let mut fits: (BTreeMap<usize, usize>, BTreeMap<usize, usize>) = Default::default();
    for (receipts, targets) in &pairs {
        for receipt in receipts {
            let count = fits.0.entry(*receipt).or_default();
            *count = count.saturating_add(1);
        }
        for target in targets {
            let count = fits.1.entry(*target).or_default();
            *count = count.saturating_add(1);
        }
    }
    let once = |places: &[usize], fits: &BTreeMap<usize, usize>| places.iter().all(|place| fits.get(place) == Some(&1));
    for (receipts, targets) in pairs {
        if once(&receipts, &fits.0) && once(&targets, &fits.1) {
            decided.payments.push(Payment { receipts, targets });
        } else {
            decided
                .left
                .extend(receipts.into_iter().map(|receipt| (receipt, Left::Ambiguous)));
        }
    }
    let paying: BTreeSet<usize> = decided
        .payments
        .iter()
        .flat_map(|payment| payment.receipts.iter().copied())
        .collect();
    for place in free.iter().filter(|place| !paying.contains(place)) {
        decided.left.entry(*place).or_insert(Left::Unknown);
    }
}

#[cfg(test)]
mod tests;
