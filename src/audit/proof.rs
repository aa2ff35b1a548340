//! The proof of a day: five identities, each with both of its sides, and what explains their difference down to nothing.
//!
//! | identity | books | items |
//! | --- | --- | --- |
//! | 1, by acquirer | 1100 or 1130 | captures less refunds and chargebacks that no file has reported, and that are not missing |
//! | 2, by acquirer | what entries of files put on 1110 | what the batches of these files claim to pay |
//! | 3, by acquirer | 1110 | what batches promise and is not missing, less what the bank received for them |
//! | 4, by currency | 1010, and apart 1030 | what the accounts have by their statements |
//! | 5, by currency | 1010 and 1030 | what belongs to merchants and others of the money that has come: the requirement |
//!
//! What is open stands beside, each by its name: items and batches that are missing, money that nobody can explain, receipts
//! whose file was undone, entries of which no statement has told. An identity **closes** where both sides are the same and
//! nothing is open, is **explained** where what is open comes to the difference exactly, and **differs** otherwise. Where a
//! file or statement is missing it is **incomplete** at best.
//!
//! **The requirement** (5) is worked out merchant by merchant, and no merchant's debt lowers what others are owed. A capture
//! counts when the batch that pays it is received whole: before that, neither it nor a refund that the acquirer takes from the
//! batch has moved cash. What was received of a batch that is paid in part, or whose file was undone, is required as it is:
//! until the rest is there nobody knows what of it is ours. Of what is not received yet, so much as is in a reserve or set
//! aside is taken from these, the rest from what is pending and available.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::ids::BookId;

/// A currency's code.
pub type Code = String;

/// How an identity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Both sides are the same, and nothing is open.
    Closes,
    /// The difference is what is listed as open.
    Explained,
    /// A file or statement is missing.
    Incomplete,
    /// Something is left that nothing explains; of the fifth identity, cash is short.
    Differs,
}

impl Verdict {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closes => "closes",
            Self::Explained => "explained",
            Self::Incomplete => "incomplete",
            Self::Differs => "differs",
        }
    }

    /// Whether somebody has to act before the day is proven.
    pub fn is_unproven(self) -> bool {
        match self {
            Self::Closes | Self::Explained => false,
            Self::Incomplete | Self::Differs => true,
        }
    }
}

/// Something that explains a part of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// What it is: the class of a break, or a name of its own.
    pub class: String,
    /// Which one: a break, an entry, a batch.
    pub reference: String,
    /// Since when.
    pub since: Option<NaiveDate>,
    /// How much of the difference it is, minor units.
    pub amount: i128,
    /// More about it.
    pub detail: String,
}

/// One identity of an acquirer or account, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which: 1 to 5.
    pub number: u8,
    /// The acquirer, or the bank account.
    pub of: String,
    /// The currency.
    pub currency: Code,
    /// What the side of the books is.
    pub books_are: &'static str,
    /// What the other side is.
    pub items_are: &'static str,
    /// The side of the books, minor units.
    pub books: i128,
    /// The other side.
    pub items: i128,
    /// What explains the difference.
    pub open: Vec<Open>,
    /// Why it cannot be known.
    pub missing: Vec<String>,
    /// What is not as it claims to be, whatever the sums are.
    pub untrue: Vec<String>,
}

impl Identity {
    /// By how much the books are more.
    pub fn difference(&self) -> i128 {
        self.books.saturating_sub(self.items)
    }

    /// What of the difference nothing explains; of the fifth identity, what cash is short of.
    pub fn residual(&self) -> i128 {
        let explained = sum(self.open.iter().map(|open| open.amount));
        match self.number {
            5 => self.difference().min(0),
            _ => self.difference().saturating_sub(explained),
        }
    }

    /// How it stands.
    pub fn verdict(&self) -> Verdict {
        if self.residual() != 0 || !self.untrue.is_empty() {
            Verdict::Differs
        } else if !self.missing.is_empty() {
            Verdict::Incomplete
        } else if self.open.is_empty() {
            Verdict::Closes
        } else {
            Verdict::Explained
        }
    }
}

/// A sum that ends at the largest number instead of going round.
fn sum(amounts: impl Iterator<Item = i128>) -> i128 {
    amounts.fold(0, i128::saturating_add)
}

