//! In which order and in how many files lines come, and what a file is called, changes nothing: the same matches, breaks and
//! balances.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::fs;

use crate::day::{Day, Outcome, outcome, reconcile, shuffled, simulated};
use crate::desk::Desk;
use crate::support;

/// A settlement file by its name, and the file that proves it.
type File = (String, Option<String>);

/// A day of plain cards in a form.
fn day_of(format: &str) -> (tempfile::TempDir, Day) {
    simulated(&format!(
        "--profile card --file-format {format} --payments 120 --merchants 6 --seed 42"
    ))
}

/// A database on which the day's events are recorded.
async fn recorded(day: &Day) -> String {
    let desk = Desk::new().await;
    desk.run(&["settings", "apply", &day.file("settings.toml")]).exits(0);
    desk.run(&["record", &day.file("events.jsonl")]).exits(0);
    desk.database.url
}

/// A desk on a copy of such a database.
async fn desk_on(recorded: &str) -> Desk {
    Desk::on(support::store_on(support::copy_of(recorded).await).await)
}

/// What the day's settlement file comes to as it is, and its text.
async fn plain(day: &Day, recorded: &str) -> (Outcome, String) {
    let file = day.settlement("").expect("a settlement file");
    let desk = desk_on(recorded).await;
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
        let recorded = recorded(&day).await;
        let (expected, text) = plain(&day, &recorded).await;
        assert!(expected.breaks() > 10, "{format}");
        let desk = desk_on(&recorded).await;
        let other = mixed(format, &text, 3);
        assert_ne!(other, text, "{format}");
        desk.write("mixed", other);
        let proof = day.settlement("").expect("a settlement file").1;
        desk.run(&reconcile(&day, &("mixed".to_owned(), proof), &["--execute"]))
            .exits(2);
        assert_eq!(outcome(&desk).await, expected, "{format}");
    }
}

/// The cells of a row.
fn cells(line: &str, separator: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(separator)
        .from_reader(line.as_bytes());
    let record = reader.records().next().expect("a record").expect("a record");
    record.iter().map(str::to_owned).collect()
}

/// Whether rows of a currency go into the first half.
fn is_first(currency: &str) -> bool {
    ["EUR", "JPY"].contains(&currency.to_uppercase().as_str())
}

/// A file cut in two by the currency of its batches, each half with what proves it: its text, and that of the file beside it.
fn halves(format: &str, text: &str, proof: Option<&str>) -> [(String, Option<String>); 2] {
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: Vec<String>| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    [true, false].map(|half| match format {
        "paypal" => (joined(paypal_half(&lines, half)), None),
        "profile" => (joined(profile_half(&lines, half)), None),
        _ => {
            let column = match format {
                "adyen" => "Net Currency",
                "checkout" => "Holding Currency",
                _ => "currency",
            };
            let place = |header: &str, column: &str| {
                let names = cells(header, b',');
                names.iter().position(|name| name == column).expect("a column")
            };
            let currency = place(lines[0], column);
            let (rows, others): (Vec<&str>, Vec<&str>) = lines[1..]
                .iter()
                .copied()
                .partition(|line| is_first(&cells(line, b',')[currency]) == half);
            assert!(!rows.is_empty() && !others.is_empty(), "{format}");
            let beside = proof.map(|proof| {
                let payout = |line: &str, header: &str| cells(line, b',')[place(header, "Payout ID")].clone();
                let paid: Vec<String> = rows.iter().map(|row| payout(row, lines[0])).collect();
                let proof: Vec<&str> = proof.lines().collect();
                let of_half = proof[1..].iter().filter(|row| paid.contains(&payout(row, proof[0])));
                let of_half = std::iter::once(&proof[0]).chain(of_half);
                joined(of_half.map(|line| (*line).to_owned()).collect())
            });
            let rows = std::iter::once(&lines[0]).chain(&rows);
            (joined(rows.map(|line| (*line).to_owned()).collect()), beside)
        }
    })
}

