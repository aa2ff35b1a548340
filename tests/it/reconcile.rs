//! Settlement files against the books, case by case: what the simulator does not make up.
//!
//! A story is told line by line: events (`sale` is an authorization and its capture), then a file and its lines. Its payout
//! rows are added, so that every file adds up. What must come out is worked out by hand: matches, breaks, and every account
//! that is not zero, as Σ debits - Σ credits over all books.
//!
//! Merchants pay 2 % + 0.20, `m-2` pays 5 % + 0.30. `adyen` settles net, costs 1 % + 0.10 and is tolerated 0.01; `nordic`
//! settles gross. Both have three days.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;

use acquit::money::{Currency, decimal_text};

use crate::desk::Desk;

/// Settings as the header says.
pub const SETTINGS: &str = r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "Europe/Berlin"
bank_account = "main"
[[acquirer]]
name = "adyen"
contract = "net"
settles_within_days = 3
tolerance = { EUR = "0.01", GBP = "0.01" }
cost = { percentage = "1", fixed = { EUR = "0.10", GBP = "0.10" }, rounding = "half_even" }
[[acquirer]]
name = "nordic"
contract = "gross"
settles_within_days = 3
[[fee_schedule]]
name = "standard"
percentage = "2"
fixed = { EUR = "0.20", GBP = "0.20" }
rounding = "half_even"
[[fee_schedule]]
name = "micro"
percentage = "5"
fixed = { EUR = "0.30" }
rounding = "half_even"
[[merchant]]
name = "m-1"
fee_schedule = "standard"
negative_limit = { EUR = "1000.00", GBP = "1000.00" }
destination = { holder = "Merchant 1", account = "DE02120300000000202051", bank = "" }
[[merchant]]
name = "m-2"
fee_schedule = "micro"
negative_limit = { EUR = "1000.00", GBP = "1000.00" }
destination = { holder = "Merchant 2", account = "DE02500105170137075030", bank = "" }
"#;

/// The columns of a settlement file that are read.
pub const HEADER: &str = "Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,\
    Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),\
    Scheme Fees (NC),Interchange (NC),Batch Number,ARN";

/// Words of a line: the first ones by place, `name=value` by name.
struct Words<'a> {
    placed: Vec<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        let (named, placed): (Vec<&str>, Vec<&str>) = line.split_whitespace().partition(|word| word.contains('='));
        Self {
            placed,
            named: named.iter().filter_map(|word| word.split_once('=')).collect(),
        }
    }

    fn get(&self, name: &str) -> &'a str {
        self.named.get(name).copied().unwrap_or("")
    }
}

/// Hundredths of a text like `-12.34`: every currency here has two decimals.
fn cents(text: &str) -> i64 {
    if text.is_empty() {
        return 0;
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (whole, part) = text
        .trim_start_matches(['+', '-'])
        .split_once('.')
        .expect("two decimals");
    assert_eq!(part.len(), 2, "{text}");
    sign * (whole.parse::<i64>().expect("digits") * 100 + part.parse::<i64>().expect("digits"))
}

/// Debit and credit cells of a signed amount.
fn sides(minor: i64) -> (String, String) {
    let text = format!("{}.{:02}", minor.abs() / 100, minor.abs() % 100);
    if minor < 0 {
        (text, String::new())
    } else {
        (String::new(), text)
    }
}

/// `sale p1 100.00 EUR ref=A1` as JSON Lines.
pub fn events(line: &str) -> String {
    let words = Words::of(line);
    let [kind, payment, amount, currency] = words.placed[..] else {
        panic!("{line}")
    };
    let kinds: &[&str] = if kind == "sale" {
        &["authorization", "capture"]
    } else {
        &[kind]
    };
    let or = |name: &str, usual: &'static str| {
        if words.get(name).is_empty() {
            usual.to_owned()
        } else {
            words.get(name).to_owned()
        }
    };
    let mut out = String::new();
    for kind in kinds {
        let reference = if words.get("name").is_empty() {
            format!("{payment}-{kind}")
        } else {
            words.get("name").to_owned()
        };
        let of_acquirer = |name: &str| if *kind == "authorization" { "" } else { words.get(name) };
        let event = serde_json::json!({
            "kind": kind, "merchant": or("m", "m-1"), "payment": payment, "reference": reference, "amount": amount,
            "currency": currency, "occurred_at": format!("{}T12:00:00+01:00", or("at", "2026-03-02")),
            "acquirer": or("acq", "adyen"), "acquirer_reference": of_acquirer("ref"),
            "merchant_reference": words.get("mref"), "arn": of_acquirer("arn"),
        });
        out += &format!("{event}\n");
    }
    out
}

