//! The bank statement, ISO 20022 camt.053.001.08: a statement per currency, on which acquirers pay their batches, and the
//! refunds that left by bank transfer are one sum.

use std::io::{self, Write};

use super::settlement::{BatchSums, payout_reference, payout_text};
use super::world::{ACQUIRERS, BANK_ACCOUNT, CURRENCIES, Day, World};

/// What moved on our bank account.
pub struct Moved<'a> {
    /// The batches of every acquirer, by currency.
    pub sums: &'a [[BatchSums; CURRENCIES.len()]; ACQUIRERS],
    /// Refunds that left, by currency: how many, and their sum.
    pub refunds: [(u64, i64); CURRENCIES.len()],
}

impl Moved<'_> {
    /// How many entries a statement has: one for each batch, and one for all refunds.
    fn entries(&self, currency: usize) -> usize {
        let batches = self.sums.iter().filter(|sums| sums[currency].lines > 0).count();
        batches.saturating_add(usize::from(self.refunds[currency].0 > 0))
    }
}

/// Writes the statements of every currency in which something moved, or of every currency where nothing did: a file without a
/// statement is none. Closing balance = opening balance + the batches' net - the refunds.
///
/// Nothing is escaped: every text here is made of letters, digits and punctuation that XML leaves alone.
pub fn write(out: &mut impl Write, world: &World, moved: &Moved<'_>) -> io::Result<()> {
    let day = world.day(Day::Settlement);
    let (date, created) = (day.date, format!("{}T21:00:00{}", day.date, day.offset));
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\n<BkToCstmrStmt>"
    )?;
    writeln!(
        out,
        "<GrpHdr><MsgId>STATEMENTS-{date}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>"
    )?;
    let all_at_rest = (0..CURRENCIES.len()).all(|currency| moved.entries(currency) == 0);
    for (currency, terms) in CURRENCIES.iter().enumerate() {
        let entries = moved.entries(currency);
        if entries == 0 && !all_at_rest {
            continue;
        }
        let paid: Vec<(usize, i64)> = moved
            .sums
            .iter()
            .enumerate()
            .filter(|(_, sums)| sums[currency].lines > 0)
            .map(|(acquirer, sums)| (acquirer, sums[currency].net))
            .collect();
        let (refunded, left) = moved.refunds[currency];
        let received = paid.iter().fold(0, |sum: i64, (_, net)| sum.saturating_add(*net));
        let code = terms.code;
        let opening = terms.minimum.saturating_mul(100);
        let closing = opening.saturating_add(received).saturating_sub(left);
        writeln!(
            out,
            "<Stmt><Id>{code}-{date}</Id><ElctrncSeqNb>1</ElctrncSeqNb><CreDtTm>{created}</CreDtTm>"
        )?;
        writeln!(
            out,
            "<Acct><Id><Othr><Id>{BANK_ACCOUNT}-{code}</Id></Othr></Id><Ccy>{code}</Ccy></Acct>"
        )?;
        for (kind, balance) in [("OPBD", opening), ("CLBD", closing)] {
            let (amount, side) = (world.amount(balance.saturating_abs(), currency), side(balance >= 0));
            writeln!(
                out,
                "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy=\"{code}\">{amount}</Amt>\
                 <CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>{date}</Dt></Dt></Bal>"
            )?;
        }
        let sum = world.amount(received.saturating_add(left), currency);
        writeln!(
            out,
            "<TxsSummry><TtlNtries><NbOfNtries>{entries}</NbOfNtries><Sum>{sum}</Sum></TtlNtries></TxsSummry>"
        )?;
        for (acquirer, net) in paid {
            write_batch(out, world, acquirer, currency, net)?;
        }
        if refunded > 0 {
            write_refunds(out, world, currency, (refunded, left))?;
        }
        writeln!(out, "</Stmt>")?;
    }
    writeln!(out, "</BkToCstmrStmt>\n</Document>")
}

fn side(is_credit: bool) -> &'static str {
    if is_credit { "CRDT" } else { "DBIT" }
}

/// What an acquirer pays.
fn write_batch(out: &mut impl Write, world: &World, acquirer: usize, currency: usize, net: i64) -> io::Result<()> {
    let (date, code) = (world.day(Day::Settlement).date, CURRENCIES[currency].code);
    let (batch, number) = (currency.saturating_add(1), acquirer.saturating_add(1));
    let payer = [world.format(acquirer).payer(), "Carrier A", "Carrier B"][acquirer];
    let (amount, reference, text) = (
        world.amount(net, currency),
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
