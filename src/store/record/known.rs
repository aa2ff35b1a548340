//! What the database knew before a batch: references and natural keys, payments, the entries that events undo, aggregates, funds,
//! exact sums of fees.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;

use super::Numbered;
use crate::ids::{AcquirerId, BookId, EntryNumber};
use crate::ledger::account::{Account, AccountCode};
use crate::ledger::entry::{Entry, EntryKind, Fingerprint, Transfer};
use crate::money::Currency;
use crate::payment::event::{Applied, Kept, PaymentEvent};
use crate::payment::fees::{Accrual, AccrualKey, Component, Returns};
use crate::payment::lifecycle::{Aggregate, Funds, Instrument, Maturing, Original, Payment};
use crate::store::settings::Deployment;
use crate::store::{StoreError, Tx, currency, passed_costs};

/// Where the entry with a reference is.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    Stored(EntryNumber),
    /// Of this batch, with its place there.
    InBatch(EntryNumber, usize),
}

impl At {
    pub(super) fn number(self) -> EntryNumber {
        match self {
            Self::Stored(number) | Self::InBatch(number, _) => number,
        }
    }
}

/// Adds to what a merchant has on an account.
fn add(funds: &mut Funds, code: AccountCode, credit: i64) -> Result<(), StoreError> {
    let balances = [
        (AccountCode::MerchantAvailable, &mut funds.available),
        (AccountCode::MerchantPending, &mut funds.pending),
        (AccountCode::MerchantReserve, &mut funds.reserve),
    ];
    for (of, balance) in balances {
        if of == code {
            *balance = balance.checked_add(credit).ok_or_else(too_large)?;
        }
    }
    Ok(())
}

/// Moves what a merchant has by a transfer of the batch.
pub(super) fn transferred(funds: &mut Funds, transfer: &Transfer) -> Result<(), StoreError> {
    let debited = transfer.amount.checked_neg().ok_or_else(too_large)?;
    add(funds, transfer.debit.code, debited)?;
    add(funds, transfer.credit.code, transfer.amount)
}

fn too_large() -> StoreError {
    StoreError::TooLarge("a merchant's balance".to_owned())
}

pub(super) type ByReference<'a, T> = HashMap<(BookId, Cow<'a, str>), T>;

/// What the database knew, and what the batch adds to it as it is decided.
#[derive(Default)]
pub(super) struct Loaded<'a> {
    /// By reference: the fingerprint of what has it, and where.
    pub(super) references: ByReference<'a, (Fingerprint, At)>,
    /// By natural key.
    pub(super) natural_keys: HashMap<(BookId, String), At>,
    pub(super) payments: ByReference<'a, Payment>,
    /// By the reference that events of the batch name; none where no such entry is known yet.
    pub(super) originals: ByReference<'a, Option<Original>>,
    pub(super) aggregates: ByReference<'a, Aggregate>,
    /// Of the books whose events depend on them.
    pub(super) funds: HashMap<(BookId, Currency), Funds>,
    pub(super) funded: BTreeSet<BookId>,
    /// Exact sums of fees.
    pub(super) accruals: HashMap<BookId, HashMap<AccrualKey, Accrual>>,
    /// Voids, by payment and what each withdrew.
    pub(super) voids: HashSet<(BookId, String, i64)>,
    /// The payments of a merchant reference, where it is not their own name.
    pub(super) orders: ByReference<'a, BTreeSet<String>>,
    /// Reserves that refunds of the batch may use.
    pub(super) tranches: HashMap<(BookId, Currency), Tranches>,
}

/// What the tranches of a reserve hold, the oldest first: by day of sales and day of release.
#[derive(Default)]
pub(super) struct Tranches(BTreeMap<(NaiveDate, NaiveDate), i64>);

impl Tranches {
    /// Takes an amount out, of the oldest tranche first; none where they do not hold so much.
    pub(super) fn take(&mut self, amount: i64) -> Option<Vec<Applied>> {
        let mut missing = amount;
        let mut applied = Vec::new();
        for ((source_on, release_on), rest) in &mut self.0 {
            let part = missing.min(*rest);
            if part > 0 {
                *rest = rest.checked_sub(part)?;
                missing = missing.checked_sub(part)?;
                applied.push(Applied {
                    source_on: *source_on,
                    release_on: *release_on,
                    amount: part,
                });
            }
        }
        (missing == 0).then_some(applied)
    }

