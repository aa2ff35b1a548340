//! What auditors get: exports that are safe to open, the proof that the books were not altered, fees worked out again, a day
//! proven.

pub mod export;
pub mod fees;
pub mod proof;
pub mod trial_balance;
pub mod verify;
