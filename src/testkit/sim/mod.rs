//! A whole runtime on one thread: its own code, on simulated threads, under simulated time. See [`Sim`].

mod faults;
mod handler;
mod seeds;
mod threads;
mod trace;
mod world;

pub use faults::{Faults, Rates};
pub use handler::Simulated;
pub use seeds::seeds;

use crate::bus::{Handler, Name};
use crate::clock::Clock;
use crate::event::Family;
use crate::runtime::config::{BusConfig, Config, Cores, Grant, PreflightChoice, SlotConfig, SlotOverflowChoice};
use crate::runtime::machine::Topology;
use crate::runtime::simulated::Inside;
use crate::runtime::{
    Attachment, Deadline, Feed, FeedError, Running, Runtime, RuntimeBus, RuntimeError, ShutdownReport, StartFailure,
};
use crate::sync::{enter_simulation, is_simulated, nap};
use core::cell::RefCell;
use core::ops::Deref;
use core::time::Duration;
use faults::FaultPlan;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use threads::{Stepped, Threads};
use world::World;

/// The clock's start: late enough for events that were intended earlier, and for jumps back.
const START_NS: u64 = 1_000_000_000_000_000;
/// Cores of the made-up machine, unless the configuration names higher ones.
const CORES: usize = 64;

thread_local!(static CURRENT: RefCell<Option<Rc<Threads>>> = const { RefCell::new(None) });

/// The threads of the simulation on this thread, if there is one.
fn with_threads<R>(ask: impl FnOnce(&Threads) -> R) -> Option<R> {
    let threads = CURRENT.with_borrow(Clone::clone)?;
    Some(ask(&threads))
}

/// A simulated runtime: the runtime itself, with the same configuration and the same handlers and feeds, on threads and under a time that
/// are not real. One thing happens at a time, in an order that the seed chooses: the same seed gives the same run, to the nanosecond, on
/// every machine.
///
/// **What is simulated.** Slot threads, feeds, the service thread and the threads that run `on_init` are coroutines on the thread of the test.
/// One runs until it sleeps: between rounds over its slots, while it waits for room, where a feed asks [`Feed::is_stopping`]; a handler also
/// before any event, where chance or a fault says so. So a handler that waits for room in another bus waits, one that sticks holds its
/// thread in the middle of its event, and the watchdog, the quarantine and the shutdown deal with that as they do in earnest. The clock of the
/// buses and what the operating system calls time move a little with every step, and on to the next one to wake when all sleep.
///
/// **What is not.** Memory is that of one thread: orderings are the business of other tests. A handler or feed that never does one of the above
/// is never interrupted; one that sleeps or waits for something of its own (a lock, a channel, `std::thread::sleep`) holds everything. What the
/// configuration asks of the machine (priorities, locked memory, the preflight, signals) is left out, and its cores are made up.
///
/// A policy that aborts the process ends the simulation instead: [`Self::aborted`].
///
/// While it runs, every few steps, the account of everything is checked: of each slot, `joined + delivered + filtered + dead + holes + lost ==
/// position <= published`, and what its handler was given agrees with that; sequences grow; every dead letter is held, or counted
/// where it went. A simulation that takes too many steps ends with a panic that names who waits.
///
/// ```
/// use core::time::Duration;
/// use tagring::bus::{Context, Handler, Outcome, SlotState};
/// use tagring::event::Event;
/// use tagring::runtime::config::{BusConfig, Config, FeedConfig, PanicChoice, SlotConfig};
/// use tagring::testkit::{Faults, Sim};
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
/// let mut config = Config::default();
/// let mut md = BusConfig { capacity_cells: 8, ..BusConfig::default() };
/// md.slots.insert("volume".into(), SlotConfig { panic: PanicChoice::Skip, ..SlotConfig::default() });
/// config.buses.insert("md".into(), md);
/// config.feeds.insert("tape".into(), FeedConfig::default());
///
/// let mut sim = Sim::with(config, 7, Faults::none().panic_at("md.volume", 41));
/// let md = sim.bus::<market::Events>("md");
/// let volume = md.attach("volume", Volume::default());
/// let mut tape = md.publisher("tape")?;
/// sim.feed("tape", move |feed| {
///     for qty in (1..=100).take_while(|_| !feed.is_stopping()) {
///         tape.send(0, &market::Trade { qty })?;
///     }
///     Ok(())
/// });
/// sim.start();
/// assert!(sim.run_until(Duration::from_secs(1), |sim| sim.feeds_ended()));
/// let report = sim.shutdown();
/// assert!(report.is_clean(), "{report}");
/// assert_eq!(volume.join(Duration::ZERO)?.into_inner().0, 5_050 - 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sim {
    runtime: Option<Runtime>,
    running: Option<Running>,
    threads: Rc<Threads>,
    world: Rc<World>,
    #[cfg(feature = "faults")]
    script: super::FaultRun,
}

