//! The world that is simulated: currencies and prices, acquirers, merchants, days.
//!
//! Prices are integers here (per mille, minor units), so that the truth is computed without the code that it judges.

mod calendar;
mod settings;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Offset, TimeZone};
use chrono_tz::Europe;

use self::calendar::{CALENDAR, Calendar};
pub use self::settings::Version;
use super::dice::{Dice, mark};
use super::fees::{ENDED, FINE, MICRO, Rounding, STANDARD, round};
use super::settlement::FileFormat;
use super::{BreakKind, Plan, Profile, SimulateError};
use crate::money::{Currency, decimal_text};

/// How many acquirers there are: a place is what says which one.
pub const ACQUIRERS: usize = 3;
/// The one that settles cards and wallets, and whose file the day has.
pub const CARDS: usize = 0;
/// The phone carrier whose merchants bear what shoppers do not pay; the other one's do not.
pub const CARRIER_BY_MERCHANT: usize = 1;
/// The phone carrier that settles gross: what it costs is invoiced.
pub const CARRIER_GROSS: usize = 2;
/// How many days the acquirer of cards may take.
pub const SETTLES_WITHIN_DAYS: u64 = 3;
/// How many days carriers may take.
pub const CARRIER_SETTLES_WITHIN_DAYS: u64 = 150;
/// By how many percent a capture may exceed its authorization.
pub const OVER_CAPTURE_PERCENT: i64 = 15;
/// For how many days an authorization of [`SHORT_SCHEME`] that the merchant began is valid; others for longer than a day's story.
pub const SHORT_VALIDITY_DAYS: u64 = 4;
/// The scheme whose authorizations are valid for a shorter time.
pub const SHORT_SCHEME: &str = "visa";
/// Our bank account.
pub const BANK_ACCOUNT: &str = "main";
/// The place of the currency that phone carriers bill in.
pub const WON: usize = 3;
/// What a payer may use of a carrier in a month, in won.
pub const MONTHLY_LIMIT: i64 = 1_000_000;
/// How often a payer may be authorized in an hour before somebody looks.
pub const OFTEN: u32 = 3;
/// How much a payer may spend on vouchers in a day before it is held, in won.
pub const VOUCHERS: i64 = 300_000;
/// How often a payer may buy games of one merchant in a month.
pub const GAMES: u32 = 2;
/// In how many parts a payment may be refunded, beside the rest of it.
pub const MOST_PARTS: i64 = 5;
/// The least that is refunded of a payment, unless it is the rest, in minor units.
pub const LEAST_PART: i64 = 2;
/// The most that may be advanced at a time, in minor units of every currency: more than there is.
pub const MOST_ADVANCED: i64 = 1_000_000_000_000;
/// Per mille of a capture that the acquirer costs.
pub const COST_PER_MILLE: i64 = 14;

/// What a currency is worth, and every price in it, in minor units.
pub struct Terms {
    /// Its code.
    pub code: &'static str,
    /// Minor units that are worth a euro, roughly.
    pub euro: i64,
    /// The fixed part of the standard merchant fee.
    pub standard_fixed: i64,
    /// The fixed part of the merchant fee for micropayments.
    pub micro_fixed: i64,
    /// What the acquirer costs per capture, beside the percentage.
    pub cost_fixed: i64,
    /// What the acquirer costs per refund.
    pub refund_cost: i64,
    /// What the acquirer costs per chargeback.
    pub dispute_cost: i64,
    /// What the acquirer costs per batch.
    pub batch_fee: i64,
    /// The smallest payout.
    pub minimum: i64,
}

