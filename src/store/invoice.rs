//! Invoices of acquirers that settle in full: booked by component and VAT, held to what the terms came to in their month, paid.
//!
//! 1. Booking: 5010, 5020, 5030 and 1400 ← 2400 in the house's book. What the invoice says is what is booked; where it is not what
//!    the lines of its month come to by contract, that is a `FEE_MISMATCH` with its claim.
//! 2. Paying: 2400 ← 1110, when the acquirer takes it off what it pays, or 2400 ← 1900, where a file had the deduction already and
//!    nobody knew what it was; that break is resolved with it.
//!
//! An invoice is known by acquirer and number: the same again does nothing, another one under its number is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use tokio_postgres::Row;

use super::books::LockedBooks;
use super::reconcile::write_batch_break;
use super::settings::Deployment;
use super::source::source_of_run;
use super::{Retriable, Store, StoreError, Tx, acquirers, currency};
use crate::ids::{AcquirerId, BookId, EntryNumber, OWN, SourceId};
use crate::ledger::account::{Account, AccountCode, DimensionKind};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::{AmountError, Currency, Money, decimal_text};
use crate::recon::breaks::BreakClass;
use crate::settings::CostComponent;

/// An invoice as it came. Amounts are minor units, none below zero, not all of them zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// The acquirer.
    pub acquirer: String,
    /// Its number there.
    pub number: String,
    /// The first day of the month that it is for.
    pub month: NaiveDate,
    /// In which currency.
    pub currency: Currency,
    /// Interchange.
    pub interchange: i64,
    /// Scheme fees.
    pub scheme_fee: i64,
    /// Markup, or a blended commission.
    pub markup: i64,
    /// VAT on all of them.
    pub vat: i64,
}

/// An invoice that is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedInvoice {
    /// As it came.
    pub invoice: Invoice,
    /// What it should have been by contract, without VAT; none where no line of the month has a price.
    pub expected: Option<Money>,
    /// The booking date.
    pub booked_on: NaiveDate,
    /// Who booked it.
    pub booked_by: String,
    /// The house's entry.
    pub entry: EntryNumber,
    /// When and by whom its payment was booked, and the house's entry of it.
    pub paid: Option<(NaiveDate, String, EntryNumber)>,
}

/// Whether something was done by this request, or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The invoice as it is now.
    pub booked: BookedInvoice,
    /// False where it was so before.
    pub new: bool,
}

/// Who does something, when.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Who.
    pub by: &'a str,
    /// The booking date.
    pub on: NaiveDate,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum InvoiceError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not in the settings.
    #[error("acquirer `{0}` is not in the settings")]
    UnknownAcquirer(String),
    /// Nobody booked it.
    #[error("{acquirer} has no invoice `{number}`")]
    Unknown {
        /// The acquirer.
        acquirer: String,
        /// The number.
        number: String,
    },
    /// Another one has its number.
    #[error("invoice `{number}` is booked with other figures: {booked}")]
    Conflict {
        /// The number.
        number: String,
        /// What is booked.
        booked: String,
    },
    /// Nothing to book.
    #[error("an invoice is of more than zero")]
    Nothing,
    /// The break is not this deduction.
    #[error("break {id} does not hold the {total} of the invoice as a deduction of {acquirer}")]
    OtherBreak {
        /// Which.
        id: i64,
        /// What is owed.
        total: Money,
        /// To whom.
        acquirer: String,
    },
    /// Somebody was first.
    #[error("break {0} is resolved, or somebody's proposal for it waits")]
    Resolved(i64),
    /// Too large.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

impl Retriable for InvoiceError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::UnknownAcquirer(_)
            | Self::Unknown { .. }
            | Self::Conflict { .. }
            | Self::Nothing
            | Self::OtherBreak { .. }
            | Self::Resolved(_)
            | Self::Amount(_) => false,
        }
    }
}

impl Invoice {
    /// The costs, without VAT.
    pub fn costs(&self) -> Result<i64, AmountError> {
        sum(&[self.interchange, self.scheme_fee, self.markup])
    }

    /// What has to be paid.
    pub fn total(&self) -> Result<Money, AmountError> {
        let total = sum(&[self.costs()?, self.vat])?;
        Ok(Money::from_minor(total, self.currency))
    }

    fn of(&self, component: CostComponent) -> Result<i64, AmountError> {
        match component {
            CostComponent::Total => self.costs(),
            CostComponent::Interchange => Ok(self.interchange),
            CostComponent::SchemeFee => Ok(self.scheme_fee),
            CostComponent::Markup => Ok(self.markup),
        }
    }

