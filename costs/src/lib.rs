//! What the counted benches work on: buses and rings that are warm, and in the state from which one part of an event's way is counted. The
//! benches in `benches/instructions.rs` call it; `budget.toml` holds what they may take.

#[path = "../../benches/src/kinds.rs"]
pub mod kinds;

use kinds::{Eight, H1, H2, H3, H4, H5, H6, H7, H8, kinds::Events};
use std::hint::black_box;
use tagring::bus::{Bus, Context, Handler, Measure, Outcome, Publisher, Stamping};
use tagring::clock::ClockSource;
use tagring::event::{Event, Family, TagSet};
use tagring::gate::{Gate, Gated, Rate, Validate};
use tagring::ring::{BoundReader, Plain, Ring, SharedPublisher};
use tagring::zerocopy::{FromBytes, Immutable, IntoBytes};

/// Events of one count, and cells of the ring: one lap, so that what happens once a lap is in it.
pub const EVENTS: u64 = 1_024;
/// Events of a batch.
pub const BATCH: u64 = 64;
/// What a bench says that finds no TSC: valgrind stretches time, and a busy machine can make the calibration fail. The test tries again.
pub const NO_TSC: &str = "these counts are made with the TSC";
/// Laps before anything is counted.
const WARM_UP: u64 = 3;

/// Seven words: with the stamp, a cache line.
pub type Words = [u64; 7];

/// A user's struct of as many bytes.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[zerocopy(crate = "tagring::zerocopy")]
#[repr(C)]
#[allow(missing_docs, reason = "named by itself")]
pub struct Order {
    pub id: u64,
    pub price: i64,
    pub qty: u64,
    pub account: u32,
    pub instrument: u32,
    pub flags: [u8; 8],
    pub time: u64,
    pub owner: u64,
}

/// An order.
pub const ORDER: Order = Order { id: 1, price: 2, qty: 3, account: 4, instrument: 5, flags: [6; 8], time: 7, owner: 8 };

/// A ring, its publisher and one reader.
pub struct RingWork<P, T: Plain> {
    /// Publishes.
    pub publisher: P,
    /// Reads.
    pub reader: BoundReader<T>,
    /// What is published.
    pub value: T,
}

/// A ring of [`Words`] with its only publisher.
pub type Single = RingWork<tagring::ring::Publisher<Words>, Words>;
/// A ring of [`Words`] with one of many publishers.
pub type Many = RingWork<SharedPublisher<Words>, Words>;
/// A ring of [`Order`]s with its only publisher.
pub type Orders = RingWork<tagring::ring::Publisher<Order>, Order>;

impl<P, T: Plain> RingWork<P, T> {
    fn new(publisher: P, reader: BoundReader<T>, value: T, publish: impl Fn(&mut P, T)) -> Box<Self> {
        let mut work = Box::new(Self { publisher, reader, value });
        for _ in 0..WARM_UP {
            (0..EVENTS).for_each(|_| publish(&mut work.publisher, value));
            work.poll();
        }
        work
    }

    /// Reads all that is there.
    #[inline(always)]
    pub fn poll(&mut self) {
        while self.reader.poll(EVENTS as usize, |event, _, _| _ = black_box(event)) > 0 {}
    }
}

/// A ring with its only publisher.
#[must_use]
pub fn single<T: Plain>(value: T) -> Box<RingWork<tagring::ring::Publisher<T>, T>> {
    let (ring, publisher) = Ring::single(EVENTS as usize).expect("a power of two");
    let reader = ring.attach().expect("a free place").bind();
    RingWork::new(publisher, reader, black_box(value), |publisher, value| {
        publisher.try_publish(value).expect("room");
    })
}

/// A ring with one of many publishers.
#[must_use]
pub fn many() -> Box<Many> {
    let (ring, publisher) = Ring::many(EVENTS as usize).expect("a power of two");
    let reader = ring.attach().expect("a free place").bind();
    RingWork::new(publisher, reader, black_box([7; 7]), |publisher, value| {
        publisher.try_publish(value).expect("room");
    })
}

/// The same with a lap of events to be read.
#[must_use]
pub fn full_single() -> Box<Single> {
    let mut work = single([7; 7]);
    (0..EVENTS).for_each(|_| assert!(work.publisher.try_publish(work.value).is_ok()));
    work
}

/// The same with a lap of events in batches to be read.
#[must_use]
pub fn full_batches() -> Box<Single> {
    let mut work = single([7; 7]);
    let batch = [work.value; BATCH as usize];
    (0..EVENTS / BATCH).for_each(|_| assert!(work.publisher.try_publish_batch(&batch).is_ok()));
    work
}

