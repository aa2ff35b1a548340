//! `acquit match`: one settlement line, what it was matched with, what it could be, and what people match it with.

mod explained;

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;

use super::breaks::{counted_entries, digest_of, lists, note, told};
use super::reconcile::not_undone;
use super::{Failure, Globals, Outcome, day_to_act, kept_text, person};
use crate::recon::desk::Reason;
use crate::store::breaks::Said;
use crate::store::breaks::by_hand::{Confirmation, MatchError};
use crate::store::reconcile::line::{LineError, LineName, NotALineName};

/// What to do with a settlement line.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Explain what a line was matched with, or why it was not.
    ///
    /// What line and item state stands side by side, with the pass that matched them, the version of its rules, how they differ
    /// and where the difference is. Of a line without a match: its break, and what each pass finds for it among the items that are
    /// open now.
    ///
    /// Example: acquit match explain adyen-2026-03-03.csv:17
    Explain {
        /// The line: FILE:ROW, as `breaks show` gives them, or FILE:#PLACE.
        #[arg(value_name = "LINE", value_parser = line)]
        line: LineName,
    },
    /// List open items that could be this line, the likeliest first.
    ///
    /// The score is the sum of what the fields say, each with its points: references of the acquirer and the scheme 40, ours 30 (15
    /// where it is alike), the amount 30, RRN 20, authorization code 10, card 5, and the day 10 less one for each day apart. A
    /// reference that both state and that differs takes points away. Items of another record type or currency are left out: no
    /// match with them could be booked.
    ///
    /// Example: acquit match suggest adyen-2026-03-03.csv:17 --limit 3
    Suggest {
        /// The line: FILE:ROW, as `breaks show` gives them, or FILE:#PLACE.
        #[arg(value_name = "LINE", value_parser = line)]
        line: LineName,
        /// How many at most.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
    },
    /// Match a line whose money is in suspense with open items, by hand.
    ///
    /// The money leaves suspense and the items are booked as their file would have booked them: costs, reserve, what becomes
    /// available. A difference within the tolerance is rounding; above it, it is a break of its own. Several items have to be the
    /// line's amount together, of one merchant. Record type, currency and side have to be the line's. Above `match_alone` of the
    /// settings somebody else approves it, as with any resolution: `acquit breaks approve DIGEST`. The line's break is resolved as
    /// a match, and those of items that were missing. The same again does nothing. Without --execute only the plan is shown.
    ///
    /// Example: acquit match confirm adyen-2026-03-03.csv:17 m-0002:order-17 --by bob --evidence "their mail of today: 71 is 17"
    Confirm(ConfirmArgs),
    /// Undo a match that was made by hand: its entries are reversed, its items and the line's break are open again.
    ///
    /// What became available goes back, below zero where it was paid out since; a reserve that was released or used since stands
    /// in the way, and so does a break of a difference that somebody resolved. What a file matched is undone with its file,
    /// `acquit reconcile undo`. Without --execute only the plan is shown.
    ///
    /// Example: acquit match undo adyen-2026-03-03.csv:17 --by ann --reason "71 was 17 of another day" --execute
    Undo {
        /// The line: FILE:ROW, as `breaks show` gives them, or FILE:#PLACE.
        #[arg(value_name = "LINE", value_parser = line)]
        line: LineName,
        /// Who undoes it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The booking date of the reversals. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Undo it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
}

