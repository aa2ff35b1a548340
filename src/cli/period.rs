//! `acquit period`: closing periods.

use std::process::ExitCode;

use chrono::{NaiveDate, SecondsFormat};

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, kept_text, person, stored};
use crate::store::period::{Closing, PeriodError, Request, periods};
use crate::store::snapshot::Snapshot;

/// What to do with periods.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Close everything up to and including a day, for ever.
    ///
    /// Nothing is booked on those days any more. What is told later of them is priced as of its own day, booked on the first
    /// open day, and has its own day beside it in the journal (happened_on). The digest is that of what `acquit report
    /// trial-balance --as-of DATE --format csv` prints; `acquit audit verify` works it out again. Where a merchant's available
    /// balance is below zero, that is booked as a receivable (1200) on the last day, and back on the day after. Shows what is
    /// left open: items that no acquirer has reported, breaks, payouts. Without --execute nothing is written: the same work is
    /// done and rolled back.
    Close {
        /// The last day of the period; it has to be over.
        #[arg(long, value_name = "DATE")]
        through: NaiveDate,
        /// What there is to say of it.
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// Who closes it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Close it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// List the closed periods, oldest first.
    List,
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Close {
            through,
            note,
            by,
            execute,
        } => {
            let (note, by) = (kept_text("--note", note)?, person(by)?);
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            if through >= super::today(&deployment) {
                return Err(Failure::new(format!("{through} is not over yet")).hint("close a day before today"));
            }
            let request = Request {
                through,
                by: &by,
                note: &note,
            };
            let closing = if execute {
                store.close_period(&request).await
            } else {
                store.plan_period(&request).await
            };
            let closing = closing.map_err(failed)?;
            let what = match (closing.new, execute) {
                (false, _) => "closed before, nothing was done",
                (true, true) => "closed",
                (true, false) => "plan, nothing was closed; run again with --execute to close it",
            };
            plan(format!("Period: {what}"), &closing).print(globals.format)?;
        }
        Command::List => list(globals).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(error: PeriodError) -> Failure {
    let hint = match &error {
        PeriodError::Store(error) => error.hint(),
        PeriodError::Closed { .. } | PeriodError::ClosedOtherwise { .. } => {
            Some("`acquit period list` shows what is closed; what is closed stays closed")
        }
    };
    Failure::new(error).maybe_hint(hint)
}

fn plan(title: String, closing: &Closing) -> Listing {
    let columns = [
        ("from", Kind::Text),
        ("through", Kind::Text),
        ("entries", Kind::Figure),
        ("reclassified", Kind::Figure),
        ("open_items", Kind::Figure),
        ("open_breaks", Kind::Figure),
        ("open_payouts", Kind::Figure),
        ("trial_balance", Kind::Digest),
    ];
    let mut listing = Listing::new(title, &columns);
    listing.row(vec![
        closing.from.map(|day| day.to_string()).unwrap_or_default(),
        closing.through.to_string(),
        closing.entries.to_string(),
        closing.reclassified.to_string(),
        closing.open_items.to_string(),
        closing.breaks.to_string(),
        closing.payouts.to_string(),
        closing.trial_balance.clone(),
    ]);
    listing
}

async fn list(globals: &Globals) -> Result<(), Failure> {
    let store = globals.store().await?;
    let mut snapshot = Snapshot::open(&store).await.map_err(stored)?;
    let closed = periods(&mut snapshot).await.map_err(stored)?;
    snapshot.close().await;
    let columns = [
        ("through", Kind::Text),
        ("closed_by", Kind::Text),
        ("closed_at", Kind::Text),
        ("note", Kind::Text),
        ("trial_balance", Kind::Digest),
    ];
    let mut listing = Listing::new("Closed periods", &columns);
    for period in closed {
        listing.row(vec![
            period.through.to_string(),
            period.closed_by,
            period.closed_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            period.note,
            period.trial_balance,
        ]);
    }
    Ok(listing.print(globals.format)?)
}
