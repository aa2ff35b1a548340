//! Reports, against the same figures worked out from the raw rows.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "figures of tests are small, and overflow panics"
)]

use std::collections::{BTreeMap, HashMap};

use acquit::audit::export::{CellKind, Column, Manifests, hex, is_figure, restored};
use acquit::cli::output::Format;
use acquit::cli::report::{Report, SpanArgs, TABLE_LIMIT, print, write_to};
use chrono::{DateTime, Days, NaiveDate, SecondsFormat, Utc};
use sha2::{Digest, Sha256};

use crate::facts;
use crate::support::{self, TestStore};

/// Rows of a report, each by column name.
type Rows = Vec<BTreeMap<String, String>>;

async fn printed(test: &TestStore, report: &Report, format: Format) -> String {
    let mut out = Vec::new();
    if let Err(failure) = print(&test.store, report, format, &mut out).await {
        panic!("{failure}");
    }
    String::from_utf8(out).expect("UTF-8")
}

/// The CSV as an importer reads it, proven equal to the JSON, which neutralises nothing.
async fn rows(test: &TestStore, report: &Report) -> Rows {
    let rows = import(printed(test, report, Format::Csv).await.as_bytes(), report.columns());
    let json: Rows = serde_json::from_str(&printed(test, report, Format::Json).await).expect("JSON");
    assert_eq!(rows, json);
    rows
}

