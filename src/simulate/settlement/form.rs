//! The forms that a settlement file can have.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use serde::Serialize;

use super::{Costs, Line, Reported, adyen, checkout, ipm, paypal, profile, stripe, toss};
use crate::simulate::BreakKind;
use crate::simulate::world::{CURRENCIES, World};

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $payer:literal;)*) => {
        /// The form of the settlement file of the acquirer of cards.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        pub enum FileFormat { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl FileFormat {
            /// Every form.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name; the acquirer's, too.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Who pays, on the bank statement.
            pub fn payer(self) -> &'static str {
                match self { $(Self::$variant => $payer,)* }
            }
        }
    };
}

formats! {
    /// The Adyen Settlement Details Report.
    #[default]
    Adyen = "adyen", "Adyen N.V.";
    /// Stripe's itemized report of balance changes.
    Stripe = "stripe", "Stripe Payments Europe Limited";
    /// PayPal's Settlement Report, in one file.
    Paypal = "paypal", "PayPal Europe";
    /// Checkout.com's settlement breakdown; its payouts are a file of their own.
    Checkout = "checkout", "Checkout SAS";
    /// Settlement rows of Toss Payments as CSV.
    TossCsv = "toss-csv", "Toss Payments";
    /// The same as JSON.
    TossJson = "toss-json", "Toss Payments";
    /// A Mastercard IPM clearing file in EBCDIC, in blocks of 1014 bytes.
    IpmEbcdic = "ipm-ebcdic", "Example Clearing";
    /// The same in ASCII, record after record.
    IpmAscii = "ipm-ascii", "Example Clearing";
    /// A form that no reader was written for: the settings have a mapping profile of it.
    Profile = "profile", "Example Acquiring";
}

/// What a form can say; the truth is that of what is said.
struct Traits {
    /// What an acquirer's own reference of a capture, refund or dispute is: there is a column of it.
    references: bool,
    /// Our own reference.
    merchant_references: bool,
    /// The scheme's acquirer reference number.
    arns: bool,
    /// Fees of the batch.
    batch_fees: bool,
    /// What is paid out, as a row of the file or of one beside it.
    payouts: bool,
    /// What the acquirer withholds of the batch.
    reserves: bool,
    /// Chargebacks and what becomes of them.
    disputes: bool,
    /// Sales in another currency than that of the batch.
    conversions: bool,
}

/// What the richest form says.
const ALL_OF_IT: Traits = Traits {
    references: true,
    merchant_references: true,
    arns: true,
    batch_fees: true,
    payouts: true,
    reserves: true,
    disputes: true,
    conversions: true,
};

impl FileFormat {
    fn traits(self) -> Traits {
        match self {
            Self::Adyen | Self::Checkout | Self::Profile => ALL_OF_IT,
            Self::Stripe => Traits {
                arns: false,
                reserves: false,
                ..ALL_OF_IT
            },
            Self::Paypal => Traits {
                arns: false,
                conversions: false,
                ..ALL_OF_IT
            },
            Self::TossCsv | Self::TossJson => Traits {
                arns: false,
                batch_fees: false,
                payouts: false,
                reserves: false,
                disputes: false,
                conversions: false,
                ..ALL_OF_IT
            },
            Self::IpmEbcdic | Self::IpmAscii => Traits {
                references: false,
                merchant_references: false,
                payouts: false,
                reserves: false,
                ..ALL_OF_IT
            },
        }
    }

    /// The name of a batch by its number.
    pub fn batch_name(self, world: &World, batch: usize) -> String {
        match self {
            Self::Adyen => adyen::batch_name(world, batch),
            Self::Profile => world.batch_number(batch),
            Self::Stripe => stripe::batch_name(world, batch),
            Self::Paypal => paypal::batch_name(world, batch),
            Self::Checkout => checkout::batch_name(world, batch),
            Self::TossCsv | Self::TossJson => toss::batch_name(world),
            Self::IpmEbcdic | Self::IpmAscii => ipm::batch_name(world, batch),
        }
    }

    /// The name under which what is paid of a batch is awaited: PayPal pays of a balance, and each withdrawal has a name.
    pub fn payout_name(self, world: &World, acquirer: usize, batch: usize) -> String {
        match self {
            Self::Paypal => paypal::payout_name(world, acquirer, batch),
            Self::Adyen
            | Self::Stripe
            | Self::Checkout
            | Self::TossCsv
            | Self::TossJson
            | Self::IpmEbcdic
            | Self::IpmAscii
            | Self::Profile => self.batch_name(world, batch),
        }
    }

    /// Whether a line tells the acquirer's own reference; where it does not, its ARN leads to its item.
    pub fn has_references(self) -> bool {
        self.traits().references
    }

    /// Whether a line tells our reference.
    pub fn has_merchant_references(self) -> bool {
        self.traits().merchant_references
    }

