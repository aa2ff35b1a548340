//! Intake: a file of bank statements, streamed into `bank_entry`, and what each statement claims.

use std::collections::{BTreeSet, HashSet};
use std::io::Read;
use std::path::PathBuf;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Sender;
use tokio_postgres::types::Type;

use super::{BankError, REJECT_LIMIT, StatementFile, code_of};
use crate::bank::format::{Format, HEAD};
use crate::bank::receipts::words;
use crate::bank::{
    Charge, Claim, Closing, Code, Detail, Entry, FileClaims, Item, Kind, Reject, Reversals, ReversalsOf, Statement,
    Status, account_of,
};
use crate::card_number::mask;
use crate::delimited::FileError;
use crate::ids::SourceId;
use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Currency, Money};
use crate::payout::file::OrdersId;
use crate::payout::order::payout_number;
use crate::settings::{BankAccount, House};
use crate::store::copy::Copy;
use crate::store::reconcile::intake::opened;
use crate::store::{StoreError, Tx};

/// What ISO 20022 calls the charge of a bank, its last word.
const CHARGE: &str = "CHRG";

/// How many items are handed over at once.
const CHUNK: usize = 200;

/// A statement, with what is needed of it until it is booked.
#[derive(Debug)]
pub struct Stated {
    /// How it begins.
    pub(super) statement: Statement,
    /// How it ends.
    pub(super) closing: Closing,
    /// The first and last day that it is about.
    pub(super) days: (NaiveDate, NaiveDate),
    /// What is booked of it.
    pub(super) parts: Vec<Part>,
    /// The bank's references of what is booked, with amount and value date.
    pub(super) references: Vec<(String, i64, Option<NaiveDate>)>,
    /// booked, repeated or information.
    pub(super) state: &'static str,
    /// What its account is in the books.
    pub(super) code: AccountCode,
    /// Whether its bank numbers the statements of the account without a gap.
    pub(super) numbered: bool,
}

impl Stated {
    /// Its currency.
    pub(super) fn currency(&self) -> Option<Currency> {
        let of = |balance: &Option<crate::bank::Balance>| balance.as_ref().map(|balance| balance.money.currency());
        of(&self.statement.opening)
            .or_else(|| of(&self.closing.closing))
            .or(self.statement.currency)
    }

    /// What it begins and ends with, where it says both.
    pub(super) fn balances(&self) -> Option<(Money, Money)> {
        let opening = self.statement.opening.as_ref()?.money;
        Some((opening, self.closing.closing.as_ref()?.money))
    }

    /// Its number in the order in which the bank sends statements of the account, else that of those that count in law.
    pub(super) fn number(&self) -> Option<&str> {
        let statement = &self.statement;
        statement.sequence.as_deref().or(statement.legal_sequence.as_deref())
    }

    /// What it is known by in any format: day, balances, and the amounts of its entries in any order.
    pub(super) fn content(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(text);
        };
        add("bank statement 1");
        add(&self.statement.account);
        add(&self.days.1.to_string());
        let (opening, closing) = self.balances().unzip();
        for balance in [opening, closing] {
            add(&balance.map_or(String::new(), |money| money.to_string()));
        }
        let mut amounts: Vec<i64> = self.references.iter().map(|(_, amount, _)| *amount).collect();
        amounts.sort_unstable();
        for amount in amounts {
            add(&amount.to_string());
        }
        digest.finalize().into()
    }
}

/// An entry that is on the account, or one of the payments that it is made of.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The entry's place in the file.
    pub(super) ordinal: i32,
    /// Its place in the entry: 1, 2, 3 ...
    pub(super) part: i32,
    /// The line of the file on which the entry begins.
    pub(super) line: u64,
    pub(super) booked_on: NaiveDate,
    pub(super) value_on: NaiveDate,
    pub(super) money: Money,
    pub(super) end_to_end_id: Option<String>,
    /// The bank files or batches of ours that the whole entry names.
    pub(super) orders: BTreeSet<OrdersId>,
    /// Whether the bank says that it comes back, and why.
    pub(super) returned: Option<Option<String>>,
    /// Whether it takes an earlier entry back.
    pub(super) reversal: bool,
    /// What the bank calls it.
    pub(super) code: Code,
    pub(super) words: BTreeSet<String>,
    pub(super) payer: String,
    /// The number of the other account, as [`account_of`] reads it, where the bank states it.
    other: Option<String>,
    /// What the account of its statement is in the books.
    pub(super) account: AccountCode,
    /// What the other account is in the books, where that is the house's too.
    pub(super) swept: Option<AccountCode>,
}

