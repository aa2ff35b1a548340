//! `acquit merchant`: how far merchants have come, whether they are paid, and what they are owed.

use std::collections::HashMap;
use std::process::ExitCode;

use chrono::{Days, NaiveDate};

use super::output::{Format, Kind, Listing};
use super::{Failure, Globals, Outcome, stored};
use crate::payout::amount::{Beside, cooling_off, destination};
use crate::payout::returned::Returned;
use crate::settings::Merchant;
use crate::store::merchant::{Debt, MerchantBalances, Owed};
use crate::store::settings::Deployment;

/// What to do with merchants.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List merchants: state, prices, bank account, what stands in the way of payouts, and what they are owed.
    ///
    /// One row a currency. The settings are those of a day; balances are those of now.
    List {
        /// The day whose settings count. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
    /// List what merchants owe, the oldest first.
    ///
    /// A merchant owes what its available balance is below zero. What comes in pays the oldest first; what it has pending, in
    /// reserve and on hold will set the debt off; what it owes beyond that is carried forward, and asked for when it is as old as
    /// the settings say (collect_after_days). `acquit loss` gives it up. Balances are those of now, ages and settings those of a
    /// day.
    Debts {
        /// The day whose settings count. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
    /// Show one merchant.
    Show {
        /// Its name, as the settings have it.
        name: String,
        /// The day whose settings count. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let (name, on) = match &command {
        Command::List { on } | Command::Debts { on } => (None, on),
        Command::Show { name, on } => (Some(name.as_str()), on),
    };
    let day = on.unwrap_or_else(|| super::today(&deployment));
    let Some(settings) = deployment.in_force(day) else {
        return Err(Failure::new(format!("no settings are in force on {day}")));
    };
    if matches!(command, Command::Debts { .. }) {
        let debts = store.debts(None).await.map_err(stored)?;
        debts_listing(&debts, day, settings.payout.collect_after_days).print(globals.format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let balances = store.merchant_balances(name).await.map_err(stored)?;
    let returned = store.returned_payouts().await.map_err(stored)?;
    match (name, globals.format) {
        (Some(name), _) if balances.is_empty() => {
            return Err(
                Failure::new(format!("there is no merchant `{name}`")).hint("`acquit merchant list` has their names")
            );
        }
        (Some(_), Format::Table) => {
            for balances in &balances {
                facts(&Standing::of(&balances.merchant, day, &deployment, &returned), day).print(globals.format)?;
                println!();
                owed(balances).print(globals.format)?;
            }
        }
        _ => list(&balances, day, &deployment, &returned).print(globals.format)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Payouts that came back, by merchant.
type CameBack = HashMap<String, Vec<Returned>>;

/// What the settings of a day make of a merchant.
struct Standing<'a> {
    name: &'a str,
    settings: Option<&'a Merchant>,
    cools_off_until: Option<NaiveDate>,
    obstacle: String,
}

impl<'a> Standing<'a> {
    fn of(name: &'a str, day: NaiveDate, deployment: &'a Deployment, returned: &CameBack) -> Self {
        let beside = Beside {
            returned: returned.get(name).map(Vec::as_slice).unwrap_or_default(),
            ..Beside::default()
        };
        let versions = deployment.begun(day);
        Self {
            name,
            settings: versions.last().and_then(|version| version.settings.merchants.get(name)),
            cools_off_until: cooling_off(name, versions)
                .map(|(_, until)| until)
                .filter(|until| day < *until),
            obstacle: match destination(name, day, versions, beside) {
                Ok(_) => String::new(),
                Err(obstacle) => obstacle.to_string(),
            },
        }
    }

    /// In the order of [`FACTS`].
    fn cells(&self) -> Vec<String> {
        let destination = self.settings.and_then(|merchant| merchant.destination.as_ref());
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
        vec![
            self.name.to_owned(),
            text(self.settings.map(|merchant| merchant.state.name())),
            text(self.settings.map(|merchant| merchant.fee_schedule.as_str())),
            text(destination.map(|destination| destination.holder.as_str())),
            text(destination.map(|destination| destination.account.as_str())),
            text(destination.map(|destination| destination.bank.as_str())),
            day(destination.and_then(|destination| destination.verified_on)),
            day(self.cools_off_until),
            self.obstacle.clone(),
        ]
    }
}

const FACTS: &[(&str, Kind)] = &[
    ("merchant", Kind::Text),
    ("state", Kind::Text),
    ("fee_schedule", Kind::Text),
    ("holder", Kind::Text),
    ("account", Kind::Whole),
    ("bank", Kind::Text),
    ("verified_on", Kind::Text),
    ("cools_off_until", Kind::Text),
    ("not_paid_because", Kind::Text),
];

const BALANCES: &[(&str, Kind)] = &[
    ("currency", Kind::Text),
    ("available", Kind::Figure),
    ("pending", Kind::Figure),
    ("reserve", Kind::Figure),
    ("hold", Kind::Figure),
    ("in_transit", Kind::Figure),
];

/// In the order of [`BALANCES`].
fn cells(owed: &Owed) -> Vec<String> {
    let currency = owed.available.currency().to_string();
    let amounts = [owed.available, owed.pending, owed.reserve, owed.hold, owed.in_transit];
    let amounts = amounts.into_iter().map(|money| money.to_decimal_text());
    std::iter::once(currency).chain(amounts).collect()
}

fn list(all: &[MerchantBalances], day: NaiveDate, deployment: &Deployment, returned: &CameBack) -> Listing {
    let title = format!("Merchants by the settings of {day}, balances of now");
    let mut listing = Listing::new(title, &[FACTS, BALANCES].concat());
    for balances in all {
        let facts = Standing::of(&balances.merchant, day, deployment, returned).cells();
        for owed in &balances.owed {
            listing.row([facts.clone(), cells(owed)].concat());
        }
        if balances.owed.is_empty() {
            listing.row([facts, vec![String::new(); BALANCES.len()]].concat());
        }
    }
    listing
}

fn facts(standing: &Standing<'_>, day: NaiveDate) -> Listing {
    let title = format!("Merchant {} by the settings of {day}", standing.name);
    // A bank account arrives whole, and so do the other facts beside it; none of them may hold a card number.
    let mut listing = Listing::new(title, &[("fact", Kind::Text), ("value", Kind::Whole)]);
    for ((name, _), value) in FACTS.iter().zip(standing.cells()).skip(1) {
        listing.row(vec![name.replace('_', " "), value]);
    }
    listing
}

fn owed(balances: &MerchantBalances) -> Listing {
    let mut listing = Listing::new("Balances of now", BALANCES);
    for owed in &balances.owed {
        listing.row(cells(owed));
    }
    listing
}

/// What becomes of a debt on a day.
fn stage(debt: &Debt, day: NaiveDate, collect_after_days: Option<u16>) -> &'static str {
    let asked_from = collect_after_days.and_then(|days| debt.since.checked_add_days(Days::new(days.into())));
    match (debt.owed.minor(), asked_from) {
        (0, _) => "set off by what it has",
        (_, Some(from)) if from <= day => "to be collected",
        _ => "carried forward",
    }
}

fn debts_listing(debts: &[Debt], day: NaiveDate, collect_after_days: Option<u16>) -> Listing {
    let columns = [
        ("merchant", Kind::Text),
        ("currency", Kind::Text),
        ("below_zero", Kind::Figure),
        ("beside", Kind::Figure),
        ("owed", Kind::Figure),
        ("since", Kind::Text),
        ("days", Kind::Figure),
        ("stage", Kind::Text),
    ];
    let mut listing = Listing::new("Debts of merchants", &columns);
    for debt in debts {
        listing.row(vec![
            debt.merchant.clone(),
            debt.owed.currency().to_string(),
            debt.below_zero.to_decimal_text(),
            debt.beside.to_decimal_text(),
            debt.owed.to_decimal_text(),
            debt.since.to_string(),
            day.signed_duration_since(debt.since).num_days().to_string(),
            stage(debt, day, collect_after_days).to_owned(),
        ]);
    }
    listing
}