/// Currencies with 2, 0 and 3 decimals. A batch of the settlement file is one of them; its number is the place here, from 1.
pub const CURRENCIES: [Terms; 6] = [
    terms("EUR", 100, [30, 5, 10, 2, 750, 180, 1000]),
    terms("USD", 110, [30, 5, 10, 2, 1500, 200, 1000]),
    terms("GBP", 85, [25, 4, 8, 2, 600, 150, 1000]),
    terms("KRW", 1500, [400, 60, 130, 25, 11_000, 2500, 10_000]),
    terms("JPY", 160, [40, 7, 15, 3, 1200, 300, 1500]),
    terms("KWD", 330, [100, 15, 30, 5, 2500, 600, 5000]),
];

const fn terms(code: &'static str, euro: i64, prices: [i64; 7]) -> Terms {
    let [
        standard_fixed,
        micro_fixed,
        cost_fixed,
        refund_cost,
        dispute_cost,
        batch_fee,
        minimum,
    ] = prices;
    Terms {
        code,
        euro,
        standard_fixed,
        micro_fixed,
        cost_fixed,
        refund_cost,
        dispute_cost,
        batch_fee,
        minimum,
    }
}

/// A merchant.
pub struct Merchant {
    /// Places in [`CURRENCIES`]; equal where it trades in one.
    pub currencies: [usize; 2],
    /// Whether it sells for cents.
    pub micro: bool,
    /// Its contract, a place in [`SCHEDULES`](super::fees::SCHEDULES).
    pub schedule: usize,
    /// Whether it says where its payouts go.
    pub has_destination: bool,
    /// Whether refunds may take it below zero.
    pub may_owe: bool,
    /// Sells next to nothing and gives it all back: it cannot pay for another refund.
    pub poor: bool,
    /// What is withheld of its sales.
    pub reserve: Option<Reserve>,
    /// Whether what it sells in its first currency is advanced.
    pub is_advanced: bool,
    /// After how many business days a sale is paid, where it does not wait for the acquirer.
    pub sales_day: Option<u16>,
    /// Whether it is paid.
    pub standing: Standing,
}

impl Merchant {
    /// Whether a share of each sale is withheld. Refunds may be paid from that.
    pub fn withholds_a_share(&self) -> bool {
        matches!(self.reserve, Some(Reserve::Rolling(_)))
    }
}

/// What is withheld of a merchant's sales.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// So many per mille of every capture.
    Rolling(i64),
    /// What is worth so many euros, of whatever becomes available first.
    Fixed(i64),
}

/// For how many days a reserve is withheld.
pub const RESERVE_DAYS: u64 = 30;

/// Whether a merchant is paid on the settlement file's day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Paid,
    /// Nobody has looked at it yet.
    Applied,
    /// Somebody has, and it is not active yet.
    New,
    /// It was suspended that day.
    Suspended,
    /// It was closed that day.
    Closed,
    /// Its bank account is not known to be its own.
    Unverified,
    /// It has had another bank account since that day.
    Moved,
}

/// A local day: a date, and how its hours from 4 to 22 are written. (Clocks change before 4. The settlement file has lines from
/// before that, without offset; on such a day their label is the wrong one, as it is in real files.)
pub struct LocalDay {
    /// The date.
    pub date: NaiveDate,
    /// Like `+01:00`.
    pub offset: String,
    /// Like `CET`.
    pub label: &'static str,
}

/// A second of a [`LocalDay`] of the world.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The day.
    pub day: Day,
    /// Seconds since local midnight.
    pub second: u32,
}

/// The days on which something happens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// The simulated day.
    Simulated,
    /// The day after it, on which the settlement file is made.
    Settlement,
    /// So long before that a settlement file should have reported it.
    Overdue,
    /// In another month, and still to be refunded.
    Earlier,
    /// Too long ago to be refunded.
    Old,
    /// Before any settings are in force.
    Lawless,
}

/// By which rate the acquirer of cards converts: a place among the rates of two currencies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Conversion {
    /// By the right one.
    #[default]
    Agreed,
    /// By one that is too good for us.
    Above,
    /// By one that is too bad.
    Below,
}

