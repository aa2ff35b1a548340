//! Holds: available money set aside with a reason and an owner, until it expires or somebody releases it.
//!
//! Placing one is known by its reference, which its content and day make where the caller brings none: the same hold twice is
//! once, and nothing is left of the second one. A hold that was released stays released. What expires is released by the run
//! that releases whatever is due (`store::release`).
//!
//! What a velocity rule sets aside of a capture is a hold too, without a day; its release is in `captured`.

mod captured;

use chrono::NaiveDate;
use tokio_postgres::Row;

use self::captured::Captured;
use super::acquirers;
use super::books::LockedBooks;
use super::reserve::{FixedReserves, transfer};
use super::settings::Deployment;
use super::source::source_of_run;
use super::{Retriable, Store, StoreError, Tx, currency};
use crate::ids::{BookId, EntryNumber, OWN};
use crate::ledger::account::AccountCode;
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Fingerprint, Transfer};
use crate::money::Money;

/// A hold to be placed. Texts are checked by who brings them.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The merchant.
    pub merchant: &'a str,
    /// How much, above zero.
    pub money: Money,
    /// Why.
    pub reason: &'a str,
    /// Who answers for it.
    pub owner: &'a str,
    /// The day on which it is released by itself; none where somebody has to.
    pub expires_on: Option<NaiveDate>,
    /// The booking date.
    pub day: NaiveDate,
    /// The caller's id of it.
    pub reference: Option<&'a str>,
}

/// A hold as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its row.
    pub id: i64,
    /// The merchant.
    pub merchant: String,
    /// How much.
    pub money: Money,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Since when.
    pub placed_on: NaiveDate,
    /// The day on which it is released by itself.
    pub expires_on: Option<NaiveDate>,
    /// The entry that placed it.
    pub number: EntryNumber,
    /// The entry that released it, and who did.
    pub released: Option<(EntryNumber, String)>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The hold as it is now.
    pub hold: Hold,
    /// Whether it is so by this request; else it was before, and nothing was done.
    pub new: bool,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No book of that name.
    #[error("merchant `{0}` has no book")]
    UnknownMerchant(String),
    /// Nothing to set aside.
    #[error("a hold is of more than zero")]
    NotPositive,
    /// It would be over before it begins.
    #[error("a hold placed on {day} cannot expire on {expires_on}")]
    ExpiresBefore {
        /// The booking date.
        day: NaiveDate,
        /// When it would expire.
        expires_on: NaiveDate,
    },
    /// Not so much there.
    #[error("only {available} is available")]
    Insufficient {
        /// What is.
        available: Money,
    },
    /// The reference is that of something else.
    #[error("reference `{reference}` was used before for something else (entry {number})")]
    Conflict {
        /// The reference.
        reference: String,
        /// The entry that has it.
        number: EntryNumber,
    },
    /// No hold has that id.
    #[error("there is no hold {0}")]
    Unknown(i64),
    /// It was not there yet.
    #[error("a hold placed on {placed_on} cannot be released on {day}")]
    ReleasedBefore {
        /// Since when it is there.
        placed_on: NaiveDate,
        /// The booking date.
        day: NaiveDate,
    },
}

impl Retriable for HoldError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::UnknownMerchant(_)
            | Self::NotPositive
            | Self::ExpiresBefore { .. }
            | Self::Insufficient { .. }
            | Self::Conflict { .. }
            | Self::Unknown(_)
            | Self::ReleasedBefore { .. } => false,
        }
    }
}

impl Store {
    /// Shows what [`Store::place_hold`] would do, and does nothing.
    pub async fn plan_hold(&self, request: &Request<'_>) -> Result<Outcome, HoldError> {
        self.rehearse(async |tx: &mut Tx| place(tx, request).await).await
    }

    /// Sets available money aside (2020 → 2040); refused where there is less than that.
    pub async fn place_hold(&self, request: &Request<'_>) -> Result<Outcome, HoldError> {
        self.transact(async |tx: &mut Tx| place(tx, request).await).await
    }

    /// Shows what [`Store::release_hold`] would do, and does nothing.
    pub async fn plan_hold_release(&self, id: i64, by: &str, day: NaiveDate) -> Result<Outcome, HoldError> {
        let deployment = self.deployment().await?;
        self.rehearse(async |tx: &mut Tx| release(tx, &deployment, id, by, day).await)
            .await
    }

