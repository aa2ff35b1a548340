//! Merchants and where their payouts go.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use toml::de::DeValue;

use super::reader::{Reader, Table, Text};
use super::{Amounts, MerchantPayouts, Place};
use crate::card_number::shorten;
use crate::ids::ReferenceError;

/// How far a merchant has come with us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MerchantState {
    /// It asked to join.
    #[default]
    Applied,
    /// We know who it is.
    Verified,
    /// It sells, and is paid.
    Active,
    /// Not paid until it is active again.
    Suspended,
    /// It has left, for ever.
    Closed,
}

impl MerchantState {
    /// All, in the order in which they are gone through.
    pub const ALL: [Self; 5] = [
        Self::Applied,
        Self::Verified,
        Self::Active,
        Self::Suspended,
        Self::Closed,
    ];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Verified => "verified",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    /// The states that may come next; staying is always allowed.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Applied => &[Self::Verified, Self::Closed],
            Self::Verified => &[Self::Active, Self::Closed],
            Self::Active => &[Self::Suspended, Self::Closed],
            Self::Suspended => &[Self::Active, Self::Closed],
            Self::Closed => &[],
        }
    }

    /// Whether a merchant that was in no settings before may be in this state. A deployment begins with merchants that exist:
    /// they have been verified, and sell. That one was suspended or closed is history, which the settings do not have of it.
    pub fn may_begin(self) -> bool {
        self <= Self::Active
    }
}

/// When a merchant's captures become payable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Availability {
    /// When a settlement file has proven them.
    #[default]
    Reconciled,
    /// So many business days after the day of the sale, whatever the acquirer has reported.
    SalesDay {
        /// Business days.
        days: u16,
        /// The same for payment methods that have days of their own.
        by_method: BTreeMap<String, u16>,
        /// The calendars that count them: all of them are open, of the acquirer's country and of the currency. At least one.
        calendars: Vec<CalendarName>,
    },
}

/// The name of a calendar, and where in the file it stands: whether there is one of that name is known by the database alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarName {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub at: Place,
}

/// What is withheld of a merchant's sales.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    /// How much.
    pub rule: ReserveRule,
    /// How many days after the sale it is released.
    pub release_after_days: u16,
}

/// How much a reserve withholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReserveRule {
    /// A fraction of the gross of every capture, rounded half to even.
    Rolling(Decimal),
    /// All that becomes available until the reserve holds this much; currencies not listed: nothing.
    Fixed(Amounts),
}

/// A merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The name that events use.
    pub name: String,
    /// The name of its fee schedule.
    pub fee_schedule: String,
    /// How far it has come with us; only an active one is paid.
    pub state: MerchantState,
    /// Where its state stands, or the merchant where it has none: whether it may follow the state before is known by the
    /// database alone.
    pub state_at: Place,
    /// The zone of its days, where it is not the house's: refund windows end at its midnight.
    pub time_zone: Option<Tz>,
    /// When its captures become payable.
    pub availability: Availability,
    /// What is withheld of its sales.
    pub reserve: Option<Reserve>,
    /// Whether a refund that nothing else covers may be taken from its reserve.
    pub refunds_from_reserve: bool,
    /// How far refunds may take it below zero; currencies not listed: not at all.
    pub negative_limit: Amounts,
    /// How much of its pending money may be advanced at a time; currencies not listed: nothing.
    pub advance_limit: Amounts,
    /// What of the rules for payouts it has of its own.
    pub payout: MerchantPayouts,
    /// Where its payouts go; without one, nothing is paid out.
    pub destination: Option<Destination>,
}

/// A bank account that payouts are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Whose account it is.
    pub holder: String,
    /// IBAN or account number.
    pub account: String,
    /// BIC or bank code; may be empty for an IBAN.
    pub bank: String,
    /// Since when we know that it is the merchant's; nothing is sent to one that is not verified.
    pub verified_on: Option<NaiveDate>,
    /// Since when what made payouts to it come back is corrected, though it is the same account.
    pub corrected_on: Option<NaiveDate>,
    /// Where it stands.
    pub at: Place,
}

impl Destination {
    /// Whether money sent to the other one arrives at the same place.
    pub fn is_same_account(&self, other: &Self) -> bool {
        (&self.holder, &self.account, &self.bank) == (&other.holder, &other.account, &other.bank)
    }
}

