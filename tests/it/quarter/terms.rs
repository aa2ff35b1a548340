//! Who there is and what is agreed: currencies, calendars, acquirers, merchants, and the settings that say so to the engine.

use std::fmt::Write;

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// A currency by its code.
pub type Code = &'static str;

/// A currency of the world: its account at the bank, its banks' calendar, and amounts that go by how much its unit is worth.
pub struct Currency {
    pub code: Code,
    pub places: usize,
    pub account: &'static str,
    pub calendar: &'static str,
    /// A small amount: what a capture costs beside its percentage; other amounts are so many times it.
    pub small: i64,
    /// What the house has of its own at the bank, so many small amounts. Merchants are paid what a file reports before it comes:
    /// where the house has nothing, others' money is short of that until it comes.
    pub own: i64,
}

pub const CURRENCIES: [Currency; 4] = [
    currency("EUR", 2, "DE89370400440532013000", "TARGET2", 20, 5_000_000),
    currency("USD", 2, "0012345678", "DESK", 25, 5_000_000),
    currency("JPY", 0, "JP0001234", "DESK", 30, 0),
    currency("KWD", 3, "KW0001234", "DESK", 60, 0),
];

const fn currency(
    code: Code,
    places: usize,
    account: &'static str,
    calendar: &'static str,
    small: i64,
    own: i64,
) -> Currency {
    Currency {
        code,
        places,
        account,
        calendar,
        small,
        own,
    }
}

pub fn of(code: &str) -> &'static Currency {
    CURRENCIES.iter().find(|found| found.code == code).expect("a currency")
}

/// Minor units as a decimal, without their sign.
pub fn decimal(minor: i64, code: &str) -> String {
    let places = of(code).places;
    let digits = format!("{:0>width$}", minor.abs(), width = places + 1);
    match digits.split_at(digits.len() - places) {
        (whole, "") => whole.to_owned(),
        (whole, part) => format!("{whole}.{part}"),
    }
}

/// So many small amounts of every currency, as the settings write them.
fn amounts(times: i64) -> String {
    let each = CURRENCIES.iter().map(|currency| {
        format!(
            "{} = \"{}\"",
            currency.code,
            decimal(currency.small * times, currency.code)
        )
    });
    format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
}

/// A part of an amount in thousandths, rounded half to even.
pub fn per_mille(amount: i64, thousandths: i64) -> i64 {
    let product = amount * thousandths;
    let (whole, rest) = (product / 1000, product % 1000);
    whole + i64::from(rest > 500 || (rest == 500 && whole % 2 == 1))
}

// Days ---------------------------------------------------------------------------------------------------------------------

/// The calendar of all banks and acquirers that do not go by the euro's.
pub const DESK: &str = "kind,value,name\ncalendar,DESK,made up\nweekend,Saturday,\nweekend,Sunday,\nfrom,2025-01-01,\n\
    until,2027-12-31,\nholiday,2026-03-20,Spring\nholiday,2026-04-29,Eve\nholiday,2026-05-25,Remembrance\n";

pub fn date(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

pub fn is_open(calendar: &str, day: NaiveDate) -> bool {
    let holidays = match calendar {
        "TARGET2" => ["2026-04-03", "2026-04-06", "2026-05-01"],
        _ => ["2026-03-20", "2026-04-29", "2026-05-25"],
    };
    is_weekday(day) && !holidays.contains(&day.to_string().as_str())
}

pub fn is_weekday(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

/// The day that is so many open ones after another.
pub fn open_after(calendar: &str, day: NaiveDate, count: usize) -> NaiveDate {
    let open = day.iter_days().skip(1).filter(|found| is_open(calendar, *found));
    open.take(count).last().expect("a day")
}

/// How many open days are after one and not after the other.
pub fn open_between(calendar: &str, after: NaiveDate, until: NaiveDate) -> usize {
    let days = after.iter_days().skip(1).take_while(|day| *day <= until);
    days.filter(|day| is_open(calendar, *day)).count()
}

/// On which days a merchant is paid.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    Daily,
    Weekly(Weekday),
    Monthly(Vec<u32>),
    OnDemand,
}

impl Schedule {
    fn names(&self, day: NaiveDate) -> bool {
        let last = (day + Days::new(1)).day() == 1;
        match self {
            Self::Daily => true,
            Self::Weekly(weekday) => day.weekday() == *weekday,
            Self::Monthly(days) => days
                .iter()
                .any(|named| *named == day.day() || (last && *named > day.day())),
            Self::OnDemand => false,
        }
    }

    /// Whether a day that it names is this one or is paid on it: on the next open day, unless that is in another month, then on
    /// the one before.
    pub fn pays_on(&self, day: NaiveDate, calendar: &str) -> bool {
        let open = |day: &NaiveDate| is_open(calendar, *day);
        let paid_on = |named: NaiveDate| {
            let next = named.iter_days().find(open).expect("a day");
            let before = std::iter::successors(Some(named), NaiveDate::pred_opt);
            if next.month() == named.month() {
                next
            } else {
                before.into_iter().find(open).expect("a day")
            }
        };
        let near = (day - Days::new(8)).iter_days().take(17);
        near.filter(|near| self.names(*near)).any(|named| paid_on(named) == day)
    }

    fn text(&self) -> String {
        match self {
            Self::Daily => "\"daily\"".to_owned(),
            Self::Weekly(weekday) => format!("{{ weekly = \"{}\" }}", weekday.to_string().to_lowercase()),
            Self::Monthly(days) => format!("{{ monthly = {days:?} }}"),
            Self::OnDemand => "\"on_demand\"".to_owned(),
        }
    }
}

// Acquirers ----------------------------------------------------------------------------------------------------------------

/// How an acquirer writes its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Adyen,
    Profile,
    Stripe,
}

