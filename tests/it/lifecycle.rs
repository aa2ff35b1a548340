//! The lifecycle of payments through the store: what is known from earlier batches, what is kept, what is told twice.
//!
//! A script is played twice, each time in a database of its own: all events in as few batches as possible, and each event in a
//! batch of its own. Both databases hold the same afterwards, and every refusal changes nothing.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "figures of tests are small, and overflow panics"
)]

use std::collections::BTreeMap;

use acquit::ids::SourceId;
use acquit::ledger::account::AccountCode;
use acquit::ledger::entry::EntryKind;
use acquit::payment::event::PaymentEvent;
use acquit::payment::reader::Events;
use acquit::store::record::{Numbered, Verdict, record_batch};
use acquit::store::settings::Deployment;
use acquit::store::{StoreError, Tx};
use futures_util::future::join_all;

use crate::desk::Desk;
use crate::support::{self, TestStore, dump};
use crate::{facts, support::day};

const SETTINGS: &str = r#"effective_from = "2026-01-01"

[house]
name = "House"
time_zone = "UTC"
bank_account = "main"

[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3

[[acquirer]]
name = "south"
contract = "net"
settles_within_days = 3

[[acquirer]]
name = "phone"
kind = "carrier"
contract = "gross"
settles_within_days = 70

[[fee_schedule]]
name = "standard"
percentage = "2.9"
fixed = { EUR = "0.30", USD = "0.30" }
rounding = "half_even"
returned_on_refund = "all"
event = { dispute = { EUR = "15.00" }, refund = { EUR = "0.10" } }

[[fee_schedule]]
name = "free"
percentage = "0"
fixed = { EUR = "0.00" }
rounding = "half_even"

[[refund]]
method = "parts"
max_partial_refunds = 2
minimum = { EUR = "5.00" }

[[merchant]]
name = "m"
fee_schedule = "standard"
reserve = { percentage = "10", release_after_days = 30 }
negative_limit = { EUR = "500.00" }

[[merchant]]
name = "n"
fee_schedule = "standard"

[[merchant]]
name = "r"
fee_schedule = "free"
refunds_from_reserve = true
"#;

/// The fields of the event that a line states: kind, amount, and fields of event files, `original=c1`. A middle dot is a blank.
fn fields(line: &str) -> BTreeMap<&str, &str> {
    let mut words = line.split_whitespace();
    let mut fields = BTreeMap::from([
        ("merchant", "m"),
        ("payment", "p"),
        ("currency", "EUR"),
        ("occurred_at", "2026-03-02T12:00:00Z"),
        ("acquirer", "north"),
    ]);
    fields.insert("kind", words.next().expect("a kind"));
    fields.insert("amount", words.next().expect("an amount"));
    fields.extend(words.map(|word| word.split_once('=').expect("a field")));
    fields
}

/// The event that a line states; its reference says where it stands, unless the line does.
fn stated(line: &str, place: usize) -> PaymentEvent {
    let reference = format!("e{place}");
    let mut fields = fields(line);
    fields.entry("reference").or_insert(&reference);
    let json = serde_json::to_string(&fields).expect("JSON").replace('·', " ");
    let mut read = Events::open(json.as_bytes()).expect("a file");
    let line = read.next().expect("a line").expect("a readable line");
    line.1.unwrap_or_else(|malformed| panic!("{json}: {malformed:?}"))
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Recorded => "recorded".to_owned(),
        Verdict::Replayed => "replayed".to_owned(),
        Verdict::Rejected(refusal) => format!("{} {}", refusal.rule(), refusal.field()),
    }
}

/// A database with the settings applied.
struct World {
    test: TestStore,
    deployment: Deployment,
    source: SourceId,
}

impl World {
    async fn new() -> Self {
        let test = support::store().await;
        let deployment = support::events::apply(&test.store, SETTINGS).await;
        let source = support::events::source(&test.store, "events").await;
        Self {
            test,
            deployment,
            source,
        }
    }

    async fn record(&self, events: &[Numbered]) -> Result<Vec<Verdict>, StoreError> {
        let store = &self.test.store;
        store
            .transact(async |tx: &mut Tx| record_batch(tx, &self.deployment, self.source, events).await)
            .await
    }

    /// A line that is no event.
    async fn act(&self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let admin = &self.test.admin;
        match words.as_slice() {
            // A settlement file has reported it.
            ["reported", reference] => {
                let sql = "delete from open_item using entry where entry.book_id = open_item.book_id
                    and entry.number = open_item.number and entry.reference = $1";
                assert_eq!(admin.execute(sql, &[reference]).await.expect("an item"), 1, "{line}");
            }
            ["expire", cutoff] => {
                let cutoff = cutoff.parse().expect("an instant");
                let expired = self.test.store.expire(&self.deployment, cutoff, &|_| {}).await;
                assert!(!expired.expect("expiries").is_empty(), "{line}");
            }
            // Withheld of merchant r's sales of a day, to be released on another.
            ["withheld", amount, source_on, release_on] => {
                let minor: i64 = amount.replace('.', "").parse().expect("an amount");
                let day = |text: &str| text.parse::<chrono::NaiveDate>().expect("a day");
                let book = facts::book_of(&self.test, "r").await;
                let moved = (
                    facts::account(AccountCode::MerchantPending, "EUR", ""),
                    facts::account(AccountCode::MerchantReserve, "EUR", ""),
                    minor,
                );
                let entry = facts::entry(EntryKind::Release, line, self.source, day(source_on), vec![moved]);
                facts::append(&self.test, book, &[entry]).await;
                let sql = "insert into reserve_tranche (book_id, currency, source_on, release_on, withheld)
                    values ($1, 'EUR', $2, $3, $4)";
                let (source_on, release_on) = (day(source_on), day(release_on));
                let inserted = admin.execute(sql, &[&book.0, &source_on, &release_on, &minor]).await;
                inserted.expect("a tranche");
            }
            _ => panic!("{line}"),
        }
    }

