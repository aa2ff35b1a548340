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
fixed = { EUR = "0.00", GBP = "0.00" }
rounding = "half_even"
[[merchant]]
name = "m"
fee_schedule = "standard"
negative_limit = { EUR = "1000.00" }
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

async fn desk() -> Desk {
    let desk = Desk::new().await;
    desk.write("settings.toml", SETTINGS);
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
    desk.balances().await
}

/// Worked out by hand: 5 % of 100.00 EUR (of 140.00, and what was not captured of it) and of 50.00 GBP are ours; Stripe keeps
/// 3.20 + 1.09 and a fee of 0.30, and pays 126.91.
#[tokio::test]
async fn a_stripe_payout_is_reconciled_plain_and_packed() {
    let expected: Balances = [
        (1110, "EUR", "psp", 12_691),
        (2020, "EUR", "", -7_000),
        (2020, "GBP", "", -4_750),
        (4010, "EUR", "", -500),
        (4010, "GBP", "", -250),
        (5030, "EUR", "psp", 459),
        (6010, "EUR", "", -5_650),
        (6010, "GBP", "", 5_000),
    ]
    .into_iter()
    .map(|(code, currency, dimension, minor)| ((code, currency.to_owned(), dimension.to_owned()), minor))
    .collect();
    for (name, file) in [
        ("report.csv", STRIPE.as_bytes().to_vec()),
        ("report.csv.gz", gzip(STRIPE)),
        ("report.zip", zip(STRIPE)),
    ] {
        let balances: Balances = reconciled(name, &file)
            .await
            .into_iter()
            .map(|((code, currency, dimension), minor)| {
                let dimension = if dimension == "psp" { dimension } else { String::new() };
                ((code, currency, dimension), minor)
            })
            .collect();
        assert_eq!(balances, expected, "{name}");
    }
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
    refused(
        "cut.gz",
        &packed[..packed.len() - 9],
        "cannot be read as a settlement file",
    );
    refused(
        "more.gz",
        &[&packed[..], b"more"].concat(),
        "cannot be read as a settlement file",
    );
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
        .says(&["it must be one of adyen, stripe"]);
    assert_eq!(desk.balances().await, before);
}
