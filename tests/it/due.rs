//! The commands about what is due, as a person runs them: `release`, `expire`, `hold`, `advance`. A plan says what will be done and
//! does nothing; what was done is done once.

use std::path::Path;

use serde_json::{Value, json};

use crate::availability::SETTINGS;
use crate::desk::Desk;
use crate::stage::{events, lines, settlement_file};
use crate::support::events::json_line;

const EVENTS: &str = "
    sale p1 80.00 USD m=roll ref=A1 at=2025-03-03
    sale p2 80.00 USD m=both ref=A2 at=2025-03-03
    sale p3 80.00 USD ref=A3 at=2025-03-03
    sale p4 50.00 USD ref=A4 at=2025-03-04
    sale p5 8000 JPY m=both ref=A5 at=2025-03-03
    authorization p6 100.00 USD at=2025-03-03 before=2025-03-10T23:59:59.999999Z
    authorization p7 25.00 GBP m=roll at=2025-03-03 before=2025-03-11T00:00:00Z
    authorization p8 10.00 GBP m=both at=2025-03-03 before=2025-03-07T00:00:00Z
    authorization p9 10.00 GBP m=both at=2025-03-03 before=2025-03-07T00:00:00Z";

/// The commands that bring what [`write_files`] wrote into the books. `DAY` stands for the directory.
pub const COMMANDS: [&str; 4] = [
    "calendar import DAY/calendar.csv",
    "settings apply DAY/settings.toml",
    "record DAY/events.jsonl",
    "reconcile DAY/settlement.csv --acquirer north --as-of 2025-03-04 --execute",
];

/// Settings that advance up to 600.00 USD to `plain`, for 2 %.
pub fn with_advances(settings: &str) -> String {
    [
        ("[[acquirer]]", "advance_limit = { USD = \"1000.00\" }\n[[acquirer]]"),
        (
            "[[fee_schedule]]\nname = \"plus\"",
            "event = { advance_percentage = \"2\" }\n[[fee_schedule]]\nname = \"plus\"",
        ),
        ("negative_limit", "advance_limit = { USD = \"600.00\" }\nnegative_limit"),
    ]
    .iter()
    .fold(settings.to_owned(), |settings, (from, to)| {
        settings.replacen(from, to, 1)
    })
}

/// Writes a calendar, settings, events and a settlement file.
///
/// On 2025-03-05 69.38 USD and 6938 JPY of `both` become available and 8.00 USD and 800 JPY are withheld; on 2025-04-02 these are
/// released, and 8.00 USD of `roll`. 20.00 GBP expire on 2025-03-07, 100.00 USD with 2025-03-10, 25.00 GBP a microsecond
/// later. `plain` has 77.38 USD available, and 48.25 USD pending that may be advanced for 2 %.
pub fn write_files(directory: &Path) {
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).expect("a written file");
    let settings = with_advances(&SETTINGS.replacen("2026-01-01", "2025-01-01", 1));
    write("settings.toml", &settings);
    write("calendar.csv", include_str!("../../fixtures/calendars/TARGET2.csv"));
    let events: String = lines(EVENTS)
        .iter()
        .flat_map(|line| events(line))
        .map(|event| json_line(&event))
        .collect();
    write("events.jsonl", &events);
    let settled = ["Settled +80.00 USD ref=A1", "Settled +80.00 USD ref=A3"];
    write("settlement.csv", &settlement_file(&settled, "2025-03-04"));
}

/// A desk with all of it in the books.
async fn desk() -> Desk {
    let desk = Desk::new().await;
    write_files(desk.path());
    for command in COMMANDS {
        run(&desk, &command.replace("DAY/", "")).exits(0);
    }
    desk
}

