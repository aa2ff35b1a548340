//! What the engine must have at the end of a day, by the world's own sums.

use std::collections::{BTreeMap, BTreeSet};

use acquit::cli::output::Format;
use acquit::cli::report::{Report, print};
use acquit::store::audit::prove;
use acquit::store::breaks::Filter;
use chrono::NaiveDate;

use super::Quarter;
use super::terms::of;
use super::world::{Client, Identity};

/// Every account but memos, on its own side: of merchants by their books, of others by their dimension.
const BALANCES: &str = "select format('%s %s %s', code, case when code in (2010, 2020, 2030, 2100) then merchant
        else coalesce(nullif(account.dimension, ''), '-') end, currency),
        sum(case side when 'debit' then debits - credits else credits - debits end)::bigint
    from balance join account on account.id = account_id join account_code on number = code join book on book.id = book_id
    where code not in (9010, 9020) group by 1
    having sum(debits - credits) <> 0";
const AWAITED: &str = "select format('%s %s %s', name, batch, currency), open
    from awaited join acquirer on acquirer.id = acquirer_id where open <> 0";

/// Fails with what differs, and by whom.
#[track_caller]
fn same(day: NaiveDate, what: &str, found: &BTreeMap<String, i64>, expected: &BTreeMap<String, i64>) {
    let keys = found.keys().chain(expected.keys());
    let mut differ: Vec<String> = keys
        .filter(|key| found.get(*key) != expected.get(*key))
        .map(|key| {
            format!(
                "  {key}: the engine {:?}, the world {:?}",
                found.get(key),
                expected.get(key)
            )
        })
        .collect();
    differ.sort();
    differ.dedup();
    assert!(differ.is_empty(), "{day}: {what} differ:\n{}", differ.join("\n"));
}

fn counted(told: impl Iterator<Item = String>) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for told in told {
        *counts.entry(told).or_default() += 1;
    }
    counts
}

fn filled(mut all: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    all.retain(|_, minor| *minor != 0);
    all
}

/// What must be told of identities; of one that has nothing only where something is told of it.
fn expected(identities: &[Identity], told: &BTreeMap<String, i64>, later: bool) -> BTreeMap<String, i64> {
    let is_told = |identity: &&Identity| {
        let begins = format!("{} {} {} ", identity.number, identity.of, identity.code);
        !identity.is_nothing() || told.keys().any(|row| row.starts_with(&begins))
    };
    let wanted = identities.iter().filter(is_told);
    counted(wanted.flat_map(|identity| identity.told(later)))
}

impl Quarter {
    async fn sums(&self, sql: &str) -> BTreeMap<String, i64> {
        let rows = self.test.admin.query(sql, &[]).await.expect("rows");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The breaks that are not resolved: each as the world tells it, with its number.
    pub async fn breaks(&self) -> Vec<(String, i64)> {
        let found = self.test.store.breaks(&Filter::unresolved()).await.expect("breaks");
        let told = found.into_iter().map(|found| {
            let money = |money: Option<acquit::money::Money>| {
                money.map_or("-".to_owned(), |money| {
                    format!("{} {}", money.minor(), money.currency())
                })
            };
            let merchant = found.merchant.as_deref().unwrap_or("-").to_owned();
            let (expected, actual) = (money(found.expected), money(found.actual));
            (
                format!("{} {} {merchant} {expected} {actual}", found.class, found.acquirer),
                found.id,
            )
        });
        told.collect()
    }

    /// What is on every account, what is awaited of every batch, and which differences are open: those that were planted, and what
    /// follows from them.
    pub async fn holds(&self) {
        let (day, world) = (self.world.today, &self.world);
        same(day, "balances", &self.sums(BALANCES).await, &world.balances());
        same(day, "awaited batches", &self.sums(AWAITED).await, &world.awaited());
        let found = counted(self.breaks().await.into_iter().map(|(told, _)| told));
        same(
            day,
            "breaks",
            &found,
            &counted(world.breaks.iter().map(super::world::Break::told)),
        );
    }

    /// What a report prints, row by row.
    async fn printed(&self, report: &Report) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        let printed = print(&self.test.store, report, Format::Csv, &mut out).await;
        printed.map_err(|failure| failure.to_string()).expect("a report");
        let mut reader = csv::Reader::from_reader(out.as_slice());
        let cell = |cell: &str| cell.trim_start_matches('\'').to_owned();
        let rows = reader
            .records()
            .map(|row| row.expect("a row").iter().map(cell).collect());
        rows.collect()
    }

