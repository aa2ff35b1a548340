//! Payouts in the database: plan, approve, instruct, and what became of them. One command at a time, each in one transaction.

mod approve;
mod circumstances;
mod instruct;
mod outcome;

use std::path::PathBuf;

use chrono::NaiveDate;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

pub use self::approve::Run;
use self::circumstances::Circumstances;
pub use self::instruct::Instruct;
pub use self::outcome::{Return, ReturnedPayout, Sent};
pub(super) use self::outcome::{come_back, confirm_known};
use super::settings::Deployment;
use super::{Retriable, Store, StoreError, Tx};
use crate::calendar::NotCovered;
use crate::ids::{BookId, EntryNumber, OWN, SourceId};
use crate::ledger::account::AccountCode;
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::{AmountError, Currency, Money};
use crate::payment::fees::FeeError;
use crate::payout::amount::{Cancellation, Choice, Due, Obstacle, Payable, choose, end_to_end_id};
use crate::payout::approval::NotApproved;
use crate::payout::instruction::InstructionError;

/// A payout as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// Its row.
    pub id: i64,
    /// The merchant's book.
    pub book: BookId,
    /// The merchant.
    pub merchant: String,
    /// How much the merchant receives.
    pub money: Money,
    /// What it is charged for that, beside it.
    pub fee: Money,
    /// The VAT of the fee.
    pub vat: Money,
    /// Its cut-off.
    pub cutoff: NaiveDate,
    /// planned, approved, instructed, sent, unknown, confirmed, returned or cancelled.
    pub state: String,
    /// Our id of it at every bank.
    pub end_to_end_id: String,
    /// Whose account, which account, which bank.
    pub destination: (String, String, String),
    /// Who planned it.
    pub planned_by: String,
    /// The run that it was approved with.
    pub run: Option<i64>,
    /// Who approved it, in the order in which they did.
    pub approved_by: Vec<String>,
    /// The entry that instructed it.
    pub instruction: Option<EntryNumber>,
    /// The entry that confirmed it.
    pub confirmation: Option<EntryNumber>,
    /// The bank file that instructs it.
    pub file: Option<SourceId>,
    /// Since when, and why, nobody knew what became of it.
    pub unknown: Option<(NaiveDate, String)>,
    /// When and why it came back.
    pub returned: Option<(NaiveDate, String)>,
}

/// Money that stays with us at a cut-off, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// What could be paid.
    pub payable: Payable,
    /// Why it is not.
    pub reason: String,
}

/// What planning came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Every payout of the cut-off, those of earlier runs included.
    pub payouts: Vec<Payout>,
    /// What is carried forward.
    pub carried: Vec<Carried>,
    /// What of the payouts waits for approvals, or is approved by being planned.
    pub run: Option<Run>,
}

/// A payout that was approved and is not sent, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// Which.
    pub payout: Payout,
    /// Why.
    pub reason: Cancellation,
}

/// An approved payout that the format of a bank file does not take, and why. It stays approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which.
    pub payout: Payout,
    /// What the format does not take.
    pub reason: String,
}

/// What instructing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instructed {
    /// The payouts that were (or, in a plan, would be) posted.
    pub posted: Vec<Payout>,
    /// Those cancelled instead; their money stays available.
    pub cancelled: Vec<Cancelled>,
    /// Those that wait for another format.
    pub left_out: Vec<LeftOut>,
    /// Bank files written just now.
    pub files: Vec<PathBuf>,
    /// Bank files that were written before, were not sent and are not in the directory: written again just now, where that was
    /// asked for.
    pub lost: Vec<PathBuf>,
    /// The bank files of the cut-off that were there before, by name, and whether they had been written.
    pub earlier: Vec<(String, bool)>,
}

