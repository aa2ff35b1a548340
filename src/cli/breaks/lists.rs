//! What the desk prints.

use std::collections::BTreeMap;

use crate::audit::export::hex;
use crate::cli::output::{Format, Kind, Listing};
use crate::cli::{Failure, counted, stored};
use crate::money::{Money, decimal_text};
use crate::recon::desk::Reason;
use crate::store::Store;
use crate::store::breaks::{Approved, Break, Filter, Posted, Resolved, ResolvedBreak, Step};

/// Where what was done is told.
pub(in crate::cli) struct Told<'a> {
    pub(in crate::cli) store: &'a Store,
    pub(in crate::cli) format: Format,
}

/// Breaks, one a row.
pub(super) fn breaks(title: String, breaks: &[Break]) -> Listing {
    let columns = [
        ("id", Kind::Figure),
        ("class", Kind::Text),
        ("state", Kind::Text),
        ("owner", Kind::Text),
        ("awaited_on", Kind::Text),
        ("found_on", Kind::Text),
        ("acquirer", Kind::Text),
        ("merchant", Kind::Text),
        ("payment", Kind::Text),
        ("expected", Kind::Figure),
        ("expected_in", Kind::Text),
        ("actual", Kind::Figure),
        ("actual_in", Kind::Text),
        ("suspense", Kind::Figure),
        ("suspense_in", Kind::Text),
        ("line", Kind::Figure),
        ("detail", Kind::Text),
    ];
    let mut listing = Listing::new(title, &columns);
    for row in breaks {
        listing.row(vec![
            row.id.to_string(),
            row.class.clone(),
            row.state.clone(),
            text(row.owner.as_ref()),
            row.awaited_on.to_string(),
            text(row.found_on.as_ref()),
            row.acquirer.clone(),
            text(row.merchant.as_ref()),
            text(row.payment.as_ref()),
            amount(row.expected),
            code(row.expected),
            amount(row.actual),
            code(row.actual),
            amount(row.held),
            code(row.held),
            text(row.line.as_ref()),
            row.detail.clone(),
        ]);
    }
    listing
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn amount(money: Option<Money>) -> String {
    money.map(Money::to_decimal_text).unwrap_or_default()
}

fn code(money: Option<Money>) -> String {
    money.map(|money| money.currency().to_string()).unwrap_or_default()
}

/// One break: its facts, its line, its steps, what was booked.
pub(super) async fn show(store: &Store, id: i64, format: Format) -> Result<(), Failure> {
    let mut found = store.breaks(&Filter::of(&[id])).await.map_err(stored)?;
    let found = found
        .pop()
        .ok_or_else(|| Failure::new(format!("there is no break {id}")).hint("`acquit breaks list --all` lists them"))?;
    let mut listing = Listing::new(format!("Break {id}"), &[("field", Kind::Text), ("value", Kind::Text)]);
    let line = store.break_line(id).await.map_err(stored)?;
    let line = line.into_iter().map(|raw| ("line as it came", raw));
    for (field, value) in fields(&found)
        .into_iter()
        .chain(line)
        .filter(|(_, value)| !value.is_empty())
    {
        listing.row(vec![field.to_owned(), value]);
    }
    let steps = store.break_steps(id).await.map_err(stored)?;
    let postings = store.break_postings(id).await.map_err(stored)?;
    if format != Format::Table {
        // One list for programs: every step and transfer is a field of its own.
        for step in &steps {
            listing.row(vec![
                format!("step {}", step.at.to_rfc3339()),
                step_cells(step)
                    .into_iter()
                    .skip(1)
                    .filter(|cell| !cell.is_empty())
                    .collect::<Vec<_>>()
                    .join("; "),
            ]);
        }
        for posted in &postings {
            listing.row(vec!["transfer".to_owned(), posted_cells(posted).join(" ")]);
        }
        return Ok(listing.print(format)?);
    }
    listing.print(format)?;
    if !steps.is_empty() {
        println!();
        steps_list(&steps).print(format)?;
    }
    if !postings.is_empty() {
        println!();
        postings_list(&postings).print(format)?;
    }
    Ok(())
}

fn fields(found: &Break) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("class", found.class.clone()),
        ("state", found.state.clone()),
        ("resolution", text(found.resolution.as_ref())),
        ("owner", text(found.owner.as_ref())),
        ("acquirer", found.acquirer.clone()),
        ("found in", found.found_in.clone()),
        ("found on", text(found.found_on.as_ref())),
        ("expected on", text(found.expected_on.as_ref())),
        ("awaited until", text(found.quiet_until.as_ref())),
        ("merchant", text(found.merchant.as_ref())),
        ("payment", text(found.payment.as_ref())),
        ("entry reference", text(found.reference.as_ref())),
        ("expected", text(found.expected.as_ref())),
        ("actual", text(found.actual.as_ref())),
        (
            if found.state == "resolved" {
                "was in suspense"
            } else {
                "in suspense"
            },
            text(found.held.as_ref()),
        ),
        ("at stake", text(found.stake.as_ref())),
        ("suspense entry of the house", text(found.suspense.as_ref())),
        ("file", text(found.file.as_ref())),
        ("line", text(found.line.as_ref())),
        ("detail", found.detail.clone()),
    ];
    if let Some(proposed) = &found.proposed {
        let what = if found.state == "resolved" {
            "resolved as"
        } else {
            "proposed"
        };
        fields.push((
            what,
            format!("{}, {}, by {}", proposed.resolution, proposed.reason, proposed.by),
        ));
        fields.push(("approved by", proposed.approved_by.join(", ")));
        fields.push(("plan", hex(&proposed.plan)));
        let approved = proposed.approved_by.len();
        if found.state != "resolved" {
            let needed = usize::try_from(proposed.approvers).unwrap_or_default();
            fields.push((
                "waits for",
                waits(
                    needed.saturating_sub(approved),
                    &proposed.finance_heads,
                    &proposed.approved_by,
                ),
            ));
        }
    }
    fields
}

