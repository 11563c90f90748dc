//! Order books, and what they are checked against.
pub mod depth;
mod levels;
pub mod orders;
pub mod ticker;
