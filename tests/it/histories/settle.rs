//! Settlement files as the model has them: written, matched and booked by the rules, one line after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use acquit::ledger::entry::EntryKind;
use acquit::money::Money;
use acquit::payment::event::{Details, PaymentEvent};
use chrono::{Datelike, NaiveDate};
use sha2::{Digest, Sha256};

use crate::model::fees::rounded;
use crate::model::rules::{Break, Entry, Item, Model, Transfer, named};
use crate::model::world::{Acquirer, Zone, decimal, places};
use crate::reconcile::HEADER;

/// A row of a settlement file. Amounts are signed minor units, positive is money to us.
#[derive(Debug, Clone)]
pub struct Line {
    pub type_text: &'static str,
    pub batch: String,
    pub reference: Option<String>,
    pub merchant_reference: Option<String>,
    pub arn: Option<String>,
    pub day: NaiveDate,
    pub gross: Option<(String, i64)>,
    pub net: (String, i64),
    /// Commission, markup, scheme fee, interchange, in the currency of the net.
    pub costs: [i64; 4],
    pub rate: &'static str,
}

/// A settlement file and what became of it.
#[derive(Debug, Clone)]
pub struct File {
    pub name: String,
    pub text: String,
    pub acquirer: String,
    pub lines: Vec<Line>,
    pub is_booked: bool,
    /// By place: the pass that matched it.
    pub passes: BTreeMap<usize, u32>,
    /// How many payments it told the outcome of.
    pub answers: usize,
}

/// An item of a book.
type Found = (String, usize, Item);
/// Debit, credit, currency, as the chart orders them.
type Leg = (i16, i16, String);

impl Line {
    pub fn record(&self) -> &'static str {
        match self.stated() {
            "capture" | "chargeback_reversal" if self.gross_minor() <= 0 => "unsupported",
            "refund" | "chargeback" if self.gross_minor() >= 0 => "unsupported",
            stated => stated,
        }
    }

    /// What its type stands for, wherever the money goes.
    fn stated(&self) -> &'static str {
        match self.type_text {
            "Settled" => "capture",
            "Refunded" => "refund",
            "Chargeback" | "SecondChargeback" => "chargeback",
            "ChargebackReversed" => "chargeback_reversal",
            "Fee" | "MiscCosts" => "batch_fee",
            "MerchantPayout" => "payout",
            _ => "unsupported",
        }
    }

    /// Whether it says whose money it takes back: the ARN of a dispute is that of the sale.
    fn names_payment(&self) -> bool {
        match self.record() {
            "refund" => self.merchant_reference.is_some(),
            "chargeback" | "chargeback_reversal" => self.merchant_reference.is_some() || self.arn.is_some(),
            _ => false,
        }
    }

    pub fn is_of_batch(&self) -> bool {
        matches!(self.record(), "batch_fee" | "payout")
    }

    fn is_of_payment(&self) -> bool {
        !self.is_of_batch() && self.record() != "unsupported"
    }

    pub fn total_costs(&self) -> i64 {
        self.costs.iter().sum()
    }

    /// Net and costs together.
    fn before_costs(&self) -> i64 {
        self.net.1 + self.total_costs()
    }

    fn gross_minor(&self) -> i64 {
        self.gross.as_ref().map_or(0, |(_, minor)| *minor)
    }

    fn gross_currency(&self) -> &str {
        &self.gross.as_ref().unwrap_or(&self.net).0
    }

    fn write(&self, text: &mut String) {
        let sides = |money: Option<&(String, i64)>| {
            let amount = |(code, minor): &(String, i64)| decimal(minor.abs(), places(code));
            match money {
                None => (String::new(), String::new()),
                Some(money) if money.1 < 0 => (amount(money), String::new()),
                Some(money) => (String::new(), amount(money)),
            }
        };
        let cost = |minor: i64| match minor {
            0 => String::new(),
            minor => {
                let sign = if minor < 0 { "-" } else { "" };
                format!("{sign}{}", decimal(minor.abs(), places(&self.net.0)))
            }
        };
        let (gross_debit, gross_credit) = sides(self.gross.as_ref());
        let (net_debit, net_credit) = sides(Some(&self.net));
        let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = [
            String::new(),
            or_empty(&self.merchant_reference),
            format!("{} 10:00:00", self.day),
            "CET".to_owned(),
            self.type_text.to_owned(),
            or_empty(&self.reference),
            self.gross.as_ref().map(|(code, _)| code.clone()).unwrap_or_default(),
            gross_debit,
            gross_credit,
            self.rate.to_owned(),
            self.net.0.clone(),
            net_debit,
            net_credit,
            cost(self.costs[0]),
            cost(self.costs[1]),
            cost(self.costs[2]),
            cost(self.costs[3]),
            self.batch.clone(),
            or_empty(&self.arn),
        ];
        writeln!(text, "{}", cells.join(",")).expect("text");
    }
}

