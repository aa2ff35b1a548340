//! `acquit bank match` and `unmatch`: receipts in suspense, and the batches that they pay.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;

use super::super::breaks::{counted_entries, digest_of, failed, lists, note, told};
use super::super::{Failure, Globals, Outcome, day_to_act, deployment, kept_text, person};
use crate::money::Money;
use crate::recon::desk::Reason;
use crate::store::Store;
use crate::store::breaks::receipt::{Asked, Giving};
use crate::store::breaks::told::Telling;
use crate::store::breaks::{DeskError, Filter, Said};

/// What a receipt pays, by whom and why.
#[derive(Debug, clap::Args)]
pub struct MatchArgs {
    /// The number of its break, as `breaks list` gives it.
    #[arg(value_name = "BREAK")]
    id: i64,
    /// The batches: ACQUIRER:BATCH, or ACQUIRER:BATCH=AMOUNT where it gets less than it awaits. Or payouts: payout:ID.
    #[arg(value_name = "BATCH", required = true)]
    batches: Vec<String>,
    /// What the bank took for itself beside the payouts: its charge.
    #[arg(long, value_name = "AMOUNT")]
    charge: Option<String>,
    /// Who matches them.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why they belong together, in your words.
    #[arg(long, value_name = "TEXT")]
    evidence: String,
    /// A file that shows it. Its SHA-256 is kept, the file is not.
    #[arg(long, value_name = "FILE")]
    attachment: Option<PathBuf>,
    /// The booking date. Default: today.
    #[arg(long, value_name = "DATE")]
    on: Option<NaiveDate>,
    /// Match them. Without this, only the plan is shown.
    #[arg(long)]
    execute: bool,
}

/// Which match is undone, by whom and why.
#[derive(Debug, clap::Args)]
pub struct UnmatchArgs {
    /// The number of its break.
    #[arg(value_name = "BREAK")]
    id: i64,
    /// Who takes it back.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The booking date of the reversals. Default: today.
    #[arg(long, value_name = "DATE")]
    on: Option<NaiveDate>,
    /// Take it back. Without this, only the plan is shown.
    #[arg(long)]
    execute: bool,
}

/// A batch as people name it, and how much of a receipt in this currency it gets.
fn batch(text: &str, receipt: Money) -> Result<Asked, Failure> {
    let refused =
        |why: &str| Failure::new(format!("BATCH `{text}` {why}")).hint("write ACQUIRER:BATCH or ACQUIRER:BATCH=AMOUNT");
    let text_of = kept_text("BATCH", text.to_owned())?;
    let (acquirer, rest) = text_of.split_once(':').ok_or_else(|| refused("names no acquirer"))?;
    let (name, amount) = match rest.rsplit_once('=') {
        Some((name, amount)) => {
            let money = Money::parse(amount, receipt.currency());
            let money = money.map_err(|error| Failure::because(format!("BATCH `{text}`"), error))?;
            (name, Some(money.minor()))
        }
        None => (rest, None),
    };
    if acquirer.is_empty() || name.is_empty() {
        return Err(refused("is empty on one side"));
    }
    Ok(Asked {
        acquirer: acquirer.to_owned(),
        batch: name.to_owned(),
        amount,
    })
}

