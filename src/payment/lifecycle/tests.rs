//! Worked examples: what happens to payments, and what it comes to, to the minor unit. How they are written is said in [`book`].

#![allow(
    clippy::arithmetic_side_effects,
    reason = "figures of tests are small, and overflow panics"
)]

mod book;
mod properties;

use self::book::{Unit, play};
use crate::money::Currency;
use chrono::NaiveDate;

/// The currencies in which an example in hundreds is played: 2, 0, 3 and 4 decimals.
const CURRENCIES: [&str; 4] = ["USD", "KRW", "KWD", "CLF"];

/// An amount in hundreds of minor units, in every currency of the settings, as TOML.
fn hundreds(amount: &str) -> String {
    let minor: i64 = amount.replace('.', "").parse().expect("an amount");
    let of = |code: &str| {
        let currency = Currency::parse(code).expect("a currency");
        format!("{code} = \"{}\"", crate::money::decimal_text(minor, currency))
    };
    let amounts: Vec<String> = ["EUR"].iter().chain(&CURRENCIES).map(|code| of(code)).collect();
    format!("{{ {} }}", amounts.join(", "))
}

/// Acquirers that differ in one thing each, and merchants likewise.
fn settings() -> String {
    let own = "{ USD = \"0.30\", EUR = \"0.30\", KRW = \"100\", JPY = \"40\", KWD = \"0.100\", CLF = \"0.0050\" }";
    SETTINGS
        .replace("<own>", own)
        .split('<')
        .map(|part| match part.split_once('>') {
            Some((amount, rest)) => format!("{}{rest}", hundreds(amount)),
            None => part.to_owned(),
        })
        .collect()
}

const SETTINGS: &str = r#"effective_from = "2020-01-01"

[house]
name = "House"
time_zone = "UTC"
bank_account = "main"

