//! Receipts in suspense that pay batches of acquirers after all: people say so, or the rules by which receipts are matched, when
//! the file of the batch has come since (`store::bank::suspended`).
//!
//! It is a resolution of the receipt's break, and goes its way (`resolve`): 2900 ← 1110 what came, batch by batch (1110 ← 1900 of
//! what an acquirer took). `break_batch` has what is awaited no more of each, which counts while the proposal stands. By rule alone
//! a receipt may be short of what is awaited, or above it; then a second entry keeps the difference in suspense, with its break.
//! When it is undone, both entries are reversed, and what is awaited is awaited again.

use std::sync::Arc;

use chrono::NaiveDate;

use super::reopen::{reopened_before, reverse, source_of_day};
use super::resolve::{Proposal, Resolved, Terms, proposals, resolve_as, withdraw};
use super::{DeskError, Filter, Request, Said, cases, reopened_by_undo, resolved_by_match, write_step};
use crate::bank::given;
use crate::ids::{AcquirerId, BookId, EntryNumber, SourceId};
use crate::ledger::account::AccountCode;
use crate::ledger::entry::Transfer;
use crate::money::{AmountError, Currency, Money};
use crate::recon::booking::{Leg, Legs};
use crate::recon::breaks::BreakClass;
use crate::recon::desk::{Booked, Held, Reason};
use crate::store::acquirers;
use crate::store::reserve::Tranches;
use crate::store::settings::Deployment;
use crate::store::{Store, StoreError, Tx, currency};

/// A batch that a receipt is given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its acquirer.
    pub acquirer: String,
    /// Its name.
    pub batch: String,
    /// How much of the receipt it gets, minor units; all that it awaits where that is not said.
    pub amount: Option<i64>,
}

impl Asked {
    /// How people name it.
    pub fn name(&self) -> String {
        format!("{}:{}", self.acquirer, self.batch)
    }

    /// Text for digests.
    pub(super) fn field(&self) -> String {
        let amount = self.amount.map_or_else(String::new, |amount| format!("={amount}"));
        format!("{} {}{amount}", self.acquirer, self.batch)
    }
}

/// What a receipt is given to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Given {
    pub(in crate::store) batches: Vec<Asked>,
    /// By the rules that match receipts, or lines: nobody approves it, and the last batch may get less or more than it awaits.
    pub(in crate::store) by_rule: Option<Rule>,
}

/// How a rule matched a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Rule {
    /// Of its batch, what is awaited no more.
    pub(in crate::store) settled: i64,
    /// The break of the difference, where that is not what came.
    pub(in crate::store) differs: Option<Differs>,
}

/// The break of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Differs {
    pub(in crate::store) awaited: i64,
    pub(in crate::store) came: i64,
    pub(in crate::store) on: NaiveDate,
    pub(in crate::store) detail: String,
}

/// What undoing the match of a receipt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ungiven {
    /// Its break, which is open again.
    pub id: i64,
    /// The batches that await it again.
    pub batches: Vec<String>,
    /// How many entries were reversed.
    pub reversals: usize,
    /// Whether it is so by this request; else it was before, and nothing was done.
    pub new: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Giving<'a> {
    /// The break of the receipt.
    pub id: i64,
    /// The batches.
    pub batches: &'a [Asked],
    /// Who, why in words, and the digest of what shows it.
    pub said: Said<'a>,
    /// The booking date.
    pub day: NaiveDate,
}

impl Store {
    /// Shows what [`Store::give_receipt`] would do, and does nothing.
    pub async fn plan_giving(&self, deployment: &Deployment, asked: &Giving<'_>) -> Result<Resolved, DeskError> {
        self.rehearse(async |tx: &mut Tx| give(tx, deployment, asked).await)
            .await
    }

    /// Gives a receipt in suspense to batches, or proposes to where somebody else has to approve it. The same request again does
    /// nothing.
    pub async fn give_receipt(&self, deployment: &Deployment, asked: &Giving<'_>) -> Result<Resolved, DeskError> {
        self.transact(async |tx: &mut Tx| give(tx, deployment, asked).await)
            .await
    }

