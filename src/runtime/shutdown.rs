//! The shutdown: an ordered state machine with one deadline. Feeds stop; buses are closed from their sources on and drained; slots stop;
//! what was noticed is told; then the account. A handler that does not return cannot hold it: it is named and left behind.

use super::feed::FeedEnd;
use super::hosted_bus::AnyBus;
use super::hosted_slot::HostedSlot;
use super::running::Running;
use super::shared::{SYSTEM_BUS, Shared};
use super::stage::Stage;
use super::stop::StopReason;
use crate::bus::{Name, Phase, SlotState, SlotThread, SlotView};
use crate::ring::ReaderId;
use crate::sync::{Moment, nap};
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// How often a stage looks whether it is over.
const LOOK: Duration = Duration::from_micros(200);
/// What slots, the service thread and threads get to stop once the deadline has passed, all together.
const GRACE: Duration = Duration::from_millis(200);

/// No shutdown is given longer, whatever is asked: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a shutdown may take in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Duration>);

impl Deadline {
    /// So long.
    #[must_use]
    pub const fn after(limit: Duration) -> Self {
        Self(Some(limit))
    }

    /// So many milliseconds.
    #[must_use]
    pub const fn after_ms(ms: u64) -> Self {
        Self(Some(Duration::from_millis(ms)))
    }

    /// As `runtime.shutdown_timeout_ms` says.
    #[must_use]
    pub const fn configured() -> Self {
        Self(None)
    }
}

/// What a shutdown came to.
#[derive(Clone, Debug)]
pub struct ShutdownReport {
    /// The runtime.
    pub runtime: Name,
    /// Why it stopped, where a signal or a [`super::StopHandle`] asked for it.
    pub reason: Option<StopReason>,
    /// What it was allowed to take.
    pub allowed: Duration,
    /// What it took.
    pub took: Duration,
    /// When each stage began, from the beginning.
    pub stages: Vec<(Stage, Duration)>,
    /// Each feed.
    pub feeds: Vec<FeedReport>,
    /// Each bus, in the order in which they were drained.
    pub buses: Vec<BusReport>,
    /// Threads that have not ended, slot threads and the service thread: a handler or a hook holds them.
    pub threads_left: Vec<Name>,
}

/// A feed's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedReport {
    /// The feed.
    pub feed: Name,
    /// How it ended.
    pub end: FeedEnd,
}

/// A bus's end.
#[derive(Clone, Debug)]
pub struct BusReport {
    /// The bus.
    pub bus: Name,
    /// Events published in all.
    pub published: u64,
    /// Its slots.
    pub slots: Vec<SlotReport>,
    /// Dead letters that nobody drained.
    pub dead_letters: u64,
}

/// A slot's end.
#[derive(Clone, Debug)]
pub struct SlotReport {
    /// The slot.
    pub slot: Name,
    /// Its state.
    pub state: SlotState,
    /// Whether it was over before the shutdown began; what it left is then not the shutdown's.
    pub was_over: bool,
    /// Events handled, all told.
    pub delivered: u64,
    /// Events refused or lost to a panic, all told.
    pub dead: u64,
    /// Events that it had not been given when it was stopped.
    pub left: u64,
    /// What its handler has not returned from: the sequence it is at, the event's name or the callback's, and how long the watchdog saw no
    /// progress. `None` also where another slot holds its thread.
    pub holds: Option<(u64, Option<&'static str>, Duration)>,
    /// What its last panic said.
    pub last_panic: Option<String>,
}

impl SlotReport {
    /// Whether it ended as it should.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.holds.is_none()
            && (self.was_over || self.left == 0)
            && !matches!(self.state, SlotState::Quarantined | SlotState::Failed)
    }
}

impl ShutdownReport {
    /// Whether everything was drained and has ended as it should: feeds returned without an error, no slot failed or was quarantined, no
    /// thread is left.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.threads_left.is_empty()
            && self.feeds.iter().all(|feed| feed.end == FeedEnd::Done)
            && self.buses.iter().flat_map(|bus| &bus.slots).all(SlotReport::is_clean)
    }

    /// One bus's part of it.
    #[must_use]
    pub fn bus(&self, name: &str) -> Option<&BusReport> {
        self.buses.iter().find(|bus| bus.bus.as_str() == name)
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "runtime {} stopped in {:.1?} of {:.1?}", self.runtime, self.took, self.allowed)?;
        if let Some(reason) = self.reason {
            write!(f, " ({reason})")?;
        }
        for FeedReport { feed, end } in &self.feeds {
            write!(f, "\nfeed {feed}: {end}")?;
        }
        for bus in &self.buses {
            write!(f, "\nbus {}: {} events published", bus.bus, bus.published)?;
            if bus.dead_letters > 0 {
                write!(f, ", {} dead letters left", bus.dead_letters)?;
            }
            for slot in &bus.slots {
                write!(f, "\n  slot {slot}")?;
            }
        }
        for thread in &self.threads_left {
            write!(f, "\nthread {thread} has not ended: what runs on it has not returned")?;
        }
        Ok(())
    }
}

