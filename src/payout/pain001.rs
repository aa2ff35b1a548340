//! The bank file as ISO 20022 customer credit transfer initiation: pain.001.001.09, or .03 for banks that still ask for it.
//!
//! One PmtInf a batch, one CdtTrfTxInf a payout; EndToEndId is the payout's id, which comes back with its confirmation or return,
//! and every other id follows from the message's and the payout's: the same payouts are the same bytes. Orders are written as
//! they come, and nothing is kept of them.
//!
//! Transfers in EUR between IBANs are SEPA credit transfers (service level SEPA, charges SLEV, rulebook EPC125-05 and
//! implementation guidelines EPC132-08); all others share charges and say nothing of a service level. Texts are of the characters
//! that every bank of the scheme must take (EPC217-08): letters and digits of ASCII, `/ - ? : ( ) . , ' +` and the blank, so none
//! of them needs to be escaped. Postal addresses are left out; from November 2026 on unstructured ones are refused.

use std::io::Write;

use chrono::{DateTime, Utc};

use super::order::{Batch, Checker, Debtor, Order, OrderError, Progress, Step, payout_id};
use crate::iban::{is_bic, is_iban};
use crate::money::{Currency, wide_decimal_text};

/// The most batches of a file: their numbers make their ids.
const BATCH_LIMIT: usize = 9_999;

/// A version of the message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// pain.001.001.09.
    #[default]
    V09,
    /// pain.001.001.03.
    V03,
}

impl Version {
    fn number(self) -> &'static str {
        match self {
            Self::V09 => "09",
            Self::V03 => "03",
        }
    }

    /// What a BIC is called.
    fn bic(self) -> &'static str {
        match self {
            Self::V09 => "BICFI",
            Self::V03 => "BIC",
        }
    }
}

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its id, unique for ever at every bank: at most 30 characters, since those of its batches are made of it.
    pub message_id: String,
    /// When it was made; whoever writes it again says the same.
    pub created: DateTime<Utc>,
    /// Who sends it.
    pub initiator: String,
    /// Whether the bank is to book each batch as one sum.
    pub batch_booking: bool,
    /// In which version.
    pub version: Version,
}

/// Writes a file: its head, then orders batch by batch, then its end.
pub struct Pain001<W> {
    out: W,
    head: Head,
    progress: Progress,
}

