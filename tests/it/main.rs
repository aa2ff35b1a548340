//! Tests that need a database, files or the binary.

mod advance;
mod audit;
mod availability;
mod calendar;
mod concurrency;
mod crash;
mod day;
mod desk;
mod due;
mod embedded;
mod expiry;
mod facts;
mod fees;
mod histories;
mod hold;
mod hostile;
mod idempotency;
mod lifecycle;
mod merchant;
mod model;
mod payout;
mod races;
mod reconcile;
mod report;
mod reserves;
mod rights;
mod schema;
mod stage;
mod tidy;
mod tls;
mod transaction;
mod unknown;
mod velocity;
mod withdrawn;

mod support;
