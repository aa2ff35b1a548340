//! `acquit bank`: bank statements against what is awaited.

mod receipts;

use std::path::PathBuf;
use std::process::ExitCode;

use super::output::{Format, Kind, Listing};
use super::{Failure, Globals, Outcome, counted, plan_or, stored};
use crate::bank::format::Format as FileFormat;
use crate::store::bank::{BankError, KnownEntry, KnownFile, Loaded, Outcome as Became, Request, StatementFile};
use crate::store::breaks::DeskError;

/// What to do with bank statements.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Take a file of bank statements in: prove it, match what it tells of, book it, name every break once.
    ///
    /// Reads camt.053, MT940 and BAI2, plain or packed; the format is told by how the file begins. All balances, counts and sums
    /// that a statement claims are proven before anything is booked, and it begins with what the one before it ended with: where
    /// one is missing between, that is a break; where it states what is booked already, it is refused, or, when it says the same,
    /// books nothing. A statement of an account that is not the house's ([[house.account]] of the settings) is refused. A file
    /// that cannot be read, or is not what it claims, is quarantined whole. camt.052 and camt.054 are kept for information: what
    /// they tell of is booked by the statement of the day.
    ///
    /// A credit pays the settlement batch that its texts name, else that of its amount awaited within two weekdays: one
    /// credit several batches, several credits one, and never where more than one thing fits. Payouts are confirmed, or come
    /// back, by their end-to-end ids. Charges and interest are booked as such. What nobody knows is in suspense, with a break; when
    /// the file of its batch comes later, it is matched then.
    /// Without --execute nothing is written: the same work is done and rolled back. Loading a file again changes nothing.
    ///
    /// Exit code: 0 booked without breaks, 2 booked and breaks found, 1 nothing booked.
    Load {
        /// The file.
        file: PathBuf,
        /// The number of the account that every statement must be of. Default: any of the house.
        #[arg(long, value_name = "NUMBER")]
        account: Option<String>,
        /// Its format, where its beginning does not tell: camt, mt940 or bai2.
        #[arg(long, value_name = "FORMAT", value_parser = ["camt", "mt940", "bai2"])]
        file_format: Option<String>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// Say which batches a receipt in suspense pays, or which payouts it is.
    ///
    /// The receipt is named by its break (UNIDENTIFIED_RECEIPT); it leaves suspense whole, for the batches that are named: each
    /// gets what it awaits, or as much as is said, and no more. Together that has to be the receipt. Above `match_alone` of the
    /// settings somebody else approves it, as with any resolution: `acquit breaks approve DIGEST`. Breaks of missing receipts that
    /// it pays end.
    ///
    /// A debit may be payouts that somebody confirmed, and a credit payouts that came back, after the statement had brought it:
    /// what is exactly one of them, or all of a day, is found by itself; what is not is named here as payout:ID, with --charge for
    /// what the bank took beside them. The books have these already, so nobody approves that.
    ///
    /// The same again does nothing. Without --execute only the plan is shown.
    ///
    /// Example: acquit bank match 17 adyen:71 adyen:72=50.00 --by bob --evidence "their mail of today: both in one"
    ///
    /// Example: acquit bank match 18 payout:ACQ-4-USD-20260302 --charge 1.50 --by bob --evidence "advice of the bank"
    Match(receipts::MatchArgs),
    /// Take a receipt back from the batches that it was given to, by people or by its name or amount: into suspense.
    ///
    /// The entries are reversed, its break is open again, and what it paid is awaited again. From then on it is left to people: no
    /// rule matches it again. A break of a difference that somebody resolved stands in the way. Without --execute only the plan is
    /// shown.
    ///
    /// Example: acquit bank unmatch 17 --by ann --reason "71 was paid by another credit" --execute
    Unmatch(receipts::UnmatchArgs),
    /// List bank statements, and files in quarantine, in the order in which they were taken in.
    List {
        /// List only those of this account.
        #[arg(long, value_name = "NUMBER")]
        account: Option<String>,
    },
    /// Show the entries of a file of statements, and what each came to.
    Show {
        /// Its name, or the beginning of its digest.
        file: String,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Load {
            file,
            account,
            file_format,
            execute,
        } => {
            let format = file_format.as_deref().and_then(FileFormat::parse);
            let name = super::shown(&file);
            let file = StatementFile::open(&file)
                .map_err(|error| Failure::because(format!("{name} cannot be read"), error))?
                .in_format(format);
            let account = account.as_deref();
            load(&file, account, execute, globals).await
        }
        Command::Match(args) => receipts::give(args, globals).await,
        Command::Unmatch(args) => receipts::take_back(args, globals).await,
        Command::List { account } => {
            let store = globals.store().await?;
            let files = store.bank_statements(account.as_deref(), None).await.map_err(stored)?;
            listing(counted(files.len(), "bank statement"), &files).print(globals.format)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { file } => {
            let store = globals.store().await?;
            let (files, entries) = store.bank_entries(&file).await.map_err(failed)?;
            if globals.format == Format::Table {
                listing(counted(files.len(), "bank statement"), &files).print(globals.format)?;
            }
            shown(&entries).print(globals.format)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn load(file: &StatementFile, account: Option<&str>, execute: bool, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let today = super::today(&deployment);
    let request = &Request { file, account, today };
    let loaded = if execute {
        store.load_statements(&deployment, request).await
    } else {
        store.plan_statements(&deployment, request).await
    };
    let loaded = loaded.map_err(failed)?;
    print(&loaded, request.file.name(), execute, globals.format)?;
    Ok(match loaded.outcome {
        Became::Quarantined(_) => ExitCode::FAILURE,
        Became::Booked | Became::AlreadyBooked(_) if loaded.breaks.is_empty() => ExitCode::SUCCESS,
        Became::Booked | Became::AlreadyBooked(_) => ExitCode::from(2),
    })
}

fn print(loaded: &Loaded, name: &str, execute: bool, format: Format) -> Result<(), Failure> {
    if format == Format::Table {
        let what = match &loaded.outcome {
            Became::Booked => plan_or("booked", execute),
            Became::AlreadyBooked(first) if first == name => "booked by an earlier run, nothing was done".to_owned(),
            Became::AlreadyBooked(first) => format!("booked before as {first}, nothing was done"),
            Became::Quarantined(reason) => format!("quarantined, nothing was posted: {reason}"),
        };
        println!("{name}: {what}");
        println!(
            "{}, {}, {}, {}",
            loaded.format,
            counted(loaded.statements.len(), "statement"),
            match loaded.entries {
                1 => "1 entry".to_owned(),
                count => format!("{count} entries"),
            },
            counted(loaded.rejects, "reject")
        );
        for reject in loaded.rejected.iter().take(SHOWN) {
            println!("  line {}, {}: {}", reject.line, reject.place, reject.reason);
        }
        for statement in loaded.statements.iter().filter(|statement| statement.state != "booked") {
            let (account, until) = (&statement.account, statement.days.1);
            println!(
                "  the statement of {account} of {until} books nothing: {}",
                statement.state
            );
        }
    }
    let columns = [
        ("what", Kind::Text),
        ("count", Kind::Figure),
        ("amount", Kind::Figure),
        ("currency", Kind::Text),
    ];
    let mut listing = Listing::new("", &columns);
    for ((kind, currency), (count, money)) in &loaded.parts {
        let amount = money.to_decimal_text();
        listing.row(vec![kind.clone(), count.to_string(), amount, currency.clone()]);
    }
    for (class, count) in &loaded.breaks {
        listing.row(vec![class.to_string(), count.to_string(), String::new(), String::new()]);
    }
    Ok(listing.print(format)?)
}

/// How many rejects are shown.
const SHOWN: usize = 20;

fn listing(title: String, files: &[KnownFile]) -> Listing {
    let columns = [
        ("file", Kind::Text),
        ("digest", Kind::Digest),
        ("state", Kind::Text),
        ("format", Kind::Text),
        ("account", Kind::Text),
        ("statement", Kind::Text),
        ("from", Kind::Text),
        ("until", Kind::Text),
        ("opening", Kind::Figure),
        ("closing", Kind::Figure),
        ("currency", Kind::Text),
        ("entries", Kind::Figure),
        ("reason", Kind::Text),
    ];
    let mut listing = Listing::new(title, &columns);
    for file in files {
        let statement = file.statement.as_ref();
        let balances = statement.and_then(|statement| statement.balances);
        let day = |of: fn(&(chrono::NaiveDate, chrono::NaiveDate)) -> chrono::NaiveDate| {
            statement.map_or_else(String::new, |statement| of(&statement.days).to_string())
        };
        listing.row(vec![
            file.name.clone(),
            file.digest.get(..16).unwrap_or_default().to_owned(),
            file.state.clone(),
            file.format.clone(),
            statement.map_or_else(String::new, |statement| statement.account.clone()),
            statement.map_or_else(String::new, |statement| statement.id.clone()),
            day(|days| days.0),
            day(|days| days.1),
            balances.map_or_else(String::new, |(opening, _)| opening.to_decimal_text()),
            balances.map_or_else(String::new, |(_, closing)| closing.to_decimal_text()),
            balances.map_or_else(String::new, |(_, closing)| closing.currency().to_string()),
            file.entries.to_string(),
            file.reason.clone().unwrap_or_default(),
        ]);
    }
    listing
}

fn shown(entries: &[KnownEntry]) -> Listing {
    let columns = [
        ("line", Kind::Whole),
        ("status", Kind::Text),
        ("booked_on", Kind::Text),
        ("value_on", Kind::Text),
        ("amount", Kind::Figure),
        ("bank_reference", Kind::Text),
        ("counterparty", Kind::Text),
        ("text", Kind::Text),
        ("came_to", Kind::Text),
        ("part", Kind::Figure),
        ("acquirer", Kind::Text),
        ("batch", Kind::Text),
        ("settled", Kind::Figure),
        ("merchant", Kind::Text),
        ("entry", Kind::Text),
    ];
    let mut listing = Listing::new(counted(entries.len(), "row"), &columns);
    for entry in entries {
        let day = |day: Option<chrono::NaiveDate>| day.map_or_else(String::new, |day| day.to_string());
        let (acquirer, batch, settled) = entry.pays.clone().unwrap_or_default();
        listing.row(vec![
            entry.line.to_string(),
            entry.status.clone(),
            day(entry.booked_on),
            day(entry.value_on),
            entry.amount.clone(),
            entry.bank_reference.clone().unwrap_or_default(),
            entry.counterparty.clone().unwrap_or_default(),
            entry.text.clone().unwrap_or_default(),
            entry.kind.clone(),
            entry.part.clone(),
            acquirer,
            batch,
            settled,
            entry.merchant.clone().unwrap_or_default(),
            entry.reference.clone().unwrap_or_default(),
        ]);
    }
    listing
}

fn failed(error: BankError) -> Failure {
    let hint = match &error {
        BankError::Store(error) => error.hint(),
        BankError::NoSettings => Some("apply settings, with the accounts of the house, by `acquit settings apply`"),
        BankError::OtherAccount { .. } => Some(
            "name the account in the settings, [[house.account]], if the house settles or keeps merchants' money there",
        ),
        BankError::Overlaps { .. } => Some("`acquit bank list` shows the statements that are booked"),
        BankError::Changed(_) => Some("wait until it is complete, then run the command again"),
        BankError::Unknown(_) => Some("`acquit bank list` shows the files that there are"),
        BankError::Suspended(DeskError::Store(error)) => error.hint(),
        BankError::File { .. } | BankError::Amount(_) | BankError::Payout(_) | BankError::Suspended(_) => None,
    };
    Failure::new(error).maybe_hint(hint)
}
