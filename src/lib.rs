//! acquit: a ledger-first settlement engine on PostgreSQL.
//!
//! Payment events are *recorded* in double-entry books, acquirers' settlement files are *reconciled* against them line by
//! line, what is proven is *paid* to merchants, and auditors *prove* all of it with tools of their own. ARCHITECTURE.md has
//! the map; GLOSSARY.md the words.

pub mod calendar;
pub mod card_number;
pub mod dates;
pub mod delimited;
pub mod iban;
pub mod ids;
pub mod money;
pub mod packed;
pub mod whole_file;

pub mod ledger;
pub mod settings;

pub mod idempotency;

pub mod payment;

pub mod acquirer;

pub mod bank;

pub mod recon;

pub mod payout;

pub mod audit;

pub mod store;

pub mod embedded;

pub mod worker;

pub mod simulate;

pub mod cli;
