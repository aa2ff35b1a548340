//! Any sequence of events: what must hold of the book after each, whatever was refused.

use chrono::{TimeDelta, Utc};
use proptest::prelude::*;

use super::super::*;
use super::book::Book;
use crate::payment::event::{Details, RefundWay};

/// One step, in terms of what came before it; numbers choose among what there is.
#[derive(Debug, Clone)]
struct Op {
    what: u8,
    payment: u8,
    /// Sixteenths of what seems right; beyond it from 17 on.
    share: i64,
    of: usize,
    acquirer: u8,
    words: u8,
}

fn op() -> impl Strategy<Value = Op> {
    let acquirer = prop_oneof![12 => Just(0_u8), 1 => 1..3_u8];
    (0..23_u8, 0..3_u8, 0..20_i64, 0..16_usize, acquirer, any::<u8>()).prop_map(
        |(what, payment, share, of, acquirer, words)| Op {
            what,
            payment,
            share,
            of,
            acquirer,
            words,
        },
    )
}

const ACQUIRERS: [&str; 4] = ["tips", "phone", "bell", "whole"];
const MERCHANTS: [&str; 6] = ["m", "back", "taxed", "micro", "rolling", "limit"];

/// A book, and beside it what the acquirer has still to report.
struct World {
    book: Book,
    merchant: &'static str,
    home: usize,
    currency: Currency,
    now: DateTime<Utc>,
    items: Vec<(EntryNumber, AccountCode, Reportable)>,
    booked: usize,
}

impl World {
    /// Books an event that no rule is against.
    fn must(&mut self, kind: EntryKind, minor: i64) {
        let op = Op {
            what: 0,
            payment: 0,
            share: 0,
            of: 0,
            acquirer: 0,
            words: 0,
        };
        let event = self.event(kind, &op, minor, Details::default());
        let decision = self.book.decide(&event, None).expect("a decision");
        self.book.book(&event, &decision);
        self.booked += 1;
    }

    fn event(&self, kind: EntryKind, op: &Op, minor: i64, details: Details) -> PaymentEvent {
        let place = (self.home + usize::from(op.acquirer)) % ACQUIRERS.len();
        let currency = match op.words {
            255 => Currency::parse("EUR").expect("a currency"),
            _ => self.currency,
        };
        PaymentEvent {
            kind,
            merchant: self.merchant.to_owned(),
            payment: format!("p{}", op.payment),
            reference: format!("e{}", self.booked),
            money: Money::from_minor(minor, currency),
            occurred_at: self.now,
            acquirer: ACQUIRERS[place].to_owned(),
            acquirer_reference: None,
            merchant_reference: None,
            arn: None,
            rrn: None,
            auth_code: None,
            details,
        }
    }

    /// The event that an operation comes to; none where it is none.
    fn stated(&mut self, op: &Op) -> Option<PaymentEvent> {
        let payment = self.book.payments.get(&format!("p{}", op.payment)).cloned();
        let of = |amount: fn(&Payment) -> i64| payment.as_ref().map_or(0, amount).max(1);
        let part = |whole: i64| match op.share {
            17.. => whole + op.share - 16,
            share => (whole * share / 16).max(i64::from(op.share > 0)),
        };
        let references: Vec<String> = self.book.originals.keys().cloned().collect();
        let original = references.get(op.of % references.len().max(1)).cloned();
        let whole = original.as_ref().map_or(1, |name| {
            let original = &self.book.originals[name];
            let real = original
                .transfers
                .iter()
                .find(|transfer| !transfer.debit.code.is_memo());
            real.map_or(1, |transfer| transfer.amount)
        });
        let undoing = Details {
            original,
            ..Details::default()
        };
        let (kind, minor, details) = match op.what {
            0 | 1 => {
                let before = op.words.is_multiple_of(3).then(|| self.now + TimeDelta::days(5));
                let details = Details {
                    capture_before: before,
                    method: op.words.is_multiple_of(2).then(|| "carrier".to_owned()),
                    ..Details::default()
                };
                (EntryKind::Authorization, part(10_000), details)
            }
            2 => (EntryKind::AuthorizationIncrement, part(3_000), Details::default()),
            3 => (
                EntryKind::AuthorizationReversal,
                part(of(Payment::open)),
                Details::default(),
            ),
            4 => (EntryKind::Decline, part(10_000), Details::default()),
            5 => (EntryKind::Unknown, part(10_000), Details::default()),
            6..=9 => {
                let details = Details {
                    is_final: op.words.is_multiple_of(5),
                    aggregate: op.words.is_multiple_of(4).then(|| format!("tray {}", op.words % 3)),
                    ..Details::default()
                };
                (EntryKind::Capture, part(of(Payment::open)), details)
            }
            10 => (EntryKind::CaptureVoid, whole, undoing),
            11 => {
                let (name, tray) = self
                    .book
                    .aggregates
                    .iter()
                    .nth(op.of % self.book.aggregates.len().max(1))?;
                let details = Details {
                    aggregate: Some(name.clone()),
                    items: u32::try_from(tray.items).ok().filter(|items| *items > 0),
                    ..Details::default()
                };
                (EntryKind::Aggregate, tray.gross, details)
            }
            12 => (EntryKind::Void, of(Payment::open), Details::default()),
            13 | 14 => {
                let details = Details {
                    by: op.words.is_multiple_of(3).then_some(RefundWay::Transfer),
                    ..Details::default()
                };
                (EntryKind::Refund, part(of(Payment::refundable)), details)
            }
            15 => (EntryKind::RefundFailure, whole, undoing),
            16 => (EntryKind::RefundPaid, whole, undoing),
            17 => {
                let details = Details {
                    cost: op.words.is_multiple_of(2).then_some(1_000),
                    ..Details::default()
                };
                let kind = match op.words % 3 {
                    0 => EntryKind::SecondChargeback,
                    _ => EntryKind::Chargeback,
                };
                (kind, part(of(|payment| payment.captured)), details)
            }
            18 => {
                let taken = of(|payment| payment.charged_back);
                (EntryKind::ChargebackReversal, part(taken), Details::default())
            }
            19 => (
                EntryKind::Unpaid,
                part(of(|payment| payment.captured)),
                Details::default(),
            ),
            20 => (EntryKind::UnpaidRecovery, part(whole), undoing),
            21 => {
                self.report(op.of);
                return None;
            }
            _ => {
                self.now += TimeDelta::days(i64::from(op.words % 4));
                self.book.expire(self.now);
                return None;
            }
        };
        Some(self.event(kind, op, minor, details))
    }

