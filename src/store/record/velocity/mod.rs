//! Velocity rules and monthly limits while a batch is recorded.
//!
//! 1. Plan ([`plan`]): which events rules or limits look at, and what they depend on: payers, windows of time, limits.
//! 2. Lock the payers, then load, in later statements, what was planned. Where no settings have a rule or a limit, nothing of this
//!    happens.
//! 3. Consider each event that the lifecycle lets pass: refuse it, or say what is kept of it.
//! 4. Write ([`write`]) what rules count, what was decided, what is held, and where limits stand ([`limits`]).
//!
//! Locks: the books of a transaction are locked by id before anything else, then the gate of all payers (shared), then payers by
//! bucket. Whoever waits holds only what comes earlier in that one order, so nobody waits in a circle. Payers need locks of their
//! own because what is counted for them spans books. A bucket stands for many payers: a server's lock table would not hold those
//! of a batch. A run of several batches in one transaction could not keep the order: it closes the gate, and has all payers to
//! itself.
//!
//! A decision is kept with the fingerprint of its event: the same event meets the same refusal again, and nothing is written.

mod limits;
mod plan;
mod write;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

pub(in crate::store) use self::limits::Limits;
use self::plan::{Plan, attempt_of, may_look_at};
use self::write::{Counted, Decided, Ended, SetAside};
use super::known::{ByReference, Loaded};
use super::{Numbered, Teller};
use crate::ids::{BookId, EntryNumber};
use crate::ledger::entry::Fingerprint;
use crate::money::Money;
use crate::payment::event::PaymentEvent;
use crate::payment::lifecycle::{Decision, Flag, Held, Instrument, Original, Payment, Refusal, Terms};
use crate::payment::limits::{LimitKey, Taking, Used, refunded_in, take, taken};
use crate::payment::velocity::{Counters, Judgement, strictest};
use crate::settings::{Acquirer, Action, Settings, VelocityRule};
use crate::store::settings::Deployment;
use crate::store::{StoreError, Tx};

/// What of a deployment looks beyond a single book.
pub(super) struct AcrossBooks<'a> {
    rules: Vec<&'a VelocityRule>,
    limits: BTreeSet<&'a str>,
}

impl<'a> AcrossBooks<'a> {
    pub(super) fn of(deployment: &'a Deployment) -> Self {
        let versions = || deployment.versions();
        let limited = |acquirer: &&Acquirer| acquirer.monthly_limit.is_some();
        Self {
            rules: versions()
                .flat_map(|settings| &settings.velocity_rules)
                .filter(|rule| rule.is_by_payer())
                .collect(),
            limits: versions()
                .flat_map(|settings| settings.acquirers.values().filter(limited))
                .map(|acquirer| &*acquirer.name)
                .collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.limits.is_empty()
    }

    /// Whether what becomes of an event can depend on another book.
    pub(super) fn concerns(&self, event: &PaymentEvent) -> bool {
        self.limits.contains(event.acquirer.as_str()) || self.rules.iter().any(|rule| may_look_at(rule, event))
    }
}

/// Keeps all payers for this transaction, where anything looks at them: after the locks of all books that it will write.
pub(super) async fn close_payers(tx: &mut Tx, deployment: &Deployment) -> Result<(), StoreError> {
    if !AcrossBooks::of(deployment).is_empty() {
        tx.query(include_str!("../../../../schema/queries/payers_close.sql"), &[])
            .await?;
    }
    Ok(())
}

/// Locks payers: after the locks of all books that the transaction will write, and once, or with all payers closed.
async fn lock_payers(tx: &mut Tx, payers: &[&str]) -> Result<(), StoreError> {
    if payers.is_empty() {
        return Ok(());
    }
    tx.query(include_str!("../../../../schema/queries/payers_share.sql"), &[])
        .await?;
    tx.query(include_str!("../../../../schema/queries/payers_lock.sql"), &[&payers])
        .await?;
    Ok(())
}

/// What rules and limits know of a batch, and what is to be kept of it.
#[derive(Default)]
pub(super) struct Velocity<'a> {
    teller: Teller,
    /// The versions that govern what rules look at.
    versions: BTreeMap<NaiveDate, &'a Settings>,
    counters: Counters,
    limits: Limits,
    /// What refused events met, by reference, for each content; in the order in which rules are asked.
    refused: ByReference<'a, Vec<(Fingerprint, Refused)>>,
    /// Payments whose captures are held, and by which rule.
    held: ByReference<'a, String>,
    counted: Vec<Counted<'a>>,
    decided: Vec<Decided<'a>>,
    set_aside: Vec<SetAside>,
    ended: Vec<Ended>,
}

/// Why an event was refused once.
#[derive(Debug, Clone)]
enum Refused {
    Rule { rule: String, reason: String },
    Limit { used: i64, limit: i64 },
}

