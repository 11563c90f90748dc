//! Tagring: a lock-free, low-latency event dispatcher for trading processes.
extern crate self as tagring;
pub mod bus;
pub mod clock;
pub mod counters;
pub mod event;
pub mod ring;
pub mod sync;
pub mod testkit;
#[doc(hidden)]
pub use zerocopy;
