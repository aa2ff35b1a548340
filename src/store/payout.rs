//! Payouts in the database: plan, approve, instruct, confirm. One command at a time, each in one transaction.
//!
//! Instructing posts first (2020 → 2100 in each merchant's book), commits, then writes the bank file, then marks it as written. A
//! crash in between is healed by the same command: what is posted is not posted again, and a file that is not marked is
//! written again byte for byte. Whatever is no longer covered by account 2020 is cancelled instead, so a payout never takes it
//! below zero.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;

use super::books::LockedBooks;
use super::settings::Deployment;
use super::source::{SourceKind, source_of};
use super::{Retriable, Store, StoreError, Tx};
use crate::ids::{BookId, EntryNumber, SourceId};
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::{Currency, Money};
use crate::payout::amount::{Choice, Payable, choose, end_to_end_id};
use crate::payout::instruction::{Instruction, InstructionError, csv};
use crate::settings::Settings;

/// A payout as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// Its row.
    pub id: i64,
    /// The merchant's book.
    pub book: BookId,
    /// The merchant.
    pub merchant: String,
    /// How much.
    pub money: Money,
    /// Its cut-off.
    pub cutoff: NaiveDate,
    /// planned, approved, instructed, confirmed or cancelled.
    pub state: String,
    /// Our id of it at every bank.
    pub end_to_end_id: String,
    /// Whose account, which account, which bank.
    pub destination: (String, String, String),
    /// Who planned it.
    pub planned_by: String,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// The entry that instructed it.
    pub instruction: Option<EntryNumber>,
    /// The entry that confirmed it.
    pub confirmation: Option<EntryNumber>,
    /// The bank file that instructs it.
    pub file: Option<SourceId>,
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
}

/// What instructing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instructed {
    /// The payouts that were (or, in a plan, would be) posted.
    pub posted: Vec<Payout>,
    /// Those cancelled because the money is no longer available.
    pub cancelled: Vec<Payout>,
    /// Bank files written just now.
    pub files: Vec<PathBuf>,
    /// The bank files of the cut-off that were there before, by name, and whether they had been written.
    pub earlier: Vec<(String, bool)>,
}

/// Why a payout command did nothing.
#[derive(Debug, thiserror::Error)]
pub enum PayoutError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No settings govern the cut-off.
    #[error("no settings are in force on {0}")]
    NoSettings(NaiveDate),
    /// The same person on both sides.
    #[error("{0} planned these payouts; somebody else has to approve them")]
    ApproverIsPlanner(String),
    /// Nothing is planned.
    #[error("no payout is planned for cut-off {0}")]
    NothingPlanned(NaiveDate),
    /// Payouts that cannot be confirmed.
    #[error("payout {end_to_end_id} is {state}, only an instructed one can be confirmed")]
    NotInstructed {
        /// Which.
        end_to_end_id: String,
        /// Its state.
        state: String,
    },
    /// Ids that nobody knows.
    #[error("no payout has the end-to-end id {0}")]
    Unknown(String),
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
            Self::NoSettings(_)
            | Self::ApproverIsPlanner(_)
            | Self::NothingPlanned(_)
            | Self::NotInstructed { .. }
            | Self::Unknown(_)
            | Self::Instruction(_)
            | Self::Write { .. }
            | Self::Changed(_) => false,
        }
    }
}

struct BankFile {
    source: SourceId,
    name: String,
    digest: Vec<u8>,
    written: bool,
}

