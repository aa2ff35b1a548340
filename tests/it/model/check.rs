//! The books in the database against those of the model, row by row.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_postgres::Client;

use super::fees::told_of_json;
use super::rules::{self, Book, Model, Said, Transfer};

const SECTIONS: [&str; 9] = [
    "entries",
    "payments",
    "balances",
    "open items",
    "aggregates",
    "accruals",
    "maturing",
    "tranches",
    "holds",
];

/// The rows of a merchant, as text, by what they are.
type Lines = BTreeMap<&'static str, Vec<String>>;

/// Says the first difference between these merchants' rows and the model.
pub async fn compare(admin: &Client, merchants: &[String], model: &Model<'_>) -> Result<(), String> {
    let mut found = stored(admin, merchants).await;
    for merchant in merchants {
        let book = model.books.get(merchant).cloned().unwrap_or_default();
        if let Some(payment) = book.beyond_caps() {
            return Err(format!("payment {payment} of {merchant} is beyond its caps: {book:?}"));
        }
        let mut expected = lines(&book);
        expected.insert("breaks", breaks(model, merchant));
        expected.insert("velocity decisions", said(model, merchant));
        let stored = found.remove(merchant).unwrap_or_default();
        for (what, mut expected) in expected {
            let mut stored = stored.get(what).cloned().unwrap_or_default();
            if what != "entries" {
                expected.sort();
                stored.sort();
            }
            same(what, merchant, &expected, &stored)?;
        }
    }
    Ok(())
}

