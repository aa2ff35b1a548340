//! `acquit report proof` and `acquit report safeguarding`: a day proven, and what has to be there of others' money.

use std::io::Write;

use chrono::NaiveDate;

use super::{Filled, Sink, exponent_of, number};
use crate::audit::export::CellKind::{Figure, Text};
use crate::audit::export::{Column, Totals};
use crate::audit::proof::{Client, Facts, Identity, Open, Verdict};
use crate::cli::Failure;
use crate::money::wide_decimal_text;
use crate::store::StoreError;
use crate::store::proof::facts;
use crate::store::reconcile::sequence::ExpectedError;
use crate::store::settings::Deployment;
use crate::store::snapshot::Snapshot;
use crate::worker::Standing;

/// The columns of the proof.
pub(super) const PROOF: &[Column] = &[
    ("section", Text),
    ("identity", Figure),
    ("of", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("verdict", Text),
    ("books_are", Text),
    ("items_are", Text),
    ("class", Text),
    ("reference", Text),
    ("since", Text),
    ("books_minor", Figure),
    ("items_minor", Figure),
    ("difference_minor", Figure),
    ("residual_minor", Figure),
    ("books", Figure),
    ("items", Figure),
    ("difference", Figure),
    ("residual", Figure),
    ("detail", Text),
];

/// The columns of the safeguarding report.
pub(super) const SAFEGUARDING: &[Column] = &[
    ("section", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("component", Text),
    ("amount_minor", Figure),
    ("amount", Figure),
    ("verdict", Text),
    ("detail", Text),
];

/// The columns of the safeguarding report by merchant.
pub(super) const CLIENTS: &[Column] = &[
    ("merchant", Text),
    ("currency", Text),
    ("exponent", Figure),
    ("share_minor", Figure),
    ("reserve_minor", Figure),
    ("hold_minor", Figure),
    ("in_transit_minor", Figure),
    ("returned_minor", Figure),
    ("refunds_minor", Figure),
    ("required_minor", Figure),
    ("debt_minor", Figure),
    ("share", Figure),
    ("reserve", Figure),
    ("hold", Figure),
    ("in_transit", Figure),
    ("returned", Figure),
    ("refunds", Figure),
    ("required", Figure),
    ("debt", Figure),
];

async fn read(snapshot: &mut Snapshot, deployment: &Deployment, day: NaiveDate) -> Result<Facts, Failure> {
    facts(snapshot, deployment, day).await.map_err(|error| match error {
        ExpectedError::Store(error) => super::super::stored(error),
        ExpectedError::NotCovered(error) => {
            let hint = error.hint();
            Failure::new(error).hint(hint)
        }
        error @ ExpectedError::NoCalendar(_) => Failure::new(error),
    })
}

/// Sends the identities of a day, each with what explains it. Counts what is not proven. Into the totals go the books as
/// debits, the items as credits.
pub(super) async fn fill<W: Write>(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    (day, acquirer): (NaiveDate, Option<&str>),
    sink: &mut Sink<W>,
    totals: &mut Totals,
) -> Result<Filled, Failure> {
    let facts = read(snapshot, deployment, day).await?;
    let wanted = |of: &str, number: u8| acquirer.is_none_or(|acquirer| acquirer == of && number < 4);
    let (mut identities, mut standings) = (0_usize, Vec::new());
    for identity in facts
        .identities()
        .iter()
        .filter(|identity| wanted(&identity.of, identity.number))
    {
        identities = identities.saturating_add(1);
        standings.push(standing(identity, identity.verdict().name())?);
        totals.add(&identity.currency, identity.books, identity.items);
        sink.row(&identity_cells(identity)?)?;
        for open in &identity.open {
            sink.row(&open_cells(identity, open)?)?;
        }
        for untrue in &identity.untrue {
            sink.row(&said_cells("untrue", Some(identity), &identity.of, untrue))?;
        }
    }
    for (of, why) in &facts.missing_files {
        for why in why.iter().filter(|_| wanted(of, 1)) {
            standings.push(missing("file", (of, ""), why));
            sink.row(&said_cells("missing", None, of, why))?;
        }
    }
    for ((_, currency), why) in facts.missing_statements.iter().filter(|_| acquirer.is_none()) {
        for why in why {
            standings.push(missing("statement", ("", currency), why));
            let mut cells = said_cells("missing", None, "", why);
            if let Some(cell) = cells.get_mut(3) {
                currency.clone_into(cell);
            }
            sink.row(&cells)?;
        }
    }
    let unproven = count_unproven(&standings);
    let (note, differences) = match (identities, unproven) {
        // Nothing could be right or wrong: that is not proven.
        (0, 0) => {
            let of = if acquirer.is_some() { " of it" } else { "" };
            (format!("; nothing to prove: nothing{of} is on the books by then"), 1)
        }
        (1, 0) => ("; 1 identity, proven".to_owned(), 0),
        (count, 0) => (format!("; {count} identities, proven"), 0),
        (1, unproven) => ("; 1 identity, NOT PROVEN".to_owned(), unproven),
        (count, unproven) => (format!("; {count} identities, NOT PROVEN"), unproven),
    };
    Ok(Filled {
        note,
        differences,
        standings,
    })
}

fn count_unproven(standings: &[Standing]) -> u64 {
    let unproven = standings.iter().filter(|standing| !standing.is_proven).count();
    u64::try_from(unproven).unwrap_or(u64::MAX)
}

/// How an identity stands, by the word that a report has for it.
fn standing(identity: &Identity, state: &'static str) -> Result<Standing, StoreError> {
    let verdict = identity.verdict();
    let why = match verdict {
        Verdict::Closes | Verdict::Explained => String::new(),
        Verdict::Incomplete => identity.missing.join("; "),
        Verdict::Differs => {
            let mut why = identity.untrue.clone();
            if identity.residual() != 0 {
                let left = wide_decimal_text(identity.residual(), exponent_of(&identity.currency)?);
                why.push(match identity.number {
                    5 => format!("cash is short: {left}"),
                    _ => format!("{left} is left that nothing explains"),
                });
            }
            why.join("; ")
        }
    };
    Ok(Standing {
        what: format!("identity {}", identity.number),
        of: identity.of.clone(),
        currency: identity.currency.clone(),
        state,
        is_proven: !verdict.is_unproven(),
        why,
    })
}

/// A file or statement that is missing, of an acquirer or in a currency.
fn missing(what: &str, (of, currency): (&str, &str), why: &str) -> Standing {
    Standing {
        what: what.to_owned(),
        of: of.to_owned(),
        currency: currency.to_owned(),
        state: "missing",
        is_proven: false,
        why: why.to_owned(),
    }
}

fn identity_cells(identity: &Identity) -> Result<Vec<String>, StoreError> {
    let exponent = exponent_of(&identity.currency)?;
    let figures = [
        identity.books,
        identity.items,
        identity.difference(),
        identity.residual(),
    ];
    let mut cells = vec![
        "identity".to_owned(),
        identity.number.to_string(),
        identity.of.clone(),
        identity.currency.clone(),
        exponent.to_string(),
        identity.verdict().name().to_owned(),
        identity.books_are.to_owned(),
        identity.items_are.to_owned(),
        String::new(),
        String::new(),
        String::new(),
    ];
    cells.extend(figures.iter().map(ToString::to_string));
    cells.extend(figures.iter().map(|minor| wide_decimal_text(*minor, exponent)));
    cells.push(identity.missing.first().cloned().unwrap_or_default());
    Ok(cells)
}

fn open_cells(identity: &Identity, open: &Open) -> Result<Vec<String>, StoreError> {
    let exponent = exponent_of(&identity.currency)?;
    let mut cells = vec![
        "open".to_owned(),
        identity.number.to_string(),
        identity.of.clone(),
        identity.currency.clone(),
        exponent.to_string(),
        String::new(),
        String::new(),
        String::new(),
        open.class.clone(),
        open.reference.clone(),
        number(open.since),
        String::new(),
        String::new(),
        open.amount.to_string(),
        String::new(),
        String::new(),
        String::new(),
        wide_decimal_text(open.amount, exponent),
        String::new(),
    ];
    cells.push(open.detail.clone());
    Ok(cells)
}

fn said_cells(section: &str, identity: Option<&Identity>, of: &str, said: &str) -> Vec<String> {
    let mut cells = vec![String::new(); PROOF.len()];
    let verdict = match section {
        "untrue" => Verdict::Differs,
        _ => Verdict::Incomplete,
    };
    let told = [
        (0, section.to_owned()),
        (1, number(identity.map(|identity| identity.number))),
        (2, of.to_owned()),
        (
            3,
            identity.map(|identity| identity.currency.clone()).unwrap_or_default(),
        ),
        (5, verdict.name().to_owned()),
        (PROOF.len().saturating_sub(1), said.to_owned()),
    ];
    for (place, text) in told {
        if let Some(cell) = cells.get_mut(place) {
            *cell = text;
        }
    }
    cells
}

/// Sends what has to be there, by component and currency, and what is; with `merchants` what it is made of, merchant by
/// merchant. Into the totals go cash as debits, what is required as credits.
pub(super) async fn safeguarding<W: Write>(
    snapshot: &mut Snapshot,
    deployment: &Deployment,
    (day, merchants): (NaiveDate, bool),
    sink: &mut Sink<W>,
    totals: &mut Totals,
) -> Result<Filled, Failure> {
    let facts = read(snapshot, deployment, day).await?;
    let identities = facts.identities();
    let requirements = facts.requirements();
    let (mut short, mut incomplete): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut standings = Vec::new();
    for identity in identities.iter().filter(|identity| identity.number == 5) {
        let verdict = identity.verdict();
        let shown = match verdict {
            Verdict::Closes | Verdict::Explained => "covered",
            Verdict::Differs => {
                short.push(&identity.currency);
                "short"
            }
            Verdict::Incomplete => {
                incomplete.push(&identity.currency);
                "incomplete"
            }
        };
        standings.push(standing(identity, shown)?);
        totals.add(&identity.currency, identity.books, identity.items);
        let Some(requirement) = requirements.get(&identity.currency).filter(|_| !merchants) else {
            continue;
        };
        let exponent = exponent_of(&identity.currency)?;
        let cells = |section: &str, component: &str, amount: i128, verdict: &str, detail: &str| {
            [
                section.to_owned(),
                identity.currency.clone(),
                exponent.to_string(),
                component.to_owned(),
                amount.to_string(),
                wide_decimal_text(amount, exponent),
                verdict.to_owned(),
                detail.to_owned(),
            ]
        };
        for (component, amount) in requirement.components.iter().filter(|(_, amount)| *amount != 0) {
            sink.row(&cells("requirement", component, *amount, "", ""))?;
        }
        sink.row(&cells("requirement", "all of it", requirement.required(), "", ""))?;
        sink.row(&cells("cash", "on bank accounts", requirement.cash, "", ""))?;
        let over = identity.difference();
        let named = match over < 0 {
            true => "shortage",
            false => "surplus",
        };
        let why = identity.missing.join("; ");
        sink.row(&cells(named, "", over, shown, &why))?;
        if requirement.debts != 0 {
            let detail = "what merchants are below zero; it lowers nothing";
            sink.row(&cells("beside", "debts", requirement.debts, "", detail))?;
        }
    }
    if merchants {
        for client in facts.clients() {
            sink.row(&client_cells(&client)?)?;
        }
    }
    let told = [("SHORT", &short), ("INCOMPLETE", &incomplete)].into_iter();
    let told: Vec<String> = told
        .filter(|(_, currencies)| !currencies.is_empty())
        .map(|(what, currencies)| format!("{what} in {}", currencies.join(" ")))
        .collect();
    if standings.is_empty() && !facts.held.is_empty() {
        // Sales whose cash has not come, as far as statements tell.
        for ((_, currency), why) in &facts.missing_statements {
            standings.extend(why.iter().map(|why| missing("statement", ("", currency), why)));
        }
    }
    let unproven = count_unproven(&standings);
    let (said, differences) = if !told.is_empty() {
        (told.join(", "), unproven)
    } else if unproven > 0 {
        ("INCOMPLETE: a statement is missing".to_owned(), unproven)
    } else if !standings.is_empty() {
        ("covered".to_owned(), 0)
    } else if facts.held.is_empty() {
        ("nothing is on the books by then".to_owned(), 1)
    } else {
        ("nothing has to be there yet".to_owned(), 0)
    };
    Ok(Filled {
        note: format!("; {said}"),
        differences,
        standings,
    })
}

fn client_cells(client: &Client) -> Result<Vec<String>, StoreError> {
    let exponent = exponent_of(&client.currency)?;
    let figures = [
        client.share,
        client.reserve,
        client.hold,
        client.in_transit,
        client.returned,
        client.refunds,
        client.required(),
        client.debt,
    ];
    let merchant = client.merchant.clone().unwrap_or_default();
    let mut cells = vec![merchant, client.currency.clone(), exponent.to_string()];
    cells.extend(figures.iter().map(ToString::to_string));
    cells.extend(figures.iter().map(|minor| wide_decimal_text(*minor, exponent)));
    Ok(cells)
}
