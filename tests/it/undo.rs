//! Undoing settlement files, superseding them, releasing and rejecting what is in quarantine.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use acquit::store::reconcile::files::{self, FilesError, Filter, Release};
use acquit::store::reconcile::undo::{self, Undo, UndoError};
use acquit::store::reconcile::{FileOutcome, Reconciliation, Request, SettlementFile};

use crate::availability::SETTINGS;
use crate::matches::{confirmed, unmatched};
use crate::stage::{Stage, day};
use crate::support::dump;

/// What is undone and done again is the same but for entries, and what names the run.
async fn content(stage: &Stage) -> Vec<String> {
    let tables = [
        "source ",
        "entry(",
        "transfer(",
        "balance(",
        "book(",
        "file_decision(",
        "settlement_file(",
        "settlement_line(",
        "settlement_balance(",
        "settlement_batch(",
        "settlement_match(",
        "settlement_reserve(",
        "cost_sum(",
        "cost_claim(",
        "break(",
        "break_step(",
        "source(",
        "account(",
    ];
    let content = dump::content(&stage.test.admin).await;
    content
        .lines()
        .filter(|line| !tables.iter().any(|table| line.starts_with(table)))
        // A tranche that holds nothing is as good as none.
        .filter(|line| !(line.starts_with("reserve_tranche(") && line.contains("\"\"withheld\"\": 0")))
        .map(str::to_owned)
        .collect()
}

