//! In which order and in how many files lines come, and what a file is called, changes nothing: the same matches, breaks and
//! balances. Where a form proves each batch within its file, a part of a batch is refused, with the reason.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::corpus::messages::Clearing;
use crate::day::{Day, Outcome, outcome, reconcile, shuffled, simulated};
use crate::desk::Desk;
use crate::support;

/// A settlement file by its name, and the file that proves it.
type File = (String, Option<String>);

/// A day of plain cards in a form: its events on a database, and what its settlement file comes to as it is.
struct Begun {
    format: &'static str,
    day: Day,
    recorded: String,
    expected: Outcome,
    content: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Begun {
    async fn of(format: &'static str) -> Self {
        let (folder, day) = simulated(&format!(
            "--profile card --file-format {format} --payments 120 --merchants 6 --seed 42"
        ));
        let recorded = recorded(&day).await;
        let file = day.settlement("").expect("a settlement file");
        let desk = desk_on(&recorded).await;
        desk.run(&reconcile(&day, &file, &["--execute"])).exits(2);
        let expected = outcome(&desk).await;
        assert!(expected.breaks() > 10, "{format}");
        Self {
            format,
            recorded,
            expected,
            content: fs::read(file.0).expect("a file"),
            day,
            _folder: folder,
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.content).expect("a text")
    }

    /// The file that proves it, if one does: its path.
    fn proof(&self) -> Option<String> {
        self.day.settlement("").expect("a settlement file").1
    }

    fn reconcile<'a>(&'a self, file: &'a File) -> Vec<&'a str> {
        reconcile(&self.day, file, &["--execute"])
    }

    /// A desk on which the events are recorded, with these files.
    async fn desk(&self, files: &[(&str, &[u8])]) -> Desk {
        let desk = desk_on(&self.recorded).await;
        for (name, content) in files {
            desk.write(name, content);
        }
        desk
    }

    /// What a desk has come to, as the whole file does.
    async fn is_as_whole(&self, desk: &Desk, what: &str) {
        assert_eq!(outcome(desk).await, self.expected, "{}: {what}", self.format);
    }
}

/// A database on which the day's events are recorded.
async fn recorded(day: &Day) -> String {
    let desk = Desk::new().await;
    desk.run(&["settings", "apply", &day.file("settings.toml")]).exits(0);
    desk.run(&["record", &day.file("events.jsonl")]).exits(0);
    desk.database.url
}

/// A desk on a copy of a database.
async fn desk_on(recorded: &str) -> Desk {
    Desk::on(support::store_on(support::copy_of(recorded).await).await)
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

impl Begun {
    async fn rows_in_another_order(&self) {
        let other = mixed(self.format, self.text(), 3);
        assert_ne!(other, self.text(), "{}", self.format);
        let desk = self.desk(&[("mixed", other.as_bytes())]).await;
        let file = ("mixed".to_owned(), self.proof());
        desk.run(&self.reconcile(&file)).exits(2);
        self.is_as_whole(&desk, "in another order").await;
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
    let currency = names.iter().position(|name| name == "Settled in").expect("a column");
    profile_of(lines, |cells| is_first(&cells[currency]) == half)
}

/// These rows of a file of the profile, counted and added up anew.
fn profile_of(lines: &[&str], is_kept: impl Fn(&[String]) -> bool) -> Vec<String> {
    let names = cells(lines[0], b';');
    let place = |name: &str| names.iter().position(|known| known == name).expect("a column");
    let [settled, flag] = ["Settled", "Settled D/C"].map(place);
    let is_row = |line: &&&str| !["COUNT;", "CHECKSUM;"].iter().any(|mark| line.starts_with(mark));
    let thousandths = |cells: &[String]| -> i64 {
        let (whole, part) = cells[settled].split_once(',').unwrap_or((&cells[settled], ""));
        let amount: i64 = format!("{whole}{part:0<3}").parse().expect("an amount");
        if cells[flag] == "D" { -amount } else { amount }
    };
    let mut sum = 0;
    let mut found = vec![lines[0].to_owned()];
    for line in lines[1..].iter().filter(is_row) {
        let cells = cells(line, b';');
        if is_kept(&cells) {
            sum += thousandths(&cells);
            found.push((*line).to_owned());
        }
    }
    let sign = if sum < 0 { "-" } else { "" };
    let sum = format!("CHECKSUM;{sign}{},{:03}", sum.abs() / 1000, sum.abs() % 1000);
    found.extend([format!("COUNT;{}", found.len() - 1), sum]);
    found
}

impl Begun {
    /// Cut between batches, one half after the other in both orders, and both at once.
    async fn in_two(&self) {
        let proof = self.proof().map(|proof| fs::read_to_string(proof).expect("a text"));
        let halves = halves(self.format, self.text(), proof.as_deref());
        let files: [File; 2] = ["one.csv", "two.csv"].map(|name| {
            let beside = proof.is_some().then(|| format!("proof-of-{name}"));
            (name.to_owned(), beside)
        });
        let begun = async || {
            let desk = self.desk(&[]).await;
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
                desk.run(&self.reconcile(&files[place])).exits(2);
            }
            self.is_as_whole(&desk, &format!("halves {order:?}")).await;
        }
        let desk = begun().await;
        let codes = at_once(&desk, files.each_ref().map(|file| self.reconcile(file)));
        assert_eq!(codes, [2, 2], "{}", self.format);
        self.is_as_whole(&desk, "both halves at once").await;
        desk.is_sound().await;
    }
}

// Through batches ------------------------------------------------------------------------------------------------------

/// Whether a row goes into the first file: rows about one payment go together, and every batch has rows in both.
fn goes_first(key: &str) -> bool {
    key.bytes().fold(0_u32, |sum, byte| sum + u32::from(byte)) % 2 == 0
}

/// A file cut through its batches, the rows of what is paid in the second.
fn through(format: &str, content: &[u8]) -> [Vec<u8>; 2] {
    let text = || std::str::from_utf8(content).expect("a text");
    let joined = |lines: Vec<String>| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
            .into_bytes()
    };
    let lines = || text().lines().collect::<Vec<&str>>();
    // The columns of what tells the payment, of the batch, and the words of a row of what is paid.
    let (key, batch, paid) = match format {
        "ipm-ascii" | "ipm-ebcdic" => return [true, false].map(|half| ipm_half(format, content, half)),
        "paypal" => return [true, false].map(|half| joined(paypal_part(&lines(), half))),
        "profile" => ("Authorization", "Statement", "PAID"),
        "adyen" => ("Psp Reference", "Batch Number", "MerchantPayout"),
        "stripe" => ("charge_id", "automatic_payout_id", "payout"),
        "checkout" => ("Payment ID", "Payout ID", ""),
        _ => ("paymentKey", "paidOutDate", ""),
    };
    let separator = if format == "profile" { b';' } else { b',' };
    let lines = lines();
    let names = cells(lines[0], separator);
    let place = |name: &str| names.iter().position(|known| known == name).expect("a column");
    let (key, batch) = (place(key), place(batch));
    let is_first =
        |cells: &[String]| goes_first(&cells[key]) && !cells.iter().any(|cell| !paid.is_empty() && cell == paid);
    let parts = [true, false].map(|half| match format {
        "profile" => profile_of(&lines, |cells| is_first(cells) == half),
        _ => {
            let rows = lines[1..]
                .iter()
                .filter(|line| is_first(&cells(line, separator)) == half);
            std::iter::once(&lines[0])
                .chain(rows)
                .map(|line| (*line).to_owned())
                .collect()
        }
    });
    let batches = parts.each_ref().map(|part| {
        let names = part[1..]
            .iter()
            .filter_map(|line| cells(line, separator).get(batch).cloned());
        names.collect::<BTreeSet<String>>()
    });
    assert!(
        batches[0].intersection(&batches[1]).next().is_some(),
        "{format}: {batches:?}"
    );
    parts.map(joined)
}

/// A report of a part of the day, of the same account and with the same end of its day: its balances begin with what those of the
/// first end with.
fn paypal_part(lines: &[&str], half: bool) -> Vec<String> {
    let row = |line: &str| cells(line, b',');
    let place = |name: &str| {
        let names = row(lines.iter().find(|line| line.starts_with("CH,")).expect("columns"));
        names.iter().position(|known| known == name).expect("a column")
    };
    let [key, gross, gross_side, currency] = [
        "Invoice ID",
        "Gross Transaction Amount",
        "Transaction Debit or Credit",
        "Gross Transaction Currency",
    ]
    .map(place);
    let [fee, fee_side] = ["Fee Amount", "Fee Debit or Credit"].map(place);
    // By currency: credits and debits of gross and fee, and rows, of both parts.
    let mut sums: BTreeMap<String, [[i64; 5]; 2]> = BTreeMap::new();
    let mut rows = Vec::new();
    for line in lines.iter().filter(|line| line.starts_with("SB,")) {
        let cells = row(line);
        let is_first = goes_first(&cells[key]);
        let sums = &mut sums.entry(cells[currency].clone()).or_default()[usize::from(!is_first)];
        for (amount, side, credit) in [(gross, gross_side, 0), (fee, fee_side, 2)] {
            let debit = usize::from(cells[side] == "DR");
            sums[credit + debit] += cells[amount].parse::<i64>().expect("hundredths");
        }
        sums[4] += 1;
        if is_first == half {
            rows.push((*line).to_owned());
        }
    }
    let net = |sums: &[i64; 5]| sums[0] - sums[1] + sums[2] - sums[3];
    let side = |amount: i64| format!("{},{}", if amount < 0 { "DR" } else { "CR" }, amount.abs());
    let footer = |line: &str| {
        let cells = row(line);
        let [first, second] = &sums[&cells[1]];
        let opening: i64 = cells[7].parse().expect("hundredths");
        let (own, opening) = match half {
            true => (first, opening),
            false => (second, opening + net(first)),
        };
        let [credits, debits, fee_credits, fee_debits, count] = own;
        let moved = format!("{},{}", side(opening), side(opening + net(own)));
        let nothing = ",CR,0".repeat(4);
        format!(
            "{},{},{credits},{debits},{fee_credits},{fee_debits},{moved}{nothing},{count}",
            cells[0], cells[1]
        )
    };
    let count = rows.len();
    let mut rows = Some(rows);
    let mut found = Vec::new();
    for line in lines {
        match line.split(',').next().expect("a kind") {
            "SH" => {
                let cells = row(line);
                let until = cells[2].replace(" 02:00:00", " 01:30:00");
                assert_ne!(until, cells[2]);
                let [from, to] = if half { [&cells[1], &until] } else { [&until, &cells[2]] };
                found.push(format!("SH,{from},{to},{},", cells[3]));
            }
            "SB" => found.extend(rows.take().into_iter().flatten()),
            "SF" | "RF" => found.push(footer(line)),
            kind @ ("SC" | "RC" | "FF") => found.push(format!("{kind},{count}")),
            _ => found.push((*line).to_owned()),
        }
    }
    found
}

/// Every second message of a clearing file, in a logical file of the same id, numbered and added up anew.
fn ipm_half(format: &str, content: &[u8], half: bool) -> Vec<u8> {
    let is_ebcdic = format == "ipm-ebcdic";
    let mut file = Clearing::of(content, is_ebcdic, is_ebcdic);
    // In both encodings digits end in their values.
    let value = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit & 0x0f))
    };
    let last = file.messages.len() - 1;
    let arn = |place: usize| {
        let elements = &file.messages[place].elements;
        elements
            .iter()
            .find(|(element, _)| *element == 31)
            .map(|(_, bytes)| bytes.clone())
    };
    // Two messages of one item go together.
    let goes = |place: &usize| match arn(*place) {
        Some(arn) => (value(&arn[15..]) % 2 == 0) == half,
        None => half,
    };
    let places: Vec<usize> = (1..last).filter(goes).collect();
    let ends = [file.messages[0].clone(), file.messages[last].clone()];
    let kept = places.iter().map(|place| file.messages[*place].clone());
    let messages: Vec<_> = [ends[0].clone()]
        .into_iter()
        .chain(kept)
        .chain([ends[1].clone()])
        .collect();
    assert!(messages.len() > 20, "{format}");
    file.messages = messages;
    let count = file.messages.len();
    let mut sum = 0;
    for record in 1..=count {
        let number = file.text(&format!("{record:08}"));
        file = file.with(record, 71, Some(&number));
        let elements = &file.messages[record - 1].elements;
        sum += elements
            .iter()
            .find(|(element, _)| *element == 4)
            .map_or(0, |(_, bytes)| value(bytes));
    }
    let id = file.element(count, 48)[..32].to_vec();
    let totals = file.text(&format!("0301016{sum:016}0306008{count:08}"));
    file.with(count, 48, Some(&[id, totals].concat())).bytes()
}

