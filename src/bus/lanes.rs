//! A bus of several lanes: up to four rings of one family, the most urgent first, that slots read as one. Each lane is a [`Bus`] of its own, so that a
//! backlog in one is in nobody's way in another; what ties them together is this value, and the slots that are attached to it.

use super::builder::{Bus, BusBuilder};
use super::bytes::ByteArena;
use super::flow::{LANES_MAX, LanePolicy};
use super::name::Name;
use super::publisher::{Publisher, SharedPublisher};
use super::slot_builder::SlotBuilder;
use super::view::BusControl;
use crate::clock::Clock;
use crate::event::{Family, StoreEvent, Tag};
use crate::ring::{Doorbell, ReaderId, RingError, WaitStrategy};
use core::fmt;
use smallvec::SmallVec;
use std::sync::{Arc, Mutex, PoisonError};

/// Largest weight of a lane, and the most events of more urgent lanes that one may wait for.
const WEIGHT_MAX: u32 = 1_000;
const STARVATION_MAX: u64 = 1 << 30;

/// A slot's places, one in each lane.
pub(super) type Places = SmallVec<[ReaderId; LANES_MAX]>;

/// A bus of one to four lanes, lane 0 the most urgent. Cheap to clone.
///
/// ```
/// use tagring::bus::{Context, Handler, Lanes, Outcome};
/// use tagring::event::Event;
///
/// tagring::events! {
///     pub mod market;
///     pub struct Quote = 1, v1 { pub price: i64 }
///     pub struct Halt  = 2, v1 { pub reason: u64 }
/// }
///
/// /// How many quotes it had when the halt came.
/// #[derive(Default)]
/// struct Desk { quotes: u64, halted_after: Option<u64> }
/// impl Handler for Desk {
///     fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
///         match ctx.lane() {
///             0 => self.halted_after = event.get::<market::Halt>().map(|_| self.quotes),
///             _ => self.quotes += 1,
///         }
///         Outcome::Done
///     }
/// }
///
/// let mut lanes = Lanes::<market::Events>::builder("md");
/// let mut control = lanes.single(64)?; // lane 0: the most urgent
/// let mut feed = lanes.single(1024)?; // lane 1
/// let md = lanes.build()?;
/// let mut desk = md.slot("desk").turn_limit(32).attach_here(Desk::default())?;
/// for price in 0..1_000 {
///     feed.try_publish(7, &market::Quote { price })?;
/// }
/// desk.turn();
/// control.try_publish(0, &market::Halt { reason: 1 })?;
/// while desk.turn() {}
/// let stats = desk.handle().lanes();
/// assert_eq!((stats[0].delivered, stats[1].delivered), (1, 1_000));
/// assert!(desk.detach().and_then(|desk| desk.halted_after).is_some_and(|quotes| quotes <= 32), "one turn at most");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lanes<F: Family> {
    inner: Arc<Inner<F>>,
}

impl<F: Family> Clone for Lanes<F> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<F: Family> {
    name: Name,
    lanes: SmallVec<[Bus<F>; LANES_MAX]>,
    policy: LanePolicy,
    /// Of the slots that are attached, the place in lane 0 first: what others run after.
    slots: Mutex<Vec<Places>>,
}

/// How to build [`Lanes`]: each call of [`Self::single`] or [`Self::many`] adds the next less urgent lane.
#[must_use = "a builder builds nothing until `build` is called"]
pub struct LanesBuilder<F: Family> {
    name: Name,
    policy: LanePolicy,
    slots: Option<usize>,
    clock: Option<Clock>,
    bell: Arc<Doorbell>,
    lanes: SmallVec<[Bus<F>; LANES_MAX]>,
}