/// Net balances by book and account, those of zero left out.
async fn net(stage: &Stage) -> Vec<String> {
    let sql = "select coalesce(merchant, 'house') || ' ' || code || ' ' || currency || ' ' || dimension || ' ' || debits - credits
        from balance join book on book.id = book_id join account on account.id = account_id where debits <> credits order by 1";
    let rows = stage.test.admin.query(sql, &[]).await.expect("balances");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The matches and breaks of booked files, without what names the run.
async fn found(stage: &Stage) -> Vec<String> {
    let sql = "
        select 'match ' || coalesce(merchant, '') || to_jsonb(match) - 'source_id' - 'book_id'
        from settlement_match match join settlement_file_state file on file.source_id = match.source_id and file.state = 'booked'
        join book on book.id = book_id
        union all
        select 'break ' || coalesce(merchant, '')
            || (to_jsonb(break) - 'id' - 'source_id' - 'book_id' - 'suspense_number' - 'found_in')
        from break left join book on book.id = book_id where resolution is distinct from 'undone'
        union all
        select 'reserve ' || merchant || (to_jsonb(put) - 'source_id' - 'book_id')
        from settlement_reserve put join settlement_file_state file on file.source_id = put.source_id and file.state = 'booked'
        join book on book.id = book_id
        order by 1";
    let rows = stage.test.admin.query(sql, &[]).await.expect("matches and breaks");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn booked(stage: &Stage, file: &SettlementFile, on: &str) -> Reconciliation {
    let request = Request {
        file,
        acquirer: "north",
        as_of: Some(day(on)),
        today: chrono::NaiveDate::MAX,
    };
    let reconciled = stage.test.store.reconcile(&stage.deployment, &request, &|_| {}).await;
    reconciled.expect("a reconciliation")
}

fn asked(file: &str) -> undo::Request<'_> {
    undo::Request {
        file,
        by: "ada",
        reason: Some("the wrong file"),
        on: None,
    }
}

/// Undoes a file after planning it, twice.
async fn undone(stage: &Stage, file: &str) -> Undo {
    let plan = stage.test.store.plan_undo(&asked(file)).await.expect("a plan");
    let undone = stage.test.store.undo_file(&asked(file)).await.expect("undone");
    assert_eq!(plan, undone);
    assert!(undone.new);
    let state = dump::content(&stage.test.admin).await;
    let again = stage.test.store.undo_file(&asked(file)).await.expect("undone again");
    assert!(!again.new);
    assert_eq!(
        (again.entries, again.items, again.breaks),
        (undone.entries, undone.items, undone.breaks)
    );
    assert_eq!(dump::content(&stage.test.admin).await, state, "a second time");
    stage.holds().await;
    undone
}

/// Tells a story, books a file, undoes it, and books it again.
async fn check(story: &str, rows: &[&str], on: &str, expected: (i64, i64, i64)) -> Stage {
    let mut stage = Stage::of(SETTINGS).await;
    stage.go_on(story).await;
    let (before, balances, known) = (content(&stage).await, net(&stage).await, found(&stage).await);
    let file = stage.write_file(rows, on);
    let first = booked(&stage, &file, on).await;
    assert_eq!(first.outcome, FileOutcome::Booked);
    let (then, matched) = (net(&stage).await, found(&stage).await);
    let after = content(&stage).await;
    let undone = undone(&stage, file.name()).await;
    assert_eq!((undone.entries, undone.items, undone.breaks), expected, "{story}");
    assert_eq!(content(&stage).await, before, "{story}");
    assert_eq!(net(&stage).await, balances, "{story}");
    assert_eq!(found(&stage).await, known, "{story}");
    let again = booked(&stage, &file, on).await;
    assert_eq!(again, first);
    assert_eq!(net(&stage).await, then, "{story}");
    assert_eq!(found(&stage).await, matched, "{story}");
    assert_eq!(content(&stage).await, after, "{story}");
    assert_eq!(
        booked(&stage, &file, on).await.outcome,
        FileOutcome::AlreadyBooked,
        "{story}"
    );
    stage.holds().await;
    stage
}

#[tokio::test]
async fn a_file_that_is_undone_is_as_if_it_had_not_come() {
    // A capture, its reserve, a fee of the batch, a line nobody knows, a difference, and an item that is missing.
    check(
        "sale p1 80.00 USD m=roll ref=A1 at=2026-03-02
         sale p2 50.00 USD ref=A2 at=2026-03-02
         sale p3 50.00 USD ref=A3 at=2026-03-02
         refund p2 10.00 USD ref=R2 at=2026-03-03",
        &[
            "Settled +80.00 USD ref=A1 interchange=1.00 scheme=0.20",
            "Settled +49.00 USD ref=A2",
            "Refunded -10.00 USD ref=R2",
            "Settled +7.00 USD ref=A9",
        ],
        "2026-03-20",
        (3, 3, 3),
    )
    .await;
}

#[tokio::test]
async fn groups_and_late_items_come_back() {
    // Two lines settle one item, and an item comes late that an earlier file had missed.
    let stage = check(
        "sale p1 80.00 USD ref=A1 at=2026-03-02
         sale p2 30.00 USD ref=A2 at=2026-03-02
         sale p4 20.00 USD m=fixed ref=A4 at=2026-03-02
         sale p3 10.00 USD ref=A3 at=2026-03-09
         file north 2026-03-09 breaks=MISSING_IN_FILE:3
         Settled +10.00 USD ref=A3",
        &[
            "Settled +50.00 USD ref=A1",
            "Settled +30.00 USD ref=A1",
            "Settled +30.00 USD ref=A2",
            "Settled +20.00 USD ref=A4",
        ],
        "2026-03-10",
        (2, 3, 0),
    )
    .await;
    // The finder is undone too: what it missed is no break any more, whichever goes first.
    let last = files_of(&stage).await;
    assert_eq!(last, ["file-1.csv booked", "file-2.csv undone", "file-2.csv booked"]);
    undone(&stage, "file-1.csv").await;
    undone(&stage, "file-2.csv").await;
    let sql = "select count(*) from break where state <> 'resolved'";
    let open: i64 = stage.test.admin.query_one(sql, &[]).await.expect("breaks").get(0);
    assert_eq!(open, 0);
}

async fn files_of(stage: &Stage) -> Vec<String> {
    let files = stage
        .test
        .store
        .settlement_files(Filter::default())
        .await
        .expect("files");
    files
        .iter()
        .map(|file| format!("{} {}", file.name, file.state))
        .collect()
}

#[tokio::test]
async fn what_others_built_on_is_not_undone() {
    let mut stage = Stage::of(SETTINGS).await;
    stage
        .go_on(
            "sale p1 80.00 USD m=roll ref=A1 at=2026-03-02
             file north 2026-03-03
             Settled +80.00 USD ref=A1
             file north 2026-03-04 breaks=DUPLICATE_IN_FILE
             Settled +80.00 USD ref=A1",
        )
        .await;
    let refused = async |file: &str| stage.test.store.undo_file(&asked(file)).await.expect_err("a refusal");
    let state = dump::content(&stage.test.admin).await;
    let said = refused("file-1.csv").await;
    assert!(
        matches!(&said, UndoError::DependedOn { files, .. } if files == "file-2.csv"),
        "{said}"
    );
    assert!(matches!(refused("file-9.csv").await, UndoError::Unknown(_)));
    let early = undo::Request {
        on: Some(day("2026-03-03")),
        ..asked("file-2.csv")
    };
    let said = stage.test.store.undo_file(&early).await.expect_err("too early");
    assert!(matches!(said, UndoError::Before { .. }), "{said}");
    assert_eq!(dump::content(&stage.test.admin).await, state);
    undone(&stage, "file-2.csv").await;
    // A refund used up its reserve: nobody knows what to take it from.
    stage.go_on("refund p1 75.00 USD m=roll ref=R1 at=2026-03-05").await;
    let said = stage
        .test
        .store
        .undo_file(&asked("file-1.csv"))
        .await
        .expect_err("a refusal");
    assert!(
        matches!(&said, UndoError::Applied(applied)
            if applied.merchant == "roll" && applied.missing.to_string() == "5.62 USD"),
        "{said}"
    );
    stage.holds().await;
}

#[tokio::test]
async fn a_reserve_that_was_released_goes_back_before_it_is_undone() {
    let mut stage = Stage::of(SETTINGS).await;
    stage.go_on("sale p1 80.00 USD m=roll ref=A1 at=2026-03-02").await;
    let first = stage.write_file(&["Settled +80.00 USD ref=A1 batch=7"], "2026-03-03");
    booked(&stage, &first, "2026-03-03").await;
    let before = net(&stage).await;
    stage.release("2026-04-01").await;
    let after_release = net(&stage).await;
    assert_ne!(before, after_release, "8.00 are available");
    undone(&stage, "file-1.csv").await;
    // It comes again: what is due of its reserve is released again, and all is as it was.
    booked(&stage, &first, "2026-03-03").await;
    assert_eq!(net(&stage).await, before);
    stage.release("2026-04-01").await;
    assert_eq!(net(&stage).await, after_release);
    // A new version that withholds less, when all was released: the merchant has what the new one says.
    let rows = ["Settled +79.00 USD ref=A1 batch=7"];
    let file = stage
        .write_file(&rows, "2026-03-03")
        .presented_by(Some("ada".to_owned()));
    booked(&stage, &file, "2026-03-03").await;
    assert!(matches!(
        released(&stage, "file-2.csv", "eve").await,
        Ok(Release::Booked { .. })
    ));
    stage.release("2026-04-01").await;
    stage.holds().await;
    let held = "select coalesce(sum(balance.credits - balance.debits), 0)::bigint
        from balance join account on account.id = account_id where code = 2030";
    let held: i64 = stage.test.admin.query_one(held, &[]).await.expect("a sum").get(0);
    assert_eq!(held, 0, "nothing of it is in reserve");
}

/// Releases a file after planning it.
async fn released(stage: &Stage, file: &str, by: &str) -> Result<Release, FilesError> {
    let request = files::Request {
        file,
        by,
        reason: "a corrected version",
        beside: false,
    };
    let plan = stage
        .test
        .store
        .plan_file_release(&stage.deployment, &request, &|_| {})
        .await;
    let released = stage
        .test
        .store
        .release_file(&stage.deployment, &request, &|_| {})
        .await;
    if let (Ok(plan), Ok(released)) = (&plan, &released) {
        assert_eq!(plan, released);
    }
    stage.holds().await;
    released
}

#[tokio::test]
async fn a_new_version_takes_the_place_of_the_old_one() {
    let mut stage = Stage::of(SETTINGS).await;
    stage
        .go_on(
            "sale p1 80.00 USD m=roll ref=A1 at=2026-03-02
             sale p2 50.00 USD ref=A2 at=2026-03-02
             file north 2026-03-03
             Settled +80.00 USD ref=A1 batch=7
             Settled +50.00 USD ref=A2 batch=8 cost=0.05",
        )
        .await;
    let balances = net(&stage).await;
    let rows = ["Settled +79.00 USD ref=A1 batch=7", "Settled +50.00 USD ref=A2 batch=9"];
    let file = stage
        .write_file(&rows, "2026-03-03")
        .presented_by(Some("ada".to_owned()));
    let found = booked(&stage, &file, "2026-03-03").await;
    let FileOutcome::Quarantined { reason } = &found.outcome else {
        panic!("{found:?}")
    };
    assert_eq!(reason, "batch 7 came before with other content, in file-1.csv");
    assert_eq!(net(&stage).await, balances);
    let known = stage.test.store.settlement_file("file-2.csv").await.expect("a file");
    assert_eq!((known.presented_by.as_deref(), known.unresolved), (Some("ada"), 1));
    // Whoever presented it does not release it: the database says so too.
    let said = released(&stage, "file-2.csv", "ada").await.expect_err("one person");
    assert!(matches!(said, FilesError::OnePerson { .. }), "{said}");
    let sql = "insert into file_decision (source_id, decision, decided_by, reason, presented_by) values ($1, 'released', 'ada', 'mine', $2)";
    for (presented_by, rule) in [("ada", "file_decision_two_people"), ("bob", "file_decision_presented")] {
        let said = stage.test.admin.execute(sql, &[&known.source.0, &presented_by]).await;
        let said = said.expect_err("a refusal");
        let rule_of = said
            .as_db_error()
            .and_then(|error| error.constraint().map(str::to_owned));
        assert_eq!(rule_of.as_deref(), Some(rule));
    }
    let done = released(&stage, "file-2.csv", "bob").await.expect("a release");
    let Release::Booked { superseded, found, .. } = done else {
        panic!("{done:?}")
    };
    let names: Vec<&str> = superseded.iter().map(|file| file.name.as_str()).collect();
    assert_eq!((names, found.outcome), (vec!["file-1.csv"], FileOutcome::Booked));
    assert_eq!(files_of(&stage).await, ["file-1.csv superseded", "file-2.csv booked"]);
    assert!(matches!(
        released(&stage, "file-2.csv", "bob").await,
        Ok(Release::Before { .. })
    ));
    assert_eq!(
        booked(&stage, &file, "2026-03-03").await.outcome,
        FileOutcome::AlreadyBooked
    );
    // The books are those of the new version alone.
    let mut other = Stage::of(SETTINGS).await;
    other
        .go_on(
            "sale p1 80.00 USD m=roll ref=A1 at=2026-03-02
             sale p2 50.00 USD ref=A2 at=2026-03-02
             file north 2026-03-03 breaks=AMOUNT_MISMATCH
             Settled +79.00 USD ref=A1 batch=7
             Settled +50.00 USD ref=A2 batch=9",
        )
        .await;
    assert_eq!(net(&stage).await, net(&other).await);
    let (open, one) = (stage.tranches("roll", "USD").await, other.tranches("roll", "USD").await);
    assert_eq!(open, one);
}

#[tokio::test]
async fn a_file_about_a_day_that_has_not_come_books_nothing() {
    let mut stage = Stage::of(SETTINGS).await;
    stage.go_on("sale p1 80.00 USD ref=A1 at=2026-03-02").await;
    let file = stage.write_file(&["Settled +80.00 USD ref=A1 batch=1"], "2026-03-03");
    let ask = |as_of: &str, today: &str| Request {
        file: &file,
        acquirer: "north",
        as_of: Some(day(as_of)),
        today: day(today),
    };
    let store = &stage.test.store;
    // A week ahead is as far as any house, or day of payment, is.
    let ahead = store
        .plan_reconciliation(&stage.deployment, &ask("2026-03-10", "2026-03-03"), &|_| {})
        .await;
    assert_eq!(ahead.expect("a plan").outcome, FileOutcome::Booked);
    let untrue = ask("2062-03-03", "2026-03-03");
    let found = store.plan_reconciliation(&stage.deployment, &untrue, &|_| {}).await;
    let reason = "a day on its lines, or that it is said to be about, is 2062-03-03, which has not come".to_owned();
    assert_eq!(found.expect("a plan").outcome, FileOutcome::Quarantined { reason });
    // Its own lines are looked at too.
    let found = store
        .plan_reconciliation(&stage.deployment, &ask("2026-02-03", "2026-02-03"), &|_| {})
        .await;
    assert!(matches!(
        found.expect("a plan").outcome,
        FileOutcome::Quarantined { .. }
    ));
    stage.holds().await;
}

#[tokio::test]
async fn a_file_whose_totals_are_untrue_is_released_or_rejected() {
    let mut stage = Stage::of(SETTINGS).await;
    stage.go_on("sale p1 80.00 USD ref=A1 at=2026-03-02").await;
    let file = stage.write_file(&["Settled +80.00 USD ref=A1 batch=1"], "2026-03-03");
    let text = stage.text_of(&file);
    // The payout row says less than the lines come to.
    let (head, payout) = text.trim_end().rsplit_once('\n').expect("a payout row");
    let (file, other) = (
        stage.write_text("untrue.csv", &format!("{head}\n{}\n", payout.replace("80.00", "79.00"))),
        stage.write_text("reject.csv", &format!("{head}\nnonsense\n")),
    );
    for file in [&file, &other] {
        let found = booked(&stage, file, "2026-03-03").await;
        assert!(matches!(found.outcome, FileOutcome::Quarantined { .. }), "{found:?}");
    }
    let said = released(&stage, "reject.csv", "bob")
        .await
        .expect_err("rows are missing");
    assert!(matches!(said, FilesError::HasRejects { rejects: 1, .. }), "{said}");
    let request = files::Request {
        file: "untrue.csv",
        by: "ada",
        reason: "not ours",
        beside: false,
    };
    for state in ["quarantined", "rejected"] {
        assert_eq!(
            stage.test.store.reject_file(&request).await.expect("rejected").state,
            state
        );
    }
    let again = booked(&stage, &file, "2026-03-03").await;
    assert_eq!(
        again.outcome,
        FileOutcome::Quarantined {
            reason: "rejected by ada: not ours".to_owned()
        }
    );
    // Nobody had presented it: the first to ask does, and another one releases it.
    let first = released(&stage, "untrue.csv", "ada").await.expect("a request");
    assert!(matches!(first, Release::Presented(_)), "{first:?}");
    let said = released(&stage, "untrue.csv", "ada").await.expect_err("one person");
    assert!(matches!(said, FilesError::OnePerson { .. }), "{said}");
    let done = released(&stage, "untrue.csv", "bob").await.expect("a release");
    assert!(matches!(done, Release::Booked { .. }), "{done:?}");
    assert_eq!(
        booked(&stage, &file, "2026-03-03").await.outcome,
        FileOutcome::AlreadyBooked
    );
    stage.go_on("is all USD 1100=0.00 1110=80.00").await;
    undone(&stage, "untrue.csv").await;
    stage.go_on("is all USD 1100=80.00 1110=0.00").await;
    let found = booked(&stage, &file, "2026-03-03").await;
    assert!(matches!(found.outcome, FileOutcome::Quarantined { .. }), "{found:?}");
    assert_eq!(
        files_of(&stage).await,
        ["untrue.csv undone", "reject.csv quarantined", "untrue.csv quarantined"]
    );
}

#[tokio::test]
async fn what_was_matched_late_goes_with_its_file() {
    let events = "sale p1 80.00 USD m=roll ref=A1 at=2026-03-02
        sale p2 30.00 USD ref=A2 at=2026-03-02";
    let next = "sale p9 5.00 USD ref=A9 at=2026-03-04
        file north 2026-03-05
        Settled +5.00 USD ref=A9";
    let lines = [
        "Settled +80.00 USD ref=A1 cost=0.50 batch=7",
        "Settled +30.00 USD ref=A2 batch=7",
    ];
    let mut stage = Stage::of(SETTINGS).await;
    let file = stage.write_file(&lines, "2026-03-03");
    let first = booked(&stage, &file, "2026-03-03").await;
    stage.go_on(events).await;
    stage.go_on(next).await;
    stage.go_on("is all USD 1100=0.00").await;
    let done = undone(&stage, file.name()).await;
    assert_eq!((done.items, done.breaks), (2, 2), "{done:?}");
    let mut without = Stage::told(SETTINGS, events).await;
    without.go_on(next).await;
    assert_eq!(net(&stage).await, net(&without).await);
    let mut tranches = stage.tranches("roll", "USD").await;
    // One that holds nothing is as good as none.
    tranches.retain(|tranche| !tranche.ends_with(" 0.00 0.00 0.00"));
    assert_eq!(tranches, without.tranches("roll", "USD").await);
    // It comes again, after its events this time.
    let again = booked(&stage, &file, "2026-03-03").await;
    assert!(
        first.matches.is_empty() && again.breaks.is_empty(),
        "{first:?} {again:?}"
    );
    let file = without.write_text("file.csv", &stage.text_of(&file));
    assert_eq!(booked(&without, &file, "2026-03-03").await.breaks, []);
    assert_eq!(net(&stage).await, net(&without).await);
    assert_eq!(
        stage.tranches("roll", "USD").await,
        without.tranches("roll", "USD").await
    );
    stage.holds().await;
}

#[tokio::test]
async fn a_late_match_of_which_the_reserve_was_released_goes_with_its_file() {
    let events = "sale p1 80.00 USD m=roll ref=A1 at=2026-03-02
        sale p9 5.00 USD ref=A9 at=2026-03-04
        file north 2026-03-05
        Settled +5.00 USD ref=A9";
    let mut stage = Stage::of(SETTINGS).await;
    let file = stage.write_file(&["Settled +80.00 USD ref=A1 batch=7"], "2026-03-03");
    booked(&stage, &file, "2026-03-03").await;
    stage.go_on(events).await;
    let matched = net(&stage).await;
    stage.release("2026-04-01").await;
    assert_ne!(net(&stage).await, matched, "8.00 are available");
    undone(&stage, file.name()).await;
    let without = Stage::told(SETTINGS, events).await;
    without.release("2026-04-01").await;
    assert_eq!(net(&stage).await, net(&without).await);
    booked(&stage, &file, "2026-03-03").await;
    assert_eq!(net(&stage).await, matched);
    stage.holds().await;
}

#[tokio::test]
async fn what_repeats_a_line_of_before_is_nothing_that_a_later_file_bears() {
    let mut stage = Stage::told(
        SETTINGS,
        "authorization p1 80.00 USD
         capture p1 50.00 USD name=c1 ref=A1
         file north 2026-03-03 breaks=DUPLICATE_IN_FILE
         Settled +50.00 USD ref=A1
         Settled +50.00 USD ref=A1
         capture p1 30.00 USD name=c2 ref=A1 at=2026-03-04
         file north 2026-03-05
         Settled +30.00 USD ref=A1
         is all USD 1100=0.00",
    )
    .await;
    undone(&stage, "file-2.csv").await;
    stage.go_on("is all USD 1100=30.00").await;
    undone(&stage, "file-1.csv").await;
    stage.go_on("is all USD 1100=80.00").await;
}

#[tokio::test]
async fn a_late_match_that_people_undid_is_left_to_them() {
    let mut stage = Stage::told(
        SETTINGS,
        "file north 2026-03-03 breaks=MISSING_IN_LEDGER
         Settled +80.00 USD ref=A1
         sale p1 80.00 USD ref=A1 at=2026-03-02
         sale p9 5.00 USD ref=A9 at=2026-03-04
         file north 2026-03-05
         Settled +5.00 USD ref=A9
         is all USD 1100=0.00",
    )
    .await;
    unmatched(&stage, "file-1.csv:#1").await.expect("undone");
    stage
        .go_on(
            "is all USD 1100=80.00
             sale p8 6.00 USD ref=A8 at=2026-03-05
             file north 2026-03-06 breaks=MISSING_IN_FILE
             Settled +6.00 USD ref=A8
             is all USD 1100=80.00",
        )
        .await;
    stage.holds().await;
}

#[tokio::test]
async fn what_a_file_missed_and_people_found_stands_in_nobodys_way() {
    let mut stage = crate::matches::stage().await;
    stage
        .tell(
            "file north 2026-03-03 breaks=MISSING_IN_LEDGER
         Settled +29.00 USD ref=A1
         sale p1 30.00 USD ref=A1 at=2026-03-02
         sale p9 5.00 USD ref=A9 at=2026-03-09
         file north 2026-03-10 breaks=MISSING_IN_FILE
         Settled +5.00 USD ref=A9",
        )
        .await;
    confirmed(&stage, "file-1.csv:#1", &["p1-capture"], "eve")
        .await
        .expect("matched");
    undone(&stage, "file-2.csv").await;
    unmatched(&stage, "file-1.csv:#1").await.expect("undone");
    let sql = "select class || ' ' || state from break order by id";
    let rows = stage.test.admin.query(sql, &[]).await.expect("breaks");
    let found: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    // Its file is undone: nothing is missing by it any more. What the match left went with it.
    assert_eq!(
        found,
        [
            "MISSING_IN_LEDGER open",
            "MISSING_IN_FILE resolved",
            "AMOUNT_MISMATCH resolved"
        ]
    );
    stage.holds().await;
}

#[tokio::test]
async fn what_is_read_otherwise_in_quarantine_is_what_a_release_books() {
    let mut stage = Stage::of(SETTINGS).await;
    stage.go_on("sale p1 80.00 USD ref=A1 at=2026-03-02").await;
    let file = stage.write_file(&["Settled +80.00 USD ref=A1 batch=1"], "2026-03-03");
    let text = stage.text_of(&file);
    let (head, payout) = text.trim_end().rsplit_once('\n').expect("a payout row");
    let file = stage.write_text("untrue.csv", &format!("{head}\n{}\n", payout.replace("80.00", "79.00")));
    for (on, files) in [
        ("2026-03-03", 1),
        ("2026-03-03", 1),
        ("2026-03-04", 2),
        ("2026-03-04", 2),
    ] {
        let found = booked(&stage, &file, on).await;
        assert!(matches!(found.outcome, FileOutcome::Quarantined { .. }), "{found:?}");
        assert_eq!(files_of(&stage).await.len(), files, "{on}");
    }
    released(&stage, "untrue.csv", "ada").await.expect("presented");
    let done = released(&stage, "untrue.csv", "bob").await.expect("released");
    let Release::Booked { found, .. } = done else {
        panic!("{done:?}")
    };
    assert_eq!(found.as_of, Some(day("2026-03-04")));
    assert_eq!(files_of(&stage).await, ["untrue.csv superseded", "untrue.csv booked"]);
    let sql = "select count(*) from break where state <> 'resolved'";
    let open: i64 = stage.test.admin.query_one(sql, &[]).await.expect("breaks").get(0);
    assert_eq!(open, 0);
}

/// Under another acquirer's name by mistake, where it would not be booked either, it stays with the one that it is of.
#[tokio::test]
async fn a_file_in_quarantine_stays_with_its_acquirer() {
    let mut stage = Stage::of(SETTINGS).await;
    stage.go_on("sale p1 80.00 USD ref=A1 at=2026-03-02").await;
    let file = stage.write_file(&["Settled +80.00 USD ref=A1 batch=1"], "2026-03-03");
    let text = stage.text_of(&file);
    let (head, payout) = text.trim_end().rsplit_once('\n').expect("a payout row");
    let file = stage
        .write_text("untrue.csv", &format!("{head}\n{}\n", payout.replace("80.00", "79.00")))
        .presented_by(Some("ada".to_owned()));
    booked(&stage, &file, "2026-03-03").await;
    let mistyped = Request {
        file: &file,
        acquirer: "phone",
        as_of: Some(day("2026-03-03")),
        today: chrono::NaiveDate::MAX,
    };
    let told = stage.test.store.reconcile(&stage.deployment, &mistyped, &|_| {}).await;
    let outcome = told.expect("an outcome").outcome;
    assert!(
        matches!(&outcome, FileOutcome::Duplicate { acquirer, .. } if acquirer == "north"),
        "{outcome:?}"
    );
    assert_eq!(files_of(&stage).await, ["untrue.csv quarantined"]);
    // Read otherwise, and presented by nobody this time: who did is known, and is not who releases it.
    let file = file.presented_by(None);
    booked(&stage, &file, "2026-03-04").await;
    let refused = released(&stage, "untrue.csv", "ada").await.expect_err("one person");
    assert!(matches!(refused, FilesError::OnePerson { .. }), "{refused}");
    released(&stage, "untrue.csv", "bob").await.expect("released");
    stage.holds().await;
}

#[tokio::test]
async fn what_is_no_new_version_is_released_beside_the_other() {
    let mut stage = Stage::of(SETTINGS).await;
    stage
        .go_on(
            "sale p1 80.00 USD ref=A1 at=2026-03-02
             sale p2 50.00 USD ref=A2 at=2026-03-02
             file north 2026-03-03
             Settled +80.00 USD ref=A1 batch=7",
        )
        .await;
    let file = stage.write_file(&["Settled +50.00 USD ref=A2 batch=7"], "2026-03-03");
    let found = booked(&stage, &file, "2026-03-03").await;
    assert!(matches!(found.outcome, FileOutcome::Quarantined { .. }), "{found:?}");
    let ask = |by: &'static str| files::Request {
        file: "file-2.csv",
        by,
        reason: "two accounts, one number",
        beside: true,
    };
    for by in ["ada", "bob"] {
        let released = stage
            .test
            .store
            .release_file(&stage.deployment, &ask(by), &|_| {})
            .await;
        released.expect("released");
        stage.holds().await;
    }
    assert_eq!(files_of(&stage).await, ["file-1.csv booked", "file-2.csv booked"]);
    stage.go_on("is all USD 1100=0.00 1110=130.00").await;
}
