//! The bank statement, ISO 20022 camt.053.001.08: a statement per currency, on which the acquirer pays its batch.

use std::io::{self, Write};

use super::settlement::{BatchSums, payout_reference, payout_text};
use super::world::{CURRENCIES, Day, World};

/// Writes the statements of every currency that has a batch. Closing balance = opening balance + the batch's net.
///
/// Nothing is escaped: every text here is made of letters, digits and punctuation that XML leaves alone.
pub fn write(out: &mut impl Write, world: &World, sums: &[BatchSums; CURRENCIES.len()]) -> io::Result<()> {
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
        let net = sums[currency].net;
        if sums[currency].lines == 0 {
            continue;
        }
        let code = terms.code;
        let opening = terms.minimum.saturating_mul(100);
        let closing = opening.saturating_add(net);
        writeln!(
            out,
            "<Stmt><Id>{code}-{date}</Id><ElctrncSeqNb>1</ElctrncSeqNb><CreDtTm>{created}</CreDtTm>"
        )?;
        writeln!(
            out,
            "<Acct><Id><Othr><Id>main-{code}</Id></Othr></Id><Ccy>{code}</Ccy></Acct>"
        )?;
        for (kind, balance) in [("OPBD", opening), ("CLBD", closing)] {
            let amount = world.amount(balance, currency);
            writeln!(
                out,
                "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy=\"{code}\">{amount}</Amt>\
                 <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{date}</Dt></Dt></Bal>"
            )?;
        }
        let batch = currency.saturating_add(1);
        let (amount, reference, text) = (
            world.amount(net, currency),
            payout_reference(world, batch),
            payout_text(world, batch),
        );
        writeln!(
            out,
            "<TxsSummry><TtlNtries><NbOfNtries>1</NbOfNtries><Sum>{amount}</Sum></TtlNtries></TxsSummry>"
        )?;
        writeln!(
            out,
            "<Ntry><NtryRef>1</NtryRef><Amt Ccy=\"{code}\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
             <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{date}</Dt></BookgDt><ValDt><Dt>{date}</Dt></ValDt>\
             <AcctSvcrRef>BANK-{code}-1</AcctSvcrRef>\
             <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
             <NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs><Amt Ccy=\"{code}\">{amount}</Amt>\
             <CdtDbtInd>CRDT</CdtDbtInd><RltdPties><Dbtr><Pty><Nm>Adyen N.V.</Nm></Pty></Dbtr></RltdPties>\
             <RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n</Stmt>"
        )?;
    }
    writeln!(out, "</BkToCstmrStmt>\n</Document>")
}
