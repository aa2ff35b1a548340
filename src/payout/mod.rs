//! Payouts: what a merchant is paid, and the instruction to the bank. All pure.
//!
//! planned → approved (by others, as many as ladders ask for) → instructed (2020 → 2100, in a bank file) → sent → confirmed
//! (2100 → 1010), returned (to 2020 again) or unknown, which ends as one of these two. One payout a (merchant, currency,
//! cut-off), for ever.

pub mod amount;
pub mod approval;
pub mod file;
pub mod instruction;
pub mod nacha;
pub mod order;
pub mod pain001;
pub mod returned;
pub mod schedule;
