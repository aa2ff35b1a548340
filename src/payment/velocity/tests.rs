//! What rules count, and what they say.

use super::*;

/// A house in Seoul with one rule.
fn settings(rules: &str) -> Settings {
    let text = format!(
        "effective_from = \"2026-01-01\"\n[house]\nname = \"H\"\ntime_zone = \"Asia/Seoul\"\nbank_account = \"main\"\n{rules}"
    );
    Settings::parse(&text).expect("settings")
}

fn rule(fields: &str) -> String {
    format!("[[velocity_rule]]\nname = \"r\"\naction = \"refuse\"\n{fields}\n")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// `12:00:00 p1 1000` or `2026-02-28T15:00:00 - 1000.50 EUR b2 card voucher`: instant, payer, amount (KRW), book, method, category.
struct Row {
    at: DateTime<Utc>,
    payer: Option<String>,
    money: Money,
    book: BookId,
    method: Option<String>,
    category: Option<String>,
}

impl Row {
    fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace().peekable();
        let instant = words.next().expect("an instant");
        let instant = if instant.contains('T') {
            format!("{instant}Z")
        } else {
            format!("2026-03-02T{instant}Z")
        };
        let payer = words.next().expect("a payer");
        let amount = words.next().expect("an amount");
        let currency = match words.peek() {
            Some(word) if word.chars().all(|c| c.is_ascii_uppercase()) => words.next().expect("a currency"),
            _ => "KRW",
        };
        let book = words
            .next()
            .map_or(2, |book| book.trim_start_matches('b').parse().expect("a book"));
        let mut optional = || words.next().filter(|word| *word != "-").map(str::to_owned);
        Self {
            at: at(&instant),
            payer: Some(payer).filter(|payer| *payer != "-").map(str::to_owned),
            money: Money::parse(amount, Currency::parse(currency).expect("a currency")).expect("an amount"),
            book: BookId(book),
            method: optional(),
            category: optional(),
        }
    }

    fn attempt(&self) -> Attempt<'_> {
        Attempt {
            book: self.book,
            payer: self.payer.as_deref(),
            method: self.method.as_deref(),
            category: self.category.as_deref(),
            at: self.at,
            money: self.money,
        }
    }
}

/// Events in the order in which they arrive, and for each whether it was booked or why it was refused. What is refused does not
/// count.
#[track_caller]
fn check(fields: &str, events: &[(&str, &str)]) {
    let settings = settings(&rule(fields));
    let mut counters = Counters::default();
    for (line, expected) in events {
        let row = Row::parse(line);
        let judgements = counters.judge(&settings, &row.attempt());
        let found = match judgements.as_slice() {
            [] => {
                counters.add_to_all(&settings, &row.attempt());
                "booked"
            }
            [judgement] => &judgement.reason,
            _ => panic!("one rule says one thing"),
        };
        assert_eq!(found, *expected, "{line}");
    }
}

const BY_PAYER: &str = "per = [\"payer\"]\nwindow = \"1 hour\"\nmax_count = 2";
const THREE: &str = "3 authorizations within 1 hour, at most 2";

#[test]
fn the_event_itself_counts() {
    check(
        BY_PAYER,
        &[
            ("12:00:00 p1 1", "booked"),
            ("12:00:01 p1 1", "booked"),
            ("12:00:02 p1 1", THREE),
            ("12:00:03 p2 1", "booked"),
            // What was refused does not count: it is the third again.
            ("12:00:04 p1 1", THREE),
        ],
    );
}

#[test]
fn an_hour_is_open_at_its_beginning() {
    check(
        BY_PAYER,
        &[
            ("12:00:00 p1 1", "booked"),
            ("12:30:00 p1 1", "booked"),
            ("12:59:59.999999 p1 1", THREE),
            // One hour later to the microsecond: the first has left the window.
            ("13:00:00 p1 1", "booked"),
            ("13:29:59.999999 p1 1", THREE),
            ("13:30:00 p1 1", "booked"),
        ],
    );
}

#[test]
fn a_day_is_24_hours() {
    let fields = "per = [\"payer\"]\nwindow = \"24 hours\"\nmax_count = 1";
    let two = "2 authorizations within 24 hours, at most 1";
    check(
        fields,
        &[
            ("2026-03-01T12:00:00 p1 1", "booked"),
            ("2026-03-02T11:59:59.999999 p1 1", two),
            ("2026-03-02T12:00:00 p1 1", "booked"),
        ],
    );
}

