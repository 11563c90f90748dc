//! The one service thread of a runtime: it looks after slots, buses, dead letters and cores at intervals, and tells what it notices, as
//! events on the bus `system` and to the hook. However many buses there are, it is one thread.

use super::config::{SlotOverflowChoice, StuckChoice};
use super::cut_off::{CutOff, CutOffBounds};
use super::groups::Groups;
use super::hosted_bus::AnyBus;
use super::hosted_slot::HostedSlot;
use super::machine::{Activity, ThreadClock, ThreadSpan, ThreadTimes};
use super::mode_watch::ModeWatch;
use super::notice::Notice;
use super::shared::{SYSTEM_BUS, Shared, lock};
use super::stage::Stage;
use super::system::{self, Cause};
use super::tail::TailWatch;
use super::watchdog::{Bounds, Change, Health, Standing, Watchdog};
use crate::bus::{Name, Phase, Publisher, SlotState, SlotView};
use crate::event::Payload;
use crate::ring::ReaderId;
use crate::sync::{Moment, Spawned, Waker, abort, is_simulated, park, spawn};
use core::time::Duration;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What is called with every notice.
pub(super) type Hook = Box<dyn FnMut(&Notice) + Send>;

/// Old dead letters are looked for so often within their age, and once in this time at least.
const PURGES: u32 = 8;
const PURGE_EVERY_MAX: Duration = Duration::from_secs(1);
/// Time over which a thread's waits for its core are added up.
const CONTENTION_WINDOW: Duration = Duration::from_secs(1);

/// What the service thread shares with the rest of its runtime. Its counts have one writer.
#[derive(Default)]
pub(super) struct ServiceShared {
    pub(super) checks: AtomicU64,
    pub(super) notices: AtomicU64,
    pub(super) hook_panics: AtomicU64,
    /// System events that found no room.
    pub(super) lost: AtomicU64,
    thread: OnceLock<Waker>,
    end: AtomicBool,
}

impl ServiceShared {
    /// Makes it look around now.
    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.wake();
        }
    }
}

/// The service thread, from outside.
pub(super) struct Service {
    shared: Arc<ServiceShared>,
    thread: Option<Spawned>,
}

impl Service {
    pub(super) fn start(shared: &Arc<Shared>, hook: Option<Hook>) -> std::io::Result<Self> {
        let publisher = shared.find::<system::events::Events>(SYSTEM_BUS).and_then(|bus| bus.publisher("service")).ok();
        let service = Arc::clone(&shared.service);
        let mut worker = Worker {
            shared: Arc::clone(shared),
            hook,
            publisher,
            watched: HashMap::new(),
            buses: Vec::new(),
            stage: Stage::Building,
            paces: HashMap::new(),
            purged: HashMap::new(),
            round: 0,
            threads: HashMap::new(),
            threads_seen: Moment::now(),
            tail: TailWatch::default(),
            modes: ModeWatch::default(),
        };
        let name = Name::new(&format!("{} service", shared.name));
        let thread = spawn(name.as_str(), move || worker.begin())?;
        let _ = service.thread.set(thread.waker());
        Ok(Self { shared: service, thread: Some(thread) })
    }

    /// Asks it to tell what is left and end.
    pub(super) fn ask_to_end(&self) {
        self.shared.end.store(true, Ordering::Relaxed);
        self.shared.wake();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(Spawned::is_finished)
    }

    /// Joins it, if it has ended.
    pub(super) fn join(&mut self) -> bool {
        if self.has_ended()
            && let Some(thread) = self.thread.take()
        {
            return thread.join();
        }
        self.thread.is_none()
    }
}

/// The thread's own side.
struct Worker {
    shared: Arc<Shared>,
    hook: Option<Hook>,
    publisher: Option<Publisher<system::events::Events>>,
    watched: HashMap<ReaderId, Watched>,
    /// Buses as of the last look.
    buses: Vec<Name>,
    stage: Stage,
    /// Where slot threads are, by kernel id.
    paces: HashMap<u32, Pace>,
    /// When the dead letters of each bus were last looked through.
    purged: HashMap<Name, Moment>,
    round: u64,
    /// Times of slot threads as of the last window, by kernel id.
    threads: HashMap<u32, ThreadTimes>,
    threads_seen: Moment,
    tail: TailWatch,
    modes: ModeWatch,
}