/// A rate as a file has it, and what a minor unit comes to as a fraction.
type FileRate = (&'static str, (i64, i64));

/// In what the acquirer of cards settles another currency where it converts: from, to, and the rates of every [`Conversion`]. The
/// wrong ones are further off than [`RATE_TOLERANCE`]. (Of no amount above zero nothing is left.)
const RATES: [(usize, usize, [FileRate; 3]); 3] = [
    (
        2,
        0,
        [
            ("1.1764", (11_764, 10_000)),
            ("1.2117", (12_117, 10_000)),
            ("1.1411", (11_411, 10_000)),
        ],
    ),
    (
        4,
        0,
        [
            ("0.00625", (625, 1000)),
            ("0.00644", (644, 1000)),
            ("0.00606", (606, 1000)),
        ],
    ),
    (
        1,
        5,
        [
            ("0.3077", (3077, 1000)),
            ("0.3169", (3169, 1000)),
            ("0.2985", (2985, 1000)),
        ],
    ),
];

/// What the bank's statements show that they should not.
#[derive(Debug, Clone, Copy)]
pub struct AtBank {
    /// For so many batches another amount came.
    pub differing: u32,
    /// For so many nothing came.
    pub absent: u32,
    /// So many times somebody paid whom nobody knows.
    pub strangers: u32,
}

/// By how many percent a conversion may differ from the rate agreed.
pub const RATE_TOLERANCE: &str = "0.5";
/// How many percent of the captures of a batch the acquirer of cards withholds, where the contract says so.
pub const WITHHELD_PERCENT: i64 = 5;
/// How many percent more or less it withholds of a batch that is wrong.
pub const WITHHELD_OFF_PERCENT: i64 = 3;

/// Everything that is fixed before the first payment.
pub struct World {
    /// The form of the settlement file of the acquirer of cards.
    format: FileFormat,
    /// How much of what can happen does.
    pub profile: Profile,
    /// Merchants, by number from 0.
    pub merchants: Vec<Merchant>,
    /// How many of them sell as usual: the first ones.
    pub busy: u32,
    /// The one whose fees have no price on the settlement file's day, where that is planned.
    pub unpriced: Option<usize>,
    /// Whether rates are agreed with the acquirer of cards: where a conversion by another one is planned.
    pub agrees_rates: bool,
    /// Of how many batches the acquirer of cards withholds another part than its contract says. Where there are none, it says
    /// nothing.
    pub misheld: u32,
    /// How many files never came.
    pub missing_files: u32,
    /// What the bank's statements show that they should not.
    pub at_bank: AtBank,
    /// Those of them that sell in won, by number.
    pub in_won: Vec<usize>,
    /// When banks are open.
    pub calendar: Calendar,
    /// The currencies, as [`CURRENCIES`].
    currencies: Vec<Currency>,
    days: [LocalDay; 6],
    /// The simulated day as names have it.
    compact_day: String,
    /// What acquirers' references of the simulated day end with, and those of no other.
    pub mark: [u8; 4],
}

impl World {
    /// The world of a plan.
    pub fn new(plan: &Plan) -> Result<Self, SimulateError> {
        let currencies = CURRENCIES.iter().map(|terms| Currency::parse(terms.code));
        let out_of_range = || SimulateError::DayOutOfRange(plan.day);
        let usual = |day: &NaiveDate| (2002..2199).contains(&day.year());
        let simulated = Some(plan.day).filter(usual).ok_or_else(out_of_range)?;
        let before = |days: u64| simulated.checked_sub_days(Days::new(days)).ok_or_else(out_of_range);
        let old = before(120)?;
        let lawless = first_of(old.year()).and_then(|first| first.pred_opt());
        let days = [
            simulated,
            simulated.succ_opt().ok_or_else(out_of_range)?,
            before(SETTLES_WITHIN_DAYS.saturating_add(2))?,
            before(75)?,
            old,
            lawless.ok_or_else(out_of_range)?,
        ];
        let last = NaiveDate::from_ymd_opt(simulated.year().saturating_add(1), 12, 31);
        let calendar = Calendar::new(
            first_of(old.year()).ok_or_else(out_of_range)?,
            last.ok_or_else(out_of_range)?,
            days[1].succ_opt().ok_or_else(out_of_range)?,
        );
        let mut dice = Dice::new(plan.seed, 0);
        let mut merchants: Vec<Merchant> = (0..plan.merchants)
            .map(|number| merchant(number, plan, &mut dice))
            .collect();
        let mut busy = plan.merchants;
        if let Some(last) = merchants
            .last_mut()
            .filter(|_| plan.profile == Profile::Full && busy > 3)
        {
            last.poor = true;
            last.currencies = [0, 0];
            last.micro = false;
            last.schedule = STANDARD;
            last.reserve = None;
            last.sales_day = None;
            last.may_owe = false;
            last.is_advanced = false;
            busy = busy.saturating_sub(1);
        }
        let count = |kind: BreakKind| plan.breaks.get(&kind).copied().unwrap_or(0);
        let unpriced = (count(BreakKind::NotPriced) > 0).then_some(merchants.len());
        if unpriced.is_some() {
            merchants.push(unpriced_merchant());
        }
        let in_won = |(number, merchant): (usize, &Merchant)| {
            let sells = merchant.currencies.contains(&WON) && !merchant.poor;
            sells.then_some(number)
        };
        Ok(Self {
            format: plan.file_format,
            profile: plan.profile,
            calendar,
            in_won: merchants.iter().enumerate().filter_map(in_won).collect(),
            merchants,
            busy,
            unpriced,
            agrees_rates: count(BreakKind::FxMismatch) > 0,
            misheld: count(BreakKind::ReserveMismatch),
            missing_files: count(BreakKind::MissingFile),
            at_bank: AtBank {
                differing: count(BreakKind::FundingMismatch),
                absent: count(BreakKind::MissingReceipt),
                strangers: count(BreakKind::UnidentifiedReceipt),
            },
            currencies: currencies.collect::<Result<_, _>>()?,
            compact_day: simulated.format("%Y%m%d").to_string(),
            mark: mark(simulated),
            days: days.map(local_day),
        })
    }

    /// The name of what has a number on this day: that of no other day. A year is nothing that a card number begins with.
    pub fn name(&self, of: &str, number: u64) -> String {
        format!("{of}-{}-{number:06}", self.compact_day)
    }

    /// How many numbers of batches are left out, because nobody ever saw their files.
    pub fn missing_numbers(&self) -> usize {
        let is_told = self.format.numbers_batches();
        usize::try_from(if is_told { self.missing_files } else { 0 }).unwrap_or(usize::MAX)
    }

    /// The number of a batch, as a number of this day alone.
    pub fn batch_number(&self, batch: usize) -> String {
        format!("{}{batch:03}", self.compact_day)
    }

    /// The last digit of the year, and the day of it, as numbers of card schemes have them.
    pub fn year_and_day(&self) -> (i32, u32) {
        let day = self.day(Day::Simulated).date;
        (day.year().rem_euclid(10), day.ordinal())
    }

    /// Whether everything that can happen does.
    pub fn is_full(&self) -> bool {
        self.profile == Profile::Full
    }

    /// The name of an acquirer.
    pub fn acquirer(&self, acquirer: usize) -> &'static str {
        [self.format.name(), "carrier-a", "carrier-b"][acquirer]
    }

    /// The form of an acquirer's settlement file.
    pub fn format(&self, acquirer: usize) -> FileFormat {
        if acquirer == CARDS {
            self.format
        } else {
            FileFormat::Adyen
        }
    }

    /// What the acquirer of cards may convert a currency to.
    pub fn converts_to(&self, currency: usize) -> Option<usize> {
        let rate = RATES
            .iter()
            .find(|(from, ..)| *from == currency && self.format.has_conversions());
        rate.map(|(_, to, ..)| *to)
    }

    /// The currencies of a merchant that the acquirer of cards may convert: the first of them as a place among its two.
    pub fn convertible(&self, merchant: usize) -> Option<usize> {
        let currencies = &self.merchants[merchant].currencies;
        currencies.iter().position(|place| self.converts_to(*place).is_some())
    }

    /// An amount in another currency, a half to the even neighbour; the same amount where they are one.
    pub fn converted(
        &self,
        amount: i64,
        (from, to): (usize, usize),
        conversion: Conversion,
    ) -> Result<i64, SimulateError> {
        let Some((_, (times, of))) = rate(from, to, conversion) else {
            return Ok(amount);
        };
        let product = i128::from(amount).saturating_mul(i128::from(times));
        round(product, i128::from(of), Rounding::HalfEven)
    }

    /// The rate from one currency to another as a file has it.
    pub fn rate_text(&self, from: usize, to: usize, conversion: Conversion) -> &'static str {
        rate(from, to, conversion).map_or("1", |(text, _)| text)
    }

    /// The rates agreed with the acquirer of cards: from, to, and how much one unit is.
    pub fn agreed_rates(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        let is_agreed = self.agrees_rates;
        let all = RATES.iter().filter(move |_| is_agreed);
        all.map(|&(from, to, [(text, _), ..])| (CURRENCIES[from].code, CURRENCIES[to].code, text))
    }

    /// A day.
    pub fn day(&self, day: Day) -> &LocalDay {
        let [simulated, settlement, overdue, earlier, old, lawless] = &self.days;
        match day {
            Day::Simulated => simulated,
            Day::Settlement => settlement,
            Day::Overdue => overdue,
            Day::Earlier => earlier,
            Day::Old => old,
            Day::Lawless => lawless,
        }
    }

    /// A moment with its offset, as events write it.
    pub fn instant(&self, moment: Moment) -> String {
        let day = self.day(moment.day);
        format!("{}T{}{}", day.date, time(moment.second), day.offset)
    }

    /// A moment without its offset, as the settlement file writes it.
    pub fn local_time(&self, moment: Moment) -> String {
        format!("{} {}", self.day(moment.day).date, time(moment.second))
    }

    /// Whether what is valid for so many days from a day on, at an hour of that day after midnight, has run out at the expiry.
    pub fn is_over(&self, from: Day, days: u64) -> bool {
        let ends = self.day(from).date.checked_add_days(Days::new(days));
        ends.is_some_and(|ends| ends < self.expiry_cutoff().0)
    }

    /// So many days after a moment, at the same time of a clock in Greenwich that shows what the local one did.
    pub fn later_in_utc(&self, moment: Moment, days: u64) -> String {
        let date = self.day(moment.day).date;
        let later = date.checked_add_days(Days::new(days)).unwrap_or(date);
        format!("{later}T{}Z", time(moment.second))
    }

    /// The moment until which the day's authorizations are looked through for those that have expired: midnight in Greenwich at
    /// the end of the settlement file's day.
    pub fn expiry_cutoff(&self) -> (NaiveDate, String) {
        let settlement = self.day(Day::Settlement).date;
        let date = settlement.succ_opt().unwrap_or(settlement);
        (date, format!("{date}T00:00:00Z"))
    }

    /// The day on which a sale of a day becomes available; none where the acquirer's file decides.
    pub fn available_on(&self, merchant: usize, day: NaiveDate) -> Option<NaiveDate> {
        let days = self.merchants[merchant].sales_day?;
        Some(self.calendar.after(day, days))
    }

    /// Until when the reserve of a sale of a day is withheld.
    pub fn reserved_until(day: NaiveDate) -> NaiveDate {
        day.checked_add_days(Days::new(RESERVE_DAYS)).unwrap_or(day)
    }

    /// The day on which nothing is withheld any more.
    pub fn last_release(&self) -> NaiveDate {
        let settlement = self.day(Day::Settlement).date;
        settlement
            .checked_add_days(Days::new(RESERVE_DAYS))
            .unwrap_or(settlement)
    }

    /// How far refunds may take a merchant below zero, minor units.
    pub fn negative_limit(&self, merchant: usize, currency: usize) -> i64 {
        match self.merchants[merchant].may_owe {
            true => CURRENCIES[currency].euro.saturating_mul(NEGATIVE_LIMIT_EURO),
            false => 0,
        }
    }

    /// Minor units as decimal text of a currency, by its place in [`CURRENCIES`].
    pub fn amount(&self, minor: i64, currency: usize) -> String {
        decimal_text(minor, self.currencies[currency])
    }
}

