//! Market data for Tagring: feeds (NASDAQ ITCH 5.0, Binance captures), order books, a seeded synthetic exchange.
pub mod events;
