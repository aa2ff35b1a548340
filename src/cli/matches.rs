//! `acquit match`: one settlement line, what it was matched with, and what it could be.

mod explained;

use std::process::ExitCode;

use super::{Failure, Globals, Outcome};
use crate::cli::reconcile::not_undone;
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
}

fn line(text: &str) -> Result<LineName, NotALineName> {
    text.parse()
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Explain { line } => {
            let store = globals.store().await?;
            let found = store.explain_line(&line).await.map_err(unknown)?;
            explained::explained(&found).print(globals.format)?;
        }
        Command::Suggest { line, limit } => {
            let store = globals.store().await?;
            let (line, found) = store.suggest_items(&line, limit.into()).await.map_err(unknown)?;
            explained::suggested(&line, &found).print(globals.format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
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
