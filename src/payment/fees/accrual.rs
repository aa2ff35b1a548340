//! Fees that are added up exactly, and posted in whole minor units.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Charge, Component, FeeError, minus, plus, vat};
use crate::ledger::account::AccountCode;
use crate::money::{AmountError, Currency, Rounding};
use crate::settings::{FeeSchedule, VatRate};

/// The largest accrual, minor units: with ten decimals it still has room in a [`Decimal`], so that no sum is ever rounded.
const LIMIT: Decimal = Decimal::from_parts(0x5D8A_0000, 0x0163_4578, 0, false, 0);
/// The most decimals of what is added to an accrual, and of the accrual itself.
pub(super) const DECIMALS: u32 = 10;

/// What tells the accruals of one book apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccrualKey {
    /// The name of the fee schedule.
    pub schedule: Arc<str>,
    /// The day that tells its version from others.
    pub version: NaiveDate,
    /// The component.
    pub component: Component,
    /// The currency.
    pub currency: Currency,
    /// The first day of the period: the booking date, the first of its month, or the version's own day.
    pub period: NaiveDate,
    /// The VAT that its fees carry. A rate that changes within the period begins another accrual, so that what is posted is
    /// taxed at the rate of its own day.
    pub vat: VatRate,
}

/// The fees of one key so far, less what was given back of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accrual {
    /// The exact sum, minor units with up to ten decimals.
    pub exact: Decimal,
    /// What is posted of it: less than one minor unit away.
    pub posted: i64,
    /// The VAT of what is posted.
    pub vat_posted: i64,
}

/// What one entry did to an accrual: all that is needed to undo it, whatever the settings have become.
///
/// As JSON it is flat, and names the VAT rate and the rounding as settings do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Accrued {
    /// Which accrual.
    pub key: AccrualKey,
    /// How the exact sum is rounded.
    pub rounding: Rounding,
    /// What it grew by exactly; negative where fees are given back.
    pub exact: Decimal,
    /// What was posted more, minor units.
    pub posted: i64,
    /// The VAT that was posted more.
    pub vat_posted: i64,
}

/// What an entry does to accruals, each with what it was and where the accrual stands after it, and what is to be booked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Components of nothing are left out.
    pub charges: Vec<Charge>,
    /// One for each accrual.
    pub accrued: Vec<(Accrued, Accrual)>,
}

impl AccrualKey {
    pub(super) fn new(
        schedule: &FeeSchedule,
        component: Component,
        currency: Currency,
        period: NaiveDate,
        vat: VatRate,
    ) -> Self {
        Self {
            schedule: Arc::clone(&schedule.name),
            version: schedule.version(),
            component,
            currency,
            period,
            vat,
        }
    }

    /// Adds an exact fee, or takes one away, where the accrual stands so.
    pub(super) fn moved(
        self,
        before: Accrual,
        exact: Decimal,
        rounding: Rounding,
    ) -> Result<(Accrued, Accrual), AmountError> {
        let after = before.plus(exact, rounding, self.vat)?;
        let accrued = Accrued {
            key: self,
            rounding,
            exact,
            posted: minus(after.posted, before.posted)?,
            vat_posted: minus(after.vat_posted, before.vat_posted)?,
        };
        Ok((accrued, after))
    }
}

impl Accrual {
    fn plus(self, fee: Decimal, rounding: Rounding, rate: VatRate) -> Result<Self, AmountError> {
        let exact = self
            .exact
            .checked_add(fee)
            .filter(|exact| exact.abs() <= LIMIT && exact.scale() <= DECIMALS)
            .ok_or(AmountError::TooLarge)?;
        let posted = rounding.round(exact)?;
        Ok(Self {
            exact,
            posted,
            vat_posted: rate.tax(posted)?,
        })
    }
}

impl Accrued {
    /// What was posted, as revenue and VAT.
    pub fn charge(&self, account: AccountCode) -> Result<Charge, AmountError> {
        vat::split(account, self.posted, self.vat_posted, self.key.vat)
    }
}

