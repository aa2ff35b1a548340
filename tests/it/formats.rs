//! Settlement files of every format and packing, through the program and into the books.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::desk::{Balances, Desk};

const SETTINGS: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "UTC"
bank_account = "main"
[[acquirer]]
name = "psp"
contract = "net"
settles_within_days = 3
[[fee_schedule]]
name = "standard"
percentage = "5"
fixed = { EUR = "0.00", GBP = "0.00", KRW = "0" }
rounding = "half_even"
[[merchant]]
name = "m"
fee_schedule = "standard"
negative_limit = { EUR = "1000.00", KRW = "100000" }
"#;

const EVENTS: &str = r#"{"kind":"authorization","merchant":"m","payment":"p1","reference":"a1","amount":"100.00","currency":"EUR","occurred_at":"2026-03-01T09:00:00Z","acquirer":"psp"}
{"kind":"capture","merchant":"m","payment":"p1","reference":"c1","amount":"100.00","currency":"EUR","occurred_at":"2026-03-01T09:01:00Z","acquirer":"psp","acquirer_reference":"ch_1"}
{"kind":"refund","merchant":"m","payment":"p1","reference":"r1","amount":"25.00","currency":"EUR","occurred_at":"2026-03-01T09:02:00Z","acquirer":"psp","acquirer_reference":"re_1"}
{"kind":"authorization","merchant":"m","payment":"p2","reference":"a2","amount":"50.00","currency":"GBP","occurred_at":"2026-03-01T09:03:00Z","acquirer":"psp"}
{"kind":"capture","merchant":"m","payment":"p2","reference":"c2","amount":"50.00","currency":"GBP","occurred_at":"2026-03-01T09:04:00Z","acquirer":"psp","acquirer_reference":"ch_2"}
"#;

const STRIPE: &str = "\
balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,automatic_payout_id,customer_facing_amount,customer_facing_currency
txn_1,2026-03-02 09:00:00,eur,140.00,4.48,135.52,charge,ch_1,po_1,140.00,eur
txn_1b,2026-03-02 09:00:00,eur,-40.00,-1.28,-38.72,partial_capture_reversal,ch_1,po_1,-40.00,eur
txn_2,2026-03-02 09:00:01,eur,-25,0,-25,refund,re_1,po_1,-25.00,eur
txn_3,2026-03-02 10:00:00,eur,-0.30,0.00,-0.30,fee,,po_1,,
txn_4,2026-03-02 11:00:00,eur,56.50,1.09,55.41,charge,ch_2,po_1,50.00,gbp
txn_5,2026-03-03 00:00:00,eur,-126.91,0,-126.91,payout,po_1,po_1,,
";

fn gzip(text: &str) -> Vec<u8> {
    let (head, tail) = text.split_at(text.len() / 2);
    let member = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("packed");
        encoder.finish().expect("packed")
    };
    [member(head), member(tail)].concat()
}

fn zip(text: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer
        .start_file("report.csv", SimpleFileOptions::default())
        .expect("a member");
    writer.write_all(text.as_bytes()).expect("packed");
    writer.finish().expect("packed").into_inner()
}

const PROFILES: &str = include_str!("../../fixtures/formats/profiles/profiles.toml");
const HEADER_TOTALS: &[u8] = include_bytes!("../../fixtures/formats/profiles/header-totals.csv");
const NO_HEADER: &[u8] = include_bytes!("../../fixtures/formats/profiles/no-header.csv");
const COUNT_AND_SUM: &[u8] = include_bytes!("../../fixtures/formats/profiles/count-and-sum.csv");

async fn desk() -> Desk {
    desk_under(SETTINGS).await
}

async fn desk_under(settings: &str) -> Desk {
    let desk = Desk::new().await;
    desk.write("settings.toml", format!("{settings}{PROFILES}"));
    desk.write("events.jsonl", EVENTS);
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    desk.run(&["record", "events.jsonl"]).exits(0);
    desk
}

async fn reconciled(name: &str, file: &[u8]) -> Balances {
    let desk = desk().await;
    desk.write(name, file);
    desk.run(&["reconcile", name, "--acquirer", "psp", "--execute"])
        .exits(0)
        .says(&["pass 1: acquirer reference"]);
    desk.run(&["reconcile", name, "--acquirer", "psp", "--execute"])
        .exits(0)
        .says(&["booked by an earlier run"]);
    desk.is_sound().await;
    desk.run(&["audit", "verify"]).exits(0);
    let all = desk.balances().await.into_iter();
    // Of dimensions only the acquirer's matters here.
    all.map(|((code, currency, dimension), minor)| {
        let dimension = if dimension == "psp" { dimension } else { String::new() };
        ((code, currency, dimension), minor)
    })
    .collect()
}

