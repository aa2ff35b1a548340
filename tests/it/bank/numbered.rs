//! What the settings say of an account's statements: whether they are numbered, and how they sign what takes an entry back.

use super::{ACCOUNT, Bank, settings, statement};
use crate::support;

fn under(terms: &str) -> String {
    let account = format!("number = \"{ACCOUNT}\"\n");
    let settings = settings();
    assert!(settings.contains(&account));
    settings.replacen(&account, &format!("{account}{terms}\n"), 1)
}

/// A statement with a number.
fn numbered(number: &str, on: &str, opening: i64, entries: &[&str]) -> String {
    let id = format!("<Id>S-{on}</Id>");
    let text = statement(on, opening, entries);
    assert!(text.contains(&id));
    text.replacen(&id, &format!("{id}<ElctrncSeqNb>{number}</ElctrncSeqNb>"), 1)
}

async fn bank() -> Bank {
    Bank::under(&under("numbered_statements = true"), "").await
}

#[tokio::test]
async fn a_number_that_is_left_out_is_missing_until_it_comes() {
    let mut bank = bank().await;
    bank.load(&numbered("7", "2026-03-03", 0, &["+5.00 ref=B1"])).await;
    // The balance goes on as if nothing were between: only the number says so.
    let quiet = numbered("10", "2026-03-06", 500, &[]);
    assert_eq!(bank.load(&quiet).await, "MISSING_FILE 1");
    let missing = |since: &str| {
        format!(
            "MISSING_FILE main: number of the statement of {ACCOUNT} in EUR of {since}: it has number 10, the one of 2026-03-03 has 7; \
             what is between has not come"
        )
    };
    let files = async |bank: &Bank| -> Vec<String> {
        let mut breaks = bank.breaks().await;
        breaks.retain(|row| row.starts_with("MISSING_FILE"));
        breaks
    };
    assert_eq!(files(&bank).await, [missing("2026-03-06")]);
    // One of two comes: it follows the one before it, and one is missing still.
    bank.load(&numbered("8", "2026-03-04", 500, &["+1.00 ref=B2", "-1.00 ref=B3"]))
        .await;
    assert_eq!(files(&bank).await, [missing("2026-03-06")]);
    bank.load(&numbered("9", "2026-03-05", 500, &[])).await;
    assert_eq!(files(&bank).await, [""; 0]);
    bank.load(&numbered("11", "2026-03-07", 500, &[])).await;
    assert_eq!(files(&bank).await, [""; 0]);
}

#[tokio::test]
async fn balance_and_number_say_each_for_itself_what_is_missing() {
    let mut bank = bank().await;
    bank.load(&numbered("1", "2026-03-03", 0, &["+5.00 ref=B1"])).await;
    assert_eq!(
        bank.load(&numbered("3", "2026-03-05", 800, &["+1.00 ref=B3"])).await,
        "suspense 1 1.00, MISSING_FILE 2, UNIDENTIFIED_RECEIPT 1"
    );
    bank.load(&numbered("2", "2026-03-04", 500, &["+3.00 ref=B2"])).await;
    assert!(bank.breaks().await.iter().all(|row| !row.starts_with("MISSING_FILE")));
}

#[tokio::test]
async fn numbers_begin_anew_with_a_year_and_never_otherwise() {
    let mut bank = bank().await;
    let first = numbered("250", "2026-03-03", 0, &["+5.00 ref=B1"]);
    bank.load(&first).await;
    let text = numbered("250", "2026-03-04", 500, &["+1.00 ref=B2"]);
    let refused = bank.refused(&text).await;
    assert!(
        refused.ends_with("it has number 250, the one of 2026-03-03 has 250"),
        "{refused}"
    );
    for (number, why) in [
        ("249", "it has number 249, the one of 2026-03-03 has 250"),
        ("?", "it states no number"),
    ] {
        let refused = bank
            .refused(&numbered(number, "2026-03-04", 500, &["+1.00 ref=B2"]))
            .await;
        assert!(refused.contains(why), "{refused}");
    }
    let refused = bank.refused(&statement("2026-03-04", 500, &["+1.00 ref=B2"])).await;
    assert!(refused.contains("it states no number"), "{refused}");
    // The same told again is no other one.
    assert_eq!(
        bank.load(&first.replace("<MsgId>M1</MsgId>", "<MsgId>M2</MsgId>"))
            .await,
        ""
    );
    // Pages of one statement have one number.
    let mt940 = format!(
        ":20:S\n:25:{ACCOUNT}\n:28C:251/1\n:60F:C260304EUR5,\n:61:2603040304C1,00NTRF//C1\n:62M:C260304EUR6,\n-\n\
         :20:S\n:25:{ACCOUNT}\n:28C:251/2\n:60M:C260304EUR6,\n:61:2603040304C2,00NTRF//C2\n:62F:C260304EUR8,\n-\n"
    );
    assert_eq!(bank.load(&mt940).await, "suspense 2 3.00, UNIDENTIFIED_RECEIPT 2");
    bank.load(&numbered("252", "2026-12-31", 800, &[])).await;
    bank.load(&numbered("1", "2027-01-02", 800, &[])).await;
    assert!(bank.breaks().await.iter().all(|row| !row.starts_with("MISSING_FILE")));
}

#[tokio::test]
async fn statements_of_other_accounts_have_any_number() {
    let mut bank = Bank::told("").await;
    bank.load(&numbered("5", "2026-03-03", 0, &[])).await;
    bank.load(&numbered("2", "2026-03-04", 0, &[])).await;
    bank.load(&statement("2026-03-05", 0, &[])).await;
    assert_eq!(bank.breaks().await, [""; 0]);
}

#[tokio::test]
async fn what_takes_an_entry_back_is_signed_as_its_bank_does() {
    // What was brought is taken back: signed as what it takes back.
    let text = statement("2026-03-03", 1_000, &["-5.00 ref=B1"]).replace("DBIT</CdtDbtInd>", "CRDT</CdtDbtInd>");
    let text = text.replace("<Sts>", "<RvslInd>true</RvslInd><Sts>");
    let mut bank = Bank::told("").await;
    let refused = bank.refused(&text).await;
    assert!(
        refused.contains("it would be, were reversals signed as what they reverse"),
        "{refused}"
    );
    // The same file is booked when the settings say so.
    let told = under("reversals = \"as_reversed\"").replacen("2026-01-01", "2026-01-02", 1);
    bank.stage.deployment = support::events::apply(&bank.stage.test.store, &told).await;
    assert_eq!(bank.load(&text).await, "suspense 1 -5.00, UNIDENTIFIED_RECEIPT 1");
    let mut bank = Bank::under(&under("reversals = \"as_reversed\""), "").await;
    assert_eq!(bank.load(&text).await, "suspense 1 -5.00, UNIDENTIFIED_RECEIPT 1");
    assert_eq!(bank.balances().await, "1010=-500 1900=500");
}
