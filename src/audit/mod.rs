//! What auditors get: exports that are safe to open, and the proof that the books were not altered.

pub mod export;
pub mod verify;
