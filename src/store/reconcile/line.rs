//! One line of a settlement file: what it was matched with or why it was not, and what it could be.
//!
//! People name a line by its file and the number of its row there, as `breaks show` does, or by its place among the lines, where a
//! row made several or a report came in several files. Everything is read in one transaction, which is rolled back.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use tokio_postgres::Row;

use super::files::{KnownFile, latest};
use super::matching::{read_line, record_type};
use super::undo::UndoError;
use crate::ids::{BookId, EntryNumber};
use crate::money::Money;
use crate::recon::booking::{Item, PricedBy};
use crate::recon::candidates::{Candidate, References, Reported, Suggestion, Tried, suggested, tried};
use crate::recon::matching::{BusinessDays, Pass};
use crate::store::breaks::{self, Break};
use crate::store::settings::Deployment;
use crate::store::{Retriable, Store, StoreError, Tx, currency, passed_costs};

/// The most open items that are looked at for one line.
const CANDIDATES: i64 = 500;

/// Where a line is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The number of its row, counted as the file came.
    Row(i32),
    /// Its place among the lines, from 1.
    Nth(i32),
}

/// How people name a line: `FILE:ROW`, or `FILE:#PLACE`. The file by its name or the beginning of its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineName {
    /// The file.
    pub file: String,
    /// Where it is.
    pub place: Place,
}

/// No such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a line is named FILE:ROW, by the number of its row, or FILE:#PLACE, by its place among the lines")]
pub struct NotALineName;

impl FromStr for LineName {
    type Err = NotALineName;

    fn from_str(text: &str) -> Result<Self, NotALineName> {
        let (file, place) = text.rsplit_once(':').ok_or(NotALineName)?;
        let number = |text: &str| {
            text.parse::<i32>()
                .ok()
                .filter(|number| *number > 0)
                .ok_or(NotALineName)
        };
        let place = match place.strip_prefix('#') {
            Some(place) => Place::Nth(number(place)?),
            None => Place::Row(number(place)?),
        };
        match file.is_empty() {
            true => Err(NotALineName),
            false => Ok(Self {
                file: file.to_owned(),
                place,
            }),
        }
    }
}

impl fmt::Display for LineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Row(row) => write!(f, "{}:{row}", self.file),
            Place::Nth(place) => write!(f, "{}:#{place}", self.file),
        }
    }
}

/// Why nothing is said, or done, about a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its file is not known.
    #[error(transparent)]
    File(#[from] UndoError),
    /// No such line.
    #[error("there is no line {0}")]
    Unknown(LineName),
    /// Several.
    #[error("row {row} of {file} made several lines: {places}")]
    Several {
        /// The file.
        file: String,
        /// The row.
        row: i32,
        /// Their names.
        places: String,
    },
}

impl Retriable for LineError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::File(error) => error.is_retriable(),
            Self::Unknown(_) | Self::Several { .. } => false,
        }
    }
}

impl From<tokio_postgres::Error> for LineError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A line of a settlement file.
#[derive(Debug, Clone)]
pub struct KnownLine {
    /// Its file, as it stands.
    pub file: KnownFile,
    /// The number of its row.
    pub row: i32,
    /// What the file calls it.
    pub type_text: String,
    /// Its settlement batch.
    pub batch: String,
    /// Whether it has a gross amount; without one it matches nothing.
    pub has_gross: bool,
    /// What it reports.
    pub reported: Reported,
}

impl KnownLine {
    /// How people name it.
    pub fn name(&self) -> LineName {
        LineName {
            file: self.file.name.clone(),
            place: Place::Row(self.row),
        }
    }
}

/// How people name an item: by the merchant and the reference of its entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemName {
    /// The merchant; the house has no name.
    pub merchant: String,
    /// The reference of the entry.
    pub reference: String,
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.merchant, self.reference)
    }
}

/// An open item, named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenItem {
    /// The item and what names it in files.
    pub candidate: Candidate,
    /// How people name it.
    pub name: ItemName,
    /// Its payment.
    pub payment: Option<String>,
}

/// Who matched by hand, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// The break that it resolves.
    pub break_id: i64,
    /// Who.
    pub by: String,
    /// In their words.
    pub note: String,
    /// SHA-256 of what shows it.
    pub evidence: Option<Vec<u8>>,
    /// Who approved it.
    pub approved_by: Vec<String>,
}

/// What a line was matched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// By which pass.
    pub pass: Pass,
    /// The version of the rules.
    pub rules: i16,
    /// Whether nobody has undone it.
    pub stands: bool,
    /// The item.
    pub name: ItemName,
    /// Its payment.
    pub payment: Option<String>,
    /// What names it in files.
    pub references: References,
    /// The day of the sale.
    pub occurred_on: NaiveDate,
    /// The day by which it was expected.
    pub expected_on: NaiveDate,
    /// What of both was matched: of the item, and of the line.
    pub gross: (Money, Money),
    /// What the acquirer takes with the item that was booked already; it may have come with the gross.
    pub cost: Money,
    /// What of the line's costs the merchant pays, and its VAT, in the currency of the gross.
    pub passed_on: Option<(Money, Money)>,
    /// Other lines of the file that settle the item with it, by row.
    pub with_rows: Vec<i32>,
    /// Who did it, where it was made by hand.
    pub by_hand: Option<ByHand>,
}