/// `Settled +100.00 EUR ref=A1 cost=1.10` and others, as a settlement file with its payout rows.
pub fn settlement_file(lines: &[&str]) -> String {
    let mut file = format!("{HEADER}\n");
    let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut latest = String::new();
    for line in lines {
        let words = Words::of(line);
        let (kind, gross, gross_currency) = match words.placed[..] {
            [kind, gross, currency] => (kind, Some(cents(gross)), currency),
            [kind] => (kind, None, ""),
            _ => panic!("{line}"),
        };
        let costs = ["commission", "cost", "scheme", "interchange"].map(|name| cents(words.get(name)));
        let (net, net_currency) = match words.get("net") {
            "" => (gross.expect("a gross") - costs.iter().sum::<i64>(), gross_currency),
            net => (cents(&net[..net.len() - 3]), &net[net.len() - 3..]),
        };
        let or = |name: &str, usual: &'static str| {
            if words.get(name).is_empty() {
                usual.to_owned()
            } else {
                words.get(name).to_owned()
            }
        };
        let (batch, day) = (or("batch", "1"), or("day", "2026-03-03"));
        let (gross_debit, gross_credit) = gross.map(sides).unwrap_or_default();
        let (net_debit, net_credit) = sides(net);
        let [commission, markup, scheme, interchange] = costs.map(|cost| {
            if cost == 0 {
                String::new()
            } else {
                decimal_text(cost, Currency::parse("EUR").expect("EUR"))
            }
        });
        file += &format!(
            "psp,{},{day} 10:00:00,CET,{kind},{},{gross_currency},{gross_debit},{gross_credit},{},{net_currency},{net_debit},\
             {net_credit},{commission},{markup},{scheme},{interchange},{batch},{}\n",
            words.get("mref"),
            words.get("ref"),
            words.get("rate"),
            words.get("arn"),
        );
        *sums.entry((batch, net_currency.to_owned())).or_default() += net;
        latest = latest.max(day);
    }
    for ((batch, currency), sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
        let (debit, credit) = sides(-sum);
        file += &format!(",,{latest} 23:00:00,CET,MerchantPayout,TX,,,,,{currency},{debit},{credit},,,,,{batch},\n");
    }
    file
}

/// What came out: matches, breaks, accounts.
async fn result(desk: &Desk) -> Vec<String> {
    let admin = &desk.database.admin;
    let matches = "
        select 'match ' || entry.reference || ' by pass ' || match.pass
        from settlement_match match join entry on entry.book_id = match.book_id and entry.number = match.number
        order by entry.reference";
    let rows = admin.query(matches, &[]).await.expect("matches");
    let mut lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let breaks = "
        select break.class, break.state || coalesce(' (' || break.resolution || ')', ''),
            coalesce(entry.reference, line.acquirer_reference, line.merchant_reference, break.detail),
            break.expected, break.expected_in, break.actual, break.actual_in
        from break
        left join entry on entry.book_id = break.book_id and entry.number = break.number
        left join settlement_line line on line.source_id = break.source_id and line.ordinal = break.ordinal
        order by break.id";
    for row in &admin.query(breaks, &[]).await.expect("breaks") {
        let text = |place| row.get::<_, String>(place);
        let amount = |place| match (
            row.get::<_, Option<i64>>(place),
            row.get::<_, Option<String>>(place + 1),
        ) {
            (Some(minor), Some(currency)) => format!(
                "{} {currency}",
                decimal_text(minor, Currency::parse(&currency).expect("a currency"))
            ),
            _ => "-".to_owned(),
        };
        lines.push(format!(
            "break {} {} {}: {} / {}",
            text(0),
            text(1),
            text(2),
            amount(3),
            amount(5)
        ));
    }
    for ((code, currency, _), balance) in desk.balances().await {
        let amount = decimal_text(balance, Currency::parse(&currency).expect("a currency"));
        lines.push(format!("{code} {currency} {amount}"));
    }
    lines
}

/// Tells a story on a desk and holds what came out to what must.
async fn check(story: &str, expected: &str) -> Desk {
    let desk = Desk::new().await;
    desk.write("settings.toml", SETTINGS);
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    let lines: Vec<&str> = story.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let starts: Vec<usize> = (0..lines.len())
        .filter(|place| lines[*place].starts_with("file "))
        .collect();
    let told: String = lines[..starts.first().copied().unwrap_or(lines.len())]
        .iter()
        .map(|line| events(line))
        .collect();
    if !told.is_empty() {
        desk.write("events.jsonl", told);
        desk.run(&["record", "events.jsonl"]).exits(0);
    }
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(lines.len());
        let words = Words::of(lines[*start]);
        let [_, name, acquirer] = words.placed[..] else {
            panic!("{}", lines[*start])
        };
        // Each file is of a batch of its own, unless its lines say otherwise.
        let of_batch = |line: &&str| match Words::of(line).get("batch") {
            "" => format!("{line} batch={}", number + 1),
            _ => (*line).to_owned(),
        };
        let rows: Vec<String> = lines[start + 1..end].iter().map(of_batch).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        desk.write(name, settlement_file(&rows));
        let code = words.get("exit").parse().expect("an exit code");
        let command = ["reconcile", name, "--acquirer", acquirer, "--execute"];
        let first = desk.run(&command).exits(code);
        let state = desk.state().await;
        desk.run(&command).exits(code);
        assert_eq!(desk.state().await, state, "a second time: {}", first.command);
    }
    desk.is_sound().await;
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(result(&desk).await, expected, "{story}");
    desk
}

#[tokio::test]
async fn net_and_gross_contracts() {
    check(
        "sale p1 100.00 EUR ref=A1
         file one.csv adyen exit=0
         Settled +100.00 EUR ref=A1 interchange=0.60 scheme=0.20 cost=0.20 commission=0.10",
        "match p1-capture by pass 1
         1110 EUR 98.90
         2020 EUR -97.80
         4010 EUR -2.00
         4020 EUR -0.20
         5010 EUR 0.60
         5020 EUR 0.20
         5030 EUR 0.30",
    )
    .await;
    check(
        "sale p1 100.00 EUR ref=A1 acq=nordic
         file one.csv nordic exit=0
         Settled +100.00 EUR ref=A1",
        "match p1-capture by pass 1
         1110 EUR 100.00
         2020 EUR -97.80
         4010 EUR -2.00
         4020 EUR -0.20",
    )
    .await;
    // A gross contract takes nothing out of a line: whatever is taken is no rounding but a break.
    check(
        "sale p1 100.00 EUR ref=A1 acq=nordic
         file one.csv nordic exit=2
         Settled +100.00 EUR ref=A1 cost=0.01",
        "match p1-capture by pass 1
         break FEE_MISMATCH open p1-capture: 0.00 EUR / 0.01 EUR
         1110 EUR 99.99
         2020 EUR -97.80
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 0.01",
    )
    .await;
    // Money back on a cost, and the fee of a batch.
    check(
        "sale p1 100.00 EUR ref=A1
         file one.csv adyen exit=2
         Settled +100.00 EUR ref=A1 cost=-0.10
         Fee net=-1.80EUR",
        "match p1-capture by pass 1
         break FEE_MISMATCH open p1-capture: 1.10 EUR / -0.10 EUR
         1110 EUR 98.30
         2020 EUR -97.80
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.70",
    )
    .await;
}

