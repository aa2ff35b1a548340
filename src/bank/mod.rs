//! Bank statements: bytes in, statements, entries and rejects out.
//!
//! One file a format; a reader takes [`Item`] after [`Item`] from `impl Read`: a [`Statement`] begins, its entries follow, and a
//! [`Closing`] ends it with what it claims of itself. A file holds one statement or many; whatever its size, no more of it is kept
//! in memory than one entry. A reader never stops at the first bad entry, never guesses, and never looks at the ledger.
//!
//! What a statement says of itself is proven here, because nothing else can: it ends with what it begins with and all that is
//! booked in between; it begins with what the one before it ended with, where a file holds both; its counts and sums are those of
//! its entries. What is not so is listed in [`Closing::untrue`], and what cannot be read is a reject: of a statement with either,
//! nothing may be booked ([`Closing::is_true`]).
//!
//! Texts are masked of card numbers and free of control characters; an account number is left whole where it is an IBAN.

mod bai2;
mod camt;
pub mod format;
pub mod given;
mod lines;
mod mt940;
mod proof;
pub mod receipts;
pub mod sweeps;
mod text;
mod xml;

use chrono::NaiveDate;
use rust_decimal::Decimal;

pub use crate::acquirer::Claim;
use crate::delimited::FileError;
use crate::money::{Currency, Money};

/// The most bytes of a file that one entry may take up, its details included.
pub const ENTRY_LIMIT: u64 = 64_000_000;
/// The most payments that one entry may be made of, and the most batches.
pub const DETAIL_LIMIT: usize = 100_000;
/// Of an entry no more is kept as it came than so many bytes: the beginning.
pub const RAW_LIMIT: usize = 20_000;
/// The most claims of one statement, or of a file, that are told to be untrue.
pub const CLAIM_LIMIT: usize = 1_000;
/// The most accounts that a file may tell of, counted once a currency.
pub const ACCOUNT_LIMIT: usize = 10_000;

/// An account number in the form in which [`Statement::account`] and [`Party::account`] have it, to be compared with them; none
/// where it is none.
pub fn account_of(text: &str) -> Option<String> {
    text::account(text).ok().flatten()
}

/// What a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Everything that was booked in a period, between two balances: camt.053, MT940, BAI2 of a day that has ended.
    Statement,
    /// What was booked so far on a day that has not ended, and will be stated again: camt.052, BAI2 of the same day.
    Report,
    /// Some entries told for information, stated elsewhere too: camt.054.
    Notification,
}

/// A statement begins: whose account, for when, with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its place among the statements of the file: 1, 2, 3 ...
    pub ordinal: u32,
    /// The line of the file on which it begins.
    pub line: u64,
    /// What it is for.
    pub kind: Kind,
    /// The bank's id of it; empty where the format has none.
    pub id: String,
    /// The account, as the bank states it: an IBAN, or the bank's own number ([`account_of`]).
    pub account: String,
    /// The bank that keeps it, where it is stated: a BIC or a bank code.
    pub bank: Option<String>,
    /// Its currency; none where neither account nor balances state one.
    pub currency: Option<Currency>,
    /// Its number in the order in which the bank sends statements of the account (ElctrncSeqNb, `:28C:`).
    pub sequence: Option<String>,
    /// Its number in the order of the statements that count in law (LglSeqNb).
    pub legal_sequence: Option<String>,
    /// Which page of the statement this is, where it says so.
    pub page: Option<u32>,
    /// Whether the bank says that it sends it again (CpyDplctInd DUPL or CODU).
    pub duplicate: bool,
    /// The first day that it is about, where it says so.
    pub from: Option<NaiveDate>,
    /// The last.
    pub until: Option<NaiveDate>,
    /// What it begins with; where a bank leaves that out, it is what the statement before ended with.
    pub opening: Option<Balance>,
}

/// What an account holds at a moment, as the bank states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The bank's word for it: `OPBD`, `62F`, `015`.
    pub kind: String,
    /// How much; negative is what is overdrawn.
    pub money: Money,
    /// On which day.
    pub on: Option<NaiveDate>,
}

/// Whether an entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// On the account, and part of its balances.
    Booked,
    /// Not yet.
    Pending,
    /// Told for information; it will not be booked by this.
    Information,
    /// Announced for a day to come.
    Future,
}

