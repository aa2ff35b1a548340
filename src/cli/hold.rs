//! `acquit hold`: available money set aside.

use std::process::ExitCode;

use chrono::NaiveDate;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, kept_text, person, plan_or, stored};
use crate::money::{Currency, Money};
use crate::store::hold::{Hold, HoldError, Request};

/// What to do with holds.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Set available money of a merchant aside, with a reason and an owner.
    ///
    /// It is not paid out until somebody releases it, or it expires and `acquit release` runs. Refused where less is available.
    /// The same hold on the same day is placed once; two equal ones need references. Without --execute only the plan is shown.
    Place {
        /// The merchant.
        #[arg(long)]
        merchant: String,
        /// How much, like 12.34.
        #[arg(long)]
        amount: String,
        /// In which currency.
        #[arg(long)]
        currency: Currency,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who answers for it.
        #[arg(long, value_name = "NAME")]
        owner: String,
        /// The day on which it is released by itself. Default: somebody has to release it.
        #[arg(long, value_name = "DATE")]
        expires: Option<NaiveDate>,
        /// Your own id of it, for two that are equal otherwise.
        #[arg(long, value_name = "TEXT")]
        reference: Option<String>,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// Make the money of a hold available again.
    ///
    /// A hold is released once, whole. Without --execute only the plan is shown.
    Release {
        /// The hold, as `acquit hold list` numbers it.
        id: i64,
        /// Who releases it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// List holds.
    List {
        /// List only those of this merchant.
        #[arg(long)]
        merchant: Option<String>,
        /// List those that were released too.
        #[arg(long)]
        all: bool,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Place {
            merchant,
            amount,
            currency,
            reason,
            owner,
            expires,
            reference,
            on,
            execute,
        } => {
            let money =
                Money::parse(&amount, currency).map_err(|error| Failure::because("--amount is refused", error))?;
            let (reason, owner) = (kept_text("--reason", reason)?, kept_text("--owner", owner)?);
            let reference = reference.map(|text| kept_text("--reference", text)).transpose()?;
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let request = Request {
                merchant: &merchant,
                money,
                reason: &reason,
                owner: &owner,
                expires_on: expires,
                day: super::day_to_act(&deployment, on, execute)?,
                reference: reference.as_deref(),
            };
            let placed = if execute {
                store.place_hold(&request).await
            } else {
                store.plan_hold(&request).await
            };
            let placed = placed.map_err(failed)?;
            let what = if placed.new {
                plan_or("placed", execute)
            } else {
                "placed before, nothing was done".to_owned()
            };
            let mut listing = listing(format!("Hold: {what}"), &[placed.hold]);
            if placed.new && !execute {
                // The number that it would have belongs to the next hold, whichever that is.
                if let Some(id) = listing.rows.first_mut().and_then(|row| row.first_mut()) {
                    id.clear();
                }
            }
            listing.print(globals.format)?;
        }
        Command::Release { id, by, on, execute } => {
            let by = person(by)?;
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let day = super::day_to_act(&deployment, on, execute)?;
            let released = if execute {
                store.release_hold(id, &by, day).await
            } else {
                store.plan_hold_release(id, &by, day).await
            };
            let released = released.map_err(failed)?;
            let what = if released.new {
                plan_or("released", execute)
            } else {
                "released before, nothing was done".to_owned()
            };
            listing(format!("Hold: {what}"), &[released.hold]).print(globals.format)?;
        }
        Command::List { merchant, all } => {
            let store = globals.store().await?;
            let holds = store.holds(merchant.as_deref(), all).await.map_err(stored)?;
            listing("Holds".to_owned(), &holds).print(globals.format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(error: HoldError) -> Failure {
    let hint = match &error {
        HoldError::Store(error) => error.hint(),
        HoldError::UnknownMerchant(_) => Some("name a merchant of the settings"),
        HoldError::Unknown(_) => Some("`acquit hold list` shows the holds that there are"),
        HoldError::Conflict { .. } => Some("a reference is used once: bring another one"),
        HoldError::NotPositive
        | HoldError::ExpiresBefore { .. }
        | HoldError::Insufficient { .. }
        | HoldError::ReleasedBefore { .. } => None,
    };
    Failure::new(error).maybe_hint(hint)
}

fn listing(title: String, holds: &[Hold]) -> Listing {
    let columns = [
        ("id", Kind::Figure),
        ("merchant", Kind::Text),
        ("currency", Kind::Text),
        ("amount", Kind::Figure),
        ("reason", Kind::Text),
        ("owner", Kind::Text),
        ("placed_on", Kind::Text),
        ("expires_on", Kind::Text),
        ("released_by", Kind::Text),
    ];
    let mut listing = Listing::new(title, &columns);
    for hold in holds {
        let released_by = hold.released.as_ref().map(|(_, by)| by.clone());
        listing.row(vec![
            hold.id.to_string(),
            hold.merchant.clone(),
            hold.money.currency().to_string(),
            hold.money.to_decimal_text(),
            hold.reason.clone(),
            hold.owner.clone(),
            hold.placed_on.to_string(),
            hold.expires_on.map_or_else(String::new, |day| day.to_string()),
            released_by.unwrap_or_default(),
        ]);
    }
    listing
}
