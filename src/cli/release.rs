//! `acquit release`: what is due becomes available.

use std::process::ExitCode;

use chrono::NaiveDate;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, plan_or, progress_bar};
use crate::money::decimal_text;
use crate::store::release::{ReleaseError, Releases};

/// Release what is due: pending money whose day has come, tranches of reserves, holds that expire.
///
/// Pending money of merchants that are paid by the day of the sale becomes available on its day, less what is withheld of it; a
/// tranche of a reserve is released on its day, a hold when it expires. Everything is released once, however often this runs, and
/// by however many at a time. Without --execute nothing is written: the same work is done and rolled back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Release what is due on this day or before. Default: today. A day that has not come yet can only be looked at.
    #[arg(long, value_name = "DATE")]
    on: Option<NaiveDate>,
    /// Book it. Without this, only the plan is shown.
    #[arg(long)]
    execute: bool,
}

/// Runs it.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let day = super::day_to_act(&deployment, args.on, args.execute)?;
    let bar = progress_bar("{spinner} {msg}: {human_pos} books, {per_sec}, {elapsed}", "releasing");
    let progress = |books| bar.set_position(books);
    let released = if args.execute {
        store.release(&deployment, day, &progress).await
    } else {
        store.plan_release(&deployment, day, &progress).await
    };
    bar.finish_and_clear();
    let released = released.map_err(failed)?;
    let title = format!("Due on {day}: {}", plan_or("released", args.execute));
    listing(title, &released).print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}

fn failed(error: ReleaseError) -> Failure {
    let hint = match &error {
        ReleaseError::Store(error) => error.hint(),
        ReleaseError::NoSettings(_) => Some("apply settings that begin on or before that day"),
        ReleaseError::Amount(_) => None,
    };
    Failure::new(error).maybe_hint(hint)
}

fn listing(title: String, released: &Releases) -> Listing {
    let columns = [
        ("released", Kind::Text),
        ("currency", Kind::Text),
        ("merchants", Kind::Figure),
        ("available", Kind::Figure),
        ("withheld", Kind::Figure),
    ];
    let mut listing = Listing::new(title, &columns);
    for ((what, currency), sum) in released {
        listing.row(vec![
            what.name().to_owned(),
            currency.to_string(),
            sum.entries.to_string(),
            decimal_text(sum.available, *currency),
            decimal_text(sum.withheld, *currency),
        ]);
    }
    listing
}
