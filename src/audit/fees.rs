//! Merchant fees, worked out again from the entries of the books and compared with what was posted.
//!
//! 1. [`PaymentFees`] replays one payment in the order of its entries: what each capture, refund, dispute or event should have
//!    cost, and, where fees are added up before they are rounded, what it should have added exactly.
//! 2. [`Accruals`] adds those exact fees up in the order of the book: what each entry should have posted of them, and where the
//!    table of accruals should stand.
//! 3. [`of_other_entry`] does what belongs to no payment: payouts, advances, top-ups.
//! 4. [`of_cost`] does what a capture's settlement line passes on, and [`of_settlement`] compares the sum of that with what the
//!    settlement of its batch moved.
//!
//! An entry's own record of what it added exactly is proven by the first and used by the second, so one wrong entry is named
//! once. Amounts are parts of a minor unit (ten-billionths, [`PARTS`]), signed: positive where the merchant pays. The arithmetic
//! is that of `payment::fees::recompute`, which nothing is priced with.
//!
//! Limits: that a line is what the acquirer sent is proven elsewhere. Which merchant account pays is not looked at.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::ids::EntryNumber;
use crate::ledger::account::AccountCode;
use crate::ledger::entry::{EntryKind, Transfer};
use crate::money::{Currency, Money, Rounding};
use crate::payment::event::Kept;
use crate::payment::fees::recompute::{self, PARTS, parts, posting, returned, returned_parts};
use crate::payment::fees::{Accrual, AccrualKey, Accrued, Component, Inputs, Step};
use crate::payment::lifecycle::Instrument;
use crate::settings::{Amounts, FeeSchedule, ReturnPolicy, VatRate};

/// The accounts of fees that are worked out again, and their names in reports.
pub const FEE_ACCOUNTS: [(AccountCode, &str); 8] = [
    (AccountCode::FeePercentage, "percentage"),
    (AccountCode::FeeFixed, "fixed"),
    (AccountCode::FeeDispute, "dispute"),
    (AccountCode::FeeMinimumTopUp, "minimum_top_up"),
    (AccountCode::FeeOther, "other"),
    (AccountCode::FeeCostsPassedOn, "costs_passed_on"),
    (AccountCode::FeeReturned, "returned"),
    (AccountCode::VatOutput, "vat"),
];

/// The accounts whose sum must reach a monthly minimum; 4090 takes away from it.
pub const MINIMUM_ACCOUNTS: [AccountCode; 6] = [
    AccountCode::FeePercentage,
    AccountCode::FeeFixed,
    AccountCode::FeeDispute,
    AccountCode::FeeOther,
    AccountCode::FeeCostsPassedOn,
    AccountCode::FeeReturned,
];

const OUT_OF_RANGE: &str = "the fee is out of range";

/// Which version of a merchant's fee schedule prices a day.
pub type ScheduleOn<'s> = dyn Fn(NaiveDate) -> Option<&'s FeeSchedule> + 's;

/// An entry as far as fees go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeEntry {
    /// Its number.
    pub number: EntryNumber,
    /// Its kind.
    pub kind: EntryKind,
    /// The day by which it is priced.
    pub booking_date: NaiveDate,
    /// The payment it belongs to.
    pub payment: Option<String>,
    /// What it keeps of its event, JSON text.
    pub details: Option<String>,
    /// The entry that it undoes.
    pub reverses: Option<EntryNumber>,
    /// What the table of payments says its payment is priced by.
    pub instrument: Instrument,
    /// The currency of its payment.
    pub currency: Option<Currency>,
    /// What it moves; memo accounts may be left out.
    pub transfers: Vec<Transfer>,
}

/// One figure, worked out and posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// A name of [`FEE_ACCOUNTS`]; of an accrual, which part of it; or what could not be worked out.
    pub component: &'static str,
    /// Its currency.
    pub currency: Option<Currency>,
    /// What should be there.
    pub expected: Option<i128>,
    /// What is there.
    pub posted: Option<i128>,
    /// What is wrong, where figures do not say it.
    pub detail: String,
}

impl Line {
    /// Whether both are the same, and nothing else is wrong.
    pub fn agrees(&self) -> bool {
        self.expected == self.posted && self.detail.is_empty()
    }

    fn wrong(component: &'static str, detail: String) -> Self {
        Self {
            component,
            currency: None,
            expected: None,
            posted: None,
            detail,
        }
    }
}

/// What an entry should have been.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assessed {
    /// One a component that was expected or posted, and one for whatever else is wrong.
    pub lines: Vec<Line>,
    /// How returns and event fees came about, where that was asked for.
    pub steps: Vec<Step>,
}

/// Net credits by account and currency, minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Postings(BTreeMap<(AccountCode, Currency), i128>);

impl Postings {
    fn add(&mut self, code: AccountCode, currency: Currency, amount: i64) {
        let sum = self.0.entry((code, currency)).or_default();
        // An entry has fewer than 2^15 transfers of 64 bits.
        *sum = sum.saturating_add(amount.into());
    }

