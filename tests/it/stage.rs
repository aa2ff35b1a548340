//! A stage: a database, settings, and stories told line by line in any currency, through the library.
//!
//! ```text
//! sale p1 80.00 USD m=roll ref=A1 at=2026-03-02       an authorization and its capture
//! refund p1 10.00 USD m=roll refused=charged_back     any event; `refused` names the rule it breaks
//! file one 2026-03-03 breaks=AMOUNT_MISMATCH          a settlement file as of a day, with the breaks that it shows
//! Settled +80.00 USD ref=A1 interchange=1.44          its lines; payout rows are added
//! release 2026-04-01                                  what is due on a day
//! expire 2026-04-01T00:00:00Z                         what was to be captured by then
//! is roll USD 2010=0 2020=69.38 2030=8.00             balances: what merchants are owed above zero, what acquirers owe too
//! ```
//!
//! Plans come before what they are plans of, and say the same.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeMap;

use acquit::calendar::Calendar;
use acquit::ids::SourceId;
use acquit::ledger::entry::EntryKind;
use acquit::money::{Currency, Money, decimal_text};
use acquit::payment::event::{PaymentEvent, RefundWay};
use acquit::payment::validity::{AuthType, Initiator};
use acquit::store::audit::prove;
use acquit::store::expire::Expiries;
use acquit::store::reconcile::{FileOutcome, Reconciliation, Request, SettlementFile};
use acquit::store::record::Verdict;
use acquit::store::release::Releases;
use acquit::store::settings::Deployment;
use chrono::{DateTime, NaiveDate, Utc};
use tempfile::TempDir;

use crate::support::events::{apply, event, record, source};
use crate::support::{self, TestStore};

/// What is on it.
pub struct Stage {
    pub test: TestStore,
    pub deployment: Deployment,
    pub source: SourceId,
    directory: TempDir,
    files: usize,
}

/// Words of a line: the first ones by place, `name=value` by name.
pub struct Words<'a> {
    pub placed: Vec<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    pub fn of(line: &'a str) -> Self {
        let (named, placed): (Vec<&str>, Vec<&str>) = line.split_whitespace().partition(|word| word.contains('='));
        Self {
            placed,
            named: named.iter().filter_map(|word| word.split_once('=')).collect(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.named.get(name).copied()
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|_| panic!("a day: {text}"))
}

pub fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap_or_else(|_| panic!("a currency: {code}"))
}

/// An amount above zero.
pub fn money(text: &str, code: &str) -> Money {
    Money::parse(text, currency(code)).unwrap_or_else(|error| panic!("{text} {code}: {error}"))
}

/// Signed decimal text as minor units.
pub fn minor(text: &str, code: &str) -> i64 {
    let amount = money(text.trim_start_matches(['+', '-']), code);
    if text.starts_with('-') {
        -amount.minor()
    } else {
        amount.minor()
    }
}

/// Lines that are not empty, trimmed.
pub fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// A settlement file of these lines, with payout rows that make it add up.
pub fn settlement_file(lines: &[&str], default_day: &str) -> String {
    let mut file = format!("{}\n", crate::reconcile::HEADER);
    let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for line in lines {
        let words = Words::of(line);
        let [kind, gross, gross_code] = words.placed[..] else {
            panic!("{line}")
        };
        let gross = minor(gross, gross_code);
        let net = words
            .get("net")
            .map(|net| net.split_once(':').expect("net=AMOUNT:CURRENCY"));
        let net_code = net.map_or(gross_code, |(_, code)| code);
        let costs = ["commission", "cost", "scheme", "interchange"]
            .map(|name| words.get(name).map_or(0, |cost| minor(cost, net_code)));
        let net = net.map_or_else(|| gross - costs.iter().sum::<i64>(), |(net, code)| minor(net, code));
        let sides = |minor: i64, code: &str| {
            let text = decimal_text(minor.abs(), currency(code));
            if minor < 0 {
                format!("{text},")
            } else {
                format!(",{text}")
            }
        };
        let cost = |cost: i64| match cost {
            0 => String::new(),
            cost => decimal_text(cost, currency(net_code)),
        };
        let [commission, markup, scheme, interchange] = costs.map(cost);
        let batch = words.get("batch").unwrap_or("1");
        let day = words.get("day").unwrap_or(default_day);
        let text = |name: &str| words.get(name).unwrap_or_default();
        file += &format!(
            ",{},{day} 10:00:00,UTC,{kind},{},{gross_code},{},{},{net_code},{},{commission},{markup},{scheme},{interchange},{batch},{}\n",
            text("mref"),
            text("ref"),
            sides(gross, gross_code),
            text("rate"),
            sides(net, net_code),
            text("arn"),
        );
        *sums.entry((batch, net_code)).or_default() += net;
    }
    for ((batch, code), sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
        let text = decimal_text(sum.abs(), currency(code));
        let sides = if sum > 0 {
            format!("{text},")
        } else {
            format!(",{text}")
        };
        file += &format!(",,{default_day} 23:00:00,UTC,MerchantPayout,TX,,,,,{code},{sides},,,,,{batch},\n");
    }
    file
}