impl fmt::Display for SlotReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {} handled", self.slot, self.state, self.delivered)?;
        if self.dead > 0 {
            write!(f, ", {} dead", self.dead)?;
        }
        match self.left {
            0 => f.write_str(", drained")?,
            left if self.was_over => write!(f, ", {left} came after it was over")?,
            left => write!(f, ", {left} not drained")?,
        }
        if let Some((sequence, event, stalled)) = &self.holds {
            let event = event.unwrap_or("an event");
            write!(f, "; its handler has not returned from {event} at sequence {sequence}")?;
            if !stalled.is_zero() {
                write!(f, ", no progress for {stalled:.1?}")?;
            }
        }
        match &self.last_panic {
            Some(message) => write!(f, "; last panic: {message}"),
            None => Ok(()),
        }
    }
}

/// The state machine at work.
struct Shutdown<'a> {
    running: &'a mut Running,
    shared: Arc<Shared>,
    since: Moment,
    allowed: Duration,
    stages: Vec<(Stage, Duration)>,
    /// Slots that were over when it began.
    over: Vec<ReaderId>,
}

/// Ends a runtime.
pub(super) fn shut_down(running: &mut Running, deadline: Deadline) -> ShutdownReport {
    let shared = Arc::clone(&running.shared);
    let configured = Duration::from_millis(shared.config.runtime.shutdown_timeout_ms);
    let allowed = deadline.0.unwrap_or(configured).min(LONGEST);
    let over = views(&shared).into_iter().filter(|(_, view)| is_over(view)).map(|(_, view)| view.id()).collect();
    let mut shutdown = Shutdown { running, shared, since: Moment::now(), allowed, stages: Vec::new(), over };
    shutdown.stop_feeds();
    let order = shutdown.drain();
    shutdown.stop_slots();
    shutdown.flush();
    let threads_left = shutdown.end_threads();
    shutdown.begin(Stage::Stopped);
    shutdown.report(order, threads_left)
}

/// Every slot that was ever started, with its bus.
fn views(shared: &Shared) -> Vec<(Name, SlotView)> {
    let buses = shared.registry.all();
    let of = |bus: &Arc<dyn AnyBus>| {
        let name = bus.name();
        bus.slots().iter().filter_map(|slot| Some((name, slot.view.get()?.clone()))).collect::<Vec<_>>()
    };
    buses.iter().flat_map(of).collect()
}

/// Whether it reads nothing any more, be it that its handler has not returned yet.
fn is_over(view: &SlotView) -> bool {
    view.is_done() || view.state().is_final()
}