    /// Puts back what was taken, into the tranches it was taken from.
    pub(super) fn put_back(&mut self, applied: &[Applied]) -> Option<()> {
        for part in applied {
            let rest = self.0.entry((part.source_on, part.release_on)).or_default();
            *rest = rest.checked_add(part.amount)?;
        }
        Some(())
    }
}

impl<'a> Loaded<'a> {
    pub(super) async fn of(
        tx: &mut Tx,
        deployment: &Deployment,
        owners: &HashMap<String, BookId>,
        events: &'a [Numbered],
    ) -> Result<Self, StoreError> {
        let mut wanted = Wanted::default();
        for (_, event) in events {
            if let Some(book) = owners.get(event.merchant.as_str()) {
                wanted.add(*book, event);
                if event.kind == EntryKind::Refund && uses_reserve(deployment, &event.merchant) {
                    wanted.reserves.insert(*book);
                }
            }
        }
        let orders = orders(tx, &wanted.orders).await?;
        let mut names = wanted.payments.clone();
        for ((book, order), of_order) in &orders {
            names.extend(of_order.iter().map(|name| (*book, name.as_str())));
            names.push((*book, order));
        }
        let mut loaded = Self {
            references: references(tx, &mut wanted.references).await?,
            payments: payments(tx, deployment, &mut names).await?,
            funded: wanted.funded.clone(),
            voids: voids(tx, &wanted.voids).await?,
            tranches: tranches(tx, &wanted.reserves).await?,
            ..Self::default()
        };
        if !wanted.natural_keys.is_empty() {
            loaded.natural_keys = natural_keys(tx, &wanted.natural_keys).await?;
        }
        if !wanted.aggregates.is_empty() || !wanted.originals.is_empty() {
            loaded.originals = originals(tx, &wanted.originals).await?;
            for (book, original) in loaded
                .originals
                .iter()
                .filter_map(|((book, _), found)| Some((book, found.as_ref()?)))
            {
                if let Some(aggregate) = &original.aggregate {
                    wanted.more_aggregates.push((*book, aggregate.clone()));
                }
            }
            loaded.aggregates = aggregates(tx, &wanted).await?;
        }
        if !wanted.funded.is_empty() {
            loaded.funds = funds(tx, &wanted.funded).await?;
        }
        loaded.load_accruals(tx, deployment, owners, events).await?;
        loaded.orders = orders;
        Ok(loaded)
    }

    /// Loads the exact sums that the batch may move: those of the periods of its captures, and those that its payments and the
    /// entries it undoes were added to.
    async fn load_accruals(
        &mut self,
        tx: &mut Tx,
        deployment: &Deployment,
        owners: &HashMap<String, BookId>,
        events: &[Numbered],
    ) -> Result<(), StoreError> {
        let mut books = BTreeSet::new();
        let mut periods = BTreeSet::new();
        let of_payments = self.payments.iter().flat_map(|((book, _), payment)| {
            let keys = payment.returns.accrued.iter().map(|returnable| &returnable.fee.key);
            keys.map(move |key| (*book, key.period))
        });
        let of_originals = self.originals.iter().flat_map(|((book, _), original)| {
            let accrued = original.iter().flat_map(|original| &original.accrued);
            accrued.map(move |accrued| (*book, accrued.key.period))
        });
        for (book, period) in of_payments.chain(of_originals) {
            books.insert(book.0);
            periods.insert(period);
        }
        if deployment.accrues() {
            for (_, event) in events.iter().filter(|(_, event)| event.kind == EntryKind::Capture) {
                let period = deployment.accrual_period(event);
                if let Some((book, period)) = owners.get(event.merchant.as_str()).zip(period) {
                    books.insert(book.0);
                    periods.insert(period);
                }
            }
        }
        if !books.is_empty() {
            let books: Vec<i64> = books.into_iter().collect();
            let periods: Vec<NaiveDate> = periods.into_iter().collect();
            self.accruals = accruals(tx, &books, &periods).await?;
        }
        Ok(())
    }
}

