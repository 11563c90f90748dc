//! Order books, and what they are checked against.
pub mod depth;
pub mod ticker;