impl<'t> Reader<'t> {
    pub(super) fn merchant(
        &mut self,
        table: Table<'t>,
        name: &str,
        schedule_known: &dyn Fn(&str) -> bool,
    ) -> Option<Merchant> {
        self.only(
            table,
            &[
                "name",
                "fee_schedule",
                "state",
                "time_zone",
                "availability",
                "reserve",
                "refunds_from_reserve",
                "negative_limit",
                "advance_limit",
                "payout",
                "destination",
            ],
        );
        let fee_schedule = self.text(table, "fee_schedule");
        if let Some(schedule) = fee_schedule.filter(|schedule| !schedule_known(schedule.text)) {
            let wanted = shorten(schedule.text, 40);
            self.found(
                schedule.at,
                format!("`{wanted}` is not a fee schedule: there is no [[fee_schedule]] of that name"),
            );
        }
        let state = self.optional_word(table, "state");
        let state_at = table.get("state").map_or(table.at, |(at, _)| at);
        let time_zone = match table.get("time_zone") {
            None => Some(None),
            Some(_) => self.time_zone(table, "time_zone").map(Some),
        };
        let availability = self.availability(table);
        let reserve = self.optional(table, "reserve", Self::reserve);
        let refunds_from_reserve = self.optional_flag(table, "refunds_from_reserve");
        let negative_limit = self.amounts(table, "negative_limit");
        let advance_limit = self.amounts(table, "advance_limit");
        let payout = self.optional(table, "payout", Self::merchant_payouts);
        let destination = self.optional(table, "destination", Self::destination);
        Some(Merchant {
            name: name.to_owned(),
            fee_schedule: fee_schedule?.text.to_owned(),
            state: state?.unwrap_or_default(),
            state_at: Place(state_at),
            time_zone: time_zone?,
            availability: availability?,
            reserve: reserve?,
            refunds_from_reserve: refunds_from_reserve?.unwrap_or(false),
            negative_limit,
            advance_limit,
            payout: payout?.unwrap_or_default(),
            destination: destination?,
        })
    }

    fn availability(&mut self, parent: Table<'t>) -> Option<Availability> {
        const FIELD: &str = "availability";
        match parent.get(FIELD) {
            None => Some(Availability::default()),
            Some((_, DeValue::String(word))) if word == "reconciled" => Some(Availability::Reconciled),
            Some((at, DeValue::Table(fields))) => {
                let table = Table {
                    name: FIELD,
                    at,
                    fields,
                };
                self.only(table, &["sales_day", "by_method", "calendar"]);
                let days = self.days(table, "sales_day");
                let by_method = self.days_by_method(table);
                let mut named = self.texts(table, "calendar");
                if named.is_empty() {
                    self.missing(table, "calendar");
                }
                named.retain(|text| self.checked("calendar", *text, |_| true).is_some());
                let calendars = named.into_iter().map(|Text { at, text }| CalendarName {
                    name: text.to_owned(),
                    at: Place(at),
                });
                let calendars: Vec<CalendarName> = calendars.collect();
                let days = days.filter(|_| !calendars.is_empty())?;
                Some(Availability::SalesDay {
                    days,
                    by_method,
                    calendars,
                })
            }
            Some((at, value)) => self.wrong_type(
                at,
                FIELD,
                value,
                "\"reconciled\", or { sales_day = 2, calendar = \"TARGET2\" }",
            ),
        }
    }

    /// Days by payment method, like `{ carrier = 60 }`; none where the field is absent.
    fn days_by_method(&mut self, parent: Table<'t>) -> BTreeMap<String, u16> {
        const FIELD: &str = "by_method";
        let fields = match parent.get(FIELD) {
            None => return BTreeMap::new(),
            Some((_, DeValue::Table(fields))) => fields,
            Some((at, value)) => {
                self.wrong_type::<()>(at, FIELD, value, "a table, like { carrier = 60 }");
                return BTreeMap::new();
            }
        };
        let (name, at) = (FIELD, parent.at);
        let table = Table { name, at, fields };
        let named = fields.keys().map(|method| method.get_ref().as_ref());
        let days = named.filter_map(|method| Some((method.to_owned(), self.days(table, method)?)));
        days.collect()
    }

    fn reserve(&mut self, table: Table<'t>) -> Option<Reserve> {
        self.only(table, &["percentage", "fixed", "release_after_days"]);
        let release_after_days = self.days(table, "release_after_days");
        let rule = match (table.get("percentage"), table.get("fixed")) {
            (Some(_), None) => self.percentage(table).map(ReserveRule::Rolling),
            (None, Some(_)) => Some(ReserveRule::Fixed(self.amounts(table, "fixed"))),
            (Some(_), Some(_)) | (None, None) => {
                self.found(
                    table.at,
                    "a reserve is either a `percentage` of each capture or a `fixed` amount".to_owned(),
                );
                None
            }
        };
        Some(Reserve {
            rule: rule?,
            release_after_days: release_after_days?,
        })
    }

    pub(super) fn destination(&mut self, table: Table<'t>) -> Option<Destination> {
        self.only(table, &["holder", "account", "bank", "verified_on", "corrected_on"]);
        let holder = self.reference(table, "holder");
        // Not looked through for card numbers: account numbers of 13 to 16 digits are common, and one in ten passes the check.
        let account = self
            .text(table, "account")
            .and_then(|account| self.checked("account", account, |error| error != ReferenceError::CardNumber));
        let bank = match table.get("bank") {
            Some((_, DeValue::String(bank))) if bank.is_empty() => Some(""),
            Some(_) => self.reference(table, "bank"),
            None => Some(""),
        };
        let verified_on = self.optional_day(table, "verified_on");
        let corrected_on = self.optional_day(table, "corrected_on");
        Some(Destination {
            holder: holder?.to_owned(),
            account: account?.to_owned(),
            bank: bank?.to_owned(),
            verified_on: verified_on?,
            corrected_on: corrected_on?,
            at: Place(table.at),
        })
    }
}
