//! The job's slots, as many as the configuration has: their handlers, given to the runtime; and what became of each.

use super::books::Books;
use super::config::{DERIVED, MARKET, may_lose};
use super::kind::Kind;
use super::outlet::Outlet;
use super::recorder::Recorder;
use super::signal::Signals;
use super::slowed::{Slowdown, Slowed, Slowness};
use super::source::INSTRUMENTS_MAX;
use super::tape::Tapes;
use super::worker::Worker;
use crate::derived;
use crate::report::SlotReport;
use std::sync::Arc;
use std::time::Duration;
use tagring::bus::Handler;
use tagring::clock::Ticks;
use tagring::event::Family;
use tagring::runtime::config::SlotConfig;
use tagring::runtime::{Attachment, Runtime, RuntimeBus, RuntimeError, Snapshot};
use tagring_market::events;

/// Live orders of all instruments. NASDAQ has some 2 M at a time on a busy day.
const ORDERS_MAX: usize = 1 << 21;

/// All slots, by handler and name.
pub(super) struct Slots(Vec<Box<dyn Hosted>>);

/// A slot whatever its handler.
trait Hosted {
    fn name(&self) -> (&'static str, String);
    fn report(&self, before: &Snapshot) -> Option<SlotReport>;
    fn take(&self) -> Option<(String, Worker)>;
}

struct Host<H: Handler> {
    slot: Attachment<H>,
    bus: &'static str,
    /// How the handler is called when it is back.
    back: fn(H) -> Worker,
}

/// Both buses, which are built where they are not yet: so that what they lack is said before anything else is done.
///
/// # Errors
/// Those of the runtime.
pub(super) fn buses(
    runtime: &Runtime,
) -> Result<(RuntimeBus<events::Events>, RuntimeBus<derived::Events>), RuntimeError> {
    Ok((runtime.bus(MARKET)?, runtime.bus(DERIVED)?))
}

impl Slots {
    /// Makes the handlers and gives them to the runtime; those of slots that may lose take their time where that is asked for.
    ///
    /// # Errors
    /// Those of the runtime.
    pub(super) fn attach(runtime: &Runtime, slowness: Option<&Slowdown>) -> Result<Self, RuntimeError> {
        let (market, derived) = buses(runtime)?;
        let mut slots = Vec::new();
        for (name, kind, config) in named(runtime) {
            let slow = slowness.filter(|_| may_lose(config)).map(|slowness| slowness.of(kind.bus()));
            slots.push(match kind {
                Kind::Tape => host(&derived, name, kind, Tapes::new(INSTRUMENTS_MAX), Worker::tape, slow)?,
                Kind::Recorder => host(&market, name, kind, Recorder::new(), Worker::recorder, slow)?,
                Kind::Signal => {
                    let signals = Signals::new(outlet(runtime, &derived, name)?, INSTRUMENTS_MAX);
                    host(&market, name, kind, signals, Worker::signal, slow)?
                }
                Kind::Book => {
                    let books = Books::new(outlet(runtime, &derived, name)?, ORDERS_MAX, INSTRUMENTS_MAX);
                    host(&market, name, kind, books, Worker::book, slow)?
                }
            });
        }
        Ok(Self(slots))
    }

    /// All by bus and name, in the order of [`Self::reports`].
    pub(super) fn names(&self) -> Vec<(&'static str, String)> {
        self.0.iter().map(|slot| slot.name()).collect()
    }

    /// What is told of each. `before`: the runtime as it was when the feed had ended.
    pub(super) fn reports(&self, before: &Snapshot) -> Vec<SlotReport> {
        self.0.iter().filter_map(|slot| slot.report(before)).collect()
    }

    /// The handlers of those slots that have stopped, by name; after the shutdown.
    pub(super) fn take(&self) -> Vec<(String, Worker)> {
        self.0.iter().filter_map(|slot| slot.take()).collect()
    }
}

/// The slots of the configuration with their handlers: in the handlers' order, and by name.
fn named(runtime: &Runtime) -> Vec<(&str, Kind, &SlotConfig)> {
    let buses = &runtime.config().buses;
    let slots = |kind: Kind| buses.get(kind.bus()).into_iter().flat_map(|bus| &bus.slots);
    let of = |kind| {
        slots(kind)
            .filter(move |(name, _)| Kind::of(name) == Some(kind))
            .map(move |(name, config)| (name.as_str(), kind, config))
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}

/// The way onto the second bus of the slot of that name: the publisher that it holds, if it holds one.
fn outlet(runtime: &Runtime, derived: &RuntimeBus<derived::Events>, slot: &str) -> Result<Outlet, RuntimeError> {
    let full = format!("{MARKET}.{slot}");
    let publishers = runtime.config().buses.get(DERIVED).into_iter().flat_map(|bus| &bus.publishers);
    let mut held = publishers.filter(|(name, config)| config.slot == full || (config.slot.is_empty() && *name == slot));
    match held.next() {
        Some((name, _)) => {
            derived.shared_publisher(name).map(|publisher| Outlet::new(name, publisher, runtime.clock()))
        }
        None => Ok(Outlet::none()),
    }
}

fn host<F: Family, H: Handler>(
    bus: &RuntimeBus<F>,
    name: &str,
    kind: Kind,
    handler: H,
    back: fn(H) -> Worker,
    slow: Option<&Arc<Slowness>>,
) -> Result<Box<dyn Hosted>, RuntimeError> {
    let Some(slowness) = slow else {
        return Ok(Box::new(Host { slot: bus.attach(name, handler)?, bus: kind.bus(), back }));
    };
    let slowed = Slowed { worker: back(handler), slowness: Arc::clone(slowness), last: Ticks(0) };
    Ok(Box::new(Host { slot: bus.attach(name, slowed)?, bus: kind.bus(), back: |slowed| slowed.worker }))
}

impl<H: Handler> Hosted for Host<H> {
    fn name(&self) -> (&'static str, String) {
        (self.bus, self.slot.name().to_string())
    }

    fn report(&self, before: &Snapshot) -> Option<SlotReport> {
        let (slot, bus) = (&self.slot, self.bus);
        let handle = slot.handle().ok()?;
        let seen = before.slot(bus, slot.name().as_str());
        let thread = seen.and_then(|slot| slot.thread);
        let core = before.threads.iter().find(|known| Some(known.thread) == thread).and_then(|thread| thread.core);
        let (stats, fates) = handle.fates();
        Some(SlotReport {
            bus,
            name: slot.name().to_string(),
            core,
            thread: thread.map(|thread| thread.to_string()),
            health: seen.map(|slot| slot.health).unwrap_or_default(),
            stats,
            fates,
            latencies: handle.latencies(),
        })
    }

    fn take(&self) -> Option<(String, Worker)> {
        let handler = self.slot.join(Duration::ZERO).ok()?;
        Some((self.slot.name().to_string(), (self.back)(handler)))
    }
}
