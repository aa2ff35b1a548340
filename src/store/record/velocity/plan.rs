//! What of a batch rules and limits look at, and what the database knows of that.
//!
//! Rules of one window that count for one payer, or one book, are served by one stretch of time: all that any of the batch's events
//! can count. The part of it that all of them count comes summed up, so a month of a large merchant is few rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{AcrossBooks, Refused};
use crate::dates::day_in;
use crate::ids::BookId;
use crate::ledger::entry::{EntryKind, Fingerprint};
use crate::money::Money;
use crate::payment::event::PaymentEvent;
use crate::payment::lifecycle::{Instrument, Payment};
use crate::payment::limits::{LimitKey, month_at};
use crate::payment::velocity::{Attempt, Counters, Span};
use crate::settings::{Action, Per, Settings, VelocityRule, VelocityWindow};
use crate::store::record::Numbered;
use crate::store::record::known::{ByReference, Loaded, columns};
use crate::store::settings::Deployment;
use crate::store::{StoreError, Tx, currency};

/// The authorization that rules look at: how it is paid is what the payment says, which may be what an attempt of unknown outcome
/// stated.
pub(super) fn attempt_of<'i>(book: BookId, event: &PaymentEvent, paid_by: &'i Instrument) -> Option<Attempt<'i>> {
    (event.kind == EntryKind::Authorization).then_some(Attempt {
        book,
        payer: paid_by.payer.as_deref(),
        method: paid_by.method.as_deref(),
        category: paid_by.category.as_deref(),
        at: event.occurred_at,
        money: event.money,
    })
}

/// Whether a rule may look at an event: what an authorization does not state, an attempt of unknown outcome may have stated.
pub(super) fn may_look_at(rule: &VelocityRule, event: &PaymentEvent) -> bool {
    let details = &event.details;
    event.kind == EntryKind::Authorization
        && rule.looks_at(&Attempt {
            book: BookId::HOUSE,
            payer: Some(details.payer.as_deref().unwrap_or_default()),
            method: details.method.as_deref().or(rule.method.as_deref()),
            category: details.category.as_deref().or(rule.category.as_deref()),
            at: event.occurred_at,
            money: event.money,
        })
}

/// Whose authorizations are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject<'a> {
    Payer(&'a str),
    Book(BookId),
}

/// The windows of the events that count for one subject: the earliest beginning and end, and the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    first: Span,
    last: Span,
}

impl Stretch {
    fn with(self, span: Span) -> Self {
        let Self { first, last } = self;
        Self {
            first: Span {
                after: first.after.min(span.after),
                until: first.until.min(span.until),
            },
            last: Span {
                after: last.after.max(span.after),
                until: last.until.max(span.until),
            },
        }
    }
}

