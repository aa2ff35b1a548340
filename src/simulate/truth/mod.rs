//! The truth: what a correct engine must find, computed by a bookkeeping of its own.
//!
//! Every fact is booked here as it is told, by the table of entries that the engine follows, but with none of its code:
//! accounts are numbers, a balance is Σ debits - Σ credits over all books. Where the two disagree, one of them is wrong.

mod charges;
mod document;

use std::collections::BTreeMap;

use self::charges::{Account as Charged, Charges, Contract, Done, Sums};
pub use self::document::{BreakItem, Sources};
use super::fees::SCHEDULES;
use super::settlement::Costs;
use super::story::{Event, EventKind, Fate, Story};
use super::world::{CARDS, CARRIER_BY_MERCHANT, CURRENCIES, Day, TOLERANCE, World};
use super::{BreakKind, SimulateError, minus, plus};

/// What tells accounts of one code apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    /// Nothing.
    Nobodys,
    /// The acquirer: a place in the table of acquirers.
    Acquirers(usize),
    /// Our bank account.
    Banks,
}

/// An account: its code, whose it is, and a place in [`CURRENCIES`].
type Account = (i16, Whose, usize);

/// Balances by account, positive where debits exceed credits.
#[derive(Default, Clone)]
struct Balances(BTreeMap<Account, i64>);

impl Balances {
    fn add(&mut self, code: i16, acquirer: usize, currency: usize, amount: i64) -> Result<(), SimulateError> {
        let whose = match code {
            1010 => Whose::Banks,
            1100 | 1110 | 1130 | 1900 | 2900 | 5010 | 5020 | 5030 | 5040 => Whose::Acquirers(acquirer),
            _ => Whose::Nobodys,
        };
        let balance = self.0.entry((code, whose, currency)).or_default();
        *balance = plus(*balance, amount)?;
        Ok(())
    }
}

/// Whose fact: a merchant's number, the place of the currency among the merchant's two, and in [`CURRENCIES`].
#[derive(Clone, Copy)]
pub struct Owner {
    /// The merchant's number, from 0.
    pub merchant: usize,
    /// 0 or 1.
    pub slot: usize,
    /// The currency.
    pub currency: usize,
}

/// Debit ← credit: two codes and an amount.
type Transfer = (i16, i16, i64);

/// What is kept of a story while it is told.
#[derive(Default)]
pub struct Booked {
    /// What events moved that a later one undoes, by their places.
    undone: BTreeMap<usize, (Vec<Transfer>, Done)>,
    /// What its payments were charged and given back.
    charged: Vec<Charged>,
    /// What the merchant paid for the captures of the story's aggregate, minor units.
    aggregate_fee: i64,
    /// What it paid for the latest capture.
    capture_fee: i64,
}

/// What a merchant has in a currency, minor units.
#[derive(Clone, Copy, Default)]
struct Funds {
    /// Account 2010.
    pending: i64,
    /// Account 2020.
    available: i64,
}

impl Funds {
    fn add(&mut self, code: i16, credit: i64) -> Result<(), SimulateError> {
        let balance = match code {
            2010 => &mut self.pending,
            2020 => &mut self.available,
            _ => return Ok(()),
        };
        *balance = plus(*balance, credit)?;
        Ok(())
    }
}

/// How often, and how much.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
struct Total {
    count: u64,
    amount: i64,
}

impl Total {
    fn add(&mut self, amount: i64) -> Result<(), SimulateError> {
        self.count = self.count.saturating_add(1);
        self.amount = plus(self.amount, amount)?;
        Ok(())
    }
}

/// The bookkeeping while the day is told.
pub struct Truth {
    /// Exact sums of fees.
    sums: Sums,
    recorded: Balances,
    reconciled: Balances,
    /// By merchant and the place of the currency among the merchant's two: what it has once all events are recorded.
    funds: Vec<[Funds; 2]>,
    /// What the settlement file adds to account 2020.
    settled: Vec<[i64; 2]>,
    /// What of authorizations runs out.
    expired: Vec<[Total; 2]>,
    /// Payments of which nobody knows whether they were authorized.
    unknown: u64,
    /// Refunds by transfer that left the bank, by currency.
    paid_by_transfer: [Total; CURRENCIES.len()],
    events: BTreeMap<&'static str, u64>,
    booked: u64,
    refused: Vec<document::Refused>,
    replayed: Vec<document::Replayed>,
    matched: BTreeMap<u8, u64>,
    within_tolerance: u64,
    breaks: BTreeMap<BreakKind, u64>,
    items: Vec<BreakItem>,
}

impl Truth {
    /// Nothing has happened yet.
    pub fn new(merchants: usize) -> Self {
        Self {
            sums: Sums::default(),
            recorded: Balances::default(),
            reconciled: Balances::default(),
            funds: vec![[Funds::default(); 2]; merchants],
            settled: vec![[0; 2]; merchants],
            expired: vec![[Total::default(); 2]; merchants],
            unknown: 0,
            paid_by_transfer: Default::default(),
            events: BTreeMap::new(),
            booked: 0,
            refused: Vec::new(),
            replayed: Vec::new(),
            matched: BTreeMap::new(),
            within_tolerance: 0,
            breaks: BTreeMap::new(),
            items: Vec::new(),
        }
    }

