//! Bank files in the formats that banks take: the same bytes whenever they are written, and nothing posted that cannot be written.

use acquit::payout::file::BankFormat;
use acquit::store::payout::Instruct;

use super::*;

/// With accounts of the house, and merchants that banks of every format can pay.
pub fn settings() -> String {
    let accounts = r#"bank_account = "main"

[[house.account]]
number = "DE89370400440532013000"
currency = "EUR"
bic = "COBADEFFXXX"

[[house.account]]
number = "7654321"
currency = "JPY"
bic = "BOTKJPJT"

[[house.account]]
number = "000123456"
currency = "USD"
bic = "CHASUS33"
nacha = { routing = "021000021", bank_name = "EXAMPLE BANK", company_id = "1234567890", receivers = "companies" }
"#;
    SETTINGS
        .replace("bank_account = \"main\"\n", accounts)
        .replace("Cafe =1+1", "Cafe (Sued)")
        .replace("DE23999999990000000000", "FR1420041010050500013M02606")
        .replace(
            "account = \"0012345\", bank = \"BANKDEFF\"",
            "account = \"0012345\", bank = \"061000052\"",
        )
}

/// Cafe and stall are paid in euros, cafe in yen too, shop in dollars.
pub async fn desk(settings: &str) -> Desk {
    let stall = "name = \"stall\"\nfee_schedule = \"free\"\nstate = \"active\"\n";
    let destination = "destination = { holder = \"Stall\", account = \"GB29NWBK60161331926819\", bank = \"\", verified_on = \"2026-01-01\" }\n";
    let desk = Desk::open_with_calendar(&settings.replace(stall, &format!("{stall}{destination}"))).await;
    desk.settle("s1", "cafe", 6_000, "EUR", FIRST).await;
    desk.settle("s2", "stall", 5_000, "EUR", FIRST).await;
    desk.settle("s3", "cafe", 700, "JPY", FIRST).await;
    desk.settle("s4", "shop", 4_200, "USD", FIRST).await;
    desk.plan(FIRST).await;
    desk.approve(FIRST).await;
    desk
}

pub fn as_of(format: &str, currency: Option<&str>) -> Instruct {
    Instruct {
        cutoff: day(FIRST),
        day: day("2026-03-05"),
        today: day("2026-03-05"),
        format: format.parse().expect("a format"),
        currency: currency.map(|code| Currency::parse(code).expect("a currency")),
        leave_out: false,
        again: true,
    }
}

impl Desk {
    /// Instructs in a format; the plan before says the same. Says which files were written.
    pub async fn instruct_as(&self, what: Instruct) -> Result<Vec<String>, String> {
        let store = &self.test.store;
        let plan = store.plan_instruction(&self.deployment, what, self.out.path()).await;
        let done = store.instruct_payouts(&self.deployment, what, self.out.path()).await;
        let told = |done: &Instructed| (lines(&done.posted), cancelled(done));
        let (plan, done) = (
            plan.map_err(|error| error.to_string()),
            done.map_err(|error| error.to_string()),
        );
        assert_eq!(plan.as_ref().map(told), done.as_ref().map(told));
        let name = |path: &std::path::PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
        done.map(|done| done.files.iter().map(name).collect())
    }

    /// Loses the bank files and the marks that they were written, as a crash does.
    async fn lose_files(&self, names: &[String]) {
        for name in names {
            std::fs::remove_file(self.out.path().join(name)).expect("removed");
        }
        let forget = "update payout_file set written = false";
        self.test.admin.batch_execute(forget).await.expect("forgotten");
    }
}

/// What stands between each pair of tags.
fn all<'a>(text: &'a str, tag: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{tag}>"), format!("</{tag}>"));
    let parts = text.split(begin.as_str()).skip(1);
    parts
        .map(|part| part.split(end.as_str()).next().expect("an end"))
        .collect()
}

