//! When money becomes available, and what is withheld of it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::charges::Contract;
use super::{Owner, Transfer};
use crate::simulate::fees::{MILLION, Rounding, SCHEDULES, event_price, round};
use crate::simulate::story::{Event, Stage};
use crate::simulate::world::{ACQUIRERS, CURRENCIES, Reserve, Standing, World, merchant_name};
use crate::simulate::{SimulateError, minus, plus};

/// What a capture claims for its merchant, or the captures of an aggregate together.
#[derive(Clone, Copy, Default)]
pub struct Claim {
    whose: Option<Due>,
    /// What does not become payable: fees and VAT, and what is held.
    taken: i64,
    /// Gross less that.
    payable: i64,
    /// What is withheld of it.
    reserve: i64,
    /// What is set aside at once.
    pub held: i64,
    /// Whether it is advanced: the file moves nothing of it any more.
    advanced: bool,
}

/// Whose, and when it becomes available and is released.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    merchant: usize,
    slot: usize,
    /// None where the acquirer's file decides.
    available_on: Option<NaiveDate>,
    /// None where nothing is withheld of it.
    until: Option<NaiveDate>,
}

impl Claim {
    /// What a capture claims that costs so much.
    pub fn of(world: &World, contract: &Contract, event: &Event, fee: i64) -> Result<Self, SimulateError> {
        let Owner { merchant, slot, .. } = contract.owner;
        let payable = minus(event.amount, fee)?;
        let held = if event.held { payable } else { 0 };
        let (taken, payable) = (plus(fee, held)?, minus(payable, held)?);
        let reserve = match world.merchants[merchant].reserve {
            Some(Reserve::Rolling(per_mille)) => {
                let share = i128::from(event.amount).saturating_mul(i128::from(per_mille));
                round(share, 1000, Rounding::HalfEven)?.min(payable).max(0)
            }
            Some(Reserve::Fixed(_)) | None => 0,
        };
        let available_on = world.available_on(merchant, contract.day).filter(|_| !event.held);
        let whose = Some(Due {
            merchant,
            slot,
            available_on,
            until: (reserve > 0).then(|| World::reserved_until(contract.day)),
        });
        let claim = Self {
            whose,
            taken,
            payable,
            reserve,
            held,
            advanced: false,
        };
        let is_open = !event.undone && event.details.aggregate.is_none() && event.stage < Stage::File;
        Ok(if is_open { claim.handed_in(world) } else { claim })
    }

    /// The same when it is open: advanced, where the merchant's are and it comes to something.
    pub fn handed_in(mut self, world: &World) -> Self {
        let of = |due: Due| due.slot == 0 && world.merchants[due.merchant].is_advanced;
        self.advanced = self.whose.is_some_and(of) && self.payable > 0;
        self
    }

    /// With another's.
    pub fn plus(&self, more: &Self) -> Result<Self, SimulateError> {
        Ok(Self {
            whose: more.whose,
            taken: plus(self.taken, more.taken)?,
            payable: plus(self.payable, more.payable)?,
            reserve: plus(self.reserve, more.reserve)?,
            held: plus(self.held, more.held)?,
            advanced: false,
        })
    }
}

/// What a merchant has in a currency, minor units.
#[derive(Clone, Copy, Default)]
struct Funds {
    /// Account 2010.
    pending: i64,
    /// Account 2020.
    available: i64,
    /// Account 2030.
    reserve: i64,
    /// Account 2040.
    hold: i64,
}

impl Funds {
    fn add(&mut self, (debit, credit, amount): Transfer) -> Result<(), SimulateError> {
        for (code, signed) in [(debit, amount.saturating_neg()), (credit, amount)] {
            let balance = match code {
                2010 => &mut self.pending,
                2020 => &mut self.available,
                2030 => &mut self.reserve,
                2040 => &mut self.hold,
                _ => continue,
            };
            *balance = plus(*balance, signed)?;
        }
        Ok(())
    }
}

