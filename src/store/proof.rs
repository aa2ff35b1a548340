//! What the proof of a day is made of, as it was at the end of that day, read in one [`Snapshot`].
//!
//! Nothing keeps how things stood on a past day, and nothing has to: a file is in force from the booking date of its entries to
//! that of their reversals, what people resolved or matched likewise, a receipt from the booking date of its entry, a capture
//! from its own to that of what withdrew it. Only a promise or an explanation books nothing; it counts from the day on which it
//! was written down. So a past day's proof says the same whenever it is asked for, unless something was booked back into that
//! day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use tokio_postgres::Row;

use super::StoreError;
use super::bank::code_of;
use super::reconcile::sequence::{Completeness, DayOfFiles, ExpectedError, FilesOfDay, expected_days, files_of_days};
use super::report::wide;
use super::settings::Deployment;
use super::snapshot::Snapshot;
use crate::audit::proof::{Batch, Facts, FileBatch, Held, Items, Moved, Stated, Suspended, Unreceived, Untold};
use crate::bank::account_of;
use crate::ids::BookId;
use crate::settings::Purpose;

/// For how many days before a day files are looked for, where no file of the acquirer was about an earlier one.
const LOOK_BACK: u64 = 14;

/// Reads everything that the proof of a day is made of.
pub async fn facts(snapshot: &mut Snapshot, deployment: &Deployment, day: NaiveDate) -> Result<Facts, ExpectedError> {
    let mut facts = Facts::default();
    held(snapshot, day, &mut facts).await?;
    items(snapshot, deployment, day, &mut facts).await?;
    batches(snapshot, deployment, day, &mut facts).await?;
    bank(snapshot, day, &mut facts).await?;
    missing_files(snapshot, deployment, day, &mut facts).await?;
    missing_statements(deployment, day, &mut facts);
    Ok(facts)
}

async fn held(snapshot: &mut Snapshot, day: NaiveDate, facts: &mut Facts) -> Result<(), StoreError> {
    let sql = include_str!("../../schema/queries/proof_books.sql");
    for row in &snapshot.query(sql, &[&day]).await? {
        let book = BookId(row.try_get("book_id")?);
        if let Some(merchant) = row.try_get("merchant")? {
            facts.merchants.insert(book, merchant);
        }
        let held = Held {
            book,
            code: row.try_get("code")?,
            currency: row.try_get("currency")?,
            dimension: row.try_get("dimension")?,
        };
        facts.held.insert(held, wide(row.try_get("amount")?)?);
    }
    Ok(())
}

fn unreceived(row: &Row) -> Result<Unreceived, StoreError> {
    Ok(Unreceived {
        share: wide(row.try_get("share")?)?,
        held: wide(row.try_get("held")?)?,
        withheld: wide(row.try_get("withheld")?)?,
    })
}

fn missing(row: &Row) -> Result<Option<(i64, Option<NaiveDate>)>, StoreError> {
    let id: Option<i64> = row.try_get("break_id")?;
    let since = row.try_get("expected_on")?;
    Ok(id.map(|id| (id, since)))
}

async fn items(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    day: NaiveDate,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    let sql = include_str!("../../schema/queries/proof_items.sql");
    let zone = deployment.time_zone().name();
    for row in &snapshot.query(sql, &[&day, &zone]).await? {
        facts.items.push(Items {
            acquirer: row.try_get("acquirer")?,
            code: row.try_get("code")?,
            currency: row.try_get("currency")?,
            book: BookId(row.try_get("book_id")?),
            missing: missing(row)?,
            amount: wide(row.try_get("amount")?)?,
            owed: unreceived(row)?,
        });
    }
    let sql = include_str!("../../schema/queries/proof_reported.sql");
    for row in &snapshot.query(sql, &[&day]).await? {
        let key = (BookId(row.try_get("book_id")?), row.try_get("currency")?);
        facts.reported.insert(key, unreceived(row)?);
    }
    Ok(())
}

