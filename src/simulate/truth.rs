//! The truth: what a correct engine must find, computed by a bookkeeping of its own.
//!
//! Every fact is booked here as it is made up, by the table of entries that the engine follows, but with none of its code:
//! accounts are numbers, a balance is Σ debits - Σ credits over all books. Where the two disagree, one of them is wrong.

use std::collections::BTreeMap;

use serde::Serialize;

use super::payment::{Event, EventKind};
use super::settlement::{BatchSums, Costs};
use super::world::{ACQUIRER, CURRENCIES, Day, TOLERANCE, World, merchant_name};
use super::{BreakKind, Plan, SimulateError, plus};

/// An account: its code, whether the acquirer is its dimension (none otherwise), and a place in [`CURRENCIES`].
type Account = (i16, bool, usize);

/// Balances by account, positive where debits exceed credits.
#[derive(Default)]
struct Balances(BTreeMap<Account, i64>);

impl Balances {
    /// Debits one account and credits another. A negative amount is the contrary.
    fn book(&mut self, debit: i16, credit: i16, currency: usize, amount: i64) -> Result<(), SimulateError> {
        for (code, signed) in [(debit, amount), (credit, amount.saturating_neg())] {
            let with_acquirer = matches!(code, 1100 | 1110 | 1900 | 2900 | 5010 | 5020 | 5030);
            let balance = self.0.entry((code, with_acquirer, currency)).or_default();
            *balance = plus(*balance, signed)?;
        }
        Ok(())
    }
}

/// The bookkeeping while the day is made up.
pub struct Truth {
    recorded: Balances,
    reconciled: Balances,
    /// What account 2020 owes, by merchant and the place of the currency among the merchant's two.
    available: Vec<[i64; 2]>,
    events: BTreeMap<&'static str, u64>,
    matched: BTreeMap<u8, u64>,
    within_tolerance: u64,
    breaks: BTreeMap<BreakKind, u64>,
    items: Vec<BreakItem>,
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

/// A planted break. Amounts are signed minor units.
#[derive(Debug, Clone, Serialize)]
pub struct BreakItem {
    /// Its class.
    pub class: BreakKind,
    /// The merchant, where a payment is concerned that the ledger knows.
    pub merchant: Option<String>,
    /// The payment, as the ledger or the line names it.
    pub payment: Option<String>,
    /// The reference of the event.
    pub reference: Option<String>,
    /// The acquirer's reference of the item or line.
    pub acquirer_reference: Option<String>,
    /// The batch, where a whole one fails.
    pub batch: Option<String>,
    /// The file, where a whole one is at fault.
    pub file: Option<String>,
    /// The currency of `actual`, or of `expected` where there is no line.
    pub currency: Option<&'static str>,
    /// What the ledger or the contract says: the item's gross, or the cost.
    pub expected: Option<i64>,
    /// The currency of `expected`, where it is another one.
    pub expected_currency: Option<&'static str>,
    /// What the file says: the line's gross, its cost, or its net where it has no gross.
    pub actual: Option<i64>,
}

impl BreakItem {
    /// A break that nothing is known about yet.
    pub fn new(class: BreakKind) -> Self {
        Self {
            class,
            merchant: None,
            payment: None,
            reference: None,
            acquirer_reference: None,
            batch: None,
            file: None,
            currency: None,
            expected: None,
            expected_currency: None,
            actual: None,
        }
    }
}

impl Truth {
    /// Nothing has happened yet.
    pub fn new(merchants: usize) -> Self {
        Self {
            recorded: Balances::default(),
            reconciled: Balances::default(),
            available: vec![[0, 0]; merchants],
            events: BTreeMap::new(),
            matched: BTreeMap::new(),
            within_tolerance: 0,
            breaks: BTreeMap::new(),
            items: Vec::new(),
        }
    }

    /// How many events there were.
    pub fn event_count(&self) -> u64 {
        self.events.values().copied().fold(0, u64::saturating_add)
    }

    /// A break was planted.
    pub fn plant(&mut self, item: BreakItem) {
        let count = self.breaks.entry(item.class).or_default();
        *count = count.saturating_add(1);
        self.items.push(item);
    }

