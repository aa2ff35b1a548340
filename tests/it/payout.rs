//! Payouts: who may, how much, and never twice.

mod files;
mod properties;
mod validators;

use std::path::Path;

use acquit::ids::BookId;
use acquit::ledger::account::{Account, AccountCode};
use acquit::ledger::entry::{Entry, EntryKind, Transfer};
use acquit::money::{Currency, Money};
use acquit::payout::returned::ReturnReason;
use acquit::store::books::LockedBooks;
use acquit::store::payout::{
    Cancelled, Instruct, Instructed, Payout, PayoutError, Planned, Return, ReturnedPayout, Run,
};
use acquit::store::settings::Deployment;
use acquit::store::source::{SourceKind, source_of};
use acquit::store::{StoreError, Tx};
use chrono::NaiveDate;
use futures_util::future::join_all;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::{self, TestStore};

const SETTINGS: &str = r#"effective_from = "2026-01-01"

[house]
name = "Example Payments"
time_zone = "Europe/Berlin"
bank_account = "main"

[[acquirer]]
name = "north"
contract = "gross"
settles_within_days = 2

[[fee_schedule]]
name = "free"
percentage = "0"
fixed = { EUR = "0" }
rounding = "half_even"

[payout]
minimum = { EUR = "10.00" }

[[merchant]]
name = "cafe"
fee_schedule = "free"
state = "active"
destination = { holder = "Cafe =1+1", account = "DE23999999990000000000", bank = "", verified_on = "2026-01-01" }

[[merchant]]
name = "shop"
fee_schedule = "free"
state = "active"
destination = { holder = "Shop, Ltd", account = "0012345", bank = "BANKDEFF", verified_on = "2026-01-01" }

[[merchant]]
name = "stall"
fee_schedule = "free"
state = "active"
"#;

const FIRST: &str = "2026-03-03";
const SECOND: &str = "2026-03-04";

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

struct Desk {
    test: TestStore,
    deployment: Deployment,
    out: TempDir,
}

impl Desk {
    async fn open() -> Self {
        Self::open_by(SETTINGS).await
    }

    async fn open_by(settings: &str) -> Self {
        let test = support::store().await;
        let deployment = support::events::apply(&test.store, settings).await;
        let out = support::directory();
        Self { test, deployment, out }
    }

    /// Makes money available to a merchant: a sale and its settlement in one.
    async fn settle(&self, reference: &str, merchant: &str, minor: i64, currency: &str, on: &str) {
        let account = |code, dimension: &str| Account {
            code,
            currency: Currency::parse(currency).expect("a currency"),
            dimension: dimension.into(),
        };
        let work = async |tx: &mut Tx| {
            let source = source_of(tx, SourceKind::Settlement, "settlement.csv", &[7; 32]).await?;
            let (mut books, owners) = LockedBooks::lock_of_merchants(tx, &[merchant]).await?;
            let entry = Entry {
                details: None,
                natural_key: None,
                kind: EntryKind::Settlement,
                reference: reference.to_owned(),
                fingerprint: [0; 32],
                payment: None,
                acquirer_reference: None,
                merchant_reference: None,
                arn: None,
                rrn: None,
                auth_code: None,
                reverses: None,
                occurred_at: "2026-03-02T12:00:00Z".parse().expect("an instant"),
                booking_date: day(on),
                happened_on: None,
                source: source.id,
                source_line: None,
                transfers: vec![Transfer {
                    debit: account(AccountCode::AcquirerReceivable, "north"),
                    credit: account(AccountCode::MerchantAvailable, ""),
                    amount: minor,
                }],
            };
            let book: BookId = owners[merchant];
            books.append(book, entry)?;
            books.write(tx).await?;
            Ok::<_, StoreError>(())
        };
        self.test.store.transact(work).await.expect("a settlement");
    }

    /// Sells and refunds: what is available falls.
    async fn refund(&self, payment: &str, merchant: &str, minor: i64, on: &str) {
        let mut events = [
            (EntryKind::Authorization, "a"),
            (EntryKind::Capture, "c"),
            (EntryKind::Refund, "r"),
        ]
        .map(|(kind, suffix)| {
            support::events::event(kind, merchant, payment, &format!("{payment}-{suffix}"), minor, "EUR")
        });
        for event in &mut events {
            event.occurred_at = format!("{on}T12:00:00Z").parse().expect("an instant");
        }
        let source = support::events::source(&self.test.store, "events.jsonl").await;
        let verdicts = support::events::record(&self.test.store, &self.deployment, source, &events).await;
        assert_eq!(
            verdicts.expect("verdicts"),
            vec![acquit::store::record::Verdict::Recorded; 3]
        );
    }

    async fn plan(&self, cutoff: &str) -> Planned {
        self.test
            .store
            .plan_payouts(&self.deployment, day(cutoff), "ann")
            .await
            .expect("a plan")
    }

    async fn approve(&self, cutoff: &str) -> Option<Run> {
        self.approve_by(cutoff, "bob").await.expect("an approval")
    }

    /// As is asked where a bank account changed not long ago.
    async fn approve_by_two(&self, cutoff: &str) {
        let first = self.approve(cutoff).await.expect("a run");
        assert_eq!((first.missing, first.is_approved()), (1, false));
        let again = self.approve(cutoff).await.expect("a run");
        assert_eq!(again.missing, 1, "one person approves once");
        let second = self
            .approve_by(cutoff, "cleo")
            .await
            .expect("an approval")
            .expect("a run");
        assert!(second.is_approved());
    }

    async fn approve_by(&self, cutoff: &str, name: &str) -> Result<Option<Run>, PayoutError> {
        let store = &self.test.store;
        store.approve_payouts(&self.deployment, day(cutoff), None, name).await
    }

    async fn instruct(&self, cutoff: &str) -> Instructed {
        self.instruct_on(cutoff, "2026-03-05").await
    }

    async fn instruct_on(&self, cutoff: &str, on: &str) -> Instructed {
        let store = &self.test.store;
        let shown = store
            .plan_instruction(&self.deployment, Instruct::all(day(cutoff), day(on)), self.out.path())
            .await
            .expect("a plan");
        let done = store
            .instruct_payouts(&self.deployment, Instruct::all(day(cutoff), day(on)), self.out.path())
            .await
            .expect("instructions");
        assert_eq!(
            (&done.posted, &done.cancelled),
            (&shown.posted, &shown.cancelled),
            "what was shown is what is done"
        );
        done
    }

    /// Puts a version of the settings in force: the first one, with these texts replaced.
    async fn change(&mut self, from: &str, changes: &[(&str, &str)]) {
        let mut text = SETTINGS.replace(
            "effective_from = \"2026-01-01\"",
            &format!("effective_from = \"{from}\""),
        );
        for (one, other) in changes {
            assert!(text.contains(one), "{one}");
            text = text.replace(one, other);
        }
        self.apply(&text).await;
        self.applied_at(from, &format!("{from}T00:00:00+01")).await;
    }

    async fn apply(&mut self, text: &str) {
        self.deployment = support::events::apply(&self.test.store, text).await;
    }

    /// As if the version that begins on a day had been applied then.
    async fn applied_at(&mut self, from: &str, at: &str) {
        support::events::applied_at(&self.test.admin, from, at).await;
        self.deployment = self.test.store.deployment().await.expect("a deployment");
    }

    /// Plan, approve and instruct, and the names of the files written.
    async fn pay(&self, cutoff: &str) -> (Vec<String>, Vec<String>) {
        self.plan(cutoff).await;
        self.approve(cutoff).await;
        let done = self.instruct(cutoff).await;
        assert_eq!(done.cancelled, []);
        let name = |path: &std::path::PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
        (lines(&done.posted), done.files.iter().map(name).collect())
    }

    async fn come_back(&self, id: &str, reason: &str, on: &str) -> Result<ReturnedPayout, PayoutError> {
        let reason = ReturnReason::parse(reason).expect("a reason");
        let of = Return {
            id,
            reason: &reason,
            by: "ann",
            day: day(on),
        };
        let shown = self.test.store.plan_return(&self.deployment, &of).await;
        let done = self.test.store.return_payout(&self.deployment, &of).await;
        if let (Ok(shown), Ok(done)) = (&shown, &done) {
            assert_eq!(shown, done, "what was shown is what is done");
        }
        done
    }

    async fn confirm(&self, ids: &[&str]) -> Result<u64, PayoutError> {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let store = &self.test.store;
        store.confirm_payouts(&self.deployment, &ids, day("2026-03-06")).await
    }

    async fn lose(&self, id: &str) -> Result<u64, PayoutError> {
        let store = &self.test.store;
        store
            .lose_payouts(&[id.to_owned()], "ann", "no answer", day("2026-03-06"))
            .await
    }