    fn posted(transfers: &[Transfer]) -> Self {
        let mut postings = Self::default();
        for transfer in transfers {
            for (account, amount) in [
                (&transfer.credit, transfer.amount),
                (&transfer.debit, transfer.amount.saturating_neg()),
            ] {
                if FEE_ACCOUNTS.iter().any(|(code, _)| *code == account.code) {
                    postings.add(account.code, account.currency, amount);
                }
            }
        }
        postings
    }

    fn turned(&self) -> Self {
        let turned = self.0.iter().map(|(key, amount)| (*key, amount.saturating_neg()));
        Self(turned.collect())
    }

    /// What an accrual posted, as revenue and VAT.
    fn add_accrued(&mut self, code: AccountCode, key: &AccrualKey, posted: i64, vat: i64) {
        let included = matches!(
            key.vat,
            VatRate::IncludedFloor { .. } | VatRate::IncludedDifference { .. }
        );
        let amount = if included { posted.saturating_sub(vat) } else { posted };
        self.add(code, key.currency, amount);
        self.add(AccountCode::VatOutput, key.currency, vat);
    }

    /// A line for each account and currency of either.
    fn compared(&self, posted: &Self) -> Vec<Line> {
        let keys = FEE_ACCOUNTS.iter().flat_map(|(code, component)| {
            let of_code = move |postings: &Self| -> Vec<Currency> {
                let keys = postings.0.keys().filter(|(known, _)| known == code);
                keys.map(|(_, currency)| *currency).collect()
            };
            let mut currencies = of_code(self);
            currencies.extend(of_code(posted));
            currencies.sort_unstable();
            currencies.dedup();
            currencies
                .into_iter()
                .map(move |currency| (*code, *component, currency))
        });
        let of = |postings: &Self, key| whole(postings.0.get(&key).copied().unwrap_or(0));
        keys.map(|(code, component, currency)| Line {
            component,
            currency: Some(currency),
            expected: Some(of(self, (code, currency))),
            posted: Some(of(posted, (code, currency))),
            detail: String::new(),
        })
        .filter(|line| (line.expected, line.posted) != (Some(0), Some(0)))
        .collect()
    }
}

/// Minor units as parts.
pub fn whole(minor: i128) -> i128 {
    minor.saturating_mul(PARTS)
}

/// An exact fee that an entry should have added to an accrual.
struct Exact {
    key: AccrualKey,
    rounding: Rounding,
    exact: i128,
}

/// What an entry should have posted by itself, and added exactly.
#[derive(Default)]
struct Found {
    expected: Postings,
    exacts: Vec<Exact>,
    lines: Vec<Line>,
    steps: Option<Vec<Step>>,
}

impl Found {
    fn note(&mut self, about: &'static str, text: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.steps {
            let text = text();
            steps.push(Step { about, text });
        }
    }
}

/// A capture or refund that something later may undo.
struct Done {
    gross: i64,
    /// All that it should have posted.
    expected: Postings,
    /// Of what was rounded by itself: what refunds may give back of a capture, or what a refund gave back.
    fee: i64,
    vat: i64,
    /// The account of what it posted of accruals; none for the account of each component.
    returned: bool,
    accrued: Vec<Accrued>,
}

/// An exact fee that refunds may give back.
struct Owed {
    key: AccrualKey,
    rounding: Rounding,
    exact: i128,
    returned: i128,
}

/// The fees of one payment, replayed.
pub struct PaymentFees<'s> {
    schedules: &'s ScheduleOn<'s>,
    explains: bool,
    captured: i64,
    refunded: i64,
    charged_back: i64,
    fee: i64,
    vat: i64,
    fee_returned: i64,
    vat_returned: i64,
    owed: Vec<Owed>,
    dispute: (i64, i64),
    done: BTreeMap<EntryNumber, Done>,
    /// Method, scheme and country of the card, as attempts of unknown outcome stated them; what answers may be silent of it.
    attempted: [Option<String>; 3],
}

impl<'s> PaymentFees<'s> {
    /// A payment of which nothing is known yet. Steps are taken down where they are asked for.
    pub fn new(schedules: &'s ScheduleOn<'s>, explains: bool) -> Self {
        Self {
            schedules,
            explains,
            captured: 0,
            refunded: 0,
            charged_back: 0,
            fee: 0,
            vat: 0,
            fee_returned: 0,
            vat_returned: 0,
            owed: Vec::new(),
            dispute: (0, 0),
            done: BTreeMap::new(),
            attempted: [None, None, None],
        }
    }

    /// The next entry of the payment.
    pub fn entry(&mut self, entry: &FeeEntry) -> Assessed {
        let Some(kept) = Kept::of_text(entry.details.as_deref()) else {
            let line = Line::wrong("not_worked_out", "what the entry keeps cannot be read".to_owned());
            return Assessed {
                lines: vec![line],
                steps: Vec::new(),
            };
        };
        let mut found = Found {
            steps: self.explains.then(Vec::new),
            ..Found::default()
        };
        let replayed = self.replay(entry, &kept, &mut found);
        if let Err(detail) = replayed {
            found.lines.push(Line::wrong("not_worked_out", detail));
        }
        found.lines.extend(compare_exact(&found.exacts, &kept.accrued));
        found
            .lines
            .extend(found.expected.compared(&Postings::posted(&entry.transfers)));
        Assessed {
            lines: found.lines,
            steps: found.steps.unwrap_or_default(),
        }
    }

