//! What a cut-off of many merchants costs, from the plan to the bank file.
//!
//! Every merchant has one balance, which one entry made. The yardstick is one scan of the balances, which a plan cannot do
//! without. Memory is the peak of this process; that of a bank file alone is the peak of a process that writes it again and
//! does nothing else, one for few payouts and one for all: it should not know how many payouts the file has.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use acquit::embedded::Cluster;
use acquit::ids::BookId;
use acquit::ledger::account::{Account, AccountCode};
use acquit::ledger::entry::{Entry, EntryKind, Transfer};
use acquit::money::Currency;
use acquit::payout::file::BankFormat;
use acquit::store::books::LockedBooks;
use acquit::store::payout::Instruct;
use acquit::store::source::{SourceKind, source_of};
use acquit::store::{Store, StoreError, Target, Tx};
use chrono::NaiveDate;

use super::{Books, Result, drop_database, forget_peak, open, peak};

/// How many merchants are paid.
const MERCHANTS: usize = 100_000;
/// How many of them are paid the day before: the bank file to compare memory with.
const FEW: usize = 10_000;
/// Where a process finds what it is to write, instead of measuring anything else.
const URL: &str = "ACQUIT_BENCH_URL";
const CUTOFF: &str = "ACQUIT_BENCH_CUTOFF";
const DIRECTORY: &str = "ACQUIT_BENCH_DIRECTORY";

/// Measures, and prints seconds, ratios and memory.
pub async fn payouts(cluster: &Cluster, directory: &Path) -> Result<()> {
    let files = directory.join("payouts");
    std::fs::create_dir_all(&files)?;
    std::fs::write(files.join("settings.toml"), settings())?;
    let books = open(cluster, &files, "payouts").await?;
    let day = |day| NaiveDate::from_ymd_opt(2026, 3, day).ok_or("a day");
    let (before, cutoff) = (day(3)?, day(4)?);
    let (store, deployment) = (&books.store, &books.deployment);
    fund(&books, before, FEW).await?;
    let few = store.plan_payouts(deployment, before, "ann").await?.payouts;
    store.approve_payouts(deployment, before, None, "bob").await?;
    store.instruct_payouts(deployment, what(before), &files).await?;
    // Who has a payout on its way is not planned again.
    let ids: Vec<String> = few.into_iter().map(|payout| payout.end_to_end_id).collect();
    store.confirm_payouts(deployment, &ids, before).await?;
    fund(&books, cutoff, MERCHANTS).await?;
    books.raw.batch_execute("vacuum analyze").await?;
    books.raw.batch_execute("checkpoint").await?;
    let (scan, _) = took(async || {
        let sum = "select account.currency, sum(credits - debits) from balance join account on account.id = account_id group by 1";
        Ok(books.raw.query(sum, &[]).await?)
    })
    .await?;
    forget_peak();
    let (plan, planned) = took(async || Ok(store.plan_payouts(deployment, cutoff, "ann").await?)).await?;
    if planned.payouts.len() != MERCHANTS {
        return Err(format!(
            "{} payouts are planned, {:?}",
            planned.payouts.len(),
            planned.carried.first()
        )
        .into());
    }
    drop(planned);
    print("plan", plan, scan, peak());
    let (approve, _) = took(async || Ok(store.approve_payouts(deployment, cutoff, None, "bob").await?)).await?;
    print("approve", approve, scan, None);
    forget_peak();
    let (instruct, _) = took(async || Ok(store.instruct_payouts(deployment, what(cutoff), &files).await?)).await?;
    print("instruct", instruct, scan, peak());
    books
        .raw
        .batch_execute("update payout_file set written = false")
        .await?;
    for (cutoff, payouts) in [(before, FEW), (cutoff, MERCHANTS)] {
        let told = std::process::Command::new(std::env::current_exe()?)
            .env(URL, cluster.url_of("payouts").as_str())
            .env(CUTOFF, cutoff.to_string())
            .env(DIRECTORY, &files)
            .output()?;
        if !told.status.success() {
            return Err(String::from_utf8_lossy(&told.stderr).into_owned().into());
        }
        print!(
            "payouts file          {payouts:>6} payouts {}",
            String::from_utf8_lossy(&told.stdout)
        );
    }
    drop(books);
    drop_database(cluster, "payouts").await
}

