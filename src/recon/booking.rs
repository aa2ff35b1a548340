//! What a settlement line books.
//!
//! With R for what the acquirer owes us (1100, for a carrier 1130), and L the line's gross and C the item's, both without sign:
//!
//! | line | debit ← credit |
//! | --- | --- |
//! | towards us | 1110 ← R min(L, C); above: 1110 ← 2900 (5900 within tolerance); below: 1900 (5900) ← R |
//! | away from us | R ← 1110 min(L, C); above: 1900 (5900) ← 1110; below: R ← 2900 (5900) |
//! | capture, in addition | 2010 ← 2030 what is withheld of its payable, 2010 ← 2020 the rest |
//! | capture that passes costs on | 2010 (available already: 2020) ← 4060 interchange and scheme fee, ← 2300 their VAT |
//! | every line | 5010, 5020, 5030 ← 1110 its interchange, scheme fee, markup and commission; 1400 ← 1110 their VAT |
//! | the acquirer withholds of it | 1120 ← 1110 so much; released: 1110 ← 1120 |
//! | its cost is booked already | R ← 1110 so much of the line's costs; R ← 5040 what of it was not taken |
//! | nobody knows it | 1110 ← 2900, or 1900 ← 1110, what it is before deductions, in the net currency |
//! | a fee of the batch | 5030 ← 1110, or 5010, 5020, 1400 where the line says so |
//! | a reserve | 1120 ← 1110 what is withheld, 1110 ← 1120 what is released |
//! | a conversion | 6010 ← 1110 what is sold, 1110 ← 6010 what is bought |
//! | rounding | 1110 ← 5900, or 5900 ← 1110 |
//!
//! Captures, chargeback reversals, recoveries and failed refunds are towards us; refunds, chargebacks and unpaid phone bills away.
//! A capture's payable is min(L, C) less the merchant fee (C less the fee within tolerance) and the costs passed on with their
//! VAT. Where a day or an advance makes it available, the match moves nothing of it.
//!
//! An acquirer may take the cost of a dispute with the gross instead: a line of exactly amount and cost together is no difference.
//!
//! Where gross and net currencies differ, the 1110 side is in the net currency and 6010 bridges the two; costs that are passed on
//! or were booked in the currency of the gross are converted by the line's own rate, what the gross came to. Every leg is one
//! currency, so every entry balances in each. What each line adds to 1110 is its net: that sum is what the bank must receive.
//!
//! The VAT of costs passed on is that of the capture's own day, worked out line by line on interchange and scheme fee together.

use std::cmp::Ordering;

use chrono::NaiveDate;

use super::availability::{TrancheDays, share};
use crate::acquirer::RecordType;
use crate::ids::{BookId, EntryNumber};
use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Currency, Money};
use crate::settings::{self, VatRate};

/// The acquirer's costs of a line, in minor units of the net currency; negative is money back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Costs {
    /// Interchange.
    pub interchange: i64,
    /// Scheme fees.
    pub scheme: i64,
    /// Markup and blended commission.
    pub acquirer: i64,
}

impl Costs {
    /// All three. The intake has proven against the line's amounts that they fit.
    pub fn total(self) -> i64 {
        self.interchange
            .saturating_add(self.scheme)
            .saturating_add(self.acquirer)
    }
}

/// A settlement line, as far as matching and booking see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place in the file.
    pub ordinal: i32,
    /// What it reports.
    pub record: RecordType,
    /// What the shopper paid or got back; signed, positive is money to us. Zero where the line has none.
    pub gross: Money,
    /// What it adds to the batch.
    pub net: Money,
    /// The acquirer's costs.
    pub costs: Costs,
    /// VAT on them, minor units of the net currency.
    pub tax: i64,
    /// What the acquirer withholds of it, likewise; negative is what it releases.
    pub reserve: i64,
    /// Its day.
    pub occurred_on: NaiveDate,
}