/// The events of a line.
pub fn events(line: &str) -> Vec<PaymentEvent> {
    let words = Words::of(line);
    let [kind, payment, amount, code] = words.placed[..] else {
        panic!("{line}")
    };
    let kinds = if kind == "sale" {
        vec!["authorization", "capture"]
    } else {
        vec![kind]
    };
    kinds
        .into_iter()
        .map(|kind| one_event(kind, payment, minor(amount, code), code, &words))
        .collect()
}

impl Stage {
    /// Settings applied, and the calendar of the euro imported before, with that of Korea where it is named.
    pub async fn of(settings: &str) -> Self {
        let test = support::store().await;
        let euro = include_str!("../../fixtures/calendars/TARGET2.csv");
        let won = Some(include_str!("../../fixtures/calendars/KR.csv")).filter(|_| settings.contains("\"KR\""));
        for calendar in [Some(euro), won].into_iter().flatten() {
            let parsed = Calendar::parse(calendar.as_bytes()).expect("a calendar");
            test.store.import_calendar(&parsed, calendar).await.expect("imported");
        }
        let deployment = apply(&test.store, settings).await;
        let source = source(&test.store, "events").await;
        Self {
            test,
            deployment,
            source,
            directory: support::directory(),
            files: 0,
        }
    }

    /// A story told under settings; the books hold afterwards.
    pub async fn told(settings: &str, story: &str) -> Self {
        let mut stage = Self::of(settings).await;
        stage.tell(story).await;
        stage
    }

    /// Another version of the settings.
    pub async fn apply(&mut self, settings: &str) {
        self.deployment = apply(&self.test.store, settings).await;
    }

    /// Tells a story; the books hold afterwards.
    pub async fn tell(&mut self, story: &str) {
        self.go_on(story).await;
        self.holds().await;
    }

    /// Tells a part of a story.
    pub async fn go_on(&mut self, story: &str) {
        let lines = lines(story);
        let mut place = 0;
        while let Some(line) = lines.get(place) {
            place += 1;
            let words = Words::of(line);
            match words.placed[0] {
                "file" => {
                    let of_file = |line: &&&str| line.starts_with(|first: char| first.is_ascii_uppercase());
                    let rows: Vec<&str> = lines[place..].iter().take_while(of_file).copied().collect();
                    place += rows.len();
                    self.file(line, &rows).await;
                }
                "release" => drop(self.release(words.placed[1]).await),
                "expire" => drop(self.expire(words.placed[1]).await),
                "is" => self.is(line).await,
                _ => self.record(line).await,
            }
        }
    }

    async fn record(&self, line: &str) {
        let events = events(line);
        let verdicts = record(&self.test.store, &self.deployment, self.source, &events).await;
        let refused = Words::of(line).get("refused");
        for verdict in verdicts.expect("a batch") {
            match (&verdict, refused) {
                (Verdict::Recorded, None) => {}
                (Verdict::Rejected(refusal), Some(rule)) if refusal.rule() == rule => {}
                _ => panic!("{line}: {verdict:?}"),
            }
        }
    }

