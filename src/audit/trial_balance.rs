//! The trial balance as auditors get it: the turnover of every account, and a total a section and currency.
//!
//! What it holds is the same text whenever it is written of the same books, so its digest says whether a closed period is still
//! what it was.

use std::collections::BTreeMap;
use std::io;

use super::export::CellKind::{Figure, Text};
use super::export::{Column, CsvExport};
use crate::money::wide_decimal_text;

/// An account's turnover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialBalanceRow {
    /// Its number in the chart.
    pub code: i16,
    /// Its name.
    pub name: String,
    /// Whether it is a memo account.
    pub memo: bool,
    /// Its currency.
    pub currency: String,
    /// Decimals of the currency's minor unit.
    pub exponent: u8,
    /// Acquirer or bank account; may be empty.
    pub dimension: String,
    /// Σ debits in minor units.
    pub debits: i128,
    /// Σ credits in minor units.
    pub credits: i128,
}

/// Its columns.
pub const COLUMNS: &[Column] = &[
    ("section", Text),
    ("account", Text),
    ("name", Text),
    ("dimension", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("debits_minor", Figure),
    ("credits_minor", Figure),
    ("balance_debit_minor", Figure),
    ("balance_credit_minor", Figure),
    ("debits", Figure),
    ("credits", Figure),
    ("balance_debit", Figure),
    ("balance_credit", Figure),
];

/// Its records: account rows, and under each section (financial, then memo) a total a currency.
pub fn records(rows: &[TrialBalanceRow]) -> Vec<Vec<String>> {
    let mut records = Vec::with_capacity(rows.len());
    for (memo, section) in [(false, "financial"), (true, "memo")] {
        let mut sums: BTreeMap<(&str, u8), [i128; 4]> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.memo == memo) {
            let balance = row.debits.saturating_sub(row.credits);
            let figures = [row.debits, row.credits, balance.max(0), balance.saturating_neg().max(0)];
            let sum = sums.entry((&row.currency, row.exponent)).or_default();
            for (sum, figure) in sum.iter_mut().zip(figures) {
                *sum = sum.saturating_add(figure);
            }
            let words = [section, &row.code.to_string(), &row.name, &row.dimension, &row.currency];
            records.push(cells(words, row.exponent, figures));
        }
        for ((currency, exponent), figures) in sums {
            let words = [&format!("{section} total"), "", "", "", currency];
            records.push(cells(words, exponent, figures));
        }
    }
    records
}

fn cells(words: [&str; 5], exponent: u8, figures: [i128; 4]) -> Vec<String> {
    let minor = figures.iter().map(ToString::to_string);
    let decimal = figures.iter().map(|figure| wide_decimal_text(*figure, exponent));
    words
        .iter()
        .map(|word| (*word).to_owned())
        .chain([exponent.to_string()])
        .chain(minor)
        .chain(decimal)
        .collect()
}

/// SHA-256, in hex, of the trial balance as `acquit report trial-balance --format csv` writes it.
pub fn digest(rows: &[TrialBalanceRow]) -> io::Result<String> {
    let mut csv = CsvExport::new(io::sink(), COLUMNS)?;
    for record in records(rows) {
        csv.row(&record)?;
    }
    let (_, written) = csv.finish()?;
    Ok(written.sha256)
}
