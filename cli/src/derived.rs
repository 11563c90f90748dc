//! The events of the main job's second bus: what the book and the signal slot make of the market data. Each is fresh for a while, and says until when.

use std::time::Duration;

/// How long after the event that it was made of something derived is of use to who wants it fresh: a display, a hedger. Others take it at any age.
pub(crate) const FRESH: Duration = Duration::from_millis(5);

tagring::events! {
    /// Prints with their price, and signals.
    pub mod derived with deadline;

    /// A trade with price and size, whichever way the exchange told it.
    pub struct Print = 1, v1 {
        pub price: i64,
        pub qty: i64,
        pub time_ns: u64,
    }

    /// The order flow of an instrument leans to one side.
    pub struct Signal = 2, v1 {
        /// Buying less selling, over both, in millionths.
        pub imbalance_ppm: i64,
        pub time_ns: u64,
    }
}
pub(crate) use derived::*;