impl<F: Family> LanesBuilder<F> {
    /// How slots share their turns between the lanes. Default: strict, with a bound of 4,096 events.
    pub fn policy(mut self, policy: LanePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Slots that may be attached to a lane at a time, those of all lanes and its own, at most 64 (the default).
    pub fn slots(mut self, slots: usize) -> Self {
        self.slots = Some(slots);
        self
    }

    /// As [`BusBuilder::clock`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// As [`BusBuilder::doorbell`]. The lanes of one bus share theirs in any case.
    pub fn doorbell(mut self, bell: &Arc<Doorbell>) -> Self {
        self.bell = Arc::clone(bell);
        self
    }

    /// Adds a lane of so many cells with one publisher, and returns that.
    ///
    /// # Errors
    /// [`LanesError::Count`], [`LanesError::Ring`].
    pub fn single(&mut self, capacity: usize) -> Result<Publisher<F>, LanesError> {
        self.single_with_bytes(capacity, 0)
    }

    /// The same with bytes of variable length, as [`BusBuilder::byte_limit`].
    ///
    /// # Errors
    /// As [`Self::single`].
    pub fn single_with_bytes(&mut self, capacity: usize, bytes: usize) -> Result<Publisher<F>, LanesError> {
        let (bus, publisher) = self.next(capacity)?.byte_limit(bytes).single().map_err(|cause| self.ring(cause))?;
        self.lanes.push(bus);
        Ok(publisher)
    }

    /// Adds a lane of so many cells with the first of many publishers, and returns that: clone it.
    ///
    /// # Errors
    /// As [`Self::single`].
    pub fn many(&mut self, capacity: usize) -> Result<SharedPublisher<F>, LanesError> {
        let (bus, publisher) = self.next(capacity)?.many().map_err(|cause| self.ring(cause))?;
        self.lanes.push(bus);
        Ok(publisher)
    }

    /// The builder of the next lane.
    fn next(&self, capacity: usize) -> Result<BusBuilder<F>, LanesError> {
        let lane = self.lanes.len();
        if lane == LANES_MAX {
            return Err(LanesError::Count { bus: self.name, lanes: lane + 1 });
        }
        let mut builder = Bus::builder(&format!("{}.{lane}", self.name)).capacity(capacity).doorbell(&self.bell);
        if let Some(slots) = self.slots {
            builder = builder.slots(slots);
        }
        if let Some(clock) = self.clock.clone().or_else(|| self.lanes.first().map(|first| first.clock().clone())) {
            builder = builder.clock(clock);
        }
        Ok(builder)
    }

    fn ring(&self, cause: RingError) -> LanesError {
        LanesError::Ring { bus: self.name, lane: self.lanes.len(), cause }
    }

    /// The bus.
    ///
    /// # Errors
    /// [`LanesError::Count`] without a lane, [`LanesError::Weights`], [`LanesError::Starvation`].
    pub fn build(self) -> Result<Lanes<F>, LanesError> {
        let Self { name, policy, lanes, .. } = self;
        if lanes.is_empty() {
            return Err(LanesError::Count { bus: name, lanes: 0 });
        }
        match &policy {
            LanePolicy::Strict { starvation } if !(1..=STARVATION_MAX).contains(starvation) => {
                return Err(LanesError::Starvation { bus: name, starvation: *starvation });
            }
            LanePolicy::Weighted(weights)
                if weights.len() != lanes.len() || weights.iter().any(|weight| !(1..=WEIGHT_MAX).contains(weight)) =>
            {
                return Err(LanesError::Weights { bus: name, weights: weights.clone(), lanes: lanes.len() });
            }
            _ => {}
        }
        Ok(Lanes { inner: Arc::new(Inner { name, lanes, policy, slots: Mutex::default() }) })
    }
}

impl<F: Family> Lanes<F> {
    /// Starts to build a bus with lanes: `Lanes::<market::Events>::builder("md")`. The lanes are named `md.0`, `md.1` and so on.
    pub fn builder(name: &str) -> LanesBuilder<F> {
        LanesBuilder {
            name: Name::new(name),
            policy: LanePolicy::default(),
            slots: None,
            clock: None,
            bell: Arc::default(),
            lanes: SmallVec::new(),
        }
    }

    /// Starts to attach a slot that reads all lanes. One that is to read a single lane is attached to that: [`Self::lanes`].
    ///
    /// It runs [`SlotBuilder::after`] another slot of all lanes lane by lane, and after a slot of a single lane in that lane.
    pub fn slot(&self, name: &str) -> SlotBuilder<F> {
        SlotBuilder::of_lanes(self.clone(), Name::new(name))
    }

    /// The bus's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.inner.name
    }

