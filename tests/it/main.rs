//! Tests that need a database, files or the binary.

mod support;

mod day;
mod desk;
mod embedded;
mod hostile;
mod reconcile;
mod rights;
mod schema;
mod tls;
mod transaction;