/// What a batch's events depend on.
pub(super) struct Plan<'a, 'l> {
    pub(super) versions: BTreeMap<NaiveDate, &'a Settings>,
    pub(super) limits: BTreeSet<LimitKey>,
    stretches: BTreeMap<(VelocityWindow, Subject<'l>), Stretch>,
    promised: BTreeSet<(BookId, &'a str)>,
    captured: BTreeSet<(BookId, &'a str)>,
    /// Who attempts of unknown outcome say will pay, by payment.
    unknown: HashMap<(BookId, &'l str), BTreeSet<&'l str>>,
}

impl<'a: 'l, 'l> Plan<'a, 'l> {
    /// None where the deployment has no rule and no limit.
    pub(super) fn of(
        deployment: &'a Deployment,
        owners: &HashMap<String, BookId>,
        loaded: &'l Loaded<'_>,
        events: &'a [Numbered],
    ) -> Option<Self> {
        let rules = || deployment.versions().flat_map(|settings| &settings.velocity_rules);
        if rules().next().is_none() && AcrossBooks::of(deployment).is_empty() {
            return None;
        }
        let holds = rules().any(|rule| rule.action == Action::Hold);
        let mut plan = Self {
            versions: BTreeMap::new(),
            limits: BTreeSet::new(),
            stretches: BTreeMap::new(),
            promised: BTreeSet::new(),
            captured: BTreeSet::new(),
            unknown: HashMap::new(),
        };
        for (_, event) in events {
            let Some(book) = owners.get(event.merchant.as_str()).copied() else {
                continue;
            };
            let reference = (book, Cow::Borrowed(event.reference.as_str()));
            let day = day_in(event.occurred_at, deployment.time_zone());
            let Some(settings) = deployment
                .in_force(day)
                .filter(|_| !loaded.references.contains_key(&reference))
            else {
                continue;
            };
            let payment = loaded.payments.get(&(book, Cow::Borrowed(event.payment.as_str())));
            let payers = plan.payers_of(book, event, payment);
            plan.rules(book, event, settings, &payers);
            plan.limit(book, event, settings, payment, &payers);
            if holds && event.kind == EntryKind::Capture {
                plan.captured.insert((book, &event.payment));
            }
        }
        Some(plan)
    }

    /// Who may pay an authorization: who it says, else whoever attempts of unknown outcome said.
    fn payers_of(&mut self, book: BookId, event: &'a PaymentEvent, payment: Option<&'l Payment>) -> Vec<&'l str> {
        let stated = event.details.payer.as_deref();
        let attempts = self.unknown.entry((book, &event.payment));
        let attempts = attempts.or_insert_with(|| {
            let attempt = payment.filter(|payment| payment.requested.is_some());
            attempt
                .and_then(|attempt| attempt.instrument.payer.as_deref())
                .into_iter()
                .collect()
        });
        if event.kind == EntryKind::Unknown {
            attempts.extend(stated);
        }
        match stated {
            Some(payer) => vec![payer],
            None => attempts.iter().copied().collect(),
        }
    }

    fn rules(&mut self, book: BookId, event: &'a PaymentEvent, settings: &'a Settings, payers: &[&'l str]) {
        for rule in settings.velocity_rules.iter().filter(|rule| may_look_at(rule, event)) {
            let subjects: Vec<Subject<'l>> = match rule.is_by_payer() {
                true => payers.iter().map(|payer| Subject::Payer(payer)).collect(),
                false => vec![Subject::Book(book)],
            };
            let span = rule.window.ending(event.occurred_at, settings.house.time_zone);
            for subject in subjects {
                self.stretches
                    .entry((rule.window, subject))
                    .and_modify(|stretch| *stretch = stretch.with(span))
                    .or_insert(Stretch {
                        first: span,
                        last: span,
                    });
                self.versions.insert(settings.effective_from, settings);
                self.promised.insert((book, &event.reference));
            }
        }
    }

    /// The limit that an authorization would use, and that of the payment as it is known.
    fn limit(
        &mut self,
        book: BookId,
        event: &'a PaymentEvent,
        settings: &Settings,
        payment: Option<&Payment>,
        payers: &[&str],
    ) {
        if let Some(key) = payment.and_then(LimitKey::of) {
            self.limits.insert(key);
            if event.kind == EntryKind::AuthorizationIncrement {
                self.promised.insert((book, &event.reference));
            }
        }
        let acquirer = settings.acquirers.get(&event.acquirer);
        let limited = acquirer.and_then(|acquirer| Some((acquirer, acquirer.monthly_limit.as_ref()?)));
        let Some((acquirer, limit)) = limited.filter(|_| event.kind == EntryKind::Authorization) else {
            return;
        };
        for payer in payers {
            self.promised.insert((book, &event.reference));
            self.limits.insert(LimitKey {
                acquirer: acquirer.name.clone(),
                payer: (*payer).into(),
                month: month_at(event.occurred_at, limit.time_zone),
                currency: event.money.currency(),
            });
        }
    }

    /// Everybody whose counts or limits are looked at.
    pub(super) fn payers(&self) -> Vec<&str> {
        let counted = self.stretches.keys().filter_map(|(_, subject)| match subject {
            Subject::Payer(payer) => Some(*payer),
            Subject::Book(_) => None,
        });
        let limited = self.limits.iter().map(|key| &*key.payer);
        let all: BTreeSet<&str> = counted.chain(limited).collect();
        all.into_iter().collect()
    }

    /// What was counted before, for every rule of the governing versions.
    pub(super) async fn counters(&self, tx: &mut Tx) -> Result<Counters, StoreError> {
        let mut counters = Counters::default();
        let (mut payers, mut books) = (Wanted::default(), Wanted::default());
        for ((window, subject), stretch) in &self.stretches {
            match subject {
                Subject::Payer(payer) => payers.add(*payer, *window, stretch, self.told_apart(*window, true)),
                Subject::Book(book) => books.add(book.0, *window, stretch, self.told_apart(*window, false)),
            }
        }
        if !payers.subjects.is_empty() {
            let sql = include_str!("../../../../schema/queries/velocity_activity_of_payers.sql");
            let rows = payers.query(tx, sql).await?;
            for row in &rows {
                let (payer, window) = payers.of(row)?;
                self.count(&mut counters, row, window, Some(payer))?;
            }
        }
        if !books.subjects.is_empty() {
            let sql = include_str!("../../../../schema/queries/velocity_activity_of_books.sql");
            let rows = books.query(tx, sql).await?;
            for row in &rows {
                let (_, window) = books.of(row)?;
                self.count(&mut counters, row, window, None)?;
            }
        }
        Ok(counters)
    }

    /// Whether methods, and whether categories, mean anything to the rules of a window that count by payer, or do not.
    fn told_apart(&self, window: VelocityWindow, by_payer: bool) -> (bool, bool) {
        let rules = || {
            let all = self.versions.values().flat_map(|settings| &settings.velocity_rules);
            all.filter(move |rule| rule.window == window && rule.is_by_payer() == by_payer)
        };
        (
            rules().any(|rule| rule.method.is_some() || rule.per.contains(&Per::Method)),
            rules().any(|rule| rule.category.is_some() || rule.per.contains(&Per::Category)),
        )
    }

    /// Adds a row to the rules of its window that count for its subject.
    fn count(
        &self,
        counters: &mut Counters,
        row: &Row,
        window: VelocityWindow,
        payer: Option<&str>,
    ) -> Result<(), StoreError> {
        let attempt = Attempt {
            book: BookId(row.try_get("book_id")?),
            payer,
            method: row.try_get("method")?,
            category: row.try_get("category")?,
            at: row.try_get("at")?,
            money: Money::from_minor(row.try_get("amount")?, currency(row.try_get("currency")?)?),
        };
        let count = row.try_get("authorizations")?;
        let serves = |rule: &&VelocityRule| {
            rule.window == window && rule.is_by_payer() == payer.is_some() && rule.looks_at(&attempt)
        };
        for (version, settings) in &self.versions {
            for rule in settings.velocity_rules.iter().filter(serves) {
                counters.add(*version, rule, &attempt, count);
            }
        }
        Ok(())
    }

    /// What events of the same references were refused for.
    pub(super) async fn refused(
        &self,
        tx: &mut Tx,
    ) -> Result<ByReference<'a, Vec<(Fingerprint, Refused)>>, StoreError> {
        let mut refused: ByReference<'a, Vec<(Fingerprint, Refused)>> = HashMap::new();
        if self.promised.is_empty() {
            return Ok(refused);
        }
        let promised: Vec<(BookId, &str)> = self.promised.iter().copied().collect();
        let (books, references) = columns(&promised);
        let rows = tx
            .query(
                include_str!("../../../../schema/queries/velocity_refused.sql"),
                &[&books, &references],
            )
            .await?;
        for row in &rows {
            let unreadable = || StoreError::Unreadable("a velocity decision".to_owned());
            let fingerprint: &[u8] = row.try_get("fingerprint")?;
            let fingerprint = Fingerprint::try_from(fingerprint).map_err(|_| unreadable())?;
            let why = match row.try_get::<_, Option<String>>("rule")? {
                Some(rule) => Refused::Rule {
                    rule,
                    reason: row.try_get("reason")?,
                },
                None => Refused::Limit {
                    used: row.try_get("sum")?,
                    limit: row.try_get::<_, Option<i64>>("max_sum")?.ok_or_else(unreadable)?,
                },
            };
            let reference: String = row.try_get("reference")?;
            let key = (BookId(row.try_get("book_id")?), Cow::Owned(reference));
            refused.entry(key).or_default().push((fingerprint, why));
        }
        Ok(refused)
    }

    /// Which captured payments a rule holds.
    pub(super) async fn held(&self, tx: &mut Tx) -> Result<ByReference<'a, String>, StoreError> {
        if self.captured.is_empty() {
            return Ok(HashMap::new());
        }
        let captured: Vec<(BookId, &str)> = self.captured.iter().copied().collect();
        let (books, payments) = columns(&captured);
        let rows = tx
            .query(
                include_str!("../../../../schema/queries/velocity_held.sql"),
                &[&books, &payments],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let payment: String = row.try_get("payment")?;
                let key = (BookId(row.try_get("book_id")?), Cow::Owned(payment));
                Ok((key, row.try_get("rule")?))
            })
            .collect()
    }
}

