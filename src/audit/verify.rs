//! The proof of a book: every hash and every balance recomputed from what is stored, and what differs.
//!
//! A [`BookCheck`] is fed the entries of one book in the order of their numbers, each with its transfers, and ends with the
//! book's head and balances. It keeps one hash and one pair of sums for each account, however long the book is.
//!
//! After an entry whose hash differs, the chain goes on from the hash that is *stored*: an entry altered in place is then
//! the only one named, and the first one named is the first that differs. After a missing entry the next one's predecessor
//! is not known, so its hash is not judged.
//!
//! The chain begins with whose book it is, so a merchant renamed in a book shows at its first entry. Besides the chain, the
//! request of every capture, refund and dispute is put together again from its entry and the book's merchant, and must have
//! the stored fingerprint.
//!
//! Limits: somebody who may rewrite everything can rewrite the whole chain, head included, or cut off a tail together with
//! its balances. Only the head of a book that was kept outside the database shows that.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use chrono::{DateTime, Utc};

use crate::ids::{AccountId, BookId, EntryNumber};
use crate::ledger::account::Account;
use crate::ledger::book::{entry_hash, genesis};
use crate::ledger::entry::{Entry, EntryHash, Transfer};
use crate::payment::event::PaymentEvent;

/// What is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The chart of accounts is the one that this version knows.
    Chart,
    /// Every account can be read and has the exponent of its currency.
    Accounts,
    /// Entries are numbered 1, 2, 3 without a gap.
    Numbers,
    /// The hash of every entry is that of its content and of the hash before it.
    Hashes,
    /// Transfers belong to an entry, are numbered 1, 2, 3, move a positive amount between two accounts of one currency.
    Transfers,
    /// The fingerprint of every capture, refund and dispute is that of its fields and of the book's merchant.
    Requests,
    /// The head of every book is its last entry.
    Heads,
    /// Every balance is the sum of its transfers.
    Balances,
    /// Every closed period has the trial balance that it was closed with.
    Periods,
}

impl Rule {
    /// Every rule.
    pub const ALL: &'static [Self] = &[
        Self::Chart,
        Self::Accounts,
        Self::Numbers,
        Self::Hashes,
        Self::Transfers,
        Self::Requests,
        Self::Heads,
        Self::Balances,
        Self::Periods,
    ];

    /// Its name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chart => "chart",
            Self::Accounts => "accounts",
            Self::Numbers => "numbers",
            Self::Hashes => "hashes",
            Self::Transfers => "transfers",
            Self::Requests => "requests",
            Self::Heads => "heads",
            Self::Balances => "balances",
            Self::Periods => "periods",
        }
    }

    /// What it says, in a sentence.
    pub fn says(self) -> &'static str {
        match self {
            Self::Chart => "The chart of accounts is the one that this version knows.",
            Self::Accounts => "Every account can be read and has the exponent of its currency.",
            Self::Numbers => "The entries of every book are numbered without a gap.",
            Self::Hashes => "The hash of every entry is that of its content and of the hash before it.",
            Self::Transfers => "Transfers belong to entries, in order, between two accounts of one currency.",
            Self::Requests => "Captures, refunds and disputes are what was asked, of the merchant whose book it is.",
            Self::Heads => "The head of every book is its last entry.",
            Self::Balances => "Every balance is the sum of its transfers.",
            Self::Periods => "Every closed period has the trial balance that it was closed with.",
        }
    }
}

/// Something that is not as it should be, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it breaks.
    pub rule: Rule,
    /// The book, where it is in one.
    pub book: Option<BookId>,
    /// The book's merchant; none for the house.
    pub merchant: Option<String>,
    /// The entry, where it is in one.
    pub entry: Option<EntryName>,
    /// What differs.
    pub detail: String,
}

