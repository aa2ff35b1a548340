//! A merchant's book without a database, and scripts that are played on it.
//!
//! A script is what a finance person would write down: a line for an event, and below it, indented, what it must come to.
//!
//! ```text
//! capture 80.00 final
//!     9020 <- 9010 80.00          a transfer: debit <- credit amount
//!     item 80.00 fee 2.62         what the acquirer will report: the open item
//! refund 90.00
//!     ! exceeds_captured amount: only {80.00} is captured and not refunded
//! ```
//!
//! Beside: `undoes`, `withdraws` (an earlier event's open item), `reserve` (taken from it), `matures` (available by date),
//! `tray` (where an aggregate stands), `accrues` (exact fees), `holds` (set aside), `?` (a flag). Words after an event's
//! amount are its fields; `ref` is its reference, `of` its original. Lines that are no event: `with` (fields of all later
//! events), `given` (a transfer by hand), `reported` (a settlement file has reported an event), `released` (somebody released
//! its hold), `expire` (at an instant), `state`, `balances`.
//!
//! Amounts of a script without a currency are hundredths of "100.00": the same script is played in currencies of 0, 2, 3 and 4
//! decimals, where 100.00 is ten thousand minor units of each. `{80.00}` is such an amount as a message shows it, `{currency}` the
//! currency.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::super::*;
use crate::dates::day_in;
use crate::ledger::account::Side;
use crate::payment::event::{AuthType, Details, Initiator, RefundWay};

/// How amounts are written.
#[derive(Clone, Copy)]
pub enum Unit {
    /// In hundreds of minor units, of any currency.
    Hundreds(Currency),
    /// As the currency writes them.
    Own(Currency),
}

impl Unit {
    pub fn currency(self) -> Currency {
        match self {
            Self::Hundreds(currency) | Self::Own(currency) => currency,
        }
    }

    fn read(self, text: &str) -> i64 {
        match self {
            Self::Hundreds(_) => {
                let (whole, part) = text.split_once('.').expect("an amount with two decimals");
                assert_eq!(part.len(), 2, "{text}");
                format!("{whole}{part}").parse().expect("an amount")
            }
            Self::Own(currency) => Money::parse(text, currency).expect("an amount").minor(),
        }
    }

    pub fn show(self, minor: i64) -> String {
        match self {
            Self::Hundreds(_) => crate::money::wide_decimal_text(minor.into(), 2),
            Self::Own(currency) => Money::from_minor(minor, currency).to_decimal_text(),
        }
    }

    /// Puts money into the braces of a message.
    fn message(self, text: &str) -> String {
        let mut parts = text.split('{');
        let mut message = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (amount, rest) = part.split_once('}').expect("a closing brace");
            let shown = match amount {
                "currency" => self.currency().to_string(),
                amount => Money::from_minor(self.read(amount), self.currency()).to_string(),
            };
            message.push_str(&shown);
            message.push_str(rest);
        }
        message
    }
}

/// A merchant's book, as far as the lifecycle sees it.
pub struct Book {
    settings: Settings,
    pub payments: BTreeMap<String, Payment>,
    /// By reference.
    pub originals: BTreeMap<String, Original>,
    pub aggregates: BTreeMap<String, Aggregate>,
    pub accruals: HashMap<AccrualKey, Accrual>,
    /// Debits less credits.
    pub balances: BTreeMap<Account, i64>,
    /// The velocity rule that holds what is captured.
    pub held_by: Option<String>,
    numbers: i64,
}

