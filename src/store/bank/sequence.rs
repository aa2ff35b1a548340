//! Whether statements follow one another: each begins with what the one before it, of the same account, ended with, and has the
//! next number, where the settings say that the bank numbers them.

use chrono::{Datelike, NaiveDate};

use super::intake::{Stated, Taken};
use super::{BankError, Run};
use crate::money::Money;
use crate::recon::breaks::BreakClass;
use crate::store::{StoreError, Tx, breaks};

/// What is booked beside a statement.
struct Beside {
    before: Option<(NaiveDate, i64)>,
    after: Option<(NaiveDate, i64)>,
    number_before: Option<String>,
    number_after: Option<String>,
    same_in: Option<String>,
}

/// Keeps the statements of a file, each in its place: what repeats a booked one is marked so, what overlaps one is refused, and
/// where one is missing before or after, that is a break, which ends when it has come.
pub(super) async fn keep(tx: &mut Tx, run: &Run<'_>, taken: &mut Taken) -> Result<(), BankError> {
    for stated in &mut taken.statements {
        if stated.state == "booked" {
            place(tx, run, stated).await?;
        }
        insert(tx, run, stated).await?;
    }
    Ok(())
}

async fn place(tx: &mut Tx, run: &Run<'_>, stated: &mut Stated) -> Result<(), BankError> {
    let (Some(currency), Some((opening, closing))) = (stated.currency(), stated.balances()) else {
        return Err(StoreError::Unreadable("a statement without balances".to_owned()).into());
    };
    let account = stated.statement.account.clone();
    let (from, until) = stated.days;
    let beside = beside(tx, stated, currency.code()).await?;
    let known = known(tx, stated, currency.code()).await?;
    let all = i64::try_from(stated.references.len()).unwrap_or(i64::MAX);
    // The same references are other entries where the balances lead on: some banks give one reference many times.
    let follows = beside
        .before
        .is_some_and(|(_, ended_with)| ended_with == opening.minor());
    let leads_on = follows && opening != closing;
    let overlaps = |why: String| BankError::Overlaps {
        name: run.name.to_owned(),
        line: stated.statement.line,
        account: account.clone(),
        from,
        until,
        why,
    };
    // Where a day's balances come back to what they were, a new statement may look like a booked one in all but its references.
    if beside.same_in.is_some() && follows && known < all {
        return Err(overlaps(
            "its day, balances and amounts are those of a booked one, the references of its entries are not; whether it is that \
             one told again is for people to say"
                .to_owned(),
        ));
    }
    if beside.same_in.is_some() || (all > 0 && known == all && !leads_on) {
        stated.state = "repeated";
        return Ok(());
    }
    let money = |minor: i64| Money::from_minor(minor, currency);
    let gap = |begins: NaiveDate| format!("statement of {account} in {currency} before {begins}: ");
    let mut missing = Vec::new();
    let mut filled = Vec::new();
    if let Some((ended_on, ended_with)) = beside.before {
        let told = format!(
            "it begins with {opening}, the one of {ended_on} ended with {}",
            money(ended_with)
        );
        if ended_with == opening.minor() {
            filled.push((run.bank_id, gap(from)));
        } else if ended_on >= from {
            return Err(overlaps(told));
        } else {
            missing.push((gap(from), format!("{told}; one between them has not come")));
        }
    }
    if let Some((begins_on, begins_with)) = beside.after {
        let told = format!(
            "it ends with {closing}, the one of {begins_on} begins with {}",
            money(begins_with)
        );
        if begins_with == closing.minor() {
            filled.push((run.bank_id, gap(begins_on)));
        } else if begins_on <= until {
            return Err(overlaps(told));
        } else {
            missing.push((gap(begins_on), format!("{told}; one between them has not come")));
        }
    }
    if known > 0 && !missing.is_empty() {
        return Err(overlaps(format!(
            "{known} of its {all} entries are booked with another statement"
        )));
    }
    if stated.numbered {
        let of = |begins: NaiveDate| format!("number of the statement of {account} in {currency} of {begins}: ");
        let numbers = numbers(stated, &beside).map_err(overlaps)?;
        for (begins, told) in numbers {
            match told {
                None => filled.push((run.bank_id, of(begins))),
                Some(told) => missing.push((of(begins), format!("{told}; what is between has not come"))),
            }
        }
    }
    breaks::came(tx, run.source, BreakClass::MissingFile, &filled).await?;
    for (name, told) in &missing {
        let insert = include_str!("../../../schema/queries/missing_file_insert.sql");
        tx.execute(insert, &[&run.bank_id.0, &run.source.0, name, told]).await?;
    }
    Ok(())
}

/// How a statement's number follows those beside it: by the day on which the later one of two begins, and what is told where
/// something is missing between. What does not follow at all is an error.
type Numbers = Vec<(NaiveDate, Option<String>)>;

