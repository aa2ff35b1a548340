//! Matching: SQL streams candidates, `recon` decides, matches and breaks go back chunk by chunk.
//!
//! Candidates come one key after the other, except for those that are nearly all: a line whose key no other line of the file has
//! needs nothing but its own items, so these come in the order of the file, which spares sorting them and is the order of the table
//! of matches.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::costs::{self, Costs};
use super::intake::{Places, Taken};
use super::keys::Keys;
use super::tolerance::{Drift, Tolerated};
use super::{ReconcileError, Run, currency};
use crate::acquirer::{BATCH_LIMIT, RecordType};
use crate::ids::{AcquirerId, BookId, EntryNumber, SourceId};
use crate::money::{AmountError, Currency, Money, SplitError};
use crate::recon::booking::{self, Difference, Item, Leg, Line, PassedOn, PricedBy, Settled, settled};
use crate::recon::breaks::BreakClass;
use crate::recon::conversion::{Converted, converted};
use crate::recon::costs::Claim;
use crate::recon::group::{costs_differ, divided, merged, priced_by, shared};
use crate::recon::matching::{BusinessDays, Pass, RULES, Timing, decide};
use crate::store::reserve::Tranches;
use crate::store::row_place::RowPlace;
use crate::store::{StoreError, Tx, costs_vat, passed_costs};

/// The most lines and the most items that one key may have.
const GROUP_LIMIT: usize = 10_000;

/// The most lines and the most items that are added up.
const TOGETHER_LIMIT: i64 = 100;

/// So many items at most are matched before they are taken out of the open ones: six bytes each.
const PLACES_LIMIT: usize = 1_000_000;

/// After how many candidates the database is served in between.
const TURN: usize = 100;

/// A batch, a book, and what is booked there.
pub(super) type Posting = (Arc<str>, BookId, BTreeMap<Leg, i64>);

/// What matched lines book in merchants' books, summed by (batch, book) and leg.
#[derive(Default)]
pub(super) struct Postings {
    names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, usize>,
    sums: HashMap<(usize, BookId), BTreeMap<Leg, i64>>,
    /// What of it is withheld.
    pub(super) tranches: Tranches,
}

impl Postings {
    fn batch(&mut self, name: &str) -> Result<usize, ReconcileError> {
        if let Some(place) = self.places.get(name) {
            return Ok(*place);
        }
        let place = self.names.len();
        if place >= BATCH_LIMIT {
            return Err(ReconcileError::Limit {
                what: "settlement batches in one file".to_owned(),
                limit: BATCH_LIMIT,
            });
        }
        let name: Arc<str> = Arc::from(name);
        self.names.push(Arc::clone(&name));
        self.places.insert(name, place);
        Ok(place)
    }

    fn add(&mut self, batch: usize, book: BookId, legs: &[(Leg, i64)]) -> Result<(), AmountError> {
        let sums = self.sums.entry((batch, book)).or_default();
        for (leg, amount) in legs {
            let sum = sums.entry(*leg).or_default();
            *sum = sum.checked_add(*amount).ok_or(AmountError::TooLarge)?;
        }
        Ok(())
    }

    /// The books that are concerned.
    pub(super) fn books(&self) -> Vec<BookId> {
        let mut books: Vec<BookId> = self.sums.keys().map(|(_, book)| *book).collect();
        books.sort_unstable();
        books.dedup();
        books
    }

    /// Batch, book and sums, by book and then batch as they stood in the file's order of keys; and what is withheld.
    pub(super) fn into_sorted(self) -> (Vec<Posting>, Tranches) {
        let Self {
            names, sums, tranches, ..
        } = self;
        let mut rows: Vec<_> = sums
            .into_iter()
            .map(|((batch, book), sums)| (names.get(batch).cloned().unwrap_or_default(), book, sums))
            .collect();
        rows.sort_unstable_by(|left, right| (left.1, &left.0).cmp(&(right.1, &right.0)));
        (rows, tranches)
    }
}

