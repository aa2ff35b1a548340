//! How long an authorization may be captured.
//!
//! Schemes and acquirers differ, so it is a table of the settings, not a constant. What the acquirer says of one authorization
//! (`capture_before`) always wins over the table.

use chrono::{DateTime, TimeDelta, Utc};

pub use crate::settings::{AuthType, Initiator, Validity};

/// The moment from which an authorization is expired; none where neither the acquirer nor the table says.
///
/// A row governs an authorization that states every field that the row has. Of several the one with the most fields wins, of
/// equals the first.
pub fn expires_at(
    rules: &[Validity],
    scheme: Option<&str>,
    auth_type: Option<AuthType>,
    initiator: Option<Initiator>,
    occurred_at: DateTime<Utc>,
    capture_before: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    if capture_before.is_some() {
        return capture_before;
    }
    let fits = |row: &&Validity| {
        row.scheme.as_deref().is_none_or(|wanted| scheme == Some(wanted))
            && row.auth_type.is_none_or(|wanted| auth_type == Some(wanted))
            && row.initiator.is_none_or(|wanted| initiator == Some(wanted))
    };
    let mut best: Option<&Validity> = None;
    for row in rules.iter().filter(fits) {
        if best.is_none_or(|best| fields(row) > fields(best)) {
            best = Some(row);
        }
    }
    occurred_at.checked_add_signed(TimeDelta::hours(i64::from(best?.hours)))
}

/// How many fields a row has.
fn fields(row: &Validity) -> u8 {
    let Validity {
        scheme,
        auth_type,
        initiator,
        hours: _,
    } = row;
    [scheme.is_some(), auth_type.is_some(), initiator.is_some()]
        .map(u8::from)
        .iter()
        .fold(0, |count, one| count.saturating_add(*one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use AuthType::{Final, Pre};
    use Initiator::{Customer, Merchant};

    const AUTHORIZED: &str = "2026-03-02T12:00:00Z";

    fn row(scheme: Option<&str>, auth_type: Option<AuthType>, initiator: Option<Initiator>, hours: u32) -> Validity {
        Validity {
            scheme: scheme.map(str::to_owned),
            auth_type,
            initiator,
            hours,
        }
    }

    /// Expects so many hours after the authorization, or nothing.
    #[track_caller]
    fn check(
        rules: &[Validity],
        (scheme, auth_type, initiator): (Option<&str>, Option<AuthType>, Option<Initiator>),
        expected: Option<i64>,
    ) {
        let at: DateTime<Utc> = AUTHORIZED.parse().expect("an instant");
        let expires = expires_at(rules, scheme, auth_type, initiator, at, None);
        assert_eq!(
            expires.map(|expires| expires.signed_duration_since(at).num_hours()),
            expected
        );
        let acquirer: DateTime<Utc> = "2026-03-02T12:00:01Z".parse().expect("an instant");
        let overridden = expires_at(rules, scheme, auth_type, initiator, at, Some(acquirer));
        assert_eq!(overridden, Some(acquirer));
    }

    #[test]
    fn the_row_that_says_most_wins() {
        let rules = [
            row(None, None, None, 100),
            row(Some("visa"), None, None, 168),
            row(Some("visa"), None, Some(Merchant), 114),
            row(None, Some(Pre), None, 720),
            row(Some("visa"), Some(Pre), Some(Customer), 240),
        ];
        let check = |stated, expected| check(&rules, stated, Some(expected));
        check((Some("visa"), Some(Final), Some(Customer)), 168);
        check((Some("visa"), Some(Final), Some(Merchant)), 114);
        check((Some("visa"), Some(Pre), Some(Merchant)), 114);
        check((Some("visa"), Some(Pre), Some(Customer)), 240);
        check((Some("amex"), Some(Pre), Some(Merchant)), 720);
        check((Some("amex"), Some(Final), None), 100);
        // A row is only for what is stated.
        check((Some("visa"), None, None), 168);
        check((None, None, Some(Merchant)), 100);
        check((None, None, None), 100);
        check((Some("Visa"), None, None), 100);
    }

    #[test]
    fn of_equal_rows_the_first_wins() {
        let (visa, merchant) = (row(Some("visa"), None, None, 1), row(None, None, Some(Merchant), 2));
        let stated = (Some("visa"), Some(Final), Some(Merchant));
        check(&[visa.clone(), merchant.clone()], stated, Some(1));
        check(&[merchant, visa], stated, Some(2));
    }

    #[test]
    fn without_a_row_nothing_expires() {
        check(&[], (Some("visa"), Some(Final), Some(Customer)), None);
        check(&[row(Some("visa"), None, None, 168)], (Some("amex"), None, None), None);
    }

    #[test]
    fn hours_are_of_clocks_that_do_not_change() {
        // Europe's clocks go forward on 2026-03-29: seven days are 168 hours all the same.
        let at: DateTime<Utc> = "2026-03-28T12:00:00+01:00".parse().expect("an instant");
        let expires = expires_at(&[row(None, None, None, 168)], None, None, None, at, None);
        assert_eq!(
            expires.map(|at| at.to_rfc3339()).as_deref(),
            Some("2026-04-04T11:00:00+00:00")
        );
    }
}
