//! In which order and in how many files lines come, and what a file is called, changes nothing: the same matches, breaks and
//! balances.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::fs;

use crate::day::{Day, Outcome, outcome, reconcile, shuffled, simulated};
use crate::desk::Desk;

/// A settlement file by its name, and the file that proves it.
type File = (String, Option<String>);

/// A day of plain cards in a form.
fn day_of(format: &str) -> (tempfile::TempDir, Day) {
    simulated(&format!(
        "--profile card --file-format {format} --payments 120 --merchants 6 --seed 42"
    ))
}

/// A desk on which the day's events are recorded.
async fn recorded(day: &Day) -> Desk {
    let desk = Desk::new().await;
    desk.run(&["settings", "apply", &day.file("settings.toml")]).exits(0);
    desk.run(&["record", &day.file("events.jsonl")]).exits(0);
    desk
}

/// What the day's settlement file comes to as it is, and its text.
async fn plain(day: &Day) -> (Outcome, String) {
    let file = day.settlement("").expect("a settlement file");
    let desk = recorded(day).await;
    desk.run(&reconcile(day, &file, &["--execute"])).exits(2);
    (outcome(&desk).await, fs::read_to_string(&file.0).expect("a text"))
}

/// The rows of a file in another order; what stands before and after them stays.
fn mixed(format: &str, text: &str, seed: u64) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |line: &&str| match format {
        "paypal" => line.starts_with("SB,"),
        "toss-json" => line.starts_with('{'),
        "profile" => !["Kind;", "COUNT;", "CHECKSUM;"]
            .iter()
            .any(|mark| line.starts_with(mark)),
        _ => *line != lines[0],
    };
    let first = lines.iter().position(is_row).expect("a row");
    let count = lines.iter().filter(|line| is_row(line)).count();
    let rows: Vec<&str> = lines[first..first + count]
        .iter()
        .map(|row| row.trim_end_matches(if format == "toss-json" { ',' } else { '\n' }))
        .collect();
    let rows = shuffled(&rows.join("\n"), 0, seed);
    let rows = match format {
        "toss-json" => rows.trim_end().replace('\n', ",\n") + "\n",
        _ => rows,
    };
    let [before, after] = [&lines[..first], &lines[first + count..]];
    let part = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    part(before) + &rows + &part(after)
}

#[tokio::test]
async fn rows_may_come_in_any_order() {
    // Messages of a clearing file are numbered: their order is part of the file.
    for format in ["stripe", "paypal", "checkout", "toss-csv", "toss-json", "profile"] {
        let (_folder, day) = day_of(format);
        let (expected, text) = plain(&day).await;
        assert!(expected.breaks() > 10, "{format}");
        let desk = recorded(&day).await;
        let other = mixed(format, &text, 3);
        assert_ne!(other, text, "{format}");
        desk.write("mixed", other);
        let proof = day.settlement("").expect("a settlement file").1;
        desk.run(&reconcile(&day, &("mixed".to_owned(), proof), &["--execute"]))
            .exits(2);
        assert_eq!(outcome(&desk).await, expected, "{format}");
    }
}

/// A file cut in two by the currency of its batches, each with its own proof.
fn halves(text: &str, column: &str) -> [String; 2] {
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let cells = |line: &str| {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(line.as_bytes());
        let record = reader.records().next().expect("a record").expect("a record");
        record.iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let place = cells(header).iter().position(|name| name == column).expect("a column");
    let (first, second): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| ["EUR", "JPY"].contains(&cells(line)[place].to_uppercase().as_str()));
    [first, second].map(|rows| format!("{header}\n{}\n", rows.join("\n")))
}

#[tokio::test]
async fn a_file_may_come_in_two_and_both_at_once() {
    for (format, column) in [
        ("adyen", "Net Currency"),
        ("stripe", "currency"),
        ("toss-csv", "currency"),
    ] {
        let (_folder, day) = day_of(format);
        let (expected, text) = plain(&day).await;
        let halves = halves(&text, column);
        let files: [File; 2] = ["one.csv", "two.csv"].map(|name| (name.to_owned(), None));
        let begun = async || {
            let desk = recorded(&day).await;
            for (half, (name, _)) in halves.iter().zip(&files) {
                desk.write(name, half);
            }
            desk
        };
        for order in [[0, 1], [1, 0]] {
            let desk = begun().await;
            for place in order {
                desk.run(&reconcile(&day, &files[place], &["--execute"])).exits(2);
            }
            assert_eq!(outcome(&desk).await, expected, "{format}: {order:?}");
        }
        let desk = begun().await;
        let codes = at_once(
            &desk,
            files.each_ref().map(|file| reconcile(&day, file, &["--execute"])),
        );
        assert_eq!(codes, [2, 2], "{format}");
        assert_eq!(outcome(&desk).await, expected, "{format}: both at once");
        desk.is_sound().await;
    }
}

#[tokio::test]
async fn a_file_under_two_names_at_once_is_booked_once() {
    let (_folder, day) = day_of("adyen");
    let (expected, text) = plain(&day).await;
    let renamed = recorded(&day).await;
    renamed.write("another name.csv", &text);
    let file: File = ("another name.csv".to_owned(), None);
    renamed.run(&reconcile(&day, &file, &["--execute"])).exits(2);
    assert_eq!(outcome(&renamed).await, expected);

    let desk = recorded(&day).await;
    let files: [File; 2] = ["one.csv", "two.csv"].map(|name| (name.to_owned(), None));
    for (name, _) in &files {
        desk.write(name, &text);
    }
    let mut codes = at_once(
        &desk,
        files.each_ref().map(|file| reconcile(&day, file, &["--execute"])),
    );
    codes.sort_unstable();
    assert_eq!(codes, [1, 2], "one is the other's copy");
    let found = outcome(&desk).await;
    assert_eq!(found.without("DUPLICATE_FILE"), expected);
    assert_eq!(found.breaks(), expected.breaks() + 1);
    desk.is_sound().await;
}

/// Runs two commands at once; how they end.
fn at_once(desk: &Desk, commands: [Vec<&str>; 2]) -> [i32; 2] {
    let begun = commands.map(|arguments| {
        let mut command = desk.database.acquit();
        command.current_dir(desk.path()).args(arguments);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        command.spawn().expect("the binary runs")
    });
    begun.map(|mut child| child.wait().expect("an end").code().expect("a code"))
}
