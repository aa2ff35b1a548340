//! What `truth.json` says. Amounts and balances are minor units; balances are Σ debits - Σ credits over all books.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use super::available::{Advance, Released};
use super::{Account, Balances, Total, Truth, Whose};
use crate::simulate::settlement::BatchSums;
use crate::simulate::story::{Decided, Event, Story};
use crate::simulate::world::{ACQUIRERS, BANK_ACCOUNT, CARDS, CURRENCIES, Day, World, merchant_name};
use crate::simulate::{BreakKind, Plan, SimulateError, plus, settlement_files};

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
    /// The batch, where a whole one is at fault or not there.
    pub batch: Option<String>,
    /// The file, where a whole one is at fault, or shows that another one is not there.
    pub file: Option<String>,
    /// The currency of `actual`, or of `expected` where there is no line.
    pub currency: Option<&'static str>,
    /// What the ledger or the contract says: the item's gross, the cost, what the gross comes to, or what is withheld.
    pub expected: Option<i64>,
    /// The currency of `expected`, where it is another one.
    pub expected_currency: Option<&'static str>,
    /// What the file says: the line's gross, its cost, what its gross came to, or its net where it has no gross; or what is
    /// withheld of the batch.
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

/// What a file of events claims of its captures in a currency.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Claimed {
    file: &'static str,
    currency: &'static str,
    items: u64,
    amount: i64,
}

impl Claimed {
    pub(super) fn new(file: &'static str, currency: usize, items: u64, amount: i64) -> Self {
        Self {
            file,
            currency: CURRENCIES[currency].code,
            items,
            amount,
        }
    }
}

/// The sums of all batches, by acquirer and currency.
type Sums = [[BatchSums; CURRENCIES.len()]; ACQUIRERS];

/// What the truth is told about.
pub struct Sources<'a> {
    /// What was asked for.
    pub plan: &'a Plan,
    /// Where it happened.
    pub world: &'a World,
    /// The settlement files' batches, by acquirer and currency.
    pub sums: &'a Sums,
    /// What became of the settlement files' money.
    pub settled: Settled,
    /// In the order in which they are to be used.
    pub files: Vec<&'static str>,
}

/// What is released, set aside and paid on the settlement files' day.
pub struct Settled {
    release: Release,
    hold: Option<Hold>,
    payouts: Payouts,
}

impl Truth {
    /// Books what the settlement files bring, and what follows up to the payouts.
    pub fn settle(&mut self, world: &World, sums: &Sums) -> Result<Settled, SimulateError> {
        self.reconcile(world, CARDS, &sums[CARDS])?;
        self.step("reconcile");
        for acquirer in (0..ACQUIRERS).filter(|acquirer| *acquirer != CARDS) {
            self.reconcile(world, acquirer, &sums[acquirer])?;
        }
        self.step("carriers");
        Ok(Settled {
            release: self.release(world, world.day(Day::Settlement).date, "release")?,
            hold: self.hold(world)?,
            payouts: self.pay(world)?,
        })
    }

