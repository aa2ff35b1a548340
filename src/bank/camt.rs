//! ISO 20022 cash management: statements (camt.053), reports of a day (camt.052) and notifications (camt.054), versions 02 to 14.
//!
//! Versions differ in little that is read here, and both forms are read wherever they do: a status as text or as a code, a
//! party with or without `Pty`, `BIC` or `BICFI`, amounts of a transaction in `AmtDtls` alone, charges in records or flat, the net
//! of all entries in one element or two.
//!
//! Phases: the namespace says which message it is; of each statement what stands before its first entry is read whole, and given
//! out with it; entries follow one by one, their details as they come; at the end of the statement its claims are compared.
//!
//! Invariants of what is read:
//! - amounts are unsigned decimals of the currency that stands beside them, and CdtDbtInd is their sign. That of a reversal is
//!   its own ([`Reversals`]); a statement whose balance says otherwise is untrue, and says so;
//! - an entry is of the account's currency; a detail that is not has its amount in [`Detail::original`];
//! - a detail without an amount has none: it is not guessed from its entry;
//! - the other side of money that comes is the debtor; of money that goes, or came back, the creditor.
//!
//! Proven of a statement (camt.053): balances, OPBD (or PRCD, or on a later page ITBD) and every booked entry make CLBD (or on a
//! page that is not the last ITBD); of every message: TxsSummry, and the number and sum of each batch whose transactions are there.

use std::collections::VecDeque;
use std::io::Read;

use chrono::NaiveDate;

use super::proof::{Chain, Proof, Sum};
use super::text::{self, Wrong, short};
use super::xml::{Node, Tag, Walker};
use super::{
    Balance, Batch, Charge, Closing, Code, DETAIL_LIMIT, Detail, ENTRY_LIMIT, Entry, FileClaims, Item, Kind, Party,
    RAW_LIMIT, Return, Reversals, ReversalsOf, Statement, StatementReader, Status,
};
use crate::card_number;
use crate::delimited::FileError;
use crate::money::{Currency, Money};

/// What the namespaces of all messages begin with.
const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:";

/// Whether a file that begins so is XML; which message it is shows later.
pub(super) fn begins(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.trim_ascii_start().starts_with(b"<")
}

/// Reads a camt file.
pub struct CamtReader<R> {
    walker: Walker<R>,
    kind: Kind,
    reversals: ReversalsOf,
    claims: FileClaims,
    chain: Chain,
    current: Option<Open>,
    ready: VecDeque<Item>,
    ended: bool,
}

/// A statement that is being read.
struct Open {
    path: String,
    line: u64,
    /// How many bytes came before it.
    begin: u64,
    proof: Proof,
    /// What stands before the first entry; none from there on.
    head: Option<Node>,
    summary: Option<Node>,
    closing: Option<Balance>,
    balances: Vec<Balance>,
    /// Entries met so far.
    met: u64,
}

impl<R: Read> CamtReader<R> {
    /// Begins a file: finds out which message it is.
    ///
    /// Errors: not XML, another message or version.
    pub fn open(input: R, reversals: impl Into<ReversalsOf>) -> Result<Self, FileError> {
        let mut walker = Walker::new(input);
        let (root, namespace) = walker.root()?;
        let kind = kind_of(&namespace).filter(|_| root.name == "Document").ok_or_else(|| {
            walker.malformed(format!(
                "the document is `{}` of the namespace `{}`; a Document of camt.052, camt.053 or camt.054, version 02 to 14, is \
                 read",
                short(&root.name),
                card_number::shorten(&namespace, 80)
            ))
        })?;
        let message = match kind {
            Kind::Statement => "BkToCstmrStmt",
            Kind::Report => "BkToCstmrAcctRpt",
            Kind::Notification => "BkToCstmrDbtCdtNtfctn",
        };
        let first = walker.child()?;
        if first.is_none_or(|tag| tag.name != message) {
            return Err(walker.malformed(format!("the document does not hold `{message}`")));
        }
        Ok(Self {
            walker,
            kind,
            reversals: reversals.into(),
            claims: FileClaims::default(),
            chain: Chain::default(),
            current: None,
            ready: VecDeque::new(),
            ended: false,
        })
    }

