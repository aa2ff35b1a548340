//! What acquirers charge, held to their contracts: breaks, claims and the report of them, worked out apart from the engine.
//!
//! A line of a story is `payment scheme country gross`, then the parts of its costs by name. Every payment is a sale of that
//! scheme and country, and every line settles it.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;

use acquit::store::audit::prove;

use crate::desk::Desk;
use crate::reconcile::settlement_file;

const HEAD: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "Europe/Berlin"
bank_account = "main"
[[fee_schedule]]
name = "standard"
percentage = "2"
fixed = { EUR = "0.20" }
rounding = "half_even"
[[merchant]]
name = "m-1"
fee_schedule = "standard"
[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3
"#;

/// Interchange++ with a table of interchange, and two cents that a batch may differ by in each.
const PLUS: &str = r#"
[[acquirer.cost]]
model = "interchange_plus_plus"
rounding = "half_up"
tolerance = { EUR = "0.01" }
batch_tolerance = { EUR = "0.02" }
[[acquirer.cost.term]]
name = "interchange visa EEA"
of = "interchange"
scheme = "visa"
card_country = ["DE", "FR"]
percentage = "0.2"
fixed = { EUR = "0" }
[[acquirer.cost.term]]
name = "interchange visa elsewhere"
of = "interchange"
scheme = "visa"
percentage = "1.15"
fixed = { EUR = "0" }
[[acquirer.cost.term]]
name = "scheme fee"
of = "scheme_fee"
percentage = "0.05"
fixed = { EUR = "0.02" }
cap = { EUR = "0.50" }
[[acquirer.cost.term]]
name = "markup"
of = "markup"
percentage = "0.1"
fixed = { EUR = "0.05" }
minimum = { EUR = "0.08" }
"#;

struct Sale<'a> {
    payment: &'a str,
    scheme: &'a str,
    country: &'a str,
    gross: &'a str,
    costs: &'a str,
}

impl<'a> Sale<'a> {
    fn of(line: &'a str) -> Self {
        let mut words = line.trim().splitn(5, ' ');
        let mut next = || words.next().expect("a word");
        Self {
            payment: next(),
            scheme: next(),
            country: next(),
            gross: next(),
            costs: words.next().unwrap_or(""),
        }
    }

    fn events(&self) -> String {
        let event = |kind: &str| {
            serde_json::json!({
                "kind": kind, "merchant": "m-1", "payment": self.payment, "reference": format!("{}-{kind}", self.payment),
                "amount": self.gross, "currency": "EUR", "occurred_at": "2026-03-02T12:00:00+01:00", "acquirer": "north",
            })
        };
        let (mut authorization, mut capture) = (event("authorization"), event("capture"));
        for (name, value) in [("scheme", self.scheme), ("card_country", self.country)] {
            if value != "-" {
                authorization[name] = value.into();
            }
        }
        capture["acquirer_reference"] = format!("R{}", self.payment).into();
        format!("{authorization}\n{capture}\n")
    }

    fn line(&self) -> String {
        format!("Settled +{} EUR ref=R{} {}", self.gross, self.payment, self.costs)
    }
}

/// A desk with sales and one booked file of all of them.
async fn booked(costs: &str, sales: &[String], exit: i32) -> Desk {
    booked_as(costs, sales, &|text| text, exit).await
}

/// The same, of a file that is written otherwise.
async fn booked_as(costs: &str, sales: &[String], written: &dyn Fn(String) -> String, exit: i32) -> Desk {
    let desk = Desk::new().await;
    desk.write("settings.toml", format!("{HEAD}{costs}"));
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    let sales: Vec<Sale<'_>> = sales.iter().map(|line| Sale::of(line)).collect();
    desk.write("events.jsonl", sales.iter().map(Sale::events).collect::<String>());
    desk.run(&["record", "events.jsonl"]).exits(0);
    let lines: Vec<String> = sales.iter().map(Sale::line).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    desk.write("file.csv", written(settlement_file(&lines)));
    let command = ["reconcile", "file.csv", "--acquirer", "north", "--execute"];
    desk.run(&command).exits(exit);
    let state = desk.state().await;
    desk.run(&command).exits(exit);
    assert_eq!(desk.state().await, state, "a second time");
    desk.is_sound().await;
    desk
}

