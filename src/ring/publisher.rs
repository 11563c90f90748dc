//! The only publisher of a ring: no claim is contended, so a publish is a bounds check, the stores of one cell, a hint, and one load of
//! the doorbell. Every 64 events, and after each batch, it raises the horizon.

use super::claim::{Claim, Standing};
use super::error::{PublishError, ReaderId};
use super::room::{Room, room_for};
use super::shared::Shared;
use crate::sync::{HORIZON_EVERY, Ordering, Plain};
use core::time::Duration;
use std::sync::Arc;

/// How far ahead a publisher asks for cells, event by event. `docs/adr/0001` has the measurement.
pub(super) const AHEAD: u64 = 6;

/// The one publisher of a ring. Dropping it closes the ring: readers finish what is there and then see `Closed`.
pub struct Publisher<T: Plain> {
    shared: Arc<Shared<T>>,
    standing: Standing,
}

impl<T: Plain> Publisher<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        shared.add_publisher();
        Self { shared, standing: Standing::new() }
    }

    /// Publishes one event if there is room now. Returns its sequence.
    ///
    /// # Errors
    /// [`PublishError::Full`] names the reader furthest behind; [`PublishError::Closed`]. Nothing was written.
    #[cfg_attr(not(tagring_rtsan), inline(always))]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn try_publish(&mut self, value: T) -> Result<u64, PublishError> {
        self.make_room(1, Room::Now)?;
        Ok(self.write(&value))
    }

    /// Builds one event and publishes it if there is room now. The event is built where the optimiser likes, which for fixed-size data
    /// is the cell itself; nothing is claimed until `build` has returned, so a panic in it leaves no trace.
    ///
    /// # Errors
    /// As [`Self::try_publish`]; `build` is not called then.
    #[cfg_attr(not(tagring_rtsan), inline(always))]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn try_publish_with(&mut self, build: impl FnOnce(u64) -> T) -> Result<u64, PublishError> {
        self.make_room(1, Room::Now)?;
        let value = build(self.standing.next);
        Ok(self.write(&value))
    }

    /// Publishes one event; waits for room for at most `limit`.
    ///
    /// # Errors
    /// [`PublishError::TimedOut`] names the reader furthest behind; [`PublishError::SelfBlocked`]; [`PublishError::Closed`].
    #[inline(always)]
    pub fn publish_timeout(&mut self, value: T, limit: Duration) -> Result<u64, PublishError> {
        self.make_room(1, Room::Within(limit))?;
        Ok(self.write(&value))
    }

    /// Publishes one event; **waits** for room for as long as it takes. A reader that is dropped, closed over or whose bound thread
    /// has died does not hold it.
    ///
    /// # Errors
    /// [`PublishError::SelfBlocked`]; [`PublishError::Closed`].
    #[inline(always)]
    pub fn publish(&mut self, value: T) -> Result<u64, PublishError> {
        self.make_room(1, Room::Whenever)?;
        Ok(self.write(&value))
    }

    /// Publishes all of `values` or none, if there is room now. Returns the first sequence.
    ///
    /// # Errors
    /// As [`Self::try_publish`], and [`PublishError::BatchTooLarge`].
    #[cfg_attr(not(tagring_rtsan), inline)]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn try_publish_batch(&mut self, values: &[T]) -> Result<u64, PublishError> {
        self.batch(values, Room::Now)
    }

    /// Publishes all of `values` or none; waits for room for at most `limit`.
    ///
    /// # Errors
    /// As [`Self::publish_timeout`], and [`PublishError::BatchTooLarge`].
    #[inline]
    pub fn publish_batch_timeout(&mut self, values: &[T], limit: Duration) -> Result<u64, PublishError> {
        self.batch(values, Room::Within(limit))
    }

    /// Publishes all of `values`; **waits** for room for as long as it takes.
    ///
    /// # Errors
    /// As [`Self::publish`], and [`PublishError::BatchTooLarge`].
    #[inline]
    pub fn publish_batch(&mut self, values: &[T]) -> Result<u64, PublishError> {
        self.batch(values, Room::Whenever)
    }

    /// Claims `count` cells, to be filled one by one and published together.
    ///
    /// # Errors
    /// As [`Self::try_publish_batch`].
    #[cfg_attr(not(tagring_rtsan), inline)]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn try_claim(&mut self, count: usize) -> Result<Claim<'_, T>, PublishError> {
        self.make_room(count, Room::Now)?;
        let first = self.standing.next;
        Ok(Claim::new(&self.shared, &mut self.standing, first, count).hand_out())
    }

    /// The next sequence to be published: as many were published so far, holes included.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.standing.next
    }

    /// How far the slowest reader is behind, in events; looks at every reader's sequence.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.shared.places.slowest().map_or(0, |slow| self.standing.next.saturating_sub(slow.sequence))
    }

    /// The ring's capacity in cells.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity() as usize
    }

    /// Makes sure that the next event has room now, without publishing.
    pub(crate) fn reserve(&mut self) -> Result<(), PublishError> {
        self.make_room(1, Room::Now)
    }

    /// Every gating reader, also one that joins at this moment, has passed or will start behind all below the first; the second is
    /// the reader that is furthest behind.
    pub(crate) fn passed_by_all(&self) -> (u64, Option<ReaderId>) {
        let next = self.standing.next;
        let slowest = self.shared.limit(next).slowest;
        (slowest.map_or(next, |slow| slow.sequence.min(next)), slowest.map(|slow| slow.reader))
    }

    /// The revoked reader that may still borrow from the cell of `sequence`, which all readers that gate have passed.
    pub(crate) fn pinned_by(&self, sequence: u64) -> Option<ReaderId> {
        self.shared.pinned_by(sequence)
    }

    #[inline]
    fn batch(&mut self, values: &[T], room: Room) -> Result<u64, PublishError> {
        self.make_room(values.len(), room)?;
        let first = self.standing.next;
        let mut claim = Claim::new(&self.shared, &mut self.standing, first, values.len());
        values.iter().for_each(|value| claim.push(*value));
        claim.publish();
        Ok(first)
    }

    #[inline(always)]
    fn make_room(&mut self, count: usize, room: Room) -> Result<(), PublishError> {
        if self.standing.allows(self.standing.next, count) && !self.shared.is_closed() {
            return Ok(());
        }
        self.slow_room(count, room)
    }

    #[cold]
    fn slow_room(&mut self, count: usize, room: Room) -> Result<(), PublishError> {
        self.standing.heal(&self.shared);
        room_for(&self.shared, count, room, &mut self.standing, |standing| standing.next)?;
        self.standing.plan(self.shared.capacity());
        Ok(())
    }

    #[cold]
    fn renew_limit(&mut self) {
        self.standing.limit = self.shared.limit(self.standing.next);
        self.standing.plan(self.shared.capacity());
    }

    #[inline(always)]
    fn write(&mut self, value: &T) -> u64 {
        let sequence = self.standing.next;
        self.shared.cell(sequence).publish(sequence, value);
        self.standing.next = sequence + 1;
        if self.standing.next & (HORIZON_EVERY - 1) == 0 {
            self.shared.horizon.store(self.standing.next, Ordering::Release); // SYNC horizon
        }
        self.shared.prepare(sequence + AHEAD, self.standing.limit.end);
        self.shared.bell.ring_if_asleep();
        if self.standing.next >= self.standing.renew {
            self.renew_limit();
        }
        sequence
    }
}

impl<T: Plain> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.standing.heal(&self.shared);
        self.shared.drop_publisher();
    }
}
