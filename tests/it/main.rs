//! Tests that need a database, files or the binary.

mod support;

mod embedded;
mod model;