    /// How many events were told.
    pub fn event_count(&self) -> u64 {
        self.events.values().copied().fold(0, u64::saturating_add)
    }

    /// What left the bank for refunds, by currency: how many, and the sum in minor units.
    pub fn paid_by_transfer(&self) -> [(u64, i64); CURRENCIES.len()] {
        self.paid_by_transfer.map(|total| (total.count, total.amount))
    }

    /// A break was planted.
    pub fn plant(&mut self, item: BreakItem) {
        let count = self.breaks.entry(item.class).or_default();
        *count = count.saturating_add(1);
        self.items.push(item);
    }

    /// Whether a merchant's money covers a refund.
    pub fn covers(&self, world: &World, owner: Owner, amount: i64) -> Result<bool, SimulateError> {
        let funds = self.funds[owner.merchant][owner.slot];
        let own = plus(funds.pending, funds.available)?;
        let limit = world.negative_limit(owner.merchant, owner.currency);
        Ok(minus(amount, own)?.max(0) <= limit)
    }

    /// Takes an event down, and books it where it is to be booked. `line` is its line in the event file.
    pub fn record(&mut self, world: &World, story: &mut Story, event: &Event, line: u64) -> Result<(), SimulateError> {
        let count = self.events.entry(event.kind.name()).or_default();
        *count = count.saturating_add(1);
        match event.fate {
            Fate::Booked => {
                self.booked = self.booked.saturating_add(1);
                self.book(world, story, event)
            }
            Fate::Replayed => {
                self.replayed.push(document::Replayed::new(line, event));
                Ok(())
            }
            Fate::Refused { rule, field } => {
                self.refused
                    .push(document::Refused::new(line, rule, field, story, event));
                Ok(())
            }
        }
    }

    fn book(&mut self, world: &World, story: &mut Story, event: &Event) -> Result<(), SimulateError> {
        let owner = story.owner;
        if story.booked.charged.len() <= event.payment {
            let count = event.payment.saturating_add(1);
            story.booked.charged.resize_with(count, Charged::default);
        }
        let contract = Contract {
            owner,
            schedule: &SCHEDULES[world.merchants[owner.merchant].schedule],
            day: world.day(event.at.day).date,
            today: world.day(Day::Simulated).date,
        };
        let Charges { mut transfers, done } = self.money(&contract, story, event)?;
        // The promise is told by `hold`, also where it is opened again.
        for &(debit, credit, amount) in transfers.iter().chain([&(9010, 9020, event.hold)]) {
            for (code, signed) in [(debit, amount), (credit, amount.saturating_neg())] {
                self.recorded.add(code, event.acquirer, owner.currency, signed)?;
                self.funds[owner.merchant][owner.slot].add(code, signed.saturating_neg())?;
            }
        }
        if event.undone {
            transfers.retain(|(.., amount)| *amount != 0);
            story.booked.undone.insert(event.place, (transfers, done));
        }
        Ok(())
    }

    /// What an event moves beside the promise.
    fn money(&mut self, contract: &Contract, story: &mut Story, event: &Event) -> Result<Charges, SimulateError> {
        let (amount, sums) = (event.amount, &mut self.sums);
        let receivable = if event.acquirer == CARDS { 1100 } else { 1130 };
        let Booked {
            undone,
            charged,
            aggregate_fee,
            capture_fee,
        } = &mut story.booked;
        let account = &mut charged[event.payment];
        let mut mirrored = || {
            let (transfers, done) = event.undoes.and_then(|place| undone.remove(&place)).unwrap_or_default();
            let swap = |(debit, credit, amount): Transfer| (credit, debit, amount);
            (transfers.into_iter().map(swap).collect::<Vec<_>>(), done)
        };
        let mut charges = Charges::default();
        match event.kind {
            EventKind::Increment
            | EventKind::AuthorizationReversal
            | EventKind::Void
            | EventKind::Decline
            | EventKind::Unknown
            | EventKind::Aggregate => {}
            EventKind::Authorization => charges.transfers = contract.authorization(),
            EventKind::Capture => {
                let instrument = story.payments[event.payment].instrument;
                charges = contract.capture(sums, account, instrument, amount)?;
                *capture_fee = charges.total()?;
                if event.details.aggregate.is_some() && !event.undone {
                    *aggregate_fee = plus(*aggregate_fee, *capture_fee)?;
                }
                charges.transfers.push((receivable, 2010, amount));
            }
            EventKind::CaptureVoid => {
                let (transfers, done) = mirrored();
                charges = contract.undo_capture(sums, account, &done, amount)?;
                charges.transfers.extend(transfers);
            }
            EventKind::Refund => {
                charges = contract.refund(sums, account, amount)?;
                let by_transfer = event.details.by.is_some();
                let to = if by_transfer { 2200 } else { receivable };
                charges.transfers.push((2020, to, amount));
            }
            EventKind::RefundFailure => {
                let (transfers, done) = mirrored();
                charges = contract.undo_refund(sums, account, &done, amount)?;
                charges.transfers.extend(transfers);
            }
            EventKind::RefundPaid => {
                charges.transfers.push((2200, 1010, amount));
                self.paid_by_transfer[contract.owner.currency].add(amount)?;
            }
            EventKind::Chargeback | EventKind::SecondChargeback if event.unknown => {
                charges.transfers.push((1900, receivable, amount));
            }
            EventKind::Chargeback | EventKind::SecondChargeback => {
                charges.transfers = contract.chargeback(account, amount)?;
                charges.transfers.push((2020, receivable, amount));
            }
            EventKind::ChargebackReversal => {
                charges.transfers = contract.won(account, amount)?;
                charges.transfers.push((receivable, 2020, amount));
            }
            EventKind::Unpaid => charges.transfers.push((bearer(event.acquirer), receivable, amount)),
            EventKind::UnpaidRecovery => charges.transfers.push((receivable, bearer(event.acquirer), amount)),
        }
        Ok(charges)
    }