    /// The first column of a query, as text.
    async fn rows(&self, sql: &str) -> Vec<String> {
        let rows = self.test.admin.query(sql, &[]).await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Entries of a merchant, one a line: reference, and what it moves in minor units.
    async fn moved(&self, merchant: &str) -> Vec<String> {
        let sql = format!(
            "select entry.reference || ': ' || coalesce(string_agg(
                debit.code || ' <- ' || credit.code || ' ' || amount, ', ' order by ordinal), 'nothing')
            from entry join book on book.id = entry.book_id
            left join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
            left join account debit on debit.id = debit_account left join account credit on credit.id = credit_account
            where merchant = '{merchant}' group by entry.number, entry.reference order by entry.number"
        );
        self.rows(&sql).await
    }

    async fn items(&self) -> Vec<String> {
        let sql = "select entry.reference || ' ' || gross || ' ' || open_item.currency
            from open_item join entry using (book_id, number) order by book_id, number";
        self.rows(sql).await
    }

    async fn breaks(&self) -> Vec<String> {
        let sql = "select class || ' ' || entry.reference || ' ' || detail
            from break join entry on entry.book_id = break.book_id and entry.number = break.number
            order by break.book_id, break.number, class";
        self.rows(sql).await
    }
}

/// Plays a script in batches as large as possible, and event by event; each line says what becomes of its event after `=>`.
async fn check(script: &str) -> World {
    let mut worlds = Vec::new();
    for largest in [usize::MAX, 1] {
        let world = World::new().await;
        let mut batch: Vec<(Numbered, &str, &str)> = Vec::new();
        for (place, line) in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .enumerate()
        {
            let event = line.split_once(" => ");
            if event.is_none() || batch.len() == largest {
                play(&world, std::mem::take(&mut batch)).await;
            }
            match event {
                Some((event, outcome)) => {
                    let number = u64::try_from(place).expect("a line") + 1;
                    batch.push(((number, stated(event, place + 1)), line, outcome));
                }
                None => world.act(line).await,
            }
        }
        play(&world, batch).await;
        support::books::prove(&world.test.admin, None)
            .await
            .expect("books in order");
        worlds.push(world);
    }
    let [whole, single] = worlds.try_into().map_err(|_| ()).expect("two worlds");
    let expected = dump::content(&whole.test.admin).await;
    let found = dump::content(&single.test.admin).await;
    assert!(
        expected == found,
        "batches differ:\n{}",
        dump::difference(&expected, &found)
    );
    single
}

async fn play(world: &World, batch: Vec<(Numbered, &str, &str)>) {
    if batch.is_empty() {
        return;
    }
    let refused = batch.iter().all(|(_, _, outcome)| *outcome != "recorded");
    let before = if refused {
        dump::content(&world.test.admin).await
    } else {
        String::new()
    };
    let events: Vec<Numbered> = batch.iter().map(|(event, ..)| event.clone()).collect();
    let verdicts = world
        .record(&events)
        .await
        .unwrap_or_else(|error| panic!("{batch:?}: {error:?}"));
    let lines: Vec<String> = batch
        .iter()
        .zip(&verdicts)
        .map(|((_, line, _), verdict)| {
            format!("{} => {}", line.split(" => ").next().unwrap_or_default(), told(verdict))
        })
        .collect();
    let expected: Vec<&str> = batch.iter().map(|(_, line, _)| *line).collect();
    assert_eq!(lines, expected);
    if refused {
        let after = dump::content(&world.test.admin).await;
        assert!(before == after, "{}", dump::difference(&before, &after));
    }
}

#[tokio::test]
async fn a_capture_sequence_is_used_once_for_ever() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 30.00 sequence=1 reference=one => recorded
        capture 30.00 sequence=1 reference=one => replayed
        capture 30.00 sequence=1 => known_otherwise sequence
        capture 40.00 sequence=1 => known_otherwise sequence
        capture 30.00 sequence=2 => recorded
        capture 30.00 sequence=1 payment=q => unknown_payment payment
        authorization 100.00 payment=q => recorded
        capture 30.00 sequence=1 payment=q => recorded
        capture_void 30.00 original=one => recorded
        capture 30.00 sequence=1 => known_otherwise sequence
        capture 30.00 sequence=3 => recorded
        capture 30.00 sequence=1 merchant=n => unknown_payment payment
        ",
    )
    .await;
    let captured = world
        .rows("select payment || ' ' || captured from payment order by payment")
        .await;
    assert_eq!(captured, ["p 6000", "q 3000"]);
}