    /// Books an event.
    pub fn record(&mut self, owner: Owner, event: &Event) -> Result<(), SimulateError> {
        let count = self.events.entry(event.kind.name()).or_default();
        *count = count.saturating_add(1);
        let (amount, currency) = (event.amount, owner.currency);
        let books = &mut self.recorded;
        match event.kind {
            EventKind::Authorization => books.book(9010, 9020, currency, amount),
            EventKind::Decline => Ok(()),
            EventKind::Void => books.book(9020, 9010, currency, amount),
            EventKind::Capture => {
                let (percentage, fixed) = event.merchant_fee;
                books.book(9020, 9010, currency, amount)?;
                books.book(1100, 2010, currency, amount)?;
                books.book(2010, 4010, currency, percentage)?;
                books.book(2010, 4020, currency, fixed)
            }
            EventKind::Refund | EventKind::Chargeback => {
                books.book(2020, 1100, currency, amount)?;
                self.owe(owner, amount.saturating_neg())
            }
            EventKind::ChargebackReversal => {
                books.book(1100, 2020, currency, amount)?;
                self.owe(owner, amount)
            }
        }
    }

    /// Books a line that proves an event: `line` is its gross, unsigned, and `pass` how it was found.
    pub fn matched(
        &mut self,
        owner: Owner,
        event: &Event,
        pass: u8,
        line: i64,
        costs: Costs,
    ) -> Result<(), SimulateError> {
        let count = self.matched.entry(pass).or_default();
        *count = count.saturating_add(1);
        let (item, currency) = (event.amount, owner.currency);
        self.costs(currency, costs)?;
        let (agreed, over) = (line.min(item), line.saturating_sub(item));
        let books = &mut self.reconciled;
        match event.kind {
            EventKind::Refund | EventKind::Chargeback => return books.book(1100, 1110, currency, agreed),
            EventKind::ChargebackReversal => return books.book(1110, 1100, currency, agreed),
            EventKind::Authorization | EventKind::Decline | EventKind::Void => return Ok(()),
            EventKind::Capture => books.book(1110, 1100, currency, agreed)?,
        }
        let tolerated = over.saturating_abs() <= TOLERANCE;
        if over != 0 && tolerated {
            self.within_tolerance = self.within_tolerance.saturating_add(1);
        }
        let books = &mut self.reconciled;
        match (over > 0, tolerated) {
            (true, true) => books.book(1110, 5900, currency, over)?,
            (true, false) => books.book(1110, 2900, currency, over)?,
            (false, true) => books.book(5900, 1100, currency, over.saturating_neg())?,
            (false, false) => books.book(1900, 1100, currency, over.saturating_neg())?,
        }
        let (percentage, fixed) = event.merchant_fee;
        let earned = if tolerated { item } else { agreed };
        let payable = earned.saturating_sub(percentage).saturating_sub(fixed);
        books.book(2010, 2020, currency, payable)?;
        self.owe(owner, payable)
    }

    /// Books a line that proves nothing: its money has no owner yet.
    pub fn stray(&mut self, currency: usize, net: i64, costs: Costs) -> Result<(), SimulateError> {
        self.costs(currency, costs)?;
        let gross = plus(net, costs.total())?;
        let (debit, credit) = if gross >= 0 { (1110, 2900) } else { (1900, 1110) };
        self.reconciled.book(debit, credit, currency, gross.saturating_abs())
    }

    fn costs(&mut self, currency: usize, costs: Costs) -> Result<(), SimulateError> {
        let acquirers = plus(costs.commission, costs.markup)?;
        let books = &mut self.reconciled;
        books.book(5010, 1110, currency, costs.interchange)?;
        books.book(5020, 1110, currency, costs.scheme_fee)?;
        books.book(5030, 1110, currency, acquirers)
    }

    fn owe(&mut self, owner: Owner, amount: i64) -> Result<(), SimulateError> {
        let owed = &mut self.available[owner.merchant][owner.slot];
        *owed = plus(*owed, amount)?;
        Ok(())
    }