    /// The balances of accounts, all books together: `code minor`, credit above zero.
    async fn balances(&self) -> Vec<String> {
        let sql = "select code || ' ' || sum(credits - debits) from balance join account on account.id = account_id
            where code in (1010, 2020, 2100, 2110, 2300, 4050) group by code having sum(credits - debits) <> 0 order by code";
        let rows = self.test.admin.query(sql, &[]).await.expect("balances");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Minor units on 2020, by merchant and currency.
    async fn available(&self, merchant: &str, currency: &str) -> i64 {
        let sql = "select credits - debits from balance join book on book.id = book_id join account on account.id = account_id
            where merchant = $1 and currency = $2 and code = 2020";
        let row = self
            .test
            .admin
            .query_opt(sql, &[&merchant, &currency])
            .await
            .expect("a balance");
        row.map_or(0, |row| row.get(0))
    }

    async fn states(&self) -> Vec<String> {
        let payouts = self.test.store.payouts(None, None).await.expect("payouts");
        payouts
            .iter()
            .map(|payout| format!("{} {} {}", line(payout), payout.cutoff, payout.state))
            .collect()
    }

    /// The constraint that refuses a statement of the owner of the tables.
    async fn refused(&self, sql: &str) -> String {
        let error = self.test.admin.batch_execute(sql).await.expect_err(sql);
        let constraint = error.as_db_error().and_then(|error| error.constraint());
        constraint.expect("a constraint").to_owned()
    }

    async fn entries(&self) -> i64 {
        self.test
            .admin
            .query_one("select count(*) from entry", &[])
            .await
            .expect("a count")
            .get(0)
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.out.path().join(name)).expect("a file")
    }

    /// The transfers of the instructions, by merchant and currency: debit > credit, minor units.
    async fn instructed(&self) -> Vec<String> {
        let sql = "select merchant || ' ' || debit.currency || ': '
                || string_agg(format('%s > %s %s', debit.code, credit.code, amount), ', ' order by ordinal)
            from transfer join book on book.id = book_id
            join entry on entry.book_id = transfer.book_id and entry.number = entry_number
            join account debit on debit.id = debit_account join account credit on credit.id = credit_account
            where entry.kind = 20 group by merchant, debit.currency order by 1";
        let rows = self.test.admin.query(sql, &[]).await.expect("transfers");
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn prove(&self) {
        support::books::prove(&self.test.admin, None)
            .await
            .expect("books in order");
        let mut audit = self.test.acquit();
        let output = audit.args(["audit", "verify"]).output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

fn line(payout: &Payout) -> String {
    format!("{} {}", payout.merchant, payout.money)
}

fn lines(payouts: &[Payout]) -> Vec<String> {
    payouts.iter().map(line).collect()
}

fn cancelled(done: &Instructed) -> Vec<String> {
    let row = |row: &Cancelled| format!("{}: {}", line(&row.payout), row.reason);
    done.cancelled.iter().map(row).collect()
}

fn carried(planned: &Planned) -> Vec<String> {
    let row = |row: &acquit::store::payout::Carried| {
        format!("{} {}: {}", row.payable.merchant, row.payable.money, row.reason)
    };
    planned.carried.iter().map(row).collect()
}

#[tokio::test]
async fn the_planner_does_not_approve() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    let nothing = desk
        .test
        .store
        .approve_payouts(&desk.deployment, day(FIRST), None, "bob")
        .await
        .expect_err("nothing planned");
    assert!(matches!(nothing, PayoutError::NothingPlanned(_)), "{nothing}");
    desk.plan(FIRST).await;
    let refused = desk
        .test
        .store
        .approve_payouts(&desk.deployment, day(FIRST), None, "ann")
        .await
        .expect_err("a refusal");
    assert_eq!(
        refused.to_string(),
        "ann planned these payouts; somebody else has to approve them"
    );
    assert_eq!(desk.states().await, ["shop 50.00 EUR 2026-03-03 planned"]);
    assert_eq!(
        desk.refused("update payout set state = 'approved'").await,
        "payout_approved"
    );
    assert_eq!(
        desk.instruct(FIRST).await.posted,
        [],
        "only what is approved is instructed"
    );
    let run = desk.approve(FIRST).await.expect("a run");
    assert_eq!((run.payouts, run.is_approved()), (1, true));
    assert_eq!(desk.approve(FIRST).await, None, "approving again approves nothing");
    let own = "update payout_run set first_approver = 'ann'";
    assert_eq!(desk.refused(own).await, "payout_run_two_people");
}

/// [`SETTINGS`] with ladders: of each payout and of their total.
fn with_ladders() -> String {
    let ladders = "[payout.each]\nalone = { EUR = \"20.00\" }\nlimit_a = { EUR = \"60.00\" }\nlimit_b = { EUR = \"90.00\" }\n\
        [payout.total]\nalone = { EUR = \"30.00\" }\nlimit_a = { EUR = \"100.00\" }\nlimit_b = { EUR = \"200.00\" }\n\
        [desk]\nfinance_heads = [\"carla\"]\n";
    SETTINGS.to_owned() + ladders
}

#[tokio::test]
async fn ladders_ask_for_approvals_by_each_payout_and_by_their_total() {
    // What the shop and the cafe are paid, how many have to approve, and whether one of them heads finance.
    for (amounts, approvers, by_head) in [
        ([2_000, 1_000], 0, false),
        ([2_001, 500], 1, false),
        // Each of them alone; their total does not.
        ([2_000, 1_001], 1, false),
        ([6_000, 4_000], 1, false),
        ([6_001, 1_000], 2, false),
        ([5_001, 5_000], 2, false),
        ([9_001, 1_000], 2, true),
    ] {
        let desk = Desk::open_by(&with_ladders()).await;
        desk.settle("s1", "shop", amounts[0], "EUR", FIRST).await;
        desk.settle("s2", "cafe", amounts[1], "EUR", FIRST).await;
        let run = desk.plan(FIRST).await.run;
        // What is below the minimum is not paid.
        let run = run.expect("a run");
        let heads: Vec<String> = by_head.then(|| "carla".to_owned()).into_iter().collect();
        assert_eq!((run.missing, run.finance_heads), (approvers, heads), "{amounts:?}");
        let mut left = approvers;
        for name in ["bob", if by_head { "carla" } else { "eve" }]
            .iter()
            .take(usize::try_from(approvers).expect("a count"))
        {
            assert_eq!(desk.instruct(FIRST).await.posted, [], "{amounts:?}");
            left -= 1;
            let run = desk.approve_by(FIRST, name).await.expect("an approval").expect("a run");
            assert_eq!(run.missing, left, "{amounts:?}");
        }
        assert!(!desk.instruct(FIRST).await.posted.is_empty(), "{amounts:?}");
        desk.prove().await;
    }
}

#[tokio::test]
async fn planning_for_a_day_long_gone_spares_nobody_an_approval() {
    let mut desk = Desk::open_by(&with_ladders()).await;
    desk.settle("s1", "shop", 2_000, "EUR", FIRST).await;
    // Nobody has to approve so little by the ladders of that day; by the settings of a later one somebody does.
    let later = SETTINGS.replace("effective_from = \"2026-01-01\"", "effective_from = \"2026-04-01\"");
    desk.apply(&later).await;
    assert_eq!(desk.plan(FIRST).await.run.expect("a run").missing, 1);
    assert_eq!(desk.instruct(FIRST).await.posted, []);
    desk.prove().await;
}

#[tokio::test]
async fn two_approve_and_one_of_them_heads_finance() {
    let desk = Desk::open_by(&with_ladders()).await;
    desk.settle("s1", "shop", 30_000, "EUR", FIRST).await;
    desk.plan(FIRST).await;
    let bob = desk.approve(FIRST).await.expect("a run");
    assert_eq!(
        desk.approve(FIRST).await,
        Some(bob),
        "the same person again changes nothing"
    );
    let refused = async |name: &str| desk.approve_by(FIRST, name).await.expect_err("a refusal").to_string();
    assert_eq!(refused("eve").await, "one who approves has to be a finance head: carla");
    assert_eq!(
        refused("ann").await,
        "ann planned these payouts; somebody else has to approve them"
    );
    assert_eq!(desk.instruct(FIRST).await.posted, []);
    for (sql, constraint) in [
        (
            "update payout set state = 'approved', run_id = (select id from payout_run)",
            "payout_of_approved_run",
        ),
        ("update payout_run set state = 'approved'", "payout_run_approved"),
        ("update payout_run set second_approver = 'bob'", "payout_run_two_people"),
        ("update payout_run set second_approver = 'ann'", "payout_run_two_people"),
        (
            "update payout_run set state = 'approved', second_approver = 'eve'",
            "payout_run_by_head",
        ),
        (
            "update payout_run set first_approver = null, second_approver = 'carla'",
            "payout_run_in_turn",
        ),
        ("update payout_run set approvers = 1", "payout_run_heads"),
        ("update payout_run set approvers = 3", "payout_run_approvers"),
        ("update payout_run set planners = '{}'", "payout_run_planners"),
        ("update payout_run set plan = '\\x00'", "payout_run_plan"),
        ("update payout_run set state = 'done'", "payout_run_state"),
        (
            "insert into payout_run (cutoff, plan, planners, approvers) select cutoff, plan, planners, 0 from payout_run",
            "payout_run_waiting_once",
        ),
    ] {
        assert_eq!(desk.refused(sql).await, constraint, "{sql}");
    }
    let run = desk
        .approve_by(FIRST, "carla")
        .await
        .expect("an approval")
        .expect("a run");
    assert_eq!(
        (run.approved_by, run.missing),
        (vec!["bob".to_owned(), "carla".to_owned()], 0)
    );
    assert_eq!(
        desk.refused("update payout_run set state = 'void'").await,
        "payout_of_approved_run"
    );
    assert_eq!(desk.instruct(FIRST).await.posted.len(), 1);
    desk.prove().await;
}

#[tokio::test]
async fn an_approval_is_of_what_was_planned_then() {
    let desk = Desk::open_by(&with_ladders()).await;
    desk.settle("s1", "shop", 7_000, "EUR", FIRST).await;
    let first = desk.plan(FIRST).await.run.expect("a run").plan;
    desk.approve(FIRST).await;
    // One more payout: what bob approved is not what is planned.
    desk.settle("s2", "cafe", 1_000, "EUR", FIRST).await;
    let planned = desk.plan(FIRST).await.run.expect("a run");
    assert_eq!((planned.payouts, planned.missing, planned.approved_by), (2, 2, vec![]));
    let named = async |plan: &[u8]| {
        let (store, deployment) = (&desk.test.store, &desk.deployment);
        store.approve_payouts(deployment, day(FIRST), Some(plan), "eve").await
    };
    let other = named(&first).await.expect_err("a refusal");
    assert!(matches!(other, PayoutError::OtherPlan(_)), "{other}");
    let run = named(&planned.plan[..8]).await.expect("an approval").expect("a run");
    assert_eq!((run.plan, run.missing), (planned.plan, 1));
    // Cancelled and planned for another day, it asks for everybody again.
    desk.test
        .store
        .cancel_payouts(day(FIRST), &[])
        .await
        .expect("a cancellation");
    assert_eq!(desk.approve(FIRST).await, None);
    assert_eq!(desk.plan(SECOND).await.run.expect("a run").missing, 2);
    let states = desk
        .test
        .admin
        .query("select state from payout_run order by id", &[])
        .await
        .expect("runs");
    assert_eq!(
        states.iter().map(|row| row.get(0)).collect::<Vec<String>>(),
        ["void", "void"]
    );
    desk.prove().await;
}

#[tokio::test]
async fn what_was_changed_after_its_approval_is_not_sent() {
    for change in [
        "update payout set amount = amount - 1",
        "update payout set destination = 'DE00'",
        "update payout set holder = 'Somebody'",
        "update payout set bank = 'OTHER'",
        "update payout set fee = 1, amount = amount - 1",
        "update payout set cutoff = cutoff, end_to_end_id = 'other'",
        "update book set merchant = 'shop2' where merchant = 'shop'",
    ] {
        let desk = Desk::open().await;
        desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
        desk.plan(FIRST).await;
        desk.approve(FIRST).await;
        desk.test.admin.batch_execute(change).await.expect(change);
        let before = desk.entries().await;
        let store = &desk.test.store;
        let done = store
            .instruct_payouts(&desk.deployment, Instruct::all(day(FIRST), day(FIRST)), desk.out.path())
            .await;
        let refused = done.expect_err("a refusal");
        assert!(matches!(refused, PayoutError::NotAsApproved(_)), "{change}: {refused}");
        assert_eq!(desk.entries().await, before);
        let audit = include_str!("../../schema/audits/payout_approved_content.sql");
        assert_eq!(
            desk.test.admin.query(audit, &[]).await.expect("an audit").len(),
            1,
            "{change}"
        );
    }
}

#[tokio::test]
async fn what_is_not_paid_is_carried_forward_exactly() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 999, "EUR", FIRST).await;
    desk.settle("s2", "shop", 7, "JPY", FIRST).await;
    desk.settle("s3", "stall", 5_000, "EUR", FIRST).await;
    desk.refund("p1", "cafe", 500, "2026-03-03").await;
    let planned = desk.plan(FIRST).await;
    assert_eq!(
        lines(&planned.payouts),
        ["shop 7 JPY"],
        "a currency without a minimum pays any amount"
    );
    assert_eq!(
        carried(&planned),
        [
            "shop 9.99 EUR: below the minimum of 10.00 EUR",
            "stall 50.00 EUR: no bank account in the settings"
        ]
    );
    assert_eq!(desk.available("cafe", "EUR").await, -500);
    desk.settle("s4", "shop", 1, "EUR", SECOND).await;
    desk.settle("s5", "cafe", 2_500, "EUR", SECOND).await;
    let planned = desk.plan(SECOND).await;
    assert_eq!(lines(&planned.payouts), ["cafe 20.00 EUR", "shop 10.00 EUR"]);
    assert_eq!(
        carried(&planned),
        [
            "shop 7 JPY: payout ACQ-3-JPY-20260303 of cut-off 2026-03-03 is planned",
            "stall 50.00 EUR: no bank account in the settings"
        ]
    );
    desk.prove().await;
}

