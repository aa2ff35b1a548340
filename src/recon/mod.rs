//! Reconciliation: settlement lines × open items → matches, breaks, and what they book. All pure.
//!
//! The store streams candidates, this module decides: [`proof`] whether a file proves itself, [`matching`] which line settles
//! which item, [`booking`] what a line books, [`breaks`] what is wrong with it.

pub mod booking;
pub mod breaks;
pub mod matching;
pub mod proof;
