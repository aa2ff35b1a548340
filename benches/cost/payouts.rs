//! What a cut-off of many merchants costs, from the plan to the bank file.
//!
//! Every merchant has one balance, which one entry made. The yardstick is one scan of the balances, which a plan cannot do
//! without. Memory is the peak of this process while the bank file alone is written again: it should not know how many payouts
//! the file has.

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
use acquit::store::{StoreError, Tx};
use chrono::NaiveDate;

use super::{Books, Result, drop_database, forget_peak, open, peak};

/// How many merchants are paid.
const MERCHANTS: usize = 100_000;

/// Measures, and prints seconds, ratios and memory.
pub async fn payouts(cluster: &Cluster, directory: &Path) -> Result<()> {
    let files = directory.join("payouts");
    std::fs::create_dir_all(&files)?;
    std::fs::write(files.join("settings.toml"), settings())?;
    let books = open(cluster, &files, "payouts").await?;
    let cutoff = NaiveDate::from_ymd_opt(2026, 3, 4).ok_or("a day")?;
    fund(&books, cutoff).await?;
    books.raw.batch_execute("vacuum analyze").await?;
    books.raw.batch_execute("checkpoint").await?;
    let (scan, _) = took(async || {
        let sum = "select account.currency, sum(credits - debits) from balance join account on account.id = account_id group by 1";
        Ok(books.raw.query(sum, &[]).await?)
    })
    .await?;
    let (store, deployment) = (&books.store, &books.deployment);
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
    let what = Instruct {
        format: BankFormat::Pain001(Default::default()),
        ..Instruct::all(cutoff, cutoff)
    };
    let (instruct, _) = took(async || Ok(store.instruct_payouts(deployment, what, &files).await?)).await?;
    print("instruct", instruct, scan, None);
    books
        .raw
        .batch_execute("update payout_file set written = false")
        .await?;
    forget_peak();
    let (file, done) = took(async || Ok(store.instruct_payouts(deployment, what, &files).await?)).await?;
    let written = done.files.first().ok_or("no file")?;
    let size = std::fs::metadata(written)?.len();
    print("file", file, scan, peak());
    println!("payouts file          {size} bytes");
    drop(books);
    drop_database(cluster, "payouts").await
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

/// Makes something available to every merchant.
async fn fund(books: &Books, on: NaiveDate) -> Result<()> {
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
    let ids: Vec<BookId> = ids.iter().map(|row| BookId(row.get(0))).collect();
    let work = async |tx: &mut Tx| {
        let source = source_of(tx, SourceKind::Settlement, "settlement.csv", &[7; 32]).await?;
        let mut locked = LockedBooks::lock(tx, &ids).await?;
        for (book, amount) in ids.iter().zip(1_000..) {
            let mut entry = Entry::of_day(EntryKind::Settlement, "s".to_owned(), [0; 32], on, source.id);
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