/// The difference of gross amounts that is rounding and no break, in minor units of every currency.
pub const TOLERANCE: i64 = 1;
/// How far refunds may take most merchants below zero, in euros: further than they come.
const NEGATIVE_LIMIT_EURO: i64 = 10_000;

/// What the acquirer charges for a line of a capture.
pub fn capture_cost(currency: usize, gross: i64) -> i64 {
    per_mille(gross, COST_PER_MILLE).saturating_add(CURRENCIES[currency].cost_fixed)
}

/// So many thousandths of an amount above zero, a half to the even neighbour.
fn per_mille(amount: i64, rate: i64) -> i64 {
    let thousandths = amount.saturating_mul(rate);
    let (whole, rest) = (thousandths.div_euclid(1000), thousandths.rem_euclid(1000));
    let up = rest > 500 || (rest == 500 && whole.rem_euclid(2) == 1);
    whole.saturating_add(i64::from(up))
}

fn rate(from: usize, to: usize, conversion: Conversion) -> Option<FileRate> {
    let (.., rates) = RATES.iter().find(|rate| (rate.0, rate.1) == (from, to))?;
    let [agreed, above, below] = *rates;
    Some(match conversion {
        Conversion::Agreed => agreed,
        Conversion::Above => above,
        Conversion::Below => below,
    })
}

