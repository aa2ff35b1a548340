//! What a book is: accounts, entries made of transfers, the chain of hashes over them, and balances.
//!
//! Everything here is pure. Numbers and hashes are assigned by [`book::BookHead`] while the store holds the
//! book's lock.

pub mod account;
pub mod balance;
pub mod book;
pub mod entry;
