//! `acquit db`: the private PostgreSQL.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome};
use crate::embedded::{Cluster, EmbeddedError, Stopped};
use crate::store::Target;

/// Start, stop and look into the private PostgreSQL that is used where DATABASE_URL is not set.
///
/// Every command that needs it starts it, and the last one that uses it stops it. It listens on a socket of its own, on no
/// network.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Start it and leave it running; without this it runs while a command uses it.
    Start,
    /// Stop it, or let the last command that uses it stop it.
    Stop {
        /// Stop it under the commands that use it, too. What they have not committed is lost.
        #[arg(long)]
        now: bool,
    },
    /// Say whether it runs, and where it keeps what.
    Status,
    /// Print the URL of its database, for DATABASE_URL and other programs.
    Url,
    /// Open psql on the database that the commands use: that of DATABASE_URL, else this one.
    Psql {
        /// Arguments of psql.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Runs the command.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    if let Command::Psql { arguments } = &args.command {
        return psql(arguments, globals).await;
    }
    let cluster = Cluster::locate(globals.data.as_deref()).map_err(failure)?;
    let mut out = std::io::stdout().lock();
    match args.command {
        Command::Start => {
            cluster.keep().map_err(failure)?;
            writeln!(out, "running: {}", cluster.url())?;
        }
        Command::Stop { now } => match cluster.stop(now).map_err(failure)? {
            Stopped::Now => writeln!(out, "stopped")?,
            Stopped::Already => writeln!(out, "not running")?,
            Stopped::InUse => writeln!(
                out,
                "in use: the last command that uses it stops it (--now stops it at once)"
            )?,
        },
        Command::Status => status(&cluster, globals).print(globals.format)?,
        Command::Url => writeln!(out, "{}", cluster.url())?,
        Command::Psql { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn failure(error: EmbeddedError) -> Failure {
    Failure::connect(error.into())
}

fn status(cluster: &Cluster, globals: &Globals) -> Listing {
    let status = cluster.status();
    let state = match (status.made, status.running) {
        (_, Some(pid)) => format!("running, process {pid}"),
        (true, None) => "stopped".to_owned(),
        (false, None) => "not made yet".to_owned(),
    };
    let until = if status.kept {
        "`acquit db stop`"
    } else {
        "nobody uses it"
    };
    let used = if globals.database_url.is_some() {
        "no, DATABASE_URL is set"
    } else {
        "yes"
    };
    let mut listing = Listing::new("Private PostgreSQL", &[("property", Kind::Text), ("value", Kind::Text)]);
    for (property, value) in [
        ("state", state),
        ("runs until", until.to_owned()),
        ("used by commands", used.to_owned()),
        ("version", cluster.binaries().major.to_string()),
        ("binaries", cluster.binaries().directory.display().to_string()),
        ("data directory", cluster.data().display().to_string()),
        ("log", cluster.log().display().to_string()),
        ("url", cluster.url()),
    ] {
        listing.row(vec![property.to_owned(), value]);
    }
    listing
}

async fn psql(arguments: &[OsString], globals: &Globals) -> Outcome {
    let target = globals.target().await?;
    let mut command = tokio::process::Command::new(program(&target));
    command
        .envs(target.libpq_environment().map_err(Failure::connect)?)
        .args(arguments);
    // A Ctrl-C at the terminal is for psql; we hold its server.
    let interrupts = signal(SignalKind::interrupt())?;
    let status = command.status().await.map_err(|error| {
        Failure::new(format!("cannot run psql: {error}")).hint("install PostgreSQL's client programs")
    })?;
    drop(interrupts);
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Beside the server's binaries, where it has the server's version, else whichever PATH has.
fn program(target: &Target) -> OsString {
    target
        .cluster()
        .map(|cluster| cluster.binaries().program("psql"))
        .filter(|path| path.is_file())
        .map_or_else(|| "psql".into(), OsString::from)
}
