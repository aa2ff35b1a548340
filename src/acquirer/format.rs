//! Which format a settlement file has: told by how it begins, or by its name.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use super::Rows;
use super::adyen::{self, AdyenReader};
use super::checkout::{self, CheckoutReader};
use super::ipm::{self, IpmReader};
use super::mapping::Profile;
use super::mapping::reader::MappingReader;
use super::paypal::{self, PaypalReader};
use super::stripe::{self, StripeReader};
use super::toss::{self, TossReader};
use crate::delimited::{FileError, Records};

/// How many bytes of a file suffice to tell its format.
pub const HEAD: usize = 1 << 16;

/// A format of settlement files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The Adyen Settlement Details Report.
    Adyen,
    /// Stripe's itemized reports of balance changes and payouts.
    Stripe,
    /// Mastercard IPM clearing files.
    Ipm,
    /// PayPal's Settlement Report.
    Paypal,
    /// Checkout.com's settlement breakdown, with its payouts.
    Checkout,
    /// Settlement rows of Toss Payments as CSV.
    TossCsv,
    /// The same as JSON.
    TossJson,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] = &[
        Self::Adyen,
        Self::Stripe,
        Self::Ipm,
        Self::Paypal,
        Self::Checkout,
        Self::TossCsv,
        Self::TossJson,
    ];

    /// Its name in settings and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adyen => "adyen",
            Self::Stripe => "stripe",
            Self::Ipm => "ipm",
            Self::Paypal => "paypal",
            Self::Checkout => "checkout",
            Self::TossCsv => "toss-csv",
            Self::TossJson => "toss-json",
        }
    }

    /// The format of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// The formats that a file may have that begins so, and the one whose header it lacks least of.
    ///
    /// Errors: its first line cannot be read.
    fn of(head: &[u8]) -> Result<(Vec<Self>, Self), FileError> {
        if ipm::begins(head) {
            return Ok((vec![Self::Ipm], Self::Ipm));
        }
        if toss::is_json(head) {
            return Ok((vec![Self::TossJson], Self::TossJson));
        }
        let mut records = Records::open(head)?;
        records.advance()?;
        let record = records.record();
        let cells: Vec<&str> = (0..record.cells()).map(|place| record.cell(place)).collect();
        let missing = |format: &Self| format.missing(&cells);
        let fits = Self::ALL.iter().copied().filter(|format| missing(format) == 0);
        let nearest = match checkout::is_of_payouts(&cells) {
            true => Some(Self::Checkout),
            false => Self::ALL.iter().copied().min_by_key(missing),
        };
        Ok((fits.collect(), nearest.unwrap_or(Self::Adyen)))
    }

    /// How many columns a header lacks to be of this format.
    fn missing(self, header: &[&str]) -> usize {
        match self {
            Self::Adyen => adyen::missing(header),
            Self::Stripe => stripe::missing(header),
            Self::Paypal => paypal::missing(header),
            Self::Checkout => checkout::missing(header),
            Self::TossCsv => toss::missing(header),
            // Neither has a header.
            Self::Ipm | Self::TossJson => usize::MAX,
        }
    }

    /// Begins to read a file, and those that are given with it: the next ones of a PayPal report in their order, the payouts of a
    /// Checkout.com breakdown.
    ///
    /// Errors: it is not of this format; files are given with it that it has no use for, or are missing.
    pub fn open<'r>(self, input: Box<dyn Read + 'r>, rest: Vec<Box<dyn Read + 'r>>) -> Result<Rows<'r>, FileError> {
        if !rest.is_empty() && !matches!(self, Self::Paypal | Self::Checkout) {
            return Err(stands_alone(self.name()));
        }
        Ok(match self {
            Self::Adyen => Rows::of(AdyenReader::open(input)?),
            Self::Stripe => Rows::of(StripeReader::open(input)?),
            Self::Ipm => Rows::of(IpmReader::open(input)?),
            Self::Paypal => Rows::of(PaypalReader::open(input, rest)?),
            Self::Checkout => Rows::of(CheckoutReader::open(input, rest)?),
            Self::TossCsv => Rows::of(TossReader::open(input, false)?),
            Self::TossJson => Rows::of(TossReader::open(input, true)?),
        })
    }
}

/// How a file is read: in a format, or by a mapping profile.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// In a format.
    Format(Format),
    /// By a profile.
    Profile(Arc<Profile>),
}

