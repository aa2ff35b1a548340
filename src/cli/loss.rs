//! `acquit loss`: what merchants owe and cannot pay.

use std::process::ExitCode;

use chrono::NaiveDate;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, kept_text, person, plan_or, stored};
use crate::money::{Currency, Money};
use crate::store::loss::{Loss, LossError, Reason, Recovery, Request};

/// What to do with losses.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Plan to give up what a merchant owes. Moves no money; somebody else has to approve it.
    ///
    /// A merchant owes what its available balance is below zero, less what it has pending, in reserve and on hold. It has one
    /// plan at a time in a currency.
    Plan {
        /// The merchant.
        #[arg(long)]
        merchant: String,
        /// In which currency.
        #[arg(long)]
        currency: Currency,
        /// How much, like 12.34. Default: all that it owes.
        #[arg(long)]
        amount: Option<String>,
        /// Why: insolvent, untraceable, uneconomic (to collect) or settled.
        #[arg(long)]
        reason: Reason,
        /// What was done to get it, and where the evidence is.
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// Who plans; somebody else has to approve.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The day. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
    /// Plan to take back what was given up, out of what is available to the merchant now. Moves no money.
    Recover {
        /// The loss, as `acquit loss list --all` numbers it.
        id: i64,
        /// How much, like 12.34. Default: all that is available, of the loss at most.
        #[arg(long)]
        amount: Option<String>,
        /// Where it comes from.
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// Who plans; somebody else has to approve.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The day. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
    /// Approve what is planned, and book it. The approver is not the planner.
    ///
    /// Refused where the merchant owes less by now, or less is available to it. Without --execute only the plan is shown.
    Approve {
        /// The loss or recovery, as `acquit loss list` numbers it.
        id: i64,
        /// Who approves.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// Cancel what is planned and not booked.
    Cancel {
        /// The loss or recovery, as `acquit loss list` numbers it.
        id: i64,
    },
    /// List what waits to be approved.
    List {
        /// List only what is of this merchant.
        #[arg(long)]
        merchant: Option<String>,
        /// List what is booked or cancelled too.
        #[arg(long)]
        all: bool,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Plan {
            merchant,
            currency,
            amount,
            reason,
            note,
            by,
            on,
        } => {
            let amount = amount
                .map(|text| Money::parse(&text, currency))
                .transpose()
                .map_err(|error| Failure::because("--amount is refused", error))?;
            let (note, by) = (kept_text("--note", note)?, person(by)?);
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let request = Request {
                merchant: &merchant,
                currency,
                amount,
                reason,
                note: &note,
                by: &by,
                day: super::day_to_act(&deployment, on, true)?,
            };
            let planned = store.plan_loss(&request).await.map_err(failed)?;
            listing("Loss: planned, nothing was booked".to_owned(), &[planned]).print(globals.format)?;
        }
        Command::Recover {
            id,
            amount,
            note,
            by,
            on,
        } => {
            let (note, by) = (kept_text("--note", note)?, person(by)?);
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let recovery = Recovery {
                id,
                amount: amount.as_deref(),
                note: &note,
                by: &by,
                day: super::day_to_act(&deployment, on, true)?,
            };
            let planned = store.plan_recovery(&recovery).await.map_err(failed)?;
            listing("Recovery: planned, nothing was booked".to_owned(), &[planned]).print(globals.format)?;
        }
        Command::Approve { id, by, on, execute } => {
            let by = person(by)?;
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let day = super::day_to_act(&deployment, on, execute)?;
            let approved = if execute {
                store.approve_loss(id, &by, day).await
            } else {
                store.plan_loss_approval(id, &by, day).await
            };
            let approved = approved.map_err(failed)?;
            let what = if approved.new {
                plan_or("booked", execute)
            } else {
                "booked before, nothing was done".to_owned()
            };
            listing(format!("Loss: {what}"), &[approved.loss]).print(globals.format)?;
        }
        Command::Cancel { id } => {
            let store = globals.store().await?;
            let cancelled = store.cancel_loss(id).await.map_err(failed)?;
            let what = if cancelled.new {
                "cancelled"
            } else {
                "cancelled before, nothing was done"
            };
            listing(format!("Loss: {what}"), &[cancelled.loss]).print(globals.format)?;
        }
        Command::List { merchant, all } => {
            let store = globals.store().await?;
            let losses = store.losses(merchant.as_deref(), all).await.map_err(stored)?;
            listing("Losses".to_owned(), &losses).print(globals.format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(error: LossError) -> Failure {
    let hint = match &error {
        LossError::Store(error) => error.hint(),
        LossError::UnknownMerchant(_) => Some("name a merchant of the settings"),
        LossError::Unknown(_) | LossError::NotALoss { .. } | LossError::NotPlanned { .. } => {
            Some("`acquit loss list --all` shows what there is")
        }
        LossError::Waiting { .. } => Some("approve it with `acquit loss approve`, or cancel it"),
        LossError::NotPositive
        | LossError::Amount(_)
        | LossError::NotOwed { .. }
        | LossError::Insufficient { .. }
        | LossError::BeyondLoss { .. }
        | LossError::ApproverIsPlanner(_)
        | LossError::BookedBefore { .. } => None,
    };
    Failure::new(error).maybe_hint(hint)
}

fn listing(title: String, losses: &[Loss]) -> Listing {
    let columns = [
        ("id", Kind::Figure),
        ("merchant", Kind::Text),
        ("currency", Kind::Text),
        ("amount", Kind::Figure),
        ("reason", Kind::Text),
        ("recovers", Kind::Figure),
        ("recovered", Kind::Figure),
        ("state", Kind::Text),
        ("planned_on", Kind::Text),
        ("planned_by", Kind::Text),
        ("approved_by", Kind::Text),
        ("entry", Kind::Figure),
        ("note", Kind::Text),
    ];
    let mut listing = Listing::new(title, &columns);
    for loss in losses {
        listing.row(vec![
            loss.id.to_string(),
            loss.merchant.clone(),
            loss.money.currency().to_string(),
            loss.money.to_decimal_text(),
            loss.reason.clone(),
            loss.recovers.map_or_else(String::new, |id| id.to_string()),
            loss.recovered.to_decimal_text(),
            loss.state.clone(),
            loss.planned_on.to_string(),
            loss.planned_by.clone(),
            loss.approved_by.clone().unwrap_or_default(),
            loss.number.map_or_else(String::new, |number| number.to_string()),
            loss.note.clone(),
        ]);
    }
    listing
}
