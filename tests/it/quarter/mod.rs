//! A simulated quarter: 90 days of 200 merchants, three acquirers and four currencies, with weekends, holidays, returned payouts,
//! shortages and everything else that [`Plant`] lists. The whole engine is driven through it, day by day, and after each day it is
//! held to a [`World`] that knows by its own sums what must be on every account, what is awaited of every batch, which payouts are
//! made and which differences are open. Weeks and months are closed as they end; their statements chain, and stay what they were.
//!
//! - [`terms`]: who there is and what is agreed;
//! - [`world`]: what happens, and what it comes to;
//! - [`files`]: what acquirers and banks write;
//! - [`truth`]: what is compared.
//!
//! Each day is proven, and what has to be there of others' money is counted: both sides and what is open are the world's own sums.
//!
//! Not in it: conversions, adjustments, holds, advances, carriers, VAT, velocity rules.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

mod files;
mod terms;
mod truth;
mod world;

use std::collections::BTreeMap;

use acquit::calendar::Calendar;
use acquit::cli::output::Format;
use acquit::cli::report::{Report, SpanArgs, print};
use acquit::store::bank;
use acquit::store::breaks::{self, Filter, Said};
use acquit::store::payout::Instruct;
use acquit::store::period;
use acquit::store::reconcile::{FileOutcome, Request, SettlementFile};
use acquit::store::record::Verdict;
use acquit::store::settings::Deployment;
use chrono::{Datelike, Days, NaiveDate, Weekday};

use self::terms::{ACQUIRERS, DESK, date, settings};
use self::world::{Identity, Plan, Plant, World};
use crate::model::SEED;
use crate::support::{self, TestStore, events};

/// The engine beside the world.
struct Quarter {
    test: TestStore,
    deployment: Deployment,
    world: World,
    directory: tempfile::TempDir,
    /// What every merchant was owed at the end of closed days.
    closings: BTreeMap<NaiveDate, BTreeMap<String, i64>>,
    /// Statements of all merchants as they were printed, by their first and last day.
    statements: BTreeMap<(NaiveDate, NaiveDate), String>,
    files: usize,
    /// What the proofs of past days must say when everything has come.
    proofs: BTreeMap<NaiveDate, Vec<Identity>>,
}

impl Quarter {
    async fn open(world: World) -> Self {
        let test = support::store().await;
        for content in [include_str!("../../../fixtures/calendars/TARGET2.csv"), DESK] {
            let calendar = Calendar::parse(content.as_bytes()).expect("a calendar");
            test.store.import_calendar(&calendar, content).await.expect("an import");
        }
        let deployment = events::apply(&test.store, &settings(date("2026-01-01"), &world.merchants)).await;
        Self {
            test,
            deployment,
            world,
            directory: support::directory(),
            closings: BTreeMap::new(),
            statements: BTreeMap::new(),
            files: 0,
            proofs: BTreeMap::new(),
        }
    }

    async fn live(&mut self) {
        let days = self.world.plan.first.iter_days();
        let count = usize::try_from(self.world.plan.days).expect("a count");
        for day in days.take(count) {
            self.world.today = day;
            // Before anything is booked on the day: settings do not change what governs an entry.
            self.correct().await;
            self.close().await;
            self.resolve().await;
            self.record().await;
            self.reconcile().await;
            let released = self.test.store.release(&self.deployment, day, &|_| {}).await;
            released.expect("a release");
            self.world.releases();
            self.load_statements().await;
            self.pay().await;
            self.holds().await;
            self.proof().await;
            if day.weekday() == Weekday::Sun {
                self.is_proven().await;
                self.payouts_stand(None).await;
            }
        }
        self.is_proven().await;
        self.payouts_stand(None).await;
        // Nine days, or all where there are no more.
        let days: Vec<NaiveDate> = self.proofs.keys().copied().collect();
        let past: Vec<NaiveDate> = days.iter().copied().step_by(days.len().div_ceil(9)).collect();
        self.stays_proven(&past).await;
        for ((from, to), printed) in &self.statements {
            let again = self.statement((*from, *to)).await;
            assert!(again == *printed, "the statement from {from} to {to} is another by now");
        }
    }

