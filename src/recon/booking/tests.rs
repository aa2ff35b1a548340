//! What lines book, leg by leg, worked out by hand: items that withhold, pass costs on, mature, or come with costs that are booked;
//! carriers; every record type. All of one file with a tolerance of 0.01.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;

use super::*;
use crate::settings::{AcquirerKind, Contract, Unproven};

fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a currency")
}

/// `-12.34 EUR`.
fn money(text: &str) -> Money {
    let (amount, code) = text.split_once(' ').expect("an amount and a currency");
    let money = Money::parse(amount.trim_start_matches('-'), currency(code)).expect("an amount");
    Money::from_minor(
        if amount.starts_with('-') {
            -money.minor()
        } else {
            money.minor()
        },
        money.currency(),
    )
}

fn acquirer() -> settings::Acquirer {
    settings::Acquirer {
        name: "adyen".into(),
        kind: AcquirerKind::Acquirer,
        kind_at: settings::Place::default(),
        contract: Contract::Net,
        settles_within_days: 3,
        tolerance: BTreeMap::from(["EUR", "GBP"].map(|code| (currency(code), money(&format!("0.01 {code}"))))),
        batch_tolerance: BTreeMap::new(),
        monthly_tolerance: BTreeMap::new(),
        reserve: None,
        rates: Vec::new(),
        costs: Vec::new(),
        over_capture: rust_decimal::Decimal::ZERO,
        partial_refunds: true,
        unpaid_borne_by: settings::Bearer::Merchant,
        monthly_limit: None,
        numbered_batches: false,
        unproven: Unproven::Book,
        expects: None,
    }
}

/// Words `name=value` by name; what is not named is nothing.
struct Words<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let words = text.split_whitespace();
        Self(words.map(|word| word.split_once('=').expect("name=value")).collect())
    }

    fn minor(&self, name: &str, code: &str) -> i64 {
        self.0
            .get(name)
            .map_or(0, |amount| money(&format!("{amount} {code}")).minor())
    }

    fn is(&self, name: &str) -> bool {
        self.0.get(name) == Some(&"yes")
    }

    /// `yes`, or a VAT rate like `added:10:down`.
    fn vat(&self, name: &str) -> Option<VatRate> {
        let text = match *self.0.get(name)? {
            "yes" => "exempt".to_owned(),
            text => text.replace(':', " "),
        };
        Some(text.parse().expect("a VAT rate"))
    }
}

fn item(gross: &str, words: &str) -> Item {
    let words = Words::of(words);
    let gross = money(gross);
    let minor = |name| words.minor(name, gross.currency().code());
    Item {
        book: BookId(2),
        number: EntryNumber(7),
        gross,
        merchant_fee: minor("fee"),
        reserve: minor("reserve"),
        cost: minor("cost"),
        matures: words.is("matures"),
        passes_costs: words.vat("passes"),
        occurred_on: NaiveDate::default(),
        reserve_until: None,
        expected_on: NaiveDate::default(),
        advanced: None,
        priced_by: PricedBy::default(),
    }
}

fn line(record: RecordType, gross: &str, words: &str) -> Line {
    let words = Words::of(words);
    let gross = money(gross);
    let net = words.0.get("net").map(|net| money(&net.replace(':', " ")));
    let code = net.map_or(gross.currency(), Money::currency);
    let minor = |name| words.minor(name, code.code());
    let costs = Costs {
        interchange: minor("interchange"),
        scheme: minor("scheme"),
        acquirer: minor("markup"),
    };
    let (tax, reserve) = (minor("tax"), minor("withheld"));
    let taken = costs.total() + tax + reserve;
    Line {
        ordinal: 1,
        record,
        gross,
        net: net.unwrap_or_else(|| Money::from_minor(gross.minor() - taken, code)),
        costs,
        tax,
        reserve,
        occurred_on: NaiveDate::default(),
    }
}

/// What is booked, one leg a line; then what is withheld, stays pending and differs, where anything does.
fn told(settled: &Settled) -> Vec<String> {
    let mut lines: Vec<String> = settled
        .legs
        .iter()
        .map(|(leg, minor)| {
            let (debit, credit) = (leg.debit.number(), leg.credit.number());
            format!("{debit} <- {credit} {}", Money::from_minor(*minor, leg.currency))
        })
        .collect();
    for (what, amount) in [("withheld", settled.withheld), ("pending", settled.kept_pending)] {
        if amount != 0 {
            lines.push(format!("{what} {amount}"));
        }
    }
    for (what, difference) in [("amount", settled.amount), ("fee", settled.fee)] {
        if let Some(Difference { expected, actual }) = difference {
            lines.push(format!("{what} {expected} / {actual}"));
        }
    }
    lines
}

