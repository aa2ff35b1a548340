//! Bank statements: taken in, proven, matched with what is awaited, and booked. One transaction a file, whole or not at all.
//!
//! 1. Lock the payouts, then the acquirers by id, the bank's own row among them: no payout is confirmed, no file undone and no
//!    break resolved meanwhile, and one file of statements is taken in at a time.
//! 2. Intake (`intake`): stream the entries into `bank_entry`. A file that cannot be read, or claims what is not so, is kept in
//!    quarantine; one with a statement of an account that is not the house's is refused.
//! 3. Each statement begins with what the one before it ended with (`sequence`). What repeats a booked one books nothing; what
//!    overlaps one is refused; where one is missing, that is a break.
//! 4. What is in suspense since earlier statements is matched with what has come since (`suspended`).
//! 5. Payouts that it names, one by one or as a batch, are confirmed, or come back (`payouts`): with the code of `payout confirm`
//!    and `payout return`.
//! 6. What is awaited is decided by [`crate::bank::receipts`]; every entry of the statement becomes an entry of the house's book
//!    (`posting`), unless the books have it on 1010 already.
//! 7. What is awaited and has not come in time is a break, and such a break ends when it has.
//!
//! Each part of an entry is a row of `bank_match`, so no line is lost: an audit adds them up. A plan is the same transaction,
//! rolled back. In memory: of each booked entry its amounts, days and names, without its text.

mod intake;
mod lists;
mod payouts;
mod posting;
mod sequence;
mod suspended;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

pub use self::intake::Stated;
pub use self::lists::{KnownEntry, KnownFile};
use super::breaks::DeskError;
use super::payout::PayoutError;
use super::reconcile::intake::digest_of;
use super::settings::Deployment;
use super::source::{SourceKind, source_again, source_of, tag};
use super::{Retriable, Store, StoreError, Tx};
use crate::bank::Reject;
use crate::bank::format::Format;
use crate::delimited::FileError;
use crate::ids::{AcquirerId, SourceId};
use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Money};
use crate::recon::breaks::BreakClass;
use crate::settings::Purpose;

/// How many rejects of a file are kept; all are counted.
pub const REJECT_LIMIT: usize = 10_000;

/// A file of bank statements and its digest.
#[derive(Debug, Clone)]
pub struct StatementFile {
    path: PathBuf,
    name: String,
    digest: [u8; 32],
    format: Option<Format>,
}

impl StatementFile {
    /// Reads a file once, for its digest.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            path: path.to_owned(),
            name: crate::card_number::mask(&name).into_owned(),
            digest: digest_of(path)?,
            format: None,
        })
    }

    /// The same, to be read in this format whatever it looks like.
    #[must_use]
    pub fn in_format(self, format: Option<Format>) -> Self {
        Self { format, ..self }
    }

    /// Its name without folders, card numbers masked.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The file.
    pub file: &'a StatementFile,
    /// The number of the account that it must be of, where only one will do.
    pub account: Option<&'a str>,
    /// The day on which it is: nothing is booked of a statement that is about what has not come.
    pub today: NaiveDate,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Booked (or, in a plan, would be).
    Booked,
    /// The same content was booked before, under this name; nothing was done.
    AlreadyBooked(String),
    /// Nothing was posted: it cannot be read, or claims what is not so.
    Quarantined(String),
}

/// What parts of entries came to: their kind, how many, and their sum by currency.
pub type Parts = BTreeMap<(String, String), (i64, Money)>;

/// What loading a file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What became of it.
    pub outcome: Outcome,
    /// The name of its format.
    pub format: String,
    /// Its statements; of a file in quarantine none.
    pub statements: Vec<Statement>,
    /// How many entries it has.
    pub entries: i32,
    /// How many places of it cannot be read.
    pub rejects: i64,
    /// The first [`REJECT_LIMIT`] of them.
    pub rejected: Vec<Reject>,
    /// What its entries came to.
    pub parts: Parts,
    /// Breaks that it showed, by class.
    pub breaks: Vec<(BreakClass, i64)>,
}

/// A statement that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// booked, repeated or information.
    pub state: String,
    /// The account.
    pub account: String,
    /// The bank's id of it.
    pub id: String,
    /// The first and last day that it is about.
    pub days: (NaiveDate, NaiveDate),
    /// What it begins and ends with.
    pub balances: Option<(Money, Money)>,
    /// How many entries it has.
    pub entries: i32,
}

