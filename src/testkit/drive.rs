//! One bus with one slot, on the caller's thread, under a clock that only the test moves: the same calls give the same result on every
//! machine.

use crate::bus::{Bus, Envelope, Handler, LocalSlot, Publisher, SlotBuilder, SlotLatencies, SlotStats};
use crate::clock::{Clock, ManualHand, Ticks};
use crate::event::{Family, Payload};

/// Events that may be published between two turns.
const CAPACITY: usize = 1024;
/// Bytes of variable length in flight.
const BYTE_LIMIT: usize = 1 << 16;
/// The clock's start in nanoseconds: late enough for events that were intended earlier.
const START_NS: u64 = 1_000_000_000;

/// A handler in a slot that is driven step by step. Each [`Self::turn`] is one batch: a single event, or those published together.
///
/// ```
/// use tagring::bus::{Context, Handler, Outcome};
/// use tagring::event::Event;
/// use tagring::testkit::Drive;
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
/// use market::Trade;
///
/// #[derive(Default)]
/// struct Sum { all: u64, batches: u64 }
/// impl Handler for Sum {
///     fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
///         self.all += event.get::<Trade>().map_or(0, |trade| trade.qty);
///         Outcome::Done
///     }
///     fn on_batch_end(&mut self, _: &mut Context) {
///         self.batches += 1;
///     }
/// }
///
/// let mut drive = Drive::<market::Events, _>::new(Sum::default());
/// drive.publish(7, &Trade { qty: 2 });
/// drive.advance_ns(250);
/// assert!(drive.turn());
/// assert_eq!(drive.latencies().hop.max(), 250);
/// drive.publish_batch(7, &[Trade { qty: 3 }, Trade { qty: 4 }]);
/// let sum = drive.finish();
/// assert_eq!((sum.all, sum.batches), (9, 2));
/// ```
pub struct Drive<F: Family, H: Handler> {
    bus: Bus<F>,
    publisher: Publisher<F>,
    slot: LocalSlot<H>,
    hand: ManualHand,
    panics_expected: bool,
}

impl<F: Family, H: Handler> Drive<F, H> {
    /// A slot with the defaults: all tags of the family, every event measured. `on_start` runs here.
    ///
    /// # Panics
    /// If `on_start` does.
    #[must_use]
    pub fn new(handler: H) -> Self {
        Self::with(handler, |slot| slot)
    }

    /// As [`Self::new`], with a slot to the test's liking: its tags, policy, turn limit.
    ///
    /// # Panics
    /// If `on_start` does.
    #[must_use]
    pub fn with(handler: H, configure: impl FnOnce(SlotBuilder<F>) -> SlotBuilder<F>) -> Self {
        let (clock, hand) = Clock::manual(START_NS);
        let built = Bus::builder("test").capacity(CAPACITY).byte_limit(BYTE_LIMIT).clock(clock).single();
        let (bus, publisher) = built.unwrap_or_else(|error| panic!("{error}"));
        let slot = configure(bus.slot("handler")).attach_here(handler).unwrap_or_else(|error| panic!("{error}"));
        Self { bus, publisher, slot, hand, panics_expected: false }
    }

    /// Leaves panics of the handler to the slot's policy. Without this, [`Self::turn`] passes them on, so that a test cannot miss one.
    #[must_use]
    pub fn expecting_panics(mut self) -> Self {
        self.panics_expected = true;
        self
    }

    /// Publishes an event, stamped with the clock as it stands. Returns its sequence.
    ///
    /// # Panics
    /// If 1,024 events wait for a turn, or the bus is closed.
    pub fn publish<P: Payload>(&mut self, to: impl Into<Envelope>, payload: &P) -> u64 {
        self.publisher.try_publish(to, payload).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Publishes events that become visible together: one batch for the handler.
    ///
    /// # Panics
    /// As [`Self::publish`].
    pub fn publish_batch<P: Payload>(&mut self, to: impl Into<Envelope>, payloads: &[P]) {
        let to = to.into();
        let mut batch = self.publisher.batch(payloads.len()).unwrap_or_else(|failure| panic!("{failure}"));
        payloads.iter().for_each(|payload| batch.push(to, payload));
    }

    /// Publishes an event together with bytes of variable length.
    ///
    /// # Panics
    /// As [`Self::publish`]; or if more than 64 KiB of bytes wait for a turn.
    pub fn publish_with_bytes<P: Payload>(&mut self, to: impl Into<Envelope>, payload: &P, bytes: &[u8]) -> u64 {
        self.publisher.try_publish_with_bytes(to, payload, bytes).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Hands the slot one batch: an event published singly, or the rest of a batch, up to the slot's turn limit. (Once 64 single
    /// events wait, the ring shows them as one batch.) Returns whether there was any; if not, `on_idle` ran.
    ///
    /// # Panics
    /// With the handler's message if it panicked, unless [`Self::expecting_panics`].
    pub fn turn(&mut self) -> bool {
        let panics = self.slot.handle().stats().panics;
        let busy = self.slot.turn();
        if !self.panics_expected {
            let stats = self.slot.handle().stats();
            assert!(stats.panics == panics, "the handler panicked: {}", stats.last_panic.unwrap_or_default());
        }
        busy
    }

    /// Takes turns until nothing is left. Returns how many of them had events.
    ///
    /// # Panics
    /// As [`Self::turn`].
    pub fn run(&mut self) -> usize {
        core::iter::from_fn(|| self.turn().then_some(())).count()
    }

    /// Moves the clock on.
    pub fn advance_ns(&self, ns: u64) {
        self.hand.advance_ns(ns);
    }

    /// The clock's hand, to set it also backwards or to give it to a handler's double.
    #[must_use]
    pub fn hand(&self) -> &ManualHand {
        &self.hand
    }

    /// The time; a tick is a nanosecond, the start is at one second.
    #[must_use]
    pub fn now(&self) -> Ticks {
        self.bus.clock().now()
    }

    /// The bus, to attach further slots to.
    #[must_use]
    pub fn bus(&self) -> &Bus<F> {
        &self.bus
    }

    /// The publisher, for what [`Self::publish`] does not do: batches, refusals.
    pub fn publisher(&mut self) -> &mut Publisher<F> {
        &mut self.publisher
    }

    /// The slot, for its tags and its place on the bus.
    #[must_use]
    pub fn slot(&self) -> &LocalSlot<H> {
        &self.slot
    }

    /// State and counts of the slot.
    #[must_use]
    pub fn stats(&self) -> SlotStats {
        self.slot.handle().stats()
    }

    /// What the slot measured, in nanoseconds of the manual clock.
    #[must_use]
    pub fn latencies(&self) -> SlotLatencies {
        self.slot.handle().latencies()
    }

    /// Closes the bus, handles what is left, stops the slot (`on_stop` runs) and returns the handler.
    ///
    /// # Panics
    /// As [`Self::turn`].
    #[must_use = "use `turn` or `run` to go on"]
    pub fn finish(mut self) -> H {
        self.bus.close();
        self.run();
        self.slot.detach().unwrap_or_else(|| unreachable!("a stopped slot hands its handler back"))
    }
}
