//! A simulator: a day of a payment company, from its settings to its bank statement, and the truth about it.
//!
//! Phases, in one pass: the world (merchants, prices, days) is fixed; stories of payments are made up one after another and
//! told event by event, a few thousand of them at once; each event goes to the event file, its lines to the settlement file,
//! and both to the truth. Then batches are closed, and statement and truth written.
//!
//! Invariants: a seed makes the same bytes everywhere and always; what one day names (payments, references, batches) no other day
//! does; every payment's events are in order; no item is missing from the settlement file, or wrong in it, unless that was
//! planned; every planned break hits an item of its own; what must be refused is refused whenever it is told. The truth shares no
//! code with the engine that it judges.
//!
//! Limits: memory follows the number of merchants and of planned breaks and refusals, not that of payments. Unpaid phone bills are
//! deducted in no file, and what a carrier invoices is not there.

mod dice;
mod event_row;
mod fees;
mod files;
mod settlement;
mod statement;
mod story;
#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]
mod tests;
mod truth;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::NaiveDate;
use serde::Serialize;

use crate::money::UnknownCurrency;
use dice::Dice;
use files::DayFile;
use settlement::{BatchSums, FIRST_BATCH, Line, SettlementFile};
pub use settlement::{FileFormat, UnknownFileFormat};
use statement::{Moved, Paid};
use story::{After, Author, Event, EventKind, Fate, Planted, Refused, Report, Stage, Story};
use truth::{BreakItem, Settled, Sources, Truth};
use world::{ACQUIRERS, CARDS, CURRENCIES, Version, World};

/// How many payments are told at once: their events come in the order of the clock, as far as so many reach.
const OPEN_STORIES: usize = 8192;
/// Progress is told once in so many payments.
const PROGRESS_STEP: u64 = 1000;
/// Where the batches of the corrupt file are numbered from.
const CORRUPT_BATCH: usize = 101;
/// How many lines the corrupt file has, beside those of its batch.
const CORRUPT_LINES: u64 = 3;
/// Once in so many payments an event is planted that must be refused, and in twice as many one that is told again.
const REFUSED_STEP: u64 = 40;
/// The most events that are planted to be refused; half as many are told again.
const REFUSED_LIMIT: u64 = 100;

macro_rules! break_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// A break that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum BreakKind { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl BreakKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its class, as breaks are listed.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

break_kinds! {
    /// A captured item that the file leaves out, past the day on which it was expected.
    MissingInFile = "MISSING_IN_FILE";
    /// A line of a payment that the ledger has never heard of.
    MissingInLedger = "MISSING_IN_LEDGER";
    /// A line with another gross amount than its item.
    AmountMismatch = "AMOUNT_MISMATCH";
    /// A line with another currency than its item.
    CurrencyMismatch = "CURRENCY_MISMATCH";
    /// A refund that is reported as a sale, or a sale as a refund.
    TypeMismatch = "TYPE_MISMATCH";
    /// A sale that takes money, or a refund that gives it.
    SignMismatch = "SIGN_MISMATCH";
    /// A line that costs more than the contract says.
    FeeMismatch = "FEE_MISMATCH";
    /// An item that the file reports after the day on which it was expected: no break, its match says so.
    Late = "LATE";
    /// A line that is converted by another rate than the contract says.
    FxMismatch = "FX_MISMATCH";
    /// A batch of which another part is withheld than the contract says.
    ReserveMismatch = "RESERVE_MISMATCH";
    /// An item that has two lines.
    DuplicateInFile = "DUPLICATE_IN_FILE";
    /// A line of a kind that has no place in the books.
    UnsupportedRecord = "UNSUPPORTED_RECORD";
    /// A line of a phone bill that is deducted as unpaid, and that nobody has told of.
    CarrierShort = "CARRIER_SHORT";
    /// A payment that is refunded and charged back.
    DoubleRecovery = "DOUBLE_RECOVERY";
    /// A line of a refund of a payment that the ledger has never heard of.
    RefundWithoutCapture = "REFUND_WITHOUT_CAPTURE";
    /// A chargeback of a payment that was never captured: an event, or a line.
    ChargebackUnknown = "CHARGEBACK_UNKNOWN";
    /// A capture that comes after its authorization ran out.
    StatusMismatch = "STATUS_MISMATCH";
    /// A payer who passes a velocity rule or a limit, and is let through.
    Velocity = "VELOCITY";
    /// Two payments of one order.
    DuplicateInLedger = "DUPLICATE_IN_LEDGER";
    /// A dispute on a day on which the merchant's fees have no price.
    NotPriced = "NOT_PRICED";
    /// The whole file under a second name.
    DuplicateFile = "DUPLICATE_FILE";
    /// A file whose batch does not net to zero.
    TotalMismatch = "TOTAL_MISMATCH";
    /// A file that never came: its batch has a number between those that did, or the balance of a later one tells.
    MissingFile = "MISSING_FILE";
    /// A batch for which the bank is paid more or less than the file says.
    FundingMismatch = "FUNDING_MISMATCH";
    /// A batch for which the bank is never paid.
    MissingReceipt = "MISSING_RECEIPT";
    /// Money from a stranger.
    UnidentifiedReceipt = "UNIDENTIFIED_RECEIPT";
}

