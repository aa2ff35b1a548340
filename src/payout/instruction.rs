//! The bank file: one row a payout, then the count and sum of each currency.
//!
//! Its content follows from the payouts alone (no clock, no random id), so a file that was lost is written again byte for byte.

use std::collections::BTreeMap;

use crate::audit::export::{neutralised, neutralised_whole};
use crate::money::{AmountError, Currency, Money};

/// A payout as the bank is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Our id of it, which comes back with its confirmation or return.
    pub end_to_end_id: String,
    /// How much.
    pub money: Money,
    /// Whose account.
    pub holder: String,
    /// IBAN or account number.
    pub account: String,
    /// BIC or bank code, or empty.
    pub bank: String,
}

/// Why there is no bank file.
#[derive(Debug, thiserror::Error)]
pub enum InstructionError {
    /// A sum beyond 64-bit minor units.
    #[error("the sum of the payouts cannot be computed")]
    Amount(#[from] AmountError),
    /// The CSV writer failed.
    #[error("the bank file cannot be composed")]
    Csv(#[from] csv::Error),
    /// The CSV writer failed at its end.
    #[error("the bank file cannot be composed")]
    Io(#[from] std::io::Error),
}

/// The bank file as CSV (RFC 4180, LF), instructions in the order given, totals by currency last.
pub fn csv(debtor: &str, debtor_account: &str, instructions: &[Instruction]) -> Result<Vec<u8>, InstructionError> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "record",
        "end_to_end_id",
        "amount",
        "currency",
        "count",
        "creditor",
        "creditor_account",
        "creditor_bank",
        "debtor",
        "debtor_account",
    ])?;
    let (debtor, debtor_account) = (neutralised(debtor), neutralised(debtor_account));
    let mut totals: BTreeMap<Currency, (Money, u64)> = BTreeMap::new();
    for instruction in instructions {
        let currency = instruction.money.currency();
        let (sum, count) = totals.entry(currency).or_insert((Money::zero(currency), 0));
        *sum = sum.plus(instruction.money)?;
        *count = count.saturating_add(1);
        out.write_record([
            "payout",
            &neutralised(&instruction.end_to_end_id),
            &instruction.money.to_decimal_text(),
            currency.code(),
            "1",
            &neutralised(&instruction.holder),
            &neutralised_whole(&instruction.account),
            &neutralised(&instruction.bank),
            &debtor,
            &debtor_account,
        ])?;
    }
    for (currency, (sum, count)) in &totals {
        let (sum, count) = (sum.to_decimal_text(), count.to_string());
        out.write_record([
            "total",
            "",
            &sum,
            currency.code(),
            &count,
            "",
            "",
            "",
            &debtor,
            &debtor_account,
        ])?;
    }
    Ok(out.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_number_reaches_the_bank_as_it_is() {
        // The digits of both pass for a card number.
        for account in ["4111111111111111", "BE59539007547034"] {
            let instruction = Instruction {
                end_to_end_id: "ACQ-2-EUR-20260303".to_owned(),
                money: Money::from_minor(100, Currency::parse("EUR").expect("EUR")),
                holder: "=Merchant".to_owned(),
                account: account.to_owned(),
                bank: String::new(),
            };
            let file = String::from_utf8(csv("House", "main", &[instruction]).expect("a file")).expect("UTF-8");
            let row = format!("payout,ACQ-2-EUR-20260303,1.00,EUR,1,'=Merchant,{account},,House,main\n");
            assert!(file.contains(&row), "{file}");
        }
    }
}