impl Book {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            payments: BTreeMap::new(),
            originals: BTreeMap::new(),
            aggregates: BTreeMap::new(),
            accruals: HashMap::new(),
            balances: BTreeMap::new(),
            held_by: None,
            numbers: 0,
        }
    }

    /// What is on an account of this code, on its own side.
    pub fn balance(&self, code: AccountCode, currency: Currency) -> i64 {
        let of = |account: &&Account| account.code == code && account.currency == currency;
        let debits: i64 = self
            .balances
            .iter()
            .filter(|(account, _)| of(account))
            .map(|(_, debits)| debits)
            .sum();
        match code.side() {
            Side::Debit => debits,
            Side::Credit => -debits,
        }
    }

    pub fn decide(&self, event: &PaymentEvent, available_on: Option<NaiveDate>) -> Result<Decision, Refusal> {
        let day = day_in(event.occurred_at, self.settings.house.time_zone);
        let merchant = &self.settings.merchants[&event.merchant];
        let schedule = self.settings.fee_schedule(&merchant.fee_schedule, day);
        let zone = merchant.time_zone.unwrap_or(self.settings.house.time_zone);
        let terms = Terms {
            settings: &self.settings,
            merchant,
            acquirer: &self.settings.acquirers[&event.acquirer],
            schedule,
            day,
            zone,
            sales_day: day_in(event.occurred_at, zone),
            available_on,
        };
        let details = &event.details;
        let original = details.original.as_ref().and_then(|name| self.originals.get(name));
        let aggregate = details
            .aggregate
            .as_ref()
            .or(original.and_then(|original| original.aggregate.as_ref()));
        let currency = event.money.currency();
        let known = Known {
            payment: self.payments.get(&event.payment),
            funds: Funds {
                available: self.balance(AccountCode::MerchantAvailable, currency),
                pending: self.balance(AccountCode::MerchantPending, currency),
                reserve: self.balance(AccountCode::MerchantReserve, currency),
            },
            original,
            aggregate: aggregate.and_then(|name| self.aggregates.get(name)),
            accruals: &self.accruals,
            held_by: self.held_by.as_deref(),
            same_order: self.same_order(event),
        };
        decide(event, &known, &terms)
    }

    /// Another live payment for what the event's merchant reference names.
    fn same_order(&self, event: &PaymentEvent) -> Option<&str> {
        let order = event.merchant_reference.as_deref()?;
        let of_order = |(name, payment): &(&String, &Payment)| {
            let known = payment.merchant_reference.as_deref().unwrap_or(name);
            **name != event.payment && known == order && payment.is_live()
        };
        let found = self.payments.iter().find(of_order);
        found.map(|(name, _)| name.as_str())
    }

    /// Books what was decided, as the store does.
    pub fn book(&mut self, event: &PaymentEvent, decision: &Decision) {
        self.numbers += 1;
        let number = EntryNumber(self.numbers);
        let day = day_in(event.occurred_at, self.settings.house.time_zone);
        self.moved(&decision.transfers);
        if let Some(payment) = &decision.payment {
            self.payments.insert(event.payment.clone(), payment.clone());
        }
        for (accrued, after) in &decision.accrued {
            self.accruals.insert(accrued.key.clone(), *after);
        }
        if let Some(aggregate) = &decision.aggregate {
            let closed = (event.kind == EntryKind::Aggregate).then_some(number);
            let aggregate = Aggregate {
                closed: closed.or(aggregate.closed),
                ..aggregate.clone()
            };
            self.aggregates.insert(aggregate.name.clone(), aggregate);
        }
        if let Some(original) = event
            .details
            .original
            .as_ref()
            .and_then(|name| self.originals.get_mut(name))
        {
            original.undone |= decision.reverses.is_some();
            original.paid |= event.kind == EntryKind::RefundPaid;
            original.open &= decision.withdrawn != Some(original.number);
        }
        self.originals.insert(
            event.reference.clone(),
            Original {
                number,
                kind: event.kind,
                payment: Some(event.payment.clone()),
                transfers: decision.transfers.clone(),
                undone: false,
                open: decision.reportable.is_some(),
                paid: false,
                hold_released: false,
                returned_on_refund: decision.returned_on_refund,
                occurred_at: event.occurred_at,
                day,
                accrued: decision.accrued.iter().map(|(accrued, _)| accrued.clone()).collect(),
                reserve: decision.withheld.map_or(0, |(amount, _)| amount),
                applied: Vec::new(),
                aggregate: event.details.aggregate.clone(),
                is_final: event.details.is_final,
                maturing: decision
                    .maturing
                    .or(decision.held.as_ref().and_then(|held| held.maturing)),
            },
        );
    }

    pub fn moved(&mut self, transfers: &[Transfer]) {
        for transfer in transfers {
            *self.balances.entry(transfer.debit.clone()).or_default() += transfer.amount;
            *self.balances.entry(transfer.credit.clone()).or_default() -= transfer.amount;
        }
    }

    /// What runs out at a cut-off, by payment.
    pub fn expire(&mut self, cutoff: DateTime<Utc>) -> Vec<Transfer> {
        let mut all = Vec::new();
        for (name, payment) in self.payments.clone() {
            if let Some(decision) = expire(&payment, cutoff) {
                self.moved(&decision.transfers);
                self.payments.insert(name, decision.payment.expect("a payment"));
                all.extend(decision.transfers);
            }
        }
        all
    }

    /// What must hold of a decision, whatever it is.
    #[track_caller]
    pub fn proper(&self, event: &PaymentEvent, decision: &Decision) {
        for transfer in &decision.transfers {
            assert!(transfer.amount > 0 && transfer.debit != transfer.credit, "{transfer:?}");
            for account in [&transfer.debit, &transfer.credit] {
                let dimension = match account.code.dimension() {
                    DimensionKind::Acquirer => event.acquirer.as_str(),
                    DimensionKind::Bank => "main",
                    DimensionKind::None => "",
                };
                assert_eq!(account.dimension.as_ref(), dimension, "{transfer:?}");
                assert_eq!(account.currency, event.money.currency(), "{transfer:?}");
            }
            assert_eq!(transfer.debit.code.is_memo(), transfer.credit.code.is_memo());
        }
        // What undoes an entry begins with its mirror.
        if let Some(number) = decision.reverses {
            let original = self.originals.values().find(|original| original.number == number);
            let original = original.expect("the original");
            assert!(!original.undone);
            let mirror: Vec<Transfer> = original
                .transfers
                .iter()
                .map(|transfer| Transfer {
                    debit: transfer.credit.clone(),
                    credit: transfer.debit.clone(),
                    amount: transfer.amount,
                })
                .collect();
            assert!(decision.transfers.starts_with(&mirror), "{decision:?}");
        }
    }

    /// What must hold of a book after every event.
    #[track_caller]
    pub fn holds(&self) {
        let mut open: BTreeMap<Currency, i64> = BTreeMap::new();
        for payment in self.payments.values() {
            let authorized = payment.authorized.unwrap_or(0);
            let promised = payment.captured - payment.over_captured + payment.voided + payment.expired;
            assert!(promised <= authorized, "{payment:?}");
            assert_eq!(payment.open(), authorized - promised);
            assert!((0..=payment.captured).contains(&payment.over_captured), "{payment:?}");
            assert!((0..=payment.captured).contains(&payment.refunded), "{payment:?}");
            let returns = &payment.returns;
            assert!((0..=returns.fee).contains(&returns.fee_returned), "{payment:?}");
            assert!((0..=returns.vat).contains(&returns.vat_returned), "{payment:?}");
            let amounts = [
                payment.voided,
                payment.expired,
                payment.charged_back,
                payment.unpaid.unwrap_or(0),
            ];
            assert!(amounts.iter().all(|amount| *amount >= 0), "{payment:?}");
            *open.entry(payment.currency).or_default() += payment.open();
        }
        let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
        for (account, debits) in &self.balances {
            let balance = match account.code.side() {
                Side::Debit => *debits,
                Side::Credit => -debits,
            };
            assert!(account.code.may_cross_zero() || balance >= 0, "{account}: {balance}");
            *sums.entry(account.currency).or_default() += debits;
            if account.code == AccountCode::AuthHold {
                let open = open.get(&account.currency).copied().unwrap_or(0);
                assert_eq!(balance, open, "{account}");
            }
        }
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    }
}

