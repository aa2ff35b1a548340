//! The costs of matched lines, held to the contract: breaks, claims, and what all of it comes to.
//!
//! Each line is held to it where it is matched, when line and item are both at hand: nothing is read again. What people match is
//! held to it too, line by line ([`check_by_hand`]); its claims go with the match.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use tokio_postgres::types::Type;

use super::Run;
use super::matching::{BreakRow, write_batch_break};
use crate::ids::{AcquirerId, SourceId};
use crate::money::{AmountError, Money};
use crate::recon::booking::{Item, Line};
use crate::recon::breaks::BreakClass;
use crate::recon::costs::{self as recon, Claim, Review, Sum, SumKey, claims_of, sides, told};
use crate::settings::Acquirer;
use crate::store::{StoreError, Tx};

/// Holds the costs of a file's lines to the contract as they are matched, and keeps what that comes to.
pub(super) struct Costs<'a> {
    review: Review<'a>,
    /// What was found since it was last taken.
    claims: Vec<Claim>,
    /// How many were taken.
    taken: i32,
}

impl<'a> Costs<'a> {
    /// Of a file of an acquirer; none where no contract says what anything costs.
    pub(super) fn of(acquirer: &'a Acquirer) -> Option<Self> {
        Some(Self {
            review: Review::of(acquirer)?,
            claims: Vec::new(),
            taken: 0,
        })
    }

    /// The break of a matched line whose costs are not those of the contract, however many of them.
    pub(super) fn check(
        &mut self,
        batch: &Arc<str>,
        line: &Line,
        item: &Item,
    ) -> Result<Option<BreakRow>, AmountError> {
        let claims = self.review.line(batch, line, item)?;
        let found = break_of(&claims, line, item);
        self.claims.extend(claims);
        Ok(found)
    }

    /// The claims that were found since they were last taken, and how many came before them.
    pub(super) fn take(&mut self) -> Result<(i32, Vec<Claim>), StoreError> {
        let claims = std::mem::take(&mut self.claims);
        let before = self.taken;
        let more = i32::try_from(claims.len()).ok();
        let after = more.and_then(|more| before.checked_add(more));
        self.taken = after.ok_or_else(|| StoreError::TooLarge("the number of claims".to_owned()))?;
        Ok((before, claims))
    }

    /// Writes what batches come to, and what is wrong with them as a whole.
    pub(super) async fn finish(mut self, tx: &mut Tx, run: &Run<'_>) -> Result<(), StoreError> {
        let (sums, of_batches) = self.review.finish();
        write_sums(tx, run, &sums.into_iter().collect::<Vec<_>>()).await?;
        let mut claims = Vec::with_capacity(of_batches.len());
        for claim in of_batches {
            let detail = told(std::slice::from_ref(&claim));
            let (of, sides) = ((run.acquirer_id, run.source), (claim.expected, claim.stated));
            write_batch_break(tx, of, BreakClass::FeeMismatch, sides, &detail).await?;
            claims.push((claim, Some(detail)));
        }
        write_claims(tx, &Kept::of_file(run), &claims, &mut self.taken).await
    }
}

/// Writes claims of lines of a file, after so many.
pub(super) async fn write_claims_of_file(
    tx: &mut Tx,
    run: &Run<'_>,
    mut before: i32,
    claims: Vec<Claim>,
) -> Result<(), StoreError> {
    let claims: Vec<_> = claims.into_iter().map(|claim| (claim, None)).collect();
    write_claims(tx, &Kept::of_file(run), &claims, &mut before).await
}

/// A fee of its own that an acquirer deducts though it settles in full: its break and its claim.
pub(super) fn deducted(run: &Run<'_>, batch: &str, line: &Line) -> Result<Option<(BreakRow, Claim)>, AmountError> {
    let claim = recon::deducted(&Arc::from(batch), line, run.acquirer)?;
    Ok(claim.map(|claim| {
        let found = BreakRow {
            class: BreakClass::FeeMismatch,
            ordinal: line.ordinal,
            item: None,
            expected: Some(claim.expected),
            actual: Some(claim.stated),
            suspense: None,
            kept_pending: None,
            detail: told(std::slice::from_ref(&claim)),
        };
        (found, claim)
    }))
}