/// A slot thread as of the last look.
struct Pace {
    /// The serial of the slot it is at, its turns, and that slot's event.
    mark: (u64, u64, Option<u64>),
    /// For how many nanoseconds of looks that has been so.
    still_ns: u64,
}

/// A slot as of the last look.
struct Watched {
    watchdog: Watchdog,
    state: SlotState,
    panics: u64,
    cut_off: CutOff,
    /// Its thread's times when it was last seen to make progress.
    times: Option<ThreadTimes>,
    round: u64,
}

impl Worker {
    fn begin(&mut self) {
        if let Err(error) = self.shared.plan.keep_within_cores() {
            // It works from any core, and must: the others are not watched without it.
            lock(&self.shared.machine).push(format!("thread {} service: {error}", self.shared.name));
        }
        self.run();
    }

    fn run(&mut self) {
        let every = Duration::from_millis(self.shared.config.runtime.check_every_ms);
        loop {
            // Looked at before the last round, so that nothing that came before it stays untold.
            let ends = self.shared.service.end.load(Ordering::Relaxed);
            self.look();
            if ends {
                return;
            }
            park(every);
        }
    }

    fn look(&mut self) {
        crate::fault!(crate::faults::points::LOOK, self.shared.name.as_str(); Drop => return);
        self.round += 1;
        let buses = self.shared.registry.all();
        self.tell_stage();
        self.tell_buses(&buses);
        self.look_at_threads(&buses);
        for bus in buses.iter() {
            self.purge(bus.as_ref());
            let slots = bus.slots();
            for slot in slots.iter() {
                if let Some(view) = slot.view.get() {
                    self.look_at(bus.as_ref(), &slots, slot, view);
                }
            }
            // Behind its slots: one that was just quarantined hands its keys on at once.
            bus.look_after_groups();
        }
        self.tell_modes(&buses);
        self.tail.look(&self.shared, &buses);
        let round = self.round;
        self.watched.retain(|_, watched| watched.round == round);
        self.purged.retain(|name, _| buses.iter().any(|bus| bus.name() == *name));
        if self.threads_seen.elapsed() >= CONTENTION_WINDOW {
            self.look_at_cores();
        }
        self.shared.service.checks.store(self.round, Ordering::Relaxed);
    }

    /// Looks for dead letters that are too old, where that is due.
    fn purge(&mut self, bus: &dyn AnyBus) {
        let Some(age) = bus.dead_letter_age_max() else { return };
        let since = self.purged.entry(bus.name()).or_insert_with(Moment::now);
        if since.elapsed() >= (age / PURGES).min(PURGE_EVERY_MAX) {
            *since = Moment::now();
            bus.purge(age);
        }
    }

    fn tell_modes(&mut self, buses: &[Arc<dyn AnyBus>]) {
        for (bus, change) in self.modes.look(buses, &self.shared.clock) {
            self.publish(&system::events::ModeChanged {
                bus: bus.to_bytes(),
                value: change.value,
                limit: change.limit,
                from: change.from as u8,
                to: change.to as u8,
                cause: change.cause as u8,
                pad: [0; 5],
            });
            self.tell(&Notice::ModeChanged { bus, change });
        }
    }

    fn tell_stage(&mut self) {
        let stage = self.shared.stage();
        if std::mem::replace(&mut self.stage, stage) != stage {
            self.publish(&system::events::StageChanged { stage: stage as u64 });
            self.tell(&Notice::Stage(stage));
        }
    }

    fn tell_buses(&mut self, buses: &[Arc<dyn AnyBus>]) {
        if buses.len() == self.buses.len() && buses.iter().zip(&self.buses).all(|(bus, name)| bus.name() == *name) {
            return;
        }
        let now: Vec<Name> = buses.iter().map(|bus| bus.name()).collect();
        let before = std::mem::replace(&mut self.buses, now.clone());
        let mut change = |bus: Name, what| {
            let buses = now.len() as u32;
            self.publish(&system::events::BusChanged { bus: bus.to_bytes(), buses, what, pad: [0; 3] });
        };
        before.iter().filter(|bus| !now.contains(bus)).for_each(|bus| change(*bus, 2));
        now.iter().filter(|bus| !before.contains(bus)).for_each(|bus| change(*bus, 1));
        for bus in before.iter().filter(|bus| !now.contains(bus)) {
            self.tell(&Notice::BusRemoved { bus: *bus });
        }
        for bus in now.iter().filter(|bus| !before.contains(bus)) {
            self.tell(&Notice::BusAdded { bus: *bus });
        }
    }

