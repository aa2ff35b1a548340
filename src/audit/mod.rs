//! What auditors get.
