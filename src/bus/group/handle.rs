//! A group from outside: how to build it, how to make members of it, what it has done.

use super::error::GroupError;
use super::keeper::{Keeper, LookAfter};
use super::member::Member;
use super::partition::{self, Partitions};
use crate::bus::builder::Bus;
use crate::bus::handler::Handler;
use crate::bus::name::Name;
use crate::bus::state::SlotState;
use crate::bus::view::SlotView;
use crate::event::Family;
use std::sync::Arc;

/// How to build a [`Group`].
#[must_use = "a builder builds nothing until `build` is called"]
pub struct GroupBuilder<F: Family> {
    bus: Bus<F>,
    name: Name,
    partitions: u32,
    keeps: bool,
}

impl<F: Family> Bus<F> {
    /// Starts to build a group of slots that share this bus's events by key.
    pub fn group(&self, name: &str) -> GroupBuilder<F> {
        GroupBuilder { bus: self.clone(), name: Name::new(name), partitions: partition::DEFAULT, keeps: false }
    }
}

impl<F: Family> GroupBuilder<F> {
    /// Partitions that keys fall into: a power of two from 2 to 1,024. Default 256. Members differ by one partition at most, so some ten for each
    /// member keep their shares within a tenth.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = partitions;
        self
    }

    /// Whether the ring is held for members to come while there is none: nothing is lost then, and publishers find it full in the end. Default
    /// no: as with a slot, what is published while nobody is there is not seen.
    pub fn keep_while_empty(mut self, keeps: bool) -> Self {
        self.keeps = keeps;
        self
    }

    /// Builds the group. It has no members and holds nothing yet.
    ///
    /// # Errors
    /// [`GroupError::Partitions`], [`GroupError::Bytes`].
    pub fn build(self) -> Result<Group<F>, GroupError> {
        let Self { bus, name, partitions, keeps } = self;
        let count = Partitions::new(partitions).ok_or(GroupError::Partitions { group: name, partitions })?;
        if bus.inner.arena.is_some() {
            return Err(GroupError::Bytes { group: name, bus: bus.name() });
        }
        Ok(Group { keeper: Arc::new(Keeper::new(bus, name, count, keeps)) })
    }
}

/// A group of slots that share the events of one bus by key: each event is handled by one of them, those of one key in order, also while
/// members are added, detached, quarantined or fail. Cheap to clone.
///
/// ```
/// use tagring::bus::{Bus, Context, Handler, Outcome};
/// use tagring::event::Event;
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
///
/// #[derive(Default)]
/// struct Volume(u64);
/// impl Handler for Volume {
///     fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
///         self.0 += event.get::<market::Trade>().map_or(0, |trade| trade.qty);
///         Outcome::Done
///     }
/// }
///
/// let (bus, mut feed) = Bus::<market::Events>::builder("md").capacity(1024).single()?;
/// let group = bus.group("volume").build()?;
/// let mut one = bus.slot("volume-1").attach_here(group.member(Volume::default())?)?;
/// let mut two = bus.slot("volume-2").attach_here(group.member(Volume::default())?)?;
/// for key in 0..100 {
///     feed.publish(key, &market::Trade { qty: 1 })?;
/// }
/// while one.turn() | two.turn() {}
/// let volumes = [one, two].map(|slot| slot.detach().map_or(0, |member| member.into_inner().0));
/// assert_eq!(volumes[0] + volumes[1], 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Group<F: Family> {
    keeper: Arc<Keeper<F>>,
}

impl<F: Family> Clone for Group<F> {
    fn clone(&self) -> Self {
        Self { keeper: Arc::clone(&self.keeper) }
    }
}

impl<F: Family> Group<F> {
    /// Makes a handler a member, to be attached to a slot of the group's bus in any of the ways there are. From here on events are kept for the
    /// group; the member takes its part once its `on_start` has returned. It leaves when its slot ends.
    ///
    /// # Errors
    /// [`GroupError::NoPlace`], [`GroupError::MembersExhausted`]. (A member that is attached to another bus panics in `on_start`:
    /// [`GroupError::OtherBus`].)
    pub fn member<H: Handler>(&self, handler: H) -> Result<Member<F, H>, GroupError> {
        Member::new(&self.keeper, handler)
    }