impl<W: Write> Pain001<W> {
    /// Begins a file of batches of which count and total are known.
    ///
    /// Errors: a field of head or batches that banks do not take, no orders.
    pub fn begin(mut out: W, head: &Head, batches: &[Batch]) -> Result<Self, OrderError> {
        let file = Checker::of_file();
        check_id(&file, "message id", &head.message_id, 30)?;
        file.text("initiator", &head.initiator, 70, is_latin)?;
        for (number, batch) in (1_usize..).zip(batches) {
            let of_batch = Checker::of_batch(number);
            of_batch.execution(batch.execute_on)?;
            check_party(
                &of_batch,
                &batch.debtor.name,
                &batch.debtor.account,
                &batch.debtor.bank,
                None,
            )?;
        }
        let progress = Progress::begin(batches)?;
        if batches.len() > BATCH_LIMIT {
            return Err(file.wrong("batches", format!("are more than {BATCH_LIMIT}")));
        }
        let count = batches
            .iter()
            .try_fold(0_u64, |sum, batch| sum.checked_add(batch.count));
        let count = count.ok_or_else(|| file.wrong("count", "is too large"))?;
        let version = head.version.number();
        writeln!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.{version}\">\n<CstmrCdtTrfInitn>\n\
             <GrpHdr><MsgId>{}</MsgId><CreDtTm>{}</CreDtTm><NbOfTxs>{count}</NbOfTxs><CtrlSum>{}</CtrlSum>\
             <InitgPty><Nm>{}</Nm></InitgPty></GrpHdr>",
            head.message_id,
            head.created.format("%Y-%m-%dT%H:%M:%SZ"),
            control_sum(batches),
            head.initiator,
        )?;
        Ok(Self {
            out,
            head: head.clone(),
            progress,
        })
    }

    /// Writes the next order, of the batch whose turn it is.
    ///
    /// Errors: a field that banks do not take, an id that does not come after the one before, a batch that is not what was said.
    pub fn order(&mut self, order: &Order<'_>) -> Result<(), OrderError> {
        let batch = self.progress.current(order)?.clone();
        let currency = batch.total.currency();
        let checker = Checker::of_order(order);
        let instruction = order.instruction;
        check_id(&checker, "id", &instruction.end_to_end_id, 35)?;
        checker.amount(instruction.money, currency, 18)?;
        let is_sepa = is_sepa(&batch.debtor, currency);
        if is_sepa {
            checker.amount(instruction.money, currency, 11)?;
        }
        check_party(
            &checker,
            &instruction.holder,
            &instruction.account,
            &instruction.bank,
            Some(is_sepa),
        )?;
        if !order.text.is_empty() {
            checker.text("text", order.text, 140, is_latin)?;
        }
        let Step {
            batch: place,
            first,
            last,
        } = self.progress.step(order)?;
        if first {
            self.begin_batch(place, &batch)?;
        }
        write!(
            self.out,
            "<CdtTrfTxInf><PmtId><InstrId>{}</InstrId><EndToEndId>{}</EndToEndId></PmtId>\
             <Amt><InstdAmt Ccy=\"{currency}\">{}</InstdAmt></Amt>",
            payout_id(order.payout),
            instruction.end_to_end_id,
            instruction.money.to_decimal_text(),
        )?;
        if !instruction.bank.is_empty() {
            write!(self.out, "<CdtrAgt>{}</CdtrAgt>", self.agent(&instruction.bank))?;
        }
        write!(
            self.out,
            "<Cdtr><Nm>{}</Nm></Cdtr><CdtrAcct>{}</CdtrAcct>",
            instruction.holder,
            account(&instruction.account),
        )?;
        if !order.text.is_empty() {
            write!(self.out, "<RmtInf><Ustrd>{}</Ustrd></RmtInf>", order.text)?;
        }
        self.out.write_all(b"</CdtTrfTxInf>\n")?;
        if last {
            self.out.write_all(b"</PmtInf>\n")?;
        }
        Ok(())
    }

    fn begin_batch(&mut self, place: usize, batch: &Batch) -> Result<(), OrderError> {
        let is_sepa = is_sepa(&batch.debtor, batch.total.currency());
        let service = if is_sepa {
            "<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf>"
        } else {
            ""
        };
        let execute_on = match self.head.version {
            Version::V09 => format!("<Dt>{}</Dt>", batch.execute_on),
            Version::V03 => batch.execute_on.to_string(),
        };
        writeln!(
            self.out,
            "<PmtInf><PmtInfId>{}-{}</PmtInfId><PmtMtd>TRF</PmtMtd><BtchBookg>{}</BtchBookg><NbOfTxs>{}</NbOfTxs>\
             <CtrlSum>{}</CtrlSum>{service}<ReqdExctnDt>{execute_on}</ReqdExctnDt><Dbtr><Nm>{}</Nm></Dbtr>\
             <DbtrAcct>{}<Ccy>{}</Ccy></DbtrAcct><DbtrAgt>{}</DbtrAgt><ChrgBr>{}</ChrgBr>",
            self.head.message_id,
            place.saturating_add(1),
            self.head.batch_booking,
            batch.count,
            batch.total.to_decimal_text(),
            batch.debtor.name,
            account(&batch.debtor.account),
            batch.total.currency(),
            self.agent(&batch.debtor.bank),
            if is_sepa { "SLEV" } else { "SHAR" },
        )?;
        Ok(())
    }

    /// A bank, by its BIC or not at all.
    fn agent(&self, bank: &str) -> String {
        let bic = self.head.version.bic();
        if bank.is_empty() {
            "<FinInstnId><Othr><Id>NOTPROVIDED</Id></Othr></FinInstnId>".to_owned()
        } else {
            format!("<FinInstnId><{bic}>{bank}</{bic}></FinInstnId>")
        }
    }

    /// Ends the file.
    ///
    /// Errors: batches without all of their orders.
    pub fn finish(mut self) -> Result<W, OrderError> {
        self.progress.end()?;
        self.out.write_all(b"</CstmrCdtTrfInitn>\n</Document>\n")?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The characters that every bank takes.
fn is_latin(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/-?:().,'+ ".contains(c)
}

/// An id: no blanks, and slashes neither at its ends nor two together.
fn check_id(checker: &Checker, field: &'static str, id: &str, limit: usize) -> Result<(), OrderError> {
    checker.text(field, id, limit, is_latin)?;
    if id.contains(' ') {
        return Err(checker.wrong(field, "holds a blank"));
    }
    if id.starts_with('/') || id.ends_with('/') || id.contains("//") {
        return Err(checker.wrong(field, "begins or ends with a slash, or holds two together"));
    }
    Ok(())
}

/// Name, account and bank of somebody. In a SEPA transfer the account is an IBAN; elsewhere a number needs its bank.
fn check_party(checker: &Checker, name: &str, account: &str, bank: &str, sepa: Option<bool>) -> Result<(), OrderError> {
    checker.text("name", name, 70, is_latin)?;
    let begins_like_iban = account.len() > 4 && account.bytes().take(2).all(|byte| byte.is_ascii_uppercase());
    if !is_iban(account) {
        if begins_like_iban {
            return Err(checker.wrong("account", "looks like an IBAN, but its check digits are wrong"));
        }
        if sepa == Some(true) {
            return Err(checker.wrong("account", "is not an IBAN"));
        }
        checker.text("account", account, 34, is_latin)?;
        if bank.is_empty() {
            return Err(checker.wrong("bank", "is missing: a number that is not an IBAN does not say it"));
        }
    }
    if !bank.is_empty() && !is_bic(bank) {
        return Err(checker.wrong("bank", format!("`{}` is not a BIC", bank.escape_debug())));
    }
    Ok(())
}

fn is_sepa(debtor: &Debtor, currency: Currency) -> bool {
    currency.code() == "EUR" && is_iban(&debtor.account)
}

fn account(number: &str) -> String {
    if is_iban(number) {
        format!("<Id><IBAN>{number}</IBAN></Id>")
    } else {
        format!("<Id><Othr><Id>{number}</Id></Othr></Id>")
    }
}

/// The sum of all amounts whatever their currencies, with the decimals of the finest of them.
fn control_sum(batches: &[Batch]) -> String {
    let exponents = batches.iter().map(|batch| batch.total.currency().exponent());
    let finest = exponents.max().unwrap_or(0);
    let sum = batches.iter().fold(0_i128, |sum, batch| {
        let missing = finest.saturating_sub(batch.total.currency().exponent());
        // 64 bits times ten thousand, thousands of times, fit 128 bits.
        let scaled = i128::from(batch.total.minor()).saturating_mul(10_i128.saturating_pow(missing.into()));
        sum.saturating_add(scaled)
    });
    wide_decimal_text(sum, finest)
}

#[cfg(test)]
mod tests;