fn import(csv: &[u8], columns: &[Column]) -> Rows {
    let mut reader = csv::Reader::from_reader(csv);
    let header: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    assert_eq!(header, columns.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    reader
        .records()
        .map(|record| {
            let record = record.expect("a row");
            let cells = record.iter().zip(columns).map(|(cell, (name, kind))| {
                assert!(
                    !cell.starts_with(['=', '+', '@', '\t', '\r', '\0']) && (!cell.starts_with('-') || is_figure(cell)),
                    "{name}: {cell:?}"
                );
                let value = match kind {
                    CellKind::Text | CellKind::Whole => restored(cell),
                    CellKind::Figure | CellKind::Digest => cell,
                };
                ((*name).to_owned(), value.to_owned())
            });
            cells.collect()
        })
        .collect()
}

/// A transfer with everything around it, joined in Rust from the tables.
struct Raw {
    book: i64,
    merchant: Option<String>,
    number: i64,
    kind: i16,
    reference: String,
    payment: Option<String>,
    day: NaiveDate,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    source: String,
    source_line: Option<i32>,
    hash: Vec<u8>,
    moved: Option<RawTransfer>,
}

/// Ordinal, debit, credit, amount.
type RawTransfer = (i16, RawAccount, RawAccount, i64);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct RawAccount {
    code: i16,
    currency: String,
    exponent: i16,
    dimension: String,
}

async fn raw(test: &TestStore) -> Vec<Raw> {
    let query = async |sql: &str| test.admin.query(sql, &[]).await.expect("rows");
    let merchants: HashMap<i64, Option<String>> = query("select id, merchant from book")
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let sources: HashMap<i64, String> = query("select id, name from source")
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let accounts: HashMap<i32, RawAccount> = query("select id, code, currency, exponent, dimension from account")
        .await
        .iter()
        .map(|row| {
            let account = RawAccount {
                code: row.get(1),
                currency: row.get(2),
                exponent: row.get(3),
                dimension: row.get(4),
            };
            (row.get(0), account)
        })
        .collect();
    let mut transfers: HashMap<(i64, i64), Vec<RawTransfer>> = HashMap::new();
    for row in query("select book_id, entry_number, ordinal, debit_account, credit_account, amount from transfer").await
    {
        let moved = (
            row.get(2),
            accounts[&row.get::<_, i32>(3)].clone(),
            accounts[&row.get::<_, i32>(4)].clone(),
            row.get(5),
        );
        transfers.entry((row.get(0), row.get(1))).or_default().push(moved);
    }
    let mut all = Vec::new();
    for row in query("select book_id, number, kind, reference, payment, booking_date, occurred_at, recorded_at, source_id, source_line, hash from entry").await {
        let key: (i64, i64) = (row.get(0), row.get(1));
        let mut moved: Vec<_> = transfers.remove(&key).unwrap_or_default().into_iter().map(Some).collect();
        if moved.is_empty() {
            moved.push(None);
        }
        for moved in moved {
            all.push(Raw {
                book: key.0,
                merchant: merchants[&key.0].clone(),
                number: key.1,
                kind: row.get(2),
                reference: row.get(3),
                payment: row.get(4),
                day: row.get(5),
                occurred_at: row.get(6),
                recorded_at: row.get(7),
                source: sources[&row.get::<_, i64>(8)].clone(),
                source_line: row.get(9),
                hash: row.get(10),
                moved,
            });
        }
    }
    all.sort_by_key(|raw| (raw.book, raw.number, raw.moved.as_ref().map(|moved| moved.0)));
    all
}

fn decimal(minor: i64, exponent: i16) -> String {
    rust_decimal::Decimal::new(minor, u32::try_from(exponent).expect("an exponent")).to_string()
}

async fn random_books(seed: u64) -> TestStore {
    let test = support::store().await;
    facts::settle_in(&test).await;
    facts::random_entries(&test, &mut facts::rng(seed), 60).await;
    test
}

fn trial_balance_of(raw: &[Raw], merchant: Option<&str>, as_of: Option<NaiveDate>) -> Vec<[String; 10]> {
    let mut accounts = BTreeMap::<_, (i64, i64)>::new();
    for row in raw {
        let covered =
            (merchant.is_none() || row.merchant.as_deref() == merchant) && as_of.is_none_or(|day| row.day <= day);
        let Some((_, debit, credit, amount)) = row.moved.as_ref().filter(|_| covered) else {
            continue;
        };
        let key = |of: &RawAccount| {
            (
                of.code >= 9000,
                of.currency.clone(),
                of.code,
                of.dimension.clone(),
                of.exponent,
            )
        };
        accounts.entry(key(debit)).or_default().0 += amount;
        accounts.entry(key(credit)).or_default().1 += amount;
    }
    accounts
        .into_iter()
        .map(|((memo, currency, code, dimension, exponent), (debits, credits))| {
            let balance = debits - credits;
            [
                if memo { "memo" } else { "financial" }.to_owned(),
                code.to_string(),
                dimension,
                currency,
                debits.to_string(),
                credits.to_string(),
                balance.max(0).to_string(),
                (-balance).max(0).to_string(),
                decimal(debits, exponent),
                decimal((-balance).max(0), exponent),
            ]
        })
        .collect()
}

#[tokio::test]
async fn a_trial_balance_is_the_sum_of_the_transfers_on_any_day() {
    for seed in [21, 22] {
        let test = random_books(seed).await;
        let raw = raw(&test).await;
        let days = (0..12)
            .map(|day| Some(facts::first_day() + Days::new(day) - Days::new(1)))
            .chain([None]);
        for as_of in days {
            for merchant in [None, Some("alpha"), Some("beta")] {
                let report = Report::TrialBalance {
                    as_of,
                    merchant: merchant.map(str::to_owned),
                };
                let rows = rows(&test, &report).await;
                let columns = [
                    "section",
                    "account",
                    "dimension",
                    "currency",
                    "debits_minor",
                    "credits_minor",
                    "balance_debit_minor",
                    "balance_credit_minor",
                    "debits",
                    "balance_credit",
                ];
                let stated: Vec<[String; 10]> = rows
                    .iter()
                    .filter(|row| !row["section"].ends_with("total"))
                    .map(|row| columns.map(|column| row[column].clone()))
                    .collect();
                assert_eq!(stated, trial_balance_of(&raw, merchant, as_of), "{report:?}");
                for total in rows.iter().filter(|row| row["section"].ends_with("total")) {
                    assert_eq!(total["debits_minor"], total["credits_minor"]);
                    assert_eq!(total["balance_debit"], total["balance_credit"]);
                    let section = total["section"].trim_end_matches(" total");
                    let sum: i64 = rows
                        .iter()
                        .filter(|row| row["section"] == section && row["currency"] == total["currency"])
                        .map(|row| row["balance_debit_minor"].parse::<i64>().expect("a figure"))
                        .sum();
                    assert_eq!(total["balance_debit_minor"], sum.to_string());
                }
            }
        }
    }
}

/// The rows of one entry in the CSV of a journal.
struct Exported<'a>(&'a [BTreeMap<String, String>]);

