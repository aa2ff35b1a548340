//! What acquirers charge by contract: versions with days, each a list of terms.
//!
//! A version that has one price says it itself: `cost = { percentage = "1.4", fixed = { EUR = "0.10" }, ... }`. Several are
//! listed as `[[acquirer.cost]]`, each in force until the next one begins, with `[[acquirer.cost.term]]` where prices differ by
//! record, scheme or card. A blended contract prices all costs of a line together, an interchange++ one each component.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use toml::de::DeValue;

use super::fees::Filter;
use super::reader::{Reader, Table, Text};
use super::{Amounts, Place};
use crate::acquirer::RecordType;
use crate::card_number::shorten;
use crate::money::{Currency, Rounding};

/// The term of what is deducted though the acquirer settles in full.
pub const DEDUCTED: &str = "settles in full";

/// What stands for a term with fees of batches, which no contract prices.
pub const OF_BATCH: &str = "fees of the batch";

/// What an acquirer should charge from some day on.
#[derive(Debug, Clone, PartialEq)]
pub struct CostContract {
    /// The first day of lines that it is for; since ever where there is none.
    pub effective_from: Option<NaiveDate>,
    /// How a percentage becomes whole minor units.
    pub rounding: Rounding,
    /// The largest difference of a line that is no break. Currencies not listed: none.
    pub tolerance: Amounts,
    /// The largest sum of such differences in a batch, by term. Currencies not listed: as much as one line may differ.
    pub batch_tolerance: Amounts,
    /// In order: of each component, the first that fits a line prices it.
    pub terms: Vec<CostTerm>,
}

/// What one of the components of a line's costs should be.
#[derive(Debug, Clone, PartialEq)]
pub struct CostTerm {
    /// By which claims name it; once in its version.
    pub name: Arc<str>,
    /// Which of the costs.
    pub component: CostComponent,
    /// Of which lines.
    pub records: Vec<RecordType>,
    /// Of which payments.
    pub fits: Filter,
    /// Fraction of the gross, whichever its sign: 0.014 for 1.4 %.
    pub percentage: Decimal,
    /// The rest by currency; lines in others are not priced.
    pub rates: BTreeMap<Currency, CostRates>,
}

/// The parts of a term that are amounts, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostRates {
    /// Per line.
    pub fixed: i64,
    /// The least that both parts may be together.
    pub minimum: Option<i64>,
    /// The most.
    pub cap: Option<i64>,
}

/// Which of the costs of a line a term prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostComponent {
    /// All of them together: a blended contract.
    #[serde(skip_deserializing)]
    Total,
    /// Interchange.
    Interchange,
    /// Scheme fees.
    SchemeFee,
    /// The acquirer's own part.
    Markup,
}

impl CostComponent {
    /// Every component, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Total, Self::Interchange, Self::SchemeFee, Self::Markup];

    /// Its name in the database and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Interchange => "interchange",
            Self::SchemeFee => "scheme_fee",
            Self::Markup => "markup",
        }
    }
}

/// Whether the components of costs are priced together or one by one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Model {
    #[default]
    Blended,
    InterchangePlusPlus,
}

const VERSION_FIELDS: &[&str] = &[
    "effective_from",
    "model",
    "rounding",
    "tolerance",
    "batch_tolerance",
    "term",
];
const TERM_FIELDS: &[&str] = &["name", "of", "record", "method", "scheme", "currency", "card_country"];
const PRICE_FIELDS: &[&str] = &["percentage", "fixed", "minimum", "cap"];

