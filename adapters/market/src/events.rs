//! The events of the market-data bus. The event's key (in the header) is the instrument: the stock locate code of ITCH, a
//! dense index for Binance. Prices and sizes are fixed point, 1e-8 a unit, unless a field says otherwise; times are
//! nanoseconds: since midnight for ITCH, since the epoch for Binance.
tagring::events! {
    /// Market data: order by order (ITCH), level by level (Binance), trades, and what the exchange says about itself.
    pub mod market;

    /// An instrument became known (ITCH `R`, or first sight of a Binance symbol).
    pub struct Instrument = 1, v1 {
        /// Name, padded with zero bytes.
        pub symbol: [u8; 24],
        /// Exchange time.
        pub time_ns: u64,
        /// Shares in a round lot; 0 when unknown.
        pub round_lot: u32,
        /// Market category, as the exchange codes it; 0 when unknown.
        pub market_category: u8,
        /// Financial status, as the exchange codes it; 0 when unknown.
        pub financial_status: u8,
        /// Issue classification, as the exchange codes it; 0 when unknown.
        pub issue_class: u8,
        /// Authenticity, as the exchange codes it; 0 when unknown.
        pub authenticity: u8,
    }

    /// An order was added (ITCH `A`, `F`).
    pub struct OrderAdded = 2, v1 {
        /// The exchange's order number.
        pub order_id: u64,
        /// Limit price.
        pub price: i64,
        /// Shares.
        pub qty: i64,
        /// Exchange time.
        pub time_ns: u64,
        /// Market participant, or zero bytes where none is named (`A`).
        pub mpid: [u8; 4],
        /// `b'B'` or `b'S'`.
        pub side: u8,
        /// Zero.
        pub pad: [u8; 3],
    }

    /// A resting order traded, at its own price (ITCH `E`).
    pub struct OrderExecuted = 3, v1 {
        /// The order that rested.
        pub order_id: u64,
        /// Shares executed.
        pub qty: i64,
        /// The exchange's match number.
        pub match_id: u64,
        /// Exchange time.
        pub time_ns: u64,
    }

    /// A trade as the exchange prints it, without the orders behind it (Binance `trade`).
    pub struct Traded = 20, v1 {
        /// Price.
        pub price: i64,
        /// Size.
        pub qty: i64,
        /// Exchange time.
        pub time_ns: u64,
        /// The exchange's number of the trade.
        pub trade_id: u64,
        /// The aggressor: `b'B'` or `b'S'`, 0 when unknown.
        pub side: u8,
        /// Zero.
        pub pad: [u8; 7],
    }

    /// A price level has a new size (Binance depth; size 0 removes it).
    pub struct LevelChanged = 40, v1 {
        /// Price of the level.
        pub price: i64,
        /// Its new size; 0: the level is gone.
        pub qty: i64,
        /// Last update id of the exchange's message that said so.
        pub update_id: u64,
        /// Exchange time of the message.
        pub time_ns: u64,
        /// `b'B'` or `b'S'`.
        pub side: u8,
        /// 1 on the last level of its message: the book is whole again.
        pub last: u8,
        /// Zero.
        pub pad: [u8; 6],
    }

    /// The exchange's own statement of the best prices (Binance bookTicker).
    pub struct BestPrices = 41, v1 {
        /// Best bid price.
        pub bid: i64,
        /// Size at the best bid.
        pub bid_qty: i64,
        /// Best ask price.
        pub ask: i64,
        /// Size at the best ask.
        pub ask_qty: i64,
        /// The book's update id at that moment.
        pub update_id: u64,
    }

    /// A whole book; its levels lie in the bus's byte arena, bids first, each a price and a size.
    pub struct BookSnapshot = 42, v1 {
        /// Where the levels begin in the arena.
        pub bytes_offset: u64,
        /// The exchange's update id that the book stands at.
        pub update_id: u64,
        /// Exchange time.
        pub time_ns: u64,
        /// Bytes of levels in the arena.
        pub bytes_len: u32,
        /// Bid levels.
        pub bids: u32,
        /// Ask levels.
        pub asks: u32,
        /// Zero.
        pub pad: [u8; 4],
    }
}
pub use market::*;
