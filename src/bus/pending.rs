//! A slot that was attached without waiting: it has joined its bus, and its thread has been told to start it.

use super::error::AttachError;
use super::handle::SlotHandle;
use super::name::Name;
use super::view::SlotView;
use crate::sync::{receive, thread_id};
use core::time::Duration;
use crossbeam_channel::{Receiver, RecvTimeoutError};

/// A slot whose `on_start` may still run. Dropping this leaves it to itself.
#[must_use = "whether the slot has started is told by `wait`"]
pub struct Pending<H> {
    pub(super) handle: SlotHandle<H>,
    pub(super) thread: Name,
    /// Kernel id of the thread that starts it.
    pub(super) host: u32,
    /// What `on_start` came to.
    pub(super) started: Receiver<Result<(), String>>,
}

impl<H> Pending<H> {
    /// The slot from outside: also its place on the bus, to run others after it.
    #[must_use]
    pub fn view(&self) -> &SlotView {
        self.handle.view()
    }

    /// Waits for `on_start`, for at most `limit`.
    ///
    /// # Errors
    /// [`AttachError::StartPanicked`], [`AttachError::StartTimedOut`] (the slot is detached as soon as `on_start` returns),
    /// [`AttachError::ThreadStopped`], [`AttachError::OwnThread`].
    pub fn wait(self, limit: Duration) -> Result<SlotHandle<H>, AttachError> {
        let (slot, thread) = (self.handle.name, self.thread);
        if self.host == thread_id() {
            self.handle.ask_to_stop();
            return Err(AttachError::OwnThread { thread });
        }
        match receive(&self.started, limit) {
            Ok(Ok(())) => Ok(self.handle),
            Ok(Err(message)) => Err(AttachError::StartPanicked { slot, message }),
            Err(RecvTimeoutError::Timeout) => {
                self.handle.ask_to_stop();
                Err(AttachError::StartTimedOut { slot, waited: limit })
            }
            Err(RecvTimeoutError::Disconnected) => Err(AttachError::ThreadStopped { thread }),
        }
    }
}