    fn look_at(&mut self, bus: &dyn AnyBus, slots: &[Arc<HostedSlot>], slot: &HostedSlot, view: &SlotView) {
        let interval_ns = self.interval_ns();
        let progress = view.progress();
        let (has_turn, is_there, still_ns) = self.turn_of(view);
        let upstream = slot.config.after.iter().filter_map(|after| position_of(slots, Name::new(after)));
        let standing = Standing {
            position: progress.position,
            at: progress.at,
            available: upstream.fold(progress.published, u64::min),
            has_turn,
            thread_still_ns: still_ns,
            in_callback: is_there
                && matches!(
                    progress.phase,
                    Phase::Starting | Phase::Restarting | Phase::Redelivering | Phase::Stopping
                ),
            runs: progress.state == SlotState::Running,
            over: view.is_done() || matches!(progress.state, SlotState::Quarantined | SlotState::Failed),
        };
        let bounds = Bounds {
            stuck_after_ns: slot.config.stuck_after_ms.saturating_mul(1_000_000),
            lag_max: slot.config.lag_max_events,
            interval_ns,
        };
        let round = self.round;
        let watched = self.watched.entry(view.id()).or_insert_with(|| Watched {
            watchdog: Watchdog::new(bounds),
            state: SlotState::Starting,
            panics: 0,
            cut_off: CutOff::default(),
            times: None,
            round,
        });
        watched.round = round;
        if slot.config.overflow == SlotOverflowChoice::CutOff && !standing.over {
            let bounds = CutOffBounds {
                lag_events: slot.config.cut_off_lag_events,
                after_ns: slot.config.cut_off_after_ms.saturating_mul(1_000_000),
            };
            // A publisher may have done so already, and the handler not have returned since.
            if watched.cut_off.look(bounds, standing.available, standing.position, interval_ns) || view.is_cut_off() {
                view.quarantine();
            }
        }
        let change = watched.watchdog.look(standing);
        slot.set_health(watched.watchdog.health(), watched.watchdog.stalled_ns());
        let times = match watched.watchdog.stalled_ns() {
            0 => {
                watched.times = None;
                None
            }
            _ if watched.times.is_none() => {
                watched.times = times_of(view.thread_id());
                None
            }
            _ => watched.times,
        };
        let (from, panics) = (watched.state, watched.panics);
        (watched.state, watched.panics) = (progress.state, view.panics());
        if (from, panics) != (watched.state, watched.panics) {
            self.tell_state(bus.name(), slot.name, from, &view.stats(), progress.position);
        }
        if let Some(change) = change {
            self.tell_health(bus, slot, view, change, times);
        }
    }

    fn tell_state(&mut self, bus: Name, slot: Name, from: SlotState, stats: &crate::bus::SlotStats, position: u64) {
        let (panics, restarts, to) = (stats.panics, stats.restarts, stats.state);
        self.publish(&system::events::SlotChanged {
            bus: bus.to_bytes(),
            slot: slot.to_bytes(),
            position,
            panics,
            restarts,
            from: from as u8,
            to: to as u8,
            pad: [0; 6],
        });
        let last_panic = stats.last_panic.clone();
        self.tell(&Notice::SlotChanged { bus, slot, from, to, panics, restarts, last_panic });
    }

    fn tell_health(
        &mut self,
        bus: &dyn AnyBus,
        slot: &HostedSlot,
        view: &SlotView,
        change: Change,
        since: Option<ThreadTimes>,
    ) {
        let handling = view.handling();
        let (sequence, tag) = handling.map_or((view.progress().at, u16::MAX), |(at, tag)| (at, tag.get()));
        let cause = match (change.to, since, times_of(view.thread_id())) {
            (Health::Stuck, Some(since), Some(now)) => cause(now.since(&since)),
            (Health::Held, ..) => Cause::Held,
            _ => Cause::Unknown,
        };
        self.publish(&system::events::SlotHealth {
            bus: bus.name().to_bytes(),
            slot: slot.name.to_bytes(),
            sequence,
            stalled_ns: change.stalled_ns,
            lag: change.lag,
            tag,
            from: change.from as u8,
            to: change.to as u8,
            cause: cause as u8,
            pad: [0; 3],
        });
        let event = handling.and_then(|(_, tag)| bus.event_name(tag));
        let notice = Notice::SlotHealth { bus: bus.name(), slot: slot.name, change, sequence, event, cause };
        self.tell(&notice);
        if !matches!(change.to, Health::Stuck | Health::Held) {
            return;
        }
        match slot.config.stuck {
            StuckChoice::Report => {}
            StuckChoice::Quarantine => drop(view.quarantine()),
            StuckChoice::Abort => abort(&format!("tagring: {notice}; the policy is abort")),
        }
    }