#[tokio::test]
async fn a_refund_after_the_plan_cancels_the_payout() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "cafe", 5_000, "EUR", FIRST).await;
    desk.plan(FIRST).await;
    desk.approve(FIRST).await;
    desk.refund("p1", "shop", 3_000, FIRST).await;
    let done = desk.instruct(FIRST).await;
    assert_eq!(
        (lines(&done.posted), cancelled(&done)),
        (
            vec!["cafe 50.00 EUR".to_owned()],
            vec!["shop 50.00 EUR: the money is no longer available".to_owned()]
        )
    );
    assert_eq!(desk.available("shop", "EUR").await, 2_000);
    assert_eq!(desk.available("cafe", "EUR").await, 0);
    assert!(!desk.file("payouts-2026-03-03-1.csv").contains("Shop"));
    assert_eq!(desk.pay(SECOND).await.0, ["shop 20.00 EUR"]);
    assert_eq!(desk.available("shop", "EUR").await, 0);
    desk.prove().await;
}

#[tokio::test]
async fn all_cancelled_writes_no_file() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.plan(FIRST).await;
    desk.approve(FIRST).await;
    desk.refund("p1", "shop", 1, FIRST).await;
    let before = desk.entries().await;
    let done = desk.instruct(FIRST).await;
    assert_eq!(
        (lines(&done.posted), cancelled(&done), done.files),
        (
            vec![],
            vec!["shop 50.00 EUR: the money is no longer available".to_owned()],
            vec![]
        )
    );
    assert_eq!(desk.entries().await, before);
    assert_eq!(std::fs::read_dir(desk.out.path()).expect("a directory").count(), 0);
}

#[tokio::test]
async fn a_cutoff_pays_a_merchant_once_for_ever() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    assert_eq!(desk.pay(FIRST).await.0, ["shop 50.00 EUR"]);
    // More of the same day comes late.
    desk.settle("s2", "shop", 4_000, "EUR", FIRST).await;
    let planned = desk.plan(FIRST).await;
    assert_eq!(lines(&planned.payouts), ["shop 50.00 EUR"]);
    assert_eq!(
        carried(&planned),
        ["shop 40.00 EUR: paid at this cut-off already; the rest goes to the next"]
    );
    assert_eq!(desk.pay(FIRST).await, (vec![], vec![]));
    assert_eq!(desk.available("shop", "EUR").await, 4_000);
    assert_eq!(desk.pay(SECOND).await.0, ["shop 40.00 EUR"]);
    let again = "insert into payout (book_id, currency, exponent, cutoff, amount, fee, vat, end_to_end_id, holder, destination, bank,
            planned_by)
        select book_id, currency, exponent, cutoff, 1, 0, 0, 'other', holder, destination, bank, planned_by from payout limit 1";
    let error = desk.test.admin.batch_execute(again).await.expect_err("a second payout");
    assert_eq!(
        error.as_db_error().and_then(|error| error.constraint()),
        Some("payout_once")
    );
    desk.prove().await;
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_payout_is_said() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    assert_eq!(carried(&desk.plan(FIRST).await), [""; 0]);
    assert_eq!(carried(&desk.plan(FIRST).await), [""; 0], "it is listed, not carried");
    for state in ["planned", "approved"] {
        if state == "approved" {
            desk.approve(FIRST).await;
        }
        let planned = desk.plan(SECOND).await;
        assert_eq!(planned.payouts, []);
        assert_eq!(
            carried(&planned),
            [format!(
                "shop 50.00 EUR: payout ACQ-3-EUR-20260303 of cut-off {FIRST} is {state}"
            )]
        );
    }
    assert_eq!(
        desk.test
            .store
            .cancel_payouts(day(FIRST), &[])
            .await
            .expect("a cancellation"),
        1
    );
    assert_eq!(
        carried(&desk.plan(FIRST).await),
        ["shop 50.00 EUR: its payout of this cut-off was cancelled; it goes to the next"]
    );
    assert_eq!(desk.pay(SECOND).await.0, ["shop 50.00 EUR"]);
    let again = desk.instruct(SECOND).await;
    assert_eq!((again.posted, again.files), (vec![], vec![]));
    assert_eq!(again.earlier, [(format!("payouts-{SECOND}-1.csv"), true)]);
}

