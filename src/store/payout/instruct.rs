//! Instructing: what is approved is posted, then the bank file is written, then the file is marked as written.
//!
//! The file is composed twice, each payout as it comes: for its digest when it is posted, and from the database when it is
//! written. It is put in place only if both are the same.
//!
//! Posting (2020 → 2100 in each merchant's book, and the fee) commits before the file is written. A crash in between is healed
//! by the same command: what is posted is not posted again, and a file that is not marked is written again byte for byte. So is
//! one that is marked and lost, as long as nobody says or shows that the bank has it. Nothing that is there is written over.
//!
//! Whatever is no longer covered by account 2020, less what captures take back of it that were withdrawn after their money had
//! become available, is cancelled instead, so a payout never takes it below zero, nor does the next release after it; so is
//! a payout to a merchant that is no longer paid, or to a bank account that is no longer its own.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Weekday};
use futures_util::TryStreamExt;

use super::approve::is_as_approved;
use super::circumstances::Circumstances;
use super::{Cancelled, Instructed, LeftOut, Payout, PayoutError, entry, list, lock, read_payout};
use crate::calendar::{BusinessDays, Calendar, NotCovered};
use crate::ids::{BookId, SourceId};
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::entry::{EntryKind, Transfer};
use crate::money::{AmountError, Currency, Money};
use crate::payout::amount::{Cancellation, still_due};
use crate::payout::file::{BankFile, BankFormat, Facts, Totals, add};
use crate::payout::instruction::{Instruction, InstructionError};
use crate::settings::{House, Settings, SettingsVersion};
use crate::store::books::LockedBooks;
use crate::store::settings::Deployment;
use crate::store::source::{Digesting, Source, SourceKind, source_of};
use crate::store::{Store, StoreError, Tx};
use crate::whole_file::WholeFile;

/// A bank file as the database has it.
struct KeptFile {
    source: SourceId,
    facts: Facts,
    digest: Vec<u8>,
    written: bool,
    /// Whether the bank was given it: somebody said so, or something became of one of its payouts.
    sent: bool,
}

/// What is to be instructed, and how the bank is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruct {
    /// The cut-off.
    pub cutoff: NaiveDate,
    /// The day of booking. The bank is to pay on it, or on the next one on which banks are open.
    pub day: NaiveDate,
    /// The day on which this is asked: what settings say by then counts, whatever day is booked.
    pub today: NaiveDate,
    /// How the bank file is written.
    pub format: BankFormat,
    /// Only payouts of this currency.
    pub currency: Option<Currency>,
    /// Leave out what the format does not take, for another one; else nothing is posted where there is such a payout.
    pub leave_out: bool,
    /// Whether bank files that were written, were not sent and are not in the directory are written again. Else they are only told
    /// of: somebody may have moved them away for the bank.
    pub again: bool,
}

/// What an instruction is decided by.
struct Run<'a> {
    deployment: &'a Deployment,
    /// In force at the cut-off: who pays, and from where.
    settings: &'a Settings,
    what: Instruct,
    /// The settings that have begun on the day of booking, or since.
    versions: &'a [SettingsVersion],
}

impl Store {
    /// Shows what [`Store::instruct_payouts`] would post, and which bank files are lost, and does nothing.
    pub async fn plan_instruction(
        &self,
        deployment: &Deployment,
        what: Instruct,
        directory: &Path,
    ) -> Result<Instructed, PayoutError> {
        let run = Run::of(deployment, what)?;
        let lost = self.lost_files(what.cutoff, directory).await?;
        let mut plan = self.rehearse(async |tx: &mut Tx| run.post(tx).await).await?;
        plan.lost = lost.iter().map(|file| directory.join(file.facts.name())).collect();
        Ok(plan)
    }