#[tokio::test]
async fn a_dispute_told_again_is_a_replay_or_says_what_differs() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 80.00 => recorded
        chargeback 80.00 case=D1 cost=10.00 reference=d => recorded
        chargeback 80.00 case=D1 cost=10.00 => replayed
        chargeback 79.99 case=D1 cost=10.00 => known_otherwise amount
        chargeback 80.00 case=D1 cost=9.00 => known_otherwise cost
        chargeback 80.00 case=D1 => known_otherwise cost
        chargeback 80.00 case=D1 cost=10.00 payment=q => known_otherwise payment
        chargeback 80.00 case=D1 cost=10.00 currency=USD => known_otherwise currency
        chargeback 80.00 case=D1 cost=10.00 occurred_at=2026-03-03T12:00:00Z => replayed
        chargeback 80.00 case=D1 cost=10.00 occurred_at=2026-03-03T12:00:00Z reference=d => reference_conflict occurred_at
        chargeback 80.00 case=D1 cost=10.00 arn=74000000000000000000001 => known_otherwise arn
        second_chargeback 80.00 case=D1 cost=10.00 cycle=1 => known_otherwise kind
        chargeback 80.00 case=D1 cost=10.00 acquirer=south reference=south => recorded
        chargeback_reversal 80.00 case=D1 => recorded
        chargeback_reversal 80.00 case=D1 => replayed
        chargeback_reversal 79.99 case=D1 => known_otherwise amount
        second_chargeback 80.00 case=D1 => recorded
        second_chargeback 80.00 case=D1 => replayed
        chargeback 80.00 case=D1 cycle=2 => known_otherwise kind
        chargeback_reversal 80.00 case=D1 cycle=2 => recorded
        chargeback 10.00 => recorded
        chargeback 10.00 => recorded
        ",
    )
    .await;
    let moved = world.moved("m").await;
    assert_eq!(moved[2], "d: 2020 <- 1100 8000, 2020 <- 4030 1500, 5040 <- 1100 1000");
    let charged_back = world
        .rows("select charged_back::text from payment where payment = 'p'")
        .await;
    assert_eq!(charged_back, ["2000"]);
    assert_eq!(
        world.breaks().await,
        ["CHARGEBACK_UNKNOWN south 80.00 EUR taken for a payment that was never captured here"]
    );
}

#[tokio::test]
async fn a_reversal_without_a_cycle_is_of_the_round_that_is_not_given_back() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 80.00 => recorded
        chargeback 80.00 case=D1 => recorded
        chargeback_reversal 80.00 case=D1 reference=first => recorded
        chargeback_reversal 80.00 case=D1 occurred_at=2026-03-03T12:00:00Z => replayed
        second_chargeback 80.00 case=D1 => recorded
        chargeback_reversal 80.00 case=D1 => replayed
        chargeback_reversal 80.00 case=D1 occurred_at=2026-03-09T12:00:00Z reference=second => recorded
        chargeback_reversal 80.00 case=D1 occurred_at=2026-03-10T12:00:00Z => replayed
        chargeback_reversal 80.00 case=D1 cycle=2 => known_otherwise cycle
        chargeback_reversal 79.00 case=D1 occurred_at=2026-03-10T12:00:00Z => known_otherwise amount
        chargeback 50.00 case=D2 => recorded
        second_chargeback 10.00 case=D2 => recorded
        chargeback_reversal 50.00 case=D2 => recorded
        chargeback_reversal 10.00 case=D2 => recorded
        chargeback_reversal 10.00 case=D2 acquirer=south reference=south => recorded
        ",
    )
    .await;
    let keys = world
        .rows("select replace(natural_key, chr(9), ' ') from entry where kind = 7 order by number")
        .await;
    assert_eq!(
        keys,
        [
            "chargeback reversal north D1 1",
            "chargeback reversal north D1 2",
            "chargeback reversal north D2 1",
            "chargeback reversal north D2 2",
            "chargeback reversal south D2 1",
        ]
    );
    let charged_back = world.rows("select charged_back::text from payment").await;
    assert_eq!(charged_back, ["0"]);
    assert_eq!(
        world.breaks().await,
        ["CHARGEBACK_UNKNOWN south 10.00 EUR given back for a payment that was never captured here"]
    );
}