/// Worked out by hand: 5 % of 100.00 EUR (of 140.00, and what was not captured of it) and of 50.00 GBP are ours; Stripe keeps
/// 3.20 + 1.09 and a fee of 0.30, and pays 126.91.
#[tokio::test]
async fn a_stripe_payout_is_reconciled_plain_and_packed() {
    let expected = balances(&[
        (1110, "EUR", "psp", 12_691),
        (2020, "EUR", "", -7_000),
        (2020, "GBP", "", -4_750),
        (4010, "EUR", "", -500),
        (4010, "GBP", "", -250),
        (5030, "EUR", "psp", 459),
        (6010, "EUR", "", -5_650),
        (6010, "GBP", "", 5_000),
    ]);
    for (name, file) in [
        ("report.csv", STRIPE.as_bytes().to_vec()),
        ("report.csv.gz", gzip(STRIPE)),
        ("report.zip", zip(STRIPE)),
    ] {
        assert_eq!(reconciled(name, &file).await, expected, "{name}");
    }
}

/// Without the row of its payout, nothing says that no other row is missing.
#[tokio::test]
async fn a_file_that_nothing_proves_is_told_and_held_where_settings_say_so() {
    let (cut, _) = STRIPE.split_once("txn_5").expect("a payout");
    let nothing = "no payout, total, count or balance that its lines could be held to";
    let reconcile = [
        "reconcile",
        "report.csv",
        "--acquirer",
        "psp",
        "--by",
        "ann",
        "--execute",
    ];
    let booked = desk().await;
    booked.write("report.csv", cut);
    booked
        .run(&reconcile)
        .exits(0)
        .says(&["warning: the file has", nothing]);
    let settings = SETTINGS.replace(
        "settles_within_days = 3",
        "settles_within_days = 3\nunproven = \"hold\"",
    );
    let desk = desk_under(&settings).await;
    desk.write("report.csv", cut);
    let open = desk.balances().await;
    desk.run(&reconcile).exits(1).says(&["quarantined", nothing]);
    assert_eq!(desk.balances().await, open);
    let release = |by| {
        [
            "files",
            "release",
            "report.csv",
            "--by",
            by,
            "--reason",
            "seen at psp",
            "--execute",
        ]
    };
    desk.run(&release("ann"))
        .exits(1)
        .says(&["somebody else has to release it"]);
    desk.run(&release("acquit"))
        .exits(1)
        .says(&["--by acquit: that stands for what acquit does by rule"]);
    desk.run(&release("bob")).exits(0);
    assert_eq!(desk.balances().await, booked.balances().await);
    assert_ne!(desk.balances().await, open);
    desk.is_sound().await;
    // What says something is booked all the same.
    let desk = desk_under(&settings).await;
    desk.write("report.csv", STRIPE);
    let told = desk.run(&reconcile).exits(0);
    assert!(!told.err.contains("warning"), "{}", told.err);
}

/// Payouts that somebody asked for have no link to what they pay, in any file: that is no batch.
#[tokio::test]
async fn what_no_payout_holds_claims_nothing_and_takes_nobodys_place() {
    let desk = desk().await;
    let head = STRIPE.lines().next().expect("a header");
    for (name, day) in [("one.csv", "02"), ("two.csv", "03")] {
        let fee = format!("txn_{day}a,2026-03-{day} 10:00:00,eur,-0.30,0.00,-0.30,fee,,,,");
        let payout = format!("txn_{day}b,2026-03-{day} 11:00:00,eur,-10.00,0,-10.00,payout,po_{day},,,");
        desk.write(name, format!("{head}\n{fee}\n{payout}\n"));
        desk.run(&["reconcile", name, "--acquirer", "psp", "--execute"])
            .exits(0);
    }
    assert_eq!(
        desk.balances().await.get(&(5030, "EUR".to_owned(), "psp".to_owned())),
        Some(&60)
    );
    desk.is_sound().await;
}

fn balances(rows: &[(i16, &str, &str, i64)]) -> Balances {
    let of = |(code, currency, dimension, minor): &(i16, &str, &str, i64)| {
        ((*code, (*currency).to_owned(), (*dimension).to_owned()), *minor)
    };
    rows.iter().map(of).collect()
}

/// Worked out by hand: 100.00 EUR less 3.204999 and a refund of 25.00 EUR; 50.00 GBP less 0.005, which is rounded away.
#[tokio::test]
async fn a_file_with_totals_in_its_header_is_reconciled_by_a_profile() {
    let expected = balances(&[
        (1110, "EUR", "psp", 7_180),
        (1110, "GBP", "psp", 5_000),
        (2020, "EUR", "", -7_000),
        (2020, "GBP", "", -4_750),
        (4010, "EUR", "", -500),
        (4010, "GBP", "", -250),
        (5030, "EUR", "psp", 320),
    ]);
    assert_eq!(reconciled("report.csv", HEADER_TOTALS).await, expected);
}

/// Worked out by hand: fees of 3.20 EUR and 1.10 GBP, 0.30 EUR for the batch.
#[tokio::test]
async fn a_file_with_a_count_and_sums_at_its_end_is_reconciled_by_a_profile() {
    let expected = balances(&[
        (1110, "EUR", "psp", 7_150),
        (1110, "GBP", "psp", 4_890),
        (2020, "EUR", "", -7_000),
        (2020, "GBP", "", -4_750),
        (4010, "EUR", "", -500),
        (4010, "GBP", "", -250),
        (5030, "EUR", "psp", 350),
        (5030, "GBP", "psp", 110),
    ]);
    assert_eq!(reconciled("report.csv", COUNT_AND_SUM).await, expected);
}