impl Exported<'_> {
    fn integer(row: &BTreeMap<String, String>, column: &str) -> [u8; 8] {
        row[column].parse::<i64>().expect("an integer").to_be_bytes()
    }

    fn micros(&self, column: &str) -> [u8; 8] {
        let at = DateTime::parse_from_rfc3339(&self.0[0][column]).expect("an instant");
        (at.timestamp() * 1_000_000 + i64::from(at.timestamp_subsec_micros())).to_be_bytes()
    }

    /// What ARCHITECTURE.md says is hashed, in its order.
    fn hashed(&self, previous: &[u8]) -> Vec<u8> {
        let entry = &self.0[0];
        let text = |text: &str| {
            [
                &u64::try_from(text.len()).expect("a length").to_be_bytes(),
                text.as_bytes(),
            ]
            .concat()
        };
        let mut input = vec![1];
        input.extend(Self::integer(entry, "book"));
        input.extend(Self::integer(entry, "number"));
        input.extend(previous);
        input.extend(Self::integer(entry, "kind_id"));
        input.extend(text(&entry["reference"]));
        input.extend(bytes(&entry["fingerprint"]));
        for column in [
            "payment",
            "acquirer_reference",
            "merchant_reference",
            "arn",
            "rrn",
            "auth_code",
            "details",
            "natural_key",
        ] {
            input.push(u8::from(!entry[column].is_empty()));
            input.extend(text(&entry[column]));
        }
        let optional = |column: &str| match entry[column].as_str() {
            "" => vec![0; 9],
            _ => [&[1][..], &Self::integer(entry, column)].concat(),
        };
        input.extend(optional("reverses"));
        input.extend(self.micros("occurred_at"));
        let days = |day: &str| {
            let day: NaiveDate = day.parse().expect("a day");
            day.signed_duration_since(NaiveDate::default()).num_days().to_be_bytes()
        };
        input.extend(days(&entry["booking_date"]));
        match entry["happened_on"].as_str() {
            "" => input.extend([0; 9]),
            day => input.extend([&[1][..], &days(day)].concat()),
        }
        input.extend(self.micros("recorded_at"));
        input.extend(Self::integer(entry, "source_id"));
        input.extend(optional("source_line"));
        let moved: Vec<_> = self.0.iter().filter(|row| !row["ordinal"].is_empty()).collect();
        input.extend(u64::try_from(moved.len()).expect("a length").to_be_bytes());
        for row in moved {
            for side in ["debit", "credit"] {
                input.extend(Self::integer(row, &format!("{side}_account")));
                input.extend(text(&row[&format!("{side}_currency")]));
                input.extend(text(&row[&format!("{side}_dimension")]));
            }
            input.extend(Self::integer(row, "amount_minor"));
        }
        input
    }

    /// What stands in the place of the hash before the first entry.
    fn genesis(&self) -> Vec<u8> {
        let merchant = &self.0[0]["merchant"];
        let length = u64::try_from(merchant.len()).expect("a length").to_be_bytes();
        let input = [
            &[1],
            &4_u64.to_be_bytes()[..],
            b"book",
            &Self::integer(&self.0[0], "book"),
            &length,
            merchant.as_bytes(),
        ];
        Sha256::digest(input.concat()).to_vec()
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte"))
        .collect()
}

#[tokio::test]
async fn the_chain_is_computed_again_from_the_csv_alone() {
    let test = support::store().await;
    facts::settle_in(&test).await;
    facts::payments(&test, &mut facts::rng(35), 1, 40).await;
    facts::random_entries(&test, &mut facts::rng(36), 60).await;
    let csv = printed(&test, &Report::Journal(SpanArgs::default()), Format::Csv).await;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let cell = |cell: &str| cell.strip_prefix('\'').unwrap_or(cell).to_owned();
    let rows: Rows = reader
        .records()
        .map(|row| {
            let row = row.expect("a row");
            header.iter().map(str::to_owned).zip(row.iter().map(cell)).collect()
        })
        .collect();
    let mut heads: BTreeMap<i64, (i64, Vec<u8>)> = BTreeMap::new();
    let mut entries = 0;
    for entry in rows.chunk_by(|one, other| (&one["book"], &one["number"]) == (&other["book"], &other["number"])) {
        let (first, entry) = (&entry[0], Exported(entry));
        let book: i64 = first["book"].parse().expect("a book");
        let (last, previous) = heads.remove(&book).unwrap_or_else(|| (0, entry.genesis()));
        let number: i64 = first["number"].parse().expect("a number");
        assert_eq!(number, last + 1);
        let hash = Sha256::digest(entry.hashed(&previous)).to_vec();
        assert_eq!(hex(&hash), first["hash"], "entry {number} of book {book}");
        heads.insert(book, (number, hash));
        entries += 1;
    }
    assert!(
        entries > 100 && heads.len() > 2,
        "{entries} entries, {} books",
        heads.len()
    );
    for row in test
        .admin
        .query("select id, number, hash from book where number > 0", &[])
        .await
        .expect("books")
    {
        assert_eq!(heads.remove(&row.get(0)), Some((row.get(1), row.get(2))));
    }
    assert!(heads.is_empty());
}