#[tokio::test]
async fn what_an_acquirer_imposes_without_a_case_is_known_by_its_reference() {
    let world = check(
        "
        authorization 80.00 acquirer=phone => recorded
        capture 80.00 acquirer=phone => recorded
        unpaid 50.00 acquirer=phone acquirer_reference=D1 reference=u => recorded
        unpaid 50.00 acquirer=phone acquirer_reference=D1 => replayed
        unpaid 50.00 acquirer=phone acquirer_reference=D1 occurred_at=2026-03-03T12:00:00Z => replayed
        unpaid 49.00 acquirer=phone acquirer_reference=D1 => known_otherwise amount
        unpaid 10.00 acquirer=phone acquirer_reference=D2 => recorded
        unpaid_recovery 50.00 acquirer=phone acquirer_reference=D1 original=u => recorded
        unpaid_recovery 50.00 acquirer=phone acquirer_reference=D1 original=u => replayed
        chargeback 5.00 acquirer=phone acquirer_reference=D1 => recorded
        chargeback 5.00 acquirer=phone acquirer_reference=D1 => replayed
        second_chargeback 5.00 acquirer=phone acquirer_reference=D1 => recorded
        chargeback_reversal 5.00 acquirer=phone acquirer_reference=D1 => recorded
        chargeback_reversal 5.00 acquirer=phone acquirer_reference=D1 => replayed
        ",
    )
    .await;
    let taken = world
        .rows("select concat_ws(' ', charged_back, unpaid) from payment")
        .await;
    assert_eq!(taken, ["500 1000"]);
}

#[tokio::test]
async fn a_void_of_what_is_void_is_a_replay() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 30.00 reference=c => recorded
        void 70.00 => recorded
        void 70.00 => replayed
        void 70.00 occurred_at=2026-03-03T12:00:00Z => replayed
        void 30.00 => nothing_open payment
        void 70.00 acquirer=south => acquirer_differs acquirer
        capture_void 30.00 original=c => recorded
        void 70.00 => void_amount_differs amount
        void 30.00 => recorded
        void 30.00 => replayed
        void 70.00 => replayed
        authorization 100.00 payment=q => recorded
        capture 30.00 payment=q final=true => recorded
        void 70.00 payment=q => nothing_open payment
        void 70.00 payment=r => unknown_payment payment
        ",
    )
    .await;
    let voided = world
        .rows("select payment || ' ' || voided from payment order by payment")
        .await;
    assert_eq!(voided, ["p 10000", "q 7000"]);
}

#[tokio::test]
async fn a_refund_without_a_reference_is_not_repeated_after_it_failed() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 80.00 => recorded
        refund 80.00 reference= => recorded
        refund 80.00 reference= => replayed
        refund_failure 80.00 original=refund·of·p·in·full => recorded
        refund 80.00 reference= => refund_failed reference
        refund 80.00 reference= occurred_at=2026-03-03T12:00:00Z => refund_failed reference
        refund 20.00 reference= expected_total=0.00 => recorded
        refund_failure 20.00 original=refund·of·p·after·0 => recorded
        refund 20.00 reference= expected_total=0.00 => refund_failed reference
        refund 80.00 reference=again => recorded
        refund 80.00 reference=again => replayed
        ",
    )
    .await;
    assert_eq!(world.rows("select refunded::text from payment").await, ["8000"]);
}

#[tokio::test]
async fn an_order_with_two_payments_is_a_break() {
    let world = check(
        "
        authorization 10.00 payment=a merchant_reference=o1 => recorded
        authorization 10.00 payment=b merchant_reference=o1 reference=twice => recorded
        authorization 10.00 payment=c merchant_reference=o1 merchant=n => recorded
        void 10.00 payment=a => recorded
        void 10.00 payment=b => recorded
        authorization 10.00 payment=d merchant_reference=o1 => recorded
        authorization 10.00 payment=o2 => recorded
        authorization 10.00 payment=e merchant_reference=o2 reference=named => recorded
        authorization 10.00 payment=o3 merchant_reference=o4 => recorded
        authorization 10.00 payment=f merchant_reference=o3 => recorded
        ",
    )
    .await;
    let words = "too, and open or captured: refund one of them if they are one order";
    assert_eq!(
        world.breaks().await,
        [
            format!("DUPLICATE_IN_LEDGER twice payment `a` is for `o1` {words}"),
            format!("DUPLICATE_IN_LEDGER named payment `o2` is for `o2` {words}"),
        ]
    );
}

#[tokio::test]
async fn a_withdrawn_capture_leaves_the_time_of_the_one_before() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 10.00 occurred_at=2026-03-01T00:00:00Z => recorded
        capture 10.00 occurred_at=2026-03-05T00:00:00Z reference=b => recorded
        capture 10.00 occurred_at=2026-03-03T00:00:00Z reference=c => recorded
        capture 20.00 occurred_at=2026-03-04T00:00:00Z final=true reference=d => recorded
        capture_void 10.00 original=b occurred_at=2026-03-06T00:00:00Z => recorded
        capture_void 20.00 original=d occurred_at=2026-03-06T00:00:00Z => recorded
        ",
    )
    .await;
    let times = "select concat_ws(' ', captured_at at time zone 'UTC', earlier_captures, final_captures) from payment";
    assert_eq!(
        world.rows(times).await,
        ["2026-03-03 00:00:00 [\"2026-03-01T00:00:00Z\"] 0"]
    );
}

