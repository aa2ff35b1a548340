//! Every report worked out again from the entries, files and payouts of the model: rows of cells, as the CSV has them.

use std::collections::{BTreeMap, BTreeSet};

use acquit::ledger::account::AccountCode;
use chrono::{NaiveDate, SecondsFormat};

use super::runs::Payout;
use super::settle::{File, Line};
use crate::model::fees::{Accrual, MINOR};
use crate::model::rules::{Book, Break, Entry, Model, Name, Transfer};
use crate::model::world::places;

pub type Rows = Vec<Vec<String>>;

/// Which entries are looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span<'a> {
    pub merchant: Option<&'a str>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

impl Span<'_> {
    fn covers_book(&self, merchant: &str) -> bool {
        self.merchant.is_none_or(|wanted| wanted == merchant)
    }

    fn covers(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

/// A signed amount of minor units.
fn decimal(minor: i64, code: &str) -> String {
    let text = crate::model::world::decimal(minor.abs(), places(code));
    if minor < 0 { format!("-{text}") } else { text }
}

fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn named(code: i16) -> &'static str {
    AccountCode::from_number(code).expect("an account of the chart").name()
}

// Trial balance -------------------------------------------------------------------------------------------------------

pub fn trial_balance(model: &Model<'_>, span: Span<'_>) -> Rows {
    let mut sums: BTreeMap<(bool, String, i16, String), (i64, i64)> = BTreeMap::new();
    for book in model
        .books
        .iter()
        .filter(|(merchant, _)| span.covers_book(merchant))
        .map(|(_, book)| book)
    {
        for moved in book
            .entries
            .iter()
            .filter(|entry| span.covers(entry.day))
            .flat_map(|entry| &entry.transfers)
        {
            let key = |(code, currency, dimension): &Name| (*code > 9000, currency.clone(), *code, dimension.clone());
            sums.entry(key(&moved.debit)).or_default().0 += moved.amount;
            sums.entry(key(&moved.credit)).or_default().1 += moved.amount;
        }
    }
    let mut rows = Rows::new();
    for (memo, section) in [(false, "financial"), (true, "memo")] {
        let mut totals: BTreeMap<String, [i64; 4]> = BTreeMap::new();
        for ((_, currency, code, dimension), (debits, credits)) in sums.iter().filter(|((of, ..), _)| *of == memo) {
            let balance = debits - credits;
            let figures = [*debits, *credits, balance.max(0), (-balance).max(0)];
            let total = totals.entry(currency.clone()).or_default();
            for (total, figure) in total.iter_mut().zip(figures) {
                *total += figure;
            }
            let words = [section, &code.to_string(), named(*code), dimension, currency];
            rows.push(trial_balance_row(words, figures));
        }
        for (currency, figures) in totals {
            assert_eq!((figures[0], figures[2]), (figures[1], figures[3]));
            rows.push(trial_balance_row(
                [&format!("{section} total"), "", "", "", &currency],
                figures,
            ));
        }
    }
    rows
}

fn trial_balance_row(words: [&str; 5], figures: [i64; 4]) -> Vec<String> {
    let mut row: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    row.push(places(words[4]).to_string());
    row.extend(figures.map(|figure| figure.to_string()));
    row.extend(figures.map(|figure| decimal(figure, words[4])));
    row
}

// Journal -------------------------------------------------------------------------------------------------------------

/// Without when it was recorded and the hash over that: [`support::books`] proves those.
///
/// [`support::books`]: crate::support::books
pub fn journal(model: &Model<'_>, span: Span<'_>, ids: &Ids) -> Rows {
    let mut rows = Rows::new();
    for (merchant, book) in model.books.iter().filter(|(merchant, _)| span.covers_book(merchant)) {
        for (number, entry) in (1..).zip(&book.entries).filter(|(_, entry)| span.covers(entry.day)) {
            let head = journal_head(merchant, number, entry, ids);
            for (ordinal, moved) in (1..).zip(&entry.transfers) {
                rows.push([head.clone(), journal_tail(entry, Some((ordinal, moved)))].concat());
            }
            if entry.transfers.is_empty() {
                rows.push([head, journal_tail(entry, None)].concat());
            }
        }
    }
    rows
}

