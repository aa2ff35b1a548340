//! What payments use of a monthly limit.

use super::super::fees::Returns;
use super::super::lifecycle::Instrument;
use super::*;

fn won(minor: i64) -> Money {
    Money::from_minor(minor, Currency::parse("KRW").expect("a currency"))
}

fn month(text: &str) -> NaiveDate {
    crate::dates::parse_day(&format!("{text}-01")).expect("a month")
}

/// `1000: captured 400, refunded 100`: what was authorized in March, and what became of it.
fn payment(text: &str) -> Payment {
    let (authorized, rest) = text.split_once(':').unwrap_or((text, ""));
    let of = |word: &str| {
        let found = rest.split(',').find_map(|part| part.trim().strip_prefix(word));
        found.map_or(0, |amount| amount.trim().parse().expect("an amount"))
    };
    Payment {
        acquirer: "carrier".into(),
        currency: won(0).currency(),
        requested: None,
        authorized: Some(authorized.parse().expect("an amount")),
        captured: of("captured"),
        over_captured: of("beyond"),
        voided: of("voided"),
        expired: of("expired"),
        refunded: of("refunded"),
        refunds: 0,
        charged_back: of("charged back"),
        returns: Returns::default(),
        dispute_fee: None,
        unpaid: None,
        expires_at: None,
        captured_at: None,
        earlier_captures: Vec::new(),
        final_captures: 0,
        merchant_reference: None,
        limit_month: Some(month("2026-03")),
        instrument: Instrument {
            payer: Some("line-1".into()),
            ..Instrument::default()
        },
    }
}

/// Before and after, the month of the refund, and what is held and kept more.
#[track_caller]
fn check(before: &str, after: &str, refunded_in: &str, held: i64, kept: i64) {
    let before = (!before.is_empty()).then(|| payment(before));
    let refunded_in = (!refunded_in.is_empty()).then(|| month(refunded_in));
    let found = taken(before.as_ref(), &payment(after), refunded_in);
    assert_eq!(found, Ok(Used { held, kept }), "{after}");
}

#[test]
fn authorizations_hold_and_captures_keep() {
    check("", "1000", "", 1000, 0);
    check("1000", "1500", "", 500, 0);
    check("1500", "1200", "", -300, 0);
    check("1000", "1000: captured 400", "", -400, 400);
    check("1000", "1000: captured 400, voided 600", "", -1000, 400);
    // Withdrawn before it was presented.
    check("1000: captured 400", "1000", "", 400, -400);
    // Beyond the promise.
    check("1000", "1000: captured 1100, beyond 100", "", -1000, 1100);
    // What had expired, and was captured all the same.
    check("1000: expired 1000", "1000: captured 1000, expired 0", "", 0, 1000);
}

#[test]
fn voids_and_expiries_free_what_was_held() {
    check("1000", "1000: voided 1000", "", -1000, 0);
    check("1000: captured 400", "1000: captured 400, expired 600", "", -600, 0);
}

#[test]
fn a_refund_frees_in_its_month_alone() {
    let (before, after) = ("1000: captured 1000", "1000: captured 1000, refunded 300");
    check(before, after, "2026-03", 0, -300);
    check(before, after, "2026-04", 0, 0);
    // It failed: what it freed is taken again, what it did not is not.
    check(after, before, "2026-03", 0, 300);
    check(after, before, "2026-04", 0, 0);
    // A dispute frees nothing.
    check(before, "1000: captured 1000, charged back 1000", "", 0, 0);
}

fn event(kind: EntryKind, at: &str) -> PaymentEvent {
    PaymentEvent {
        kind,
        merchant: "m".to_owned(),
        payment: "p".to_owned(),
        reference: "r".to_owned(),
        money: won(1),
        occurred_at: at.parse().expect("an instant"),
        acquirer: "carrier".to_owned(),
        acquirer_reference: None,
        merchant_reference: None,
        arn: None,
        rrn: None,
        auth_code: None,
        details: super::super::event::Details::default(),
    }
}

#[test]
fn a_refund_is_of_the_local_month_in_which_it_was_made() {
    let seoul = chrono_tz::Asia::Seoul;
    let made = |at: &str| refunded_in(&event(EntryKind::Refund, at), None, seoul);
    assert_eq!(made("2026-03-31T14:59:59.999999Z"), Some(month("2026-03")));
    assert_eq!(made("2026-03-31T15:00:00Z"), Some(month("2026-04")));
    let refund = Original {
        paid: false,
        number: crate::ids::EntryNumber(3),
        kind: EntryKind::Refund,
        payment: None,
        transfers: Vec::new(),
        undone: false,
        open: true,
        occurred_at: "2026-03-31T14:59:59Z".parse().expect("an instant"),
        day: month("2026-03"),
        accrued: Vec::new(),
        returned_on_refund: crate::settings::ReturnPolicy::Nothing,
        reserve: 0,
        applied: Vec::new(),
        is_final: false,
        aggregate: None,
        maturing: None,
        hold_released: false,
    };
    let failure = event(EntryKind::RefundFailure, "2026-04-02T00:00:00Z");
    assert_eq!(refunded_in(&failure, Some(&refund), seoul), Some(month("2026-03")));
    let capture = event(EntryKind::Capture, "2026-04-02T00:00:00Z");
    assert_eq!(refunded_in(&capture, Some(&refund), seoul), None);
}

#[test]
fn only_a_promise_that_the_carrier_has_not_given_is_refused() {
    let used = Used { held: 300, kept: 200 };
    let take = |kind: EntryKind, answered: bool, held: i64, kept: i64| {
        let mut event = event(kind, "2026-03-02T00:00:00Z");
        event.acquirer_reference = answered.then(|| "A1".to_owned());
        take(&event, used, Used { held, kept }, won(1000))
    };
    for kind in [EntryKind::Authorization, EntryKind::AuthorizationIncrement] {
        assert_eq!(take(kind, false, 500, 0), Ok(Taking::Within));
        assert_eq!(take(kind, false, 501, 0), Ok(Taking::Refused));
        assert_eq!(take(kind, true, 501, 0), Ok(Taking::Beyond));
    }
    // Keeping what was held takes nothing; more than was held does.
    assert_eq!(take(EntryKind::Capture, false, -300, 300), Ok(Taking::Within));
    assert_eq!(take(EntryKind::Capture, false, -300, 801), Ok(Taking::Beyond));
    assert_eq!(take(EntryKind::RefundFailure, false, 0, 501), Ok(Taking::Beyond));
    // What frees is never in the way, however much is used.
    assert_eq!(take(EntryKind::Void, false, -300, 0), Ok(Taking::Within));
    assert_eq!(
        take(EntryKind::Authorization, false, i64::MAX, 0),
        Err(Refusal::AmountTooLarge)
    );
}

#[test]
fn a_payment_without_month_or_payer_uses_no_limit() {
    let mut payment = payment("1000");
    let key = LimitKey::of(&payment).expect("a limit");
    assert_eq!((&*key.acquirer, &*key.payer), ("carrier", "line-1"));
    assert_eq!((key.month, key.currency), (month("2026-03"), won(0).currency()));
    payment.limit_month = None;
    assert_eq!(LimitKey::of(&payment), None);
}
