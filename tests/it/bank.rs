//! Bank statements: what acquirers pay, what became of payouts, and what nobody knows. Statements are written here by hand, and
//! what they must come to is worked out by hand too; those of a simulated day are held to its settlement files.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

mod afterwards;
mod numbered;
mod receipts;

use std::fmt::Write;
use std::path::PathBuf;

use acquit::simulate::{BreakKind, FileFormat, Plan, Profile};
use acquit::store::bank::{BankError, Loaded, Outcome, Request, StatementFile};
use futures_util::future::join_all;
use tempfile::TempDir;

use crate::availability;
use crate::stage::{Stage, Words};
use crate::support::{self, TestStore, books, day, dump};

pub const ACCOUNT: &str = "DE89370400440532013000";

fn settings() -> String {
    let accounts = format!(
        "bank_account = \"main\"\n[[house.account]]\nnumber = \"{ACCOUNT}\"\ncurrency = \"EUR\"\n\
         [[house.account]]\nnumber = \"0012345\"\ncurrency = \"USD\"\n"
    );
    let desk = "[desk]\nfinance_heads = [\"ann\"]\ntolerance = { EUR = \"100.00\" }\nlimit_a = { EUR = \"100.00\" }\nlimit_b = { EUR = \"100.00\" }\n";
    availability::SETTINGS.replacen("bank_account = \"main\"\n", &accounts, 1) + desk
}

/// A statement in EUR of a day, from an opening balance in cents; its entries, one a line:
/// `+78.24 ref=BANKREF to=END-TO-END text=WORDS back=AC04 code=CHRG on=DATE from=PAYER with=IBAN`; with
/// `batch=PMTINFID` or `file=MSGID` it is the sum of a batch, without payments.
pub fn statement(on: &str, opening: i64, entries: &[&str]) -> String {
    statements(&[(on, opening, entries)])
}

/// Several statements in one file.
fn statements(stated: &[(&str, i64, &[&str])]) -> String {
    let mut text =
        "<?xml version=\"1.0\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\n\
        <GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-03-03T21:00:00Z</CreDtTm></GrpHdr>\n"
            .to_owned();
    for (on, opening, entries) in stated {
        let mut minor = *opening;
        let mut rows = String::new();
        for entry in *entries {
            let words = Words::of(entry);
            let amount = words.placed[0];
            let (sign, plain) = (&amount[..1], &amount[1..]);
            let cents: i64 = plain.replace('.', "").parse().expect("an amount");
            minor += if sign == "-" { -cents } else { cents };
            let side = if sign == "-" { "DBIT" } else { "CRDT" };
            let element = |name: &str, tag: &str| {
                let value = words.get(name);
                value.map_or_else(String::new, |value| format!("<{tag}>{value}</{tag}>"))
            };
            let day = words.get("on").unwrap_or(on);
            let payer = words.get("from").map_or_else(String::new, |payer| {
                format!("<RltdPties><Dbtr><Pty><Nm>{payer}</Nm></Pty></Dbtr></RltdPties>")
            });
            let other = if sign == "-" { "CdtrAcct" } else { "DbtrAcct" };
            let payer = words.get("with").map_or(payer, |iban| {
                format!("<RltdPties><{other}><Id><IBAN>{iban}</IBAN></Id></{other}></RltdPties>")
            });
            let back = words.get("back").map_or_else(String::new, |reason| {
                format!("<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>")
            });
            let family = words.get("code").unwrap_or("ESCT");
            let of_batch = element("file", "MsgId") + &element("batch", "PmtInfId");
            let details = if of_batch.is_empty() {
                format!(
                    "<TxDtls><Refs>{}</Refs><Amt Ccy=\"EUR\">{plain}</Amt><CdtDbtInd>{side}</CdtDbtInd>{payer}\
                     <RmtInf>{}</RmtInf>{back}</TxDtls>",
                    element("to", "EndToEndId"),
                    element("text", "Ustrd"),
                )
            } else {
                format!("<Btch>{of_batch}</Btch>")
            };
            writeln!(
                rows,
                "<Ntry><Amt Ccy=\"EUR\">{plain}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
                 <BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>{}\
                 <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>{family}</SubFmlyCd></Fmly></Domn></BkTxCd>\
                 <NtryDtls>{details}</NtryDtls></Ntry>",
                element("ref", "AcctSvcrRef"),
            )
            .expect("text");
        }
        let balance = |kind: &str, minor: i64| {
            let side = if minor < 0 { "DBIT" } else { "CRDT" };
            let amount = format!("{}.{:02}", minor.abs() / 100, minor.abs() % 100);
            format!(
                "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>\
                 <Dt><Dt>{on}</Dt></Dt></Bal>"
            )
        };
        write!(
            text,
            "<Stmt><Id>S-{on}</Id><Acct><Id><IBAN>{ACCOUNT}</IBAN></Id><Ccy>EUR</Ccy></Acct>{}{}\n{rows}</Stmt>\n",
            balance("OPBD", *opening),
            balance("CLBD", minor),
        )
        .expect("text");
    }
    text + "</BkToCstmrStmt></Document>\n"
}