#[tokio::test]
async fn bank_files_are_numbered_and_hold_each_payout_once() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "shop", 1_200, "JPY", FIRST).await;
    let (posted, files) = desk.pay(FIRST).await;
    assert_eq!((posted.len(), files), (2, vec!["payouts-2026-03-03-1.csv".to_owned()]));
    desk.settle("s3", "cafe", 1_234_567, "EUR", FIRST).await;
    assert_eq!(
        desk.pay(FIRST).await,
        (
            vec!["cafe 12345.67 EUR".to_owned()],
            vec!["payouts-2026-03-03-2.csv".to_owned()]
        )
    );
    assert_eq!(
        desk.file("payouts-2026-03-03-1.csv"),
        "record,end_to_end_id,amount,currency,count,creditor,creditor_account,creditor_bank,debtor,debtor_account\n\
         payout,ACQ-3-EUR-20260303,50.00,EUR,1,\"Shop, Ltd\",0012345,BANKDEFF,Example Payments,main\n\
         payout,ACQ-3-JPY-20260303,1200,JPY,1,\"Shop, Ltd\",0012345,BANKDEFF,Example Payments,main\n\
         total,,50.00,EUR,1,,,,Example Payments,main\n\
         total,,1200,JPY,1,,,,Example Payments,main\n"
    );
    assert_eq!(
        desk.file("payouts-2026-03-03-2.csv"),
        "record,end_to_end_id,amount,currency,count,creditor,creditor_account,creditor_bank,debtor,debtor_account\n\
         payout,ACQ-2-EUR-20260303,12345.67,EUR,1,Cafe =1+1,DE23999999990000000000,,Example Payments,main\n\
         total,,12345.67,EUR,1,,,,Example Payments,main\n"
    );
}

#[tokio::test]
async fn a_lost_bank_file_is_written_again_byte_for_byte() {
    let mut desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "cafe", 6_000, "EUR", FIRST).await;
    let name = "payouts-2026-03-03-1.csv";
    desk.plan(FIRST).await;
    desk.approve(FIRST).await;
    // No room for the file: the payouts are posted, and the next run writes it.
    let nowhere = Path::new("/nonexistent");
    let store = &desk.test.store;
    let error = store
        .instruct_payouts(&desk.deployment, Instruct::all(day(FIRST), day(FIRST)), nowhere)
        .await
        .expect_err("no directory");
    assert!(matches!(error, PayoutError::Write { .. }), "{error}");
    let posted = desk.entries().await;
    assert_eq!(desk.instruct(FIRST).await.posted, []);
    let first = desk.file(name);
    // What the settings say later does not change what was sent.
    let later = SETTINGS
        .replace("2026-01-01", "2026-03-04")
        .replace("Example Payments", "Renamed")
        .replace("0012345", "0099999");
    desk.deployment = support::events::apply(&desk.test.store, &later).await;
    assert_eq!(
        desk.instruct(FIRST).await.files,
        Vec::<std::path::PathBuf>::new(),
        "a written file is left alone"
    );
    std::fs::remove_file(desk.out.path().join(name)).expect("a removed file");
    desk.test
        .admin
        .batch_execute("update payout_file set written = false")
        .await
        .expect("a lost mark");
    assert_eq!(desk.instruct(FIRST).await.files.len(), 1);
    assert_eq!(desk.file(name), first);
    assert_eq!(desk.entries().await, posted, "nothing is posted again");
    desk.prove().await;
}

#[tokio::test]
async fn confirming_twice_books_once() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "cafe", 6_000, "EUR", FIRST).await;
    let confirm = async |ids: &[&str]| {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        desk.test
            .store
            .confirm_payouts(&desk.deployment, &ids, day("2026-03-06"))
            .await
    };
    desk.plan(FIRST).await;
    let early = confirm(&["ACQ-2-EUR-20260303"]).await.expect_err("not instructed");
    assert_eq!(
        early.to_string(),
        "payout ACQ-2-EUR-20260303 is planned, and not on its way"
    );
    desk.pay(FIRST).await;
    let before = desk.entries().await;
    let unknown = confirm(&["ACQ-2-EUR-20260303", "ACQ-9-EUR-20260303"])
        .await
        .expect_err("an unknown id");
    assert_eq!(
        unknown.to_string(),
        "no payout has the end-to-end id ACQ-9-EUR-20260303"
    );
    assert_eq!(desk.entries().await, before, "all of them or none");
    assert_eq!(
        confirm(&["ACQ-2-EUR-20260303", "ACQ-2-EUR-20260303"])
            .await
            .expect("a confirmation"),
        1
    );
    assert_eq!(
        confirm(&["ACQ-2-EUR-20260303", "ACQ-3-EUR-20260303"])
            .await
            .expect("a confirmation"),
        1
    );
    assert_eq!(confirm(&["ACQ-3-EUR-20260303"]).await.expect("a confirmation"), 0);
    assert_eq!(desk.entries().await, before + 2);
    let sql = "select code || ' ' || dimension || ' ' || sum(debits - credits) from balance join account on account.id = account_id
        where code in (1010, 2100) group by code, dimension order by code";
    let rows = desk.test.admin.query(sql, &[]).await.expect("balances");
    assert_eq!(
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(),
        ["1010 main -11000", "2100  0"]
    );
    desk.prove().await;
}

#[tokio::test]
async fn a_cancelled_payout_leaves_its_money_to_the_next_cutoff() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.plan(FIRST).await;
    assert_eq!(desk.plan(SECOND).await.payouts, [], "money is planned once");
    desk.approve(FIRST).await;
    assert_eq!(
        desk.test
            .store
            .cancel_payouts(day(FIRST), &[])
            .await
            .expect("a cancellation"),
        1
    );
    assert_eq!(
        desk.pay(FIRST).await,
        (vec![], vec![]),
        "the cut-off has had its payout"
    );
    assert_eq!(desk.pay(SECOND).await.0, ["shop 50.00 EUR"]);
    assert_eq!(
        desk.test
            .store
            .cancel_payouts(day(SECOND), &[])
            .await
            .expect("a cancellation"),
        0,
        "what is instructed stays"
    );
    assert_eq!(
        desk.states().await,
        [
            "shop 50.00 EUR 2026-03-03 cancelled",
            "shop 50.00 EUR 2026-03-04 instructed"
        ]
    );
    desk.prove().await;
}

#[tokio::test]
async fn a_cutoff_counts_later_debits_and_no_later_credits() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 3_000, "EUR", FIRST).await;
    desk.settle("s2", "shop", 2_000, "EUR", SECOND).await;
    desk.settle("s3", "cafe", 2_000, "EUR", SECOND).await;
    desk.refund("p1", "shop", 1_500, SECOND).await;
    assert_eq!(desk.pay(FIRST).await.0, ["shop 15.00 EUR"]);
    assert_eq!(desk.available("shop", "EUR").await, 2_000);
    assert_eq!(desk.pay(SECOND).await.0, ["cafe 20.00 EUR", "shop 20.00 EUR"]);
    desk.prove().await;
}

/// What stands behind the account of the shop in [`SETTINGS`].
const SHOP: &str = "account = \"0012345\", bank = \"BANKDEFF\", verified_on = \"2026-01-01\"";