pub struct Acquirer {
    pub name: &'static str,
    pub currencies: [Code; 2],
    pub calendar: &'static str,
    pub form: Form,
}

/// `north` deducts what its contract says, `east` nothing, `west` what it likes; the first two number their batches.
pub const ACQUIRERS: [Acquirer; 3] = [
    Acquirer {
        name: "north",
        currencies: ["EUR", "USD"],
        calendar: "TARGET2",
        form: Form::Adyen,
    },
    Acquirer {
        name: "east",
        currencies: ["EUR", "KWD"],
        calendar: "TARGET2",
        form: Form::Profile,
    },
    Acquirer {
        name: "west",
        currencies: ["USD", "JPY"],
        calendar: "DESK",
        form: Form::Stripe,
    },
];

/// How many days after its sale an item is expected in a file, at the latest.
pub const SETTLES_WITHIN: u64 = 7;

impl Acquirer {
    /// What it deducts of a capture.
    pub fn cost(&self, gross: i64, code: &str) -> i64 {
        match self.form {
            Form::Adyen => per_mille(gross, 10) + of(code).small / 5,
            Form::Profile => 0,
            Form::Stripe => per_mille(gross, 9) + 1,
        }
    }
}

// Merchants ----------------------------------------------------------------------------------------------------------------

pub struct Merchant {
    pub name: String,
    pub acquirer: usize,
    pub currencies: Vec<Code>,
    pub schedule: Schedule,
    /// Whether a day makes its captures available, and not a file.
    pub by_day: bool,
    /// For how many days a tenth of each capture is withheld.
    pub reserve: Option<u64>,
    /// Whether it always keeps [`KEPT`], and is paid [`LARGE`] at least, or what has been there for [`FORCED`] days.
    pub saves: bool,
    /// Its bank account, by a number that changes with it; since when; since when that is corrected.
    pub account: u32,
    pub changed_on: Option<NaiveDate>,
    pub corrected_on: Option<NaiveDate>,
    /// The day on which a payout came back from that account.
    pub returned_on: Option<NaiveDate>,
}

/// So many small amounts: what a payout is worth at least, and what a saving merchant keeps, and is paid at least.
pub const MINIMUM: i64 = 50;
pub const KEPT: i64 = 200;
pub const LARGE: i64 = 4_000;
pub const FORCED: u64 = 4;
/// The fee for a payout, and for a chargeback.
pub const PAYOUT_FEE: i64 = 1;
pub const DISPUTE_FEE: i64 = 40;
/// For how many days nothing is sent to a changed bank account.
pub const COOLING_OFF: u64 = 2;

pub fn merchants(count: usize) -> Vec<Merchant> {
    let merchant = |place: usize| {
        let acquirer = place % ACQUIRERS.len();
        let own = ACQUIRERS[acquirer].currencies;
        let schedules = [
            Schedule::Daily,
            Schedule::Daily,
            Schedule::Weekly(Weekday::Tue),
            Schedule::Monthly(vec![29, 30, 31]),
            Schedule::OnDemand,
            Schedule::Weekly(Weekday::Fri),
            Schedule::Daily,
            Schedule::Monthly(vec![1, 15]),
        ];
        Merchant {
            name: format!("m{place:03}"),
            acquirer,
            currencies: if place.is_multiple_of(5) {
                own.to_vec()
            } else {
                vec![own[place / 3 % 2]]
            },
            schedule: schedules[place % schedules.len()].clone(),
            by_day: place % 7 == 3,
            reserve: [None, Some(3), None, None, Some(30)][place % 5],
            saves: place % 8 == 6,
            account: 0,
            changed_on: None,
            corrected_on: None,
            returned_on: None,
        }
    };
    (0..count).map(merchant).collect()
}