    /// Closes the week and the month that ended yesterday, and keeps their statements.
    async fn close(&mut self) {
        let today = self.world.today;
        let last = today - Days::new(1);
        let ends_month = last.month() != today.month();
        let first = self.world.plan.first;
        if today == first || !(last.weekday() == Weekday::Sun || ends_month) {
            return;
        }
        let request = period::Request {
            through: last,
            by: "clara",
            note: "complete",
        };
        self.test.store.close_period(&request).await.expect("a closed period");
        self.world.closed = Some(last);
        self.closings.insert(last, self.world.owed());
        let week = last - Days::new(u64::from(last.weekday().num_days_from_monday()));
        let month = last.with_day(1).expect("a first");
        let mut spans = Vec::new();
        if last.weekday() == Weekday::Sun {
            spans.push(week);
        }
        if ends_month {
            spans.push(month);
        }
        for from in spans {
            let span = (from.max(first), last);
            let printed = self.statement(span).await;
            self.chains(span, &printed);
            self.statements.insert(span, printed);
        }
    }

    async fn statement(&self, (from, to): (NaiveDate, NaiveDate)) -> String {
        let report = Report::Statement {
            span: SpanArgs {
                merchant: None,
                from: Some(from),
                to: Some(to),
                period: None,
            },
            items: false,
            page: None,
        };
        let mut out = Vec::new();
        let printed = print(&self.test.store, &report, Format::Csv, &mut out).await;
        printed.map_err(|failure| failure.to_string()).expect("a report");
        String::from_utf8(out).expect("UTF-8")
    }

    /// New settings, where a merchant's bank account is corrected.
    async fn correct(&mut self) {
        if self.world.corrects() {
            let today = self.world.today;
            events::apply(&self.test.store, &settings(today, &self.world.merchants)).await;
            events::applied_at(&self.test.admin, &today.to_string(), &format!("{today}T00:00:00+00")).await;
            self.deployment = self.test.store.deployment().await.expect("a deployment");
        }
    }

    /// People resolve breaks; above a small amount somebody else approves.
    async fn resolve(&mut self) {
        let today = self.world.today;
        let known = self.breaks().await;
        for task in self.world.resolves() {
            let number = |wanted: &world::Break| {
                let found = known.iter().find(|(told, _)| *told == wanted.told());
                found.unwrap_or_else(|| panic!("{today}: no break {}", wanted.told())).1
            };
            let ids: Vec<i64> = task.breaks.iter().map(number).collect();
            let said = |by| Said {
                by,
                note: Some("worked on"),
                evidence: None,
            };
            let request = breaks::Request {
                breaks: Filter::of(&ids),
                reason: task.reason,
                items: &[],
                merchant: None,
                recovers: None,
                quiet_until: None,
                said: said("dora"),
                day: today,
                plan: None,
            };
            let store = &self.test.store;
            let resolved = store.resolve_breaks(&self.deployment, &request).await;
            let resolved = resolved.unwrap_or_else(|error| panic!("{today}: {ids:?}: {error:?}"));
            if !resolved.booked {
                let approved = store
                    .approve_breaks(&self.deployment, &resolved.plan, said("emil"), today)
                    .await;
                assert!(approved.expect("an approval").booked, "{today}: {ids:?}");
            }
        }
    }

    async fn record(&mut self) {
        let events = self.world.sell();
        let source = events::source(&self.test.store, &format!("events {}", self.world.today)).await;
        let verdicts = events::record(&self.test.store, &self.deployment, source, &events).await;
        for (event, verdict) in events.iter().zip(verdicts.expect("a batch")) {
            assert_eq!(verdict, Verdict::Recorded, "{event:?}");
        }
    }

    fn write(&mut self, name: &str, text: &str) -> std::path::PathBuf {
        self.files += 1;
        let path = self.directory.path().join(format!("{name}-{}.txt", self.files));
        std::fs::write(&path, text).expect("a file");
        path
    }

    async fn reconcile(&mut self) {
        for file in self.world.files() {
            let acquirer = ACQUIRERS[file.acquirer].name;
            let path = self.write(acquirer, &files::settlement(&file));
            let profiles = &self.deployment.latest().expect("settings").profiles;
            let opened = SettlementFile::open(&path).expect("a file").with_profiles(profiles);
            let request = Request {
                file: &opened,
                acquirer,
                as_of: Some(file.day),
                today: chrono::NaiveDate::MAX,
            };
            let done = self.test.store.reconcile(&self.deployment, &request, &|_| {}).await;
            let done = done.unwrap_or_else(|error| panic!("{acquirer} on {}: {error:?}", file.day));
            assert_eq!(done.outcome, FileOutcome::Booked, "{acquirer} on {}", file.day);
        }
    }

