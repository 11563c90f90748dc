//! What rows are called: the same in every part.

#![allow(missing_docs, reason = "each says itself")]

pub const LIMIT: &str = "bare atomics (the limit)";
pub const LIMIT_LINES: &str = "bare atomics, a fresh line each";
pub const JITTER: &str = "clock alone (the platform)";
pub const OURS: &str = "tagring";
pub const OURS_EACH: &str = "tagring, a ring each";
pub const OURS_BUS: &str = "tagring bus, measuring off";
pub const OURS_BUS_MEASURED: &str = "tagring bus, measuring on";
pub const DISRUPTOR: &str = "disruptor 4.4";
pub const RTRB: &str = "rtrb push / pop";
pub const RTRB_CHUNKS: &str = "rtrb chunks";
pub const QUEUE: &str = "crossbeam ArrayQueue";
pub const CHANNEL: &str = "crossbeam channel";
pub const RTRB_EACH: &str = "rtrb chunks, a ring each";
pub const THINGBUF: &str = "thingbuf";
pub const KANAL: &str = "kanal, blocking";
pub const KANAL_POLLED: &str = "kanal, drained";
pub const FLUME: &str = "flume, drained";
pub const TOKIO: &str = "tokio mpsc, polled";
pub const ICEORYX2: &str = "iceoryx2, in process";
pub const LMAX: &str = "LMAX Disruptor (Java, its own process)";
pub const BUS: &str = "tagring bus, slots on one thread";
pub const BUS_EACH: &str = "tagring bus, a thread each";
