//! What is known of bank statements, for lists.

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::{BankError, Loaded, Outcome, Parts, Statement};
use crate::bank::Reject;
use crate::ids::SourceId;
use crate::money::Money;
use crate::recon::breaks::BreakClass;
use crate::store::{Store, StoreError, Tx, currency};

/// A bank statement, or a file in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// The file.
    pub source: SourceId,
    /// Its name.
    pub name: String,
    /// Its SHA-256, hexadecimal.
    pub digest: String,
    /// booked, repeated, information or quarantined.
    pub state: String,
    /// Why it is in quarantine.
    pub reason: Option<String>,
    /// Its format.
    pub format: String,
    /// The statement; none of a file in quarantine.
    pub statement: Option<Statement>,
    /// How many entries it has.
    pub entries: i32,
}

/// An entry of a statement, and what a part of it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEntry {
    /// Its place in the file.
    pub ordinal: i32,
    /// The line on which it begins.
    pub line: i64,
    /// booked, pending, information or future.
    pub status: String,
    /// The day on which it is on the account.
    pub booked_on: Option<NaiveDate>,
    /// The day from which the money counts.
    pub value_on: Option<NaiveDate>,
    /// How much; positive is money to us.
    pub amount: String,
    /// The bank's reference.
    pub bank_reference: Option<String>,
    /// Who paid, or was paid.
    pub counterparty: Option<String>,
    /// What the bank writes about it.
    pub text: Option<String>,
    /// What it came to; empty where nothing of it is booked.
    pub kind: String,
    /// How much of it did.
    pub part: String,
    /// The acquirer and batch that it pays, and what of that is awaited no more.
    pub pays: Option<(String, String, String)>,
    /// The merchant in whose book it is; the house's where it is empty.
    pub merchant: Option<String>,
    /// The entry of that book that has it on 1010.
    pub reference: Option<String>,
}

impl Store {
    /// Bank statements, those of an account, or those of a file, in the order in which they were taken in.
    pub async fn bank_statements(
        &self,
        account: Option<&str>,
        file: Option<&str>,
    ) -> Result<Vec<KnownFile>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let sql = include_str!("../../../schema/queries/bank_statements_list.sql");
            let rows = tx.query(sql, &[&account, &file]).await?;
            rows.iter().map(known).collect()
        })
        .await
    }

    /// The entries of a file, by its name or the beginning of its digest: of the latest that fits.
    pub async fn bank_entries(&self, file: &str) -> Result<(Vec<KnownFile>, Vec<KnownEntry>), BankError> {
        let mut files = self.bank_statements(None, Some(file)).await?;
        let Some(source) = files.last().map(|file| file.source) else {
            return Err(BankError::Unknown(file.to_owned()));
        };
        files.retain(|file| file.source == source);
        let entries = self
            .rehearse(async |tx: &mut Tx| {
                let sql = include_str!("../../../schema/queries/bank_entries_list.sql");
                let rows = tx.query(sql, &[&source.0]).await?;
                rows.iter().map(entry).collect::<Result<Vec<_>, StoreError>>()
            })
            .await?;
        Ok((files, entries))
    }
}

fn known(row: &Row) -> Result<KnownFile, StoreError> {
    let account: Option<String> = row.try_get("account")?;
    Ok(KnownFile {
        source: SourceId(row.try_get("source_id")?),
        name: row.try_get("name")?,
        digest: row.try_get("digest")?,
        state: row.try_get("state")?,
        reason: row.try_get("reason")?,
        format: row.try_get("format")?,
        statement: account.map(|_| statement(row)).transpose()?,
        entries: row.try_get("entries")?,
    })
}

fn statement(row: &Row) -> Result<Statement, StoreError> {
    let currency = currency(row.try_get("currency")?)?;
    let balance = |column: &str| -> Result<Option<Money>, StoreError> {
        let minor: Option<i64> = row.try_get(column)?;
        Ok(minor.map(|minor| Money::from_minor(minor, currency)))
    };
    Ok(Statement {
        state: row.try_get("state")?,
        account: row.try_get("account")?,
        id: row.try_get("statement_id")?,
        days: (row.try_get("from_on")?, row.try_get("until_on")?),
        balances: balance("opening")?.zip(balance("closing")?),
        entries: row.try_get("entries")?,
    })
}

