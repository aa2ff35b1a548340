//! What runs do to the books of the model: payouts, expiries, releases, holds, advances.

use std::collections::BTreeMap;

use acquit::ledger::entry::EntryKind;
use chrono::{DateTime, Days, NaiveDate, Utc};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::model::rules::{Book, Entry, Hold, Item, Model, Transfer, named};
use crate::model::world::{Zone, decimal, places};

/// A payout of the register.
#[derive(Debug, Clone)]
pub struct Payout {
    pub merchant: String,
    pub currency: String,
    pub cutoff: NaiveDate,
    pub amount: i64,
    pub fee: i64,
    pub vat: i64,
    pub state: &'static str,
    pub planned_by: String,
    pub approved_by: Option<String>,
    /// The digest of what was approved, in hex.
    pub plan: String,
    pub end_to_end_id: String,
    /// Holder, account, bank.
    pub destination: [&'static str; 3],
    /// The bank file that instructs it.
    pub file: String,
    pub instruction: Option<usize>,
    pub confirmation: Option<usize>,
}

fn transfer(debit: i16, credit: i16, currency: &str, amount: i64) -> Transfer {
    Transfer {
        debit: named(debit, currency, ""),
        credit: named(credit, currency, ""),
        amount,
    }
}

fn enter(model: &mut Model<'_>, merchant: &str, entry: Entry) -> usize {
    let closed = model.closed;
    let book = model.books.get_mut(merchant).expect("a book");
    book.entries.push(entry.on_open_day(closed));
    book.entries.len()
}

/// Plans all that is available at the end of a day, and was credited by then; says how many are new.
pub fn plan(
    model: &Model<'_>,
    payouts: &mut Vec<Payout>,
    cutoff: NaiveDate,
    planner: &str,
    id: impl Fn(&str) -> i64,
) -> usize {
    let before = payouts.len();
    let version = model.world.on(cutoff).expect("settings");
    for (name, book) in &model.books {
        let Some(merchant) = version.merchants.get(name) else {
            continue;
        };
        let Some(destination) = merchant.destination else {
            continue;
        };
        for ((_, currency, _), _) in book.balances().into_iter().filter(|((code, ..), _)| *code == 2020) {
            let later = book
                .entries
                .iter()
                .filter(|entry| entry.day > cutoff)
                .flat_map(|entry| &entry.transfers);
            let later: i64 = later
                .filter(|moved| moved.credit == named(2020, &currency, ""))
                .map(|moved| moved.amount)
                .sum();
            let payable = available(book, &currency) - later;
            let stands_in_the_way = |payout: &&Payout| {
                payout.merchant == *name
                    && payout.currency == currency
                    && (payout.cutoff == cutoff || matches!(payout.state, "planned" | "approved"))
            };
            if payable <= 0 || payouts.iter().any(|payout| stands_in_the_way(&payout)) {
                continue;
            }
            let charge = version.schedule(merchant.schedule).event(3, 4050, &currency);
            let (fee, vat) = charge.map_or((0, 0), |(_, fee, vat)| (fee, vat));
            let amount = payable - fee - vat;
            let minimum = version.minimum.get(currency.as_str()).copied().unwrap_or(0);
            if amount <= 0 || amount < minimum {
                continue;
            }
            payouts.push(Payout {
                merchant: name.clone(),
                end_to_end_id: format!("ACQ-{}-{currency}-{}", id(name), cutoff.to_string().replace('-', "")),
                currency,
                cutoff,
                amount,
                fee,
                vat,
                state: "planned",
                planned_by: planner.to_owned(),
                approved_by: None,
                plan: String::new(),
                destination,
                file: String::new(),
                instruction: None,
                confirmation: None,
            });
        }
    }
    payouts.len() - before
}

/// What may be paid or set aside: less what the next release takes back, of captures that were withdrawn after their day.
pub fn available(book: &Book, currency: &str) -> i64 {
    let withdrawn = book.maturing.iter().filter(|((of, ..), _)| of == currency);
    let withdrawn: i64 = withdrawn.map(|(_, (payable, _))| (*payable).min(0)).sum();
    book.owed(2020, currency, "") + withdrawn
}

/// Somebody else approves all that is planned for a cut-off.
pub fn approve(payouts: &mut [Payout], cutoff: NaiveDate, approver: &str) {
    let mut planned: Vec<&mut Payout> = payouts
        .iter_mut()
        .filter(|payout| (payout.cutoff, payout.state) == (cutoff, "planned"))
        .collect();
    planned.sort_by_key(|payout| payout.end_to_end_id.clone());
    let mut digest = Sha256::new_with_prefix("payout run 1");
    for payout in &planned {
        let texts = [&payout.end_to_end_id, &payout.merchant, &payout.currency].map(String::clone);
        let figures = [payout.amount, payout.fee, payout.vat].map(|figure| figure.to_string());
        let day = [payout.cutoff.to_string()];
        let there = payout.destination.map(str::to_owned);
        for field in texts.iter().chain(&figures).chain(&day).chain(&there) {
            digest.update(format!("{}:{field}", field.len()));
        }
    }
    let plan: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    for payout in planned {
        payout.state = "approved";
        payout.approved_by = Some(approver.to_owned());
        payout.plan.clone_from(&plan);
    }
}

/// Posts what is approved, as far as it is still there, in the order of merchants and currencies.
pub fn instruct(model: &mut Model<'_>, payouts: &mut [Payout], cutoff: NaiveDate, day: NaiveDate, file: &str) -> usize {
    let mut approved: Vec<&mut Payout> = payouts
        .iter_mut()
        .filter(|payout| (payout.cutoff, payout.state) == (cutoff, "approved"))
        .collect();
    approved.sort_by_key(|payout| (payout.merchant.clone(), payout.currency.clone()));
    let mut posted = 0;
    for payout in approved {
        let taken = payout.amount + payout.fee + payout.vat;
        if available(&model.books[&payout.merchant], &payout.currency) < taken {
            payout.state = "cancelled";
            continue;
        }
        let moved = [(2100, payout.amount), (4050, payout.fee), (2300, payout.vat)];
        let moved = moved.into_iter().filter(|(_, amount)| *amount != 0);
        let mut entry = payout.entry(EntryKind::PayoutInstruction, "payout", day, file);
        entry.transfers = moved
            .map(|(credit, amount)| transfer(2020, credit, &payout.currency, amount))
            .collect();
        payout.instruction = Some(enter(model, &payout.merchant, entry));
        file.clone_into(&mut payout.file);
        payout.state = "instructed";
        posted += 1;
    }
    posted
}

/// The bank has paid it.
pub fn confirm(model: &mut Model<'_>, payout: &mut Payout, day: NaiveDate) {
    let mut entry = payout.entry(EntryKind::PayoutConfirmation, "confirmation", day, &payout.file);
    entry.transfers = vec![transfer(2100, 1010, &payout.currency, payout.amount)];
    payout.confirmation = Some(enter(model, &payout.merchant, entry));
    payout.state = "confirmed";
}

impl Payout {
    fn entry(&self, kind: EntryKind, word: &str, day: NaiveDate, file: &str) -> Entry {
        let reference = format!("acquit:{word} {}", self.end_to_end_id);
        let money = |minor: i64| format!("{} {}", decimal(minor, places(&self.currency)), self.currency);
        let [amount, fee, vat] = [self.amount, self.fee, self.vat].map(money);
        let asked = ["payout 1", reference.as_str(), &amount, &fee, &vat];
        Entry::of_day(kind, reference.clone(), &asked, day, file)
    }
}

/// Releases what is open of every payment whose time was up, in the order in which it was.
pub fn expire(model: &mut Model<'_>, cutoff: DateTime<Utc>) {
    let mut due: Vec<(DateTime<Utc>, String, String)> = Vec::new();
    for (merchant, book) in &model.books {
        for (name, payment) in book.payments.iter().filter(|(_, payment)| payment.open() > 0) {
            let at = payment.expires_at.filter(|at| *at <= cutoff);
            due.extend(at.map(|at| (at, merchant.clone(), name.clone())));
        }
    }
    due.sort();
    let first = model.world.versions[0].from.parse().expect("a day");
    for (at, merchant, name) in due {
        let day = Zone::Berlin.day(at).max(first);
        let book = model.books.get_mut(&merchant).expect("a book");
        let payment = book.payments.get_mut(&name).expect("a payment");
        let open = payment.open();
        payment.expired += open;
        let currency = payment.currency.clone();
        let expiries = book.entries.iter().filter(|entry| entry.kind == EntryKind::Expiry);
        let reference = match expiries.filter(|entry| entry.payment.as_ref() == Some(&name)).count() {
            0 => format!("acquit:expiry of {name}"),
            before => format!("acquit:expiry of {name}, {}", before + 1),
        };
        let (amount, micros) = (open.to_string(), at.timestamp_micros().to_string());
        let asked = ["expiry 1", reference.as_str(), &amount, &micros];
        let mut entry = Entry::of_day(
            EntryKind::Expiry,
            reference.clone(),
            &asked,
            day,
            &format!("expire {day}"),
        );
        entry.payment = Some(name);
        entry.occurred_at = at;
        entry.transfers = vec![transfer(9020, 9010, &currency, open)];
        enter(model, &merchant, entry);
    }
}

/// Charges every merchant with a minimum what the fees of a month fall short of it, once.
pub fn close(model: &mut Model<'_>, first: NaiveDate, last: NaiveDate) {
    const FEES: [i16; 6] = [4010, 4020, 4030, 4050, 4060, 4090];
    let world = model.world;
    let version = world.on(last).expect("settings");
    let month = last.format("%Y-%m");
    for (merchant, terms) in &version.merchants {
        let schedule = version.schedule(terms.schedule);
        for currency in schedule.monthly_minimum.keys() {
            let book = model.books.entry(merchant.clone()).or_default();
            let reference = format!("acquit:minimum top-up {month} {currency}");
            if book.entries.iter().any(|entry| entry.reference == reference) {
                continue;
            }
            let of_month = book
                .entries
                .iter()
                .filter(|entry| (first..=last).contains(&entry.own_day()));
            let moved = of_month.flat_map(|entry| &entry.transfers);
            let charged: i64 = moved
                .filter(|moved| moved.debit.1 == *currency)
                .map(|moved| {
                    let of = |code: i16| if FEES.contains(&code) { moved.amount } else { 0 };
                    of(moved.credit.0) - of(moved.debit.0)
                })
                .sum();
            let Some((account, fee, vat)) = schedule.topped_up(charged, currency) else {
                continue;
            };
            let asked = ["minimum top-up 1", merchant.as_str(), reference.as_str()];
            let source = format!("fees close {month}");
            let mut entry = Entry::of_day(EntryKind::MinimumTopUp, reference.clone(), &asked, last, &source);
            entry.transfers = [(account, fee), (2300, vat)]
                .into_iter()
                .filter(|(_, amount)| *amount > 0)
                .map(|(code, amount)| transfer(2020, code, currency, amount))
                .collect();
            enter(model, merchant, entry);
        }
    }
}

/// Shows what merchants owe at the end of a day as receivables, on that day alone.
pub fn reclassify(model: &mut Model<'_>, through: NaiveDate) {
    let mut owing: Vec<(String, String, i64)> = Vec::new();
    for (merchant, book) in &model.books {
        let mut owed: BTreeMap<&str, i64> = BTreeMap::new();
        for moved in book
            .entries
            .iter()
            .filter(|entry| entry.day <= through)
            .flat_map(|entry| &entry.transfers)
        {
            let of = |code: i16| if code == 2020 { moved.amount } else { 0 };
            *owed.entry(&moved.debit.1).or_default() += of(moved.debit.0) - of(moved.credit.0);
        }
        let below_zero = owed.into_iter().filter(|(_, owed)| *owed > 0);
        owing.extend(below_zero.map(|(currency, owed)| (merchant.clone(), currency.to_owned(), owed)));
    }
    let source = format!("period close {through}");
    for (merchant, currency, owed) in owing {
        let reference = format!("acquit:reclassification {through} {currency}");
        let asked = ["reclassification 1", &reference, &owed.to_string()];
        let mut entry = Entry::of_day(EntryKind::Reclassification, reference.clone(), &asked, through, &source);
        entry.transfers = vec![transfer(1200, 2020, &currency, owed)];
        let number = enter(model, &merchant, entry);
        let back = format!("{reference} back");
        let asked = ["reclassification 1", &back, &owed.to_string()];
        let mut entry = Entry::of_day(
            EntryKind::Reversal,
            back.clone(),
            &asked,
            through + Days::new(1),
            &source,
        );
        entry.reverses = Some(number);
        entry.transfers = vec![transfer(2020, 1200, &currency, owed)];
        enter(model, &merchant, entry);
    }
}

/// Makes available what is due on a day: pending money, then tranches of reserves.
pub fn release(model: &mut Model<'_>, day: NaiveDate) {
    let merchants: Vec<String> = model.books.keys().cloned().collect();
    for merchant in merchants {
        mature(model, &merchant, day);
        let book = model.books.get_mut(&merchant).expect("a book");
        let mut due: Vec<(String, i64)> = Vec::new();
        for ((currency, _, release), tranche) in &mut book.tranches {
            let held = tranche.held();
            if *release > day || held == 0 {
                continue;
            }
            tranche.released += held;
            match due.iter_mut().find(|(known, _)| known == currency) {
                Some((_, sum)) => *sum += held,
                None => due.push((currency.clone(), held)),
            }
        }
        for (currency, amount) in due {
            let moved = vec![transfer(2030, 2020, &currency, amount)];
            released(model, &merchant, "reserve", &currency, day, moved);
        }
        expired_holds(model, &merchant, day);
    }
}

fn expired_holds(model: &mut Model<'_>, merchant: &str, day: NaiveDate) {
    let mut due: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, hold) in model.books[merchant].holds.iter().enumerate() {
        if hold.is_open() && hold.expires_on.is_some_and(|end| end <= day) {
            due.entry(hold.currency.clone()).or_default().push(place);
        }
    }
    for (currency, places) in due {
        let holds = &model.books[merchant].holds;
        let amount = places.iter().map(|place| holds[*place].amount).sum();
        let moved = vec![transfer(2040, 2020, &currency, amount)];
        let number = released(model, merchant, "hold", &currency, day, moved);
        let book = model.books.get_mut(merchant).expect("a book");
        for place in places {
            book.holds[place].released = Some((number, "its expiry".to_owned()));
        }
    }
}

