//! `acquit report`: what the books say, as a table for people, as CSV or JSON for programs, as a file with a manifest for
//! auditors.
//!
//! Every report is read in one snapshot and goes to its sink row by row. A table is kept in memory and is therefore cut after
//! [`TABLE_LIMIT`] rows; CSV and JSON are not. Tables leave out the columns that repeat an amount in minor units.

mod claims;
mod page;
mod proof;
mod statement;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use futures_util::TryStreamExt;

use super::output::{Format, Kind, Listing};
use super::{Failure, Globals, Outcome};
use crate::audit::export::CellKind::{Digest, Figure, Text, Whole};
use crate::audit::export::{Column, CsvExport, JsonExport, Manifest, Manifests, Totals, Written, hex};
use crate::audit::fees::{Line, whole};
use crate::audit::trial_balance;
use crate::calendar::{BusinessDays, Calendar};
use crate::card_number::shorten;
use crate::dates::{parse_day, parse_period};
use crate::money::{Currency, wide_decimal_text};
use crate::payment::fees::AccrualKey;
use crate::recon::breaks::Bucket;
use crate::store::audit::book_of;
use crate::store::costs::Wanted;
use crate::store::fees::{AccrualRow, FeeRow, FeeSummary, audit_fees};
use crate::store::report::{self as rows, AgingRow, BreakRow, FileRow, JournalRow, PayoutRow, ReconciliationRow, Span};
use crate::store::settings::Deployment;
use crate::store::snapshot::Snapshot;
use crate::store::{Store, StoreError};
use crate::whole_file::WholeFile;
use crate::worker::Standing;

/// How many rows a table shows.
pub const TABLE_LIMIT: usize = 1000;
/// How much of a name that nobody knows is shown.
const NAME_SHOWN: usize = 40;

/// Print what the books say: trial balance, journal, merchant statements, reconciliations, payouts.
///
/// A report is read in one snapshot. --format csv and json print every row and every column, a table at most 1000 rows. With
/// --out it is a CSV file, whose manifest has its digest, totals and the digest of the books it was read from.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    report: Report,
    /// Write the report to DIR/REPORT.csv and describe it in DIR/manifest.json, for somebody who adds it up again.
    #[arg(long, global = true, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A report and what it covers.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Report {
    /// Print debits, credits and balance of every account; they are equal in every currency.
    TrialBalance {
        /// Take only what was booked up to this day.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        as_of: Option<NaiveDate>,
        /// Take only this merchant's book.
        #[arg(long)]
        merchant: Option<String>,
    },
    /// Print every entry and transfer in the order of the books.
    Journal(SpanArgs),
    /// Print what merchants are owed: opening balance, movements by kind, closing balance.
    ///
    /// Owed is what is pending, available and on its way to the bank. The closing balance is that of the books on the last day,
    /// and the opening balance of the next statement, unless something is booked back into these days; into a closed period
    /// nothing is.
    Statement {
        /// Which merchant, which days.
        #[command(flatten)]
        span: SpanArgs,
        /// List every item instead of sums.
        #[arg(long)]
        items: bool,
        /// Write the merchant's statement to FILE as a page to print (HTML): sums, fees and VAT, balances, every item.
        #[arg(long, value_name = "FILE", requires = "merchant", conflicts_with_all = ["items", "out"])]
        page: Option<PathBuf>,
    },
    /// Print the lines of settlement files by outcome, the sums of batches, the breaks.
    ///
    /// Where gross and net are of one currency, gross less costs less reserve is net. Files that are undone are printed only where
    /// they are named.
    Reconciliation {
        /// Take only the files of this name, or whose digest begins so.
        #[arg(long, value_name = "NAME|DIGEST")]
        file: Option<String>,
    },
    /// Work every merchant fee out again from the entries, and print what differs from what was posted.
    ///
    /// Prints the figures that differ, then every accrual with what of it is not posted yet, then the sums of what should have
    /// been and was posted. Costs passed on are worked out from the settlement lines that tell them, and told with the settlement
    /// that booked them. Days choose the entries that are told; accruals are those of all entries. Exit code: 0 all agree, 2
    /// something differs.
    Fees {
        /// Which merchant, which days.
        #[command(flatten)]
        span: SpanArgs,
        /// Print the figures that agree too.
        #[arg(long)]
        all: bool,
    },
    /// Print breaks that are not resolved by class, acquirer and age, with what is at stake and what is in suspense.
    ///
    /// The age is in business days from the day on which the item was expected, else from the day of the file or entry that showed
    /// the break.
    BreaksAging {
        /// The day up to which they have grown old. Default: today.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        on: Option<NaiveDate>,
        /// Whose business days count. Default: the calendar of `[desk]` in the settings.
        #[arg(long, value_name = "NAME")]
        calendar: Option<String>,
    },
    /// Print what acquirers charged against what their contracts say, by term: what there is to claim back.
    ///
    /// Section `claim` has what differs by more than is tolerated, by the state of its breaks; `checked` all that was held to a
    /// contract (no term: nothing prices it); `invoiced` what is deducted from no line, but awaited on the invoice of the month.
    FeeClaims {
        /// Take only this acquirer.
        #[arg(long)]
        acquirer: Option<String>,
        /// Take only files and invoices booked on or after this day.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        from: Option<NaiveDate>,
        /// Take only files and invoices booked up to this day.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        to: Option<NaiveDate>,
        /// List every claim with its line and break, for the acquirer.
        #[arg(long)]
        items: bool,
    },
    /// Prove a day: five identities, each with both sides, the difference, and what explains it down to nothing.
    ///
    /// 1 what acquirers owe, and the items that no file has reported; 2 what files booked, and what their batches claim; 3 what
    /// is in transit, and batches less receipts; 4 the bank account, and its statements; 5 cash, and what has to be
    /// safeguarded. An identity closes, is explained by what is listed as open, differs, or is incomplete because a file or
    /// statement is missing. Exit code: 0 every identity closes or is explained, 2 one differs or is incomplete, or nothing is
    /// on the books by then.
    Proof {
        /// The day, at whose end.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        date: NaiveDate,
        /// Take only this acquirer: identities 1 to 3.
        #[arg(long)]
        acquirer: Option<String>,
    },
    /// Print what has to be there of others' money, by component and currency, the cash that is, and the surplus or shortage.
    ///
    /// Worked out merchant by merchant from captures whose cash has come; no merchant's debt lowers what others are owed. Exit
    /// code: 0 every currency is covered, 2 one is short, a file or statement is missing, or nothing is on the books by then.
    Safeguarding {
        /// The day, at whose end.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        date: NaiveDate,
        /// List what is required for each merchant.
        #[arg(long)]
        merchants: bool,
    },
    /// Print the payout register: amount, state, who planned and who approved.
    Payouts {
        /// Take only payouts of this cut-off.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        cutoff: Option<NaiveDate>,
        /// Take only this merchant's payouts.
        #[arg(long)]
        merchant: Option<String>,
    },
}

