//! Whole days through the binary: what the simulator says of a day is what the engine makes of it.
//!
//! The truth of a day (`truth.json`) is computed by a bookkeeping of its own that shares no code with the engine.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use acquit::money::{Currency, Money};
use serde_json::Value;

use crate::desk::{Balances, Desk, run_alone};

/// What a simulated day is called by, in this file.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/day");
/// How the fixture was made.
const FIXTURE_OPTIONS: [&str; 8] = [
    "--payments",
    "300",
    "--merchants",
    "10",
    "--seed",
    "20260302",
    "--day",
    "2026-03-02",
];

/// The files of a day and what must come out of them.
pub struct Day {
    folder: PathBuf,
    /// What `truth.json` says.
    pub truth: Value,
}

impl Day {
    /// Of a folder that the simulator wrote.
    pub fn open(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("truth.json")).expect("a truth");
        Self {
            folder: folder.to_owned(),
            truth: serde_json::from_str(&text).expect("JSON"),
        }
    }

    #[track_caller]
    fn simulate(folder: &Path, options: &[&str]) -> Self {
        let out = folder.to_str().expect("a path in UTF-8");
        run_alone(&[&["simulate", "--out", out], options].concat()).exits(0);
        Self::open(folder)
    }

    /// The path of one of its files.
    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// The settlement file of the acquirer of cards, or one like it (`-copy`, `-corrupt`): its path, and that of the file that
    /// proves it; none where the day has no such file.
    pub fn settlement(&self, like: &str) -> Option<(String, Option<String>)> {
        let settlement = &self.truth["settlement"];
        let file = text(&settlement["file"]).replace("settlement", &format!("settlement{like}"));
        let proof = settlement["with"].as_str().map(|name| {
            // A copy is proven by what proves the original.
            let like = if like == "-copy" { "" } else { like };
            self.file(&name.replace("settlement", &format!("settlement{like}")))
        });
        self.has(&file).then(|| (self.file(&file), proof))
    }

    /// Whether it has such a file.
    pub fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// What the accounts must be after a step.
    fn balances(&self, step: &str) -> Balances {
        rows(&self.truth["accounts"][step])
            .iter()
            .map(|row| {
                let code = i16::try_from(number(&row["code"])).expect("a code");
                (
                    (code, text(&row["currency"]), text(&row["dimension"])),
                    number(&row["balance"]),
                )
            })
            .collect()
    }

    fn breaks(&self) -> BTreeMap<String, i64> {
        let counts = self.truth["breaks"].as_object().expect("breaks by class");
        counts
            .iter()
            .map(|(class, count)| (class.clone(), number(count)))
            .collect()
    }
}

fn rows(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

fn signed_minor(amount: &str, currency: &str) -> i64 {
    match amount.strip_prefix('-') {
        Some(amount) => -minor(amount, currency),
        None => minor(amount, currency),
    }
}

fn minor(amount: &str, currency: &str) -> i64 {
    let currency = Currency::parse(currency).expect("a currency");
    Money::parse(amount, currency).expect("an amount").minor()
}

/// A break as both sides tell it, in an order of fields that reads well in a failed comparison.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub class: String,
    file: Option<String>,
    batch: Option<String>,
    merchant: Option<String>,
    payment: Option<String>,
    reference: Option<String>,
    acquirer_reference: Option<String>,
    expected: Option<i64>,
    expected_currency: Option<String>,
    actual: Option<i64>,
    currency: Option<String>,
}

/// The breaks of the truth.
pub fn planted(day: &Day) -> Vec<Found> {
    let mut all: Vec<Found> = rows(&day.truth["break_items"])
        .iter()
        .map(|item| {
            let word = |field: &str| item[field].as_str().map(str::to_owned);
            Found {
                class: text(&item["class"]),
                file: word("file"),
                batch: word("batch"),
                merchant: word("merchant"),
                payment: word("payment"),
                reference: word("reference"),
                acquirer_reference: word("acquirer_reference"),
                expected: item["expected"].as_i64(),
                expected_currency: word("expected_currency"),
                actual: item["actual"].as_i64(),
                currency: word("currency"),
            }
        })
        .collect();
    all.sort();
    all
}

/// The breaks of the database. A line that repeats another is told by the item that the other one settled.
pub async fn found(desk: &Desk) -> Vec<Found> {
    let query = "
        select break.class, source.name as file, break.detail, line.acquirer_reference, line.merchant_reference,
            coalesce(book.merchant, twin.merchant) as merchant, coalesce(entry.payment, twin.payment) as payment,
            coalesce(entry.reference, twin.reference) as reference,
            coalesce(entry.acquirer_reference, twin.acquirer_reference) as entry_acquirer_reference,
            coalesce(break.expected, twin.item_gross) as expected, break.expected_in, break.actual, break.actual_in
        from break
        left join source on source.id = break.source_id
        left join settlement_line line on line.source_id = break.source_id and line.ordinal = break.ordinal
        left join book on book.id = break.book_id
        left join entry on entry.book_id = break.book_id and entry.number = break.number
        left join lateral (
            select owner.merchant, item.payment, item.reference, item.acquirer_reference, match.item_gross
            from settlement_line other
            join settlement_match match on match.source_id = other.source_id and match.ordinal = other.ordinal
            join entry item on item.book_id = match.book_id and item.number = match.number
            join book owner on owner.id = match.book_id
            where break.class = 'DUPLICATE_IN_FILE' and other.source_id = break.source_id
                and other.record_type = line.record_type
                and (other.acquirer_reference = line.acquirer_reference
                    or (line.acquirer_reference is null and other.arn = line.arn))
        ) twin on true";
    let rows = desk.database.admin.query(query, &[]).await.expect("breaks");
    let mut all: Vec<Found> = rows.iter().map(read_break).collect();
    all.sort();
    all
}