/// What is asked to be set aside.
pub struct Asked<'a> {
    pub merchant: &'a str,
    pub currency: &'a str,
    pub amount: i64,
    pub expires_on: Option<NaiveDate>,
    pub day: NaiveDate,
    pub reference: String,
}

pub const REASON: &str = "a dispute is coming";
pub const OWNER: &str = "risk";

/// Sets available money aside, where there is so much.
pub fn hold(model: &mut Model<'_>, asked: &Asked<'_>) -> bool {
    let Asked {
        merchant,
        currency,
        amount,
        expires_on,
        day,
        ..
    } = asked;
    if available(&model.books[*merchant], currency) < *amount {
        return false;
    }
    let end = expires_on.map(|end| end.to_string()).unwrap_or_default();
    let asked_for = [
        "hold 1",
        merchant,
        &amount.to_string(),
        currency,
        REASON,
        OWNER,
        &end,
        &day.to_string(),
    ];
    let source = format!("hold place {day}");
    let mut entry = Entry::of_day(
        EntryKind::Hold,
        format!("acquit:hold {}", asked.reference),
        &asked_for,
        *day,
        &source,
    );
    entry.details = Some(json!({ "expires_on": expires_on, "owner": OWNER, "reason": REASON }));
    entry.transfers = vec![transfer(2020, 2040, currency, *amount)];
    let number = enter(model, merchant, entry);
    let book = model.books.get_mut(*merchant).expect("a book");
    book.holds.push(Hold {
        number,
        currency: (*currency).to_owned(),
        amount: *amount,
        reason: REASON.to_owned(),
        owner: OWNER,
        placed_on: *day,
        expires_on: *expires_on,
        released: None,
    });
    true
}