/// Some columns of a report's rows.
fn rows(desk: &Desk, arguments: &[&str], columns: &[&str]) -> Vec<String> {
    let command = [&["report", "fee-claims", "--format", "json"], arguments].concat();
    let rows = desk.run(&command).exits(0).rows();
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    rows.iter()
        .map(|row| {
            columns
                .iter()
                .map(|column| text(&row[*column]))
                .collect::<Vec<_>>()
                .join(" | ")
        })
        .collect()
}

const TERMS: [&str; 9] = [
    "section",
    "of",
    "term",
    "state",
    "lines",
    "since",
    "expected",
    "stated",
    "difference",
];

async fn breaks(desk: &Desk) -> Vec<String> {
    let sql = "select state || coalesce(' ' || resolution, '') || ' ' || detail from break where class = 'FEE_MISMATCH' order by id";
    let rows = desk.database.admin.query(sql, &[]).await.expect("breaks");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_component_is_claimed_by_its_term() {
    // Of 100.00: visa 0.20 here, 1.15 elsewhere; scheme fee 0.05 + 0.02; markup 0.10 + 0.05. Of 20.00: 0.04, 0.23, 0.03, 0.07 and
    // so the minimum 0.08. Of 2000.00: scheme fee 1.02, so 0.50; markup 2.05.
    let sales = [
        "p1 visa DE 100.00 interchange=0.20 scheme=0.07 cost=0.15",
        "p2 visa US 100.00 interchange=1.15 scheme=0.07 cost=0.15",
        "p3 visa DE 100.00 interchange=1.15 scheme=0.09 cost=0.15",
        "p4 mastercard DE 20.00 interchange=0.40 scheme=0.03 cost=0.08",
        "p5 - - 2000.00 interchange=9.00 scheme=0.52 cost=2.05",
    ]
    .map(str::to_owned);
    let desk = booked(PLUS, &sales, 2).await;
    assert_eq!(
        breaks(&desk).await,
        [
            "open costs by contract (interchange visa EEA, scheme fee) and by the file differ: 0.27 and 1.24 EUR",
            "open costs by contract (scheme fee) and by the file differ: 0.50 and 0.52 EUR",
        ]
    );
    let by_term = [
        "checked | interchange |  |  | 2 |  | 0.00 | 9.40 | 9.40",
        "checked | interchange | interchange visa EEA |  | 2 |  | 0.40 | 1.35 | 0.95",
        "checked | interchange | interchange visa elsewhere |  | 1 |  | 1.15 | 1.15 | 0.00",
        "checked | markup | markup |  | 5 |  | 2.58 | 2.58 | 0.00",
        "checked | scheme_fee | scheme fee |  | 5 |  | 0.74 | 0.78 | 0.04",
        "claim | interchange | interchange visa EEA | open | 1 | 2026-03-03 | 0.20 | 1.15 | 0.95",
        "claim | scheme_fee | scheme fee | open | 2 | 2026-03-03 | 0.57 | 0.61 | 0.04",
    ];
    assert_eq!(rows(&desk, &[], &TERMS), by_term);
    assert_eq!(
        rows(
            &desk,
            &["--acquirer", "north", "--from", "2026-03-03", "--to", "2026-03-03"],
            &TERMS
        ),
        by_term
    );
    desk.run(&["report", "fee-claims", "--acquirer", "south"])
        .exits(1)
        .says(&["there is no acquirer `south`"]);
    for nothing in [["--from", "2026-03-04"], ["--to", "2026-03-02"]] {
        assert_eq!(rows(&desk, &nothing, &TERMS), [""; 0], "{nothing:?}");
    }
    let items = [
        "batch",
        "line",
        "acquirer_reference",
        "of",
        "term",
        "expected",
        "stated",
        "break",
        "state",
    ];
    assert_eq!(
        rows(&desk, &["--items"], &items),
        [
            "1 | 4 | Rp3 | interchange | interchange visa EEA | 0.20 | 1.15 | 1 | open",
            "1 | 4 | Rp3 | scheme_fee | scheme fee | 0.07 | 0.09 | 1 | open",
            "1 | 6 | Rp5 | scheme_fee | scheme fee | 0.50 | 0.52 | 2 | open",
        ]
    );
    desk.run(&["report", "fee-claims"])
        .exits(0)
        .says(&["interchange visa EEA", "0.95"]);
    // What nobody claims is given up at the desk, and is told as that.
    desk.run(&[
        "breaks",
        "resolve",
        "1",
        "--reason",
        "claim_refused",
        "--note",
        "refused",
        "--by",
        "ann",
        "--execute",
    ]);
    desk.run(&["breaks", "approve", "1", "--by", "bob"]);
    desk.run(&["breaks", "approve", "1", "--by", "eve"]);
}

#[tokio::test]
async fn a_cent_on_every_line_is_one_claim() {
    let cost = r#"cost = { percentage = "1", fixed = { EUR = "0.10" }, rounding = "half_even", tolerance = { EUR = "0.01" }, batch_tolerance = { EUR = "0.05" } }"#;
    let sales = |count: usize| -> Vec<String> {
        (1..=count)
            .map(|number| format!("p{number} - - 100.00 cost=1.11"))
            .collect()
    };
    let desk = booked(cost, &sales(5), 0).await;
    assert_eq!(breaks(&desk).await, [""; 0]);
    let desk = booked(cost, &sales(6), 2).await;
    let detail = "costs of 6 lines of batch 1 by contract (blended) and by the file, each within the tolerance, differ: 6.60 and 6.66 EUR";
    assert_eq!(breaks(&desk).await, [format!("open {detail}")]);
    let claim = "claim | total | blended | open | 6 | 2026-03-03 | 6.60 | 6.66 | 0.06";
    assert_eq!(rows(&desk, &[], &TERMS)[1], claim);
    // A file that is undone has no claims; when it comes again it has the same.
    desk.run(&["reconcile", "undo", "file.csv", "--by", "ann", "--execute"])
        .exits(0);
    assert_eq!(breaks(&desk).await, [format!("resolved undone {detail}")]);
    assert_eq!(rows(&desk, &[], &TERMS), [""; 0]);
    desk.run(&["reconcile", "file.csv", "--acquirer", "north", "--execute"])
        .exits(2);
    assert_eq!(rows(&desk, &[], &TERMS)[1], claim);
    desk.is_sound().await;
}

/// Half up to a whole cent of `minor × per_hundred_thousand / 100,000`.
fn share(minor: i64, per_hundred_thousand: i64) -> i64 {
    (2 * minor * per_hundred_thousand + 100_000) / 200_000
}

#[tokio::test]
async fn the_report_adds_up_to_what_is_worked_out_line_by_line() {
    let mut state = 20_260_302_u64;
    let mut dice = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % below).expect("small")
    };
    let text = |minor: i64| format!("{}.{:02}", minor / 100, minor % 100);
    let (mut sales, mut found) = (Vec::new(), BTreeMap::<(&str, String), [i64; 3]>::new());
    let mut tolerated = BTreeMap::<&str, [i64; 3]>::new();
    for number in 1..=300 {
        let gross = 100 + dice(200_000);
        let (scheme, country) = [("visa", "DE"), ("visa", "US"), ("mastercard", "FR"), ("visa", "-")]
            [usize::try_from(dice(4)).expect("small")];
        let interchange = match (scheme, country) {
            ("visa", "DE") => Some(("interchange visa EEA", share(gross, 200))),
            ("visa", _) => Some(("interchange visa elsewhere", share(gross, 1_150))),
            _ => None,
        };
        let priced = [
            interchange,
            Some(("scheme fee", (share(gross, 50) + 2).min(50))),
            Some(("markup", (share(gross, 100) + 5).max(8))),
        ];
        let stated = priced.map(|term| {
            let off = [0, 0, 0, 1, 2, 7][usize::try_from(dice(6)).expect("small")];
            term.map_or(33, |(_, expected)| expected + off)
        });
        for (term, stated) in priced.iter().zip(stated) {
            let (name, expected) = term.unwrap_or(("", 0));
            let mut add = |section: &'static str, lines| {
                let sum = found.entry((section, name.to_owned())).or_default();
                *sum = [sum[0] + lines, sum[1] + expected, sum[2] + stated];
            };
            add("checked", 1);
            if !name.is_empty() && stated - expected > 1 {
                add("claim", 1);
            } else if !name.is_empty() {
                let sum = tolerated.entry(name).or_default();
                *sum = [sum[0] + 1, sum[1] + expected, sum[2] + stated];
            }
        }
        let [interchange, fee, markup] = stated.map(text);
        sales.push(format!(
            "p{number} {scheme} {country} {} interchange={interchange} scheme={fee} cost={markup}",
            text(gross)
        ));
    }
    for (name, sum) in tolerated.into_iter().filter(|(_, sum)| sum[2] - sum[1] > 2) {
        let all = found.entry(("claim", name.to_owned())).or_default();
        *all = [all[0] + sum[0], all[1] + sum[1], all[2] + sum[2]];
    }
    let expected: Vec<String> = found
        .into_iter()
        .map(|((section, term), [lines, expected, stated])| {
            format!(
                "{section} | {term} | {lines} | {expected} | {stated} | {}",
                stated - expected
            )
        })
        .collect();
    let desk = booked(PLUS, &sales, 2).await;
    let columns = [
        "section",
        "term",
        "lines",
        "expected_minor",
        "stated_minor",
        "difference_minor",
    ];
    let mut told = rows(&desk, &[], &columns);
    told.sort();
    let mut wanted = expected;
    wanted.sort();
    assert_eq!(told, wanted);
}

