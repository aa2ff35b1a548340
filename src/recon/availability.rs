//! What becomes available when: how a capture's payable splits, what a day makes of pending money, what reserves take and give.
//!
//! A capture adds its gross less the merchant fee, its *payable*, to pending money (2010). It becomes available once: by the
//! match with its settlement line, by a day, or in advance. A part of it may be withheld then (2030), as a *tranche* of the
//! day of its sale, until the day on which the tranche is released:
//!
//! | what | debit ← credit |
//! | --- | --- |
//! | payable | 2010 ← 2030 what is withheld; 2010 ← 2020 the rest |
//! | payable that a withdrawn capture takes back | the same, the other way round |
//! | a fixed reserve | 2020 ← 2030 until 2030 holds its target |
//! | a tranche on its day | 2030 ← 2020 |
//!
//! Invariants: a reserve takes no more than becomes available, and a fixed one leaves what makes up for money below zero; a tranche
//! gives back what it still holds, and nothing twice. All sums are minor units of one currency in one book, and checked.

use chrono::NaiveDate;

use crate::ids::EntryNumber;
use crate::money::AmountError;

/// How a payable splits when it becomes available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// What is withheld, at least zero.
    pub reserve: i64,
    /// What is available; below zero where fees are more than what came.
    pub available: i64,
}

/// Splits a payable: of what was meant to be withheld, as much as there is.
pub fn share(payable: i64, reserve: i64) -> Result<Share, AmountError> {
    let reserve = reserve.min(payable).max(0);
    Ok(Share {
        reserve,
        available: minus(payable, reserve)?,
    })
}

/// What a fixed reserve takes of money that becomes available: up to its target, and not more than there is afterwards.
/// `becoming` is what the entry makes available, `available` what there is with it, `held` what the reserve has.
pub fn fixed_reserve(target: i64, held: i64, becoming: i64, available: i64) -> Result<i64, AmountError> {
    Ok(minus(target, held)?.min(becoming).min(available).max(0))
}

/// Pending money whose day has come, by the day of its sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The day of the sales.
    pub source_on: NaiveDate,
    /// When what is withheld of it is released; none where nothing is.
    pub reserve_until: Option<NaiveDate>,
    /// Net of fees; negative where captures were withdrawn after their day.
    pub payable: i64,
    /// What of it is withheld; negative likewise.
    pub reserve: i64,
}

/// A tranche of a reserve, by its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrancheDays {
    /// The day of the sales that it is withheld of.
    pub source_on: NaiveDate,
    /// The day on which it is released.
    pub release_on: NaiveDate,
}

/// What a day makes of pending money of one book and currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matured {
    /// 2010 → 2020; negative goes back.
    pub available: i64,
    /// 2010 → 2030.
    pub withheld: i64,
    /// 2030 → 2010: withheld of captures that were withdrawn since.
    pub taken_back: i64,
    /// By how much tranches grow, or shrink where negative.
    pub tranches: Vec<(TrancheDays, i64)>,
}

/// Lets due money become available. `held` says what a tranche still holds: of a reserve that is to be taken back, what was
/// released or used since comes out of available money.
pub fn mature(due: &[Due], held: impl Fn(TrancheDays) -> i64) -> Result<Matured, AmountError> {
    let mut matured = Matured::default();
    for (days, payable, reserve) in by_tranche(due)? {
        let withheld = match days {
            None => 0,
            Some(_) if reserve >= 0 => reserve,
            Some(days) => minus(0, minus(0, reserve)?.min(held(days)).max(0))?,
        };
        matured.available = plus(matured.available, minus(payable, withheld)?)?;
        match withheld.signum() {
            1 => matured.withheld = plus(matured.withheld, withheld)?,
            -1 => matured.taken_back = minus(matured.taken_back, withheld)?,
            _ => continue,
        }
        matured.tranches.extend(days.map(|days| (days, withheld)));
    }
    Ok(matured)
}