fn read_break(row: &tokio_postgres::Row) -> Found {
    let word = |column: &str| row.get::<_, Option<String>>(column);
    let (class, detail): (String, String) = (row.get("class"), row.get("detail"));
    let amount = |column: &str| row.get::<_, Option<i64>>(column);
    let (expected_in, actual_in) = (word("expected_in"), word("actual_in"));
    let mut found = Found {
        file: None,
        batch: None,
        merchant: word("merchant"),
        payment: word("payment"),
        reference: word("reference"),
        acquirer_reference: word("acquirer_reference").or_else(|| word("entry_acquirer_reference")),
        expected: amount("expected"),
        expected_currency: None,
        actual: amount("actual"),
        currency: actual_in.clone().or_else(|| expected_in.clone()),
        class,
    };
    match found.class.as_str() {
        "MISSING_IN_LEDGER" | "CARRIER_SHORT" | "REFUND_WITHOUT_CAPTURE" => found.payment = word("merchant_reference"),
        "CHARGEBACK_UNKNOWN" => found.payment = found.payment.or_else(|| word("merchant_reference")),
        "CURRENCY_MISMATCH" => found.expected_currency = expected_in,
        "RESERVE_MISMATCH" => found.batch = detail_batch(&detail),
        "MISSING_FILE" => {
            found.file = word("file");
            let words = detail
                .strip_prefix("batch ")
                .and_then(|rest| rest.split_once(" has not come: "));
            found.batch = words.map(|(batch, _)| batch.to_owned());
            let balance = detail
                .strip_prefix("balance of ")
                .and_then(|rest| rest.split_once(" in "));
            found.currency = balance.map(|(_, rest)| rest.chars().take(3).collect());
        }
        "FUNDING_MISMATCH" => {
            let words = detail.strip_prefix("batch ").and_then(|rest| rest.split_once(": "));
            found.batch = words.map(|(batch, _)| batch.to_owned());
        }
        "MISSING_RECEIPT" => {
            let words = detail.strip_prefix("batch ").and_then(|rest| rest.split_once(" in "));
            found.batch = words.map(|(batch, _)| batch.to_owned());
        }
        "DUPLICATE_FILE" => found.file = detail.split(' ').next().map(str::to_owned),
        "TOTAL_MISMATCH" => {
            // The truth tells the sum over all rows, the payout's included; the break tells both of its parts.
            found.file = word("file");
            let of_batch = detail.strip_prefix("batch ").or_else(|| detail.strip_prefix("payout "));
            found.batch = of_batch
                .and_then(|text| text.split_once(" pays ").or_else(|| text.split_once(" is of ")))
                .map(|(batch, _)| batch.to_owned());
            // What is counted or added up without a currency is told in words.
            found.actual = found
                .actual
                .zip(found.expected)
                .map(|(actual, expected)| actual - expected);
            found.expected = found.actual.map(|_| 0);
        }
        _ => {}
    }
    found
}

/// The batch that `reserve of batch 1 on ...` is about; the name may have blanks, the amount after it has one.
fn detail_batch(detail: &str) -> Option<String> {
    let after = detail.strip_prefix("reserve of batch ")?;
    after.split_once(" on ").map(|(batch, _)| batch.to_owned())
}

async fn matches(desk: &Desk) -> BTreeMap<i16, i64> {
    let query = "select pass, count(*) from settlement_match group by pass";
    let rows = desk.database.admin.query(query, &[]).await.expect("matches");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Runs a command twice: the first changes what it must, the second changes nothing and ends alike.
async fn twice(desk: &Desk, arguments: &[&str], code: i32) {
    desk.run(arguments).exits(code);
    let after = desk.state().await;
    let again = desk.run(arguments).exits(code);
    assert_eq!(desk.state().await, after, "a second `{}`", again.command);
}

/// Runs a command that must not change anything.
async fn changes_nothing(desk: &Desk, arguments: &[&str], code: i32) -> crate::desk::Ran {
    let before = desk.state().await;
    let ran = desk.run(arguments).exits(code);
    assert_eq!(desk.state().await, before, "`{}`", ran.command);
    ran
}

/// The command line that reconciles a file of the acquirer of cards, on the day that it is about.
pub fn reconcile<'a>(day: &'a Day, (file, proof): &'a (String, Option<String>), more: &[&'a str]) -> Vec<&'a str> {
    let word = |field: &str| day.truth["settlement"][field].as_str().expect("a text");
    let mut line = vec!["reconcile", file, "--acquirer", word("acquirer")];
    line.extend(proof.iter().flat_map(|proof| ["--with", proof]));
    // Without a row of what is paid, no line may be of that day.
    if word("acquirer").starts_with("toss") {
        line.extend(["--as-of", word("as_of")]);
    }
    [&line, more].concat()
}

