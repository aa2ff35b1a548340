//! The files of a simulated day are read back by nothing but what a reader of them knows, booked once more, and compared
//! with the truth that was written beside them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;

use chrono::NaiveDate;
use serde_json::Value;

use super::*;
use crate::bank::format::Format;
use crate::bank::{Item as Told, Reversals};
use crate::dates::parse_day;
use crate::ids::check_reference;
use crate::money::{Currency, Money};
use crate::settings::{Percentage, Settings};

fn plan(payments: u64, merchants: u32, seed: u64) -> Plan {
    Plan {
        payments,
        merchants,
        seed,
        breaks: BreakKind::usual(Profile::Full, FileFormat::Adyen),
        day: Plan::usual_day(),
        profile: Profile::Full,
        file_format: FileFormat::Adyen,
    }
}

/// A day of plain card payments.
fn of_cards(payments: u64, merchants: u32, seed: u64) -> Plan {
    let profile = Profile::Card;
    Plan {
        profile,
        breaks: BreakKind::usual(profile, FileFormat::Adyen),
        ..plan(payments, merchants, seed)
    }
}

#[track_caller]
fn simulated(plan: &Plan) -> (tempfile::TempDir, Summary) {
    let directory = tempfile::tempdir().expect("a directory");
    let summary = run(plan, directory.path(), &mut |_| ()).expect("a simulated day");
    (directory, summary)
}

#[track_caller]
fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).expect(name)
}

type Accounts = BTreeMap<(i64, String), i64>;

/// A capture, refund, chargeback or reversal that the file may report.
struct Item {
    merchant: String,
    payment: String,
    record: &'static str,
    gross: i64,
    currency: String,
    fee: i64,
    echoed: String,
    acquirer_reference: Option<String>,
    arn: Option<String>,
    occurred_on: NaiveDate,
    matched: bool,
}

/// The engine of a pocket calculator: reads the files and books them.
struct Reread {
    settings: Settings,
    truth: Value,
    accounts: Accounts,
    available: BTreeMap<(String, String), i64>,
    items: Vec<Item>,
    open: HashMap<String, (i64, i64, i64, i64)>,
    /// Merchant, and what a payment is for: its merchant reference, or else its own name.
    orders: HashSet<(String, String)>,
    breaks: BTreeMap<&'static str, u64>,
    passes: BTreeMap<&'static str, u64>,
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().expect(field)
}

fn optional(value: &Value, field: &str) -> Option<String> {
    value.get(field).map(|_| text(value, field).to_owned())
}

fn minor(amount: &str, currency: &str) -> i64 {
    let currency = Currency::parse(currency).expect("a currency");
    Money::parse(amount, currency).expect("an amount").minor()
}

impl Reread {
    fn new(directory: &Path) -> Self {
        Self {
            settings: Settings::parse(&read(directory, SETTINGS)).expect("settings"),
            truth: serde_json::from_str(&read(directory, TRUTH)).expect("the truth"),
            accounts: Accounts::new(),
            available: BTreeMap::new(),
            items: Vec::new(),
            open: HashMap::new(),
            orders: HashSet::new(),
            breaks: BTreeMap::new(),
            passes: BTreeMap::new(),
        }
    }

    fn book(&mut self, debit: i64, credit: i64, currency: &str, amount: i64) {
        *self.accounts.entry((debit, currency.to_owned())).or_default() += amount;
        *self.accounts.entry((credit, currency.to_owned())).or_default() -= amount;
    }

    fn owe(&mut self, merchant: &str, currency: &str, amount: i64) {
        *self
            .available
            .entry((merchant.to_owned(), currency.to_owned()))
            .or_default() += amount;
    }

    /// Books an event, and holds it to the lifecycle.
    fn event(&mut self, event: &Value) {
        let (kind, merchant, payment) = (text(event, "kind"), text(event, "merchant"), text(event, "payment"));
        let currency = text(event, "currency");
        let amount = minor(text(event, "amount"), currency);
        for field in [
            "merchant",
            "payment",
            "reference",
            "acquirer_reference",
            "arn",
            "rrn",
            "merchant_reference",
        ] {
            let reference = optional(event, field);
            assert_eq!(
                reference.map_or(Ok(()), |text| check_reference(&text)),
                Ok(()),
                "{event}"
            );
        }
        let state = self.open.entry(payment.to_owned()).or_default();
        let (authorized, captured, given_back, charged_back) = state;
        match kind {
            "authorization" => *authorized += amount,
            "decline" => assert_eq!(*authorized, 0, "{event}"),
            "capture" => {
                *authorized -= amount;
                *captured += amount;
            }
            "void" => {
                assert_eq!(*authorized, amount, "{event}");
                *authorized = 0;
            }
            "refund" => {
                *given_back += amount;
                assert_eq!(*charged_back, 0, "{event}");
            }
            "chargeback" => *charged_back += amount,
            "chargeback_reversal" => *charged_back -= amount,
            other => panic!("{other}"),
        }
        // A chargeback of what was never captured, or was refunded, is booked all the same.
        let in_order = *authorized >= 0 && *given_back <= *captured && *charged_back >= 0;
        assert!(in_order, "{event}");
        if kind == "chargeback" && *captured == 0 {
            self.found("CHARGEBACK_UNKNOWN");
        } else if kind == "chargeback" && *given_back + *charged_back > *captured {
            self.found("DOUBLE_RECOVERY");
        }
        if kind == "authorization" {
            let order = optional(event, "merchant_reference");
            let is_new = self
                .orders
                .insert((merchant.to_owned(), order.clone().unwrap_or_else(|| payment.to_owned())));
            if order.is_some() && !is_new {
                self.found("DUPLICATE_IN_LEDGER");
            }
        }
        assert!(amount > 0 || kind == "authorization", "{event}");
        self.book_event(event, kind, merchant, currency, amount);
    }