#[tokio::test]
async fn a_refund_is_paid_once_and_fails_once() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 80.00 reference=c => recorded
        refund 30.00 by=transfer reference=r => recorded
        refund_paid 29.99 original=r => original_amount_differs amount
        refund_paid 30.00 original=r => recorded
        refund_paid 30.00 original=r => known_otherwise original
        refund_paid 29.99 original=r => known_otherwise original
        refund 40.00 by=transfer reference=s => recorded
        refund_failure 30.00 original=r reference=back => recorded
        refund_failure 30.00 original=r => replayed
        refund_failure 30.00 original=r occurred_at=2026-03-03T12:00:00Z => replayed
        refund_failure 29.99 original=r => known_otherwise amount
        refund_paid 30.00 original=r => known_otherwise original
        refund_failure 40.00 original=s => recorded
        refund_failure 40.00 original=s => replayed
        refund_paid 40.00 original=s => already_undone original
        refund 10.00 reference=t => recorded
        refund_paid 10.00 original=t => not_payable original
        refund_failure 10.00 original=t => recorded
        refund 10.00 reference=u => recorded
        reported u
        refund_failure 10.00 original=u reference=late => recorded
        refund_failure 10.00 original=c => original_is_another original
        refund_failure 10.00 original=x => unknown_original original
        ",
    )
    .await;
    // 2.62 x 30/80 = 0.98 of the fee, and 0.10 for the refund.
    let moved = world.moved("m").await;
    assert_eq!(
        moved.iter().find(|entry| entry.starts_with("back")).map(String::as_str),
        Some("back: 2200 <- 2020 3000, 2020 <- 4090 98, 4020 <- 2020 10, 1010 <- 2200 3000")
    );
    // What the acquirer never reported is gone; what it reported, it reports again.
    assert_eq!(world.items().await, ["c 8000 EUR", "late 1000 EUR"]);
    let left = "select account.code || ' ' || credits - debits from balance join account on account.id = account_id
        where account.code in (1010, 2010, 2020, 2200, 4090) and credits <> debits order by code";
    assert_eq!(world.rows(left).await, ["2010 7738"]);
}

#[tokio::test]
async fn refunds_are_counted_until_they_fail() {
    let world = check(
        "
        authorization 80.00 method=parts => recorded
        capture 80.00 => recorded
        refund 4.99 => refund_below_minimum amount
        refund 10.00 reference=r1 => recorded
        refund 10.00 reference=r2 => recorded
        refund 10.00 => too_many_partial_refunds amount
        refund 10.00 reference=r2 => replayed
        refund_failure 10.00 original=r1 => recorded
        refund 66.00 => recorded
        refund 3.99 => refund_below_minimum amount
        refund 4.00 reference=r4 => recorded
        refund_failure 4.00 original=r4 => recorded
        ",
    )
    .await;
    let standing = "select concat_ws(' ', refunds, refunded, captured) from payment";
    assert_eq!(world.rows(standing).await, ["2 7600 8000"]);
}

#[tokio::test]
async fn a_case_stands_where_its_latest_event_says() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 80.00 => recorded
        authorization 50.00 payment=q => recorded
        capture 50.00 payment=q => recorded
        information_request 80.00 case=A respond_by=2026-03-20T00:00:00Z => recorded
        information_request 80.00 case=A respond_by=2026-03-20T00:00:00Z occurred_at=2026-03-03T12:00:00Z => replayed
        information_request 80.00 case=A respond_by=2026-03-21T00:00:00Z => known_otherwise respond_by
        information_request 0.00 case=B payment=q respond_by=2026-03-19T12:00:00+02:00 => recorded
        chargeback 30.00 case=A respond_by=2026-04-01T00:00:00Z => recorded
        chargeback 20.00 case=C payment=q => recorded
        chargeback 10.00 case=D payment=q => recorded
        chargeback_reversal 10.00 case=D payment=q => recorded
        chargeback 5.00 payment=q => recorded
        ",
    )
    .await;
    let listed = async |merchant, all| -> Vec<String> {
        let disputes = world.test.store.disputes(merchant, all).await.expect("disputes");
        let line = |dispute: &acquit::store::dispute::Dispute| {
            let by = dispute.respond_by.map_or_else(String::new, |by| by.to_rfc3339());
            let (case, state, cycle) = (&dispute.case, dispute.state.name(), dispute.cycle);
            format!("{} {case} {cycle} {state} {} {by}", dispute.payment, dispute.money)
        };
        disputes.iter().map(line).collect()
    };
    let waiting = [
        "q B 1 information_requested 0.00 EUR 2026-03-19T10:00:00+00:00",
        "p A 1 charged_back 30.00 EUR 2026-04-01T00:00:00+00:00",
        "q C 1 charged_back 20.00 EUR ",
    ];
    assert_eq!(listed(None, false).await, waiting);
    assert_eq!(listed(Some("m"), false).await, waiting);
    let over = "q D 1 given_back 10.00 EUR ";
    assert_eq!(listed(None, true).await, [&waiting[..], &[over]].concat());
    assert_eq!(listed(Some("n"), true).await, [""; 0]);
}