/// What of a merchant's money is required in cash, minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The book.
    pub book: BookId,
    /// The merchant; none of the house.
    pub merchant: Option<String>,
    /// The currency.
    pub currency: Code,
    /// Pending and available, of what has come.
    pub share: i128,
    /// In reserve.
    pub reserve: i128,
    /// Set aside.
    pub hold: i128,
    /// Payouts that are instructed and not confirmed.
    pub in_transit: i128,
    /// Payouts that came back and are not the merchant's again.
    pub returned: i128,
    /// Refunds that leave by transfer and have not.
    pub refunds: i128,
    /// What the merchant is below zero; it lowers nothing.
    pub debt: i128,
}

impl Client {
    /// What is required for it, kind by kind.
    pub fn parts(&self) -> [i128; 6] {
        [
            self.share,
            self.reserve,
            self.hold,
            self.in_transit,
            self.returned,
            self.refunds,
        ]
    }

    /// All of it.
    pub fn required(&self) -> i128 {
        sum(self.parts().into_iter())
    }
}

/// What has to be there in a currency, by component, and what is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement {
    /// By component, in the order of reports.
    pub components: Vec<(&'static str, i128)>,
    /// What is on bank accounts.
    pub cash: i128,
    /// What merchants are below zero; it lowers nothing.
    pub debts: i128,
}

impl Requirement {
    /// All components.
    pub fn required(&self) -> i128 {
        sum(self.components.iter().map(|(_, amount)| *amount))
    }
}

/// An account of a book.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The book.
    pub book: BookId,
    /// The code of the account.
    pub code: i16,
    /// Its currency.
    pub currency: Code,
    /// Its dimension.
    pub dimension: String,
}

/// Items that no file has reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items {
    /// The acquirer.
    pub acquirer: String,
    /// 1100 or 1130.
    pub code: i16,
    /// The currency.
    pub currency: Code,
    /// The book.
    pub book: BookId,
    /// The break that says that it is missing, and since when it was expected.
    pub missing: Option<(i64, Option<NaiveDate>)>,
    /// What they come to.
    pub amount: i128,
    /// What they are to the merchant.
    pub owed: Unreceived,
}

/// What is on the books of a merchant and has not moved cash yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unreceived {
    /// What the merchant is owed for it, less what the acquirer will take.
    pub share: i128,
    /// What of it is set aside, at most.
    pub held: i128,
    /// What of it is in a reserve, at most.
    pub withheld: i128,
}

/// A batch that is not paid in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The acquirer.
    pub acquirer: String,
    /// Its name.
    pub batch: String,
    /// Its currency.
    pub currency: Code,
    /// What its files promise.
    pub net: i128,
    /// What the bank has settled of it.
    pub settled: i128,
    /// How many files promise it.
    pub files: i64,
    /// The break that says that it is missing, and since when it was expected.
    pub missing: Option<(i64, Option<NaiveDate>)>,
}

/// A batch of a file, as it is kept and as its lines are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileBatch {
    /// The acquirer.
    pub acquirer: String,
    /// The file.
    pub file: String,
    /// Its name.
    pub batch: String,
    /// Its currency.
    pub currency: Code,
    /// What is kept as its net.
    pub net: i128,
    /// What its payout rows claim; nothing where there are none.
    pub payout: i128,
    /// Whether its lines move a balance that the acquirer keeps, or its payout takes of one: neither claims anything then.
    pub of_balance: bool,
    /// Σ of its lines.
    pub lines: i128,
    /// What of them another batch brought, or takes.
    pub carried: i128,
    /// What of that is a payout of another batch that came back, and is settled by it.
    pub returned: i128,
    /// Whether its lines are what is kept of it.
    pub is_told: bool,
    /// Who released it, in spite of its totals.
    pub released_by: Option<String>,
}

/// What the files of a batch have and claim together.
#[derive(Default)]
struct Claimed {
    /// Σ of all lines.
    lines: i128,
    /// Σ of those in files that say nothing of a payout.
    unclaimed: i128,
    payouts: i128,
}

impl Claimed {
    fn add(&mut self, batch: &FileBatch) {
        self.lines = self.lines.saturating_add(batch.lines);
        self.payouts = self.payouts.saturating_add(batch.payout);
        if batch.payout == 0 {
            self.unclaimed = self.unclaimed.saturating_add(batch.lines);
        }
    }

    /// What the payout of one of these files claims of its lines. Not all formats tell whether a payout takes money from the bank.
    fn by(&self, batch: &FileBatch) -> i128 {
        let takes = self.payouts != self.lines && self.payouts.saturating_neg() == self.lines;
        let payout = if takes {
            batch.payout.saturating_neg()
        } else {
            batch.payout
        };
        payout.saturating_sub(self.unclaimed)
    }
}

