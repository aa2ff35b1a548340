//! The lifecycle of a payment.