fn numbers(stated: &Stated, beside: &Beside) -> Result<Numbers, String> {
    let number = stated.number().and_then(|number| number.parse::<u64>().ok());
    let number = number.ok_or("it states no number, and the settings say that its account has numbered statements")?;
    let (from, until) = stated.days;
    let parsed = |number: &Option<String>| number.as_deref().and_then(|number| number.parse::<u64>().ok());
    let mut found = Vec::new();
    if let Some(((ended_on, ended_with), before)) = beside.before.zip(parsed(&beside.number_before)) {
        let leads_on = stated
            .balances()
            .is_some_and(|(opening, _)| opening.minor() == ended_with);
        let told = format!("it has number {number}, the one of {ended_on} has {before}");
        let is_page = leads_on && stated.statement.page.is_some_and(|page| page > 1);
        found.push((from, gap((before, ended_on), (number, from), is_page, told)?));
    }
    if let Some(((begins_on, begins_with), after)) = beside.after.zip(parsed(&beside.number_after)) {
        let leads_on = stated
            .balances()
            .is_some_and(|(_, closing)| closing.minor() == begins_with);
        let told = format!("it has number {number}, the one of {begins_on} has {after}");
        found.push((begins_on, gap((number, until), (after, begins_on), leads_on, told)?));
    }
    Ok(found)
}

/// Whether a number follows another: the next, 1 of a new year, or the same one of its next page; else what is told, where
/// something is missing between.
fn gap(
    (before, ended_on): (u64, NaiveDate),
    (after, begins_on): (u64, NaiveDate),
    is_page: bool,
    told: String,
) -> Result<Option<String>, String> {
    let is_new_year = begins_on.year() > ended_on.year();
    if after == before.saturating_add(1) || (is_new_year && after == 1) || (is_page && after == before) {
        Ok(None)
    } else if after > before || is_new_year {
        Ok(Some(told))
    } else {
        Err(told)
    }
}

async fn beside(tx: &mut Tx, stated: &Stated, currency: &str) -> Result<Beside, StoreError> {
    let sql = include_str!("../../../schema/queries/bank_statements_beside.sql");
    let content = stated.content();
    let rows = tx
        .query(
            sql,
            &[
                &stated.statement.account,
                &currency,
                &stated.days.1,
                &content.as_slice(),
            ],
        )
        .await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Unreadable("no row about the statements beside one".to_owned()))?;
    let pair = |on: &str, minor: &str| -> Result<Option<(NaiveDate, i64)>, StoreError> {
        let on: Option<NaiveDate> = row.try_get(on)?;
        let minor: Option<i64> = row.try_get(minor)?;
        Ok(on.zip(minor))
    };
    Ok(Beside {
        before: pair("ended_on", "ended_with")?,
        after: pair("begins_on", "begins_with")?,
        number_before: row.try_get("number_before")?,
        number_after: row.try_get("number_after")?,
        same_in: row.try_get("same_in")?,
    })
}

/// How many entries of a statement are booked with another, by the bank's references.
async fn known(tx: &mut Tx, stated: &Stated, currency: &str) -> Result<i64, StoreError> {
    let references: Vec<&str> = stated
        .references
        .iter()
        .map(|(reference, ..)| reference.as_str())
        .collect();
    let amounts: Vec<i64> = stated.references.iter().map(|(_, amount, _)| *amount).collect();
    let days: Vec<Option<NaiveDate>> = stated.references.iter().map(|(.., on)| *on).collect();
    let sql = include_str!("../../../schema/queries/bank_entries_known.sql");
    let rows = tx
        .query(
            sql,
            &[&stated.statement.account, &currency, &references, &amounts, &days],
        )
        .await?;
    Ok(rows.first().map(|row| row.try_get("known")).transpose()?.unwrap_or(0))
}

async fn insert(tx: &mut Tx, run: &Run<'_>, stated: &Stated) -> Result<(), StoreError> {
    let count = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
    let ordinal = i32::try_from(stated.statement.ordinal);
    let ordinal = ordinal.map_err(|_| StoreError::TooLarge("the number of statements".to_owned()))?;
    let (opening, closing) = stated.balances().unzip();
    let currency = stated
        .currency()
        .map_or_else(String::new, |currency| currency.to_string());
    tx.execute(
        include_str!("../../../schema/queries/bank_statement_insert.sql"),
        &[
            &run.source.0,
            &ordinal,
            &i64::try_from(stated.statement.line).unwrap_or(i64::MAX),
            &stated.state,
            &stated.statement.account,
            &currency,
            &stated.statement.id,
            &stated.number(),
            &stated.days.0,
            &stated.days.1,
            &opening.map(Money::minor),
            &closing.map(Money::minor),
            &count(stated.closing.entries),
            &stated.content().as_slice(),
            &stated.code.number(),
        ],
    )
    .await?;
    Ok(())
}