/// The accounts of an acquirer's costs and what it is owed, that are not zero.
async fn owed(desk: &Desk) -> Vec<String> {
    let balances = desk.balances().await;
    let of_costs = |code: i16| matches!(code, 1110 | 1400 | 1900 | 2400 | 5010..=5030);
    balances
        .into_iter()
        .filter(|((code, ..), _)| of_costs(*code))
        .map(|((code, currency, dimension), minor)| format!("{code} {currency} {dimension} {minor}"))
        .collect()
}

const GROSS: &str = r#"
[[acquirer]]
name = "card"
contract = "gross"
settles_within_days = 3
cost = { percentage = "1", fixed = { KRW = "10" }, rounding = "down", batch_tolerance = { KRW = "5" } }
"#;

/// Two sales of 49,000 and 50,000 KRW in full, of which the second is of April: 500 and 510 by contract.
async fn in_full() -> Desk {
    let desk = Desk::new().await;
    let head = HEAD.replace("EUR = \"0.20\"", "KRW = \"20\"");
    let head = head.split("[[acquirer]]").next().expect("a head");
    desk.write("settings.toml", format!("{head}{GROSS}"));
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    let mut events = String::new();
    for (payment, amount) in [("p1", "49000"), ("p2", "50000")] {
        for kind in ["authorization", "capture"] {
            let mut event = serde_json::json!({
                "kind": kind, "merchant": "m-1", "payment": payment, "reference": format!("{payment}-{kind}"), "amount": amount,
                "currency": "KRW", "occurred_at": "2026-03-31T12:00:00+02:00", "acquirer": "card",
            });
            if kind == "capture" {
                event["acquirer_reference"] = format!("R{payment}").into();
            }
            events += &format!("{event}\n");
        }
    }
    desk.write("events.jsonl", events);
    desk.run(&["record", "events.jsonl"]).exits(0);
    // Adyen writes won with two decimals, of which the helper adds two.
    let file = settlement_file(&[
        "Settled +49000.00 KRW ref=Rp1 day=2026-03-31",
        "Settled +50000.00 KRW ref=Rp2 day=2026-04-01",
    ]);
    desk.write("file.csv", file);
    desk.run(&["reconcile", "file.csv", "--acquirer", "card", "--execute"])
        .exits(0);
    desk
}