    fn book_event(&mut self, event: &Value, kind: &str, merchant: &str, currency: &str, amount: i64) {
        let (record, gross) = match kind {
            "authorization" => return self.book(9010, 9020, currency, amount),
            "void" => return self.book(9020, 9010, currency, amount),
            "decline" => return,
            "capture" => ("Settled", amount),
            "refund" => ("Refunded", -amount),
            "chargeback" => ("Chargeback", -amount),
            _ => ("ChargebackReversed", amount),
        };
        let mut fee = 0;
        if kind == "capture" {
            let schedule = &self.settings.fee_schedules[&self.settings.merchants[merchant].fee_schedule][0];
            let money = Money::from_minor(amount, Currency::parse(currency).expect("a currency"));
            let rates = &schedule.prices[0].rates[&money.currency()];
            let Percentage::Flat(rate) = rates.percentage else {
                panic!("a blended price");
            };
            let percentage = money.share(rate, schedule.rounding).expect("a fee").minor();
            let fixed = i64::try_from(rates.fixed).expect("whole");
            fee = percentage + fixed;
            self.book(9020, 9010, currency, amount);
            self.book(1100, 2010, currency, amount);
            self.book(2010, 4010, currency, percentage);
            self.book(2010, 4020, currency, fixed);
        } else if self.open[text(event, "payment")].1 == 0 {
            self.book(1100, 1900, currency, gross);
        } else {
            self.book(1100, 2020, currency, gross);
            self.owe(merchant, currency, gross);
        }
        let occurred_on = parse_day(&text(event, "occurred_at")[..10]).expect("a day");
        self.items.push(Item {
            merchant: merchant.to_owned(),
            payment: text(event, "payment").to_owned(),
            record,
            gross,
            currency: currency.to_owned(),
            fee,
            echoed: optional(event, "merchant_reference").unwrap_or_else(|| text(event, "payment").to_owned()),
            acquirer_reference: optional(event, "acquirer_reference"),
            arn: optional(event, "arn"),
            occurred_on,
            matched: false,
        });
    }

    fn found(&mut self, class: &'static str) {
        *self.breaks.entry(class).or_default() += 1;
    }

    /// The item that a line proves: by reference, ARN, or merchant reference and amount.
    fn candidate(&self, keys: &Keys, row: &Row, currency: &str) -> Option<(usize, &'static str)> {
        let one = |found: Option<&Vec<usize>>| match found.map_or(&[][..], Vec::as_slice) {
            [only] => Some(*only).filter(|item| self.items[*item].currency == currency),
            _ => None,
        };
        let record = row.get("Type").to_owned();
        let by = |field: &str| one(keys.get(&(record.clone(), row.get(field).to_owned())));
        if let Some(item) = by("Modification Reference") {
            return Some((item, "pass1"));
        }
        if let Some(item) = by("ARN").filter(|_| !row.get("ARN").is_empty()) {
            return Some((item, "pass2"));
        }
        let day = parse_day(&row.get("Creation Date")[..10]).expect("a day");
        by("Merchant Reference")
            .filter(|item| self.items[*item].gross == row.signed("Gross", "GC"))
            .filter(|item| (day - self.items[*item].occurred_on).num_days().abs() <= 3)
            .map(|item| (item, "pass4"))
    }

