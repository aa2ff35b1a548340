//! Recording payment events: one transaction a batch.
//!
//! 1. Lock the acquirers whose open items the batch may take away (`acquirers::share`), then the books of its merchants, each in id
//!    order.
//! 2. Load, in later statements, what the batch's events depend on (`known`).
//! 3. Decide every event in file order, in pure code (`payment::lifecycle`), each seeing what the one before it did. Velocity rules
//!    and monthly limits have a say in it, where settings have any (`velocity`).
//! 4. Write entries, transfers, payments, open items and whatever else decisions moved (`write`); heads last.
//!
//! A large batch is cut in two lanes by merchant, each a transaction of its own beside the other: no book is in both, so neither
//! waits for the other, and the order within a book stays that of the file. One with events whose outcome can depend on other
//! books is not cut: who came first would decide.
//!
//! A reference that is known with the same fingerprint is a replay and writes nothing; with another it is a conflict. What an
//! event is known by beside its reference (a capture's sequence, a dispute's case and cycle) is unique for ever too: what an
//! acquirer imposes, told again under another reference and perhaps at another time, is a replay, anything else is refused; a void
//! of what is void already is a replay too. These keys are of one book: nothing looks whether another merchant's book has the same
//! case. A batch is booked whole or not at all; its size bounds memory and how long its books are locked.

mod file;
mod known;
mod velocity;
mod write;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{Days, NaiveDate};

pub use self::file::{ATOMIC_REJECT_LIMIT, EventFile, LANES_FROM, RecordError, Rejected, Tally};
use self::known::{At, Loaded, SECOND, original_in_batch, transferred};
pub(in crate::store) use self::known::{read_accrual, read_payment, read_transfer, stated};
pub(in crate::store) use self::velocity::Limits;
use self::velocity::{Passed, Stopped, Velocity};
pub(in crate::store) use self::write::update_payments;
use self::write::{Effects, Item};
use super::acquirers;
use super::books::LockedBooks;
use super::settings::Deployment;
use super::{StoreError, Tx};
use crate::calendar::{BusinessDays, Calendar};
use crate::dates::day_in;
use crate::ids::{AcquirerId, BookId, EntryNumber, SourceId};
use crate::ledger::entry::{Entry, EntryKind, Fingerprint};
use crate::payment::event::{Applied, Kept, PaymentEvent};
use crate::payment::fees::{Accrual, AccrualKey};
use crate::payment::lifecycle::{Aggregate, Decision, Known, Original, Payment, Refusal, Terms, decide};
use crate::recon::reported_as;
use crate::settings::{Availability, Merchant, ReturnPolicy};

/// How many events a batch holds: enough to make its fixed costs small, little enough to keep locks short.
pub const BATCH: usize = 40_000;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is an entry now.
    Recorded,
    /// It was an entry already; nothing was written.
    Replayed,
    /// It breaks a rule; nothing was written.
    Rejected(Refusal),
}

/// An event and the line it came from.
pub type Numbered = (u64, PaymentEvent);

/// Records a batch in this transaction: as many verdicts as events, in their order.
pub async fn record_batch(
    tx: &mut Tx,
    deployment: &Deployment,
    source: SourceId,
    events: &[Numbered],
) -> Result<Vec<Verdict>, StoreError> {
    record(tx, deployment, source, events, Teller::Caller).await
}

/// Records in this transaction what an acquirer has settled, as if its events had come.
pub(in crate::store) async fn record_settled(
    tx: &mut Tx,
    deployment: &Deployment,
    source: SourceId,
    events: &[Numbered],
) -> Result<Vec<Verdict>, StoreError> {
    record(tx, deployment, source, events, Teller::Acquirer).await
}

/// Who tells of events: what the acquirer tells has happened, and velocity rules and limits flag it instead of refusing it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Teller {
    #[default]
    Caller,
    Acquirer,
}

