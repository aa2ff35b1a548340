//! What merchants owe: a receivable at the end of a period alone, set off the oldest first, asked for in the end. Figures are
//! worked out by hand.

use acquit::store::period::{Closing, Request};

use crate::availability::SETTINGS;
use crate::desk::Desk;
use crate::stage::{Stage, day};

async fn close(stage: &Stage, through: &str) -> Closing {
    let request = Request {
        through: day(through),
        by: "clara",
        note: "complete",
    };
    let plan = stage.test.store.plan_period(&request).await.expect("a plan");
    let closing = stage.test.store.close_period(&request).await.expect("closed");
    assert_eq!(plan, closing, "a plan says what will be done");
    let again = stage.test.store.close_period(&request).await.expect("closed before");
    assert_eq!(
        again,
        Closing {
            new: false,
            ..closing.clone()
        },
        "twice is once"
    );
    closing
}

/// What accounts 1200 and 2020 hold at the end of a day, debits above zero, by merchant; added up from the transfers.
async fn owed_on(stage: &Stage, on: &str) -> Vec<String> {
    let sql = "select format('%s %s %s', book.merchant, account.code,
            sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end))
        from entry
        join book on book.id = entry.book_id
        join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
        join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code in (1200, 2020)
        where entry.booking_date <= $1::text::date
        group by book.merchant, account.code
        having sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end) <> 0
        order by book.merchant, account.code";
    let rows = stage.test.admin.query(sql, &[&on]).await.expect("sums");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_debt_is_a_receivable_at_the_end_of_a_period_and_on_no_other_day() {
    let mut stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD ref=A1 at=2026-03-02
         sale r1 80.00 USD m=roll ref=R1 at=2026-03-02
         sale f1 80.00 USD m=fixed ref=F1 at=2026-03-02
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         Settled +80.00 USD ref=R1
         Settled +80.00 USD ref=F1
         chargeback p1 80.00 USD ref=C1 at=2026-03-20
         chargeback r1 80.00 USD m=roll ref=C2 at=2026-03-31
         chargeback f1 80.00 USD m=fixed ref=C3 at=2026-04-01
         is plain USD 2020=-2.62
         is roll USD 2020=-10.62 2030=8.00
         is fixed USD 2020=-80.00 2030=77.38",
    )
    .await;
    let closing = close(&stage, "2026-03-31").await;
    // Two of them owed something on that day; each has an entry on it.
    assert_eq!((closing.reclassified, closing.entries), (2, 13));
    assert_eq!(
        owed_on(&stage, "2026-03-30").await,
        ["plain 2020 262", "roll 2020 -6938"]
    );
    assert_eq!(
        owed_on(&stage, "2026-03-31").await,
        ["plain 1200 262", "roll 1200 1062"]
    );
    let owed = ["fixed 2020 8000", "plain 2020 262", "roll 2020 1062"];
    assert_eq!(owed_on(&stage, "2026-04-01").await, owed);
    stage
        .tell("is plain USD 1200=0.00 2020=-2.62\nis roll USD 1200=0.00 2020=-10.62")
        .await;
    stage.holds().await;

    // A merchant's statement knows nothing of it.
    let desk = Desk::on(stage.test);
    let ran = desk.run(&[
        "--format",
        "json",
        "report",
        "statement",
        "--merchant",
        "plain",
        "--to",
        "2026-03-31",
    ]);
    let rows = ran.rows();
    assert!(rows.iter().all(|row| row["movement"] != "reclassification"), "{rows:?}");
    let closing = rows.iter().find(|row| row["movement"] == "closing").expect("a closing");
    assert_eq!(closing["balance"], "-2.62", "{closing}");
}

