//! The costs of matched lines, held to the contract: breaks, claims, and what all of it comes to.
//!
//! What people match is held to it too, line by line ([`check_by_hand`]); its claims go with the match.
//!
//! This comes after matching: a price may go by what the payment alone knows. Lines go by in the order of the file, in flat memory;
//! where nothing is agreed, nothing is read.

use chrono::NaiveDate;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::matching::{BreakRow, write_breaks};
use super::{ReconcileError, Run, currency};
use crate::acquirer::RecordType;
use crate::ids::{AcquirerId, BookId, EntryNumber, SourceId};
use crate::money::Money;
use crate::recon::booking::Costs;
use crate::recon::breaks::BreakClass;
use crate::recon::costs::{Claim, PricedLine, Review, Sum, SumKey, claims_of, sides, told};
use crate::settings::Acquirer;
use crate::store::{StoreError, Tx};

/// Holds the costs of the lines that a file matched to the contract.
pub(super) async fn check(tx: &mut Tx, run: &Run<'_>) -> Result<(), ReconcileError> {
    let Some(mut review) = Review::of(run.acquirer) else {
        return Ok(());
    };
    let declare = include_str!("../../../schema/queries/costs_of_matches.sql");
    tx.execute(declare, &[&run.source.0, &review.asks_for_payment()])
        .await?;
    let mut place = 0_i32;
    let of_file = Kept {
        acquirer: run.acquirer_id,
        source: run.source,
        booked_on: run.as_of,
        proposal: None,
    };
    loop {
        let rows = tx
            .query(include_str!("../../../schema/queries/costs_of_matches_next.sql"), &[])
            .await?;
        if rows.is_empty() {
            break;
        }
        let (mut breaks, mut claims) = (Vec::new(), Vec::new());
        for row in &rows {
            let line = read(row)?;
            let of_line = review.line(&line)?;
            breaks.extend(break_of(&of_line, &line));
            claims.extend(of_line.into_iter().map(|claim| (claim, None)));
        }
        write_breaks(tx, run.acquirer_id, run.source, breaks).await?;
        write_claims(tx, &of_file, &claims, &mut place).await?;
    }
    tx.run(include_str!("../../../schema/queries/costs_of_matches_close.sql"))
        .await?;
    let (sums, of_batches) = review.finish();
    write_sums(tx, run, &sums.into_iter().collect::<Vec<_>>()).await?;
    let mut claims = Vec::with_capacity(of_batches.len());
    for claim in of_batches {
        let detail = told(std::slice::from_ref(&claim));
        write_batch_break(tx, run, &claim, &detail).await?;
        claims.push((claim, Some(detail)));
    }
    write_claims(tx, &of_file, &claims, &mut place).await?;
    Ok(())
}

/// What claims are kept with.
struct Kept {
    acquirer: AcquirerId,
    source: SourceId,
    booked_on: NaiveDate,
    proposal: Option<i64>,
}

/// A line that people have matched just now.
pub(in crate::store) struct ByHand {
    /// Its acquirer.
    pub(in crate::store) acquirer: AcquirerId,
    /// Its file.
    pub(in crate::store) source: SourceId,
    /// Its place in it.
    pub(in crate::store) ordinal: i32,
    /// What was executed.
    pub(in crate::store) proposal: i64,
    /// The booking date of the match.
    pub(in crate::store) day: NaiveDate,
}

/// Holds the costs of a line that people have matched to the contract, and keeps the claims; the break that they are worked on by.
pub(in crate::store) async fn check_by_hand(
    tx: &mut Tx,
    acquirer: &Acquirer,
    matched: &ByHand,
) -> Result<Option<BreakRow>, StoreError> {
    let sql = include_str!("../../../schema/queries/costs_of_line.sql");
    let rows = tx
        .query(sql, &[&matched.source.0, &matched.ordinal, &matched.proposal])
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let line = read(row)?;
    let claims = claims_of(&line, acquirer).map_err(|_| StoreError::TooLarge("the price of a line".to_owned()))?;
    let found = break_of(&claims, &line);
    let kept = Kept {
        acquirer: matched.acquirer,
        source: matched.source,
        booked_on: matched.day,
        proposal: Some(matched.proposal),
    };
    let mut place: i32 = row.try_get("place")?;
    let claims: Vec<_> = claims.into_iter().map(|claim| (claim, None)).collect();
    write_claims(tx, &kept, &claims, &mut place).await?;
    Ok(found)
}