impl BreakKind {
    /// Whether a whole file is at fault, not a line or an item.
    pub fn is_of_file(self) -> bool {
        matches!(self, Self::DuplicateFile | Self::TotalMismatch)
    }

    /// Whether a whole batch is at fault, or one that is not there.
    pub fn is_of_batch(self) -> bool {
        matches!(self, Self::ReserveMismatch | Self::MissingFile)
    }

    /// Whether the bank's statements show it.
    pub fn is_of_bank(self) -> bool {
        matches!(
            self,
            Self::FundingMismatch | Self::MissingReceipt | Self::UnidentifiedReceipt
        )
    }

    /// Whether it is no break: only the days of a match differ.
    pub fn is_of_timing(self) -> bool {
        self == Self::Late
    }

    /// Whether a payment of its own shows it.
    fn is_of_payment(self) -> bool {
        !self.is_of_file() && !self.is_of_batch() && !self.is_of_bank()
    }

    /// Whether acquirers hardly ever do it: it is planted where it is asked for.
    pub fn is_rare(self) -> bool {
        matches!(
            self,
            Self::TypeMismatch
                | Self::SignMismatch
                | Self::RefundWithoutCapture
                | Self::FxMismatch
                | Self::ReserveMismatch
                | Self::MissingFile
        ) || self.is_of_bank()
            || self.is_of_timing()
    }

    /// Whether it needs more than plain cards.
    pub fn is_of_full_days(self) -> bool {
        matches!(
            self,
            Self::StatusMismatch | Self::Velocity | Self::NotPriced | Self::FxMismatch | Self::ReserveMismatch
        )
    }

    /// Two of each kind that concerns a line, an item or an event, one of each that concerns a file; those that a profile has and
    /// a form of settlement files can tell, and that are not rare.
    pub fn usual(profile: Profile, format: FileFormat) -> BTreeMap<Self, u32> {
        let count = |kind: Self| if kind.is_of_file() { 1 } else { 2 };
        let is_told = |kind: &Self| format.lacks(*kind).is_none();
        let has =
            |kind: &&Self| is_told(kind) && !kind.is_rare() && (profile == Profile::Full || !kind.is_of_full_days());
        Self::ALL.iter().filter(has).map(|kind| (*kind, count(*kind))).collect()
    }
}

impl fmt::Display for BreakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Not a kind of break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a kind of break: known are {}", known_kinds())]
pub struct UnknownBreakKind {
    /// What was written.
    pub text: String,
}

fn known_kinds() -> String {
    let names: Vec<&str> = BreakKind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

impl FromStr for BreakKind {
    type Err = UnknownBreakKind;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
        known.copied().ok_or_else(|| UnknownBreakKind {
            text: crate::card_number::shorten(text, 40),
        })
    }
}

/// How much of what can happen does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Profile {
    /// Plain card payments: authorized, captured, voided, refunded, charged back.
    #[serde(rename = "card")]
    Card,
    /// Everything: also increments, tips, aggregates, phone bills, unknown outcomes, what must be refused, and so on.
    #[default]
    #[serde(rename = "full")]
    Full,
}

impl Profile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Card, Self::Full];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Not a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a profile: known are card, full")]
pub struct UnknownProfile(String);

impl FromStr for Profile {
    type Err = UnknownProfile;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|profile| profile.name() == text);
        known.ok_or_else(|| UnknownProfile(crate::card_number::shorten(text, 40)))
    }
}