/// The round of a dispute that a second chargeback is of.
pub(super) const SECOND: u32 = 2;

/// What a batch asks the database for.
#[derive(Default)]
struct Wanted<'a> {
    references: Vec<(BookId, &'a str)>,
    payments: Vec<(BookId, &'a str)>,
    natural_keys: Vec<(BookId, String)>,
    originals: Vec<(BookId, &'a str)>,
    aggregates: Vec<(BookId, &'a str)>,
    more_aggregates: Vec<(BookId, String)>,
    funded: BTreeSet<BookId>,
    reserves: BTreeSet<BookId>,
    voids: Vec<(BookId, &'a str)>,
    orders: Vec<(BookId, &'a str)>,
}

impl<'a> Wanted<'a> {
    fn add(&mut self, book: BookId, event: &'a PaymentEvent) {
        self.references.push((book, &event.reference));
        self.payments.push((book, &event.payment));
        if let Some(key) = event.natural_key() {
            self.natural_keys.push((book, key));
        }
        if event.kind == EntryKind::ChargebackReversal && event.details.cycle.is_none() {
            // It may be of the second round.
            let second = [event.chargeback_key(SECOND), event.reversal_key(SECOND)];
            self.natural_keys
                .extend(second.into_iter().flatten().map(|key| (book, key)));
        }
        if event.has_derived_reference() {
            // Whether it has failed since.
            self.originals.push((book, &event.reference));
        }
        if event.kind == EntryKind::Void {
            self.voids.push((book, &event.payment));
        }
        if let Some(order) = event
            .merchant_reference
            .as_deref()
            .filter(|_| event.kind == EntryKind::Authorization)
        {
            self.orders.push((book, order));
        }
        if let Some(original) = &event.details.original {
            self.originals.push((book, original));
        }
        if let Some(aggregate) = &event.details.aggregate {
            self.aggregates.push((book, aggregate));
        }
        if event.kind == EntryKind::Refund {
            self.funded.insert(book);
        }
    }
}

pub(super) fn columns<T: AsRef<str>>(names: &[(BookId, T)]) -> (Vec<i64>, Vec<&str>) {
    names.iter().map(|(book, name)| (book.0, name.as_ref())).unzip()
}

async fn references<'a>(
    tx: &mut Tx,
    wanted: &mut [(BookId, &str)],
) -> Result<ByReference<'a, (Fingerprint, At)>, StoreError> {
    // Neighbours in the index are looked up one after the other.
    wanted.sort_unstable();
    let (books, names) = columns(wanted);
    let rows = tx
        .query(
            include_str!("../../../schema/queries/entries_by_reference.sql"),
            &[&books, &names],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let reference: String = row.try_get("reference")?;
            let fingerprint: &[u8] = row.try_get("fingerprint")?;
            let fingerprint =
                Fingerprint::try_from(fingerprint).map_err(|_| StoreError::Unreadable("a fingerprint".to_owned()))?;
            let at = At::Stored(EntryNumber(row.try_get("number")?));
            Ok((
                (BookId(row.try_get("book_id")?), Cow::Owned(reference)),
                (fingerprint, at),
            ))
        })
        .collect()
}

async fn natural_keys(tx: &mut Tx, wanted: &[(BookId, String)]) -> Result<HashMap<(BookId, String), At>, StoreError> {
    let (books, keys) = columns(wanted);
    let rows = tx
        .query(
            include_str!("../../../schema/queries/entries_by_natural_key.sql"),
            &[&books, &keys],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let at = At::Stored(EntryNumber(row.try_get("number")?));
            Ok(((BookId(row.try_get("book_id")?), row.try_get("natural_key")?), at))
        })
        .collect()
}

/// Whether a merchant's refunds may use the reserve, by any version.
fn uses_reserve(deployment: &Deployment, merchant: &str) -> bool {
    let mut of_versions = deployment
        .versions()
        .filter_map(|settings| settings.merchants.get(merchant));
    of_versions.any(|merchant| merchant.refunds_from_reserve)
}

async fn voids(tx: &mut Tx, wanted: &[(BookId, &str)]) -> Result<HashSet<(BookId, String, i64)>, StoreError> {
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let (books, payments) = columns(wanted);
    let rows = tx
        .query(
            include_str!("../../../schema/queries/voids_of_payments.sql"),
            &[&books, &payments],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let book = BookId(row.try_get("book_id")?);
            Ok((book, row.try_get("payment")?, row.try_get("amount")?))
        })
        .collect()
}

