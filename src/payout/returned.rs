//! Payouts that came back: why, and when their bank account is paid again.
//!
//! Nothing is sent to an account from which a payout came back, until the settings name another one, or say since when it is
//! corrected: a day after that of the return.

use chrono::NaiveDate;

use crate::ids::{ReferenceError, check_reference};
use crate::settings::Destination;

/// The last payout that came back from a bank account of a merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Holder, account and bank.
    pub destination: [String; 3],
    /// The day of its return.
    pub on: NaiveDate,
    /// The bank's reason.
    pub reason: String,
}

/// The return that keeps a merchant's destination from being paid on a day; `returned` are those of the merchant.
pub fn blocks<'r>(destination: &Destination, day: NaiveDate, returned: &'r [Returned]) -> Option<&'r Returned> {
    let Destination {
        holder, account, bank, ..
    } = destination;
    returned
        .iter()
        .filter(|returned| returned.destination == [holder.as_str(), account.as_str(), bank.as_str()])
        .max_by_key(|returned| returned.on)
        .filter(|returned| !is_corrected(destination, day, returned.on))
}

fn is_corrected(destination: &Destination, day: NaiveDate, returned_on: NaiveDate) -> bool {
    let corrected_on = destination.corrected_on;
    corrected_on.is_some_and(|corrected_on| returned_on < corrected_on && corrected_on <= day)
}

/// Why a bank sent a payout back: the code that it gave, like `R03` or `AC04`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnReason(String);

/// A text that is no reason for a return.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAReason {
    /// No text that is kept.
    #[error(transparent)]
    Text(#[from] ReferenceError),
    /// The bank says that the money arrived, and how the account should be written.
    #[error("{0} is a notification of change: the money arrived; correct the account in the settings")]
    Change(String),
}

impl ReturnReason {
    /// Reads a code. Of the codes of ACH, C01 and those after it are no returns: the payout was made.
    pub fn parse(text: &str) -> Result<Self, NotAReason> {
        check_reference(text)?;
        let digits = text.strip_prefix(['C', 'c']);
        if digits.is_some_and(|digits| digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit())) {
            return Err(NotAReason::Change(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Place;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, day).expect("a day")
    }

    fn returned(account: &str, on: u32) -> Returned {
        Returned {
            destination: ["Shop".to_owned(), account.to_owned(), String::new()],
            on: day(on),
            reason: "R03".to_owned(),
        }
    }

    /// Returns from which accounts on which days; whether account `A`, corrected on a day, is blocked on the 10th.
    #[track_caller]
    fn check(returns: &[(&str, u32)], corrected: Option<u32>, blocked: bool) {
        let destination = Destination {
            holder: "Shop".to_owned(),
            account: "A".to_owned(),
            bank: String::new(),
            verified_on: Some(day(1)),
            corrected_on: corrected.map(day),
            at: Place::default(),
        };
        let returns: Vec<Returned> = returns.iter().map(|(account, on)| returned(account, *on)).collect();
        let found = blocks(&destination, day(10), &returns).is_some();
        assert_eq!(found, blocked, "{returns:?} {corrected:?}");
    }

    #[test]
    fn an_account_from_which_money_came_back_is_blocked_until_it_is_corrected() {
        check(&[], None, false);
        check(&[("B", 5)], None, false);
        check(&[("A", 5)], None, true);
        check(&[("A", 5)], Some(4), true);
        check(&[("A", 5)], Some(5), true);
        check(&[("A", 5)], Some(6), false);
        check(&[("A", 5)], Some(10), false);
        // It has not come yet.
        check(&[("A", 5)], Some(11), true);
        // It came back again after that.
        check(&[("A", 5), ("A", 7)], Some(6), true);
        check(&[("A", 7), ("A", 5)], Some(8), false);
        check(&[("A", 5), ("B", 9)], Some(6), false);
    }

    #[test]
    fn a_notification_of_change_is_no_return() {
        for code in ["R01", "R03", "AC04", "account_closed", "C1", "C001", "CAB"] {
            assert_eq!(ReturnReason::parse(code).expect("a reason").as_str(), code);
        }
        for code in ["C01", "C13", "c02"] {
            assert_eq!(ReturnReason::parse(code), Err(NotAReason::Change(code.to_owned())));
        }
        assert!(matches!(ReturnReason::parse(""), Err(NotAReason::Text(_))));
    }
}