/// Holds the engine to a day from its first command to its last.
async fn hold(day: &Day) {
    let desk = Desk::new().await;
    settle_in(&desk, day).await;
    hold_recording(&desk, day).await;
    desk.is_sound().await;
    hold_expiry(&desk, day).await;
    hold_refused_files(&desk, day).await;
    hold_later_events(&desk, day, "late").await;
    hold_advances(&desk, day).await;

    hold_reconciliation(&desk, day).await;
    hold_release(&desk, day, "release").await;
    hold_decisions(&desk, day);
    hold_what_is_set_aside(&desk, day).await;
    hold_payouts(&desk, day).await;
    agree(&desk, day, "payouts").await;
    hold_later_events(&desk, day, "after").await;
    hold_release(&desk, day, "last_release").await;
    hold_loss(&desk, day).await;
    hold_month(&desk, day).await;
    for proof in [&["report", "fees"][..], &["audit", "verify"]] {
        changes_nothing(&desk, proof, 0).await;
    }
    desk.is_sound().await;
}

/// Holds the engine to a day as far as its settlement file goes: the form of the file is nothing to what comes after.
async fn hold_settlement(day: &Day) {
    let desk = Desk::new().await;
    settle_in(&desk, day).await;
    hold_recording(&desk, day).await;
    hold_expiry(&desk, day).await;
    hold_later_events(&desk, day, "late").await;
    hold_advances(&desk, day).await;
    hold_reconciliation(&desk, day).await;
}

/// Refuses files of events that are not what they claim, whole. What the late ones claim is what they are.
async fn hold_refused_files(desk: &Desk, day: &Day) {
    for file in rows(&day.truth["refused_files"]) {
        let file = day.file(&text(file));
        for arguments in [&["record", &file][..], &["record", "--atomic", &file]] {
            let refused = changes_nothing(desk, arguments, 1).await;
            refused.says(&["is not what it claims, nothing was recorded"]);
        }
    }
    let claims = rows(&day.truth["claims"]);
    let has_captures = day.breaks().contains_key("STATUS_MISMATCH");
    assert_eq!(!claims.is_empty(), has_captures, "{claims:?}");
    for claim in claims {
        let currency = Currency::parse(&text(&claim["currency"])).expect("a currency");
        let amount = Money::from_minor(number(&claim["amount"]), currency).to_decimal_text();
        let content = fs::read_to_string(day.file(&text(&claim["file"]))).expect("a file of events");
        let of_kind = |kind: &'static str| {
            let events = content
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            events.filter(move |event| event["kind"] == kind && event["currency"] == currency.code())
        };
        let told: Vec<Value> = of_kind("capture_total").collect();
        let items = number(&claim["items"]);
        assert_eq!(told.len(), 1, "{claim}");
        assert_eq!(
            (&told[0]["items"], &told[0]["amount"]),
            (&items.to_string().into(), &amount.into())
        );
        let captures: Vec<i64> = of_kind("capture")
            .map(|event| minor(&text(&event["amount"]), currency.code()))
            .collect();
        let count = i64::try_from(captures.len()).expect("a count");
        assert_eq!(
            (count, captures.iter().sum()),
            (items, number(&claim["amount"])),
            "{claim}"
        );
    }
}

/// Gives up what a merchant owes, by two people and once.
async fn hold_loss(desk: &Desk, day: &Day) {
    let loss = &day.truth["loss"];
    if loss.is_null() {
        return;
    }
    let (merchant, currency, on) = (text(&loss["merchant"]), text(&loss["currency"]), text(&loss["on"]));
    let whose = ["--merchant", &merchant, "--currency", &currency, "--on", &on];
    let why = [
        "--reason",
        "insolvent",
        "--note",
        "bankrupt",
        "--by",
        "paula",
        "--format",
        "json",
    ];
    let planned = desk
        .run(&[&["loss", "plan"][..], &whose, &why].concat())
        .exits(0)
        .rows();
    assert_eq!(
        minor(&text(&planned[0]["amount"]), &currency),
        number(&loss["amount"]),
        "{loss}"
    );
    let id = text(&planned[0]["id"]);
    let approve = ["loss", "approve", &id, "--by", "adam", "--on", &on];
    changes_nothing(desk, &approve, 0).await;
    twice(desk, &[&approve[..], &["--execute"]].concat(), 0).await;
    agree(desk, day, "loss").await;
}

/// Records what is told later, all of it.
async fn hold_later_events(desk: &Desk, day: &Day, step: &str) {
    let name = format!("events-{step}.jsonl");
    if day.has(&name) {
        let file = day.file(&name);
        let recorded = desk.run(&["record", &file, "--format", "json"]).exits(0).rows();
        let count = number(&day.truth["events"][step]).to_string();
        assert_eq!(recorded[0]["recorded"], count.as_str(), "{name}");
        changes_nothing(desk, &["record", &file], 0).await;
    }
    agree(desk, day, step).await;
}

/// What velocity rules and monthly limits decided is what was planted.
fn hold_decisions(desk: &Desk, day: &Day) {
    let decision = |row: &Value| {
        ["merchant", "payment", "reference", "action", "rule"].map(|field| row[field].as_str().unwrap_or("").to_owned())
    };
    let listed = desk.run(&["velocity", "list", "--format", "json"]).exits(0).rows();
    let mut found: Vec<[String; 5]> = listed.iter().map(decision).collect();
    found.sort();
    let mut told: Vec<[String; 5]> = rows(&day.truth["decisions"]).iter().map(decision).collect();
    told.sort();
    assert_eq!(found, told, "velocity decisions");
}