// Settings -----------------------------------------------------------------------------------------------------------------

const PROFILE: &str = r#"
[[profile]]
name = "eastern"
separator = ";"
decimal = ","
trailer = ["COUNT", "TOTAL"]
date = "DD.MM.YYYY"
[profile.columns]
type = "Kind"
batch = "Statement"
acquirer_reference = "Their id"
occurred_on = "Day"
currency = "Currency"
gross = { amount = "Amount", flag = "D/C" }
net = { amount = "Settled", flag = "D/C" }
[profile.flags]
debit = ["D"]
credit = ["C"]
[profile.types]
SALE = "capture"
BACK = "refund"
DISPUTED = "chargeback"
WON = "chargeback_reversal"
[[profile.claim]]
trailer = "COUNT"
states = "rows"
cell = 2
[[profile.claim]]
trailer = "TOTAL"
states = "net"
cell = 2
any_currency = true
"#;

/// The settings from a day on.
pub fn settings(from: NaiveDate, merchants: &[Merchant]) -> String {
    let mut text = format!(
        "effective_from = \"{from}\"\n[house]\nname = \"House\"\ntime_zone = \"UTC\"\nbank_account = \"main\"\n"
    );
    for Currency { code, account, .. } in &CURRENCIES {
        writeln!(text, "[[house.account]]\nnumber = \"{account}\"\ncurrency = \"{code}\"").expect("text");
    }
    for acquirer in &ACQUIRERS {
        let (contract, more) = match acquirer.form {
            Form::Adyen => {
                let cost = "rounding = \"half_even\", percentage = \"1\", fixed = { EUR = \"0.04\", USD = \"0.05\" }";
                ("net", format!("numbered_batches = true\ncost = {{ {cost} }}\n"))
            }
            Form::Profile => ("gross", "numbered_batches = true\n".to_owned()),
            Form::Stripe => ("net", String::new()),
        };
        let name = acquirer.name;
        write!(
            text,
            "[[acquirer]]\nname = \"{name}\"\ncontract = \"{contract}\"\nsettles_within_days = {SETTLES_WITHIN}\n{more}"
        )
        .expect("text");
    }
    text += PROFILE;
    let calendars: Vec<String> = CURRENCIES
        .iter()
        .map(|currency| format!("{} = \"{}\"", currency.code, currency.calendar))
        .collect();
    write!(
        text,
        "[[fee_schedule]]\nname = \"all\"\npercentage = \"1.5\"\nfixed = {}\nrounding = \"half_even\"\n\
         event = {{ dispute = {}, payout = {} }}\n\
         [payout]\nminimum = {}\nforced_after_days = {FORCED}\nroll = \"modified_following\"\ncalendars = {{ {} }}\n\
         blocked_by = [\"MISSING_IN_FILE\"]\ncooling_off_days = {COOLING_OFF}\n\
         [desk]\ntolerance = {}\nlimit_a = {}\nlimit_b = {}\n",
        amounts(1),
        amounts(DISPUTE_FEE),
        amounts(PAYOUT_FEE),
        amounts(MINIMUM),
        calendars.join(", "),
        amounts(1),
        amounts(1_000_000),
        amounts(1_000_000),
    )
    .expect("text");
    for merchant in merchants {
        text += &merchant.text();
    }
    text
}

impl Merchant {
    fn text(&self) -> String {
        let mut text = format!(
            "[[merchant]]\nname = \"{}\"\nfee_schedule = \"all\"\nstate = \"active\"\nnegative_limit = {}\n",
            self.name,
            amounts(1_000_000)
        );
        if self.by_day {
            text += "availability = { sales_day = 2, calendar = \"TARGET2\" }\n";
        }
        if let Some(days) = self.reserve {
            writeln!(text, "reserve = {{ percentage = \"10\", release_after_days = {days} }}").expect("text");
        }
        let saves = if self.saves {
            format!(", minimum = {}, keep_minimum = {}", amounts(LARGE), amounts(KEPT))
        } else {
            String::new()
        };
        let corrected = self
            .corrected_on
            .map_or_else(String::new, |on| format!(", corrected_on = \"{on}\""));
        writeln!(
            text,
            "payout = {{ schedule = {}{saves} }}\n\
             destination = {{ holder = \"Shop {}\", account = \"{}-{}\", bank = \"BANKDEFF\", verified_on = \"2026-01-01\"{corrected} }}",
            self.schedule.text(),
            self.name,
            self.name,
            self.account,
        )
        .expect("text");
        text
    }
}
