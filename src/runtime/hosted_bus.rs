//! A bus as its runtime keeps it: the bus itself, its publishers until somebody takes them, its dead letters, its slots by name.

use super::bus_modes::BusModes;
use super::config::{BusConfig, DegradationConfig, Grant, PublisherConfig};
use super::error::{Kind, RuntimeError};
use super::gates::{GatePost, PublisherSnapshot};
use super::hosted_history::{HostedHistory, Keeping, history_bytes};
use super::hosted_slot::HostedSlot;
use super::machine::{Granted, MemoryRange, huge_pages};
use super::reserve::Reservation;
use super::service::ServiceShared;
use super::shared::lock;
use super::snapshot::{HistorySnapshot, LaneSnapshot};
use crate::bus::{Bus, Group, Lanes, LanesError, LookAfter, Name, Publisher, SharedPublisher, SlotView};
use crate::clock::{Clock, Ticks};
use crate::event::{Family, Tag};
use crate::gate::{Configured, GatedPublisher, GatedSharedPublisher, RuleError};
use crate::retain::{DeadLetterStats, DeadLetters, HistoryReader};
use crate::ring::{Doorbell, RingError};
use arc_swap::ArcSwap;
use core::time::Duration;
use crossbeam_utils::atomic::AtomicCell;
use std::any::Any;
use std::sync::{Arc, Mutex, Weak};

/// The bus of one family.
pub(super) struct HostedBus<F: Family> {
    pub(super) name: Name,
    /// Where it has several lanes the most urgent one.
    pub(super) bus: Bus<F>,
    pub(super) lanes: Option<Lanes<F>>,
    pub(super) config: BusConfig,
    pub(super) letters: Option<DeadLetters<F>>,
    pub(super) modes: Option<Arc<BusModes>>,
    history: HostedHistory<F>,
    /// By name. Without one any will do: the only publisher where none is configured.
    ports: Vec<(Option<Name>, Ports<F>)>,
    gates: Vec<GatePost>,
    slots: ArcSwap<Vec<Arc<HostedSlot>>>,
    /// Groups that the service thread looks after, for as long as there is something of them.
    groups: Mutex<Vec<Weak<dyn LookAfter>>>,
    reservation: Reservation,
}

/// A publisher that nobody has taken yet, of the kind that its ring is made for. Taken by an atomic exchange.
enum Ports<F: Family> {
    One(Port<Publisher<F>>),
    Many(Port<SharedPublisher<F>>),
}

/// A publisher, until somebody takes it.
type Port<P> = AtomicCell<Option<Box<P>>>;

