//! How the rows of a settlement file are read, field by field: nothing is written and nothing is locked.

use super::SettlementFile;
use super::intake::{How, Inputs, opened};
use crate::acquirer::{Row, SettlementLine, Step};
use crate::delimited::FileError;
use crate::money::{Currency, Money};

/// One row, and how it was read.
#[derive(Debug, Clone)]
pub struct Explained {
    /// What became of it.
    pub row: Row,
    /// Its fields. Of a reject, those that could be read.
    pub steps: Vec<Step>,
}

/// What is explained of a file.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The format or profile by which it was read.
    pub format: String,
    /// The rows, in the order of the file.
    pub rows: Vec<Explained>,
}

impl SettlementFile {
    /// Reads the first rows, or the one that begins on a line, and says how.
    ///
    /// Errors: it cannot be read.
    pub fn explain(&self, line: Option<u64>, rows: usize) -> Result<Explanation, FileError> {
        let how = How::of(self);
        let (explanation, _) = opened(&self.paths, &mut |inputs| explained(inputs, &how, line, rows))?;
        Ok(explanation)
    }
}

fn explained(inputs: Inputs<'_>, how: &How, line: Option<u64>, rows: usize) -> Result<Explanation, FileError> {
    let (reading, mut reader) = how.open(inputs)?;
    reader.explain();
    let mut explained = Vec::new();
    while explained.len() < rows {
        let Some(row) = reader.next().transpose()? else {
            break;
        };
        let at = match &row {
            Row::Line(line) => line.line,
            Row::Reject(reject) => reject.line,
        };
        if line.is_some_and(|line| line != at) {
            continue;
        }
        let steps = match (&row, reader.steps()) {
            (Row::Line(line), []) => fields(line),
            (_, steps) => steps.to_vec(),
        };
        explained.push(Explained { row, steps });
        if line.is_some() {
            break;
        }
    }
    Ok(Explanation {
        format: reading.name().to_owned(),
        rows: explained,
    })
}

/// The fields of a line whose format does not say how it read them, and the row as it came.
fn fields(line: &SettlementLine) -> Vec<Step> {
    let currency = line.net.currency();
    let text = |text: &Option<String>| text.clone();
    let money = |minor: i64, currency: Currency| Money::from_minor(minor, currency).to_string();
    let cost = |minor: i64| (minor != 0).then(|| money(minor, currency));
    let fields = [
        ("type", Some(format!("{} ({})", line.record.name(), line.type_text))),
        ("batch", Some(line.batch.clone())),
        ("acquirer_reference", text(&line.acquirer_reference)),
        ("original_reference", text(&line.original_reference)),
        ("merchant_reference", text(&line.merchant_reference)),
        ("arn", text(&line.arn)),
        ("rrn", text(&line.rrn)),
        ("auth_code", text(&line.auth_code)),
        ("card", text(&line.card)),
        ("dispute", text(&line.dispute)),
        ("reason", text(&line.reason)),
        ("occurred_on", Some(line.occurred_on.to_string())),
        ("paid_out_on", line.paid_out_on.map(|day| day.to_string())),
        ("gross", line.gross.map(|gross| gross.to_string())),
        ("net", Some(line.net.to_string())),
        ("commission", cost(line.commission)),
        ("markup", cost(line.markup)),
        ("scheme_fee", cost(line.scheme_fee)),
        ("interchange", cost(line.interchange)),
        ("tax", cost(line.tax)),
        ("reserve", cost(line.reserve)),
        ("contrary", line.contrary.map(|record| record.name().to_owned())),
        ("exchange_rate", line.exchange_rate.map(|rate| rate.to_string())),
        ("row", Some(line.raw.clone())),
    ];
    let step = |(field, value): (&'static str, Option<String>)| {
        Some(Step {
            field,
            column: String::new(),
            raw: String::new(),
            rule: String::new(),
            value: value?,
        })
    };
    fields.into_iter().filter_map(step).collect()
}