async fn record(
    tx: &mut Tx,
    deployment: &Deployment,
    source: SourceId,
    events: &[Numbered],
    teller: Teller,
) -> Result<Vec<Verdict>, StoreError> {
    let mut merchants: Vec<&str> = events.iter().map(|(_, event)| event.merchant.as_str()).collect();
    merchants.sort_unstable();
    merchants.dedup();
    let withdrawing: BTreeSet<&str> = events.iter().filter_map(|(_, event)| withdraws_from(event)).collect();
    acquirers::share(tx, Some(&ids(deployment, withdrawing))).await?;
    let (books, owners) = LockedBooks::lock_of_merchants(tx, &merchants).await?;
    let loaded = Loaded::of(tx, deployment, &owners, events).await?;
    let velocity = Velocity::of(tx, deployment, &owners, &loaded, events)
        .await?
        .told_by(teller);
    let mut batch = Batch {
        deployment,
        source,
        owners,
        books,
        loaded,
        velocity,
        payments: HashMap::with_capacity(events.len() / 2),
        items: BTreeMap::new(),
        effects: Effects::default(),
        no_accruals: HashMap::new(),
    };
    let fingerprints = fingerprints(events);
    let mut verdicts = Vec::with_capacity(events.len());
    for (place, ((line, event), fingerprint)) in events.iter().zip(fingerprints).enumerate() {
        let mut key = event.natural_key();
        let verdict = loop {
            match batch.consider((place, *line), event, fingerprint, key.take())? {
                Considered::Done(verdict) => break verdict,
                Considered::Conflict(at) => {
                    let stated = batch.stated(tx, at, events, event).await?;
                    let difference = stated.map_or(Some("kind"), |stated| stated.difference(event));
                    break Verdict::Rejected(Refusal::ReferenceConflict {
                        field: difference.unwrap_or("amount"),
                        number: at.number(),
                    });
                }
                Considered::Known(at, known) => {
                    let stated = batch.stated(tx, at, events, event).await?;
                    key = batch.next_round(event, stated.as_deref(), &known);
                    if key.is_none() {
                        break told_again(at, known, stated.as_deref(), event);
                    }
                }
            }
        };
        verdicts.push(verdict);
    }
    batch.write(tx).await?;
    Ok(verdicts)
}

/// The fingerprints of events, half of them on another core.
fn fingerprints(events: &[Numbered]) -> Vec<Fingerprint> {
    let of = |half: &[Numbered]| -> Vec<Fingerprint> { half.iter().map(|(_, event)| event.fingerprint()).collect() };
    let (first, second) = events.split_at(events.len() / 2);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| of(second));
        let mut all = of(first);
        // Where the other thread panicked, so does this one.
        all.extend(second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        all
    })
}

/// The acquirer of an event that can take an open item away: a lifecycle refuses it for another acquirer's.
fn withdraws_from(event: &PaymentEvent) -> Option<&str> {
    matches!(event.kind, EntryKind::CaptureVoid | EntryKind::RefundFailure).then_some(event.acquirer.as_str())
}

/// Those of the acquirers that are known; nothing is booked of any other.
fn ids<'n>(deployment: &Deployment, acquirers: impl IntoIterator<Item = &'n str>) -> Vec<AcquirerId> {
    let known = |name| deployment.acquirer(name);
    acquirers.into_iter().filter_map(known).collect()
}

enum Considered {
    Done(Verdict),
    /// The reference is that of another event.
    Conflict(At),
    /// The natural key is that of an event with another reference.
    Known(At, String),
}

/// A batch while it is decided.
struct Batch<'a> {
    deployment: &'a Deployment,
    source: SourceId,
    owners: HashMap<String, BookId>,
    books: LockedBooks,
    loaded: Loaded<'a>,
    velocity: Velocity<'a>,
    /// Where payments stand after the events so far.
    payments: HashMap<(BookId, &'a str), Payment>,
    /// What is to be reported of it, by entry.
    items: BTreeMap<(BookId, EntryNumber), Item<'a>>,
    effects: Effects,
    no_accruals: HashMap<AccrualKey, Accrual>,
}

/// What governs one event, and where it is booked.
struct Governed<'a> {
    book: BookId,
    acquirer_id: AcquirerId,
    terms: Terms<'a>,
}

