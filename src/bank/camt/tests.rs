//! camt, by what each element means; truths are worked out by hand.

use super::super::tests::{day, money, read, read_as, read_true, untrue};
use super::*;

/// A statement of an account in EUR that begins with 100.00.
fn statement(version: &str, closing: &str, rest: &str) -> String {
    let (sign, closing) = closing.split_at(1);
    let sign = if sign == "-" { "DBIT" } else { "CRDT" };
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}\"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr>\
         <Stmt><Id>S-1</Id><Acct><Id><Othr><Id>0001</Id></Othr></Id><Ccy>EUR</Ccy></Acct>\
         <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>\
         <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{closing}</Amt><CdtDbtInd>{sign}</CdtDbtInd></Bal>\
         {rest}</Stmt></BkToCstmrStmt></Document>"
    )
}

/// An entry of 08, and what stands in it.
fn entry(amount: &str, sign: &str, rest: &str) -> String {
    format!("<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>{rest}</Ntry>")
}

#[test]
fn every_field_of_the_latest_form_is_read() {
    let read = read_true(include_bytes!("../../../fuzz/seeds/camt/good.xml"));
    let [statement] = &read.statements[..] else {
        panic!("one statement: {:?}", read.statements);
    };
    assert_eq!(
        (
            statement.id.as_str(),
            statement.account.as_str(),
            statement.sequence.as_deref()
        ),
        ("STATEMENT-23", "NL91ABNA0417164300", Some("23"))
    );
    assert_eq!(
        (statement.from, statement.until),
        (Some(day("2026-03-04")), Some(day("2026-03-04")))
    );
    assert_eq!(
        statement.opening.as_ref().map(|balance| balance.money),
        Some(money(100_000, "EUR"))
    );
    let [entry] = &read.entries[..] else {
        panic!("one entry: {:?}", read.entries);
    };
    assert_eq!((entry.ordinal, entry.statement, entry.line), (1, 1, 13));
    assert_eq!((entry.money, entry.status), (money(5_887, "EUR"), Status::Booked));
    assert_eq!(
        (entry.booking_date, entry.value_date),
        (Some(day("2026-03-04")), Some(day("2026-03-05")))
    );
    assert_eq!(entry.code.iso.as_deref(), Some("PMNT-RCDT-ESCT"));
    assert_eq!(
        (entry.bank_reference.as_deref(), entry.entry_reference.as_deref()),
        (Some("BANK-1"), Some("1"))
    );
    assert!(
        entry.raw.starts_with("<Ntry>\n<NtryRef>1</NtryRef>") && entry.raw.ends_with("</Ntry>"),
        "{}",
        entry.raw
    );
    let [detail] = &entry.details[..] else {
        panic!("one detail: {:?}", entry.details);
    };
    assert_eq!(detail.end_to_end_id.as_deref(), Some("PAYOUT-8"));
    assert_eq!(detail.counterparty.name.as_deref(), Some("Acquirer"));
    assert_eq!(detail.text.as_deref(), Some("PAYOUT-7 batch 7"));
    let closing = &read.closings[0];
    assert!(closing.balanced);
    assert_eq!((closing.entries, closing.booked_minor, closing.proven), (1, 5_887, 3));
}