    /// The lanes, each a bus of its own, the most urgent first.
    #[must_use]
    pub fn lanes(&self) -> &[Bus<F>] {
        &self.inner.lanes
    }

    /// How slots share their turns between the lanes.
    #[must_use]
    pub fn policy(&self) -> &LanePolicy {
        &self.inner.policy
    }

    /// The clock that publish times are read from.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.inner.lanes[0].clock()
    }

    /// Events published so far in all lanes (as [`Bus::published`]).
    #[must_use]
    pub fn published(&self) -> u64 {
        self.lanes().iter().map(Bus::published).sum()
    }

    /// Refuses publications from here on in all lanes; slots finish what is there and stop.
    pub fn close(&self) {
        self.lanes().iter().for_each(Bus::close);
    }

    pub(super) fn arenas(&self) -> Box<[Option<Arc<ByteArena>>]> {
        self.lanes().iter().map(|lane| lane.inner.arena.clone()).collect()
    }

    /// Whom a slot runs after in one lane, of all that it is to run after.
    pub(super) fn after_in(&self, lane: usize, after: &[ReaderId]) -> Places {
        let slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |reader: &ReaderId| match slots.iter().find(|places| places.first() == Some(reader)) {
            Some(places) => places.get(lane).copied(),
            // Of a single lane: only that one is concerned. One that is nowhere is left for lane 0 to refuse.
            None => match self.lanes().iter().position(|bus| bus.inner.ring.reader_at(*reader).is_some()) {
                Some(other) => (other == lane).then_some(*reader),
                None => (lane == 0).then_some(*reader),
            },
        };
        after.iter().filter_map(place).collect()
    }

    /// A slot has joined; those that have gone are forgotten.
    pub(super) fn enter(&self, places: Places) {
        let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = &self.inner.lanes[0].inner.ring;
        slots.retain(|known| known.first().is_some_and(|place| ring.reader_at(*place).is_some()));
        slots.push(places);
    }
}

/// What a view needs of a slot's lanes: the slot has a place in each, and the one it is named by is that in lane 0.
pub(super) struct LaneControl<F: Family> {
    pub(super) lanes: Lanes<F>,
    pub(super) places: Places,
}

impl<F: Family> LaneControl<F> {
    fn each(&self) -> impl Iterator<Item = (&Bus<F>, ReaderId)> {
        self.lanes.lanes().iter().zip(self.places.iter().copied())
    }
}

impl<F: Family> BusControl for LaneControl<F> {
    fn name(&self) -> Name {
        self.lanes.name()
    }

    fn clock(&self) -> &Clock {
        self.lanes.clock()
    }

    fn set_wait_strategy(&self, _: ReaderId, strategy: WaitStrategy) {
        self.each().for_each(|(bus, place)| bus.set_wait_strategy(place, strategy));
    }

    fn published(&self) -> u64 {
        self.lanes.published()
    }

    fn tag_at(&self, lane: usize, sequence: u64) -> Option<Tag> {
        self.lanes.lanes().get(lane)?.inner.ring.copy_of(sequence).map(|cell| cell.as_event().tag())
    }

    fn position_in(&self, lane: usize) -> Option<u64> {
        self.lanes.lanes().get(lane)?.inner.ring.reader_at(*self.places.get(lane)?)
    }

    fn lanes(&self) -> Vec<(ReaderId, u64)> {
        self.each().map(|(bus, place)| (place, bus.published())).collect()
    }

    fn is_revoked(&self, _: ReaderId) -> bool {
        self.each().all(|(bus, place)| bus.inner.ring.is_revoked(place))
    }

    fn revoke(&self, _: ReaderId) -> bool {
        // All of them, also where one fails: whatever is free frees its publishers.
        let free = |(bus, place): (&Bus<F>, ReaderId)| {
            let ring = &bus.inner.ring;
            ring.revoke(place) || ring.is_revoked(place)
        };
        self.each().filter(|lane| !free(*lane)).count() == 0
    }
}

