//! What a line's gross was converted to, held to the rate agreed with the acquirer.
//!
//! A line is checked where a rate is agreed from the currency of its gross to that of its net on its day. What is booked is what
//! the file says, and what a rate makes of it stays on 6010; what differs by more than the tolerance is a break. A minor unit is
//! rounding whatever the tolerance: acquirers round each in their way. What a whole batch differs by is held to the tolerances of
//! its lines, or to that of batches where that is more, so that a minor unit of every line does not pass for rounding.

use rust_decimal::Decimal;

use super::booking::{Line, converted_gross};
use crate::money::{AmountError, Money, Rounding};
use crate::settings::Acquirer;

/// A conversion of which the rate is agreed, in the net currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// By the agreed rate, half to even.
    pub expected: Money,
    /// By the file: net and all that was taken of it.
    pub actual: Money,
    /// The agreed rate.
    pub rate: Decimal,
    /// By how much both may differ by the rate's tolerance, minor units; not rounded.
    pub allowed: Decimal,
    /// Whether both differ by more than is tolerated of a line.
    pub is_off: bool,
}

/// How a line was converted and should have been; none where no rate is agreed.
pub fn converted(line: &Line, acquirer: &Acquirer) -> Result<Option<Converted>, AmountError> {
    let (gross, to) = (line.gross, line.net.currency());
    let Some(agreed) = acquirer.rate_on(gross.currency(), to, line.occurred_on) else {
        return Ok(None);
    };
    let exact = gross.at_rate(agreed.rate, to).ok_or(AmountError::TooLarge)?;
    let allowed = exact.abs().checked_mul(agreed.tolerance).ok_or(AmountError::TooLarge)?;
    let expected = Money::from_minor(Rounding::HalfEven.round(exact)?, to);
    let actual = converted_gross(line)?;
    let off = Decimal::from(actual.minor().abs_diff(expected.minor()));
    Ok(Some(Converted {
        expected,
        actual,
        rate: agreed.rate,
        allowed,
        is_off: off > allowed.max(Decimal::ONE),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquirer::RecordType;
    use crate::money::Currency;
    use crate::recon::booking::Costs;
    use crate::settings::Settings;

    const SETTINGS: &str = r#"
        effective_from = "2026-01-01"
        [house]
        name = "House"
        time_zone = "UTC"
        bank_account = "main"
        [[acquirer]]
        name = "north"
        contract = "net"
        settles_within_days = 3
        [[acquirer.rate]]
        from = "GBP"
        to = "EUR"
        rate = "1.15"
        tolerance = "0.5"
        [[acquirer.rate]]
        from = "GBP"
        to = "EUR"
        effective_from = "2026-03-01"
        rate = "1.20"
        [[acquirer.rate]]
        from = "JPY"
        to = "KWD"
        rate = "0.002"
    "#;

    /// A line of a gross, what it came to before `taken`, and how it should have been converted.
    #[track_caller]
    fn check(gross: (&str, i64), came: (&str, i64), day: &str, expected: Option<i64>) {
        let settings = Settings::parse(SETTINGS).expect("settings");
        let money = |(code, minor): (&str, i64)| Money::from_minor(minor, Currency::parse(code).expect("a currency"));
        let taken = 7;
        let net = money(came);
        let line = Line {
            ordinal: 1,
            record: RecordType::Capture,
            gross: money(gross),
            net: Money::from_minor(net.minor().saturating_sub(taken), net.currency()),
            costs: Costs {
                interchange: 4,
                scheme: 2,
                acquirer: 1,
            },
            tax: 0,
            reserve: 0,
            occurred_on: day.parse().expect("a day"),
        };
        let found = converted(&line, &settings.acquirers["north"]).expect("an amount");
        assert!(found.is_none_or(|found| found.actual == net));
        let off = found.filter(|found| found.is_off);
        assert_eq!(off.map(|found| found.expected.minor()), expected, "{gross:?} {came:?}");
    }

    #[test]
    fn a_gross_is_converted_by_the_rate_of_its_day_within_the_tolerance() {
        // 100.00 GBP at 1.15 is 115.00 EUR; half a percent of it is 57.5 cents.
        check(("GBP", 10_000), ("EUR", 11_557), "2026-02-28", None);
        check(("GBP", 10_000), ("EUR", 11_558), "2026-02-28", Some(11_500));
        check(("GBP", 10_000), ("EUR", 11_443), "2026-02-28", None);
        check(("GBP", -10_000), ("EUR", -11_558), "2026-02-28", Some(-11_500));
        // From March on at 1.20, to the cent, which is rounding.
        check(("GBP", 10_000), ("EUR", 11_500), "2026-03-01", Some(12_000));
        check(("GBP", 10_000), ("EUR", 12_001), "2026-03-01", None);
        check(("GBP", 10_000), ("EUR", 11_998), "2026-03-01", Some(12_000));
        // 1,500 JPY at 0.002 are 3.000 KWD.
        check(("JPY", 1_500), ("KWD", 3_001), "2026-03-01", None);
        check(("JPY", 1_500), ("KWD", 3_002), "2026-03-01", Some(3_000));
        // Nothing is agreed of the way back, and nothing is converted here.
        check(("EUR", 12_000), ("GBP", 1), "2026-03-01", None);
        check(("GBP", 10_000), ("GBP", 10_000), "2026-03-01", None);
    }
}
