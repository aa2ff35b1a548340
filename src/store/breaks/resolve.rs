//! Resolving breaks: proposed by one, approved by as many others as the ladder asks for, then booked.
//!
//! What is proposed together is a plan, known by its digest: SHA-256 over what was asked and over every break's number and
//! entries to the minor unit. Executing and approving work it out again, under the locks, and go on only where the digest is
//! the same, so nobody books or approves anything but what was shown. The ladder goes by the sum of a plan, currency by
//! currency: a large write-off does not become a small one by being cut into breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::by_hand::{self, ItemKey, Matching};
use super::cases::{self, CaseRow};
use super::receipt::{self, Given, Paying};
use super::{DeskError, Filter, LIMIT, Said, investigate, list, write_step};
use crate::audit::export::hex;
use crate::ids::{BookId, EntryNumber, OWN, SourceId};
use crate::ledger::account::{Account, DimensionKind};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::{Entry, EntryKind, Transfer};
use crate::money::{Currency, Money};
use crate::recon::booking::Leg;
use crate::recon::desk::{self, Booked, Held, Reason, Resolution, To};
use crate::settings::{Approval, DeskRules, Settings};
use crate::store::acquirers;
use crate::store::books::LockedBooks;
use crate::store::reserve::{FixedReserves, Tranches};
use crate::store::settings::Deployment;
use crate::store::source::source_of_run;
use crate::store::{Store, StoreError, Tx};

/// How breaks are to be resolved.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Which.
    pub breaks: Filter,
    /// Why, and so as what.
    pub reason: Reason,
    /// The open items that its line is matched with, where that is the reason.
    pub items: &'a [ItemKey],
    /// Whose money it is, where it is proven to be a merchant's; the merchant of the break's item where none is named.
    pub merchant: Option<&'a str>,
    /// The break that was written off, where its money came.
    pub recovers: Option<i64>,
    /// The day until which a missing item is awaited, where that was promised.
    pub quiet_until: Option<NaiveDate>,
    /// Who, why in words, and the evidence.
    pub said: Said<'a>,
    /// The booking date.
    pub day: NaiveDate,
    /// The digest of the plan that was shown, or its beginning; refused where it is another now.
    pub plan: Option<&'a [u8]>,
}

/// A transfer of a resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// In which book.
    pub book: BookId,
    /// From which account to which.
    pub leg: Leg,
    /// How much, minor units.
    pub amount: i64,
}

/// A break of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedBreak {
    /// Which.
    pub id: i64,
    /// What it counts on the ladder.
    pub stake: Option<Money>,
    /// What it books.
    pub moves: Vec<Move>,
}

/// What a plan comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its digest.
    pub plan: Vec<u8>,
    /// Its breaks, by number; none where it was proposed before.
    pub breaks: Vec<ResolvedBreak>,
    /// The numbers of all its breaks.
    pub ids: Vec<i64>,
    /// Σ stakes by currency, minor units.
    pub sums: BTreeMap<Currency, i64>,
    /// How many others have to approve.
    pub approvers: i16,
    /// Of whom one has to be one of these.
    pub finance_heads: Vec<String>,
    /// Whether it is booked; else it waits for approval.
    pub booked: bool,
    /// Whether it is so by this request; else it was before, and nothing was done.
    pub new: bool,
}

/// What an approval came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The digest of the plan.
    pub plan: Vec<u8>,
    /// The numbers of its breaks.
    pub ids: Vec<i64>,
    /// What it books.
    pub breaks: Vec<ResolvedBreak>,
    /// Who has approved.
    pub approved_by: Vec<String>,
    /// How many have to.
    pub approvers: i16,
    /// Whether it is booked; else it waits for another approval.
    pub booked: bool,
    /// Whether it is so by this request.
    pub new: bool,
}

impl Store {
    /// Shows what [`Store::resolve_breaks`] would do, and does nothing.
    pub async fn plan_resolution(&self, deployment: &Deployment, request: &Request<'_>) -> Result<Resolved, DeskError> {
        self.rehearse(async |tx: &mut Tx| resolve(tx, deployment, request).await)
            .await
    }

    /// Proposes how breaks are resolved, and books it where nobody has to approve. The same request again does nothing.
    pub async fn resolve_breaks(&self, deployment: &Deployment, request: &Request<'_>) -> Result<Resolved, DeskError> {
        self.transact(async |tx: &mut Tx| resolve(tx, deployment, request).await)
            .await
    }

    /// Shows what [`Store::approve_breaks`] would do, and does nothing.
    pub async fn plan_approval(
        &self,
        deployment: &Deployment,
        plan: &[u8],
        said: Said<'_>,
        day: NaiveDate,
    ) -> Result<Approved, DeskError> {
        self.rehearse(async |tx: &mut Tx| approve(tx, deployment, plan, said, day).await)
            .await
    }