    /// A settlement file on disk.
    pub fn write_file(&mut self, rows: &[&str], day: &str) -> SettlementFile {
        self.files += 1;
        let path = self.directory.path().join(format!("file-{}.csv", self.files));
        // Each file is of a batch of its own, unless its lines say otherwise.
        let of_batch = |row: &&str| match Words::of(row).get("batch") {
            None => format!("{row} batch={}", 100 + self.files),
            Some(_) => (*row).to_owned(),
        };
        let rows: Vec<String> = rows.iter().map(of_batch).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        std::fs::write(&path, settlement_file(&rows, day)).expect("a file");
        SettlementFile::open(&path).expect("a settlement file")
    }

    /// The text of a settlement file.
    pub fn text_of(&self, file: &SettlementFile) -> String {
        std::fs::read_to_string(self.directory.path().join(file.name())).expect("its text")
    }

    /// A settlement file of this text.
    pub fn write_text(&self, name: &str, text: &str) -> SettlementFile {
        self.write_bytes(name, text.as_bytes())
    }

    /// A settlement file of these bytes.
    pub fn write_bytes(&self, name: &str, bytes: &[u8]) -> SettlementFile {
        let path = self.directory.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        SettlementFile::open(&path).expect("a settlement file")
    }

    async fn file(&mut self, line: &str, rows: &[&str]) {
        let words = Words::of(line);
        let [_, acquirer, day_text] = words.placed[..] else {
            panic!("{line}")
        };
        let file = self.write_file(rows, day_text);
        let request = Request {
            file: &file,
            acquirer,
            as_of: Some(day(day_text)),
            today: chrono::NaiveDate::MAX,
        };
        let plan = self
            .test
            .store
            .plan_reconciliation(&self.deployment, &request, &|_| {})
            .await;
        let plan = plan.expect("a plan");
        let found = self.test.store.reconcile(&self.deployment, &request, &|_| {}).await;
        let found = found.expect("a reconciliation");
        assert_eq!(plan, found, "{line}");
        assert_eq!(
            breaks(&found),
            words.get("breaks").unwrap_or_default(),
            "{line}: {found:#?}"
        );
        let again = self.test.store.reconcile(&self.deployment, &request, &|_| {}).await;
        let again = again.expect("a second time");
        assert_eq!(again.outcome, FileOutcome::AlreadyBooked);
        // Counted while it was matched, and by what the database has.
        assert_eq!((again.matches, again.timing), (found.matches, found.timing), "{line}");
    }

    /// Releases what is due, after planning it; a second time there is nothing.
    pub async fn release(&self, on: &str) -> Releases {
        let (store, deployment) = (&self.test.store, &self.deployment);
        let plan = store.plan_release(deployment, day(on), &|_| {}).await.expect("a plan");
        let released = store.release(deployment, day(on), &|_| {}).await.expect("a release");
        assert_eq!(plan, released, "{on}");
        let again = store.release(deployment, day(on), &|_| {}).await.expect("a release");
        assert_eq!(again, Releases::new(), "{on}");
        released
    }

    /// Expires what is due, after planning it; a second time there is nothing.
    pub async fn expire(&self, cutoff: &str) -> Expiries {
        let cutoff: DateTime<Utc> = cutoff.parse().expect("an instant");
        let (store, deployment) = (&self.test.store, &self.deployment);
        let plan = store.plan_expiry(deployment, cutoff, &|_| {}).await.expect("a plan");
        let expired = store.expire(deployment, cutoff, &|_| {}).await.expect("an expiry");
        assert_eq!(plan, expired, "{cutoff}");
        let again = store.expire(deployment, cutoff, &|_| {}).await.expect("an expiry");
        assert_eq!(again, Expiries::new(), "{cutoff}");
        expired
    }