/// What moved 1110.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The acquirer.
    pub acquirer: String,
    /// The currency.
    pub currency: Code,
    /// By what.
    pub what: String,
    /// Of which break, or by which payment.
    pub of: Option<String>,
    /// How much, debits above zero.
    pub amount: i128,
}

/// Money in suspense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// Its break.
    pub break_id: i64,
    /// The class of that.
    pub class: String,
    /// The acquirer, or the bank account, that it is kept by.
    pub acquirer: String,
    /// The currency.
    pub currency: Code,
    /// How much, credits above zero.
    pub amount: i128,
    /// What a receipt brought more than it settled, below zero less.
    pub short: Option<i128>,
    /// Its line's batch is not paid: no cash has come with it.
    pub is_unpaid: bool,
    /// Since when.
    pub since: Option<NaiveDate>,
    /// More about it.
    pub detail: String,
}

/// A bank account by its statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// What it is in the books.
    pub code: i16,
    /// The account.
    pub account: String,
    /// Its currency.
    pub currency: Code,
    /// What it has.
    pub balance: i128,
    /// What the first statement begins with.
    pub began_with: i128,
    /// What statements that do not meet leave out.
    pub left_out: i128,
    /// The last day of the last statement.
    pub until_on: NaiveDate,
    /// Whether the day is covered.
    pub is_covered: bool,
}

/// An entry of the bank account that only books, or only statements, have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// What the account is in the books.
    pub code: i16,
    /// The currency.
    pub currency: Code,
    /// Its kind.
    pub kind: String,
    /// The merchant.
    pub merchant: Option<String>,
    /// Its reference.
    pub reference: String,
    /// Its booking date.
    pub on: NaiveDate,
    /// What the books have more.
    pub amount: i128,
    /// Both have it, of another amount, or only statements could have booked it, and none did.
    pub is_told: bool,
    /// It was moved to another account of the house, or from one, and the statement of that has told of it.
    pub is_swept: bool,
}

/// Everything that the proof of a day is made of.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What accounts hold, debits above zero.
    pub held: BTreeMap<Held, i128>,
    /// The merchants of books.
    pub merchants: BTreeMap<BookId, String>,
    /// Items that no file has reported.
    pub items: Vec<Items>,
    /// By book and currency, what was reported and whose batch is not paid.
    pub reported: BTreeMap<(BookId, Code), Unreceived>,
    /// Batches that are not paid in full.
    pub batches: Vec<Batch>,
    /// Batches of files.
    pub files: Vec<FileBatch>,
    /// What moved 1110.
    pub moved: Vec<Moved>,
    /// Money in suspense.
    pub suspended: Vec<Suspended>,
    /// Bank accounts by their statements.
    pub stated: Vec<Stated>,
    /// Entries of bank accounts that only one side has.
    pub untold: Vec<Untold>,
    /// The name of the bank account by the settings.
    pub bank: String,
    /// By acquirer, files that are missing.
    pub missing_files: BTreeMap<String, Vec<String>>,
    /// By what the account is in the books and currency, statements that are missing.
    pub missing_statements: BTreeMap<(i16, Code), Vec<String>>,
}

type Key = (String, Code);

impl Facts {
    /// Every identity, by number, acquirer and currency.
    pub fn identities(&self) -> Vec<Identity> {
        let mut all = self.not_in_a_file();
        all.extend(self.claimed());
        all.extend(self.promised());
        all.extend(self.at_the_bank(1010, "1010 bank:settlement"));
        all.extend(self.at_the_bank(1030, "1030 bank:external-managed"));
        all.extend(self.safeguarded());
        all
    }

    fn held_by(&self, code: i16) -> BTreeMap<Key, i128> {
        let mut sums: BTreeMap<Key, i128> = BTreeMap::new();
        for (held, amount) in self.held.iter().filter(|(held, _)| held.code == code) {
            add(&mut sums, (held.dimension.clone(), held.currency.clone()), *amount);
        }
        sums
    }

    fn missing_of(&self, acquirer: &str) -> Vec<String> {
        self.missing_files.get(acquirer).cloned().unwrap_or_default()
    }