    /// Approves everything that was proposed under a digest (or its beginning), and books it with the last approval that is
    /// needed. The approver did not propose it. The same approval again does nothing.
    pub async fn approve_breaks(
        &self,
        deployment: &Deployment,
        plan: &[u8],
        said: Said<'_>,
        day: NaiveDate,
    ) -> Result<Approved, DeskError> {
        self.transact(async |tx: &mut Tx| approve(tx, deployment, plan, said, day).await)
            .await
    }
}

/// What was asked, by whom: of a request, or of a proposal.
pub(super) struct Terms {
    reason: Reason,
    pub(super) items: Vec<ItemKey>,
    pub(super) given: Given,
    merchant: Option<String>,
    recovers: Option<i64>,
    quiet_until: Option<NaiveDate>,
    note: String,
    evidence: Option<Vec<u8>>,
    by: String,
}

impl Terms {
    fn asked(request: &Request<'_>, given: &Given) -> Self {
        Self {
            reason: request.reason,
            items: request.items.to_vec(),
            given: given.clone(),
            merchant: request.merchant.map(str::to_owned),
            recovers: request.recovers,
            quiet_until: request.quiet_until,
            note: request.said.note.unwrap_or_default().to_owned(),
            evidence: request.said.evidence.map(<[u8]>::to_vec),
            by: request.said.by.to_owned(),
        }
    }

    /// Text for digests; what is absent differs from what is empty.
    fn fields(&self) -> Vec<String> {
        let optional = |text: Option<String>| text.map_or_else(String::new, |text| format!("={text}"));
        let mut fields = vec![
            self.reason.resolution().name().to_owned(),
            self.reason.name().to_owned(),
            optional(self.merchant.clone()),
            optional(self.recovers.map(|id| id.to_string())),
            optional(self.quiet_until.map(|day| day.to_string())),
            self.note.clone(),
            optional(self.evidence.as_deref().map(hex)),
            self.by.clone(),
        ];
        fields.extend(self.items.iter().map(|(book, number)| format!("{book} {number}")));
        fields
    }

    fn digest(&self) -> [u8; 32] {
        let mut fields = self.fields();
        fields.extend(self.given.batches.iter().map(receipt::Asked::field));
        digest_of("break request 1", fields)
    }

    fn said(&self) -> Said<'_> {
        Said {
            by: &self.by,
            note: Some(&self.note),
            evidence: self.evidence.as_deref(),
        }
    }
}

fn digest_of(what: &str, fields: Vec<String>) -> [u8; 32] {
    let fields: Vec<&str> = std::iter::once(what).chain(fields.iter().map(String::as_str)).collect();
    fingerprint(&fields)
}

/// A digest as far as people read it.
fn short(digest: &[u8]) -> String {
    hex(digest.get(..8).unwrap_or(digest))
}

/// Breaks of a plan, what each books, and the digest.
struct Plan {
    cases: Vec<CaseRow>,
    booked: Vec<Booked>,
    digest: [u8; 32],
    /// What is matched by hand.
    matching: Option<Matching>,
    /// The receipt that is given to batches.
    paying: Option<Paying>,
}

impl Plan {
    fn breaks(&self) -> Vec<ResolvedBreak> {
        let pairs = self.cases.iter().zip(&self.booked);
        pairs
            .map(|(row, booked)| ResolvedBreak {
                id: row.case.id.0,
                stake: booked.stake,
                moves: moves(booked),
            })
            .collect()
    }

    fn ids(&self) -> Vec<i64> {
        self.cases.iter().map(|row| row.case.id.0).collect()
    }
}

fn moves(booked: &Booked) -> Vec<Move> {
    let of_entry = |(book, legs): &(BookId, Vec<(Leg, i64)>)| -> Vec<Move> {
        let book = *book;
        legs.iter()
            .map(|(leg, amount)| Move {
                book,
                leg: *leg,
                amount: *amount,
            })
            .collect()
    };
    booked.entries.iter().flat_map(of_entry).collect()
}

/// Where money goes that is not settled by the break alone.
struct Targets {
    merchant: Option<BookId>,
    /// What is not recovered yet, by book and currency.
    written_off: Vec<(BookId, Money)>,
}

impl Targets {
    async fn of(tx: &mut Tx, terms: &Terms) -> Result<Self, DeskError> {
        let merchant = match &terms.merchant {
            None => None,
            Some(name) => {
                let rows = tx
                    .query(include_str!("../../../schema/queries/book_of_merchant.sql"), &[name])
                    .await?;
                let row = rows.first().ok_or_else(|| DeskError::UnknownMerchant(name.clone()))?;
                Some(BookId(row.try_get(0).map_err(StoreError::from)?))
            }
        };
        let written_off = match terms.recovers {
            None => Vec::new(),
            Some(id) => written_off(tx, id).await?,
        };
        Ok(Self { merchant, written_off })
    }