const MARCH: [&str; 16] = [
    "invoice",
    "book",
    "--acquirer",
    "card",
    "--number",
    "2026-03/1",
    "--month",
    "2026-03",
    "--currency",
    "KRW",
    "--markup",
    "1000",
    "--vat",
    "100",
    "--by",
    "ann",
];

fn with<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [command, more].concat()
}

#[tokio::test]
async fn an_invoice_is_booked_with_its_vat_and_held_to_the_month() {
    let desk = in_full().await;
    assert_eq!(owed(&desk).await, ["1110 KRW card 99000"]);
    desk.run(&MARCH)
        .exits(0)
        .says(&["plan, nothing was booked", "1100", "500"]);
    assert_eq!(owed(&desk).await, ["1110 KRW card 99000"]);
    // 1,000 where the one line of March comes to 500.
    desk.run(&with(&MARCH, &["--execute"]))
        .exits(0)
        .says(&["booked", "1100", "500"]);
    let booked = [
        "1110 KRW card 99000",
        "1400 KRW  100",
        "2400 KRW card -1100",
        "5030 KRW card 1000",
    ];
    assert_eq!(owed(&desk).await, booked);
    let detail = "open invoice 2026-03/1 for 2026-03: total by contract and by the invoice differ: 500 and 1000 KRW";
    assert_eq!(breaks(&desk).await, [detail]);
    assert_eq!(
        rows(&desk, &[], &TERMS),
        [
            "checked | total | settles in full |  | 2 |  | 0 | 0 | 0",
            "claim | total | invoice | open | 1 | 2026-03-01 | 500 | 1000 | 500",
            "invoiced | total | blended |  | 2 |  | 1010 | 0 | -1010",
        ]
    );
    let state = desk.state().await;
    desk.run(&with(&MARCH, &["--execute"]))
        .exits(0)
        .says(&["booked before, nothing was done"]);
    assert_eq!(desk.state().await, state);
    let other: Vec<&str> = with(&MARCH, &["--execute"])
        .into_iter()
        .map(|word| if word == "1000" { "999" } else { word })
        .collect();
    desk.run(&other).exits(1).says(&[
        "invoice `2026-03/1` is booked with other figures",
        "markup 1000, VAT 100 KRW for 2026-03",
    ]);
    // Within the tolerance of a batch it is no claim: April is 510, and 505 is invoiced.
    let april: Vec<&str> = with(&MARCH, &["--execute"])
        .into_iter()
        .map(|word| match word {
            "1000" => "505",
            "2026-03/1" => "2026-04/1",
            "2026-03" => "2026-04",
            word => word,
        })
        .collect();
    desk.run(&april).exits(0);
    assert_eq!(breaks(&desk).await, [detail]);
    let pay = [
        "invoice",
        "pay",
        "--acquirer",
        "card",
        "--by",
        "bob",
        "--execute",
        "--number",
    ];
    desk.run(&with(&pay, &["2026-03/1"])).exits(0).says(&["payment booked"]);
    let paid = [
        "1110 KRW card 97900",
        "1400 KRW  200",
        "2400 KRW card -605",
        "5030 KRW card 1505",
    ];
    assert_eq!(owed(&desk).await, paid);
    desk.run(&with(&pay, &["2026-03/1"]))
        .exits(0)
        .says(&["paid before, nothing was done"]);
    assert_eq!(owed(&desk).await, paid);
    desk.run(&with(&pay, &["none"]))
        .exits(1)
        .says(&["card has no invoice `none`"]);
    desk.run(&["invoice", "list"]).exits(0).says(&["2026-04/1"]);
    assert_eq!(
        desk.run(&["invoice", "list", "--all", "--format", "json"])
            .exits(0)
            .rows()
            .len(),
        2
    );
    desk.is_sound().await;
}