/// What was taken in.
pub(super) struct Taken {
    claims: FileClaims,
    format: Format,
    pub(super) rejected: Vec<Reject>,
    pub(super) statements: Vec<Stated>,
    untrue: Vec<String>,
}

/// Streams a file into the table of entries.
pub(super) async fn take_in(
    tx: &mut Tx,
    file: &StatementFile,
    source: SourceId,
    house: &House,
    only: Option<&str>,
) -> Result<Taken, BankError> {
    const TYPES: [Type; 14] = [
        Type::INT8,
        Type::INT4,
        Type::INT4,
        Type::INT8,
        Type::TEXT,
        Type::DATE,
        Type::DATE,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
    ];
    let in_file = |error: FileError| BankError::File {
        name: file.name.clone(),
        error,
    };
    let (sender, mut chunks) = tokio::sync::mpsc::channel(2);
    let (path, format) = (file.path.clone(), file.format);
    let signed = signed(house);
    let reading = tokio::task::spawn_blocking(move || read(path, format, signed, &sender));
    let mut gathered = Gathered::default();
    let copy_sql = include_str!("../../../schema/queries/bank_entries_copy.sql");
    let mut copy = tx.copy(copy_sql, &TYPES).await?;
    while let Some(chunk) = chunks.recv().await {
        for item in chunk {
            if let Item::Entry(entry) = &item {
                write_entry(&mut copy, source, entry).await?;
            }
            gathered.add(item, file, house, only)?;
        }
    }
    let read = reading
        .await
        .map_err(|error| in_file(std::io::Error::other(error).into()))?;
    let (claims, format, digest) = read.map_err(in_file)?;
    if digest != file.digest {
        return Err(BankError::Changed(file.name.clone()));
    }
    tx.end_copy(copy).await?;
    gathered.untrue.extend(claims.untrue.iter().map(in_words));
    Ok(Taken {
        claims,
        format,
        rejected: gathered.rejected,
        statements: gathered.statements,
        untrue: gathered.untrue,
    })
}

/// How the bank of each account of the house signs reversals.
fn signed(house: &House) -> ReversalsOf {
    let accounts = house.accounts.iter().filter_map(|account| {
        let reversals = match account.reversals_as_reversed {
            true => Reversals::AsReversed,
            false => Reversals::AsBooked,
        };
        Some((account_of(&account.number)?, account.currency, reversals))
    });
    ReversalsOf::accounts(accounts.collect())
}

/// Reads a file to its end and hands its items over in chunks; the digest is that of what was read.
fn read(
    path: PathBuf,
    format: Option<Format>,
    signed: ReversalsOf,
    sender: &Sender<Vec<Item>>,
) -> Result<(FileClaims, Format, [u8; 32]), FileError> {
    let ((claims, format), digest) = opened(&[path], &mut |inputs| {
        let mut input = inputs.into_iter().next().unwrap_or_else(|| Box::new(std::io::empty()));
        let mut head = Vec::new();
        let limit = u64::try_from(HEAD).unwrap_or(u64::MAX);
        input.by_ref().take(limit).read_to_end(&mut head)?;
        let format = match format {
            Some(format) => format,
            None => Format::detect(&head)?,
        };
        let whole = std::io::Cursor::new(head).chain(input);
        let mut items = format.open(whole, signed.clone())?;
        let mut chunk = Vec::with_capacity(CHUNK);
        while let Some(item) = items.next().transpose()? {
            chunk.push(item);
            if chunk.len() == CHUNK && sender.blocking_send(std::mem::take(&mut chunk)).is_err() {
                // The receiver stopped: the database failed and says so itself.
                break;
            }
        }
        // Whether this is received does not matter, for the same reason.
        sender.blocking_send(chunk).ok();
        Ok((items.claims().clone(), format))
    })?;
    Ok((claims, format, digest))
}