/// The payments of merchant references, none for one that is new.
async fn orders<'a>(
    tx: &mut Tx,
    wanted: &[(BookId, &'a str)],
) -> Result<ByReference<'a, BTreeSet<String>>, StoreError> {
    let mut orders: ByReference<'a, BTreeSet<String>> = HashMap::with_capacity(wanted.len());
    if wanted.is_empty() {
        return Ok(orders);
    }
    for (book, order) in wanted {
        orders.entry((*book, Cow::Borrowed(*order))).or_default();
    }
    let (books, references): (Vec<i64>, Vec<&str>) =
        orders.keys().map(|(book, order)| (book.0, order.as_ref())).unzip();
    let rows = tx
        .query(
            include_str!("../../../schema/queries/payments_by_merchant_reference.sql"),
            &[&books, &references],
        )
        .await?;
    for row in &rows {
        let order: String = row.try_get("merchant_reference")?;
        let of = (BookId(row.try_get("book_id")?), Cow::Owned(order));
        orders.entry(of).or_default().insert(row.try_get("payment")?);
    }
    Ok(orders)
}

async fn tranches(tx: &mut Tx, books: &BTreeSet<BookId>) -> Result<HashMap<(BookId, Currency), Tranches>, StoreError> {
    let mut tranches: HashMap<(BookId, Currency), Tranches> = HashMap::new();
    if books.is_empty() {
        return Ok(tranches);
    }
    let books: Vec<i64> = books.iter().map(|book| book.0).collect();
    let rows = tx
        .query(
            include_str!("../../../schema/queries/reserve_open_tranches.sql"),
            &[&books],
        )
        .await?;
    for row in &rows {
        let of = (BookId(row.try_get("book_id")?), currency(row.try_get("currency")?)?);
        let days = (row.try_get("source_on")?, row.try_get("release_on")?);
        tranches.entry(of).or_default().0.insert(days, row.try_get("rest")?);
    }
    Ok(tranches)
}

async fn payments<'a>(
    tx: &mut Tx,
    deployment: &Deployment,
    wanted: &mut Vec<(BookId, &str)>,
) -> Result<ByReference<'a, Payment>, StoreError> {
    wanted.sort_unstable();
    wanted.dedup();
    let (books, names) = columns(wanted);
    let rows = tx
        .query(
            include_str!("../../../schema/queries/payments_by_name.sql"),
            &[&books, &names],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let name: String = row.try_get(1)?;
            Ok((
                (BookId(row.try_get(0)?), Cow::Owned(name)),
                read_payment(row, deployment)?,
            ))
        })
        .collect()
}