impl Store {
    /// Plans the payouts of a cut-off: everything available to a merchant in a currency, when it reaches the minimum. Moves no
    /// money. Planning again adds what is payable now and leaves every payout of this cut-off as it is.
    pub async fn plan_payouts(
        &self,
        deployment: &Deployment,
        cutoff: NaiveDate,
        planner: &str,
    ) -> Result<Planned, PayoutError> {
        let settings = deployment.in_force(cutoff).ok_or(PayoutError::NoSettings(cutoff))?;
        self.transact(async |tx: &mut Tx| {
            lock(tx).await?;
            let candidates = include_str!("../../schema/queries/payouts_candidates.sql");
            let rows = tx
                .query(candidates, &[&cutoff, &AccountCode::MerchantAvailable.number()])
                .await?;
            let mut pay = Vec::new();
            let mut carried = Vec::new();
            for row in &rows {
                let payable = read_payable(row)?;
                let reason = match (standing(row, cutoff)?, choose(&payable, settings)) {
                    (Standing::Listed, _) => continue,
                    (Standing::Carried(reason), _) => reason,
                    (Standing::Free, Choice::Pay(destination)) => {
                        pay.push((payable, destination));
                        continue;
                    }
                    (Standing::Free, Choice::BelowMinimum(minimum)) => format!("below the minimum of {minimum}"),
                    (Standing::Free, Choice::NoDestination) => "no bank account in the settings".to_owned(),
                    (Standing::Free, Choice::NotAMerchant) => "not in the settings".to_owned(),
                };
                carried.push(Carried { payable, reason });
            }
            insert(tx, cutoff, planner, &pay).await?;
            let payouts = list(tx, Some(cutoff), None).await?;
            Ok(Planned { payouts, carried })
        })
        .await
    }

    /// Approves what is planned for a cut-off, all of it. The approver is not the planner. Says how many were approved.
    pub async fn approve_payouts(&self, cutoff: NaiveDate, approver: &str) -> Result<u64, PayoutError> {
        self.transact(async |tx: &mut Tx| {
            lock(tx).await?;
            let planners = tx
                .query(include_str!("../../schema/queries/payouts_planners.sql"), &[&cutoff])
                .await?;
            for row in &planners {
                let planner: String = row.try_get(0).map_err(StoreError::from)?;
                if planner == approver {
                    return Err(PayoutError::ApproverIsPlanner(planner));
                }
            }
            let approved = tx
                .execute(
                    include_str!("../../schema/queries/payouts_approve.sql"),
                    &[&cutoff, &approver],
                )
                .await?;
            if approved == 0 && list(tx, Some(cutoff), None).await?.is_empty() {
                return Err(PayoutError::NothingPlanned(cutoff));
            }
            Ok(approved)
        })
        .await
    }

    /// Cancels the planned and approved payouts of a cut-off; their money stays available. Says how many.
    pub async fn cancel_payouts(&self, cutoff: NaiveDate) -> Result<u64, PayoutError> {
        self.transact(async |tx: &mut Tx| {
            lock(tx).await?;
            let ids: Vec<i64> = list(tx, Some(cutoff), None)
                .await?
                .iter()
                .map(|payout| payout.id)
                .collect();
            Ok(tx
                .execute(include_str!("../../schema/queries/payouts_cancel.sql"), &[&ids])
                .await?)
        })
        .await
    }

    /// Shows what [`Store::instruct_payouts`] would post, and does nothing.
    pub async fn plan_instruction(
        &self,
        deployment: &Deployment,
        cutoff: NaiveDate,
        day: NaiveDate,
    ) -> Result<Instructed, PayoutError> {
        let settings = deployment.in_force(cutoff).ok_or(PayoutError::NoSettings(cutoff))?;
        self.rehearse(async |tx: &mut Tx| post_instruction(tx, settings, cutoff, day).await)
            .await
    }

    /// Posts the approved payouts of a cut-off, then writes their bank file into a directory.
    pub async fn instruct_payouts(
        &self,
        deployment: &Deployment,
        cutoff: NaiveDate,
        day: NaiveDate,
        directory: &Path,
    ) -> Result<Instructed, PayoutError> {
        let settings = deployment.in_force(cutoff).ok_or(PayoutError::NoSettings(cutoff))?;
        let mut done = self
            .transact(async |tx: &mut Tx| post_instruction(tx, settings, cutoff, day).await)
            .await?;
        let files = self.rehearse(async |tx: &mut Tx| files(tx, cutoff).await).await?;
        for file in files.iter().filter(|file| !file.written) {
            let payouts = self
                .rehearse(async |tx: &mut Tx| payouts_of(tx, file.source).await)
                .await?;
            let content = compose(settings, &payouts)?;
            if Sha256::digest(&content).as_slice() != file.digest {
                return Err(PayoutError::Changed(file.name.clone()));
            }
            let path = directory.join(&file.name);
            crate::whole_file::write(&path, &mut |out| out.write_all(&content)).map_err(|error| {
                PayoutError::Write {
                    name: file.name.clone(),
                    error,
                }
            })?;
            self.transact(async |tx: &mut Tx| {
                tx.execute(
                    include_str!("../../schema/queries/payout_file_written.sql"),
                    &[&file.source.0],
                )
                .await?;
                Ok::<_, StoreError>(())
            })
            .await?;
            done.files.push(path);
        }
        Ok(done)
    }

