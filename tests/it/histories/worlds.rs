//! Random contracts: acquirers, fee schedules and merchants of each history, in the settings of one database.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::model::fees::{Price, Rate, Schedule, Vat};
use crate::model::in_each;
use crate::model::velocity::Rule;
use crate::model::world::{
    Acquirer, Amounts, CURRENCIES, Cost, Merchant, Refunds, Reserve, Validity, Version, Window, World, Zone,
};

/// What the payments of a sequence are taken by; each history has such acquirers of its own.
const ACQUIRERS: [&str; 4] = ["north", "south", "tele", "cell"];
const DESTINATIONS: [[&str; 3]; 2] = [
    ["Merchant One", "DE02120300000000202051", ""],
    ["Merchant Two", "DE02500105170137075030", "INGDDEFF"],
];

/// The name of a history's own acquirer.
pub fn own(acquirer: &str, seed: usize) -> String {
    let suffix = format!("-{seed}");
    if acquirer.ends_with(&suffix) {
        acquirer.to_owned()
    } else {
        format!("{acquirer}{suffix}")
    }
}

/// The acquirers of a history.
pub fn acquirers(seed: usize) -> Vec<String> {
    ACQUIRERS.iter().map(|acquirer| own(acquirer, seed)).collect()
}

/// Names live as long as the program: a world is written down once.
fn name(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn one_of<T: Clone>(dice: &mut ChaCha8Rng, all: &[T]) -> T {
    all[dice.random_range(0..all.len())].clone()
}

/// What histories that share a database have together, from the first of their seeds, and what each has of its own.
pub fn world(histories: &[(usize, Vec<String>)], first: usize) -> World {
    let mut dice = ChaCha8Rng::seed_from_u64(u64::try_from(first).expect("a seed"));
    let mut versions: Vec<Version> = ["2026-01-01", "2026-03-01"]
        .map(|from| version(&mut dice, from))
        .to_vec();
    for (seed, merchants) in histories {
        let mut dice = ChaCha8Rng::seed_from_u64(u64::try_from(*seed).expect("a seed"));
        let carriers = ["tele", "cell"].map(|carrier| own(carrier, *seed));
        let destinations = merchants
            .iter()
            .map(|_| one_of(&mut dice, &DESTINATIONS))
            .collect::<Vec<_>>();
        for version in &mut versions {
            for acquirer in acquirers(*seed) {
                let is_carrier = carriers.contains(&acquirer);
                version
                    .acquirers
                    .push(acquirer_of(&mut dice, name(acquirer), is_carrier));
            }
            let schedules = ["one", "two"].map(|word| name(format!("{word}-{seed}")));
            for schedule in schedules {
                version.schedules.push(schedule_of(&mut dice, schedule));
            }
            for (merchant, destination) in merchants.iter().zip(&destinations) {
                let schedule = one_of(&mut dice, &schedules);
                let terms = Merchant {
                    destination: Some(*destination),
                    ..merchant_of(&mut dice, schedule)
                };
                version.merchants.insert(merchant.clone(), terms);
            }
        }
    }
    World { versions }
}

/// What the house has in a database.
fn version(dice: &mut ChaCha8Rng, from: &'static str) -> Version {
    let row = |dice: &mut ChaCha8Rng| Validity {
        scheme: one_of(dice, &[None, Some("visa")]),
        auth_type: one_of(dice, &[None, Some("final"), Some("pre")]),
        initiator: one_of(dice, &[None, Some("customer"), Some("merchant")]),
        hours: dice.random_range(1..1_500),
    };
    let mut validity: Vec<Validity> = Vec::new();
    for _ in 0..dice.random_range(1..6) {
        let row = row(dice);
        let same = |known: &Validity| {
            (known.scheme, known.auth_type, known.initiator) == (row.scheme, row.auth_type, row.initiator)
        };
        if !validity.iter().any(same) {
            validity.push(row);
        }
    }
    let window = |dice: &mut ChaCha8Rng| match dice.random_range(0..3) {
        0 => Window::Months(dice.random_range(1..6)),
        1 => Window::Days(dice.random_range(10..200)),
        _ => Window::MonthEnd,
    };
    let mut refunds = Vec::new();
    for method in [Some("carrier"), Some("wallet"), None] {
        if dice.random_bool(0.6) {
            let (window, rail) = (window(dice), window(dice));
            refunds.push(Refunds { method, window, rail });
        }
    }
    let velocity = (0..dice.random_range(0..4)).map(|place| rule_of(dice, place)).collect();
    Version {
        from,
        validity,
        refunds,
        velocity,
        minimum: one_of(dice, &[Amounts::new(), in_each(500)]),
        advance_limit: in_each(1_000_000_000_000),
        ..Version::default()
    }
}

/// A velocity rule, by name in its place. What counts by payer alone counts all histories of a database together.
fn rule_of(dice: &mut ChaCha8Rng, place: usize) -> Rule {
    let per: &[&'static str] = one_of(
        dice,
        &[
            &["payer"],
            &["merchant"],
            &["payer", "merchant"],
            &["merchant", "method"],
            &["merchant", "category"],
        ],
    );
    let most = if per == ["payer"] { 20 } else { 1 };
    let limit = one_of(dice, &["count", "sum", "both"]);
    Rule {
        name: format!("rule-{place}"),
        per: per.to_vec(),
        method: one_of(dice, &[None, None, Some("carrier")]),
        category: one_of(dice, &[None, None, None, Some("games")]),
        window: one_of(dice, &["1 hour", "24 hours", "month"]),
        zone: Zone::Berlin,
        max_count: (limit != "sum").then(|| dice.random_range(1..4) * most),
        max_sum: match limit {
            "count" => Amounts::new(),
            _ => in_each(dice.random_range(3_000..40_000) * i64::try_from(most).expect("a factor")),
        },
        action: one_of(dice, &["flag", "hold", "hold", "refuse"]),
    }
}

/// The same in some currencies.
fn in_some(dice: &mut ChaCha8Rng, most: i64) -> Amounts {
    let mut amounts = Amounts::new();
    for (code, _) in CURRENCIES {
        if dice.random_bool(0.7) {
            amounts.insert(code, dice.random_range(0..most));
        }
    }
    amounts
}

fn acquirer_of(dice: &mut ChaCha8Rng, name: &'static str, is_carrier: bool) -> Acquirer {
    let is_net = dice.random_bool(0.6);
    let cost = (is_net && dice.random_bool(0.7)).then(|| Cost {
        per_million: dice.random_range(0..20_000),
        fixed: in_some(dice, 12),
        tolerance: in_some(dice, 3),
    });
    Acquirer {
        name,
        is_carrier,
        is_net,
        wait: dice.random_range(1..90),
        over_capture: one_of(dice, &[0, 0, 2, 15]),
        whole_refunds_only: dice.random_bool(0.2),
        house_bears_unpaid: dice.random_bool(0.5),
        tolerance: in_some(dice, 4),
        cost,
    }
}

fn vat_of(dice: &mut ChaCha8Rng) -> Option<Vat> {
    let kind = one_of(
        dice,
        &[None, Some("added"), Some("included_floor"), Some("included_difference")],
    )?;
    let per_million = one_of(dice, &[77_000, 100_000, 190_000]);
    let rounding = match kind {
        "added" => one_of(dice, &["down", "half_up", "half_even", "up"]),
        _ => "down",
    };
    Some(Vat {
        name: name(format!("{kind}-{per_million}-{rounding}")),
        kind,
        per_million,
        rounding,
    })
}

fn schedule_of(dice: &mut ChaCha8Rng, name: &'static str) -> Schedule {
    let scope = one_of(dice, &["item", "item", "batch", "invoice", "contract"]);
    let mut prices = Vec::new();
    if dice.random_bool(0.4) {
        let method = Some(one_of(dice, &["carrier", "wallet"]));
        prices.push(Price {
            method,
            ..price_of(dice, scope)
        });
    }
    prices.push(price_of(dice, scope));
    Schedule {
        name,
        rounding: one_of(dice, &["half_even", "half_up", "up", "down"]),
        scope,
        returned: one_of(dice, &["nothing", "percentage", "all"]),
        vat: [vat_of(dice), vat_of(dice), vat_of(dice)],
        prices,
        events: [
            in_some(dice, 5),
            in_some(dice, 7),
            in_some(dice, 300),
            in_some(dice, 40),
        ],
        advance: one_of(dice, &[0, 5_000, 20_001]),
        monthly_minimum: if one_of(dice, &[true, false, false]) {
            in_some(dice, 900)
        } else {
            Amounts::new()
        },
        won_returns_dispute_fee: dice.random_bool(0.5),
    }
}

/// Almost every currency is priced. Amounts are millionths of a minor unit, whole units where each item is rounded alone.
fn price_of(dice: &mut ChaCha8Rng, scope: &str) -> Price {
    let unit = if scope == "item" { 1_000_000 } else { 1_000 };
    let mut fixed = Amounts::new();
    for (code, _) in CURRENCIES {
        if dice.random_bool(0.93) {
            fixed.insert(code, dice.random_range(0..40_000_000_i64) / unit * unit);
        }
    }
    let bounds = |dice: &mut ChaCha8Rng, from: i64, to: i64| -> Amounts {
        let mut bounds = Amounts::new();
        for code in fixed.keys() {
            if dice.random_bool(0.7) {
                bounds.insert(code, dice.random_range(from..to) / unit * unit);
            }
        }
        bounds
    };
    let (has_minimum, has_cap) = (dice.random_bool(0.25), dice.random_bool(0.25));
    let minimum = if has_minimum {
        bounds(dice, 40_000_000, 90_000_000)
    } else {
        Amounts::new()
    };
    let cap = if has_cap {
        bounds(dice, 90_000_000, 300_000_000)
    } else {
        Amounts::new()
    };
    let flat = dice.random_range(0..60_000);
    let second = dice.random_range(1..3_000);
    let tiers = vec![
        (0, dice.random_range(0..60_000)),
        (second, dice.random_range(0..60_000)),
        (second + dice.random_range(1..9_000), dice.random_range(0..60_000)),
    ];
    Price {
        rate: match dice.random_range(0..4) {
            0 => Rate::Tiered(tiers),
            1 => Rate::Interval(tiers),
            _ => Rate::Flat(flat),
        },
        fixed,
        minimum,
        cap,
        passes_costs: dice.random_bool(0.3),
        ..Price::default()
    }
}

fn merchant_of(dice: &mut ChaCha8Rng, schedule: &'static str) -> Merchant {
    Merchant {
        schedule,
        zone: one_of(dice, &[Zone::Berlin, Zone::Seoul]),
        negative_limit: one_of(dice, &[Amounts::new(), in_each(1_000), in_each(1_000_000_000_000)]),
        reserve: dice.random_bool(0.5).then(|| Reserve {
            percent: dice.random_range(5..31),
            days: dice.random_range(1..90),
        }),
        refunds_from_reserve: dice.random_bool(0.5),
        sales_day: dice.random_bool(0.35).then(|| dice.random_range(0..6)),
        advance_limit: one_of(dice, &[Amounts::new(), in_each(4_000), in_each(100_000)]),
        destination: None,
    }
}

/// The schedules and acquirers that a history is by, for its failure.
pub fn told(world: &World, seed: usize) -> String {
    let mut text = String::new();
    for version in &world.versions {
        let own = |name: &str| name.ends_with(&format!("-{seed}"));
        let version = Version {
            acquirers: version
                .acquirers
                .iter()
                .filter(|acquirer| own(acquirer.name))
                .cloned()
                .collect(),
            schedules: version
                .schedules
                .iter()
                .filter(|schedule| own(schedule.name))
                .cloned()
                .collect(),
            merchants: version
                .merchants
                .iter()
                .filter(|(merchant, _)| merchant.starts_with(&format!("{seed}-")))
                .map(|(merchant, terms)| (merchant.clone(), terms.clone()))
                .collect::<BTreeMap<_, _>>(),
            ..version.clone()
        };
        text += &version.settings();
    }
    text
}