    /// Books what is left until nothing is withheld any more; writes everything down.
    pub fn into_document(mut self, sources: Sources<'_>) -> Result<Document, SimulateError> {
        let Sources {
            plan,
            world,
            sums,
            settled,
            files,
        } = sources;
        let Settled { release, hold, payouts } = settled;
        let last_release = self.release(world, world.last_release(), "last_release")?;
        let loss = self.loss(world)?;
        let month = self.close_month(world)?;
        let pass = |pass: u8| self.matched.get(&pass).copied().unwrap_or(0);
        Ok(Document {
            plan: plan.clone(),
            files,
            events: Events {
                total: self.events.values().copied().fold(0, u64::saturating_add),
                recorded: self.booked,
                replayed: self.replayed.len(),
                refused: self.refused.len(),
                late: self.late,
                after: self.after,
                by_kind: self.events.clone(),
            },
            refused: self.refused.clone(),
            replayed: self.replayed.clone(),
            claims: self.claims.clone(),
            refused_files: self.refused_files.clone(),
            outcome_unknown: self.unknown,
            answered_by_file: self.answered,
            matches: Matches {
                pass1: pass(1),
                pass2: pass(2),
                pass4: pass(4),
                total: self.matched.values().copied().fold(0, u64::saturating_add),
                within_tolerance: self.within_tolerance,
                late: self.late_matches,
                cutoff: self.cutoff_matches,
            },
            breaks: self.breaks.clone(),
            break_items: self.items.clone(),
            settlement: settlement(world, CARDS, &sums[CARDS]),
            carriers: (0..ACQUIRERS)
                .filter(|acquirer| *acquirer != CARDS)
                .map(|acquirer| settlement(world, acquirer, &sums[acquirer]))
                .filter(|settlement| settlement.lines > 0)
                .collect(),
            expiry: self.expiry(world)?,
            advances: self
                .advances
                .iter()
                .map(|advance| AdvanceRow::new(world, advance))
                .collect(),
            decisions: self.decisions,
            release,
            hold,
            payouts,
            last_release,
            loss,
            month,
            accounts: self
                .steps
                .iter()
                .map(|(step, balances)| (*step, accounts(world, balances)))
                .collect(),
        })
    }

    /// Books what a settlement file brings, its batch fees included.
    fn reconcile(
        &mut self,
        world: &World,
        acquirer: usize,
        sums: &[BatchSums; CURRENCIES.len()],
    ) -> Result<(), SimulateError> {
        for (account, change) in std::mem::take(&mut self.files[acquirer]).0 {
            self.books.add(account, change)?;
        }
        for (currency, batch) in sums.iter().enumerate() {
            self.books.book((5030, 1110, batch.fee), acquirer, currency)?;
            self.books.book((1120, 1110, batch.reserve), acquirer, currency)?;
        }
        let day = world.day(Day::Settlement).date;
        for (currency, amount) in self.money.reconciled(world, acquirer, day)? {
            self.books.book((2020, 2030, amount), acquirer, currency)?;
        }
        Ok(())
    }