    /// The proof of a day as it is told: every identity with both sides and what nothing explains, what is open, what is missing.
    async fn told(&self, date: NaiveDate) -> (BTreeMap<String, i64>, BTreeSet<String>) {
        let rows = self.printed(&Report::Proof { date, acquirer: None }).await;
        let mut missing = BTreeSet::new();
        let told = rows.iter().filter_map(|row| {
            let cells = |places: &[usize]| {
                let cells: Vec<&str> = places.iter().map(|place| row[*place].as_str()).collect();
                cells.join(" ")
            };
            match row[0].as_str() {
                "identity" => Some(cells(&[1, 2, 3, 5, 11, 12, 14])),
                "missing" => {
                    missing.insert(cells(&[2, 3]).trim().to_owned());
                    None
                }
                _ => Some(cells(&[0, 1, 2, 3, 8, 13])),
            }
        });
        let told = counted(told);
        (told, missing)
    }

    /// The proof of the day and what has to be there of others' money, held to the world's sums. What it must say when
    /// everything has come is kept.
    pub async fn proof(&mut self) {
        let day = self.world.today;
        let identities = self.world.identities();
        let (told, missing) = self.told(day).await;
        self.safeguards(&identities).await;
        same(day, "identities", &told, &expected(&identities, &told, false));
        assert_eq!(missing, self.world.missing(), "{day}");
        self.proofs.insert(day, identities);
    }

    async fn safeguards(&self, identities: &[Identity]) {
        let (date, world) = (self.world.today, &self.world);
        let mut own = BTreeMap::new();
        for found in identities.iter().filter(|identity| identity.number == 5) {
            let (code, over) = (found.code, found.books - found.items);
            assert!(over >= 0 || of(code).own == 0, "{date}: {found:?}");
            let named = if over < 0 { "shortage" } else { "surplus" };
            own.insert(format!("{named} {code} "), over);
            own.insert(format!("cash {code} on bank accounts"), found.books);
            own.insert(format!("requirement {code} all of it"), found.items);
            for (component, minor) in world.required(code) {
                own.insert(format!("requirement {code} {component}"), minor);
            }
        }
        let mut clients = BTreeMap::new();
        for client in world.clients() {
            *own.entry(format!("beside {} debts", client.code)).or_default() += client.debt;
            let Client {
                share,
                reserve,
                in_transit,
                debt,
                ..
            } = client;
            let parts = [share, reserve, 0, in_transit, 0, 0, share + reserve + in_transit, debt];
            for (column, minor) in parts.into_iter().enumerate() {
                let name = &world.merchants[client.merchant].name;
                clients.insert(format!("{name} {} {column}", client.code), minor);
            }
        }
        let minor = |text: &String| text.parse::<i64>().expect("minor units");
        let report = |merchants| Report::Safeguarding { date, merchants };
        let rows = self.printed(&report(true)).await;
        let told = rows.iter().flat_map(|row| {
            let figures = row[3..11].iter().enumerate();
            figures.map(|(column, text)| (format!("{} {} {column}", row[0], row[1]), minor(text)))
        });
        same(date, "clients", &filled(told.collect()), &filled(clients));
        let rows = self.printed(&report(false)).await;
        let told = rows
            .iter()
            .map(|row| (format!("{} {} {}", row[0], row[1], row[3]), minor(&row[4])));
        same(date, "requirements", &filled(told.collect()), &filled(own));
    }

    /// A past day's proof is what it was, but for what was missing then and has come. What was booked back is left out.
    pub async fn stays_proven(&self, days: &[NaiveDate]) {
        for day in days.iter().filter(|day| self.world.stands(**day)) {
            let (told, _) = self.told(*day).await;
            let expected = expected(&self.proofs[day], &told, true);
            same(*day, "identities, asked again,", &told, &expected);
        }
    }