/// Reads a row that begins as `payments_by_name.sql` does; by place, since a batch reads tens of thousands.
pub(in crate::store) fn read_payment(row: &Row, deployment: &Deployment) -> Result<Payment, StoreError> {
    let acquirer = AcquirerId(row.try_get(2)?);
    let acquirer: Arc<str> = deployment
        .acquirer_name(acquirer)
        .ok_or_else(|| StoreError::Unreadable(format!("acquirer {acquirer}")))?
        .into();
    let text = |place: usize| -> Result<Option<Arc<str>>, StoreError> {
        Ok(row.try_get::<_, Option<&str>>(place)?.map(Arc::from))
    };
    let accrued = row
        .try_get::<_, Option<&str>>(16)?
        .map_or_else(|| Ok(Vec::new()), serde_json::from_str);
    let dispute_fee: Option<i64> = row.try_get(17)?;
    let earlier = row
        .try_get::<_, Option<&str>>(31)?
        .map_or_else(|| Ok(Vec::new()), serde_json::from_str);
    Ok(Payment {
        acquirer,
        currency: currency(row.try_get(3)?)?,
        requested: row.try_get(4)?,
        authorized: row.try_get(5)?,
        captured: row.try_get(6)?,
        over_captured: row.try_get(7)?,
        voided: row.try_get(8)?,
        expired: row.try_get(9)?,
        refunded: row.try_get(10)?,
        charged_back: row.try_get(11)?,
        returns: Returns {
            fee: row.try_get(12)?,
            vat: row.try_get(13)?,
            fee_returned: row.try_get(14)?,
            vat_returned: row.try_get(15)?,
            accrued: accrued.map_err(|error| StoreError::Unreadable(format!("the fees of a payment ({error})")))?,
        },
        dispute_fee: dispute_fee.zip(row.try_get(18)?),
        unpaid: row.try_get(19)?,
        expires_at: row.try_get(20)?,
        captured_at: row.try_get(21)?,
        limit_month: row.try_get(22)?,
        instrument: Instrument {
            method: text(23)?,
            scheme: text(24)?,
            card_country: text(25)?,
            payer: text(26)?,
            category: text(27)?,
            rrn: text(28)?,
            auth_code: text(29)?,
            card: text(30)?,
        },
        earlier_captures: earlier
            .map_err(|error| StoreError::Unreadable(format!("captures of a payment ({error})")))?,
        final_captures: row.try_get(32)?,
        merchant_reference: text(33)?,
        refunds: row.try_get(34)?,
    })
}

async fn originals<'a>(
    tx: &mut Tx,
    wanted: &[(BookId, &'a str)],
) -> Result<ByReference<'a, Option<Original>>, StoreError> {
    let mut originals: ByReference<'a, Option<Original>> = wanted
        .iter()
        .map(|(book, reference)| ((*book, Cow::Borrowed(*reference)), None))
        .collect();
    let mut keys: Vec<(BookId, &str)> = wanted.to_vec();
    keys.sort_unstable();
    keys.dedup();
    let (books, references) = columns(&keys);
    let rows = tx
        .query(
            include_str!("../../../schema/queries/entries_original.sql"),
            &[&books, &references],
        )
        .await?;
    for row in &rows {
        let reference: String = row.try_get("reference")?;
        let Some(found) = originals.get_mut(&(BookId(row.try_get("book_id")?), Cow::Owned(reference))) else {
            continue;
        };
        let transfer = read_transfer(row)?;
        match found {
            Some(original) => original.transfers.extend(transfer),
            None => {
                *found = Some(original_of(
                    EntryNumber(row.try_get("number")?),
                    kind(row.try_get("kind")?)?,
                    row.try_get("payment")?,
                    transfer.into_iter().collect(),
                    (row.try_get("occurred_at")?, row.try_get("booking_date")?),
                    row.try_get("details")?,
                )?);
                if let Some(original) = found {
                    original.undone = row.try_get("undone")?;
                    original.open = row.try_get("open")?;
                    original.hold_released = row.try_get("hold_released")?;
                    if row.try_get("advanced")? {
                        // It became available in advance: what is withdrawn of it goes back as what became available by date.
                        original.maturing = Some(Maturing {
                            source_on: original.day,
                            available_on: original.day,
                            payable: 0,
                            reserve: original.reserve,
                            reserve_until: row.try_get("reserve_until")?,
                        });
                    }
                    original.paid = row.try_get("paid")?;
                }
            }
        }
    }
    for original in originals.values_mut().flatten() {
        finish(original)?;
    }
    Ok(originals)
}

fn kind(id: i16) -> Result<EntryKind, StoreError> {
    EntryKind::from_id(id).ok_or_else(|| StoreError::Unreadable(format!("kind {id}")))
}

