//! The world as it is: what is sold, what acquirers report and pay, what banks say, what merchants must be paid, and what of all
//! that differs because it was planted. It keeps its own sums, in plain integers, and asks the engine nothing.

use std::collections::{BTreeMap, BTreeSet};

use acquit::ledger::entry::EntryKind;
use acquit::payment::event::PaymentEvent;
use acquit::recon::desk::Reason;
use chrono::{Datelike, Days, NaiveDate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::terms::{
    ACQUIRERS, Acquirer, COOLING_OFF, CURRENCIES, Code, DISPUTE_FEE, FORCED, Form, KEPT, LARGE, MINIMUM, Merchant,
    PAYOUT_FEE, SETTLES_WITHIN, Schedule, decimal, is_open, merchants, of, open_after, per_mille, weekdays_between,
};
use crate::support::events::event;

/// A difference, or a fact that books have to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plant {
    ShortByCents,
    ShortByMuch,
    LateReceipt,
    UnknownReceipt,
    LateLine,
    ForgottenLine,
    UnknownLine,
    WrongCost,
    LateFile,
    LateStatement,
    CorrectedReturn,
    ReturnToOtherAccount,
}

impl Plant {
    pub const ALL: [Self; 12] = [
        Self::ShortByCents,
        Self::ShortByMuch,
        Self::LateReceipt,
        Self::UnknownReceipt,
        Self::LateLine,
        Self::ForgottenLine,
        Self::UnknownLine,
        Self::WrongCost,
        Self::LateFile,
        Self::LateStatement,
        Self::CorrectedReturn,
        Self::ReturnToOtherAccount,
    ];
}

/// How large a world is, and what is planted from which day on.
pub struct Plan {
    pub first: NaiveDate,
    pub days: u64,
    pub merchants: usize,
    /// How often a merchant sells in a day and currency at most.
    pub sales: u32,
    pub planted: Vec<(NaiveDate, Plant)>,
}

/// What a merchant has in a currency.
#[derive(Debug, Default)]
pub struct Account {
    pub pending: i64,
    pub available: i64,
    pub in_transit: i64,
    /// What is withheld, by the day on which it is released.
    pub withheld: BTreeMap<NaiveDate, i64>,
    /// What becomes available on a day: payable, what of it is withheld, until when.
    maturing: Vec<(NaiveDate, i64, i64, NaiveDate)>,
    /// What became available, in its order, with the day of its booking.
    credits: Vec<(NaiveDate, i64)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Sold,
    Refunded,
    ChargedBack(NaiveDate),
    Won,
}

struct Payment {
    merchant: usize,
    code: Code,
    gross: i64,
    day: NaiveDate,
    fate: Fate,
}

/// Something that an acquirer has to report.
#[derive(Debug, Clone)]
pub struct Item {
    pub reference: String,
    pub record: EntryKind,
    pub merchant: usize,
    pub code: Code,
    /// Positive is money to us.
    pub gross: i64,
    pub day: NaiveDate,
    /// What the merchant pays for it, and what is withheld of it.
    fee: i64,
    reserve: i64,
    /// The first day of a file that may have it.
    ready: NaiveDate,
}

/// A line of a settlement file.
#[derive(Debug, Clone)]
pub struct Line {
    pub reference: String,
    pub record: EntryKind,
    pub code: Code,
    pub gross: i64,
    pub cost: i64,
    pub day: NaiveDate,
    /// Whether anybody knows it.
    known: bool,
}

/// Acquirer, name, currency.
pub type BatchKey = (usize, String, Code);

/// A settlement file; lines of a currency are a batch.
#[derive(Debug, Clone)]
pub struct File {
    pub acquirer: usize,
    pub day: NaiveDate,
    comes_on: NaiveDate,
    pub batches: BTreeMap<Code, String>,
    pub lines: Vec<Line>,
    number: i64,
}

impl File {
    pub fn net(&self, code: Code) -> i64 {
        let own = self.lines.iter().filter(|line| line.code == code);
        own.map(|line| line.gross - line.cost).sum()
    }
}

/// What a batch promises, and what of it is still awaited.
#[derive(Debug)]
pub struct Batch {
    pub open: i64,
    awaited_on: NaiveDate,
}

#[derive(Debug, Clone)]
pub enum What {
    /// It pays batches, in so many parts; not always it names them.
    Receipt {
        batches: Vec<BatchKey>,
        parts: Vec<i64>,
        named: bool,
    },
    Unknown,
    Charge,
    Interest,
    /// Payouts, by their places.
    Made(usize),
    CameBack(usize),
}

/// An entry on an account of the house.
#[derive(Debug, Clone)]
pub struct BankEntry {
    on: NaiveDate,
    pub amount: i64,
    pub what: What,
}

#[derive(Debug, Clone)]
pub struct Statement {
    pub code: Code,
    pub day: NaiveDate,
    comes_on: NaiveDate,
    pub opening: i64,
    pub entries: Vec<BankEntry>,
}

impl Statement {
    pub fn closing(&self) -> i64 {
        self.opening + self.entries.iter().map(|entry| entry.amount).sum::<i64>()
    }
}

#[derive(Debug, Default)]
struct Bank {
    closing: i64,
    due: Vec<BankEntry>,
}

#[derive(Debug, Clone)]
pub struct Payout {
    pub merchant: usize,
    pub code: Code,
    pub cutoff: NaiveDate,
    pub amount: i64,
    pub fee: i64,
    pub state: &'static str,
    /// Its id at every bank, which the engine gives.
    pub id: String,
}

/// A difference that is not resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Break {
    pub class: &'static str,
    pub acquirer: &'static str,
    pub merchant: Option<String>,
    pub expected: Option<(i64, Code)>,
    pub actual: Option<(i64, Code)>,
    /// What it is about: a reference, a batch, a gap.
    of: String,
}