/// Sets money aside, once.
async fn hold_what_is_set_aside(desk: &Desk, day: &Day) {
    let hold = &day.truth["hold"];
    if hold.is_null() {
        return;
    }
    let currency = text(&hold["currency"]);
    let money = Money::from_minor(number(&hold["amount"]), Currency::parse(&currency).expect("a currency"));
    let (merchant, amount) = (text(&hold["merchant"]), money.to_decimal_text());
    let (on, expires) = (text(&hold["on"]), text(&hold["expires"]));
    let place = [
        "hold",
        "place",
        "--merchant",
        &merchant,
        "--amount",
        &amount,
        "--currency",
        &currency,
        "--reason",
        "a dispute",
        "--owner",
        "ann",
        "--on",
        &on,
        "--expires",
        &expires,
    ];
    changes_nothing(desk, &place, 0).await;
    twice(desk, &[&place[..], &["--execute"]].concat(), 0).await;
    agree(desk, day, "hold").await;
}

/// Advances what the truth says, each merchant once and to the last capture.
async fn hold_advances(desk: &Desk, day: &Day) {
    for row in rows(&day.truth["advances"]) {
        let (merchant, currency, on) = (text(&row["merchant"]), text(&row["currency"]), text(&row["on"]));
        let known = Currency::parse(&currency).expect("a currency");
        let payable = Money::from_minor(number(&row["payable"]), known).to_decimal_text();
        let advance = ["advance", "--merchant", &merchant, "--currency", &currency];
        let up_to = ["--up-to", &payable, "--on", &on, "--format", "json"];
        let plan = changes_nothing(desk, &[&advance[..], &up_to].concat(), 0).await;
        let execute = [&advance[..], &up_to, &["--execute"]].concat();
        let done = desk.run(&execute).exits(0);
        assert_eq!(plan.out, done.out, "the plan tells what executing does");
        changes_nothing(desk, &execute, 0).await;
        let [found] = &done.rows()[..] else {
            panic!("{}", done.out)
        };
        let captures: i64 = text(&found["captures"]).parse().expect("a count");
        assert_eq!(captures, number(&row["captures"]), "{row}");
        for field in ["payable", "withheld", "fee", "vat"] {
            assert_eq!(
                minor(&text(&found[field]), &currency),
                number(&row[field]),
                "{field} of {row}"
            );
        }
    }
    agree(desk, day, "advance").await;
}

/// Closes the month, once.
async fn hold_month(desk: &Desk, day: &Day) {
    let truth = &day.truth["month"];
    let month = text(&truth["month"]);
    let close = ["fees", "close", "--month", &month, "--format", "json"];
    changes_nothing(desk, &close, 0).await;
    let execute = [&close[..], &["--execute"]].concat();
    let done = desk.run(&execute).exits(0);
    changes_nothing(desk, &execute, 0).await;
    let figures = |row: &Value, figure: &dyn Fn(&Value, &str) -> i64, fee: &str| {
        let currency = text(&row["currency"]);
        let figures = ["minimum", "charged", fee, "vat"].map(|field| figure(&row[field], &currency));
        (text(&row["merchant"]), currency, figures)
    };
    let in_text = |value: &Value, currency: &str| minor(&text(value), currency);
    let found: Vec<_> = done.rows().iter().map(|row| figures(row, &in_text, "top_up")).collect();
    let in_units = |value: &Value, _: &str| number(value);
    let told: Vec<_> = rows(&truth["top_ups"])
        .iter()
        .map(|row| figures(row, &in_units, "fee"))
        .collect();
    assert_eq!(found, told, "monthly minimums of {month}");
    agree(desk, day, "month").await;
}

/// Brings calendar and settings, both twice.
async fn settle_in(desk: &Desk, day: &Day) {
    if day.has("calendar.csv") {
        twice(desk, &["calendar", "import", &day.file("calendar.csv")], 0).await;
    }
    for settings in ["settings.toml", "settings-next-day.toml"] {
        if day.has(settings) {
            twice(desk, &["settings", "apply", &day.file(settings)], 0).await;
        }
    }
}

/// The accounts are what they must be after a step.
pub async fn agree(desk: &Desk, day: &Day, step: &str) {
    assert_eq!(desk.balances().await, day.balances(step), "after {step}");
}

/// Books what has run out, as much as the plan says.
async fn hold_expiry(desk: &Desk, day: &Day) {
    let truth = &day.truth["expiry"];
    let cutoff = text(&truth["cutoff"]);
    let expire = ["expire", "--cutoff", &cutoff, "--format", "json"];
    let plan = changes_nothing(desk, &expire, 0).await;
    let execute = [&expire[..], &["--execute"]].concat();
    let done = desk.run(&execute).exits(0);
    assert_eq!(plan.out, done.out, "the plan tells what executing does");
    changes_nothing(desk, &execute, 0).await;
    let found: BTreeMap<String, (i64, i64)> = done
        .rows()
        .iter()
        .map(|row| {
            let currency = text(&row["currency"]);
            let payments = text(&row["payments"]).parse().expect("a count");
            let amount = minor(&text(&row["amount"]), &currency);
            (currency, (payments, amount))
        })
        .collect();
    let told: BTreeMap<String, (i64, i64)> = truth["totals"]
        .as_object()
        .expect("totals")
        .iter()
        .map(|(currency, total)| (currency.clone(), (number(&total["count"]), number(&total["amount"]))))
        .collect();
    assert_eq!(found, told, "what has run out");
    agree(desk, day, "expiry").await;
}