/// What is to be simulated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// How many payments.
    pub payments: u64,
    /// How many merchants they are made at.
    pub merchants: u32,
    /// Where chance begins.
    pub seed: u64,
    /// How many breaks of each kind.
    pub breaks: BTreeMap<BreakKind, u32>,
    /// The day on which everything happens, in Europe/Berlin.
    pub day: NaiveDate,
    /// How much of what can happen does.
    pub profile: Profile,
    /// The form of the settlement file.
    pub file_format: FileFormat,
}

impl Plan {
    /// The day that is simulated where none is asked for: a Monday.
    pub fn usual_day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, 2).unwrap_or_default()
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Payments.
    pub payments: u64,
    /// Events of them.
    pub events: u64,
    /// Rows of the settlement file.
    pub settlement_lines: u64,
    /// The files, in the order in which they are to be used.
    pub files: Vec<PathBuf>,
}

/// Why nothing was simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// Payments are made at merchants.
    #[error("{0} payments at no merchant cannot be simulated: there must be at least one")]
    NoMerchants(u64),
    /// Every break needs a payment of its own.
    #[error("{breaks} breaks do not fit on {payments} payments: every break needs a payment of its own")]
    TooManyBreaks {
        /// Breaks that concern lines and items.
        breaks: u64,
        /// Payments.
        payments: u64,
    },
    /// A break that plain cards do not have.
    #[error("{0} cannot be planted on a day of plain cards: use the profile `full`")]
    NotOfCards(BreakKind),
    /// A break that a form of settlement files has no way to tell.
    #[error("{kind} cannot be planted in a file of the format {format}: {reason}")]
    NotOfFormat {
        /// The kind.
        kind: BreakKind,
        /// The form.
        format: FileFormat,
        /// Why.
        reason: &'static str,
    },
    /// Breaks of a file are all or nothing.
    #[error("{count} × {kind} were asked for: a day has at most one")]
    OncePerDay {
        /// The kind.
        kind: BreakKind,
        /// How often.
        count: u32,
    },
    /// Nobody sells what the acquirer converts.
    #[error(
        "FX_MISMATCH cannot be planted: no merchant sells in a currency that is converted, simulate more merchants"
    )]
    NothingConverted,
    /// A batch is wrong once.
    #[error("{count} × {kind} were asked for: the day has {batches} batches, each is wrong at most once")]
    TooFewBatches {
        /// The kind.
        kind: BreakKind,
        /// How often it was asked for.
        count: u32,
        /// Batches that could be wrong.
        batches: usize,
    },
    /// Nothing lies between the batches of a day with one.
    #[error("MISSING_FILE cannot be planted: numbers are missing between two batches, simulate more payments")]
    NothingBetween,
    /// The day before or after would not be one.
    #[error("{0} cannot be simulated: the day must lie in the years 2002 to 2198")]
    DayOutOfRange(NaiveDate),
    /// So many deductions that the acquirer would have to be paid.
    #[error("the {0} batch has nothing to pay out: simulate more payments or fewer breaks")]
    NothingToPay(&'static str),
    /// A refund that has to be booked, of a merchant without the money for it.
    #[error("merchant {0} cannot cover its refunds: simulate more payments or fewer breaks")]
    NotCovered(String),
    /// A sum beyond 64 bits.
    #[error("the sums do not fit 64-bit minor units: simulate fewer payments")]
    TooLarge,
    /// A currency of the simulated world is gone.
    #[error(transparent)]
    Currency(#[from] UnknownCurrency),
    /// The file system failed.
    #[error("writing {path} failed")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file system failed on the settlement file.
    #[error("writing the settlement file failed")]
    Settlement(#[source] io::Error),
}

impl SimulateError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

/// The sum of two amounts.
fn plus(left: i64, right: i64) -> Result<i64, SimulateError> {
    left.checked_add(right).ok_or(SimulateError::TooLarge)
}

/// The difference of two amounts.
fn minus(left: i64, right: i64) -> Result<i64, SimulateError> {
    left.checked_sub(right).ok_or(SimulateError::TooLarge)
}

/// Simulates a day into a directory, which is made where it is not there. `progress` gets the number of payments made so far.
///
/// Writes settings.toml, events.jsonl, settlement.csv (or .json, or .ipm), statement.xml and truth.json; of a full day also
/// calendar.csv, settings-next-day.toml, events-cut.jsonl, events-late.jsonl, events-after.jsonl and the carriers' settlement
/// files; settlement-payouts.csv where the form proves the settlement file by another one; settlement-copy, settlement-corrupt,
/// settlement-earlier.csv and statement-later.xml where their breaks are planned. What an earlier run has written and this one has
/// not is removed. Files appear whole or not at all; truth.json comes last, so where it is, the others are.
pub fn run(plan: &Plan, out: &Path, progress: &mut dyn FnMut(u64)) -> Result<Summary, SimulateError> {
    let planted = plant(plan)?;
    let world = World::new(plan)?;
    let mut sellers = (0_usize..).zip(0..world.busy);
    if world.agrees_rates && !sellers.any(|(merchant, _)| world.convertible(merchant).is_some()) {
        return Err(SimulateError::NothingConverted);
    }
    files::make_directory(out)?;

    let mut truth = Truth::new(&world);
    let mut teller = Teller {
        events: DayFile::create(out, EVENTS)?,
        settlements: settlements(plan, &world, out)?,
        truth: &mut truth,
        world: &world,
        stage: Stage::Day,
        line: 0,
        claims: Claims::default(),
    };
    let mut waiting = tell_all(plan, &planted, &world, &mut teller, progress)?;
    teller.truth.expire(&world)?;
    let events = teller.turn_to(DayFile::create(out, LATE)?);
    teller.tell_waiting(Stage::Late, &mut waiting)?;
    teller.truth.late(&world)?;
    teller.tell_waiting(Stage::File, &mut waiting)?;
    let mut sums = [[BatchSums::default(); CURRENCIES.len()]; ACQUIRERS];
    let mut settlements = Vec::new();
    for (place, settlement) in std::mem::take(&mut teller.settlements).into_iter().enumerate() {
        let closed = settlement.close(0)?;
        sums[place] = closed.sums;
        settlements.push((closed.file, closed.beside));
    }
    teller.truth.misheld(&world, &sums[CARDS])?;
    teller.truth.missing_files(&world, &sums[CARDS])?;
    let paid = statement::paid(&world, &sums)?;
    teller.truth.at_bank(&world, &paid);
    let settled = teller.truth.settle(&world, &sums)?;
    let late = (teller.turn_to(DayFile::create(out, AFTER)?), teller.claims);
    teller.tell_waiting(Stage::After, &mut waiting)?;
    teller.truth.after();
    let files = Files {
        events,
        late,
        after: teller.events,
        settlements,
    };
    finish(plan, &world, out, (truth, settled), files, (&sums, &paid))
}

/// The settlement files of all acquirers.
fn settlements<'w>(
    plan: &Plan,
    world: &'w World,
    out: &Path,
) -> Result<Vec<SettlementFile<'w, DayFile>>, SimulateError> {
    let cards = plan.file_format.files().settlement;
    let file = |(acquirer, name): (usize, &str)| {
        let file = DayFile::create(out, name)?;
        let stream = if acquirer == CARDS { 2 } else { 7 };
        SettlementFile::new(world, file, Dice::new(plan.seed, stream), acquirer, FIRST_BATCH)
            .map_err(SimulateError::Settlement)
    };
    [cards].into_iter().chain(CARRIERS).enumerate().map(file).collect()
}

