//! The wish that a runtime stops: set by a signal, by any thread that holds a [`StopHandle`], or by the shutdown itself; looked at by feeds and
//! by whoever waits.

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// Asked for by a call.
const ASKED: i32 = -1;

/// Bits of [`Stop::feeds`].
const FEEDS_END: u32 = 1;
const SIMULATED: u32 = 2;

/// The wish, shared. Relaxed throughout: it hands over nothing but itself.
#[derive(Debug, Default)]
pub(super) struct Stop {
    /// 0: none; [`ASKED`]; else the signal's number.
    why: AtomicI32,
    /// Whether feeds are to end, and whether they are simulated: a bit each.
    feeds: AtomicU32,
}

impl Stop {
    /// A signal came. Called from signal handlers: one atomic store.
    pub(super) fn signal(&self, signal: i32) {
        let _ = self.why.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn why(&self) -> Option<StopReason> {
        match self.why.load(Ordering::Relaxed) {
            0 => None,
            ASKED => Some(StopReason::Asked),
            signal => Some(StopReason::Signal(signal)),
        }
    }

    pub(super) fn stop_feeds(&self) {
        self.feeds.fetch_or(FEEDS_END, Ordering::Relaxed);
    }

    /// Whether feeds are to end: the shutdown has begun, or somebody wishes it.
    #[inline]
    pub(super) fn feeds_are_to_end(&self) -> bool {
        let mut feeds = self.feeds.load(Ordering::Relaxed);
        if feeds & SIMULATED != 0 {
            crate::sync::yield_now();
            feeds = self.feeds.load(Ordering::Relaxed);
        }
        feeds & FEEDS_END != 0 || self.why.load(Ordering::Relaxed) != 0
    }

    /// Feeds let others run whenever they ask whether they are to end.
    #[cfg(feature = "sim")]
    pub(super) fn simulate(&self) {
        self.feeds.fetch_or(SIMULATED, Ordering::Relaxed);
    }
}

/// Why a runtime is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// [`StopHandle::stop`] was called.
    Asked,
    /// This signal came.
    Signal(i32),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked to"),
            Self::Signal(2) => f.write_str("SIGINT"),
            Self::Signal(15) => f.write_str("SIGTERM"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Asks a runtime to stop, from any thread: its feeds see it, and [`super::Running::wait`] returns. Cheap to clone; it holds nothing else of
/// the runtime.
#[derive(Clone, Debug)]
pub struct StopHandle(pub(super) Arc<Stop>);

impl StopHandle {
    /// Asks for it. Returns at once; only the first reason counts.
    pub fn stop(&self) {
        self.0.signal(ASKED);
    }

    /// Why it is to stop: what was asked for first. None where nobody asked, be it that the shutdown has begun. One relaxed load.
    #[must_use]
    #[inline]
    pub fn reason(&self) -> Option<StopReason> {
        self.0.why()
    }

    /// Whether it was asked for, by whomever.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.feeds_are_to_end()
    }
}
