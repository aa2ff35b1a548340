//! What statements told of before the books knew of it, what banks take for themselves within an entry, and what payouts are
//! called beside their end-to-end ids.

use super::*;

/// The payouts in euros that are on their way: id, end-to-end id and cents.
async fn payouts(day: &Day) -> Vec<(i64, String, i64)> {
    let sql = "select id || ' ' || end_to_end_id || ' ' || amount from payout
        where currency = 'EUR' and state = 'instructed' order by end_to_end_id";
    let number = |text: &str| -> i64 { text.parse().expect("a number") };
    let rows = day.texts(sql).await;
    let parts = rows.iter().map(|row| row.split(' ').collect::<Vec<&str>>());
    parts
        .map(|row| (number(row[0]), row[1].to_owned(), number(row[2])))
        .collect()
}

/// A statement of the account in euros of a simulated day.
fn of_day(on: &str, opening: i64, entries: &[&str]) -> String {
    statement(on, opening, entries).replace(&format!("<IBAN>{ACCOUNT}</IBAN>"), "<Othr><Id>main-EUR</Id></Othr>")
}

impl Day {
    /// What the books have on an account in euros, in cents, debits above zero.
    async fn balance(&self, code: i16) -> i64 {
        let sql =
            "select coalesce(sum(debits - credits), 0)::bigint from balance join account on account.id = account_id
            where currency = 'EUR' and code = $1";
        self.test.admin.query_one(sql, &[&code]).await.expect("a sum").get(0)
    }

    async fn breaks(&self) -> Vec<String> {
        self.texts("select id || ' ' || state || coalesce(' ' || resolution, '') from break where class = 'UNIDENTIFIED_RECEIPT' order by id")
            .await
    }
}

