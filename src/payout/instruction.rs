//! The bank file as CSV: one row a payout, then the count and sum of each currency.
//!
//! Its content follows from the payouts alone (no clock, no random id), so a file that was lost is written again byte for byte.

use std::io::Write;

use chrono::NaiveDate;

use super::file::{Totals, add};
use super::order::OrderError;
use crate::audit::export::{neutralised, neutralised_whole};
use crate::money::{AmountError, Currency, Money};
use crate::settings::House;

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
    /// A format that asks for our account has none.
    #[error("the house has no account in {0} to pay from")]
    NoAccount(Currency),
    /// Nothing is agreed with the bank for ACH.
    #[error("no account of the house says what its bank has agreed on for NACHA")]
    NoNacha,
    /// The letters and digits that tell files of a day apart are used up.
    #[error("there are 36 NACHA files for {0} already, and no more can be told apart")]
    TooManyFiles(NaiveDate),
    /// A field that banks do not take.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The CSV writer failed.
    #[error("the bank file cannot be composed")]
    Csv(#[from] csv::Error),
    /// Writing failed.
    #[error("the bank file cannot be written")]
    Io(#[from] std::io::Error),
}

impl InstructionError {
    /// Whether something is said that banks do not take, in that payout or for its currency.
    pub fn is_of_what_is_stated(&self) -> bool {
        match self {
            Self::NoAccount(_) | Self::NoNacha | Self::Order(OrderError::Field { .. }) => true,
            Self::Amount(_) | Self::TooManyFiles(_) | Self::Order(_) | Self::Csv(_) | Self::Io(_) => false,
        }
    }

    /// What the file system said, or else the error as it is.
    pub fn into_io(self) -> Result<std::io::Error, Self> {
        match self {
            Self::Io(error) | Self::Order(OrderError::Io(error)) => Ok(error),
            Self::Csv(error) if error.is_io_error() => Ok(error.into()),
            Self::Amount(_)
            | Self::NoAccount(_)
            | Self::NoNacha
            | Self::TooManyFiles(_)
            | Self::Order(_)
            | Self::Csv(_) => Err(self),
        }
    }
}

/// A bank file as CSV (RFC 4180, LF) being written: instructions as they come, totals by currency last.
pub struct CsvFile<'h, W: Write> {
    out: csv::Writer<W>,
    house: &'h House,
    totals: Totals,
}

impl<'h, W: Write> CsvFile<'h, W> {
    /// Begins a file.
    pub fn begin(out: W, house: &'h House) -> Result<Self, InstructionError> {
        let mut out = csv::Writer::from_writer(out);
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
        let totals = Totals::new();
        Ok(Self { out, house, totals })
    }

    /// Name and account of the debtor: the house's account in a currency, or else what its books call its account.
    fn debtor(&self, currency: Currency) -> [String; 2] {
        let account = self.house.account_in(currency);
        let account = match account {
            Some(account) => neutralised_whole(&account.number),
            None => neutralised(&self.house.bank_account),
        };
        [neutralised(&self.house.name).into_owned(), account.into_owned()]
    }

    /// Writes the next instruction.
    pub fn payout(&mut self, instruction: &Instruction) -> Result<(), InstructionError> {
        let currency = instruction.money.currency();
        add(&mut self.totals, instruction.money)?;
        let [debtor, debtor_account] = self.debtor(currency);
        self.out.write_record([
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
        Ok(())
    }

    /// Ends the file, and gives back where it was written.
    pub fn finish(mut self) -> Result<W, InstructionError> {
        for (currency, (sum, count)) in std::mem::take(&mut self.totals) {
            let (sum, count) = (sum.to_decimal_text(), count.to_string());
            let [debtor, debtor_account] = self.debtor(currency);
            self.out.write_record([
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
        Ok(self.out.into_inner().map_err(csv::IntoInnerError::into_error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_number_reaches_the_bank_as_it_is() {
        let settings = "effective_from = \"2026-01-01\"\n[house]\nname = \"House\"\ntime_zone = \"UTC\"\nbank_account = \"main\"\n";
        let house = crate::settings::Settings::parse(settings).expect("settings").house;
        // The digits of both pass for a card number.
        for account in ["4111111111111111", "BE59539007547034"] {
            let instruction = Instruction {
                end_to_end_id: "ACQ-2-EUR-20260303".to_owned(),
                money: Money::from_minor(100, Currency::parse("EUR").expect("EUR")),
                holder: "=Merchant".to_owned(),
                account: account.to_owned(),
                bank: String::new(),
            };
            let mut file = CsvFile::begin(Vec::new(), &house).expect("a file");
            file.payout(&instruction).expect("a row");
            let file = String::from_utf8(file.finish().expect("a file")).expect("UTF-8");
            let row = format!("payout,ACQ-2-EUR-20260303,1.00,EUR,1,'=Merchant,{account},,House,main\n");
            assert!(file.contains(&row), "{file}");
        }
    }
}