/// The same with a lap of events to be read.
#[must_use]
pub fn full_many() -> Box<Many> {
    let mut work = many();
    (0..EVENTS).for_each(|_| assert!(work.publisher.try_publish(work.value).is_ok()));
    work
}

/// One turn of a slot; false: there was nothing.
type TakeTurn = Box<dyn FnMut() -> bool>;

/// A bus, its publisher and the slots that take turns at it on this thread, whatever their handlers: one call more per turn.
pub struct BusWork {
    /// Publishes.
    pub publisher: Publisher<Events>,
    slots: Vec<TakeTurn>,
}

impl BusWork {
    fn new(publisher: Publisher<Events>, slots: Vec<TakeTurn>) -> Box<Self> {
        let mut work = Box::new(Self { publisher, slots });
        for _ in 0..WARM_UP {
            work.fill();
            work.dispatch();
        }
        work
    }

    /// With a lap of events to be handled.
    #[must_use]
    pub fn full(mut self: Box<Self>) -> Box<Self> {
        self.fill();
        self
    }

    fn fill(&mut self) {
        for first in (0..EVENTS).step_by(BATCH as usize) {
            let mut batch = self.publisher.batch(BATCH as usize).expect("room");
            (first..first + BATCH).for_each(|i| kinds::push(&mut batch, kinds::tag_of(i), i));
        }
    }

    /// Turns until nothing is left.
    #[inline(always)]
    pub fn dispatch(&mut self) {
        for turn in &mut self.slots {
            while turn() {}
        }
    }
}

/// A bus without slots.
fn bus() -> (Bus<Events>, Publisher<Events>) {
    let (bus, publisher) = Bus::<Events>::builder("costs").capacity(EVENTS as usize).single().expect("a power of two");
    // Where valgrind's processor is no clock, reading the time is a system call, and the counts mean nothing.
    assert_eq!(bus.clock().report().source, ClockSource::Tsc, "{NO_TSC}: {}", bus.clock().report());
    (bus, publisher.stamping(Stamping::EveryEvent))
}

fn slot<H: Handler>(bus: &Bus<Events>, measure: Measure, tags: TagSet, handler: H) -> TakeTurn {
    let slot = bus.slot("s").tags(tags).measure(measure).attach_here(handler);
    let mut slot = slot.expect("a free place");
    Box::new(move || slot.turn())
}

/// One slot that takes every event and looks at its header.
#[must_use]
pub fn one_slot(measure: Measure) -> Box<BusWork> {
    let (bus, publisher) = bus();
    let slots = vec![slot(&bus, measure, TagSet::ALL, AnyKind::default())];
    BusWork::new(publisher, slots)
}

/// One slot whose `match` tells 64 kinds and eight handlers apart.
#[must_use]
pub fn eight_in_one(measure: Measure) -> Box<BusWork> {
    let (bus, publisher) = bus();
    let slots = vec![slot(&bus, measure, TagSet::ALL, Eight::<0>::default())];
    BusWork::new(publisher, slots)
}

/// Eight slots, one for each handler and its eight tags: every slot looks at every event's tag.
#[must_use]
pub fn eight_slots(measure: Measure) -> Box<BusWork> {
    let (bus, publisher) = bus();
    macro_rules! slots {
        ($($handler:ident),*) => { vec![$(slot(&bus, measure, $handler::<0>::tags(), $handler::<0>::default())),*] };
    }
    let slots = slots![H1, H2, H3, H4, H5, H6, H7, H8];
    BusWork::new(publisher, slots)
}

/// A publisher behind gates, and a slot for it.
pub struct GatedWork<G> {
    /// Publishes.
    pub publisher: Gated<Events, tagring::ring::Publisher<<Events as Family>::Cell>, G>,
    _slots: Vec<TakeTurn>,
}

/// Any gates, before a ring that has room for a lap.
#[must_use]
pub fn gated<G: Gate<Events>>(gates: G) -> Box<GatedWork<G>> {
    let BusWork { publisher, slots } = *one_slot(Measure::Off);
    Box::new(GatedWork { publisher: publisher.gate(gates).expect("they fit"), _slots: slots })
}

/// Tag, length, declared values and one range; the publisher's rate, which lets all in.
#[must_use]
pub fn validate_and_rate() -> (Validate<Events>, Rate) {
    let validate = Validate::new().range("K01", "price", 1..=1_000);
    (validate.expect("a field"), Rate::per_second(1_000_000_000, 1 << 20).expect("a rate"))
}

/// Takes every event.
#[derive(Debug, Default)]
pub struct AnyKind {
    /// What it adds up.
    pub sum: u64,
}

impl Handler for AnyKind {
    #[inline(always)]
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.sum = self.sum.wrapping_add(u64::from(event.key()) + u64::from(event.tag().get()));
        Outcome::Done
    }
}
