//! Settings: the one TOML that a deployment is described by.
//!
//! A version of it is in force from its `effective_from` day until a later one begins; every version is kept whole in the
//! database. Reading refuses anything it does not know, and says where: line, column, and what to write instead.
//!
//! The text is parsed into a document with positions, which is then walked field by field: a derived reader would stop at the
//! first field that it does not like, and here every finding of the file comes back at once.

mod acquirer;
mod bank;
mod cost;
mod desk;
mod fees;
mod ladder;
mod lifecycle;
mod merchant;
mod onboarding;
mod payout;
mod profile;
mod reader;
#[cfg(test)]
mod tests;
mod velocity;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use toml::de::DeTable;

pub use self::acquirer::{Acquirer, AcquirerKind, AgreedRate, Bearer, Contract, Expected, MonthlyLimit, Unproven};
pub use self::bank::{BankAccount, Purpose};
pub use self::cost::{CostComponent, CostContract, CostRates, CostTerm, DEDUCTED, OF_BATCH};
pub use self::desk::DeskRules;
use self::fees::Context;
pub use self::fees::{
    ComponentVat, EventFees, FeeSchedule, Filter, NotAVatRate, Percentage, Price, Rates, ReturnPolicy, Scope, Tier,
    VatClass, VatRate, VatVersion,
};
pub use self::ladder::{Approval, Ladder};
pub use self::lifecycle::{AuthType, Initiator, RefundRule, RefundRules, SpanError, Validity, Window};
pub use self::merchant::{Availability, CalendarName, Destination, Merchant, MerchantState, Reserve, ReserveRule};
pub use self::payout::{BreakClassName, MerchantPayouts, NachaTerms, PayoutRules, Receivers, ReturnedFee, Schedule};
use self::reader::{Reader, Table, findings, right};
pub use self::velocity::{Action, Per, VelocityRule, VelocityWindow};
pub use self::worker::{
    BANK_FILE_FORMATS, Inbox, InboxKind, InstructRule, REPORTS, ReportRule, STATEMENT_FORMATS, WorkerRules,
};
use crate::acquirer::mapping::Profile;
use crate::card_number::mask;
use crate::money::{Currency, Money};

/// Amounts by currency.
pub type Amounts = BTreeMap<Currency, Money>;

/// A settings file, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The first booking date it governs.
    pub effective_from: NaiveDate,
    /// Ourselves.
    pub house: House,
    /// Acquirers by name.
    pub acquirers: BTreeMap<String, Acquirer>,
    /// The versions of merchant fee schedules by name, in the order of their days.
    pub fee_schedules: BTreeMap<String, Vec<FeeSchedule>>,
    /// What a payout must be worth, and who approves it.
    pub payout: PayoutRules,
    /// How long authorizations may be captured, in the order of the file.
    pub validity: Vec<Validity>,
    /// How long captures may be refunded.
    pub refunds: RefundRules,
    /// Merchants by name.
    pub merchants: BTreeMap<String, Merchant>,
    /// Velocity rules, by name.
    pub velocity_rules: Vec<VelocityRule>,
    /// How files are read that no format knows, by name.
    pub profiles: Vec<Arc<Profile>>,
    /// Who may write off how much.
    pub desk: DeskRules,
    /// What runs by itself; none where nothing does.
    pub worker: Option<WorkerRules>,
}

/// Settings that were applied, and when.
#[derive(Debug, Clone)]
pub struct SettingsVersion {
    /// What they say.
    pub settings: Arc<Settings>,
    /// The day in the house's zone on which they were applied, which may come after their first.
    pub applied_on: NaiveDate,
}

/// The payment company.
#[derive(Debug, Clone, PartialEq)]
pub struct House {
    /// Its name, as a payout's debtor.
    pub name: String,
    /// The zone whose midnight divides booking dates; the same in every version.
    pub time_zone: Tz,
    /// Where the zone stands: whether it may be that is known by the versions before.
    pub time_zone_at: Place,
    /// The bank account that receives settlements and pays merchants: the dimension of account 1010; the same in every version.
    pub bank_account: Arc<str>,
    /// Where the bank account stands, likewise.
    pub bank_account_at: Place,
    /// The accounts at the bank that make it up, one a currency.
    pub accounts: Vec<BankAccount>,
    /// How much of all merchants' pending money may be advanced at a time; currencies not listed: nothing.
    pub advance_limit: Amounts,
}

/// Where something stands in the text of a settings file, in bytes. All places are equal: the same settings may be laid out
/// in more ways than one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place(usize);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

/// One thing that is wrong in a settings file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line, the first being 1.
    pub line: usize,
    /// The column in characters, the first being 1.
    pub column: usize,
    /// What is wrong, and what to write instead; card numbers masked.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// Everything that is wrong in a settings file, in the order of the file. A text that is not TOML has one finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.findings))]
