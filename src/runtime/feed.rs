//! A feed: the user's code on a pinned thread of its own that brings events in. The runtime starts it after all slots and ends it before them.

use super::stop::Stop;
use crate::bus::{Name, ThreadError};
use crate::clock::Clock;
use crate::sync::{Spawned, receive, spawn};
use core::fmt;
use core::time::Duration;
use crossbeam_channel::bounded;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

/// How long a feed's thread may take to pin and prepare itself: system calls alone.
const PREPARED: Duration = Duration::from_secs(5);

/// What can go wrong in a feed.
pub type FeedError = Box<dyn std::error::Error + Send + Sync>;

/// The user's code of a feed.
pub(super) type FeedBody = Box<dyn FnOnce(&Feed) -> Result<(), FeedError> + Send>;

/// A feed's side of its runtime.
pub struct Feed {
    name: Name,
    core: Option<usize>,
    shares_core: bool,
    clock: Clock,
    stop: Arc<Stop>,
}

impl Feed {
    /// Whether the feed is to end: look at it between messages. One relaxed load.
    #[must_use]
    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.stop.feeds_are_to_end()
    }

    /// The feed's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// The core its thread is pinned to.
    #[must_use]
    pub fn core(&self) -> Option<usize> {
        self.core
    }

    /// Whether other threads of the runtime run on that core too: a feed that waits then yields rather than spins.
    #[must_use]
    pub fn shares_core(&self) -> bool {
        self.shares_core
    }

    /// The runtime's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// How a feed ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEnd {
    /// It returned.
    Done,
    /// It returned an error.
    Failed(String),
    /// It panicked.
    Panicked(String),
    /// It has not returned.
    StillRuns,
}

impl fmt::Display for FeedEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::StillRuns => f.write_str("has not returned"),
        }
    }
}

/// A feed's thread, as its runtime keeps it.
pub(super) struct FeedThread {
    pub(super) name: Name,
    pub(super) core: Option<usize>,
    end: Arc<OnceLock<FeedEnd>>,
    thread: Option<Spawned>,
}

/// Where a feed's thread runs.
pub(super) struct FeedPlace {
    pub(super) core: Option<usize>,
    pub(super) shares_core: bool,
}

impl FeedThread {
    /// Starts the feed. `first` runs on the new thread before it, for pinning and priority, and is waited for: what it says is said of
    /// the start.
    pub(super) fn start(
        name: Name,
        place: &FeedPlace,
        clock: &Clock,
        stop: &Arc<Stop>,
        first: impl FnOnce() -> Result<(), String> + Send + 'static,
        body: FeedBody,
    ) -> Result<Self, ThreadError> {
        let end = Arc::new(OnceLock::new());
        let (theirs, waiter) = (Arc::clone(&end), std::thread::current());
        let FeedPlace { core, shares_core } = *place;
        let feed = Feed { name, core, shares_core, clock: clock.clone(), stop: Arc::clone(stop) };
        let (ready, is_ready) = bounded(1);
        let run = move || {
            let prepared = catch_unwind(AssertUnwindSafe(first));
            let prepared = prepared.unwrap_or_else(|panic| Err(crate::bus::panic_message(&*panic)));
            let is_prepared = prepared.is_ok();
            // Where nobody waits any more, the start has failed.
            if ready.send(prepared).is_err() || !is_prepared {
                return;
            }
            let ended = match catch_unwind(AssertUnwindSafe(|| body(&feed))) {
                Ok(Ok(())) => FeedEnd::Done,
                Ok(Err(error)) => FeedEnd::Failed(error.to_string()),
                Err(panic) => FeedEnd::Panicked(crate::bus::panic_message(&*panic)),
            };
            let _ = theirs.set(ended);
            waiter.unpark();
        };
        let thread = spawn(name.as_str(), run).map_err(|cause| ThreadError::Spawn { thread: name, cause })?;
        let message = match receive(&is_ready, PREPARED) {
            Ok(Ok(())) => return Ok(Self { name, core, end, thread: Some(thread) }),
            Ok(Err(message)) => {
                let _ = thread.join();
                message
            }
            Err(error) => format!("{error}: it was to be pinned and prepared within {PREPARED:?}"),
        };
        Err(ThreadError::Hook { thread: name, message })
    }

    /// Whether the feed has returned, with all that it held; its thread may still be there for a moment.
    pub(super) fn has_returned(&self) -> bool {
        self.end.get().is_some() || self.has_ended()
    }

    /// Whether its thread has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(Spawned::is_finished)
    }

    /// How it ended. Where it has, its thread is joined.
    pub(super) fn end(&mut self) -> FeedEnd {
        if self.has_ended()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        self.end_so_far()
    }

    pub(super) fn end_so_far(&self) -> FeedEnd {
        self.end.get().cloned().unwrap_or(FeedEnd::StillRuns)
    }
}
