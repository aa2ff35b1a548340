//! Payouts as bank formats state them: orders in batches, and what every format asks of them.
//!
//! A schema does not see most of what makes a bank refuse a file. It is refused here instead, before a byte of the order is
//! written: texts beyond the characters and lengths that the format has, slashes and blanks where banks allow none, account
//! numbers whose check digits are wrong, amounts that do not fit, days without banks, ids that come twice, and batches that are
//! not what was said of them.

use chrono::{Datelike, NaiveDate, Weekday};

use super::instruction::Instruction;
use crate::money::{AmountError, Currency, Money};

/// How the numbers of payouts begin that banks are given.
const NUMBER: &str = "PO-";

/// A payout as a bank is told.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Our number of the payout.
    pub payout: i64,
    /// What is paid, to whom.
    pub instruction: &'a Instruction,
    /// What the receiver reads; may be empty.
    pub text: &'a str,
    /// What kind of account it goes to; only NACHA asks.
    pub account_kind: AccountKind,
}

/// The number that a bank was given of a payout beside its end-to-end id: InstrId of pain.001, the individual's id of NACHA.
pub fn payout_id(number: i64) -> String {
    format!("{NUMBER}{number}")
}

/// The payout that has this number; none where the text is none of ours.
pub fn payout_number(text: &str) -> Option<i64> {
    let number: i64 = text.strip_prefix(NUMBER)?.parse().ok()?;
    (payout_id(number) == text).then_some(number)
}

/// A kind of bank account in the United States.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccountKind {
    /// For payments.
    #[default]
    Checking,
    /// For savings.
    Savings,
}

/// Whose account the money comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debtor {
    /// Its holder.
    pub name: String,
    /// IBAN or account number.
    pub account: String,
    /// BIC or bank code, or empty.
    pub bank: String,
}

/// Orders from one account, in one currency, for one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose account.
    pub debtor: Debtor,
    /// The day on which the bank is to pay.
    pub execute_on: NaiveDate,
    /// How many orders.
    pub count: u64,
    /// What they come to, and in which currency.
    pub total: Money,
}

