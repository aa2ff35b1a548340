//! `acquit expire`: authorizations past their time.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, plan_or, progress_bar};
use crate::dates::{end_of_day, parse_day, parse_instant};
use crate::money::decimal_text;
use crate::store::expire::Expiries;

/// Book the expiry of authorizations: what is open of those whose time was up is no longer promised.
///
/// What an entry says depends on the payment alone, so runs may be missed, repeated, killed, cut at other times, and run beside
/// others: the entries are the same. A capture that an acquirer takes after that is recorded all the same, and flagged. Without
/// --execute nothing is written: the same work is done and rolled back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Expire what was to be captured by then: an instant like 2026-07-01T09:30:00+02:00, or a day that is over. Default: now.
    #[arg(long, value_name = "INSTANT_OR_DATE")]
    cutoff: Option<String>,
    /// Book it. Without this, only the plan is shown.
    #[arg(long)]
    execute: bool,
}

/// Runs it.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let now = super::now();
    let cutoff = match &args.cutoff {
        Some(text) => read_cutoff(text, deployment.time_zone())?,
        None => now,
    };
    if args.execute && cutoff > now {
        return Err(Failure::new(format!(
            "{cutoff} has not come yet: without --execute it shows what will have expired by then"
        )));
    }
    let bar = progress_bar(
        "{spinner} {msg}: {human_pos} payments, {per_sec}, {elapsed}",
        "expiring",
    );
    let progress = |payments| bar.set_position(payments);
    let expired = if args.execute {
        store.expire(&deployment, cutoff, &progress).await
    } else {
        store.plan_expiry(&deployment, cutoff, &progress).await
    };
    bar.finish_and_clear();
    let expired = expired.map_err(super::stored)?;
    let title = format!(
        "Expired by {}: {}",
        cutoff.to_rfc3339(),
        plan_or("booked", args.execute)
    );
    listing(title, &expired).print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}

/// An instant, or the end of a day where the house is.
fn read_cutoff(text: &str, zone: Tz) -> Result<DateTime<Utc>, Failure> {
    let wrong = |error| Failure::because("--cutoff cannot be read", error);
    if text.len() != "YYYY-MM-DD".len() {
        return parse_instant(text).map_err(wrong);
    }
    let day = parse_day(text).map_err(wrong)?;
    end_of_day(day, zone).ok_or_else(|| Failure::new(format!("{day} has no end in {zone}")))
}

fn listing(title: String, expired: &Expiries) -> Listing {
    let columns = [
        ("currency", Kind::Text),
        ("payments", Kind::Figure),
        ("amount", Kind::Figure),
    ];
    let mut listing = Listing::new(title, &columns);
    for (currency, sum) in expired {
        listing.row(vec![
            currency.to_string(),
            sum.payments.to_string(),
            decimal_text(sum.amount, *currency),
        ]);
    }
    listing
}
