//! What the same day costs with ten times as much history before it.
//!
//! Two databases have the same merchants. One has a few days of history, the other ten times as many; then the same days are
//! recorded, reconciled and paid in both, one after the other, and the medians are compared. History is made as
//! days are: by recording, reconciling and paying them.

use std::path::Path;
use std::time::{Duration, Instant};

use acquit::embedded::Cluster;
use acquit::simulate::{BreakKind, FileFormat, Plan, Profile};
use acquit::store::payout::Instruct;
use acquit::store::reconcile::{FileOutcome, Request, SettlementFile};
use acquit::store::record::EventFile;
use chrono::{Days, NaiveDate};

use super::{Books, Result, drop_database, open};

/// How many payments a day has.
pub const PAYMENTS: u64 = 10_000;
/// How many days are measured.
const MEASURED: u64 = 9;
/// The days before them. In the middle of those that are measured there are four more: 5 and 50.
const HISTORY: [u64; 2] = [1, 46];
/// The first day of the longer history; what is in force on it is on all of its days.
pub const FIRST: (i32, u32, u32) = (2026, 5, 4);

/// How long the work of one day took.
pub struct Took {
    record: Duration,
    reconcile: Duration,
    pay: Duration,
    payouts: usize,
}

/// A part of it.
type Part = fn(&Took) -> Duration;

/// Measures, and prints seconds and ratios.
pub async fn growth(cluster: &Cluster, directory: &Path) -> Result<()> {
    let (year, month, day) = FIRST;
    let first = NaiveDate::from_ymd_opt(year, month, day).ok_or("a day")?;
    let [few, many] = HISTORY;
    let mut all: Vec<Books> = Vec::new();
    let mut measured: [Vec<Took>; 2] = Default::default();
    for number in 0..many + MEASURED {
        let plan = Plan {
            payments: PAYMENTS,
            merchants: 100,
            seed: 1,
            breaks: BreakKind::usual(Profile::Card, FileFormat::Adyen),
            day: first.checked_add_days(Days::new(number)).ok_or("a day")?,
            profile: Profile::Card,
            file_format: FileFormat::Adyen,
        };
        let files = directory.join("growth");
        acquit::simulate::run(&plan, &files, &mut |_| {})?;
        if all.is_empty() {
            for days in HISTORY {
                all.push(open(cluster, &files, &format!("growth_{days}")).await?);
            }
        }
        for (place, books) in all.iter().enumerate() {
            if number + HISTORY[place] < many {
                continue;
            }
            // Days follow each other within seconds here: what a database does for itself between them is done for it.
            books.raw.batch_execute("vacuum analyze").await?;
            let took = one_day(books, &files, plan.day).await?;
            if number >= many {
                measured[place].push(took);
            }
        }
    }
    if measured.iter().flatten().any(|took| took.payouts == 0) {
        return Err("a day that is measured has no payouts".into());
    }
    let median = |place: usize, of: Part| {
        let mut times: Vec<f64> = measured[place].iter().map(|took| of(took).as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let work: [(&str, Part); 3] = [
        ("record", |took| took.record),
        ("reconcile", |took| took.reconcile),
        ("pay", |took| took.pay),
    ];
    let middle = MEASURED / 2;
    for (what, of) in work {
        let (after_few, after_many) = (median(0, of), median(1, of));
        println!(
            "growth {what:<12} a day of {PAYMENTS} payments after {} days {after_few:>6.3} s, after {} days {after_many:>6.3} s   ratio {:.2}",
            few + middle,
            many + middle,
            after_many / after_few,
        );
    }
    for (books, days) in all.into_iter().zip(HISTORY) {
        drop(books);
        drop_database(cluster, &format!("growth_{days}")).await?;
    }
    Ok(())
}

/// The work of one day, from its events to its payouts.
pub async fn one_day(books: &Books, files: &Path, day: NaiveDate) -> Result<Took> {
    let events = EventFile::open(&files.join("events.jsonl"))?;
    let settlement = SettlementFile::open(&files.join("settlement.csv"))?;
    let next = day.succ_opt().ok_or("a day")?;
    books.raw.batch_execute("checkpoint").await?;
    let start = Instant::now();
    books
        .store
        .record(&books.deployment, &events, &mut |_, _| Ok(()))
        .await?;
    let record = start.elapsed();
    books.raw.batch_execute("checkpoint").await?;
    let request = Request {
        file: &settlement,
        acquirer: "adyen",
        as_of: Some(next),
        today: chrono::NaiveDate::MAX,
    };
    let start = Instant::now();
    let found = books.store.reconcile(&books.deployment, &request, &|_| {}).await?;
    let reconcile = start.elapsed();
    if found.outcome != FileOutcome::Booked {
        return Err(format!("{day}: {:?}", found.outcome).into());
    }
    let start = Instant::now();
    let payouts = pay(books, files, next).await?;
    let pay = start.elapsed();
    Ok(Took {
        record,
        reconcile,
        pay,
        payouts,
    })
}

/// Pays what a cut-off has, from the plan to the bank's confirmation: merchants with a payout on its way are not planned again.
async fn pay(books: &Books, files: &Path, cutoff: NaiveDate) -> Result<usize> {
    let (store, deployment) = (&books.store, &books.deployment);
    let planned = store.plan_payouts(deployment, cutoff, "ann").await?;
    if planned.payouts.is_empty() {
        return Ok(0);
    }
    store.approve_payouts(deployment, cutoff, None, "bob").await?;
    // Both databases have payouts of this cut-off, and no file is ever written over.
    let own = tempfile::tempdir_in(files)?;
    store
        .instruct_payouts(deployment, Instruct::all(cutoff, cutoff), own.path())
        .await?;
    let ids: Vec<String> = planned.payouts.into_iter().map(|payout| payout.end_to_end_id).collect();
    store.confirm_payouts(deployment, &ids, cutoff).await?;
    Ok(ids.len())
}
