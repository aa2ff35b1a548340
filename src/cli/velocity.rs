//! `acquit velocity`: what velocity rules and monthly limits decided.

use std::process::ExitCode;

use chrono::SecondsFormat;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, counted, stored};
use crate::money::Money;
use crate::settings::Action;

/// What to do with decisions.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List what was decided of authorizations above a limit, in the order of events.
    ///
    /// A decision without a rule is that of the acquirer's monthly limit. One without an entry refused its event.
    List {
        /// List only those of this merchant.
        #[arg(long)]
        merchant: Option<String>,
        /// List only those of this action: flag, hold or refuse.
        #[arg(long)]
        action: Option<String>,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::List { merchant, action } => list(merchant, action, globals).await,
    }
}

async fn list(merchant: Option<String>, action: Option<String>, globals: &Globals) -> Outcome {
    if let Some(name) = &action
        && Action::from_name(name).is_none()
    {
        let names = Action::ALL.map(Action::name).join(", ");
        return Err(Failure::new(format!("`{name}` is no action")).hint(format!("one of {names}")));
    }
    let store = globals.store().await?;
    let decisions = store
        .velocity_decisions(merchant.as_deref(), action.as_deref())
        .await
        .map_err(stored)?;
    let columns = [
        ("occurred_at", Kind::Text),
        ("merchant", Kind::Text),
        ("payment", Kind::Text),
        ("reference", Kind::Text),
        ("action", Kind::Text),
        ("rule", Kind::Text),
        ("rule_version", Kind::Text),
        ("count", Kind::Figure),
        ("max_count", Kind::Figure),
        ("currency", Kind::Text),
        ("sum", Kind::Figure),
        ("max_sum", Kind::Figure),
        ("entry", Kind::Figure),
        ("reason", Kind::Text),
    ];
    let mut listing = Listing::new(counted(decisions.len(), "decision"), &columns);
    for row in decisions {
        listing.row(vec![
            row.occurred_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            row.merchant,
            row.payment,
            row.reference,
            row.action,
            row.rule.unwrap_or_default(),
            row.version.to_string(),
            text(row.count),
            text(row.max_count),
            row.sum.currency().to_string(),
            row.sum.to_decimal_text(),
            row.max_sum.map(Money::to_decimal_text).unwrap_or_default(),
            text(row.number),
            row.reason,
        ]);
    }
    listing.print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