    /// Whether a line tells the scheme's acquirer reference number.
    pub fn has_arn(self) -> bool {
        self.traits().arns
    }

    /// Whether there are fees of the batch.
    pub fn has_batch_fees(self) -> bool {
        self.traits().batch_fees
    }

    /// Whether what a batch pays is told.
    pub fn has_payouts(self) -> bool {
        self.traits().payouts
    }

    /// Whether it is told what is withheld of a batch.
    pub fn has_reserves(self) -> bool {
        self.traits().reserves
    }

    /// Whether disputes are told.
    pub fn has_disputes(self) -> bool {
        self.traits().disputes
    }

    /// Whether its batches have numbers without a gap.
    pub fn numbers_batches(self) -> bool {
        matches!(self, Self::Adyen | Self::Profile)
    }

    /// Whether it tells what a balance begins and ends with.
    pub fn tells_balances(self) -> bool {
        self == Self::Paypal
    }

    /// Whether a sale may come in another currency than it was made in.
    pub fn has_conversions(self) -> bool {
        self.traits().conversions
    }

    /// Whether amounts of a currency, by its place, can be told: PayPal's are hundredths.
    pub fn has_currency(self, currency: usize) -> bool {
        self != Self::Paypal || CURRENCIES[currency].code != "KWD"
    }

    /// Whether what is paid for a batch proves it. Else something else of the file does, or nothing.
    pub fn proves_payouts(self) -> bool {
        self.has_payouts() && self != Self::Paypal
    }

    /// Whether what proves the file is money: the sum of a clearing file's amounts is of no currency.
    pub fn proves_money(self) -> bool {
        !matches!(self, Self::IpmEbcdic | Self::IpmAscii)
    }

    /// By how many minor units a corrupt file is wrong: so many that it is no rounding.
    pub fn corruption(self) -> i64 {
        match self {
            // Half a minor unit a row may be.
            Self::Checkout => 100,
            Self::Adyen
            | Self::Stripe
            | Self::Paypal
            | Self::TossCsv
            | Self::TossJson
            | Self::IpmEbcdic
            | Self::IpmAscii
            | Self::Profile => 1,
        }
    }

    /// Costs as a line of this form tells them: apart, as one, or with their VAT. Told again they stay what they are.
    pub fn told(self, costs: Costs) -> Costs {
        match self {
            Self::Adyen | Self::Profile => costs,
            Self::Stripe | Self::Paypal => costs.blended(),
            Self::Checkout => Costs {
                commission: costs.commission.saturating_add(costs.markup),
                markup: 0,
                ..costs
            },
            Self::TossCsv | Self::TossJson => toss::told(costs),
            // What is not interchange is a fee of the scheme.
            Self::IpmEbcdic | Self::IpmAscii => Costs {
                interchange: costs.interchange,
                scheme_fee: costs.fees().saturating_sub(costs.interchange),
                ..Costs::default()
            },
        }
    }

    /// Why a break of a kind cannot be told in this form, where it cannot.
    pub fn lacks(self, kind: BreakKind) -> Option<&'static str> {
        match (self, kind) {
            (Self::TossCsv | Self::TossJson, BreakKind::TotalMismatch) => {
                Some("it says nothing of itself that its rows could contradict")
            }
            (Self::IpmEbcdic | Self::IpmAscii, BreakKind::RefundWithoutCapture) => {
                Some("the ARN of a refund is its own: nothing names the sale")
            }
            (Self::IpmEbcdic | Self::IpmAscii, BreakKind::SignMismatch) => {
                Some("the type of a message says where its money goes")
            }
            (_, BreakKind::FxMismatch) if !self.has_conversions() => Some("it settles every sale in its own currency"),
            (_, BreakKind::ReserveMismatch) if !self.has_reserves() => {
                Some("it does not say what is withheld of a batch")
            }
            (_, BreakKind::FundingMismatch) if !self.has_payouts() => {
                Some("it names nothing that the bank is told: another amount is nobody's")
            }
            (_, BreakKind::MissingFile) if !self.numbers_batches() && !self.tells_balances() => {
                Some("neither numbers nor balances tell of a file that is not there: a calendar may, whatever the form")
            }
            (Self::Profile, BreakKind::CarrierShort) => None,
            (_, BreakKind::CarrierShort) => Some("it has no kind of row for a phone bill that was not paid"),
            _ => None,
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Not a form of settlement files that can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a format that can be simulated: known are {}", known())]
pub struct UnknownFileFormat {
    text: String,
}

fn known() -> String {
    let names: Vec<&str> = FileFormat::ALL.iter().map(|format| format.name()).collect();
    names.join(", ")
}

impl FromStr for FileFormat {
    type Err = UnknownFileFormat;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|format| format.name() == text);
        known.copied().ok_or_else(|| UnknownFileFormat {
            text: crate::card_number::shorten(text, 40),
        })
    }
}