#[tokio::test]
async fn a_receivable_that_is_not_taken_back_is_seen() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 80.00 USD ref=A1 at=2026-03-02
         file north 2026-03-03
         Settled +80.00 USD ref=A1
         chargeback p1 80.00 USD ref=C1 at=2026-03-20",
    )
    .await;
    close(&stage, "2026-03-31").await;
    let offenders = async || {
        let audit = include_str!("../../schema/audits/receivables.sql");
        stage.test.admin.query(audit, &[]).await.expect("an audit").len()
    };
    assert_eq!(offenders().await, 0);
    let free = "set session_replication_role = replica; alter table entry disable trigger all";
    stage.test.admin.batch_execute(free).await.expect("a free hand");
    for (damage, undo) in [
        (
            "update entry set booking_date = booking_date + 1 where kind = 30",
            "update entry set booking_date = booking_date - 1 where kind = 30",
        ),
        (
            "update entry set kind = 31 where kind = 39",
            "update entry set kind = 39 where kind = 31",
        ),
        (
            "update entry set reverses = null where kind = 30",
            "update entry set reverses = number - 1 where kind = 30",
        ),
    ] {
        stage.test.admin.batch_execute(damage).await.expect("damage");
        assert!(offenders().await > 0, "{damage}");
        stage.test.admin.batch_execute(undo).await.expect("undone");
    }
    stage.holds().await;
}

#[tokio::test]
async fn what_comes_in_pays_the_oldest_debt_first() {
    let settings = SETTINGS.replacen("[[acquirer]]", "[payout]\ncollect_after_days = 30\n[[acquirer]]", 1);
    let mut stage = Stage::told(
        &settings,
        "sale a 80.00 USD ref=A at=2026-03-02
         sale b 10.00 USD ref=B at=2026-03-02
         file north 2026-03-03
         Settled +80.00 USD ref=A
         Settled +10.00 USD ref=B
         chargeback a 80.00 USD ref=CA at=2026-03-10
         is plain USD 2020=6.79",
    )
    .await;
    let debts = async |stage: &Stage| -> Vec<String> {
        let debts = stage.test.store.debts(None).await.expect("debts");
        let line = |debt: &acquit::store::merchant::Debt| {
            let [below, beside, owed] = [debt.below_zero, debt.beside, debt.owed].map(|money| money.to_decimal_text());
            format!("{} {below} {beside} {owed} {}", debt.merchant, debt.since)
        };
        debts.iter().map(line).collect()
    };
    assert_eq!(debts(&stage).await, [""; 0]);
    stage.tell("chargeback b 10.00 USD ref=CB at=2026-03-20").await;
    assert_eq!(debts(&stage).await, ["plain 3.21 0.00 3.21 2026-03-20"]);
    // 2.00 less 0.06 and 0.30 pay some of it; then 2.00 more are owed.
    stage
        .tell(
            "sale c 2.00 USD ref=C at=2026-03-21
             file north 2026-03-22 breaks=MISSING_IN_FILE
             Settled +2.00 USD ref=C
             chargeback c 2.00 USD ref=CC at=2026-03-25
             is plain USD 2020=-3.57",
        )
        .await;
    assert_eq!(debts(&stage).await, ["plain 3.57 0.00 3.57 2026-03-20"]);
    // What waits for its settlement will pay 1.64.
    stage.tell("sale d 2.00 USD ref=D at=2026-03-26").await;
    assert_eq!(debts(&stage).await, ["plain 3.57 1.64 1.93 2026-03-20"]);
    stage
        .tell(
            "file north 2026-03-27 breaks=MISSING_IN_FILE
             Settled +2.00 USD ref=D
             is plain USD 2020=-1.93",
        )
        .await;
    let newer = ["plain 1.93 0.00 1.93 2026-03-25"];
    assert_eq!(debts(&stage).await, newer);
    // The end of a period makes no debt younger.
    close(&stage, "2026-03-31").await;
    assert_eq!(debts(&stage).await, newer);
    stage.holds().await;
    let desk = Desk::on(stage.test);
    for (on, days, stage) in [
        ("2026-04-23", "29", "carried forward"),
        ("2026-04-24", "30", "to be collected"),
    ] {
        let rows = desk.run(&["--format", "json", "merchant", "debts", "--on", on]).rows();
        assert_eq!(
            (&rows[0]["days"], &rows[0]["stage"]),
            (&days.into(), &stage.into()),
            "{rows:?}"
        );
    }
}