/// A bus, whatever its family.
pub(super) trait AnyBus: Send + Sync {
    fn name(&self) -> Name;
    fn family(&self) -> &'static str;
    fn capacity(&self) -> usize;
    fn published(&self) -> u64;
    fn memory_bytes(&self) -> u64;
    fn slots(&self) -> Arc<Vec<Arc<HostedSlot>>>;
    /// The name of an event of this bus.
    fn event_name(&self, tag: Tag) -> Option<&'static str>;
    /// No publisher can publish any more; slots finish.
    fn close(&self);
    /// Letters kept, and letters lost because there was no room.
    fn dead_letters(&self) -> (u64, u64);
    /// Events that publishers dropped, and times that they waited, because the ring was full.
    fn overflows(&self) -> (u64, u64);
    /// The groups of its history.
    fn history(&self) -> Vec<HistorySnapshot>;
    /// Its lanes; empty where it is a single ring.
    fn lanes(&self) -> Vec<LaneSnapshot>;
    /// Its publishers that are configured with gates.
    fn gated_publishers(&self) -> Vec<PublisherSnapshot>;
    /// All counts of its dead letters; `None` where none are kept.
    fn letter_stats(&self) -> Option<DeadLetterStats>;
    /// How old dead letters may get; `None`: they are kept for ever, or none are kept.
    fn dead_letter_age_max(&self) -> Option<Duration>;
    /// Forgets letters that are older than that, unless somebody is at them.
    fn purge(&self, age: Duration);
    /// The buses whose slots publish to this one.
    fn sources(&self) -> Vec<Name>;
    /// Looks after its groups.
    fn look_after_groups(&self);
    /// Takes a slot off the list that was entered and never attached.
    fn forget(&self, slot: &Arc<HostedSlot>);
    /// Asks for huge pages under its rings.
    fn huge_pages(&self, asked: Grant) -> Vec<Granted>;
    /// Its modes, where it has any, and what brings them about.
    fn modes(&self) -> Option<&Arc<BusModes>>;
    fn degradation(&self) -> &DegradationConfig;
    /// When the oldest event that a slot, which stands at `position`, has not done should have been published, while it is in the ring.
    fn time_of_next(&self, view: &SlotView, position: u64) -> Option<Ticks>;
    fn typed(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// Bytes that a bus of this family takes: cells with their stamps, the arena and its index, dead letters, history, gates. Histograms belong
/// to slots.
pub(super) fn bytes_of<F: Family>(config: &BusConfig) -> u64 {
    let cell = (size_of::<F::Cell>() as u64 + 8).next_multiple_of(64);
    let index = if config.arena_bytes > 0 { config.capacity_cells.saturating_mul(40) } else { 0 };
    // As much again where letters are looked at and not taken out.
    let letters =
        config.dead_letters_max.checked_next_power_of_two().unwrap_or(u64::MAX).saturating_mul(2 * (cell + 64));
    let letters = if config.dead_letters_max > 0 { letters } else { 0 };
    let gates = config.publishers.values().map(|publisher| publisher.gate.memory_bytes::<F>());
    let gates = gates.fold(0, u64::saturating_add);
    // Each lane is a ring, and has bytes where it has one publisher.
    let arenas = config.arena_bytes.saturating_add(index).saturating_mul(config.lanes_with_bytes());
    cell.saturating_mul(config.capacity_cells)
        .saturating_mul(u64::from(config.lanes.count))
        .saturating_add(gates)
        .saturating_add(arenas)
        .saturating_add(letters)
        .saturating_add(history_bytes::<F>(config))
}

impl<F: Family> HostedBus<F> {
    /// Builds the bus, its publishers and its dead letters.
    pub(super) fn build(
        name: Name,
        config: BusConfig,
        clock: &Clock,
        bell: &Arc<Doorbell>,
        service: &Arc<ServiceShared>,
        reservation: Reservation,
    ) -> Result<Arc<Self>, RuntimeError> {
        let modes = BusModes::of::<F>(name, &config.degradation, clock, service)?;
        let gates = GatePost::all::<F>(name, &config)?;
        let ring = |cause| RuntimeError::Ring { bus: name, cause };
        let (bus, lanes, ports) = if config.lanes.count > 1 {
            let (lanes, ports) = with_lanes(name, &config, clock, bell).map_err(RuntimeError::Lanes)?;
            (lanes.lanes()[0].clone(), Some(lanes), ports)
        } else {
            let (bus, ports) = without_lanes(name, &config, clock, bell).map_err(ring)?;
            (bus, None, ports)
        };
        let letters = match (size(config.dead_letters_max), &lanes) {
            (0, _) => None,
            (letters, None) => Some(DeadLetters::new(&bus, letters).map_err(ring)?),
            (letters, Some(lanes)) => Some(DeadLetters::of_lanes(lanes, letters).map_err(ring)?),
        };
        let history = HostedHistory::build(&bus, &config)?;
        Ok(Arc::new(Self {
            name,
            bus,
            lanes,
            config,
            letters,
            modes,
            history,
            ports,
            gates,
            slots: ArcSwap::default(),
            groups: Mutex::default(),
            reservation,
        }))
    }

    /// A reader of a group of its history.
    pub(super) fn history(&self, name: &str) -> Result<HistoryReader<F>, RuntimeError> {
        let known = || self.config.history.keys().cloned().collect();
        let unknown = || RuntimeError::Unknown { kind: Kind::History, name: name.to_owned(), known: known() };
        self.history.reader(name).ok_or_else(unknown)
    }

    /// Takes the handlers that keep its history, to be attached.
    pub(super) fn take_keepers(&self) -> Vec<Keeping<F>> {
        self.history.take_keepers()
    }

    /// Takes the only publisher of the bus, or of its lane, which has no gates.
    pub(super) fn publisher(&self, name: &str) -> Result<Publisher<F>, RuntimeError> {
        self.refuse_gated(name)?;
        self.take_only(name)
    }

    /// Takes the only publisher, behind its gates.
    pub(super) fn gated_publisher(&self, name: &str) -> Result<GatedPublisher<F>, RuntimeError> {
        let publisher = self.take_only(name)?;
        let gates = self.gates_of(name)?;
        publisher
            .gate_with(gates, GatePost::take::<F>(&self.gates, Name::new(name)))
            .map_err(|cause| self.wrong_gate(name, cause))
    }

    /// Takes one of many publishers, behind its gates.
    pub(super) fn gated_shared_publisher(&self, name: &str) -> Result<GatedSharedPublisher<F>, RuntimeError> {
        let publisher = self.take_one_of_many(name)?;
        let gates = self.gates_of(name)?;
        publisher
            .gate_with(gates, GatePost::take::<F>(&self.gates, Name::new(name)))
            .map_err(|cause| self.wrong_gate(name, cause))
    }

    fn gates_of(&self, publisher: &str) -> Result<Configured<F>, RuntimeError> {
        let config = self.config.publishers.get(publisher);
        config.map_or(Ok(Configured::default()), |config| config.gates(self.name, publisher))
    }

    fn wrong_gate(&self, publisher: &str, cause: RuleError) -> RuntimeError {
        RuntimeError::Gate { bus: self.name, publisher: publisher.to_owned(), cause: Box::new(cause) }
    }

    fn refuse_gated(&self, publisher: &str) -> Result<(), RuntimeError> {
        if !self.gates.iter().any(|post| post.publisher == Name::new(publisher)) {
            return Ok(());
        }
        let many = self.ports.iter().any(|(known, port)| {
            known.is_some_and(|known| known == Name::new(publisher)) && matches!(port, Ports::Many(_))
        });
        Err(RuntimeError::Gated { bus: self.name, publisher: publisher.to_owned(), many })
    }

    fn take_only(&self, name: &str) -> Result<Publisher<F>, RuntimeError> {
        match self.port(name, false)? {
            Ports::One(port) => port.take().map(|publisher| *publisher).ok_or_else(|| taken(Kind::Publisher, name)),
            Ports::Many(_) => Err(self.wrong_kind(name, true)),
        }
    }

    /// Takes one of many publishers, which has no gates.
    pub(super) fn shared_publisher(&self, name: &str) -> Result<SharedPublisher<F>, RuntimeError> {
        self.refuse_gated(name)?;
        self.take_one_of_many(name)
    }

    fn take_one_of_many(&self, name: &str) -> Result<SharedPublisher<F>, RuntimeError> {
        match self.port(name, true)? {
            Ports::Many(port) => port.take().map(|publisher| *publisher).ok_or_else(|| taken(Kind::Publisher, name)),
            Ports::One(_) => Err(self.wrong_kind(name, false)),
        }
    }

    /// The publisher of that name. Where none is of the kind asked for, that is what is wrong, whatever its name.
    fn port(&self, name: &str, many: bool) -> Result<&Ports<F>, RuntimeError> {
        if !self.ports.iter().any(|(_, port)| matches!(port, Ports::Many(_)) == many) {
            return Err(self.wrong_kind(name, !many));
        }
        let is_it = |known: &Option<Name>| known.is_none_or(|known| known == Name::new(name));
        let port = self.ports.iter().find(|(known, _)| is_it(known));
        port.map(|(_, port)| port).ok_or_else(|| self.unknown_publisher(name))
    }

    fn wrong_kind(&self, name: &str, many: bool) -> RuntimeError {
        RuntimeError::Publishers { bus: self.name, publisher: name.to_owned(), many }
    }

    fn unknown_publisher(&self, name: &str) -> RuntimeError {
        let known = self.config.publishers.keys().cloned().collect();
        RuntimeError::Unknown { kind: Kind::Publisher, name: name.to_owned(), known }
    }

    /// Its rings: one, or one for each lane.
    fn rings(&self) -> &[Bus<F>] {
        self.lanes.as_ref().map_or(core::slice::from_ref(&self.bus), Lanes::lanes)
    }

    /// The slot of that name, if it was attached. Lock-free.
    pub(super) fn slot(&self, name: Name) -> Option<Arc<HostedSlot>> {
        self.slots.load().iter().find(|slot| slot.name == name).cloned()
    }

    /// Enters a slot, in the place of one of that name that is over. False where that one is not.
    pub(super) fn enter(&self, slot: &Arc<HostedSlot>) -> bool {
        let mut entered = false;
        self.slots.rcu(|slots| {
            let mut slots = Vec::clone(slots);
            entered = !slots.iter().any(|known| known.name == slot.name && !known.is_over());
            if entered {
                slots.retain(|known| known.name != slot.name);
                // What is over is kept to be looked at, as long as there is room.
                if slots.len() >= self.config.slots_max as usize {
                    slots.retain(|known| !known.is_over());
                }
                slots.push(Arc::clone(slot));
            }
            slots
        });
        entered
    }

    /// From here on the service thread looks after this group.
    pub(super) fn look_after(&self, group: &Group<F>) {
        lock(&self.groups).push(Arc::downgrade(&group.looked_after()));
    }

    /// The slots that are on the list.
    pub(super) fn slot_names(&self) -> Vec<String> {
        self.slots.load().iter().map(|slot| slot.name.to_string()).collect()
    }

    /// Takes a slot out that was never started, or whose handler was handed back.
    pub(super) fn leave(&self, slot: &Arc<HostedSlot>) {
        self.slots.rcu(|slots| {
            let mut slots = Vec::clone(slots);
            slots.retain(|known| !Arc::ptr_eq(known, slot));
            slots
        });
    }
}

fn taken(kind: Kind, name: &str) -> RuntimeError {
    RuntimeError::Taken { kind, name: name.to_owned() }
}

/// The bus, and its publishers.
type Built<B, F> = (B, Vec<(Option<Name>, Ports<F>)>);

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn without_lanes<F: Family>(
    name: Name,
    config: &BusConfig,
    clock: &Clock,
    bell: &Arc<Doorbell>,
) -> Result<Built<Bus<F>, F>, RingError> {
    let builder = Bus::<F>::builder(name.as_str())
        .capacity(size(config.capacity_cells))
        .slots(config.slots_max as usize)
        .byte_limit(size(config.arena_bytes))
        .clock(clock.clone())
        .doorbell(bell);
    if config.has_many_publishers() {
        let (bus, first) = builder.many()?;
        Ok((bus, Ports::many(config, 0, &first)))
    } else {
        let (bus, publisher) = builder.single()?;
        Ok((bus, vec![Ports::one(config, 0, publisher)]))
    }
}

fn with_lanes<F: Family>(
    name: Name,
    config: &BusConfig,
    clock: &Clock,
    bell: &Arc<Doorbell>,
) -> Result<Built<Lanes<F>, F>, LanesError> {
    let mut builder = Lanes::<F>::builder(name.as_str())
        .policy(config.lanes.policy())
        .slots(config.slots_max as usize)
        .clock(clock.clone())
        .doorbell(bell);
    let mut ports = Vec::new();
    let cells = size(config.capacity_cells);
    for lane in 0..config.lanes.count {
        if config.has_many_publishers_in(lane) {
            ports.extend(Ports::many(config, lane, &builder.many(cells)?));
        } else {
            let port = Ports::one(config, lane, builder.single_with_bytes(cells, size(config.arena_bytes))?);
            // A lane that nobody publishes to is closed from the start.
            ports.extend(port.0.is_some().then_some(port));
        }
    }
    Ok((builder.build()?, ports))
}

impl<F: Family> Ports<F> {
    /// The configured publishers of a lane.
    fn of(config: &BusConfig, lane: u32) -> impl Iterator<Item = (Name, &PublisherConfig)> {
        let publishers = config.publishers.iter().filter(move |(_, publisher)| publisher.lane == lane);
        publishers.map(|(name, publisher)| (Name::new(name), publisher))
    }

    fn one(config: &BusConfig, lane: u32, publisher: Publisher<F>) -> (Option<Name>, Self) {
        let (name, publisher) = match Self::of(config, lane).next() {
            Some((name, config)) => (Some(name), config.apply(publisher)),
            None => (None, publisher),
        };
        (name, Self::One(AtomicCell::new(Some(Box::new(publisher)))))
    }

    fn many(config: &BusConfig, lane: u32, first: &SharedPublisher<F>) -> Vec<(Option<Name>, Self)> {
        let port = |(name, config): (Name, &PublisherConfig)| {
            let publisher = config.apply(first.clone());
            (Some(name), Self::Many(AtomicCell::new(Some(Box::new(publisher)))))
        };
        Self::of(config, lane).map(port).collect()
    }
}

impl<F: Family> AnyBus for HostedBus<F> {
    fn name(&self) -> Name {
        self.name
    }

    fn family(&self) -> &'static str {
        F::NAME
    }

    fn capacity(&self) -> usize {
        self.rings().iter().map(Bus::capacity).sum()
    }

    fn published(&self) -> u64 {
        self.rings().iter().map(Bus::published).sum()
    }

    fn memory_bytes(&self) -> u64 {
        self.reservation.bytes()
    }

    fn slots(&self) -> Arc<Vec<Arc<HostedSlot>>> {
        self.slots.load_full()
    }

    fn event_name(&self, tag: Tag) -> Option<&'static str> {
        F::schema_of(tag).map(|schema| schema.name)
    }