fn read(row: &Row) -> Result<PricedLine, StoreError> {
    let record: i16 = row.try_get(2)?;
    let gross_currency = currency(row.try_get(4)?)?;
    Ok(PricedLine {
        ordinal: row.try_get(0)?,
        batch: row.try_get(1)?,
        record: RecordType::from_id(record).ok_or_else(|| StoreError::Unreadable(format!("record type {record}")))?,
        day: row.try_get(3)?,
        gross: Money::from_minor(row.try_get(5)?, gross_currency),
        net_currency: currency(row.try_get(6)?)?,
        costs: Costs {
            interchange: row.try_get(7)?,
            scheme: row.try_get(8)?,
            acquirer: row.try_get(9)?,
        },
        item: (BookId(row.try_get(10)?), EntryNumber(row.try_get(11)?)),
        cost_booked: row.try_get(12)?,
        method: row.try_get(13)?,
        scheme: row.try_get(14)?,
        card_country: row.try_get(15)?,
    })
}

/// One break of a line, however many of its costs differ.
fn break_of(claims: &[Claim], line: &PricedLine) -> Option<BreakRow> {
    let first = claims.first()?;
    let (expected, actual) = sides(claims);
    let money = |minor| Some(Money::from_minor(minor, first.expected.currency()));
    Some(BreakRow {
        class: BreakClass::FeeMismatch,
        ordinal: line.ordinal,
        item: Some(line.item),
        expected: money(expected),
        actual: money(actual),
        suspense: None,
        kept_pending: None,
        detail: told(claims),
    })
}

async fn write_batch_break(tx: &mut Tx, run: &Run<'_>, claim: &Claim, detail: &str) -> Result<(), StoreError> {
    let insert = include_str!("../../../schema/queries/break_of_batch.sql");
    tx.execute(
        insert,
        &[
            &run.acquirer_id.0,
            &run.source.0,
            &claim.expected.currency().code(),
            &claim.expected.minor(),
            &claim.stated.minor(),
            &detail,
            &BreakClass::FeeMismatch.name(),
        ],
    )
    .await?;
    Ok(())
}

/// Claims are numbered by their place in the file; what is of a batch comes last, with the words of its break.
async fn write_claims(
    tx: &mut Tx,
    kept: &Kept,
    claims: &[(Claim, Option<String>)],
    place: &mut i32,
) -> Result<(), StoreError> {
    const TYPES: [Type; 15] = [
        Type::INT8,
        Type::INT4,
        Type::INT2,
        Type::INT4,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::DATE,
        Type::DATE,
        Type::TEXT,
        Type::INT8,
    ];
    if claims.is_empty() {
        return Ok(());
    }
    let mut copy = tx
        .copy(include_str!("../../../schema/queries/cost_claims_copy.sql"), &TYPES)
        .await?;
    for (claim, detail) in claims {
        *place = place
            .checked_add(1)
            .ok_or_else(|| StoreError::TooLarge("the number of claims".to_owned()))?;
        copy.row(&[
            &kept.source.0,
            &*place,
            &kept.acquirer.0,
            &claim.ordinal,
            &claim.batch,
            &claim.expected.currency().code(),
            &claim.component.name(),
            &&*claim.term,
            &claim.lines,
            &claim.expected.minor(),
            &claim.stated.minor(),
            &claim.since,
            &kept.booked_on,
            detail,
            &kept.proposal,
        ])
        .await?;
    }
    tx.end_copy(copy).await
}

async fn write_sums(tx: &mut Tx, run: &Run<'_>, sums: &[(SumKey, Sum)]) -> Result<(), StoreError> {
    let column = |of: fn(&Sum) -> i64| sums.iter().map(|(_, sum)| of(sum)).collect::<Vec<i64>>();
    let text = |of: fn(&SumKey) -> &str| sums.iter().map(|(key, _)| of(key)).collect::<Vec<&str>>();
    let months: Vec<NaiveDate> = sums.iter().map(|(key, _)| key.month).collect();
    let invoiced: Vec<bool> = sums.iter().map(|(key, _)| key.invoiced).collect();
    tx.execute(
        include_str!("../../../schema/queries/cost_sums_insert.sql"),
        &[
            &run.source.0,
            &text(|key| &key.batch),
            &months,
            &text(|key| key.currency.code()),
            &text(|key| key.component.name()),
            &text(|key| &key.term),
            &invoiced,
            &column(|sum| sum.lines),
            &column(|sum| sum.expected),
            &column(|sum| sum.stated),
        ],
    )
    .await?;
    Ok(())
}