#[tokio::test]
async fn pain_001_has_a_batch_a_currency_and_is_the_same_when_written_again() {
    for (format, namespace) in [
        ("pain.001", "xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\""),
        (
            "pain.001.03",
            "xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.03\"",
        ),
    ] {
        let desk = desk(&settings()).await;
        // Its bank has no IBAN and no BIC: a routing number is neither.
        let refused = desk.instruct_as(as_of(format, None)).await.expect_err("a refusal");
        assert!(refused.contains("bank `061000052` is not a BIC"), "{refused}");
        let entries = desk.entries().await;
        let files = [
            desk.instruct_as(as_of(format, Some("EUR"))).await.expect("files"),
            desk.instruct_as(as_of(format, Some("JPY"))).await.expect("files"),
        ]
        .concat();
        assert_eq!(files, ["payouts-2026-03-03-1.xml", "payouts-2026-03-03-2.xml"]);
        assert_eq!(desk.entries().await, entries + 3);
        let first = desk.file(&files[0]);
        assert!(first.contains(namespace), "{first}");
        // Head and batch: two payouts of 60.00 and 50.00 from the account in euros.
        assert_eq!(all(&first, "NbOfTxs"), ["2", "2"]);
        assert_eq!(all(&first, "CtrlSum"), ["110.00", "110.00"]);
        assert_eq!(all(&first, "MsgId"), ["ACQ-PAYOUTS-20260303-1"]);
        assert_eq!(all(&first, "PmtInfId"), ["ACQ-PAYOUTS-20260303-1-1"]);
        let accounts = [
            "DE89370400440532013000",
            "FR1420041010050500013M02606",
            "GB29NWBK60161331926819",
        ];
        assert_eq!(all(&first, "IBAN"), accounts);
        let payouts = desk.test.store.payouts(Some(day(FIRST)), None).await.expect("payouts");
        let of = |code: &str| -> Vec<&str> {
            let of_currency = payouts.iter().filter(|payout| payout.money.currency().code() == code);
            let mut ids: Vec<&str> = of_currency.map(|payout| payout.end_to_end_id.as_str()).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(all(&first, "EndToEndId"), of("EUR"));
        let second = desk.file(&files[1]);
        assert_eq!(
            (all(&second, "EndToEndId"), all(&second, "CtrlSum")),
            (of("JPY"), vec!["700", "700"])
        );

        // Lost files are written again in their own format, whatever is asked for now.
        desk.lose_files(&files).await;
        let again = desk.instruct_as(as_of("csv", Some("EUR"))).await.expect("files");
        assert_eq!(again, files);
        assert_eq!([desk.file(&files[0]), desk.file(&files[1])], [first, second]);
        let rest = desk.instruct_as(as_of("csv", None)).await.expect("files");
        assert_eq!(rest, ["payouts-2026-03-03-3.csv"]);
        // The house's account in the currency, where it has one.
        let file = desk.file(&rest[0]);
        assert!(
            file.contains(",42.00,USD,1,\"Shop, Ltd\",0012345,061000052,Example Payments,000123456\n"),
            "{file}"
        );
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_bank_file_that_was_lost_and_not_sent_is_written_again() {
    let name = "payouts-2026-03-03-1.xml";
    let what = as_of("pain.001", Some("EUR"));
    for outcome in ["sent", "unknown", "confirmed"] {
        let desk = desk(&settings()).await;
        assert_eq!(desk.instruct_as(what).await.expect("files"), [name]);
        let (store, place) = (&desk.test.store, desk.out.path().join(name));
        let (first, entries) = (desk.file(name), desk.entries().await);
        std::fs::remove_file(&place).expect("removed");
        let plan = store.plan_instruction(&desk.deployment, what, desk.out.path()).await;
        assert_eq!(plan.expect("a plan").lost, std::slice::from_ref(&place));
        // Who does not write it again is told of it.
        let once = Instruct { again: false, ..what };
        let done = store.instruct_payouts(&desk.deployment, once, desk.out.path()).await;
        let done = done.expect("instructions");
        assert_eq!((done.files, done.lost), (vec![], vec![place.clone()]));
        assert!(!place.exists());
        // In its own format, whatever is asked for now.
        let again = as_of("csv", Some("EUR"));
        assert_eq!(desk.instruct_as(again).await.expect("files"), [name]);
        assert_eq!(desk.file(name), first);
        assert_eq!(desk.instruct_as(again).await.expect("files"), [""; 0]);
        // A crash before the mark: what is there is what was to be written.
        let forget = "update payout_file set written = false";
        desk.test.admin.batch_execute(forget).await.expect("forgotten");
        assert_eq!(desk.instruct_as(again).await.expect("files"), [name]);
        assert_eq!((desk.file(name), desk.entries().await), (first.clone(), entries));

        // The bank has it: it is left alone, wherever it is.
        let payouts = store
            .payouts(Some(day(FIRST)), Some("instructed"))
            .await
            .expect("payouts");
        let id = payouts[0].end_to_end_id.as_str();
        match outcome {
            "sent" => {
                let sent = store.send_payouts(&Sha256::digest(&first), "ann", day(SECOND)).await;
                assert_eq!(sent.expect("sent").payouts, 2);
            }
            "unknown" => assert_eq!(desk.lose(id).await.expect("unknown"), 1),
            _ => assert_eq!(desk.confirm(&[id]).await.expect("a confirmation"), 1),
        }
        std::fs::remove_file(&place).expect("removed");
        let done = store.instruct_payouts(&desk.deployment, again, desk.out.path()).await;
        let done = done.expect("instructions");
        assert_eq!((done.files, done.lost), (vec![], vec![]), "{outcome}");
        desk.prove().await;
    }
}

#[tokio::test]
async fn the_command_says_which_bank_files_it_writes_again() {
    let desk = desk(&settings()).await;
    let name = "payouts-2026-03-03-1.xml";
    let what = as_of("pain.001", Some("EUR"));
    assert_eq!(desk.instruct_as(what).await.expect("files"), [name]);
    let first = desk.file(name);
    let run = |arguments: &[&str], code: i32| {
        let mut acquit = desk.test.acquit();
        acquit.args(["payout", "instruct", "--cutoff", FIRST, "--on", "2026-03-05"]);
        acquit
            .args(["--currency", "EUR", "--out"])
            .arg(desk.out.path())
            .args(arguments);
        let output = acquit.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    };
    let place = desk.out.path().join(name);
    let earlier = format!("bank file of an earlier run: {name}, written");
    assert!(run(&["--execute"], 0).contains(&format!("{earlier}\n")));
    std::fs::remove_file(&place).expect("removed");
    let plan = run(&[], 0);
    let lost = format!("{earlier}, not sent, and not in --out; --execute writes it again\n");
    assert!(plan.contains(&lost), "{plan}");
    assert!(!place.exists());
    let done = run(&["--execute"], 0);
    let again = format!("bank file written again: {}\n", place.display());
    assert!(done.contains(&again) && !done.contains("earlier run"), "{done}");
    assert_eq!(desk.file(name), first);
    std::fs::write(&place, "changed").expect("written");
    for arguments in [&["--execute"][..], &[]] {
        let refused = run(arguments, 1);
        assert!(
            refused.contains(name) && refused.contains("is not written over"),
            "{refused}"
        );
        assert!(refused.contains("choose another --out"), "{refused}");
    }
    assert_eq!(desk.file(name), "changed");
}

#[tokio::test]
async fn a_file_of_other_content_is_never_written_over() {
    let desk = desk(&settings()).await;
    let name = "payouts-2026-03-03-1.xml";
    let what = as_of("pain.001", Some("EUR"));
    let (store, place) = (&desk.test.store, desk.out.path().join(name));
    std::fs::write(&place, "another deployment's").expect("written");
    let done = store.instruct_payouts(&desk.deployment, what, desk.out.path()).await;
    let refused = done.expect_err("a refusal");
    assert!(
        matches!(&refused, PayoutError::OtherContent(file) if file == name),
        "{refused}"
    );
    assert_eq!(desk.file(name), "another deployment's");
    assert_eq!(desk.out.path().read_dir().expect("listed").count(), 1);
    // The file is still owed, and nothing is posted again.
    let entries = desk.entries().await;
    std::fs::remove_file(&place).expect("removed");
    assert_eq!(desk.instruct_as(what).await.expect("files"), [name]);
    assert_eq!(desk.entries().await, entries);
    let ours = desk.file(name);
    // What somebody made of it since is found before anything else is posted, until the bank has the file.
    std::fs::write(&place, "changed").expect("written");
    let refused = desk.instruct_as(as_of("csv", None)).await.expect_err("a refusal");
    assert!(refused.contains(name), "{refused}");
    assert_eq!(desk.entries().await, entries);
    let sent = store.send_payouts(&Sha256::digest(&ours), "ann", day(SECOND)).await;
    assert_eq!(sent.expect("sent").payouts, 2);
    let rest = desk.instruct_as(as_of("csv", None)).await.expect("files");
    assert_eq!(rest, ["payouts-2026-03-03-2.csv"]);
    assert_eq!(desk.file(name), "changed");
    desk.prove().await;
}

#[tokio::test]
async fn nacha_pays_dollars() {
    let desk = desk(&settings()).await;
    let refused = desk.instruct_as(as_of("nacha", None)).await.expect_err("a refusal");
    assert!(refused.contains("NACHA pays USD"), "{refused}");
    let files = desk.instruct_as(as_of("nacha", Some("USD"))).await.expect("files");
    assert_eq!(files, ["payouts-2026-03-03-1.ach"]);
    let file = desk.file(&files[0]);
    let records: Vec<&str> = file.lines().collect();
    assert!(records.iter().all(|record| record.len() == 94), "{file}");
    assert_eq!(records.len(), 10, "a block");
    // File header: the bank, our company, the day, the first file of it.
    assert_eq!(&records[0][..34], "101 02100002112345678902603050000A");
    assert_eq!(&records[1][..20], "5220Example Payments");
    // A credit to a checking account: routing number, account, cents.
    assert_eq!(&records[2][..39], "6220610000520012345          0000004200");
    // Entry and addenda; the hash is of the routing number without its check digit; nothing debited; 42.00 credited.
    assert_eq!(&records[4][..44], "82200000020006100005000000000000000000004200");
    desk.lose_files(&files).await;
    assert_eq!(
        desk.instruct_as(as_of("nacha", Some("USD"))).await.expect("files"),
        files
    );
    assert_eq!(desk.file(&files[0]), file);
    let waiting = ["cafe 60.00 EUR 2026-03-03 approved", "cafe 700 JPY 2026-03-03 approved"];
    assert_eq!(desk.states().await[..2], waiting);
    desk.prove().await;
}

#[tokio::test]
async fn what_a_format_does_not_take_is_refused_before_anything_is_posted() {
    let nobody = SETTINGS
        .replace("Cafe =1+1", "Cafe")
        .replace("DE23999999990000000000", "FR1420041010050500013M02606");
    for (settings, format, currency, expected) in [
        (
            nobody.clone(),
            "pain.001",
            "EUR",
            "the house has no account in EUR to pay from",
        ),
        (
            nobody,
            "nacha",
            "USD",
            "no account of the house says what its bank has agreed on for NACHA",
        ),
        (
            settings().replace("Cafe (Sued)", "Cafe =1+1"),
            "pain.001",
            "EUR",
            "name holds `=`, which the format does not take",
        ),
        (
            settings().replace("0532013000", "0532013001"),
            "pain.001",
            "EUR",
            "its check digits are wrong",
        ),
        (
            settings().replace("\"0012345\"", "\"00_12345\""),
            "nacha",
            "USD",
            "account holds `_`",
        ),
    ] {
        let desk = desk(&settings).await;
        let (entries, states) = (desk.entries().await, desk.states().await);
        let refused = desk
            .instruct_as(as_of(format, Some(currency)))
            .await
            .expect_err("a refusal");
        assert!(refused.contains(expected), "{refused}");
        assert_eq!((desk.entries().await, desk.states().await), (entries, states));
        assert_eq!(std::fs::read_dir(desk.out.path()).expect("a directory").count(), 0);
    }
    for format in BankFormat::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
}

#[tokio::test]
async fn banks_are_told_to_pay_on_a_day_on_which_they_are_open() {
    let good_friday = Instruct {
        day: day("2026-04-03"),
        today: day("2026-04-03"),
        ..as_of("pain.001", Some("EUR"))
    };
    let with_calendar = settings().replace("[payout]", "[payout]\ncalendars = { EUR = \"TARGET2\" }");
    let saturday = Instruct {
        day: day("2026-04-04"),
        ..good_friday
    };
    for (settings, what, opens) in [
        (settings(), good_friday, "2026-04-03"),
        (settings(), saturday, "2026-04-06"),
        (with_calendar, good_friday, "2026-04-07"),
    ] {
        let desk = desk(&settings).await;
        let files = desk.instruct_as(what).await.expect("a file");
        let text = std::fs::read_to_string(desk.out.path().join(&files[0])).expect("the file");
        assert_eq!(all(&text, "Dt"), [opens], "{text}");
        let on = "select distinct booking_date::text from entry where kind = 20 order by 1";
        let booked: String = desk.test.admin.query_one(on, &[]).await.expect("a day").get(0);
        assert_eq!(booked, what.day.to_string());
        desk.prove().await;
    }
}

#[tokio::test]
async fn what_one_payout_has_wrong_is_not_in_the_way_of_others_where_that_is_asked_for() {
    let desk = desk(&settings().replace("Cafe (Sued)", "Caf\u{e9}")).await;
    let what = Instruct {
        leave_out: true,
        ..as_of("pain.001", None)
    };
    let store = &desk.test.store;
    let directory = desk.out.path();
    let done = store.instruct_payouts(&desk.deployment, what, directory).await;
    let done = done.expect("instructed");
    assert_eq!(lines(&done.posted), ["stall 50.00 EUR"]);
    let left_out = |done: &Instructed| -> Vec<String> {
        let left = done.left_out.iter();
        left.map(|one| format!("{} {}: {}", one.payout.merchant, one.payout.money, one.reason))
            .collect()
    };
    let left = left_out(&done);
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(
        left[0].starts_with("cafe 60.00 EUR: ")
            && left[0].ends_with("name holds `\u{e9}`, which the format does not take"),
        "{left:?}"
    );
    assert!(left[2].ends_with("bank `061000052` is not a BIC"), "{left:?}");
    // They are approved still: the dollars go by NACHA, the rest is cancelled by name or goes as CSV.
    let nacha = Instruct {
        leave_out: true,
        ..as_of("nacha", Some("USD"))
    };
    let done = store
        .instruct_payouts(&desk.deployment, nacha, directory)
        .await
        .expect("instructed");
    assert_eq!(
        (lines(&done.posted), left_out(&done)),
        (vec!["shop 42.00 USD".to_owned()], vec![])
    );
    let approved = store.payouts(None, Some("approved")).await.expect("payouts");
    let yen = approved
        .iter()
        .find(|payout| payout.money.currency().code() == "JPY")
        .expect("yen");
    let unknown = store
        .cancel_payouts(day(FIRST), &["ACQ-9".to_owned()])
        .await
        .expect_err("an error");
    assert_eq!(
        unknown.to_string(),
        "no payout of cut-off 2026-03-03 has the end-to-end id ACQ-9"
    );
    let named = [yen.end_to_end_id.clone()];
    assert_eq!(store.cancel_payouts(day(FIRST), &named).await.expect("cancelled"), 1);
    let csv = store
        .instruct_payouts(&desk.deployment, as_of("csv", None), directory)
        .await;
    assert_eq!(lines(&csv.expect("instructed").posted), ["cafe 60.00 EUR"]);
    desk.prove().await;
}