    /// What a statement is called in this message.
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Statement => "Stmt",
            Kind::Report => "Rpt",
            Kind::Notification => "Ntfctn",
        }
    }

    fn reject(&mut self, wrong: Wrong) {
        self.claims.rejects = self.claims.rejects.saturating_add(1);
        self.ready.push_back(Item::Reject(wrong.into_reject()));
    }

    /// Between statements: begins the next, or ends the file.
    fn next_statement(&mut self) -> Result<(), FileError> {
        match self.walker.child()? {
            Some(tag) if tag.name == self.name() => {
                self.claims.statements = self.claims.statements.saturating_add(1);
                let statement = self.claims.statements;
                self.current = Some(Open {
                    path: format!("{}[{statement}]", self.name()),
                    line: tag.line,
                    begin: self.walker.bytes(),
                    proof: Proof::of(statement),
                    head: Some(Node::default()),
                    summary: None,
                    closing: None,
                    balances: Vec::new(),
                    met: 0,
                });
            }
            Some(_) => self.walker.skip()?,
            None if self.claims.statements == 0 => return Err(self.walker.malformed("the message holds no statement")),
            None => {
                // The document may hold nothing else.
                if self.walker.child()?.is_some() {
                    return Err(self.walker.malformed("the document holds a second message"));
                }
                self.walker.finish()?;
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Within a statement: its next child.
    fn advance(&mut self, mut open: Open) -> Result<(), FileError> {
        match self.walker.child()? {
            Some(tag) if tag.name == "Ntry" => {
                self.begin(&mut open);
                self.entry(&mut open, &tag)?;
                self.current = Some(open);
            }
            Some(tag) => {
                let node = self.walker.node(tag)?;
                match &mut open.head {
                    Some(head) => {
                        self.limit(open.begin)?;
                        self.walker.add(head, node)?;
                    }
                    None if ["Acct", "Bal", "TxsSummry"].contains(&node.name.as_str()) => {
                        open.proof.rejects = open.proof.rejects.saturating_add(1);
                        self.reject(node.wrong("stands after an entry").within(&open.path));
                    }
                    None => {}
                }
                self.current = Some(open);
            }
            None => {
                self.begin(&mut open);
                self.close(open)?;
            }
        }
        Ok(())
    }

    /// Gives out what stands before the first entry, once.
    fn begin(&mut self, open: &mut Open) {
        let Some(head) = open.head.take() else {
            return;
        };
        let mut wrongs = Vec::new();
        let statement = Header {
            head: &head,
            kind: self.kind,
        }
        .read(open, &mut wrongs);
        open.proof.account.clone_from(&statement.account);
        open.proof.currency = statement.currency;
        open.proof.opening.clone_from(&statement.opening);
        self.chain.check(&mut open.proof);
        open.summary = head.take("TxsSummry");
        self.ready.push_back(Item::Statement(statement));
        for wrong in wrongs {
            open.proof.rejects = open.proof.rejects.saturating_add(1);
            self.reject(wrong.within(&open.path));
        }
    }

    /// Compares what the statement claims, and ends it.
    fn close(&mut self, mut open: Open) -> Result<(), FileError> {
        if let Some(closing) = open.closing.clone() {
            open.proof.check_closing(&closing);
        }
        if let Some(summary) = open.summary.take()
            && let Err(wrong) = check_summary(&summary, &mut open.proof)
        {
            open.proof.rejects = open.proof.rejects.saturating_add(1);
            self.reject(wrong.within(&open.path));
        }
        self.chain.end(&open.proof, open.closing.as_ref(), open.line)?;
        let closing: Closing = open.proof.into_closing(open.closing, open.balances);
        self.ready.push_back(Item::Closing(closing));
        Ok(())
    }

    /// What is kept of an entry, or of a statement before its first, is not more than [`ENTRY_LIMIT`] bytes were.
    fn limit(&self, begin: u64) -> Result<(), FileError> {
        if self.walker.bytes().saturating_sub(begin) > ENTRY_LIMIT {
            return Err(self.walker.malformed(format!(
                "an entry, or what precedes it, of more than {ENTRY_LIMIT} bytes"
            )));
        }
        Ok(())
    }

    /// Reads an entry to its end, whatever is wrong with it.
    fn entry(&mut self, open: &mut Open, tag: &Tag) -> Result<(), FileError> {
        open.met = open.met.saturating_add(1);
        let begin = self.walker.bytes();
        self.walker.keep(RAW_LIMIT.saturating_add(100));
        let mut fields = Node::default();
        let mut reading = Reading::new(self.reversals.of(&open.proof.account, open.proof.currency));
        while let Some(child) = self.walker.child()? {
            if child.name == "NtryDtls" {
                reading.begin_details(&fields);
                while let Some(child) = self.walker.child()? {
                    let node = self.walker.node(child)?;
                    reading.take(&node);
                    self.limit(begin)?;
                }
                reading.end_details();
            } else {
                let node = self.walker.node(child)?;
                self.walker.add(&mut fields, node)?;
            }
            self.limit(begin)?;
            if reading.batches.len() > DETAIL_LIMIT {
                return Err(self
                    .walker
                    .malformed(format!("an entry of more than {DETAIL_LIMIT} batches")));
            }
        }
        let raw = text::raw(&format!("<Ntry>{}", self.walker.kept()));
        self.claims.entries = self.claims.entries.saturating_add(1);
        let path = format!("{}/Ntry[{}]", open.path, open.met);
        let read = reading.entry(&fields).and_then(|(entry, checks)| {
            let agrees = open.proof.agrees(entry.money.currency());
            agrees.map_err(|reason| Wrong::at(tag.line, "Amt", reason))?;
            Ok((entry, checks))
        });
        match read {
            Ok((entry, checks)) => {
                let entry = Entry {
                    ordinal: self.claims.entries,
                    statement: open.proof.statement,
                    line: tag.line,
                    raw,
                    ..entry
                };
                open.proof.add(&entry);
                for check in checks {
                    let what = format!("{path}: {}", check.what);
                    open.proof.check(what, check.currency, check.stated, check.read);
                }
                self.ready.push_back(Item::Entry(entry));
            }
            Err(wrong) => {
                let line = if wrong.line == 0 { tag.line } else { wrong.line };
                open.proof.rejects = open.proof.rejects.saturating_add(1);
                self.reject(Wrong { line, ..wrong }.within(&path));
            }
        }
        Ok(())
    }
}

impl<R: Read> StatementReader for CamtReader<R> {
    fn item(&mut self) -> Result<Option<Item>, FileError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            match self.current.take() {
                None => self.next_statement()?,
                Some(open) => self.advance(open)?,
            }
        }
    }

    fn claims(&self) -> &FileClaims {
        &self.claims
    }
}