#[tokio::test]
async fn a_merchant_suspended_after_the_approval_is_not_paid() {
    let mut desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "cafe", 6_000, "EUR", FIRST).await;
    desk.settle("s3", "stall", 7_000, "EUR", FIRST).await;
    desk.plan(FIRST).await;
    desk.approve(FIRST).await;
    let shop = "name = \"shop\"\nfee_schedule = \"free\"\nstate = \"active\"";
    let suspended = shop.replace("active", "suspended");
    desk.change("2026-03-05", &[(shop, &suspended)]).await;
    let done = desk.instruct_on(FIRST, "2026-03-05").await;
    assert_eq!(
        (lines(&done.posted), cancelled(&done)),
        (
            vec!["cafe 60.00 EUR".to_owned()],
            vec!["shop 50.00 EUR: the merchant is suspended".to_owned()]
        )
    );
    assert_eq!(desk.available("shop", "EUR").await, 5_000);
    assert!(!desk.file("payouts-2026-03-03-1.csv").contains("Shop"));
    assert_eq!(
        desk.states().await,
        [
            "cafe 60.00 EUR 2026-03-03 instructed",
            "shop 50.00 EUR 2026-03-03 cancelled"
        ]
    );
    assert_eq!(
        carried(&desk.plan("2026-03-05").await),
        [
            "shop 50.00 EUR: the merchant is suspended",
            "stall 70.00 EUR: no bank account in the settings"
        ]
    );
    // Active again, it is paid what stayed.
    desk.change("2026-03-06", &[]).await;
    desk.plan("2026-03-06").await;
    desk.approve("2026-03-06").await;
    let done = desk.instruct_on("2026-03-06", "2026-03-06").await;
    assert_eq!(lines(&done.posted), ["shop 50.00 EUR"]);
    desk.prove().await;
}

#[tokio::test]
async fn a_payout_to_a_bank_account_that_changed_is_cancelled_and_the_new_one_cools_off() {
    for (on, reason) in [
        (
            "2026-03-04",
            "the bank account changed on 2026-03-04 and cools off until 2026-03-07",
        ),
        (
            "2026-03-06",
            "the bank account changed on 2026-03-04 and cools off until 2026-03-07",
        ),
        ("2026-03-07", "the bank account is no longer the one that was approved"),
    ] {
        let mut desk = Desk::open().await;
        desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
        desk.plan(FIRST).await;
        desk.approve(FIRST).await;
        desk.change("2026-03-04", &[(SHOP, &SHOP.replace("0012345", "0099999"))])
            .await;
        let before = desk.entries().await;
        let done = desk.instruct_on(FIRST, on).await;
        assert_eq!(cancelled(&done), [format!("shop 50.00 EUR: {reason}")]);
        assert_eq!((done.posted, done.files), (vec![], vec![]));
        assert_eq!(desk.entries().await, before);
        assert_eq!(desk.available("shop", "EUR").await, 5_000);
        assert_eq!(
            carried(&desk.plan("2026-03-06").await),
            ["shop 50.00 EUR: the bank account changed on 2026-03-04 and cools off until 2026-03-07"]
        );
        desk.plan("2026-03-07").await;
        desk.approve_by_two("2026-03-07").await;
        let done = desk.instruct_on("2026-03-07", "2026-03-07").await;
        assert_eq!(lines(&done.posted), ["shop 50.00 EUR"]);
        assert!(desk.file("payouts-2026-03-07-1.csv").contains(",0099999,"));
        desk.prove().await;
    }
}