    /// Hashes, heads, balances and every audit.
    pub async fn is_proven(&self) {
        let proven = prove(&self.test.store, None, |_| ())
            .await
            .expect("a proof")
            .expect("books");
        let audits: Vec<_> = proven.audits.iter().filter(|audit| audit.offenders > 0).collect();
        let day = self.world.today;
        assert!(
            proven.holds(),
            "{day}: {:#?}\n{audits:#?}",
            proven.proof.findings.kept()
        );
    }

    /// Every payout of the engine is one of the world's, and stands as it does.
    pub async fn payouts_stand(&self, cutoff: Option<NaiveDate>) {
        let found = self.test.store.payouts(cutoff, None).await.expect("payouts");
        let told = found.iter().map(|payout| {
            let (merchant, money) = (&payout.merchant, &payout.money);
            let amount = money.to_decimal_text();
            let (cutoff, fee, state) = (payout.cutoff, payout.fee.minor(), &payout.state);
            format!("{cutoff} {merchant} {amount} {} {fee} {state}", money.currency())
        });
        let own = self.world.payouts.iter();
        let own = own.filter(|payout| cutoff.is_none_or(|cutoff| payout.cutoff == cutoff));
        let own = counted(own.map(|payout| self.world.told(payout)));
        same(self.world.today, "payouts", &counted(told), &own);
    }

    /// A statement of all merchants over closed days: it begins with what the one before ended with, its movements lead to what it
    /// ends with, and that is what the world says each is owed.
    pub fn chains(&self, (from, to): (NaiveDate, NaiveDate), printed: &str) {
        let day = self.world.today;
        let mut of: BTreeMap<&str, BTreeMap<String, i64>> = BTreeMap::new();
        let mut running: BTreeMap<String, i64> = BTreeMap::new();
        for line in printed.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let [merchant, code, _, movement, _, debit, credit, balance, ..] = cells[..] else {
                panic!("{line}")
            };
            let minor = |text: &str| text.parse::<i64>().unwrap_or_default();
            let key = format!("{merchant} {code}");
            let moved = minor(credit) - minor(debit);
            match movement {
                "opening" => {
                    running.insert(key.clone(), minor(balance));
                    of.entry("opening").or_default().insert(key, minor(balance));
                }
                "closing" => {
                    assert_eq!(running[&key], minor(balance), "{day}: {key} from {from} to {to}");
                    of.entry("closing").or_default().insert(key, minor(balance));
                }
                movement => {
                    *running.get_mut(&key).expect("an opening") += moved;
                    for kind in KINDS.iter().filter(|kind| **kind == movement) {
                        of.entry(kind).or_default().insert(key.clone(), moved);
                    }
                }
            }
        }
        let closing = |day: NaiveDate| filled(self.closings.get(&day).cloned().unwrap_or_default());
        let before = from.pred_opt().expect("a day");
        let told = |what: &str| filled(of.get(what).cloned().unwrap_or_default());
        same(day, &format!("openings of {from}"), &told("opening"), &closing(before));
        same(day, &format!("closings of {to}"), &told("closing"), &closing(to));
        for kind in KINDS {
            let mut own: BTreeMap<String, i64> = BTreeMap::new();
            let moved = self
                .world
                .moved
                .iter()
                .filter(|(on, .., of, _)| (from..=to).contains(on) && *of == kind);
            for (_, merchant, code, _, minor) in moved {
                let name = &self.world.merchants[*merchant].name;
                *own.entry(format!("{name} {code}")).or_default() += minor;
            }
            same(day, &format!("{kind} from {from} to {to}"), &told(kind), &filled(own));
        }
    }
}

/// The movements of which the world keeps sums.
const KINDS: [&str; 9] = [
    "capture",
    "merchant_fee",
    "refund",
    "chargeback",
    "chargeback_reversal",
    "dispute_fee",
    "payout",
    "payout_fee",
    "payout_return",
];