    /// Makes the money of a hold available again (2040 → 2020), on the day on which it was placed or later. What a velocity
    /// rule held of a capture that is not proven, or whose day has not come, is pending again (2040 → 2010); of one that is, it
    /// becomes available less its reserve.
    pub async fn release_hold(&self, id: i64, by: &str, day: NaiveDate) -> Result<Outcome, HoldError> {
        let deployment = self.deployment().await?;
        self.transact(async |tx: &mut Tx| release(tx, &deployment, id, by, day).await)
            .await
    }

    /// Holds by merchant and id: those that are open, or all.
    pub async fn holds(&self, merchant: Option<&str>, all: bool) -> Result<Vec<Hold>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let rows = tx
                .query(include_str!("../../schema/queries/holds_list.sql"), &[&merchant, &all])
                .await?;
            rows.iter().map(read).collect()
        })
        .await
    }
}

fn read(row: &Row) -> Result<Hold, StoreError> {
    let released: Option<i64> = row.try_get("released")?;
    Ok(Hold {
        id: row.try_get("id")?,
        merchant: row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default(),
        money: Money::from_minor(row.try_get("amount")?, currency(row.try_get("currency")?)?),
        reason: row.try_get("reason")?,
        owner: row.try_get("owner")?,
        placed_on: row.try_get("placed_on")?,
        expires_on: row.try_get("expires_on")?,
        number: EntryNumber(row.try_get("number")?),
        released: released.map(EntryNumber).zip(row.try_get("released_by")?),
    })
}

/// The hold that an entry placed.
async fn placed_by(tx: &mut Tx, book: BookId, number: EntryNumber) -> Result<Option<Hold>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../schema/queries/hold_of_entry.sql"),
            &[&book.0, &number.0],
        )
        .await?;
    rows.first().map(read).transpose()
}

fn fingerprint_of(request: &Request<'_>) -> Fingerprint {
    fingerprint(&[
        "hold 1",
        request.merchant,
        &request.money.minor().to_string(),
        request.money.currency().code(),
        request.reason,
        request.owner,
        &request.expires_on.map_or_else(String::new, |day| day.to_string()),
        &request.day.to_string(),
    ])
}

async fn place(tx: &mut Tx, request: &Request<'_>) -> Result<Outcome, HoldError> {
    let (money, day) = (request.money, request.day);
    if money.minor() <= 0 {
        return Err(HoldError::NotPositive);
    }
    if let Some(expires_on) = request.expires_on.filter(|expires_on| *expires_on < day) {
        return Err(HoldError::ExpiresBefore { day, expires_on });
    }
    let (mut books, owners) = LockedBooks::lock_of_merchants(tx, &[request.merchant]).await?;
    let book = owners.get(request.merchant).copied();
    let book = book.ok_or_else(|| HoldError::UnknownMerchant(request.merchant.to_owned()))?;
    let fingerprint = fingerprint_of(request);
    let derived = || fingerprint.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name = request.reference.map_or_else(derived, str::to_owned);
    let reference = format!("{OWN}hold {name}");
    if let Some((number, known)) = known(tx, book, &reference).await? {
        let placed = if known == fingerprint {
            placed_by(tx, book, number).await?
        } else {
            None
        };
        return placed
            .map(|hold| Outcome { hold, new: false })
            .ok_or(HoldError::Conflict {
                reference: name,
                number,
            });
    }
    let available = available(tx, book, money).await?;
    if available.minor() < money.minor() {
        return Err(HoldError::Insufficient { available });
    }
    let source = source_of_run(tx, &format!("hold place {day}")).await?.id;
    let details = serde_json::json!({
        "expires_on": request.expires_on, "owner": request.owner, "reason": request.reason,
    });
    let entry = Entry {
        details: Some(details.to_string()),
        transfers: transfer(
            AccountCode::MerchantAvailable,
            AccountCode::MerchantHold,
            money.currency(),
            money.minor(),
        )
        .into_iter()
        .collect(),
        ..Entry::of_day(EntryKind::Hold, reference, fingerprint, day, source)
    };
    let number = books.append(book, entry)?;
    books.write(tx).await?;
    tx.execute(
        include_str!("../../schema/queries/hold_insert.sql"),
        &[
            &book.0,
            &money.currency().code(),
            &i16::from(money.currency().exponent()),
            &money.minor(),
            &request.reason,
            &request.owner,
            &day,
            &request.expires_on,
            &number.0,
        ],
    )
    .await
    .map_err(HoldError::from)?;
    let hold = placed_by(tx, book, number).await?;
    let hold = hold.ok_or_else(|| StoreError::Unreadable(format!("no hold of entry {number} in book {book}")))?;
    Ok(Outcome { hold, new: true })
}

