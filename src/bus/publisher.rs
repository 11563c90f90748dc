//! Publishers of a bus: they write header and payload straight into the ring's cell, with the time by the policy chosen.

use super::builder::{Bus, Inner};
use super::bytes::{ByteWriter, BytesError};
use super::context::Context;
use super::error::PublishFailure;
use super::name::Name;
use super::overflow::Overflow;
use crate::clock::{Clock, Ticks};
use crate::event::{Family, Header, Payload, StoreEvent};
use crate::ring::{self, Claim, PublishError};
use crate::sync::{Ordering, Plain};
use core::time::Duration;
use std::sync::Arc;

/// When a publisher reads the clock for the events it publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Stamping {
    /// At each event: exact, and a clock read (some 7 ns) each.
    #[default]
    EveryEvent,
    /// At [`BusPublisher::tick`] only: events in between carry the time of the last tick. For batches and fast feeds.
    OnTick,
}

/// What goes into the header beside the payload's tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The instrument or partition key.
    pub key: u32,
    /// When the event should have been published, where that is known: age and the publisher's delay are taken from it.
    pub intended: Option<Ticks>,
    /// From when on the event is of no use any more. Only for families declared `with deadline`: there is no room for it in others.
    pub deadline: Option<Ticks>,
}

impl Envelope {
    /// An envelope with a key.
    #[must_use]
    pub const fn key(key: u32) -> Self {
        Self { key, intended: None, deadline: None }
    }

    /// With the time at which the event should have been published.
    #[must_use]
    pub const fn intended(mut self, at: Ticks) -> Self {
        self.intended = Some(at);
        self
    }

    /// With the moment from which the event is of no use any more: a slot that keeps deadlines does not hand it to its handler then.
    #[must_use]
    pub const fn deadline(mut self, at: Ticks) -> Self {
        self.deadline = Some(at);
        self
    }

    /// With a deadline this long after now, by `clock`, which is the bus's.
    #[must_use]
    pub fn expires_in(self, limit: Duration, clock: &Clock) -> Self {
        let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.deadline(Ticks(clock.now().0.saturating_add(clock.from_ns(limit_ns))))
    }

    /// For an event that follows from the one at hand: its deadline is that one's, or its own where it has an earlier one. Both buses go by the
    /// same clock.
    ///
    /// ```
    /// use tagring::bus::{Bus, Context, Envelope, Handler, Outcome, Publisher};
    /// use tagring::clock::Ticks;
    /// use tagring::event::Event;
    ///
    /// tagring::events! { pub mod signals with deadline; pub struct Signal = 1, v1 { pub edge: i64 } }
    /// tagring::events! { pub mod orders with deadline; pub struct Order = 1, v1 { pub qty: i64 } }
    ///
    /// struct Trader { orders: Publisher<orders::Events> }
    /// impl Handler for Trader {
    ///     fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
    ///         let to = Envelope::key(event.key()).inherit(ctx);
    ///         assert_eq!(to.deadline, event.deadline());
    ///         self.orders.try_publish(to, &orders::Order { qty: 1 }).map_or(Outcome::Dead, |_| Outcome::Done)
    ///     }
    /// }
    ///
    /// let (_, orders) = Bus::<orders::Events>::builder("orders").capacity(8).single()?;
    /// let (bus, mut feed) = Bus::<signals::Events>::builder("signals").capacity(8).single()?;
    /// let mut slot = bus.slot("trader").attach_here(Trader { orders })?;
    /// let at = Ticks(bus.clock().now().0 + bus.clock().from_ns(5_000_000));
    /// feed.try_publish(Envelope::key(7).deadline(at), &signals::Signal { edge: 3 })?;
    /// assert!(slot.turn());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn inherit(mut self, ctx: &Context) -> Self {
        self.deadline = match (self.deadline, ctx.deadline()) {
            (Some(own), Some(inherited)) => Some(own.min(inherited)),
            (own, inherited) => own.or(inherited),
        };
        self
    }
}

impl From<u32> for Envelope {
    fn from(key: u32) -> Self {
        Self::key(key)
    }
}

mod sealed {
    use super::{Claim, Duration, Plain, PublishError, ring};

    /// What both kinds of ring publisher can do.
    pub trait RingPublisher<T: Plain> {
        fn try_publish(&mut self, value: T) -> Result<u64, PublishError>;
        fn publish_timeout(&mut self, value: T, limit: Duration) -> Result<u64, PublishError>;
        fn publish(&mut self, value: T) -> Result<u64, PublishError>;
        fn try_claim(&mut self, count: usize) -> Result<Claim<'_, T>, PublishError>;
    }