/// The files that events and lines went to.
struct Files {
    events: DayFile,
    /// With what its captures come to.
    late: (DayFile, Claims),
    after: DayFile,
    /// By acquirer, with the content of the file that proves it.
    settlements: Vec<(DayFile, Option<Vec<u8>>)>,
}

/// Moves the files to their places and writes what comes last.
fn finish(
    plan: &Plan,
    world: &World,
    out: &Path,
    (mut truth, settled): (Truth, Settled),
    files: Files,
    (sums, paid): (&[[BatchSums; CURRENCIES.len()]; ACQUIRERS], &[Paid]),
) -> Result<Summary, SimulateError> {
    let corrupt = match planned(plan, BreakKind::TotalMismatch) {
        true => Some(corrupt_file(plan, world, out, &mut truth, &sums[CARDS])?),
        false => None,
    };
    let all = sums.iter().flatten().map(|batch| batch.lines);
    let mut summary = Summary {
        payments: plan.payments,
        events: truth.event_count(),
        settlement_lines: all.fold(0, u64::saturating_add),
        files: Vec::new(),
    };
    let mut used = Used {
        out,
        paths: &mut summary.files,
        names: Vec::new(),
    };
    used.write(CALENDAR, world.is_full(), |file| world.calendar.write(file))?;
    used.write(SETTINGS, true, |file| world.write_settings(file, Version::First))?;
    used.write(SETTINGS_NEXT, world.is_full(), |file| {
        world.write_settings(file, Version::NextDay)
    })?;
    used.finish(EVENTS, Some(files.events))?;
    if truth.has_late_events() {
        used.claimed(world, files.late, &mut truth)?;
    } else {
        used.finish(CUT, None)?;
        used.finish(LATE, None)?;
    }
    let names = plan.file_format.files();
    let tells_balances = world.missing_files > 0 && !plan.file_format.numbers_batches();
    used.write(EARLIER, tells_balances, |file| {
        settlement::write_earlier(world, file, &sums[CARDS])
    })?;
    for (acquirer, (file, beside)) in files.settlements.into_iter().enumerate() {
        let has_lines = sums[acquirer].iter().any(|batch| batch.lines > 0);
        if acquirer == CARDS {
            used.settlement(names.settlement, PAYOUTS, Some((file, beside)))?;
            used.finish(names.copy, copy_file(plan, out, &mut truth)?)?;
        } else {
            used.finish(CARRIERS[acquirer.saturating_sub(1)], Some(file).filter(|_| has_lines))?;
        }
    }
    used.settlement(names.corrupt, CORRUPT_PAYOUTS, corrupt)?;
    for other in FILES.iter().filter(|other| **other != names) {
        for name in [other.settlement, other.copy, other.corrupt] {
            used.finish(name, None)?;
        }
    }
    used.finish(AFTER, Some(files.after).filter(|_| truth.has_events_after()))?;
    let moved = Moved {
        paid,
        refunds: truth.paid_by_transfer(),
    };
    used.write(STATEMENT, true, |file| statement::write(file, world, &moved))?;
    used.write(LATER_STATEMENT, world.at_bank.absent > 0, |file| {
        statement::write_later(file, world, &moved)
    })?;
    let names = std::mem::take(&mut used.names);
    let document = truth.into_document(Sources {
        plan,
        world,
        sums,
        settled,
        files: names,
    })?;
    used.write(TRUTH, true, |file| {
        serde_json::to_writer_pretty(&mut *file, &document)?;
        file.write_all(b"\n")
    })?;
    Ok(summary)
}

