//! Tests that need a database, files or the binary.

mod audit;
mod calendar;
mod concurrency;
mod crash;
mod day;
mod desk;
mod embedded;
mod facts;
mod fees;
mod hostile;
mod idempotency;
mod model;
mod payout;
mod reconcile;
mod report;
mod rights;
mod schema;
mod tidy;
mod tls;
mod transaction;

mod support;
