//! What runs by itself: inboxes, times, reports, and whether approved payouts are instructed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveTime;
use toml::de::DeValue;

use super::reader::{Reader, Table, Text};
use super::{DeskRules, Place};
use crate::acquirer::format::{Format, Reading};
use crate::acquirer::mapping::Profile;
use crate::card_number::shorten;
use crate::money::Currency;

/// What settings say of the worker. What they say nothing of is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRules {
    /// Where files come in, in the order of the settings.
    pub inboxes: Vec<Inbox>,
    /// How many seconds pass between two looks at the inboxes, and at what may be instructed.
    pub look_every: u32,
    /// A file that was written to less than so many seconds ago is not taken yet.
    pub settled: u32,
    /// How many seconds pass between two runs that expire authorizations; none where nothing expires by itself.
    pub expire_every: Option<u32>,
    /// The time of the house's day from which on what is due that day is released.
    pub release_at: Option<NaiveTime>,
    /// The time from which on the payouts of that day's cut-off are planned.
    pub payouts_at: Option<NaiveTime>,
    /// As whom payouts are planned: somebody else approves them.
    pub planner: String,
    /// How what is approved is instructed; none where people do that.
    pub instruct: Option<InstructRule>,
    /// The time from which on the reports of the day before are written.
    pub reports_at: Option<NaiveTime>,
    /// Which ones, and where.
    pub reports: Vec<ReportRule>,
}

/// A directory whose files are taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    /// The directory.
    pub path: PathBuf,
    /// What its files are.
    pub kind: InboxKind,
}

/// What the files of an inbox are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxKind {
    /// Payment events.
    Events,
    /// Settlement files.
    Settlement {
        /// The acquirer that they come from.
        acquirer: String,
        /// Their format or profile, where their beginning does not tell.
        format: Option<String>,
    },
    /// Bank statements.
    Bank {
        /// The account that they must be of; any of the house's where none is named.
        account: Option<String>,
        /// Their format, where their beginning does not tell.
        format: Option<String>,
    },
}

/// How what is approved is instructed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructRule {
    /// Where bank files are written.
    pub directory: PathBuf,
    /// In which format, by its name.
    pub format: String,
    /// Currencies that have another one.
    pub by_currency: BTreeMap<Currency, String>,
}

/// A report that is written every day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRule {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub name_at: Place,
    /// The directory in which each day has one of its own.
    pub directory: PathBuf,
}

/// The names of bank file formats, bank statement formats and reports, which are known elsewhere and held equal by tests.
pub const BANK_FILE_FORMATS: [&str; 4] = ["csv", "pain.001", "pain.001.03", "nacha"];
/// Formats of bank statements.
pub const STATEMENT_FORMATS: [&str; 3] = ["camt", "mt940", "bai2"];
/// Reports of a day.
pub const REPORTS: [&str; 11] = [
    "trial_balance",
    "journal",
    "statement",
    "statement_items",
    "reconciliation",
    "fees",
    "breaks_aging",
    "fee_claims",
    "payouts",
    "proof",
    "safeguarding",
];

const LOOK_EVERY: u32 = 30;
const SETTLED: u32 = 10;
/// As whom payouts are planned where settings do not say.
const PLANNER: &str = "worker";
/// The most seconds: a day.
const DAY: u32 = 86_400;

impl WorkerRules {
    /// What would fail on every run, and where it stands.
    pub(super) fn never_works(&self, desk: &DeskRules) -> Vec<(usize, String)> {
        let reports = self.reports.iter().filter(|report| report.name == "breaks_aging");
        let uncounted = reports.filter(|_| desk.calendar.is_none());
        let message = "`breaks_aging` counts business days: say whose, as `calendar` under [desk]";
        uncounted.map(|report| (report.name_at.0, message.to_owned())).collect()
    }
}