#[track_caller]
fn check_with(with: Counterparty<'_>, item: &Item, line: &Line, expected: &str) {
    let settled = settled(line, item, with).expect("a booking");
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(told(&settled), expected, "{item:?} {line:?}");
    // Every leg is of two accounts; what comes to 1110 is the net of the line.
    let mut in_transit: BTreeMap<Currency, i64> = BTreeMap::from([(line.net.currency(), 0)]);
    for (leg, minor) in &settled.legs {
        assert_ne!(leg.debit, leg.credit);
        for (code, sign) in [(leg.debit, 1), (leg.credit, -1)] {
            if code == AcquirerInTransit {
                *in_transit.entry(leg.currency).or_default() += sign * minor;
            }
        }
    }
    let net = BTreeMap::from([(line.net.currency(), line.net.minor())]);
    assert_eq!(in_transit, net, "{line:?}");
}

#[track_caller]
fn check(record: RecordType, item_text: (&str, &str), line_text: (&str, &str), expected: &str) {
    let acquirer = acquirer();
    let with = Counterparty {
        acquirer: &acquirer,
        receivable: AccountCode::AcquirerReceivable,
    };
    let (item, line) = (item(item_text.0, item_text.1), line(record, line_text.0, line_text.1));
    check_with(with, &item, &line, expected);
}

#[test]
fn a_capture_withholds_its_reserve() {
    use RecordType::Capture;
    let item = ("80.00 EUR", "fee=2.62 reserve=8.00");
    check(
        Capture,
        item,
        ("80.00 EUR", "interchange=1.44 scheme=0.11 markup=0.21"),
        "1110 <- 1100 80.00 EUR
         2010 <- 2030 8.00 EUR
         2010 <- 2020 69.38 EUR
         5010 <- 1110 1.44 EUR
         5020 <- 1110 0.11 EUR
         5030 <- 1110 0.21 EUR
         withheld 800",
    );
    // Within tolerance the merchant has all of it.
    check(
        Capture,
        item,
        ("79.99 EUR", ""),
        "1110 <- 1100 79.99 EUR
         5900 <- 1100 0.01 EUR
         2010 <- 2030 8.00 EUR
         2010 <- 2020 69.38 EUR
         withheld 800",
    );
    // Of less, the reserve takes its part first, and what came less stays pending.
    check(
        Capture,
        item,
        ("70.00 EUR", ""),
        "1110 <- 1100 70.00 EUR
         1900 <- 1100 10.00 EUR
         2010 <- 2030 8.00 EUR
         2010 <- 2020 59.38 EUR
         withheld 800
         pending 1000
         amount 8000 / 7000",
    );
    check(
        Capture,
        item,
        ("5.00 EUR", ""),
        "1110 <- 1100 5.00 EUR
         1900 <- 1100 75.00 EUR
         2010 <- 2030 2.38 EUR
         withheld 238
         pending 7500
         amount 8000 / 500",
    );
    // The fee is more than what came.
    check(
        Capture,
        item,
        ("2.00 EUR", ""),
        "1110 <- 1100 2.00 EUR
         1900 <- 1100 78.00 EUR
         2020 <- 2010 0.62 EUR
         pending 7800
         amount 8000 / 200",
    );
    check(
        Capture,
        item,
        ("81.00 EUR", ""),
        "1110 <- 1100 80.00 EUR
         1110 <- 2900 1.00 EUR
         2010 <- 2030 8.00 EUR
         2010 <- 2020 69.38 EUR
         withheld 800
         amount 8000 / 8100",
    );
}

#[test]
fn what_matures_is_moved_by_its_day() {
    check(
        RecordType::Capture,
        ("80.00 EUR", "fee=2.62 reserve=8.00 matures=yes"),
        ("80.00 EUR", "markup=1.76"),
        "1110 <- 1100 80.00 EUR
         5030 <- 1110 1.76 EUR",
    );
    check(
        RecordType::Capture,
        ("80.00 EUR", "fee=2.62 matures=yes"),
        ("70.00 EUR", ""),
        "1110 <- 1100 70.00 EUR
         1900 <- 1100 10.00 EUR
         amount 8000 / 7000",
    );
}

