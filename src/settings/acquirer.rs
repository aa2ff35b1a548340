//! Acquirers and our contracts with them.

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::reader::{Reader, Table};
use super::{Amounts, CalendarName, CostContract, Place};
use crate::card_number::shorten;
use crate::money::Currency;

/// Whether an acquirer takes its fees out of each settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// Fees are taken out of each line; costs are booked from the file.
    Net,
    /// Lines settle in full; fees are invoiced later.
    Gross,
}

/// What an acquirer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcquirerKind {
    /// It settles cards, wallets, bank debits: what it owes us is account 1100.
    #[default]
    Acquirer,
    /// A phone carrier: what it owes us is account 1130, and unpaid phone bills are deducted later.
    Carrier,
}

/// Who bears an unpaid phone bill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bearer {
    /// The merchant.
    #[default]
    Merchant,
    /// We do.
    House,
}

/// What becomes of a settlement file that states nothing which its lines could be held to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unproven {
    /// It is booked.
    #[default]
    Book,
    /// It waits in quarantine for somebody who releases it.
    Hold,
}

/// How much a payer may use of a carrier in a calendar month.
#[derive(Debug, Clone, PartialEq)]
pub struct MonthlyLimit {
    /// The limit; currencies not listed have none.
    pub amounts: Amounts,
    /// The zone whose months count.
    pub time_zone: Tz,
}

/// An acquirer and our contract with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Acquirer {
    /// Its name: the dimension of its accounts.
    pub name: Arc<str>,
    /// Acquirer or carrier; the same in every version.
    pub kind: AcquirerKind,
    /// Where its kind stands, or the acquirer where it has none: whether it may be that is known by the versions before.
    pub kind_at: Place,
    /// Net or gross settlement.
    pub contract: Contract,
    /// How many days after its booking date an item is expected in a settlement file, at the latest.
    pub settles_within_days: u16,
    /// The largest difference of gross amounts, per line, that is booked as rounding instead of as a break. None for currencies
    /// not listed.
    pub tolerance: Amounts,
    /// What is so booked may come to this much in a batch. Any amount for currencies not listed.
    pub batch_tolerance: Amounts,
    /// What is so booked may come to this much in a calendar month. Any amount for currencies not listed.
    pub monthly_tolerance: Amounts,
    /// What it withholds as reserve of the gross of each capture, as a fraction; none where the contract does not say.
    pub reserve: Option<Decimal>,
    /// The rates by which it converts, by their first days; none where it is free to choose.
    pub rates: Vec<AgreedRate>,
    /// What lines should cost by contract, by the first day of each version; none where costs are not known beforehand.
    pub costs: Vec<CostContract>,
    /// By which fraction captures may exceed the authorization; 0 where the contract allows none.
    pub over_capture: Decimal,
    /// Whether a part of a capture can be refunded by the acquirer's rail.
    pub partial_refunds: bool,
    /// Who bears what a carrier deducts as unpaid.
    pub unpaid_borne_by: Bearer,
    /// How much a payer may use in a month.
    pub monthly_limit: Option<MonthlyLimit>,
    /// Whether its batches are numbered without a gap.
    pub numbered_batches: bool,
    /// On which days it sends a file.
    pub expects: Option<Expected>,
    /// What becomes of a file of its that nothing proves.
    pub unproven: Unproven,
}

/// A rate by which an acquirer converts from some day on.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreedRate {
    /// The currency of the gross.
    pub from: Currency,
    /// That of the net.
    pub to: Currency,
    /// The first day of lines that it is for; since ever where there is none.
    pub effective_from: Option<NaiveDate>,
    /// How much of one unit of the first is in the second.
    pub rate: Decimal,
    /// How far what the acquirer makes of it may be away, as a fraction of it.
    pub tolerance: Decimal,
}

/// On which days a file is expected, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// About every business day of this calendar there is one.
    pub calendar: CalendarName,
    /// How many days after the day that it is about it comes, at the latest.
    pub within_days: u16,
}

impl Acquirer {
    /// The calendar of its business days, where one is named.
    pub fn calendar(&self) -> Option<&str> {
        self.expects.as_ref().map(|expected| &*expected.calendar.name)
    }

    /// The cost contract that prices lines of a day, if there is one.
    pub fn cost_on(&self, day: NaiveDate) -> Option<&CostContract> {
        let begun = |version: &&CostContract| version.effective_from.is_none_or(|from| from <= day);
        self.costs.iter().rev().find(begun)
    }

    /// The rate agreed for lines of a day, if there is one.
    pub fn rate_on(&self, from: Currency, to: Currency, day: NaiveDate) -> Option<&AgreedRate> {
        let fits = |agreed: &&AgreedRate| {
            (agreed.from, agreed.to) == (from, to) && agreed.effective_from.is_none_or(|first| first <= day)
        };
        self.rates.iter().rev().find(fits)
    }
}

