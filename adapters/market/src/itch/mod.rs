//! NASDAQ TotalView-ITCH 5.0, in the form in which the exchange publishes a day: each message behind its length in two
//! big-endian bytes.
//!
//! [`Frames`] cuts an [`Input`](crate::input::Input) into messages, [`Feed`] decodes all 23 types into a
//! [`Sink`](crate::sink::Sink); [`Encoder`] writes the types that make up order flow. Source: NASDAQ, "TotalView-ITCH 5.0"
//! specification.
mod encode;
mod fault;
mod feed;
mod frames;
mod wire;

pub use encode::Encoder;
pub use fault::{Fault, FrameError};
pub use feed::{Feed, FeedError};
pub use frames::{Frame, Frames};
pub use wire::{message_len, timestamp_ns};
