//! The one way to write: a transaction that failed is never committed, and no session hands anything on.

use std::time::Duration;

use acquit::store::{Store, StoreError, Target};
use tokio_postgres::types::Type;

use crate::support::{self, TestStore};

const INSERT: &str = "insert into acquirer (name) values ($1)";
const COPY: &str = "copy acquirer (name) from stdin binary";

/// A store with a single session, so the next borrower has the one that was given back.
async fn narrow() -> TestStore {
    let mut test = support::store().await;
    test.store = Store::open(&Target::url(test.url.as_str()).sessions(1))
        .await
        .expect("a store");
    test
}

async fn acquirers(test: &TestStore) -> Vec<String> {
    let rows = test
        .admin
        .query("select name from acquirer order by name", &[])
        .await
        .expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Fails if something does not happen within a time that no healthy run needs.
async fn promptly<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work)
        .await
        .expect("an answer in time")
}

#[tokio::test]
async fn what_succeeds_is_committed() {
    let test = support::store().await;
    let outcome: Result<(), StoreError> = test
        .store
        .transact(async |tx| {
            tx.execute(INSERT, &[&"one"]).await?;
            let mut copy = tx.copy(COPY, &[Type::TEXT]).await?;
            copy.row(&[&"two"]).await?;
            tx.end_copy(copy).await
        })
        .await;
    outcome.expect("a commit");
    assert_eq!(acquirers(&test).await, ["one", "two"]);
}

#[tokio::test]
async fn a_transaction_in_which_a_statement_failed_cannot_commit() {
    let test = support::store().await;
    let outcome: Result<(), StoreError> = test
        .store
        .transact(async |tx| {
            tx.execute(INSERT, &[&"one"]).await?;
            let twice = tx.execute(INSERT, &[&"one"]).await;
            assert_eq!(twice.expect_err("a duplicate").constraint(), Some("acquirer_name"));
            // The work swallows the error and claims success.
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Aborted)), "{outcome:?}");
    assert!(acquirers(&test).await.is_empty());
}

#[tokio::test]
async fn a_transaction_that_the_server_aborted_cannot_commit() {
    let test = support::store().await;
    let outcome: Result<(), StoreError> = test
        .store
        .transact(async |tx| {
            tx.execute(INSERT, &[&"one"]).await?;
            // Dropped before its end: the server aborts, and no statement of ours has seen it.
            let mut copy = tx.copy(COPY, &[Type::TEXT]).await?;
            copy.row(&[&"two"]).await?;
            drop(copy);
            Ok(())
        })
        .await;
    assert!(
        matches!(&outcome, Err(StoreError::Refused { code, .. }) if code == "25P02"),
        "{outcome:?}"
    );
    assert!(acquirers(&test).await.is_empty());
}

#[tokio::test]
async fn a_copy_that_fails_cannot_commit() {
    let test = support::store().await;
    let outcome: Result<(), StoreError> = test
        .store
        .transact(async |tx| {
            let mut copy = tx.copy(COPY, &[Type::TEXT]).await?;
            for row in ["one", "one"] {
                copy.row(&[&row]).await?;
            }
            tx.end_copy(copy).await.expect_err("a failed COPY");
            // The work swallows the error and claims success.
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Aborted)), "{outcome:?}");
    assert!(acquirers(&test).await.is_empty());
}

#[tokio::test]
async fn a_constraint_that_is_checked_at_commit_is_an_error() {
    let test = support::store().await;
    test.admin
        .batch_execute(
            "create table late (id integer constraint late_once unique deferrable initially deferred);
             grant insert on late to acquit_runtime",
        )
        .await
        .expect("a table");
    let outcome: Result<(), StoreError> = test
        .store
        .transact(async |tx| {
            tx.execute("insert into late values (1), (1)", &[]).await?;
            Ok(())
        })
        .await;
    assert_eq!(outcome.expect_err("a duplicate").constraint(), Some("late_once"));
}

#[tokio::test]
async fn a_rehearsal_leaves_nothing() {
    let test = support::store().await;
    let rows: Result<u64, StoreError> = test
        .store
        .rehearse(async |tx| tx.execute(INSERT, &[&"one"]).await)
        .await;
    assert_eq!(rows.expect("a rehearsal"), 1);
    assert!(acquirers(&test).await.is_empty());
}

#[tokio::test]
async fn a_lost_connection_is_not_a_commit() {
    let test = support::store().await;
    let outcome: Result<(), StoreError> = test
        .store
        .transact(async |tx| {
            let rows = tx.query("select pg_backend_pid()", &[]).await?;
            let pid: i32 = rows[0].get(0);
            tx.execute(INSERT, &[&"one"]).await?;
            let killed = test
                .admin
                .query_one("select pg_terminate_backend($1, 5000)", &[&pid])
                .await;
            assert!(killed.expect("an answer").get::<_, bool>(0));
            Ok(())
        })
        .await;
    outcome.expect_err("a lost connection");
    assert!(acquirers(&test).await.is_empty());
}

#[tokio::test]
async fn a_transaction_dropped_in_a_statement_is_cancelled_and_poisons_nobody() {
    let test = narrow().await;
    let work = test.store.transact(async |tx| {
        tx.execute(INSERT, &[&"one"]).await?;
        tx.query("select number from book where id = 1 for update", &[]).await?;
        tx.query("select pg_sleep(600)::text", &[]).await?;
        Ok(())
    });
    let asleep = async {
        let query = "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
        while test.admin.query(query, &[]).await.expect("rows").is_empty() {}
    };
    tokio::select! {
        outcome = work => {
            let outcome: Result<(), StoreError> = outcome;
            panic!("{outcome:?}");
        }
        () = promptly(asleep) => {}
    }
    promptly(async {
        let session = test.store.session().await.expect("a session");
        session.query_one("select 1", &[]).await.expect("a row");
        // Had the statement not been cancelled, its transaction would hold this lock for ten minutes.
        test.admin
            .query_one("select number from book where id = 1 for update", &[])
            .await
            .expect("the book");
    })
    .await;
    assert!(acquirers(&test).await.is_empty());
}