    fn line(&mut self, keys: &Keys, row: &Row) {
        let currency = row.get("Net Currency").to_owned();
        let (gross, net) = (row.signed("Gross", "GC"), row.signed("Net", "NC"));
        let cost = |field: &str| row.amount(field);
        let acquirers = cost("Commission (NC)") + cost("Markup (NC)");
        let costs = acquirers + cost("Scheme Fees (NC)") + cost("Interchange (NC)");
        match row.get("Type") {
            "MerchantPayout" => return,
            "Fee" => return self.book(5030, 1110, &currency, -net),
            "DepositCorrection" => return self.book(1120, 1110, &currency, -net),
            _ if row.get("Gross Currency").is_empty() => {}
            _ => assert_eq!(gross - costs, net, "{row:?}"),
        }
        self.book(5010, 1110, &currency, cost("Interchange (NC)"));
        self.book(5020, 1110, &currency, cost("Scheme Fees (NC)"));
        self.book(5030, 1110, &currency, acquirers);
        let named = self.candidate(keys, row, &currency);
        let candidate = named.filter(|(item, _)| self.items[*item].gross.signum() == gross.signum());
        if let Some((item, pass)) = candidate.filter(|(item, _)| !self.items[*item].matched) {
            *self.passes.entry(pass).or_default() += 1;
            return self.settle(item, &currency, gross, costs);
        }
        let key = |record: &str| (record.to_owned(), row.get("Modification Reference").to_owned());
        let class = match row.get("Type") {
            "Settled" | "Refunded" | "Chargeback" | "ChargebackReversed" => {
                let is_named = |record: &str| keys.contains_key(&key(record));
                let known = |item: &Item| item.record == "Settled" && item.echoed == row.get("Merchant Reference");
                match (named, candidate) {
                    (_, Some(_)) => "DUPLICATE_IN_FILE",
                    (Some(_), None) => "SIGN_MISMATCH",
                    _ if is_named(row.get("Type")) => "CURRENCY_MISMATCH",
                    _ if ["Settled", "Refunded"].into_iter().any(is_named) => "TYPE_MISMATCH",
                    _ if row.get("Type") == "Settled" || self.items.iter().any(known) => "MISSING_IN_LEDGER",
                    _ if row.get("Type") == "Refunded" => "REFUND_WITHOUT_CAPTURE",
                    _ => "CHARGEBACK_UNKNOWN",
                }
            }
            _ => "UNSUPPORTED_RECORD",
        };
        self.found(class);
        if net + costs >= 0 {
            self.book(1110, 2900, &currency, net + costs);
        } else {
            self.book(1900, 1110, &currency, -(net + costs));
        }
    }

    fn settle(&mut self, item: usize, currency: &str, gross: i64, costs: i64) {
        self.items[item].matched = true;
        let item = &self.items[item];
        let (merchant, fee, expected, capture) =
            (item.merchant.clone(), item.fee, item.gross, item.record == "Settled");
        if !capture {
            assert_eq!(gross, expected, "{}", item.payment);
            return self.book(1110, 1100, currency, gross);
        }
        let acquirer = &self.settings.acquirers["adyen"];
        let known = Currency::parse(currency).expect("a currency");
        let contract = &acquirer.costs[0];
        let term = &contract.terms[0];
        let percentage = Money::from_minor(gross, known).share(term.percentage, contract.rounding);
        let contracted = percentage.expect("a cost").minor() + term.rates[&known].fixed;
        let tolerated = (gross - expected).abs() <= acquirer.tolerance[&known].minor();
        if costs != contracted {
            self.found("FEE_MISMATCH");
        }
        if !tolerated {
            self.found("AMOUNT_MISMATCH");
        }
        self.book(1110, 1100, currency, gross.min(expected));
        let (over, short) = ((gross - expected).max(0), (expected - gross).max(0));
        self.book(1110, if tolerated { 5900 } else { 2900 }, currency, over);
        self.book(if tolerated { 5900 } else { 1900 }, 1100, currency, short);
        let payable = if tolerated { expected } else { gross.min(expected) } - fee;
        self.book(2010, 2020, currency, payable);
        self.owe(&merchant, currency, payable);
    }

    fn missing(&mut self, as_of: NaiveDate) {
        let within = i64::from(self.settings.acquirers["adyen"].settles_within_days);
        let late = |item: &&Item| !item.matched && (as_of - item.occurred_on).num_days() > within;
        let missing = self.items.iter().filter(late).count();
        for _ in 0..missing {
            self.found("MISSING_IN_FILE");
        }
    }

    #[track_caller]
    fn check_accounts(&self, when: &str) {
        let rows = self.truth["accounts"][when].as_array().expect(when);
        let told: Accounts = rows
            .iter()
            .map(|row| {
                let code = row["code"].as_i64().expect("a code");
                let with_acquirer = [1100, 1110, 1900, 2900, 5010, 5020, 5030].contains(&code);
                assert_eq!(text(row, "dimension"), if with_acquirer { "adyen" } else { "" });
                (
                    (code, text(row, "currency").to_owned()),
                    row["balance"].as_i64().expect("a balance"),
                )
            })
            .collect();
        let booked: Accounts = self
            .accounts
            .clone()
            .into_iter()
            .filter(|(_, balance)| *balance != 0)
            .collect();
        assert_eq!(told, booked, "{when}");
        let mut sums: BTreeMap<(&str, bool), i64> = BTreeMap::new();
        for ((code, currency), balance) in &told {
            *sums.entry((currency, *code >= 9000)).or_default() += balance;
        }
        assert!(sums.values().all(|sum| *sum == 0), "{when}: {sums:?}");
    }

