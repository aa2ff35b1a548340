//! What velocity rules and monthly limits decided, as the database has it.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Store, StoreError, Tx, currency};
use crate::ids::EntryNumber;
use crate::money::Money;

/// A decision other than to accept, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VelocityDecision {
    /// When the event happened.
    pub occurred_at: DateTime<Utc>,
    /// The merchant.
    pub merchant: String,
    /// The payment.
    pub payment: String,
    /// The event's reference.
    pub reference: String,
    /// Its entry; none where it was refused.
    pub number: Option<EntryNumber>,
    /// The rule; none for the monthly limit of the acquirer.
    pub rule: Option<String>,
    /// The first booking date of the settings that held it.
    pub version: NaiveDate,
    /// flag, hold or refuse.
    pub action: String,
    /// How many authorizations there were in the window, this one included.
    pub count: Option<i64>,
    /// How many there might be.
    pub max_count: Option<i64>,
    /// What they came to, this one included.
    pub sum: Money,
    /// What they might come to.
    pub max_sum: Option<Money>,
    /// In words.
    pub reason: String,
}

impl Store {
    /// What rules and limits decided, in the order of events, by merchant and action where these are given.
    pub async fn velocity_decisions(
        &self,
        merchant: Option<&str>,
        action: Option<&str>,
    ) -> Result<Vec<VelocityDecision>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let rows = tx
                .query(
                    include_str!("../../schema/queries/velocity_decisions.sql"),
                    &[&merchant, &action],
                )
                .await?;
            rows.iter()
                .map(|row| {
                    let currency = currency(row.try_get("currency")?)?;
                    let max_sum: Option<i64> = row.try_get("max_sum")?;
                    Ok(VelocityDecision {
                        occurred_at: row.try_get("occurred_at")?,
                        merchant: row.try_get("merchant")?,
                        payment: row.try_get("payment")?,
                        reference: row.try_get("reference")?,
                        number: row.try_get::<_, Option<i64>>("number")?.map(EntryNumber),
                        rule: row.try_get("rule")?,
                        version: row.try_get("rule_version")?,
                        action: row.try_get("action")?,
                        count: row.try_get("count")?,
                        max_count: row.try_get("max_count")?,
                        sum: Money::from_minor(row.try_get("sum")?, currency),
                        max_sum: max_sum.map(|minor| Money::from_minor(minor, currency)),
                        reason: row.try_get("reason")?,
                    })
                })
                .collect()
        })
        .await
    }
}