async fn write_entry(copy: &mut Copy, source: SourceId, entry: &Entry) -> Result<(), StoreError> {
    let code = entry.code.iso.as_deref().or(entry.code.own.as_deref());
    let status = match entry.status {
        Status::Booked => "booked",
        Status::Pending => "pending",
        Status::Information => "information",
        Status::Future => "future",
    };
    let text = entry
        .text
        .as_deref()
        .or_else(|| entry.details.first().and_then(|detail| detail.text.as_deref()));
    let payer = entry
        .details
        .first()
        .and_then(|detail| detail.counterparty.name.as_deref());
    let reference = entry.bank_reference.as_deref().or_else(|| {
        entry
            .details
            .first()
            .and_then(|detail| detail.bank_reference.as_deref())
    });
    copy.row(&[
        &source.0,
        &place(entry.ordinal)?,
        &place(entry.statement)?,
        &line(entry.line),
        &status,
        &entry.booking_date,
        &entry.value_date,
        &entry.money.minor(),
        &reference,
        &entry.customer_reference,
        &code,
        &payer,
        &text,
        &entry.raw,
    ])
    .await
}

fn place(ordinal: u32) -> Result<i32, StoreError> {
    i32::try_from(ordinal).map_err(|_| StoreError::TooLarge("the number of entries".to_owned()))
}

fn line(line: u64) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}

/// A claim that is not so, in words.
fn in_words(claim: &Claim) -> String {
    let text = |total: i128| {
        let money = |currency| i64::try_from(total).map(|minor| Money::from_minor(minor, currency));
        match claim.currency.map(money) {
            Some(Ok(money)) => money.to_string(),
            Some(Err(_)) | None => total.to_string(),
        }
    };
    format!(
        "{}: {} stated, {} read",
        claim.what,
        text(claim.stated),
        text(claim.read)
    )
}

/// What was heard so far.
#[derive(Default)]
struct Gathered {
    /// The statement that has begun, what is booked of it, and the latest day of its entries.
    open: Option<(Statement, Vec<Entry>, Option<NaiveDate>)>,
    statements: Vec<Stated>,
    rejected: Vec<Reject>,
    untrue: Vec<String>,
}

impl Gathered {
    fn add(&mut self, item: Item, file: &StatementFile, house: &House, only: Option<&str>) -> Result<(), BankError> {
        match item {
            Item::Statement(statement) => {
                self.open = Some((statement, Vec::new(), None));
            }
            Item::Entry(entry) => {
                if let Some((statement, entries, latest)) = &mut self.open {
                    *latest = entry.booking_date.or(entry.value_date).max(*latest);
                    if statement.kind == Kind::Statement && entry.status == Status::Booked {
                        entries.push(Entry {
                            raw: String::new(),
                            ..entry
                        });
                    }
                }
            }
            Item::Reject(reject) => {
                if self.rejected.len() < REJECT_LIMIT {
                    self.rejected.push(reject);
                }
            }
            Item::Closing(closing) => {
                if let Some((statement, entries, latest)) = self.open.take() {
                    self.end((statement, closing, latest), &entries, file, house, only)?;
                }
            }
        }
        Ok(())
    }

    fn end(
        &mut self,
        (statement, closing, latest): (Statement, Closing, Option<NaiveDate>),
        entries: &[Entry],
        file: &StatementFile,
        house: &House,
        only: Option<&str>,
    ) -> Result<(), BankError> {
        let said = format!("line {}: statement {}", statement.line, statement.id);
        self.untrue.extend(
            closing
                .untrue
                .iter()
                .map(|claim| format!("{said}: {}", in_words(claim))),
        );
        let is_booked = statement.kind == Kind::Statement;
        let mut stated = Stated {
            code: AccountCode::BankSettlement,
            days: (NaiveDate::default(), NaiveDate::default()),
            parts: Vec::new(),
            references: Vec::new(),
            state: if is_booked { "booked" } else { "information" },
            numbered: false,
            statement,
            closing,
        };
        let Some(currency) = stated.currency() else {
            self.untrue.push(format!("{said} states no currency"));
            return Ok(());
        };
        let account;
        (account, stated.code) = ours(&stated.statement, currency, file, house, only)?;
        stated.numbered = account.numbered_statements && stated.code == AccountCode::BankSettlement;
        let on = |balance: &Option<crate::bank::Balance>| balance.as_ref().and_then(|balance| balance.on);
        let closed = on(&stated.closing.closing);
        let balanced_on = closed.or(on(&stated.statement.opening));
        let Some(until) = stated.statement.until.or(balanced_on).or(latest.filter(|_| !is_booked)) else {
            self.untrue.push(format!("{said} states no day"));
            return Ok(());
        };
        stated.days = (stated.statement.from.unwrap_or(until).min(until), until);
        if is_booked {
            if !stated.closing.balanced || stated.balances().is_none() {
                self.untrue
                    .push(format!("{said} does not state what it begins and ends with"));
            }
            for entry in entries {
                let mut parts = parts(entry, until)?;
                for part in &mut parts {
                    part.account = stated.code;
                    part.swept = swept(part, account);
                }
                if parts.iter().any(|part| part.money.currency() != currency) {
                    self.untrue
                        .push(format!("line {}: an entry in another currency", entry.line));
                }
                stated.parts.extend(parts);
                let reference = entry
                    .bank_reference
                    .clone()
                    .or_else(|| entry.details.first().and_then(|detail| detail.bank_reference.clone()));
                stated
                    .references
                    .push((reference.unwrap_or_default(), entry.money.minor(), entry.value_date));
            }
        }
        self.statements.push(stated);
        Ok(())
    }
}