    #[track_caller]
    fn check_payouts(&self) {
        let due = |(merchant, currency): &(String, String), amount: i64| {
            let currency = Currency::parse(currency).expect("a currency");
            let minimum = self.settings.payout.minimum[&currency].minor();
            amount >= minimum && self.settings.merchants[merchant].destination.is_some()
        };
        let booked: Vec<(String, String, i64)> = self
            .available
            .iter()
            .filter(|(whose, amount)| due(whose, **amount))
            .map(|((merchant, currency), amount)| (merchant.clone(), currency.clone(), *amount))
            .collect();
        let rows = self.truth["payouts"]["payouts"].as_array().expect("payouts");
        let mut told: Vec<(String, String, i64)> = rows
            .iter()
            .map(|row| {
                let amount = row["amount"].as_i64().expect("an amount");
                (
                    text(row, "merchant").to_owned(),
                    text(row, "currency").to_owned(),
                    amount,
                )
            })
            .collect();
        told.sort();
        assert_eq!(told, booked);
    }
}

/// Items by (type, reference), (type, ARN) and (type, merchant reference).
type Keys = HashMap<(String, String), Vec<usize>>;

#[derive(Debug)]
struct Row(HashMap<String, String>);

impl Row {
    fn get(&self, column: &str) -> &str {
        &self.0[column]
    }

    fn amount(&self, column: &str) -> i64 {
        match self.get(column) {
            "" => 0,
            amount => minor(amount, self.get("Net Currency")),
        }
    }

    fn signed(&self, what: &str, unit: &str) -> i64 {
        self.amount(&format!("{what} Credit ({unit})")) - self.amount(&format!("{what} Debit ({unit})"))
    }
}

fn rows(directory: &Path, name: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(directory.join(name)).expect(name);
    reader.deserialize().map(|row| Row(row.expect("a row"))).collect()
}

/// Σ net by batch and currency, payout rows included.
fn batch_sums(rows: &[Row]) -> BTreeMap<(String, String), i64> {
    let mut sums = BTreeMap::new();
    for row in rows {
        let batch = (row.get("Batch Number").to_owned(), row.get("Net Currency").to_owned());
        *sums.entry(batch).or_default() += row.signed("Net", "NC");
    }
    sums
}

#[track_caller]
fn check(plan: &Plan) {
    let (directory, summary) = simulated(plan);
    let directory = directory.path();
    let mut reread = Reread::new(directory);
    assert_eq!(
        reread.settings.merchants.len(),
        usize::try_from(plan.merchants).expect("a count")
    );
    let events = read(directory, EVENTS);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        *kinds.entry(text(&event, "kind").to_owned()).or_default() += 1;
        reread.event(&event);
    }
    assert_eq!(serde_json::json!(kinds), reread.truth["events"]["by_kind"]);
    assert_eq!(summary.events, u64::try_from(events.lines().count()).expect("a count"));
    reread.check_accounts("record");

    let mut keys = Keys::new();
    for (place, item) in reread.items.iter().enumerate() {
        let names = [
            item.acquirer_reference.clone(),
            item.arn.clone(),
            Some(item.echoed.clone()),
        ];
        for name in names.into_iter().flatten() {
            keys.entry((item.record.to_owned(), name)).or_default().push(place);
        }
    }
    let rows = rows(directory, FILES[0].settlement);
    assert!(batch_sums(&rows).values().all(|sum| *sum == 0));
    for row in &rows {
        reread.line(&keys, row);
    }
    let days = rows
        .iter()
        .map(|row| parse_day(&row.get("Creation Date")[..10]).expect("a day"));
    reread.missing(days.max().expect("rows"));
    reread.check_accounts("reconcile");
    reread.check_payouts();

    let matched = reread.items.iter().filter(|item| item.matched).count();
    assert_eq!(reread.truth["matches"]["total"], serde_json::json!(matched));
    for (pass, count) in &reread.passes {
        assert_eq!(reread.truth["matches"][pass], serde_json::json!(count), "{pass}");
    }
    let unreported = reread.items.iter().filter(|item| !item.matched).count();
    let count = |kind| u64::from(plan.breaks.get(&kind).copied().unwrap_or(0));
    let unmatched = [
        BreakKind::MissingInFile,
        BreakKind::CurrencyMismatch,
        BreakKind::TypeMismatch,
        BreakKind::SignMismatch,
    ];
    let unmatched = unmatched.map(count).iter().sum::<u64>();
    assert_eq!(u64::try_from(unreported).expect("a count"), unmatched);
    assert_eq!(
        reread.truth["matches"]["late"],
        serde_json::json!(count(BreakKind::Late))
    );
    let is_break = |kind: &&BreakKind| !kind.is_of_timing();
    for kind in BreakKind::ALL
        .iter()
        .filter(is_break)
        .filter(|kind| kind.is_of_payment())
    {
        let found = reread.breaks.get(kind.name()).copied().unwrap_or(0);
        assert_eq!(found, count(*kind), "{kind}");
    }
    for kind in BreakKind::ALL.iter().filter(is_break) {
        let told = reread.truth["breaks"]
            .get(kind.name())
            .map_or(0, |count| count.as_u64().expect("a count"));
        assert_eq!(told, count(*kind), "{kind}");
    }
    check_files(plan, directory, &reread.truth);
}

