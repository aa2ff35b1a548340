//! Events made by hand, and the way they take into the books.

use acquit::ids::SourceId;
use acquit::ledger::entry::EntryKind;
use acquit::money::{Currency, Money};
use acquit::payment::event::PaymentEvent;
use acquit::settings::Settings;
use acquit::store::record::{Numbered, Verdict, record_batch};
use acquit::store::settings::Deployment;
use acquit::store::source::{SourceKind, source_of};
use acquit::store::{Store, StoreError, Tx};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

/// An event of acquirer `north` at noon of 2026-03-02, in minor units.
pub fn event(
    kind: EntryKind,
    merchant: &str,
    payment: &str,
    reference: &str,
    minor: i64,
    currency: &str,
) -> PaymentEvent {
    PaymentEvent {
        details: acquit::payment::event::Details::default(),
        kind,
        merchant: merchant.to_owned(),
        payment: payment.to_owned(),
        reference: reference.to_owned(),
        money: Money::from_minor(minor, Currency::parse(currency).expect("a currency")),
        occurred_at: "2026-03-02T12:00:00Z".parse().expect("an instant"),
        acquirer: "north".to_owned(),
        acquirer_reference: None,
        merchant_reference: None,
        arn: None,
        rrn: None,
        auth_code: None,
    }
}

/// Applies a settings text, and says what is in force then.
pub async fn apply(store: &Store, text: &str) -> Deployment {
    let settings = Settings::parse(text).expect("settings");
    store.apply_settings(&settings, text).await.expect("applied settings");
    store.deployment().await.expect("a deployment")
}

/// As if the version that begins on a day had been applied at an instant; a real one is applied when it is.
pub async fn applied_at(admin: &Client, from: &str, at: &str) {
    let sql = format!(
        "begin; set local timezone = 'UTC';
        alter table settings_version disable trigger settings_version_append_only;
        update settings_version set applied_at = '{at}' where effective_from = '{from}';
        alter table settings_version enable always trigger settings_version_append_only;
        commit"
    );
    admin.batch_execute(&sql).await.expect("a version of its time");
}

/// A source of events with this name.
pub async fn source(store: &Store, name: &str) -> SourceId {
    store
        .transact(async |tx: &mut Tx| source_of(tx, SourceKind::Events, name, &Sha256::digest(name)).await)
        .await
        .expect("a source")
        .id
}

/// Records events as one batch.
pub async fn record(
    store: &Store,
    deployment: &Deployment,
    source: SourceId,
    events: &[PaymentEvent],
) -> Result<Vec<Verdict>, StoreError> {
    let numbered: Vec<Numbered> = (1..).zip(events.iter().cloned()).collect();
    store
        .transact(async |tx: &mut Tx| record_batch(tx, deployment, source, &numbered).await)
        .await
}

/// An event as a line of a file.
pub fn json_line(event: &PaymentEvent) -> String {
    let mut fields = serde_json::json!({
        "kind": event.kind.name(), "merchant": event.merchant, "payment": event.payment, "reference": event.reference,
        "amount": event.money.to_decimal_text(), "currency": event.money.currency().code(),
        "occurred_at": event.occurred_at.to_rfc3339(), "acquirer": event.acquirer,
    });
    let before = event.details.capture_before.map(|before| before.to_rfc3339());
    for (name, text) in [
        ("acquirer_reference", event.acquirer_reference.clone()),
        ("capture_before", before),
    ] {
        if let Some(text) = text {
            fields[name] = text.into();
        }
    }
    format!("{fields}\n")
}
