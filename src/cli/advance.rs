//! `acquit advance`: pending money before it is proven.

use std::process::ExitCode;

use chrono::NaiveDate;

use super::output::{Format, Kind, Listing};
use super::{Failure, Globals, Outcome, plan_or};
use crate::money::{Currency, Money};
use crate::store::advance::{AdvanceError, Advanced, Bound, Request};

/// Advance a merchant's pending money: make captures available before the acquirer has reported them.
///
/// Takes whole captures, oldest first, charges the schedule's fee for advances, and keeps within the limits of the merchant and of
/// all merchants together: what is advanced counts until a settlement file has proven it. The same request on the same day is
/// done once. Without --execute nothing is written: the same work is done and rolled back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The merchant.
    #[arg(long)]
    merchant: String,
    /// In which currency.
    #[arg(long)]
    currency: Currency,
    /// The most that is advanced on that day, with what was advanced on it before; like 1000.00.
    #[arg(long, value_name = "AMOUNT")]
    up_to: String,
    /// The booking date. Default: today.
    #[arg(long, value_name = "DATE")]
    on: Option<NaiveDate>,
    /// Book it. Without this, only the plan is shown.
    #[arg(long)]
    execute: bool,
}

/// Runs it.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    let up_to =
        Money::parse(&args.up_to, args.currency).map_err(|error| Failure::because("--up-to is refused", error))?;
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let request = Request {
        merchant: &args.merchant,
        up_to,
        day: super::day_to_act(&deployment, args.on, args.execute)?,
    };
    let advanced = if args.execute {
        store.advance(&deployment, &request).await
    } else {
        store.plan_advance(&deployment, &request).await
    };
    let advanced = advanced.map_err(failed)?;
    let title = format!("Advance of {}: {}", request.day, plan_or("booked", args.execute));
    listing(title, &args.merchant, &advanced).print(globals.format)?;
    if globals.format == Format::Table {
        let (room, bound) = &advanced.room;
        let by = match bound {
            Bound::UpTo => "--up-to",
            Bound::MerchantLimit => "the merchant's advance_limit",
            Bound::HouseLimit => "the house's advance_limit",
        };
        eprintln!("room for {room}, by {by}");
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(error: AdvanceError) -> Failure {
    let hint = match &error {
        AdvanceError::Store(error) => error.hint(),
        AdvanceError::NoSettings(_) => Some("apply settings that begin on or before that day"),
        AdvanceError::UnknownMerchant(_) => Some("name a merchant of the settings"),
        AdvanceError::NotActive(_) => Some("settings say of a merchant how far it has come: state = \"active\""),
        AdvanceError::NotPriced(_) | AdvanceError::Fee(_) | AdvanceError::Amount(_) => None,
    };
    Failure::new(error).maybe_hint(hint)
}

fn listing(title: String, merchant: &str, advanced: &Advanced) -> Listing {
    let columns = [
        ("merchant", Kind::Text),
        ("currency", Kind::Text),
        ("captures", Kind::Figure),
        ("payable", Kind::Figure),
        ("withheld", Kind::Figure),
        ("fee", Kind::Figure),
        ("vat", Kind::Figure),
        ("outstanding", Kind::Figure),
    ];
    let mut listing = Listing::new(title, &columns);
    let figures = [
        advanced.payable,
        advanced.withheld,
        advanced.fee,
        advanced.vat,
        advanced.outstanding,
    ];
    let mut row = vec![
        merchant.to_owned(),
        advanced.payable.currency().to_string(),
        advanced.items.to_string(),
    ];
    row.extend(figures.map(Money::to_decimal_text));
    listing.row(row);
    listing
}
