//! A slot on its owner's thread: turned by the owner's loop, one batch at a time.

use super::handler::Handler;
use super::slot::{RunSlot, Turned};
use super::tail::Around;

/// A slot driven by its owner's loop instead of a [`super::SlotThread`]: for people who own their event loop, and for tests that
/// want one step at a time. Not `Send`: it stays on the thread that attached it.
pub struct LocalSlot<H: Handler> {
    pub(super) slot: Box<dyn RunSlot>,
    /// Between two turns its owner does whatever it likes.
    pub(super) around: Around,
    pub(super) handle: super::SlotHandle<H>,
    pub(super) done: bool,
}

impl<H: Handler> LocalSlot<H> {
    /// Handles the events that are there, one batch at most. Returns whether there were any.
    pub fn turn(&mut self) -> bool {
        if self.done {
            return false;
        }
        let turned = self.slot.turn(self.around);
        self.around.busy = self.around.busy.wrapping_add(2);
        self.done = turned == Turned::Done;
        turned == Turned::Busy
    }

    /// Whether the slot has stopped: by its handler, or because the bus is closed and read to its end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The slot from outside: statistics, tags, state.
    #[must_use]
    pub fn handle(&self) -> &super::SlotHandle<H> {
        &self.handle
    }

    /// Detaches the slot and returns its handler; `None` if a panic took it.
    #[must_use]
    pub fn detach(mut self) -> Option<H> {
        self.slot.stop();
        self.handle.take()
    }
}
