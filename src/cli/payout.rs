//! `acquit payout`: plan, approve, instruct, what became of them, list.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::NaiveDate;

use super::breaks::{plan_bytes, waits};
use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, counted, day_to_act, person, stored, today};
use crate::audit::export::hex;
use crate::money::Currency;
use crate::payout::approval::NotApproved;
use crate::payout::file::BankFormat;
use crate::payout::instruction::InstructionError;
use crate::payout::returned::ReturnReason;
use crate::store::Store;
use crate::store::payout::{Cancelled, Instruct, LeftOut, Payout, PayoutError, Return, Run};
use crate::store::settings::Deployment;
use crate::store::source::Digesting;

/// What to do with payouts.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Work out what each merchant may be paid in each currency at a cut-off. Moves no money.
    ///
    /// Pays account 2020 only: what is available at the cut-off, less what was taken from it since, less what always stays, less
    /// the fee for the payout, when that reaches the minimum. Less is carried forward. Paid is an active merchant, to a bank
    /// account that is verified and has not just changed, where the cut-off is one of its days, rolled to one on which banks are
    /// open. There is one payout a merchant, currency and cut-off, for ever. Says how many have to approve, and the digest of what
    /// they approve.
    Plan {
        /// The last booking date that counts.
        #[arg(long, value_name = "DATE")]
        cutoff: NaiveDate,
        /// Who plans; somebody else has to approve.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Pay only this merchant, whatever its days are; may be given several times.
        #[arg(long, value_name = "NAME")]
        merchant: Vec<String>,
    },
    /// Approve every planned payout of a cut-off. The approver is not the planner.
    ///
    /// How many have to approve is in the settings, by the amount of each payout and by their sum. An approval is of exactly the
    /// payouts that are planned: where another one is planned, or one is cancelled, before all have approved, it counts for
    /// nothing.
    Approve {
        /// The cut-off.
        #[arg(long, value_name = "DATE")]
        cutoff: NaiveDate,
        /// Who approves.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Approve only if the plan is still that of this digest, or of one that begins so.
        #[arg(long, value_name = "DIGEST")]
        plan: Option<String>,
    },
    /// Cancel the payouts of a cut-off that are not instructed, or some of them; their money stays available.
    Cancel {
        /// Cancel only these, by their end-to-end ids. What others have approved so far is void then.
        ids: Vec<String>,
        /// The cut-off.
        #[arg(long, value_name = "DATE")]
        cutoff: NaiveDate,
    },
    /// Post the approved payouts of a cut-off, then write the bank file.
    ///
    /// A payout that is no longer covered is cancelled, and so is one whose merchant, by the settings of the booking date, is
    /// not paid any more, or not at the bank account that was approved; the money stays available. Running it again is safe:
    /// nothing is posted twice, and a bank file that a crash left unwritten is written, byte for byte. So is one that was
    /// written and is not in --out, unless `payout sent` or what became of its payouts says that the bank has it; a file of other
    /// content is never written over. What the format of the bank file does not take is refused before anything is posted, or
    /// left out where that is asked for. The bank is told to pay on the booking date, or on the next day on which the banks of
    /// the currency are open. Without --execute only the plan is shown.
    Instruct {
        /// The cut-off.
        #[arg(long, value_name = "DATE")]
        cutoff: NaiveDate,
        /// The directory for the bank file: payouts-CUTOFF-N.csv, .xml or .ach.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        /// How the bank file is written: csv, pain.001 (001.001.09), pain.001.03 or nacha. Default: csv.
        #[arg(long, value_name = "FORMAT")]
        file_format: Option<BankFormat>,
        /// Instruct only payouts of this currency.
        #[arg(long)]
        currency: Option<Currency>,
        /// Leave out the payouts that the format does not take. They stay approved, for another format.
        #[arg(long)]
        leave_out: bool,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Post and write. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// Write down that the bank was given a bank file. Moves no money.
    ///
    /// The file is read, and has to be what was written, byte for byte.
    Sent {
        /// The file, as the bank was given it.
        file: PathBuf,
        /// Who gave it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The day. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
    /// Write down that nobody knows what became of payouts. Moves no money.
    ///
    /// They stay in transit and are never instructed again: ask the bank, then confirm or return them.
    Unknown {
        /// Their end-to-end ids, as the bank file has them.
        #[arg(required = true)]
        ids: Vec<String>,
        /// What is known, and whom you have asked.
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// Who says so.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The day. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
    /// Book that a payout came back: the merchant has its money again, once.
    ///
    /// Nothing is paid to its bank account any more until the settings name another one, or a `corrected_on` after the return. The
    /// money goes to a later cut-off. Its fee is given back too, or kept, as the settings say. Without --execute only the plan is
    /// shown.
    Return {
        /// Its end-to-end id, as the bank file has it.
        id: String,
        /// Why: the bank's code, like R03 or AC04.
        #[arg(long, value_name = "CODE")]
        reason: String,
        /// Who says so.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// Book that the bank made payouts.
    Confirm {
        /// Their end-to-end ids, as the bank file has them.
        #[arg(required_unless_present = "cutoff")]
        ids: Vec<String>,
        /// Every payout of this cut-off that was instructed and has no other outcome. Those that are unknown are named one by one.
        #[arg(long, value_name = "DATE", conflicts_with = "ids")]
        cutoff: Option<NaiveDate>,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
    },
    /// List payouts.
    List {
        /// List only those of this cut-off.
        #[arg(long, value_name = "DATE")]
        cutoff: Option<NaiveDate>,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    match command {
        Command::Plan { cutoff, by, merchant } => {
            // Whether an account has cooled off is asked of the cut-off, so that cannot be chosen freely.
            let (by, cutoff) = (person(by)?, day_to_act(&deployment, Some(cutoff), true)?);
            let planned = match merchant.as_slice() {
                [] => store.plan_payouts(&deployment, cutoff, &by).await,
                merchants => store.demand_payouts(&deployment, cutoff, &by, merchants).await,
            };
            let planned = planned.map_err(failed)?;
            listing(format!("Payouts of cut-off {cutoff}"), &planned.payouts).print(globals.format)?;
            if globals.format == super::output::Format::Table && !planned.carried.is_empty() {
                let mut carried = Listing::new(
                    "Carried forward",
                    &[
                        ("merchant", Kind::Text),
                        ("amount", Kind::Figure),
                        ("reason", Kind::Text),
                    ],
                );
                for row in &planned.carried {
                    carried.row(vec![
                        row.payable.merchant.clone(),
                        row.payable.money.to_string(),
                        row.reason.clone(),
                    ]);
                }
                carried.print(globals.format)?;
            }
            if let Some(run) = &planned.run {
                eprintln!("{}", said(run));
            }
        }
        Command::Approve { cutoff, by, plan } => {
            let (by, plan) = (person(by)?, plan.as_deref().map(plan_bytes).transpose()?);
            let approved = store.approve_payouts(&deployment, cutoff, plan.as_deref(), &by).await;
            match approved.map_err(failed)? {
                Some(run) => eprintln!("{}", said(&run)),
                None => eprintln!("nothing of cut-off {cutoff} waits for an approval"),
            }
        }
        Command::Cancel { ids, cutoff } => {
            let cancelled = store.cancel_payouts(cutoff, &ids).await.map_err(failed)?;
            eprintln!("cancelled {} of cut-off {cutoff}", counted(cancelled, "payout"));
        }
        Command::Instruct {
            cutoff,
            out,
            file_format,
            currency,
            leave_out,
            on,
            execute,
        } => {
            let day = day_to_act(&deployment, on, execute)?;
            if day < cutoff {
                return Err(Failure::new(format!(
                    "{day} is before cut-off {cutoff}: its payouts cannot be instructed then"
                )));
            }
            if execute && !out.is_dir() {
                // Else everything would be posted first, and nothing written.
                let directory = super::shown(&out);
                return Err(Failure::new(format!(
                    "--out {directory} is no directory; nothing was posted"
                )));
            }
            let what = Instruct {
                cutoff,
                day,
                today: today(&deployment),
                format: file_format.unwrap_or_default(),
                currency,
                leave_out,
                again: true,
            };
            let done = if execute {
                store.instruct_payouts(&deployment, what, &out).await
            } else {
                store.plan_instruction(&deployment, what, &out).await
            };
            let done = done.map_err(failed)?;
            let verb = if execute && done.posted.is_empty() {
                "nothing was posted"
            } else if execute {
                "posted"
            } else {
                "plan, nothing was posted; run again with --execute"
            };
            listing(format!("Instructions of cut-off {cutoff}: {verb}"), &done.posted).print(globals.format)?;
            if !done.cancelled.is_empty() {
                cancelled(&done.cancelled).write(globals.format, &mut std::io::stderr().lock())?;
            }
            if !done.left_out.is_empty() {
                left_out(&done.left_out).write(globals.format, &mut std::io::stderr().lock())?;
            }
            if done.posted.is_empty() && done.cancelled.is_empty() && done.left_out.is_empty() {
                eprintln!("nothing is approved for cut-off {cutoff}");
            }
            for (name, written) in &done.earlier {
                let state = match (written, done.lost.contains(&out.join(name))) {
                    // It is among those written now.
                    (false, _) | (true, true) if execute => continue,
                    (false, _) => "not written; --execute writes it",
                    (true, true) => "written, not sent, and not in --out; --execute writes it again",
                    (true, false) => "written",
                };
                eprintln!("bank file of an earlier run: {name}, {state}");
            }
            for file in &done.files {
                let again = if done.lost.contains(file) { " written again" } else { "" };
                eprintln!("bank file{again}: {}", super::shown(file));
            }
        }
        Command::Sent { file, by, on } => {
            let (by, day) = (person(by)?, day_to_act(&deployment, on, true)?);
            let digest = digest_of(&file)?;
            let sent = store.send_payouts(&digest, &by, day).await.map_err(failed)?;
            let payouts = counted(sent.payouts, "payout");
            eprintln!("{} of cut-off {}: sent {payouts}", sent.name, sent.cutoff);
        }
        Command::Unknown { ids, note, by, on } => {
            let (by, note) = (person(by)?, super::kept_text("--note", note)?);
            let day = day_to_act(&deployment, on, true)?;
            let lost = store.lose_payouts(&ids, &by, &note, day).await.map_err(failed)?;
            eprintln!("unknown: {}", counted(lost, "payout"));
        }
        Command::Return {
            id,
            reason,
            by,
            on,
            execute,
        } => {
            let reason =
                ReturnReason::parse(&reason).map_err(|error| Failure::because("--reason is refused", error))?;
            let by = person(by)?;
            let of = Return {
                id: &id,
                reason: &reason,
                by: &by,
                day: day_to_act(&deployment, on, execute)?,
            };
            let returned = if execute {
                store.return_payout(&deployment, &of).await
            } else {
                store.plan_return(&deployment, &of).await
            };
            let returned = returned.map_err(failed)?;
            let what = match returned.new {
                true => format!(
                    "{}, {} to the merchant",
                    super::plan_or("booked", execute),
                    returned.credited
                ),
                false => "booked before, nothing was done".to_owned(),
            };
            listing(format!("Return: {what}"), &[returned.payout]).print(globals.format)?;
            if execute {
                match_receipts(&store, &deployment).await?;
            }
        }
        Command::Confirm { ids, cutoff, on } => {
            let day = day_to_act(&deployment, on, true)?;
            let ids = match cutoff {
                Some(_) => {
                    let payouts = store.payouts(cutoff, None).await.map_err(stored)?;
                    let on_their_way = payouts
                        .into_iter()
                        .filter(|payout| matches!(payout.state.as_str(), "instructed" | "sent"));
                    on_their_way.map(|payout| payout.end_to_end_id).collect()
                }
                None => ids,
            };
            let confirmed = store.confirm_payouts(&deployment, &ids, day).await.map_err(failed)?;
            eprintln!("confirmed {}", counted(confirmed, "payout"));
            match_receipts(&store, &deployment).await?;
        }
        Command::List { cutoff } => {
            let payouts = store.payouts(cutoff, None).await.map_err(stored)?;
            listing("Payouts".to_owned(), &payouts).print(globals.format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes out of suspense what statements told of before somebody said what became of payouts.
async fn match_receipts(store: &Store, deployment: &Deployment) -> Result<(), Failure> {
    let matched = store.match_receipts(deployment).await.map_err(super::breaks::failed)?;
    if matched > 0 {
        eprintln!("matched {} in suspense", counted(matched, "receipt"));
    }
    Ok(())
}

/// How far a run has come.
fn said(run: &Run) -> String {
    let plan = hex(run.plan.get(..8).unwrap_or_default());
    let payouts = counted(run.payouts, "payout");
    let by = match run.approved_by.as_slice() {
        [] => String::new(),
        names => format!(" by {}", names.join(" and ")),
    };
    match run.missing {
        0 if by.is_empty() => format!("plan {plan}: {payouts} approved, nobody else has to"),
        0 => format!("plan {plan}: {payouts} approved{by}"),
        missing => {
            let waits = waits(
                usize::try_from(missing).unwrap_or_default(),
                &run.finance_heads,
                &run.approved_by,
            );
            let so_far = if by.is_empty() { by } else { format!("approved{by}, ") };
            format!("plan {plan}: {payouts} {so_far}waiting for {waits}")
        }
    }
}

/// What is known of a payout's end beside its state.
fn outcome(payout: &Payout) -> String {
    match (&payout.returned, &payout.unknown) {
        (Some((on, reason)), _) => format!("{reason} on {on}"),
        (None, Some((on, note))) => format!("unknown on {on}: {note}"),
        (None, None) => String::new(),
    }
}

/// SHA-256 of a file.
fn digest_of(path: &Path) -> Result<[u8; 32], Failure> {
    let cannot = |error| Failure::because(format!("{} cannot be read", super::shown(path)), error);
    let mut file = Digesting::new(std::fs::File::open(path).map_err(cannot)?);
    std::io::copy(&mut file, &mut std::io::sink()).map_err(cannot)?;
    Ok(file.digest())
}

fn failed(error: PayoutError) -> Failure {
    let hint = match &error {
        PayoutError::Store(error) => error.hint(),
        PayoutError::NothingPlanned(_) => Some("run `acquit payout plan` first"),
        PayoutError::NotApproved(NotApproved::NoFinanceHead) => {
            Some("name them in the settings: finance_heads under [desk]")
        }
        PayoutError::OtherPlan(_) => Some("look at it with `acquit payout list`, and approve what it is now"),
        PayoutError::NotAsApproved(_) => Some("cancel them, and plan for the next cut-off"),
        PayoutError::NoBankFile => Some("give the bank what `acquit payout instruct` wrote, and name that file"),
        PayoutError::OtherContent(_) => Some("move it away or choose another --out, then run the same command again"),
        PayoutError::Read { .. } => Some("correct the file's rights or move it away, then run the same command again"),
        PayoutError::Write { .. } => Some("make room or correct the directory, then run the same command again"),
        PayoutError::Instruction(InstructionError::NoAccount(_) | InstructionError::NoNacha) => {
            Some("say it in the settings, under [[house.account]]")
        }
        PayoutError::NotCovered(error) => return Failure::new(error.clone()).hint(error.hint()),
        PayoutError::NotOfCutoff(..) => Some("`acquit payout list` shows the payouts of each cut-off"),
        PayoutError::NoSettings(_)
        | PayoutError::Fee(_)
        | PayoutError::Amount(_)
        | PayoutError::NotApproved(_)
        | PayoutError::NotOnItsWay { .. }
        | PayoutError::BeforeItself { .. }
        | PayoutError::Unknown(_)
        | PayoutError::Instruction(_)
        | PayoutError::Changed(_) => None,
    };
    Failure::new(error).maybe_hint(hint)
}

fn cancelled(payouts: &[Cancelled]) -> Listing {
    let reasons = payouts
        .iter()
        .map(|cancelled| (&cancelled.payout, cancelled.reason.to_string()));
    with_reasons("Cancelled, the money stays available", reasons)
}

fn left_out(payouts: &[LeftOut]) -> Listing {
    let reasons = payouts
        .iter()
        .map(|left_out| (&left_out.payout, left_out.reason.clone()));
    with_reasons(
        "Left out, still approved: instruct them in another format, or cancel them",
        reasons,
    )
}

fn with_reasons<'p>(title: &str, payouts: impl Iterator<Item = (&'p Payout, String)>) -> Listing {
    let columns = [
        ("end_to_end_id", Kind::Text),
        ("merchant", Kind::Text),
        ("currency", Kind::Text),
        ("amount", Kind::Figure),
        ("reason", Kind::Text),
    ];
    let mut listing = Listing::new(title, &columns);
    for (payout, reason) in payouts {
        listing.row(vec![
            payout.end_to_end_id.clone(),
            payout.merchant.clone(),
            payout.money.currency().to_string(),
            payout.money.to_decimal_text(),
            reason,
        ]);
    }
    listing
}

fn listing(title: String, payouts: &[Payout]) -> Listing {
    let columns = [
        ("end_to_end_id", Kind::Text),
        ("merchant", Kind::Text),
        ("currency", Kind::Text),
        ("amount", Kind::Figure),
        ("fee", Kind::Figure),
        ("vat", Kind::Figure),
        ("cutoff", Kind::Text),
        ("state", Kind::Text),
        ("holder", Kind::Text),
        ("account", Kind::Whole),
        ("planned_by", Kind::Text),
        ("approved_by", Kind::Text),
        ("outcome", Kind::Text),
    ];
    let mut listing = Listing::new(title, &columns);
    for payout in payouts {
        listing.row(vec![
            payout.end_to_end_id.clone(),
            payout.merchant.clone(),
            payout.money.currency().to_string(),
            payout.money.to_decimal_text(),
            payout.fee.to_decimal_text(),
            payout.vat.to_decimal_text(),
            payout.cutoff.to_string(),
            payout.state.clone(),
            payout.destination.0.clone(),
            payout.destination.1.clone(),
            payout.planned_by.clone(),
            payout.approved_by.join(", "),
            outcome(payout),
        ]);
    }
    listing
}