/// What matching came to.
pub(super) struct Matched {
    /// Lines without a match that book something, ascending.
    pub(super) undecided: Vec<i32>,
    /// Those of them that report a matched item again.
    pub(super) duplicates: HashSet<i32>,
    /// What the matched lines book.
    pub(super) postings: Postings,
    /// What is tolerated of their gross amounts, by batch and currency.
    pub(super) tolerated: Vec<(Arc<str>, Currency, Tolerated)>,
    /// What their conversions come to, by batch and currency.
    pub(super) drifts: Vec<(Arc<str>, Currency, Drift)>,
    /// How many there are.
    pub(super) tally: Tally,
}

/// Lines that are matched, and those whose days differ from their items', by how.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) passes: BTreeMap<Pass, i64>,
    pub(super) timing: BTreeMap<Timing, i64>,
}

impl Tally {
    fn add(&mut self, pass: Pass, line: &Line, items: &[Item], as_of: NaiveDate) {
        let more = |lines: &mut i64| *lines = lines.saturating_add(1);
        more(self.passes.entry(pass).or_default());
        let told: BTreeSet<Timing> = items.iter().filter_map(|item| Timing::of(line, item, as_of)).collect();
        for timing in told {
            more(self.timing.entry(timing).or_default());
        }
    }
}

/// A line and an item, and what of both was matched: where several lines settle one item, each line's own gross.
struct MatchRow {
    item: Item,
    ordinal: i32,
    timing: Option<Timing>,
    pass: Pass,
    item_gross: i64,
    line_gross: i64,
    passed_on: Option<PassedOn>,
}

/// A break on its way to the table.
pub(in crate::store) struct BreakRow {
    pub(super) class: BreakClass,
    pub(super) ordinal: i32,
    pub(super) item: Option<(BookId, EntryNumber)>,
    pub(super) expected: Option<Money>,
    pub(super) actual: Option<Money>,
    pub(super) suspense: Option<EntryNumber>,
    /// What of the merchant's pending money does not become available while the break is open, minor units.
    pub(super) kept_pending: Option<i64>,
    pub(super) detail: String,
}

/// Lines and items of one key.
#[derive(Default)]
struct Group {
    key: Option<Key>,
    lines: Vec<Line>,
    batches: Vec<usize>,
    items: Vec<Item>,
    /// Where the items are stored.
    places: Vec<RowPlace>,
}

/// What candidates that are decided together have in common.
#[derive(PartialEq, Eq)]
enum Key {
    /// The line: no other has what it is matched by.
    Line(i32),
    /// What they are matched by, record type, currency, and the amount where a pass goes by it.
    Of(String, i16, String, Option<i64>),
}

/// The order in which candidates come.
#[derive(Clone, Copy)]
enum Order<'k> {
    /// That of the file, leaving out lines that share their key.
    File(&'k Keys),
    /// One key after the other, of lines by their ordinals.
    Key(&'k Vec<i32>),
}

/// What was found since it was last written.
#[derive(Default)]
struct Found {
    matches: Vec<MatchRow>,
    breaks: Vec<BreakRow>,
    /// The claims, and how many came before them.
    claims: (i32, Vec<Claim>),
}

/// The matching of one file.
pub(super) struct Matching<'a> {
    run: &'a Run<'a>,
    matchable: Places,
    bookable: Places,
    duplicates: HashSet<i32>,
    postings: Postings,
    /// None where no contract says what anything costs.
    costs: Option<Costs<'a>>,
    /// What is tolerated of gross amounts, by batch and currency.
    tolerated: BTreeMap<(usize, Currency), Tolerated>,
    /// What conversions come to, by batch and net currency.
    drifts: BTreeMap<(usize, Currency), Drift>,
    found: Found,
    /// Where items are stored that are matched, and still among the open ones.
    places: Vec<RowPlace>,
    /// The keys of the file, until the first run has used them.
    keys: Option<Keys>,
    /// Lines that share their key with another, once all lines of other keys have been through the first pass.
    shared: Option<Places>,
    /// Whether undecided lines have been set aside.
    gathered: bool,
    /// The business days around those.
    days: BusinessDays,
    /// The books whose items alone are matched; of all where none are named.
    within: Option<BTreeSet<BookId>>,
    tally: Tally,
    /// Lines that were matched.
    done: u64,
}