    fn unstated(&self, code: i16, currency: &str) -> Vec<String> {
        let key = (code, currency.to_owned());
        self.missing_statements.get(&key).cloned().unwrap_or_default()
    }

    /// (1) What the acquirer owes by items.
    fn not_in_a_file(&self) -> Vec<Identity> {
        let mut all = Vec::new();
        for (code, books_are) in [(1100, "1100 acquirer:receivable"), (1130, "1130 carrier:receivable")] {
            let books = self.held_by(code);
            let mut items: BTreeMap<Key, i128> = BTreeMap::new();
            let mut open: BTreeMap<Key, BTreeMap<i64, Open>> = BTreeMap::new();
            for row in self.items.iter().filter(|row| row.code == code) {
                let key = (row.acquirer.clone(), row.currency.clone());
                let Some((id, since)) = row.missing else {
                    add(&mut items, key, row.amount);
                    continue;
                };
                let merchant = self.merchants.get(&row.book).map_or("the house", String::as_str);
                let found = open.entry(key).or_default().entry(id).or_insert_with(|| Open {
                    class: "MISSING_IN_FILE".to_owned(),
                    reference: format!("break {id}"),
                    since,
                    amount: 0,
                    detail: format!("of {merchant}: no file has reported it"),
                });
                found.amount = found.amount.saturating_add(row.amount);
            }
            let keys: BTreeSet<&Key> = books.keys().chain(items.keys()).chain(open.keys()).collect();
            all.extend(keys.into_iter().map(|key| {
                Identity {
                    number: 1,
                    of: key.0.clone(),
                    currency: key.1.clone(),
                    books_are,
                    items_are: "in no file yet",
                    books: of(&books, key),
                    items: of(&items, key),
                    open: open
                        .get(key)
                        .map(|open| open.values().cloned().collect())
                        .unwrap_or_default(),
                    missing: self.missing_of(&key.0),
                    untrue: Vec::new(),
                }
            }));
        }
        all
    }

    /// (2) What files booked, and what they claim.
    fn claimed(&self) -> Vec<Identity> {
        let mut found: BTreeMap<Key, Identity> = BTreeMap::new();
        let mut identity = |acquirer: &str, currency: &str, with: &mut dyn FnMut(&mut Identity)| {
            let key = (acquirer.to_owned(), currency.to_owned());
            let of = found.entry(key).or_insert_with(|| Identity {
                number: 2,
                of: acquirer.to_owned(),
                currency: currency.to_owned(),
                books_are: "1110 by the entries of files",
                items_are: "net of their batches as claimed",
                books: 0,
                items: 0,
                open: Vec::new(),
                missing: self.missing_of(acquirer),
                untrue: Vec::new(),
            });
            with(of);
        };
        for moved in self.moved.iter().filter(|moved| moved.what == "file") {
            identity(&moved.acquirer, &moved.currency, &mut |of| {
                of.books = of.books.saturating_add(moved.amount);
            });
        }
        // A report of days cuts batches: their payout claims something of lines in all files.
        let of = |batch: &FileBatch| (batch.acquirer.clone(), batch.batch.clone(), batch.currency.clone());
        let mut claimed: BTreeMap<_, Claimed> = BTreeMap::new();
        for batch in self.files.iter().filter(|batch| !batch.of_balance) {
            claimed.entry(of(batch)).or_default().add(batch);
        }
        for batch in &self.files {
            // Where nothing is paid there is no claim but the lines.
            let claim = match claimed.get(&of(batch)) {
                Some(claimed) if batch.payout != 0 && !batch.of_balance => claimed.by(batch),
                _ => batch.lines,
            };
            identity(&batch.acquirer, &batch.currency, &mut |of| {
                of.items = of.items.saturating_add(claim.saturating_sub(batch.carried));
                let named = format!("batch {} of {}", batch.batch, batch.file);
                if !batch.is_told {
                    of.untrue.push(format!("{named}: its lines are not what is kept of it"));
                } else if let (Some(by), true) = (&batch.released_by, claim != batch.net) {
                    of.open.push(Open {
                        class: "released".to_owned(),
                        reference: named,
                        since: None,
                        amount: batch.net.saturating_sub(claim),
                        detail: format!("{by} released the file in spite of its totals"),
                    });
                } else if claim != batch.net {
                    // It was booked before any of its lines, or a file with some of them is undone.
                    of.open.push(Open {
                        class: "incomplete".to_owned(),
                        reference: named,
                        since: None,
                        amount: batch.net.saturating_sub(claim),
                        detail: "its payout is of another sum than the lines of all files in force".to_owned(),
                    });
                }
            });
        }
        found.into_values().collect()
    }