/// An entry in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryName {
    /// Its number.
    pub number: EntryNumber,
    /// Its kind, if the entry is there.
    pub kind: Option<String>,
    /// Its reference, if the entry is there.
    pub reference: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = &self.entry {
            write!(f, "entry {}", entry.number)?;
            if let Some(kind) = &entry.kind {
                write!(f, ", {kind}")?;
            }
            if let Some(reference) = &entry.reference {
                write!(f, " `{}`", crate::card_number::shorten(reference, 128))?;
            }
            write!(f, ", of ")?;
        }
        match (&self.merchant, self.book) {
            (Some(merchant), Some(book)) => write!(f, "merchant {merchant} (book {book}): ")?,
            (None, Some(BookId::HOUSE)) => write!(f, "the house (book {}): ", BookId::HOUSE)?,
            (None, Some(book)) => write!(f, "book {book}: ")?,
            (_, None) => {}
        }
        write!(f, "{}", self.detail)
    }
}

/// The findings of a proof, in the order of books and numbers: the first [`Findings::LIMIT`], and how many by rule.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    first: Vec<Finding>,
    by_rule: BTreeMap<Rule, u64>,
    first_entry: Option<Finding>,
}

impl Findings {
    /// How many are kept; the others are counted.
    pub const LIMIT: usize = 1000;

    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        let count = self.by_rule.entry(finding.rule).or_default();
        *count = count.saturating_add(1);
        if self.first_entry.is_none() && finding.entry.is_some() {
            self.first_entry = Some(finding.clone());
        }
        if self.first.len() < Self::LIMIT {
            self.first.push(finding);
        }
    }

    /// Those that were kept.
    pub fn kept(&self) -> &[Finding] {
        &self.first
    }

    /// The first entry, by book and number, that differs.
    pub fn first_entry(&self) -> Option<&Finding> {
        self.first_entry.as_ref()
    }

    /// How many break a rule.
    pub fn count(&self, rule: Rule) -> u64 {
        self.by_rule.get(&rule).copied().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_rule.is_empty()
    }
}

/// An entry as it is stored. What cannot be read is said, not refused: the rest is still to be proven.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// Its book.
    pub book: BookId,
    /// Its number.
    pub number: EntryNumber,
    /// Its kind in words.
    pub kind: String,
    /// The caller's own id of it.
    pub reference: String,
    /// The hash that is stored.
    pub hash: EntryHash,
    /// The entry, still without transfers, and when it was recorded; or why it cannot be read.
    pub content: Result<(Entry, DateTime<Utc>), String>,
}

/// A transfer as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredTransfer {
    /// Its book.
    pub book: BookId,
    /// Its entry.
    pub entry: EntryNumber,
    /// Its place in the entry, from 1.
    pub ordinal: i16,
    /// The account debited.
    pub debit: AccountId,
    /// The account credited.
    pub credit: AccountId,
    /// Minor units.
    pub amount: i64,
}

/// A balance as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBalance {
    /// Its book.
    pub book: BookId,
    /// Its account.
    pub account: AccountId,
    /// Σ debits.
    pub debits: i64,
    /// Σ credits.
    pub credits: i64,
}

/// A book as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBook {
    /// Its id.
    pub book: BookId,
    /// Its merchant; none for the house.
    pub merchant: Option<String>,
    /// The number of its last entry.
    pub number: EntryNumber,
    /// The hash of its last entry.
    pub hash: EntryHash,
}

/// Accounts by id: those that can be read.
pub type Accounts = HashMap<AccountId, Account>;

/// The proof of one book, entry by entry.
pub struct BookCheck<'a> {
    book: BookId,
    merchant: Option<String>,
    accounts: &'a Accounts,
    findings: &'a mut Findings,
    last: EntryNumber,
    /// The stored hash of the last entry, at first the book's genesis; none after a gap.
    previous: Option<EntryHash>,
    turnover: BTreeMap<AccountId, (i128, i128)>,
}

impl<'a> BookCheck<'a> {
    /// Begins a book; the row of the book itself may be missing.
    pub fn new(book: BookId, row: Option<&StoredBook>, accounts: &'a Accounts, findings: &'a mut Findings) -> Self {
        Self {
            book,
            merchant: row.and_then(|row| row.merchant.clone()),
            accounts,
            findings,
            last: EntryNumber(0),
            previous: Some(genesis(book, row.and_then(|row| row.merchant.as_deref()))),
            turnover: BTreeMap::new(),
        }
    }

