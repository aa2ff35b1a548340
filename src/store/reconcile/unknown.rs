//! Authorizations whose outcome nobody knew: a settlement line that reports such a payment is the answer.
//!
//! A line of a capture answers when it has the acquirer's reference of the attempt, or our own as the acquirer echoes it, in the
//! currency and at most of the amount that was asked for. Then authorization and capture are recorded as if their events had
//! come, the settlement file being their source, and matching finds the capture. Nothing is decided between two payments that fit
//! one line, or between lines of different amounts for one payment: such lines go to suspense, the payment stays unknown.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;

use super::matching::Matching;
use super::{ReconcileError, Run, currency};
use crate::ids::{BookId, EntryNumber, OWN};
use crate::ledger::entry::EntryKind;
use crate::money::Money;
use crate::payment::event::{Details, PaymentEvent};
use crate::recon::matching::{BusinessDays, Pass};
use crate::store::books::LockedBooks;
use crate::store::record::{Numbered, record_settled, stated};
use crate::store::settings::Deployment;
use crate::store::{StoreError, Tx};

/// A line that reports a payment whose outcome is unknown.
#[derive(Debug, Clone)]
struct Answer {
    ordinal: i32,
    line: i32,
    book: BookId,
    merchant: String,
    /// The entry of the attempt.
    attempt: EntryNumber,
    gross: Money,
    acquirer_reference: Option<String>,
    arn: Option<String>,
}

/// Records what undecided lines say of payments whose outcome is unknown. Says whether anything was recorded: then there may be
/// more open items, and matching keeps to the books that are locked now. Looks at the payments alone where there are no such.
pub(super) async fn answer(
    tx: &mut Tx,
    deployment: &Deployment,
    run: &Run<'_>,
    matching: &mut Matching<'_>,
) -> Result<bool, ReconcileError> {
    let any = include_str!("../../../schema/queries/unknown_any.sql");
    let any = tx.query(any, &[&run.acquirer_id.0]).await?;
    let undecided = matching.undecided();
    if any.is_empty() || undecided.is_empty() {
        return Ok(false);
    }
    // Attempts are few beside history: they are looked up by index, unlike what matching joins.
    tx.query(include_str!("../../../schema/queries/undecided_session.sql"), &[])
        .await?;
    let expected = answers(tx, run, &undecided, matching.days()).await?;
    if expected.is_empty() {
        return Ok(false);
    }
    // All books that this transaction will write, in order; whoever holds one of them may be settling the question now.
    let mut concerned = matching.books();
    concerned.extend(expected.iter().map(|answer| answer.book));
    concerned.push(BookId::HOUSE);
    concerned.extend(run.taking_place_of.iter().flat_map(|undone| &undone.books));
    LockedBooks::lock(tx, &concerned).await?;
    let locked: BTreeSet<BookId> = concerned.into_iter().collect();
    let mut events: Vec<Numbered> = Vec::new();
    for answer in answers(tx, run, &undecided, matching.days()).await? {
        if locked.contains(&answer.book) {
            let line = u64::try_from(answer.line).unwrap_or_default();
            let recorded = of(tx, &answer).await?;
            events.extend(recorded.into_iter().flatten().map(|event| (line, event)));
        }
    }
    if events.is_empty() {
        return Ok(false);
    }
    // An item of another book, open since the first run, is left as if it had come after the file: its book would be locked out of
    // order.
    matching.keep_within(locked);
    // What the lifecycle refuses stays unknown, and its line goes to suspense.
    record_settled(tx, deployment, run.source, &events).await?;
    Ok(true)
}

/// One line for each payment that has an answer.
async fn answers(
    tx: &mut Tx,
    run: &Run<'_>,
    undecided: &Vec<i32>,
    days: &BusinessDays,
) -> Result<Vec<Answer>, ReconcileError> {
    let apart = Pass::MerchantReference.days_apart();
    let rows = tx
        .query(
            include_str!("../../../schema/queries/unknown_lines.sql"),
            &[&run.source.0, &run.acquirer_id.0, undecided, &apart, &days.days()],
        )
        .await?;
    let found: Vec<Answer> = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
    let mut by_line: BTreeMap<i32, usize> = BTreeMap::new();
    for answer in &found {
        let times = by_line.entry(answer.ordinal).or_default();
        *times = times.saturating_add(1);
    }
    let mut by_attempt: BTreeMap<(BookId, EntryNumber), Vec<Answer>> = BTreeMap::new();
    for answer in found {
        by_attempt
            .entry((answer.book, answer.attempt))
            .or_default()
            .push(answer);
    }
    let only = |answers: Vec<Answer>| {
        let first = answers.first()?;
        let one_payment = answers.iter().all(|answer| by_line.get(&answer.ordinal) == Some(&1));
        let one_amount = answers.iter().all(|answer| answer.gross == first.gross);
        let chosen = answers
            .iter()
            .min_by_key(|answer| (&answer.acquirer_reference, &answer.arn, answer.ordinal))?;
        (one_payment && one_amount).then(|| chosen.clone())
    };
    Ok(by_attempt.into_values().filter_map(only).collect())
}

fn read(row: &Row) -> Result<Answer, StoreError> {
    let currency = currency(row.try_get("gross_currency")?)?;
    Ok(Answer {
        ordinal: row.try_get("ordinal")?,
        line: row.try_get("line")?,
        book: BookId(row.try_get("book_id")?),
        merchant: row.try_get("merchant")?,
        attempt: EntryNumber(row.try_get("number")?),
        gross: Money::from_minor(row.try_get("gross")?, currency),
        acquirer_reference: row.try_get("acquirer_reference")?,
        arn: row.try_get("arn")?,
    })
}

/// Authorization and capture that a line is the proof of.
async fn of(tx: &mut Tx, answer: &Answer) -> Result<Option<[PaymentEvent; 2]>, StoreError> {
    let Some(attempt) = stated(tx, answer.book, answer.attempt, &answer.merchant).await? else {
        return Ok(None);
    };
    let requested = attempt.money.minor();
    let authorization = PaymentEvent {
        kind: EntryKind::Authorization,
        reference: format!("{OWN}settled authorization {}", attempt.payment),
        money: answer.gross,
        details: Details {
            requested: (requested > answer.gross.minor()).then_some(requested),
            ..attempt.details.clone()
        },
        ..attempt.clone()
    };
    let capture = PaymentEvent {
        kind: EntryKind::Capture,
        reference: format!("{OWN}settled capture {}", attempt.payment),
        money: answer.gross,
        acquirer_reference: answer.acquirer_reference.clone(),
        arn: answer.arn.clone(),
        details: Details::default(),
        ..attempt
    };
    Ok(Some([authorization, capture]))
}
