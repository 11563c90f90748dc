//! The job's four slots: their handlers, given to the runtime; and what became of each.

use super::books::Books;
use super::config::{DERIVED, MARKET};
use super::outlet::Outlet;
use super::recorder::Recorder;
use super::signal::Signals;
use super::source::INSTRUMENTS_MAX;
use super::tape::Tapes;
use crate::derived;
use crate::report::SlotReport;
use std::time::Duration;
use tagring::bus::Handler;
use tagring::runtime::{Attachment, Runtime, RuntimeError, Snapshot};
use tagring_market::events;

/// Live orders of all instruments. NASDAQ has some 2 M at a time on a busy day.
const ORDERS_MAX: usize = 1 << 21;

pub(super) struct Slots {
    book: Attachment<Books>,
    signal: Attachment<Signals>,
    recorder: Attachment<Recorder>,
    tape: Attachment<Tapes>,
}

/// The handlers, of those slots that have stopped.
pub(super) struct Handlers {
    pub(super) book: Option<Books>,
    pub(super) signal: Option<Signals>,
    pub(super) recorder: Option<Recorder>,
    pub(super) tape: Option<Tapes>,
}

/// Builds both buses, so that what they lack is said before anything else is done.
///
/// # Errors
/// Those of the runtime.
pub(super) fn build(runtime: &Runtime) -> Result<(), RuntimeError> {
    runtime.bus::<events::Events>(MARKET)?;
    runtime.bus::<derived::Events>(DERIVED)?;
    Ok(())
}

impl Slots {
    /// Makes the handlers and gives them to the runtime.
    ///
    /// # Errors
    /// Those of the runtime.
    pub(super) fn attach(runtime: &Runtime) -> Result<Self, RuntimeError> {
        let market = runtime.bus::<events::Events>(MARKET)?;
        let derived = runtime.bus::<derived::Events>(DERIVED)?;
        let outlet = |name| derived.shared_publisher(name).map(Outlet::new);
        Ok(Self {
            book: market.attach("book", Books::new(outlet("book")?, ORDERS_MAX, INSTRUMENTS_MAX))?,
            signal: market.attach("signal", Signals::new(outlet("signal")?, INSTRUMENTS_MAX))?,
            recorder: market.attach("recorder", Recorder::new())?,
            tape: derived.attach("tape", Tapes::new(INSTRUMENTS_MAX))?,
        })
    }

    /// What is told of each. `before`: the runtime as it was when the feed had ended.
    pub(super) fn reports(&self, before: &Snapshot) -> Vec<SlotReport> {
        let reports = [
            report(&self.book, MARKET, before),
            report(&self.signal, MARKET, before),
            report(&self.recorder, MARKET, before),
            report(&self.tape, DERIVED, before),
        ];
        reports.into_iter().flatten().collect()
    }

    /// The handlers, after the shutdown.
    pub(super) fn take(&self) -> Handlers {
        Handlers {
            book: taken(&self.book),
            signal: taken(&self.signal),
            recorder: taken(&self.recorder),
            tape: taken(&self.tape),
        }
    }
}

fn taken<H: Handler>(slot: &Attachment<H>) -> Option<H> {
    slot.join(Duration::ZERO).ok()
}

fn report<H: Handler>(slot: &Attachment<H>, bus: &str, before: &Snapshot) -> Option<SlotReport> {
    let handle = slot.handle().ok()?;
    let seen = before.slot(bus, slot.name().as_str());
    let thread = seen.and_then(|slot| slot.thread);
    let core = before.threads.iter().find(|known| Some(known.thread) == thread).and_then(|thread| thread.core);
    Some(SlotReport {
        name: slot.name().to_string(),
        core,
        thread: thread.map(|thread| thread.to_string()),
        health: seen.map(|slot| slot.health).unwrap_or_default(),
        stats: handle.stats(),
        latencies: handle.latencies(),
    })
}
