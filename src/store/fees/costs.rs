//! Costs passed on: what matches say of them beside their settlement lines and prices, and what settlements moved.

use futures_util::TryStreamExt;
use tokio_postgres::Row;

use super::{FeeEntry, Finds, instrument, kind, wide};
use crate::audit::fees::{CostLine, Priced, SettledCosts, of_cost, of_settlement};
use crate::ids::EntryNumber;
use crate::ledger::account::AccountCode;
use crate::money::Money;
use crate::payment::fees::Step;
use crate::payment::lifecycle::Instrument;
use crate::store::settings::Deployment;
use crate::store::snapshot::Snapshot;
use crate::store::{StoreError, currency, passed_costs};

/// Works out what each settlement line passes on, and compares the sums with what settlements moved.
pub(super) async fn of_costs<E: From<StoreError>>(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    finds: &mut Finds<'_, E>,
) -> Result<(), E> {
    let payment: Option<&str> = None;
    let sql = include_str!("../../../schema/queries/fees_of_costs.sql");
    {
        let rows = snapshot.query_stream(sql, &[&finds.span.merchant, &payment]).await?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
            let merchant: String = row.try_get("merchant").map_err(StoreError::from)?;
            let schedules = |day| deployment.fee_schedule(&merchant, day);
            let (lines, _) = of_cost(&schedules, &read_cost(&row)?);
            finds.entry(&merchant, &read_settlement(&row)?, lines)?;
        }
    }
    let sql = include_str!("../../../schema/queries/fees_of_settlements.sql");
    let (passed_on, vat) = (AccountCode::FeeCostsPassedOn.number(), AccountCode::VatOutput.number());
    let rows = snapshot
        .query_stream(sql, &[&finds.span.merchant, &passed_on, &vat])
        .await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
        let merchant: String = row.try_get("merchant").map_err(StoreError::from)?;
        let lines = of_settlement(&read_settled(&row)?);
        finds.entry(&merchant, &read_settlement(&row)?, lines)?;
    }
    Ok(())
}

/// What was passed on of a payment's captures: the capture, and how it came about.
pub(super) async fn steps_of_payment(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    merchant: &str,
    payment: &str,
) -> Result<Vec<(EntryNumber, Step)>, StoreError> {
    let sql = include_str!("../../../schema/queries/fees_of_costs.sql");
    let rows = snapshot.query(sql, &[&Some(merchant), &Some(payment)]).await?;
    let schedules = |day| deployment.fee_schedule(merchant, day);
    let mut steps = Vec::new();
    for row in &rows {
        let (lines, step) = of_cost(&schedules, &read_cost(row)?);
        let (line, settlement): (i32, i64) = (row.try_get("line")?, row.try_get("number")?);
        let capture = EntryNumber(row.try_get("capture")?);
        let mut told: Vec<Step> = step.into_iter().collect();
        told.extend(lines.iter().filter(|line| !line.agrees()).map(super::explain::differs));
        steps.extend(told.into_iter().map(|step| {
            let text = format!(
                "line {line} of its settlement file, booked by entry {settlement}: {}",
                step.text
            );
            (capture, Step { text, ..step })
        }));
    }
    Ok(steps)
}

/// The settlement that booked a line, or a sum of lines; with the payment, where it is of one.
fn read_settlement(row: &Row) -> Result<FeeEntry, StoreError> {
    Ok(FeeEntry {
        number: EntryNumber(row.try_get("number")?),
        kind: kind(row.try_get("kind")?)?,
        booking_date: row.try_get("booking_date")?,
        payment: row.try_get("payment")?,
        details: None,
        reverses: None,
        instrument: Instrument::default(),
        currency: None,
        transfers: Vec::new(),
    })
}

fn read_cost(row: &Row) -> Result<CostLine, StoreError> {
    let money = |amount: &str, code: &str| -> Result<Money, StoreError> {
        Ok(Money::from_minor(row.try_get(amount)?, currency(row.try_get(code)?)?))
    };
    let priced = if row.try_get("is_aggregate")? {
        Priced::Aggregate(passed_costs(row.try_get("passes_costs")?, row.try_get("costs_vat")?)?)
    } else {
        Priced::Capture {
            on: row.try_get("captured_on")?,
            instrument: instrument(row)?,
            claimed: row.try_get("item_gross")?,
        }
    };
    let passed_on: Option<i64> = row.try_get("passed_on")?;
    let vat: Option<i64> = row.try_get("passed_on_vat")?;
    Ok(CostLine {
        priced,
        gross: money("gross", "gross_currency")?,
        net: money("net", "net_currency")?,
        cost: row.try_get("cost")?,
        costs: row.try_get("costs")?,
        matched: passed_on.zip(vat),
    })
}

fn read_settled(row: &Row) -> Result<SettledCosts, StoreError> {
    let sum = |column: &str| wide(row.try_get(column)?);
    Ok(SettledCosts {
        currency: currency(row.try_get("currency")?)?,
        matched: (sum("matched")?, sum("matched_vat")?),
        posted: (sum("posted")?, sum("posted_vat")?),
        captures: row.try_get("captures")?,
    })
}
