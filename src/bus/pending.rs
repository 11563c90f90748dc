//! A slot that was attached without waiting: it has joined its bus, and its thread has been told to start it.

use super::error::AttachError;
use super::handle::SlotHandle;
use super::hosting::Hosting;
use super::name::Name;
use super::view::SlotView;
use crate::sync::{receive, thread_id};
use core::time::Duration;
use crossbeam_channel::RecvTimeoutError;

/// A slot whose `on_start` may still run. Dropping this leaves it to itself.
#[must_use = "whether the slot has started is told by `wait`"]
pub struct Pending<H> {
    pub(super) handle: SlotHandle<H>,
    pub(super) thread: Name,
    /// Kernel id of the thread that starts it.
    pub(super) host: u32,
    pub(super) hosting: Hosting,
}

impl<H> Pending<H> {
    /// The slot from outside: also its place on the bus, to run others after it.
    #[must_use]
    pub fn view(&self) -> &SlotView {
        self.handle.view()
    }

    /// Waits for `on_start`, for at most `limit`. A slot that has not started by then gates nobody any more.
    ///
    /// # Errors
    /// [`AttachError::NotTakenUp`]: nothing of the slot is left, the handler is dropped here. [`AttachError::StartTimedOut`]: the slot is
    /// quarantined, and goes as soon as `on_start` returns. [`AttachError::StartPanicked`], [`AttachError::ThreadStopped`],
    /// [`AttachError::OwnThread`].
    pub fn wait(self, limit: Duration) -> Result<SlotHandle<H>, AttachError> {
        let (slot, thread) = (self.handle.name, self.thread);
        if self.host == thread_id() {
            if !self.hosting.take_back() {
                self.handle.ask_to_stop();
            }
            return Err(AttachError::OwnThread { thread });
        }
        match receive(&self.hosting.started, limit) {
            Ok(Ok(())) => Ok(self.handle),
            Ok(Err(message)) => Err(AttachError::StartPanicked { slot, message }),
            Err(RecvTimeoutError::Timeout) => Err(self.give_up(limit)),
            Err(RecvTimeoutError::Disconnected) => Err(AttachError::ThreadStopped { thread }),
        }
    }

    #[cold]
    fn give_up(self, waited: Duration) -> AttachError {
        let (slot, thread) = (self.handle.name, self.thread);
        let holder = self.hosting.holder().map(Box::new);
        if self.hosting.take_back() {
            return AttachError::NotTakenUp { slot, thread, holder, waited };
        }
        // Bound, or about to be: it is revoked, or does not begin its `on_start`.
        self.handle.quarantine();
        AttachError::StartTimedOut { slot, waited }
    }
}