    /// Cut-offs up to a day with something that is approved and not instructed, or posted and not written.
    pub async fn cutoffs_to_instruct(&self, last: NaiveDate) -> Result<Vec<NaiveDate>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let sql = include_str!("../../../schema/queries/payout_cutoffs_due.sql");
            let rows = tx.query(sql, &[&last]).await?;
            rows.iter().map(|row| Ok(row.try_get("cutoff")?)).collect()
        })
        .await
    }

    /// Posts the approved payouts of a cut-off, then writes their bank file into a directory. One whose merchant may not be paid on
    /// the day of booking, or not there, or not that much, is cancelled. A file of an earlier run that a crash left unwritten is
    /// written too, in its own format; one that was written and is lost, where that is asked for ([`Instruct::again`]).
    ///
    /// Errors: what the format does not take, or a file of an earlier run that is there with other content, before anything is
    /// posted; a file of other content in the place of one that is to be written, after that.
    pub async fn instruct_payouts(
        &self,
        deployment: &Deployment,
        what: Instruct,
        directory: &Path,
    ) -> Result<Instructed, PayoutError> {
        let run = Run::of(deployment, what)?;
        let lost = self.lost_files(what.cutoff, directory).await?;
        let mut done = self.transact(async |tx: &mut Tx| run.post(tx).await).await?;
        done.lost = lost.iter().map(|file| directory.join(file.facts.name())).collect();
        let files = self.rehearse(async |tx: &mut Tx| files(tx, what.cutoff).await).await?;
        // First what was never written.
        let mut owed: Vec<&KeptFile> = files.iter().filter(|file| !file.written).collect();
        if what.again {
            owed.extend(&lost);
        }
        for file in owed {
            let path = directory.join(file.facts.name());
            self.rehearse(async |tx: &mut Tx| write(tx, &run.settings.house, file, &path).await)
                .await?;
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

    /// The bank files of a cut-off that were written, were not sent, and are not in a directory.
    ///
    /// Errors: one is there with other content, or cannot be read.
    async fn lost_files(&self, cutoff: NaiveDate, directory: &Path) -> Result<Vec<KeptFile>, PayoutError> {
        let files = self.rehearse(async |tx: &mut Tx| files(tx, cutoff).await).await?;
        let mut lost = Vec::new();
        for file in files.into_iter().filter(|file| file.written && !file.sent) {
            if !file.is_in(directory)? {
                lost.push(file);
            }
        }
        Ok(lost)
    }
}

impl KeptFile {
    /// Whether it is in a directory, as it was written.
    fn is_in(&self, directory: &Path) -> Result<bool, PayoutError> {
        let name = self.facts.name();
        let read = || -> io::Result<[u8; 32]> {
            let mut there = Digesting::new(File::open(directory.join(&name))?);
            io::copy(&mut there, &mut io::sink())?;
            Ok(there.digest())
        };
        match read() {
            Ok(digest) if digest.as_slice() == self.digest => Ok(true),
            Ok(_) => Err(PayoutError::OtherContent(name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(PayoutError::Read { name, error }),
        }
    }
}

impl Instruct {
    /// All of a cut-off, as CSV, and again what was lost.
    pub fn all(cutoff: NaiveDate, day: NaiveDate) -> Self {
        Self {
            cutoff,
            day,
            today: day,
            format: BankFormat::default(),
            currency: None,
            leave_out: false,
            again: true,
        }
    }
}

/// Puts a bank file in place, as its payouts arrive from the database, if it is the one that was posted.
async fn write(tx: &mut Tx, house: &House, file: &KeptFile, path: &Path) -> Result<(), PayoutError> {
    let name = file.facts.name();
    let failed = |error: InstructionError| match error.into_io() {
        Ok(error) => PayoutError::Write {
            name: name.clone(),
            error,
        },
        Err(error) => PayoutError::Instruction(error),
    };
    let mut totals = Totals::new();
    let sql = include_str!("../../../schema/queries/payouts_totals_of_file.sql");
    for row in tx.query(sql, &[&file.source.0]).await? {
        let currency = crate::store::currency(row.try_get("currency").map_err(StoreError::from)?)?;
        let sum = row.try_get("amount").map_err(StoreError::from)?;
        let count: i64 = row.try_get("payouts").map_err(StoreError::from)?;
        let count = u64::try_from(count).map_err(|_| StoreError::Unreadable(format!("{count} payouts of a file")))?;
        totals.insert(currency, (Money::from_minor(sum, currency), count));
    }
    let out = WholeFile::create(path).map_err(|error| failed(error.into()))?;
    let mut bank_file = BankFile::begin(Digesting::new(out), house, &file.facts, &totals).map_err(failed)?;
    let sql = include_str!("../../../schema/queries/payouts_of_file.sql");
    let batched = file.facts.format.is_batched();
    let mut rows = std::pin::pin!(tx.query_stream(sql, &[&file.source.0, &batched]).await?);
    while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
        let payout = read_payout(&row)?;
        bank_file.payout(payout.id, &instruction(&payout)).map_err(failed)?;
    }
    let out = bank_file.finish().map_err(failed)?;
    if out.digest().as_slice() != file.digest {
        return Err(PayoutError::Changed(name.clone()));
    }
    // A worker that wakes after another one has written the file must not put it there again: the bank may have taken it.
    tx.hold_lease().await?;
    match out.into_inner().commit_new() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(PayoutError::OtherContent(name.clone())),
        done => done.map_err(|error| failed(error.into())),
    }
}

impl<'a> Run<'a> {
    fn of(deployment: &'a Deployment, what: Instruct) -> Result<Self, PayoutError> {
        let (cutoff, day) = (what.cutoff, what.day);
        let settings = deployment.in_force(cutoff).ok_or(PayoutError::NoSettings(cutoff))?;
        let versions = deployment.begun(day.max(what.today));
        if versions.is_empty() {
            return Err(PayoutError::NoSettings(day));
        }
        Ok(Self {
            deployment,
            settings,
            what,
            versions,
        })
    }

    async fn post(&self, tx: &mut Tx) -> Result<Instructed, PayoutError> {
        lock(tx).await?;
        let Instruct {
            cutoff, day, currency, ..
        } = self.what;
        let earlier: Vec<(String, bool)> = files(tx, cutoff)
            .await?
            .iter()
            .map(|file| (file.facts.name(), file.written))
            .collect();
        let mut approved = list(tx, Some(cutoff), Some("approved")).await?;
        approved.retain(|payout| currency.is_none_or(|currency| payout.money.currency() == currency));
        is_as_approved(tx, &approved).await?;
        let books: Vec<BookId> = approved.iter().map(|payout| payout.book).collect();
        let mut locked = LockedBooks::lock(tx, &books).await?;
        let (posted, cancelled) = self.checked(tx, approved).await?;
        let (mut posted, left_out) = self.taken_by_format(posted)?;
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
                    day,
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
            left_out,
            files: Vec::new(),
            lost: Vec::new(),
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
            // Whatever day is booked, nobody is paid before today says so, nor by what today says no more.
            let day = self.what.day.min(self.what.today);
            let to = [holder, account, bank].map(String::as_str);
            let due = match still_due(&payout.merchant, to, day, self.versions, beside) {
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

    /// Those that the format takes, and those that are left out because it does not; all of them where nothing is left out.
    fn taken_by_format(&self, payouts: Vec<Payout>) -> Result<(Vec<Payout>, Vec<LeftOut>), PayoutError> {
        if !self.what.leave_out {
            return Ok((payouts, Vec::new()));
        }
        let (mut taken, mut left_out) = (Vec::with_capacity(payouts.len()), Vec::new());
        for payout in payouts {
            let alone = std::slice::from_ref(&payout);
            let facts = self.facts(1, 0, self.execute_on(alone)?);
            match digest(&self.settings.house, &facts, alone) {
                Ok(_) => taken.push(payout),
                Err(error) if error.is_of_what_is_stated() => left_out.push(LeftOut {
                    payout,
                    reason: error.to_string(),
                }),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((taken, left_out))
    }

    fn facts(&self, ordinal: i32, before: i64, execute_on: NaiveDate) -> Facts {
        Facts {
            cutoff: self.what.cutoff,
            ordinal,
            format: self.what.format,
            execute_on,
            before,
        }
    }

    /// The day on which the bank is to pay: that of booking, or the next one on which the banks of all its currencies are open.
    /// Where settings name no calendar for one, they are closed on Saturdays and Sundays.
    fn execute_on(&self, payouts: &[Payout]) -> Result<NaiveDate, NotCovered> {
        let currencies: BTreeSet<Currency> = payouts.iter().map(|payout| payout.money.currency()).collect();
        let named = &self.settings.payout.calendars;
        let calendars: Vec<&Calendar> = currencies
            .iter()
            .filter_map(|currency| self.deployment.calendar(&named.get(currency)?.name))
            .map(|calendar| &**calendar)
            .collect();
        let some_unknown = currencies.iter().any(|currency| !named.contains_key(currency));
        let is_weekend = |day: NaiveDate| matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        let mut day = self.what.day;
        loop {
            day = BusinessDays(&calendars).following(day)?;
            match day.succ_opt().filter(|_| some_unknown && is_weekend(day)) {
                Some(next) => day = next,
                None => return Ok(day),
            }
        }
    }

    /// Keeps the bank file of payouts that are about to be posted, by its digest.
    async fn keep_file(&self, tx: &mut Tx, ordinal: i32, payouts: &[Payout]) -> Result<Source, PayoutError> {
        let Instruct { cutoff, format, .. } = self.what;
        let execute_on = self.execute_on(payouts)?;
        let sql = include_str!("../../../schema/queries/payout_files_before.sql");
        let rows = tx.query(sql, &[&format.name(), &execute_on]).await?;
        let before = rows.first().map(|row| row.try_get("files")).transpose();
        let facts = self.facts(ordinal, before.map_err(StoreError::from)?.unwrap_or(0), execute_on);
        let digest = digest(&self.settings.house, &facts, payouts)?;
        let source = source_of(tx, SourceKind::Payout, &facts.name(), &digest).await?;
        tx.execute(
            include_str!("../../../schema/queries/payout_file_insert.sql"),
            &[&source.id.0, &cutoff, &ordinal, &format.name(), &execute_on],
        )
        .await?;
        Ok(source)
    }
}

/// The digest of the bank file of payouts.
fn digest(house: &House, facts: &Facts, payouts: &[Payout]) -> Result<[u8; 32], InstructionError> {
    let mut payouts: Vec<&Payout> = payouts.iter().collect();
    if facts.format.is_batched() {
        payouts.sort_by_key(|payout| (payout.money.currency(), &payout.end_to_end_id));
    }
    let mut totals = Totals::new();
    for payout in &payouts {
        add(&mut totals, payout.money)?;
    }
    let mut file = BankFile::begin(Digesting::new(std::io::sink()), house, facts, &totals)?;
    for payout in payouts {
        file.payout(payout.id, &instruction(payout))?;
    }
    Ok(file.finish()?.digest())
}

async fn files(tx: &mut Tx, cutoff: NaiveDate) -> Result<Vec<KeptFile>, StoreError> {
    let rows = tx
        .query(include_str!("../../../schema/queries/payout_files.sql"), &[&cutoff])
        .await?;
    rows.iter()
        .map(|row| {
            let format: &str = row.try_get("format")?;
            let format = format.parse();
            Ok(KeptFile {
                source: SourceId(row.try_get("source_id")?),
                facts: Facts {
                    cutoff,
                    ordinal: row.try_get("ordinal")?,
                    format: format.map_err(|_| StoreError::Unreadable("the format of a bank file".to_owned()))?,
                    execute_on: row.try_get("execute_on")?,
                    before: row.try_get("before")?,
                },
                digest: row.try_get("digest")?,
                written: row.try_get("written")?,
                sent: row.try_get("sent")?,
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

/// A payout as its bank is told.
fn instruction(payout: &Payout) -> Instruction {
    let (holder, account, bank) = payout.destination.clone();
    Instruction {
        end_to_end_id: payout.end_to_end_id.clone(),
        money: payout.money,
        holder,
        account,
        bank,
    }
}