    /// (3) What acquirers have promised, and the bank has not received.
    fn promised(&self) -> Vec<Identity> {
        let books = self.held_by(1110);
        let mut items: BTreeMap<Key, i128> = BTreeMap::new();
        let mut open: BTreeMap<Key, Vec<Open>> = BTreeMap::new();
        for batch in &self.batches {
            let key = (batch.acquirer.clone(), batch.currency.clone());
            let left = batch.net.saturating_sub(batch.settled);
            let named = |class: &str, reference, since, detail| Open {
                class: class.to_owned(),
                reference,
                since,
                amount: left,
                detail,
            };
            if let Some((id, since)) = batch.missing {
                let detail = format!("batch {} has not come", batch.batch);
                let break_id = format!("break {id}");
                open.entry(key)
                    .or_default()
                    .push(named("MISSING_RECEIPT", break_id, since, detail));
            } else if batch.files == 0 {
                let detail = "it was received, and its file is undone".to_owned();
                let reference = format!("batch {}", batch.batch);
                open.entry(key)
                    .or_default()
                    .push(named("receipt of no file", reference, None, detail));
            } else {
                add(&mut items, key, left);
            }
        }
        for found in &self.suspended {
            // Of what settled a batch, the part that came; what nobody knows, whole.
            let amount = match (found.class.as_str(), found.short) {
                ("FUNDING_MISMATCH", Some(short)) => short,
                ("UNIDENTIFIED_RECEIPT", _) => found.amount,
                _ => continue,
            };
            let key = (found.acquirer.clone(), found.currency.clone());
            add(&mut items, key.clone(), amount.saturating_neg());
            open.entry(key).or_default().push(Open {
                class: found.class.clone(),
                reference: format!("break {}", found.break_id),
                since: found.since,
                amount,
                detail: found.detail.clone(),
            });
        }
        self.otherwise_moved(&mut open);
        for batch in self.files.iter().filter(|batch| batch.carried != batch.returned) {
            let key = (batch.acquirer.clone(), batch.currency.clone());
            open.entry(key).or_default().push(Open {
                class: "carried".to_owned(),
                reference: format!("batch {}", batch.batch),
                since: None,
                amount: batch.returned.saturating_sub(batch.carried),
                detail: "of another batch".to_owned(),
            });
        }
        for listed in open.values_mut() {
            let carried = sum(listed
                .iter()
                .filter(|open| open.class == "carried")
                .map(|open| open.amount));
            // What one batch hands on and another takes over is nothing.
            if carried == 0 {
                listed.retain(|open| open.class != "carried");
            }
        }
        open.retain(|_, listed| !listed.is_empty());
        let keys: BTreeSet<&Key> = books.keys().chain(items.keys()).chain(open.keys()).collect();
        keys.into_iter()
            .map(|key| Identity {
                number: 3,
                of: key.0.clone(),
                currency: key.1.clone(),
                books_are: "1110 acquirer:in-transit",
                items_are: "batches less receipts",
                books: of(&books, key),
                items: of(&items, key),
                open: open.get(key).cloned().unwrap_or_default(),
                missing: [self.missing_of(&key.0), self.unstated(1010, &key.1)].concat(),
                untrue: Vec::new(),
            })
            .collect()
    }

    /// What moved 1110 and is neither a file nor a receipt: invoices that it paid, and resolutions where they come to something.
    fn otherwise_moved(&self, open: &mut BTreeMap<Key, Vec<Open>>) {
        let mut resolved: BTreeMap<Key, Vec<Open>> = BTreeMap::new();
        for moved in self.moved.iter().filter(|moved| moved.amount != 0) {
            let found = Open {
                class: moved.what.clone(),
                reference: moved.of.clone().unwrap_or_default(),
                since: None,
                amount: moved.amount,
                detail: String::new(),
            };
            let key = (moved.acquirer.clone(), moved.currency.clone());
            match moved.what.as_str() {
                "resolution" => resolved.entry(key).or_default().push(Open {
                    reference: format!("break {}", found.reference),
                    detail: "its resolution has no other side".to_owned(),
                    ..found
                }),
                "invoice payment" => open.entry(key).or_default().push(Open {
                    detail: "paid out of what the acquirer pays; no receipt is short of it".to_owned(),
                    ..found
                }),
                _ => {}
            }
        }
        for (key, listed) in resolved {
            if sum(listed.iter().map(|open| open.amount)) != 0 {
                open.entry(key).or_default().extend(listed);
            }
        }
    }

