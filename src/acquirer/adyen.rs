//! The Adyen Settlement Details Report.