#[track_caller]
fn check_files(plan: &Plan, directory: &Path, truth: &Value) {
    let settlement = read(directory, FILES[0].settlement);
    let copy = fs::read_to_string(directory.join(FILES[0].copy)).ok();
    assert_eq!(copy, planned(plan, BreakKind::DuplicateFile).then_some(settlement));
    assert_eq!(
        directory.join(FILES[0].corrupt).exists(),
        planned(plan, BreakKind::TotalMismatch)
    );
    if planned(plan, BreakKind::TotalMismatch) {
        let sums = batch_sums(&rows(directory, FILES[0].corrupt));
        assert_eq!(sums.into_values().collect::<Vec<_>>(), [-1]);
    }
    let names = truth["files"].as_array().expect("files");
    assert!(
        names
            .iter()
            .all(|name| directory.join(name.as_str().expect("a name")).exists())
    );
    check_statement(&read(directory, STATEMENT), truth);
}

/// Of every statement: opening balance + what came - what left = closing balance.
#[track_caller]
fn check_statement(statement: &str, truth: &Value) {
    let amount = |text: &str| {
        let text = text.split("<Amt Ccy=\"").nth(1).expect("an amount");
        minor(&text[5..text.find('<').expect("an end")], &text[..3])
    };
    let side = |text: &str| if text.contains("DBIT") { -1 } else { 1 };
    let missing = truth["breaks"]["MISSING_RECEIPT"].as_u64().unwrap_or(0);
    let mut received = usize::try_from(missing).expect("a count");
    for statement in statement.split("<Stmt>").skip(1) {
        let balances: Vec<i64> = statement
            .split("<Bal>")
            .skip(1)
            .map(|text| {
                let text = text.split("</Bal>").next().expect("an end");
                side(text) * amount(text)
            })
            .collect();
        let [opening, closing] = balances[..] else {
            panic!("{balances:?}")
        };
        let moved: i64 = statement
            .split("<Ntry>")
            .skip(1)
            .map(|text| side(text) * amount(text))
            .sum();
        assert_eq!(closing, opening + moved, "{statement}");
        received += statement.matches("<Ntry><NtryRef>1<").count();
    }
    assert_eq!(
        received,
        truth["settlement"]["batches"].as_array().expect("batches").len()
    );
    let items = Format::Camt.open(statement.as_bytes(), Reversals::AsBooked);
    for item in items.expect("bank statements") {
        match item.expect("an item") {
            Told::Closing(closing) => assert!(closing.is_true() && closing.balanced, "{closing:?}"),
            Told::Reject(reject) => panic!("{reject:?}"),
            Told::Statement(_) | Told::Entry(_) => {}
        }
    }
}

/// A day of everything: what its files and its truth must have in common, whatever happened. (What the engine makes of it is for
/// the tests of whole days to say.)
#[track_caller]
fn check_full(plan: &Plan) -> Value {
    let (directory, summary) = simulated(plan);
    let directory = directory.path();
    Settings::parse(&read(directory, SETTINGS)).expect("settings");
    let truth: Value = serde_json::from_str(&read(directory, TRUTH)).expect("the truth");
    let events: Vec<Value> = read(directory, EVENTS)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for event in &events {
        *kinds.entry(text(event, "kind").to_owned()).or_default() += 1;
    }
    let told = &truth["events"];
    assert_eq!(serde_json::json!(kinds), told["by_kind"]);
    let count = |field: &str| told[field].as_u64().expect(field);
    let (late, after) = (count("late"), count("after"));
    assert_eq!(u64::try_from(events.len()), Ok(summary.events - late - after));
    for (name, count) in [(LATE, late), (AFTER, after)] {
        let content = fs::read_to_string(directory.join(name)).unwrap_or_default();
        let events = content
            .lines()
            .filter(|line| !line.contains("\"capture_total\""))
            .count();
        assert_eq!(u64::try_from(events), Ok(count), "{name}");
        assert_eq!(directory.join(name).exists(), count > 0, "{name}");
    }
    assert_eq!(count("total"), count("recorded") + count("replayed") + count("refused"));
    check_lines_told(&truth, &events);

    for (when, accounts) in truth["accounts"].as_object().expect("steps") {
        let mut sums: BTreeMap<(&str, bool), i64> = BTreeMap::new();
        for row in accounts.as_array().expect("accounts") {
            let memo = row["code"].as_i64().expect("a code") >= 9000;
            *sums.entry((text(row, "currency"), memo)).or_default() += row["balance"].as_i64().expect("a balance");
        }
        assert!(sums.values().all(|sum| *sum == 0), "{when}: {sums:?}");
    }
    let mut lines = 0;
    for name in [FILES[0].settlement]
        .iter()
        .chain(&CARRIERS)
        .filter(|name| directory.join(name).exists())
    {
        let rows = rows(directory, name);
        assert!(batch_sums(&rows).values().all(|sum| *sum == 0), "{name}");
        lines += rows.len();
    }
    assert_eq!(u64::try_from(lines), Ok(summary.settlement_lines));
    for kind in BreakKind::ALL.iter().filter(|kind| !kind.is_of_timing()) {
        let told = truth["breaks"]
            .get(kind.name())
            .map_or(0, |count| count.as_u64().expect("a count"));
        assert_eq!(told, u64::from(plan.breaks.get(kind).copied().unwrap_or(0)), "{kind}");
    }
    check_files(plan, directory, &truth);
    truth
}