#[test]
fn costs_are_passed_on_in_the_currency_of_the_sale() {
    use RecordType::Capture;
    check(
        Capture,
        ("80.00 EUR", "fee=0.40 reserve=8.00 passes=yes"),
        ("80.00 EUR", "interchange=1.44 scheme=0.11 markup=0.21"),
        "1110 <- 1100 80.00 EUR
         2010 <- 4060 1.55 EUR
         2010 <- 2030 8.00 EUR
         2010 <- 2020 70.05 EUR
         5010 <- 1110 1.44 EUR
         5020 <- 1110 0.11 EUR
         5030 <- 1110 0.21 EUR
         withheld 800",
    );
    // Available already.
    check(
        Capture,
        ("80.00 EUR", "fee=0.40 reserve=8.00 passes=yes matures=yes"),
        ("80.00 EUR", "interchange=1.44 scheme=0.11"),
        "1110 <- 1100 80.00 EUR
         2020 <- 4060 1.55 EUR
         5010 <- 1110 1.44 EUR
         5020 <- 1110 0.11 EUR",
    );
    // Money back on a cost is the merchant's.
    check(
        Capture,
        ("80.00 EUR", "fee=0.40 passes=yes"),
        ("80.00 EUR", "interchange=-0.50 scheme=0.20"),
        "1110 <- 1100 80.00 EUR
         4060 <- 2010 0.30 EUR
         2010 <- 2020 79.90 EUR
         1110 <- 5010 0.50 EUR
         5020 <- 1110 0.20 EUR",
    );
    // Costs of 0.80 in what 25.00 GBP came to, 29.09 EUR: 0.80 × 25.00 / 29.09 = 0.6875 GBP.
    check(
        Capture,
        ("25.00 GBP", "fee=0.10 passes=yes"),
        ("25.00 GBP", "net=28.14:EUR interchange=0.60 scheme=0.20 markup=0.15"),
        "6010 <- 1100 25.00 GBP
         1110 <- 6010 29.09 EUR
         2010 <- 4060 0.69 GBP
         2010 <- 2020 24.21 GBP
         5010 <- 1110 0.60 EUR
         5020 <- 1110 0.20 EUR
         5030 <- 1110 0.15 EUR",
    );
    // A half goes to the even neighbour: 0.05 × 10.00 / 20.00 = 0.025 GBP, 0.15 of it 0.075.
    check(
        Capture,
        ("10.00 GBP", "passes=yes"),
        ("10.00 GBP", "net=19.95:EUR interchange=0.05"),
        "6010 <- 1100 10.00 GBP
         1110 <- 6010 20.00 EUR
         2010 <- 4060 0.02 GBP
         2010 <- 2020 9.98 GBP
         5010 <- 1110 0.05 EUR",
    );
    check(
        Capture,
        ("10.00 GBP", "passes=yes"),
        ("10.00 GBP", "net=19.85:EUR interchange=0.15"),
        "6010 <- 1100 10.00 GBP
         1110 <- 6010 20.00 EUR
         2010 <- 4060 0.08 GBP
         2010 <- 2020 9.92 GBP
         5010 <- 1110 0.15 EUR",
    );
    // VAT on top: 10 % of 1.55, cut off. Out of pending money, out of available money, and back with a cost that comes back.
    check(
        Capture,
        ("80.00 EUR", "fee=0.40 reserve=8.00 passes=added:10:down"),
        ("80.00 EUR", "interchange=1.44 scheme=0.11 markup=0.21"),
        "1110 <- 1100 80.00 EUR
         2010 <- 4060 1.55 EUR
         2010 <- 2300 0.15 EUR
         2010 <- 2030 8.00 EUR
         2010 <- 2020 69.90 EUR
         5010 <- 1110 1.44 EUR
         5020 <- 1110 0.11 EUR
         5030 <- 1110 0.21 EUR
         withheld 800",
    );
    check(
        Capture,
        ("80.00 EUR", "fee=0.40 passes=added:10:half_up matures=yes"),
        ("80.00 EUR", "interchange=1.44 scheme=0.11"),
        "1110 <- 1100 80.00 EUR
         2020 <- 4060 1.55 EUR
         2020 <- 2300 0.16 EUR
         5010 <- 1110 1.44 EUR
         5020 <- 1110 0.11 EUR",
    );
    check(
        Capture,
        ("80.00 EUR", "passes=added:10:down"),
        ("80.00 EUR", "interchange=-0.50"),
        "1110 <- 1100 80.00 EUR
         4060 <- 2010 0.50 EUR
         2300 <- 2010 0.05 EUR
         2010 <- 2020 80.55 EUR
         1110 <- 5010 0.50 EUR",
    );
    // VAT inside: of 1.10 EUR 0.10 are tax, and the merchant pays 1.10. In the currency of the sale, 0.69 GBP: 0.06 by one formula,
    // 0.07 by the other.
    check(
        Capture,
        ("80.00 EUR", "passes=included_floor:10"),
        ("80.00 EUR", "interchange=1.10"),
        "1110 <- 1100 80.00 EUR
         2010 <- 4060 1.00 EUR
         2010 <- 2300 0.10 EUR
         2010 <- 2020 78.90 EUR
         5010 <- 1110 1.10 EUR",
    );
    for (formula, net, tax) in [("floor", "0.63", "0.06"), ("difference", "0.62", "0.07")] {
        check(
            Capture,
            ("25.00 GBP", &format!("fee=0.10 passes=included_{formula}:10")),
            ("25.00 GBP", "net=28.14:EUR interchange=0.60 scheme=0.20 markup=0.15"),
            &format!(
                "6010 <- 1100 25.00 GBP
                 1110 <- 6010 29.09 EUR
                 2010 <- 4060 {net} GBP
                 2010 <- 2300 {tax} GBP
                 2010 <- 2020 24.21 GBP
                 5010 <- 1110 0.60 EUR
                 5020 <- 1110 0.20 EUR
                 5030 <- 1110 0.15 EUR"
            ),
        );
    }
    // More than the sale came to: nothing is withheld, and available money goes down.
    check(
        Capture,
        ("1.00 EUR", "fee=0.40 reserve=0.10 passes=yes"),
        ("1.00 EUR", "interchange=0.80"),
        "1110 <- 1100 1.00 EUR
         2010 <- 4060 0.80 EUR
         2020 <- 2010 0.20 EUR
         5010 <- 1110 0.80 EUR",
    );
}