    fn replay(&mut self, entry: &FeeEntry, kept: &Kept, found: &mut Found) -> Result<(), String> {
        match entry.kind {
            EntryKind::Authorization => self.authorization(entry, kept, found),
            EntryKind::Unknown => {
                self.attempted = self.stated(kept);
                Ok(())
            }
            EntryKind::Decline => {
                self.attempted = [None, None, None];
                Ok(())
            }
            EntryKind::Capture => self.capture(entry, kept, found),
            EntryKind::CaptureVoid => self.capture_void(entry, kept, found),
            EntryKind::Refund => self.refund(entry, kept, found),
            EntryKind::RefundFailure => self.refund_failure(entry, kept, found),
            EntryKind::Chargeback | EntryKind::SecondChargeback => self.chargeback(entry, found),
            EntryKind::ChargebackReversal => {
                self.chargeback_reversal(entry, found);
                Ok(())
            }
            // Nothing is charged for these.
            EntryKind::AuthorizationIncrement
            | EntryKind::AuthorizationReversal
            | EntryKind::Void
            | EntryKind::Expiry
            | EntryKind::Aggregate
            | EntryKind::RefundPaid
            | EntryKind::Unpaid
            | EntryKind::UnpaidRecovery
            | EntryKind::Settlement
            | EntryKind::Suspense
            | EntryKind::BatchFee
            | EntryKind::PayoutInstruction
            | EntryKind::PayoutConfirmation
            | EntryKind::PayoutReturn
            | EntryKind::BankEntry
            | EntryKind::Advance
            | EntryKind::MinimumTopUp
            | EntryKind::Release
            | EntryKind::Hold
            | EntryKind::HoldRelease
            | EntryKind::Loss
            | EntryKind::AcquirerInvoice
            | EntryKind::InvoicePayment
            | EntryKind::LossRecovery
            | EntryKind::Reclassification
            | EntryKind::Adjustment
            | EntryKind::InformationRequest
            | EntryKind::Reversal
            | EntryKind::Resolution => Ok(()),
        }
    }

