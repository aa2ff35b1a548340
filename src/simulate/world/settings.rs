//! The settings file that describes the world.

use std::io::{self, Write};

use chrono::Datelike;

use super::{
    ACQUIRERS, BANK_ACCOUNT, CALENDAR, CARDS, CARRIER_BY_MERCHANT, CARRIER_GROSS, CARRIER_SETTLES_WITHIN_DAYS,
    COST_PER_MILLE, CURRENCIES, Day, GAMES, LEAST_PART, MONTHLY_LIMIT, MOST_ADVANCED, MOST_PARTS, OFTEN,
    OVER_CAPTURE_PERCENT, RATE_TOLERANCE, RESERVE_DAYS, Reserve, SETTLES_WITHIN_DAYS, SHORT_SCHEME,
    SHORT_VALIDITY_DAYS, Standing, TOLERANCE, Terms, VOUCHERS, WITHHELD_PERCENT, World, iban, merchant_name,
};
use crate::money::wide_decimal_text;
use crate::simulate::fees::{
    ENDED, EventPrices, MILLION, MINIMUM_IN, PLAIN_SCHEDULES, Price, Rate, Returned, SCHEDULES, Schedule, Scope,
    event_price, tier_begins,
};
use crate::simulate::settlement::{FileFormat, PROFILE};

/// A version of the settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// In force since before anything happened.
    First,
    /// From the day of the settlement file on: some merchants are not paid any more.
    NextDay,
}

impl World {
    /// Writes a settings file that this world is described by.
    pub fn write_settings(&self, out: &mut impl Write, version: Version) -> io::Result<()> {
        let from = match version {
            Version::First => self.first_day(),
            Version::NextDay => self.day(Day::Settlement).date.to_string(),
        };
        writeln!(out, "effective_from = \"{from}\"\n")?;
        writeln!(out, "[house]\nname = \"Example Payments\"")?;
        writeln!(out, "time_zone = \"Europe/Berlin\"\nbank_account = \"{BANK_ACCOUNT}\"")?;
        if self.is_full() {
            writeln!(
                out,
                "advance_limit = {}",
                self.amounts(|place| self.amount(MOST_ADVANCED, place))
            )?;
        }
        writeln!(out)?;
        for terms in &CURRENCIES {
            let code = terms.code;
            writeln!(
                out,
                "[[house.account]]\nnumber = \"{BANK_ACCOUNT}-{code}\"\ncurrency = \"{code}\"\n"
            )?;
        }
        if self.format(CARDS) == FileFormat::Profile {
            writeln!(out, "{PROFILE}")?;
        }
        self.write_acquirers(out)?;
        self.write_schedules(out, version)?;
        writeln!(out, "[payout]\nminimum = {}", self.prices(|terms| terms.minimum))?;
        if self.is_full() {
            self.write_spans(out)?;
            write_velocity(out)?;
        }
        for number in 0..self.merchants.len() {
            self.write_merchant(out, number, version)?;
        }
        Ok(())
    }

    /// The day from which on the settings are in force.
    fn first_day(&self) -> String {
        format!("{}-01-01", self.day(Day::Old).date.year())
    }

