//! What these tests build runtimes from: a family, configurations, and handlers that do as they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::{Context, Handler, InitError, Outcome};
use tagring::event::Event;
use tagring::runtime::Runtime;
use tagring::runtime::config::{BusConfig, Config, SlotConfig, WaitChoice};
use tagring::runtime::machine::Topology;

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub qty: u64 }
    pub struct Quote = 2, v1 { pub bid: i64, pub ask: i64 }
}
tagring::events! {
    /// Another family.
    pub mod other;
    pub struct Note = 1, v1 { pub qty: u64 }
}
pub(crate) use market::{Events, Quote, Trade};

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A slot that shares this machine's few cores with all other tests.
pub(crate) fn slot() -> SlotConfig {
    SlotConfig {
        wait: WaitChoice::SpinThenPark,
        measure: tagring::runtime::config::MeasureChoice::Slot,
        ..SlotConfig::default()
    }
}

pub(crate) fn bus(cells: u64, slots: &[(&str, SlotConfig)]) -> BusConfig {
    let slots = slots.iter().map(|(name, slot)| ((*name).to_owned(), slot.clone())).collect();
    BusConfig { capacity_cells: cells, slots, ..BusConfig::default() }
}

/// One bus `md`, threads that are not pinned, no look at the machine: many of these run side by side.
pub(crate) fn config(cells: u64, slots: &[(&str, SlotConfig)]) -> Config {
    let mut config = Config::default();
    config.runtime.preflight = tagring::runtime::config::PreflightChoice::Off;
    config.runtime.check_every_ms = 2;
    config.buses.insert("md".into(), bus(cells, slots));
    config
}

/// Threads on no particular core.
pub(crate) fn unpinned(mut config: Config) -> Config {
    let slots = config.buses.values().flat_map(|bus| bus.slots.values()).map(|slot| slot.thread.clone());
    let groups = config.buses.values().flat_map(|bus| bus.history.values()).map(|group| group.thread.clone());
    let names: Vec<String> = slots.chain(groups).collect();
    for name in names {
        let thread = config.threads.entry(name).or_default();
        thread.cores = tagring::runtime::config::Cores::Any;
    }
    for feed in config.feeds.values_mut() {
        feed.cores = tagring::runtime::config::Cores::Any;
    }
    config
}

pub(crate) fn runtime(config: Config) -> Runtime {
    Runtime::on(unpinned(config), &Topology::regular(1, 16, 1)).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

pub(crate) fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < SOON, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Counts, sums, and shows both.
#[derive(Clone, Default)]
pub(crate) struct Count {
    pub(crate) seen: u64,
    pub(crate) sum: u64,
    pub(crate) shown: Arc<AtomicU64>,
}

impl Handler for Count {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.seen += 1;
        self.sum += event.get::<Trade>().map_or(0, |trade| trade.qty);
        self.shown.store(self.seen, Ordering::Release);
        Outcome::Done
    }
}

/// What a handler does at its event number so-and-so.
type Act = Box<dyn FnMut(u64) -> Outcome + Send>;

/// Does what a closure says.
pub(crate) struct Doing(pub(crate) Act);

impl Doing {
    pub(crate) fn new(act: impl FnMut(u64) -> Outcome + Send + 'static) -> Self {
        Self(Box::new(act))
    }
}

impl Handler for Doing {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        (self.0)(event.get::<Trade>().map_or(0, |trade| trade.qty))
    }
}

/// Holds whoever waits at it until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(std::sync::Mutex<bool>, std::sync::Condvar, AtomicU64)>);

impl Gate {
    pub(crate) fn wait(&self) {
        let Self(inner) = self;
        inner.2.fetch_add(1, Ordering::Release);
        let open = inner.0.lock().unwrap();
        drop(inner.1.wait_while(open, |open| !*open).unwrap());
    }
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
    /// How often somebody has come to it.
    pub(crate) fn arrivals(&self) -> u64 {
        self.0.2.load(Ordering::Acquire)
    }
}

/// Opens a gate at the end of a test, also of one that fails, so that nobody is left waiting at it.
pub(crate) struct OpenAtLast(pub(crate) Gate);

impl Drop for OpenAtLast {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// A handler whose steps before the first event do as they are told.
pub(crate) struct Beginner {
    pub(crate) init: Option<Box<dyn FnMut() -> Result<(), InitError> + Send>>,
    pub(crate) start: Option<Box<dyn FnMut() + Send>>,
}

impl Handler for Beginner {
    fn on_init(&mut self) -> Result<(), InitError> {
        self.init.as_mut().map_or(Ok(()), |init| init())
    }
    fn on_start(&mut self, _: &mut Context) {
        if let Some(start) = &mut self.start {
            start();
        }
    }
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}