/// Which merchant, which days.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SpanArgs {
    /// Take only this merchant's book.
    #[arg(long)]
    pub merchant: Option<String>,
    /// Take only what was booked on or after this day.
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub from: Option<NaiveDate>,
    /// Take only what was booked up to this day.
    #[arg(long, value_name = "DATE", value_parser = parse_day, visible_alias = "as-of")]
    pub to: Option<NaiveDate>,
    /// Take only this month (2026-03), quarter (2026-Q1) or year (2026).
    #[arg(long, value_name = "PERIOD", value_parser = parse_period, conflicts_with_all = ["from", "to"])]
    pub period: Option<(NaiveDate, NaiveDate)>,
}

impl SpanArgs {
    fn from(&self) -> Option<NaiveDate> {
        self.period.map_or(self.from, |(first, _)| Some(first))
    }

    fn to(&self) -> Option<NaiveDate> {
        self.period.map_or(self.to, |(_, last)| Some(last))
    }

    fn span(&self) -> Span {
        Span {
            merchant: self.merchant.clone(),
            from: self.from(),
            to: self.to(),
        }
    }
}

/// Runs the command.
pub async fn run(args: Args, globals: &Globals) -> Outcome {
    let (from, to) = args.report.days();
    super::in_order(from, to)?;
    let store = globals.store().await?;
    if let Report::Statement {
        span,
        page: Some(place),
        ..
    } = &args.report
    {
        page::write(&store, &span.span(), place).await?;
        println!("written: {}", super::shown(place));
        return Ok(ExitCode::SUCCESS);
    }
    let differences = match args.out {
        None => print(&store, &args.report, globals.format, &mut io::stdout().lock()).await?,
        Some(directory) => {
            let (manifest, filled) = write(&store, &args.report, &directory).await?;
            written(&directory, &manifest).print(globals.format)?;
            filled.differences
        }
    };
    Ok(match differences {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    })
}

/// What a report comes to beside its rows.
#[derive(Default)]
struct Filled {
    /// A note for the title.
    note: String,
    /// Figures that are not what they should be, or that there is nothing to prove.
    differences: u64,
    /// How what it proves stands.
    standings: Vec<Standing>,
}

/// Prints a report, and says how many of its figures are not what they should be.
pub async fn print(store: &Store, report: &Report, format: Format, out: &mut dyn Write) -> Result<u64, Failure> {
    let deployment = deployment_for(store, report).await?;
    let mut snapshot = Snapshot::open(store).await?;
    named(&mut snapshot, report).await?;
    let books = snapshot.books_digest().await?;
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let mut sink = Sink::new(format, report, &mut out)?;
    let mut totals = Totals::default();
    let filled = fill(&mut snapshot, (report, deployment.as_ref()), &mut sink, &mut totals).await?;
    snapshot.close().await;
    let title = format!(
        "{}{}; books {}",
        report.title(),
        filled.note,
        books.get(..12).unwrap_or_default()
    );
    sink.finish(title)?;
    out.flush()?;
    Ok(filled.differences)
}

/// Whether somebody knows the merchant and the acquirer that a report is asked of: else it would say of nobody that all is well.
async fn named(snapshot: &mut Snapshot, report: &Report) -> Result<(), Failure> {
    let filters = report.filters();
    if let Some(name) = filters.get("merchant")
        && book_of(snapshot, name).await?.is_none()
    {
        let shown = shorten(name, NAME_SHOWN);
        let failure = Failure::new(format!("there is no merchant `{shown}`"));
        return Err(failure.hint("`acquit merchant list` has their names"));
    }
    if let Some(name) = filters.get("acquirer") {
        let known = rows::acquirers(snapshot).await?;
        if !known.contains(name) {
            let shown = shorten(name, NAME_SHOWN);
            let hint = (!known.is_empty()).then(|| format!("known are {}", known.join(", ")));
            return Err(Failure::new(format!("there is no acquirer `{shown}`")).maybe_hint(hint));
        }
    }
    Ok(())
}

/// Only what is worked out again needs the settings.
async fn deployment_for(store: &Store, report: &Report) -> Result<Option<Deployment>, Failure> {
    Ok(match report {
        Report::Fees { .. } | Report::BreaksAging { .. } | Report::Proof { .. } | Report::Safeguarding { .. } => {
            Some(super::deployment(store).await?)
        }
        Report::TrialBalance { .. }
        | Report::Journal(_)
        | Report::Statement { .. }
        | Report::Reconciliation { .. }
        | Report::FeeClaims { .. }
        | Report::Payouts { .. } => None,
    })
}

/// Writes a report's CSV and its manifest into a directory.
pub async fn write_to(store: &Store, report: &Report, directory: &Path) -> Result<Manifest, Failure> {
    write(store, report, directory).await.map(|(manifest, _)| manifest)
}

/// The same, and how what the report proves stands.
pub(super) async fn write_proof(store: &Store, report: &Report, directory: &Path) -> Result<Vec<Standing>, Failure> {
    write(store, report, directory)
        .await
        .map(|(_, filled)| filled.standings)
}

