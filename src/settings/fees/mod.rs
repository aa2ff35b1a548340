//! Merchant fee schedules: what is charged, how it is rounded and taxed, what is given back.
//!
//! A schedule has versions, told apart by the day from which they are in force; so has a VAT class, whose rate changes by its
//! own dates. Amounts of a price are minor units with fractions, kept exactly: only a schedule whose scope is wider than one
//! item may use the fractions, because only there are fees added up before they are rounded.

mod price;
#[cfg(test)]
mod tests;
mod vat;
mod versions;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use toml::de::DeValue;

pub use self::price::{Filter, Percentage, Price, Rates, Tier};
pub use self::vat::{NotAVatRate, VatClass, VatRate, VatVersion};
pub(super) use self::versions::Days;
use super::Amounts;
use super::reader::{Reader, Table};
use crate::card_number::shorten;
use crate::dates::month_of;
use crate::money::Rounding;

/// The first day that a file may speak of: the version of a schedule that is in force since ever.
const SINCE_EVER: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// One version of a merchant's fees.
#[derive(Debug, Clone, PartialEq)]
pub struct FeeSchedule {
    /// Its name.
    pub name: Arc<str>,
    /// The first day on which it is in force; since ever where there is none.
    pub effective_from: Option<NaiveDate>,
    /// The first day on which it is not any more.
    pub until: Option<NaiveDate>,
    /// How a fraction of a minor unit becomes a whole one.
    pub rounding: Rounding,
    /// Over what fees are added up before they are rounded.
    pub scope: Scope,
    /// What a merchant gets back with a refund.
    pub returned_on_refund: ReturnPolicy,
    /// The VAT of each component.
    pub vat: ComponentVat,
    /// What a month's fees must come to.
    pub monthly_minimum: Amounts,
    /// Fees for what happens beside captures.
    pub event: EventFees,
    /// Whether the fee for a chargeback is given back with its reversal.
    pub dispute_fee_returned_when_won: bool,
    /// In order: the first that fits a capture is its price.
    pub prices: Vec<Price>,
}

/// Over what fees are added up before they are rounded to minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Nothing: each capture's fee is rounded.
    Item,
    /// The captures of a booking day.
    Batch,
    /// The captures of a calendar month.
    Invoice,
    /// All captures under the version of the schedule.
    Contract,
}

/// What of a capture's fee a merchant gets back with a refund, in proportion to what is refunded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnPolicy {
    /// Nothing.
    #[default]
    Nothing,
    /// The percentage, not the fixed part.
    Percentage,
    /// Both.
    All,
}

/// The VAT class of each component of a fee; exempt where there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComponentVat {
    /// Of the percentage.
    pub percentage: Option<Arc<VatClass>>,
    /// Of the fixed part.
    pub fixed: Option<Arc<VatClass>>,
    /// Of fees for events, and of the top-up to a monthly minimum.
    pub event: Option<Arc<VatClass>>,
    /// Of interchange and scheme fees that are passed on.
    pub costs: Option<Arc<VatClass>>,
}

/// Fees for what happens beside captures. Nothing is charged in currencies that are not listed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFees {
    /// Per authorization.
    pub authorization: Amounts,
    /// Per refund.
    pub refund: Amounts,
    /// Per chargeback.
    pub dispute: Amounts,
    /// Per payout.
    pub payout: Amounts,
    /// Fraction of an advance: 0.02 for 2 %.
    pub advance_percentage: Decimal,
}

impl FeeSchedule {
    /// The day that tells the version from others of its name: its first, or the first day of all.
    pub fn version(&self) -> NaiveDate {
        self.effective_from.unwrap_or(SINCE_EVER)
    }

    /// Whether it prices the captures of a booking date.
    pub fn is_in_force(&self, day: NaiveDate) -> bool {
        self.effective_from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }

    /// The first day of the period over which the fees of a day are added up; none where each is rounded by itself.
    pub fn period(&self, day: NaiveDate) -> Option<NaiveDate> {
        match self.scope {
            Scope::Item => None,
            Scope::Batch => Some(day),
            Scope::Invoice => Some(month_of(day)),
            Scope::Contract => Some(self.version()),
        }
    }
}

const SCHEDULE_FIELDS: &[&str] = &[
    "name",
    "effective_from",
    "until",
    "rounding",
    "scope",
    "returned_on_refund",
    "vat",
    "monthly_minimum",
    "event",
    "dispute_fee_returned_when_won",
    "price",
];

/// What a schedule is read with.
pub(super) struct Context<'c> {
    /// The first day of the file, if it could be read.
    pub(super) effective_from: Option<NaiveDate>,
    /// By name.
    pub(super) vat_classes: &'c BTreeMap<String, Arc<VatClass>>,
}

impl<'t> Reader<'t> {
    /// The versions of all schedules by name, in the order of their days.
    pub(super) fn fee_schedules(
        &mut self,
        root: Table<'t>,
        context: &Context<'_>,
    ) -> BTreeMap<String, Vec<FeeSchedule>> {
        self.versions(root, "fee_schedule", |reader, table, name, days| {
            reader.fee_schedule(table, name, days, context)
        })
    }