#[test]
fn the_cost_of_a_dispute_is_booked_once() {
    use RecordType::Chargeback;
    let item = ("-80.00 EUR", "cost=10.00");
    // Among the costs, all of it.
    check(
        Chargeback,
        item,
        ("-80.00 EUR", "markup=10.00"),
        "1100 <- 1110 80.00 EUR
         1100 <- 1110 10.00 EUR",
    );
    // In the gross, all of it.
    check(Chargeback, item, ("-90.00 EUR", ""), "1100 <- 1110 90.00 EUR");
    // In the gross, with costs beside it.
    check(
        Chargeback,
        item,
        ("-90.00 EUR", "markup=0.25"),
        "1100 <- 1110 90.00 EUR
         5030 <- 1110 0.25 EUR",
    );
    // Less than was booked, none of it, and more.
    check(
        Chargeback,
        item,
        ("-80.00 EUR", "markup=6.00"),
        "1100 <- 1110 80.00 EUR
         1100 <- 1110 6.00 EUR
         1100 <- 5040 4.00 EUR
         fee 1000 / 600",
    );
    check(
        Chargeback,
        item,
        ("-80.00 EUR", ""),
        "1100 <- 1110 80.00 EUR
         1100 <- 5040 10.00 EUR
         fee 1000 / 0",
    );
    check(
        Chargeback,
        item,
        ("-80.00 EUR", "markup=11.00 scheme=0.50 interchange=0.25"),
        "1100 <- 1110 80.00 EUR
         1100 <- 1110 10.00 EUR
         5010 <- 1110 0.25 EUR
         5020 <- 1110 0.50 EUR
         5030 <- 1110 1.00 EUR
         fee 1000 / 1175",
    );
    // Off the acquirer's own part first, then off scheme fee and interchange.
    check(
        Chargeback,
        item,
        ("-80.00 EUR", "markup=4.00 scheme=5.00 interchange=3.00"),
        "1100 <- 1110 80.00 EUR
         1100 <- 1110 10.00 EUR
         5010 <- 1110 2.00 EUR
         fee 1000 / 1200",
    );
    // Money back on costs is not the cost of the dispute.
    check(
        Chargeback,
        item,
        ("-80.00 EUR", "interchange=-1.00"),
        "1100 <- 1110 80.00 EUR
         1100 <- 5040 10.00 EUR
         1110 <- 5010 1.00 EUR
         fee 1000 / -100",
    );
    // A gross that is neither differs from the amount, and the cost stands apart.
    check(
        Chargeback,
        item,
        ("-85.00 EUR", "markup=10.00"),
        "1100 <- 1110 80.00 EUR
         1900 <- 1110 5.00 EUR
         1100 <- 1110 10.00 EUR
         amount -8000 / -8500",
    );
    // Nothing was booked: the line's costs are costs.
    check(
        Chargeback,
        ("-80.00 EUR", ""),
        ("-80.00 EUR", "markup=10.00"),
        "1100 <- 1110 80.00 EUR
         5030 <- 1110 10.00 EUR",
    );
}