impl<'t> Reader<'t> {
    /// The `[worker]` table; acquirers and profiles are those of the file.
    pub(super) fn worker(
        &mut self,
        table: Table<'t>,
        acquirers: &BTreeSet<String>,
        profiles: &[Arc<Profile>],
    ) -> Option<WorkerRules> {
        self.only(
            table,
            &[
                "inbox",
                "look_every_seconds",
                "settled_seconds",
                "expire_every_seconds",
                "release_at",
                "payouts_at",
                "planner",
                "instruct",
                "reports_at",
                "report",
            ],
        );
        let inboxes = self.inboxes(table, acquirers, profiles);
        let look_every = self.seconds(table, "look_every_seconds", 1);
        let settled = self.seconds(table, "settled_seconds", 0);
        let expire_every = self.seconds(table, "expire_every_seconds", 1);
        let release_at = self.time(table, "release_at");
        let payouts_at = self.time(table, "payouts_at");
        let planner = match table.get("planner") {
            None => Some(PLANNER),
            Some(_) => self.reference(table, "planner"),
        };
        let instruct = self.optional(table, "instruct", Self::instruct);
        let reports_at = self.time(table, "reports_at");
        let reports = self.reports(table);
        if let (Some(None), Some((at, _))) = (reports_at, table.get("report")) {
            self.found(
                at,
                "reports are written at a time of the day: say it as `reports_at`".to_owned(),
            );
        }
        Some(WorkerRules {
            inboxes,
            look_every: look_every?.unwrap_or(LOOK_EVERY),
            settled: settled?.unwrap_or(SETTLED),
            expire_every: expire_every?,
            release_at: release_at?,
            payouts_at: payouts_at?,
            planner: planner?.to_owned(),
            instruct: instruct?,
            reports_at: reports_at?,
            reports,
        })
    }

    fn inboxes(&mut self, worker: Table<'t>, acquirers: &BTreeSet<String>, profiles: &[Arc<Profile>]) -> Vec<Inbox> {
        let mut inboxes: Vec<Inbox> = Vec::new();
        for table in self.listed_tables(worker, "inbox", "inbox", "[[worker.inbox]]") {
            self.only(table, &["path", "kind", "acquirer", "account", "file_format"]);
            let path = self.directory(table, "path");
            let kind = self.inbox_kind(table, acquirers, profiles);
            let (Some(path), Some(kind)) = (path, kind) else {
                continue;
            };
            // One in the other would take its `done` for a report of several files.
            let beside = |other: &Inbox| !other.path.starts_with(&path) && !path.starts_with(&other.path);
            if inboxes.iter().all(beside) {
                inboxes.push(Inbox { path, kind });
            } else {
                self.found(
                    table.at,
                    "there is another inbox at `path`, in it or around it".to_owned(),
                );
            }
        }
        inboxes
    }

    fn inbox_kind(
        &mut self,
        table: Table<'t>,
        acquirers: &BTreeSet<String>,
        profiles: &[Arc<Profile>],
    ) -> Option<InboxKind> {
        let kind = match table.get("kind") {
            None if table.get("acquirer").is_some() => "settlement",
            None => {
                self.found(
                    table.at,
                    "an inbox needs `acquirer`, or `kind`: \"events\" or \"bank\"".to_owned(),
                );
                return None;
            }
            Some(_) => self.text(table, "kind")?.text,
        };
        let mut alien = |fields: &[&'static str]| {
            for field in fields {
                if let Some((at, _)) = table.get(field) {
                    self.found(at, format!("`{field}` is not a field of an inbox of this kind"));
                }
            }
        };
        match kind {
            "events" => {
                alien(&["acquirer", "account", "file_format"]);
                Some(InboxKind::Events)
            }
            "bank" => {
                alien(&["acquirer"]);
                let format = self.format(table, |name| STATEMENT_FORMATS.contains(&name))?;
                // Not looked through for card numbers, as those of the house are not.
                let account = match table.get("account") {
                    None => None,
                    Some(_) => Some(self.text(table, "account")?.text.to_owned()),
                };
                Some(InboxKind::Bank { account, format })
            }
            "settlement" => {
                alien(&["account"]);
                let format = self.format(table, |name| Reading::from_name(name, profiles).is_some())?;
                let acquirer = self.text(table, "acquirer")?;
                if !acquirers.contains(acquirer.text) {
                    let name = shorten(acquirer.text, 40);
                    self.found(acquirer.at, format!("`{name}` is not an acquirer"));
                    return None;
                }
                let acquirer = acquirer.text.to_owned();
                Some(InboxKind::Settlement { acquirer, format })
            }
            other => {
                let (at, _) = table.get("kind")?;
                let shown = shorten(other, 40);
                self.found(
                    at,
                    format!("`{shown}` is no kind of inbox: write \"events\", \"settlement\" or \"bank\""),
                );
                None
            }
        }
    }