impl<'a> Matching<'a> {
    pub(super) fn new(run: &'a Run<'a>, taken: &mut Taken) -> Self {
        Self {
            run,
            matchable: std::mem::take(&mut taken.matchable),
            bookable: std::mem::take(&mut taken.bookable),
            duplicates: HashSet::new(),
            postings: Postings::default(),
            costs: Costs::of(run.acquirer),
            tolerated: BTreeMap::new(),
            drifts: BTreeMap::new(),
            found: Found::default(),
            places: Vec::new(),
            keys: taken.keys.take(),
            shared: None,
            gathered: false,
            days: BusinessDays::default(),
            within: None,
            tally: Tally::default(),
            done: 0,
        }
    }

    /// Runs every pass over the lines that are undecided. Again, when more items are open than there were.
    pub(super) async fn run(&mut self, tx: &mut Tx, progress: &(dyn Fn(u64) + Sync)) -> Result<(), ReconcileError> {
        tx.query(include_str!("../../../schema/queries/matching_session.sql"), &[])
            .await?;
        if let Some(keys) = self.keys.take() {
            self.shared = Some(Places::default());
            self.pass(tx, Pass::AcquirerReference, Order::File(&keys), progress)
                .await?;
        }
        let undecided = self.matchable.ordinals();
        if undecided.is_empty() {
            return Ok(());
        }
        if !self.gathered {
            let gather = include_str!("../../../schema/queries/undecided_lines_gather.sql");
            tx.execute(gather, &[&self.run.source.0, &undecided]).await?;
            self.gathered = true;
            let days = include_str!("../../../schema/queries/undecided_days.sql");
            for row in &tx.query(days, &[]).await? {
                let read = || -> Result<_, StoreError> { Ok((row.try_get(0)?, row.try_get(1)?)) };
                let (first, last) = read()?;
                self.days = BusinessDays::around(first, last, &*self.run.is_open);
            }
        }
        for pass in Pass::ALL {
            let undecided = match self.shared.take() {
                // All others of this pass have been.
                Some(shared) => shared.ordinals(),
                None => self.matchable.ordinals(),
            };
            if !undecided.is_empty() {
                self.pass(tx, pass, Order::Key(&undecided), progress).await?;
            }
        }
        Ok(())
    }

    /// One pass over lines, with their candidates in an order.
    async fn pass(
        &mut self,
        tx: &mut Tx,
        pass: Pass,
        order: Order<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), ReconcileError> {
        self.open(tx, pass, order).await?;
        let fetch = include_str!("../../../schema/queries/candidates_next.sql");
        let mut group = Group::default();
        let mut rows = tx.query(fetch, &[]).await?;
        while !rows.is_empty() {
            let found = self.take_found()?;
            // The server keeps what was found of the rows before, and looks for the next, while these are decided.
            let write_and_fetch = async {
                found.write(tx, self.run).await?;
                tx.query(fetch, &[]).await
            };
            let (next, decided) = tokio::join!(write_and_fetch, self.consider(pass, order, &mut group, &rows));
            decided?;
            rows = next?;
            progress(self.done);
            if self.places.len() >= PLACES_LIMIT {
                self.settle(tx).await?;
            }
        }
        self.decide(pass, &group)?;
        self.take_found()?.write(tx, self.run).await?;
        self.settle(tx).await?;
        tx.run(include_str!("../../../schema/queries/candidates_close.sql"))
            .await?;
        Ok(())
    }

    /// Matches items of these books alone from now on: they are locked, and no other may be any more.
    pub(super) fn keep_within(&mut self, books: BTreeSet<BookId>) {
        self.within = Some(books);
    }

    /// Whether any line was matched, or repeats what is matched.
    pub(super) fn is_there_any(&self) -> bool {
        self.done > 0 || !self.duplicates.is_empty()
    }

    /// The lines that a pass may still match.
    pub(super) fn undecided(&self) -> Vec<i32> {
        self.matchable.ordinals()
    }

    /// The business days around undecided lines.
    pub(super) fn days(&self) -> &BusinessDays {
        &self.days
    }

    /// The books in which matched lines book something.
    pub(super) fn books(&self) -> Vec<BookId> {
        self.postings.books()
    }