/// What the database numbers itself: books by merchant, sources by name.
#[derive(Debug, Default)]
pub struct Ids {
    pub books: BTreeMap<String, i64>,
    pub sources: BTreeMap<String, i64>,
}

fn journal_head(merchant: &str, number: usize, entry: &Entry, ids: &Ids) -> Vec<String> {
    let event = entry.event.as_ref();
    let of_event = |text: Option<&Option<String>>| text.cloned().flatten().unwrap_or_default();
    let fingerprint: Vec<String> = entry.fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        ids.books[merchant].to_string(),
        merchant.to_owned(),
        number.to_string(),
        entry.kind.name().to_owned(),
        entry.kind.id().to_string(),
        entry.reference.clone(),
        fingerprint.concat(),
        or_empty(entry.payment.as_ref()),
        of_event(event.map(|event| &event.acquirer_reference)),
        of_event(event.map(|event| &event.merchant_reference)),
        of_event(event.map(|event| &event.arn)),
        of_event(event.map(|event| &event.rrn)),
        of_event(event.map(|event| &event.auth_code)),
        or_empty(entry.details.as_ref()),
        or_empty(entry.natural_key.as_ref()),
        entry.occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        String::new(),
        entry.day.to_string(),
        or_empty(entry.happened_on),
        ids.sources[&entry.source.0].to_string(),
        entry.source.0.clone(),
        or_empty(entry.source.1),
    ]
}

fn journal_tail(entry: &Entry, moved: Option<(usize, &Transfer)>) -> Vec<String> {
    let mut row = match moved {
        None => vec![String::new(); 13],
        Some((ordinal, moved)) => {
            let account = |(code, currency, dimension): &Name| {
                [
                    code.to_string(),
                    named(*code).to_owned(),
                    currency.clone(),
                    dimension.clone(),
                ]
            };
            let currency = &moved.debit.1;
            let mut row = vec![ordinal.to_string()];
            row.extend(account(&moved.debit));
            row.extend(account(&moved.credit));
            row.extend([
                moved.amount.to_string(),
                decimal(moved.amount, currency),
                places(currency).to_string(),
                currency.clone(),
            ]);
            row
        }
    };
    row.extend([or_empty(entry.reverses), String::new()]);
    row
}

// Statements ----------------------------------------------------------------------------------------------------------

/// What changed what a merchant is owed: pending, available, in transit.
struct Movement<'a> {
    merchant: &'a str,
    currency: &'a str,
    number: usize,
    entry: &'a Entry,
    name: &'static str,
    is_debit: bool,
    amount: i64,
}

fn movements<'a>(model: &'a Model<'_>, span: Span<'_>) -> Vec<Movement<'a>> {
    let is_owed = |code: i16| matches!(code, 1200 | 2010 | 2020 | 2100);
    let mut all = Vec::new();
    let books = model
        .books
        .iter()
        .filter(|(merchant, _)| !merchant.is_empty() && span.covers_book(merchant));
    for (merchant, book) in books {
        for (number, entry) in (1..)
            .zip(&book.entries)
            .filter(|(_, entry)| span.to.is_none_or(|to| entry.day <= to))
        {
            for moved in &entry.transfers {
                let (is_debit, is_credit) = (is_owed(moved.debit.0), is_owed(moved.credit.0));
                if is_debit == is_credit {
                    continue;
                }
                let other = if is_debit { &moved.credit } else { &moved.debit };
                all.push(Movement {
                    merchant,
                    currency: &moved.debit.1,
                    number,
                    entry,
                    name: crate::report::movement(entry.kind.name(), other.0),
                    is_debit,
                    amount: moved.amount,
                });
            }
        }
    }
    // Entries in their order within each currency.
    all.sort_by_key(|movement| (movement.merchant, movement.currency));
    all
}