/// What a bank calls a kind of entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Code {
    /// Domain, family and sub-family of ISO 20022's external code list, like `PMNT-RCDT-ESCT`.
    pub iso: Option<String>,
    /// The bank's own, SWIFT's (`NTRF`) or BAI's (`475`).
    pub own: Option<String>,
}

/// One booking on the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place among the entries of the file: 1, 2, 3 ... The entry's identity is (file, ordinal).
    pub ordinal: u32,
    /// The statement that it is of.
    pub statement: u32,
    /// The line of the file on which it begins.
    pub line: u64,
    /// Whether it counts.
    pub status: Status,
    /// The day on which it is on the account, where it is stated.
    pub booking_date: Option<NaiveDate>,
    /// The day from which the money counts.
    pub value_date: Option<NaiveDate>,
    /// How much: positive is money to us.
    pub money: Money,
    /// Whether it takes an earlier one back.
    pub reversal: bool,
    /// Whether it brings a payment back that could not be made.
    pub returned: bool,
    /// The bank's number of it in the statement (NtryRef).
    pub entry_reference: Option<String>,
    /// The bank's reference (AcctSvcrRef, after `//` of `:61:`, BAI's bank reference).
    pub bank_reference: Option<String>,
    /// The reference of whoever ordered it (before `//` of `:61:`, BAI's customer reference).
    pub customer_reference: Option<String>,
    /// What the bank calls it.
    pub code: Code,
    /// The orders that were booked as this one sum.
    pub batches: Vec<Batch>,
    /// What the bank took for it.
    pub charges: Vec<Charge>,
    /// What the bank writes about it (AddtlNtryInf, `:86:`, BAI's text).
    pub text: Option<String>,
    /// The payments that it is made of, as far as the bank tells. Their sum may differ by charges.
    pub details: Vec<Detail>,
    /// It as it came, card numbers masked; cut after [`RAW_LIMIT`] bytes.
    pub raw: String,
}

/// A file of orders that was booked as one sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The id of the file of orders (MsgId).
    pub message_id: Option<String>,
    /// The id of the batch in it (PmtInfId).
    pub payment_information_id: Option<String>,
    /// How many orders.
    pub transactions: Option<u64>,
    /// Their sum, signed.
    pub total: Option<Money>,
}

/// Something that the bank takes, or gives back, for an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// How much: negative is taken from us.
    pub money: Money,
    /// Whether the entry's amount has it already, where that is stated.
    pub included: Option<bool>,
    /// What for.
    pub code: Option<String>,
}

/// One payment of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detail {
    /// The id that its originator gave it, all the way; of a payment that came back, the id that it had. Not `NOTPROVIDED`.
    pub end_to_end_id: Option<String>,
    /// The originator's id for its bank.
    pub instruction_id: Option<String>,
    /// The clearing's id.
    pub transaction_id: Option<String>,
    /// The id of the batch of orders that it came in.
    pub payment_information_id: Option<String>,
    /// The bank's reference of it.
    pub bank_reference: Option<String>,
    /// How much, in the currency of the account: positive is money to us. None where it is not stated.
    pub money: Option<Money>,
    /// How much it was in another currency, likewise signed.
    pub original: Option<Money>,
    /// The rate between both.
    pub exchange_rate: Option<Decimal>,
    /// Who paid us, or whom we paid.
    pub counterparty: Party,
    /// What it is for: lines as they came, or put together where the format cuts them.
    pub text: Option<String>,
    /// The creditor's own reference for it (ISO 11649, or a national one).
    pub creditor_reference: Option<String>,
    /// That it came back, and why.
    pub returned: Option<Return>,
    /// What the bank took for it.
    pub charges: Vec<Charge>,
    /// What the bank calls it.
    pub code: Code,
}

/// The other side of a payment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Its name.
    pub name: Option<String>,
    /// Its account.
    pub account: Option<String>,
    /// Its bank: a BIC or a bank code.
    pub bank: Option<String>,
}

/// Why a payment came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Return {
    /// The reason, like `AC04` (ISO 20022's external return reasons), or the bank's own.
    pub reason: Option<String>,
    /// What is said beside it.
    pub text: Option<String>,
}