impl Refused {
    fn refusal(&self, event: &PaymentEvent) -> Refusal {
        match self {
            Self::Rule { rule, reason } => Refusal::Velocity {
                rule: rule.clone(),
                reason: reason.clone(),
            },
            Self::Limit { used, limit } => {
                // What it would have used, less itself, is what was used.
                let before = used.saturating_sub(event.money.minor());
                Refusal::MonthlyLimit {
                    left: Money::from_minor(limit.saturating_sub(before).max(0), event.money.currency()),
                }
            }
        }
    }
}

/// An event that the lifecycle has let pass, and where it is booked.
pub(super) struct Passed<'t, 'a> {
    pub(super) book: BookId,
    pub(super) event: &'a PaymentEvent,
    pub(super) fingerprint: Fingerprint,
    pub(super) terms: Terms<'t>,
}

/// What rules and limits keep of an event.
#[derive(Default)]
pub(super) struct Considered {
    /// How an authorization that rules count is paid.
    counted: Option<Instrument>,
    judgements: Vec<Judgement>,
    limit: Option<(LimitKey, Used)>,
    beyond: Option<Beyond>,
}

impl Considered {
    /// What has happened is flagged where it would have been refused.
    fn refuse_nothing(&mut self) {
        let by_rules = self.judgements.iter_mut().map(|judgement| &mut judgement.action);
        let by_limit = self.beyond.iter_mut().map(|beyond| &mut beyond.action);
        for action in by_rules.chain(by_limit).filter(|action| **action == Action::Refuse) {
            *action = Action::Flag;
        }
    }
}

/// A monthly limit that an event passes.
struct Beyond {
    action: Action,
    used: Money,
    limit: Money,
}

impl Beyond {
    fn reason(&self) -> String {
        format!("{} of the monthly limit of {}", self.used, self.limit)
    }
}

