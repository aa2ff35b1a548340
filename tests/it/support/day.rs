//! A small simulated day, on disk and in the books.

use std::path::Path;

use acquit::simulate::{BreakKind, FileFormat, Plan, Profile};
use acquit::store::reconcile::{FileOutcome, Request, SettlementFile};
use acquit::store::record::{EventFile, Rejected, Tally};
use acquit::store::settings::Deployment;
use acquit::store::{Store, Target};
use tempfile::TempDir;

/// The cut-off at which everything that a day settled is paid.
pub const CUTOFF: &str = "2026-03-03";
/// The only acquirer.
pub const ACQUIRER: &str = "adyen";

/// Writes a day of so many payments with the usual breaks.
pub fn simulated(payments: u64) -> TempDir {
    let directory = super::directory();
    let plan = Plan {
        payments,
        merchants: 4,
        seed: 7,
        breaks: BreakKind::usual(Profile::Card, FileFormat::Adyen),
        day: Plan::usual_day(),
        profile: Profile::Card,
        file_format: FileFormat::Adyen,
    };
    acquit::simulate::run(&plan, directory.path(), &mut |_| {}).expect("a day");
    directory
}

/// Applies the day's settings and records its events.
pub async fn recorded(store: &Store, day: &Path) -> Deployment {
    let settings = std::fs::read_to_string(day.join("settings.toml")).expect("settings");
    let deployment = super::events::apply(store, &settings).await;
    let file = EventFile::open(&day.join("events.jsonl")).expect("events");
    let mut each = |_: Tally, rejected: Vec<Rejected>| {
        assert_eq!(rejected, []);
        Ok(())
    };
    store.record(&deployment, &file, &mut each).await.expect("a record");
    deployment
}

/// Reconciles one of the day's files.
pub async fn reconcile(store: &Store, deployment: &Deployment, file: &Path) -> FileOutcome {
    let file = SettlementFile::open(file).expect("a file");
    let request = Request {
        file: &file,
        acquirer: ACQUIRER,
        as_of: None,
        today: chrono::NaiveDate::MAX,
    };
    store
        .reconcile(deployment, &request, &|_| {})
        .await
        .expect("a reconciliation")
        .outcome
}

/// A store of its own on a database, with so many sessions at most.
pub async fn another(url: &str, sessions: usize) -> Store {
    Store::open(&Target::url(url).sessions(sessions))
        .await
        .expect("a store")
}