/// Gives a receipt to batches.
pub async fn give(args: MatchArgs, globals: &Globals) -> Outcome {
    let (by, evidence) = (person(args.by)?, note("--evidence", args.evidence)?);
    let attachment = args.attachment.as_deref().map(digest_of).transpose()?;
    let store = globals.store().await?;
    let deployment = deployment(&store).await?;
    let found = store
        .breaks(&Filter::of(&[args.id]))
        .await
        .map_err(super::super::stored)?;
    let found = found.first().ok_or_else(|| failed(DeskError::Unknown(args.id)))?;
    let held = found.held.ok_or_else(|| failed(DeskError::NoReceipt(args.id)))?;
    let payouts: Vec<String> = args
        .batches
        .iter()
        .filter_map(|text| text.strip_prefix("payout:"))
        .map(ToOwned::to_owned)
        .collect();
    let said = Said {
        by: &by,
        note: Some(&evidence),
        evidence: attachment.as_ref().map(<[u8; 32]>::as_slice),
    };
    let day = day_to_act(&deployment, args.on, args.execute)?;
    if payouts.len() == args.batches.len() {
        let charge = args.charge.as_deref().map(|text| charge(text, held)).transpose()?;
        let asked = Telling {
            id: args.id,
            payouts: &payouts,
            charge: charge.unwrap_or_default(),
            said,
            day,
        };
        return tell(&store, &asked, args.execute).await;
    }
    if !payouts.is_empty() || args.charge.is_some() {
        let which = "a receipt is batches, or it is payouts (and the bank's charge for them)";
        return Err(Failure::new(which).hint("name payouts alone: payout:ID payout:ID, and --charge AMOUNT"));
    }
    let batches = args
        .batches
        .iter()
        .map(|text| batch(text, held))
        .collect::<Result<Vec<_>, _>>()?;
    let asked = Giving {
        id: args.id,
        batches: &batches,
        said,
        day,
    };
    let done = match args.execute {
        true => store.give_receipt(&deployment, &asked).await,
        false => store.plan_giving(&deployment, &asked).await,
    };
    let done = done.map_err(failed)?;
    lists::resolved(&told(&store, globals), &done, Reason::PaysBatches, args.execute).await?;
    Ok(ExitCode::SUCCESS)
}

/// What the bank took, of a currency, above zero.
fn charge(text: &str, receipt: Money) -> Result<i64, Failure> {
    let money = Money::parse(text, receipt.currency());
    let money = money.map_err(|error| Failure::because(format!("--charge `{text}`"), error))?;
    if money.minor() <= 0 {
        return Err(Failure::new(format!("--charge `{text}` is not above zero")));
    }
    Ok(money.minor())
}

/// Says which payouts a receipt is.
async fn tell(store: &Store, asked: &Telling<'_>, execute: bool) -> Outcome {
    let done = match execute {
        true => store.tell_of_payouts(asked).await,
        false => store.plan_telling(asked).await,
    };
    let done = done.map_err(failed)?;
    let charge = match done.charge.minor() {
        0 => String::new(),
        _ => format!(" and a charge of {}", done.charge),
    };
    let what = format!(
        "break {}: {} is {}{charge}, which the books have; it leaves suspense",
        asked.id,
        done.receipt,
        super::super::counted(done.entries, "payout")
    );
    match (done.new, execute) {
        (false, _) => eprintln!("break {}: matched before, nothing was done", asked.id),
        (true, true) => eprintln!("{what}"),
        (true, false) => eprintln!("plan, nothing was done: {what}; run again with --execute"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes a receipt back.
pub async fn take_back(args: UnmatchArgs, globals: &Globals) -> Outcome {
    let (by, reason) = (person(args.by)?, note("--reason", args.reason)?);
    let said = Said {
        by: &by,
        note: Some(&reason),
        evidence: None,
    };
    let store = globals.store().await?;
    let deployment = deployment(&store).await?;
    let day = day_to_act(&deployment, args.on, args.execute)?;
    let done = match args.execute {
        true => store.take_receipt_back(args.id, said, day).await,
        false => store.plan_taking_back(args.id, said, day).await,
    };
    let done = done.map_err(failed)?;
    let what = format!(
        "break {} is open again, and {} awaited; {} reversed",
        done.id,
        done.batches.join(", "),
        counted_entries(done.reversals)
    );
    match (done.new, args.execute) {
        (false, _) => eprintln!("break {}: its match was undone before, nothing was done", done.id),
        (true, true) => eprintln!("{what}"),
        (true, false) => eprintln!("plan, nothing was done: {what}; run again with --execute"),
    }
    Ok(ExitCode::SUCCESS)
}
