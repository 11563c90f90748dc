//! A bus as its runtime keeps it: the bus itself, its publishers until somebody takes them, its dead letters, its slots by name.

use super::bus_modes::BusModes;
use super::config::{BusConfig, DegradationConfig, Grant};
use super::error::{Kind, RuntimeError};
use super::gates::{GatePost, PublisherSnapshot};
use super::hosted_history::{HostedHistory, Keeping, history_bytes};
use super::hosted_slot::HostedSlot;
use super::machine::{Granted, MemoryRange, huge_pages};
use super::reserve::Reservation;
use super::service::ServiceShared;
use super::shared::lock;
use super::snapshot::HistorySnapshot;
use crate::bus::{Bus, Group, LookAfter, Name, Publisher, SharedPublisher};
use crate::clock::{Clock, Ticks};
use crate::event::{Family, Tag};
use crate::gate::{Configured, GatedPublisher, GatedSharedPublisher, RuleError};
use crate::retain::{DeadLetterStats, DeadLetters, HistoryReader};
use crate::ring::Doorbell;
use arc_swap::ArcSwap;
use core::time::Duration;
use crossbeam_utils::atomic::AtomicCell;
use std::any::Any;
use std::sync::{Arc, Mutex, Weak};

/// The bus of one family.
pub(super) struct HostedBus<F: Family> {
    pub(super) bus: Bus<F>,
    pub(super) config: BusConfig,
    pub(super) letters: Option<DeadLetters<F>>,
    pub(super) modes: Option<Arc<BusModes>>,
    history: HostedHistory<F>,
    ports: Ports<F>,
    gates: Vec<GatePost>,
    slots: ArcSwap<Vec<Arc<HostedSlot>>>,
    /// Groups that the service thread looks after, for as long as there is something of them.
    groups: Mutex<Vec<Weak<dyn LookAfter>>>,
    reservation: Reservation,
}

