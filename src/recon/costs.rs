//! What lines cost by contract, against what they cost by the file.
//!
//! Each line's costs are held to the terms of the contract that is in force on its day. What differs by more than the tolerance is
//! a claim of its own; what is tolerated is added up by batch and term, and is a claim together where it comes to more than a
//! batch may differ: one cent on every line is no rounding. What is booked is always what the file says.
//!
//! Where an acquirer settles in full, nothing may be deducted: what is, be it a fee of its own, is a claim, and what the terms come
//! to is what the invoice of the month should be. Costs in another currency than their gross are not priced, since no contract
//! gives the rate; what the ledger has as the cost of a dispute is held to that instead, and not priced either.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::booking::{Item, Line, PricedBy};
use crate::acquirer::RecordType;
use crate::dates::month_of;
use crate::money::{AmountError, Currency, Money, decimal_text};
use crate::settings::{Acquirer, Contract, CostComponent, CostContract, CostTerm, DEDUCTED, OF_BATCH};

/// Costs that are not those of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The line; none where it is what is tolerated of a batch.
    pub ordinal: Option<i32>,
    /// The settlement batch.
    pub batch: Arc<str>,
    /// Of what.
    pub component: CostComponent,
    /// By which term.
    pub term: Arc<str>,
    /// How many lines.
    pub lines: i64,
    /// By the contract.
    pub expected: Money,
    /// By the file.
    pub stated: Money,
    /// The day of the first of its lines that differs.
    pub since: NaiveDate,
}

/// What costs are added up by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SumKey {
    /// The settlement batch.
    pub batch: Arc<str>,
    /// The first day of the month of the lines.
    pub month: NaiveDate,
    /// The currency of gross and costs, or of costs alone where they differ.
    pub currency: Currency,
    /// Which of the costs.
    pub component: CostComponent,
    /// The term; empty for what no term prices.
    pub term: Arc<str>,
    /// Invoiced later instead of deducted.
    pub invoiced: bool,
}

/// Costs by contract and by the file, minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many lines.
    pub lines: i64,
    /// By the contract.
    pub expected: i64,
    /// By the file.
    pub stated: i64,
}

impl Sum {
    /// Both together.
    pub fn plus(self, other: Self) -> Result<Self, AmountError> {
        let plus = |sum: i64, more: i64| sum.checked_add(more).ok_or(AmountError::TooLarge);
        Ok(Self {
            lines: plus(self.lines, other.lines)?,
            expected: plus(self.expected, other.expected)?,
            stated: plus(self.stated, other.stated)?,
        })
    }

    fn add(&mut self, expected: i64, stated: i64) -> Result<(), AmountError> {
        let plus = |sum: i64, more: i64| sum.checked_add(more).ok_or(AmountError::TooLarge);
        self.lines = plus(self.lines, 1)?;
        self.expected = plus(self.expected, expected)?;
        self.stated = plus(self.stated, stated)?;
        Ok(())
    }
}

/// What is tolerated in a batch under a term.
struct Tolerated {
    sum: Sum,
    /// The day of the first line that differs.
    since: Option<NaiveDate>,
    limit: u64,
}

/// The costs of a file as they are gone through, line by line. Memory is held by batch and term.
pub struct Review<'a> {
    acquirer: &'a Acquirer,
    sums: BTreeMap<SumKey, Sum>,
    tolerated: BTreeMap<(Arc<str>, Currency, CostComponent, Arc<str>), Tolerated>,
}

impl<'a> Review<'a> {
    /// Of a file of an acquirer; none where no contract says what anything costs.
    pub fn of(acquirer: &'a Acquirer) -> Option<Self> {
        let silent = acquirer.contract == Contract::Net && acquirer.costs.is_empty();
        (!silent).then(|| Self {
            acquirer,
            sums: BTreeMap::new(),
            tolerated: BTreeMap::new(),
        })
    }

