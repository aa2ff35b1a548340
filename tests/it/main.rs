//! Tests that need a database, files or the binary.

mod facts;
mod support;

mod audit;
mod concurrency;
mod crash;
mod embedded;
mod model;
mod payout;
mod report;
mod rights;
mod schema;
mod tls;
mod transaction;
