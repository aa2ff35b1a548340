//! Whether all files came: numbers of batches without a gap, balances that begin with what the ones before ended with, and a file
//! for each business day.

use crate::desk::Desk;
use crate::reconcile::settlement_file;

const SETTINGS: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "Europe/Berlin"
bank_account = "main"
[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3
numbered_batches = true
expects = { calendar = "bank", within_days = 1 }
[[acquirer]]
name = "south"
contract = "net"
settles_within_days = 3
"#;

async fn desk() -> Desk {
    let desk = Desk::new().await;
    desk.write(
        "bank.csv",
        "kind,value,name\ncalendar,bank,A bank\nweekend,Saturday,\nweekend,Sunday,\nfrom,2026-01-01,\nuntil,2026-12-31,\nholiday,2026-03-05,A holiday\n",
    );
    desk.run(&["calendar", "import", "bank.csv"]).exits(0);
    desk.write("settings.toml", SETTINGS);
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    desk
}

/// Books a file of fees in these batches on a day; its name is its batches'.
fn file(desk: &Desk, acquirer: &str, batches: &[&str], day: &str, exit: i32) -> String {
    let lines: Vec<String> = batches
        .iter()
        .map(|batch| format!("Fee net=-1.00EUR batch={batch} day={day}"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let name = format!("{acquirer}-{}.csv", batches.join("-"));
    desk.write(&name, settlement_file(&lines));
    desk.run(&["reconcile", &name, "--acquirer", acquirer, "--execute"])
        .exits(exit);
    name
}

/// A report of one row of 1.00 EUR on a day of March, whose balance begins with so many cents; and its name.
fn statement(desk: &Desk, day: u8, opening: i64, version: u8) -> String {
    let side = |amount: i64| format!("{},{}", if amount < 0 { "DR" } else { "CR" }, amount.abs());
    let (from, until) = (
        format!("2026/03/{day:02} 00:00:00 -0800"),
        format!("2026/03/{day:02} 23:59:59 -0800"),
    );
    let footer = format!(
        "EUR,100,0,0,0,{},{},CR,0,CR,0,CR,0,CR,0,1",
        side(opening),
        side(opening.saturating_add(100))
    );
    let name = format!("STL-202603{day:02}.01.{version:03}.csv");
    desk.write(
        &name,
        format!(
            "RH,{until},A,ACC,9\nFH,01\nSH,{from},{until},ACC,\n\
             CH,Transaction ID,Invoice ID,PayPal Reference ID,Transaction Event Code,Transaction Completion Date,\
             Transaction Debit or Credit,Gross Transaction Amount,Gross Transaction Currency,Fee Debit or Credit,Fee Amount,\
             Fee Currency,Custom Field\n\
             SB,T{day},,,T1900,{from},CR,100,EUR,,,,version {version}\nSF,{footer}\nSC,1\nRF,{footer}\nRC,1\nFF,1\n"
        ),
    );
    name
}

/// Breaks of missing files, by number.
async fn missing(desk: &Desk) -> Vec<String> {
    let sql = "select state || coalesce(' ' || resolution, '') || ' ' || detail from break where class = 'MISSING_FILE' order by id";
    let rows = desk.database.admin.query(sql, &[]).await.expect("breaks");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_gap_is_named_until_it_is_filled() {
    let desk = desk().await;
    file(&desk, "north", &["41"], "2026-03-02", 0);
    file(&desk, "north", &["42"], "2026-03-03", 0);
    assert_eq!(missing(&desk).await, [""; 0]);
    file(&desk, "north", &["45"], "2026-03-04", 2);
    let [first, second] = [43, 44].map(|number| format!("open batch {number} has not come: 45 came after 42"));
    assert_eq!(missing(&desk).await, [first.clone(), second.clone()]);
    // The next one in a row shows nothing new, and the same file again neither.
    file(&desk, "north", &["46"], "2026-03-04", 0);
    file(&desk, "north", &["45"], "2026-03-04", 2);
    assert_eq!(missing(&desk).await, [first, second.clone()]);
    let late = file(&desk, "north", &["43"], "2026-03-04", 0);
    let came = "resolved timing batch 43 has not come: 45 came after 42";
    assert_eq!(missing(&desk).await, [came.to_owned(), second.clone()]);
    // What is undone has not come; what comes beside the gap says so again.
    desk.run(&["reconcile", "undo", &late, "--by", "ann", "--execute"])
        .exits(0);
    file(&desk, "north", &["44"], "2026-03-05", 2);
    assert_eq!(
        missing(&desk).await,
        [
            came,
            "resolved timing batch 44 has not come: 45 came after 42",
            "open batch 43 has not come: 44 came after 42",
        ]
    );
    desk.run(&["reconcile", &late, "--acquirer", "north", "--execute"])
        .exits(0);
    assert_eq!(
        missing(&desk).await[2],
        "resolved timing batch 43 has not come: 44 came after 42"
    );
    desk.is_sound().await;
}

#[tokio::test]
async fn names_that_are_no_numbers_and_who_does_not_number_have_no_gaps() {
    let desk = desk().await;
    file(&desk, "north", &["1", "x-2", "2026-03"], "2026-03-02", 0);
    file(&desk, "north", &["2", "3"], "2026-03-03", 0);
    file(&desk, "south", &["1"], "2026-03-02", 0);
    file(&desk, "south", &["9"], "2026-03-03", 0);
    assert_eq!(missing(&desk).await, [""; 0]);
    // More than a hundred at once are no gap but other numbers: the first hundred tell.
    file(&desk, "north", &["1000"], "2026-03-04", 2);
    let all = missing(&desk).await;
    assert_eq!(all.len(), 100);
    assert_eq!(all[0], "open batch 4 has not come: 1000 came after 3");
    desk.is_sound().await;
}

#[tokio::test]
async fn a_balance_begins_with_what_the_one_before_ended_with() {
    let desk = desk().await;
    let book = |day, opening, version, exit| {
        let name = statement(&desk, day, opening, version);
        desk.run(&["reconcile", &name, "--acquirer", "south", "--execute"])
            .exits(exit)
    };
    let gap = |state: &str, day: u8, opening: &str, ended: u8, closing: &str| {
        format!(
            "{state} balance of ACC in EUR at 2026-03-{day:02}T08:00:00Z: it begins with {opening} EUR, the one before ended with \
             {closing} EUR at 2026-03-{ended:02}T07:59:59Z; a file between them has not come"
        )
    };
    // Each row is of no known kind, so every file has a break of its own and ends with 2.
    book(2, -150, 1, 2);
    book(3, -50, 1, 2);
    assert_eq!(missing(&desk).await, [""; 0]);
    // Two days are missing between, which moved 2.00: the file is booked, and the gap is told once.
    book(6, 250, 1, 2);
    assert_eq!(missing(&desk).await, [gap("open", 6, "2.50", 4, "0.50")]);
    book(7, 350, 1, 2);
    // A day without a row of its own in between is no gap where balances agree.
    book(9, 450, 1, 2);
    assert_eq!(missing(&desk).await, [gap("open", 6, "2.50", 4, "0.50")]);
    // Nothing fits between two days: one of both files is wrong, and the later to come is not booked.
    let before = desk.balances().await;
    let wrong = book(4, 40, 1, 1);
    wrong.says(&[
        "balance of ACC in EUR at 2026-03-04T08:00:00Z: it begins with 0.40 EUR, the one before ended with 0.50 EUR at \
         2026-03-04T07:59:59Z",
    ]);
    assert_eq!(desk.balances().await, before);
    desk.run(&[
        "files",
        "reject",
        "STL-20260304.01.001.csv",
        "--by",
        "ann",
        "--reason",
        "wrong",
    ])
    .exits(0);
    // What comes in its place fills one day of the gap, and the last day fills it.
    book(4, 50, 2, 2);
    assert_eq!(missing(&desk).await, [gap("open", 6, "2.50", 4, "0.50")]);
    book(5, 150, 1, 2);
    assert_eq!(missing(&desk).await, [gap("resolved timing", 6, "2.50", 4, "0.50")]);
    // Another version of a booked day takes its place only when somebody says so.
    let again = book(3, -50, 2, 1);
    again.says(&["account ACC came before with other content, in STL-20260303.01.001.csv"]);
    desk.is_sound().await;
}

#[tokio::test]
async fn a_report_with_a_file_missing_is_a_day_that_is_missing() {
    let desk = desk().await;
    let whole = desk.read(&statement(&desk, 4, 0, 1));
    let head: Vec<&str> = whole.lines().take(4).collect();
    let third = format!("{}\nFF,0\n", head.join("\n").replace("FH,01", "FH,03"));
    desk.write("STL-20260304.03.001.csv", third);
    let first = whole.split("SF,").next().expect("rows").to_owned() + "FF,1\n";
    desk.write("STL-20260304.01.001.csv", first);
    let before = desk.state().await;
    let refused = |with: &[&str], words: &str| {
        let mut command = vec![
            "reconcile",
            "STL-20260304.01.001.csv",
            "--acquirer",
            "north",
            "--execute",
        ];
        for name in with {
            command.extend(["--with", name]);
        }
        desk.run(&command).exits(1).says(&[words]);
    };
    refused(&[], "the report goes on in another file: give it by --with");
    refused(
        &["STL-20260304.03.001.csv"],
        "is file 3 of its report where file 2 is due: give all, in order, by --with",
    );
    assert_eq!(desk.state().await, before, "nothing of it is kept");
    desk.run(&["files", "expected", "--from", "2026-03-04", "--to", "2026-03-04"])
        .exits(0)
        .says(&["awaited"]);
    file(&desk, "north", &["1"], "2026-03-06", 0);
    desk.run(&["files", "expected", "--from", "2026-03-04", "--to", "2026-03-06"])
        .exits(2)
        .says(&["2026-03-04", "missing"]);
    desk.is_sound().await;
}

#[tokio::test]
async fn every_business_day_has_its_file() {
    let desk = desk().await;
    // Monday and Wednesday are there, Tuesday's does not add up; Thursday is a holiday.
    file(&desk, "north", &["1"], "2026-03-02", 0);
    file(&desk, "north", &["3"], "2026-03-04", 2);
    let text = settlement_file(&["Fee net=-1.00EUR batch=2 day=2026-03-03"])
        .replace("MerchantPayout,TX,,,,,EUR,,1.00", "MerchantPayout,TX,,,,,EUR,,1.01");
    desk.write("tuesday.csv", text);
    desk.run(&["reconcile", "tuesday.csv", "--acquirer", "north", "--execute"])
        .exits(1);
    let told = |to: &str, exit| -> Vec<String> {
        let command = [
            "files",
            "expected",
            "--from",
            "2026-02-27",
            "--to",
            to,
            "--format",
            "json",
        ];
        let rows = desk.run(&command).exits(exit).rows();
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let columns = ["acquirer", "day", "due_on", "received", "booked", "files"];
        rows.iter()
            .map(|row| columns.map(|column| text(&row[column])).join(" "))
            .collect()
    };
    let until_wednesday = [
        "north 2026-02-27 2026-02-28 0 0 missing",
        "north 2026-03-02 2026-03-03 1 1 complete",
        "north 2026-03-03 2026-03-04 1 0 not booked",
        "north 2026-03-04 2026-03-05 1 1 complete",
    ];
    let mut week = until_wednesday.map(str::to_owned).to_vec();
    assert_eq!(told("2026-03-05", 2), week);
    week.push("north 2026-03-06 2026-03-07 0 0 awaited".to_owned());
    assert_eq!(told("2026-03-07", 2), week);
    week[4] = "north 2026-03-06 2026-03-07 0 0 missing".to_owned();
    assert_eq!(told("2026-03-08", 2), week);
    desk.run(&["files", "expected", "--from", "2026-03-04", "--to", "2026-03-06"])
        .exits(0)
        .says(&["complete"]);
    desk.run(&["files", "expected", "--acquirer", "south", "--to", "2026-03-06"])
        .exits(0);
    // Nobody is said to be complete whom nobody knows, nor days that are none.
    desk.run(&["files", "expected", "--acquirer", "nord", "--to", "2026-03-06"])
        .exits(1)
        .says(&["there is no acquirer `nord`", "known are north, south"]);
    for backwards in [
        &["files", "expected"][..],
        &["report", "statement"],
        &["report", "fee-claims"],
    ] {
        let days = ["--from", "2026-03-06", "--to", "2026-03-05"];
        desk.run(&[backwards, &days].concat())
            .exits(1)
            .says(&["--from 2026-03-06 is after --to 2026-03-05"]);
    }
    // A file in quarantine has come: its number is not missing.
    assert_eq!(
        missing(&desk).await,
        ["resolved timing batch 2 has not come: 3 came after 1"]
    );
    desk.run(&["files", "expected", "--from", "2025-12-01", "--to", "2027-03-06"])
        .exits(1)
        .says(&["2027"]);
    desk.is_sound().await;
}

#[tokio::test]
async fn the_calendar_of_what_is_expected_is_known() {
    let desk = Desk::new().await;
    desk.write("settings.toml", SETTINGS);
    desk.run(&["settings", "apply", "settings.toml"])
        .exits(1)
        .says(&["line 12, column 24: `bank` is not a calendar: import one of that name first"]);
}

#[tokio::test]
async fn a_day_without_its_file_is_named_until_it_comes_or_people_say_that_none_will() {
    let desk = desk().await;
    let missing_of = |state: &str, day: u8| {
        let due = day + 1;
        format!("{state} file about 2026-03-{day:02}: it was due on 2026-03-{due:02} and has not come")
    };
    // What is before the first file is nobody's to miss; of Tuesday it is not late yet, and Thursday is a holiday.
    file(&desk, "north", &["1"], "2026-03-02", 0);
    file(&desk, "north", &["2"], "2026-03-04", 0);
    assert_eq!(missing(&desk).await, [""; 0]);
    file(&desk, "north", &["3"], "2026-03-10", 2);
    let open = [3, 6].map(|day| missing_of("open", day));
    assert_eq!(missing(&desk).await, open);
    desk.run(&["breaks", "list", "--class", "MISSING_FILE", "--format", "json"])
        .exits(0)
        .says(&["\"awaited_on\": \"2026-03-04\""]);
    // It comes, late.
    let late = file(&desk, "north", &["4"], "2026-03-03", 0);
    assert_eq!(missing(&desk).await[0], missing_of("resolved timing", 3));
    // People say that none will come: it is not named again.
    let expected = ["files", "expected", "--from", "2026-03-06", "--to", "2026-03-10"];
    desk.run(&expected).exits(2).says(&["missing"]);
    let friday = [
        "breaks",
        "resolve",
        "2",
        "--reason",
        "explained",
        "--note",
        "closed that day",
        "--by",
        "ann",
        "--execute",
    ];
    desk.run(&friday).exits(0);
    file(&desk, "north", &["5"], "2026-03-11", 2);
    let monday = missing_of("open", 9);
    let named = vec![
        missing_of("resolved timing", 3),
        missing_of("resolved timing", 6),
        monday,
    ];
    assert_eq!(missing(&desk).await, named);
    desk.run(&expected).exits(0).says(&["resolved", "awaited"]);
    // What is undone has not come.
    desk.run(&["reconcile", "undo", &late, "--by", "ann", "--execute"])
        .exits(0);
    file(&desk, "north", &["6"], "2026-03-12", 2);
    assert_eq!(missing(&desk).await[3..], [missing_of("open", 3)]);
    desk.is_sound().await;
}