    fn close(&self) {
        self.rings().iter().for_each(Bus::close);
    }

    fn dead_letters(&self) -> (u64, u64) {
        self.letters.as_ref().map_or((0, 0), |letters| (letters.len() as u64, letters.overflowed()))
    }

    fn history(&self) -> Vec<HistorySnapshot> {
        self.history.readers().map(HistorySnapshot::of).collect()
    }

    fn overflows(&self) -> (u64, u64) {
        let sum = |count: fn(&Bus<F>) -> u64| self.rings().iter().map(count).sum();
        (sum(Bus::shed), sum(Bus::waits))
    }

    fn lanes(&self) -> Vec<LaneSnapshot> {
        let lanes = self.lanes.as_ref().map_or(&[][..], Lanes::lanes);
        let snapshot = |(lane, bus): (usize, &Bus<F>)| LaneSnapshot {
            lane,
            capacity: bus.capacity() as u64,
            published: bus.published(),
            shed: bus.shed(),
            waits: bus.waits(),
        };
        lanes.iter().enumerate().map(snapshot).collect()
    }

    fn gated_publishers(&self) -> Vec<PublisherSnapshot> {
        GatePost::snapshots(&self.gates)
    }

    fn letter_stats(&self) -> Option<DeadLetterStats> {
        self.letters.as_ref().map(DeadLetters::stats)
    }