impl Break {
    /// As it is compared with the engine's.
    pub fn told(&self) -> String {
        let money =
            |money: Option<(i64, Code)>| money.map_or("-".to_owned(), |(minor, code)| format!("{minor} {code}"));
        let merchant = self.merchant.as_deref().unwrap_or("-");
        let (class, acquirer) = (self.class, self.acquirer);
        format!(
            "{class} {acquirer} {merchant} {} {}",
            money(self.expected),
            money(self.actual)
        )
    }
}

/// An identity of the proof of a day, by its number: what the books must have on 1100 (1), 1110 (3) or 1010 (4); how much of it is
/// of items or batches that are missing; and whether every file and statement has come that leads to it.
#[derive(Debug, Clone)]
pub struct Identity {
    pub number: u8,
    pub of: &'static str,
    pub code: Code,
    pub books: i64,
    pub open: i64,
    pub complete: bool,
}

/// What people do about breaks.
pub struct Task {
    pub breaks: Vec<Break>,
    pub reason: Reason,
}

/// What moved on a merchant's statement: day of its booking, merchant, currency, kind, minor units owed to it.
pub type Moved = (NaiveDate, usize, Code, &'static str, i64);

pub struct World {
    pub plan: Plan,
    pub today: NaiveDate,
    /// Everything up to this day is closed.
    pub closed: Option<NaiveDate>,
    pub merchants: Vec<Merchant>,
    pub accounts: BTreeMap<(usize, Code), Account>,
    /// What is recorded and in no file that came.
    pub items: BTreeMap<String, Item>,
    pub batches: BTreeMap<BatchKey, Batch>,
    pub payouts: Vec<Payout>,
    pub breaks: Vec<Break>,
    /// What is on accounts that are no merchant's, by `code dimension currency`, on their own side.
    pub sums: BTreeMap<String, i64>,
    pub moved: Vec<Moved>,
    /// How often each difference was made.
    pub done: BTreeMap<Plant, usize>,
    dice: ChaCha8Rng,
    payments: Vec<Payment>,
    /// References of items that a file has which did not come yet.
    filed: BTreeSet<String>,
    files: Vec<File>,
    /// The last batch of an acquirer that is paid with the one after it.
    joined: BTreeMap<(usize, Code), (BatchKey, i64)>,
    numbers: [i64; ACQUIRERS.len()],
    /// The highest number of a file that came, and those missing below it.
    came: [i64; ACQUIRERS.len()],
    missing: BTreeSet<(usize, i64)>,
    banks: BTreeMap<Code, Bank>,
    statements: Vec<Statement>,
    /// How the last statement that came of an account ended.
    stated: BTreeMap<Code, (NaiveDate, i64)>,
    /// What the books have on accounts of the house that no statement has told of.
    untold: BTreeMap<Code, i64>,
    desk: Vec<(NaiveDate, Task)>,
    /// Merchants whose bank account is corrected on a day; whether it is another one then.
    corrections: Vec<(NaiveDate, usize, bool)>,
    count: usize,
}

impl World {
    pub fn new(seed: u64, plan: Plan) -> Self {
        Self {
            today: plan.first,
            closed: None,
            merchants: merchants(plan.merchants),
            accounts: BTreeMap::new(),
            items: BTreeMap::new(),
            batches: BTreeMap::new(),
            payouts: Vec::new(),
            breaks: Vec::new(),
            sums: BTreeMap::new(),
            moved: Vec::new(),
            done: BTreeMap::new(),
            dice: ChaCha8Rng::seed_from_u64(seed),
            payments: Vec::new(),
            filed: BTreeSet::new(),
            files: Vec::new(),
            joined: BTreeMap::new(),
            numbers: [0; ACQUIRERS.len()],
            came: [0; ACQUIRERS.len()],
            missing: BTreeSet::new(),
            banks: CURRENCIES
                .iter()
                .map(|currency| (currency.code, Bank::default()))
                .collect(),
            statements: Vec::new(),
            stated: BTreeMap::new(),
            untold: BTreeMap::new(),
            desk: Vec::new(),
            corrections: Vec::new(),
            count: 0,
            plan,
        }
    }

    /// Whether a difference is to be made now; once each.
    fn plants(&mut self, plant: Plant) -> bool {
        let due = |(day, planted): &(NaiveDate, Plant)| *planted == plant && *day <= self.today;
        let Some(place) = self.plan.planted.iter().position(due) else {
            return false;
        };
        self.plan.planted.remove(place);
        *self.done.entry(plant).or_default() += 1;
        true
    }

    /// The day on which something of a day is booked.
    fn booked(&self, day: NaiveDate) -> NaiveDate {
        self.closed.map_or(day, |closed| day.max(closed + Days::new(1)))
    }

    fn add(&mut self, code: i16, dimension: &str, currency: Code, minor: i64) {
        *self.sums.entry(format!("{code} {dimension} {currency}")).or_default() += minor;
    }

    fn account(&mut self, merchant: usize, code: Code) -> &mut Account {
        self.accounts.entry((merchant, code)).or_default()
    }

    fn credit(&mut self, merchant: usize, code: Code, day: NaiveDate, minor: i64) {
        let on = self.booked(day);
        let account = self.account(merchant, code);
        account.available += minor;
        account.credits.push((on, minor));
    }

    fn moves(&mut self, day: NaiveDate, merchant: usize, code: Code, kind: &'static str, minor: i64) {
        let on = self.booked(day);
        self.moved.push((on, merchant, code, kind, minor));
    }

    fn breaks_open(&mut self, found: Break) {
        if !self.breaks.contains(&found) {
            self.breaks.push(found);
        }
    }

    fn breaks_end(&mut self, class: &str, of: &str) {
        self.breaks.retain(|known| known.class != class || known.of != of);
    }

    /// Somebody works on a break in so many days.
    fn works(&mut self, days: u64, breaks: Vec<Break>, reason: Reason) {
        self.desk.push((self.today + Days::new(days), Task { breaks, reason }));
    }

    // Sales ----------------------------------------------------------------------------------------------------------------

    /// What happens to payments on the day: sales, then refunds, chargebacks, and chargebacks that are won.
    pub fn sell(&mut self) -> Vec<PaymentEvent> {
        let mut events = Vec::new();
        for merchant in 0..self.merchants.len() {
            for code in self.merchants[merchant].currencies.clone() {
                for _ in 0..self.dice.random_range(0..=self.plan.sales) {
                    self.sale(merchant, code, &mut events);
                }
            }
        }
        let before = self.payments.iter().filter(|payment| payment.day < self.today).count();
        for _ in 0..(self.merchants.len() / 8).min(before) {
            let place = before - 1 - self.dice.random_range(0..before.min(2_000));
            self.goes_back(place, &mut events);
        }
        events
    }

    fn sale(&mut self, merchant: usize, code: Code, events: &mut Vec<PaymentEvent>) {
        let small = of(code).small;
        let gross = self.dice.random_range(small * 10..small * 800);
        let place = self.payments.len();
        self.payments.push(Payment {
            merchant,
            code,
            gross,
            day: self.today,
            fate: Fate::Sold,
        });
        events.push(self.event(EntryKind::Authorization, place, gross));
        events.push(self.event(EntryKind::Capture, place, gross));
        let share = per_mille(gross, 15);
        let fee = share + small;
        let payable = gross - fee;
        let terms = &self.merchants[merchant];
        let (days, by_day) = (terms.reserve, terms.by_day);
        let reserve = days.map_or(0, |_| per_mille(gross, 100).min(payable));
        let until = self.today + Days::new(days.unwrap_or(0));
        self.add(4010, "-", code, share);
        self.add(4020, "-", code, small);
        self.moves(self.today, merchant, code, "capture", gross);
        self.moves(self.today, merchant, code, "merchant_fee", -fee);
        let on = open_after("TARGET2", self.today, 2);
        let account = self.account(merchant, code);
        account.pending += payable;
        if by_day {
            account.maturing.push((on, payable, reserve, until));
        }
        self.reports(EntryKind::Capture, place, gross, (fee, reserve));
    }

    /// A refund, a chargeback, or one that is won, of a payment that can have it.
    fn goes_back(&mut self, place: usize, events: &mut Vec<PaymentEvent>) {
        let Payment {
            merchant,
            code,
            gross,
            fate,
            ..
        } = self.payments[place];
        let (kind, movement, amount, fate) = match fate {
            Fate::Sold if self.dice.random_bool(0.7) => {
                let part = if self.dice.random_bool(0.5) { gross } else { gross / 3 };
                (EntryKind::Refund, "refund", part, Fate::Refunded)
            }
            Fate::Sold => (
                EntryKind::Chargeback,
                "chargeback",
                gross,
                Fate::ChargedBack(self.today),
            ),
            Fate::ChargedBack(day) if day + Days::new(2) <= self.today => {
                (EntryKind::ChargebackReversal, "chargeback_reversal", gross, Fate::Won)
            }
            Fate::Refunded | Fate::ChargedBack(_) | Fate::Won => return,
        };
        self.payments[place].fate = fate;
        events.push(self.event(kind, place, amount));
        let fee = if kind == EntryKind::Chargeback {
            of(code).small * DISPUTE_FEE
        } else {
            0
        };
        let signed = if kind == EntryKind::ChargebackReversal {
            amount
        } else {
            -amount
        };
        if signed > 0 {
            self.credit(merchant, code, self.today, signed);
        } else {
            self.account(merchant, code).available -= amount + fee;
        }
        self.add(4030, "-", code, fee);
        self.moves(self.today, merchant, code, movement, signed - fee);
        self.reports(kind, place, signed, (0, 0));
    }

    fn reference(kind: EntryKind, place: usize) -> String {
        format!("P{place:06}-{}", kind.name())
    }

    fn event(&self, kind: EntryKind, place: usize, amount: i64) -> PaymentEvent {
        let payment = &self.payments[place];
        let merchant = &self.merchants[payment.merchant];
        let reference = Self::reference(kind, place);
        let mut event = event(
            kind,
            &merchant.name,
            &format!("P{place:06}"),
            &reference,
            amount,
            payment.code,
        );
        event.occurred_at = format!("{}T12:00:00Z", self.today).parse().expect("an instant");
        event.acquirer = ACQUIRERS[merchant.acquirer].name.to_owned();
        if kind != EntryKind::Authorization {
            event.acquirer_reference = Some(reference);
        }
        event
    }

    /// The acquirer will have it in a file, one or two days later.
    fn reports(&mut self, record: EntryKind, place: usize, gross: i64, (fee, reserve): (i64, i64)) {
        let reference = Self::reference(record, place);
        let Payment { merchant, code, .. } = self.payments[place];
        let ready = self.today + Days::new(if self.dice.random_bool(0.2) { 2 } else { 1 });
        let item = Item {
            reference: reference.clone(),
            record,
            merchant,
            code,
            gross,
            day: self.today,
            fee,
            reserve,
            ready,
        };
        self.items.insert(reference, item);
    }

    // Settlement files -----------------------------------------------------------------------------------------------------

    /// The settlement files that come on the day, in their order.
    pub fn files(&mut self) -> Vec<File> {
        for (acquirer, terms) in ACQUIRERS.iter().enumerate() {
            if is_open(terms.calendar, self.today) {
                self.write_file(acquirer, terms);
            }
        }
        let today = self.today;
        let came: Vec<File> = self.files.extract_if(.., |file| file.comes_on <= today).collect();
        for file in &came {
            self.takes_in(file);
        }
        came
    }

    fn write_file(&mut self, acquirer: usize, terms: &Acquirer) {
        let is_north = terms.form == Form::Adyen;
        let mut lines = Vec::new();
        let ready: Vec<Item> = self
            .items
            .values()
            .filter(|item| self.merchants[item.merchant].acquirer == acquirer && item.ready <= self.today)
            .filter(|item| !self.filed.contains(&item.reference))
            .cloned()
            .collect();
        for item in ready {
            let is_capture = item.record == EntryKind::Capture;
            let later = if is_north && is_capture && self.plants(Plant::LateLine) {
                Some(10)
            } else if is_north && is_capture && self.plants(Plant::ForgottenLine) {
                Some(10_000)
            } else {
                None
            };
            if let Some(days) = later {
                let found = self.items.get_mut(&item.reference).expect("an item");
                found.ready = self.today + Days::new(days);
                continue;
            }
            let mut cost = if is_capture {
                terms.cost(item.gross, item.code)
            } else {
                0
            };
            if is_north && is_capture && self.plants(Plant::WrongCost) {
                let expected = cost;
                cost += of(item.code).small;
                let found = Break {
                    class: "FEE_MISMATCH",
                    acquirer: terms.name,
                    merchant: Some(self.merchants[item.merchant].name.clone()),
                    expected: Some((expected, item.code)),
                    actual: Some((cost, item.code)),
                    of: item.reference.clone(),
                };
                self.breaks_open(found.clone());
                self.works(5, vec![found], Reason::ClaimRefused);
            }
            self.filed.insert(item.reference.clone());
            lines.push(Line {
                reference: item.reference,
                record: item.record,
                code: item.code,
                gross: item.gross,
                cost,
                day: item.day,
                known: true,
            });
        }
        if is_north && !lines.is_empty() && self.plants(Plant::UnknownLine) {
            self.count += 1;
            lines.push(Line {
                reference: format!("NOBODY{}", self.count),
                record: EntryKind::Capture,
                code: terms.currencies[0],
                gross: 4_321 + i64::try_from(self.count).expect("a count"),
                cost: 0,
                day: self.today,
                known: false,
            });
        }
        if lines.is_empty() {
            return;
        }
        self.numbers[acquirer] += 1;
        let number = self.numbers[acquirer];
        let codes: BTreeSet<Code> = lines.iter().map(|line| line.code).collect();
        let name = |code: Code| match terms.form {
            Form::Adyen => format!("{}", 202_600_000 + number),
            Form::Profile => format!("{}", 302_600_000 + number),
            Form::Stripe => format!("po_{}{number:06}", code.to_lowercase()),
        };
        let is_late = terms.form == Form::Profile && self.plants(Plant::LateFile);
        let comes_on = if is_late {
            open_after(terms.calendar, self.today, 2)
        } else {
            self.today
        };
        let file = File {
            acquirer,
            day: self.today,
            comes_on,
            batches: codes.iter().map(|code| (*code, name(code))).collect(),
            lines,
            number,
        };
        for (code, name) in &file.batches {
            self.pays(acquirer, (acquirer, name.clone(), code), file.net(code), comes_on);
        }
        self.files.push(file);
    }

    /// What a file that came makes of items, of what is awaited and of what was missing.
    fn takes_in(&mut self, file: &File) {
        let acquirer = ACQUIRERS[file.acquirer].name;
        for line in &file.lines {
            self.add(5030, acquirer, line.code, line.cost);
            if line.known {
                let item = self.items.remove(&line.reference).expect("an item");
                self.filed.remove(&line.reference);
                self.breaks_end("MISSING_IN_FILE", &line.reference);
                self.becomes_available(&item, file.day);
            } else {
                self.add(2900, acquirer, line.code, line.gross);
                let found = Break {
                    class: "MISSING_IN_LEDGER",
                    acquirer,
                    merchant: None,
                    expected: None,
                    actual: Some((line.gross, line.code)),
                    of: line.reference.clone(),
                };
                self.breaks_open(found.clone());
                self.works(3, vec![found], Reason::Unidentified);
            }
        }
        for (code, name) in &file.batches {
            let batch = Batch {
                open: file.net(code),
                awaited_on: file.day,
            };
            self.batches.insert((file.acquirer, name.clone(), code), batch);
        }
        let overdue: Vec<Item> = self
            .items
            .values()
            .filter(|item| self.merchants[item.merchant].acquirer == file.acquirer)
            .filter(|item| item.day + Days::new(SETTLES_WITHIN) < file.day)
            .cloned()
            .collect();
        for item in overdue {
            self.is_missing(&item);
        }
        self.follows(file);
    }

    /// A capture that its file, or somebody, has accounted for.
    fn becomes_available(&mut self, item: &Item, day: NaiveDate) {
        if item.record != EntryKind::Capture || self.merchants[item.merchant].by_day {
            return;
        }
        let days = self.merchants[item.merchant].reserve.unwrap_or(0);
        let payable = item.gross - item.fee;
        let account = self.account(item.merchant, item.code);
        account.pending -= payable;
        if item.reserve > 0 {
            *account.withheld.entry(item.day + Days::new(days)).or_default() += item.reserve;
        }
        self.credit(item.merchant, item.code, day, payable - item.reserve);
    }

    fn is_missing(&mut self, item: &Item) {
        let found = Break {
            class: "MISSING_IN_FILE",
            acquirer: ACQUIRERS[self.merchants[item.merchant].acquirer].name,
            merchant: Some(self.merchants[item.merchant].name.clone()),
            expected: Some((item.gross, item.code)),
            actual: None,
            of: item.reference.clone(),
        };
        if self.breaks.contains(&found) {
            return;
        }
        self.breaks_open(found.clone());
        if item.ready > self.today + Days::new(1_000) {
            self.works(4, vec![found], Reason::ClaimRefused);
        }
    }

    /// Files that are numbered come one after the other, but for those that are late.
    fn follows(&mut self, file: &File) {
        if ACQUIRERS[file.acquirer].form == Form::Stripe {
            return;
        }
        let gap = |number: i64| Break {
            class: "MISSING_FILE",
            acquirer: ACQUIRERS[file.acquirer].name,
            merchant: None,
            expected: None,
            actual: None,
            of: number.to_string(),
        };
        if self.missing.remove(&(file.acquirer, file.number)) {
            self.breaks_end("MISSING_FILE", &file.number.to_string());
        }
        let last = self.came[file.acquirer];
        for number in last + 1..file.number {
            if last > 0 {
                self.missing.insert((file.acquirer, number));
                self.breaks_open(gap(number));
            }
        }
        self.came[file.acquirer] = last.max(file.number);
    }

    // Banks ----------------------------------------------------------------------------------------------------------------

    /// The acquirer pays a batch on the bank's next day, in one way or another.
    fn pays(&mut self, acquirer: usize, key: BatchKey, net: i64, from: NaiveDate) {
        let code = key.2;
        let bank = of(code).calendar;
        let mut on = open_after(bank, from, 1);
        let (mut batches, mut amount) = (vec![key.clone()], net);
        if let Some((before, sum)) = self.joined.remove(&(acquirer, code)) {
            batches.insert(0, before);
            amount += sum;
        }
        let is_alone = batches.len() == 1;
        let next = open_after(ACQUIRERS[acquirer].calendar, self.today, 1);
        if amount == 0 {
            return;
        }
        let is_plain = is_alone && net > 100 && from == self.today;
        let mut named = true;
        let mut parts = Vec::new();
        if is_plain && (acquirer, code) == (0, "EUR") && self.plants(Plant::ShortByCents) {
            amount -= 3;
        } else if is_plain && (acquirer, code) == (2, "USD") && self.plants(Plant::ShortByMuch) {
            amount -= net / 3;
            let rest = What::Receipt {
                batches: batches.clone(),
                parts: Vec::new(),
                named: true,
            };
            self.due(code, open_after(bank, on, 2), net / 3, rest);
        } else if is_plain && (acquirer, code) == (1, "EUR") && self.plants(Plant::LateReceipt) {
            on = open_after(bank, from, 4);
        } else if is_plain && next == self.today + Days::new(1) && self.dice.random_bool(0.15) {
            self.joined.insert((acquirer, code), (key, net));
            return;
        } else if is_plain && self.dice.random_bool(0.15) {
            parts = vec![net / 2, net - net / 2];
        } else if is_plain {
            named = self.dice.random_bool(0.7);
        }
        let what = What::Receipt { batches, parts, named };
        self.due(code, on, amount, what);
    }

    fn due(&mut self, code: Code, on: NaiveDate, amount: i64, what: What) {
        let bank = self.banks.get_mut(code).expect("a bank");
        bank.due.push(BankEntry { on, amount, what });
    }

    /// The bank statements that come on the day, in their order.
    pub fn statements(&mut self) -> Vec<Statement> {
        for currency in &CURRENCIES {
            if is_open(currency.calendar, self.today) {
                self.write_statement(currency.code, currency.calendar);
            }
        }
        let today = self.today;
        let came = self.statements.extract_if(.., |statement| statement.comes_on <= today);
        came.collect()
    }

    fn write_statement(&mut self, code: Code, calendar: &str) {
        let (today, small) = (self.today, of(code).small);
        if !self.month_has_begun(calendar) {
            self.due(code, today, -small * 3, What::Charge);
            self.due(code, today, small, What::Interest);
        }
        if code == "JPY" && self.plants(Plant::UnknownReceipt) {
            self.count += 1;
            let amount = 77_777 + i64::try_from(self.count).expect("a count");
            self.due(code, today, amount, What::Unknown);
        }
        let mut entries: Vec<BankEntry> = {
            let bank = self.banks.get_mut(code).expect("a bank");
            bank.due.extract_if(.., |entry| entry.on <= today).collect()
        };
        let alone: Vec<bool> = entries.iter().map(|entry| self.fits_alone(code, entry)).collect();
        for (entry, is_alone) in entries.iter_mut().zip(alone) {
            if let What::Receipt { named, .. } = &mut entry.what {
                *named |= !is_alone;
            }
        }
        let is_late = code == "EUR" && !entries.is_empty() && self.plants(Plant::LateStatement);
        let opening = self.banks[code].closing;
        let statement = Statement {
            code,
            day: today,
            comes_on: if is_late { open_after(calendar, today, 2) } else { today },
            opening,
            entries,
        };
        self.banks.get_mut(code).expect("a bank").closing = statement.closing();
        self.statements.push(statement);
    }

    /// Whether the bank has been open before in this month.
    fn month_has_begun(&self, calendar: &str) -> bool {
        let first = self.today.with_day(1).expect("a first");
        first
            .iter_days()
            .take_while(|day| *day < self.today)
            .any(|day| is_open(calendar, day))
    }

    /// Whether a receipt without a name can be known by its amount and day: nothing else that is awaited is of that amount.
    fn fits_alone(&self, code: Code, entry: &BankEntry) -> bool {
        let What::Receipt { batches, .. } = &entry.what else {
            return false;
        };
        let open = || {
            self.batches
                .iter()
                .filter(|((.., of), batch)| *of == code && batch.open != 0)
        };
        let mut sums: BTreeMap<(usize, NaiveDate), (i64, usize)> = BTreeMap::new();
        for ((acquirer, ..), batch) in open() {
            let sum = sums.entry((*acquirer, batch.awaited_on)).or_default();
            *sum = (sum.0 + batch.open, sum.1 + 1);
        }
        let together = sums
            .values()
            .filter(|(sum, count)| *count > 1 && *sum == entry.amount)
            .count();
        let alone = open().filter(|(_, batch)| batch.open == entry.amount).count();
        let batch = self.batches.get(&batches[0]);
        let is_near = batch.is_some_and(|batch| weekdays_between(batch.awaited_on, self.today) <= 2);
        is_near && alone == 1 && together == 0
    }

    /// What a statement that came says of batches and payouts, and what it shows to be missing.
    pub fn hears(&mut self, statement: &Statement) {
        let (code, day) = (statement.code, statement.day);
        let mut touched = BTreeSet::new();
        // What takes a payout's money comes before what brings it back.
        let mut entries: Vec<&BankEntry> = statement.entries.iter().collect();
        entries.sort_by_key(|entry| matches!(entry.what, What::CameBack(_)));
        for entry in entries {
            self.add(1010, "main", code, entry.amount);
            match &entry.what {
                What::Receipt { batches, .. } => {
                    self.is_paid(entry.amount, batches);
                    touched.extend(batches.iter().cloned());
                }
                What::Unknown => {
                    let found = self.unidentified("main", entry.amount, code);
                    self.works(3, vec![found], Reason::Unidentified);
                }
                What::Charge => self.add(5050, "main", code, -entry.amount),
                What::Interest => self.add(4080, "-", code, entry.amount),
                What::Made(place) => self.is_made(*place, day),
                What::CameBack(place) => self.comes_back(*place, day),
            }
        }
        for key in touched {
            if self.batches.get(&key).is_some_and(|batch| batch.open == 0) {
                self.breaks_end("MISSING_RECEIPT", &format!("{key:?}"));
            }
        }
        self.receipts_missing(code, day);
        self.statement_follows(statement);
    }

    fn unidentified(&mut self, of: &'static str, amount: i64, code: Code) -> Break {
        self.count += 1;
        self.add(2900, of, code, amount);
        let found = Break {
            class: "UNIDENTIFIED_RECEIPT",
            acquirer: of,
            merchant: None,
            expected: None,
            actual: Some((amount, code)),
            of: self.count.to_string(),
        };
        self.breaks.push(found.clone());
        found
    }

    fn is_paid(&mut self, amount: i64, keys: &[BatchKey]) {
        let (place, name, code) = &keys[0];
        let acquirer = ACQUIRERS[*place].name;
        let open: i64 = keys.iter().map(|key| self.batches[key].open).sum();
        if open == 0 {
            // The rest of one that was paid short: people set one off against the other.
            let rest = self.unidentified(acquirer, amount, code);
            let short = self
                .breaks
                .iter()
                .find(|known| known.class == "FUNDING_MISMATCH" && known.of == *name);
            let short = short.expect("a short receipt").clone();
            self.works(1, vec![short, rest], Reason::Offsets);
            return;
        }
        for key in keys {
            self.batches.get_mut(key).expect("a batch").open = 0;
        }
        if amount == open {
            return;
        }
        self.add(1900, acquirer, code, open - amount);
        let found = Break {
            class: "FUNDING_MISMATCH",
            acquirer,
            merchant: None,
            expected: Some((open, code)),
            actual: Some((amount, code)),
            of: name.clone(),
        };
        self.breaks_open(found.clone());
        if open - amount < 10 {
            self.works(3, vec![found], Reason::Uneconomic);
        }
    }

    /// Batches that were awaited three weekdays before the end of the statement, or more, and are not paid.
    fn receipts_missing(&mut self, code: Code, until: NaiveDate) {
        let missing: Vec<Break> = self
            .batches
            .iter()
            .filter(|((.., of), batch)| *of == code && batch.open != 0)
            .filter(|(_, batch)| batch.awaited_on < until && weekdays_between(batch.awaited_on, until) > 2)
            .map(|(key, batch)| Break {
                class: "MISSING_RECEIPT",
                acquirer: ACQUIRERS[key.0].name,
                merchant: None,
                expected: Some((batch.open, code)),
                actual: None,
                of: format!("{key:?}"),
            })
            .collect();
        for found in missing {
            self.breaks_open(found);
        }
    }

    /// A statement begins with what the one before it ended with, but where that is late.
    fn statement_follows(&mut self, statement: &Statement) {
        let gap = Break {
            class: "MISSING_FILE",
            acquirer: "main",
            merchant: None,
            expected: None,
            actual: None,
            of: format!("statement {}", statement.code),
        };
        let last = self.stated.get(statement.code).copied();
        match last {
            Some((day, _)) if statement.day < day => self.breaks_end(gap.class, &gap.of),
            Some((_, closing)) if closing != statement.opening => {
                self.breaks_open(gap);
                self.stated.insert(statement.code, (statement.day, statement.closing()));
            }
            _ => {
                self.stated.insert(statement.code, (statement.day, statement.closing()));
            }
        }
    }

    // Payouts --------------------------------------------------------------------------------------------------------------

    /// What is due becomes available: money by its day, then what was withheld.
    pub fn releases(&mut self) {
        let today = self.today;
        let keys: Vec<(usize, Code)> = self.accounts.keys().copied().collect();
        for (merchant, code) in keys {
            let account = self.account(merchant, code);
            let mut available = 0;
            for (_, payable, reserve, until) in account.maturing.extract_if(.., |(on, ..)| *on <= today) {
                account.pending -= payable;
                available += payable - reserve;
                if reserve > 0 {
                    *account.withheld.entry(until).or_default() += reserve;
                }
            }
            let kept = account.withheld.split_off(&(today + Days::new(1)));
            let due = std::mem::replace(&mut account.withheld, kept);
            let released: i64 = due.values().sum();
            for minor in [available, released].into_iter().filter(|minor| *minor != 0) {
                self.credit(merchant, code, today, minor);
            }
        }
    }

    /// Merchants that ask for their payout on the day.
    pub fn asking(&self) -> Vec<String> {
        let asks = |(place, merchant): &(usize, &Merchant)| {
            let turn = place / 8 + usize::try_from(self.today.ordinal()).expect("a day");
            merchant.schedule == Schedule::OnDemand && turn.is_multiple_of(3)
        };
        let asking = self.merchants.iter().enumerate().filter(asks);
        asking.map(|(_, merchant)| merchant.name.clone()).collect()
    }

    /// What must be paid at the cut-off of the day, as it is instructed; the bank makes it on its next day.
    pub fn pay(&mut self) -> Vec<usize> {
        let asking = self.asking();
        let mut paid = Vec::new();
        let keys: Vec<(usize, Code)> = self.accounts.keys().copied().collect();
        for (merchant, code) in keys {
            let is_asked = asking.contains(&self.merchants[merchant].name);
            let Some(amount) = self.payable(merchant, code, is_asked) else {
                continue;
            };
            let fee = of(code).small * PAYOUT_FEE;
            let account = self.account(merchant, code);
            account.available -= amount + fee;
            account.in_transit += amount;
            self.add(4050, "-", code, fee);
            self.moves(self.today, merchant, code, "payout_fee", -fee);
            let place = self.payouts.len();
            self.payouts.push(Payout {
                merchant,
                code,
                cutoff: self.today,
                amount,
                fee,
                state: "instructed",
                id: String::new(),
            });
            let bank = of(code).calendar;
            let on = open_after(bank, self.today, 1);
            self.due(code, on, -amount, What::Made(place));
            if self.merchants[merchant].returned_on.is_none() {
                let corrected = code != "EUR" && self.plants(Plant::CorrectedReturn);
                if corrected || self.plants(Plant::ReturnToOtherAccount) {
                    let back = open_after(bank, on, 1);
                    self.due(code, back, amount, What::CameBack(place));
                    self.corrections.push((back + Days::new(1), merchant, !corrected));
                }
            }
            paid.push(place);
        }
        paid
    }

    /// What a merchant is paid today.
    fn payable(&self, merchant: usize, code: Code, is_asked: bool) -> Option<i64> {
        let (terms, currency, today) = (&self.merchants[merchant], of(code), self.today);
        let account = &self.accounts[&(merchant, code)];
        let is_its_day = is_asked || terms.schedule.pays_on(today, currency.calendar);
        let waits = self
            .breaks
            .iter()
            .any(|known| known.class == "MISSING_IN_FILE" && known.merchant.as_ref() == Some(&terms.name));
        let cools = terms
            .changed_on
            .is_some_and(|changed| today < changed + Days::new(COOLING_OFF));
        if !is_open(currency.calendar, today) || !is_its_day || waits || cools || terms.returned_on.is_some() {
            return None;
        }
        let (kept, least) = if terms.saves { (KEPT, LARGE) } else { (0, MINIMUM) };
        let amount = account.available - currency.small * (kept + PAYOUT_FEE);
        if amount <= 0 {
            return None;
        }
        // What came last is what is left: since when there has been as much as there is.
        let mut left = account.available;
        let mut since = today;
        for (on, minor) in account.credits.iter().rev() {
            if left > 0 {
                since = since.min(*on);
                left -= minor;
            }
        }
        let is_forced = since + Days::new(FORCED) <= today;
        (amount >= currency.small * least || is_forced).then_some(amount)
    }

    fn is_made(&mut self, place: usize, day: NaiveDate) {
        let Payout {
            merchant,
            code,
            amount,
            state,
            ..
        } = self.payouts[place];
        if state == "returned" {
            // The books have had it since it came back.
            self.add(1010, "main", code, amount);
            *self.untold.entry(code).or_default() += amount;
            return;
        }
        self.payouts[place].state = "confirmed";
        self.account(merchant, code).in_transit -= amount;
        self.moves(day, merchant, code, "payout", -amount);
    }

    fn comes_back(&mut self, place: usize, day: NaiveDate) {
        let Payout {
            merchant,
            code,
            amount,
            fee,
            state,
            ..
        } = self.payouts[place];
        if state == "instructed" {
            // The statement that tells that it was made is late: what comes back had left.
            self.is_made(place, day);
            self.add(1010, "main", code, -amount);
            *self.untold.entry(code).or_default() -= amount;
        }
        self.payouts[place].state = "returned";
        self.credit(merchant, code, day, amount + fee);
        self.add(4050, "-", code, -fee);
        self.moves(day, merchant, code, "payout_return", amount + fee);
        self.merchants[merchant].returned_on = Some(day);
    }

    // People ---------------------------------------------------------------------------------------------------------------

    /// Corrects the bank accounts that are to be corrected on the day; whether there are any.
    pub fn corrects(&mut self) -> bool {
        let today = self.today;
        let due: Vec<(NaiveDate, usize, bool)> = self.corrections.extract_if(.., |(on, ..)| *on <= today).collect();
        for (_, merchant, is_other) in &due {
            let terms = &mut self.merchants[*merchant];
            terms.returned_on = None;
            if *is_other {
                terms.account += 1;
                terms.changed_on = Some(today);
            } else {
                terms.corrected_on = Some(today);
            }
        }
        !due.is_empty()
    }

    /// What people resolve on the day.
    pub fn resolves(&mut self) -> Vec<Task> {
        let today = self.today;
        let mut tasks: Vec<Task> = Vec::new();
        for (_, task) in self.desk.extract_if(.., |(on, _)| *on <= today) {
            tasks.push(task);
        }
        for task in &tasks {
            for known in task.breaks.clone() {
                self.breaks.retain(|other| *other != known);
                self.is_resolved(&known, task.reason);
            }
        }
        tasks
    }

    fn is_resolved(&mut self, known: &Break, reason: Reason) {
        let amount = |money: Option<(i64, Code)>| money.map_or(0, |(minor, _)| minor);
        let (_, code) = known.expected.or(known.actual).expect("an amount");
        let (expected, actual) = (amount(known.expected), amount(known.actual));
        let offsets = reason == Reason::Offsets;
        match known.class {
            "FUNDING_MISMATCH" => {
                self.add(1900, known.acquirer, code, actual - expected);
                self.add(5070, "-", code, if offsets { 0 } else { expected - actual });
            }
            "UNIDENTIFIED_RECEIPT" | "MISSING_IN_LEDGER" => {
                self.add(2900, known.acquirer, code, -actual);
                self.add(4070, "-", code, if offsets { 0 } else { actual });
            }
            "MISSING_IN_FILE" => {
                let item = self.items.remove(&known.of).expect("an item");
                self.add(5070, "-", code, item.gross);
                self.becomes_available(&item, self.today);
            }
            _ => {}
        }
    }

    // What it comes to -----------------------------------------------------------------------------------------------------

    /// What every account that is compared holds, on its own side, by `code whose currency`.
    pub fn balances(&self) -> BTreeMap<String, i64> {
        let mut all = self.sums.clone();
        let mut add = |key: String, minor: i64| *all.entry(key).or_default() += minor;
        for item in self.items.values() {
            let acquirer = ACQUIRERS[self.merchants[item.merchant].acquirer].name;
            add(format!("1100 {acquirer} {}", item.code), item.gross);
        }
        for ((acquirer, _, code), batch) in &self.batches {
            add(format!("1110 {} {code}", ACQUIRERS[*acquirer].name), batch.open);
        }
        for ((merchant, code), account) in &self.accounts {
            let name = &self.merchants[*merchant].name;
            add(format!("2010 {name} {code}"), account.pending);
            add(format!("2020 {name} {code}"), account.available);
            add(format!("2030 {name} {code}"), account.withheld.values().sum());
            add(format!("2100 {name} {code}"), account.in_transit);
        }
        all.retain(|_, minor| *minor != 0);
        all
    }

    /// What is open of each batch.
    pub fn awaited(&self) -> BTreeMap<String, i64> {
        let open = self.batches.iter().filter(|(_, batch)| batch.open != 0);
        open.map(|((acquirer, name, code), batch)| (format!("{} {name} {code}", ACQUIRERS[*acquirer].name), batch.open))
            .collect()
    }

    /// What a merchant is owed, by name and currency: what is pending, available and on its way.
    pub fn owed(&self) -> BTreeMap<String, i64> {
        let owed = self.accounts.iter().map(|((merchant, code), account)| {
            let name = &self.merchants[*merchant].name;
            (
                format!("{name} {code}"),
                account.pending + account.available + account.in_transit,
            )
        });
        owed.collect()
    }

    /// What the proof of the day must say.
    pub fn identities(&self) -> Vec<Identity> {
        let balances = self.balances();
        let held = |key: String| balances.get(&key).copied().unwrap_or_default();
        let open = |class: &str, of: &str, code: Code| -> i64 {
            let open = self
                .breaks
                .iter()
                .filter(|known| known.class == class && known.acquirer == of);
            open.filter_map(|known| known.expected)
                .filter(|(_, of)| *of == code)
                .map(|(minor, _)| minor)
                .sum()
        };
        let waits = |of: &str| {
            self.breaks
                .iter()
                .any(|known| known.class == "MISSING_FILE" && known.acquirer == of)
        };
        let mut all = Vec::new();
        for Acquirer { name, currencies, .. } in &ACQUIRERS {
            for code in *currencies {
                for (number, account, missing) in [(1, 1100, "MISSING_IN_FILE"), (3, 1110, "MISSING_RECEIPT")] {
                    all.push(Identity {
                        number,
                        of: name,
                        code,
                        books: held(format!("{account} {name} {code}")),
                        open: open(missing, name, code),
                        complete: !waits(name),
                    });
                }
            }
        }
        for (code, bank) in &self.banks {
            let unheard = self.statements.iter().filter(|statement| statement.code == *code);
            let unheard: Vec<i64> = unheard
                .map(|statement| statement.closing() - statement.opening)
                .collect();
            all.push(Identity {
                number: 4,
                of: "main",
                code,
                books: bank.closing - unheard.iter().sum::<i64>() + self.untold.get(code).copied().unwrap_or_default(),
                open: 0,
                complete: unheard.is_empty(),
            });
        }
        all
    }

    /// A payout as it is compared with the engine's.
    pub fn told(&self, payout: &Payout) -> String {
        let name = &self.merchants[payout.merchant].name;
        let amount = decimal(payout.amount, payout.code);
        format!(
            "{} {name} {amount} {} {} {}",
            payout.cutoff, payout.code, payout.fee, payout.state
        )
    }
}