#[tokio::test]
async fn what_is_sold_in_one_currency_and_settled_in_another() {
    check(
        "sale p1 25.00 GBP ref=A1
         file one.csv adyen exit=0
         Settled +25.00 GBP ref=A1 rate=1.1634 net=28.94EUR cost=0.15",
        "match p1-capture by pass 1
         1110 EUR 28.94
         2020 GBP -24.30
         4010 GBP -0.50
         4020 GBP -0.20
         5030 EUR 0.15
         6010 EUR -29.09
         6010 GBP 25.00",
    )
    .await;
    // Too little, beyond tolerance.
    check(
        "sale p1 25.00 GBP ref=A1
         file one.csv adyen exit=2
         Settled +24.00 GBP ref=A1 rate=1.1634 net=27.77EUR cost=0.15",
        "match p1-capture by pass 1
         break AMOUNT_MISMATCH open p1-capture: 25.00 GBP / 24.00 GBP
         1110 EUR 27.77
         1900 GBP 1.00
         2010 GBP -1.00
         2020 GBP -23.30
         4010 GBP -0.50
         4020 GBP -0.20
         5030 EUR 0.15
         6010 EUR -27.92
         6010 GBP 24.00",
    )
    .await;
    // Too much, within tolerance.
    check(
        "sale p1 25.00 GBP ref=A1
         file one.csv adyen exit=0
         Settled +25.01 GBP ref=A1 rate=1.1634 net=28.95EUR cost=0.15",
        "match p1-capture by pass 1
         1110 EUR 28.95
         2020 GBP -24.30
         4010 GBP -0.50
         4020 GBP -0.20
         5030 EUR 0.15
         5900 GBP -0.01
         6010 EUR -29.10
         6010 GBP 25.01",
    )
    .await;
    // A refund at another rate: what the rates make of it stays on 6010.
    check(
        "sale p1 25.00 GBP ref=A1
         refund p1 10.00 GBP ref=R1
         file one.csv adyen exit=0
         Settled +25.00 GBP ref=A1 rate=1.1634 net=28.94EUR cost=0.15
         Refunded -10.00 GBP ref=R1 rate=1.2 net=-12.00EUR",
        "match p1-capture by pass 1
         match p1-refund by pass 1
         1110 EUR 16.94
         2020 GBP -14.30
         4010 GBP -0.50
         4020 GBP -0.20
         5030 EUR 0.15
         6010 EUR -17.09
         6010 GBP 15.00",
    )
    .await;
    // Nobody knows it: what came is in suspense, in the currency in which it came.
    check(
        "file one.csv adyen exit=2
         Settled +25.00 GBP ref=A1 rate=1.1634 net=28.94EUR cost=0.15",
        "break MISSING_IN_LEDGER open A1: - / 25.00 GBP
         1110 EUR 28.94
         2900 EUR -29.09
         5030 EUR 0.15",
    )
    .await;
    // The file says it was sold in the currency in which it is settled: nothing is converted to find out.
    check(
        "sale p1 25.00 GBP ref=A1
         file one.csv adyen exit=2
         Settled +29.09 EUR ref=A1 cost=0.39",
        "break CURRENCY_MISMATCH open p1-capture: 25.00 GBP / 29.09 EUR
         1100 GBP 25.00
         1110 EUR 28.70
         2010 GBP -24.30
         2900 EUR -29.09
         4010 GBP -0.50
         4020 GBP -0.20
         5030 EUR 0.39",
    )
    .await;
}

/// Capture of 100.00, taken in as it should be, and something that follows it.
async fn after_a_sale(events: &str, code: u8, lines: &str, expected: &str) {
    let story = format!(
        "sale p1 100.00 EUR ref=A1
         {events}
         file one.csv adyen exit={code}
         Settled +100.00 EUR ref=A1 cost=1.10
         {lines}"
    );
    check(&story, &format!("match p1-capture by pass 1\n{expected}")).await;
}