/// What the truth says of lines of the event file is said of those lines.
#[track_caller]
fn check_lines_told(truth: &Value, events: &[Value]) {
    let at = |row: &Value| &events[usize::try_from(row["line"].as_u64().expect("a line") - 1).expect("a line")];
    for row in truth["refused"].as_array().expect("refused") {
        let event = at(row);
        assert_eq!(
            text(row, "reference"),
            event["reference"].as_str().unwrap_or(""),
            "{row}"
        );
        assert_eq!(text(row, "payment"), text(event, "payment"), "{row}");
    }
    for row in truth["replayed"].as_array().expect("replayed") {
        let event = at(row);
        let known = text(row, "reference").trim_end_matches("-again");
        let first = events
            .iter()
            .find(|first| first["reference"] == known)
            .expect("the first");
        let mut event = event.clone();
        event["reference"] = known.into();
        assert_eq!(event, *first, "{row}");
    }
}

#[test]
fn the_files_lead_to_the_truth() {
    check(&of_cards(3000, 40, 1));
    check(&of_cards(20_000, 300, 7));
}

#[test]
fn a_day_of_everything_has_everything() {
    let truth = check_full(&plan(9000, 40, 1));
    let mut rules: Vec<&str> = truth["refused"]
        .as_array()
        .expect("refused")
        .iter()
        .map(|row| text(row, "rule"))
        .collect();
    rules.sort_unstable();
    rules.dedup();
    // Two kinds share a rule, and a failure that is told twice is known.
    assert_eq!(rules.len(), story::Refused::ALL.len() - 2, "{rules:?}");
    let kinds = truth["events"]["by_kind"].as_object().expect("kinds");
    assert_eq!(kinds.len(), 18, "{kinds:?}");
    let count = |field: &str| truth["expiry"]["totals"].as_object().expect(field).len();
    assert_eq!(count("totals"), CURRENCIES.len());
    assert!(truth["outcome_unknown"].as_u64().expect("a count") > 0);
    // What is planted beside breaks: rules passed, money set aside, minimums reached and not, a reserve that pays for refunds.
    let actions: std::collections::BTreeSet<&str> = truth["decisions"]
        .as_array()
        .expect("decisions")
        .iter()
        .map(|decision| text(decision, "action"))
        .collect();
    assert_eq!(actions.into_iter().collect::<Vec<_>>(), ["flag", "hold", "refuse"]);
    assert!(truth["hold"]["amount"].as_i64().expect("an amount") > 0);
    assert!(truth["loss"]["amount"].as_i64().expect("an amount") > 0);
    assert!(!truth["claims"].as_array().expect("claims").is_empty());
    assert_eq!(truth["refused_files"], serde_json::json!([CUT]));
    let top_ups = truth["month"]["top_ups"].as_array().expect("top-ups");
    let is_due = |row: &&Value| row["fee"] != 0;
    assert!(top_ups.iter().any(|row| is_due(&row)) && !top_ups.iter().all(|row| is_due(&row)));
    let reserve = |step: &str| {
        let rows = truth["accounts"][step].as_array().expect(step);
        let rows = rows.iter().filter(|row| row["code"] == 2030);
        rows.map(|row| row["balance"].as_i64().expect("a balance"))
            .collect::<Vec<_>>()
    };
    assert_ne!(reserve("payouts"), reserve("after"));
}

#[test]
fn days_of_everything_hold_together() {
    for seed in 0..30 {
        check_full(&plan(26, 2, seed));
        check_full(&plan(200, 1, seed));
        check_full(&plan(300, 4, seed));
        check_full(&plan(400, 13, seed));
    }
    for day in ["2026-07-31", "2026-01-01", "2026-03-29", "2026-10-25", "2028-02-29"] {
        let day = parse_day(day).expect("a day");
        check_full(&Plan { day, ..plan(300, 8, 3) });
    }
    for payments in [0, 1, 5, 40] {
        let breaks = BTreeMap::new();
        check_full(&Plan {
            breaks,
            ..plan(payments, 3, payments)
        });
    }
}

#[test]
fn small_days_are_right_too() {
    for seed in 0..40 {
        check(&of_cards(20, 2, seed));
        check(&of_cards(60, 1, seed));
    }
}