/// Why a payout command did nothing.
#[derive(Debug, thiserror::Error)]
pub enum PayoutError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fee cannot be computed.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// An amount cannot be computed.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// No settings govern the cut-off, or the day of booking.
    #[error("no settings are in force on {0}")]
    NoSettings(NaiveDate),
    /// Somebody may not approve.
    #[error(transparent)]
    NotApproved(#[from] NotApproved),
    /// Something else is planned than what was to be approved.
    #[error("what is planned is another plan by now: {0}")]
    OtherPlan(String),
    /// What was approved of a run is not what its payouts are.
    #[error("plan {0} was approved, and its payouts are others by now; nothing was posted")]
    NotAsApproved(String),
    /// Nothing is planned.
    #[error("no payout is planned for cut-off {0}")]
    NothingPlanned(NaiveDate),
    /// Nobody instructed it, or it has come to its end.
    #[error("payout {end_to_end_id} is {state}, and not on its way")]
    NotOnItsWay {
        /// Which.
        end_to_end_id: String,
        /// Its state.
        state: String,
    },
    /// A file that we did not write, or that was changed.
    #[error("no bank file has this content, byte for byte")]
    NoBankFile,
    /// An id of another cut-off, or of none.
    #[error("no payout of cut-off {1} has the end-to-end id {0}")]
    NotOfCutoff(String, NaiveDate),
    /// An end before the beginning.
    #[error("payout {end_to_end_id} was instructed, or confirmed, on {since}: nothing can have become of it by {day}")]
    BeforeItself {
        /// Which.
        end_to_end_id: String,
        /// When it was instructed, or confirmed.
        since: NaiveDate,
        /// When something is said to have become of it.
        day: NaiveDate,
    },
    /// Ids that nobody knows.
    #[error("no payout has the end-to-end id {0}")]
    Unknown(String),
    /// Nobody knows whether banks are open on the day of booking, or after it.
    #[error(transparent)]
    NotCovered(#[from] NotCovered),
    /// The bank file could not be composed.
    #[error(transparent)]
    Instruction(#[from] InstructionError),
    /// The bank file could not be written; what is posted stays posted.
    #[error("bank file {name} could not be written, its payouts are posted: {error}")]
    Write {
        /// The file.
        name: String,
        /// What the file system said.
        error: std::io::Error,
    },
    /// A bank file that was written before cannot be told from another one.
    #[error("bank file {name} was written before, and what is there cannot be read; nothing was posted: {error}")]
    Read {
        /// The file.
        name: String,
        /// What the file system said.
        error: std::io::Error,
    },
    /// In the place of a bank file is another one, or what somebody made of it.
    #[error(
        "a file {0} with other content is in the directory, of another deployment or changed, and is not written over"
    )]
    OtherContent(String),
    /// What would be written is not what was posted.
    #[error(
        "bank file {0} cannot be composed as it was posted: its payouts, or the names of house and bank account, have changed"
    )]
    Changed(String),
}

impl Retriable for PayoutError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::Fee(_)
            | Self::Amount(_)
            | Self::NoSettings(_)
            | Self::NotApproved(_)
            | Self::OtherPlan(_)
            | Self::NotAsApproved(_)
            | Self::NothingPlanned(_)
            | Self::NotOnItsWay { .. }
            | Self::NoBankFile
            | Self::NotOfCutoff(..)
            | Self::BeforeItself { .. }
            | Self::Unknown(_)
            | Self::NotCovered(_)
            | Self::Instruction(_)
            | Self::Write { .. }
            | Self::Read { .. }
            | Self::OtherContent(_)
            | Self::Changed(_) => false,
        }
    }
}

impl Store {
    /// Plans the payouts of a cut-off: everything available to a merchant in a currency, less what it keeps and the fee for it,
    /// when the day is one of its days, it may be paid and that reaches the minimum. Moves no money. Planning again adds what is
    /// payable now and leaves every payout of this cut-off as it is.
    pub async fn plan_payouts(
        &self,
        deployment: &Deployment,
        cutoff: NaiveDate,
        planner: &str,
    ) -> Result<Planned, PayoutError> {
        self.transact(async |tx: &mut Tx| plan(tx, deployment, cutoff, planner, None).await)
            .await
    }

    /// The same for merchants that are named alone, whatever their days are.
    pub async fn demand_payouts(
        &self,
        deployment: &Deployment,
        cutoff: NaiveDate,
        planner: &str,
        merchants: &[String],
    ) -> Result<Planned, PayoutError> {
        self.transact(async |tx: &mut Tx| plan(tx, deployment, cutoff, planner, Some(merchants)).await)
            .await
    }