    /// The acquirer reports an item: what it is worth is in transit, and a capture's money becomes available.
    fn report(&mut self, of: usize) {
        if self.items.is_empty() {
            return;
        }
        let (number, receivable, item) = self.items.remove(of % self.items.len());
        let named = self
            .book
            .originals
            .values_mut()
            .find(|original| original.number == number);
        let original = named.expect("an entry");
        original.open = false;
        let kind = original.kind;
        let known = original
            .transfers
            .iter()
            .flat_map(|transfer| [&transfer.debit, &transfer.credit])
            .find(|account| account.code == receivable);
        // An aggregate has no transfers of its own: its currency is that of the book, its acquirer that of its captures.
        let account = known.cloned().or_else(|| {
            let accounts = self.book.balances.keys();
            let of_tray = self.book.aggregates.values().find(|tray| tray.closed == Some(number))?;
            let mut fitting = accounts.filter(|account| account.code == receivable);
            fitting.find(|account| account.dimension == of_tray.acquirer).cloned()
        });
        let account = account.expect("the receivable");
        let account_of = |code: AccountCode| Account {
            code,
            currency: account.currency,
            dimension: match code.dimension() {
                DimensionKind::Acquirer => account.dimension.clone(),
                DimensionKind::Bank => "main".into(),
                DimensionKind::None => "".into(),
            },
        };
        let mut moved = Vec::new();
        let mut push = |debit: AccountCode, credit: AccountCode, amount: i64| {
            let (debit, credit) = if amount < 0 { (credit, debit) } else { (debit, credit) };
            if amount != 0 {
                moved.push(Transfer {
                    debit: account_of(debit),
                    credit: account_of(credit),
                    amount: amount.abs(),
                });
            }
        };
        push(AccountCode::AcquirerInTransit, receivable, item.gross - item.cost);
        if matches!(kind, EntryKind::Capture | EntryKind::Aggregate) {
            push(AccountCode::MerchantPending, AccountCode::MerchantReserve, item.reserve);
            let payable = item.gross - item.merchant_fee - item.reserve;
            push(AccountCode::MerchantPending, AccountCode::MerchantAvailable, payable);
        }
        self.book.moved(&moved);
    }

    fn happens(&mut self, op: &Op) {
        let Some(event) = self.stated(op) else {
            return self.holds();
        };
        self.book.held_by = op.words.is_multiple_of(7).then(|| "rule".to_owned());
        let decided = self.book.decide(&event, None);
        assert_eq!(decided, self.book.decide(&event, None));
        let Ok(decision) = decided else {
            return;
        };
        self.book.proper(&event, &decision);
        self.restores(&decision);
        self.book.book(&event, &decision);
        let number = self.book.originals[&event.reference].number;
        if let Some(withdrawn) = decision.withdrawn {
            let before = self.items.len();
            self.items.retain(|(number, _, _)| *number != withdrawn);
            assert_eq!(self.items.len() + 1, before);
        }
        if let Some(item) = decision.reportable {
            let kind = match event.acquirer.as_str() {
                "phone" | "bell" => AcquirerKind::Carrier,
                _ => AcquirerKind::Acquirer,
            };
            self.items.push((number, receivable(kind), item));
        }
        self.booked += 1;
        if std::env::var("COUNT").is_ok() {
            eprintln!(
                "KIND {} {} {}",
                event.kind,
                decision.flags.len(),
                decision.reserve_applied.signum()
            );
        }
        self.holds();
    }