/// The account of a statement, and what it is in the books. Refuses an account that is not the house's, that has its own money, or
/// that was not asked for.
fn ours<'a>(
    statement: &Statement,
    currency: Currency,
    file: &StatementFile,
    house: &'a House,
    only: Option<&str>,
) -> Result<(&'a BankAccount, AccountCode), BankError> {
    let is = |number: &str| account_of(number).as_deref() == Some(statement.account.as_str());
    let account = house.account_in(currency);
    let known = account.and_then(|account| {
        let (purpose, _) = account.numbers().find(|(_, number)| is(number))?;
        Some((account, code_of(purpose)))
    });
    let why = match (known, only) {
        (None, _) => "none of the house's accounts ([[house.account]] of the settings)",
        (Some((_, AccountCode::BankOperating)), _) => {
            "the account of the house's own money (`operating`), which is not reconciled here: what is swept between it and the \
             settlement account is booked from the statements of that"
        }
        (Some(_), Some(number)) if !is(number) => "not the account that was asked for",
        (Some(known), Some(_) | None) => return Ok(known),
    };
    Err(BankError::OtherAccount {
        name: file.name.clone(),
        line: statement.line,
        account: mask(&statement.account).into_owned(),
        currency: currency.to_string(),
        why,
    })
}

/// What the other account of a part is in the books, where it is the house's: by its number, or, where the bank does not state
/// one, by the one account of ours that its texts name.
fn swept(part: &Part, account: &BankAccount) -> Option<AccountCode> {
    let numbers = account.numbers().map(|(purpose, number)| (code_of(purpose), number));
    let others = numbers.filter(|(code, _)| *code != part.account);
    let mut named = others.filter(|(_, number)| {
        account_of(number).is_some_and(|number| match &part.other {
            Some(other) => *other == number,
            None => part.words.contains(&number.to_uppercase()),
        })
    });
    let (code, _) = named.next()?;
    named.next().is_none().then_some(code)
}

