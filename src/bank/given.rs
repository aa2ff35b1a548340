//! What people give a receipt in suspense to: whether the batches that they name can be paid with it, and how.

use std::collections::BTreeSet;

use crate::money::{AmountError, Currency, Money};

/// A batch that is named, with what it awaits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// How people name it.
    pub name: String,
    /// What is awaited of it, minor units; none where it is not known.
    pub open: Option<i64>,
    /// How much of the receipt is its: all that it awaits where that is not said.
    pub amount: Option<i64>,
}

/// Why a receipt does not pay what is named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such batch.
    #[error("no file that is booked has batch {name} in {currency}")]
    Unknown {
        /// Its name.
        name: String,
        /// The currency.
        currency: Currency,
    },
    /// It is named twice.
    #[error("batch {0} is named twice")]
    Twice(String),
    /// It is paid.
    #[error("nothing is awaited of batch {0} any more")]
    Paid(String),
    /// More than it awaits, or the other way.
    #[error("{amount} of it is not a part of the {awaited} that batch {name} awaits")]
    NotAPart {
        /// Its name.
        name: String,
        /// What it should get.
        amount: Money,
        /// What it awaits.
        awaited: Money,
    },
    /// Too little or too much.
    #[error("it is {receipt}, and the batches take {sum} of it together; say what each takes: BATCH=AMOUNT")]
    Sum {
        /// The receipt.
        receipt: Money,
        /// What they take.
        sum: Money,
    },
    /// Too large.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// How much of a receipt each of these batches gets, in their order.
pub fn parts(receipt: Money, named: &[Named]) -> Result<Vec<i64>, Refusal> {
    let currency = receipt.currency();
    let money = |minor: i64| Money::from_minor(minor, currency);
    let mut seen = BTreeSet::new();
    let mut parts = Vec::with_capacity(named.len());
    let mut sum = 0_i64;
    for batch in named {
        let name = || batch.name.clone();
        if !seen.insert(batch.name.as_str()) {
            return Err(Refusal::Twice(name()));
        }
        let Some(awaited) = batch.open else {
            return Err(Refusal::Unknown { name: name(), currency });
        };
        if awaited == 0 {
            return Err(Refusal::Paid(name()));
        }
        let amount = batch.amount.unwrap_or(awaited);
        if amount.signum() != awaited.signum() || amount.unsigned_abs() > awaited.unsigned_abs() {
            return Err(Refusal::NotAPart {
                name: name(),
                amount: money(amount),
                awaited: money(awaited),
            });
        }
        sum = sum.checked_add(amount).ok_or(AmountError::TooLarge)?;
        parts.push(amount);
    }
    if sum != receipt.minor() {
        return Err(Refusal::Sum {
            receipt,
            sum: money(sum),
        });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NAME AWAITED[=AMOUNT]` a batch, `?` where it is not known; what each gets, or why not.
    #[track_caller]
    fn check(receipt: i64, batches: &[&str], expected: &str) {
        let euro = Currency::parse("EUR").expect("a currency");
        let named: Vec<Named> = batches
            .iter()
            .map(|batch| {
                let (name, stated) = batch.split_once(' ').expect("a name");
                let (awaited, amount) = stated.split_once('=').unwrap_or((stated, ""));
                Named {
                    name: name.to_owned(),
                    open: awaited.parse().ok(),
                    amount: amount.parse().ok(),
                }
            })
            .collect();
        let found = match parts(Money::from_minor(receipt, euro), &named) {
            Ok(parts) => parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(refusal) => refusal.to_string(),
        };
        assert_eq!(found, expected, "{receipt} {batches:?}");
    }

    #[test]
    fn a_receipt_is_given_whole_and_no_batch_gets_more_than_it_awaits() {
        check(500, &["a 500"], "500");
        check(500, &["a 200", "b 300"], "200 300");
        check(500, &["a 200", "b 900=300"], "200 300");
        // What one batch owes is taken from what another pays.
        check(500, &["a 700", "b -200"], "700 -200");
        check(-500, &["a -500"], "-500");
        check(
            500,
            &["a 499"],
            "it is 5.00 EUR, and the batches take 4.99 EUR of it together; say what each takes: BATCH=AMOUNT",
        );
        check(
            500,
            &["a 900"],
            "it is 5.00 EUR, and the batches take 9.00 EUR of it together; say what each takes: BATCH=AMOUNT",
        );
        check(
            500,
            &["a 400=500"],
            "5.00 EUR of it is not a part of the 4.00 EUR that batch a awaits",
        );
        check(
            500,
            &["a -500=500"],
            "5.00 EUR of it is not a part of the -5.00 EUR that batch a awaits",
        );
        check(
            500,
            &["a 900=0"],
            "0.00 EUR of it is not a part of the 9.00 EUR that batch a awaits",
        );
        check(500, &["a 0"], "nothing is awaited of batch a any more");
        check(500, &["a ?"], "no file that is booked has batch a in EUR");
        check(500, &["a 500", "a 500"], "batch a is named twice");
        check(
            i64::MAX,
            &[&format!("a {}", i64::MAX), "b 1"],
            &AmountError::TooLarge.to_string(),
        );
    }
}