/// Whether a report that was written into a directory did not prove what it should, as the manifest there has it.
pub(super) fn is_unproven(name: &str, directory: &Path) -> bool {
    let Ok(bytes) = std::fs::read(directory.join("manifest.json")) else {
        return false;
    };
    let Ok(all) = serde_json::from_slice::<Manifests>(&bytes) else {
        return false;
    };
    let unproven = all.reports.get(name).and_then(|manifest| manifest.unproven);
    unproven.is_some_and(|unproven| unproven > 0)
}

async fn write(store: &Store, report: &Report, directory: &Path) -> Result<(Manifest, Filled), Failure> {
    let at = |error: io::Error| Failure::new(format!("cannot write to {}: {error}", directory.display()));
    std::fs::create_dir_all(directory).map_err(at)?;
    let deployment = deployment_for(store, report).await?;
    let mut snapshot = Snapshot::open(store).await?;
    named(&mut snapshot, report).await?;
    let books = snapshot.books_digest().await?;
    let name = format!("{}.csv", report.name());
    let file = WholeFile::create(&directory.join(&name)).map_err(at)?;
    let mut totals = Totals::default();
    let mut sink: Sink<WholeFile> = Sink::Csv(Box::new(CsvExport::new(file, report.columns()).map_err(at)?));
    let filled = fill(&mut snapshot, (report, deployment.as_ref()), &mut sink, &mut totals).await?;
    snapshot.close().await;
    let Sink::Csv(csv) = sink else {
        return Err(Failure::new("a report file is CSV"));
    };
    let (file, Written { rows, sha256 }) = csv.finish().map_err(at)?;
    let manifest = Manifest {
        report: report.name().to_owned(),
        file: name,
        filters: report.filters(),
        as_of: report.as_of().map(|day| day.to_string()),
        books,
        rows,
        totals: totals.stated(),
        sha256,
        unproven: report.proves().then_some(filled.differences),
    };
    // One report at a time in a directory, so that no manifest is lost.
    let gate = File::open(directory).map_err(at)?;
    gate.lock().map_err(at)?;
    file.commit().map_err(at)?;
    add_manifest(directory, &manifest)?;
    Ok((manifest, filled))
}

fn add_manifest(directory: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let place = directory.join("manifest.json");
    let at = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", place.display()));
    let mut all: Manifests = match std::fs::read(&place) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| at(&error).hint("it is not a manifest of ours: name another directory"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Manifests::default(),
        Err(error) => return Err(at(&error)),
    };
    all.reports.insert(manifest.report.clone(), manifest.clone());
    let mut file = WholeFile::create(&place).map_err(|error| at(&error))?;
    serde_json::to_writer_pretty(&mut file, &all).map_err(|error| at(&error))?;
    file.write_all(b"\n")
        .and_then(|()| file.commit())
        .map_err(|error| at(&error))?;
    Ok(())
}

fn written(directory: &Path, manifest: &Manifest) -> Listing {
    const COLUMNS: &[(&str, Kind)] = &[
        ("report", Kind::Text),
        ("file", Kind::Text),
        ("rows", Kind::Figure),
        ("sha256", Kind::Digest),
    ];
    let mut listing = Listing::new("Reports written, described in manifest.json", COLUMNS);
    listing.row(vec![
        manifest.report.clone(),
        super::shown(&directory.join(&manifest.file)),
        manifest.rows.to_string(),
        manifest.sha256.clone(),
    ]);
    listing
}

impl Report {
    /// Its name in manifests and of its file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TrialBalance { .. } => "trial_balance",
            Self::Journal(_) => "journal",
            Self::Statement { items: false, .. } => "statement",
            Self::Statement { items: true, .. } => "statement_items",
            Self::Reconciliation { .. } => "reconciliation",
            Self::Fees { .. } => "fees",
            Self::BreaksAging { .. } => "breaks_aging",
            Self::FeeClaims { items: false, .. } => "fee_claims",
            Self::FeeClaims { items: true, .. } => "fee_claims_items",
            Self::Proof { .. } => "proof",
            Self::Safeguarding { merchants: false, .. } => "safeguarding",
            Self::Safeguarding { merchants: true, .. } => "safeguarding_merchants",
            Self::Payouts { .. } => "payouts",
        }
    }

    /// Its columns, all of them.
    pub fn columns(&self) -> &'static [Column] {
        match self {
            Self::TrialBalance { .. } => trial_balance::COLUMNS,
            Self::Journal(_) => JOURNAL,
            Self::Statement { items: false, .. } => statement::SUMS,
            Self::Statement { items: true, .. } => statement::ITEMS,
            Self::Reconciliation { .. } => RECONCILIATION,
            Self::Fees { .. } => FEES,
            Self::BreaksAging { .. } => BREAKS_AGING,
            Self::FeeClaims { items: false, .. } => claims::BY_TERM,
            Self::FeeClaims { items: true, .. } => claims::ITEMS,
            Self::Proof { .. } => proof::PROOF,
            Self::Safeguarding { merchants: false, .. } => proof::SAFEGUARDING,
            Self::Safeguarding { merchants: true, .. } => proof::CLIENTS,
            Self::Payouts { .. } => PAYOUTS,
        }
    }

    /// Whether it says of a day that it is proven.
    fn proves(&self) -> bool {
        matches!(self, Self::Proof { .. } | Self::Safeguarding { .. })
    }

    /// The first and the last day of what it takes.
    fn days(&self) -> (Option<NaiveDate>, Option<NaiveDate>) {
        match self {
            Self::Journal(span) | Self::Statement { span, .. } | Self::Fees { span, .. } => (span.from(), span.to()),
            Self::FeeClaims { from, to, .. } => (*from, *to),
            Self::TrialBalance { .. }
            | Self::Reconciliation { .. }
            | Self::BreaksAging { .. }
            | Self::Proof { .. }
            | Self::Safeguarding { .. }
            | Self::Payouts { .. } => (None, None),
        }
    }

    fn as_of(&self) -> Option<NaiveDate> {
        match self {
            Self::TrialBalance { as_of, .. } => *as_of,
            Self::Journal(span) | Self::Statement { span, .. } | Self::Fees { span, .. } => span.to(),
            Self::BreaksAging { on, .. } => *on,
            Self::FeeClaims { to, .. } => *to,
            Self::Proof { date, .. } | Self::Safeguarding { date, .. } => Some(*date),
            Self::Reconciliation { .. } | Self::Payouts { .. } => None,
        }
    }

    fn filters(&self) -> BTreeMap<String, String> {
        let given: Vec<(&str, Option<String>)> = match self {
            Self::TrialBalance { merchant, .. } => vec![("merchant", merchant.clone())],
            Self::Journal(span) | Self::Statement { span, .. } | Self::Fees { span, .. } => vec![
                ("merchant", span.merchant.clone()),
                ("from", span.from().map(|day| day.to_string())),
            ],
            Self::Reconciliation { file } => vec![("file", file.clone())],
            Self::BreaksAging { calendar, .. } => vec![("calendar", calendar.clone())],
            Self::FeeClaims { acquirer, from, .. } => vec![
                ("acquirer", acquirer.clone()),
                ("from", from.map(|day| day.to_string())),
            ],
            Self::Proof { acquirer, .. } => vec![("acquirer", acquirer.clone())],
            Self::Safeguarding { .. } => Vec::new(),
            Self::Payouts { cutoff, merchant } => vec![
                ("merchant", merchant.clone()),
                ("cutoff", cutoff.map(|day| day.to_string())),
            ],
        };
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    fn title(&self) -> String {
        let what = match self {
            Self::TrialBalance { as_of: None, .. } => "Trial balance, from the balances",
            Self::TrialBalance { as_of: Some(_), .. } => "Trial balance, from the transfers",
            Self::Journal(_) => "Journal, from the entries",
            Self::Statement { items: false, .. } => "Merchant statements, from the entries",
            Self::Statement { items: true, .. } => "Items of merchant statements, from the entries",
            Self::Reconciliation { .. } => "Reconciliation, from the settlement lines and breaks",
            Self::Fees { .. } => "Merchant fees, worked out again from the entries",
            Self::BreaksAging { .. } => "Breaks that are not resolved, by age",
            Self::FeeClaims { items: false, .. } => "Costs of acquirers against their contracts, by term",
            Self::FeeClaims { items: true, .. } => "Claims for costs of acquirers, one by one",
            Self::Proof { .. } => "Proof of a day",
            Self::Safeguarding { merchants: false, .. } => "Money of others that has to be there",
            Self::Safeguarding { merchants: true, .. } => "Money of others that has to be there, by merchant",
            Self::Payouts { .. } => "Payout register, from the payouts",
        };
        let filters: Vec<String> = self
            .filters()
            .into_iter()
            .map(|(name, value)| format!(", {name} {value}"))
            .collect();
        let as_of = match self.as_of() {
            Some(day) if matches!(self, Self::BreaksAging { .. }) => format!("their age on {day}"),
            None if matches!(self, Self::BreaksAging { .. }) => "their age today".to_owned(),
            Some(day) => format!("booked up to {day}"),
            None => "everything so far".to_owned(),
        };
        format!("{what}{}; {as_of}", filters.concat())
    }
}