/// An open item, as far as matching and booking see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The merchant's book.
    pub book: BookId,
    /// Its entry.
    pub number: EntryNumber,
    /// Signed, positive is money to us.
    pub gross: Money,
    /// What we charge the merchant for it, minor units.
    pub merchant_fee: i64,
    /// What is withheld of it when it becomes available, minor units.
    pub reserve: i64,
    /// What the acquirer takes with it that is booked already, minor units.
    pub cost: i64,
    /// Its money becomes available by date, or did so in advance: not by the match.
    pub matures: bool,
    /// The VAT of interchange and scheme fee of its line, where they are the merchant's to pay.
    pub passes_costs: Option<VatRate>,
    /// The day of the sale.
    pub occurred_on: NaiveDate,
    /// The day on which what is withheld is released.
    pub reserve_until: Option<NaiveDate>,
    /// The day by which the acquirer should report it.
    pub expected_on: NaiveDate,
    /// The entry of the house that made it available in advance.
    pub advanced: Option<EntryNumber>,
    /// What the contract with the acquirer prices it by.
    pub priced_by: PricedBy,
}

/// What a contract with an acquirer may go by, beside the amount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PricedBy {
    /// How the shopper paid.
    pub method: Option<String>,
    /// The card scheme.
    pub scheme: Option<String>,
    /// The country of the card's issuer.
    pub card_country: Option<String>,
}

impl Item {
    /// How far a line is from it: from its gross, or from gross and cost together.
    pub fn distance(&self, line: &Line) -> u64 {
        let alone = line.gross.minor().abs_diff(self.gross.minor());
        match self.gross_with_cost() {
            Some(together) => alone.min(line.gross.minor().abs_diff(together)),
            None => alone,
        }
    }

    /// Gross and cost together, where there is a cost.
    fn gross_with_cost(&self) -> Option<i64> {
        match self.cost {
            0 => None,
            cost => self.gross.minor().checked_sub(cost),
        }
    }

    /// The tranche that what is withheld of it goes to.
    pub fn tranche(&self) -> Option<TrancheDays> {
        self.reserve_until.map(|release_on| TrancheDays {
            source_on: self.occurred_on,
            release_on,
        })
    }
}

/// Who settles: its contract, and the account of what it owes us.
#[derive(Debug, Clone, Copy)]
pub struct Counterparty<'a> {
    /// The contract.
    pub acquirer: &'a settings::Acquirer,
    /// 1100, for a carrier 1130.
    pub receivable: AccountCode,
}

/// A part of an entry: the accounts by code, their dimensions being the acquirer's where the chart says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leg {
    /// The account debited.
    pub debit: AccountCode,
    /// The account credited.
    pub credit: AccountCode,
    /// The currency of both.
    pub currency: Currency,
}

/// Legs and their amounts, above zero.
pub type Legs = Vec<(Leg, i64)>;

/// How the amounts of a match differ, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// By the ledger or the contract.
    pub expected: i64,
    /// By the line.
    pub actual: i64,
}

/// What a merchant pays of the costs of a line, signed minor units; negative is money back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassedOn {
    /// Interchange and scheme fee in the currency of the gross, without VAT.
    pub amount: i64,
    /// Their VAT.
    pub vat: i64,
}

/// What a matched line comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What it books in the merchant's book.
    pub legs: Legs,
    /// What of it is withheld, minor units.
    pub withheld: i64,
    /// What of the merchant's pending money does not become available, since the line is of less; minor units.
    pub kept_pending: i64,
    /// What of the costs the merchant pays, where it pays them.
    pub passed_on: Option<PassedOn>,
    /// By how much the line is of more, or below zero less, which is tolerated; minor units.
    pub rounding: i64,
    /// The gross amounts differ by more than the tolerance.
    pub amount: Option<Difference>,
    /// The costs are not those that the ledger has of the item already.
    pub fee: Option<Difference>,
}

use AccountCode::{
    AcquirerInTransit, AcquirerReserve, CostAcquirer, CostDispute, CostInterchange, CostScheme, FeeCostsPassedOn,
    FxPosition, MerchantAvailable, MerchantPending, MerchantReserve, RoundingDifference, SuspenseCredit, SuspenseDebit,
    VatInput, VatOutput,
};

/// Collects legs; a negative amount is the same leg the other way round, nothing is no leg.
#[derive(Default)]
struct Ledger(Legs);

impl Ledger {
    fn add(&mut self, debit: AccountCode, credit: AccountCode, money: Money) -> Result<(), AmountError> {
        let currency = money.currency();
        match money.minor() {
            0 => {}
            minor if minor > 0 => self.0.push((
                Leg {
                    debit,
                    credit,
                    currency,
                },
                minor,
            )),
            minor => {
                let amount = minor.checked_neg().ok_or(AmountError::TooLarge)?;
                self.0.push((
                    Leg {
                        debit: credit,
                        credit: debit,
                        currency,
                    },
                    amount,
                ));
            }
        }
        Ok(())
    }