/// Releases what is due, as much as the plan says, and once.
async fn hold_release(desk: &Desk, day: &Day, step: &str) {
    let truth = &day.truth[step];
    let on = text(&truth["on"]);
    let release = ["release", "--on", &on, "--format", "json"];
    let plan = changes_nothing(desk, &release, 0).await;
    let execute = [&release[..], &["--execute"]].concat();
    let done = desk.run(&execute).exits(0);
    assert_eq!(plan.out, done.out, "the plan tells what executing does");
    changes_nothing(desk, &execute, 0).await;
    let mut found: Vec<(String, String, i64, i64, i64)> = done
        .rows()
        .iter()
        .map(|row| {
            let currency = text(&row["currency"]);
            let amount = |field: &str| signed_minor(&text(&row[field]), &currency);
            let (available, withheld) = (amount("available"), amount("withheld"));
            let merchants = text(&row["merchants"]).parse().expect("a count");
            (text(&row["released"]), currency, merchants, available, withheld)
        })
        .collect();
    found.sort();
    let mut told: Vec<(String, String, i64, i64, i64)> = rows(&truth["released"])
        .iter()
        .map(|row| {
            (
                text(&row["released"]),
                text(&row["currency"]),
                number(&row["count"]),
                number(&row["available"]),
                number(&row["withheld"]),
            )
        })
        .collect();
    told.sort();
    assert_eq!(found, told, "what is released on {on}");
    agree(desk, day, step).await;
}

/// Every event is booked, known, or refused by the rule that it breaks; a second time, known or refused.
async fn hold_recording(desk: &Desk, day: &Day) {
    let events = day.file("events.jsonl");
    let truth = &day.truth["events"];
    let (refused, replayed) = (number(&truth["refused"]), number(&truth["replayed"]));
    let code = if refused > 0 { 2 } else { 0 };
    let record = ["record", &events, "--format", "json"];
    let recorded = desk.run(&record).exits(code).rows();
    for (field, count) in [
        ("events", number(&truth["total"])),
        ("recorded", number(&truth["recorded"])),
        ("replayed", replayed),
        ("rejected", refused),
    ] {
        assert_eq!(recorded[0][field], count.to_string().as_str(), "{field}");
    }
    assert_eq!(rejects(desk), rules_broken(day));
    let again = changes_nothing(desk, &record, code).await.rows();
    let known = number(&truth["total"]) - refused;
    assert_eq!(again[0]["replayed"], known.to_string().as_str());
    agree(desk, day, "record").await;
    hold_open_ends(desk, day).await;
}

/// Line, rule and field of what was refused.
type Broken = (i64, String, String);

fn rejects(desk: &Desk) -> Vec<Broken> {
    if !desk.path().join("rejects.csv").exists() {
        return Vec::new();
    }
    let content = desk.read("rejects.csv");
    let mut reader = csv::Reader::from_reader(content.as_bytes());
    let records: Vec<BTreeMap<String, String>> = reader.deserialize().map(|row| row.expect("a row")).collect();
    let broken = |row: &BTreeMap<String, String>| {
        let line = row["line"].parse().expect("a line");
        (line, row["rule"].clone(), row["field"].clone())
    };
    records.iter().map(broken).collect()
}

fn rules_broken(day: &Day) -> Vec<Broken> {
    let broken = |row: &Value| (number(&row["line"]), text(&row["rule"]), text(&row["field"]));
    rows(&day.truth["refused"]).iter().map(broken).collect()
}

/// What is left open: authorizations that will run out, outcomes that nobody knows.
async fn hold_open_ends(desk: &Desk, day: &Day) {
    let expiry = &day.truth["expiry"];
    let query = "
        select book.merchant, payment.currency, count(*),
            sum(authorized - (captured - over_captured) - voided - expired)::bigint
        from payment join book on book.id = payment.book_id
        where expires_at <= $1::text::timestamptz and authorized - (captured - over_captured) - voided - expired > 0
        group by 1, 2 order by 1, 2";
    let cutoff = text(&expiry["cutoff"]);
    let found = desk
        .database
        .admin
        .query(query, &[&cutoff])
        .await
        .expect("open payments");
    let found: Vec<(String, String, i64, i64)> = found
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect();
    let mut told: Vec<(String, String, i64, i64)> = rows(&expiry["merchants"])
        .iter()
        .map(|row| {
            let whose = (text(&row["merchant"]), text(&row["currency"]));
            (whose.0, whose.1, number(&row["count"]), number(&row["amount"]))
        })
        .collect();
    told.sort();
    assert_eq!(found, told, "what runs out by {cutoff}");
    let query = "select count(*) from payment where authorized is null and requested is not null";
    let row = desk.database.admin.query_one(query, &[]).await.expect("a count");
    assert_eq!(
        row.get::<_, i64>(0),
        number(&day.truth["outcome_unknown"]),
        "unknown outcomes"
    );
}