    /// How long authorizations are valid, and captures may be refunded, and in which parts.
    fn write_spans(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n[[validity]]\nvalid_for = \"7 days\"")?;
        writeln!(out, "\n[[validity]]\nauth_type = \"pre\"\nvalid_for = \"30 days\"")?;
        writeln!(
            out,
            "\n[[validity]]\nscheme = \"{SHORT_SCHEME}\"\ninitiator = \"merchant\"\nvalid_for = \"{SHORT_VALIDITY_DAYS} days\""
        )?;
        writeln!(
            out,
            "\n[[refund]]\nmax_partial_refunds = {MOST_PARTS}\nminimum = {}",
            self.amounts(|place| self.amount(LEAST_PART, place))
        )?;
        writeln!(
            out,
            "\n[[refund]]\nmethod = \"carrier\"\nwindow = \"3 months\"\nrail = \"calendar_month_end\""
        )
    }

    fn write_acquirers(&self, out: &mut impl Write) -> io::Result<()> {
        for acquirer in 0..ACQUIRERS {
            let name = self.acquirer(acquirer);
            if acquirer == CARDS {
                writeln!(out, "[[acquirer]]\nname = \"{name}\"\ncontract = \"net\"")?;
                writeln!(out, "settles_within_days = {SETTLES_WITHIN_DAYS}")?;
                writeln!(out, "tolerance = {}", self.prices(|_| TOLERANCE))?;
                writeln!(
                    out,
                    "cost = {{ percentage = \"{}\", fixed = {}, rounding = \"half_even\" }}",
                    percent(COST_PER_MILLE.saturating_mul(1000)),
                    self.prices(|terms| terms.cost_fixed)
                )?;
                if self.is_full() {
                    writeln!(out, "over_capture = \"{OVER_CAPTURE_PERCENT}\"")?;
                }
                if self.missing_numbers() > 0 {
                    writeln!(out, "numbered_batches = true")?;
                }
                if self.misheld > 0 {
                    writeln!(out, "reserve = \"{WITHHELD_PERCENT}\"")?;
                }
                for (from, to, rate) in self.agreed_rates() {
                    writeln!(
                        out,
                        "\n[[acquirer.rate]]\nfrom = \"{from}\"\nto = \"{to}\"\nrate = \"{rate}\"\ntolerance = \"{RATE_TOLERANCE}\""
                    )?;
                }
                writeln!(out)?;
            } else if self.is_full() {
                let contract = if acquirer == CARRIER_GROSS { "gross" } else { "net" };
                let bearer = if acquirer == CARRIER_BY_MERCHANT {
                    "merchant"
                } else {
                    "house"
                };
                writeln!(
                    out,
                    "[[acquirer]]\nname = \"{name}\"\nkind = \"carrier\"\ncontract = \"{contract}\""
                )?;
                writeln!(out, "settles_within_days = {CARRIER_SETTLES_WITHIN_DAYS}")?;
                writeln!(out, "partial_refunds = false\nunpaid_borne_by = \"{bearer}\"")?;
                writeln!(
                    out,
                    "monthly_limit = {{ amounts = {{ KRW = \"{MONTHLY_LIMIT}\" }}, time_zone = \"Asia/Seoul\" }}\n"
                )?;
            }
        }
        Ok(())
    }

    fn write_schedules(&self, out: &mut impl Write, version: Version) -> io::Result<()> {
        let count = match (self.is_full(), self.unpriced) {
            (true, Some(_)) => SCHEDULES.len(),
            (true, None) => ENDED,
            (false, _) => PLAIN_SCHEDULES,
        };
        if self.is_full() {
            writeln!(
                out,
                "[[vat_class]]\nname = \"kr\"\nkind = \"added\"\nrate = \"10\"\nrounding = \"down\"\n"
            )?;
            writeln!(
                out,
                "[[vat_class]]\nname = \"kr-inside\"\nkind = \"included_floor\"\nrate = \"10\"\n"
            )?;
        }
        for schedule in SCHEDULES.iter().take(count) {
            if let Some(earlier) = schedule.earlier {
                self.write_schedule(out, schedule, None, earlier)?;
            }
            let from = schedule.earlier.map(|_| self.day(Day::Simulated).date.to_string());
            // By the next day's settings the last one begins long after that day.
            let has_ended = schedule.name == SCHEDULES[ENDED].name && version == Version::NextDay;
            let from = if has_ended {
                Some(self.last_release().to_string())
            } else {
                from
            };
            self.write_schedule(out, schedule, from, schedule.prices)?;
        }
        Ok(())
    }

    fn write_schedule(
        &self,
        out: &mut impl Write,
        schedule: &Schedule,
        from: Option<String>,
        prices: &[Price],
    ) -> io::Result<()> {
        writeln!(out, "[[fee_schedule]]\nname = \"{}\"", schedule.name)?;
        if let Some(from) = from {
            writeln!(out, "effective_from = \"{from}\"")?;
        }
        writeln!(out, "rounding = \"{}\"", schedule.rounding.name())?;
        if schedule.scope != Scope::Item {
            writeln!(out, "scope = \"{}\"", schedule.scope.name())?;
        }
        if schedule.returned != Returned::Nothing {
            writeln!(out, "returned_on_refund = \"{}\"", schedule.returned.name())?;
        }
        if let Some(class) = schedule.vat.class() {
            writeln!(out, "vat = \"{class}\"")?;
        }
        if schedule.events.is_some() || schedule.advance > 0 {
            self.write_event_prices(out, schedule)?;
        }
        if let Some(euros) = schedule.minimum {
            let amount = |place: usize| self.amount(tier_begins(euros, &CURRENCIES[place]), place);
            let amounts: Vec<String> = MINIMUM_IN
                .iter()
                .map(|place| format!("{} = \"{}\"", CURRENCIES[*place].code, amount(*place)))
                .collect();
            writeln!(out, "monthly_minimum = {{ {} }}", amounts.join(", "))?;
        }
        if schedule.won_back {
            writeln!(out, "dispute_fee_returned_when_won = true")?;
        }
        for price in prices {
            if prices.len() > 1 {
                writeln!(out, "\n[[fee_schedule.price]]")?;
            }
            self.write_price(out, price)?;
            if schedule.passes_costs {
                writeln!(out, "passes_costs = true")?;
            }
        }
        writeln!(out)
    }

    fn write_event_prices(&self, out: &mut impl Write, schedule: &Schedule) -> io::Result<()> {
        const NOTHING: EventPrices = EventPrices {
            authorization: 0,
            refund: 0,
            dispute: 0,
            payout: 0,
        };
        let events = schedule.events.as_ref().unwrap_or(&NOTHING);
        let all = [
            ("authorization", events.authorization),
            ("refund", events.refund),
            ("dispute", events.dispute),
            ("payout", events.payout),
        ];
        let mut priced: Vec<String> = all
            .iter()
            .filter(|(_, thousandths)| *thousandths > 0)
            .map(|(name, thousandths)| {
                let amounts = self.amounts(|place| self.amount(event_price(*thousandths, place), place));
                format!("{name} = {amounts}")
            })
            .collect();
        if schedule.advance > 0 {
            priced.push(format!("advance_percentage = \"{}\"", percent(schedule.advance)));
        }
        writeln!(out, "event = {{ {} }}", priced.join(", "))
    }

    fn write_price(&self, out: &mut impl Write, price: &Price) -> io::Result<()> {
        if let Some(method) = price.method {
            writeln!(out, "method = \"{method}\"")?;
        }
        if !price.countries.is_empty() {
            writeln!(out, "card_country = [\"{}\"]", price.countries.join("\", \""))?;
        }
        match price.rate {
            Rate::Flat(rate) => writeln!(out, "percentage = \"{}\"", percent(rate))?,
            Rate::Tiered(tiers) => writeln!(out, "tiers = {}", self.tiers("tiered", tiers))?,
            Rate::Interval(tiers) => writeln!(out, "tiers = {}", self.tiers("interval", tiers))?,
        }
        let fixed = self.amounts(|place| self.fine_amount(price.fixed.of(&CURRENCIES[place]), place));
        writeln!(out, "fixed = {fixed}")?;
        if price.bounds.is_some() {
            let bound = |of: fn((i64, i64)) -> i64| {
                self.amounts(|place| {
                    let bounds = price.bounds(&CURRENCIES[place]).map_or(0, of);
                    self.fine_amount(bounds, place)
                })
            };
            writeln!(
                out,
                "minimum = {}\ncap = {}",
                bound(|(least, _)| least),
                bound(|(_, most)| most)
            )?;
        }
        Ok(())
    }

    fn tiers(&self, kind: &str, tiers: &[(i64, i64)]) -> String {
        let by_currency = self.amounts(|place| {
            let tier = |(euros, rate): &(i64, i64)| {
                let from = self.amount(tier_begins(*euros, &CURRENCIES[place]), place);
                format!("{{ from = \"{from}\", percentage = \"{}\" }}", percent(*rate))
            };
            let tiers: Vec<String> = tiers.iter().map(tier).collect();
            format!("[ {} ]", tiers.join(", "))
        });
        by_currency.replacen('{', &format!("{{ kind = \"{kind}\","), 1)
    }

    fn write_merchant(&self, out: &mut impl Write, number: usize, version: Version) -> io::Result<()> {
        let merchant = &self.merchants[number];
        let (name, schedule) = (merchant_name(number), SCHEDULES[merchant.schedule].name);
        let state = match (merchant.standing, version) {
            (Standing::Applied, _) => "applied",
            (Standing::New, _) => "verified",
            (Standing::Suspended, Version::NextDay) => "suspended",
            (Standing::Closed, Version::NextDay) => "closed",
            (Standing::Suspended | Standing::Closed, Version::First) => "active",
            (Standing::Paid | Standing::Unverified | Standing::Moved, _) => "active",
        };
        writeln!(
            out,
            "\n[[merchant]]\nname = \"{name}\"\nfee_schedule = \"{schedule}\"\nstate = \"{state}\""
        )?;
        if merchant.may_owe {
            let limits = self.in_its_currencies(number, |currency| self.negative_limit(number, currency));
            writeln!(out, "negative_limit = {limits}")?;
        }
        if merchant.is_advanced {
            let [first, _] = merchant.currencies;
            let limit = self.amount(MOST_ADVANCED, first);
            writeln!(out, "advance_limit = {{ {} = \"{limit}\" }}", CURRENCIES[first].code)?;
        }
        match merchant.reserve {
            Some(Reserve::Rolling(per_mille)) => writeln!(
                out,
                "reserve = {{ percentage = \"{}\", release_after_days = {RESERVE_DAYS} }}\nrefunds_from_reserve = true",
                percent(per_mille.saturating_mul(1000))
            )?,
            Some(Reserve::Fixed(euros)) => {
                let amounts = self.in_its_currencies(number, |currency| tier_begins(euros, &CURRENCIES[currency]));
                writeln!(
                    out,
                    "reserve = {{ fixed = {amounts}, release_after_days = {RESERVE_DAYS} }}"
                )?;
            }
            None => {}
        }
        if let Some(days) = merchant.sales_day {
            writeln!(
                out,
                "availability = {{ sales_day = {days}, calendar = \"{CALENDAR}\" }}"
            )?;
        }
        if merchant.has_destination {
            self.write_destination(out, number, version)?;
        }
        Ok(())
    }

    fn write_destination(&self, out: &mut impl Write, number: usize, version: Version) -> io::Result<()> {
        let (name, standing) = (merchant_name(number), self.merchants[number].standing);
        let moved = standing == Standing::Moved && version == Version::NextDay;
        // Another account of the same bank.
        let account = iban(if moved {
            number.saturating_add(5_000_000)
        } else {
            number
        });
        let verified = match standing {
            Standing::Unverified => String::new(),
            Standing::Paid
            | Standing::Applied
            | Standing::New
            | Standing::Suspended
            | Standing::Closed
            | Standing::Moved => {
                format!(", verified_on = \"{}\"", self.first_day())
            }
        };
        writeln!(
            out,
            "destination = {{ holder = \"Merchant {name}\", account = \"{account}\", bank = \"\"{verified} }}"
        )
    }

    /// A table of amounts in the currencies that a merchant sells in.
    fn in_its_currencies(&self, number: usize, amount: impl Fn(usize) -> i64) -> String {
        let [first, second] = self.merchants[number].currencies;
        let places = if first == second {
            vec![first]
        } else {
            vec![first, second]
        };
        let amounts: Vec<String> = places
            .into_iter()
            .map(|place| format!("{} = \"{}\"", CURRENCIES[place].code, self.amount(amount(place), place)))
            .collect();
        format!("{{ {} }}", amounts.join(", "))
    }

    fn prices(&self, price: fn(&Terms) -> i64) -> String {
        self.amounts(|place| self.amount(price(&CURRENCIES[place]), place))
    }

    /// A table of every currency: lists as they are, everything else in quotes.
    fn amounts(&self, of: impl Fn(usize) -> String) -> String {
        let amounts: Vec<String> = CURRENCIES
            .iter()
            .enumerate()
            .map(|(place, terms)| match of(place) {
                list if list.starts_with('[') => format!("{} = {list}", terms.code),
                amount => format!("{} = \"{amount}\"", terms.code),
            })
            .collect();
        format!("{{ {} }}", amounts.join(", "))
    }

    /// Millionths of a minor unit as decimal text; without them, where they are nothing.
    fn fine_amount(&self, millionths: i64, currency: usize) -> String {
        if millionths.rem_euclid(MILLION) == 0 {
            return self.amount(millionths.div_euclid(MILLION), currency);
        }
        let exponent = self.currencies[currency].exponent().saturating_add(6);
        let text = wide_decimal_text(i128::from(millionths), exponent);
        text.trim_end_matches('0').to_owned()
    }
}

