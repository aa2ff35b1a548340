//! Control claims of event files, through the binary: a batch that is not what it claims is refused whole.

use crate::desk::Desk;
use crate::reconcile::SETTINGS;

fn line(kind: &str, payment: &str, amount: &str, currency: &str) -> String {
    let event = serde_json::json!({
        "kind": kind, "merchant": "m-1", "payment": payment, "reference": format!("{kind} {payment}"), "amount": amount,
        "currency": currency, "occurred_at": "2026-03-02T12:00:00Z", "acquirer": "adyen",
    });
    format!("{event}\n")
}

fn claim(currency: &str, items: u32, amount: &str) -> String {
    format!(
        "{{\"kind\":\"capture_total\",\"currency\":\"{currency}\",\"items\":\"{items}\",\"amount\":\"{amount}\"}}\n"
    )
}

#[tokio::test]
async fn a_batch_that_is_not_what_it_claims_books_nothing() {
    let desk = Desk::new().await;
    desk.write("settings.toml", SETTINGS);
    desk.run(&["settings", "apply", "settings.toml"]);
    let events = [
        line("authorization", "p1", "100.00", "EUR"),
        line("authorization", "p2", "40.00", "EUR"),
        line("capture", "p1", "80.00", "EUR"),
        line("capture", "p2", "40.00", "EUR"),
    ]
    .concat();
    let before = desk.state().await;
    let refused = [
        (
            claim("EUR", 3, "120.00"),
            "the file states 3 captures of 120.00 EUR, and holds 2 captures of 120.00 EUR",
        ),
        (
            claim("EUR", 2, "120.01"),
            "the file states 2 captures of 120.01 EUR, and holds 2 captures of 120.00 EUR",
        ),
        (
            claim("USD", 2, "120.00"),
            "the file states no capture_total in EUR, and holds 2 captures of 120.00 EUR",
        ),
    ];
    desk.write("whole.jsonl", line("authorization", "p3", "1.00", "EUR"));
    for (claim, reason) in refused {
        desk.write("batch.jsonl", [claim, events.clone()].concat());
        for arguments in [
            &["record", "batch.jsonl"][..],
            &["record", "--atomic", "batch.jsonl"],
            &["record", "--atomic", "whole.jsonl", "batch.jsonl"],
            &["record", "whole.jsonl", "batch.jsonl"],
        ] {
            let ran = desk.run(arguments);
            assert_eq!(ran.code, 1, "{}", ran.err);
            assert!(
                ran.err
                    .contains("batch.jsonl is not what it claims, nothing was recorded")
                    && ran.err.contains(reason),
                "{}",
                ran.err
            );
        }
        assert_eq!(desk.state().await, before);
    }
    // What was cut off on its way keeps its claim.
    let cut = events.rsplit_once("{").map(|(kept, _)| kept).expect("lines");
    desk.write("batch.jsonl", [&claim("EUR", 2, "120.00"), cut].concat());
    let ran = desk.run(&["record", "batch.jsonl"]);
    assert!(
        ran.code == 1 && ran.err.contains("holds 1 capture of 80.00 EUR"),
        "{}",
        ran.err
    );
    assert_eq!(desk.state().await, before);

    // As claimed: each item has a result of its own, and a second time is a replay.
    let refused_item = line("capture", "p4", "5.00", "EUR");
    desk.write(
        "batch.jsonl",
        [claim("EUR", 3, "125.00"), events, refused_item].concat(),
    );
    for (recorded, replayed) in [("4", "0"), ("0", "4")] {
        let ran = desk.run(&["--format", "json", "record", "batch.jsonl"]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        let rows = ran.rows();
        assert_eq!(rows[0]["recorded"], recorded);
        assert_eq!(rows[0]["replayed"], replayed);
        assert_eq!(rows[0]["rejected"], "1");
    }
    assert!(desk.read("rejects.csv").contains("batch.jsonl,6,unknown_payment"));
}
