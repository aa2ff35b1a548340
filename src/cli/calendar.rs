//! `acquit calendar`: on which days banks are open.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{NaiveDate, Weekday};

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, counted, stored};
use crate::calendar::{CONTENT_LIMIT, Calendar, Change};
use crate::store::calendar::{CalendarVersion, Imported};

/// What to do with calendars.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Put a calendar file in force, and say what it changes.
    ///
    /// The latest file of a calendar's name is in force; the ones before are kept, for due dates that were counted with them.
    /// Importing the file that is in force changes nothing.
    Import {
        /// The CSV file: kind,value,name.
        file: PathBuf,
    },
    /// List the calendars that are in force.
    List {
        /// List the versions before them too.
        #[arg(long)]
        all: bool,
    },
    /// Show the holidays of a calendar.
    Show {
        /// The name that `list` gives.
        name: String,
        /// Show this version instead of the one in force.
        #[arg(long, value_name = "NUMBER")]
        version: Option<i32>,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Import { file } => import(&file, globals).await,
        Command::List { all } => list(all, globals).await,
        Command::Show { name, version } => show(&name, version, globals).await,
    }
}

fn read(file: &Path) -> Result<(Calendar, String), Failure> {
    let name = file.display();
    let unreadable = |error| Failure::because(format!("{name} cannot be read"), error);
    let mut content = Vec::new();
    // One byte more than is allowed tells a file that is too large, however large it is.
    let limit = u64::try_from(CONTENT_LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(file)
        .and_then(|file| file.take(limit).read_to_end(&mut content))
        .map_err(unreadable)?;
    let refused = |error: String| Failure::new(format!("{name} is refused, nothing was imported\n{error}"));
    let calendar = Calendar::parse(&content).map_err(|error| refused(error.to_string()))?;
    let content = String::from_utf8(content).map_err(|error| refused(error.to_string()))?;
    Ok((calendar, content))
}

fn describe(calendar: &Calendar) -> String {
    format!(
        "{} to {}, {}, weekend {}",
        calendar.first,
        calendar.last,
        counted(calendar.holidays.len(), "holiday"),
        days(&calendar.weekend)
    )
}

fn days(weekend: &[Weekday]) -> String {
    if weekend.is_empty() {
        return "none".to_owned();
    }
    let days: Vec<String> = weekend.iter().map(Weekday::to_string).collect();
    days.join(" ")
}

async fn import(file: &Path, globals: &Globals) -> Outcome {
    let (calendar, content) = read(file)?;
    let store = globals.store().await?;
    let imported = store.import_calendar(&calendar, &content).await.map_err(stored)?;
    let (name, described) = (&calendar.name, describe(&calendar));
    match imported {
        Imported::First => println!("imported calendar {name}, version 1: {described}"),
        Imported::Already { number } => println!("in force already: calendar {name}, version {number}: {described}"),
        Imported::New { number, changes } => {
            let mut listing = Listing::new(
                format!("imported calendar {name}, version {number}: {described}; changes since the version before"),
                &[
                    ("change", Kind::Text),
                    ("day", Kind::Text),
                    ("weekday", Kind::Text),
                    ("name", Kind::Text),
                    ("before", Kind::Text),
                ],
            );
            for change in changes {
                listing.row(row(change));
            }
            listing.print(globals.format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(change: Change) -> Vec<String> {
    let on = |change: &str, day: NaiveDate, name: String, before: String| {
        vec![change.to_owned(), day.to_string(), weekday(day), name, before]
    };
    let whole =
        |change: &str, now: String, before: String| vec![change.to_owned(), String::new(), String::new(), now, before];
    let range = |(first, last): (NaiveDate, NaiveDate)| format!("{first} to {last}");
    match change {
        Change::Added(day, name) => on("added", day, name, String::new()),
        Change::Removed(day, before) => on("removed", day, String::new(), before),
        Change::Renamed(day, before, name) => on("renamed", day, name, before),
        Change::Weekend(before, now) => whole("weekend", days(&now), days(&before)),
        Change::Covered(before, now) => whole("covered", range(now), range(before)),
    }
}

fn weekday(day: NaiveDate) -> String {
    day.format("%a").to_string()
}

async fn list(all: bool, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let calendars = store.calendars().await.map_err(stored)?;
    let title = if all {
        "Calendar versions, by name, oldest first"
    } else {
        "Calendars in force"
    };
    let mut listing = Listing::new(
        title,
        &[
            ("name", Kind::Text),
            ("version", Kind::Figure),
            ("first", Kind::Text),
            ("last", Kind::Text),
            ("holidays", Kind::Figure),
            ("weekend", Kind::Text),
            ("imported_at", Kind::Text),
            ("sha256", Kind::Digest),
            ("title", Kind::Text),
        ],
    );
    for (name, versions) in calendars.iter() {
        let before = if all { versions.len() } else { 1 };
        for version in versions.iter().skip(versions.len().saturating_sub(before)) {
            listing.row(summary(name, version));
        }
    }
    listing.print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}

fn summary(name: &str, version: &CalendarVersion) -> Vec<String> {
    let calendar = &version.calendar;
    vec![
        name.to_owned(),
        version.number.to_string(),
        calendar.first.to_string(),
        calendar.last.to_string(),
        calendar.holidays.len().to_string(),
        days(&calendar.weekend),
        version.imported_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        version.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        calendar.title.clone(),
    ]
}

async fn show(name: &str, number: Option<i32>, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let calendars = store.calendars().await.map_err(stored)?;
    let found = match number {
        Some(number) => calendars.version(name, number),
        None => calendars.latest(name),
    };
    let version = found.ok_or_else(|| {
        let number = number.map(|number| format!("version {number} of ")).unwrap_or_default();
        Failure::new(format!("there is no {number}calendar `{name}`")).hint("`acquit calendar list --all` lists them")
    })?;
    let calendar = &version.calendar;
    let mut title = format!("Calendar {name}, version {}: {}", version.number, describe(calendar));
    if !calendar.title.is_empty() {
        title.push('\n');
        title.push_str(&calendar.title);
    }
    let mut listing = Listing::new(
        title,
        &[("day", Kind::Text), ("weekday", Kind::Text), ("name", Kind::Text)],
    );
    for (day, holiday) in &calendar.holidays {
        listing.row(vec![day.to_string(), weekday(*day), holiday.clone()]);
    }
    listing.print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}