    /// Proves the next entry of the book, with its transfers in the order of their ordinals.
    pub fn entry(&mut self, stored: StoredEntry, transfers: &[StoredTransfer]) {
        let name = EntryName {
            number: stored.number,
            kind: Some(stored.kind.clone()),
            reference: Some(stored.reference.clone()),
        };
        self.follow(stored.number);
        self.turn(transfers);
        let moved = self.transfers_of(&name, transfers);
        match stored.content {
            Err(reason) => self.find(Rule::Hashes, Some(name), format!("cannot be read: {reason}")),
            Ok((mut entry, recorded_at)) => match moved {
                // Its accounts are part of its content: without them it cannot be the entry that was written.
                None => self.find(Rule::Hashes, Some(name), "its transfers cannot be read".to_owned()),
                Some(moved) => {
                    entry.transfers = moved;
                    self.prove(name, &stored.hash, &entry, recorded_at);
                }
            },
        }
        self.previous = Some(stored.hash);
        self.last = stored.number;
    }

    /// Takes transfers that claim to belong to an entry that is not there.
    pub fn orphans(&mut self, number: EntryNumber, transfers: &[StoredTransfer]) {
        self.turn(transfers);
        let name = EntryName {
            number,
            kind: None,
            reference: None,
        };
        let detail = format!("{} transfers of an entry that is not there", transfers.len());
        self.find(Rule::Transfers, Some(name), detail);
    }

    /// Ends the book: its head, and its balances.
    pub fn finish(mut self, row: Option<&StoredBook>, balances: &[StoredBalance]) {
        self.head(row);
        for stored in balances {
            let (debits, credits) = self.turnover.remove(&stored.account).unwrap_or_default();
            if (i128::from(stored.debits), i128::from(stored.credits)) != (debits, credits) {
                let account = self.account_name(stored.account);
                self.find(
                    Rule::Balances,
                    None,
                    format!(
                        "the balance of account {account} has debits {} and credits {}; its transfers sum to {debits} and {credits} minor units",
                        stored.debits, stored.credits
                    ),
                );
            }
        }
        for (account, (debits, credits)) in std::mem::take(&mut self.turnover) {
            let account = self.account_name(account);
            let detail = format!(
                "account {account} has no balance; its transfers sum to debits {debits} and credits {credits} minor units"
            );
            self.find(Rule::Balances, None, detail);
        }
    }

    fn find(&mut self, rule: Rule, entry: Option<EntryName>, detail: String) {
        self.findings.add(Finding {
            rule,
            book: Some(self.book),
            merchant: self.merchant.clone(),
            entry,
            detail,
        });
    }

    fn follow(&mut self, number: EntryNumber) {
        let expected = EntryNumber(self.last.0.saturating_add(1));
        if number == expected {
            return;
        }
        self.previous = None;
        let missing = EntryName {
            number: expected,
            kind: None,
            reference: None,
        };
        let detail = if number < expected {
            format!("number {number} follows {}", self.last)
        } else if number.0 == expected.0.saturating_add(1) {
            "is missing".to_owned()
        } else {
            format!("is missing, with all up to {}", number.0.saturating_sub(1))
        };
        self.find(Rule::Numbers, Some(missing), detail);
    }

    fn turn(&mut self, transfers: &[StoredTransfer]) {
        for transfer in transfers {
            let amount = i128::from(transfer.amount);
            let debited = self.turnover.entry(transfer.debit).or_default();
            debited.0 = debited.0.saturating_add(amount);
            let credited = self.turnover.entry(transfer.credit).or_default();
            credited.1 = credited.1.saturating_add(amount);
        }
    }