async fn batches(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    day: NaiveDate,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    let zone = deployment.time_zone().name();
    let sql = include_str!("../../schema/queries/proof_batches.sql");
    for row in &snapshot.query(sql, &[&day, &zone]).await? {
        facts.batches.push(Batch {
            acquirer: row.try_get("acquirer")?,
            batch: row.try_get("batch")?,
            currency: row.try_get("currency")?,
            net: row.try_get::<_, i64>("net")?.into(),
            settled: row.try_get::<_, i64>("settled")?.into(),
            files: row.try_get("files")?,
            missing: missing(row)?,
        });
    }
    let sql = include_str!("../../schema/queries/proof_files.sql");
    for row in &snapshot.query(sql, &[&day]).await? {
        facts.files.push(FileBatch {
            acquirer: row.try_get("acquirer")?,
            file: row.try_get("file")?,
            batch: row.try_get("batch")?,
            currency: row.try_get("currency")?,
            net: row.try_get::<_, i64>("net")?.into(),
            payout: row.try_get::<_, i64>("payout")?.into(),
            of_balance: row.try_get("of_balance")?,
            lines: wide(row.try_get("lines")?)?,
            carried: wide(row.try_get("carried")?)?,
            returned: wide(row.try_get("returned")?)?,
            is_told: row.try_get("is_told")?,
            released_by: row.try_get("released_by")?,
        });
    }
    let sql = include_str!("../../schema/queries/proof_moved.sql");
    for row in &snapshot.query(sql, &[&day]).await? {
        facts.moved.push(Moved {
            acquirer: row.try_get("acquirer")?,
            currency: row.try_get("currency")?,
            what: row.try_get("what")?,
            of: row.try_get("of")?,
            amount: wide(row.try_get("amount")?)?,
        });
    }
    let sql = include_str!("../../schema/queries/proof_suspense.sql");
    for row in &snapshot.query(sql, &[&day, &zone]).await? {
        facts.suspended.push(Suspended {
            break_id: row.try_get("id")?,
            class: row.try_get("class")?,
            acquirer: row.try_get("acquirer")?,
            currency: row.try_get("currency")?,
            amount: row.try_get::<_, i64>("amount")?.into(),
            short: row.try_get::<_, Option<i64>>("short")?.map(i128::from),
            is_unpaid: row.try_get("unpaid")?,
            since: row.try_get("booking_date")?,
            detail: row.try_get("detail")?,
        });
    }
    Ok(())
}

async fn bank(snapshot: &mut Snapshot, day: NaiveDate, facts: &mut Facts) -> Result<(), StoreError> {
    let sql = include_str!("../../schema/queries/proof_statements.sql");
    for row in &snapshot.query(sql, &[&day]).await? {
        facts.stated.push(Stated {
            code: row.try_get("code")?,
            account: row.try_get("account")?,
            currency: row.try_get("currency")?,
            balance: row.try_get::<_, i64>("balance")?.into(),
            began_with: row.try_get::<_, i64>("began_with")?.into(),
            left_out: row.try_get::<_, i64>("left_out")?.into(),
            until_on: row.try_get("until_on")?,
            is_covered: row.try_get("is_covered")?,
        });
    }
    let sql = include_str!("../../schema/queries/proof_bank.sql");
    for row in &snapshot.query(sql, &[&day]).await? {
        facts.untold.push(Untold {
            code: row.try_get("code")?,
            currency: row.try_get("currency")?,
            kind: row.try_get("kind")?,
            merchant: row.try_get("merchant")?,
            reference: row.try_get("reference")?,
            on: row.try_get("booking_date")?,
            amount: row.try_get::<_, i64>("amount")?.into(),
            is_told: row.try_get("is_told")?,
            is_swept: row.try_get("is_swept")?,
        });
    }
    Ok(())
}

