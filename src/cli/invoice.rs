//! `acquit invoice`: invoices of acquirers that settle in full.

use std::process::ExitCode;

use chrono::NaiveDate;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, kept_text, person, plan_or, stored};
use crate::dates::parse_day;
use crate::money::{Currency, Money, decimal_text};
use crate::store::invoice::{Act, BookedInvoice, Invoice, InvoiceError};

/// What to do with invoices.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Book an invoice, and hold it to what the lines of its month come to by contract.
    ///
    /// What it says is what is booked; a difference is a FEE_MISMATCH with its claim. The same invoice again does nothing. Without
    /// --execute only the plan is shown.
    Book {
        /// The acquirer.
        #[arg(long)]
        acquirer: String,
        /// Its number, as the acquirer writes it.
        #[arg(long, value_name = "TEXT")]
        number: String,
        /// The month that it is for, like 2026-03.
        #[arg(long, value_name = "MONTH", value_parser = month)]
        month: NaiveDate,
        /// In which currency.
        #[arg(long)]
        currency: Currency,
        /// Interchange, like 12.34.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        interchange: String,
        /// Scheme fees.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        scheme_fee: String,
        /// Markup, or the commission of a blended contract.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        markup: String,
        /// VAT on all of them.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        vat: String,
        /// Who books it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        on: Option<NaiveDate>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// Book that an invoice was paid: the acquirer takes it off what it pays us.
    ///
    /// With --break the deduction was in a settlement file already and is in suspense; that break is resolved with it.
    Pay {
        /// The acquirer.
        #[arg(long)]
        acquirer: String,
        /// The number of the invoice.
        #[arg(long, value_name = "TEXT")]
        number: String,
        /// The break that holds the deduction.
        #[arg(long = "break", value_name = "ID")]
        of_break: Option<i64>,
        /// Who books it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The booking date. Default: today.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        on: Option<NaiveDate>,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
    /// List invoices that are not paid.
    List {
        /// List only those of this acquirer.
        #[arg(long)]
        acquirer: Option<String>,
        /// List those that are paid too.
        #[arg(long)]
        all: bool,
    },
}

/// The first day of a month.
fn month(text: &str) -> Result<NaiveDate, String> {
    let wrong = || "write a month like 2026-03".to_owned();
    if text.len() != 7 {
        return Err(wrong());
    }
    parse_day(&format!("{text}-01")).map_err(|_| wrong())
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Book {
            acquirer,
            number,
            month,
            currency,
            interchange,
            scheme_fee,
            markup,
            vat,
            by,
            on,
            execute,
        } => {
            let amount = |field: &str, text: &str| {
                let money = Money::parse(text, currency);
                money
                    .map(Money::minor)
                    .map_err(|error| Failure::because(format!("--{field} is refused"), error))
            };
            let invoice = Invoice {
                acquirer,
                number: kept_text("--number", number)?,
                month,
                currency,
                interchange: amount("interchange", &interchange)?,
                scheme_fee: amount("scheme-fee", &scheme_fee)?,
                markup: amount("markup", &markup)?,
                vat: amount("vat", &vat)?,
            };
            let by = person(by)?;
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let on = super::day_to_act(&deployment, on, execute)?;
            let act = Act { by: &by, on };
            let outcome = store
                .book_invoice(&deployment, &invoice, act, execute)
                .await
                .map_err(failed)?;
            let what = match outcome.new {
                true => plan_or("booked", execute),
                false => "booked before, nothing was done".to_owned(),
            };
            listing(format!("Invoice: {what}"), &[outcome.booked])?.print(globals.format)?;
        }
        Command::Pay {
            acquirer,
            number,
            of_break,
            by,
            on,
            execute,
        } => {
            let by = person(by)?;
            let store = globals.store().await?;
            let deployment = super::deployment(&store).await?;
            let on = super::day_to_act(&deployment, on, execute)?;
            let act = Act { by: &by, on };
            let outcome = store
                .pay_invoice((&acquirer, &number), of_break, act, execute)
                .await
                .map_err(failed)?;
            let what = match outcome.new {
                true => plan_or("payment booked", execute),
                false => "paid before, nothing was done".to_owned(),
            };
            listing(format!("Invoice: {what}"), &[outcome.booked])?.print(globals.format)?;
        }
        Command::List { acquirer, all } => {
            let store = globals.store().await?;
            let invoices = store.invoices(acquirer.as_deref(), all).await.map_err(stored)?;
            listing("Invoices of acquirers".to_owned(), &invoices)?.print(globals.format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(error: InvoiceError) -> Failure {
    let hint = match &error {
        InvoiceError::Store(error) => error.hint(),
        InvoiceError::UnknownAcquirer(_) => Some("name an acquirer of the settings"),
        InvoiceError::Unknown { .. } => Some("`acquit invoice list --all` shows those that there are"),
        InvoiceError::OtherBreak { .. } => Some("`acquit breaks list --suspense` shows what is in suspense"),
        InvoiceError::Conflict { .. } | InvoiceError::Nothing | InvoiceError::Resolved(_) | InvoiceError::Amount(_) => {
            None
        }
    };
    Failure::new(error).maybe_hint(hint)
}

fn listing(title: String, invoices: &[BookedInvoice]) -> Result<Listing, Failure> {
    let columns = [
        ("acquirer", Kind::Text),
        ("number", Kind::Text),
        ("month", Kind::Text),
        ("currency", Kind::Text),
        ("interchange", Kind::Figure),
        ("scheme_fee", Kind::Figure),
        ("markup", Kind::Figure),
        ("vat", Kind::Figure),
        ("total", Kind::Figure),
        ("expected", Kind::Figure),
        ("booked_on", Kind::Text),
        ("booked_by", Kind::Text),
        ("paid_on", Kind::Text),
    ];
    let mut listing = Listing::new(title, &columns);
    for BookedInvoice {
        invoice,
        expected,
        booked_on,
        booked_by,
        paid,
        ..
    } in invoices
    {
        let text = |minor| decimal_text(minor, invoice.currency);
        listing.row(vec![
            invoice.acquirer.clone(),
            invoice.number.clone(),
            invoice.month.format("%Y-%m").to_string(),
            invoice.currency.to_string(),
            text(invoice.interchange),
            text(invoice.scheme_fee),
            text(invoice.markup),
            text(invoice.vat),
            invoice.total()?.to_decimal_text(),
            expected.map_or_else(String::new, Money::to_decimal_text),
            booked_on.to_string(),
            booked_by.clone(),
            paid.as_ref().map_or_else(String::new, |(on, ..)| on.to_string()),
        ]);
    }
    Ok(listing)
}