    /// The claims of a line on its own, of a batch, that settles an item: of lines that settle one together, as one; of several
    /// items, the first.
    pub fn line(&mut self, batch: &Arc<str>, line: &Line, item: &Item) -> Result<Vec<Claim>, AmountError> {
        let mut claims = Vec::new();
        if item.cost != 0 {
            return Ok(claims);
        }
        let priced = &PricedLine { batch, line, item };
        let invoiced = self.acquirer.contract == Contract::Gross;
        if invoiced {
            let total = line.costs.total();
            self.add(priced, CostComponent::Total, DEDUCTED.into(), false, (0, total))?;
            claims.extend((total != 0).then(|| priced.claim(CostComponent::Total, DEDUCTED.into(), 0)));
        }
        let Some(contract) = self.acquirer.cost_on(line.occurred_on) else {
            return Ok(claims);
        };
        for component in CostComponent::ALL {
            let of_component = |term: &&CostTerm| term.component == component;
            if !contract.terms.iter().any(|term| of_component(&term)) {
                continue;
            }
            let stated = if invoiced { 0 } else { priced.stated(component) };
            let fits = |term: &&CostTerm| term.component == component && priced.is_priced_by(term);
            let Some(term) = contract.terms.iter().find(fits) else {
                if stated != 0 {
                    self.add(priced, component, "".into(), false, (0, stated))?;
                }
                continue;
            };
            let Some(expected) = price(term, contract, line.gross)? else {
                continue;
            };
            self.add(priced, component, term.name.clone(), invoiced, (expected, stated))?;
            let allowed = |amounts: &crate::settings::Amounts| {
                let amount = amounts.get(&line.gross.currency());
                amount.map(|amount| amount.minor().unsigned_abs())
            };
            let tolerance = allowed(&contract.tolerance).unwrap_or(0);
            if invoiced {
                continue;
            }
            if stated.abs_diff(expected) > tolerance {
                claims.push(priced.claim(component, term.name.clone(), expected));
            } else {
                let limit = allowed(&contract.batch_tolerance).unwrap_or(tolerance);
                self.tolerate(priced, (component, term.name.clone()), (expected, stated), limit)?;
            }
        }
        Ok(claims)
    }

    fn add(
        &mut self,
        priced: &PricedLine<'_>,
        component: CostComponent,
        term: Arc<str>,
        invoiced: bool,
        (expected, stated): (i64, i64),
    ) -> Result<(), AmountError> {
        let day = priced.line.occurred_on;
        let key = SumKey {
            batch: priced.batch.clone(),
            month: month_of(day),
            currency: priced.currency(),
            component,
            term,
            invoiced,
        };
        self.sums.entry(key).or_default().add(expected, stated)
    }

    fn tolerate(
        &mut self,
        priced: &PricedLine<'_>,
        (component, term): (CostComponent, Arc<str>),
        (expected, stated): (i64, i64),
        limit: u64,
    ) -> Result<(), AmountError> {
        let (key, day) = (
            (priced.batch.clone(), priced.currency(), component, term),
            priced.line.occurred_on,
        );
        let tolerated = self.tolerated.entry(key).or_insert(Tolerated {
            sum: Sum::default(),
            since: None,
            limit,
        });
        tolerated.sum.add(expected, stated)?;
        // A batch may span two versions: the stricter one holds.
        tolerated.limit = tolerated.limit.min(limit);
        if expected != stated {
            let since = tolerated.since.map_or(day, |since| since.min(day));
            tolerated.since = Some(since);
        }
        Ok(())
    }

    /// All sums, and the claims of batches.
    pub fn finish(self) -> (BTreeMap<SumKey, Sum>, Vec<Claim>) {
        let claims = self
            .tolerated
            .into_iter()
            .filter(|(_, tolerated)| tolerated.sum.stated.abs_diff(tolerated.sum.expected) > tolerated.limit)
            .filter_map(|((batch, currency, component, term), tolerated)| {
                Some(Claim {
                    ordinal: None,
                    batch,
                    component,
                    term,
                    lines: tolerated.sum.lines,
                    expected: Money::from_minor(tolerated.sum.expected, currency),
                    stated: Money::from_minor(tolerated.sum.stated, currency),
                    since: tolerated.since?,
                })
            })
            .collect();
        (self.sums, claims)
    }
}

/// A line, of a batch, and the item that it settles.
struct PricedLine<'l> {
    batch: &'l Arc<str>,
    line: &'l Line,
    item: &'l Item,
}

impl PricedLine<'_> {
    /// The currency of its costs.
    fn currency(&self) -> Currency {
        self.line.net.currency()
    }

    fn stated(&self, component: CostComponent) -> i64 {
        let costs = self.line.costs;
        match component {
            CostComponent::Total => costs.total(),
            CostComponent::Interchange => costs.interchange,
            CostComponent::SchemeFee => costs.scheme,
            CostComponent::Markup => costs.acquirer,
        }
    }

    fn is_priced_by(&self, term: &CostTerm) -> bool {
        let currency = self.line.gross.currency();
        let PricedBy {
            method,
            scheme,
            card_country,
        } = &self.item.priced_by;
        self.currency() == currency
            && term.records.contains(&self.line.record)
            && term.rates.contains_key(&currency)
            && term
                .fits
                .fits(currency, method.as_deref(), scheme.as_deref(), card_country.as_deref())
    }

    fn claim(&self, component: CostComponent, term: Arc<str>, expected: i64) -> Claim {
        Claim {
            ordinal: Some(self.line.ordinal),
            batch: self.batch.clone(),
            component,
            term,
            lines: 1,
            expected: Money::from_minor(expected, self.currency()),
            stated: Money::from_minor(self.stated(component), self.currency()),
            since: self.line.occurred_on,
        }
    }
}

