//! What `truth.json` says. Amounts and balances are minor units; balances are Σ debits - Σ credits over all books.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Account, Balances, Total, Truth, Whose};
use crate::simulate::settlement::BatchSums;
use crate::simulate::story::{Event, Story};
use crate::simulate::world::{ACQUIRERS, BANK_ACCOUNT, CARDS, CURRENCIES, Day, World, merchant_name};
use crate::simulate::{BreakKind, Plan, SimulateError, plus};

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

/// An event that must be refused.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Refused {
    line: u64,
    rule: &'static str,
    field: &'static str,
    merchant: String,
    payment: String,
    reference: String,
}

impl Refused {
    pub(super) fn new(line: u64, rule: &'static str, field: &'static str, story: &Story, event: &Event) -> Self {
        Self {
            line,
            rule,
            field,
            merchant: story.merchant.clone(),
            payment: story.payments[event.payment].name.clone(),
            reference: event.reference.clone(),
        }
    }
}

/// An event that is told again.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Replayed {
    line: u64,
    reference: String,
}

impl Replayed {
    pub(super) fn new(line: u64, event: &Event) -> Self {
        let reference = event.reference.clone();
        Self { line, reference }
    }
}

/// What the truth is told about.
pub struct Sources<'a> {
    /// What was asked for.
    pub plan: &'a Plan,
    /// Where it happened.
    pub world: &'a World,
    /// The settlement file's batches, by currency.
    pub sums: &'a [BatchSums; CURRENCIES.len()],
    /// In the order in which they are to be used.
    pub files: Vec<&'static str>,
}

impl Truth {
    /// Closes the books: the batch fees are booked, and everything is written down.
    pub fn into_document(mut self, sources: Sources<'_>) -> Result<Document, SimulateError> {
        let Sources {
            plan,
            world,
            sums,
            files,
        } = sources;
        for (currency, batch) in sums.iter().enumerate() {
            self.settle(5030, 1110, currency, batch.fee)?;
        }
        let mut all = self.recorded.clone();
        for (account, change) in &self.reconciled.0 {
            let balance = all.0.entry(*account).or_default();
            *balance = plus(*balance, *change)?;
        }
        let pass = |pass: u8| self.matched.get(&pass).copied().unwrap_or(0);
        Ok(Document {
            plan: plan.clone(),
            files,
            events: Events {
                total: self.event_count(),
                recorded: self.booked,
                replayed: self.replayed.len(),
                refused: self.refused.len(),
                by_kind: self.events.clone(),
            },
            refused: self.refused.clone(),
            replayed: self.replayed.clone(),
            outcome_unknown: self.unknown,
            accounts_after_record: accounts(&self.recorded),
            accounts_after_reconcile: accounts(&all),
            matches: Matches {
                pass1: pass(1),
                pass2: pass(2),
                pass4: pass(4),
                total: self.matched.values().copied().fold(0, u64::saturating_add),
                within_tolerance: self.within_tolerance,
            },
            breaks: self.breaks.clone(),
            break_items: self.items.clone(),
            settlement: settlement(world, sums),
            expiry: self.expiry(world)?,
            payouts: self.payouts(world)?,
        })
    }

    fn expiry(&self, world: &World) -> Result<Expiry, SimulateError> {
        let mut expiry = Expiry {
            cutoff: world.expiry_cutoff().1,
            totals: BTreeMap::new(),
            merchants: Vec::new(),
        };
        for (number, (merchant, expired)) in world.merchants.iter().zip(&self.expired).enumerate() {
            for (&currency, &total) in merchant.currencies.iter().zip(expired) {
                if total.count == 0 {
                    continue;
                }
                let code = CURRENCIES[currency].code;
                let sum = expiry.totals.entry(code).or_default();
                sum.count = sum.count.saturating_add(total.count);
                sum.amount = plus(sum.amount, total.amount)?;
                expiry.merchants.push(Share {
                    merchant: merchant_name(number),
                    currency: code,
                    total,
                });
            }
        }
        Ok(expiry)
    }

    fn payouts(&self, world: &World) -> Result<Payouts, SimulateError> {
        let mut payouts = Vec::new();
        let mut totals: BTreeMap<&'static str, Total> = BTreeMap::new();
        for (number, merchant) in world.merchants.iter().enumerate() {
            for (slot, &currency) in merchant.currencies.iter().enumerate() {
                let terms = &CURRENCIES[currency];
                let amount = plus(self.funds[number][slot].available, self.settled[number][slot])?;
                if !merchant.has_destination || amount < terms.minimum {
                    continue;
                }
                totals.entry(terms.code).or_default().add(amount)?;
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
}

fn accounts(balances: &Balances) -> Vec<AccountBalance> {
    let moved = balances.0.iter().filter(|(_, balance)| **balance != 0);
    let row = |(&(code, whose, currency), &balance): (&Account, &i64)| AccountBalance {
        code,
        currency: CURRENCIES[currency].code,
        dimension: match whose {
            Whose::Nobodys => "",
            Whose::Acquirers(acquirer) => ACQUIRERS[acquirer],
            Whose::Banks => BANK_ACCOUNT,
        },
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
        acquirer: ACQUIRERS[CARDS],
        as_of: world.day(Day::Settlement).date.to_string(),
        lines: batches.iter().map(|batch| batch.lines).fold(0, u64::saturating_add),
        batches,
    }
}

/// What `truth.json` holds.
#[derive(Serialize)]
pub struct Document {
    plan: Plan,
    /// In the order in which they are to be used.
    files: Vec<&'static str>,
    events: Events,
    refused: Vec<Refused>,
    replayed: Vec<Replayed>,
    /// Payments of which nobody knows whether they were authorized.
    outcome_unknown: u64,
    /// Once the events are recorded. Accounts that are not listed are zero.
    accounts_after_record: Vec<AccountBalance>,
    /// Once the settlement file is reconciled too; copies and corrupt files change nothing.
    accounts_after_reconcile: Vec<AccountBalance>,
    matches: Matches,
    breaks: BTreeMap<BreakKind, u64>,
    break_items: Vec<BreakItem>,
    settlement: Settlement,
    /// What is still open of authorizations and may not be captured after the cut-off.
    expiry: Expiry,
    payouts: Payouts,
}

#[derive(Serialize)]
struct Events {
    /// Lines of the event file.
    total: u64,
    recorded: u64,
    replayed: usize,
    refused: usize,
    /// Lines.
    by_kind: BTreeMap<&'static str, u64>,
}

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
struct Expiry {
    cutoff: String,
    totals: BTreeMap<&'static str, Total>,
    merchants: Vec<Share>,
}

#[derive(Serialize)]
struct Share {
    merchant: String,
    currency: &'static str,
    #[serde(flatten)]
    total: Total,
}

#[derive(Serialize)]
struct Payouts {
    cutoff: String,
    totals: BTreeMap<&'static str, Total>,
    payouts: Vec<Payout>,
}

#[derive(Serialize)]
struct Payout {
    merchant: String,
    currency: &'static str,
    amount: i64,
}