    fn costs(&mut self, costs: Costs, currency: Currency) -> Result<(), AmountError> {
        for (account, cost) in [
            (CostInterchange, costs.interchange),
            (CostScheme, costs.scheme),
            (CostAcquirer, costs.acquirer),
        ] {
            self.add(account, AcquirerInTransit, Money::from_minor(cost, currency))?;
        }
        Ok(())
    }

    /// What is taken of a line beside its costs: their VAT, and what is withheld.
    fn tax_and_reserve(&mut self, line: &Line) -> Result<(), AmountError> {
        let money = |minor| Money::from_minor(minor, line.net.currency());
        self.add(VatInput, AcquirerInTransit, money(line.tax))?;
        self.add(AcquirerReserve, AcquirerInTransit, money(line.reserve))
    }
}

/// What a matched line books, and in what it differs from the ledger and the contract.
pub fn settled(line: &Line, item: &Item, with: Counterparty<'_>) -> Result<Settled, AmountError> {
    let acquirer = with.acquirer;
    let tolerance = acquirer
        .tolerance
        .get(&item.gross.currency())
        .map_or(0, |tolerance| tolerance.minor().unsigned_abs());
    let together = item
        .gross_with_cost()
        .filter(|together| *together == line.gross.minor());
    let expected = together.map_or(item.gross, |gross| Money::from_minor(gross, item.gross.currency()));
    let cost = if together.is_some() { 0 } else { item.cost };
    let off = line
        .gross
        .minor()
        .checked_sub(expected.minor())
        .ok_or(AmountError::TooLarge)?;
    let tolerated = off.unsigned_abs() <= tolerance;
    let mut legs = Ledger::default();
    gross_legs(&mut legs, line, expected, with.receivable, tolerated)?;
    let became = match line.record {
        RecordType::Capture => payable_legs(&mut legs, line, item, tolerated)?,
        RecordType::Refund
        | RecordType::Chargeback
        | RecordType::ChargebackReversal
        | RecordType::BatchFee
        | RecordType::Payout
        | RecordType::Unsupported
        | RecordType::Unpaid
        | RecordType::UnpaidRecovery
        | RecordType::RefundFailure
        | RecordType::Reserve
        | RecordType::Carried
        | RecordType::External
        | RecordType::Conversion
        | RecordType::Rounding => Became::default(),
    };
    let cost_differs = cost_legs(
        &mut legs,
        line,
        Money::from_minor(cost, expected.currency()),
        with.receivable,
    )?;
    legs.tax_and_reserve(line)?;
    let amount = (!tolerated).then_some(Difference {
        expected: item.gross.minor(),
        actual: line.gross.minor(),
    });
    Ok(Settled {
        legs: legs.0,
        withheld: became.withheld,
        kept_pending: became.kept_pending,
        passed_on: became.passed_on,
        rounding: if tolerated { off } else { 0 },
        amount,
        fee: cost_differs,
    })
}

/// What of a capture was withheld, and what stayed pending.
#[derive(Default)]
struct Became {
    withheld: i64,
    kept_pending: i64,
    passed_on: Option<PassedOn>,
}

/// What becomes of a capture's pending money when its line is there.
fn payable_legs(legs: &mut Ledger, line: &Line, item: &Item, tolerated: bool) -> Result<Became, AmountError> {
    let minus = |left: i64, right: i64| left.checked_sub(right).ok_or(AmountError::TooLarge);
    let money = |minor: i64| Money::from_minor(minor, item.gross.currency());
    let passed_on = item.passes_costs.map(|rate| passed_on(line, rate)).transpose()?;
    let (passed, vat) = passed_on.map_or((0, 0), |passed_on| (passed_on.amount, passed_on.vat));
    // Of what matures its day moves all, and may have done so: what the file says now comes out of what is available.
    let payer = if item.matures {
        MerchantAvailable
    } else {
        MerchantPending
    };
    legs.add(payer, FeeCostsPassedOn, money(passed))?;
    legs.add(payer, VatOutput, money(vat))?;
    if item.matures {
        return Ok(Became {
            passed_on,
            ..Became::default()
        });
    }
    let settled = if tolerated {
        item.gross.minor()
    } else {
        line.gross.minor().min(item.gross.minor())
    };
    let payable = minus(minus(minus(settled, item.merchant_fee)?, passed)?, vat)?;
    let share = share(payable, item.reserve)?;
    legs.add(MerchantPending, MerchantReserve, money(share.reserve))?;
    legs.add(MerchantPending, MerchantAvailable, money(share.available))?;
    Ok(Became {
        withheld: share.reserve,
        kept_pending: minus(item.gross.minor(), settled)?,
        passed_on,
    })
}

