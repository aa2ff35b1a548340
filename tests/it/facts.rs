//! Books with something in them: honest payments recorded through the store, a settlement and a payout, random entries.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "figures of tests are small, and overflow panics"
)]

use std::sync::Arc;

use acquit::ids::{BookId, EntryNumber, SourceId};
use acquit::ledger::account::{Account, AccountCode};
use acquit::ledger::book::fingerprint;
use acquit::ledger::entry::{Entry, EntryKind, Transfer};
use acquit::money::{Currency, Money};
use acquit::payment::event::PaymentEvent;
use acquit::payout::approval::{Approvable, plan};
use acquit::settings::Settings;
use acquit::store::books::LockedBooks;
use acquit::store::record::record_batch;
use acquit::store::source::{SourceKind, source_of};
use acquit::store::{StoreError, Tx};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::TestStore;

const SETTINGS: &str = r#"effective_from = "2026-01-01"

[house]
name = "Example Payments"
time_zone = "UTC"
bank_account = "main"

[[acquirer]]
name = "adyen"
contract = "net"
settles_within_days = 3

[[acquirer]]
name = "other"
contract = "net"
settles_within_days = 3

[[fee_schedule]]
name = "standard"
percentage = "2.9"
fixed = { EUR = "0.30", KRW = "100", KWD = "0.100" }
rounding = "half_even"

[payout]

[[merchant]]
name = "alpha"
fee_schedule = "standard"

[[merchant]]
name = "beta"
fee_schedule = "standard"
"#;

/// The first booking date of any fact.
pub fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 1).expect("a day")
}

