//! What may happen to a payment, and what it books: events, the lifecycle, merchant fees. All pure.

pub mod event;
pub mod fees;
pub mod lifecycle;
pub mod reader;
pub mod validity;
pub mod window;
