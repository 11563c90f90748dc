//! The start: what is missing is said first; then signals, threads, slots (initialised all at once, each with its time-out), feeds.

use super::config::StartPolicy;
use super::error::{Kind, RuntimeError};
use super::feed::{FeedPlace, FeedThread};
use super::groups::Groups;
use super::hosted_slot::HostedSlot;
use super::queued::{Attach, Queued, Wait};
use super::running::Running;
use super::runtime_value::Runtime;
use super::service::Service;
use super::shared::{Shared, lock};
use super::shutdown::{Deadline, ShutdownReport};
use super::stage::Stage;
use crate::bus::{AttachError, Name, SlotThread, ThreadError};
use crate::ring::ReaderId;
use crate::sync::{Moment, receive, spawn};
use core::fmt;
use core::time::Duration;
use crossbeam_channel::{RecvTimeoutError, unbounded};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Slots that initialise at a time at most: each takes a thread meanwhile.
const AT_ONCE: usize = 256;
/// How long a start that failed gives what it has started to end.
const UNDO: Duration = Duration::from_secs(1);

/// Something that did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A configured bus, slot or feed was given nothing.
    Missing {
        /// What it is.
        kind: Kind,
        /// Its name; a slot's as `BUS.SLOT`.
        name: String,
    },
    /// A slot did not initialise in time. Its handler is lost; the thread that runs `on_init` ends when that returns.
    InitTimedOut {
        /// The bus.
        bus: Name,
        /// The slot.
        slot: Name,
        /// How long was waited.
        waited: Duration,
    },
    /// A slot is to run after one that did not start.
    AfterMissing {
        /// The bus.
        bus: Name,
        /// The slot.
        slot: Name,
        /// The one before it.
        after: String,
    },
    /// A slot did not start.
    Slot {
        /// The bus.
        bus: Name,
        /// Why.
        cause: RuntimeError,
    },
    /// A thread did not start.
    Thread(ThreadError),
    /// Signals cannot be taken over.
    Signals(String),
    /// The machine does not grant what the configuration requires, or the preflight found what it may not.
    Machine(String),
}

impl StartError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "TR-0821",
            Self::InitTimedOut { .. } => "TR-0822",
            Self::AfterMissing { .. } => "TR-0823",
            Self::Slot { cause, .. } => cause.code(),
            Self::Thread(cause) => cause.code(),
            Self::Signals(_) => "TR-0824",
            Self::Machine(_) => "TR-0825",
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { kind: Kind::Bus, name } => {
                write!(
                    f,
                    "bus {name} is configured and was not built; ask for it with `Runtime::bus`, or take it out"
                )?;
            }
            Self::Missing { kind, name } => {
                write!(
                    f,
                    "{kind} {name} is configured and was given no code; attach a handler or a body, or take it out"
                )?;
            }
            Self::InitTimedOut { bus, slot, waited } => write!(
                f,
                "slot {slot} of bus {bus}: on_init still runs after {waited:?}; shorten it, or raise `start_timeout_ms`"
            )?,
            Self::AfterMissing { bus, slot, after } => {
                write!(f, "slot {slot} of bus {bus} runs after {after}, which did not start; see why that did not")?;
            }
            Self::Slot { bus, cause } => return write!(f, "bus {bus}: {cause}"),
            Self::Thread(cause) => return cause.fmt(f),
            Self::Signals(cause) => {
                write!(f, "SIGINT and SIGTERM cannot be taken over: {cause}; set `runtime.signals` to false")?;
            }
            Self::Machine(cause) => write!(f, "{cause}; or set the key to `try`")?,
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for StartError {}

