//! `acquit settings`: check, apply and show what a deployment is described by.

use std::path::PathBuf;
use std::process::ExitCode;

use sha2::{Digest, Sha256};

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, counted};
use crate::settings::Settings;
use crate::store::settings::{Applied, ApplyError};

/// What to do with settings.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read a settings file and say what is wrong with it, by line and column. Touches no database.
    ///
    /// What takes the database to know is for `apply` to say: whether the file can come after the versions before it (states of
    /// merchants; merchants and acquirers that are missing; kinds of acquirers, the house's zone and bank account), whether the
    /// calendars that it names were imported, and whether something is booked from its effective_from on.
    Check {
        /// The TOML file.
        file: PathBuf,
    },
    /// Put a settings file in force from its effective_from day, and open books for new merchants.
    ///
    /// Applying the same file again changes nothing. A new version must begin after every other one, and after everything that
    /// is booked. A merchant's state may only follow from the one before; no merchant and no acquirer is left out, one that has
    /// left is closed; an acquirer's kind, the house's time zone and its bank account stay what they are; and a calendar that is
    /// named was imported.
    Apply {
        /// The TOML file.
        file: PathBuf,
    },
    /// List the versions that were applied, or print one.
    Show {
        /// Print the version that governs this booking date, as it was applied.
        #[arg(long, value_name = "DATE")]
        on: Option<chrono::NaiveDate>,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Check { file } => {
            let (settings, _) = read(&file)?;
            println!("{}: {}", super::shown(&file), describe(&settings));
            Ok(ExitCode::SUCCESS)
        }
        Command::Apply { file } => apply(&file, globals).await,
        Command::Show { on } => show(on, globals).await,
    }
}

pub(super) fn read(file: &PathBuf) -> Result<(Settings, String), Failure> {
    let name = file.display();
    let text =
        std::fs::read_to_string(file).map_err(|error| Failure::because(format!("{name} cannot be read"), error))?;
    let settings = Settings::check(&text)
        .map_err(|error| Failure::new(format!("{name} is refused, nothing was applied\n{error}")))?;
    Ok((settings, text))
}

fn describe(settings: &Settings) -> String {
    format!(
        "settings from {} for {}, {}, {}",
        settings.effective_from,
        counted(settings.merchants.len(), "merchant"),
        counted(settings.acquirers.len(), "acquirer"),
        counted(settings.fee_schedules.len(), "fee schedule")
    )
}

async fn apply(file: &PathBuf, globals: &Globals) -> Outcome {
    let (settings, text) = read(file)?;
    let store = globals.store().await?;
    let applied = store
        .apply_settings(&settings, &text)
        .await
        .map_err(|error| match error {
            ApplyError::Store(error) => super::stored(error),
            ApplyError::Refused(error) => Failure::new(format!(
                "{} is refused, nothing was applied\n{error}",
                super::shown(file)
            )),
            ApplyError::NotAfterLatest { .. } => Failure::new(error)
                .hint("give the file an effective_from after that day: what is booked is not priced anew"),
            ApplyError::AlreadyBooked { begins, .. } => Failure::new(error).hint(format!(
                "give the file an effective_from after that day: what is booked is not priced anew; \
                 `acquit report journal --from {begins}` shows it"
            )),
        })?;
    match applied {
        Applied::New => println!("applied {}", describe(&settings)),
        Applied::Already => println!("in force already: {}", describe(&settings)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(on: Option<chrono::NaiveDate>, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let versions = store.settings_versions().await.map_err(super::stored)?;
    if let Some(day) = on {
        let version = versions.iter().rev().find(|version| version.effective_from <= day);
        let version = version.ok_or_else(|| Failure::new(format!("no settings are in force on {day}")))?;
        print!("{}", version.content);
        return Ok(ExitCode::SUCCESS);
    }
    let mut listing = Listing::new(
        "Settings versions, oldest first",
        &[
            ("effective_from", Kind::Text),
            ("applied_at", Kind::Text),
            ("bytes", Kind::Figure),
            ("sha256", Kind::Digest),
        ],
    );
    for version in versions {
        let digest: String = Sha256::digest(version.content.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let applied_at = version.applied_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        listing.row(vec![
            version.effective_from.to_string(),
            applied_at,
            version.content.len().to_string(),
            digest,
        ]);
    }
    listing.print(globals.format)?;
    Ok(ExitCode::SUCCESS)
}