/// `urn:iso:std:iso:20022:tech:xsd:camt.053.001.08` is a statement.
fn kind_of(namespace: &str) -> Option<Kind> {
    let message = namespace.strip_prefix(NAMESPACE)?;
    let (message, version) = message.rsplit_once('.')?;
    let known = version.len() == 2 && (2..=14).contains(&version.parse::<u8>().ok()?);
    match message {
        "camt.052.001" if known => Some(Kind::Report),
        "camt.053.001" if known => Some(Kind::Statement),
        "camt.054.001" if known => Some(Kind::Notification),
        _ => None,
    }
}

/// What stands before the first entry of a statement.
struct Header<'n> {
    head: &'n Node,
    kind: Kind,
}

impl Header<'_> {
    /// The statement, as far as it can be read, and what cannot; its balances go where it is open.
    fn read(&self, open: &mut Open, wrongs: &mut Vec<Wrong>) -> Statement {
        let head = self.head;
        let mut or_wrong = |read: Result<Option<String>, Wrong>| {
            read.unwrap_or_else(|wrong| {
                wrongs.push(wrong);
                None
            })
        };
        let missing = |what: &str| Wrong::at(open.line, what, "is missing");
        let id = or_wrong(
            head.kept(&["Id"])
                .and_then(|id| id.map(Some).ok_or_else(|| missing("Id"))),
        );
        let account = or_wrong(account(head, &["Acct", "Id"]).and_then(|account| {
            let missing = missing("Acct/Id");
            account.map(Some).ok_or(missing)
        }));
        let bank = or_wrong(bank(head, &["Acct", "Svcr"]));
        let sequence = or_wrong(head.kept(&["ElctrncSeqNb"]));
        let legal_sequence = or_wrong(head.kept(&["LglSeqNb"]));
        let copies = or_wrong(head.kept(&["CpyDplctInd"]));
        let mut or_none = |read: Result<Option<NaiveDate>, Wrong>| {
            read.unwrap_or_else(|wrong| {
                wrongs.push(wrong);
                None
            })
        };
        let from = or_none(period_day(head, ["FrDtTm", "FrDt"]));
        let until = or_none(period_day(head, ["ToDtTm", "ToDt"]));
        let stated = head.read(&["Acct", "Ccy"], |text| {
            Currency::parse(text).map(Some).map_err(|error| error.to_string())
        });
        let mut currency = stated.unwrap_or_else(|wrong| {
            wrongs.push(wrong);
            None
        });
        let page = ["StmtPgntn", "RptPgntn", "NtfctnPgntn"].map(|name| page_of(head, name));
        let (mut page_number, mut is_last) = (None, true);
        for page in page {
            match page {
                Ok(Some((number, last))) => (page_number, is_last) = (Some(number), last),
                Ok(None) => {}
                Err(wrong) => wrongs.push(wrong),
            }
        }
        let mut balances = Vec::new();
        for node in head.all("Bal") {
            match balance(node) {
                Ok(balance) => balances.push((node.line, balance)),
                Err(wrong) => wrongs.push(wrong.within("Bal")),
            }
        }
        let is_first = page_number.is_none_or(|number| number <= 1);
        let opening_kinds: &[&str] = if is_first {
            &["OPBD", "PRCD"]
        } else {
            &["OPBD", "PRCD", "ITBD"]
        };
        let closing_kinds: &[&str] = if is_last { &["CLBD"] } else { &["CLBD", "ITBD"] };
        let (mut opening, mut closing) = (None, None);
        if self.kind == Kind::Statement {
            opening = take(&mut balances, opening_kinds, currency, wrongs);
            closing = take(
                &mut balances,
                closing_kinds,
                currency.or(opening.as_ref().map(currency_of)),
                wrongs,
            );
        }
        currency = currency.or(opening.as_ref().map(currency_of));
        open.closing = closing;
        open.balances = balances.into_iter().map(|(_, balance)| balance).collect();
        Statement {
            ordinal: open.proof.statement,
            line: open.line,
            kind: self.kind,
            id: id.unwrap_or_default(),
            account: account.unwrap_or_default(),
            bank,
            currency,
            sequence,
            legal_sequence,
            page: page_number,
            duplicate: copies.is_some_and(|copy| copy != "COPY"),
            from,
            until,
            opening,
        }
    }
}