    fn interval_ns(&self) -> u64 {
        self.shared.config.runtime.check_every_ms * 1_000_000
    }

    /// Where each slot thread is, and for how many looks it has been there without progress of the slot it is at, be that one on a list or
    /// not: a handler may stick while it is dropped.
    fn look_at_threads(&mut self, buses: &[Arc<dyn AnyBus>]) {
        let interval_ns = self.interval_ns();
        let mut at_of = HashMap::new();
        for slot in buses.iter().flat_map(|bus| bus.slots().iter().cloned().collect::<Vec<_>>()) {
            if let Some(view) = slot.view.get() {
                at_of.insert(view.serial(), view.progress().at);
            }
        }
        let mut paces = HashMap::new();
        for thread in self.shared.groups.get().into_iter().flat_map(Groups::all) {
            let current = thread.current_serial();
            let mark = (current, thread.turns(), at_of.get(&current).copied());
            let before = self.paces.get(&thread.kernel_id()).filter(|before| before.mark == mark);
            let still_ns = before.map_or(0, |before| before.still_ns.saturating_add(interval_ns));
            paces.insert(thread.kernel_id(), Pace { mark, still_ns });
        }
        self.paces = paces;
    }

    /// Whether a slot may be where its thread is now (also when that is between slots), whether it is there indeed, and for how long the
    /// thread has been where it is.
    fn turn_of(&self, view: &SlotView) -> (bool, bool, u64) {
        let Some(Pace { mark: (current, ..), still_ns }) = self.paces.get(&view.thread_id()) else {
            return (true, false, 0);
        };
        let is_there = *current == view.serial();
        (*current == 0 || is_there, is_there, *still_ns)
    }

    /// Slot threads that were ready and did not run.
    fn look_at_cores(&mut self) {
        self.threads_seen = Moment::now();
        let shared = Arc::clone(&self.shared);
        let mut now = HashMap::new();
        for thread in shared.groups.get().into_iter().flat_map(Groups::all) {
            let Some(times) = times_of(thread.kernel_id()) else { continue };
            if let Some(before) = self.threads.get(&thread.kernel_id()) {
                let spent = times.since(before);
                if spent.shares_core() {
                    let waited_ppm = (spent.wait_ns.saturating_mul(1_000_000) / spent.elapsed_ns.max(1)) as u32;
                    let core = times.core.map_or(u32::MAX, |core| core as u32);
                    self.publish(&system::events::CoreContended { thread: thread.name().to_bytes(), core, waited_ppm });
                    self.tell(&Notice::CoreContended { thread: thread.name(), core, waited_ppm });
                }
            }
            now.insert(thread.kernel_id(), times);
        }
        self.threads = now;
    }

    fn publish<P: Payload>(&mut self, event: &P) {
        let Some(publisher) = &mut self.publisher else { return };
        if publisher.try_publish(0, event).is_err() {
            count(&self.shared.service.lost);
        }
    }

    fn tell(&mut self, notice: &Notice) {
        count(&self.shared.service.notices);
        let Some(hook) = &mut self.hook else { return };
        if catch_unwind(AssertUnwindSafe(|| hook(notice))).is_err() {
            count(&self.shared.service.hook_panics);
        }
    }
}

/// One more, by the only writer.
fn count(cell: &AtomicU64) {
    cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

fn position_of(slots: &[Arc<HostedSlot>], name: Name) -> Option<u64> {
    let view = slots.iter().find(|slot| slot.name == name)?.view.get()?;
    (!view.is_done()).then(|| view.progress().position)
}

fn times_of(thread: u32) -> Option<ThreadTimes> {
    // A simulated thread's time is not the kernel's.
    if is_simulated() { None } else { ThreadClock::of(thread).read().ok() }
}

fn cause(spent: ThreadSpan) -> Cause {
    match spent.activity() {
        Activity::Running => Cause::Running,
        Activity::Blocked => Cause::Blocked,
        Activity::Starved => Cause::Starved,
    }
}