#[tokio::test]
async fn refunds_and_chargebacks_of_another_amount() {
    // More was taken than we gave back: the rest is ours to claim.
    after_a_sale(
        "refund p1 40.00 EUR ref=R1",
        2,
        "Refunded -45.00 EUR ref=R1",
        "match p1-refund by pass 1
         break AMOUNT_MISMATCH open p1-refund: -40.00 EUR / -45.00 EUR
         1110 EUR 53.90
         1900 EUR 5.00
         2020 EUR -57.80
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
    // Less was taken.
    after_a_sale(
        "refund p1 40.00 EUR ref=R1",
        2,
        "Refunded -35.00 EUR ref=R1",
        "match p1-refund by pass 1
         break AMOUNT_MISMATCH open p1-refund: -40.00 EUR / -35.00 EUR
         1110 EUR 63.90
         2020 EUR -57.80
         2900 EUR -5.00
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
    after_a_sale(
        "chargeback p1 100.00 EUR ref=C1",
        2,
        "Chargeback -105.00 EUR ref=C1 cost=7.50",
        "match p1-chargeback by pass 1
         break AMOUNT_MISMATCH open p1-chargeback: -100.00 EUR / -105.00 EUR
         1110 EUR -13.60
         1900 EUR 5.00
         2020 EUR 2.20
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 8.60",
    )
    .await;
    after_a_sale(
        "chargeback p1 100.00 EUR ref=C1",
        2,
        "SecondChargeback -95.00 EUR ref=C1",
        "match p1-chargeback by pass 1
         break AMOUNT_MISMATCH open p1-chargeback: -100.00 EUR / -95.00 EUR
         1110 EUR 3.90
         2020 EUR 2.20
         2900 EUR -5.00
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
    let won = "chargeback p1 100.00 EUR ref=C1
               chargeback_reversal p1 100.00 EUR ref=V1";
    after_a_sale(
        won,
        2,
        "Chargeback -100.00 EUR ref=C1 cost=7.50
         ChargebackReversed +90.00 EUR ref=V1",
        "match p1-chargeback by pass 1
         match p1-chargeback_reversal by pass 1
         break AMOUNT_MISMATCH open p1-chargeback_reversal: 100.00 EUR / 90.00 EUR
         1110 EUR 81.40
         1900 EUR 10.00
         2020 EUR -97.80
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 8.60",
    )
    .await;
    after_a_sale(
        won,
        2,
        "Chargeback -100.00 EUR ref=C1 cost=7.50
         ChargebackReversed +110.00 EUR ref=V1",
        "match p1-chargeback by pass 1
         match p1-chargeback_reversal by pass 1
         break AMOUNT_MISMATCH open p1-chargeback_reversal: 100.00 EUR / 110.00 EUR
         1110 EUR 101.40
         2020 EUR -97.80
         2900 EUR -10.00
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 8.60",
    )
    .await;
}

#[tokio::test]
async fn a_minor_unit_is_rounding_and_two_are_a_break() {
    let fees = "4010 EUR -2.00
                4020 EUR -0.20
                5030 EUR 1.10";
    for (gross, rounding, in_transit) in [("+100.01", "-0.01", "98.91"), ("+99.99", "0.01", "98.89")] {
        check(
            &format!(
                "sale p1 100.00 EUR ref=A1
                 file one.csv adyen exit=0
                 Settled {gross} EUR ref=A1 cost=1.10"
            ),
            &format!(
                "match p1-capture by pass 1
                 1110 EUR {in_transit}
                 2020 EUR -97.80
                 {fees}
                 5900 EUR {rounding}"
            ),
        )
        .await;
    }
    for (gross, rounding, in_transit) in [("-40.01", "0.01", "58.89"), ("-39.99", "-0.01", "58.91")] {
        after_a_sale(
            "refund p1 40.00 EUR ref=R1",
            0,
            &format!("Refunded {gross} EUR ref=R1"),
            &format!(
                "match p1-refund by pass 1
                 1110 EUR {in_transit}
                 2020 EUR -57.80
                 {fees}
                 5900 EUR {rounding}"
            ),
        )
        .await;
    }
    check(
        "sale p1 100.00 EUR ref=A1
         file one.csv adyen exit=2
         Settled +99.98 EUR ref=A1 cost=1.10",
        "match p1-capture by pass 1
         break AMOUNT_MISMATCH open p1-capture: 100.00 EUR / 99.98 EUR
         1110 EUR 98.88
         1900 EUR 0.02
         2010 EUR -0.02
         2020 EUR -97.78
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
    // The gross contract has no tolerance at all.
    check(
        "sale p1 100.00 EUR ref=A1 acq=nordic
         file one.csv nordic exit=2
         Settled +100.01 EUR ref=A1",
        "match p1-capture by pass 1
         break AMOUNT_MISMATCH open p1-capture: 100.00 EUR / 100.01 EUR
         1110 EUR 100.01
         2020 EUR -97.80
         2900 EUR -0.01
         4010 EUR -2.00
         4020 EUR -0.20",
    )
    .await;
}

#[tokio::test]
async fn two_candidates_are_never_decided() {
    // Two sales that no key tells apart, and one line that may be either: the money waits in suspense.
    for (sales, line) in [
        ("ref=A1", "ref=A1"),
        (
            "arn=74000000000000000000001",
            "ref=Z1 mref=x arn=74000000000000000000001",
        ),
        ("mref=o1", "ref=Z1 mref=o1"),
    ] {
        let label = if line == "ref=A1" { "A1" } else { "Z1" };
        // Two payments of one order are a break of their own.
        let duplicate = match sales.starts_with("mref") {
            true => "break DUPLICATE_IN_LEDGER open p2-authorization: - / -\n",
            false => "",
        };
        check(
            &format!(
                "sale p1 100.00 EUR {sales}
                 sale p2 100.00 EUR {sales}
                 file one.csv adyen exit=2
                 Settled +100.00 EUR {line} cost=1.10"
            ),
            &format!(
                "{duplicate}break MISSING_IN_LEDGER open {label}: - / 100.00 EUR
                 1100 EUR 200.00
                 1110 EUR 98.90
                 2010 EUR -195.60
                 2900 EUR -100.00
                 4010 EUR -4.00
                 4020 EUR -0.40
                 5030 EUR 1.10"
            ),
        )
        .await;
    }
    // One sale, and two lines that say no more than its reference and amount.
    check(
        "sale p1 100.00 EUR mref=o1
         file one.csv adyen exit=2
         Settled +100.00 EUR ref=Z1 mref=o1 cost=1.10
         Settled +100.00 EUR ref=Z2 mref=o1 cost=1.10",
        "break MISSING_IN_LEDGER open Z1: - / 100.00 EUR
         break MISSING_IN_LEDGER open Z2: - / 100.00 EUR
         1100 EUR 100.00
         1110 EUR 197.80
         2010 EUR -97.80
         2900 EUR -200.00
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 2.20",
    )
    .await;
    // Two candidates by reference and amount, but one of them is told by the ARN: the other is then the only one.
    check(
        "sale p1 100.00 EUR mref=o1 arn=74000000000000000000001
         sale p2 100.00 EUR mref=o1
         file one.csv adyen exit=0
         Settled +100.00 EUR ref=Z1 mref=o1 cost=1.10
         Settled +100.00 EUR ref=Z2 mref=o1 arn=74000000000000000000001 cost=1.10",
        "match p1-capture by pass 2
         match p2-capture by pass 4
         break DUPLICATE_IN_LEDGER open p2-authorization: - / -
         1110 EUR 197.80
         2020 EUR -195.60
         4010 EUR -4.00
         4020 EUR -0.40
         5030 EUR 2.20",
    )
    .await;
    // The parts of one order are told apart by their amounts.
    check(
        "authorization p1 100.00 EUR
         capture p1 60.00 EUR name=first
         capture p1 40.00 EUR name=second
         file one.csv adyen exit=0
         Settled +40.00 EUR ref=Z1 mref=p1 cost=0.50
         Settled +60.00 EUR ref=Z2 mref=p1 cost=0.70",
        "match first by pass 4
         match second by pass 4
         1110 EUR 98.80
         2020 EUR -97.60
         4010 EUR -2.00
         4020 EUR -0.40
         5030 EUR 1.20",
    )
    .await;
}

#[tokio::test]
async fn an_item_that_is_reported_again() {
    // In the same file: the line that agrees best settles it, wherever it stands.
    for lines in [
        ["+99.00 EUR ref=A1 cost=1.09", "+100.00 EUR ref=A1 cost=1.10"],
        ["+100.00 EUR ref=A1 cost=1.10", "+99.00 EUR ref=A1 cost=1.09"],
    ] {
        check(
            &format!(
                "sale p1 100.00 EUR ref=A1
                 file one.csv adyen exit=2
                 Settled {}
                 Settled {}",
                lines[0], lines[1]
            ),
            "match p1-capture by pass 1
             break DUPLICATE_IN_FILE open A1: - / 99.00 EUR
             1110 EUR 196.81
             2020 EUR -97.80
             2900 EUR -99.00
             4010 EUR -2.00
             4020 EUR -0.20
             5030 EUR 2.19",
        )
        .await;
    }
    // In a later file.
    check(
        "sale p1 100.00 EUR ref=A1
         sale p2 50.00 EUR ref=A2
         file one.csv adyen exit=0
         Settled +100.00 EUR ref=A1 cost=1.10
         file two.csv adyen exit=2
         Settled +100.00 EUR ref=A1 cost=1.10 batch=2
         Settled +50.00 EUR ref=A2 cost=0.60 batch=2",
        "match p1-capture by pass 1
         match p2-capture by pass 1
         break DUPLICATE_IN_FILE open A1: - / 100.00 EUR
         1110 EUR 247.20
         2020 EUR -146.60
         2900 EUR -100.00
         4010 EUR -3.00
         4020 EUR -0.40
         5030 EUR 2.80",
    )
    .await;
    // A refund has the reference of another kind of line: no repetition.
    after_a_sale(
        "refund p1 40.00 EUR ref=A1",
        0,
        "Refunded -40.00 EUR ref=A1",
        "match p1-refund by pass 1
         1110 EUR 58.90
         2020 EUR -57.80
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
}

#[tokio::test]
async fn an_item_that_is_missing_and_comes_late() {
    let both = "1110 EUR 148.30
                2020 EUR -146.60
                4010 EUR -3.00
                4020 EUR -0.40
                5030 EUR 1.70";
    // Expected by the 5th. A file of the 6th shows that it is missing, once; one of the 9th reports it.
    check(
        "sale p1 100.00 EUR ref=A1 at=2026-03-02
         sale p2 25.00 EUR ref=A2 at=2026-03-05
         sale p3 25.00 EUR ref=A3 at=2026-03-05
         file one.csv adyen exit=2
         Settled +25.00 EUR ref=A2 cost=0.35 day=2026-03-06
         file two.csv adyen exit=0
         Settled +25.00 EUR ref=A3 cost=0.35 day=2026-03-07
         file three.csv adyen exit=0
         Settled +100.00 EUR ref=A1 cost=1.10 day=2026-03-09",
        "match p1-capture by pass 1
         match p2-capture by pass 1
         match p3-capture by pass 1
         break MISSING_IN_FILE resolved (timing) p1-capture: 100.00 EUR / -
         1110 EUR 148.20
         2020 EUR -146.40
         4010 EUR -3.00
         4020 EUR -0.60
         5030 EUR 1.80",
    )
    .await;
    // On the 5th itself it is not late, and a late line is matched without ado.
    check(
        "sale p1 100.00 EUR ref=A1 at=2026-03-02
         sale p2 50.00 EUR ref=A2 at=2026-03-05
         file one.csv adyen exit=0
         Settled +50.00 EUR ref=A2 cost=0.60 day=2026-03-05
         file two.csv adyen exit=0
         Settled +100.00 EUR ref=A1 cost=1.10 day=2026-03-20",
        &format!("match p1-capture by pass 1\nmatch p2-capture by pass 1\n{both}"),
    )
    .await;
    // By reference and amount alone a line may be three days off.
    check(
        "sale p1 100.00 EUR at=2026-03-02
         file one.csv adyen exit=0
         Settled +100.00 EUR mref=p1 cost=1.10 day=2026-03-05",
        "match p1-capture by pass 4
         1110 EUR 98.90
         2020 EUR -97.80
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
    check(
        "sale p1 100.00 EUR at=2026-03-02
         file one.csv adyen exit=2
         Settled +100.00 EUR ref=Z1 mref=p1 cost=1.10 day=2026-03-06",
        "break MISSING_IN_LEDGER open Z1: - / 100.00 EUR
         break MISSING_IN_FILE open p1-capture: 100.00 EUR / -
         1100 EUR 100.00
         1110 EUR 98.90
         2010 EUR -97.80
         2900 EUR -100.00
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
    // A refund can be missing too.
    check(
        "sale p1 100.00 EUR ref=A1 at=2026-03-02
         refund p1 10.00 EUR ref=R1 at=2026-03-02
         file one.csv adyen exit=2
         Settled +100.00 EUR ref=A1 cost=1.10 day=2026-03-06",
        "match p1-capture by pass 1
         break MISSING_IN_FILE open p1-refund: -10.00 EUR / -
         1100 EUR -10.00
         1110 EUR 98.90
         2020 EUR -87.80
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
}

#[tokio::test]
async fn merchants_that_owe_us() {
    let nothing_payable = async |desk: Desk| {
        let planned = desk
            .run(&[
                "payout",
                "plan",
                "--cutoff",
                "2026-03-31",
                "--by",
                "ann",
                "--format",
                "json",
            ])
            .exits(0);
        assert!(planned.rows().is_empty(), "{}", planned.out);
    };
    // A micropayment whose fee is more than it brings.
    let desk = check(
        "sale p1 0.10 EUR ref=A1 m=m-2
         file one.csv adyen exit=0
         Settled +0.10 EUR ref=A1 cost=0.10",
        "match p1-capture by pass 1
         2020 EUR 0.20
         4020 EUR -0.30
         5030 EUR 0.10",
    )
    .await;
    nothing_payable(desk).await;
    // More refunds than sales.
    let desk = check(
        "sale p1 100.00 EUR ref=A1
         refund p1 100.00 EUR ref=R1
         file one.csv adyen exit=0
         Settled +100.00 EUR ref=A1 cost=1.10
         Refunded -100.00 EUR ref=R1",
        "match p1-capture by pass 1
         match p1-refund by pass 1
         1110 EUR -1.10
         2020 EUR 2.20
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
    nothing_payable(desk).await;
}

#[tokio::test]
async fn lines_of_a_kind_or_direction_that_is_not_booked() {
    check(
        "sale p1 100.00 EUR ref=A1
         file one.csv adyen exit=2
         Settled -100.00 EUR ref=A1
         Refunded +30.00 EUR ref=A1
         ManualCorrected net=-5.00EUR ref=D1
         SomethingNew net=7.00EUR ref=N1",
        "break SIGN_MISMATCH open p1-capture: 100.00 EUR / -100.00 EUR
         break TYPE_MISMATCH open p1-capture: 100.00 EUR / 30.00 EUR
         break UNSUPPORTED_RECORD open D1: - / -5.00 EUR
         break UNSUPPORTED_RECORD open N1: - / 7.00 EUR
         1100 EUR 100.00
         1110 EUR -68.00
         1900 EUR 105.00
         2010 EUR -97.80
         2900 EUR -37.00
         4010 EUR -2.00
         4020 EUR -0.20",
    )
    .await;
    // A direction that is wrong names nothing where the item is settled, or nobody knows it.
    check(
        "sale p1 100.00 EUR ref=A1
         file one.csv adyen exit=2
         Settled +100.00 EUR ref=A1 cost=1.10
         Settled -30.00 EUR ref=A1
         Refunded +20.00 EUR ref=A2",
        "match p1-capture by pass 1
         break UNSUPPORTED_RECORD open A1: - / -30.00 EUR
         break UNSUPPORTED_RECORD open A2: - / 20.00 EUR
         1110 EUR 88.90
         1900 EUR 30.00
         2020 EUR -97.80
         2900 EUR -20.00
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
}

#[tokio::test]
async fn a_refund_that_is_reported_as_a_sale_and_a_sale_as_a_refund() {
    check(
        "sale p1 100.00 EUR ref=A1
         refund p1 40.00 EUR ref=R1
         sale p2 60.00 EUR ref=A2
         file one.csv adyen exit=2
         Settled +100.00 EUR ref=A1 cost=1.10
         Settled +40.00 EUR ref=R1
         Refunded -60.00 EUR ref=A2",
        "match p1-capture by pass 1
         break TYPE_MISMATCH open p1-refund: -40.00 EUR / 40.00 EUR
         break TYPE_MISMATCH open p2-capture: 60.00 EUR / -60.00 EUR
         1100 EUR 20.00
         1110 EUR 78.90
         1900 EUR 60.00
         2010 EUR -58.60
         2020 EUR -57.80
         2900 EUR -40.00
         4010 EUR -3.20
         4020 EUR -0.40
         5030 EUR 1.10",
    )
    .await;
    // Told with the right direction; while that break is open, the item is not missing too.
    check(
        "sale p1 100.00 EUR ref=A1
         refund p1 40.00 EUR ref=R1
         file one.csv adyen exit=2
         Settled -40.00 EUR ref=R1
         file two.csv adyen exit=0
         Settled +100.00 EUR ref=A1 cost=1.10 day=2026-03-09 batch=2",
        "match p1-capture by pass 1
         break TYPE_MISMATCH open p1-refund: -40.00 EUR / -40.00 EUR
         1100 EUR -40.00
         1110 EUR 58.90
         1900 EUR 40.00
         2020 EUR -57.80
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.10",
    )
    .await;
}

#[tokio::test]
async fn what_is_taken_back_of_nothing() {
    check(
        "sale p1 100.00 EUR ref=A1
         sale p2 50.00 EUR ref=A2 mref=order-2
         authorization p3 30.00 EUR
         file one.csv adyen exit=2
         Settled +100.00 EUR ref=A1 cost=1.10
         Refunded -10.00 EUR ref=R1 mref=p1
         Refunded -11.00 EUR ref=R2 mref=order-2
         Refunded -12.00 EUR ref=R3 mref=p3
         Refunded -13.00 EUR ref=A1
         Chargeback -14.00 EUR ref=C1 mref=nobody
         SecondChargeback -15.00 EUR ref=C2
         ChargebackReversed +16.00 EUR ref=C3 mref=nobody
         Chargeback -17.00 EUR ref=C4 mref=p1
         Chargeback -18.00 EUR ref=A2",
        "match p1-capture by pass 1
         break MISSING_IN_LEDGER open R1: - / -10.00 EUR
         break MISSING_IN_LEDGER open R2: - / -11.00 EUR
         break REFUND_WITHOUT_CAPTURE open R3: - / -12.00 EUR
         break MISSING_IN_LEDGER open A1: - / -13.00 EUR
         break CHARGEBACK_UNKNOWN open C1: - / -14.00 EUR
         break CHARGEBACK_UNKNOWN open C2: - / -15.00 EUR
         break CHARGEBACK_UNKNOWN open C3: - / 16.00 EUR
         break MISSING_IN_LEDGER open C4: - / -17.00 EUR
         break MISSING_IN_LEDGER open A2: - / -18.00 EUR
         1100 EUR 50.00
         1110 EUR 4.90
         1900 EUR 110.00
         2010 EUR -48.80
         2020 EUR -97.80
         2900 EUR -16.00
         4010 EUR -3.00
         4020 EUR -0.40
         5030 EUR 1.10
         9010 EUR 30.00
         9020 EUR -30.00",
    )
    .await;
}

/// A desk with a sale of 100.00 at each acquirer, recorded.
async fn two_acquirers() -> Desk {
    let desk = Desk::new().await;
    desk.write("settings.toml", SETTINGS);
    desk.run(&["settings", "apply", "settings.toml"]).exits(0);
    let told = events("sale p1 100.00 EUR ref=A1") + &events("sale p2 100.00 EUR ref=A1 acq=nordic");
    desk.write("events.jsonl", told);
    desk.run(&["record", "events.jsonl"]).exits(0);
    desk
}

#[tokio::test]
async fn a_file_is_one_acquirers() {
    let desk = two_acquirers().await;
    desk.write("one.csv", settlement_file(&["Settled +100.00 EUR ref=A1 cost=1.10"]));
    let before = desk.state().await;
    desk.run(&["reconcile", "one.csv", "--acquirer", "nobody", "--execute"])
        .exits(1)
        .says(&["acquirer `nobody` is not in the settings", "hint: "]);
    desk.run(&["reconcile", "gone.csv", "--acquirer", "adyen", "--execute"])
        .exits(1)
        .says(&["gone.csv"]);
    assert_eq!(desk.state().await, before);

    desk.run(&["reconcile", "one.csv", "--acquirer", "adyen", "--execute"])
        .exits(0);
    let booked = desk.balances().await;
    // The same bytes as another acquirer's file, even under the same name: nothing is posted, and a break says so.
    for _ in 0..2 {
        desk.run(&["reconcile", "one.csv", "--acquirer", "nordic", "--execute"])
            .exits(1)
            .says(&["DUPLICATE_FILE"]);
    }
    assert_eq!(desk.balances().await, booked);
    assert_eq!(
        result(&desk).await[..2],
        [
            "match p1-capture by pass 1",
            "break DUPLICATE_FILE open one.csv has the content of one.csv of adyen: - / -"
        ]
    );
    // An item of one acquirer is not settled by another, though the reference is the same.
    desk.write("two.csv", settlement_file(&["Settled +100.00 EUR ref=A1 batch=2"]));
    desk.run(&["reconcile", "two.csv", "--acquirer", "nordic", "--execute"])
        .exits(0);
    assert_eq!(
        result(&desk).await[..2],
        ["match p1-capture by pass 1", "match p2-capture by pass 1"]
    );
    desk.is_sound().await;
}

#[tokio::test]
async fn a_file_without_lines_posts_nothing() {
    let desk = two_acquirers().await;
    let booked = desk.balances().await;
    desk.write("empty.csv", "");
    let before = desk.state().await;
    desk.run(&["reconcile", "empty.csv", "--acquirer", "adyen", "--execute"])
        .exits(1)
        .says(&["empty"]);
    assert_eq!(desk.state().await, before);
    desk.write("header.csv", format!("{HEADER}\n"));
    let reconcile = |name: &str, more: &[&str]| {
        let arguments = [&["reconcile", name, "--acquirer", "adyen", "--execute"], more].concat();
        desk.run(&arguments)
    };
    let before = desk.state().await;
    reconcile("header.csv", &[]).exits(1).says(&[
        "header.csv has no lines, and nothing in it says of which day it is",
        "--as-of DATE",
    ]);
    assert_eq!(desk.state().await, before);
    // Files of days without sales are alike: each is one of its day.
    for day in ["2026-03-04", "2026-03-05"] {
        reconcile("header.csv", &["--as-of", day])
            .exits(0)
            .says(&["header.csv: booked", "0 lines"]);
        reconcile("header.csv", &["--as-of", day])
            .exits(0)
            .says(&["booked by an earlier run"]);
    }
    desk.write("again.csv", format!("{HEADER}\n"));
    reconcile("again.csv", &["--as-of", "2026-03-05"])
        .exits(1)
        .says(&["DUPLICATE_FILE, its content came before as header.csv of adyen"]);
    assert_eq!(desk.balances().await, booked);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_kept_as_it_came() {
    let desk = two_acquirers().await;
    let good = settlement_file(&["Settled +100.00 EUR ref=A1 cost=1.10"]);
    desk.write("one.csv", good.replace(",98.90,,1.10", ",98.90,,4111111111111111"));
    desk.run(&["reconcile", "one.csv", "--acquirer", "adyen", "--execute"])
        .exits(1)
        .says(&["one.csv: quarantined", "1 row cannot be read"]);
    let sql = "select line || ' ' || raw from settlement_reject";
    let kept: String = desk.database.admin.query_one(sql, &[]).await.expect("a reject").get(0);
    let row = good.lines().nth(1).expect("a row");
    let (before, after) = row.split_once("1.10").expect("a cost");
    assert_eq!(kept, format!("2 {before}411111******1111{after}"));
    let written = desk.read("rejects.csv");
    assert!(written.starts_with("file,line,column,reason,raw\n"), "{written}");
    assert!(
        written.contains("411111******1111") && !written.contains("4111111111111111"),
        "{written}"
    );
}

#[tokio::test]
async fn a_correct_delivery_after_a_corrupt_one_is_booked() {
    let desk = two_acquirers().await;
    let good = settlement_file(&["Settled +100.00 EUR ref=A1 cost=1.10"]);
    desk.write("one.csv", good.replace(",98.90,,,,,,1,", ",98.91,,,,,,1,"));
    desk.run(&["reconcile", "one.csv", "--acquirer", "adyen", "--execute"])
        .exits(1)
        .says(&["batch 1 pays 98.91 EUR, its lines add up to 98.90 EUR"]);
    // Under the name of the corrupt one, as acquirers do.
    desk.write("one.csv", good);
    desk.run(&["reconcile", "one.csv", "--acquirer", "adyen", "--execute"])
        .exits(0);
    assert_eq!(
        result(&desk).await[..3],
        [
            "match p1-capture by pass 1",
            "break TOTAL_MISMATCH open batch 1 pays 98.91 EUR, its lines add up to 98.90 EUR: 98.91 EUR / 98.90 EUR",
            "1100 EUR 100.00"
        ]
    );
}

#[tokio::test]
async fn what_is_only_together_the_same() {
    // A settlement in two parts, in either order: costs by contract on the whole.
    for lines in [
        ["60.00 EUR ref=A1 cost=0.70", "40.00 EUR ref=A1 cost=0.40"],
        ["40.00 EUR ref=A1 cost=0.40", "60.00 EUR ref=A1 cost=0.70"],
    ] {
        check(
            &format!(
                "sale p1 100.00 EUR ref=A1
                 file one.csv adyen exit=0
                 Settled +{}
                 Settled +{}",
                lines[0], lines[1]
            ),
            "match p1-capture by pass 1
             match p1-capture by pass 1
             1110 EUR 98.90
             2020 EUR -97.80
             4010 EUR -2.00
             4020 EUR -0.20
             5030 EUR 1.10",
        )
        .await;
    }
    // Captured in two parts and reported as one, under our reference alone; each part has its own fee.
    check(
        "authorization p1 100.00 EUR
         capture p1 30.00 EUR name=c1 ref=A1
         capture p1 70.00 EUR name=c2 ref=A2
         file one.csv adyen exit=0
         Settled +100.00 EUR ref=A9 mref=p1 cost=1.10",
        "match c1 by pass 6
         match c2 by pass 6
         1110 EUR 98.90
         2020 EUR -97.60
         4010 EUR -2.00
         4020 EUR -0.40
         5030 EUR 1.10",
    )
    .await;
    // In two batches each part is booked in its own, in either order.
    for lines in [
        ["60.00 EUR ref=A1 cost=0.70", "40.00 EUR ref=A1 cost=0.40 batch=2"],
        ["40.00 EUR ref=A1 cost=0.40 batch=2", "60.00 EUR ref=A1 cost=0.70"],
    ] {
        check(
            &format!(
                "sale p1 100.00 EUR ref=A1
                 file one.csv adyen exit=0
                 Settled +{}
                 Settled +{}",
                lines[0], lines[1]
            ),
            "match p1-capture by pass 1
             match p1-capture by pass 1
             1110 EUR 98.90
             2020 EUR -97.80
             4010 EUR -2.00
             4020 EUR -0.20
             5030 EUR 1.10",
        )
        .await;
    }
    // The contract prices the capture, once: a part of it has no price of its own.
    check(
        "sale p1 100.00 EUR ref=A1
         file one.csv adyen exit=2
         Settled +60.00 EUR ref=A1 cost=0.70
         Settled +40.00 EUR ref=A1 cost=0.50 batch=2",
        "match p1-capture by pass 1
         match p1-capture by pass 1
         break FEE_MISMATCH open p1-capture: 1.10 EUR / 1.20 EUR
         1110 EUR 98.80
         2020 EUR -97.80
         4010 EUR -2.00
         4020 EUR -0.20
         5030 EUR 1.20",
    )
    .await;
}

#[tokio::test]
async fn lines_of_two_captures_that_nobody_can_tell_apart_repeat_nothing() {
    check(
        "authorization p1 60.00 EUR
         capture p1 30.00 EUR name=c1 ref=A1
         capture p1 30.00 EUR name=c2 ref=A1
         file one.csv adyen exit=2
         Settled +30.00 EUR ref=A1 cost=0.40
         Settled +30.00 EUR ref=A1 cost=0.40",
        "break MISSING_IN_LEDGER open A1: - / 30.00 EUR
         break MISSING_IN_LEDGER open A1: - / 30.00 EUR
         1100 EUR 60.00
         1110 EUR 59.20
         2010 EUR -58.40
         2900 EUR -60.00
         4010 EUR -1.20
         4020 EUR -0.40
         5030 EUR 0.80",
    )
    .await;
}
