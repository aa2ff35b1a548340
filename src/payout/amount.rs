//! Whether a merchant is paid at a cut-off, where, and how much.
//!
//! Paid is an active merchant, to a bank account that is verified, has not just changed and has sent nothing back, while no break
//! of a class that settings name is open, on a day of its schedule. What it is paid is all that is payable less what it keeps and
//! the fee for it; that is asked once, when the payout is planned. Who is paid and where is asked again when it is instructed.

use std::sync::Arc;

use chrono::{Days, NaiveDate};

use crate::calendar::{BusinessDays, Calendar, NotCovered};
use crate::ids::BookId;
use crate::money::{AmountError, Currency, Money};
use crate::payment::fees::{EventFee, FeeError, event_fee};
use crate::payout::returned::{Returned, blocks};
use crate::payout::schedule::{is_day, next_day};
use crate::settings::{Amounts, Destination, Merchant, MerchantState, Settings, SettingsVersion};

/// What may be paid: account 2020 at the cut-off, less everything that was taken from it since, and less what withdrawn
/// captures are going to take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payable {
    /// The merchant's book.
    pub book: BookId,
    /// The merchant.
    pub merchant: String,
    /// How much, above zero.
    pub money: Money,
}

/// A payout to be planned: amount, fee and VAT are all that is payable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due<'a> {
    /// Where it goes.
    pub destination: &'a Destination,
    /// What the merchant receives, above zero.
    pub amount: Money,
    /// What it is charged for that.
    pub fee: Money,
    /// The VAT of the fee.
    pub vat: Money,
}

/// What is known of a merchant beside its money and the settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// Payouts of it that came back.
    pub returned: &'a [Returned],
    /// How many breaks of the classes that stand in the way are open, by class.
    pub breaks: &'a [(String, i64)],
    /// The calendar of the banks of the currency; every day is open where settings name none.
    pub banks: Option<&'a Arc<Calendar>>,
    /// The booking date of the oldest of its money, where that is less than a payout must be worth.
    pub since: Option<NaiveDate>,
    /// Whether somebody asks for its payout, whatever its days are.
    pub on_demand: bool,
}

/// What becomes of what is payable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// It is paid.
    Pay(Due<'a>),
    /// It is carried forward to the next cut-off.
    Carry(Obstacle),
}

/// Why a merchant is not paid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// Not in the settings.
    #[error("not in the settings")]
    NotAMerchant,
    /// Not active.
    #[error("the merchant {}", standing(*.0))]
    NotActive(MerchantState),
    /// No bank account is known.
    #[error("no bank account in the settings")]
    NoDestination,
    /// The bank account is not known to be the merchant's, or will be from a later day on.
    #[error("the bank account is not verified{}", .0.map(|day| format!(" before {day}")).unwrap_or_default())]
    NotVerified(Option<NaiveDate>),
    /// The bank account is another one since lately.
    #[error("the bank account changed on {changed} and cools off until {until}")]
    CoolsOff {
        /// The first day of the settings that changed it, or the day on which they were applied, if later.
        changed: NaiveDate,
        /// The first day on which it is paid again.
        until: NaiveDate,
    },
    /// A payout to the bank account came back, and it is not corrected since.
    #[error("a payout to the bank account came back on {on} ({reason}); it is neither another one nor corrected since")]
    CameBack {
        /// When.
        on: NaiveDate,
        /// The bank's reason.
        reason: String,
    },
    /// Breaks of classes that stand in the way are open.
    #[error("open breaks stand in the way: {0}")]
    OpenBreaks(String),
    /// Banks are closed.
    #[error("banks are closed on {day}{}", following(.next))]
    BanksClosed {
        /// The cut-off.
        day: NaiveDate,
        /// The next day on which it is paid.
        next: Option<NaiveDate>,
    },
    /// It is not one of its days.
    #[error("not a day of its payouts{}", following(.next))]
    NotItsDay {
        /// The next one; none where it is paid on demand.
        next: Option<NaiveDate>,
    },
    /// Nobody knows whether banks are open.
    #[error(transparent)]
    NotCovered(#[from] NotCovered),
    /// All of it stays.
    #[error("{0} always stays")]
    Kept(Money),
    /// No version of its fee schedule is in force, and a price is never assumed to be zero.
    #[error("fee schedule `{0}` has no version in force")]
    NotPriced(String),
    /// The fee takes all of it.
    #[error("the fee of {0} for the payout leaves nothing")]
    FeeLeavesNothing(Money),
    /// Less than a payout must be worth.
    #[error("below the minimum of {minimum}{}", after(.fee))]
    BelowMinimum {
        /// The smallest payout.
        minimum: Money,
        /// What the payout would cost, VAT included.
        fee: Money,
    },
}

