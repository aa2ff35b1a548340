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
    PAYOUT_FEE, SETTLES_WITHIN, Schedule, decimal, is_open, merchants, of, open_after, open_between, per_mille,
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
    /// What it is owed of money that has come, less what was paid; below zero where it was paid what has not come.
    pub received: i64,
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
    /// The day that makes it available, where no file does.
    matures_on: Option<NaiveDate>,
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
    /// References of its lines.
    lines: Vec<String>,
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
    has_begun: bool,
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

/// An identity of the proof of a day, by its number: both sides, what is open by class and amount, and whether everything has come
/// that leads to it; `ever` where nothing that comes later makes it so.
#[derive(Debug, Clone)]
pub struct Identity {
    pub number: u8,
    pub of: &'static str,
    pub code: Code,
    pub books: i64,
    pub items: i64,
    pub open: Vec<(&'static str, i64)>,
    pub complete: bool,
    pub ever: bool,
}

impl Identity {
    /// As it is told on its day, or later, when everything has come.
    pub fn told(&self, later: bool) -> Vec<String> {
        let Self {
            number,
            of,
            code,
            books,
            items,
            ..
        } = self;
        let short = if *number == 5 { (books - items).min(0) } else { 0 };
        let verdict = if short < 0 {
            "differs"
        } else if !(if later { self.ever } else { self.complete }) {
            "incomplete"
        } else if self.open.is_empty() {
            "closes"
        } else {
            "explained"
        };
        let mut told = vec![format!("{number} {of} {code} {verdict} {books} {items} {short}")];
        let open = self.open.iter();
        told.extend(open.map(|(class, amount)| format!("open {number} {of} {code} {class} {amount}")));
        told
    }

    /// Whether there is nothing to tell.
    pub fn is_nothing(&self) -> bool {
        self.books == 0 && self.items == 0 && self.open.is_empty()
    }
}

/// What a merchant has to be safeguarded for in a currency.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    pub merchant: usize,
    pub code: Code,
    pub share: i64,
    pub reserve: i64,
    pub in_transit: i64,
    pub debt: i64,
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
    /// Payouts that the books have as made, and no statement has told of it.
    untold: BTreeSet<usize>,
    /// What is recorded and has not moved cash.
    unreceived: BTreeMap<String, Item>,
    /// What files claim to pay.
    claimed: BTreeMap<(usize, Code), i64>,
    /// Days into which something was booked on a later one.
    booked_back: BTreeSet<NaiveDate>,
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
            untold: BTreeSet::new(),
            unreceived: BTreeMap::new(),
            claimed: BTreeMap::new(),
            booked_back: BTreeSet::new(),
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

    /// Something that came today is booked on a day: what was said of that and of those after it is not so.
    fn is_booked_back(&mut self, day: NaiveDate) {
        let days = self.booked(day).iter_days();
        self.booked_back.extend(days.take_while(|day| *day < self.today));
    }