/// A person ends a hold, which has this id.
pub fn release_hold(model: &mut Model<'_>, merchant: &str, place: usize, id: i64, by: &str, day: NaiveDate) {
    let book = model.books.get_mut(merchant).expect("a book");
    let hold = book.holds[place].clone();
    let is_capture = book.entries[hold.number - 1].kind == EntryKind::Capture;
    let to = match is_capture {
        true => let_go(book, &hold),
        false => vec![(2020, hold.amount)],
    };
    let reference = format!("acquit:release of hold {id}");
    let asked = ["hold release 1", reference.as_str(), by, &day.to_string()];
    let source = format!("hold release {day}");
    let mut entry = Entry::of_day(EntryKind::HoldRelease, reference.clone(), &asked, day, &source);
    entry.details = Some(json!({ "by": by }));
    let moved = to.into_iter().filter(|(_, amount)| *amount > 0);
    entry.transfers = moved
        .map(|(account, amount)| transfer(2040, account, &hold.currency, amount))
        .collect();
    let number = enter(model, merchant, entry);
    let book = model.books.get_mut(merchant).expect("a book");
    book.holds[place].released = Some((number, by.to_owned()));
}

/// A capture's money goes where it would have gone: it waits for its day, its aggregate or its match. Where that was before, it is
/// available, less its reserve.
fn let_go(book: &mut Book, hold: &Hold) -> Vec<(i16, i64)> {
    let capture = book.entries[hold.number - 1].clone();
    let kept = |name: &str| capture.details.as_ref().and_then(|details| details.get(name));
    let reserve = kept("reserve").and_then(|reserve| reserve.as_i64()).unwrap_or(0);
    let day = |name: &str| -> Option<NaiveDate> { Some(kept(name)?.as_str()?.parse().expect("a day")) };
    let until = day("reserve_until");
    let aggregate = capture.aggregate();
    let handed_in = aggregate.as_ref().and_then(|name| book.aggregates[name].closed);
    if let Some(available) = day("available_on") {
        let key = (hold.currency.clone(), capture.own_day(), available, until);
        let sums = book.maturing.entry(key).or_default();
        *sums = (sums.0 + hold.amount, sums.1 + reserve);
    } else if let Some(name) = aggregate.filter(|_| handed_in.is_none()) {
        let waiting = book.aggregates.get_mut(&name).expect("an aggregate");
        waiting.merchant_fee -= hold.amount;
        waiting.reserve += reserve;
    } else if let Some(item) = book.items.get_mut(&handed_in.unwrap_or(hold.number)) {
        item.merchant_fee -= hold.amount;
        item.reserve += reserve;
        item.reserve_until = item.reserve_until.or(until).filter(|_| item.reserve > 0);
    } else {
        let withheld = reserve.min(hold.amount);
        if let Some(until) = until.filter(|_| withheld > 0) {
            let key = (hold.currency.clone(), capture.own_day(), until);
            book.tranches.entry(key).or_default().withheld += withheld;
        }
        return vec![(2030, withheld), (2020, hold.amount - withheld)];
    }
    vec![(2010, hold.amount)]
}

