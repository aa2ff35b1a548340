//! What `:86:` says about an entry: as the German banks structure it, by codes between slashes, or not at all.
//!
//! - `166?00GUTSCHRIFT?20EREF+...?21SVWZ+...?30BIC?31IBAN?32NAME`: a business transaction code of three digits, then fields by
//!   two, of which 20 to 29 and 60 to 63 are one text that holds SEPA's fields by names with a plus sign;
//! - `/EREF/.../ORDP//NAME/.../REMI/...`: codes between slashes, as the Netherlands and others write them;
//! - anything else is a text.
//!
//! Lines of a structured text are cut wherever they are full, so they are put together without a blank.

use super::super::text::{account, kept, prose};
use super::super::{Detail, Entry, Party, Return};

/// German transaction codes of payments that came back: direct debits (108, 109), credit transfers (159), and what is credited
/// again of returned direct debits (181, 184).
const RETURNS: [&str; 5] = ["108", "109", "159", "181", "184"];

/// SEPA's fields in the text of the German structure.
const NAMED: [&str; 14] = [
    "EREF+", "KREF+", "MREF+", "CRED+", "DEBT+", "COAM+", "OAMT+", "SVWZ+", "ABWA+", "ABWE+", "IBAN+", "BIC+", "PURP+",
    "RREF+",
];

/// Codes between slashes.
const CODES: [&str; 28] = [
    "EREF", "KREF", "PREF", "IREF", "RREF", "MARF", "CSID", "CRED", "REMI", "USTD", "STRD", "ORDP", "BENM", "NAME",
    "ID", "ADDR", "ISDT", "RTRN", "TRTP", "TRCD", "IBAN", "BIC", "CNTP", "PURP", "ULTD", "ULTC", "ULTB", "CDTRREF",
];

/// Reads the lines of a text into the entry that they are about.
pub(super) fn read(lines: &[String], entry: &mut Entry) -> Result<(), String> {
    let joined = lines.concat();
    let detail = if let Some((code, separator)) = german(&joined) {
        entry.code.own = entry.code.own.take().map(|own| format!("{own}/{code}"));
        let detail = of_german(joined.get(3..).unwrap_or_default(), separator, code)?;
        entry.returned |= RETURNS.contains(&code);
        Some(detail)
    } else if joined.starts_with('/') && first_code(&joined, 0).is_some_and(|(at, _)| at == 0) {
        Some(of_slashes(&joined)?)
    } else {
        None
    };
    if let Some(detail) = detail {
        entry.returned |= detail.returned.is_some();
        entry.details.push(Detail {
            money: Some(entry.money),
            ..detail
        });
        return Ok(());
    }
    let text = prose(&lines.join("\n"))?;
    entry.text = match (entry.text.take(), text) {
        (Some(above), Some(text)) => Some(format!("{above}\n{text}")),
        (above, text) => above.or(text),
    };
    Ok(())
}

fn given(text: &str) -> Result<Option<String>, String> {
    Ok(kept(text)?.filter(|text| text != "NOTPROVIDED"))
}

/// The code and the separator of a text that has the German structure.
fn german(text: &str) -> Option<(&str, char)> {
    let (code, rest) = text.split_at_checked(3)?;
    let separator = rest.chars().next()?;
    let structured = code.bytes().all(|byte| byte.is_ascii_digit()) && matches!(separator, '?' | '<' | '>' | '^' | '~');
    let (_, first) = rest.split_at_checked(1)?;
    let numbered = first.bytes().take(2).all(|byte| byte.is_ascii_digit());
    (structured && numbered).then_some((code, separator))
}