impl<'t> Reader<'t> {
    /// The versions of an acquirer's cost contract, by their first days; none where nothing is agreed.
    pub(super) fn costs(&mut self, acquirer: Table<'t>) -> Option<Vec<CostContract>> {
        const NAME: &str = "cost";
        let tables = match acquirer.get(NAME) {
            None => return Some(Vec::new()),
            Some((at, DeValue::Table(fields))) => vec![Table { name: NAME, at, fields }],
            Some(_) => self.listed_tables(acquirer, NAME, NAME, "[[acquirer.cost]]"),
        };
        let mut versions = Vec::with_capacity(tables.len());
        for table in tables {
            let version = self.cost(table);
            let at = table.get("effective_from").map_or(table.at, |(at, _)| at);
            versions.push((Place(at), version?));
        }
        versions.sort_by_key(|(_, version)| version.effective_from);
        for pair in versions.windows(2) {
            let [(earlier_at, earlier), (at, later)] = pair else {
                continue;
            };
            if earlier.effective_from == later.effective_from {
                let line = self.line(earlier_at.0);
                let when = later
                    .effective_from
                    .map_or_else(|| "without `effective_from`".to_owned(), |day| format!("from {day}"));
                self.found(at.0, format!("there is another cost contract {when}, on line {line}"));
            }
        }
        Some(versions.into_iter().map(|(_, version)| version).collect())
    }

    fn cost(&mut self, table: Table<'t>) -> Option<CostContract> {
        self.only(table, &[VERSION_FIELDS, PRICE_FIELDS].concat());
        let effective_from = self.optional_day(table, "effective_from");
        let model: Option<Model> = self.optional_word(table, "model").map(Option::unwrap_or_default);
        let rounding = self.word(table, "rounding");
        let tolerance = self.amounts(table, "tolerance");
        let batch_tolerance = self.amounts(table, "batch_tolerance");
        let terms = self.terms(table, model);
        model?;
        Some(CostContract {
            effective_from: effective_from?,
            rounding: rounding?,
            tolerance,
            batch_tolerance,
            terms: terms?,
        })
    }