/// In the order of a payment's life; any other comes after, by name.
const MOVEMENTS: [&str; 18] = [
    "opening",
    "capture",
    "merchant_fee",
    "costs_passed_on",
    "vat",
    "refund",
    "fee_returned",
    "chargeback",
    "chargeback_reversal",
    "dispute_fee",
    "settlement_difference",
    "reserve",
    "hold",
    "adjustment",
    "minimum_top_up",
    "advance_fee",
    "payout_fee",
    "payout",
];

pub fn statement(model: &Model<'_>, span: Span<'_>) -> Rows {
    let all = movements(model, span);
    let mut rows = Rows::new();
    for account in all.chunk_by(|one, other| (one.merchant, one.currency) == (other.merchant, other.currency)) {
        let (merchant, currency) = (account[0].merchant, account[0].currency);
        let mut opening = 0;
        let mut sums: BTreeMap<(usize, &str), (BTreeSet<usize>, i64, i64)> = BTreeMap::new();
        for movement in account {
            let signed = if movement.is_debit {
                -movement.amount
            } else {
                movement.amount
            };
            if span.from.is_some_and(|from| movement.entry.day < from) {
                opening += signed;
                continue;
            }
            let place = MOVEMENTS
                .iter()
                .position(|name| *name == movement.name)
                .unwrap_or(MOVEMENTS.len());
            let sum = sums.entry((place, movement.name)).or_default();
            sum.0.insert(movement.number);
            sum.1 += (-signed).max(0);
            sum.2 += signed.max(0);
        }
        let row = |name: &str, entries: Option<usize>, moved: Option<(i64, i64)>, balance: i64| {
            let (debit, credit) = moved.unzip();
            vec![
                merchant.to_owned(),
                currency.to_owned(),
                places(currency).to_string(),
                name.to_owned(),
                or_empty(entries),
                or_empty(debit),
                or_empty(credit),
                balance.to_string(),
                or_empty(debit.map(|debit| decimal(debit, currency))),
                or_empty(credit.map(|credit| decimal(credit, currency))),
                decimal(balance, currency),
            ]
        };
        rows.push(row("opening", None, None, opening));
        let (mut balance, mut debits, mut credits) = (opening, 0, 0);
        for ((_, name), (entries, debit, credit)) in sums {
            balance += credit - debit;
            (debits, credits) = (debits + debit, credits + credit);
            rows.push(row(name, Some(entries.len()), Some((debit, credit)), balance));
        }
        rows.push(row("closing", None, Some((debits, credits)), balance));
    }
    rows
}

pub fn statement_items(model: &Model<'_>, span: Span<'_>) -> Rows {
    let all = movements(model, span);
    let covered = all.iter().filter(|movement| span.covers(movement.entry.day));
    let row = |movement: &Movement<'_>| {
        let currency = movement.currency;
        let (debit, credit) = if movement.is_debit {
            (movement.amount, 0)
        } else {
            (0, movement.amount)
        };
        vec![
            movement.merchant.to_owned(),
            currency.to_owned(),
            places(currency).to_string(),
            movement.number.to_string(),
            movement.entry.day.to_string(),
            movement.name.to_owned(),
            movement.entry.reference.clone(),
            or_empty(movement.entry.payment.as_ref()),
            debit.to_string(),
            credit.to_string(),
            decimal(debit, currency),
            decimal(credit, currency),
        ]
    };
    covered.map(row).collect()
}

// Reconciliations -----------------------------------------------------------------------------------------------------

pub fn reconciliation(model: &Model<'_>, files: &[File]) -> Rows {
    files.iter().flat_map(|file| of_file(model, file)).collect()
}

/// By batch, record type, pass, breaks, currencies: lines, gross, costs, net.
type Sums = BTreeMap<(String, i16, u32, String, String, String), (usize, i64, i64, i64)>;

/// The number of a record type: how lines are ordered.
fn record_order(record: &str) -> i16 {
    let records = [
        "capture",
        "refund",
        "chargeback",
        "chargeback_reversal",
        "batch_fee",
        "payout",
        "unsupported",
    ];
    let place = records.iter().position(|name| *name == record).expect("a record type");
    i16::try_from(place + 1).expect("a number")
}