impl Sim {
    /// A simulation without faults.
    ///
    /// # Panics
    /// With everything that is wrong with the configuration; or if this thread has a simulation already.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self::with(config, seed, Faults::none())
    }

    /// A simulation in which things go wrong.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    #[cfg_attr(not(feature = "faults"), allow(unused_mut, reason = "it has no script then"))]
    pub fn with(config: Config, seed: u64, mut faults: Faults) -> Self {
        assert!(!is_simulated(), "this thread has a simulation already: drop that first");
        let (clock, hand) = Clock::manual(START_NS);
        let topology = Topology::regular(1, cores_of(&config), 1);
        let slots_of = |(bus, of): (&String, &BusConfig)| {
            let conflating = of.slots.iter().filter(|(_, slot)| conflates(slot));
            conflating.map(|(slot, _)| (Name::new(bus), Name::new(slot))).collect::<Vec<_>>()
        };
        let conflating = config.buses.iter().flat_map(slots_of).collect();
        let built = Inside::build(off_the_machine(config, seed), &topology, clock);
        let (runtime, inside) = built.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        #[cfg(feature = "faults")]
        let (script, is_scripted) = faults.put_in_force();
        #[cfg(not(feature = "faults"))]
        let is_scripted = false;
        let threads = Rc::new(Threads::new(seed, hand, FaultPlan::new(faults)));
        let world = Rc::new(World::new(inside, conflating, is_scripted));
        let watch = Rc::clone(&world);
        threads.set_world(move |threads| watch.look(threads));
        CURRENT.set(Some(Rc::clone(&threads)));
        enter_simulation(Some(Rc::<Threads>::clone(&threads)));
        Self {
            runtime: Some(runtime),
            running: None,
            threads,
            world,
            #[cfg(feature = "faults")]
            script,
        }
    }

    /// The runtime before its start: what is attached to it directly is given no faults.
    ///
    /// # Panics
    /// After the start.
    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().unwrap_or_else(|| panic!("the runtime has started: ask `running`"))
    }

    /// The runtime that runs.
    ///
    /// # Panics
    /// Before the start and after the shutdown.
    #[must_use]
    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap_or_else(|| panic!("the runtime does not run"))
    }

    /// A configured bus.
    ///
    /// # Panics
    /// With the runtime's words, if there is none of that name and family.
    #[must_use]
    pub fn bus<F: Family>(&self, name: &str) -> SimBus<F> {
        let bus = match (&self.runtime, &self.running) {
            (Some(runtime), _) => runtime.bus(name),
            (None, Some(running)) => running.bus(name),
            (None, None) => panic!("the runtime does not run"),
        };
        SimBus { bus: bus.unwrap_or_else(|error| panic!("{error}")), world: Rc::clone(&self.world) }
    }

    /// Gives a configured feed its code: see [`Runtime::feed`].
    ///
    /// # Panics
    /// With the runtime's words, if there is none of that name.
    pub fn feed(&self, name: &str, body: impl FnOnce(&Feed) -> Result<(), FeedError> + Send + 'static) {
        self.runtime().feed(name, body).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Calls `hook` with everything that the runtime notices of its parts: see [`Runtime::on_notice`].
    ///
    /// # Panics
    /// After the start.
    pub fn on_notice(&mut self, hook: impl FnMut(&crate::runtime::Notice) + Send + 'static) {
        let Some(runtime) = self.runtime.take() else { panic!("the runtime has started") };
        self.runtime = Some(runtime.on_notice(hook));
    }

    /// Starts the runtime.
    ///
    /// # Panics
    /// With everything that did not start.
    pub fn start(&mut self) {
        self.try_start().unwrap_or_else(|failure| panic!("{failure}"));
    }

    /// Starts the runtime.
    ///
    /// # Errors
    /// As [`Runtime::start`].
    ///
    /// # Panics
    /// If it was started before.
    pub fn try_start(&mut self) -> Result<(), StartFailure> {
        let Some(runtime) = self.runtime.take() else { panic!("the runtime was started before") };
        self.running = Some(runtime.start()?);
        Ok(())
    }

    /// One step: a thread runs until it sleeps. Returns whether anything will ever happen again.
    pub fn step(&mut self) -> bool {
        self.threads.step(Duration::MAX) == Stepped::On
    }

    /// Lets everything run for so long.
    pub fn run_for(&mut self, time: Duration) {
        nap(time);
    }

    /// Lets everything run until `done`, which is asked after each step, or until `limit` has passed. Returns whether it is done.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now().saturating_add(limit);
        while !done(self) {
            if self.now() >= until || self.threads.step(until) == Stepped::Over {
                return false;
            }
        }
        true
    }

    /// Whether all feeds have ended.
    #[must_use]
    pub fn feeds_ended(&self) -> bool {
        use crate::runtime::FeedEnd;
        self.running().snapshot().feeds.iter().all(|feed| feed.end != FeedEnd::StillRuns)
    }

    /// The time since the simulation began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.threads.now()
    }

    /// The clock of the buses jumps by so many nanoseconds, forward or back.
    pub fn jump_clock(&self, by_ns: i64) {
        self.threads.jump_clock(by_ns);
    }

    /// Steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.threads.steps()
    }

    /// Steps after which the simulation is taken for one that hangs. 2 million, unless set.
    pub fn set_steps_max(&mut self, steps: u64) {
        self.threads.set_steps_max(steps);
    }

    /// Whether a fault has detached the slot of that name: it goes after its turn, and leaves what it has not handled.
    #[must_use]
    pub fn is_detached(&self, bus: &str, slot: &str) -> bool {
        self.world.is_detached(bus, slot)
    }

    /// What became of the script of fault points.
    #[cfg(feature = "faults")]
    pub fn script(&self) -> &super::FaultRun {
        &self.script
    }

    /// No fault comes by chance any more; those that are scripted do.
    pub fn end_chance(&mut self) {
        self.threads.with_faults(|faults, _, _| faults.by_chance = false);
    }

    /// Why the process would have aborted. Nothing runs any more.
    #[must_use]
    pub fn aborted(&self) -> Option<String> {
        self.threads.aborted()
    }

    /// What happened, as a number: which thread ran when, which slot was given which event, and what it all came to.
    #[must_use]
    pub fn trace_digest(&self) -> u64 {
        self.threads.digest()
    }

    /// Shuts the runtime down, as configured, and checks the account once more.
    ///
    /// # Panics
    /// If it does not run, if the process would have aborted, or with what does not add up.
    pub fn shutdown(&mut self) -> ShutdownReport {
        self.shutdown_within(Deadline::configured())
    }

    /// As [`Self::shutdown`]; `None` where the process would have aborted on the way.
    ///
    /// # Panics
    /// If it does not run, or with what does not add up.
    pub fn try_shutdown(&mut self) -> Option<ShutdownReport> {
        let report = self.end_runtime(Deadline::configured());
        self.aborted().is_none().then_some(report)
    }

    /// As [`Self::shutdown`], within a deadline.
    ///
    /// # Panics
    /// As [`Self::shutdown`].
    pub fn shutdown_within(&mut self, deadline: Deadline) -> ShutdownReport {
        let report = self.end_runtime(deadline);
        if let Some(why) = self.aborted() {
            panic!("the process would have aborted: {why}");
        }
        report
    }

    fn end_runtime(&mut self, deadline: Deadline) -> ShutdownReport {
        let Some(running) = self.running.take() else { panic!("the runtime does not run") };
        let report = running.shutdown(deadline);
        self.world.check().unwrap_or_else(|wrong| panic!("{wrong}"));
        self.threads.note(&self.world.sum());
        report
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // Whatever is left ends where it is: nobody waits for it.
        self.threads.end();
        self.running = None;
        self.runtime = None;
        enter_simulation(None);
        CURRENT.set(None);
    }
}