/// The payments that an entry is made of, where they are all there and come to its amount; else the entry itself.
fn parts(entry: &Entry, until: NaiveDate) -> Result<Vec<Part>, BankError> {
    let amounts: Option<Vec<i64>> = entry
        .details
        .iter()
        .map(|detail| detail.money.filter(|money| money.currency() == entry.money.currency()))
        .map(|money| money.map(Money::minor).filter(|minor| *minor != 0))
        .collect();
    let sum = amounts.as_ref().map(|amounts| {
        amounts
            .iter()
            .fold(0_i128, |sum, minor| sum.saturating_add(i128::from(*minor)))
    });
    let orders = orders(entry);
    // Payments that are named by their batch alone are told of by it, as a whole.
    let has_ids = entry.details.iter().any(|detail| detail.end_to_end_id.is_some());
    let by_batch = !orders.is_empty() && !has_ids;
    let charge = charge(entry, sum.filter(|_| !by_batch));
    let kept = charge.map_or(0, |charge| i128::from(charge.minor()));
    let comes_to = |sum: i128| sum.saturating_add(kept) == i128::from(entry.money.minor());
    let by_detail = !by_batch && (entry.details.len() > 1 || charge.is_some()) && sum.is_some_and(comes_to);
    let booked_on = entry.booking_date.unwrap_or(until);
    let whole = Part {
        ordinal: place(entry.ordinal)?,
        part: 1,
        line: entry.line,
        booked_on,
        value_on: entry.value_date.unwrap_or(booked_on),
        money: entry.money,
        // Formats without end-to-end ids have only what whoever ordered it called it.
        end_to_end_id: entry.customer_reference.clone(),
        orders,
        returned: entry.returned.then_some(None),
        reversal: entry.reversal,
        code: entry.code.clone(),
        words: entry_words(entry),
        payer: String::new(),
        other: None,
        account: AccountCode::BankSettlement,
        swept: None,
    };
    if entry.money.minor() == 0 {
        return Ok(Vec::new());
    }
    if by_detail {
        let places = entry.details.iter().zip(1_i32..);
        let mut parts: Vec<Part> = places
            .map(|(detail, part)| Part {
                part,
                money: detail.money.unwrap_or(entry.money),
                ..of_detail(&whole, detail)
            })
            .collect();
        parts.extend(charge.map(|money| charged(&whole, money, entry.details.len())));
        return Ok(parts);
    }
    if let Some(charge) = charge.filter(|_| by_batch) {
        let payments = entry.money.minor().checked_sub(charge.minor());
        let payments = payments.ok_or(AmountError::TooLarge)?;
        let mut batch = whole.clone();
        batch.money = Money::from_minor(payments, entry.money.currency());
        return Ok(vec![batch, charged(&whole, charge, 1)]);
    }
    Ok(match &entry.details[..] {
        [detail] => {
            let mut one = of_detail(&whole, detail);
            one.end_to_end_id = one.end_to_end_id.or(whole.end_to_end_id);
            one.words.extend(whole.words.iter().cloned());
            one.orders = whole.orders;
            vec![one]
        }
        details => {
            let mut one = whole;
            one.words.extend(details.iter().flat_map(detail_words));
            vec![one]
        }
    })
}

/// What the bank took for itself within an entry, where that can be told apart: its payments come to less, or more, by just that,
/// or, where they are not stated (no sum), the bank says that the entry has it.
fn charge(entry: &Entry, sum: Option<i128>) -> Option<Money> {
    let currency = entry.money.currency();
    let add = |sum: i64, charge: &Charge| -> Option<i64> {
        let minor = (charge.money.currency() == currency).then(|| charge.money.minor())?;
        sum.checked_add(minor)
    };
    let of_entry = entry.charges.iter().try_fold(0, add);
    let of_details = entry.details.iter().flat_map(|detail| &detail.charges).try_fold(0, add);
    let all = of_entry.zip(of_details).and_then(|(one, other)| one.checked_add(other));
    let found = match sum {
        Some(sum) => {
            let kept = i128::from(entry.money.minor()).checked_sub(sum)?;
            // A bank may state a charge with its payment, with the entry, or with both.
            let stated = [of_details, of_entry, all].into_iter().flatten();
            stated.into_iter().find(|minor| i128::from(*minor) == kept)
        }
        None if entry.charges.iter().all(|charge| charge.included == Some(true)) => of_entry,
        None => None,
    };
    found
        .filter(|minor| *minor != 0)
        .map(|minor| Money::from_minor(minor, currency))
}

/// The part of an entry that is the bank's charge.
fn charged(whole: &Part, money: Money, payments: usize) -> Part {
    Part {
        part: i32::try_from(payments).unwrap_or(i32::MAX).saturating_add(1),
        money,
        end_to_end_id: None,
        orders: BTreeSet::new(),
        returned: None,
        code: Code {
            iso: Some(CHARGE.to_owned()),
            own: None,
        },
        words: BTreeSet::new(),
        ..whole.clone()
    }
}

fn of_detail(whole: &Part, detail: &Detail) -> Part {
    let returned = detail.returned.as_ref().map(|returned| returned.reason.clone());
    let code = if detail.code.iso.is_some() || detail.code.own.is_some() {
        detail.code.clone()
    } else {
        whole.code.clone()
    };
    let party = &detail.counterparty;
    // The number of ours that our bank was given beside it.
    let number = detail.instruction_id.clone().filter(|id| payout_number(id).is_some());
    Part {
        end_to_end_id: detail.end_to_end_id.clone().or(number),
        orders: BTreeSet::new(),
        returned: returned.or_else(|| whole.returned.clone()),
        code,
        words: detail_words(detail).collect(),
        other: party.account.as_deref().and_then(account_of),
        payer: party.account.clone().or_else(|| party.name.clone()).unwrap_or_default(),
        ..whole.clone()
    }
}