    /// Whether what was said of a day still has to be so.
    pub fn stands(&self, day: NaiveDate) -> bool {
        !self.booked_back.contains(&day)
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
        self.reports(EntryKind::Capture, place, gross, (fee, reserve, by_day.then_some(on)));
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
        self.account(merchant, code).received -= fee;
        self.moves(self.today, merchant, code, movement, signed);
        self.moves(self.today, merchant, code, "dispute_fee", -fee);
        self.reports(kind, place, signed, (0, 0, None));
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
    fn reports(
        &mut self,
        record: EntryKind,
        place: usize,
        gross: i64,
        (fee, reserve, matures_on): (i64, i64, Option<NaiveDate>),
    ) {
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
            matures_on,
            ready,
        };
        self.unreceived.insert(reference.clone(), item.clone());
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
            let own = file.lines.iter().filter(|line| line.code == *code);
            let batch = Batch {
                open: file.net(code),
                awaited_on: file.day,
                lines: own.map(|line| line.reference.clone()).collect(),
            };
            let key = (file.acquirer, name.clone(), *code);
            *self.claimed.entry((file.acquirer, *code)).or_default() += batch.open;
            let is_nothing = batch.open == 0;
            self.batches.insert(key.clone(), batch);
            if is_nothing {
                self.is_received(&key);
            }
        }
        self.is_booked_back(file.day);
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
        let bank = self.banks.get_mut(code).expect("a bank");
        if !std::mem::replace(&mut bank.has_begun, true) && of(code).own > 0 {
            self.due(code, today, small * of(code).own, What::Interest);
        }
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
        let is_near = batch.is_some_and(|batch| open_between(of(code).calendar, batch.awaited_on, self.today) <= 2);
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
        self.is_booked_back(day);
    }

    /// The cash of a batch is there: its captures are merchants' money, and what they owe the acquirer is taken.
    fn is_received(&mut self, key: &BatchKey) {
        for reference in self.batches[key].lines.clone() {
            self.has_come(&reference);
        }
    }

    /// An item has moved cash, or the house stands for it. What nobody knows is no merchant's.
    fn has_come(&mut self, reference: &str) {
        if let Some(item) = self.unreceived.remove(reference) {
            self.account(item.merchant, item.code).received += item.gross - item.fee;
        }
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
            self.is_received(key);
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

    /// Batches that were awaited three open days before the end of the statement, or more, and are not paid.
    fn receipts_missing(&mut self, code: Code, until: NaiveDate) {
        let missing: Vec<Break> = self
            .batches
            .iter()
            .filter(|((.., of), batch)| *of == code && batch.open != 0)
            .filter(|(_, batch)| {
                batch.awaited_on < until && open_between(of(code).calendar, batch.awaited_on, until) > 2
            })
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
            account.received -= amount + fee;
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
            self.untold.remove(&place);
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
            self.untold.insert(place);
        }
        self.payouts[place].state = "returned";
        self.credit(merchant, code, day, amount + fee);
        self.account(merchant, code).received += amount + fee;
        self.add(4050, "-", code, -fee);
        self.moves(day, merchant, code, "payout_return", amount);
        self.moves(day, merchant, code, "payout_fee", fee);
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
                self.has_come(&known.of);
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
        let mut all = Vec::new();
        for (place, Acquirer { name, currencies, .. }) in ACQUIRERS.iter().enumerate() {
            for code in *currencies {
                all.extend(self.of_acquirer(place, name, code));
            }
        }
        for code in self.banks.keys() {
            // What nobody knows and no acquirer's name is near to.
            let unknown = self.opened("UNIDENTIFIED_RECEIPT", "main", code);
            let (complete, ever) = (self.is_stated(code), self.stated.contains_key(code));
            let of_main = |number, books, items, open| Identity {
                number,
                of: "main",
                code,
                books,
                items,
                open,
                complete,
                ever,
            };
            let books = self.held(1010, "main", code);
            let (stated, left_out) = self.told_by_bank(code);
            let mut open: Vec<(&str, i64)> = Vec::new();
            open.extend((left_out != 0).then_some(("left out", -left_out)));
            let untold = self.untold.iter().map(|place| &self.payouts[*place]);
            let untold = untold.filter(|payout| payout.code == *code);
            open.extend(untold.map(|payout| ("payout_confirmation", -payout.amount)));
            all.push(of_main(3, 0, -sum(&unknown), unknown));
            all.push(of_main(4, books, stated, open));
            let waits = ACQUIRERS
                .iter()
                .any(|acquirer| acquirer.currencies.contains(code) && self.waits(acquirer.name));
            let required = self.required(code).iter().map(|(_, minor)| minor).sum();
            all.push(Identity {
                of: "",
                complete: complete && !waits,
                ..of_main(5, books, required, Vec::new())
            });
        }
        all
    }

    /// What an acquirer has to report, has reported, and has to pay.
    fn of_acquirer(&self, place: usize, name: &'static str, code: Code) -> [Identity; 3] {
        let of = |number, books, items, open: Vec<(&'static str, i64)>| Identity {
            number,
            of: name,
            code,
            books,
            items,
            open,
            complete: !self.waits(name),
            ever: true,
        };
        let missing = self.opened("MISSING_IN_FILE", name, code);
        let is_missing = |item: &&Item| {
            let mut breaks = self.breaks.iter();
            breaks.any(|known| known.class == "MISSING_IN_FILE" && known.of == item.reference)
        };
        let own = |item: &&Item| self.merchants[item.merchant].acquirer == place && item.code == code;
        let unreported = self.items.values().filter(own).filter(|item| !is_missing(item));
        let unreported = unreported.map(|item| item.gross).sum();
        let claimed = self.claimed.get(&(place, code)).copied().unwrap_or_default();
        let late = self.opened("MISSING_RECEIPT", name, code);
        let own = self
            .batches
            .iter()
            .filter(|((of, _, own), _)| *of == place && *own == code);
        let promised: i64 = own.map(|(_, batch)| batch.open).sum();
        let mut other = self.opened("FUNDING_MISMATCH", name, code);
        other.extend(self.opened("UNIDENTIFIED_RECEIPT", name, code));
        let items = promised - sum(&late) - sum(&other);
        let open = [late, other].concat();
        [
            of(1, self.held(1100, name, code), unreported, missing),
            of(2, claimed, claimed, Vec::new()),
            Identity {
                complete: !self.waits(name) && self.is_stated(code),
                ever: self.stated.contains_key(code),
                ..of(3, self.held(1110, name, code), items, open)
            },
        ]
    }

    fn held(&self, account: i16, of: &str, code: Code) -> i64 {
        let balances = self.balances();
        balances
            .get(&format!("{account} {of} {code}"))
            .copied()
            .unwrap_or_default()
    }

    /// The open differences of a class, each with what came less what was expected; of what is missing, what was expected.
    fn opened(&self, class: &'static str, of: &str, code: Code) -> Vec<(&'static str, i64)> {
        let minor = |money: Option<(i64, Code)>| money.map(|(minor, _)| minor);
        let own = self
            .breaks
            .iter()
            .filter(|known| known.class == class && known.acquirer == of);
        own.filter(|known| known.expected.or(known.actual).is_some_and(|(_, own)| own == code))
            .map(|known| match (minor(known.expected), minor(known.actual)) {
                (Some(expected), Some(actual)) => (class, actual - expected),
                (expected, actual) => (class, expected.or(actual).unwrap_or_default()),
            })
            .collect()
    }

    /// Whether a file of an acquirer is known to be missing.
    fn waits(&self, of: &str) -> bool {
        let mut breaks = self.breaks.iter();
        breaks.any(|known| known.class == "MISSING_FILE" && known.acquirer == of)
    }

    /// Whether statements of an account have come up to the day, and none before is missing.
    fn is_stated(&self, code: Code) -> bool {
        let gap = format!("statement {code}");
        self.stated.get(code).is_some_and(|(day, _)| *day == self.today)
            && !self.breaks.iter().any(|known| known.of == gap)
    }

    /// What an account has by the last statement that came, and what is between those that came and do not meet.
    fn told_by_bank(&self, code: Code) -> (i64, i64) {
        let (last, closing) = self.stated.get(code).copied().unwrap_or_default();
        let unheard = self
            .statements
            .iter()
            .filter(|unheard| unheard.code == code && unheard.day < last);
        (
            closing,
            unheard.map(|unheard| unheard.closing() - unheard.opening).sum(),
        )
    }

    /// The acquirers and accounts of which something is known to be missing.
    pub fn missing(&self) -> BTreeSet<String> {
        let acquirers = ACQUIRERS.iter().filter(|acquirer| self.waits(acquirer.name));
        let mut all: BTreeSet<String> = acquirers.map(|acquirer| acquirer.name.to_owned()).collect();
        let unstated = self.banks.keys().filter(|code| !self.is_stated(code));
        all.extend(unstated.map(|code| (*code).to_owned()));
        all
    }

    /// What each merchant has to be safeguarded for: what it is owed of money that has come, and what is on its way to it. What is
    /// withheld counts when its capture has come, too.
    pub fn clients(&self) -> Vec<Client> {
        let client = |(&(merchant, code), account): (&(usize, Code), &Account)| {
            let withheld: i64 = account.withheld.values().sum();
            let days = self.merchants[merchant].reserve.unwrap_or(0);
            let unfunded = self.unreceived.values().filter(|item| {
                (item.merchant, item.code) == (merchant, code)
                    && item.day + Days::new(days) > self.today
                    && item
                        .matures_on
                        .map_or(!self.items.contains_key(&item.reference), |on| on <= self.today)
            });
            let reserve = withheld - unfunded.map(|item| item.reserve).sum::<i64>();
            let share = account.received - reserve;
            Client {
                merchant,
                code,
                share: share.max(0),
                reserve,
                in_transit: account.in_transit,
                debt: -share.min(0),
            }
        };
        self.accounts.iter().map(client).collect()
    }

    /// What has to be there of others' money, by component.
    pub fn required(&self, code: Code) -> Vec<(&'static str, i64)> {
        let clients = self.clients();
        let of = |part: fn(&Client) -> i64| clients.iter().filter(|client| client.code == code).map(part).sum();
        let ends = format!(" {code}");
        let suspense = self
            .sums
            .iter()
            .filter(|(key, _)| key.starts_with("2900 ") && key.ends_with(&ends));
        // Of a line that nobody knows, nothing has come before its batch.
        let unpaid = self.batches.values().filter(|batch| batch.open != 0);
        let unpaid: BTreeSet<&String> = unpaid.flat_map(|batch| &batch.lines).collect();
        let unpaid = self
            .breaks
            .iter()
            .filter(|known| known.class == "MISSING_IN_LEDGER" && unpaid.contains(&known.of));
        let unpaid = unpaid.filter_map(|known| known.actual).filter(|(_, own)| *own == code);
        let nobodys = suspense.map(|(_, minor)| minor).sum::<i64>() - unpaid.map(|(minor, _)| minor).sum::<i64>();
        vec![
            ("merchants' share of what has come", of(|client| client.share)),
            ("reserves", of(|client| client.reserve)),
            ("payouts in transit", of(|client| client.in_transit)),
            ("nobody's yet, in suspense", nobodys.max(0)),
        ]
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

fn sum(open: &[(&'static str, i64)]) -> i64 {
    open.iter().map(|(_, minor)| minor).sum()
}