/// Why a file was not taken in. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file is not what it should be.
    #[error("{name} cannot be read as a bank statement")]
    File {
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        error: FileError,
    },
    /// There are no settings at all.
    #[error("no settings were ever applied")]
    NoSettings,
    /// An account that is not ours, or not the one that was asked for.
    #[error("{name}: line {line}: account {account} in {currency} is {why}")]
    OtherAccount {
        /// The file.
        name: String,
        /// Where the statement begins.
        line: u64,
        /// Its account.
        account: String,
        /// Its currency.
        currency: String,
        /// Why it is refused.
        why: &'static str,
    },
    /// It states what is stated already, and something else.
    #[error(
        "{name}: line {line}: the statement of {account} from {from} to {until} does not follow what is booked: {why}"
    )]
    Overlaps {
        /// The file.
        name: String,
        /// Where the statement begins.
        line: u64,
        /// Its account.
        account: String,
        /// Its first day.
        from: NaiveDate,
        /// Its last.
        until: NaiveDate,
        /// What does not fit.
        why: String,
    },
    /// It was written to while it was read.
    #[error("{0} changed while it was read")]
    Changed(String),
    /// An amount beyond 64-bit minor units.
    #[error("the amounts of the statements cannot be booked")]
    Amount(#[from] AmountError),
    /// A payout that it confirms or returns cannot be.
    #[error("a payout that it names cannot be booked")]
    Payout(#[from] PayoutError),
    /// What is in suspense cannot be matched.
    #[error("receipts in suspense cannot be matched with what has come since")]
    Suspended(#[from] DeskError),
    /// No such file.
    #[error("no file of bank statements has the name {0}, or a digest that begins so")]
    Unknown(String),
}

impl Retriable for BankError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::Payout(error) => error.is_retriable(),
            Self::Suspended(error) => error.is_retriable(),
            Self::File { .. }
            | Self::NoSettings
            | Self::OtherAccount { .. }
            | Self::Overlaps { .. }
            | Self::Changed(_)
            | Self::Unknown(_)
            | Self::Amount(_) => false,
        }
    }
}

/// One file while it is loaded.
struct Run<'a> {
    deployment: &'a Deployment,
    name: &'a str,
    /// What its entries name it by.
    tag: String,
    source: SourceId,
    /// The name of our bank account: the dimension of 1010, and of suspense that is no acquirer's.
    bank: std::sync::Arc<str>,
    /// The row that stands for it among acquirers.
    bank_id: AcquirerId,
}

/// What an account of the house is in the books.
pub(super) fn code_of(purpose: Purpose) -> AccountCode {
    match purpose {
        Purpose::Settlement => AccountCode::BankSettlement,
        Purpose::Operating => AccountCode::BankOperating,
        Purpose::External => AccountCode::BankExternal,
    }
}

impl Store {
    /// Shows what [`Store::load_statements`] would do, and does nothing.
    pub async fn plan_statements(&self, deployment: &Deployment, request: &Request<'_>) -> Result<Loaded, BankError> {
        self.rehearse(async |tx: &mut Tx| load(tx, deployment, request, Known::Again).await)
            .await
    }

    /// Takes a file of bank statements in, matches it, books it, and finds what is missing. Loading it again changes nothing,
    /// unless it is in quarantine and could be booked by what the settings say now.
    pub async fn load_statements(&self, deployment: &Deployment, request: &Request<'_>) -> Result<Loaded, BankError> {
        let loaded = self
            .transact(async |tx: &mut Tx| load(tx, deployment, request, Known::AsItStands).await)
            .await?;
        if !matches!(loaded.outcome, Outcome::Quarantined(_)) {
            return Ok(loaded);
        }
        let now = self.plan_statements(deployment, request).await?;
        if matches!(now.outcome, Outcome::Quarantined(_)) {
            return Ok(loaded);
        }
        self.transact(async |tx: &mut Tx| load(tx, deployment, request, Known::Again).await)
            .await
    }
}

/// What is done with a file that is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It is told how it stands.
    AsItStands,
    /// It is read again.
    Again,
}

async fn load(tx: &mut Tx, deployment: &Deployment, request: &Request<'_>, known: Known) -> Result<Loaded, BankError> {
    let file = request.file;
    let latest = deployment.latest().ok_or(BankError::NoSettings)?;
    let bank = latest.house.bank_account.clone();
    super::payout::lock(tx).await?;
    let bank_id = keep(tx, &bank).await?;
    let mut source = source_of(tx, SourceKind::Bank, &file.name, &file.digest).await?;
    if !source.new {
        let stands = lists::loaded(tx, source.id, Some(source.name.clone())).await?;
        match (&stands.outcome, known) {
            (Outcome::Quarantined(_), Known::Again) => {
                source = source_again(tx, &source, SourceKind::Bank, &file.name, &file.digest).await?;
            }
            (Outcome::Quarantined(_) | Outcome::Booked | Outcome::AlreadyBooked(_), _) => return Ok(stands),
        }
    }
    suspended::settle(tx, deployment).await?;
    let mut taken = intake::take_in(tx, file, source.id, &latest.house, request.account).await?;
    if let Some(reason) = taken.quarantine_reason(request.today) {
        taken.keep(tx, source.id, Some(&reason)).await?;
        return lists::loaded(tx, source.id, None).await;
    }
    let run = Run {
        deployment,
        name: &file.name,
        tag: tag(&file.digest, source.run),
        source: source.id,
        bank,
        bank_id,
    };
    sequence::keep(tx, &run, &mut taken).await?;
    taken.keep(tx, source.id, None).await?;
    posting::post(tx, &run, &taken).await?;
    lists::loaded(tx, source.id, None).await
}

/// Locks all acquirers by id, and the row that stands for our bank among them, which is made where it is new.
async fn keep(tx: &mut Tx, bank: &str) -> Result<AcquirerId, StoreError> {
    tx.execute(
        include_str!("../../../schema/queries/acquirers_create.sql"),
        &[&[bank].as_slice()],
    )
    .await?;
    let rows = tx
        .query(include_str!("../../../schema/queries/bank_lock.sql"), &[])
        .await?;
    for row in &rows {
        if row.try_get::<_, &str>("name")? == bank {
            return Ok(AcquirerId(row.try_get("id")?));
        }
    }
    Err(StoreError::Unreadable(format!("no row for the bank account {bank}")))
}
