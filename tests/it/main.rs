//! Tests that need a database, files or the binary.

mod desk;
mod facts;
mod support;

mod audit;
mod day;
mod embedded;
mod hostile;
mod reconcile;
mod report;
mod rights;
mod schema;
mod tls;
mod transaction;
