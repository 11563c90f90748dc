//! The history of a bus: named groups of its events, each bounded by count and by age, written by the slot that keeps them and read by
//! anyone at any time.
//!
//! The writer waits for nobody: readers copy. What they copy is whole or not taken; what was overwritten before they came to it, or is no
//! longer kept, each answer says.

mod builder;
mod coverage;
mod entry;
mod error;
mod group;
mod keeper;
mod query;
mod reader;
mod search;
mod trail;

pub use builder::{History, HistoryBuilder, Keep};
pub use coverage::Coverage;
pub use entry::Kept;
pub use error::HistoryError;
pub use group::HistoryStats;
pub use keeper::HistoryKeeper;
pub use query::Query;
pub use reader::HistoryReader;
