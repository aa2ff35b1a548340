//! Days counted by hand, calendars computed anew by rules of their own, and every way a file can be wrong.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeSet;

use chrono::{Days, Months};
use proptest::prelude::*;

use super::*;

const TARGET2: &[u8] = include_bytes!("../../fixtures/calendars/TARGET2.csv");
const KR: &[u8] = include_bytes!("../../fixtures/calendars/KR.csv");

fn target2() -> Calendar {
    Calendar::parse(TARGET2).expect("a calendar")
}

fn kr() -> Calendar {
    Calendar::parse(KR).expect("a calendar")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn ymd(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day")
}

/// What a day becomes: `+2` is two business days later, `following` and `modified` roll.
#[track_caller]
fn check(calendars: &[&Calendar], from: &str, step: &str, expected: &str) {
    let (days, from) = (BusinessDays(calendars), day(from));
    let reached = match step.strip_prefix('+') {
        Some(count) => days.plus(from, count.parse().expect("a count")),
        None if step == "following" => days.roll(from, Roll::Following),
        None => days.roll(from, Roll::ModifiedFollowing),
    };
    let reached = reached.map_or_else(|error| error.to_string(), |day| day.to_string());
    assert_eq!(reached, expected, "{from} {step}");
}

#[test]
fn business_days_of_target2() {
    let euro = &target2();
    let check = |from, step, expected| check(&[euro], from, step, expected);
    // A Thursday, a Friday and the weekend after it.
    check("2026-07-02", "+0", "2026-07-02");
    check("2026-07-02", "+1", "2026-07-03");
    check("2026-07-02", "+2", "2026-07-06");
    check("2026-07-03", "+1", "2026-07-06");
    check("2026-07-04", "+1", "2026-07-06");
    check("2026-07-05", "+1", "2026-07-06");
    check("2026-07-05", "+2", "2026-07-07");
    // T+0 on a day that is closed rolls.
    check("2026-07-04", "+0", "2026-07-06");
    check("2026-05-01", "+0", "2026-05-04");
    check("2026-12-25", "+0", "2026-12-28");
    // Easter 2026: Good Friday to Easter Monday.
    check("2026-04-02", "+1", "2026-04-07");
    check("2026-04-03", "+0", "2026-04-07");
    check("2026-04-03", "+1", "2026-04-07");
    check("2026-04-06", "+1", "2026-04-07");
    check("2026-04-06", "+2", "2026-04-08");
    // The turn of a year; 2027-01-01 is a Friday.
    check("2026-12-31", "+1", "2027-01-04");
    check("2026-12-24", "+3", "2026-12-30");
    // The days on which clocks change are days like others: 2026-03-29 and 2026-10-25 are Sundays.
    check("2026-03-27", "+1", "2026-03-30");
    check("2026-10-23", "+1", "2026-10-26");
    // A leap day: 2028-02-29 is a Tuesday.
    check("2028-02-28", "+1", "2028-02-29");
}

#[test]
fn a_day_rolls_within_its_month_where_that_is_asked_for() {
    let euro = &target2();
    let check = |from, step, expected| check(&[euro], from, step, expected);
    check("2026-01-31", "following", "2026-02-02");
    check("2026-01-31", "modified", "2026-01-30");
    check("2026-07-04", "modified", "2026-07-06");
    check("2026-07-06", "modified", "2026-07-06");
    // Good Friday 2029-03-30, then a weekend: back to Thursday.
    check("2029-03-31", "following", "2029-04-03");
    check("2029-03-31", "modified", "2029-03-29");
    check("2029-03-30", "modified", "2029-03-29");
    // The last covered days: nothing behind them has to be known to stay within the month.
    check("2030-12-31", "modified", "2030-12-31");
}

#[test]
fn several_calendars_must_all_be_open() {
    let (euro, won) = (&target2(), &kr());
    let both = [euro, won];
    // Chuseok 2026 is Thursday to Saturday; Europe is open on Thursday and Friday.
    check(&both, "2026-09-23", "+1", "2026-09-28");
    check(&[euro], "2026-09-23", "+1", "2026-09-24");
    // Good Friday and Easter Monday are working days in Korea.
    check(&both, "2026-04-02", "+1", "2026-04-07");
    check(&[won], "2026-04-02", "+1", "2026-04-03");
    // Closed in one on Friday (Labour Day in both), in the other on Tuesday.
    check(&both, "2026-04-30", "+2", "2026-05-06");
    check(&both, "2026-05-01", "+0", "2026-05-04");
    check(&[], "2026-07-04", "+1", "2026-07-05");
}

#[test]
fn a_day_outside_is_an_error_that_names_calendar_and_range() {
    let (euro, won) = (&target2(), &kr());
    let outside = |day: &str| format!("{day} lies outside of calendar TARGET2, which covers 2025-01-01 to 2030-12-31");
    check(&[euro], "2024-12-31", "+0", &outside("2024-12-31"));
    check(&[euro], "2024-12-31", "+1", &outside("2024-12-31"));
    check(&[euro], "2031-01-01", "following", &outside("2031-01-01"));
    check(&[euro], "2030-12-31", "+1", &outside("2031-01-01"));
    check(&[euro], "2025-01-01", "modified", "2025-01-02");
    let outside = "2028-01-01 lies outside of calendar KR, which covers 2025-01-01 to 2027-12-31";
    check(&[euro, won], "2027-12-31", "+1", outside);
    // Closed in one is no answer where the other does not know: 2028-01-01 is a holiday of TARGET2.
    check(&[won, euro], "2028-01-01", "+0", outside);
    let error = euro.is_business_day(day("2031-01-01")).expect_err("not covered");
    assert_eq!(
        error.hint(),
        "import a file of calendar TARGET2 that covers the day: `acquit calendar import FILE`"
    );
}

/// Easter Sunday of the Gregorian calendar by Gauss' rule in Lichtenberg's form, without its table of exceptions.
fn easter(year: i32) -> NaiveDate {
    let century = year / 100;
    let moon = 15 + (3 * century + 3) / 4 - (8 * century + 13) / 25;
    let sun = 2 - (3 * century + 3) / 4;
    let golden = year % 19;
    let seed = (19 * golden + moon) % 30;
    let correction = (seed + golden / 11) / 29;
    let full_moon = 21 + seed - correction;
    let first_sunday = 7 - (year + year / 4 + sun) % 7;
    let distance = 7 - (full_moon - first_sunday) % 7;
    let after = u64::try_from(full_moon + distance - 1).expect("in spring");
    ymd(year, 3, 1) + Days::new(after)
}

#[test]
fn easter_is_when_it_was() {
    for known in [
        "2000-04-23",
        "2008-03-23",
        "2011-04-24",
        "2019-04-21",
        "2024-03-31",
        "2038-04-25",
    ] {
        assert_eq!(easter(day(known).year()), day(known));
    }
}

#[test]
fn target2_is_what_easter_says() {
    let mut expected = BTreeSet::new();
    for year in 2025..=2030 {
        let sunday = easter(year);
        expected.extend([sunday - Days::new(2), sunday + Days::new(1)]);
        expected.extend([(1, 1), (5, 1), (12, 25), (12, 26)].map(|(month, day)| ymd(year, month, day)));
    }
    let euro = target2();
    assert_eq!(euro.holidays.keys().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(euro.weekend, [Weekday::Sat, Weekday::Sun]);
    assert_eq!((euro.first, euro.last), (day("2025-01-01"), day("2030-12-31")));
    for (day, name) in &euro.holidays {
        let expected = match (day.month(), day.day()) {
            (1, 1) => "New Year's Day",
            (5, 1) => "Labour Day",
            (12, 25) => "Christmas Day",
            (12, 26) => "Christmas Holiday",
            _ if day.weekday() == Weekday::Fri => "Good Friday",
            _ => "Easter Monday",
        };
        assert_eq!(name, expected, "{day}");
    }
}

/// Which holidays have a substitute when they fall on a day that is free anyway.
#[derive(Clone, Copy, PartialEq)]
enum Substitute {
    Never,
    /// On a Saturday, a Sunday or another holiday.
    Weekend,
    /// On a Sunday or another holiday: Seollal and Chuseok, one for the three days.
    Sunday,
}

/// Korea's holidays by the rules of the Act and its decree, from the first days of lunar months (1st, 4th and 8th) as the
/// Korea Astronomy and Space Science Institute publishes them.
fn korea(year: i32, months: [&str; 3]) -> BTreeSet<NaiveDate> {
    use Substitute::{Never, Sunday, Weekend};
    let [seollal, buddha, chuseok] = [0, 7, 14].map(Days::new);
    let [seollal, buddha, chuseok] = [
        day(months[0]) + seollal,
        day(months[1]) + buddha,
        day(months[2]) + chuseok,
    ];
    let around = |day: NaiveDate| [day - Days::new(1), day, day + Days::new(1)];
    let mut periods: Vec<(Vec<NaiveDate>, Substitute)> =
        vec![(around(seollal).to_vec(), Sunday), (around(chuseok).to_vec(), Sunday)];
    let fixed = [
        (1, 1, Never),
        (3, 1, Weekend),
        (5, 5, Weekend),
        (6, 6, Never),
        (8, 15, Weekend),
        (10, 3, Weekend),
        (10, 9, Weekend),
        (12, 25, Weekend),
    ];
    periods.extend(fixed.map(|(month, day, rule)| (vec![ymd(year, month, day)], rule)));
    periods.push((vec![buddha], Weekend));
    if year >= 2026 {
        periods.extend([(5, 1), (7, 17)].map(|(month, day)| (vec![ymd(year, month, day)], Weekend)));
    }
    let mut holidays: BTreeSet<NaiveDate> = periods.iter().flat_map(|(days, _)| days.clone()).collect();
    periods.sort_by(|one, other| one.0.cmp(&other.0));
    let all: Vec<NaiveDate> = periods.iter().flat_map(|(days, _)| days.clone()).collect();
    let mut replaced = BTreeSet::new();
    for (days, rule) in &periods {
        let mut lost = days.clone();
        lost.retain(|day| {
            let twice = all.iter().filter(|other| *other == day).count() > 1;
            let free = match rule {
                Never => false,
                Weekend => twice || matches!(day.weekday(), Weekday::Sat | Weekday::Sun),
                Sunday => twice || day.weekday() == Weekday::Sun,
            };
            // Two holidays on one day lose one day, not two.
            free && replaced.insert(*day)
        });
        for _ in lost {
            let mut next = *days.last().expect("a day");
            while holidays.contains(&next) || matches!(next.weekday(), Weekday::Sat | Weekday::Sun) {
                next = next + Days::new(1);
            }
            holidays.insert(next);
        }
    }
    holidays
}

#[test]
fn kr_is_what_the_law_says() {
    let mut expected = BTreeSet::new();
    expected.extend(korea(2025, ["2025-01-29", "2025-04-28", "2025-09-22"]));
    expected.extend(korea(2026, ["2026-02-17", "2026-05-17", "2026-09-11"]));
    expected.extend(korea(2027, ["2027-02-07", "2027-05-06", "2027-09-01"]));
    // No rule gives these: a temporary holiday, two elections, and a day of banks before it became a public holiday.
    expected.extend(["2025-01-27", "2025-06-03", "2026-06-03", "2025-05-01"].map(day));
    let won = kr();
    assert_eq!(won.holidays.keys().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(won.weekend, [Weekday::Sat, Weekday::Sun]);
    assert_eq!((won.first, won.last), (day("2025-01-01"), day("2027-12-31")));
}

proptest! {
    /// A due date is open everywhere, not before its sale, never before that of an earlier sale, and the next open day counts one.
    #[test]
    fn due_dates_are_open_and_in_the_order_of_sales(offset in 0_u64..1000, count in 0_u16..25, both: bool) {
        let (euro, won) = (target2(), kr());
        let calendars: &[&Calendar] = if both { &[&euro, &won] } else { &[&won] };
        let days = BusinessDays(calendars);
        let sale = day("2025-01-01") + Days::new(offset);
        let due = days.plus(sale, count).expect("covered");
        prop_assert!(days.contains(due).expect("covered"));
        prop_assert!(due >= sale);
        prop_assert!(days.plus(sale + Days::new(1), count).expect("covered") >= due);
        prop_assert!(days.plus(sale, count + 1).expect("covered") >= due);
        // Counted in another way: the open days after the sale, one by one.
        let open = sale.iter_days().skip(1).filter(|day| {
            !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
                && calendars.iter().all(|calendar| !calendar.holidays.contains_key(day))
        });
        let is_open = |day: &NaiveDate| days.contains(*day).expect("covered");
        let expected = match count {
            0 if is_open(&sale) => sale,
            0 => open.take(1).last().expect("a day"),
            _ => open.take(usize::from(count)).last().expect("a day"),
        };
        prop_assert_eq!(due, expected);
    }

    /// Rolled within the month, a day stays in its month, and is the following business day wherever that does too.
    #[test]
    fn a_rolled_day_stays_in_its_month(offset in 0_u64..2000) {
        let euro = target2();
        let from = day("2025-01-01") + Days::new(offset);
        let (following, modified) = (euro.following(from).expect("covered"), euro.modified_following(from).expect("covered"));
        prop_assert_eq!((from.year(), from.month()), (modified.year(), modified.month()));
        prop_assert_eq!(following == modified, following.month() == from.month());
        prop_assert!(euro.is_business_day(modified).expect("covered"));
        prop_assert!(modified < from + Months::new(1));
    }
}

const SMALL: &str = "kind,value,name\n\
                     calendar,XX,A place\n\
                     weekend,Friday,\n\
                     weekend,Saturday,\n\
                     from,2026-01-01,\n\
                     until,2026-12-31,\n\
                     holiday,2026-03-01,A day\n";

#[test]
fn a_file_is_read_whatever_its_order_and_line_ends() {
    let expected = Calendar::parse(SMALL.as_bytes()).expect("a calendar");
    assert_eq!((expected.name.as_str(), expected.title.as_str()), ("XX", "A place"));
    assert_eq!(expected.weekend, [Weekday::Fri, Weekday::Sat]);
    assert_eq!(
        expected.holidays,
        BTreeMap::from([(day("2026-03-01"), "A day".to_owned())])
    );
    let (header, rows) = SMALL.split_once('\n').expect("a header");
    let mut backwards: Vec<&str> = rows.lines().rev().collect();
    backwards.insert(0, header);
    for text in [
        SMALL.replace('\n', "\r\n"),
        SMALL.trim_end().to_owned(),
        format!("\u{feff}{SMALL}"),
        SMALL.replace("A day", "\"A day\""),
        backwards.join("\n"),
    ] {
        assert_eq!(Calendar::parse(text.as_bytes()).as_ref(), Ok(&expected), "{text:?}");
    }
    let untitled = Calendar::parse(SMALL.replace("A place", "").as_bytes()).expect("a calendar");
    assert_eq!(untitled.title, "");
    let open = SMALL.replace("weekend,Friday,\nweekend,Saturday,", "weekend,none,");
    let open = Calendar::parse(open.as_bytes()).expect("a calendar");
    assert_eq!(open.is_business_day(day("2026-07-04")), Ok(true));
    assert_eq!(open.is_business_day(day("2026-03-01")), Ok(false));
}

/// The small file with one thing in it changed.
#[track_caller]
fn refuse(from: &str, to: &str, expected: &[&str]) {
    assert!(SMALL.contains(from), "{from} is not in the file");
    refuse_all(SMALL.replacen(from, to, 1).as_bytes(), expected);
}

#[track_caller]
fn refuse_all(content: &[u8], expected: &[&str]) {
    let error = Calendar::parse(content).expect_err("a finding");
    assert_eq!(error.to_string().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn rows_must_be_known_and_there_once() {
    refuse(
        "holiday,",
        "Holiday,",
        &["line 7, column kind: `Holiday` is no kind of row: write one of calendar, weekend, from, until, holiday"],
    );
    refuse(
        "until,2026-12-31,\n",
        "until,2026-12-31,\nuntil,2027-12-31,\nfrom,2027-12-31,\ncalendar,YY,\n",
        &[
            "line 7, column kind: there is another row `until`, on line 6",
            "line 8, column kind: there is another row `from`, on line 5",
            "line 9, column kind: there is another row `calendar`, on line 2",
        ],
    );
    refuse(
        "calendar,XX,A place\n",
        "",
        &["line 6: the file ends without a row `calendar`: the calendar's name"],
    );
    refuse_all(
        b"kind,value,name\n",
        &[
            "line 1: the file ends without a row `calendar`: the calendar's name",
            "line 1: the file ends without a row `weekend`: a day of the week, or none",
            "line 1: the file ends without a row `from`: the first day it covers",
            "line 1: the file ends without a row `until`: the last day it covers",
        ],
    );
    // One that is wrong is not missing too.
    refuse(
        "until,2026-12-31,",
        "until,2026-13-31,",
        &["line 6, column value: `2026-13-31` is not a day: write YYYY-MM-DD"],
    );
    refuse(
        "calendar,XX,",
        "calendar,,",
        &["line 2, column value: the name of the calendar is empty"],
    );
}

#[test]
fn days_must_be_days_within_and_once() {
    refuse(
        "holiday,2026-03-01,A day\n",
        "holiday,2026-03-01,A day\nholiday,2026-03-02,Next\nholiday,2026-03-01,Again\n",
        &["line 9, column value: 2026-03-01 is there twice, first on line 7"],
    );
    refuse(
        "holiday,2026-03-01,A day\n",
        "holiday,2025-12-31,Before\nholiday,2027-01-01,Behind\nholiday,2026-12-31,In\n",
        &[
            "line 7, column value: 2025-12-31 lies outside of what the file covers, 2026-01-01 to 2026-12-31",
            "line 8, column value: 2027-01-01 lies outside of what the file covers, 2026-01-01 to 2026-12-31",
        ],
    );
    refuse(
        "until,2026-12-31",
        "until,2025-12-31",
        &["line 6, column value: 2025-12-31 comes before the first day, 2026-01-01"],
    );
    refuse(
        "2026-03-01",
        "2026-02-29",
        &["line 7, column value: `2026-02-29` is not a day: write YYYY-MM-DD"],
    );
    refuse(
        "2026-03-01",
        "01.03.2026",
        &["line 7, column value: `01.03.2026` is not a day: write YYYY-MM-DD"],
    );
    refuse(
        "from,2026-01-01",
        "from,1999-01-01",
        &["line 5, column value: `1999-01-01` lies outside the years 2000 to 2199"],
    );
}

#[test]
fn the_weekend_is_of_days_of_the_week() {
    refuse(
        "weekend,Friday",
        "weekend,Fryday",
        &[
            "line 3, column value: `Fryday` is no day of the week: write one of Monday, Tuesday, Wednesday, Thursday, Friday, \
             Saturday, Sunday, or none",
        ],
    );
    refuse(
        "weekend,Friday",
        "weekend,Saturday",
        &["line 4, column value: Saturday is there twice, first on line 3"],
    );
    refuse(
        "weekend,Friday",
        "weekend,none",
        &["line 3, column value: `none` stands beside days of the week"],
    );
    refuse(
        "weekend,Friday,\n",
        "weekend,Friday,\nweekend,Monday,\nweekend,Tuesday,\nweekend,Wednesday,\nweekend,Thursday,\nweekend,Sunday,\n",
        &["line 9, column value: all seven days are the weekend: no business day is left"],
    );
}

#[test]
fn names_are_visible_text_without_card_numbers() {
    refuse("A day", "", &["line 7, column name: the name of the holiday is empty"]);
    refuse(
        "A day",
        "4111 1111 1111 1111",
        &["line 7, column name: the name of the holiday holds a card number; card numbers are never stored"],
    );
    refuse(
        "XX",
        "4111111111111111",
        &["line 2, column value: the name of the calendar holds a card number; card numbers are never stored"],
    );
    refuse(
        "A place",
        " A place",
        &["line 2, column name: the cell begins or ends with a blank"],
    );
    refuse(
        "A day",
        "A\u{202e}day",
        &["line 7, column name: the name of the holiday holds a control or invisible character"],
    );
    refuse(
        "weekend,Friday,",
        "weekend,Friday,4111111111111111",
        &["line 3, column name: the cell must be empty: only a calendar and a holiday have a name"],
    );
    refuse(
        "holiday,",
        "4111111111111111,",
        &[
            "line 7, column kind: `411111******1111` is no kind of row: write one of calendar, weekend, from, until, holiday",
        ],
    );
}

#[test]
fn what_is_no_calendar_file_says_so() {
    refuse_all(
        b"",
        &["line 1: the file is empty: its first line must be `kind,value,name`"],
    );
    refuse_all(
        b"date,name\n2026-01-01,New Year\n",
        &["line 1: the first line must be `kind,value,name`"],
    );
    refuse_all(b"\n", &["line 1: the first line must be `kind,value,name`"]);
    refuse_all(
        SMALL.replace(',', ";").as_bytes(),
        &["line 1: cells are separated by something else; they must be by commas"],
    );
    refuse_all(
        b"\xff\xfek\0i\0",
        &["line 1: the file is in UTF-16; it must be in UTF-8"],
    );
    refuse("holiday,", "\nholiday,", &["line 7: the line is blank"]);
    refuse(
        "A day\n",
        "A day\n,,\n",
        &["line 8, column kind: `` is no kind of row: write one of calendar, weekend, from, until, holiday"],
    );
    refuse("A day", "A day,", &["line 7: the row has 4 cells; it must have 3"]);
    refuse(
        "2026-03-01,A day",
        "2026-03-01",
        &["line 7: the row has 2 cells; it must have 3"],
    );
    refuse(
        "A day",
        "A\0day",
        &["line 7, column name: the cell holds a NUL character"],
    );
    refuse(
        "A day",
        "A\u{feff}day",
        &["line 7, column name: the cell holds a byte order mark"],
    );
    refuse(
        "A day",
        "\"A\nday\"",
        &["line 7, column name: the name of the holiday holds a control or invisible character"],
    );
    refuse(
        "A day",
        "\"A day",
        &["line 7, column name: the cell opens a quote that is never closed"],
    );
    let mut broken = SMALL.as_bytes().to_vec();
    broken.extend_from_slice(b"holiday,2026-04-01,\xe9\n");
    refuse_all(&broken, &["line 8, column name: the cell is not valid UTF-8"]);
}

#[test]
fn a_file_that_is_all_wrong_is_not_read_to_its_end() {
    let text = format!("kind,value,name\n{}", "x,,\n".repeat(100_000));
    let error = Calendar::parse(text.as_bytes()).expect_err("findings");
    assert_eq!(error.findings.len(), 101);
    assert_eq!(
        error.findings[100].to_string(),
        "line 101: more is wrong below: the file was not read on"
    );
    refuse_all(
        &vec![b'x'; CONTENT_LIMIT + 1],
        &["line 1: the file is larger than 1000000 bytes; is it a calendar?"],
    );
}

#[test]
fn changes_between_versions_are_named() {
    let before = Calendar::parse(SMALL.as_bytes()).expect("a calendar");
    assert_eq!(before.changes_since(&before), []);
    let text = SMALL
        .replace("weekend,Friday,\n", "weekend,Sunday,\n")
        .replace("until,2026-12-31", "until,2027-12-31")
        .replace(
            "holiday,2026-03-01,A day\n",
            "holiday,2027-03-01,A day\nholiday,2026-02-01,Another\n",
        );
    let after = Calendar::parse(text.as_bytes()).expect("a calendar");
    assert_eq!(
        after.changes_since(&before),
        [
            Change::Covered(
                (day("2026-01-01"), day("2026-12-31")),
                (day("2026-01-01"), day("2027-12-31"))
            ),
            Change::Weekend(vec![Weekday::Fri, Weekday::Sat], vec![Weekday::Sat, Weekday::Sun]),
            Change::Added(day("2026-02-01"), "Another".to_owned()),
            Change::Removed(day("2026-03-01"), "A day".to_owned()),
            Change::Added(day("2027-03-01"), "A day".to_owned()),
        ]
    );
    let text = SMALL.replace("A day", "The day");
    let renamed = Calendar::parse(text.as_bytes()).expect("a calendar");
    let expected = Change::Renamed(day("2026-03-01"), "A day".to_owned(), "The day".to_owned());
    assert_eq!(renamed.changes_since(&before), [expected]);
}

#[test]
fn what_is_older_than_so_many_business_days() {
    let calendar = target2();
    let days = BusinessDays(&[&calendar]);
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    // Monday 9 March 2026: Friday is one business day old, Saturday too, Thursday two.
    for (count, since) in [
        (0, "2026-03-09"),
        (1, "2026-03-06"),
        (2, "2026-03-05"),
        (5, "2026-03-02"),
        (6, "2026-02-27"),
    ] {
        assert_eq!(days.since(day("2026-03-09"), count), Ok(day(since)), "{count}");
    }
    // As the age is counted, on every day of a year.
    let until = day("2026-12-28");
    for count in 0..200 {
        let since = days.since(until, count).expect("a day");
        let age = |day: NaiveDate| days.between(day, until).expect("an age");
        assert!(age(since) <= u32::from(count));
        assert!(age(since.pred_opt().expect("a day")) > u32::from(count));
    }
    assert!(days.since(until, u16::MAX).is_err());
}
