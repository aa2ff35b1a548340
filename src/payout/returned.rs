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
    /// The number of the account.
    pub account: String,
    /// Its bank, or empty.
    pub bank: String,
    /// The day of its return.
    pub on: NaiveDate,
    /// The bank's reason.
    pub reason: String,
}

/// The return that keeps a merchant's destination from being paid on a day; `returned` are those of the merchant.
pub fn blocks<'r>(destination: &Destination, day: NaiveDate, returned: &'r [Returned]) -> Option<&'r Returned> {
    let account = same(&destination.account, &destination.bank);
    returned
        .iter()
        .filter(|returned| same(&returned.account, &returned.bank) == account)
        .max_by_key(|returned| returned.on)
        .filter(|returned| !is_corrected(destination, day, returned.on))
}

/// What accounts that are the same have alike, whoever is said to hold them: an IBAN is one wherever its bank is said to be, any
/// other number is one at its bank.
fn same(account: &str, bank: &str) -> (String, String) {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_uppercase()).collect()
    };
    let (number, bank) = (plain(account), plain(bank));
    let is_iban = matches!(number.as_bytes(), [a, b, c, d, ..] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic()
        && c.is_ascii_digit() && d.is_ascii_digit());
    (number, if is_iban { String::new() } else { bank })
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
            account: account.to_owned(),
            bank: String::new(),
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
        // Written otherwise, and of another holder, it is the same account.
        check(&[("a", 5)], None, true);
        check(&[(" A-", 5)], None, true);
        // It has not come yet.
        check(&[("A", 5)], Some(11), true);
        // It came back again after that.
        check(&[("A", 5), ("A", 7)], Some(6), true);
        check(&[("A", 7), ("A", 5)], Some(8), false);
        check(&[("A", 5), ("B", 9)], Some(6), false);
    }

    #[test]
    fn an_account_is_the_same_however_it_is_written() {
        let (iban, other) = ("DE02500105170137075030", "DE89370400440532013000");
        assert_eq!(same(iban, ""), same("de02 5001 0517 0137 0750 30", "INGDDEFFXXX"));
        assert_ne!(same(iban, "INGDDEFFXXX"), same(other, "INGDDEFFXXX"));
        // The number of one bank's account may be that of another one's too.
        assert_eq!(same("12-345", "061000052"), same("12345", "061000052"));
        assert_ne!(same("12345", "061000052"), same("12345", "021000021"));
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
