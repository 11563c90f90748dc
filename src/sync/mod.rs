//! The only door to atomics, cells, fences and futexes. The loom build swaps this module and nothing else: `loom-tests/` compiles
//! the lock-free files against a module of the same shape made of loom's types.
//!
//! Floors above none; every other floor may use it. Nothing here knows what a ring is.

mod asymmetric;
pub mod faults;
mod futex;
mod hints;
mod simulation;
mod thread;
mod words;

pub use asymmetric::{fence_heavy, fence_light};
pub use core::hint::spin_loop;
pub use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
pub use futex::{futex_wait, futex_wake_all};
pub use hints::{fetch_to_write, hold_speculation, pause_until, raw_ticks};
pub use simulation::{Moment, Spawned, Waker, abort, is_simulated, nap, park, receive, spawn, yield_now};
#[cfg(feature = "sim")]
pub use simulation::{SIMULATED_IDS, Simulation, enter_simulation};
#[cfg(feature = "sim")]
pub use thread::set_thread_id;
pub use thread::{is_alive, next_serial, thread_id};
pub use words::{Plain, Words};

/// Reader places of one ring. The set of taken places is one 64-bit word. The loom build has 3: its state grows with every atomic.
pub const MAX_READERS: usize = 64;

/// A single publisher raises the horizon at least every so many events (a power of two). `docs/adr/0001` has the measurement.
/// The loom build has 2, so that a model of four events meets it.
pub const HORIZON_EVERY: u64 = 64;

/// Many publishers say every so many events (a power of two) how far it is worth looking: `docs/adr/0005`. The loom build has 2.
pub const HINT_EVERY: u64 = 16;

/// How often a publisher looks for a spill that another thread has, some microseconds in all. The loom build has 2.
pub const LENT_LOOKS: u32 = 64;

/// Counts in a row of a ledger: a cache line. The loom build has 2.
pub const LEDGER_ROW: usize = 8;

/// Tags of one family. The loom build has 128, two words, which is the least that can be torn.
pub const TAGS_MAX: usize = 1024;