fn following(next: &Option<NaiveDate>) -> String {
    next.map(|next| format!("; the next is {next}")).unwrap_or_default()
}

fn standing(state: MerchantState) -> &'static str {
    match state {
        MerchantState::Applied => "has applied and is not active yet",
        MerchantState::Verified => "is verified and not active yet",
        MerchantState::Active => "is active",
        MerchantState::Suspended => "is suspended",
        MerchantState::Closed => "is closed",
    }
}

fn after(fee: &Money) -> String {
    match fee.minor() {
        0 => String::new(),
        _ => format!(" after a fee of {fee}"),
    }
}

/// What is paid of an amount. `versions` are the settings that have begun at the cut-off, oldest first: the last one governs;
/// `beside` is what is known of the merchant.
pub fn choose<'a>(
    payable: &Payable,
    cutoff: NaiveDate,
    versions: &'a [SettingsVersion],
    beside: Beside<'_>,
) -> Result<Choice<'a>, FeeError> {
    let Governed {
        settings,
        merchant,
        destination,
    } = match governed(&payable.merchant, cutoff, versions, beside) {
        Ok(governed) => governed,
        Err(obstacle) => return Ok(Choice::Carry(obstacle)),
    };
    if let Err(obstacle) = is_its_day(settings, merchant, cutoff, beside) {
        return Ok(Choice::Carry(obstacle));
    }
    let currency = payable.money.currency();
    let own =
        |of_merchant: &Amounts, of_all: &Amounts| of_merchant.get(&currency).or_else(|| of_all.get(&currency)).copied();
    let kept = own(&merchant.payout.keep_minimum, &settings.payout.keep_minimum);
    let kept = kept.unwrap_or_else(|| Money::zero(currency));
    let payable = payable
        .money
        .minor()
        .checked_sub(kept.minor())
        .ok_or(AmountError::TooLarge)?;
    if payable <= 0 {
        return Ok(Choice::Carry(Obstacle::Kept(kept)));
    }
    let Some(schedule) = settings.fee_schedule(&merchant.fee_schedule, cutoff) else {
        let obstacle = Obstacle::NotPriced(merchant.fee_schedule.clone());
        return Ok(Choice::Carry(obstacle));
    };
    let charge = event_fee(schedule, EventFee::Payout, currency, cutoff)?;
    let [fee, vat] = charge
        .map_or([0, 0], |charge| [charge.amount, charge.vat])
        .map(|minor| Money::from_minor(minor, currency));
    let cost = fee.plus(vat)?;
    let amount = payable.checked_sub(cost.minor());
    let amount = Money::from_minor(amount.ok_or(AmountError::TooLarge)?, currency);
    if amount.minor() <= 0 {
        return Ok(Choice::Carry(Obstacle::FeeLeavesNothing(cost)));
    }
    let forced = is_forced(settings, cutoff, beside.since);
    Ok(match own(&merchant.payout.minimum, &settings.payout.minimum) {
        Some(minimum) if amount.minor() < minimum.minor() && !forced => {
            Choice::Carry(Obstacle::BelowMinimum { minimum, fee: cost })
        }
        _ => Choice::Pay(Due {
            destination,
            amount,
            fee,
            vat,
        }),
    })
}

/// Whether a merchant is paid on a day, by the banks of a currency.
fn is_its_day(settings: &Settings, merchant: &Merchant, day: NaiveDate, beside: Beside<'_>) -> Result<(), Obstacle> {
    let rules = &settings.payout;
    let schedule = merchant.payout.schedule.as_ref().unwrap_or(&rules.schedule);
    let calendars: Vec<&Calendar> = beside.banks.map(|calendar| &**calendar).into_iter().collect();
    let banks = BusinessDays(&calendars);
    let next = || next_day(schedule, rules.roll, banks, day);
    if !banks.contains(day)? {
        return Err(Obstacle::BanksClosed { day, next: next() });
    }
    if beside.on_demand || is_day(schedule, rules.roll, banks, day)? {
        return Ok(());
    }
    Err(Obstacle::NotItsDay { next: next() })
}

/// Whether money has been there for so long that it is paid, however little it is.
fn is_forced(settings: &Settings, cutoff: NaiveDate, since: Option<NaiveDate>) -> bool {
    let after = settings.payout.forced_after_days.map(|days| Days::new(days.into()));
    let forced_on = since
        .zip(after)
        .and_then(|(since, after)| since.checked_add_days(after));
    forced_on.is_some_and(|forced_on| forced_on <= cutoff)
}

/// Where a merchant may be paid on a day, or why it may not; `versions` and `beside` as for [`choose`].
pub fn destination<'a>(
    merchant: &str,
    day: NaiveDate,
    versions: &'a [SettingsVersion],
    beside: Beside<'_>,
) -> Result<&'a Destination, Obstacle> {
    governed(merchant, day, versions, beside).map(|governed| governed.destination)
}