/// Why a bus with lanes was not built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LanesError {
    /// No lane, or more than four.
    Count {
        /// The bus.
        bus: Name,
        /// How many.
        lanes: usize,
    },
    /// The weights are not one for each lane, or one of them is out of bounds.
    Weights {
        /// The bus.
        bus: Name,
        /// What was asked for.
        weights: Vec<u32>,
        /// How many lanes there are.
        lanes: usize,
    },
    /// The bound on starvation is out of bounds.
    Starvation {
        /// The bus.
        bus: Name,
        /// What was asked for.
        starvation: u64,
    },
    /// A group was to share the events of all lanes by key: it needs one order, and each lane has its own.
    Group {
        /// The bus.
        bus: Name,
        /// The group.
        group: Name,
    },
    /// A lane's ring was not built.
    Ring {
        /// The bus.
        bus: Name,
        /// The lane.
        lane: usize,
        /// What the ring said.
        cause: RingError,
    },
}

impl LanesError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Count { .. } => "TR-0991",
            Self::Weights { .. } => "TR-0992",
            Self::Starvation { .. } => "TR-0993",
            Self::Group { .. } => "TR-0994",
            Self::Ring { cause, .. } => cause.code(),
        }
    }
}

impl fmt::Display for LanesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { bus, lanes } => {
                write!(
                    f,
                    "bus {bus}: {lanes} lanes; a bus has 1 to {LANES_MAX}; give what is equally urgent one lane"
                )?;
            }
            Self::Weights { bus, weights, lanes } => write!(
                f,
                "bus {bus}: weights {weights:?} for {lanes} {}; give each lane one, from 1 to {WEIGHT_MAX}",
                if *lanes == 1 { "lane" } else { "lanes" }
            )?,
            Self::Starvation { bus, starvation } => {
                write!(f, "bus {bus}: a starvation bound of {starvation} events; take 1 to {STARVATION_MAX}")?;
            }
            Self::Group { bus, group } => write!(
                f,
                "bus {bus}: group {group} on a bus with lanes, which has no single order; make it a group of one lane, or of a bus without"
            )?,
            Self::Ring { bus, lane, cause } => return write!(f, "bus {bus}, lane {lane}: {cause}"),
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for LanesError {}

/// What a slot has done in one lane of its bus: counts of one moment, but for `published` and `lag`, which are a moment younger.
/// `joined + delivered + filtered + dead + expired + shed + holes == position`, and added up over the lanes each is that of [`super::SlotStats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneStats {
    /// The lane; 0 is the most urgent.
    pub lane: usize,
    /// The slot's place in it, for a slot of that lane alone to run after.
    pub place: ReaderId,
    /// Events published in it.
    pub published: u64,
    /// The first sequence that the slot was to see.
    pub joined: u64,
    /// The next one: all below is done.
    pub position: u64,
    /// Events behind.
    pub lag: u64,
    /// Events its handler has seen and not refused.
    pub delivered: u64,
    /// Events outside its tag set.
    pub filtered: u64,
    /// Events refused, or lost to a panic.
    pub dead: u64,
    /// Events whose deadline was over.
    pub expired: u64,
    /// Events that the mode of the bus left out.
    pub shed: u64,
    /// Sequences that carried no event.
    pub holes: u64,
}

#[cfg(test)]
#[allow(unreachable_pub, dead_code, reason = "the macro declares what is public in a crate of its own")]
mod tests {
    use super::*;

    crate::events! { pub mod market; pub struct Quote = 1, v1 { pub price: i64 } }

    #[test]
    fn issue_4582_all_lanes_share_the_doorbell_and_the_clock() {
        let bell = Arc::default();
        let mut builder = Lanes::<market::Events>::builder("md").doorbell(&bell);
        let _publishers = (builder.single(4).unwrap(), builder.many(4).unwrap(), builder.single(4).unwrap());
        let md = builder.build().unwrap();
        assert!(md.lanes().iter().all(|lane| Arc::ptr_eq(lane.inner.ring.doorbell(), &bell)));
        let now = md.clock().now();
        assert!(md.lanes().iter().all(|lane| lane.clock().now() >= now), "their times can be compared");
        let names: Vec<_> = md.lanes().iter().map(|lane| lane.name().to_string()).collect();
        assert_eq!(names, ["md.0", "md.1", "md.2"]);
    }
}
