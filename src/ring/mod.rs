//! The ring: pre-allocated cells, stamps, a horizon, publishers and readers. It knows nothing of tags or events: its element is any
//! plain value of whole 64-bit words. All lock-free code of the library lives in this folder.
//!
//! # Why it is right
//! *Cell.* Sequence `s` lives in cell `s & mask`. A publisher writes the element, then stores stamp `s + 1` with Release. A reader
//! that loads that stamp with Acquire may borrow the element (`SYNC cell-published`).
//!
//! *Horizon.* A single publisher stores "all below is published" with Release, now and then. A reader that is behind, or has seen the
//! first stamp of a batch, reads it with Acquire and need not look at the stamps below it (`SYNC horizon`). It is a hint: without it a
//! reader goes on stamp by stamp.
//!
//! *Gating.* A reader stores the next sequence it will read with Release after it has finished with all below. A publisher
//! overwrites sequence `s` only under a limit of at most the lowest of these, read with Acquire, plus the capacity
//! (`SYNC reader-advanced`). So a borrow ends before the overwrite begins.
//!
//! *Many publishers.* A claim is one compare-exchange on the cursor and stays below the limit. No reader passes an unfinished claim,
//! so gating on readers keeps two publishers out of one cell; where no reader gates, the limit is taken from the stamps. Stamps alone say what is
//! published: the horizon only tells a reader how far it is worth looking.
//!
//! *Joining.* A new reader stores a low sequence, fences, reads the cursor and starts there; a publisher that takes a new limit
//! publishes its position in the cursor, fences, reads the places. One of the two sees the other (`SYNC join`, in `shared.rs`).
//!
//! *Running after others.* A reader that runs after others goes up to the lowest of their sequences, read with Acquire; stamps
//! need no second look. Places are pinned by who runs after them, and a reader that has gone counts as those it ran after.
//!
//! *Lossy readers* copy relaxed words between two looks at the stamp; the publisher marks the cell busy before it writes
//! (`SYNC cell-overwritten`). They write nothing.
//!
//! *Revoking.* A bound reader stores where its turn ends, holds the compiler back, looks for a mark, and only then borrows. Who revokes it
//! marks it, fences all threads, and reads that end and the reader's sequence. So either the reader has seen the mark and borrows nothing, or all
//! that it borrows until it leaves lies between the two (`SYNC reader-revoked`). Of earlier turns nothing is borrowed any more when a later end
//! or sequence is seen (`SYNC turn-held`, `reader-advanced`). These cells are pinned, then the place's bit is set: its sequence gates nobody from
//! then on, whatever the reader stores. A publisher whose limit still counts the reader stays within that, and one that sees the bit sees the
//! pinned cells and claims none of them (`SYNC cells-pinned`): it publishes holes there, under the gates of all others as any event, and of a
//! pinned cell writes the stamp alone. To the reader, if it goes on with its turn, these are holes. When it leaves it stores FREE, then clears the
//! bit; or who revokes it does, if that was not done (`SYNC revoked-or-gone`): in any case before the place can be another's. A publisher that
//! misses that takes its limit without the newcomer, which is the case that *Joining* covers.
//!
//! *Sleeping.* A sleeper announces itself, fences all threads, looks once more, sleeps; a publisher stores its stamp, holds the
//! compiler back, looks for sleepers (`SYNC sleeper-announced`).
//!
//! The models in `loom-tests/` explore each of these over this very source; each says which ordering it was seen to guard.

mod cell;
mod claim;
mod error;
mod evict;
mod lossy;
mod place;
mod publisher;
mod reader;
mod revoke;
mod room;
mod shared;
mod shared_publisher;
mod wait;

pub use claim::Claim;
pub use error::{PublishError, ReaderId, RingError};
pub use evict::{EvictableReader, Spill};
pub use lossy::{Copied, LossyReader};
pub use publisher::Publisher;
pub use reader::{Batch, BoundReader, Polled, Reader, Turn};
pub use shared_publisher::SharedPublisher;
pub use wait::{Doorbell, Idle, PARK_LIMIT, WaitStrategy};