/// Interchange and scheme fee of a line, and their VAT. VAT that is included leaves less for us.
fn passed_on(line: &Line, rate: VatRate) -> Result<PassedOn, AmountError> {
    let cost = merchants_cost(line)?;
    let vat = rate.tax(cost)?;
    let amount = match rate.is_included() {
        true => cost.checked_sub(vat).ok_or(AmountError::TooLarge)?,
        false => cost,
    };
    Ok(PassedOn { amount, vat })
}

/// Interchange and scheme fee of a line in the currency of its gross, half to even; negative is money back.
fn merchants_cost(line: &Line) -> Result<i64, AmountError> {
    let cost = line
        .costs
        .interchange
        .checked_add(line.costs.scheme)
        .ok_or(AmountError::TooLarge)?;
    if line.net.currency() == line.gross.currency() {
        return Ok(cost);
    }
    scaled(cost, line.gross.minor(), converted_gross(line)?.minor())
}

/// So much of one side of a conversion on its other side: amount × |to| / |from|, half to even. Nothing, where nothing was
/// converted.
fn scaled(amount: i64, to: i64, from: i64) -> Result<i64, AmountError> {
    let product = i128::from(amount)
        .checked_mul(i128::from(to.unsigned_abs()))
        .ok_or(AmountError::TooLarge)?;
    let from = i128::from(from.unsigned_abs());
    let (Some(whole), Some(rest)) = (product.checked_div_euclid(from), product.checked_rem_euclid(from)) else {
        return Ok(0);
    };
    // 0 ≤ rest < from < 2^64, so twice the rest fits.
    let up = match rest.saturating_mul(2).cmp(&from) {
        Ordering::Less => 0,
        Ordering::Equal => whole.rem_euclid(2),
        Ordering::Greater => 1,
    };
    i64::try_from(whole.saturating_add(up)).map_err(|_| AmountError::TooLarge)
}

/// The costs of a line: as much of them as is booked already is taken off what the acquirer owes us, the rest is booked now; what
/// was booked and not taken is taken back. The difference, where both are of one currency.
fn cost_legs(
    legs: &mut Ledger,
    line: &Line,
    booked: Money,
    receivable: AccountCode,
) -> Result<Option<Difference>, AmountError> {
    let currency = line.net.currency();
    if booked.minor() == 0 {
        legs.costs(line.costs, currency)?;
        return Ok(None);
    }
    let total = line.costs.total();
    let same = currency == booked.currency();
    let converted = converted_gross(line)?.minor();
    let in_net = if same {
        booked.minor()
    } else {
        scaled(booked.minor(), converted, line.gross.minor())?
    };
    let taken_net = total.min(in_net).max(0);
    let taken = if taken_net == in_net {
        booked.minor()
    } else {
        scaled(taken_net, line.gross.minor(), converted)?.min(booked.minor())
    };
    let taken = if same { taken_net } else { taken };
    let money = |minor: i64| Money::from_minor(minor, booked.currency());
    if same {
        legs.add(receivable, AcquirerInTransit, money(taken))?;
    } else {
        legs.add(receivable, FxPosition, money(taken))?;
        legs.add(FxPosition, AcquirerInTransit, Money::from_minor(taken_net, currency))?;
    }
    let rest = booked.minor().checked_sub(taken).ok_or(AmountError::TooLarge)?;
    legs.add(receivable, CostDispute, money(rest))?;
    legs.costs(without(line.costs, taken_net), currency)?;
    let differs = same && total != booked.minor();
    Ok(differs.then_some(Difference {
        expected: booked.minor(),
        actual: total,
    }))
}

/// Costs less what is booked already: off the acquirer's own part first, then scheme fee and interchange.
fn without(costs: Costs, booked: i64) -> Costs {
    let mut rest = booked;
    let mut less = |cost: i64| {
        let off = rest.min(cost).max(0);
        rest = rest.saturating_sub(off);
        cost.saturating_sub(off)
    };
    let (acquirer, scheme, interchange) = (less(costs.acquirer), less(costs.scheme), less(costs.interchange));
    Costs {
        interchange,
        scheme,
        acquirer,
    }
}