    fn schedule(&self, day: NaiveDate) -> Result<&'s FeeSchedule, String> {
        (self.schedules)(day).ok_or_else(|| format!("the settings have no fee schedule of the merchant on {day}"))
    }

    /// Method, scheme and country of the card: as an entry states them, or else an attempt of unknown outcome before it.
    fn stated(&self, kept: &Kept) -> [Option<String>; 3] {
        let (stated, [method, scheme, country]) = (&kept.details, &self.attempted);
        let or = |stated: &Option<String>, attempted: &Option<String>| stated.clone().or_else(|| attempted.clone());
        [
            or(&stated.method, method),
            or(&stated.scheme, scheme),
            or(&stated.card_country, country),
        ]
    }

    /// The fee of the event, and whether the table of payments prices by what was authorized.
    fn authorization(&mut self, entry: &FeeEntry, kept: &Kept, found: &mut Found) -> Result<(), String> {
        let ([method, scheme, country], known) = (self.stated(kept), &entry.instrument);
        for (field, stated, known) in [
            ("method", &method, &known.method),
            ("scheme", &scheme, &known.scheme),
            ("card_country", &country, &known.card_country),
        ] {
            if stated.as_deref() != known.as_deref() {
                let word = |text: Option<&str>| text.map_or("nothing".to_owned(), |text| format!("`{text}`"));
                let (stated, known) = (word(stated.as_deref()), word(known.as_deref()));
                found.lines.push(Line::wrong(
                    field,
                    format!("the authorization says {stated}, the table of payments {known}"),
                ));
            }
        }
        let schedule = self.schedule(entry.booking_date)?;
        let Some(currency) = entry.currency else {
            return Err("the payment is not in the table of payments".to_owned());
        };
        let fees = &schedule.event.authorization;
        charge_event(schedule, entry, fees, (AccountCode::FeeFixed, currency), found).map(|_| ())
    }

    fn capture(&mut self, entry: &FeeEntry, kept: &Kept, found: &mut Found) -> Result<(), String> {
        let claim = entry
            .transfers
            .iter()
            .find(|transfer| is_receivable(transfer.debit.code) && transfer.credit.code == AccountCode::MerchantPending)
            .ok_or("the capture claims nothing")?;
        let (gross, currency) = (claim.amount, claim.debit.currency);
        self.captured = self.captured.saturating_add(gross);
        let schedule = self.schedule(entry.booking_date)?;
        let inputs = Inputs {
            gross: Money::from_minor(gross, currency),
            day: entry.booking_date,
            method: entry.instrument.method.as_deref(),
            scheme: entry.instrument.scheme.as_deref(),
            card_country: entry.instrument.card_country.as_deref(),
        };
        let fee = recompute::recompute(schedule, &inputs)
            .ok_or_else(|| format!("fee schedule `{}` has no price for the capture", schedule.name))?;
        let (mut fee_back, mut vat_back) = (0_i64, 0_i64);
        for (component, part) in [(Component::Percentage, fee.percentage), (Component::Fixed, fee.fixed)] {
            let goes_back = match schedule.returned_on_refund {
                ReturnPolicy::Nothing => false,
                ReturnPolicy::Percentage => component == Component::Percentage,
                ReturnPolicy::All => true,
            };
            let Some(period) = fee.period else {
                let posting = posting(part.exact, schedule.rounding, part.vat).ok_or(OUT_OF_RANGE)?;
                found.expected.add(component.account(), currency, posting.amount);
                found.expected.add(AccountCode::VatOutput, currency, posting.vat);
                if goes_back {
                    fee_back = fee_back.saturating_add(posting.amount);
                    vat_back = vat_back.saturating_add(posting.vat);
                }
                continue;
            };
            if part.exact == 0 {
                continue;
            }
            let key = AccrualKey {
                schedule: schedule.name.clone(),
                version: schedule.version(),
                component,
                currency,
                period,
                vat: part.vat,
            };
            if goes_back {
                self.owe(&key, schedule.rounding, part.exact);
            }
            let (rounding, exact) = (schedule.rounding, part.exact);
            found.exacts.push(Exact { key, rounding, exact });
        }
        for accrued in &kept.accrued {
            let account = accrued.key.component.account();
            let (posted, vat) = (accrued.posted, accrued.vat_posted);
            found.expected.add_accrued(account, &accrued.key, posted, vat);
        }
        (self.fee, self.vat) = (self.fee.saturating_add(fee_back), self.vat.saturating_add(vat_back));
        self.keep(entry, kept, found, (gross, fee_back, vat_back, false));
        Ok(())
    }

    fn keep(
        &mut self,
        entry: &FeeEntry,
        kept: &Kept,
        found: &Found,
        (gross, fee, vat, returned): (i64, i64, i64, bool),
    ) {
        let done = Done {
            gross,
            expected: found.expected.clone(),
            fee,
            vat,
            returned,
            accrued: kept.accrued.clone(),
        };
        self.done.insert(entry.number, done);
    }

    fn owe(&mut self, key: &AccrualKey, rounding: Rounding, exact: i128) {
        if let Some(owed) = self.owed.iter_mut().find(|owed| owed.key == *key) {
            owed.exact = owed.exact.saturating_add(exact);
            return;
        }
        let (key, returned) = (key.clone(), 0);
        self.owed.push(Owed {
            key,
            rounding,
            exact,
            returned,
        });
    }

    fn refund(&mut self, entry: &FeeEntry, kept: &Kept, found: &mut Found) -> Result<(), String> {
        let first = entry
            .transfers
            .iter()
            .find(|transfer| transfer.debit.code == AccountCode::MerchantAvailable)
            .ok_or("the refund takes nothing from the merchant")?;
        let (amount, currency) = (first.amount, first.debit.currency);
        self.refunded = self.refunded.saturating_add(amount);
        let (captured, refunded) = (self.captured, self.refunded);
        let back = |whole: i64, before: i64| returned(whole, captured, refunded).map(|target| target.max(before));
        let fee = back(self.fee, self.fee_returned).ok_or(OUT_OF_RANGE)?;
        let vat = back(self.vat, self.vat_returned).ok_or(OUT_OF_RANGE)?;
        let (fee_now, vat_now) = (
            fee.saturating_sub(self.fee_returned),
            vat.saturating_sub(self.vat_returned),
        );
        let money = |minor| Money::from_minor(minor, currency);
        found.note("returned", || {
            format!(
                "{} of the captured {} are refunded: {fee} of the fee {} and {vat} of its VAT {} go back in all, of which {} and {} \
                 went back before",
                money(refunded),
                money(captured),
                money(self.fee),
                money(self.vat),
                money(self.fee_returned),
                money(self.vat_returned),
                fee = money(fee),
                vat = money(vat),
            )
        });
        let code = AccountCode::FeeReturned;
        found.expected.add(code, currency, fee_now.saturating_neg());
        found
            .expected
            .add(AccountCode::VatOutput, currency, vat_now.saturating_neg());
        (self.fee_returned, self.vat_returned) = (fee, vat);
        for owed in &mut self.owed {
            let target = returned_parts(owed.exact, captured, refunded).ok_or(OUT_OF_RANGE)?;
            let target = target.max(owed.returned);
            let exact = owed.returned.saturating_sub(target);
            if exact != 0 {
                let (key, rounding) = (owed.key.clone(), owed.rounding);
                found.exacts.push(Exact { key, rounding, exact });
            }
            owed.returned = target;
        }
        for accrued in &kept.accrued {
            let (posted, vat) = (accrued.posted, accrued.vat_posted);
            found.expected.add_accrued(code, &accrued.key, posted, vat);
        }
        let schedule = self.schedule(entry.booking_date)?;
        let fees = &schedule.event.refund;
        charge_event(schedule, entry, fees, (AccountCode::FeeFixed, currency), found)?;
        self.keep(entry, kept, found, (amount, fee_now, vat_now, true));
        Ok(())
    }

    /// The entry that this one undoes, mirrored; what other entries moved between both of its accruals is added.
    fn undo(&mut self, entry: &FeeEntry, kept: &Kept, found: &mut Found) -> Result<Done, String> {
        let done = entry.reverses.and_then(|number| self.done.remove(&number));
        let done = done.ok_or("it undoes no capture or refund of its payment")?;
        found.expected = done.expected.turned();
        found.note("mirrored", || "the entry that it undoes, turned round".to_owned());
        for accrued in &done.accrued {
            let exact = parts(accrued.exact).ok_or(OUT_OF_RANGE)?;
            found.exacts.push(Exact {
                key: accrued.key.clone(),
                rounding: accrued.rounding,
                exact: exact.saturating_neg(),
            });
            let Some(undone) = kept.accrued.iter().find(|undone| undone.key == accrued.key) else {
                continue;
            };
            let posted = undone.posted.saturating_add(accrued.posted);
            let vat = undone.vat_posted.saturating_add(accrued.vat_posted);
            let account = if posted < 0 {
                AccountCode::FeeReturned
            } else {
                accrued.key.component.account()
            };
            found.expected.add_accrued(account, &accrued.key, posted, vat);
        }
        Ok(done)
    }

    fn capture_void(&mut self, entry: &FeeEntry, kept: &Kept, found: &mut Found) -> Result<(), String> {
        let done = self.undo(entry, kept, found)?;
        if done.returned {
            return Err("it undoes a refund".to_owned());
        }
        self.captured = self.captured.saturating_sub(done.gross);
        self.fee = self.fee.saturating_sub(done.fee).max(self.fee_returned);
        self.vat = self.vat.saturating_sub(done.vat).max(self.vat_returned);
        for accrued in &done.accrued {
            let exact = parts(accrued.exact).ok_or(OUT_OF_RANGE)?;
            if let Some(owed) = self.owed.iter_mut().find(|owed| owed.key == accrued.key) {
                owed.exact = owed.exact.saturating_sub(exact).max(owed.returned);
            }
        }
        self.owed.retain(|owed| owed.exact != 0);
        Ok(())
    }

    fn refund_failure(&mut self, entry: &FeeEntry, kept: &Kept, found: &mut Found) -> Result<(), String> {
        let done = self.undo(entry, kept, found)?;
        if !done.returned {
            return Err("it undoes a capture".to_owned());
        }
        self.refunded = self.refunded.saturating_sub(done.gross);
        self.fee_returned = self.fee_returned.saturating_sub(done.fee);
        self.vat_returned = self.vat_returned.saturating_sub(done.vat);
        for accrued in &done.accrued {
            let exact = parts(accrued.exact).ok_or(OUT_OF_RANGE)?;
            if let Some(owed) = self.owed.iter_mut().find(|owed| owed.key == accrued.key) {
                // What a refund adds is below zero.
                owed.returned = owed.returned.saturating_add(exact);
            }
        }
        Ok(())
    }

    /// The dispute costs a fee where the merchant bears it, not where it went to suspense.
    fn chargeback(&mut self, entry: &FeeEntry, found: &mut Found) -> Result<(), String> {
        let first = entry.transfers.first();
        let Some(taken) = first.filter(|first| first.debit.code == AccountCode::MerchantAvailable) else {
            return Ok(());
        };
        self.charged_back = self.charged_back.saturating_add(taken.amount);
        // The acquirer imposes it on a day without a price too; then it costs nothing.
        let Some(schedule) = (self.schedules)(entry.booking_date) else {
            return Ok(());
        };
        let at = (AccountCode::FeeDispute, taken.debit.currency);
        let (fee, vat) = charge_event(schedule, entry, &schedule.event.dispute, at, found)?;
        if fee > 0 && schedule.dispute_fee_returned_when_won {
            let (fee_before, vat_before) = self.dispute;
            self.dispute = (fee_before.saturating_add(fee), vat_before.saturating_add(vat));
        }
        Ok(())
    }

    fn chargeback_reversal(&mut self, entry: &FeeEntry, found: &mut Found) {
        let given = entry
            .transfers
            .iter()
            .filter(|transfer| is_receivable(transfer.debit.code))
            .filter(|transfer| transfer.credit.code == AccountCode::MerchantAvailable);
        let mut currency = None;
        for transfer in given {
            self.charged_back = self.charged_back.saturating_sub(transfer.amount);
            currency = Some(transfer.debit.currency);
        }
        if let Some(currency) = currency.filter(|_| self.charged_back == 0) {
            let (fee, vat) = std::mem::take(&mut self.dispute);
            found
                .expected
                .add(AccountCode::FeeReturned, currency, fee.saturating_neg());
            found
                .expected
                .add(AccountCode::VatOutput, currency, vat.saturating_neg());
            found.note("returned", || {
                let money = |minor| Money::from_minor(minor, currency);
                format!(
                    "all is won back: {} of dispute fees and {} of their VAT go back",
                    money(fee),
                    money(vat)
                )
            });
        }
    }
}

