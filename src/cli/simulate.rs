//! `acquit simulate`: writes a simulated day, and the truth about it.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::dates::parse_day;
use crate::simulate::{self, BreakKind, FileFormat, Plan, Profile, SimulateError, Summary, UnknownBreakKind};

/// Simulate a day: settings, payment events, settlement files, a bank statement, and the truth about them.
///
/// Writes settings.toml, events.jsonl, settlement.csv (.json or .ipm, as the form has it), statement.xml and truth.json; with the
/// profile `full` also calendar.csv, to be imported before the settings are applied, settings-next-day.toml, events-late.jsonl
/// for after `acquit expire`, events-cut.jsonl, which is that file cut off and must be refused, events-after.jsonl for after
/// the payouts, and a settlement file for each carrier that reports something. truth.json says what a correct engine must find:
/// the books after every step, matches, every planted break, refused events, decisions of velocity rules, what is advanced and
/// released, payouts. The same options write the same bytes; payments, references and batches of one day have names of no other.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// How many payments.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub payments: u64,

    /// How many merchants they are made at.
    #[arg(long, value_name = "M", default_value_t = 10)]
    pub merchants: u32,

    /// Where chance begins: another seed is another day.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// The directory to write into; made where it is not there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// The day on which everything happens (in Europe/Berlin).
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day, default_value_t = Plan::usual_day())]
    pub day: NaiveDate,

    /// How much of what can happen does: `full`, or plain `card` payments.
    ///
    /// `card`: authorizations, captures, voids, refunds, chargebacks. `full`: also increments, partial approvals, unknown
    /// outcomes, tips, aggregates, phone bills (unpaid, late), refunds that fail or go by bank transfer, second chargebacks,
    /// authorizations that run out, velocity rules and limits, exchange of currencies, advances, reserves, availability by
    /// business days, contracts with tiers, VAT and fees for events, events that must be refused and events that are told again.
    #[arg(long, value_name = "PROFILE", default_value_t = Profile::default())]
    pub profile: Profile,

    /// The form of the settlement file of the acquirer of cards, which has the same name.
    ///
    /// `adyen`: the settlement details report; `stripe`: the itemized report of balance changes; `paypal`: the settlement report;
    /// `checkout`: the breakdown, with settlement-payouts.csv to be given by --with; `toss-csv` and `toss-json`: settlement rows;
    /// `ipm-ebcdic` and `ipm-ascii`: clearing files; `profile`: a form that the settings have a mapping profile of. What a form
    /// cannot say is not in the file, and the truth knows. Carriers' files are of the first.
    #[arg(long, value_name = "FORMAT", default_value_t = FileFormat::default())]
    pub file_format: FileFormat,

    /// Breaks to plant, like MISSING_IN_FILE=3,FEE_MISMATCH=1, or `none`.
    ///
    /// Kinds: MISSING_IN_FILE, MISSING_IN_LEDGER, AMOUNT_MISMATCH, CURRENCY_MISMATCH, TYPE_MISMATCH, FEE_MISMATCH,
    /// DUPLICATE_IN_FILE, UNSUPPORTED_RECORD, DOUBLE_RECOVERY, CHARGEBACK_UNKNOWN, DUPLICATE_IN_LEDGER; but in clearing files
    /// SIGN_MISMATCH and REFUND_WITHOUT_CAPTURE; in the form `profile` CARRIER_SHORT; with the profile `full` STATUS_MISMATCH,
    /// VELOCITY and NOT_PRICED, FX_MISMATCH in forms that tell conversions, and RESERVE_MISMATCH, at most one a batch, in forms
    /// that tell what is withheld; at most one of DUPLICATE_FILE and TOTAL_MISMATCH each, which are files of their own;
    /// MISSING_FILE in forms that number batches or tell balances (then settlement-earlier.csv comes first); and at the bank
    /// FUNDING_MISMATCH, MISSING_RECEIPT (which statement-later.xml shows), at most one of both a batch, and UNIDENTIFIED_RECEIPT.
    /// LATE is an item that the file reports after the day on which it was expected: no break, its match says so.
    /// Kinds that are not listed are not planted. Without this option: two of each kind, one of those that are files, and none of
    /// TYPE_MISMATCH, SIGN_MISMATCH, REFUND_WITHOUT_CAPTURE, FX_MISMATCH, RESERVE_MISMATCH, MISSING_FILE, LATE and those at the
    /// bank.
    /// Where FX_MISMATCH is planted, the settings name the rates agreed; where RESERVE_MISMATCH is, what part the acquirer
    /// withholds.
    #[arg(long, value_name = "KIND=COUNT,...", value_parser = parse_breaks)]
    pub breaks: Option<Breaks>,
}

/// How many breaks of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaks(BTreeMap<BreakKind, u32>);

/// Why a text does not say which breaks to plant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BreaksError {
    /// Not of the form kind=count.
    #[error("`{0}` is not KIND=COUNT, like FEE_MISMATCH=2")]
    Form(String),
    /// An unknown kind.
    #[error(transparent)]
    Kind(#[from] UnknownBreakKind),
    /// One kind twice.
    #[error("{0} is given twice")]
    Twice(BreakKind),
}