fn what(cutoff: NaiveDate) -> Instruct {
    Instruct {
        format: BankFormat::Pain001(Default::default()),
        ..Instruct::all(cutoff, cutoff)
    }
}

/// Writes the bank file of a cut-off that is posted, in a process that was started for that; says whether it was. Two such
/// processes differ in nothing but the number of payouts: both know all merchants.
pub async fn writes_a_file() -> Result<bool> {
    let Ok(url) = std::env::var(URL) else {
        return Ok(false);
    };
    let cutoff: NaiveDate = std::env::var(CUTOFF)?.parse()?;
    let store = Store::open(&Target::url(url.as_str())).await?;
    let deployment = store.deployment().await?;
    forget_peak();
    let before = peak();
    let directory = std::env::var(DIRECTORY)?;
    let work = async || {
        Ok(store
            .instruct_payouts(&deployment, what(cutoff), Path::new(&directory))
            .await?)
    };
    let (took, done) = took(work).await?;
    let size = std::fs::metadata(done.files.first().ok_or("no file")?)?.len();
    let megabytes = |kilobytes: Option<u64>| {
        kilobytes.map_or_else(
            || "not known here".to_owned(),
            |kilobytes| format!("{:.1} MB", kilobytes as f64 / 1024.0),
        )
    };
    println!(
        "{:>6.3} s {size:>9} bytes   peak {}, before it {}",
        took.as_secs_f64(),
        megabytes(peak()),
        megabytes(before)
    );
    Ok(true)
}

/// How long work took, and what came of it.
async fn took<T>(work: impl AsyncFnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let start = Instant::now();
    let done = work().await?;
    Ok((start.elapsed(), done))
}

fn print(what: &str, ours: Duration, scan: Duration, peak: Option<u64>) {
    let peak = peak.map(|kilobytes| format!("   peak {} MB", kilobytes / 1024));
    println!(
        "payouts {what:<12}  {MERCHANTS} merchants {:>6.3} s, one scan of the balances {:>6.3} s   ratio {:.1}{}",
        ours.as_secs_f64(),
        scan.as_secs_f64(),
        ours.as_secs_f64() / scan.as_secs_f64(),
        peak.unwrap_or_default(),
    );
}

/// Merchants that may be paid, each at the same bank account.
fn settings() -> String {
    let mut text = String::from(
        r#"effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "UTC"
bank_account = "main"
[[house.account]]
number = "DE89370400440532013000"
currency = "EUR"
[[acquirer]]
name = "north"
contract = "gross"
settles_within_days = 2
[[fee_schedule]]
name = "standard"
percentage = "1"
fixed = { EUR = "0" }
rounding = "half_even"
"#,
    );
    for number in 0..MERCHANTS {
        // Writing into a text cannot fail.
        let _ = write!(
            text,
            r#"[[merchant]]
name = "m-{number:06}"
state = "active"
fee_schedule = "standard"
destination = {{ holder = "Merchant {number}", account = "GB29NWBK60161331926819", bank = "", verified_on = "2026-01-01" }}
"#
        );
    }
    text
}

/// Makes something available to so many merchants.
async fn fund(books: &Books, on: NaiveDate, merchants: usize) -> Result<()> {
    let account = |code, dimension: &str| -> Result<Account> {
        Ok(Account {
            code,
            currency: Currency::parse("EUR")?,
            dimension: dimension.into(),
        })
    };
    let receivable = account(AccountCode::AcquirerReceivable, "north")?;
    let available = account(AccountCode::MerchantAvailable, "")?;
    let ids = books
        .raw
        .query("select id from book where merchant is not null order by id", &[])
        .await?;
    let ids: Vec<BookId> = ids.iter().take(merchants).map(|row| BookId(row.get(0))).collect();
    let work = async |tx: &mut Tx| {
        let source = source_of(tx, SourceKind::Settlement, "settlement.csv", &[7; 32]).await?;
        let mut locked = LockedBooks::lock(tx, &ids).await?;
        for (book, amount) in ids.iter().zip(1_000..) {
            let mut entry = Entry::of_day(EntryKind::Settlement, format!("s {on}"), [0; 32], on, source.id);
            entry.transfers = vec![Transfer {
                debit: receivable.clone(),
                credit: available.clone(),
                amount,
            }];
            locked.append(*book, entry)?;
        }
        locked.write(tx).await
    };
    books
        .store
        .transact(work)
        .await
        .map_err(|error: StoreError| error.into())
}
