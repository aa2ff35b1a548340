//! Instructing: what is approved is posted, then the bank file is written, then the file is marked as written.
//!
//! Posting (2020 → 2100 in each merchant's book, and the fee) commits before the file is written. A crash in between is healed
//! by the same command: what is posted is not posted again, and a file that is not marked is written again byte for byte.
//! Whatever is no longer covered by account 2020, less what captures take back of it that were withdrawn after their money had
//! become available, is cancelled instead, so a payout never takes it below zero, nor does the next release after it; so is
//! a payout to a merchant that is no longer paid, or to a bank account that is no longer its own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::approve::is_as_approved;
use super::circumstances::Circumstances;
use super::{Cancelled, Instructed, Payout, PayoutError, entry, list, lock, read_payout};
use crate::ids::{BookId, SourceId};
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::entry::{EntryKind, Transfer};
use crate::money::{AmountError, Currency, Money};
use crate::payout::amount::{Cancellation, still_due};
use crate::payout::instruction::{Instruction, InstructionError, csv};
use crate::settings::{Settings, SettingsVersion};
use crate::store::books::LockedBooks;
use crate::store::settings::Deployment;
use crate::store::source::{Source, SourceKind, source_of};
use crate::store::{Store, StoreError, Tx};

struct BankFile {
    source: SourceId,
    name: String,
    digest: Vec<u8>,
    written: bool,
}

/// What an instruction is decided by.
struct Run<'a> {
    deployment: &'a Deployment,
    /// In force at the cut-off: who pays, and from where.
    settings: &'a Settings,
    cutoff: NaiveDate,
    /// The day of booking.
    day: NaiveDate,
    /// The settings that have begun on that day.
    versions: &'a [SettingsVersion],
}

impl Store {
    /// Shows what [`Store::instruct_payouts`] would post, and does nothing.
    pub async fn plan_instruction(
        &self,
        deployment: &Deployment,
        cutoff: NaiveDate,
        day: NaiveDate,
    ) -> Result<Instructed, PayoutError> {
        let run = Run::of(deployment, cutoff, day)?;
        self.rehearse(async |tx: &mut Tx| run.post(tx).await).await
    }