#[test]
fn the_cost_of_a_dispute_is_converted_by_its_line() {
    use RecordType::Chargeback;
    // 80.00 GBP came to 100.00 EUR, so 10.00 GBP are 12.50 EUR.
    let item = ("-80.00 GBP", "cost=10.00");
    check(
        Chargeback,
        item,
        ("-80.00 GBP", "net=-112.50:EUR markup=12.50"),
        "1100 <- 6010 80.00 GBP
         6010 <- 1110 100.00 EUR
         1100 <- 6010 10.00 GBP
         6010 <- 1110 12.50 EUR",
    );
    check(
        Chargeback,
        item,
        ("-80.00 GBP", "net=-106.25:EUR markup=6.25"),
        "1100 <- 6010 80.00 GBP
         6010 <- 1110 100.00 EUR
         1100 <- 6010 5.00 GBP
         6010 <- 1110 6.25 EUR
         1100 <- 5040 5.00 GBP",
    );
    check(
        Chargeback,
        item,
        ("-80.00 GBP", "net=-112.51:EUR markup=12.51"),
        "1100 <- 6010 80.00 GBP
         6010 <- 1110 100.00 EUR
         1100 <- 6010 10.00 GBP
         6010 <- 1110 12.50 EUR
         5030 <- 1110 0.01 EUR",
    );
    check(
        Chargeback,
        item,
        ("-90.00 GBP", "net=-112.50:EUR"),
        "1100 <- 6010 90.00 GBP
         6010 <- 1110 112.50 EUR",
    );
}

#[test]
fn vat_and_reserve_are_booked_where_they_belong() {
    use RecordType::{Capture, Refund};
    check(
        Capture,
        ("10.00 EUR", "fee=1.00"),
        ("10.00 EUR", "markup=0.50 tax=0.10 withheld=1.00"),
        "1110 <- 1100 10.00 EUR
         2010 <- 2020 9.00 EUR
         5030 <- 1110 0.50 EUR
         1400 <- 1110 0.10 EUR
         1120 <- 1110 1.00 EUR",
    );
    check(
        Refund,
        ("-10.00 EUR", ""),
        ("-10.00 EUR", "markup=-0.50 tax=-0.10 withheld=-1.00"),
        "1100 <- 1110 10.00 EUR
         1110 <- 5030 0.50 EUR
         1110 <- 1400 0.10 EUR
         1110 <- 1120 1.00 EUR",
    );
}

#[test]
fn what_belongs_to_no_payment_is_booked_by_itself() {
    use RecordType::{BatchFee, Capture, Carried, Conversion, External, Payout, Reserve, Rounding, Unsupported};
    #[track_caller]
    fn check(record: RecordType, words: &str, expected: Option<&str>) {
        let booked = by_itself(&line(record, "0.00 EUR", words)).expect("a booking");
        let told = booked.map(|legs| {
            let leg = |(leg, minor): &(Leg, i64)| {
                let (debit, credit) = (leg.debit.number(), leg.credit.number());
                format!("{debit} <- {credit} {}", Money::from_minor(*minor, leg.currency))
            };
            legs.iter().map(leg).collect::<Vec<_>>().join(", ")
        });
        assert_eq!(told.as_deref(), expected, "{record:?} {words}");
    }
    check(BatchFee, "net=-1.00:EUR", Some("5030 <- 1110 1.00 EUR"));
    check(BatchFee, "net=1.00:EUR", Some("1110 <- 5030 1.00 EUR"));
    check(BatchFee, "net=-1.00:EUR scheme=1.00", Some("5020 <- 1110 1.00 EUR"));
    check(
        BatchFee,
        "net=-1.10:EUR markup=0.40 interchange=0.30 tax=0.10",
        Some("5010 <- 1110 0.30 EUR, 5030 <- 1110 0.70 EUR, 1400 <- 1110 0.10 EUR"),
    );
    check(Reserve, "net=-5.00:EUR", Some("1120 <- 1110 5.00 EUR"));
    check(Reserve, "net=5.00:EUR", Some("1110 <- 1120 5.00 EUR"));
    check(Conversion, "net=-5.00:USD", Some("6010 <- 1110 5.00 USD"));
    check(
        Conversion,
        "net=4.40:EUR markup=0.10",
        Some("1110 <- 6010 4.50 EUR, 5030 <- 1110 0.10 EUR"),
    );
    check(Rounding, "net=-0.01:EUR", Some("5900 <- 1110 0.01 EUR"));
    check(Rounding, "net=0.02:EUR", Some("1110 <- 5900 0.02 EUR"));
    for record in [Capture, Payout, Unsupported, Carried, External] {
        check(record, "net=-1.00:EUR", None);
    }
}