fn of_file(model: &Model<'_>, file: &File) -> Rows {
    let breaks: Vec<&Break> = model
        .breaks
        .iter()
        .filter(|found| found.found_in == file.name)
        .collect();
    let mut sums = Sums::new();
    let mut records: BTreeMap<i16, &str> = BTreeMap::new();
    let mut counts = [0; 3];
    for (place, line) in file.lines.iter().enumerate() {
        let mut classes: Vec<&str> = breaks
            .iter()
            .filter(|found| found.ordinal == Some(place))
            .map(|found| found.class)
            .collect();
        classes.sort_unstable();
        let pass = file.passes.get(&place).copied();
        counts[0] += usize::from(pass.is_some());
        counts[1] += usize::from(pass.is_none() && !classes.is_empty() && !line.is_of_batch());
        counts[2] += usize::from(pass.is_none() && line.is_of_batch());
        let order = record_order(line.record());
        records.insert(order, line.record());
        let key = (
            line.batch.clone(),
            order,
            // Those that no pass matched come last.
            pass.unwrap_or(u32::MAX),
            classes.join(" "),
            // Those without a gross come last.
            line.gross
                .as_ref()
                .map_or_else(|| "~".to_owned(), |(code, _)| code.clone()),
            line.net.0.clone(),
        );
        let sum = sums.entry(key).or_default();
        sum.0 += 1;
        sum.1 += line.gross.as_ref().map_or(0, |(_, minor)| *minor);
        sum.2 += line.total_costs();
        sum.3 += line.net.1;
    }
    let digest = file.digest();
    let row = |words: [&str; 4], lines: usize, gross: Option<(&str, i64)>, net: Option<(&str, i64, i64)>| {
        let mut row = vec![file.name.clone(), digest.clone()];
        row.extend(words.map(str::to_owned));
        row.push(lines.to_string());
        row.extend(match gross {
            None => vec![String::new(); 4],
            Some((code, minor)) => {
                vec![
                    code.to_owned(),
                    places(code).to_string(),
                    minor.to_string(),
                    decimal(minor, code),
                ]
            }
        });
        row.extend(match net {
            None => vec![String::new(); 8],
            Some((code, costs, net)) => vec![
                code.to_owned(),
                places(code).to_string(),
                costs.to_string(),
                decimal(costs, code),
                // No acquirer of a history withholds anything.
                "0".to_owned(),
                decimal(0, code),
                net.to_string(),
                decimal(net, code),
            ],
        });
        row
    };
    let mut rows = Rows::new();
    for ((batch, order, pass, classes, gross, net), (lines, gross_sum, costs, net_sum)) in &sums {
        let outcome = match (*pass, classes.as_str()) {
            (u32::MAX, "") if matches!(order, 5 | 6) => "batch row".to_owned(),
            (u32::MAX, "") => "not booked".to_owned(),
            (u32::MAX, classes) => classes.to_owned(),
            (pass, "") => format!("matched by pass {pass}"),
            (pass, classes) => format!("matched by pass {pass}, {classes}"),
        };
        let gross = (gross != "~").then_some((gross.as_str(), *gross_sum));
        rows.push(row(
            ["line", batch, records[order], &outcome],
            *lines,
            gross,
            Some((net, *costs, *net_sum)),
        ));
    }
    for ((batch, net), (lines, currencies, gross, costs, net_sum)) in batches(&sums) {
        let gross = match &currencies.into_iter().collect::<Vec<_>>()[..] {
            [code] => Some((*code, gross)),
            _ => None,
        };
        rows.push(row(["batch", batch, "", ""], lines, gross, Some((net, costs, net_sum))));
    }
    for ((class, state, currency), (count, difference)) in by_class(&breaks) {
        let difference = (currency != "~").then_some((currency, difference));
        rows.push(row(
            ["break", "", "", &format!("{class} {state}")],
            count,
            difference,
            None,
        ));
    }
    let outcome = match file.is_booked {
        false => "quarantined nothing booked",
        true => {
            assert_eq!(
                counts.iter().sum::<usize>(),
                file.lines.len(),
                "every line has one outcome"
            );
            "booked all accounted for"
        }
    };
    for (net, lines) in by_currency(&file.lines) {
        let sum = |words: &str, places: &[usize]| {
            let of = |place: &usize| &file.lines[*place];
            let gross: BTreeMap<&str, i64> = places.iter().filter_map(|place| of(place).gross.as_ref()).fold(
                BTreeMap::new(),
                |mut sums, (code, minor)| {
                    *sums.entry(code.as_str()).or_default() += minor;
                    sums
                },
            );
            let gross = gross.into_iter().collect::<Vec<_>>();
            let costs = places.iter().map(|place| of(place).total_costs()).sum();
            let sum = places.iter().map(|place| of(place).net.1).sum();
            let gross = (gross.len() == 1).then(|| gross[0]);
            row(["file", "", "", words], places.len(), gross, Some((net, costs, sum)))
        };
        let outcome = |place: usize| {
            let broken = breaks.iter().any(|found| found.ordinal == Some(place));
            match (file.passes.contains_key(&place), broken) {
                (true, false) => "matched",
                (true, true) => "matched with a break",
                (false, _) if file.lines[place].is_of_batch() => "of the batch",
                (false, true) => "in suspense",
                (false, false) => "not booked",
            }
        };
        for words in [
            "matched",
            "matched with a break",
            "in suspense",
            "of the batch",
            "not booked",
        ] {
            let places: Vec<usize> = lines.iter().copied().filter(|place| outcome(*place) == words).collect();
            if !places.is_empty() {
                rows.push(sum(words, &places));
            }
        }
        rows.push(sum("all", &lines));
    }
    rows.push(row(["file", "", "", outcome], file.lines.len(), None, None));
    rows
}

