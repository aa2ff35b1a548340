//! Velocity rules and monthly limits in the books.
//!
//! A story is told line by line, `<instant> <kind> <merchant> <payment> <amount> name=value ...`, with what became of each:
//! recorded, replayed, or the words of its refusal. The house is in Seoul; `north` is a carrier with a monthly limit of 1,000 KRW
//! a payer in Seoul's months, `south` an acquirer without one. Merchants pay 10 %.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

mod model;

use std::path::Path;

use acquit::ids::SourceId;
use acquit::ledger::entry::EntryKind;
use acquit::payment::event::PaymentEvent;
use acquit::recon::breaks::BreakClass;
use acquit::store::breaks::Filter;
use acquit::store::record::{EventFile, Verdict};
use acquit::store::settings::Deployment;
use futures_util::future::join_all;
use tokio_postgres::Client;

use crate::desk::Desk;
use crate::reconcile;
use crate::support::{self, TestStore, day, dump};

const MERCHANTS: usize = 8;

fn settings(effective_from: &str, rules: &str) -> String {
    let merchant = |number: usize| {
        format!(
            "[[merchant]]\nname = \"m{number}\"\nfee_schedule = \"tenth\"\nnegative_limit = {{ KRW = \"1000000\" }}\n"
        )
    };
    format!(
        "effective_from = \"{effective_from}\"
[house]
name = \"House\"
time_zone = \"Asia/Seoul\"
bank_account = \"main\"
[[acquirer]]
name = \"north\"
kind = \"carrier\"
contract = \"gross\"
settles_within_days = 30
over_capture = \"10\"
monthly_limit = {{ amounts = {{ KRW = \"1000\" }}, time_zone = \"Asia/Seoul\" }}
[[acquirer]]
name = \"south\"
contract = \"gross\"
settles_within_days = 30
[[fee_schedule]]
name = \"tenth\"
percentage = \"10\"
fixed = {{ KRW = \"0\", EUR = \"0\" }}
rounding = \"half_even\"
{rules}{}",
        (0..MERCHANTS).map(merchant).collect::<String>()
    )
}

fn rule(name: &str, action: &str, fields: &str) -> String {
    format!("[[velocity_rule]]\nname = \"{name}\"\naction = \"{action}\"\n{fields}\n")
}

/// `12:00 authorization m1 p1 100 payer=L1`: on 2026-03-02 in UTC where there is no day, at `south` where there is no acquirer, and
/// known as `<payment>-<kind>` where there is no reference.
fn event(line: &str) -> PaymentEvent {
    let (named, placed): (Vec<&str>, Vec<&str>) = line.split_whitespace().partition(|word| word.contains('='));
    let [at, kind, merchant, payment, amount] = placed[..] else {
        panic!("{line}")
    };
    let get = |name: &str| -> Option<String> {
        let found = named
            .iter()
            .filter_map(|word| word.split_once('='))
            .find(|(key, _)| *key == name);
        found.map(|(_, value)| value.to_owned())
    };
    let kind = EntryKind::from_name(kind).expect("a kind");
    let reference = get("ref").unwrap_or_else(|| format!("{payment}-{kind}"));
    let currency = get("cur").unwrap_or_else(|| "KRW".to_owned());
    let amount = amount.parse().expect("an amount");
    let mut event = support::events::event(kind, merchant, payment, &reference, amount, &currency);
    let at = if at.contains('T') {
        at.to_owned()
    } else {
        format!("2026-03-02T{at}")
    };
    let at = if at.matches(':').count() == 1 {
        format!("{at}:00")
    } else {
        at
    };
    event.occurred_at = format!("{at}Z").parse().expect("an instant");
    event.acquirer = get("acq").unwrap_or_else(|| "south".to_owned());
    event.acquirer_reference = get("aref");
    event.details.payer = get("payer");
    event.details.method = get("method");
    event.details.category = get("category");
    event.details.original = get("original");
    event
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Recorded => "recorded".to_owned(),
        Verdict::Replayed => "replayed".to_owned(),
        Verdict::Rejected(refusal) => refusal.to_string(),
    }
}

struct World {
    test: TestStore,
    deployment: Deployment,
    source: SourceId,
}

impl World {
    async fn new(rules: &str) -> Self {
        let test = support::store().await;
        let deployment = support::events::apply(&test.store, &settings("2026-01-01", rules)).await;
        let source = support::events::source(&test.store, "events").await;
        Self {
            test,
            deployment,
            source,
        }
    }

    /// Another version of the settings.
    async fn apply(&mut self, effective_from: &str, rules: &str) {
        let text = settings(effective_from, rules);
        self.deployment = support::events::apply(&self.test.store, &text).await;
    }

    async fn record(&self, events: &[PaymentEvent]) -> Vec<String> {
        let verdicts = support::events::record(&self.test.store, &self.deployment, self.source, events).await;
        verdicts.expect("verdicts").iter().map(told).collect()
    }

    /// Tells a story, line by line in batches of their own.
    #[track_caller]
    fn tell(&self, story: &[(&str, &str)]) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            for (line, expected) in story {
                let found = self.record(&[event(line)]).await;
                assert_eq!(found, [*expected], "{line} ({place})");
            }
        }
    }

    /// One text a row.
    async fn rows(&self, sql: &str) -> Vec<String> {
        let rows = self.test.admin.query(sql, &[]).await.expect(sql);
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn decisions(&self) -> Vec<String> {
        self.rows(
            "select concat_ws(' ', reference, coalesce(rule, 'limit'), action, coalesce(count::text, '-'), sum, coalesce(number::text, 'refused'))
            from velocity_decision order by occurred_at, reference, sum, rule nulls last",
        )
        .await
    }

    async fn balances(&self, merchant: &str) -> Vec<String> {
        let sql = "select concat_ws(' ', code, debits - credits) from balance
            join account on account.id = account_id join book on book.id = book_id
            where merchant = $1 and debits <> credits and code < 9000 order by code";
        let rows = self.test.admin.query(sql, &[&merchant]).await.expect("balances");
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn prove(&self) {
        support::books::prove(&self.test.admin, None)
            .await
            .expect("books in order");
    }
}

async fn deadlocks(admin: &Client) -> i64 {
    let row = admin
        .query_one(
            "select deadlocks from pg_stat_database where datname = current_database()",
            &[],
        )
        .await;
    row.expect("a count").get(0)
}

// Actions -------------------------------------------------------------------------------------------------------------

const TWO_AN_HOUR: &str = "per = [\"payer\"]\nwindow = \"1 hour\"\nmax_count = 2";

#[tokio::test]
async fn a_flag_books_and_opens_a_break() {
    let world = World::new(&rule("often", "flag", TWO_AN_HOUR)).await;
    world
        .tell(&[
            ("12:00 authorization m1 p1 100 payer=L1", "recorded"),
            ("12:01 authorization m2 p2 100 payer=L1", "recorded"),
            ("12:02 authorization m3 p3 100 payer=L1", "recorded"),
            ("12:03 capture m3 p3 100", "recorded"),
        ])
        .await;
    assert_eq!(world.decisions().await, ["p3-authorization often flag 3 300 1"]);
    let breaks = world
        .rows("select concat_ws(' ', class, merchant, break.number, detail) from break join book on book.id = book_id");
    assert_eq!(
        breaks.await,
        ["VELOCITY m3 1 velocity rule `often` (flag): 3 authorizations within 1 hour, at most 2"]
    );
    assert_eq!(world.balances("m3").await, ["1100 100", "2010 -90", "4010 -10"]);
    assert!(world.rows("select reason from hold").await.is_empty());
    let listed = world
        .test
        .store
        .breaks(&Filter {
            class: Some(BreakClass::Velocity),
            ..Filter::unresolved()
        })
        .await
        .expect("breaks");
    assert_eq!(listed.len(), 1, "a person sees it");
    assert_eq!(listed[0].payment.as_deref(), Some("p3"));
}

#[tokio::test]
async fn a_refusal_books_nothing_and_is_met_again() {
    let world = World::new(&rule("often", "refuse", TWO_AN_HOUR)).await;
    let refused = "velocity rule `often` refuses it: 3 authorizations within 1 hour, at most 2";
    world
        .tell(&[
            ("12:00 authorization m1 p1 100 payer=L1", "recorded"),
            ("12:01 authorization m2 p2 100 payer=L1", "recorded"),
            ("12:02 authorization m3 p3 100 payer=L1", refused),
        ])
        .await;
    let before = dump::content(&world.test.admin).await;
    world
        .tell(&[
            ("12:02 authorization m3 p3 100 payer=L1", refused),
            ("12:00 authorization m1 p1 100 payer=L1", "replayed"),
        ])
        .await;
    assert_eq!(
        dump::content(&world.test.admin).await,
        before,
        "a replay writes nothing"
    );
    assert_eq!(world.decisions().await, ["p3-authorization often refuse 3 300 refused"]);
    // More is known by now, and the same event meets the same decision, word by word; twice in one batch too.
    let late = "12:01:30 authorization m4 p4 5 payer=L1 ref=late";
    let late_refused = "velocity rule `often` refuses it: 3 authorizations within 1 hour, at most 2";
    let again = world
        .record(&[
            event(late),
            event("12:02 authorization m3 p3 100 payer=L1"),
            event(late),
        ])
        .await;
    assert_eq!(again, [late_refused, refused, late_refused]);
    // Another event under the reference of a refused one is judged by itself: nothing was booked under it.
    world
        .tell(&[
            ("12:02 authorization m3 p3 101 payer=L1", refused),
            ("12:02 authorization m3 p3 100 payer=L2", "recorded"),
        ])
        .await;
    assert_eq!(
        world.decisions().await,
        [
            "late often refuse 3 205 refused",
            "p3-authorization often refuse 3 300 refused",
            "p3-authorization often refuse 3 301 refused",
        ]
    );
    world.prove().await;
}

#[tokio::test]
async fn a_hold_sets_what_is_captured_aside() {
    let world = World::new(&rule("often", "hold", TWO_AN_HOUR)).await;
    world
        .tell(&[
            ("12:00 authorization m1 p1 100 payer=L1", "recorded"),
            ("12:01 authorization m2 p2 100 payer=L1", "recorded"),
            ("12:02 authorization m3 p3 100 payer=L1", "recorded"),
            ("12:03 capture m3 p3 60 ref=c1", "recorded"),
            ("12:04 capture m3 p3 40 ref=c2", "recorded"),
            ("12:04 capture m2 p2 100", "recorded"),
        ])
        .await;
    assert_eq!(world.decisions().await, ["p3-authorization often hold 3 300 1"]);
    assert_eq!(world.balances("m3").await, ["1100 100", "2040 -90", "4010 -10"]);
    assert_eq!(world.balances("m2").await, ["1100 100", "2010 -90", "4010 -10"]);
    let holds = "select concat_ws(' ', merchant, entry.reference, amount, currency, exponent, reason, owner, placed_on, coalesce(expires_on::text, 'open'),
            coalesce(released::text, 'held'))
        from hold join book on book.id = hold.book_id
        join entry on entry.book_id = hold.book_id and entry.number = hold.number order by hold.id";
    assert_eq!(
        world.rows(holds).await,
        [
            "m3 c1 54 KRW 0 velocity rule often risk 2026-03-02 open held",
            "m3 c2 36 KRW 0 velocity rule often risk 2026-03-02 open held",
        ]
    );
    // A match or a day finds nothing to make available.
    let items = "select concat_ws(' ', merchant_reference, gross, merchant_fee, reserve, matures) from open_item order by book_id, number";
    assert_eq!(
        world.rows(items).await,
        ["p2 100 10 0 f", "p3 60 60 0 f", "p3 40 40 0 f"]
    );
    let classes = world.rows("select class || ' ' || state from break");
    assert_eq!(classes.await, ["VELOCITY open"]);
    // A withdrawn capture takes its hold with it.
    world
        .tell(&[("12:05 capture_void m3 p3 60 ref=v1 original=c1", "recorded")])
        .await;
    assert_eq!(world.balances("m3").await, ["1100 40", "2040 -36", "4010 -4"]);
    assert_eq!(
        world
            .rows("select concat_ws(' ', amount, released, released_by) from hold order by id")
            .await,
        ["54 4 capture void", "36"]
    );
    world.prove().await;
}

#[tokio::test]
async fn a_capture_that_is_withdrawn_after_its_release_comes_out_of_pending_money() {
    let world = World::new(&rule(
        "always",
        "hold",
        "per = [\"merchant\"]\nwindow = \"month\"\nmax_sum = { KRW = \"99\" }",
    ))
    .await;
    world
        .tell(&[
            ("12:00 authorization m1 p1 100", "recorded"),
            ("12:03 capture m1 p1 100 ref=c1", "recorded"),
        ])
        .await;
    assert_eq!(world.balances("m1").await, ["1100 100", "2040 -90", "4010 -10"]);
    let hold = &world.test.store.holds(None, false).await.expect("holds")[0];
    let day = "2026-03-03".parse().expect("a day");
    world
        .test
        .store
        .release_hold(hold.id, "somebody", day)
        .await
        .expect("a release");
    assert_eq!(world.balances("m1").await, ["1100 100", "2010 -90", "4010 -10"]);
    world
        .tell(&[("13:05 capture_void m1 p1 100 ref=v1 original=c1", "recorded")])
        .await;
    assert_eq!(world.balances("m1").await, Vec::<String>::new());
    world.prove().await;
}

#[tokio::test]
async fn held_within_one_batch_is_held() {
    let world = World::new(&rule(
        "often",
        "hold",
        "per = [\"payer\", \"merchant\"]\nwindow = \"1 hour\"\nmax_count = 1",
    ))
    .await;
    let events = [
        "12:00 authorization m1 p1 100 payer=L1",
        "12:00 authorization m1 p2 100 payer=L1",
        "12:00 capture m1 p2 100 ref=c2",
        "12:00 capture m1 p1 100 ref=c1",
        "12:00 capture_void m1 p2 100 original=c2",
    ];
    assert_eq!(world.record(&events.map(event)).await, ["recorded"; 5]);
    assert_eq!(world.balances("m1").await, ["1100 100", "2010 -90", "4010 -10"]);
    assert_eq!(world.rows("select released_by from hold").await, ["capture void"]);
    world.prove().await;
}

#[tokio::test]
async fn the_strictest_rule_decides_and_all_are_kept() {
    let rules = [
        rule("a", "flag", "per = [\"payer\"]\nwindow = \"1 hour\"\nmax_count = 1"),
        rule(
            "b",
            "hold",
            "per = [\"merchant\"]\nwindow = \"24 hours\"\nmax_sum = { KRW = \"250\" }",
        ),
        rule(
            "c",
            "refuse",
            "per = [\"payer\"]\nmethod = \"carrier\"\nwindow = \"month\"\nmax_count = 2",
        ),
    ];
    let world = World::new(&rules.concat()).await;
    world
        .tell(&[
            ("12:00 authorization m1 p1 100 payer=L1 method=carrier", "recorded"),
            ("12:01 authorization m1 p2 100 payer=L1 method=carrier", "recorded"),
            (
                "12:02 authorization m1 p3 100 payer=L1 method=carrier",
                "velocity rule `c` refuses it: 3 authorizations within the month, at most 2",
            ),
            ("12:03 authorization m1 p4 100 payer=L1 method=card", "recorded"),
            ("12:04 capture m1 p4 100", "recorded"),
        ])
        .await;
    assert_eq!(
        world.decisions().await,
        [
            "p2-authorization a flag 2 200 2",
            "p3-authorization a flag 3 300 refused",
            "p3-authorization b hold 3 300 refused",
            "p3-authorization c refuse 3 300 refused",
            "p4-authorization a flag 3 300 3",
            "p4-authorization b hold 3 300 3",
        ]
    );
    let breaks = world.rows("select detail from break order by id").await;
    assert_eq!(breaks.len(), 3, "one for each decision on what was booked: {breaks:?}");
    assert_eq!(world.balances("m1").await, ["1100 100", "2040 -90", "4010 -10"]);
}

#[tokio::test]
async fn a_decision_names_the_version_of_its_rule() {
    let mut world = World::new(&rule("often", "refuse", TWO_AN_HOUR)).await;
    world
        .apply(
            "2026-03-02",
            &rule(
                "often",
                "flag",
                "per = [\"payer\"]\nwindow = \"24 hours\"\nmax_count = 1",
            ),
        )
        .await;
    world
        .tell(&[
            // Midnight in Seoul is at 15:00: the old rule lets it pass, the new one counts it.
            ("2026-03-01T14:59:59 authorization m1 p1 100 payer=L1", "recorded"),
            ("2026-03-01T15:00:00 authorization m1 p2 100 payer=L1", "recorded"),
        ])
        .await;
    let versions = world
        .rows("select concat_ws(' ', reference, rule, rule_version, action, count, max_count) from velocity_decision");
    assert_eq!(versions.await, ["p2-authorization often 2026-03-02 flag 2 1"]);
}

#[tokio::test]
async fn what_no_rule_looks_at_is_not_kept() {
    let world = World::new(&rule(
        "often",
        "refuse",
        "per = [\"payer\"]\ncategory = \"voucher\"\nwindow = \"1 hour\"\nmax_count = 1",
    ))
    .await;
    world
        .tell(&[
            ("12:00 authorization m1 p1 100 payer=L1 category=voucher", "recorded"),
            ("12:01 authorization m1 p2 100 payer=L1 category=music", "recorded"),
            ("12:02 authorization m1 p3 100 category=voucher", "recorded"),
            ("12:03 decline m1 p4 100 payer=L1 category=voucher", "recorded"),
            (
                "12:04 authorization m2 p5 100 payer=L1 category=voucher",
                "velocity rule `often` refuses it: 2 authorizations within 1 hour, at most 1",
            ),
        ])
        .await;
    let counted = world.rows("select concat_ws(' ', merchant, velocity_activity.number, payer, method, category, amount) from velocity_activity join book on book.id = book_id");
    assert_eq!(counted.await, ["m1 1 L1 voucher 100"]);
}

// Monthly limits ------------------------------------------------------------------------------------------------------

async fn limits(world: &World) -> Vec<String> {
    world
        .rows("select concat_ws(' ', payer, month, held, kept) from monthly_limit order by payer, month")
        .await
}

#[tokio::test]
async fn a_limit_is_of_a_line_a_carrier_and_a_month_in_seoul() {
    let world = World::new("").await;
    let left = |minor: i64| format!("only {minor} KRW of the payer's monthly limit is left");
    world
        .tell(&[
            (
                "2026-03-31T14:59:59 authorization m1 p1 700 payer=L1 acq=north",
                "recorded",
            ),
            (
                "2026-03-31T14:59:59 authorization m2 p2 301 payer=L1 acq=north",
                &left(300),
            ),
            (
                "2026-03-31T14:59:59 authorization m2 p3 300 payer=L1 acq=north",
                "recorded",
            ),
            ("2026-03-31T14:59:59 authorization m2 p4 1 payer=L1 acq=north", &left(0)),
            // Another line, no line, another carrier, another currency, another month.
            (
                "2026-03-31T14:59:59 authorization m2 p5 1000 payer=L2 acq=north",
                "recorded",
            ),
            ("2026-03-31T14:59:59 authorization m2 p6 5000 acq=north", "recorded"),
            (
                "2026-03-31T14:59:59 authorization m2 p7 5000 payer=L1 acq=south",
                "recorded",
            ),
            (
                "2026-03-31T14:59:59 authorization m2 p8 500000 payer=L1 acq=north cur=EUR",
                "recorded",
            ),
            (
                "2026-03-31T15:00:00 authorization m2 p9 1000 payer=L1 acq=north",
                "recorded",
            ),
            (
                "2026-03-31T15:00:01 authorization m2 p10 0 payer=L1 acq=north",
                "recorded",
            ),
        ])
        .await;
    assert_eq!(
        limits(&world).await,
        ["L1 2026-03-01 1000 0", "L1 2026-04-01 1000 0", "L2 2026-03-01 1000 0"]
    );
    assert_eq!(
        world.decisions().await,
        [
            "p2-authorization limit refuse - 1001 refused",
            "p4-authorization limit refuse - 1001 refused"
        ]
    );
}

#[tokio::test]
async fn a_refusal_by_the_limit_is_met_again_though_the_limit_is_free() {
    let world = World::new("").await;
    let refused = "only 300 KRW of the payer's monthly limit is left";
    world
        .tell(&[
            ("12:00 authorization m1 p1 700 payer=L1 acq=north", "recorded"),
            ("12:01 authorization m2 p2 400 payer=L1 acq=north", refused),
            ("12:02 void m1 p1 700 acq=north", "recorded"),
        ])
        .await;
    let before = dump::content(&world.test.admin).await;
    world
        .tell(&[("12:01 authorization m2 p2 400 payer=L1 acq=north", refused)])
        .await;
    assert_eq!(dump::content(&world.test.admin).await, before);
    world
        .tell(&[("12:01 authorization m2 p2 400 payer=L1 acq=north ref=again", "recorded")])
        .await;
    assert_eq!(limits(&world).await, ["L1 2026-03-01 400 0"]);
}

#[tokio::test]
async fn the_carriers_answer_wins_and_is_flagged() {
    let world = World::new("").await;
    world
        .tell(&[
            ("12:00 authorization m1 p1 700 payer=L1 acq=north", "recorded"),
            ("12:01 authorization m2 p2 400 payer=L1 acq=north aref=A2", "recorded"),
            (
                "12:02 authorization m2 p3 1 payer=L1 acq=north",
                "only 0 KRW of the payer's monthly limit is left",
            ),
            (
                "12:03 authorization_increment m2 p2 50 acq=north",
                "only 0 KRW of the payer's monthly limit is left",
            ),
            (
                "12:03 authorization_increment m2 p2 50 acq=north ref=i2 aref=A3",
                "recorded",
            ),
            // Beyond the promise, as the contract lets it.
            ("12:04 capture m2 p2 460 acq=north", "recorded"),
        ])
        .await;
    assert_eq!(limits(&world).await, ["L1 2026-03-01 700 460"]);
    assert_eq!(
        world.decisions().await,
        [
            "p2-authorization limit flag - 1100 1",
            "p3-authorization limit refuse - 1101 refused",
            "i2 limit flag - 1150 2",
            "p2-authorization_increment limit refuse - 1150 refused",
            "p2-capture limit flag - 1160 3",
        ]
    );
    assert_eq!(
        world.rows("select class || ' ' || detail from break order by id").await,
        [
            "VELOCITY 1100 KRW of the monthly limit of 1000 KRW",
            "VELOCITY 1150 KRW of the monthly limit of 1000 KRW",
            "VELOCITY 1160 KRW of the monthly limit of 1000 KRW",
        ]
    );
}

#[tokio::test]
async fn what_frees_a_limit_and_what_does_not() {
    let world = World::new("").await;
    world
        .tell(&[
            (
                "2026-03-10T00:00:00 authorization m1 p1 900 payer=L1 acq=north",
                "recorded",
            ),
            (
                "2026-03-10T00:01:00 authorization_reversal m1 p1 100 acq=north",
                "recorded",
            ),
            ("2026-03-10T00:02:00 capture m1 p1 300 acq=north ref=c1", "recorded"),
            ("2026-03-10T00:03:00 capture m1 p1 200 acq=north ref=c2", "recorded"),
        ])
        .await;
    assert_eq!(limits(&world).await, ["L1 2026-03-01 300 500"]);
    world
        .tell(&[
            (
                "2026-03-10T00:04:00 capture_void m1 p1 200 acq=north ref=v2 original=c2",
                "recorded",
            ),
            ("2026-03-10T00:05:00 void m1 p1 500 acq=north", "recorded"),
        ])
        .await;
    assert_eq!(limits(&world).await, ["L1 2026-03-01 0 300"]);
    // The last instant of March in Seoul, and the first of April.
    world
        .tell(&[
            ("2026-03-31T14:59:59 refund m1 p1 100 acq=north ref=r1", "recorded"),
            ("2026-03-31T15:00:00 refund m1 p1 50 acq=north ref=r2", "recorded"),
        ])
        .await;
    assert_eq!(limits(&world).await, ["L1 2026-03-01 0 200"]);
    world
        .tell(&[(
            "2026-04-02T00:00:00 refund_failure m1 p1 50 acq=north ref=f2 original=r2",
            "recorded",
        )])
        .await;
    assert_eq!(
        limits(&world).await,
        ["L1 2026-03-01 0 200"],
        "what freed nothing takes nothing"
    );
    world
        .tell(&[(
            "2026-04-02T00:00:00 refund_failure m1 p1 100 acq=north ref=f1 original=r1",
            "recorded",
        )])
        .await;
    assert_eq!(limits(&world).await, ["L1 2026-03-01 0 300"]);
    world.prove().await;
}

#[tokio::test]
async fn an_expired_promise_frees_its_limit() {
    let world = World::new("").await;
    let mut promise = event("12:00 authorization m1 p1 700 payer=L1 acq=north");
    promise.details.capture_before = Some("2026-03-05T00:00:00Z".parse().expect("an instant"));
    assert_eq!(world.record(&[promise]).await, ["recorded"]);
    assert_eq!(limits(&world).await, ["L1 2026-03-01 700 0"]);
    let cutoff = "2026-03-05T00:00:00Z".parse().expect("an instant");
    for _ in 0..2 {
        world
            .test
            .store
            .expire(&world.deployment, cutoff, &|_| {})
            .await
            .expect("an expiry");
        assert_eq!(limits(&world).await, ["L1 2026-03-01 0 0"]);
    }
    // Captured all the same: it is used after all.
    world
        .tell(&[("2026-03-06T00:00:00 capture m1 p1 600 acq=north", "recorded")])
        .await;
    assert_eq!(limits(&world).await, ["L1 2026-03-01 0 600"]);
}

// Many at once --------------------------------------------------------------------------------------------------------

/// Eight writers send their events one by one, each to merchants of every writer, all at once.
async fn all_at_once(world: &World, events: impl Fn(usize) -> Vec<PaymentEvent>) -> Vec<String> {
    let stores = join_all((0..8).map(|_| day::another(&world.test.url, 1))).await;
    let sent = (0..).zip(&stores).map(|(writer, store)| {
        let events = events(writer);
        let world = &world;
        async move {
            let mut told_of = Vec::new();
            for event in events {
                let verdict = support::events::record(store, &world.deployment, world.source, &[event]).await;
                told_of.push(told(&verdict.expect("no error")[0]));
            }
            told_of
        }
    });
    join_all(sent).await.concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_writers_never_get_past_a_rule() {
    let rules = [
        rule(
            "often",
            "refuse",
            "per = [\"payer\"]\nwindow = \"1 hour\"\nmax_count = 5",
        ),
        rule(
            "shop",
            "refuse",
            "per = [\"merchant\"]\nwindow = \"1 hour\"\nmax_count = 7",
        ),
    ];
    let world = World::new(&rules.concat()).await;
    let told = all_at_once(&world, |writer| {
        let line = |number: usize| {
            let (merchant, payer) = ((writer + number) % MERCHANTS, number % 3);
            format!("12:00 authorization m{merchant} w{writer}-{number} 10 payer=L{payer}")
        };
        (0..12).map(|number| event(&line(number))).collect()
    })
    .await;
    let recorded = told.iter().filter(|told| *told == "recorded").count();
    // Three payers, five each; no merchant is asked for more than it may, since fifteen spread over eight.
    assert_eq!(recorded, 15, "{told:?}");
    let counted = "select concat_ws(' ', payer, count(*)) from velocity_activity group by payer order by payer";
    assert_eq!(world.rows(counted).await, ["L0 5", "L1 5", "L2 5"]);
    let refused = world.rows("select count(distinct reference)::text from velocity_decision where action = 'refuse'");
    assert_eq!(refused.await, [(8 * 12 - 15).to_string()]);
    assert_eq!(deadlocks(&world.test.admin).await, 0);
    world.prove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_writers_never_get_past_a_limit() {
    let world = World::new("").await;
    let told = all_at_once(&world, |writer| {
        let mut events = Vec::new();
        for number in 0..10 {
            let (merchant, payer) = ((writer + number) % MERCHANTS, number % 2);
            let name = format!("m{merchant} w{writer}-{number}");
            let amount = 70 + 10 * writer;
            events.push(event(&format!(
                "12:00 authorization {name} {amount} payer=L{payer} acq=north"
            )));
            match number % 3 {
                0 => events.push(event(&format!("12:01 void {name} {amount} acq=north"))),
                1 => events.push(event(&format!("12:01 capture {name} {amount} acq=north"))),
                _ => {}
            }
        }
        events
    })
    .await;
    assert!(told.iter().filter(|told| *told == "recorded").count() > 20, "{told:?}");
    let open =
        "select concat_ws(' ', payer, sum(authorized - captured + over_captured - voided - expired), sum(captured))
        from payment where limit_month is not null group by payer order by payer";
    let used = "select concat_ws(' ', payer, held, kept) from monthly_limit order by payer";
    assert_eq!(world.rows(open).await, world.rows(used).await);
    let beyond = world.rows("select payer from monthly_limit where held + kept > 1000");
    assert_eq!(beyond.await, Vec::<String>::new());
    assert_eq!(deadlocks(&world.test.admin).await, 0);
    world.prove().await;
}

/// A file of authorizations at the carrier, one merchant's, by turns of payers in some order.
fn payers_file(directory: &Path, name: &str, merchant: &str, payers: &[usize]) -> EventFile {
    let line = |(number, payer): (usize, &usize)| {
        format!(
            r#"{{"kind":"authorization","merchant":"{merchant}","payment":"{name}{number}","reference":"{name}{number}","amount":"1","currency":"KRW","occurred_at":"2026-03-02T12:00:00Z","acquirer":"north","payer":"L{payer}"}}"#
        ) + "\n"
    };
    let path = directory.join(name);
    std::fs::write(&path, payers.iter().enumerate().map(line).collect::<String>()).expect("events");
    EventFile::open(&path).expect("an event file")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn atomic_runs_that_meet_payers_in_opposite_order_queue() {
    let world = World::new(&rule(
        "often",
        "flag",
        "per = [\"payer\"]\nwindow = \"1 hour\"\nmax_count = 1000",
    ))
    .await;
    let files = support::directory();
    let up: Vec<usize> = (0..40).collect();
    let down: Vec<usize> = (0..40).rev().collect();
    for round in 0..6 {
        // No book in common.
        let one = [payers_file(files.path(), &format!("one{round}-"), "m1", &up)];
        let other = [payers_file(files.path(), &format!("other{round}-"), "m2", &down)];
        let third = payers_file(files.path(), &format!("third{round}-"), "m3", &down);
        let (another, beside) = (
            day::another(&world.test.url, 1).await,
            day::another(&world.test.url, 1).await,
        );
        let mut each = |_, _| Ok(());
        let done = tokio::join!(
            world.test.store.record_atomically(&world.deployment, &one, 5),
            another.record_atomically(&world.deployment, &other, 5),
            beside.record(&world.deployment, &third, &mut each)
        );
        for recorded in [
            done.0.expect("no error")[0].recorded,
            done.1.expect("no error")[0].recorded,
            done.2.expect("no error").recorded,
        ] {
            assert_eq!(recorded, 40);
        }
    }
    let held = world.rows("select distinct held::text from monthly_limit");
    assert_eq!(held.await, ["18"]);
    assert_eq!(deadlocks(&world.test.admin).await, 0);
    world.prove().await;
}

// Settlement ----------------------------------------------------------------------------------------------------------

/// Minor units on accounts that are not zero, by code.
async fn accounts(desk: &Desk) -> Vec<(i16, i64)> {
    let balances = desk.balances().await;
    balances
        .into_iter()
        .map(|((code, ..), balance)| (code, balance))
        .collect()
}

#[tokio::test]
async fn a_match_makes_nothing_available_of_what_is_held() {
    let desk = Desk::new().await;
    let hold = rule(
        "large",
        "hold",
        "per = [\"merchant\"]\nwindow = \"month\"\nmax_sum = { EUR = \"50.00\" }",
    );
    desk.write("settings.toml", format!("{}{hold}", reconcile::SETTINGS));
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    let sales = ["sale p1 30.00 EUR ref=A1", "sale p2 60.00 EUR ref=A2"];
    desk.write("events.jsonl", sales.map(reconcile::events).concat());
    desk.run(&["record", "events.jsonl"]).exits(0);
    let lines = [
        "Settled +30.00 EUR ref=A1 cost=0.40",
        "Settled +60.00 EUR ref=A2 cost=0.70",
    ];
    desk.write("one.csv", reconcile::settlement_file(&lines));
    desk.run(&["reconcile", "one.csv", "--acquirer", "adyen", "--execute"])
        .exits(0);
    // Fees of 2 % and 0.20: 29.20 is payable of the first, 58.60 is held of the second.
    let (fees, rest) = ([(4010, -180), (4020, -40)], [(5030, 110)]);
    let after = |merchant: &[(i16, i64)]| [&[(1110, 8_890)], merchant, &fees, &rest].concat();
    assert_eq!(accounts(&desk).await, after(&[(2020, -2_920), (2040, -5_860)]));
    desk.run(&["hold", "release", "1", "--by", "ann", "--on", "2026-03-04", "--execute"])
        .exits(0);
    assert_eq!(accounts(&desk).await, after(&[(2020, -8_780)]));
    desk.is_sound().await;
}

#[tokio::test]
async fn an_authorization_that_the_acquirer_has_given_is_flagged_and_never_refused() {
    let world = World::new(&rule("often", "refuse", TWO_AN_HOUR)).await;
    world
        .tell(&[
            ("12:00 authorization m1 p1 100 payer=L1", "recorded"),
            ("12:01 authorization m2 p2 100 payer=L1", "recorded"),
            ("12:02 authorization m3 p3 100 payer=L1 aref=A1", "recorded"),
            ("12:03 capture m3 p3 100", "recorded"),
            (
                "12:04 authorization m3 p4 100 payer=L1",
                "velocity rule `often` refuses it: 4 authorizations within 1 hour, at most 2",
            ),
        ])
        .await;
    assert_eq!(
        world.decisions().await,
        [
            "p3-authorization often flag 3 300 1",
            "p4-authorization often refuse 4 400 refused",
        ]
    );
    let classes = world.rows("select class || ' ' || state from break").await;
    assert_eq!(classes, ["VELOCITY open"]);
    world.prove().await;
}

#[tokio::test]
async fn an_attempt_of_unknown_outcome_says_who_pays() {
    let world = World::new(&rule("often", "refuse", TWO_AN_HOUR)).await;
    let refused = "velocity rule `often` refuses it: 3 authorizations within 1 hour, at most 2";
    world
        .tell(&[
            ("12:00 unknown m1 p1 700 payer=L1 acq=north", "recorded"),
            ("12:00 unknown m2 p2 100 payer=L1", "recorded"),
            ("12:00 unknown m3 p3 100 payer=L1", "recorded"),
            ("12:00 unknown m4 p4 301 payer=L1 acq=north ref=one", "recorded"),
            ("12:01 authorization m1 p1 700 acq=north", "recorded"),
            (
                "12:01 authorization m4 p4 301 acq=north",
                "only 300 KRW of the payer's monthly limit is left",
            ),
            ("12:02 authorization m2 p2 100", "recorded"),
            ("12:03 authorization m3 p3 100", refused),
        ])
        .await;
    assert_eq!(limits(&world).await, ["L1 2026-03-01 700 0"]);
    // An attempt and its answer in one batch.
    let told = world
        .record(&[
            event("12:10 unknown m5 p5 100 payer=L1"),
            event("12:10 authorization m5 p5 100"),
            event("12:10 unknown m6 p6 299 payer=L2 acq=north"),
            event("12:10 authorization m6 p6 299 acq=north"),
        ])
        .await;
    assert_eq!(told, ["recorded", refused, "recorded", "recorded"]);
    assert_eq!(limits(&world).await, ["L1 2026-03-01 700 0", "L2 2026-03-01 299 0"]);
    let counted =
        world.rows("select concat_ws(' ', payer, amount) from velocity_activity order by occurred_at, amount");
    assert_eq!(counted.await, ["L1 700", "L1 100", "L2 299"]);
    world.prove().await;
}

#[tokio::test]
async fn what_an_acquirer_has_settled_is_flagged_and_never_refused() {
    let desk = Desk::new().await;
    let refuse = rule(
        "large",
        "refuse",
        "per = [\"payer\"]\nwindow = \"month\"\nmax_sum = { EUR = \"50.00\" }",
    );
    let limited = "name = \"adyen\"\nmonthly_limit = { amounts = { EUR = \"80.00\" }, time_zone = \"UTC\" }";
    let settings = reconcile::SETTINGS.replacen("name = \"adyen\"", limited, 1) + &refuse;
    desk.write("settings.toml", settings);
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    let attempt = r#"{"kind":"unknown","merchant":"m-1","payment":"p1","reference":"u1","amount":"100.00","currency":"EUR","occurred_at":"2026-03-02T12:00:00Z","acquirer":"adyen","payer":"L1"}"#;
    let asked = attempt.replace("unknown", "authorization");
    let asked = asked.replace("\"p1\"", "\"p2\"").replace("\"u1\"", "\"a2\"");
    desk.write("events.jsonl", format!("{attempt}\n{asked}\n"));
    desk.run(&["record", "events.jsonl"]).exits(2);
    desk.write(
        "one.csv",
        reconcile::settlement_file(&["Settled +100.00 EUR mref=p1 ref=A1 cost=1.10"]),
    );
    desk.run(&["reconcile", "one.csv", "--acquirer", "adyen", "--execute"])
        .exits(2);
    let rows = desk.database.admin.query(
        "select concat_ws(' ', payment, coalesce(rule, 'limit'), action, sum, number) from velocity_decision
        order by payment, rule nulls last",
        &[],
    );
    let decisions: Vec<String> = rows.await.expect("decisions").iter().map(|row| row.get(0)).collect();
    assert_eq!(
        decisions,
        [
            "p1 large flag 10000 2",
            "p1 limit flag 10000 2",
            "p2 large refuse 10000",
            "p2 limit refuse 10000",
        ]
    );
    let breaks = desk.run(&["--format", "json", "breaks", "list"]).exits(0).rows();
    let classes: Vec<&str> = breaks.iter().filter_map(|row| row["class"].as_str()).collect();
    assert_eq!(classes, ["VELOCITY", "VELOCITY"]);
    desk.is_sound().await;
}

// The command line ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn decisions_can_be_listed() {
    let world = World::new(&rule("often", "refuse", TWO_AN_HOUR)).await;
    world
        .record(&[
            event("12:00 authorization m1 p1 100 payer=L1"),
            event("12:01 authorization m1 p2 100 payer=L1"),
            event("12:02 authorization m1 p3 100 payer=L1"),
            event("12:03 authorization m2 p4 1200 payer=L2 acq=north aref=A4"),
        ])
        .await;
    let list = |arguments: &[&str]| {
        let mut command = world.test.acquit();
        command.args(["--format", "csv", "velocity", "list"]).args(arguments);
        let output = command.output().expect("the binary runs");
        let out = String::from_utf8(output.stdout).expect("UTF-8");
        (
            output.status.success(),
            out,
            String::from_utf8(output.stderr).expect("UTF-8"),
        )
    };
    let header = "occurred_at,merchant,payment,reference,action,rule,rule_version,count,max_count,currency,sum,max_sum,entry,reason";
    let refused = "2026-03-02T12:02:00Z,m1,p3,p3-authorization,refuse,often,2026-01-01,3,2,KRW,300,,,\"3 authorizations within 1 hour, at most 2\"";
    let flagged = "2026-03-02T12:03:00Z,m2,p4,p4-authorization,flag,,2026-01-01,,,KRW,1200,1000,1,1200 KRW of the monthly limit of 1000 KRW";
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&list(&[]).1), [header, refused, flagged]);
    assert_eq!(lines(&list(&["--action", "refuse"]).1), [header, refused]);
    assert_eq!(lines(&list(&["--merchant", "m2"]).1), [header, flagged]);
    let (fine, _, error) = list(&["--action", "accept"]);
    assert!(!fine && error.contains("one of flag, hold, refuse"), "{error}");
}
