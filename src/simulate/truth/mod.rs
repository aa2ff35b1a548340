//! The truth: what a correct engine must find, computed by a bookkeeping of its own.
//!
//! Every fact is booked here as it is told, by the table of entries that the engine follows, but with none of its code:
//! accounts are numbers, a balance is Σ debits - Σ credits over all books. Where the two disagree, one of them is wrong.
//!
//! The order is that of the commands: the day's events; what ran out; late events; advances; the settlement files, and what only
//! they say; what is released on their day; what is set aside; payouts; events after them; what is released at last; monthly
//! minimums. What the files bring is known as soon as the events are told, and added in its turn.

mod available;
mod charges;
mod document;
mod month;

use std::collections::BTreeMap;

use self::available::{Advance, Claim, Money};
use self::charges::{Account as Charged, Charges, Contract, Done, Sums};
pub use self::document::{BreakItem, Settled, Sources};
use self::month::Month;
use super::fees::{Rounding, SCHEDULES, round};
use super::settlement::{BatchSums, Costs, FIRST_BATCH, Line};
use super::statement::{self, Paid};
use super::story::{Event, EventKind, Fate, Stage, Story};
use super::world::{ACQUIRERS, CARDS, CARRIER_BY_MERCHANT, CURRENCIES, Day, SETTLES_WITHIN_DAYS, TOLERANCE, World};
use super::{BreakKind, SimulateError, minus, plus, settlement_files};

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
    /// Debits one account and credits another. A negative amount is the contrary.
    fn book(
        &mut self,
        (debit, credit, amount): Transfer,
        acquirer: usize,
        currency: usize,
    ) -> Result<(), SimulateError> {
        for (code, signed) in [(debit, amount), (credit, amount.saturating_neg())] {
            let whose = match code {
                1010 => Whose::Banks,
                1100 | 1110 | 1120 | 1130 | 1900 | 2900 | 5010 | 5020 | 5030 | 5040 => Whose::Acquirers(acquirer),
                _ => Whose::Nobodys,
            };
            self.add((code, whose, currency), signed)?;
        }
        Ok(())
    }

    fn add(&mut self, account: Account, amount: i64) -> Result<(), SimulateError> {
        let balance = self.0.entry(account).or_default();
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
    /// What events moved that a later one undoes, by their places; a capture with what it claimed.
    undone: BTreeMap<usize, (Vec<Transfer>, Done, Claim)>,
    /// What its payments were charged and given back.
    charged: Vec<Charged>,
    /// What the captures of its aggregate claim.
    aggregate: Claim,
    /// What the latest capture claims.
    capture: Claim,
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
    /// As far as everything is told.
    books: Balances,
    /// What each settlement file will bring.
    files: [Balances; ACQUIRERS],
    /// What merchants have and will have.
    money: Money,
    /// What merchants are charged in the simulated day's month.
    month: Month,
    /// The books after each step, by its name.
    steps: Vec<(&'static str, Balances)>,
    /// By merchant and the place of the currency among the merchant's two: what of authorizations runs out.
    expired: Vec<[Total; 2]>,
    /// What is advanced.
    advances: Vec<Advance>,
    /// Payments of which nobody knows whether they were authorized.
    unknown: u64,
    /// Those of which the settlement file knows.
    answered: u64,
    /// Refunds by transfer that left the bank, by currency.
    paid_by_transfer: [Total; CURRENCIES.len()],
    events: BTreeMap<&'static str, u64>,
    booked: u64,
    late: u64,
    after: u64,
    refused: Vec<document::Refused>,
    replayed: Vec<document::Replayed>,
    claims: Vec<document::Claimed>,
    refused_files: Vec<&'static str>,
    decisions: Vec<document::Decision>,
    matched: BTreeMap<u8, u64>,
    /// Of those in the file of the acquirer of cards: reported past the day on which they were expected, and else of another day.
    late_matches: u64,
    cutoff_matches: u64,
    within_tolerance: u64,
    breaks: BTreeMap<BreakKind, u64>,
    items: Vec<BreakItem>,
}

impl Truth {
    /// Nothing has happened yet.
    pub fn new(world: &World) -> Self {
        Self {
            sums: Sums::default(),
            books: Balances::default(),
            files: Default::default(),
            money: Money::new(world.merchants.len()),
            month: Month::new(world.merchants.len()),
            steps: Vec::new(),
            expired: vec![[Total::default(); 2]; world.merchants.len()],
            advances: Vec::new(),
            unknown: 0,
            answered: 0,
            paid_by_transfer: Default::default(),
            events: BTreeMap::new(),
            booked: 0,
            late: 0,
            after: 0,
            refused: Vec::new(),
            replayed: Vec::new(),
            claims: Vec::new(),
            refused_files: Vec::new(),
            decisions: Vec::new(),
            matched: BTreeMap::new(),
            late_matches: 0,
            cutoff_matches: 0,
            within_tolerance: 0,
            breaks: BTreeMap::new(),
            items: Vec::new(),
        }
    }

    /// How many events were told, late ones and those after the payouts included.
    pub fn event_count(&self) -> u64 {
        let later = self.late.saturating_add(self.after);
        self.events.values().copied().fold(later, u64::saturating_add)
    }

    /// Whether there are events for the file of those after the payouts.
    pub fn has_events_after(&self) -> bool {
        self.after > 0
    }

    /// Whether there are events for the file of late ones.
    pub fn has_late_events(&self) -> bool {
        self.late > 0
    }

    /// What left the bank for refunds, by currency: how many, and the sum in minor units.
    pub fn paid_by_transfer(&self) -> [(u64, i64); CURRENCIES.len()] {
        self.paid_by_transfer.map(|total| (total.count, total.amount))
    }

    /// A file of events claims what its captures in a currency come to.
    pub fn claims(&mut self, file: &'static str, currency: usize, items: u64, amount: i64) {
        self.claims.push(document::Claimed::new(file, currency, items, amount));
    }

    /// A file of events is not what it claims: nothing of it may be booked.
    pub fn refuses(&mut self, file: &'static str) {
        self.refused_files.push(file);
    }

    /// A break was planted.
    pub fn plant(&mut self, item: BreakItem) {
        let count = self.breaks.entry(item.class).or_default();
        *count = count.saturating_add(1);
        self.items.push(item);
    }

    /// Takes down of which batches another sum is withheld than the contract says: as many as were planned.
    pub fn misheld(&mut self, world: &World, sums: &[BatchSums; CURRENCIES.len()]) -> Result<(), SimulateError> {
        let mut left = world.misheld;
        for (currency, batch) in sums.iter().enumerate().filter(|(_, batch)| batch.is_misheld()) {
            left = left.saturating_sub(1);
            let mut item = BreakItem::new(BreakKind::ReserveMismatch);
            item.batch = Some(world.format(CARDS).batch_name(world, batch.number));
            item.currency = Some(CURRENCIES[currency].code);
            (item.expected, item.actual) = (batch.due, Some(batch.reserve));
            self.plant(item);
        }
        if left > 0 {
            return Err(SimulateError::TooFewBatches {
                kind: BreakKind::ReserveMismatch,
                count: world.misheld,
                batches: sums.iter().filter(|batch| batch.lines > 0).count(),
            });
        }
        Ok(())
    }

    /// Takes down which files never came: batches by their numbers, or currencies whose balances tell.
    pub fn missing_files(&mut self, world: &World, sums: &[BatchSums; CURRENCIES.len()]) -> Result<(), SimulateError> {
        let reported: Vec<usize> = (0..CURRENCIES.len()).filter(|place| sums[*place].lines > 0).collect();
        let format = world.format(CARDS);
        if world.missing_numbers() > 0 && reported.len() < 2 {
            return Err(SimulateError::NothingBetween);
        }
        for place in 0..usize::try_from(world.missing_files).unwrap_or(usize::MAX) {
            let mut item = BreakItem::new(BreakKind::MissingFile);
            item.file = Some(settlement_files(world, CARDS).0.to_owned());
            if format.numbers_batches() {
                let number = FIRST_BATCH.saturating_add(place).saturating_add(1);
                item.batch = Some(format.batch_name(world, number));
            } else if let Some(currency) = reported.get(place) {
                item.currency = Some(CURRENCIES[*currency].code);
            } else {
                return Err(SimulateError::TooFewBatches {
                    kind: BreakKind::MissingFile,
                    count: world.missing_files,
                    batches: reported.len(),
                });
            }
            self.plant(item);
        }
        Ok(())
    }

    /// Takes down what the bank's statements show that they should not.
    pub fn at_bank(&mut self, world: &World, paid: &[Paid]) {
        let code = |currency: usize| Some(CURRENCIES[currency].code);
        for batch in paid.iter().filter(|batch| batch.came != Some(batch.net)) {
            let kind = match batch.came {
                Some(_) => BreakKind::FundingMismatch,
                None => BreakKind::MissingReceipt,
            };
            let mut item = BreakItem::new(kind);
            let format = world.format(batch.acquirer);
            item.batch = Some(format.payout_name(world, batch.acquirer, batch.number));
            item.currency = code(batch.currency);
            (item.expected, item.actual) = (Some(batch.net), batch.came);
            self.plant(item);
        }
        for (currency, amount) in statement::gifts(world, paid) {
            let mut item = BreakItem::new(BreakKind::UnidentifiedReceipt);
            (item.currency, item.actual) = (code(currency), Some(amount));
            self.plant(item);
        }
    }

    /// Whether a merchant's money covers a refund.
    pub fn covers(&self, world: &World, owner: Owner, amount: i64) -> Result<bool, SimulateError> {
        let limit = world.negative_limit(owner.merchant, owner.currency);
        let (missing, reserve) = self.money.missing(world, owner, amount)?;
        Ok(minus(missing, reserve)? <= limit)
    }

    /// Ends a step: these are the books after it.
    fn step(&mut self, name: &'static str) {
        self.steps.push((name, self.books.clone()));
    }

    /// Takes an event down, and books it where it is to be booked. `line` is its line in the event file.
    pub fn record(&mut self, world: &World, story: &mut Story, event: &Event, line: u64) -> Result<(), SimulateError> {
        match event.stage {
            Stage::Day => {
                let count = self.events.entry(event.kind.name()).or_default();
                *count = count.saturating_add(1);
            }
            Stage::Late => self.late = self.late.saturating_add(1),
            Stage::After => self.after = self.after.saturating_add(1),
            Stage::File => {
                let is_answer = event.kind == EventKind::Authorization;
                self.answered = self.answered.saturating_add(u64::from(is_answer));
            }
        }
        if let Some(decided) = event.decided {
            self.decisions.push(document::Decision::new(story, event, decided));
        }
        match event.fate {
            Fate::Booked => {
                self.booked = self.booked.saturating_add(u64::from(event.stage == Stage::Day));
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
        let contract = contract(world, owner, event);
        let Charges { mut transfers, done } = self.moved(world, &contract, story, event)?;
        // The promise is told by `hold`, also where it is opened again.
        for &transfer in transfers.iter().chain([&(9010, 9020, event.hold)]) {
            self.books.book(transfer, event.acquirer, owner.currency)?;
            self.money.moved(owner, transfer)?;
            self.month.moved(&contract, transfer)?;
        }
        if event.undone {
            transfers.retain(|(.., amount)| *amount != 0);
            let claim = story.booked.capture;
            story.booked.undone.insert(event.place, (transfers, done, claim));
        }
        Ok(())
    }

    /// What an event moves beside the promise.
    fn moved(
        &mut self,
        world: &World,
        contract: &Contract,
        story: &mut Story,
        event: &Event,
    ) -> Result<Charges, SimulateError> {
        let (amount, sums) = (event.amount, &mut self.sums);
        let receivable = receivable(event.acquirer);
        let (booked, instrument) = (&mut story.booked, story.payments[event.payment].instrument);
        let undone = event.undoes.and_then(|place| booked.undone.remove(&place));
        let (mut mirrored, done, claim) = undone.unwrap_or_default();
        for transfer in &mut mirrored {
            *transfer = (transfer.1, transfer.0, transfer.2);
        }
        let account = &mut booked.charged[event.payment];
        let mut charges = Charges::default();
        match event.kind {
            EventKind::Increment
            | EventKind::AuthorizationReversal
            | EventKind::Void
            | EventKind::Decline
            | EventKind::InformationRequest
            | EventKind::Unknown => {}
            EventKind::Aggregate => {
                booked.aggregate = booked.aggregate.handed_in(world);
                self.money.advances(&booked.aggregate)?;
            }
            EventKind::Authorization => charges.transfers = contract.authorization(),
            EventKind::Capture => {
                charges = contract.capture(sums, account, instrument, amount)?;
                let claim = Claim::of(world, contract, event, charges.total()?)?;
                charges.transfers.push((2010, 2040, claim.held));
                charges.transfers.push((receivable, 2010, amount));
                self.money.claims(&claim, 1)?;
                self.money.advances(&claim)?;
                booked.capture = claim;
                if event.details.aggregate.is_some() && !event.undone {
                    booked.aggregate = booked.aggregate.plus(&claim)?;
                }
            }
            EventKind::CaptureVoid => {
                charges = contract.undo_capture(sums, account, &done, amount)?;
                self.money.claims(&claim, -1)?;
            }
            EventKind::Refund => {
                charges = contract.refund(sums, account, amount)?;
                let by_transfer = event.details.by.is_some();
                let to = if by_transfer { 2200 } else { receivable };
                charges.transfers.push((2020, to, amount));
                // The fees of the refund are its merchant's to pay too, those it gives back are there to pay it.
                let needed = charges.transfers.iter().try_fold(0, |sum, transfer| match *transfer {
                    (2020, _, minor) => plus(sum, minor),
                    (_, 2020, minor) => minus(sum, minor),
                    _ => Ok(sum),
                })?;
                let from_reserve = self.money.take_from_reserve(world, contract.owner, needed)?;
                charges.transfers.push((2030, 2020, from_reserve));
            }
            EventKind::RefundFailure => charges = contract.undo_refund(sums, account, &done, amount)?,
            EventKind::RefundPaid => {
                charges.transfers.push((2200, 1010, amount));
                self.paid_by_transfer[contract.owner.currency].add(amount)?;
            }
            EventKind::Chargeback | EventKind::SecondChargeback => {
                if !event.unknown && !event.unpriced {
                    charges.transfers = contract.chargeback(account, amount)?;
                }
                let from = if event.unknown { 1900 } else { 2020 };
                charges.transfers.push((from, receivable, amount));
                let cost = event.details.cost.unwrap_or(0);
                charges.transfers.push((5040, receivable, cost));
            }
            EventKind::ChargebackReversal => {
                charges.transfers = contract.won(account, amount)?;
                charges.transfers.push((receivable, 2020, amount));
            }
            EventKind::Unpaid => charges.transfers.push((bearer(event.acquirer), receivable, amount)),
            EventKind::UnpaidRecovery => charges.transfers.push((receivable, bearer(event.acquirer), amount)),
        }
        charges.transfers.extend(mirrored);
        Ok(charges)
    }

    /// A story's events of the day are told: what is open of its promises, and will not be before they run out.
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

    /// All events of the day are told. What ran out is booked next.
    pub fn expire(&mut self, world: &World) -> Result<(), SimulateError> {
        self.step("record");
        for (merchant, expired) in world.merchants.iter().zip(&self.expired) {
            for (&currency, total) in merchant.currencies.iter().zip(expired) {
                self.books.book((9020, 9010, total.amount), CARDS, currency)?;
            }
        }
        self.step("expiry");
        Ok(())
    }

    /// All late events are told, too. What is advanced is advanced next.
    pub fn late(&mut self, world: &World) -> Result<(), SimulateError> {
        self.step("late");
        self.advances = self.money.advance(world)?;
        for advance in &self.advances {
            for transfer in advance.transfers {
                self.books.book(transfer, CARDS, advance.currency)?;
            }
        }
        self.step("advance");
        Ok(())
    }

    /// All events after the payouts are told.
    pub fn after(&mut self) {
        self.step("after");
    }

    /// Books a line that proves an event, found by a pass. What it brings is in the currency of its net: where that is another one,
    /// it is exchanged (6010).
    pub fn matched(
        &mut self,
        world: &World,
        story: &Story,
        event: &Event,
        (pass, line): (u8, &Line),
    ) -> Result<(), SimulateError> {
        let count = self.matched.entry(pass).or_default();
        *count = count.saturating_add(1);
        if event.acquirer == CARDS {
            let date = |day: Day| world.day(day).date;
            let waited = date(Day::Settlement)
                .signed_duration_since(date(event.at.day))
                .num_days();
            let is_late = u64::try_from(waited).is_ok_and(|days| days > SETTLES_WITHIN_DAYS);
            let is_cutoff = !is_late && date(line.created.day) != date(event.at.day);
            self.late_matches = self.late_matches.saturating_add(u64::from(is_late));
            self.cutoff_matches = self.cutoff_matches.saturating_add(u64::from(is_cutoff));
        }
        let (item, owner, acquirer) = (event.amount, story.owner, event.acquirer);
        let (receivable, costs) = (receivable(acquirer), line.costs);
        let booked = event.details.cost.unwrap_or(0);
        let came = plus(line.net, costs.total())?;
        let is_exchanged = line.net_currency != owner.currency;
        let in_transit = if is_exchanged { 6010 } else { 1110 };
        if is_exchanged {
            self.file(acquirer, line.net_currency, (1110, 6010, came))?;
        }
        self.file(acquirer, owner.currency, (receivable, 1110, booked))?;
        self.costs(acquirer, line.net_currency, costs, booked)?;
        let gross = line.gross.unwrap_or(0).saturating_abs();
        let (agreed, over) = (gross.min(item), gross.saturating_sub(item));
        let claim = match event.kind {
            EventKind::Refund | EventKind::Chargeback | EventKind::SecondChargeback => {
                return self.file(acquirer, owner.currency, (receivable, in_transit, agreed));
            }
            EventKind::ChargebackReversal => {
                return self.file(acquirer, owner.currency, (in_transit, receivable, agreed));
            }
            EventKind::Capture => story.booked.capture,
            EventKind::Aggregate => story.booked.aggregate,
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
            | EventKind::InformationRequest
            | EventKind::UnpaidRecovery => return Ok(()),
        };
        self.file(acquirer, owner.currency, (in_transit, receivable, agreed))?;
        let tolerated = over.saturating_abs() <= TOLERANCE;
        if over != 0 && tolerated {
            self.within_tolerance = self.within_tolerance.saturating_add(1);
        }
        let difference = match (over > 0, tolerated) {
            (true, true) => (in_transit, 5900, over),
            (true, false) => (in_transit, 2900, over),
            (false, true) => (5900, receivable, over.saturating_neg()),
            (false, false) => (1900, receivable, over.saturating_neg()),
        };
        self.file(acquirer, owner.currency, difference)?;
        let earned = if tolerated { item } else { agreed };
        let contract = contract(world, owner, event);
        let passed = if contract.schedule.passes_costs {
            let cost = plus(costs.interchange, costs.scheme_fee)?;
            let product = i128::from(cost).saturating_mul(i128::from(gross));
            round(product, i128::from(came), Rounding::HalfEven)?
        } else {
            0
        };
        for transfer in self.money.settled(&contract, &claim, acquirer, (earned, passed))? {
            self.file(acquirer, owner.currency, transfer)?;
        }
        Ok(())
    }

    /// Books a line that proves nothing: its money has no owner yet.
    pub fn stray(&mut self, currency: usize, net: i64, costs: Costs) -> Result<(), SimulateError> {
        self.costs(CARDS, currency, costs, 0)?;
        let gross = plus(net, costs.total())?;
        let (debit, credit) = if gross >= 0 { (1110, 2900) } else { (1900, 1110) };
        self.file(CARDS, currency, (debit, credit, gross.saturating_abs()))
    }

    /// The costs of a line, less what of them is booked already.
    fn costs(&mut self, acquirer: usize, currency: usize, costs: Costs, booked: i64) -> Result<(), SimulateError> {
        // Off the acquirer's own part first.
        let acquirers = plus(costs.commission, costs.markup)?;
        let off = booked.min(acquirers);
        let scheme_fee = minus(costs.scheme_fee, minus(booked, off)?)?;
        self.file(acquirer, currency, (5010, 1110, costs.interchange))?;
        self.file(acquirer, currency, (5020, 1110, scheme_fee))?;
        self.file(acquirer, currency, (5030, 1110, minus(acquirers, off)?))?;
        self.file(acquirer, currency, (1400, 1110, costs.tax))
    }

    /// Books what a settlement file brings.
    fn file(&mut self, acquirer: usize, currency: usize, transfer: Transfer) -> Result<(), SimulateError> {
        self.files[acquirer].book(transfer, acquirer, currency)
    }
}

/// What applies to an event.
fn contract(world: &World, owner: Owner, event: &Event) -> Contract {
    Contract {
        owner,
        schedule: &SCHEDULES[world.merchants[owner.merchant].schedule],
        day: world.day(event.at.day).date,
        today: world.day(Day::Simulated).date,
    }
}

/// What an acquirer owes us.
fn receivable(acquirer: usize) -> i16 {
    if acquirer == CARDS { 1100 } else { 1130 }
}

/// Who bears an unpaid phone bill.
fn bearer(acquirer: usize) -> i16 {
    if acquirer == CARRIER_BY_MERCHANT { 2020 } else { 5060 }
}