#[test]
fn a_day_without_breaks_has_none() {
    let breaks = BTreeMap::new();
    check(&Plan {
        breaks,
        ..of_cards(500, 5, 3)
    });
}

#[test]
fn days_in_summer_and_at_the_turn_of_a_year_are_days_too() {
    for day in ["2026-07-31", "2026-01-01", "2026-03-29", "2026-10-25", "2028-02-29"] {
        let day = parse_day(day).expect("a day");
        check(&Plan {
            day,
            ..of_cards(200, 5, 3)
        });
    }
}

#[test]
fn many_breaks_are_all_planted() {
    let breaks = |profile| {
        let usual = BreakKind::usual(profile, FileFormat::Adyen);
        let is_planted = |kind: &&BreakKind| {
            let is_rare = kind.is_rare() && (profile == Profile::Full || !kind.is_of_full_days());
            kind.is_of_payment() && (is_rare || usual.contains_key(kind))
        };
        BreakKind::ALL
            .iter()
            .filter(is_planted)
            .map(|kind| (*kind, 30))
            .collect()
    };
    check(&Plan {
        breaks: breaks(Profile::Card),
        ..of_cards(1000, 20, 5)
    });
    let mut full: BTreeMap<BreakKind, u32> = breaks(Profile::Full);
    full.extend([
        (BreakKind::ReserveMismatch, 6),
        (BreakKind::MissingFile, 40),
        (BreakKind::FundingMismatch, 4),
        (BreakKind::MissingReceipt, 2),
        (BreakKind::UnidentifiedReceipt, 30),
    ]);
    check_full(&Plan {
        breaks: full,
        ..plan(1000, 20, 5)
    });
}

#[test]
fn a_seed_makes_the_same_bytes_and_another_makes_others() {
    let (first, summary) = simulated(&plan(2000, 20, 11));
    let (second, _) = simulated(&plan(2000, 20, 11));
    let (other, _) = simulated(&plan(2000, 20, 12));
    for path in &summary.files {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let content = read(first.path(), name);
        assert!(content == read(second.path(), name), "{name} differs");
        // Settings follow the number of merchants, not the seed, and a calendar follows the day.
        let is_given = [SETTINGS, SETTINGS_NEXT, CALENDAR].contains(&name);
        assert!(is_given || content != read(other.path(), name), "{name} is the same");
    }
    let again = run(&plan(2000, 20, 11), first.path(), &mut |_| ()).expect("a second run");
    assert_eq!(again, summary);
    let names = fs::read_dir(first.path()).expect("listed").count();
    assert_eq!(names, summary.files.len());
}

/// Every name, reference and batch number of a day; names of files, people and accounts are not among them.
fn names(directory: &Path, plan: &Plan) -> HashSet<String> {
    const NAMED: [&str; 9] = [
        "payment",
        "reference",
        "acquirer_reference",
        "merchant_reference",
        "arn",
        "rrn",
        "payer",
        "case",
        "aggregate",
    ];
    let mut names = HashSet::new();
    for name in [EVENTS, LATE, AFTER]
        .into_iter()
        .filter(|name| directory.join(name).exists())
    {
        for line in read(directory, name).lines() {
            let event: Value = serde_json::from_str(line).expect("an event");
            names.extend(NAMED.iter().filter_map(|field| optional(&event, field)));
        }
    }
    let truth: Value = serde_json::from_str(&read(directory, TRUTH)).expect("a truth");
    let batches = truth["settlement"]["batches"].as_array().expect("batches");
    names.extend(batches.iter().map(|batch| text(batch, "batch").to_owned()));
    let file = fs::read(directory.join(plan.file_format.files().settlement)).expect("a file");
    let words = file.split(|byte| !byte.is_ascii_alphanumeric());
    let references = words.filter(|word| {
        word.len() == 16 && word.iter().any(u8::is_ascii_uppercase) && !word.iter().any(u8::is_ascii_lowercase)
    });
    names.extend(references.map(|word| String::from_utf8_lossy(word).into_owned()));
    names
}

/// What one day names, no other day of the same seed does, so that both fit into one ledger.
#[test]
fn two_days_share_no_name() {
    for file_format in FileFormat::ALL.iter().copied() {
        let today = Plan {
            breaks: BreakKind::usual(Profile::Full, file_format),
            file_format,
            ..plan(400, 10, 7)
        };
        let tomorrow = Plan {
            day: today.day.succ_opt().expect("a day"),
            ..today.clone()
        };
        let [first, second] = [&today, &tomorrow].map(|plan| names(simulated(plan).0.path(), plan));
        assert!(
            first.len() > 1000 && second.len() > 1000,
            "{} {}",
            first.len(),
            second.len()
        );
        let shared: Vec<&String> = first.intersection(&second).collect();
        assert!(shared.is_empty(), "{file_format:?}: {shared:?}");
    }
}