impl<'a> Batch<'a> {
    fn consider(
        &mut self,
        (place, line): (usize, u64),
        event: &'a PaymentEvent,
        fingerprint: Fingerprint,
        natural_key: Option<String>,
    ) -> Result<Considered, StoreError> {
        let owner = self.owners.get(event.merchant.as_str()).copied();
        if let Some(book) = owner {
            let reference = (book, Cow::Borrowed(event.reference.as_str()));
            if let Some((known, at)) = self.loaded.references.get(&reference) {
                let named = self.loaded.originals.get(&reference).and_then(Option::as_ref);
                if event.has_derived_reference() && named.is_some_and(|refund| refund.undone) {
                    let number = at.number();
                    let failed = Verdict::Rejected(Refusal::RefundFailed { number });
                    return Ok(Considered::Done(failed));
                }
                return Ok(if *known == fingerprint {
                    Considered::Done(Verdict::Replayed)
                } else {
                    Considered::Conflict(*at)
                });
            }
            if let Some(key) = &natural_key
                && let Some(at) = self.loaded.natural_keys.get(&(book, key.clone()))
            {
                return Ok(Considered::Known(*at, key.clone()));
            }
            if let Some(refusal) = self.velocity.refused_before(book, event, &fingerprint) {
                return Ok(Considered::Done(Verdict::Rejected(refusal)));
            }
        }
        let refused = |refusal| Ok(Considered::Done(Verdict::Rejected(refusal)));
        let governed = match self.govern(owner, event) {
            Ok(governed) => governed,
            Err(refusal) => return refused(refusal),
        };
        let mut decision = match self.decide(&governed, event) {
            Ok(decision) => decision,
            Err(Refusal::NothingOpen) if self.is_void_already(governed.book, event) => {
                return Ok(Considered::Done(Verdict::Replayed));
            }
            Err(refusal) => return refused(refusal),
        };
        let passed = Passed {
            book: governed.book,
            event,
            fingerprint,
            terms: governed.terms,
        };
        let before = payment_of(&self.payments, &self.loaded, governed.book, event);
        let original = original_of(&self.loaded, governed.book, event);
        let kept = match self.velocity.consider(&passed, before, original, &mut decision) {
            Ok(kept) => kept,
            Err(Stopped::Refused(refusal)) => return refused(refusal),
            Err(Stopped::Failed(error)) => return Err(error),
        };
        let (held, unheld) = (decision.held.clone(), decision.unheld);
        let number = self.book(&governed, line, event, fingerprint, natural_key.clone(), decision)?;
        self.velocity.booked(&passed, number, kept, held, unheld)?;
        let at = At::InBatch(number, place);
        let reference = (governed.book, Cow::Borrowed(event.reference.as_str()));
        self.loaded.references.insert(reference, (fingerprint, at));
        if let Some(key) = natural_key {
            self.loaded.natural_keys.insert((governed.book, key), at);
        }
        Ok(Considered::Done(Verdict::Recorded))
    }

