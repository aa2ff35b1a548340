//! When a task is due, from how it stands, what the settings say, and what time it is.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::dates::{day_in, instant_of};
use crate::settings::WorkerRules;
use crate::store::worker::TaskRow;

/// What a worker does. None of them takes any input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// Take in what lies in the inboxes.
    Inbox,
    /// Expire authorizations.
    Expire,
    /// Release what is due.
    Release,
    /// Plan the payouts of the day's cut-off.
    Payouts,
    /// Instruct what is approved.
    Instruct,
    /// Write the reports of the day before.
    Reports,
}

impl Task {
    /// All, each after those whose work it builds on.
    pub const ALL: [Self; 6] = [
        Self::Inbox,
        Self::Expire,
        Self::Release,
        Self::Payouts,
        Self::Instruct,
        Self::Reports,
    ];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Expire => "expire",
            Self::Release => "release",
            Self::Payouts => "payouts",
            Self::Instruct => "instruct",
            Self::Reports => "reports",
        }
    }

    /// When settings want it to run; none where they do not.
    pub fn rhythm(self, rules: &WorkerRules) -> Option<Rhythm> {
        let every = |seconds: u32| Rhythm::Every(TimeDelta::seconds(seconds.into()));
        match self {
            Self::Inbox => (!rules.inboxes.is_empty()).then(|| every(rules.look_every)),
            Self::Expire => rules.expire_every.map(every),
            Self::Release => rules.release_at.map(Rhythm::Daily),
            Self::Payouts => rules.payouts_at.map(Rhythm::Daily),
            Self::Instruct => rules.instruct.is_some().then(|| every(rules.look_every)),
            Self::Reports if rules.reports.is_empty() => None,
            Self::Reports => rules.reports_at.map(Rhythm::Daily),
        }
    }
}

/// When a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// So long after it began the last time.
    Every(TimeDelta),
    /// Once for every day, from this time of it on.
    Daily(NaiveTime),
}

/// Of the days that were missed, how many are made up for.
pub const MISSED_DAYS: usize = 31;

/// How long a task that fails waits at first; twice as long each time.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(15);
/// How long at most.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(30);
/// From when on what is due and was not done is overdue, beside its own rhythm.
const OVERDUE_AFTER: TimeDelta = TimeDelta::hours(1);

/// Whether a task is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Now; a daily task for these days, in their order.
    Now(Vec<NaiveDate>),
    /// Not before an instant.
    At(DateTime<Utc>),
}

/// When a task is due that nobody has.
pub fn due(row: &TaskRow, rhythm: Rhythm, zone: Tz, now: DateTime<Utc>) -> Due {
    let days = match wanted(row, rhythm, zone, now) {
        Due::Now(days) => days,
        at @ Due::At(_) => return at,
    };
    // A run that was given up without an end, as when its worker was killed, is not waited for.
    let failed = row.ended_at.filter(|_| row.failures > 0 && row.expires_at.is_none());
    match failed.and_then(|ended_at| ended_at.checked_add_signed(pause(row.failures))) {
        Some(again) if again > now => Due::At(again),
        Some(_) | None => Due::Now(days),
    }
}

/// The same for a worker that runs everything once and began at an instant: what runs again and again is due if nobody has begun it
/// since, and what failed since is left to the next one.
pub fn due_once(row: &TaskRow, rhythm: Rhythm, zone: Tz, since: DateTime<Utc>, now: DateTime<Utc>) -> Due {
    let given_up = row.expires_at.is_some();
    let begun = row.granted_at.is_some_and(|granted_at| granted_at >= since);
    if begun && !given_up && (row.failures > 0 || matches!(rhythm, Rhythm::Every(_))) {
        return Due::At(now);
    }
    match rhythm {
        Rhythm::Every(_) => Due::Now(Vec::new()),
        Rhythm::Daily(_) => wanted(row, rhythm, zone, now),
    }
}

/// When it is due if it did not fail.
fn wanted(row: &TaskRow, rhythm: Rhythm, zone: Tz, now: DateTime<Utc>) -> Due {
    match rhythm {
        Rhythm::Every(pause) => {
            let begun = row.granted_at.filter(|_| row.expires_at.is_none());
            match begun.and_then(|begun| begun.checked_add_signed(pause)) {
                Some(next) if next > now => Due::At(next),
                Some(_) | None => Due::Now(Vec::new()),
            }
        }
        Rhythm::Daily(time) => {
            let today = day_in(now, zone);
            let has_come = instant_of(today, time, zone) <= now;
            let last = if has_come { Some(today) } else { today.pred_opt() };
            let first = match row.done_through {
                Some(through) => through.succ_opt(),
                None => Some(today),
            };
            let days = days_between(first, last);
            if days.is_empty() {
                let next = if has_come { today.succ_opt() } else { Some(today) };
                Due::At(next.map_or(now, |day| instant_of(day, time, zone)))
            } else {
                Due::Now(days)
            }
        }
    }
}