/// A statement ends: with what, and what it claims of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The statement.
    pub statement: u32,
    /// What it ends with.
    pub closing: Option<Balance>,
    /// The other balances that it states, of which nothing is proven.
    pub balances: Vec<Balance>,
    /// How many entries could be read.
    pub entries: u64,
    /// What could not be read: of the statement itself, or of its entries.
    pub rejects: u64,
    /// Σ of what is booked, in minor units.
    pub booked_minor: i128,
    /// Whether both balances were there to be compared with what is booked.
    pub balanced: bool,
    /// How many claims hold.
    pub proven: u64,
    /// Those that do not, at most [`CLAIM_LIMIT`] of them.
    pub untrue: Vec<Claim>,
}

impl Closing {
    /// Whether the statement is what it says: nothing of it was rejected, and nothing that it claims is untrue. One that is not
    /// [`Closing::balanced`] claims too little to prove that it is whole.
    pub fn is_true(&self) -> bool {
        self.rejects == 0 && self.untrue.is_empty()
    }
}

/// Something that cannot be read: where, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reject {
    /// The line of the file.
    pub line: u64,
    /// The element, tag or field: `Stmt[1]/Ntry[2]/Amt`, `:61: amount`, `16 type code`.
    pub place: String,
    /// What is wrong, card numbers masked.
    pub reason: String,
}

/// What a reader hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "entries are the rule, the others the exception"
)]
pub enum Item {
    /// A statement begins.
    Statement(Statement),
    /// An entry of it.
    Entry(Entry),
    /// Something of it, or of the file between statements, that cannot be read.
    Reject(Reject),
    /// It ends.
    Closing(Closing),
}

/// What a file says of itself beside its statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileClaims {
    /// Statements read.
    pub statements: u32,
    /// Entries met, those that were rejected too.
    pub entries: u32,
    /// Rejects, of statements and of the file.
    pub rejects: u64,
    /// What the whole file claims and is not so, at most [`CLAIM_LIMIT`] claims; those of a statement are in its [`Closing`].
    pub untrue: Vec<Claim>,
}

/// How the bank signs an entry that takes an earlier one back (RvslInd of camt).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reversals {
    /// By where the money goes, as ISO 20022 says: CdtDbtInd is that of the reversal.
    #[default]
    AsBooked,
    /// By where the money went: CdtDbtInd is that of what is reversed.
    AsReversed,
}

/// How each account's bank signs them: what is agreed for some, and [`Reversals::AsBooked`] for all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReversalsOf {
    all: Reversals,
    accounts: Vec<(String, Currency, Reversals)>,
}

impl ReversalsOf {
    /// By account, in the form of [`account_of`], and currency.
    pub fn accounts(accounts: Vec<(String, Currency, Reversals)>) -> Self {
        Self {
            all: Reversals::default(),
            accounts,
        }
    }

    /// Those of an account.
    pub fn of(&self, account: &str, currency: Option<Currency>) -> Reversals {
        let is = |known: &&(String, Currency, Reversals)| {
            known.0 == account && currency.is_none_or(|currency| currency == known.1)
        };
        self.accounts.iter().find(is).map_or(self.all, |known| known.2)
    }
}

impl From<Reversals> for ReversalsOf {
    fn from(all: Reversals) -> Self {
        Self {
            all,
            accounts: Vec::new(),
        }
    }
}

/// Reads a file of bank statements, item by item, in the order of the file. [`Items`] is how it is used.
pub trait StatementReader {
    /// The next item; none at the end of the file. It is not asked again after the end, nor after an error, which ends the file
    /// too: nothing of it may be used.
    fn item(&mut self) -> Result<Option<Item>, FileError>;

    /// What was read so far, and what the file claims as a whole; final once it has ended without an error.
    fn claims(&self) -> &FileClaims;
}

/// The items of a file, in its order. An `Err` is the last, and nothing of the file may be used.
pub struct Items<'r> {
    reader: Box<dyn StatementReader + 'r>,
    ended: bool,
}

impl<'r> Items<'r> {
    /// Those that a reader reads.
    pub fn of(reader: impl StatementReader + 'r) -> Self {
        Self {
            reader: Box::new(reader),
            ended: false,
        }
    }

    /// As [`StatementReader::claims`].
    pub fn claims(&self) -> &FileClaims {
        self.reader.claims()
    }
}

impl Iterator for Items<'_> {
    type Item = Result<Item, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.reader.item().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

#[cfg(test)]
mod tests;