fn currency_of(balance: &Balance) -> Currency {
    balance.money.currency()
}

/// Takes the balance of the first of some kinds out of a list; it is there once, in the currency of the account.
fn take(
    balances: &mut Vec<(u64, Balance)>,
    kinds: &[&str],
    currency: Option<Currency>,
    wrongs: &mut Vec<Wrong>,
) -> Option<Balance> {
    for kind in kinds {
        let is_it = |(_, balance): &(u64, Balance)| {
            balance.kind == *kind && currency.is_none_or(|currency| balance.money.currency() == currency)
        };
        let Some(place) = balances.iter().position(is_it) else {
            continue;
        };
        let (_, balance) = balances.remove(place);
        // An interim balance that a page begins with and one that it ends with have one name.
        if *kind != "ITBD"
            && let Some((line, _)) = balances.iter().find(|other| is_it(other))
        {
            wrongs.push(Wrong::at(*line, "Bal", format!("the balance {kind} is there twice")));
        }
        return Some(balance);
    }
    None
}

fn period_day(head: &Node, names: [&str; 2]) -> Result<Option<NaiveDate>, Wrong> {
    for name in names {
        let day = head.read(&["FrToDt", name], |text| text::day(text).map(Some))?;
        if day.is_some() {
            return Ok(day);
        }
    }
    Ok(None)
}

/// The number of a page, and whether it is the last.
fn page_of(head: &Node, name: &str) -> Result<Option<(u32, bool)>, Wrong> {
    let number = head.read(&[name, "PgNb"], |text| {
        let number = text.parse::<u32>().map(Some);
        number.map_err(|_| format!("`{}` is not the number of a page", short(text)))
    })?;
    let last = head.read(&[name, "LastPgInd"], truth)?;
    Ok(number.map(|number| (number, last.unwrap_or(true))))
}

/// An xs:boolean.
fn truth(text: &str) -> Result<Option<bool>, String> {
    match text {
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        other => Err(format!("`{}` is neither true nor false", short(other))),
    }
}

/// The account at the end of a path: an IBAN, or another number.
fn account(node: &Node, path: &[&str]) -> Result<Option<String>, Wrong> {
    for last in [&["IBAN"][..], &["Othr", "Id"], &["PrtryAcct", "Id"]] {
        let whole: Vec<&str> = path.iter().chain(last).copied().collect();
        let read = node.read(&whole, text::account)?;
        if read.is_some() {
            return Ok(read);
        }
    }
    Ok(None)
}

/// The bank at the end of a path: a BIC, or the code that a clearing system knows it by.
fn bank(node: &Node, path: &[&str]) -> Result<Option<String>, Wrong> {
    for last in [&["BICFI"][..], &["BIC"], &["ClrSysMmbId", "MmbId"], &["Othr", "Id"]] {
        let whole: Vec<&str> = path.iter().chain(&["FinInstnId"]).chain(last).copied().collect();
        let read = node.kept(&whole)?;
        if read.is_some() {
            return Ok(read);
        }
    }
    Ok(None)
}