fn is_receivable(code: AccountCode) -> bool {
    matches!(code, AccountCode::AcquirerReceivable | AccountCode::CarrierReceivable)
}

/// The VAT of event fees on a day.
fn event_vat(schedule: &FeeSchedule, day: NaiveDate) -> Result<VatRate, String> {
    let Some(class) = &schedule.vat.event else {
        return Ok(VatRate::Exempt);
    };
    class
        .on(day)
        .ok_or_else(|| format!("VAT class `{}` has no rate on {day}", class.name))
}

/// Adds the fee of an event, and says fee and VAT.
fn charge_event(
    schedule: &FeeSchedule,
    entry: &FeeEntry,
    fees: &Amounts,
    (code, currency): (AccountCode, Currency),
    found: &mut Found,
) -> Result<(i64, i64), String> {
    let fee = fees.get(&currency).map_or(0, |fee| fee.minor());
    if fee == 0 {
        return Ok((0, 0));
    }
    let vat = event_vat(schedule, entry.booking_date)?;
    let posting = posting(whole(fee.into()), schedule.rounding, vat).ok_or(OUT_OF_RANGE)?;
    found.expected.add(code, currency, posting.amount);
    found.expected.add(AccountCode::VatOutput, currency, posting.vat);
    found.note("event", || {
        let money = |minor| Money::from_minor(minor, currency);
        let (kind, name) = (entry.kind.name().replace('_', " "), &schedule.name);
        format!(
            "{kind} fee of `{name}`: {} and VAT {} ({vat})",
            money(posting.amount),
            money(posting.vat)
        )
    });
    Ok((posting.amount, posting.vat))
}