/// Stretches of time as columns.
struct Wanted<T> {
    subjects: Vec<T>,
    windows: Vec<VelocityWindow>,
    after: Vec<DateTime<Utc>>,
    shared_after: Vec<DateTime<Utc>>,
    shared_until: Vec<DateTime<Utc>>,
    until: Vec<DateTime<Utc>>,
    by_method: Vec<bool>,
    by_category: Vec<bool>,
}

impl<T> Default for Wanted<T> {
    fn default() -> Self {
        Self {
            subjects: Vec::new(),
            windows: Vec::new(),
            after: Vec::new(),
            shared_after: Vec::new(),
            shared_until: Vec::new(),
            until: Vec::new(),
            by_method: Vec::new(),
            by_category: Vec::new(),
        }
    }
}

impl<T: Copy> Wanted<T> {
    async fn query(&self, tx: &mut Tx, sql: &'static str) -> Result<Vec<Row>, StoreError>
    where
        Vec<T>: ToSql + Sync,
    {
        let columns: [&(dyn ToSql + Sync); 7] = [
            &self.subjects,
            &self.after,
            &self.shared_after,
            &self.shared_until,
            &self.until,
            &self.by_method,
            &self.by_category,
        ];
        tx.query(sql, &columns).await
    }

    fn add(&mut self, subject: T, window: VelocityWindow, stretch: &Stretch, told_apart: (bool, bool)) {
        self.subjects.push(subject);
        self.windows.push(window);
        self.after.push(stretch.first.after);
        self.shared_after.push(stretch.last.after);
        self.shared_until.push(stretch.first.until);
        self.until.push(stretch.last.until);
        self.by_method.push(told_apart.0);
        self.by_category.push(told_apart.1);
    }

    /// The subject and window that a row is of; places count from 1.
    fn of(&self, row: &Row) -> Result<(T, VelocityWindow), StoreError> {
        let place: i64 = row.try_get("place")?;
        let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
        place
            .and_then(|place| Some((*self.subjects.get(place)?, *self.windows.get(place)?)))
            .ok_or_else(|| StoreError::Unreadable("the activity of nobody".to_owned()))
    }
}
