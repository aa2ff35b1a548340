//! Breaks as the database has them.

use chrono::NaiveDate;

use super::{Store, StoreError, Tx, currency};
use crate::money::Money;

/// A break with what it concerns, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// Its number.
    pub id: i64,
    /// Its class.
    pub class: String,
    /// The acquirer.
    pub acquirer: String,
    /// open or resolved.
    pub state: String,
    /// How it was resolved.
    pub resolution: Option<String>,
    /// The settlement file of its line.
    pub file: Option<String>,
    /// Its line of that file.
    pub line: Option<i32>,
    /// The merchant of its item.
    pub merchant: Option<String>,
    /// The payment of its item.
    pub payment: Option<String>,
    /// The reference of its item's entry.
    pub reference: Option<String>,
    /// By the ledger or the contract.
    pub expected: Option<Money>,
    /// By the file.
    pub actual: Option<Money>,
    /// The entry of the house's book that holds its money.
    pub suspense: Option<i64>,
    /// When its item should have been reported.
    pub expected_on: Option<NaiveDate>,
    /// The file that showed it.
    pub found_in: String,
    /// The day that file is about.
    pub found_on: Option<NaiveDate>,
    /// What differs, in words.
    pub detail: String,
}

impl Store {
    /// Breaks, oldest first, by class, state and acquirer where these are given.
    pub async fn breaks(
        &self,
        class: Option<&str>,
        state: Option<&str>,
        acquirer: Option<&str>,
    ) -> Result<Vec<Break>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let rows = tx
                .query(
                    include_str!("../../schema/queries/breaks_list.sql"),
                    &[&class, &state, &acquirer],
                )
                .await?;
            rows.iter()
                .map(|row| {
                    Ok(Break {
                        id: row.try_get("id")?,
                        class: row.try_get("class")?,
                        acquirer: row.try_get("acquirer")?,
                        state: row.try_get("state")?,
                        resolution: row.try_get("resolution")?,
                        file: row.try_get("file")?,
                        line: row.try_get("line")?,
                        merchant: row.try_get("merchant")?,
                        payment: row.try_get("payment")?,
                        reference: row.try_get("reference")?,
                        expected: money(row.try_get("expected")?, row.try_get("expected_in")?)?,
                        actual: money(row.try_get("actual")?, row.try_get("actual_in")?)?,
                        suspense: row.try_get("suspense_number")?,
                        expected_on: row.try_get("expected_on")?,
                        found_in: row.try_get("found_in")?,
                        found_on: row.try_get("found_on")?,
                        detail: row.try_get("detail")?,
                    })
                })
                .collect()
        })
        .await
    }

    /// The settlement line of a break as it came, card numbers masked.
    pub async fn break_line(&self, id: i64) -> Result<Option<String>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let rows = tx
                .query(include_str!("../../schema/queries/break_lines.sql"), &[&id])
                .await?;
            rows.first()
                .map(|row| row.try_get("raw").map_err(StoreError::from))
                .transpose()
        })
        .await
    }
}

fn money(minor: Option<i64>, code: Option<&str>) -> Result<Option<Money>, StoreError> {
    minor
        .zip(code)
        .map(|(minor, code)| Ok(Money::from_minor(minor, currency(code)?)))
        .transpose()
}