/// Where rows go.
enum Sink<W: Write> {
    Table {
        out: W,
        listing: Listing,
        kept: Vec<usize>,
        cut: u64,
    },
    Csv(Box<CsvExport<W>>),
    Json(JsonExport<W>),
}

impl<W: Write> Sink<W> {
    fn new(format: Format, report: &Report, out: W) -> io::Result<Self> {
        let columns = report.columns();
        Ok(match format {
            Format::Csv => Self::Csv(Box::new(CsvExport::new(out, columns)?)),
            Format::Json => Self::Json(JsonExport::new(out, columns)?),
            Format::Table => {
                let kept: Vec<usize> = (0..columns.len())
                    .filter(|place| columns.get(*place).is_some_and(|(name, _)| in_table(name)))
                    .collect();
                let shown: Vec<Column> = kept.iter().filter_map(|place| columns.get(*place)).copied().collect();
                Self::Table {
                    out,
                    listing: Listing::new("", &shown),
                    kept,
                    cut: 0,
                }
            }
        })
    }

    fn row(&mut self, cells: &[String]) -> io::Result<()> {
        match self {
            Self::Csv(csv) => csv.row(cells),
            Self::Json(json) => json.row(cells),
            Self::Table { listing, kept, cut, .. } => {
                if listing.rows.len() < TABLE_LIMIT {
                    listing.row(kept.iter().filter_map(|place| cells.get(*place)).cloned().collect());
                } else {
                    *cut = cut.saturating_add(1);
                }
                Ok(())
            }
        }
    }

    fn finish(self, title: String) -> io::Result<()> {
        match self {
            Self::Csv(csv) => csv.finish().map(|_| ()),
            Self::Json(json) => json.finish().map(|_| ()),
            Self::Table {
                mut out,
                mut listing,
                cut,
                ..
            } => {
                listing.title = title;
                listing.write(Format::Table, &mut out)?;
                if cut > 0 {
                    writeln!(out, "{cut} more rows; --format csv or --out DIR gives all")?;
                }
                Ok(())
            }
        }
    }
}

/// Whether a table has room for a column: decimals yes, the same in minor units no, what only a program follows no.
fn in_table(column: &str) -> bool {
    !column.ends_with("_minor")
        && !matches!(
            column,
            "exponent"
                | "gross_exponent"
                | "net_exponent"
                | "ordinal"
                | "acquirer_reference"
                | "merchant_reference"
                | "arn"
                | "rrn"
                | "auth_code"
                | "details"
                | "natural_key"
                | "occurred_at"
                | "recorded_at"
                | "source_id"
                | "source"
                | "source_line"
                | "kind_id"
                | "fingerprint"
                | "debit_currency"
                | "credit_currency"
                | "reverses"
                | "hash"
                | "digest"
                | "holder"
                | "bank"
                | "version"
                | "vat"
        )
}

