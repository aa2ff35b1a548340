//! One look at the database: everything read through a [`Snapshot`] is of the same moment.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, RowStream};

use super::{Store, StoreError, Tx};
use crate::audit::export::hex;
use sha2::{Digest, Sha256};

/// A read-only transaction at REPEATABLE READ.
pub struct Snapshot(Tx);

impl Snapshot {
    /// Takes the snapshot.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        let mut tx = store.begin().await?;
        tx.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .await?;
        Ok(Self(tx))
    }

    /// All rows of a statement of `schema/queries`.
    pub async fn query(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.0.query(sql, parameters).await
    }

    /// The rows of a statement, as they arrive.
    pub async fn query_stream(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<RowStream, StoreError> {
        self.0.query_stream(sql, parameters).await
    }

    /// Opens a cursor: a statement that begins with `declare`.
    pub async fn declare(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<(), StoreError> {
        self.0.execute(sql, parameters).await.map(|_| ())
    }

    /// SHA-256 over the heads of all books, in hex: which books, and how far, the snapshot has seen.
    pub async fn books_digest(&mut self) -> Result<String, StoreError> {
        use futures_util::TryStreamExt;
        let mut rows = std::pin::pin!(
            self.query_stream(include_str!("../../schema/queries/book_heads.sql"), &[])
                .await?
        );
        let mut digest = Sha256::new();
        while let Some(row) = rows.try_next().await? {
            let merchant: Option<&str> = row.try_get(1)?;
            let name = merchant.unwrap_or_default().as_bytes();
            digest.update(row.try_get::<_, i64>(0)?.to_be_bytes());
            digest.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(name);
            digest.update(row.try_get::<_, i64>(2)?.to_be_bytes());
            digest.update(row.try_get::<_, &[u8]>(3)?);
        }
        Ok(hex(&digest.finalize()))
    }

    /// Lets it go.
    pub async fn close(self) {
        self.0.roll_back().await;
    }
}
