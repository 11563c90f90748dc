//! Tagring: a lock-free, low-latency event dispatcher for trading processes.
extern crate self as tagring;
pub mod event;
#[doc(hidden)]
pub use zerocopy;
