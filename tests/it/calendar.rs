//! Calendars in the database and at the desk: versions, what changes, and which one counts.

use acquit::calendar::{BusinessDays, Calendar, Change};
use acquit::store::StoreError;
use acquit::store::calendar::Imported;
use chrono::{NaiveDate, TimeDelta};
use futures_util::future::join_all;
use tokio_postgres::error::SqlState;

use crate::desk::Desk;
use crate::support;

const KR: &str = include_str!("../../fixtures/calendars/KR.csv");
const TARGET2: &str = include_str!("../../fixtures/calendars/TARGET2.csv");

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// Korea as one knew it before Constitution Day came back as a holiday.
fn before_constitution_day() -> String {
    KR.replace("holiday,2026-07-17,Constitution Day\n", "")
}

async fn import(store: &acquit::store::Store, content: &str) -> Result<Imported, StoreError> {
    let calendar = Calendar::parse(content.as_bytes()).expect("a calendar");
    store.import_calendar(&calendar, content).await
}

#[tokio::test]
async fn a_due_date_is_counted_with_the_version_of_its_day() {
    let test = support::store().await;
    let store = &test.store;
    let (old, new) = (before_constitution_day(), KR);
    assert_eq!(import(store, &old).await.expect("imported"), Imported::First);
    assert_eq!(import(store, TARGET2).await.expect("imported"), Imported::First);
    // The same file twice is once.
    let again = import(store, &old).await.expect("imported");
    assert_eq!(again, Imported::Already { number: 1 });
    let changes = vec![Change::Added(day("2026-07-17"), "Constitution Day".to_owned())];
    let second = import(store, new).await.expect("imported");
    assert_eq!(second, Imported::New { number: 2, changes });

    let deployment = store.deployment().await.expect("a deployment");
    assert!(deployment.calendar("JP").is_none());
    assert!(deployment.calendar("kr").is_none());
    let friday_after = |calendar: &Calendar| BusinessDays(&[calendar]).plus(day("2026-07-16"), 1).expect("covered");
    let in_force = deployment.calendar("KR").expect("a calendar");
    assert_eq!(friday_after(in_force), day("2026-07-20"));
    let calendars = deployment.calendars();
    let [first, second] = [1, 2].map(|number| calendars.version("KR", number).expect("a version"));
    let moment = TimeDelta::microseconds(1);
    for (at, expected) in [
        (first.imported_at - moment, None),
        (first.imported_at, Some("2026-07-17")),
        (second.imported_at - moment, Some("2026-07-17")),
        (second.imported_at, Some("2026-07-20")),
        (second.imported_at + TimeDelta::days(9), Some("2026-07-20")),
    ] {
        let counted = deployment.calendar_at("KR", at).map(|calendar| friday_after(calendar));
        assert_eq!(counted, expected.map(day), "{at}");
    }

    // What was replaced may come back, as a version of its own.
    let changes = vec![Change::Removed(day("2026-07-17"), "Constitution Day".to_owned())];
    let back = import(store, &old).await.expect("imported");
    assert_eq!(back, Imported::New { number: 3, changes });
    let deployment = store.deployment().await.expect("a deployment");
    assert_eq!(
        friday_after(deployment.calendar("KR").expect("a calendar")),
        day("2026-07-17")
    );
}

#[tokio::test]
async fn ten_imports_at_once_are_one() {
    let test = support::store().await;
    let imports = (0..10).map(|_| import(&test.store, KR));
    let mut came_to: Vec<Imported> = join_all(imports)
        .await
        .into_iter()
        .map(|imported| imported.expect("imported"))
        .collect();
    came_to.sort_by_key(|imported| matches!(imported, Imported::Already { .. }));
    assert_eq!(came_to[0], Imported::First);
    assert!(
        came_to[1..]
            .iter()
            .all(|imported| *imported == Imported::Already { number: 1 })
    );
    let calendars = test.store.calendars().await.expect("calendars");
    assert_eq!(
        calendars
            .iter()
            .map(|(name, versions)| (name, versions.len()))
            .collect::<Vec<_>>(),
        [("KR", 1)]
    );
}

