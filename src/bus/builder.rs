//! Building a bus, and the bus as a value: its ring, its slots, its clock.

use super::bytes::{ByteArena, ByteWriter};
use super::name::Name;
use super::publisher::{Publisher, SharedPublisher};
use super::slot_builder::SlotBuilder;
use crate::clock::{Clock, Ticks};
use crate::event::{Family, StoreEvent};
use crate::ring::{Doorbell, LossyReader, ReaderId, Ring, RingError, WaitStrategy};
use crate::sync::{AtomicU32, AtomicU64, MAX_READERS, Ordering};
use core::marker::PhantomData;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// A bus of events of one family: a ring and its slots. Cheap to clone.
pub struct Bus<F: Family> {
    pub(super) inner: Arc<Inner<F>>,
}

impl<F: Family> Clone for Bus<F> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

pub(super) struct Inner<F: Family> {
    pub(super) name: Name,
    pub(super) ring: Ring<F::Cell>,
    pub(super) clock: Clock,
    pub(super) arena: Option<Arc<ByteArena>>,
    pub(super) slots: usize,
    pub(super) attached: AtomicU32,
    pub(super) names: SlotNames,
    /// A bit for each place whose slot may lose events.
    lossy: AtomicU64,
    /// What publishers met on a full ring: written on that path alone, and away from what others read for each event.
    pub(super) shed: CachePadded<AtomicU64>,
    pub(super) waits: CachePadded<AtomicU64>,
}

/// Slot names by reader place, as relaxed words: written at attach, read on error paths. A name read while its place changes
/// hands may be a mixture; it is only ever shown to people.
pub(super) struct SlotNames([[AtomicU64; 4]; MAX_READERS]);

impl SlotNames {
    fn new() -> Self {
        Self([const { [const { AtomicU64::new(0) }; 4] }; MAX_READERS])
    }