    macro_rules! ring_publisher {
        ($name:ident) => {
            impl<T: Plain> RingPublisher<T> for ring::$name<T> {
                #[inline(always)]
                fn try_publish(&mut self, value: T) -> Result<u64, PublishError> {
                    ring::$name::try_publish(self, value)
                }
                #[inline(always)]
                fn publish_timeout(&mut self, value: T, limit: Duration) -> Result<u64, PublishError> {
                    ring::$name::publish_timeout(self, value, limit)
                }
                #[inline(always)]
                fn publish(&mut self, value: T) -> Result<u64, PublishError> {
                    ring::$name::publish(self, value)
                }
                #[inline(always)]
                fn try_claim(&mut self, count: usize) -> Result<Claim<'_, T>, PublishError> {
                    ring::$name::try_claim(self, count)
                }
            }
        };
    }
    ring_publisher!(Publisher);
    ring_publisher!(SharedPublisher);
}
pub(crate) use sealed::RingPublisher;

/// The only publisher of a bus. Dropping it closes the bus: slots finish what is there and stop.
pub type Publisher<F> = BusPublisher<F, ring::Publisher<<F as Family>::Cell>>;
/// One of many publishers of a bus: clone it for each thread. Dropping the last closes the bus.
pub type SharedPublisher<F> = BusPublisher<F, ring::SharedPublisher<<F as Family>::Cell>>;

/// A publisher of a bus; see [`Publisher`] and [`SharedPublisher`].
pub struct BusPublisher<F: Family, R> {
    inner: Arc<Inner<F>>,
    ring: R,
    bytes: Option<ByteWriter>,
    stamping: Stamping,
    overflow: Overflow,
    now: Ticks,
    /// What `send` met on a full ring.
    shed: u64,
    waits: u64,
}

impl<F: Family, R: RingPublisher<F::Cell>> BusPublisher<F, R> {
    pub(super) fn new(bus: &Bus<F>, ring: R, bytes: Option<ByteWriter>) -> Self {
        let now = bus.inner.clock.now();
        let (stamping, overflow) = (Stamping::default(), Overflow::default());
        Self { inner: Arc::clone(&bus.inner), ring, bytes, stamping, overflow, now, shed: 0, waits: 0 }
    }

    /// Chooses when the clock is read. Starts with [`Stamping::EveryEvent`].
    #[must_use]
    pub fn stamping(mut self, stamping: Stamping) -> Self {
        self.stamping = stamping;
        self
    }

    /// Chooses what [`Self::send`] does when the ring is full. Starts with [`Overflow::Wait`].
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Reads the clock; under [`Stamping::OnTick`] the events that follow carry this time.
    #[inline]
    pub fn tick(&mut self) -> Ticks {
        self.now = self.inner.clock.now();
        self.now
    }

