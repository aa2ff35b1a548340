//! `acquit audit`: the proof that the books are whole and were not altered.

use std::io::IsTerminal;
use std::process::ExitCode;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, counted};
use crate::audit::verify::{Findings, Rule};
use crate::store::audit::{Proven, prove};

/// Prove that the books are whole and were not altered.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Recompute every hash and every balance, and check every invariant.
    ///
    /// Names the first entry that differs. All is read in one snapshot, so it can run beside the day's work.
    ///
    /// Exit code: 0 all hold, 1 one does not.
    Verify {
        /// Prove only this merchant's book: hashes, head and balances, without the audits over all books.
        #[arg(long)]
        merchant: Option<String>,
    },
}

/// Runs the command.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    let Command::Verify { merchant } = args.command;
    let store = globals.store().await?;
    let bar = indicatif::ProgressBar::new_spinner().with_message("entries proven");
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let proven = prove(&store, merchant.as_deref(), |entries| {
        bar.set_position(entries);
        bar.set_message(format!("{entries} entries proven"));
        bar.tick();
    })
    .await?;
    bar.finish_and_clear();
    let Some(proven) = proven else {
        let merchant = merchant.unwrap_or_default();
        return Err(Failure::new(format!(
            "there is no book of merchant `{}`",
            crate::card_number::shorten(&merchant, 64)
        )));
    };
    listing(&proven).print(globals.format)?;
    if let Some(first) = proven.proof.findings.first_entry() {
        eprintln!("the first entry that differs: {first}");
    }
    Ok(if proven.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

const COLUMNS: &[(&str, Kind)] = &[
    ("check", Kind::Text),
    ("result", Kind::Text),
    ("book", Kind::Figure),
    ("merchant", Kind::Text),
    ("number", Kind::Figure),
    ("kind", Kind::Text),
    ("reference", Kind::Text),
    ("detail", Kind::Text),
];

/// One row a check that holds; one a finding of a check that does not.
fn listing(proven: &Proven) -> Listing {
    let Proven {
        proof,
        audits,
        books_digest,
    } = proven;
    let mut listing = Listing::new(
        format!(
            "Audit of {}, {}, {}, in one snapshot; books {books_digest}",
            counted(proof.books, "book"),
            match proof.entries {
                1 => "1 entry".to_owned(),
                entries => format!("{entries} entries"),
            },
            counted(proof.transfers, "transfer")
        ),
        COLUMNS,
    );
    for rule in Rule::ALL {
        findings(*rule, &proof.findings, &mut listing);
    }
    for result in audits {
        if result.offenders == 0 {
            listing.row(plain(result.audit.name, "holds", result.audit.says().to_owned()));
            continue;
        }
        for offender in &result.first {
            listing.row(plain(result.audit.name, "broken", offender.clone()));
        }
        more(result.audit.name, result.offenders, result.first.len(), &mut listing);
    }
    listing
}

fn findings(rule: Rule, findings: &Findings, listing: &mut Listing) {
    let count = findings.count(rule);
    if count == 0 {
        return listing.row(plain(rule.name(), "holds", rule.says().to_owned()));
    }
    let kept: Vec<_> = findings.kept().iter().filter(|finding| finding.rule == rule).collect();
    for finding in &kept {
        let entry = finding.entry.as_ref();
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        listing.row(vec![
            rule.name().to_owned(),
            "broken".to_owned(),
            finding.book.map(|book| book.to_string()).unwrap_or_default(),
            text(finding.merchant.as_ref()),
            entry.map(|entry| entry.number.to_string()).unwrap_or_default(),
            text(entry.and_then(|entry| entry.kind.as_ref())),
            text(entry.and_then(|entry| entry.reference.as_ref())),
            finding.detail.clone(),
        ]);
    }
    more(rule.name(), count, kept.len(), listing);
}

fn more(check: &str, count: u64, shown: usize, listing: &mut Listing) {
    let rest = count.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
    if rest > 0 {
        listing.row(plain(check, "broken", format!("and {rest} more")));
    }
}

fn plain(check: &str, result: &str, detail: String) -> Vec<String> {
    let mut row = vec![check.to_owned(), result.to_owned()];
    row.extend(std::iter::repeat_n(String::new(), 5));
    row.push(detail);
    row
}