/// Publishers that nobody has taken yet, by name. Taken by an atomic exchange.
enum Ports<F: Family> {
    /// The only one; any name will do where none is configured.
    One(Option<Name>, Port<Publisher<F>>),
    Many(Vec<(Name, Port<SharedPublisher<F>>)>),
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
    /// Asks for huge pages under the ring.
    fn huge_pages(&self, asked: Grant) -> Granted;
    /// Its modes, where it has any, and what brings them about.
    fn modes(&self) -> Option<&Arc<BusModes>>;
    fn degradation(&self) -> &DegradationConfig;
    /// When the event of a sequence should have been published, while it is in the ring.
    fn time_of(&self, sequence: u64) -> Option<Ticks>;
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
    cell.saturating_mul(config.capacity_cells)
        .saturating_add(gates)
        .saturating_add(config.arena_bytes)
        .saturating_add(index)
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
        let builder = Bus::<F>::builder(name.as_str())
            .capacity(usize::try_from(config.capacity_cells).unwrap_or(usize::MAX))
            .slots(config.slots_max as usize)
            .byte_limit(usize::try_from(config.arena_bytes).unwrap_or(usize::MAX))
            .clock(clock.clone())
            .doorbell(bell);
        let ring = |cause| RuntimeError::Ring { bus: name, cause };
        let (bus, ports) = if config.has_many_publishers() {
            let (bus, first) = builder.many().map_err(ring)?;
            (bus, Ports::many(&config, first))
        } else {
            let (bus, publisher) = builder.single().map_err(ring)?;
            let named = config.publishers.iter().next();
            let publisher = match named {
                Some((_, config)) => config.apply(publisher),
                None => publisher,
            };
            let name = named.map(|(name, _)| Name::new(name));
            (bus, Ports::One(name, AtomicCell::new(Some(Box::new(publisher)))))
        };
        let letters = match config.dead_letters_max {
            0 => None,
            letters => Some(DeadLetters::new(&bus, usize::try_from(letters).unwrap_or(usize::MAX)).map_err(ring)?),
        };
        let history = HostedHistory::build(&bus, &config)?;
        Ok(Arc::new(Self {
            bus,
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

    /// Takes the only publisher, which has no gates.
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
        config.map_or(Ok(Configured::default()), |config| config.gates(self.bus.name(), publisher))
    }

    fn wrong_gate(&self, publisher: &str, cause: RuleError) -> RuntimeError {
        RuntimeError::Gate { bus: self.bus.name(), publisher: publisher.to_owned(), cause: Box::new(cause) }
    }

    fn refuse_gated(&self, publisher: &str) -> Result<(), RuntimeError> {
        if !self.gates.iter().any(|post| post.publisher == Name::new(publisher)) {
            return Ok(());
        }
        let many = matches!(self.ports, Ports::Many(_));
        Err(RuntimeError::Gated { bus: self.bus.name(), publisher: publisher.to_owned(), many })
    }

    fn take_only(&self, name: &str) -> Result<Publisher<F>, RuntimeError> {
        let Ports::One(known, port) = &self.ports else { return Err(self.wrong_kind(name)) };
        if known.is_some_and(|known| known != Name::new(name)) {
            return Err(self.unknown_publisher(name));
        }
        port.take().map(|publisher| *publisher).ok_or_else(|| taken(Kind::Publisher, name))
    }

    /// Takes one of many publishers, which has no gates.
    pub(super) fn shared_publisher(&self, name: &str) -> Result<SharedPublisher<F>, RuntimeError> {
        self.refuse_gated(name)?;
        self.take_one_of_many(name)
    }

    fn take_one_of_many(&self, name: &str) -> Result<SharedPublisher<F>, RuntimeError> {
        let Ports::Many(ports) = &self.ports else { return Err(self.wrong_kind(name)) };
        let port = ports.iter().find(|(known, _)| *known == Name::new(name));
        let (_, port) = port.ok_or_else(|| self.unknown_publisher(name))?;
        port.take().map(|publisher| *publisher).ok_or_else(|| taken(Kind::Publisher, name))
    }

    fn wrong_kind(&self, name: &str) -> RuntimeError {
        let many = matches!(self.ports, Ports::Many(_));
        RuntimeError::Publishers { bus: self.bus.name(), publisher: name.to_owned(), many }
    }

    fn unknown_publisher(&self, name: &str) -> RuntimeError {
        let known = self.config.publishers.keys().cloned().collect();
        RuntimeError::Unknown { kind: Kind::Publisher, name: name.to_owned(), known }
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

impl<F: Family> Ports<F> {
    fn many(config: &BusConfig, first: SharedPublisher<F>) -> Self {
        let ports = config.publishers.iter().map(|(name, config)| {
            let publisher = config.apply(first.clone());
            (Name::new(name), AtomicCell::new(Some(Box::new(publisher))))
        });
        Self::Many(ports.collect())
    }
}

impl<F: Family> AnyBus for HostedBus<F> {
    fn name(&self) -> Name {
        self.bus.name()
    }

    fn family(&self) -> &'static str {
        F::NAME
    }

    fn capacity(&self) -> usize {
        self.bus.capacity()
    }

    fn published(&self) -> u64 {
        self.bus.published()
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
        self.bus.close();
    }

    fn dead_letters(&self) -> (u64, u64) {
        self.letters.as_ref().map_or((0, 0), |letters| (letters.len() as u64, letters.overflowed()))
    }

    fn history(&self) -> Vec<HistorySnapshot> {
        self.history.readers().map(HistorySnapshot::of).collect()
    }

    fn overflows(&self) -> (u64, u64) {
        (self.bus.shed(), self.bus.waits())
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

    fn huge_pages(&self, asked: Grant) -> Granted {
        let (start, bytes) = self.bus.memory();
        huge_pages(MemoryRange::at(start, bytes), asked)
    }

    fn modes(&self) -> Option<&Arc<BusModes>> {
        self.modes.as_ref()
    }

    fn degradation(&self) -> &DegradationConfig {
        &self.config.degradation
    }

    fn time_of(&self, sequence: u64) -> Option<Ticks> {
        self.bus.time_of(sequence)
    }

    fn typed(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