/// The places of lines by the currency of their net.
fn by_currency(lines: &[Line]) -> BTreeMap<&str, Vec<usize>> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        places.entry(&line.net.0).or_default().push(place);
    }
    places
}

type Batches<'a> = BTreeMap<(&'a str, &'a str), (usize, BTreeSet<&'a str>, i64, i64, i64)>;

fn batches(sums: &Sums) -> Batches<'_> {
    let mut batches = Batches::new();
    for ((batch, _, _, _, gross, net), (lines, gross_sum, costs, net_sum)) in sums {
        let sum = batches.entry((batch, net)).or_default();
        sum.0 += lines;
        if gross != "~" {
            sum.1.insert(gross);
        }
        sum.2 += gross_sum;
        sum.3 += costs;
        sum.4 += net_sum;
    }
    batches
}

fn by_class<'a>(breaks: &[&'a Break]) -> BTreeMap<(&'a str, &'static str, &'a str), (usize, i64)> {
    let mut classes: BTreeMap<(&str, &'static str, &str), (usize, i64)> = BTreeMap::new();
    for found in breaks {
        let (currency, difference) = found
            .difference
            .as_ref()
            .map_or(("~", 0), |(code, minor)| (code, *minor));
        let state = if found.is_open { "open" } else { "resolved" };
        let class = classes.entry((found.class, state, currency)).or_default();
        *class = (class.0 + 1, class.1 + difference);
    }
    classes
}

// Payouts and fees ----------------------------------------------------------------------------------------------------

pub fn payouts(payouts: &[Payout], span: Span<'_>, cutoff: Option<NaiveDate>) -> Rows {
    let mut covered: Vec<&Payout> = payouts
        .iter()
        .filter(|payout| span.covers_book(&payout.merchant) && cutoff.is_none_or(|cutoff| cutoff == payout.cutoff))
        .collect();
    covered.sort_by_key(|payout| (payout.cutoff, &payout.merchant, &payout.currency));
    let row = |payout: &&Payout| {
        let money = |minor: i64| [minor.to_string(), decimal(minor, &payout.currency)];
        let mut row = vec![
            payout.merchant.clone(),
            payout.currency.clone(),
            places(&payout.currency).to_string(),
        ];
        row.extend([payout.amount, payout.fee, payout.vat].map(money).concat());
        row.extend([
            payout.cutoff.to_string(),
            payout.state.to_owned(),
            payout.planned_by.clone(),
            or_empty(payout.approved_by.as_ref()),
            String::new(),
            payout.plan.clone(),
            payout.end_to_end_id.clone(),
        ]);
        row.extend(payout.destination.map(str::to_owned));
        row.extend([or_empty(payout.instruction), or_empty(payout.confirmation)]);
        // Nothing comes back in the histories.
        row.extend([const { String::new() }; 3]);
        row
    };
    covered.iter().map(row).collect()
}

/// Units of 1e-10 of a minor unit, with at least so many decimals.
fn parts(units: i128, places: usize) -> String {
    let all = crate::model::fees::trimmed(units, places + 10);
    let (whole, part) = all.split_once('.').unwrap_or((&all, ""));
    match places.max(part.len()) {
        0 => whole.to_owned(),
        width => format!("{whole}.{part:0<width$}"),
    }
}

/// Exact sums, then what was charged and given back by component; nothing differs.
pub fn fees(model: &Model<'_>, span: Span<'_>) -> Rows {
    let mut rows = Rows::new();
    let books = || {
        model
            .books
            .iter()
            .filter(|(merchant, _)| !merchant.is_empty() && span.covers_book(merchant))
    };
    let row = |words: [String; 7], currency: &str, figures: [Option<i128>; 3], detail: &str| {
        let [section, merchant, component, schedule, version, period, vat] = words;
        let mut row = vec![
            section,
            merchant,
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            component,
        ];
        row.extend([
            schedule,
            version,
            period,
            vat,
            currency.to_owned(),
            places(currency).to_string(),
        ]);
        for places in [0, places(currency)] {
            row.extend(figures.map(|figure| or_empty(figure.map(|units| parts(units, places)))));
        }
        row.push(detail.to_owned());
        row
    };
    for (merchant, book) in books() {
        for ((schedule, version, component, currency, period, vat), accrual) in &book.accruals {
            let Accrual { exact, posted, .. } = *accrual;
            let posted = i128::from(posted) * MINOR;
            let words = [
                "accrual",
                merchant,
                component,
                schedule,
                version,
                &period.to_string(),
                vat,
            ]
            .map(str::to_owned);
            rows.push(row(
                words,
                currency,
                [Some(exact), Some(posted), Some(exact - posted)],
                "",
            ));
        }
    }
    let only = |word: &str, component: &str| [word, "", component, "", "", "", ""].map(str::to_owned);
    for ((component, currency), minor) in charged(books().map(|(_, book)| book), span) {
        let units = Some(i128::from(minor) * MINOR);
        rows.push(row(only("total", component), currency, [units, units, Some(0)], ""));
    }
    rows
}

const COMPONENTS: [(i16, &str); 8] = [
    (4010, "percentage"),
    (4020, "fixed"),
    (4030, "dispute"),
    (4040, "minimum_top_up"),
    (4050, "other"),
    (4060, "costs_passed_on"),
    (4090, "returned"),
    (2300, "vat"),
];

fn charged<'a>(books: impl Iterator<Item = &'a Book>, span: Span<'_>) -> BTreeMap<(&'static str, &'a str), i64> {
    let mut sums: BTreeMap<(&'static str, &str), i64> = BTreeMap::new();
    for entry in books
        .flat_map(|book| &book.entries)
        .filter(|entry| span.covers(entry.own_day()))
    {
        let mut of_entry: BTreeMap<(&'static str, &str), i64> = BTreeMap::new();
        for moved in &entry.transfers {
            for (account, amount) in [(&moved.credit, moved.amount), (&moved.debit, -moved.amount)] {
                if let Some((_, name)) = COMPONENTS.iter().find(|(code, _)| *code == account.0) {
                    *of_entry.entry((name, account.1.as_str())).or_default() += amount;
                }
            }
        }
        // What an entry charges and gives back at once is no figure of it.
        for (component, amount) in of_entry.into_iter().filter(|(_, amount)| *amount != 0) {
            *sums.entry(component).or_default() += amount;
        }
    }
    sums
}