/// Fees of their own that no contract prices, added up by batch.
#[derive(Default)]
pub(super) struct Unpriced(BTreeMap<SumKey, Sum>);

impl Unpriced {
    /// Adds a line, if it is such a fee.
    pub(super) fn add(&mut self, run: &Run<'_>, batch: &str, line: &Line) -> Result<(), AmountError> {
        if let Some((key, more)) = recon::unpriced(&Arc::from(batch), line, run.acquirer)? {
            let sum = self.0.entry(key).or_default();
            *sum = sum.plus(more)?;
        }
        Ok(())
    }

    /// Keeps them with what else the costs of the file come to.
    pub(super) async fn write(self, tx: &mut Tx, run: &Run<'_>) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        write_sums(tx, run, &self.0.into_iter().collect::<Vec<_>>()).await
    }
}

/// Writes claims of lines of a file, after those that it has.
pub(super) async fn write_more_claims(tx: &mut Tx, run: &Run<'_>, claims: Vec<Claim>) -> Result<(), StoreError> {
    if claims.is_empty() {
        return Ok(());
    }
    let before = last_place(tx, run.source).await?;
    write_claims_of_file(tx, run, before, claims).await
}

/// How many claims a file has.
async fn last_place(tx: &mut Tx, source: SourceId) -> Result<i32, StoreError> {
    let last = include_str!("../../../schema/queries/cost_claims_last.sql");
    let rows = tx.query(last, &[&source.0]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.try_get(0))?)
}

/// What claims are kept with.
struct Kept {
    acquirer: AcquirerId,
    source: SourceId,
    booked_on: NaiveDate,
    proposal: Option<i64>,
}

impl Kept {
    fn of_file(run: &Run<'_>) -> Self {
        Self {
            acquirer: run.acquirer_id,
            source: run.source,
            booked_on: run.as_of,
            proposal: None,
        }
    }
}

/// A line that people match.
pub(in crate::store) struct ByHand<'a> {
    /// Its acquirer.
    pub(in crate::store) acquirer: (AcquirerId, &'a Acquirer),
    /// Its file.
    pub(in crate::store) source: SourceId,
    /// Its batch.
    pub(in crate::store) batch: &'a Arc<str>,
    /// The line, and the item that it is priced by.
    pub(in crate::store) matched: (&'a Line, &'a Item),
    /// What is executed.
    pub(in crate::store) proposal: i64,
    /// The booking date of the match.
    pub(in crate::store) day: NaiveDate,
}

/// Holds the costs of a line that people match to the contract, and keeps the claims; the break that they are worked on by.
pub(in crate::store) async fn check_by_hand(tx: &mut Tx, by_hand: &ByHand<'_>) -> Result<Option<BreakRow>, StoreError> {
    let (id, acquirer) = by_hand.acquirer;
    let (line, item) = by_hand.matched;
    let claims = claims_of(by_hand.batch, line, item, acquirer);
    let claims = claims.map_err(|_| StoreError::TooLarge("the price of a line".to_owned()))?;
    let found = break_of(&claims, line, item);
    let mut place = last_place(tx, by_hand.source).await?;
    let kept = Kept {
        acquirer: id,
        source: by_hand.source,
        booked_on: by_hand.day,
        proposal: Some(by_hand.proposal),
    };
    let claims: Vec<_> = claims.into_iter().map(|claim| (claim, None)).collect();
    write_claims(tx, &kept, &claims, &mut place).await?;
    Ok(found)
}

/// One break of a line, however many of its costs differ.
fn break_of(claims: &[Claim], line: &Line, item: &Item) -> Option<BreakRow> {
    let first = claims.first()?;
    let (expected, actual) = sides(claims);
    let money = |minor| Some(Money::from_minor(minor, first.expected.currency()));
    Some(BreakRow {
        class: BreakClass::FeeMismatch,
        ordinal: line.ordinal,
        item: Some((item.book, item.number)),
        expected: money(expected),
        actual: money(actual),
        suspense: None,
        kept_pending: None,
        detail: told(claims),
    })
}

/// Claims are numbered as they were found, which goes by what lines are matched by; what is of a batch comes last, with the words
/// of its break.
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
            &&*claim.batch,
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