    async fn load_statements(&mut self) {
        for statement in self.world.statements() {
            let text = files::statement(&self.world, &statement);
            let path = self.write(statement.code, &text);
            let opened = bank::StatementFile::open(&path).expect("a file");
            let request = bank::Request {
                file: &opened,
                account: None,
                today: statement.day,
            };
            let loaded = self.test.store.load_statements(&self.deployment, &request).await;
            let loaded = loaded.unwrap_or_else(|error| panic!("{} in {}: {error:?}", statement.day, statement.code));
            assert_eq!(loaded.outcome, bank::Outcome::Booked, "{text}\n{loaded:#?}");
            self.world.hears(&statement);
        }
    }

    /// Plans, approves and instructs what is due; the world learns by which ids the bank will know it.
    async fn pay(&mut self) {
        let (today, asking) = (self.world.today, self.world.asking());
        let (store, deployment) = (&self.test.store, &self.deployment);
        store.plan_payouts(deployment, today, "ann").await.expect("a plan");
        let demanded = store.demand_payouts(deployment, today, "ann", &asking).await;
        let planned = demanded.expect("a plan").payouts;
        if !planned.is_empty() {
            let approved = store.approve_payouts(deployment, today, None, "bob").await;
            // One more approves what goes to an account that changed not long ago.
            if approved.expect("an approval").is_some_and(|run| !run.is_approved()) {
                let approved = store.approve_payouts(deployment, today, None, "cleo").await;
                assert!(
                    approved.expect("an approval").is_some_and(|run| run.is_approved()),
                    "{today}"
                );
            }
            let directory = self.directory.path();
            let done = store
                .instruct_payouts(deployment, Instruct::all(today, today), directory)
                .await;
            assert_eq!(done.expect("instructions").cancelled, [], "{today}");
        }
        let paid = self.world.pay();
        self.payouts_stand(Some(today)).await;
        let known = self.test.store.payouts(Some(today), None).await.expect("payouts");
        for place in paid {
            let payout = &mut self.world.payouts[place];
            let name = &self.world.merchants[payout.merchant].name;
            let is_it = |found: &&acquit::store::payout::Payout| {
                found.merchant == *name && found.money.currency().code() == payout.code
            };
            let found = known.iter().find(is_it).expect("a payout");
            payout.id.clone_from(&found.end_to_end_id);
        }
    }
}

/// The seed that is asked for, or this one.
fn seed(usual: u64) -> u64 {
    let seed = std::env::var(SEED).map_or(usual, |seed| seed.parse().expect("a seed"));
    println!("{SEED}={seed}");
    seed
}

/// Nine days with a weekend, a holiday of the euro and one of the others, and the end of a month.
#[tokio::test]
async fn a_small_quarter() {
    let planted = [
        ("2026-04-29", Plant::LateLine),
        ("2026-04-29", Plant::ForgottenLine),
        ("2026-04-29", Plant::UnknownLine),
        ("2026-04-29", Plant::ShortByCents),
        ("2026-04-29", Plant::LateReceipt),
        ("2026-04-29", Plant::CorrectedReturn),
        ("2026-04-30", Plant::WrongCost),
        ("2026-04-30", Plant::LateFile),
        ("2026-04-30", Plant::ShortByMuch),
        ("2026-04-30", Plant::UnknownReceipt),
        ("2026-04-30", Plant::ReturnToOtherAccount),
        ("2026-05-04", Plant::LateReceipt),
        ("2026-05-04", Plant::LateStatement),
    ];
    let plan = Plan {
        first: date("2026-04-28"),
        days: 9,
        merchants: 12,
        sales: 2,
        planted: planted.into_iter().map(|(day, plant)| (date(day), plant)).collect(),
    };
    let mut quarter = Quarter::open(World::new(seed(1), plan)).await;
    quarter.live().await;
    assert_eq!(quarter.world.done.len(), Plant::ALL.len(), "{:?}", quarter.world.done);
}

#[tokio::test]
#[ignore = "takes minutes: 90 days of 200 merchants"]
async fn a_quarter() {
    let first = date("2026-03-01");
    let at = |place: usize, turn: u64| first + Days::new(u64::try_from(place).expect("a place") + 2 + 13 * turn);
    let planted = Plant::ALL.iter().enumerate();
    let planted = planted.flat_map(|(place, plant)| (0..6).map(move |turn| (at(place, turn), *plant)));
    let plan = Plan {
        first,
        days: 90,
        merchants: 200,
        sales: 4,
        planted: planted.collect(),
    };
    let mut quarter = Quarter::open(World::new(seed(1), plan)).await;
    quarter.live().await;
    let done = &quarter.world.done;
    assert!(
        done.len() == Plant::ALL.len() && done.values().all(|times| *times >= 5),
        "{done:?}"
    );
}
