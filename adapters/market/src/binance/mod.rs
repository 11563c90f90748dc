//! Captures of Binance streams: one line per message, the local receive time in ns, a space, the JSON as it came (spot,
//! USD-M and COIN-M; combined-stream wrapping or bare; REST snapshots between them).
//!
//! [`Lines`] cuts an [`Input`](crate::input::Input) into lines, [`Feed`] decodes them into a [`Sink`](crate::sink::Sink).
//! One JSON library pass per line writes prices straight into reused rows of levels: no string is built, and nothing is
//! allocated once the rows have grown.
//!
//! What becomes of the kinds of messages:
//!
//! | message | counted as | published as |
//! |---|---|---|
//! | `depthUpdate` of a diff stream | `depth` | a `LevelChanged` per level, the last one marked |
//! | `bookTicker` | `ticker` | `BestPrices` |
//! | `trade` | `trade` | `Traded` |
//! | REST snapshot | `snapshot` | a snapshot |
//! | `aggTrade` | `aggTrade` | `Traded`, if the instrument's first print was an `aggTrade`; never beside `trade` |
//! | partial depth (`@depth5` to `@depth20`) | `depth5` … | nothing: it is no part of the exchange's book procedure |
//! | all others (`markPriceUpdate`, `kline`, …) | their name | nothing |
//!
//! A symbol's events share one key. A capture that mixes products in which a symbol means two instruments (spot and USD-M
//! `BTCUSDT`) must be split first: nothing in the messages tells them apart.
mod counts;
mod fault;
mod feed;
mod fields;
mod instruments;
mod lines;

pub use counts::{Counts, OTHER_KINDS_MAX};
pub use fault::{Fault, LineError};
pub use feed::{Feed, FeedError, FeedOptions};
pub use instruments::SYMBOL_BYTES;
pub use lines::{LINE_BYTES_MAX, Line, Lines};