async fn hold_reconciliation(desk: &Desk, day: &Day) {
    let file = day.settlement("").expect("a settlement file");
    let breaks = day.breaks();
    let of_lines = breaks.keys().any(|class| is_of_lines(class));
    let code = if of_lines { 2 } else { 0 };
    let plan = changes_nothing(desk, &reconcile(day, &file, &["--format", "json"]), code).await;
    let done = desk
        .run(&reconcile(day, &file, &["--execute", "--format", "json"]))
        .exits(code);
    assert_eq!(plan.out, done.out, "the plan tells what executing does");
    let replay = changes_nothing(desk, &reconcile(day, &file, &["--execute", "--format", "json"]), code).await;
    assert_eq!(replay.out, done.out, "a replay tells the same");
    agree(desk, day, "reconcile").await;

    if let Some(copy) = day.settlement("-copy") {
        changes_nothing(desk, &reconcile(day, &copy, &[]), 1)
            .await
            .says(&["DUPLICATE_FILE"]);
        twice(desk, &reconcile(day, &copy, &["--execute"]), 1).await;
    }
    if let Some(corrupt) = day.settlement("-corrupt") {
        changes_nothing(desk, &reconcile(day, &corrupt, &[]), 1)
            .await
            .says(&["quarantined"]);
        twice(desk, &reconcile(day, &corrupt, &["--execute"]), 1).await;
    }
    // Neither the copy nor the corrupt file has posted anything.
    agree(desk, day, "reconcile").await;
    for carrier in rows(&day.truth["carriers"]) {
        let carrier = text(&carrier["acquirer"]);
        let file = day.file(&format!("settlement-{carrier}.csv"));
        let arguments = ["reconcile", &file, "--acquirer", &carrier, "--execute"];
        twice(desk, &arguments, 0).await;
    }
    agree(desk, day, "carriers").await;

    let expected = &day.truth["matches"];
    let passes = matches(desk).await;
    for (pass, field) in [(1, "pass1"), (2, "pass2"), (4, "pass4")] {
        assert_eq!(
            passes.get(&pass).copied().unwrap_or(0),
            number(&expected[field]),
            "{field}"
        );
    }
    let tolerated = "select count(*) from settlement_match where abs(item_gross - line_gross) = 1";
    let row = desk.database.admin.query_one(tolerated, &[]).await.expect("a count");
    assert_eq!(
        row.get::<_, i64>(0),
        number(&expected["within_tolerance"]),
        "within tolerance"
    );

    assert_eq!(found(desk).await, planted(day), "each planted break once, and no other");
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for row in desk.run(&["breaks", "list", "--format", "json"]).exits(0).rows() {
        *counts.entry(text(&row["class"])).or_default() += 1;
    }
    assert_eq!(counts, breaks, "as `breaks list` counts them");
    desk.is_sound().await;
}

/// Whether the settlement file shows a break, and not another file or the events themselves.
fn is_of_lines(class: &str) -> bool {
    ![
        "DUPLICATE_FILE",
        "TOTAL_MISMATCH",
        "DOUBLE_RECOVERY",
        "CHARGEBACK_UNKNOWN",
        "STATUS_MISMATCH",
        "VELOCITY",
        "DUPLICATE_IN_LEDGER",
        "NOT_PRICED",
    ]
    .contains(&class)
}

/// Payouts by merchant and currency, minor units.
fn payouts(listed: &[Value]) -> BTreeMap<(String, String), i64> {
    listed
        .iter()
        .map(|row| {
            let (merchant, currency) = (text(&row["merchant"]), text(&row["currency"]));
            let amount = match row["amount"].as_str() {
                Some(amount) => minor(amount, &currency),
                None => number(&row["amount"]),
            };
            ((merchant, currency), amount)
        })
        .collect()
}

async fn hold_payouts(desk: &Desk, day: &Day) {
    let truth = &day.truth["payouts"];
    let cutoff = text(&truth["cutoff"]);
    let plan = ["payout", "plan", "--cutoff", &cutoff, "--by", "ann", "--format", "json"];
    let planned = desk.run(&plan).exits(0).rows();
    assert_eq!(payouts(&planned), payouts(rows(&truth["payouts"])), "planned payouts");
    let again = changes_nothing(desk, &plan, 0).await.rows();
    assert_eq!(again, planned);

    let approve = |by: &'static str| ["payout", "approve", "--cutoff", &cutoff, "--by", by].map(str::to_owned);
    let approve_by_planner: Vec<String> = approve("ann").into();
    if !planned.is_empty() {
        let arguments: Vec<&str> = approve_by_planner.iter().map(String::as_str).collect();
        changes_nothing(desk, &arguments, 1).await;
        let arguments = approve("bob");
        twice(desk, &arguments.each_ref().map(String::as_str), 0).await;
    }
    let instruct = [
        "payout",
        "instruct",
        "--cutoff",
        &cutoff,
        "--out",
        ".",
        "--on",
        "2026-06-01",
    ];
    changes_nothing(desk, &instruct, 0).await;
    let execute = [&instruct[..], &["--execute"]].concat();
    let listed = desk
        .run(&[&execute[..], &["--format", "json"]].concat())
        .exits(0)
        .rows();
    assert_eq!(payouts(&listed), payouts(rows(&truth["payouts"])), "posted payouts");
    assert!(listed.iter().all(|row| row["state"] == "instructed"), "{listed:#?}");
    changes_nothing(desk, &execute, 0).await;
    let files: Vec<String> = fs::read_dir(desk.path())
        .expect("the directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| name.starts_with("payouts-"))
        .collect();
    if planned.is_empty() {
        assert_eq!(files, [""; 0]);
        return;
    }
    let [file] = &files[..] else { panic!("{files:?}") };
    hold_bank_file(&desk.read(file), truth);
    twice(
        desk,
        &["payout", "confirm", "--cutoff", &cutoff, "--on", "2026-06-02"],
        0,
    )
    .await;
}

fn hold_bank_file(content: &str, truth: &Value) {
    let mut reader = csv::Reader::from_reader(content.as_bytes());
    let records: Vec<BTreeMap<String, String>> = reader.deserialize().map(|row| row.expect("a row")).collect();
    let (mut paid, mut totals) = (BTreeMap::new(), BTreeMap::new());
    for row in &records {
        let amount = minor(&row["amount"], &row["currency"]);
        if row["record"] == "total" {
            totals.insert(row["currency"].clone(), (row["count"].clone(), amount));
        } else {
            let merchant = row["creditor"].trim_start_matches("Merchant ").to_owned();
            paid.insert((merchant, row["currency"].clone()), amount);
        }
    }
    assert_eq!(paid, payouts(rows(&truth["payouts"])), "the bank file's payouts");
    let expected: BTreeMap<String, (String, i64)> = truth["totals"]
        .as_object()
        .expect("totals")
        .iter()
        .map(|(currency, total)| {
            (
                currency.clone(),
                (number(&total["count"]).to_string(), number(&total["amount"])),
            )
        })
        .collect();
    assert_eq!(totals, expected, "the bank file's totals");
}

fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
        .map(|entry| {
            (
                entry.file_name().into_string().expect("UTF-8"),
                fs::read(entry.path()).expect("a file"),
            )
        })
        .collect()
}