#[tokio::test]
async fn a_withdrawn_capture_is_reported_by_nobody() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 50.00 reference=a => recorded
        capture 30.00 reference=b final=true => recorded
        capture 1.00 => exceeds_authorized amount
        capture_void 30.00 original=b reference=vb => recorded
        capture_void 30.00 original=b => already_undone original
        capture_void 30.00 original=x => unknown_original original
        capture_void 30.00 original=vb => original_is_another original
        capture_void 50.00 original=a payment=q => unknown_payment payment
        capture 50.00 reference=c => recorded
        reported a
        capture_void 50.00 original=a => already_presented original
        refund 10.00 reference=r => recorded
        capture_void 50.00 original=c => capture_in_use original
        refund_failure 10.00 original=r => recorded
        capture_void 50.00 original=c => recorded
        ",
    )
    .await;
    assert_eq!(world.items().await, Vec::<String>::new());
    let payment = "select array_to_string(array[authorized, captured, voided, refunded, fee_returnable, fee_returned], ' ') from payment";
    assert_eq!(world.rows(payment).await, ["10000 5000 0 0 175 0"]);
}

#[tokio::test]
async fn an_aggregate_grows_and_shrinks_until_it_is_handed_in() {
    let world = check(
        "
        authorization 100.00 => recorded
        capture 10.00 aggregate=t1 reference=a => recorded
        capture 20.00 aggregate=t1 reference=b => recorded
        aggregate 30.00 aggregate=t1 items=3 => aggregate_items_differ items
        aggregate 30.01 aggregate=t1 items=2 => aggregate_amount_differs amount
        aggregate 30.00 aggregate=t1 items=2 acquirer=south => aggregate_differs aggregate
        capture_void 10.00 original=a => recorded
        capture 5.00 aggregate=t1 reference=c => recorded
        aggregate 25.00 aggregate=t1 items=2 reference=t payment=t1 => recorded
        aggregate 25.00 aggregate=t1 items=2 reference=t payment=t1 => replayed
        aggregate 25.00 aggregate=t1 items=2 payment=t1 => aggregate_closed aggregate
        capture 5.00 aggregate=t1 => aggregate_closed aggregate
        capture_void 20.00 original=b => already_presented original
        aggregate 1.00 aggregate=t2 items=1 => unknown_aggregate aggregate
        aggregate 25.00 aggregate=t1 items=2 merchant=n => unknown_aggregate aggregate
        ",
    )
    .await;
    assert_eq!(world.items().await, ["t 2500 EUR"]);
    // Fees of 0.88 and 0.44; 10 % withheld, until 30 days after it is handed in.
    let item = "select merchant_fee || ' ' || reserve || ' ' || reserve_until from open_item";
    assert_eq!(world.rows(item).await, ["132 250 2026-04-01"]);
    let aggregate = "select array_to_string(array[items, gross, merchant_fee, reserve, closed], ' ') from aggregate";
    assert_eq!(world.rows(aggregate).await, ["2 2500 132 250 6"]);
}

#[tokio::test]
async fn what_needs_eyes_becomes_a_break() {
    let world = check(
        "
        authorization 80.00 capture_before=2026-03-05T00:00:00Z => recorded
        expire 2026-03-05T00:00:00Z
        capture 80.00 reference=late => recorded
        refund 50.00 => recorded
        chargeback 30.01 reference=twice => recorded
        chargeback_reversal 40.00 reference=more => recorded
        chargeback 5.00 payment=q reference=unknown => recorded
        chargeback_reversal 5.00 payment=q reference=back => recorded
        authorization 80.00 payment=bill acquirer=phone method=carrier => recorded
        capture 80.00 payment=bill acquirer=phone => recorded
        unpaid 80.00 payment=bill acquirer=phone reference=u => recorded
        unpaid_recovery 30.00 payment=bill acquirer=phone original=u => recorded
        unpaid_recovery 60.00 payment=bill acquirer=phone original=u reference=beyond => recorded
        unpaid_recovery 5.00 payment=bill acquirer=phone original=x reference=of-nobody => recorded
        unpaid 10.00 payment=r acquirer=phone reference=stray => recorded
        ",
    )
    .await;
    assert_eq!(
        world.breaks().await,
        [
            "STATUS_MISMATCH late 80.00 EUR of it had expired here when it was captured",
            "DOUBLE_RECOVERY twice 50.00 EUR of the captured 80.00 EUR is refunded, 30.01 EUR charged back",
            "AMOUNT_MISMATCH more 9.99 EUR given back beyond what was taken",
            "CHARGEBACK_UNKNOWN unknown 5.00 EUR taken for a payment that was never captured here",
            "CHARGEBACK_UNKNOWN back 5.00 EUR given back for a payment that was never captured here",
            "AMOUNT_MISMATCH beyond 10.00 EUR given back beyond what was taken",
            "CHARGEBACK_UNKNOWN of-nobody 5.00 EUR recovered that nobody here bore",
            "CHARGEBACK_UNKNOWN stray 10.00 EUR deducted as unpaid for a payment that was never captured here",
        ]
    );
    // What is in suspense is what the breaks say: 5.00 and 10.00 taken; 9.99, 5.00, 10.00 and 5.00 given back.
    let suspense = "select account.code || ' ' || abs(sum(debits - credits))::bigint from balance
        join account on account.id = account_id where account.code in (1900, 2900) group by account.code order by account.code";
    assert_eq!(world.rows(suspense).await, ["1900 1500", "2900 2999"]);
}