/// Worked out by hand, as the file before but for its fee of the batch. Nothing in the file says what its columns are.
#[tokio::test]
async fn a_file_that_does_not_name_its_columns_is_read_by_the_profile_that_is_named() {
    let desk = desk().await;
    let before = desk.balances().await;
    desk.write("report.csv", NO_HEADER);
    let reconcile = |name: &'static str, format: &'static str| {
        let mut command = vec!["reconcile", name, "--acquirer", "psp", "--execute"];
        command.extend(
            (!format.is_empty())
                .then_some(["--file-format", format])
                .into_iter()
                .flatten(),
        );
        desk.run(&command)
    };
    reconcile("report.csv", "")
        .exits(1)
        .says(&["cannot be read as a settlement file", "no column"]);
    reconcile("report.csv", "count-and-sum")
        .exits(1)
        .says(&["not a file of profile count-and-sum: no column"]);
    for (number, (from, to, reason)) in [
        ("96.80", "96.81", "line 1"),
        (
            "|GBP|50.00",
            "|GBP|50,00",
            "line 3, column gross: `50,00` is not an amount",
        ),
        ("|BR", "", "line 3: has 8 cells, but the header has 9"),
        (
            "END|3",
            "END|4",
            "trailer row `END`, line 4, says rows 4, its lines add up to 3",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name: &'static str = ["0.csv", "1.csv", "2.csv", "3.csv"][number];
        desk.write(name, changed(NO_HEADER, from, to));
        reconcile(name, "no-header").exits(1).says(&[reason]);
    }
    assert_eq!(desk.balances().await, before);
    // A file of another kind, by the name of this one.
    desk.write("other.csv", HEADER_TOTALS);
    reconcile("other.csv", "no-header")
        .exits(1)
        .says(&["the file ends without its trailer row `END`"]);
    reconcile("report.csv", "no-header")
        .exits(0)
        .says(&["pass 1: acquirer reference"]);
    reconcile("report.csv", "no-header")
        .exits(0)
        .says(&["booked by an earlier run"]);
    let expected = [
        (1110, "EUR", 7_180),
        (1110, "GBP", 4_890),
        (5030, "EUR", 320),
        (5030, "GBP", 110),
    ];
    let balances = desk.balances().await;
    for (code, currency, minor) in expected {
        assert_eq!(
            balances.get(&(code, currency.to_owned(), "psp".to_owned())),
            Some(&minor)
        );
    }
    desk.is_sound().await;
}

const OF_BALANCES: &[u8] = include_bytes!("../../fixtures/formats/profiles/balances.csv");

/// Worked out by hand: sales and a refund less fees of 3.20 EUR and 1.10 GBP; the payout of 60.00 EUR is awaited, and books
/// nothing.
#[tokio::test]
async fn a_file_that_states_balances_is_proven_by_them() {
    let expected = balances(&[
        (1110, "EUR", "psp", 7_180),
        (1110, "GBP", "psp", 4_890),
        (2020, "EUR", "", -7_000),
        (2020, "GBP", "", -4_750),
        (4010, "EUR", "", -500),
        (4010, "GBP", "", -250),
        (5030, "EUR", "psp", 320),
        (5030, "GBP", "psp", 110),
    ]);
    assert_eq!(reconciled("report.csv", OF_BALANCES).await, expected);
}

/// The balances of days, each a fee and what the balance begins and ends with.
#[tokio::test]
async fn balances_of_profiles_follow_one_another() {
    let desk = desk().await;
    let day = |name: &str, day: u8, opening: &str, closing: &str| {
        let of = |word: &str, amount: &str| format!("{word},2026-03-{day:02},EUR,{amount}\n");
        // Two rows stand before the names: the other is of a currency that nothing moves.
        let dollars = |word: &str| format!("{word},2026-03-{day:02},USD,0.00\n");
        let text = [
            of("FROM", opening),
            dollars("FROM"),
            "kind,id,order,day,currency,gross,fee\n".to_owned(),
            format!("FEE,f{day},,2026-03-{day:02},EUR,-1.00,\n"),
            of("TO", closing),
            dollars("TO"),
        ];
        desk.write(name, text.concat());
        desk.run(&["reconcile", name, "--acquirer", "psp", "--execute"])
    };
    let before = desk.balances().await;
    day("wrong.csv", 2, "10.00", "9.01").exits(1).says(&[
        "trailer row `TO`, line 5, cell 4, says that the balance since row 1 of the preamble, cell 4, moved by -0.99 EUR, its lines add up \
         to -1.00 EUR",
    ]);
    assert_eq!(desk.balances().await, before);
    // A row of a word that the profile does not know is a break of its own.
    day("2.csv", 2, "10.00", "9.00").exits(2);
    day("3.csv", 3, "9.00", "8.00").exits(2);
    let booked = desk.balances().await;
    day("4.csv", 4, "7.99", "6.99").exits(1).says(&[
        "balance of balances in EUR at 2026-03-04T00:00:00Z: it begins with 7.99 EUR, the one before ended with 8.00 EUR at \
         2026-03-04T00:00:00Z",
    ]);
    assert_eq!(desk.balances().await, booked);
    day("6.csv", 6, "7.00", "6.00").exits(2).says(&["MISSING_FILE"]);
    desk.is_sound().await;
}

/// A text of a file, replaced once.
fn changed(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text: String = file.iter().copied().map(char::from).collect();
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    text.chars().map(|c| u8::try_from(c).expect("a byte")).collect()
}

#[tokio::test]
async fn a_file_that_its_profile_does_not_prove_posts_nothing() {
    let desk = desk().await;
    let before = desk.balances().await;
    let cases = [
        (
            HEADER_TOTALS,
            "71.795001",
            "71.795002",
            "row 2 of the preamble says net in EUR, in units of 6 decimals: 71795002",
        ),
        (HEADER_TOTALS, "HEADER,GBP,50.000000", "HEADER,GBP", "has no cell 5"),
        (HEADER_TOTALS, "NET_AMOUNT,COUNTRY", "NET,COUNTRY", "no column"),
        (
            HEADER_TOTALS,
            "SALE,ch_2",
            "SALE,4111111111111111",
            "1 row cannot be read",
        ),
        (HEADER_TOTALS, "96.795001", "96.795000", "1 row cannot be read"),
        (
            COUNT_AND_SUM,
            "RECORD_COUNT;4",
            "RECORD_COUNT;5",
            "says rows 5, its lines add up to 4",
        ),
        (
            COUNT_AND_SUM,
            "CHECKSUM;124,70",
            "CHECKSUM;124,71",
            "says gross, in units of 2 decimals: 12471",
        ),
        (
            COUNT_AND_SUM,
            "TOTAL;GBP;50,00\r\n",
            "TOTAL;GBP;50,01\r\n",
            "says gross 50.01 GBP, its lines add up to 50.00 GBP",
        ),
        (
            COUNT_AND_SUM,
            "CHECKSUM;124,70\r\n",
            "",
            "the file ends without its trailer row `CHECKSUM`",
        ),
        (
            COUNT_AND_SUM,
            "RECORD_COUNT;4\r\n",
            "RECORD_COUNT;4\r\nA-7;x\r\n",
            "a row after the trailer",
        ),
        (COUNT_AND_SUM, "25,00;S", "25,00;X", "1 row cannot be read"),
        (COUNT_AND_SUM, "100,00;H", "100.00;H", "1 row cannot be read"),
        (
            COUNT_AND_SUM,
            "01.03.2026 10:01",
            "01.03.2026 25:01",
            "1 row cannot be read",
        ),
        (COUNT_AND_SUM, "ch_2;01.03", "ch_2\u{85};01.03", "1 row cannot be read"),
    ];
    for (number, (file, from, to, reason)) in cases.into_iter().enumerate() {
        let name = format!("file-{number}.csv");
        desk.write(&name, changed(file, from, to));
        desk.run(&["reconcile", &name, "--acquirer", "psp", "--execute"])
            .exits(1)
            .says(&[reason]);
    }
    assert_eq!(desk.balances().await, before);
    desk.is_sound().await;
}

#[tokio::test]
async fn a_file_that_fits_two_profiles_is_asked_about() {
    let desk = Desk::new().await;
    let twin = PROFILES.replacen("\"header-totals\"", "\"twin\"", 1);
    let twin = twin.split("# Unsigned").next().expect("a profile");
    desk.write("settings.toml", format!("{SETTINGS}{PROFILES}{twin}"));
    desk.write("events.jsonl", EVENTS);
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    desk.run(&["record", "events.jsonl"]).exits(0);
    desk.write("report.csv", HEADER_TOTALS);
    desk.run(&["reconcile", "report.csv", "--acquirer", "psp"])
        .exits(1)
        .says(&["it may be header-totals or twin: say which by --file-format"]);
    desk.run(&["reconcile", "report.csv", "--acquirer", "psp", "--file-format", "twin"])
        .exits(0);
    desk.run(&[
        "reconcile",
        "report.csv",
        "--acquirer",
        "psp",
        "--file-format",
        "count-and-sum",
    ])
    .exits(1)
    .says(&["not a file of profile count-and-sum: no column"]);
}

#[tokio::test]
async fn a_row_is_explained_field_by_field() {
    let desk = desk().await;
    let before = desk.state().await;
    desk.write("report.csv", COUNT_AND_SUM);
    desk.write("stripe.csv", STRIPE);
    let rows = desk
        .run(&[
            "reconcile",
            "report.csv",
            "--explain",
            "--line",
            "3",
            "--format",
            "json",
        ])
        .exits(0)
        .rows();
    let field = |name: &str| {
        let row = rows.iter().find(|row| row["field"] == name).expect("a field");
        ["column", "raw", "rule", "value"].map(|cell| row[cell].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(
        field("gross"),
        [
            "Betrag, S/H",
            "25,00, S",
            "signed by its flag, decimals of ISO 4217",
            "-25.00 EUR"
        ]
    );
    assert_eq!(
        field("occurred_on"),
        [
            "Datum",
            "01.03.2026 10:02",
            "DD.MM.YYYY hh:mm in Europe/Berlin, the day in UTC",
            "2026-03-01"
        ]
    );
    assert_eq!(field("becomes")[3], "refund");
    assert!(rows.iter().all(|row| row["line"] == "3"));
    // The first rows, by settings that were not applied, and of a format with a reader of its own.
    desk.write(
        "plan.toml",
        format!("{SETTINGS}{}", PROFILES.replace("count-and-sum", "planned")),
    );
    desk.run(&[
        "reconcile",
        "report.csv",
        "--explain",
        "--settings",
        "plan.toml",
        "--rows",
        "1",
    ])
    .exits(0)
    .says(&["read as planned", "3.20 EUR"]);
    desk.run(&["reconcile", "stripe.csv", "--explain", "--line", "4"])
        .exits(0)
        .says(&["read as stripe", "re_1", "-25.00 EUR", "txn_2,2026-03-02 09:00:01"]);
    desk.run(&["reconcile", "report.csv", "--explain", "--line", "99"])
        .exits(1)
        .says(&["no row begins on line 99"]);
    desk.run(&["reconcile", "report.csv", "--explain", "--execute", "--acquirer", "psp"])
        .exits(1);
    assert_eq!(desk.state().await, before, "nothing is written");
}

/// Two sales of the file, matched by ARN; what nobody knows goes to suspense.
#[tokio::test]
async fn a_clearing_file_is_reconciled_by_arn() {
    let desk = Desk::new().await;
    desk.write("settings.toml", SETTINGS);
    let events = EVENTS
        .replace("\"acquirer_reference\":\"ch_1\"", "\"arn\":\"12345678901234567890123\"")
        .replace("\"acquirer_reference\":\"re_1\"", "\"arn\":\"12345678901234567890131\"")
        .replace("\"acquirer_reference\":\"ch_2\"", "\"arn\":\"12345678901234567890149\"");
    desk.write("events.jsonl", events);
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    desk.run(&["record", "events.jsonl"]).exits(0);
    for (number, file) in [
        &include_bytes!("../../fixtures/formats/ipm/ebcdic-blocked.ipm")[..],
        &include_bytes!("../../fixtures/formats/ipm/ascii.ipm")[..],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("clearing-{number}.ipm");
        desk.write(&name, file);
        desk.run(&["reconcile", &name, "--acquirer", "psp"])
            .exits(2)
            .says(&["pass 2: ARN", "plan, nothing was booked"]);
        let mut cut = file.to_vec();
        cut.truncate(1500);
        desk.write("cut.ipm", cut);
        desk.run(&["reconcile", "cut.ipm", "--acquirer", "psp"])
            .exits(1)
            .says(&["record "]);
    }
    desk.run(&["reconcile", "clearing-0.ipm", "--acquirer", "psp", "--execute"])
        .exits(2);
    desk.is_sound().await;
    desk.run(&["audit", "verify"]).exits(0);
    // The same lines in other bytes are another version of the file.
    desk.run(&["reconcile", "clearing-1.ipm", "--acquirer", "psp", "--execute"])
        .exits(1)
        .says(&["came before with other content, in clearing-0.ipm"]);
    desk.run(&["audit", "verify"]).exits(0);
    desk.run(&["reconcile", "clearing-0.ipm", "--explain", "--line", "2"])
        .exits(0)
        .says(&["read as ipm", "541333******0011"]);
}

#[tokio::test]
async fn what_is_not_whole_posts_nothing() {
    let desk = desk().await;
    let before = desk.balances().await;
    let refused = |name: &str, file: &[u8], reason: &str| {
        desk.write(name, file);
        desk.run(&["reconcile", name, "--acquirer", "psp", "--execute"])
            .exits(1)
            .says(&[reason]);
    };
    let packed = gzip(STRIPE);
    refused("cut.gz", &packed[..packed.len() - 9], "cut.gz cannot be read");
    refused("more.gz", &[&packed[..], b"more"].concat(), "more.gz cannot be read");
    refused("cut.zip", &zip(STRIPE)[..100], "the zip archive cannot be read");
    let short = STRIPE.replace(
        "txn_2,2026-03-02 09:00:01,eur,-25,0,-25,refund,re_1,po_1,-25.00,eur\n",
        "",
    );
    refused(
        "short.csv",
        short.as_bytes(),
        "payout po_1 is of 126.91 EUR, its lines add up to 151.91 EUR",
    );
    desk.run(&["breaks", "list"]).says(&["TOTAL_MISMATCH"]);
    refused("other.csv", b"a,b,c\n1,2,3\n", "no column");
    desk.run(&["reconcile", "short.csv", "--acquirer", "psp", "--file-format", "pigeon"])
        .exits(1)
        .says(&[
            "it must be one of adyen, stripe, ipm, paypal, checkout, toss-csv, toss-json, balances, count-and-sum, header-totals, no-header",
        ]);
    assert_eq!(desk.balances().await, before);
}

/// Events of a payment: the capture of so much, and a refund of so much, under the acquirer's references.
fn sale(currency: &str, (captured, by): (&str, &str), refunded: Option<(&str, &str)>) -> String {
    let event = |kind: &str, reference: &str, amount: &str, acquirers: &str| {
        format!(
            "{{\"kind\":\"{kind}\",\"merchant\":\"m\",\"payment\":\"p1\",\"reference\":\"{reference}\",\"amount\":\"{amount}\",\
             \"currency\":\"{currency}\",\"occurred_at\":\"2026-03-01T09:00:00Z\",\"acquirer\":\"psp\",\
             \"acquirer_reference\":\"{acquirers}\"}}\n"
        )
    };
    let refund = refunded.map_or_else(String::new, |(amount, by)| event("refund", "r1", amount, by));
    event("authorization", "a1", captured, "auth") + &event("capture", "c1", captured, by) + &refund
}

/// Records events, reconciles files that are one report, twice, and compares the books; balances are `code currency minor`.
#[track_caller]
fn check(events: &str, files: &[(&str, &str)], expected: &str) -> impl Future<Output = ()> {
    let (events, expected) = (events.to_owned(), expected.to_owned());
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    async move {
        let desk = Desk::new().await;
        desk.write("settings.toml", SETTINGS);
        desk.write("events.jsonl", events);
        desk.run(&["settings", "apply", "settings.toml"]).exits(0);
        desk.run(&["record", "events.jsonl"]).exits(0);
        let mut command = vec!["reconcile"];
        for (name, text) in &files {
            desk.write(name, text);
            if command.len() > 1 {
                command.push("--with");
            }
            command.push(name);
        }
        command.extend(["--acquirer", "psp", "--execute"]);
        desk.run(&command).exits(0).says(&["pass 1: acquirer reference"]);
        desk.run(&command).exits(0).says(&["booked by an earlier run"]);
        desk.is_sound().await;
        desk.run(&["audit", "verify"]).exits(0);
        let balances: Vec<String> = desk
            .balances()
            .await
            .into_iter()
            .map(|((code, currency, _), minor)| format!("{code} {currency} {minor}"))
            .collect();
        let expected: Vec<&str> = expected.split(", ").collect();
        assert_eq!(balances, expected);
    }
}

const CH: &str = "CH,Transaction ID,Invoice ID,PayPal Reference ID,Transaction Event Code,Transaction Completion Date,\
    Transaction Debit or Credit,Gross Transaction Amount,Gross Transaction Currency,Fee Debit or Credit,Fee Amount,Fee Currency";

/// A PayPal report of two files: a sale of 100.00 EUR, a refund of 20.00, a hold of 5.00, 50.00 turned into 56.50 USD, a
/// withdrawal.
fn paypal() -> [String; 2] {
    let at = "2026/03/02 10:00:00 -0800";
    let begin = |number: u8| format!("RH,{at},A,ACC,9\nFH,{number:02}\nSH,{at},{at},ACC,\n{CH}\n");
    [
        format!(
            "{}SB,T1,o1,,T0006,{at},CR,10000,EUR,DR,390,EUR\nSB,T2,o1,T1,T1107,{at},DR,2000,EUR,CR,78,EUR\nFF,2\n",
            begin(1)
        ),
        format!(
            "{}SB,T3,,,T1110,{at},DR,500,EUR,,,\nSB,T4,,C1,T0200,{at},DR,5000,EUR,,,\nSB,T5,,C1,T0200,{at},CR,5650,USD,,,\n\
             SB,T6,,,T0403,{at},DR,1000,EUR,,,\nSF,EUR,10000,8500,78,390\nSF,USD,5650,0,0,0\nSC,6\nRF,EUR,10000,8500,78,390\n\
             RF,USD,5650,0,0,0\nRC,6\nFF,4\n",
            begin(2)
        ),
    ]
}

#[tokio::test]
async fn a_paypal_report_of_two_files_is_reconciled() {
    let [first, second] = paypal();
    // 1110: 100.00 - 3.90 - 20.00 + 0.78 - 5.00 - 50.00; what is withdrawn is awaited.
    check(
        &sale("EUR", ("100.00", "T1"), Some(("20.00", "T2"))),
        &[("one.csv", &first), ("two.csv", &second)],
        "1110 EUR 2188, 1110 USD 5650, 1120 EUR 500, 2020 EUR -7500, 4010 EUR -500, 5030 EUR 312, 6010 EUR 5000, 6010 USD -5650",
    )
    .await;
}

const BREAKDOWN: &str = "\
Type,Payment ID,Reference,Processed On,Holding Currency,Payout ID,Gross In Holding Currency,Deduction In Holding Currency,Net In Holding Currency,Processing Fee In Holding Currency,Scheme Fee In Holding Currency,Interchange In Holding Currency,Tax In Holding Currency,Reserve In Holding Currency,Processing Currency,Gross In Processing Currency
Capture,pay_1,o1,2026-03-01T10:00:00,EUR,P1,100.00,-3.1123,96.8877,-0.50123456,-0.11106544,-0.50,-1.00,-1.00,EUR,100.00
Merchant Payout,,,2026-03-02,EUR,P1,0,-0.45,-0.45,-0.45,,,,,EUR,0
";
const PAYOUTS: &str = "Payout ID,Payout Date,Payout Amount\nP1,2026-03-03,96.43\n";

#[tokio::test]
async fn a_checkout_breakdown_is_reconciled_with_its_payouts() {
    // 96.89 - 0.45 is a cent more than what is paid.
    check(
        &sale("EUR", ("100.00", "pay_1"), None),
        &[("breakdown.csv", BREAKDOWN), ("payouts.csv", PAYOUTS)],
        "1110 EUR 9643, 1120 EUR 100, 1400 EUR 100, 2020 EUR -9500, 4010 EUR -500, 5010 EUR 50, 5020 EUR 11, 5030 EUR 95, 5900 EUR 1",
    )
    .await;
}

const TOSS: &str = r#"[
{"paymentKey":"pk_1","transactionKey":"tx_1","orderId":"o1","currency":"KRW","method":"카드","amount":64601,"interestFee":0,"fee":1492,"supplyAmount":1356,"vat":136,"payOutAmount":63109,"approvedAt":"2026-03-01T09:00:00+09:00","soldDate":"2026-03-01","paidOutDate":"2026-03-05","cancel":null},
{"paymentKey":"pk_1","transactionKey":"tx_1","orderId":"o1","currency":"KRW","method":"카드","amount":-11000,"interestFee":0,"fee":"-242","supplyAmount":-220,"vat":-22,"payOutAmount":-10758,"approvedAt":"2026-03-01T09:00:00+09:00","soldDate":"2026-03-02","paidOutDate":"2026-03-05","cancel":{"transactionKey":"tx_2"}}
]"#;

#[tokio::test]
async fn toss_rows_are_reconciled_with_their_vat() {
    // Five per cent of 64,601 are 3,230.05.
    check(
        &sale("KRW", ("64601", "tx_1"), Some(("11000", "tx_2"))),
        &[("rows.json", TOSS)],
        "1110 KRW 52351, 1400 KRW 114, 2020 KRW -50371, 4010 KRW -3230, 5030 KRW 1136",
    )
    .await;
}

/// A refund of 25.00 is settled, comes back, and is settled as that. In the end the shopper has paid 100.00, less 5 % of ours.
#[tokio::test]
async fn a_refund_that_came_back_is_matched() {
    const HEADER: &str = "Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,\
        Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),\
        Scheme Fees (NC),Interchange (NC),Batch Number";
    const FIRST: &str = "\
psp1,p1,2026-03-02 10:00:00,CET,Settled,ch_1,EUR,,100.00,1,EUR,,100.00,,,,,7
psp1,p1,2026-03-02 10:00:00,CET,Refunded,re_1,EUR,25.00,,1,EUR,25.00,,,,,,7
psp2,p2,2026-03-02 10:00:00,CET,Settled,ch_2,GBP,,50.00,1,GBP,,50.00,,,,,7
,,2026-03-02 10:00:00,CET,MerchantPayout,TX1 batch 7,,,,,EUR,75.00,,,,,,7
,,2026-03-02 10:00:00,CET,MerchantPayout,TX2 batch 7,,,,,GBP,50.00,,,,,,7
";
    const SECOND: &str = "\
psp1,p1,2026-03-05 10:00:00,CET,RefundedReversed,rr_1,EUR,,25.00,1,EUR,,25.00,,,,,8
,,2026-03-05 10:00:00,CET,MerchantPayout,TX1 batch 8,,,,,EUR,25.00,,,,,,8
";
    const FAILED: &str = r#"{"kind":"refund_failure","merchant":"m","payment":"p1","reference":"f1","original":"r1","amount":"25.00","currency":"EUR","occurred_at":"2026-03-04T09:00:00Z","acquirer":"psp","acquirer_reference":"rr_1"}"#;
    let desk = desk().await;
    let reconcile = |name: &str, rows: &str| {
        desk.write(name, format!("{HEADER}\n{rows}"));
        desk.run(&["reconcile", name, "--acquirer", "psp", "--execute"])
            .exits(0)
            .says(&["pass 1: acquirer reference"]);
    };
    reconcile("first.csv", FIRST);
    desk.write("failed.jsonl", FAILED);
    desk.run(&["record", "failed.jsonl"]).exits(0);
    reconcile("second.csv", SECOND);
    let expected = [
        (1110, "EUR", "psp", 10_000),
        (1110, "GBP", "psp", 5_000),
        (2020, "EUR", "", -9_500),
        (2020, "GBP", "", -4_750),
        (4010, "EUR", "", -500),
        (4010, "GBP", "", -250),
    ];
    assert_eq!(desk.balances().await, balances(&expected));
    desk.is_sound().await;
}

const ADYEN: &str = "\
Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number
psp1,p1,2026-03-02 10:00:00,CET,Settled,cap1,EUR,,100.00,1,EUR,,98.00,2.00,,,,7
psp2,p2,2026-03-02 10:00:00,CET,SettledExternally,cap2,EUR,,40.00,1,EUR,,,,,,,7
,,2026-03-02 10:00:00,CET,ReserveAdjustment,reserve,,,,,EUR,5.00,,,,,,7
,,2026-03-02 10:00:00,CET,DepositCorrection,deposit,,,,,EUR,4.00,,,,,,7
,,2026-03-02 10:00:00,CET,AuthorisationSchemeFee,fees,,,,,EUR,1.00,,,,,,7
,,2026-03-02 10:00:00,CET,Balancetransfer,from batch 6,,,,,EUR,12.00,,,,,,7
,,2026-03-02 10:00:00,CET,MerchantPayout,TX1 batch 7,,,,,EUR,76.00,,,,,,7
";

#[tokio::test]
async fn rows_of_an_adyen_batch_are_booked_where_they_belong() {
    // What batch 6 left is in 1110 since then: the payout of 76.00 is 88.00 less it.
    check(
        &sale("EUR", ("100.00", "cap1"), None),
        &[("settlement.csv", ADYEN)],
        "1110 EUR 8800, 1120 EUR 900, 2020 EUR -9500, 4010 EUR -500, 5020 EUR 100, 5030 EUR 200",
    )
    .await;
}

#[tokio::test]
async fn what_one_report_does_not_prove_posts_nothing() {
    let desk = desk().await;
    let before = desk.balances().await;
    let refused = |files: &[(&str, &str)], reason: &str| {
        let mut command = vec!["reconcile"];
        for (name, text) in files {
            desk.write(name, text);
            if command.len() > 1 {
                command.push("--with");
            }
            command.push(name);
        }
        command.extend(["--acquirer", "psp", "--execute"]);
        desk.run(&command).exits(1).says(&[reason]);
    };
    let [first, second] = paypal();
    refused(
        &[("1.csv", &first)],
        "the report goes on in another file: give it by --with",
    );
    refused(&[("2.csv", &second)], "is file 2 of its report where file 1 is due");
    let off = second.replace("RF,EUR,10000,8500", "RF,EUR,10000,8501");
    refused(
        &[("1.csv", &first), ("2.csv", &off)],
        "the report's footer of EUR on line 12 says gross debits of 85.01 EUR, its lines add up to 85.00 EUR",
    );
    refused(
        &[("b.csv", BREAKDOWN)],
        "a breakdown is proven by its payouts: give their file by --with",
    );
    refused(
        &[("b.csv", BREAKDOWN), ("p.csv", &PAYOUTS.replace("96.43", "96.42"))],
        "batch P1 pays 96.42 EUR, its lines add up to 96.44 EUR",
    );
    refused(
        &[("t.json", &TOSS.replace("\"vat\":136", "\"vat\":137"))],
        "1 row cannot be read",
    );
    refused(
        &[("cut.json", &TOSS[..TOSS.len() - 1])],
        "cannot be read as a settlement file",
    );
    refused(
        &[("p.csv", PAYOUTS), ("b.csv", BREAKDOWN)],
        "not a Checkout.com settlement breakdown",
    );
    refused(&[("s.csv", STRIPE), ("more.csv", STRIPE)], "stands alone");
    assert_eq!(desk.balances().await, before);
}

/// Neither line has a reference of the acquirer's or ours: the numbers and codes of the authorizations lead to their captures, and
/// only with the amount. A code alone leads nowhere.
#[tokio::test]
async fn authorizations_lead_to_captures() {
    const BY_AUTHORIZATION: &str = r#"
[[profile]]
name = "by-authorization"
date = "YYYY-MM-DD"
[profile.columns]
type = "kind"
occurred_on = "day"
currency = "currency"
gross = "gross"
net = "net"
rrn = "rrn"
auth_code = "code"
card = "card"
[profile.types]
Sale = "capture"
"#;
    let event = |kind: &str, payment: &str, amount: &str, rest: &str| {
        format!(
            r#"{{"kind":"{kind}","merchant":"m","payment":"{payment}","reference":"{kind}-{payment}","amount":"{amount}","currency":"EUR",
            "occurred_at":"2026-03-01T09:00:00Z","acquirer":"psp"{rest}}}"#
        )
        .replace('\n', " ")
            + "\n"
    };
    let desk = Desk::new().await;
    desk.write("settings.toml", format!("{SETTINGS}{BY_AUTHORIZATION}"));
    let mut events = String::new();
    for (payment, amount, of) in [
        ("p1", "10.00", r#","rrn":"600000000001","auth_code":"AAAAAA""#),
        ("p2", "20.00", r#","auth_code":"BBBBBB","card":"1111""#),
        (
            "p3",
            "30.00",
            r#","rrn":"600000000003","auth_code":"CCCCCC","card":"3333""#,
        ),
    ] {
        events += &event("authorization", payment, amount, of);
        events += &event("capture", payment, amount, "");
    }
    desk.write("events.jsonl", events);
    desk.write(
        "report.csv",
        "kind,day,currency,gross,net,rrn,code,card\n\
         Sale,2026-03-02,EUR,10.00,10.00,600000000001,AAAAAA,\n\
         Sale,2026-03-02,EUR,20.00,20.00,,BBBBBB,1111\n\
         Sale,2026-03-02,EUR,30.01,30.01,600000000003,CCCCCC,3333\n\
         Sale,2026-03-02,EUR,30.00,30.00,,CCCCCC,\n",
    );
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    desk.run(&["record", "events.jsonl"]).exits(0);
    desk.run(&["reconcile", "report.csv", "--acquirer", "psp", "--execute"])
        .exits(2)
        .says(&[
            "matched  pass 3: RRN, authorization code and amount       1",
            "matched  pass 5: authorization code, card and amount      1",
            "break    MISSING_IN_LEDGER                                2",
        ]);
    desk.is_sound().await;
}
