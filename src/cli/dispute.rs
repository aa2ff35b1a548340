//! `acquit dispute`: where cases stand.

use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};

use super::output::{Kind, Listing};
use super::{Globals, Outcome, stored};

/// What to do with disputes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List cases by the time until which they can be answered: those that are not given back.
    ///
    /// Where a case stands is what its latest event says. A case whose time is over stays in the list.
    List {
        /// List only those of this merchant.
        #[arg(long)]
        merchant: Option<String>,
        /// List those that were given back too.
        #[arg(long)]
        all: bool,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    let Command::List { merchant, all } = command;
    let store = globals.store().await?;
    let disputes = store.disputes(merchant.as_deref(), all).await.map_err(stored)?;
    let columns = [
        ("merchant", Kind::Text),
        ("payment", Kind::Text),
        ("acquirer", Kind::Text),
        ("case", Kind::Text),
        ("cycle", Kind::Figure),
        ("state", Kind::Text),
        ("currency", Kind::Text),
        ("amount", Kind::Figure),
        ("occurred_at", Kind::Text),
        ("respond_by", Kind::Text),
        ("entry", Kind::Figure),
    ];
    let shown = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let mut listing = Listing::new("Disputes", &columns);
    for dispute in disputes {
        listing.row(vec![
            dispute.merchant,
            dispute.payment,
            dispute.acquirer,
            dispute.case,
            dispute.cycle.to_string(),
            dispute.state.name().to_owned(),
            dispute.money.currency().to_string(),
            dispute.money.to_decimal_text(),
            shown(dispute.occurred_at),
            dispute.respond_by.map(shown).unwrap_or_default(),
            dispute.number.to_string(),
        ]);
    }
    listing.print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}
