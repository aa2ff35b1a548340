//! What `acquit match explain` and `suggest` print.

use crate::audit::export::hex;
use crate::cli::output::{Kind, Listing};
use crate::money::Money;
use crate::recon::breaks::BreakClass;
use crate::recon::candidates::{Agreement, Field, REFERENCES, References, Suggestion, Tried};
use crate::recon::matching::Pass;
use crate::store::breaks::Break;
use crate::store::reconcile::line::{Explained, KnownLine, Matched, OpenItem};

/// How many items a pass names.
const NAMED: usize = 5;

/// All that is known of a line's matching: what the line states, what the item does, and what is to be said of both.
pub(super) fn explained(found: &Explained) -> Listing {
    let columns = ["field", "of_line", "of_item", "finding"].map(|name| (name, Kind::Text));
    let mut listing = Listing::new(title(found), &columns);
    let mut row = |field: &str, line: String, item: String, finding: String| {
        listing.row(vec![field.to_owned(), line, item, finding]);
    };
    let line = &found.line;
    row("file", line.file.name.clone(), String::new(), line.file.state.clone());
    let place = format!("row {}, #{} of the lines", line.row, line.reported.line.ordinal);
    row("place", place, String::new(), format!("batch {}", line.batch));
    let standing: Vec<&Matched> = found.matches.iter().filter(|matched| matched.stands).collect();
    if standing.is_empty() {
        for (field, value) in stated(line) {
            row(&field, value, String::new(), String::new());
        }
    }
    for matched in standing {
        for cells in compared(line, matched, &found.breaks) {
            listing.row(cells);
        }
    }
    for undone in found.matches.iter().filter(|matched| !matched.stands) {
        listing.row(cells(
            "was matched",
            "",
            &undone.name.to_string(),
            &by_whom(undone, "undone"),
        ));
    }
    for found in &found.breaks {
        listing.row(break_cells(found));
    }
    for (pass, tried) in &found.tried {
        let field = format!("pass {}, by {}", pass.number(), pass.name());
        listing.row(cells(&field, "", "", &finding(*pass, tried, &found.items)));
    }
    listing
}

fn cells(field: &str, line: &str, item: &str, finding: &str) -> Vec<String> {
    [field, line, item, finding].map(str::to_owned).to_vec()
}

fn title(found: &Explained) -> String {
    let name = found.line.name();
    if found.line.file.state != "booked" {
        return format!("{name}: its file is {}, nothing of it is booked", found.line.file.state);
    }
    if let Some(matched) = found.matches.iter().find(|matched| matched.stands) {
        return format!(
            "{name}: matched by pass {} ({}), rules {}",
            matched.pass.number(),
            matched.pass.name(),
            matched.rules
        );
    }
    let record = found.line.reported.line.record;
    if found.breaks.is_empty() {
        return format!("{name}: a {} books by itself and settles no item", record.name());
    }
    let waits = found.breaks.iter().any(|found| found.state != "resolved");
    let what = if waits {
        "its money is in suspense"
    } else {
        "its break is resolved"
    };
    format!("{name}: not matched, {what}")
}

/// What a line states.
fn stated(line: &KnownLine) -> Vec<(String, String)> {
    let reported = &line.reported;
    let mut fields = vec![
        (
            "record type".to_owned(),
            format!("{} ({})", reported.line.record.name(), line.type_text),
        ),
        ("amount".to_owned(), reported.line.gross.to_string()),
        ("net".to_owned(), reported.line.net.to_string()),
        ("day".to_owned(), reported.line.occurred_on.to_string()),
    ];
    for field in REFERENCES {
        if let Some(value) = reported.references.of(field) {
            fields.push((field.name().to_owned(), value.to_owned()));
        }
    }
    fields
}