pub use crate::sync::Plain;
use shared::Shared;
use std::sync::Arc;

/// A ring of `T`: the handle by which readers join. Cheap to clone.
///
/// ```
/// use tagring::ring::{Polled, Ring};
///
/// let (ring, mut publisher) = Ring::<u64>::single(1024)?;
/// let mut reader = ring.attach()?;
/// publisher.try_publish(42)?;
/// let Polled::Batch(batch) = reader.poll(64) else { panic!("an event is there") };
/// assert_eq!(batch.iter().collect::<Vec<_>>(), [(0, &42)]);
/// batch.commit();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ring<T: Plain> {
    shared: Arc<Shared<T>>,
}

impl<T: Plain> Clone for Ring<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Plain> Ring<T> {
    /// A ring with one publisher. `capacity` is a power of two from 2; memory is `capacity` cells of whole cache lines.
    ///
    /// # Errors
    /// [`RingError::Capacity`].
    pub fn single(capacity: usize) -> Result<(Self, Publisher<T>), RingError> {
        Self::single_at(capacity, Arc::default())
    }

    /// As [`Ring::single`], with a doorbell that other rings may share.
    ///
    /// # Errors
    /// [`RingError::Capacity`].
    pub fn single_at(capacity: usize, bell: Arc<Doorbell>) -> Result<(Self, Publisher<T>), RingError> {
        let shared = Shared::new(capacity, false, bell)?;
        Ok((Self { shared: Arc::clone(&shared) }, Publisher::new(shared)))
    }

    /// A ring with many publishers: clone the one returned.
    ///
    /// # Errors
    /// [`RingError::Capacity`].
    pub fn many(capacity: usize) -> Result<(Self, SharedPublisher<T>), RingError> {
        Self::many_at(capacity, Arc::default())
    }

    /// As [`Ring::many`], with a doorbell that other rings may share.
    ///
    /// # Errors
    /// [`RingError::Capacity`].
    pub fn many_at(capacity: usize, bell: Arc<Doorbell>) -> Result<(Self, SharedPublisher<T>), RingError> {
        let shared = Shared::new(capacity, true, bell)?;
        Ok((Self { shared: Arc::clone(&shared) }, SharedPublisher::new(shared)))
    }

    /// Attaches a reader, also while events flow: it sees every event published after this call.
    ///
    /// # Errors
    /// [`RingError::PlacesExhausted`].
    pub fn attach(&self) -> Result<Reader<T>, RingError> {
        self.attach_after(&[])
    }

    /// Attaches a reader that handles each event only after all of `after` have advanced past it.
    ///
    /// # Errors
    /// [`RingError::PlacesExhausted`], [`RingError::NotAttached`].
    pub fn attach_after(&self, after: &[ReaderId]) -> Result<Reader<T>, RingError> {
        let (place, start) = self.shared.join(after, WaitStrategy::default())?;
        Ok(Reader::new(Arc::clone(&self.shared), place, start))
    }

    /// A reader that copies, gates nobody and takes no place; it starts with the next event.
    #[must_use]
    pub fn lossy(&self) -> LossyReader<T> {
        LossyReader::new(Arc::clone(&self.shared), self.shared.finished())
    }

    /// As [`Ring::lossy`], but starts up to `count` events back (at most one lap): the last events of the ring.
    #[must_use]
    pub fn last(&self, count: u64) -> LossyReader<T> {
        let back = count.min(self.shared.capacity());
        LossyReader::new(Arc::clone(&self.shared), self.shared.finished().saturating_sub(back))
    }

    /// As [`Ring::lossy`], but starts at `sequence`, published or not.
    #[must_use]
    pub fn lossy_from(&self, sequence: u64) -> LossyReader<T> {
        LossyReader::new(Arc::clone(&self.shared), sequence)
    }