/// Millionths as a percentage.
fn percent(millionths: i64) -> String {
    let text = wide_decimal_text(i128::from(millionths), 4);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What payers and merchants may do in a time.
fn write_velocity(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\n[[velocity_rule]]\nname = \"often\"\nper = [\"payer\"]\nwindow = \"1 hour\"\nmax_count = {OFTEN}\naction = \"flag\""
    )?;
    writeln!(
        out,
        "\n[[velocity_rule]]\nname = \"vouchers\"\nper = [\"payer\", \"category\"]\nmethod = \"carrier\"\ncategory = \"voucher\"\n\
         window = \"24 hours\"\nmax_sum = {{ KRW = \"{VOUCHERS}\" }}\naction = \"hold\""
    )?;
    writeln!(
        out,
        "\n[[velocity_rule]]\nname = \"games\"\nper = [\"payer\", \"merchant\"]\ncategory = \"game\"\n\
         window = \"month\"\nmax_count = {GAMES}\naction = \"refuse\""
    )?;
    // Never reached: what counting costs is to be seen all the same.
    writeln!(
        out,
        "\n[[velocity_rule]]\nname = \"busy\"\nper = [\"merchant\"]\nwindow = \"24 hours\"\nmax_count = 1000000000\naction = \"flag\""
    )
}