    fn govern(&self, owner: Option<BookId>, event: &PaymentEvent) -> Result<Governed<'a>, Refusal> {
        let day = day_in(event.occurred_at, self.deployment.time_zone());
        let settings = self
            .deployment
            .in_force(day)
            .ok_or(Refusal::NoSettingsInForce { day })?;
        let unknown_merchant = || Refusal::UnknownMerchant {
            merchant: event.merchant.clone(),
        };
        let merchant = settings.merchants.get(&event.merchant).ok_or_else(unknown_merchant)?;
        let book = owner.ok_or_else(unknown_merchant)?;
        let unknown_acquirer = || Refusal::UnknownAcquirer {
            acquirer: event.acquirer.clone(),
        };
        let acquirer = settings.acquirers.get(&event.acquirer).ok_or_else(unknown_acquirer)?;
        let acquirer_id = self.deployment.acquirer(&event.acquirer).ok_or_else(unknown_acquirer)?;
        let zone = merchant.time_zone.unwrap_or(settings.house.time_zone);
        let sales_day = day_in(event.occurred_at, zone);
        let terms = Terms {
            settings,
            merchant,
            acquirer,
            schedule: settings.fee_schedule(&merchant.fee_schedule, day),
            day,
            zone,
            sales_day,
            available_on: if matches!(event.kind, EntryKind::Capture | EntryKind::Aggregate) {
                let payment = payment_of(&self.payments, &self.loaded, book, event);
                let method = payment.and_then(|payment| payment.instrument.method.as_deref());
                self.available_on(merchant, method, sales_day)?
            } else {
                None
            },
        };
        Ok(Governed {
            book,
            acquirer_id,
            terms,
        })
    }

    /// When the sales of a day by a method become available; none where a settlement file decides.
    fn available_on(
        &self,
        merchant: &Merchant,
        method: Option<&str>,
        day: NaiveDate,
    ) -> Result<Option<NaiveDate>, Refusal> {
        let Availability::SalesDay {
            days,
            by_method,
            calendars,
        } = &merchant.availability
        else {
            return Ok(None);
        };
        let days = method.and_then(|method| by_method.get(method)).unwrap_or(days);
        let calendar_ends = |calendar: &str| Refusal::CalendarEnds {
            calendar: calendar.to_owned(),
            day,
        };
        let mut known: Vec<&Calendar> = Vec::with_capacity(calendars.len());
        for named in calendars {
            let calendar = self.deployment.calendar(&named.name);
            known.push(calendar.ok_or_else(|| calendar_ends(&named.name))?);
        }
        BusinessDays(&known)
            .plus(day, *days)
            .map(Some)
            .map_err(|beyond| calendar_ends(&beyond.name))
    }

    /// Whether an event withdraws what a void has withdrawn.
    fn is_void_already(&self, book: BookId, event: &PaymentEvent) -> bool {
        let void = (book, event.payment.clone(), event.money.minor());
        event.kind == EntryKind::Void && self.loaded.voids.contains(&void)
    }

    /// Another payment that is open or captured, for what the event's merchant reference names; the first by name.
    fn same_order(&self, book: BookId, event: &'a PaymentEvent) -> Option<&str> {
        let order = event.merchant_reference.as_deref()?;
        let of_order = self.loaded.orders.get(&(book, Cow::Borrowed(order)));
        let names = of_order.into_iter().flatten().map(String::as_str);
        names
            .chain([order])
            .filter(|name| {
                let payment = named_payment(&self.payments, &self.loaded, book, name);
                // A later attempt may have called it otherwise, and what is called nothing else goes by its own name.
                let is_of_order = |payment: &Payment| payment.merchant_reference.as_deref().unwrap_or(name) == order;
                *name != event.payment && payment.is_some_and(|payment| is_of_order(payment) && payment.is_live())
            })
            .min()
    }

    fn decide(&self, governed: &Governed<'_>, event: &'a PaymentEvent) -> Result<Decision, Refusal> {
        let book = governed.book;
        let payment = payment_of(&self.payments, &self.loaded, book, event);
        let details = &event.details;
        let original = original_of(&self.loaded, book, event);
        let aggregate = details
            .aggregate
            .as_deref()
            .or(original.and_then(|original| original.aggregate.as_deref()));
        let aggregate = aggregate.and_then(|name| self.loaded.aggregates.get(&(book, Cow::Borrowed(name))));
        let funds = self.loaded.funds.get(&(book, event.money.currency()));
        let accruals = self.loaded.accruals.get(&book).unwrap_or(&self.no_accruals);
        let known = Known {
            accruals,
            payment,
            funds: funds.copied().unwrap_or_default(),
            original,
            aggregate,
            held_by: self.velocity.held_by(book, &event.payment),
            same_order: self.same_order(book, event),
        };
        decide(event, &known, &governed.terms)
    }

    fn book(
        &mut self,
        governed: &Governed<'_>,
        line: u64,
        event: &'a PaymentEvent,
        fingerprint: Fingerprint,
        natural_key: Option<String>,
        decision: Decision,
    ) -> Result<EntryNumber, StoreError> {
        let book = governed.book;
        let currency = event.money.currency();
        let applied = self.applied(book, event, decision.reserve_applied)?;
        let entry = Entry {
            kind: event.kind,
            reference: event.reference.clone(),
            fingerprint,
            payment: Some(event.payment.clone()),
            acquirer_reference: event.acquirer_reference.clone(),
            merchant_reference: event.merchant_reference.clone(),
            arn: event.arn.clone(),
            rrn: event.rrn.clone(),
            auth_code: event.auth_code.clone(),
            details: kept(event, &decision, applied).to_text(),
            natural_key,
            reverses: decision.reverses,
            occurred_at: event.occurred_at,
            booking_date: governed.terms.day,
            happened_on: None,
            source: self.source,
            source_line: Some(i32::try_from(line).map_err(|_| StoreError::TooLarge("the line number".to_owned()))?),
            transfers: decision.transfers,
        };
        if self.loaded.funded.contains(&book) {
            for transfer in &entry.transfers {
                let funds = self.loaded.funds.entry((book, transfer.debit.currency)).or_default();
                transferred(funds, transfer)?;
            }
        }
        let reported = decision.reportable.zip(reported_as(event.kind));
        let wanted = self
            .loaded
            .originals
            .get(&(book, Cow::Borrowed(event.reference.as_str())));
        let as_original = wanted.is_some().then(|| entry.clone());
        let number = self.books.append(book, entry)?;
        if let Some(entry) = as_original {
            let original = original_in_batch(number, &entry, reported.is_some())?;
            let reference = (book, Cow::Borrowed(event.reference.as_str()));
            self.loaded.originals.insert(reference, Some(original));
        }
        if let Some(reference) = &event.details.original
            && let Some(Some(original)) = self
                .loaded
                .originals
                .get_mut(&(book, Cow::Borrowed(reference.as_str())))
        {
            original.undone |= decision.reverses.is_some();
            original.paid |= event.kind == EntryKind::RefundPaid;
        }
        if let Some((reportable, record)) = reported {
            let wait = Days::new(u64::from(governed.terms.acquirer.settles_within_days));
            let too_late = || StoreError::TooLarge("the expected date".to_owned());
            let item = Item {
                acquirer: governed.acquirer_id,
                event,
                paid_by: self.paid_by(book, event),
                record,
                reportable,
                occurred_on: governed.terms.day,
                expected_on: governed.terms.day.checked_add_days(wait).ok_or_else(too_late)?,
            };
            self.items.insert((book, number), item);
        }
        if let Some(withdrawn) = decision.withdrawn {
            self.withdraw(book, withdrawn);
        }
        if let Some(aggregate) = decision.aggregate {
            self.aggregate(book, number, event, aggregate);
        }
        self.effects.maturing(book, currency, decision.maturing)?;
        for (accrued, after) in decision.accrued {
            self.effects.accruals.insert((book, accrued.key.clone()));
            self.loaded.accruals.entry(book).or_default().insert(accrued.key, after);
        }
        self.effects.flags(book, number, governed.acquirer_id, decision.flags);
        if event.kind == EntryKind::Void {
            let void = (book, event.payment.clone(), event.money.minor());
            self.loaded.voids.insert(void);
        }
        if let Some(payment) = decision.payment {
            if let Some(order) = &payment.merchant_reference {
                let of_order = self.loaded.orders.entry((book, Cow::Owned(order.as_ref().to_owned())));
                of_order.or_default().insert(event.payment.clone());
            }
            self.payments.insert((book, &event.payment), payment);
        }
        Ok(number)
    }

    /// From which tranches of the reserve an event takes what it takes; negative amounts go back to where a refund took them from.
    fn applied(&mut self, book: BookId, event: &'a PaymentEvent, amount: i64) -> Result<Vec<Applied>, StoreError> {
        if amount == 0 {
            return Ok(Vec::new());
        }
        let unreadable = || StoreError::Unreadable(format!("the reserve behind `{}`", event.reference));
        let currency = event.money.currency();
        if amount > 0 {
            let tranches = self.loaded.tranches.entry((book, currency)).or_default();
            let applied = tranches.take(amount).ok_or_else(unreadable)?;
            self.effects.reserve(book, currency, &applied, false)?;
            return Ok(applied);
        }
        let refund = original_of(&self.loaded, book, event).ok_or_else(unreadable)?;
        let applied = refund.applied.clone();
        let tranches = self.loaded.tranches.entry((book, currency)).or_default();
        tranches.put_back(&applied).ok_or_else(unreadable)?;
        self.effects.reserve(book, currency, &applied, true)?;
        Ok(Vec::new())
    }

    /// Takes an open item away, of this batch or of an earlier one.
    fn withdraw(&mut self, book: BookId, number: EntryNumber) {
        if self.items.remove(&(book, number)).is_none() {
            self.effects.withdrawn.push((book, number));
        }
    }

    fn aggregate(&mut self, book: BookId, number: EntryNumber, event: &PaymentEvent, mut aggregate: Aggregate) {
        if event.kind == EntryKind::Aggregate {
            aggregate.closed = Some(number);
        }
        self.effects.aggregates.insert((book, aggregate.name.clone()));
        let name = Cow::Owned(aggregate.name.clone());
        self.loaded.aggregates.insert((book, name), aggregate);
    }

    /// The event that the entry at a place was recorded from; none where it is no event's.
    async fn stated<'e>(
        &self,
        tx: &mut Tx,
        at: At,
        events: &'e [Numbered],
        event: &PaymentEvent,
    ) -> Result<Option<Cow<'e, PaymentEvent>>, StoreError> {
        Ok(match at {
            At::Stored(number) => {
                let owner = self.owners.get(event.merchant.as_str()).copied();
                let stored = stated(tx, owner.unwrap_or(BookId::HOUSE), number, &event.merchant).await?;
                stored.map(Cow::Owned)
            }
            At::InBatch(_, place) => events.get(place).map(|(_, first)| Cow::Borrowed(first)),
        })
    }

    /// The key by which a reversal that names no cycle is of the second round: where the first is given back already, by an event
    /// that is not this one, and the acquirer has taken the money again.
    fn next_round(&self, event: &PaymentEvent, first: Option<&PaymentEvent>, known: &str) -> Option<String> {
        let book = self.owners.get(event.merchant.as_str())?;
        let is_of_first = event.reversal_key(1).as_deref() == Some(known);
        let told_twice = first.is_some_and(|first| first.difference(event).is_none());
        let taken_again = event.chargeback_key(SECOND)?;
        let asks = event.kind == EntryKind::ChargebackReversal && event.details.cycle.is_none();
        let has_second = self.loaded.natural_keys.contains_key(&(*book, taken_again));
        (asks && is_of_first && !told_twice && has_second)
            .then(|| event.reversal_key(SECOND))
            .flatten()
    }

    fn acquirer_id(&self, name: &Arc<str>) -> Result<AcquirerId, StoreError> {
        self.deployment
            .acquirer(name)
            .ok_or_else(|| StoreError::Unreadable(format!("a payment of acquirer `{name}`")))
    }

    async fn write(mut self, tx: &mut Tx) -> Result<(), StoreError> {
        self.books.write(tx).await?;
        self.write_payments(tx).await?;
        self.write_items(tx).await?;
        self.write_effects(tx).await?;
        self.velocity.write(tx, self.deployment).await
    }
}