/// Why a payout that was approved is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cancellation {
    /// Account 2020 does not hold it any more, or holds money of captures that were withdrawn.
    #[error("the money is no longer available")]
    NotCovered,
    /// The merchant is not paid any more.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    /// The merchant is paid elsewhere.
    #[error("the bank account is no longer the one that was approved")]
    OtherAccount,
}

/// Whether a planned payout may be sent on a day: its merchant is paid, and at the account (holder, number, bank) that was
/// planned; `versions` are the settings that have begun on that day, `beside` what is known of the merchant.
pub fn still_due(
    merchant: &str,
    [holder, account, bank]: [&str; 3],
    day: NaiveDate,
    versions: &[SettingsVersion],
    beside: Beside<'_>,
) -> Result<(), Cancellation> {
    let known = destination(merchant, day, versions, beside)?;
    if (known.holder.as_str(), known.account.as_str(), known.bank.as_str()) == (holder, account, bank) {
        Ok(())
    } else {
        Err(Cancellation::OtherAccount)
    }
}

/// Until when nothing is sent to a merchant's bank account because it has changed: the day of the change, and the first day
/// on which it is paid again. Settings that begin in the past have changed it on the day on which they were applied. The account
/// that a merchant begins with does not cool off; one that comes later does.
pub fn cooling_off(merchant: &str, versions: &[SettingsVersion]) -> Option<(NaiveDate, NaiveDate)> {
    let (latest, earlier) = versions.split_last()?;
    let destination = latest.settings.merchants.get(merchant)?.destination.as_ref()?;
    let days = Days::new(latest.settings.payout.cooling_off_days.into());
    let mut changed_by = latest;
    for version in earlier.iter().rev() {
        // Where it was not in the settings, it began with this account.
        let before = version.settings.merchants.get(merchant)?;
        match &before.destination {
            Some(before) if before.is_same_account(destination) => changed_by = version,
            Some(_) | None => {
                let changed = changed_by.settings.effective_from.max(changed_by.applied_on);
                return Some((changed, changed.checked_add_days(days).unwrap_or(NaiveDate::MAX)));
            }
        }
    }
    None
}

/// Whether one more has to approve a payout of this cut-off: the merchant's bank account has cooled off, and not for long.
pub fn needs_extra_approver(merchant: &str, cutoff: NaiveDate, versions: &[SettingsVersion]) -> bool {
    let Some((latest, (_, paid_from))) = versions.last().zip(cooling_off(merchant, versions)) else {
        return false;
    };
    let days = Days::new(latest.settings.payout.extra_approver_days.into());
    cutoff < paid_from.checked_add_days(days).unwrap_or(NaiveDate::MAX)
}

/// A merchant that is paid, by what.
struct Governed<'a> {
    settings: &'a Settings,
    merchant: &'a Merchant,
    destination: &'a Destination,
}

fn governed<'a>(
    name: &str,
    day: NaiveDate,
    versions: &'a [SettingsVersion],
    beside: Beside<'_>,
) -> Result<Governed<'a>, Obstacle> {
    let settings = &*versions.last().ok_or(Obstacle::NotAMerchant)?.settings;
    let merchant = settings.merchants.get(name).ok_or(Obstacle::NotAMerchant)?;
    if merchant.state != MerchantState::Active {
        return Err(Obstacle::NotActive(merchant.state));
    }
    let destination = merchant.destination.as_ref().ok_or(Obstacle::NoDestination)?;
    if destination.verified_on.is_none_or(|verified| verified > day) {
        return Err(Obstacle::NotVerified(destination.verified_on));
    }
    if let Some(Returned { on, reason, .. }) = blocks(destination, day, beside.returned) {
        let (on, reason) = (*on, reason.clone());
        return Err(Obstacle::CameBack { on, reason });
    }
    if !beside.breaks.is_empty() {
        let classes: Vec<String> = beside
            .breaks
            .iter()
            .map(|(class, count)| format!("{count} {class}"))
            .collect();
        return Err(Obstacle::OpenBreaks(classes.join(", ")));
    }
    match cooling_off(name, versions) {
        Some((changed, until)) if day < until => Err(Obstacle::CoolsOff { changed, until }),
        _ => Ok(Governed {
            settings,
            merchant,
            destination,
        }),
    }
}

/// The id under which a payout is known at every bank, for ever: derived from what it is, never drawn.
pub fn end_to_end_id(book: BookId, currency: Currency, cutoff: NaiveDate) -> String {
    format!("ACQ-{book}-{currency}-{}", cutoff.format("%Y%m%d"))
}
