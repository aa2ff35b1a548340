//! Approving: a run of planned payouts, by as many others as the ladders ask for.
//!
//! Who approves first opens a run for all that is planned for the cut-off, under the digest of it. Who comes next approves the same
//! run, or, where another content is planned by then, opens another one: the first is void. With the last approval the payouts
//! are approved; they stay tied to the run, and what is instructed is held to its digest once more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::{Payout, PayoutError, list, lock, read_payout};
use crate::audit::export::hex;
use crate::money::Currency;
use crate::payout::amount::needs_extra_approver;
use crate::payout::approval::{Approvable, Terms, needed, plan, sums};
use crate::store::settings::Deployment;
use crate::store::{Store, StoreError, Tx};

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The digest of its payouts.
    pub plan: [u8; 32],
    /// How many payouts.
    pub payouts: usize,
    /// Who approved, in the order in which they did.
    pub approved_by: Vec<String>,
    /// How many more have to.
    pub missing: i16,
    /// Of whom one has to be one, where there are any.
    pub finance_heads: Vec<String>,
}

impl Run {
    /// Whether nobody is missing.
    pub fn is_approved(&self) -> bool {
        self.missing == 0
    }
}

/// A run that waits in the database.
struct Waiting {
    id: i64,
    plan: Vec<u8>,
    approvers: i16,
    finance_heads: Vec<String>,
    approved_by: Vec<String>,
}

/// What is planned for a cut-off, and what is asked of those who approve it.
struct Planned<'a> {
    payouts: Vec<&'a Payout>,
    plan: [u8; 32],
    terms: Terms,
    waiting: Option<Waiting>,
}

impl Planned<'_> {
    fn run(&self, approved_by: Vec<String>) -> Run {
        Run {
            plan: self.plan,
            payouts: self.payouts.len(),
            missing: self.terms.missing(&approved_by),
            approved_by,
            finance_heads: self.terms.finance_heads.clone(),
        }
    }

    fn approved_by(&self) -> Vec<String> {
        let waiting = self.waiting.as_ref();
        waiting.map(|run| run.approved_by.clone()).unwrap_or_default()
    }
}

impl Store {
    /// Approves what is planned for a cut-off, all of it, and says how far its run has come; none where everything was approved
    /// before. Who approved it already changes nothing. `named` is the beginning of the digest that is approved: what is planned
    /// has to be that.
    pub async fn approve_payouts(
        &self,
        deployment: &Deployment,
        cutoff: NaiveDate,
        named: Option<&[u8]>,
        approver: &str,
    ) -> Result<Option<Run>, PayoutError> {
        if deployment.in_force(cutoff).is_none() {
            return Err(PayoutError::NoSettings(cutoff));
        }
        self.transact(async |tx: &mut Tx| {
            lock(tx).await?;
            let all = list(tx, Some(cutoff), None).await?;
            if all.is_empty() {
                return Err(PayoutError::NothingPlanned(cutoff));
            }
            let Some(planned) = planned(tx, deployment, cutoff, &all).await? else {
                return Ok(None);
            };
            if named.is_some_and(|named| !planned.plan.starts_with(named)) {
                return Err(PayoutError::OtherPlan(short(&planned.plan)));
            }
            let mut approved_by = planned.approved_by();
            if approved_by.iter().any(|name| name == approver) {
                return Ok(Some(planned.run(approved_by)));
            }
            approved_by.push(approver.to_owned());
            sign(tx, cutoff, &planned, &approved_by).await?;
            Ok(Some(planned.run(approved_by)))
        })
        .await
    }
}

/// What waits for approvals after payouts of a cut-off were planned. What nobody else has to approve is approved by that.
pub(super) async fn open(
    tx: &mut Tx,
    deployment: &Deployment,
    cutoff: NaiveDate,
    all: &[Payout],
) -> Result<Option<Run>, PayoutError> {
    let Some(planned) = planned(tx, deployment, cutoff, all).await? else {
        return Ok(None);
    };
    if planned.terms.approvers == 0 {
        sign(tx, cutoff, &planned, &[]).await?;
    }
    Ok(Some(planned.run(planned.approved_by())))
}

/// What of all payouts of a cut-off is planned, none where nothing is. A run that waits for others is void.
async fn planned<'a>(
    tx: &mut Tx,
    deployment: &Deployment,
    cutoff: NaiveDate,
    all: &'a [Payout],
) -> Result<Option<Planned<'a>>, PayoutError> {
    let total = sums(
        all.iter()
            .filter(|payout| payout.state != "cancelled")
            .map(|payout| payout.money),
    )?;
    let payouts: Vec<&Payout> = all.iter().filter(|payout| payout.state == "planned").collect();
    let plan = plan(payouts.iter().map(|payout| payout.approvable()));
    let waiting = waiting(tx, cutoff, &plan).await?;
    if payouts.is_empty() {
        return Ok(None);
    }
    let planners: BTreeSet<String> = payouts.iter().map(|payout| payout.planned_by.clone()).collect();
    let terms = match &waiting {
        Some(run) => Terms {
            planners,
            approvers: run.approvers,
            finance_heads: run.finance_heads.clone(),
        },
        None => terms(deployment, cutoff, &payouts, &total, planners)?,
    };
    Ok(Some(Planned {
        payouts,
        plan,
        terms,
        waiting,
    }))
}