    fn transfers_of(&mut self, name: &EntryName, stored: &[StoredTransfer]) -> Option<Vec<Transfer>> {
        let mut transfers = Vec::with_capacity(stored.len());
        let mut expected = 0_i16;
        let mut complete = true;
        for transfer in stored {
            expected = expected.saturating_add(1);
            let problem = match (self.accounts.get(&transfer.debit), self.accounts.get(&transfer.credit)) {
                (None, _) => Some(format!(
                    "debits account {}, which is not there or cannot be read",
                    transfer.debit
                )),
                (_, None) => Some(format!(
                    "credits account {}, which is not there or cannot be read",
                    transfer.credit
                )),
                (Some(debit), Some(credit)) => {
                    transfers.push(Transfer {
                        debit: debit.clone(),
                        credit: credit.clone(),
                        amount: transfer.amount,
                    });
                    if transfer.ordinal != expected {
                        Some(format!("is number {} where {expected} was expected", transfer.ordinal))
                    } else if debit.currency != credit.currency {
                        Some(format!("moves {} to {}", credit.currency, debit.currency))
                    } else if transfer.amount <= 0 {
                        Some(format!("moves {} minor units", transfer.amount))
                    } else if transfer.debit == transfer.credit {
                        Some(format!("debits and credits account {debit}"))
                    } else {
                        None
                    }
                }
            };
            if let Some(problem) = problem {
                let detail = format!("transfer {} {problem}", transfer.ordinal);
                self.find(Rule::Transfers, Some(name.clone()), detail);
            }
            complete &= self.accounts.contains_key(&transfer.debit) && self.accounts.contains_key(&transfer.credit);
        }
        complete.then_some(transfers)
    }

    fn prove(&mut self, name: EntryName, stored: &EntryHash, entry: &Entry, recorded_at: DateTime<Utc>) {
        if let Some(previous) = &self.previous {
            let computed = entry_hash(self.book, name.number, previous, entry, recorded_at);
            if computed != *stored {
                let detail = format!(
                    "its content, or {}, was altered: the stored hash is {}…, the computed one {}…",
                    if name.number == EntryNumber(1) {
                        "whose book this is"
                    } else {
                        "the hash before it"
                    },
                    short(stored),
                    short(&computed)
                );
                self.find(Rule::Hashes, Some(name.clone()), detail);
            }
        }
        if let Some(merchant) = &self.merchant
            && is_as_asked(merchant, entry) == Some(false)
        {
            let detail =
                format!("its fields, with merchant {merchant}, are not what was asked: the fingerprint differs");
            self.find(Rule::Requests, Some(name), detail);
        }
    }

    fn head(&mut self, row: Option<&StoredBook>) {
        let Some(row) = row else {
            return self.find(
                Rule::Heads,
                None,
                "there are entries or balances, but no such book".to_owned(),
            );
        };
        if row.number != self.last {
            let lost = row.number > self.last;
            let name = EntryName {
                number: EntryNumber(row.number.min(self.last).0.saturating_add(1)),
                kind: None,
                reference: None,
            };
            let detail = if lost {
                format!(
                    "is missing: the head of the book is {}, its last entry {}",
                    row.number, self.last
                )
            } else {
                format!("lies beyond the head of the book, which is {}", row.number)
            };
            self.find(Rule::Heads, Some(name), detail);
        } else if row.number != EntryNumber(0) && Some(row.hash) != self.previous {
            let detail = format!(
                "the hash of its head is {}…, that of its last entry {}…",
                short(&row.hash),
                self.previous.as_ref().map(short).unwrap_or_default()
            );
            self.find(Rule::Heads, None, detail);
        }
    }

    fn account_name(&self, id: AccountId) -> String {
        self.accounts
            .get(&id)
            .map_or_else(|| format!("{id} (not there or unreadable)"), ToString::to_string)
    }
}

fn short(hash: &EntryHash) -> String {
    super::export::hex(hash.get(..6).unwrap_or_default())
}

/// Whether an entry's fingerprint is that of the event it states; none for kinds whose event is not all in the entry.
fn is_as_asked(merchant: &str, entry: &Entry) -> Option<bool> {
    let mut event = PaymentEvent::of_entry(merchant, entry, None)?;
    if event.fingerprint() == entry.fingerprint {
        return Some(true);
    }
    // The entry holds the reference as it will be echoed, which is the payment's where the event gave none.
    if event.merchant_reference.as_ref() != Some(&event.payment) {
        return Some(false);
    }
    event.merchant_reference = None;
    Some(event.fingerprint() == entry.fingerprint)
}