    /// The terms that are listed, or the only one.
    fn terms(&mut self, version: Table<'t>, model: Option<Model>) -> Option<Vec<CostTerm>> {
        if version.get("term").is_none() {
            let (percentage, rates) = self.rates(version)?;
            let (name, component) = match model? {
                Model::Blended => ("blended", CostComponent::Total),
                Model::InterchangePlusPlus => ("markup", CostComponent::Markup),
            };
            return Some(vec![CostTerm {
                name: name.into(),
                component,
                records: vec![RecordType::Capture],
                fits: Filter::default(),
                percentage,
                rates,
            }]);
        }
        for field in PRICE_FIELDS {
            if let Some((at, _)) = version.get(field) {
                self.found(
                    at,
                    format!("`{field}` belongs into each [[acquirer.cost.term]] where there are several"),
                );
            }
        }
        let tables = self.listed_tables(version, "term", "term", "[[acquirer.cost.term]]");
        if tables.is_empty() {
            self.missing(version, "term");
        }
        let mut terms: Vec<(Table<'t>, CostTerm)> = Vec::with_capacity(tables.len());
        let mut names = BTreeSet::new();
        let mut right = true;
        for table in tables {
            let Some(term) = self.term(table, model) else {
                right = false;
                continue;
            };
            if !names.insert(term.name.clone()) {
                let shown = shorten(&term.name, 40);
                self.found(table.at, format!("there is another term of the name `{shown}`"));
            }
            if [DEDUCTED, OF_BATCH].contains(&&*term.name) {
                self.found(
                    table.at,
                    format!("`{}` stands for what no term prices: choose another name", term.name),
                );
            }
            self.is_reached(table, &term, &terms);
            terms.push((table, term));
        }
        if right
            && model == Some(Model::InterchangePlusPlus)
            && !terms.iter().any(|(_, term)| term.component == CostComponent::Markup)
        {
            self.found(
                version.at,
                "an interchange++ contract needs a term of \"markup\"".to_owned(),
            );
        }
        right.then(|| terms.into_iter().map(|(_, term)| term).collect())
    }

    /// Refuses a term whose lines are all priced by one before it.
    fn is_reached(&mut self, table: Table<'t>, term: &CostTerm, before: &[(Table<'t>, CostTerm)]) {
        let hides = |other: &CostTerm| {
            other.component == term.component
                && other.fits.is_open()
                && term.records.iter().all(|record| other.records.contains(record))
                && term.rates.keys().all(|currency| other.rates.contains_key(currency))
        };
        if let Some((other, _)) = before.iter().find(|(_, other)| hides(other)) {
            let line = self.line(other.at);
            self.found(
                table.at,
                format!("this term is never reached: the one on line {line} fits every line that it fits"),
            );
        }
    }

    fn term(&mut self, table: Table<'t>, model: Option<Model>) -> Option<CostTerm> {
        self.only(table, &[TERM_FIELDS, PRICE_FIELDS].concat());
        let name = self.name(table);
        let component = match (model, table.get("of")) {
            (None, _) => None,
            (Some(Model::Blended), None) => Some(CostComponent::Total),
            (Some(Model::Blended), Some((at, _))) => {
                self.found(
                    at,
                    "a blended contract prices all costs together: leave `of` out, or write model = \
                     \"interchange_plus_plus\""
                        .to_owned(),
                );
                None
            }
            (Some(Model::InterchangePlusPlus), _) => self.word(table, "of"),
        };
        let records = self.records(table);
        let fits = self.filter(table);
        let rates = self.rates(table);
        let (percentage, rates) = rates?;
        Some(CostTerm {
            name: name?.text.into(),
            component: component?,
            records: records?,
            fits: fits?,
            percentage,
            rates,
        })
    }

    /// The records that a term is for; captures where it does not say.
    fn records(&mut self, table: Table<'t>) -> Option<Vec<RecordType>> {
        if table.get("record").is_none() {
            return Some(vec![RecordType::Capture]);
        }
        let mut records = Vec::new();
        let texts = self.texts(table, "record");
        for text in &texts {
            let known = RecordType::ALL
                .into_iter()
                .find(|record| record.is_of_item() && record.name() == text.text);
            match known {
                Some(record) => records.push(record),
                None => self.unknown_record(*text),
            }
        }
        (!records.is_empty() && records.len() == texts.len()).then_some(records)
    }

    fn unknown_record(&mut self, text: Text<'t>) {
        let known: Vec<&str> = RecordType::ALL
            .into_iter()
            .filter(|record| record.is_of_item())
            .map(RecordType::name)
            .collect();
        let shown = shorten(text.text, 40);
        self.found(
            text.at,
            format!(
                "`{shown}` is not a record that has costs of its own: those are {}",
                known.join(", ")
            ),
        );
    }

    fn rates(&mut self, table: Table<'t>) -> Option<(Decimal, BTreeMap<Currency, CostRates>)> {
        let percentage = self.percentage(table);
        let fixed = self.required_amounts(table, "fixed");
        let minimum = self.amounts(table, "minimum");
        let cap = self.amounts(table, "cap");
        let fixed = fixed?;
        for (field, amounts) in [("minimum", &minimum), ("cap", &cap)] {
            for currency in amounts.keys().filter(|currency| !fixed.contains_key(currency)) {
                let at = table.get(field).map_or(table.at, |(at, _)| at);
                self.found(
                    at,
                    format!("`{field}` is in {currency}, and `fixed` does not price {currency}"),
                );
            }
        }
        let rates: BTreeMap<Currency, CostRates> = fixed
            .into_iter()
            .map(|(currency, fixed)| {
                let of = |amounts: &Amounts| amounts.get(&currency).map(|amount| amount.minor());
                let rates = CostRates {
                    fixed: fixed.minor(),
                    minimum: of(&minimum),
                    cap: of(&cap),
                };
                (currency, rates)
            })
            .collect();
        for (currency, rates) in &rates {
            let least = rates.fixed.max(rates.minimum.unwrap_or(0));
            if rates.cap.is_some_and(|cap| cap < least) {
                let at = table.get("cap").map_or(table.at, |(at, _)| at);
                self.found(
                    at,
                    format!("the cap in {currency} is below the minimum or the fixed part"),
                );
            }
        }
        Some((percentage?, rates))
    }
}

#[cfg(test)]
mod tests;
