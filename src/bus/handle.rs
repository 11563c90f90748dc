//! A slot from outside, for whoever attached it: its tags, and the way out.

use super::error::DetachError;
use super::shared::STOP;
use super::view::SlotView;
use crate::event::TagSet;
use crate::sync::{Moment, receive, thread_id, yield_now};
use core::ops::Deref;
use core::time::Duration;
use crossbeam_channel::Receiver;

/// A slot from outside, and the way to get its handler back. Dropping it leaves the slot running; [`Self::detach`] and [`Self::join`]
/// bring the handler back. What needs no handler is on [`SlotView`].
pub struct SlotHandle<H> {
    pub(super) view: SlotView,
    pub(super) handler: Receiver<H>,
}

impl<H> Deref for SlotHandle<H> {
    type Target = SlotView;

    fn deref(&self) -> &SlotView {
        &self.view
    }
}

impl<H> SlotHandle<H> {
    /// The slot without its handler's type: to be cloned and kept.
    #[must_use]
    pub fn view(&self) -> &SlotView {
        &self.view
    }

    /// Replaces the slot's tag set, also while events flow. When this returns `Ok`, each event handled from here on was chosen by the
    /// new set: nothing outside it is delivered, and nothing of it that is published from here on is missed.
    ///
    /// # Errors
    /// [`DetachError::TimedOut`] when the slot is busy for longer than `limit`: the set is taken up after the current turn.
    /// [`DetachError::OwnThread`] from a handler: likewise.
    pub fn retag(&self, tags: TagSet, limit: Duration) -> Result<(), DetachError> {
        let version = self.shared.tags.store(&tags);
        self.await_tags(version, limit)
    }

    /// As [`Self::retag`], adding tags to the set.
    ///
    /// # Errors
    /// As [`Self::retag`].
    pub fn add_tags(&self, tags: TagSet, limit: Duration) -> Result<(), DetachError> {
        let version = self.shared.tags.insert(&tags);
        self.await_tags(version, limit)
    }

    /// As [`Self::retag`], taking tags out of the set.
    ///
    /// # Errors
    /// As [`Self::retag`].
    pub fn remove_tags(&self, tags: TagSet, limit: Duration) -> Result<(), DetachError> {
        let version = self.shared.tags.remove(&tags);
        self.await_tags(version, limit)
    }

    fn await_tags(&self, version: u64, limit: Duration) -> Result<(), DetachError> {
        self.bell.ring();
        self.refuse_own_thread()?;
        self.wait_until(limit, || self.shared.applied() >= version || self.state().is_final())
    }

    /// Asks the slot to stop and waits until it has, for at most `limit`. Nothing is delivered after this returns `Ok`; its place is
    /// free again.
    ///
    /// # Errors
    /// [`DetachError::TimedOut`] with the sequence the handler is busy with: the slot stops as soon as it returns, and the call
    /// may be repeated. [`DetachError::OwnThread`] from its own handler; [`DetachError::AlreadyTaken`] after the first success;
    /// [`DetachError::Lost`].
    pub fn detach(&self, limit: Duration) -> Result<H, DetachError> {
        self.shared.ask(STOP);
        self.bell.ring();
        self.refuse_own_thread()?;
        self.join(limit)
    }

    /// Waits, for at most `limit`, until the slot has stopped by itself: its handler said so, or the bus is closed and read to its
    /// end. Returns the handler.
    ///
    /// # Errors
    /// As [`Self::detach`].
    pub fn join(&self, limit: Duration) -> Result<H, DetachError> {
        self.refuse_own_thread()?;
        receive(&self.handler, limit).inspect(|_| self.beat.end()).map_err(|error| match error {
            crossbeam_channel::RecvTimeoutError::Timeout => self.timed_out(limit),
            // The channel's end orders the flag before this load.
            crossbeam_channel::RecvTimeoutError::Disconnected => match self.shared.is_handed_back() {
                false => DetachError::Lost { slot: self.name },
                true => DetachError::AlreadyTaken { slot: self.name },
            },
        })
    }

    /// The handler, if the slot has stopped already.
    #[must_use]
    pub fn take(&self) -> Option<H> {
        self.handler.try_recv().inspect(|_| self.beat.end()).ok()
    }

    fn refuse_own_thread(&self) -> Result<(), DetachError> {
        let own = self.shared.thread() == thread_id();
        if own { Err(DetachError::OwnThread { slot: self.name }) } else { Ok(()) }
    }

    fn wait_until(&self, limit: Duration, ready: impl Fn() -> bool) -> Result<(), DetachError> {
        let since = Moment::now();
        while !ready() {
            if since.elapsed() > limit {
                return Err(self.timed_out(limit));
            }
            yield_now();
        }
        Ok(())
    }

    fn timed_out(&self, waited: Duration) -> DetachError {
        DetachError::TimedOut { slot: self.name, sequence: self.beat.at(), waited }
    }
}