    /// Shows what [`Store::take_receipt_back`] would do, and does nothing.
    pub async fn plan_taking_back(&self, id: i64, said: Said<'_>, day: NaiveDate) -> Result<Ungiven, DeskError> {
        self.rehearse(async |tx: &mut Tx| undo(tx, id, said, day).await).await
    }

    /// Takes a receipt back from its batches, into suspense, whether people or a rule gave it to them. Doing so again does nothing.
    pub async fn take_receipt_back(&self, id: i64, said: Said<'_>, day: NaiveDate) -> Result<Ungiven, DeskError> {
        self.transact(async |tx: &mut Tx| undo(tx, id, said, day).await).await
    }
}

async fn give(tx: &mut Tx, deployment: &Deployment, asked: &Giving<'_>) -> Result<Resolved, DeskError> {
    let given = Given {
        batches: asked.batches.to_vec(),
        by_rule: None,
    };
    give_as(tx, deployment, (asked.id, asked.day), &given, asked.said).await
}

/// Gives the receipt of a break to batches.
pub(in crate::store) async fn give_as(
    tx: &mut Tx,
    deployment: &Deployment,
    (id, day): (i64, NaiveDate),
    given: &Given,
    said: Said<'_>,
) -> Result<Resolved, DeskError> {
    // The acquirers of the batches and that of the break, in the order of their ids: all of them.
    acquirers::share(tx, None).await?;
    let request = Request {
        breaks: Filter::of(&[id]),
        reason: Reason::PaysBatches,
        items: &[],
        merchant: None,
        recovers: None,
        quiet_until: None,
        said,
        day,
        plan: None,
    };
    resolve_as(tx, deployment, &request, given).await
}

