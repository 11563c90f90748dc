//! What all handles of one runtime share: its configuration, its registry, its limits, and the stage it is in.

use super::config::{BusConfig, ClockChoice, Config, DEFAULT_THREAD, RuntimeConfig, SlotConfig};
use super::error::{Kind, RuntimeError};
use super::feed::FeedBody;
use super::groups::Groups;
use super::hosted_bus::{AnyBus, HostedBus, bytes_of};
use super::plan::{MachineLines, Plan};
use super::queued::Queued;
use super::registry::Registry;
use super::reserve::Limits;
use super::service::ServiceShared;
use super::stage::Stage;
use super::stop::Stop;
use super::tail::TailBook;
use crate::bus::Name;
use crate::clock::Clock;
use crate::event::{Family, checks::fnv};
use crate::ring::Doorbell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The name of the bus on which a runtime tells of itself.
pub const SYSTEM_BUS: &str = "system";

pub(super) struct Shared {
    pub(super) name: Name,
    pub(super) config: Config,
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    pub(super) limits: Arc<Limits>,
    pub(super) registry: Registry,
    /// Set at the start.
    pub(super) groups: OnceLock<Groups>,
    pub(super) service: Arc<ServiceShared>,
    pub(super) tail: TailBook,
    pub(super) stop: Arc<Stop>,
    /// Slots and feeds that wait for the start.
    pub(super) queue: Mutex<Queue>,
    pub(super) machine: MachineLines,
    stage: AtomicU32,
    /// Names of buses that are being built. Held while something is entered, so that nothing is once the shutdown has begun; never while
    /// something is built.
    entering: Mutex<Vec<Name>>,
    bells: BTreeMap<String, Arc<Doorbell>>,
    seed: u64,
}

/// Slots and feeds that wait for the start.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) slots: Vec<Queued>,
    pub(super) feeds: BTreeMap<Name, FeedBody>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(config: Config, plan: Plan) -> Arc<Self> {
        let clock = match config.runtime.clock {
            ClockChoice::Auto => Clock::system(),
            ClockChoice::Monotonic => Clock::monotonic(),
        };
        Self::with_clock(config, plan, clock)
    }

    pub(super) fn with_clock(config: Config, plan: Plan, clock: Clock) -> Arc<Self> {
        let seed = match config.runtime.seed {
            0 => fnv(clock.wall_ns(clock.now()), &std::process::id().to_le_bytes()),
            seed => seed,
        };
        Arc::new(Self {
            name: Name::new(&config.runtime.name),
            limits: Limits::new(u64::from(config.runtime.buses_max), config.runtime.memory_max_bytes),
            registry: Registry::new(),
            groups: OnceLock::new(),
            service: Arc::default(),
            tail: TailBook::default(),
            stop: Arc::default(),
            queue: Mutex::default(),
            machine: MachineLines::default(),
            stage: AtomicU32::new(Stage::Building as u32),
            entering: Mutex::default(),
            bells: bells(&config),
            seed,
            plan,
            clock,
            config,
        })
    }

    pub(super) fn stage(&self) -> Stage {
        // SYNC stage: who sees the runtime running sees its threads.
        Stage::from_u32(self.stage.load(Ordering::Acquire))
    }

    /// Moves on. Waits for whoever is entering something at this moment, which takes no longer than an insertion into a table.
    pub(super) fn set_stage(&self, stage: Stage) {
        let entering = lock(&self.entering);
        debug_assert!(self.stage() <= stage, "a runtime only moves forward");
        self.stage.store(stage as u32, Ordering::Release); // SYNC stage
        drop(entering);
        self.service.wake();
    }

    /// Refuses what is new once the shutdown has begun.
    pub(super) fn refuse_late(&self, kind: Kind, name: &str) -> Result<(), RuntimeError> {
        let stage = self.stage();
        if stage.is_shutdown() {
            return Err(RuntimeError::ShuttingDown { kind, name: name.to_owned(), stage });
        }
        Ok(())
    }

    /// Does `enter` unless the shutdown has begun, and so that it cannot begin meanwhile.
    pub(super) fn enter<R>(
        &self,
        kind: Kind,
        name: &str,
        enter: impl FnOnce() -> Result<R, RuntimeError>,
    ) -> Result<R, RuntimeError> {
        let _entering = lock(&self.entering);
        self.refuse_late(kind, name)?;
        enter()
    }

    /// The seed of one slot's jitter.
    pub(super) fn seed_of(&self, bus: Name, slot: Name) -> u64 {
        fnv(fnv(self.seed, bus.as_str().as_bytes()), slot.as_str().as_bytes()).max(1)
    }

    /// The bus of that name and family. Lock-free.
    pub(super) fn find<F: Family>(&self, name: &str) -> Result<Arc<HostedBus<F>>, RuntimeError> {
        let Some(bus) = self.registry.get(Name::new(name)) else {
            let known = self.registry.all().iter().map(|bus| bus.name().to_string()).collect();
            return Err(RuntimeError::Unknown { kind: Kind::Bus, name: name.to_owned(), known });
        };
        let carries = bus.family();
        bus.typed().downcast().map_err(|_| RuntimeError::Family { bus: Name::new(name), carries, asked: F::NAME })
    }

    /// Builds a bus and enters it. Nothing waits for it meanwhile.
    pub(super) fn build<F: Family>(&self, name: &str, config: BusConfig) -> Result<Arc<HostedBus<F>>, RuntimeError> {
        self.check_bus(name, &config)?;
        let _building = self.begin_building(Name::new(name))?;
        let slots: u64 = config.slots.values().map(|slot| slot.memory_bytes::<F>(config.lanes.count)).sum();
        let bytes = bytes_of::<F>(&config).saturating_add(slots);
        let reservation = self.limits.reserve(Name::new(name), bytes)?;
        let hosted =
            HostedBus::<F>::build(Name::new(name), config, &self.clock, &self.bell(name), &self.service, reservation)?;
        let any: Arc<dyn AnyBus> = Arc::<HostedBus<F>>::clone(&hosted);
        self.enter(Kind::Bus, name, || {
            let entered = self.registry.insert(&any);
            debug_assert!(entered, "nobody else builds a bus of this name");
            Ok(())
        })?;
        self.service.wake();
        Ok(hosted)
    }

    /// What is wrong with a bus that is to be added: names, bounds, and how its slots stand to each other.
    fn check_bus(&self, name: &str, config: &BusConfig) -> Result<(), RuntimeError> {
        // Its own are checked elsewhere; threads and other buses are not known here.
        if name == SYSTEM_BUS || self.config.buses.get(name) == Some(config) {
            return Ok(());
        }
        let mut config = config.clone();
        config.publishers.values_mut().for_each(|publisher| publisher.slot.clear());
        config.slots.values_mut().for_each(|slot| DEFAULT_THREAD.clone_into(&mut slot.thread));
        config.history.values_mut().for_each(|group| DEFAULT_THREAD.clone_into(&mut group.thread));
        // What there is memory for is known to the limits.
        let runtime = RuntimeConfig { memory_max_bytes: i64::MAX as u64, ..self.config.runtime.clone() };
        let alone = Config { runtime, buses: [(name.to_owned(), config)].into(), ..Config::default() };
        alone.check().map_err(RuntimeError::Mistaken)
    }

    /// What is wrong with a slot that is to be added.
    pub(super) fn check_slot(&self, name: &str, config: &SlotConfig) -> Result<(), RuntimeError> {
        let slot = SlotConfig { after: Vec::new(), thread: DEFAULT_THREAD.into(), ..config.clone() };
        let slots = [(name.to_owned(), slot)].into();
        self.check_bus("bus", &BusConfig { capacity_cells: 2, dead_letters_max: 0, slots, ..BusConfig::default() })
    }

    fn begin_building(&self, name: Name) -> Result<Building<'_>, RuntimeError> {
        let mut building = lock(&self.entering);
        self.refuse_late(Kind::Bus, name.as_str())?;
        if building.contains(&name) || self.registry.get(name).is_some() {
            return Err(RuntimeError::Taken { kind: Kind::Bus, name: name.to_string() });
        }
        building.push(name);
        Ok(Building { shared: self, name })
    }

    /// The doorbell of a bus: one for all buses whose slots share threads, so that one wake-up serves them.
    fn bell(&self, bus: &str) -> Arc<Doorbell> {
        self.bells.get(bus).cloned().unwrap_or_default()
    }
}

