//! Refund windows in days: until when a capture may be refunded, and which way the money goes.
//!
//! All days are of the merchant's time zone; the caller turns instants into days. A window begins on the day of the capture,
//! and its last day counts: 2026-07-01 + 3 months may be refunded on 2026-10-01 and not on 2026-10-02.

use chrono::{Datelike, Days, Months, NaiveDate};

pub use crate::settings::{RefundRule, Window};

impl Window {
    /// The last day of the window that begins on a day. Three months are not 90 days: they span 89 to 92.
    pub fn last_day(self, from: NaiveDate) -> NaiveDate {
        let last = match self {
            // Where the month is too short, its last day.
            Self::Months(count) => from.checked_add_months(Months::new(u32::from(count))),
            Self::Days(count) => from.checked_add_days(Days::new(u64::from(count))),
            Self::CalendarMonthEnd => from
                .with_day(1)
                .and_then(|first| first.checked_add_months(Months::new(1)))
                .and_then(|next| next.pred_opt()),
        };
        // Beyond what a date can hold nothing is late.
        last.unwrap_or(NaiveDate::MAX)
    }

    /// The first day on which it is too late.
    pub fn first_late_day(self, from: NaiveDate) -> NaiveDate {
        self.last_day(from).succ_opt().unwrap_or(NaiveDate::MAX)
    }
}

/// Which way a refund goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundRoute {
    /// Back the way the money came.
    Rail,
    /// By bank transfer: the way it came is closed.
    Transfer,
    /// Not at all.
    TooLate {
        /// The first day on which it was too late.
        first_late: NaiveDate,
    },
}

impl RefundRule {
    /// Which way a refund goes on a day, of what was captured on another.
    pub fn route(&self, captured_on: NaiveDate, refunded_on: NaiveDate) -> RefundRoute {
        let first_late = self.window.first_late_day(captured_on);
        if refunded_on >= first_late {
            RefundRoute::TooLate { first_late }
        } else if refunded_on > self.rail.last_day(captured_on) {
            RefundRoute::Transfer
        } else {
            RefundRoute::Rail
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[track_caller]
    fn check(from: &str, window: &str, last: &str, first_late: &str) {
        let window = Window::parse(window).expect("a window");
        let found = [window.last_day(day(from)), window.first_late_day(day(from))];
        assert_eq!(found, [day(last), day(first_late)], "{from} + {window}");
    }

    #[test]
    fn months_are_not_days() {
        check("2026-07-01", "3 months", "2026-10-01", "2026-10-02");
        check("2026-07-01", "90 days", "2026-09-29", "2026-09-30");
        // Three months of 90, of 89 and of 92 days.
        check("2026-12-01", "3 months", "2027-03-01", "2027-03-02");
        check("2026-12-01", "90 days", "2027-03-01", "2027-03-02");
        check("2026-01-31", "3 months", "2026-04-30", "2026-05-01");
        check("2026-01-31", "89 days", "2026-04-30", "2026-05-01");
        check("2026-06-15", "3 months", "2026-09-15", "2026-09-16");
        check("2026-06-15", "92 days", "2026-09-15", "2026-09-16");
        check("2026-02-15", "1 month", "2026-03-15", "2026-03-16");
        check("2026-07-01", "12 months", "2027-07-01", "2027-07-02");
        check("2026-07-01", "365 days", "2027-07-01", "2027-07-02");
        check("2026-07-01", "1 day", "2026-07-02", "2026-07-03");
    }

    #[test]
    fn the_end_of_a_month_stays_in_a_shorter_one() {
        check("2026-11-30", "3 months", "2027-02-28", "2027-03-01");
        check("2027-11-30", "3 months", "2028-02-29", "2028-03-01");
        check("2026-03-31", "1 month", "2026-04-30", "2026-05-01");
        check("2026-08-31", "6 months", "2027-02-28", "2027-03-01");
        check("2028-02-29", "12 months", "2029-02-28", "2029-03-01");
        check("2028-02-29", "48 months", "2032-02-29", "2032-03-01");
        // Not the last of the longer month: the same day of it.
        check("2026-02-28", "1 month", "2026-03-28", "2026-03-29");
        check("2026-04-30", "1 month", "2026-05-30", "2026-05-31");
    }

    #[test]
    fn a_calendar_month_ends_with_itself() {
        check("2026-07-01", "calendar_month_end", "2026-07-31", "2026-08-01");
        check("2026-07-31", "calendar_month_end", "2026-07-31", "2026-08-01");
        check("2026-02-14", "calendar_month_end", "2026-02-28", "2026-03-01");
        check("2028-02-14", "calendar_month_end", "2028-02-29", "2028-03-01");
        check("2026-12-31", "calendar_month_end", "2026-12-31", "2027-01-01");
    }

    #[test]
    fn the_end_of_time_is_never_late() {
        let last = NaiveDate::MAX;
        for window in [Window::Months(60), Window::Days(1830), Window::CalendarMonthEnd] {
            assert_eq!(window.last_day(last), last);
            assert_eq!(window.first_late_day(last), last);
        }
    }

    #[test]
    fn a_refund_goes_back_then_by_transfer_then_not_at_all() {
        let rule = |window: &str, rail: &str| RefundRule {
            window: Window::parse(window).expect("a window"),
            rail: Window::parse(rail).expect("a window"),
            ..RefundRule::default()
        };
        let route = |rule: &RefundRule, on: &str| rule.route(day("2026-07-20"), day(on));
        let carrier = rule("3 months", "calendar_month_end");
        let first_late = day("2026-10-21");
        for (on, expected) in [
            ("2026-07-20", RefundRoute::Rail),
            ("2026-07-31", RefundRoute::Rail),
            ("2026-08-01", RefundRoute::Transfer),
            ("2026-10-20", RefundRoute::Transfer),
            ("2026-10-21", RefundRoute::TooLate { first_late }),
            ("2027-01-01", RefundRoute::TooLate { first_late }),
        ] {
            assert_eq!(route(&carrier, on), expected, "{on}");
        }
        // A rail that is open longer than refunds are allowed allows no more.
        let first_late = day("2026-08-01");
        let monthly = rule("calendar_month_end", "12 months");
        assert_eq!(route(&monthly, "2026-07-31"), RefundRoute::Rail);
        assert_eq!(route(&monthly, "2026-08-01"), RefundRoute::TooLate { first_late });
        assert_eq!(route(&RefundRule::default(), "2026-10-20"), RefundRoute::Rail);
    }
}
