//! `acquit adjust`: what two people credit to a merchant's balance, or charge it.

use std::process::ExitCode;

use chrono::NaiveDate;

use super::breaks::plan_bytes;
use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, kept_text, person, plan_or, stored};
use crate::audit::export::hex;
use crate::money::{Currency, Money};
use crate::store::adjustment::{Adjustment, AdjustmentError, Decision, Reason, Request};

/// What to do with adjustments.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Propose to credit a merchant's available balance, or to charge it. Moves no money; somebody else has to approve it.
    ///
    /// The same proposal again changes nothing. A charge may take the merchant below zero. No VAT is worked out.
    Propose {
        /// The merchant.
        #[arg(long)]
        merchant: String,
        /// In which currency.
        #[arg(long)]
        currency: Currency,
        /// What the merchant gets, like 12.34.
        #[arg(
            long,
            value_name = "AMOUNT",
            required_unless_present = "charge",
            conflicts_with = "charge"
        )]
        credit: Option<String>,
        /// What the merchant pays, like 12.34.
        #[arg(long, value_name = "AMOUNT")]
        charge: Option<String>,
        /// Why: goodwill or compensation (credits), penalty (charges), fee_correction, agreement or mistake (either).
        #[arg(long)]
        reason: Reason,
        /// Where it is shown that this is right: a ticket, a letter, a contract.
        #[arg(long, value_name = "TEXT")]
        evidence: String,
        /// What there is to say of it.
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// Your own id of it, unique for the merchant for ever. Default: made of its content.
        #[arg(long, value_name = "TEXT")]
        reference: Option<String>,
        /// Who proposes; somebody else has to approve.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The day. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
    /// Approve what is proposed, and book it. The approver is not the proposer.
    ///
    /// Booked is what the digest says, on a closed day on the first open one. Without --execute only the plan is shown.
    Approve {
        /// The adjustment, as `acquit adjust list` numbers it.
        id: i64,
        /// Approve only if the adjustment is the one of this digest, or of one that begins so.
        #[arg(long, value_name = "DIGEST")]
        content: Option<String>,
        /// Who approves.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// Reject what is proposed, for ever. Who proposed it may, too. Moves no money.
    Reject {
        /// The adjustment, as `acquit adjust list` numbers it.
        id: i64,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// Who rejects.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The day. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
    /// List what waits to be approved.
    List {
        /// List only what is of this merchant.
        #[arg(long)]
        merchant: Option<String>,
        /// List what is booked or rejected too.
        #[arg(long)]
        all: bool,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Propose {
            merchant,
            currency,
            credit,
            charge,
            reason,
            evidence,
            note,
            reference,
            by,
            on,
        } => {
            let money = signed(currency, credit, charge)?;
            let (evidence, note) = (kept_text("--evidence", evidence)?, kept_text("--note", note)?);
            let by = person(by)?;
            let reference = reference.map(|text| kept_text("--reference", text)).transpose()?;
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let request = Request {
                merchant: &merchant,
                money,
                reason,
                evidence: &evidence,
                note: &note,
                by: &by,
                day: super::day_to_act(&deployment, on, true)?,
                reference: reference.as_deref(),
            };
            let proposed = store.propose_adjustment(&request).await.map_err(failed)?;
            let what = match proposed.new {
                true => "proposed, nothing was booked",
                false => "proposed before, nothing was done",
            };
            listing(format!("Adjustment: {what}"), &[proposed.adjustment]).print(globals.format)?;
        }
        Command::Approve {
            id,
            content,
            by,
            on,
            execute,
        } => {
            let by = person(by)?;
            let content = content.as_deref().map(plan_bytes).transpose()?;
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let decision = Decision {
                id,
                content: content.as_deref(),
                by: &by,
                day: super::day_to_act(&deployment, on, execute)?,
            };
            let approved = match execute {
                true => store.approve_adjustment(decision).await,
                false => store.plan_adjustment(decision).await,
            };
            let approved = approved.map_err(failed)?;
            let what = match approved.new {
                true => plan_or("booked", execute),
                false => "booked before, nothing was done".to_owned(),
            };
            listing(format!("Adjustment: {what}"), &[approved.adjustment]).print(globals.format)?;
        }
        Command::Reject { id, note, by, on } => {
            let (note, by) = (kept_text("--note", note)?, person(by)?);
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let decision = Decision {
                id,
                content: None,
                by: &by,
                day: super::day_to_act(&deployment, on, true)?,
            };
            let rejected = store.reject_adjustment(decision, &note).await.map_err(failed)?;
            let what = match rejected.new {
                true => "rejected",
                false => "rejected before, nothing was done",
            };
            listing(format!("Adjustment: {what}"), &[rejected.adjustment]).print(globals.format)?;
        }
        Command::List { merchant, all } => {
            let store = globals.store().await?;
            let adjustments = store.adjustments(merchant.as_deref(), all).await.map_err(stored)?;
            listing("Adjustments".to_owned(), &adjustments).print(globals.format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is credited, or, below zero, charged.
fn signed(currency: Currency, credit: Option<String>, charge: Option<String>) -> Result<Money, Failure> {
    let (text, field, is_charge) = match (credit, charge) {
        (Some(text), None) => (text, "--credit", false),
        (_, text) => (text.unwrap_or_default(), "--charge", true),
    };
    let parsed = Money::parse(&text, currency);
    let money = parsed.map_err(|error| Failure::because(format!("{field} is refused"), error))?;
    Ok(match is_charge {
        true => Money::from_minor(money.minor().saturating_neg(), currency),
        false => money,
    })
}

fn failed(error: AdjustmentError) -> Failure {
    let hint = match &error {
        AdjustmentError::Store(error) => error.hint(),
        AdjustmentError::UnknownMerchant(_) => Some("name a merchant of the settings"),
        AdjustmentError::Unknown(_) | AdjustmentError::Decided { .. } => {
            Some("`acquit adjust list --all` shows what there is")
        }
        AdjustmentError::OtherContent { .. } => Some("look at it with `acquit adjust list`, and approve what it is"),
        AdjustmentError::NotAsProposed(_) => Some("reject it, and propose what is right"),
        AdjustmentError::Conflict { .. } => Some("give it another --reference"),
        AdjustmentError::NotAReason { .. }
        | AdjustmentError::ApproverIsProposer(_)
        | AdjustmentError::DecidedBefore { .. } => None,
    };
    Failure::new(error).maybe_hint(hint)
}

fn listing(title: String, adjustments: &[Adjustment]) -> Listing {
    let columns = [
        ("id", Kind::Figure),
        ("merchant", Kind::Text),
        ("currency", Kind::Text),
        ("amount", Kind::Figure),
        ("reason", Kind::Text),
        ("state", Kind::Text),
        ("proposed_on", Kind::Text),
        ("proposed_by", Kind::Text),
        ("decided_on", Kind::Text),
        ("decided_by", Kind::Text),
        ("entry", Kind::Figure),
        ("reference", Kind::Text),
        ("evidence", Kind::Text),
        ("note", Kind::Text),
        ("rejection", Kind::Text),
        ("content", Kind::Digest),
    ];
    let mut listing = Listing::new(title, &columns);
    for adjustment in adjustments {
        let (decided_on, decided_by) = adjustment.decided.clone().unzip();
        listing.row(vec![
            adjustment.id.to_string(),
            adjustment.merchant.clone(),
            adjustment.money.currency().to_string(),
            adjustment.money.to_decimal_text(),
            adjustment.reason.clone(),
            adjustment.state.clone(),
            adjustment.proposed_on.to_string(),
            adjustment.proposed_by.clone(),
            decided_on.map_or_else(String::new, |day| day.to_string()),
            decided_by.unwrap_or_default(),
            adjustment.number.map_or_else(String::new, |number| number.to_string()),
            adjustment.reference.clone(),
            adjustment.evidence.clone(),
            adjustment.note.clone(),
            adjustment.rejection.clone().unwrap_or_default(),
            hex(&adjustment.content),
        ]);
    }
    listing
}