/// The name of a merchant, by its number from 0.
pub fn merchant_name(number: usize) -> String {
    format!("m-{:04}", number.saturating_add(1))
}

fn first_of(year: i32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, 1, 1)
}

fn merchant(number: u32, plan: &Plan, dice: &mut Dice) -> Merchant {
    let profile = plan.profile;
    // The first six merchants cover every currency, so that a small world has them all.
    let first = usize::try_from(number % 6).unwrap_or(0);
    let second = if dice.chance(1, 3) {
        dice.place(CURRENCIES.len())
    } else {
        first
    };
    // What the acquirer's file cannot tell nobody sells in.
    let [first, second] = [first, second].map(|place| if plan.file_format.has_currency(place) { place } else { 0 });
    let micro = number % 7 == 3;
    let full = profile == Profile::Full;
    let reserve = match number % 10 {
        1 | 6 => Some(Reserve::Rolling(100)),
        4 => Some(Reserve::Fixed(300)),
        _ => None,
    };
    let reserve = reserve.filter(|_| full);
    let sales_day = match number % 6 {
        2 => Some(1),
        5 => Some(2),
        _ => None,
    };
    let sales_day = sales_day.filter(|_| full && !matches!(reserve, Some(Reserve::Fixed(_))));
    let standing = if full { standing(number) } else { Standing::Paid };
    let waits = sales_day.is_none() && !matches!(reserve, Some(Reserve::Fixed(_)));
    let is_one = number.is_multiple_of(9) || number % 10 == 6;
    Merchant {
        currencies: [first, second],
        micro,
        schedule: schedule(number, micro, profile),
        has_destination: number % 50 != 5,
        may_owe: profile == Profile::Card || number % 4 != 2,
        poor: false,
        reserve,
        is_advanced: full && is_one && waits && standing == Standing::Paid,
        sales_day,
        standing,
    }
}