    /// A copy of the event at `sequence`, if it is there and whole. Gates nobody.
    #[must_use]
    pub fn copy_of(&self, sequence: u64) -> Option<T> {
        let (seen, event) = self.shared.cell(sequence).copy(sequence);
        matches!(seen, cell::Seen::Event).then_some(event)
    }

    /// Refuses publications from here on and lets readers finish: they see all that was published before this call, and what publishers
    /// have claimed by then. A publication of a single publisher that runs at this very moment on another thread may still return `Ok` and
    /// then be left unread; to lose nothing, drop the publishers instead.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether the ring is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Cells.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity() as usize
    }

    /// Where its cells lie, address and bytes: for whoever wants to ask the system something about their pages.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        self.shared.memory()
    }

    /// Sequences published so far; with many publishers, claimed.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.shared.published()
    }

    /// The readers that gate and the next sequence each will read. One that was revoked is no longer among them.
    pub fn readers(&self) -> impl Iterator<Item = (ReaderId, u64)> + '_ {
        self.shared.places.gates().map(|gate| (gate.reader, gate.sequence))
    }

    /// Where the slowest reader is that publishers wait for: all below has been read. `None`: nobody is waited for.
    pub(crate) fn waited_for(&self) -> Option<u64> {
        self.shared.waited_for()
    }

    /// The next sequence that a reader will read, revoked or not; `None` once it has gone.
    #[must_use]
    pub fn reader_at(&self, reader: ReaderId) -> Option<u64> {
        self.shared.places.reader_at(reader)
    }

    /// Lets the ring go on without a bound reader whose handler does not return: publishers and readers that run after it no longer wait for
    /// it. From any thread.
    ///
    /// The handler may still borrow the events of its turn (at most a quarter of the ring): no publisher writes their cells before the reader is
    /// dropped. They publish holes there instead, lap by lap, which readers step over, also where a
    /// batch does not fit before the next pinned cell and is refused until readers have passed these holes. The batches that fit are shorter
    /// meanwhile ([`PublishError::BatchTooLarge`] says how long they may be). When the handler returns, its reader takes no further turn
    /// ([`BoundReader::is_revoked`]).
    ///
    /// False, and nothing has changed: the reader is gone, is not bound to a thread, or was revoked already; or the kernel has no
    /// `membarrier`, without which this would not be safe.
    ///
    /// ```
    /// use tagring::ring::Ring;
    ///
    /// let (ring, mut publisher) = Ring::<u64>::single(4)?;
    /// let mut stuck = ring.attach()?.bind();
    /// publisher.publish_batch(&[0, 1, 2, 3])?;
    /// let id = stuck.id();
    /// stuck.poll(1, |event, _, _| {
    ///     // All of this while the handler is in an event.
    ///     assert!(publisher.try_publish(4).is_err());
    ///     assert!(ring.revoke(id));
    ///     assert_eq!(publisher.try_publish(4), Ok(5), "sequence 4 is a hole: its cell is borrowed");
    ///     assert_eq!(*event, 0);
    /// });
    /// assert!(stuck.is_revoked());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revoke(&self, reader: ReaderId) -> bool {
        self.shared.revoke(reader)
    }

    /// Has a reader revoked ([`Self::revoke`]) by the first publisher that would have to wait for it, once it is bound.
    pub fn cut_off_when_full(&self, reader: ReaderId) {
        self.shared.cut_off_when_full(reader);
    }

    /// Whether a reader was revoked and has not gone yet.
    #[must_use]
    pub fn is_revoked(&self, reader: ReaderId) -> bool {
        self.shared.places.is_revoked(reader)
    }

    /// Changes how a reader waits, from any thread; a sleeping one is woken.
    pub fn set_wait_strategy(&self, reader: ReaderId, strategy: WaitStrategy) {
        self.shared.places.set_wait_strategy(reader, strategy);
        self.shared.bell.ring();
    }

    /// The doorbell readers of this ring sleep at.
    #[must_use]
    pub fn doorbell(&self) -> &Arc<Doorbell> {
        &self.shared.bell
    }
}