/// What becomes of a file that is cut through its batches.
#[derive(Clone, Copy)]
enum Cut {
    /// Its parts come to what the whole comes to, in any order and at once.
    Whole,
    /// They do once the part with what is paid comes after the other; before it, it waits.
    PaidLast,
    /// Neither part is booked, for this reason.
    Refused(&'static str),
    /// The part with what is paid is not booked, for this reason.
    PaidRefused(&'static str),
}

impl Begun {
    async fn cut_through(&self, ends: Cut) {
        let parts = through(self.format, &self.content);
        let proof = self.proof();
        let files: [File; 2] = ["one", "two"].map(|name| (name.to_owned(), proof.clone()));
        let begun = async || self.desk(&[("one", &parts[0]), ("two", &parts[1])]).await;
        let is_booked = |desk: &Desk, place: usize, said: &str| {
            desk.run(&self.reconcile(&files[place])).exits(2).says(&[said]);
        };
        let waits = |desk: &Desk, place: usize, reason: &str| {
            desk.run(&self.reconcile(&files[place]))
                .exits(1)
                .says(&["quarantined", reason]);
        };
        match ends {
            Cut::Whole => {
                for order in [[0, 1], [1, 0]] {
                    let desk = begun().await;
                    for place in order {
                        is_booked(&desk, place, "booked");
                    }
                    self.is_as_whole(&desk, &format!("parts of batches {order:?}")).await;
                }
                let desk = begun().await;
                let codes = at_once(&desk, files.each_ref().map(|file| self.reconcile(file)));
                assert_eq!(codes, [2, 2], "{}", self.format);
                self.is_as_whole(&desk, "parts of batches at once").await;
                desk.is_sound().await;
            }
            Cut::PaidLast => {
                let desk = begun().await;
                is_booked(&desk, 0, "booked");
                is_booked(&desk, 1, "booked");
                self.is_as_whole(&desk, "parts of batches").await;
                let desk = begun().await;
                waits(&desk, 1, "is of");
                is_booked(&desk, 0, "booked");
                is_booked(&desk, 1, "booked");
                let found = outcome(&desk).await;
                assert!(found.breaks() > self.expected.breaks(), "{}: it was told", self.format);
                assert_eq!(found.without("TOTAL_MISMATCH"), self.expected, "{}", self.format);
                desk.is_sound().await;
            }
            Cut::Refused(reason) => {
                let desk = begun().await;
                let before = desk.balances().await;
                waits(&desk, 0, reason);
                waits(&desk, 1, reason);
                assert_eq!(desk.balances().await, before, "{}", self.format);
                desk.is_sound().await;
            }
            Cut::PaidRefused(reason) => {
                let desk = begun().await;
                is_booked(&desk, 0, "booked");
                let before = desk.balances().await;
                waits(&desk, 1, reason);
                assert_eq!(desk.balances().await, before, "{}", self.format);
                desk.is_sound().await;
            }
        }
    }
}

// Each form -------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn adyen_in_two() {
    // A batch nets to nothing within its file.
    let begun = Begun::of("adyen").await;
    begun.in_two().await;
    begun.cut_through(Cut::Refused("its lines add up to")).await;
}

#[tokio::test]
async fn stripe_in_any_order_and_number() {
    // A report of days cuts payouts: that of a payout is held to what came before it.
    let begun = Begun::of("stripe").await;
    begun.rows_in_another_order().await;
    begun.in_two().await;
    begun.cut_through(Cut::PaidLast).await;
}

#[tokio::test]
async fn paypal_in_any_order_and_number() {
    let begun = Begun::of("paypal").await;
    begun.rows_in_another_order().await;
    begun.in_two().await;
    begun.cut_through(Cut::Whole).await;
}

#[tokio::test]
async fn checkout_in_any_order_and_number() {
    // A breakdown is proven by its payouts, of which it has all rows.
    let begun = Begun::of("checkout").await;
    begun.rows_in_another_order().await;
    begun.in_two().await;
    begun.cut_through(Cut::Refused("its lines add up to")).await;
}

#[tokio::test]
async fn toss_in_any_order_and_number() {
    Begun::of("toss-json").await.rows_in_another_order().await;
    let begun = Begun::of("toss-csv").await;
    begun.rows_in_another_order().await;
    begun.in_two().await;
    begun.cut_through(Cut::Whole).await;
}

#[tokio::test]
async fn a_profile_in_any_order_and_number() {
    // A row of what is paid proves its batch within the file; the part without it proves itself by its count and sum.
    let begun = Begun::of("profile").await;
    begun.rows_in_another_order().await;
    begun.in_two().await;
    begun.cut_through(Cut::PaidRefused("its lines add up to")).await;
}

#[tokio::test]
async fn clearing_files_in_two() {
    // Messages are numbered: their order is part of the file. What is in two logical files of one id is of one batch.
    Begun::of("ipm-ascii").await.cut_through(Cut::Whole).await;
    Begun::of("ipm-ebcdic").await.cut_through(Cut::Whole).await;
}

#[tokio::test]
async fn a_file_under_two_names_at_once_is_booked_once() {
    let begun = Begun::of("adyen").await;
    let (day, recorded, expected, text) = (&begun.day, &begun.recorded, &begun.expected, begun.text());
    let renamed = desk_on(recorded).await;
    renamed.write("another name.csv", text);
    let file: File = ("another name.csv".to_owned(), None);
    renamed.run(&reconcile(day, &file, &["--execute"])).exits(2);
    assert_eq!(outcome(&renamed).await, *expected);

    let desk = desk_on(recorded).await;
    let files: [File; 2] = ["one.csv", "two.csv"].map(|name| (name.to_owned(), None));
    for (name, _) in &files {
        desk.write(name, text);
    }
    let mut codes = at_once(&desk, files.each_ref().map(|file| reconcile(day, file, &["--execute"])));
    codes.sort_unstable();
    assert_eq!(codes, [1, 2], "one is the other's copy");
    let found = outcome(&desk).await;
    assert_eq!(found.without("DUPLICATE_FILE"), *expected);
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