/// What a gross costs by a term, minor units: the percentage is rounded, and both parts are never below the minimum nor above the
/// cap. None in a currency that the term does not price.
fn price(term: &CostTerm, contract: &CostContract, gross: Money) -> Result<Option<i64>, AmountError> {
    let Some(rates) = term.rates.get(&gross.currency()) else {
        return Ok(None);
    };
    let share = Decimal::from(gross.minor().unsigned_abs())
        .checked_mul(term.percentage)
        .ok_or(AmountError::TooLarge)?;
    let share = contract.rounding.round(share)?;
    let price = share.checked_add(rates.fixed).ok_or(AmountError::TooLarge)?;
    let price = price.max(rates.minimum.unwrap_or(price));
    Ok(Some(price.min(rates.cap.unwrap_or(price))))
}

/// The claim of a fee of its own that an acquirer deducts though it settles in full.
pub fn deducted(batch: &Arc<str>, line: &Line, acquirer: &Acquirer) -> Result<Option<Claim>, AmountError> {
    let taken = line.net.minor().checked_neg().ok_or(AmountError::TooLarge)?;
    let is_one = acquirer.contract == Contract::Gross && line.record == RecordType::BatchFee && taken != 0;
    Ok(is_one.then(|| Claim {
        ordinal: Some(line.ordinal),
        batch: batch.clone(),
        component: CostComponent::Total,
        term: DEDUCTED.into(),
        lines: 1,
        expected: Money::zero(line.net.currency()),
        stated: Money::from_minor(taken, line.net.currency()),
        since: line.occurred_on,
    }))
}

/// A fee of its own that is deducted under a contract which does not price it: told, and held to nothing.
pub fn unpriced(batch: &Arc<str>, line: &Line, acquirer: &Acquirer) -> Result<Option<(SumKey, Sum)>, AmountError> {
    if acquirer.contract != Contract::Net || acquirer.costs.is_empty() || line.record != RecordType::BatchFee {
        return Ok(None);
    }
    let mut sum = Sum::default();
    sum.add(0, line.net.minor().checked_neg().ok_or(AmountError::TooLarge)?)?;
    let key = SumKey {
        batch: batch.clone(),
        month: month_of(line.occurred_on),
        currency: line.net.currency(),
        component: CostComponent::Total,
        term: OF_BATCH.into(),
        invoiced: false,
    };
    Ok(Some((key, sum)))
}

/// The claims of a line that people match: it is held to the contract alone, since no batch of theirs is added up.
pub fn claims_of(batch: &Arc<str>, line: &Line, item: &Item, acquirer: &Acquirer) -> Result<Vec<Claim>, AmountError> {
    Review::of(acquirer).map_or(Ok(Vec::new()), |mut review| review.line(batch, line, item))
}

/// What is wrong, in words: of one line, or of a batch.
pub fn told(claims: &[Claim]) -> String {
    let terms: Vec<&str> = claims.iter().map(|claim| &*claim.term).collect();
    let Some(first) = claims.first() else {
        return String::new();
    };
    let (expected, stated) = sides(claims);
    let text = |minor| decimal_text(minor, first.expected.currency());
    let currency = first.expected.currency();
    let differ = format!("differ: {} and {} {currency}", text(expected), text(stated));
    match first.ordinal {
        Some(_) => format!("costs by contract ({}) and by the file {differ}", terms.join(", ")),
        None => format!(
            "costs of {} lines of batch {} by contract ({}) and by the file, each within the tolerance, {differ}",
            first.lines,
            first.batch,
            terms.join(", ")
        ),
    }
}

/// Claims of one line together, minor units: by the contract and by the file. They were added up from one line's own amounts.
pub fn sides(claims: &[Claim]) -> (i64, i64) {
    claims.iter().fold((0, 0), |(expected, stated), claim| {
        (
            expected.saturating_add(claim.expected.minor()),
            stated.saturating_add(claim.stated.minor()),
        )
    })
}

#[cfg(test)]
mod tests;
