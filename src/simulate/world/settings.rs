//! The settings file that describes the world.

use std::io::{self, Write};

use chrono::Datelike;

use super::{
    ACQUIRERS, BANK_ACCOUNT, CARDS, CARRIER_BY_MERCHANT, CARRIER_SETTLES_WITHIN_DAYS, COST_PER_MILLE, CURRENCIES, Day,
    OVER_CAPTURE_PERCENT, SETTLES_WITHIN_DAYS, SHORT_SCHEME, SHORT_VALIDITY_DAYS, TOLERANCE, Terms, World, iban,
    merchant_name,
};
use crate::money::wide_decimal_text;
use crate::simulate::fees::{
    EventPrices, MILLION, PLAIN_SCHEDULES, Price, Rate, Returned, SCHEDULES, Schedule, Scope, event_price, tier_begins,
};

impl World {
    /// Writes the settings file that this world is described by.
    pub fn write_settings(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "effective_from = \"{}\"\n", self.first_day())?;
        writeln!(out, "[house]\nname = \"Example Payments\"")?;
        writeln!(
            out,
            "time_zone = \"Europe/Berlin\"\nbank_account = \"{BANK_ACCOUNT}\"\n"
        )?;
        self.write_acquirers(out)?;
        self.write_schedules(out)?;
        writeln!(out, "[payout]\nminimum = {}", self.prices(|terms| terms.minimum))?;
        if self.is_full() {
            write_spans(out)?;
        }
        for number in 0..self.merchants.len() {
            self.write_merchant(out, number)?;
        }
        Ok(())
    }

    /// The day from which on the settings are in force.
    fn first_day(&self) -> String {
        format!("{}-01-01", self.day(Day::Old).date.year())
    }

    fn write_acquirers(&self, out: &mut impl Write) -> io::Result<()> {
        for (acquirer, name) in ACQUIRERS.iter().enumerate() {
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
                writeln!(out)?;
            } else if self.is_full() {
                let bearer = if acquirer == CARRIER_BY_MERCHANT {
                    "merchant"
                } else {
                    "house"
                };
                writeln!(
                    out,
                    "[[acquirer]]\nname = \"{name}\"\nkind = \"carrier\"\ncontract = \"net\""
                )?;
                writeln!(out, "settles_within_days = {CARRIER_SETTLES_WITHIN_DAYS}")?;
                writeln!(out, "partial_refunds = false\nunpaid_borne_by = \"{bearer}\"\n")?;
            }
        }
        Ok(())
    }

    fn write_schedules(&self, out: &mut impl Write) -> io::Result<()> {
        let count = if self.is_full() {
            SCHEDULES.len()
        } else {
            PLAIN_SCHEDULES
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
        if let Some(events) = &schedule.events {
            self.write_event_prices(out, events)?;
        }
        if schedule.won_back {
            writeln!(out, "dispute_fee_returned_when_won = true")?;
        }
        for price in prices {
            if prices.len() > 1 {
                writeln!(out, "\n[[fee_schedule.price]]")?;
            }
            self.write_price(out, price)?;
        }
        writeln!(out)
    }

    fn write_event_prices(&self, out: &mut impl Write, events: &EventPrices) -> io::Result<()> {
        let all = [
            ("authorization", events.authorization),
            ("refund", events.refund),
            ("dispute", events.dispute),
        ];
        let priced: Vec<String> = all
            .iter()
            .filter(|(_, thousandths)| *thousandths > 0)
            .map(|(name, thousandths)| {
                let amounts = self.amounts(|place| self.amount(event_price(*thousandths, place), place));
                format!("{name} = {amounts}")
            })
            .collect();
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

    fn write_merchant(&self, out: &mut impl Write, number: usize) -> io::Result<()> {
        let merchant = &self.merchants[number];
        let (name, schedule) = (merchant_name(number), SCHEDULES[merchant.schedule].name);
        writeln!(
            out,
            "\n[[merchant]]\nname = \"{name}\"\nfee_schedule = \"{schedule}\"\nstate = \"active\""
        )?;
        if merchant.may_owe {
            let currencies = merchant.currencies;
            let places = if currencies[0] == currencies[1] {
                &currencies[..1]
            } else {
                &currencies[..]
            };
            let limits: Vec<String> = places
                .iter()
                .map(|&currency| {
                    let limit = self.amount(self.negative_limit(number, currency), currency);
                    format!("{} = \"{limit}\"", CURRENCIES[currency].code)
                })
                .collect();
            writeln!(out, "negative_limit = {{ {} }}", limits.join(", "))?;
        }
        if merchant.has_destination {
            let (account, since) = (iban(number), self.first_day());
            writeln!(
                out,
                "destination = {{ holder = \"Merchant {name}\", account = \"{account}\", bank = \"\", verified_on = \"{since}\" }}"
            )?;
        }
        Ok(())
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

/// How long authorizations are valid, and captures may be refunded.
fn write_spans(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n[[validity]]\nvalid_for = \"7 days\"")?;
    writeln!(out, "\n[[validity]]\nauth_type = \"pre\"\nvalid_for = \"30 days\"")?;
    writeln!(
        out,
        "\n[[validity]]\nscheme = \"{SHORT_SCHEME}\"\ninitiator = \"merchant\"\nvalid_for = \"{SHORT_VALIDITY_DAYS} days\""
    )?;
    writeln!(
        out,
        "\n[[refund]]\nmethod = \"carrier\"\nwindow = \"3 months\"\nrail = \"calendar_month_end\""
    )
}