#[test]
fn the_fixture_is_what_the_simulator_writes() {
    let folder = tempfile::tempdir().expect("a directory");
    Day::simulate(folder.path(), &FIXTURE_OPTIONS);
    let (written, kept) = (files_of(folder.path()), files_of(Path::new(FIXTURE)));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&written), names(&kept));
    for (name, content) in &written {
        assert!(
            kept[name] == *content,
            "fixtures/day/{name} differs; write it again: acquit simulate {}",
            FIXTURE_OPTIONS.join(" ")
        );
    }
}

#[tokio::test]
async fn the_fixture_comes_out_true() {
    hold(&Day::open(Path::new(FIXTURE))).await;
}

/// A day by its options, and the folder that it is in.
#[track_caller]
pub fn simulated(options: &str) -> (tempfile::TempDir, Day) {
    let folder = tempfile::tempdir().expect("a directory");
    let options: Vec<&str> = options.split(' ').collect();
    let day = Day::simulate(folder.path(), &options);
    (folder, day)
}

#[tokio::test]
#[ignore = "takes a minute: a smaller one is among those below"]
async fn a_large_day_comes_out_true() {
    hold(&simulated("--payments 2500 --merchants 60 --seed 7").1).await;
}

#[tokio::test]
async fn a_day_of_many_breaks_comes_out_true() {
    let breaks = "MISSING_IN_FILE=9,MISSING_IN_LEDGER=11,AMOUNT_MISMATCH=20,CURRENCY_MISMATCH=7,FEE_MISMATCH=13,DUPLICATE_IN_FILE=12,\
        UNSUPPORTED_RECORD=10,TYPE_MISMATCH=5,SIGN_MISMATCH=4,REFUND_WITHOUT_CAPTURE=5,DOUBLE_RECOVERY=8,CHARGEBACK_UNKNOWN=6,FX_MISMATCH=5,RESERVE_MISMATCH=3,STATUS_MISMATCH=7,VELOCITY=9,DUPLICATE_IN_LEDGER=6,NOT_PRICED=5,DUPLICATE_FILE=1,TOTAL_MISMATCH=1";
    hold(&simulated(&format!("--payments 400 --merchants 7 --seed 99 --breaks {breaks}")).1).await;
}

#[tokio::test]
async fn days_of_many_merchants_and_of_plain_cards_come_out_true() {
    hold(&simulated("--payments 500 --merchants 25 --seed 2026").1).await;
    hold(&simulated("--profile card --payments 200 --merchants 12 --seed 8").1).await;
}

#[tokio::test]
async fn days_in_every_form_come_out_true() {
    for format in acquit::simulate::FileFormat::ALL.iter().skip(1) {
        hold_settlement(&simulated(&format!("--file-format {format} --payments 160 --merchants 8 --seed 4")).1).await;
    }
}

#[tokio::test]
#[ignore = "takes minutes: for a change of the simulator or of what it judges"]
async fn many_days_come_out_true() {
    for seed in 1..=40 {
        let (payments, merchants) = (150 + 37 * seed, 1 + seed * 5 % 31);
        println!("seed {seed}");
        hold(&simulated(&format!("--payments {payments} --merchants {merchants} --seed {seed}")).1).await;
    }
}

#[tokio::test]
async fn small_days_come_out_true() {
    // One merchant; the day on which clocks change; nothing wrong at all; nothing at all.
    hold(&simulated("--payments 80 --merchants 1 --seed 3").1).await;
    hold(&simulated("--payments 120 --merchants 3 --seed 11 --day 2026-03-29").1).await;
    hold(&simulated("--payments 39 --merchants 6 --seed 5 --breaks none").1).await;
}

/// Merchant, code, currency, dimension.
type Place = (Option<String>, i16, String, String);

