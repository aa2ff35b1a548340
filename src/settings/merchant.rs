//! Merchants and where their payouts go.

use toml::de::DeValue;

use super::reader::{Reader, Table};
use crate::card_number::shorten;
use crate::ids::ReferenceError;

/// A merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The name that events use.
    pub name: String,
    /// The name of its fee schedule.
    pub fee_schedule: String,
    /// Where its payouts go; without one, nothing is paid out.
    pub destination: Option<Destination>,
}

/// A bank account that payouts are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Whose account it is.
    pub holder: String,
    /// IBAN or account number.
    pub account: String,
    /// BIC or bank code; may be empty for an IBAN.
    pub bank: String,
}

impl<'t> Reader<'t> {
    pub(super) fn merchant(
        &mut self,
        table: Table<'t>,
        name: &str,
        schedule_known: &dyn Fn(&str) -> bool,
    ) -> Option<Merchant> {
        self.only(table, &["name", "fee_schedule", "destination"]);
        let fee_schedule = self.text(table, "fee_schedule");
        if let Some(schedule) = fee_schedule.filter(|schedule| !schedule_known(schedule.text)) {
            let wanted = shorten(schedule.text, 40);
            self.found(
                schedule.at,
                format!("`{wanted}` is not a fee schedule: there is no [[fee_schedule]] of that name"),
            );
        }
        let destination = self.optional(table, "destination", Self::destination);
        Some(Merchant {
            name: name.to_owned(),
            fee_schedule: fee_schedule?.text.to_owned(),
            destination: destination?,
        })
    }

    pub(super) fn destination(&mut self, table: Table<'t>) -> Option<Destination> {
        self.only(table, &["holder", "account", "bank"]);
        let holder = self.reference(table, "holder");
        // Not looked through for card numbers: account numbers of 13 to 16 digits are common, and one in ten passes the check.
        let account = self
            .text(table, "account")
            .and_then(|account| self.checked("account", account, |error| error != ReferenceError::CardNumber));
        let bank = match table.get("bank") {
            Some((_, DeValue::String(bank))) if bank.is_empty() => Some(""),
            Some(_) => self.reference(table, "bank"),
            None => Some(""),
        };
        Some(Destination {
            holder: holder?.to_owned(),
            account: account?.to_owned(),
            bank: bank?.to_owned(),
        })
    }
}