/// The transfer of a row that joins one with its accounts; none where the entry has none.
pub(in crate::store) fn read_transfer(row: &Row) -> Result<Option<Transfer>, StoreError> {
    let Some(amount) = row.try_get("amount")? else {
        return Ok(None);
    };
    let account = |code: &str, currency_column: &str, dimension: &str| -> Result<Account, StoreError> {
        let number: i16 = row.try_get(code)?;
        let code =
            AccountCode::from_number(number).ok_or_else(|| StoreError::Unreadable(format!("account code {number}")))?;
        Ok(Account {
            code,
            currency: currency(row.try_get(currency_column)?)?,
            dimension: row.try_get::<_, &str>(dimension)?.into(),
        })
    };
    Ok(Some(Transfer {
        debit: account("debit_code", "debit_currency", "debit_dimension")?,
        credit: account("credit_code", "credit_currency", "credit_dimension")?,
        amount,
    }))
}

/// An entry as a later event sees it; [`finish`] it when all its transfers are there.
fn original_of(
    number: EntryNumber,
    kind: EntryKind,
    payment: Option<String>,
    transfers: Vec<Transfer>,
    (occurred_at, day): (DateTime<Utc>, NaiveDate),
    details: Option<&str>,
) -> Result<Original, StoreError> {
    // What is no event's entry keeps details of its own, and no event undoes it.
    let details = details.filter(|_| PaymentEvent::KINDS.contains(&kind));
    let kept =
        Kept::of_text(details).ok_or_else(|| StoreError::Unreadable(format!("the details of entry {number}")))?;
    let maturing = kept.available_on.map(|available_on| Maturing {
        source_on: day,
        available_on,
        payable: 0,
        reserve: kept.reserve.unwrap_or(0),
        reserve_until: kept.reserve_until,
    });
    Ok(Original {
        number,
        kind,
        payment,
        transfers,
        undone: false,
        open: false,
        occurred_at,
        paid: false,
        day,
        accrued: kept.accrued,
        returned_on_refund: kept.returned_on_refund.unwrap_or_default(),
        reserve: kept.reserve.unwrap_or(0),
        applied: kept.applied,
        is_final: kept.details.is_final,
        aggregate: kept.details.aggregate,
        maturing,
        hold_released: false,
    })
}

/// What becomes available of a capture is what it added to pending money; what of that was set aside does once it is released.
fn finish(original: &mut Original) -> Result<(), StoreError> {
    if let Some(maturing) = &mut original.maturing {
        let mut payable = 0_i64;
        for transfer in &original.transfers {
            let moved = if transfer.credit.code == AccountCode::MerchantPending {
                transfer.amount
            } else if transfer.debit.code == AccountCode::MerchantPending
                && transfer.credit.code != AccountCode::MerchantHold
            {
                transfer.amount.saturating_neg()
            } else {
                0
            };
            payable = payable.checked_add(moved).ok_or_else(too_large)?;
        }
        maturing.payable = payable;
    }
    Ok(())
}

/// An entry of this batch as a later event of it sees it.
pub(super) fn original_in_batch(number: EntryNumber, entry: &Entry, open: bool) -> Result<Original, StoreError> {
    let mut original = original_of(
        number,
        entry.kind,
        entry.payment.clone(),
        entry.transfers.clone(),
        (entry.occurred_at, entry.booking_date),
        entry.details.as_deref(),
    )?;
    original.open = open;
    finish(&mut original)?;
    Ok(original)
}

async fn aggregates<'a>(tx: &mut Tx, wanted: &Wanted<'a>) -> Result<ByReference<'a, Aggregate>, StoreError> {
    let mut keys: Vec<(BookId, &str)> = wanted.aggregates.clone();
    keys.extend(wanted.more_aggregates.iter().map(|(book, name)| (*book, name.as_str())));
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let (books, names) = columns(&keys);
    let rows = tx
        .query(
            include_str!("../../../schema/queries/aggregates_by_name.sql"),
            &[&books, &names],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let name: String = row.try_get("aggregate")?;
            let closed: Option<i64> = row.try_get("closed")?;
            let aggregate = Aggregate {
                name: name.clone(),
                acquirer: row.try_get::<_, &str>("acquirer")?.into(),
                currency: currency(row.try_get("currency")?)?,
                items: row.try_get("items")?,
                gross: row.try_get("gross")?,
                merchant_fee: row.try_get("merchant_fee")?,
                reserve: row.try_get("reserve")?,
                matures: row.try_get("matures")?,
                passes_costs: passed_costs(row.try_get("passes_costs")?, row.try_get("costs_vat")?)?,
                closed: closed.map(EntryNumber),
            };
            Ok(((BookId(row.try_get("book_id")?), Cow::Owned(name)), aggregate))
        })
        .collect()
}

