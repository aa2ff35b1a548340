//! Merchants: how they go from state to state, who is paid and where, and what is said of them.

use std::fmt::Write;
use std::sync::Arc;

use acquit::ids::BookId;
use acquit::ledger::account::{Account, AccountCode};
use acquit::ledger::entry::{Entry, EntryKind, Transfer};
use acquit::money::{Currency, Money};
use acquit::payout::amount::{Beside, Choice, Payable, choose, still_due};
use acquit::settings::{Settings, SettingsVersion};
use acquit::store::books::LockedBooks;
use acquit::store::source::{SourceKind, source_of};
use acquit::store::{StoreError, Tx};
use chrono::NaiveDate;

use crate::desk::Desk;
use crate::support::events::applied_at;

const HOUSE: &str = r#"
[house]
name = "House"
time_zone = "Europe/Berlin"
bank_account = "main"
[[acquirer]]
name = "adyen"
contract = "net"
settles_within_days = 3
[[fee_schedule]]
name = "free"
percentage = "0"
fixed = { EUR = "0" }
rounding = "half_even"
"#;
const STATES: [&str; 5] = ["applied", "verified", "active", "suspended", "closed"];

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// A settings file that begins on a day, and has these merchants.
fn file(from: &str, merchants: &str) -> String {
    format!("effective_from = \"{from}\"\n{HOUSE}{merchants}")
}

/// A merchant in a state; `fields` as they stand in the file.
fn merchant(name: &str, state: &str, fields: &str) -> String {
    format!("[[merchant]]\nname = \"{name}\"\nfee_schedule = \"free\"\nstate = \"{state}\"\n{fields}\n")
}