    /// Books that the bank made these payouts (2100 → 1010); one that is confirmed stays as it is. Says how many are new.
    pub async fn confirm_payouts(
        &self,
        deployment: &Deployment,
        ids: &[String],
        day: NaiveDate,
    ) -> Result<u64, PayoutError> {
        let settings = deployment.in_force(day).ok_or(PayoutError::NoSettings(day))?;
        self.transact(async |tx: &mut Tx| {
            lock(tx).await?;
            let rows = tx
                .query(
                    include_str!("../../schema/queries/payouts_by_end_to_end_id.sql"),
                    &[&ids],
                )
                .await?;
            let payouts = rows.iter().map(read_payout).collect::<Result<Vec<_>, _>>()?;
            let known: HashSet<&str> = payouts.iter().map(|payout| payout.end_to_end_id.as_str()).collect();
            if let Some(unknown) = ids.iter().find(|id| !known.contains(id.as_str())) {
                return Err(PayoutError::Unknown(unknown.clone()));
            }
            let mut waiting = Vec::new();
            for payout in payouts {
                match payout.state.as_str() {
                    "instructed" => waiting.push(payout),
                    "confirmed" => {}
                    _ => {
                        return Err(PayoutError::NotInstructed {
                            end_to_end_id: payout.end_to_end_id,
                            state: payout.state,
                        });
                    }
                }
            }
            confirm(tx, settings, waiting, day).await
        })
        .await
    }

    /// Payouts, by cut-off, merchant and currency.
    pub async fn payouts(&self, cutoff: Option<NaiveDate>, state: Option<&str>) -> Result<Vec<Payout>, StoreError> {
        self.rehearse(async |tx: &mut Tx| list(tx, cutoff, state).await).await
    }
}

async fn lock(tx: &mut Tx) -> Result<(), StoreError> {
    tx.query(include_str!("../../schema/queries/payouts_lock.sql"), &[])
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
    Ok(Payout {
        id: row.try_get("id")?,
        book: BookId(row.try_get("book_id")?),
        merchant: row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default(),
        money: Money::from_minor(row.try_get("amount")?, currency),
        cutoff: row.try_get("cutoff")?,
        state: row.try_get("state")?,
        end_to_end_id: row.try_get("end_to_end_id")?,
        destination: (
            row.try_get("holder")?,
            row.try_get("destination")?,
            row.try_get("bank")?,
        ),
        planned_by: row.try_get("planned_by")?,
        approved_by: row.try_get("approved_by")?,
        instruction: row.try_get::<_, Option<i64>>("instruction")?.map(EntryNumber),
        confirmation: row.try_get::<_, Option<i64>>("confirmation")?.map(EntryNumber),
        file: row.try_get::<_, Option<i64>>("file_id")?.map(SourceId),
    })
}

async fn list(tx: &mut Tx, cutoff: Option<NaiveDate>, state: Option<&str>) -> Result<Vec<Payout>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../schema/queries/payouts_list.sql"),
            &[&cutoff, &state],
        )
        .await?;
    rows.iter().map(read_payout).collect()
}

async fn payouts_of(tx: &mut Tx, file: SourceId) -> Result<Vec<Payout>, StoreError> {
    let rows = tx
        .query(include_str!("../../schema/queries/payouts_of_file.sql"), &[&file.0])
        .await?;
    rows.iter().map(read_payout).collect()
}