/// A bus's name while it is built.
struct Building<'a> {
    shared: &'a Shared,
    name: Name,
}

impl Drop for Building<'_> {
    fn drop(&mut self) {
        lock(&self.shared.entering).retain(|name| *name != self.name);
    }
}

/// One doorbell for each set of buses that are connected by the threads of their slots.
fn bells(config: &Config) -> BTreeMap<String, Arc<Doorbell>> {
    let mut by_bus: BTreeMap<String, Arc<Doorbell>> = BTreeMap::new();
    let mut by_thread: BTreeMap<&str, Arc<Doorbell>> = BTreeMap::new();
    for (bus, bus_config) in &config.buses {
        let mut bell = Arc::<Doorbell>::default();
        for thread in bus_config.threads() {
            let known = Arc::clone(by_thread.entry(thread).or_insert_with(|| Arc::clone(&bell)));
            if !Arc::ptr_eq(&known, &bell) {
                // Two sets meet here: all of one goes over to the other.
                let all = by_bus.values_mut().chain(by_thread.values_mut());
                all.filter(|other| Arc::ptr_eq(other, &bell)).for_each(|other| *other = Arc::clone(&known));
                bell = known;
            }
        }
        by_bus.insert(bus.clone(), bell);
    }
    // Slots of the system bus run on the default thread, unless they say otherwise.
    let system = by_thread.get(DEFAULT_THREAD).cloned().unwrap_or_default();
    by_bus.entry(SYSTEM_BUS.to_owned()).or_insert(system);
    by_bus
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::config::SlotConfig;

    #[test]
    fn buses_whose_slots_share_threads_share_a_doorbell_and_no_others() {
        let mut config = Config::default();
        for (bus, threads) in [("a", ["x", "y"]), ("b", ["z", "z"]), ("c", ["u", "v"]), ("d", ["y", "z"])] {
            let slot = |thread: &str| SlotConfig { thread: thread.into(), ..SlotConfig::default() };
            let slots = threads.iter().enumerate().map(|(at, thread)| (format!("s{at}"), slot(thread)));
            config.buses.insert(bus.into(), BusConfig { slots: slots.collect(), ..BusConfig::default() });
        }
        let bells = bells(&config);
        let same = |a: &str, b: &str| Arc::ptr_eq(&bells[a], &bells[b]);
        assert!(same("a", "b") && same("a", "d"), "connected by d, whose threads are y and z");
        assert!(!same("a", "c") && !same("c", SYSTEM_BUS) && !same("a", SYSTEM_BUS));
    }
}
