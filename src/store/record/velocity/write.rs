//! Writing what rules count, what was decided, what is held, and where limits stand.

use chrono::NaiveDate;
use tokio_postgres::types::{ToSql, Type};

use super::Velocity;
use crate::ids::{BookId, EntryNumber};
use crate::ledger::entry::Fingerprint;
use crate::money::Money;
use crate::payment::event::PaymentEvent;
use crate::payment::lifecycle::Instrument;
use crate::settings::Action;
use crate::store::settings::Deployment;
use crate::store::{StoreError, Tx};

/// Who answers for what velocity rules set aside.
const OWNER: &str = "risk";
/// By whom a hold ends that goes with its capture.
const ENDED_BY: &str = "capture void";

/// An authorization that is counted.
pub(super) struct Counted<'a> {
    pub(super) book: BookId,
    pub(super) number: EntryNumber,
    pub(super) event: &'a PaymentEvent,
    pub(super) paid_by: Instrument,
}

/// A decision other than to accept; without a rule, that of a monthly limit.
pub(super) struct Decided<'a> {
    pub(super) book: BookId,
    pub(super) event: &'a PaymentEvent,
    pub(super) fingerprint: Fingerprint,
    pub(super) number: Option<EntryNumber>,
    pub(super) version: NaiveDate,
    pub(super) rule: Option<String>,
    pub(super) action: Action,
    pub(super) count: Option<i64>,
    pub(super) max_count: Option<i64>,
    pub(super) sum: Money,
    pub(super) max_sum: Option<Money>,
    pub(super) reason: String,
}

/// A capture's money that is set aside.
pub(super) struct SetAside {
    pub(super) book: BookId,
    pub(super) number: EntryNumber,
    pub(super) money: Money,
    pub(super) rule: String,
    pub(super) day: NaiveDate,
}

/// A hold that goes with its capture.
pub(super) struct Ended {
    pub(super) book: BookId,
    pub(super) of: EntryNumber,
    pub(super) by: EntryNumber,
}

impl Velocity<'_> {
    /// Writes all of it, after the entries.
    pub(in crate::store::record) async fn write(
        &mut self,
        tx: &mut Tx,
        deployment: &Deployment,
    ) -> Result<(), StoreError> {
        self.write_counted(tx).await?;
        self.write_decided(tx).await?;
        self.write_set_aside(tx).await?;
        self.write_ended(tx).await?;
        self.limits.write(tx, deployment).await
    }

    async fn write_counted(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        const TYPES: [Type; 8] = [
            Type::INT8,
            Type::INT8,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TIMESTAMPTZ,
            Type::TEXT,
            Type::INT8,
        ];
        if self.counted.is_empty() {
            return Ok(());
        }
        self.counted
            .sort_unstable_by_key(|counted| (counted.book, counted.number));
        let sql = include_str!("../../../../schema/queries/velocity_activity_copy.sql");
        let mut copy = tx.copy(sql, &TYPES).await?;
        for counted in &self.counted {
            let (event, paid_by) = (counted.event, &counted.paid_by);
            let currency = event.money.currency();
            let row: [&(dyn ToSql + Sync); 8] = [
                &counted.book.0,
                &counted.number.0,
                &paid_by.payer.as_deref(),
                &paid_by.method.as_deref(),
                &paid_by.category.as_deref(),
                &event.occurred_at,
                &currency.code(),
                &event.money.minor(),
            ];
            copy.row(&row).await?;
        }
        tx.end_copy(copy).await
    }

    async fn write_decided(&self, tx: &mut Tx) -> Result<(), StoreError> {
        const TYPES: [Type; 15] = [
            Type::INT8,
            Type::TEXT,
            Type::TEXT,
            Type::BYTEA,
            Type::INT8,
            Type::TEXT,
            Type::DATE,
            Type::TEXT,
            Type::INT8,
            Type::INT8,
            Type::TEXT,
            Type::INT8,
            Type::INT8,
            Type::TEXT,
            Type::TIMESTAMPTZ,
        ];
        if self.decided.is_empty() {
            return Ok(());
        }
        let sql = include_str!("../../../../schema/queries/velocity_decisions_copy.sql");
        let mut copy = tx.copy(sql, &TYPES).await?;
        for decided in &self.decided {
            let currency = decided.sum.currency();
            let row: [&(dyn ToSql + Sync); 15] = [
                &decided.book.0,
                &decided.event.payment,
                &decided.event.reference,
                &decided.fingerprint.as_slice(),
                &decided.number.map(|number| number.0),
                &decided.rule,
                &decided.version,
                &decided.action.name(),
                &decided.count,
                &decided.max_count,
                &currency.code(),
                &decided.sum.minor(),
                &decided.max_sum.map(Money::minor),
                &decided.reason,
                &decided.event.occurred_at,
            ];
            copy.row(&row).await?;
        }
        tx.end_copy(copy).await
    }

    async fn write_set_aside(&self, tx: &mut Tx) -> Result<(), StoreError> {
        if self.set_aside.is_empty() {
            return Ok(());
        }
        let held = || self.set_aside.iter();
        let books: Vec<i64> = held().map(|held| held.book.0).collect();
        let currencies: Vec<String> = held().map(|held| held.money.currency().to_string()).collect();
        let exponents: Vec<i16> = held().map(|held| i16::from(held.money.currency().exponent())).collect();
        let amounts: Vec<i64> = held().map(|held| held.money.minor()).collect();
        let reasons: Vec<String> = held().map(|held| format!("velocity rule {}", held.rule)).collect();
        let owners: Vec<&str> = held().map(|_| OWNER).collect();
        let days: Vec<NaiveDate> = held().map(|held| held.day).collect();
        let numbers: Vec<i64> = held().map(|held| held.number.0).collect();
        tx.execute(
            include_str!("../../../../schema/queries/velocity_holds_place.sql"),
            &[
                &books,
                &currencies,
                &exponents,
                &amounts,
                &reasons,
                &owners,
                &days,
                &numbers,
            ],
        )
        .await?;
        Ok(())
    }

    async fn write_ended(&self, tx: &mut Tx) -> Result<(), StoreError> {
        if self.ended.is_empty() {
            return Ok(());
        }
        let books: Vec<i64> = self.ended.iter().map(|ended| ended.book.0).collect();
        let of: Vec<i64> = self.ended.iter().map(|ended| ended.of.0).collect();
        let by: Vec<i64> = self.ended.iter().map(|ended| ended.by.0).collect();
        tx.execute(
            include_str!("../../../../schema/queries/velocity_holds_end.sql"),
            &[&books, &of, &by, &ENDED_BY],
        )
        .await?;
        Ok(())
    }
}