    /// What undoes a refund puts back what it took out of the reserve, and what undoes a capture takes its claim away.
    fn restores(&self, decision: &Decision) {
        let moved = |code: AccountCode| {
            let signed = decision.transfers.iter().map(|transfer| {
                let debit = if transfer.debit.code == code {
                    transfer.amount
                } else {
                    0
                };
                let credit = if transfer.credit.code == code {
                    transfer.amount
                } else {
                    0
                };
                debit - credit
            });
            signed.sum::<i64>()
        };
        assert_eq!(moved(AccountCode::MerchantReserve), decision.reserve_applied);
        let claims = [AccountCode::AcquirerReceivable, AccountCode::CarrierReceivable].map(moved);
        let withdrawn = decision.withdrawn.map_or(0, |number| {
            let item = self
                .items
                .iter()
                .find(|(known, _, _)| *known == number)
                .expect("an item");
            item.2.gross - item.2.cost
        });
        let tray = |aggregate: &Aggregate| {
            let before = self
                .book
                .aggregates
                .get(&aggregate.name)
                .map_or(0, |before| before.gross);
            aggregate.gross - before
        };
        let tray = decision.aggregate.as_ref().map_or(0, tray);
        let handed_in = decision.transfers.is_empty() && decision.aggregate.is_some();
        let reported = decision.reportable.filter(|_| !handed_in);
        let reported = reported.map_or(0, |item| item.gross - item.cost);
        // Every claim on an acquirer is an item that it will report, or waits in a tray to become one.
        assert_eq!(claims[0] + claims[1], reported - withdrawn + tray, "{decision:?}");
    }

    /// What acquirers owe is what they have not reported: the items, and what waits in trays.
    fn holds(&self) {
        self.book.holds();
        let owed = self.book.balances.iter().filter_map(|(account, debits)| {
            let receivable = [AccountCode::AcquirerReceivable, AccountCode::CarrierReceivable].contains(&account.code);
            receivable.then_some(*debits)
        });
        let items = self.items.iter().map(|(_, _, item)| item.gross - item.cost);
        let trays = self
            .book
            .aggregates
            .values()
            .filter(|tray| tray.closed.is_none())
            .map(|tray| tray.gross);
        assert_eq!(owed.sum::<i64>(), items.sum::<i64>() + trays.sum::<i64>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_the_book(
        ops in prop::collection::vec(op(), 1..80),
        merchant in 0..MERCHANTS.len(),
        home in 0..ACQUIRERS.len(),
        code in 0..super::CURRENCIES.len(),
    ) {
        let settings = Settings::parse(&super::settings()).expect("settings");
        let mut world = World {
            book: Book::new(settings),
            merchant: MERCHANTS[merchant],
            home,
            currency: Currency::parse(super::CURRENCIES[code]).expect("a currency"),
            now: "2026-03-02T12:00:00Z".parse().expect("an instant"),
            items: Vec::new(),
            booked: 0,
        };
        for op in &ops {
            world.happens(op);
        }
    }
    /// However it is divided: taken in parts, given back in parts.
    #[test]
    fn a_dispute_that_is_won_costs_its_fee_at_most(
        captured in 1..1_000_000_i64,
        taken in prop::collection::vec(0..=100_i64, 1..4),
        given in prop::collection::vec(0..=100_i64, 0..4),
        code in 0..super::CURRENCIES.len(),
        (merchant, fee) in prop_oneof![Just(("m", 0)), Just(("back", 1_500)), Just(("taxed", 0))],
    ) {
        let settings = Settings::parse(&super::settings()).expect("settings");
        let mut world = World {
            book: Book::new(settings),
            merchant,
            home: 0,
            currency: Currency::parse(super::CURRENCIES[code]).expect("a currency"),
            now: "2026-03-02T12:00:00Z".parse().expect("an instant"),
            items: Vec::new(),
            booked: 0,
        };
        for kind in [EntryKind::Authorization, EntryKind::Capture] {
            world.must(kind, captured);
        }
        let before = world.book.balance(AccountCode::MerchantAvailable, world.currency);
        let (mut rest, mut disputes) = (captured, 0);
        for share in taken {
            let part = rest * share / 100;
            if part > 0 {
                world.must(EntryKind::Chargeback, part);
                (rest, disputes) = (rest - part, disputes + 1);
            }
        }
        let mut lost = captured - rest;
        for share in given {
            let part = lost * share / 100;
            if part > 0 {
                world.must(EntryKind::ChargebackReversal, part);
                lost -= part;
            }
        }
        if lost > 0 {
            world.must(EntryKind::ChargebackReversal, lost);
        }
        let after = world.book.balance(AccountCode::MerchantAvailable, world.currency);
        prop_assert_eq!((before - after).abs(), fee * disputes);
    }
}