struct Bank {
    stage: Stage,
    directory: TempDir,
    files: usize,
}

/// Settlement batches of `north` in EUR, by name and amount; what each sale comes to is its net.
const STORY: &str = "
    sale p1 100.00 EUR m=plain ref=A1 at=2026-03-02
    sale p2 50.00 EUR m=plain ref=A2 at=2026-03-02
    sale p3 50.00 EUR m=plain ref=A3 at=2026-03-02
    file north 2026-03-03
    Settled +100.00 EUR ref=A1 cost=1.00 batch=20260303001
    Settled +50.00 EUR ref=A2 cost=0.50 batch=20260303002
    Settled +50.00 EUR ref=A3 batch=20260303003";

impl Bank {
    async fn open() -> Self {
        Self::told(STORY).await
    }

    async fn told(story: &str) -> Self {
        Self::under(&settings(), story).await
    }

    async fn under(settings: &str, story: &str) -> Self {
        Self {
            stage: Stage::told(settings, story).await,
            directory: support::directory(),
            files: 0,
        }
    }

    fn write(&mut self, text: &str) -> StatementFile {
        self.files += 1;
        let path = self.directory.path().join(format!("statement-{}.txt", self.files));
        std::fs::write(&path, text).expect("a file");
        StatementFile::open(&path).expect("a statement file")
    }

    async fn ask(&self, file: &StatementFile) -> Result<Loaded, BankError> {
        let request = Request {
            file,
            account: None,
            today: chrono::NaiveDate::MAX,
        };
        self.stage
            .test
            .store
            .load_statements(&self.stage.deployment, &request)
            .await
    }

    /// Loads a file, after planning it, twice; and says what it came to.
    async fn load(&mut self, text: &str) -> String {
        let file = self.write(text);
        let request = Request {
            file: &file,
            account: None,
            today: chrono::NaiveDate::MAX,
        };
        let (store, deployment) = (&self.stage.test.store, &self.stage.deployment);
        let before = dump::content(&self.stage.test.admin).await;
        let plan = store.plan_statements(deployment, &request).await.expect("a plan");
        assert_eq!(
            dump::content(&self.stage.test.admin).await,
            before,
            "a plan books nothing"
        );
        let loaded = self.ask(&file).await.expect("loaded");
        assert_eq!(plan, loaded);
        let then = dump::content(&self.stage.test.admin).await;
        let again = self.ask(&file).await.expect("loaded again");
        assert!(matches!(again.outcome, Outcome::AlreadyBooked(_)), "{again:?}");
        assert_eq!((&again.parts, &again.breaks), (&loaded.parts, &loaded.breaks));
        assert_eq!(dump::content(&self.stage.test.admin).await, then, "a second time");
        self.stage.holds().await;
        told(&loaded)
    }

    /// Says why a file is refused, or in quarantine; nothing is booked of it.
    async fn refused(&mut self, text: &str) -> String {
        let entries = self.entries().await;
        let file = self.write(text);
        let why = match self.ask(&file).await {
            Ok(loaded) => match loaded.outcome {
                Outcome::Quarantined(reason) => reason,
                booked @ (Outcome::Booked | Outcome::AlreadyBooked(_)) => panic!("{booked:?}"),
            },
            Err(error) => {
                let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                format!("{error}{cause}")
            }
        };
        assert_eq!(self.entries().await, entries, "{why}");
        self.stage.holds().await;
        why
    }

    async fn entries(&self) -> i64 {
        self.number("select count(*) from entry").await
    }

