//! The settings file that describes the world.

use std::io::{self, Write};

use chrono::Datelike;

use super::{
    ACQUIRERS, BANK_ACCOUNT, CARDS, CARRIER_BY_MERCHANT, CARRIER_SETTLES_WITHIN_DAYS, COST_PER_MILLE, CURRENCIES, Day,
    OVER_CAPTURE_PERCENT, SETTLES_WITHIN_DAYS, SHORT_SCHEME, SHORT_VALIDITY_DAYS, TOLERANCE, Terms, World,
    fee_schedule, iban, merchant_name, percent,
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
                    percent(COST_PER_MILLE),
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
        for micro in [false, true] {
            let (name, per_mille) = fee_schedule(micro);
            writeln!(
                out,
                "[[fee_schedule]]\nname = \"{name}\"\npercentage = \"{}\"",
                percent(per_mille)
            )?;
            let fixed = self.prices(if micro {
                |terms| terms.micro_fixed
            } else {
                |terms| terms.standard_fixed
            });
            writeln!(out, "fixed = {fixed}\nrounding = \"half_even\"\n")?;
        }
        Ok(())
    }

    fn write_merchant(&self, out: &mut impl Write, number: usize) -> io::Result<()> {
        let merchant = &self.merchants[number];
        let (name, (schedule, _)) = (merchant_name(number), fee_schedule(merchant.micro));
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
        let prices: Vec<String> = CURRENCIES
            .iter()
            .enumerate()
            .map(|(place, terms)| format!("{} = \"{}\"", terms.code, self.amount(price(terms), place)))
            .collect();
        format!("{{ {} }}", prices.join(", "))
    }
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
