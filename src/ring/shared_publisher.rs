//! One of many publishers of a ring. A claim is one compare-exchange, made only when there is room, so that `try_` and time-outs
//! are exact and no claim ever has to be waited out. Cloning and dropping take no lock.

use super::claim::{Claim, Standing};
use super::error::PublishError;
use super::publisher::AHEAD;
use super::room::{Room, room_for};
use super::shared::Shared;
use crate::sync::{Ordering, Plain, spin_loop};
use core::time::Duration;
use std::sync::Arc;

/// One of many publishers. Clone it for each thread. When the last is dropped the ring closes.
pub struct SharedPublisher<T: Plain> {
    shared: Arc<Shared<T>>,
    standing: Standing,
}

impl<T: Plain> SharedPublisher<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        shared.add_publisher();
        Self { shared, standing: Standing::new() }
    }

    /// Publishes one event if there is room now. Returns its sequence.
    ///
    /// # Errors
    /// As [`super::Publisher::try_publish`].
    #[cfg_attr(not(tagring_rtsan), inline(always))]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn try_publish(&mut self, value: T) -> Result<u64, PublishError> {
        self.one(&value, Room::Now)
    }

    /// Builds one event and publishes it if there is room now. The event is built before anything is claimed, so a panic in
    /// `build` leaves no trace.
    ///
    /// # Errors
    /// As [`Self::try_publish`].
    #[cfg_attr(not(tagring_rtsan), inline(always))]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn try_publish_with(&mut self, build: impl FnOnce() -> T) -> Result<u64, PublishError> {
        let value = build();
        self.one(&value, Room::Now)
    }

    /// Publishes one event; waits for room for at most `limit`.
    ///
    /// # Errors
    /// As [`super::Publisher::publish_timeout`].
    #[inline(always)]
    pub fn publish_timeout(&mut self, value: T, limit: Duration) -> Result<u64, PublishError> {
        self.one(&value, Room::Within(limit))
    }

    /// Publishes one event; **waits** for room for as long as it takes.
    ///
    /// # Errors
    /// As [`super::Publisher::publish`].
    #[inline(always)]
    pub fn publish(&mut self, value: T) -> Result<u64, PublishError> {
        self.one(&value, Room::Whenever)
    }

    /// Publishes all of `values`, next to each other, or none, if there is room now. Returns the first sequence.
    ///
    /// # Errors
    /// As [`super::Publisher::try_publish_batch`].
    #[cfg_attr(not(tagring_rtsan), inline)]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn try_publish_batch(&mut self, values: &[T]) -> Result<u64, PublishError> {
        self.batch(values, Room::Now)
    }

    /// Publishes all of `values` or none; waits for room for at most `limit`.
    ///
    /// # Errors
    /// As [`super::Publisher::publish_batch_timeout`].
    #[inline]
    pub fn publish_batch_timeout(&mut self, values: &[T], limit: Duration) -> Result<u64, PublishError> {
        self.batch(values, Room::Within(limit))
    }

    /// Publishes all of `values`; **waits** for room for as long as it takes.
    ///
    /// # Errors
    /// As [`super::Publisher::publish_batch`].
    #[inline]
    pub fn publish_batch(&mut self, values: &[T]) -> Result<u64, PublishError> {
        self.batch(values, Room::Whenever)
    }

    /// Claims `count` cells next to each other, to be filled one by one. What is not filled when the claim is dropped, also by a
    /// panic, becomes holes: others may already have claimed what follows.
    ///
    /// # Errors
    /// As [`Self::try_publish_batch`].
    #[cfg_attr(tagring_rtsan, sanitize(realtime = "nonblocking"))]
    pub fn try_claim(&mut self, count: usize) -> Result<Claim<'_, T>, PublishError> {
        let first = self.claim(count, Room::Now)?;
        Ok(Claim::new(&self.shared, &mut self.standing, first, count).hand_out())
    }

    #[inline(always)]
    fn one(&mut self, value: &T, room: Room) -> Result<u64, PublishError> {
        let sequence = self.claim(1, room)?;
        self.shared.cell(sequence).publish(sequence, value);
        self.shared.hint(sequence, sequence + 1);
        self.shared.prepare(sequence + AHEAD, self.standing.limit.end);
        self.shared.bell.ring_if_asleep();
        Ok(sequence)
    }

    #[inline]
    fn batch(&mut self, values: &[T], room: Room) -> Result<u64, PublishError> {
        let first = self.claim(values.len(), room)?;
        let mut claim = Claim::new(&self.shared, &mut self.standing, first, values.len());
        values.iter().for_each(|value| claim.push(*value));
        claim.publish();
        Ok(first)
    }

    #[inline(always)]
    fn claim(&mut self, count: usize, room: Room) -> Result<u64, PublishError> {
        let shared = &*self.shared;
        loop {
            let first = shared.cursor.load(Ordering::Relaxed);
            if !self.standing.allows(first, count) || shared.is_closed() {
                self.standing.heal(shared);
                room_for(shared, count, room, &mut self.standing, |_| shared.cursor.load(Ordering::Relaxed))?;
                continue;
            }
            // Relaxed: the claim orders nothing. Cells are handed over by the readers' sequences (SYNC reader-advanced) or by the
            // stamps of the lap before (SYNC cell-published), both acquired when the limit was taken.
            let end = first + count as u64;
            match shared.cursor.compare_exchange_weak(first, end, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(first),
                Err(_) => spin_loop(),
            }
        }
    }
}

impl<T: Plain> Clone for SharedPublisher<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T: Plain> Drop for SharedPublisher<T> {
    fn drop(&mut self) {
        self.standing.heal(&self.shared);
        self.shared.drop_publisher();
    }
}
