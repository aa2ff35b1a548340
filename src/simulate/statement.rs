//! The bank statement, ISO 20022 camt.053.001.08: a statement per currency, on which the acquirer pays its batch, and the refunds
//! that left by bank transfer are one sum.

use std::io::{self, Write};

use super::settlement::{BatchSums, payout_reference, payout_text};
use super::world::{BANK_ACCOUNT, CURRENCIES, Day, World};

/// Writes the statements of every currency that has a batch, or refunds that left (`refunds`: how many, and their sum). Closing
/// balance = opening balance + the batch's net - the refunds.
///
/// Nothing is escaped: every text here is made of letters, digits and punctuation that XML leaves alone.
pub fn write(
    out: &mut impl Write,
    world: &World,
    sums: &[BatchSums; CURRENCIES.len()],
    refunds: &[(u64, i64); CURRENCIES.len()],
) -> io::Result<()> {
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
    for (currency, terms) in CURRENCIES.iter().enumerate() {
        let (net, (refunded, out_sum)) = (sums[currency].net, refunds[currency]);
        let paid = sums[currency].lines > 0;
        if !paid && refunded == 0 {
            continue;
        }
        let code = terms.code;
        let opening = terms.minimum.saturating_mul(100);
        let closing = opening.saturating_add(net).saturating_sub(out_sum);
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
        let entries = usize::from(paid).saturating_add(usize::from(refunded > 0));
        let sum = world.amount(net.saturating_add(out_sum), currency);
        writeln!(
            out,
            "<TxsSummry><TtlNtries><NbOfNtries>{entries}</NbOfNtries><Sum>{sum}</Sum></TtlNtries></TxsSummry>"
        )?;
        if paid {
            write_batch(out, world, currency, net)?;
        }
        if refunded > 0 {
            write_refunds(out, world, currency, refunds[currency])?;
        }
        writeln!(out, "</Stmt>")?;
    }
    writeln!(out, "</BkToCstmrStmt>\n</Document>")
}

fn side(is_credit: bool) -> &'static str {
    if is_credit { "CRDT" } else { "DBIT" }
}

/// What the acquirer pays.
fn write_batch(out: &mut impl Write, world: &World, currency: usize, net: i64) -> io::Result<()> {
    let (date, code) = (world.day(Day::Settlement).date, CURRENCIES[currency].code);
    let batch = currency.saturating_add(1);
    let (amount, reference, text) = (
        world.amount(net, currency),
        payout_reference(world, batch),
        payout_text(world, batch),
    );
    writeln!(
        out,
        "<Ntry><NtryRef>1</NtryRef><Amt Ccy=\"{code}\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
         <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{date}</Dt></BookgDt><ValDt><Dt>{date}</Dt></ValDt>\
         <AcctSvcrRef>BANK-{code}-1</AcctSvcrRef>\
         <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
         <NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs><Amt Ccy=\"{code}\">{amount}</Amt>\
         <CdtDbtInd>CRDT</CdtDbtInd><RltdPties><Dbtr><Pty><Nm>Adyen N.V.</Nm></Pty></Dbtr></RltdPties>\
         <RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )
}

/// What left for refunds by bank transfer: one order, one entry.
fn write_refunds(out: &mut impl Write, world: &World, currency: usize, (count, sum): (u64, i64)) -> io::Result<()> {
    let (date, code) = (world.day(Day::Settlement).date, CURRENCIES[currency].code);
    let amount = world.amount(sum, currency);
    writeln!(
        out,
        "<Ntry><NtryRef>2</NtryRef><Amt Ccy=\"{code}\">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd>\
         <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{date}</Dt></BookgDt><ValDt><Dt>{date}</Dt></ValDt>\
         <AcctSvcrRef>BANK-{code}-2</AcctSvcrRef>\
         <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
         <NtryDtls><Btch><MsgId>REFUNDS-{date}-{code}</MsgId><NbOfTxs>{count}</NbOfTxs><TtlAmt Ccy=\"{code}\">{amount}</TtlAmt>\
         <CdtDbtInd>DBIT</CdtDbtInd></Btch></NtryDtls></Ntry>"
    )
}