    /// `None` where it is there and wrong.
    fn format(&mut self, table: Table<'t>, is_known: impl Fn(&str) -> bool) -> Option<Option<String>> {
        if table.get("file_format").is_none() {
            return Some(None);
        }
        let Text { at, text } = self.text(table, "file_format")?;
        if is_known(text) {
            return Some(Some(text.to_owned()));
        }
        let formats: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        let (shown, formats) = (shorten(text, 40), formats.join(", "));
        let statements = STATEMENT_FORMATS.join(", ");
        self.found(
            at,
            format!("`{shown}` is no format: of settlement files one of {formats} or a profile, of bank statements {statements}"),
        );
        None
    }

    fn instruct(&mut self, table: Table<'t>) -> Option<InstructRule> {
        self.only(table, &["directory", "file_format", "by_currency"]);
        let directory = self.directory(table, "directory");
        let format = match table.get("file_format") {
            None => Some("csv"),
            Some(_) => self.one_of(table, "file_format", &BANK_FILE_FORMATS),
        };
        let mut by_currency = BTreeMap::new();
        for (currency, Text { at, text }) in self.by_currency(table, "by_currency") {
            if let Some(format) = self.known(at, "by_currency", text, &BANK_FILE_FORMATS) {
                by_currency.insert(currency, format.to_owned());
            }
        }
        Some(InstructRule {
            directory: directory?,
            format: format?.to_owned(),
            by_currency,
        })
    }

    fn reports(&mut self, worker: Table<'t>) -> Vec<ReportRule> {
        let mut reports: Vec<ReportRule> = Vec::new();
        for table in self.listed_tables(worker, "report", "report", "[[worker.report]]") {
            self.only(table, &["name", "directory"]);
            let name = self.one_of(table, "name", &REPORTS);
            let name_at = Place(table.get("name").map_or(table.at, |(at, _)| at));
            let directory = self.directory(table, "directory");
            if let (Some(name), Some(directory)) = (name, directory) {
                reports.push(ReportRule {
                    name: name.to_owned(),
                    name_at,
                    directory,
                });
            }
        }
        reports
    }

    fn one_of(&mut self, table: Table<'t>, field: &str, known: &[&str]) -> Option<&'t str> {
        let Text { at, text } = self.text(table, field)?;
        self.known(at, field, text, known)
    }

    fn known(&mut self, at: usize, field: &str, text: &'t str, known: &[&str]) -> Option<&'t str> {
        if known.contains(&text) {
            return Some(text);
        }
        let shown = shorten(text, 40);
        self.found(at, format!("`{field}` is none of {}: `{shown}`", known.join(", ")));
        None
    }

    /// A directory that means the same wherever a worker is started.
    fn directory(&mut self, table: Table<'t>, field: &str) -> Option<PathBuf> {
        let Text { at, text } = self.text(table, field)?;
        self.checked(field, Text { at, text }, |_| true)?;
        let path = Path::new(text);
        if !path.is_absolute() || path.components().any(|part| part.as_os_str() == "..") {
            let message = format!("`{field}` must be a whole path, like \"/srv/acquit/inbox\"");
            self.found(at, message);
            return None;
        }
        // Without a slash at its end or two in a row, so that equal paths are equal.
        Some(path.components().collect())
    }

    /// Whole seconds up to a day, or absent. `None` where it is there and wrong.
    fn seconds(&mut self, table: Table<'t>, field: &str, least: u32) -> Option<Option<u32>> {
        let (at, integer) = match table.get(field) {
            None => return Some(None),
            Some((at, DeValue::Integer(integer))) => (at, integer),
            Some((at, value)) => return self.wrong_type(at, field, value, "a whole number"),
        };
        let seconds = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        let seconds = seconds.filter(|seconds| (least..=DAY).contains(seconds));
        if seconds.is_none() {
            self.found(at, format!("`{field}` must be from {least} to {DAY}"));
        }
        seconds.map(Some)
    }

    /// A time of the day, or absent. `None` where it is there and wrong.
    fn time(&mut self, table: Table<'t>, field: &str) -> Option<Option<NaiveTime>> {
        if table.get(field).is_none() {
            return Some(None);
        }
        let Text { at, text } = self.text(table, field)?;
        let time = NaiveTime::parse_from_str(text, "%H:%M")
            .ok()
            .filter(|_| text.len() == 5);
        if time.is_none() {
            let shown = shorten(text, 40);
            self.found(
                at,
                format!("`{shown}` is not a time of the day: write one like \"16:30\""),
            );
        }
        time.map(Some)
    }
}
