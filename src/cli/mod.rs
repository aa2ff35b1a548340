//! The command line: one file a command, the only user of clap and of standard output.
//!
//! A command returns an exit code or a [`Failure`], which `main` prints once: what, where, and a hint.

pub mod audit;
pub mod db;
pub mod doctor;
pub mod files;
pub mod output;
pub mod report;

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::store::{ConnectError, Store, Target};
use output::Format;

/// What a command comes to.
pub type Outcome = Result<ExitCode, Failure>;

/// An error on its way to a person, with what they can do about it.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            error: error.into(),
            hint: None,
        }
    }

    /// A database that could not be opened.
    pub fn connect(error: ConnectError) -> Self {
        let hint = error.hint();
        Self::new(error).maybe_hint(hint)
    }

    /// The same with a hint: what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint, where there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.error)?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            write!(f, "\n  because: {error}")?;
            cause = error.source();
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// A settlement engine: record payments, reconcile acquirers' files, pay merchants, prove all of it.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 120)]
pub struct Cli {
    /// How lists are printed.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    /// Where the private PostgreSQL keeps its data [default: the platform's data directory].
    #[arg(long, global = true, env = "ACQUIT_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The private PostgreSQL that is used where DATABASE_URL is not set.
    Db(db::Args),
    /// Checks that the database keeps what it promises to keep. Exits 0 if all is well, 2 with warnings, 1 with a problem.
    Doctor(doctor::Args),
}

/// What all commands share.
#[derive(Debug)]
pub struct Globals {
    /// How lists are printed.
    pub format: Format,
    /// DATABASE_URL. Never an argument: other users see arguments.
    pub database_url: Option<String>,
    /// The data directory of the private PostgreSQL, where one was named.
    pub data: Option<PathBuf>,
}

impl Globals {
    /// The database to work on; a private PostgreSQL is started.
    pub async fn target(&self) -> Result<Target, Failure> {
        Target::from_environment(self.database_url.clone(), self.data.clone())
            .await
            .map_err(Failure::connect)
    }

    /// The database to work on, its schema up to date.
    pub async fn store(&self) -> Result<Store, Failure> {
        Store::open(&self.target().await?).await.map_err(Failure::connect)
    }
}

/// The program: reads the arguments, runs the command, prints its failure.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let globals = Globals {
        format: cli.format,
        database_url: std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()),
        data: cli.data,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Db(args) => db::run(args, &globals).await,
            Command::Doctor(args) => doctor::run(args, &globals).await,
        }
    });
    outcome.unwrap_or_else(|failure| fail(&failure))
}

fn fail(failure: &Failure) -> ExitCode {
    eprintln!("{failure}");
    ExitCode::FAILURE
}
