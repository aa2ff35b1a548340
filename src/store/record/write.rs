//! Writing what a batch came to: payments, open items, and what else its decisions moved.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio_postgres::types::{ToSql, Type};

use super::Batch;
use crate::acquirer::RecordType;
use crate::ids::{AcquirerId, BookId, EntryNumber};
use crate::money::Currency;
use crate::payment::event::{Applied, PaymentEvent};
use crate::payment::fees::{Accrual, AccrualKey};
use crate::payment::lifecycle::{Flag, Instrument, Maturing, Payment, Reportable};
use crate::recon::breaks::BreakClass;
use crate::store::{StoreError, Tx, costs_vat};

/// What the acquirer will report of an event.
pub(super) struct Item<'a> {
    pub(super) acquirer: AcquirerId,
    pub(super) event: &'a PaymentEvent,
    /// How its payment was paid, where it was known by then.
    pub(super) paid_by: Instrument,
    pub(super) record: RecordType,
    pub(super) reportable: Reportable,
    pub(super) occurred_on: NaiveDate,
    pub(super) expected_on: NaiveDate,
}

type MaturingKey = (BookId, Currency, NaiveDate, NaiveDate, Option<NaiveDate>);

/// What decisions moved beside entries, payments and open items.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) withdrawn: Vec<(BookId, EntryNumber)>,
    pub(super) aggregates: BTreeSet<(BookId, String)>,
    pub(super) accruals: BTreeSet<(BookId, AccrualKey)>,
    maturing: BTreeMap<MaturingKey, (i64, i64)>,
    reserve: BTreeMap<(BookId, Currency, NaiveDate, NaiveDate), i64>,
    flags: Vec<(BookId, EntryNumber, AcquirerId, Flag)>,
}

fn add(sum: &mut i64, amount: i64) -> Result<(), StoreError> {
    *sum = sum
        .checked_add(amount)
        .ok_or_else(|| StoreError::TooLarge("a sum of the batch".to_owned()))?;
    Ok(())
}

impl Effects {
    pub(super) fn maturing(
        &mut self,
        book: BookId,
        currency: Currency,
        maturing: Option<Maturing>,
    ) -> Result<(), StoreError> {
        let Some(maturing) = maturing else {
            return Ok(());
        };
        let key = (
            book,
            currency,
            maturing.source_on,
            maturing.available_on,
            maturing.reserve_until,
        );
        let sums = self.maturing.entry(key).or_default();
        add(&mut sums.0, maturing.payable)?;
        add(&mut sums.1, maturing.reserve)
    }

    /// Takes parts out of tranches of a reserve, or puts them back.
    pub(super) fn reserve(
        &mut self,
        book: BookId,
        currency: Currency,
        applied: &[Applied],
        back: bool,
    ) -> Result<(), StoreError> {
        for part in applied {
            let amount = if back {
                part.amount.saturating_neg()
            } else {
                part.amount
            };
            let tranche = (book, currency, part.source_on, part.release_on);
            add(self.reserve.entry(tranche).or_default(), amount)?;
        }
        Ok(())
    }

    pub(super) fn flags(&mut self, book: BookId, number: EntryNumber, acquirer: AcquirerId, flags: Vec<Flag>) {
        for flag in flags {
            self.flags.push((book, number, acquirer, flag));
        }
    }
}

fn class(flag: &Flag) -> (BreakClass, &str) {
    match flag {
        Flag::Status(detail) => (BreakClass::StatusMismatch, detail),
        Flag::DoubleRecovery(detail) => (BreakClass::DoubleRecovery, detail),
        Flag::ChargebackUnknown(detail) => (BreakClass::ChargebackUnknown, detail),
        Flag::Amount(detail) => (BreakClass::AmountMismatch, detail),
        Flag::Velocity(detail) => (BreakClass::Velocity, detail),
        Flag::NotPriced(detail) => (BreakClass::NotPriced, detail),
        Flag::Duplicate(detail) => (BreakClass::DuplicateInLedger, detail),
    }
}

const PAYMENT_TYPES: [Type; 35] = [
    Type::INT8,
    Type::TEXT,
    Type::INT2,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
    Type::DATE,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::TEXT,
    Type::INT8,
];

