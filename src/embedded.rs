//! A private PostgreSQL for people who have none.
