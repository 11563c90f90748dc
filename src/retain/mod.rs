//! What is kept of events beyond the ring: dead letters, the events that a handler refused or panicked over; history, the last events of each
//! group.
//!
//! Stands on the bus, which knows nothing of it: slots are connected through a trait of theirs, or are slots as any.

mod dead_letters;
mod error;
mod history;
mod letter;
mod sink;

pub use dead_letters::{DeadLetterStats, DeadLetters, Redelivery};
pub use error::RedeliverError;
pub use history::{
    Coverage, History, HistoryBuilder, HistoryError, HistoryKeeper, HistoryReader, HistoryStats, Keep, Kept, Query,
};
pub use letter::Letter;