fn settings(text: &str) -> Settings {
    Settings::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What is wrong with the last of these files, which begin one after the other. None: nothing. Calendars: only `KR`.
fn refusal(merchants: &[&str]) -> Option<String> {
    let mut files: Vec<String> = (1..)
        .zip(merchants)
        .map(|(number, merchants)| file(&format!("2026-01-{number:02}"), merchants))
        .collect();
    let last = files.pop().expect("a file");
    let before: Vec<Settings> = files.iter().map(|text| settings(text)).collect();
    settings(&last)
        .follow(&last, &before, &|name| name == "KR", &|_| true)
        .err()
        .map(|error| error.to_string())
}

#[track_caller]
fn check(merchants: &[&str], expected: Option<&str>) {
    assert_eq!(refusal(merchants).as_deref(), expected, "{merchants:#?}");
}

#[test]
fn a_merchant_goes_from_state_to_state() {
    // A row a state before, a column a state after, in the order of `STATES`.
    let allowed = [
        [true, true, false, false, true],
        [false, true, true, false, true],
        [false, false, true, true, true],
        [false, false, true, true, true],
        [false, false, false, false, true],
    ];
    let says = [
        "applied, and can become verified or closed",
        "verified, and can become active or closed",
        "active, and can become suspended or closed",
        "suspended, and can become active or closed",
        "closed, for ever",
    ];
    for ((from, row), says) in STATES.iter().zip(allowed).zip(says) {
        for (to, allowed) in STATES.iter().zip(row) {
            // Line 19 is that of the state, column 9 that of its text.
            let refused = format!("line 19, column 9: merchant `shop` cannot become {to}: it is {says}");
            let versions = [merchant("shop", from, ""), merchant("shop", to, "")];
            check(&versions.each_ref().map(String::as_str), (!allowed).then_some(&refused));
        }
    }
}

#[test]
fn a_merchant_begins_as_it_is_when_the_deployment_begins_but_neither_suspended_nor_closed() {
    let other = merchant("cafe", "active", "");
    for (state, allowed) in STATES.iter().zip([true, true, true, false, false]) {
        let first = merchant("shop", state, "");
        let later = first.clone() + &other;
        let refused = format!(
            "line 19, column 9: merchant `shop` is new and cannot be {state}: it begins as applied, verified or active"
        );
        check(&[&first], (!allowed).then_some(&refused));
        check(&[&other, &later], (!allowed).then_some(&refused));
    }
    // One that says no state has applied; where it stands is where the merchant stands.
    let unsaid = "[[merchant]]\nname = \"shop\"\nfee_schedule = \"free\"\n";
    check(&[unsaid, &merchant("shop", "verified", "")], None);
    check(
        &[&merchant("shop", "active", ""), unsaid],
        Some(
            "line 16, column 1: merchant `shop` cannot become applied: it is active, and can become suspended or closed",
        ),
    );
}

#[test]
fn no_merchant_is_left_out_and_a_closed_one_stays_closed() {
    let other = merchant("cafe", "active", "");
    for state in STATES {
        let there = merchant("shop", state, "") + &other;
        let why = match state {
            "closed" => "it is closed, and stays as that: its sales may still be charged back".to_owned(),
            _ => format!("it is {state}, and one that leaves stays as closed"),
        };
        let missing = format!("line 1, column 1: merchant `shop` is missing: {why}");
        check(&[&there, &other], Some(&missing));
        check(&[&there, &there, &other], Some(&missing));
        // Left out once already is no excuse.
        check(&[&there, &other, &other], Some(&missing));
    }
    let closed = merchant("shop", "closed", "") + &other;
    for state in STATES {
        let back = merchant("shop", state, "") + &other;
        let refused = format!("line 19, column 9: merchant `shop` cannot become {state}: it is closed, for ever");
        let expected = (state != "closed").then_some(refused.as_str());
        check(&[&closed, &other, &back], expected);
    }
}

#[test]
fn a_closed_merchant_keeps_its_bank_account() {
    let account = |holder: &str, account: &str, bank: &str, rest: &str| {
        format!("destination = {{ holder = \"{holder}\", account = \"{account}\", bank = \"{bank}\"{rest} }}")
    };
    let before = account("Shop", "DE89370400440532013000", "COBADEFF", "");
    let refused = |at: &str| format!("{at}: the destination of merchant `shop` cannot change: it is closed");
    for (after, place) in [
        (before.clone(), None),
        (
            account(
                "Shop",
                "DE89370400440532013000",
                "COBADEFF",
                ", verified_on = \"2026-01-02\"",
            ),
            None,
        ),
        (
            account("Shop", "DE02500105170137075030", "COBADEFF", ""),
            Some("line 20, column 15"),
        ),
        (
            account("Shoq", "DE89370400440532013000", "COBADEFF", ""),
            Some("line 20, column 15"),
        ),
        (
            account("Shop", "DE89370400440532013000", "", ""),
            Some("line 20, column 15"),
        ),
        (String::new(), Some("line 19, column 9")),
    ] {
        let [first, second] = [&before, &after].map(|fields| merchant("shop", "closed", fields));
        check(&[&first, &second], place.map(refused).as_deref());
        let open = merchant("shop", "suspended", &before);
        check(&[&open, &merchant("shop", "suspended", &after)], None);
        // On the day on which it is closed, it may still move.
        check(&[&open, &second], None);
    }
    let without = merchant("shop", "closed", "");
    let with = merchant("shop", "closed", &before);
    check(&[&without, &with], Some(&refused("line 20, column 15")));
}

#[test]
fn a_calendar_is_one_that_was_imported() {
    let counted = |name: &str| format!("availability = {{ sales_day = 2, calendar = \"{name}\" }}");
    check(&[&merchant("shop", "active", &counted("KR"))], None);
    let findings = "line 20, column 44: `JP` is not a calendar: import one of that name first\n\
        line 25, column 44: `kr` is not a calendar: import one of that name first";
    let both = merchant("shop", "active", &counted("JP")) + &merchant("cafe", "active", &counted("kr"));
    check(&[&both], Some(findings));
    // Several count together, and each has to be one.
    let counted = |names: &str| {
        merchant(
            "shop",
            "active",
            &format!("availability = {{ sales_day = 2, calendar = {names} }}"),
        )
    };
    check(&[&counted("[\"KR\"]")], None);
    let finding = "line 20, column 51: `JP` is not a calendar: import one of that name first";
    check(&[&counted("[\"KR\", \"JP\"]")], Some(finding));
}

/// What is wrong with a file of this house after one of that house.
#[track_caller]
fn check_house(before: &str, after: &str, expected: &[&str]) {
    let shop = merchant("shop", "active", "");
    let [first, second] = [("2026-01-01", before), ("2026-02-01", after)]
        .map(|(from, house)| format!("effective_from = \"{from}\"\n{house}{shop}"));
    let refusal = settings(&second).follow(&second, &[settings(&first)], &|_| true, &|_| true);
    let found = refusal.map_or_else(|error| error.to_string(), |()| String::new());
    assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{after}");
}

#[test]
fn what_books_are_kept_by_does_not_change() {
    check_house(HOUSE, HOUSE, &[]);
    check_house(
        HOUSE,
        &HOUSE
            .replace("name = \"House\"", "name = \"Home\"")
            .replace("net", "gross"),
        &[],
    );
    let elsewhere = HOUSE
        .replace("Europe/Berlin", "Asia/Seoul")
        .replace("\"main\"", "\"other\"");
    check_house(
        HOUSE,
        &elsewhere,
        &[
            "line 5, column 13: `time_zone` of the house cannot change from Europe/Berlin to Asia/Seoul: what is booked has \
             the days of Europe/Berlin",
            "line 6, column 16: `bank_account` of the house cannot change from `main` to `other`: what is booked is on `main`",
        ],
    );
}

#[test]
fn an_acquirer_stays_and_stays_what_it_is() {
    let carrier = HOUSE.replacen("contract", "kind = \"carrier\"\ncontract", 1);
    let acquirer = carrier.replace("carrier", "acquirer");
    // Left out, the kind is that of an acquirer.
    check_house(HOUSE, &acquirer, &[]);
    check_house(
        HOUSE,
        &carrier,
        &[
            "line 9, column 8: `kind` of acquirer `adyen` cannot change from acquirer to carrier: what it owes is booked on account 1100",
        ],
    );
    check_house(
        &carrier,
        HOUSE,
        &[
            "line 7, column 1: `kind` of acquirer `adyen` cannot change from carrier to acquirer: what it owes is booked on account 1130",
        ],
    );
    let two = HOUSE.replacen(
        "[[acquirer]]",
        "[[acquirer]]\nname = \"late\"\ncontract = \"net\"\nsettles_within_days = 3\n[[acquirer]]",
        1,
    );
    check_house(HOUSE, &two, &[]);
    check_house(
        &two,
        HOUSE,
        &["line 1, column 1: acquirer `late` is missing: what it settled may still be charged back, so it stays"],
    );
}

#[tokio::test]
async fn settings_begin_after_everything_that_is_booked() {
    let desk = Desk::new().await;
    let shop = merchant("shop", "active", "");
    desk.write("first.toml", file("2026-01-01", &shop));
    desk.run(&["settings", "apply", "first.toml"]).exits(0);
    // Booked on 2026-03-02.
    owe(&desk, "shop", &[(AccountCode::MerchantAvailable, 1)]).await;
    let before = desk.state().await;
    for from in ["2026-01-02", "2026-03-01", "2026-03-02"] {
        desk.write("second.toml", file(from, &shop));
        let ran = desk.run(&["settings", "apply", "second.toml"]).exits(1);
        assert_eq!(
            ran.err,
            format!(
                "error: these settings begin on {from}, but entries are booked up to 2026-03-02, by the settings before\n\
                 hint: give the file an effective_from after that day: what is booked is not priced anew; \
                 `acquit report journal --from {from}` shows it\n"
            )
        );
    }
    assert_eq!(desk.state().await, before);
    // The same file again is no new version.
    desk.run(&["settings", "apply", "first.toml"])
        .exits(0)
        .says(&["in force already"]);
    desk.write("second.toml", file("2026-03-03", &shop));
    desk.run(&["settings", "apply", "second.toml"]).exits(0);
}

#[tokio::test]
async fn settings_that_cannot_follow_are_refused_whole_with_every_finding() {
    let desk = Desk::new().await;
    let three = |a: &str, b: &str, c: &str| merchant("a", a, "") + &merchant("b", b, "") + &merchant("c", c, "");
    desk.write("first.toml", file("2026-01-01", &three("active", "applied", "closed")));
    desk.run(&["settings", "apply", "first.toml"])
        .exits(1)
        .says(&["first.toml is refused, nothing was applied", "line 29, column 9"]);
    desk.write(
        "first.toml",
        file("2026-01-01", &three("active", "applied", "verified")),
    );
    desk.run(&["settings", "apply", "first.toml"]).exits(0);
    let before = desk.state().await;
    let counted = "availability = { sales_day = 2, calendar = \"KR\" }";
    let second = merchant("a", "verified", counted) + &merchant("b", "active", "");
    desk.write("second.toml", file("2026-02-01", &second));
    // What the file says by itself is right.
    desk.run(&["settings", "check", "second.toml"]).exits(0);
    let ran = desk.run(&["settings", "apply", "second.toml"]).exits(1);
    assert_eq!(
        ran.err,
        "error: second.toml is refused, nothing was applied\n\
         line 1, column 1: merchant `c` is missing: it is verified, and one that leaves stays as closed\n\
         line 19, column 9: merchant `a` cannot become verified: it is active, and can become suspended or closed\n\
         line 20, column 44: `KR` is not a calendar: import one of that name first\n\
         line 24, column 9: merchant `b` cannot become active: it is applied, and can become verified or closed\n"
    );
    assert_eq!(desk.state().await, before);
    let second = merchant("a", "active", counted) + &merchant("b", "verified", "") + &merchant("c", "verified", "");
    desk.write("second.toml", file("2026-02-01", &second));
    desk.run(&["settings", "apply", "second.toml"])
        .exits(1)
        .says(&["line 20, column 44: `KR`"]);
    let calendar = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/calendars/KR.csv");
    desk.run(&["calendar", "import", calendar]).exits(0);
    for said in ["applied settings", "in force already"] {
        desk.run(&["settings", "apply", "second.toml"]).exits(0).says(&[said]);
    }
}

// Who is paid --------------------------------------------------------------------------------------------------------

/// The bank accounts of a table: holder, account, bank.
fn account(letter: char, verified: &str) -> String {
    let [holder, number, bank] = match letter {
        'A' => ["Shop", "111", "BANK"],
        // Each differs from A in one thing.
        'H' => ["Other", "111", "BANK"],
        'N' => ["Shop", "222", "BANK"],
        'B' => ["Shop", "111", "OTHER"],
        '-' => return String::new(),
        _ => panic!("{letter} is no account"),
    };
    let verified = if verified.is_empty() {
        String::new()
    } else {
        format!(", verified_on = \"{verified}\"")
    };
    format!("destination = {{ holder = \"{holder}\", account = \"{number}\", bank = \"{bank}\"{verified} }}")
}

/// Versions as `first day, state, account, verified on`; `cooling=N` and `minimum=N` go with them all. A version of no state
/// does not have the merchant. One with `applied=DAY` was applied on that day, the others long before.
fn versions(words: &str) -> Vec<SettingsVersion> {
    let mut payout = "[payout]\n".to_owned();
    let mut all = Vec::new();
    for version in words.split(';').map(str::trim) {
        if let Some(days) = version.strip_prefix("cooling=") {
            writeln!(payout, "cooling_off_days = {days}").expect("text");
            continue;
        }
        if let Some(minimum) = version.strip_prefix("minimum=") {
            writeln!(payout, "minimum = {{ EUR = \"{minimum}\" }}").expect("text");
            continue;
        }
        let (applied, fields): (Vec<&str>, Vec<&str>) = version
            .split_whitespace()
            .partition(|field| field.starts_with("applied="));
        let applied_on = applied
            .first()
            .map_or("2025-12-01", |applied| &applied["applied=".len()..]);
        let mut fields = fields.into_iter();
        let from = fields.next().expect("a day");
        let shop = fields.next().map(|state| {
            let letter = fields.next().and_then(|word| word.chars().next()).expect("an account");
            merchant("shop", state, &account(letter, fields.next().unwrap_or_default()))
        });
        all.push(SettingsVersion {
            settings: Arc::new(settings(&file(from, &(payout.clone() + &shop.unwrap_or_default())))),
            applied_on: day(applied_on),
        });
    }
    all
}

#[track_caller]
fn check_choice(words: &str, cutoff: &str, expected: &str) {
    assert_eq!(told(&versions(words), cutoff), expected, "{words} at {cutoff}");
}

/// What becomes of 50.00 EUR at a cut-off.
fn told(versions: &[SettingsVersion], cutoff: &str) -> String {
    let begun = versions.partition_point(|version| version.settings.effective_from <= day(cutoff));
    let payable = Payable {
        book: BookId(2),
        merchant: "shop".to_owned(),
        money: Money::from_minor(5_000, Currency::parse("EUR").expect("EUR")),
    };
    match choose(&payable, day(cutoff), &versions[..begun], Beside::default()).expect("a choice") {
        Choice::Pay(due) => format!("{} to {}", due.amount, due.destination.account),
        Choice::Carry(obstacle) => obstacle.to_string(),
    }
}

#[test]
fn only_an_active_merchant_is_paid() {
    for (state, expected) in [
        ("applied", "the merchant has applied and is not active yet"),
        ("verified", "the merchant is verified and not active yet"),
        ("active", "50.00 EUR to 111"),
        ("suspended", "the merchant is suspended"),
        ("closed", "the merchant is closed"),
    ] {
        check_choice(&format!("2026-01-01 {state} A 2026-01-01"), "2026-03-01", expected);
    }
    let twice = "2026-01-01 active A 2026-01-01; 2026-03-01 suspended A 2026-01-01; 2026-03-05 active A 2026-01-01";
    check_choice(twice, "2026-02-28", "50.00 EUR to 111");
    check_choice(twice, "2026-03-01", "the merchant is suspended");
    check_choice(twice, "2026-03-04", "the merchant is suspended");
    check_choice(twice, "2026-03-05", "50.00 EUR to 111");
    check_choice("2026-01-01", "2026-03-01", "not in the settings");
    check_choice("2026-01-01 active A 2026-01-01", "2025-12-31", "not in the settings");
    check_choice("2026-01-01 active -", "2026-03-01", "no bank account in the settings");
}

#[test]
fn a_bank_account_is_verified_from_a_day_on() {
    let words = "2026-01-01 active A 2026-03-02";
    check_choice(
        words,
        "2026-03-01",
        "the bank account is not verified before 2026-03-02",
    );
    check_choice(words, "2026-03-02", "50.00 EUR to 111");
    check_choice(words, "2026-03-03", "50.00 EUR to 111");
    check_choice("2026-01-01 active A", "2026-03-02", "the bank account is not verified");
}

#[test]
fn a_changed_bank_account_cools_off() {
    let cools = "the bank account changed on 2026-03-01 and cools off until 2026-03-04";
    for (letter, number) in [('H', "111"), ('N', "222"), ('B', "111")] {
        let words = format!("2026-01-01 active A 2026-01-01; 2026-03-01 active {letter} 2026-01-01");
        let paid = format!("50.00 EUR to {number}");
        check_choice(&words, "2026-02-28", "50.00 EUR to 111");
        for cutoff in ["2026-03-01", "2026-03-02", "2026-03-03"] {
            check_choice(&words, cutoff, cools);
        }
        check_choice(&words, "2026-03-04", &paid);
        check_choice(&words, "2026-06-01", &paid);
    }
    // Versions that leave the account alone do not begin it anew.
    let between = "2026-01-01 active A 2026-01-01; 2026-03-01 active N 2026-01-01; 2026-03-02 suspended N 2026-01-01;
        2026-03-03 active N 2026-02-27";
    check_choice(between, "2026-03-03", cools);
    check_choice(between, "2026-03-04", "50.00 EUR to 222");
    // There and back is a change each time.
    let back = "2026-01-01 active A 2026-01-01; 2026-03-01 active N 2026-01-01; 2026-03-02 active A 2026-01-01";
    check_choice(
        back,
        "2026-03-04",
        "the bank account changed on 2026-03-02 and cools off until 2026-03-05",
    );
    check_choice(back, "2026-03-05", "50.00 EUR to 111");
    // One that a merchant begins with does not cool off; one that comes later does, and so does one that comes back.
    check_choice(
        "2026-01-01; 2026-03-01 active N 2026-01-01",
        "2026-03-01",
        "50.00 EUR to 222",
    );
    check_choice("2026-03-01 active N 2026-01-01", "2026-03-01", "50.00 EUR to 222");
    check_choice(
        "2026-01-01 verified -; 2026-03-01 active N 2026-01-01",
        "2026-03-03",
        cools,
    );
    check_choice(
        "2026-01-01 active N 2026-01-01; 2026-02-28 active -; 2026-03-01 active N 2026-01-01",
        "2026-03-03",
        cools,
    );
    // That it is verified later is no change; the later of both days counts.
    let verified = "2026-01-01 active A 2026-01-01; 2026-03-01 active A 2026-03-02";
    check_choice(
        verified,
        "2026-03-01",
        "the bank account is not verified before 2026-03-02",
    );
    check_choice(verified, "2026-03-02", "50.00 EUR to 111");
    // How long, settings say.
    let none = "cooling=0; 2026-01-01 active A 2026-01-01; 2026-03-01 active N 2026-01-01";
    check_choice(none, "2026-03-01", "50.00 EUR to 222");
    let month = "cooling=31; 2026-01-01 active A 2026-01-01; 2026-03-01 active N 2026-01-01";
    let cools = "the bank account changed on 2026-03-01 and cools off until 2026-04-01";
    check_choice(month, "2026-03-31", cools);
    check_choice(month, "2026-04-01", "50.00 EUR to 222");
}

#[test]
fn settings_that_begin_in_the_past_change_a_bank_account_on_the_day_they_are_applied() {
    let late = "2026-01-01 active A 2026-01-01; 2026-03-01 active N 2026-01-01 applied=2026-03-10";
    let cools = "the bank account changed on 2026-03-10 and cools off until 2026-03-13";
    for cutoff in ["2026-03-04", "2026-03-10", "2026-03-12"] {
        check_choice(late, cutoff, cools);
    }
    check_choice(late, "2026-03-13", "50.00 EUR to 222");
    // Applied before its first day, that day counts; the version that changed it counts, not one after it.
    let early = "2026-01-01 active A 2026-01-01; 2026-03-01 active N 2026-01-01 applied=2026-02-10;
        2026-03-02 active N 2026-01-01 applied=2026-03-20";
    check_choice(
        early,
        "2026-03-03",
        "the bank account changed on 2026-03-01 and cools off until 2026-03-04",
    );
    check_choice(early, "2026-03-04", "50.00 EUR to 222");
    // The account that a merchant begins with does not cool off, however late it is applied.
    let begins = "2026-03-01 active A 2026-01-01 applied=2026-03-20";
    check_choice(begins, "2026-03-01", "50.00 EUR to 111");
}

#[test]
fn what_is_less_than_the_minimum_is_carried() {
    let words = |minimum| format!("minimum={minimum}; 2026-01-01 active A 2026-01-01");
    check_choice(&words("50.00"), "2026-03-01", "50.00 EUR to 111");
    check_choice(&words("50.01"), "2026-03-01", "below the minimum of 50.01 EUR");
}

#[test]
fn without_a_price_nothing_is_paid() {
    let text = file("2026-01-01", &merchant("shop", "active", &account('A', "2026-01-01")));
    let text = text.replace("name = \"free\"\n", "name = \"free\"\nuntil = \"2026-03-02\"\n");
    let versions = [SettingsVersion {
        settings: Arc::new(settings(&text)),
        applied_on: day("2026-01-01"),
    }];
    for (cutoff, expected) in [
        ("2026-03-01", "50.00 EUR to 111"),
        ("2026-03-02", "fee schedule `free` has no version in force"),
    ] {
        assert_eq!(told(&versions, cutoff), expected);
    }
}

#[test]
fn an_approved_payout_is_sent_where_it_was_planned_or_not_at_all() {
    let check = |words: &str, on: &str, expected: &str| {
        let versions = versions(words);
        let begun = versions.partition_point(|version| version.settings.effective_from <= day(on));
        let told = still_due(
            "shop",
            ["Shop", "111", "BANK"],
            day(on),
            &versions[..begun],
            Beside::default(),
        );
        let told = told.map_or_else(|reason| reason.to_string(), |()| "sent".to_owned());
        assert_eq!(told, expected, "{words} on {on}");
    };
    let start = "2026-01-01 active A 2026-01-01";
    check(start, "2026-03-05", "sent");
    let suspended = format!("{start}; 2026-03-05 suspended A 2026-01-01");
    check(&suspended, "2026-03-04", "sent");
    check(&suspended, "2026-03-05", "the merchant is suspended");
    let unverified = format!("{start}; 2026-03-05 active A");
    check(&unverified, "2026-03-05", "the bank account is not verified");
    let moved = format!("{start}; 2026-03-05 active N 2026-01-01");
    let cools = "the bank account changed on 2026-03-05 and cools off until 2026-03-08";
    check(&moved, "2026-03-05", cools);
    let elsewhere = "the bank account is no longer the one that was approved";
    check(&moved, "2026-03-08", elsewhere);
    for letter in ['H', 'B'] {
        check(
            &format!("{start}; 2026-03-05 active {letter} 2026-01-01"),
            "2026-03-08",
            elsewhere,
        );
    }
    check(
        &format!("{start}; 2026-03-05 active -"),
        "2026-03-05",
        "no bank account in the settings",
    );
}

// What is said of them -----------------------------------------------------------------------------------------------

/// Minor units of EUR credited to accounts of a merchant's book, against a receivable.
async fn owe(desk: &Desk, merchant: &str, credits: &[(AccountCode, i64)]) {
    let account = |code, dimension: &str| Account {
        code,
        currency: Currency::parse("EUR").expect("EUR"),
        dimension: dimension.into(),
    };
    let work = async |tx: &mut Tx| {
        let source = source_of(tx, SourceKind::Settlement, merchant, merchant.as_bytes()).await?;
        let (mut books, owners) = LockedBooks::lock_of_merchants(tx, &[merchant]).await?;
        let reference = "made up".to_owned();
        let mut entry = Entry::of_day(EntryKind::Settlement, reference, [0; 32], day("2026-03-02"), source.id);
        entry.transfers = credits
            .iter()
            .map(|(code, amount)| Transfer {
                debit: account(AccountCode::AcquirerReceivable, "adyen"),
                credit: account(*code, ""),
                amount: *amount,
            })
            .collect();
        books.append(owners[merchant], entry)?;
        books.write(tx).await?;
        Ok::<_, StoreError>(())
    };
    desk.database.store.transact(work).await.expect("an entry");
}

#[tokio::test]
async fn merchants_are_listed_with_what_they_are_owed_and_why_they_are_not_paid() {
    let desk = Desk::new().await;
    let all = |shop: &str| {
        merchant("cafe", "suspended", &account('A', "2026-01-01"))
            + &merchant("shop", "active", &account('N', shop))
            + &merchant("stall", "applied", "")
    };
    desk.write(
        "first.toml",
        file(
            "2026-01-01",
            &all("2026-01-01").replace("suspended", "active").replace("222", "111"),
        ),
    );
    desk.write("second.toml", file("2026-03-01", &all("2026-01-01")));
    for name in ["first.toml", "second.toml"] {
        desk.run(&["settings", "apply", name]).exits(0);
    }
    applied_at(&desk.database.admin, "2026-03-01", "2026-02-28T12:00:00Z").await;
    owe(&desk, "cafe", &[(AccountCode::MerchantAvailable, 1_234)]).await;
    let shop = [
        (AccountCode::MerchantAvailable, 1),
        (AccountCode::MerchantPending, 20),
        (AccountCode::MerchantReserve, 300),
        (AccountCode::MerchantHold, 4_000),
        (AccountCode::PayoutInTransit, 50_000),
    ];
    owe(&desk, "shop", &shop).await;
    let listed = desk
        .run(&["merchant", "list", "--on", "2026-03-03", "--format", "csv"])
        .exits(0);
    assert_eq!(
        listed.out,
        "merchant,state,fee_schedule,holder,account,bank,verified_on,cools_off_until,not_paid_because,\
         currency,available,pending,reserve,hold,in_transit\n\
         cafe,suspended,free,Shop,111,BANK,2026-01-01,,the merchant is suspended,EUR,12.34,0.00,0.00,0.00,0.00\n\
         shop,active,free,Shop,222,BANK,2026-01-01,2026-03-04,\
         the bank account changed on 2026-03-01 and cools off until 2026-03-04,EUR,0.01,0.20,3.00,40.00,500.00\n\
         stall,applied,free,,,,,,the merchant has applied and is not active yet,,,,,,\n"
    );
    let later = desk
        .run(&["merchant", "show", "shop", "--on", "2026-03-04", "--format", "json"])
        .exits(0)
        .rows();
    assert_eq!(later.len(), 1);
    for (field, value) in [
        ("cools_off_until", ""),
        ("not_paid_because", ""),
        ("account", "222"),
        ("hold", "40.00"),
    ] {
        assert_eq!(later[0][field], value, "{field}");
    }
    desk.run(&["merchant", "show", "shop", "--on", "2026-02-28"])
        .exits(0)
        .says(&[
            "Merchant shop by the settings of 2026-02-28\n",
            "account           111",
            "EUR            0.01     0.20     3.00  40.00      500.00",
        ]);
    desk.run(&["merchant", "show", "shop", "--on", "2025-12-31"])
        .exits(1)
        .says(&["no settings are in force on 2025-12-31"]);
    desk.run(&["merchant", "show", "shopp"])
        .exits(1)
        .says(&["there is no merchant `shopp`", "hint: `acquit merchant list`"]);
}