/// Whose approval is missing.
pub(in crate::cli) fn waits(missing: usize, heads: &[String], approved_by: &[String]) -> String {
    let approvals = counted(missing, "approval");
    if heads.is_empty() || approved_by.iter().any(|name| heads.contains(name)) {
        approvals
    } else {
        format!("{approvals}, one of them by {}", heads.join(" or "))
    }
}

fn step_cells(step: &Step) -> Vec<String> {
    let what = match (&step.owner, &step.proposal) {
        (Some(owner), _) => format!("{} to {owner}", step.what),
        (None, Some((resolution, reason, _))) => format!("{} as {resolution}, {reason}", step.what),
        (None, None) => step.what.clone(),
    };
    vec![
        step.at.format("%Y-%m-%d %H:%M:%S").to_string(),
        step.by.clone(),
        what,
        text(step.note.as_ref()),
        step.evidence.as_deref().map(hex).unwrap_or_default(),
    ]
}

fn steps_list(steps: &[Step]) -> Listing {
    let columns = [
        ("at", Kind::Text),
        ("by", Kind::Text),
        ("step", Kind::Text),
        ("note", Kind::Text),
        ("evidence", Kind::Digest),
    ];
    let mut listing = Listing::new("Steps, times in UTC", &columns);
    for step in steps {
        listing.row(step_cells(step));
    }
    listing
}

fn posted_cells(posted: &Posted) -> Vec<String> {
    vec![
        posted.merchant.clone().unwrap_or_else(|| "(house)".to_owned()),
        posted.number.to_string(),
        posted.kind.clone(),
        posted.booking_date.to_string(),
        posted.debit.to_string(),
        posted.credit.to_string(),
        posted.money.to_decimal_text(),
        posted.money.currency().to_string(),
    ]
}

fn postings_list(postings: &[Posted]) -> Listing {
    let columns = [
        ("book", Kind::Text),
        ("entry", Kind::Figure),
        ("kind", Kind::Text),
        ("booked_on", Kind::Text),
        ("debit", Kind::Figure),
        ("credit", Kind::Figure),
        ("amount", Kind::Figure),
        ("currency", Kind::Text),
    ];
    let mut listing = Listing::new("Booked", &columns);
    for posted in postings {
        listing.row(posted_cells(posted));
    }
    listing
}

