//! What rows are called: the same in every part.

#![allow(missing_docs, reason = "each says itself")]

pub const LIMIT: &str = "bare atomics (the limit)";
pub const LIMIT_LINES: &str = "bare atomics, a fresh line each";
pub const JITTER: &str = "clock alone (the platform)";
pub const OURS: &str = "tagring";
pub const OURS_EACH: &str = "tagring, a ring each";
pub const DISRUPTOR: &str = "disruptor 4.4";
pub const RTRB: &str = "rtrb push / pop";
pub const RTRB_CHUNKS: &str = "rtrb chunks";
pub const QUEUE: &str = "crossbeam ArrayQueue";
pub const CHANNEL: &str = "crossbeam channel";