#[test]
fn a_month_is_that_of_the_house() {
    let fields = "per = [\"payer\"]\nwindow = \"month\"\nmax_count = 1";
    let two = "2 authorizations within the month, at most 1";
    check(
        fields,
        &[
            // Midnight in Seoul is 15:00 of the day before in UTC.
            ("2026-01-31T14:59:59.999999 p1 1", "booked"),
            ("2026-01-31T15:00:00 p1 1", "booked"),
            ("2026-02-01T00:00:00 p1 1", two),
            ("2026-02-28T14:59:59.999999 p1 1", two),
            ("2026-02-28T15:00:00 p1 1", "booked"),
        ],
    );
}

#[test]
fn the_same_instant_counts() {
    check(
        BY_PAYER,
        &[
            ("12:00:00 p1 1", "booked"),
            ("12:00:00 p1 1", "booked"),
            ("12:00:00 p1 1", THREE),
        ],
    );
}

#[test]
fn what_arrives_late_counts_what_was_before_it() {
    check(
        BY_PAYER,
        &[
            ("12:00:00 p1 1", "booked"),
            ("12:30:00 p1 1", "booked"),
            // Only one was before it.
            ("12:10:00 p1 1", "booked"),
            ("11:00:00 p1 1", "booked"),
            // 12:00, 12:10 and 12:30; 11:00 and 11:30 are too long ago.
            ("12:31:00 p1 1", "4 authorizations within 1 hour, at most 2"),
            ("11:30:00 p1 1", "booked"),
            ("13:09:59 p1 1", THREE),
            ("13:10:00 p1 1", "booked"),
        ],
    );
}

#[test]
fn sums_are_of_one_currency_and_counts_of_all() {
    check(
        "per = [\"payer\"]\nwindow = \"1 hour\"\nmax_count = 4\nmax_sum = { KRW = \"1000\", EUR = \"10.00\" }",
        &[
            ("12:00:00 p1 600", "booked"),
            ("12:01:00 p1 401", "1001 KRW within 1 hour, at most 1000 KRW"),
            ("12:02:00 p1 400", "booked"),
            ("12:03:00 p1 1", "1001 KRW within 1 hour, at most 1000 KRW"),
            ("12:04:00 p1 10.00 EUR", "booked"),
            ("12:05:00 p1 0.01 EUR", "10.01 EUR within 1 hour, at most 10.00 EUR"),
            ("12:06:00 p1 900 JPY", "booked"),
            ("12:07:00 p1 1 JPY", "5 authorizations within 1 hour, at most 4"),
            (
                "12:08:00 p1 1",
                "5 authorizations within 1 hour, at most 4; 1001 KRW within 1 hour, at most 1000 KRW",
            ),
            ("13:00:00 p1 600", "booked"),
        ],
    );
}

#[test]
fn a_sum_beyond_64_bits_is_above_every_limit() {
    let most = i64::MAX.to_string();
    let fields = "per = [\"payer\"]\nwindow = \"1 hour\"\nmax_sum = { KRW = \"9223372036854775806\" }";
    check(
        fields,
        &[
            ("12:00:00 p1 9223372036854775806", "booked"),
            ("12:00:01 p1 0", "booked"),
            (
                "12:00:02 p1 9223372036854775806",
                &format!("{most} KRW within 1 hour, at most 9223372036854775806 KRW"),
            ),
        ],
    );
}

#[test]
fn what_is_counted_together_is_alike() {
    let fields = |per: &str| format!("per = [{per}]\nwindow = \"1 hour\"\nmax_count = 1");
    let two = "2 authorizations within 1 hour, at most 1";
    check(
        &fields("\"merchant\""),
        &[
            ("12:00:00 p1 1 b2", "booked"),
            ("12:00:01 p2 1 b3", "booked"),
            ("12:00:02 p2 1 b2", two),
            ("12:00:03 - 1 b3", two),
        ],
    );
    check(
        &fields("\"payer\", \"merchant\""),
        &[
            ("12:00:00 p1 1 b2", "booked"),
            ("12:00:01 p1 1 b3", "booked"),
            ("12:00:02 p2 1 b2", "booked"),
            ("12:00:03 p1 1 b2", two),
            // Without a payer, nothing is counted by payer.
            ("12:00:04 - 1 b2", "booked"),
            ("12:00:05 - 1 b2", "booked"),
        ],
    );
    check(
        &fields("\"payer\", \"method\", \"category\""),
        &[
            ("12:00:00 p1 1 b2 carrier voucher", "booked"),
            ("12:00:01 p1 1 b3 carrier music", "booked"),
            ("12:00:02 p1 1 b2 card voucher", "booked"),
            ("12:00:03 p1 1 b3 carrier voucher", two),
            // Without a category: with the others without one.
            ("12:00:04 p1 1 b2 carrier -", "booked"),
            ("12:00:05 p1 1 b3 carrier -", two),
        ],
    );
}