/// What a plan comes to, or what was done.
pub(in crate::cli) async fn resolved(
    told: &Told<'_>,
    done: &Resolved,
    reason: Reason,
    execute: bool,
) -> Result<(), Failure> {
    let as_what = format!("{} ({reason})", reason.resolution());
    let title = match (done.new, done.booked, execute) {
        (false, true, _) => format!("{as_what}: resolved before, nothing was done"),
        (false, false, _) => format!("{as_what}: proposed before, nothing was done"),
        (true, _, false) => format!("{as_what}: plan, nothing was done"),
        (true, true, true) => format!("{as_what}: booked"),
        (true, false, true) => format!("{as_what}: proposed"),
    };
    plan_list(told, title, &done.ids, &done.breaks)
        .await?
        .print(told.format)?;
    if told.format == Format::Table && done.new {
        println!();
        sums(done).print(told.format)?;
    }
    let digest = hex(done.plan.get(..8).unwrap_or_default());
    if done.booked {
        let how = if execute {
            ""
        } else {
            "; run again with --execute, or with --plan and its digest"
        };
        eprintln!("plan {digest}: nobody has to approve it{how}");
    } else {
        let missing = usize::try_from(done.approvers).unwrap_or_default();
        let waits = waits(missing, &done.finance_heads, &[]);
        let how = match execute {
            true => format!("waits for {waits}: acquit breaks approve {digest}"),
            false => format!("will wait for {waits}; run again with --execute, or with --plan and its digest"),
        };
        eprintln!("plan {digest}: {how}");
    }
    Ok(())
}

/// What an approval comes to.
pub(super) async fn approved(told: &Told<'_>, done: &Approved, execute: bool) -> Result<(), Failure> {
    let digest = hex(done.plan.get(..8).unwrap_or_default());
    let title = match (done.new, done.booked, execute) {
        (false, ..) => "Approved before, nothing was done".to_owned(),
        (true, _, false) => "Approval: plan, nothing was done; run again with --execute".to_owned(),
        (true, true, true) => "Approved, booked".to_owned(),
        (true, false, true) => "Approved".to_owned(),
    };
    plan_list(told, title, &done.ids, &done.breaks)
        .await?
        .print(told.format)?;
    let names = done.approved_by.join(", ");
    match done.booked {
        true => eprintln!("plan {digest}: approved by {names}"),
        false => eprintln!("plan {digest}: approved by {names}, {} are needed", done.approvers),
    }
    Ok(())
}

/// The breaks of a plan, with what each books.
async fn plan_list(told: &Told<'_>, title: String, ids: &[i64], plan: &[ResolvedBreak]) -> Result<Listing, Failure> {
    let columns = [
        ("id", Kind::Figure),
        ("class", Kind::Text),
        ("acquirer", Kind::Text),
        ("merchant", Kind::Text),
        ("payment", Kind::Text),
        ("at_stake", Kind::Figure),
        ("currency", Kind::Text),
        ("books", Kind::Text),
    ];
    let breaks = told.store.breaks(&Filter::of(ids)).await.map_err(stored)?;
    let books: BTreeMap<i64, &ResolvedBreak> = plan.iter().map(|row| (row.id, row)).collect();
    let mut listing = Listing::new(title, &columns);
    for row in &breaks {
        let booked = books.get(&row.id);
        let stake = booked.map_or(row.stake, |booked| booked.stake);
        listing.row(vec![
            row.id.to_string(),
            row.class.clone(),
            row.acquirer.clone(),
            text(row.merchant.as_ref()),
            text(row.payment.as_ref()),
            amount(stake),
            code(stake),
            booked.map_or_else(String::new, |booked| moves(booked)),
        ]);
    }
    Ok(listing)
}

/// Transfers as `5070 ← 1100 45.00`.
fn moves(booked: &ResolvedBreak) -> String {
    let moves: Vec<String> = booked
        .moves
        .iter()
        .map(|moved| {
            let (debit, credit) = (moved.leg.debit.number(), moved.leg.credit.number());
            let amount = decimal_text(moved.amount, moved.leg.currency);
            format!("{debit} ← {credit} {amount}")
        })
        .collect();
    match moves.is_empty() {
        true => "nothing".to_owned(),
        false => moves.join(", "),
    }
}

fn sums(done: &Resolved) -> Listing {
    let columns = [
        ("currency", Kind::Text),
        ("breaks", Kind::Figure),
        ("sum", Kind::Figure),
    ];
    let mut listing = Listing::new("Sums, which the ladder goes by", &columns);
    for (currency, sum) in &done.sums {
        let of_currency = |row: &&ResolvedBreak| row.stake.is_some_and(|stake| stake.currency() == *currency);
        let count = done.breaks.iter().filter(of_currency).count();
        listing.row(vec![
            currency.to_string(),
            count.to_string(),
            decimal_text(*sum, *currency),
        ]);
    }
    listing
}
