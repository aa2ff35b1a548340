//! The world that the model lives in: contracts as plain data, written as settings for the engine and read by the model.

use std::collections::BTreeMap;
use std::fmt::Write;

use acquit::calendar::Calendar;
use acquit::store::Store;
use acquit::store::settings::Deployment;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc, Weekday};

use super::fees::{Schedule, Vat};
use super::velocity::Rule;
use crate::support;

/// The currencies of the tests and their decimals.
pub const CURRENCIES: [(&str, usize); 6] = [("EUR", 2), ("JPY", 0), ("KWD", 3), ("USD", 2), ("CLF", 4), ("KRW", 0)];
/// The house's bank account.
pub const BANK: &str = "main";

/// The calendar of business days: no weekends, and not these days.
pub const CALENDAR: &str = "TEST";
pub const HOLIDAYS: [&str; 2] = ["2026-03-03", "2026-05-01"];

/// Minor units by currency.
pub type Amounts = BTreeMap<&'static str, i64>;

/// Every version of the settings, the earliest first.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub versions: Vec<Version>,
}

#[derive(Debug, Clone, Default)]
pub struct Version {
    /// The first booking date that it governs.
    pub from: &'static str,
    pub acquirers: Vec<Acquirer>,
    pub schedules: Vec<Schedule>,
    pub merchants: BTreeMap<String, Merchant>,
    pub validity: Vec<Validity>,
    pub refunds: Vec<Refunds>,
    /// By name.
    pub velocity: Vec<Rule>,
    /// The smallest payout.
    pub minimum: Amounts,
    /// How much of all merchants' pending money may be advanced at a time.
    pub advance_limit: Amounts,
}

#[derive(Debug, Clone, Default)]
pub struct Acquirer {
    pub name: &'static str,
    pub is_carrier: bool,
    /// Fees are taken out of each line.
    pub is_net: bool,
    pub wait: u64,
    /// Whole percent of the authorized amount.
    pub over_capture: i64,
    pub whole_refunds_only: bool,
    pub house_bears_unpaid: bool,
    pub tolerance: Amounts,
    /// What a capture should cost.
    pub cost: Option<Cost>,
}

/// A percentage in parts per million, rounded half to even, and a fixed part.
#[derive(Debug, Clone, Default)]
pub struct Cost {
    pub per_million: i64,
    pub fixed: Amounts,
    pub tolerance: Amounts,
}

#[derive(Debug, Clone, Default)]
pub struct Merchant {
    pub schedule: &'static str,
    pub zone: Zone,
    pub negative_limit: Amounts,
    pub reserve: Option<Reserve>,
    pub refunds_from_reserve: bool,
    /// Captures become available so many business days after the sale, whatever is settled.
    pub sales_day: Option<u64>,
    /// Holder, account and bank.
    pub destination: Option<[&'static str; 3]>,
    /// How much of its pending money may be advanced at a time.
    pub advance_limit: Amounts,
}

/// A rolling reserve: whole percent of each capture, for so many days.
#[derive(Debug, Clone, Copy)]
pub struct Reserve {
    pub percent: i64,
    pub days: u64,
}

/// A row of the validity table.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    pub scheme: Option<&'static str>,
    pub auth_type: Option<&'static str>,
    pub initiator: Option<&'static str>,
    pub hours: i64,
}

/// How long captures of a method may be refunded, and how long by the rail.
#[derive(Debug, Clone, Copy)]
pub struct Refunds {
    pub method: Option<&'static str>,
    pub window: Window,
    pub rail: Window,
}

#[derive(Debug, Clone, Copy)]
pub enum Window {
    Months(u32),
    Days(u64),
    MonthEnd,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Zone {
    #[default]
    Berlin,
    Seoul,
}

impl Zone {
    fn name(self) -> &'static str {
        match self {
            Self::Berlin => "Europe/Berlin",
            Self::Seoul => "Asia/Seoul",
        }
    }

    /// The local day of an instant. Summer time in Berlin is from the last Sunday in March to that in October, 01:00 UTC.
    pub fn day(self, at: DateTime<Utc>) -> NaiveDate {
        let hours = match self {
            Self::Seoul => 9,
            Self::Berlin => {
                let changes = |month| last_sunday(at.year(), month).and_hms_opt(1, 0, 0).expect("a time");
                let summer: std::ops::Range<NaiveDateTime> = changes(3)..changes(10);
                1 + i64::from(summer.contains(&at.naive_utc()))
            }
        };
        (at + TimeDelta::hours(hours)).date_naive()
    }
}

