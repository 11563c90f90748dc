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

    /// A resting order traded at another price than its own (ITCH `C`).
    pub struct OrderExecutedAt = 4, v1 {
        /// The order that rested.
        pub order_id: u64,
        /// The price it traded at.
        pub price: i64,
        /// The exchange's match number.
        pub match_id: u64,
        /// Exchange time.
        pub time_ns: u64,
        /// Whole shares executed.
        pub shares: u32,
        /// `b'Y'` or `b'N'`: whether the execution counts on the tape.
        pub printable: u8,
        /// Zero.
        pub pad: [u8; 3],
    }

    /// Part of an order was cancelled (ITCH `X`).
    pub struct OrderCancelled = 5, v1 {
        /// The order.
        pub order_id: u64,
        /// Shares taken away.
        pub qty: i64,
        /// Exchange time.
        pub time_ns: u64,
    }

    /// An order is gone (ITCH `D`).
    pub struct OrderDeleted = 6, v1 {
        /// The order.
        pub order_id: u64,
        /// Exchange time.
        pub time_ns: u64,
    }

    /// An order was replaced by another on the same side (ITCH `U`).
    pub struct OrderReplaced = 7, v1 {
        /// The order that is gone.
        pub order_id: u64,
        /// The one that takes its place, behind others at its price.
        pub new_order_id: u64,
        /// The new price.
        pub price: i64,
        /// Exchange time.
        pub time_ns: u64,
        /// Whole shares of the new order.
        pub shares: u32,
        /// Zero.
        pub pad: [u8; 4],
    }

    /// A phase of the exchange's day begins or ends (ITCH `S`).
    pub struct SystemEvent = 8, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// The exchange's code: `O S Q M E C`.
        pub code: u8,
        /// Zero.
        pub pad: [u8; 7],
    }

    /// Trading in an instrument was halted, paused or resumed (ITCH `H`).
    pub struct TradingAction = 9, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// The exchange's reason code.
        pub reason: [u8; 4],
        /// `H P Q T`.
        pub state: u8,
        /// Reserved by the exchange.
        pub reserved: u8,
        /// Zero.
        pub pad: [u8; 2],
    }

    /// Short-sale restriction (ITCH `Y`).
    pub struct ShortSaleRestriction = 10, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// `0 1 2`.
        pub action: u8,
        /// Zero.
        pub pad: [u8; 7],
    }

    /// A market participant's standing in an instrument (ITCH `L`).
    pub struct ParticipantPosition = 11, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// The participant.
        pub mpid: [u8; 4],
        /// `Y` or `N`: primary market maker.
        pub primary: u8,
        /// Market maker mode.
        pub mode: u8,
        /// Participant state.
        pub state: u8,
        /// Zero.
        pub pad: u8,
    }

    /// Levels of the market-wide circuit breaker (ITCH `V`).
    pub struct BreakerLevels = 12, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// First level.
        pub level_1: i64,
        /// Second level.
        pub level_2: i64,
        /// Third level.
        pub level_3: i64,
    }

    /// A level of the market-wide circuit breaker was breached (ITCH `W`).
    pub struct BreakerBreached = 13, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// `1 2 3`.
        pub level: u8,
        /// Zero.
        pub pad: [u8; 7],
    }

    /// Quoting period of a new issue (ITCH `K`).
    pub struct IpoQuoting = 14, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// The issue's price.
        pub price: i64,
        /// When quoting begins, in seconds since midnight.
        pub release_s: u32,
        /// `A` or `C`: anticipated or cancelled.
        pub qualifier: u8,
        /// Zero.
        pub pad: [u8; 3],
    }

    /// Price collar of an auction (ITCH `J`).
    pub struct AuctionCollar = 15, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// Reference price.
        pub reference: i64,
        /// Upper bound.
        pub upper: i64,
        /// Lower bound.
        pub lower: i64,
        /// Number of extensions.
        pub extension: u32,
        /// Zero.
        pub pad: [u8; 4],
    }

    /// A market halted or resumed operation in an instrument (ITCH `h`).
    pub struct OperationalHalt = 16, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// The market.
        pub market: u8,
        /// `H` or `T`.
        pub action: u8,
        /// Zero.
        pub pad: [u8; 6],
    }

    /// The rest of what the exchange says of an instrument (ITCH `R`); follows its `Instrument`.
    pub struct InstrumentDetails = 17, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// Leverage of an exchange-traded product.
        pub etp_leverage: u32,
        /// Issue sub-type.
        pub issue_subtype: [u8; 2],
        /// `Y` or `N`: traded in round lots only.
        pub round_lots_only: u8,
        /// Short-sale threshold indicator.
        pub short_sale_threshold: u8,
        /// New issue flag.
        pub ipo: u8,
        /// Limit-up limit-down tier.
        pub luld_tier: u8,
        /// Exchange-traded product flag.
        pub etp: u8,
        /// Inverse product flag.
        pub inverse: u8,
        /// Zero.
        pub pad: [u8; 4],
    }

    /// A trade against an order that was never shown (ITCH `P`).
    pub struct HiddenTrade = 21, v1 {
        /// The order, as far as the exchange tells.
        pub order_id: u64,
        /// Price.
        pub price: i64,
        /// The exchange's match number.
        pub match_id: u64,
        /// Exchange time.
        pub time_ns: u64,
        /// Whole shares.
        pub shares: u32,
        /// Side of the hidden order: `b'B'` or `b'S'`.
        pub side: u8,
        /// Zero.
        pub pad: [u8; 3],
    }

    /// An auction's cross (ITCH `Q`).
    pub struct CrossTrade = 22, v1 {
        /// Shares; 0 when nothing crossed.
        pub qty: i64,
        /// Price.
        pub price: i64,
        /// The exchange's match number.
        pub match_id: u64,
        /// Exchange time.
        pub time_ns: u64,
        /// `O C H I`.
        pub cross_type: u8,
        /// Zero.
        pub pad: [u8; 7],
    }

    /// A trade is broken: it never was (ITCH `B`).
    pub struct TradeBroken = 23, v1 {
        /// The exchange's match number.
        pub match_id: u64,
        /// Exchange time.
        pub time_ns: u64,
    }

    /// Imbalance before an auction (ITCH `I`).
    pub struct OrderImbalance = 24, v1 {
        /// Whole shares that would cross.
        pub paired_shares: u64,
        /// Whole shares left over.
        pub imbalance_shares: u64,
        /// Exchange time.
        pub time_ns: u64,
        /// Price with auction orders only, 1e-4 a unit.
        pub far_e4: u32,
        /// Price with all orders, 1e-4 a unit.
        pub near_e4: u32,
        /// Reference price, 1e-4 a unit.
        pub reference_e4: u32,
        /// `B S N O P`.
        pub direction: u8,
        /// `O C H A`.
        pub cross_type: u8,
        /// Deviation of near from reference, as the exchange codes it.
        pub variation: u8,
        /// Zero.
        pub pad: u8,
    }

    /// Retail interest in an instrument (ITCH `N`).
    pub struct RetailInterest = 25, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// `B S A N`.
        pub interest: u8,
        /// Zero.
        pub pad: [u8; 7],
    }

    /// Price discovery of a direct listing (ITCH `O`).
    pub struct DirectListing = 26, v1 {
        /// Exchange time.
        pub time_ns: u64,
        /// When the near execution price was taken.
        pub near_time_ns: u64,
        /// Least allowed price, 1e-4 a unit.
        pub min_e4: u32,
        /// Greatest allowed price, 1e-4 a unit.
        pub max_e4: u32,
        /// Near execution price, 1e-4 a unit.
        pub near_e4: u32,
        /// Lower bound of the collar, 1e-4 a unit.
        pub lower_e4: u32,
        /// Upper bound of the collar, 1e-4 a unit.
        pub upper_e4: u32,
        /// `Y` or `N`: eligible to be opened.
        pub eligible: u8,
        /// Zero.
        pub pad: [u8; 3],
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

    /// A whole book. Its levels are the bytes published beside it: bids, then asks, best first, each a price and a size.
    pub struct BookSnapshot = 42, v1 {
        /// The exchange's update id that the book stands at.
        pub update_id: u64,
        /// Exchange time.
        pub time_ns: u64,
        /// Bid levels.
        pub bids: u32,
        /// Ask levels.
        pub asks: u32,
    }
}
pub use market::*;