/// All that is known of a line's matching.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The line.
    pub line: KnownLine,
    /// What it was matched with, undone matches included.
    pub matches: Vec<Matched>,
    /// Its breaks, by number.
    pub breaks: Vec<Break>,
    /// What each pass finds among what is open now; empty where a match stands.
    pub tried: Vec<(Pass, Tried)>,
    /// The items that `tried` speaks of.
    pub items: Vec<OpenItem>,
}

impl Store {
    /// What a line was matched with, or why it was not.
    pub async fn explain_line(&self, deployment: &Deployment, name: &LineName) -> Result<Explained, LineError> {
        self.rehearse(async |tx: &mut Tx| {
            let line = find(tx, name).await?;
            let matches = matches(tx, &line).await?;
            let breaks = breaks_of(tx, &line).await?;
            let mut explained = Explained {
                line,
                matches,
                breaks,
                tried: Vec::new(),
                items: Vec::new(),
            };
            let reported = &explained.line.reported;
            if reported.line.record.is_of_item() && !explained.matches.iter().any(|matched| matched.stands) {
                explained.items = candidates(tx, &explained.line).await?;
                let items: Vec<Candidate> = explained.items.iter().map(|item| item.candidate.clone()).collect();
                let (acquirer, day) = (explained.line.file.acquirer.as_str(), reported.line.occurred_on);
                let terms = deployment
                    .in_force(explained.line.file.as_of.unwrap_or(day))
                    .and_then(|settings| settings.acquirers.get(acquirer));
                let is_open = deployment.business_days(terms.and_then(|terms| terms.calendar()));
                let days = BusinessDays::around(day, day, &is_open);
                let passes = Pass::ALL.into_iter();
                explained.tried = passes
                    .map(|pass| (pass, tried(pass, reported, &items, &days)))
                    .collect();
            }
            Ok(explained)
        })
        .await
    }

    /// Open items that a line could be, the likeliest first, at most so many.
    pub async fn suggest_items(
        &self,
        name: &LineName,
        limit: usize,
    ) -> Result<(KnownLine, Vec<(OpenItem, Suggestion)>), LineError> {
        self.rehearse(async |tx: &mut Tx| {
            let line = find(tx, name).await?;
            let items = candidates(tx, &line).await?;
            let known: Vec<Candidate> = items.iter().map(|item| item.candidate.clone()).collect();
            let found = suggested(&line.reported, &known, limit);
            let named = found
                .into_iter()
                .filter_map(|suggestion| Some((items.get(suggestion.place)?.clone(), suggestion)))
                .collect();
            Ok((line, named))
        })
        .await
    }
}

/// The line of this name.
pub(in crate::store) async fn find(tx: &mut Tx, name: &LineName) -> Result<KnownLine, LineError> {
    let file = latest(tx, &name.file).await?;
    let (row, nth) = match name.place {
        Place::Row(row) => (Some(row), None),
        Place::Nth(place) => (None, Some(place)),
    };
    let sql = include_str!("../../../schema/queries/line_named.sql");
    let rows = tx.query(sql, &[&file.source.0, &row, &nth]).await?;
    match &rows[..] {
        [] => Err(LineError::Unknown(LineName {
            file: file.name,
            place: name.place,
        })),
        [found] => Ok(read_known(file, found)?),
        several => {
            let places = several
                .iter()
                .map(|found| Ok(format!("{}:#{}", file.name, found.try_get::<_, i32>("ordinal")?)))
                .collect::<Result<Vec<_>, StoreError>>()?;
            Err(LineError::Several {
                file: file.name,
                row: row.unwrap_or_default(),
                places: places.join(", "),
            })
        }
    }
}

fn read_known(file: KnownFile, row: &Row) -> Result<KnownLine, StoreError> {
    Ok(KnownLine {
        file,
        row: row.try_get("line")?,
        type_text: row.try_get("type_text")?,
        batch: row.try_get("batch")?,
        has_gross: row.try_get("has_gross")?,
        reported: Reported {
            line: read_line(row)?,
            references: references(row)?,
        },
    })
}

fn references(row: &Row) -> Result<References, StoreError> {
    Ok(References {
        acquirer: row.try_get("acquirer_reference")?,
        merchant: row.try_get("merchant_reference")?,
        arn: row.try_get("arn")?,
        rrn: row.try_get("rrn")?,
        auth_code: row.try_get("auth_code")?,
        card: row.try_get("card")?,
    })
}

fn item_name(row: &Row) -> Result<ItemName, StoreError> {
    Ok(ItemName {
        merchant: row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default(),
        reference: row.try_get("reference")?,
    })
}