/// What becomes of an event that is known by its natural key: what an acquirer imposes is a replay when it is told again, anything
/// else is refused with what it is.
fn told_again(at: At, key: String, stated: Option<&PaymentEvent>, event: &PaymentEvent) -> Verdict {
    let field = if event.kind == EntryKind::Capture {
        Some("sequence")
    } else if event.kind == EntryKind::RefundPaid {
        Some("original")
    } else {
        stated.map_or(Some("kind"), |stated| stated.difference_beside_time(event))
    };
    let number = at.number();
    field.map_or(Verdict::Replayed, |field| {
        Verdict::Rejected(Refusal::KnownOtherwise { field, key, number })
    })
}

/// Where the payment of an event stands, after the events so far.
fn payment_of<'p, 'a>(
    in_batch: &'p HashMap<(BookId, &'a str), Payment>,
    loaded: &'p Loaded<'a>,
    book: BookId,
    event: &'a PaymentEvent,
) -> Option<&'p Payment> {
    named_payment(in_batch, loaded, book, &event.payment)
}

fn named_payment<'p>(
    in_batch: &'p HashMap<(BookId, &str), Payment>,
    loaded: &'p Loaded<'_>,
    book: BookId,
    name: &'p str,
) -> Option<&'p Payment> {
    let known = in_batch.get(&(book, name));
    known.or_else(|| loaded.payments.get(&(book, Cow::Borrowed(name))))
}

