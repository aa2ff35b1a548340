//! On which days a merchant is paid.
//!
//! A schedule names days: every day, a day of the week, days of the month; the 29th to 31st are the last day of a month that has no
//! such day. A day on which banks are closed, by the calendar of the payout's currency, rolls to one on which they are open.
//! Whoever is paid on demand has no days.
//!
//! Invariants: a day of payout is a business day; between two days that a schedule names, no payout is due that neither rolls to.

use chrono::{Datelike, Days, NaiveDate};

use crate::calendar::{BusinessDays, NotCovered, Roll};
use crate::settings::Schedule;

/// How far ahead the next day of payout is looked for: a month, and the longest that banks stay closed.
const LOOK_AHEAD: u64 = 62;

/// Whether a schedule names a day, open or not.
pub fn names(schedule: &Schedule, day: NaiveDate) -> bool {
    match schedule {
        Schedule::Daily => true,
        Schedule::Weekly(weekday) => day.weekday() == *weekday,
        Schedule::Monthly(days) => {
            let (of_month, last) = (day.day(), u32::from(day.num_days_in_month()));
            let named = |wanted: &u8| u32::from(*wanted).min(last) == of_month;
            days.iter().any(named)
        }
        Schedule::OnDemand => false,
    }
}

/// Whether a merchant is paid on a day: banks are open, and a day that the schedule names is this one, or rolls to it.
pub fn is_day(schedule: &Schedule, roll: Roll, banks: BusinessDays<'_>, day: NaiveDate) -> Result<bool, NotCovered> {
    if !banks.contains(day)? {
        return Ok(false);
    }
    if names(schedule, day) {
        return Ok(true);
    }
    for step in [NaiveDate::pred_opt, NaiveDate::succ_opt] {
        let mut closed = step(&day);
        // Days beside it on which banks are closed are those that may roll to it; where the calendar ends nothing is known of them.
        while let Some(named) = closed.filter(|named| matches!(banks.contains(*named), Ok(false))) {
            if names(schedule, named) && banks.roll(named, roll)? == day {
                return Ok(true);
            }
            closed = step(&named);
        }
    }
    Ok(false)
}