async fn files(tx: &mut Tx, cutoff: NaiveDate) -> Result<Vec<BankFile>, StoreError> {
    let rows = tx
        .query(include_str!("../../schema/queries/payout_files.sql"), &[&cutoff])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(BankFile {
                source: SourceId(row.try_get("source_id")?),
                name: row.try_get("name")?,
                digest: row.try_get("digest")?,
                written: row.try_get("written")?,
            })
        })
        .collect()
}

async fn insert(
    tx: &mut Tx,
    cutoff: NaiveDate,
    planner: &str,
    pay: &[(Payable, &crate::settings::Destination)],
) -> Result<(), StoreError> {
    let books: Vec<i64> = pay.iter().map(|(payable, _)| payable.book.0).collect();
    let codes: Vec<String> = pay
        .iter()
        .map(|(payable, _)| payable.money.currency().code().to_owned())
        .collect();
    let exponents: Vec<i16> = pay
        .iter()
        .map(|(payable, _)| i16::from(payable.money.currency().exponent()))
        .collect();
    let amounts: Vec<i64> = pay.iter().map(|(payable, _)| payable.money.minor()).collect();
    let ids: Vec<String> = pay
        .iter()
        .map(|(payable, _)| end_to_end_id(payable.book, payable.money.currency(), cutoff))
        .collect();
    let holders: Vec<&str> = pay.iter().map(|(_, destination)| destination.holder.as_str()).collect();
    let accounts: Vec<&str> = pay
        .iter()
        .map(|(_, destination)| destination.account.as_str())
        .collect();
    let banks: Vec<&str> = pay.iter().map(|(_, destination)| destination.bank.as_str()).collect();
    tx.execute(
        include_str!("../../schema/queries/payouts_insert.sql"),
        &[
            &books, &codes, &exponents, &cutoff, &amounts, &ids, &holders, &accounts, &banks, &planner,
        ],
    )
    .await?;
    Ok(())
}

async fn post_instruction(
    tx: &mut Tx,
    settings: &Arc<Settings>,
    cutoff: NaiveDate,
    day: NaiveDate,
) -> Result<Instructed, PayoutError> {
    lock(tx).await?;
    let earlier: Vec<(String, bool)> = files(tx, cutoff)
        .await?
        .into_iter()
        .map(|file| (file.name, file.written))
        .collect();
    let approved = list(tx, Some(cutoff), Some("approved")).await?;
    if approved.is_empty() {
        return Ok(Instructed {
            posted: Vec::new(),
            cancelled: Vec::new(),
            files: Vec::new(),
            earlier,
        });
    }
    let books: Vec<BookId> = approved.iter().map(|payout| payout.book).collect();
    let mut locked = LockedBooks::lock(tx, &books).await?;
    let available = available(tx, &books).await?;
    let (posted, cancelled): (Vec<Payout>, Vec<Payout>) = approved.into_iter().partition(|payout| {
        available
            .get(&(payout.book, payout.money.currency()))
            .is_some_and(|minor| *minor >= payout.money.minor())
    });
    let ids: Vec<i64> = cancelled.iter().map(|payout| payout.id).collect();
    tx.execute(include_str!("../../schema/queries/payouts_cancel.sql"), &[&ids])
        .await?;
    if posted.is_empty() {
        return Ok(Instructed {
            posted,
            cancelled,
            files: Vec::new(),
            earlier,
        });
    }
    let ordinal = i32::try_from(earlier.len()).unwrap_or(i32::MAX).saturating_add(1);
    let name = format!("payouts-{cutoff}-{ordinal}.csv");
    let source = source_of(
        tx,
        SourceKind::Payout,
        &name,
        &Sha256::digest(compose(settings, &posted)?),
    )
    .await?;
    tx.execute(
        include_str!("../../schema/queries/payout_file_insert.sql"),
        &[&source.id.0, &cutoff, &ordinal],
    )
    .await?;
    let mut numbers = Vec::with_capacity(posted.len());
    for payout in &posted {
        let transfer = transfer(
            payout,
            AccountCode::MerchantAvailable,
            AccountCode::PayoutInTransit,
            settings,
        );
        numbers.push(
            locked
                .append(
                    payout.book,
                    entry(payout, EntryKind::PayoutInstruction, "payout", source.id, day, transfer),
                )?
                .0,
        );
    }
    locked.write(tx).await?;
    let ids: Vec<i64> = posted.iter().map(|payout| payout.id).collect();
    tx.execute(
        include_str!("../../schema/queries/payouts_instruct.sql"),
        &[&ids, &numbers, &source.id.0],
    )
    .await?;
    let posted = posted
        .into_iter()
        .map(|payout| Payout {
            state: "instructed".to_owned(),
            ..payout
        })
        .collect();
    Ok(Instructed {
        posted,
        cancelled,
        files: Vec::new(),
        earlier,
    })
}