    pub(super) fn set(&self, place: ReaderId, name: Name) {
        for (word, chunk) in self.0[place.index()].iter().zip(name.to_bytes().chunks_exact(8)) {
            word.store(u64::from_ne_bytes(chunk.try_into().unwrap_or_default()), Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self, place: ReaderId) -> Name {
        let mut bytes = [0; 32];
        for (word, chunk) in self.0[place.index()].iter().zip(bytes.chunks_exact_mut(8)) {
            chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        Name::from_bytes(bytes)
    }
}

/// How to build a [`Bus`]. Nothing is allocated before [`Self::single`] or [`Self::many`].
#[must_use = "a builder builds nothing until `single` or `many` is called"]
pub struct BusBuilder<F: Family> {
    name: Name,
    capacity: usize,
    slots: usize,
    bytes: usize,
    clock: Option<Clock>,
    bell: Arc<Doorbell>,
    family: PhantomData<F>,
}

impl<F: Family> BusBuilder<F> {
    /// Cells of the ring: a power of two from 2. Default 65,536.
    pub fn capacity(mut self, cells: usize) -> Self {
        self.capacity = cells;
        self
    }

    /// Slots that may be attached at a time, at most 64 (the default).
    pub fn slots(mut self, slots: usize) -> Self {
        self.slots = slots.min(MAX_READERS);
        self
    }

    /// Bytes of variable length that events in flight may own together. Default 0: none. Only a bus with one publisher has them.
    pub fn byte_limit(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// The clock for publish times and latencies. Default: the best the machine has.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A doorbell shared with other buses: needed for slots of several buses to park on one thread and wake at once.
    pub fn doorbell(mut self, bell: &Arc<Doorbell>) -> Self {
        self.bell = Arc::clone(bell);
        self
    }

    /// Builds the bus with its one publisher.
    ///
    /// # Errors
    /// [`RingError::Capacity`].
    pub fn single(self) -> Result<(Bus<F>, Publisher<F>), RingError> {
        let (ring, publisher) = Ring::single_at(self.capacity, Arc::clone(&self.bell))?;
        let writer = (self.bytes > 0).then(|| ByteWriter::new(self.bytes, self.capacity));
        let bus = self.finish(ring, writer.as_ref().map(ByteWriter::arena));
        let publisher = Publisher::new(&bus, publisher, writer);
        Ok((bus, publisher))
    }

    /// Builds the bus with the first of many publishers: clone it.
    ///
    /// # Errors
    /// [`RingError::Capacity`].
    pub fn many(self) -> Result<(Bus<F>, SharedPublisher<F>), RingError> {
        let (ring, publisher) = Ring::many_at(self.capacity, Arc::clone(&self.bell))?;
        let bus = self.finish(ring, None);
        let publisher = SharedPublisher::new(&bus, publisher, None);
        Ok((bus, publisher))
    }

    fn finish(self, ring: Ring<F::Cell>, arena: Option<Arc<ByteArena>>) -> Bus<F> {
        let clock = self.clock.unwrap_or_else(Clock::system);
        let inner = Inner {
            name: self.name,
            ring,
            clock,
            arena,
            slots: self.slots,
            attached: AtomicU32::new(0),
            names: SlotNames::new(),
            lossy: AtomicU64::new(0),
            shed: CachePadded::default(),
            waits: CachePadded::default(),
        };
        Bus { inner: Arc::new(inner) }
    }
}

impl<F: Family> Inner<F> {
    pub(super) fn set_lossy(&self, place: ReaderId, is_lossy: bool) {
        let bit = 1 << place.index();
        match is_lossy {
            true => self.lossy.fetch_or(bit, Ordering::Relaxed),
            false => self.lossy.fetch_and(!bit, Ordering::Relaxed),
        };
    }

    pub(super) fn is_lossy(&self, place: ReaderId) -> bool {
        self.lossy.load(Ordering::Relaxed) & (1 << place.index()) != 0
    }
}

impl<F: Family> Bus<F> {
    /// Starts to build a bus: `Bus::<market::Events>::builder("md")`.
    pub fn builder(name: &str) -> BusBuilder<F> {
        BusBuilder {
            name: Name::new(name),
            capacity: 1 << 16,
            slots: MAX_READERS,
            bytes: 0,
            clock: None,
            bell: Arc::default(),
            family: PhantomData,
        }
    }

    /// Starts to attach a slot.
    pub fn slot(&self, name: &str) -> SlotBuilder<F> {
        SlotBuilder::new(self.clone(), Name::new(name))
    }

    /// The bus's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.inner.name
    }

    /// The clock that publish times are read from.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Cells of the ring.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.ring.capacity()
    }

    /// Where the cells of its ring lie, address and bytes.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        self.inner.ring.memory()
    }

    /// Events published so far (with many publishers: claimed; holes included).
    #[must_use]
    pub fn published(&self) -> u64 {
        self.inner.ring.published()
    }

    /// When the event of a sequence should have been published, while it is in the ring. Holds nobody up.
    #[must_use]
    pub fn time_of(&self, sequence: u64) -> Option<Ticks> {
        self.inner.ring.copy_of(sequence).map(|cell| cell.as_event().header().intended_ticks())
    }

    /// The attached slots and how many events each is behind.
    #[must_use]
    pub fn lags(&self) -> Vec<(Name, u64)> {
        let published = self.published();
        let ring = &self.inner.ring;
        ring.readers().map(|(id, next)| (self.inner.names.get(id), published.saturating_sub(next))).collect()
    }

    /// Events that publishers dropped because the ring was full ([`super::Overflow::Shed`]).
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.inner.shed.load(Ordering::Relaxed)
    }

    /// Times that publishers waited for room, as their [`super::Overflow`] asked.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.inner.waits.load(Ordering::Relaxed)
    }

    /// Whether the bus is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.ring.is_closed()
    }

    /// Slots attached now.
    #[must_use]
    pub fn attached(&self) -> usize {
        self.inner.attached.load(Ordering::Relaxed) as usize
    }

    /// Copies of the last `count` events, then of those that follow: the history of the bus, read without holding anyone back. See
    /// [`LossyReader`]; a copied cell's event is its `as_event()`.
    #[must_use]
    pub fn last(&self, count: u64) -> LossyReader<F::Cell> {
        self.inner.ring.last(count)
    }

    /// Refuses publications from here on; slots finish what is there and stop.
    pub fn close(&self) {
        self.inner.ring.close();
    }

    pub(super) fn set_wait_strategy(&self, place: ReaderId, strategy: WaitStrategy) {
        self.inner.ring.set_wait_strategy(place, strategy);
    }
}