/// Takes out of accruals what an entry did to them, where the entry's own transfers are mirrored. What other entries posted in
/// between may leave a unit to be booked beside the mirror: that is what the charges say, positive where the merchant pays,
/// negative where it gets something back, which is a fee returned.
pub fn undo(accrued: &[Accrued], accrual_of: &mut dyn FnMut(&AccrualKey) -> Accrual) -> Result<Change, FeeError> {
    let mut change = Change::default();
    for done in accrued {
        let exact = Decimal::ZERO.checked_sub(done.exact).ok_or(AmountError::TooLarge)?;
        let before = accrual_of(&done.key);
        let (undone, after) = done.key.clone().moved(before, exact, done.rounding)?;
        let rest = Accrued {
            posted: plus(undone.posted, done.posted)?,
            vat_posted: plus(undone.vat_posted, done.vat_posted)?,
            ..undone.clone()
        };
        // Revenue only ever loses what it got by the entry that is mirrored; what goes back beyond that is returned.
        let account = match rest.posted < 0 {
            true => AccountCode::FeeReturned,
            false => done.key.component.account(),
        };
        let charge = rest.charge(account)?;
        change.charges.extend((!charge.is_nothing()).then_some(charge));
        change.accrued.push((undone, after));
    }
    Ok(change)
}

/// The flat form of [`Accrued`].
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    schedule: String,
    version: NaiveDate,
    component: Component,
    currency: String,
    period: NaiveDate,
    vat: String,
    rounding: Rounding,
    exact: Decimal,
    posted: i64,
    vat_posted: i64,
}

impl From<Accrued> for Stored {
    fn from(accrued: Accrued) -> Self {
        let key = accrued.key;
        Self {
            schedule: key.schedule.as_ref().to_owned(),
            version: key.version,
            component: key.component,
            currency: key.currency.to_string(),
            period: key.period,
            vat: key.vat.to_string(),
            rounding: accrued.rounding,
            exact: accrued.exact.normalize(),
            posted: accrued.posted,
            vat_posted: accrued.vat_posted,
        }
    }
}

impl TryFrom<Stored> for Accrued {
    type Error = String;
    fn try_from(stored: Stored) -> Result<Self, String> {
        let currency = Currency::parse(&stored.currency).map_err(|error| error.to_string())?;
        let vat = stored.vat.parse().map_err(|error| format!("{error}"))?;
        Ok(Self {
            key: AccrualKey {
                schedule: stored.schedule.into(),
                version: stored.version,
                component: stored.component,
                currency,
                period: stored.period,
                vat,
            },
            rounding: stored.rounding,
            exact: stored.exact,
            posted: stored.posted,
            vat_posted: stored.vat_posted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accrual_that_has_no_room_for_its_decimals_is_refused() {
        assert_eq!(LIMIT.to_string(), "100000000000000000");
        let plus = |exact, fee| {
            let accrual = Accrual {
                exact,
                ..Accrual::default()
            };
            let after = accrual.plus(fee, Rounding::HalfEven, VatRate::Exempt);
            after.map(|after| after.exact)
        };
        let least = Decimal::new(1, DECIMALS);
        assert_eq!(plus(LIMIT, Decimal::ZERO), Ok(LIMIT));
        assert_eq!(plus(LIMIT, least), Err(AmountError::TooLarge));
        assert_eq!(plus(LIMIT, -LIMIT), Ok(Decimal::ZERO));
        assert_eq!(plus(Decimal::ZERO, Decimal::new(1, 11)), Err(AmountError::TooLarge));
        let nearly = plus(LIMIT, -least).expect("in range");
        assert_eq!(nearly.to_string(), "99999999999999999.9999999999");
    }

    #[test]
    fn what_an_entry_did_is_kept_as_text() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        let accrued = Accrued {
            key: AccrualKey {
                schedule: "s".into(),
                version: day("2026-01-01"),
                component: Component::Fixed,
                currency: Currency::parse("KRW").expect("a currency"),
                period: day("2026-07-01"),
                vat: "added 10 down".parse().expect("a rate"),
            },
            rounding: Rounding::HalfEven,
            exact: Decimal::new(30, 2),
            posted: 1,
            vat_posted: 0,
        };
        let text = serde_json::to_string(&accrued).expect("JSON");
        assert_eq!(
            text,
            "{\"schedule\":\"s\",\"version\":\"2026-01-01\",\"component\":\"fixed\",\"currency\":\"KRW\",\
             \"period\":\"2026-07-01\",\"vat\":\"added 10 down\",\"rounding\":\"half_even\",\"exact\":\"0.3\",\"posted\":1,\
             \"vat_posted\":0}"
        );
        assert_eq!(serde_json::from_str::<Accrued>(&text).expect("an accrual"), accrued);
        for wrong in ["added 10 sideways", "added -10 down"] {
            let text = text.replace("added 10 down", wrong);
            assert!(serde_json::from_str::<Accrued>(&text).is_err(), "{wrong}");
        }
    }
}