    fn dead_letter_age_max(&self) -> Option<Duration> {
        let age_ms = self.config.dead_letter_age_max_ms;
        (self.letters.is_some() && age_ms > 0).then(|| Duration::from_millis(age_ms))
    }

    fn purge(&self, age: Duration) {
        if let Some(letters) = &self.letters {
            letters.purge_if_free(age);
        }
    }

    fn sources(&self) -> Vec<Name> {
        let slots = self.config.publishers.values().filter_map(|publisher| publisher.slot.split_once('.'));
        slots.map(|(bus, _)| Name::new(bus)).collect()
    }

    fn look_after_groups(&self) {
        let mut groups = lock(&self.groups);
        groups.retain(|group| group.strong_count() > 0);
        groups.iter().filter_map(Weak::upgrade).for_each(|group| group.look());
    }

    fn forget(&self, slot: &Arc<HostedSlot>) {
        self.leave(slot);
    }

    fn huge_pages(&self, asked: Grant) -> Vec<Granted> {
        let ranges = self.rings().iter().map(Bus::memory);
        ranges.map(|(start, bytes)| huge_pages(MemoryRange::at(start, bytes), asked)).collect()
    }

    fn modes(&self) -> Option<&Arc<BusModes>> {
        self.modes.as_ref()
    }

    fn degradation(&self) -> &DegradationConfig {
        &self.config.degradation
    }

    fn time_of_next(&self, view: &SlotView, position: u64) -> Option<Ticks> {
        let Some(lanes) = &self.lanes else { return self.bus.time_of(position) };
        let behind = lanes.lanes().iter().zip(view.lanes()).filter(|(_, lane)| lane.lag > 0);
        behind.filter_map(|(bus, lane)| bus.time_of(lane.position)).min()
    }

    fn typed(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
