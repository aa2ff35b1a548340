//! What is used of monthly limits: loaded under the locks of their payers, moved, written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::lock_payers;
use crate::ids::AcquirerId;
use crate::payment::limits::{LimitKey, Used};
use crate::store::settings::Deployment;
use crate::store::{StoreError, Tx, currency};

/// Limits, and which of them were moved.
#[derive(Default)]
pub(in crate::store) struct Limits {
    used: BTreeMap<LimitKey, Used>,
    moved: BTreeSet<LimitKey>,
}

impl Limits {
    /// Locks the payers of limits and loads what is used of them; once in a transaction, after the locks of all books that it
    /// writes.
    pub(in crate::store) async fn lock(
        tx: &mut Tx,
        deployment: &Deployment,
        keys: BTreeSet<LimitKey>,
    ) -> Result<Self, StoreError> {
        let payers: Vec<&str> = keys.iter().map(|key| &*key.payer).collect();
        lock_payers(tx, &payers).await?;
        Self::load(tx, deployment, keys).await
    }

    /// Loads what is used of limits whose payers are locked.
    pub(super) async fn load(
        tx: &mut Tx,
        deployment: &Deployment,
        keys: BTreeSet<LimitKey>,
    ) -> Result<Self, StoreError> {
        let mut limits = Self {
            used: keys.into_iter().map(|key| (key, Used::default())).collect(),
            moved: BTreeSet::new(),
        };
        if limits.used.is_empty() {
            return Ok(limits);
        }
        let columns = Columns::of(deployment, limits.used.keys())?;
        let rows = tx
            .query(
                include_str!("../../../../schema/queries/monthly_limits.sql"),
                &[
                    &columns.acquirers,
                    &columns.payers,
                    &columns.months,
                    &columns.currencies,
                ],
            )
            .await?;
        for row in &rows {
            let acquirer = AcquirerId(row.try_get("acquirer_id")?);
            let acquirer = deployment
                .acquirer_name(acquirer)
                .ok_or_else(|| StoreError::Unreadable(format!("acquirer {acquirer}")))?;
            let key = LimitKey {
                acquirer: acquirer.into(),
                payer: row.try_get::<_, &str>("payer")?.into(),
                month: row.try_get("month")?,
                currency: currency(row.try_get("currency")?)?,
            };
            let (held, kept) = (row.try_get("held")?, row.try_get("kept")?);
            limits.used.insert(key, Used { held, kept });
        }
        Ok(limits)
    }

    /// What is used of a limit that was loaded.
    pub(super) fn used(&self, key: &LimitKey) -> Result<Used, StoreError> {
        let used = self.used.get(key).copied();
        used.ok_or_else(|| StoreError::Unreadable(format!("a limit of {} that was not loaded", key.month)))
    }

    /// Adds what an event takes of a limit, or frees.
    pub(in crate::store) fn add(&mut self, key: LimitKey, more: Used) -> Result<(), StoreError> {
        let used = self.used(&key)?.plus(more);
        let used = used.map_err(|refusal| StoreError::TooLarge(refusal.to_string()))?;
        self.used.insert(key.clone(), used);
        self.moved.insert(key);
        Ok(())
    }

    /// Writes where the limits stand that were moved.
    pub(in crate::store) async fn write(&self, tx: &mut Tx, deployment: &Deployment) -> Result<(), StoreError> {
        if self.moved.is_empty() {
            return Ok(());
        }
        let columns = Columns::of(deployment, self.moved.iter())?;
        let used: Vec<Used> = self.moved.iter().map(|key| self.used(key)).collect::<Result<_, _>>()?;
        let held: Vec<i64> = used.iter().map(|used| used.held).collect();
        let kept: Vec<i64> = used.iter().map(|used| used.kept).collect();
        tx.execute(
            include_str!("../../../../schema/queries/monthly_limits_upsert.sql"),
            &[
                &columns.acquirers,
                &columns.payers,
                &columns.months,
                &columns.currencies,
                &held,
                &kept,
            ],
        )
        .await?;
        Ok(())
    }
}

/// Keys of limits as columns.
struct Columns<'k> {
    acquirers: Vec<i16>,
    payers: Vec<&'k str>,
    months: Vec<NaiveDate>,
    currencies: Vec<&'k str>,
}

impl<'k> Columns<'k> {
    fn of(deployment: &Deployment, keys: impl Iterator<Item = &'k LimitKey> + Clone) -> Result<Self, StoreError> {
        let id = |key: &LimitKey| {
            let id = deployment.acquirer(&key.acquirer).map(|id| id.0);
            id.ok_or_else(|| StoreError::Unreadable(format!("a limit of acquirer `{}`", key.acquirer)))
        };
        Ok(Self {
            acquirers: keys.clone().map(id).collect::<Result<_, _>>()?,
            payers: keys.clone().map(|key| &*key.payer).collect(),
            months: keys.clone().map(|key| key.month).collect(),
            currencies: keys.map(|key| key.currency.code()).collect(),
        })
    }
}