pub fn rng(seed: u64) -> ChaCha8Rng {
    println!("seed {seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Applies the settings: books for the merchants `alpha` and `beta`.
pub async fn settle_in(test: &TestStore) {
    let settings = Settings::parse(SETTINGS).expect("settings");
    test.store
        .apply_settings(&settings, SETTINGS)
        .await
        .expect("applied settings");
}

pub async fn book_of(test: &TestStore, merchant: &str) -> BookId {
    let row = test
        .admin
        .query_one("select id from book where merchant = $1", &[&merchant])
        .await;
    BookId(row.expect("a book").get(0))
}

/// What a spreadsheet would run, or an importer trip over.
const HOSTILE: [&str; 9] = ["", "=1+1 ", "+", "-2", "@SUM(A1) ", "\tx", "\rx", "'", "\"a\",\n"];

fn event(rng: &mut ChaCha8Rng, kind: EntryKind, of: &PaymentEvent, amount: i64, place: usize) -> PaymentEvent {
    let hostile = HOSTILE[rng.random_range(0..HOSTILE.len())];
    PaymentEvent {
        kind,
        reference: format!("{hostile}{}-{}-{place}", of.payment, kind.name()),
        money: Money::from_minor(amount, of.money.currency()),
        occurred_at: of.occurred_at + TimeDelta::hours(rng.random_range(1..60)),
        acquirer_reference: Some(format!("psp-{}-{place}", of.payment)),
        arn: rng.random_bool(0.5).then(|| format!("{hostile}740{place:020}")),
        ..of.clone()
    }
}

/// The life of one payment: some of it is refused, like a refund of a disputed payment.
fn life(rng: &mut ChaCha8Rng, run: u64, place: usize) -> Vec<PaymentEvent> {
    let currency = Currency::parse(["EUR", "KRW", "KWD"][rng.random_range(0..3)]).expect("a currency");
    let amount = rng.random_range(1000..100_000);
    let first = PaymentEvent {
        details: acquit::payment::event::Details::default(),
        kind: EntryKind::Authorization,
        merchant: ["alpha", "beta"][rng.random_range(0..2)].to_owned(),
        payment: format!("p-{run}-{place}"),
        reference: format!("p-{run}-{place}-authorization"),
        money: Money::from_minor(amount, currency),
        occurred_at: first_day().and_hms_opt(0, 0, 0).expect("midnight").and_utc()
            + TimeDelta::minutes(rng.random_range(0..14_000)),
        acquirer: ["adyen", "other"][rng.random_range(0..2)].to_owned(),
        acquirer_reference: None,
        merchant_reference: rng.random_bool(0.3).then(|| format!("order-{place}")),
        arn: None,
        rrn: rng.random_bool(0.3).then(|| format!("rrn{place}")),
        auth_code: rng.random_bool(0.3).then(|| "00A1".to_owned()),
    };
    let mut events = Vec::new();
    if rng.random_bool(0.2) {
        events.push(event(rng, EntryKind::Decline, &first, amount, 0));
    }
    events.push(first.clone());
    let captured = rng.random_range(500..=amount);
    let part = rng.random_range(1..captured);
    events.push(event(rng, EntryKind::Capture, &first, part, 1));
    events.push(event(rng, EntryKind::Capture, &first, captured - part, 2));
    if captured < amount && rng.random_bool(0.5) {
        events.push(event(rng, EntryKind::Void, &first, amount - captured, 3));
    }
    if rng.random_bool(0.4) {
        let refunded = rng.random_range(1..=captured);
        events.push(event(rng, EntryKind::Refund, &first, refunded, 4));
    } else if rng.random_bool(0.4) {
        events.push(event(rng, EntryKind::Chargeback, &first, captured, 5));
        if rng.random_bool(0.5) {
            events.push(event(rng, EntryKind::ChargebackReversal, &first, captured, 6));
        }
    }
    events
}

/// Records so many payments in one batch; `run` tells batches apart.
pub async fn payments(test: &TestStore, rng: &mut ChaCha8Rng, run: u64, count: usize) {
    let deployment = test.store.deployment().await.expect("a deployment");
    let events: Vec<(u64, PaymentEvent)> = (1..).zip((0..count).flat_map(|place| life(rng, run, place))).collect();
    test.store
        .transact(async |tx: &mut Tx| -> Result<(), StoreError> {
            let source = source_of(
                tx,
                SourceKind::Events,
                &format!("=events-{run}.jsonl"),
                &run.to_be_bytes(),
            )
            .await?;
            record_batch(tx, &deployment, source.id, &events).await?;
            Ok(())
        })
        .await
        .expect("recorded payments");
}

/// Appends entries to a book through the store and says their numbers.
pub async fn append(test: &TestStore, book: BookId, entries: &[Entry]) -> Vec<EntryNumber> {
    test.store
        .transact(async |tx: &mut Tx| -> Result<Vec<EntryNumber>, StoreError> {
            let mut books = LockedBooks::lock(tx, &[book]).await?;
            let numbers = entries.iter().map(|entry| books.append(book, entry.clone())).collect();
            books.write(tx).await?;
            numbers
        })
        .await
        .expect("appended entries")
}

pub fn account(code: AccountCode, currency: &str, dimension: &str) -> Account {
    Account {
        code,
        currency: Currency::parse(currency).expect("a currency"),
        dimension: Arc::from(dimension),
    }
}

/// A plain entry of a kind, with transfers (debit, credit, amount).
pub fn entry(
    kind: EntryKind,
    reference: &str,
    source: SourceId,
    day: NaiveDate,
    moved: Vec<(Account, Account, i64)>,
) -> Entry {
    Entry {
        details: None,
        natural_key: None,
        kind,
        reference: reference.to_owned(),
        fingerprint: fingerprint(&[reference]),
        payment: None,
        acquirer_reference: None,
        merchant_reference: None,
        arn: None,
        rrn: None,
        auth_code: None,
        reverses: None,
        occurred_at: DateTime::<Utc>::from_naive_utc_and_offset(day.and_hms_opt(9, 0, 0).expect("nine"), Utc),
        booking_date: day,
        happened_on: None,
        source,
        source_line: None,
        transfers: moved
            .into_iter()
            .map(|(debit, credit, amount)| Transfer { debit, credit, amount })
            .collect(),
    }
}

pub async fn source(test: &TestStore, kind: &str, name: &str) -> SourceId {
    let row = test
        .admin
        .query_one(
            "insert into source (kind, name, digest) values ($1, $2, sha256(convert_to($2, 'UTF8'))) returning id",
            &[&kind, &name],
        )
        .await;
    SourceId(row.expect("a source").get(0))
}

/// Random entries of random kinds over accounts of the chart, in three currencies and three books, on ten days.
pub async fn random_entries(test: &TestStore, rng: &mut ChaCha8Rng, count: usize) {
    use AccountCode as Code;
    let crossing = [
        Code::BankSettlement,
        Code::AcquirerReceivable,
        Code::AcquirerInTransit,
        Code::MerchantPending,
        Code::MerchantAvailable,
        Code::CostInterchange,
        Code::RoundingDifference,
        Code::FxPosition,
    ];
    // Accounts that keep their side are only moved towards it.
    let debited: Vec<Code> = crossing.into_iter().chain([Code::SuspenseDebit]).collect();
    let credited: Vec<Code> = crossing
        .into_iter()
        .chain([
            Code::FeePercentage,
            Code::FeeFixed,
            Code::PayoutInTransit,
            Code::SuspenseCredit,
        ])
        .collect();
    let source = source(test, "events", "@random").await;
    let books = [BookId::HOUSE, book_of(test, "alpha").await, book_of(test, "beta").await];
    for (place, book) in books.into_iter().enumerate() {
        let mut entries = Vec::new();
        for number in 0..count {
            let mut moved = Vec::new();
            for _ in 0..rng.random_range(0..4) {
                let currency = ["EUR", "JPY", "KWD"][rng.random_range(0..3)];
                let dimension = |code: Code| if code.number() < 2000 { "adyen" } else { "" };
                let (debit, credit) = if rng.random_bool(0.2) {
                    (Code::AuthHold, Code::AuthContra)
                } else {
                    (
                        debited[rng.random_range(0..debited.len())],
                        credited[rng.random_range(0..credited.len())],
                    )
                };
                if debit != credit {
                    moved.push((
                        account(debit, currency, dimension(debit)),
                        account(credit, currency, dimension(credit)),
                        rng.random_range(1..1_000_000),
                    ));
                }
            }
            // A reversal must mirror another entry; nothing here is one.
            let kinds = &EntryKind::ALL[..EntryKind::ALL.len() - 1];
            let kind = kinds[rng.random_range(0..kinds.len())];
            let hostile = HOSTILE[rng.random_range(0..HOSTILE.len())];
            let day = first_day() + Days::new(rng.random_range(0..10));
            let mut made = entry(kind, &format!("{hostile}r{place}-{number}"), source, day, moved);
            made.payment = rng.random_bool(0.5).then(|| format!("{hostile}p"));
            made.source_line = rng.random_bool(0.5).then(|| rng.random_range(1..100));
            entries.push(made);
        }
        append(test, book, &entries).await;
    }
}

/// A settlement file of merchant `alpha` and acquirer `adyen`, booked by hand: two captures matched, the second with 5 too many; a
/// line that nobody knows; a batch fee; a payout row. Then a payout of 100, confirmed, and one of 50, instructed.
pub async fn settlement_and_payouts(test: &TestStore) {
    use AccountCode as Code;
    let alpha = book_of(test, "alpha").await;
    let source = source(test, "settlement", "settlement \"1\".csv").await;
    let admin = &test.admin;
    let acquirer: i16 = admin
        .query_one("select id from acquirer where name = 'adyen'", &[])
        .await
        .expect("adyen")
        .get(0);
    // Captures of a merchant whose amounts are known: 1000.00 and 500.00 EUR, through the store.
    let deployment = test.store.deployment().await.expect("a deployment");
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let first = PaymentEvent {
        merchant: "alpha".to_owned(),
        payment: "settled".to_owned(),
        merchant_reference: None,
        acquirer: "adyen".to_owned(),
        money: Money::from_minor(150_000, Currency::parse("EUR").expect("EUR")),
        ..life(&mut rng, u64::MAX, 0).pop().expect("an event")
    };
    let events = [
        (1, event(&mut rng, EntryKind::Authorization, &first, 150_000, 90)),
        (2, event(&mut rng, EntryKind::Capture, &first, 100_000, 91)),
        (3, event(&mut rng, EntryKind::Capture, &first, 50_000, 92)),
    ];
    test.store
        .transact(async |tx: &mut Tx| -> Result<(), StoreError> {
            let source = source_of(tx, SourceKind::Events, "settled.jsonl", b"settled").await?;
            record_batch(tx, &deployment, source.id, &events).await.map(|_| ())
        })
        .await
        .expect("recorded captures");
    let items = admin
        .query(
            "delete from open_item where book_id = $1 and merchant_reference = $2 returning number, gross",
            &[&alpha.0, &first.echoed_reference()],
        )
        .await
        .expect("the items");
    let day = first_day() + Days::new(12);
    admin
        .execute(
            "insert into settlement_file (source_id, acquirer_id, state, lines, rejects, as_of) values ($1, $2, 'booked', 5, 0, $3)",
            &[&source.0, &acquirer, &day],
        )
        .await
        .expect("a file");
    let lines: [(i32, i16, Option<i64>, i64, i64); 5] = [
        (1, 1, Some(100_000), 98_600, 1_400),
        (2, 1, Some(50_005), 49_305, 700),
        (3, 1, Some(700), 690, 10),
        (4, 5, None, -30, 0),
        (5, 6, None, -148_565, 0),
    ];
    for (ordinal, record, gross, net, commission) in lines {
        admin
            .execute(
                "insert into settlement_line (source_id, ordinal, line, record_type, type_text, batch, occurred_on, gross, gross_currency,
                    net, net_currency, commission, markup, scheme_fee, interchange, tax, reserve, raw)
                 values ($1, $2, $2 + 1, $3, 'x', '=batch', $4, $5, $6, $7, 'EUR', $8, 0, 0, 0, 0, 0, '')",
                &[&source.0, &ordinal, &record, &day, &gross, &gross.map(|_| "EUR"), &net, &commission],
            )
            .await
            .expect("a line");
    }
    for item in items {
        let (number, gross): (i64, i64) = (item.get(0), item.get(1));
        let (ordinal, line_gross) = if gross == 100_000 { (1, gross) } else { (2, gross + 5) };
        admin
            .execute(
                "insert into settlement_match (book_id, number, source_id, ordinal, pass, rules, item_gross, line_gross, merchant_fee, reserve, cost,
                    matures, passes_costs, expected_on)
                 values ($1, $2, $3, $4, 1, 1, $5, $6, 0, 0, 0, false, false, '2026-03-04')",
                &[&alpha.0, &number, &source.0, &ordinal, &gross, &line_gross],
            )
            .await
            .expect("a match");
    }
    let eur = |code| account(code, "EUR", "");
    let adyen = |code| account(code, "EUR", "adyen");
    let (transit, receivable) = (adyen(Code::AcquirerInTransit), adyen(Code::AcquirerReceivable));
    let settlement = vec![
        (transit.clone(), receivable, 150_000),
        (transit.clone(), adyen(Code::SuspenseCredit), 5),
        (eur(Code::MerchantPending), eur(Code::MerchantAvailable), 145_590),
        (adyen(Code::CostAcquirer), transit.clone(), 2_100),
    ];
    append(
        test,
        alpha,
        &[entry(EntryKind::Settlement, "settled", source, day, settlement)],
    )
    .await;
    let unknown = vec![
        (transit.clone(), adyen(Code::SuspenseCredit), 700),
        (adyen(Code::CostAcquirer), transit.clone(), 10),
    ];
    let house = [
        entry(EntryKind::Suspense, "unknown", source, day, unknown),
        entry(
            EntryKind::BatchFee,
            "fee",
            source,
            day,
            vec![(adyen(Code::CostAcquirer), transit, 30)],
        ),
    ];
    let suspense = append(test, BookId::HOUSE, &house).await[0];
    for (ordinal, class, expected, actual, number) in [
        (2_i32, "AMOUNT_MISMATCH", Some(50_000_i64), 50_005_i64, None),
        (3, "MISSING_IN_LEDGER", None, 700, Some(suspense.0)),
    ] {
        admin
            .execute(
                "insert into break (class, acquirer_id, source_id, ordinal, expected, expected_in, actual, actual_in, suspense_number, found_in, detail)
                 values ($1, $2, $3, $4, $5, $8, $6, 'EUR', $7, $3, 'x')",
                &[&class, &acquirer, &source.0, &ordinal, &expected, &actual, &number, &expected.map(|_| "EUR")],
            )
            .await
            .expect("a break");
    }
    payout(test, alpha, day, 100, true).await;
    payout(test, alpha, day + Days::new(1), 50, false).await;
}