/// What a day comes to, but for what depends on the order in which it was told: numbers, lines, names of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    balances: BTreeMap<Place, (i64, i64)>,
    matches: Vec<(String, String, i16, i64, i64)>,
    breaks: Vec<Found>,
    payments: Vec<String>,
}

impl Outcome {
    /// How many breaks there are.
    pub fn breaks(&self) -> usize {
        self.breaks.len()
    }

    /// The same without the breaks of a class.
    pub fn without(&self, class: &str) -> Self {
        let mut others = self.clone();
        others.breaks.retain(|found| found.class != class);
        others
    }
}

/// What a desk has come to.
pub async fn outcome(desk: &Desk) -> Outcome {
    let admin = &desk.database.admin;
    let balances = "
        select book.merchant, account.code, account.currency, account.dimension, balance.debits, balance.credits
        from balance join account on account.id = balance.account_id join book on book.id = balance.book_id";
    let matches = "
        select entry.reference, line.type_text || ' ' || coalesce(line.acquirer_reference, ''), match.pass, match.item_gross, match.line_gross
        from settlement_match match
        join entry on entry.book_id = match.book_id and entry.number = match.number
        join settlement_line line on line.source_id = match.source_id and line.ordinal = match.ordinal
        order by 1, 2";
    let payments = "select payment::text from payment order by 1";
    Outcome {
        balances: admin
            .query(balances, &[])
            .await
            .expect("balances")
            .iter()
            .map(|row| {
                (
                    (row.get(0), row.get(1), row.get(2), row.get(3)),
                    (row.get(4), row.get(5)),
                )
            })
            .collect(),
        matches: admin
            .query(matches, &[])
            .await
            .expect("matches")
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
            .collect(),
        breaks: found(desk).await,
        payments: admin
            .query(payments, &[])
            .await
            .expect("payments")
            .iter()
            .map(|row| row.get(0))
            .collect(),
    }
}

/// Records these event files and reconciles this settlement file, on a desk of its own.
async fn come_to(day: &Day, events: &[String], settlement: &str) -> Outcome {
    let desk = Desk::new().await;
    desk.run(&["settings", "apply", &day.file("settings.toml")]).exits(0);
    let names: Vec<String> = (1..=events.len())
        .map(|number| format!("events-{number}.jsonl"))
        .collect();
    for (name, content) in names.iter().zip(events) {
        desk.write(name, content);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    desk.run(&[&["record"], &names[..]].concat()).exits(0);
    desk.write("settlement.csv", settlement);
    desk.run(&reconcile(day, &("settlement.csv".to_owned(), None), &["--execute"]))
        .exits(2);
    outcome(&desk).await
}

/// The lines of a text in an order of chance, those of the header first. (A linear congruential generator; any will do.)
pub fn shuffled(text: &str, header: usize, seed: u64) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut state = seed;
    for last in (header + 1..lines.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let choices = u64::try_from(last - header + 1).expect("a length");
        let place = usize::try_from((state >> 33) % choices).expect("a place");
        lines.swap(last, header + place);
    }
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn order_and_division_into_files_do_not_matter() {
    let (_folder, day) = simulated("--profile card --payments 200 --merchants 6 --seed 42");
    let events = fs::read_to_string(day.file("events.jsonl")).expect("events");
    let settlement = fs::read_to_string(day.file("settlement.csv")).expect("a settlement file");
    let plain = come_to(&day, std::slice::from_ref(&events), &settlement).await;
    assert_eq!(plain.breaks.len(), 20);

    for seed in [1, 2, 3] {
        let mixed = shuffled(&settlement, 1, seed);
        assert_ne!(mixed, settlement);
        assert_eq!(
            come_to(&day, std::slice::from_ref(&events), &mixed).await,
            plain,
            "shuffled with {seed}"
        );
    }
    let lines: Vec<&str> = events.lines().collect();
    let thirds: Vec<String> = lines
        .chunks(lines.len() / 3 + 1)
        .map(|part| part.join("\n") + "\n")
        .collect();
    assert_eq!(thirds.len(), 3);
    assert_eq!(come_to(&day, &thirds, &settlement).await, plain, "in three files");
    let (first, later): (Vec<&str>, Vec<&str>) = lines
        .iter()
        .partition(|line| line.contains("\"kind\":\"authorization\"") || line.contains("\"kind\":\"decline\""));
    let divided = [first.join("\n"), later.join("\n")];
    assert_eq!(
        come_to(&day, &divided, &settlement).await,
        plain,
        "authorizations first"
    );
    let last = shuffled(&later.join("\n"), later.len(), 1);
    assert_eq!(
        come_to(&day, &[first.join("\n"), last], &shuffled(&settlement, 1, 4)).await,
        plain,
        "all at once"
    );
}

#[tokio::test]
async fn a_large_file_goes_in_by_two_lanes() {
    let desk = Desk::new().await;
    let (_directory, day) = simulated("--payments 5200 --merchants 9 --seed 11");
    let events = number(&day.truth["events"]["total"]);
    let enough = i64::try_from(acquit::store::record::LANES_FROM).expect("a small number");
    assert!(events >= enough, "{events} events are too few for two lanes");
    settle_in(&desk, &day).await;
    desk.run(&["record", &day.file("events.jsonl")]).exits(2);
    assert_eq!(rejects(&desk), rules_broken(&day));
    agree(&desk, &day, "record").await;
    desk.is_sound().await;
    changes_nothing(&desk, &["record", &day.file("events.jsonl")], 2).await;
}