/// Why a runtime did not start: everything that failed.
#[derive(Debug)]
pub struct StartFailure {
    /// What failed, in the order in which it was found.
    pub errors: Vec<StartError>,
    /// What became of that which had been started.
    pub undone: Option<Box<ShutdownReport>>,
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if at == 0 { "" } else { "\n" })?;
        }
        match &self.undone {
            Some(report) if !report.is_clean() => write!(f, "\n{report}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for StartFailure {}

/// What a start came to.
#[derive(Debug, Default)]
pub struct StartReport {
    /// What did not start, where `runtime.start` is `any`.
    pub errors: Vec<StartError>,
    /// What was asked of the operating system, and whether it was granted; what the preflight found.
    pub machine: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

pub(super) fn start(runtime: Runtime) -> Result<Running, StartFailure> {
    let since = Moment::now();
    let missing = missing(&runtime.shared);
    if !missing.is_empty() {
        return Err(StartFailure { errors: missing, undone: None });
    }
    let Runtime { shared, hook } = runtime;
    let mut running = Running::new(Arc::clone(&shared));
    if let Err(errors) = start_threads(&mut running, hook) {
        return Err(undo(running, errors));
    }
    let errors = start_slots(&shared);
    if !errors.is_empty() && shared.config.runtime.start == StartPolicy::All {
        return Err(undo(running, errors));
    }
    running.start.errors = errors;
    if let Err(error) = start_feeds(&mut running) {
        return Err(undo(running, vec![error]));
    }
    shared.set_stage(Stage::Running);
    running.start.machine = std::mem::take(&mut lock(&shared.machine));
    running.start.took = since.elapsed();
    Ok(running)
}

/// Ends what was started.
fn undo(running: Running, errors: Vec<StartError>) -> StartFailure {
    let report = running.shutdown(Deadline::after(UNDO));
    StartFailure { errors, undone: Some(Box::new(report)) }
}

/// What the configuration names and nobody gave.
fn missing(shared: &Shared) -> Vec<StartError> {
    let mut errors = Vec::new();
    let mut miss = |kind, name: String| errors.push(StartError::Missing { kind, name });
    for (name, config) in &shared.config.buses {
        let Some(bus) = shared.registry.get(Name::new(name)) else {
            miss(Kind::Bus, name.clone());
            continue;
        };
        let given = bus.slots();
        for slot in config.slots.keys().filter(|slot| !given.iter().any(|known| known.name == Name::new(slot))) {
            miss(Kind::Slot, format!("{name}.{slot}"));
        }
    }
    let queue = lock(&shared.queue);
    for feed in shared.config.feeds.keys().filter(|feed| !queue.feeds.contains_key(&Name::new(feed))) {
        miss(Kind::Feed, feed.clone());
    }
    errors
}

fn start_threads(running: &mut Running, hook: Option<super::service::Hook>) -> Result<(), Vec<StartError>> {
    let shared = Arc::clone(&running.shared);
    #[cfg(feature = "signals")]
    if shared.config.runtime.signals {
        let signals = super::signals::Signals::take_over(&shared.stop);
        running.signals = signals.map_err(|cause| vec![StartError::Signals(cause)])?;
    }
    shared.set_stage(Stage::Starting);
    shared.plan.prepare_process(&shared).map_err(|all| machine(&all))?;
    let mut groups = Groups::default();
    let mut errors = Vec::new();
    for place in shared.plan.slot_threads() {
        let thread = SlotThread::builder(&place.thread).core(place.core).on_start(place.prepare(&shared.machine));
        match thread.start() {
            Ok(thread) => groups.add(&place.group, thread),
            Err(error) => errors.push(StartError::Thread(error)),
        }
    }
    // Also on failure, for the shutdown to find those that run.
    let _ = shared.groups.set(groups);
    match Service::start(&shared, hook) {
        Ok(service) => running.service = Some(service),
        Err(cause) => errors.push(StartError::Thread(ThreadError::Spawn { thread: shared.name, cause })),
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn machine(all: &[String]) -> Vec<StartError> {
    all.iter().cloned().map(StartError::Machine).collect()
}

/// Initialises all slots at once, then attaches those that are ready in an order in which each finds those that it runs after, then waits
/// for all of them.
fn start_slots(shared: &Arc<Shared>) -> Vec<StartError> {
    let queued = std::mem::take(&mut lock(&shared.queue).slots);
    let slots: Vec<_> = queued.iter().map(|queued| (queued.bus, Arc::clone(&queued.slot))).collect();
    let mut errors = Vec::new();
    let mut ready = Vec::new();
    let mut queued = queued.into_iter();
    loop {
        let wave: Vec<Queued> = queued.by_ref().take(AT_ONCE).collect();
        if wave.is_empty() {
            break;
        }
        initialise(shared, wave, &mut ready, &mut errors);
    }
    attach(shared, ready, &mut errors);
    // What was never attached is not there.
    for (bus, slot) in slots.iter().filter(|(_, slot)| slot.view.get().is_none()) {
        if let Some(bus) = shared.registry.get(*bus) {
            bus.forget(slot);
        }
    }
    errors
}

struct Ready {
    bus: Name,
    slot: Arc<HostedSlot>,
    attach: Attach,
}

/// Runs `on_init` of each on a thread of its own.
fn initialise(shared: &Arc<Shared>, wave: Vec<Queued>, ready: &mut Vec<Ready>, errors: &mut Vec<StartError>) {
    let (done, results) = unbounded();
    let since = Moment::now();
    let mut open: BTreeMap<usize, (Name, Arc<HostedSlot>)> = BTreeMap::new();
    for (at, Queued { bus, slot, init }) in wave.into_iter().enumerate() {
        let (done, shared) = (done.clone(), Arc::clone(shared));
        let name = slot.name;
        let spawned = spawn(&format!("init {name}"), move || {
            // Where it cannot be kept there, neither can the slot's thread, which says so.
            let _ = shared.plan.keep_within_cores();
            let _ = done.send((at, init()));
        });
        match spawned {
            Ok(_) => drop(open.insert(at, (bus, slot))),
            Err(cause) => errors.push(StartError::Thread(ThreadError::Spawn { thread: name, cause })),
        }
    }
    while !open.is_empty() {
        let next = open.values().map(|(_, slot)| slot.config.start_timeout()).min().unwrap_or_default();
        match receive(&results, next.saturating_sub(since.elapsed())) {
            Ok((at, result)) => {
                let Some((bus, slot)) = open.remove(&at) else { continue };
                match result {
                    Ok(attach) => ready.push(Ready { bus, slot, attach }),
                    Err(cause) => errors.push(StartError::Slot { bus, cause: cause.into() }),
                }
            }
            Err(RecvTimeoutError::Timeout) => open.retain(|_, (bus, slot)| {
                let waited = slot.config.start_timeout();
                let late = since.elapsed() >= waited;
                if late {
                    errors.push(StartError::InitTimedOut { bus: *bus, slot: slot.name, waited });
                }
                !late
            }),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// Attaches in the order in which slots run after each other, and waits for all.
fn attach(shared: &Arc<Shared>, mut ready: Vec<Ready>, errors: &mut Vec<StartError>) {
    let mut ids: BTreeMap<(Name, Name), ReaderId> = BTreeMap::new();
    let mut pending: Vec<(Name, Arc<HostedSlot>, Moment, Wait)> = Vec::new();
    // The order of names, so that slots are dealt to threads in the same way each time.
    ready.sort_by_key(|one| (one.bus, one.slot.name));
    while let Some(at) = ready
        .iter()
        .position(|one| one.slot.config.after.iter().all(|after| ids.contains_key(&(one.bus, Name::new(after)))))
    {
        let Ready { bus, slot, attach } = ready.remove(at);
        let after: Vec<_> = slot.config.after.iter().map(|after| ids[&(bus, Name::new(after))]).collect();
        let attached = shared
            .groups
            .get()
            .ok_or_else(|| RuntimeError::NotStarted { kind: Kind::Thread, name: slot.config.thread.clone() })
            .and_then(|groups| groups.deal(&slot.config.thread))
            .and_then(|thread| attach(thread, &after));
        match attached {
            Ok((id, wait)) => {
                ids.insert((bus, slot.name), id);
                pending.push((bus, slot, Moment::now(), wait));
            }
            Err(cause) => errors.push(StartError::Slot { bus, cause }),
        }
    }
    for Ready { bus, slot, .. } in ready {
        let after = slot.config.after.iter().find(|after| !ids.contains_key(&(bus, Name::new(after))));
        let after = after.cloned().unwrap_or_default();
        errors.push(StartError::AfterMissing { bus, slot: slot.name, after });
    }
    for (bus, slot, since, wait) in pending {
        let left = slot.config.start_timeout().saturating_sub(since.elapsed());
        if let Err(cause) = wait(left) {
            errors.push(StartError::Slot { bus, cause: RuntimeError::Attach(in_full(cause, &slot)) });
        }
    }
}

/// A time-out as it was configured, not as it was left after others were waited for.
fn in_full(cause: AttachError, slot: &HostedSlot) -> AttachError {
    match cause {
        AttachError::StartTimedOut { slot: name, .. } => {
            AttachError::StartTimedOut { slot: name, waited: slot.config.start_timeout() }
        }
        AttachError::NotTakenUp { slot: name, thread, holder, .. } => {
            AttachError::NotTakenUp { slot: name, thread, holder, waited: slot.config.start_timeout() }
        }
        other => other,
    }
}

fn start_feeds(running: &mut Running) -> Result<(), StartError> {
    let shared = Arc::clone(&running.shared);
    let feeds = std::mem::take(&mut lock(&shared.queue).feeds);
    for (name, body) in feeds {
        let place = shared.plan.feed(name.as_str());
        let first = place.prepare_pinned(&shared.machine);
        let place = FeedPlace { core: place.core, shares_core: place.shares_core };
        let feed = FeedThread::start(name, &place, &shared.clock, &shared.stop, first, body);
        running.feeds.push(feed.map_err(StartError::Thread)?);
    }
    Ok(())
}
