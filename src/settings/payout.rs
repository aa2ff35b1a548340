//! Payouts: when, how much, what stands in their way, and who approves them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Weekday;
use toml::de::DeValue;

use super::ladder::Ladder;
use super::reader::{Reader, Table, Text};
use super::{Amounts, CalendarName, Place};
use crate::calendar::Roll;
use crate::card_number::shorten;
use crate::money::Currency;

/// For how many days nothing is sent to a changed bank account, where settings do not say.
const COOLING_OFF_DAYS: u16 = 3;

/// For how many days after that one more approves, where settings do not say.
const EXTRA_APPROVER_DAYS: u16 = 30;

/// On which days a merchant is paid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Schedule {
    /// Every day.
    #[default]
    Daily,
    /// One day of the week.
    Weekly(Weekday),
    /// Days of the month, 1 to 31; the 29th to 31st are the last day of a month that has no such day.
    Monthly(BTreeSet<u8>),
    /// When somebody asks for it.
    OnDemand,
}

/// What of the rules for payouts a merchant has of its own; what it has none of goes by the rules for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MerchantPayouts {
    /// On which days.
    pub schedule: Option<Schedule>,
    /// What a payout must be worth, by currency.
    pub minimum: Amounts,
    /// What is never paid out, by currency.
    pub keep_minimum: Amounts,
}

/// Whom a file of ACH credits pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receivers {
    /// Companies: CCD.
    Companies,
    /// People: PPD.
    People,
}

/// What a bank has agreed on for files of ACH credits (NACHA).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NachaTerms {
    /// The bank's routing number.
    pub routing: String,
    /// Its name.
    pub bank_name: String,
    /// Our company's number at the bank.
    pub company_id: String,
    /// Whom we pay.
    pub receivers: Receivers,
}

/// A break class that settings name, and where: whether there is one of that name is known elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakClassName {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub at: Place,
}

/// What becomes of the fee of a payout that came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnedFee {
    /// The merchant gets it back, with its VAT: the payout is as if it had not been.
    #[default]
    GivenBack,
    /// It stays charged.
    Kept,
}

/// What settings say of payouts.
#[derive(Debug, Clone, PartialEq)]
pub struct PayoutRules {
    /// The smallest payout; less is carried forward. Currencies not listed: any amount above zero.
    pub minimum: Amounts,
    /// For how many days money may be kept for being less than that; none where it may be for ever.
    pub forced_after_days: Option<u16>,
    /// After how many days a merchant is asked for what it owes beyond all that it has; none where it is only set off.
    pub collect_after_days: Option<u16>,
    /// What stays with us of every merchant's money. Currencies not listed: nothing.
    pub keep_minimum: Amounts,
    /// On which days merchants are paid that have no days of their own.
    pub schedule: Schedule,
    /// Where a day goes on which banks are closed.
    pub roll: Roll,
    /// Whose banks have to be open, by the currency of the payout. Currencies not listed: every day is open.
    pub calendars: BTreeMap<Currency, CalendarName>,
    /// A merchant with an open break of one of these classes is not paid.
    pub blocked_by: Vec<BreakClassName>,
    /// For how many days after a merchant's bank account changes nothing is sent to it.
    pub cooling_off_days: u16,
    /// For how many days after that payouts to it need one approval more than they would.
    pub extra_approver_days: u16,
    /// What becomes of the fee of one that came back.
    pub returned_fee: ReturnedFee,
    /// Who approves, by the amount of each payout; none where only the total counts.
    pub each: Option<Ladder>,
    /// Who approves, by the sum of all payouts of a cut-off in a currency; none where only each of them counts.
    /// Without any ladder one other person approves everything.
    pub total: Option<Ladder>,
}

impl Default for PayoutRules {
    fn default() -> Self {
        Self {
            minimum: Amounts::new(),
            forced_after_days: None,
            collect_after_days: None,
            keep_minimum: Amounts::new(),
            schedule: Schedule::default(),
            roll: Roll::default(),
            calendars: BTreeMap::new(),
            blocked_by: Vec::new(),
            cooling_off_days: COOLING_OFF_DAYS,
            extra_approver_days: EXTRA_APPROVER_DAYS,
            returned_fee: ReturnedFee::default(),
            each: None,
            total: None,
        }
    }
}

impl<'t> Reader<'t> {
    pub(super) fn payout(&mut self, table: Table<'t>) -> Option<PayoutRules> {
        self.only(
            table,
            &[
                "minimum",
                "forced_after_days",
                "collect_after_days",
                "keep_minimum",
                "schedule",
                "roll",
                "calendars",
                "blocked_by",
                "cooling_off_days",
                "extra_approver_days",
                "returned_fee",
                "each",
                "total",
            ],
        );
        let minimum = self.amounts(table, "minimum");
        let mut after = |field| match table.get(field) {
            None => Some(None),
            Some(_) => self.days(table, field).map(Some),
        };
        let (forced_after_days, collect_after_days) = (after("forced_after_days"), after("collect_after_days"));
        let keep_minimum = self.amounts(table, "keep_minimum");
        let schedule = self.schedule(table);
        let roll = self.optional_word(table, "roll");
        let calendars = self.payout_calendars(table);
        let blocked_by = self.break_classes(table);
        let mut days = |field, otherwise| match table.get(field) {
            None => Some(otherwise),
            Some(_) => self.days(table, field),
        };
        let cooling_off_days = days("cooling_off_days", COOLING_OFF_DAYS);
        let extra_approver_days = days("extra_approver_days", EXTRA_APPROVER_DAYS);
        let returned_fee = self.optional_word(table, "returned_fee");
        let each = self.optional(table, "each", Self::payout_ladder);
        let total = self.optional(table, "total", Self::payout_ladder);
        Some(PayoutRules {
            minimum,
            forced_after_days: forced_after_days?,
            collect_after_days: collect_after_days?,
            keep_minimum,
            schedule: schedule?.unwrap_or_default(),
            roll: roll?.unwrap_or_default(),
            calendars,
            blocked_by,
            cooling_off_days: cooling_off_days?,
            extra_approver_days: extra_approver_days?,
            returned_fee: returned_fee?.unwrap_or_default(),
            each: each?,
            total: total?,
        })
    }