/// What is matched, by whom and why.
#[derive(Debug, clap::Args)]
pub struct ConfirmArgs {
    /// The line: FILE:ROW, as `breaks show` gives them, or FILE:#PLACE.
    #[arg(value_name = "LINE", value_parser = line)]
    line: LineName,
    /// The items, by the references of their entries, or as `suggest` names them: MERCHANT:REFERENCE.
    #[arg(value_name = "ITEM", required = true)]
    items: Vec<String>,
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

fn line(text: &str) -> Result<LineName, NotALineName> {
    text.parse()
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Explain { line } => {
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let found = store.explain_line(&deployment, &line).await.map_err(unknown)?;
            explained::explained(&found).print(globals.format)?;
        }
        Command::Suggest { line, limit } => {
            let store = globals.store().await?;
            let (line, found) = store.suggest_items(&line, limit.into()).await.map_err(unknown)?;
            explained::suggested(&line, &found).print(globals.format)?;
        }
        Command::Confirm(args) => confirm(args, globals).await?,
        Command::Undo {
            line,
            by,
            reason,
            on,
            execute,
        } => {
            let (by, reason) = (person(by)?, note("--reason", reason)?);
            let said = Said {
                by: &by,
                note: Some(&reason),
                evidence: None,
            };
            undo(&line, said, (on, execute), globals).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn confirm(args: ConfirmArgs, globals: &Globals) -> Result<(), Failure> {
    let (by, evidence) = (person(args.by)?, note("--evidence", args.evidence)?);
    let items = args
        .items
        .into_iter()
        .map(|item| kept_text("ITEM", item))
        .collect::<Result<Vec<_>, _>>()?;
    let attachment = args.attachment.as_deref().map(digest_of).transpose()?;
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let asked = Confirmation {
        line: &args.line,
        items: &items,
        said: Said {
            by: &by,
            note: Some(&evidence),
            evidence: attachment.as_ref().map(<[u8; 32]>::as_slice),
        },
        day: day_to_act(&deployment, args.on, args.execute)?,
    };
    let done = match args.execute {
        true => store.confirm_match(&deployment, &asked).await,
        false => store.plan_match(&deployment, &asked).await,
    };
    let done = done.map_err(failed)?;
    lists::resolved(&told(&store, globals), &done, Reason::MatchedByHand, args.execute).await
}

async fn undo(
    line: &LineName,
    said: Said<'_>,
    (on, execute): (Option<NaiveDate>, bool),
    globals: &Globals,
) -> Result<(), Failure> {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let day = day_to_act(&deployment, on, execute)?;
    let done = match execute {
        true => store.undo_match(line, said, day).await,
        false => store.plan_match_undo(line, said, day).await,
    };
    let done = done.map_err(failed)?;
    let items: Vec<String> = done.items.iter().map(ToString::to_string).collect();
    let what = format!(
        "{}: break {} open again, and {}; {} reversed",
        done.line,
        done.break_id,
        items.join(", "),
        counted_entries(done.reversals)
    );
    match (done.new, execute) {
        (false, _) => eprintln!("{}: its match was undone before, nothing was done", done.line),
        (true, true) => eprintln!("{what}"),
        (true, false) => eprintln!("plan, nothing was done: {what}; run again with --execute"),
    }
    Ok(())
}

/// A match that was not made, or not undone.
fn failed(error: MatchError) -> Failure {
    let hint = match &error {
        MatchError::NotSuspended(..) => Some("`acquit match explain` says what became of it"),
        MatchError::UnknownItem(_) => Some("`acquit match suggest` lists open items by name"),
        MatchError::SeveralItems { .. } => Some("name it MERCHANT:REFERENCE"),
        MatchError::Worked { .. } => Some("open that break again first: `acquit breaks reopen`"),
        MatchError::NotByHand(..) => Some("`acquit reconcile undo` undoes a file, whole"),
        MatchError::Desk(_) | MatchError::Line(_) => None,
    };
    match error {
        MatchError::Desk(error) => super::breaks::failed(error),
        MatchError::Line(error) => unknown(error),
        MatchError::NotSuspended(..)
        | MatchError::UnknownItem(_)
        | MatchError::SeveralItems { .. }
        | MatchError::NotByHand(..)
        | MatchError::Worked { .. } => Failure::new(error).maybe_hint(hint),
    }
}

/// A line about which nothing could be said, or done.
fn unknown(error: LineError) -> Failure {
    match error {
        LineError::File(error) => not_undone(error),
        LineError::Store(error) => super::stored(error),
        LineError::Unknown(_) => {
            Failure::new(error).hint("`acquit breaks show` gives file and row of a line; `acquit files list` the files")
        }
        LineError::Several { .. } => Failure::new(error).hint("name it by its place: FILE:#PLACE"),
    }
}