#[test]
fn the_older_form_says_the_same() {
    let text = "<Ntry><Amt Ccy=\"EUR\">8.85</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><DtTm>2026-03-04T23:59:59-05:00\
                </DtTm></BookgDt><Chrgs><TtlChrgsAndTaxAmt Ccy=\"EUR\">0.10</TtlChrgsAndTaxAmt></Chrgs>\
                <BkTxCd><Prtry><Cd>544</Cd></Prtry></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>\
                <AmtDtls><InstdAmt><Amt Ccy=\"USD\">10.00</Amt><CcyXchg><XchgRate>1.1429</XchgRate></CcyXchg></InstdAmt>\
                <TxAmt><Amt Ccy=\"EUR\">8.75</Amt></TxAmt></AmtDtls>\
                <RltdPties><Cdtr><Nm>Shop</Nm></Cdtr><CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct></RltdPties>\
                <RltdAgts><CdtrAgt><FinInstnId><BIC>COBADEFF</BIC></FinInstnId></CdtrAgt></RltdAgts></TxDtls></NtryDtls></Ntry>";
    for version in ["02", "04"] {
        let read = read_true(statement(version, "+91.15", text).as_bytes());
        let entry = &read.entries[0];
        assert_eq!(
            (entry.money, entry.booking_date),
            (money(-885, "EUR"), Some(day("2026-03-04")))
        );
        assert_eq!(entry.code.own.as_deref(), Some("544"));
        assert_eq!(entry.charges[0].money, money(-10, "EUR"));
        let detail = &entry.details[0];
        assert_eq!(
            (detail.money, detail.original),
            (Some(money(-875, "EUR")), Some(money(-1000, "USD")))
        );
        assert_eq!(
            detail.exchange_rate.map(|rate| rate.to_string()).as_deref(),
            Some("1.1429")
        );
        assert_eq!(detail.end_to_end_id, None);
        let [name, account, bank] = [
            &detail.counterparty.name,
            &detail.counterparty.account,
            &detail.counterparty.bank,
        ];
        assert_eq!(
            [name.as_deref(), account.as_deref(), bank.as_deref()],
            [Some("Shop"), Some("DE89370400440532013000"), Some("COBADEFF")]
        );
    }
}

#[test]
fn a_batch_is_one_entry_of_many_details() {
    let batch = |number: u64, total: &str| {
        let details = "<TxDtls><Refs><EndToEndId>PO-1</EndToEndId></Refs><Amt Ccy=\"EUR\">97.00</Amt></TxDtls>\
                       <TxDtls><Refs><EndToEndId>PO-2</EndToEndId></Refs><Amt Ccy=\"EUR\">54.50</Amt></TxDtls>";
        let rest = format!(
            "<NtryDtls><Btch><MsgId>RUN-1</MsgId><PmtInfId>RUN-1-1</PmtInfId><NbOfTxs>{number}</NbOfTxs>\
             <TtlAmt Ccy=\"EUR\">{total}</TtlAmt></Btch>{details}</NtryDtls>"
        );
        statement("08", "-51.50", &entry("151.50", "DBIT", &rest))
    };
    let read = read_true(batch(2, "151.50").as_bytes());
    let entry = &read.entries[0];
    let ids: Vec<_> = entry
        .details
        .iter()
        .map(|detail| detail.end_to_end_id.as_deref())
        .collect();
    assert_eq!(ids, [Some("PO-1"), Some("PO-2")]);
    // The details say no sign of their own: it is their entry's.
    assert_eq!(entry.details[1].money, Some(money(-5_450, "EUR")));
    assert_eq!(entry.batches[0].payment_information_id.as_deref(), Some("RUN-1-1"));
    assert_eq!(entry.batches[0].total, Some(money(-15_150, "EUR")));
    assert_eq!(
        untrue(batch(3, "151.50").as_bytes()),
        ["Stmt[1]/Ntry[1]: transactions of RUN-1-1: 3 is 2"]
    );
    assert_eq!(
        untrue(batch(2, "151.51").as_bytes()),
        ["Stmt[1]/Ntry[1]: the sum of RUN-1-1: 15151 is 15150"]
    );
}

#[test]
fn charges_may_part_an_entry_from_its_details() {
    let rest = "<Chrgs><Rcrd><Amt Ccy=\"EUR\">1.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><ChrgInclInd>true</ChrgInclInd></Rcrd></Chrgs>\
                <NtryDtls><TxDtls><Amt Ccy=\"EUR\">60.00</Amt></TxDtls></NtryDtls>";
    let read = read_true(statement("08", "+158.50", &entry("58.50", "CRDT", rest)).as_bytes());
    let entry = &read.entries[0];
    assert_eq!(
        (entry.money, entry.details[0].money),
        (money(5_850, "EUR"), Some(money(6_000, "EUR")))
    );
    assert_eq!(
        (entry.charges[0].money, entry.charges[0].included),
        (money(-150, "EUR"), Some(true))
    );
    // A detail without an amount has none.
    let rest = "<NtryDtls><TxDtls><Refs><EndToEndId>A</EndToEndId></Refs></TxDtls></NtryDtls>";
    let read = read_true(statement("08", "+158.50", &self::entry("58.50", "CRDT", rest)).as_bytes());
    assert_eq!(read.entries[0].details[0].money, None);
}