/// The next day after one on which a merchant is paid; none where it is paid on demand, or the calendar ends before.
pub fn next_day(schedule: &Schedule, roll: Roll, banks: BusinessDays<'_>, after: NaiveDate) -> Option<NaiveDate> {
    let ahead = (1..=LOOK_AHEAD).map_while(|days| after.checked_add_days(Days::new(days)));
    ahead
        .into_iter()
        .find(|day| matches!(is_day(schedule, roll, banks, *day), Ok(true)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::Weekday;
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::Calendar;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn calendar(holidays: &[&str]) -> Calendar {
        Calendar {
            name: "BANKS".to_owned(),
            title: String::new(),
            weekend: vec![Weekday::Sat, Weekday::Sun],
            holidays: holidays
                .iter()
                .map(|text| (day(text), "closed".to_owned()))
                .collect::<BTreeMap<_, _>>(),
            first: day("2025-01-01"),
            last: day("2028-12-31"),
        }
    }

    /// The days of payout between two days, as days of the month of the first.
    #[track_caller]
    fn check(schedule: &Schedule, roll: Roll, holidays: &[&str], between: [&str; 2], expected: &[&str]) {
        let calendar = calendar(holidays);
        let found: Vec<String> = day(between[0])
            .iter_days()
            .take_while(|found| *found <= day(between[1]))
            .filter(|found| is_day(schedule, roll, BusinessDays(&[&calendar]), *found).expect("covered"))
            .map(|found| found.to_string())
            .collect();
        assert_eq!(found, expected, "{schedule:?} {roll:?} {holidays:?}");
    }

    #[test]
    fn days_that_a_month_does_not_have_are_its_last_day() {
        let none = BTreeMap::new();
        let open = Calendar {
            weekend: vec![],
            holidays: none,
            ..calendar(&[])
        };
        let of = |days: &[u8], from: &str, to: &str| -> Vec<String> {
            let schedule = Schedule::Monthly(days.iter().copied().collect());
            let all = day(from).iter_days().take_while(|found| *found <= day(to));
            let paid = all
                .filter(|found| is_day(&schedule, Roll::Following, BusinessDays(&[&open]), *found).expect("covered"));
            paid.map(|found| found.to_string()).collect()
        };
        assert_eq!(
            of(&[31], "2026-01-01", "2026-04-30"),
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
        );
        assert_eq!(of(&[29], "2026-02-01", "2026-03-31"), ["2026-02-28", "2026-03-29"]);
        assert_eq!(of(&[29, 30, 31], "2028-02-01", "2028-02-29"), ["2028-02-29"]);
        assert_eq!(
            of(&[29, 30, 31], "2026-12-28", "2027-01-31"),
            [
                "2026-12-29",
                "2026-12-30",
                "2026-12-31",
                "2027-01-29",
                "2027-01-30",
                "2027-01-31"
            ]
        );
        assert_eq!(of(&[1, 15], "2026-01-31", "2026-02-28"), ["2026-02-01", "2026-02-15"]);
    }

    #[test]
    fn a_closed_day_rolls() {
        let (following, modified) = (Roll::Following, Roll::ModifiedFollowing);
        // 2026-05-01 is a Friday, 2026-05-31 a Sunday.
        let may_day = ["2026-05-01"];
        check(
            &Schedule::Daily,
            following,
            &may_day,
            ["2026-04-30", "2026-05-05"],
            &["2026-04-30", "2026-05-04", "2026-05-05"],
        );
        let fridays = Schedule::Weekly(Weekday::Fri);
        check(
            &fridays,
            following,
            &may_day,
            ["2026-04-24", "2026-05-08"],
            &["2026-04-24", "2026-05-04", "2026-05-08"],
        );
        let last = Schedule::Monthly([31].into());
        check(
            &last,
            following,
            &[],
            ["2026-05-01", "2026-06-30"],
            &["2026-06-01", "2026-06-30"],
        );
        check(
            &last,
            modified,
            &[],
            ["2026-05-01", "2026-06-30"],
            &["2026-05-29", "2026-06-30"],
        );
        // Over the end of a year.
        check(
            &last,
            following,
            &["2026-12-31", "2027-01-01"],
            ["2026-12-28", "2027-01-05"],
            &["2027-01-04"],
        );
        check(
            &last,
            modified,
            &["2026-12-31", "2027-01-01"],
            ["2026-12-28", "2027-01-05"],
            &["2026-12-30"],
        );
        check(&Schedule::OnDemand, following, &[], ["2026-05-01", "2026-06-30"], &[]);
    }

    #[test]
    fn the_next_day_is_found() {
        let calendar = calendar(&["2026-05-01"]);
        let banks = BusinessDays(&[&calendar]);
        let next = |schedule: &Schedule, after: &str| next_day(schedule, Roll::Following, banks, day(after));
        assert_eq!(next(&Schedule::Daily, "2026-04-30"), Some(day("2026-05-04")));
        assert_eq!(
            next(&Schedule::Monthly([1].into()), "2026-04-01"),
            Some(day("2026-05-04"))
        );
        assert_eq!(next(&Schedule::OnDemand, "2026-04-01"), None);
        assert_eq!(next(&Schedule::Daily, "2028-12-31"), None);
    }

    fn schedules() -> impl Strategy<Value = Schedule> {
        let week = [
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ];
        prop_oneof![
            Just(Schedule::Daily),
            proptest::sample::select(week.to_vec()).prop_map(Schedule::Weekly),
            proptest::collection::btree_set(1_u8..=31, 1..5).prop_map(Schedule::Monthly),
        ]
    }

    proptest! {
        /// Every day that a schedule names is paid on the day that it rolls to, counted one by one, and on no other.
        #[test]
        fn every_named_day_is_paid_once(
            schedule in schedules(),
            modified in any::<bool>(),
            closed in proptest::collection::btree_set(0_usize..1_000, 0..120),
        ) {
            let begin = day("2025-06-01");
            let closed: Vec<String> = begin
                .iter_days()
                .enumerate()
                .take(1_000)
                .filter(|(place, _)| closed.contains(place))
                .map(|(_, day)| day.to_string())
                .collect();
            let calendar = calendar(&closed.iter().map(String::as_str).collect::<Vec<_>>());
            let roll = if modified { Roll::ModifiedFollowing } else { Roll::Following };
            let is_open = |day: NaiveDate| {
                !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !calendar.holidays.contains_key(&day)
            };
            let mut expected = std::collections::BTreeSet::new();
            for named in begin.iter_days().take(1_000) {
                let last_of_month = named.succ_opt().is_some_and(|next| next.day() == 1);
                let is_named = match &schedule {
                    Schedule::Daily => true,
                    Schedule::Weekly(weekday) => named.weekday() == *weekday,
                    Schedule::Monthly(days) => days.iter().any(|wanted| {
                        u32::from(*wanted) == named.day() || (last_of_month && u32::from(*wanted) > named.day())
                    }),
                    Schedule::OnDemand => false,
                };
                if !is_named {
                    continue;
                }
                let ahead = named.iter_days().find(|day| is_open(*day)).expect("an open day");
                let back = || std::iter::successors(Some(named), NaiveDate::pred_opt).find(|day| is_open(*day)).expect("an open day");
                expected.insert(if modified && ahead.month() != named.month() { back() } else { ahead });
            }
            let banks = BusinessDays(&[&calendar]);
            // What rolls into these days from outside of them is left out at both ends.
            for day in begin.iter_days().skip(60).take(880) {
                prop_assert_eq!(is_day(&schedule, roll, banks, day).expect("covered"), expected.contains(&day), "{}", day);
                prop_assert!(is_open(day) || !expected.contains(&day));
            }
        }
    }
}