    fn fee_schedule(&mut self, table: Table<'t>, name: &str, days: Days, context: &Context<'_>) -> Option<FeeSchedule> {
        self.only(table, &[SCHEDULE_FIELDS, price::INLINE_FIELDS].concat());
        let rounding = self.word(table, "rounding");
        let scope = self.optional_word(table, "scope");
        let scope = scope.map(|scope| scope.unwrap_or(Scope::Item));
        let returned_on_refund = self.optional_word(table, "returned_on_refund");
        let since = days.from.max(context.effective_from);
        let vat = self.component_vat(table, since, context.vat_classes);
        let monthly_minimum = self.amounts(table, "monthly_minimum");
        let event = self.optional(table, "event", Self::event_fees);
        let returned_when_won = self.optional_flag(table, "dispute_fee_returned_when_won");
        // Where the scope is wrong, that is what is to be found, and not fractions too.
        let prices = self.prices(table, scope.unwrap_or(Scope::Contract));
        if let Some(prices) = &prices {
            self.costs_are_passed_on(table, prices);
        }
        Some(FeeSchedule {
            name: name.into(),
            effective_from: days.from,
            until: days.until,
            rounding: rounding?,
            scope: scope?,
            returned_on_refund: returned_on_refund?.unwrap_or(ReturnPolicy::Nothing),
            vat: vat?,
            monthly_minimum,
            event: event?.unwrap_or_default(),
            dispute_fee_returned_when_won: returned_when_won?.unwrap_or(false),
            prices: prices?,
        })
    }

    /// A class of costs that no price passes on would never be used.
    fn costs_are_passed_on(&mut self, table: Table<'t>, prices: &[Price]) {
        if let Some((at, DeValue::Table(fields))) = table.get("vat")
            && let Some((at, _)) = (Table {
                name: "vat",
                at,
                fields,
            })
            .get("costs")
            && !prices.iter().any(|price| price.passes_costs)
        {
            let message = "the VAT of `costs` is never used: no price has `passes_costs`";
            self.found(at, message.to_owned());
        }
    }

    fn event_fees(&mut self, table: Table<'t>) -> Option<EventFees> {
        self.only(
            table,
            &["authorization", "refund", "dispute", "payout", "advance_percentage"],
        );
        let advance_percentage = self.optional_percentage(table, "advance_percentage");
        Some(EventFees {
            authorization: self.amounts(table, "authorization"),
            refund: self.amounts(table, "refund"),
            dispute: self.amounts(table, "dispute"),
            payout: self.amounts(table, "payout"),
            advance_percentage: advance_percentage?.unwrap_or(Decimal::ZERO),
        })
    }

    /// One class for all components, or a table of classes by component.
    fn component_vat(
        &mut self,
        table: Table<'t>,
        since: Option<NaiveDate>,
        classes: &BTreeMap<String, Arc<VatClass>>,
    ) -> Option<ComponentVat> {
        match table.get("vat") {
            None => Some(ComponentVat::default()),
            Some((at, DeValue::Table(fields))) => {
                let name = "vat";
                let table = Table { name, at, fields };
                self.only(table, &["percentage", "fixed", "event", "costs"]);
                let percentage = self.vat_class_of(table, "percentage", since, classes);
                let fixed = self.vat_class_of(table, "fixed", since, classes);
                let event = self.vat_class_of(table, "event", since, classes);
                let costs = self.vat_class_of(table, "costs", since, classes);
                Some(ComponentVat {
                    percentage: percentage?,
                    fixed: fixed?,
                    event: event?,
                    costs: costs?,
                })
            }
            Some(_) => {
                let class = self.vat_class_of(table, "vat", since, classes)?;
                Some(ComponentVat {
                    percentage: class.clone(),
                    fixed: class.clone(),
                    event: class.clone(),
                    costs: class,
                })
            }
        }
    }

    /// A class that has a rate on every day on which the schedule is in force.
    fn vat_class_of(
        &mut self,
        table: Table<'t>,
        field: &str,
        since: Option<NaiveDate>,
        classes: &BTreeMap<String, Arc<VatClass>>,
    ) -> Option<Option<Arc<VatClass>>> {
        if table.get(field).is_none() {
            return Some(None);
        }
        let text = self.text(table, field)?;
        let shown = shorten(text.text, 40);
        let Some(class) = classes.get(text.text) else {
            self.found(
                text.at,
                format!("`{shown}` is not a VAT class: there is no [[vat_class]] of that name"),
            );
            return None;
        };
        let begins = class.versions.first().and_then(|first| first.effective_from);
        if let (Some(begins), Some(since)) = (begins, since)
            && begins > since
        {
            self.found(
                text.at,
                format!("`{shown}` has no rate before {begins}, and the schedule is in force from {since}"),
            );
            return None;
        }
        Some(Some(Arc::clone(class)))
    }
}
