//! The house's accounts at its bank.

use std::collections::BTreeSet;

use super::payout::NachaTerms;
use super::reader::{Reader, Table};
use crate::card_number::shorten;
use crate::ids::ReferenceError;
use crate::money::Currency;

/// An account that settlements come to and payouts leave from: what account 1010 is in its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAccount {
    /// IBAN, or the bank's own number, as statements and orders state it.
    pub number: String,
    /// Its currency; there is one account a currency.
    pub currency: Currency,
    /// The bank: a BIC or bank code; empty where none is named.
    pub bic: String,
    /// What the bank has agreed on for files of ACH credits; none where it takes none.
    pub nacha: Option<NachaTerms>,
    /// The number of the account of our own money in this currency: what is swept there is margin (1020).
    pub operating: Option<String>,
    /// The number of the account on which somebody else keeps merchants' money in this currency (1030).
    pub external: Option<String>,
    /// The bank numbers its statements without a gap, from 1 again in a new year at most.
    pub numbered_statements: bool,
    /// Its camt statements sign what takes an earlier entry back as that one, and not as the standard says.
    pub reversals_as_reversed: bool,
}

/// What an account of the house is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Settlements come to it, and payouts leave from it.
    Settlement,
    /// It has the house's own money.
    Operating,
    /// On it somebody else keeps merchants' money.
    External,
}

impl<'t> Reader<'t> {
    /// The `[[house.account]]` tables.
    pub(super) fn bank_accounts(&mut self, house: Table<'t>) -> Vec<BankAccount> {
        let mut accounts: Vec<BankAccount> = Vec::new();
        let mut currencies = BTreeSet::new();
        for table in self.listed_tables(house, "account", "account of the house", "[[house.account]]") {
            let Some(account) = self.bank_account(table) else {
                continue;
            };
            if !currencies.insert(account.currency) {
                let message = format!("there is another account of the house in {}", account.currency);
                self.found(table.at, message);
                continue;
            }
            let mut numbers = BTreeSet::new();
            if account
                .numbers()
                .all(|(_, number)| numbers.insert(number.split_whitespace().collect::<String>()))
            {
                accounts.push(account);
            } else {
                let message = "`number`, `operating` and `external` are different accounts".to_owned();
                self.found(table.at, message);
            }
        }
        accounts
    }

    fn bank_account(&mut self, table: Table<'t>) -> Option<BankAccount> {
        self.only(
            table,
            &[
                "number",
                "currency",
                "bic",
                "nacha",
                "operating",
                "external",
                "numbered_statements",
                "reversals",
            ],
        );
        let number = self.account_number(table, "number");
        let currency = self.text(table, "currency");
        let currency = currency.and_then(|code| self.currency(code.at, code.text));
        let bic = match table.get("bic") {
            Some(_) => self.reference(table, "bic"),
            None => Some(""),
        };
        let nacha = self.optional(table, "nacha", Self::nacha);
        let mut other = |name: &'static str| match table.get(name) {
            Some(_) => self.account_number(table, name).map(|number| Some(number.to_owned())),
            None => Some(None),
        };
        let (operating, external) = (other("operating"), other("external"));
        let numbered = self.optional_flag(table, "numbered_statements");
        let reversals = self.reversals(table);
        Some(BankAccount {
            number: number?.to_owned(),
            currency: currency?,
            bic: bic?.to_owned(),
            nacha: nacha?,
            operating: operating?,
            external: external?,
            numbered_statements: numbered?.unwrap_or_default(),
            reversals_as_reversed: reversals?,
        })
    }

    /// Whether reversals are signed as what they reverse.
    fn reversals(&mut self, table: Table<'t>) -> Option<bool> {
        if table.get("reversals").is_none() {
            return Some(false);
        }
        let stated = self.text(table, "reversals")?;
        match stated.text {
            "as_booked" => Some(false),
            "as_reversed" => Some(true),
            other => {
                let shown = shorten(other, 40);
                self.found(stated.at, format!("`{shown}` is neither as_booked nor as_reversed"));
                None
            }
        }
    }

    /// Not looked through for card numbers: account numbers of 13 to 16 digits are common, and one in ten passes the check.
    fn account_number(&mut self, table: Table<'t>, name: &'static str) -> Option<&'t str> {
        self.text(table, name)
            .and_then(|number| self.checked(name, number, |error| error != ReferenceError::CardNumber))
    }
}

impl BankAccount {
    /// The numbers of the house's accounts in this currency, each with what it is for.
    pub fn numbers(&self) -> impl Iterator<Item = (Purpose, &str)> {
        let others = [
            (Purpose::Operating, &self.operating),
            (Purpose::External, &self.external),
        ];
        let others = others
            .into_iter()
            .filter_map(|(purpose, number)| Some((purpose, number.as_deref()?)));
        std::iter::once((Purpose::Settlement, self.number.as_str())).chain(others)
    }
}

impl super::House {
    /// The house's account in a currency.
    pub fn account_in(&self, currency: Currency) -> Option<&BankAccount> {
        self.accounts.iter().find(|account| account.currency == currency)
    }
}