#[test]
fn carriers_have_an_account_of_their_own() {
    let acquirer = acquirer();
    let with = Counterparty {
        acquirer: &acquirer,
        receivable: AccountCode::CarrierReceivable,
    };
    check_with(
        with,
        &item("10.00 EUR", "fee=1.00"),
        &line(RecordType::Capture, "9.00 EUR", ""),
        "1110 <- 1130 9.00 EUR
         1900 <- 1130 1.00 EUR
         2010 <- 2020 8.00 EUR
         pending 100
         amount 1000 / 900",
    );
    check_with(
        with,
        &item("-10.00 EUR", "cost=1.00"),
        &line(RecordType::Chargeback, "-10.00 EUR", "markup=0.50"),
        "1130 <- 1110 10.00 EUR
         1130 <- 1110 0.50 EUR
         1130 <- 5040 0.50 EUR
         fee 100 / 50",
    );
}

#[test]
fn record_types_settle_by_the_way_their_money_goes() {
    use RecordType::{ChargebackReversal, Refund, RefundFailure, Unpaid, UnpaidRecovery};
    for away in [Refund, Unpaid] {
        check(away, ("-10.00 EUR", ""), ("-10.00 EUR", ""), "1100 <- 1110 10.00 EUR");
        check(
            away,
            ("-10.00 EUR", ""),
            ("-12.00 EUR", ""),
            "1100 <- 1110 10.00 EUR
             1900 <- 1110 2.00 EUR
             amount -1000 / -1200",
        );
        check(
            away,
            ("-10.00 EUR", ""),
            ("-7.00 EUR", ""),
            "1100 <- 1110 7.00 EUR
             1100 <- 2900 3.00 EUR
             amount -1000 / -700",
        );
    }
    for towards in [ChargebackReversal, UnpaidRecovery, RefundFailure] {
        check(towards, ("10.00 EUR", ""), ("10.00 EUR", ""), "1110 <- 1100 10.00 EUR");
        check(
            towards,
            ("10.00 EUR", ""),
            ("12.00 EUR", ""),
            "1110 <- 1100 10.00 EUR
             1110 <- 2900 2.00 EUR
             amount 1000 / 1200",
        );
        check(
            towards,
            ("10.00 EUR", ""),
            ("7.00 EUR", ""),
            "1110 <- 1100 7.00 EUR
             1900 <- 1100 3.00 EUR
             amount 1000 / 700",
        );
    }
}

#[test]
fn a_line_is_as_far_from_a_dispute_as_from_the_nearer_of_its_amounts() {
    let item = item("-80.00 EUR", "cost=10.00");
    let distance = |gross| item.distance(&line(RecordType::Chargeback, gross, ""));
    assert_eq!(
        ["-80.00 EUR", "-90.00 EUR", "-84.00 EUR", "-88.00 EUR", "-95.00 EUR"].map(distance),
        [0, 0, 400, 200, 500]
    );
}

#[test]
fn conversions_are_exact_and_halves_go_to_the_even_neighbour() {
    let cases = [
        ((5, 1, 2), 2),
        ((15, 1, 2), 8),
        ((-5, 1, 2), -2),
        ((-15, 1, 2), -8),
        ((-7, 1, 3), -2),
        ((7, 1, 3), 2),
        ((8, 1, 3), 3),
        ((10, -250, 1000), 2),
        ((10, 1, 0), 0),
        ((i64::MAX, i64::MAX, i64::MAX), i64::MAX),
    ];
    for ((amount, to, from), expected) in cases {
        assert_eq!(scaled(amount, to, from), Ok(expected), "{amount} {to} {from}");
    }
    assert!(scaled(i64::MAX, 2, 1).is_err());
}