fn last_sunday(year: i32, month: u32) -> NaiveDate {
    let mut day = NaiveDate::from_ymd_opt(year, month, 31).expect("a month of 31 days");
    while day.weekday() != Weekday::Sun {
        day = day - Days::new(1);
    }
    day
}

impl Window {
    fn name(self) -> String {
        match self {
            Self::Months(months) => format!("{months} months"),
            Self::Days(days) => format!("{days} days"),
            Self::MonthEnd => "calendar_month_end".to_owned(),
        }
    }

    /// The last day in it.
    pub fn last(self, from: NaiveDate) -> NaiveDate {
        let (year, month) = (from.year(), from.month());
        match self {
            Self::Days(days) => from + Days::new(days),
            Self::MonthEnd => end_of_month(year, month),
            Self::Months(months) => {
                let month = month - 1 + months;
                let (year, month) = (year + i32::try_from(month / 12).expect("years"), month % 12 + 1);
                let end = end_of_month(year, month);
                NaiveDate::from_ymd_opt(year, month, from.day()).unwrap_or(end)
            }
        }
    }
}

fn end_of_month(year: i32, month: u32) -> NaiveDate {
    let day = |day| NaiveDate::from_ymd_opt(year, month, day);
    (28..=31).rev().find_map(day).expect("a month")
}

impl World {
    /// What governs a booking date.
    pub fn on(&self, day: NaiveDate) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.begins() <= day)
    }
}

impl Version {
    fn begins(&self) -> NaiveDate {
        self.from.parse().expect("a day")
    }

    pub fn acquirer(&self, name: &str) -> Option<&Acquirer> {
        self.acquirers.iter().find(|acquirer| acquirer.name == name)
    }

    pub fn schedule(&self, name: &str) -> &Schedule {
        let named = |schedule: &&Schedule| schedule.name == name;
        self.schedules.iter().find(named).expect("a schedule")
    }

    /// The rule of a method, else the one without a method, else three months.
    pub fn refunds(&self, method: Option<&str>) -> (Window, Window) {
        let of = |wanted: Option<&str>| self.refunds.iter().find(|rule| rule.method == wanted);
        let rule = method.and_then(|method| of(Some(method))).or_else(|| of(None));
        rule.map_or((Window::Months(3), Window::Months(3)), |rule| (rule.window, rule.rail))
    }

    /// For how many hours an authorization is valid: of the rows that fit, the one that states most; of equals the first.
    pub fn valid_for(&self, scheme: Option<&str>, auth_type: Option<&str>, initiator: Option<&str>) -> Option<i64> {
        let stated = |row: &Validity| [row.scheme, row.auth_type, row.initiator].into_iter().flatten().count();
        (0..=3).rev().find_map(|most| {
            let fits = |row: &&Validity| {
                stated(row) == most
                    && (row.scheme.is_none() || row.scheme == scheme)
                    && (row.auth_type.is_none() || row.auth_type == auth_type)
                    && (row.initiator.is_none() || row.initiator == initiator)
            };
            self.validity.iter().find(fits).map(|row| row.hours)
        })
    }

    /// The settings file of it.
    pub fn settings(&self) -> String {
        let mut text = format!(
            "effective_from = \"{}\"\n[house]\nname = \"House\"\ntime_zone = \"Europe/Berlin\"\nbank_account = \"{BANK}\"\n\
            advance_limit = {}\n[payout]\nminimum = {}\n",
            self.from,
            amounts(&self.advance_limit),
            amounts(&self.minimum)
        );
        for acquirer in &self.acquirers {
            acquirer.write(&mut text);
        }
        let classes = self.schedules.iter().flat_map(|schedule| schedule.vat).flatten();
        let classes: BTreeMap<&str, Vat> = classes.map(|class| (class.name, class)).collect();
        for class in classes.into_values() {
            class.write(&mut text);
        }
        for schedule in &self.schedules {
            schedule.write(&mut text);
        }
        for row in &self.validity {
            text += "[[validity]]\n";
            for (field, word) in [
                ("scheme", row.scheme),
                ("auth_type", row.auth_type),
                ("initiator", row.initiator),
            ] {
                if let Some(word) = word {
                    writeln!(text, "{field} = \"{word}\"").expect("text");
                }
            }
            writeln!(text, "valid_for = \"{} hours\"", row.hours).expect("text");
        }
        for rule in &self.refunds {
            text += "[[refund]]\n";
            if let Some(method) = rule.method {
                writeln!(text, "method = \"{method}\"").expect("text");
            }
            writeln!(
                text,
                "window = \"{}\"\nrail = \"{}\"",
                rule.window.name(),
                rule.rail.name()
            )
            .expect("text");
        }
        text.extend(self.velocity.iter().map(Rule::toml));
        for (name, merchant) in &self.merchants {
            merchant.write(name, &mut text);
        }
        text
    }
}

