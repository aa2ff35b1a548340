//! Why a payment was charged what it was.

use std::collections::HashMap;

use chrono::NaiveDate;
use futures_util::TryStreamExt;
use rust_decimal::Decimal;

use super::costs::steps_of_payment;
use super::{Entries, read_accrued};
use crate::audit::fees::{Accruals, Assessed, FeeEntry, Line, PaymentFees, Sum};
use crate::ids::EntryNumber;
use crate::ledger::account::AccountCode;
use crate::ledger::entry::{EntryKind, Transfer};
use crate::money::Money;
use crate::payment::event::Kept;
use crate::payment::fees::{Accrual, AccrualKey, Inputs, Step, explain};
use crate::store::StoreError;
use crate::store::settings::Deployment;
use crate::store::snapshot::Snapshot;

/// Where each accrual that an entry moved stood before it, and after it.
type Moved = Vec<(AccrualKey, Sum, Sum)>;

/// An entry of a payment, and how its fees came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Its number.
    pub number: EntryNumber,
    /// Its kind.
    pub kind: EntryKind,
    /// The day by which it is priced.
    pub booking_date: NaiveDate,
    /// What was given, by which settings, how it was worked out.
    pub steps: Vec<Step>,
    /// What it moved; memo accounts are left out.
    pub transfers: Vec<Transfer>,
}

/// The fees of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeesOfPayment {
    /// The merchant has no book.
    UnknownMerchant,
    /// Its entries; none where the payment is not known.
    Entries(Vec<Explained>),
}

/// Explains the fees of a payment, entry by entry.
pub async fn fees_of_payment(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    merchant: &str,
    payment: &str,
) -> Result<FeesOfPayment, StoreError> {
    if crate::store::audit::book_of(snapshot, merchant).await?.is_none() {
        return Ok(FeesOfPayment::UnknownMerchant);
    }
    let sql = include_str!("../../../schema/queries/fees_of_payments.sql");
    let rows = snapshot.query_stream(sql, &[&Some(merchant), &Some(payment)]).await?;
    let mut entries = Entries::new(Box::pin(rows), false);
    let mut read = Vec::new();
    while let Some(next) = entries.next().await? {
        read.push(next.entry);
    }
    drop(entries);
    let accrues = |entry: &FeeEntry| {
        let kept = Kept::of_text(entry.details.as_deref()).unwrap_or_default();
        !kept.accrued.is_empty()
    };
    let moved = if read.iter().any(accrues) {
        moved(snapshot, merchant, payment).await?
    } else {
        HashMap::new()
    };
    let costs = steps_of_payment(snapshot, deployment, merchant, payment).await?;
    let schedules = |day| deployment.fee_schedule(merchant, day);
    let mut fees = PaymentFees::new(&schedules, true);
    let explained = read.into_iter().map(|entry| {
        let assessed = fees.entry(&entry);
        let nothing = Moved::new();
        let moved = moved.get(&entry.number).unwrap_or(&nothing);
        let mut steps = steps(deployment, merchant, &entry, assessed, moved);
        let costs = costs.iter().filter(|(capture, _)| *capture == entry.number);
        steps.extend(costs.map(|(_, step)| step.clone()));
        Explained {
            number: entry.number,
            kind: entry.kind,
            booking_date: entry.booking_date,
            steps,
            transfers: entry.transfers,
        }
    });
    Ok(FeesOfPayment::Entries(explained.collect()))
}

/// What the payment's entries did to exact sums, which all entries of the book before them have moved.
async fn moved(
    snapshot: &mut Snapshot,
    merchant: &str,
    payment: &str,
) -> Result<HashMap<EntryNumber, Moved>, StoreError> {
    let sql = include_str!("../../../schema/queries/fees_accrued.sql");
    let mut rows = std::pin::pin!(snapshot.query_stream(sql, &[&Some(merchant)]).await?);
    let mut accruals = Accruals::default();
    let mut moved = HashMap::new();
    while let Some(row) = rows.try_next().await? {
        let (_, _, entry) = read_accrued(&row)?;
        let kept = Kept::of_text(entry.details.as_deref()).unwrap_or_default();
        let ours = entry.payment.as_deref() == Some(payment);
        let before: Vec<Sum> = kept.accrued.iter().map(|one| accruals.get(&one.key)).collect();
        accruals.entry(&kept.accrued);
        if ours {
            let both = kept.accrued.iter().zip(before);
            let both = both.map(|(one, before)| (one.key.clone(), before, accruals.get(&one.key)));
            moved.insert(entry.number, both.collect());
        }
    }
    Ok(moved)
}