fn parse_breaks(text: &str) -> Result<Breaks, BreaksError> {
    let mut breaks = BTreeMap::new();
    if text == "none" {
        return Ok(Breaks(breaks));
    }
    for item in text.split(',') {
        let form = || BreaksError::Form(crate::card_number::shorten(item, 60));
        let (kind, count) = item.split_once('=').ok_or_else(form)?;
        let kind: BreakKind = kind.parse()?;
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse::<u32>().ok().filter(|_| digits).ok_or_else(form)?;
        if breaks.insert(kind, count).is_some() {
            return Err(BreaksError::Twice(kind));
        }
    }
    Ok(Breaks(breaks))
}

/// Why `acquit simulate` failed.
#[derive(Debug, thiserror::Error)]
pub enum SimulateCommandError {
    /// Nothing was simulated.
    #[error("the simulation was not written to {}", out.display())]
    Simulate {
        /// The directory.
        out: PathBuf,
        /// Why.
        #[source]
        source: SimulateError,
    },
    /// What was done cannot be shown.
    #[error("printing the summary failed")]
    Print(#[source] io::Error),
}

/// Runs the command.
pub fn run(args: SimulateArgs) -> Result<(), SimulateCommandError> {
    let plan = Plan {
        payments: args.payments,
        merchants: args.merchants,
        seed: args.seed,
        breaks: args
            .breaks
            .map_or_else(|| BreakKind::usual(args.profile, args.file_format), |breaks| breaks.0),
        day: args.day,
        profile: args.profile,
        file_format: args.file_format,
    };
    let bar = progress_bar(plan.payments);
    let done = simulate::run(&plan, &args.out, &mut |payments| bar.set_position(payments));
    bar.finish_and_clear();
    let summary = done.map_err(|source| SimulateCommandError::Simulate {
        out: args.out.clone(),
        source,
    })?;
    print(&mut io::stdout().lock(), &args.out, &summary).map_err(SimulateCommandError::Print)
}

/// Drawn on a terminal, invisible elsewhere.
fn progress_bar(payments: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(payments), target);
    match ProgressStyle::with_template("simulating {bar:40} {human_pos}/{human_len} payments, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn print(out: &mut impl Write, directory: &Path, summary: &Summary) -> io::Result<()> {
    writeln!(
        out,
        "simulated {} payments: {} events, {} settlement lines, in {}",
        summary.payments,
        summary.events,
        summary.settlement_lines,
        directory.display()
    )?;
    for file in &summary.files {
        let name = file.file_name().unwrap_or(file.as_os_str());
        writeln!(out, "  {}", name.to_string_lossy())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: SimulateArgs,
    }

    #[test]
    fn options_have_defaults_that_are_read_as_written() {
        let read = |options: &[&str]| Command::try_parse_from([&["simulate", "--out", "day"], options].concat());
        let args = read(&[]).expect("the defaults").args;
        assert_eq!(
            (args.payments, args.merchants, args.seed, args.breaks),
            (1000, 10, 1, None)
        );
        assert_eq!(args.day.to_string(), "2026-03-02");
        assert!(read(&["--day", "2026-02-30"]).is_err());
        assert_eq!(args.profile, Profile::Full);
        assert!(read(&["--profile", "card"]).is_ok());
        assert!(read(&["--profile", "cards"]).is_err());
        assert_eq!(args.file_format, FileFormat::Adyen);
        assert!(read(&["--file-format", "stripe"]).is_ok());
        assert!(read(&["--file-format", "csv"]).is_err());
        assert!(read(&["--breaks", "none", "--day", "2026-02-28"]).is_ok());
    }

    #[track_caller]
    fn check(text: &str, expected: Result<&[(BreakKind, u32)], &str>) {
        match (parse_breaks(text), expected) {
            (Ok(breaks), Ok(expected)) => assert_eq!(breaks.0, expected.iter().copied().collect(), "{text}"),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{text}: {error}"),
            (read, expected) => panic!("{text}: {read:?} is not {expected:?}"),
        }
    }

    #[test]
    fn breaks_are_listed_by_kind() {
        check("none", Ok(&[]));
        check("FEE_MISMATCH=2", Ok(&[(BreakKind::FeeMismatch, 2)]));
        check(
            "fee_mismatch=0,TOTAL_MISMATCH=1",
            Ok(&[(BreakKind::FeeMismatch, 0), (BreakKind::TotalMismatch, 1)]),
        );
        check("", Err("`` is not KIND=COUNT"));
        check("FEE_MISMATCH", Err("is not KIND=COUNT"));
        check("FEE_MISMATCH=+2", Err("is not KIND=COUNT"));
        check("FEE_MISMATCH=99999999999", Err("is not KIND=COUNT"));
        check(
            "TARDY=1",
            Err("`TARDY` is not a kind of break: known are MISSING_IN_FILE, "),
        );
        check("FEE_MISMATCH=1,FEE_MISMATCH=1", Err("FEE_MISMATCH is given twice"));
    }
}