async fn accruals(
    tx: &mut Tx,
    books: &[i64],
    periods: &[NaiveDate],
) -> Result<HashMap<BookId, HashMap<AccrualKey, Accrual>>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../../schema/queries/accruals_of_books.sql"),
            &[&books, &periods],
        )
        .await?;
    let mut accruals: HashMap<BookId, HashMap<AccrualKey, Accrual>> = HashMap::new();
    for row in &rows {
        let (key, accrual) = read_accrual(row)?;
        accruals
            .entry(BookId(row.try_get("book_id")?))
            .or_default()
            .insert(key, accrual);
    }
    Ok(accruals)
}

/// A row of exact sums.
pub(in crate::store) fn read_accrual(row: &Row) -> Result<(AccrualKey, Accrual), StoreError> {
    let unreadable = || StoreError::Unreadable("an exact sum of fees".to_owned());
    let component: &str = row.try_get("component")?;
    let vat: &str = row.try_get("vat")?;
    let key = AccrualKey {
        schedule: row.try_get::<_, &str>("schedule")?.into(),
        version: row.try_get("version")?,
        component: Component::from_name(component).ok_or_else(unreadable)?,
        currency: currency(row.try_get("currency")?)?,
        period: row.try_get("period")?,
        vat: vat.parse().map_err(|_| unreadable())?,
    };
    let accrual = Accrual {
        exact: row.try_get::<_, rust_decimal::Decimal>("exact")?.normalize(),
        posted: row.try_get("posted")?,
        vat_posted: row.try_get("vat_posted")?,
    };
    Ok((key, accrual))
}

async fn funds(tx: &mut Tx, books: &BTreeSet<BookId>) -> Result<HashMap<(BookId, Currency), Funds>, StoreError> {
    let books: Vec<i64> = books.iter().map(|book| book.0).collect();
    let rows = tx
        .query(include_str!("../../../schema/queries/funds.sql"), &[&books])
        .await?;
    let mut funds: HashMap<(BookId, Currency), Funds> = HashMap::new();
    for row in &rows {
        let code: i16 = row.try_get("code")?;
        let code =
            AccountCode::from_number(code).ok_or_else(|| StoreError::Unreadable(format!("account code {code}")))?;
        let debits: i64 = row.try_get("debits")?;
        let credits: i64 = row.try_get("credits")?;
        let balance = credits.checked_sub(debits).ok_or_else(too_large)?;
        let of = (BookId(row.try_get("book_id")?), currency(row.try_get("currency")?)?);
        add(funds.entry(of).or_default(), code, balance)?;
    }
    Ok(funds)
}

/// The event that a stored entry was recorded from.
pub(in crate::store) async fn stated(
    tx: &mut Tx,
    book: BookId,
    number: EntryNumber,
    merchant: &str,
) -> Result<Option<PaymentEvent>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../../schema/queries/entry_stated.sql"),
            &[&book.0, &number.0],
        )
        .await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Unreadable(format!("no entry {number} in book {book}")))?;
    let transfers = rows
        .iter()
        .filter_map(|row| read_transfer(row).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    let entry = Entry {
        payment: row.try_get("payment")?,
        acquirer_reference: row.try_get("acquirer_reference")?,
        merchant_reference: row.try_get("merchant_reference")?,
        arn: row.try_get("arn")?,
        rrn: row.try_get("rrn")?,
        auth_code: row.try_get("auth_code")?,
        details: row.try_get("details")?,
        occurred_at: row.try_get("occurred_at")?,
        transfers,
        ..Entry::of_day(
            kind(row.try_get("kind")?)?,
            row.try_get("reference")?,
            Fingerprint::default(),
            row.try_get("booking_date")?,
            crate::ids::SourceId(0),
        )
    };
    let acquirer: Option<&str> = row.try_get("acquirer")?;
    Ok(PaymentEvent::of_entry(merchant, &entry, acquirer))
}