#[tokio::test]
async fn a_deduction_that_nobody_knew_pays_an_invoice() {
    let desk = in_full().await;
    desk.run(&with(&MARCH, &["--execute"])).exits(0);
    let file = settlement_file(&["InvoiceDeduction -1100.00 KRW mref=2026-03/1 batch=2 day=2026-04-02"]);
    desk.write("deduction.csv", file);
    desk.run(&["reconcile", "deduction.csv", "--acquirer", "card", "--execute"])
        .exits(2);
    let list = desk
        .run(&["breaks", "list", "--class", "UNSUPPORTED_RECORD", "--format", "json"])
        .exits(0)
        .rows();
    let id = list[0]["id"].to_string().trim_matches('"').to_owned();
    let claim = desk
        .run(&["breaks", "list", "--class", "FEE_MISMATCH", "--format", "json"])
        .exits(0)
        .rows();
    let claim = claim[0]["id"].to_string().trim_matches('"').to_owned();
    let pay = [
        "invoice",
        "pay",
        "--acquirer",
        "card",
        "--number",
        "2026-03/1",
        "--by",
        "bob",
        "--execute",
        "--break",
    ];
    desk.run(&with(&pay, &[&claim]))
        .exits(1)
        .says(&["does not hold the 1100 KRW of the invoice as a deduction of card"]);
    desk.run(&with(&pay, &[&id])).exits(0).says(&["payment booked"]);
    assert_eq!(
        owed(&desk).await,
        ["1110 KRW card 97900", "1400 KRW  100", "5030 KRW card 1000"]
    );
    desk.run(&["breaks", "show", &id])
        .exits(0)
        .says(&["it paid invoice 2026-03/1", "resolved"]);
    desk.run(&["reconcile", "undo", "deduction.csv", "--by", "ann", "--execute"])
        .exits(1);
    desk.is_sound().await;
}