/// Why an event goes no further.
pub(super) enum Stopped {
    Refused(Refusal),
    Failed(StoreError),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl<'a> Velocity<'a> {
    /// Locks the payers that rules and limits look at, and loads what is known of them.
    pub(super) async fn of(
        tx: &mut Tx,
        deployment: &'a Deployment,
        owners: &HashMap<String, BookId>,
        loaded: &Loaded<'_>,
        events: &'a [Numbered],
    ) -> Result<Self, StoreError> {
        let Some(plan) = Plan::of(deployment, owners, loaded, events) else {
            return Ok(Self::default());
        };
        lock_payers(tx, &plan.payers()).await?;
        Ok(Self {
            counters: plan.counters(tx).await?,
            refused: plan.refused(tx).await?,
            held: plan.held(tx).await?,
            versions: plan.versions,
            limits: Limits::load(tx, deployment, plan.limits).await?,
            ..Self::default()
        })
    }

    /// The same, of events that somebody tells.
    pub(super) fn told_by(self, teller: Teller) -> Self {
        Self { teller, ..self }
    }

    /// Why this very event was refused before.
    pub(super) fn refused_before(&self, book: BookId, event: &PaymentEvent, known: &Fingerprint) -> Option<Refusal> {
        let refused = self.refused.get(&(book, Cow::Borrowed(event.reference.as_str())))?;
        let (_, refused) = refused.iter().find(|(fingerprint, _)| fingerprint == known)?;
        Some(refused.refusal(event))
    }

    /// The rule that holds what is captured of a payment.
    pub(super) fn held_by(&self, book: BookId, payment: &'a str) -> Option<&str> {
        self.held.get(&(book, Cow::Borrowed(payment))).map(String::as_str)
    }

    /// What rules and limits make of an event: a refusal, or what to keep of it once it is booked. What needs a person's eyes joins
    /// the decision's flags.
    pub(super) fn consider(
        &mut self,
        passed: &Passed<'_, 'a>,
        before: Option<&Payment>,
        original: Option<&Original>,
        decision: &mut Decision,
    ) -> Result<Considered, Stopped> {
        let mut considered = Considered::default();
        let paid_by = decision.payment.as_ref().map(|payment| &payment.instrument);
        if let Some(paid_by) = paid_by
            && let Some(attempt) = attempt_of(passed.book, passed.event, paid_by)
        {
            let settings = passed.terms.settings;
            let is_counted = settings.velocity_rules.iter().any(|rule| rule.looks_at(&attempt));
            considered.counted = is_counted.then(|| paid_by.clone());
            considered.judgements = self.counters.judge(settings, &attempt);
        }
        self.limit(passed, before, original, decision, &mut considered)?;
        // An authorization that has the acquirer's reference has been given, whoever tells it.
        if self.teller == Teller::Acquirer || passed.event.acquirer_reference.is_some() {
            considered.refuse_nothing();
        }
        if let Some(refused) = refused(&considered) {
            let refusal = refused.refusal(passed.event);
            self.keep(passed, None, &considered);
            let reference = (passed.book, Cow::Borrowed(passed.event.reference.as_str()));
            let same_reference = self.refused.entry(reference).or_default();
            same_reference.push((passed.fingerprint, refused));
            return Err(refusal.into());
        }
        for judgement in &considered.judgements {
            let (rule, action, reason) = (&judgement.rule, judgement.action.name(), &judgement.reason);
            let text = format!("velocity rule `{rule}` ({action}): {reason}");
            decision.flags.push(Flag::Velocity(text));
        }
        if let Some(beyond) = &considered.beyond {
            decision.flags.push(Flag::Velocity(beyond.reason()));
        }
        Ok(considered)
    }

    /// What an event takes of its payment's monthly limit.
    fn limit(
        &self,
        passed: &Passed<'_, 'a>,
        before: Option<&Payment>,
        original: Option<&Original>,
        decision: &Decision,
        considered: &mut Considered,
    ) -> Result<(), Stopped> {
        let after = decision.payment.as_ref();
        let Some((after, key)) = after.and_then(|after| Some((after, LimitKey::of(after)?))) else {
            return Ok(());
        };
        let contract = passed.terms.acquirer.monthly_limit.as_ref();
        // Where the contract has no limit any more, what is used of it is still kept right.
        let zone = contract.map_or(passed.terms.settings.house.time_zone, |contract| contract.time_zone);
        let more = taken(before, after, refunded_in(passed.event, original, zone))?;
        if more == Used::default() {
            return Ok(());
        }
        let used = self.limits.used(&key)?;
        if let Some(limit) = contract.and_then(|contract| contract.amounts.get(&key.currency)) {
            let action = match take(passed.event, used, more, *limit)? {
                Taking::Within => None,
                Taking::Beyond => Some(Action::Flag),
                Taking::Refused => Some(Action::Refuse),
            };
            considered.beyond = action.map(|action| Beyond {
                action,
                used: Money::from_minor(used.total().saturating_add(more.total()), key.currency),
                limit: *limit,
            });
        }
        considered.limit = Some((key, more));
        Ok(())
    }

    /// Keeps what was considered of an event that is an entry now.
    pub(super) fn booked(
        &mut self,
        passed: &Passed<'_, 'a>,
        number: EntryNumber,
        considered: Considered,
        held: Option<Held>,
        unheld: Option<EntryNumber>,
    ) -> Result<(), StoreError> {
        self.keep(passed, Some(number), &considered);
        let (book, event) = (passed.book, passed.event);
        if let Some(paid_by) = considered.counted
            && let Some(attempt) = attempt_of(book, event, &paid_by)
        {
            for settings in self.versions.values() {
                self.counters.add_to_all(settings, &attempt);
            }
            self.counted.push(Counted {
                book,
                number,
                event,
                paid_by,
            });
        }
        let holds = |judgement: &&Judgement| judgement.action == Action::Hold;
        if let Some(hold) = considered.judgements.iter().find(holds) {
            let payment = (book, Cow::Borrowed(event.payment.as_str()));
            self.held.insert(payment, hold.rule.clone());
        }
        if let Some((key, more)) = considered.limit {
            self.limits.add(key, more)?;
        }
        if let Some(held) = held {
            self.set_aside.push(SetAside {
                book,
                number,
                money: Money::from_minor(held.amount, event.money.currency()),
                rule: held.rule,
                day: passed.terms.day,
            });
        }
        if let Some(of) = unheld {
            let by = number;
            self.ended.push(Ended { book, of, by });
        }
        Ok(())
    }

    /// Keeps every decision on an event; its number is none where it was refused.
    fn keep(&mut self, passed: &Passed<'_, 'a>, number: Option<EntryNumber>, considered: &Considered) {
        for judgement in &considered.judgements {
            self.decided.push(Decided {
                book: passed.book,
                event: passed.event,
                fingerprint: passed.fingerprint,
                number,
                version: judgement.version,
                rule: Some(judgement.rule.clone()),
                action: judgement.action,
                count: Some(judgement.count),
                max_count: judgement.max_count,
                sum: judgement.sum,
                max_sum: judgement.max_sum,
                reason: judgement.reason.clone(),
            });
        }
        if let Some(beyond) = &considered.beyond {
            self.decided.push(Decided {
                book: passed.book,
                event: passed.event,
                fingerprint: passed.fingerprint,
                number,
                version: passed.terms.settings.effective_from,
                rule: None,
                action: beyond.action,
                count: None,
                max_count: None,
                sum: beyond.used,
                max_sum: Some(beyond.limit),
                reason: beyond.reason(),
            });
        }
    }
}

/// Why an event is refused: by the strictest rule, or else by the limit.
fn refused(considered: &Considered) -> Option<Refused> {
    let by_rule = strictest(&considered.judgements).filter(|judgement| judgement.action == Action::Refuse);
    let by_limit = considered
        .beyond
        .as_ref()
        .filter(|beyond| beyond.action == Action::Refuse);
    let by_rule = by_rule.map(|judgement| Refused::Rule {
        rule: judgement.rule.clone(),
        reason: judgement.reason.clone(),
    });
    by_rule.or(by_limit.map(|beyond| Refused::Limit {
        used: beyond.used.minor(),
        limit: beyond.limit.minor(),
    }))
}