const EXACT: [&str; 2] = ["percentage_exact", "fixed_exact"];
const POSTED: [&str; 2] = ["percentage_posted", "fixed_posted"];
const POSTED_VAT: [&str; 2] = ["percentage_posted_vat", "fixed_posted_vat"];

fn named([percentage, fixed]: [&'static str; 2], component: Component) -> &'static str {
    match component {
        Component::Percentage => percentage,
        Component::Fixed => fixed,
    }
}

/// What an entry says that it added exactly, beside what it should have added.
fn compare_exact(exacts: &[Exact], kept: &[Accrued]) -> Vec<Line> {
    let mut lines = Vec::new();
    for exact in exacts {
        let accrued = kept.iter().find(|accrued| accrued.key == exact.key);
        let rounding = accrued.map_or(exact.rounding, |accrued| accrued.rounding);
        let detail = if rounding == exact.rounding {
            String::new()
        } else {
            let (is, should) = (rounding.name(), exact.rounding.name());
            format!("it is rounded {is}, and should be {should}")
        };
        lines.push(Line {
            component: named(EXACT, exact.key.component),
            currency: Some(exact.key.currency),
            expected: Some(exact.exact),
            posted: accrued.map_or(Some(0), |accrued| parts(accrued.exact)),
            detail,
        });
    }
    for accrued in kept {
        if !exacts.iter().any(|exact| exact.key == accrued.key) {
            lines.push(Line {
                component: named(EXACT, accrued.key.component),
                currency: Some(accrued.key.currency),
                expected: Some(0),
                posted: parts(accrued.exact),
                detail: String::new(),
            });
        }
    }
    lines
}

/// The exact sums of one book, added up again in the order of its entries.
#[derive(Debug, Clone, Default)]
pub struct Accruals(BTreeMap<AccrualKey, Sum>);

/// Where an accrual stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// The exact sum, parts of a minor unit.
    pub exact: i128,
    /// What should be posted of it, minor units.
    pub posted: i64,
    /// The VAT of that.
    pub vat_posted: i64,
}

impl Accruals {
    /// The next entry that moves accruals: what it should have posted of each.
    pub fn entry(&mut self, kept: &[Accrued]) -> Vec<Line> {
        let mut lines = Vec::new();
        for accrued in kept {
            let sum = self.0.entry(accrued.key.clone()).or_default();
            let exact = parts(accrued.exact).and_then(|exact| sum.exact.checked_add(exact));
            let posting = exact.and_then(|exact| posting(exact, accrued.rounding, accrued.key.vat));
            let Some((exact, posting)) = exact.zip(posting) else {
                lines.push(Line::wrong("not_worked_out", OUT_OF_RANGE.to_owned()));
                continue;
            };
            let component = accrued.key.component;
            for (component, after, before, posted) in [
                (named(POSTED, component), posting.price, sum.posted, accrued.posted),
                (
                    named(POSTED_VAT, component),
                    posting.vat,
                    sum.vat_posted,
                    accrued.vat_posted,
                ),
            ] {
                lines.push(Line {
                    component,
                    currency: Some(accrued.key.currency),
                    expected: Some(whole(i128::from(after).saturating_sub(before.into()))),
                    posted: Some(whole(posted.into())),
                    detail: String::new(),
                });
            }
            *sum = Sum {
                exact,
                posted: posting.price,
                vat_posted: posting.vat,
            };
        }
        lines
    }

    /// Where each accrual stands beside where the table says it does.
    pub fn compared(&self, table: &BTreeMap<AccrualKey, Accrual>) -> Vec<(AccrualKey, Vec<Line>)> {
        let mut keys: Vec<&AccrualKey> = self.0.keys().chain(table.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter()
            .map(|key| {
                let sum = self.0.get(key).copied().unwrap_or_default();
                let stored = table.get(key).copied().unwrap_or_default();
                let line = |component, expected, posted| Line {
                    component: named(component, key.component),
                    currency: Some(key.currency),
                    expected: Some(expected),
                    posted,
                    detail: String::new(),
                };
                let lines = vec![
                    line(EXACT, sum.exact, parts(stored.exact)),
                    line(POSTED, whole(sum.posted.into()), Some(whole(stored.posted.into()))),
                    line(
                        POSTED_VAT,
                        whole(sum.vat_posted.into()),
                        Some(whole(stored.vat_posted.into())),
                    ),
                ];
                (key.clone(), lines)
            })
            .collect()
    }

    /// Where one accrual stands.
    pub fn get(&self, key: &AccrualKey) -> Sum {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// Every accrual.
    pub fn iter(&self) -> impl Iterator<Item = (&AccrualKey, Sum)> {
        self.0.iter().map(|(key, sum)| (key, *sum))
    }
}

/// What is known beside an entry that belongs to no payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Beside {
    /// Of a payout: its cut-off, by which it is priced.
    pub cutoff: Option<NaiveDate>,
    /// Of a top-up: what was charged in its month and currency before it, minor units.
    pub charged: Option<i128>,
}

/// What decides whether the costs of a settlement line are passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Priced {
    /// The price of a capture.
    Capture {
        /// The booking date.
        on: NaiveDate,
        /// What the table of payments says its payment is priced by.
        instrument: Instrument,
        /// What it claims, minor units.
        claimed: i64,
    },
    /// What the captures of an aggregate agreed on.
    Aggregate(Option<VatRate>),
}

/// What a settlement line says of a matched capture, minor units; costs are of the currency in which the acquirer pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostLine {
    /// What decides whether they are passed on.
    pub priced: Priced,
    /// The gross of the line, in the currency of the capture.
    pub gross: Money,
    /// What the acquirer pays for it, all costs taken off.
    pub net: Money,
    /// Interchange and scheme fee together.
    pub cost: i64,
    /// All costs of the line.
    pub costs: i64,
    /// What the match says is passed on of it, and its VAT.
    pub matched: Option<(i64, i64)>,
}