#[tokio::test]
async fn a_reserve_covers_a_refund_and_gets_it_back() {
    // Merchant r has 92.00 pending and 8.00 in two tranches. The oldest is used first; what a refund took of a tranche goes back to
    // it: `a` took 1.00 and `b` 4.00 of the first, `b` 1.00 and `c` 2.00 of the second.
    let before = "
        authorization 100.00 merchant=r => recorded
        capture 100.00 merchant=r => recorded
        withheld 5.00 2026-01-05 2026-07-01
        withheld 3.00 2026-01-06 2026-07-02
        refund 93.00 merchant=r reference=a => recorded
        refund 5.00 merchant=r reference=b => recorded
        refund 2.00 merchant=r reference=c => recorded
        ";
    let tranches = "select withheld || ' ' || applied from reserve_tranche order by source_on";
    let reserve =
        "select (credits - debits)::text from balance join account on account.id = account_id where code = 2030";
    for (failed, applied, left) in [
        ("", ["500 500", "300 300"], "0"),
        ("a 93.00", ["500 400", "300 300"], "100"),
        ("b 5.00", ["500 100", "300 200"], "500"),
        ("c 2.00", ["500 500", "300 100"], "200"),
        ("b 5.00, a 93.00", ["500 0", "300 200"], "600"),
        ("c 2.00, a 93.00, b 5.00", ["500 0", "300 0"], "800"),
    ] {
        let mut script = before.to_owned();
        for (reference, amount) in failed.split(", ").filter_map(|failed| failed.split_once(' ')) {
            script.push_str(&format!(
                "refund_failure {amount} merchant=r original={reference} => recorded\n"
            ));
        }
        let world = check(&script).await;
        assert_eq!(world.rows(tranches).await, applied, "{failed}");
        assert_eq!(world.rows(reserve).await, [left], "{failed}");
    }
    check(
        "
        authorization 100.00 merchant=r => recorded
        capture 100.00 merchant=r => recorded
        withheld 8.00 2026-01-05 2026-07-01
        chargeback 1.00 merchant=r payment=q => recorded
        authorization 10.00 merchant=r payment=q => recorded
        capture 10.00 merchant=r payment=q => recorded
        refund 100.00 merchant=r => recorded
        refund 10.01 merchant=r payment=q => exceeds_captured amount
        chargeback 0.01 merchant=r payment=s => recorded
        refund 10.00 merchant=r payment=q => recorded
        ",
    )
    .await;
}

#[tokio::test]
async fn a_conflict_names_the_field() {
    let common = "payment=z amount=9.00 currency=USD occurred_at=2026-03-03T12:00:00Z acquirer=south \
        acquirer_reference=psp merchant_reference=order arn=74 rrn=12 auth_code=AB";
    let bases = [
        (
            "authorization 50.00 reference=x1 method=card scheme=visa card_country=DE payer=token category=games card=1111 auth_type=final \
             initiator=customer capture_before=2026-03-09T00:00:00Z requested_amount=60.00",
            "method=wallet scheme=amex card_country=FR payer=other category=books card=2222 auth_type=pre initiator=merchant \
             capture_before=2026-03-09T00:00:01Z requested_amount=60.01 method= scheme= card_country= payer= category= card= auth_type= \
             initiator= capture_before= requested_amount=",
        ),
        (
            "capture 20.00 reference=x2 sequence=1 final=true aggregate=tray expected_total=0.00",
            "sequence=2 final=false aggregate=other expected_total=0.01 sequence= final= aggregate= expected_total=",
        ),
        (
            "aggregate 20.00 reference=x3 aggregate=tray items=1",
            "aggregate=other items=2",
        ),
        (
            "refund 5.00 reference=x4 by=transfer expected_total=0.00",
            "by=rail expected_total=0.01 by= expected_total=",
        ),
        ("refund_paid 5.00 reference=x5 original=x4", "original=x2"),
        (
            "chargeback 5.00 reference=x6 case=D cycle=1 cost=1.00 respond_by=2026-04-01T00:00:00Z",
            "case=E cycle=2 cost=1.01 case= cycle= cost= respond_by=2026-04-02T00:00:00Z respond_by=",
        ),
        (
            "information_request 5.00 reference=x7 case=F cycle=1 respond_by=2026-04-01T00:00:00Z",
            "case=E cycle=2 respond_by=2026-04-02T00:00:00Z cycle= respond_by=",
        ),
    ];
    let mut script = String::new();
    for (base, changes) in bases {
        script.push_str(&format!("{base} => recorded\n{base} => replayed\n"));
        for change in common.split_whitespace().chain(changes.split_whitespace()) {
            let field = change.split('=').next().unwrap_or_default();
            script.push_str(&format!("{base} {change} => reference_conflict {field}\n"));
        }
    }
    script.push_str("decline 50.00 reference=y => recorded\nunknown 50.00 reference=y => reference_conflict kind\n");
    check(&script).await;
}