fn balance(node: &Node) -> Result<Balance, Wrong> {
    let missing = |what: &str| Wrong::at(node.line, what, "is missing");
    let code = node.kept(&["Tp", "CdOrPrtry", "Cd"])?;
    let own = node.kept(&["Tp", "CdOrPrtry", "Prtry"])?;
    let kind = code.or(own).ok_or_else(|| missing("Tp"))?;
    let on = date(node, "Dt")?;
    let amount = money(node, &["Amt"])?.ok_or_else(|| missing("Amt"))?;
    let sign = sign(node)?.ok_or_else(|| missing("CdtDbtInd"))?;
    let money = sign.of(amount);
    Ok(Balance { kind, money, on })
}

/// `Dt` or `DtTm` in an element.
fn date(node: &Node, name: &str) -> Result<Option<NaiveDate>, Wrong> {
    for kind in ["Dt", "DtTm"] {
        let day = node.read(&[name, kind], |text| text::day(text).map(Some))?;
        if day.is_some() {
            return Ok(day);
        }
    }
    Ok(None)
}

/// An amount without its sign, in the currency that stands beside it.
fn money(node: &Node, path: &[&str]) -> Result<Option<Money>, Wrong> {
    let Some(amount) = node.at(path)? else {
        return Ok(None);
    };
    let wrong = |reason: String| Wrong::at(amount.line, path.join("/"), reason);
    let currency = amount
        .currency
        .as_deref()
        .ok_or_else(|| wrong("has no currency (Ccy)".to_owned()))?;
    let currency = Currency::parse(currency).map_err(|error| wrong(error.to_string()))?;
    let money = Money::parse_scaled(amount.text.trim(), currency).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(money))
}

/// Where money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Credit,
    Debit,
}

impl Sign {
    fn of(self, money: Money) -> Money {
        match self {
            Self::Credit => money,
            // An amount without a sign is never the smallest number.
            Self::Debit => Money::from_minor(money.minor().saturating_neg(), money.currency()),
        }
    }

    fn turned(self) -> Self {
        match self {
            Self::Credit => Self::Debit,
            Self::Debit => Self::Credit,
        }
    }
}

fn sign(node: &Node) -> Result<Option<Sign>, Wrong> {
    node.read(&["CdtDbtInd"], |text| match text {
        "CRDT" => Ok(Some(Sign::Credit)),
        "DBIT" => Ok(Some(Sign::Debit)),
        other => Err(format!("`{}` is neither CRDT nor DBIT", short(other))),
    })
}

/// What a bank calls an entry or a transaction.
fn code(node: &Node) -> Result<Code, Wrong> {
    let domain = node.kept(&["BkTxCd", "Domn", "Cd"])?;
    let family = node.kept(&["BkTxCd", "Domn", "Fmly", "Cd"])?;
    let sub_family = node.kept(&["BkTxCd", "Domn", "Fmly", "SubFmlyCd"])?;
    let iso = domain.map(|domain| {
        let parts = [Some(domain), family, sub_family];
        parts.into_iter().flatten().collect::<Vec<_>>().join("-")
    });
    let own = node.kept(&["BkTxCd", "Prtry", "Cd"])?;
    Ok(Code { iso, own })
}

/// Charges, in records or flat; the total where nothing else is there.
fn charges(node: &Node) -> Result<Vec<Charge>, Wrong> {
    let mut charges = Vec::new();
    for group in node.all("Chrgs") {
        let mut records = group.all("Rcrd").peekable();
        if records.peek().is_some() {
            for record in records {
                charges.extend(charge(record, "Amt").map_err(|wrong| wrong.within("Chrgs/Rcrd"))?);
            }
            continue;
        }
        let flat = charge(group, "Amt").map_err(|wrong| wrong.within("Chrgs"))?;
        let total = charge(group, "TtlChrgsAndTaxAmt").map_err(|wrong| wrong.within("Chrgs"))?;
        charges.extend(flat.or(total));
    }
    Ok(charges)
}

/// A charge is taken from us where nothing else is said.
fn charge(node: &Node, amount: &str) -> Result<Option<Charge>, Wrong> {
    let Some(money) = money(node, &[amount])? else {
        return Ok(None);
    };
    let sign = sign(node)?.unwrap_or(Sign::Debit);
    let code = node.kept(&["Tp", "Cd"])?;
    Ok(Some(Charge {
        money: sign.of(money),
        included: node.read(&["ChrgInclInd"], truth)?,
        code: code.or(node.kept(&["Tp", "Prtry", "Id"])?),
    }))
}

