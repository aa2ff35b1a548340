//! What settings may say only after what the settings before them said.
//!
//! A merchant goes from state to state by [`MerchantState::next`], and is compared with the latest version that had it: leaving
//! it out for a version is no way around. It is left out only when it is closed; closed is for ever.

use std::collections::BTreeMap;

use super::reader::findings;
use super::{Availability, Merchant, MerchantState, Settings, SettingsError};
use crate::card_number::shorten;

/// How much of a name a finding shows.
const NAME_SHOWN: usize = 40;

impl Settings {
    /// Whether these settings, of this text, may come after the versions before them, oldest first; `is_calendar` knows the
    /// calendars that were imported. Otherwise every finding comes back. A merchant that is missing is found at the first line.
    pub fn follow(&self, text: &str, before: &[Self], is_calendar: &dyn Fn(&str) -> bool) -> Result<(), SettingsError> {
        let mut known: BTreeMap<&str, &Merchant> = BTreeMap::new();
        for version in before {
            known.extend(
                version
                    .merchants
                    .iter()
                    .map(|(name, merchant)| (name.as_str(), merchant)),
            );
        }
        let mut found = Vec::new();
        for merchant in self.merchants.values() {
            found.extend(match known.get(merchant.name.as_str()) {
                None => begun(merchant),
                Some(before) => followed(before, merchant),
            });
            if let Availability::SalesDay { calendar, .. } = &merchant.availability
                && !is_calendar(&calendar.name)
            {
                let name = shorten(&calendar.name, NAME_SHOWN);
                let message = format!("`{name}` is not a calendar: import one of that name first");
                found.push((calendar.at.0, message));
            }
        }
        let missing = known
            .iter()
            .filter(|(name, before)| before.state != MerchantState::Closed && !self.merchants.contains_key(**name));
        found.extend(missing.map(|(name, before)| {
            let (name, state) = (shorten(name, NAME_SHOWN), before.state.name());
            let message = format!("merchant `{name}` is missing: it is {state}, and stays until it is closed");
            (0, message)
        }));
        if found.is_empty() {
            return Ok(());
        }
        let findings = findings(text, found);
        Err(SettingsError { findings })
    }
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