/// The files of a day as they come to their places.
struct Used<'a> {
    out: &'a Path,
    paths: &'a mut Vec<PathBuf>,
    names: Vec<&'static str>,
}

impl Used<'_> {
    /// Moves a file to its place; where there is none, removes that of an earlier run.
    fn finish(&mut self, name: &'static str, file: Option<DayFile>) -> Result<(), SimulateError> {
        let Some(file) = file else {
            return files::remove(&self.out.join(name));
        };
        self.paths.push(file.finish()?);
        self.names.push(name);
        Ok(())
    }

    /// Writes the late events with what they claim of themselves before them; and the same file cut off before its last capture,
    /// of which nothing may be booked.
    fn claimed(
        &mut self,
        world: &World,
        (events, claims): (DayFile, Claims),
        truth: &mut Truth,
    ) -> Result<(), SimulateError> {
        let path = events.finish()?;
        let lines = files::read(&path)?;
        let claimed = claims.iter().enumerate().filter(|(_, (items, _))| *items > 0);
        let mut head = String::new();
        for (currency, &(items, sum)) in claimed {
            head.push_str(&event_row::claim(world, currency, items, sum));
            truth.claims(LATE, currency, items, sum);
        }
        let last_capture = lines.rfind("{\"kind\":\"capture\"");
        let cut = last_capture.and_then(|start| lines.get(..start));
        if cut.is_some() {
            truth.refuses(CUT);
        }
        self.write(CUT, cut.is_some(), |file| {
            write!(file, "{head}{}", cut.unwrap_or_default())
        })?;
        self.write(LATE, true, |file| write!(file, "{head}{lines}"))
    }

    /// Moves a settlement file to its place, and the file that proves it, if it has one.
    fn settlement(
        &mut self,
        name: &'static str,
        beside: &'static str,
        written: Option<(DayFile, Option<Vec<u8>>)>,
    ) -> Result<(), SimulateError> {
        let (file, content) = written.map_or((None, None), |(file, content)| (Some(file), content));
        self.finish(name, file)?;
        self.write(beside, content.is_some(), |file| {
            file.write_all(&content.unwrap_or_default())
        })
    }

    /// Writes a small file, where it is wanted.
    fn write(
        &mut self,
        name: &'static str,
        wanted: bool,
        content: impl FnOnce(&mut DayFile) -> io::Result<()>,
    ) -> Result<(), SimulateError> {
        if !wanted {
            return self.finish(name, None);
        }
        let mut file = DayFile::create(self.out, name)?;
        content(&mut file).map_err(file.failed())?;
        self.finish(name, Some(file))
    }
}