/// A script while it is played.
struct Play {
    book: Book,
    unit: Unit,
    /// Fields that later events have unless they say otherwise.
    with: BTreeMap<String, String>,
    /// When what is captured becomes available, where a date decides.
    available_on: Option<NaiveDate>,
    now: DateTime<Utc>,
    events: usize,
    played: String,
}

/// Plays a script on an empty book, and expects what it says.
#[track_caller]
pub fn play(settings: &str, unit: Unit, script: &str) {
    let mut play = Play {
        book: Book::new(Settings::parse(settings).expect("settings")),
        unit,
        with: BTreeMap::new(),
        available_on: None,
        now: instant("2026-03-02T12:00:00Z"),
        events: 0,
        played: String::new(),
    };
    let mut expected = String::new();
    let lines = script.lines().filter(|line| !line.trim().is_empty());
    let margin = lines.clone().map(|line| line.len() - line.trim_start().len()).min();
    for line in lines {
        let line = line.get(margin.unwrap_or_default()..).unwrap_or_default();
        if line.starts_with(' ') {
            writeln!(expected, "    {}", unit.message(line.trim())).expect("text");
        } else {
            writeln!(expected, "{line}").expect("text");
            writeln!(play.played, "{line}").expect("text");
            play.line(line);
            play.book.holds();
        }
    }
    let played = play.played;
    assert!(
        expected == played,
        "in {}\n{}",
        unit.currency(),
        compared(&expected, &played)
    );
}