/// Why a bank file is not written, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A field that the format, or banks, do not take.
    #[error("{of}: {field} {reason}")]
    Field {
        /// Which payout, or which part of the file.
        of: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A batch, or the file, is not what was said of it.
    #[error("{what} is said to be {stated} and is {written}")]
    Untrue {
        /// What.
        what: String,
        /// As it was said.
        stated: String,
        /// As it was written.
        written: String,
    },
    /// A sum beyond 64-bit minor units.
    #[error("the sum of the payouts cannot be computed")]
    Amount(#[from] AmountError),
    /// Writing failed.
    #[error("the bank file cannot be written")]
    Io(#[from] std::io::Error),
}

/// Checks the fields of one thing, a payout or a part of the file.
pub(super) struct Checker {
    of: String,
}

impl Checker {
    pub fn of_order(order: &Order<'_>) -> Self {
        Self {
            of: format!("payout {}", order.instruction.end_to_end_id),
        }
    }

    pub fn of_file() -> Self {
        Self {
            of: "the file".to_owned(),
        }
    }

    pub fn of_batch(number: usize) -> Self {
        Self {
            of: format!("batch {number}"),
        }
    }

    pub fn wrong(&self, field: &'static str, reason: impl Into<String>) -> OrderError {
        OrderError::Field {
            of: self.of.clone(),
            field,
            reason: reason.into(),
        }
    }

    /// A text of one to so many characters that are all allowed, without blanks at its ends.
    pub fn text(
        &self,
        field: &'static str,
        text: &str,
        limit: usize,
        allowed: fn(char) -> bool,
    ) -> Result<(), OrderError> {
        if text.is_empty() {
            return Err(self.wrong(field, "is empty"));
        }
        let length = text.chars().count();
        if length > limit {
            return Err(self.wrong(field, format!("has {length} characters; {limit} are allowed")));
        }
        if let Some(other) = text.chars().find(|c| !allowed(*c)) {
            return Err(self.wrong(
                field,
                format!("holds `{}`, which the format does not take", other.escape_debug()),
            ));
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(self.wrong(field, "begins or ends with a blank"));
        }
        Ok(())
    }

    /// An amount above zero of a currency, with so many digits at most.
    pub fn amount(&self, money: Money, currency: Currency, digits: u32) -> Result<(), OrderError> {
        if money.currency() != currency {
            return Err(self.wrong(
                "amount",
                format!("is in {}; its batch is in {currency}", money.currency()),
            ));
        }
        if money.minor() <= 0 {
            return Err(self.wrong("amount", "is not above zero"));
        }
        let limit = 10_i64.checked_pow(digits);
        if limit.is_some_and(|limit| money.minor() >= limit) {
            return Err(self.wrong("amount", format!("has more than {digits} digits")));
        }
        Ok(())
    }

    /// A day on which banks may work. Which holidays they have is for calendars to say.
    pub fn execution(&self, day: NaiveDate) -> Result<(), OrderError> {
        match day.weekday() {
            Weekday::Sat | Weekday::Sun => {
                Err(self.wrong("execution date", format!("{day} is a {}", day.format("%A"))))
            }
            Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri => Ok(()),
        }
    }
}

/// Follows a file through its batches while it is written, so that what was said of them is true.
#[derive(Debug)]
pub(super) struct Progress {
    batches: Vec<Batch>,
    /// The batch that is being written.
    at: usize,
    written: u64,
    sum: Money,
    last_id: Option<String>,
}

/// Where an order stands in its batch.
pub(super) struct Step {
    /// The place of the batch, from 0.
    pub batch: usize,
    pub first: bool,
    pub last: bool,
}

impl Progress {
    /// Begins; every batch has orders.
    pub fn begin(batches: &[Batch]) -> Result<Self, OrderError> {
        let Some(first) = batches.first() else {
            return Err(Checker::of_file().wrong("batches", "are none"));
        };
        if let Some(place) = batches.iter().position(|batch| batch.count == 0) {
            return Err(Checker::of_batch(place.saturating_add(1)).wrong("count", "is zero"));
        }
        Ok(Self {
            batches: batches.to_vec(),
            at: 0,
            written: 0,
            sum: Money::zero(first.total.currency()),
            last_id: None,
        })
    }

    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// The batch that the next order is of.
    pub fn current(&self, order: &Order<'_>) -> Result<&Batch, OrderError> {
        let beyond = || Checker::of_order(order).wrong("place", "is beyond the last batch");
        self.batches.get(self.at).ok_or_else(beyond)
    }

    /// Counts an order. Ids come in ascending order within a batch: that is how none comes twice.
    pub fn step(&mut self, order: &Order<'_>) -> Result<Step, OrderError> {
        let batch = self.current(order)?.clone();
        let id = &order.instruction.end_to_end_id;
        if self.last_id.as_ref().is_some_and(|last| last >= id) {
            return Err(Checker::of_order(order).wrong("id", "does not come after the one before it in its batch"));
        }
        let step = Step {
            batch: self.at,
            first: self.written == 0,
            last: self.written.saturating_add(1) == batch.count,
        };
        self.written = self.written.saturating_add(1);
        self.sum = self.sum.plus(order.instruction.money)?;
        self.last_id = Some(id.clone());
        if step.last {
            if self.sum != batch.total {
                return Err(OrderError::Untrue {
                    what: format!("the sum of batch {}", self.at.saturating_add(1)),
                    stated: batch.total.to_string(),
                    written: self.sum.to_string(),
                });
            }
            self.at = self.at.saturating_add(1);
            self.written = 0;
            self.last_id = None;
            if let Some(next) = self.batches.get(self.at) {
                self.sum = Money::zero(next.total.currency());
            }
        }
        Ok(step)
    }

    /// All orders of all batches have come.
    pub fn end(&self) -> Result<(), OrderError> {
        match self.batches.get(self.at) {
            None => Ok(()),
            Some(batch) => Err(OrderError::Untrue {
                what: format!("the number of orders of batch {}", self.at.saturating_add(1)),
                stated: batch.count.to_string(),
                written: self.written.to_string(),
            }),
        }
    }
}