    /// Publishes an event if there is room now. Returns its sequence. The first argument is the key, or an [`Envelope`].
    ///
    /// # Errors
    /// [`PublishFailure`]: full (naming the slot that holds the bus back) or closed. Nothing was written.
    #[cfg_attr(not(tagring_rtsan), inline(always))]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn try_publish<P: Payload>(&mut self, to: impl Into<Envelope>, payload: &P) -> Result<u64, PublishFailure> {
        crate::fault!(crate::faults::points::PUBLISH, self.inner.name.as_str(); Error => return Err(self.failure(BytesError::Ring(FULL))));
        let cell = self.cell(to.into(), payload);
        self.ring.try_publish(cell).map_err(|error| self.failure(BytesError::Ring(error)))
    }

    /// Publishes an event; waits for room for at most `limit`.
    ///
    /// # Errors
    /// [`PublishFailure`]: timed out, blocked by its own thread, or closed. Nothing was written.
    #[inline]
    pub fn publish_timeout<P: Payload>(
        &mut self,
        to: impl Into<Envelope>,
        payload: &P,
        limit: Duration,
    ) -> Result<u64, PublishFailure> {
        crate::fault!(crate::faults::points::PUBLISH, self.inner.name.as_str(); Error => return Err(self.failure(BytesError::Ring(timed_out(limit)))));
        let cell = self.cell(to.into(), payload);
        self.ring.publish_timeout(cell, limit).map_err(|error| self.failure(BytesError::Ring(error)))
    }

    /// Publishes an event; **waits** for room for as long as it takes.
    ///
    /// # Errors
    /// [`PublishFailure`]: blocked by its own thread, or closed. Nothing was written.
    #[inline]
    pub fn publish<P: Payload>(&mut self, to: impl Into<Envelope>, payload: &P) -> Result<u64, PublishFailure> {
        crate::fault!(crate::faults::points::PUBLISH, self.inner.name.as_str());
        let cell = self.cell(to.into(), payload);
        self.ring.publish(cell).map_err(|error| self.failure(BytesError::Ring(error)))
    }

    /// Publishes an event; on a full ring it does what the publisher's [`Overflow`] says, which may be to **wait**. Returns its sequence, or
    /// `None` where it was shed.
    ///
    /// ```
    /// use tagring::bus::{Bus, Overflow};
    ///
    /// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
    /// # use tagring::bus::{Context, Handler, Outcome};
    /// # struct Slow;
    /// # impl Handler for Slow {
    /// #     fn on_event(&mut self, _: &tagring::event::Event, _: &mut Context) -> Outcome { Outcome::Done }
    /// # }
    ///
    /// let (bus, publisher) = Bus::<market::Events>::builder("md").capacity(2).single()?;
    /// let mut publisher = publisher.overflow(Overflow::Shed);
    /// let _slow = bus.slot("slow").attach_here(Slow)?;
    /// for qty in 0..5 {
    ///     publisher.send(7, &market::Trade { qty })?;
    /// }
    /// assert_eq!((publisher.position(), publisher.shed()), (2, 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PublishFailure`]: full, timed out, blocked by its own thread, or closed. Nothing was written.
    #[inline]
    pub fn send<P: Payload>(&mut self, to: impl Into<Envelope>, payload: &P) -> Result<Option<u64>, PublishFailure> {
        let cell = self.cell(to.into(), payload);
        crate::fault!(crate::faults::points::PUBLISH, self.inner.name.as_str(); Error => return self.overflowed(cell, FULL));
        match self.ring.try_publish(cell) {
            Ok(sequence) => Ok(Some(sequence)),
            Err(error) => self.overflowed(cell, error),
        }
    }

    #[cold]
    fn overflowed(&mut self, cell: F::Cell, error: PublishError) -> Result<Option<u64>, PublishFailure> {
        let result = match (error, self.overflow) {
            (PublishError::Full { .. }, Overflow::Shed) => {
                self.shed += 1;
                self.inner.shed.fetch_add(1, Ordering::Relaxed);
                return Ok(None);
            }
            (PublishError::Full { .. }, Overflow::Wait) => self.wait(|ring| ring.publish(cell)),
            (PublishError::Full { .. }, Overflow::Timeout(limit)) => {
                self.wait(|ring| ring.publish_timeout(cell, limit))
            }
            _ => Err(error),
        };
        result.map(Some).map_err(|error| self.failure(BytesError::Ring(error)))
    }

    fn wait<T>(&mut self, publish: impl FnOnce(&mut R) -> T) -> T {
        self.waits += 1;
        self.inner.waits.fetch_add(1, Ordering::Relaxed);
        publish(&mut self.ring)
    }

    /// Events that [`Self::send`] dropped because the ring was full.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.shed
    }

    /// Times that [`Self::send`] waited for room.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.waits
    }

    /// Claims room for `count` events that become visible together; they share one reading of the clock.
    ///
    /// # Errors
    /// [`PublishFailure`]: full, closed, or more than the ring holds. Nothing was written.
    #[cfg_attr(tagring_rtsan, sanitize(realtime = "nonblocking"))]
    pub fn batch(&mut self, count: usize) -> Result<Batch<'_, F>, PublishFailure> {
        crate::fault!(crate::faults::points::PUBLISH, self.inner.name.as_str(); Error => return Err(self.failure(BytesError::Ring(FULL))));
        if self.stamping == Stamping::EveryEvent {
            self.tick();
        }
        let (inner, now) = (&self.inner, self.now);
        match self.ring.try_claim(count) {
            Ok(claim) => Ok(Batch { claim, now }),
            Err(error) => Err(failure(inner, BytesError::Ring(error))),
        }
    }

    #[inline(always)]
    fn cell<P: Payload>(&mut self, to: Envelope, payload: &P) -> F::Cell {
        if self.stamping == Stamping::EveryEvent {
            self.now = self.inner.clock.now();
        }
        cell::<F, P>(self.now, to, payload)
    }

    /// Publishes a cell as it is, its header included, if there is room now.
    #[cold]
    pub(super) fn forward(&mut self, cell: F::Cell) -> Result<u64, PublishFailure> {
        self.ring.try_publish(cell).map_err(|error| self.failure(BytesError::Ring(error)))
    }

    #[cold]
    fn failure(&self, cause: BytesError) -> PublishFailure {
        failure(&self.inner, cause)
    }

    /// The bus's name.
    #[must_use]
    pub fn bus(&self) -> Name {
        self.inner.name
    }

    /// The clock that events are stamped by.
    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// When it reads that clock.
    pub(crate) fn stamps(&self) -> Stamping {
        self.stamping
    }

    /// The time it read last.
    #[inline(always)]
    pub(crate) fn now(&self) -> Ticks {
        self.now
    }

    /// Cells of the ring.
    pub(crate) fn capacity(&self) -> usize {
        self.inner.ring.capacity()
    }

    /// Every slot that is waited for has done all below; where there is none, all that is published. Looks at each of them.
    #[cold]
    pub(crate) fn passed(&self) -> u64 {
        self.inner.ring.waited_for().unwrap_or_else(|| self.inner.ring.published())
    }
}