/// How many have to approve: by the strictest of the settings in force at the cut-off and of those that begin after it, so that
/// nobody is spared an approval by planning for a day that is long gone. Who heads finance is as the latest of them say.
fn terms(
    deployment: &Deployment,
    cutoff: NaiveDate,
    payouts: &[&Payout],
    total: &BTreeMap<Currency, i64>,
    planners: BTreeSet<String>,
) -> Result<Terms, PayoutError> {
    let since = || deployment.in_force_between(cutoff, NaiveDate::MAX);
    let latest = since().last().ok_or(PayoutError::NoSettings(cutoff))?;
    let heads = &latest.desk.finance_heads;
    let amounts = || payouts.iter().map(|payout| payout.money);
    let strictest = since().map(|settings| needed(&settings.payout, amounts(), total)).max();
    let mut needed = strictest.unwrap_or_default();
    let versions = deployment.begun(cutoff);
    if payouts
        .iter()
        .any(|payout| needs_extra_approver(&payout.merchant, cutoff, versions))
    {
        needed = needed.one_more(!heads.is_subset(&planners));
    }
    Ok(Terms::of(needed, planners, heads)?)
}

/// The run of this content that waits; one of another content is void from now on.
async fn waiting(tx: &mut Tx, cutoff: NaiveDate, plan: &[u8]) -> Result<Option<Waiting>, StoreError> {
    let rows = tx
        .query(
            include_str!("../../../schema/queries/payout_run_waiting.sql"),
            &[&cutoff],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let run = read_waiting(row)?;
    if run.plan == plan {
        return Ok(Some(run));
    }
    tx.execute(include_str!("../../../schema/queries/payout_run_void.sql"), &[&run.id])
        .await?;
    Ok(None)
}

fn read_waiting(row: &Row) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        id: row.try_get("id")?,
        plan: row.try_get("plan")?,
        approvers: row.try_get("approvers")?,
        finance_heads: row
            .try_get::<_, Option<Vec<String>>>("finance_heads")?
            .unwrap_or_default(),
        approved_by: read_approvers(row)?,
    })
}

/// Who has approved, in the order in which they did.
pub(super) fn read_approvers(row: &Row) -> Result<Vec<String>, StoreError> {
    let first: Option<String> = row.try_get("first_approver")?;
    let second: Option<String> = row.try_get("second_approver")?;
    Ok(first.into_iter().chain(second).collect())
}

/// Writes down who has approved; with the last one, the payouts are approved.
async fn sign(
    tx: &mut Tx,
    cutoff: NaiveDate,
    planned: &Planned<'_>,
    approved_by: &[String],
) -> Result<(), PayoutError> {
    let enough = planned.terms.are_met_by(approved_by)?;
    let id = match &planned.waiting {
        Some(run) => run.id,
        None => insert(tx, cutoff, planned).await?,
    };
    let [first, second] = [approved_by.first(), approved_by.get(1)];
    tx.execute(
        include_str!("../../../schema/queries/payout_run_approve.sql"),
        &[&id, &first, &second, &enough],
    )
    .await?;
    if enough {
        let ids: Vec<i64> = planned.payouts.iter().map(|payout| payout.id).collect();
        tx.execute(
            include_str!("../../../schema/queries/payouts_approve.sql"),
            &[&ids, &id],
        )
        .await?;
    }
    Ok(())
}

async fn insert(tx: &mut Tx, cutoff: NaiveDate, planned: &Planned<'_>) -> Result<i64, StoreError> {
    let terms = &planned.terms;
    let planners: Vec<&String> = terms.planners.iter().collect();
    let heads = Some(&terms.finance_heads).filter(|heads| !heads.is_empty());
    let rows = tx
        .query(
            include_str!("../../../schema/queries/payout_run_insert.sql"),
            &[&cutoff, &planned.plan.as_slice(), &planners, &terms.approvers, &heads],
        )
        .await?;
    let row = rows.first();
    let row = row.ok_or_else(|| StoreError::Unreadable("no id of a payout run".to_owned()))?;
    Ok(row.try_get("id")?)
}

/// Refuses payouts that are not what was approved of their runs.
pub(super) async fn is_as_approved(tx: &mut Tx, approved: &[Payout]) -> Result<(), PayoutError> {
    let runs: BTreeSet<i64> = approved.iter().filter_map(|payout| payout.run).collect();
    let runs: Vec<i64> = runs.into_iter().collect();
    let rows = tx
        .query(include_str!("../../../schema/queries/payouts_of_runs.sql"), &[&runs])
        .await?;
    let mut content: HashMap<Option<i64>, Vec<Payout>> = HashMap::new();
    for row in &rows {
        let payout = read_payout(row)?;
        content.entry(payout.run).or_default().push(payout);
    }
    let rows = tx
        .query(include_str!("../../../schema/queries/payout_runs_plan.sql"), &[&runs])
        .await?;
    for row in &rows {
        let id: i64 = row.try_get("id").map_err(StoreError::from)?;
        let named: Vec<u8> = row.try_get("plan").map_err(StoreError::from)?;
        let payouts = content.remove(&Some(id)).unwrap_or_default();
        if plan(payouts.iter().map(Payout::approvable)) != named.as_slice() {
            return Err(PayoutError::NotAsApproved(short(&named)));
        }
    }
    Ok(())
}

/// A digest as far as people read it.
fn short(plan: &[u8]) -> String {
    hex(plan.get(..8).unwrap_or(plan))
}

impl Payout {
    fn approvable(&self) -> Approvable<'_> {
        let (holder, account, bank) = &self.destination;
        Approvable {
            end_to_end_id: &self.end_to_end_id,
            merchant: &self.merchant,
            money: self.money,
            fee: self.fee,
            vat: self.vat,
            cutoff: self.cutoff,
            destination: [holder, account, bank],
        }
    }
}