#[tokio::test]
async fn of_a_hundred_refunds_that_expect_the_same_total_one_wins() {
    let world = World::new().await;
    let sale: Vec<Numbered> = ["authorization 100.00", "capture 100.00"]
        .iter()
        .zip(1_usize..)
        .map(|(line, place)| (0, stated(line, place)))
        .collect();
    world.record(&sale).await.expect("a sale");
    let stores = join_all((0..4).map(|_| day::another(&world.test.url, 8))).await;
    for step in 0..4_usize {
        let refunds = (0..100_usize).map(|number| {
            let (store, deployment, source) = (&stores[number % 4], &world.deployment, world.source);
            let line = format!("refund 7.00 expected_total={}.00 reference=r{step}-{number}", 7 * step);
            async move {
                let told = support::events::record(store, deployment, source, &[stated(&line, 0)]).await;
                told.expect("no error").remove(0)
            }
        });
        let mut words: Vec<String> = join_all(refunds).await.iter().map(told).collect();
        words.sort_unstable();
        let mut expected = vec!["total_differs expected_total".to_owned(); 99];
        expected.insert(0, "recorded".to_owned());
        assert_eq!(words, expected);
    }
    assert_eq!(world.rows("select refunded::text from payment").await, ["2800"]);
    support::books::prove(&world.test.admin, None)
        .await
        .expect("books in order");
}

#[tokio::test]
async fn both_file_forms_hold_every_field_and_breaks_are_listed() {
    let desk = Desk::new().await;
    desk.write("settings.toml", SETTINGS);
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    let lines = [
        "authorization 50.00 reference=x1 method=card scheme=visa card_country=DE payer=token category=games card=1111 auth_type=final \
         initiator=customer capture_before=2026-03-09T00:00:00Z requested_amount=60.00 acquirer_reference=psp-1 \
         merchant_reference=order-1 arn=74000000000000000000001 rrn=000000000001 auth_code=00A1",
        "authorization_increment 10.00 reference=x2 capture_before=2026-03-12T00:00:00Z",
        "authorization_reversal 5.00 reference=x3",
        "capture 20.00 reference=x4 sequence=1 aggregate=tray expected_total=0.00",
        "capture 10.00 reference=x5 sequence=2",
        "capture_void 10.00 reference=x6 original=x5",
        "aggregate 20.00 reference=x7 aggregate=tray items=1",
        "void 35.00 reference=x8",
        "refund 5.00 reference=x9 by=transfer expected_total=0.00",
        "refund_paid 5.00 reference=x10 original=x9",
        "refund_failure 5.00 reference=x11 original=x9",
        "information_request 25.00 reference=x21 case=D respond_by=2026-03-20T00:00:00Z",
        "chargeback 25.00 reference=x12 case=D cycle=1 cost=1.00",
        "chargeback_reversal 25.00 reference=x13 case=D cycle=1",
        "second_chargeback 20.00 reference=x14 case=D cycle=2 cost=1.00",
        "decline 50.00 reference=x15 payment=q",
        "unknown 50.00 reference=x16 payment=r method=card",
        "authorization 20.00 reference=x17 payment=s acquirer=phone",
        "capture 20.00 reference=x18 payment=s acquirer=phone final=true",
        "unpaid 20.00 reference=x19 payment=s acquirer=phone",
        "unpaid_recovery 20.00 reference=x20 payment=s acquirer=phone original=x19",
    ];
    let columns = acquit::payment::reader::COLUMNS;
    let mut csv = columns.join(",") + "\n";
    let mut jsonl = String::new();
    for line in lines {
        let fields = fields(line);
        jsonl.push_str(&(serde_json::to_string(&fields).expect("JSON") + "\n"));
        let cells: Vec<&str> = columns
            .iter()
            .map(|column| fields.get(*column).copied().unwrap_or_default())
            .collect();
        csv.push_str(&(cells.join(",") + "\n"));
    }
    let used = |column: &&str| lines.iter().any(|line| fields(line).contains_key(*column));
    assert!(columns.iter().all(used), "a column that no event has");
    desk.write("events.jsonl", jsonl);
    desk.write("events.csv", csv);
    let count = lines.len().to_string();
    let counted = |ran: &crate::desk::Ran| {
        let row = &ran.rows()[0];
        ["recorded", "replayed", "rejected"].map(|name| row[name].as_str().unwrap_or_default().to_owned())
    };
    let first = desk.run(&["record", "events.jsonl", "--format", "json"]).exits(0);
    assert_eq!(counted(&first), [count.as_str(), "0", "0"]);
    let again = desk.run(&["record", "events.csv", "--format", "json"]).exits(0);
    assert_eq!(counted(&again), ["0", count.as_str(), "0"]);
    let breaks = desk.run(&["breaks", "list", "--format", "json"]).exits(0);
    let listed: Vec<String> = breaks
        .rows()
        .iter()
        .map(|row| {
            let fields = ["class", "found_on", "merchant", "payment", "detail"]
                .map(|name| row[name].as_str().unwrap_or_default());
            fields.join(" ")
        })
        .collect();
    assert_eq!(
        listed,
        ["AMOUNT_MISMATCH 2026-03-02 m p 25.00 EUR charged back, only 20.00 EUR was captured"]
    );
    desk.run(&["audit", "verify"]).exits(0);
}