/// Compares the sums of a statement with its entries.
fn check_summary(summary: &Node, proof: &mut Proof) -> Result<(), Wrong> {
    let currency = proof.currency;
    let (credits, debits) = (proof.credits, proof.debits);
    for (name, sum) in [
        ("TtlNtries", credits.plus(debits)),
        ("TtlCdtNtries", credits),
        ("TtlDbtNtries", debits),
    ] {
        let Some(node) = summary.one(name)? else {
            continue;
        };
        check_sum(node, sum, proof).map_err(|wrong| wrong.within(&format!("TxsSummry/{name}")))?;
    }
    let net = |path: &[&str]| summary.read(path, |text| decimal(text, currency));
    let nested = net(&["TtlNtries", "TtlNetNtry", "Amt"])?;
    let flat = net(&["TtlNtries", "TtlNetNtryAmt"])?;
    let holder = match nested {
        Some(_) => summary.at(&["TtlNtries", "TtlNetNtry"])?,
        None => summary.at(&["TtlNtries"])?,
    };
    if let (Some(stated), Some(holder)) = (nested.or(flat), holder) {
        let stated = match sign(holder)? {
            Some(Sign::Debit) => stated.saturating_neg(),
            Some(Sign::Credit) => stated,
            None => return Err(holder.wrong("has a net without its CdtDbtInd").within("TxsSummry")),
        };
        let read = credits.minor.saturating_sub(debits.minor);
        proof.check("TxsSummry: the net of all entries", currency, stated, read);
    }
    Ok(())
}

fn check_sum(node: &Node, sum: Sum, proof: &mut Proof) -> Result<(), Wrong> {
    let (what, currency) = (format!("TxsSummry/{}", node.name), proof.currency);
    if let Some(stated) = node.read(&["NbOfNtries"], count)? {
        proof.check(
            format!("{what}: entries"),
            None,
            i128::from(stated),
            i128::from(sum.count),
        );
    }
    if let Some(stated) = node.read(&["Sum"], |text| decimal(text, currency))? {
        proof.check(format!("{what}: sum"), currency, stated, sum.minor);
    }
    Ok(())
}

/// A number of things (Max15NumericText).
fn count(text: &str) -> Result<Option<u64>, String> {
    let digits = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number
        .map(Some)
        .ok_or_else(|| format!("`{}` is not a number of things", short(text)))
}

/// A sum without a currency beside it: that of the account.
fn decimal(text: &str, currency: Option<Currency>) -> Result<Option<i128>, String> {
    let currency = currency.ok_or("is a sum in no currency: neither account nor entries have one")?;
    let money = Money::parse_scaled(text, currency).map_err(|error| error.to_string())?;
    Ok(Some(i128::from(money.minor())))
}

/// Something that an entry claims of its details.
struct Check {
    what: String,
    currency: Option<Currency>,
    stated: i128,
    read: i128,
}

/// An entry while its details come.
struct Reading {
    reversals: Reversals,
    details: Vec<Detail>,
    batches: Vec<Batch>,
    checks: Vec<Check>,
    /// The first thing that is wrong; nothing is read after it.
    wrong: Option<Wrong>,
    /// What the details go by: sign and currency of their entry.
    terms: Option<Terms>,
    /// Of the details of one NtryDtls: the batch, and where its own begin.
    batch: Option<Batch>,
    from: usize,
}

/// What an entry says about itself that its details need.
#[derive(Debug, Clone, Copy)]
struct Terms {
    money: Money,
    sign: Sign,
    reversal: bool,
}

impl Reading {
    fn new(reversals: Reversals) -> Self {
        Self {
            reversals,
            details: Vec::new(),
            batches: Vec::new(),
            checks: Vec::new(),
            wrong: None,
            terms: None,
            batch: None,
            from: 0,
        }
    }

    /// Amount, sign and reversal of the entry.
    fn terms(&self, fields: &Node) -> Result<Terms, Wrong> {
        let missing = |what: &str| Wrong::at(0, what, "is missing");
        let amount = money(fields, &["Amt"])?.ok_or_else(|| missing("Amt"))?;
        let sign = sign(fields)?.ok_or_else(|| missing("CdtDbtInd"))?;
        let reversal = fields.read(&["RvslInd"], truth)?.unwrap_or(false);
        let turned = reversal && self.reversals == Reversals::AsReversed;
        let sign = if turned { sign.turned() } else { sign };
        Ok(Terms {
            money: sign.of(amount),
            sign,
            reversal,
        })
    }

    fn begin_details(&mut self, fields: &Node) {
        if self.wrong.is_none() {
            match self.terms(fields) {
                Ok(terms) => self.terms = Some(terms),
                Err(wrong) => self.wrong = Some(wrong),
            }
        }
        self.from = self.details.len();
        self.batch = None;
    }