const CALENDAR: &str = "calendar.csv";
const SETTINGS_NEXT: &str = "settings-next-day.toml";
const LATE: &str = "events-late.jsonl";
/// The late events, cut off.
const CUT: &str = "events-cut.jsonl";
const AFTER: &str = "events-after.jsonl";
/// By carrier.
const CARRIERS: [&str; ACQUIRERS - 1] = ["settlement-carrier-a.csv", "settlement-carrier-b.csv"];
const SETTINGS: &str = "settings.toml";
const EVENTS: &str = "events.jsonl";
/// The files that prove the settlement file and the corrupt one, where the form has such files.
const PAYOUTS: &str = "settlement-payouts.csv";
const CORRUPT_PAYOUTS: &str = "settlement-corrupt-payouts.csv";
/// A report of days before, between which and the day's another one must lie.
const EARLIER: &str = "settlement-earlier.csv";
const STATEMENT: &str = "statement.xml";
/// The bank's statements after all that is awaited should have come.
const LATER_STATEMENT: &str = "statement-later.xml";
const TRUTH: &str = "truth.json";

/// The names of the files that are in the form of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Names {
    settlement: &'static str,
    copy: &'static str,
    corrupt: &'static str,
}

macro_rules! names {
    ($extension:literal) => {
        Names {
            settlement: concat!("settlement.", $extension),
            copy: concat!("settlement-copy.", $extension),
            corrupt: concat!("settlement-corrupt.", $extension),
        }
    };
}

/// The names of every form.
const FILES: [Names; 3] = [names!("csv"), names!("json"), names!("ipm")];

impl FileFormat {
    /// What the day's files are called.
    fn files(self) -> Names {
        let [csv, json, ipm] = FILES;
        match self {
            Self::Adyen | Self::Stripe | Self::Paypal | Self::Checkout | Self::TossCsv | Self::Profile => csv,
            Self::TossJson => json,
            Self::IpmEbcdic | Self::IpmAscii => ipm,
        }
    }
}

/// What an acquirer's settlement file is called, and the one that proves it, where there is one.
fn settlement_files(world: &World, acquirer: usize) -> (&'static str, Option<&'static str>) {
    if acquirer != CARDS {
        return (CARRIERS[acquirer.saturating_sub(1)], None);
    }
    let format = world.format(CARDS);
    let is_proven = format == FileFormat::Checkout;
    (format.files().settlement, is_proven.then_some(PAYOUTS))
}

fn planned(plan: &Plan, kind: BreakKind) -> bool {
    plan.breaks.get(&kind).is_some_and(|count| *count > 0)
}

/// Which payment carries what is planted: spread evenly over the day, in an order of chance.
fn plant(plan: &Plan) -> Result<BTreeMap<u64, Planted>, SimulateError> {
    let needs_merchant = plan.payments > 0 || planned(plan, BreakKind::TotalMismatch);
    if needs_merchant && plan.merchants == 0 {
        return Err(SimulateError::NoMerchants(plan.payments));
    }
    if let Some((&kind, &count)) = plan
        .breaks
        .iter()
        .find(|(kind, count)| kind.is_of_file() && **count > 1)
    {
        return Err(SimulateError::OncePerDay { kind, count });
    }
    let asked = |kind: &&BreakKind| planned(plan, **kind);
    if plan.profile == Profile::Card
        && let Some(&kind) = plan.breaks.keys().filter(asked).find(|kind| kind.is_of_full_days())
    {
        return Err(SimulateError::NotOfCards(kind));
    }
    for &kind in plan.breaks.keys().filter(asked) {
        if let Some(reason) = plan.file_format.lacks(kind) {
            let format = plan.file_format;
            return Err(SimulateError::NotOfFormat { kind, format, reason });
        }
    }
    let of_payments = || plan.breaks.iter().filter(|(kind, _)| kind.is_of_payment());
    let breaks = of_payments()
        .map(|(_, count)| u64::from(*count))
        .fold(0, u64::saturating_add);
    let payments = plan.payments;
    if breaks > payments {
        return Err(SimulateError::TooManyBreaks { breaks, payments });
    }
    let mut dice = Dice::new(plan.seed, 3);
    let mut all: Vec<Planted> = of_payments()
        .flat_map(|(kind, count)| (0..*count).map(|_| Planted::Break(*kind)))
        .collect();
    if plan.profile == Profile::Full {
        all.extend(refusals(plan.file_format, payments.saturating_sub(breaks), &mut dice));
    }
    for last in (1..all.len()).rev() {
        let place = dice.place(last.saturating_add(1));
        all.swap(last, place);
    }
    let count = u128::try_from(all.len()).unwrap_or(u128::MAX);
    let place = |number: u64| {
        let place = u128::from(number)
            .saturating_mul(u128::from(payments))
            .checked_div(count);
        place.and_then(|place| u64::try_from(place).ok()).unwrap_or(0)
    };
    Ok((0_u64..).map(place).zip(all).collect())
}