/// The gross of a match: what both agree on through what the acquirer owes us, the rest through 5900 when tolerated, else through
/// suspense.
fn gross_legs(
    legs: &mut Ledger,
    line: &Line,
    expected: Money,
    receivable: AccountCode,
    tolerated: bool,
) -> Result<(), AmountError> {
    let inwards = expected.minor() >= 0;
    let agreed = if inwards {
        line.gross.minor().min(expected.minor())
    } else {
        line.gross.minor().max(expected.minor())
    };
    let money = |minor: i64| Money::from_minor(minor, expected.currency());
    let minus = |left: i64, right: i64| left.checked_sub(right).ok_or(AmountError::TooLarge).map(money);
    // Signed from here on: negative amounts swap sides by themselves.
    let by_line = minus(line.gross.minor(), agreed)?;
    let by_ledger = minus(expected.minor(), agreed)?;
    let (surplus, shortage) = match (tolerated, inwards) {
        (true, _) => (RoundingDifference, RoundingDifference),
        (false, true) => (SuspenseCredit, SuspenseDebit),
        (false, false) => (SuspenseDebit, SuspenseCredit),
    };
    if line.net.currency() == line.gross.currency() {
        legs.add(AcquirerInTransit, receivable, money(agreed))?;
        legs.add(AcquirerInTransit, surplus, by_line)?;
    } else {
        legs.add(FxPosition, receivable, money(agreed))?;
        legs.add(FxPosition, surplus, by_line)?;
        legs.add(AcquirerInTransit, FxPosition, converted_gross(line)?)?;
    }
    legs.add(shortage, receivable, by_ledger)
}

/// The line's gross in its net currency: net and all that is taken of it together.
pub(super) fn converted_gross(line: &Line) -> Result<Money, AmountError> {
    [line.costs.total(), line.tax, line.reserve]
        .into_iter()
        .try_fold(line.net, |sum, taken| {
            sum.plus(Money::from_minor(taken, line.net.currency()))
        })
}

/// What a line that nobody knows books in the house's book: its money into suspense, its costs as costs.
pub fn suspended(line: &Line) -> Result<Legs, AmountError> {
    let mut legs = Ledger::default();
    let money = converted_gross(line)?;
    if money.minor() >= 0 {
        legs.add(AcquirerInTransit, SuspenseCredit, money)?;
    } else {
        legs.add(AcquirerInTransit, SuspenseDebit, money)?;
    }
    legs.costs(line.costs, line.net.currency())?;
    legs.tax_and_reserve(line)?;
    Ok(legs.0)
}

/// What a line that settles no item books in the house's book; none where its record is booked otherwise, or not at all.
pub fn by_itself(line: &Line) -> Result<Option<Legs>, AmountError> {
    let mut legs = Ledger::default();
    match line.record {
        // Markup, commission, and what no column explains, are the acquirer's own.
        RecordType::BatchFee => {
            let costs = Costs {
                acquirer: line
                    .costs
                    .acquirer
                    .checked_sub(converted_gross(line)?.minor())
                    .ok_or(AmountError::TooLarge)?,
                ..line.costs
            };
            legs.costs(costs, line.net.currency())?;
        }
        RecordType::Reserve => {
            legs.add(AcquirerInTransit, AcquirerReserve, converted_gross(line)?)?;
            legs.costs(line.costs, line.net.currency())?;
        }
        RecordType::Conversion => {
            legs.add(AcquirerInTransit, FxPosition, converted_gross(line)?)?;
            legs.costs(line.costs, line.net.currency())?;
        }
        RecordType::Rounding => {
            legs.add(AcquirerInTransit, RoundingDifference, converted_gross(line)?)?;
            legs.costs(line.costs, line.net.currency())?;
        }
        RecordType::Capture
        | RecordType::Refund
        | RecordType::Chargeback
        | RecordType::ChargebackReversal
        | RecordType::Payout
        | RecordType::Unsupported
        | RecordType::Unpaid
        | RecordType::UnpaidRecovery
        | RecordType::RefundFailure
        | RecordType::Carried
        | RecordType::External => return Ok(None),
    }
    legs.tax_and_reserve(line)?;
    Ok(Some(legs.0))
}

#[cfg(test)]
mod tests;
