//! Market data for Tagring: feeds (NASDAQ ITCH 5.0, Binance captures), order books, a tape, a seeded synthetic exchange.
//!
//! Floors, each using only those above it: `decimal`, `events`, `sink`, `input`, then the feeds `itch` and `binance`, then `book` and
//! `tape`; `exchange` uses `itch` to write what it made up.
pub mod binance;
pub mod book;
pub mod decimal;
pub mod events;
pub mod exchange;
pub mod input;
pub mod itch;
pub mod sink;
pub mod tape;