    /// The group's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.keeper.name
    }

    /// How keys fall into partitions.
    #[must_use]
    pub fn partitions(&self) -> Partitions {
        self.keeper.partitions
    }

    /// The slot that handles the events of a key now; `None` while they wait to be taken up.
    #[must_use]
    pub fn owner_of(&self, key: u32) -> Option<Name> {
        self.keeper.table().owner(self.keeper.partitions.of(key))
    }

    /// Takes the partitions of members whose slots have ended without their handlers' return. Members do that for each other; a runtime does it at
    /// intervals. Needed where the last member sticks and is quarantined.
    pub fn look(&self) {
        self.keeper.look();
    }

    /// Ends a member's slot from outside, also while its handler sticks, and gives its partitions to others: [`SlotView::quarantine`], then
    /// [`Self::look`]. Returns whether its slot gates nobody now.
    pub fn quarantine(&self, member: &SlotView) -> bool {
        let quarantined = member.quarantine();
        self.look();
        quarantined
    }

    /// What the group and its members have done.
    #[must_use]
    pub fn stats(&self) -> GroupStats {
        let table = self.keeper.table();
        let member = |(number, entry): (usize, &super::table::Entry)| {
            let view = entry.view.as_ref()?;
            let (held, late) = table.share_of(number as u16);
            Some(MemberStats { slot: view.name(), state: view.state(), held, late, counts: entry.shared.counts() })
        };
        let entries =
            table.entries.iter().enumerate().filter_map(|(at, entry)| entry.as_ref().map(|entry| (at, entry)));
        GroupStats {
            partitions: self.keeper.partitions.count(),
            free: table.free(),
            members: entries.filter_map(member).collect(),
            past: table.past(),
            rebalances: table.rebalances,
            moved: table.moved,
            abandoned: table.abandoned,
            guard: table.guard.as_ref().map(crate::ring::Reader::position),
        }
    }

    pub(crate) fn looked_after(&self) -> Arc<dyn LookAfter> {
        let keeper: Arc<Keeper<F>> = Arc::clone(&self.keeper);
        keeper
    }
}

/// Events of one member, as of its last turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberCounts {
    /// Handled as they came, refused and fatal ones included.
    pub handled: u64,
    /// Passed over: others', or its own before it had caught up.
    pub passed: u64,
    /// Handled late, read again from the ring.
    pub caught_up: u64,
    /// Refused late, or died over late. They are in no slot's account of dead events, and are no dead letters.
    pub late_dead: u64,
}

impl MemberCounts {
    pub(super) fn add(&mut self, other: &Self) {
        self.handled += other.handled;
        self.passed += other.passed;
        self.caught_up += other.caught_up;
        self.late_dead += other.late_dead;
    }
}

/// A member from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberStats {
    /// Its slot.
    pub slot: Name,
    /// The slot's state.
    pub state: SlotState,
    /// Partitions whose events it takes as they come.
    pub held: u32,
    /// Partitions that it catches up with.
    pub late: u32,
    /// Its events.
    pub counts: MemberCounts,
}

/// A group from outside. Partitions add up; counts of events are each of their own moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStats {
    /// Partitions.
    pub partitions: u32,
    /// Partitions that nobody has at this moment: their events wait.
    pub free: u32,
    /// Members that take part.
    pub members: Vec<MemberStats>,
    /// What members did that are no more.
    pub past: MemberCounts,
    /// Times that partitions were dealt anew.
    pub rebalances: u64,
    /// Partitions that changed hands thereby.
    pub moved: u64,
    /// Sequences that nobody has looked at because there was no member, or the last one ended before them.
    pub abandoned: u64,
    /// Where the group's own reader stands: events from there on are kept. `None` while there is no member.
    pub guard: Option<u64>,
}

impl GroupStats {
    /// The events of all members, also of those that are no more.
    #[must_use]
    pub fn totals(&self) -> MemberCounts {
        let mut totals = self.past;
        self.members.iter().for_each(|member| totals.add(&member.counts));
        totals
    }
}