fn of_german(text: &str, separator: char, code: &str) -> Result<Detail, String> {
    let (mut purpose, mut name, mut bank, mut number, mut key) = (
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    );
    let mut field = 0_u8;
    for piece in text.split(separator).skip(1) {
        let numbered = piece.split_at_checked(2).and_then(|(digits, rest)| {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            Some((digits.parse::<u8>().ok().filter(|_| is_number)?, rest))
        });
        let (next, content, again) = match numbered {
            Some((next, rest)) => (next, rest, false),
            // The separator stands in the text itself.
            None => (field, piece, true),
        };
        field = next;
        let place = match field {
            20..=29 | 60..=63 => &mut purpose,
            30 => &mut bank,
            31 => &mut number,
            32 | 33 => &mut name,
            34 => &mut key,
            _ => continue,
        };
        if again {
            place.push(separator);
        }
        place.push_str(content);
    }
    let named = split(&purpose);
    let value = |name: &str| {
        named
            .iter()
            .find(|(own, _)| *own == name)
            .map_or("", |(_, value)| value)
    };
    let free = if named.is_empty() {
        purpose.as_str()
    } else {
        value("SVWZ+")
    };
    let text = prose(free)?;
    let returned = if RETURNS.contains(&code) {
        let reason = kept(&key)?;
        let text = text.clone();
        Some(Return { reason, text })
    } else {
        None
    };
    let stated = |field: &str, named: &str| {
        if named.is_empty() {
            field.to_owned()
        } else {
            named.to_owned()
        }
    };
    Ok(Detail {
        end_to_end_id: given(value("EREF+"))?,
        instruction_id: given(value("KREF+"))?,
        counterparty: Party {
            name: prose(&name)?,
            account: account(&stated(&number, value("IBAN+")))?,
            bank: kept(&stated(&bank, value("BIC+")))?,
        },
        text,
        returned,
        ..Detail::default()
    })
}

/// SEPA's fields of a text by their names, in its order.
fn split(text: &str) -> Vec<(&'static str, &str)> {
    let mut begins: Vec<(usize, &'static str)> = NAMED
        .iter()
        .filter_map(|name| text.find(name).map(|at| (at, *name)))
        .collect();
    begins.sort_unstable();
    let ends: Vec<usize> = begins.iter().skip(1).map(|(at, _)| *at).chain([text.len()]).collect();
    let ranges = begins.into_iter().zip(ends);
    ranges
        .map(|((at, name), end)| {
            let from = at.saturating_add(name.len());
            (name, text.get(from..end).unwrap_or_default().trim())
        })
        .collect()
}

/// The first code at or after a place: where its first slash is.
fn first_code(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let rest = text.get(from..)?;
    rest.match_indices('/').find_map(|(at, _)| {
        let (name, _) = rest.get(at.saturating_add(1)..)?.split_once('/')?;
        let code = CODES.iter().find(|code| **code == name)?;
        Some((from.saturating_add(at), *code))
    })
}

fn of_slashes(text: &str) -> Result<Detail, String> {
    let mut detail = Detail::default();
    let mut purpose: Vec<&str> = Vec::new();
    let mut next = first_code(text, 0);
    while let Some((at, code)) = next {
        // The slash that ends a code may begin the next.
        let end = at.saturating_add(code.len()).saturating_add(1);
        next = first_code(text, end);
        let until = next.map_or(text.len(), |(at, _)| at);
        let value = text.get(end..until).unwrap_or_default().trim_matches('/').trim();
        if value.is_empty() {
            continue;
        }
        match code {
            "EREF" => detail.end_to_end_id = given(value)?,
            "KREF" => detail.instruction_id = given(value)?,
            "PREF" => detail.payment_information_id = given(value)?,
            "NAME" => detail.counterparty.name = prose(value)?,
            "IBAN" => detail.counterparty.account = account(value)?,
            "BIC" => detail.counterparty.bank = kept(value)?,
            "CDTRREF" => detail.creditor_reference = kept(value)?,
            "REMI" | "USTD" | "STRD" => purpose.push(value),
            "CNTP" => {
                let mut parts = value.split('/');
                detail.counterparty.account = account(parts.next().unwrap_or_default())?;
                detail.counterparty.bank = kept(parts.next().unwrap_or_default())?;
                detail.counterparty.name = prose(parts.next().unwrap_or_default())?;
            }
            "RTRN" => {
                let reason = kept(value)?;
                detail.returned = Some(Return { reason, text: None });
            }
            _ => {}
        }
    }
    detail.text = prose(&purpose.join("\n"))?;
    Ok(detail)
}