/// One whose contract has ended before it is charged for a dispute.
fn unpriced_merchant() -> Merchant {
    Merchant {
        currencies: [0, 0],
        micro: false,
        schedule: ENDED,
        has_destination: false,
        may_owe: true,
        poor: false,
        reserve: None,
        is_advanced: false,
        sales_day: None,
        standing: Standing::Paid,
    }
}

fn standing(number: u32) -> Standing {
    match number % 20 {
        7 => Standing::Suspended,
        8 => Standing::New,
        12 => Standing::Unverified,
        16 => Standing::Moved,
        18 => Standing::Applied,
        19 => Standing::Closed,
        _ => Standing::Paid,
    }
}

/// Merchants of plain cards have one of two contracts, others one after another; those that sell for cents have their own.
fn schedule(number: u32, micro: bool, profile: Profile) -> usize {
    const OTHERS: [usize; 8] = [9, 3, 4, STANDARD, 6, 7, 8, 5];
    match (micro, profile) {
        (true, Profile::Full) if number % 2 == 1 => FINE,
        (true, _) => MICRO,
        (false, Profile::Card) => STANDARD,
        (false, Profile::Full) => OTHERS[usize::try_from(number % 8).unwrap_or(0)],
    }
}

/// A made-up German account with right check digits (ISO 13616).
fn iban(number: usize) -> String {
    let account = format!("99999999{number:010}");
    let rest = account.bytes().chain(*b"131400").fold(0_u32, |rest, digit| {
        rest.saturating_mul(10)
            .saturating_add(u32::from(digit.saturating_sub(b'0')))
            % 97
    });
    format!("DE{:02}{account}", 98_u32.saturating_sub(rest))
}