/// What a day of so many payments has of events that must be refused, of events that are told again, of outcomes that only the
/// file tells and of events after the payouts: of the first every kind in its turn, from any on.
fn refusals(format: FileFormat, payments: u64, dice: &mut Dice) -> Vec<Planted> {
    let refused = payments.div_euclid(REFUSED_STEP).min(REFUSED_LIMIT);
    let replayed = refused.div_ceil(2);
    let from = dice.place(Refused::ALL.len());
    // An ARN alone does not say whose authorization it is.
    let answered = match format.has_references() {
        true => replayed.div_ceil(2),
        false => 0,
    };
    let kinds = Refused::ALL
        .iter()
        .cycle()
        .skip(from)
        .map(|kind| Planted::Refused(*kind));
    let count = |count: u64| usize::try_from(count).unwrap_or(0);
    let told = |planted, times: u64| std::iter::repeat_n(planted, count(times));
    kinds
        .take(count(refused))
        .chain(told(Planted::Replayed, replayed))
        .chain(told(Planted::Answered, answered))
        .chain(
            After::ALL
                .iter()
                .cycle()
                .take(count(replayed))
                .map(|after| Planted::After(*after)),
        )
        .collect()
}

/// How many captures a file of events has, and their sum, by currency.
type Claims = [(u64, i64); CURRENCIES.len()];

/// Where a day is told to.
struct Teller<'a, 'w> {
    events: DayFile,
    /// By acquirer.
    settlements: Vec<SettlementFile<'w, DayFile>>,
    truth: &'a mut Truth,
    world: &'w World,
    stage: Stage,
    /// Lines of the event file so far.
    line: u64,
    /// What the captures of late events come to.
    claims: Claims,
}

