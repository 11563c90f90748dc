//! The events of the main job's second bus: what the book and the signal slot make of the market data.

tagring::events! {
    /// Prints with their price, and signals.
    pub mod derived;

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