    /// The `nacha` table of an account of the house.
    pub(super) fn nacha(&mut self, table: Table<'t>) -> Option<NachaTerms> {
        self.only(table, &["routing", "bank_name", "company_id", "receivers"]);
        let routing = self.reference(table, "routing");
        let bank_name = self.reference(table, "bank_name");
        let company_id = self.reference(table, "company_id");
        let receivers = self.word(table, "receivers");
        Some(NachaTerms {
            routing: routing?.to_owned(),
            bank_name: bank_name?.to_owned(),
            company_id: company_id?.to_owned(),
            receivers: receivers?,
        })
    }

    fn payout_ladder(&mut self, table: Table<'t>) -> Option<Ladder> {
        self.only(table, &["alone", "limit_a", "limit_b"]);
        Some(self.ladder(table, "alone"))
    }

    /// What a merchant has of its own.
    pub(super) fn merchant_payouts(&mut self, table: Table<'t>) -> Option<MerchantPayouts> {
        self.only(table, &["schedule", "minimum", "keep_minimum"]);
        let schedule = self.schedule(table);
        Some(MerchantPayouts {
            schedule: schedule?,
            minimum: self.amounts(table, "minimum"),
            keep_minimum: self.amounts(table, "keep_minimum"),
        })
    }

    /// A schedule that may be absent. `None` where it is there and wrong.
    fn schedule(&mut self, parent: Table<'t>) -> Option<Option<Schedule>> {
        const FIELD: &str = "schedule";
        match parent.get(FIELD) {
            None => Some(None),
            Some((_, DeValue::String(word))) if word == "daily" => Some(Some(Schedule::Daily)),
            Some((_, DeValue::String(word))) if word == "on_demand" => Some(Some(Schedule::OnDemand)),
            Some((at, DeValue::Table(fields))) => {
                let table = Table {
                    name: FIELD,
                    at,
                    fields,
                };
                self.only(table, &["weekly", "monthly"]);
                match (table.get("weekly"), table.get("monthly")) {
                    (Some(_), None) => self.weekday(table).map(Schedule::Weekly).map(Some),
                    (None, Some((at, value))) => self.days_of_month(at, value).map(Schedule::Monthly).map(Some),
                    (Some(_), Some(_)) | (None, None) => {
                        self.found(at, "a schedule is either `weekly` or `monthly`".to_owned());
                        None
                    }
                }
            }
            Some((at, value)) => {
                let wanted = "\"daily\", \"on_demand\", { weekly = \"mon\" } or { monthly = [1, 15] }";
                self.wrong_type(at, FIELD, value, wanted)
            }
        }
    }

    fn weekday(&mut self, table: Table<'t>) -> Option<Weekday> {
        let Text { at, text } = self.text(table, "weekly")?;
        let known = [
            ("mon", Weekday::Mon),
            ("tue", Weekday::Tue),
            ("wed", Weekday::Wed),
            ("thu", Weekday::Thu),
            ("fri", Weekday::Fri),
            ("sat", Weekday::Sat),
            ("sun", Weekday::Sun),
        ];
        let found = known.into_iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let shown = shorten(text, 40);
            self.found(
                at,
                format!("`{shown}` is not a day of the week: write one of mon, tue, wed, thu, fri, sat, sun"),
            );
        }
        found.map(|(_, weekday)| weekday)
    }

    fn days_of_month(&mut self, at: usize, value: &'t DeValue<'t>) -> Option<BTreeSet<u8>> {
        let day = |item: &DeValue<'_>| {
            let DeValue::Integer(integer) = item else { return None };
            let day = u8::from_str_radix(integer.as_str(), integer.radix()).ok()?;
            (1..=31).contains(&day).then_some(day)
        };
        let days: Option<BTreeSet<u8>> = match value.as_array() {
            Some(items) => items.iter().map(|item| day(item.get_ref())).collect(),
            None => None,
        };
        let days = days.filter(|days| !days.is_empty());
        if days.is_none() {
            self.found(
                at,
                "`monthly` must be a list of days from 1 to 31, like [1, 15, 31]".to_owned(),
            );
        }
        days
    }

    fn payout_calendars(&mut self, table: Table<'t>) -> BTreeMap<Currency, CalendarName> {
        let mut calendars = BTreeMap::new();
        for (currency, text) in self.by_currency(table, "calendars") {
            if let Some(name) = self.checked("calendars", text, |_| true) {
                let (name, at) = (name.to_owned(), Place(text.at));
                calendars.insert(currency, CalendarName { name, at });
            }
        }
        calendars
    }

    fn break_classes(&mut self, table: Table<'t>) -> Vec<BreakClassName> {
        let mut classes = Vec::new();
        for text in self.texts(table, "blocked_by") {
            if let Some(name) = self.checked("blocked_by", text, |_| true) {
                let (name, at) = (name.to_owned(), Place(text.at));
                classes.push(BreakClassName { name, at });
            }
        }
        classes
    }
}