/// Both texts, a line that only one has marked.
fn compared(expected: &str, played: &str) -> String {
    let differing = expected
        .lines()
        .zip(played.lines())
        .take_while(|(one, other)| one == other);
    let same = differing.count();
    let from = |text: &str| text.lines().skip(same).take(12).collect::<Vec<_>>().join("\n");
    let before: Vec<&str> = expected.lines().take(same).collect();
    format!(
        "{}\n--- expected\n{}\n--- but\n{}",
        before.join("\n"),
        from(expected),
        from(played)
    )
}

fn instant(text: &str) -> DateTime<Utc> {
    match text.contains('T') {
        true => crate::dates::parse_instant(text).expect("an instant"),
        false => instant(&format!("{text}T12:00:00Z")),
    }
}

impl Play {
    fn says(&mut self, text: &str) {
        writeln!(self.played, "    {text}").expect("text");
    }

    #[track_caller]
    fn line(&mut self, line: &str) {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let first = words.next().expect("a word");
        let rest: Vec<&str> = words.collect();
        match first {
            "with" => {
                for word in rest {
                    let (name, value) = word.split_once('=').expect("a field");
                    match name {
                        "held" => self.book.held_by = Some(value.to_owned()),
                        "available" => self.available_on = Some(crate::dates::parse_day(value).expect("a day")),
                        _ => {
                            self.with.insert(name.to_owned(), value.to_owned());
                        }
                    }
                }
            }
            "given" => {
                let [debit, "<-", credit, amount] = rest.as_slice() else {
                    panic!("{line}");
                };
                let transfer = Transfer {
                    debit: self.account(debit),
                    credit: self.account(credit),
                    amount: self.unit.read(amount),
                };
                self.book.moved(&[transfer]);
            }
            "reported" => self.book.originals.get_mut(rest[0]).expect("an event").open = false,
            "released" => self.book.originals.get_mut(rest[0]).expect("an event").hold_released = true,
            "expire" => {
                let moved = self.book.expire(instant(rest[0]));
                self.transfers(&moved);
            }
            "state" => self.state(rest.first().copied().unwrap_or("p")),
            "balances" => self.balances(),
            kind => {
                let event = self.event(kind, &rest);
                self.happens(&event);
            }
        }
    }

    fn account(&self, code: &str) -> Account {
        let code = AccountCode::from_number(code.parse().expect("a code")).expect("a code of the chart");
        let acquirer = self.with.get("acquirer").map_or("north", String::as_str);
        let dimension = match code.dimension() {
            DimensionKind::Acquirer => acquirer,
            DimensionKind::Bank => "main",
            DimensionKind::None => "",
        };
        Account {
            code,
            currency: self.unit.currency(),
            dimension: dimension.into(),
        }
    }

