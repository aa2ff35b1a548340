//! What a settlement line books.
//!
//! With L the line's gross and C the item's, both without sign:
//!
//! | line | debit ← credit |
//! | --- | --- |
//! | capture, chargeback reversal | 1110 ← 1100 min(L, C); above: 1110 ← 2900 (5900 within tolerance); below: 1900 (5900) ← 1100 |
//! | refund, chargeback | 1100 ← 1110 min(L, C); above: 1900 (5900) ← 1110; below: 1100 ← 2900 (5900) |
//! | capture, in addition | 2010 ← 2020 what became payable: min(L, C) less the merchant fee (C less the fee within tolerance) |
//! | every line | 5010, 5020, 5030 ← 1110 its interchange, scheme fee, markup and commission |
//! | nobody knows it | 1110 ← 2900, or 1900 ← 1110, net and costs together, in the net currency |
//!
//! Where gross and net currencies differ, the 1110 side is in the net currency and 6010 bridges the two. Every leg is one
//! currency, so every entry balances in each. What each line adds to 1110 is its net: that sum is what the bank must receive.

use crate::acquirer::RecordType;
use crate::ids::{BookId, EntryNumber};
use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Currency, Money};
use crate::settings::{self, Contract};

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

/// What a matched line comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What it books in the merchant's book.
    pub legs: Legs,
    /// The gross amounts differ by more than the tolerance.
    pub amount: Option<Difference>,
    /// The costs are not those of the contract.
    pub fee: Option<Difference>,
}

use AccountCode::{
    AcquirerInTransit, AcquirerReceivable, CostAcquirer, CostInterchange, CostScheme, FxPosition, MerchantAvailable,
    MerchantPending, RoundingDifference, SuspenseCredit, SuspenseDebit,
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

    fn costs(&mut self, line: &Line) -> Result<(), AmountError> {
        let currency = line.net.currency();
        for (account, cost) in [
            (CostInterchange, line.costs.interchange),
            (CostScheme, line.costs.scheme),
            (CostAcquirer, line.costs.acquirer),
        ] {
            self.add(account, AcquirerInTransit, Money::from_minor(cost, currency))?;
        }
        Ok(())
    }
}

/// What a matched line books, and in what it differs from the ledger and the contract.
pub fn settled(line: &Line, item: &Item, acquirer: &settings::Acquirer) -> Result<Settled, AmountError> {
    let tolerance = acquirer
        .tolerance
        .get(&item.gross.currency())
        .map_or(0, |tolerance| tolerance.minor().unsigned_abs());
    let tolerated = line.gross.minor().abs_diff(item.gross.minor()) <= tolerance;
    let mut legs = Ledger::default();
    gross_legs(&mut legs, line, item, tolerated)?;
    if line.record == RecordType::Capture {
        let settled = if tolerated {
            item.gross.minor()
        } else {
            line.gross.minor().min(item.gross.minor())
        };
        let payable = settled.checked_sub(item.merchant_fee).ok_or(AmountError::TooLarge)?;
        legs.add(
            MerchantPending,
            MerchantAvailable,
            Money::from_minor(payable, item.gross.currency()),
        )?;
    }
    legs.costs(line)?;
    let amount = (!tolerated).then_some(Difference {
        expected: item.gross.minor(),
        actual: line.gross.minor(),
    });
    Ok(Settled {
        legs: legs.0,
        amount,
        fee: fee_difference(line, acquirer)?,
    })
}

/// The gross of a match: what both agree on through 1100, the rest through 5900 when tolerated, else through suspense.
fn gross_legs(legs: &mut Ledger, line: &Line, item: &Item, tolerated: bool) -> Result<(), AmountError> {
    let inwards = item.gross.minor() >= 0;
    let agreed = if inwards {
        line.gross.minor().min(item.gross.minor())
    } else {
        line.gross.minor().max(item.gross.minor())
    };
    let money = |minor: i64| Money::from_minor(minor, item.gross.currency());
    let minus = |left: i64, right: i64| left.checked_sub(right).ok_or(AmountError::TooLarge).map(money);
    // Signed from here on: negative amounts swap sides by themselves.
    let by_line = minus(line.gross.minor(), agreed)?;
    let by_ledger = minus(item.gross.minor(), agreed)?;
    let (surplus, shortage) = match (tolerated, inwards) {
        (true, _) => (RoundingDifference, RoundingDifference),
        (false, true) => (SuspenseCredit, SuspenseDebit),
        (false, false) => (SuspenseDebit, SuspenseCredit),
    };
    if line.net.currency() == line.gross.currency() {
        legs.add(AcquirerInTransit, AcquirerReceivable, money(agreed))?;
        legs.add(AcquirerInTransit, surplus, by_line)?;
    } else {
        legs.add(FxPosition, AcquirerReceivable, money(agreed))?;
        legs.add(FxPosition, surplus, by_line)?;
        legs.add(AcquirerInTransit, FxPosition, converted_gross(line)?)?;
    }
    legs.add(shortage, AcquirerReceivable, by_ledger)
}

/// The line's gross in its net currency: net and costs together.
fn converted_gross(line: &Line) -> Result<Money, AmountError> {
    line.net
        .plus(Money::from_minor(line.costs.total(), line.net.currency()))
}

/// What the costs of a capture should be by contract, against what they are. Only costs in the currency of the gross are
/// checked: across currencies no contract gives the rate.
fn fee_difference(line: &Line, acquirer: &settings::Acquirer) -> Result<Option<Difference>, AmountError> {
    let currency = line.gross.currency();
    if line.record != RecordType::Capture || line.net.currency() != currency {
        return Ok(None);
    }
    let (expected, tolerance) = match (acquirer.contract, &acquirer.cost) {
        (Contract::Gross, _) => (0, 0),
        (Contract::Net, None) => return Ok(None),
        (Contract::Net, Some(contract)) => {
            let Some(fixed) = contract.fixed.get(&currency) else {
                return Ok(None);
            };
            let tolerance = contract
                .tolerance
                .get(&currency)
                .map_or(0, |tolerance| tolerance.minor().unsigned_abs());
            (
                line.gross
                    .share(contract.percentage, contract.rounding)?
                    .plus(*fixed)?
                    .minor(),
                tolerance,
            )
        }
    };
    let actual = line.costs.total();
    Ok((actual.abs_diff(expected) > tolerance).then_some(Difference { expected, actual }))
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
    legs.costs(line)?;
    Ok(legs.0)
}

/// What a fee of the batch books in the house's book: a cost of the acquirer's, however the file splits it.
pub fn batch_fee(line: &Line) -> Result<Legs, AmountError> {
    let mut legs = Ledger::default();
    let cost = line.net.minor().checked_neg().ok_or(AmountError::TooLarge)?;
    legs.add(
        CostAcquirer,
        AcquirerInTransit,
        Money::from_minor(cost, line.net.currency()),
    )?;
    Ok(legs.0)
}