    /// Posts the approved payouts of a cut-off, booked on a day, then writes their bank file into a directory. One whose
    /// merchant may not be paid on that day, or not there, or not that much, is cancelled.
    pub async fn instruct_payouts(
        &self,
        deployment: &Deployment,
        cutoff: NaiveDate,
        day: NaiveDate,
        directory: &Path,
    ) -> Result<Instructed, PayoutError> {
        let run = Run::of(deployment, cutoff, day)?;
        let mut done = self.transact(async |tx: &mut Tx| run.post(tx).await).await?;
        let files = self.rehearse(async |tx: &mut Tx| files(tx, cutoff).await).await?;
        for file in files.iter().filter(|file| !file.written) {
            let payouts = self
                .rehearse(async |tx: &mut Tx| payouts_of(tx, file.source).await)
                .await?;
            let content = compose(run.settings, &payouts)?;
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
                    include_str!("../../../schema/queries/payout_file_written.sql"),
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
}

impl<'a> Run<'a> {
    fn of(deployment: &'a Deployment, cutoff: NaiveDate, day: NaiveDate) -> Result<Self, PayoutError> {
        let settings = deployment.in_force(cutoff).ok_or(PayoutError::NoSettings(cutoff))?;
        let versions = deployment.begun(day);
        if versions.is_empty() {
            return Err(PayoutError::NoSettings(day));
        }
        Ok(Self {
            deployment,
            settings,
            cutoff,
            day,
            versions,
        })
    }

    async fn post(&self, tx: &mut Tx) -> Result<Instructed, PayoutError> {
        lock(tx).await?;
        let earlier: Vec<(String, bool)> = files(tx, self.cutoff)
            .await?
            .into_iter()
            .map(|file| (file.name, file.written))
            .collect();
        let approved = list(tx, Some(self.cutoff), Some("approved")).await?;
        is_as_approved(tx, &approved).await?;
        let books: Vec<BookId> = approved.iter().map(|payout| payout.book).collect();
        let mut locked = LockedBooks::lock(tx, &books).await?;
        let (mut posted, cancelled) = self.checked(tx, approved).await?;
        let ids: Vec<i64> = cancelled.iter().map(|cancelled| cancelled.payout.id).collect();
        tx.execute(include_str!("../../../schema/queries/payouts_cancel.sql"), &[&ids])
            .await?;
        if !posted.is_empty() {
            let ordinal = i32::try_from(earlier.len()).unwrap_or(i32::MAX).saturating_add(1);
            let source = self.keep_file(tx, ordinal, &posted).await?;
            let mut numbers = Vec::with_capacity(posted.len());
            for payout in &mut posted {
                let transfers = transfers(payout);
                let entry = entry(
                    payout,
                    EntryKind::PayoutInstruction,
                    "payout",
                    source.id,
                    self.day,
                    transfers,
                );
                numbers.push(locked.append(payout.book, entry)?.0);
                "instructed".clone_into(&mut payout.state);
            }
            locked.write(tx).await?;
            let ids: Vec<i64> = posted.iter().map(|payout| payout.id).collect();
            tx.execute(
                include_str!("../../../schema/queries/payouts_instruct.sql"),
                &[&ids, &numbers, &source.id.0],
            )
            .await?;
        }
        Ok(Instructed {
            posted,
            cancelled,
            files: Vec::new(),
            earlier,
        })
    }

    /// Those that are still to be sent, and those that are not. Their books are locked.
    async fn checked(&self, tx: &mut Tx, approved: Vec<Payout>) -> Result<(Vec<Payout>, Vec<Cancelled>), PayoutError> {
        let books: Vec<i64> = approved.iter().map(|payout| payout.book.0).collect();
        let available = available(tx, &books).await?;
        let settings = self.versions.last().map_or(self.settings, |version| &*version.settings);
        let circumstances = Circumstances::of(tx, self.deployment, settings, false).await?;
        let (mut posted, mut cancelled) = (Vec::with_capacity(approved.len()), Vec::new());
        for payout in approved {
            let there = available.get(&(payout.book, payout.money.currency()));
            let taken = taken(&payout)?.minor();
            let (holder, account, bank) = &payout.destination;
            let beside = circumstances.of_merchant(&payout.merchant);
            let due = match still_due(
                &payout.merchant,
                [holder, account, bank],
                self.day,
                self.versions,
                beside,
            ) {
                Ok(()) if there.is_none_or(|there| *there < taken) => Err(Cancellation::NotCovered),
                due => due,
            };
            match due {
                Ok(()) => posted.push(payout),
                Err(reason) => cancelled.push(Cancelled { payout, reason }),
            }
        }
        Ok((posted, cancelled))
    }

    async fn keep_file(&self, tx: &mut Tx, ordinal: i32, payouts: &[Payout]) -> Result<Source, PayoutError> {
        let name = format!("payouts-{}-{ordinal}.csv", self.cutoff);
        let digest = Sha256::digest(compose(self.settings, payouts)?);
        let source = source_of(tx, SourceKind::Payout, &name, &digest).await?;
        tx.execute(
            include_str!("../../../schema/queries/payout_file_insert.sql"),
            &[&source.id.0, &self.cutoff, &ordinal],
        )
        .await?;
        Ok(source)
    }
}

async fn payouts_of(tx: &mut Tx, file: SourceId) -> Result<Vec<Payout>, StoreError> {
    let rows = tx
        .query(include_str!("../../../schema/queries/payouts_of_file.sql"), &[&file.0])
        .await?;
    rows.iter().map(read_payout).collect()
}

async fn files(tx: &mut Tx, cutoff: NaiveDate) -> Result<Vec<BankFile>, StoreError> {
    let rows = tx
        .query(include_str!("../../../schema/queries/payout_files.sql"), &[&cutoff])
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

async fn available(tx: &mut Tx, books: &[i64]) -> Result<HashMap<(BookId, Currency), i64>, StoreError> {
    let sql = include_str!("../../../schema/queries/payouts_available.sql");
    let rows = tx
        .query(sql, &[&books, &AccountCode::MerchantAvailable.number()])
        .await?;
    rows.iter()
        .map(|row| {
            let currency = crate::store::currency(row.try_get("currency")?)?;
            Ok(((BookId(row.try_get("book_id")?), currency), row.try_get("amount")?))
        })
        .collect()
}

/// What a payout takes of what is available.
fn taken(payout: &Payout) -> Result<Money, AmountError> {
    payout.money.plus(payout.fee)?.plus(payout.vat)
}

fn transfers(payout: &Payout) -> Vec<Transfer> {
    let account = |code| Account {
        code,
        currency: payout.money.currency(),
        dimension: Arc::from(""),
    };
    [
        (AccountCode::PayoutInTransit, payout.money),
        (AccountCode::FeeOther, payout.fee),
        (AccountCode::VatOutput, payout.vat),
    ]
    .into_iter()
    .filter(|(_, money)| money.minor() != 0)
    .map(|(code, money)| Transfer {
        debit: account(AccountCode::MerchantAvailable),
        credit: account(code),
        amount: money.minor(),
    })
    .collect()
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