#[tokio::test]
async fn what_is_owed_is_the_invoices_that_are_not_paid() {
    let desk = in_full().await;
    desk.run(&with(&MARCH, &["--execute"])).exits(0);
    let admin = &desk.database.admin;
    for (damage, repair) in [
        ("markup = markup + 1", "markup = markup - 1"),
        ("number = number - 1", "number = number + 1"),
        (
            "payment = 1, paid_on = booked_on, paid_by = 'x'",
            "payment = null, paid_on = null, paid_by = null",
        ),
    ] {
        let change = |what: &str| format!("update acquirer_invoice set {what}");
        admin.batch_execute(&change(damage)).await.expect("damage");
        let proven = prove(&desk.database.store, None, |_| ())
            .await
            .expect("a proof")
            .expect("books");
        let seen = proven.audits.iter().filter(|result| result.offenders > 0);
        assert_eq!(
            seen.map(|result| result.audit.name).collect::<Vec<_>>(),
            ["invoices"],
            "{damage}"
        );
        admin.batch_execute(&change(repair)).await.expect("repair");
    }
    let refused = async |what: &str, constraint: &str| {
        let error = admin
            .batch_execute(&format!("update acquirer_invoice set {what}"))
            .await
            .expect_err("refused");
        let error = error.as_db_error().expect("an error of the database");
        assert_eq!(error.constraint(), Some(constraint), "{what}");
    };
    refused("vat = -1", "acquirer_invoice_amounts").await;
    refused("month = month + 1", "acquirer_invoice_month").await;
    refused("payment = 5", "acquirer_invoice_paid").await;
    desk.is_sound().await;
}

#[tokio::test]
async fn what_people_match_is_claimed_as_its_file_would_have_claimed_it() {
    let sales = [
        "p1 visa DE 100.00 interchange=0.20 scheme=0.07 cost=0.15",
        "p3 visa DE 100.00 interchange=1.15 scheme=0.09 cost=0.15",
        "p5 - - 2000.00 interchange=9.00 scheme=0.52 cost=2.05",
    ]
    .map(str::to_owned);
    let items = |desk: &Desk| {
        let columns = ["line", "batch", "of", "term", "since", "expected", "stated", "state"];
        rows(desk, &["--items"], &columns)
    };
    let by_file = booked(PLUS, &sales, 2).await;
    let expected = items(&by_file);
    assert_eq!(expected.len(), 3, "{expected:?}");
    let terms = format!("{PLUS}\n[desk]\nmatch_alone = {{ EUR = \"10000.00\" }}\n");
    // References that nobody knows: people match the two lines that cost too much, and that which does not.
    let desk = booked_as(&terms, &sales, &|text| text.replace(",Rp", ",Xp"), 2).await;
    assert_eq!(items(&desk), [""; 0]);
    for round in 0..2 {
        for (line, item) in [
            ("file.csv:4", "p5-capture"),
            ("file.csv:3", "p3-capture"),
            ("file.csv:2", "p1-capture"),
        ] {
            let confirm = [
                "match",
                "confirm",
                line,
                item,
                "--by",
                "ann",
                "--evidence",
                "their mail",
                "--execute",
            ];
            desk.run(&confirm).exits(0);
            desk.run(&confirm).exits(0);
        }
        let mut found = items(&desk);
        found.sort();
        assert_eq!(found, expected, "{round}");
        for line in ["file.csv:2", "file.csv:3", "file.csv:4"] {
            desk.run(&["match", "undo", line, "--by", "eve", "--reason", "wrong", "--execute"])
                .exits(0);
        }
        assert_eq!(items(&desk), [""; 0], "{round}: undone");
        assert_eq!(rows(&desk, &[], &TERMS), [""; 0], "{round}: undone");
    }
    desk.is_sound().await;
}

