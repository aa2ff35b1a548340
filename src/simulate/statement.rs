//! Bank statements, ISO 20022 camt.053.001.08: a statement per currency, on which acquirers pay their batches, and the refunds
//! that left by bank transfer are one sum. What the bank gets wrong is planted here.

use std::io::{self, Write};

use chrono::{Days, NaiveDate};

use super::settlement::{BatchSums, payout_reference, payout_text};
use super::world::{ACQUIRERS, BANK_ACCOUNT, CURRENCIES, Day, World};
use super::{BreakKind, SimulateError};

/// How many days after the first statements the later ones come: by then everything that is awaited should have come.
const LATER: Days = Days::new(14);

/// A batch, and what the bank is paid for it.
#[derive(Debug, Clone, Copy)]
pub struct Paid {
    /// Whose.
    pub acquirer: usize,
    /// A place in [`CURRENCIES`].
    pub currency: usize,
    /// The batch's number.
    pub number: usize,
    /// What the file says.
    pub net: i64,
    /// What came; none where nothing did.
    pub came: Option<i64>,
}

/// What the bank is paid for the batches of every acquirer, by currency: as many as planned wrongly, the first ones, in turn more
/// and less; and as many as planned, those after them, not at all.
pub fn paid(world: &World, sums: &[[BatchSums; CURRENCIES.len()]; ACQUIRERS]) -> Result<Vec<Paid>, SimulateError> {
    let (mut differing, mut absent) = (world.at_bank.differing, world.at_bank.absent);
    let mut paid = Vec::new();
    for (acquirer, sums) in sums.iter().enumerate() {
        for (currency, batch) in sums.iter().enumerate().filter(|(_, batch)| batch.lines > 0) {
            let net = batch.net;
            let off = CURRENCIES[currency].batch_fee;
            let came = if differing > 0 {
                differing = differing.saturating_sub(1);
                let is_less = differing.is_multiple_of(2) && net > off;
                Some(net.saturating_add(if is_less { off.saturating_neg() } else { off }))
            } else if absent > 0 {
                absent = absent.saturating_sub(1);
                None
            } else {
                Some(net)
            };
            let number = batch.number;
            paid.push(Paid {
                acquirer,
                currency,
                number,
                net,
                came,
            });
        }
    }
    for (kind, count, left) in [
        (BreakKind::FundingMismatch, world.at_bank.differing, differing),
        (BreakKind::MissingReceipt, world.at_bank.absent, absent),
    ] {
        if left > 0 {
            let batches = paid.len();
            return Err(SimulateError::TooFewBatches { kind, count, batches });
        }
    }
    Ok(paid)
}

/// What strangers pay: a place in [`CURRENCIES`], and an amount that no batch comes to.
pub fn gifts(world: &World, paid: &[Paid]) -> Vec<(usize, i64)> {
    let currency = paid.first().map_or(0, |batch| batch.currency);
    let is_taken = |amount: i64| {
        paid.iter()
            .any(|batch| batch.net == amount || batch.came == Some(amount))
    };
    let least = CURRENCIES[currency].minimum;
    let amounts = (1..)
        .map(|number: i64| least.saturating_add(number))
        .filter(|amount| !is_taken(*amount));
    let count = usize::try_from(world.at_bank.strangers).unwrap_or(usize::MAX);
    amounts.take(count).map(|amount| (currency, amount)).collect()
}

/// What moved on our bank account.
pub struct Moved<'a> {
    /// The batches of every acquirer.
    pub paid: &'a [Paid],
    /// Refunds that left, by currency: how many, and their sum.
    pub refunds: [(u64, i64); CURRENCIES.len()],
}

/// The statement of a currency.
struct Statement {
    currency: usize,
    /// Batches that were paid: whose, the number, and what came.
    batches: Vec<(usize, usize, i64)>,
    gifts: Vec<i64>,
    refunds: (u64, i64),
    opening: i64,
}

impl Statement {
    fn of(world: &World, moved: &Moved<'_>, currency: usize) -> Self {
        let batches = moved.paid.iter().filter(|batch| batch.currency == currency);
        let gifts = gifts(world, moved.paid).into_iter().filter(|(of, _)| *of == currency);
        Self {
            currency,
            batches: batches
                .filter_map(|batch| Some((batch.acquirer, batch.number, batch.came?)))
                .collect(),
            gifts: gifts.map(|(_, amount)| amount).collect(),
            refunds: moved.refunds[currency],
            opening: CURRENCIES[currency].minimum.saturating_mul(100),
        }
    }

