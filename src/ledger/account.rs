//! The chart of accounts, and accounts: (code, currency, dimension).

use std::fmt;
use std::sync::Arc;

use crate::money::Currency;

/// The side on which an account grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Assets and costs.
    Debit,
    /// Liabilities and revenue.
    Credit,
}

/// What tells accounts of one code apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DimensionKind {
    /// Nothing: the book says whose it is.
    None,
    /// The acquirer's name.
    Acquirer,
    /// The name of one of our bank accounts.
    Bank,
}

macro_rules! chart {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, $side:ident, $dimension:ident, $crosses:literal;)*) => {
        /// A code of the chart of accounts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AccountCode { $($(#[$doc])* $variant,)* }

        impl AccountCode {
            /// The whole chart, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its number.
            pub fn number(self) -> i16 {
                match self { $(Self::$variant => $code,)* }
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The side on which it grows.
            pub fn side(self) -> Side {
                match self { $(Self::$variant => Side::$side,)* }
            }

            /// What tells its accounts apart.
            pub fn dimension(self) -> DimensionKind {
                match self { $(Self::$variant => DimensionKind::$dimension,)* }
            }

            /// Whether its balance in one book may go against its side.
            pub fn may_cross_zero(self) -> bool {
                match self { $(Self::$variant => $crosses,)* }
            }
        }
    };
}

// Accounts with a bank or an acquirer as dimension may cross zero within one book: their meaning is the sum over books
// (a merchant's book pays out of 1010 what the house's book received there).
chart! {
    /// Money received from acquirers and paid to merchants.
    BankSettlement = 1010, "bank:settlement", Debit, Bank, true;
    /// Money of our own that was swept: margin taken out of 1010, less what was put back.
    BankOperating = 1020, "bank:operating", Debit, Bank, true;
    /// Merchants' money that somebody else keeps for them: in trust, deposited, guaranteed.
    BankExternal = 1030, "bank:external-managed", Debit, Bank, true;
    /// Captured and refunded items that no settlement file has reported yet.
    AcquirerReceivable = 1100, "acquirer:receivable", Debit, Acquirer, true;
    /// Reported by the acquirer, cash awaited.
    AcquirerInTransit = 1110, "acquirer:in-transit", Debit, Acquirer, true;
    /// What the acquirer withholds of our money against what may be charged back.
    AcquirerReserve = 1120, "acquirer:reserve-held", Debit, Acquirer, true;
    /// Sold on phone bills, awaiting what the carrier remits.
    CarrierReceivable = 1130, "carrier:receivable", Debit, Acquirer, true;
    /// What merchants owe at the end of a period; taken back the day after.
    MerchantReceivable = 1200, "merchant:receivable", Debit, None, false;
    /// VAT on what acquirers take.
    VatInput = 1400, "vat:input", Debit, None, true;
    /// An unexplained shortage or debit.
    SuspenseDebit = 1900, "suspense:debit", Debit, Acquirer, false;
    /// Captured, not yet payable.
    MerchantPending = 2010, "merchant:pending", Credit, None, true;
    /// Payable at the next cut-off; refunds and chargebacks may take it below zero, payouts never.
    MerchantAvailable = 2020, "merchant:available", Credit, None, true;
    /// Withheld of sales for a time, against what may be charged back.
    MerchantReserve = 2030, "merchant:reserve", Credit, None, false;
    /// Set aside with a reason.
    MerchantHold = 2040, "merchant:hold", Credit, None, false;
    /// Instructed, not confirmed.
    PayoutInTransit = 2100, "payout:in-transit", Credit, None, false;
    /// Came back from the bank; given to the merchant again by the same entry.
    PayoutReturned = 2110, "payout:returned", Credit, None, false;
    /// Refunds that leave by bank transfer, not sent yet.
    RefundPayable = 2200, "refund:payable-by-transfer", Credit, None, false;
    /// VAT on our fees.
    VatOutput = 2300, "vat:output", Credit, None, false;
    /// Invoiced by acquirers that settle in full, not paid yet.
    AcquirerFeesPayable = 2400, "acquirer:fees-payable", Credit, Acquirer, false;
    /// Money that nobody can explain; never a merchant's until it is resolved.
    SuspenseCredit = 2900, "suspense:credit", Credit, Acquirer, false;
    /// Our revenue: the percentage of a merchant fee.
    FeePercentage = 4010, "fee:percentage", Credit, None, false;
    /// Our revenue: the fixed part of a merchant fee.
    FeeFixed = 4020, "fee:fixed", Credit, None, false;
    /// Our revenue: the fee of a dispute.
    FeeDispute = 4030, "fee:dispute", Credit, None, false;
    /// Our revenue: what a month's fees fell short of the agreed minimum.
    FeeMinimumTopUp = 4040, "fee:minimum-top-up", Credit, None, false;
    /// Our revenue: fees of payouts and advances.
    FeeOther = 4050, "fee:other", Credit, None, false;
    /// Interchange and scheme fees passed on to the merchant at cost.
    FeeCostsPassedOn = 4060, "fee:costs-passed-on", Credit, None, true;
    /// Money that nobody claimed, written off in our favour.
    IncomeReconciliation = 4070, "income:reconciliation", Credit, None, false;
    /// Interest that our bank pays.
    IncomeInterest = 4080, "income:interest", Credit, None, false;
    /// Fees given back with refunds.
    FeeReturned = 4090, "fee:returned", Debit, None, false;
    /// What issuers take.
    CostInterchange = 5010, "cost:interchange", Debit, Acquirer, true;
    /// What schemes take.
    CostScheme = 5020, "cost:scheme", Debit, Acquirer, true;
    /// What the acquirer takes: markup, blended commission, fees of a batch.
    CostAcquirer = 5030, "cost:acquirer", Debit, Acquirer, true;
    /// What acquirers take for disputes.
    CostDispute = 5040, "cost:dispute", Debit, Acquirer, false;
    /// What our bank takes: charges, and interest where it is we who pay it.
    CostBank = 5050, "cost:bank", Debit, Bank, true;
    /// What merchants owed and will not pay; unpaid phone bills that we bear.
    LossMerchantCredit = 5060, "loss:merchant-credit", Debit, None, false;
    /// Breaks that were written off.
    LossWriteOff = 5070, "loss:reconciliation-write-off", Debit, None, false;
    /// What two people credited to merchants, less what they charged them.
    CostAdjustment = 5080, "cost:merchant-adjustment", Debit, None, true;
    /// Differences within tolerance.
    RoundingDifference = 5900, "rounding-difference", Debit, None, true;
    /// The bridge between two currencies of one entry.
    FxPosition = 6010, "fx:position", Debit, None, true;
    /// Memo: authorized and still open.
    AuthHold = 9010, "memo:auth-hold", Debit, None, false;
    /// Memo: the other side of 9010.
    AuthContra = 9020, "memo:auth-contra", Credit, None, false;
}

impl AccountCode {
    /// The code with this number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// Memo accounts balance among themselves and stay out of the financial trial balance.
    pub fn is_memo(self) -> bool {
        matches!(self, Self::AuthHold | Self::AuthContra)
    }
}

impl fmt::Display for AccountCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

/// A bucket of one currency. Which merchant it belongs to is the book's business.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// Its place in the chart.
    pub code: AccountCode,
    /// Its currency.
    pub currency: Currency,
    /// The acquirer or bank account, where the chart says so; else empty.
    pub dimension: Arc<str>,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.currency)?;
        if self.dimension.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.dimension)
        }
    }
}