#[tokio::test]
async fn a_journal_has_every_entry_and_transfer_once() {
    for seed in [31, 32] {
        let test = random_books(seed).await;
        let raw = raw(&test).await;
        let day = |days| Some(facts::first_day() + Days::new(days));
        for (merchant, from, to) in [
            (None, None, None),
            (Some("alpha"), None, day(4)),
            (None, day(3), day(6)),
            (Some("beta"), day(9), None),
            (None, day(6), day(3)),
        ] {
            let span = SpanArgs {
                merchant: merchant.map(str::to_owned),
                from,
                to,
                period: None,
            };
            let stated = rows(&test, &Report::Journal(span)).await;
            let expected: Rows = raw
                .iter()
                .filter(|row| merchant.is_none() || row.merchant.as_deref() == merchant)
                .filter(|row| from.is_none_or(|day| row.day >= day) && to.is_none_or(|day| row.day <= day))
                .map(journal_row)
                .collect();
            assert_eq!(stated.len(), expected.len());
            for (stated, expected) in stated.iter().zip(&expected) {
                for (column, value) in expected {
                    assert_eq!(&stated[column], value, "{column}");
                }
            }
        }
    }
}

fn journal_row(row: &Raw) -> BTreeMap<String, String> {
    let utc = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let kind = acquit::ledger::entry::EntryKind::from_id(row.kind).expect("a kind");
    let (mut moved, blank) = (vec![String::new(); 11], String::new);
    if let Some((ordinal, debit, credit, amount)) = &row.moved {
        moved = vec![
            ordinal.to_string(),
            debit.code.to_string(),
            debit.currency.clone(),
            debit.dimension.clone(),
            credit.code.to_string(),
            credit.currency.clone(),
            credit.dimension.clone(),
            amount.to_string(),
            decimal(*amount, debit.exponent),
            debit.exponent.to_string(),
            debit.currency.clone(),
        ];
    }
    let names = [
        "ordinal",
        "debit_account",
        "debit_currency",
        "debit_dimension",
        "credit_account",
        "credit_currency",
        "credit_dimension",
        "amount_minor",
        "amount",
        "exponent",
        "currency",
    ];
    let rest = [
        ("book", row.book.to_string()),
        ("merchant", row.merchant.clone().unwrap_or_default()),
        ("number", row.number.to_string()),
        ("kind", kind.name().to_owned()),
        ("reference", row.reference.clone()),
        ("payment", row.payment.clone().unwrap_or_default()),
        ("occurred_at", utc(row.occurred_at)),
        ("recorded_at", utc(row.recorded_at)),
        ("booking_date", row.day.to_string()),
        ("source", row.source.clone()),
        (
            "source_line",
            row.source_line.map_or_else(blank, |line| line.to_string()),
        ),
        ("reverses", String::new()),
        ("hash", hex(&row.hash)),
    ];
    let moved = names.into_iter().zip(moved);
    rest.into_iter()
        .chain(moved)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// By (merchant, currency) and movement, opening included: debits and credits.
/// What a statement calls a change of what is owed: by the account beside it, else by its kind.
pub fn movement(kind: &'static str, other: i16) -> &'static str {
    match (other, kind) {
        (2030, _) => "reserve",
        (2040, _) => "hold",
        (2300, _) => "vat",
        (4010 | 4020, _) => "merchant_fee",
        (4030, _) => "dispute_fee",
        (4040, _) => "minimum_top_up",
        (4050, "payout_instruction" | "payout_return") => "payout_fee",
        (4050, _) => "advance_fee",
        (4060, _) => "costs_passed_on",
        (4090, _) => "fee_returned",
        (_, "settlement" | "suspense" | "batch_fee") => "settlement_difference",
        (_, "payout_confirmation") => "payout",
        (_, kind) => kind,
    }
}

fn movements_of(
    raw: &[Raw],
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> BTreeMap<(String, String), BTreeMap<String, (i64, i64)>> {
    let owed = |account: &RawAccount| [2010, 2020, 2100].contains(&account.code);
    let mut all: BTreeMap<(String, String), BTreeMap<String, (i64, i64)>> = BTreeMap::new();
    for row in raw {
        let (Some(merchant), Some((_, debit, credit, amount))) = (&row.merchant, &row.moved) else {
            continue;
        };
        if owed(debit) == owed(credit) || to.is_some_and(|day| row.day > day) {
            continue;
        }
        let other = if owed(debit) { credit } else { debit };
        let kind = acquit::ledger::entry::EntryKind::from_id(row.kind)
            .expect("a kind")
            .name();
        let movement = match (kind, other.code) {
            _ if from.is_some_and(|day| row.day < day) => "opening",
            (kind, code) => movement(kind, code),
        };
        let account = all.entry((merchant.clone(), debit.currency.clone())).or_default();
        let sums = account.entry(movement.to_owned()).or_default();
        if owed(debit) {
            sums.0 += amount;
        } else {
            sums.1 += amount;
        }
    }
    all
}

#[tokio::test]
async fn a_statement_leads_from_the_opening_balance_to_the_closing_one() {
    let day = |days| Some(facts::first_day() + Days::new(days));
    for seed in [41, 42] {
        let test = random_books(seed).await;
        let raw = raw(&test).await;
        for (from, to) in [(None, None), (day(3), None), (day(3), day(6)), (None, day(5))] {
            let span = SpanArgs {
                merchant: None,
                from,
                to,
                period: None,
            };
            let report = Report::Statement {
                span: span.clone(),
                items: false,
                page: None,
            };
            let expected = movements_of(&raw, from, to);
            let mut stated: BTreeMap<(String, String), Vec<BTreeMap<String, String>>> = BTreeMap::new();
            for row in rows(&test, &report).await {
                stated
                    .entry((row["merchant"].clone(), row["currency"].clone()))
                    .or_default()
                    .push(row);
            }
            assert_eq!(stated.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
            for (key, rows) in &stated {
                let figure =
                    |row: &BTreeMap<String, String>, column: &str| row[column].parse::<i64>().expect("a figure");
                let (opening, closing) = (rows.first().expect("an opening"), rows.last().expect("a closing"));
                let was = expected[key]
                    .get("opening")
                    .map_or(0, |(debits, credits)| credits - debits);
                assert_eq!(
                    (opening["movement"].as_str(), figure(opening, "balance_minor")),
                    ("opening", was)
                );
                let mut balance = was;
                let moved = &rows[1..rows.len() - 1];
                assert_eq!(
                    moved.len(),
                    expected[key].keys().filter(|name| *name != "opening").count()
                );
                for row in moved {
                    let (debits, credits) = expected[key][&row["movement"]];
                    assert_eq!(
                        (figure(row, "debit_minor"), figure(row, "credit_minor")),
                        (debits, credits)
                    );
                    balance += credits - debits;
                    assert_eq!(figure(row, "balance_minor"), balance);
                }
                assert_eq!(
                    (closing["movement"].as_str(), figure(closing, "balance_minor")),
                    ("closing", balance)
                );
            }
            // The items are the movements, one by one.
            let mut items: BTreeMap<(String, String, String), (i64, i64)> = BTreeMap::new();
            for row in self::rows(
                &test,
                &Report::Statement {
                    span,
                    items: true,
                    page: None,
                },
            )
            .await
            {
                let sums = items
                    .entry((
                        row["merchant"].clone(),
                        row["currency"].clone(),
                        row["movement"].clone(),
                    ))
                    .or_default();
                sums.0 += row["debit_minor"].parse::<i64>().expect("a figure");
                sums.1 += row["credit_minor"].parse::<i64>().expect("a figure");
            }
            let without_opening = expected
                .into_iter()
                .flat_map(|((merchant, currency), moved)| {
                    moved
                        .into_iter()
                        .map(move |(name, sums)| ((merchant.clone(), currency.clone(), name), sums))
                })
                .filter(|((_, _, name), _)| name != "opening")
                .collect();
            assert_eq!(items, without_opening);
        }
    }
}

/// The rows of a page, each as the texts of its cells, by currency.
fn page_rows(page: &str) -> BTreeMap<String, Vec<Vec<String>>> {
    let mut rows: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    let until = |text: &str, end: &str| text.split(end).next().expect("a text").to_owned();
    // Not by lines: a text may have some.
    for section in page.split("<h2>").skip(1) {
        let currency = until(section, "</h2>");
        let bodies = section.split("<tbody>").skip(1).map(|body| until(body, "</tbody>"));
        for row in bodies.collect::<String>().split("<tr").skip(1) {
            let cells = row.split("<t").skip(1).map(|cell| {
                let (_, text) = cell.split_once('>').expect("a cell");
                until(text, "</t")
            });
            rows.entry(currency.clone()).or_default().push(cells.collect());
        }
    }
    rows
}

#[tokio::test]
async fn a_page_says_what_the_rows_say_and_the_next_one_begins_where_it_ends() {
    let test = random_books(43).await;
    let raw = raw(&test).await;
    let out = tempfile::tempdir().expect("a directory");
    let day = |days| facts::first_day() + Days::new(days);
    let mut closings: BTreeMap<String, String> = BTreeMap::new();
    for (from, to) in [(day(0), day(3)), (day(4), day(6)), (day(7), day(40))] {
        let place = out.path().join("page.html");
        let told = test
            .acquit()
            .args(["report", "statement", "--merchant", "alpha", "--page"])
            .arg(&place)
            .args(["--from", &from.to_string(), "--to", &to.to_string()])
            .output()
            .expect("a run");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let page = std::fs::read_to_string(&place).expect("a page");
        for said in [
            "<dd>Example Payments</dd>",
            "<dd>alpha</dd>",
            "Provisional: the books of these days are not closed.",
        ] {
            assert!(page.contains(said), "{said} in {page}");
        }
        let pages = page_rows(&page);
        let span = SpanArgs {
            merchant: Some("alpha".to_owned()),
            from: Some(from),
            to: Some(to),
            period: None,
        };
        let report = Report::Statement {
            span: span.clone(),
            items: false,
            page: None,
        };
        let sums = rows(&test, &report).await;
        let report = Report::Statement {
            span,
            items: true,
            page: None,
        };
        let items = rows(&test, &report).await;
        assert!(!sums.is_empty() && !items.is_empty());
        for (currency, page) in &pages {
            let of = |rows: &Rows, cells: &[&str]| -> Vec<Vec<String>> {
                let rows = rows.iter().filter(|row| row["currency"] == *currency);
                rows.map(|row| cells.iter().map(|cell| row[*cell].clone()).collect())
                    .collect()
            };
            // Opening, movements, closing; three rows of fees; three balances, their sum, two beside it; then the items.
            let stated = of(&sums, &["movement", "debit", "credit", "balance"]);
            let (opening, closing) = (&stated[0], &stated[stated.len() - 1]);
            for (shown, row) in page.iter().zip(&stated) {
                assert_eq!(shown[4], row[3], "{shown:?} {row:?}");
            }
            assert_eq!(
                (page[0][0].as_str(), page[stated.len() - 1][0].as_str()),
                ("Opening", "Closing")
            );
            let rest = &page[stated.len()..];
            let named: Vec<&str> = rest[..9].iter().map(|row| row[0].as_str()).collect();
            assert_eq!(
                (named[3], named[6], named[8]),
                ("Pending", "Closing", "Beside it: on hold")
            );
            assert_eq!(rest[6][1], closing[3]);
            let minor = |text: &str| -> i64 { text.replace('.', "").parse().expect("an amount") };
            assert_eq!(
                minor(&rest[3][1]) + minor(&rest[4][1]) + minor(&rest[5][1]),
                minor(&closing[3])
            );
            let is_fee = |row: &Vec<String>| ["merchant_fee", "payout_fee", "dispute_fee"].contains(&row[0].as_str());
            let taken = |row: &Vec<String>| minor(&row[1]) - minor(&row[2]);
            let fees: i64 = stated[1..stated.len() - 1]
                .iter()
                .filter(|row| is_fee(row))
                .map(taken)
                .sum();
            assert_eq!(minor(&rest[0][1]), fees);
            let shown = &rest[9..];
            let items = of(&items, &["booking_date", "number", "reference", "debit", "credit"]);
            assert_eq!(shown.len(), items.len());
            let mut balance = minor(&opening[3]);
            for (shown, item) in shown.iter().zip(&items) {
                assert_eq!((&shown[0], &shown[1]), (&item[0], &item[1]));
                let text = shown[3]
                    .replace("&apos;", "'")
                    .replace("&quot;", "\"")
                    .replace("&lt;", "<");
                assert_eq!(text.replace("&gt;", ">").replace("&amp;", "&"), item[2]);
                balance += minor(&item[4]) - minor(&item[3]);
                assert_eq!(minor(&shown[7]), balance);
            }
            assert_eq!(balance, minor(&closing[3]));
            if let Some(before) = closings.insert(currency.clone(), closing[3].clone()) {
                assert_eq!(
                    opening[3], before,
                    "{currency}: the next statement begins where this one ends"
                );
            }
            let owed: i64 = movements_of(&raw, None, Some(to))[&("alpha".to_owned(), currency.clone())]
                .values()
                .map(|(debits, credits)| credits - debits)
                .sum();
            assert_eq!(owed, minor(&closing[3]), "{currency}: what is on the books");
        }
        let currencies: std::collections::BTreeSet<&String> = sums.iter().map(|row| &row["currency"]).collect();
        assert!(currencies.into_iter().eq(pages.keys()));
    }
    let told = test
        .acquit()
        .args([
            "report",
            "statement",
            "--merchant",
            "nobody",
            "--period",
            "2026-03",
            "--page",
        ])
        .arg(out.path().join("nobody.html"))
        .output()
        .expect("a run");
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(
        !told.status.success() && said.contains("the settings have no merchant nobody"),
        "{said}"
    );
    assert!(!out.path().join("nobody.html").exists());
}

async fn settled() -> TestStore {
    let test = support::store().await;
    facts::settle_in(&test).await;
    facts::settlement_and_payouts(&test).await;
    test
}

#[tokio::test]
async fn a_reconciliation_accounts_for_every_line() {
    let test = settled().await;
    let all = rows(&test, &Report::Reconciliation { file: None }).await;
    let columns = [
        "section",
        "batch",
        "record_type",
        "outcome",
        "lines",
        "gross",
        "costs",
        "net",
    ];
    let stated: Vec<String> = all
        .iter()
        .map(|row| columns.map(|column| row[column].clone()).join(" | "))
        .collect();
    assert_eq!(
        stated,
        [
            "line | =batch | capture | matched by pass 1 | 1 | 1000.00 | 14.00 | 986.00",
            "line | =batch | capture | matched by pass 1, AMOUNT_MISMATCH | 1 | 500.05 | 7.00 | 493.05",
            "line | =batch | capture | MISSING_IN_LEDGER | 1 | 7.00 | 0.10 | 6.90",
            "line | =batch | batch_fee | batch row | 1 |  | 0.00 | -0.30",
            "line | =batch | payout | batch row | 1 |  | 0.00 | -1485.65",
            "batch | =batch |  |  | 5 | 1507.05 | 21.10 | 0.00",
            "break |  |  | AMOUNT_MISMATCH open | 1 | 0.05 |  | ",
            "break |  |  | MISSING_IN_LEDGER open | 1 | 7.00 |  | ",
            "file |  |  | matched | 1 | 1000.00 | 14.00 | 986.00",
            "file |  |  | matched with a break | 1 | 500.05 | 7.00 | 493.05",
            "file |  |  | in suspense | 1 | 7.00 | 0.10 | 6.90",
            "file |  |  | of the batch | 2 |  | 0.00 | -1485.95",
            "file |  |  | all | 5 | 1507.05 | 21.10 | 0.00",
            "file |  |  | booked all accounted for | 5 |  |  | ",
        ]
    );
    let digest = all[0]["digest"].clone();
    for (file, found) in [
        ("settlement \"1\".csv", 14),
        (&digest[..8], 14),
        (&digest.to_uppercase()[..12], 14),
        ("settlement", 0),
        ("%", 0),
    ] {
        let report = Report::Reconciliation {
            file: Some(file.to_owned()),
        };
        assert_eq!(rows(&test, &report).await.len(), found, "{file}");
    }
    let table = printed(&test, &Report::Reconciliation { file: None }, Format::Table).await;
    assert!(
        table.contains("5 lines = 2 matched + 1 suspended + 2 batch rows"),
        "{table}"
    );
    test.admin
        .batch_execute(
            "alter table break disable trigger break_kept; delete from break where class = 'MISSING_IN_LEDGER'",
        )
        .await
        .expect("a lost break");
    let table = printed(&test, &Report::Reconciliation { file: None }, Format::Table).await;
    assert!(
        table.contains("+ 1 UNACCOUNTED FOR") && table.contains("NOT ALL ACCOUNTED FOR"),
        "{table}"
    );
    test.admin
        .batch_execute(
            "alter table settlement_file disable trigger all; update settlement_file set state = 'quarantined', reason = 'x'",
        )
        .await
        .expect("a quarantined file");
    let table = printed(&test, &Report::Reconciliation { file: None }, Format::Table).await;
    assert!(table.contains("5 lines, quarantined, nothing booked"), "{table}");
}

#[tokio::test]
async fn the_payout_register_names_planner_and_approver() {
    let test = settled().await;
    let cutoff = |days| Some(facts::first_day() + Days::new(days));
    let register = async |cutoff, merchant: Option<&str>| {
        let report = Report::Payouts {
            cutoff,
            merchant: merchant.map(str::to_owned),
        };
        let columns = [
            "merchant",
            "amount_minor",
            "amount",
            "cutoff",
            "state",
            "planned_by",
            "approved_by",
            "end_to_end_id",
            "holder",
        ];
        let rows = rows(&test, &report).await;
        rows.iter()
            .map(|row| columns.map(|column| row[column].clone()).join(" "))
            .collect::<Vec<_>>()
    };
    let confirmed = "alpha 100 1.00 2026-03-13 confirmed ann bob e2e 2026-03-13 =holder".to_owned();
    let instructed = "alpha 50 0.50 2026-03-14 instructed ann bob e2e 2026-03-14 =holder".to_owned();
    assert_eq!(register(None, None).await, [confirmed.clone(), instructed.clone()]);
    assert_eq!(register(cutoff(13), None).await, [instructed]);
    assert_eq!(register(cutoff(12), Some("alpha")).await, [confirmed]);
    assert_eq!(register(None, Some("beta")).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_manifest_says_what_is_in_the_file() {
    let test = random_books(51).await;
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().join("reports");
    let as_of = Some(facts::first_day() + Days::new(5));
    let reports = [
        Report::TrialBalance {
            as_of: None,
            merchant: None,
        },
        Report::Journal(SpanArgs {
            to: as_of,
            ..SpanArgs::default()
        }),
        Report::Statement {
            span: SpanArgs::default(),
            items: true,
            page: None,
        },
        Report::Payouts {
            cutoff: None,
            merchant: None,
        },
        Report::TrialBalance {
            as_of,
            merchant: Some("alpha".to_owned()),
        },
    ];
    for report in &reports {
        if let Err(failure) = write_to(&test.store, report, &place).await {
            panic!("{failure}");
        }
    }
    let read = |name: &str| std::fs::read(place.join(name)).expect("a file");
    let manifests: Manifests = serde_json::from_slice(&read("manifest.json")).expect("manifests");
    // The second trial balance replaced the first.
    assert_eq!(manifests.reports.len(), 4);
    for report in &reports[1..] {
        let manifest = &manifests.reports[report.name()];
        let bytes = read(&manifest.file);
        assert_eq!(manifest.sha256, hex(&Sha256::digest(&bytes)));
        let rows = import(&bytes, report.columns());
        assert_eq!(manifest.rows, u64::try_from(rows.len()).expect("a count"));
        let (debit, credit) = match report.name() {
            "trial_balance" => ("debits_minor", "credits_minor"),
            "journal" => ("amount_minor", "amount_minor"),
            _ => ("debit_minor", "credit_minor"),
        };
        let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for row in rows
            .iter()
            .filter(|row| row.get("section").is_none_or(|section| !section.ends_with("total")))
        {
            if !row["currency"].is_empty() {
                let sum = sums.entry(row["currency"].clone()).or_default();
                sum.0 += row[debit].parse::<i64>().expect("a figure");
                sum.1 += row[credit].parse::<i64>().expect("a figure");
            }
        }
        let stated: BTreeMap<String, (i64, i64)> = manifest
            .totals
            .iter()
            .map(|(currency, total)| {
                let figure = |text: &str| text.parse::<i64>().expect("a figure");
                (
                    currency.clone(),
                    (figure(&total.debits_minor), figure(&total.credits_minor)),
                )
            })
            .collect();
        assert_eq!(stated, sums, "{}", report.name());
    }
    let manifest = &manifests.reports["trial_balance"];
    assert_eq!(
        (manifest.as_of.as_deref(), manifest.filters["merchant"].as_str()),
        (Some("2026-03-06"), "alpha")
    );
    let left: Vec<String> = std::fs::read_dir(&place)
        .expect("the directory")
        .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
        .filter(|name| name.ends_with(".part"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    // The same books give the same bytes.
    let before = read("journal.csv");
    let again = write_to(&test.store, &reports[1], &place)
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(
        (again, read("journal.csv")),
        (manifests.reports["journal"].clone(), before)
    );
    // A foreign manifest is not overwritten.
    std::fs::write(place.join("manifest.json"), "[]").expect("a foreign file");
    assert!(write_to(&test.store, &reports[0], &place).await.is_err());
}

#[tokio::test]
async fn a_table_is_cut_and_says_so_and_every_title_names_its_source() {
    let test = support::store().await;
    facts::settle_in(&test).await;
    let span = SpanArgs {
        to: Some(facts::first_day()),
        ..SpanArgs::default()
    };
    let empty = printed(&test, &Report::Journal(span), Format::Table).await;
    assert!(
        empty.starts_with("Journal, from the entries; booked up to 2026-03-01; books ") && empty.ends_with("(none)\n"),
        "{empty}"
    );
    facts::random_entries(&test, &mut facts::rng(61), 600).await;
    let journal = Report::Journal(SpanArgs::default());
    let all = rows(&test, &journal).await.len();
    let table = printed(&test, &journal, Format::Table).await;
    assert!(table.starts_with("Journal, from the entries; everything so far; books "));
    assert!(table.ends_with(&format!(
        "{} more rows; --format csv or --out DIR gives all\n",
        all - TABLE_LIMIT
    )));
}