    /// One for each batch, one for each stranger, and one for all refunds.
    fn entries(&self) -> usize {
        let refunds = usize::from(self.refunds.0 > 0);
        self.batches
            .len()
            .saturating_add(self.gifts.len())
            .saturating_add(refunds)
    }

    fn received(&self) -> i64 {
        let batches = self.batches.iter().map(|(.., came)| *came);
        batches.chain(self.gifts.iter().copied()).fold(0, i64::saturating_add)
    }

    fn closing(&self) -> i64 {
        self.opening
            .saturating_add(self.received())
            .saturating_sub(self.refunds.1)
    }
}

/// Writes the statements of every currency in which something moved, or of every currency where nothing did: a file without a
/// statement is none. Closing balance = opening balance + what came - the refunds.
///
/// Nothing is escaped: every text here is made of letters, digits and punctuation that XML leaves alone.
pub fn write(out: &mut impl Write, world: &World, moved: &Moved<'_>) -> io::Result<()> {
    let day = world.day(Day::Settlement);
    let created = format!("{}T21:00:00{}", day.date, day.offset);
    let statements: Vec<Statement> = (0..CURRENCIES.len())
        .map(|currency| Statement::of(world, moved, currency))
        .collect();
    let all_at_rest = statements.iter().all(|statement| statement.entries() == 0);
    begin(out, day.date, &created)?;
    for statement in statements
        .iter()
        .filter(|statement| statement.entries() > 0 || all_at_rest)
    {
        open(out, world, statement, (day.date, &created, 1))?;
        for (acquirer, number, came) in &statement.batches {
            write_batch(out, world, (*acquirer, *number), (statement.currency, *came))?;
        }
        for (number, amount) in (1..).zip(&statement.gifts) {
            write_gift(out, world, number, (statement.currency, *amount))?;
        }
        if statement.refunds.0 > 0 {
            write_refunds(out, world, statement.currency, statement.refunds)?;
        }
        writeln!(out, "</Stmt>")?;
    }
    end(out)
}

/// Writes statements of days later, on which nothing moves: of the currencies in which something is awaited and did not come.
pub fn write_later(out: &mut impl Write, world: &World, moved: &Moved<'_>) -> io::Result<()> {
    let first = world.day(Day::Settlement);
    let date = first.date.checked_add_days(LATER).unwrap_or(first.date);
    let created = format!("{date}T21:00:00Z");
    begin(out, date, &created)?;
    for currency in 0..CURRENCIES.len() {
        let is_awaited = |batch: &Paid| batch.currency == currency && batch.came.is_none();
        if !moved.paid.iter().any(is_awaited) {
            continue;
        }
        let before = Statement::of(world, moved, currency);
        let statement = Statement {
            currency,
            batches: Vec::new(),
            gifts: Vec::new(),
            refunds: (0, 0),
            opening: before.closing(),
        };
        open(out, world, &statement, (date, &created, 2))?;
        writeln!(out, "</Stmt>")?;
    }
    end(out)
}

fn begin(out: &mut impl Write, date: NaiveDate, created: &str) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\n<BkToCstmrStmt>"
    )?;
    writeln!(
        out,
        "<GrpHdr><MsgId>STATEMENTS-{date}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>"
    )
}

fn end(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "</BkToCstmrStmt>\n</Document>")
}