/// Makes whole pending captures available, oldest first, up to an amount a day and the merchant's limit; says how many.
pub fn advance(model: &mut Model<'_>, merchant: &str, currency: &str, up_to: i64, day: NaiveDate) -> usize {
    let version = model.world.on(day).expect("settings");
    let terms = &version.merchants[merchant];
    let book = model.books.get_mut(merchant).expect("a book");
    let payable = |item: &Item| item.gross - item.merchant_fee;
    let outstanding: i64 = book
        .items
        .values()
        .filter(|item| item.advanced && item.currency == currency)
        .map(payable)
        .sum();
    let start = format!("acquit:advance {currency} {day} ");
    let of_day = book.entries.iter().filter(|entry| entry.reference.starts_with(&start));
    let of_day = of_day
        .flat_map(|entry| &entry.transfers)
        .filter(|moved| moved.debit.0 == 2010);
    let on_day: i64 = of_day.map(|moved| moved.amount).sum();
    let limit = terms.advance_limit.get(currency).copied().unwrap_or(0);
    let room = (up_to - on_day).min(limit - outstanding).max(0);
    let mut waiting: Vec<(NaiveDate, usize)> = book
        .items
        .iter()
        .filter(|(_, item)| item.currency == currency && item.record == "capture" && !item.matures && payable(item) > 0)
        .map(|(number, item)| (item.day, *number))
        .collect();
    waiting.sort_unstable();
    let (mut sum, mut withheld, mut chosen) = (0, 0, Vec::new());
    for (_, number) in waiting {
        let item = book.items.get_mut(&number).expect("an item");
        if sum + payable(item) > room {
            break;
        }
        sum += payable(item);
        let reserve = item.reserve.min(payable(item));
        if let Some(until) = item.reserve_until.filter(|_| reserve > 0) {
            withheld += reserve;
            book.tranches
                .entry((currency.to_owned(), item.day, until))
                .or_default()
                .withheld += reserve;
        }
        (item.advanced, item.matures) = (true, true);
        chosen.push(number);
    }
    if chosen.is_empty() {
        return 0;
    }
    let mut moved = vec![(2010, 2030, withheld), (2010, 2020, sum - withheld)];
    if let Some((account, fee, vat)) = version.schedule(terms.schedule).advanced(sum) {
        moved.extend([(2020, account, fee), (2020, 2300, vat)]);
    }
    let moved = moved.into_iter().filter(|(.., amount)| *amount != 0);
    let reference = format!("acquit:advance {currency} {day} at {}", book.entries.len() + 1);
    let money = format!("{} {currency}", decimal(sum, places(currency)));
    let asked = ["advance 1", reference.as_str(), &money];
    let mut entry = Entry::of_day(
        EntryKind::Advance,
        reference.clone(),
        &asked,
        day,
        &format!("advance {day}"),
    );
    entry.details = Some(json!({ "captures": chosen }));
    entry.transfers = moved
        .map(|(debit, credit, amount)| transfer(debit, credit, currency, amount))
        .collect();
    enter(model, merchant, entry);
    chosen.len()
}

