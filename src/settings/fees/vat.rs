//! VAT classes: how much tax a fee carries, from which day on.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::super::reader::{Reader, Table};
use super::versions::Days;
use crate::money::{AmountError, Rounding};

/// A class of VAT, with the rates that it has had.
#[derive(Debug, Clone, PartialEq)]
pub struct VatClass {
    /// Its name.
    pub name: Arc<str>,
    /// In the order of their days; each is in force until the next begins.
    pub versions: Vec<VatVersion>,
}

/// The rate of a class from a day on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VatVersion {
    /// The first day; since ever where there is none.
    pub effective_from: Option<NaiveDate>,
    /// The rate.
    pub rate: VatRate,
}

/// What VAT a fee carries. It names its rounding, so it is all that is needed to work the tax out.
///
/// As text, like `added 10 down`: what a database keeps it as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VatRate {
    /// Outside VAT.
    Exempt,
    /// Taxed at 0 %.
    Zero,
    /// Charged on top of the fee.
    Added {
        /// Fraction: 0.1 for 10 %.
        rate: Decimal,
        /// How the tax becomes a whole minor unit.
        rounding: Rounding,
    },
    /// Part of the fee, the tax rounded down: ⌊p·r/(100+r)⌋.
    IncludedFloor {
        /// Fraction: 0.1 for 10 %.
        rate: Decimal,
    },
    /// Part of the fee, the rest rounded down: p − ⌊p·100/(100+r)⌋.
    IncludedDifference {
        /// Fraction: 0.1 for 10 %.
        rate: Decimal,
    },
}

/// A text that is not a VAT rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a VAT rate, like `exempt` or `added 10 down`")]
pub struct NotAVatRate(String);

impl VatClass {
    /// The rate on a day; none before the first version.
    pub fn on(&self, day: NaiveDate) -> Option<VatRate> {
        let mut versions = self.versions.iter().rev();
        let version = versions.find(|version| version.effective_from.is_none_or(|from| from <= day));
        version.map(|version| version.rate)
    }
}

impl VatRate {
    /// Whether the fee contains its tax.
    pub fn is_included(self) -> bool {
        matches!(self, Self::IncludedFloor { .. } | Self::IncludedDifference { .. })
    }

    /// The tax of a price, minor units. A price below zero has the tax of the price above, turned.
    pub fn tax(self, price: i64) -> Result<i64, AmountError> {
        match self {
            Self::Exempt | Self::Zero => Ok(0),
            Self::Added { rate, rounding } => {
                let exact = Decimal::from(price).checked_mul(rate).ok_or(AmountError::TooLarge)?;
                rounding.round(exact)
            }
            Self::IncludedFloor { rate } => contained(price, rate, true),
            Self::IncludedDifference { rate } => {
                let rest = contained(price, rate, false)?;
                price.checked_sub(rest).ok_or(AmountError::TooLarge)
            }
        }
    }
}

/// Of a price that contains its tax, the tax, or the rest, each cut off to whole minor units. In integers: dividing by 1.1
/// has no end.
fn contained(price: i64, rate: Decimal, tax: bool) -> Result<i64, AmountError> {
    let of_tax = rate.mantissa();
    let share = || {
        let of_rest = 10_i128.checked_pow(rate.scale())?;
        let whole = of_rest.checked_add(of_tax)?;
        let part = if tax { of_tax } else { of_rest };
        i128::from(price).checked_mul(part)?.checked_div(whole)
    };
    let share = share().ok_or(AmountError::TooLarge)?;
    i64::try_from(share).map_err(|_| AmountError::TooLarge)
}

impl fmt::Display for VatRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |rate: Decimal| rate.checked_mul(Decimal::ONE_HUNDRED).unwrap_or(rate).normalize();
        match self {
            Self::Exempt => f.write_str("exempt"),
            Self::Zero => f.write_str("zero"),
            Self::Added { rate, rounding } => write!(f, "added {} {}", percent(*rate), rounding.name()),
            Self::IncludedFloor { rate } => write!(f, "included_floor {}", percent(*rate)),
            Self::IncludedDifference { rate } => write!(f, "included_difference {}", percent(*rate)),
        }
    }
}

impl FromStr for VatRate {
    type Err = NotAVatRate;
    fn from_str(text: &str) -> Result<Self, NotAVatRate> {
        let wrong = || NotAVatRate(crate::card_number::shorten(text, 40));
        let rate = |percent: &str| {
            let percent = Decimal::from_str_exact(percent).map_err(|_| wrong())?;
            let right = (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&percent);
            let rate = percent.checked_div(Decimal::ONE_HUNDRED).filter(|_| right);
            rate.ok_or_else(wrong)
        };
        let mut words = text.split(' ');
        match [words.next(), words.next(), words.next(), words.next()] {
            [Some("exempt"), None, ..] => Ok(Self::Exempt),
            [Some("zero"), None, ..] => Ok(Self::Zero),
            [Some("added"), Some(percent), Some(rounding), None] => Ok(Self::Added {
                rate: rate(percent)?,
                rounding: Rounding::ALL
                    .into_iter()
                    .find(|known| known.name() == rounding)
                    .ok_or_else(wrong)?,
            }),
            [Some("included_floor"), Some(percent), None, _] => Ok(Self::IncludedFloor { rate: rate(percent)? }),
            [Some("included_difference"), Some(percent), None, _] => {
                Ok(Self::IncludedDifference { rate: rate(percent)? })
            }
            _ => Err(wrong()),
        }
    }
}

/// How settings name the kinds.
#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Exempt,
    Zero,
    Added,
    IncludedFloor,
    IncludedDifference,
}

impl<'t> Reader<'t> {
    /// All classes by name. A class of which nothing is right has no versions, and is there all the same.
    pub(in crate::settings) fn vat_classes(
        &mut self,
        root: Table<'t>,
    ) -> std::collections::BTreeMap<String, Arc<VatClass>> {
        let classes = self.versions(root, "vat_class", |reader, table, _, days| {
            reader.vat_version(table, days)
        });
        let class = |(name, versions): (String, Vec<VatVersion>)| {
            let class = VatClass {
                name: name.as_str().into(),
                versions,
            };
            (name, Arc::new(class))
        };
        classes.into_iter().map(class).collect()
    }

    fn vat_version(&mut self, table: Table<'t>, days: Days) -> Option<VatVersion> {
        self.only(table, &["name", "effective_from", "kind", "rate", "rounding"]);
        let kind: Kind = self.word(table, "kind")?;
        let taxed = !matches!(kind, Kind::Exempt | Kind::Zero);
        for (field, fits) in [("rate", taxed), ("rounding", kind == Kind::Added)] {
            if let Some((at, _)) = table.get(field).filter(|_| !fits) {
                self.found(
                    at,
                    format!("`{field}` has no meaning for this kind of VAT class: remove it"),
                );
            }
        }
        let rate = if taxed {
            self.percentage_of(table, "rate")?
        } else {
            Decimal::ZERO
        };
        let rate = match kind {
            Kind::Exempt => VatRate::Exempt,
            Kind::Zero => VatRate::Zero,
            Kind::Added => VatRate::Added {
                rate,
                rounding: self.optional_word(table, "rounding")?.unwrap_or(Rounding::Down),
            },
            Kind::IncludedFloor => VatRate::IncludedFloor { rate },
            Kind::IncludedDifference => VatRate::IncludedDifference { rate },
        };
        Some(VatVersion {
            effective_from: days.from,
            rate,
        })
    }
}