/// Tells the events of the day; gives back the stories that have more to tell.
fn tell_all(
    plan: &Plan,
    planted: &BTreeMap<u64, Planted>,
    world: &World,
    day: &mut Teller<'_, '_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Story>, SimulateError> {
    let mut author = Author::new(plan, world, 1);
    // By the time of day of the next event: those of other days are told late, in between.
    let mut open: BTreeMap<(u32, u64), Story> = BTreeMap::new();
    let (mut waiting, mut made) = (Vec::new(), 0_u64);
    loop {
        while open.len() < OPEN_STORIES && made < plan.payments {
            let next = planted.range(made.saturating_add(1)..).next().map(|(index, _)| *index);
            let room = next.unwrap_or(plan.payments).saturating_sub(made);
            let index = made;
            let (mut story, item) = author.tell(made, planted.get(&made).copied(), room);
            if let Some(item) = item {
                day.truth.plant(item);
            }
            for line in story.strays.drain(..) {
                day.stray(line)?;
            }
            for _ in 0..story.length {
                made = made.saturating_add(1);
                if made.is_multiple_of(PROGRESS_STEP) || made == plan.payments {
                    progress(made);
                }
            }
            open.insert((story.next_second(), index), story);
        }
        let Some(((_, index), mut story)) = open.pop_first() else {
            return Ok(waiting);
        };
        day.step(&mut story)?;
        while story.at_once && day.has_more(&story) {
            day.step(&mut story)?;
        }
        if day.has_more(&story) {
            open.insert((story.next_second(), index), story);
        } else {
            day.truth.end(&story)?;
            if !story.events.is_empty() {
                waiting.push(story);
            }
        }
    }
}

impl Teller<'_, '_> {
    /// Whether a story has another event of this stage.
    fn has_more(&self, story: &Story) -> bool {
        story.events.front().is_some_and(|(event, _)| event.stage == self.stage)
    }

    /// Goes on with another file of events; gives back the one so far.
    fn turn_to(&mut self, file: DayFile) -> DayFile {
        std::mem::replace(&mut self.events, file)
    }

    /// Tells what stories have of a later stage, one after another.
    fn tell_waiting(&mut self, stage: Stage, waiting: &mut [Story]) -> Result<(), SimulateError> {
        (self.stage, self.line) = (stage, 0);
        for story in waiting {
            while self.has_more(story) {
                self.step(story)?;
            }
        }
        Ok(())
    }

    /// Tells the next event of a story, if it has one.
    fn step(&mut self, story: &mut Story) -> Result<(), SimulateError> {
        if !self.has_more(story) {
            return Ok(());
        }
        let Some((event, reports)) = story.events.pop_front() else {
            return Ok(());
        };
        let refunds = event.kind == EventKind::Refund && event.fate == Fate::Booked;
        if refunds && !self.truth.covers(self.world, story.owner, event.amount)? {
            if !event.if_covered {
                return Err(SimulateError::NotCovered(story.merchant.clone()));
            }
            // The merchant knows, and does not ask; nor does what follows happen.
            story.events.clear();
            return Ok(());
        }
        if self.stage != Stage::File {
            self.line = self.line.saturating_add(1);
            self.write(story, &event)?;
            if self.stage == Stage::Late && event.kind == EventKind::Capture {
                let (items, sum) = &mut self.claims[event.currency];
                (*items, *sum) = (items.saturating_add(1), plus(*sum, event.amount)?);
            }
        }
        self.truth.record(self.world, story, &event, self.line)?;
        for report in reports {
            match report {
                Report::Match(pass, line) => {
                    self.truth.matched(self.world, story, &event, (pass, &line))?;
                    self.settlements[event.acquirer].add(line)?;
                }
                Report::Stray(line) => self.stray(line)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, story: &Story, event: &Event) -> Result<(), SimulateError> {
        let row = event_row::EventRow::new(self.world, story, event);
        serde_json::to_writer(&mut self.events, &row)
            .map_err(io::Error::from)
            .and_then(|()| self.events.write_all(b"\n"))
            .map_err(self.events.failed())
    }

    fn stray(&mut self, line: Line) -> Result<(), SimulateError> {
        self.truth.stray(line.net_currency, line.net, line.costs)?;
        self.settlements[CARDS].add(line)
    }
}

/// A file of another batch, which says of itself what is not so.
fn corrupt_file(
    plan: &Plan,
    world: &World,
    out: &Path,
    truth: &mut Truth,
    right: &[BatchSums; CURRENCIES.len()],
) -> Result<(DayFile, Option<Vec<u8>>), SimulateError> {
    let format = plan.file_format;
    let (name, off_by) = (format.files().corrupt, format.corruption());
    let file = DayFile::create(out, name)?;
    // Where numbers tell what is missing, its own follow.
    let last = right.iter().map(|batch| batch.number).max().unwrap_or(0);
    let first_batch = if world.missing_numbers() > 0 {
        last.saturating_add(1)
    } else {
        CORRUPT_BATCH
    };
    let mut settlement = SettlementFile::new(world, file, Dice::new(plan.seed, 5), CARDS, first_batch)
        .map_err(SimulateError::Settlement)?;
    let mut author = Author::new(plan, world, 6);
    for number in 0..CORRUPT_LINES {
        settlement.add(author.unknown(plan.payments.saturating_add(number)))?;
    }
    let closed = settlement.close(off_by)?;
    for (currency, sums) in closed.sums.iter().enumerate().filter(|(_, batch)| batch.lines > 0) {
        let mut item = BreakItem::new(BreakKind::TotalMismatch);
        item.file = Some(name.to_owned());
        let batch = || format.batch_name(world, sums.number);
        item.batch = format.proves_payouts().then(batch);
        if format.proves_money() {
            item.currency = Some(CURRENCIES[currency].code);
            item.expected = Some(0);
            item.actual = Some(off_by.saturating_neg());
        }
        truth.plant(item);
    }
    Ok((closed.file, closed.beside))
}

/// The settlement file once more, byte for byte.
fn copy_file(plan: &Plan, out: &Path, truth: &mut Truth) -> Result<Option<DayFile>, SimulateError> {
    if !planned(plan, BreakKind::DuplicateFile) {
        return Ok(None);
    }
    let names = plan.file_format.files();
    let mut copy = DayFile::create(out, names.copy)?;
    copy.take(&out.join(names.settlement))?;
    let mut item = BreakItem::new(BreakKind::DuplicateFile);
    item.file = Some(names.copy.to_owned());
    truth.plant(item);
    Ok(Some(copy))
}