/// What a file does to a merchant's money in a currency.
#[derive(Clone, Copy, Default)]
struct Brought {
    pending: i64,
    available: i64,
    reserve: i64,
}

/// A release of one kind, and of one currency or merchant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Released {
    /// Merchants.
    pub count: u64,
    /// What became available.
    pub available: i64,
    /// What was withheld of it.
    pub withheld: i64,
}

/// What is released on a day: by kind, and the place of the currency.
pub type Releases = BTreeMap<(&'static str, usize), Released>;

/// Available money that somebody sets aside: until the last release.
#[derive(Clone, Copy)]
pub struct Held {
    /// The merchant's number.
    pub merchant: usize,
    slot: usize,
    /// The place of the currency.
    pub currency: usize,
    /// How much.
    pub amount: i64,
}

/// A payout: whose, in which currency, how much, and what it costs.
pub struct Payout {
    /// The merchant's name.
    pub merchant: String,
    /// The place of the currency.
    pub currency: usize,
    /// What the merchant gets.
    pub amount: i64,
    /// What it is charged for that.
    pub fee: i64,
    /// The VAT of that.
    pub vat: i64,
}

/// The money of all merchants.
pub struct Money {
    funds: Vec<[Funds; 2]>,
    /// What each acquirer's file will do.
    brought: Vec<[[Brought; 2]; ACQUIRERS]>,
    /// What becomes available by date, and what is withheld of it.
    maturing: BTreeMap<Due, (i64, i64)>,
    /// What is withheld, until when.
    tranches: BTreeMap<(usize, usize, NaiveDate), i64>,
    /// What is advanced, by merchant, in its first currency.
    advances: BTreeMap<usize, Advanced>,
    /// What is set aside.
    held: Option<Held>,
}

/// What is advanced to a merchant.
#[derive(Default)]
struct Advanced {
    captures: u64,
    payable: i64,
    /// By the day until which it is withheld.
    withheld: BTreeMap<NaiveDate, i64>,
}

/// What is advanced to a merchant, and what that moves.
pub struct Advance {
    /// The merchant's number.
    pub merchant: usize,
    /// The place of the currency.
    pub currency: usize,
    /// How many captures.
    pub captures: u64,
    /// What they come to.
    pub payable: i64,
    /// What of it is withheld, and becomes available; what it costs, and the VAT of that.
    pub transfers: [Transfer; 4],
}

impl Money {
    /// Nobody has anything.
    pub fn new(merchants: usize) -> Self {
        Self {
            funds: vec![[Funds::default(); 2]; merchants],
            brought: vec![Default::default(); merchants],
            maturing: BTreeMap::new(),
            tranches: BTreeMap::new(),
            advances: BTreeMap::new(),
            held: None,
        }
    }

    /// What of a refund the merchant's own money does not cover, and what of that its reserve does.
    pub fn missing(&self, world: &World, owner: Owner, amount: i64) -> Result<(i64, i64), SimulateError> {
        let funds = self.funds[owner.merchant][owner.slot];
        // Earlier debts are not this refund's.
        let own = plus(funds.pending, funds.available)?.max(0);
        let missing = minus(amount, own)?.max(0);
        let reserve = match world.merchants[owner.merchant].withholds_a_share() {
            true => missing.min(funds.reserve).max(0),
            false => 0,
        };
        Ok((missing, reserve))
    }

    /// Takes from the reserve what a refund lacks, from what was withheld first; how much.
    pub fn take_from_reserve(&mut self, world: &World, owner: Owner, amount: i64) -> Result<i64, SimulateError> {
        let (_, taken) = self.missing(world, owner, amount)?;
        let mut left = taken;
        for (_, tranche) in self
            .tranches
            .range_mut((owner.merchant, owner.slot, NaiveDate::MIN)..=(owner.merchant, owner.slot, NaiveDate::MAX))
        {
            let part = left.min(*tranche);
            (*tranche, left) = (minus(*tranche, part)?, minus(left, part)?);
        }
        self.tranches.retain(|_, tranche| *tranche > 0);
        Ok(taken)
    }

    /// Something was booked.
    pub fn moved(&mut self, owner: Owner, transfer: Transfer) -> Result<(), SimulateError> {
        self.funds[owner.merchant][owner.slot].add(transfer)
    }

    /// A capture was booked (`times` 1) or withdrawn (-1).
    pub fn claims(&mut self, claim: &Claim, times: i64) -> Result<(), SimulateError> {
        let Some(due) = claim.whose.filter(|due| due.available_on.is_some()) else {
            return Ok(());
        };
        let (payable, reserve) = self.maturing.entry(due).or_default();
        *payable = plus(*payable, claim.payable.saturating_mul(times))?;
        *reserve = plus(*reserve, claim.reserve.saturating_mul(times))?;
        Ok(())
    }

    /// A claim is open, and advanced where it says so.
    pub fn advances(&mut self, claim: &Claim) -> Result<(), SimulateError> {
        let Some(due) = claim.whose.filter(|_| claim.advanced) else {
            return Ok(());
        };
        let advanced = self.advances.entry(due.merchant).or_default();
        advanced.captures = advanced.captures.saturating_add(1);
        advanced.payable = plus(advanced.payable, claim.payable)?;
        if let Some(until) = due.until {
            let withheld = advanced.withheld.entry(until).or_default();
            *withheld = plus(*withheld, claim.reserve)?;
        }
        Ok(())
    }

    /// Advances what is to be advanced.
    pub fn advance(&mut self, world: &World) -> Result<Vec<Advance>, SimulateError> {
        let mut advances = Vec::new();
        for (merchant, advanced) in std::mem::take(&mut self.advances) {
            let currency = world.merchants[merchant].currencies[0];
            let mut sum = 0;
            for (until, withheld) in advanced.withheld {
                sum = plus(sum, withheld)?;
                let tranche = self.tranches.entry((merchant, 0, until)).or_default();
                *tranche = plus(*tranche, withheld)?;
            }
            let schedule = &SCHEDULES[world.merchants[merchant].schedule];
            let exact = i128::from(advanced.payable).saturating_mul(i128::from(schedule.advance));
            let price = round(exact, i128::from(MILLION), schedule.rounding)?;
            let vat = schedule.vat.of(price);
            let transfers = [
                (2010, 2030, sum),
                (2010, 2020, minus(advanced.payable, sum)?),
                (2020, 4050, schedule.vat.revenue(price, vat)),
                (2020, 2300, vat),
            ];
            for transfer in transfers {
                self.funds[merchant][0].add(transfer)?;
            }
            advances.push(Advance {
                merchant,
                currency,
                captures: advanced.captures,
                payable: advanced.payable,
                transfers,
            });
        }
        Ok(advances)
    }

    /// What becomes of a claim when a file has proven so much of it and passed so much of its costs on.
    pub fn settled(
        &mut self,
        contract: &Contract,
        claim: &Claim,
        acquirer: usize,
        (earned, passed): (i64, i64),
    ) -> Result<Vec<Transfer>, SimulateError> {
        let Owner { merchant, slot, .. } = contract.owner;
        let transfers = match claim.whose {
            Some(due) if due.available_on.is_some() || claim.advanced => vec![(2020, 4060, passed)],
            _ => {
                let payable = minus(minus(earned, claim.taken)?, passed)?;
                let reserve = claim.reserve.min(payable).max(0);
                if reserve > 0 {
                    let until = World::reserved_until(contract.day);
                    let tranche = self.tranches.entry((merchant, slot, until)).or_default();
                    *tranche = plus(*tranche, reserve)?;
                }
                vec![
                    (2010, 4060, passed),
                    (2010, 2030, reserve),
                    (2010, 2020, minus(payable, reserve)?),
                ]
            }
        };
        let mut funds = Funds::default();
        for transfer in &transfers {
            funds.add(*transfer)?;
        }
        let brought = &mut self.brought[merchant][acquirer][slot];
        brought.pending = plus(brought.pending, funds.pending)?;
        brought.available = plus(brought.available, funds.available)?;
        brought.reserve = plus(brought.reserve, funds.reserve)?;
        Ok(transfers)
    }

    /// A file is booked: what it brought is there, and fixed reserves take their part of it. By currency, what they take.
    pub fn reconciled(
        &mut self,
        world: &World,
        acquirer: usize,
        day: NaiveDate,
    ) -> Result<Vec<(usize, i64)>, SimulateError> {
        let mut taken = Vec::new();
        for (number, merchant) in world.merchants.iter().enumerate() {
            for (slot, &currency) in merchant.currencies.iter().enumerate() {
                let brought = self.brought[number][acquirer][slot];
                let funds = &mut self.funds[number][slot];
                funds.pending = plus(funds.pending, brought.pending)?;
                funds.available = plus(funds.available, brought.available)?;
                funds.reserve = plus(funds.reserve, brought.reserve)?;
                let Some(Reserve::Fixed(euros)) = merchant.reserve else {
                    continue;
                };
                let target = euros.saturating_mul(CURRENCIES[currency].euro);
                let lacks = minus(target, funds.reserve)?;
                let amount = lacks.min(brought.available).min(funds.available).max(0);
                if amount > 0 {
                    funds.add((2020, 2030, amount))?;
                    let tranche = self.tranches.entry((number, slot, World::reserved_until(day)));
                    let tranche = tranche.or_default();
                    *tranche = plus(*tranche, amount)?;
                    taken.push((currency, amount));
                }
            }
        }
        Ok(taken)
    }

    /// What is due on a day becomes available: the transfers by currency, and what it comes to.
    pub fn release(
        &mut self,
        world: &World,
        day: NaiveDate,
    ) -> Result<(Vec<(usize, Transfer)>, Releases), SimulateError> {
        let (mut transfers, mut releases) = (Vec::new(), Releases::new());
        let mut due: BTreeMap<(usize, usize), (i64, i64)> = BTreeMap::new();
        let is_due = |due: &Due| due.available_on.is_some_and(|available_on| available_on <= day);
        let (now, waiting) = std::mem::take(&mut self.maturing)
            .into_iter()
            .partition(|(due, _)| is_due(due));
        let now: BTreeMap<Due, (i64, i64)> = now;
        self.maturing = waiting;
        for (key, (payable, reserve)) in now {
            let sums = due.entry((key.merchant, key.slot)).or_default();
            sums.0 = plus(sums.0, minus(payable, reserve)?)?;
            sums.1 = plus(sums.1, reserve)?;
            if let Some(until) = key.until.filter(|_| reserve > 0) {
                let tranche = self.tranches.entry((key.merchant, key.slot, until)).or_default();
                *tranche = plus(*tranche, reserve)?;
            }
        }
        for ((merchant, slot), (available, withheld)) in due {
            if available == 0 && withheld == 0 {
                continue;
            }
            let currency = world.merchants[merchant].currencies[slot];
            for transfer in [(2010, 2030, withheld), (2010, 2020, available)] {
                self.funds[merchant][slot].add(transfer)?;
                transfers.push((currency, transfer));
            }
            add(&mut releases, ("pending", currency), available, withheld)?;
        }
        let mut tranches: BTreeMap<(usize, usize), i64> = BTreeMap::new();
        for ((merchant, slot, _), amount) in self.tranches.iter().filter(|((.., until), _)| *until <= day) {
            let sum = tranches.entry((*merchant, *slot)).or_default();
            *sum = plus(*sum, *amount)?;
        }
        self.tranches.retain(|(.., until), _| *until > day);
        for ((merchant, slot), amount) in tranches {
            let currency = world.merchants[merchant].currencies[slot];
            self.funds[merchant][slot].add((2030, 2020, amount))?;
            transfers.push((currency, (2030, 2020, amount)));
            add(&mut releases, ("reserve", currency), amount, 0)?;
        }
        if let Some(held) = self.held.filter(|_| world.last_release() <= day) {
            self.held = None;
            let transfer = (2040, 2020, held.amount);
            self.funds[held.merchant][held.slot].add(transfer)?;
            transfers.push((held.currency, transfer));
            add(&mut releases, ("hold", held.currency), held.amount, 0)?;
        }
        Ok((transfers, releases))
    }

    /// Sets a third of what the first merchant has aside that would be paid; of nobody's money, where there is none.
    pub fn hold(&mut self, world: &World) -> Result<Option<(Held, Transfer)>, SimulateError> {
        for (number, merchant) in world.merchants.iter().enumerate().filter(|_| world.is_full()) {
            for (slot, &currency) in merchant.currencies.iter().enumerate() {
                let funds = &mut self.funds[number][slot];
                let amount = funds.available.div_euclid(3);
                if merchant.standing != Standing::Paid || amount <= 0 {
                    continue;
                }
                let transfer = (2020, 2040, amount);
                funds.add(transfer)?;
                let held = Held {
                    merchant: number,
                    slot,
                    currency,
                    amount,
                };
                self.held = Some(held);
                return Ok(Some((held, transfer)));
            }
        }
        Ok(None)
    }

    /// Gives up what the first merchant owes beyond all that it has: which one, in which currency, how much.
    pub fn lose(&mut self, world: &World) -> Result<Option<(usize, usize, i64)>, SimulateError> {
        for (number, merchant) in world.merchants.iter().enumerate().filter(|_| world.is_full()) {
            for (slot, &currency) in merchant.currencies.iter().enumerate() {
                let funds = &mut self.funds[number][slot];
                let beside = plus(plus(funds.pending, funds.reserve)?, funds.hold)?;
                let owed = plus(funds.available, beside)?.saturating_neg();
                if owed > 0 {
                    funds.add((5060, 2020, owed))?;
                    return Ok(Some((number, currency, owed)));
                }
            }
        }
        Ok(None)
    }

    /// Who is paid what: all that is available, less what the payout costs.
    pub fn payouts(&mut self, world: &World) -> Result<Vec<Payout>, SimulateError> {
        let mut payouts = Vec::new();
        for (number, merchant) in world.merchants.iter().enumerate() {
            if !merchant.has_destination || merchant.standing != Standing::Paid {
                continue;
            }
            let schedule = &SCHEDULES[merchant.schedule];
            let thousandths = schedule.events.as_ref().map_or(0, |events| events.payout);
            for (slot, &currency) in merchant.currencies.iter().enumerate() {
                let price = event_price(thousandths, currency);
                let vat = schedule.vat.of(price);
                let fee = schedule.vat.revenue(price, vat);
                let funds = &mut self.funds[number][slot];
                let amount = minus(minus(funds.available, fee)?, vat)?;
                if funds.available <= 0 || amount < CURRENCIES[currency].minimum {
                    continue;
                }
                funds.available = 0;
                payouts.push(Payout {
                    merchant: merchant_name(number),
                    currency,
                    amount,
                    fee,
                    vat,
                });
            }
        }
        Ok(payouts)
    }
}

fn add(
    releases: &mut Releases,
    key: (&'static str, usize),
    available: i64,
    withheld: i64,
) -> Result<(), SimulateError> {
    let sum = releases.entry(key).or_default();
    sum.count = sum.count.saturating_add(1);
    sum.available = plus(sum.available, available)?;
    sum.withheld = plus(sum.withheld, withheld)?;
    Ok(())
}
