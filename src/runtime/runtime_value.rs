//! The runtime before its start: a checked configuration and a plan of who runs where; buses, handlers and feeds are given to it.

use super::config::{BusConfig, Config, Mistakes};
use super::error::{Kind, RuntimeError};
use super::feed::{Feed, FeedError};
use super::machine::Topology;
use super::notice::Notice;
use super::plan::Plan;
use super::running::Running;
use super::runtime_bus::RuntimeBus;
use super::service::Hook;
use super::shared::{SYSTEM_BUS, Shared, lock};
use super::start::{StartFailure, start};
use super::stop::StopHandle;
use super::system;
use crate::bus::Name;
use crate::clock::Clock;
use crate::event::Family;
use std::sync::Arc;

/// A runtime that is being built. No thread exists yet.
///
/// ```
/// use tagring::bus::{Context, Handler, Outcome};
/// use tagring::event::Event;
/// use tagring::runtime::{Deadline, Runtime};
/// use tagring::runtime::config::{BusConfig, Config, FeedConfig, SlotConfig};
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
/// let mut md = BusConfig { capacity_cells: 1024, ..BusConfig::default() };
/// md.slots.insert("volume".into(), SlotConfig::default());
/// config.buses.insert("md".into(), md);
/// config.feeds.insert("tape".into(), FeedConfig { spins: false, ..FeedConfig::default() });
///
/// let runtime = Runtime::new(config)?;
/// let md = runtime.bus::<market::Events>("md")?;
/// let volume = md.attach("volume", Volume::default())?;
/// let mut tape = md.publisher("tape")?;
/// runtime.feed("tape", move |feed| {
///     for qty in (1..=100).take_while(|_| !feed.is_stopping()) {
///         tape.send(0, &market::Trade { qty })?;
///     }
///     Ok(())
/// })?;
/// let running = runtime.start()?;
/// running.wait(None);
/// let report = running.shutdown(Deadline::after_ms(10_000));
/// assert!(report.is_clean(), "{report}");
/// assert_eq!(volume.join(std::time::Duration::ZERO)?.0, 5_050);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a runtime does nothing until it is started"]
pub struct Runtime {
    pub(super) shared: Arc<Shared>,
    pub(super) hook: Option<Hook>,
}

impl Runtime {
    /// Checks a configuration, and plans who runs on which core of this machine. Allocates no ring, starts no thread.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn new(config: Config) -> Result<Self, Mistakes> {
        Self::on(config, &Topology::read())
    }

    /// As [`Self::new`], for a machine as described.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn on(config: Config, topology: &Topology) -> Result<Self, Mistakes> {
        let plan = Plan::of(&config, topology)?;
        Ok(Self { shared: Shared::new(config, plan), hook: None })
    }

    /// The configuration, all defaults filled in.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Which threads there will be, and on which cores.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// The clock of all buses.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// A configured bus, as one of family `F`: built by the first call, found by those that follow.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`], [`RuntimeError::Family`], [`RuntimeError::Memory`], [`RuntimeError::Exhausted`].
    pub fn bus<F: Family>(&self, name: &str) -> Result<RuntimeBus<F>, RuntimeError> {
        let shared = &self.shared;
        let hosted = match shared.find::<F>(name) {
            Err(RuntimeError::Unknown { .. }) => match shared.config.buses.get(name) {
                Some(config) => return RuntimeBus::build(shared, name, config.clone()),
                None => {
                    let known = shared.config.buses.keys().cloned().collect();
                    return Err(RuntimeError::Unknown { kind: Kind::Bus, name: name.to_owned(), known });
                }
            },
            found => found?,
        };
        Ok(RuntimeBus { hosted, shared: Arc::clone(shared) })
    }

    /// The bus on which the runtime tells of itself: [`system::events`]. Slots are attached to it with [`RuntimeBus::attach_as`].
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`] where `system_cells` is 0; else as [`Self::bus`].
    pub fn system(&self) -> Result<RuntimeBus<system::events::Events>, RuntimeError> {
        let shared = &self.shared;
        let hosted = match shared.find(SYSTEM_BUS) {
            Err(RuntimeError::Unknown { .. }) if shared.config.runtime.system_cells > 0 => {
                let capacity_cells = shared.config.runtime.system_cells;
                let config = BusConfig { capacity_cells, dead_letters_max: 0, ..BusConfig::default() };
                shared.build(SYSTEM_BUS, config)?
            }
            found => found?,
        };
        Ok(RuntimeBus { hosted, shared: Arc::clone(shared) })
    }

    /// Gives a configured feed its code. It runs on a thread of its own from the start on, after all slots; it is to return when it has no
    /// more, and soon once [`Feed::is_stopping`] says so.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`], [`RuntimeError::Taken`].
    pub fn feed(
        &self,
        name: &str,
        body: impl FnOnce(&Feed) -> Result<(), FeedError> + Send + 'static,
    ) -> Result<(), RuntimeError> {
        let feeds = &self.shared.config.feeds;
        if !feeds.contains_key(name) {
            let known = feeds.keys().cloned().collect();
            return Err(RuntimeError::Unknown { kind: Kind::Feed, name: name.to_owned(), known });
        }
        let mut queue = lock(&self.shared.queue);
        if queue.feeds.contains_key(&Name::new(name)) {
            return Err(RuntimeError::Taken { kind: Kind::Feed, name: name.to_owned() });
        }
        queue.feeds.insert(Name::new(name), Box::new(body));
        Ok(())
    }

    /// Calls `hook` with everything that the runtime notices of its parts, on the service thread. A panic in it is caught and counted.
    pub fn on_notice(mut self, hook: impl FnMut(&Notice) + Send + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Takes SIGINT and SIGTERM over now, where the configuration says so: for what is done between here and the start, and as long after the
    /// shutdown as the value lives. Without this the start takes them over. `None`: not configured, or taken by this runtime already.
    ///
    /// # Errors
    /// [`super::StartError::Signals`].
    #[cfg(feature = "signals")]
    pub fn take_signals(&self) -> Result<Option<super::signals::Signals>, super::start::StartError> {
        if !self.shared.config.runtime.signals {
            return Ok(None);
        }
        super::signals::Signals::take_over(&self.shared.stop).map_err(super::start::StartError::Signals)
    }

    /// Asks the runtime to stop, from any thread.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(Arc::clone(&self.shared.stop))
    }

    /// Starts everything: signals are taken over, then threads exist, slots initialise all at once, feeds begin.
    ///
    /// # Errors
    /// [`StartFailure`] with all that failed. Nothing runs then, but for what did not return in time, which is named.
    pub fn start(self) -> Result<Running, StartFailure> {
        start(self)
    }
}