fn same(what: &str, merchant: &str, expected: &[String], stored: &[String]) -> Result<(), String> {
    let most = expected.len().max(stored.len());
    let first = (0..most).find(|place| expected.get(*place) != stored.get(*place));
    let Some(place) = first else { return Ok(()) };
    Err(format!(
        "{what} of {merchant}, row {place}\n  by the model:    {}\n  in the database: {}",
        expected.get(place).map_or("nothing", String::as_str),
        stored.get(place).map_or("nothing", String::as_str)
    ))
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn lines(book: &Book) -> Lines {
    let mut lines = Lines::new();
    let mut add = |what, line: String| lines.entry(what).or_default().push(line);
    for what in SECTIONS {
        add(what, String::new());
    }
    for (number, entry) in (1..).zip(&book.entries) {
        let moved: Vec<String> = entry.transfers.iter().map(told).collect();
        add(
            "entries",
            format!(
                "{number} {} {} {} {} {} {} {} {} {} [{}]",
                entry.kind,
                entry.reference,
                or_none(entry.payment.as_ref()),
                or_none(entry.natural_key.as_ref()),
                or_none(entry.reverses),
                entry.occurred_at.timestamp_micros(),
                entry.day,
                or_none(entry.happened_on),
                or_none(entry.details.as_ref()),
                moved.join(", "),
            ),
        );
    }
    for (name, payment) in &book.payments {
        let instrument: Vec<String> = payment.instrument.iter().map(|text| or_none(text.as_ref())).collect();
        add(
            "payments",
            format!(
                "{name} {} {} order {} requested {} authorized {} captured {} over {} voided {} expired {} refunded {} charged back {} dispute {} \
                unpaid {} expires {} captured {} {} {}",
                payment.acquirer,
                payment.currency,
                or_none(payment.order.as_ref()),
                or_none(payment.requested),
                or_none(payment.authorized),
                payment.captured,
                payment.over_captured,
                payment.voided,
                payment.expired,
                payment.refunded,
                payment.charged_back,
                payment
                    .dispute_fee
                    .map_or_else(|| "-".to_owned(), |(fee, vat)| format!("{fee} {vat}")),
                or_none(payment.unpaid),
                or_none(payment.expires_at.map(|at| at.timestamp_micros())),
                or_none(payment.captured_at.map(|at| at.timestamp_micros())),
                instrument.join(" "),
                payment.returns.told(),
            ),
        );
    }
    for ((code, currency, dimension), (debits, credits)) in book.balances() {
        add("balances", format!("{code} {currency} {dimension}: {debits} {credits}"));
    }
    for (number, item) in &book.items {
        add(
            "open items",
            format!(
                "{number} {} {} {} {} {} {} {} {} {} {} fee {} cost {} reserve {} {} {} {} {} {}",
                item.acquirer,
                item.record,
                or_none(item.acquirer_reference.as_ref()),
                item.merchant_reference,
                or_none(item.arn.as_ref()),
                or_none(item.rrn.as_ref()),
                or_none(item.auth_code.as_ref()),
                or_none(item.card.as_ref()),
                item.currency,
                item.gross,
                item.merchant_fee,
                item.cost,
                item.reserve,
                or_none(item.reserve_until),
                item.matures,
                item.passes_costs,
                item.day,
                item.expected_on,
            ),
        );
    }
    for (name, aggregate) in &book.aggregates {
        add(
            "aggregates",
            format!(
                "{name} {} {} items {} gross {} fee {} reserve {} {} {} closed {}",
                aggregate.acquirer,
                aggregate.currency,
                aggregate.items,
                aggregate.gross,
                aggregate.merchant_fee,
                aggregate.reserve,
                aggregate.matures,
                aggregate.passes_costs,
                or_none(aggregate.closed),
            ),
        );
    }
    for ((schedule, version, component, currency, period, vat), accrual) in &book.accruals {
        assert!(accrual.is_within_a_unit(), "{schedule} {component}: {accrual:?}");
        let told = accrual.told();
        add(
            "accruals",
            format!("{schedule} {version} {component} {currency} {period} {vat}: {told}"),
        );
    }
    for ((currency, sale, available, until), (payable, reserve)) in &book.maturing {
        let until = or_none(*until);
        add(
            "maturing",
            format!("{currency} {sale} {available} {until}: {payable} {reserve}"),
        );
    }
    for ((currency, sale, release), tranche) in &book.tranches {
        let rules::Tranche {
            withheld,
            released,
            applied,
        } = tranche;
        add(
            "tranches",
            format!("{currency} {sale} {release}: {withheld} {released} {applied}"),
        );
    }
    for hold in &book.holds {
        let (ended_by, by) = hold.released.clone().unzip();
        add(
            "holds",
            format!(
                "{} {} {} by {}: {} {} {} ended {} {}",
                hold.number,
                hold.currency,
                hold.amount,
                hold.owner,
                hold.reason,
                hold.placed_on,
                or_none(hold.expires_on),
                or_none(ended_by),
                or_none(by),
            ),
        );
    }
    for rows in lines.values_mut() {
        rows.remove(0);
    }
    lines
}

fn breaks(model: &Model<'_>, merchant: &str) -> Vec<String> {
    let of_merchant = model
        .breaks
        .iter()
        .filter(|found| found.merchant.as_deref() == Some(merchant));
    let line = |found: &super::rules::Break| {
        let state = if found.is_open { "open" } else { "resolved" };
        format!("{} {} {} {state}", found.class, found.acquirer, or_none(found.number))
    };
    of_merchant.map(line).collect()
}

fn said(model: &Model<'_>, merchant: &str) -> Vec<String> {
    let of_merchant = model.said.iter().filter(|said| said.event.merchant == merchant);
    let line = |said: &Said| {
        format!(
            "{} {} {} of {}: {} {} of {} {} {} of {} {}",
            said.event.payment,
            said.event.reference,
            said.rule,
            said.version,
            said.action,
            said.count,
            or_none(said.max_count),
            said.event.money.currency(),
            said.sum,
            or_none(said.max_sum),
            or_none(said.number),
        )
    };
    of_merchant.map(line).collect()
}

fn told(transfer: &Transfer) -> String {
    let account = |(code, currency, dimension): &(i16, String, String)| format!("{code} {currency} {dimension}");
    format!(
        "{} <- {} {}",
        account(&transfer.debit),
        account(&transfer.credit),
        transfer.amount
    )
}

const ENTRIES: &str = "select merchant, concat_ws(' ', entry.number, entry_kind.name, reference, coalesce(payment, '-'),
        coalesce(natural_key, '-'), coalesce(reverses::text, '-'), (extract(epoch from occurred_at) * 1000000)::bigint, booking_date,
        coalesce(happened_on::text, '-')),
        details,
        (select string_agg(concat_ws(' ', debit.code, debit.currency, debit.dimension, '<-', credit.code, credit.currency,
                credit.dimension, amount), ', ' order by ordinal)
            from transfer join account debit on debit.id = debit_account join account credit on credit.id = credit_account
            where transfer.book_id = entry.book_id and entry_number = entry.number)
    from entry join book on book.id = book_id join entry_kind on entry_kind.id = kind
    where merchant = any($1) order by book_id, entry.number";
const PAYMENTS: &str = "select merchant, concat_ws(' ', payment, acquirer.name, currency, 'order', coalesce(merchant_reference, '-'), 'requested', coalesce(requested::text, '-'),
        'authorized', coalesce(authorized::text, '-'), 'captured', captured, 'over', over_captured, 'voided', voided, 'expired', expired,
        'refunded', refunded, 'charged back', charged_back, 'dispute', coalesce(dispute_fee || ' ' || dispute_vat, '-'),
        'unpaid', coalesce(unpaid::text, '-'),
        'expires', coalesce((extract(epoch from expires_at) * 1000000)::bigint::text, '-'),
        'captured', coalesce((extract(epoch from captured_at) * 1000000)::bigint::text, '-'),
        coalesce(method, '-'), coalesce(scheme, '-'), coalesce(card_country, '-'), coalesce(payer, '-'), coalesce(category, '-'),
        coalesce(rrn, '-'), coalesce(auth_code, '-'), coalesce(card, '-'),
        'fee', fee_returned, 'of', fee_returnable, 'vat', vat_returned, 'of', vat_returnable),
        accrued
    from payment join book on book.id = book_id join acquirer on acquirer.id = acquirer_id where merchant = any($1)";