/// The rows and footers of some currencies, counted anew.
fn paypal_half(lines: &[&str], half: bool) -> Vec<String> {
    let names = cells(
        lines.iter().find(|line| line.starts_with("CH,")).expect("columns"),
        b',',
    );
    let place = names.iter().position(|name| name == "Gross Transaction Currency");
    let place = place.expect("a column");
    let belongs = |line: &&&str| match line.split(',').next() {
        Some("SB") => is_first(&cells(line, b',')[place]) == half,
        Some("SF" | "RF") => is_first(&cells(line, b',')[1]) == half,
        _ => true,
    };
    let rows = lines
        .iter()
        .filter(belongs)
        .filter(|line| line.starts_with("SB,"))
        .count();
    let counted = |line: &&str| match line.split(',').next() {
        Some(kind @ ("SC" | "RC" | "FF")) => format!("{kind},{rows}"),
        _ => (*line).to_owned(),
    };
    lines.iter().filter(belongs).map(counted).collect()
}

/// The rows of some currencies, with their count and the sum over them in thousandths.
fn profile_half(lines: &[&str], half: bool) -> Vec<String> {
    let names = cells(lines[0], b';');
    let place = |name: &str| names.iter().position(|known| known == name).expect("a column");
    let [currency, settled, flag] = ["Settled in", "Settled", "Settled D/C"].map(place);
    let is_row = |line: &&&str| !["COUNT;", "CHECKSUM;"].iter().any(|mark| line.starts_with(mark));
    let rows: Vec<Vec<String>> = lines[1..]
        .iter()
        .filter(is_row)
        .map(|line| cells(line, b';'))
        .filter(|cells| is_first(&cells[currency]) == half)
        .collect();
    let thousandths = |cells: &Vec<String>| -> i64 {
        let (whole, part) = cells[settled].split_once(',').unwrap_or((&cells[settled], ""));
        let amount: i64 = format!("{whole}{part:0<3}").parse().expect("an amount");
        if cells[flag] == "D" { -amount } else { amount }
    };
    let sum: i64 = rows.iter().map(thousandths).sum();
    let sign = if sum < 0 { "-" } else { "" };
    let sum = format!("CHECKSUM;{sign}{},{:03}", sum.abs() / 1000, sum.abs() % 1000);
    let rows_of = |line: &&&str| is_row(line) && is_first(&cells(line, b';')[currency]) == half;
    let mut found = vec![lines[0].to_owned()];
    found.extend(lines[1..].iter().filter(rows_of).map(|line| (*line).to_owned()));
    found.extend([format!("COUNT;{}", rows.len()), sum]);
    found
}

#[tokio::test]
async fn a_file_may_come_in_two_and_both_at_once() {
    in_two(["adyen", "stripe", "toss-csv"]).await;
}

#[tokio::test]
async fn a_file_that_proves_itself_may_come_in_two_each_with_its_proof() {
    in_two(["paypal", "checkout", "profile"]).await;
}

async fn in_two(formats: [&str; 3]) {
    for format in formats {
        let (_folder, day) = day_of(format);
        let recorded = recorded(&day).await;
        let (expected, text) = plain(&day, &recorded).await;
        let proof = day.settlement("").expect("a settlement file").1;
        let proof = proof.map(|proof| fs::read_to_string(proof).expect("a text"));
        let halves = halves(format, &text, proof.as_deref());
        let files: [File; 2] = ["one.csv", "two.csv"].map(|name| {
            let beside = proof.is_some().then(|| format!("proof-of-{name}"));
            (name.to_owned(), beside)
        });
        let begun = async || {
            let desk = desk_on(&recorded).await;
            for ((half, beside), (name, proof)) in halves.iter().zip(&files) {
                desk.write(name, half);
                if let (Some(proof), Some(beside)) = (proof, beside) {
                    desk.write(proof, beside);
                }
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
    let recorded = recorded(&day).await;
    let (expected, text) = plain(&day, &recorded).await;
    let renamed = desk_on(&recorded).await;
    renamed.write("another name.csv", &text);
    let file: File = ("another name.csv".to_owned(), None);
    renamed.run(&reconcile(&day, &file, &["--execute"])).exits(2);
    assert_eq!(outcome(&renamed).await, expected);

    let desk = desk_on(&recorded).await;
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