/// Sends the rows.
async fn fill<W: Write>(
    snapshot: &mut Snapshot,
    (report, deployment): (&Report, Option<&Deployment>),
    sink: &mut Sink<W>,
    totals: &mut Totals,
) -> Result<Filled, Failure> {
    match report {
        Report::TrialBalance { as_of, merchant } => {
            let rows = rows::trial_balance(snapshot, merchant.as_deref(), *as_of).await?;
            // Only accounts count into the totals of the manifest.
            for row in &rows {
                totals.add(&row.currency, row.debits, row.credits);
            }
            for record in trial_balance::records(&rows) {
                sink.row(&record)?;
            }
        }
        Report::Journal(span) => {
            let mut journal = std::pin::pin!(rows::journal(snapshot, &span.span()).await?);
            while let Some(row) = journal.try_next().await? {
                if let Some(moved) = &row.transfer {
                    totals.add(&moved.debit.currency, moved.amount.into(), moved.amount.into());
                }
                sink.row(&journal_cells(&row))?;
            }
        }
        Report::Statement { span, items, .. } => statement::fill(snapshot, &span.span(), *items, sink, totals).await?,
        Report::Reconciliation { file } => {
            let note = reconciliation(snapshot, file.as_deref(), sink, totals).await?;
            return Ok(Filled {
                note,
                ..Filled::default()
            });
        }
        Report::Fees { span, all } => {
            let deployment = deployment.ok_or_else(|| Failure::new("fees are worked out by settings"))?;
            return fees(snapshot, deployment, (&span.span(), *all), sink, totals).await;
        }
        Report::BreaksAging { on, calendar } => {
            let deployment = deployment.ok_or_else(|| Failure::new("business days are those of a calendar"))?;
            let day = on.unwrap_or_else(|| super::today(deployment));
            let rows = rows::breaks_aging(snapshot).await?;
            breaks_aging(&rows, calendar_of(deployment, calendar.as_deref())?, day, sink, totals)?;
        }
        Report::FeeClaims {
            acquirer,
            from,
            to,
            items,
        } => {
            let wanted = Wanted {
                acquirer: acquirer.clone(),
                from: *from,
                to: *to,
            };
            claims::fill(snapshot, &wanted, *items, sink, totals).await?;
        }
        Report::Proof { date, acquirer } => {
            let deployment = deployment.ok_or_else(|| Failure::new("what is expected is said by settings"))?;
            return proof::fill(snapshot, deployment, (*date, acquirer.as_deref()), sink, totals).await;
        }
        Report::Safeguarding { date, merchants } => {
            let deployment = deployment.ok_or_else(|| Failure::new("what is expected is said by settings"))?;
            return proof::safeguarding(snapshot, deployment, (*date, *merchants), sink, totals).await;
        }
        Report::Payouts { cutoff, merchant } => {
            for payout in rows::payouts(snapshot, merchant.as_deref(), *cutoff).await? {
                totals.add(&payout.currency, payout.amount.into(), 0);
                sink.row(&payout_cells(&payout))?;
            }
        }
    }
    Ok(Filled::default())
}

/// Everything that the hash of an entry covers, so that the chain can be computed again from the CSV alone; and more, to read.
const JOURNAL: &[Column] = &[
    ("book", Figure),
    ("merchant", Text),
    ("number", Figure),
    ("kind", Text),
    ("kind_id", Figure),
    ("reference", Whole),
    ("fingerprint", Digest),
    ("payment", Text),
    ("acquirer_reference", Text),
    ("merchant_reference", Text),
    ("arn", Text),
    ("rrn", Text),
    ("auth_code", Text),
    ("details", Text),
    ("natural_key", Text),
    ("occurred_at", Text),
    ("recorded_at", Text),
    ("booking_date", Text),
    ("happened_on", Text),
    ("source_id", Figure),
    ("source", Text),
    ("source_line", Figure),
    ("ordinal", Figure),
    ("debit_account", Text),
    ("debit_name", Text),
    ("debit_currency", Text),
    ("debit_dimension", Text),
    ("credit_account", Text),
    ("credit_name", Text),
    ("credit_currency", Text),
    ("credit_dimension", Text),
    ("amount_minor", Figure),
    ("amount", Figure),
    ("exponent", Figure),
    ("currency", Text),
    ("reverses", Figure),
    ("hash", Digest),
];

fn journal_cells(row: &JournalRow) -> Vec<String> {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let mut cells = vec![
        row.book.to_string(),
        text(&row.merchant),
        row.number.to_string(),
        row.kind.clone(),
        row.kind_id.to_string(),
        row.reference.clone(),
        hex(&row.fingerprint),
        text(&row.payment),
        text(&row.acquirer_reference),
        text(&row.merchant_reference),
        text(&row.arn),
        text(&row.rrn),
        text(&row.auth_code),
        text(&row.details),
        text(&row.natural_key),
        instant(row.occurred_at),
        instant(row.recorded_at),
        row.booking_date.to_string(),
        number(row.happened_on),
        row.source_id.to_string(),
        text(&row.source),
        number(row.source_line),
    ];
    match &row.transfer {
        Some(moved) => cells.extend([
            moved.ordinal.to_string(),
            moved.debit.code.to_string(),
            moved.debit.name.clone(),
            moved.debit.currency.clone(),
            moved.debit.dimension.clone(),
            moved.credit.code.to_string(),
            moved.credit.name.clone(),
            moved.credit.currency.clone(),
            moved.credit.dimension.clone(),
            moved.amount.to_string(),
            wide_decimal_text(moved.amount.into(), moved.exponent),
            moved.exponent.to_string(),
            moved.debit.currency.clone(),
        ]),
        None => cells.extend(std::iter::repeat_n(String::new(), 13)),
    }
    cells.extend([number(row.reverses), hex(&row.hash)]);
    cells
}

const BREAKS_AGING: &[Column] = &[
    ("class", Text),
    ("acquirer", Text),
    ("business_days", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("breaks", Figure),
    ("at_stake_minor", Figure),
    ("suspense_minor", Figure),
    ("at_stake", Figure),
    ("suspense", Figure),
];

/// The calendar that is named, else the desk's.
pub(super) fn calendar_of<'d>(deployment: &'d Deployment, named: Option<&str>) -> Result<&'d Calendar, Failure> {
    let desks = deployment.latest().and_then(|settings| settings.desk.calendar.as_ref());
    let name = named.or(desks.map(|calendar| calendar.name.as_str())).ok_or_else(|| {
        Failure::new("whose business days count is not said")
            .hint("name a calendar with --calendar, or in the settings: calendar under [desk]")
    })?;
    let calendar = deployment.calendar(name).map(|calendar| &**calendar);
    calendar.ok_or_else(|| {
        let shown = shorten(name, NAME_SHOWN);
        Failure::new(format!("`{shown}` is not a calendar")).hint("`acquit calendar list` shows those that there are")
    })
}