const BALANCES: &str = "select merchant, format('%s %s %s: %s %s', code, currency, dimension, debits, credits)
    from balance join book on book.id = book_id join account on account.id = account_id where merchant = any($1)";
const ITEMS: &str = "select merchant, concat_ws(' ', open_item.number, acquirer.name, record_type.name, coalesce(acquirer_reference, '-'),
        merchant_reference, coalesce(arn, '-'), coalesce(rrn, '-'),
        coalesce(auth_code, '-'), coalesce(card, '-'), currency, gross, 'fee', merchant_fee, 'cost', cost, 'reserve', reserve,
        coalesce(reserve_until::text, '-'), matures::text, passes_costs::text, occurred_on, expected_on)
    from open_item join book on book.id = book_id join acquirer on acquirer.id = acquirer_id
    join record_type on record_type.id = record_type where merchant = any($1)";
const AGGREGATES: &str =
    "select merchant, concat_ws(' ', aggregate, acquirer.name, currency, 'items', items, 'gross', gross,
        'fee', merchant_fee, 'reserve', reserve, matures::text, passes_costs::text, 'closed', coalesce(closed::text, '-'))
    from aggregate join book on book.id = book_id join acquirer on acquirer.id = acquirer_id where merchant = any($1)";
const ACCRUALS: &str = "select merchant, concat_ws(' ', schedule, version, component, currency, period, vat) || ': ' ||
        concat_ws(' ', trim_scale(exact), 'posted', posted, 'vat', vat_posted)
    from accrual join book on book.id = book_id where merchant = any($1)";
const MATURING: &str = "select merchant, format('%s %s %s %s: %s %s', currency, source_on, available_on,
        coalesce(reserve_until::text, '-'), payable, reserve)
    from maturing join book on book.id = book_id where merchant = any($1)";
const TRANCHES: &str =
    "select merchant, format('%s %s %s: %s %s %s', currency, source_on, release_on, withheld, released, applied)
    from reserve_tranche join book on book.id = book_id where merchant = any($1)";
const BREAKS: &str = "select merchant, concat_ws(' ', class, acquirer.name, coalesce(break.number::text, '-'), state)
    from break join book on book.id = book_id join acquirer on acquirer.id = acquirer_id where merchant = any($1)";

const HOLDS: &str =
    "select merchant, concat_ws(' ', hold.number, currency, amount, 'by', owner || ':', reason, placed_on,
        coalesce(expires_on::text, '-'), 'ended', coalesce(released::text, '-'), coalesce(released_by, '-'))
    from hold join book on book.id = book_id where merchant = any($1)";
const SAID: &str =
    "select merchant, concat_ws(' ', payment, reference, rule, 'of', rule_version || ':', action, count, 'of',
        coalesce(max_count::text, '-'), currency, sum, 'of', coalesce(max_sum::text, '-'), coalesce(velocity_decision.number::text, '-'))
    from velocity_decision join book on book.id = book_id where merchant = any($1)";

async fn stored(admin: &Client, merchants: &[String]) -> BTreeMap<String, Lines> {
    let mut found: BTreeMap<String, Lines> = BTreeMap::new();
    for (what, sql) in [
        ("entries", ENTRIES),
        ("payments", PAYMENTS),
        ("balances", BALANCES),
        ("open items", ITEMS),
        ("aggregates", AGGREGATES),
        ("accruals", ACCRUALS),
        ("maturing", MATURING),
        ("tranches", TRANCHES),
        ("breaks", BREAKS),
        ("holds", HOLDS),
        ("velocity decisions", SAID),
    ] {
        for row in admin.query(sql, &[&merchants]).await.expect("rows") {
            let mut line: String = row.get(1);
            if what == "payments" {
                line += &format!(" [{}]", told_of_json(row.get(2)));
            }
            if what == "entries" {
                let details: Option<&str> = row.get(2);
                let details = details.map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
                let moved: Option<&str> = row.get(3);
                line += &format!(" {} [{}]", or_none(details), moved.unwrap_or_default());
            }
            found.entry(row.get(0)).or_default().entry(what).or_default().push(line);
        }
    }
    found
}