/// Payable and reserve by tranche, in the order of their days.
fn by_tranche(due: &[Due]) -> Result<Vec<(Option<TrancheDays>, i64, i64)>, AmountError> {
    let days = |due: &Due| {
        due.reserve_until.map(|release_on| TrancheDays {
            source_on: due.source_on,
            release_on,
        })
    };
    let mut due: Vec<&Due> = due.iter().collect();
    due.sort_unstable_by_key(|due| days(due));
    let mut sums: Vec<(Option<TrancheDays>, i64, i64)> = Vec::new();
    for due in due {
        match sums.last_mut() {
            Some((last, payable, reserve)) if *last == days(due) => {
                *payable = plus(*payable, due.payable)?;
                *reserve = plus(*reserve, due.reserve)?;
            }
            _ => sums.push((days(due), due.payable, due.reserve)),
        }
    }
    Ok(sums)
}

/// A capture that is captured and neither proven nor available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// Its entry.
    pub number: EntryNumber,
    /// Gross less the merchant fee.
    pub payable: i64,
    /// What is withheld of it when it becomes available.
    pub reserve: i64,
    /// The tranche that this goes to; none where nothing is withheld.
    pub tranche: Option<TrancheDays>,
}

/// Captures made available before they are proven.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advance {
    /// Their entries, in the order in which they were chosen.
    pub items: Vec<EntryNumber>,
    /// Σ of their payable.
    pub payable: i64,
    /// 2010 → 2030.
    pub withheld: i64,
    /// What goes into which tranche.
    pub tranches: Vec<(TrancheDays, i64)>,
}

/// Chooses whole captures in their order until the next one does not fit any more. Captures that come to nothing are passed over.
pub fn advance(pending: &[Pending], room: i64) -> Result<Advance, AmountError> {
    let mut advance = Advance::default();
    for item in pending.iter().filter(|item| item.payable > 0) {
        let payable = plus(advance.payable, item.payable)?;
        if payable > room {
            break;
        }
        let share = share(item.payable, item.reserve)?;
        advance.payable = payable;
        advance.items.push(item.number);
        if let Some(days) = item.tranche.filter(|_| share.reserve > 0) {
            advance.withheld = plus(advance.withheld, share.reserve)?;
            advance.tranches.push((days, share.reserve));
        }
    }
    Ok(advance)
}

fn plus(left: i64, right: i64) -> Result<i64, AmountError> {
    left.checked_add(right).ok_or(AmountError::TooLarge)
}