    /// Cancels the planned and approved payouts of a cut-off, or those that are named alone; their money stays available. Says
    /// how many.
    ///
    /// Errors: a name that is none of the cut-off's.
    pub async fn cancel_payouts(&self, cutoff: NaiveDate, named: &[String]) -> Result<u64, PayoutError> {
        self.transact(async |tx: &mut Tx| {
            lock(tx).await?;
            let payouts = list(tx, Some(cutoff), None).await?;
            let is_of = |name: &&String| payouts.iter().any(|payout| payout.end_to_end_id == **name);
            if let Some(other) = named.iter().find(|name| !is_of(name)) {
                return Err(PayoutError::NotOfCutoff(other.clone(), cutoff));
            }
            let is_meant = |payout: &&Payout| named.is_empty() || named.contains(&payout.end_to_end_id);
            let ids: Vec<i64> = payouts.iter().filter(is_meant).map(|payout| payout.id).collect();
            Ok(tx
                .execute(include_str!("../../../schema/queries/payouts_cancel.sql"), &[&ids])
                .await?)
        })
        .await
    }

    /// Payouts, by cut-off, merchant and currency.
    pub async fn payouts(&self, cutoff: Option<NaiveDate>, state: Option<&str>) -> Result<Vec<Payout>, StoreError> {
        self.rehearse(async |tx: &mut Tx| list(tx, cutoff, state).await).await
    }
}

/// Plans the payouts of a cut-off; `demanded` names those that are asked for, where somebody does.
async fn plan(
    tx: &mut Tx,
    deployment: &Deployment,
    cutoff: NaiveDate,
    planner: &str,
    demanded: Option<&[String]>,
) -> Result<Planned, PayoutError> {
    let versions = deployment.begun(cutoff);
    let settings = deployment.in_force(cutoff).ok_or(PayoutError::NoSettings(cutoff))?;
    lock(tx).await?;
    let mut beside = Circumstances::of(tx, deployment, settings, demanded.is_some()).await?;
    let candidates = candidates(tx, cutoff, demanded).await?;
    // Only what is less than the minimum is asked for its age, so it is chosen twice.
    let mut small = Vec::new();
    if settings.payout.forced_after_days.is_some() {
        for (payable, standing) in &candidates {
            if matches!(standing, Standing::Free) {
                let choice = choose(payable, cutoff, versions, beside.of_payable(payable))?;
                if matches!(choice, Choice::Carry(Obstacle::BelowMinimum { .. })) {
                    small.push(payable);
                }
            }
        }
    }
    beside.since(tx, &small).await?;
    let (mut pay, mut carried) = (Vec::new(), Vec::new());
    for (payable, standing) in candidates {
        let reason = match standing {
            Standing::Listed => continue,
            Standing::Carried(reason) => reason,
            Standing::Free => match choose(&payable, cutoff, versions, beside.of_payable(&payable))? {
                Choice::Pay(due) => {
                    pay.push((payable, due));
                    continue;
                }
                Choice::Carry(obstacle) => obstacle.to_string(),
            },
        };
        carried.push(Carried { payable, reason });
    }
    insert(tx, cutoff, planner, &pay).await?;
    let mut payouts = list(tx, Some(cutoff), None).await?;
    let run = approve::open(tx, deployment, cutoff, &payouts).await?;
    if run.as_ref().is_some_and(Run::is_approved) {
        payouts = list(tx, Some(cutoff), None).await?;
    }
    Ok(Planned { payouts, carried, run })
}

/// What could be paid at a cut-off, of those that are asked for, where somebody asks; and how it stands.
async fn candidates(
    tx: &mut Tx,
    cutoff: NaiveDate,
    demanded: Option<&[String]>,
) -> Result<Vec<(Payable, Standing)>, StoreError> {
    let sql = include_str!("../../../schema/queries/payouts_candidates.sql");
    let rows = tx
        .query(sql, &[&cutoff, &AccountCode::MerchantAvailable.number()])
        .await?;
    let mut candidates = Vec::with_capacity(rows.len());
    for row in &rows {
        let payable = read_payable(row)?;
        if demanded.is_none_or(|demanded| demanded.contains(&payable.merchant)) {
            candidates.push((payable, standing(row, cutoff)?));
        }
    }
    Ok(candidates)
}

pub(super) async fn lock(tx: &mut Tx) -> Result<(), StoreError> {
    tx.query(include_str!("../../../schema/queries/payouts_lock.sql"), &[])
        .await
        .map(|_| ())
}

/// What the payouts that there are mean for money that could be paid at a cut-off.
enum Standing {
    /// None stands in the way.
    Free,
    /// It waits as a payout of this very cut-off.
    Listed,
    /// It goes to a later cut-off, and why.
    Carried(String),
}