/// A line beside an item that it was matched with.
fn compared(line: &KnownLine, matched: &Matched, breaks: &[Break]) -> Vec<Vec<String>> {
    let reported = &line.reported;
    let mut rows = vec![cells(
        "item",
        &line.name().to_string(),
        &matched.name.to_string(),
        &matched
            .payment
            .as_ref()
            .map_or_else(String::new, |name| format!("payment {name}")),
    )];
    let (of_item, of_line) = matched.gross;
    rows.push(cells(
        "amount",
        &of_line.to_string(),
        &of_item.to_string(),
        &amounts(matched, breaks),
    ));
    if of_line != reported.line.gross {
        let whole = format!("a part of {}", reported.line.gross);
        rows.push(cells("", &reported.line.gross.to_string(), "", &whole));
    }
    let apart = reported
        .line
        .occurred_on
        .signed_duration_since(matched.occurred_on)
        .num_days();
    let days = match apart {
        0 => "equal".to_owned(),
        days if days > 0 => format!("{} later", crate::cli::counted(days, "day")),
        days => format!("{} earlier", crate::cli::counted(days.saturating_abs(), "day")),
    };
    rows.push(cells(
        "day",
        &reported.line.occurred_on.to_string(),
        &matched.occurred_on.to_string(),
        &format!("{days}; expected by {}", matched.expected_on),
    ));
    rows.extend(references(&reported.references, &matched.references));
    if let Some((amount, vat)) = matched.passed_on {
        let finding = format!("{amount} and VAT {vat} are the merchant's to pay");
        rows.push(cells("costs passed on", "", "", &finding));
    }
    if !matched.with_rows.is_empty() {
        let with: Vec<String> = matched.with_rows.iter().map(ToString::to_string).collect();
        rows.push(cells("together with", "", "", &format!("rows {}", with.join(", "))));
    }
    if matched.by_hand.is_some() {
        rows.push(cells("matched", "", "", &by_whom(matched, "matched")));
    }
    rows
}

/// How the amounts of a match differ, and where the difference is.
fn amounts(matched: &Matched, breaks: &[Break]) -> String {
    let (item, line) = matched.gross;
    let Some(off) = line.minor().checked_sub(item.minor()) else {
        return String::new();
    };
    if off == 0 {
        return "equal".to_owned();
    }
    if off.checked_neg() == Some(matched.cost.minor()) {
        return format!("with the cost of {}", matched.cost);
    }
    // Signed, so that it reads the same for money to us and from us.
    let off = Money::from_minor(off, item.currency());
    let mismatch = BreakClass::AmountMismatch.name();
    let of_it = breaks
        .iter()
        .find(|found| found.class == mismatch && found.resolution.as_deref() != Some("undone"));
    match of_it {
        Some(found) => format!("differ by {off}: break {}", found.id),
        None => format!("differ by {off}: within the tolerance, booked as rounding (5900)"),
    }
}

fn references(line: &References, item: &References) -> Vec<Vec<String>> {
    let row = |field: Field| {
        let (stated, known) = (line.of(field), item.of(field));
        let finding = match (stated, known) {
            (None, None) => return None,
            (Some(stated), Some(known)) if stated == known => "equal",
            (Some(_), Some(_)) => "another",
            (Some(_), None) => "not known of the item",
            (None, Some(_)) => "not stated by the line",
        };
        Some(cells(
            field.name(),
            stated.unwrap_or_default(),
            known.unwrap_or_default(),
            finding,
        ))
    };
    REFERENCES.into_iter().filter_map(row).collect()
}

fn by_whom(matched: &Matched, what: &str) -> String {
    let Some(by_hand) = &matched.by_hand else {
        return what.to_owned();
    };
    let mut text = format!("{what} by {}: {}", by_hand.by, by_hand.note);
    if what != "matched" {
        text = format!("matched by {} ({}), {what} since", by_hand.by, by_hand.note);
    }
    if !by_hand.approved_by.is_empty() {
        text += &format!("; approved by {}", by_hand.approved_by.join(", "));
    }
    if let Some(evidence) = &by_hand.evidence {
        text += &format!("; evidence {}", hex(evidence));
    }
    text
}

