//! Market data for Tagring: feeds (NASDAQ ITCH 5.0, Binance captures), order books, a seeded synthetic exchange.
pub mod binance;
pub mod book;
pub mod decimal;
pub mod events;
pub mod input;
pub mod itch;
pub mod sink;
