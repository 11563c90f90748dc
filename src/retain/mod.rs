//! What is kept of events beyond the ring: dead letters, the events that a handler refused or panicked over.
//!
//! Stands on the bus, which knows nothing of it: slots are connected through a trait of theirs.

mod dead_letters;
mod error;
mod letter;
mod sink;

pub use dead_letters::{DeadLetterStats, DeadLetters, Redelivery};
pub use error::RedeliverError;
pub use letter::Letter;
