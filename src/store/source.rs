//! Sources: the files and runs that entries come from, known by the digest of their content.

use std::io::{Read, Write};

use sha2::{Digest, Sha256};
use tokio_postgres::Row;

use super::{StoreError, Tx};
use crate::ids::SourceId;

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A file of payment events.
    Events,
    /// An acquirer's settlement file.
    Settlement,
    /// A payout run.
    Payout,
    /// A file of bank statements.
    Bank,
    /// A run of a command that takes no file, by what it was asked to do.
    Run,
}

impl SourceKind {
    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Settlement => "settlement",
            Self::Payout => "payout",
            Self::Bank => "bank",
            Self::Run => "run",
        }
    }
}

/// A source as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// The name under which its content came first, in this run.
    pub name: String,
    /// Which time its content was taken in: above 1 where it was undone and came again.
    pub run: i16,
    /// Whether this transaction made it.
    pub new: bool,
}

/// The latest source of this content, made when it is new.
pub async fn source_of(tx: &mut Tx, kind: SourceKind, name: &str, digest: &[u8]) -> Result<Source, StoreError> {
    let sql = include_str!("../../schema/queries/source_of.sql");
    let mut rows = tx.query(sql, &[&kind.name(), &name, &digest]).await?;
    if rows.is_empty() {
        // Another transaction made it while this statement ran; its row is visible to the next one.
        rows = tx.query(sql, &[&kind.name(), &name, &digest]).await?;
    }
    read(&rows)
}

/// Another run of the content of a source that was undone.
pub async fn source_again(
    tx: &mut Tx,
    undone: &Source,
    kind: SourceKind,
    name: &str,
    digest: &[u8],
) -> Result<Source, StoreError> {
    let sql = include_str!("../../schema/queries/source_again.sql");
    let rows = tx.query(sql, &[&undone.id.0, &name]).await?;
    if rows.is_empty() {
        // Another transaction was first, for another acquirer.
        return source_of(tx, kind, name, digest).await;
    }
    read(&rows)
}

fn read(rows: &[Row]) -> Result<Source, StoreError> {
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Unreadable("a source without a row".to_owned()))?;
    Ok(Source {
        id: SourceId(row.try_get("id")?),
        name: row.try_get("name")?,
        run: row.try_get("run")?,
        new: row.try_get("new")?,
    })
}

/// How entries name a file in their references: by the beginning of its digest, and its run where that is not the first.
pub fn tag(digest: &[u8], run: i16) -> String {
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    if run > 1 { format!("{digest}.{run}") } else { digest }
}

/// The source of a run that takes no file: what it was asked to do, in words, is its content.
pub async fn source_of_run(tx: &mut Tx, what: &str) -> Result<Source, StoreError> {
    source_of(tx, SourceKind::Run, what, &Sha256::digest(what)).await
}

/// Passes bytes through and digests them.
pub struct Digesting<R> {
    input: R,
    digest: Sha256,
    bytes: u64,
}

impl<R> Digesting<R> {
    /// Begins a digest.
    pub fn new(input: R) -> Self {
        Self {
            input,
            digest: Sha256::new(),
            bytes: 0,
        }
    }

    /// SHA-256 of the bytes so far.
    pub fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// What the bytes come from, or go to.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// How many bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let count = self.input.write(buffer)?;
        self.digest.update(buffer.get(..count).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.input.flush()
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.digest.update(buffer.get(..count).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}
