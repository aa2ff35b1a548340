//! Payouts: what a merchant is paid, and the instruction to the bank. All pure.
//!
//! planned → approved (by somebody else) → instructed (2020 → 2100, in a bank file) → confirmed (2100 → 1010). One payout a
//! (merchant, currency, cut-off), for ever.

pub mod amount;
pub mod instruction;
pub mod nacha;
pub mod order;
pub mod pain001;
