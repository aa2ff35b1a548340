//! What acquirers and banks write: settlement files in three forms, bank statements in three formats.

use std::fmt::Write;

use acquit::ledger::entry::EntryKind;
use chrono::NaiveDate;

use super::terms::{ACQUIRERS, Form, decimal, of};
use super::world::{File, Line, Statement, What, World};
use crate::stage;

/// The text of a settlement file.
pub fn settlement(file: &File) -> String {
    match ACQUIRERS[file.acquirer].form {
        Form::Adyen => adyen(file),
        Form::Profile => profile(file),
        Form::Stripe => stripe(file),
    }
}

/// An acquirer's word for what a line reports.
fn word<'w>(line: &Line, words: [&'w str; 4]) -> &'w str {
    let [sale, back, disputed, won] = words;
    match (line.record, line.gross > 0) {
        (EntryKind::Capture, _) => sale,
        (EntryKind::Refund, _) => back,
        (_, false) => disputed,
        (_, true) => won,
    }
}

fn signed(minor: i64, code: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}", decimal(minor, code))
}

fn adyen(file: &File) -> String {
    let line = |line: &Line| {
        let kind = word(line, ["Settled", "Refunded", "Chargeback", "ChargebackReversed"]);
        let (gross, batch) = (signed(line.gross, line.code), &file.batches[line.code]);
        let (code, reference, day) = (line.code, &line.reference, line.day);
        let cost = match line.cost {
            0 => String::new(),
            cost => format!(" cost={}", decimal(cost, code)),
        };
        format!("{kind} {gross} {code} ref={reference} batch={batch} day={day}{cost}")
    };
    let lines: Vec<String> = file.lines.iter().map(line).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    stage::settlement_file(&lines, &file.day.to_string())
}

fn profile(file: &File) -> String {
    let mut text = "Kind;Statement;Their id;Day;Currency;Amount;Settled;D/C\n".to_owned();
    let mut thousandths = 0;
    for line in &file.lines {
        let kind = word(line, ["SALE", "BACK", "DISPUTED", "WON"]);
        let amount = decimal(line.gross, line.code).replace('.', ",");
        let flag = if line.gross < 0 { "D" } else { "C" };
        let (batch, reference, day) = (&file.batches[line.code], &line.reference, line.day.format("%d.%m.%Y"));
        writeln!(
            text,
            "{kind};{batch};{reference};{day};{};{amount};{amount};{flag}",
            line.code
        )
        .expect("text");
        thousandths += line.gross * if of(line.code).places == 3 { 1 } else { 10 };
    }
    let total = signed(thousandths, "KWD").replace('.', ",");
    write!(text, "COUNT;{}\nTOTAL;{total}\n", file.lines.len()).expect("text");
    text
}

fn stripe(file: &File) -> String {
    let mut text =
        "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,automatic_payout_id\n"
            .to_owned();
    let mut row = |id: &str, day: NaiveDate, code: &str, [gross, fee]: [i64; 2], kind: &str, of: &str| {
        let [gross, fee, net] = [gross, fee, gross - fee].map(|minor| signed(minor, code));
        writeln!(
            text,
            "{id},{day} 10:00:00,{},{gross},{fee},{net},{kind},{of}",
            code.to_lowercase()
        )
        .expect("text");
    };
    for (place, line) in file.lines.iter().enumerate() {
        let kind = word(line, ["charge", "refund", "dispute", "dispute_reversal"]);
        let of = format!("{},{}", line.reference, file.batches[line.code]);
        row(
            &format!("txn{place}x"),
            line.day,
            line.code,
            [line.gross, line.cost],
            kind,
            &of,
        );
    }
    // What is below zero is collected, and no payout.
    for (code, batch) in file.batches.iter().filter(|(code, _)| file.net(code) > 0) {
        let of = format!("{batch}x,{batch}");
        row(
            &format!("txn{batch}"),
            file.day,
            code,
            [-file.net(code), 0],
            "payout",
            &of,
        );
    }
    text
}

// Bank statements ----------------------------------------------------------------------------------------------------------

/// What an entry tells: its amount, the id of a payout, whether it comes back, what kind it is of, words.
struct Told {
    amount: i64,
    id: String,
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Transfer,
    Return,
    Charge,
    Interest,
}

/// The text of a bank statement.
pub fn statement(world: &World, statement: &Statement) -> String {
    let mut told = Vec::new();
    for entry in &statement.entries {
        let mut add = |amount, id: &str, kind, text: &str| {
            told.push(Told {
                amount,
                id: id.to_owned(),
                kind,
                text: text.to_owned(),
            });
        };
        match &entry.what {
            What::Receipt { batches, parts, named } => {
                let names: Vec<&str> = batches.iter().map(|(_, name, _)| name.as_str()).collect();
                let names = if *named || parts.len() > 1 {
                    names.join(" and ")
                } else {
                    "payment".to_owned()
                };
                let whole = [entry.amount];
                for part in if parts.is_empty() { &whole[..] } else { parts } {
                    add(*part, "", Kind::Transfer, &names);
                }
            }
            What::Unknown => add(entry.amount, "", Kind::Transfer, "who knows"),
            What::Charge => add(entry.amount, "", Kind::Charge, "for the account"),
            What::Interest => add(entry.amount, "", Kind::Interest, "for the month"),
            What::Made(place) => add(entry.amount, &world.payouts[*place].id, Kind::Transfer, "payout"),
            What::CameBack(place) => add(entry.amount, &world.payouts[*place].id, Kind::Return, "account closed"),
        }
    }
    match statement.code {
        "EUR" => camt(statement, &told),
        "USD" => bai2(statement, &told),
        _ => mt940(statement, &told),
    }
}