impl File {
    /// With what the acquirer pays for each batch; by a unit too much where it does not add up.
    pub fn new(name: String, acquirer: &str, mut lines: Vec<Line>, adds_up: bool) -> Self {
        let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
        for line in &lines {
            *sums.entry((line.batch.clone(), line.net.0.clone())).or_default() += line.net.1;
        }
        let day = lines.iter().map(|line| line.day).max().expect("a line");
        let short = i64::from(!adds_up);
        for ((batch, code), sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
            lines.push(Line {
                type_text: "MerchantPayout",
                batch,
                reference: Some("TX".to_owned()),
                merchant_reference: None,
                arn: None,
                day,
                gross: None,
                net: (code, -sum - short),
                costs: [0; 4],
                rate: "",
            });
        }
        let mut text = format!("{HEADER}\n");
        for line in &lines {
            line.write(&mut text);
        }
        Self {
            name,
            text,
            acquirer: acquirer.to_owned(),
            lines,
            is_booked: adds_up,
            passes: BTreeMap::new(),
            answers: 0,
        }
    }

    pub fn digest(&self) -> String {
        let digest = Sha256::digest(self.text.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn day(&self) -> NaiveDate {
        self.lines.iter().map(|line| line.day).max().expect("a line")
    }
}

/// One file while it is booked.
struct Settling<'a, 'w> {
    model: &'a mut Model<'w>,
    file: &'a mut File,
    earlier: &'a [File],
    /// By place: lines that report a matched item again.
    duplicates: BTreeSet<usize>,
    /// By book and batch.
    sums: BTreeMap<(String, String), BTreeMap<Leg, i64>>,
    tolerance: BTreeMap<&'static str, i64>,
    /// By batch and currency: how far tolerated costs are from what they should be together, and by how much they may be.
    tolerated: BTreeMap<(String, String), (i64, i64)>,
}

/// Takes a file in: everything of it is booked, or nothing.
pub fn settle(model: &mut Model<'_>, file: &mut File, earlier: &[File]) {
    let terms = model
        .world
        .on(file.day())
        .and_then(|version| version.acquirer(&file.acquirer))
        .expect("terms")
        .clone();
    let mut settling = Settling {
        model,
        earlier,
        duplicates: BTreeSet::new(),
        sums: BTreeMap::new(),
        tolerance: terms.tolerance.clone(),
        tolerated: BTreeMap::new(),
        file,
    };
    if settling.file.is_booked {
        settling.book(&terms);
    } else {
        settling.quarantine();
    }
}

impl Settling<'_, '_> {
    /// Each batch that does not add up is a break.
    fn quarantine(&mut self) {
        let mut sums: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
        for line in &self.file.lines {
            let sum = sums.entry((line.batch.clone(), line.net.0.clone())).or_default();
            match line.record() {
                "payout" => sum.0 -= line.net.1,
                _ => sum.1 += line.net.1,
            }
        }
        for ((_, code), (claimed, added)) in sums.into_iter().filter(|(_, (claimed, added))| claimed != added) {
            self.found("TOTAL_MISMATCH", None, Some((code, added - claimed)), None);
        }
    }

    fn found(
        &mut self,
        class: &'static str,
        item: Option<(&str, usize)>,
        difference: Option<(String, i64)>,
        place: Option<usize>,
    ) {
        self.model.breaks.push(Break {
            class,
            acquirer: self.file.acquirer.clone(),
            merchant: item.map(|(book, _)| book.to_owned()),
            number: item.map(|(_, number)| number),
            is_open: true,
            difference,
            found_in: self.file.name.clone(),
            ordinal: place,
        });
    }

    fn book(&mut self, terms: &Acquirer) {
        self.passes(terms);
        if self.answered() {
            self.passes(terms);
        }
        for ((_, code), (difference, tolerance)) in std::mem::take(&mut self.tolerated) {
            if difference.abs() > tolerance {
                self.found("FEE_MISMATCH", None, Some((code, difference)), None);
            }
        }
        self.suspend(terms);
        let short = self.file.digest()[..16].to_owned();
        for ((book, batch), legs) in std::mem::take(&mut self.sums) {
            let reference = format!("acquit:settlement {} {short} {batch}", self.file.acquirer);
            let legs = legs
                .into_iter()
                .map(|((debit, credit, code), amount)| (debit, credit, code, amount));
            self.enter(&book, EntryKind::Settlement, reference, None, legs.collect());
        }
        let day = self.file.day();
        for (book, number, item) in self.open_items() {
            let has_open_break = |found: &Break| {
                found.is_open
                    && (found.merchant.as_deref(), found.number) == (Some(book.as_str()), Some(number))
                    && matches!(
                        found.class,
                        "MISSING_IN_FILE" | "CURRENCY_MISMATCH" | "TYPE_MISMATCH" | "SIGN_MISMATCH"
                    )
            };
            if item.expected_on < day && !self.model.breaks.iter().any(has_open_break) {
                self.found(
                    "MISSING_IN_FILE",
                    Some((&book, number)),
                    Some((item.currency, -item.gross)),
                    None,
                );
            }
        }
    }

    fn passes(&mut self, terms: &Acquirer) {
        for pass in [1, 2, 4] {
            self.pass(pass, terms);
        }
    }

    /// Records what lines say of payments whose outcome nobody knew; whether they say anything. A line that may be of two payments,
    /// or two lines of one payment that do not agree, say nothing.
    fn answered(&mut self) -> bool {
        let attempts = self.model.unanswered(&self.file.acquirer);
        let mut answers: Vec<(usize, usize)> = Vec::new();
        for (attempt, event) in attempts.iter().enumerate() {
            for place in 0..self.file.lines.len() {
                if self.is_answer(event, place) {
                    answers.push((attempt, place));
                }
            }
        }
        let mut told = Vec::new();
        for (attempt, event) in attempts.iter().enumerate() {
            let of_attempt = |answer: &&(usize, usize)| answer.0 == attempt;
            let places: Vec<usize> = answers.iter().filter(of_attempt).map(|(_, place)| *place).collect();
            let is_sure = |place: &usize| answers.iter().filter(|(_, other)| other == place).count() == 1;
            let amounts: BTreeSet<i64> = places
                .iter()
                .map(|place| self.file.lines[*place].gross_minor())
                .collect();
            if !places.iter().all(is_sure) || amounts.len() != 1 {
                continue;
            }
            let key = |place: &&usize| {
                let line = &self.file.lines[**place];
                (line.reference.clone(), line.arn.clone(), **place)
            };
            told.push((event, *places.iter().min_by_key(key).expect("a line")));
        }
        for (event, place) in &told {
            let line = &self.file.lines[*place];
            let (asked, gross) = (event.money.minor(), line.gross_minor());
            let mut authorization = PaymentEvent {
                kind: EntryKind::Authorization,
                reference: format!("acquit:settled authorization {}", event.payment),
                money: Money::from_minor(gross, event.money.currency()),
                ..(*event).clone()
            };
            authorization.details.requested = (asked > gross).then_some(asked);
            let capture = PaymentEvent {
                kind: EntryKind::Capture,
                reference: format!("acquit:settled capture {}", event.payment),
                acquirer_reference: line.reference.clone(),
                arn: line.arn.clone(),
                details: Details::default(),
                ..authorization.clone()
            };
            let (name, number) = (self.file.name.clone(), place + 2);
            for event in [authorization, capture] {
                self.model.take(&event, &name, number);
            }
        }
        self.file.answers = told.len();
        !told.is_empty()
    }

    /// Whether an undecided line may be the answer to an attempt.
    fn is_answer(&self, attempt: &PaymentEvent, place: usize) -> bool {
        let line = &self.file.lines[place];
        if line.record() != "capture" || self.file.passes.contains_key(&place) || self.duplicates.contains(&place) {
            return false;
        }
        let ours = attempt.merchant_reference.as_ref().unwrap_or(&attempt.payment);
        let day = Zone::Berlin.day(attempt.occurred_at);
        let theirs = line.reference.is_some() && line.reference == attempt.acquirer_reference;
        let near = line.reference.is_some() || business_days_apart(day, line.day) <= 3;
        line.gross_currency() == attempt.money.currency().code()
            && line.gross_minor() <= attempt.money.minor()
            && (theirs || (line.merchant_reference.as_ref() == Some(ours) && near))
    }

    /// The acquirer's open items.
    fn open_items(&self) -> Vec<Found> {
        let mut found = Vec::new();
        for (merchant, book) in &self.model.books {
            for (number, item) in book
                .items
                .iter()
                .filter(|(_, item)| item.acquirer == self.file.acquirer)
            {
                found.push((merchant.clone(), *number, item.clone()));
            }
        }
        found
    }

    /// Groups what is undecided by the key of a pass; a group with one item is matched by the line that agrees best.
    fn pass(&mut self, pass: u32, terms: &Acquirer) {
        let mut groups: BTreeMap<(String, &'static str, String, i64), Vec<usize>> = BTreeMap::new();
        for (place, line) in self.file.lines.iter().enumerate() {
            let undecided = !self.file.passes.contains_key(&place) && !self.duplicates.contains(&place);
            let key = match pass {
                1 => &line.reference,
                2 => &line.arn,
                _ => &line.merchant_reference,
            };
            if let Some(key) = key.as_ref().filter(|_| undecided && line.is_of_payment()) {
                let amount = if pass == 4 { line.gross_minor() } else { 0 };
                let key = (key.clone(), line.record(), line.gross_currency().to_owned(), amount);
                groups.entry(key).or_default().push(place);
            }
        }
        for ((key, record, code, amount), places) in groups {
            let day = self.file.lines[places[0]].day;
            let fits = |(_, _, item): &Found| {
                let same = match pass {
                    1 => item.acquirer_reference.as_ref() == Some(&key),
                    2 => item.arn.as_ref() == Some(&key),
                    _ => {
                        item.merchant_reference == key
                            && (item.gross == amount || item.gross - item.cost == amount)
                            && business_days_apart(item.day, day) <= 3
                    }
                };
                same && item.record == record && item.currency == code
            };
            let items: Vec<Found> = self.open_items().into_iter().filter(fits).collect();
            let [(book, number, item)] = &items[..] else { continue };
            if pass == 4 && places.len() > 1 {
                continue;
            }
            let best = places.iter().min_by_key(|place| {
                let line = &self.file.lines[**place];
                let alone = (line.gross_minor() - item.gross).abs();
                let distance = alone.min((line.gross_minor() - item.gross + item.cost).abs());
                (distance, line.gross_minor(), line.net.1, line.total_costs(), **place)
            });
            let best = *best.expect("a line");
            self.duplicates.extend(places.iter().filter(|place| **place != best));
            self.matched(pass, best, (book, *number), item, terms);
        }
    }

    fn matched(&mut self, pass: u32, place: usize, (book, number): (&str, usize), item: &Item, terms: &Acquirer) {
        self.file.passes.insert(place, pass);
        self.model.books.get_mut(book).expect("a book").items.remove(&number);
        let line = self.file.lines[place].clone();
        for found in &mut self.model.breaks {
            if found.class == "MISSING_IN_FILE"
                && (found.merchant.as_deref(), found.number) == (Some(book), Some(number))
            {
                found.is_open = false;
            }
        }
        let with_cost = item.cost > 0 && line.gross_minor() == item.gross - item.cost;
        let expected = if with_cost { item.gross - item.cost } else { item.gross };
        let tolerance = self.tolerance.get(item.currency.as_str()).copied().unwrap_or(0);
        let tolerated = (line.gross_minor() - expected).abs() <= tolerance;
        let receivable = if terms.is_carrier { 1130 } else { 1100 };
        let mut legs = gross_legs(&line, expected, receivable, tolerated);
        if line.record() == "capture" {
            legs.extend(self.payable_legs(&line, item, tolerated, book));
        }
        let cost = if with_cost { 0 } else { item.cost };
        legs.extend(cost_legs(&line, cost, receivable));
        let sums = self.sums.entry((book.to_owned(), line.batch.clone())).or_default();
        for (debit, credit, code, amount) in legs {
            match amount {
                0 => {}
                amount if amount < 0 => *sums.entry((credit, debit, code)).or_default() -= amount,
                amount => *sums.entry((debit, credit, code)).or_default() += amount,
            }
        }
        let code = line.gross_currency().to_owned();
        if !tolerated {
            let difference = Some((code.clone(), line.gross_minor() - item.gross));
            self.found("AMOUNT_MISMATCH", Some((book, number)), difference, Some(place));
        }
        let priced = if with_cost { None } else { priced(&line, cost, terms) };
        let Some((costs, tolerance)) = priced else {
            return;
        };
        let difference = line.total_costs() - costs;
        if difference.abs() > tolerance {
            self.found(
                "FEE_MISMATCH",
                Some((book, number)),
                Some((line.net.0.clone(), difference)),
                Some(place),
            );
        } else {
            let sum = self.tolerated.entry((line.batch.clone(), code)).or_default();
            *sum = (sum.0 + difference, tolerance);
        }
    }

    /// What of a capture becomes available, and what of that is withheld.
    fn payable_legs(&mut self, line: &Line, item: &Item, tolerated: bool, book: &str) -> Vec<(i16, i16, String, i64)> {
        let code = || item.currency.clone();
        let passed = if item.passes_costs { passed_on(line) } else { 0 };
        if item.matures {
            return vec![(2020, 4060, code(), passed)];
        }
        let settled = if tolerated {
            item.gross
        } else {
            item.gross.min(line.gross_minor())
        };
        let payable = settled - item.merchant_fee - passed;
        let withheld = item.reserve.min(payable).max(0);
        if let Some(until) = item.reserve_until.filter(|_| withheld > 0) {
            let tranches = &mut self.model.books.get_mut(book).expect("a book").tranches;
            tranches.entry((code(), item.day, until)).or_default().withheld += withheld;
        }
        vec![
            (2010, 4060, code(), passed),
            (2010, 2030, code(), withheld),
            (2010, 2020, code(), payable - withheld),
        ]
    }

    /// What nobody knows goes to the house: its money to suspense, its costs to costs.
    fn suspend(&mut self, terms: &Acquirer) {
        let short = self.file.digest()[..16].to_owned();
        for place in 0..self.file.lines.len() {
            let line = self.file.lines[place].clone();
            if self.file.passes.contains_key(&place) || line.record() == "payout" {
                continue;
            }
            let code = line.net.0.clone();
            let ordinal = place + 1;
            if line.record() == "batch_fee" {
                let reference = format!("acquit:fee {} {short} {ordinal}", self.file.acquirer);
                let legs = vec![(5030, 1110, code, -line.net.1)];
                self.enter("", EntryKind::BatchFee, reference, Some(place), legs);
                if !terms.is_net && line.net.1 != 0 {
                    let deducted = Some((line.net.0.clone(), -line.net.1));
                    self.found("FEE_MISMATCH", None, deducted, Some(place));
                }
                continue;
            }
            let money = line.before_costs();
            let suspense = if money >= 0 { 2900 } else { 1900 };
            let mut legs = vec![(1110, suspense, code, money)];
            legs.extend(costs(&line));
            let reference = format!("acquit:suspense {} {short} {ordinal}", self.file.acquirer);
            self.enter("", EntryKind::Suspense, reference, Some(place), legs);
            self.explain(place, &line);
        }
    }

    fn explain(&mut self, place: usize, line: &Line) {
        let gross = (line.gross_currency().to_owned(), line.gross_minor());
        let is_of_item = ["capture", "refund", "chargeback", "chargeback_reversal"].contains(&line.record());
        let is_named = is_of_item && (line.reference.is_some() || line.arn.is_some());
        let alike = |other: &Line| {
            other.reference == line.reference
                && (line.reference.is_some() || other.arn == line.arn)
                && other.record() == line.record()
                && other.gross_currency() == line.gross_currency()
        };
        // What was settled is repeated by whatever has its reference, what nobody knew by the same amount.
        let is_same = |other: &Line| other.gross_minor() == line.gross_minor();
        let mut before = self.earlier.iter().filter(|file| file.acquirer == self.file.acquirer);
        let repeats_file = before.any(|file| {
            let mut lines = file.lines.iter().enumerate();
            lines.any(|(place, other)| {
                let is_settled = file.passes.contains_key(&place) && line.reference.is_some();
                alike(other) && (is_settled || is_same(other))
            })
        });
        let mut above = self.file.lines[..place].iter().enumerate();
        let repeats_line =
            above.any(|(place, other)| !self.file.passes.contains_key(&place) && alike(other) && is_same(other));
        let repeats = is_named && (repeats_file || repeats_line);
        if self.duplicates.contains(&place) || repeats {
            self.found("DUPLICATE_IN_FILE", None, Some(gross), Some(place));
        } else if let Some((class, (book, number, item))) = self.named(line) {
            // Both sides where they can be compared.
            let difference = (item.currency == gross.0).then(|| (gross.0, gross.1 - item.gross));
            self.found(class, Some((&book, number)), difference, Some(place));
        } else if line.record() == "unsupported" {
            self.found("UNSUPPORTED_RECORD", None, Some(line.net.clone()), Some(place));
        } else if self.cannot_be_captured(line) {
            self.found("STATUS_MISMATCH", None, Some(gross), Some(place));
        } else if !line.names_payment() || self.knows_capture(line) {
            self.found("MISSING_IN_LEDGER", None, Some(gross), Some(place));
        } else if line.record() == "refund" {
            self.found("REFUND_WITHOUT_CAPTURE", None, Some(gross), Some(place));
        } else {
            self.found("CHARGEBACK_UNKNOWN", None, Some(gross), Some(place));
        }
    }

    /// Whether a sale names a payment that was declined or voided, or has expired, and of which nothing was captured.
    fn cannot_be_captured(&self, line: &Line) -> bool {
        let Some(ours) = line.merchant_reference.as_ref().filter(|_| line.record() == "capture") else {
            return false;
        };
        let mut payments = self.model.books.values().flat_map(|book| &book.payments);
        payments.any(|(name, payment)| {
            let is_named = name == ours || payment.order.as_ref() == Some(ours);
            let is_declined = payment.authorized.is_none() && payment.requested.is_none();
            let is_gone = payment.authorized.is_some() && payment.voided + payment.expired > 0;
            is_named
                && payment.captured == 0
                && payment.acquirer == self.file.acquirer
                && payment.currency == line.gross_currency()
                && (is_declined || is_gone)
        })
    }

    /// The open item that a line names and cannot settle, and in what they differ: an item of its record first, then one in its
    /// currency.
    fn named(&self, line: &Line) -> Option<(&'static str, Found)> {
        let stated = line.stated();
        let is_of_payment = ["capture", "refund", "chargeback", "chargeback_reversal"].contains(&stated);
        if !is_of_payment || line.gross_minor() == 0 {
            return None;
        }
        let goes_wrong = line.record() == "unsupported";
        let differs = |item: &Item| {
            let in_currency = item.currency == line.gross_currency();
            let of_sale = item.record == "capture" && stated.starts_with("chargeback");
            match (item.record == stated, in_currency) {
                (true, true) if goes_wrong => Some((0, "SIGN_MISMATCH")),
                (true, false) => Some((1, "CURRENCY_MISMATCH")),
                (false, true) if !of_sale => Some((2, "TYPE_MISMATCH")),
                _ => None,
            }
        };
        let told_of = self
            .open_items()
            .into_iter()
            .filter(|(_, _, item)| match &line.reference {
                Some(reference) => item.acquirer_reference.as_ref() == Some(reference),
                None => line.arn.is_some() && item.arn == line.arn,
            });
        let found = told_of.filter_map(|found| differs(&found.2).map(|(rank, class)| (rank, class, found)));
        found
            .min_by_key(|(rank, ..)| *rank)
            .map(|(_, class, found)| (class, found))
    }

    /// Whether a capture has a reference of a line: of any payment ours, of the acquirer's the others.
    fn knows_capture(&self, line: &Line) -> bool {
        let by_ours = line.merchant_reference.as_ref().is_some_and(|ours| {
            let mut payments = self.model.books.values().flat_map(|book| &book.payments);
            payments
                .any(|(name, payment)| payment.captured > 0 && (name == ours || payment.order.as_ref() == Some(ours)))
        });
        let is_open = self.open_items().iter().any(|(_, _, item)| {
            item.record == "capture"
                && (Some(&item.merchant_reference) == line.merchant_reference.as_ref()
                    || (line.reference.is_some() && item.acquirer_reference == line.reference)
                    || (line.arn.is_some() && item.arn == line.arn))
        });
        let of_acquirer = self.earlier.iter().filter(|file| file.acquirer == self.file.acquirer);
        let is_settled = of_acquirer.chain([&*self.file]).any(|file| {
            let settled = file
                .lines
                .iter()
                .enumerate()
                .filter(|(place, _)| file.passes.contains_key(place));
            let mut captures = settled.map(|(_, line)| line).filter(|line| line.record() == "capture");
            captures.any(|other| {
                (line.reference.is_some() && other.reference == line.reference)
                    || (line.arn.is_some() && other.arn == line.arn && other.reference.is_none())
            })
        });
        by_ours || is_open || is_settled
    }

    fn enter(
        &mut self,
        book: &str,
        kind: EntryKind,
        reference: String,
        place: Option<usize>,
        legs: Vec<(i16, i16, String, i64)>,
    ) {
        let asked = ["settlement 1", kind.name(), &reference];
        let mut entry = Entry::of_day(kind, reference.clone(), &asked, self.file.day(), &self.file.name);
        // The header is line 1.
        entry.source.1 = place.map(|place| i32::try_from(place + 2).expect("a line"));
        entry.transfers = legs
            .into_iter()
            .filter(|(.., amount)| *amount != 0)
            .map(|(debit, credit, code, amount)| {
                let (debit, credit) = if amount < 0 { (credit, debit) } else { (debit, credit) };
                Transfer {
                    debit: named(debit, &code, &self.file.acquirer),
                    credit: named(credit, &code, &self.file.acquirer),
                    amount: amount.abs(),
                }
            })
            .collect();
        let entry = entry.on_open_day(self.model.closed);
        self.model.books.entry(book.to_owned()).or_default().entries.push(entry);
    }
}

/// How many days from Monday to Friday are after the one and not after the other.
fn business_days_apart(one: NaiveDate, other: NaiveDate) -> usize {
    let (first, last) = (one.min(other), one.max(other));
    let days = first.iter_days().skip(1).take_while(|day| *day <= last);
    days.filter(|day| day.weekday().number_from_monday() <= 5).count()
}

/// What the acquirer owed and now pays, or takes: what both agree on; of the rest, small differences are ours, others nobody's.
fn gross_legs(line: &Line, expected: i64, receivable: i16, tolerated: bool) -> Vec<(i16, i16, String, i64)> {
    let (code, is_towards_us) = (line.gross_currency(), expected >= 0);
    let (reported, known) = (line.gross_minor().abs(), expected.abs());
    let agreed = reported.min(known);
    // A unit in transit, or on its way to be changed into another currency.
    let changed = line.net.0 != code;
    let transit = if changed { 6010 } else { 1110 };
    let (above, below) = match (tolerated, is_towards_us) {
        (true, _) => (5900, 5900),
        (false, true) => (2900, 1900),
        (false, false) => (1900, 2900),
    };
    let code = || code.to_owned();
    let mut legs = match is_towards_us {
        true => vec![
            (transit, receivable, code(), agreed),
            (transit, above, code(), reported - agreed),
            (below, receivable, code(), known - agreed),
        ],
        false => vec![
            (receivable, transit, code(), agreed),
            (above, transit, code(), reported - agreed),
            (receivable, below, code(), known - agreed),
        ],
    };
    if changed {
        legs.push((1110, 6010, line.net.0.clone(), line.before_costs()));
    }
    legs
}

fn costs(line: &Line) -> Vec<(i16, i16, String, i64)> {
    let [commission, markup, scheme, interchange] = line.costs;
    let code = || line.net.0.clone();
    vec![
        (5010, 1110, code(), interchange),
        (5020, 1110, code(), scheme),
        (5030, 1110, code(), commission + markup),
    ]
}

/// The costs of a line; of those that are booked already, what is taken now is no cost again.
fn cost_legs(line: &Line, booked: i64, receivable: i16) -> Vec<(i16, i16, String, i64)> {
    if booked == 0 {
        return costs(line);
    }
    assert_eq!(
        line.net.0,
        line.gross_currency(),
        "no dispute in another currency is made up"
    );
    let code = || line.net.0.clone();
    let taken = line.total_costs().min(booked).max(0);
    let mut legs = vec![
        (receivable, 1110, code(), taken),
        (receivable, 5040, code(), booked - taken),
    ];
    let mut rest = taken;
    let mut others = costs(line);
    // The acquirer's own part first, then the scheme's, then the issuer's.
    for (.., amount) in others.iter_mut().rev() {
        let off = rest.min(*amount).max(0);
        *amount -= off;
        rest -= off;
    }
    legs.extend(others);
    legs
}

/// Interchange and scheme fee in the currency of the gross.
fn passed_on(line: &Line) -> i64 {
    let cost = line.costs[2] + line.costs[3];
    if line.net.0 == line.gross_currency() {
        return cost;
    }
    let (of_gross, of_net) = (i128::from(line.gross_minor()), i128::from(line.before_costs()));
    match of_net {
        0 => 0,
        of_net => rounded(i128::from(cost) * of_gross.abs(), of_net.abs(), "half_even"),
    }
}

/// What the costs should be by what was agreed or booked, and by how much they may differ; nothing, where nothing says what they
/// should be.
fn priced(line: &Line, booked: i64, terms: &Acquirer) -> Option<(i64, i64)> {
    let code = line.gross_currency();
    let in_one_currency = line.net.0 == code;
    if booked > 0 {
        return in_one_currency.then_some((booked, 0));
    }
    // Nothing may be deducted, of whatever currency.
    if !terms.is_net {
        return Some((0, 0));
    }
    if !in_one_currency || line.record() != "capture" {
        return None;
    }
    let cost = terms.cost.as_ref()?;
    let exact = i128::from(line.gross_minor()) * i128::from(cost.per_million);
    let share = rounded(exact, 1_000_000, "half_even");
    let tolerance = cost.tolerance.get(code).copied().unwrap_or(0);
    Some((share + cost.fixed.get(code)?, tolerance))
}