#[tokio::test]
async fn the_pool_hands_nothing_on() {
    let test = narrow().await;
    let pid_of = async || -> i32 {
        let session = test.store.session().await.expect("a session");
        session
            .query_one("select pg_backend_pid()", &[])
            .await
            .expect("a row")
            .get(0)
    };
    let first = pid_of().await;
    for (leak, trace) in [
        (
            "begin; insert into acquirer (name) values ('leaked')",
            "select count(*) from acquirer",
        ),
        (
            "set work_mem = '64kB'; set TimeZone = 'Asia/Tokyo'; set search_path = pg_catalog",
            "select (current_setting('work_mem') = '64kB')::int + (current_setting('TimeZone') <> 'UTC')::int \
             + (current_setting('search_path') = 'pg_catalog')::int",
        ),
        (
            "set synchronous_commit = off",
            "select (current_setting('synchronous_commit') = 'off')::int",
        ),
        ("reset role", "select (current_user <> 'acquit_runtime')::int"),
        ("set role acquit", "select (current_user <> 'acquit_runtime')::int"),
        (
            "select pg_advisory_lock(42), pg_advisory_lock(1, 2)",
            "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
        ),
        (
            "create temporary table stage (id integer)",
            "select count(*) from pg_class where relname = 'stage'",
        ),
        (
            "declare c cursor with hold for select 1",
            "select count(*) from pg_cursors where is_holdable",
        ),
    ] {
        let session = test.store.session().await.expect("a session");
        session.batch_execute(leak).await.expect(leak);
        drop(session);
        let session = promptly(test.store.session()).await.expect("a session");
        let found: i64 = session
            .query_one(&format!("select ({trace})::bigint"), &[])
            .await
            .expect(trace)
            .get(0);
        assert_eq!(found, 0, "after: {leak}");
    }
    assert_eq!(pid_of().await, first, "cleaned, not replaced");

    // An aborted transaction costs the session, and nothing else.
    let session = test.store.session().await.expect("a session");
    session
        .batch_execute("begin; select 1/0")
        .await
        .expect_err("a division by zero");
    drop(session);
    let session = promptly(test.store.session()).await.expect("a session");
    session.query_one("select 1", &[]).await.expect("a row");
}

#[tokio::test]
async fn a_copy_of_many_pieces_holds_every_row() {
    let test = support::store().await;
    let long = "x".repeat(1_000);
    let outcome: Result<(), StoreError> = test
        .store
        .transact(async |tx| {
            let mut copy = tx.copy(COPY, &[Type::TEXT]).await?;
            for number in 0..2_000 {
                let name = format!("{number:04}{long}");
                copy.row(&[&name.as_str()]).await?;
            }
            let wrong = copy.row(&[&"one", &"two"]).await;
            wrong.expect_err("two values for one column");
            tx.end_copy(copy).await
        })
        .await;
    outcome.expect("a commit");
    let names = acquirers(&test).await;
    assert!(
        names.len() == 2_000 && names.iter().all(|name| name.len() == 1_004),
        "{}",
        names.len()
    );
}

/// Polls a future so many times and drops it; says whether it ended before.
async fn poll_and_drop<T>(work: impl Future<Output = T>, polls: usize) -> bool {
    let mut work = Box::pin(work);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(false);
        }
        left = left.saturating_sub(1);
        work.as_mut().poll(context).map(|_| true)
    })
    .await
}

#[tokio::test]
async fn work_that_is_dropped_after_any_poll_is_done_whole_or_not_at_all() {
    let test = narrow().await;
    let mut whole = 0;
    for polls in 0_usize.. {
        let (first, second) = (format!("a{polls}"), format!("b{polls}"));
        let ended = promptly(poll_and_drop(
            test.store.transact(async |tx| {
                tx.execute(INSERT, &[&first]).await?;
                let mut copy = tx.copy(COPY, &[Type::TEXT]).await?;
                copy.row(&[&second]).await?;
                tx.end_copy(copy).await
            }),
            polls,
        ))
        .await;
        // The only session of the pool goes on: in no transaction, with no setting or lock of the one before.
        let session = promptly(test.store.session()).await.expect("a session");
        let row = promptly(session.query_one(
            "select (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'), \
             now() = statement_timestamp(), current_user::text, current_setting('lock_timeout')",
            &[],
        ))
        .await
        .expect("a clean session");
        assert_eq!(row.get::<_, i64>(0), 0);
        assert_eq!(row.get::<_, &str>(2), "acquit_runtime");
        drop(session);
        // A COMMIT that was sent may be under way still: the row of one without the other would be half a transaction.
        let names = acquirers(&test).await;
        assert_eq!(
            names.contains(&first),
            names.contains(&second),
            "{polls} polls: {names:?}"
        );
        whole += usize::from(names.contains(&first));
        if ended {
            assert!(names.contains(&second), "{polls} polls: reported as done");
            assert!(polls > 5, "{polls} polls are too few to have hit anything");
            break;
        }
    }
    assert!(whole >= 1);
}