[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 3

[[acquirer]]
name = "south"
contract = "net"
settles_within_days = 3

[[acquirer]]
name = "tips"
contract = "net"
settles_within_days = 3
over_capture = "15"

[[acquirer]]
name = "whole"
contract = "net"
settles_within_days = 3
partial_refunds = false

[[acquirer]]
name = "phone"
kind = "carrier"
contract = "gross"
settles_within_days = 70

[[acquirer]]
name = "bell"
kind = "carrier"
contract = "gross"
settles_within_days = 70
unpaid_borne_by = "house"

[[validity]]
scheme = "visa"
valid_for = "7 days"

[[validity]]
scheme = "visa"
initiator = "merchant"
valid_for = "114 hours"

[[validity]]
auth_type = "pre"
valid_for = "30 days"

[[refund]]
method = "carrier"
window = "3 months"
rail = "calendar_month_end"

[[refund]]
method = "wallet"
window = "90 days"

[[refund]]
method = "parts"
max_partial_refunds = 2
minimum = <5.00>

[[vat_class]]
name = "kr"
kind = "added"
rate = "10"
rounding = "down"

[[fee_schedule]]
name = "standard"
percentage = "2.9"
fixed = <0.30>
rounding = "half_even"

[[fee_schedule]]
name = "own"
percentage = "2.9"
fixed = <own>
rounding = "half_even"

[[fee_schedule]]
name = "free"
percentage = "0"
fixed = <0.00>
rounding = "half_even"

[[fee_schedule]]
name = "back"
percentage = "2.9"
fixed = <0.30>
rounding = "half_even"
returned_on_refund = "percentage"
event = { authorization = <0.02>, refund = <0.10>, dispute = <15.00> }

[[fee_schedule]]
name = "taxed"
percentage = "3.5"
fixed = <1.00>
rounding = "half_even"
returned_on_refund = "all"
vat = "kr"
event = { refund = <0.50>, dispute = <15.00> }
dispute_fee_returned_when_won = true

[[fee_schedule]]
name = "micro"
scope = "invoice"
percentage = "3"
fixed = <0.00>
rounding = "half_even"
returned_on_refund = "all"

[[fee_schedule]]
name = "ended"
until = "2026-04-01"
percentage = "2.9"
fixed = <0.30>
rounding = "half_even"
event = { dispute = <15.00> }
dispute_fee_returned_when_won = true

[[fee_schedule]]
name = "dear"
percentage = "0"
fixed = <0.00>
rounding = "half_even"
vat = "kr"
event = { refund = <0.50> }

[[fee_schedule]]
name = "plus"
rounding = "half_even"
vat = { costs = "kr" }

[[fee_schedule.price]]
method = "wallet"
percentage = "1"
fixed = <0.00>
passes_costs = true

[[fee_schedule.price]]
percentage = "1"
fixed = <0.00>

[[merchant]]
name = "m"
fee_schedule = "standard"

[[merchant]]
name = "plus"
fee_schedule = "plus"

[[merchant]]
name = "dear"
fee_schedule = "dear"
refunds_from_reserve = true
negative_limit = <1.00>

[[merchant]]
name = "own"
fee_schedule = "own"

[[merchant]]
name = "free"
fee_schedule = "free"

[[merchant]]
name = "back"
fee_schedule = "back"
negative_limit = <1000.00>

[[merchant]]
name = "taxed"
fee_schedule = "taxed"
negative_limit = <1000.00>

[[merchant]]
name = "micro"
fee_schedule = "micro"
negative_limit = <1000.00>

[[merchant]]
name = "berlin"
fee_schedule = "free"
time_zone = "Europe/Berlin"

[[merchant]]
name = "seoul"
fee_schedule = "free"
time_zone = "Asia/Seoul"

[[merchant]]
name = "rolling"
fee_schedule = "standard"
reserve = { percentage = "10", release_after_days = 180 }

[[merchant]]
name = "unpriced"
fee_schedule = "ended"

[[merchant]]
name = "closed"
fee_schedule = "free"
state = "closed"

[[merchant]]
name = "limit"
fee_schedule = "free"
refunds_from_reserve = true
negative_limit = <50.00>
"#;

/// Plays an example in currencies of 0, 2, 3 and 4 decimals.
#[track_caller]
fn check(script: &str) {
    for code in CURRENCIES {
        play(
            &settings(),
            Unit::Hundreds(Currency::parse(code).expect("a currency")),
            script,
        );
    }
}

/// Plays an example in one currency, as it is written there.
#[track_caller]
fn check_in(code: &str, script: &str) {
    play(
        &settings(),
        Unit::Own(Currency::parse(code).expect("a currency")),
        script,
    );
}

// Promises ------------------------------------------------------------------------------------------------------------

#[test]
fn a_promise_grows_shrinks_and_is_withdrawn() {
    check(
        "
        authorization 100.00
            9010 <- 9020 100.00
        authorization_increment 20.00
            9010 <- 9020 20.00
        authorization_reversal 20.00
            9020 <- 9010 20.00
        state
            authorized 100.00, open 100.00
        authorization_reversal 100.01
            ! exceeds_authorized amount: only {100.00} of the authorization is open
        void 99.99
            ! void_amount_differs amount: a void withdraws all that is open, which is {100.00}
        void 100.00
            9020 <- 9010 100.00
        state
            authorized 100.00, voided 100.00
        balances
        void 100.00
            ! nothing_open payment: nothing of the authorization is open
        authorization_increment 1.00
            ! nothing_open payment: nothing of the authorization is open
        authorization_reversal 1.00
            ! nothing_open payment: nothing of the authorization is open
        capture 0.01
            ! exceeds_authorized amount: only {0.00} of the authorization is open
        authorization 100.00
            ! already_authorized payment: the payment is authorized already
        unknown 100.00
            ! already_authorized payment: the payment is authorized already
        ",
    );
}

#[test]
fn all_of_a_promise_can_be_taken_back() {
    check(
        "
        with merchant=free
        authorization 100.00
            9010 <- 9020 100.00
        capture 30.00
            9020 <- 9010 30.00
            1100 <- 2010 30.00
            item 30.00
        authorization_reversal 70.00
            9020 <- 9010 70.00
        state
            authorized 30.00, captured 30.00
        capture 0.01
            ! exceeds_authorized amount: only {0.00} of the authorization is open
        ",
    );
}

#[test]
fn an_issuer_may_approve_less_than_was_asked() {
    check(
        "
        authorization 60.00 requested=100.00
            9010 <- 9020 60.00
        state
            requested 100.00, authorized 60.00, open 60.00
        capture 60.01
            ! exceeds_authorized amount: only {60.00} of the authorization is open
        authorization 60.00 payment=all requested=60.00
            9010 <- 9020 60.00
        state all
            authorized 60.00, open 60.00
        authorization 60.00 payment=more requested=59.99
            ! approved_above_requested requested_amount: more is approved than was requested
        state more
            unknown
        ",
    );
}

#[test]
fn a_decline_and_a_verification_move_nothing() {
    check(
        "
        decline 100.00
        state
            not authorized
        capture 10.00
            ! payment_declined payment: the payment was declined, never authorized
        void 10.00
            ! payment_declined payment: the payment was declined, never authorized
        refund 10.00
            ! payment_declined payment: the payment was declined, never authorized
        decline 0.00
        authorization 100.00
            9010 <- 9020 100.00
        decline 20.00
        state
            authorized 100.00, open 100.00
        authorization 0.00 payment=card-check
        state card-check
            nothing
        authorization_increment 5.00 payment=card-check
            ! nothing_open payment: nothing of the authorization is open
        capture 5.00 payment=card-check
            ! exceeds_authorized amount: only {0.00} of the authorization is open
        ",
    );
}

#[test]
fn nothing_else_is_of_nothing() {
    let kinds = "authorization_increment authorization_reversal void capture capture_void aggregate refund refund_failure \
                 refund_paid chargeback second_chargeback chargeback_reversal unpaid unpaid_recovery";
    for kind in kinds.split_whitespace() {
        check(&format!(
            "
            authorization 10.00
                9010 <- 9020 10.00
            {kind} 0.00
                ! amount_is_zero amount: the amount is zero
            "
        ));
    }
}

#[test]
fn of_an_unknown_payment_nothing_can_be_asked() {
    let kinds =
        "authorization_increment authorization_reversal void capture capture_void refund refund_failure refund_paid";
    for kind in kinds.split_whitespace() {
        check(&format!(
            "
            {kind} 1.00
                ! unknown_payment payment: the payment has no authorization
            authorization 10.00
                9010 <- 9020 10.00
            {kind} 1.00 in=EUR
                ! currency_differs currency: the payment is in {{currency}}
            {kind} 1.00 acquirer=south
                ! acquirer_differs acquirer: the payment was authorized by `north`
            state
                authorized 10.00, open 10.00
            "
        ));
    }
}

#[test]
fn an_unknown_outcome_is_not_guessed() {
    check(
        "
        unknown 100.00 method=wallet scheme=visa
        state
            not authorized, requested 100.00, method wallet, scheme visa
        capture 100.00
            ! outcome_unknown payment: the outcome of the authorization is unknown: record it as authorized or declined first
        void 100.00
            ! outcome_unknown payment: the outcome of the authorization is unknown: record it as authorized or declined first
        authorization 100.00
            9010 <- 9020 100.00
        state
            authorized 100.00, open 100.00, method wallet, scheme visa, until 2026-03-09T12:00:00Z
        unknown 50.00 payment=q method=wallet
        unknown 40.00 payment=q scheme=visa
        state q
            not authorized, requested 40.00, method wallet, scheme visa
        decline 40.00 payment=q
        state q
            not authorized, method wallet, scheme visa
        capture 40.00 payment=q
            ! payment_declined payment: the payment was declined, never authorized
        authorization 40.00 payment=q acquirer=south
            9010 <- 9020 40.00
        state q
            authorized 40.00, open 40.00
        ",
    );
}

#[test]
fn a_promise_runs_out() {
    check(
        "
        with merchant=free
        authorization 100.00 scheme=visa
            9010 <- 9020 100.00
        state
            authorized 100.00, open 100.00, scheme visa, until 2026-03-09T12:00:00Z
        authorization 10.00 payment=mit scheme=visa initiator=merchant
            9010 <- 9020 10.00
        state mit
            authorized 10.00, open 10.00, scheme visa, until 2026-03-07T06:00:00Z
        authorization 10.00 payment=hotel scheme=mastercard type=pre
            9010 <- 9020 10.00
        state hotel
            authorized 10.00, open 10.00, scheme mastercard, until 2026-04-01T12:00:00Z
        authorization 10.00 payment=said scheme=visa before=2026-03-05T00:00:00Z
            9010 <- 9020 10.00
        state said
            authorized 10.00, open 10.00, scheme visa, until 2026-03-05T00:00:00Z
        authorization 10.00 payment=never
            9010 <- 9020 10.00
        state never
            authorized 10.00, open 10.00
        authorization_increment 5.00 payment=said before=2026-03-12T00:00:00Z
            9010 <- 9020 5.00
        state said
            authorized 15.00, open 15.00, scheme visa, until 2026-03-12T00:00:00Z
        capture 30.00
            9020 <- 9010 30.00
            1100 <- 2010 30.00
            item 30.00
        expire 2026-03-07T05:59:59.999999Z
        expire 2026-03-07T06:00:00Z
            9020 <- 9010 10.00
        expire 2026-03-09T12:00:00Z
            9020 <- 9010 70.00
        expire 2026-03-09T12:00:00Z
        state
            authorized 100.00, captured 30.00, expired 70.00, scheme visa, until 2026-03-09T12:00:00Z
        void 70.00
            ! nothing_open payment: nothing of the authorization is open
        expire 2199-12-31T00:00:00Z
            9020 <- 9010 10.00
            9020 <- 9010 15.00
        ",
    );
}

#[test]
fn a_capture_of_what_had_expired_here_is_a_fact() {
    check(
        "
        with merchant=free acquirer=tips
        authorization 100.00 scheme=visa
            9010 <- 9020 100.00
        expire 2026-03-10
            9020 <- 9010 100.00
        capture 60.00 ref=late
            1100 <- 2010 60.00
            item 60.00
            ? STATUS_MISMATCH {60.00} of it had expired here when it was captured
        state
            authorized 100.00, captured 60.00, expired 40.00, scheme visa, until 2026-03-09T12:00:00Z
        capture 55.01
            ! exceeds_authorized amount: only {55.00} of the authorization is open
        capture 55.00 ref=tip
            1100 <- 2010 55.00
            item 55.00
            ? STATUS_MISMATCH {40.00} of it had expired here when it was captured
        state
            authorized 100.00, captured 115.00, over-captured 15.00, scheme visa, until 2026-03-09T12:00:00Z
        capture_void 60.00 of=late
            2010 <- 1100 60.00
            undoes late
            withdraws late
        state
            authorized 100.00, captured 55.00, expired 45.00, scheme visa, until 2026-03-09T12:00:00Z
        capture_void 55.00 of=tip
            2010 <- 1100 55.00
            undoes tip
            withdraws tip
        state
            authorized 100.00, expired 100.00, scheme visa, until 2026-03-09T12:00:00Z
        ",
    );
}

// Captures ------------------------------------------------------------------------------------------------------------

#[test]
fn a_capture_claims_its_amount_and_costs_its_fee() {
    check(
        "
        authorization 100.00
            9010 <- 9020 100.00
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            item 80.00 fee 2.62
        state
            authorized 100.00, captured 80.00, open 20.00
        balances
            1100 80.00
            2010 77.38
            4010 2.32
            4020 0.30
            9010 20.00
            9020 20.00
        capture 20.01
            ! exceeds_authorized amount: only {20.00} of the authorization is open
        capture 20.00
            9020 <- 9010 20.00
            1100 <- 2010 20.00
            2010 <- 4010 0.58
            2010 <- 4020 0.30
            item 20.00 fee 0.88
        balances
            1100 100.00
            2010 96.50
            4010 2.90
            4020 0.60
        ",
    );
}

#[test]
fn fees_are_of_the_currencys_own_minor_unit() {
    // 31.9, 14.5 and 43.5 won: a half goes to the even neighbour.
    check_in(
        "KRW",
        "
        with merchant=own
        authorization 3100
            9010 <- 9020 3100
        capture 1100
            9020 <- 9010 1100
            1100 <- 2010 1100
            2010 <- 4010 32
            2010 <- 4020 100
            item 1100 fee 132
        capture 500
            9020 <- 9010 500
            1100 <- 2010 500
            2010 <- 4010 14
            2010 <- 4020 100
            item 500 fee 114
        capture 1500
            9020 <- 9010 1500
            1100 <- 2010 1500
            2010 <- 4010 44
            2010 <- 4020 100
            item 1500 fee 144
        ",
    );
    // A fee above its capture: the merchant owes the difference.
    check_in(
        "JPY",
        "
        with merchant=own
        authorization 20
            9010 <- 9020 20
        capture 20
            9020 <- 9010 20
            1100 <- 2010 20
            2010 <- 4010 1
            2010 <- 4020 40
            item 20 fee 41
        balances
            1100 20
            2010 -21
            4010 1
            4020 40
        ",
    );
    // 0.358005 and 0.03580050.
    check_in(
        "KWD",
        "
        with merchant=own
        authorization 12.345
            9010 <- 9020 12.345
        capture 12.345
            9020 <- 9010 12.345
            1100 <- 2010 12.345
            2010 <- 4010 0.358
            2010 <- 4020 0.100
            item 12.345 fee 0.458
        ",
    );
    check_in(
        "CLF",
        "
        with merchant=own
        authorization 1.2345
            9010 <- 9020 1.2345
        capture 1.2345
            9020 <- 9010 1.2345
            1100 <- 2010 1.2345
            2010 <- 4010 0.0358
            2010 <- 4020 0.0050
            item 1.2345 fee 0.0408
        ",
    );
    check_in(
        "EUR",
        "
        with merchant=own
        authorization 1234567890123.45
            9010 <- 9020 1234567890123.45
        capture 1234567890123.45
            9020 <- 9010 1234567890123.45
            1100 <- 2010 1234567890123.45
            2010 <- 4010 35802468813.58
            2010 <- 4020 0.30
            item 1234567890123.45 fee 35802468813.88
        ",
    );
}

#[test]
fn a_final_capture_releases_the_rest() {
    check(
        "
        with merchant=free acquirer=tips
        authorization 100.00
            9010 <- 9020 100.00
        capture 50.00 seq=1
            9020 <- 9010 50.00
            1100 <- 2010 50.00
            item 50.00
        capture 30.00 seq=2 final ref=last
            9020 <- 9010 30.00
            9020 <- 9010 20.00
            1100 <- 2010 30.00
            item 30.00
        state
            authorized 100.00, captured 80.00, voided 20.00
        capture 0.01
            ! exceeds_authorized amount: only {0.00} of the authorization is open
        capture_void 30.00 of=last
            9010 <- 9020 30.00
            9010 <- 9020 20.00
            2010 <- 1100 30.00
            undoes last
            withdraws last
        state
            authorized 100.00, captured 50.00, open 50.00
        capture 50.00 seq=3 final
            9020 <- 9010 50.00
            1100 <- 2010 50.00
            item 50.00
        state
            authorized 100.00, captured 100.00
        ",
    );
}

#[test]
fn a_contract_may_allow_captures_above_the_promise() {
    check(
        "
        with merchant=free acquirer=tips
        authorization 100.00
            9010 <- 9020 100.00
        capture 115.01
            ! exceeds_authorized amount: only {115.00} of the authorization is open
        capture 115.00 ref=whole
            9020 <- 9010 100.00
            1100 <- 2010 115.00
            item 115.00
        state
            authorized 100.00, captured 115.00, over-captured 15.00
        capture 0.01
            ! exceeds_authorized amount: only {0.00} of the authorization is open
        refund 115.01
            ! exceeds_captured amount: only {115.00} is captured and not refunded
        capture_void 115.00 of=whole
            9010 <- 9020 100.00
            2010 <- 1100 115.00
            undoes whole
            withdraws whole
        state
            authorized 100.00, open 100.00
        authorization_increment 20.00
            9010 <- 9020 20.00
        capture 120.00 ref=meal
            9020 <- 9010 120.00
            1100 <- 2010 120.00
            item 120.00
        capture 18.00 ref=tip
            1100 <- 2010 18.00
            item 18.00
        state
            authorized 120.00, captured 138.00, over-captured 18.00
        capture 0.01
            ! exceeds_authorized amount: only {0.00} of the authorization is open
        capture_void 120.00 of=meal
            9010 <- 9020 120.00
            2010 <- 1100 120.00
            undoes meal
            withdraws meal
        state
            authorized 120.00, captured 18.00, over-captured 18.00, open 120.00
        capture 120.01
            ! exceeds_authorized amount: only {120.00} of the authorization is open
        ",
    );
    // 15 % of 0.99 is 0.1485: what is allowed is never rounded up.
    check(
        "
        with merchant=free acquirer=tips
        authorization 0.99
            9010 <- 9020 0.99
        capture 1.14
            ! exceeds_authorized amount: only {1.13} of the authorization is open
        capture 1.13
            9020 <- 9010 0.99
            1100 <- 2010 1.13
            item 1.13
        ",
    );
    // Not beyond a promise that was withdrawn, nor where the contract is silent.
    check(
        "
        with merchant=free acquirer=tips
        authorization 100.00
            9010 <- 9020 100.00
        void 100.00
            9020 <- 9010 100.00
        capture 0.01
            ! exceeds_authorized amount: only {0.00} of the authorization is open
        authorization 100.00 payment=q acquirer=north
            9010 <- 9020 100.00
        capture 100.01 payment=q acquirer=north
            ! exceeds_authorized amount: only {100.00} of the authorization is open
        ",
    );
}

#[test]
fn after_the_last_capture_nothing_goes_beyond_the_promise() {
    check(
        "
        with merchant=free acquirer=tips
        authorization 100.00
            9010 <- 9020 100.00
        capture 100.00 final ref=last
            9020 <- 9010 100.00
            1100 <- 2010 100.00
            item 100.00
        capture 0.01
            ! exceeds_authorized amount: only {0.00} of the authorization is open
        capture_void 100.00 of=last
            9010 <- 9020 100.00
            2010 <- 1100 100.00
            undoes last
            withdraws last
        capture 100.00
            9020 <- 9010 100.00
            1100 <- 2010 100.00
            item 100.00
        capture 15.01
            ! exceeds_authorized amount: only {15.00} of the authorization is open
        capture 15.00 final
            1100 <- 2010 15.00
            item 15.00
        ",
    );
}

#[test]
fn an_order_with_two_payments_is_flagged_and_both_are_booked() {
    let twice = |other: &str| {
        format!(
            "? DUPLICATE_IN_LEDGER payment `{other}` is for `order-1` too, and open or captured: refund one of them if they are one order"
        )
    };
    let script = "
        with merchant=free
        authorization 100.00 payment=a order=order-1
            9010 <- 9020 100.00
        authorization 100.00 payment=b order=order-1
            9010 <- 9020 100.00
            <a>
        void 100.00 payment=a
            9020 <- 9010 100.00
        capture 60.00 payment=b final
            9020 <- 9010 60.00
            9020 <- 9010 40.00
            1100 <- 2010 60.00
            item 60.00
        decline 100.00 payment=c order=order-1
        authorization 100.00 payment=c order=order-1
            9010 <- 9020 100.00
            <b>
        void 100.00 payment=c
            9020 <- 9010 100.00
        refund 60.00 payment=b
            2020 <- 1100 60.00
            item -60.00
        authorization 0.00 payment=d order=order-1
        authorization 30.00 payment=e order=order-1
            9010 <- 9020 30.00
        authorization 30.00 payment=f order=order-2
            9010 <- 9020 30.00
        authorization 30.00 payment=g
            9010 <- 9020 30.00
        void 30.00 payment=e
            9020 <- 9010 30.00
        unknown 10.00 payment=h order=order-1
        authorization 30.00 payment=order-1
            9010 <- 9020 30.00
        authorization 10.00 payment=i order=order-1
            9010 <- 9020 10.00
            <order-1>
        ";
    let script = ["a", "b", "order-1"].iter().fold(script.to_owned(), |script, other| {
        script.replace(&format!("<{other}>"), &twice(other))
    });
    check(&script);
}

#[test]
fn a_capture_may_say_what_was_captured_before() {
    check(
        "
        with merchant=free
        authorization 100.00
            9010 <- 9020 100.00
        capture 30.00 expects=0.00
            9020 <- 9010 30.00
            1100 <- 2010 30.00
            item 30.00
        capture 30.00 expects=0.00
            ! total_differs expected_total: the total so far is {30.00}, not what the event expects
        capture 30.00 expects=30.00
            9020 <- 9010 30.00
            1100 <- 2010 30.00
            item 30.00
        ",
    );
}

#[test]
fn a_capture_is_withdrawn_before_it_is_presented() {
    check(
        "
        authorization 100.00
            9010 <- 9020 100.00
        capture 80.00 ref=c1
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            item 80.00 fee 2.62
        capture 20.00 ref=c2
            9020 <- 9010 20.00
            1100 <- 2010 20.00
            2010 <- 4010 0.58
            2010 <- 4020 0.30
            item 20.00 fee 0.88
        capture_void 79.99 of=c1
            ! original_amount_differs amount: the original is of {80.00}, and is undone whole
        capture_void 80.00 of=c3
            ! unknown_original original: no event of the payment has this reference
        capture_void 100.00 of=e1
            ! original_is_another original: the event of that reference is of kind authorization
        capture_void 80.00 of=c1
            9010 <- 9020 80.00
            2010 <- 1100 80.00
            4010 <- 2010 2.32
            4020 <- 2010 0.30
            undoes c1
            withdraws c1
        state
            authorized 100.00, captured 20.00, open 80.00
        balances
            1100 20.00
            2010 19.12
            4010 0.58
            4020 0.30
            9010 80.00
            9020 80.00
        capture_void 80.00 of=c1
            ! already_undone original: it was undone before
        reported c2
        capture_void 20.00 of=c2
            ! already_presented original: the acquirer has settled it already: refund it instead
        authorization 20.00 payment=q
            9010 <- 9020 20.00
        capture_void 20.00 payment=q of=c2
            ! unknown_original original: no event of the payment has this reference
        ",
    );
}

#[test]
fn a_capture_in_use_is_not_withdrawn() {
    for (fact, undone) in [
        ("refund 10.00\n2020 <- 1100 10.00\nitem -10.00", ""),
        ("chargeback 10.00\n2020 <- 1100 10.00\nitem -10.00", ""),
        (
            "refund 10.00 ref=r\n2020 <- 1100 10.00\nitem -10.00",
            "refund_failure 10.00 of=r\n1100 <- 2020 10.00\nundoes r\nwithdraws r",
        ),
        (
            "chargeback 10.00\n2020 <- 1100 10.00\nitem -10.00",
            "chargeback_reversal 10.00\n1100 <- 2020 10.00\nitem 10.00",
        ),
    ] {
        let indented = |text: &str| text.replacen('\n', "\n            ", 9);
        let outcome = match undone {
            "" => {
                "! capture_in_use original: the payment is refunded, charged back or unpaid: the capture cannot be withdrawn"
            }
            _ => "9010 <- 9020 80.00\n2010 <- 1100 80.00\nundoes c1\nwithdraws c1",
        };
        check(&format!(
            "
        with merchant=free
        authorization 100.00
            9010 <- 9020 100.00
        capture 80.00 ref=c1
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            item 80.00
        capture 20.00 ref=c2
            9020 <- 9010 20.00
            1100 <- 2010 20.00
            item 20.00
        {}
        {}
        capture_void 80.00 of=c1
            {}
            ",
            indented(fact),
            indented(undone),
            indented(outcome)
        ));
    }
}

#[test]
fn a_reserve_is_withheld_of_the_gross() {
    // 180 days after 2026-03-02.
    check(
        "
        with merchant=rolling
        authorization 100.00
            9010 <- 9020 100.00
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            item 80.00 fee 2.62 reserve 8.00 until 2026-08-29
        capture 0.33 at=2026-03-03
            9020 <- 9010 0.33
            1100 <- 2010 0.33
            2010 <- 4010 0.01
            2010 <- 4020 0.30
            item 0.33 fee 0.31 reserve 0.02 until 2026-08-30
        capture 0.31
            9020 <- 9010 0.31
            1100 <- 2010 0.31
            2010 <- 4010 0.01
            2010 <- 4020 0.30
            item 0.31 fee 0.31
        capture 0.05
            9020 <- 9010 0.05
            1100 <- 2010 0.05
            2010 <- 4020 0.30
            item 0.05 fee 0.30
        ",
    );
}

#[test]
fn what_a_date_makes_available_is_known_at_the_capture() {
    check(
        "
        with merchant=rolling available=2026-03-04
        authorization 100.00
            9010 <- 9020 100.00
        capture 80.00 ref=c
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            item 80.00 fee 2.62 reserve 8.00 until 2026-08-29 matures
            matures 77.38 on 2026-03-04 reserve 8.00 until 2026-08-29
        capture_void 80.00 of=c
            9010 <- 9020 80.00
            2010 <- 1100 80.00
            4010 <- 2010 2.32
            4020 <- 2010 0.30
            undoes c
            withdraws c
            matures -77.38 on 2026-03-04 reserve -8.00 until 2026-08-29
        balances
            9010 100.00
            9020 100.00
        ",
    );
}

#[test]
fn captures_are_handed_in_as_one() {
    check(
        "
        with merchant=rolling
        authorization 50.00
            9010 <- 9020 50.00
        aggregate 10.00 aggregate=monday items=1
            ! unknown_aggregate aggregate: no capture names this aggregate
        capture 10.00 aggregate=monday ref=a
            9020 <- 9010 10.00
            1100 <- 2010 10.00
            2010 <- 4010 0.29
            2010 <- 4020 0.30
            tray 1 10.00 fee 0.59 reserve 1.00
        capture 20.00 aggregate=monday ref=b
            9020 <- 9010 20.00
            1100 <- 2010 20.00
            2010 <- 4010 0.58
            2010 <- 4020 0.30
            tray 2 30.00 fee 1.47 reserve 3.00
        capture 5.00 aggregate=monday ref=c
            9020 <- 9010 5.00
            1100 <- 2010 5.00
            2010 <- 4010 0.14
            2010 <- 4020 0.30
            tray 3 35.00 fee 1.91 reserve 3.50
        capture 1.00 aggregate=monday in=EUR payment=q
            ! unknown_payment payment: the payment has no authorization
        authorization 9.00 payment=q acquirer=south
            9010 <- 9020 9.00
        capture 9.00 aggregate=monday payment=q acquirer=south
            ! aggregate_differs aggregate: the aggregate is of another acquirer or currency, passes other costs on, or becomes available by another rule
        capture_void 20.00 of=b
            9010 <- 9020 20.00
            2010 <- 1100 20.00
            4010 <- 2010 0.58
            4020 <- 2010 0.30
            undoes b
            tray 2 15.00 fee 1.03 reserve 1.50
        aggregate 15.00 aggregate=monday items=3
            ! aggregate_items_differ items: the aggregate holds 2 captures
        aggregate 15.01 aggregate=monday items=2
            ! aggregate_amount_differs amount: the captures of the aggregate come to {15.00}
        aggregate 15.00 aggregate=monday items=2 acquirer=south
            ! aggregate_differs aggregate: the aggregate is of another acquirer or currency, passes other costs on, or becomes available by another rule
        aggregate 15.00 aggregate=monday items=2
            item 15.00 fee 1.03 reserve 1.50 until 2026-08-29
            tray 2 15.00 fee 1.03 reserve 1.50
        aggregate 15.00 aggregate=monday items=2
            ! aggregate_closed aggregate: the aggregate was handed in with entry 7: nothing joins it any more
        capture 1.00 aggregate=monday
            ! aggregate_closed aggregate: the aggregate was handed in with entry 7: nothing joins it any more
        capture_void 10.00 of=a
            ! already_presented original: the acquirer has settled it already: refund it instead
        capture 1.00 aggregate=tuesday
            9020 <- 9010 1.00
            1100 <- 2010 1.00
            2010 <- 4010 0.03
            2010 <- 4020 0.30
            tray 1 1.00 fee 0.33 reserve 0.10
        ",
    );
}

#[test]
fn an_aggregate_passes_costs_on_or_does_not() {
    check(
        "
        with merchant=plus
        authorization 50.00 method=wallet
            9010 <- 9020 50.00
        authorization 50.00 payment=card method=card
            9010 <- 9020 50.00
        capture 10.00 aggregate=monday ref=a
            9020 <- 9010 10.00
            1100 <- 2010 10.00
            2010 <- 4010 0.10
            tray 1 10.00 fee 0.10
        capture 10.00 aggregate=monday payment=card
            ! aggregate_differs aggregate: the aggregate is of another acquirer or currency, passes other costs on, or becomes available by another rule
        capture 10.00 aggregate=tuesday payment=card
            9020 <- 9010 10.00
            1100 <- 2010 10.00
            2010 <- 4010 0.10
            tray 1 10.00 fee 0.10
        capture 10.00 aggregate=tuesday
            ! aggregate_differs aggregate: the aggregate is of another acquirer or currency, passes other costs on, or becomes available by another rule
        capture 20.00 aggregate=monday
            9020 <- 9010 20.00
            1100 <- 2010 20.00
            2010 <- 4010 0.20
            tray 2 30.00 fee 0.30
        aggregate 30.00 aggregate=monday items=2
            item 30.00 fee 0.30 passes-costs added 10 down
            tray 2 30.00 fee 0.30
        aggregate 10.00 aggregate=tuesday items=1
            item 10.00 fee 0.10
            tray 1 10.00 fee 0.10
        ",
    );
}

#[test]
fn an_aggregate_becomes_available_by_one_rule() {
    check(
        "
        with merchant=free
        authorization 50.00
            9010 <- 9020 50.00
        capture 10.00 aggregate=monday
            9020 <- 9010 10.00
            1100 <- 2010 10.00
            tray 1 10.00
        with available=2026-03-04
        capture 10.00 aggregate=monday
            ! aggregate_differs aggregate: the aggregate is of another acquirer or currency, passes other costs on, or becomes available by another rule
        capture 10.00 aggregate=tuesday
            9020 <- 9010 10.00
            1100 <- 2010 10.00
            matures 10.00 on 2026-03-04
            tray 1 10.00
        aggregate 10.00 aggregate=monday items=1
            item 10.00
            tray 1 10.00
        aggregate 10.00 aggregate=tuesday items=1
            item 10.00 matures
            tray 1 10.00
        ",
    );
}

#[test]
fn what_a_velocity_rule_holds_is_set_aside_at_once() {
    // Its day does not find it, as long as it is held.
    check(
        "
        with merchant=rolling held=night available=2026-03-04
        authorization 100.00
            9010 <- 9020 100.00
        capture 80.00 ref=c
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            2010 <- 2040 77.38
            item 80.00 fee 2.62 reserve 8.00 until 2026-08-29 matures
            holds 77.38 by night
        capture_void 80.00 of=c
            9010 <- 9020 80.00
            2010 <- 1100 80.00
            4010 <- 2010 2.32
            4020 <- 2010 0.30
            2040 <- 2010 77.38
            undoes c
            withdraws c
            ends its hold
        capture 80.00 ref=d
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            2010 <- 2040 77.38
            item 80.00 fee 2.62 reserve 8.00 until 2026-08-29 matures
            holds 77.38 by night
        given 2040 <- 2010 77.38
        released d
        capture_void 80.00 of=d
            9010 <- 9020 80.00
            2010 <- 1100 80.00
            4010 <- 2010 2.32
            4020 <- 2010 0.30
            2040 <- 2010 77.38
            2010 <- 2040 77.38
            undoes d
            withdraws d
            matures -77.38 on 2026-03-04 reserve -8.00 until 2026-08-29
        balances
            9010 100.00
            9020 100.00
        capture 0.20
            9020 <- 9010 0.20
            1100 <- 2010 0.20
            2010 <- 4010 0.01
            2010 <- 4020 0.30
            item 0.20 fee 0.31 matures
            matures -0.11 on 2026-03-04
        ",
    );
}

#[test]
fn to_a_match_what_is_held_is_as_good_as_a_fee() {
    check(
        "
        with merchant=rolling held=night
        authorization 100.00
            9010 <- 9020 100.00
        capture 80.00 ref=c
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            2010 <- 2040 77.38
            item 80.00 fee 80.00
            holds 77.38 by night
        given 2040 <- 2010 77.38
        released c
        capture_void 80.00 of=c
            9010 <- 9020 80.00
            2010 <- 1100 80.00
            4010 <- 2010 2.32
            4020 <- 2010 0.30
            2040 <- 2010 77.38
            2010 <- 2040 77.38
            undoes c
            withdraws c
        capture 80.00 ref=d aggregate=monday
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            2010 <- 2040 77.38
            tray 1 80.00 fee 80.00
            holds 77.38 by night
        capture_void 80.00 of=d
            9010 <- 9020 80.00
            2010 <- 1100 80.00
            4010 <- 2010 2.32
            4020 <- 2010 0.30
            2040 <- 2010 77.38
            undoes d
            tray 0 0.00
            ends its hold
        ",
    );
}

// Refunds -------------------------------------------------------------------------------------------------------------

/// A payment of 80.00, captured, and reported by the acquirer.
const CAPTURED: &str = "
        authorization 100.00
            9010 <- 9020 100.00
        capture 80.00 ref=c final
            9020 <- 9010 80.00
            9020 <- 9010 20.00
            1100 <- 2010 80.00
            item 80.00
        reported c";

/// An example that goes on after [`CAPTURED`], for a merchant without fees.
#[track_caller]
fn check_captured(script: &str) {
    check(&format!("\n        with merchant=free{CAPTURED}{script}"));
}

#[test]
fn refunds_stay_within_the_capture() {
    check_captured(
        "
        refund 80.01
            ! exceeds_captured amount: only {80.00} is captured and not refunded
        refund 80.00
            2020 <- 1100 80.00
            item -80.00
        refund 0.01
            ! exceeds_captured amount: only {0.00} is captured and not refunded
        balances
            2010 80.00
            2020 -80.00
        ",
    );
    check_captured(
        "
        refund 30.00
            2020 <- 1100 30.00
            item -30.00
        refund 25.00
            2020 <- 1100 25.00
            item -25.00
        refund 25.01
            ! exceeds_captured amount: only {25.00} is captured and not refunded
        refund 25.00
            2020 <- 1100 25.00
            item -25.00
        state
            authorized 100.00, captured 80.00, voided 20.00, refunded 80.00
        ",
    );
}

#[test]
fn fees_go_back_in_proportion_and_add_up() {
    // 2.32 x 30/80 = 0.87; x 55/80 = 1.595, so 1.60 in all; x 80/80 = 2.32. The fixed part stays, and each refund costs 0.10.
    check(
        "
        with merchant=back
        authorization 100.00
            9010 <- 9020 100.00
            2020 <- 4020 0.02
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            item 80.00 fee 2.62
        refund 30.00
            2020 <- 1100 30.00
            4090 <- 2020 0.87
            2020 <- 4020 0.10
            item -30.00
        refund 25.00 ref=second
            2020 <- 1100 25.00
            4090 <- 2020 0.73
            2020 <- 4020 0.10
            item -25.00
        refund 25.00
            2020 <- 1100 25.00
            4090 <- 2020 0.72
            2020 <- 4020 0.10
            item -25.00
        balances
            2010 77.38
            2020 -78.00
            4010 2.32
            4020 0.62
            4090 2.32
            9010 20.00
            9020 20.00
        refund_failure 25.00 of=second
            1100 <- 2020 25.00
            2020 <- 4090 0.73
            4020 <- 2020 0.10
            undoes second
            withdraws second
        refund 25.00
            2020 <- 1100 25.00
            4090 <- 2020 0.73
            2020 <- 4020 0.10
            item -25.00
        ",
    );
}

#[test]
fn a_fee_has_its_vat_and_both_go_back() {
    // 3.5 % of 10,000 won is 350, its VAT 35; the fixed 100 has 10.
    check_in(
        "KRW",
        "
        with merchant=taxed
        authorization 10000
            9010 <- 9020 10000
        capture 10000
            9020 <- 9010 10000
            1100 <- 2010 10000
            2010 <- 4010 350
            2010 <- 2300 35
            2010 <- 4020 100
            2010 <- 2300 10
            item 10000 fee 495
        refund 3333 ref=r
            2020 <- 1100 3333
            4090 <- 2020 150
            2300 <- 2020 15
            2020 <- 4020 50
            2020 <- 2300 5
            item -3333
        refund_failure 3333 of=r
            1100 <- 2020 3333
            2020 <- 4090 150
            2020 <- 2300 15
            4020 <- 2020 50
            2300 <- 2020 5
            undoes r
            withdraws r
        balances
            1100 10000
            2010 9505
            2300 45
            4010 350
            4020 100
        refund 10000
            2020 <- 1100 10000
            4090 <- 2020 450
            2300 <- 2020 45
            2020 <- 4020 50
            2020 <- 2300 5
            item -10000
        balances
            2010 9505
            2020 -9560
            2300 5
            4010 350
            4020 150
            4090 450
        ",
    );
}

#[test]
fn fees_below_a_minor_unit_are_added_up() {
    // 3 % of 10 won is 0.3: after three 0.9, posted 1.
    check_in(
        "KRW",
        "
        with merchant=micro
        authorization 40
            9010 <- 9020 40
        capture 10
            9020 <- 9010 10
            1100 <- 2010 10
            item 10
            accrues percentage 0.3 to 0.3
        capture 10 ref=second
            9020 <- 9010 10
            1100 <- 2010 10
            2010 <- 4010 1
            item 10 fee 1
            accrues percentage 0.3 to 0.6
        capture 10
            9020 <- 9010 10
            1100 <- 2010 10
            item 10
            accrues percentage 0.3 to 0.9
        capture_void 10 of=second
            9010 <- 9020 10
            2010 <- 1100 10
            4010 <- 2010 1
            2020 <- 4010 1
            undoes second
            withdraws second
            accrues percentage -0.3 to 0.6
        refund 20
            2020 <- 1100 20
            4090 <- 2020 1
            item -20
            accrues percentage -0.6 to 0
        balances
            2010 20
            2020 -20
            4010 1
            4090 1
            9010 20
            9020 20
        ",
    );
}

#[test]
fn a_refund_says_which_it_is() {
    check_captured(
        "
        refund 30.00 noref
            ! reference_needed reference: a partial refund needs a reference, or expected_total: what was refunded of the payment before
        refund 30.00 noref expects=0.01
            ! total_differs expected_total: the total so far is {0.00}, not what the event expects
        refund 30.00 noref expects=0.00
            2020 <- 1100 30.00
            item -30.00
        refund 30.00 expects=0.00
            ! total_differs expected_total: the total so far is {30.00}, not what the event expects
        refund 30.00 noref expects=30.00
            2020 <- 1100 30.00
            item -30.00
        refund 20.00 noref
            ! reference_needed reference: a partial refund needs a reference, or expected_total: what was refunded of the payment before
        refund 20.00 ref=rest
            2020 <- 1100 20.00
            item -20.00
        ",
    );
    check_captured(
        "
        refund 80.00 noref
            2020 <- 1100 80.00
            item -80.00
        refund 80.00
            ! exceeds_captured amount: only {0.00} is captured and not refunded
        ",
    );
}

#[test]
fn a_refund_window_ends_at_the_merchants_midnight() {
    let window = |zone: &str, method: &str, captured: &str, last: &str, late: &str, first_late: &str| {
        check(&format!(
            "
            with merchant={zone}
            authorization 80.00 {method} at={captured}
                9010 <- 9020 80.00
            capture 80.00
                9020 <- 9010 80.00
                1100 <- 2010 80.00
                item 80.00
            refund 10.00 at={late}
                ! refund_too_late occurred_at: the refund window is over: {first_late} was the first day too late
            refund 10.00 by=transfer
                ! refund_too_late occurred_at: the refund window is over: {first_late} was the first day too late
            refund 10.00 at={last}
                2020 <- 1100 10.00
                item -10.00
            "
        ));
    };
    // Three months are not 90 days.
    let july = "2026-07-01T10:00:00+02:00";
    let (last, late) = ("2026-10-01T23:59:59.999999+02:00", "2026-10-02T00:00:00+02:00");
    window("berlin", "", july, last, late, "2026-10-02");
    let (last, late) = ("2026-09-29T23:59:59.999999+02:00", "2026-09-30T00:00:00+02:00");
    window("berlin", "method=wallet", july, last, late, "2026-09-30");
    // The first and the last instant of a day in Seoul, where it is nine hours later.
    let (last, late) = ("2026-10-01T14:59:59Z", "2026-10-01T15:00:00Z");
    window("seoul", "", "2026-06-30T15:00:00Z", last, late, "2026-10-02");
    let (last, late) = ("2026-09-30T14:59:59Z", "2026-09-30T15:00:00Z");
    window("seoul", "", "2026-06-30T14:59:59Z", last, late, "2026-10-01");
    let (last, late) = ("2026-10-01T23:59:59Z", "2026-10-02T00:00:00Z");
    window("free", "", "2026-07-01T00:00:00Z", last, late, "2026-10-02");
    // Berlin's last day has 25 hours in October, 23 in March.
    let (last, late) = ("2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z");
    window("berlin", "", "2026-07-25T12:00:00+02:00", last, late, "2026-10-26");
    let (last, late) = ("2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z");
    window("berlin", "", "2025-12-29T12:00:00+01:00", last, late, "2026-03-30");
    // The end of February stays in February.
    let (last, late) = ("2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z");
    window("free", "", "2025-11-30T12:00:00Z", last, late, "2026-03-01");
}

#[test]
fn a_refund_window_begins_with_the_latest_capture() {
    check(
        "
        with merchant=free
        authorization 100.00 at=2026-07-01
            9010 <- 9020 100.00
        capture 50.00
            9020 <- 9010 50.00
            1100 <- 2010 50.00
            item 50.00
        capture 50.00 at=2026-07-15
            9020 <- 9010 50.00
            1100 <- 2010 50.00
            item 50.00
        refund 100.00 at=2026-10-15
            2020 <- 1100 100.00
            item -100.00
        ",
    );
}

#[test]
fn a_withdrawn_capture_does_not_lengthen_the_refund_window() {
    // The 1st and twice the 15th of July, the 1st of August; withdrawn until only the first stands.
    // Three months: then the 1st of October is the last day.
    let captured = |withdrawn: &[&str], at: &str| {
        let voids = withdrawn.iter().map(|capture| {
            format!(
                "
        capture_void 20.00 of={capture}
            9010 <- 9020 20.00
            2010 <- 1100 20.00
            undoes {capture}
            withdraws {capture}"
            )
        });
        let capture = |name: &str, at: &str| {
            format!(
                "
        capture 20.00 ref={name} at={at}
            9020 <- 9010 20.00
            1100 <- 2010 20.00
            item 20.00"
            )
        };
        let late: NaiveDate = at.parse().expect("a day");
        format!(
            "
        with merchant=free
        authorization 100.00 at=2026-07-01
            9010 <- 9020 100.00{}{}{}{}{}
        refund 10.00 at={}
            ! refund_too_late occurred_at: the refund window is over: {late} was the first day too late
        refund 10.00 at={}
            2020 <- 1100 10.00
            item -10.00
        ",
            capture("c", "2026-08-01"),
            capture("a", "2026-07-01"),
            capture("b", "2026-07-15"),
            capture("d", "2026-07-15"),
            voids.collect::<String>(),
            late,
            late.pred_opt().expect("a day"),
        )
    };
    check(&captured(&[], "2026-11-02"));
    check(&captured(&["c"], "2026-10-16"));
    check(&captured(&["b"], "2026-11-02"));
    check(&captured(&["c", "b"], "2026-10-16"));
    check(&captured(&["b", "c", "d"], "2026-10-02"));
    check(&captured(&["a", "d", "c"], "2026-10-16"));
}

#[test]
fn where_the_rail_is_closed_a_refund_goes_by_transfer() {
    check(
        "
        with merchant=seoul acquirer=phone
        authorization 80.00 method=carrier at=2026-07-20T09:00:00+09:00
            9010 <- 9020 80.00
        capture 80.00
            9020 <- 9010 80.00
            1130 <- 2010 80.00
            item 80.00
        refund 10.00 at=2026-07-31T23:59:59+09:00
            2020 <- 1130 10.00
            item -10.00
        refund 10.00 at=2026-08-01T00:00:00+09:00
            ! rail_closed by: the acquirer takes no refund of it any more (2026-08-01 was the first day too late): refund it by transfer
        refund 30.00 by=transfer ref=r
            2020 <- 2200 30.00
        refund 40.00 by=transfer ref=s
            2020 <- 2200 40.00
        refund_paid 29.99 of=r
            ! original_amount_differs amount: the original is of {30.00}, and is undone whole
        refund_paid 30.00 of=r
            2200 <- 1010 30.00
        refund_paid 30.00 of=r
            ! not_payable original: it is no refund by transfer that waits to be paid
        refund_failure 40.00 of=s
            2200 <- 2020 40.00
            undoes s
        refund_paid 40.00 of=s
            ! already_undone original: it was undone before
        balances
            1010 -30.00
            1130 70.00
            2010 80.00
            2020 -40.00
        refund_failure 30.00 of=r
            2200 <- 2020 30.00
            1010 <- 2200 30.00
            undoes r
        balances
            1130 70.00
            2010 80.00
            2020 -10.00
        refund 70.00 by=transfer at=2026-10-20T23:59:59+09:00
            2020 <- 2200 70.00
        refund 1.00 by=transfer at=2026-10-21T00:00:00+09:00
            ! exceeds_captured amount: only {0.00} is captured and not refunded
        ",
    );
}

#[test]
fn some_rails_refund_whole_captures_only() {
    check(
        "
        with merchant=free acquirer=whole
        authorization 80.00
            9010 <- 9020 80.00
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            item 80.00
        refund 79.99
            ! partial_refund amount: this acquirer refunds whole captures only: {80.00}
        refund 80.00 ref=r
            2020 <- 1100 80.00
            item -80.00
        refund_paid 80.00 of=r
            ! not_payable original: it is no refund by transfer that waits to be paid
        refund_failure 80.00 of=r
            1100 <- 2020 80.00
            undoes r
            withdraws r
        refund 30.00 by=transfer
            2020 <- 2200 30.00
        refund 50.00
            ! partial_refund amount: this acquirer refunds whole captures only: {80.00}
        ",
    );
}

#[test]
fn a_method_may_limit_the_parts_of_a_refund() {
    check(
        "
        with merchant=free
        authorization 80.00 method=parts
            9010 <- 9020 80.00
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            item 80.00
        refund 4.99
            ! refund_below_minimum amount: the method refunds {5.00} at least, or all that is left, which is {80.00}
        refund 5.00
            2020 <- 1100 5.00
            item -5.00
        refund 30.00 by=transfer ref=second
            2020 <- 2200 30.00
        refund 44.99
            ! too_many_partial_refunds amount: the method takes at most 2 partial refunds of a payment: only all that is left can be refunded, which is {45.00}
        refund_failure 30.00 of=second
            2200 <- 2020 30.00
            undoes second
        refund 70.01
            2020 <- 1100 70.01
            item -70.01
        refund 4.98
            ! refund_below_minimum amount: the method refunds {5.00} at least, or all that is left, which is {4.99}
        refund 4.99
            2020 <- 1100 4.99
            item -4.99
        refund 0.01
            ! exceeds_captured amount: only {0.00} is captured and not refunded
        ",
    );
    // The whole is no part of itself, and what is captured later can be refunded whole.
    check(
        "
        with merchant=free
        authorization 80.00 method=parts
            9010 <- 9020 80.00
        capture 3.00
            9020 <- 9010 3.00
            1100 <- 2010 3.00
            item 3.00
        refund 3.00
            2020 <- 1100 3.00
            item -3.00
        capture 77.00
            9020 <- 9010 77.00
            1100 <- 2010 77.00
            item 77.00
        refund 10.00
            2020 <- 1100 10.00
            item -10.00
        refund 10.00
            ! too_many_partial_refunds amount: the method takes at most 2 partial refunds of a payment: only all that is left can be refunded, which is {67.00}
        refund 67.00
            2020 <- 1100 67.00
            item -67.00
        ",
    );
}

#[test]
fn a_request_for_information_moves_nothing() {
    check(
        "
        with merchant=free
        authorization 80.00
            9010 <- 9020 80.00
        information_request 80.00 case=D1
            ? CHARGEBACK_UNKNOWN information is asked for a payment that was never captured here
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            item 80.00
        information_request 80.00 case=D2 respond_by=2026-03-20T00:00:00Z
        information_request 0.00 case=D3
        refund 30.00
            2020 <- 1100 30.00
            item -30.00
        chargeback 80.00 case=D2 respond_by=2026-04-01T00:00:00Z
            2020 <- 1100 80.00
            item -80.00
            ? DOUBLE_RECOVERY {30.00} of the captured {80.00} is refunded, {80.00} charged back
        information_request 80.00 case=D2 cycle=2
        refund 1.00
            ! charged_back payment: the payment is charged back; a refund would pay the shopper twice
        ",
    );
}

/// A captured payment of a merchant who has 20.00 available, 30.00 pending and 8.00 in reserve.
fn with_funds(merchant: &str) -> String {
    format!(
        "
        with merchant={merchant}
        authorization 200.00
            9010 <- 9020 200.00
        capture 200.00
            9020 <- 9010 200.00
            1100 <- 2010 200.00
            item 200.00
        given 2010 <- 1010 200.00
        given 1010 <- 2020 20.00
        given 1010 <- 2010 30.00
        given 1010 <- 2030 8.00"
    )
}

#[test]
fn a_refund_takes_available_then_pending_then_reserve_then_the_limit() {
    let covered = |amount: &str, reserve: &str| {
        let (transfer, back, taken) = match reserve {
            "" => (String::new(), String::new(), String::new()),
            _ => (
                format!("2030 <- 2020 {reserve}"),
                format!("2020 <- 2030 {reserve}"),
                format!("reserve {reserve}"),
            ),
        };
        let returned = if reserve.is_empty() {
            String::new()
        } else {
            format!("reserve -{reserve}")
        };
        check(&format!(
            "{}
        refund {amount} ref=r
            2020 <- 1100 {amount}
            {transfer}
            item -{amount}
            {taken}
        refund_failure {amount} of=r
            1100 <- 2020 {amount}
            {back}
            undoes r
            withdraws r
            {returned}
        balances
            1010 -142.00
            1100 200.00
            2010 30.00
            2020 20.00
            2030 8.00
            ",
            with_funds("limit")
        ));
    };
    covered("20.00", "");
    covered("20.01", "");
    covered("50.00", "");
    covered("50.01", "0.01");
    covered("58.00", "8.00");
    covered("58.01", "8.00");
    covered("108.00", "8.00");
    check(&format!(
        "{}
        refund 108.01
            ! insufficient_balance amount: the merchant's balance of {{58.00}} and its negative limit of {{50.00}} do not cover it
        refund 107.00
            2020 <- 1100 107.00
            2030 <- 2020 8.00
            item -107.00
            reserve 8.00
        refund 1.01
            ! insufficient_balance amount: the merchant's balance of {{-49.00}} and its negative limit of {{50.00}} do not cover it
        refund 1.00
            2020 <- 1100 1.00
            item -1.00
        balances
            1010 -142.00
            1100 92.00
            2010 30.00
            2020 -80.00
        ",
        with_funds("limit")
    ));
    // Without a limit, and without leave to use the reserve.
    check(&format!(
        "{}
        refund 50.01
            ! insufficient_balance amount: the merchant's balance of {{50.00}} and its negative limit of {{0.00}} do not cover it
        refund 50.00
            2020 <- 1100 50.00
            item -50.00
        refund 0.01
            ! insufficient_balance amount: the merchant's balance of {{0.00}} and its negative limit of {{0.00}} do not cover it
        ",
        with_funds("free")
    ));
}

/// A merchant of whom a refund costs 0.55, with so much available, in debt where that is negative, and so much in reserve.
fn with_own(available: &str, reserve: &str) -> String {
    let given = match available.strip_prefix('-') {
        Some(debt) => format!("2020 <- 1010 {debt}"),
        None => format!("1010 <- 2020 {available}"),
    };
    format!(
        "
        with merchant=dear
        authorization 100.00
            9010 <- 9020 100.00
        capture 100.00
            9020 <- 9010 100.00
            1100 <- 2010 100.00
            item 100.00
        given 2010 <- 1010 100.00
        given {given}
        given 1010 <- 2030 {reserve}"
    )
}

#[test]
fn what_a_refund_costs_is_covered_too() {
    // 10.00 and 0.55 are 1.00 more than 9.55.
    check(&format!(
        "{}
        refund 10.01
            ! insufficient_balance amount: the merchant's balance of {{9.55}} and its negative limit of {{1.00}} do not cover it
        refund 10.00
            2020 <- 1100 10.00
            2020 <- 4020 0.50
            2020 <- 2300 0.05
            item -10.00
        ",
        with_own("9.55", "0.01").replace("given 1010 <- 2030 0.01", "")
    ));
    // What goes back with it counts as well: of 3.20, 2.90.
    check(
        "
        with merchant=back
        authorization 100.00
            9010 <- 9020 100.00
            2020 <- 4020 0.02
        capture 100.00
            9020 <- 9010 100.00
            1100 <- 2010 100.00
            2010 <- 4010 2.90
            2010 <- 4020 0.30
            item 100.00 fee 3.20
        given 2010 <- 1010 999.58
        given 2020 <- 1010 0.01
        refund 100.00
            ! insufficient_balance amount: the merchant's balance of {-902.81} and its negative limit of {1000.00} do not cover it
        given 1010 <- 2020 0.01
        refund 100.00
            2020 <- 1100 100.00
            4090 <- 2020 2.90
            2020 <- 4020 0.10
            item -100.00
        ",
    );
}

#[test]
fn a_reserve_covers_a_refund_and_not_what_was_owed_before() {
    check(&format!(
        "{}
        refund 10.00 ref=r
            2020 <- 1100 10.00
            2030 <- 2020 10.55
            2020 <- 4020 0.50
            2020 <- 2300 0.05
            item -10.00
            reserve 10.55
        refund 48.91
            ! insufficient_balance amount: the merchant's balance of {{-0.55}} and its negative limit of {{1.00}} do not cover it
        refund 48.90
            2020 <- 1100 48.90
            2030 <- 2020 49.45
            2020 <- 4020 0.50
            2020 <- 2300 0.05
            item -48.90
            reserve 49.45
        balances
            1010 -90.00
            1100 41.10
            2020 -50.00
            2300 0.10
            4020 1.00
        ",
        with_own("-50.00", "60.00")
    ));
}

#[test]
fn a_refund_that_failed_is_as_if_it_had_not_been() {
    check_captured(
        "
        refund 30.00 ref=r
            2020 <- 1100 30.00
            item -30.00
        refund_failure 29.99 of=r
            ! original_amount_differs amount: the original is of {30.00}, and is undone whole
        refund_failure 80.00 of=c
            ! original_is_another original: the event of that reference is of kind capture
        refund_failure 30.00 of=x
            ! unknown_original original: no event of the payment has this reference
        refund_failure 30.00 of=r
            1100 <- 2020 30.00
            undoes r
            withdraws r
        refund_failure 30.00 of=r
            ! already_undone original: it was undone before
        state
            authorized 100.00, captured 80.00, voided 20.00
        refund 80.00 ref=s
            2020 <- 1100 80.00
            item -80.00
        reported s
        refund_failure 80.00 of=s
            1100 <- 2020 80.00
            undoes s
            item 80.00
        balances
            1100 80.00
            2010 80.00
        ",
    );
}

// Disputes ------------------------------------------------------------------------------------------------------------

#[test]
fn a_chargeback_takes_the_money_a_fee_and_a_cost() {
    check(
        "
        with merchant=back
        authorization 100.00
            9010 <- 9020 100.00
            2020 <- 4020 0.02
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            item 80.00 fee 2.62
        chargeback 80.00 cost=10.00
            2020 <- 1100 80.00
            2020 <- 4030 15.00
            5040 <- 1100 10.00
            item -80.00 cost 10.00
        state
            authorized 100.00, captured 80.00, charged-back 80.00, open 20.00
        refund 1.00
            ! charged_back payment: the payment is charged back; a refund would pay the shopper twice
        chargeback_reversal 80.00
            1100 <- 2020 80.00
            item 80.00
        state
            authorized 100.00, captured 80.00, open 20.00
        second_chargeback 80.00 cost=10.00
            2020 <- 1100 80.00
            2020 <- 4030 15.00
            5040 <- 1100 10.00
            item -80.00 cost 10.00
        balances
            1100 -20.00
            2010 77.38
            2020 -110.02
            4010 2.32
            4020 0.32
            4030 30.00
            5040 20.00
            9010 20.00
            9020 20.00
        ",
    );
}

#[test]
fn a_won_dispute_may_give_its_fee_back() {
    check(
        "
        with merchant=taxed
        authorization 80.00
            9010 <- 9020 80.00
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.80
            2010 <- 2300 0.28
            2010 <- 4020 1.00
            2010 <- 2300 0.10
            item 80.00 fee 4.18
        chargeback 80.00
            2020 <- 1100 80.00
            2020 <- 4030 15.00
            2020 <- 2300 1.50
            item -80.00
        state
            authorized 80.00, captured 80.00, charged-back 80.00, dispute-fee 16.50
        chargeback_reversal 30.00
            1100 <- 2020 30.00
            item 30.00
        chargeback_reversal 50.00
            1100 <- 2020 50.00
            4090 <- 2020 15.00
            2300 <- 2020 1.50
            item 50.00
        state
            authorized 80.00, captured 80.00
        balances
            1100 80.00
            2010 75.82
            2300 0.38
            4010 2.80
            4020 1.00
            4030 15.00
            4090 15.00
        ",
    );
}

#[test]
fn a_reversal_gives_back_what_was_taken_and_no_more() {
    check_captured(
        "
        chargeback 50.00
            2020 <- 1100 50.00
            item -50.00
        chargeback_reversal 20.00
            1100 <- 2020 20.00
            item 20.00
        state
            authorized 100.00, captured 80.00, voided 20.00, charged-back 30.00
        refund 1.00
            ! charged_back payment: the payment is charged back; a refund would pay the shopper twice
        chargeback_reversal 30.01
            1100 <- 2020 30.00
            1100 <- 2900 0.01
            item 30.01
            ? AMOUNT_MISMATCH {0.01} given back beyond what was taken
        chargeback_reversal 5.00
            1100 <- 2900 5.00
            item 5.00
            ? AMOUNT_MISMATCH {5.00} given back beyond what was taken
        refund 1.00
            2020 <- 1100 1.00
            item -1.00
        ",
    );
}

#[test]
fn what_an_acquirer_takes_is_booked_and_flagged() {
    // More than was captured, at once and in two.
    check_captured(
        "
        chargeback 80.00
            2020 <- 1100 80.00
            item -80.00
        chargeback 0.01
            2020 <- 1100 0.01
            item -0.01
            ? AMOUNT_MISMATCH {80.01} charged back, only {80.00} was captured
        ",
    );
    // Refund and chargeback cross.
    check_captured(
        "
        refund 50.00 ref=r
            2020 <- 1100 50.00
            item -50.00
        chargeback 30.00
            2020 <- 1100 30.00
            item -30.00
        second_chargeback 0.01
            2020 <- 1100 0.01
            item -0.01
            ? DOUBLE_RECOVERY {50.00} of the captured {80.00} is refunded, {30.01} charged back
        refund_failure 50.00 of=r
            1100 <- 2020 50.00
            undoes r
            withdraws r
        state
            authorized 100.00, captured 80.00, voided 20.00, charged-back 30.01
        ",
    );
}

#[test]
fn without_a_price_nothing_is_sold_and_what_is_imposed_is_booked_and_flagged() {
    check(
        "
        with merchant=unpriced
        authorization 100.00 at=2026-03-31
            9010 <- 9020 100.00
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            item 80.00 fee 2.62
        chargeback 10.00
            2020 <- 1100 10.00
            2020 <- 4030 15.00
            item -10.00
        authorization 1.00 payment=q at=2026-04-01
            ! currency_not_priced currency: fee schedule `ended` has no price in {currency}
        capture 1.00
            ! currency_not_priced currency: fee schedule `ended` has no price in {currency}
        second_chargeback 30.00
            2020 <- 1100 30.00
            item -30.00
            ? NOT_PRICED fee schedule `ended` has no version in force on 2026-04-01: no fee is charged for the dispute
        chargeback 5.00 payment=q
            1900 <- 1100 5.00
            item -5.00
            ? CHARGEBACK_UNKNOWN {5.00} taken for a payment that was never captured here
        chargeback_reversal 40.00
            1100 <- 2020 40.00
            4090 <- 2020 15.00
            item 40.00
        unpaid 1.00 ref=u
            2020 <- 1100 1.00
            item -1.00
        unpaid_recovery 1.00 of=u
            1100 <- 2020 1.00
            item 1.00
        void 20.00
            9020 <- 9010 20.00
        refund 10.00
            ! currency_not_priced currency: fee schedule `ended` has no price in {currency}
        ",
    );
    check(
        "
        with merchant=unpriced
        authorization 80.00 at=2026-03-31
            9010 <- 9020 80.00
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            2010 <- 4010 2.32
            2010 <- 4020 0.30
            item 80.00 fee 2.62
        refund 10.00 ref=r
            2020 <- 1100 10.00
            item -10.00
        refund_failure 10.00 of=r at=2026-04-01
            1100 <- 2020 10.00
            undoes r
            withdraws r
        ",
    );
}

#[test]
fn a_closed_merchant_sells_nothing_new() {
    let closed = "the merchant is closed: it sells nothing new";
    check(&format!(
        "
        with merchant=closed
        authorization 80.00
            ! merchant_closed merchant: {closed}
        unknown 80.00
            ! merchant_closed merchant: {closed}
        authorization 80.00 merchant=free
            9010 <- 9020 80.00
        capture 80.00
            9020 <- 9010 80.00
            1100 <- 2010 80.00
            item 80.00
        refund 50.00
            2020 <- 1100 50.00
            item -50.00
        chargeback 30.00
            2020 <- 1100 30.00
            item -30.00
        unknown 80.00 payment=q merchant=free
        authorization 80.00 payment=q
            9010 <- 9020 80.00
        "
    ));
}

#[test]
fn what_nobody_knows_is_in_suspense() {
    // Never heard of; declined; unknown outcome; authorized, not captured; captured and withdrawn.
    let before = [
        "",
        "decline 80.00",
        "unknown 80.00",
        "authorization 80.00 acquirer=north\n                9010 <- 9020 80.00",
        "authorization 80.00\n                9010 <- 9020 80.00
            capture 80.00 ref=c\n                9020 <- 9010 80.00\n                1100 <- 2010 80.00\n                item 80.00
            capture_void 80.00 of=c\n                9010 <- 9020 80.00\n                2010 <- 1100 80.00
                undoes c\n                withdraws c",
    ];
    for before in before {
        check(&format!(
            "
            with merchant=free
            {before}
            chargeback 80.00 cost=10.00
                1900 <- 1100 80.00
                5040 <- 1100 10.00
                item -80.00 cost 10.00
                ? CHARGEBACK_UNKNOWN {{80.00}} taken for a payment that was never captured here
            chargeback_reversal 80.00
                1100 <- 2900 80.00
                item 80.00
                ? CHARGEBACK_UNKNOWN {{80.00}} given back for a payment that was never captured here
            unpaid 20.00
                1900 <- 1100 20.00
                item -20.00
                ? CHARGEBACK_UNKNOWN {{20.00}} deducted as unpaid for a payment that was never captured here
            "
        ));
    }
    // Of a payment in another currency, or at another acquirer.
    check_captured(
        "
        chargeback 80.00 in=EUR
            1900 <- 1100 80.00
            item -80.00
            ? CHARGEBACK_UNKNOWN 80.00 EUR taken for a payment that was never captured here
        chargeback 80.00 acquirer=south
            1900 <- 1100 80.00
            item -80.00
            ? CHARGEBACK_UNKNOWN {80.00} taken for a payment that was never captured here
        chargeback_reversal 80.00 acquirer=south
            1100 <- 2900 80.00
            item 80.00
            ? CHARGEBACK_UNKNOWN {80.00} given back for a payment that was never captured here
        state
            authorized 100.00, captured 80.00, voided 20.00
        ",
    );
}

// Phone bills ---------------------------------------------------------------------------------------------------------

/// A payment of 80.00 on a phone bill, captured, and reported by the carrier.
fn on_the_phone_bill(carrier: &str) -> String {
    format!(
        "
        with merchant=free acquirer={carrier}
        authorization 80.00 method=carrier
            9010 <- 9020 80.00
        capture 80.00 ref=c
            9020 <- 9010 80.00
            1130 <- 2010 80.00
            item 80.00
        reported c"
    )
}

#[test]
fn an_unpaid_phone_bill_is_borne_by_whom_the_contract_says() {
    for (carrier, bearer) in [("phone", "2020"), ("bell", "5060")] {
        check(&format!(
            "{}
        unpaid 80.00 ref=u
            {bearer} <- 1130 80.00
            item -80.00
        state
            authorized 80.00, captured 80.00, unpaid 80.00, method carrier
        unpaid_recovery 30.00 of=u
            1130 <- {bearer} 30.00
            item 30.00
        unpaid_recovery 50.01 of=u
            1130 <- {bearer} 50.00
            1130 <- 2900 0.01
            item 50.01
            ? AMOUNT_MISMATCH {{0.01}} given back beyond what was taken
        unpaid_recovery 1.00 of=u
            1130 <- 2900 1.00
            item 1.00
            ? AMOUNT_MISMATCH {{1.00}} given back beyond what was taken
        balances
            1130 81.01
            2010 80.00
            2900 1.01
            ",
            on_the_phone_bill(carrier)
        ));
    }
}

#[test]
fn what_was_never_paid_is_not_refunded() {
    check(&format!(
        "{}
        unpaid 30.00 ref=u
            2020 <- 1130 30.00
            item -30.00
        given 1010 <- 2020 30.00
        refund 50.01
            ! not_collected amount: {{30.00}} of the payment was deducted as unpaid: only {{50.00}} of the rest is not refunded
        refund 40.00
            2020 <- 1130 40.00
            item -40.00
        refund 40.00
            ! not_collected amount: {{30.00}} of the payment was deducted as unpaid: only {{10.00}} of the rest is not refunded
        refund 40.01
            ! exceeds_captured amount: only {{40.00}} is captured and not refunded
        unpaid_recovery 30.00 of=u
            1130 <- 2020 30.00
            item 30.00
        refund 40.00
            2020 <- 1130 40.00
            item -40.00
        ",
        on_the_phone_bill("phone")
    ));
}

#[test]
fn what_a_carrier_deducts_and_collects_is_never_refused() {
    // Two deductions, the second above what was captured; each comes back as far as it was.
    check(&format!(
        "{}
        unpaid 50.00 ref=u
            2020 <- 1130 50.00
            item -50.00
        unpaid 30.01 ref=v
            2020 <- 1130 30.01
            item -30.01
            ? AMOUNT_MISMATCH {{80.01}} deducted as unpaid, only {{80.00}} was captured
        unpaid_recovery 50.01 of=u
            1130 <- 2020 50.00
            1130 <- 2900 0.01
            item 50.01
            ? AMOUNT_MISMATCH {{0.01}} given back beyond what was taken
        unpaid_recovery 30.01 of=v
            1130 <- 2020 30.01
            item 30.01
        capture_void 80.00 of=c
            ! already_presented original: the acquirer has settled it already: refund it instead
        ",
        on_the_phone_bill("phone")
    ));
    // Refunded as well.
    check(&format!(
        "{}
        refund 30.00
            2020 <- 1130 30.00
            item -30.00
        unpaid 50.01
            2020 <- 1130 50.01
            item -50.01
            ? DOUBLE_RECOVERY {{30.00}} of the captured {{80.00}} is refunded, {{50.01}} deducted as unpaid
        ",
        on_the_phone_bill("phone")
    ));
    // A recovery of what was never deducted: no such event, another kind, another payment's, another currency, another carrier.
    check(&format!(
        "{}
        unpaid 20.00 ref=u
            2020 <- 1130 20.00
            item -20.00
        unpaid_recovery 20.00 of=x
            1130 <- 2900 20.00
            item 20.00
            ? CHARGEBACK_UNKNOWN {{20.00}} recovered that nobody here bore
        unpaid_recovery 20.00 of=c
            1130 <- 2900 20.00
            item 20.00
            ? CHARGEBACK_UNKNOWN {{20.00}} recovered that nobody here bore
        unpaid_recovery 20.00 of=u payment=q
            1130 <- 2900 20.00
            item 20.00
            ? CHARGEBACK_UNKNOWN {{20.00}} recovered that nobody here bore
        unpaid_recovery 20.00 of=u in=EUR
            1130 <- 2900 20.00
            item 20.00
            ? CHARGEBACK_UNKNOWN 20.00 EUR recovered that nobody here bore
        unpaid_recovery 20.00 of=u acquirer=bell
            1130 <- 2900 20.00
            item 20.00
            ? CHARGEBACK_UNKNOWN {{20.00}} recovered that nobody here bore
        state
            authorized 80.00, captured 80.00, unpaid 20.00, method carrier
        unpaid_recovery 20.00 of=u
            1130 <- 2020 20.00
            item 20.00
        ",
        on_the_phone_bill("phone")
    ));
    // Deducted before anybody knew the payment: in suspense, and what comes back too.
    check(
        "
        with merchant=free acquirer=phone
        unpaid 20.00 ref=u
            1900 <- 1130 20.00
            item -20.00
            ? CHARGEBACK_UNKNOWN {20.00} deducted as unpaid for a payment that was never captured here
        authorization 80.00
            9010 <- 9020 80.00
        capture 80.00
            9020 <- 9010 80.00
            1130 <- 2010 80.00
            item 80.00
        unpaid_recovery 20.00 of=u
            1130 <- 2900 20.00
            item 20.00
            ? CHARGEBACK_UNKNOWN {20.00} recovered that nobody here bore
        state
            authorized 80.00, captured 80.00
        ",
    );
}

#[test]
fn ten_thousand_fees_of_three_tenths_are_three_thousand() {
    let won = Currency::parse("KRW").expect("a currency");
    let mut script = "with merchant=micro\nauthorization 100000\n    9010 <- 9020 100000\n".to_owned();
    let (mut posted, mut exact) = (0_i64, 0_i64);
    for _ in 0..10_000 {
        exact += 3;
        // Tenths, to the nearest; there are no halves among multiples of three below the tenth one.
        let rounded = match exact % 10 {
            5 if (exact / 10) % 2 == 0 => exact / 10,
            rest if rest < 5 => exact / 10,
            _ => exact / 10 + 1,
        };
        script.push_str("capture 10\n    9020 <- 9010 10\n    1100 <- 2010 10\n");
        let fee = rounded - posted;
        posted = rounded;
        match fee {
            0 => script.push_str("    item 10\n"),
            fee => script.push_str(&format!("    2010 <- 4010 {fee}\n    item 10 fee {fee}\n")),
        }
        let sum = format!("{}.{}", exact / 10, exact % 10);
        let sum = sum.strip_suffix(".0").unwrap_or(&sum);
        script.push_str(&format!("    accrues percentage 0.3 to {sum}\n"));
    }
    script.push_str("balances\n    1100 100000\n    2010 97000\n    4010 3000\n");
    play(&settings(), Unit::Own(won), &script);
}