fn entry(row: &Row) -> Result<KnownEntry, StoreError> {
    // Of a file in quarantine no statement is kept, and so no currency: amounts are minor units then.
    let code: Option<&str> = row.try_get("currency")?;
    let code = code.map(currency).transpose()?;
    let text = |column: &str| -> Result<String, StoreError> {
        let minor: Option<i64> = row.try_get(column)?;
        Ok(match (minor, code) {
            (None, _) => String::new(),
            (Some(minor), Some(code)) => Money::from_minor(minor, code).to_string(),
            (Some(minor), None) => minor.to_string(),
        })
    };
    let batch: Option<String> = row.try_get("batch")?;
    let acquirer: Option<String> = row.try_get("acquirer")?;
    let settled = text("settled")?;
    Ok(KnownEntry {
        ordinal: row.try_get("ordinal")?,
        line: row.try_get("line")?,
        status: row.try_get("status")?,
        booked_on: row.try_get("booked_on")?,
        value_on: row.try_get("value_on")?,
        amount: text("amount")?,
        bank_reference: row.try_get("bank_reference")?,
        counterparty: row.try_get("counterparty")?,
        text: row.try_get("text")?,
        kind: row.try_get("kind")?,
        part: text("part")?,
        pays: acquirer.zip(batch).map(|(acquirer, batch)| (acquirer, batch, settled)),
        merchant: row.try_get("merchant")?,
        reference: row.try_get("reference")?,
    })
}

/// What the database has of a file: the same whether it was taken in just now or, under a name, before.
pub(super) async fn loaded(tx: &mut Tx, source: SourceId, before: Option<String>) -> Result<Loaded, BankError> {
    let rows = tx
        .query(include_str!("../../../schema/queries/bank_file_of.sql"), &[&source.0])
        .await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Unreadable(format!("source {source} without its bank file")))?;
    let read = |row: &Row| -> Result<(Option<String>, String, i32, i64), StoreError> {
        Ok((
            row.try_get("reason")?,
            row.try_get("format")?,
            row.try_get("entries")?,
            row.try_get("rejects")?,
        ))
    };
    let (reason, format, entries, rejects) = read(row)?;
    let outcome = match (reason, before) {
        (Some(reason), _) => Outcome::Quarantined(reason),
        (None, Some(name)) => Outcome::AlreadyBooked(name),
        (None, None) => Outcome::Booked,
    };
    let statements = tx
        .query(
            include_str!("../../../schema/queries/bank_statements_of.sql"),
            &[&source.0],
        )
        .await?;
    let parts = tx
        .query(include_str!("../../../schema/queries/bank_parts_of.sql"), &[&source.0])
        .await?;
    let breaks = tx
        .query(include_str!("../../../schema/queries/bank_breaks_of.sql"), &[&source.0])
        .await?;
    let rejected = tx
        .query(
            include_str!("../../../schema/queries/bank_rejects_of.sql"),
            &[&source.0],
        )
        .await?;
    Ok(Loaded {
        outcome,
        format,
        entries,
        rejects,
        statements: statements.iter().map(statement).collect::<Result<_, StoreError>>()?,
        parts: parts_of(&parts)?,
        breaks: breaks.iter().map(broken).collect::<Result<_, StoreError>>()?,
        rejected: rejected.iter().map(reject).collect::<Result<_, StoreError>>()?,
    })
}

fn parts_of(rows: &[Row]) -> Result<Parts, StoreError> {
    let mut parts = Parts::new();
    for row in rows {
        let code: String = row.try_get("currency")?;
        let money = Money::from_minor(row.try_get("amount")?, currency(&code)?);
        parts.insert((row.try_get("kind")?, code), (row.try_get("parts")?, money));
    }
    Ok(parts)
}

fn broken(row: &Row) -> Result<(BreakClass, i64), StoreError> {
    let name: &str = row.try_get("class")?;
    let class = BreakClass::from_name(name).ok_or_else(|| StoreError::Unreadable(format!("break class {name}")))?;
    Ok((class, row.try_get("breaks")?))
}

fn reject(row: &Row) -> Result<Reject, StoreError> {
    let line: i64 = row.try_get("line")?;
    Ok(Reject {
        line: u64::try_from(line).map_err(|_| StoreError::Unreadable(format!("a reject of line {line}")))?,
        place: row.try_get("field")?,
        reason: row.try_get("reason")?,
    })
}