impl Shutdown<'_> {
    fn begin(&mut self, stage: Stage) {
        self.stages.push((stage, self.since.elapsed()));
        self.shared.set_stage(stage);
    }

    /// Waits until something holds, or `limit` has passed since the beginning.
    fn until(&self, limit: Duration, holds: impl Fn() -> bool) -> bool {
        while !holds() {
            if self.since.elapsed() >= limit {
                return false;
            }
            nap(LOOK);
        }
        true
    }

    /// Feeds get half the time: after that the buses are closed under them, which also ends those that wait for room.
    fn stop_feeds(&mut self) {
        self.begin(Stage::StoppingFeeds);
        self.shared.stop.stop_feeds();
        let feeds = &self.running.feeds;
        self.until(self.allowed / 2, || feeds.iter().all(super::feed::FeedThread::has_ended));
    }

    /// Closes buses, the sources first, and waits until the slots of each have read it to its end. What they publish on the way still finds the
    /// next bus open.
    fn drain(&mut self) -> Vec<Arc<dyn AnyBus>> {
        self.begin(Stage::Draining);
        let order = drain_order(&self.shared.registry.all());
        for bus in order.iter().filter(|bus| bus.name().as_str() != SYSTEM_BUS) {
            bus.close();
            self.until(self.allowed, || bus.slots().iter().filter_map(|slot| slot.view.get()).all(is_over));
        }
        let feeds = &self.running.feeds;
        self.until(self.allowed, || feeds.iter().all(super::feed::FeedThread::has_ended));
        order
    }

    /// Slots that have not read their bus to its end stop where they are.
    fn stop_slots(&mut self) {
        self.begin(Stage::StoppingSlots);
        let system = Name::new(SYSTEM_BUS);
        let slots: Vec<SlotView> =
            views(&self.shared).into_iter().filter(|(bus, _)| *bus != system).map(|(_, view)| view).collect();
        slots.iter().filter(|slot| !is_over(slot)).for_each(SlotView::ask_to_stop);
        self.until(self.allowed + GRACE / 2, || slots.iter().all(is_over));
    }

    /// The service thread tells what it has noticed, and ends; the slots of its bus read that to its end.
    fn flush(&mut self) {
        self.begin(Stage::Flushing);
        let Some(service) = &self.running.service else { return };
        service.ask_to_end();
        let limit = self.allowed + GRACE * 3 / 4;
        self.until(limit, || service.has_ended());
        if let Some(system) = self.shared.registry.get(Name::new(SYSTEM_BUS)) {
            system.close();
            self.until(limit, || system.slots().iter().filter_map(|slot| slot.view.get()).all(is_over));
        }
    }

    /// All threads end. What does not is named, and left behind.
    fn end_threads(&mut self) -> Vec<Name> {
        let shared = Arc::clone(&self.shared);
        let threads: Vec<&SlotThread> = shared.groups.get().into_iter().flat_map(super::groups::Groups::all).collect();
        threads.iter().for_each(|thread| thread.ask_to_stop());
        self.until(self.allowed + GRACE, || threads.iter().all(|thread| !thread.is_running()));
        let left = threads.iter().filter(|thread| thread.is_running()).inspect(|thread| thread.abandon());
        let mut left: Vec<Name> = left.map(|thread| thread.name()).collect();
        if let Some(service) = &mut self.running.service
            && !service.join()
        {
            left.push(Name::new(&format!("{} service", shared.name)));
        }
        left
    }

    fn report(self, order: Vec<Arc<dyn AnyBus>>, threads_left: Vec<Name>) -> ShutdownReport {
        let buses = order.iter().map(|bus| self.bus_report(bus.as_ref())).collect();
        let feeds = self.running.feeds.iter_mut();
        ShutdownReport {
            runtime: self.shared.name,
            reason: self.shared.stop.why(),
            allowed: self.allowed,
            took: self.since.elapsed(),
            stages: self.stages,
            feeds: feeds.map(|feed| FeedReport { feed: feed.name, end: feed.end() }).collect(),
            buses,
            threads_left,
        }
    }

    fn bus_report(&self, bus: &dyn AnyBus) -> BusReport {
        let report = |slot: &Arc<super::hosted_slot::HostedSlot>| {
            let view = slot.view.get()?;
            let stats = view.stats();
            let holds = holds(bus, slot, view);
            Some(SlotReport {
                slot: slot.name,
                state: stats.state,
                was_over: self.over.contains(&view.id()),
                delivered: stats.delivered,
                dead: stats.dead,
                left: bus.published().saturating_sub(stats.position),
                holds,
                last_panic: stats.last_panic,
            })
        };
        BusReport {
            bus: bus.name(),
            published: bus.published(),
            slots: bus.slots().iter().filter_map(report).collect(),
            dead_letters: bus.dead_letters().0,
        }
    }
}

/// What the handler of a slot that is not done is at; `None` where its thread never came to it, or is held by another slot.
fn holds(bus: &dyn AnyBus, slot: &HostedSlot, view: &SlotView) -> Option<(u64, Option<&'static str>, Duration)> {
    let progress = view.progress();
    if view.is_done() || view.thread_id() == 0 {
        return None;
    }
    let callback = match progress.phase {
        Phase::Between | Phase::Idle | Phase::Pausing | Phase::Ended => return None,
        Phase::Starting => Some("on_start"),
        Phase::Restarting => Some("on_restart"),
        Phase::Stopping => Some("its end"),
        Phase::BatchEnd => Some("on_batch_end"),
        Phase::Handling | Phase::Redelivering => None,
    };
    let (sequence, event) = match (callback, view.handling()) {
        (None, Some((at, tag))) => (at, bus.event_name(tag)),
        (callback, _) => (progress.at, callback),
    };
    Some((sequence, event, slot.stalled()))
}

/// Buses so that each comes after those whose slots publish to it, as far as they form no cycle; the system bus last.
fn drain_order(buses: &[Arc<dyn AnyBus>]) -> Vec<Arc<dyn AnyBus>> {
    let mut left: Vec<Arc<dyn AnyBus>> = buses.to_vec();
    let mut order = Vec::with_capacity(left.len());
    left.sort_by_key(|bus| (bus.name().as_str() == SYSTEM_BUS, bus.name()));
    while !left.is_empty() {
        let waits = |bus: &Arc<dyn AnyBus>| {
            bus.sources().iter().any(|source| *source != bus.name() && left.iter().any(|other| other.name() == *source))
        };
        // In a cycle the first by name goes first.
        let at = left.iter().position(|bus| !waits(bus)).unwrap_or(0);
        order.push(left.remove(at));
    }
    order
}