    /// Closes the books: the batch fees are booked, and everything is written down.
    pub fn into_document(
        mut self,
        plan: &Plan,
        world: &World,
        sums: &[BatchSums; CURRENCIES.len()],
        files: Vec<&'static str>,
    ) -> Result<Document, SimulateError> {
        for (currency, batch) in sums.iter().enumerate() {
            self.reconciled.book(5030, 1110, currency, batch.fee)?;
        }
        let after_record = accounts(&self.recorded);
        let mut all = self.recorded;
        for (account, change) in &self.reconciled.0 {
            let balance = all.0.entry(*account).or_default();
            *balance = plus(*balance, *change)?;
        }
        let pass = |pass: u8| self.matched.get(&pass).copied().unwrap_or(0);
        Ok(Document {
            plan: plan.clone(),
            files,
            events: Events {
                total: self.events.values().copied().fold(0, u64::saturating_add),
                by_kind: self.events,
            },
            accounts_after_record: after_record,
            accounts_after_reconcile: accounts(&all),
            matches: Matches {
                pass1: pass(1),
                pass2: pass(2),
                pass4: pass(4),
                total: self.matched.values().copied().fold(0, u64::saturating_add),
                within_tolerance: self.within_tolerance,
            },
            breaks: self.breaks,
            break_items: self.items,
            settlement: settlement(world, sums),
            payouts: payouts(world, &self.available)?,
        })
    }
}

fn accounts(balances: &Balances) -> Vec<AccountBalance> {
    let moved = balances.0.iter().filter(|(_, balance)| **balance != 0);
    let row = |(&(code, with_acquirer, currency), &balance): (&Account, &i64)| AccountBalance {
        code,
        currency: CURRENCIES[currency].code,
        dimension: if with_acquirer { ACQUIRER } else { "" },
        balance,
    };
    let mut rows: Vec<AccountBalance> = moved.map(row).collect();
    rows.sort_by_key(|row| (row.code, row.currency, row.dimension));
    rows
}

fn settlement(world: &World, sums: &[BatchSums; CURRENCIES.len()]) -> Settlement {
    let used = sums.iter().enumerate().filter(|(_, batch)| batch.lines > 0);
    let batches: Vec<Batch> = used
        .map(|(currency, batch)| Batch {
            batch: currency.saturating_add(1).to_string(),
            currency: CURRENCIES[currency].code,
            lines: batch.lines,
            gross: batch.gross,
            costs: batch.costs,
            batch_fee: batch.fee,
            net: batch.net,
            payout: batch.net.saturating_neg(),
        })
        .collect();
    Settlement {
        acquirer: ACQUIRER,
        as_of: world.day(Day::Settlement).date.to_string(),
        lines: batches.iter().map(|batch| batch.lines).fold(0, u64::saturating_add),
        batches,
    }
}

fn payouts(world: &World, available: &[[i64; 2]]) -> Result<Payouts, SimulateError> {
    let mut payouts = Vec::new();
    let mut totals: BTreeMap<&'static str, PayoutTotal> = BTreeMap::new();
    for (number, (merchant, owed)) in world.merchants.iter().zip(available).enumerate() {
        for (&currency, &amount) in merchant.currencies.iter().zip(owed) {
            let terms = &CURRENCIES[currency];
            if !merchant.has_destination || amount < terms.minimum {
                continue;
            }
            let total = totals.entry(terms.code).or_default();
            total.count = total.count.saturating_add(1);
            total.amount = plus(total.amount, amount)?;
            payouts.push(Payout {
                merchant: merchant_name(number),
                currency: terms.code,
                amount,
            });
        }
    }
    Ok(Payouts {
        cutoff: world.day(Day::Settlement).date.to_string(),
        totals,
        payouts,
    })
}

/// What `truth.json` holds. Amounts and balances are minor units.
#[derive(Serialize)]
pub struct Document {
    plan: Plan,
    /// In the order in which they are to be used.
    files: Vec<&'static str>,
    events: Events,
    /// Once the events are recorded. Accounts that are not listed are zero.
    accounts_after_record: Vec<AccountBalance>,
    /// Once the settlement file is reconciled too; copies and corrupt files change nothing.
    accounts_after_reconcile: Vec<AccountBalance>,
    matches: Matches,
    breaks: BTreeMap<BreakKind, u64>,
    break_items: Vec<BreakItem>,
    settlement: Settlement,
    payouts: Payouts,
}

#[derive(Serialize)]
struct Events {
    total: u64,
    by_kind: BTreeMap<&'static str, u64>,
}

/// Σ debits - Σ credits over all books.
#[derive(Serialize)]
struct AccountBalance {
    code: i16,
    currency: &'static str,
    dimension: &'static str,
    balance: i64,
}

#[derive(Serialize)]
struct Matches {
    pass1: u64,
    pass2: u64,
    pass4: u64,
    total: u64,
    /// Those whose gross amounts differ by no more than the tolerance.
    within_tolerance: u64,
}

#[derive(Serialize)]
struct Settlement {
    acquirer: &'static str,
    as_of: String,
    /// Rows, those of batches included.
    lines: u64,
    batches: Vec<Batch>,
}

#[derive(Serialize)]
struct Batch {
    batch: String,
    currency: &'static str,
    lines: u64,
    gross: i64,
    costs: i64,
    batch_fee: i64,
    /// Of all rows but the payout row.
    net: i64,
    /// The payout row: the contrary.
    payout: i64,
}

#[derive(Serialize)]
struct Payouts {
    cutoff: String,
    totals: BTreeMap<&'static str, PayoutTotal>,
    payouts: Vec<Payout>,
}

#[derive(Serialize, Default)]
struct PayoutTotal {
    count: u64,
    amount: i64,
}

#[derive(Serialize)]
struct Payout {
    merchant: String,
    currency: &'static str,
    amount: i64,
}