/// What stands before a statement's entries: which it is, its balances, and what its entries come to.
fn open(
    out: &mut impl Write,
    world: &World,
    statement: &Statement,
    (date, created, number): (NaiveDate, &str, u8),
) -> io::Result<()> {
    let currency = statement.currency;
    let code = CURRENCIES[currency].code;
    writeln!(
        out,
        "<Stmt><Id>{code}-{date}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>{created}</CreDtTm>"
    )?;
    writeln!(
        out,
        "<Acct><Id><Othr><Id>{BANK_ACCOUNT}-{code}</Id></Othr></Id><Ccy>{code}</Ccy></Acct>"
    )?;
    for (kind, balance) in [("OPBD", statement.opening), ("CLBD", statement.closing())] {
        let (amount, side) = (world.amount(balance.saturating_abs(), currency), side(balance >= 0));
        writeln!(
            out,
            "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy=\"{code}\">{amount}</Amt>\
             <CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>{date}</Dt></Dt></Bal>"
        )?;
    }
    let sum = world.amount(statement.received().saturating_add(statement.refunds.1), currency);
    let entries = statement.entries();
    writeln!(
        out,
        "<TxsSummry><TtlNtries><NbOfNtries>{entries}</NbOfNtries><Sum>{sum}</Sum></TtlNtries></TxsSummry>"
    )
}

fn side(is_credit: bool) -> &'static str {
    if is_credit { "CRDT" } else { "DBIT" }
}

/// What an acquirer pays.
fn write_batch(
    out: &mut impl Write,
    world: &World,
    (acquirer, batch): (usize, usize),
    (currency, came): (usize, i64),
) -> io::Result<()> {
    let (date, code) = (world.day(Day::Settlement).date, CURRENCIES[currency].code);
    let number = acquirer.saturating_add(1);
    let payer = [world.format(acquirer).payer(), "Carrier A", "Carrier B"][acquirer];
    let (amount, reference, text) = (
        world.amount(came, currency),
        payout_reference(world, acquirer, batch),
        payout_text(world, acquirer, batch),
    );
    writeln!(
        out,
        "<Ntry><NtryRef>{number}</NtryRef><Amt Ccy=\"{code}\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
         <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{date}</Dt></BookgDt><ValDt><Dt>{date}</Dt></ValDt>\
         <AcctSvcrRef>BANK-{date}-{code}-{number}</AcctSvcrRef>\
         <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
         <NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs><Amt Ccy=\"{code}\">{amount}</Amt>\
         <CdtDbtInd>CRDT</CdtDbtInd><RltdPties><Dbtr><Pty><Nm>{payer}</Nm></Pty></Dbtr></RltdPties>\
         <RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )
}

/// What somebody pays whom nobody knows: words that name nothing.
fn write_gift(out: &mut impl Write, world: &World, number: usize, (currency, amount): (usize, i64)) -> io::Result<()> {
    let (date, code) = (world.day(Day::Settlement).date, CURRENCIES[currency].code);
    let entry = ACQUIRERS.saturating_add(1).saturating_add(number);
    let amount = world.amount(amount, currency);
    writeln!(
        out,
        "<Ntry><NtryRef>{entry}</NtryRef><Amt Ccy=\"{code}\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
         <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{date}</Dt></BookgDt><ValDt><Dt>{date}</Dt></ValDt>\
         <AcctSvcrRef>BANK-{date}-{code}-{entry}</AcctSvcrRef>\
         <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
         <NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><Amt Ccy=\"{code}\">{amount}</Amt>\
         <CdtDbtInd>CRDT</CdtDbtInd><RltdPties><Dbtr><Pty><Nm>Stranger {number}</Nm></Pty></Dbtr></RltdPties>\
         <RmtInf><Ustrd>with thanks</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )
}

/// What left for refunds by bank transfer: one order, one entry.
fn write_refunds(out: &mut impl Write, world: &World, currency: usize, (count, sum): (u64, i64)) -> io::Result<()> {
    let (date, code) = (world.day(Day::Settlement).date, CURRENCIES[currency].code);
    let (amount, number) = (world.amount(sum, currency), ACQUIRERS.saturating_add(1));
    writeln!(
        out,
        "<Ntry><NtryRef>{number}</NtryRef><Amt Ccy=\"{code}\">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd>\
         <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{date}</Dt></BookgDt><ValDt><Dt>{date}</Dt></ValDt>\
         <AcctSvcrRef>BANK-{date}-{code}-{number}</AcctSvcrRef>\
         <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
         <NtryDtls><Btch><MsgId>REFUNDS-{date}-{code}</MsgId><NbOfTxs>{count}</NbOfTxs><TtlAmt Ccy=\"{code}\">{amount}</TtlAmt>\
         <CdtDbtInd>DBIT</CdtDbtInd></Btch></NtryDtls></Ntry>"
    )
}