/// The bank files or batches of ours that an entry is the sum of, by the ids that they have in these files.
fn orders(entry: &Entry) -> BTreeSet<OrdersId> {
    let batches = entry
        .batches
        .iter()
        .flat_map(|batch| match &batch.payment_information_id {
            // The batch says it closer than its file.
            Some(id) => Some(id),
            None => batch.message_id.as_ref(),
        });
    let details = entry
        .details
        .iter()
        .filter_map(|detail| detail.payment_information_id.as_ref());
    let ids = batches.chain(details).chain(&entry.customer_reference);
    ids.filter_map(|id| OrdersId::parse(id)).collect()
}

/// The words of the texts that an entry has for itself.
fn entry_words(entry: &Entry) -> BTreeSet<String> {
    let batches = entry.batches.iter().flat_map(|batch| {
        let ids = [&batch.message_id, &batch.payment_information_id];
        ids.into_iter().flatten().map(String::as_str)
    });
    let texts = [&entry.text, &entry.bank_reference, &entry.customer_reference];
    let texts = texts.into_iter().flatten().map(String::as_str);
    texts.chain(batches).flat_map(words).collect()
}

fn detail_words(detail: &Detail) -> impl Iterator<Item = String> {
    let texts = [
        &detail.end_to_end_id,
        &detail.instruction_id,
        &detail.transaction_id,
        &detail.payment_information_id,
        &detail.bank_reference,
        &detail.text,
        &detail.creditor_reference,
    ];
    let found: HashSet<String> = texts.into_iter().flatten().flat_map(|text| words(text)).collect();
    found.into_iter()
}

impl Taken {
    /// Why nothing of the file may be booked, if so.
    ///
    /// `today` is the day on which it is: a statement ends with the next one at the latest, which has begun elsewhere.
    pub(super) fn quarantine_reason(&self, today: NaiveDate) -> Option<String> {
        if self.claims.rejects > 0 {
            let first = self
                .rejected
                .first()
                .map(|reject| format!(": line {}, {}: {}", reject.line, reject.place, reject.reason));
            return Some(format!(
                "{} places cannot be read{}",
                self.claims.rejects,
                first.unwrap_or_default()
            ));
        }
        if let Some(first) = self.untrue.first() {
            return Some(format!("{} of its claims are not so: {first}", self.untrue.len()));
        }
        let tomorrow = today.succ_opt().unwrap_or(today);
        for stated in self.statements.iter().filter(|stated| stated.state == "booked") {
            let days = stated.parts.iter().map(|part| part.booked_on);
            if let Some(day) = days.chain([stated.days.1]).max().filter(|day| *day > tomorrow) {
                let (line, id) = (stated.statement.line, &stated.statement.id);
                return Some(format!(
                    "line {line}: statement {id} is about {day}, which has not come"
                ));
            }
        }
        self.statements.is_empty().then(|| "it holds no statement".to_owned())
    }

    /// Keeps the file: with its statements, or, in quarantine, with what is wrong.
    pub(super) async fn keep(&self, tx: &mut Tx, source: SourceId, reason: Option<&str>) -> Result<(), StoreError> {
        let state = if reason.is_some() { "quarantined" } else { "booked" };
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        tx.execute(
            include_str!("../../../schema/queries/bank_file_insert.sql"),
            &[
                &source.0,
                &state,
                &reason,
                &self.format.name(),
                &count(self.claims.statements),
                &count(self.claims.entries),
                &i64::try_from(self.claims.rejects).unwrap_or(i64::MAX),
            ],
        )
        .await?;
        let lines: Vec<i64> = self.rejected.iter().map(|reject| line(reject.line)).collect();
        let fields: Vec<&str> = self.rejected.iter().map(|reject| reject.place.as_str()).collect();
        let reasons: Vec<&str> = self.rejected.iter().map(|reject| reject.reason.as_str()).collect();
        tx.execute(
            include_str!("../../../schema/queries/bank_rejects_insert.sql"),
            &[&source.0, &lines, &fields, &reasons],
        )
        .await?;
        Ok(())
    }
}