#[test]
fn a_payout_that_came_back_has_its_reason() {
    let rest = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls>\
                <Refs><EndToEndId>PO-2</EndToEndId></Refs><Amt Ccy=\"EUR\">54.50</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
                <RltdPties><Dbtr><Pty><Nm>House</Nm></Pty></Dbtr><Cdtr><Pty><Nm>Shop</Nm></Pty></Cdtr></RltdPties>\
                <RtrInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>closed</AddtlInf></RtrInf></TxDtls></NtryDtls>";
    let read = read_true(statement("08", "+154.50", &entry("54.50", "CRDT", rest)).as_bytes());
    let entry = &read.entries[0];
    assert!(entry.returned);
    let detail = &entry.details[0];
    assert_eq!(detail.end_to_end_id.as_deref(), Some("PO-2"));
    let returned = detail.returned.clone().expect("a return");
    assert_eq!(
        (returned.reason.as_deref(), returned.text.as_deref()),
        (Some("AC04"), Some("closed"))
    );
    assert_eq!(detail.counterparty.name.as_deref(), Some("Shop"));
}

#[test]
fn a_reversal_is_signed_as_the_standard_says_or_as_its_bank_does() {
    let reversal = entry("10.00", "CRDT", "").replace("<Sts>", "<RvslInd>true</RvslInd><Sts>");
    let file = statement("08", "+110.00", &reversal);
    assert_eq!(read_true(file.as_bytes()).entries[0].money, money(1_000, "EUR"));
    let file = statement("08", "+90.00", &reversal);
    assert_eq!(
        untrue(file.as_bytes()),
        [
            "the closing balance CLBD is the opening balance and the entries (it would be, were reversals signed as what they \
          reverse): 9000 is 11000"
        ]
    );
    let read = read_as(file.as_bytes(), Reversals::AsReversed).expect("a file");
    assert!(read.closings[0].is_true() && read.entries[0].reversal);
    assert_eq!(read.entries[0].money, money(-1_000, "EUR"));
}

#[test]
fn what_is_not_booked_is_in_no_balance() {
    let pending = entry("5.00", "CRDT", "").replace("BOOK", "PDNG");
    let read = read_true(statement("08", "+100.00", &pending).as_bytes());
    assert_eq!(
        (read.entries[0].status, read.closings[0].booked_minor),
        (Status::Pending, 0)
    );
}

#[test]
fn a_statement_begins_with_what_the_one_before_ended_with() {
    let second = |opening: &str, account: &str| {
        let first = statement("08", "+110.00", &entry("10.00", "CRDT", ""));
        let second = statement("08", "+120.00", &entry("10.00", "CRDT", ""))
            .replace("100.00", opening)
            .replace("0001", account);
        let stmt = second
            .split("</GrpHdr>")
            .nth(1)
            .and_then(|rest| rest.split("</BkToCstmrStmt>").next());
        first.replace(
            "</BkToCstmrStmt>",
            &format!("{}</BkToCstmrStmt>", stmt.expect("a statement")),
        )
    };
    assert_eq!(read_true(second("110.00", "0001").as_bytes()).closings.len(), 2);
    assert_eq!(
        untrue(second("109.00", "0001").as_bytes()),
        [
            "the opening balance OPBD is the closing balance of the statement before: 10900 is 11000",
            "the closing balance CLBD is the opening balance and the entries: 12000 is 11900"
        ]
    );
    // Another account has balances of its own.
    assert_eq!(untrue(second("109.00", "0002").as_bytes()).len(), 1);
}

#[test]
fn pages_lead_from_interim_balance_to_interim_balance() {
    let page = |number: u8, last: bool, opening: &str, closing: &str| {
        statement("08", "+110.00", &entry("10.00", "CRDT", ""))
            .replace(
                "<Acct>",
                &format!("<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn><Acct>"),
            )
            .replace("OPBD", opening)
            .replace("CLBD", closing)
    };
    for (file, balanced) in [
        (page(1, false, "OPBD", "ITBD"), true),
        (page(2, false, "ITBD", "ITBD"), true),
        (page(3, true, "ITBD", "CLBD"), true),
        (page(1, true, "PRCD", "CLBD"), true),
        (page(1, true, "ITBD", "CLBD"), false),
        (page(1, true, "OPBD", "ITBD"), false),
    ] {
        let read = read_true(file.as_bytes());
        assert_eq!(read.closings[0].balanced, balanced, "{file}");
    }
}