fn run(desk: &Desk, command: &str) -> crate::desk::Ran {
    // A blank within quotes is none.
    let words: Vec<String> = command
        .split('\'')
        .enumerate()
        .flat_map(|(place, part)| match place % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect();
    desk.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Runs a command: the plan is what is done, a plan changes nothing, and the command again does nothing and shows `after`.
async fn check(desk: &Desk, command: &str, expected: Value, after: Value) {
    let before = desk.state().await;
    let rows = |arguments: &str| Value::from(run(desk, &format!("{command} {arguments}")).exits(0).rows());
    let plan = rows("--format json");
    run(desk, command)
        .exits(0)
        .says(&["plan, nothing was booked; run again with --execute to book it"]);
    assert_eq!(desk.state().await, before, "the plan of `{command}`");
    let done = rows("--execute --format json");
    assert_eq!((&plan, &done), (&expected, &expected), "{command}");
    let state = desk.state().await;
    assert_ne!(state, before, "{command}");
    assert_eq!(rows("--execute --format json"), after, "`{command}` again");
    assert_eq!(desk.state().await, state, "`{command}` again");
    desk.is_sound().await;
}

#[tokio::test]
async fn release_and_expire_say_what_they_do() {
    let desk = desk().await;
    let released = |what: &str, currency: &str, merchants: &str, available: &str, withheld: &str| json!({"released": what, "currency": currency, "merchants": merchants, "available": available, "withheld": withheld});
    run(&desk, "release --on 2025-03-04 --execute")
        .exits(0)
        .says(&["(none)"]);
    check(
        &desk,
        "release --on 2025-03-05",
        json!([
            released("pending", "JPY", "1", "6938", "800"),
            released("pending", "USD", "1", "69.38", "8.00"),
        ]),
        json!([]),
    )
    .await;
    run(&desk, "release --on 2025-04-01 --execute")
        .exits(0)
        .says(&["(none)"]);
    check(
        &desk,
        "release --on 2025-04-02",
        json!([
            released("reserve", "JPY", "1", "800", "0"),
            released("reserve", "USD", "2", "16.00", "0.00"),
        ]),
        json!([]),
    )
    .await;

    let expired = |currency: &str, payments: &str, amount: &str| json!({"currency": currency, "payments": payments, "amount": amount});
    run(&desk, "expire --cutoff 2025-03-06T23:59:59Z --execute")
        .exits(0)
        .says(&["(none)"]);
    // What expires at midnight expires on the next day.
    check(
        &desk,
        "expire --cutoff 2025-03-10",
        json!([expired("GBP", "2", "20.00"), expired("USD", "1", "100.00")]),
        json!([]),
    )
    .await;
    check(
        &desk,
        "expire --cutoff 2025-03-11T01:00:00+01:00",
        json!([expired("GBP", "1", "25.00")]),
        json!([]),
    )
    .await;
    let csv = run(&desk, "release --on 2025-04-02 --format csv").exits(0);
    assert_eq!(csv.out.trim_end(), "released,currency,merchants,available,withheld");
    run(&desk, "audit verify").exits(0);
}

#[tokio::test]
async fn hold_and_advance_say_what_they_do() {
    let desk = desk().await;
    let place =
        "hold place --merchant plain --amount 30.00 --currency USD --reason 'a complaint' --owner ann --on 2025-03-06";
    let hold = |id: &str, amount: &str, expires: &str, released_by: &str| {
        json!([{
            "id": id, "merchant": "plain", "currency": "USD", "amount": amount, "reason": "a complaint", "owner": "ann",
            "placed_on": "2025-03-06", "expires_on": expires, "released_by": released_by,
        }])
    };
    // A plan does not know the number yet.
    let before = desk.state().await;
    let plan = run(&desk, &format!("{place} --format json")).exits(0);
    assert_eq!(Value::from(plan.rows()), hold("", "30.00", "", ""));
    run(&desk, place)
        .exits(0)
        .says(&["Hold: plan, nothing was booked; run again with --execute to book it"]);
    assert_eq!(desk.state().await, before);
    let placed = run(&desk, &format!("{place} --execute --format json")).exits(0).rows();
    let id = placed[0]["id"].as_str().expect("a number").to_owned();
    assert_eq!(Value::from(placed), hold(&id, "30.00", "", ""));
    let state = desk.state().await;
    run(&desk, &format!("{place} --execute"))
        .exits(0)
        .says(&["Hold: placed before, nothing was done"]);
    assert_eq!(desk.state().await, state);
    let second = place.replace("30.00", "20.00") + " --reference case-7 --expires 2025-03-20";
    run(&desk, &format!("{second} --execute"))
        .exits(0)
        .says(&["Hold: placed\n"]);
    assert_eq!(run(&desk, "hold list --format json").exits(0).rows().len(), 2);

    check(
        &desk,
        &format!("hold release {id} --by bob --on 2025-03-07"),
        hold(&id, "30.00", "", "bob"),
        hold(&id, "30.00", "", "bob"),
    )
    .await;
    let state = desk.state().await;
    run(&desk, &format!("hold release {id} --by eve --on 2025-03-08 --execute"))
        .exits(0)
        .says(&["Hold: released before, nothing was done"]);
    assert_eq!(desk.state().await, state);
    check(
        &desk,
        "release --on 2025-03-20",
        json!([
            {"released": "pending", "currency": "JPY", "merchants": "1", "available": "6938", "withheld": "800"},
            {"released": "pending", "currency": "USD", "merchants": "1", "available": "69.38", "withheld": "8.00"},
            {"released": "hold", "currency": "USD", "merchants": "1", "available": "20.00", "withheld": "0.00"},
        ]),
        json!([]),
    )
    .await;
    run(&desk, "hold list").exits(0).says(&["(none)"]);
    run(&desk, "hold list --all --merchant plain")
        .exits(0)
        .says(&["bob", "its expiry"]);

    let advanced = |captures: &str, payable: &str, fee: &str| {
        json!([{
            "merchant": "plain", "currency": "USD", "captures": captures, "payable": payable, "withheld": "0.00", "fee": fee,
            "vat": "0.00", "outstanding": "48.25",
        }])
    };
    // 50.00 less 1.45 and 0.30; 2 % of it are 0.965, a half to the even neighbour.
    let advance = "advance --merchant plain --currency USD --up-to 100.00 --on 2025-03-05";
    check(
        &desk,
        advance,
        advanced("1", "48.25", "0.96"),
        advanced("0", "0.00", "0.00"),
    )
    .await;
    run(&desk, advance).exits(0).says(&["room for 51.75 USD, by --up-to"]);
    run(&desk, "audit verify").exits(0);
}

#[tokio::test]
async fn what_cannot_be_done_ends_with_1_and_says_why() {
    let desk = Desk::new().await;
    for command in [
        "release",
        "expire",
        "hold release 1 --by bob",
        "advance --merchant plain --currency USD --up-to 1",
    ] {
        run(&desk, command).exits(1).says(&[
            "error: no settings were applied yet",
            "hint: run `acquit settings apply FILE`",
        ]);
    }
    let desk = self::desk().await;
    let place = "hold place --merchant plain --currency USD --reason 'a complaint' --owner ann --on 2025-03-06";
    run(&desk, &format!("{place} --amount 1.00 --reference case-7 --execute")).exits(0);
    let before = desk.state().await;
    for (command, says) in [
        ("release --on 2999-01-01 --execute", "2999-01-01 has not come yet"),
        ("release --on 2024-12-31", "no settings are in force on 2024-12-31"),
        ("release --on tomorrow", "invalid value 'tomorrow'"),
        ("expire --cutoff 2199-01-01 --execute", "has not come yet"),
        ("expire --cutoff 10.3.2025", "--cutoff cannot be read"),
        ("expire --cutoff 2025-03-10T12:00:00", "--cutoff cannot be read"),
        (
            &format!("{place} --amount 76.39 --execute"),
            "only 76.38 USD is available",
        ),
        (&format!("{place} --amount 1e1 --execute"), "--amount is refused"),
        (
            &format!("{place} --amount 0.00 --execute"),
            "a hold is of more than zero",
        ),
        (
            &format!("{place} --amount 1.00 --expires 2025-03-05 --execute"),
            "cannot expire on 2025-03-05",
        ),
        (
            &format!("{place} --amount 2.00 --reference case-7 --execute"),
            "reference `case-7` was used before for something else",
        ),
        (
            "hold place --merchant plain --amount 1 --currency USD --owner ann --execute",
            "--reason",
        ),
        (
            "hold place --merchant plain --amount 1 --currency USD --owner ann --reason '' --execute",
            "--reason",
        ),
        (
            "hold place --merchant nobody --amount 1 --currency USD --owner ann --reason x --execute",
            "`nobody` has no book",
        ),
        ("hold release 99 --by bob --execute", "there is no hold 99"),
        ("hold release 99 --execute", "--by"),
        (
            "advance --merchant nobody --currency USD --up-to 1.00 --execute",
            "`nobody` is not in the settings",
        ),
        (
            "advance --merchant plain --currency USD --up-to 1.001 --execute",
            "--up-to is refused",
        ),
        (
            "advance --merchant plain --currency USD --up-to 1.00 --on 2999-01-01 --execute",
            "has not come yet",
        ),
    ] {
        run(&desk, command).exits(1).says(&[says]);
    }
    assert_eq!(desk.state().await, before);
    // What has not come yet can be looked at.
    run(&desk, "release --on 2999-01-01")
        .exits(0)
        .says(&["Due on 2999-01-01: plan", "16.00"]);
    run(&desk, "expire --cutoff 2199-01-01")
        .exits(0)
        .says(&["Expired by 2199-01-01T23:59:59.999999+00:00: plan", "45.00"]);
    // Who has no limit is advanced nothing, and that is no failure.
    run(
        &desk,
        "advance --merchant roll --currency USD --up-to 1.00 --on 2025-03-05 --execute",
    )
    .exits(0)
    .says(&["room for 0.00 USD, by the merchant's advance_limit"]);
    assert_eq!(desk.state().await, before);
}