/// The event that another one names as the one it undoes or answers.
fn original_of<'o, 'a>(loaded: &'o Loaded<'a>, book: BookId, event: &'a PaymentEvent) -> Option<&'o Original> {
    let reference = event.details.original.as_deref()?;
    let known = loaded.originals.get(&(book, Cow::Borrowed(reference)));
    known.and_then(Option::as_ref)
}

/// What an entry keeps of its event beside its columns and transfers.
fn kept(event: &PaymentEvent, decision: &Decision, applied: Vec<Applied>) -> Kept {
    let money = event.money;
    let first = decision.transfers.first();
    let said = first.is_some_and(|first| first.amount == money.minor() && first.debit.currency == money.currency());
    let once_released = decision.held.as_ref().and_then(|held| held.maturing);
    let maturing = decision.maturing.filter(|_| event.kind == EntryKind::Capture);
    let maturing = maturing.or(once_released);
    let (reserve, reserve_until) = decision.withheld.unzip();
    Kept {
        amount: (!said).then_some(money.minor()),
        currency: (!said).then(|| money.currency().code().to_owned()),
        acquirer: decision.transfers.is_empty().then(|| event.acquirer.clone()),
        available_on: maturing.map(|maturing| maturing.available_on),
        reserve,
        reserve_until,
        accrued: decision.accrued.iter().map(|(accrued, _)| accrued.clone()).collect(),
        returned_on_refund: Some(decision.returned_on_refund).filter(|policy| *policy != ReturnPolicy::Nothing),
        applied,
        details: event.details.clone(),
    }
}