#[tokio::test]
async fn what_people_say_of_payouts_after_their_statement_is_booked_once() {
    let day = Day::instructed().await;
    let payouts = payouts(&day).await;
    assert!(payouts.len() >= 3, "{payouts:?}");
    let all: i64 = payouts.iter().map(|(.., cents)| cents).sum();
    // The bank debits what a file of CSV or NACHA comes to, and names nothing.
    let debit = format!("-{} text=SETTLEMENT", amount(all));
    day.write("1.xml", &of_day("2026-03-04", 0, &[&debit]));
    assert_eq!(day.run("bank load 1.xml --execute"), Some(2));
    assert_eq!((day.balance(1010).await, day.balance(1900).await), (-all, all));
    assert_eq!(day.run("payout confirm --cutoff 2026-03-03 --on 2026-03-05"), Some(0));
    assert_eq!((day.balance(1010).await, day.balance(1900).await), (-all, 0));
    let (_, back, cents) = &payouts[1];
    let kept = day.balance(2900).await;
    let credit = format!("+{} text=RETURN", amount(*cents));
    day.write("2.xml", &of_day("2026-03-05", -all, &[&credit]));
    assert_eq!(day.run("bank load 2.xml --execute"), Some(2));
    assert_eq!(
        (day.balance(1010).await, day.balance(2900).await),
        (cents - all, kept - cents)
    );
    let back = format!("payout return {back} --reason AC04 --by ann --on 2026-03-05 --execute");
    assert_eq!(day.run(&back), Some(0));
    assert_eq!((day.balance(1010).await, day.balance(2900).await), (cents - all, kept));
    let states = day.breaks().await;
    assert!(
        states.len() == 2 && states.iter().all(|row| row.ends_with(" resolved match")),
        "{states:?}"
    );
    let told = day
        .texts("select kind || ' ' || count(*) || ' ' || sum(amount) from bank_match group by kind order by kind")
        .await;
    assert_eq!(
        told,
        [
            format!("recorded {} {}", payouts.len() + 1, cents - all),
            "suspense 4 0".to_owned()
        ]
    );
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

#[tokio::test]
async fn people_say_which_payouts_a_debit_is_and_what_the_bank_took_beside_them() {
    let day = Day::instructed().await;
    let payouts = payouts(&day).await;
    let [(_, one, first), (_, other, second), ..] = &payouts[..] else {
        panic!("{payouts:?}")
    };
    let taken = first + second + 150;
    day.write(
        "1.xml",
        &of_day("2026-03-04", 0, &[&format!("-{} text=SETTLEMENT", amount(taken))]),
    );
    assert_eq!(day.run("bank load 1.xml --execute"), Some(2));
    let id = day.breaks().await[0].split(' ').next().expect("a number").to_owned();
    let ask = |which: &str| format!("bank match {id} {which} --by bob --evidence advice --on 2026-03-05");
    let both = format!("payout:{one} payout:{other} --charge 1.50");
    // Nobody has confirmed them.
    assert_eq!(day.run(&ask(&both)), Some(1));
    assert_eq!(
        day.run(&format!("payout confirm {one} {other} --on 2026-03-05")),
        Some(0)
    );
    assert_eq!(
        (day.balance(1010).await, day.balance(1900).await),
        (-2 * taken + 150, taken)
    );
    for wrong in [
        format!("payout:{one} payout:{other}"),
        format!("payout:{one} --charge 1.50"),
        format!("payout:{one} payout:{other} --charge -1.50"),
        format!("payout:{one} payout:ACQ-0 --charge 1.50"),
        format!("payout:{one} adyen:1 --charge 1.50"),
    ] {
        assert_eq!(day.run(&(ask(&wrong) + " --execute")), Some(1), "{wrong}");
    }
    for execute in ["", " --execute", " --execute"] {
        assert_eq!(day.run(&(ask(&both) + execute)), Some(0));
        let done = if execute.is_empty() {
            (-2 * taken + 150, taken, 0)
        } else {
            (-taken, 0, 150)
        };
        let found = (
            day.balance(1010).await,
            day.balance(1900).await,
            day.balance(5050).await,
        );
        assert_eq!(found, done, "{execute}");
    }
    assert_eq!(
        day.run(&format!("breaks reopen {id} --by ann --reason x --execute")),
        Some(1)
    );
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

/// Gives a payment its own amount and what the bank took for it.
fn with_charge(text: &str, entry: i64, payment: i64, charge: i64) -> String {
    let of_entry = format!("<Amt Ccy=\"EUR\">{}</Amt><CdtDbtInd>", amount(entry));
    let (before, after) = text.rsplit_once(&of_entry).expect("a payment");
    let charge = format!("<Chrgs><Rcrd><Amt Ccy=\"EUR\">{}</Amt></Rcrd></Chrgs>", amount(charge));
    let own = format!("{before}<Amt Ccy=\"EUR\">{}</Amt><CdtDbtInd>{after}", amount(payment));
    let (before, after) = own.rsplit_once("<RmtInf>").expect("its text");
    format!("{before}{charge}<RmtInf>{after}")
}

#[tokio::test]
async fn what_a_bank_takes_within_an_entry_is_its_charge() {
    let day = Day::instructed().await;
    let payouts = payouts(&day).await;
    let (_, id, cents) = &payouts[0];
    let text = of_day("2026-03-04", 0, &[&format!("-{} to={id}", amount(cents + 150))]);
    day.write("1.xml", &with_charge(&text, cents + 150, *cents, 150));
    assert_eq!(day.run("bank load 1.xml --execute"), Some(0));
    assert_eq!((day.balance(1010).await, day.balance(5050).await), (-cents - 150, 150));
    let told = day
        .texts("select kind || ' ' || amount from bank_match order by part")
        .await;
    assert_eq!(told, [format!("payout -{cents}"), "charge -150".to_owned()]);
    // What is less by more than that is left to people, who are told what it names.
    let (_, other, cents) = &payouts[1];
    let text = of_day(
        "2026-03-05",
        -payouts[0].2 - 150,
        &[&format!("+{} to={other} back=AC04", amount(cents - 150))],
    );
    day.write("2.xml", &with_charge(&text, cents - 150, *cents, 50));
    assert_eq!(day.run("bank load 2.xml --execute"), Some(2));
    let detail = day.texts(SUSPENSE).await.remove(0);
    let named = format!(
        "it names payout {other} of {} EUR, which is instructed, and another amount is sent back",
        amount(*cents)
    );
    assert!(detail.ends_with(&named), "{detail}");
    books::prove(&day.test.admin, None).await.expect("the books hold");

    let mut bank = Bank::open().await;
    let text = statement("2026-03-03", 0, &["+48.50 text=20260303003"]);
    let came = bank.load(&with_charge(&text, 4_850, 5_000, 150)).await;
    assert_eq!(came, "charge 1 -1.50, receipt 1 50.00");
    bank.stage.holds().await;
}

#[tokio::test]
async fn a_payout_is_known_by_the_number_that_its_bank_was_given() {
    let day = Day::instructed().await;
    let payouts = payouts(&day).await;
    let (number, id, cents) = &payouts[0];
    let made = format!("-{} to={id}", amount(*cents));
    let back = format!("+{} to={id} back=AC04", amount(*cents));
    let named = format!("<EndToEndId>{id}</EndToEndId>");
    let text = of_day("2026-03-04", 0, &[&made, &back]).replace(&named, &format!("<InstrId>PO-{number}</InstrId>"));
    day.write("1.xml", &text);
    assert_eq!(day.run("bank load 1.xml --execute"), Some(0));
    let state = format!("select state from payout where id = {number}");
    assert_eq!(day.texts(&state).await, ["returned"]);
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

#[tokio::test]
async fn what_has_not_come_is_not_booked() {
    let day = Day::instructed().await;
    day.write("1.xml", &of_day("2126-03-04", 0, &["+1.00 text=x"]));
    assert_eq!(day.run("bank load 1.xml --execute"), Some(1));
    let reason = day.texts("select reason from bank_file").await;
    assert_eq!(
        reason,
        ["line 4: statement S-2126-03-04 is about 2126-03-04, which has not come"]
    );
    let (_, id, _) = &payouts(&day).await[0];
    for command in [
        format!("payout confirm {id} --on 2126-03-04"),
        format!("payout return {id} --reason AC04 --by ann --on 2126-03-04 --execute"),
        // It was instructed on 2026-03-03.
        format!("payout return {id} --reason AC04 --by ann --on 2026-03-02 --execute"),
        format!("payout confirm {id} --on 2026-03-02"),
        format!("payout unknown {id} --note x --by ann --on 2126-03-04"),
        "payout plan --cutoff 2126-03-04 --by ann".to_owned(),
        "payout instruct --cutoff 2026-03-03 --on 2126-03-04 --execute".to_owned(),
        "payout instruct --cutoff 2026-03-03 --on 2026-03-02 --execute".to_owned(),
    ] {
        assert_eq!(day.run(&command), Some(1), "{command}");
    }
    books::prove(&day.test.admin, None).await.expect("the books hold");
}

#[tokio::test]
async fn days_on_which_banks_are_closed_do_not_count() {
    let story = STORY.replace("file north 2026-03-03", "file north 2026-04-02");
    // From Maundy Thursday to the Wednesday after Easter there are four weekdays, and two on which banks are open.
    let calendars = "[payout]\ncalendars = { EUR = \"TARGET2\" }\n";
    for (rules, came) in [
        ("", "suspense 1 50.00, MISSING_RECEIPT 3, UNIDENTIFIED_RECEIPT 1"),
        (calendars, "receipt 1 50.00"),
    ] {
        let mut bank = Bank::under(&(settings() + rules), &story).await;
        assert_eq!(bank.load(&statement("2026-04-08", 0, &["+50.00 text=x"])).await, came);
    }
}
