//! `acquit fees`: why a payment was charged what it was; the top-up to a monthly minimum.

use std::process::ExitCode;

use chrono::NaiveDate;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome, stored, today};
use crate::card_number::shorten;
use crate::dates::parse_month;
use crate::money::Money;
use crate::store::fees::{CloseError, Closed, Explained, FeesOfPayment, State, fees_of_payment};
use crate::store::snapshot::Snapshot;

/// What to do with merchant fees.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Explain what a payment was charged, entry by entry.
    ///
    /// Prints for each entry what it was priced by, which settings, fee schedule and price, the arithmetic, what it added to exact
    /// sums, VAT, and what it moved. A fee that is not what it should be is named.
    Explain {
        /// The payment.
        payment: String,
        /// Whose payment it is.
        #[arg(long)]
        merchant: String,
    },
    /// Charge what the fees of a month fall short of the minimum that merchants promised.
    ///
    /// Asks every merchant that was active on every day of the month, by the version of its fee schedule that is in force on the
    /// last one; without sales it pays the whole minimum. Fees given back in the month are taken off, and never more than its
    /// fees. A month is topped up once, for ever: running it again books nothing again.
    ///
    /// Without --execute only the plan is shown, also of a month that is not over.
    Close {
        /// The month.
        #[arg(long, value_name = "YYYY-MM", value_parser = parse_month)]
        month: NaiveDate,
        /// Book it. Without this, only the plan is shown.
        #[arg(long)]
        execute: bool,
    },
}

/// Runs it.
pub async fn run(command: Command, globals: &Globals) -> Outcome {
    match command {
        Command::Explain { payment, merchant } => explain(&payment, &merchant, globals).await,
        Command::Close { month, execute } => close(month, execute, globals).await,
    }
}

async fn explain(payment: &str, merchant: &str, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let mut snapshot = Snapshot::open(&store).await.map_err(stored)?;
    let found = fees_of_payment(&mut snapshot, &deployment, merchant, payment).await;
    snapshot.close().await;
    let (payment, merchant) = (shorten(payment, 64), shorten(merchant, 64));
    match found.map_err(stored)? {
        FeesOfPayment::UnknownMerchant => Err(Failure::new(format!("there is no book of merchant `{merchant}`"))),
        FeesOfPayment::Entries(entries) if entries.is_empty() => Err(Failure::new(format!(
            "merchant `{merchant}` has no payment `{payment}`"
        ))),
        FeesOfPayment::Entries(entries) => {
            explained(format!("Fees of payment {payment} of {merchant}"), &entries).print(globals.format)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// One row a step, then one a transfer: its accounts, and what it moved.
fn explained(title: String, entries: &[Explained]) -> Listing {
    let columns = [
        ("number", Kind::Figure),
        ("kind", Kind::Text),
        ("booking_date", Kind::Text),
        ("about", Kind::Text),
        ("text", Kind::Text),
        ("debit", Kind::Text),
        ("credit", Kind::Text),
        ("currency", Kind::Text),
        ("amount", Kind::Figure),
    ];
    let mut listing = Listing::new(title, &columns);
    for entry in entries {
        let place = [
            entry.number.to_string(),
            entry.kind.name().to_owned(),
            entry.booking_date.to_string(),
        ];
        let nothing = || vec![String::new(); 4];
        for step in &entry.steps {
            let said = vec![step.about.to_owned(), step.text.clone()];
            listing.row([place.to_vec(), said, nothing()].concat());
        }
        for transfer in &entry.transfers {
            let currency = transfer.debit.currency;
            let amount = Money::from_minor(transfer.amount, currency).to_decimal_text();
            let accounts = [transfer.debit.code, transfer.credit.code].map(|code| code.to_string());
            let said = vec!["posting".to_owned(), String::new()];
            let moved = vec![currency.to_string(), amount];
            listing.row([place.to_vec(), said, accounts.to_vec(), moved].concat());
        }
        if entry.steps.is_empty() && entry.transfers.is_empty() {
            let said = vec!["nothing".to_owned(), "it costs nothing".to_owned()];
            listing.row([place.to_vec(), said, nothing()].concat());
        }
    }
    listing
}

async fn close(month: NaiveDate, execute: bool, globals: &Globals) -> Outcome {
    let store = globals.store().await?;
    let deployment = super::deployment(&store).await?;
    let closed = if execute {
        store.close_month(&deployment, month, today(&deployment)).await
    } else {
        store.plan_month(&deployment, month).await
    };
    let closed = closed.map_err(failed)?;
    let done = if execute {
        "booked"
    } else {
        "plan, nothing was booked; run again with --execute to book it"
    };
    let title = format!("Monthly minimums of {}: {done}", month.format("%Y-%m"));
    listing(title, &closed, execute).print(globals.format)?;
    for (merchant, reason) in &closed.passed_over {
        eprintln!("passed over: {merchant}, {reason}");
    }
    Ok(ExitCode::SUCCESS)
}

fn listing(title: String, closed: &Closed, execute: bool) -> Listing {
    let columns = [
        ("merchant", Kind::Text),
        ("currency", Kind::Text),
        ("minimum", Kind::Figure),
        ("charged", Kind::Figure),
        ("top_up", Kind::Figure),
        ("vat", Kind::Figure),
        ("state", Kind::Text),
        ("entry", Kind::Figure),
    ];
    let mut listing = Listing::new(title, &columns);
    for top_up in &closed.top_ups {
        let (state, entry) = match top_up.state {
            State::Reached => ("reached", None),
            State::Due(number) if execute => ("booked", Some(number)),
            State::Due(_) => ("due", None),
            State::Booked(number) => ("booked before", Some(number)),
        };
        listing.row(vec![
            top_up.merchant.clone(),
            top_up.minimum.currency().to_string(),
            top_up.minimum.to_decimal_text(),
            top_up.charged.to_decimal_text(),
            top_up.fee.to_decimal_text(),
            top_up.vat.to_decimal_text(),
            state.to_owned(),
            entry.map(|number| number.to_string()).unwrap_or_default(),
        ]);
    }
    listing
}

fn failed(error: CloseError) -> Failure {
    let hint = match &error {
        CloseError::Store(error) => error.hint(),
        CloseError::NotOver { .. } => Some("without --execute it shows what would be due as things stand"),
        CloseError::NoSettings(_) | CloseError::Fee { .. } | CloseError::ReferenceTaken { .. } => None,
    };
    Failure::new(error).maybe_hint(hint)
}