/// One row a class, acquirer, bucket and currency.
fn breaks_aging<W: Write>(
    rows: &[AgingRow],
    calendar: &Calendar,
    day: NaiveDate,
    sink: &mut Sink<W>,
    totals: &mut Totals,
) -> Result<(), Failure> {
    type Key<'r> = (&'r str, &'r str, Bucket, &'r str);
    let mut sums: BTreeMap<Key<'_>, (i64, i128, i128)> = BTreeMap::new();
    for row in rows {
        let age = BusinessDays(&[calendar])
            .between(row.awaited_on, day)
            .map_err(|error| {
                let hint = error.hint();
                Failure::new(error).hint(hint)
            })?;
        let currency = row.currency.as_deref().unwrap_or_default();
        let sum = sums
            .entry((&row.class, &row.acquirer, Bucket::of(age), currency))
            .or_default();
        sum.0 = sum.0.saturating_add(row.breaks);
        sum.1 = sum.1.saturating_add(row.stake);
        sum.2 = sum.2.saturating_add(row.suspense);
    }
    for ((class, acquirer, bucket, code), (breaks, stake, suspense)) in sums {
        let exponent = Currency::parse(code).ok().map(Currency::exponent);
        let decimal = |minor: i128| exponent.map_or_else(String::new, |exponent| wide_decimal_text(minor, exponent));
        if exponent.is_some() {
            totals.add(code, stake, suspense);
        }
        sink.row(&[
            class.to_owned(),
            acquirer.to_owned(),
            bucket.name.to_owned(),
            code.to_owned(),
            number(exponent),
            breaks.to_string(),
            stake.to_string(),
            suspense.to_string(),
            decimal(stake),
            decimal(suspense),
        ])?;
    }
    Ok(())
}

/// RFC 3339 in UTC, with microseconds.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn number<T: ToString>(number: Option<T>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

const RECONCILIATION: &[Column] = &[
    ("file", Text),
    ("digest", Digest),
    ("section", Text),
    ("batch", Text),
    ("record_type", Text),
    ("outcome", Text),
    ("lines", Figure),
    ("gross_currency", Text),
    ("gross_exponent", Figure),
    ("gross_minor", Figure),
    ("gross", Figure),
    ("net_currency", Text),
    ("net_exponent", Figure),
    ("costs_minor", Figure),
    ("costs", Figure),
    ("reserve_minor", Figure),
    ("reserve", Figure),
    ("net_minor", Figure),
    ("net", Figure),
];

/// A sum in a currency, where there is one.
type Sum<'a> = Option<(&'a str, i128)>;

/// Costs, what is withheld as reserve, and net, in their currency, where there are any.
type Nets<'a> = Option<(&'a str, [i128; 3])>;

/// Sections: `line` (lines by batch, record type, outcome), `batch` (their sums; net is zero with the payout row), `break`
/// (breaks by class, the sum of actual less expected under gross), `file` (by net currency, what is matched, matched with a
/// break, in suspense and of the batch, and all of these; at last all lines, and whether each has one outcome).
async fn reconciliation<W: Write>(
    snapshot: &mut Snapshot,
    file: Option<&str>,
    sink: &mut Sink<W>,
    totals: &mut Totals,
) -> Result<String, Failure> {
    let files = rows::files(snapshot, file).await?;
    let mut note = String::new();
    for file in &files {
        let lines = rows::reconciliation(snapshot, file.source).await?;
        for row in &lines {
            totals.add(&row.net_currency, row.received, row.deducted);
            let gross = row.gross_currency.as_deref().map(|currency| (currency, row.gross));
            let words = ["line", &row.batch, &row.record_type, &outcome(row)];
            sink.row(&reconciliation_cells(
                file,
                words,
                row.lines,
                gross,
                Some((&row.net_currency, [row.costs, row.reserve, row.net])),
            )?)?;
        }
        batches(file, &lines, sink)?;
        for row in rows::breaks(snapshot, file.source).await? {
            let BreakRow {
                class,
                state,
                currency,
                breaks,
                difference,
            } = &row;
            let words = ["break", "", "", &format!("{class} {state}")];
            let difference: Sum<'_> = currency.as_deref().map(|currency| (currency, *difference));
            sink.row(&reconciliation_cells(file, words, *breaks, difference, None)?)?;
        }
        let outcomes = by_what_became(&lines);
        for (words, currency, sums) in &outcomes {
            let words = ["file", "", "", words];
            let net = Some((*currency, [sums.costs, sums.reserve, sums.net]));
            sink.row(&reconciliation_cells(file, words, sums.lines, sums.gross(), net)?)?;
        }
        let count = |of: fn(&ReconciliationRow) -> bool| {
            let counted = lines.iter().filter(|row| of(row)).map(|row| row.lines);
            counted.fold(0_i64, i64::saturating_add)
        };
        let matched = count(|row| row.pass.is_some());
        let batch_rows = count(|row| Became::of(row) == Became::OfBatch);
        let suspended = count(|row| Became::of(row) == Became::Suspended);
        let all = count(|_| true);
        let rest = count(|row| Became::of(row) == Became::NotBooked);
        let booked = file.state == "booked";
        let adds_up = match (booked, rest) {
            (false, _) => "nothing booked",
            (true, 0) => "all accounted for",
            (true, _) => "NOT ALL ACCOUNTED FOR",
        };
        let words = ["file", "", "", &format!("{} {adds_up}", file.state)];
        sink.row(&reconciliation_cells(file, words, all, None, None)?)?;
        if booked {
            note.push_str(&format!(
                "; {}: {all} lines = {matched} matched + {suspended} suspended + {batch_rows} batch rows",
                file.name
            ));
        } else {
            note.push_str(&format!("; {}: {all} lines, {}, nothing booked", file.name, file.state));
        }
        if booked && rest != 0 {
            note.push_str(&format!(" + {rest} UNACCOUNTED FOR"));
        }
    }
    Ok(note)
}

