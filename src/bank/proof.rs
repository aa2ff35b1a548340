//! What a statement claims of itself, and what its entries come to.

use std::collections::BTreeMap;

use super::{ACCOUNT_LIMIT, Balance, CLAIM_LIMIT, Claim, Closing, Entry, FileClaims, Status};
use crate::delimited::FileError;
use crate::money::{Currency, Money};

/// The sums of a statement while it is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof {
    pub statement: u32,
    pub account: String,
    pub currency: Option<Currency>,
    pub opening: Option<Balance>,
    /// Every entry that could be read.
    pub entries: u64,
    pub credits: Sum,
    pub debits: Sum,
    /// Σ of what is booked.
    pub booked: i128,
    /// The same, were reversals signed the other way round.
    pub booked_otherwise: i128,
    pub rejects: u64,
    balanced: bool,
    proven: u64,
    untrue: Vec<Claim>,
}

/// How many, and how much without its sign.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    pub count: u64,
    pub minor: i128,
}

impl Sum {
    fn add(&mut self, money: Money) {
        // 2^63 amounts of 64 bits fit 128 bits.
        self.count = self.count.saturating_add(1);
        self.minor = self.minor.saturating_add(i128::from(money.minor()).saturating_abs());
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            minor: self.minor.saturating_add(other.minor),
        }
    }
}

impl Proof {
    /// Of a statement of which nothing is known yet.
    pub fn of(statement: u32) -> Self {
        Self {
            statement,
            ..Self::default()
        }
    }

    /// Whether an amount is of the statement's currency; the first one is, where nothing states it.
    pub fn agrees(&mut self, currency: Currency) -> Result<(), String> {
        match self.currency {
            Some(own) if own != currency => Err(format!("is in {currency}; the account is in {own}")),
            _ => {
                self.currency = Some(currency);
                Ok(())
            }
        }
    }

    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.entries = self.entries.saturating_add(1);
        let side = if entry.money.minor() < 0 {
            &mut self.debits
        } else {
            &mut self.credits
        };
        side.add(entry.money);
        if entry.status == Status::Booked {
            let minor = i128::from(entry.money.minor());
            let otherwise = if entry.reversal { minor.saturating_neg() } else { minor };
            self.booked = self.booked.saturating_add(minor);
            self.booked_otherwise = self.booked_otherwise.saturating_add(otherwise);
        }
    }

    /// Compares what is claimed with what was read.
    pub fn check(&mut self, what: impl Into<String>, currency: Option<Currency>, stated: i128, read: i128) {
        if stated == read {
            self.proven = self.proven.saturating_add(1);
        } else if self.untrue.len() < CLAIM_LIMIT {
            self.untrue.push(Claim {
                batch: None,
                what: what.into(),
                currency,
                stated,
                read,
            });
        }
    }

    /// The statement ends with a balance: it is what it began with and all that is booked.
    pub fn check_closing(&mut self, closing: &Balance) {
        let Some(opening) = self.opening.clone() else {
            return;
        };
        self.balanced = true;
        let opened = i128::from(opening.money.minor());
        let stated = i128::from(closing.money.minor());
        let otherwise = self.booked != self.booked_otherwise && opened.saturating_add(self.booked_otherwise) == stated;
        let hint = if otherwise {
            " (it would be, were reversals signed as what they reverse)"
        } else {
            ""
        };
        let what = format!(
            "the closing balance {} is the opening balance and the entries{hint}",
            closing.kind
        );
        let read = opened.saturating_add(self.booked);
        self.check(what, Some(closing.money.currency()), stated, read);
    }

    /// How the statement ends.
    pub fn into_closing(self, closing: Option<Balance>, balances: Vec<Balance>) -> Closing {
        Closing {
            statement: self.statement,
            closing,
            balances,
            entries: self.entries,
            rejects: self.rejects,
            booked_minor: self.booked,
            balanced: self.balanced,
            proven: self.proven,
            untrue: self.untrue,
        }
    }
}

/// With what the statements of a file ended, by account and currency.
#[derive(Debug, Default)]
pub(super) struct Chain {
    ends: BTreeMap<(String, Currency), Money>,
}

impl Chain {
    /// A statement begins with what the one before it, of the same account, ended with.
    pub fn check(&self, proof: &mut Proof) {
        let Some(opening) = proof.opening.clone() else {
            return;
        };
        let key = (proof.account.clone(), opening.money.currency());
        if let Some(end) = self.ends.get(&key) {
            let what = format!(
                "the opening balance {} is the closing balance of the statement before",
                opening.kind
            );
            let (stated, read) = (i128::from(opening.money.minor()), i128::from(end.minor()));
            proof.check(what, Some(opening.money.currency()), stated, read);
        }
    }

    /// A statement has ended.
    ///
    /// Errors: more than [`ACCOUNT_LIMIT`] accounts.
    pub fn end(&mut self, proof: &Proof, closing: Option<&Balance>, line: u64) -> Result<(), FileError> {
        if let Some(closing) = closing {
            let key = (proof.account.clone(), closing.money.currency());
            self.ends.insert(key, closing.money);
        }
        if self.ends.len() > ACCOUNT_LIMIT {
            return Err(FileError::Malformed {
                line,
                reason: format!("the file tells of more than {ACCOUNT_LIMIT} accounts"),
            });
        }
        Ok(())
    }
}

impl FileClaims {
    /// Keeps what the whole file claims and is not so.
    pub(super) fn check(&mut self, what: String, currency: Option<Currency>, stated: i128, read: i128) {
        if stated != read && self.untrue.len() < CLAIM_LIMIT {
            self.untrue.push(Claim {
                batch: None,
                what,
                currency,
                stated,
                read,
            });
        }
    }
}