    async fn number(&self, sql: &str) -> i64 {
        self.stage.test.admin.query_one(sql, &[]).await.expect("a row").get(0)
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.stage.test.admin.query(sql, &[]).await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Balances over all books in EUR by code, debits above zero, without those of zero.
    async fn balances(&self) -> String {
        let sql = "select code || '=' || sum(debits - credits) from balance join account on account.id = account_id
            where currency = 'EUR' and code in (1010, 1110, 1900, 2900, 4080, 5050)
            group by code having sum(debits - credits) <> 0 order by code";
        self.texts(sql).await.join(" ")
    }

    /// Every balance that is not zero, by book, account and currency; debits above zero.
    async fn all_balances(&self) -> Vec<String> {
        self.texts(
            "select coalesce(merchant, 'house') || ' ' || code || ' ' || dimension || ' ' || currency || ' ' || (debits - credits)
             from balance join account on account.id = account_id join book on book.id = book_id
             where debits <> credits order by 1",
        )
        .await
    }

    /// Breaks of bank statements that are not resolved, and what each is about.
    async fn breaks(&self) -> Vec<String> {
        self.texts(
            "select class || ' ' || acquirer.name || ': ' || detail from break join acquirer on acquirer.id = acquirer_id
             where state <> 'resolved' order by 1",
        )
        .await
    }
}

/// What a file came to: `kind count amount`, then breaks.
fn told(loaded: &Loaded) -> String {
    assert_eq!(loaded.outcome, Outcome::Booked, "{loaded:#?}");
    let parts = loaded
        .parts
        .iter()
        .map(|((kind, _), (count, money))| format!("{kind} {count} {}", money.to_decimal_text()));
    let breaks = loaded.breaks.iter().map(|(class, count)| format!("{class} {count}"));
    parts.chain(breaks).collect::<Vec<String>>().join(", ")
}

#[tokio::test]
async fn acquirers_pay_their_batches() {
    let mut bank = Bank::open().await;
    assert_eq!(bank.balances().await, "1110=19850");
    // The first is named, the second is known by its amount, the third by its name in spite of its amount.
    let day = statement(
        "2026-03-03",
        100_000,
        &[
            "+99.00 ref=B1 text=batch/20260303001",
            "+49.50 ref=B2 text=thanks",
            "-3.00 ref=B3 code=CHRG",
            "+0.70 ref=B4 code=INTR",
        ],
    );
    let expected = "charge 1 -3.00, interest 1 0.70, receipt 2 148.50";
    assert_eq!(bank.load(&day).await, expected);
    assert_eq!(bank.balances().await, "1010=14620 1110=5000 4080=-70 5050=300");
    let next = statement(
        "2026-03-04",
        114_620,
        &["+49.76 ref=C1 text=20260303003", "+12.00 ref=C2 text=?"],
    );
    assert_eq!(
        bank.load(&next).await,
        "receipt 1 49.76, suspense 1 12.00, FUNDING_MISMATCH 1, UNIDENTIFIED_RECEIPT 1"
    );
    assert_eq!(bank.balances().await, "1010=20796 1900=24 2900=-1200 4080=-70 5050=300");
    assert_eq!(
        bank.breaks().await,
        [
            "FUNDING_MISMATCH north: batch 20260303003: 49.76 EUR came, 50.00 EUR is awaited (line 5)",
            "UNIDENTIFIED_RECEIPT main: 12.00 EUR (line 6): nothing that is awaited fits",
        ]
    );
    // What was paid is not paid again: it is kept by the acquirer that it names.
    let third = statement("2026-03-05", 120_796, &["+99.00 ref=D1 text=20260303001"]);
    assert_eq!(bank.load(&third).await, "suspense 1 99.00, UNIDENTIFIED_RECEIPT 1");
    assert_eq!(
        bank.balances().await,
        "1010=30696 1900=24 2900=-11100 4080=-70 5050=300"
    );
}

#[tokio::test]
async fn a_batch_that_is_paid_is_known_by_its_name_in_small_letters_too() {
    let mut bank = Bank::open().await;
    bank.stage
        .tell(
            "sale p4 30.00 EUR m=plain ref=A4 at=2026-03-02
             file north 2026-03-03
             Settled +30.00 EUR ref=A4 batch=po_a12345x",
        )
        .await;
    let all = statement("2026-03-03", 0, &["+20.00 ref=B1 text=po_a12345x"]);
    assert_eq!(bank.load(&all).await, "receipt 1 20.00, FUNDING_MISMATCH 1");
    let rest = statement("2026-03-04", 2_000, &["+10.00 ref=B2 text=po_a12345x"]);
    assert_eq!(bank.load(&rest).await, "suspense 1 10.00, UNIDENTIFIED_RECEIPT 1");
    // Both are kept by the acquirer, so people can set one off against the other.
    assert_eq!(
        bank.breaks().await,
        [
            "FUNDING_MISMATCH north: batch po_a12345x: 20.00 EUR came, 30.00 EUR is awaited (line 5)",
            "UNIDENTIFIED_RECEIPT north: 10.00 EUR (line 5): it names batch po_a12345x of north, of which no such payment is awaited",
        ]
    );
}

#[tokio::test]
async fn one_credit_pays_several_batches_and_several_pay_one() {
    let mut bank = Bank::open().await;
    let day = statement(
        "2026-03-04",
        0,
        &[
            "+40.00 text=20260303001/1of2",
            "+99.50 text=20260303002,20260303003",
            "+59.00 text=20260303001/2of2",
        ],
    );
    assert_eq!(bank.load(&day).await, "receipt 4 198.50");
    assert_eq!(bank.balances().await, "1010=19850");
    assert_eq!(bank.number("select count(*) from awaited where open <> 0").await, 0);
}

#[tokio::test]
async fn where_two_things_fit_nothing_is_matched() {
    let mut bank = Bank::open().await;
    bank.stage
        .tell(
            "sale p4 50.00 EUR m=plain ref=A4 at=2026-03-02
             file north 2026-03-03
             Settled +50.00 EUR ref=A4 batch=20260303004",
        )
        .await;
    let day = statement("2026-03-03", 0, &["+50.00 text=hello"]);
    assert_eq!(bank.load(&day).await, "suspense 1 50.00, UNIDENTIFIED_RECEIPT 1");
    assert_eq!(
        bank.breaks().await,
        ["UNIDENTIFIED_RECEIPT main: 50.00 EUR (line 5): more than one thing fits"]
    );
}

#[tokio::test]
async fn what_does_not_come_in_time_is_missing_until_it_comes() {
    let mut bank = Bank::open().await;
    assert_eq!(bank.load(&statement("2026-03-05", 0, &[])).await, "");
    let missing = bank
        .load(&statement("2026-03-06", 0, &["+99.00 text=20260303001"]))
        .await;
    assert_eq!(missing, "receipt 1 99.00, MISSING_RECEIPT 2");
    assert_eq!(
        bank.breaks().await,
        [
            "MISSING_RECEIPT north: batch 20260303002 in EUR: awaited since 2026-03-03",
            "MISSING_RECEIPT north: batch 20260303003 in EUR: awaited since 2026-03-03",
        ]
    );
    let late = statement(
        "2026-03-10",
        9_900,
        &["+49.50 text=20260303002", "+50.00 text=20260303003"],
    );
    assert_eq!(bank.load(&late).await, "receipt 2 99.50");
    assert_eq!(bank.breaks().await, [""; 0]);
}

#[tokio::test]
async fn entries_may_come_in_any_order_and_statements_in_one_file() {
    let entries = [
        "+99.00 text=20260303001",
        "+49.50 text=other",
        "+20.00 text=20260303003",
        "+29.00 text=20260303003",
        "-7.00 text=what",
        "-1.00 code=CHRG",
    ];
    let mut turned = entries;
    turned.reverse();
    let mut all = Vec::new();
    for order in [&entries[..], &turned[..]] {
        let mut bank = Bank::open().await;
        let came = bank.load(&statement("2026-03-04", 500, order)).await;
        let matched = bank
            .texts("select kind || ' ' || amount || ' ' || coalesce(batch, '') || ' ' || coalesce(settled, 0) from bank_match order by 1")
            .await;
        all.push((came, bank.balances().await, matched));
    }
    assert_eq!(all[0], all[1]);
    let mut bank = Bank::open().await;
    let both = statements(&[
        ("2026-03-03", 500, &entries[..1]),
        ("2026-03-04", 10_400, &entries[1..]),
    ]);
    bank.load(&both).await;
    assert_eq!(bank.balances().await, all[0].1);
}

#[tokio::test]
async fn statements_follow_one_another() {
    let mut bank = Bank::open().await;
    let first = statement("2026-03-03", 0, &["+99.00 ref=B1 text=20260303001"]);
    bank.load(&first).await;
    // The same in other words, and in another format.
    let reworded = first.replace("<MsgId>M1</MsgId>", "<MsgId>M2</MsgId>");
    assert_eq!(bank.load(&reworded).await, "");
    let mt940 = format!(
        ":20:S\n:25:{ACCOUNT}\n:28C:1/1\n:60F:C260303EUR0,\n:61:2603030303C99,00NTRF//B1\n:86:20260303001\n:62F:C260303EUR99,\n-\n"
    );
    assert_eq!(bank.load(&mt940).await, "");
    assert_eq!(bank.balances().await, "1010=9900 1110=9950");
    // It begins with something else on the same day.
    let other = statement("2026-03-03", 5_000, &["+49.50 ref=B2"]);
    assert_eq!(
        bank.refused(&other).await,
        "statement-4.txt: line 4: the statement of DE89370400440532013000 from 2026-03-03 to 2026-03-03 does not follow what \
         is booked: it begins with 50.00 EUR, the one of 2026-03-03 ended with 99.00 EUR"
    );
    // One is missing between, and comes.
    let third = statement("2026-03-05", 14_850, &["+50.00 ref=B3 text=20260303003"]);
    assert_eq!(bank.load(&third).await, "receipt 1 50.00, MISSING_FILE 1");
    assert_eq!(
        bank.breaks().await,
        [
            "MISSING_FILE main: statement of DE89370400440532013000 in EUR before 2026-03-05: it begins with 148.50 EUR, the one of \
             2026-03-03 ended with 99.00 EUR; one between them has not come"
        ]
    );
    // A statement over both days says in part what is booked.
    let long = statement("2026-03-06", 0, &["+99.00 ref=B1 on=2026-03-03", "+49.50 ref=B2"]);
    assert!(
        bank.refused(&long)
            .await
            .contains("1 of its 2 entries are booked with another statement")
    );
    assert_eq!(
        bank.load(&statement("2026-03-04", 9_900, &["+49.50 ref=B2"])).await,
        "receipt 1 49.50"
    );
    assert_eq!(bank.breaks().await, [""; 0]);
    assert_eq!(bank.balances().await, "1010=19850");
}

#[tokio::test]
async fn a_reference_that_a_bank_gives_twice_is_two_entries() {
    let mut bank = Bank::open().await;
    bank.load(&statement("2026-03-03", 0, &["+50.00 ref=SAME text=20260303003"]))
        .await;
    let again = statement("2026-03-03", 5_000, &["+50.00 ref=SAME text=20260303003"]);
    assert_eq!(bank.load(&again).await, "suspense 1 50.00, UNIDENTIFIED_RECEIPT 1");
}

#[tokio::test]
async fn what_may_be_new_is_not_taken_for_a_repetition() {
    let mut bank = Bank::open().await;
    let first = statement("2026-03-03", 0, &["+5.00 ref=R1"]);
    bank.load(&first).await;
    bank.load(&statement("2026-03-03", 500, &["-5.00 ref=R2"])).await;
    // The account is where it was: the first told again, and another of the same amount.
    assert_eq!(
        bank.load(&first.replace("<MsgId>M1</MsgId>", "<MsgId>M2</MsgId>"))
            .await,
        ""
    );
    let refused = bank.refused(&statement("2026-03-03", 0, &["+5.00 ref=R3"])).await;
    assert!(refused.contains("the references of its entries are not"), "{refused}");
}

#[tokio::test]
async fn what_is_not_true_or_not_ours_books_nothing() {
    let mut bank = Bank::open().await;
    let good = statement("2026-03-03", 0, &["+99.00 ref=B1 text=20260303001"]);
    #[track_caller]
    fn holds(found: &str, expected: &str) {
        assert!(found.contains(expected), "{found}\n  holds not: {expected}");
    }
    let off = good
        .replacen("\">99.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>\n", "", 1)
        .replacen(
            "<Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">99.00",
            "<Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">99.01",
            1,
        );
    holds(
        &bank.refused(&off).await,
        "line 4: statement S-2026-03-03: the closing balance CLBD is the opening balance and the entries: 99.01 EUR stated, 99.00 EUR read",
    );
    let unreadable = good.replacen("<Ntry><Amt Ccy=\"EUR\">99.00", "<Ntry><Amt Ccy=\"EUR\">99,00", 1);
    holds(&bank.refused(&unreadable).await, "line 5, ");
    let without = good.replacen("OPBD", "XPCD", 1);
    holds(
        &bank.refused(&without).await,
        "does not state what it begins and ends with",
    );
    let foreign = good.replacen(ACCOUNT, "DE02120300000000202051", 1);
    holds(
        &bank.refused(&foreign).await,
        "line 4: account DE02120300000000202051 in EUR is none of the house's accounts",
    );
    let cut = &good[..good.len() - 40];
    holds(&bank.refused(cut).await, "cannot be read as a bank statement");
    holds(&bank.refused("hello").await, "not a bank statement");
    let told = good
        .replace("camt.053", "camt.054")
        .replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
        .replace("Stmt>", "Ntfctn>");
    assert_eq!(
        bank.load(&told).await,
        "",
        "what is told for information is booked by the statement"
    );
    assert_eq!(bank.load(&good).await, "receipt 1 99.00");
}

#[tokio::test]
async fn the_same_file_twice_at_once_is_booked_once() {
    let mut bank = Bank::open().await;
    let text = statement("2026-03-03", 0, &["+99.00 ref=B1 text=20260303001", "+49.50 ref=B2"]);
    let files = [
        bank.write(&text),
        bank.write(&text),
        bank.write(&text.replace("M1", "M2")),
    ];
    let store = day::another(&bank.stage.test.url, 8).await;
    let deployment = &bank.stage.deployment;
    let loads = (0..6).map(|place| {
        let file = &files[place % 3];
        let store = &store;
        async move {
            store
                .load_statements(
                    deployment,
                    &Request {
                        file,
                        account: None,
                        today: chrono::NaiveDate::MAX,
                    },
                )
                .await
        }
    });
    for loaded in join_all(loads).await {
        loaded.expect("loaded");
    }
    assert_eq!(bank.balances().await, "1010=14850 1110=5000");
    bank.stage.holds().await;
}

#[tokio::test]
async fn a_file_that_is_undone_after_its_receipt_awaits_what_its_next_version_says() {
    let mut bank = Bank::open().await;
    bank.load(&statement("2026-03-03", 0, &["+99.00 text=20260303001"]))
        .await;
    let request = acquit::store::reconcile::undo::Request {
        file: "file-1.csv",
        by: "ada",
        reason: None,
        on: None,
    };
    bank.stage.test.store.undo_file(&request).await.expect("undone");
    assert_eq!(bank.balances().await, "1010=9900 1110=-9900");
    bank.stage
        .tell(
            "file north 2026-03-03
             Settled +100.00 EUR ref=A1 cost=0.90 batch=20260303001
             Settled +50.00 EUR ref=A2 cost=0.50 batch=20260303002
             Settled +50.00 EUR ref=A3 batch=20260303003",
        )
        .await;
    assert_eq!(bank.balances().await, "1010=9900 1110=9960");
    let rest = statement("2026-03-04", 9_900, &["+0.10 text=20260303001"]);
    assert_eq!(bank.load(&rest).await, "receipt 1 0.10");
}

#[tokio::test]
async fn suspense_is_resolved_at_the_desk() {
    let mut bank = Bank::open().await;
    let day = statement("2026-03-03", 0, &["+49.76 text=20260303003", "+12.00 text=x"]);
    bank.load(&day).await;
    let id = bank
        .texts("select id::text from break where class = 'UNIDENTIFIED_RECEIPT'")
        .await
        .remove(0);
    let out = bank
        .stage
        .test
        .acquit()
        .args(["breaks", "resolve", &id, "--by", "ann"])
        .args(["--reason", "unidentified", "--note", "nobody asks for it", "--execute"])
        .output()
        .expect("the binary");
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}");
    bank.stage.holds().await;
    assert_eq!(bank.balances().await, "1010=6176 1110=14850 1900=24");
    let written_off = bank
        .texts(
            "select sum(credits - debits)::text from balance join account on account.id = account_id where code = 4070",
        )
        .await;
    assert_eq!(written_off, ["1200"]);
}