    /// What it came to.
    pub(super) async fn finish(self, tx: &mut Tx) -> Result<Matched, ReconcileError> {
        tx.execute(
            include_str!("../../../schema/queries/breaks_settle.sql"),
            &[&self.run.source.0],
        )
        .await?;
        if let Some(costs) = self.costs {
            costs.finish(tx, self.run).await?;
        }
        let name = |batch: usize| self.postings.names.get(batch).cloned().unwrap_or_default();
        let tolerated = by_name(self.tolerated, name);
        let drifts = by_name(self.drifts, name);
        Ok(Matched {
            undecided: self.bookable.ordinals(),
            duplicates: self.duplicates,
            tolerated,
            drifts,
            postings: self.postings,
            tally: self.tally,
        })
    }

    async fn consider(
        &mut self,
        pass: Pass,
        order: Order<'_>,
        group: &mut Group,
        rows: &[Row],
    ) -> Result<(), ReconcileError> {
        for turn in rows.chunks(TURN) {
            for row in turn {
                let Some(key) = self.key(pass, order, row)? else {
                    continue;
                };
                if group.key.as_ref() != Some(&key) {
                    self.decide(pass, &std::mem::take(group))?;
                    group.key = Some(key);
                }
                self.collect(group, row)?;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// What a candidate is decided together with; none where that is left for later.
    fn key(&mut self, pass: Pass, order: Order<'_>, row: &Row) -> Result<Option<Key>, StoreError> {
        let Order::File(keys) = order else {
            return Ok(Some(key_of(pass, row)?));
        };
        let ordinal: i32 = row.try_get(0)?;
        if keys.is_shared(row.try_get(3)?, row.try_get(1)?, row.try_get(5)?) {
            let shared = self.shared.get_or_insert_default();
            shared.insert(u32::try_from(ordinal).unwrap_or_default());
            return Ok(None);
        }
        Ok(Some(Key::Line(ordinal)))
    }

    async fn open(&self, tx: &mut Tx, pass: Pass, order: Order<'_>) -> Result<(), StoreError> {
        let acquirer = &self.run.acquirer_id.0;
        let Order::Key(undecided) = order else {
            let sql = include_str!("../../../schema/queries/candidates_in_file_order.sql");
            return tx.execute(sql, &[&self.run.source.0, acquirer]).await.map(|_| ());
        };
        match pass {
            Pass::AcquirerReference => {
                let sql = include_str!("../../../schema/queries/candidates_acquirer_reference.sql");
                tx.execute(sql, &[acquirer, undecided]).await
            }
            Pass::Arn => {
                let sql = include_str!("../../../schema/queries/candidates_arn.sql");
                tx.execute(sql, &[acquirer, undecided]).await
            }
            Pass::Rrn => {
                let sql = include_str!("../../../schema/queries/candidates_rrn.sql");
                tx.execute(sql, &[acquirer, undecided, &pass.days_apart(), &self.days.days()])
                    .await
            }
            Pass::Card => {
                let sql = include_str!("../../../schema/queries/candidates_card.sql");
                tx.execute(sql, &[acquirer, undecided, &pass.days_apart(), &self.days.days()])
                    .await
            }
            Pass::MerchantReference => {
                let sql = include_str!("../../../schema/queries/candidates_merchant_reference.sql");
                tx.execute(sql, &[acquirer, undecided, &pass.days_apart(), &self.days.days()])
                    .await
            }
            Pass::Group => {
                let sql = include_str!("../../../schema/queries/candidates_group.sql");
                tx.execute(sql, &[acquirer, undecided, &TOGETHER_LIMIT]).await
            }
            // No file is matched by it.
            Pass::ByHand => Ok(0),
        }
        .map(|_| ())
    }

    fn collect(&mut self, group: &mut Group, row: &Row) -> Result<(), ReconcileError> {
        let line = read_line(row)?;
        if group.lines.last().map(|last| last.ordinal) != Some(line.ordinal) {
            let batch: &str = row.try_get(2).map_err(StoreError::from)?;
            if self.matchable.contains(line.ordinal) {
                group.batches.push(self.postings.batch(batch)?);
                group.lines.push(line);
            } else {
                // A pass of an earlier run decided it.
                return Ok(());
            }
        }
        if let Some(item) = read_item(row, group)? {
            group.items.push(item);
            group.places.push(row.try_get(30).map_err(StoreError::from)?);
        }
        if group.lines.len() > GROUP_LIMIT || group.items.len() > GROUP_LIMIT {
            return Err(ReconcileError::Limit {
                what: "lines or open items with one reference".to_owned(),
                limit: GROUP_LIMIT,
            });
        }
        Ok(())
    }

    fn decide(&mut self, pass: Pass, group: &Group) -> Result<(), ReconcileError> {
        let elsewhere = |item: &Item| self.within.as_ref().is_some_and(|books| !books.contains(&item.book));
        if group.items.iter().any(elsewhere) {
            // What could be matched with it may not be locked any more, and is a candidate all the same.
            return Ok(());
        }
        let verdict = decide(pass, &group.lines, &group.batches, &group.items);
        for line in verdict.duplicates.iter().filter_map(|place| group.lines.get(*place)) {
            self.duplicates.insert(line.ordinal);
            self.matchable.remove(line.ordinal);
        }
        let lines: Vec<(usize, &Line)> = verdict
            .lines
            .iter()
            .filter_map(|place| Some((*group.batches.get(*place)?, group.lines.get(*place)?)))
            .collect();
        let items: Vec<Item> = verdict
            .items
            .iter()
            .filter_map(|place| group.items.get(*place).cloned())
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        for (_, line) in &lines {
            self.matchable.remove(line.ordinal);
            self.bookable.remove(line.ordinal);
            self.tally.add(pass, line, &items, self.run.as_of);
        }
        let places = verdict.items.iter().filter_map(|place| group.places.get(*place));
        self.places.extend(places);
        self.done = self.done.saturating_add(count(lines.len()));
        match (&lines[..], &items[..]) {
            ([(batch, line)], [item]) => {
                let settled = self.book(*batch, line, item)?;
                self.differ(*batch, line, item, &settled)?;
                self.convert(*batch, line, item)?;
                self.price(*batch, line, item)?;
                self.keep(pass, line, item, (item.gross, line.gross), settled.passed_on);
            }
            ([(batch, line)], items) => self.one_of_several(pass, *batch, line, items)?,
            (lines, [item]) => self.several_of_one(pass, lines, item)?,
            _ => return Err(StoreError::Unreadable("a match of several lines and several items".to_owned()).into()),
        }
        Ok(())
    }

    /// A line that settles several items: each books its part, and what its costs differ by is one difference.
    fn one_of_several(&mut self, pass: Pass, batch: usize, line: &Line, items: &[Item]) -> Result<(), ReconcileError> {
        let parts = divided(line, items).map_err(indivisible)?;
        let mut booked = Vec::with_capacity(items.len());
        for (part, item) in parts.iter().zip(items) {
            let settled = self.book(batch, part, item)?;
            self.keep(pass, line, item, (item.gross, part.gross), settled.passed_on);
            booked.push(settled);
        }
        if let Some(item) = priced_by(items) {
            let fee = costs_differ(line, items.iter().zip(&booked))?;
            self.found.breaks.extend(differences(line, item, None, fee, 0));
            self.convert(batch, line, item)?;
            self.price(batch, line, item)?;
        }
        Ok(())
    }

    /// Lines that settle one item together: those of a batch book as one, and the first of them has what is passed on. What all
    /// cost is priced once, in the first batch by name: a contract's price of an item is no price of each part.
    fn several_of_one(&mut self, pass: Pass, lines: &[(usize, &Line)], item: &Item) -> Result<(), ReconcileError> {
        let mut of_batches: BTreeMap<Arc<str>, (usize, Vec<&Line>)> = BTreeMap::new();
        for (batch, line) in lines {
            let name = self.postings.names.get(*batch).cloned().unwrap_or_default();
            of_batches.entry(name).or_insert((*batch, Vec::new())).1.push(line);
        }
        let first = of_batches.values().next().map(|(batch, _)| *batch);
        let (mut batches, mut wholes) = (Vec::new(), Vec::new());
        for (name, (batch, lines)) in of_batches {
            batches.push(batch);
            wholes.extend(merged(&lines)?.map(|whole| (name, whole)));
        }
        let parts = shared(item, &wholes).map_err(indivisible)?;
        let mut passed_on = BTreeMap::new();
        for ((batch, (_, whole)), part) in batches.into_iter().zip(&wholes).zip(&parts) {
            let settled = self.book(batch, whole, part)?;
            self.differ(batch, whole, part, &settled)?;
            self.convert(batch, whole, part)?;
            passed_on.insert(whole.ordinal, settled.passed_on);
        }
        let all: Vec<&Line> = lines.iter().map(|(_, line)| *line).collect();
        if let (Some(first), Some(whole)) = (first, merged(&all)?) {
            self.price(first, &whole, item)?;
        }
        for (_, line) in lines {
            let passed_on = passed_on.remove(&line.ordinal).flatten();
            self.keep(pass, line, item, (line.gross, line.gross), passed_on);
        }
        Ok(())
    }

    fn book(&mut self, batch: usize, line: &Line, item: &Item) -> Result<Settled, ReconcileError> {
        let settled = settled(line, item, self.run.counterparty())?;
        self.postings.add(batch, item.book, &settled.legs)?;
        if let Some(days) = item.tranche() {
            let key = (item.book, item.gross.currency(), days);
            self.postings.tranches.add(key, settled.withheld)?;
        }
        Ok(settled)
    }

    fn keep(&mut self, pass: Pass, line: &Line, item: &Item, gross: (Money, Money), passed_on: Option<PassedOn>) {
        let (of_item, of_line) = gross;
        self.found.matches.push(MatchRow {
            item: item.clone(),
            ordinal: line.ordinal,
            timing: Timing::of(line, item, self.run.as_of),
            pass,
            item_gross: of_item.minor(),
            line_gross: of_line.minor(),
            passed_on,
        });
    }

    /// Holds what a line was converted to to the rate agreed.
    fn convert(&mut self, batch: usize, line: &Line, item: &Item) -> Result<(), AmountError> {
        if let Some(converted) = converted(line, self.run.acquirer)? {
            if converted.is_off {
                self.found.breaks.push(misconversion(line, item, converted));
            } else {
                let key = (batch, line.net.currency());
                self.drifts.entry(key).or_default().add(&converted)?;
            }
        }
        Ok(())
    }

    /// Holds what a line costs to the contract.
    fn price(&mut self, batch: usize, line: &Line, item: &Item) -> Result<(), AmountError> {
        if let (Some(costs), Some(name)) = (&mut self.costs, self.postings.names.get(batch)) {
            self.found.breaks.extend(costs.check(name, line, item)?);
        }
        Ok(())
    }

    fn differ(&mut self, batch: usize, line: &Line, item: &Item, settled: &Settled) -> Result<(), AmountError> {
        if settled.rounding != 0 {
            let (by_item, by_line) = (item.gross.minor(), line.gross.minor());
            let sum = self.tolerated.entry((batch, line.gross.currency())).or_default();
            sum.add(by_item, by_line, settled.rounding)?;
        }
        let found = differences(line, item, settled.amount, settled.fee, settled.kept_pending);
        self.found.breaks.extend(found);
        Ok(())
    }

    /// Takes the items that were matched out of the open ones, so that the next pass does not see them: as many as there were,
    /// since the acquirer's lock keeps all others from them. Many at once are gone through page by page.
    async fn settle(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        let places = std::mem::take(&mut self.places);
        if places.is_empty() {
            return Ok(());
        }
        let settle = include_str!("../../../schema/queries/open_items_settle.sql");
        let settled = tx.execute(settle, &[&places]).await?;
        if settled == count(places.len()) {
            return Ok(());
        }
        let matched = places.len();
        Err(StoreError::Unreadable(format!(
            "{settled} of {matched} open items that were just matched"
        )))
    }

    fn take_found(&mut self) -> Result<Found, StoreError> {
        let mut found = std::mem::take(&mut self.found);
        if let Some(costs) = &mut self.costs {
            found.claims = costs.take()?;
        }
        Ok(found)
    }
}

impl Found {
    async fn write(mut self, tx: &mut Tx, run: &Run<'_>) -> Result<(), StoreError> {
        const TYPES: [Type; 20] = [
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT4,
            Type::INT2,
            Type::INT2,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::BOOL,
            Type::BOOL,
            Type::TEXT,
            Type::DATE,
            Type::DATE,
            Type::INT8,
            Type::TEXT,
        ];
        if !self.matches.is_empty() {
            // The order of the table's key.
            self.matches.sort_unstable_by_key(|row| row.ordinal);
            let mut copy = tx
                .copy(include_str!("../../../schema/queries/matches_copy.sql"), &TYPES)
                .await?;
            for row in &self.matches {
                let item = &row.item;
                let values: [&(dyn ToSql + Sync); 20] = [
                    &item.book.0,
                    &item.number.0,
                    &run.source.0,
                    &row.ordinal,
                    &row.pass.number(),
                    &RULES,
                    &row.item_gross,
                    &row.line_gross,
                    &row.passed_on.map(|passed_on| passed_on.amount),
                    &row.passed_on.map(|passed_on| passed_on.vat),
                    &item.merchant_fee,
                    &item.reserve,
                    &item.cost,
                    &item.matures,
                    &item.passes_costs.is_some(),
                    &costs_vat(item.passes_costs),
                    &item.expected_on,
                    &item.reserve_until,
                    &item.advanced.map(|entry| entry.0),
                    &row.timing.map(Timing::name),
                ];
                copy.row(&values).await?;
            }
            tx.end_copy(copy).await?;
        }
        write_breaks(tx, run.acquirer_id, run.source, self.breaks).await?;
        let (written, claims) = self.claims;
        costs::write_claims_of_file(tx, run, written, claims).await
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// The breaks of a match whose sides differ in gross or costs; `kept` is what of the merchant's pending money waits for the first.
pub(in crate::store) fn differences(
    line: &Line,
    item: &Item,
    amount: Option<Difference>,
    fee: Option<Difference>,
    kept: i64,
) -> Vec<BreakRow> {
    let costs = if item.cost == 0 {
        "costs by contract and by the file"
    } else {
        "costs of the dispute by the ledger and by the file"
    };
    let gross = "gross by the ledger and by the file";
    let kept_pending = Some(kept).filter(|kept| *kept > 0);
    let currency = line.gross.currency();
    let text = |minor| crate::money::decimal_text(minor, currency);
    [
        (BreakClass::AmountMismatch, amount, gross, kept_pending),
        (BreakClass::FeeMismatch, fee, costs, None),
    ]
    .into_iter()
    .filter_map(|(class, difference, what, kept_pending)| {
        let Difference { expected, actual } = difference?;
        Some(BreakRow {
            class,
            ordinal: line.ordinal,
            item: Some((item.book, item.number)),
            expected: Some(Money::from_minor(expected, currency)),
            actual: Some(Money::from_minor(actual, currency)),
            suspense: None,
            kept_pending,
            detail: format!("{what} differ: {} and {} {currency}", text(expected), text(actual)),
        })
    })
    .collect()
}

/// A group that was found to be divisible, and is not.
fn indivisible(error: SplitError) -> StoreError {
    StoreError::Unreadable(error.to_string())
}

/// Sums of batches in the order of their names.
fn by_name<T>(sums: BTreeMap<(usize, Currency), T>, name: impl Fn(usize) -> Arc<str>) -> Vec<(Arc<str>, Currency, T)> {
    let mut named: Vec<_> = sums
        .into_iter()
        .map(|((batch, currency), sum)| (name(batch), currency, sum))
        .collect();
    named.sort_by(|left, right| (&left.0, left.1).cmp(&(&right.0, right.1)));
    named
}

/// The break of a matched line that was not converted by the rate agreed.
pub(in crate::store) fn misconversion(line: &Line, item: &Item, converted: Converted) -> BreakRow {
    let Converted {
        expected, actual, rate, ..
    } = converted;
    BreakRow {
        class: BreakClass::FxMismatch,
        ordinal: line.ordinal,
        item: Some((item.book, item.number)),
        expected: Some(expected),
        actual: Some(actual),
        suspense: None,
        kept_pending: None,
        detail: format!(
            "gross {} by the agreed rate {rate} and by the file differs: {expected} and {actual}",
            line.gross
        ),
    }
}

/// Writes breaks that lines of the file show.
pub(in crate::store) async fn write_breaks(
    tx: &mut Tx,
    acquirer: AcquirerId,
    source: SourceId,
    breaks: Vec<BreakRow>,
) -> Result<(), StoreError> {
    const TYPES: [Type; 14] = [
        Type::TEXT,
        Type::INT2,
        Type::INT8,
        Type::INT4,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
    ];
    if breaks.is_empty() {
        return Ok(());
    }
    let code = |money: Money| money.currency().code().to_owned();
    let mut copy = tx
        .copy(include_str!("../../../schema/queries/breaks_copy.sql"), &TYPES)
        .await?;
    for row in &breaks {
        let values: [&(dyn ToSql + Sync); 14] = [
            &row.class.name(),
            &acquirer.0,
            &source.0,
            &row.ordinal,
            &row.item.map(|(book, _)| book.0),
            &row.item.map(|(_, number)| number.0),
            &row.expected.map(Money::minor),
            &row.expected.map(code),
            &row.actual.map(Money::minor),
            &row.actual.map(code),
            &row.suspense.map(|number| number.0),
            &row.kept_pending,
            &source.0,
            &row.detail,
        ];
        copy.row(&values).await?;
    }
    tx.end_copy(copy).await
}

/// Writes a break of a batch as a whole; once for a file, whatever it says.
pub(in crate::store) async fn write_batch_break(
    tx: &mut Tx,
    (acquirer, source): (AcquirerId, SourceId),
    class: BreakClass,
    (expected, actual): (Money, Money),
    detail: &str,
) -> Result<(), StoreError> {
    tx.execute(
        include_str!("../../../schema/queries/break_of_batch.sql"),
        &[
            &acquirer.0,
            &source.0,
            &expected.currency().code(),
            &expected.minor(),
            &actual.minor(),
            &detail,
            &class.name(),
        ],
    )
    .await
    .map(|_| ())
}

fn key_of(pass: Pass, row: &Row) -> Result<Key, StoreError> {
    let amount = match pass {
        Pass::AcquirerReference | Pass::Arn | Pass::Group | Pass::ByHand => None,
        Pass::Rrn | Pass::MerchantReference | Pass::Card => row.try_get(4)?,
    };
    Ok(Key::Of(row.try_get(3)?, row.try_get(1)?, row.try_get(5)?, amount))
}

/// The line of a candidate; the first fourteen columns of every candidates query.
pub(in crate::store) fn read_line(row: &Row) -> Result<Line, StoreError> {
    let net_currency = currency(row.try_get(7)?)?;
    let gross_code: &str = row.try_get(5)?;
    let gross_currency = if gross_code == net_currency.code() {
        net_currency
    } else {
        currency(gross_code)?
    };
    Ok(Line {
        ordinal: row.try_get(0)?,
        record: record_type(row.try_get(1)?)?,
        gross: Money::from_minor(row.try_get(4)?, gross_currency),
        net: Money::from_minor(row.try_get(6)?, net_currency),
        costs: booking::Costs {
            interchange: row.try_get(8)?,
            scheme: row.try_get(9)?,
            acquirer: row.try_get(10)?,
        },
        tax: row.try_get(11)?,
        reserve: row.try_get(12)?,
        occurred_on: row.try_get(13)?,
    })
}

/// The record type of this number.
pub(in crate::store) fn record_type(id: i16) -> Result<RecordType, StoreError> {
    RecordType::from_id(id).ok_or_else(|| StoreError::Unreadable(format!("record type {id}")))
}

/// The open item of a candidate, unless the group has it already.
fn read_item(row: &Row, group: &Group) -> Result<Option<Item>, StoreError> {
    let Some(line) = group.lines.last() else {
        return Ok(None);
    };
    let (book, number) = (BookId(row.try_get(14)?), EntryNumber(row.try_get(15)?));
    if group
        .items
        .iter()
        .any(|item| (item.book, item.number) == (book, number))
    {
        return Ok(None);
    }
    let gross = Money::from_minor(row.try_get(16)?, line.gross.currency());
    Ok(Some(Item {
        book,
        number,
        gross,
        merchant_fee: row.try_get(17)?,
        reserve: row.try_get(18)?,
        cost: row.try_get(19)?,
        matures: row.try_get(20)?,
        passes_costs: passed_costs(row.try_get(21)?, row.try_get(22)?)?,
        occurred_on: row.try_get(23)?,
        reserve_until: row.try_get(24)?,
        expected_on: row.try_get(25)?,
        advanced: row.try_get::<_, Option<i64>>(26)?.map(EntryNumber),
        priced_by: PricedBy {
            method: row.try_get(27)?,
            scheme: row.try_get(28)?,
            card_country: row.try_get(29)?,
        },
    }))
}