/// What a capture's settlement line passes on to the merchant: nothing, where the price of the capture does not. Says how, where
/// something is.
pub fn of_cost(schedules: &ScheduleOn<'_>, line: &CostLine) -> (Vec<Line>, Option<Step>) {
    let expected = match passed_on(schedules, line) {
        Ok(expected) => expected,
        Err(detail) => return (vec![Line::wrong("not_worked_out", detail)], None),
    };
    let currency = line.gross.currency();
    let of = |side: Option<(i64, i64)>| side.map(|(amount, vat)| [amount, vat].map(|minor| whole(minor.into())));
    let (should, is) = (of(expected.map(|(amount, vat, _)| (amount, vat))), of(line.matched));
    if should.is_none() && is.is_none() {
        return (Vec::new(), None);
    }
    let lines = [("cost_of_line", 0), ("cost_of_line_vat", 1)].map(|(component, place)| {
        let at = |side: Option<[i128; 2]>| side.and_then(|both| both.get(place).copied());
        Line {
            component,
            currency: Some(currency),
            expected: at(should),
            posted: at(is),
            detail: String::new(),
        }
    });
    let step = expected.map(|(amount, vat, rate)| {
        let money = |minor| Money::from_minor(minor, currency);
        let cost = Money::from_minor(line.cost, line.net.currency());
        let (amount, vat) = (money(amount), money(vat));
        let about = "costs";
        let text = format!("interchange and scheme fee of {cost} are passed on: {amount} and VAT {vat} ({rate})");
        Step { about, text }
    });
    (lines.to_vec(), step)
}

fn passed_on(schedules: &ScheduleOn<'_>, line: &CostLine) -> Result<Option<(i64, i64, VatRate)>, String> {
    let Some(rate) = passes_costs(schedules, line)? else {
        return Ok(None);
    };
    let cost = if line.net.currency() == line.gross.currency() {
        line.cost
    } else {
        // By the rate of the line itself: what its gross came to is net and costs together.
        let came_to = line.net.minor().checked_add(line.costs).ok_or(OUT_OF_RANGE)?;
        match came_to.checked_abs().ok_or(OUT_OF_RANGE)? {
            0 => 0,
            came_to => {
                let gross = line.gross.minor().checked_abs().ok_or(OUT_OF_RANGE)?;
                returned(line.cost, came_to, gross).ok_or(OUT_OF_RANGE)?
            }
        }
    };
    let posting = posting(whole(cost.into()), Rounding::Down, rate).ok_or(OUT_OF_RANGE)?;
    Ok(Some((posting.amount, posting.vat, rate)))
}

fn passes_costs(schedules: &ScheduleOn<'_>, line: &CostLine) -> Result<Option<VatRate>, String> {
    let (day, instrument, claimed) = match &line.priced {
        Priced::Capture {
            on,
            instrument,
            claimed,
        } => (*on, instrument, *claimed),
        Priced::Aggregate(agreed) => return Ok(*agreed),
    };
    let schedule =
        schedules(day).ok_or_else(|| format!("the settings have no fee schedule of the merchant on {day}"))?;
    let inputs = Inputs {
        gross: Money::from_minor(claimed, line.gross.currency()),
        day,
        method: instrument.method.as_deref(),
        scheme: instrument.scheme.as_deref(),
        card_country: instrument.card_country.as_deref(),
    };
    let fee = recompute::recompute(schedule, &inputs)
        .ok_or_else(|| format!("fee schedule `{}` has no price for the capture", schedule.name))?;
    Ok(fee.costs)
}