impl Acquirer {
    fn write(&self, text: &mut String) {
        writeln!(
            text,
            "[[acquirer]]\nname = \"{}\"\nkind = \"{}\"\ncontract = \"{}\"\nsettles_within_days = {}\nover_capture = \"{}\"\n\
            partial_refunds = {}\nunpaid_borne_by = \"{}\"\ntolerance = {}",
            self.name,
            if self.is_carrier { "carrier" } else { "acquirer" },
            if self.is_net { "net" } else { "gross" },
            self.wait,
            self.over_capture,
            !self.whole_refunds_only,
            if self.house_bears_unpaid { "house" } else { "merchant" },
            amounts(&self.tolerance),
        )
        .expect("text");
        if let Some(cost) = &self.cost {
            writeln!(
                text,
                "cost = {{ percentage = \"{}\", fixed = {}, rounding = \"half_even\", tolerance = {} }}",
                percentage(cost.per_million),
                amounts(&cost.fixed),
                amounts(&cost.tolerance)
            )
            .expect("text");
        }
    }
}

impl Merchant {
    fn write(&self, name: &str, text: &mut String) {
        writeln!(
            text,
            "[[merchant]]\nname = \"{name}\"\nfee_schedule = \"{}\"\nstate = \"active\"\ntime_zone = \"{}\"\n\
            refunds_from_reserve = {}\nnegative_limit = {}\nadvance_limit = {}",
            self.schedule,
            self.zone.name(),
            self.refunds_from_reserve,
            amounts(&self.negative_limit),
            amounts(&self.advance_limit),
        )
        .expect("text");
        if let Some(days) = self.sales_day {
            writeln!(
                text,
                "availability = {{ sales_day = {days}, calendar = \"{CALENDAR}\" }}"
            )
            .expect("text");
        }
        if let Some(Reserve { percent, days }) = self.reserve {
            writeln!(
                text,
                "reserve = {{ percentage = \"{percent}\", release_after_days = {days} }}"
            )
            .expect("text");
        }
        if let Some([holder, account, bank]) = self.destination {
            writeln!(
                text,
                "destination = {{ holder = \"{holder}\", account = \"{account}\", bank = \"{bank}\", verified_on = \"2025-01-01\" }}"
            )
            .expect("text");
        }
    }
}

/// Writes down the calendar and every version of the settings; says what is in force then.
pub async fn apply(store: &Store, world: &World) -> Deployment {
    let mut text = format!(
        "kind,value,name\ncalendar,{CALENDAR},Of the tests\nweekend,Saturday,\nweekend,Sunday,\nfrom,2025-01-01,\nuntil,2027-12-31,\n"
    );
    for day in HOLIDAYS {
        writeln!(text, "holiday,{day},Holiday").expect("text");
    }
    let calendar = Calendar::parse(text.as_bytes()).expect("a calendar");
    store
        .import_calendar(&calendar, &text)
        .await
        .expect("an imported calendar");
    for version in &world.versions {
        support::events::apply(store, &version.settings()).await;
    }
    store.deployment().await.expect("a deployment")
}

/// The day so many business days after a day.
pub fn business_day(from: NaiveDate, count: u64) -> NaiveDate {
    let open = |day: &NaiveDate| {
        !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !HOLIDAYS.contains(&day.to_string().as_str())
    };
    let later = from.iter_days().skip(1).filter(open);
    match usize::try_from(count).expect("days") {
        0 => from.iter_days().find(open).expect("a day"),
        count => later.take(count).last().expect("a day"),
    }
}

/// `{ EUR = "1.00" }`.
pub fn amounts(amounts: &Amounts) -> String {
    let each: Vec<String> = amounts
        .iter()
        .map(|(code, minor)| format!("{code} = \"{}\"", decimal(*minor, places(code))))
        .collect();
    format!("{{ {} }}", each.join(", "))
}

/// Parts per million as a percentage.
pub fn percentage(per_million: i64) -> String {
    format!("{}.{:04}", per_million / 10_000, per_million % 10_000)
}

/// The decimals of a currency.
pub fn places(code: &str) -> usize {
    let found = CURRENCIES.iter().find(|(name, _)| *name == code);
    found.map(|(_, places)| *places).expect("a known currency")
}

/// Minor units, not negative, as a decimal.
pub fn decimal(minor: i64, places: usize) -> String {
    let digits = format!("{minor:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    if part.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{part}")
    }
}