fn mature(model: &mut Model<'_>, merchant: &str, day: NaiveDate) {
    let book = model.books.get_mut(merchant).expect("a book");
    let mut currencies: Vec<String> = book.maturing.keys().map(|(currency, ..)| currency.clone()).collect();
    currencies.dedup();
    for currency in currencies {
        let book = model.books.get_mut(merchant).expect("a book");
        let mut due: BTreeMap<_, (i64, i64)> = BTreeMap::new();
        let mut any = false;
        book.maturing
            .retain(|(of, sale, available, until), (payable, reserve)| {
                if *of != currency || *available > day {
                    return true;
                }
                any = true;
                // What nothing is withheld of is one sum, whenever it was sold.
                let sums = due.entry(until.map(|until| (*sale, until))).or_default();
                *sums = (sums.0 + *payable, sums.1 + *reserve);
                false
            });
        if !any {
            continue;
        }
        let (mut available, mut more, mut less) = (0, 0, 0);
        for (days, (payable, reserve)) in due {
            let Some((sale, until)) = days else {
                available += payable;
                continue;
            };
            let key = (currency.clone(), sale, until);
            let held = book.tranches.get(&key).map_or(0, |tranche| tranche.held());
            // Of a reserve that a withdrawn capture takes back, there may be less by now.
            let withheld = reserve.max(-held);
            available += payable - withheld;
            more += withheld.max(0);
            less -= withheld.min(0);
            if withheld != 0 {
                book.tranches.entry(key).or_default().withheld += withheld;
            }
        }
        let moved = [(2010, 2030, more), (2030, 2010, less), (2010, 2020, available)];
        let moved = moved
            .into_iter()
            .filter(|(.., amount)| *amount != 0)
            .map(|(debit, credit, amount)| {
                let (debit, credit) = if amount < 0 { (credit, debit) } else { (debit, credit) };
                transfer(debit, credit, &currency, amount.abs())
            });
        let moved: Vec<Transfer> = moved.collect();
        if !moved.is_empty() {
            released(model, merchant, "pending", &currency, day, moved);
        }
    }
}

fn released(
    model: &mut Model<'_>,
    merchant: &str,
    what: &str,
    currency: &str,
    day: NaiveDate,
    moved: Vec<Transfer>,
) -> usize {
    let number = model.books[merchant].entries.len() + 1;
    let reference = format!("acquit:release {what} {currency} {day} at {number}");
    let asked = ["release 1", reference.as_str()];
    let kind = if what == "hold" {
        EntryKind::HoldRelease
    } else {
        EntryKind::Release
    };
    let mut entry = Entry::of_day(kind, reference.clone(), &asked, day, &format!("release {day}"));
    entry.transfers = moved;
    enter(model, merchant, entry)
}