/// A simulated day, its payouts instructed, through the binary.
struct Day {
    test: TestStore,
    files: TempDir,
}

impl Day {
    async fn instructed() -> Self {
        Self::of(&[], "").await
    }

    /// Its payouts in EUR in a file of pain.001, from an account with an IBAN.
    async fn ordered() -> Self {
        let account = ("number = \"main-EUR\"", &*format!("number = \"{ACCOUNT}\""));
        Self::of(&[account], " --file-format pain.001 --currency EUR").await
    }

    async fn of(settings: &[(&str, &str)], how: &str) -> Self {
        let files = support::directory();
        let plan = Plan {
            payments: 120,
            merchants: 16,
            seed: 7,
            breaks: BreakKind::usual(Profile::Card, FileFormat::Adyen),
            day: Plan::usual_day(),
            profile: Profile::Card,
            file_format: FileFormat::Adyen,
        };
        acquit::simulate::run(&plan, files.path(), &mut |_| {}).expect("a day");
        let path = files.path().join("settings.toml");
        let mut text = std::fs::read_to_string(&path).expect("settings");
        for (from, to) in settings {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        std::fs::write(&path, text).expect("settings");
        let test = support::store().await;
        let day = Self { test, files };
        let instruct = format!("payout instruct --cutoff 2026-03-03 --on 2026-03-03{how} --execute");
        for command in [
            "settings apply settings.toml",
            "record events.jsonl",
            "reconcile settlement.csv --acquirer adyen --execute",
            "payout plan --cutoff 2026-03-03 --by ann",
            "payout approve --cutoff 2026-03-03 --by bob",
            &instruct,
        ] {
            let code = day.run(command);
            assert!(matches!(code, Some(0 | 2)), "{command}: {code:?}");
        }
        day
    }

    fn run(&self, command: &str) -> Option<i32> {
        let mut acquit = self.test.acquit();
        let output = acquit.args(command.split(' ')).current_dir(self.files.path()).output();
        output.expect("the binary").status.code()
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.test.admin.query(sql, &[]).await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

#[tokio::test]
async fn the_bank_statement_of_a_simulated_day_pays_every_batch() {
    let day = Day::instructed().await;
    assert_eq!(day.run("bank load statement.xml --execute"), Some(0));
    assert_eq!(day.run("bank load statement.xml --execute"), Some(0));
    let open = day.texts("select batch from awaited where open <> 0").await;
    assert_eq!(open, [""; 0]);
    let in_transit =
        "select currency || ' ' || sum(debits - credits) from balance join account on account.id = account_id
        where code = 1110 group by currency having sum(debits - credits) <> 0";
    assert_eq!(day.texts(in_transit).await, [""; 0]);
    // What the statement begins with is not on the books; all else is.
    let differs = "select statement.currency from bank_statement statement
        where statement.closing - statement.opening <> (select sum(debits - credits) from balance join account on account.id = account_id
            where code = 1010 and account.currency = statement.currency)";
    assert_eq!(day.texts(differs).await, [""; 0]);
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

#[tokio::test]
async fn payouts_are_made_and_come_back_as_the_statement_says() {
    let day = Day::instructed().await;
    let sql = "select end_to_end_id || ' ' || (amount / 100) || '.' || lpad((amount % 100)::text, 2, '0') || ' ' || id from payout
        where currency = 'EUR' and state = 'instructed' order by end_to_end_id";
    let payouts = day.texts(sql).await;
    let parts: Vec<Vec<&str>> = payouts.iter().map(|line| line.split(' ').collect()).collect();
    assert!(parts.len() >= 3, "{payouts:?}");
    let settings = std::fs::read_to_string(day.files.path().join("settings.toml")).expect("settings");
    assert!(settings.contains("number = \"main-EUR\""));
    let (made, back, wrong) = (&parts[0], &parts[1], &parts[2]);
    let entries = [
        format!("-{} to={}", made[1], made[0]),
        format!("-{} to={}", back[1], back[0]),
        format!("+{} to={} back=AC04 on=2026-03-05", back[1], back[0]),
        // A second time, and another amount.
        format!("-{} to={}", made[1], made[0]),
        format!("-0.01 to={}", wrong[0]),
    ];
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let text = statement("2026-03-05", 0, &entries)
        .replace(&format!("<IBAN>{ACCOUNT}</IBAN>"), "<Othr><Id>main-EUR</Id></Othr>");
    day.write("payouts.xml", &text);
    assert_eq!(day.run("bank load payouts.xml --execute"), Some(2));
    assert_eq!(day.run("bank load payouts.xml --execute"), Some(2));
    let states = day
        .texts("select state || coalesce(' ' || return_reason, '') from payout where currency = 'EUR' order by end_to_end_id limit 3")
        .await;
    assert_eq!(states, ["confirmed", "returned AC04", "instructed"]);
    let told = day
        .texts("select kind || ' ' || count(*) from bank_match group by kind order by kind")
        .await;
    assert_eq!(told, ["payout 2", "return 1", "suspense 2"]);
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

/// BAI2 has no field for an end-to-end id: it is the reference of whoever ordered the payment.
#[tokio::test]
async fn a_payout_is_known_by_the_reference_of_its_order() {
    let day = Day::instructed().await;
    let sql = "select end_to_end_id || ' ' || amount from payout where currency = 'EUR' and state = 'instructed'
        order by end_to_end_id limit 2";
    let payouts = day.texts(sql).await;
    let parts: Vec<(&str, i64)> = payouts
        .iter()
        .map(|line| line.split_once(' ').expect("an id and an amount"))
        .map(|(id, amount)| (id, amount.parse().expect("minor units")))
        .collect();
    let [(made, paid), (back, returned)] = parts[..] else {
        panic!("{payouts:?}")
    };
    let opening = 10_000_000;
    let closing = opening - paid;
    let control = opening + closing + paid + 2 * returned;
    let text = format!(
        "01,BANK,HOUSE,260305,2300,1,,,2/\n02,HOUSE,021000021,1,260305,,EUR,2/\n\
         03,main-EUR,EUR,010,{opening},,,015,{closing},,/\n\
         16,495,{paid},Z,B1,{made},payout\n16,495,{returned},Z,B2,{back},payout\n16,257,{returned},Z,B3,{back},returned\n\
         49,{control},5/\n98,{control},1,7/\n99,{control},1,9/\n"
    );
    day.write("payouts.bai", &text);
    assert_eq!(day.run("bank load payouts.bai --execute"), Some(0));
    let states = day
        .texts("select state from payout where currency = 'EUR' order by end_to_end_id limit 2")
        .await;
    assert_eq!(states, ["confirmed", "returned"]);
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

#[tokio::test]
async fn what_was_confirmed_by_hand_is_not_booked_again() {
    let day = Day::instructed().await;
    assert_eq!(day.run("payout confirm --cutoff 2026-03-03 --on 2026-03-04"), Some(0));
    let payouts = day
        .texts(
            "select '-' || (amount / 100) || '.' || lpad((amount % 100)::text, 2, '0') || ' to=' || end_to_end_id from payout
             where currency = 'EUR' and state = 'confirmed' order by end_to_end_id",
        )
        .await;
    let entries: Vec<&str> = payouts.iter().map(String::as_str).collect();
    let text = statement("2026-03-05", 0, &entries)
        .replace(&format!("<IBAN>{ACCOUNT}</IBAN>"), "<Othr><Id>main-EUR</Id></Othr>");
    day.write("payouts.xml", &text);
    let before = day.texts("select count(*)::text from entry").await;
    assert_eq!(day.run("bank load payouts.xml --execute"), Some(0));
    assert_eq!(day.texts("select count(*)::text from entry").await, before);
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

/// The only batch of the bank file that a day wrote: its id, how many payouts, and their sum in cents. Read as text.
fn batch_of(day: &Day) -> (String, i64, i64) {
    let text = std::fs::read_to_string(day.files.path().join("payouts-2026-03-03-1.xml")).expect("a bank file");
    let (_, batch) = text.split_once("<PmtInf>").expect("a batch");
    assert!(!batch.contains("<PmtInf>"), "{batch}");
    let element = |tag: &str| {
        let (_, from) = batch.split_once(&format!("<{tag}>")).expect("an element");
        from.split_once('<').expect("its end").0.to_owned()
    };
    let cents = element("CtrlSum").replace('.', "").parse().expect("cents");
    (
        element("PmtInfId"),
        element("NbOfTxs").parse().expect("a number"),
        cents,
    )
}

fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

const STATES: &str = "select state || ' ' || count(*) from payout where currency = 'EUR' and instruction is not null group by state order by state";
const MATCHES: &str = "select kind || ' ' || count(*) || ' ' || max(part) from bank_match group by kind order by kind";
const SUSPENSE: &str = "select detail from break where class = 'UNIDENTIFIED_RECEIPT' order by id";

#[tokio::test]
async fn a_batch_that_is_debited_as_one_sum_confirms_its_payouts() {
    let day = Day::ordered().await;
    let (batch, count, cents) = batch_of(&day);
    assert!(count >= 3, "{count}");
    let off = format!("-{} batch={batch}", amount(cents + 1));
    day.write("1.xml", &statement("2026-03-04", 0, &[&off]));
    assert_eq!(day.run("bank load 1.xml --execute"), Some(2));
    assert_eq!(day.texts(STATES).await, [format!("instructed {count}")]);
    assert_eq!(
        day.texts(SUSPENSE).await,
        [format!(
            "-{} EUR (line 5): it names batch {batch}, of which no statement has told of {count} payouts of {} EUR",
            amount(cents + 1),
            amount(cents)
        )]
    );
    // The same batch, its sum: each payout is a part of the entry. The statement is told again in other words.
    let right = format!("-{} ref=R2 batch={batch}", amount(cents));
    let text = statement("2026-03-05", -cents - 1, &[&right]);
    day.write("2.xml", &text);
    day.write("again.xml", &text.replace("<MsgId>M1</MsgId>", "<MsgId>M2</MsgId>"));
    for name in ["2.xml", "2.xml", "again.xml"] {
        assert_eq!(day.run(&format!("bank load {name} --execute")), Some(0), "{name}");
        assert_eq!(day.texts(STATES).await, [format!("confirmed {count}")]);
        assert_eq!(
            day.texts(MATCHES).await,
            [format!("payout {count} {count}"), "suspense 1 1".to_owned()]
        );
    }
    // One comes back, and the batch is debited once more by its file's id.
    let one = day
        .texts("select amount || ' ' || end_to_end_id from payout where currency = 'EUR' and state = 'confirmed' order by id limit 1")
        .await
        .remove(0);
    let (minor, id) = one.split_once(' ').expect("an amount and an id");
    let back = format!("+{} to={id} back=AC04", amount(minor.parse().expect("cents")));
    let file = batch.rsplit_once('-').expect("the place of the batch").0;
    let twice = format!("-{} file={file}", amount(cents));
    day.write("3.xml", &statement("2026-03-06", -2 * cents - 1, &[&back, &twice]));
    assert_eq!(day.run("bank load 3.xml --execute"), Some(2));
    assert_eq!(
        day.texts(STATES).await,
        [format!("confirmed {}", count - 1), "returned 1".to_owned()]
    );
    assert_eq!(
        day.texts(MATCHES).await,
        [
            format!("payout {count} {count}"),
            "return 1 1".to_owned(),
            "suspense 2 1".to_owned()
        ]
    );
    assert!(
        day.texts(SUSPENSE).await[1].ends_with(&format!(
            "batch {batch}, of which no statement has told of 0 payouts of 0.00 EUR"
        )),
        "it has none left"
    );
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

#[tokio::test]
async fn payments_that_only_their_batch_names_are_told_of_as_a_whole() {
    let day = Day::ordered().await;
    let (batch, count, cents) = batch_of(&day);
    let payment = |cents: i64| {
        format!(
            "<TxDtls><Refs><PmtInfId>{batch}</PmtInfId></Refs><Amt Ccy=\"EUR\">{}</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls>",
            amount(cents)
        )
    };
    let text = statement("2026-03-04", 0, &[&format!("-{} batch={batch}", amount(cents))]);
    let of_batch = format!("<Btch><PmtInfId>{batch}</PmtInfId></Btch>");
    assert!(text.contains(&of_batch), "{text}");
    let parts = payment(100) + &payment(cents - 100);
    day.write("1.xml", &text.replace(&of_batch, &parts));
    assert_eq!(day.run("bank load 1.xml --execute"), Some(0));
    assert_eq!(day.texts(STATES).await, [format!("confirmed {count}")]);
    assert_eq!(day.texts(MATCHES).await, [format!("payout {count} {count}")]);
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

#[tokio::test]
async fn a_batch_of_which_one_was_confirmed_by_hand_is_told_of_as_a_whole() {
    let day = Day::ordered().await;
    let (batch, count, cents) = batch_of(&day);
    let one = day
        .texts("select amount || ' ' || end_to_end_id from payout where currency = 'EUR' and state = 'instructed' order by id limit 1")
        .await
        .remove(0);
    let (minor, id) = one.split_once(' ').expect("an amount and an id");
    let minor: i64 = minor.parse().expect("cents");
    assert_eq!(day.run(&format!("payout confirm {id} --on 2026-03-04")), Some(0));
    let states = ["confirmed 1".to_owned(), format!("instructed {}", count - 1)];
    assert_eq!(day.texts(STATES).await, states);
    // All but that one may be another all but one: nothing of it is confirmed.
    let rest = format!("-{} batch={batch}", amount(cents - minor));
    day.write("1.xml", &statement("2026-03-04", 0, &[&rest]));
    assert_eq!(day.run("bank load 1.xml --execute"), Some(2));
    assert_eq!(day.texts(STATES).await, states);
    let before = day.texts("select count(*)::text from entry where kind = 21").await;
    assert_eq!(before, ["1"]);
    // A charge for the batch is a charge.
    let all = format!("-{} ref=R2 batch={batch}", amount(cents));
    let charge = format!("-0.25 ref=R3 code=CHRG batch={batch}");
    day.write("2.xml", &statement("2026-03-05", minor - cents, &[&all, &charge]));
    assert_eq!(day.run("bank load 2.xml --execute"), Some(0));
    assert_eq!(day.texts(STATES).await, [format!("confirmed {count}")]);
    assert_eq!(
        day.texts("select count(*)::text from entry where kind = 21").await,
        [count.to_string()]
    );
    assert_eq!(
        day.texts(MATCHES).await,
        [
            "charge 1 1".to_owned(),
            format!("payout {count} {count}"),
            "suspense 1 1".to_owned()
        ]
    );
    books::prove(&day.test.admin, None).await.expect("the books hold");
}