fn outcome(row: &ReconciliationRow) -> String {
    match (row.pass, row.breaks.as_deref(), row.is_batch_row) {
        (Some(pass), None, _) => format!("matched by pass {pass}"),
        (Some(pass), Some(breaks), _) => format!("matched by pass {pass}, {breaks}"),
        (None, Some(breaks), _) => breaks.to_owned(),
        (None, None, true) => "batch row".to_owned(),
        (None, None, false) => "not booked".to_owned(),
    }
}

/// What became of a line, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Became {
    Matched,
    MatchedWithBreak,
    Suspended,
    OfBatch,
    NotBooked,
}

impl Became {
    fn of(row: &ReconciliationRow) -> Self {
        match (row.pass.is_some(), row.breaks.is_some(), row.is_batch_row) {
            (true, false, _) => Self::Matched,
            (true, true, _) => Self::MatchedWithBreak,
            (false, _, true) => Self::OfBatch,
            (false, true, false) => Self::Suspended,
            (false, false, false) => Self::NotBooked,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::MatchedWithBreak => "matched with a break",
            Self::Suspended => "in suspense",
            Self::OfBatch => "of the batch",
            Self::NotBooked => "not booked",
        }
    }
}

/// Lines added up, of one net currency.
#[derive(Default)]
struct LineSums<'a> {
    lines: i64,
    /// None before the first line that has a gross.
    gross: Option<(&'a str, i128)>,
    /// The lines are of two currencies.
    mixed: bool,
    costs: i128,
    reserve: i128,
    net: i128,
}

impl<'a> LineSums<'a> {
    fn add(&mut self, row: &'a ReconciliationRow) {
        self.lines = self.lines.saturating_add(row.lines);
        self.costs = self.costs.saturating_add(row.costs);
        self.reserve = self.reserve.saturating_add(row.reserve);
        self.net = self.net.saturating_add(row.net);
        if let Some(currency) = row.gross_currency.as_deref() {
            let (known, gross) = self.gross.unwrap_or((currency, 0));
            self.mixed |= known != currency;
            self.gross = Some((known, gross.saturating_add(row.gross)));
        }
    }

    fn gross(&self) -> Sum<'a> {
        self.gross.filter(|_| !self.mixed)
    }
}

/// The lines of a file by net currency and outcome, after the outcomes of each currency all of them.
fn by_what_became(lines: &[ReconciliationRow]) -> Vec<(&'static str, &str, LineSums<'_>)> {
    let mut sums: BTreeMap<&str, BTreeMap<Option<Became>, LineSums<'_>>> = BTreeMap::new();
    for row in lines {
        let of_currency = sums.entry(&row.net_currency).or_default();
        for outcome in [Some(Became::of(row)), None] {
            of_currency.entry(outcome).or_default().add(row);
        }
    }
    let mut found = Vec::new();
    for (currency, mut outcomes) in sums {
        let all = outcomes.remove(&None);
        let each = outcomes
            .into_iter()
            .filter_map(|(outcome, sums)| Some((outcome?.words(), sums)));
        found.extend(
            each.chain(all.map(|sums| ("all", sums)))
                .map(|(words, sums)| (words, currency, sums)),
        );
    }
    found
}

fn batches<W: Write>(file: &FileRow, lines: &[ReconciliationRow], sink: &mut Sink<W>) -> Result<(), Failure> {
    let mut sums: BTreeMap<(&str, &str), LineSums<'_>> = BTreeMap::new();
    for row in lines {
        sums.entry((&row.batch, &row.net_currency)).or_default().add(row);
    }
    for ((batch, currency), sums) in &sums {
        let words = ["batch", batch, "", ""];
        let net = Some((*currency, [sums.costs, sums.reserve, sums.net]));
        sink.row(&reconciliation_cells(file, words, sums.lines, sums.gross(), net)?)?;
    }
    Ok(())
}

fn reconciliation_cells(
    file: &FileRow,
    [section, batch, record_type, outcome]: [&str; 4],
    lines: i64,
    gross: Sum<'_>,
    net: Nets<'_>,
) -> Result<Vec<String>, StoreError> {
    let mut cells: Vec<String> = [&file.name, &file.digest, section, batch, record_type, outcome]
        .iter()
        .map(|word| (*word).to_owned())
        .collect();
    cells.push(lines.to_string());
    match gross {
        Some((currency, gross)) => {
            let exponent = exponent_of(currency)?;
            cells.extend([
                currency.to_owned(),
                exponent.to_string(),
                gross.to_string(),
                wide_decimal_text(gross, exponent),
            ]);
        }
        None => cells.extend(std::iter::repeat_n(String::new(), 4)),
    }
    match net {
        Some((currency, sums)) => {
            let exponent = exponent_of(currency)?;
            cells.extend([currency.to_owned(), exponent.to_string()]);
            for sum in sums {
                cells.extend([sum.to_string(), wide_decimal_text(sum, exponent)]);
            }
        }
        None => cells.extend(std::iter::repeat_n(String::new(), 8)),
    }
    Ok(cells)
}

fn exponent_of(currency: &str) -> Result<u8, StoreError> {
    Currency::parse(currency)
        .map(Currency::exponent)
        .map_err(|error| StoreError::Unreadable(error.to_string()))
}