#[tokio::test]
async fn the_database_holds_the_rules_too() {
    let test = support::store().await;
    import(&test.store, KR).await.expect("imported");
    for (values, constraint) in [
        ("'KR', 1, sha256('x'), 'x'", "calendar_version_identity"),
        ("'KR', 0, sha256('x'), 'x'", "calendar_version_number"),
        ("'KR', 2, 'x', 'x'", "calendar_version_digest"),
    ] {
        let sql = format!("insert into calendar_version (name, number, digest, content) values ({values})");
        let error = test.admin.batch_execute(&sql).await.expect_err(constraint);
        let refused = error.as_db_error().expect("a refusal");
        assert_eq!(refused.constraint(), Some(constraint));
    }
    // A row by another hand that is no calendar is not passed over.
    let sql = "insert into calendar_version (name, number, digest, content) values ('KR', 2, sha256('x'), 'x')";
    test.admin.batch_execute(sql).await.expect("inserted");
    let error = test.store.deployment().await.expect_err("an unreadable calendar");
    assert_eq!(
        error.to_string(),
        "the database holds version 2 of calendar KR with line 1: the first line must be `kind,value,name`, which this version cannot read"
    );
    let error = test
        .admin
        .batch_execute("delete from calendar_version")
        .await
        .expect_err("refused");
    assert_eq!(error.code(), Some(&SqlState::RESTRICT_VIOLATION));
}

#[tokio::test]
async fn a_person_imports_and_looks() {
    let desk = Desk::new().await;
    desk.write("old.csv", before_constitution_day());
    desk.write("new.csv", KR);
    desk.write("euro.csv", TARGET2);
    let described = "2025-01-01 to 2027-12-31, 65 holidays, weekend Sat Sun";
    let ran = desk.run(&["calendar", "import", "old.csv"]).exits(0);
    assert_eq!(ran.out, format!("imported calendar KR, version 1: {described}\n"));
    let before = desk.state().await;
    let ran = desk.run(&["calendar", "import", "old.csv"]).exits(0);
    assert_eq!(
        ran.out,
        format!("in force already: calendar KR, version 1: {described}\n")
    );
    assert_eq!(desk.state().await, before);
    let ran = desk.run(&["calendar", "import", "new.csv", "--format", "csv"]).exits(0);
    assert_eq!(
        ran.out,
        "change,day,weekday,name,before\nadded,2026-07-17,Fri,Constitution Day,\n"
    );
    desk.run(&["calendar", "import", "euro.csv"]).exits(0);

    let rows = desk.run(&["calendar", "list", "--format", "json"]).exits(0).rows();
    let versions = |rows: &[serde_json::Value]| -> Vec<String> {
        let cells = |row: &serde_json::Value| format!("{} {} {}", row["name"], row["version"], row["holidays"]);
        rows.iter().map(|row| cells(row).replace('"', "")).collect()
    };
    assert_eq!(versions(&rows), ["KR 2 66", "TARGET2 1 36"]);
    let rows = desk
        .run(&["calendar", "list", "--all", "--format", "json"])
        .exits(0)
        .rows();
    assert_eq!(versions(&rows), ["KR 1 65", "KR 2 66", "TARGET2 1 36"]);

    let shown = desk.run(&["calendar", "show", "TARGET2"]).exits(0);
    shown.says(&[
        "Calendar TARGET2, version 1: 2025-01-01 to 2030-12-31, 36 holidays, weekend Sat Sun\nEuro: closing days",
        "2026-04-03  Fri      Good Friday",
    ]);
    let rows = desk
        .run(&["calendar", "show", "KR", "--version", "1", "--format", "json"])
        .exits(0)
        .rows();
    assert_eq!(rows.len(), 65);
    desk.run(&["calendar", "show", "JP"])
        .exits(1)
        .says(&["there is no calendar `JP`"]);
    desk.run(&["calendar", "show", "KR", "--version", "3"])
        .exits(1)
        .says(&["there is no version 3 of calendar `KR`"]);
}

#[tokio::test]
async fn a_file_that_is_wrong_is_refused_whole() {
    let desk = Desk::new().await;
    let before = desk.state().await;
    desk.write(
        "wrong.csv",
        KR.replace("2026-07-17", "2026-17-07")
            .replace("weekend,Sunday", "weekend,Sonntag"),
    );
    desk.run(&["calendar", "import", "wrong.csv"]).exits(1).says(&[
        "error: wrong.csv is refused, nothing was imported\n",
        "line 4, column value: `Sonntag` is no day of the week",
        "line 39, column value: `2026-17-07` is not a day: write YYYY-MM-DD",
    ]);
    desk.write("large.csv", vec![b'x'; 3_000_000]);
    desk.run(&["calendar", "import", "large.csv"])
        .exits(1)
        .says(&["line 1: the file is larger than 1000000 bytes"]);
    desk.run(&["calendar", "import", "missing.csv"])
        .exits(1)
        .says(&["missing.csv cannot be read"]);
    assert_eq!(desk.state().await, before);
}
