//! Disputes: where each case stands, and until when it can be answered.
//!
//! A case is what the acquirer calls one; where it stands is what the latest of its entries says, so there is no state to keep.
//! What an acquirer takes without naming a case is no case here.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, Tx, currency};
use crate::ids::EntryNumber;
use crate::ledger::entry::EntryKind;
use crate::money::Money;

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The issuer asks; nothing is taken.
    InformationRequested,
    /// The money is taken.
    ChargedBack,
    /// It is given back.
    GivenBack,
}

impl State {
    /// Its name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::InformationRequested => "information_requested",
            Self::ChargedBack => "charged_back",
            Self::GivenBack => "given_back",
        }
    }
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The merchant.
    pub merchant: String,
    /// The payment.
    pub payment: String,
    /// Whose case it is.
    pub acquirer: String,
    /// The acquirer's name of it.
    pub case: String,
    /// Its round, from 1.
    pub cycle: i32,
    /// Where it stands.
    pub state: State,
    /// What was asked about, taken or given back last.
    pub money: Money,
    /// When that was.
    pub occurred_at: DateTime<Utc>,
    /// Until when it can be answered.
    pub respond_by: Option<DateTime<Utc>>,
    /// The entry that says so.
    pub number: EntryNumber,
}

impl Store {
    /// Cases by the day until which they can be answered, those without one last: those that are not given back, or all.
    pub async fn disputes(&self, merchant: Option<&str>, all: bool) -> Result<Vec<Dispute>, StoreError> {
        self.rehearse(async |tx: &mut Tx| {
            let list = include_str!("../../schema/queries/disputes_list.sql");
            let rows = tx.query(list, &[&merchant, &all]).await?;
            let mut disputes = Vec::with_capacity(rows.len());
            for row in &rows {
                let kind = EntryKind::from_id(row.try_get("kind")?);
                let state = if kind == Some(EntryKind::InformationRequest) {
                    State::InformationRequested
                } else if kind == Some(EntryKind::ChargebackReversal) {
                    State::GivenBack
                } else {
                    State::ChargedBack
                };
                disputes.push(Dispute {
                    merchant: row.try_get::<_, Option<String>>("merchant")?.unwrap_or_default(),
                    payment: row.try_get::<_, Option<String>>("payment")?.unwrap_or_default(),
                    acquirer: row.try_get("acquirer")?,
                    case: row.try_get("dispute_case")?,
                    cycle: row.try_get("cycle")?,
                    state,
                    money: Money::from_minor(row.try_get("amount")?, currency(row.try_get("currency")?)?),
                    occurred_at: row.try_get("occurred_at")?,
                    respond_by: row.try_get("respond_by")?,
                    number: EntryNumber(row.try_get("number")?),
                });
            }
            Ok(disputes)
        })
        .await
    }
}