async fn available(tx: &mut Tx, books: &[BookId]) -> Result<HashMap<(BookId, Currency), i64>, StoreError> {
    let ids: Vec<i64> = books.iter().map(|book| book.0).collect();
    let sql = include_str!("../../schema/queries/payouts_available.sql");
    let rows = tx.query(sql, &[&ids, &AccountCode::MerchantAvailable.number()]).await?;
    rows.iter()
        .map(|row| {
            let currency = super::currency(row.try_get("currency")?)?;
            Ok(((BookId(row.try_get("book_id")?), currency), row.try_get("amount")?))
        })
        .collect()
}

async fn confirm(
    tx: &mut Tx,
    settings: &Arc<Settings>,
    payouts: Vec<Payout>,
    day: NaiveDate,
) -> Result<u64, PayoutError> {
    let books: Vec<BookId> = payouts.iter().map(|payout| payout.book).collect();
    let mut locked = LockedBooks::lock(tx, &books).await?;
    let mut numbers = Vec::with_capacity(payouts.len());
    for payout in &payouts {
        let source = payout
            .file
            .ok_or_else(|| StoreError::Unreadable(format!("payout {} without its file", payout.id)))?;
        let transfer = transfer(
            payout,
            AccountCode::PayoutInTransit,
            AccountCode::BankSettlement,
            settings,
        );
        let entry = entry(
            payout,
            EntryKind::PayoutConfirmation,
            "confirmation",
            source,
            day,
            transfer,
        );
        numbers.push(locked.append(payout.book, entry)?.0);
    }
    locked.write(tx).await?;
    let ids: Vec<i64> = payouts.iter().map(|payout| payout.id).collect();
    Ok(tx
        .execute(
            include_str!("../../schema/queries/payouts_confirm.sql"),
            &[&ids, &numbers],
        )
        .await?)
}

fn transfer(payout: &Payout, debit: AccountCode, credit: AccountCode, settings: &Settings) -> Transfer {
    let account = |code: AccountCode| Account {
        code,
        currency: payout.money.currency(),
        dimension: if code == AccountCode::BankSettlement {
            settings.house.bank_account.clone()
        } else {
            Arc::from("")
        },
    };
    Transfer {
        debit: account(debit),
        credit: account(credit),
        amount: payout.money.minor(),
    }
}

fn entry(payout: &Payout, kind: EntryKind, word: &str, source: SourceId, day: NaiveDate, transfer: Transfer) -> Entry {
    let reference = format!("{word} {}", payout.end_to_end_id);
    let fingerprint = fingerprint(&["payout 1", &reference, &payout.money.to_string()]);
    Entry {
        transfers: vec![transfer],
        ..Entry::of_day(kind, reference, fingerprint, day, source)
    }
}

fn compose(settings: &Settings, payouts: &[Payout]) -> Result<Vec<u8>, InstructionError> {
    let instructions: Vec<Instruction> = payouts
        .iter()
        .map(|payout| {
            let (holder, account, bank) = payout.destination.clone();
            Instruction {
                end_to_end_id: payout.end_to_end_id.clone(),
                money: payout.money,
                holder,
                account,
                bank,
            }
        })
        .collect();
    csv(&settings.house.name, &settings.house.bank_account, &instructions)
}