/// The entry that has a reference.
async fn known(tx: &mut Tx, book: BookId, reference: &str) -> Result<Option<(EntryNumber, Fingerprint)>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../schema/queries/entries_by_reference.sql"),
            &[&vec![book.0], &vec![reference]],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let fingerprint: &[u8] = row.try_get("fingerprint")?;
    let fingerprint =
        Fingerprint::try_from(fingerprint).map_err(|_| StoreError::Unreadable("a fingerprint".to_owned()))?;
    Ok(Some((EntryNumber(row.try_get("number")?), fingerprint)))
}

/// What is available in the currency of an amount.
async fn available(tx: &mut Tx, book: BookId, money: Money) -> Result<Money, StoreError> {
    let rows = tx
        .query(
            include_str!("../../schema/queries/payouts_available.sql"),
            &[&vec![book.0], &AccountCode::MerchantAvailable.number()],
        )
        .await?;
    let currency = money.currency();
    for row in &rows {
        if row.try_get::<_, &str>("currency")? == currency.code() {
            return Ok(Money::from_minor(row.try_get("amount")?, currency));
        }
    }
    Ok(Money::zero(currency))
}

async fn release(
    tx: &mut Tx,
    deployment: &Deployment,
    id: i64,
    by: &str,
    day: NaiveDate,
) -> Result<Outcome, HoldError> {
    if Captured::of(tx, id).await?.is_some() {
        acquirers::share(tx, None).await?;
    }
    let find = include_str!("../../schema/queries/hold_by_id.sql");
    let rows = tx.query(find, &[&id]).await?;
    let row = rows.first().ok_or(HoldError::Unknown(id))?;
    let book = BookId(row.try_get("book_id").map_err(StoreError::from)?);
    let mut books = LockedBooks::lock(tx, &[book]).await?;
    // Again, now that nobody else can release it.
    let rows = tx.query(find, &[&id]).await?;
    let hold = rows.first().map(read).transpose()?.ok_or(HoldError::Unknown(id))?;
    if hold.released.is_some() {
        return Ok(Outcome { hold, new: false });
    }
    let placed_on = hold.placed_on;
    if day < placed_on {
        return Err(HoldError::ReleasedBefore { placed_on, day });
    }
    let source = source_of_run(tx, &format!("hold release {day}")).await?.id;
    let reference = format!("{OWN}release of hold {id}");
    let fingerprint = fingerprint(&["hold release 1", &reference, by, &day.to_string()]);
    let entry = Entry {
        details: Some(serde_json::json!({ "by": by }).to_string()),
        transfers: released(tx, deployment, book, &hold, day).await?,
        ..Entry::of_day(EntryKind::HoldRelease, reference, fingerprint, day, source)
    };
    let number = books.append(book, entry)?;
    books.write(tx).await?;
    tx.execute(
        include_str!("../../schema/queries/holds_release.sql"),
        &[&vec![id], &vec![number.0], &by],
    )
    .await?;
    let released = Some((number, by.to_owned()));
    Ok(Outcome {
        hold: Hold { released, ..hold },
        new: true,
    })
}

/// What the release of a hold moves.
async fn released(
    tx: &mut Tx,
    deployment: &Deployment,
    book: BookId,
    hold: &Hold,
    day: NaiveDate,
) -> Result<Vec<Transfer>, StoreError> {
    let Some(captured) = Captured::of(tx, hold.id).await? else {
        let available = AccountCode::MerchantAvailable;
        let (currency, amount) = (hold.money.currency(), hold.money.minor());
        return Ok(transfer(AccountCode::MerchantHold, available, currency, amount)
            .into_iter()
            .collect());
    };
    let fixed = match deployment.in_force(day) {
        Some(settings) => Some(FixedReserves::of(tx, settings, day, &[book]).await?),
        None => None,
    };
    captured.release(tx, book, hold.money, fixed).await
}