#[tokio::test]
async fn a_cent_of_gross_on_every_line_is_a_break_of_the_batch() {
    // Three lines a cent too much or too little, one a cent of a batch of its own, one as it should be.
    let lines = ["100.01", "99.99", "100.01", "100.00", "100.01 batch=2"];
    let booked = async |limit: &str, exit| {
        let desk = Desk::new().await;
        let tolerances = format!("tolerance = {{ EUR = \"0.01\" }}\nbatch_tolerance = {{ {limit} }}\n");
        desk.write("settings.toml", format!("{HEAD}{tolerances}"));
        desk.run(&["settings", "apply", "settings.toml"]).exits(0);
        let sales: Vec<String> = (1..=5).map(|sale| format!("p{sale} - - 100.00")).collect();
        desk.write(
            "events.jsonl",
            sales.iter().map(|sale| Sale::of(sale).events()).collect::<String>(),
        );
        desk.run(&["record", "events.jsonl"]).exits(0);
        let lines: Vec<String> = (1..)
            .zip(lines)
            .map(|(sale, line)| {
                let (gross, batch) = line.split_once(' ').unwrap_or((line, ""));
                format!("Settled +{gross} EUR ref=Rp{sale} {batch}")
            })
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        desk.write("file.csv", settlement_file(&lines));
        desk.run(&["reconcile", "file.csv", "--acquirer", "north", "--execute"])
            .exits(exit);
        desk.is_sound().await;
        let sql =
            "select class || ' ' || state || ' ' || expected || ' ' || actual || ' ' || detail from break order by id";
        let rows = desk.database.admin.query(sql, &[]).await.expect("breaks");
        let breaks: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let rounding = desk.balances().await;
        let rounding = rounding
            .iter()
            .find(|((code, ..), _)| *code == 5900)
            .map(|(_, sum)| *sum);
        assert_eq!(rounding, Some(-2), "two cents in all, whatever the limit");
        (desk, breaks)
    };
    let (desk, breaks) = booked("EUR = \"0.02\"", 2).await;
    assert_eq!(
        breaks,
        [
            "AMOUNT_MISMATCH open 30000 30001 gross of 3 lines of batch 1, each within the tolerance, differs by 0.03 EUR together, \
             more than 0.02 EUR"
        ]
    );
    let proven = prove(&desk.database.store, None, |_| ()).await.expect("a proof");
    let offended = proven
        .expect("books")
        .audits
        .into_iter()
        .filter(|result| result.offenders > 0);
    assert_eq!(offended.count(), 0);
    // It ends with its file, and comes again with it.
    let undo = ["reconcile", "undo", "file.csv", "--by", "ann", "--execute"];
    desk.run(&undo).exits(0);
    let states = async || {
        let sql = "select id || ' ' || state || coalesce(' ' || resolution, '') from break order by id";
        let rows = desk.database.admin.query(sql, &[]).await.expect("breaks");
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    assert_eq!(states().await, ["1 resolved undone"]);
    desk.run(&["reconcile", "file.csv", "--acquirer", "north", "--execute"])
        .exits(2);
    let again = states().await;
    assert!(again.len() == 2 && again[1].ends_with(" open"), "{again:?}");
    let again = again[1].split(' ').next().expect("a number").to_owned();
    desk.run(&[
        "breaks",
        "resolve",
        &again,
        "--reason",
        "explained",
        "--by",
        "ann",
        "--note",
        "their rounding",
        "--execute",
    ])
    .exits(0);
    assert_eq!(booked("EUR = \"0.03\"", 0).await.1, [""; 0]);
    assert_eq!(booked("", 0).await.1, [""; 0]);
}