#[tokio::test]
async fn one_more_approves_what_goes_to_an_account_that_changed_not_long_ago() {
    // It changed on the 4th, cools off for three days, and is watched for ten more: the 17th is the first day without.
    let days = SETTINGS.replace("[payout]\n", "[payout]\nextra_approver_days = 10\n");
    for (cutoff, missing) in [("2026-03-07", 1), ("2026-03-16", 1), ("2026-03-17", 0)] {
        let mut desk = Desk::open_by(&days).await;
        desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
        desk.settle("s2", "cafe", 5_000, "EUR", FIRST).await;
        let changed = days
            .replace("effective_from = \"2026-01-01\"", "effective_from = \"2026-03-04\"")
            .replace(SHOP, &SHOP.replace("0012345", "0099999"));
        desk.apply(&changed).await;
        desk.applied_at("2026-03-04", "2026-03-04T00:00:00+01").await;
        // Somebody who plans does not approve, as ever.
        assert_eq!(desk.plan(cutoff).await.payouts.len(), 2);
        let run = desk.approve(cutoff).await.expect("a run");
        assert_eq!((run.missing, run.finance_heads), (missing, vec![]), "{cutoff}");
        let posted = desk.instruct_on(cutoff, cutoff).await.posted;
        assert_eq!(posted.len(), if missing == 0 { 2 } else { 0 });
        if missing > 0 {
            desk.approve_by(cutoff, "ann").await.expect_err("she planned it");
            let run = desk
                .approve_by(cutoff, "cleo")
                .await
                .expect("an approval")
                .expect("a run");
            assert!(run.is_approved());
            assert_eq!(desk.instruct_on(cutoff, cutoff).await.posted.len(), 2);
        }
        desk.prove().await;
    }
    // Where two approve anyway, one of them heads finance, if anybody does who did not plan.
    for head in [Some("dora"), None, Some("ann")] {
        let total = "[payout.total]\nlimit_a = { EUR = \"1.00\" }\nlimit_b = { EUR = \"10000.00\" }\n";
        let heads = head.map(|head| format!("[desk]\nfinance_heads = [\"{head}\"]\n"));
        let ladder = days.clone() + total + &heads.unwrap_or_default();
        let mut desk = Desk::open_by(&ladder).await;
        desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
        let changed = ladder
            .replace("effective_from = \"2026-01-01\"", "effective_from = \"2026-03-04\"")
            .replace(SHOP, &SHOP.replace("0012345", "0099999"));
        desk.apply(&changed).await;
        desk.applied_at("2026-03-04", "2026-03-04T00:00:00+01").await;
        desk.plan("2026-03-08").await;
        let asked: Vec<String> = head
            .filter(|head| *head != "ann")
            .map(str::to_owned)
            .into_iter()
            .collect();
        let run = desk.approve("2026-03-08").await.expect("a run");
        assert_eq!((run.missing, &run.finance_heads), (1, &asked));
        let by_cleo = desk.approve_by("2026-03-08", "cleo").await;
        let run = match head {
            Some("dora") => {
                by_cleo.expect_err("she does not head finance");
                desk.approve_by("2026-03-08", "dora").await
            }
            _ => by_cleo,
        };
        assert!(run.expect("an approval").expect("a run").is_approved());
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_cutoff_to_come_does_not_outrun_the_cooling_off() {
    let mut desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.change("2026-03-04", &[(SHOP, &SHOP.replace("0012345", "0099999"))])
        .await;
    assert_eq!(lines(&desk.plan("2026-03-31").await.payouts), ["shop 50.00 EUR"]);
    desk.approve_by_two("2026-03-31").await;
    let done = desk.instruct_on("2026-03-31", "2026-03-05").await;
    assert_eq!(
        cancelled(&done),
        ["shop 50.00 EUR: the bank account changed on 2026-03-04 and cools off until 2026-03-07"]
    );
    assert_eq!(done.posted, []);
    assert_eq!(desk.available("shop", "EUR").await, 5_000);
}

#[tokio::test]
async fn an_account_changed_by_settings_that_began_in_the_past_cools_off_from_when_they_were_applied() {
    let mut desk = Desk::open().await;
    desk.change("2026-02-20", &[(SHOP, &SHOP.replace("0012345", "0099999"))])
        .await;
    // It is past 23:00 in UTC: in Berlin the next day has begun.
    desk.applied_at("2026-02-20", "2026-03-02T23:30:00Z").await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    let cools = "the bank account changed on 2026-03-03 and cools off until 2026-03-06";
    for cutoff in [FIRST, "2026-03-05"] {
        assert_eq!(carried(&desk.plan(cutoff).await), [format!("shop 50.00 EUR: {cools}")]);
    }
    // What is planned for a later cut-off is not sent before.
    assert_eq!(lines(&desk.plan("2026-03-06").await.payouts), ["shop 50.00 EUR"]);
    desk.approve_by_two("2026-03-06").await;
    let done = desk.instruct_on("2026-03-06", "2026-03-05").await;
    assert_eq!(cancelled(&done), [format!("shop 50.00 EUR: {cools}")]);
    desk.plan("2026-03-07").await;
    desk.approve_by_two("2026-03-07").await;
    let done = desk.instruct_on("2026-03-07", "2026-03-06").await;
    assert_eq!(lines(&done.posted), ["shop 50.00 EUR"]);
}

#[tokio::test]
async fn a_bank_account_is_paid_from_the_day_on_that_it_is_verified() {
    let mut desk = Desk::open().await;
    desk.change("2026-03-02", &[(SHOP, &SHOP.replace("2026-01-01", SECOND))])
        .await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    assert_eq!(
        carried(&desk.plan(FIRST).await),
        ["shop 50.00 EUR: the bank account is not verified before 2026-03-04"]
    );
    assert_eq!(desk.pay(SECOND).await.0, ["shop 50.00 EUR"]);
}

/// [`SETTINGS`] with a fee for payouts in currencies of 0, 2, 3 and 4 decimals, and 19 % VAT on top of it.
fn with_fee() -> String {
    let (fixed, charged) = (
        "fixed = { EUR = \"0\" }",
        "fixed = { EUR = \"0\" }\nvat = { event = \"standard\" }\n\
         event = { payout = { JPY = \"30\", EUR = \"0.25\", KWD = \"0.125\", CLF = \"0.0100\" } }",
    );
    assert!(SETTINGS.contains(fixed));
    SETTINGS.replace(fixed, charged)
        + "[[vat_class]]\nname = \"standard\"\nkind = \"added\"\nrate = \"19\"\nrounding = \"half_even\"\n"
}

#[tokio::test]
async fn the_fee_for_a_payout_is_taken_from_it() {
    let desk = Desk::open_by(&with_fee()).await;
    // What is available, the fee, 19 % of it rounded, and what is left: worked out by hand.
    for (currency, available, fee, vat, amount) in [
        // 5.7
        ("JPY", 1_000, 30, 6, 964),
        // 4.75
        ("EUR", 5_000, 25, 5, 4_970),
        // 23.75
        ("KWD", 10_000, 125, 24, 9_851),
        // 19
        ("CLF", 10_000, 100, 19, 9_881),
        // No fee is listed.
        ("USD", 700, 0, 0, 700),
    ] {
        desk.settle(currency, "shop", available, currency, FIRST).await;
        let planned = desk.plan(FIRST).await;
        let payout = planned
            .payouts
            .iter()
            .find(|payout| payout.money.currency().code() == currency);
        let payout = payout.expect("a payout");
        assert_eq!(
            [payout.money, payout.fee, payout.vat].map(Money::minor),
            [amount, fee, vat],
            "{currency}"
        );
    }
    desk.approve(FIRST).await;
    assert_eq!(desk.instruct(FIRST).await.posted.len(), 5);
    for currency in ["JPY", "EUR", "KWD", "CLF", "USD"] {
        assert_eq!(desk.available("shop", currency).await, 0, "{currency}");
    }
    assert_eq!(
        desk.instructed().await,
        [
            "shop CLF: 2020 > 2100 9881, 2020 > 4050 100, 2020 > 2300 19",
            "shop EUR: 2020 > 2100 4970, 2020 > 4050 25, 2020 > 2300 5",
            "shop JPY: 2020 > 2100 964, 2020 > 4050 30, 2020 > 2300 6",
            "shop KWD: 2020 > 2100 9851, 2020 > 4050 125, 2020 > 2300 24",
            "shop USD: 2020 > 2100 700",
        ]
    );
    let file = desk.file("payouts-2026-03-03-1.csv");
    for row in [
        "ACQ-3-CLF-20260303,0.9881,CLF",
        "ACQ-3-EUR-20260303,49.70,EUR",
        "total,,9.851,KWD",
    ] {
        assert!(file.contains(row), "{file}");
    }
    let ids: Vec<String> = ["CLF", "EUR", "JPY", "KWD", "USD"]
        .map(|currency| format!("ACQ-3-{currency}-20260303"))
        .into();
    let store = &desk.test.store;
    let confirmed = store.confirm_payouts(&desk.deployment, &ids, day("2026-03-06")).await;
    assert_eq!(confirmed.expect("a confirmation"), 5);
    desk.prove().await;
}

#[tokio::test]
async fn what_a_fee_leaves_must_reach_the_minimum() {
    // 0.25 and 0.05 VAT; the minimum in EUR is 10.00, CLF has none: 0.0100 and 0.0019.
    for (currency, minor, expected) in [
        ("EUR", 29, Err("the fee of 0.30 EUR for the payout leaves nothing")),
        ("EUR", 30, Err("the fee of 0.30 EUR for the payout leaves nothing")),
        ("EUR", 31, Err("below the minimum of 10.00 EUR after a fee of 0.30 EUR")),
        (
            "EUR",
            1_029,
            Err("below the minimum of 10.00 EUR after a fee of 0.30 EUR"),
        ),
        ("EUR", 1_030, Ok("shop 10.00 EUR")),
        ("CLF", 119, Err("the fee of 0.0119 CLF for the payout leaves nothing")),
        ("CLF", 120, Ok("shop 0.0001 CLF")),
    ] {
        let desk = Desk::open_by(&with_fee()).await;
        desk.settle("s1", "shop", minor, currency, FIRST).await;
        let planned = desk.plan(FIRST).await;
        let reasons: Vec<String> = planned.carried.iter().map(|row| row.reason.clone()).collect();
        match expected {
            Ok(line) => assert_eq!((lines(&planned.payouts), reasons), (vec![line.to_owned()], vec![])),
            Err(reason) => assert_eq!((lines(&planned.payouts), reasons), (vec![], vec![reason.to_owned()])),
        }
        // Nothing moved.
        assert_eq!(desk.available("shop", currency).await, minor);
    }
}

#[tokio::test]
async fn what_is_left_must_cover_the_fee_too() {
    for (refunded, sent) in [(0, true), (1, false), (30, false)] {
        let desk = Desk::open_by(&with_fee()).await;
        desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
        desk.plan(FIRST).await;
        desk.approve(FIRST).await;
        if refunded > 0 {
            desk.refund("p1", "shop", refunded, FIRST).await;
        }
        let done = desk.instruct(FIRST).await;
        let reasons = ["shop 49.70 EUR: the money is no longer available".to_owned()];
        assert_eq!(
            cancelled(&done).as_slice(),
            if sent { &[][..] } else { &reasons },
            "{refunded}"
        );
        assert_eq!(
            desk.available("shop", "EUR").await,
            if sent { 0 } else { 5_000 - refunded }
        );
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_fee_is_that_of_the_plan() {
    let mut desk = Desk::open_by(&with_fee()).await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.plan(FIRST).await;
    desk.approve(FIRST).await;
    let dearer = with_fee()
        .replace("effective_from = \"2026-01-01\"", "effective_from = \"2026-03-04\"")
        .replace("EUR = \"0.25\"", "EUR = \"1.00\"");
    desk.deployment = support::events::apply(&desk.test.store, &dearer).await;
    desk.instruct(FIRST).await;
    desk.settle("s2", "shop", 5_000, "EUR", SECOND).await;
    assert_eq!(desk.pay(SECOND).await.0, ["shop 48.81 EUR"]);
    assert_eq!(
        desk.instructed().await,
        [
            "shop EUR: 2020 > 2100 4970, 2020 > 2100 4881, 2020 > 4050 25, 2020 > 4050 100, 2020 > 2300 5, 2020 > 2300 19"
        ]
    );
    desk.prove().await;
}

#[tokio::test]
async fn twenty_planners_at_once_charge_one_fee() {
    let desk = Desk::open_by(&with_fee()).await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "cafe", 6_000, "EUR", FIRST).await;
    let stores = join_all((0..20).map(|_| support::day::another(&desk.test.url, 1))).await;
    let (deployment, out) = (&desk.deployment, desk.out.path());
    let work = stores.iter().map(async |store| {
        store.plan_payouts(deployment, day(FIRST), "ann").await.expect("a plan");
        store
            .approve_payouts(deployment, day(FIRST), None, "bob")
            .await
            .expect("an approval");
        let done = store
            .instruct_payouts(deployment, Instruct::all(day(FIRST), day(FIRST)), out)
            .await;
        let done = done.expect("instructions");
        assert_eq!(done.cancelled, []);
        done.posted.len()
    });
    let posted = join_all(work).await;
    assert_eq!(posted.into_iter().try_fold(0, usize::checked_add), Some(2));
    assert_eq!(
        desk.instructed().await,
        [
            "cafe EUR: 2020 > 2100 5970, 2020 > 4050 25, 2020 > 2300 5",
            "shop EUR: 2020 > 2100 4970, 2020 > 4050 25, 2020 > 2300 5",
        ]
    );
    desk.prove().await;
}

const SHOPS: &str = "ACQ-3-EUR-20260303";

#[tokio::test]
async fn a_payout_that_comes_back_restores_the_merchant_once() {
    // 50.00: 49.70, a fee of 0.25 and its VAT of 0.05.
    for (state, kept) in [
        ("instructed", false),
        ("sent", false),
        ("unknown", true),
        ("confirmed", false),
        ("confirmed", true),
    ] {
        let policy = if kept {
            "[payout]\nreturned_fee = \"kept\"\n"
        } else {
            "[payout]\n"
        };
        let desk = Desk::open_by(&with_fee().replace("[payout]\n", policy)).await;
        desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
        let before = desk.balances().await;
        assert_eq!(before, ["2020 5000"]);
        desk.pay(FIRST).await;
        match state {
            "sent" => {
                let digest = Sha256::digest(desk.file("payouts-2026-03-03-1.csv"));
                let sent = desk.test.store.send_payouts(&digest, "ann", day(SECOND)).await;
                assert_eq!(sent.expect("sent").payouts, 1);
            }
            "unknown" => assert_eq!(desk.lose(SHOPS).await.expect("unknown"), 1),
            "confirmed" => assert_eq!(desk.confirm(&[SHOPS]).await.expect("a confirmation"), 1),
            _ => {}
        }
        assert_eq!(desk.states().await, [format!("shop 49.70 EUR 2026-03-03 {state}")]);
        let entries = desk.entries().await;
        let back = desk.come_back(SHOPS, "R03", "2026-03-07").await.expect("a return");
        let credited = if kept { "49.70 EUR" } else { "50.00 EUR" };
        assert_eq!(
            (back.credited.to_string().as_str(), back.new),
            (credited, true),
            "{state}"
        );
        let after: &[&str] = if kept {
            &["2020 4970", "2300 5", "4050 25"]
        } else {
            &["2020 5000"]
        };
        assert_eq!(desk.balances().await, after, "{state} {kept}");
        for reason in ["R03", "R02"] {
            let again = desk.come_back(SHOPS, reason, "2026-03-08").await.expect("a return");
            assert_eq!(
                (again.new, again.payout.returned),
                (false, Some((day("2026-03-07"), "R03".to_owned())))
            );
        }
        assert_eq!(desk.entries().await, entries + 1, "{state}");
        // It has come to its end.
        for refused in [desk.confirm(&[SHOPS]).await, desk.lose(SHOPS).await] {
            let refused = refused.expect_err("a refusal").to_string();
            assert_eq!(refused, format!("payout {SHOPS} is returned, and not on its way"));
        }
        assert_eq!(
            desk.pay(FIRST).await,
            (vec![], vec![]),
            "its cut-off has had its payout"
        );
        desk.prove().await;
    }
}

#[tokio::test]
async fn nothing_is_sent_to_where_a_payout_came_back_from() {
    let mut desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "shop", 700, "JPY", SECOND).await;
    desk.plan(FIRST).await;
    desk.approve(FIRST).await;
    desk.instruct_on(FIRST, FIRST).await;
    // Approved, and not sent yet, when the other one comes back.
    desk.plan(SECOND).await;
    desk.approve(SECOND).await;
    desk.come_back(SHOPS, "AC04", SECOND).await.expect("a return");
    let came_back =
        "a payout to the bank account came back on 2026-03-04 (AC04); it is neither another one nor corrected since";
    let done = desk.instruct_on(SECOND, "2026-03-05").await;
    assert_eq!(
        (done.posted.len(), cancelled(&done)),
        (0, vec![format!("shop 700 JPY: {came_back}")])
    );
    let refused = [
        format!("shop 50.00 EUR: {came_back}"),
        format!("shop 700 JPY: {came_back}"),
    ];
    assert_eq!(carried(&desk.plan("2026-03-05").await), refused);
    let show = desk
        .test
        .acquit()
        .args(["merchant", "show", "shop", "--on", "2026-03-05"])
        .output()
        .expect("the binary runs");
    assert!(String::from_utf8_lossy(&show.stdout).contains(came_back), "{show:?}");
    // A day of correction that is not after the return says nothing about it.
    desk.change(
        "2026-03-06",
        &[(SHOP, &format!("{SHOP}, corrected_on = \"2026-03-04\""))],
    )
    .await;
    assert_eq!(carried(&desk.plan("2026-03-06").await), refused);
    desk.change(
        "2026-03-07",
        &[(SHOP, &format!("{SHOP}, corrected_on = \"2026-03-08\""))],
    )
    .await;
    assert_eq!(carried(&desk.plan("2026-03-07").await), refused);
    let planned = desk.plan("2026-03-08").await;
    assert_eq!(lines(&planned.payouts), ["shop 50.00 EUR", "shop 700 JPY"]);
    desk.approve("2026-03-08").await;
    assert_eq!(desk.instruct_on("2026-03-08", "2026-03-08").await.posted.len(), 2);
    // Once more: the correction was before it.
    desk.come_back("ACQ-3-JPY-20260308", "AC04", "2026-03-09")
        .await
        .expect("a return");
    let again =
        "a payout to the bank account came back on 2026-03-09 (AC04); it is neither another one nor corrected since";
    assert_eq!(
        carried(&desk.plan("2026-03-10").await),
        [format!("shop 700 JPY: {again}")]
    );
    // Another account is another one.
    desk.change("2026-03-11", &[(SHOP, &SHOP.replace("0012345", "0099999"))])
        .await;
    assert_eq!(lines(&desk.plan("2026-03-14").await.payouts), ["shop 700 JPY"]);
    desk.prove().await;
}

#[tokio::test]
async fn what_is_unknown_is_asked_about_and_never_instructed_again() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "cafe", 6_000, "EUR", FIRST).await;
    desk.plan(FIRST).await;
    let early = desk.lose(SHOPS).await.expect_err("a refusal").to_string();
    assert_eq!(early, format!("payout {SHOPS} is planned, and not on its way"));
    let early = desk
        .come_back(SHOPS, "R03", FIRST)
        .await
        .expect_err("a refusal")
        .to_string();
    assert_eq!(early, format!("payout {SHOPS} is planned, and not on its way"));
    desk.pay(FIRST).await;
    let file = desk.file("payouts-2026-03-03-1.csv");
    let other = Sha256::digest(file.replace("50.00", "51.00"));
    let refused = desk
        .test
        .store
        .send_payouts(&other, "ann", day(SECOND))
        .await
        .expect_err("a refusal");
    assert!(matches!(refused, PayoutError::NoBankFile), "{refused}");
    let digest = Sha256::digest(&file);
    for payouts in [2, 0] {
        let sent = desk
            .test
            .store
            .send_payouts(&digest, "ann", day(SECOND))
            .await
            .expect("sent");
        assert_eq!(
            (sent.name.as_str(), sent.payouts),
            ("payouts-2026-03-03-1.csv", payouts)
        );
    }
    let entries = desk.entries().await;
    assert_eq!(desk.lose(SHOPS).await.expect("unknown"), 1);
    assert_eq!(desk.lose(SHOPS).await.expect("unknown"), 0);
    assert_eq!(desk.entries().await, entries, "nothing is booked");
    assert_eq!(desk.pay(FIRST).await, (vec![], vec![]));
    assert_eq!(desk.plan(SECOND).await.payouts, []);
    desk.prove().await;
    assert_eq!(
        desk.states().await,
        ["cafe 60.00 EUR 2026-03-03 sent", "shop 50.00 EUR 2026-03-03 unknown"]
    );
    assert_eq!(desk.confirm(&[SHOPS]).await.expect("a confirmation"), 1);
    assert_eq!(desk.balances().await, ["1010 5000", "2100 6000"]);
    for (sql, constraint) in [
        (
            "update payout set state = 'unknown' where state = 'sent'",
            "payout_unknown",
        ),
        ("update payout set state = 'returned'", "payout_returned"),
        ("update payout set return_reason = 'R03'", "payout_returned"),
        ("update payout set state = 'sent'", "payout_confirmed"),
        ("update payout_file set sent_by = null", "payout_file_sent"),
        ("update payout_file set written = false", "payout_file_sent"),
    ] {
        assert_eq!(desk.refused(sql).await, constraint, "{sql}");
    }
    desk.prove().await;
}