/// What a form is written with.
enum Body<W: Write> {
    Adyen(Cells<W>),
    Stripe(Cells<W>),
    Paypal(Cells<W>, Box<paypal::Report>),
    Checkout(Cells<W>, Vec<u8>),
    TossCsv(Cells<W>),
    TossJson(W),
    Ipm(ipm::Clearing<W>),
    Profile(Cells<W>, profile::Sums),
}

type Cells<W> = csv::Writer<W>;

/// A file of a form while it is written, row by row.
pub(super) struct Form<W: Write> {
    body: Body<W>,
    /// Rows so far.
    rows: u64,
}

pub(super) fn cells<W: Write>(out: W, separator: u8) -> Cells<W> {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b'\n'))
        .delimiter(separator)
        .flexible(true)
        .from_writer(out)
}

impl<W: Write> Form<W> {
    /// Begins a file whose batches are numbered from `first_batch`.
    pub(super) fn begin(world: &World, format: FileFormat, mut out: W, first_batch: usize) -> io::Result<Self> {
        let with = |header: &[&str], out: W| -> io::Result<Cells<W>> {
            let mut cells = cells(out, b',');
            cells.write_record(header)?;
            Ok(cells)
        };
        let body = match format {
            FileFormat::Adyen => Body::Adyen(with(&adyen::HEADER, out)?),
            FileFormat::Stripe => Body::Stripe(with(&stripe::HEADER, out)?),
            FileFormat::Paypal => {
                let mut cells = cells(out, b',');
                paypal::begin(world, &mut cells, first_batch)?;
                Body::Paypal(cells, Box::default())
            }
            FileFormat::Checkout => Body::Checkout(with(&checkout::HEADER, out)?, checkout::PAYOUTS.into()),
            FileFormat::TossCsv => Body::TossCsv(with(&toss::HEADER, out)?),
            FileFormat::TossJson => {
                out.write_all(b"[")?;
                Body::TossJson(out)
            }
            FileFormat::IpmEbcdic | FileFormat::IpmAscii => Body::Ipm(ipm::Clearing::begin(
                out,
                format == FileFormat::IpmEbcdic,
                ipm::batch_name(world, first_batch),
            )?),
            FileFormat::Profile => {
                let mut cells = cells(out, b';');
                cells.write_record(profile::HEADER)?;
                Body::Profile(cells, profile::Sums::default())
            }
        };
        Ok(Self { body, rows: 0 })
    }

    /// Writes a row of a batch, where the form has such rows.
    pub(super) fn write(&mut self, world: &World, line: &Line, batch: usize) -> io::Result<()> {
        self.rows = self.rows.saturating_add(1);
        match &mut self.body {
            Body::Adyen(cells) => cells.write_record(adyen::record(world, line, batch))?,
            Body::Stripe(cells) => cells.write_record(stripe::record(world, line, batch, self.rows))?,
            Body::Paypal(cells, report) => {
                report.add(line);
                cells.write_record(paypal::record(world, line))?;
            }
            Body::Checkout(_, payouts) if line.reported == Reported::Payout => {
                payouts.extend(checkout::payout(world, line, batch).into_bytes());
            }
            Body::Checkout(cells, _) => cells.write_record(checkout::record(world, line, batch))?,
            Body::TossCsv(cells) => cells.write_record(toss::record(world, line))?,
            Body::TossJson(out) => {
                out.write_all(if self.rows == 1 { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut *out, &toss::object(world, line))?;
            }
            Body::Ipm(clearing) => clearing.write(world, line)?,
            Body::Profile(cells, sums) => {
                sums.add(world, line);
                cells.write_record(profile::record(world, line, batch))?;
            }
        }
        Ok(())
    }

    /// Ends the file. `off_by` is what it says wrong of itself, in minor units, where no payout proves it. Gives back what it was
    /// written to, and the content of the file beside it.
    pub(super) fn end(self, off_by: i64) -> io::Result<(W, Option<Vec<u8>>)> {
        let whole = |cells: Cells<W>| cells.into_inner().map_err(csv::IntoInnerError::into_error);
        Ok(match self.body {
            Body::Adyen(cells) | Body::Stripe(cells) | Body::TossCsv(cells) => (whole(cells)?, None),
            Body::Paypal(mut cells, report) => {
                report.end(&mut cells, off_by)?;
                (whole(cells)?, None)
            }
            Body::Checkout(cells, payouts) => (whole(cells)?, Some(payouts)),
            Body::TossJson(mut out) => {
                out.write_all(b"\n]\n")?;
                (out, None)
            }
            Body::Ipm(clearing) => (clearing.end(off_by)?, None),
            Body::Profile(mut cells, sums) => {
                sums.end(&mut cells)?;
                (whole(cells)?, None)
            }
        })
    }
}