/// Open items that share something with a line.
async fn candidates(tx: &mut Tx, line: &KnownLine) -> Result<Vec<OpenItem>, StoreError> {
    let sql = include_str!("../../../schema/queries/line_candidates.sql");
    let ordinal = line.reported.line.ordinal;
    let rows = tx
        .query(
            sql,
            &[&line.file.source.0, &ordinal, &line.file.acquirer_id.0, &CANDIDATES],
        )
        .await?;
    rows.iter().map(read_item).collect()
}

/// An open item with its names.
pub(in crate::store) fn read_item(row: &Row) -> Result<OpenItem, StoreError> {
    let record: i16 = row.try_get("record_type")?;
    let item = Item {
        book: BookId(row.try_get("book_id")?),
        number: EntryNumber(row.try_get("number")?),
        gross: Money::from_minor(row.try_get("gross")?, currency(row.try_get("currency")?)?),
        merchant_fee: row.try_get("merchant_fee")?,
        reserve: row.try_get("reserve")?,
        cost: row.try_get("cost")?,
        matures: row.try_get("matures")?,
        passes_costs: passed_costs(row.try_get("passes_costs")?, row.try_get("costs_vat")?)?,
        occurred_on: row.try_get("occurred_on")?,
        reserve_until: row.try_get("reserve_until")?,
        expected_on: row.try_get("expected_on")?,
        advanced: row.try_get::<_, Option<i64>>("advanced")?.map(EntryNumber),
        priced_by: PricedBy {
            method: row.try_get("method")?,
            scheme: row.try_get("scheme")?,
            card_country: row.try_get("card_country")?,
        },
    };
    Ok(OpenItem {
        candidate: Candidate {
            item,
            record: record_type(record)?,
            references: references(row)?,
        },
        name: item_name(row)?,
        payment: row.try_get("payment")?,
    })
}

pub(in crate::store) async fn matches(tx: &mut Tx, line: &KnownLine) -> Result<Vec<Matched>, StoreError> {
    let sql = include_str!("../../../schema/queries/line_matches.sql");
    let ordinal = line.reported.line.ordinal;
    let rows = tx.query(sql, &[&line.file.source.0, &ordinal]).await?;
    rows.iter().map(read_match).collect()
}

fn read_match(row: &Row) -> Result<Matched, StoreError> {
    let (pass, code): (i16, &str) = (row.try_get("pass")?, row.try_get("currency")?);
    let currency = currency(code)?;
    let money = |minor| Money::from_minor(minor, currency);
    let passed_on: Option<i64> = row.try_get("passed_on")?;
    let vat: Option<i64> = row.try_get("passed_on_vat")?;
    let by_hand = match row.try_get::<_, Option<i64>>("break_id")? {
        Some(break_id) => Some(ByHand {
            break_id,
            by: row.try_get("proposed_by")?,
            note: row.try_get("note")?,
            evidence: row.try_get("evidence")?,
            approved_by: row.try_get("approved_by")?,
        }),
        None => None,
    };
    Ok(Matched {
        pass: Pass::from_number(pass).ok_or_else(|| StoreError::Unreadable(format!("pass {pass}")))?,
        rules: row.try_get("rules")?,
        stands: row.try_get("stands")?,
        name: item_name(row)?,
        payment: row.try_get("payment")?,
        references: references(row)?,
        occurred_on: row.try_get("booking_date")?,
        expected_on: row.try_get("expected_on")?,
        gross: (money(row.try_get("item_gross")?), money(row.try_get("line_gross")?)),
        cost: money(row.try_get("cost")?),
        passed_on: passed_on.zip(vat).map(|(amount, vat)| (money(amount), money(vat))),
        with_rows: row.try_get("with_lines")?,
        by_hand,
    })
}

async fn breaks_of(tx: &mut Tx, line: &KnownLine) -> Result<Vec<Break>, StoreError> {
    let sql = include_str!("../../../schema/queries/line_breaks.sql");
    let ordinal = line.reported.line.ordinal;
    let rows = tx.query(sql, &[&line.file.source.0, &ordinal]).await?;
    let ids = rows
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Result<Vec<i64>, StoreError>>()?;
    match ids.is_empty() {
        true => Ok(Vec::new()),
        false => breaks::list(tx, &breaks::Filter::of(&ids)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, Place)>) {
        let found = text.parse::<LineName>().ok();
        assert_eq!(
            found.as_ref().map(|name| (name.file.as_str(), name.place)),
            expected,
            "{text}"
        );
        if let Some(found) = found {
            assert_eq!(found.to_string(), text);
        }
    }

    #[test]
    fn a_line_is_named_by_its_file_and_place() {
        check("day.csv:12", Some(("day.csv", Place::Row(12))));
        check("2026:03.csv:7", Some(("2026:03.csv", Place::Row(7))));
        check("9f86d081:#3", Some(("9f86d081", Place::Nth(3))));
        for wrong in [
            "day.csv",
            "day.csv:",
            ":4",
            "day.csv:0",
            "day.csv:-1",
            "day.csv:#",
            "day.csv:x",
        ] {
            check(wrong, None);
        }
    }
}