async fn payout(test: &TestStore, book: BookId, cutoff: NaiveDate, amount: i64, confirm: bool) {
    use AccountCode as Code;
    let source = source(test, "payout", &format!("run {cutoff}")).await;
    let eur = |code| account(code, "EUR", "");
    let (available, transit) = (eur(Code::MerchantAvailable), eur(Code::PayoutInTransit));
    let mut entries = vec![entry(
        EntryKind::PayoutInstruction,
        &format!("instruct {cutoff}"),
        source,
        cutoff,
        vec![(available, transit.clone(), amount)],
    )];
    if confirm {
        let bank = account(Code::BankSettlement, "EUR", "main");
        let moved = vec![(transit, bank, amount)];
        entries.push(entry(
            EntryKind::PayoutConfirmation,
            &format!("confirm {cutoff}"),
            source,
            cutoff,
            moved,
        ));
    }
    let numbers = append(test, book, &entries).await;
    let id = format!("e2e {cutoff}");
    let euros = |minor| Money::from_minor(minor, Currency::parse("EUR").expect("EUR"));
    let plan = plan([Approvable {
        end_to_end_id: &id,
        merchant: "alpha",
        money: euros(amount),
        fee: euros(0),
        vat: euros(0),
        cutoff,
        destination: ["=holder", "DE89370400440532013000", ""],
    }]);
    test.admin
        .execute(
            "with run as (
                insert into payout_run (cutoff, plan, planners, approvers, first_approver, state)
                values ($2, $9, '{ann}', 1, 'bob', 'approved') returning id)
             insert into payout (book_id, currency, exponent, cutoff, amount, fee, vat, state, end_to_end_id, holder, destination, bank, planned_by,
                run_id, instruction, confirmation, file_id)
             select $1, 'EUR', 2, $2, $3, 0, 0, $4, $5, '=holder', 'DE89370400440532013000', '', 'ann', run.id, $6, $7, $8 from run",
            &[
                &book.0,
                &cutoff,
                &amount,
                &if confirm { "confirmed" } else { "instructed" },
                &id,
                &numbers[0].0,
                &numbers.get(1).map(|number| number.0),
                &source.0,
                &plan.as_slice(),
            ],
        )
        .await
        .expect("a payout");
}

/// So many captures in one book, three transfers each, without payments behind them.
pub async fn many_captures(test: &TestStore, count: usize) {
    use AccountCode as Code;
    let source = source(test, "events", "many").await;
    let book = book_of(test, "alpha").await;
    let eur = |code| account(code, "EUR", "");
    let receivable = account(Code::AcquirerReceivable, "EUR", "adyen");
    for batch in 0..count.div_ceil(20_000) {
        let entries: Vec<Entry> = (batch * 20_000..count.min((batch + 1) * 20_000))
            .map(|place| {
                let moved = vec![
                    (receivable.clone(), eur(Code::MerchantPending), 1000),
                    (eur(Code::MerchantPending), eur(Code::FeePercentage), 29),
                    (eur(Code::MerchantPending), eur(Code::FeeFixed), 30),
                ];
                entry(
                    EntryKind::Settlement,
                    &format!("reference-{place}"),
                    source,
                    first_day(),
                    moved,
                )
            })
            .collect();
        append(test, book, &entries).await;
    }
}
