//! Bank files as programs of others read them: `tests/validators`, which `make test` installs.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::files::{as_of, desk, settings};
use super::*;

/// What a validator says of a file: its payments as `id amount account`, and what is wrong with it.
fn read_by_others(path: &Path) -> (Vec<String>, Vec<String>) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("target/validators/bin/python3");
    assert!(
        python.exists(),
        "the validators are not installed: run `make validators`"
    );
    let output = Command::new(python)
        .arg(here.join("tests/validators/check.py"))
        .arg(path)
        .output()
        .expect("a validator that runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |name: &str| told[name].as_array().expect("a list").clone();
    let payment = |one: &Value| {
        format!(
            "{} {} {}",
            text(&one["id"]),
            text(&one["amount"]),
            text(&one["account"])
        )
    };
    (
        list("payments").iter().map(payment).collect(),
        list("wrong").iter().map(text).collect(),
    )
}

/// What others read of a file that was instructed in a format, and what they say when one digit of an amount is another.
#[track_caller]
fn check(desk: &Desk, file: &str, (amount, changed): (&str, &str), expected: &[String], complaint: &str) {
    let path = desk.out.path().join(file);
    assert_eq!(read_by_others(&path), (expected.to_vec(), Vec::new()), "{file}");
    let text = desk.file(file);
    assert_eq!(text.matches(amount).count(), 1, "{amount} in {text}");
    let tampered = desk.out.path().join(format!("changed-{file}"));
    std::fs::write(&tampered, text.replace(amount, changed)).expect("written");
    let (_, wrong) = read_by_others(&tampered);
    assert!(wrong.iter().any(|line| line.contains(complaint)), "{wrong:?}");
}

#[tokio::test]
async fn others_read_what_is_paid_and_see_one_changed_cent() {
    let desk = desk(&settings()).await;
    let sql = "select merchant, currency, end_to_end_id from payout join book on book.id = payout.book_id order by end_to_end_id";
    let rows = desk.test.admin.query(sql, &[]).await.expect("payouts");
    let id = |merchant: &str, currency: &str| -> String {
        let is = |row: &&tokio_postgres::Row| row.get::<_, &str>(0) == merchant && row.get::<_, &str>(1) == currency;
        rows.iter().find(is).expect("a payout").get(2)
    };
    let cents = (
        "<InstdAmt Ccy=\"EUR\">60.00</InstdAmt>",
        "<InstdAmt Ccy=\"EUR\">60.01</InstdAmt>",
    );
    let mut expected = vec![
        format!("{} 60.00 EUR FR1420041010050500013M02606", id("cafe", "EUR")),
        format!("{} 50.00 EUR GB29NWBK60161331926819", id("stall", "EUR")),
    ];
    expected.sort();
    let files = desk.instruct_as(as_of("pain.001", Some("EUR"))).await.expect("files");
    check(
        &desk,
        &files[0],
        cents,
        &expected,
        "CtrlSum is 110.00, they come to 110.01",
    );

    let yen = (
        "<InstdAmt Ccy=\"JPY\">700</InstdAmt>",
        "<InstdAmt Ccy=\"JPY\">701</InstdAmt>",
    );
    let expected = [format!("{} 700 JPY FR1420041010050500013M02606", id("cafe", "JPY"))];
    let files = desk
        .instruct_as(as_of("pain.001.03", Some("JPY")))
        .await
        .expect("files");
    check(&desk, &files[0], yen, &expected, "CtrlSum is 700, they come to 701");

    let files = desk.instruct_as(as_of("nacha", Some("USD"))).await.expect("files");
    let file = desk.file(&files[0]);
    let entry = file.lines().find(|record| record.starts_with('6')).expect("an entry");
    let expected = [format!("{} 42.00 USD 061000052 0012345", entry[39..54].trim())];
    let amount = ("12345          0000004200", "12345          0000004201");
    check(&desk, &files[0], amount, &expected, "total credit 4200 != 4201");
}

/// The bank statements that the simulator writes are what their schema says.
#[test]
fn a_simulated_statement_is_by_its_schema() {
    let statement = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/day/statement.xml");
    assert_eq!(read_by_others(&statement), (Vec::new(), Vec::new()));
    let text = std::fs::read_to_string(&statement).expect("a statement");
    let directory = tempfile::tempdir().expect("a directory");
    let other = directory.path().join("statement.xml");
    std::fs::write(
        &other,
        text.replacen("<Ntry>", "<Entry>", 1).replacen("</Ntry>", "</Entry>", 1),
    )
    .expect("written");
    assert!(!read_by_others(&other).1.is_empty());
}