const PAYOUTS: &[Column] = &[
    ("merchant", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("amount_minor", Figure),
    ("amount", Figure),
    ("fee_minor", Figure),
    ("fee", Figure),
    ("vat_minor", Figure),
    ("vat", Figure),
    ("cutoff", Text),
    ("state", Text),
    ("planned_by", Text),
    ("approved_by", Text),
    ("second_approver", Text),
    ("plan", Digest),
    ("end_to_end_id", Text),
    ("holder", Text),
    ("destination", Whole),
    ("bank", Text),
    ("instruction", Figure),
    ("confirmation", Figure),
    ("returned_on", Text),
    ("return_reason", Text),
    ("return_entry", Figure),
];

fn payout_cells(payout: &PayoutRow) -> Vec<String> {
    vec![
        payout.merchant.clone().unwrap_or_default(),
        payout.currency.clone(),
        payout.exponent.to_string(),
        payout.amount.to_string(),
        wide_decimal_text(payout.amount.into(), payout.exponent),
        payout.fee.to_string(),
        wide_decimal_text(payout.fee.into(), payout.exponent),
        payout.vat.to_string(),
        wide_decimal_text(payout.vat.into(), payout.exponent),
        payout.cutoff.to_string(),
        payout.state.clone(),
        payout.planned_by.clone(),
        payout.approved_by.clone().unwrap_or_default(),
        payout.second_approver.clone().unwrap_or_default(),
        payout.plan.as_deref().map(hex).unwrap_or_default(),
        payout.end_to_end_id.clone(),
        payout.holder.clone(),
        payout.destination.clone(),
        payout.bank.clone(),
        number(payout.instruction),
        number(payout.confirmation),
        payout.returned_on.map(|day| day.to_string()).unwrap_or_default(),
        payout.return_reason.clone().unwrap_or_default(),
        number(payout.return_entry),
    ]
}

const FEES: &[Column] = &[
    ("section", Text),
    ("merchant", Text),
    ("number", Figure),
    ("kind", Text),
    ("booking_date", Text),
    ("payment", Text),
    ("component", Text),
    ("schedule", Text),
    ("version", Text),
    ("period", Text),
    ("vat", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("expected_minor", Figure),
    ("posted_minor", Figure),
    ("difference_minor", Figure),
    ("expected", Figure),
    ("posted", Figure),
    ("difference", Figure),
    ("detail", Text),
];

/// Sections: `differs` (a figure of an entry, or of the table of accruals, that is not what it should be), `agrees` (one that is,
/// where they are asked for), `accrual` (the exact sum as expected, what is posted of it, the remainder as their difference),
/// `total` (by component and currency, over the entries of the span). Only totals count into the manifest:
/// what merchants pay as debits, what they get back as credits.
async fn fees<W: Write>(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    (span, all): (&Span, bool),
    sink: &mut Sink<W>,
    totals: &mut Totals,
) -> Result<Filled, Failure> {
    let mut each = |row: FeeRow| -> Result<(), Failure> {
        let section = if row.line.agrees() { "agrees" } else { "differs" };
        if all || !row.line.agrees() {
            sink.row(&fee_cells(section, &row))?;
        }
        Ok(())
    };
    let FeeSummary {
        entries,
        differences,
        totals: sums,
        accruals,
    } = audit_fees(snapshot, deployment, span, &mut each).await?;
    for accrual in accruals {
        sink.row(&accrual_cells(accrual))?;
    }
    let line = |component, currency, expected, posted| Line {
        component,
        currency: Some(currency),
        expected,
        posted: Some(posted),
        detail: String::new(),
    };
    for ((component, currency), (expected, posted)) in sums {
        let minor = posted.checked_div(whole(1)).unwrap_or(0);
        totals.add(currency.code(), minor.max(0), minor.saturating_neg().max(0));
        let line = line(component, currency, Some(expected), posted);
        sink.row(&fee_cells("total", &without_place(line, None)))?;
    }
    let differ = match differences {
        0 => "all agree".to_owned(),
        count => format!("{} DIFFER", super::counted(count, "figure")),
    };
    let looked_at = match entries {
        1 => "1 entry".to_owned(),
        entries => format!("{entries} entries"),
    };
    Ok(Filled {
        note: format!("; {looked_at} looked at, {differ}"),
        differences,
        ..Filled::default()
    })
}

fn without_place(line: Line, accrual: Option<(String, AccrualKey)>) -> FeeRow {
    let (merchant, accrual) = accrual.unzip();
    FeeRow {
        merchant: merchant.unwrap_or_default(),
        place: None,
        accrual,
        line,
    }
}

fn accrual_cells(AccrualRow { merchant, key, sum }: AccrualRow) -> Vec<String> {
    let line = Line {
        component: key.component.name(),
        currency: Some(key.currency),
        expected: Some(sum.exact),
        posted: Some(whole(sum.posted.into())),
        detail: String::new(),
    };
    fee_cells("accrual", &without_place(line, Some((merchant, key))))
}

fn fee_cells(section: &str, row: &FeeRow) -> Vec<String> {
    let (place, key, line) = (row.place.as_ref(), row.accrual.as_ref(), &row.line);
    let text = |text: Option<String>| text.unwrap_or_default();
    let mut cells = vec![
        section.to_owned(),
        row.merchant.clone(),
        number(place.map(|place| place.number)),
        text(place.map(|place| place.kind.name().to_owned())),
        number(place.map(|place| place.booking_date)),
        text(place.and_then(|place| place.payment.clone())),
        line.component.to_owned(),
        text(key.map(|key| key.schedule.as_ref().to_owned())),
        number(key.map(|key| key.version)),
        number(key.map(|key| key.period)),
        number(key.map(|key| key.vat)),
        number(line.currency),
        number(line.currency.map(Currency::exponent)),
    ];
    let expected_and_posted = line.expected.zip(line.posted);
    let difference = expected_and_posted.map(|(expected, posted)| match section {
        "accrual" => expected.saturating_sub(posted),
        _ => posted.saturating_sub(expected),
    });
    let figures = [line.expected, line.posted, difference];
    let exponent = line.currency.map_or(0, Currency::exponent);
    for exponent in [0, exponent] {
        cells.extend(figures.map(|figure| text(figure.map(|parts| parts_text(parts, exponent)))));
    }
    cells.push(line.detail.clone());
    cells
}

/// Parts of a minor unit as a decimal with all decimals of the exponent, and as many more as it takes.
fn parts_text(parts: i128, exponent: u8) -> String {
    let mut decimal = wide_decimal_text(parts, exponent.saturating_add(10));
    let least = decimal.len().saturating_sub(10);
    while decimal.len() > least && decimal.ends_with('0') {
        decimal.pop();
    }
    if decimal.ends_with('.') {
        decimal.pop();
    }
    decimal
}