    fn release(&mut self, world: &World, day: NaiveDate, step: &'static str) -> Result<Release, SimulateError> {
        let (transfers, releases) = self.money.release(world, day)?;
        for (currency, transfer) in transfers {
            self.books.book(transfer, CARDS, currency)?;
        }
        self.step(step);
        let row = |((released, currency), total): ((&'static str, usize), Released)| ReleaseRow {
            released,
            currency: CURRENCIES[currency].code,
            total,
        };
        Ok(Release {
            on: day.to_string(),
            released: releases.into_iter().map(row).collect(),
        })
    }

    fn hold(&mut self, world: &World) -> Result<Option<Hold>, SimulateError> {
        let Some((held, transfer)) = self.money.hold(world)? else {
            return Ok(None);
        };
        self.books.book(transfer, CARDS, held.currency)?;
        self.step("hold");
        Ok(Some(Hold {
            merchant: merchant_name(held.merchant),
            currency: CURRENCIES[held.currency].code,
            amount: held.amount,
            on: world.day(Day::Settlement).date.to_string(),
            expires: world.last_release().to_string(),
        }))
    }

    /// Gives up what the first merchant owes that has nothing any more; nothing, where nobody owes.
    fn loss(&mut self, world: &World) -> Result<Option<Loss>, SimulateError> {
        let Some((merchant, currency, amount)) = self.money.lose(world)? else {
            return Ok(None);
        };
        self.books.book((5060, 2020, amount), CARDS, currency)?;
        self.step("loss");
        Ok(Some(Loss {
            merchant: merchant_name(merchant),
            currency: CURRENCIES[currency].code,
            amount,
            on: world.last_release().to_string(),
        }))
    }

    /// Tops the fees of the simulated day's month up to what contracts promise.
    fn close_month(&mut self, world: &World) -> Result<Month, SimulateError> {
        let mut top_ups = Vec::new();
        for top_up in self.month.top_ups(world)? {
            for transfer in top_up.transfers {
                self.books.book(transfer, CARDS, top_up.currency)?;
            }
            let [(.., fee), (.., vat)] = top_up.transfers;
            top_ups.push(TopUpRow {
                merchant: merchant_name(top_up.merchant),
                currency: CURRENCIES[top_up.currency].code,
                minimum: top_up.minimum,
                charged: top_up.charged,
                fee,
                vat,
            });
        }
        self.step("month");
        Ok(Month {
            month: world.day(Day::Simulated).date.format("%Y-%m").to_string(),
            top_ups,
        })
    }

    fn pay(&mut self, world: &World) -> Result<Payouts, SimulateError> {
        let mut totals: BTreeMap<&'static str, Total> = BTreeMap::new();
        let mut payouts = Vec::new();
        for payout in self.money.payouts(world)? {
            let paid = [
                (2020, 1010, payout.amount),
                (2020, 4050, payout.fee),
                (2020, 2300, payout.vat),
            ];
            for transfer in paid {
                self.books.book(transfer, CARDS, payout.currency)?;
            }
            let currency = CURRENCIES[payout.currency].code;
            totals.entry(currency).or_default().add(payout.amount)?;
            payouts.push(PayoutRow {
                merchant: payout.merchant,
                currency,
                amount: payout.amount,
                fee: payout.fee,
                vat: payout.vat,
            });
        }
        self.step("payouts");
        Ok(Payouts {
            cutoff: world.day(Day::Settlement).date.to_string(),
            totals,
            payouts,
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
}

fn accounts(world: &World, balances: &Balances) -> Vec<AccountBalance> {
    let moved = balances.0.iter().filter(|(_, balance)| **balance != 0);
    let row = |(&(code, whose, currency), &balance): (&Account, &i64)| AccountBalance {
        code,
        currency: CURRENCIES[currency].code,
        dimension: match whose {
            Whose::Nobodys => "",
            Whose::Acquirers(acquirer) => world.acquirer(acquirer),
            Whose::Banks => BANK_ACCOUNT,
        },
        balance,
    };
    let mut rows: Vec<AccountBalance> = moved.map(row).collect();
    rows.sort_by_key(|row| (row.code, row.currency, row.dimension));
    rows
}

fn settlement(world: &World, acquirer: usize, sums: &[BatchSums; CURRENCIES.len()]) -> Settlement {
    let used = sums.iter().enumerate().filter(|(_, batch)| batch.lines > 0);
    let batches: Vec<Batch> = used
        .map(|(currency, batch)| Batch {
            batch: world.format(acquirer).batch_name(world, batch.number),
            currency: CURRENCIES[currency].code,
            lines: batch.lines,
            gross: batch.gross,
            costs: batch.costs,
            batch_fee: batch.fee,
            reserve: batch.reserve,
            net: batch.net,
            payout: batch.net.saturating_neg(),
        })
        .collect();
    let (file, with) = settlement_files(world, acquirer);
    Settlement {
        acquirer: world.acquirer(acquirer),
        file,
        with,
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
    /// What files of events claim of themselves, rightly.
    claims: Vec<Claimed>,
    /// Files of events that are not what they claim: nothing of them is booked.
    refused_files: Vec<&'static str>,
    /// Payments of which nobody knows whether they were authorized, once the day's events are recorded.
    outcome_unknown: u64,
    /// Those of them of which the settlement file knows.
    answered_by_file: u64,
    /// Of all settlement files.
    matches: Matches,
    breaks: BTreeMap<BreakKind, u64>,
    break_items: Vec<BreakItem>,
    settlement: Settlement,
    /// The carriers' files.
    carriers: Vec<Settlement>,
    /// What is still open of authorizations and may not be captured after the cut-off.
    expiry: Expiry,
    /// What is advanced on the settlement files' day, before them.
    advances: Vec<AdvanceRow>,
    /// What velocity rules and monthly limits say of authorizations, in the order of events.
    decisions: Vec<Decision>,
    /// What is released before the payouts.
    release: Release,
    /// What is set aside before the payouts, until the last release.
    hold: Option<Hold>,
    payouts: Payouts,
    /// What is released once nothing is withheld any more.
    last_release: Release,
    /// What a merchant owes then, beyond all that it has, and is given up.
    loss: Option<Loss>,
    /// What is charged at last, once the simulated day's month is over.
    month: Month,
    /// After every step, in the order of the steps. Copies and corrupt files of the settlement change nothing.
    accounts: Steps,
}

/// What a velocity rule says of an authorization, or a monthly limit where no rule is named.
#[derive(Serialize)]
pub(super) struct Decision {
    merchant: String,
    payment: String,
    reference: String,
    action: &'static str,
    rule: Option<&'static str>,
}

impl Decision {
    pub(super) fn new(story: &Story, event: &Event, decided: Decided) -> Self {
        Self {
            merchant: story.merchant.clone(),
            payment: story.payments[event.payment].name.clone(),
            reference: event.reference.clone(),
            action: decided.action,
            rule: decided.rule,
        }
    }
}

#[derive(Serialize)]
struct Loss {
    merchant: String,
    currency: &'static str,
    amount: i64,
    on: String,
}

#[derive(Serialize)]
struct AdvanceRow {
    merchant: String,
    currency: &'static str,
    on: String,
    captures: u64,
    payable: i64,
    withheld: i64,
    fee: i64,
    vat: i64,
}

impl AdvanceRow {
    fn new(world: &World, advance: &Advance) -> Self {
        let [(.., withheld), _, (.., fee), (.., vat)] = advance.transfers;
        Self {
            merchant: merchant_name(advance.merchant),
            currency: CURRENCIES[advance.currency].code,
            on: world.day(Day::Settlement).date.to_string(),
            captures: advance.captures,
            payable: advance.payable,
            withheld,
            fee,
            vat,
        }
    }
}

#[derive(Serialize)]
struct Hold {
    merchant: String,
    currency: &'static str,
    amount: i64,
    on: String,
    expires: String,
}

#[derive(Serialize)]
struct Month {
    month: String,
    top_ups: Vec<TopUpRow>,
}

#[derive(Serialize)]
struct TopUpRow {
    merchant: String,
    currency: &'static str,
    minimum: i64,
    /// What the month's fees come to.
    charged: i64,
    fee: i64,
    vat: i64,
}

/// Balances after every step: accounts that are not listed are zero.
struct Steps(Vec<(&'static str, Vec<AccountBalance>)>);

impl FromIterator<(&'static str, Vec<AccountBalance>)> for Steps {
    fn from_iter<I: IntoIterator<Item = (&'static str, Vec<AccountBalance>)>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl Serialize for Steps {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(step, accounts)| (step, accounts)))
    }
}

#[derive(Serialize)]
struct Events {
    /// Lines of the event file.
    total: u64,
    recorded: u64,
    replayed: usize,
    refused: usize,
    /// Lines of the file of late events, all of them recorded.
    late: u64,
    /// Lines of the file of events after the payouts, all of them recorded.
    after: u64,
    /// Lines of the event file.
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
    /// Those in the file of the acquirer of cards that it reports past the day on which they were expected.
    late: u64,
    /// Those of them that are not late, and of another day in that file.
    cutoff: u64,
}

#[derive(Serialize)]
struct Settlement {
    acquirer: &'static str,
    file: &'static str,
    /// The file that proves it and is given with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<&'static str>,
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
    /// What is withheld of it.
    reserve: i64,
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
    payouts: Vec<PayoutRow>,
}

#[derive(Serialize)]
struct PayoutRow {
    merchant: String,
    currency: &'static str,
    amount: i64,
    fee: i64,
    vat: i64,
}

#[derive(Serialize)]
struct Release {
    on: String,
    released: Vec<ReleaseRow>,
}

#[derive(Serialize)]
struct ReleaseRow {
    released: &'static str,
    currency: &'static str,
    #[serde(flatten)]
    total: Released,
}
