use super::*;
use crate::ids::BreakId;

const HOUSE: BookId = BookId::HOUSE;
const MERCHANT: BookId = BookId(7);

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::parse("USD").expect("a currency"))
}

fn held(book: BookId, minor: i64, kept_pending: i64) -> Case {
    Case {
        id: BreakId(1),
        acquirer: "north".to_owned(),
        held: Held::Suspense {
            book,
            money: usd(minor),
            kept_pending,
        },
    }
}

/// `1: 5070 1900 5.00` for book 1; refusals in words.
#[track_caller]
fn check(case: &Case, reason: Reason, to: To, expected: &[&str]) {
    let found = match resolve(case, reason, to, false) {
        Ok(booked) => {
            let text = |(book, legs): &(BookId, Legs)| -> Vec<String> {
                let leg = |(leg, amount): &(Leg, i64)| {
                    format!("{book}: {} {} {amount}", leg.debit.number(), leg.credit.number())
                };
                legs.iter().map(leg).collect()
            };
            booked.entries.iter().flat_map(text).collect()
        }
        Err(refusal) => vec![refusal.to_string()],
    };
    assert_eq!(found, expected, "{case:?} {reason} {to:?}");
}

#[test]
fn a_shortage_takes_what_is_kept_pending_first() {
    let to = To::Merchant(MERCHANT);
    check(
        &held(MERCHANT, -500, 500),
        Reason::BelongsToMerchant,
        to,
        &["7: 2010 1900 500"],
    );
    check(
        &held(MERCHANT, -500, 300),
        Reason::BelongsToMerchant,
        to,
        &["7: 2010 1900 300", "7: 2020 1900 200"],
    );
    check(
        &held(MERCHANT, -500, 700),
        Reason::BelongsToMerchant,
        to,
        &["7: 2010 1900 500", "7: 2010 2020 200"],
    );
    check(
        &held(MERCHANT, -500, 500),
        Reason::Uneconomic,
        To::Nobody,
        &["7: 5070 1900 500", "7: 2010 2020 500"],
    );
}

#[test]
fn a_recovery_brings_back_no_more_than_was_lost_and_only_what_was() {
    let lost = |minor| To::WrittenOff(MERCHANT, usd(minor));
    check(
        &held(HOUSE, 500, 0),
        Reason::PaidLater,
        lost(-500),
        &["1: 2900 1110 500", "7: 1110 5070 500"],
    );
    check(
        &held(MERCHANT, 500, 0),
        Reason::PaidLater,
        lost(-501),
        &["7: 2900 5070 500"],
    );
    // What was taken as income and has to go back.
    check(
        &held(HOUSE, -500, 0),
        Reason::PaidLater,
        lost(500),
        &["1: 1110 1900 500", "7: 4070 1110 500"],
    );
    check(
        &held(HOUSE, 501, 0),
        Reason::PaidLater,
        lost(-500),
        &["only 5.00 USD of it was written off and is not recovered yet"],
    );
    for (minor, of) in [(500, 500), (-500, -500)] {
        let text = format!("{} does not bring back what was written off", usd(minor));
        check(&held(HOUSE, minor, 0), Reason::PaidLater, lost(of), &[&text]);
    }
}

#[test]
fn what_is_left_counts_by_acquirer_and_currency() {
    let mut south = held(HOUSE, 500, 0);
    south.acquirer = "south".to_owned();
    let cases = [held(HOUSE, 500, 0), held(MERCHANT, -500, 0), south];
    let of = |cases: &[Case]| -> Vec<(String, i64)> {
        let left = left(cases).expect("sums");
        left.into_iter()
            .map(|((acquirer, _), minor)| (acquirer.to_owned(), minor))
            .collect()
    };
    assert_eq!(of(&cases), [("south".to_owned(), 500)]);
    assert_eq!(of(&cases[..2]), []);
    assert_eq!(of(&cases[1..]), [("north".to_owned(), -500), ("south".to_owned(), 500)]);
}

#[test]
fn every_reason_either_books_what_is_in_suspense_or_refuses() {
    for reason in Reason::ALL {
        for to in [To::Nobody, To::Merchant(MERCHANT), To::WrittenOff(MERCHANT, usd(-900))] {
            for (book, minor) in [(HOUSE, 500), (HOUSE, -500), (MERCHANT, 500), (MERCHANT, -500)] {
                let Ok(booked) = resolve(&held(book, minor, 0), *reason, to, false) else {
                    continue;
                };
                let of = |wanted: AccountCode| -> i64 {
                    let mut sum = 0_i64;
                    for (leg, amount) in booked.entries.iter().flat_map(|(_, legs)| legs) {
                        let sign = i64::from(leg.credit == wanted).saturating_sub(i64::from(leg.debit == wanted));
                        sum = sum.saturating_add(sign.saturating_mul(*amount));
                    }
                    sum
                };
                // All of it leaves suspense, and what the acquirer pays stays what it was, but where it is set off.
                assert_eq!(of(SuspenseCredit).saturating_add(of(SuspenseDebit)), -minor, "{reason}");
                let in_transit = if *reason == Reason::Offsets { minor } else { 0 };
                assert_eq!(of(AcquirerInTransit), in_transit, "{reason} {to:?} {book} {minor}");
                assert_eq!(booked.stake, Some(usd(500)), "{reason}");
            }
        }
    }
}

#[test]
fn amounts_beyond_64_bits_are_refused() {
    let too_large = AmountError::TooLarge.to_string();
    check(&held(HOUSE, i64::MIN, 0), Reason::Uneconomic, To::Nobody, &[&too_large]);
}
