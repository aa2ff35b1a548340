//! Binary COPY into a table, in large pieces.
//!
//! The driver's own writer hands over 4 kB at a time, each a message to its connection task; at that size the hand-over costs as
//! much as the encoding. This one encodes rows into one buffer and hands over 64 kB: few messages, and still in the cache of the
//! processor when the connection sends them. The format is that of PostgreSQL's COPY documentation, "Binary Format": a signature,
//! two zero words, then for each row its number of fields and each field as length and bytes (-1 for null), and -1 at the end.

use std::pin::Pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::CopyInSink;
use tokio_postgres::types::{IsNull, ToSql, Type};

use super::StoreError;

/// How many bytes are gathered before they are handed over.
const PIECE: usize = 64 * 1024;

/// A COPY under way; `Tx::end_copy` ends it.
pub struct Copy {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    types: &'static [Type],
    buffer: BytesMut,
    rows: u64,
}

impl Copy {
    pub(super) fn new(sink: CopyInSink<Bytes>, types: &'static [Type]) -> Self {
        let mut buffer = BytesMut::with_capacity(PIECE.saturating_mul(2));
        buffer.put_slice(b"PGCOPY\n\xff\r\n\0");
        buffer.put_i32(0);
        buffer.put_i32(0);
        Self {
            sink: Box::pin(sink),
            types,
            buffer,
            rows: 0,
        }
    }

    /// Adds a row: as many values as the COPY has types.
    pub async fn row(&mut self, values: &[&(dyn ToSql + Sync)]) -> Result<(), StoreError> {
        let fields =
            i16::try_from(values.len()).map_err(|_| StoreError::TooLarge("the number of columns".to_owned()))?;
        if values.len() != self.types.len() {
            return Err(StoreError::Unreadable(format!(
                "{fields} values for {} columns",
                self.types.len()
            )));
        }
        self.buffer.put_i16(fields);
        for (value, kind) in values.iter().zip(self.types) {
            self.field(*value, kind)?;
        }
        self.rows = self.rows.saturating_add(1);
        if self.buffer.len() >= PIECE {
            let piece = self.buffer.split().freeze();
            self.buffer.reserve(PIECE.saturating_mul(2));
            self.sink.send(piece).await?;
        }
        Ok(())
    }

    fn field(&mut self, value: &(dyn ToSql + Sync), kind: &Type) -> Result<(), StoreError> {
        let at = self.buffer.len();
        self.buffer.put_i32(-1);
        let written = value
            .to_sql_checked(kind, &mut self.buffer)
            .map_err(|error| StoreError::TooLarge(format!("a value ({error})")))?;
        let start = at.saturating_add(4);
        if matches!(written, IsNull::No) {
            let length = i32::try_from(self.buffer.len().saturating_sub(start))
                .map_err(|_| StoreError::TooLarge("a value".to_owned()))?;
            if let Some(place) = self.buffer.get_mut(at..start) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }

    /// Ends the COPY: the rows that were given, and those that the server stored.
    pub(super) async fn finish(mut self) -> Result<(u64, u64), tokio_postgres::Error> {
        self.buffer.put_i16(-1);
        let last = self.buffer.split().freeze();
        self.sink.send(last).await?;
        Ok((self.rows, self.sink.as_mut().finish().await?))
    }
}