#[test]
fn sums_of_a_statement_are_proven_in_both_forms() {
    let entries = format!("{}{}", entry("10.00", "CRDT", ""), entry("4.00", "DBIT", ""));
    let summed = |summary: &str| statement("08", "+106.00", &format!("<TxsSummry>{summary}</TxsSummry>{entries}"));
    for summary in [
        "<TtlNtries><NbOfNtries>2</NbOfNtries><Sum>14</Sum><TtlNetNtry><Amt>6</Amt><CdtDbtInd>CRDT</CdtDbtInd></TtlNetNtry></TtlNtries>",
        "<TtlNtries><TtlNetNtryAmt>6.00</TtlNetNtryAmt><CdtDbtInd>CRDT</CdtDbtInd></TtlNtries>",
        "<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>10</Sum></TtlCdtNtries>",
        "<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>4</Sum></TtlDbtNtries>",
    ] {
        assert!(
            read_true(summed(summary).as_bytes()).closings[0].proven > 1,
            "{summary}"
        );
    }
    for (summary, expected) in [
        (
            "<TtlNtries><TtlNetNtryAmt>6.00</TtlNetNtryAmt><CdtDbtInd>DBIT</CdtDbtInd></TtlNtries>",
            "TxsSummry: the net of all entries: -600 is 600",
        ),
        (
            "<TtlCdtNtries><Sum>14</Sum></TtlCdtNtries>",
            "TxsSummry/TtlCdtNtries: sum: 1400 is 1000",
        ),
        (
            "<TtlDbtNtries><NbOfNtries>2</NbOfNtries></TtlDbtNtries>",
            "TxsSummry/TtlDbtNtries: entries: 2 is 1",
        ),
    ] {
        assert_eq!(untrue(summed(summary).as_bytes()), [expected]);
    }
    let read = read(summed("<TtlNtries><Sum>1e1</Sum></TtlNtries>").as_bytes()).expect("a file");
    assert_eq!(read.rejects[0].place, "Stmt[1]/TxsSummry/TtlNtries/Sum");
}

#[test]
fn reports_and_notifications_have_no_balances_to_prove() {
    for (message, root, name, kind) in [
        ("camt.052", "BkToCstmrAcctRpt", "Rpt", Kind::Report),
        ("camt.054", "BkToCstmrDbtCdtNtfctn", "Ntfctn", Kind::Notification),
    ] {
        let file = format!(
            "<n:Document xmlns:n=\"urn:iso:std:iso:20022:tech:xsd:{message}.001.10\"><n:{root}><n:{name}><n:Id>1</n:Id>\
             <n:Acct><n:Id><n:IBAN>NL91ABNA0417164300</n:IBAN></n:Id></n:Acct><n:Ntry><n:Amt Ccy=\"JPY\">1200</n:Amt>\
             <n:CdtDbtInd>CRDT</n:CdtDbtInd><n:Sts><n:Cd>BOOK</n:Cd></n:Sts></n:Ntry></n:{name}></n:{root}></n:Document>"
        );
        let read = read_true(file.as_bytes());
        assert_eq!((read.statements[0].kind, read.closings[0].balanced), (kind, false));
        assert_eq!(read.entries[0].money, money(1_200, "JPY"));
    }
}

#[test]
fn a_large_batch_is_read_to_its_end() {
    let mut details = String::new();
    for number in 0..3_000 {
        details.push_str(&format!(
            "<TxDtls><Refs><EndToEndId>PO-{number}</EndToEndId></Refs><Amt Ccy=\"EUR\">0.01</Amt></TxDtls>"
        ));
    }
    let rest =
        format!("<NtryDtls><Btch><NbOfTxs>3000</NbOfTxs><TtlAmt Ccy=\"EUR\">30</TtlAmt></Btch>{details}</NtryDtls>");
    let read = read_true(statement("08", "+130.00", &entry("30.00", "CRDT", &rest)).as_bytes());
    assert_eq!(read.entries[0].details.len(), 3_000);
    assert!(read.entries[0].raw.len() <= RAW_LIMIT + 10);
}