    /// To whom the money of a break goes.
    fn of_case(&self, row: &CaseRow, reason: Reason) -> To {
        match reason {
            Reason::BelongsToMerchant => {
                let own = row.book.filter(|book| *book != BookId::HOUSE);
                self.merchant.or(own).map_or(To::Nobody, To::Merchant)
            }
            Reason::PaidLater => {
                let currency = row.money().map(Money::currency);
                let lost = self
                    .written_off
                    .iter()
                    .find(|(_, lost)| Some(lost.currency()) == currency);
                lost.map_or(To::Nobody, |(book, lost)| To::WrittenOff(*book, *lost))
            }
            Reason::MatchedByHand
            | Reason::PaysBatches
            | Reason::Offsets
            | Reason::Uneconomic
            | Reason::ClaimRefused
            | Reason::ClaimExpired
            | Reason::Unidentified
            | Reason::ReportedLater
            | Reason::Promised
            | Reason::Explained => To::Nobody,
        }
    }

    /// So much of what was written off has come.
    fn recover(&mut self, to: To, case: &CaseRow) -> Result<(), DeskError> {
        let (To::WrittenOff(book, _), Held::Suspense { money, .. }) = (to, &case.case.held) else {
            return Ok(());
        };
        for (of, lost) in &mut self.written_off {
            if *of == book && lost.currency() == money.currency() {
                *lost = lost.plus(*money)?;
            }
        }
        Ok(())
    }
}