#[tokio::test]
async fn twenty_returns_at_once_restore_once() {
    let desk = Desk::open().await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.pay(FIRST).await;
    let stores = join_all((0..20).map(|_| support::day::another(&desk.test.url, 1))).await;
    let reason = ReturnReason::parse("R03").expect("a reason");
    let of = Return {
        id: SHOPS,
        reason: &reason,
        by: "ann",
        day: day("2026-03-05"),
    };
    let work = stores.iter().map(async |store| {
        let done = store.return_payout(&desk.deployment, &of).await;
        usize::from(done.expect("a return").new)
    });
    let new = join_all(work).await;
    assert_eq!(new.into_iter().try_fold(0, usize::checked_add), Some(1));
    assert_eq!(desk.balances().await, ["2020 5000"]);
    desk.prove().await;
}

/// [`SETTINGS`] with rules for payouts, and one of the shop's own.
fn with_rules(rules: &str, of_shop: &str) -> String {
    let shop = "name = \"shop\"\nfee_schedule = \"free\"\n";
    SETTINGS
        .replace("[payout]\n", &format!("[payout]\n{rules}\n"))
        .replace(shop, &format!("{shop}{of_shop}\n"))
}

impl Desk {
    /// With the calendar of the euro, whose banks are closed from 2026-04-03 to 2026-04-06.
    async fn open_with_calendar(settings: &str) -> Self {
        let test = support::store().await;
        let text = include_str!("../../fixtures/calendars/TARGET2.csv");
        let calendar = acquit::calendar::Calendar::parse(text.as_bytes()).expect("a calendar");
        test.store.import_calendar(&calendar, text).await.expect("imported");
        let deployment = support::events::apply(&test.store, settings).await;
        let out = support::directory();
        Self { test, deployment, out }
    }
}