    /// (4) A bank account, and its statements.
    fn at_the_bank(&self, code: i16, books_are: &'static str) -> Vec<Identity> {
        let mut books: BTreeMap<Code, i128> = BTreeMap::new();
        let mut names: BTreeMap<Code, BTreeSet<String>> = BTreeMap::new();
        for ((name, currency), amount) in self.held_by(code) {
            add(&mut books, currency.clone(), amount);
            names.entry(currency).or_default().insert(name);
        }
        let mut items: BTreeMap<Code, i128> = BTreeMap::new();
        let mut open: BTreeMap<Code, Vec<Open>> = BTreeMap::new();
        for stated in self.stated.iter().filter(|stated| stated.code == code) {
            let currency = &stated.currency;
            add(&mut items, currency.clone(), stated.balance);
            names.entry(currency.clone()).or_default();
            let listed = open.entry(currency.clone()).or_default();
            for (class, amount, detail) in [
                (
                    "before the books",
                    stated.began_with,
                    "what its first statement begins with",
                ),
                ("left out", stated.left_out, "between statements that do not meet"),
            ] {
                if amount != 0 {
                    listed.push(Open {
                        class: class.to_owned(),
                        reference: stated.account.clone(),
                        since: None,
                        amount: amount.saturating_neg(),
                        detail: detail.to_owned(),
                    });
                }
            }
        }
        let mut untrue: BTreeMap<Code, Vec<String>> = BTreeMap::new();
        for untold in self.untold.iter().filter(|untold| untold.code == code) {
            if untold.is_told {
                let said = format!("{}: statements do not tell what is booked", untold.reference);
                untrue.entry(untold.currency.clone()).or_default().push(said);
                continue;
            }
            let side = if untold.is_swept {
                "told of on another day by the statement of the other account"
            } else if untold.kind == "bank_entry" {
                "booked on another day than told"
            } else {
                "no statement has told of it"
            };
            open.entry(untold.currency.clone()).or_default().push(Open {
                class: untold.kind.clone(),
                reference: untold.reference.clone(),
                since: Some(untold.on),
                amount: untold.amount,
                detail: match &untold.merchant {
                    Some(merchant) => format!("of {merchant}: {side}"),
                    None => side.to_owned(),
                },
            });
        }
        let missing = self.missing_statements.keys();
        let missing = missing.filter(|(of, _)| *of == code).map(|(_, currency)| currency);
        let keys: BTreeSet<&Code> = books.keys().chain(items.keys()).chain(missing).collect();
        keys.into_iter()
            .map(|currency| Identity {
                number: 4,
                of: match names.get(currency).filter(|names| !names.is_empty()) {
                    Some(names) => names.iter().cloned().collect::<Vec<_>>().join(", "),
                    None => self.bank.clone(),
                },
                currency: currency.clone(),
                books_are,
                items_are: "balance by bank statements",
                books: books.get(currency).copied().unwrap_or(0),
                items: items.get(currency).copied().unwrap_or(0),
                open: open.get(currency).cloned().unwrap_or_default(),
                missing: self.unstated(code, currency),
                untrue: untrue.get(currency).cloned().unwrap_or_default(),
            })
            .collect()
    }

    /// (5) Cash, and what has to be there.
    fn safeguarded(&self) -> Vec<Identity> {
        self.requirements()
            .into_iter()
            .map(|(currency, requirement)| {
                let acquirers = self
                    .held
                    .keys()
                    .filter(|held| matches!(held.code, 1100 | 1110 | 1130) && held.currency == currency);
                let acquirers: BTreeSet<&String> = acquirers.map(|held| &held.dimension).collect();
                let mut missing = [self.unstated(1010, &currency), self.unstated(1030, &currency)].concat();
                missing.extend(acquirers.into_iter().flat_map(|acquirer| self.missing_of(acquirer)));
                Identity {
                    number: 5,
                    of: String::new(),
                    books_are: "1010 and 1030, cash",
                    items_are: "safeguarding requirement",
                    books: requirement.cash,
                    items: requirement.required(),
                    currency,
                    open: Vec::new(),
                    missing,
                    untrue: Vec::new(),
                }
            })
            .collect()
    }