fn local_day(date: NaiveDate) -> LocalDay {
    let noon = date
        .and_time(NaiveTime::MIN)
        .checked_add_signed(chrono::TimeDelta::hours(12));
    let seconds = noon
        .and_then(|noon| Europe::Berlin.from_local_datetime(&noon).earliest())
        .map_or(3600, |noon| noon.offset().fix().local_minus_utc());
    let summer = seconds == 7200;
    LocalDay {
        date,
        offset: (if summer { "+02:00" } else { "+01:00" }).to_owned(),
        label: if summer { "CEST" } else { "CET" },
    }
}

fn time(second: u32) -> String {
    let (minutes, second) = (second / 60, second % 60);
    format!("{:02}:{:02}:{second:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        for (amount, rate, expected) in [
            (100, 25, 2),
            (100, 35, 4),
            (8000, 29, 232),
            (50, 50, 2),
            (51, 50, 3),
            (5, 29, 0),
        ] {
            assert_eq!(per_mille(amount, rate), expected, "{amount} × {rate} ‰");
        }
    }

    #[test]
    fn accounts_have_the_published_check_digits() {
        // 3704 0044 0532 0130 00 has the check digits 89; the rule is the same for every account.
        let rest = format!("{}131400", "370400440532013000")
            .parse::<u128>()
            .expect("digits")
            .rem_euclid(97);
        assert_eq!(rest, 98 - 89);
        for number in [0, 1, 99_999] {
            let iban = iban(number);
            let moved = format!("{}1314{}", &iban[4..], &iban[2..4]);
            assert_eq!(moved.parse::<u128>().expect("digits").rem_euclid(97), 1, "{iban}");
        }
    }

    #[test]
    fn summer_time_is_told_apart() {
        let day = |text: &str| local_day(crate::dates::parse_day(text).expect("a day"));
        assert_eq!((day("2026-03-28").label, day("2026-03-29").label), ("CET", "CEST"));
        assert_eq!(day("2026-07-01").offset, "+02:00");
    }
}