#[test]
fn files_of_an_earlier_run_do_not_stay() {
    let (directory, _) = simulated(&plan(100, 2, 1));
    let breaks = BTreeMap::new();
    run(
        &Plan {
            breaks,
            ..plan(100, 2, 1)
        },
        directory.path(),
        &mut |_| (),
    )
    .expect("a second run");
    assert!(!directory.path().join(FILES[0].copy).exists());
    assert!(!directory.path().join(FILES[0].corrupt).exists());
}

#[test]
fn every_merchant_fits_its_settings() {
    let (directory, _) = simulated(&plan(100, 10_500, 1));
    let settings = Settings::parse(&read(directory.path(), SETTINGS)).expect("settings");
    // One is there for the disputes that nothing prices.
    assert_eq!(settings.merchants.len(), 10_501);
    let without = settings
        .merchants
        .values()
        .filter(|merchant| merchant.destination.is_none());
    assert_eq!(without.count(), 211);
}

#[test]
fn progress_is_told_to_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut told = Vec::new();
    run(&plan(2500, 3, 1), directory.path(), &mut |payments| told.push(payments)).expect("a simulated day");
    assert_eq!(told, [1000, 2000, 2500]);
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let refused = |plan: &Plan| {
        let error = run(plan, directory.path(), &mut |_| ()).expect_err("refused");
        error.to_string()
    };
    assert_eq!(
        refused(&plan(21, 1, 1)),
        "26 breaks do not fit on 21 payments: every break needs a payment of its own"
    );
    assert_eq!(
        refused(&plan(100, 0, 1)),
        "100 payments at no merchant cannot be simulated: there must be at least one"
    );
    let twice = BTreeMap::from([(BreakKind::DuplicateFile, 2)]);
    assert_eq!(
        refused(&Plan {
            breaks: twice,
            ..plan(100, 1, 1)
        }),
        "2 × DUPLICATE_FILE were asked for: a day has at most one"
    );
    let of = |kind, count| BTreeMap::from([(kind, count)]);
    assert_eq!(
        refused(&Plan {
            breaks: of(BreakKind::FxMismatch, 1),
            ..plan(100, 1, 1)
        }),
        "FX_MISMATCH cannot be planted: no merchant sells in a currency that is converted, simulate more merchants"
    );
    for kind in [BreakKind::FxMismatch, BreakKind::ReserveMismatch] {
        let breaks = of(kind, 1);
        assert_eq!(
            refused(&Plan {
                breaks,
                ..of_cards(100, 9, 1)
            }),
            format!("{kind} cannot be planted on a day of plain cards: use the profile `full`")
        );
    }
    assert_eq!(
        refused(&Plan {
            breaks: of(BreakKind::ReserveMismatch, 7),
            ..plan(200, 12, 1)
        }),
        "7 × RESERVE_MISMATCH were asked for: the day has 6 batches, each is wrong at most once"
    );
    assert_eq!(
        refused(&Plan {
            breaks: BTreeMap::from([(BreakKind::FundingMismatch, 3), (BreakKind::MissingReceipt, 40)]),
            ..of_cards(200, 12, 1)
        }),
        "40 × MISSING_RECEIPT were asked for: the day has 6 batches, each is wrong at most once"
    );
    assert_eq!(
        refused(&Plan {
            breaks: of(BreakKind::MissingFile, 1),
            ..of_cards(1, 1, 3)
        }),
        "MISSING_FILE cannot be planted: numbers are missing between two batches, simulate more payments"
    );
    let day = NaiveDate::MAX;
    assert!(refused(&Plan { day, ..plan(100, 1, 1) }).contains("must lie in the years 2002 to 2198"));
    assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 0);
}

/// The most memory that this process has had, in KiB, where the system tells.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// How much the peak grows once all windows are full, in a process of its own, where no other test allocates.
#[test]
fn memory_does_not_grow_with_payments() {
    let child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "simulate::tests::peak_of_a_process",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .expect("a process");
    let output = String::from_utf8(child.stdout).expect("text");
    let peaks: Vec<u64> = output
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("peak=")?.parse().ok())
        .collect();
    if peak_kib().is_none() {
        return;
    }
    // Three times 10,000 more payments: to keep a hundred bytes of each would show every time, whatever else the system or the
    // allocator adds now and then.
    let grown: Vec<u64> = peaks
        .chunks(STEPS_A_SPAN)
        .map(|span| span[0])
        .collect::<Vec<_>>()
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert_eq!(grown.len(), 3, "{output}");
    assert!(grown.iter().any(|grown| *grown < 500), "{grown:?} {peaks:?}");
    assert!(peaks.iter().all(|peak| *peak < 100_000), "{peaks:?}");
}

/// How often progress is told in 10,000 payments.
const STEPS_A_SPAN: usize = 10;

#[test]
#[ignore = "a part of memory_does_not_grow_with_payments"]
fn peak_of_a_process() {
    let directory = tempfile::tempdir().expect("a directory");
    run(&plan(50_000, 50, 1), directory.path(), &mut |payments| {
        if payments >= 20_000 {
            println!("peak={}", peak_kib().unwrap_or(0));
        }
    })
    .expect("a simulated day");
}
