//! Tests that need a database, files or the binary.

mod audit;
mod availability;
mod calendar;
mod concurrency;
mod crash;
mod day;
mod desk;
mod embedded;
mod facts;
mod formats;
mod hostile;
mod idempotency;
mod lifecycle;
mod merchant;
mod model;
mod payout;
mod reconcile;
mod report;
mod rights;
mod schema;
mod stage;
mod tidy;
mod tls;
mod transaction;
mod velocity;

mod support;
