//! `acquit breaks`: what reconciliation found.

use std::process::ExitCode;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, counted, stored};
use crate::money::Money;
use crate::recon::breaks::BreakClass;
use crate::store::breaks::Break;

/// What to do with breaks.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List breaks, oldest first.
    List {
        /// List only those of this class, like MISSING_IN_FILE.
        #[arg(long)]
        class: Option<String>,
        /// List only those of this acquirer.
        #[arg(long)]
        acquirer: Option<String>,
        /// List resolved ones as well as open ones.
        #[arg(long)]
        all: bool,
    },
    /// Show one break: both sides, its money in suspense, its line as it came.
    Show {
        /// The number that `list` gives.
        id: i64,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::List { class, acquirer, all } => list(class, acquirer, all, globals).await,
        Command::Show { id } => show(id, globals).await,
    }
}

async fn list(class: Option<String>, acquirer: Option<String>, all: bool, globals: &Globals) -> Outcome {
    if let Some(name) = &class
        && BreakClass::from_name(name).is_none()
    {
        let names: Vec<&str> = BreakClass::ALL.iter().map(|class| class.name()).collect();
        return Err(Failure::new(format!("`{name}` is no break class")).hint(format!("one of {}", names.join(", "))));
    }
    let store = globals.store().await?;
    let state = if all { None } else { Some("open") };
    let breaks = store
        .breaks(class.as_deref(), state, acquirer.as_deref())
        .await
        .map_err(stored)?;
    let columns = [
        ("id", Kind::Figure),
        ("class", Kind::Text),
        ("state", Kind::Text),
        ("found_on", Kind::Text),
        ("merchant", Kind::Text),
        ("payment", Kind::Text),
        ("expected", Kind::Figure),
        ("expected_in", Kind::Text),
        ("actual", Kind::Figure),
        ("actual_in", Kind::Text),
        ("line", Kind::Figure),
        ("detail", Kind::Text),
    ];
    let mut listing = Listing::new(
        format!(
            "{}: {}",
            if all { "All" } else { "Open" },
            counted(breaks.len(), "break")
        ),
        &columns,
    );
    for row in breaks {
        listing.row(vec![
            row.id.to_string(),
            row.class.clone(),
            row.state.clone(),
            text(row.found_on.as_ref()),
            text(row.merchant.as_ref()),
            text(row.payment.as_ref()),
            amount(row.expected),
            code(row.expected),
            amount(row.actual),
            code(row.actual),
            text(row.line.as_ref()),
            row.detail,
        ]);
    }
    listing.print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn amount(money: Option<Money>) -> String {
    money.map(Money::to_decimal_text).unwrap_or_default()
}

fn code(money: Option<Money>) -> String {
    money.map(|money| money.currency().to_string()).unwrap_or_default()
}

async fn show(id: i64, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let all = store.breaks(None, None, None).await.map_err(stored)?;
    let found: Break = all
        .into_iter()
        .find(|row| row.id == id)
        .ok_or_else(|| Failure::new(format!("there is no break {id}")).hint("`acquit breaks list --all` lists them"))?;
    let mut listing = Listing::new(format!("Break {id}"), &[("field", Kind::Text), ("value", Kind::Text)]);
    let fields = [
        ("class", found.class),
        ("state", found.state),
        ("resolution", text(found.resolution.as_ref())),
        ("acquirer", found.acquirer),
        ("found in", found.found_in),
        ("found on", text(found.found_on.as_ref())),
        ("expected on", text(found.expected_on.as_ref())),
        ("merchant", text(found.merchant.as_ref())),
        ("payment", text(found.payment.as_ref())),
        ("entry reference", text(found.reference.as_ref())),
        ("expected", text(found.expected.as_ref())),
        ("actual", text(found.actual.as_ref())),
        ("suspense entry of the house", text(found.suspense.as_ref())),
        ("file", text(found.file.as_ref())),
        ("line", text(found.line.as_ref())),
        ("detail", found.detail),
    ];
    let line = store.break_line(id).await.map_err(stored)?;
    let line = line.into_iter().map(|raw| ("line as it came", raw));
    for (field, value) in fields.into_iter().chain(line).filter(|(_, value)| !value.is_empty()) {
        listing.row(vec![field.to_owned(), value]);
    }
    listing.print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}