    fn figures(&self) -> String {
        let text = |minor| decimal_text(minor, self.currency);
        format!(
            "interchange {}, scheme fee {}, markup {}, VAT {} {} for {}",
            text(self.interchange),
            text(self.scheme_fee),
            text(self.markup),
            text(self.vat),
            self.currency,
            self.month.format("%Y-%m")
        )
    }
}

fn sum(amounts: &[i64]) -> Result<i64, AmountError> {
    let sum = amounts.iter().try_fold(0_i64, |sum, amount| sum.checked_add(*amount));
    sum.ok_or(AmountError::TooLarge)
}

impl Store {
    /// Books an invoice and holds it to the contract; `execute` or only see what it would be. The same again does nothing.
    pub async fn book_invoice(
        &self,
        deployment: &Deployment,
        invoice: &Invoice,
        act: Act<'_>,
        execute: bool,
    ) -> Result<Outcome, InvoiceError> {
        let work = async |tx: &mut Tx| book(tx, deployment, invoice, act).await;
        if execute {
            self.transact(work).await
        } else {
            self.rehearse(work).await
        }
    }

    /// Books that an invoice was paid: taken off what the acquirer pays, or by the deduction that a break holds in suspense.
    pub async fn pay_invoice(
        &self,
        (acquirer, number): (&str, &str),
        of_break: Option<i64>,
        act: Act<'_>,
        execute: bool,
    ) -> Result<Outcome, InvoiceError> {
        let work = async |tx: &mut Tx| pay(tx, (acquirer, number), of_break, act).await;
        if execute {
            self.transact(work).await
        } else {
            self.rehearse(work).await
        }
    }

    /// Invoices by acquirer, month and number: those that are not paid, or all.
    pub async fn invoices(&self, acquirer: Option<&str>, all: bool) -> Result<Vec<BookedInvoice>, StoreError> {
        let none: Option<&str> = None;
        self.rehearse(async |tx: &mut Tx| list(tx, acquirer, none, all).await)
            .await
    }
}