fn minus(left: i64, right: i64) -> Result<i64, AmountError> {
    left.checked_sub(right).ok_or(AmountError::TooLarge)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, day).expect("a day")
    }

    fn days(source: u32, release: u32) -> TrancheDays {
        TrancheDays {
            source_on: day(source),
            release_on: day(release),
        }
    }

    #[track_caller]
    fn check_share(payable: i64, reserve: i64, expected: (i64, i64)) {
        let share = share(payable, reserve).expect("a share");
        assert_eq!((share.reserve, share.available), expected, "{payable} {reserve}");
    }

    #[test]
    fn a_reserve_takes_no_more_than_there_is() {
        // 80.00 less a fee of 2.62, 10 % withheld.
        check_share(7738, 800, (800, 6938));
        check_share(7738, 0, (0, 7738));
        check_share(500, 800, (500, 0));
        check_share(0, 800, (0, 0));
        check_share(-20, 800, (0, -20));
        check_share(i64::MAX, i64::MAX, (i64::MAX, 0));
    }

    #[track_caller]
    fn check_fixed(target: i64, held: i64, becoming: i64, available: i64, expected: i64) {
        let found = fixed_reserve(target, held, becoming, available).expect("a reserve");
        assert_eq!(found, expected, "{target} {held} {becoming} {available}");
    }

    #[test]
    fn a_fixed_reserve_fills_up_to_its_target() {
        check_fixed(1000, 0, 300, 300, 300);
        check_fixed(1000, 900, 300, 300, 100);
        check_fixed(1000, 1000, 300, 300, 0);
        check_fixed(1000, 1500, 300, 300, 0);
        // Money that makes up for what was below zero is not withheld.
        check_fixed(1000, 0, 300, 120, 120);
        check_fixed(1000, 0, 300, -50, 0);
        // What goes back is nothing to withhold of.
        check_fixed(1000, 0, -300, 500, 0);
        assert!(fixed_reserve(i64::MAX, -1, 1, 1).is_err());
    }

    /// Source day, day of release (0: nothing is withheld), payable, reserve.
    #[track_caller]
    fn check(rows: &[(u32, u32, i64, i64)], held: &[(TrancheDays, i64)], expected: Matured) {
        let due: Vec<Due> = rows
            .iter()
            .map(|(source, release, payable, reserve)| Due {
                source_on: day(*source),
                reserve_until: (*release > 0).then(|| day(*release)),
                payable: *payable,
                reserve: *reserve,
            })
            .collect();
        let held: BTreeMap<TrancheDays, i64> = held.iter().copied().collect();
        let look = |days| held.get(&days).copied().unwrap_or(0);
        assert_eq!(mature(&due, look).expect("sums"), expected, "{rows:?}");
        let reversed: Vec<Due> = due.into_iter().rev().collect();
        assert_eq!(mature(&reversed, look).expect("sums"), expected, "reversed {rows:?}");
    }

    #[test]
    fn a_day_makes_pending_money_available() {
        check(&[], &[], Matured::default());
        check(
            &[(2, 0, 5000, 0)],
            &[],
            Matured {
                available: 5000,
                ..Matured::default()
            },
        );
        // Two days of sales, one of them with a reserve.
        check(
            &[(2, 20, 7738, 800), (1, 0, 100, 0)],
            &[],
            Matured {
                available: 7038,
                withheld: 800,
                taken_back: 0,
                tranches: vec![(days(2, 20), 800)],
            },
        );
        // The same sales under two days on which they become available are one tranche.
        check(
            &[(2, 20, 1000, 100), (2, 20, 3000, 300)],
            &[],
            Matured {
                available: 3600,
                withheld: 400,
                taken_back: 0,
                tranches: vec![(days(2, 20), 400)],
            },
        );
    }

    #[test]
    fn what_was_withdrawn_after_its_day_goes_back() {
        let back = |available, taken_back, tranches| Matured {
            available,
            withheld: 0,
            taken_back,
            tranches,
        };
        let tranche = days(2, 20);
        let row = [(2, 20, -7738, -800)];
        check(&row, &[(tranche, 900)], back(-6938, 800, vec![(tranche, -800)]));
        // The reserve was released, or used for a refund, meanwhile.
        check(&row, &[(tranche, 300)], back(-7438, 300, vec![(tranche, -300)]));
        check(&row, &[], back(-7738, 0, vec![]));
        // Withdrawn and captured anew on one day.
        check(&[(2, 20, -7738, -800), (2, 20, 7738, 800)], &[], Matured::default());
    }

    #[test]
    fn an_advance_takes_whole_captures_in_order() {
        let pending = |number, payable, reserve| Pending {
            number: EntryNumber(number),
            payable,
            reserve,
            tranche: (reserve > 0).then(|| days(2, 20)),
        };
        let items = [
            pending(3, 1000, 100),
            pending(5, -10, 0),
            pending(6, 500, 0),
            pending(9, 400, 40),
        ];
        let chosen = |room| {
            let advance = advance(&items, room).expect("an advance");
            let numbers: Vec<i64> = advance.items.iter().map(|number| number.0).collect();
            (numbers, advance.payable, advance.withheld)
        };
        assert_eq!(chosen(0), (vec![], 0, 0));
        assert_eq!(chosen(999), (vec![], 0, 0));
        assert_eq!(chosen(1000), (vec![3], 1000, 100));
        // The next one does not fit, and none behind it is taken in its place.
        assert_eq!(chosen(1499), (vec![3], 1000, 100));
        assert_eq!(chosen(1899), (vec![3, 6], 1500, 100));
        assert_eq!(chosen(5000), (vec![3, 6, 9], 1900, 140));
    }
}