impl<F: Family> Publisher<F> {
    /// Publishes an event together with bytes of variable length, if there is room for both now. The handler finds them in
    /// [`super::Context::bytes`], where they lie.
    ///
    /// # Errors
    /// [`PublishFailure`]: too large for the arena, arena or ring full, closed. Nothing was written.
    #[cfg_attr(tagring_rtsan, sanitize(realtime = "nonblocking"))]
    pub fn try_publish_with_bytes<P: Payload>(
        &mut self,
        to: impl Into<Envelope>,
        payload: &P,
        bytes: &[u8],
    ) -> Result<u64, PublishFailure> {
        crate::fault!(crate::faults::points::PUBLISH, self.inner.name.as_str(); Error => return Err(self.failure(BytesError::Ring(FULL))));
        let cell = self.cell(to.into(), payload);
        let result = match &mut self.bytes {
            Some(writer) => writer.try_publish(&mut self.ring, cell, bytes),
            None => Err(BytesError::PayloadTooLarge { len: bytes.len(), limit: 0 }),
        };
        result.map_err(|cause| self.failure(cause))
    }

    /// Events published so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.ring.position()
    }

    /// How far the slowest slot is behind, in events.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.ring.lag()
    }
}

impl<F: Family> Clone for SharedPublisher<F> {
    fn clone(&self) -> Self {
        let inner = Arc::clone(&self.inner);
        let (stamping, overflow, now) = (self.stamping, self.overflow, self.now);
        Self { inner, ring: self.ring.clone(), bytes: None, stamping, overflow, now, shed: 0, waits: 0 }
    }
}

/// Room for events that become visible together. Dropping it publishes what was pushed.
#[must_use = "dropping a batch publishes only what was pushed"]
pub struct Batch<'p, F: Family> {
    claim: Claim<'p, F::Cell>,
    now: Ticks,
}

impl<F: Family> Batch<'_, F> {
    /// Writes the next event.
    ///
    /// # Panics
    /// If the batch is full.
    #[cfg_attr(not(tagring_rtsan), inline)]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn push<P: Payload>(&mut self, to: impl Into<Envelope>, payload: &P) {
        self.claim.push(cell::<F, P>(self.now, to.into(), payload));
    }

    /// Events that still fit.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.claim.remaining()
    }

    /// The sequence of its first event.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.claim.first()
    }

    /// Publishes what was pushed.
    pub fn publish(self) {}
}

/// What a full ring says that a fault made full.
#[cfg(feature = "faults")]
const FULL: PublishError = PublishError::Full { reader: None, behind: 0 };

/// As [`FULL`], for a publisher that would have waited.
#[cfg(feature = "faults")]
fn timed_out(waited: Duration) -> PublishError {
    PublishError::TimedOut { reader: None, behind: 0, waited }
}

#[inline(always)]
fn cell<F: Family, P: Payload>(now: Ticks, to: Envelope, payload: &P) -> F::Cell {
    const {
        assert!(
            size_of::<P>() <= F::Cell::PAYLOAD,
            "this payload does not belong to the bus's family: it is too large"
        );
        assert!(F::ALL.contains(P::TAG), "this payload does not belong to the bus's family: its tag is not in it");
    }
    let delay = to.intended.map_or(0, |at| now.since(at));
    debug_assert!(
        F::DEADLINE || to.deadline.is_none(),
        "an event of family `{0}` has no room for a deadline; declare it `pub mod {0} with deadline;`, or publish without one",
        F::NAME
    );
    F::Cell::store(Header::new(P::TAG, to.key, now, delay), payload).expiring(to.deadline)
}

#[cold]
fn failure<F: Family>(inner: &Inner<F>, cause: BytesError) -> PublishFailure {
    let reader = match cause {
        BytesError::Ring(PublishError::Full { reader, .. } | PublishError::TimedOut { reader, .. }) => reader,
        BytesError::Ring(PublishError::SelfBlocked { reader, .. }) => Some(reader),
        BytesError::ArenaFull { reader, .. } => reader,
        _ => None,
    };
    PublishFailure { bus: inner.name, slot: reader.map(|reader| inner.names.get(reader)), cause }
}