/// A bus of a simulation.
pub struct SimBus<F: Family> {
    bus: RuntimeBus<F>,
    world: Rc<World>,
}

impl<F: Family> SimBus<F> {
    /// Gives a configured slot its handler, and the faults that are meant for it: see [`RuntimeBus::attach`].
    ///
    /// # Panics
    /// With the runtime's words.
    pub fn attach<H: Handler>(&self, slot: &str, handler: H) -> Attachment<Simulated<H>> {
        self.try_attach(slot, handler).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Self::attach`].
    ///
    /// # Errors
    /// As [`RuntimeBus::attach`].
    pub fn try_attach<H: Handler>(&self, slot: &str, handler: H) -> Result<Attachment<Simulated<H>>, RuntimeError> {
        let conflates = self.world.conflates(self.bus.name().as_str(), slot);
        self.world.attach(self.bus.name(), slot, |count| {
            self.bus.attach(slot, self.simulated(slot, handler, count, conflates))
        })
    }

    /// As [`Self::attach`], for a slot that the configuration does not name.
    ///
    /// # Errors
    /// As [`RuntimeBus::attach_as`].
    pub fn attach_as<H: Handler>(
        &self,
        slot: &str,
        config: SlotConfig,
        handler: H,
    ) -> Result<Attachment<Simulated<H>>, RuntimeError> {
        let conflates = conflates(&config);
        self.world.attach(self.bus.name(), slot, |count| {
            self.bus.attach_as(slot, config, self.simulated(slot, handler, count, conflates))
        })
    }

    fn simulated<H: Handler>(&self, slot: &str, handler: H, count: Arc<AtomicU64>, conflates: bool) -> Simulated<H> {
        Simulated::new(handler, format!("{}.{slot}", self.bus.name()), count, conflates)
    }
}

impl<F: Family> Deref for SimBus<F> {
    type Target = RuntimeBus<F>;

    fn deref(&self) -> &RuntimeBus<F> {
        &self.bus
    }
}

/// Whether a slot may get events in another order than that of their sequences.
fn conflates(slot: &SlotConfig) -> bool {
    let mut choices = slot.overflow_tags.values().chain([&slot.overflow]);
    choices.any(|choice| *choice == SlotOverflowChoice::Conflate)
}

/// Cores that the made-up machine needs.
fn cores_of(config: &Config) -> usize {
    let lists =
        config.threads.values().map(|thread| &thread.cores).chain(config.feeds.values().map(|feed| &feed.cores));
    let named = lists.filter_map(|cores| match cores {
        Cores::List(cores) => cores.iter().copied().max(),
        Cores::Auto | Cores::Any => None,
    });
    named.chain(config.runtime.cores.iter().copied()).max().map_or(CORES, |highest| CORES.max(highest + 1))
}

/// The configuration without what it asks of the machine, and with a seed.
fn off_the_machine(mut config: Config, seed: u64) -> Config {
    let runtime = &mut config.runtime;
    runtime.signals = false;
    runtime.preflight = PreflightChoice::Off;
    for grant in [&mut runtime.lock_memory, &mut runtime.prefault, &mut runtime.huge_pages, &mut runtime.realtime] {
        *grant = Grant::Off;
    }
    if runtime.seed == 0 {
        runtime.seed = (seed & (i64::MAX as u64)).max(1);
    }
    config
}