fn camt(statement: &Statement, told: &[Told]) -> String {
    let Statement { code, day, opening, .. } = statement;
    let amount = |minor: i64| {
        let side = if minor < 0 { "DBIT" } else { "CRDT" };
        format!(
            "<Amt Ccy=\"{code}\">{}</Amt><CdtDbtInd>{side}</CdtDbtInd>",
            decimal(minor, code)
        )
    };
    let balance = |kind: &str, minor: i64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{}<Dt><Dt>{day}</Dt></Dt></Bal>\n",
            amount(minor)
        )
    };
    let entry = |(place, told): (usize, &Told)| {
        let family = match told.kind {
            Kind::Transfer | Kind::Return => "ESCT",
            Kind::Charge => "CHRG",
            Kind::Interest => "INTR",
        };
        let back = if told.kind == Kind::Return {
            "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
        } else {
            ""
        };
        let id = match told.id.as_str() {
            "" => String::new(),
            id => format!("<EndToEndId>{id}</EndToEndId>"),
        };
        format!(
            "<Ntry>{}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>\
             <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>{family}</SubFmlyCd></Fmly></Domn></BkTxCd>\
             <NtryDtls><TxDtls><Refs><AcctSvcrRef>{code}{}N{place}</AcctSvcrRef>{id}</Refs>{}\
             <RmtInf><Ustrd>{}</Ustrd></RmtInf>{back}</TxDtls></NtryDtls></Ntry>\n",
            amount(told.amount),
            day.format("%Y%m%d"),
            amount(told.amount),
            told.text,
        )
    };
    let entries: String = told.iter().enumerate().map(entry).collect();
    format!(
        "<?xml version=\"1.0\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\n\
         <GrpHdr><MsgId>M{day}</MsgId><CreDtTm>{day}T21:00:00Z</CreDtTm></GrpHdr>\n\
         <Stmt><Id>S{day}</Id><Acct><Id><IBAN>{}</IBAN></Id><Ccy>{code}</Ccy></Acct>\n{}{}{entries}</Stmt>\n\
         </BkToCstmrStmt></Document>\n",
        of(code).account,
        balance("OPBD", *opening),
        balance("CLBD", statement.closing()),
    )
}

fn mt940(statement: &Statement, told: &[Told]) -> String {
    let Statement { code, day, opening, .. } = statement;
    let amount = |minor: i64| {
        let text = decimal(minor, code).replace('.', ",");
        if text.contains(',') { text } else { text + "," }
    };
    let side = |minor: i64| if minor < 0 { "D" } else { "C" };
    let short = day.format("%y%m%d");
    let balance = |tag: &str, minor: i64| format!(":{tag}:{}{short}{code}{}\n", side(minor), amount(minor));
    let mut text = format!(
        ":20:S{short}\n:25:{}\n:28C:1/1\n{}",
        of(code).account,
        balance("60F", *opening)
    );
    for (place, told) in told.iter().enumerate() {
        let kind = match told.kind {
            Kind::Transfer => "NTRF",
            Kind::Return => "NRTI",
            Kind::Charge => "NCHG",
            Kind::Interest => "NINT",
        };
        let words = match (told.id.as_str(), told.kind) {
            ("", _) => told.text.clone(),
            (id, Kind::Return) => format!("/EREF/{id}/RTRN/AC04/REMI/{}", told.text),
            (id, _) => format!("/EREF/{id}/REMI/{}", told.text),
        };
        let (mark, minor) = (side(told.amount), amount(told.amount));
        writeln!(
            text,
            ":61:{short}{}{mark}{minor}{kind}NONREF//{code}{short}N{place}\n:86:{words}",
            day.format("%m%d")
        )
        .expect("text");
    }
    text + &balance("62F", statement.closing()) + "-\n"
}

fn bai2(statement: &Statement, told: &[Told]) -> String {
    let Statement { code, day, opening, .. } = statement;
    let (short, closing) = (day.format("%y%m%d"), statement.closing());
    let mut text = format!(
        "01,BANK,HOUSE,{short},2300,1,,,2/\n02,HOUSE,021000021,1,{short},,{code},2/\n03,{},{code},010,{opening},,,015,{closing},,/\n",
        of(code).account
    );
    let mut control = opening + closing;
    for (place, told) in told.iter().enumerate() {
        let kind = match (told.kind, told.amount > 0) {
            (Kind::Transfer, true) => "165",
            (Kind::Transfer, false) => "495",
            (Kind::Return, _) => "257",
            (Kind::Charge, _) => "698",
            (Kind::Interest, _) => "354",
        };
        let minor = told.amount.abs();
        control += minor;
        writeln!(
            text,
            "16,{kind},{minor},Z,{code}{short}N{place},{},{}",
            told.id, told.text
        )
        .expect("text");
    }
    let records = told.len() + 2;
    write!(
        text,
        "49,{control},{records}/\n98,{control},1,{}/\n99,{control},1,{}/\n",
        records + 2,
        records + 4
    )
    .expect("text");
    text
}
