//! What may happen to a payment, and what it books: events, the lifecycle, merchant fees, velocity rules, monthly limits. All pure.

pub mod event;
pub mod fees;
pub mod lifecycle;
pub mod limits;
pub mod reader;
pub mod validity;
pub mod velocity;
pub mod window;