fn standing(row: &Row, cutoff: NaiveDate) -> Result<Standing, StoreError> {
    let Some(of) = row.try_get::<_, Option<NaiveDate>>("known_cutoff")? else {
        return Ok(Standing::Free);
    };
    let (id, state): (&str, &str) = (row.try_get("known_id")?, row.try_get("known_state")?);
    Ok(match (state, of == cutoff) {
        ("planned" | "approved", true) => Standing::Listed,
        ("planned" | "approved", false) => Standing::Carried(format!("payout {id} of cut-off {of} is {state}")),
        ("cancelled", _) => {
            Standing::Carried("its payout of this cut-off was cancelled; it goes to the next".to_owned())
        }
        ("returned", _) => Standing::Carried("its payout of this cut-off came back; it goes to the next".to_owned()),
        _ => Standing::Carried("paid at this cut-off already; the rest goes to the next".to_owned()),
    })
}

fn read_payable(row: &Row) -> Result<Payable, StoreError> {
    let currency = super::currency(row.try_get("currency")?)?;
    Ok(Payable {
        book: BookId(row.try_get("book_id")?),
        merchant: row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default(),
        money: Money::from_minor(row.try_get("amount")?, currency),
    })
}

fn read_payout(row: &Row) -> Result<Payout, StoreError> {
    let currency: Currency = super::currency(row.try_get("currency")?)?;
    let money = |column| Ok::<_, StoreError>(Money::from_minor(row.try_get(column)?, currency));
    Ok(Payout {
        id: row.try_get("id")?,
        book: BookId(row.try_get("book_id")?),
        merchant: row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default(),
        money: money("amount")?,
        fee: money("fee")?,
        vat: money("vat")?,
        cutoff: row.try_get("cutoff")?,
        state: row.try_get("state")?,
        end_to_end_id: row.try_get("end_to_end_id")?,
        destination: (
            row.try_get("holder")?,
            row.try_get("destination")?,
            row.try_get("bank")?,
        ),
        planned_by: row.try_get("planned_by")?,
        run: row.try_get("run_id")?,
        approved_by: approve::read_approvers(row)?,
        instruction: row.try_get::<_, Option<i64>>("instruction")?.map(EntryNumber),
        confirmation: row.try_get::<_, Option<i64>>("confirmation")?.map(EntryNumber),
        file: row.try_get::<_, Option<i64>>("file_id")?.map(SourceId),
        unknown: row
            .try_get::<_, Option<NaiveDate>>("unknown_on")?
            .zip(row.try_get("unknown_note")?),
        returned: row
            .try_get::<_, Option<NaiveDate>>("returned_on")?
            .zip(row.try_get("return_reason")?),
    })
}

async fn list(tx: &mut Tx, cutoff: Option<NaiveDate>, state: Option<&str>) -> Result<Vec<Payout>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../../schema/queries/payouts_list.sql"),
            &[&cutoff, &state],
        )
        .await?;
    rows.iter().map(read_payout).collect()
}

/// Writes payouts down. None of them is there: whoever commands payouts is alone, and asked before.
async fn insert(tx: &mut Tx, cutoff: NaiveDate, planner: &str, pay: &[(Payable, Due<'_>)]) -> Result<(), StoreError> {
    const TYPES: &[Type] = &[
        Type::INT8,
        Type::TEXT,
        Type::INT2,
        Type::DATE,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
    ];
    // Also where there are none: who may not plan is told so whatever is due.
    let mut copy = tx
        .copy(include_str!("../../../schema/queries/payouts_copy.sql"), TYPES)
        .await?;
    for (Payable { book, money, .. }, due) in pay {
        let currency = money.currency();
        let to = due.destination;
        copy.row(&[
            &book.0,
            &currency.code(),
            &i16::from(currency.exponent()),
            &cutoff,
            &due.amount.minor(),
            &due.fee.minor(),
            &due.vat.minor(),
            &end_to_end_id(*book, currency, cutoff),
            &to.holder,
            &to.account,
            &to.bank,
            &planner,
        ])
        .await?;
    }
    tx.end_copy(copy).await
}

fn entry(
    payout: &Payout,
    kind: EntryKind,
    word: &str,
    source: SourceId,
    day: NaiveDate,
    transfers: Vec<Transfer>,
) -> Entry {
    let reference = format!("{OWN}{word} {}", payout.end_to_end_id);
    let [amount, fee, vat] = [payout.money, payout.fee, payout.vat].map(|money| money.to_string());
    let fingerprint = fingerprint(&["payout 1", &reference, &amount, &fee, &vat]);
    Entry {
        transfers,
        ..Entry::of_day(kind, reference, fingerprint, day, source)
    }
}