    fn event(&mut self, kind: &str, words: &[&str]) -> PaymentEvent {
        let mut fields = self.with.clone();
        for word in words.iter().skip(1) {
            let (name, value) = word.split_once('=').unwrap_or((word, "true"));
            fields.insert(name.to_owned(), value.to_owned());
        }
        self.events += 1;
        if let Some(at) = fields.remove("at") {
            self.now = instant(&at);
            self.with.remove("at");
        }
        let mut take = |name: &str| fields.remove(name);
        let payment = take("payment").unwrap_or_else(|| "p".to_owned());
        let currency = take("in").map_or(self.unit.currency(), |code| Currency::parse(&code).expect("a currency"));
        let amount = |text: String| self.unit.read(&text);
        let details = Details {
            method: take("method"),
            scheme: take("scheme"),
            card_country: take("country"),
            payer: take("payer"),
            category: take("category"),
            card: take("card"),
            auth_type: take("type").map(|name| AuthType::from_name(&name).expect("a type")),
            initiator: take("initiator").map(|name| Initiator::from_name(&name).expect("an initiator")),
            capture_before: take("before").map(|text| instant(&text)),
            requested: take("requested").map(amount),
            sequence: take("seq").map(|text| text.parse().expect("a number")),
            is_final: take("final").is_some(),
            aggregate: take("aggregate"),
            items: take("items").map(|text| text.parse().expect("a number")),
            original: take("of"),
            expected_total: take("expects").map(amount),
            by: take("by").map(|name| RefundWay::from_name(&name).expect("a way")),
            case: take("case"),
            respond_by: take("respond_by").map(|text| instant(&text)),
            cycle: take("cycle").map(|text| text.parse().expect("a number")),
            cost: take("cost").map(amount),
        };
        let reference = match take("noref") {
            Some(_) => PaymentEvent::derived_reference(&payment, &details),
            None => take("ref").unwrap_or_else(|| format!("e{}", self.events)),
        };
        let event = PaymentEvent {
            kind: EntryKind::from_name(kind).expect("a kind of event"),
            merchant: take("merchant").unwrap_or_else(|| "m".to_owned()),
            payment,
            reference,
            money: Money::from_minor(self.unit.read(words[0]), currency),
            occurred_at: self.now,
            acquirer: take("acquirer").unwrap_or_else(|| "north".to_owned()),
            acquirer_reference: None,
            merchant_reference: take("order"),
            arn: None,
            rrn: None,
            auth_code: None,
            details,
        };
        assert!(fields.is_empty(), "what is {fields:?}?");
        event
    }

    #[track_caller]
    fn happens(&mut self, event: &PaymentEvent) {
        match self.book.decide(event, self.available_on) {
            Err(refusal) => {
                let text = format!("! {} {}: {refusal}", refusal.rule(), refusal.field());
                self.says(&text);
            }
            Ok(decision) => {
                self.book.proper(event, &decision);
                self.comes_to(&decision);
                self.book.book(event, &decision);
            }
        }
    }

    fn transfers(&mut self, transfers: &[Transfer]) {
        for transfer in transfers {
            let text = format!(
                "{} <- {} {}",
                transfer.debit.code.number(),
                transfer.credit.code.number(),
                self.unit.show(transfer.amount)
            );
            self.says(&text);
        }
    }

