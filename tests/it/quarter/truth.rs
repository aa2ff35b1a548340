//! What the engine must have at the end of a day, by the world's own sums.

use std::collections::BTreeMap;

use acquit::store::audit::prove;
use acquit::store::breaks::Filter;
use chrono::NaiveDate;

use super::Quarter;

/// Every account but memos, on its own side: of merchants by their books, of others by their dimension.
const BALANCES: &str = "select format('%s %s %s', code, case when code in (2010, 2020, 2030, 2100) then merchant
        else coalesce(nullif(account.dimension, ''), '-') end, currency),
        sum(case side when 'debit' then debits - credits else credits - debits end)::bigint
    from balance join account on account.id = account_id join account_code on number = code join book on book.id = book_id
    where code not in (9010, 9020) group by 1
    having sum(debits - credits) <> 0";
const AWAITED: &str = "select format('%s %s %s', name, batch, currency), open
    from awaited join acquirer on acquirer.id = acquirer_id where open <> 0";
/// How the last statement of each account ended, of those that came.
const STATED: &str = "select distinct on (currency) currency, closing
    from bank_statement where state = 'booked' order by currency, until_on desc, source_id desc";

/// What is missing of items and batches, in words of breaks.
const MISSING: &str = "select format('%s %s %s', class, name, expected_in), sum(expected)::bigint
    from break join acquirer on acquirer.id = acquirer_id
    where state <> 'resolved' and class in ('MISSING_IN_FILE', 'MISSING_RECEIPT') group by 1";

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
        self.proof(day).await;
    }

    /// The proof of a day, identity by identity. This is the place to ask `report proof` for the day: each identity has these
    /// books; it closes where nothing of it is open, is explained by what is, and is incomplete where something has not come.
    async fn proof(&self, day: NaiveDate) {
        let [books, missing, stated] = [
            self.sums(BALANCES).await,
            self.sums(MISSING).await,
            self.sums(STATED).await,
        ];
        for identity in self.world.identities() {
            let (of, code) = (identity.of, identity.code);
            let (account, class) = match identity.number {
                1 => (1100, "MISSING_IN_FILE"),
                3 => (1110, "MISSING_RECEIPT"),
                _ => (1010, "nothing"),
            };
            let held = books.get(&format!("{account} {of} {code}")).copied();
            let open = missing.get(&format!("{class} {of} {code}")).copied();
            let found = [held, open].map(Option::unwrap_or_default);
            assert_eq!(found, [identity.books, identity.open], "{day}: {identity:?}");
            if identity.number == 4 && identity.complete {
                // The books begin with nothing, and so do the accounts.
                assert_eq!(
                    stated.get(code).copied().unwrap_or_default(),
                    identity.books,
                    "{day}: {identity:?}"
                );
            }
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
        let filled = |mut all: BTreeMap<String, i64>| {
            all.retain(|_, minor| *minor != 0);
            all
        };
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
const KINDS: [&str; 8] = [
    "capture",
    "merchant_fee",
    "refund",
    "chargeback",
    "chargeback_reversal",
    "payout",
    "payout_fee",
    "payout_return",
];