impl Batch<'_> {
    pub(super) async fn write_payments(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut rows: Vec<(&(BookId, &str), &Payment)> = self.payments.iter().collect();
        rows.sort_unstable_by_key(|(key, _)| **key);
        let (known, new): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|((book, name), _)| self.loaded.payments.contains_key(&(*book, Cow::Borrowed(*name))));
        let mut copy = tx
            .copy(
                include_str!("../../../schema/queries/payments_copy.sql"),
                &PAYMENT_TYPES,
            )
            .await?;
        for ((book, name), payment) in &new {
            let acquirer = self.acquirer_id(&payment.acquirer)?;
            let returns = &payment.returns;
            let instrument = &payment.instrument;
            let (dispute_fee, dispute_vat) = payment.dispute_fee.unzip();
            let accrued = accrued_text(payment)?;
            let earlier = earlier_text(payment)?;
            let row: [&(dyn ToSql + Sync); 35] = [
                &book.0,
                name,
                &acquirer.0,
                &payment.currency.code(),
                &payment.requested,
                &payment.authorized,
                &payment.captured,
                &payment.over_captured,
                &payment.voided,
                &payment.expired,
                &payment.refunded,
                &payment.charged_back,
                &returns.fee,
                &returns.vat,
                &returns.fee_returned,
                &returns.vat_returned,
                &accrued,
                &dispute_fee,
                &dispute_vat,
                &payment.unpaid,
                &payment.expires_at,
                &payment.captured_at,
                &payment.limit_month,
                &instrument.method.as_deref(),
                &instrument.scheme.as_deref(),
                &instrument.card_country.as_deref(),
                &instrument.payer.as_deref(),
                &instrument.category.as_deref(),
                &instrument.rrn.as_deref(),
                &instrument.auth_code.as_deref(),
                &instrument.card.as_deref(),
                &earlier,
                &payment.final_captures,
                &payment.merchant_reference.as_deref(),
                &payment.refunds,
            ];
            copy.row(&row).await?;
        }
        tx.end_copy(copy).await?;
        let known: Vec<(BookId, &str, AcquirerId, &Payment)> = known
            .into_iter()
            .map(|((book, name), payment)| Ok((*book, *name, self.acquirer_id(&payment.acquirer)?, payment)))
            .collect::<Result<_, StoreError>>()?;
        update_payments(tx, &known).await
    }

    pub(super) async fn write_items(&self, tx: &mut Tx) -> Result<(), StoreError> {
        const TYPES: [Type; 24] = [
            Type::INT8,
            Type::INT8,
            Type::INT2,
            Type::INT2,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::INT8,
            Type::TEXT,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::BOOL,
            Type::BOOL,
            Type::TEXT,
            Type::DATE,
            Type::DATE,
            Type::DATE,
        ];
        let mut copy = tx
            .copy(include_str!("../../../schema/queries/open_items_copy.sql"), &TYPES)
            .await?;
        for ((book, number), item) in &self.items {
            let reportable = &item.reportable;
            let costs_vat = costs_vat(reportable.passes_costs);
            // A capture is cleared under what its authorization was answered with; what follows it, under its own.
            let promised = (item.record == RecordType::Capture).then_some(&item.paid_by);
            let rrn = item.event.rrn.as_deref();
            let rrn = rrn.or(promised.and_then(|paid_by| paid_by.rrn.as_deref()));
            let auth_code = item.event.auth_code.as_deref();
            let auth_code = auth_code.or(promised.and_then(|paid_by| paid_by.auth_code.as_deref()));
            copy.row(&[
                &book.0,
                &number.0,
                &item.acquirer.0,
                &item.record.id(),
                &item.event.acquirer_reference,
                &item.event.echoed_reference(),
                &item.event.arn,
                &rrn,
                &auth_code,
                &item.paid_by.card.as_deref(),
                &item.paid_by.method.as_deref(),
                &item.paid_by.scheme.as_deref(),
                &item.paid_by.card_country.as_deref(),
                &reportable.gross,
                &item.event.money.currency().code(),
                &reportable.merchant_fee,
                &reportable.reserve,
                &reportable.cost,
                &reportable.matures,
                &reportable.passes_costs.is_some(),
                &costs_vat,
                &item.occurred_on,
                &item.expected_on,
                &reportable.reserve_until,
            ])
            .await?;
        }
        tx.end_copy(copy).await
    }

    /// How the payment of an event was paid, where it is known by now.
    pub(super) fn paid_by(&self, book: BookId, event: &PaymentEvent) -> Instrument {
        let name = event.payment.as_str();
        let payment = self.payments.get(&(book, name));
        let known = || self.loaded.payments.get(&(book, Cow::Borrowed(name)));
        payment
            .or_else(known)
            .map_or_else(Instrument::default, |payment| payment.instrument.clone())
    }

    pub(super) async fn write_effects(&self, tx: &mut Tx) -> Result<(), StoreError> {
        self.write_withdrawn(tx).await?;
        self.write_aggregates(tx).await?;
        self.write_accruals(tx).await?;
        self.write_maturing(tx).await?;
        self.write_reserve(tx).await?;
        self.write_flags(tx).await
    }

    async fn write_withdrawn(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let withdrawn = &self.effects.withdrawn;
        if withdrawn.is_empty() {
            return Ok(());
        }
        let (books, numbers): (Vec<i64>, Vec<i64>) = withdrawn.iter().map(|(book, number)| (book.0, number.0)).unzip();
        tx.execute(
            include_str!("../../../schema/queries/open_items_withdraw.sql"),
            &[&books, &numbers],
        )
        .await?;
        Ok(())
    }

    async fn write_aggregates(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(self.effects.aggregates.len());
        for (book, name) in &self.effects.aggregates {
            let key = (*book, Cow::Borrowed(name.as_str()));
            if let Some(aggregate) = self.loaded.aggregates.get(&key) {
                rows.push((book.0, aggregate, self.acquirer_id(&aggregate.acquirer)?.0));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let books: Vec<i64> = rows.iter().map(|(book, ..)| *book).collect();
        let names: Vec<&str> = rows.iter().map(|(_, aggregate, _)| aggregate.name.as_str()).collect();
        let acquirers: Vec<i16> = rows.iter().map(|(.., acquirer)| *acquirer).collect();
        let currencies: Vec<&str> = rows.iter().map(|(_, aggregate, _)| aggregate.currency.code()).collect();
        let items: Vec<i64> = rows.iter().map(|(_, aggregate, _)| aggregate.items).collect();
        let gross: Vec<i64> = rows.iter().map(|(_, aggregate, _)| aggregate.gross).collect();
        let fees: Vec<i64> = rows.iter().map(|(_, aggregate, _)| aggregate.merchant_fee).collect();
        let reserves: Vec<i64> = rows.iter().map(|(_, aggregate, _)| aggregate.reserve).collect();
        let matures: Vec<bool> = rows.iter().map(|(_, aggregate, _)| aggregate.matures).collect();
        let passes: Vec<bool> = rows.iter().map(|(_, one, _)| one.passes_costs.is_some()).collect();
        let vat: Vec<Option<String>> = rows.iter().map(|(_, one, _)| costs_vat(one.passes_costs)).collect();
        let closed: Vec<Option<i64>> = rows
            .iter()
            .map(|(_, aggregate, _)| aggregate.closed.map(|number| number.0))
            .collect();
        tx.execute(
            include_str!("../../../schema/queries/aggregates_upsert.sql"),
            &[
                &books,
                &names,
                &acquirers,
                &currencies,
                &items,
                &gross,
                &fees,
                &reserves,
                &matures,
                &passes,
                &vat,
                &closed,
            ],
        )
        .await?;
        Ok(())
    }

    async fn write_accruals(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let moved: Vec<(i64, &AccrualKey, &Accrual)> = self
            .effects
            .accruals
            .iter()
            .filter_map(|(book, key)| Some((book.0, key, self.loaded.accruals.get(book)?.get(key)?)))
            .collect();
        if moved.is_empty() {
            return Ok(());
        }
        let books: Vec<i64> = moved.iter().map(|(book, ..)| *book).collect();
        let schedules: Vec<&str> = moved.iter().map(|(_, key, _)| key.schedule.as_ref()).collect();
        let versions: Vec<NaiveDate> = moved.iter().map(|(_, key, _)| key.version).collect();
        let components: Vec<&str> = moved.iter().map(|(_, key, _)| key.component.name()).collect();
        let currencies: Vec<&str> = moved.iter().map(|(_, key, _)| key.currency.code()).collect();
        let periods: Vec<NaiveDate> = moved.iter().map(|(_, key, _)| key.period).collect();
        let vat: Vec<String> = moved.iter().map(|(_, key, _)| key.vat.to_string()).collect();
        let exact: Vec<Decimal> = moved.iter().map(|(.., accrual)| accrual.exact).collect();
        let posted: Vec<i64> = moved.iter().map(|(.., accrual)| accrual.posted).collect();
        let vat_posted: Vec<i64> = moved.iter().map(|(.., accrual)| accrual.vat_posted).collect();
        tx.execute(
            include_str!("../../../schema/queries/accruals_upsert.sql"),
            &[
                &books,
                &schedules,
                &versions,
                &components,
                &currencies,
                &periods,
                &vat,
                &exact,
                &posted,
                &vat_posted,
            ],
        )
        .await?;
        Ok(())
    }

    async fn write_maturing(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let rows = &self.effects.maturing;
        if rows.is_empty() {
            return Ok(());
        }
        let books: Vec<i64> = rows.keys().map(|key| key.0.0).collect();
        let currencies: Vec<&str> = rows.keys().map(|key| key.1.code()).collect();
        let sources: Vec<NaiveDate> = rows.keys().map(|key| key.2).collect();
        let available: Vec<NaiveDate> = rows.keys().map(|key| key.3).collect();
        let until: Vec<Option<NaiveDate>> = rows.keys().map(|key| key.4).collect();
        let payable: Vec<i64> = rows.values().map(|sums| sums.0).collect();
        let reserve: Vec<i64> = rows.values().map(|sums| sums.1).collect();
        tx.execute(
            include_str!("../../../schema/queries/maturing_add.sql"),
            &[&books, &currencies, &sources, &available, &until, &payable, &reserve],
        )
        .await?;
        Ok(())
    }

    async fn write_reserve(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let rows = &self.effects.reserve;
        if rows.is_empty() {
            return Ok(());
        }
        let books: Vec<i64> = rows.keys().map(|key| key.0.0).collect();
        let currencies: Vec<&str> = rows.keys().map(|key| key.1.code()).collect();
        let sources: Vec<NaiveDate> = rows.keys().map(|key| key.2).collect();
        let releases: Vec<NaiveDate> = rows.keys().map(|key| key.3).collect();
        let amounts: Vec<i64> = rows.values().copied().collect();
        let moved = tx
            .execute(
                include_str!("../../../schema/queries/reserve_apply.sql"),
                &[&books, &currencies, &sources, &releases, &amounts],
            )
            .await?;
        if usize::try_from(moved) == Ok(rows.len()) {
            Ok(())
        } else {
            Err(StoreError::Unreadable(format!(
                "{moved} of {} tranches of reserves",
                rows.len()
            )))
        }
    }

    async fn write_flags(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let flags = &self.effects.flags;
        if flags.is_empty() {
            return Ok(());
        }
        let classes: Vec<&str> = flags.iter().map(|flag| class(&flag.3).0.name()).collect();
        let acquirers: Vec<i16> = flags.iter().map(|flag| flag.2.0).collect();
        let books: Vec<i64> = flags.iter().map(|flag| flag.0.0).collect();
        let numbers: Vec<i64> = flags.iter().map(|flag| flag.1.0).collect();
        let details: Vec<&str> = flags.iter().map(|flag| class(&flag.3).1).collect();
        tx.execute(
            include_str!("../../../schema/queries/breaks_flag.sql"),
            &[&classes, &acquirers, &books, &numbers, &self.source.0, &details],
        )
        .await?;
        Ok(())
    }
}

/// The exact fees that refunds of a payment may give back, as JSON; none where there are none.
fn accrued_text(payment: &Payment) -> Result<Option<String>, StoreError> {
    let accrued = &payment.returns.accrued;
    (!accrued.is_empty())
        .then(|| serde_json::to_string(accrued))
        .transpose()
        .map_err(|error| StoreError::Unreadable(format!("the fees of a payment ({error})")))
}

/// The times of captures before the latest, as JSON; none where there are none.
fn earlier_text(payment: &Payment) -> Result<Option<String>, StoreError> {
    let earlier = &payment.earlier_captures;
    (!earlier.is_empty())
        .then(|| serde_json::to_string(earlier))
        .transpose()
        .map_err(|error| StoreError::Unreadable(format!("captures of a payment ({error})")))
}

/// Moves payments that are in the database to where they stand now.
pub(in crate::store) async fn update_payments(
    tx: &mut Tx,
    known: &[(BookId, &str, AcquirerId, &Payment)],
) -> Result<(), StoreError> {
    if known.is_empty() {
        return Ok(());
    }
    fn column<'p, T>(known: &'p [(BookId, &str, AcquirerId, &Payment)], of: impl Fn(&'p Payment) -> T) -> Vec<T> {
        known.iter().map(|(.., payment)| of(payment)).collect()
    }
    let books: Vec<i64> = known.iter().map(|(book, ..)| book.0).collect();
    let names: Vec<&str> = known.iter().map(|(_, name, ..)| *name).collect();
    let acquirers: Vec<i16> = known.iter().map(|(_, _, acquirer, _)| acquirer.0).collect();
    let currencies: Vec<&str> = column(known, |payment| payment.currency.code());
    let whole: [Vec<i64>; 10] = [
        column(known, |payment| payment.captured),
        column(known, |payment| payment.over_captured),
        column(known, |payment| payment.voided),
        column(known, |payment| payment.expired),
        column(known, |payment| payment.refunded),
        column(known, |payment| payment.charged_back),
        column(known, |payment| payment.returns.fee),
        column(known, |payment| payment.returns.vat),
        column(known, |payment| payment.returns.fee_returned),
        column(known, |payment| payment.returns.vat_returned),
    ];
    let [requested, authorized, dispute_fee, dispute_vat, unpaid]: [Vec<Option<i64>>; 5] = [
        column(known, |payment| payment.requested),
        column(known, |payment| payment.authorized),
        column(known, |payment| payment.dispute_fee.map(|(fee, _)| fee)),
        column(known, |payment| payment.dispute_fee.map(|(_, vat)| vat)),
        column(known, |payment| payment.unpaid),
    ];
    let accrued: Vec<Option<String>> = known
        .iter()
        .map(|(.., payment)| accrued_text(payment))
        .collect::<Result<_, _>>()?;
    let expires_at: Vec<Option<DateTime<Utc>>> = column(known, |payment| payment.expires_at);
    let captured_at: Vec<Option<DateTime<Utc>>> = column(known, |payment| payment.captured_at);
    let limit_month: Vec<Option<NaiveDate>> = column(known, |payment| payment.limit_month);
    let texts: [Vec<Option<&str>>; 8] = [
        column(known, |payment| payment.instrument.method.as_deref()),
        column(known, |payment| payment.instrument.scheme.as_deref()),
        column(known, |payment| payment.instrument.card_country.as_deref()),
        column(known, |payment| payment.instrument.payer.as_deref()),
        column(known, |payment| payment.instrument.category.as_deref()),
        column(known, |payment| payment.instrument.rrn.as_deref()),
        column(known, |payment| payment.instrument.auth_code.as_deref()),
        column(known, |payment| payment.instrument.card.as_deref()),
    ];
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&books, &names, &acquirers, &currencies, &requested, &authorized];
    values.extend(whole.iter().map(|column| -> &(dyn ToSql + Sync) { column }));
    let rest: [&(dyn ToSql + Sync); 7] = [
        &accrued,
        &dispute_fee,
        &dispute_vat,
        &unpaid,
        &expires_at,
        &captured_at,
        &limit_month,
    ];
    values.extend(rest);
    values.extend(texts.iter().map(|column| -> &(dyn ToSql + Sync) { column }));
    let earlier: Vec<Option<String>> = known
        .iter()
        .map(|(.., payment)| earlier_text(payment))
        .collect::<Result<_, _>>()?;
    let finals: Vec<i64> = column(known, |payment| payment.final_captures);
    let orders: Vec<Option<&str>> = column(known, |payment| payment.merchant_reference.as_deref());
    let refunds: Vec<i64> = column(known, |payment| payment.refunds);
    let last: [&(dyn ToSql + Sync); 4] = [&earlier, &finals, &orders, &refunds];
    values.extend(last);
    let updated = tx
        .execute(include_str!("../../../schema/queries/payments_update.sql"), &values)
        .await?;
    if usize::try_from(updated) == Ok(known.len()) {
        Ok(())
    } else {
        Err(StoreError::Unreadable(format!(
            "{updated} of {} payments that were just read",
            known.len()
        )))
    }
}