async fn list(
    tx: &mut Tx,
    acquirer: Option<&str>,
    number: Option<&str>,
    all: bool,
) -> Result<Vec<BookedInvoice>, StoreError> {
    let sql = include_str!("../../schema/queries/invoices_list.sql");
    let rows = tx.query(sql, &[&acquirer, &number, &all]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<BookedInvoice, StoreError> {
    let currency = currency(row.try_get("currency")?)?;
    let expected: Option<i64> = row.try_get("expected")?;
    let payment: Option<i64> = row.try_get("payment")?;
    let paid = payment
        .map(|entry| Ok::<_, StoreError>((row.try_get("paid_on")?, row.try_get("paid_by")?, EntryNumber(entry))))
        .transpose()?;
    Ok(BookedInvoice {
        invoice: Invoice {
            acquirer: row.try_get("acquirer")?,
            number: row.try_get("invoice")?,
            month: row.try_get("month")?,
            currency,
            interchange: row.try_get("interchange")?,
            scheme_fee: row.try_get("scheme_fee")?,
            markup: row.try_get("markup")?,
            vat: row.try_get("vat")?,
        },
        expected: expected.map(|minor| Money::from_minor(minor, currency)),
        booked_on: row.try_get("booked_on")?,
        booked_by: row.try_get("booked_by")?,
        entry: EntryNumber(row.try_get("number")?),
        paid,
    })
}

/// The invoice of a number, where it is booked.
async fn known(tx: &mut Tx, acquirer: &str, number: &str) -> Result<Option<BookedInvoice>, StoreError> {
    Ok(list(tx, Some(acquirer), Some(number), true).await?.into_iter().next())
}

async fn book(tx: &mut Tx, deployment: &Deployment, invoice: &Invoice, act: Act<'_>) -> Result<Outcome, InvoiceError> {
    let unknown = || InvoiceError::UnknownAcquirer(invoice.acquirer.clone());
    let acquirer = deployment.acquirer(&invoice.acquirer).ok_or_else(unknown)?;
    if invoice.total()?.minor() <= 0 {
        return Err(InvoiceError::Nothing);
    }
    // No file of the acquirer is booked or undone meanwhile.
    let lock = include_str!("../../schema/queries/acquirer_lock.sql");
    tx.query(lock, &[&acquirer.0]).await?;
    if let Some(booked) = known(tx, &invoice.acquirer, &invoice.number).await? {
        if booked.invoice != *invoice {
            return Err(InvoiceError::Conflict {
                number: invoice.number.clone(),
                booked: booked.invoice.figures(),
            });
        }
        return Ok(Outcome { booked, new: false });
    }
    let awaited = awaited(tx, acquirer, invoice).await?;
    let mut books = LockedBooks::lock(tx, &[BookId::HOUSE]).await?;
    let name = format!("invoice {} {}", invoice.acquirer, invoice.number);
    let source = source_of_run(tx, &name).await?;
    let legs = [
        (AccountCode::CostInterchange, invoice.interchange),
        (AccountCode::CostScheme, invoice.scheme_fee),
        (AccountCode::CostAcquirer, invoice.markup),
        (AccountCode::VatInput, invoice.vat),
    ];
    let transfers = legs
        .into_iter()
        .filter(|(_, amount)| *amount != 0)
        .map(|(debit, amount)| transfer(debit, AccountCode::AcquirerFeesPayable, invoice, amount))
        .collect();
    let number = books.append(
        BookId::HOUSE,
        entry(EntryKind::AcquirerInvoice, &name, act.on, source.id, transfers),
    )?;
    books.write(tx).await?;
    let expected = differ(tx, deployment, (acquirer, source.id), invoice, &awaited, act).await?;
    let insert = include_str!("../../schema/queries/invoice_insert.sql");
    tx.execute(
        insert,
        &[
            &acquirer.0,
            &invoice.number,
            &invoice.month,
            &invoice.currency.code(),
            &invoice.interchange,
            &invoice.scheme_fee,
            &invoice.markup,
            &invoice.vat,
            &expected,
            &act.on,
            &act.by,
            &number.0,
        ],
    )
    .await?;
    let booked = known(tx, &invoice.acquirer, &invoice.number).await?;
    let booked = booked.ok_or_else(|| StoreError::Unreadable(format!("{name} that was just booked")))?;
    Ok(Outcome { booked, new: true })
}

/// What the lines of the month come to, by component: how many, and minor units.
async fn awaited(
    tx: &mut Tx,
    acquirer: AcquirerId,
    invoice: &Invoice,
) -> Result<BTreeMap<CostComponent, (i64, i64)>, StoreError> {
    let sql = include_str!("../../schema/queries/invoice_awaited.sql");
    let rows = tx
        .query(sql, &[&acquirer.0, &invoice.month, &invoice.currency.code()])
        .await?;
    rows.iter()
        .map(|row| {
            let name: &str = row.try_get("component")?;
            let component = CostComponent::ALL
                .into_iter()
                .find(|component| component.name() == name);
            let component = component.ok_or_else(|| StoreError::Unreadable(format!("cost component {name}")))?;
            Ok((component, (row.try_get("lines")?, row.try_get("expected")?)))
        })
        .collect()
}

/// Names what differs from the contract by more than a batch may, and says what all of it should have been.
async fn differ(
    tx: &mut Tx,
    deployment: &Deployment,
    (acquirer, source): (AcquirerId, SourceId),
    invoice: &Invoice,
    awaited: &BTreeMap<CostComponent, (i64, i64)>,
    act: Act<'_>,
) -> Result<Option<i64>, InvoiceError> {
    let last = last_day(invoice.month);
    let contract = deployment
        .in_force(last)
        .and_then(|settings| settings.acquirers.get(&invoice.acquirer))
        .and_then(|acquirer| acquirer.cost_on(last));
    let tolerance = contract
        .and_then(|contract| {
            let of_batch = contract.batch_tolerance.get(&invoice.currency);
            of_batch.or_else(|| contract.tolerance.get(&invoice.currency))
        })
        .map_or(0, |amount| amount.minor().unsigned_abs());
    let mut all: Option<i64> = None;
    for (place, (component, (lines, expected))) in (1_i32..).zip(awaited) {
        all = Some(sum(&[all.unwrap_or(0), *expected])?);
        let stated = invoice.of(*component)?;
        if stated.abs_diff(*expected) <= tolerance {
            continue;
        }
        let text = |minor| decimal_text(minor, invoice.currency);
        let detail = format!(
            "invoice {} for {}: {} by contract and by the invoice differ: {} and {} {}",
            invoice.number,
            invoice.month.format("%Y-%m"),
            component.name(),
            text(*expected),
            text(stated),
            invoice.currency
        );
        let code = invoice.currency.code();
        let money = |minor| Money::from_minor(minor, invoice.currency);
        let sides = (money(*expected), money(stated));
        write_batch_break(tx, (acquirer, source), BreakClass::FeeMismatch, sides, &detail).await?;
        let insert = include_str!("../../schema/queries/invoice_claim_insert.sql");
        tx.execute(
            insert,
            &[
                &source.0,
                &place,
                &acquirer.0,
                &invoice.number,
                &code,
                &component.name(),
                lines,
                expected,
                &stated,
                &invoice.month,
                &act.on,
                &detail,
            ],
        )
        .await?;
    }
    Ok(all)
}

/// The last day of the month of a day.
fn last_day(month: NaiveDate) -> NaiveDate {
    let (year, number) = match month.month() {
        12 => (month.year().saturating_add(1), 1),
        other => (month.year(), other.saturating_add(1)),
    };
    let next = NaiveDate::from_ymd_opt(year, number, 1);
    next.and_then(|day| day.pred_opt()).unwrap_or(month)
}

async fn pay(
    tx: &mut Tx,
    (acquirer, number): (&str, &str),
    of_break: Option<i64>,
    act: Act<'_>,
) -> Result<Outcome, InvoiceError> {
    if let Some(id) = of_break {
        // Its file is not undone meanwhile, and it is nobody else's: acquirers, then breaks, then books.
        acquirers::share(tx, None).await?;
        tx.query(include_str!("../../schema/queries/breaks_lock.sql"), &[&vec![id]])
            .await?;
    }
    let mut books = LockedBooks::lock(tx, &[BookId::HOUSE]).await?;
    let unknown = || InvoiceError::Unknown {
        acquirer: acquirer.to_owned(),
        number: number.to_owned(),
    };
    let booked = known(tx, acquirer, number).await?.ok_or_else(unknown)?;
    if booked.paid.is_some() {
        return Ok(Outcome { booked, new: false });
    }
    let invoice = &booked.invoice;
    let total = invoice.total()?;
    let from = match of_break {
        None => AccountCode::AcquirerInTransit,
        Some(id) => {
            let holds = include_str!("../../schema/queries/invoice_break.sql");
            let rows = tx
                .query(holds, &[&id, &acquirer, &invoice.currency.code(), &total.minor()])
                .await?;
            if rows.is_empty() {
                return Err(InvoiceError::OtherBreak {
                    id,
                    total,
                    acquirer: acquirer.to_owned(),
                });
            }
            let resolve = include_str!("../../schema/queries/invoice_break_resolve.sql");
            let note = format!("it paid invoice {number}");
            if tx.execute(resolve, &[&id, &act.by, &note]).await? == 0 {
                return Err(InvoiceError::Resolved(id));
            }
            AccountCode::SuspenseDebit
        }
    };
    let name = format!("invoice payment {acquirer} {number}");
    let source = source_of_run(tx, &name).await?;
    let transfers = vec![transfer(AccountCode::AcquirerFeesPayable, from, invoice, total.minor())];
    let paid = books.append(
        BookId::HOUSE,
        entry(EntryKind::InvoicePayment, &name, act.on, source.id, transfers),
    )?;
    books.write(tx).await?;
    let update = include_str!("../../schema/queries/invoice_pay.sql");
    tx.execute(update, &[&acquirer, &number, &act.on, &act.by, &paid.0])
        .await?;
    let booked = known(tx, acquirer, number).await?.ok_or_else(unknown)?;
    Ok(Outcome { booked, new: true })
}

fn entry(kind: EntryKind, name: &str, on: NaiveDate, source: SourceId, transfers: Vec<Transfer>) -> Entry {
    let reference = format!("{OWN}{name}");
    let fingerprint = fingerprint(&["invoice 1", kind.name(), &reference]);
    Entry {
        transfers,
        ..Entry::of_day(kind, reference, fingerprint, on, source)
    }
}

fn transfer(debit: AccountCode, credit: AccountCode, invoice: &Invoice, amount: i64) -> Transfer {
    let account = |code: AccountCode| Account {
        code,
        currency: invoice.currency,
        dimension: match code.dimension() {
            DimensionKind::Acquirer => invoice.acquirer.as_str().into(),
            DimensionKind::None | DimensionKind::Bank => Arc::from(""),
        },
    };
    Transfer {
        debit: account(debit),
        credit: account(credit),
        amount,
    }
}