impl Reading {
    /// Its name on the command line.
    pub fn name(&self) -> &str {
        match self {
            Self::Format(format) => format.name(),
            Self::Profile(profile) => &profile.name,
        }
    }

    /// The format or profile of a name; none where there is none.
    pub fn from_name(name: &str, profiles: &[Arc<Profile>]) -> Option<Self> {
        let profile = || profiles.iter().find(|profile| profile.name == name);
        let format = Format::from_name(name).map(Self::Format);
        format.or_else(|| profile().map(|profile| Self::Profile(Arc::clone(profile))))
    }

    /// The format of a file that begins so, or the profile that it fits. Where it fits nothing, the format that it lacks least of:
    /// reading it says what is missing.
    ///
    /// Errors: it fits more than one, or cannot be read.
    pub fn detect(head: &[u8], profiles: &[Arc<Profile>]) -> Result<Self, FileError> {
        let formats = Format::of(head);
        let of_format = formats
            .iter()
            .flat_map(|(fits, _)| fits.iter().copied().map(Self::Format));
        let of_profile = profiles.iter().filter(|profile| profile.fits(head));
        let fits: Vec<Self> = of_format
            .chain(of_profile.map(|profile| Self::Profile(Arc::clone(profile))))
            .collect();
        match &fits[..] {
            [reading] => Ok(reading.clone()),
            [] => formats.map(|(_, nearest)| Self::Format(nearest)),
            [one, other, ..] => Err(FileError::Malformed {
                line: 1,
                reason: format!(
                    "it may be {} or {}: say which by --file-format",
                    one.name(),
                    other.name()
                ),
            }),
        }
    }

    /// Begins to read a file, and those that are given with it.
    ///
    /// Errors: it is not of this format; files are given with it that it has no use for.
    pub fn open<'r>(&self, input: Box<dyn Read + 'r>, rest: Vec<Box<dyn Read + 'r>>) -> Result<Rows<'r>, FileError> {
        match self {
            Self::Format(format) => format.open(input, rest),
            Self::Profile(profile) if rest.is_empty() => Ok(Rows::of(MappingReader::open(input, Arc::clone(profile))?)),
            Self::Profile(profile) => Err(stands_alone(&profile.name)),
        }
    }
}

fn stands_alone(format: &str) -> FileError {
    FileError::Malformed {
        line: 1,
        reason: format!("a file of format {format} stands alone, but another is given with it"),
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(head: &str) -> Result<String, String> {
        Reading::detect(head.as_bytes(), &[])
            .map(|reading| reading.name().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_header_tells_the_format() {
        let stripe = "balance_transaction_id,created,currency,gross,fee,net,reporting_category";
        let adyen = "Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,\
            Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),\
            Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number";
        assert_eq!(detected(stripe), Ok("stripe".to_owned()));
        assert_eq!(detected(adyen), Ok("adyen".to_owned()));
        assert_eq!(
            detected(&format!("{stripe},{adyen}")),
            Err("line 1: it may be adyen or stripe: say which by --file-format".to_owned())
        );
        assert_eq!(
            detected("RH,2026/01/07 03:00:00 -0800,A,ACC,9\nFH,01"),
            Ok("paypal".to_owned())
        );
        let toss = "paymentKey,orderId,currency,amount,supplyAmount,vat,payOutAmount,approvedAt,soldDate,paidOutDate";
        assert_eq!(detected(toss), Ok("toss-csv".to_owned()));
        assert_eq!(detected("\u{feff} [{}]"), Ok("toss-json".to_owned()));
        let checkout = "Type,Payment ID,Reference,Processed On,Holding Currency,Payout ID,Gross In Holding Currency,\
            Deduction In Holding Currency,Net In Holding Currency,Processing Fee In Holding Currency,\
            Scheme Fee In Holding Currency,Interchange In Holding Currency,Tax In Holding Currency,\
            Reserve In Holding Currency,Processing Currency,Gross In Processing Currency";
        assert_eq!(detected(checkout), Ok("checkout".to_owned()));
        assert_eq!(detected(&checkout.replace("Payout ID,", "")), Ok("checkout".to_owned()));
        // What lacks least names what is missing.
        assert_eq!(detected(&stripe.replace(",net", "")), Ok("stripe".to_owned()));
        assert_eq!(detected(&adyen.replace("Psp Reference,", "")), Ok("adyen".to_owned()));
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(*format));
        }
    }
}
