//! A synthetic exchange session: seeded, deterministic, the same bytes on every machine. Random traders send orders into a small real
//! matching engine (price, then time); what the exchange would publish of it is written as ITCH.
mod engine;
mod random;
mod session;

pub use engine::BestPrice;
pub use session::{Instrument, Session};