fn break_cells(found: &Break) -> Vec<String> {
    let money = |money: Option<Money>| money.map(|money| money.to_string()).unwrap_or_default();
    let state = match (&found.resolution, &found.held) {
        (Some(resolution), _) => format!("resolved as {resolution}"),
        (None, Some(held)) if held.minor() != 0 => format!("{}, {held} in suspense", found.state),
        (None, _) => found.state.clone(),
    };
    vec![
        format!("break {}, {}", found.id, found.class),
        money(found.actual),
        money(found.expected),
        format!("{state}: {}", found.detail),
    ]
}

/// What a pass finds, in words.
fn finding(pass: Pass, tried: &Tried, items: &[OpenItem]) -> String {
    let name = |place: &usize| items.get(*place).map_or_else(String::new, |item| item.name.to_string());
    let listed = |names: Vec<String>| {
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        format!("{}{more}", names.into_iter().take(NAMED).collect::<Vec<_>>().join(", "))
    };
    match tried {
        Tried::NotStated(fields) => format!("not stated by the line: {}", fields_of(fields)),
        Tried::Nothing => "no open item has it".to_owned(),
        Tried::Differ(differing) => {
            let names = differing.iter().map(|(place, fields)| {
                let days = match fields.contains(&Field::Day) {
                    true => format!(" (more than {} business days apart)", pass.days_apart()),
                    false => String::new(),
                };
                format!("{} differs in {}{days}", name(place), fields_of(fields))
            });
            listed(names.collect())
        }
        Tried::Fit(places) => {
            let names = listed(places.iter().map(name).collect());
            match (places.len(), pass) {
                (1, _) => format!("{names} fits now; it was not open, or not alone, when the file was matched"),
                (_, Pass::Group) => format!("{names} come to it together now"),
                (count, _) => format!("{count} open items fit, nobody decides between them: {names}"),
            }
        }
    }
}

fn fields_of(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ")
}

/// Items that could be a line, each with what its score is made of.
pub(super) fn suggested(line: &KnownLine, found: &[(OpenItem, Suggestion)]) -> Listing {
    let reported = &line.reported;
    let title = format!(
        "{}: {} {} of {}, as of what is open now",
        line.name(),
        reported.line.record.name(),
        reported.line.gross,
        reported.line.occurred_on
    );
    let columns = [
        ("score", Kind::Figure),
        ("item", Kind::Text),
        ("payment", Kind::Text),
        ("amount", Kind::Figure),
        ("currency", Kind::Text),
        ("day", Kind::Text),
        ("expected_on", Kind::Text),
        ("because", Kind::Text),
    ];
    let mut listing = Listing::new(title, &columns);
    for (open, suggestion) in found {
        let item = &open.candidate.item;
        let because: Vec<String> = suggestion
            .signs
            .iter()
            .map(|sign| {
                format!(
                    "{} {} ({:+})",
                    sign.field.name(),
                    agreement(&sign.agreement),
                    sign.points
                )
            })
            .collect();
        listing.row(vec![
            suggestion.score.to_string(),
            open.name.to_string(),
            open.payment.clone().unwrap_or_default(),
            item.gross.to_decimal_text(),
            item.gross.currency().to_string(),
            item.occurred_on.to_string(),
            item.expected_on.to_string(),
            because.join(", "),
        ]);
    }
    listing
}

fn agreement(agreement: &Agreement) -> String {
    match agreement {
        Agreement::Equal => "equal".to_owned(),
        Agreement::Alike => "alike".to_owned(),
        Agreement::Apart(days) => format!("{} apart", crate::cli::counted(days, "day")),
        Agreement::Off(by) if by.minor() > 0 => format!("{by} too much"),
        Agreement::Off(by) => match by.minor().checked_neg() {
            Some(minor) => format!("{} too little", Money::from_minor(minor, by.currency())),
            None => "off".to_owned(),
        },
        Agreement::Not => "another".to_owned(),
    }
}
