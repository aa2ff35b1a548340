//! A file of rows and cells, taken apart without any reader, and put together again with one thing in it changed.

use std::iter::repeat_n;

/// Rows of cells. No cell of the right file is quoted, so that its separators are all there are; lines and rows are then one.
#[derive(Clone)]
pub struct Table {
    rows: Vec<Vec<Vec<u8>>>,
    separator: u8,
    /// The line of the names of the columns, the first being 1.
    names: usize,
    is_latin1: bool,
}

impl Table {
    /// Takes a file apart whose columns are named on this line.
    pub fn of(content: &[u8], separator: u8, names: usize, is_latin1: bool) -> Self {
        assert!(!content.contains(&b'"'), "plain cells");
        // Where lines end in CRLF, they do so here in LF.
        let content: Vec<u8> = content.iter().copied().filter(|byte| *byte != b'\r').collect();
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        let cells = |line: &[u8]| line.split(|byte| *byte == separator).map(<[u8]>::to_vec).collect();
        Self {
            rows: content.split(|byte| *byte == b'\n').map(cells).collect(),
            separator,
            names,
            is_latin1,
        }
    }

    /// How many lines it has.
    pub fn lines(&self) -> usize {
        self.rows.len()
    }

    /// Its bytes, with this after each line.
    pub fn ended_by(&self, end: &str) -> Vec<u8> {
        let lines = self.rows.iter().map(|cells| cells.join(&self.separator));
        lines
            .flat_map(|line| [line, end.as_bytes().to_vec()].concat())
            .collect()
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.ended_by("\n")
    }

    /// The bytes of a text, as the file is written.
    pub fn encoded(&self, text: &str) -> Vec<u8> {
        match self.is_latin1 {
            true => text
                .chars()
                .map(|c| u8::try_from(u32::from(c)).expect("a character of ISO 8859-1"))
                .collect(),
            false => text.as_bytes().to_vec(),
        }
    }

    /// The place of a column among the cells, the first being 0.
    pub fn place(&self, column: &str) -> usize {
        let name = self.encoded(column);
        let place = self.rows[self.names - 1].iter().position(|cell| *cell == name);
        place.unwrap_or_else(|| panic!("no column {column}"))
    }

    /// The same with a cell that holds other bytes.
    pub fn with(&self, line: usize, column: &str, cell: &[u8]) -> Self {
        self.with_cell(line, self.place(column), cell)
    }

    /// The same, the cell by its place.
    pub fn with_cell(&self, line: usize, place: usize, cell: &[u8]) -> Self {
        let mut table = self.clone();
        table.rows[line - 1][place] = cell.to_vec();
        table
    }

    /// The text of a cell.
    pub fn cell(&self, line: usize, place: usize) -> String {
        String::from_utf8_lossy(&self.rows[line - 1][place]).into_owned()
    }

    /// The same with one cell more at the end of a line.
    pub fn with_more(&self, line: usize) -> Self {
        let mut table = self.clone();
        table.rows[line - 1].push(Vec::new());
        table
    }

    /// The same with one cell less at the end of a line.
    pub fn with_less(&self, line: usize) -> Self {
        let mut table = self.clone();
        table.rows[line - 1].pop();
        table
    }

    /// The same with a line before this one.
    pub fn with_line(&self, line: usize, text: &str) -> Self {
        let mut table = self.clone();
        table.rows.insert(line - 1, vec![self.encoded(text)]);
        table
    }

    /// The same without a line.
    pub fn without(&self, line: usize) -> Self {
        let mut table = self.clone();
        table.rows.remove(line - 1);
        table
    }

    /// The same with so many columns more, on every line.
    pub fn widened(&self, by: usize) -> Self {
        let mut table = self.clone();
        for cells in &mut table.rows {
            cells.extend(repeat_n(b"x".to_vec(), by));
        }
        table
    }

    /// The bytes of these lines, both ends included.
    pub fn rows_from(&self, first: usize, last: usize) -> Vec<u8> {
        let table = Self {
            rows: self.rows[first - 1..last].to_vec(),
            ..self.clone()
        };
        table.bytes()
    }
}