    fn comes_to(&mut self, decision: &Decision) {
        let unit = self.unit;
        self.transfers(&decision.transfers);
        let name = |number: EntryNumber| {
            let named = self
                .book
                .originals
                .iter()
                .find(|(_, original)| original.number == number);
            named.map_or_else(String::new, |(name, _)| name.clone())
        };
        let undone = decision.reverses.map(name);
        let withdrawn = decision.withdrawn.map(name);
        if let Some(undone) = undone {
            self.says(&format!("undoes {undone}"));
        }
        if let Some(item) = &decision.reportable {
            let mut text = format!("item {}", unit.show(item.gross));
            for (word, amount) in [
                ("fee", item.merchant_fee),
                ("cost", item.cost),
                ("reserve", item.reserve),
            ] {
                if amount != 0 {
                    write!(text, " {word} {}", unit.show(amount)).expect("text");
                }
            }
            if let Some(until) = item.reserve_until {
                write!(text, " until {until}").expect("text");
            }
            if item.matures {
                text += " matures";
            }
            if let Some(rate) = item.passes_costs {
                write!(text, " passes-costs {rate}").expect("text");
            }
            self.says(&text);
        }
        if let Some(withdrawn) = withdrawn {
            self.says(&format!("withdraws {withdrawn}"));
        }
        if decision.reserve_applied != 0 {
            self.says(&format!("reserve {}", unit.show(decision.reserve_applied)));
        }
        if let Some(maturing) = &decision.maturing {
            let mut text = format!("matures {} on {}", unit.show(maturing.payable), maturing.available_on);
            if let Some(until) = maturing.reserve_until {
                write!(text, " reserve {} until {until}", unit.show(maturing.reserve)).expect("text");
            }
            self.says(&text);
        }
        if let Some(aggregate) = &decision.aggregate {
            let mut text = format!("tray {} {}", aggregate.items, unit.show(aggregate.gross));
            for (word, amount) in [("fee", aggregate.merchant_fee), ("reserve", aggregate.reserve)] {
                if amount != 0 {
                    write!(text, " {word} {}", unit.show(amount)).expect("text");
                }
            }
            self.says(&text);
        }
        if let Some(held) = &decision.held {
            self.says(&format!("holds {} by {}", unit.show(held.amount), held.rule));
        }
        if decision.unheld.is_some() {
            self.says("ends its hold");
        }
        for (accrued, after) in &decision.accrued {
            let component = accrued.key.component.name();
            let text = format!(
                "accrues {component} {} to {}",
                accrued.exact.normalize(),
                after.exact.normalize()
            );
            self.says(&text);
        }
        for flag in &decision.flags {
            let (class, text) = match flag {
                Flag::Status(text) => ("STATUS_MISMATCH", text),
                Flag::DoubleRecovery(text) => ("DOUBLE_RECOVERY", text),
                Flag::ChargebackUnknown(text) => ("CHARGEBACK_UNKNOWN", text),
                Flag::Amount(text) => ("AMOUNT_MISMATCH", text),
                Flag::Velocity(text) => ("VELOCITY", text),
                Flag::NotPriced(text) => ("NOT_PRICED", text),
                Flag::Duplicate(text) => ("DUPLICATE_IN_LEDGER", text),
            };
            self.says(&format!("? {class} {text}"));
        }
    }

    /// Where a payment stands: what is not nothing, and what is open.
    fn state(&mut self, name: &str) {
        let Some(payment) = self.book.payments.get(name) else {
            return self.says("unknown");
        };
        let optional = |amount: Option<i64>| amount.unwrap_or(0);
        let (fee, vat) = payment.dispute_fee.unwrap_or_default();
        let amounts = [
            ("requested", optional(payment.requested)),
            ("authorized", optional(payment.authorized)),
            ("captured", payment.captured),
            ("over-captured", payment.over_captured),
            ("voided", payment.voided),
            ("expired", payment.expired),
            ("refunded", payment.refunded),
            ("charged-back", payment.charged_back),
            ("dispute-fee", fee + vat),
            ("unpaid", optional(payment.unpaid)),
            ("open", payment.open()),
        ];
        let shown = amounts.into_iter().filter(|(_, amount)| *amount != 0);
        let mut texts: Vec<String> = shown
            .map(|(word, amount)| format!("{word} {}", self.unit.show(amount)))
            .collect();
        if payment.authorized.is_none() {
            texts.insert(0, "not authorized".to_owned());
        }
        let instrument = &payment.instrument;
        let stated: [(&str, &Option<Arc<str>>); 2] = [("method", &instrument.method), ("scheme", &instrument.scheme)];
        texts.extend(
            stated
                .into_iter()
                .filter_map(|(word, text)| Some(format!("{word} {}", text.as_ref()?))),
        );
        if let Some(expires_at) = payment.expires_at {
            texts.push(format!("until {}", expires_at.format("%Y-%m-%dT%H:%M:%SZ")));
        }
        if texts.is_empty() {
            texts.push("nothing".to_owned());
        }
        self.says(&texts.join(", "));
    }

    /// Every account that is not empty, on its own side.
    fn balances(&mut self) {
        for (account, debits) in self.book.balances.clone() {
            let balance = match account.code.side() {
                Side::Debit => debits,
                Side::Credit => -debits,
            };
            if balance != 0 {
                let text = format!("{} {}", account.code.number(), self.unit.show(balance));
                self.says(&text);
            }
        }
    }
}