/// Files that a gap between others shows, that are in quarantine, or that are expected of a day and have not come.
async fn missing_files(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    day: NaiveDate,
    facts: &mut Facts,
) -> Result<(), ExpectedError> {
    let sql = include_str!("../../schema/queries/proof_missing.sql");
    for row in &snapshot.query(sql, &[&day]).await? {
        let acquirer: String = row.try_get("acquirer").map_err(StoreError::from)?;
        let id: Option<i64> = row.try_get("break_id").map_err(StoreError::from)?;
        let detail: String = row.try_get("detail").map_err(StoreError::from)?;
        let said = id.map_or_else(|| detail.clone(), |id| format!("break {id}: {detail}"));
        facts.missing_files.entry(acquirer).or_default().push(said);
    }
    let mut first: BTreeMap<String, NaiveDate> = BTreeMap::new();
    let sql = include_str!("../../schema/queries/proof_first_files.sql");
    for row in &snapshot.query(sql, &[]).await? {
        let acquirer = row.try_get("name").map_err(StoreError::from)?;
        first.insert(acquirer, row.try_get("first_on").map_err(StoreError::from)?);
    }
    let back = day.checked_sub_days(Days::new(LOOK_BACK)).unwrap_or(day);
    let since = |acquirer: &str| first.get(acquirer).copied().unwrap_or(back).min(back);
    let from = first.values().copied().min().unwrap_or(back).min(back);
    let expected = expected_days(deployment, None, (from, day))?;
    let mut came: BTreeMap<String, BTreeMap<NaiveDate, FilesOfDay>> = BTreeMap::new();
    for ((acquirer, of), due_on) in expected
        .into_iter()
        .filter(|((acquirer, of), _)| since(acquirer) <= *of)
    {
        if !came.contains_key(&acquirer) {
            let sql = include_str!("../../schema/queries/files_of_days.sql");
            let rows = snapshot.query(sql, &[&acquirer, &from, &day]).await?;
            came.insert(acquirer.clone(), files_of_days(&rows)?);
        }
        let counts = came.get(&acquirer).and_then(|days| days.get(&of));
        let (received, booked, resolved) = counts.copied().unwrap_or_default();
        let stands = DayOfFiles {
            acquirer: acquirer.clone(),
            day: of,
            due_on,
            received,
            booked,
            resolved,
        }
        .stands(day);
        match stands {
            Completeness::Complete | Completeness::Awaited | Completeness::Resolved => {}
            Completeness::NotBooked | Completeness::Missing => {
                let said = format!("the file about {of} is {}", stands.name());
                facts.missing_files.entry(acquirer).or_default().push(said);
            }
        }
    }
    Ok(())
}

/// Accounts that are on the books, in the settings of the day or in statements, and no statement covers the day.
fn missing_statements(deployment: &Deployment, day: NaiveDate, facts: &mut Facts) {
    let settings = deployment.in_force(day);
    facts.bank = settings
        .map(|settings| settings.house.bank_account.to_string())
        .unwrap_or_default();
    let banks: BTreeSet<String> = facts
        .held
        .keys()
        .filter(|held| held.code == 1010)
        .map(|held| held.dimension.clone())
        .chain(settings.map(|settings| settings.house.bank_account.to_string()))
        .collect();
    let of_banks: BTreeSet<String> = banks
        .into_iter()
        .filter_map(|bank| facts.missing_files.remove(&bank))
        .flatten()
        .collect();
    let accounts = settings.map(|settings| settings.house.accounts.as_slice());
    // What each account is in the books, its currency, and its number in the settings.
    let in_settings: BTreeMap<(i16, String), &str> = accounts
        .unwrap_or_default()
        .iter()
        .flat_map(|account| account.numbers().map(|stated| (stated, account.currency)))
        .filter(|((purpose, _), _)| matches!(purpose, Purpose::Settlement | Purpose::External))
        .map(|((purpose, number), currency)| ((code_of(purpose).number(), currency.to_string()), number))
        .collect();
    let on_books = facts.held.keys().filter(|held| matches!(held.code, 1010 | 1030));
    let keys: BTreeSet<(i16, String)> = on_books
        .map(|held| (held.code, held.currency.clone()))
        .chain(in_settings.keys().cloned())
        .chain(facts.stated.iter().map(|stated| (stated.code, stated.currency.clone())))
        .collect();
    for key in keys {
        let currency = &key.1;
        let stated: Vec<&Stated> = facts
            .stated
            .iter()
            .filter(|stated| (stated.code, &stated.currency) == (key.0, currency))
            .collect();
        let ends = |stated: &Stated| format!("the last statement of {} ends on {}", stated.account, stated.until_on);
        let mut why: Vec<String> = Vec::new();
        match in_settings.get(&key) {
            Some(number) => match stated
                .iter()
                .find(|stated| Some(&stated.account) == account_of(number).as_ref())
            {
                None => why.push(format!("no statement of {number} in {currency} has come")),
                Some(stated) if !stated.is_covered => why.push(ends(stated)),
                Some(_) => {}
            },
            None if stated.is_empty() => why.push(format!(
                "the house has no account in {currency}, and no statement of one"
            )),
            None => why.extend(
                stated
                    .iter()
                    .filter(|stated| !stated.is_covered)
                    .map(|stated| ends(stated)),
            ),
        }
        // A gap between statements names its account and currency.
        let is_of = |said: &&String| {
            stated
                .iter()
                .any(|stated| said.contains(&format!("{} in {currency} before ", stated.account)))
        };
        why.extend(of_banks.iter().filter(is_of).cloned());
        if !why.is_empty() {
            facts.missing_statements.insert(key, why);
        }
    }
}