    /// What each merchant has to be safeguarded for, by currency and merchant; those with nothing are left out.
    pub fn clients(&self) -> Vec<Client> {
        let mut unreceived = self.reported.clone();
        for items in &self.items {
            let sum = unreceived.entry((items.book, items.currency.clone())).or_default();
            sum.share = sum.share.saturating_add(items.owed.share);
            sum.held = sum.held.saturating_add(items.owed.held);
            sum.withheld = sum.withheld.saturating_add(items.owed.withheld);
        }
        let mut books: BTreeMap<(Code, BookId), BTreeMap<i16, i128>> = BTreeMap::new();
        for (held, amount) in &self.held {
            // Liabilities above zero.
            let codes = books.entry((held.currency.clone(), held.book)).or_default();
            add(codes, held.code, amount.saturating_neg());
        }
        let mut clients: Vec<Client> = books
            .into_iter()
            .map(|((currency, book), codes)| {
                let code = |code: i16| codes.get(&code).copied().unwrap_or(0);
                let not_here = unreceived.get(&(book, currency.clone())).copied().unwrap_or_default();
                let withheld = not_here.withheld.min(code(2030)).max(0);
                let held = not_here.held.min(code(2040)).max(0);
                let owed = sum([code(2010), code(2020), code(1200)].into_iter());
                let of_share = not_here.share.saturating_sub(withheld).saturating_sub(held);
                let share = owed.saturating_sub(of_share);
                Client {
                    book,
                    merchant: self.merchants.get(&book).cloned(),
                    currency,
                    share: share.max(0),
                    reserve: code(2030).saturating_sub(withheld),
                    hold: code(2040).saturating_sub(held),
                    in_transit: code(2100),
                    returned: code(2110),
                    refunds: code(2200),
                    debt: share.min(0).saturating_neg(),
                }
            })
            .collect();
        clients.retain(|client| client.parts().iter().any(|part| *part != 0) || client.debt != 0);
        clients.sort_by(|one, other| {
            (&one.currency, &one.merchant, one.book).cmp(&(&other.currency, &other.merchant, other.book))
        });
        clients
    }

    /// What has to be there by currency, and what is.
    pub fn requirements(&self) -> BTreeMap<Code, Requirement> {
        let mut all: BTreeMap<Code, [i128; 8]> = BTreeMap::new();
        let mut found: BTreeMap<Code, Requirement> = BTreeMap::new();
        for client in self.clients() {
            let parts = all.entry(client.currency.clone()).or_default();
            for (part, amount) in parts.iter_mut().zip(client.parts()) {
                *part = part.saturating_add(amount);
            }
            let requirement = found.entry(client.currency).or_default();
            requirement.debts = requirement.debts.saturating_add(client.debt);
        }
        let mut suspense: BTreeMap<Code, i128> = BTreeMap::new();
        for (held, amount) in &self.held {
            match held.code {
                2900 => add(&mut suspense, held.currency.clone(), amount.saturating_neg()),
                1010 | 1030 => {
                    let requirement = found.entry(held.currency.clone()).or_default();
                    requirement.cash = requirement.cash.saturating_add(*amount);
                }
                _ => {}
            }
        }
        for unpaid in self
            .suspended
            .iter()
            .filter(|found| found.is_unpaid && found.amount > 0)
        {
            add(&mut suspense, unpaid.currency.clone(), unpaid.amount.saturating_neg());
        }
        for (currency, amount) in suspense {
            let [.., of_nobody, _] = all.entry(currency).or_default();
            *of_nobody = amount.max(0);
        }
        for batch in &self.batches {
            let [.., in_part] = all.entry(batch.currency.clone()).or_default();
            *in_part = in_part.saturating_add(batch.settled);
        }
        for (currency, parts) in all {
            let names = [
                "merchants' share of what has come",
                "reserves",
                "holds",
                "payouts in transit",
                "payouts returned",
                "refunds by transfer",
                "nobody's yet, in suspense",
                "of batches not paid in full",
            ];
            found.entry(currency).or_default().components = names.into_iter().zip(parts).collect();
        }
        found
    }
}

fn add<K: Ord>(sums: &mut BTreeMap<K, i128>, key: K, amount: i128) {
    let sum = sums.entry(key).or_default();
    *sum = sum.saturating_add(amount);
}

fn of(sums: &BTreeMap<Key, i128>, key: &Key) -> i128 {
    sums.get(key).copied().unwrap_or(0)
}