/// The last of the days from one to another.
fn days_between(first: Option<NaiveDate>, last: Option<NaiveDate>) -> Vec<NaiveDate> {
    let Some((first, last)) = first.zip(last) else {
        return Vec::new();
    };
    let earliest = u64::try_from(MISSED_DAYS)
        .ok()
        .and_then(|days| last.checked_sub_days(Days::new(days.saturating_sub(1))));
    let first = earliest.map_or(first, |earliest| earliest.max(first));
    first.iter_days().take_while(|day| *day <= last).collect()
}

/// How long a task waits that failed so many times in a row.
pub fn pause(failures: i64) -> TimeDelta {
    let doubled = u32::try_from(failures.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
    let longer = 1_i32
        .checked_shl(doubled)
        .and_then(|times| FIRST_PAUSE.checked_mul(times));
    longer.map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

/// Whether a task should have been done by now and was not.
pub fn is_overdue(row: &TaskRow, rhythm: Rhythm, zone: Tz, now: DateTime<Utc>) -> bool {
    let Some(before) = now.checked_sub_signed(OVERDUE_AFTER) else {
        return false;
    };
    match rhythm {
        Rhythm::Every(pause) => {
            let since = before.checked_sub_signed(pause).unwrap_or(before);
            row.token > 0 && row.done_at.or(row.granted_at).is_none_or(|done_at| done_at < since)
        }
        // It was due an hour ago, and is still.
        Rhythm::Daily(_) => row.token > 0 && matches!(wanted(row, rhythm, zone, before), Due::Now(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn days(days: &[&str]) -> Due {
        Due::Now(days.iter().map(|day| day.parse().expect("a day")).collect())
    }

    /// A task that ran at an instant, was right or failed, and is done through a day.
    fn ran(granted_at: &str, failures: i64, through: Option<&str>) -> TaskRow {
        let granted_at = at(granted_at);
        TaskRow {
            token: 1,
            granted_at: Some(granted_at),
            ended_at: Some(granted_at),
            done_at: (failures == 0).then_some(granted_at),
            done_through: through.map(|day| day.parse().expect("a day")),
            failures,
            ..TaskRow::new("release")
        }
    }

    #[track_caller]
    fn check(row: &TaskRow, rhythm: Rhythm, now: &str, expected: Due) {
        assert_eq!(due(row, rhythm, Tz::Europe__Berlin, at(now)), expected, "{now}");
    }

    const HALF_A_MINUTE: Rhythm = Rhythm::Every(TimeDelta::seconds(30));

    fn daily(time: &str) -> Rhythm {
        Rhythm::Daily(time.parse().expect("a time"))
    }

    #[test]
    fn what_runs_again_and_again_waits_from_its_last_beginning() {
        check(&TaskRow::new("inbox"), HALF_A_MINUTE, "2026-03-02T00:00:00Z", days(&[]));
        let row = ran("2026-03-02T00:00:00Z", 0, None);
        check(
            &row,
            HALF_A_MINUTE,
            "2026-03-02T00:00:29Z",
            Due::At(at("2026-03-02T00:00:30Z")),
        );
        check(&row, HALF_A_MINUTE, "2026-03-02T00:00:30Z", days(&[]));
    }

    #[test]
    fn what_fails_waits_longer_each_time() {
        let every = Rhythm::Every(TimeDelta::seconds(1));
        for (failures, again) in [
            (1, "2026-03-02T00:00:15Z"),
            (2, "2026-03-02T00:00:30Z"),
            (3, "2026-03-02T00:01:00Z"),
            (7, "2026-03-02T00:16:00Z"),
            (8, "2026-03-02T00:30:00Z"),
            (1_000_000, "2026-03-02T00:30:00Z"),
        ] {
            let row = ran("2026-03-02T00:00:00Z", failures, None);
            check(&row, every, "2026-03-02T00:00:02Z", Due::At(at(again)));
            check(&row, every, again, days(&[]));
        }
        let row = ran("2026-03-02T00:00:00Z", 1, Some("2026-03-01"));
        check(
            &row,
            daily("00:30"),
            "2026-03-02T00:00:05Z",
            Due::At(at("2026-03-02T00:00:15Z")),
        );
        // Its worker was killed: nobody waits for that.
        let killed = TaskRow {
            expires_at: Some(at("2026-03-02T00:00:01Z")),
            ..ran("2026-03-02T00:00:00Z", 3, None)
        };
        check(&killed, HALF_A_MINUTE, "2026-03-02T00:00:02Z", days(&[]));
    }

    #[test]
    fn a_daily_task_is_done_for_every_day_from_its_time_on() {
        let new = TaskRow::new("release");
        // 16:30 in Berlin is 15:30 in winter and 14:30 in summer.
        let rhythm = daily("16:30");
        check(
            &new,
            rhythm,
            "2026-03-02T15:29:59Z",
            Due::At(at("2026-03-02T15:30:00Z")),
        );
        check(&new, rhythm, "2026-03-02T15:30:00Z", days(&["2026-03-02"]));
        let row = ran("2026-03-02T15:30:00Z", 0, Some("2026-03-02"));
        check(
            &row,
            rhythm,
            "2026-03-02T22:59:59Z",
            Due::At(at("2026-03-03T15:30:00Z")),
        );
        check(
            &row,
            rhythm,
            "2026-03-02T23:00:00Z",
            Due::At(at("2026-03-03T15:30:00Z")),
        );
        check(&row, rhythm, "2026-03-03T15:30:00Z", days(&["2026-03-03"]));
        // Nobody was there for two days.
        check(
            &row,
            rhythm,
            "2026-03-05T12:00:00Z",
            days(&["2026-03-03", "2026-03-04"]),
        );
        let long_ago = ran("2025-01-01T00:00:00Z", 0, Some("2025-01-01"));
        let Due::Now(made_up) = due(&long_ago, rhythm, Tz::Europe__Berlin, at("2026-03-02T16:00:00Z")) else {
            panic!("it is due");
        };
        assert_eq!(made_up.len(), MISSED_DAYS);
        assert_eq!(made_up.last().map(ToString::to_string).as_deref(), Some("2026-03-02"));
    }

    #[test]
    fn a_time_that_a_clock_skips_is_the_first_one_after_it() {
        let row = ran("2026-03-28T12:00:00Z", 0, Some("2026-03-28"));
        // On 2026-03-29 there is no 02:30 in Berlin: 03:00 is 01:00 UTC.
        check(
            &row,
            daily("02:30"),
            "2026-03-29T00:59:59Z",
            Due::At(at("2026-03-29T01:00:00Z")),
        );
        check(&row, daily("02:30"), "2026-03-29T01:00:00Z", days(&["2026-03-29"]));
        // On 2026-10-25 there are two: the first one counts.
        let row = ran("2026-10-24T12:00:00Z", 0, Some("2026-10-24"));
        check(&row, daily("02:30"), "2026-10-25T00:30:00Z", days(&["2026-10-25"]));
    }

    #[test]
    fn once_is_once() {
        let (since, now) = (at("2026-03-02T12:00:00Z"), at("2026-03-02T12:00:05Z"));
        let check = |row: &TaskRow, rhythm, expected| {
            assert_eq!(due_once(row, rhythm, Tz::UTC, since, now), expected, "{row:?}");
        };
        check(&ran("2026-03-02T11:59:59Z", 0, None), HALF_A_MINUTE, days(&[]));
        check(&ran("2026-03-02T12:00:00Z", 0, None), HALF_A_MINUTE, Due::At(now));
        let daily = daily("09:00");
        check(
            &ran("2026-03-02T11:00:00Z", 0, Some("2026-03-01")),
            daily,
            days(&["2026-03-02"]),
        );
        check(
            &ran("2026-03-02T11:00:00Z", 9, Some("2026-03-01")),
            daily,
            days(&["2026-03-02"]),
        );
        // Somebody else has tried since this one began.
        check(&ran("2026-03-02T12:00:01Z", 1, Some("2026-03-01")), daily, Due::At(now));
        // And was killed.
        let killed = TaskRow {
            expires_at: Some(now),
            ..ran("2026-03-02T12:00:01Z", 0, None)
        };
        check(&killed, HALF_A_MINUTE, days(&[]));
    }

    #[test]
    fn what_was_not_done_in_time_is_overdue() {
        let check = |row: &TaskRow, rhythm, now, expected| {
            assert_eq!(is_overdue(row, rhythm, Tz::UTC, at(now)), expected, "{now}");
        };
        check(&TaskRow::new("inbox"), HALF_A_MINUTE, "2026-03-02T00:00:00Z", false);
        let row = ran("2026-03-02T00:00:00Z", 0, None);
        check(&row, HALF_A_MINUTE, "2026-03-02T01:00:30Z", false);
        check(&row, HALF_A_MINUTE, "2026-03-02T01:00:31Z", true);
        let row = ran("2026-03-02T16:30:00Z", 0, Some("2026-03-02"));
        check(&row, daily("16:30"), "2026-03-03T17:29:59Z", false);
        check(&row, daily("16:30"), "2026-03-03T17:30:00Z", true);
    }
}
