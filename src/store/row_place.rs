//! Where a row is stored: PostgreSQL's `ctid`, a page and a place in it, six bytes.
//!
//! It names the row for as long as the transaction that read it keeps others from it, and finds it without an index. It is never
//! kept beyond that, and never looked into.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// The place of a row, as the server writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowPlace([u8; 6]);

impl FromSql<'_> for RowPlace {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TID
    }
}

impl ToSql for RowPlace {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TID
    }

    to_sql_checked!();
}