    /// A child of NtryDtls.
    fn take(&mut self, node: &Node) {
        let (None, Some(terms)) = (&self.wrong, self.terms) else {
            return;
        };
        let place = self.details.len().saturating_add(1);
        let read = match node.name.as_str() {
            "TxDtls" if self.details.len() >= DETAIL_LIMIT => {
                Err(node.wrong(format!("is more than {DETAIL_LIMIT} payments in one entry")))
            }
            "TxDtls" => self.detail(node, terms).map(|detail| self.details.push(detail)),
            "Btch" if self.batch.is_some() => Err(Wrong::at(node.line, "", "is there twice")),
            "Btch" => batch(node, terms).map(|batch| self.batch = Some(batch)),
            _ => Ok(()),
        };
        if let Err(wrong) = read {
            let path = match node.name.as_str() {
                "TxDtls" => format!("NtryDtls/TxDtls[{place}]"),
                name => format!("NtryDtls/{name}"),
            };
            self.wrong = Some(wrong.within(&path));
        }
    }

    /// An NtryDtls ends: its batch is compared with its details.
    fn end_details(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        let own = self.details.get(self.from..).unwrap_or_default();
        if !own.is_empty() {
            let id = batch.payment_information_id.as_deref().unwrap_or("a batch");
            if let Some(stated) = batch.transactions {
                self.checks.push(Check {
                    what: format!("transactions of {id}"),
                    currency: None,
                    stated: i128::from(stated),
                    read: i128::try_from(own.len()).unwrap_or(i128::MAX),
                });
            }
            if let Some(total) = batch.total
                && let Some(sum) = sum_of(own, total.currency())
            {
                // Some banks sign transactions as their originators see them: what counts is how much they come to.
                self.checks.push(Check {
                    what: format!("the sum of {id}"),
                    currency: Some(total.currency()),
                    stated: i128::from(total.minor()).saturating_abs(),
                    read: sum.saturating_abs(),
                });
            }
        }
        self.batches.push(batch);
    }

    fn detail(&self, node: &Node, entry: Terms) -> Result<Detail, Wrong> {
        let sign = match sign(node)? {
            Some(own) if entry.reversal && self.reversals == Reversals::AsReversed => own.turned(),
            Some(own) => own,
            None => entry.sign,
        };
        let (mut amount, mut original) = (None, None);
        for path in [
            &["Amt"][..],
            &["AmtDtls", "TxAmt", "Amt"],
            &["AmtDtls", "CntrValAmt", "Amt"],
            &["AmtDtls", "InstdAmt", "Amt"],
        ] {
            let found = money(node, path)?.map(|money| sign.of(money));
            let place = match found {
                Some(money) if money.currency() == entry.money.currency() => &mut amount,
                Some(_) | None => &mut original,
            };
            *place = place.or(found);
        }
        let returned = returned(node)?;
        let of_debtor = sign == Sign::Credit && returned.is_none() && !entry.reversal;
        let end_to_end_id = node.kept(&["Refs", "EndToEndId"])?.filter(|id| id != "NOTPROVIDED");
        Ok(Detail {
            end_to_end_id,
            instruction_id: node.kept(&["Refs", "InstrId"])?,
            transaction_id: node.kept(&["Refs", "TxId"])?,
            payment_information_id: node.kept(&["Refs", "PmtInfId"])?,
            bank_reference: node.kept(&["Refs", "AcctSvcrRef"])?,
            money: amount,
            original,
            exchange_rate: exchange_rate(node)?,
            counterparty: party(node, if of_debtor { "Dbtr" } else { "Cdtr" })?,
            text: remittance(node)?,
            creditor_reference: creditor_reference(node)?,
            returned,
            charges: charges(node)?,
            code: code(node)?,
        })
    }

    /// The entry, and what it claims of its details.
    fn entry(mut self, fields: &Node) -> Result<(Entry, Vec<Check>), Wrong> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        let terms = self.terms(fields)?;
        let code = code(fields)?;
        let by_code = code.iso.as_deref().is_some_and(|iso| iso.ends_with("-RRTN"));
        let returned = by_code || self.details.iter().any(|detail| detail.returned.is_some());
        let entry = Entry {
            ordinal: 0,
            statement: 0,
            line: 0,
            status: status(fields)?,
            booking_date: date(fields, "BookgDt")?,
            value_date: date(fields, "ValDt")?,
            money: terms.money,
            reversal: terms.reversal,
            returned,
            entry_reference: fields.kept(&["NtryRef"])?,
            bank_reference: fields.kept(&["AcctSvcrRef"])?,
            customer_reference: None,
            code,
            batches: self.batches,
            charges: charges(fields)?,
            text: fields.prose(&["AddtlNtryInf"])?,
            details: self.details,
            raw: String::new(),
        };
        Ok((entry, self.checks))
    }
}