pub struct SettingsError {
    /// At least one.
    pub findings: Vec<Finding>,
}

fn lines(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    lines.join("\n")
}

impl Settings {
    /// How long a capture of a payment method may be refunded; of a method that is not known, by the default.
    pub fn refund_rule(&self, method: Option<&str>) -> &RefundRule {
        self.refunds.of(method)
    }

    /// Reads a settings file. Either all of it is right, or every finding comes back.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let document = DeTable::parse(text);
        let mut reader = Reader::new(text);
        let read = match &document {
            Ok(document) => reader.settings(document.get_ref()),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                reader.found(at, format!("this is not TOML: {}", mask(error.message().trim())));
                None
            }
        };
        reader.comments();
        let findings = reader.into_findings();
        match read {
            Some(settings) if findings.is_empty() => Ok(settings),
            _ => Err(SettingsError { findings }),
        }
    }

    /// Reads a settings file that is to be applied. What can be read and never works is a finding as well; of a version that was
    /// applied it is none, for that has to be read whatever it says.
    pub fn check(text: &str) -> Result<Self, SettingsError> {
        let settings = Self::parse(text)?;
        let worker = settings.worker.iter();
        let found: Vec<(usize, String)> = worker.flat_map(|worker| worker.never_works(&settings.desk)).collect();
        if found.is_empty() {
            return Ok(settings);
        }
        let findings = findings(text, found);
        Err(SettingsError { findings })
    }

    /// The version of a fee schedule that is in force on a day.
    pub fn fee_schedule(&self, name: &str, day: NaiveDate) -> Option<&FeeSchedule> {
        let versions = self.fee_schedules.get(name)?;
        versions.iter().rev().find(|version| version.is_in_force(day))
    }
}

impl<'t> Reader<'t> {
    fn settings(&mut self, fields: &'t DeTable<'t>) -> Option<Settings> {
        let (name, at) = ("the file", 0);
        let root = Table { name, at, fields };
        self.only(
            root,
            &[
                "effective_from",
                "house",
                "acquirer",
                "vat_class",
                "fee_schedule",
                "payout",
                "validity",
                "refund",
                "merchant",
                "velocity_rule",
                "profile",
                "desk",
                "worker",
            ],
        );
        let effective_from = self.day(root, "effective_from");
        let house = self.table(root, "house").and_then(|table| self.house(table));
        let acquirers = self.named(root, "acquirer", Self::acquirer);
        if let Some(house) = house
            .as_ref()
            .filter(|house| acquirers.contains_key(&*house.bank_account))
        {
            let message = "`bank_account`: an acquirer has this name".to_owned();
            self.found(house.bank_account_at.0, message);
        }
        let vat_classes = self.vat_classes(root);
        let context = Context {
            effective_from,
            vat_classes: &vat_classes,
        };
        let fee_schedules = self.fee_schedules(root, &context);
        let payout = self.optional(root, "payout", Self::payout);
        let validity = self.validity(root);
        let refunds = self.refunds(root);
        let schedule_known = |name: &str| fee_schedules.contains_key(name);
        let merchants = self.named(root, "merchant", |reader, table, name| {
            reader.merchant(table, name, &schedule_known)
        });
        let velocity_rules = self.named(root, "velocity_rule", Self::velocity_rule);
        let named_acquirers = acquirers.keys().cloned().collect();
        let profiles = self.named(root, "profile", Self::profile);
        let profiles: Vec<Arc<Profile>> = right(profiles).into_values().map(Arc::new).collect();
        let desk = self.optional(root, "desk", Self::desk);
        let worker = self.optional(root, "worker", |reader, table| {
            reader.worker(table, &named_acquirers, &profiles)
        });
        Some(Settings {
            effective_from: effective_from?,
            house: house?,
            payout: payout?.unwrap_or_default(),
            validity,
            refunds,
            acquirers: right(acquirers),
            fee_schedules,
            merchants: right(merchants),
            velocity_rules: right(velocity_rules).into_values().collect(),
            profiles,
            desk: desk?.unwrap_or_default(),
            worker: worker?,
        })
    }

    fn house(&mut self, table: Table<'t>) -> Option<House> {
        self.only(
            table,
            &["name", "time_zone", "bank_account", "account", "advance_limit"],
        );
        let name = self.reference(table, "name");
        let time_zone = self.time_zone(table, "time_zone");
        let bank_account = self.reference(table, "bank_account");
        let place = |field| Place(table.get(field).map_or(table.at, |(at, _)| at));
        Some(House {
            name: name?.to_owned(),
            time_zone: time_zone?,
            time_zone_at: place("time_zone"),
            bank_account: bank_account?.into(),
            bank_account_at: place("bank_account"),
            accounts: self.bank_accounts(table),
            advance_limit: self.amounts(table, "advance_limit"),
        })
    }
}