/// Breaks of batches whose receipt was missing: those that are not resolved, or those that a match resolved.
pub(super) async fn missing(
    tx: &mut Tx,
    batches: &[Asked],
    currency: Currency,
    matched: bool,
) -> Result<Vec<i64>, StoreError> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let (acquirers, names) = columns(batches);
    let sql = include_str!("../../../schema/queries/breaks_of_receipts.sql");
    let rows = tx.query(sql, &[&acquirers, &names, &currency.code(), &matched]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn columns(batches: &[Asked]) -> (Vec<&str>, Vec<&str>) {
    batches
        .iter()
        .map(|batch| (batch.acquirer.as_str(), batch.batch.as_str()))
        .unzip()
}

/// Which batches a proposal gives a receipt to, and in which currency.
pub(super) async fn batches_of(tx: &mut Tx, proposal: i64) -> Result<(Vec<Asked>, Option<Currency>), StoreError> {
    let sql = include_str!("../../../schema/queries/break_batches_of.sql");
    let rows = tx.query(sql, &[&proposal]).await?;
    let batches = rows.iter().map(|row| {
        Ok(Asked {
            acquirer: row.try_get("acquirer")?,
            batch: row.try_get("batch")?,
            amount: Some(row.try_get("amount")?),
        })
    });
    let batches = batches.collect::<Result<_, StoreError>>()?;
    let code = rows.first().map(|row| row.try_get("currency")).transpose()?;
    Ok((batches, code.map(currency).transpose()?))
}

/// What batches await: by the place of each, its acquirer, the amount, the latest day of its files.
async fn awaited(
    tx: &mut Tx,
    currency: Currency,
    batches: &[Asked],
) -> Result<Vec<Option<(AcquirerId, i64, Option<NaiveDate>)>>, StoreError> {
    let (acquirers, names) = columns(batches);
    let sql = include_str!("../../../schema/queries/batches_awaited.sql");
    let mut found = vec![None; batches.len()];
    for row in &tx.query(sql, &[&currency.code(), &acquirers, &names]).await? {
        let place: i64 = row.try_get("place")?;
        let place = usize::try_from(place.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(batch) = found.get_mut(place) {
            let acquirer = AcquirerId(row.try_get("acquirer_id")?);
            *batch = Some((acquirer, row.try_get("open")?, row.try_get("booked_on")?));
        }
    }
    Ok(found)
}

/// A batch that a receipt pays.
struct Share {
    asked: Asked,
    acquirer_id: AcquirerId,
    amount: i64,
    settled: i64,
}

/// A receipt that is given to batches, worked out and not written.
pub(super) struct Paying {
    /// The file of statements that told of it.
    source: SourceId,
    currency: Currency,
    shares: Vec<Share>,
    differs: Option<Differs>,
}

/// What giving a receipt to batches books. The house's book is locked, so nobody else pays them meanwhile.
pub(super) async fn work_out(
    tx: &mut Tx,
    id: i64,
    held: &Held,
    terms: &Terms,
    day: NaiveDate,
) -> Result<(Paying, Booked), DeskError> {
    let sql = include_str!("../../../schema/queries/receipt_of_break.sql");
    let rows = tx.query(sql, &[&id]).await?;
    let (Some(row), Held::Suspense { money, .. }) = (rows.first(), held) else {
        return Err(DeskError::NoReceipt(id));
    };
    let came_on: NaiveDate = row.try_get("booking_date").map_err(StoreError::from)?;
    let source = SourceId(row.try_get("found_in").map_err(StoreError::from)?);
    let (currency, batches) = (money.currency(), &terms.given.batches);
    let awaited = awaited(tx, currency, batches).await?;
    let reported = awaited.iter().filter_map(|batch| batch.and_then(|(.., on)| on)).max();
    let as_of = reported.map_or(came_on, |on| on.max(came_on));
    if day < as_of {
        return Err(DeskError::Before { day, as_of });
    }
    let refused = |refusal| DeskError::NotGiven { id, refusal };
    let named: Vec<given::Named> = batches
        .iter()
        .zip(&awaited)
        .map(|(asked, awaited)| given::Named {
            name: asked.name(),
            open: awaited.map(|(_, open, _)| open),
            amount: asked.amount,
        })
        .collect();
    let rule = terms.given.by_rule.as_ref();
    let amounts = match rule {
        // What a rule decides is another thing, and was decided under the same locks.
        Some(_) => batches.iter().map(|asked| asked.amount.unwrap_or_default()).collect(),
        None => given::parts(*money, &named).map_err(refused)?,
    };
    let mut shares = Vec::with_capacity(amounts.len());
    for ((asked, awaited), amount) in batches.iter().zip(&awaited).zip(amounts) {
        let (name, unknown) = (asked.name(), awaited.is_none());
        let Some((acquirer_id, ..)) = awaited.filter(|_| !unknown) else {
            return Err(refused(given::Refusal::Unknown { name, currency }));
        };
        let settled = rule.filter(|_| batches.len() == 1).map_or(amount, |rule| rule.settled);
        shares.push(Share {
            asked: asked.clone(),
            acquirer_id,
            amount,
            settled,
        });
    }
    let paying = Paying {
        source,
        currency,
        shares,
        differs: rule.and_then(|rule| rule.differs.clone()),
    };
    let booked = paying.booked(*money)?;
    Ok((paying, booked))
}

impl Paying {
    /// The entry that takes the receipt out of suspense, and that of a difference.
    fn booked(&self, money: Money) -> Result<Booked, DeskError> {
        use AccountCode::{AcquirerInTransit, SuspenseCredit, SuspenseDebit};
        let suspense = if money.minor() < 0 {
            SuspenseDebit
        } else {
            SuspenseCredit
        };
        let mut legs = Legs::new();
        for share in &self.shares {
            legs.push(self.leg((suspense, AcquirerInTransit), share.amount)?);
        }
        let mut entries = vec![(BookId::HOUSE, legs)];
        let mut over = 0_i64;
        for share in &self.shares {
            let more = share.amount.checked_sub(share.settled).ok_or(AmountError::TooLarge)?;
            over = over.checked_add(more).ok_or(AmountError::TooLarge)?;
        }
        if over != 0 {
            let account = if over < 0 { SuspenseDebit } else { SuspenseCredit };
            entries.push((BookId::HOUSE, vec![self.leg((AcquirerInTransit, account), over)?]));
        }
        let stake = money.minor().checked_abs().ok_or(AmountError::TooLarge)?;
        Ok(Booked {
            entries,
            stake: Some(Money::from_minor(stake, money.currency())),
            ..Booked::default()
        })
    }

    fn leg(&self, (debit, credit): (AccountCode, AccountCode), minor: i64) -> Result<(Leg, i64), AmountError> {
        let (debit, credit) = if minor < 0 { (credit, debit) } else { (debit, credit) };
        let leg = Leg {
            debit,
            credit,
            currency: self.currency,
        };
        Ok((leg, minor.checked_abs().ok_or(AmountError::TooLarge)?))
    }

    /// Text for digests.
    pub(super) fn fields(&self) -> Vec<String> {
        let of = |share: &Share| {
            format!(
                "{} {} {} {}",
                share.asked.acquirer, share.asked.batch, share.amount, share.settled
            )
        };
        self.shares.iter().map(of).collect()
    }

    /// Puts what is in transit, and a difference in suspense, by the acquirers of the batches: transfers are theirs in turn. What
    /// is taken out of suspense stays where the break has it.
    pub(super) fn direct(&self, transfers: &mut [Transfer], is_difference: bool) {
        for (transfer, share) in transfers.iter_mut().zip(&self.shares) {
            let acquirer: Arc<str> = share.asked.acquirer.as_str().into();
            for account in [&mut transfer.debit, &mut transfer.credit] {
                if is_difference || account.code == AccountCode::AcquirerInTransit {
                    account.dimension = Arc::clone(&acquirer);
                }
            }
        }
    }

    /// Keeps which batches a proposal gives the receipt to.
    pub(super) async fn keep(&self, tx: &mut Tx, proposal: i64) -> Result<(), StoreError> {
        let acquirers: Vec<i16> = self.shares.iter().map(|share| share.acquirer_id.0).collect();
        let batches: Vec<&str> = self.shares.iter().map(|share| share.asked.batch.as_str()).collect();
        let amounts: Vec<i64> = self.shares.iter().map(|share| share.amount).collect();
        let settled: Vec<i64> = self.shares.iter().map(|share| share.settled).collect();
        let sql = include_str!("../../../schema/queries/break_batches_insert.sql");
        let code = self.currency.code();
        tx.execute(sql, &[&proposal, &code, &acquirers, &batches, &amounts, &settled])
            .await
            .map(|_| ())
    }

    /// The break of a difference, which `number` keeps.
    pub(super) async fn open_difference(&self, tx: &mut Tx, number: EntryNumber) -> Result<(), StoreError> {
        let (Some(differs), Some(share)) = (&self.differs, self.shares.last()) else {
            return Ok(());
        };
        tx.execute(
            include_str!("../../../schema/queries/bank_breaks_insert.sql"),
            &[
                &self.source.0,
                &vec![BreakClass::FundingMismatch.name()],
                &vec![share.acquirer_id.0],
                &vec![differs.awaited],
                &vec![differs.came],
                &vec![self.currency.code()],
                &vec![number.0],
                &vec![differs.on],
                &vec![differs.detail.as_str()],
            ],
        )
        .await
        .map(|_| ())
    }

    /// Resolves the breaks of batches whose receipt was missing, and of which nothing is awaited any more. The proposal stands.
    pub(super) async fn came(&self, tx: &mut Tx, said: Said<'_>) -> Result<(), DeskError> {
        let batches: Vec<Asked> = self.shares.iter().map(|share| share.asked.clone()).collect();
        let awaited = awaited(tx, self.currency, &batches).await?;
        let paid: Vec<Asked> = batches
            .into_iter()
            .zip(awaited)
            .filter(|(_, awaited)| awaited.is_some_and(|(_, open, _)| open == 0))
            .map(|(asked, _)| asked)
            .collect();
        let ids = missing(tx, &paid, self.currency, false).await?;
        resolved_by_match(tx, &ids, said).await
    }
}

/// A break of a difference that a match left.
struct Left {
    id: i64,
    state: String,
    resolution: Option<String>,
}

async fn left_by(tx: &mut Tx, proposal: i64) -> Result<Vec<Left>, StoreError> {
    let sql = include_str!("../../../schema/queries/receipt_dependents.sql");
    tx.query(sql, &[&proposal])
        .await?
        .iter()
        .map(|row| {
            Ok(Left {
                id: row.try_get("id")?,
                state: row.try_get("state")?,
                resolution: row.try_get("resolution")?,
            })
        })
        .collect()
}

/// What gave the receipt of a break to batches, where that stands.
async fn standing(tx: &mut Tx, id: i64) -> Result<Option<Proposal>, StoreError> {
    let sql = include_str!("../../../schema/queries/break_proposals_of.sql");
    let found = proposals(tx, sql, &[id]).await?;
    Ok(found
        .into_iter()
        .find(|one| one.state == "executed" && one.is_for(Reason::PaysBatches)))
}

async fn undo(tx: &mut Tx, id: i64, said: Said<'_>, day: NaiveDate) -> Result<Ungiven, DeskError> {
    acquirers::share(tx, None).await?;
    let mut also = Vec::new();
    if let Some(proposal) = standing(tx, id).await? {
        also.extend(left_by(tx, proposal.id).await?.iter().map(|left| left.id));
        also.extend(again_missing(tx, proposal.id).await?);
    }
    let locked = cases::lock(tx, &[id], &also).await?;
    let locked: Vec<_> = locked.into_iter().filter(|row| row.id == id).collect();
    // Again, now that nobody else undoes it.
    let Some(proposal) = standing(tx, id).await? else {
        if reopened_before(tx, &locked, said).await? {
            return Ok(Ungiven {
                id,
                batches: Vec::new(),
                reversals: 0,
                new: false,
            });
        }
        return Err(DeskError::NotPaying(id));
    };
    let left = left_by(tx, proposal.id).await?;
    if let Some(worked) = left.iter().find(|one| one.state == "resolved") {
        return Err(DeskError::Worked {
            id: worked.id,
            resolution: worked.resolution.clone().unwrap_or_default(),
        });
    }
    let (batches, _) = batches_of(tx, proposal.id).await?;
    let mut open = again_missing(tx, proposal.id).await?;
    open.push(id);
    let number = proposal.id;
    let at = (day, source_of_day(tx, day).await?);
    let reversals = reverse(tx, &[proposal], said, at, Tranches::default()).await?;
    let sql = include_str!("../../../schema/queries/break_proposals_reopen.sql");
    tx.execute(sql, &[&vec![number]]).await?;
    open.sort_unstable();
    reopened_by_undo(tx, &open, said).await?;
    let differ: Vec<i64> = left.iter().map(|one| one.id).collect();
    withdraw(tx, &differ, said).await?;
    tx.execute(include_str!("../../../schema/queries/breaks_undo.sql"), &[&differ])
        .await?;
    let told = Said {
        note: Some("the match of its receipt is undone"),
        evidence: None,
        ..said
    };
    write_step(tx, "resolved", &differ, None, None, told).await?;
    Ok(Ungiven {
        id,
        batches: batches.iter().map(Asked::name).collect(),
        reversals,
        new: true,
    })
}

/// Breaks of missing receipts that a match resolved: they are missing again without it.
async fn again_missing(tx: &mut Tx, proposal: i64) -> Result<Vec<i64>, StoreError> {
    match batches_of(tx, proposal).await? {
        (batches, Some(currency)) => missing(tx, &batches, currency, true).await,
        (_, None) => Ok(Vec::new()),
    }
}
