//! The only module that knows PostgreSQL.
