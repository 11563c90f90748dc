//! A runtime that runs: look-ups without locks, buses that come and go, a consistent picture, and the way to end it.

use super::config::{BusConfig, Config};
use super::error::{Kind, RuntimeError};
use super::feed::FeedThread;
use super::hosted_bus::AnyBus;
use super::runtime_bus::RuntimeBus;
use super::service::Service;
use super::shared::{SYSTEM_BUS, Shared};
use super::shutdown::{Deadline, ShutdownReport, shut_down};
use super::snapshot::Snapshot;
use super::stage::Stage;
use super::start::StartReport;
use super::stop::{StopHandle, StopReason};
use super::system;
use super::tail::TailReport;
use crate::bus::{Name, SlotView};
use crate::clock::Clock;
use crate::event::Family;
use crate::sync::{Moment, nap, park};
use core::time::Duration;
use std::sync::Arc;

/// How often a wait looks for signals and the ends of feeds.
const LOOK: Duration = Duration::from_millis(5);
/// How often a removal looks whether the bus is drained.
const DRAIN_LOOK: Duration = Duration::from_micros(200);

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Somebody or a signal wants the runtime to stop.
    ToStop(StopReason),
    /// All feeds have ended. (Where there are none, a wait goes on.)
    FeedsEnded,
    /// The time given is over.
    TimedOut,
}

/// A runtime that runs. Dropping it shuts it down as configured.
pub struct Running {
    pub(super) shared: Arc<Shared>,
    pub(super) service: Option<Service>,
    pub(super) feeds: Vec<FeedThread>,
    pub(super) start: StartReport,
    #[cfg(feature = "signals")]
    pub(super) signals: Option<super::signals::Signals>,
    over: bool,
}

impl Running {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            service: None,
            feeds: Vec::new(),
            start: StartReport::default(),
            #[cfg(feature = "signals")]
            signals: None,
            over: false,
        }
    }

    /// What the start came to.
    #[must_use]
    pub fn start_report(&self) -> &StartReport {
        &self.start
    }

    /// The configuration, all defaults filled in.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// The clock of all buses.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The slow events of all slots so far, and where their time went; what the service thread saw of them is up to one look old.
    #[must_use]
    pub fn tail(&self) -> TailReport {
        TailReport::of(&self.shared)
    }

    /// The stage of its life.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.shared.stage()
    }

    /// A bus, as one of family `F`. Takes no lock, and does not wait for buses that are being built.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`], [`RuntimeError::Family`].
    pub fn bus<F: Family>(&self, name: &str) -> Result<RuntimeBus<F>, RuntimeError> {
        Ok(RuntimeBus { hosted: self.shared.find::<F>(name)?, shared: Arc::clone(&self.shared) })
    }

    /// The bus on which the runtime tells of itself.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`] where nobody asked for it before the start.
    pub fn system(&self) -> Result<RuntimeBus<system::events::Events>, RuntimeError> {
        self.bus(SYSTEM_BUS)
    }

    /// A slot from outside, whatever its bus's family. Takes no lock.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`].
    pub fn slot(&self, bus: &str, slot: &str) -> Result<SlotView, RuntimeError> {
        let found = self.shared.registry.get(Name::new(bus)).ok_or_else(|| {
            let known = self.shared.registry.all().iter().map(|bus| bus.name().to_string()).collect();
            RuntimeError::Unknown { kind: Kind::Bus, name: bus.to_owned(), known }
        })?;
        let slots = found.slots();
        let view = slots.iter().find(|known| known.name == Name::new(slot)).and_then(|slot| slot.view.get().cloned());
        view.ok_or_else(|| {
            let known = slots.iter().map(|slot| slot.name.to_string()).collect();
            RuntimeError::Unknown { kind: Kind::Slot, name: slot.to_owned(), known }
        })
    }

    /// Adds a bus while others run. Its slots run on threads that exist.
    ///
    /// # Errors
    /// [`RuntimeError::Taken`], [`RuntimeError::Exhausted`], [`RuntimeError::Memory`], [`RuntimeError::ShuttingDown`],
    /// [`RuntimeError::Ring`]; nothing is left of it then.
    pub fn add_bus<F: Family>(&self, name: &str, config: BusConfig) -> Result<RuntimeBus<F>, RuntimeError> {
        RuntimeBus::build(&self.shared, name, config)
    }

    /// Removes a bus: closes it, waits for at most `limit` until its slots have read it to its end, and takes it off the registry. Its memory is
    /// free once nobody holds it any more.
    ///
    /// # Errors
    /// [`RuntimeError::Busy`] with the slots that are not done: the bus stays, closed, and the call may be repeated.
    /// [`RuntimeError::Unknown`].
    pub fn remove_bus(&self, name: &str, limit: Duration) -> Result<(), RuntimeError> {
        let unknown = || RuntimeError::Unknown {
            kind: Kind::Bus,
            name: name.to_owned(),
            known: self.shared.registry.all().iter().map(|bus| bus.name().to_string()).collect(),
        };
        let found = self.shared.registry.get(Name::new(name)).filter(|bus| bus.name().as_str() != SYSTEM_BUS);
        let bus = found.ok_or_else(unknown)?;
        bus.close();
        let since = Moment::now();
        loop {
            let busy = busy(bus.as_ref());
            if busy.is_empty() {
                break;
            }
            if since.elapsed() >= limit {
                return Err(RuntimeError::Busy { bus: bus.name(), slots: busy, waited: limit });
            }
            nap(DRAIN_LOOK);
        }
        if self.shared.registry.remove(&bus) { Ok(()) } else { Err(unknown()) }
    }

    /// Waits until the runtime is to stop, all its feeds have ended, or `limit` has passed.
    #[must_use]
    pub fn wait(&self, limit: Option<Duration>) -> Waited {
        let since = Moment::now();
        loop {
            if let Some(reason) = self.shared.stop.why() {
                return Waited::ToStop(reason);
            }
            if !self.feeds.is_empty() && self.feeds.iter().all(FeedThread::has_returned) {
                return Waited::FeedsEnded;
            }
            let left = limit.map_or(LOOK, |limit| limit.saturating_sub(since.elapsed()));
            if left.is_zero() {
                return Waited::TimedOut;
            }
            park(left.min(LOOK));
        }
    }

    /// Everything there is, as it stands now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.shared, &self.feeds)
    }

    /// Asks the runtime to stop, from any thread.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(Arc::clone(&self.shared.stop))
    }

    /// Ends everything in order, within the deadline and 200 ms: feeds, buses from their sources on, slots, the service thread. What a handler
    /// or a feed holds is named in the report and left behind.
    #[must_use = "the report says what was not drained, and why"]
    pub fn shutdown(mut self, deadline: Deadline) -> ShutdownReport {
        self.over = true;
        shut_down(&mut self, deadline)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.over {
            let _ = shut_down(self, Deadline::configured());
        }
    }
}

/// Slots that have not read their closed bus to its end.
fn busy(bus: &dyn AnyBus) -> Vec<(Name, u64)> {
    let slots = bus.slots();
    let views = slots.iter().filter_map(|slot| Some((slot.name, slot.view.get()?)));
    let busy = views.filter(|(_, view)| !view.is_done());
    busy.map(|(name, view)| (name, bus.published().saturating_sub(view.progress().position))).collect()
}
