//! What the proof of a day costs, early and after ten times as many days.
//!
//! The days are made as the growth bench makes its own: recorded, reconciled and paid. No bank statement comes, so the proof
//! ends in *incomplete*; it reads and adds up the same. The yardstick is one scan of the transfers, which a proof that takes
//! no balance on trust cannot do without.

use std::path::Path;
use std::time::{Duration, Instant};

use acquit::cli::output::Format;
use acquit::cli::report::{Report, print};
use acquit::embedded::Cluster;
use acquit::simulate::{BreakKind, FileFormat, Plan, Profile};
use chrono::{Days, NaiveDate};

use super::growth::{FIRST, PAYMENTS, one_day};
use super::{Books, Result, drop_database, open};

/// After how many days the last one is proven.
const AFTER: [u64; 2] = [3, 30];
/// How often: the median counts.
const TIMES: usize = 5;

/// Measures, and prints seconds and ratios.
pub async fn proof(cluster: &Cluster, directory: &Path) -> Result<()> {
    let (year, month, day) = FIRST;
    let first = NaiveDate::from_ymd_opt(year, month, day).ok_or("a day")?;
    let files = directory.join("proof");
    let mut books: Option<Books> = None;
    let mut took = Vec::new();
    for number in 0..AFTER[1] {
        let plan = Plan {
            payments: PAYMENTS,
            merchants: 100,
            seed: 1,
            breaks: BreakKind::usual(Profile::Card, FileFormat::Adyen),
            day: first.checked_add_days(Days::new(number)).ok_or("a day")?,
            profile: Profile::Card,
            file_format: FileFormat::Adyen,
        };
        acquit::simulate::run(&plan, &files, &mut |_| {})?;
        if books.is_none() {
            books = Some(open(cluster, &files, "proof").await?);
        }
        let books = books.as_ref().ok_or("books")?;
        books.raw.batch_execute("vacuum analyze").await?;
        one_day(books, &files, plan.day).await?;
        let days = number + 1;
        if AFTER.contains(&days) {
            took.push(measured(books, plan.day, days).await?);
        }
    }
    if let [few, many] = took.as_slice() {
        let [after_few, after_many] = AFTER;
        let times = many.as_secs_f64() / few.as_secs_f64();
        println!("proof                 after {after_many} days {times:.1} times as long as after {after_few}");
    }
    drop(books);
    drop_database(cluster, "proof").await
}

async fn measured(books: &Books, date: NaiveDate, days: u64) -> Result<Duration> {
    books.raw.batch_execute("vacuum analyze").await?;
    let report = Report::Proof { date, acquirer: None };
    let (mut proofs, mut scans) = (Vec::new(), Vec::new());
    let mut transfers: i64 = 0;
    for _ in 0..TIMES {
        let start = Instant::now();
        let scan = "select count(*), sum(amount) from transfer";
        transfers = books.raw.query_one(scan, &[]).await?.get(0);
        scans.push(start.elapsed());
        let start = Instant::now();
        let printed = print(&books.store, &report, Format::Csv, &mut std::io::sink()).await;
        printed.map_err(|failure| failure.to_string())?;
        proofs.push(start.elapsed());
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[TIMES / 2]
    };
    let (proof, scan) = (median(proofs), median(scans));
    println!(
        "proof of a day        {transfers} transfers of {days} days {:>6.3} s, one scan of them {:>6.3} s   ratio {:.1}",
        proof.as_secs_f64(),
        scan.as_secs_f64(),
        proof.as_secs_f64() / scan.as_secs_f64(),
    );
    Ok(proof)
}