impl<'t> Reader<'t> {
    pub(super) fn acquirer(&mut self, table: Table<'t>, name: &str) -> Option<Acquirer> {
        self.only(
            table,
            &[
                "name",
                "kind",
                "contract",
                "settles_within_days",
                "tolerance",
                "batch_tolerance",
                "monthly_tolerance",
                "reserve",
                "rate",
                "cost",
                "over_capture",
                "partial_refunds",
                "unpaid_borne_by",
                "monthly_limit",
                "numbered_batches",
                "expects",
                "unproven",
            ],
        );
        let kind = self.optional_word(table, "kind");
        let kind_at = table.get("kind").map_or(table.at, |(at, _)| at);
        let contract = self.word(table, "contract");
        let settles_within_days = self.days(table, "settles_within_days");
        let tolerance = self.amounts(table, "tolerance");
        let batch_tolerance = self.amounts(table, "batch_tolerance");
        let monthly_tolerance = self.amounts(table, "monthly_tolerance");
        let reserve = self.optional_percentage(table, "reserve");
        let rates = self.agreed_rates(table);
        let costs = self.costs(table);
        let over_capture = self.optional_percentage(table, "over_capture");
        let partial_refunds = self.optional_flag(table, "partial_refunds");
        let unpaid_borne_by = self.optional_word(table, "unpaid_borne_by");
        let monthly_limit = self.optional(table, "monthly_limit", Self::monthly_limit);
        let numbered_batches = self.optional_flag(table, "numbered_batches");
        let expects = self.optional(table, "expects", Self::expected);
        let unproven = self.optional_word(table, "unproven");
        Some(Acquirer {
            name: name.into(),
            kind: kind?.unwrap_or_default(),
            kind_at: Place(kind_at),
            contract: contract?,
            settles_within_days: settles_within_days?,
            tolerance,
            batch_tolerance,
            monthly_tolerance,
            reserve: reserve?,
            rates: rates?,
            costs: costs?,
            over_capture: over_capture?.unwrap_or_default(),
            partial_refunds: partial_refunds?.unwrap_or(true),
            unpaid_borne_by: unpaid_borne_by?.unwrap_or_default(),
            monthly_limit: monthly_limit?,
            numbered_batches: numbered_batches?.unwrap_or_default(),
            expects: expects?,
            unproven: unproven?.unwrap_or_default(),
        })
    }

    /// The rates agreed, by their first days.
    fn agreed_rates(&mut self, acquirer: Table<'t>) -> Option<Vec<AgreedRate>> {
        let tables = self.listed_tables(acquirer, "rate", "rate", "[[acquirer.rate]]");
        let mut rates: Vec<AgreedRate> = Vec::with_capacity(tables.len());
        let mut right = true;
        for table in tables {
            let Some(rate) = self.agreed_rate(table) else {
                right = false;
                continue;
            };
            let same = |other: &AgreedRate| {
                (other.from, other.to, other.effective_from) == (rate.from, rate.to, rate.effective_from)
            };
            if rates.iter().any(same) {
                let (from, to) = (rate.from, rate.to);
                self.found(
                    table.at,
                    format!("there is another rate from {from} to {to} of the same first day"),
                );
            }
            rates.push(rate);
        }
        rates.sort_by_key(|rate| rate.effective_from);
        right.then_some(rates)
    }

    fn agreed_rate(&mut self, table: Table<'t>) -> Option<AgreedRate> {
        self.only(table, &["from", "to", "effective_from", "rate", "tolerance"]);
        let from = self.text(table, "from");
        let from = from.and_then(|text| self.currency(text.at, text.text));
        let to = self.text(table, "to");
        let to = to.and_then(|text| self.currency(text.at, text.text));
        let effective_from = self.optional_day(table, "effective_from");
        let rate = self.text(table, "rate");
        let rate = rate.and_then(|text| {
            let rate = Decimal::from_str_exact(text.text)
                .ok()
                .filter(|rate| *rate > Decimal::ZERO);
            if rate.is_none() {
                let shown = shorten(text.text, 40);
                self.found(
                    text.at,
                    format!("`{shown}` is not a rate: write how much one unit is, like \"1.0875\""),
                );
            }
            rate
        });
        let tolerance = self.optional_percentage(table, "tolerance");
        if from.is_some() && from == to {
            self.found(table.at, "a rate is from one currency to another".to_owned());
        }
        Some(AgreedRate {
            from: from?,
            to: to?,
            effective_from: effective_from?,
            rate: rate?,
            tolerance: tolerance?.unwrap_or_default(),
        })
    }

    fn expected(&mut self, table: Table<'t>) -> Option<Expected> {
        self.only(table, &["calendar", "within_days"]);
        let calendar = self.text(table, "calendar");
        let calendar = calendar.filter(|text| self.checked("calendar", *text, |_| true).is_some());
        let within_days = self.days(table, "within_days");
        let calendar = calendar?;
        Some(Expected {
            calendar: CalendarName {
                name: calendar.text.to_owned(),
                at: Place(calendar.at),
            },
            within_days: within_days?,
        })
    }

    fn monthly_limit(&mut self, table: Table<'t>) -> Option<MonthlyLimit> {
        self.only(table, &["amounts", "time_zone"]);
        let amounts = self.required_amounts(table, "amounts");
        let time_zone = self.time_zone(table, "time_zone");
        Some(MonthlyLimit {
            amounts: amounts?,
            time_zone: time_zone?,
        })
    }
}
