//! `acquit record`: payment events into the books.

use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome};
use crate::payment::reader::ClaimError;
use crate::store::record::{BATCH, EventFile, RecordError, Rejected, Tally};

/// Record payment events from JSON Lines or CSV files in the merchants' books.
///
/// Fields (all text): kind, merchant, payment, reference, amount, currency, occurred_at, acquirer; optional:
/// acquirer_reference, merchant_reference, arn, rrn, auth_code; of some kinds also method, scheme, card_country, payer,
/// category, card, auth_type, initiator, capture_before, requested_amount, sequence, final, aggregate, items, original,
/// expected_total, by, case, cycle, cost, respond_by. amount is decimal, at most 10^15 minor units; occurred_at is RFC 3339
/// with an offset.
///
/// Kinds: authorization, authorization_increment, authorization_reversal, decline, unknown, void, capture, capture_void,
/// aggregate, refund, refund_failure, refund_paid, information_request, chargeback, second_chargeback,
/// chargeback_reversal, unpaid, unpaid_recovery.
///
/// A file may begin with lines of kind capture_total, one a currency, with currency, items and amount: how many captures it
/// holds, and their sum. Then every currency of its captures needs one, and a file that holds others is refused whole.
///
/// Recording a file again is safe: the same reference with the same fields is replayed and writes nothing, with other
/// fields it is refused. Exit code: 0 all recorded or replayed, 2 some rejected, 1 nothing recorded.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The event files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Record every event of all files, or nothing at all.
    #[arg(long)]
    atomic: bool,
    /// Where rejected events are written as CSV, if there are any.
    #[arg(long, value_name = "FILE", default_value = "rejects.csv")]
    rejects: PathBuf,
}

const REJECT_COLUMNS: [(&str, Kind); 6] = [
    ("file", Kind::Text),
    ("line", Kind::Figure),
    ("rule", Kind::Text),
    ("field", Kind::Text),
    ("reference", Kind::Text),
    ("reason", Kind::Text),
];

/// How many rejects are shown on a terminal; the CSV has all.
const SHOWN: usize = 10;

/// Runs it.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    let mut files = Vec::with_capacity(args.files.len());
    for path in &args.files {
        super::is_not_input(&args.rejects, path)?;
        let name = path.display();
        files.push(EventFile::open(path).map_err(|error| {
            let what = match &error {
                ClaimError::File(_) => "cannot be read",
                ClaimError::Malformed { .. } | ClaimError::Twice { .. } | ClaimError::Differs { .. } => {
                    "is not what it claims"
                }
            };
            Failure::because(format!("{name} {what}, nothing was recorded"), error)
        })?);
    }
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let mut rejects = Rejects::new(args.rejects);
    let tallies = if args.atomic {
        match store.record_atomically(&deployment, &files, BATCH).await {
            Ok(tallies) => tallies,
            Err(RecordError::Rejected { rejected }) => {
                let error = RecordError::Rejected {
                    rejected: rejected.clone(),
                };
                for (file, rejected) in rejected {
                    rejects.add(&file, vec![rejected]);
                }
                rejects.finish()?;
                return Err(Failure::new(error).hint("correct the events and run the command again"));
            }
            Err(error @ RecordError::Changed(_)) => {
                return Err(Failure::new(error)
                    .hint("nothing was recorded: wait until it is complete, then run the command again"));
            }
            Err(error) => return Err(failed(error)),
        }
    } else {
        let bar = progress_bar();
        let mut tallies = Vec::with_capacity(files.len());
        for file in &files {
            bar.set_message(file.name().to_owned());
            let mut each = |tally: Tally, rejected: Vec<Rejected>| {
                rejects.add(file.name(), rejected);
                bar.inc(
                    tally
                        .recorded
                        .saturating_add(tally.replayed)
                        .saturating_add(tally.rejected),
                );
                Ok(())
            };
            tallies.push(store.record(&deployment, file, &mut each).await.map_err(failed)?);
        }
        bar.finish_and_clear();
        tallies
    };
    let mut listing = Listing::new(
        "Recorded",
        &[
            ("file", Kind::Text),
            ("events", Kind::Figure),
            ("recorded", Kind::Figure),
            ("replayed", Kind::Figure),
            ("rejected", Kind::Figure),
        ],
    );
    let mut total = Tally::default();
    for (file, tally) in files.iter().zip(tallies) {
        total.add(tally);
        let events = tally
            .recorded
            .saturating_add(tally.replayed)
            .saturating_add(tally.rejected);
        listing.row(
            [
                file.name().to_owned(),
                events.to_string(),
                tally.recorded.to_string(),
                tally.replayed.to_string(),
                tally.rejected.to_string(),
            ]
            .into(),
        );
    }
    listing.print(globals.format)?;
    rejects.finish()?;
    Ok(match total {
        Tally { rejected: 0, .. } => ExitCode::SUCCESS,
        Tally {
            recorded: 0,
            replayed: 0,
            ..
        } => ExitCode::FAILURE,
        Tally { .. } => ExitCode::from(2),
    })
}

fn failed(error: RecordError) -> Failure {
    let hint = match &error {
        RecordError::Store(error) => error.hint(),
        RecordError::Changed(_) => Some(
            "what was recorded stays: wait until it is complete, then run the command again; known events are replayed",
        ),
        RecordError::File { .. } | RecordError::Rejected { .. } => None,
    };
    Failure::new(error).maybe_hint(hint)
}

/// A progress bar of events, shown on terminals only.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}: {human_pos} events, {per_sec}, {elapsed}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// Rejected events on their way to a CSV file.
struct Rejects {
    path: PathBuf,
    listing: Listing,
}

impl Rejects {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            listing: Listing::new("Rejected (first ones)", &REJECT_COLUMNS),
        }
    }

    fn add(&mut self, file: &str, rejected: Vec<Rejected>) {
        for Rejected {
            line,
            rule,
            field,
            reference,
            reason,
        } in rejected
        {
            self.listing.row(vec![
                file.to_owned(),
                line.to_string(),
                rule.to_owned(),
                field,
                reference,
                reason,
            ]);
        }
    }

    fn finish(mut self) -> Result<(), Failure> {
        if self.listing.rows.is_empty() {
            return Ok(());
        }
        crate::whole_file::write(&self.path, &mut |out| {
            self.listing.write(super::output::Format::Csv, out)
        })
        .map_err(|error| {
            let path = super::shown(&self.path);
            Failure::because(
                format!("what could be recorded was; the rejected events cannot be written to {path}"),
                error,
            )
        })?;
        let all = self.listing.rows.len();
        self.listing.rows.truncate(SHOWN);
        self.listing
            .write(super::output::Format::Table, &mut std::io::stderr().lock())?;
        eprintln!("rejected events written to {}: {all}", super::shown(&self.path));
        Ok(())
    }
}
