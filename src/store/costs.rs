//! Claims for costs that are not those of the contract, as reports read them.

use chrono::NaiveDate;

use super::StoreError;
use super::report::wide;
use super::snapshot::Snapshot;

/// Which claims.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Those against this acquirer.
    pub acquirer: Option<String>,
    /// Those of files booked on or after this day.
    pub from: Option<NaiveDate>,
    /// Those of files booked up to this day.
    pub to: Option<NaiveDate>,
}

/// Costs of a term together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRow {
    /// `claim`, `checked` or `invoiced`.
    pub section: String,
    /// The acquirer.
    pub acquirer: String,
    /// Which of the costs.
    pub component: String,
    /// The term; empty for what no term prices.
    pub term: String,
    /// The currency.
    pub currency: String,
    /// How the breaks of claims stand.
    pub state: String,
    /// How many lines.
    pub lines: i64,
    /// Of claims, the day of the oldest line.
    pub since: Option<NaiveDate>,
    /// By the contract, minor units.
    pub expected: i128,
    /// By files and invoices, minor units.
    pub stated: i128,
}

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// The acquirer.
    pub acquirer: String,
    /// The file, or the run that booked the invoice.
    pub file: String,
    /// The settlement batch, or the invoice.
    pub batch: String,
    /// Which of the costs.
    pub component: String,
    /// The term.
    pub term: String,
    /// The line of the file; none where it is of a whole batch, or of an invoice.
    pub line: Option<i32>,
    /// How many lines.
    pub lines: i64,
    /// The day of the oldest.
    pub since: NaiveDate,
    /// The acquirer's reference.
    pub acquirer_reference: Option<String>,
    /// Ours.
    pub merchant_reference: Option<String>,
    /// The currency.
    pub currency: String,
    /// By the contract, minor units.
    pub expected: i64,
    /// By file or invoice, minor units.
    pub stated: i64,
    /// Its break.
    pub break_id: i64,
    /// How it stands.
    pub state: String,
}

/// Claims and all that was checked, by term.
pub async fn terms(snapshot: &mut Snapshot, wanted: &Wanted) -> Result<Vec<TermRow>, StoreError> {
    let sql = include_str!("../../schema/queries/report_fee_claims.sql");
    let rows = snapshot
        .query(sql, &[&wanted.acquirer, &wanted.from, &wanted.to])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(TermRow {
                section: row.try_get("section")?,
                acquirer: row.try_get("acquirer")?,
                component: row.try_get("component")?,
                term: row.try_get("term")?,
                currency: row.try_get("currency")?,
                state: row.try_get("state")?,
                lines: row.try_get("lines")?,
                since: row.try_get("since")?,
                expected: wide(row.try_get("expected")?)?,
                stated: wide(row.try_get("stated")?)?,
            })
        })
        .collect()
}

/// Claims one by one.
pub async fn claims(snapshot: &mut Snapshot, wanted: &Wanted) -> Result<Vec<ClaimRow>, StoreError> {
    let sql = include_str!("../../schema/queries/report_fee_claims_items.sql");
    let rows = snapshot
        .query(sql, &[&wanted.acquirer, &wanted.from, &wanted.to])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ClaimRow {
                acquirer: row.try_get("acquirer")?,
                file: row.try_get("file")?,
                batch: row.try_get("batch")?,
                component: row.try_get("component")?,
                term: row.try_get("term")?,
                line: row.try_get("line")?,
                lines: row.try_get("lines")?,
                since: row.try_get("since")?,
                acquirer_reference: row.try_get("acquirer_reference")?,
                merchant_reference: row.try_get("merchant_reference")?,
                currency: row.try_get("currency")?,
                expected: row.try_get("expected")?,
                stated: row.try_get("stated")?,
                break_id: row.try_get("break_id")?,
                state: row.try_get("state")?,
            })
        })
        .collect()
}