#[tokio::test]
async fn merchants_are_paid_on_their_days() {
    let rules = "schedule = { monthly = [31] }\nroll = \"modified_following\"\ncalendars = { EUR = \"TARGET2\" }";
    let desk = Desk::open_with_calendar(&with_rules(rules, "payout = { schedule = { weekly = \"fri\" } }")).await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "cafe", 6_000, "EUR", FIRST).await;
    desk.settle("s3", "cafe", 700, "JPY", FIRST).await;
    let told = async |cutoff: &str| {
        let planned = desk.plan(cutoff).await;
        desk.test
            .store
            .cancel_payouts(day(cutoff), &[])
            .await
            .expect("cancelled");
        (lines(&planned.payouts), carried(&planned))
    };
    let (paid, waiting) = told("2026-04-02").await;
    assert_eq!(paid, [""; 0]);
    assert_eq!(
        waiting,
        [
            "cafe 60.00 EUR: not a day of its payouts; the next is 2026-04-30",
            "cafe 700 JPY: not a day of its payouts; the next is 2026-04-30",
            "shop 50.00 EUR: not a day of its payouts; the next is 2026-04-07",
        ]
    );
    // Good Friday to Easter Monday.
    for closed in ["2026-04-03", "2026-04-04", "2026-04-06"] {
        let shop = format!("shop 50.00 EUR: banks are closed on {closed}; the next is 2026-04-07");
        assert_eq!(told(closed).await.1.last(), Some(&shop));
    }
    assert_eq!(told("2026-04-07").await.0, ["shop 50.00 EUR"]);
    assert_eq!(told("2026-04-10").await.0, ["shop 50.00 EUR"]);
    // 2026-05-31 is a Sunday: banks of the euro are closed, those of the yen are not asked.
    assert_eq!(told("2026-05-29").await.0, ["cafe 60.00 EUR", "shop 50.00 EUR"]);
    assert_eq!(told("2026-05-31").await.0, ["cafe 700 JPY"]);
    // Who is asked for is paid on any day on which banks are open.
    let demanded = ["cafe".to_owned()];
    let asked = desk
        .test
        .store
        .demand_payouts(&desk.deployment, day("2026-06-02"), "ann", &demanded)
        .await;
    let asked = asked.expect("a plan");
    assert_eq!(
        (lines(&asked.payouts), carried(&asked)),
        (vec!["cafe 60.00 EUR".to_owned(), "cafe 700 JPY".to_owned()], vec![])
    );
    let beyond = desk.plan("2031-01-02").await;
    assert!(
        carried(&beyond)
            .iter()
            .any(|row| row.contains("outside of calendar TARGET2")),
        "{beyond:?}"
    );
}

#[tokio::test]
async fn what_always_stays_is_never_paid() {
    let rules = "keep_minimum = { EUR = \"20.00\" }";
    for (minor, expected) in [
        (2_000, Err("20.00 EUR always stays")),
        (2_999, Err("below the minimum of 10.00 EUR")),
        (3_000, Ok("shop 10.00 EUR")),
        (9_000, Ok("shop 70.00 EUR")),
    ] {
        let desk = Desk::open_by(&with_rules(rules, "")).await;
        desk.settle("s1", "shop", minor, "EUR", FIRST).await;
        let planned = desk.plan(FIRST).await;
        match expected {
            Ok(line) => {
                assert_eq!(lines(&planned.payouts), [line]);
                desk.approve(FIRST).await;
                desk.instruct(FIRST).await;
                assert_eq!(desk.available("shop", "EUR").await, 2_000);
            }
            Err(reason) => assert_eq!(carried(&planned)[0].split(": ").nth(1), Some(reason), "{minor}"),
        }
        desk.prove().await;
    }
    // Its own go before those of all.
    let own = "payout = { minimum = { EUR = \"1.00\" }, keep_minimum = { EUR = \"5.00\" } }";
    let desk = Desk::open_by(&with_rules(rules, own)).await;
    desk.settle("s1", "shop", 600, "EUR", FIRST).await;
    assert_eq!(desk.pay(FIRST).await.0, ["shop 1.00 EUR"]);
}

#[tokio::test]
async fn little_money_is_not_kept_for_ever() {
    let desk = Desk::open_by(&with_rules("forced_after_days = 30", "")).await;
    desk.settle("s1", "shop", 5_000, "EUR", "2026-02-01").await;
    assert_eq!(desk.pay("2026-02-01").await.0, ["shop 50.00 EUR"]);
    // What is left is of the last credit: the others were paid.
    desk.settle("s2", "shop", 300, "EUR", "2026-03-06").await;
    desk.settle("s3", "shop", 200, "EUR", "2026-03-10").await;
    let below = ["shop 5.00 EUR: below the minimum of 10.00 EUR"];
    for cutoff in ["2026-03-10", "2026-04-04"] {
        assert_eq!(carried(&desk.plan(cutoff).await), below);
    }
    assert_eq!(lines(&desk.plan("2026-04-05").await.payouts), ["shop 5.00 EUR"]);
    // A debit takes the oldest first.
    let desk = Desk::open_by(&with_rules("forced_after_days = 30", "")).await;
    desk.settle("s1", "shop", 300, "EUR", "2026-03-06").await;
    desk.settle("s2", "shop", 200, "EUR", "2026-03-10").await;
    desk.refund("p1", "shop", 300, "2026-03-11").await;
    assert_eq!(
        carried(&desk.plan("2026-04-08").await),
        ["shop 2.00 EUR: below the minimum of 10.00 EUR"]
    );
    assert_eq!(lines(&desk.plan("2026-04-09").await.payouts), ["shop 2.00 EUR"]);
}

#[tokio::test]
async fn open_breaks_of_chosen_classes_stand_in_the_way() {
    let desk = Desk::open_by(&with_rules("blocked_by = [\"DOUBLE_RECOVERY\"]", "")).await;
    desk.settle("s1", "shop", 5_000, "EUR", FIRST).await;
    desk.settle("s2", "cafe", 6_000, "EUR", FIRST).await;
    let flag = async |class: &str, merchant: &str| {
        let sql = "insert into break (class, acquirer_id, book_id, number, found_in, detail)
            select $1, (select id from acquirer), id, 1, (select min(id) from source), 'flagged' from book where merchant = $2";
        desk.test
            .admin
            .execute(sql, &[&class, &merchant])
            .await
            .expect("a break");
    };
    flag("NOT_PRICED", "shop").await;
    flag("DOUBLE_RECOVERY", "cafe").await;
    let stands = "cafe 60.00 EUR: open breaks stand in the way: 1 DOUBLE_RECOVERY";
    let planned = desk.plan(FIRST).await;
    assert_eq!(
        (lines(&planned.payouts), carried(&planned)),
        (vec!["shop 50.00 EUR".to_owned()], vec![stands.to_owned()])
    );
    desk.approve(FIRST).await;
    flag("DOUBLE_RECOVERY", "shop").await;
    let reason = "shop 50.00 EUR: open breaks stand in the way: 1 DOUBLE_RECOVERY";
    assert_eq!(cancelled(&desk.instruct(FIRST).await), [reason]);
    desk.test
        .admin
        .batch_execute("update break set state = 'resolved', resolution = 'timing'")
        .await
        .expect("resolved");
    assert_eq!(desk.pay(SECOND).await.0, ["cafe 60.00 EUR", "shop 50.00 EUR"]);
    desk.prove().await;
    let unknown =
        with_rules("blocked_by = [\"NO_SUCH\"]", "").replace("2026-01-01\"\n\n[house]", "2026-06-01\"\n\n[house]");
    let settings = acquit::settings::Settings::parse(&unknown).expect("settings");
    let refused = desk
        .test
        .store
        .apply_settings(&settings, &unknown)
        .await
        .expect_err("a refusal")
        .to_string();
    assert!(refused.contains("`NO_SUCH` is not a class of breaks"), "{refused}");
}