fn steps(deployment: &Deployment, merchant: &str, entry: &FeeEntry, assessed: Assessed, moved: &Moved) -> Vec<Step> {
    let mut steps = Vec::new();
    let settings = deployment.in_force(entry.booking_date);
    if entry.kind == EntryKind::Capture {
        steps.extend(inputs_step(entry));
    }
    if let Some(settings) = settings.filter(|_| !assessed.lines.is_empty() || entry.kind == EntryKind::Capture) {
        let schedule = deployment.fee_schedule(merchant, entry.booking_date);
        let schedule = schedule.map_or_else(String::new, |schedule| {
            format!(", fee schedule `{}` of version {}", schedule.name, schedule.version())
        });
        steps.push(Step {
            about: "settings",
            text: format!("in force from {}{schedule}", settings.effective_from),
        });
    }
    if entry.kind == EntryKind::Capture {
        steps.extend(priced(deployment, merchant, entry, moved));
    } else {
        steps.extend(assessed.steps);
        steps.extend(moved.iter().map(|(key, before, after)| Step {
            about: "accrual",
            text: format!(
                "{}: the exact sum goes from {} to {} minor units of {}, what is posted from {} to {}",
                key.component.name(),
                decimal(before.exact),
                decimal(after.exact),
                key.currency,
                Money::from_minor(before.posted, key.currency),
                Money::from_minor(after.posted, key.currency),
            ),
        }));
    }
    steps.extend(assessed.lines.iter().filter(|line| !line.agrees()).map(differs));
    steps
}

/// A figure that is not what it should be.
pub(super) fn differs(line: &Line) -> Step {
    let figure = |parts: Option<i128>| parts.map_or_else(|| "nothing".to_owned(), |parts| decimal(parts).to_string());
    let component = line.component;
    let text = match (line.expected, line.posted) {
        (None, None) => format!("{component}: {}", line.detail),
        (expected, posted) => {
            let (expected, posted) = (figure(expected), figure(posted));
            let joint = if line.detail.is_empty() { "" } else { "; " };
            format!(
                "{component}: {posted} minor units are posted, {expected} should be{joint}{}",
                line.detail
            )
        }
    };
    let about = "differs";
    Step { about, text }
}

fn decimal(parts: i128) -> Decimal {
    // Exact sums have room in a decimal; what does not is an error that is told beside.
    Decimal::try_from_i128_with_scale(parts, 10)
        .unwrap_or(Decimal::MAX)
        .normalize()
}

/// What the capture claims.
fn gross(entry: &FeeEntry) -> Option<Money> {
    let claim = entry
        .transfers
        .iter()
        .find(|transfer| transfer.credit.code == AccountCode::MerchantPending)?;
    Some(Money::from_minor(claim.amount, claim.credit.currency))
}

fn inputs_step(entry: &FeeEntry) -> Option<Step> {
    let gross = gross(entry)?;
    let word = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
    let instrument = &entry.instrument;
    Some(Step {
        about: "inputs",
        text: format!(
            "gross {gross}, booked {}, method {}, scheme {}, card country {}",
            entry.booking_date,
            word(instrument.method.as_deref()),
            word(instrument.scheme.as_deref()),
            word(instrument.card_country.as_deref())
        ),
    })
}

/// The steps of the code that prices, from where the accruals stood then.
fn priced(deployment: &Deployment, merchant: &str, entry: &FeeEntry, moved: &Moved) -> Vec<Step> {
    let Some((gross, schedule)) = gross(entry).zip(deployment.fee_schedule(merchant, entry.booking_date)) else {
        return Vec::new();
    };
    let inputs = Inputs {
        gross,
        day: entry.booking_date,
        method: entry.instrument.method.as_deref(),
        scheme: entry.instrument.scheme.as_deref(),
        card_country: entry.instrument.card_country.as_deref(),
    };
    let mut accrual_of = |key: &AccrualKey| {
        let known = moved.iter().find(|(known, ..)| known == key);
        known.map_or_else(Accrual::default, |(_, before, _)| Accrual {
            exact: decimal(before.exact),
            posted: before.posted,
            vat_posted: before.vat_posted,
        })
    };
    match explain(schedule, &inputs, &mut accrual_of) {
        Ok((_, steps)) => steps,
        Err(error) => vec![Step {
            about: "price",
            text: error.to_string(),
        }],
    }
}