async fn written_off(tx: &mut Tx, id: i64) -> Result<Vec<(BookId, Money)>, DeskError> {
    let rows = tx
        .query(include_str!("../../../schema/queries/break_written_off.sql"), &[&id])
        .await?;
    let lost = rows
        .iter()
        .map(|row| {
            let currency = crate::store::currency(row.try_get("currency")?)?;
            Ok((
                BookId(row.try_get("book_id")?),
                Money::from_minor(row.try_get("amount")?, currency),
            ))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    if lost.iter().all(|(_, lost)| lost.minor() == 0) {
        return Err(DeskError::NotWrittenOff(id));
    }
    Ok(lost)
}

/// Locks the books that a resolution may write, then reads its breaks and works out what it books.
async fn work_out(
    tx: &mut Tx,
    deployment: &Deployment,
    ids: &[i64],
    terms: &Terms,
    day: NaiveDate,
) -> Result<(LockedBooks, Plan), DeskError> {
    let settings = deployment.latest().ok_or(DeskError::Nothing)?;
    let mut targets = Targets::of(tx, terms).await?;
    // Which books they are does not change; what is in them is read once they are locked.
    let mut concerned: BTreeSet<BookId> = BTreeSet::from([BookId::HOUSE]);
    for row in cases::load(tx, settings, ids).await? {
        concerned.extend(row.holder());
        match targets.of_case(&row, terms.reason) {
            To::Merchant(book) | To::WrittenOff(book, _) => drop(concerned.insert(book)),
            To::Nobody => {}
        }
    }
    concerned.extend(terms.items.iter().map(|(book, _)| *book));
    let concerned: Vec<BookId> = concerned.into_iter().collect();
    let books = LockedBooks::lock(tx, &concerned).await?;
    let cases = cases::load(tx, settings, ids).await?;
    let mut booked = Vec::with_capacity(cases.len());
    let mut matching = None;
    let mut paying = None;
    for row in &cases {
        if !terms.given.batches.is_empty() {
            let (paid, of_it) = receipt::work_out(tx, row.case.id.0, &row.case.held, terms, day).await?;
            paying = Some(paid);
            booked.push(of_it);
            continue;
        }
        if !terms.items.is_empty() {
            let (matched, of_it) = by_hand::work_out(tx, deployment, row.case.id.0, terms, day).await?;
            matching = Some(matched);
            booked.push(of_it);
            continue;
        }
        let to = targets.of_case(row, terms.reason);
        let id = row.case.id.0;
        let quiet = terms.quiet_until.is_some();
        let resolved = desk::resolve(&row.case, terms.reason, to, quiet);
        booked.push(resolved.map_err(|refusal| DeskError::Refused { id, refusal })?);
        targets.recover(to, row)?;
    }
    if terms.reason == Reason::Offsets {
        offset(&cases)?;
    }
    let mut fields = terms.fields();
    for (row, booked) in cases.iter().zip(&booked) {
        fields.extend(content(row, booked));
    }
    fields.extend(paying.iter().flat_map(Paying::fields));
    let digest = digest_of("break plan 1", fields);
    let plan = Plan {
        cases,
        booked,
        digest,
        matching,
        paying,
    };
    Ok((books, plan))
}

/// That breaks come to nothing together.
fn offset(rows: &[CaseRow]) -> Result<(), DeskError> {
    let cases: Vec<_> = rows.iter().map(|row| row.case.clone()).collect();
    match desk::left(&cases)?.first_key_value() {
        None => Ok(()),
        Some(((acquirer, currency), minor)) => Err(DeskError::NoOffset {
            acquirer: (*acquirer).to_owned(),
            left: Money::from_minor(*minor, *currency),
        }),
    }
}

/// What a plan's digest covers of a break: to the minor unit what it books.
fn content(row: &CaseRow, booked: &Booked) -> Vec<String> {
    let mut fields = vec![
        row.case.id.to_string(),
        booked.withheld.to_string(),
        booked
            .stake
            .map_or_else(String::new, |stake| format!("{} {}", stake.minor(), stake.currency())),
        booked.entries.len().to_string(),
    ];
    for Move { book, leg, amount } in moves(booked) {
        let (debit, credit) = (leg.debit.number(), leg.credit.number());
        fields.push(format!("{book} {debit} {credit} {} {amount}", leg.currency));
    }
    fields
}

pub(super) async fn resolve(
    tx: &mut Tx,
    deployment: &Deployment,
    request: &Request<'_>,
) -> Result<Resolved, DeskError> {
    resolve_as(tx, deployment, request, &Given::default()).await
}

/// The same, where it is a receipt that is given to batches.
pub(super) async fn resolve_as(
    tx: &mut Tx,
    deployment: &Deployment,
    request: &Request<'_>,
    given: &Given,
) -> Result<Resolved, DeskError> {
    // By the strictest of the settings since the day, so that nobody is spared an approval by booking on a day that is long gone.
    let since = || deployment.in_force_between(request.day, NaiveDate::MAX);
    let governing = deployment
        .in_force(request.day)
        .ok_or(DeskError::NoSettings(request.day))?;
    let latest = since().last().unwrap_or(governing);
    let terms = Terms::asked(request, given);
    if let Some(known) = proposed_before(tx, request, &terms).await? {
        return Ok(known);
    }
    let ids = chosen(tx, &request.breaks).await?;
    let mut also = by_hand::missing(tx, request.items).await?;
    also.extend(request.recovers);
    also.extend(missing_receipts(tx, deployment, &ids, &terms).await?);
    let locked = cases::lock(tx, &ids, &also).await?;
    if let Some(known) = proposed_before(tx, request, &terms).await? {
        return Ok(known);
    }
    // Again, now that nobody else can resolve one of them.
    if chosen(tx, &request.breaks).await? != ids {
        return Err(DeskError::Changed("another set of breaks".to_owned()));
    }
    let mine: Vec<_> = locked.into_iter().filter(|row| ids.contains(&row.id)).collect();
    cases::unresolved(&mine)?;
    let (books, plan) = work_out(tx, deployment, &ids, &terms, request.day).await?;
    if request.plan.is_some_and(|shown| !plan.digest.starts_with(shown)) {
        return Err(DeskError::Changed(short(&plan.digest)));
    }
    let sums = desk::stakes(plan.booked.iter())?;
    let approval = match (&plan.matching, &plan.paying) {
        (Some(_), _) | (_, Some(_)) if terms.given.by_rule.is_some() => Approval::default(),
        (Some(_), _) | (_, Some(_)) => strictest(since(), |desk| desk.approval_of_match(&sums)),
        (None, None) => strictest(since(), |desk| desk.approval(&sums)),
    };
    let finance_heads = heads(latest, approval.by_head, &terms.by, &sums)?;
    withdraw(tx, &ids, terms.said()).await?;
    let mut proposals = propose(tx, &plan, &terms, approval.approvers, finance_heads.as_deref()).await?;
    let resolved = Resolved {
        plan: plan.digest.to_vec(),
        breaks: plan.breaks(),
        ids: plan.ids(),
        sums,
        approvers: approval.approvers,
        finance_heads: finance_heads.unwrap_or_default(),
        booked: approval.approvers == 0,
        new: true,
    };
    if resolved.booked {
        book(
            tx,
            (deployment, books),
            &plan,
            &terms,
            &mut proposals,
            request.said,
            request.day,
        )
        .await?;
    }
    Ok(resolved)
}

/// The breaks of missing receipts that a resolution may end: those of the batches that its receipt is given to.
async fn missing_receipts(
    tx: &mut Tx,
    deployment: &Deployment,
    ids: &[i64],
    terms: &Terms,
) -> Result<Vec<i64>, DeskError> {
    if terms.given.batches.is_empty() {
        return Ok(Vec::new());
    }
    let settings = deployment.latest().ok_or(DeskError::Nothing)?;
    let money = cases::load(tx, settings, ids).await?;
    match money.first().and_then(CaseRow::money) {
        Some(money) => Ok(receipt::missing(tx, &terms.given.batches, money.currency(), false).await?),
        None => Ok(Vec::new()),
    }
}

/// The numbers of the breaks that are meant, ascending.
async fn chosen(tx: &mut Tx, filter: &Filter) -> Result<Vec<i64>, DeskError> {
    let ids: Vec<i64> = list(tx, filter).await?.iter().map(|row| row.id).collect();
    if let Some(unknown) = filter.ids.iter().flatten().find(|id| !ids.contains(id)) {
        return Err(DeskError::Unknown(*unknown));
    }
    match ids.len() {
        0 => Err(DeskError::Nothing),
        many if many > LIMIT => Err(DeskError::TooMany(LIMIT)),
        _ => Ok(ids),
    }
}

/// What the same request did before, where it stands: of these breaks by number, or of the plan that was shown.
async fn proposed_before(tx: &mut Tx, request: &Request<'_>, terms: &Terms) -> Result<Option<Resolved>, DeskError> {
    let asked = terms.digest();
    let known = match (&request.breaks.ids, request.plan) {
        (Some(ids), _) => {
            let known = proposals(tx, include_str!("../../../schema/queries/break_proposals_of.sql"), ids).await?;
            let all = ids.iter().all(|id| known.iter().any(|row| row.id_of_break == *id));
            if all { known } else { Vec::new() }
        }
        (None, Some(plan)) => of_plan(tx, plan).await?,
        (None, None) => Vec::new(),
    };
    let stands = |row: &Proposal| row.request == asked && matches!(row.state.as_str(), "waiting" | "executed");
    let Some(first) = known.first().filter(|_| known.iter().all(stands)) else {
        return Ok(None);
    };
    if known.iter().any(|row| row.plan != first.plan) || request.plan.is_some_and(|plan| !first.plan.starts_with(plan))
    {
        return Ok(None);
    }
    Ok(Some(Resolved {
        plan: first.plan.clone(),
        breaks: Vec::new(),
        ids: known.iter().map(|row| row.id_of_break).collect(),
        sums: BTreeMap::new(),
        approvers: first.approvers,
        finance_heads: first.finance_heads.clone(),
        booked: first.state == "executed",
        new: false,
    }))
}

/// The most that any of these settings asks for.
fn strictest<'s>(since: impl Iterator<Item = &'s Arc<Settings>>, asks: impl Fn(&DeskRules) -> Approval) -> Approval {
    since.map(|settings| asks(&settings.desk)).max().unwrap_or_default()
}

/// Who may approve as a finance head, where one has to.
fn heads(
    settings: &Settings,
    needed: bool,
    by: &str,
    sums: &BTreeMap<Currency, i64>,
) -> Result<Option<Vec<String>>, DeskError> {
    if !needed {
        return Ok(None);
    }
    let heads: Vec<String> = settings.desk.finance_heads.iter().cloned().collect();
    if heads.iter().any(|head| head != by) {
        return Ok(Some(heads));
    }
    let limits: Vec<String> = sums
        .keys()
        .map(|currency| {
            let limit = settings.desk.ladder.limit_b.get(currency).copied();
            limit.unwrap_or_else(|| Money::zero(*currency)).to_string()
        })
        .collect();
    Err(DeskError::NoFinanceHead(limits.join(" or ")))
}

/// Withdraws what waits for approval of breaks.
pub(super) async fn withdraw(tx: &mut Tx, ids: &[i64], said: Said<'_>) -> Result<(), StoreError> {
    let rows = tx
        .query(
            include_str!("../../../schema/queries/break_proposals_withdraw.sql"),
            &[&ids],
        )
        .await?;
    let mut withdrawn: Vec<(i64, i64)> = rows
        .iter()
        .map(|row| Ok((row.try_get("break_id")?, row.try_get("id")?)))
        .collect::<Result<_, tokio_postgres::Error>>()?;
    withdrawn.sort_unstable();
    let (ids, proposals): (Vec<i64>, Vec<i64>) = withdrawn.into_iter().unzip();
    let silent = Said {
        note: None,
        evidence: None,
        ..said
    };
    write_step(tx, "withdrawn", &ids, Some(&proposals), None, silent).await
}

/// A proposal as the database has it.
pub(super) struct Proposal {
    pub(super) id: i64,
    pub(super) id_of_break: i64,
    round: i16,
    pub(super) plan: Vec<u8>,
    request: Vec<u8>,
    reason: String,
    note: String,
    evidence: Option<Vec<u8>>,
    merchant: Option<String>,
    recovers: Option<i64>,
    quiet_until: Option<NaiveDate>,
    approvers: i16,
    finance_heads: Vec<String>,
    pub(super) item: Option<String>,
    pub(super) withheld: i64,
    proposed_by: String,
    pub(super) state: String,
    approved_by: Vec<String>,
}

impl Proposal {
    fn terms(&self) -> Result<Terms, StoreError> {
        let reason = Reason::from_name(&self.reason);
        Ok(Terms {
            items: Vec::new(),
            given: Given::default(),
            reason: reason.ok_or_else(|| StoreError::Unreadable(format!("reason {}", self.reason)))?,
            merchant: self.merchant.clone(),
            recovers: self.recovers,
            quiet_until: self.quiet_until,
            note: self.note.clone(),
            evidence: self.evidence.clone(),
            by: self.proposed_by.clone(),
        })
    }

    /// Whether that is its reason.
    pub(super) fn is_for(&self, reason: Reason) -> bool {
        self.reason == reason.name()
    }

    /// Whether it was set off against others.
    pub(super) fn offsets(&self) -> bool {
        self.reason == Reason::Offsets.name()
    }

    /// The entry of it has this reference, its reversal another.
    pub(super) fn named(&self, what: &str) -> String {
        format!("{OWN}{what} {} of break {}", self.round, self.id_of_break)
    }
}

/// What waits or was executed of breaks.
pub(super) async fn proposals(tx: &mut Tx, sql: &'static str, ids: &[i64]) -> Result<Vec<Proposal>, StoreError> {
    let rows = tx.query(sql, &[&ids]).await?;
    rows.iter().map(read).collect()
}

/// What was proposed under a digest, or its beginning.
pub(super) async fn of_plan(tx: &mut Tx, plan: &[u8]) -> Result<Vec<Proposal>, StoreError> {
    let filled = |with: u8| -> Vec<u8> {
        let rest = std::iter::repeat(with);
        plan.iter().copied().chain(rest).take(32).collect()
    };
    let rows = tx
        .query(
            include_str!("../../../schema/queries/break_proposals_of_plan.sql"),
            &[&filled(0), &filled(255)],
        )
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Proposal, StoreError> {
    let approvers = ["first_approver", "second_approver"].map(|column| row.try_get::<_, Option<String>>(column));
    Ok(Proposal {
        id: row.try_get("id")?,
        id_of_break: row.try_get("break_id")?,
        round: row.try_get("round")?,
        plan: row.try_get("plan")?,
        request: row.try_get("request")?,
        reason: row.try_get("reason")?,
        note: row.try_get("note")?,
        evidence: row.try_get("evidence")?,
        merchant: row.try_get("merchant")?,
        recovers: row.try_get("recovers")?,
        quiet_until: row.try_get("quiet_until")?,
        approvers: row.try_get("approvers")?,
        finance_heads: row
            .try_get::<_, Option<Vec<String>>>("finance_heads")?
            .unwrap_or_default(),
        item: row.try_get("item")?,
        withheld: row.try_get("withheld")?,
        proposed_by: row.try_get("proposed_by")?,
        state: row.try_get("state")?,
        approved_by: approvers
            .into_iter()
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?,
    })
}

/// Writes a plan's proposals down, one a break, and gives them by break.
async fn propose(
    tx: &mut Tx,
    plan: &Plan,
    terms: &Terms,
    approvers: i16,
    finance_heads: Option<&[String]>,
) -> Result<Vec<Proposal>, DeskError> {
    let ids = plan.ids();
    let stakes = || plan.booked.iter().map(|booked| booked.stake);
    let currencies: Vec<Option<String>> = stakes()
        .map(|stake| stake.map(|stake| stake.currency().code().to_owned()))
        .collect();
    let amounts: Vec<i64> = stakes().map(|stake| stake.map_or(0, Money::minor)).collect();
    let insert = include_str!("../../../schema/queries/break_proposals_insert.sql");
    tx.query(
        insert,
        &[
            &ids,
            &currencies,
            &amounts,
            &plan.digest.as_slice(),
            &terms.digest().as_slice(),
            &terms.reason.resolution().name(),
            &terms.reason.name(),
            &terms.note,
            &terms.evidence,
            &terms.merchant,
            &terms.recovers,
            &terms.quiet_until,
            &approvers,
            &finance_heads,
            &terms.by,
        ],
    )
    .await?;
    let made = proposals(tx, include_str!("../../../schema/queries/break_proposals_of.sql"), &ids).await?;
    let numbers: Vec<i64> = made.iter().map(|proposal| proposal.id).collect();
    investigate(tx, &ids).await?;
    if let (Some(_), [proposal]) = (&plan.matching, &numbers[..]) {
        by_hand::keep_items(tx, *proposal, &terms.items).await?;
    }
    if let (Some(paying), [proposal]) = (&plan.paying, &numbers[..]) {
        paying.keep(tx, *proposal).await?;
    }
    write_step(tx, "proposed", &ids, Some(&numbers), None, terms.said()).await?;
    Ok(made)
}

async fn approve(
    tx: &mut Tx,
    deployment: &Deployment,
    plan: &[u8],
    said: Said<'_>,
    day: NaiveDate,
) -> Result<Approved, DeskError> {
    deployment.in_force(day).ok_or(DeskError::NoSettings(day))?;
    let found = meant(tx, plan).await?;
    let ids: Vec<i64> = found.iter().map(|proposal| proposal.id_of_break).collect();
    let mut items = Vec::new();
    if let Some(first) = found
        .first()
        .filter(|first| first.reason == Reason::MatchedByHand.name())
    {
        items = by_hand::items_of(tx, first.id).await?;
    }
    let mut given = Given::default();
    if let Some(first) = found.first().filter(|first| first.is_for(Reason::PaysBatches)) {
        acquirers::share(tx, None).await?;
        given.batches = receipt::batches_of(tx, first.id).await?.0;
    }
    let mut also = by_hand::missing(tx, &items).await?;
    also.extend(found.first().and_then(|proposal| proposal.recovers));
    let first = found.first().ok_or_else(|| DeskError::UnknownPlan(short(plan)))?;
    let terms = Terms {
        items,
        given,
        ..first.terms()?
    };
    also.extend(missing_receipts(tx, deployment, &ids, &terms).await?);
    cases::lock(tx, &ids, &also).await?;
    let mut found = meant(tx, plan).await?;
    let first = found.first().ok_or_else(|| DeskError::UnknownPlan(short(plan)))?;
    let mut approved = Approved {
        plan: first.plan.clone(),
        ids: ids.clone(),
        breaks: Vec::new(),
        approved_by: first.approved_by.clone(),
        approvers: first.approvers,
        booked: first.state == "executed",
        new: false,
    };
    if first.proposed_by == said.by {
        return Err(DeskError::ApproverIsProposer(said.by.to_owned()));
    }
    let state = first.state.clone();
    if found.iter().any(|proposal| proposal.state != state) || !matches!(state.as_str(), "waiting" | "executed") {
        return Err(DeskError::NothingWaits(short(&approved.plan)));
    }
    if approved.approved_by.iter().any(|name| name == said.by) {
        return Ok(approved);
    }
    if approved.booked {
        return Err(DeskError::NothingWaits(short(&approved.plan)));
    }
    let (books, now) = work_out(tx, deployment, &ids, &terms, day).await?;
    if now.digest.as_slice() != approved.plan {
        return Err(DeskError::Void(ids.first().copied().unwrap_or_default()));
    }
    approved.breaks = now.breaks();
    approved.approved_by.push(said.by.to_owned());
    approved.booked = enough(first, &approved.approved_by)?;
    approved.new = true;
    let numbers: Vec<i64> = found.iter().map(|proposal| proposal.id).collect();
    let sql = include_str!("../../../schema/queries/break_proposals_approve.sql");
    tx.execute(sql, &[&numbers, &said.by]).await?;
    write_step(tx, "approved", &ids, Some(&numbers), None, said).await?;
    if approved.booked {
        for proposal in &mut found {
            proposal.approved_by.clone_from(&approved.approved_by);
        }
        let silent = Said {
            note: None,
            evidence: None,
            ..said
        };
        book(tx, (deployment, books), &now, &terms, &mut found, silent, day).await?;
    }
    Ok(approved)
}

/// What was proposed under one digest.
async fn meant(tx: &mut Tx, plan: &[u8]) -> Result<Vec<Proposal>, DeskError> {
    let mut found = of_plan(tx, plan).await?;
    let first = found.first().ok_or_else(|| DeskError::UnknownPlan(short(plan)))?;
    if found.iter().any(|proposal| proposal.plan != first.plan) {
        return Err(DeskError::AmbiguousPlan(hex(plan)));
    }
    // The same plan may have been proposed before, and withdrawn: what waits is the latest of each break.
    let mut latest: BTreeMap<i64, Proposal> = BTreeMap::new();
    for proposal in found.drain(..) {
        latest.insert(proposal.id_of_break, proposal);
    }
    Ok(latest.into_values().collect())
}

/// Whether as many have approved as have to, one of the finance heads among them where that is asked for.
fn enough(proposal: &Proposal, approved_by: &[String]) -> Result<bool, DeskError> {
    if i16::try_from(approved_by.len()).is_ok_and(|count| count < proposal.approvers) {
        return Ok(false);
    }
    let heads = &proposal.finance_heads;
    if heads.is_empty() || approved_by.iter().any(|name| heads.contains(name)) {
        return Ok(true);
    }
    Err(DeskError::NeedsFinanceHead(heads.join(", ")))
}

/// Books a plan: its entries, its items, its proposals and breaks.
async fn book(
    tx: &mut Tx,
    (deployment, mut books): (&Deployment, LockedBooks),
    plan: &Plan,
    terms: &Terms,
    proposals: &mut [Proposal],
    said: Said<'_>,
    day: NaiveDate,
) -> Result<(), DeskError> {
    let source = source_of_run(tx, &format!("breaks resolve {day}")).await?.id;
    let mut entries: Vec<(BookId, EntryNumber, i64, i64)> = Vec::new();
    let mut tranches = Tranches::default();
    let mut items: Vec<Option<String>> = Vec::new();
    let mut withheld: Vec<i64> = Vec::new();
    let mut fixed = fixed_reserves(tx, deployment, plan, day).await?;
    for ((row, booked), proposal) in plan.cases.iter().zip(&plan.booked).zip(&*proposals) {
        for (place, (of, legs)) in booked.entries.iter().enumerate() {
            // Only what is given to batches has a second entry in one book.
            let is_difference = plan.paying.is_some() && place > 0;
            let mut entry = entry(row, terms, proposal, (legs, is_difference), day, source);
            if let Some(paying) = &plan.paying {
                paying.direct(&mut entry.transfers, is_difference);
            }
            if let Some((matching, fixed)) = plan.matching.as_ref().zip(fixed.as_mut())
                && *of == matching.book()
            {
                matching.reserve(&mut entry.transfers, fixed, &mut tranches)?;
            }
            let number = books.append(*of, entry)?;
            entries.push((*of, number, proposal.id_of_break, proposal.id));
        }
        items.push(if booked.closes_item {
            Some(close(tx, row).await?)
        } else {
            None
        });
        withheld.push(booked.withheld);
        if let Held::Item(of, item) = &row.case.held
            && let Some(days) = item.tranche
        {
            tranches.add((*of, item.gross.currency(), days), booked.withheld)?;
        }
    }
    books.write(tx).await?;
    if let (Some(matching), [proposal]) = (&plan.matching, &*proposals) {
        matching.write(tx, proposal.id, &tranches, terms.said()).await?;
    }
    if let (Some(paying), Some((_, number, ..))) = (&plan.paying, entries.get(1)) {
        paying.open_difference(tx, *number).await?;
    }
    tranches.write(tx).await?;
    write_entries(tx, &entries).await?;
    let ids: Vec<i64> = proposals.iter().map(|proposal| proposal.id_of_break).collect();
    let numbers: Vec<i64> = proposals.iter().map(|proposal| proposal.id).collect();
    let execute = include_str!("../../../schema/queries/break_proposals_execute.sql");
    tx.execute(execute, &[&numbers, &items, &withheld]).await?;
    let resolution: Resolution = terms.reason.resolution();
    let resolve = include_str!("../../../schema/queries/breaks_resolve.sql");
    tx.execute(resolve, &[&ids, &numbers, &resolution.name(), &terms.quiet_until])
        .await?;
    let silent = Said {
        note: None,
        evidence: None,
        ..said
    };
    write_step(tx, "resolved", &ids, Some(&numbers), None, silent).await?;
    if let Some(paying) = &plan.paying {
        paying.came(tx, silent).await?;
    }
    if let Some(recovered) = terms.recovers {
        let by: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let note = format!("by break {}", by.join(", "));
        let told = Said {
            note: Some(&note),
            ..silent
        };
        write_step(tx, "recovered", &[recovered], None, None, told).await?;
    }
    Ok(())
}

/// The fixed reserves of the book in which a match makes money available.
async fn fixed_reserves(
    tx: &mut Tx,
    deployment: &Deployment,
    plan: &Plan,
    day: NaiveDate,
) -> Result<Option<FixedReserves>, DeskError> {
    let Some(matching) = &plan.matching else {
        return Ok(None);
    };
    let settings = deployment.in_force(day).ok_or(DeskError::NoSettings(day))?;
    Ok(Some(FixedReserves::of(tx, settings, day, &[matching.book()]).await?))
}

/// Takes the item of a break out of the open ones, and gives it back as JSON.
async fn close(tx: &mut Tx, row: &CaseRow) -> Result<String, DeskError> {
    let unknown = || StoreError::Unreadable(format!("no open item of break {}", row.case.id));
    let (Some(book), Some(number)) = (row.book, row.number) else {
        return Err(unknown().into());
    };
    let sql = include_str!("../../../schema/queries/open_item_close.sql");
    let rows = tx.query(sql, &[&book.0, &number.0]).await?;
    let item = rows.first().ok_or_else(unknown)?;
    Ok(item.try_get("item").map_err(StoreError::from)?)
}

async fn write_entries(tx: &mut Tx, entries: &[(BookId, EntryNumber, i64, i64)]) -> Result<(), StoreError> {
    let books: Vec<i64> = entries.iter().map(|(book, ..)| book.0).collect();
    let numbers: Vec<i64> = entries.iter().map(|(_, number, ..)| number.0).collect();
    let breaks: Vec<i64> = entries.iter().map(|(_, _, id, _)| *id).collect();
    let proposals: Vec<i64> = entries.iter().map(|(.., proposal)| *proposal).collect();
    let sql = include_str!("../../../schema/queries/break_entries_insert.sql");
    tx.execute(sql, &[&books, &numbers, &breaks, &proposals])
        .await
        .map(|_| ())
}

fn entry(
    row: &CaseRow,
    terms: &Terms,
    proposal: &Proposal,
    (legs, is_difference): (&[(Leg, i64)], bool),
    day: NaiveDate,
    source: SourceId,
) -> Entry {
    let account = |code: crate::ledger::account::AccountCode, currency: Currency| Account {
        code,
        currency,
        dimension: match code.dimension() {
            DimensionKind::Acquirer => Arc::from(row.case.acquirer.as_str()),
            DimensionKind::None | DimensionKind::Bank => Arc::from(""),
        },
    };
    let details = serde_json::json!({
        "approved_by": proposal.approved_by,
        "break": row.case.id.0,
        "by": terms.by,
        "evidence": terms.evidence.as_deref().map(hex),
        "note": terms.note,
        "reason": terms.reason.name(),
        "recovers": terms.recovers,
        "resolution": terms.reason.resolution().name(),
    });
    let reference = proposal.named(if is_difference {
        "difference of resolution"
    } else {
        "resolution"
    });
    let fingerprint = digest_of("resolution 1", vec![reference.clone(), hex(&proposal.plan)]);
    Entry {
        details: Some(details.to_string()),
        transfers: legs
            .iter()
            .map(|(leg, amount)| Transfer {
                debit: account(leg.debit, leg.currency),
                credit: account(leg.credit, leg.currency),
                amount: *amount,
            })
            .collect(),
        ..Entry::of_day(EntryKind::Resolution, reference, fingerprint, day, source)
    }
}