/// Σ of details that all have an amount in a currency.
fn sum_of(details: &[Detail], currency: Currency) -> Option<i128> {
    details.iter().try_fold(0_i128, |sum, detail| {
        let both = [detail.money, detail.original];
        let money = both.into_iter().flatten().find(|money| money.currency() == currency)?;
        sum.checked_add(i128::from(money.minor()))
    })
}

fn batch(node: &Node, entry: Terms) -> Result<Batch, Wrong> {
    let sign = sign(node)?.unwrap_or(entry.sign);
    Ok(Batch {
        message_id: node.kept(&["MsgId"])?,
        payment_information_id: node.kept(&["PmtInfId"])?,
        transactions: node.read(&["NbOfTxs"], count)?,
        total: money(node, &["TtlAmt"])?.map(|money| sign.of(money)),
    })
}

fn status(fields: &Node) -> Result<Status, Wrong> {
    let coded = fields.kept(&["Sts", "Cd"])?;
    let status = coded.or(fields.kept(&["Sts"])?);
    match status.as_deref() {
        Some("BOOK") => Ok(Status::Booked),
        Some("PDNG") => Ok(Status::Pending),
        Some("INFO") => Ok(Status::Information),
        Some("FUTR") => Ok(Status::Future),
        Some(other) => {
            let reason = format!("`{}` is none of BOOK, PDNG, INFO and FUTR", short(other));
            Err(Wrong::at(0, "Sts", reason))
        }
        None => Err(Wrong::at(0, "Sts", "is missing")),
    }
}

/// Debtor or creditor, and their bank.
fn party(node: &Node, role: &str) -> Result<Party, Wrong> {
    let bare = node.prose(&["RltdPties", role, "Nm"])?;
    let wrapped = node.prose(&["RltdPties", role, "Pty", "Nm"])?;
    let (account_name, agent_name) = (format!("{role}Acct"), format!("{role}Agt"));
    Ok(Party {
        name: bare.or(wrapped),
        account: account(node, &["RltdPties", &account_name, "Id"])?,
        bank: bank(node, &["RltdAgts", &agent_name])?,
    })
}

/// What is written for the receiver, a line each.
fn remittance(node: &Node) -> Result<Option<String>, Wrong> {
    let mut lines = Vec::new();
    if let Some(remittance) = node.one("RmtInf")? {
        let structured = remittance.all("Strd").flat_map(|strd| strd.all("AddtlRmtInf"));
        for line in remittance.all("Ustrd").chain(structured) {
            let read = line
                .prose(&[])
                .map_err(|wrong| wrong.within(&format!("RmtInf/{}", line.name)))?;
            lines.extend(read);
        }
    }
    if lines.is_empty() {
        return node.prose(&["AddtlTxInf"]);
    }
    Ok(Some(lines.join("\n")))
}

/// The first reference of the creditor's own.
fn creditor_reference(node: &Node) -> Result<Option<String>, Wrong> {
    let Some(remittance) = node.one("RmtInf")? else {
        return Ok(None);
    };
    for structured in remittance.all("Strd") {
        let reference = structured.kept(&["CdtrRefInf", "Ref"])?;
        let old = structured.kept(&["CdtrRefInf", "CdtrRef"])?;
        if let Some(reference) = reference.or(old) {
            return Ok(Some(reference));
        }
    }
    Ok(None)
}

fn exchange_rate(node: &Node) -> Result<Option<rust_decimal::Decimal>, Wrong> {
    for amount in ["TxAmt", "CntrValAmt", "InstdAmt"] {
        let path = ["AmtDtls", amount, "CcyXchg", "XchgRate"];
        let rate = node.read(&path, |text| text::rate(text).map(Some))?;
        if rate.is_some() {
            return Ok(rate);
        }
    }
    Ok(None)
}

/// RtrInf: that it came back, and why.
fn returned(node: &Node) -> Result<Option<Return>, Wrong> {
    let Some(information) = node.one("RtrInf")? else {
        return Ok(None);
    };
    let code = information.kept(&["Rsn", "Cd"])?;
    let mut lines = Vec::new();
    for line in information.all("AddtlInf") {
        lines.extend(line.prose(&[]).map_err(|wrong| wrong.within("RtrInf/AddtlInf"))?);
    }
    Ok(Some(Return {
        reason: code.or(information.kept(&["Rsn", "Prtry"])?),
        text: (!lines.is_empty()).then(|| lines.join("\n")),
    }))
}

#[cfg(test)]
mod tests;
