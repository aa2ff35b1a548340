//! Which format a settlement file has: told by how it begins, or by its name.

use std::fmt;
use std::io::Read;

use super::SettlementReader;
use super::adyen::{self, AdyenReader};
use super::checkout::{self, CheckoutReader};
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

    /// The format of a file that begins so.
    ///
    /// Errors: it begins like none, or like more than one.
    pub fn detect(head: &[u8]) -> Result<Self, FileError> {
        if toss::is_json(head) {
            return Ok(Self::TossJson);
        }
        let mut records = Records::open(head)?;
        records.advance()?;
        let record = records.record();
        let cells: Vec<&str> = (0..record.cells()).map(|place| record.cell(place)).collect();
        let missing = |format: &Self| format.missing(&cells);
        let fits: Vec<Self> = Self::ALL
            .iter()
            .copied()
            .filter(|format| missing(format) == 0)
            .collect();
        match fits[..] {
            [format] => Ok(format),
            // What is missing is told by the format that lacks least.
            [] => Ok(Self::ALL.iter().copied().min_by_key(missing).unwrap_or(Self::Adyen)),
            [one, other, ..] => Err(FileError::Malformed {
                line: 1,
                reason: format!("it may be {one} or {other}: say which by --file-format"),
            }),
        }
    }

    /// How many columns a header lacks to be of this format.
    fn missing(self, header: &[&str]) -> usize {
        match self {
            Self::Adyen => adyen::missing(header),
            Self::Stripe => stripe::missing(header),
            Self::Paypal => paypal::missing(header),
            Self::Checkout => checkout::missing(header),
            Self::TossCsv => toss::missing(header),
            // It has no header.
            Self::TossJson => usize::MAX,
        }
    }

    /// Begins to read a file, and those that are given with it: the next ones of a PayPal report in their order, the payouts of a
    /// Checkout.com breakdown.
    ///
    /// Errors: it is not of this format; files are given with it that it has no use for, or are missing.
    pub fn open<'r>(
        self,
        input: Box<dyn Read + 'r>,
        rest: Vec<Box<dyn Read + 'r>>,
    ) -> Result<Box<dyn SettlementReader + 'r>, FileError> {
        if !rest.is_empty() && !matches!(self, Self::Paypal | Self::Checkout) {
            return Err(FileError::Malformed {
                line: 1,
                reason: format!("a file of format {self} stands alone, but another is given with it"),
            });
        }
        Ok(match self {
            Self::Adyen => Box::new(AdyenReader::open(input)?),
            Self::Stripe => Box::new(StripeReader::open(input)?),
            Self::Paypal => Box::new(PaypalReader::open(input, rest)?),
            Self::Checkout => Box::new(CheckoutReader::open(input, rest)?),
            Self::TossCsv => Box::new(TossReader::open(input, false)?),
            Self::TossJson => Box::new(TossReader::open(input, true)?),
        })
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

    fn detected(head: &str) -> Result<&'static str, String> {
        Format::detect(head.as_bytes())
            .map(Format::name)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_header_tells_the_format() {
        let stripe = "balance_transaction_id,created,currency,gross,fee,net,reporting_category";
        let adyen = "Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,\
            Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),\
            Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number";
        assert_eq!(detected(stripe), Ok("stripe"));
        assert_eq!(detected(adyen), Ok("adyen"));
        assert_eq!(
            detected(&format!("{stripe},{adyen}")),
            Err("line 1: it may be adyen or stripe: say which by --file-format".to_owned())
        );
        assert_eq!(detected("RH,2026/01/07 03:00:00 -0800,A,ACC,9\nFH,01"), Ok("paypal"));
        let toss = "paymentKey,orderId,currency,amount,supplyAmount,vat,payOutAmount,approvedAt,soldDate,paidOutDate";
        assert_eq!(detected(toss), Ok("toss-csv"));
        assert_eq!(detected("\u{feff} [{}]"), Ok("toss-json"));
        let checkout = "Type,Payment ID,Reference,Processed On,Holding Currency,Payout ID,Gross In Holding Currency,\
            Deduction In Holding Currency,Net In Holding Currency,Processing Fee In Holding Currency,\
            Scheme Fee In Holding Currency,Interchange In Holding Currency,Tax In Holding Currency,\
            Reserve In Holding Currency,Processing Currency,Gross In Processing Currency";
        assert_eq!(detected(checkout), Ok("checkout"));
        assert_eq!(detected(&checkout.replace("Payout ID,", "")), Ok("checkout"));
        // What lacks least names what is missing.
        assert_eq!(detected(&stripe.replace(",net", "")), Ok("stripe"));
        assert_eq!(detected(&adyen.replace("Psp Reference,", "")), Ok("adyen"));
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(*format));
        }
    }
}