#[test]
fn a_filter_leaves_out_what_is_another() {
    check(
        "per = [\"payer\"]\nmethod = \"carrier\"\ncategory = \"voucher\"\nwindow = \"1 hour\"\nmax_count = 1",
        &[
            ("12:00:00 p1 1 b2 carrier voucher", "booked"),
            ("12:00:01 p1 1 b2 carrier music", "booked"),
            ("12:00:02 p1 1 b2 card voucher", "booked"),
            ("12:00:03 p1 1 b2 - voucher", "booked"),
            (
                "12:00:04 p1 1 b2 carrier voucher",
                "2 authorizations within 1 hour, at most 1",
            ),
        ],
    );
}

#[test]
fn the_strictest_action_is_taken_and_every_judgement_kept() {
    let rule = |name: &str, action: &str, most: i64| {
        format!(
            "[[velocity_rule]]\nname = \"{name}\"\nper = [\"payer\"]\nwindow = \"1 hour\"\nmax_count = {most}\naction = \"{action}\"\n"
        )
    };
    let rules = [
        rule("a", "flag", 1),
        rule("b", "hold", 2),
        rule("c", "refuse", 3),
        rule("d", "hold", 2),
        rule("e", "refuse", 3),
    ];
    let settings = settings(&rules.concat());
    let mut counters = Counters::default();
    let mut found = Vec::new();
    for second in 0..4 {
        let row = Row::parse(&format!("12:00:0{second} p1 100"));
        let judgements = counters.judge(&settings, &row.attempt());
        let names: Vec<&str> = judgements.iter().map(|judgement| judgement.rule.as_str()).collect();
        let taken = strictest(&judgements).map(|judgement| (judgement.rule.clone(), judgement.action));
        found.push((names.concat(), taken));
        counters.add_to_all(&settings, &row.attempt());
    }
    let taken = |rule: &str, action: Action| Some((rule.to_owned(), action));
    assert_eq!(
        found,
        [
            (String::new(), None),
            ("a".to_owned(), taken("a", Action::Flag)),
            ("abd".to_owned(), taken("b", Action::Hold)),
            ("abcde".to_owned(), taken("c", Action::Refuse)),
        ]
    );
}

#[test]
fn a_judgement_says_what_it_found_and_by_which_version() {
    let settings = settings(&rule(
        "per = [\"payer\"]\nwindow = \"24 hours\"\nmax_count = 9\nmax_sum = { KRW = \"100\" }",
    ));
    let mut counters = Counters::default();
    let (known, now) = (Row::parse("12:00:00 p1 60"), Row::parse("12:00:01 p1 70"));
    // Three at once, as the database sums them up.
    let [rule] = settings.velocity_rules.as_slice() else {
        panic!("one rule");
    };
    counters.add(settings.effective_from, rule, &known.attempt(), 3);
    let judgements = counters.judge(&settings, &now.attempt());
    let expected = Judgement {
        rule: "r".to_owned(),
        version: settings.effective_from,
        action: Action::Refuse,
        count: 4,
        max_count: Some(9),
        sum: Money::from_minor(130, now.money.currency()),
        max_sum: Some(Money::from_minor(100, now.money.currency())),
        reason: "130 KRW within 24 hours, at most 100 KRW".to_owned(),
    };
    assert_eq!(judgements, [expected]);
}

/// Random instants in any order, against counting them one by one.
#[test]
fn a_timeline_counts_like_a_list() {
    let mut state = 7_u64;
    let mut roll = |sides: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % sides).expect("a number")
    };
    let base = at("2026-03-02T12:00:00Z");
    let instant = |seconds: i64| base + TimeDelta::seconds(seconds);
    let mut timeline = Timeline::default();
    let mut list: Vec<(DateTime<Utc>, i128)> = Vec::new();
    for _ in 0..2_000 {
        let (at, amount) = (instant(roll(500)), i128::from(roll(1_000)));
        timeline.add(at, amount);
        list.push((at, amount));
        let after = instant(roll(500));
        let span = Span {
            after,
            until: after + TimeDelta::seconds(roll(200)),
        };
        let inside = list.iter().filter(|(at, _)| *at > span.after && *at <= span.until);
        let expected: i128 = inside.map(|(_, amount)| amount).sum();
        assert_eq!(timeline.within(span), expected);
    }
}