/// What the settlement of a batch moved in one currency, beside what its matches say is passed on, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettledCosts {
    /// The currency.
    pub currency: Currency,
    /// By the matches, and their VAT.
    pub matched: (i128, i128),
    /// By accounts 4060 and 2300.
    pub posted: (i128, i128),
    /// How many matches there are.
    pub captures: i64,
}

/// The figures of a settlement: costs passed on and VAT.
pub fn of_settlement(settled: &SettledCosts) -> Vec<Line> {
    let line = |code, expected, posted| Line {
        component: FEE_ACCOUNTS
            .iter()
            .find(|(known, _)| *known == code)
            .map_or("", |(_, component)| *component),
        currency: Some(settled.currency),
        expected: Some(whole(expected)),
        posted: Some(whole(posted)),
        detail: match (expected == posted, settled.captures) {
            (false, captures) if captures > 1 => format!("the sum of {captures} captures"),
            _ => String::new(),
        },
    };
    let ((amount, vat), (posted, vat_posted)) = (settled.matched, settled.posted);
    let lines = vec![
        line(AccountCode::FeeCostsPassedOn, amount, posted),
        line(AccountCode::VatOutput, vat, vat_posted),
    ];
    let nothing = |line: &Line| (line.expected, line.posted) == (Some(0), Some(0));
    lines.into_iter().filter(|line| !nothing(line)).collect()
}

/// The fees of an entry that belongs to no payment: payouts, advances and top-ups cost what schedules say, anything else nothing.
/// Costs that a settlement passes on are compared by [`of_settlement`].
pub fn of_other_entry(schedules: &ScheduleOn<'_>, entry: &FeeEntry, beside: Beside) -> Vec<Line> {
    let mut expected = Postings::default();
    let mut lines = Vec::new();
    if let Err(detail) = charge_other(schedules, entry, beside, &mut expected) {
        lines.push(Line::wrong("not_worked_out", detail));
    }
    let mut posted = Postings::posted(&entry.transfers);
    // A line that people match is booked by the resolution of its break.
    if matches!(entry.kind, EntryKind::Settlement | EntryKind::Resolution) {
        let apart = [AccountCode::FeeCostsPassedOn, AccountCode::VatOutput];
        posted.0.retain(|(code, _), _| !apart.contains(code));
    }
    lines.extend(expected.compared(&posted));
    lines
}

fn charge_other(
    schedules: &ScheduleOn<'_>,
    entry: &FeeEntry,
    beside: Beside,
    expected: &mut Postings,
) -> Result<(), String> {
    let day = beside.cutoff.unwrap_or(entry.booking_date);
    let first = entry.transfers.first();
    let Some(currency) = first.map(|first| first.debit.currency) else {
        return Ok(());
    };
    let priced = [
        EntryKind::PayoutInstruction,
        EntryKind::PayoutReturn,
        EntryKind::Advance,
        EntryKind::MinimumTopUp,
    ];
    if !priced.contains(&entry.kind) {
        return Ok(());
    }
    let schedule =
        schedules(day).ok_or_else(|| format!("the settings have no fee schedule of the merchant on {day}"))?;
    let of = |amounts: &Amounts| whole(amounts.get(&currency).map_or(0, |amount| amount.minor()).into());
    // A payout that comes back gives its fee back, or keeps it, as settings said then; if any of it, then all.
    let returns = entry.kind == EntryKind::PayoutReturn;
    let gives_back =
        |transfer: &Transfer| matches!(transfer.debit.code, AccountCode::FeeOther | AccountCode::VatOutput);
    if returns && !entry.transfers.iter().any(gives_back) {
        return Ok(());
    }
    let (code, exact) = if returns || entry.kind == EntryKind::PayoutInstruction {
        (AccountCode::FeeOther, of(&schedule.event.payout))
    } else if entry.kind == EntryKind::Advance {
        let pending = |transfer: &&Transfer| transfer.debit.code == AccountCode::MerchantPending;
        let advanced = entry.transfers.iter().filter(pending);
        let advanced = advanced.fold(0_i128, |sum, transfer| sum.saturating_add(transfer.amount.into()));
        let rate = parts(schedule.event.advance_percentage).ok_or(OUT_OF_RANGE)?;
        (AccountCode::FeeOther, advanced.checked_mul(rate).ok_or(OUT_OF_RANGE)?)
    } else {
        let charged = beside.charged.ok_or("the fees of its month are not known")?.max(0);
        let short = of(&schedule.monthly_minimum).saturating_sub(whole(charged)).max(0);
        (AccountCode::FeeMinimumTopUp, short)
    };
    if exact == 0 {
        return Ok(());
    }
    let vat = event_vat(schedule, day)?;
    let posting = posting(exact, schedule.rounding, vat).ok_or(OUT_OF_RANGE)?;
    let signed = |amount: i64| if returns { amount.saturating_neg() } else { amount };
    expected.add(code, currency, signed(posting.amount));
    expected.add(AccountCode::VatOutput, currency, signed(posting.vat));
    Ok(())
}