    /// A story is told to its end: what is open of its promises, and will not be before they run out.
    pub fn end(&mut self, story: &Story) -> Result<(), SimulateError> {
        let owner = story.owner;
        for payment in &story.payments {
            if payment.expires && payment.open > 0 {
                self.expired[owner.merchant][owner.slot].add(payment.open)?;
            }
            self.unknown = self.unknown.saturating_add(u64::from(payment.outcome_unknown));
        }
        Ok(())
    }

    /// Books a line that proves an event: `line` is its gross, unsigned, and `pass` how it was found.
    pub fn matched(
        &mut self,
        story: &Story,
        event: &Event,
        pass: u8,
        line: i64,
        costs: Costs,
    ) -> Result<(), SimulateError> {
        let count = self.matched.entry(pass).or_default();
        *count = count.saturating_add(1);
        let (item, currency) = (event.amount, story.owner.currency);
        self.costs(currency, costs)?;
        let (agreed, over) = (line.min(item), line.saturating_sub(item));
        let fee = match event.kind {
            EventKind::Refund | EventKind::Chargeback | EventKind::SecondChargeback => {
                return self.settle(1100, 1110, currency, agreed);
            }
            EventKind::ChargebackReversal => return self.settle(1110, 1100, currency, agreed),
            EventKind::Capture => story.booked.capture_fee,
            EventKind::Aggregate => story.booked.aggregate_fee,
            EventKind::Authorization
            | EventKind::Increment
            | EventKind::AuthorizationReversal
            | EventKind::Decline
            | EventKind::Unknown
            | EventKind::Void
            | EventKind::CaptureVoid
            | EventKind::RefundFailure
            | EventKind::RefundPaid
            | EventKind::Unpaid
            | EventKind::UnpaidRecovery => return Ok(()),
        };
        self.settle(1110, 1100, currency, agreed)?;
        let tolerated = over.saturating_abs() <= TOLERANCE;
        if over != 0 && tolerated {
            self.within_tolerance = self.within_tolerance.saturating_add(1);
        }
        match (over > 0, tolerated) {
            (true, true) => self.settle(1110, 5900, currency, over)?,
            (true, false) => self.settle(1110, 2900, currency, over)?,
            (false, true) => self.settle(5900, 1100, currency, over.saturating_neg())?,
            (false, false) => self.settle(1900, 1100, currency, over.saturating_neg())?,
        }
        let earned = if tolerated { item } else { agreed };
        let payable = minus(earned, fee)?;
        self.settle(2010, 2020, currency, payable)?;
        let settled = &mut self.settled[story.owner.merchant][story.owner.slot];
        *settled = plus(*settled, payable)?;
        Ok(())
    }

    /// Books a line that proves nothing: its money has no owner yet.
    pub fn stray(&mut self, currency: usize, net: i64, costs: Costs) -> Result<(), SimulateError> {
        self.costs(currency, costs)?;
        let gross = plus(net, costs.total())?;
        let (debit, credit) = if gross >= 0 { (1110, 2900) } else { (1900, 1110) };
        self.settle(debit, credit, currency, gross.saturating_abs())
    }

    fn costs(&mut self, currency: usize, costs: Costs) -> Result<(), SimulateError> {
        let acquirers = plus(costs.commission, costs.markup)?;
        self.settle(5010, 1110, currency, costs.interchange)?;
        self.settle(5020, 1110, currency, costs.scheme_fee)?;
        self.settle(5030, 1110, currency, acquirers)
    }

    /// Books what the settlement file brings: debits one account and credits another. A negative amount is the contrary.
    fn settle(&mut self, debit: i16, credit: i16, currency: usize, amount: i64) -> Result<(), SimulateError> {
        self.reconciled.add(debit, CARDS, currency, amount)?;
        self.reconciled.add(credit, CARDS, currency, amount.saturating_neg())
    }
}

/// Who bears an unpaid phone bill.
fn bearer(acquirer: usize) -> i16 {
    if acquirer == CARRIER_BY_MERCHANT { 2020 } else { 5060 }
}
