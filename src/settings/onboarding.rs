//! What settings may say only after what the settings before them said.
//!
//! A merchant goes from state to state by [`MerchantState::next`], and is compared with the latest version that had it: leaving
//! it out for a version is no way around. Merchants and acquirers are never left out: chargebacks of what they sold and settled
//! come years later, and have to be booked. A merchant that has left is closed, for ever.
//!
//! What books are kept by does not change: which account an acquirer's debt is on, which zone divides booking dates, which bank
//! account is the dimension of account 1010.

use std::collections::BTreeMap;

use super::reader::findings;
use super::{Acquirer, AcquirerKind, Availability, House, Merchant, MerchantState, Settings, SettingsError};
use crate::card_number::shorten;

/// How much of a name a finding shows.
const NAME_SHOWN: usize = 40;

impl Settings {
    /// Whether these settings, of this text, may come after the versions before them, oldest first; `is_calendar` knows the
    /// calendars that were imported, `is_break_class` the classes of breaks. Otherwise every finding comes back. What is missing is
    /// found at the first line.
    pub fn follow(
        &self,
        text: &str,
        before: &[Self],
        is_calendar: &dyn Fn(&str) -> bool,
        is_break_class: &dyn Fn(&str) -> bool,
    ) -> Result<(), SettingsError> {
        let mut known: BTreeMap<&str, &Merchant> = BTreeMap::new();
        let mut acquirers: BTreeMap<&str, &Acquirer> = BTreeMap::new();
        for version in before {
            let merchants = version.merchants.iter();
            known.extend(merchants.map(|(name, merchant)| (name.as_str(), merchant)));
            acquirers.extend(
                version
                    .acquirers
                    .iter()
                    .map(|(name, acquirer)| (name.as_str(), acquirer)),
            );
        }
        let mut found = Vec::new();
        if let Some(before) = before.last() {
            found.extend(house_followed(&before.house, &self.house));
        }
        for (name, before) in acquirers {
            found.extend(acquirer_followed(before, self.acquirers.get(name)));
        }
        for merchant in self.merchants.values() {
            found.extend(match known.get(merchant.name.as_str()) {
                None => begun(merchant),
                Some(before) => followed(before, merchant),
            });
        }
        let counted = self
            .merchants
            .values()
            .flat_map(|merchant| match &merchant.availability {
                Availability::SalesDay { calendars, .. } => calendars.as_slice(),
                Availability::Reconciled => &[],
            });
        let expected = self.acquirers.values().filter_map(|acquirer| acquirer.expects.as_ref());
        let named = expected.map(|expected| &expected.calendar).chain(&self.desk.calendar);
        let named = counted.chain(named).chain(self.payout.calendars.values());
        for calendar in named.filter(|calendar| !is_calendar(&calendar.name)) {
            let name = shorten(&calendar.name, NAME_SHOWN);
            let message = format!("`{name}` is not a calendar: import one of that name first");
            found.push((calendar.at.0, message));
        }
        for class in self
            .payout
            .blocked_by
            .iter()
            .filter(|class| !is_break_class(&class.name))
        {
            let name = shorten(&class.name, NAME_SHOWN);
            found.push((class.at.0, format!("`{name}` is not a class of breaks")));
        }
        let missing = known.iter().filter(|(name, _)| !self.merchants.contains_key(**name));
        found.extend(missing.map(|(name, before)| {
            let (name, state) = (shorten(name, NAME_SHOWN), before.state.name());
            let message = match before.state {
                MerchantState::Closed => format!(
                    "merchant `{name}` is missing: it is closed, and stays as that: its sales may still be charged back"
                ),
                MerchantState::Applied | MerchantState::Verified | MerchantState::Active | MerchantState::Suspended => {
                    format!("merchant `{name}` is missing: it is {state}, and one that leaves stays as closed")
                }
            };
            (0, message)
        }));
        if found.is_empty() {
            return Ok(());
        }
        let findings = findings(text, found);
        Err(SettingsError { findings })
    }
}

/// What books are kept by.
fn house_followed(before: &House, house: &House) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    if house.time_zone != before.time_zone {
        let (from, to) = (before.time_zone, house.time_zone);
        let message = format!(
            "`time_zone` of the house cannot change from {from} to {to}: what is booked has the days of {from}"
        );
        found.push((house.time_zone_at.0, message));
    }
    if house.bank_account != before.bank_account {
        let [from, to] = [before, house].map(|house| shorten(&house.bank_account, NAME_SHOWN));
        let message =
            format!("`bank_account` of the house cannot change from `{from}` to `{to}`: what is booked is on `{from}`");
        found.push((house.bank_account_at.0, message));
    }
    found
}

fn acquirer_followed(before: &Acquirer, acquirer: Option<&Acquirer>) -> Option<(usize, String)> {
    let name = shorten(&before.name, NAME_SHOWN);
    let Some(acquirer) = acquirer else {
        let message = format!("acquirer `{name}` is missing: what it settled may still be charged back, so it stays");
        return Some((0, message));
    };
    let kind = |acquirer: &Acquirer| match acquirer.kind {
        AcquirerKind::Acquirer => ("acquirer", "account 1100"),
        AcquirerKind::Carrier => ("carrier", "account 1130"),
    };
    let ((from, account), (to, _)) = (kind(before), kind(acquirer));
    (from != to).then(|| {
        let message = format!(
            "`kind` of acquirer `{name}` cannot change from {from} to {to}: what it owes is booked on {account}"
        );
        (acquirer.kind_at.0, message)
    })
}

fn begun(merchant: &Merchant) -> Option<(usize, String)> {
    if merchant.state.may_begin() {
        return None;
    }
    let (name, state) = (shorten(&merchant.name, NAME_SHOWN), merchant.state.name());
    let may = names(MerchantState::ALL.into_iter().filter(|state| state.may_begin()));
    let message = format!("merchant `{name}` is new and cannot be {state}: it begins as {may}");
    Some((merchant.state_at.0, message))
}

fn followed(before: &Merchant, merchant: &Merchant) -> Option<(usize, String)> {
    let name = shorten(&merchant.name, NAME_SHOWN);
    if merchant.state != before.state && !before.state.next().contains(&merchant.state) {
        let (from, to) = (before.state.name(), merchant.state.name());
        let may = match before.state {
            MerchantState::Closed => "for ever".to_owned(),
            MerchantState::Applied | MerchantState::Verified | MerchantState::Active | MerchantState::Suspended => {
                format!("and can become {}", names(before.state.next().iter().copied()))
            }
        };
        let message = format!("merchant `{name}` cannot become {to}: it is {from}, {may}");
        return Some((merchant.state_at.0, message));
    }
    let moved = match (&before.destination, &merchant.destination) {
        (Some(before), Some(after)) => (!before.is_same_account(after)).then_some(after.at),
        (None, Some(after)) => Some(after.at),
        (Some(_), None) => Some(merchant.state_at),
        (None, None) => None,
    };
    let at = moved.filter(|_| before.state == MerchantState::Closed)?;
    let message = format!("the destination of merchant `{name}` cannot change: it is closed");
    Some((at.0, message))
}

fn names(states: impl Iterator<Item = MerchantState>) -> String {
    let names: Vec<&str> = states.map(MerchantState::name).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}
