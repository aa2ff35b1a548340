//! Merchant fees.
