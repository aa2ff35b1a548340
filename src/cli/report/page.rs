//! `acquit report statement --page`: a merchant's statement as a page to print, HTML that needs nothing beside it.
//!
//! The page says nothing that the report's CSV does not: the same rows of the same snapshot, and the digest of the books that they
//! were read from. It has no clock, so the same books give the same bytes. Items stream, so a page of any length is written in
//! flat memory.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use chrono::NaiveDate;
use futures_util::{Stream, TryStreamExt};
use quick_xml::escape::escape;

use super::statement::{accounts, moved, opening, sides};
use crate::card_number::mask;
use crate::cli::Failure;
use crate::money::wide_decimal_text;
use crate::store::period::periods;
use crate::store::report::{self as rows, Span, StatementBalances, StatementItem, StatementRow};
use crate::store::settings::Deployment;
use crate::store::snapshot::Snapshot;
use crate::store::{Store, StoreError};
use crate::whole_file::WholeFile;

/// For the screen and for paper: a table's head is repeated on every sheet, and no row is cut.
const STYLE: &str = "\
@page { size: A4; margin: 18mm 16mm; }
body { font: 10pt/1.4 system-ui, sans-serif; color: #111; max-width: 60em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 16pt; margin: 0; } h2 { font-size: 12pt; margin: 2em 0 .5em; } h3 { font-size: 10pt; margin: 1.5em 0 .3em; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; font-weight: bold; padding: 1.2em 0 .3em; }
th, td { text-align: left; padding: .15em .6em .15em 0; vertical-align: top; } td { overflow-wrap: anywhere; }
thead th { border-bottom: 1px solid #111; } tbody td, tbody th { border-bottom: 1px solid #ddd; font-weight: normal; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .d { white-space: nowrap; }
.sum td, .sum th { font-weight: bold; border-top: 1px solid #111; }
dl { display: grid; grid-template-columns: max-content auto; gap: .1em 1.5em; } dt { color: #555; } dd { margin: 0; }
footer { margin-top: 2.5em; font-size: 8pt; color: #555; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; padding: 0; } thead { display: table-header-group; } tr { break-inside: avoid; } \
h2 { break-after: avoid; } }
";

/// Writes a merchant's page, whole or not at all.
pub(super) async fn write(store: &Store, span: &Span, place: &Path) -> Result<(), Failure> {
    let at = |error: io::Error| Failure::new(format!("cannot write to {}: {error}", place.display()));
    let merchant = span
        .merchant
        .as_deref()
        .ok_or_else(|| Failure::new("a page is of one merchant"))?;
    let deployment = crate::cli::deployment(store).await?;
    let mut snapshot = Snapshot::open(store).await?;
    let head = Head::of(&mut snapshot, &deployment, span, merchant).await?;
    let rows = rows::statement(&mut snapshot, span).await?;
    let balances = rows::statement_balances(&mut snapshot, merchant, span.to).await?;
    let mut items = std::pin::pin!(rows::statement_items(&mut snapshot, span).await?);
    let mut out = WholeFile::create(place).map_err(at)?;
    head.begin(&mut out).map_err(at)?;
    let mut next = items.try_next().await?;
    for account in accounts(&rows) {
        let Some(first) = account.first() else { continue };
        let of = balances.iter().find(|of| of.currency == first.currency);
        sums(&mut out, account, of).map_err(at)?;
        next = item_table(&mut out, account, next, &mut items, &at).await?;
    }
    if let Some(left) = next {
        return Err(Failure::new(format!("entry {} belongs to no sum", left.number)));
    }
    if rows.is_empty() {
        writeln!(out, "<p>Nothing was booked.</p>").map_err(at)?;
    }
    head.end(&mut out).map_err(at)?;
    out.commit().map_err(at)?;
    snapshot.close().await;
    Ok(())
}

/// What a page says before and after its figures.
struct Head {
    house: String,
    merchant: String,
    holder: Option<String>,
    days: String,
    standing: String,
    books: String,
}

impl Head {
    async fn of(
        snapshot: &mut Snapshot,
        deployment: &Deployment,
        span: &Span,
        merchant: &str,
    ) -> Result<Self, Failure> {
        let settings = deployment
            .latest()
            .ok_or_else(|| Failure::new("no settings were ever applied"))?;
        let Some(known) = settings.merchants.get(merchant) else {
            return Err(
                Failure::new(format!("the settings have no merchant {}", mask(merchant)))
                    .hint("`acquit merchant list` shows those that there are"),
            );
        };
        let closed = periods(snapshot).await?.last().map(|period| period.through);
        let standing = match (closed, span.to) {
            (Some(closed), Some(to)) if to <= closed => format!("Final: the books are closed up to {closed}."),
            (Some(closed), _) => format!("Provisional: the books are closed up to {closed} only."),
            (None, _) => "Provisional: the books of these days are not closed.".to_owned(),
        };
        let day = |day: Option<NaiveDate>, none: &str| day.map_or_else(|| none.to_owned(), |day| day.to_string());
        Ok(Self {
            house: settings.house.name.clone(),
            merchant: merchant.to_owned(),
            holder: known.destination.as_ref().map(|destination| destination.holder.clone()),
            days: format!("{} to {}", day(span.from, "the beginning"), day(span.to, "now")),
            standing,
            books: snapshot.books_digest().await?,
        })
    }

    fn begin(&self, out: &mut impl Write) -> io::Result<()> {
        let (house, merchant) = (text(&self.house), text(&self.merchant));
        writeln!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Statement, {merchant}, {}</title>",
            self.days
        )?;
        writeln!(
            out,
            "<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Statement</h1>\n<dl>"
        )?;
        let holder = self.holder.as_deref().map(text);
        for (term, told) in [
            ("From", Some(house)),
            ("Merchant", Some(merchant)),
            ("Paid to", holder),
            ("Days", Some(text(&self.days))),
        ] {
            if let Some(told) = told {
                writeln!(out, "<dt>{term}</dt><dd>{told}</dd>")?;
            }
        }
        writeln!(out, "</dl>\n<p>{}</p>", text(&self.standing))
    }

    fn end(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "<footer>Owed is what is pending, available and on its way to the bank; a debit is owed less, a credit more. Days are \
             booking dates. Read from books with the digest {}.</footer>\n</body>\n</html>",
            self.books
        )
    }
}

/// The movements of a currency, its fees with their VAT, and what its closing balance is made of.
fn sums(out: &mut impl Write, account: &[StatementRow], balances: Option<&StatementBalances>) -> io::Result<()> {
    let Some(first) = account.first() else { return Ok(()) };
    let decimal = |minor: i128| wide_decimal_text(minor, first.exponent);
    writeln!(out, "<section>\n<h2>{}</h2>", text(&first.currency))?;
    table(
        out,
        "What was owed",
        &["Movement", "*Entries", "*Debit", "*Credit", "*Balance"],
    )?;
    let mut balance = opening(account);
    writeln!(out, "{}", row(&["Opening", "", "", "", &decimal(balance)], 1, true))?;
    let (mut charged, mut vat) = (0_i128, 0_i128);
    for of in moved(account) {
        balance = balance.saturating_add(of.credits).saturating_sub(of.debits);
        let taken = of.debits.saturating_sub(of.credits);
        if of.movement == "vat" {
            vat = vat.saturating_add(taken);
        } else if is_fee(&of.movement) {
            charged = charged.saturating_add(taken);
        }
        let cells = [
            &*words(&of.movement),
            &of.entries.to_string(),
            &decimal(of.debits),
            &decimal(of.credits),
            &decimal(balance),
        ];
        writeln!(out, "{}", row(&cells, 1, false))?;
    }
    writeln!(
        out,
        "{}\n</tbody></table>",
        row(&["Closing", "", "", "", &decimal(balance)], 1, true)
    )?;
    table(out, "Fees and VAT", &["", "*Amount"])?;
    for (name, minor) in [
        ("Fees without VAT, less what was returned", charged),
        ("VAT", vat),
        ("Fees with VAT", charged.saturating_add(vat)),
    ] {
        writeln!(out, "{}", row(&[name, &decimal(minor)], 1, name == "Fees with VAT"))?;
    }
    writeln!(out, "</tbody></table>")?;
    let Some(balances) = balances else { return Ok(()) };
    table(out, "Balances on the last day", &["", "*Amount"])?;
    for (name, minor) in [
        ("Pending", balances.pending),
        ("Available", balances.available),
        ("On its way to the bank", balances.in_transit),
    ] {
        writeln!(out, "{}", row(&[name, &decimal(minor)], 1, false))?;
    }
    writeln!(out, "{}", row(&["Closing", &decimal(balance)], 1, true))?;
    for (name, minor) in [
        ("Beside it: in reserve", balances.reserve),
        ("Beside it: on hold", balances.held),
    ] {
        writeln!(out, "{}", row(&[name, &decimal(minor)], 1, false))?;
    }
    writeln!(out, "</tbody></table>")
}

/// The items of a currency, with the balance after each. `next` is the first of them, or of another currency; so is what is
/// returned.
async fn item_table(
    out: &mut WholeFile,
    account: &[StatementRow],
    mut next: Option<StatementItem>,
    items: &mut (impl Stream<Item = Result<StatementItem, StoreError>> + Unpin),
    at: &impl Fn(io::Error) -> Failure,
) -> Result<Option<StatementItem>, Failure> {
    const COLUMNS: &[&str] = &[
        "Day",
        "*Entry",
        "Movement",
        "Reference",
        "Payment",
        "*Debit",
        "*Credit",
        "*Balance",
    ];
    let Some(first) = account.first() else {
        return Ok(next);
    };
    table(out, "Items", COLUMNS).map_err(at)?;
    let mut balance = opening(account);
    while let Some(item) = next.take_if(|item| item.currency == first.currency) {
        let (debit, credit) = sides(&item);
        balance = balance.saturating_add(credit).saturating_sub(debit);
        let side = |minor: i128| match minor {
            0 => String::new(),
            minor => wide_decimal_text(minor, item.exponent),
        };
        let told = [
            item.booking_date.to_string(),
            item.number.to_string(),
            words(&item.movement).into_owned(),
            item.reference.clone(),
            item.payment.clone().unwrap_or_default(),
        ];
        let [day, number, movement, reference, payment] = told.each_ref().map(|told| text(told));
        writeln!(
            out,
            "<tr><td class=\"d\">{day}</td><td class=\"n\">{number}</td><td>{movement}</td><td>{reference}</td><td>{payment}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            side(debit),
            side(credit),
            wide_decimal_text(balance, item.exponent)
        )
        .map_err(at)?;
        next = items.try_next().await?;
    }
    writeln!(out, "</tbody></table>\n</section>").map_err(at)?;
    Ok(next)
}

/// Begins a table; the names of columns of figures begin with `*`.
fn table(out: &mut impl Write, caption: &str, columns: &[&str]) -> io::Result<()> {
    let heads = columns.iter().map(|name| match name.strip_prefix('*') {
        Some(name) => format!("<th class=\"n\" scope=\"col\">{name}</th>"),
        None => format!("<th scope=\"col\">{name}</th>"),
    });
    let heads: String = heads.collect();
    writeln!(
        out,
        "<table><caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>"
    )
}

/// A row whose first cells are text and whose others are figures.
fn row(cells: &[&str], texts: usize, is_sum: bool) -> String {
    let cells = cells.iter().enumerate().map(|(place, cell)| match place < texts {
        true => format!("<th scope=\"row\">{}</th>", text(cell)),
        false => format!("<td class=\"n\">{}</td>", text(cell)),
    });
    let class = if is_sum { " class=\"sum\"" } else { "" };
    format!("<tr{class}>{}</tr>", cells.collect::<String>())
}

/// Text as it stands in HTML, card numbers masked.
fn text(of: &str) -> String {
    escape(mask(of)).into_owned()
}

/// Whether a movement is a price of ours, or what was given back of one.
fn is_fee(movement: &str) -> bool {
    movement.ends_with("_fee") || matches!(movement, "fee_returned" | "costs_passed_on" | "minimum_top_up")
}

/// The name of a movement for people.
fn words(movement: &str) -> Cow<'_, str> {
    let known = match movement {
        "vat" => "VAT",
        "merchant_fee" => "Fees",
        "fee_returned" => "Fees returned",
        "capture" => "Captures",
        "refund" => "Refunds",
        "chargeback" => "Chargebacks",
        "chargeback_reversal" => "Chargebacks won",
        "settlement_difference" => "Differences of settlement",
        "payout" => "Payouts",
        _ => {
            let mut name = movement.replace('_', " ");
            if let Some(first) = name.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            return Cow::Owned(name);
        }
    };
    Cow::Borrowed(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        for (of, expected) in [
            ("<b>&\"'", "&lt;b&gt;&amp;&quot;&apos;"),
            ("plain", "plain"),
            ("4111 1111 1111 1111", "4111 11** **** 1111"),
        ] {
            assert_eq!(text(of), expected);
        }
    }

    #[test]
    fn movements_have_words() {
        for (movement, expected) in [("vat", "VAT"), ("costs_passed_on", "Costs passed on"), ("hold", "Hold")] {
            assert_eq!(words(movement), expected);
        }
    }
}