    /// Balances of a merchant (`all`: over all books) by account code; the side on which the account grows is above zero.
    pub async fn balances(&self, merchant: &str, code: &str) -> BTreeMap<i16, i64> {
        let rows = self
            .test
            .admin
            .query(
                "select account.code, sum(case account_code.side when 'debit' then debits - credits else credits - debits end)::bigint
                 from balance join account on account.id = account_id join account_code on number = account.code
                 join book on book.id = book_id
                 where currency = $2 and ($1 = 'all' or merchant = $1) group by account.code",
                &[&merchant, &code],
            )
            .await
            .expect("balances");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn is(&self, line: &str) {
        let words = Words::of(line);
        let [_, merchant, code] = words.placed[..] else {
            panic!("{line}")
        };
        let balances = self.balances(merchant, code).await;
        let found = |account: &str| {
            let account: i16 = account.parse().expect("an account code");
            decimal_text(balances.get(&account).copied().unwrap_or(0), currency(code))
        };
        for (account, expected) in words.named.iter() {
            assert_eq!(found(account), *expected, "{account} in `{line}`: {balances:?}");
        }
    }

    /// The tranches of a merchant, one a line: source day, day of release, withheld, released, applied.
    pub async fn tranches(&self, merchant: &str, code: &str) -> Vec<String> {
        let rows = self
            .test
            .admin
            .query(
                "select source_on, release_on, withheld, released, applied
                 from reserve_tranche join book on book.id = book_id
                 where merchant = $1 and currency = $2 order by source_on, release_on",
                &[&merchant, &code],
            )
            .await
            .expect("tranches");
        let text = |minor: i64| decimal_text(minor, currency(code));
        rows.iter()
            .map(|row| {
                let (source, release): (NaiveDate, NaiveDate) = (row.get(0), row.get(1));
                let [withheld, released, applied] = [2, 3, 4].map(|place| text(row.get(place)));
                format!("{source} {release} {withheld} {released} {applied}")
            })
            .collect()
    }

    /// Every audit and every hash holds.
    pub async fn holds(&self) {
        let proven = prove(&self.test.store, None, |_| ())
            .await
            .expect("a proof")
            .expect("books");
        let audits: Vec<_> = proven.audits.iter().filter(|result| result.offenders > 0).collect();
        assert!(proven.holds(), "{:#?}\n{audits:#?}", proven.proof.findings.kept());
    }
}

/// The classes of a file's breaks, with how often each is there if that is not once.
fn breaks(found: &Reconciliation) -> String {
    let classes = found.breaks.iter().map(|(class, count)| match count {
        1 => class.to_string(),
        count => format!("{class}:{count}"),
    });
    classes.collect::<Vec<_>>().join(",")
}

#[allow(clippy::wildcard_enum_match_arm, reason = "other kinds have no details here")]
fn one_event(kind: &str, payment: &str, minor: i64, code: &str, words: &Words<'_>) -> PaymentEvent {
    let name = words.text("name").unwrap_or_else(|| format!("{payment}-{kind}"));
    let merchant = words.get("m").unwrap_or("plain");
    let kind = EntryKind::from_name(kind).unwrap_or_else(|| panic!("a kind: {kind}"));
    let mut event = event(kind, merchant, payment, &name, minor, code);
    let at = words.get("at").unwrap_or("2026-03-02");
    let at = if at.contains('T') {
        at.to_owned()
    } else {
        format!("{at}T12:00:00Z")
    };
    event.occurred_at = at.parse().expect("an instant");
    words.get("acq").unwrap_or("north").clone_into(&mut event.acquirer);
    if kind != EntryKind::Authorization {
        event.acquirer_reference = words.text("ref");
        event.arn = words.text("arn");
    }
    event.merchant_reference = words.text("mref");
    let details = &mut event.details;
    let amount = |name: &str| words.get(name).map(|amount| crate::stage::minor(amount, code));
    match kind {
        EntryKind::Authorization | EntryKind::AuthorizationIncrement | EntryKind::Unknown => {
            details.capture_before = words.get("before").map(|at| at.parse().expect("an instant"));
            details.method = words.text("method");
            details.scheme = words.text("scheme");
            details.auth_type = words.get("type").and_then(AuthType::from_name);
            details.initiator = words.get("initiator").and_then(Initiator::from_name);
        }
        EntryKind::Capture => {
            details.is_final = words.get("final").is_some();
            details.aggregate = words.text("aggregate");
        }
        EntryKind::Aggregate => {
            details.aggregate = words.text("aggregate");
            details.items = words.get("items").map(|items| items.parse().expect("a count"));
        }
        EntryKind::Refund => details.by = words.get("by").and_then(RefundWay::from_name),
        EntryKind::Chargeback | EntryKind::SecondChargeback => details.cost = amount("cost"),
        _ => {}
    }
    details.original = words.text("original");
    event
}
