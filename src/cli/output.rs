//! Listings: one description of columns and rows, printed as a table for people, as CSV or JSON for programs.

use std::io::Write;

use comfy_table::{Cell, CellAlignment, Table, presets};

pub use crate::audit::export::CellKind as Kind;

/// How a listing is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// RFC 4180, safe to open in a spreadsheet.
    Csv,
    /// An array of objects; amounts are text.
    Json,
}

/// A list to print: a title for people, columns, rows of cells.
#[derive(Debug, Clone)]
pub struct Listing {
    /// What it lists, its source and as-of.
    pub title: String,
    /// Names (lower case, underscores) and kinds.
    pub columns: Vec<(&'static str, Kind)>,
    /// As many cells a row as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl Listing {
    /// An empty listing.
    pub fn new(title: impl Into<String>, columns: &[(&'static str, Kind)]) -> Self {
        Self {
            title: title.into(),
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints it to standard output.
    pub fn print(&self, format: Format) -> std::io::Result<()> {
        self.write(format, &mut std::io::stdout().lock())
    }

    /// Writes it anywhere.
    pub fn write(&self, format: Format, out: &mut dyn Write) -> std::io::Result<()> {
        match format {
            Format::Table => self.write_table(out),
            Format::Csv => self.write_csv(out),
            Format::Json => self.write_json(out),
        }
    }

    fn write_table(&self, out: &mut dyn Write) -> std::io::Result<()> {
        if !self.title.is_empty() {
            writeln!(out, "{}", self.title)?;
        }
        if self.rows.is_empty() {
            return writeln!(out, "  (none)");
        }
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(self.columns.iter().map(|(name, _)| name.replace('_', " ")));
        for row in &self.rows {
            table.add_row(row.iter().zip(&self.columns).map(|(text, (_, kind))| {
                let cell = Cell::new(kind.shown(text));
                match kind {
                    Kind::Text | Kind::Whole | Kind::Digest => cell,
                    Kind::Figure => cell.set_alignment(CellAlignment::Right),
                }
            }));
        }
        writeln!(out, "{table}")
    }

    fn write_csv(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(self.columns.iter().map(|(name, _)| name))?;
        for row in &self.rows {
            csv.write_record(
                row.iter()
                    .zip(&self.columns)
                    .map(|(text, (_, kind))| kind.safe(text).into_owned()),
            )?;
        }
        csv.flush()
    }

    fn write_json(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let rows: Vec<serde_json::Map<String, serde_json::Value>> = self
            .rows
            .iter()
            .map(|row| {
                row.iter()
                    .zip(&self.columns)
                    .map(|(text, (name, kind))| ((*name).to_owned(), kind.shown(text).into_owned().into()))
                    .collect()
            })
            .collect();
        serde_json::to_writer_pretty(&mut *out, &rows)?;
        writeln!(out)
    }
}
