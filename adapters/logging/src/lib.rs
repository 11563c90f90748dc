//! Logging off the hot path: records of `tracing` and of `log` are copied into a bounded ring, and one thread makes lines of them.
//!
//! What a thread pays that logs: a time stamp, the values (strings and `Debug` output are copied as text, at most 512 bytes each), one claim in
//! the ring and the copy of a cell or a few. No allocation, no system call, no waiting: where the ring is full the record is lost, counted, and the
//! log says how many are missing in its place. A callsite that the filter turns off costs the one look that `tracing` takes for it.
//!
//! What it does not promise: opening a span allocates (`tracing-subscriber`'s registry does), and an event inside a span takes the registry's
//! locks and reference counts for it; so open spans around slots, not in handlers. A `Debug` implementation runs on the thread that logs.
//! Records that are still in the ring when the process is killed are lost.
//!
//! ```no_run
//! let logging = tagring_logging::builder()
//!     .to_file("trading.log")
//!     .rotate(100_000_000, 9)
//!     .filter("info,market::book=debug")
//!     .start()?; // from here on `tracing::info!` and `log::info!` go there, from every thread
//! tracing::info!(instrument = 7, qty = 100, "filled");
//! let ended = logging.shutdown(std::time::Duration::from_secs(1));
//! println!("log: {}", ended.counts);
//! # Ok::<(), tagring_logging::LogError>(())
//! ```
//!
//! Floors, each using only those above it: `error`, `counts`, `filter`, `cell`, `thread`, `limiter`, `pens`, `hot`, then `layer` and `bridge` (the hot
//! side), then `calendar`, `format`, `file`, `outbox`, `writer` (the writer's side), then `logging` and `builder`.

mod bridge;
mod builder;
mod calendar;
mod cell;
mod counts;
mod error;
pub mod fault_points;
mod file;
mod filter;
mod format;
mod hot;
mod layer;
mod limiter;
mod logging;
mod outbox;
mod pens;
mod thread;
mod writer;

pub use bridge::Bridge;
pub use builder::Builder;
pub use counts::{Counts, Lost};
pub use error::LogError;
pub use format::Format;
pub use layer::LogLayer;
pub use logging::{Ended, Logging};

/// A logging to be, with its defaults: text to standard error, `INFO` and above, a ring of 1 MiB.
pub fn builder() -> Builder {
    Builder::new()
}

/// Does now what the calling thread's first record would do: take a number, and its name from the standard library. Not needed on threads that
/// the standard library started, slot threads among them, where that calls nobody and allocates nothing; on others it may allocate. A hook for
/// [`tagring::bus::SlotThreadBuilder::on_start`].
///
/// ```
/// use tagring::bus::SlotThread;
///
/// let thread = SlotThread::builder("slots").on_start(|| Ok(tagring_logging::prepare_thread())).start()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn prepare_thread() {
    let _ = thread::me();
}

/// The page of the guide, whose code the tests run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/logging.md")]
struct Guide;
